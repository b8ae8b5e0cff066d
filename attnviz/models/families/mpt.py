"""MPT (MosaicML 2023): ALiBi, and no bias anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.families.base import ConfigKeys, StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_norm_decoder import DecoderNames, LayerNormDecoder, Projected

# What attn_config may say of an attention that is computed.
_INNER: dict[str, tuple[Any, ...]] = {
    "alibi": (True,),
    "alibi_bias_max": (8,),
    "attn_type": ("multihead_attention",),
    "prefix_lm": (False,),
    "qk_ln": (False,),
}


class Mpt(LayerNormDecoder):
    """The decoder of MPT."""

    keys = ConfigKeys(
        layers=("n_layers", 24),
        dim=("d_model", 2048),
        heads=("n_heads", 16),
        vocabulary=("vocab_size", 50368),
        positions=("max_seq_len", 2048),
    )
    names = DecoderNames("blocks.{n}", "norm_1", "attn", "out_proj", "norm_2", "ffn.up_proj", "ffn.down_proj", "norm_f")
    reads: ClassVar[tuple[str, ...]] = (
        "attn_config",
        "d_model",
        "max_position_embeddings",
        "max_seq_len",
        "n_heads",
        "n_layers",
    )
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "expansion_ratio": (4,),
        "logit_scale": (),
        "no_bias": (True,),
        "norm_type": ("low_precision_layernorm", "layernorm"),
    }
    harmless: ClassVar[Mapping[str, str]] = {
        "embedding_fraction": "training",
        "init_device": "running",
        "learned_pos_emb": "family",
    }

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        given = self.config.get("attn_config")
        self.of_attention = Configuration({} if given is None else given)
        for name, known in _INNER.items():
            value = self.of_attention.get(name)
            if value is not None and value not in known:
                raise InputError(
                    "config.json gives {key} = {value!r}, which changes what a layer computes; of {family} attnviz "
                    "computes only models without it.",
                    key=f"attn_config.{name}",
                    value=value,
                    family="MPT",
                )
        self.clip = self.of_attention.number("clip_qkv", default=0.0)
        self.scale = self.of_attention.number("softmax_scale", default=self.head_dim**-0.5)

    def biases(self) -> tuple[bool, bool, bool, bool]:
        """Return which have a bias: none."""
        return False, False, False, False

    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, keys and values, each number between -clip_qkv and clip_qkv."""
        together = self.fused(f"{name}.Wqkv", 3 * self.dim)(inputs)
        if self.clip:
            together = np.clip(together, np.float32(-self.clip), np.float32(self.clip))
        return self.one_after_another(together, self.heads)

    @cached_property
    def slopes(self) -> np.ndarray[Any, Any]:
        """Return each head's slope, [heads].

        Where their number is no power of two: every second one of the power above it, then the others.
        """
        power = 1 << (self.heads - 1).bit_length()
        slopes: np.ndarray[Any, Any] = np.exp2(-8 / power * np.arange(1, power + 1))
        if power != self.heads:
            slopes = np.concatenate([slopes[1::2], slopes[::2]])[: self.heads]
        return slopes

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention` with the bias of distance."""
        return super().score_options(number) | {"bias": self.falling(self.slopes), "scale": self.scale}
