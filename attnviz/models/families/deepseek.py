"""DeepSeek-V2 and V3 (DeepSeek-AI 2024), and GLM-4.5 and GLM-4.7-Flash (GLM team 2025), whose experts are V3's.

Latent attention: keys and values are made from one narrow vector a token, and what carries positions is a part of each
query and one key that all heads share (DeepSeek-AI 2024, "DeepSeek-V2", section 2.1). Experts stand in groups, of which
only the best are looked at, and some experts see every token ("DeepSeek-V3", section 2.1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.base import NEEDLESS, StackSetup
from attnviz.models.families.layers import Linear, attention, heads_of, linear, rms_norm
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture
from attnviz.models.families.rotary import rotate, temperature_of_scores

# What the norms of the narrow vectors add to the mean of squares, whatever the config says.
_LATENT_EPSILON = 1e-6


class LatentAttention(Llama):
    """Llama with latent attention.

    default_ranks: the default widths of the narrow vectors, of queries and of keys and values. default_widths: those of
    a head's part without positions, of that with them, and of its values.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "kv_lora_rank",
        "q_lora_rank",
        "qk_nope_head_dim",
        "qk_rope_head_dim",
        "v_head_dim",
    )
    unread: ClassVar[tuple[str, ...]] = ("head_dim",)
    harmless: ClassVar[Mapping[str, str]] = {"head_dim": "family", "qk_head_dim": "family"}
    halves = False
    default_ranks: ClassVar[tuple[int, int]] = (1536, 512)
    default_widths: ClassVar[tuple[int, int, int]] = (128, 64, 128)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        if self.kv_heads != self.heads:
            raise InputError(
                "The model's config gives {groups} key and value heads; with latent attention there are as many as "
                "heads, {heads}.",
                groups=self.kv_heads,
                heads=self.heads,
            )
        plain, _, values = self.default_widths
        self.plain_dim = self.config.count("qk_nope_head_dim", default=plain)
        self.value_dim = self.config.count("v_head_dim", default=values)
        self.query_rank = self.config.optional_count("q_lora_rank", self.default_ranks[0])
        self.latent_rank = self.config.count("kv_lora_rank", default=self.default_ranks[1])

    def _read_head_dim(self) -> int:
        """Return the width of the part of a head that is rotated."""
        return self.config.count("qk_rope_head_dim", default=self.default_widths[1])

    @property
    def scale(self) -> float:
        """Return the factor on the dot products."""
        return float((self.plain_dim + self.head_dim) ** -0.5) * temperature_of_scores(self.config)

    def attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on normed inputs [n, dim] (DeepSeek-V2, equations 9 to 19)."""
        name = f"{self.layer.format(n=number)}.{self.attention_name}"
        bias, _, _ = self.biases()
        plain_query, query = np.split(self._queries(name, inputs, bias=bias), [self.plain_dim], axis=-1)
        width = self.latent_rank + self.head_dim
        narrow = linear(self.weights, f"{name}.kv_a_proj_with_mqa", self.dim, width, bias=bias)(inputs)
        latent, key = np.split(narrow, [self.latent_rank], axis=-1)
        normed = self._latent_norm(f"{name}.kv_a_layernorm", latent, self.latent_rank)
        width = self.heads * (self.plain_dim + self.value_dim)
        wide = heads_of(
            linear(self.weights, f"{name}.kv_b_proj", self.latent_rank, width, bias=False)(normed), self.heads
        )
        plain_key, value = np.split(wide, [self.plain_dim], axis=-1)
        query, key = (rotate(one, self.rotation, halves=self.rotates_halves()) for one in (query, key[None]))
        shared = np.broadcast_to(key, (self.heads, *key.shape[1:]))
        query, key = self.after_rotation(
            name, np.concatenate([plain_query, query], axis=-1), np.concatenate([plain_key, shared], axis=-1)
        )
        return attention(
            inputs,
            inputs,
            query,
            key,
            np.ascontiguousarray(value),
            self.output_layer(name),
            **self.score_options(number),
        )

    def rotates_halves(self) -> bool:
        """Return whether the pairs that are rotated are halves, not neighbours."""
        return self.halves

    def _queries(self, name: str, inputs: Float32, *, bias: bool) -> Float32:
        """Return queries [heads, n, d_h], by way of a narrow vector where there is a rank for it."""
        width = self.heads * (self.plain_dim + self.head_dim)
        if self.query_rank is None:
            return heads_of(linear(self.weights, f"{name}.q_proj", self.dim, width, bias=False)(inputs), self.heads)
        narrow = linear(self.weights, f"{name}.q_a_proj", self.dim, self.query_rank, bias=bias)(inputs)
        normed = self._latent_norm(f"{name}.q_a_layernorm", narrow, self.query_rank)
        return heads_of(
            linear(self.weights, f"{name}.q_b_proj", self.query_rank, width, bias=False)(normed), self.heads
        )

    def _latent_norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of narrow vectors x [n, width]."""
        return rms_norm(x, self.weights.take(f"{name}.weight", shape=(width,)), _LATENT_EPSILON)

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        _, bias, _ = self.biases()
        return linear(self.weights, f"{name}.o_proj", self.heads * self.value_dim, self.dim, bias=bias)


