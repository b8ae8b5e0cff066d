"""Llama 4 (Meta 2025): layers that see chunks of the text, layers without positions, and experts.

Three of four layers rotate queries and keys and see only the chunk of 8192 tokens that a token stands in; the fourth
sees the whole text without positions, with queries that grow with their position.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.layers import Linear, causal_mask, rms_norm
from attnviz.models.families.llama import Llama, SmolLm3
from attnviz.models.families.moe import Mixture


class Llama4(Mixture, SmolLm3):
    """The decoder of Llama 4; of a model that reads pictures too, the part that reads text."""

    reads: ClassVar[tuple[str, ...]] = (
        "attention_chunk_size",
        "attn_scale",
        "attn_temperature_tuning",
        "floor_scale",
        "interleave_moe_layer_step",
        "intermediate_size_mlp",
        "moe_layers",
        "use_qk_norm",
    )
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias", "num_experts", "sliding_window", "use_sliding_window")
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 48),
        dim=("hidden_size", 5120),
        heads=("num_attention_heads", 40),
        intermediate_size=("intermediate_size_mlp", 16384),
        vocabulary=("vocab_size", 202_048),
        positions=("max_position_embeddings", 131_072),
    )
    tied = False
    halves = False
    default_kv_heads = 8
    default_head_dim = 128
    default_epsilon = 1e-5
    rotary_defaults = {"theta": 500_000.0}  # noqa: RUF012
    mixture = "feed_forward"
    router = "router"
    experts = 16
    chosen = 1
    count_keys = ("num_local_experts",)
    width_key = ("intermediate_size", 8192)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated; an empty no_rope_layers says nothing."""
        if self.config.get("no_rope_layers"):
            return super().rotates
        every = self.config.count("no_rope_layer_interval", default=4)
        return [(number + 1) % every != 0 for number in range(self.shape.layers)]

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return for each layer the length of the chunks that it sees, None for the whole text."""
        chunk = self.config.optional_count("attention_chunk_size", 8192)
        kinds = self.config.per_layer("layer_types", self.shape.layers)
        if kinds is None:
            return [chunk if rotates else None for rotates in self.rotates]
        return [chunk if kind == "chunked_attention" else None for kind in kinds[: self.shape.layers]]

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, length]: a token sees what came before, of its own chunk in layers with some."""
        if not self.shape.causal:
            return [None] * self.shape.layers
        whole, count = causal_mask(self.length, None, self.start), np.arange(self.length)
        masks = []
        for chunk in self.windows:
            same = None if chunk is None else count[self.start :, None] // chunk == count // chunk
            masks.append(whole if same is None else whole & same)
        return masks

    def after_rotation(self, name: str, query: Float32, key: Float32) -> tuple[Float32, Float32]:
        """Return queries [heads, n, d_h] and keys [kv_heads, n, d_h], normed, or times a factor that grows.

        The norm has no weight and stands in layers with positions; the others multiply queries by
        1 + attn_scale ln(1 + floor((position + 1) / floor_scale)) (Nakanishi 2025, equation 2).
        """
        if self.rotates[int(name.split(".")[1])]:
            if not self.config.flag("use_qk_norm", True):
                return query, key
            plain = np.ones(self.head_dim, dtype=np.float32)
            return rms_norm(query, plain, self.epsilon), rms_norm(key, plain, self.epsilon)
        if not self.config.flag("attn_temperature_tuning", True):
            return query, key
        steps = (self.places + 1) // self.config.count("floor_scale", default=8192)
        growth = 1 + self.config.number("attn_scale", default=0.1) * np.log1p(steps)
        return query * growth.astype(np.float32)[:, None], key

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: those of moe_layers, or every interleave_moe_layer_step-th."""
        if self.config.get("moe_layers") is not None:
            return number in self.config.token_ids("moe_layers")
        return (number + 1) % self.config.count("interleave_moe_layer_step", default=1) == 0

    def feed(self, number: int, x: Float32) -> Float32:
        """Return what the shared expert and the chosen ones make of x [n, dim]."""
        name = f"{self.layer.format(n=number)}.{self.mixture}"
        if not self.is_mixture(number):
            return self.gated(name, x, self.intermediate_size)
        return self.gated(f"{name}.shared_expert", x, self.expert_width) + super().feed(number, x)

    def run_experts(self, name: str, x: Float32, chosen: Indexes, shares: Float32) -> Float32:
        """Return the sum of what the experts chosen [n, chosen] make of x [n, dim] times their shares: [n, dim]."""
        result = np.zeros((len(x), self.dim), dtype=np.float32)
        for expert in np.unique(chosen):
            tokens, places = np.nonzero(chosen == expert)
            result[tokens] += self.run_expert(name, int(expert), x[tokens] * shares[tokens, places, None])
        return result

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and the sigmoids of their logits, [n, chosen]."""
        logits = self.router_logits(name, x)
        chosen = np.argsort(-logits, axis=-1, kind="stable")[:, : self.expert_choices]
        return chosen, ACTIVATIONS["sigmoid"](np.take_along_axis(logits, chosen, -1))

    def matrices(self, name: str, expert: int) -> tuple[Linear, Linear, Linear]:
        """Return an expert's gate, up and down, of tensors [experts, inputs, outputs]."""
        dim, width = self.dim, self.expert_width
        if self.weights.find(f"{name}.gate_up_proj") is None:
            return super().matrices(name, expert)
        together = self.rows_of(f"{name}.gate_up_proj", expert, dim, 2 * width)
        down = self.rows_of(f"{name}.down_proj", expert, width, dim)
        return Linear(together[:, :width].T), Linear(together[:, width:].T), Linear(down.T)
