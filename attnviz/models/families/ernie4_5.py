"""ERNIE 4.5 (Baidu 2025): Llama with neighbours rotated."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture


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
    default_head_dim: ClassVar[int | None] = 128
    default_epsilon = 1e-5
    halves = False
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 500_000.0}

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all where use_bias says so."""
        bias = self.config.flag("use_bias", False)
        return bias, bias, bias


class Ernie45Moe(Mixture, Ernie45):
    """ERNIE 4.5 with experts: a bias counts for the choice alone, and some experts see every token."""

    reads: ClassVar[tuple[str, ...]] = (
        "moe_intermediate_size",
        "moe_k",
        "moe_layer_end_index",
        "moe_layer_interval",
        "moe_layer_start_index",
        "moe_norm_min",
        "moe_num_experts",
        "moe_num_shared_experts",
    )
    unread: ClassVar[tuple[str, ...]] = ("num_experts", "num_experts_per_tok", "num_local_experts")
    keys = Ernie45.keys._replace(
        layers=("num_hidden_layers", 28),
        dim=("hidden_size", 2560),
        heads=("num_attention_heads", 20),
        intermediate_size=("intermediate_size", 12288),
    )
    default_kv_heads = 4
    default_head_dim = None
    experts = 64
    chosen = 6
    count_keys = ("moe_num_experts",)
    choice_key = "moe_k"
    width_key = ("moe_intermediate_size", 1536)

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: each moe_layer_interval-th from one layer to another."""
        count, last = self.config.count, self.config.get("moe_layer_end_index")
        first = count("moe_layer_start_index", default=1, least=0)
        end = self.shape.layers - 1 if last in (None, -1) else count("moe_layer_end_index", default=0, least=0)
        return first <= number <= end and (number + 1) % count("moe_layer_interval", default=1) == 0

    def feed(self, number: int, x: Float32) -> Float32:
        """Return what the chosen experts make of x [n, dim], plus what the shared ones make of it."""
        output = super().feed(number, x)
        shared = self.config.count("moe_num_shared_experts", default=2, least=0)
        if not shared or not self.is_mixture(number):
            return output
        name = f"{self.layer.format(n=number)}.{self.mixture}.shared_experts"
        return output + self.gated(name, x, self.expert_width * shared)

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        chances = np.asarray(softmax(self.router_logits(name, x)), dtype=np.float32)
        bias = self.weights.take(f"{name}.moe_statics.e_score_correction_bias", shape=(1, self.expert_count))
        chosen = np.argsort(-(chances + bias), axis=-1, kind="stable")[:, : self.expert_choices]
        shares = np.take_along_axis(chances, chosen, -1)
        least = np.float32(self.config.number("moe_norm_min", default=1e-12))
        return chosen, shares / np.maximum(shares.sum(axis=-1, keepdims=True), least)

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary], by a head with a bias where use_bias says so."""
        logits = super().score(hidden)
        if self.config.flag("use_bias", False):
            logits = logits + self.weights.take("lm_head.bias", shape=(self.vocabulary,))
        return logits