class SharedExperts(Mixture):
    """Experts behind a router, and some that see every token; the first layers have none.

    dense: the default number of layers without experts. shared_key: the config's name of the number of experts that
    see every token.
    """

    needless = (*NEEDLESS, r"\.experts\.\d+\.", r"\.(eh_proj|enorm|hnorm|shared_head|embed_tokens)\.")
    reads: ClassVar[tuple[str, ...]] = (
        "first_k_dense_replace",
        "moe_intermediate_size",
        "n_group",
        "n_routed_experts",
        "n_shared_experts",
        "routed_scaling_factor",
        "topk_group",
    )
    unread: ClassVar[tuple[str, ...]] = ("num_experts", "num_local_experts")
    harmless: ClassVar[Mapping[str, str]] = {
        "aux_loss_alpha": "training",
        "ep_size": "running",
        "num_nextn_predict_layers": "alone",
        "seq_aux": "training",
    }
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {"moe_layer_freq": (1,)}
    count_keys = ("n_routed_experts",)
    shared_key: ClassVar[str] = "n_shared_experts"
    shared: ClassVar[int] = 1
    dense: ClassVar[int] = 1
    scaling: ClassVar[float] = 1.0
    default_groups: ClassVar[tuple[int, int]] = (1, 1)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        groups, kept = self.default_groups
        self.groups = self.config.count("n_group", default=groups)
        self.kept_groups = self.config.count("topk_group", default=min(kept, self.groups), most=self.groups)
        if self.expert_count % self.groups:
            raise InputError(
                "The model's config gives {groups} groups, which do not divide its {experts} experts.",
                groups=self.groups,
                experts=self.expert_count,
            )
        self.shared_count = self.config.count(self.shared_key, default=self.shared)

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts."""
        return number >= self.config.count("first_k_dense_replace", default=self.dense, least=0)

    def feed(self, number: int, x: Float32) -> Float32:
        """Return what the chosen experts make of each token, plus what the shared ones make of it: [n, dim]."""
        output = super().feed(number, x)
        if not self.is_mixture(number):
            return output
        name = f"{self.layer.format(n=number)}.{self.mixture}.shared_experts"
        return output + self.gated(name, x, self.expert_width * self.shared_count)

    def grouped(self, worth: Float32, best: int, other: float) -> Float32:
        """Return how well experts fit, [n, experts], with `other` for those outside of a token's groups.

        A group is worth the sum of its `best` best experts.
        """
        groups = worth.reshape(len(worth), self.groups, -1)
        sums = np.sort(groups, axis=-1)[..., -best:].sum(axis=-1)
        kept = np.argsort(-sums, axis=-1, kind="stable")[:, : self.kept_groups]
        inside = np.zeros(sums.shape, dtype=bool)
        np.put_along_axis(inside, kept, True, axis=-1)
        limited: Float32 = np.where(inside[..., None], groups, np.float32(other)).reshape(worth.shape)
        return limited


class SigmoidRouting(SharedExperts):
    """DeepSeek-V3's router: sigmoids, with a bias that counts only for the choice (DeepSeek-V3, equations 12 to 16)."""

    reads: ClassVar[tuple[str, ...]] = ("norm_topk_prob",)
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {
        "moe_layer_freq": (1,),
        "scoring_func": ("sigmoid",),
        "topk_method": ("noaux_tc",),
    }
    experts = 256
    chosen = 8
    width_key = ("moe_intermediate_size", 2048)

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        scores = ACTIVATIONS["sigmoid"](self.router_logits(name, x))
        ending = "e_score_correction_bias"
        bias = self.weights.take(f"{name}.{self.router}.{ending}", f"{name}.{ending}", shape=(self.expert_count,))
        worth = self.grouped(scores + bias, 2, -np.inf)
        chosen = np.argsort(-worth, axis=-1, kind="stable")[:, : self.expert_choices]
        shares = np.take_along_axis(scores, chosen, -1)
        if self.config.flag("norm_topk_prob", self.renormalize):
            shares /= shares.sum(axis=-1, keepdims=True) + np.float32(1e-20)
        return chosen, shares * np.float32(self.config.number("routed_scaling_factor", default=self.scaling))


