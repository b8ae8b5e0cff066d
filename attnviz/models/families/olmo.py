"""OLMo (Groeneveld et al. 2024), OLMo 2 (OLMo team 2024) and OLMo 3 (OLMo team 2025)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.families.base import StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_kinds import SLIDING, TwoRotations
from attnviz.models.families.layers import layer_norm
from attnviz.models.families.llama import BlockNorms, Llama
from attnviz.models.families.rotary import rotary_kind


class _Olmo(Llama):
    """What they share: defaults, attention_bias, and queries, keys and values that clip_qkv may bound."""

    keys = Llama.keys._replace(vocabulary=("vocab_size", 50304))
    reads: ClassVar[tuple[str, ...]] = ("clip_qkv",)
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.clip = self.config.number("clip_qkv", default=0.0)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def adjust(self, name: str, part: str, x: Float32) -> Float32:
        """Return queries, keys or values [n, width] between -clip_qkv and clip_qkv, where the config gives it."""
        x = super().adjust(name, part, x)
        return x if not self.clip else np.clip(x, np.float32(-self.clip), np.float32(self.clip))


class FullWidthNorms(_Olmo):
    """OLMo with queries and keys that are normed over the features of all heads."""

    def adjust(self, name: str, part: str, x: Float32) -> Float32:
        """Return queries, keys or values [n, width], normed but for the values, then clipped."""
        normed = x if part == "v" else self.norm(f"{name}.{part}_norm", x, x.shape[-1])
        return super().adjust(name, part, normed)


class Olmo(_Olmo):
    """OLMo: layer norms without weights."""

    def norm(self, name: str, x: Float32, width: int) -> Float32:  # noqa: ARG002
        """Return the layer norm of x [..., width] without weight and bias."""
        return layer_norm(x, None, None, 1e-5)


class Olmo2(FullWidthNorms):
    """OLMo 2: norms after each sublayer in place of before."""

    default_epsilon = 1e-5
    norms = BlockNorms(
        before_attention=None,
        after_attention="post_attention_layernorm",
        before_feed=None,
        after_feed="post_feedforward_layernorm",
    )


class Olmo3(TwoRotations, Olmo2):
    """OLMo 3: three of four layers see a window, and only whole layers scale their positions."""

    unread: ClassVar[tuple[str, ...]] = ("rope_local_base_freq",)
    pattern = 4
    default_thetas: ClassVar[tuple[float, float]] = (10_000.0, 10_000.0)

    @classmethod
    def rotary_values(cls, config: Configuration, kind: str) -> Configuration:
        """Return the config with the rotary values of one kind of layer; older configs have one base for both."""
        if kind == SLIDING:
            return rotary_kind(config, kind, rope_theta=config.number("rope_theta", default=10_000.0))
        return super().rotary_values(config, kind)
