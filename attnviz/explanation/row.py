"""One row of one head: the numbers of the trace that an explanation shows, under one roof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from attnviz.core.attention import choose_products, dot_products, exponentials
from attnviz.core.attention_data import Attention, Token, Trace
from attnviz.core.types import Booleans, Floats
from attnviz.explanation.elements import Piece, Word
from attnviz.i18n.messages import TOY, Name
from attnviz.text.find_token import occurrences
from attnviz.toy import lexicon

# Of more keys than MOST_KEYS only those with the largest weights are shown by themselves.
MOST_KEYS = 12
FEWER_KEYS = 8


class HeadNumbers:
    """Matrices of one head that no trace keeps: made again by the body's own steps when they are first asked for."""

    def __init__(self, attention: Attention, trace: Trace, head: int) -> None:
        self._attention, self._trace, self._head = attention, trace, head

    @cached_property
    def dots(self) -> Floats:
        """The dot products [query, key], from the cards."""
        trace = self._trace
        precision = trace.logits.dtype  # float64 where float32 was too small
        query, key = (cards[self._head].astype(precision, copy=False) for cards in (trace.query, trace.key))
        products = dot_products if trace.embedded is None else choose_products(trace.embedded)
        return products(query, key)

    @cached_property
    def exponentials(self) -> Floats:
        """e^(score - largest) [query, key], from the trace's scores; 0 where the mask forbids."""
        masks = self._attention.masks
        return exponentials(self._trace.logits[self._head], None if masks is None else masks[0, self._head])


@dataclass(frozen=True, eq=False)
class Row:
    """How token `token` looks, in head `head` of `trace` (an index there): rows of arrays, words and features.

    cell: the one key that is asked for, or None. blanks: whether numbers are marked that a worksheet leaves out.
    shared: what the rows of a head have together; a row that stands alone makes its own.
    """

    attention: Attention
    trace: Trace
    layer: int | str
    head: int
    token: int
    cell: int | None = None
    blanks: bool = True
    shared: HeadNumbers | None = None

    @cached_property
    def numbers(self) -> HeadNumbers:
        """The matrices of the head."""
        return HeadNumbers(self.attention, self.trace, self.head) if self.shared is None else self.shared

    @cached_property
    def query(self) -> Floats:
        """The query card [d]."""
        card: Floats = self.trace.query[self.head, self.token]
        return card

    @cached_property
    def logits(self) -> Floats:
        """The scores [keys]."""
        scores: Floats = self.trace.logits[self.head, self.token]
        return scores

    @cached_property
    def weights(self) -> Floats:
        """The weights [keys]."""
        weights: Floats = self.trace.weights[self.head, self.token]
        return weights

    @cached_property
    def dots(self) -> Floats:
        """The dot products [keys]."""
        dots: Floats = self.numbers.dots[self.token]
        return dots

    @cached_property
    def exponentials(self) -> Floats:
        """e^(score - largest) [keys]; 0 where the mask forbids."""
        powers: Floats = self.numbers.exponentials[self.token]
        return powers

    @cached_property
    def scaled(self) -> Floats:
        """The dot products times the scale [keys]."""
        scaled: Floats = self.dots * self.dots.dtype.type(1.0 if self.trace.scale is None else self.trace.scale)
        return scaled

    @cached_property
    def sink(self) -> int | None:
        """The index of the key that is a sink, the last one; None without one."""
        return None if self.trace.sink is None else len(self.logits) - 1

    @cached_property
    def shown_words(self) -> tuple[int, ...]:
        """The keys that are shown by themselves and are words of the text: all but the sink."""
        return tuple(index for index in self.shown if index != self.sink)

    @cached_property
    def is_complete(self) -> bool:
        """Whether the scores are the dot products, scaled, with the bias, by the temperature: a model may do more."""
        trace = self.trace
        scaled = self.scaled
        if trace.cap is not None:
            scaled = trace.cap * np.tanh(scaled / trace.cap)
        bias = 0.0 if trace.bias is None else trace.bias[self.head, self.token]
        size = max(1.0, float(np.abs(self.logits).max(initial=0.0)))
        with np.errstate(over="ignore", invalid="ignore"):
            expected = (scaled + bias) / trace.temperature
            if trace.sink is not None:
                expected[-1] = trace.sink[self.head]
            return np.allclose(expected, self.logits, rtol=1e-4, atol=1e-4 * size)

    @cached_property
    def head_vectors(self) -> dict[tuple[str, int], Any]:
        """The vectors that were made for it: see qkv.head_vector."""
        return {}

    @cached_property
    def allowed(self) -> Booleans:
        """Which keys may be looked at [keys]."""
        return allowed_keys(self.attention, self.head, self.token)

    @cached_property
    def shown(self) -> tuple[int, ...]:
        """The keys that are shown by themselves: all of a few, else those with the largest weights, in their order."""
        if self.cell is not None:
            return (self.cell,)
        return most_weighty(self.weights)

    @cached_property
    def looked_at(self) -> tuple[int, ...]:
        """The shown keys that the mask allows."""
        return tuple(index for index in self.shown if self.allowed[index])

    @cached_property
    def word(self) -> Word:
        """The word that looks."""
        return words_of(self.attention, self.attention.query)[self.token]

    @cached_property
    def keys(self) -> tuple[Word, ...]:
        """The words that are looked at."""
        return words_of(self.attention, self.attention.key)

    @cached_property
    def columns(self) -> tuple[Piece, ...]:
        """The names of the inputs' columns [dim]."""
        return _names(self.trace.features, self.trace.inputs.shape[-1])

    @cached_property
    def features(self) -> tuple[Piece, ...]:
        """The names of this head's columns in queries and keys [d]."""
        return _names(self._of_head, self.query.shape[-1])

    @cached_property
    def handed(self) -> tuple[Piece, ...]:
        """The names of this head's columns in the values [d_v]."""
        return _names(self._of_head, self.trace.value.shape[-1])

    @property
    def named(self) -> bool:
        """Whether the features have names."""
        return self.trace.features is not None

    @property
    def _of_head(self) -> tuple[str, ...] | None:
        return None if self.trace.head_features is None else self.trace.head_features[self.head]


