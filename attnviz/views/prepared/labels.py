"""Token text made harmless and legible: what a reader sees in a terminal or a picture."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from attnviz.core.clusters import split_clusters
from attnviz.i18n.visible_text import Medium, code_point, visible
from attnviz.text.find_token import with_occurrence
from attnviz.text.line_breaking import split_prose

__all__ = [
    "Medium",
    "code_point",
    "encodable",
    "named",
    "quoted",
    "shorten",
    "shorten_between_words",
    "visible",
    "with_occurrence",
]

_BLANK = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a symbol that are drawn as nothing
_ASCII = str.maketrans(
    {
        "·": ".",
        "→": "->",
        "↓": "v",
        "⋯": "..",
        "−": "-",
        "–": "-",
        "—": "-",
        "…": "...",
        "×": "x",
        "↑": "^",
        "²": "^2",
        "≤": "<=",
        "†": "+",
        "µ": "u",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
    }
)
_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def named(text: str, medium: Medium = "terminal") -> str:
    r"""Return a token's text, never blank: ␣ for a space, the code point of what shows nothing else.

    >>> named(" "), named("\u3000"), named(""), named("\u0301")
    ('␣', '<U+3000>', '<empty>', '◌́')
    """
    if not text:
        return "<empty>"
    if all(letter.isspace() or letter in _BLANK for letter in text) and not set(text) & set("\n\r\t\v\f"):
        return "".join("␣" if letter == " " else code_point(letter) for letter in text)
    shown = visible(text, medium)
    return f"◌{shown}" if unicodedata.category(shown[0]).startswith("M") else shown


def quoted(text: str, medium: Medium = "terminal") -> str:
    """Return a token's text to stand between quotation marks: without spaces around it, and never blank.

    >>> quoted(" Paris"), quoted(" ")
    ('Paris', '␣')
    """
    return named(text.strip(" ") or text, medium)


def encodable(text: str, encoding: str) -> str:
    r"""Return the text as `encoding` can write it: ASCII forms for ornaments, \u732b for what has none."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        if not _fits("⁻", encoding):
            text = re.sub("10([⁻⁰¹²³⁴-⁹]+)", lambda found: f"10^{found[1].translate(_DIGITS)}", text)
        plain = "".join(letter if _fits(letter, encoding) else letter.translate(_ASCII) for letter in text)
        return plain.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return encodable(text, "ascii")
    return text


def _fits(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def shorten_between_words(text: str, width: int, measure: Callable[[str], int], mark: str = "⋯") -> str:
    """Shorten the text to `width` cells in its middle, between words; between characters where no word would be left.

    >>> shorten_between_words("The cat sat on the mat.", 18, len)
    'The cat ⋯ the mat.'
    """
    if measure(text) <= width:
        return text
    words = split_prose(text)
    shown, first, last = "", 0, len(words)
    while first + 1 < last:
        ends = (first + 1, last) if first <= len(words) - last else (first, last - 1)
        head = "".join(before + word for before, word in words[: ends[0]]) + words[ends[0]][0]
        longer = f"{head}{mark}{''.join(before + word for before, word in words[ends[1] :])}"
        if measure(longer) > width:
            break
        shown, (first, last) = longer, ends
    return shown if first and last < len(words) else shorten(text, width, measure, mark)


def shorten(text: str, width: int, measure: Callable[[str], int], mark: str = "⋯") -> str:
    """Shorten the text to `width` cells: its beginning and its end, with `mark` where something is left out.

    Cut between grapheme clusters; `measure` gives a string's cells.
    """
    if measure(text) <= width:
        return text
    clusters = split_clusters(text)
    room = width - measure(mark)
    if room < 1:
        return mark if measure(mark) <= width else ""
    head: list[str] = []
    tail: list[str] = []
    while clusters:
        from_end = len(head) > len(tail)
        cluster = clusters.pop(-1 if from_end else 0)
        if measure("".join((*head, *tail, cluster))) > room:
            break
        (tail if from_end else head).append(cluster)
    return "".join(head) + mark + "".join(reversed(tail))
