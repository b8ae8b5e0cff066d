"""LFM2 (Liquid AI 2025): a few layers of attention between layers that mix neighbouring tokens by a gated convolution.

Only the layers of attention have weights to show; the others are computed too, since the layers above read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.base import StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.hybrid import Hybrid
from attnviz.models.families.layer_kinds import FULL
from attnviz.models.families.layers import Linear, linear
from attnviz.models.families.llama import BlockNorms, Llama
from attnviz.models.families.moe import Mixture


class Lfm2(Hybrid):
    """LFM2: Llama with short convolutions in most layers, and queries and keys that are normed head by head.

    parts: the names of the feed-forward layer's gate, up and down.
    """

    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"block_use_swiglu": (True,), "use_pos_enc": (True,)}
    harmless: ClassVar[Mapping[str, str]] = {
        **Hybrid.harmless,
        "block_norm_eps": "record",
        "conv_dim": "record",
        "conv_dim_out": "record",
        "num_heads": "record",
        "theta": "record",
    }
    other = "conv"
    keys = Llama.keys._replace(
        dim=("hidden_size", 2560),
        intermediate_size=("intermediate_size", 12288),
        vocabulary=("vocab_size", 65536),
        positions=("max_position_embeddings", 128_000),
    )
    reads: ClassVar[tuple[str, ...]] = (
        "block_auto_adjust_ff_dim",
        "block_ff_dim",
        "block_ffn_dim_multiplier",
        "block_multiple_of",
        "conv_L_cache",
        "conv_bias",
        "full_attn_idxs",
        "norm_eps",
        "tie_embedding",
    )
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "hidden_act", "mlp_bias", "rms_norm_eps")
    tied = True
    default_kv_heads = 8
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 1_000_000.0}
    norms = BlockNorms(before_attention="operator_norm", before_feed="ffn_norm")
    parts: ClassVar[tuple[str, str, str]] = ("w1", "w3", "w2")

    def __init__(self, setup: StackSetup) -> None:
        tied = setup.config.get("tie_embedding", "tie_word_embeddings")
        super().__init__(setup._replace(config=setup.config.changed(tie_word_embeddings=tied)))
        self.intermediate_size = self.read_width()
        self.width_of_convolution = self.config.count("conv_L_cache", default=3)

    @classmethod
    def usual_kinds(cls, config: Configuration, layers: int) -> list[str]:
        """Return attention in the layers of full_attn_idxs, or in all where the config has none."""
        chosen = range(layers) if config.get("full_attn_idxs") is None else config.token_ids("full_attn_idxs")
        return [FULL if number in chosen else cls.other for number in range(layers)]

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the mean of squares."""
        return self.config.number("norm_eps", default=self.default_epsilon)

    def activation_name(self) -> str:
        """Return the name of the feed-forward activation, which is always the same."""
        return "silu"

    def read_width(self) -> int:
        """Return the width of the feed-forward layers, which the config may ask to make two thirds of what it names."""
        width = self.config.count("block_ff_dim", "intermediate_size", default=self.intermediate_size)
        if not self.config.flag("block_auto_adjust_ff_dim", True):
            return width
        multiple = self.config.count("block_multiple_of", default=256)
        width = int(self.config.number("block_ffn_dim_multiplier", default=1.0) * int(2 * width / 3))
        return multiple * -(-width // multiple)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers of attention and feed-forward have a bias: none."""
        return False, False, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return normed queries [heads, n, d_h] and keys [kv_heads, n, d_h], and values [kv_heads, n, d_h]."""
        query, key, value = super().project(name, inputs)
        return (
            self.norm(f"{name}.q_layernorm", query, self.head_dim),
            self.norm(f"{name}.k_layernorm", key, self.head_dim),
            value,
        )

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        return linear(self.weights, f"{name}.out_proj", self.heads * self.head_dim, self.dim, bias=False)

    def mix(self, number: int, x: Float32) -> Float32:
        """Return out(c * conv(b * x')) of normed inputs x [n, dim], where b, c and x' are projections of x.

        (Liquid AI 2025: the gated short convolution, in which each feature has a kernel of its own.)
        """
        name = f"{self.layer.format(n=number)}.conv"
        bias = self.config.flag("conv_bias", False)
        projected = linear(self.weights, f"{name}.in_proj", self.dim, 3 * self.dim, bias=bias)(x)
        before, after, inner = np.split(projected, 3, axis=-1)
        kernel = self.weights.take(f"{name}.conv.weight", shape=(self.dim, 1, self.width_of_convolution))[:, 0]
        mixed = self.convolve(number, before * inner, kernel)
        if bias:
            mixed += self.weights.take(f"{name}.conv.bias", shape=(self.dim,))
        return linear(self.weights, f"{name}.out_proj", self.dim, self.dim, bias=bias)(after * mixed)

    def feed(self, number: int, x: Float32) -> Float32:
        """Return w2(silu(w1 x) * w3 x) of x [n, dim], the gated feed-forward (Shazeer 2020, equation 6)."""
        return self.gated(f"{self.layer.format(n=number)}.feed_forward", x, self.intermediate_size)

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return the gated feed-forward of x [n, dim] by the three matrices after `name`; width is the inner one."""
        gate, up, down = (f"{name}.{part}" for part in self.parts)
        inner = self.activation(linear(self.weights, gate, self.dim, width, bias=False)(x))
        inner *= linear(self.weights, up, self.dim, width, bias=False)(x)
        return linear(self.weights, down, width, self.dim, bias=False)(inner)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim], whose name is that of the embedding's."""
        return self.norm("embedding_norm", hidden, self.dim)


class Lfm2Moe(Mixture, Lfm2):
    """LFM2 with experts but in its first layers: sigmoids of the router, a bias that counts only for the choice."""

    reads: ClassVar[tuple[str, ...]] = (
        "moe_intermediate_size",
        "norm_topk_prob",
        "num_dense_layers",
        "routed_scaling_factor",
        "use_expert_bias",
    )
    unread: ClassVar[tuple[str, ...]] = (
        "block_auto_adjust_ff_dim",
        "block_ff_dim",
        "block_ffn_dim_multiplier",
        "block_multiple_of",
        "full_attn_idxs",
        "num_local_experts",
    )
    keys = Lfm2.keys._replace(dim=("hidden_size", 2048), intermediate_size=("intermediate_size", 7168))
    mixture = "feed_forward"
    parts = Lfm2.parts
    experts = 32
    chosen = 4
    count_keys = ("num_experts",)
    width_key = ("moe_intermediate_size", 1792)

    def read_width(self) -> int:
        """Return the width of the feed-forward layers without experts."""
        return self.intermediate_size

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: those from num_dense_layers on."""
        return number >= self.config.count("num_dense_layers", default=2, least=0)

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        scores = ACTIVATIONS["sigmoid"](self.router_logits(name, x))
        worth = scores
        if self.config.flag("use_expert_bias", True):
            worth = scores + self.weights.take(f"{name}.expert_bias", shape=(self.expert_count,))
        chosen = np.argsort(-worth, axis=-1, kind="stable")[:, : self.expert_choices]
        shares = np.take_along_axis(scores, chosen, -1)
        if self.config.flag("norm_topk_prob", True):
            shares /= shares.sum(axis=-1, keepdims=True) + np.float32(1e-6)
        return chosen, shares * np.float32(self.config.number("routed_scaling_factor", default=1.0))
