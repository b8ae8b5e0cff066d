"""Measure text in the cells of a terminal, and break it into lines of so many."""

from __future__ import annotations

from rich.cells import cell_len as rich_cell_len

from attnviz.core.plain import is_plain
from attnviz.text.line_breaking import break_text


def cell_len(text: str) -> int:
    """Return how many cells a text takes at most.

    Of scripts with marks that stand beside their letters (Devanagari, Tamil) rich says fewer than terminals take, and
    of joined pictures terminals differ: the larger number keeps a line on its screen.

    >>> cell_len("cat"), cell_len("猫吃鱼"), cell_len("दुनिया")
    (3, 6, 5)
    """
    if is_plain(text):
        return rich_cell_len(text)
    import wcwidth

    return max(rich_cell_len(text), wcwidth.wcswidth(text))


def fold(text: str, width: int) -> str:
    """Return the text with its lines broken at `width` cells, no space left at their ends."""
    return "\n".join(break_text(text, width, cell_len))
