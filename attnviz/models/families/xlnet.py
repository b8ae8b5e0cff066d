"""XLNet (Yang et al. 2019): BERT's layers with the attention of Transformer-XL (Dai et al. 2019, section 3.3).

To the products of contents come those with vectors of relative positions and of "the same segment or another", each
with a learned query bias of its own. What is computed is the content stream, without a permutation and without memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import (
    NEEDLESS,
    ConfigKeys,
    LayerOutput,
    ModelShape,
    Stack,
    StackSetup,
    head_weight,
    word_vectors,
)
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import Linear, attention, heads_of, linear, take_layer_norm


class XlNet(Stack):
    """XLNet's content stream: one table of token vectors, no positions in the inputs."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "transformer.")
    keys = ConfigKeys(
        layers=("n_layer", 24),
        dim=("d_model", 1024),
        heads=("n_head", 16),
        intermediate_size=("d_inner", 4096),
        vocabulary=("vocab_size", 32000),
        activation=("ff_activation", "gelu"),
    )
    has_segment_types = True
    default_segments = 3
    needless = (*NEEDLESS, r"(seg_embed|r_s_bias)$")
    reads: ClassVar[tuple[str, ...]] = (
        "attn_type",
        "clamp_len",
        "d_head",
        "d_inner",
        "d_model",
        "ff_activation",
        "hidden_act",
        "intermediate_size",
        "layer_norm_eps",
        "n_head",
        "n_layer",
        "same_length",
        "type_vocab_size",
    )
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"bi_data": (False,)}
    harmless: ClassVar[Mapping[str, str]] = {
        "end_n_top": "head",
        "mem_len": "generating",
        "n_token": "old",
        "reuse_len": "generating",
        "start_n_top": "head",
        "summary_last_dropout": "training",
        "untie_r": "tensors",
        "use_mems_eval": "generating",
        "use_mems_train": "training",
    }

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.head_dim = equal_heads(self.dim, self.heads)
        if self.config.count("d_head", default=self.head_dim) != self.head_dim:
            raise InputError("The model's config must give d_head as {width}.", width=self.head_dim)
        self.intermediate_size = self.size(self.config, "intermediate_size")
        self.epsilon = self.config.number("layer_norm_eps", default=1e-12)
        name, default = self.keys.activation
        self.activation = activation(self.config.word(name, "hidden_act", default=default))
        self.scale = float(self.head_dim**-0.5)
        self.segments: Indexes | None = None

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone; a text may have any length."""
        kind = config.word("attn_type", default="bi")
        if kind not in ("bi", "uni"):
            raise InputError("The model's config must give attn_type as bi or uni, not {value!r}.", value=kind)
        if kind == "uni" and config.flag("same_length", False):
            raise InputError(
                "The model's config gives same_length with attn_type uni, which needs a memory of the text before."
            )
        return cls.stack_shape(config, family, positions=None, causal=kind == "uni")

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors [n, dim]; the segments are kept for the layers."""
        self.segments = segments
        return word_vectors(self.weights, "word_embedding.weight", ids, self.vocabulary, self.dim)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, residual, norm; feed-forward, residual, norm."""
        name = f"layer.{number}"
        trace = self._attend(f"{name}.rel_attn", hidden)
        hidden = take_layer_norm(
            self.weights, f"{name}.rel_attn.layer_norm", self.dim, trace.output + hidden, self.epsilon
        )
        width = self.intermediate_size
        fed = self.activation(linear(self.weights, f"{name}.ff.layer_1", self.dim, width)(hidden))
        fed = linear(self.weights, f"{name}.ff.layer_2", width, self.dim)(fed) + hidden
        return LayerOutput(take_layer_norm(self.weights, f"{name}.ff.layer_norm", self.dim, fed, self.epsilon), trace)

    def _attend(self, name: str, hidden: Float32) -> Trace:
        """Run the attention sublayer on [n, dim] (Dai et al. 2019, section 3.3; Yang et al. 2019, section 2.5)."""
        query, key, value = (self._projected(f"{name}.{part}", hidden) for part in "qkv")
        places = self._projected(f"{name}.r", self.position_vectors)
        terms = {"position": self._of_positions(query + self._query_bias(f"{name}.r_r_bias"), places)}
        if self.segments is not None:
            terms["segment"] = self._of_segments(name, query + self._query_bias(f"{name}.r_s_bias"), self.segments)
        return attention(
            hidden,
            hidden,
            query + self._query_bias(f"{name}.r_w_bias"),
            key,
            value,
            Linear(self._matrix(f"{name}.o")),
            allowed=self.masks[0],
            scale=self.scale,
            terms=terms,
        )

    def _matrix(self, name: str) -> Float32:
        """Return a tensor [dim, heads, d_h] as a matrix [dim, heads * d_h]."""
        return self.weights.take(name, shape=(self.dim, self.heads, self.head_dim)).reshape(self.dim, -1)

    def _projected(self, name: str, x: Float32) -> Float32:
        """Return x [n, dim] projected, in heads: [heads, n, d_h]."""
        return heads_of(x @ self._matrix(name), self.heads)

    def _query_bias(self, name: str) -> Float32:
        """Return what is added to every query of a head, [heads, 1, d_h]."""
        return self.weights.take(name, shape=(self.heads, self.head_dim))[:, None]

    @cached_property
    def position_vectors(self) -> Float32:
        """Return the vectors of the distances from length - 1 down to -(length - 1), sines, then cosines: [.., dim]."""
        count = self.length
        steps = np.arange(count - 1, -count, -1).astype(np.float32)
        longest = self.config.get("clamp_len")
        if longest is not None and longest != -1:
            longest = self.config.count("clamp_len", default=0, least=0)
            steps = np.clip(steps, -longest, longest) if longest else steps
        powers = np.power(np.float32(10_000), np.arange(0, self.dim, 2).astype(np.float32) / np.float32(self.dim))
        angles = steps[:, None] * np.reciprocal(powers)[None]
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)[:, : self.dim]

    def _of_positions(self, query: Float32, places: Float32) -> Float32:
        """Return each query's product with the vector of its distance i - j from a key, scaled: [heads, n, length]."""
        products = query @ places.swapaxes(-1, -2)
        which = (self.length - 1) - (self.places[:, None] - self.key_places[None, :])
        chosen: Float32 = np.take_along_axis(products, np.broadcast_to(which, (self.heads, *which.shape)), axis=-1)
        chosen *= np.float32(self.scale)
        return chosen

    def _of_segments(self, name: str, query: Float32, segments: Indexes) -> Float32:
        """Return each query's product with "the same segment" or "another", scaled: [heads, n, n]."""
        vectors = self.weights.take(f"{name}.seg_embed", shape=(2, self.heads, self.head_dim))
        products = query @ vectors.transpose(1, 2, 0)
        other = (segments[:, None] != segments[None, :]).astype(np.int64)
        chosen: Float32 = np.take_along_axis(products, np.broadcast_to(other, (self.heads, *other.shape)), axis=-1)
        chosen *= np.float32(self.scale)
        return chosen

    def score(self, hidden: Float32) -> Float32:
        """Return logits [n, vocabulary] by the table of token vectors, to which the head is tied, and a bias."""
        tied = self.config.flag("tie_word_embeddings", True)
        shape = (self.vocabulary, self.dim)
        matrix = head_weight(self.weights, "lm_loss.weight", "word_embedding.weight", shape, tied=tied)
        logits: Float32 = hidden @ matrix.T
        return logits + self.weights.take("lm_loss.bias", shape=(self.vocabulary,))
