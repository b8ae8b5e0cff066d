"""ERNIE 4.5 (Baidu 2025): Llama with neighbours rotated."""

from __future__ import annotations

from typing import Any, ClassVar

from attnviz.models.families.llama import Llama


class Ernie45(Llama):
    """ERNIE 4.5 without experts."""

    reads: ClassVar[tuple[str, ...]] = ("use_bias",)
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 18),
        dim=("hidden_size", 1024),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 3072),
        vocabulary=("vocab_size", 103_424),
        positions=("max_position_embeddings", 131_072),
    )
    tied = True
    default_kv_heads = 2
    default_head_dim = 128
    default_epsilon = 1e-5
    halves = False
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 500_000.0}

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all where use_bias says so."""
        bias = self.config.flag("use_bias", False)
        return bias, bias, bias