def allowed_keys(attention: Attention, head: int, token: int) -> Booleans:
    """Return which keys a head of the one layer lets a token look at, [key]; head and token are indexes."""
    if attention.masks is None:
        return np.ones(len(attention.key), dtype=bool)
    allowed: Booleans = attention.masks[0, head, token]
    return allowed


def most_weighty(weights: Floats) -> tuple[int, ...]:
    """Return the indexes of the keys to show, in order: all of up to MOST_KEYS, else the FEWER_KEYS weightiest."""
    if len(weights) <= MOST_KEYS:
        return tuple(range(len(weights)))
    return tuple(sorted(int(index) for index in np.argsort(-weights, kind="stable")[:FEWER_KEYS]))


@cache
def name_of(feature: str) -> Piece:
    """Return a feature's or a head's name in the reader's language; a word of the text as it is."""
    known = feature in lexicon.GROUPS or feature in lexicon.FEATURES
    return Name(feature, TOY) if known else Word(feature)


def _names(features: tuple[str, ...] | None, count: int) -> tuple[Piece, ...]:
    if features is None or len(features) != count:
        return tuple(f"[{index}]" for index in range(count))
    return tuple(map(name_of, features))


def words_of(attention: Attention, tokens: Sequence[Token]) -> tuple[Word, ...]:
    """Return tokens of the attention as words, each with its number among those with the same text."""
    unknown = attention.provenance.unknown
    return tuple(
        Word(token.text, number, token.is_unknown(unknown))
        for token, number in zip(tokens, occurrences(tokens), strict=True)
    )
