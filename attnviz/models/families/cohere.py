"""Command R (Cohere 2024) and Command R7B and A (Cohere 2025): both sublayers side by side, scaled logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.families.layer_kinds import SLIDING, LayerKinds
from attnviz.models.families.layers import layer_norm
from attnviz.models.families.llama import BlockNorms, Llama


class Cohere(Llama):
    """Command R: layer norms without a bias, neighbours rotated."""

    reads: ClassVar[tuple[str, ...]] = ("layer_norm_eps", "logit_scale", "use_qk_norm")
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias", "rms_norm_eps")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 40),
        dim=("hidden_size", 8192),
        heads=("num_attention_heads", 64),
        intermediate_size=("intermediate_size", 22528),
        vocabulary=("vocab_size", 256_000),
        positions=("max_position_embeddings", 8192),
    )
    tied = True
    halves = False
    parallel = True
    norms = BlockNorms(before_feed=None)
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 500_000.0}

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the variance."""
        return self.config.number("layer_norm_eps", default=1e-5)

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the layer norm of x [..., width] by the tensor `name`.weight."""
        return layer_norm(x, self.weights.take(f"{name}.weight", shape=(width,)), None, self.epsilon)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values; queries and keys normed head by head where use_qk_norm says so."""
        query, key, value = super().project(name, inputs)
        if self.config.flag("use_qk_norm", False):
            query, key = self._head_norm(f"{name}.q_norm", query), self._head_norm(f"{name}.k_norm", key)
        return query, key, value

    def _head_norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [heads, n, d_h], with weights of its own for each head."""
        weight = self.weights.take(f"{name}.weight", shape=(len(x), x.shape[-1]))
        return layer_norm(x, weight[:, None], None, self.epsilon)

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary] times logit_scale."""
        return super().score(hidden) * np.float32(self.config.number("logit_scale", default=0.0625))


class Cohere2(LayerKinds, Cohere):
    """Command R7B: three of four layers see a window, and the others have no positions at all."""

    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "position_embedding_type": ("rope_gptj",),
        "rotary_pct": (1.0,),
        "use_gated_activation": (True,),
        "use_parallel_block": (True,),
    }
    harmless: ClassVar[Mapping[str, str]] = {
        **LayerKinds.harmless,
        "layer_switch": "record",
        "order_of_interleaved_layers": "record",
        "use_embedding_sharing": "record",
        "use_parallel_embedding": "running",
    }
    reads: ClassVar[tuple[str, ...]] = ("use_qk_norm",)
    pattern = 4
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 10_000.0}

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated: where it sees a window."""
        return [kind == SLIDING for kind in self.kinds]
