"""Jina Embeddings v2 (Günther et al. 2023): BERT with ALiBi in both directions and a gated feed-forward.

Its model_type is bert, and its code comes with the checkpoints; two versions of it name their tensors differently, and
the second norms queries and keys over all heads.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.positions import alibi_slopes
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import Activation, gelu, relu
from attnviz.models.families.base import LayerOutput, ModelShape
from attnviz.models.families.bert import Bert, LayerNames
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import heads_of, linear, take_layer_norm

_GATES: dict[str, Activation | None] = {"geglu": gelu, "reglu": relu, "original": None}


class JinaBert(Bert):
    """The encoder of Jina Embeddings v2."""

    may_be_causal = False
    reads: ClassVar[tuple[str, ...]] = ("feed_forward_type",)
    unread: ClassVar[tuple[str, ...]] = ("is_decoder", "max_position_embeddings")
    harmless: ClassVar[dict[str, str]] = {"emb_pooler": "head", "max_position_embeddings": "family"}
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {"is_decoder": (False,)}

    def check_positions(self) -> None:
        """Raise InputError for positions of another kind than ALiBi."""
        kind = self.config.word("position_embedding_type", default="alibi")
        if kind != "alibi":
            raise InputError("The model's positions are {kind!r}; a JinaBERT has alibi.", kind=kind)

    @cached_property
    def gate(self) -> Activation | None:
        """Return the activation of the feed-forward layers' gate; None where they have no gate."""
        kind = self.config.word("feed_forward_type", default="geglu")
        if kind not in _GATES:
            raise InputError(
                "The model's config must give feed_forward_type as original, geglu or reglu, not {value!r}.", value=kind
            )
        return _GATES[kind]

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone; a text may have any length."""
        return cls.stack_shape(config, family, positions=None, causal=False)

    def add_positions(self, hidden: Float32, ids: Indexes) -> Float32:  # noqa: ARG002
        """Return the layer norm of hidden [n, width]: positions are in the scores."""
        return self.norm_embeddings(hidden)

    def bias(self) -> Float32:
        """Return -slope |i - j| for each head (Press et al. 2022, section 3, in both directions): [heads, n, n]."""
        places = self.key_places.astype(np.float32)
        distances = np.abs(places[None, :] - places[:, None])
        bias: Float32 = -np.asarray(alibi_slopes(self.heads), dtype=np.float32)[:, None, None] * distances
        return bias

    def second_version(self, start: str) -> bool:
        """Return whether a layer, whose tensors' names begin with `start`, is of the second version of the code."""
        parts = ("mlp.down_layer", "mlp.up_gated_layer", "mlp.up_layer", "layer_norm_1", "layer_norm_2")
        return self.weights.find(*(f"{start}.{part}.weight" for part in parts)) is not None

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of hidden states [n, dim]; the second version norms the first two."""
        query, key, value = (linear(self.weights, name, self.dim, self.dim)(hidden) for name in names[:3])
        own = names.query.rpartition(".")[0]
        if self.second_version(own.removesuffix(".attention.self")):
            query = self._normed(f"{own}.layer_norm_q", query)
            key = self._normed(f"{own}.layer_norm_k", key)
        return heads_of(query, self.heads), heads_of(key, self.heads), heads_of(value, self.heads)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, residual, norm; gated feed-forward, residual, norm.

        The second version adds the residual once more after the first norm, and norms the sum.
        """
        start = self.layer_name(number)
        names = LayerNames(*(f"{start}.{part}" for part in self.names))
        trace = self.attend(number, names, hidden)
        attended = self._normed(names.attention_norm, trace.output + hidden)
        if self.second_version(start):
            attended = self._normed(f"{start}.layer_norm_1", attended + hidden)
            fed, norm = self._late_feed(f"{start}.mlp", attended), f"{start}.layer_norm_2"
        elif self.gate is None:
            fed, norm = self.feed(names, attended), names.norm
        else:
            fed, norm = self._gated_feed(f"{start}.mlp", attended, self.gate), f"{start}.mlp.layernorm"
        return LayerOutput(self._normed(norm, fed + attended), trace)

    def _normed(self, name: str, x: Float32) -> Float32:
        return take_layer_norm(self.weights, name, self.dim, x, self.epsilon)

    def _gated_feed(self, name: str, x: Float32, gate: Activation) -> Float32:
        """Return the first version's feed-forward of x [n, dim]: the first half of the product is the gate."""
        width = self.intermediate_size
        wide = linear(self.weights, f"{name}.gated_layers", self.dim, 2 * width, bias=False)(x)
        return linear(self.weights, f"{name}.wo", width, self.dim)(gate(wide[:, :width]) * wide[:, width:])

    def _late_feed(self, name: str, x: Float32) -> Float32:
        """Return the second version's feed-forward of x [n, dim]: the second half of the product is the gate."""
        width = self.intermediate_size
        if self.gate is None:
            inner = self.activation(linear(self.weights, f"{name}.up_layer", self.dim, width, bias=False)(x))
        else:
            wide = linear(self.weights, f"{name}.up_gated_layer", self.dim, 2 * width, bias=False)(x)
            inner = wide[:, :width] * self.gate(wide[:, width:])
        return linear(self.weights, f"{name}.down_layer", width, self.dim)(inner)
