"""Encoders of BERT's kind with the norm before each sublayer, and one after the last layer.

Megatron-BERT (Shoeybi et al. 2019), RoBERTa-PreLayerNorm (Ott et al. 2019), XLM-RoBERTa-XL (Goyal et al. 2021), X-MOD
(Pfeiffer et al. 2022), and ESM, which reads proteins (Rives et al. 2021; ESM-2: Lin et al. 2023).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.i18n.messages import message
from attnviz.models.families.activations import Activation, gelu
from attnviz.models.families.base import NEEDLESS, ConfigKeys, LayerOutput, StackSetup, refuse_segments
from attnviz.models.families.bert import Bert, LayerNames, Roberta, XlmRoberta
from attnviz.models.families.layers import attention, linear, take_layer_norm
from attnviz.models.families.rotary import rotate, rotation_for

# The share of masked tokens in the training of every ESM model, times that of those that were hidden (EsmEmbeddings).
_MASKED_IN_TRAINING = 0.15 * 0.8


class PreNormBert(Bert):
    """The layers of such encoders, where names.attention_norm and names.norm come before their sublayers.

    final_norm: the name of the norm after the last layer; embedding_norm: whether the embeddings have one.
    """

    final_norm: ClassVar[str]
    embedding_norm: ClassVar[bool] = True

    def norm_embeddings(self, hidden: Float32) -> Float32:
        """Return the embeddings [n, dim], normed where they are."""
        return super().norm_embeddings(hidden) if self.embedding_norm else hidden

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on [n, dim] (Xiong et al. 2020, figure 1b)."""
        names = LayerNames(*(f"{self.layer_name(number)}.{part}" for part in self.names))
        trace = self.attend(number, names, self.norm(names.attention_norm, hidden))
        hidden = hidden + trace.output
        hidden += self.feed(names, self.norm(names.norm, hidden))
        return LayerOutput(hidden, trace)

    def norm(self, name: str, hidden: Float32) -> Float32:
        """Return the layer norm of hidden states [n, dim]."""
        return take_layer_norm(self.weights, name, self.dim, hidden, self.epsilon)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm(self.final_norm, hidden)


class MegatronBert(PreNormBert):
    """Megatron-BERT: no norm of the embeddings."""

    final_norm = "encoder.ln"
    embedding_norm = False
    names = LayerNames(attention_norm="attention.ln", norm="ln")
    keys = ConfigKeys(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 1024),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 4096),
        vocabulary=("vocab_size", 29056),
    )


