"""Text made safe to print: what acts in a terminal or hides in a page is written out.

Everything that comes from a file, an argument or a model passes here before a reader sees it: as a field of a message
(`attnviz.i18n.messages`), as a label of a prepared form (`attnviz.views.prepared`), and last where a renderer writes.
"""

from __future__ import annotations

import unicodedata
from typing import Literal

Medium = Literal["terminal", "picture"]

_MARKS_KEPT = 3
_SHORT_ESCAPES = {"\n": r"\n", "\t": r"\t", "\r": r"\r"}


def visible(text: str, medium: Medium = "terminal") -> str:
    r"""Return the text with all that acts or hides made visible; nothing in it can move a cursor or turn a line.

    Control characters become ␛ in a terminal, \n or \x1b in a picture; bidi controls, zero-width characters and code
    points without a character become <U+202E>; of many combining marks three stay. Joiners stay where a script
    or an emoji needs them.

    >>> visible("a\x1b[2J")
    'a␛[2J'
    """
    if text.isprintable() and not any(unicodedata.category(letter)[0] == "M" for letter in set(text)):
        return text
    import wcwidth

    return "".join(_cluster(cluster, medium) for cluster in wcwidth.iter_graphemes(text))


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
            return _SHORT_ESCAPES.get(letter) or f"\\x{code:02x}"
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
