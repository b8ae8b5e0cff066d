"""Qwen3-Next and Qwen3.5 (Qwen team 2025, 2026): every fourth layer has attention, the others are gated delta nets.

A gated delta net keeps one matrix a head in place of keys and values: each token lets it decay and writes what it does
not hold yet (Yang et al. 2024, "Gated Delta Networks", arXiv:2412.06464, equation 10). It has no attention weights. In
the layers of attention what the heads give is multiplied by a gate before W_o (Qiu et al. 2025, "Gated attention for
large language models", arXiv:2505.06708).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Float64
from attnviz.models.families.activations import ACTIVATIONS
from attnviz.models.families.base import NEEDLESS, StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.hybrid import Hybrid
from attnviz.models.families.layer_kinds import FULL
from attnviz.models.families.layers import attention, heads_of, linear, rms_norm
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Qwen2Moe
from attnviz.models.families.rotary import rotate

# How many tokens a gated delta net takes at once.
_CHUNK = 64


class DeltaInputs(NamedTuple):
    """What a gated delta net reads: queries, keys and values in one [n, 2 key_dim + value_dim], z [n, value_dim], b, a.

    z: what its output is gated by. b, a [n, value heads]: how much a token writes, and how far the matrix decays.
    """

    mixed: Float32
    z: Float32
    b: Float32
    a: Float32


class DeltaHybrid(Hybrid):
    """What they share: gated delta nets, gated attention with normed queries and keys, norms by 1 + weight.

    default_delta: the default numbers of key and value heads of a gated delta net, and their widths.
    """

    needless: ClassVar[tuple[str, ...]] = (*NEEDLESS, r"\.experts\.\d+\.", r"^mtp\.")
    prefixes: ClassVar[tuple[str, ...]] = ("", "model.", "model.language_model.", "language_model.model.")
    reads: ClassVar[tuple[str, ...]] = (
        "attention_bias",
        "full_attention_interval",
        "linear_conv_kernel_dim",
        "linear_key_head_dim",
        "linear_num_key_heads",
        "linear_num_value_heads",
        "linear_value_head_dim",
        "partial_rotary_factor",
    )
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)
    harmless: ClassVar[Mapping[str, str]] = {
        **Llama.harmless,
        "attn_output_gate": "family",
        "image_token_id": "alone",
        "video_token_id": "alone",
        "vision_end_token_id": "alone",
        "vision_start_token_id": "alone",
        "mamba_ssm_dtype": "running",
        "mrope_interleaved": "alone",
        "mrope_section": "alone",
        "mtp_num_hidden_layers": "alone",
        "mtp_use_dedicated_embeddings": "alone",
    }
    other = "linear_attention"
    default_head_dim: ClassVar[int | None] = 256
    rotary_defaults: ClassVar[dict[str, Any]] = {"names": {"share": "partial_rotary_factor"}, "share": 0.25}
    default_delta: ClassVar[tuple[int, int, int, int]] = (16, 32, 128, 128)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        names = ("linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim", "linear_value_head_dim")
        self.delta_heads, self.delta_value_heads, self.delta_key_dim, self.delta_value_dim = (
            self.config.count(name, default=default) for name, default in zip(names, self.default_delta, strict=True)
        )
        if self.delta_value_heads % self.delta_heads:
            raise InputError(
                "The model's config gives {groups} key heads of a gated delta net, which do not divide its {heads} "
                "value heads.",
                groups=self.delta_heads,
                heads=self.delta_value_heads,
            )
        self.delta_width = self.config.count("linear_conv_kernel_dim", default=4)

    @classmethod
    def usual_kinds(cls, config: Configuration, layers: int) -> list[str]:
        """Return attention in every full_attention_interval-th layer."""
        every = config.count("full_attention_interval", default=4)
        return [cls.other if (number + 1) % every else FULL for number in range(layers)]

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of x [..., width] times 1 + weight."""
        return rms_norm(x, 1 + self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on normed inputs [n, dim]: a half of each head's query rows makes its gate."""
        name = f"{self.layer.format(n=number)}.{self.attention_name}"
        bias, _, _ = self.biases()
        rows = linear(self.weights, f"{name}.q_proj", self.dim, 2 * self.heads * self.head_dim, bias=bias)(inputs)
        query, gate = np.split(heads_of(rows, self.heads), 2, axis=-1)
        width = self.kv_heads * self.head_dim
        key, value = (
            heads_of(linear(self.weights, f"{name}.{part}_proj", self.dim, width, bias=bias)(inputs), self.kv_heads)
            for part in ("k", "v")
        )
        query, key = (
            rotate(self.norm(f"{name}.{part}_norm", one, self.head_dim), self.rotation)
            for part, one in (("q", query), ("k", key))
        )
        gate = ACTIVATIONS["sigmoid"](gate)
        options = self.score_options(number)
        return attention(inputs, inputs, query, key, value, self.output_layer(name), gate=gate, **options)

    def mix(self, number: int, x: Float32) -> Float32:
        """Return what a gated delta net makes of normed inputs x [n, dim] (Yang et al. 2024, section 3.3)."""
        name, count = f"{self.layer.format(n=number)}.linear_attn", len(x)
        heads, key_width = self.delta_heads, self.delta_heads * self.delta_key_dim
        width = 2 * key_width + self.delta_value_heads * self.delta_value_dim
        read = self.delta_inputs(name, x)
        kernel = self.weights.take(f"{name}.conv1d.weight", shape=(width, 1, self.delta_width))[:, 0]
        mixed = self.activation(self.convolve(number, read.mixed, kernel))
        query, key, value = np.split(mixed, [key_width, 2 * key_width], axis=-1)
        decay_rate, shift = (self._each_head(f"{name}.{part}") for part in ("A_log", "dt_bias"))
        decay = -np.exp(decay_rate) * _softplus(read.a + shift)
        before = self.state_before(number, "delta", (self.delta_value_heads, self.delta_key_dim, self.delta_value_dim))
        found, state = gated_delta_rule(
            heads_of(query, heads),
            heads_of(key, heads),
            heads_of(value, self.delta_value_heads),
            decay.T,
            ACTIVATIONS["sigmoid"](read.b).T,
            before,
        )
        self.keep_state(number, "delta", state)
        rows = found.transpose(1, 0, 2)  # [n, value heads, d_v]
        gain = self.weights.take(f"{name}.norm.weight", shape=(self.delta_value_dim,))
        gated = rms_norm(rows, gain, self.epsilon) * ACTIVATIONS["silu"](read.z.reshape(rows.shape))
        flat = gated.reshape(count, -1)
        return linear(self.weights, f"{name}.out_proj", flat.shape[1], self.dim, bias=False)(flat)

    def _each_head(self, name: str) -> Float32:
        return self.weights.take(name, shape=(self.delta_value_heads,))

    def delta_inputs(self, name: str, x: Float32) -> DeltaInputs:
        """Return the projections of normed inputs x [n, dim], each by a matrix of its own."""
        keys, values = self.delta_heads * self.delta_key_dim, self.delta_value_heads * self.delta_value_dim
        widths = {"qkv": 2 * keys + values, "z": values, "b": self.delta_value_heads, "a": self.delta_value_heads}
        parts = (
            linear(self.weights, f"{name}.in_proj_{part}", self.dim, width, bias=False)(x)
            for part, width in widths.items()
        )
        return DeltaInputs(*parts)


def gated_delta_rule(
    query: Float32, key: Float32, value: Float32, decay: Float32, beta: Float32, state: Float32
) -> tuple[Float32, Float32]:
    """Return what queries read of each head's matrix after each token, [value heads, n, d_v], and the last matrices.

    The matrix S [d_k, d_v] of each head begins as `state` [value heads, d_k, d_v]; token t makes of it
    a_t S + k_t beta_t (v_t - k_t a_t S) and reads q_t S (Yang et al. 2024, equation 10), with q and k of length 1 and q
    divided by sqrt(d_k). Tokens are taken together in chunks (section 3.3, after Yang et al. 2024b, "Parallelizing
    linear transformers with the delta rule").
    query, key [heads, n, d_k], each serving value heads / heads in a row; value [value heads, n, d_v]; decay [value
    heads, n]: log a, at most 0; beta [value heads, n].
    """
    served = len(value) // len(key)
    # Errors of one token go on into all that follow: float32 loses four times as much over 150 tokens.
    queries, keys = (np.repeat(_unit_length(one.astype(np.float64)), served, axis=0) for one in (query, key))
    queries = queries * queries.shape[-1] ** -0.5
    memory, found = state.astype(np.float64), np.empty_like(value)
    for start in range(0, value.shape[1], _CHUNK):
        part = slice(start, start + _CHUNK)
        q, k, v, rate = queries[:, part], keys[:, part], value[:, part].astype(np.float64), beta[:, part, None]
        total = np.cumsum(decay[:, part], axis=1, dtype=np.float64)
        lower = np.tri(total.shape[1], dtype=bool)
        between = np.exp(np.where(lower, total[:, :, None] - total[:, None, :], -np.inf))
        system = np.tril((k * rate) @ k.swapaxes(1, 2) * between, -1) + np.eye(len(lower))
        sides = np.concatenate([v * rate, k * rate * np.exp(total)[..., None]], axis=-1)
        solved = np.linalg.solve(system, sides)
        written = solved[..., : v.shape[-1]] - solved[..., v.shape[-1] :] @ memory
        found[:, part] = (q * np.exp(total)[..., None]) @ memory + (q @ k.swapaxes(1, 2) * between) @ written
        last = total[:, -1:, None]
        memory = memory * np.exp(last) + (k * np.exp(last - total[..., None])).swapaxes(1, 2) @ written
    return found, memory.astype(np.float32)


def _unit_length(x: Float64) -> Float64:
    """Return x [..., d] divided by its length."""
    squares = np.einsum("...i,...i->...", x, x)[..., None]
    unit: Float64 = x / np.sqrt(squares + 1e-6)
    return unit


def _softplus(x: Float32) -> Float32:
    """Return log(1 + e^x)."""
    found: Float32 = np.logaddexp(np.float32(0), x)
    return found


class Qwen35(DeltaHybrid):
    """Qwen3.5: the parts of a gated delta net come out of a matrix each."""

    keys = Llama.keys._replace(
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 12288),
        vocabulary=("vocab_size", 248_320),
        positions=("max_position_embeddings", 32768),
    )
    default_kv_heads = 4


