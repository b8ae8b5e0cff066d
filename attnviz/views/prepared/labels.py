"""Token text made harmless and legible: what a reader sees in a terminal or a picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Literal

from attnviz.text.clusters import split_clusters
from attnviz.text.plain import is_plain

Medium = Literal["terminal", "picture"]

_MARKS_KEPT = 3
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
        "≤": "<=",
        "†": "+",
        "µ": "u",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
    }
)


def visible(text: str, medium: Medium = "terminal") -> str:
    r"""Return the text with all that acts or hides made visible; nothing in it can move a cursor or turn a line.

    Control characters become ␛ in a terminal and \x1b in a picture; bidi controls, zero-width characters and code
    points without a character become <U+202E>; of many combining marks three stay. Joiners stay where a script
    or an emoji needs them.

    >>> visible("a\x1b[2J")
    'a␛[2J'
    """
    if is_plain(text) and "\n" not in text:
        return text
    import wcwidth

    return "".join(_cluster(cluster, medium) for cluster in wcwidth.iter_graphemes(text))


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


def with_occurrence(text: str, occurrence: int) -> str:
    """Return a word with its occurrence, as people name it: the second 猫 is 猫#2.

    >>> with_occurrence("猫", 1), with_occurrence("猫", 2)
    ('猫', '猫#2')
    """
    return text if occurrence == 1 else f"{text}#{occurrence}"


def _cluster(cluster: str, medium: Medium) -> str:
    shown = []
    marks = 0
    for place, letter in enumerate(cluster):
        category = unicodedata.category(letter)
        if category in ("Mn", "Me"):
            marks += 1
            if marks > _MARKS_KEPT and letter not in "\ufe0e\ufe0f":
                continue
        shown.append(_letter(letter, category, cluster, place, medium))
    hidden = marks - _MARKS_KEPT
    return "".join(shown) + (f"<+{hidden}>" if hidden > 0 else "")


def _letter(letter: str, category: str, cluster: str, place: int, medium: Medium) -> str:
    code = ord(letter)
    if category == "Cc":
        if medium == "picture" or code > 0x7F:
            return f"\\x{code:02x}"
        return chr(0x2400 + code) if code < 0x20 else "␡"
    if category == "Cf" and not _joins(letter, cluster, place):
        return code_point(letter)
    if category in ("Cs", "Co", "Cn", "Zl", "Zp") or letter == "\u034f":
        return code_point(letter)
    if category == "Zs" and letter != " ":
        return " " if letter in "\u00a0\u3000\u2009\u202f" else code_point(letter)
    return letter


def _joins(letter: str, cluster: str, place: int) -> bool:
    """Return whether a joiner has an effect: inside an emoji, a flag's tag, or a script from Arabic to Sinhala."""
    if letter in "\u200c\u200d" and place > 0 and unicodedata.category(cluster[place - 1]) != "Cf":
        before = ord(cluster[place - 1])
        return 0x600 <= before <= 0xDFF or (place + 1 < len(cluster) and letter == "\u200d")
    return 0xE0020 <= ord(letter) <= 0xE007F and cluster[0] == "\U0001f3f4"


def code_point(letter: str) -> str:
    """Return the name of a code point, as in <U+202E>."""
    return f"<U+{ord(letter):04X}>"


def encodable(text: str, encoding: str) -> str:
    r"""Return the text as `encoding` can write it: ASCII forms for ornaments, \u732b for what has none."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
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
