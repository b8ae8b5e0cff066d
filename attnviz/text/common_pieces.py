"""The smallest pieces of a text that two cuts of it have in common: unbeliev|able and un|believable share one word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError
from attnviz.text.merge_pieces import token_of_group, trim_span

Groups = list[tuple[int, int]]


class GroupedTokens(NamedTuple):
    """Tokens in groups of neighbours, [start, end) in order, each group of one token or more, and a token for each."""

    groups: Groups
    tokens: tuple[Token, ...]


class CommonCut(NamedTuple):
    """Two sequences of tokens in common pieces.

    sides: the first one's groups and the second one's. pairs: the indexes of two groups that are the same piece, in the
    first one's order. joined: whether any group has several tokens.
    """

    sides: tuple[GroupedTokens, GroupedTokens]
    pairs: list[tuple[int, int]]
    joined: bool

    def indexes(self, side: int) -> list[int]:
        """Return the groups of one side that are in a pair, in the order of the pairs."""
        return [pair[side] for pair in self.pairs]

    def shared(self, side: int) -> tuple[Token, ...]:
        """Return the tokens of the pairs, as one side has them."""
        return tuple(self.sides[side].tokens[index] for index in self.indexes(side))

    def alone(self, side: int) -> list[str]:
        """Return the texts of the tokens of one side that are in no pair."""
        paired = set(self.indexes(side))
        return [token.text for index, token in enumerate(self.sides[side].tokens) if index not in paired]


def common_pieces(a: Sequence[Token], b: Sequence[Token], source: str | None) -> CommonCut:
    """Return the smallest pieces that both cuts of a source are made of, matched by where they stand in it.

    Tokens of either side that share a character belong to one piece. A token that stands for no text is matched with
    one of the same name, the n-th with the n-th; what only one side has (a space, a special token) is in no pair.

    >>> found = common_pieces((Token("ca", 0, 2), Token("t", 2, 3)), (Token("cat", 0, 3),), "cat")
    >>> [side.groups for side in found.sides], found.pairs
    ([[(0, 2)], [(0, 1)]], [(0, 0)])
    """
    pieces = _pieces(a, b)
    spans_a, spans_b = ({first: piece for piece in pieces for first in piece[side][:1]} for side in (0, 1))
    sides = []
    for side, (tokens, begins) in enumerate(((a, spans_a), (b, spans_b))):
        groups, joined, at = list[tuple[int, int]](), list[Token](), 0
        while at < len(tokens):
            piece = begins.get(at)
            count = 1 if piece is None else len(piece[side])
            if piece is not None and piece[side] != list(range(at, at + count)):
                raise InputError("The tokens of the text are not in its order: they cannot be matched by their places.")
            groups.append((at, at + count))
            whole = piece is not None and bool(piece[0]) and bool(piece[1])
            joined.append(_joined(tokens[at : at + count], piece[2] if whole and piece is not None else None, source))
            at += count
        sides.append(GroupedTokens(groups, tuple(joined)))
    places_a, places_b = ({start: index for index, (start, _) in enumerate(side.groups)} for side in sides)
    pairs = [(places_a[piece[0][0]], places_b[piece[1][0]]) for piece in pieces if piece[0] and piece[1]]
    pairs += [(places_a[i], places_b[j]) for i, j in _named_pairs(a, b)]
    several = any(end - start > 1 for side in sides for start, end in side.groups)
    return CommonCut((sides[0], sides[1]), sorted(pairs), several)


Piece = tuple[list[int], list[int], tuple[int, int]]


def _pieces(a: Sequence[Token], b: Sequence[Token]) -> list[Piece]:
    """Return the indexes of the tokens of both sides that make up each piece, and where it stands."""
    placed = sorted(
        (token.start, token.end or token.start, side, index)
        for side, tokens in enumerate((a, b))
        for index, token in enumerate(tokens)
        if token.start is not None
    )
    found: list[Piece] = []
    for start, end, side, index in placed:
        reached = found[-1][2] if found else None
        if reached is None or not (start < reached[1] or reached[0] == start):
            found.append(([], [], (start, end)))
        else:
            found[-1] = (*found[-1][:2], (reached[0], max(reached[1], end)))
        (of_a, of_b, _) = found[-1]
        (of_b if side else of_a).append(index)
    return found


def _named_pairs(a: Sequence[Token], b: Sequence[Token]) -> list[tuple[int, int]]:
    """Return the indexes of tokens that stand for no text and have one name, the n-th with the n-th."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for index, token in enumerate(b):
        if token.start is None:
            waiting[token.text].append(index)
    return [(i, waiting[one.text].pop(0)) for i, one in enumerate(a) if one.start is None and waiting[one.text]]


def _joined(tokens: Sequence[Token], span: tuple[int, int] | None, source: str | None) -> Token:
    """Return the token of a group: as it is where it is alone in its place, else the source's text there."""
    first = tokens[0]
    if span is None or source is None:
        return first
    start, end = span
    if source[start:end].strip():
        start, end = trim_span(source, start, end)
    if len(tokens) == 1 and (first.start, first.end) == (start, end):
        return first
    return token_of_group(tokens, start, end, source)
