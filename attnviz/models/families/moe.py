"""Mixtures of experts (Shazeer et al. 2017; Fedus et al. 2022): a router sends each token to a few feed-forward layers.

Mixtral, Qwen2-MoE, Qwen3-MoE, OLMoE and Granite MoE. Their attention is that of the family which they are built on;
only the experts that some token of this text is sent to are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.base import NEEDLESS, StackSetup
from attnviz.models.families.layers import Linear, linear
from attnviz.models.families.llama import Llama, Mistral, Qwen2, Qwen3
from attnviz.models.families.olmo import FullWidthNorms


class Mixture(Llama):
    """Llama with a mixture of experts in place of the feed-forward layer.

    mixture: the name of that sublayer; router: that of the matrix which sends tokens to experts; parts: those of an
    expert's three matrices. experts, chosen: the default numbers of experts and of those that a token is sent to.
    width_key: the config's name of an expert's width. renormalize: whether the shares of a token's experts sum to 1
    where the config is silent. count_keys: the config's names of the number of experts; choice_key: that of how many
    see a token.
    """

    needless: ClassVar[tuple[str, ...]] = (*NEEDLESS, r"\.experts\.\d+\.")
    reads: ClassVar[tuple[str, ...]] = ("num_experts", "num_experts_per_tok", "num_local_experts")
    harmless: ClassVar[Mapping[str, str]] = {**Llama.harmless, "router_jitter_noise": "training"}
    mixture: ClassVar[str] = "mlp"
    router: ClassVar[str] = "gate"
    parts: ClassVar[tuple[str, str, str]] = ("gate_proj", "up_proj", "down_proj")
    experts: ClassVar[int] = 8
    chosen: ClassVar[int] = 2
    count_keys: ClassVar[tuple[str, ...]] = ("num_local_experts", "num_experts")
    choice_key: ClassVar[str] = "num_experts_per_tok"
    width_key: ClassVar[tuple[str, int]] = ("intermediate_size", 14336)
    renormalize: ClassVar[bool] = True

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        name, default = self.width_key
        self.expert_width = self.config.count(name, default=default)
        self.expert_count = self.config.count(*self.count_keys, default=self.experts, least=0)
        most = max(1, self.expert_count)
        self.expert_choices = self.config.count(self.choice_key, default=min(self.chosen, most), most=most)
        self.shares_sum_to_one = self.read_renormalize()

    def read_renormalize(self) -> bool:
        """Return whether the shares of a token's experts sum to 1."""
        return self.renormalize

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts."""
        return self.expert_count > 0 and number >= 0

    def feed(self, number: int, x: Float32) -> Float32:
        """Return the sum of what its experts make of each token, times their shares: [n, dim]."""
        if not self.is_mixture(number):
            return super().feed(number, x)
        name = f"{self.layer.format(n=number)}.{self.mixture}"
        return self.run_experts(name, x, *self.route(name, x))

    def run_experts(self, name: str, x: Float32, chosen: Indexes, shares: Float32) -> Float32:
        """Return the sum of what the experts chosen [n, chosen] make of x [n, dim], times their shares: [n, dim]."""
        result = np.zeros((len(x), self.dim), dtype=np.float32)
        for expert in np.unique(chosen):
            tokens, places = np.nonzero(chosen == expert)
            result[tokens] += shares[tokens, places, None] * self.run_expert(name, int(expert), x[tokens])
        return result

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        logits = self.router_logits(name, x)
        chosen = np.argsort(-logits, axis=-1, kind="stable")[:, : self.expert_choices]
        if self.shares_sum_to_one:
            shares = softmax(np.take_along_axis(logits, chosen, -1))
        else:
            shares = np.take_along_axis(softmax(logits), chosen, -1)
        return chosen, np.asarray(shares, dtype=np.float32)

    def router_logits(self, name: str, x: Float32) -> Float32:
        """Return how well each expert fits each token, [n, experts]."""
        return linear(self.weights, f"{name}.{self.router}", self.dim, self.expert_count, bias=False)(x)

    def run_expert(self, name: str, expert: int, x: Float32) -> Float32:
        """Return what one expert makes of its tokens, [tokens, dim]."""
        gate, up, down = self.matrices(f"{name}.experts", expert)
        intermediate = self.activation(gate(x))
        intermediate *= up(x)
        return down(intermediate)

    def matrices(self, name: str, expert: int) -> tuple[Linear, Linear, Linear]:
        """Return an expert's gate, up and down: tensors of its own, or parts of tensors that hold all experts."""
        dim, width, layer = self.dim, self.expert_width, name.removesuffix(".experts")
        for both, down in (
            (f"{name}.gate_up_proj", f"{name}.down_proj"),
            (f"{layer}.input_linear.weight", f"{layer}.output_linear.weight"),
        ):
            if self.weights.find(both, down) is not None:
                together = self.rows_of(both, expert, 2 * width, dim)
                return (
                    Linear(together[:width]),
                    Linear(together[width:]),
                    Linear(self.rows_of(down, expert, dim, width)),
                )
        parts = [f"{name}.{part}.weight" for part in ("gate_proj", "up_proj", "down_proj")]
        if self.weights.find(*parts) is not None:
            shapes = ((width, dim), (width, dim), (dim, width))
            gate, up, last = (self.rows_of(part, expert, *shape) for part, shape in zip(parts, shapes, strict=True))
            return Linear(gate), Linear(up), Linear(last)
        first, second, third = (f"{name}.{expert}.{part}" for part in self.parts)
        return (
            linear(self.weights, first, dim, width, bias=False),
            linear(self.weights, second, dim, width, bias=False),
            linear(self.weights, third, width, dim, bias=False),
        )

    def rows_of(self, name: str, expert: int, rows: int, columns: int) -> Float32:
        """Return one expert's matrix [rows, columns] of a tensor [experts, rows, columns]."""
        picked: Float32 = self.weights.rows(name, shape=(self.expert_count, rows, columns), ids=np.array([expert]))[0]
        return picked


