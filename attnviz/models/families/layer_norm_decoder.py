"""Decoders of GPT-2's build with other names, heads or positions: BLOOM, Falcon, MPT, GPT-Neo, GPTBigCode.

Layer norms before both sublayers, a feed-forward layer without a gate. A family says how its tensors are called, how
queries, keys and values are cut, and where its positions come from.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, LayerOutput, StackSetup
from attnviz.models.families.config import equal_heads
from attnviz.models.families.layers import Linear, attention, heads_of, layer_norm, linear

# Queries [heads, n, d_h], keys and values [kv_heads, n, d_h].
Projected = tuple[Float32, Float32, Float32]


class DecoderNames(NamedTuple):
    """The names of a layer's tensors, after that of the layer itself; last_norm stands alone."""

    layer: str = "h.{n}"
    attention_norm: str = "ln_1"
    attention: str = "attn"
    output: str = "c_proj"
    feed_norm: str = "ln_2"
    widen: str = "mlp.c_fc"
    narrow: str = "mlp.c_proj"
    last_norm: str = "ln_f"


class LayerNormDecoder(CausalStack):
    """The base of these families.

    names: of the tensors. positions_table: of the learned positions, "" where there are none. default_activation: where
    the config is silent.
    """

    prefixes = ("", "transformer.")
    embedding = "wte.weight"
    names: ClassVar[DecoderNames] = DecoderNames()
    positions_table: ClassVar[str] = ""
    default_activation: ClassVar[str] = "gelu"
    reads: ClassVar[tuple[str, ...]] = ("layer_norm_epsilon",)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.epsilon = self.config.number("layer_norm_epsilon", default=1e-5)
        self.head_dim = equal_heads(self.dim, self.heads)
        self.intermediate_size = self.read_intermediate_size()
        self.activation = activation(self.activation_name())

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return 4 * self.dim

    def activation_name(self) -> str:
        """Return the feed-forward layer's activation."""
        return self.default_activation

    def biases(self) -> tuple[bool, bool, bool, bool]:
        """Return which have a bias: the layer of Q, K and V, W_o, the feed-forward layers, the norms."""
        return True, True, True, True

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, with learned positions where the family has some: [n, dim]."""
        hidden = super().embed(ids, segments)
        if self.positions_table:
            rows = self.size(self.config, "positions")
            hidden += self.weights.rows(self.positions_table, shape=(rows, self.dim), ids=self.places)
        return hidden

    def norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim]."""
        weight = self.weights.take(f"{name}.weight", shape=(self.dim,))
        bias = self.weights.take(f"{name}.bias", shape=(self.dim,)) if self.biases()[3] else None
        return layer_norm(x, weight, bias, self.epsilon)

    @abstractmethod
    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, keys and values of inputs [n, dim]; name: of the attention sublayer."""

    def score_options(self, number: int) -> dict[str, Any]:
        """Return what layer `number` does to its scores: the options of `attention`."""
        return {"allowed": self.masks[number]}

    def attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on normed inputs [n, dim]."""
        name = f"{self.names.layer.format(n=number)}.{self.names.attention}"
        query, key, value = self.project(name, inputs)
        output = linear(self.weights, f"{name}.{self.names.output}", self.dim, self.dim, bias=self.biases()[1])
        return attention(inputs, inputs, query, key, value, output, **self.score_options(number))

    def feed(self, number: int, x: Float32) -> Float32:
        """Return narrow(activation(widen(x))) of x [n, dim]."""
        name, bias = self.names.layer.format(n=number), self.biases()[2]
        widen = linear(self.weights, f"{name}.{self.names.widen}", self.dim, self.intermediate_size, bias=bias)
        narrow = linear(self.weights, f"{name}.{self.names.narrow}", self.intermediate_size, self.dim, bias=bias)
        return narrow(self.activation(widen(x)))

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on hidden states [n, dim]."""
        name = self.names.layer.format(n=number)
        trace = self.attend(number, self.norm(f"{name}.{self.names.attention_norm}", hidden))
        attended = hidden + trace.output
        return LayerOutput(attended + self.feed(number, self.norm(f"{name}.{self.names.feed_norm}", attended)), trace)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm(self.names.last_norm, hidden)

    def by_head(self, together: Float32) -> Projected:
        """Cut [n, 3 dim] in which each head's query, key and value lie side by side."""
        query, key, value = np.split(heads_of(together, self.heads), 3, axis=-1)
        return query, key, value

    def one_after_another(self, together: Float32, kv_heads: int) -> Projected:
        """Cut [n, dim + 2 kv_heads d_h] in which all queries come first, then all keys, then all values."""
        width = kv_heads * self.head_dim
        query, key, value = np.split(together, [self.dim, self.dim + width], axis=-1)
        return heads_of(query, self.heads), heads_of(key, kv_heads), heads_of(value, kv_heads)

    def fused(self, name: str, outputs: int) -> Linear:
        """Return the layer that gives queries, keys and values in one product."""
        return linear(self.weights, name, self.dim, outputs, bias=self.biases()[0])

    def falling(self, slopes: np.ndarray[Any, Any]) -> Float32:
        """Return slope x (j - i) for keys j and queries i (Press et al. 2022, figure 3): [heads, n, length]."""
        steps = self.key_places[None, :] - self.places[:, None]
        bias: Float32 = (slopes[:, None, None] * steps).astype(np.float32)
        return bias
