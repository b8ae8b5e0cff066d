"""Text broken into lines of so many cells of a terminal."""

from __future__ import annotations

from attnviz.text.line_breaking import pieces
from attnviz.views.terminal.cell_width import cell_len, folded


def divide(text: str, width: int, fold: bool = True) -> list[int]:
    """The places to break `text` at so that no line has more than `width` cells.

    A line breaks at a space or beside a Chinese character, never before a closing mark or after an opening one; what
    is longer than a line is cut between characters. The signature is that of rich's own `divide_line`.

    >>> divide("每一行是一个词的注意力，合计为一。", 22)
    [10]
    """
    places: list[int] = []
    used = start = end = 0
    for piece in pieces(text):
        start, end = end, end + len(piece)
        needed = cell_len(piece.rstrip())
        if used + needed <= width:
            used += cell_len(piece)
            continue
        if start:
            places.append(start)
        used = cell_len(piece)
        if needed > width and fold:
            chopped = folded(piece, width)
            for part in chopped[:-1]:
                start += len(part)
                places.append(start)
            used = cell_len(chopped[-1])
    return places


def fold(text: str, width: int) -> str:
    """The text with its lines broken as `divide` says, no space left at their ends."""
    ends = [*divide(text, width), len(text)]
    starts = [0, *ends[:-1]]
    return "\n".join(text[start:end].rstrip() for start, end in zip(starts, ends, strict=True))