class SwitchedLatentAttention(LatentAttention):
    """DeepSeek-V3's latent attention: biases and the way of rotating are switches of the config."""

    reads: ClassVar[tuple[str, ...]] = ("rope_interleave",)
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)

    def rotates_halves(self) -> bool:
        """Return whether the pairs that are rotated are halves: where rope_interleave is false."""
        return not self.config.flag("rope_interleave", True)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: the first of queries and keys, and W_o, where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False


class DeepseekV3(SigmoidRouting, SwitchedLatentAttention):
    """DeepSeek-V3 and R1."""

    harmless: ClassVar[Mapping[str, str]] = {**SharedExperts.harmless, **LatentAttention.harmless}
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 61),
        dim=("hidden_size", 7168),
        heads=("num_attention_heads", 128),
        intermediate_size=("intermediate_size", 18432),
        vocabulary=("vocab_size", 129_280),
        positions=("max_position_embeddings", 4096),
    )
    dense = 3
    scaling = 2.5
    default_groups = (8, 4)


class Youtu(SwitchedLatentAttention):
    """Youtu-LLM (Tencent Youtu Lab 2025): latent attention without experts."""

    harmless: ClassVar[Mapping[str, str]] = {**LatentAttention.harmless, "embedding_initializer_range": "training"}
    keys = Llama.keys._replace(
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 6144),
        vocabulary=("vocab_size", 128_256),
        positions=("max_position_embeddings", 131_072),
    )
    tied = True


