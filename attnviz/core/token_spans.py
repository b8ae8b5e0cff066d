"""Spans of tokens that a reader can trust: of whole characters, and empty for a space that is no character of a text.

The tokenizers package gives SentencePiece's ▁ before a word the span of the character after it, and a piece whose
letters lost their marks in normalization the span of the letters alone.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from attnviz.core.clusters import split_clusters
from attnviz.core.plain import is_plain

Span = tuple[int, int]

SPACE = "␣"  # the text of a token that is a space alone
SPACE_MARK = "▁"  # SentencePiece's for a space, also for the one that it puts before a text
_SPACE_MARKS = frozenset((SPACE_MARK, "Ġ"))  # and that of byte-level vocabularies


def reader_spans(text: str, pieces: Sequence[str], offsets: Sequence[Span]) -> list[Span]:
    """Return each piece's span [start, end) of the text, from the offsets that the tokenizers package gives.

    White space around a piece is left out, unless the piece is nothing else. No span begins or ends inside a grapheme
    cluster (UAX 29). A piece that is ▁ alone has an empty span: before the word that follows it.
    """
    following = [*(start for start, _ in offsets[1:]), len(text)][: len(offsets)]
    spans = [_span_of(text, *each) for each in zip(pieces, offsets, following, strict=True)]
    return whole_characters(text, spans)


def is_lone_space(piece: str, span: Span) -> bool:
    """Return whether a piece is a space alone that no character of the text stands for."""
    return span[0] == span[1] and piece != "" and _SPACE_MARKS.issuperset(piece)


def _span_of(text: str, piece: str, offset: Span, following: int) -> Span:
    """Return a piece's span; following: where the next piece begins."""
    start, end = offset
    inside = text[start:end]
    if not inside:
        return start, end
    if _SPACE_MARKS.issuperset(piece) and not _stands_for(piece, inside):
        return (end, end) if inside.isspace() and following >= end else (start, start)
    if inside.strip():
        start += len(inside) - len(inside.lstrip())
        end -= len(inside) - len(inside.rstrip())
    return start, end


def _stands_for(piece: str, inside: str) -> bool:
    """Return whether a piece of space marks is what the text has there: marks that were typed, or a run of spaces."""
    return inside == piece or (inside.isspace() and piece != SPACE_MARK)


def whole_characters(text: str, spans: Sequence[Span]) -> list[Span]:
    """Return the spans widened to whole grapheme clusters; an empty one is moved to the beginning of its cluster.

    >>> whole_characters("ne\u0301", [(0, 1), (1, 2)])
    [(0, 1), (1, 3)]
    """
    if is_plain(text):
        return list(spans)
    borders = [0, *accumulate(map(len, split_clusters(text)))]
    return [_widened(span, borders) for span in spans]


def _widened(span: Span, borders: Sequence[int]) -> Span:
    start, end = span
    begin = borders[bisect_right(borders, start) - 1]
    return begin, begin if start == end else borders[bisect_left(borders, end)]
