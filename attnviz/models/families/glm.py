"""GLM-4 (GLM team 2024): Llama with neighbours rotated in half of each head, and gate and up in one matrix."""

from __future__ import annotations

from typing import Any, ClassVar

from attnviz.models.families.llama import BlockNorms, Llama, Phi3


class Glm(Llama):
    """GLM-4 of 9B, as transformers keeps it."""

    reads: ClassVar[tuple[str, ...]] = ("partial_rotary_factor",)
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 40),
        intermediate_size=("intermediate_size", 13696),
        vocabulary=("vocab_size", 151_552),
        positions=("max_position_embeddings", 131_072),
    )
    default_kv_heads = 2
    default_head_dim = 128
    default_epsilon = 1.5625e-7
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "names": {"share": "partial_rotary_factor"},
        "share": 0.5,
        "rounds_up": True,
    }
    halves = False
    gated = Phi3.gated

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V where attention_bias says so."""
        return self.config.flag("attention_bias", True), False, False


class Glm4(Glm):
    """GLM-4-0414: norms after the sublayers too."""

    reads: ClassVar[tuple[str, ...]] = ("partial_rotary_factor",)
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)
    norms = BlockNorms(after_attention="post_self_attn_layernorm", after_feed="post_mlp_layernorm")