class Glm4MoeLite(DeepseekV3):
    """GLM-4.7-Flash: DeepSeek-V3 in another size, with a list of the layers that have experts."""

    reads: ClassVar[tuple[str, ...]] = ("mlp_layer_types",)
    unread: ClassVar[tuple[str, ...]] = ("first_k_dense_replace",)
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {**SigmoidRouting.fixed, "first_k_dense_replace": (1,)}
    keys = DeepseekV3.keys._replace(
        layers=("num_hidden_layers", 47),
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 20),
        intermediate_size=("intermediate_size", 10240),
        vocabulary=("vocab_size", 154_880),
        positions=("max_position_embeddings", 202_752),
    )
    default_epsilon = 1e-5
    default_ranks = (768, 512)
    default_widths = (192, 64, 256)
    experts = 64
    chosen = 4
    width_key = ("moe_intermediate_size", 1536)
    scaling = 1.8
    default_groups = (1, 1)

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: as mlp_layer_types says, or else all but the first."""
        kinds = self.config.per_layer("mlp_layer_types", self.shape.layers)
        return number >= 1 if kinds is None else kinds[number] == "sparse"


class Glm4Moe(SigmoidRouting):
    """GLM-4.5 to 4.7: half of each head rotated, and queries and keys normed where use_qk_norm says so."""

    reads: ClassVar[tuple[str, ...]] = ("partial_rotary_factor", "use_qk_norm")
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 46),
        dim=("hidden_size", 4096),
        heads=("num_attention_heads", 96),
        intermediate_size=("intermediate_size", 10944),
        vocabulary=("vocab_size", 151_552),
        positions=("max_position_embeddings", 131_072),
    )
    default_kv_heads = 8
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "names": {"share": "partial_rotary_factor"},
        "share": 0.5,
        "rounds_up": True,
    }
    experts = 128
    width_key = ("moe_intermediate_size", 1408)

    def _read_head_dim(self) -> int:
        """Return the width of one head: an equal share where the config is silent, or else that of GLM-4.5."""
        return self.config.count("head_dim", default=128 if self.dim % self.heads else self.dim // self.heads)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V where attention_bias says so."""
        return self.config.flag("attention_bias", False), False, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values; queries and keys normed head by head where use_qk_norm says so."""
        query, key, value = super().project(name, inputs)
        if self.config.flag("use_qk_norm", False):
            query, key = (
                self.norm(f"{name}.q_norm", query, self.head_dim),
                self.norm(f"{name}.k_norm", key, self.head_dim),
            )
        return query, key, value


class DeepseekV2(SharedExperts, LatentAttention):
    """DeepSeek-V2 and V2-Lite: softmax routing, of V2 in groups (DeepSeek-V2, section 2.2)."""

    reads: ClassVar[tuple[str, ...]] = ("topk_method",)
    harmless: ClassVar[Mapping[str, str]] = {**SharedExperts.harmless, **LatentAttention.harmless}
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {
        "moe_layer_freq": (1,),
        "norm_topk_prob": (False,),
        "scoring_func": ("softmax",),
    }
    keys = Llama.keys._replace(vocabulary=("vocab_size", 102_400))
    experts = 64
    chosen = 6
    shared = 2
    dense = 0
    width_key = ("moe_intermediate_size", 1407)

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]."""
        scores = np.asarray(softmax(self.router_logits(name, x)), dtype=np.float32)
        method = self.config.word("topk_method", default="greedy")
        if method == "group_limited_greedy":
            scores = self.grouped(scores, 1, 0.0)
        elif method != "greedy":
            raise InputError(
                "The model's topk_method must be greedy or group_limited_greedy, not {name!r}.", name=method
            )
        chosen = np.argsort(-scores, axis=-1, kind="stable")[:, : self.expert_choices]
        factor = self.config.number("routed_scaling_factor", default=self.scaling)
        return chosen, np.take_along_axis(scores, chosen, -1) * np.float32(factor)


class SolarOpen(SigmoidRouting):
    """Solar Open (Upstage 2025): Llama with DeepSeek-V3's experts in every layer."""

    reads: ClassVar[tuple[str, ...]] = ("partial_rotary_factor",)
    unread: ClassVar[tuple[str, ...]] = ("first_k_dense_replace", "mlp_bias")
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {**SigmoidRouting.fixed, "first_k_dense_replace": (0,)}
    keys = Glm4Moe.keys._replace(
        layers=("num_hidden_layers", 48), heads=("num_attention_heads", 64), vocabulary=("vocab_size", 196_608)
    )
    default_kv_heads = 8
    default_head_dim = 128
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "theta": 1_000_000.0,
        "names": {"share": "partial_rotary_factor"},
        "share": 1.0,
    }
    experts = 128
    width_key = ("moe_intermediate_size", 1280)

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: each of them."""
        return number >= 0

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V where attention_bias says so."""
        return self.config.flag("attention_bias", False), False, False
