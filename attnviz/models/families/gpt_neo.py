"""GPT-Neo (Black et al. 2021), whose scores are not scaled, and GPTBigCode (Ben Allal et al. 2023), with one key head.

GPTBigCode is the family of SantaCoder and StarCoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from attnviz.core.errors import InputError
from attnviz.core.types import Booleans, Float32
from attnviz.models.families.base import ConfigKeys
from attnviz.models.families.layer_norm_decoder import DecoderNames, LayerNormDecoder, Projected
from attnviz.models.families.layers import causal_mask, heads_of


class GptNeo(LayerNormDecoder):
    """The decoder of GPT-Neo: some layers see a window."""

    keys = ConfigKeys(
        layers=("num_layers", 24),
        dim=("hidden_size", 2048),
        heads=("num_heads", 16),
        vocabulary=("vocab_size", 50257),
        positions=("max_position_embeddings", 2048),
    )
    names = DecoderNames(attention="attn.attention", output="out_proj")
    positions_table = "wpe.weight"
    default_activation = "gelu_new"
    reads: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "attention_types",
        "intermediate_size",
        "max_position_embeddings",
        "num_heads",
        "num_layers",
        "window_size",
    )
    harmless: ClassVar[dict[str, str]] = {"is_decoder": "family", "attention_layers": "record"}

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return self.config.count("intermediate_size", default=4 * self.dim)

    def activation_name(self) -> str:
        """Return the feed-forward layer's activation."""
        return self.config.word("activation_function", default=self.default_activation)

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Return for each layer "global" or "local": attention_types repeats lists of them."""
        given = self.config.get("attention_types")
        try:
            kinds = [
                kind for names, times in given or [[["global", "local"], 12]] for _ in range(times) for kind in names
            ]
        except (TypeError, ValueError):
            kinds = []
        if len(kinds) < self.shape.layers or not set(kinds) <= {"global", "local"}:
            raise InputError(
                "The model's config must give {name} as a list with an entry for each of the {layers} layers.",
                name="attention_types",
                layers=self.shape.layers,
            )
        return kinds

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, length]: local layers see window_size tokens, themselves among them."""
        width, causal = self.config.count("window_size", default=256), self.shape.causal
        widths = [width if self.kinds[number] == "local" else None for number in range(self.shape.layers)]
        return [causal_mask(self.length, one, self.start) if causal else None for one in widths]

    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, keys and values of inputs [n, dim], by matrices without a bias."""
        query, key, value = (
            heads_of(self.fused(f"{name}.{part}_proj", self.dim)(inputs), self.heads) for part in ("q", "k", "v")
        )
        return query, key, value

    def biases(self) -> tuple[bool, bool, bool, bool]:
        """Return which have a bias: all but the layers of Q, K and V."""
        return False, True, True, True

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention`: dot products as they are."""
        return super().score_options(number) | {"scale": 1.0}


class GptBigCode(LayerNormDecoder):
    """The decoder of GPTBigCode."""

    keys = ConfigKeys(
        layers=("n_layer", 12),
        dim=("n_embd", 768),
        heads=("n_head", 12),
        vocabulary=("vocab_size", 50257),
        positions=("n_positions", 1024),
    )
    positions_table = "wpe.weight"
    default_activation = "gelu_pytorch_tanh"
    reads: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "max_position_embeddings",
        "multi_query",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "scale_attn_weights",
    )
    harmless: ClassVar[dict[str, str]] = {"is_decoder": "family", "num_key_value_heads": "record"}

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return self.config.count("n_inner", default=4 * self.dim)

    def activation_name(self) -> str:
        """Return the feed-forward layer's activation."""
        return self.config.word("activation_function", default=self.default_activation)

    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, and one key and value head for all of them, or one for each."""
        if self.config.flag("multi_query", True):
            return self.one_after_another(self.fused(f"{name}.c_attn", self.dim + 2 * self.head_dim)(inputs), 1)
        return self.by_head(self.fused(f"{name}.c_attn", 3 * self.dim)(inputs))

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention` with the factor on dot products."""
        scale = self.head_dim**-0.5 if self.config.flag("scale_attn_weights", True) else 1.0
        return super().score_options(number) | {"scale": scale}
