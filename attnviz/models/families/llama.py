"""Llama (Touvron et al. 2023) and its kin: Mistral, Qwen2, Qwen3, SmolLM, SmolLM3, Gemma, Phi-3.

Norms by the root mean square before each sublayer, rotary positions, gated feed-forward (Shazeer 2020), and key and
value heads that serve several query heads. Class attributes and a few short methods say what differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import Configuration, equal_heads, shared_heads
from attnviz.models.families.layers import attention, causal_mask, heads_of, linear, rms_norm
from attnviz.models.families.rotary import longest_text, rotate, rotation_for


class Llama(CausalStack):
    """The decoder of Llama 1 to 3, and of SmolLM.

    kv_heads: the default number of key and value heads, None for as many as heads. head_dim: the default width of a
    head, None for an equal share of the hidden size. rotary_defaults: see rotary.rotation_for.
    """

    prefixes = ("", "model.")
    keys = ConfigKeys(
        layers=("num_hidden_layers", 32),
        dim=("hidden_size", 4096),
        heads=("num_attention_heads", 32),
        intermediate_size=("intermediate_size", 11008),
        vocabulary=("vocab_size", 32000),
        positions=("max_position_embeddings", 2048),
        activation=("hidden_act", "silu"),
    )
    embedding = "embed_tokens.weight"
    tied = False
    default_kv_heads: ClassVar[int | None] = None
    default_head_dim: ClassVar[int | None] = None
    default_epsilon: ClassVar[float] = 1e-6
    rotary_defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        kv_heads = self.config.count("num_key_value_heads", default=self.default_kv_heads or self.heads)
        self.kv_heads = shared_heads(kv_heads, self.heads)
        self.head_dim = self._read_head_dim()
        self.intermediate_size = self.size(self.config, "intermediate_size")
        self.epsilon = self.config.number("rms_norm_eps", default=self.default_epsilon)
        self.activation = activation(self._activation_name())
        defaults = {"longest": self.keys.positions[1], **self.rotary_defaults}
        self.rotation = rotation_for(self.config, self.head_dim, self.length, **defaults)

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return longest_text(config, cls.keys.positions[1], **cls.rotary_defaults)

    def _read_head_dim(self) -> int:
        """Return the width of one head."""
        if self.default_head_dim is None and self.config.get("head_dim") is None:
            return equal_heads(self.dim, self.heads)
        return self.config.count("head_dim", default=self.default_head_dim or 1)

    def _activation_name(self) -> str:
        """Return the config's name of the feed-forward activation."""
        name, default = self.keys.activation
        return self.config.word(name, default=default)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V, W_o, and the feed-forward layers."""
        attention_bias = self.config.flag("attention_bias", False)
        return attention_bias, attention_bias, self.config.flag("mlp_bias", False)

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return for each layer how many tokens a token sees, itself among them; None for all before it."""
        return [None] * self.shape.layers

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, n]: a token sees itself and what came before, as far as its window reaches."""
        return [causal_mask(self.length, width) if self.shape.causal else None for width in self.windows]

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated."""
        return [True] * self.shape.layers

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of x [..., width] by the tensor `name`.weight [width]."""
        return rms_norm(x, self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries [heads, n, d_h], keys and values [kv_heads, n, d_h] of inputs [n, dim], not rotated yet."""
        bias, _, _ = self.biases()

        def projected(part: str, heads: int) -> Float32:
            """Return queries, keys or values, [heads, n, d_h]."""
            width = heads * self.head_dim
            return heads_of(linear(self.weights, f"{name}.{part}_proj", self.dim, width, bias=bias)(inputs), heads)

        return projected("q", self.heads), projected("k", self.kv_heads), projected("v", self.kv_heads)

    def _attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on normed inputs [n, dim]."""
        name = f"layers.{number}.self_attn"
        query, key, value = self.project(name, inputs)
        if self.rotates[number]:
            query, key = rotate(query, self.rotation), rotate(key, self.rotation)
        _, bias, _ = self.biases()
        output = linear(self.weights, f"{name}.o_proj", self.heads * self.head_dim, self.dim, bias=bias)
        return attention(
            inputs, inputs, query, key, value, output, allowed=self.masks[number], scale=self.head_dim**-0.5
        )

    def feed(self, name: str, x: Float32) -> Float32:
        """Return down(activation(gate(x)) * up(x)) of x [n, dim], the gated feed-forward (Shazeer 2020, equation 6)."""
        _, _, bias = self.biases()
        intermediate = self.activation(
            linear(self.weights, f"{name}.gate_proj", self.dim, self.intermediate_size, bias=bias)(x)
        )
        intermediate *= linear(self.weights, f"{name}.up_proj", self.dim, self.intermediate_size, bias=bias)(x)
        return linear(self.weights, f"{name}.down_proj", self.intermediate_size, self.dim, bias=bias)(intermediate)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on hidden states [n, dim]."""
        name = f"layers.{number}"
        trace = self._attend(number, self.norm(f"{name}.input_layernorm", hidden, self.dim))
        hidden = hidden + trace.output
        hidden += self.feed(f"{name}.mlp", self.norm(f"{name}.post_attention_layernorm", hidden, self.dim))
        return LayerOutput(hidden, trace)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm("norm", hidden, self.dim)


