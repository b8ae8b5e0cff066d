"""Break lines of Chinese and English, measured in whatever unit the caller draws in: cells, columns or inches.

views/page/layout.js repeats `fill_lines` in JavaScript for the pictures that the page saves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from attnviz.core.clusters import split_clusters

Measure = Callable[[str], float]
# What stands before a text on the same line (nothing, a space, a separator), and the text, which is never broken.
# "\n" begins a new line.
Part = tuple[str, str]

# What may not begin a line, and what may not end one (after GB/T 15834-2011, section 5.1).
_CLOSING = "，。、；：！？）」』”’》〉】〕…·,.;:!?)]}%"
_WIDE_OPENING = "（「『“‘《〈【〔"
_OPENING = _WIDE_OPENING + "([{"
_JOINTS = "_-/"  # where a long name may be cut
_NEVER_FIRST, _NEVER_LAST = frozenset(_CLOSING), frozenset(_OPENING)
_HAN = "\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003fffd"


def break_text(text: str, width: float, measure: Measure) -> list[str]:
    """Return `text` in lines that `measure` as at most `width`, without spaces at their ends.

    A line breaks at a space or beside a Chinese character, never before a closing mark or after an opening one; what
    is wider than a line is cut between characters.

    >>> break_text("看「猫」，run it", 6, len)
    ['看「猫」，', 'run it']
    """
    return break_parts(split_prose(text), width, measure)


def break_parts(parts: Iterable[Part], width: float, measure: Measure) -> list[str]:
    """Return the lines that the parts fill; a part that is wider than a line is cut.

    >>> break_parts([("", "a"), (" · ", "bb cc"), (" · ", "d")], 5, len)
    ['a', 'bb cc', 'd']
    """
    parts = list(cut_wide(parts, width, measure))
    return [_join(parts[line.start : line.stop]) for line in fill_lines(parts, width, measure)]


def divide(text: str, width: float, measure: Measure) -> list[int]:
    """Return the places in `text` at which `break_text` begins a new line.

    >>> divide("每一行是一个词的注意力，合计为一。", 11, len)
    [10]
    """
    parts = list(cut_wide(split_prose(text), width, measure))
    starts, end = [], 0
    for before, part in parts:
        starts.append(end + len(before))
        end = starts[-1] + len(part)
    return [starts[line.start] for line in fill_lines(parts, width, measure)[1:]]


def fill_lines(parts: Sequence[Part], width: float, measure: Measure) -> list[range]:
    """Return the indices of the parts on each line; a line takes parts as long as they fit.

    A part at the beginning of a line leaves out what stands before it; one that is wider than a line stands alone.
    """
    lines: list[range] = []
    line = ""
    for index, (before, text) in enumerate(parts):
        longer = line + before + text
        if lines and before != "\n" and measure(longer) <= width:
            lines[-1] = range(lines[-1].start, index + 1)
            line = longer
        else:
            lines.append(range(index, index + 1))
            line = text
    return lines


def cut_wide(parts: Iterable[Part], width: float, measure: Measure) -> Iterator[Part]:
    """Yield the parts, those wider than a line cut: at their spaces, and a word that is still wider in its middle."""
    for before, text in parts:
        if measure(text) <= width:
            yield before, text
        elif " " in text.strip():
            (indent, first), *others = re.findall(r"(\s*)(\S+)", text)
            yield from cut_wide([(before, indent + first), *others], width, measure)
        else:
            first, *others = cut_word(text, width, measure)
            yield before, first
            yield from (("", other) for other in others)


def cut_word(word: str, width: float, measure: Measure) -> list[str]:
    """Return the word in pieces of at most `width`, cut between grapheme clusters; a wider cluster stands alone.

    A name of several parts is cut between them.

    >>> cut_word("all_minilm_l6_v2", 8, len), cut_word("internationalization", 8, len)
    (['all_', 'minilm_', 'l6_v2'], ['internat', 'ionaliza', 'tion'])
    """
    if measure(word) <= width:
        return [word]
    cuts = [""]
    for cluster in split_clusters(word):
        if cuts[-1] and measure(cuts[-1] + cluster) > width:
            whole = max(map(cuts[-1].rfind, _JOINTS)) + 1
            cuts[-1:] = [cuts[-1][:whole], cuts[-1][whole:]] if whole else [cuts[-1], ""]
        cuts[-1] += cluster
    return cuts


def split_words(text: str) -> list[Part]:
    """Return the words of `text`, which may be broken at its spaces alone."""
    return [(" ", word) for word in text.split(" ")]


def split_prose(text: str) -> list[Part]:
    """Return what of `text` keeps together, each with the spaces before it.

    >>> split_prose("看「猫」，run it")
    [('', '看'), ('', '「猫」，'), ('', 'run'), (' ', 'it')]
    >>> split_prose("h_(t-1) of（a）")
    [('', 'h_(t-1)'), (' ', 'of'), ('', '（a）')]
    """
    parts: list[Part] = []
    before = ""
    for piece in filter(None, _piece().findall(text)):
        kept = piece.rstrip()
        parts.append((before, kept))
        before = piece[len(kept) :]
    return parts


def may_break(left: str, right: str) -> bool:
    """Return whether a line may end between these two letters without a space: one is wide, and no mark forbids it."""
    if left in _NEVER_LAST or right in _NEVER_FIRST:
        return False
    return any(unicodedata.east_asian_width(letter) in "WF" for letter in (left, right) if letter)


def _join(parts: Sequence[Part]) -> str:
    return (parts[0][1] + "".join(before + text for before, text in parts[1:])).rstrip()


@cache
def _piece() -> re.Pattern[str]:
    """Return the pattern of what keeps together: letters, the marks that open and close them, the spaces after them.

    It is compiled where it is first used: a command in English without a long line needs none.
    """
    return re.compile(
        rf"\s*[{re.escape(_OPENING)}]*(?:[{_HAN}]|[^\s{_HAN}]+?(?=[\s{_HAN}{_WIDE_OPENING}]|$)|$)"
        rf"[{re.escape(_CLOSING)}]*(?:\s+·)?\s*"
    )
