"""Where a line of Chinese or English may be broken, and where not."""

from __future__ import annotations

import re
from functools import cache

# What may not begin a line, and what may not end one (after GB/T 15834-2011, section 5.1).
_CLOSING = "，。、；：！？）」』”’》〉】〕…·,.;:!?)]}%"
_WIDE_OPENING = "（「『“‘《〈【〔"
_OPENING = _WIDE_OPENING + "([{"
_HAN = "\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003fffd"


def divide(text: str, width: int, fold: bool = True) -> list[int]:
    """The places to break `text` at so that no line has more than `width` cells.

    A line breaks at a space or beside a Chinese character, never before a closing mark or after an opening one; what
    is longer than a line is cut between characters. The signature is that of rich's own `divide_line`.

    >>> divide("每一行是一个词的注意力，合计为一。", 22)
    [10]
    """
    from attnviz.views.terminal.cell_width import cell_len, folded

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


def pieces(text: str) -> list[str]:
    """What of `text` keeps together, each with the spaces after it; joined they are the text.

    >>> pieces("看「猫」，run it")
    ['看', '「猫」，', 'run ', 'it']
    >>> pieces("h_(t-1) of（a）")
    ['h_(t-1) ', 'of', '（a）']
    """
    return [piece for piece in _piece().findall(text) if piece]


@cache
def _piece() -> re.Pattern[str]:
    """What keeps together: a run of letters with what it leads in and what it closes with, and the spaces after it.

    English is broken by rich alone, so it is compiled where it is first used.
    """
    return re.compile(
        rf"\s*[{re.escape(_OPENING)}]*(?:[{_HAN}]|[^\s{_HAN}]+?(?=[\s{_HAN}{_WIDE_OPENING}]|$)|$)"
        rf"[{re.escape(_CLOSING)}]*(?:\s+·)?\s*"
    )
