"""What every family provides: its shape, and a stack of layers that is climbed one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.models import ATTENTIONS
from attnviz.models.families.config import Configuration
from attnviz.models.families.weights import Weights

Float32 = NDArray[np.float32]
Ids = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Names = str | tuple[str, ...]


@dataclass(frozen=True)
class ModelShape:
    """What a model's config says about its size, without a look at its weights.

    layers, heads: of the encoder where there are two stacks. positions: the most tokens it can take, None without a
    limit. causal: whether a token sees only itself and what came before. vocabulary: how many ids there are.
    decoder_layers, decoder_heads, target_vocabulary: of the decoder, where there is one.
    """

    family: str
    layers: int
    heads: int
    dim: int
    positions: int | None
    causal: bool
    vocabulary: int
    encoder_decoder: bool = False
    decoder_layers: int | None = None
    decoder_heads: int | None = None
    target_vocabulary: int | None = None

    @property
    def attentions(self) -> tuple[str, ...]:
        """The attentions that there are: of an encoder-decoder three, else that of its only stack."""
        if self.encoder_decoder:
            return ATTENTIONS
        return ("decoder",) if self.causal else ("encoder",)


class Climbed(NamedTuple):
    """One layer: what it hands on, [n, dim], what it attended to, and what it looked up in the other text, if so."""

    hidden: Float32
    attended: Trace
    crossed: Trace | None = None


class Stack(ABC):
    """The layers of one model, for one text: `embed`, then `climb` each layer in turn, then `finish` and `score`.

    Tensors are looked up when their layer comes. memory: what a decoder looks up, [source tokens, dim].
    """

    prefixes: ClassVar[tuple[str, ...]] = ("",)
    decoder: ClassVar[type[Stack] | None] = None

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        self.config = config
        self.weights = weights
        self.count = count
        self.memory = memory

    @classmethod
    @abstractmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""

    @abstractmethod
    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Token ids [n] -> what the first layer sees, [n, dim]."""

    @abstractmethod
    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Layer `number`, from 0, on [n, dim]."""

    def finish(self, hidden: Float32) -> Float32:
        """What comes after the last layer: most often a norm."""
        return hidden

    @abstractmethod
    def score(self, hidden: Float32) -> Float32:
        """The language model's logits over the vocabulary, [n, dim] -> [n, vocabulary]."""

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  layers may differ
        """Who may look at whom in layer `number`, [n, n]; None where all may."""
        return None


def head_weight(weights: Weights, own: Names, embedding: Names, shape: tuple[int, int], *, tied: bool) -> Float32:
    """The matrix that turns hidden states into logits: its own tensor, or the embedding's where the two are tied.

    own, embedding: a name, or several of which the first that is there counts.
    """
    names = _several(own) + _several(embedding) if tied else _several(own)
    return weights.take(*names, shape=shape)


def _several(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def refuse_segments(segments: Ids | None, family: str) -> None:
    """Raise InputError where a text of two segments meets a model that has none."""
    if segments is not None and segments.any():
        raise InputError("A {family} model has no segments: give it one text.", family=family)


def word_vectors(weights: Weights, names: Names, ids: Ids, vocabulary: int, width: int) -> Float32:
    """The vectors of these ids, [n, width]; raises InputError for an id that the vocabulary does not have."""
    wrong = ids[(ids < 0) | (ids >= vocabulary)]
    if wrong.size:
        raise InputError(
            "There is no token {id} in the model's vocabulary: ids go from 0 to {last}.",
            id=int(wrong[0]),
            last=vocabulary - 1,
        )
    return weights.rows(*_several(names), shape=(vocabulary, width), ids=ids)
