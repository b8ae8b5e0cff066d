"""BERT (Devlin et al. 2019) and those that differ from it in little: RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA.

DistilBERT, MPNet and ALBERT are built on it too, each in a file of its own: one body climbs a layer for all of them,
and a table says what their tensors are called.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.models.families.activations import activation, gelu
from attnviz.models.families.base import Booleans, Climbed, Float32, Ids, ModelShape, Stack, head_weight, word_vectors
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, causal_mask, heads_of, linear, take_layer_norm
from attnviz.models.families.weights import Weights


class LayerNames(NamedTuple):
    """What the tensors of a layer are called, after the layer's own name."""

    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    output: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    widen: str = "intermediate.dense"
    narrow: str = "output.dense"
    norm: str = "output.LayerNorm"


class Keys(NamedTuple):
    """What the config calls a size, and the family's default."""

    layers: tuple[str, int] = ("num_hidden_layers", 12)
    dim: tuple[str, int] = ("hidden_size", 768)
    heads: tuple[str, int] = ("num_attention_heads", 12)
    inner: tuple[str, int] = ("intermediate_size", 3072)
    vocabulary: tuple[str, int] = ("vocab_size", 30522)
    bend: tuple[str, str] = ("hidden_act", "gelu")


class Bert(Stack):
    """Learned positions and segments, then layers with the norm after each sublayer."""

    prefixes = ("", "bert.")
    keys: ClassVar[Keys] = Keys()
    names: ClassVar[LayerNames] = LayerNames()

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        _refuse_relative_positions(config)
        self.dim, self.heads, self.vocabulary = (self.size(config, key) for key in ("dim", "heads", "vocabulary"))
        self.inner = self.size(config, "inner")
        self.epsilon = self.norm_epsilon()
        name, default = self.keys.bend
        self.bend = activation(config.word(name, default=default))
        equal_heads(self.dim, self.heads)

    @classmethod
    def size(cls, config: Configuration, key: str) -> int:
        """One of the numbers that `keys` names."""
        name, default = getattr(cls.keys, key)
        also = Keys._field_defaults[key][0]
        return (
            config.layers(name, also, default=default) if key == "layers" else config.count(name, also, default=default)
        )

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
        return ModelShape(
            family=family,
            layers=cls.size(config, "layers"),
            heads=cls.size(config, "heads"),
            dim=cls.size(config, "dim"),
            positions=_rows(config, cls.first_position(config)) - cls.first_position(config),
            causal=_is_causal(config),
            vocabulary=cls.size(config, "vocabulary"),
        )

    @classmethod
    def first_position(cls, config: Configuration) -> int:  # noqa: ARG003  RoBERTa's depends on it
        """The row of the position table that the first token gets."""
        return 0

    def norm_epsilon(self) -> float:
        """What is added to a variance."""
        return self.config.number("layer_norm_eps", default=1e-12)

    @property
    def width(self) -> int:
        """How wide the embedding tables are."""
        return self.dim

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Everything, but for a model that is used as a decoder."""
        return causal_mask(self.count) if _is_causal(self.config) else None

    def bias(self) -> Float32 | None:
        """What is added to the scores, [heads, n, n], where there is something."""
        return None

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word + segment + position vectors, normed."""
        hidden = self.words(ids)
        hidden += self._segments(ids, segments)
        return self.placed(hidden, ids)

    def words(self, ids: Ids) -> Float32:
        """The word vectors, [n, width]."""
        return word_vectors(self.weights, "embeddings.word_embeddings.weight", ids, self.vocabulary, self.width)

    def placed(self, hidden: Float32, ids: Ids) -> Float32:
        """With the position vectors, normed."""
        rows = _rows(self.config, self.first_position(self.config))
        name, places = "embeddings.position_embeddings.weight", self.position_ids(ids)
        hidden += self.weights.rows(name, shape=(rows, self.width), ids=places)
        return take_layer_norm(self.weights, "embeddings.LayerNorm", self.width, hidden, self.epsilon)

    def _segments(self, ids: Ids, segments: Ids | None) -> Float32:
        kinds = self.config.count("type_vocab_size", default=2)
        chosen = np.zeros_like(ids) if segments is None else segments
        if chosen.min() < 0 or chosen.max() >= kinds:
            raise InputError(
                "There is no segment {segment}: the model knows {kinds}, counted from 0.",
                segment=int(chosen.max() if chosen.max() >= kinds else chosen.min()),
                kinds=kinds,
            )
        return self.weights.rows("embeddings.token_type_embeddings.weight", shape=(kinds, self.width), ids=chosen)

    def position_ids(self, ids: Ids) -> Ids:
        """The rows of the position table, [n]."""
        return np.arange(len(ids))

    def layer_name(self, number: int) -> str:
        """What the names of a layer's tensors begin with."""
        return f"encoder.layer.{number}"

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Attention, residual, norm; feed-forward, residual, norm (Vaswani et al. 2017, section 3.1)."""
        names = LayerNames(*(f"{self.layer_name(number)}.{part}" for part in self.names))
        trace = self._attend(number, names, hidden)
        hidden = take_layer_norm(self.weights, names.attention_norm, self.dim, trace.output + hidden, self.epsilon)
        inner = self.bend(linear(self.weights, names.widen, self.dim, self.inner)(hidden))
        inner = linear(self.weights, names.narrow, self.inner, self.dim)(inner)
        inner += hidden
        return Climbed(take_layer_norm(self.weights, names.norm, self.dim, inner, self.epsilon), trace)

    def _attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        query, key, value = (
            heads_of(linear(self.weights, name, self.dim, self.dim)(hidden), self.heads) for name in names[:3]
        )
        output = linear(self.weights, names.output, self.dim, self.dim)
        return attention(hidden, hidden, query, key, value, output, allowed=self.allowed(number), bias=self.bias())

    def score(self, hidden: Float32) -> Float32:
        """The masked language model's head: dense, activation, norm, the embedding's matrix and a bias."""
        name = "cls.predictions"
        hidden = self.bend(linear(self.weights, f"{name}.transform.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.transform.LayerNorm", self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")

    def to_vocabulary(self, hidden: Float32, decoder: str, bias: str) -> Float32:
        """Logits by decoder.weight, tied to the embedding where it is absent, and a bias of either name."""
        tied = self.config.flag("tie_word_embeddings", True)
        shape = (self.vocabulary, hidden.shape[-1])
        matrix = head_weight(self.weights, f"{decoder}.weight", "embeddings.word_embeddings.weight", shape, tied=tied)
        logits: Float32 = hidden @ matrix.T
        logits += self.weights.take(f"{decoder}.bias", bias, shape=(self.vocabulary,))
        return logits


class Roberta(Bert):
    """RoBERTa (Liu et al. 2019): positions begin after the padding token's number."""

    prefixes = ("", "roberta.")
    keys = Keys(vocabulary=("vocab_size", 50265))

    @classmethod
    def padding(cls, config: Configuration) -> int:
        """The padding token's id, which is its row in the position table too."""
        return config.count("pad_token_id", default=1, least=0)

    @classmethod
    def first_position(cls, config: Configuration) -> int:
        """The row after the padding token's."""
        return cls.padding(config) + 1

    def position_ids(self, ids: Ids) -> Ids:
        """Padding tokens keep the padding row, the others count on from the one after it."""
        padding = self.padding(self.config)
        real = ids != padding
        places: Ids = np.cumsum(real) * real + padding
        return places

    def score(self, hidden: Float32) -> Float32:
        """The masked language model's head, always with the exact GELU."""
        hidden = gelu(linear(self.weights, "lm_head.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, "lm_head.layer_norm", self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "lm_head.decoder", "lm_head.bias")


class XlmRoberta(Roberta):
    """XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): another default vocabulary."""

    keys = Keys()


class Electra(Bert):
    """ELECTRA (Clark et al. 2020): embeddings may be narrower than the layers, and are projected."""

    prefixes = ("", "electra.")
    keys = Keys(dim=("hidden_size", 256), heads=("num_attention_heads", 4), inner=("intermediate_size", 1024))

    @property
    def width(self) -> int:
        """How wide the embedding tables are."""
        return self.config.count("embedding_size", default=128)

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """BERT's embedding, projected where its width is another."""
        hidden, width = super().embed(ids, segments), self.width
        return hidden if width == self.dim else linear(self.weights, "embeddings_project", width, self.dim)(hidden)

    def score(self, hidden: Float32) -> Float32:
        """The generator's head, always with the exact GELU."""
        hidden = gelu(linear(self.weights, "generator_predictions.dense", self.dim, self.width)(hidden))
        hidden = take_layer_norm(self.weights, "generator_predictions.LayerNorm", self.width, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "generator_lm_head", "generator_lm_head.bias")


def _is_causal(config: Configuration) -> bool:
    return config.flag("is_decoder", False)


def _rows(config: Configuration, first: int) -> int:
    """The rows of the position table: at least one for a token."""
    return config.count("max_position_embeddings", default=512, least=first + 1)


def _refuse_relative_positions(config: Configuration) -> None:
    kind = config.word("position_embedding_type", default="absolute")
    if kind != "absolute":
        raise InputError(
            "The model's positions are {kind!r}; attnviz computes absolute ones for this family.", kind=kind
        )
