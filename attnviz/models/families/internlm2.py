"""InternLM2 (Cai et al. 2024): Llama under its own names, with queries, keys and values in one matrix by key head."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.families.layers import Linear, heads_of, linear
from attnviz.models.families.llama import BlockNorms, Llama


class InternLm2(Llama):
    """InternLM2 and InternLM2.5, as their own code keeps them."""

    reads: ClassVar[tuple[str, ...]] = ("bias",)
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias")
    keys = Llama.keys._replace(vocabulary=("vocab_size", 103_168))
    embedding = "tok_embeddings.weight"
    head = "output.weight"
    norms = BlockNorms(before_attention="attention_norm", before_feed="ffn_norm")
    attention_name = "attention"

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where `bias` says so."""
        bias = self.config.flag("bias", True)
        return bias, bias, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries [heads, n, d_h], keys and values [kv_heads, n, d_h] of inputs [n, dim], not rotated yet.

        A key head and its value head stand after the queries that they serve.
        """
        width, served, bias = self.head_dim, self.heads // self.kv_heads, self.biases()[0]
        rows = linear(self.weights, f"{name}.wqkv", self.dim, (self.heads + 2 * self.kv_heads) * width, bias=bias)
        parts = rows(inputs).reshape(len(inputs), self.kv_heads, served + 2, width)
        query, key, value = np.split(parts, [served, served + 1], axis=2)
        return (
            heads_of(query.reshape(len(inputs), -1), self.heads),
            heads_of(key.reshape(len(inputs), -1), self.kv_heads),
            heads_of(value.reshape(len(inputs), -1), self.kv_heads),
        )

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        return linear(self.weights, f"{name}.wo", self.heads * self.head_dim, self.dim, bias=self.biases()[1])

    def feed(self, number: int, x: Float32) -> Float32:
        """Return w2(activation(w1(x)) * w3(x)) of x [n, dim]."""
        name, width = f"{self.layer.format(n=number)}.feed_forward", self.intermediate_size
        gate, up = (linear(self.weights, f"{name}.{part}", self.dim, width, bias=False)(x) for part in ("w1", "w3"))
        return linear(self.weights, f"{name}.w2", width, self.dim, bias=False)(self.activation(gate) * up)