class Qwen35Moe(DeltaHybrid, Qwen2Moe):
    """Qwen3.5 with experts in every layer, whose shares sum to 1, and one that sees every token."""

    unread: ClassVar[tuple[str, ...]] = (
        "decoder_sparse_step",
        "max_window_layers",
        "mlp_only_layers",
        "norm_topk_prob",
        "num_local_experts",
        "qkv_bias",
        "sliding_window",
        "use_sliding_window",
    )
    keys = Qwen35.keys._replace(
        layers=("num_hidden_layers", 40), dim=("hidden_size", 2048), intermediate_size=("intermediate_size", 5632)
    )
    default_kv_heads = 2
    experts = 256
    count_keys = ("num_experts",)
    width_key = ("moe_intermediate_size", 512)
    default_shared_width = 512

    def read_renormalize(self) -> bool:
        """Return whether the shares of a token's experts sum to 1: always."""
        return True

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: each of them."""
        return number >= 0

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window: none."""
        return [None] * self.shape.layers


class Qwen3Next(Qwen35Moe):
    """Qwen3-Next: the parts of a gated delta net come out of two matrices, by key head; some layers have no experts."""

    reads: ClassVar[tuple[str, ...]] = ("decoder_sparse_step", "mlp_only_layers", "norm_topk_prob")
    keys = Qwen35Moe.keys._replace(layers=("num_hidden_layers", 48), vocabulary=("vocab_size", 151_936))
    experts = 512
    chosen = 10

    def read_renormalize(self) -> bool:
        """Return norm_topk_prob."""
        return self.config.flag("norm_topk_prob", True)

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: see Qwen2Moe."""
        return Qwen2Moe.is_mixture(self, number)

    def delta_inputs(self, name: str, x: Float32) -> DeltaInputs:
        """Return the projections of normed inputs x [n, dim]: parts of each key head's rows, in this order."""
        served, heads, count = self.delta_value_heads // self.delta_heads, self.delta_heads, len(x)
        key, values = self.delta_key_dim, served * self.delta_value_dim
        width = heads * 2 * (key + values)
        wide = linear(self.weights, f"{name}.in_proj_qkvz", self.dim, width, bias=False)(x).reshape(count, heads, -1)
        narrow = linear(self.weights, f"{name}.in_proj_ba", self.dim, 2 * heads * served, bias=False)(x)
        parts = [part.reshape(count, -1) for part in np.split(wide, [key, 2 * key, 2 * key + values], axis=-1)]
        b, a = (part.reshape(count, -1) for part in np.split(narrow.reshape(count, heads, -1), 2, axis=-1))
        return DeltaInputs(np.concatenate(parts[:3], axis=-1), parts[3], b, a)
