"""MiniMax-M2 (MiniMax 2025): queries and keys normed over all heads, part of each head rotated, sigmoid routing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.config import Configuration
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture
from attnviz.models.families.rotary import Rotation


class MiniMaxM2(Mixture):
    """The decoder of MiniMax-M2."""

    reads: ClassVar[tuple[str, ...]] = ("partial_rotary_factor", "rotary_dim")
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias", "num_experts")
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {
        "qk_norm_type": ("per_layer",),
        "scoring_func": ("sigmoid",),
        "shared_intermediate_size": (0,),
        "use_qk_norm": (True,),
        "use_routing_bias": (True,),
    }
    harmless: ClassVar[dict[str, str]] = {
        **Mixture.harmless,
        "attn_type_list": "family",
        "layernorm_full_attention_beta": "family",
        "mlp_intermediate_size": "family",
        "shared_moe_mode": "family",
        "mtp_transformer_layers": "alone",
        "num_mtp_modules": "alone",
        "use_mtp": "alone",
    }
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 62),
        dim=("hidden_size", 3072),
        heads=("num_attention_heads", 48),
        intermediate_size=("intermediate_size", 1536),
        vocabulary=("vocab_size", 200_064),
        positions=("max_position_embeddings", 196_608),
    )
    default_kv_heads = 8
    default_head_dim = 128
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "theta": 5_000_000.0,
        "names": {"share": "partial_rotary_factor"},
        "share": 1.0,
    }
    mixture = "block_sparse_moe"
    parts = ("w1", "w3", "w2")
    experts = 256
    chosen = 8
    count_keys = ("num_local_experts",)
    width_key = ("intermediate_size", 1536)

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of this text's positions; rotary_dim says how many features of a head are rotated."""
        rotated = config.optional_count("rotary_dim")
        if rotated is not None and config.get("partial_rotary_factor") is None:
            config = config.changed(partial_rotary_factor=rotated / self.head_dim)
        return super().read_rotation(config)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: none."""
        return False, False, False

    def adjust(self, name: str, part: str, x: Float32) -> Float32:
        """Return queries, keys or values [n, width], normed over the features of all heads but for the values."""
        return x if part == "v" else self.norm(f"{name}.{part}_norm", x, x.shape[-1])

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        scores = ACTIVATIONS["sigmoid"](self.router_logits(name, x))
        bias = self.weights.take(f"{name}.e_score_correction_bias", shape=(self.expert_count,))
        chosen = np.argsort(-(scores + bias), axis=-1, kind="stable")[:, : self.expert_choices]
        shares = np.take_along_axis(scores, chosen, -1)
        return chosen, shares / shares.sum(axis=-1, keepdims=True)
