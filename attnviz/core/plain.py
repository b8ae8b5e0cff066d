"""Ranges of characters, and the plain ones, which need no segmentation into grapheme clusters."""

from __future__ import annotations

from bisect import bisect_right


def character_ranges(*ranges: str) -> str:
    """Return the edges of ranges, each the first and the last character, in ascending order: for `in_ranges`.

    A regular expression of the same ranges takes over a millisecond to compile.
    """
    return "".join(pair[0] + chr(ord(pair[1]) + 1) for pair in ranges)


def in_ranges(letter: str, edges: str) -> bool:
    """Return whether a character lies in one of the ranges that `edges` are of.

    >>> in_ranges("q", character_ranges("AZ", "az")), in_ranges("é", character_ranges("AZ", "az"))
    (True, False)
    """
    return bisect_right(edges, letter) % 2 == 1


# ASCII, Latin, Greek, Cyrillic, kana, Han, and the punctuation, arrows, operators and blocks around them.
_PLAIN = character_ranges(
    *("\n\n", "\x20\x7e", "\xa1\xac", "\xae\u024f", "\u0391\u03a1", "\u03a3\u03c9", "\u0410\u044f", "\u2010\u2027"),
    *("\u2070\u2071", "\u2074\u208e", "\u2090\u209c", "\u2190\u22ff", "\u2500\u259f", "\u3001\u3029"),
    *("\u3041\u3096", "\u30a1\u30ff", "\u3400\u4dbf", "\u4e00\u9fff", "\uff01\uff5e"),
)


def is_plain(text: str) -> bool:
    """Return whether each code point is a visible character of its own: then no segmentation is needed."""
    return all(in_ranges(letter, _PLAIN) for letter in set(text))
