"""ModernBERT (Warner et al. 2024): BERT with rotary positions, norms before its sublayers, and windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import ConfigKeys, ModelShape, head_weight
from attnviz.models.families.config import Configuration
from attnviz.models.families.layer_kinds import FULL, SLIDING, TwoRotations
from attnviz.models.families.layers import Linear, causal_mask, heads_of, layer_norm, linear, window_mask
from attnviz.models.families.llama import BlockNorms, Llama
from attnviz.models.families.rotary import rotary_kind


class ModernBert(TwoRotations):
    """ModernBERT: every third layer sees the whole text, the others half of local_attention on each side.

    top: the beginning of the names of the language model's head.
    """

    harmless: ClassVar[Mapping[str, str]] = {
        **TwoRotations.harmless,
        "layer_norm_eps": "family",
        "position_embedding_type": "family",
    }
    reads: ClassVar[tuple[str, ...]] = (
        "classifier_activation",
        "classifier_bias",
        "decoder_bias",
        "global_attn_every_n_layers",
        "global_rope_theta",
        "hidden_activation",
        "local_attention",
        "local_rope_theta",
        "norm_bias",
        "norm_eps",
    )
    unread: ClassVar[tuple[str, ...]] = (
        "hidden_act",
        "rms_norm_eps",
        "rope_local_base_freq",
        "rope_scaling",
        "sliding_window",
        "sliding_window_pattern",
    )
    keys = ConfigKeys(
        layers=("num_hidden_layers", 22),
        intermediate_size=("intermediate_size", 1152),
        vocabulary=("vocab_size", 50368),
        positions=("max_position_embeddings", 8192),
        activation=("hidden_activation", "gelu"),
    )
    embedding = "embeddings.tok_embeddings.weight"
    attention_name = "attn"
    top: ClassVar[str] = "head"
    norms = BlockNorms(before_attention="attn_norm", before_feed="mlp_norm")
    default_thetas: ClassVar[tuple[float, float]] = (160_000.0, 10_000.0)

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        return replace(super().read_shape(config, family), causal=False)

    @classmethod
    def rotary_values(cls, config: Configuration, kind: str) -> Configuration:
        """Return the config with the rotary values of one kind of layer."""
        whole, local = cls.default_thetas
        name, default = ("local_rope_theta", local) if kind == SLIDING else ("global_rope_theta", whole)
        return rotary_kind(config, kind, rope_theta=config.number(name, default=default))

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the variance."""
        return self.config.number("norm_eps", default=1e-5)

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Return for each layer whether it sees a window or the whole text."""
        given = self.config.per_layer("layer_types", self.shape.layers)
        if given is not None:
            return [str(kind) for kind in given[: self.shape.layers]]
        every = self.config.count("global_attn_every_n_layers", default=3)
        return [SLIDING if number % every else FULL for number in range(self.shape.layers)]

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, n]: half of local_attention on each side, or None where all is seen."""
        reach = self.config.count("local_attention", default=128) // 2
        return [window_mask(self.length, reach) if kind == SLIDING else None for kind in self.kinds]

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias."""
        attention_bias = self.config.flag("attention_bias", False)
        return attention_bias, attention_bias, self.config.flag("mlp_bias", False)

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the layer norm of x [..., width]; the first layer's attention has none, after the embedding's."""
        if name == "layers.0.attn_norm":
            return x
        bias = self.weights.take(f"{name}.bias", shape=(width,)) if self.config.flag("norm_bias", False) else None
        return layer_norm(x, self.weights.take(f"{name}.weight", shape=(width,)), bias, self.epsilon)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors, normed: [n, dim]."""
        return self.norm("embeddings.norm", super().embed(ids, segments), self.dim)

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of inputs [n, dim], [heads, n, d_h] each, from one product."""
        bias, _, _ = self.biases()
        together = linear(self.weights, f"{name}.Wqkv", self.dim, 3 * self.dim, bias=bias)(inputs)
        query, key, value = (heads_of(part, self.heads) for part in np.split(together, 3, axis=-1))
        return query, key, value

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        _, bias, _ = self.biases()
        return linear(self.weights, f"{name}.Wo", self.dim, self.dim, bias=bias)

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return the gated feed-forward of x [n, dim], both factors cut from one product."""
        _, _, bias = self.biases()
        first, gate = np.split(linear(self.weights, f"{name}.Wi", self.dim, 2 * width, bias=bias)(x), 2, axis=-1)
        return linear(self.weights, f"{name}.Wo", width, self.dim, bias=bias)(self.activation(first) * gate)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm("final_norm", hidden, self.dim)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary]: dense, activation, norm, the tied table."""
        bias = self.config.flag("classifier_bias", False)
        bend = activation(self.config.word("classifier_activation", default="gelu"))
        hidden = bend(linear(self.weights, f"{self.top}.dense", self.dim, self.dim, bias=bias)(hidden))
        hidden = self.norm(f"{self.top}.norm", hidden, self.dim)
        tied = self.config.flag("tie_word_embeddings", True)
        matrix = head_weight(self.weights, "decoder.weight", self.embedding, (self.vocabulary, self.dim), tied=tied)
        logits: Float32 = hidden @ matrix.T
        if self.config.flag("decoder_bias", True):
            logits += self.weights.take("decoder.bias", shape=(self.vocabulary,))
        return logits


class ModernBertDecoder(ModernBert):
    """The decoder of ModernBERT's build (Weller et al. 2025, "Ettin"): a token sees what came before it."""

    reads: ClassVar[tuple[str, ...]] = ("sliding_window",)
    top = "lm_head"
    project = Llama.project

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        return super(ModernBert, cls).read_shape(config, family)

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window, or else half of local_attention, for the layers that see a window."""
        half = max(1, self.config.count("local_attention", default=128) // 2)
        width = self.config.count("sliding_window", default=half)
        return [width if kind == SLIDING else None for kind in self.kinds]

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, length]."""
        return [causal_mask(self.length, width, self.start) if self.shape.causal else None for width in self.windows]
