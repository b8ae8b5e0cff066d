"""What stands above a grid's columns: labels set upright or slanted, or numbers that the row labels repeat."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from attnviz.core.clusters import split_clusters
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.pooled_grid import TokenSpan
from attnviz.views.terminal.cell_width import cell_len

_TALLEST = 6
_LONGEST_SLANTED = 12
_SHORTEST_SLANTED = 3


def set_labels(labels: list[str], cell: int, room: int, mark: str) -> list[str] | None:
    """Return lines with each column's label above it, bottom aligned; None where no way of setting them is legible.

    cell: cells a column is wide; room: cells from the first column's left edge to where a line must end. Upright: a
    cluster a line. Slanted: a letter a line, each a cell further right, for words of narrow letters.
    """
    if cell < 2 or any(_is_right_to_left(label) for label in labels):
        return None
    split = [split_clusters(label) for label in labels]
    tallest = max(map(len, split))
    narrow = all(cell_len(cluster) < 2 for clusters in split for cluster in clusters)
    if tallest > 2 and narrow:
        return _slanted(labels, cell, room, mark)
    fits = all(cell_len(cluster) <= cell for clusters in split for cluster in clusters)
    if tallest > _TALLEST or not fits:
        return None
    return [
        placed(
            (j * cell, clusters[len(clusters) - 1 - level]) for j, clusters in enumerate(split) if level < len(clusters)
        )
        for level in reversed(range(tallest))
    ]


def _slanted(labels: list[str], cell: int, room: int, mark: str) -> list[str] | None:
    """Set a letter a line from the column up to the right, as on a picture's axis."""
    longest = min(_LONGEST_SLANTED, room - cell * (len(labels) - 1))
    if longest < min(_SHORTEST_SLANTED, max(map(cell_len, labels))):
        return None
    split = [split_clusters(shorten(label, longest, cell_len, mark)) for label in labels]
    return [
        placed((j * cell + level, clusters[level]) for j, clusters in enumerate(split) if level < len(clusters))
        for level in reversed(range(max(map(len, split))))
    ]


def set_numbers(entries: tuple[TokenSpan, ...], starts: list[int], cell: int) -> list[str]:
    """Set a ruler: each column's number, tens above ones; of pooled columns every tenth's first token.

    starts: the cell each entry begins in. A hidden entry has how many it hides.
    """
    pairs = list(zip(entries, starts, strict=True))
    hidden = [(start + 1, str(entry.count).center(3).rstrip()) for entry, start in pairs if entry.hidden]
    shown = [(entry, start) for entry, start in pairs if not entry.hidden]
    if any(entry.count > 1 for entry, _ in shown):
        return [placed((start, str(entry.number)) for entry, start in shown[:: max(1, 10 // cell)])]
    ones = [(start, str(entry.number % 10)) for entry, start in shown]
    if shown[-1][0].number < 10:
        return [placed(sorted([*ones, *hidden]))]
    first = {entry.stop for entry in entries if entry.hidden} | {0}
    tens = [(start, str(e.number // 10)) for e, start in shown if e.number % 10 == 0 or e.start in first]
    return [placed(tens), placed(sorted([*ones, *hidden]))]


def placed(parts: Iterable[tuple[int, str]]) -> str:
    """Return one line with each text at its cell; a text that would overlap the one before it is left out."""
    line, end = "", 0
    for start, text in parts:
        if start >= end:
            line += " " * (start - end) + text
            end = start + cell_len(text)
    return line


def _is_right_to_left(label: str) -> bool:
    return not label.isascii() and any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in label)
