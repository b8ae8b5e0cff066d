"""What an encoder-decoder's decoder reads: a target text as given, or the model's own words, one after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Token
from attnviz.i18n.messages import Message, message
from attnviz.models.checkpoint import Checkpoint
from attnviz.models.families.registry import shape_of
from attnviz.models.forward import forward

_MOST_SAID = 128


class Target(NamedTuple):
    """The decoder's ids, the start token first; the tokens behind them and the text that their spans count in."""

    ids: list[int]
    tokens: tuple[Token, ...]
    text: str
    notes: tuple[Message, ...] = ()


def read_target(checkpoint: Checkpoint, text: str) -> Target:
    """A text that is given, as the decoder reads it: the start token, then the text's own."""
    encoded = checkpoint.target_tokenizer.encode(text)
    own = [i for i, special in enumerate(encoded.special) if not special]
    start = _start(checkpoint)
    ids = [start.id or 0, *(int(encoded.ids[i]) for i in own)]
    return Target(ids, (start, *(encoded.tokens[i] for i in own)), text)


def say(checkpoint: Checkpoint, ids: NDArray[np.int64]) -> Target:
    """The model's own words, greedily: each time the likeliest next token, until it ends.

    At most 128 tokens, or as many as the model's positions are.
    """
    start = _start(checkpoint)
    end, never = checkpoint.config.get("eos_token_id"), checkpoint.config.get("pad_token_id")
    said = [start.id or 0]
    most = shape_of(checkpoint.config).positions or _MOST_SAID
    while len(said) < min(most, _MOST_SAID):
        passed = forward(
            checkpoint.config, checkpoint.tensors, ids.tolist(), target_ids=said, layers=[], logits=[-1], traces=False
        )
        assert passed.logits is not None
        scores = passed.logits[-1].copy()
        if isinstance(never, int) and 0 <= never < len(scores):
            scores[never] = -np.inf
        best = int(scores.argmax())
        if best == end:
            break
        said.append(best)
    tokens, text = _spelled(checkpoint, said[1:])
    return Target(said, (start, *tokens), text, (message("The model says: {text}", text=text),))


def _start(checkpoint: Checkpoint) -> Token:
    """The token that a decoder begins with."""
    config = checkpoint.config
    number = config.get("decoder_start_token_id")
    number = config.get("pad_token_id") if number is None else number
    start = number if type(number) is int and number >= 0 else 0
    piece = checkpoint.target_tokenizer.decode(start) or "<s>"
    return Token(piece, piece=piece, id=start)


def _spelled(checkpoint: Checkpoint, ids: list[int]) -> tuple[tuple[Token, ...], str]:
    """Tokens for ids that no text was cut into, and the text that they spell."""
    text, tokens = "", []
    for number in ids:
        piece = checkpoint.target_tokenizer.decode(number)
        spelled = piece.replace("▁", " ")
        if not text:
            spelled = spelled.lstrip()
        word = spelled.strip()
        start = len(text) + len(spelled) - len(spelled.lstrip())
        tokens.append(Token(word or piece, start, start + len(word), piece=piece, id=number))
        text += spelled
    return tuple(tokens), text
