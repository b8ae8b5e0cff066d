"""What stands for a part of a character: bytes such as <E9>, and the pieces of one character such as 鱼₁ 鱼₂."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from attnviz.core.token import Token, without_piece_number
from attnviz.i18n.messages import Message, message

_BYTES = re.compile(r"(?:<(?:0x)?[0-9A-F]{2}>)+")


def describe_cut_characters(tokens: Sequence[Token] = (), texts: Iterable[str] = ()) -> tuple[Message, ...]:
    """Say what the first label of bytes is, and whose pieces stand beside each other; nothing where there are none.

    tokens: those with a label each, in the order of their text. texts: further labels.

    >>> [str(part) for part in describe_cut_characters((Token("鱼₁", 0, 1), Token("鱼₂", 0, 1)), ["the", "<E9>"])]
    ['“鱼”: one character, cut into pieces', '<E9>: a byte of a character that is cut into pieces']
    """
    found: list[Message] = []
    whole = next(
        (without_piece_number(first.text) for first, second in pairwise(tokens) if _is_cut(first, second)), None
    )
    if whole:
        found.append(message("“{character}”: one character, cut into pieces", character=whole))
    labels = (text.strip() for text in (*(token.text for token in tokens), *texts))
    mark = next((text for text in labels if _BYTES.fullmatch(text)), None)
    if mark is not None:
        words = (
            message("{mark}: a byte of a character that is cut into pieces", mark=mark)
            if mark.count("<") == 1
            else message("{mark}: bytes of a character that is cut into pieces", mark=mark)
        )
        found.append(words)
    return tuple(found)


def _is_cut(first: Token, second: Token) -> bool:
    """Return whether two tokens that follow each other are pieces of one character."""
    if first.start is not None and first.start != first.end:
        one = (first.end or 0) - first.start == 1
        return one and (first.start, first.end) == (second.start, second.end)
    return first.start is None and first.text.endswith("₁") and second.text == first.text[:-1] + "₂"
