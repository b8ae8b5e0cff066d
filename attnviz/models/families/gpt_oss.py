"""gpt-oss (OpenAI 2025, "gpt-oss-120b and gpt-oss-20b model card"): each head has a sink beside the tokens.

A sink is a learned logit that takes part in every row's softmax and has no value. Every other layer sees a window, and
a mixture of experts with clamped gates stands for the feed-forward layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.base import StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_kinds import LayerKinds
from attnviz.models.families.layers import linear
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture
from attnviz.models.families.rotary import Rotation

# The rotary values of a config without any.
_YARN = {
    "rope_type": "yarn",
    "factor": 32.0,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "truncate": False,
    "original_max_position_embeddings": 4096,
}


class GptOss(LayerKinds, Mixture):
    """The decoder of gpt-oss."""

    reads: ClassVar[tuple[str, ...]] = ("swiglu_alpha", "swiglu_limit")
    unread: ClassVar[tuple[str, ...]] = ("hidden_act", "mlp_bias")
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family", "hidden_act": "family"}
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 36),
        dim=("hidden_size", 2880),
        heads=("num_attention_heads", 64),
        intermediate_size=("intermediate_size", 2880),
        vocabulary=("vocab_size", 201_088),
        positions=("max_position_embeddings", 131_072),
    )
    default_kv_heads = 8
    default_head_dim = 64
    default_epsilon = 1e-5
    default_window = 128
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 150_000.0}
    has_sink = True
    router = "router"
    experts = 128
    chosen = 4
    width_key = ("intermediate_size", 2880)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.gain = self.config.number("swiglu_alpha", default=1.702)
        self.limit = self.config.number("swiglu_limit", default=7.0)

    def activation_name(self) -> str:
        """Return the activation's name, whatever the config says: the gate has its own form of it."""
        return "silu"

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of this text's positions; YaRN by 32 where the config is silent."""
        return super().read_rotation(_with_yarn(config))

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return super().read_positions(_with_yarn(config))

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention unless attention_bias says no."""
        bias = self.config.flag("attention_bias", True)
        return bias, bias, False

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention` with the heads' sinks."""
        name = f"{self.layer.format(n=number)}.{self.attention_name}.sinks"
        return super().score_options(number) | {"sink": self.weights.take(name, shape=(self.heads,))}

    def router_logits(self, name: str, x: Float32) -> Float32:
        """Return how well each expert fits each token, [n, experts]."""
        return linear(self.weights, f"{name}.{self.router}", self.dim, self.expert_count)(x)

    def run_expert(self, name: str, expert: int, x: Float32) -> Float32:
        """Return what one expert makes of its tokens, [tokens, dim].

        Gate and up alternate and are clipped: (up + 1) gate sigmoid(1.702 gate).
        """
        name, width, limit = f"{name}.experts", self.expert_width, np.float32(self.limit)
        if self.weights.find(f"{name}.gate_proj.weight") is None:
            both = self._product(f"{name}.gate_up_proj", expert, x, 2 * width)
            gate, up = both[:, ::2], both[:, 1::2]
        else:
            gate, up = (self._apart(f"{name}.{part}_proj", expert, x, width) for part in ("gate", "up"))
        gate, up = np.minimum(gate, limit), np.clip(up, -limit, limit)
        gate = gate * ACTIVATIONS["sigmoid"](np.float32(self.gain) * gate)
        product = self._apart if self.weights.find(f"{name}.down_proj.weight") else self._product
        return product(f"{name}.down_proj", expert, (up + np.float32(1)) * gate, self.dim)

    def _apart(self, name: str, expert: int, x: Float32, outputs: int) -> Float32:
        """Return x [tokens, inputs] times one expert's matrix, kept as [outputs, inputs] as in GGUF, + its bias."""
        count, one = self.expert_count, np.array([expert])
        matrix = self.weights.rows(f"{name}.weight", shape=(count, outputs, x.shape[1]), ids=one)[0]
        found: Float32 = x @ matrix.T + self.weights.rows(f"{name}.bias", shape=(count, outputs), ids=one)[0]
        return found

    def _product(self, name: str, expert: int, x: Float32, outputs: int) -> Float32:
        """Return x [tokens, inputs] times one expert's matrix, kept as [inputs, outputs], + its bias."""
        count, one = self.expert_count, np.array([expert])
        matrix = self.weights.rows(name, shape=(count, x.shape[1], outputs), ids=one)[0]
        found: Float32 = x @ matrix + self.weights.rows(f"{name}_bias", shape=(count, outputs), ids=one)[0]
        return found


def _with_yarn(config: Configuration) -> Configuration:
    """Return the config with gpt-oss's rotary values where it has none."""
    return config if config.get("rope_parameters", "rope_scaling") else config.changed(rope_parameters=_YARN)
