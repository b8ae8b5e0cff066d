"""BERT (Devlin et al. 2019) and families that differ from it little: RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA.

DistilBERT, MPNet and ALBERT are built on it too, each in a module of its own: one function runs a layer for all of
them, and a table holds the names of their tensors.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import Activation, activation, gelu
from attnviz.models.families.base import (
    ConfigKeys,
    LayerOutput,
    ModelShape,
    Stack,
    StackSetup,
    head_weight,
    word_vectors,
)
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, heads_of, linear, take_layer_norm
from attnviz.models.families.position_change import stand_together


class LayerNames(NamedTuple):
    """The names of a layer's tensors, after the name of the layer itself."""

    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    output: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    widen: str = "intermediate.dense"
    narrow: str = "output.dense"
    norm: str = "output.LayerNorm"


class Bert(Stack):
    """Learned positions and segments, then layers with the norm after each sublayer.

    after_padding: whether positions begin in the table's row after the padding token's, or in row 0.
    padding_key: the config's name of the padding token's id; None where it is always 1. default_epsilon: what a layer
    norm adds to the variance where the config is silent. may_be_causal: whether is_decoder makes a decoder of it.
    """

    prefixes: ClassVar[tuple[str, ...]] = ("", "bert.")
    names: ClassVar[LayerNames] = LayerNames()
    after_padding: ClassVar[bool] = False
    padding_key: ClassVar[str | None] = "pad_token_id"
    default_epsilon: ClassVar[float] = 1e-12
    may_be_causal: ClassVar[bool] = True
    has_segment_types = True
    reads: ClassVar[tuple[str, ...]] = (
        "hidden_act",
        "intermediate_size",
        "is_decoder",
        "layer_norm_eps",
        "max_position_embeddings",
        "position_embedding_type",
        "type_vocab_size",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.check_positions()
        self.intermediate_size = self.size(self.config, "intermediate_size")
        self.epsilon = self.norm_epsilon()
        self.activation = self.read_activation()
        self.check_heads()

    def check_heads(self) -> None:
        """Raise InputError where the heads cannot share the hidden size."""
        equal_heads(self.dim, self.heads)

    def read_activation(self) -> Activation:
        """Return the activation of the feed-forward layers."""
        name, default = self.keys.activation
        return activation(self.config.word(name, default=default))

    def check_positions(self) -> None:
        """Raise InputError for positions of another kind than those of the class."""
        kind = self.config.word("position_embedding_type", default="absolute")
        if kind != "absolute":
            raise InputError(
                "The model's positions are {kind!r}; for this family attnviz supports only absolute ones.", kind=kind
            )

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        first, causal = cls.first_position(config), cls.may_be_causal and config.flag("is_decoder", False)
        return cls.stack_shape(config, family, positions=_table_rows(config, first) - first, causal=causal)

    @classmethod
    def first_position(cls, config: Configuration) -> int:
        """Return the row of the position table for the first token."""
        return cls.padding(config) + 1 if cls.after_padding else 0

    @classmethod
    def padding(cls, config: Configuration) -> int:
        """Return the padding token's id, which in RoBERTa is its row in the position table too."""
        return 1 if cls.padding_key is None else config.count(cls.padding_key, default=1, least=0)

    def norm_epsilon(self) -> float:
        """Return the number that a layer norm adds to the variance."""
        return self.config.number("layer_norm_eps", default=self.default_epsilon)

    @property
    def width(self) -> int:
        """Return the width of the embedding tables."""
        return self.dim

    def bias(self) -> Float32 | None:
        """Return what is added to the logits, [heads, n, n], or None."""
        return None

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + segment + position vectors, normed: [n, width]."""
        hidden = self.token_vectors(ids)
        hidden += self.segment_vectors(ids, segments)
        return self.add_positions(hidden, ids)

    def token_vectors(self, ids: Indexes) -> Float32:
        """Return the token vectors, [n, width]."""
        return word_vectors(self.weights, "embeddings.word_embeddings.weight", ids, self.vocabulary, self.width)

    def add_positions(self, hidden: Float32, ids: Indexes) -> Float32:
        """Add the position vectors to hidden [n, width], in place, and return their layer norm."""
        rows = _table_rows(self.config, self.first_position(self.config))
        name, places = "embeddings.position_embeddings.weight", self.position_ids(ids)
        hidden += self.weights.rows(name, shape=(rows, self.width), ids=places)
        return self.norm_embeddings(hidden)

    def norm_embeddings(self, hidden: Float32) -> Float32:
        """Return the layer norm of the embeddings [n, width]."""
        return take_layer_norm(self.weights, "embeddings.LayerNorm", self.width, hidden, self.epsilon)

    def segment_vectors(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the segments' vectors [n, width]; raises InputError for a segment that the model does not have."""
        kinds = self.config.count("type_vocab_size", default=self.default_segments)
        chosen = np.zeros_like(ids) if segments is None else segments
        if chosen.min() < 0 or chosen.max() >= kinds:
            raise InputError(
                "There is no segment {segment}: the number of segments is {kinds}, and they are counted from 0.",
                segment=int(chosen.max() if chosen.max() >= kinds else chosen.min()),
                kinds=kinds,
            )
        return self.weights.rows("embeddings.token_type_embeddings.weight", shape=(kinds, self.width), ids=chosen)

    def position_ids(self, ids: Indexes) -> Indexes:  # noqa: ARG002
        """Return each token's row of the position table, [n]."""
        return self.places

    def layer_name(self, number: int) -> str:
        """Return the beginning of the names of a layer's tensors."""
        return f"encoder.layer.{number}"

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, residual, norm; feed-forward, residual, norm (Vaswani et al. 2017, section 3.1)."""
        names = LayerNames(*(f"{self.layer_name(number)}.{part}" for part in self.names))
        trace = self.attend(number, names, hidden)
        hidden = take_layer_norm(self.weights, names.attention_norm, self.dim, trace.output + hidden, self.epsilon)
        intermediate = self.feed(names, hidden)
        intermediate += hidden
        return LayerOutput(take_layer_norm(self.weights, names.norm, self.dim, intermediate, self.epsilon), trace)

    def feed(self, names: LayerNames, hidden: Float32) -> Float32:
        """Return the feed-forward of hidden states [n, dim]."""
        intermediate = self.activation(linear(self.weights, names.widen, self.dim, self.intermediate_size)(hidden))
        return linear(self.weights, names.narrow, self.intermediate_size, self.dim)(intermediate)

    def attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim]."""
        query, key, value = self.project(names, hidden)
        output = linear(self.weights, names.output, self.dim, self.dim)
        return attention(hidden, hidden, query, key, value, output, allowed=self.masks[number], bias=self.bias())

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of hidden states [n, dim]: [heads, n, d_h] each."""
        query, key, value = (
            heads_of(linear(self.weights, name, self.dim, self.dim)(hidden), self.heads) for name in names[:3]
        )
        return query, key, value

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits: dense, activation, norm, the embedding's matrix and a bias.

        [n, dim] -> [n, vocabulary].
        """
        name = "cls.predictions"
        hidden = self.activation(linear(self.weights, f"{name}.transform.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.transform.LayerNorm", self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")

    def to_vocabulary(self, hidden: Float32, decoder: str, bias: str) -> Float32:
        """Return logits [n, vocabulary] by decoder.weight, tied to the embedding where it is absent, and a bias.

        decoder, bias: tensor names; the bias may stand under either.
        """
        tied = self.config.flag("tie_word_embeddings", True)
        shape = (self.vocabulary, hidden.shape[-1])
        matrix = head_weight(self.weights, f"{decoder}.weight", "embeddings.word_embeddings.weight", shape, tied=tied)
        logits: Float32 = hidden @ matrix.T
        logits += self.weights.take(f"{decoder}.bias", bias, shape=(self.vocabulary,))
        return logits


class Roberta(Bert):
    """RoBERTa (Liu et al. 2019): positions begin after the padding token's number."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "roberta.")
    keys = ConfigKeys(vocabulary=("vocab_size", 50265))
    after_padding = True
    reads: ClassVar[tuple[str, ...]] = ("pad_token_id",)

    def position_ids(self, ids: Indexes) -> Indexes:
        """Return each token's row [n]: that of padding for padding tokens, the others count on from the next."""
        padding = self.padding(self.config)
        real = ids != padding
        counted = np.minimum(np.cumsum(real), 1) if stand_together() else np.cumsum(real)
        places: Indexes = counted * real + padding
        return places

    @classmethod
    def cache_state(cls, config: Configuration, length: int) -> Hashable:  # noqa: ARG003
        """Return the length: a position counts the tokens before it that are no padding, which no cache keeps."""
        return length

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary], always with the exact GELU."""
        hidden = gelu(linear(self.weights, "lm_head.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, "lm_head.layer_norm", self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "lm_head.decoder", "lm_head.bias")


class XlmRoberta(Roberta):
    """XLM-RoBERTa (Conneau et al. 2020) and CamemBERT (Martin et al. 2020): another default vocabulary."""

    keys = ConfigKeys()


class Electra(Bert):
    """ELECTRA (Clark et al. 2020): embeddings may be narrower than the layers, and are projected."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "electra.")
    reads: ClassVar[tuple[str, ...]] = ("embedding_size",)
    keys = ConfigKeys(
        dim=("hidden_size", 256), heads=("num_attention_heads", 4), intermediate_size=("intermediate_size", 1024)
    )

    @property
    def width(self) -> int:
        """Return the width of the embedding tables."""
        return self.config.count("embedding_size", default=128)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return BERT's embedding, projected to [n, dim] where its width differs."""
        hidden, width = super().embed(ids, segments), self.width
        return hidden if width == self.dim else linear(self.weights, "embeddings_project", width, self.dim)(hidden)

    def score(self, hidden: Float32) -> Float32:
        """Return the generator's logits [n, vocabulary], always with the exact GELU."""
        hidden = gelu(linear(self.weights, "generator_predictions.dense", self.dim, self.width)(hidden))
        hidden = take_layer_norm(self.weights, "generator_predictions.LayerNorm", self.width, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "generator_lm_head", "generator_lm_head.bias")


def _table_rows(config: Configuration, first: int) -> int:
    """Return the number of rows of the position table: at least one for a token."""
    return config.count("max_position_embeddings", default=512, least=first + 1)
