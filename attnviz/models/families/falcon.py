"""Falcon (Almazrouei et al. 2023): one key head, groups of them or as many as heads; both sublayers side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.positions import alibi_slopes
from attnviz.core.types import Float32
from attnviz.models.families.base import ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import Configuration, shared_heads
from attnviz.models.families.layer_norm_decoder import DecoderNames, LayerNormDecoder, Projected
from attnviz.models.families.rotary import longest_text, rotate, rotation_for


class Falcon(LayerNormDecoder):
    """The decoder of Falcon; new_decoder_architecture is that of its larger models."""

    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"apply_residual_connection_post_layernorm": (False,)}
    keys = ConfigKeys(
        layers=("num_hidden_layers", 32),
        dim=("n_embed", 4544),
        heads=("num_attention_heads", 71),
        vocabulary=("vocab_size", 65024),
        positions=("max_position_embeddings", 2048),
    )
    embedding = "word_embeddings.weight"
    names = DecoderNames(
        attention_norm="input_layernorm",
        attention="self_attention",
        output="dense",
        feed_norm="post_attention_layernorm",
        widen="mlp.dense_h_to_4h",
        narrow="mlp.dense_4h_to_h",
    )
    reads: ClassVar[tuple[str, ...]] = (
        "activation",
        "alibi",
        "bias",
        "ffn_hidden_size",
        "max_position_embeddings",
        "multi_query",
        "n_embed",
        "new_decoder_architecture",
        "num_kv_heads",
        "num_ln_in_parallel_attn",
        "original_max_position_embeddings",
        "parallel_attn",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.grouped = self.config.flag("new_decoder_architecture", False)
        groups = self.config.count("num_kv_heads", default=self.heads)
        one = self.config.flag("multi_query", True)
        self.kv_heads = shared_heads(groups if self.grouped else 1 if one else self.heads, self.heads)
        self.falls = self.config.flag("alibi", False)
        if not self.falls:
            self.rotation = rotation_for(self.config, self.head_dim, self.length, start=self.start, longest=2048)

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return longest_text(config, cls.keys.positions[1])

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return self.config.count("ffn_hidden_size", default=4 * self.dim)

    def activation_name(self) -> str:
        """Return the feed-forward layer's activation."""
        return self.config.word("activation", default=self.default_activation)

    def biases(self) -> tuple[bool, bool, bool, bool]:
        """Return which have a bias: all layers where the config says so, and the norms."""
        bias = self.config.flag("bias", False)
        return bias, bias, bias, True

    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, keys and values, rotated where there is no ALiBi.

        A key head and its value head stand after the queries that they serve.
        """
        count, width = self.heads // self.kv_heads, self.head_dim
        together = self.fused(f"{name}.query_key_value", (self.heads + 2 * self.kv_heads) * width)(inputs)
        parts = together.reshape(len(inputs), self.kv_heads, count + 2, width).transpose(1, 2, 0, 3)
        query = np.ascontiguousarray(parts[:, :-2]).reshape(self.heads, len(inputs), width)
        key, value = (np.ascontiguousarray(parts[:, place]) for place in (-2, -1))
        if self.falls:
            return query, key, value
        return rotate(query, self.rotation), rotate(key, self.rotation), value

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention`; ALiBi is in bfloat16, grows with the key's place, and is scaled too."""
        options = super().score_options(number)
        if not self.falls:
            return options
        slopes, places = (_to_bfloat16(one) for one in (alibi_slopes(self.heads), self.key_places))
        bias = _to_bfloat16(slopes[:, None] * places) * np.float32(self.head_dim**-0.5)
        return options | {"bias": np.broadcast_to(bias[:, None], (self.heads, len(self.places), self.length))}

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention and feed-forward side by side on [n, dim], or one after the other."""
        name = self.names.layer.format(n=number)
        two = self.grouped and self.config.count("num_ln_in_parallel_attn", default=2) == 2
        inputs = self.norm(f"{name}.ln_attn" if two else f"{name}.{self.names.attention_norm}", hidden)
        trace = self.attend(number, inputs)
        attended = hidden + trace.output
        if two:
            seen = self.norm(f"{name}.ln_mlp", hidden)
        elif self.grouped or self.config.flag("parallel_attn", True):
            seen = inputs
        else:
            seen = self.norm(f"{name}.{self.names.feed_norm}", attended)
        return LayerOutput(attended + self.feed(number, seen), trace)


def _to_bfloat16(numbers: np.ndarray[Any, Any]) -> Float32:
    """Return numbers rounded to bfloat16, to even where two are as near, as float32."""
    bits = np.ascontiguousarray(numbers, dtype=np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)
