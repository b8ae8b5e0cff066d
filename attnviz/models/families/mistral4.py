"""Mistral 4 (Mistral AI 2026): DeepSeek's latent attention and experts, and queries that grow in long texts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.config import Configuration
from attnviz.models.families.deepseek import DeepseekV3, SharedExperts, SwitchedLatentAttention
from attnviz.models.families.llama import Llama
from attnviz.models.families.ministral3 import grown
from attnviz.models.families.rotary import Rotation, temperature_of_scores

# The rotary values of a config without any.
_YARN: dict[str, Any] = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 128.0,
    "original_max_position_embeddings": 8192,
    "beta_fast": 32.0,
    "beta_slow": 1.0,
    "mscale_all_dim": 1.0,
    "mscale": 1.0,
    "llama_4_scaling_beta": 0.1,
}


class Mistral4(SharedExperts, SwitchedLatentAttention):
    """The decoder of Mistral 4; of a model that reads pictures too, the part that reads text."""

    reads: ClassVar[tuple[str, ...]] = ("norm_topk_prob",)
    harmless: ClassVar[dict[str, str]] = {**DeepseekV3.harmless, "partial_rotary_factor": "family"}
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 36),
        intermediate_size=("intermediate_size", 12288),
        vocabulary=("vocab_size", 131_072),
        positions=("max_position_embeddings", 1_048_576),
    )
    default_ranks = (1024, 256)
    default_widths = (64, 64, 128)
    experts = 128
    chosen = 4
    dense = 0
    width_key = ("moe_intermediate_size", 2048)

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of this text's positions; YaRN by 128 where the config is silent."""
        return super().read_rotation(_with_yarn(config))

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return super().read_positions(_with_yarn(config))

    @property
    def scale(self) -> float:
        """Return the factor on the dot products."""
        return float((self.plain_dim + self.head_dim) ** -0.5) * temperature_of_scores(_with_yarn(self.config))

    def after_rotation(self, name: str, query: Float32, key: Float32) -> tuple[Float32, Float32]:  # noqa: ARG002
        """Return queries [heads, n, d_h] times their factor, and keys [heads, n, d_h]."""
        values = Configuration(_with_yarn(self.config).get("rope_scaling", "rope_parameters"))
        return grown(query, self.places, values), key

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        chances = np.asarray(softmax(self.router_logits(name, x)), dtype=np.float32)
        chosen = np.argsort(-self.grouped(chances, 2, 0.0), axis=-1, kind="stable")[:, : self.expert_choices]
        shares = np.take_along_axis(chances, chosen, -1)
        if self.config.flag("norm_topk_prob", True):
            shares = shares / (shares.sum(axis=-1, keepdims=True) + np.float32(1e-20))
        return chosen, shares * np.float32(self.config.number("routed_scaling_factor", default=self.scaling))


def _with_yarn(config: Configuration) -> Configuration:
    """Return the config with Mistral 4's rotary values where it has none."""
    return config if config.get("rope_parameters", "rope_scaling") else config.changed(rope_parameters=_YARN)
