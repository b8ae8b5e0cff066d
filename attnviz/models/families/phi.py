"""Phi-1 and Phi-2 (Gunasekar et al. 2023), StableLM (Bellagente et al. 2024), StarCoder2 (Lozhkov et al. 2024).

Llama with layer norms; Phi and some of StableLM run both sublayers side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from attnviz.core.types import Float32
from attnviz.models.families.base import StackSetup
from attnviz.models.families.layers import Linear, layer_norm, linear, take_layer_norm
from attnviz.models.families.llama import BlockNorms, Llama


class LayerNormed(Llama):
    """Llama with layer norms in place of root mean square norms.

    epsilon_key: the config's name of the number that a norm adds. feed_names: the two feed-forward layers of families
    without a gate.
    """

    epsilon_key: ClassVar[str] = "layer_norm_eps"
    feed_names: ClassVar[tuple[str, str]] = ("fc1", "fc2")

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the variance."""
        return self.config.number(self.epsilon_key, default=1e-5)

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the layer norm of x [..., width] by the tensors `name`.weight and `name`.bias."""
        return take_layer_norm(self.weights, name, width, x, self.epsilon)

    def plain_feed(self, number: int, x: Float32) -> Float32:
        """Return narrow(activation(widen(x))) of x [n, dim], a feed-forward layer without a gate."""
        _, _, bias = self.biases()
        widen, narrow = (f"{self.layer.format(n=number)}.mlp.{name}" for name in self.feed_names)
        intermediate = self.activation(linear(self.weights, widen, self.dim, self.intermediate_size, bias=bias)(x))
        return linear(self.weights, narrow, self.intermediate_size, self.dim, bias=bias)(intermediate)


class Phi(LayerNormed):
    """Phi-1, Phi-1.5 and Phi-2: one norm for both sublayers, biases everywhere, half of each head rotated."""

    reads: ClassVar[tuple[str, ...]] = ("layer_norm_eps", "partial_rotary_factor", "qk_layernorm")
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias", "rms_norm_eps")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 2048),
        intermediate_size=("intermediate_size", 8192),
        vocabulary=("vocab_size", 51200),
        activation=("hidden_act", "gelu_new"),
    )
    parallel = True
    norms = BlockNorms(before_feed=None)
    rotary_defaults: ClassVar[dict[str, Any]] = {"names": {"share": "partial_rotary_factor"}, "share": 0.5}
    feed = LayerNormed.plain_feed

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all."""
        return True, True, True

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values; queries and keys normed head by head where qk_layernorm says so."""
        query, key, value = super().project(name, inputs)
        if self.config.flag("qk_layernorm", False):
            query = self.norm(f"{name}.q_layernorm", query, self.head_dim)
            key = self.norm(f"{name}.k_layernorm", key, self.head_dim)
        return query, key, value

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        return linear(self.weights, f"{name}.dense", self.heads * self.head_dim, self.dim)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm("final_layernorm", hidden, self.dim)

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary], by a head with a bias."""
        return super().score(hidden) + self.weights.take("lm_head.bias", shape=(self.vocabulary,))


class StableLm(LayerNormed):
    """StableLM: a quarter of each head rotated; one norm for both sublayers where use_parallel_residual says so."""

    harmless: ClassVar[Mapping[str, str]] = {**LayerNormed.harmless, "norm_eps": "old", "rotary_scaling_factor": "old"}
    reads: ClassVar[tuple[str, ...]] = (
        "layer_norm_eps",
        "partial_rotary_factor",
        "qk_layernorm",
        "use_parallel_residual",
        "use_qkv_bias",
    )
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias", "rms_norm_eps")
    keys = Llama.keys._replace(
        dim=("hidden_size", 2560),
        intermediate_size=("intermediate_size", 6912),
        vocabulary=("vocab_size", 50304),
        positions=("max_position_embeddings", 4096),
    )
    rotary_defaults: ClassVar[dict[str, Any]] = {"names": {"share": "partial_rotary_factor"}, "share": 0.25}

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.parallel = self.config.flag("use_parallel_residual", False)
        if self.parallel:
            self.norms = BlockNorms(before_feed=None)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V where use_qkv_bias says so."""
        return self.config.flag("use_qkv_bias", False), False, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values; queries and keys normed head by head where qk_layernorm says so."""
        query, key, value = super().project(name, inputs)
        if self.config.flag("qk_layernorm", False):
            query, key = self._head_norms(f"{name}.q_layernorm", query), self._head_norms(f"{name}.k_layernorm", key)
        return query, key, value

    def _head_norms(self, name: str, x: Float32) -> Float32:
        """Return x [heads, n, d_h], each head by a norm of its own without a bias."""
        if self.weights.find(f"{name}.weight") is not None:  # as GGUF keeps them
            weight = self.weights.take(f"{name}.weight", shape=(len(x), self.head_dim))
            return layer_norm(x, weight[:, None], None, self.epsilon)
        for head, rows in enumerate(x):
            weight = self.weights.take(f"{name}.norms.{head}.weight", shape=(self.head_dim,))
            x[head] = layer_norm(rows, weight, None, self.epsilon)
        return x


class StarCoder2(LayerNormed):
    """StarCoder2: biases, no gate, and a window where the config gives one."""

    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"mlp_type": ("default",), "norm_type": ("layer_norm",)}
    harmless: ClassVar[Mapping[str, str]] = {**LayerNormed.harmless, "activation_function": "old"}
    reads: ClassVar[tuple[str, ...]] = ("norm_epsilon", "sliding_window", "use_bias")
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias", "rms_norm_eps")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 30),
        dim=("hidden_size", 3072),
        heads=("num_attention_heads", 24),
        intermediate_size=("intermediate_size", 12288),
        vocabulary=("vocab_size", 49152),
        positions=("max_position_embeddings", 4096),
        activation=("hidden_act", "gelu_pytorch_tanh"),
    )
    tied = True
    default_kv_heads = 2
    epsilon_key = "norm_epsilon"
    feed_names = ("c_fc", "c_proj")
    feed = LayerNormed.plain_feed

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all where use_bias says so."""
        bias = self.config.flag("use_bias", True)
        return bias, bias, bias

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer, where the config gives one."""
        return [self.config.optional_count("sliding_window")] * self.shape.layers