class Mistral(Llama):
    """Mistral (Jiang et al. 2023): every layer sees a window."""

    keys = Llama.keys._replace(
        intermediate_size=("intermediate_size", 14336), positions=("max_position_embeddings", 131_072)
    )
    default_kv_heads = 8

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer; 4096 where the config has no such key, None where it is null."""
        return [self.config.optional_count("sliding_window", 4096)] * self.shape.layers

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: none."""
        return False, False, False


class Qwen2(Llama):
    """Qwen2 (Yang et al. 2024): biases on Q, K and V; some layers see a window where the config says so."""

    keys = Llama.keys._replace(
        intermediate_size=("intermediate_size", 22016),
        vocabulary=("vocab_size", 151_936),
        positions=("max_position_embeddings", 32768),
    )
    default_kv_heads: ClassVar[int | None] = 32

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V."""
        return True, False, False

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window, where use_sliding_window is true.

        It counts for the layers named in layer_types, or for those from max_window_layers on.
        """
        width, layers = self.config.optional_count("sliding_window", 4096), self.shape.layers
        if width is None or not self.config.flag("use_sliding_window", False):
            return [None] * layers
        kinds = self.config.per_layer("layer_types", layers)
        if kinds is not None:
            return [width if kind == "sliding_attention" else None for kind in kinds]
        first = self.config.count("max_window_layers", default=28, least=0)
        return [width if number >= first else None for number in range(layers)]


class Qwen3(Qwen2):
    """Qwen3 (Yang et al. 2025): queries and keys are normed head by head before they are rotated."""

    default_head_dim = 128

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return normed queries [heads, n, d_h] and keys [kv_heads, n, d_h], and values [kv_heads, n, d_h]."""
        query, key, value = super().project(name, inputs)
        return (
            self.norm(f"{name}.q_norm", query, self.head_dim),
            self.norm(f"{name}.k_norm", key, self.head_dim),
            value,
        )


class SmolLm3(Llama):
    """SmolLM3 (Bakouch et al. 2025): every fourth layer has no positions."""

    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 36),
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 16),
        vocabulary=("vocab_size", 128_256),
        positions=("max_position_embeddings", 32768),
    )
    tied = True
    default_kv_heads = 4
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 2_000_000.0}

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated: no_rope_layers, or all but every fourth."""
        given = self.config.per_layer("no_rope_layers", self.shape.layers)
        if given is not None:
            return [bool(one) for one in given]
        every = self.config.count("no_rope_layer_interval", default=4)
        return [(number + 1) % every != 0 for number in range(self.shape.layers)]

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window, where use_sliding_window is true.

        It counts for the layers named in layer_types, or for those without positions.
        """
        width = self.config.optional_count("sliding_window")
        if width is None or not self.config.flag("use_sliding_window", False):
            return [None] * self.shape.layers
        kinds = self.config.per_layer("layer_types", self.shape.layers)
        if kinds is not None:
            return [width if kind == "sliding_attention" else None for kind in kinds]
        return [None if rotates else width for rotates in self.rotates]


class Gemma(Llama):
    """Gemma (Gemma team 2024): norms by 1 + weight, embeddings times sqrt(dim), tied."""

    keys = ConfigKeys(
        layers=("num_hidden_layers", 28),
        dim=("hidden_size", 3072),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 24576),
        vocabulary=("vocab_size", 256_000),
        positions=("max_position_embeddings", 8192),
        activation=("hidden_act", "gelu_pytorch_tanh"),
    )
    tied = True
    default_kv_heads = 16
    default_head_dim = 256

    def _activation_name(self) -> str:
        """Return the activation's name: early configs say gelu and mean its approximation."""
        name = super()._activation_name()
        return "gelu_pytorch_tanh" if name == "gelu" else name

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of x [..., width] times 1 + weight."""
        return rms_norm(x, 1 + self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors [n, dim] times sqrt(dim)."""
        hidden = super().embed(ids, segments)
        hidden *= np.float32(self.dim**0.5)
        return hidden


class Phi3(Llama):
    """Phi-3 (Abdin et al. 2024): one matrix for Q, K and V, one for gate and up, and LongRoPE."""

    keys = Llama.keys._replace(
        dim=("hidden_size", 3072),
        intermediate_size=("intermediate_size", 8192),
        vocabulary=("vocab_size", 32064),
        positions=("max_position_embeddings", 4096),
    )
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "names": {"share": "partial_rotary_factor"},
        "original": 4096,
        "aliases": {"su": "longrope", "yarn": "longrope"},
    }

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: none."""
        return False, False, False

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer, where the config gives one."""
        return [self.config.optional_count("sliding_window")] * self.shape.layers

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries [heads, n, d_h], keys and values [kv_heads, n, d_h] of inputs [n, dim], from one product."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        together = linear(self.weights, f"{name}.qkv_proj", self.dim, queries + 2 * keys, bias=False)(inputs)
        query, key, value = np.split(together, [queries, queries + keys], axis=-1)
        return heads_of(query, self.heads), heads_of(key, self.kv_heads), heads_of(value, self.kv_heads)

    def feed(self, name: str, x: Float32) -> Float32:
        """Return the gated feed-forward of x [n, dim], gate and up cut from one product."""
        gate, up = np.split(
            linear(self.weights, f"{name}.gate_up_proj", self.dim, 2 * self.intermediate_size, bias=False)(x),
            2,
            axis=-1,
        )
        return linear(self.weights, f"{name}.down_proj", self.intermediate_size, self.dim, bias=False)(
            self.activation(gate) * up
        )