class RobertaPreLayerNorm(PreNormBert, Roberta):
    """RoBERTa with the norms before its sublayers, and one of the embeddings."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "roberta_prelayernorm.")
    final_norm = "LayerNorm"
    names = LayerNames(attention_norm="attention.LayerNorm", norm="intermediate.LayerNorm")


class XlmRobertaXl(PreNormBert, XlmRoberta):
    """XLM-RoBERTa-XL: no norm of the embeddings."""

    final_norm = "encoder.LayerNorm"
    embedding_norm = False
    default_segments = 1
    names = LayerNames(attention_norm="attention.self_attn_layer_norm", norm="LayerNorm")
    default_epsilon = 1e-5
    keys = ConfigKeys(
        layers=("num_hidden_layers", 36),
        dim=("hidden_size", 2560),
        heads=("num_attention_heads", 32),
        intermediate_size=("intermediate_size", 10240),
        vocabulary=("vocab_size", 250_880),
        positions=("max_position_embeddings", 514),
    )


class Xmod(PreNormBert, XlmRoberta):
    """X-MOD: an adapter for each language after the feed-forward layer; the config's default language is computed."""

    final_norm = "encoder.LayerNorm"
    reads: ClassVar[tuple[str, ...]] = (
        "adapter_layer_norm",
        "adapter_reduction_factor",
        "adapter_reuse_layer_norm",
        "default_language",
        "ln_before_adapter",
        "pre_norm",
    )
    harmless: ClassVar[Mapping[str, str]] = {"languages": "tensors"}
    needless: ClassVar[tuple[str, ...]] = (*NEEDLESS, r"\.adapter_modules\.")
    notes = (message("X-MOD has an adapter for each language: that of the config's default_language is applied."),)

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.before = self.config.flag("pre_norm", False)
        self.language = self.config.word("default_language", default="")

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run a layer, with its norms before or after the sublayers, as the config says."""
        names = LayerNames(*(f"{self.layer_name(number)}.{part}" for part in self.names))
        trace = self.attend(number, names, self.norm(names.attention_norm, hidden) if self.before else hidden)
        hidden = hidden + trace.output
        if not self.before:
            hidden = self.norm(names.attention_norm, hidden)
        fed = self.feed(names, self.norm(names.norm, hidden) if self.before else hidden) + hidden
        fed = self._adapt(f"{self.layer_name(number)}.output", fed)
        return LayerOutput(fed if self.before else self.norm(names.norm, fed), trace)

    def _adapt(self, name: str, hidden: Float32) -> Float32:
        """Return hidden states [n, dim] with the output of the language's adapter added (Pfeiffer et al. 2022, 3.1)."""
        if not self.language:
            raise InputError("The model's config names no default_language, so no adapter can be chosen.")
        normed = hidden
        if self.config.flag("adapter_layer_norm", False):
            normed = self.norm(f"{name}.adapter_layer_norm", hidden)
        elif self.config.flag("adapter_reuse_layer_norm", True):
            normed = self.norm(f"{name}.LayerNorm", hidden)
        residual = normed if self.config.flag("ln_before_adapter", True) else hidden
        width = self.dim // self.config.count("adapter_reduction_factor", default=2, most=self.dim)
        adapter = f"{name}.adapter_modules.{self.language}"
        inner = self.activation(linear(self.weights, f"{adapter}.dense1", self.dim, width)(normed))
        return linear(self.weights, f"{adapter}.dense2", width, self.dim)(inner) + residual

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim], where the norms come first."""
        return super().finish(hidden) if self.before else hidden


class Esm(PreNormBert, Roberta):
    """ESM-1b and ESM-2: tokens are amino acids; rotary positions or a table of them, and the exact GELU."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "esm.")
    final_norm = "encoder.emb_layer_norm_after"
    names = LayerNames(attention_norm="attention.LayerNorm", norm="LayerNorm")
    has_segment_types = False
    keys = ConfigKeys(positions=("max_position_embeddings", 1026))
    reads: ClassVar[tuple[str, ...]] = (
        "emb_layer_norm_before",
        "mask_token_id",
        "original_max_position_embeddings",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
        "token_dropout",
    )
    unread: ClassVar[tuple[str, ...]] = ("hidden_act", "type_vocab_size")
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"is_folding_model": (False,)}
    harmless: ClassVar[Mapping[str, str]] = {"esmfold_config": "alone", "hidden_act": "family", "vocab_list": "alone"}

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.rotary = self.config.word("position_embedding_type", default="absolute") == "rotary"

    def read_activation(self) -> Activation:
        """Return the exact GELU, whatever the config says."""
        return gelu

    def check_positions(self) -> None:
        """Raise InputError for positions that are neither rotary nor of a table."""
        if self.config.get("position_embedding_type") != "rotary":
            super().check_positions()

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, scaled for the masks that there are, with those of positions: [n, dim]."""
        refuse_segments(segments, self.shape.family)
        hidden = self.token_vectors(ids)
        if self.config.flag("token_dropout", False):
            masked = ids == self.config.count("mask_token_id", default=-1, least=0)
            hidden[masked] = 0
            left = np.float32(1) - np.float32(masked.mean())
            hidden = hidden * np.float32(1 - _MASKED_IN_TRAINING) / left if left else hidden
        return self.norm_embeddings(hidden) if self.rotary else self.add_positions(hidden, ids)

    def norm_embeddings(self, hidden: Float32) -> Float32:
        """Return the embeddings [n, dim], normed where the config says so."""
        before = self.config.flag("emb_layer_norm_before", False)
        return self.norm("embeddings.layer_norm", hidden) if before else hidden

    def attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim]."""
        if not self.rotary:
            return super().attend(number, names, hidden)
        query, key, value = self.project(names, hidden)
        rotation = rotation_for(self.config, self.dim // self.heads, self.length, start=self.start)
        query, key = rotate(query, rotation), rotate(key, rotation)
        output = linear(self.weights, names.output, self.dim, self.dim)
        return attention(hidden, hidden, query, key, value, output, allowed=self.masks[number])
