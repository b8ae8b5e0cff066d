"""Gemma and Gemma 2 (Gemma team 2024), Gemma 3 (Gemma team 2025), and EmbeddingGemma (Vera et al. 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.base import ConfigKeys, ModelShape, StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_kinds import LayerKinds, TwoRotations
from attnviz.models.families.layers import rms_norm, soft_cap, window_mask
from attnviz.models.families.llama import BlockNorms, Llama


class Gemma(Llama):
    """Gemma (Gemma team 2024): norms by 1 + weight, embeddings times sqrt(dim), tied."""

    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"use_bidirectional_attention": (False,)}
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family", "hidden_activation": "family"}

    keys = ConfigKeys(
        layers=("num_hidden_layers", 28),
        dim=("hidden_size", 3072),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 24576),
        vocabulary=("vocab_size", 256_000),
        positions=("max_position_embeddings", 8192),
        activation=("hidden_act", "gelu_pytorch_tanh"),
    )
    tied = True
    default_kv_heads = 16
    default_head_dim = 256

    def activation_name(self) -> str:
        """Return the activation's name: early configs say gelu and mean its approximation."""
        name = super().activation_name()
        return "gelu_pytorch_tanh" if name == "gelu" else name

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of x [..., width] times 1 + weight."""
        return rms_norm(x, 1 + self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors [n, dim] times sqrt(dim)."""
        hidden = super().embed(ids, segments)
        hidden *= np.float32(self.dim**0.5)
        return hidden


class Gemma2(LayerKinds, Gemma):
    """Gemma 2: scores and logits are capped, every other layer sees a window, sublayers have a norm after them too.

    default_caps: of the scores and of the logits.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "hidden_activation",
        "layer_types",
        "query_pre_attn_scalar",
        "sliding_window",
        "sliding_window_pattern",
    )
    keys = ConfigKeys(
        layers=("num_hidden_layers", 26),
        dim=("hidden_size", 2304),
        heads=("num_attention_heads", 8),
        intermediate_size=("intermediate_size", 9216),
        vocabulary=("vocab_size", 256_000),
        positions=("max_position_embeddings", 8192),
        activation=("hidden_activation", "gelu_pytorch_tanh"),
    )
    norms = BlockNorms(
        after_attention="post_attention_layernorm",
        before_feed="pre_feedforward_layernorm",
        after_feed="post_feedforward_layernorm",
    )
    default_kv_heads = 4
    default_caps: ClassVar[tuple[float | None, float | None]] = (50.0, 30.0)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        names = ("attn_logit_softcapping", "final_logit_softcapping")
        self.cap, self.logit_cap = (
            self._optional_number(name, default) for name, default in zip(names, self.default_caps, strict=True)
        )

    def _optional_number(self, name: str, default: float | None) -> float | None:
        """Return a number above 0, or None where it stands as null or 0."""
        if name not in self.config.values:
            return default
        return self.config.number(name, default=0.0) or None

    def activation_name(self) -> str:
        """Return the activation's name."""
        return self.config.word("hidden_activation", "hidden_act", default=self.keys.activation[1])

    @property
    def scale(self) -> float:
        """Return 1 / sqrt(query_pre_attn_scalar)."""
        return float((self.config.number("query_pre_attn_scalar", default=256.0) or 1.0) ** -0.5)

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention` with the cap of the scores."""
        return super().score_options(number) | {"cap": self.cap}

    def score(self, hidden: Float32) -> Float32:
        """Return the capped logits [n, vocabulary]."""
        return soft_cap(super().score(hidden), self.logit_cap)


class VaultGemma(Gemma2):
    """VaultGemma (Google 2025): Gemma 2 without the norms after its sublayers."""

    norms = BlockNorms(before_feed="pre_feedforward_layernorm")


class Gemma3(TwoRotations, Gemma2):
    """Gemma 3, and EmbeddingGemma: queries and keys are normed, layers with a window have a rotation of their own."""

    reads: ClassVar[tuple[str, ...]] = (
        "layer_types",
        "rope_local_base_freq",
        "sliding_window",
        "sliding_window_pattern",
        "use_bidirectional_attention",
    )
    keys = Gemma2.keys._replace(vocabulary=("vocab_size", 262_208), positions=("max_position_embeddings", 131_072))
    pattern = 6
    default_caps = (None, None)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.cap = None  # a key of the config without a meaning: transformers does not read it

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone; use_bidirectional_attention makes an encoder of it."""
        shape = super().read_shape(config, family)
        return shape if not config.flag("use_bidirectional_attention", False) else replace(shape, causal=False)

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, n]; where both directions are seen, half of the window lies on each side."""
        if self.shape.causal:
            return super().masks
        return [None if width is None else window_mask(self.length, width // 2) for width in self.windows]

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return normed queries [heads, n, d_h] and keys [kv_heads, n, d_h], and values [kv_heads, n, d_h]."""
        query, key, value = super().project(name, inputs)
        return (
            self.norm(f"{name}.q_norm", query, self.head_dim),
            self.norm(f"{name}.k_norm", key, self.head_dim),
            value,
        )
