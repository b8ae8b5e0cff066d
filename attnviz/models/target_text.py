"""The text that a decoder reads: a given target, or the model's own answer."""

from __future__ import annotations

from typing import NamedTuple

from attnviz.core.attention_data import Token
from attnviz.core.token_spans import SPACE, is_lone_space
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.cache import TextReader
from attnviz.models.checkpoint import Checkpoint, naming_file
from attnviz.models.families.config import Configuration
from attnviz.models.forward import Network, Request
from attnviz.models.generate import generate, read_rules, start_token
from attnviz.models.tokenizers.tokenizer import TextTokenizer


class TargetText(NamedTuple):
    """A decoder's token ids [n], the start token first, their tokens, and the text that the tokens' spans are in."""

    ids: list[int]
    tokens: tuple[Token, ...]
    text: str
    notes: tuple[Message, ...] = ()
    left_out: tuple[str, ...] = ()


def given_target(checkpoint: Checkpoint, text: str) -> TargetText:
    """Return a given text as the decoder reads it: the start token, one that is forced, then the text's own tokens."""
    encoded = checkpoint.target_tokenizer.encode(text)
    own = [i for i, special in enumerate(encoded.special) if not special]
    first = [start_of_target(checkpoint)]
    with naming_file(checkpoint.path):
        forced = read_rules(Configuration(checkpoint.generation)).first
    if forced is not None:
        piece = checkpoint.target_tokenizer.decode(forced)
        first.append(Token(piece, piece=piece, id=forced))
    ids = [*(token.id or 0 for token in first), *(int(encoded.ids[i]) for i in own)]
    return TargetText(ids, (*first, *(encoded.tokens[i] for i in own)), text, left_out=encoded.left_out)


def answered_target(
    checkpoint: Checkpoint, network: Network, encoder_hidden_states: Float32, steps: int | None = None
) -> TargetText:
    """Return the model's own answer, without its end token, to a text's encoder hidden states [source tokens, dim].

    steps: the most tokens of it, in place of what its settings say.
    """
    start = start_of_target(checkpoint)
    rules = read_rules(Configuration(checkpoint.generation), most=network.shape.positions, steps=steps)
    reader, last = TextReader(network, encoder_hidden_states), Request(layers=(), logits=[-1], traces=False)

    def next_logits(ids: list[int]) -> Float32:
        """Return the logits [vocabulary] of the token after ids [n]."""
        logits = reader(ids, last).logits
        assert logits is not None
        return logits.reshape(-1)

    with network.keep_weights():
        ids = generate(next_logits, [start.id or 0], rules)
    if len(ids) > 1 and ids[-1] in rules.ends:
        ids.pop()
    tokens, text = _spell(checkpoint.target_tokenizer, ids[1:])
    notes = [message("The model's answer: {text}", text=text)]
    if rules.not_applied:
        notes.append(
            message(
                "Its generation settings also have {settings}, which attnviz does not apply.",
                settings=listed(rules.not_applied),
            )
        )
    return TargetText(ids, (start, *tokens), text, tuple(notes))


def start_of_target(checkpoint: Checkpoint) -> Token:
    """Return the token that a decoder's text begins with."""
    with naming_file(checkpoint.path):
        number = start_token(Configuration(checkpoint.generation))
    piece = checkpoint.target_tokenizer.decode(number) or "<s>"
    return Token(piece, piece=piece, id=number)


def _spell(tokenizer: TextTokenizer, ids: list[int]) -> tuple[tuple[Token, ...], str]:
    """Return tokens for ids [n] that no text was cut into, and the text that they spell."""
    text, tokens = "", []
    for number in ids:
        piece = tokenizer.decode(number)
        spelled = piece.replace("▁", " ")
        if not text:
            spelled = spelled.lstrip()
        word = spelled.strip()
        start = len(text) + len(spelled) - len(spelled.lstrip())
        shown = word or (SPACE if is_lone_space(piece, (start, start)) else piece)
        tokens.append(Token(shown, start, start + len(word), piece=piece, id=number))
        text += spelled
    return tuple(tokens), text
