"""BLOOM (BigScience 2022): scores fall with distance, ALiBi, and the embedding has a norm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from attnviz.core.positions import alibi_slopes
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import ConfigKeys, LayerOutput, ModelShape
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_norm_decoder import DecoderNames, LayerNormDecoder, Projected


class Bloom(LayerNormDecoder):
    """The decoder of BLOOM."""

    keys = ConfigKeys(
        layers=("n_layer", 2), dim=("n_embed", 64), heads=("n_head", 8), vocabulary=("vocab_size", 250_880)
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
    default_activation = "gelu_new"
    reads: ClassVar[tuple[str, ...]] = ("apply_residual_connection_post_layernorm", "n_embed", "n_head", "n_layer")

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone; a text may have any length."""
        return replace(super().read_shape(config, family), positions=None)

    @classmethod
    def read_positions(cls, config: Configuration) -> int:  # noqa: ARG003
        """Return 0: there is no table of positions."""
        return 0

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors, normed: [n, dim]."""
        return self.norm("word_embeddings_layernorm", super().embed(ids, segments))

    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, keys and values of inputs [n, dim]."""
        return self.by_head(self.fused(f"{name}.query_key_value", 3 * self.dim)(inputs))

    def score_options(self, number: int) -> dict[str, Any]:
        """Return the options of `attention` with the bias of distance."""
        return super().score_options(number) | {"bias": self.falling(alibi_slopes(self.heads))}

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run a layer on [n, dim]; the residuals may be the normed states."""
        if not self.config.flag("apply_residual_connection_post_layernorm", False):
            return super().forward_layer(number, hidden)
        name = self.names.layer.format(n=number)
        inputs = self.norm(f"{name}.{self.names.attention_norm}", hidden)
        trace = self.attend(number, inputs)
        seen = self.norm(f"{name}.{self.names.feed_norm}", inputs + trace.output)
        return LayerOutput(seen + self.feed(number, seen), trace)
