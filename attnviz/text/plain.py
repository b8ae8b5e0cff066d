"""Which letters need no segmentation into characters: nearly all that are written in Chinese or English."""

from __future__ import annotations

import re

# ASCII, Latin, Greek, Cyrillic, kana, Han, and the punctuation, arrows, operators and blocks around them.
_PLAIN = re.compile(
    "[\n\x20-\x7e\xa1-\xac\xae-\u024f\u0391-\u03a1\u03a3-\u03c9\u0410-\u044f\u2010-\u2027"
    "\u2070\u2071\u2074-\u208e\u2090-\u209c\u2190-\u22ff\u2500-\u259f"
    "\u3001-\u3029\u3041-\u3096\u30a1-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e]*"
)


def is_plain(text: str) -> bool:
    """Whether each code point is a character of its own, and a visible one: then no segmentation is needed."""
    return _PLAIN.fullmatch(text) is not None
