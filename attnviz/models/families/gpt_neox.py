"""GPT-NeoX (Black et al. 2022), the family of Pythia: rotary on a part of each head, both sublayers side by side."""

from __future__ import annotations

from typing import Any

import numpy as np

from attnviz.core.attention_data import Trace
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
from attnviz.models.families.layers import attention, causal_mask, heads_of, linear, take_layer_norm
from attnviz.models.families.rotary import longest_text, rotary, rotate
from attnviz.models.families.weights import Weights

_ROTARY: dict[str, Any] = {"names": {"theta": "rotary_emb_base", "share": "rotary_pct"}, "share": 0.25, "longest": 2048}


class GptNeoX(Stack):
    """The decoder of GPT-NeoX."""

    prefixes = ("", "gpt_neox.")

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        shape = self.shape(config, "gpt_neox")
        self.dim, self.heads, self.vocabulary = shape.dim, shape.heads, shape.vocabulary
        self.inner = config.count("intermediate_size", default=24576)
        self.epsilon = config.number("layer_norm_eps", default=1e-5)
        self.bend = activation(config.word("hidden_act", default="gelu"))
        self.head_dim = equal_heads(self.dim, self.heads)
        self.turn = rotary(config, self.head_dim, count, **_ROTARY)

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
        return ModelShape(
            family=family,
            layers=config.layers("num_hidden_layers", default=44),
            heads=config.count("num_attention_heads", default=64),
            dim=config.count("hidden_size", default=6144),
            positions=longest_text(config, 2048, **_ROTARY),
            causal=config.flag("is_causal", True),
            vocabulary=config.count("vocab_size", default=50432),
        )

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Itself and what came before."""
        return causal_mask(self.count) if self.config.flag("is_causal", True) else None

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word vectors; positions come in with the rotation."""
        refuse_segments(segments, "gpt_neox")
        return word_vectors(self.weights, "embed_in.weight", ids, self.vocabulary, self.dim)

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Attention and feed-forward on the same input, or one after the other, each after a norm."""
        name = f"layers.{number}"
        trace = self._attend(
            number, take_layer_norm(self.weights, f"{name}.input_layernorm", self.dim, hidden, self.epsilon)
        )
        attended = hidden + trace.output
        seen = hidden if self.config.flag("use_parallel_residual", True) else attended
        inner = take_layer_norm(self.weights, f"{name}.post_attention_layernorm", self.dim, seen, self.epsilon)
        inner = self.bend(linear(self.weights, f"{name}.mlp.dense_h_to_4h", self.dim, self.inner)(inner))
        attended += linear(self.weights, f"{name}.mlp.dense_4h_to_h", self.inner, self.dim)(inner)
        return Climbed(attended, trace)

    def _attend(self, number: int, inputs: Float32) -> Trace:
        """Each head's query, key and value lie side by side in one product."""
        name, bias = f"layers.{number}.attention", self.config.flag("attention_bias", True)
        together = linear(self.weights, f"{name}.query_key_value", self.dim, 3 * self.dim, bias=bias)(inputs)
        query, key, value = np.split(heads_of(together, self.heads), 3, axis=-1)
        output = linear(self.weights, f"{name}.dense", self.dim, self.dim, bias=bias)
        query, key = rotate(query, self.turn), rotate(key, self.turn)
        return attention(inputs, inputs, query, key, value, output, allowed=self.allowed(number))

    def finish(self, hidden: Float32) -> Float32:
        """The last norm."""
        return take_layer_norm(self.weights, "final_layer_norm", self.dim, hidden, self.epsilon)

    def score(self, hidden: Float32) -> Float32:
        """Logits by embed_out, or by the embedding it is tied to."""
        own, shape = ("lm_head.weight", "embed_out.weight"), (self.vocabulary, self.dim)
        tied = self.config.flag("tie_word_embeddings", False)
        logits: Float32 = hidden @ head_weight(self.weights, own, "embed_in.weight", shape, tied=tied).T
        return logits
