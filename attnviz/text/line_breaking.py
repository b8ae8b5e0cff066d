"""Where a line of Chinese or English may be broken, and where not."""

from __future__ import annotations

import re
from functools import cache

# What may not begin a line, and what may not end one (after GB/T 15834-2011, section 5.1).
_CLOSING = "，。、；：！？）」』”’》〉】〕…·,.;:!?)]}%"
_WIDE_OPENING = "（「『“‘《〈【〔"
_OPENING = _WIDE_OPENING + "([{"
_HAN = "\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\U00020000-\U0003fffd"


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
