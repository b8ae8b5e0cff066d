"""Relatives of Llama and Mistral that differ in one point: AFM, Code World Model, Helium, InternLM3, Ministral."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from attnviz.core.types import Float32
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_kinds import FULL, SLIDING, LayerKinds
from attnviz.models.families.layers import linear
from attnviz.models.families.llama import Llama, Mistral
from attnviz.models.families.rotary import Rotation

# The rotary values of a Code World Model whose config has none.
_CWM_ROTARY: dict[str, Any] = {
    "rope_type": "llama3",
    "rope_theta": 1_000_000.0,
    "factor": 16.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}


class Arcee(Llama):
    """AFM (Arcee AI 2025): a feed-forward without a gate, by the square of ReLU (So et al. 2021)."""

    keys = Llama.keys._replace(
        dim=("hidden_size", 2560),
        intermediate_size=("intermediate_size", 18432),
        positions=("max_position_embeddings", 4096),
        activation=("hidden_act", "relu2"),
    )
    default_epsilon = 1e-5

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return down(activation(up(x))) of x [n, dim] by the two matrices after `name`; width is the inner one."""
        _, _, bias = self.biases()
        inner = self.activation(linear(self.weights, f"{name}.up_proj", self.dim, width, bias=bias)(x))
        return linear(self.weights, f"{name}.down_proj", width, self.dim, bias=bias)(inner)


class Cwm(LayerKinds):
    """Code World Model (Meta FAIR 2025): every fourth layer, the first among them, sees the whole text."""

    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "sliding_window_pattern")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 64),
        dim=("hidden_size", 6144),
        heads=("num_attention_heads", 48),
        intermediate_size=("intermediate_size", 21504),
        vocabulary=("vocab_size", 128_256),
        positions=("max_position_embeddings", 131_072),
    )
    default_kv_heads = 8
    default_head_dim = 128
    default_epsilon = 1e-5
    default_window = 8192
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 1_000_000.0}

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Return for each layer whether it sees a window or the whole text."""
        given = self.config.per_layer("layer_types", self.shape.layers)
        if given is not None:
            return [str(kind) for kind in given[: self.shape.layers]]
        return [SLIDING if number % 4 else FULL for number in range(self.shape.layers)]

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: the feed-forward layers where mlp_bias says so."""
        return False, False, self.config.flag("mlp_bias", False)

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of this text's positions; that of Llama 3, by 16, where the config is silent."""
        return super().read_rotation(_with_rotary(config))

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return super().read_positions(_with_rotary(config))


def _with_rotary(config: Configuration) -> Configuration:
    given = config.get("rope_parameters", "rope_scaling") or config.get("rope_theta")
    return config if given else config.changed(rope_parameters=_CWM_ROTARY)


class Helium(Llama):
    """Helium (Kyutai 2025): neighbours are rotated, and W_o has no bias."""

    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 2560),
        heads=("num_attention_heads", 20),
        intermediate_size=("intermediate_size", 7040),
        vocabulary=("vocab_size", 48000),
        positions=("max_position_embeddings", 4096),
    )
    default_kv_heads = 20
    default_head_dim = 128
    default_epsilon = 1e-8
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 100_000.0}
    halves = False

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V, and the feed-forward, where the config says so."""
        return self.config.flag("attention_bias", False), False, self.config.flag("mlp_bias", False)


class InternLm3(Llama):
    """InternLM3 (Shanghai AI Laboratory 2025): the biases have names of their own."""

    reads: ClassVar[tuple[str, ...]] = ("bias", "qkv_bias")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 48),
        intermediate_size=("intermediate_size", 10240),
        vocabulary=("vocab_size", 128_512),
        positions=("max_position_embeddings", 32768),
    )
    default_kv_heads = 2
    default_head_dim = 128
    default_epsilon = 1e-5

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: the attention's where qkv_bias says so, the feed-forward's by `bias`."""
        attention = self.config.flag("attention_bias", self.config.flag("qkv_bias", False))
        return attention, attention, self.config.flag("mlp_bias", self.config.flag("bias", False))


class Ministral(Mistral):
    """Ministral 8B (Mistral AI 2024): Mistral in which layer_types may say which layers see a window."""

    reads: ClassVar[tuple[str, ...]] = ("layer_types",)

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for the layers that layer_types names, or for all."""
        kinds = self.config.per_layer("layer_types", self.shape.layers)
        if kinds is None:
            return super().windows
        width = self.config.optional_count("sliding_window", 4096)
        return [width if kind == SLIDING else None for kind in kinds[: self.shape.layers]]
