"""OPT (Zhang et al. 2022): learned positions from row 2 on, the norm before each sublayer, or after it in one size."""

from __future__ import annotations

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
from attnviz.models.families.layers import attention, causal_mask, heads_of, layer_norm, linear, take_layer_norm
from attnviz.models.families.weights import Weights

_EPSILON = 1e-5
_FIRST_ROW = 2


class Opt(Stack):
    """The decoder of OPT."""

    prefixes = ("", "model.")

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        shape = self.shape(config, "opt")
        self.dim, self.heads, self.vocabulary = shape.dim, shape.heads, shape.vocabulary
        self.positions = shape.positions or 0
        self.inner = config.count("ffn_dim", default=3072)
        self.width = config.count("word_embed_proj_dim", default=self.dim)
        self.bend = activation(config.word("activation_function", default="relu"))
        self.biased = config.flag("enable_bias", True)
        self.norm_first = config.flag("do_layer_norm_before", True)
        equal_heads(self.dim, self.heads)

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
        return ModelShape(
            family=family,
            layers=config.layers("num_hidden_layers", default=12),
            heads=config.count("num_attention_heads", default=12),
            dim=config.count("hidden_size", default=768),
            positions=config.count("max_position_embeddings", default=2048),
            causal=config.flag("is_causal", True),
            vocabulary=config.count("vocab_size", default=50272),
        )

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Itself and what came before."""
        return causal_mask(self.count) if self.config.flag("is_causal", True) else None

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word vectors, projected where they are narrower, + position vectors."""
        refuse_segments(segments, "opt")
        hidden = word_vectors(self.weights, "decoder.embed_tokens.weight", ids, self.vocabulary, self.width)
        if self.width != self.dim:
            hidden = linear(self.weights, "decoder.project_in", self.width, self.dim, bias=False)(hidden)
        rows = self.positions + _FIRST_ROW
        places = np.arange(len(ids)) + _FIRST_ROW
        hidden += self.weights.rows("decoder.embed_positions.weight", shape=(rows, self.dim), ids=places)
        return hidden

    def _norm(self, name: str, x: Float32) -> Float32:
        if self.config.flag("layer_norm_elementwise_affine", True):
            return take_layer_norm(self.weights, name, self.dim, x, _EPSILON)
        return layer_norm(x, None, None, _EPSILON)

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Norm, attention, residual; norm, feed-forward, residual; or each norm after its residual."""
        name = f"decoder.layers.{number}"
        before = (lambda part, x: self._norm(f"{name}.{part}", x)) if self.norm_first else (lambda _, x: x)
        after = (lambda _, x: x) if self.norm_first else (lambda part, x: self._norm(f"{name}.{part}", x))
        trace = self._attend(number, before("self_attn_layer_norm", hidden))
        hidden = after("self_attn_layer_norm", hidden + trace.output)
        inner = linear(self.weights, f"{name}.fc1", self.dim, self.inner, bias=self.biased)(
            before("final_layer_norm", hidden)
        )
        inner = linear(self.weights, f"{name}.fc2", self.inner, self.dim, bias=self.biased)(self.bend(inner))
        inner += hidden
        return Climbed(after("final_layer_norm", inner), trace)

    def _attend(self, number: int, inputs: Float32) -> Trace:
        name = f"decoder.layers.{number}.self_attn"

        def projected(part: str) -> Float32:
            layer = linear(self.weights, f"{name}.{part}_proj", self.dim, self.dim, bias=self.biased)
            return heads_of(layer(inputs), self.heads)

        output = linear(self.weights, f"{name}.out_proj", self.dim, self.dim, bias=self.biased)
        return attention(
            inputs, inputs, projected("q"), projected("k"), projected("v"), output, allowed=self.allowed(number)
        )

    def finish(self, hidden: Float32) -> Float32:
        """The last norm, and the projection to the width of the words."""
        if self.norm_first and not self.config.flag("_remove_final_layer_norm", False):
            hidden = self._norm("decoder.final_layer_norm", hidden)
        if self.width != self.dim:
            hidden = linear(self.weights, "decoder.project_out", self.dim, self.width, bias=False)(hidden)
        return hidden

    def score(self, hidden: Float32) -> Float32:
        """Logits by lm_head, or by the embedding it is tied to."""
        own, shape = ("lm_head.weight",), (self.vocabulary, self.width)
        tied = self.config.flag("tie_word_embeddings", True)
        logits: Float32 = hidden @ head_weight(self.weights, own, "decoder.embed_tokens.weight", shape, tied=tied).T
        return logits
