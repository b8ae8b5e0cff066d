"""How a rotary scheme turned the cards: each pair of features by its angle, where the angles can be told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attnviz.core.positions import rotary_angles, rotary_pairs
from attnviz.core.types import Floats
from attnviz.explanation.elements import Atom, Entry, Line, Number, Piece, Step, Term, equals, listing, sum_of
from attnviz.explanation.qkv import position_of
from attnviz.explanation.row import Row
from attnviz.i18n.messages import Message, message

_PAIRS = 4


@dataclass(frozen=True, eq=False)
class Turn:
    """One card before and after [d], the angle of each pair [d / 2] in radians, and which features are its two."""

    before: Floats
    after: Floats
    angles: Floats
    first: range
    second: range

    def pairs(self, most: int) -> list[int]:
        """Return the pairs to show: those that are longest, none that is 0."""
        length = np.hypot(self.before[list(self.first)], self.before[list(self.second)])
        longest = [int(pair) for pair in np.argsort(-length, kind="stable")[:most] if length[pair] > 0]
        return sorted(longest)

    @property
    def is_true(self) -> bool:
        """Whether these angles are what turned the card."""
        a, b = self.before[list(self.first)], self.before[list(self.second)]
        cosine, sine = np.cos(self.angles), np.sin(self.angles)
        found = np.concatenate([a * cosine - b * sine, a * sine + b * cosine])
        wanted = np.concatenate([self.after[list(self.first)], self.after[list(self.second)]])
        return np.allclose(found, wanted, rtol=1e-4, atol=1e-5 * float(np.abs(self.before).max(initial=0.0)))


def rotation(row: Row, before: Floats, keys_before: Floats) -> Step:
    """Show the rotated query, its longest pairs, and the longest pair of each key. before: [tokens, d]."""
    trace = row.trace
    arrays = {"q": before[row.token], "q_turned": row.query, "k": keys_before, "k_turned": trace.key[row.head]}
    own = _turn(row, before[row.token], row.query, row.token)
    turns = {index: _turn(row, keys_before[index], trace.key[row.head, index], index) for index in row.shown_words}
    title = message("Query and keys rotated by their positions")
    if own is None or any(turn is None for turn in turns.values()):
        return Step(
            "rotation",
            title,
            "q, k",
            (message("As the model computed it: the vectors after the rotation."),),
            _after(row),
            arrays,
        )
    lines = [Line(row.word, _equations(own, row.features, _PAIRS))]
    lines += [Line(row.keys[i], _equations(turn, row.features, 1)) for i, turn in turns.items() if turn]
    return Step(
        "rotation",
        title,
        f"a cos mθ - b sin mθ, a sin mθ + b cos mθ, θ = 10000^(-2i/{len(row.query)})",
        _meaning(row),
        tuple(lines),
        arrays | {"angles": own.angles},
    )


def _turn(row: Row, before: Floats, after: Floats, index: int) -> Turn | None:
    """Return how the card was turned; None where the angles of the settings do not give `after`."""
    scheme, width = row.attention.provenance.position, len(before)
    if scheme not in ("rope", "rope-half") or width % 2:
        return None
    angles = rotary_angles(1, width, offset=position_of(row, index))[0]
    first, second = rotary_pairs(width, halves=scheme == "rope-half")
    turn = Turn(before, after, angles, range(width)[first], range(width)[second])
    return turn if turn.is_true else None


def _meaning(row: Row) -> tuple[Message, ...]:
    return (
        message(
            "Features are rotated in pairs, at position m by m times the pair's θ; so how well a query and a "
            "key match depends on their distance, not on their positions. “{word}” is at position "
            "{position}.",
            word=row.word,
            position=position_of(row, row.token),
        ),
        message(
            "The longest pairs of the query and the longest pair of each key are shown; the others are "
            "rotated in the same way. Angles are in radians."
        ),
    )


def _equations(turn: Turn, names: tuple[Piece, ...], most: int) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for pair in turn.pairs(most):
        a, b = Number(float(turn.before[turn.first[pair]])), Number(float(turn.before[turn.second[pair]]))
        angle = Number(float(turn.angles[pair]))
        entries += [
            Entry(
                (*_side(a, "cos ", angle, b, "sin ", minus=True), equals(turn.after[turn.first[pair]])),
                names[turn.first[pair]],
            ),
            Entry(
                (*_side(a, "sin ", angle, b, "cos ", minus=False), equals(turn.after[turn.second[pair]])),
                names[turn.second[pair]],
            ),
        ]
    return tuple(entries) or (Entry(((Number(0.0),),)),)  # a word that is not known


def _side(a: Number, of_a: str, angle: Number, b: Number, of_b: str, *, minus: bool) -> tuple[Atom, ...]:
    """Return the terms of one rotated coordinate: a cos - b sin with `minus`, else a sin + b cos."""
    (first,) = sum_of([Term((a,))])
    subtracted = (b.value > 0) == minus
    return (
        (*first, " × ", of_a, angle),
        ("- " if subtracted else "+ ", Number(abs(b.value), b.blank), " × ", of_b, angle),
    )


def _after(row: Row) -> tuple[Line, ...]:
    keys = row.trace.key[row.head]
    return (
        Line(row.word, listing(row.query, row.features, named=row.named)),
        *(Line(row.keys[i], listing(keys[i], row.features, named=row.named)) for i in row.shown_words),
    )
