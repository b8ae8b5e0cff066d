"""Nemotron (Parmar et al. 2024) and Apertus (Apertus project 2025): Llama without a gate in its feed-forward layers."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import layer_norm, linear
from attnviz.models.families.llama import BlockNorms, Llama
from attnviz.models.families.rotary import Rotation

# The rotary values of an Apertus config without any.
_APERTUS_ROTARY: dict[str, Any] = {
    "rope_type": "llama3",
    "rope_theta": 12_000_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


class Nemotron(Llama):
    """Nemotron-4 and Minitron: layer norms by 1 + weight, half of each head rotated, the square of ReLU."""

    reads: ClassVar[tuple[str, ...]] = ("norm_eps", "partial_rotary_factor")
    unread: ClassVar[tuple[str, ...]] = ("rms_norm_eps",)
    keys = Llama.keys._replace(
        dim=("hidden_size", 6144),
        heads=("num_attention_heads", 48),
        intermediate_size=("intermediate_size", 24576),
        vocabulary=("vocab_size", 256_000),
        positions=("max_position_embeddings", 4096),
        activation=("hidden_act", "relu2"),
    )
    rotary_defaults: ClassVar[dict[str, Any]] = {"names": {"share": "partial_rotary_factor"}, "share": 0.5}

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the variance."""
        return self.config.number("norm_eps", default=1e-5)

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the layer norm of x [..., width] by 1 + `name`.weight and by `name`.bias."""
        weight, bias = (self.weights.take(f"{name}.{part}", shape=(width,)) for part in ("weight", "bias"))
        return layer_norm(x, 1 + weight, bias, self.epsilon)

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return down(activation(up(x))) of x [n, dim] by the two matrices after `name`; width is the inner one."""
        _, _, bias = self.biases()
        inner = self.activate(name, linear(self.weights, f"{name}.up_proj", self.dim, width, bias=bias)(x))
        return linear(self.weights, f"{name}.down_proj", width, self.dim, bias=bias)(inner)

    def activate(self, name: str, x: Float32) -> Float32:  # noqa: ARG002
        """Return the activation of x [n, width]; name: of the feed-forward layer."""
        return self.activation(x)


class Apertus(Nemotron):
    """Apertus: queries and keys are normed head by head, and each layer has an activation of its own (xIELU)."""

    reads: ClassVar[tuple[str, ...]] = ("rms_norm_eps",)
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias", "norm_eps", "partial_rotary_factor")
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {"mlp_bias": (False,), "post_norm": (False,), "qk_norm": (True,)}
    keys = Llama.keys._replace(
        intermediate_size=("intermediate_size", 14336),
        vocabulary=("vocab_size", 131_072),
        positions=("max_position_embeddings", 65536),
        activation=("hidden_act", "xielu"),
    )
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 12_000_000.0}
    norms = BlockNorms(before_attention="attention_layernorm", before_feed="feedforward_layernorm")
    read_epsilon = Llama.read_epsilon
    norm = Llama.norm

    def activation_name(self) -> str:
        """Return the config's name of the activation; linear for xIELU, which `activate` computes."""
        name = super().activation_name()
        self.learned = name == "xielu"
        return "linear" if self.learned else name

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of this text's positions; that of Llama 3, by 8, where the config is silent."""
        return super().read_rotation(_with_rotary(config))

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return super().read_positions(_with_rotary(config))

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return normed queries [heads, n, d_h] and keys [kv_heads, n, d_h], and values [kv_heads, n, d_h]."""
        query, key, value = super().project(name, inputs)
        return (
            self.norm(f"{name}.q_norm", query, self.head_dim),
            self.norm(f"{name}.k_norm", key, self.head_dim),
            value,
        )

    def activate(self, name: str, x: Float32) -> Float32:
        """Return xIELU of x [n, width] with this layer's two learned factors (Huang and Schlag 2024, equation 7)."""
        if not self.learned:
            return super().activate(name, x)
        names = (f"{name}.act_fn.{part}" for part in ("alpha_p", "alpha_n"))
        above, below = (np.logaddexp(self.weights.take(one, shape=(1,)), np.float32(0)) for one in names)
        beta, least = (self.weights.take(f"{name}.act_fn.{part}", shape=()) for part in ("beta", "eps"))
        negative = (np.expm1(np.minimum(x, least)) - x) * (beta + below)
        return np.asarray(np.where(x > 0, above * x * x, negative) + beta * x, dtype=np.float32)


def _with_rotary(config: Configuration) -> Configuration:
    given = config.get("rope_parameters", "rope_scaling") or config.get("rope_theta")
    return config if given else config.changed(rope_parameters=_APERTUS_ROTARY)
