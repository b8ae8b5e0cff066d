"""Ministral 3 (Mistral AI 2025): Mistral whose queries grow with their position in long texts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.config import Configuration
from attnviz.models.families.llama import Mistral

_YARN = {
    "rope_type": "yarn",
    "rope_theta": 1_000_000.0,
    "factor": 16.0,
    "original_max_position_embeddings": 16384,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": 0.1,
}


class Ministral3(Mistral):
    """Ministral 3: each query times 1 + beta ln(1 + floor(position / training length))."""

    keys = Mistral.keys._replace(
        layers=("num_hidden_layers", 34),
        vocabulary=("vocab_size", 131_072),
        positions=("max_position_embeddings", 262_144),
    )
    default_head_dim = 128
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 1_000_000.0}

    @property
    def windows(self) -> list[int | None]:
        """Return sliding_window for each layer, where the config gives one."""
        return [self.config.optional_count("sliding_window")] * self.shape.layers

    def after_rotation(self, name: str, query: Float32, key: Float32) -> tuple[Float32, Float32]:  # noqa: ARG002
        """Return queries [heads, n, d_h] times their factor, and keys [kv_heads, n, d_h]."""
        values = Configuration(self.config.get("rope_parameters", "rope_scaling") or _YARN)
        return grown(query, self.places, values), key


def grown(query: Float32, places: Indexes, values: Configuration) -> Float32:
    """Return queries [heads, n, d_h] at places [n] times 1 + beta ln(1 + floor(place / training length)).

    values: the config's rotary values, which give beta and the length.
    """
    beta = values.number("llama_4_scaling_beta", default=0.0)
    length = values.count("original_max_position_embeddings", default=16384)
    factor: Float32 = (1 + beta * np.log1p(places // length)).astype(np.float32)
    return query * factor[:, None]
