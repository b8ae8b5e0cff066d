"""BERT (Devlin et al. 2019) and those that differ from it in little: RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.errors import InputError
from attnviz.models.activations import activation, gelu
from attnviz.models.configuration import Configuration, equal_heads
from attnviz.models.parts import attention, causal_mask, embedded, heads_of, linear, take_layer_norm
from attnviz.models.stack import Booleans, Climbed, Float32, Ids, ModelShape, Stack, head_weight, word_vectors
from attnviz.models.weights import Weights


class Bert(Stack):
    """Learned positions and segments, then layers with the norm after each sublayer."""

    prefixes = ("", "bert.")
    default_layers: ClassVar[int] = 12
    default_dim: ClassVar[int] = 768
    default_heads: ClassVar[int] = 12
    default_inner: ClassVar[int] = 3072
    default_vocabulary: ClassVar[int] = 30522

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        _refuse_relative_positions(config)
        self.dim = config.count("hidden_size", default=self.default_dim)
        self.heads = config.count("num_attention_heads", default=self.default_heads)
        self.inner = config.count("intermediate_size", default=self.default_inner)
        self.vocabulary = config.count("vocab_size", default=self.default_vocabulary)
        self.epsilon = config.number("layer_norm_eps", default=1e-12)
        self.bend = activation(config.word("hidden_act", default="gelu"))
        self.causal = _is_causal(config)
        equal_heads(self.dim, self.heads)

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
        return ModelShape(
            family=family,
            layers=config.layers("num_hidden_layers", default=cls.default_layers),
            heads=config.count("num_attention_heads", default=cls.default_heads),
            dim=config.count("hidden_size", default=cls.default_dim),
            positions=config.count("max_position_embeddings", default=512) - cls.first_position(config),
            causal=_is_causal(config),
            vocabulary=config.count("vocab_size", default=cls.default_vocabulary),
        )

    @classmethod
    def first_position(cls, config: Configuration) -> int:  # noqa: ARG003  RoBERTa's depends on it
        """The row of the position table that the first token gets."""
        return 0

    @classmethod
    def width(cls, config: Configuration) -> int:
        """How wide the embedding tables are."""
        return config.count("hidden_size", default=cls.default_dim)

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Everything, but for a BERT that is used as a decoder."""
        return causal_mask(self.count) if self.causal else None

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word + segment + position vectors, normed."""
        width = self.width(self.config)
        rows = self.config.count("max_position_embeddings", default=512)
        hidden = self._words(ids, width)
        hidden += self._segments(ids, segments, width)
        table = self.weights.take("embeddings.position_embeddings.weight", shape=(rows, width))
        hidden += embedded(table, self.position_ids(ids))
        return take_layer_norm(self.weights, "embeddings.LayerNorm", width, hidden, self.epsilon)

    def _words(self, ids: Ids, width: int) -> Float32:
        table = self.weights.take("embeddings.word_embeddings.weight", shape=(self.vocabulary, width))
        return word_vectors(table, ids)

    def _segments(self, ids: Ids, segments: Ids | None, width: int) -> Float32:
        kinds = self.config.count("type_vocab_size", default=2)
        table = self.weights.take("embeddings.token_type_embeddings.weight", shape=(kinds, width))
        chosen = np.zeros_like(ids) if segments is None else segments
        if chosen.min() < 0 or chosen.max() >= kinds:
            raise InputError(
                "There is no segment {segment}: the model knows {kinds}, counted from 0.",
                segment=int(chosen.max()), kinds=kinds,
            )  # fmt: skip
        return embedded(table, chosen)

    def position_ids(self, ids: Ids) -> Ids:
        """The rows of the position table, [n]."""
        return np.arange(len(ids))

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Attention, residual, norm; feed-forward, residual, norm (Vaswani et al. 2017, section 3.1)."""
        name = f"encoder.layer.{number}"
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.attention.self.{part}", self.dim, self.dim)(hidden), self.heads)
            for part in ("query", "key", "value")
        )
        output = linear(self.weights, f"{name}.attention.output.dense", self.dim, self.dim)
        trace = attention(hidden, hidden, query, key, value, output, allowed=self.allowed(number))
        hidden = trace.output + hidden
        hidden = take_layer_norm(self.weights, f"{name}.attention.output.LayerNorm", self.dim, hidden, self.epsilon)
        inner = self.bend(linear(self.weights, f"{name}.intermediate.dense", self.dim, self.inner)(hidden))
        inner = linear(self.weights, f"{name}.output.dense", self.inner, self.dim)(inner)
        inner += hidden
        return Climbed(take_layer_norm(self.weights, f"{name}.output.LayerNorm", self.dim, inner, self.epsilon), trace)

    def score(self, hidden: Float32) -> Float32:
        """The masked language model's head: dense, activation, norm, the embedding's matrix and a bias."""
        name = "cls.predictions"
        hidden = self.bend(linear(self.weights, f"{name}.transform.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.transform.LayerNorm", self.dim, hidden, self.epsilon)
        return self._to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")

    def _to_vocabulary(self, hidden: Float32, decoder: str, bias: str) -> Float32:
        """Logits by decoder.weight, tied to the embedding where it is absent, and a bias of either name."""
        tied = self.config.flag("tie_word_embeddings", True)
        shape = (self.vocabulary, hidden.shape[-1])
        matrix = head_weight(self.weights, f"{decoder}.weight", "embeddings.word_embeddings.weight", shape, tied=tied)
        logits: Float32 = hidden @ matrix.T
        logits += self.weights.take(f"{decoder}.bias", bias, shape=(self.vocabulary,))
        return logits


class Roberta(Bert):
    """RoBERTa, XLM-RoBERTa and CamemBERT (Liu et al. 2019): positions begin after the padding token's number."""

    prefixes = ("", "roberta.")
    default_vocabulary = 50265

    @classmethod
    def first_position(cls, config: Configuration) -> int:
        """The row after the padding token's."""
        return _padding(config) + 1

    def position_ids(self, ids: Ids) -> Ids:
        """Padding tokens keep the padding row, the others count on from the one after it."""
        padding = _padding(self.config)
        real = ids != padding
        places: Ids = np.cumsum(real) * real + padding
        return places

    def score(self, hidden: Float32) -> Float32:
        """The masked language model's head, always with the exact GELU."""
        hidden = gelu(linear(self.weights, "lm_head.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, "lm_head.layer_norm", self.dim, hidden, self.epsilon)
        return self._to_vocabulary(hidden, "lm_head.decoder", "lm_head.bias")


class Camembert(Roberta):
    """CamemBERT (Martin et al. 2020): RoBERTa with another size of vocabulary where the config names none."""

    default_vocabulary = 30522


class XlmRoberta(Camembert):
    """XLM-RoBERTa (Conneau et al. 2020): the same."""


class Electra(Bert):
    """ELECTRA (Clark et al. 2020): embeddings may be narrower than the layers, and are projected."""

    prefixes = ("", "electra.")
    default_dim = 256
    default_heads = 4
    default_inner = 1024

    @classmethod
    def width(cls, config: Configuration) -> int:
        """How wide the embedding tables are."""
        return config.count("embedding_size", default=128)

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """BERT's embedding, projected where its width is another."""
        hidden, width = super().embed(ids, segments), self.width(self.config)
        return hidden if width == self.dim else linear(self.weights, "embeddings_project", width, self.dim)(hidden)

    def score(self, hidden: Float32) -> Float32:
        """The generator's head, always with the exact GELU."""
        width = self.width(self.config)
        hidden = gelu(linear(self.weights, "generator_predictions.dense", self.dim, width)(hidden))
        hidden = take_layer_norm(self.weights, "generator_predictions.LayerNorm", width, hidden, self.epsilon)
        return self._to_vocabulary(hidden, "generator_lm_head", "generator_lm_head.bias")


def _padding(config: Configuration) -> int:
    return config.count("pad_token_id", default=1, least=0)


def _is_causal(config: Configuration) -> bool:
    return config.flag("is_decoder", False)


def _refuse_relative_positions(config: Configuration) -> None:
    kind = config.word("position_embedding_type", default="absolute")
    if kind != "absolute":
        raise InputError(
            "The model's positions are {kind!r}; attnviz computes absolute ones for this family.", kind=kind
        )