class Mixtral(Mixture, Mistral):
    """Mixtral (Jiang et al. 2024): Mistral with 8 experts, of which 2 see a token."""

    unread: ClassVar[tuple[str, ...]] = ("num_experts",)
    mixture = "block_sparse_moe"
    parts = ("w1", "w3", "w2")
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 1_000_000.0}

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer, where the config gives one."""
        return [self.config.optional_count("sliding_window")] * self.shape.layers


class _Sparse(Mixture):
    """What Qwen's mixtures share: some layers may have no experts."""

    reads: ClassVar[tuple[str, ...]] = (
        "decoder_sparse_step",
        "mlp_only_layers",
        "moe_intermediate_size",
        "norm_topk_prob",
    )
    width_key = ("moe_intermediate_size", 1408)
    renormalize = False

    def read_renormalize(self) -> bool:
        """Return norm_topk_prob."""
        return self.config.flag("norm_topk_prob", self.renormalize)

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: each decoder_sparse_step-th, but for those of mlp_only_layers."""
        every = self.config.count("decoder_sparse_step", default=1)
        plain = self.config.token_ids("mlp_only_layers")
        return self.expert_count > 0 and number not in plain and (number + 1) % every == 0


class Qwen2Moe(_Sparse, Qwen2):
    """Qwen2-MoE (Yang et al. 2024): Qwen2 with experts, and one that sees every token, times a gate of its own."""

    reads: ClassVar[tuple[str, ...]] = ("qkv_bias", "shared_expert_intermediate_size")
    keys = Qwen2.keys._replace(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 5632),
    )
    default_kv_heads = 16
    experts = 60
    chosen = 4
    default_shared_width: ClassVar[int] = 5632

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window, where use_sliding_window is true: every other one of the first layers has it."""
        layers = self.shape.layers
        if not self.config.flag("use_sliding_window", False):
            return [None] * layers
        width = self.config.optional_count("sliding_window", 4096)
        kinds = self.config.per_layer("layer_types", layers)
        if kinds is not None:
            return [width if kind == "sliding_attention" else None for kind in kinds[:layers]]
        first = self.config.count("max_window_layers", default=28, least=0)
        return [width if (number + 1) % 2 and number < first else None for number in range(layers)]

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V where qkv_bias says so."""
        return self.config.flag("qkv_bias", True), False, False

    def feed(self, number: int, x: Float32) -> Float32:
        """Return the sum over the experts, and the shared one's output times the sigmoid of its gate: [n, dim]."""
        output = super().feed(number, x)
        if not self.is_mixture(number):
            return output
        name = f"{self.layer.format(n=number)}.{self.mixture}"
        width = self.config.count("shared_expert_intermediate_size", default=self.default_shared_width)
        gate = linear(self.weights, f"{name}.shared_expert_gate", self.dim, 1, bias=False)(x)
        return output + ACTIVATIONS["sigmoid"](gate) * self.gated(f"{name}.shared_expert", x, width)


class Qwen3Moe(_Sparse, Qwen3):
    """Qwen3-MoE (Yang et al. 2025): Qwen3 with 128 experts, of which 8 see a token."""

    unread: ClassVar[tuple[str, ...]] = ("layer_types", "max_window_layers")
    harmless: ClassVar[Mapping[str, str]] = {**Mixture.harmless, **Qwen3.harmless, "max_window_layers": "family"}
    keys = Qwen3.keys._replace(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 32),
        intermediate_size=("intermediate_size", 6144),
    )
    default_kv_heads = 4
    default_head_dim = None
    experts = 128
    chosen = 8
    width_key = ("moe_intermediate_size", 768)

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer, where use_sliding_window is true."""
        width = self.config.optional_count("sliding_window", 4096)
        used = self.config.flag("use_sliding_window", False)
        return [width if used else None] * self.shape.layers


class Olmoe(_Sparse, FullWidthNorms):
    """OLMoE (Muennighoff et al. 2024): 64 experts; queries and keys are normed over all heads, and may be clipped."""

    unread: ClassVar[tuple[str, ...]] = ("moe_intermediate_size",)
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 16),
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 2048),
        vocabulary=("vocab_size", 50304),
        positions=("max_position_embeddings", 4096),
    )
    default_epsilon = 1e-5
    experts = 64
    chosen = 8
    width_key = ("intermediate_size", 2048)
