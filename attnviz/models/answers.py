"""An answer: one token of the vocabulary whose probability is watched, and the place where the model gives it."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attnviz.core.errors import InputError, OptionError
from attnviz.i18n.messages import listed, message
from attnviz.models.continuation import spell_candidate
from attnviz.models.tokenizers.tokenizer import EncodedText

if TYPE_CHECKING:
    from attnviz.models.model import Model


_MASKS = ("[MASK]", "<mask>")  # of BERT's kind, and of RoBERTa's


class Answer(NamedTuple):
    """A word that is one token: its text as it was asked for, its piece in the vocabulary and its id."""

    text: str
    piece: str
    id: int


def answer_row(model: Model, encoded: EncodedText) -> int:
    """Return the row whose logits give the answer: the text's last token, or the only mask token of a BERT.

    Raises InputError for a model without a mask token or a text without one, and for several.
    """
    if model.shape.causal:
        own = np.flatnonzero(~encoded.special)
        end = len(encoded.ids) - 1
        return int(own[-1]) if len(own) and own[-1] < end else end
    mask = next((piece for piece in _MASKS if model.tokenizer.id_of(piece) is not None), None)
    rows = [i for i, token in enumerate(encoded.tokens) if token.piece == mask]
    if mask is None:
        raise InputError(
            "{name} reads in both directions and has no mask token: there is no place for an answer.", name=model.name
        )
    if len(rows) != 1:
        raise InputError(
            "The text has {count} mask tokens: the place of the answer is one {mask}.", count=len(rows), mask=mask
        )
    return rows[0]


def find_answer(model: Model, text: str, word: str, *, option: str = "--answer") -> Answer:
    """Return the token that continues `text` with `word`: with a space before it where words are parted by spaces.

    Raises InputError, with its pieces, for a word that the vocabulary cuts into several.
    """
    if not word.strip():
        raise OptionError("{option} takes a word, not {value!r}.", option=option, value=word)
    found = _continuations(model, text, word) if model.shape.causal else [_alone(model, word)]
    for pieces in found:
        if len(pieces) == 1:
            return Answer(word, pieces[0][1], pieces[0][0])
    shown = listed(message("{piece}", piece=spell_candidate(model.tokenizer, number)) for number, _ in found[0])
    if not found[0]:
        raise InputError("The vocabulary of {name} has nothing for “{word}”.", name=model.name, word=word)
    raise InputError(
        "The vocabulary cuts “{word}” into {count} pieces ({pieces}): an answer is one token.",
        hint="Choose another word: attnviz tokens shows how a text is cut.",
        word=word,
        count=len(found[0]),
        pieces=shown,
    )


def _continuations(model: Model, text: str, word: str) -> list[list[tuple[int, str]]]:
    """Return what is added to the text's tokens by the word, with and without a space before it, the likelier first."""
    before = model.tokenizer.encode(text, ends=False)
    spaced = [" " + word, word] if _parted(text, word) else [word]
    ways = []
    for added in spaced:
        after = model.tokenizer.encode(text + added, ends=False)
        count = len(before.ids)
        if np.array_equal(after.ids[:count], before.ids):
            ways.append(list(zip(after.ids[count:].tolist(), _pieces(after)[count:], strict=True)))
    return ways or [_alone(model, word)]


def _parted(text: str, word: str) -> bool:
    """Return whether a space stands between the text and a word that follows it."""
    last, first = text[-1:], word[:1]
    wide = any(unicodedata.east_asian_width(letter) in "WF" for letter in (last, first) if letter)
    return not (last.isspace() or first.isspace() or wide)


def _alone(model: Model, word: str) -> list[tuple[int, str]]:
    """Return the pieces of a word that stands alone."""
    encoded = model.tokenizer.encode(word, ends=False)
    return list(zip(encoded.ids.tolist(), _pieces(encoded), strict=True))


def _pieces(encoded: EncodedText) -> list[str]:
    return [token.piece or token.text for token in encoded.tokens]
