"""The text that a decoder reads: a given target, or the model's own answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from attnviz.core.attention_data import Token
from attnviz.models.tokenizers.tokenizer import TextTokenizer


class TargetText(NamedTuple):
    """A decoder's token ids [n], the start token first, their tokens, and the text that the tokens' spans are in."""

    ids: list[int]
    tokens: tuple[Token, ...]
    text: str


def given_target(tokenizer: TextTokenizer, text: str, start: int) -> TargetText:
    """Return a given text as the decoder reads it: the start token, then the text's own tokens."""
    encoded = tokenizer.encode(text)
    own = [i for i, special in enumerate(encoded.special) if not special]
    ids = [start, *(int(encoded.ids[i]) for i in own)]
    return TargetText(ids, (_start(tokenizer, start), *(encoded.tokens[i] for i in own)), text)


def answered_target(tokenizer: TextTokenizer, ids: Sequence[int]) -> TargetText:
    """Return the answer with these token ids [n], the start token first, and the text that they spell."""
    text, tokens = "", [_start(tokenizer, ids[0])]
    for number in ids[1:]:
        piece = tokenizer.decode(number)
        spelled = piece.replace("▁", " ")
        if not text:
            spelled = spelled.lstrip()
        word = spelled.strip()
        start = len(text) + len(spelled) - len(spelled.lstrip())
        tokens.append(Token(word or piece, start, start + len(word), piece=piece, id=number))
        text += spelled
    return TargetText(list(ids), tuple(tokens), text)


def _start(tokenizer: TextTokenizer, number: int) -> Token:
    piece = tokenizer.decode(number) or "<s>"
    return Token(piece, piece=piece, id=number)
