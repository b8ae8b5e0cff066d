"""How many cells of a terminal a text takes, and a word cut to fit in so many."""

from __future__ import annotations

from rich.cells import cell_len as rich_cell_len

from attnviz.text.clusters import split_clusters
from attnviz.text.plain import is_plain


def cell_len(text: str) -> int:
    """The cells that a text takes, at most.

    Of scripts with marks that stand beside their letters (Devanagari, Tamil) rich says fewer than terminals take, and
    of joined pictures terminals differ: the larger number keeps a line on its screen.

    >>> cell_len("cat"), cell_len("猫吃鱼"), cell_len("दुनिया")
    (3, 6, 5)
    """
    if is_plain(text):
        return rich_cell_len(text)
    import wcwidth

    return max(rich_cell_len(text), wcwidth.wcswidth(text))


def folded(word: str, width: int) -> list[str]:
    """One word in pieces of at most `width` cells, cut between clusters."""
    if cell_len(word) <= width:
        return [word]
    pieces = [""]
    for cluster in split_clusters(word):
        if pieces[-1] and cell_len(pieces[-1] + cluster) > width:
            pieces.append("")
        pieces[-1] += cluster
    return pieces
