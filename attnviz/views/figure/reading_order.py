"""The order in which words stand on a line: of a text that begins from right to left, in that order."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from itertools import groupby

Line = list[tuple[float, int]]  # where each word begins, in inches, and its index


def visual_order(lines: list[Line], words: Iterable[str], width_of: Callable[[int], float]) -> list[Line]:
    """Return the lines of a text that begins from right to left in that order, runs of the other direction in theirs.

    Lines end at one right edge then. Of a text from left to right nothing is changed.
    """
    directions = [*map(_direction, words)]
    if next(filter(None, directions), "L") == "L":
        return lines
    edge = max((start + width_of(k) for line in lines for start, k in line), default=0.0)
    return [[(edge - start - width_of(k), k) for start, k in _turned(line, directions, width_of)] for line in lines]


def _turned(line: Line, directions: list[str], width_of: Callable[[int], float]) -> Line:
    """Return a line with its runs from left to right turned round: in a mirrored line they are as they are read."""
    found: Line = []
    for direction, run in groupby(line, key=lambda one: directions[one[1]] or "R"):
        placed = list(run)
        if direction == "L":
            first, (last, k) = placed[0][0], placed[-1]
            end = last + width_of(k)
            placed = [(first + end - start - width_of(k), k) for start, k in placed]
        found += placed
    return found


def _direction(text: str) -> str:
    """Return how a word is read, by its first letter that says: "L" or "R"; "" where none does."""
    kinds = (unicodedata.bidirectional(letter) for letter in text)
    return next(("L" if kind == "L" else "R" for kind in kinds if kind in ("L", "R", "AL")), "")
