"""Grapheme clusters: the characters that a reader sees, and how many columns a text of them takes."""

from __future__ import annotations

from attnviz.core.plain import is_plain


def split_clusters(text: str) -> list[str]:
    """Return the grapheme clusters of `text`: what a reader takes for one character each."""
    if is_plain(text):
        return list(text)
    import wcwidth

    return list(wcwidth.iter_graphemes(text))


def count_columns(text: str) -> int:
    """Return how many columns `text` takes in a fixed-width font: 2 for a Han character, 1 for a Latin letter.

    >>> count_columns("cat"), count_columns("猫吃鱼"), count_columns("é")
    (3, 6, 1)
    """
    if is_plain(text):
        return len(text) + sum(letter >= "\u3001" for letter in text)
    import wcwidth

    return max(wcwidth.wcswidth(text), 0) or len(text)
