"""GPT-2 (Radford et al. 2019): learned positions, the norm before each sublayer, one matrix for Q, K and V."""

from __future__ import annotations

import numpy as np

from attnviz.models.families.activations import activation
from attnviz.models.families.base import (
    Booleans,
    Climbed,
    Float32,
    Ids,
    ModelShape,
    Stack,
    head_weight,
    refuse_segments,
    word_vectors,
)
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, causal_mask, heads_of, take_layer_norm, transposed_linear
from attnviz.models.families.weights import Weights


class Gpt2(Stack):
    """The decoder of GPT-2; its weights are kept as [inputs, outputs]."""

    prefixes = ("", "transformer.")

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        shape = self.shape(config, "gpt2")
        self.dim, self.heads, self.vocabulary, self.positions = (
            shape.dim,
            shape.heads,
            shape.vocabulary,
            shape.positions,
        )
        self.inner = config.count("n_inner", default=4 * self.dim)
        self.epsilon = config.number("layer_norm_epsilon", default=1e-5)
        self.bend = activation(config.word("activation_function", default="gelu_new"))
        self.head_dim = equal_heads(self.dim, self.heads)

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
        return ModelShape(
            family=family,
            layers=config.layers("n_layer", "num_hidden_layers", default=12),
            heads=config.count("n_head", "num_attention_heads", default=12),
            dim=config.count("n_embd", "hidden_size", default=768),
            positions=config.count("n_positions", "max_position_embeddings", default=1024),
            causal=config.flag("is_causal", True),
            vocabulary=config.count("vocab_size", default=50257),
        )

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Itself and what came before."""
        return causal_mask(self.count) if self.config.flag("is_causal", True) else None

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word + position vectors."""
        refuse_segments(segments, "gpt2")
        hidden = word_vectors(self.weights, "wte.weight", ids, self.vocabulary, self.dim)
        hidden += self.weights.rows("wpe.weight", shape=(self.positions or 0, self.dim), ids=np.arange(len(ids)))
        return hidden

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Norm, attention, residual; norm, feed-forward, residual."""
        name, dim = f"h.{number}", self.dim
        inputs = take_layer_norm(self.weights, f"{name}.ln_1", dim, hidden, self.epsilon)
        together = transposed_linear(self.weights, f"{name}.attn.c_attn", dim, 3 * dim)(inputs)
        query, key, value = (heads_of(part, self.heads) for part in np.split(together, 3, axis=-1))
        output = transposed_linear(self.weights, f"{name}.attn.c_proj", dim, dim)
        trace = attention(
            inputs, inputs, query, key, value, output, allowed=self.allowed(number), scale=self._scale(number)
        )
        hidden = hidden + trace.output
        inner = take_layer_norm(self.weights, f"{name}.ln_2", dim, hidden, self.epsilon)
        inner = self.bend(transposed_linear(self.weights, f"{name}.mlp.c_fc", dim, self.inner)(inner))
        hidden += transposed_linear(self.weights, f"{name}.mlp.c_proj", self.inner, dim)(inner)
        return Climbed(hidden, trace)

    def _scale(self, number: int) -> float:
        scale = self.head_dim**-0.5 if self.config.flag("scale_attn_weights", True) else 1.0
        return scale / (number + 1) if self.config.flag("scale_attn_by_inverse_layer_idx", False) else scale

    def finish(self, hidden: Float32) -> Float32:
        """The last norm."""
        return take_layer_norm(self.weights, "ln_f", self.dim, hidden, self.epsilon)

    def score(self, hidden: Float32) -> Float32:
        """Logits by lm_head, or by the embedding it is tied to."""
        tied = self.config.flag("tie_word_embeddings", True)
        matrix = head_weight(self.weights, "lm_head.weight", "wte.weight", (self.vocabulary, self.dim), tied=tied)
        logits: Float32 = hidden @ matrix.T
        return logits
