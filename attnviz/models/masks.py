"""What a model of BERT's kind would put at the masks of a text (Devlin et al. 2019, section 3.1, "Masked LM")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.checkpoint import Checkpoint, naming_file
from attnviz.models.continuation import Candidate, RowHook, check_range, likeliest_candidates
from attnviz.models.families.hooks import hooked
from attnviz.models.forward import Network, Request
from attnviz.models.options import MOST_STEPS
from attnviz.models.tokenizers.added_tokens import read_token_settings
from attnviz.models.tokenizers.spelling import SpelledText
from attnviz.models.tokenizers.tokenizer import EncodedText, TextTokenizer

# How people write a place to fill: the mask tokens of BERT and RoBERTa, or a gap of three underscores and more.
_TYPED = re.compile(r"\[MASK\]|<mask>|_{3,}|＿{2,}", re.IGNORECASE)
_USUAL = ("[MASK]", "<mask>")
_NO_TENSOR = "The model's weights have no tensor {name} of shape {shape}."


class ReadMask(NamedTuple):
    """One mask: its place among the tokens, its candidates, and shares [tokens] of what it attended to."""

    place: int
    candidates: tuple[Candidate, ...]
    shares: Float32


@dataclass(frozen=True, eq=False)
class ReadMasks:
    """What was read and what stands at its masks.

    text: what was read, with the model's own mask token; filled: with the likeliest token at each mask.
    """

    text: str
    filled: str
    encoded: EncodedText
    masks: tuple[ReadMask, ...]


def read_masks(
    checkpoint: Checkpoint, network: Network, encode: Callable[[str], EncodedText], text: str, top: int
) -> ReadMasks:
    """Read a text with masks once, and return the `top` likeliest tokens at each, whatever stands at the others.

    [MASK], <mask> and ___ are masks, whatever the model itself calls them. encode: cuts a text into the model's tokens.
    Raises InputError for a model without a mask token or a head that gives words, and for a text without a mask.
    """
    check_range("--top", top, MOST_STEPS)
    shape, name, tokenizer = network.shape, checkpoint.name, checkpoint.tokenizer
    if shape.encoder_decoder:
        raise InputError(
            "{name} has an encoder and a decoder: fill takes one stack that reads in both directions, such as a BERT.",
            hint="attnviz next shows what it answers.",
            name=name,
        )
    if shape.causal:
        raise InputError(
            "{name} was not trained to fill a gap: it reads from left to right.",
            hint="attnviz next shows how it goes on.",
            name=name,
        )
    piece = mask_piece(checkpoint)
    number = None if piece is None else tokenizer.number_of(piece)
    if piece is None or number is None:
        raise InputError(
            "{name} has no mask token: it was not trained to fill a gap.",
            hint="Give a masked language model, such as a BERT.",
            name=name,
        )
    check_head(checkpoint, network)
    read = _TYPED.sub(lambda _: piece, text)
    encoded = encode(read)
    places = [int(place) for place in np.flatnonzero(encoded.ids == number)]
    if not places:
        raise InputError(
            "The text has no mask: {name} fills {piece}, which can be written as ___ too.",
            hint='Write it where a word is missing, as in "The cat eats the ___."',
            name=name,
            piece=piece,
        )
    hook = RowHook(places)
    with hooked(hook), naming_file(checkpoint.path):
        output = network.read(encoded.ids, Request(layers=(), logits=places, traces=False))
    assert output.logits is not None
    found = tuple(
        ReadMask(
            place, likeliest_candidates(tokenizer, logits, min(top, len(logits))), hook.shares(len(encoded.ids), row)
        )
        for row, (place, logits) in enumerate(zip(places, output.logits, strict=True))
    )
    return ReadMasks(read, _filled(tokenizer, read, piece, found), encoded, found)


def check_head(checkpoint: Checkpoint, network: Network) -> None:
    """Raise InputError where a checkpoint lacks the head that gives words."""
    try:
        network.check_head()
    except InputError as error:
        if error.message.template != _NO_TENSOR:
            raise error.about(checkpoint.path) from None
        raise InputError(
            "{name} has no head that gives words: its weights lack {tensor}. It was saved for another use, such as "
            "embeddings.",
            hint="Give a checkpoint that was saved with its language-modelling head.",
            name=checkpoint.name,
            tensor=error.message.fields["name"],
        ) from None


def mask_piece(checkpoint: Checkpoint) -> str | None:
    """Return the token that stands for a gap, as the model's files name it; None where there is none."""
    if checkpoint.gguf is not None:
        number = checkpoint.gguf.metadata.get("tokenizer.ggml.mask_token_id")
        return checkpoint.tokenizer.decode(number) or None if isinstance(number, int) else None
    named = dict(read_token_settings(checkpoint.path).named())
    if "mask_token" in named:
        return named["mask_token"].text
    return next((piece for piece in _USUAL if checkpoint.tokenizer.number_of(piece) is not None), None)


def _filled(tokenizer: TextTokenizer, text: str, piece: str, masks: tuple[ReadMask, ...]) -> str:
    """Return the text with the likeliest token at each mask, pieces that go on with a word joined to it."""
    parts = text.split(piece)
    if len(parts) != len(masks) + 1:
        return text
    return "".join(_joined(tokenizer, parts, masks))


def _joined(tokenizer: TextTokenizer, parts: list[str], masks: tuple[ReadMask, ...]) -> Iterator[str]:
    yield parts[0]
    for part, mask in zip(parts[1:], masks, strict=True):
        spelled = SpelledText(tokenizer)
        spelled.add(mask.candidates[0].id)
        yield (spelled.text.strip() or mask.candidates[0].text) + part
