"""The tokens of weights from elsewhere: names, pieces of a vocabulary, ids, or what a tokenizer of transformers made.

A tokenizer is asked for its pieces, spans and special tokens in its own words; nothing here imports transformers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from attnviz.core.errors import InputError, OptionError, ShapeError
from attnviz.core.token import Token, with_piece_number
from attnviz.core.token_spans import SPACE, SPACE_MARK, is_lone_space, reader_spans, whole_characters
from attnviz.core.vocabulary_pieces import (
    Span,
    find_in_text,
    is_known_special,
    is_padding,
    place_words,
    read_pieces,
    same_letters,
)
from attnviz.i18n.messages import Message

_UNKNOWN_PIECES = ("[UNK]", "<unk>")


@dataclass(frozen=True)
class GivenTokens:
    """Tokens and the text that they stand in, where it is known.

    mask: which of them are no padding, where the tokenizer's output says so. unknown: the piece that stands for text
    which the vocabulary lacks, where both are known. notes: how the names were read.
    """

    tokens: tuple[Token, ...]
    source: str | None = None
    mask: Any = None
    unknown: str | None = None
    notes: tuple[Message, ...] = ()

    def numbered(self) -> GivenTokens:
        """Return the tokens with small numbers at the parts of one character: 鱼₁ 鱼₂ 鱼₃."""
        return replace(self, tokens=number_parts(self.tokens))


@dataclass(frozen=True)
class _Made:
    """What a tokenizer made of a text: pieces, and, where known, ids, spans, texts' numbers and special ones."""

    pieces: tuple[str | bytes, ...]
    ids: tuple[int, ...] | None = None
    offsets: tuple[Span, ...] | None = None
    texts: tuple[int | None, ...] | None = None
    special: tuple[bool, ...] | None = None
    mask: Any = None

    def names(self) -> list[str]:
        """Return the pieces as strings, bytes that are no characters replaced."""
        return [piece if isinstance(piece, str) else piece.decode("utf-8", "replace") for piece in self.pieces]

    def text_of(self, token: int, texts: int) -> int:
        """Return which of the texts a token is of, the first where that is not known."""
        return min((self.texts[token] if self.texts is not None else 0) or 0, texts - 1)


def read_tokens(
    tokens: Any, *, text: str | Sequence[str] | None = None, tokenizer: Any = None, special: Any = None, batch: int = 0
) -> GivenTokens:
    """Return tokens in any form as Token objects with their places in the text, special tokens without a place.

    tokens: strings or Token objects, pieces of a vocabulary among them; ids, which need `tokenizer`; or a
    BatchEncoding, of which `batch` picks a text. None: what `tokenizer` makes of `text`. text: where the tokens stand,
    two texts for a pair. special: 1 for a special token, else 0, as special_tokens_mask.
    Raises InputError, ShapeError or OptionError for what are no tokens.
    """
    if text is not None and not isinstance(text, str):
        texts = tuple(text) if isinstance(text, tuple | list) else ()
        if len(texts) not in (1, 2) or not all(isinstance(each, str) for each in texts):
            raise InputError("text is a string, or two strings for a pair.")
    else:
        texts = () if text is None else (text,)
    if tokenizer is not None and (
        isinstance(tokenizer, type)
        or not any(hasattr(tokenizer, name) for name in ("convert_ids_to_tokens", "id_to_token"))
    ):
        raise InputError("tokenizer is one of transformers or tokenizers, not of type {kind}.", kind=_kind(tokenizer))
    if tokens is None and (tokenizer is None or not texts):
        raise OptionError("Without tokens, tokenizer and text are needed: it cuts the text again.")
    made = _placed(_make(tokens, texts, tokenizer, batch), texts, tokenizer)
    flags = _special_flags(special, made, tokenizer, batch)
    found = (_by_offsets if made.offsets is not None and texts else _by_pieces)(made, texts, flags)
    return replace(found, unknown=_unknown_piece(made, tokenizer) if texts else None)


def _unknown_piece(made: _Made, tokenizer: Any) -> str | None:
    """Return the piece that stands for what the vocabulary lacks, where a token has it."""
    own = getattr(tokenizer, "unk_token", None)
    return next((name for name in (own, *_UNKNOWN_PIECES) if isinstance(name, str) and name in made.pieces), None)


def _make(tokens: Any, texts: Sequence[str], tokenizer: Any, batch: int) -> _Made:
    """Return the pieces of tokens in any form but Token objects."""
    if tokens is None:
        return _cut(texts, tokenizer)
    if isinstance(tokens, Mapping) or hasattr(tokens, "input_ids"):
        return _encoded(tokens, tokenizer, batch)
    if hasattr(tokens, "offsets") and hasattr(tokens, "tokens"):
        return _of_encoding(tokens)
    names = _as_list(tokens, batch)
    if names and all(isinstance(name, Integral) and not isinstance(name, bool) for name in names):
        if tokenizer is None:
            raise InputError("The tokens are numbers: they are ids of a vocabulary, and need tokenizer= to be read.")
        ids = tuple(int(name) for name in names)
        return _Made(_pieces_of(ids, tokenizer), ids)
    if not all(isinstance(name, str | bytes) for name in names):
        raise names_expected()
    return _Made(tuple(str(name) if isinstance(name, str) else bytes(name) for name in names))


def names_expected() -> InputError:
    """Return the error for tokens that are no names."""
    return InputError("tokens and keys are lists with one string or Token for each row or column of the weights.")


def _as_list(tokens: Any, batch: int) -> list[Any]:
    """Return names or ids as a list; of [batch, n] the text that is meant."""
    if isinstance(tokens, str | bytes):
        raise names_expected()
    if hasattr(tokens, "detach"):
        tokens = tokens.detach().cpu().numpy()
    if isinstance(tokens, np.ndarray) or hasattr(tokens, "__array__"):
        array = np.asarray(tokens)
        if array.ndim == 2 and array.dtype.kind in "iu":
            if not 0 <= batch < len(array):
                raise ShapeError(
                    "There are tokens of {count} texts, and no text {batch}.", count=len(array), batch=batch
                )
            array = array[batch]
        if array.ndim != 1:
            raise names_expected()
        return list(array.tolist()) if array.dtype.kind in "iubf" else list(array)
    try:
        return list(tokens)
    except TypeError:
        raise names_expected() from None


def _cuts(tokenizer: Any) -> bool:
    """Return whether a tokenizer, or None, cuts texts and does not only know what ids stand for."""
    return callable(tokenizer) or hasattr(tokenizer, "id_to_token")


def _cut(texts: Sequence[str], tokenizer: Any) -> _Made:
    """Cut the text, or both texts of a pair, by the tokenizer."""
    if not _cuts(tokenizer):
        raise InputError("The tokenizer cannot be called: it only knows what ids stand for. Give the tokens too.")
    if hasattr(tokenizer, "id_to_token"):  # of the package tokenizers
        return _of_encoding(tokenizer.encode(*texts))
    try:
        made = tokenizer(*texts, return_offsets_mapping=True, return_special_tokens_mask=True)
    except (NotImplementedError, TypeError):  # a slow one has no offsets
        made = tokenizer(*texts)
    return _encoded(made, tokenizer, 0)


def _placed(made: _Made, texts: Sequence[str], tokenizer: Any) -> _Made:
    """Return pieces with their spans, where the tokenizer cuts the texts just so; padding around them may differ."""
    if made.offsets is not None or not texts or not _cuts(tokenizer):
        return made
    again = _cut(texts, tokenizer)
    inside = [i for i, name in enumerate(made.names()) if not is_padding(name)]
    own: Sequence[object]
    cut: Sequence[object]
    own, cut = (made.pieces, again.pieces) if made.ids is None or again.ids is None else (made.ids, again.ids)
    if again.offsets is None or cut != tuple(own[i] for i in inside):
        return made
    places = dict(zip(inside, range(len(inside)), strict=True))
    return replace(
        made,
        offsets=tuple(again.offsets[places[i]] if i in places else (0, 0) for i in range(len(made.pieces))),
        texts=None
        if again.texts is None
        else tuple(again.texts[places[i]] if i in places else None for i in range(len(made.pieces))),
        special=None
        if again.special is None
        else tuple(again.special[places[i]] if i in places else True for i in range(len(made.pieces))),
    )


def _encoded(found: Any, tokenizer: Any, batch: int) -> _Made:
    """Read a BatchEncoding, or a mapping with input_ids."""
    encodings = getattr(found, "encodings", None)
    fields: Mapping[str, Any] = found if isinstance(found, Mapping) or hasattr(found, "keys") else vars(found)
    mask = fields.get("attention_mask")
    if encodings:
        if not 0 <= batch < len(encodings):
            raise ShapeError(
                "There are tokens of {count} texts, and no text {batch}.", count=len(encodings), batch=batch
            )
        return replace(_of_encoding(encodings[batch]), mask=mask)
    if "input_ids" not in fields:
        raise InputError("tokens has no input_ids: a list of names, ids, or what a tokenizer returns was expected.")
    if tokenizer is None:
        raise InputError("The tokens are ids of a vocabulary, and need tokenizer= to be read.")
    ids = tuple(int(number) for number in _as_list(_one_text(fields["input_ids"], batch), batch))
    offsets = None
    if "offset_mapping" in fields:
        rows = np.asarray(_one_text(fields["offset_mapping"], batch, 2)).tolist()
        offsets = tuple((int(start), int(end)) for start, end in rows)
    special = None
    if "special_tokens_mask" in fields:
        special = tuple(bool(flag) for flag in _as_list(_one_text(fields["special_tokens_mask"], batch), batch))
    return _Made(_pieces_of(ids, tokenizer), ids, offsets, None, special, mask)


def _one_text(values: Any, batch: int, dimensions: int = 1) -> Any:
    """Return one text of a batch of lists or arrays; of one text that stands alone itself."""
    values = values.detach().cpu().numpy() if hasattr(values, "detach") else values
    depth, inside = 0, values
    while isinstance(inside, list | tuple | np.ndarray) and len(inside):
        depth, inside = depth + 1, inside[0]
    if depth <= dimensions:
        return values
    if not 0 <= batch < len(values):
        raise ShapeError("There are tokens of {count} texts, and no text {batch}.", count=len(values), batch=batch)
    return values[batch]


def _of_encoding(encoding: Any) -> _Made:
    """Read an Encoding of the package tokenizers."""
    return _Made(
        tuple(encoding.tokens),
        tuple(encoding.ids),
        tuple((int(start), int(end)) for start, end in encoding.offsets),
        tuple(encoding.sequence_ids),
        tuple(bool(flag) for flag in encoding.special_tokens_mask),
    )


def _pieces_of(ids: Sequence[int], tokenizer: Any) -> tuple[str | bytes, ...]:
    negative = next((number for number in ids if number < 0), None)
    if negative is not None:  # as -100, which stands for a label that does not count
        raise InputError("The tokenizer has no token with the id {id}.", id=negative)
    if hasattr(tokenizer, "convert_ids_to_tokens"):
        found = tokenizer.convert_ids_to_tokens(list(ids))
    else:
        found = [tokenizer.id_to_token(number) for number in ids]
    missing = next((number for number, piece in zip(ids, found, strict=True) if piece is None), None)
    if missing is not None:
        raise InputError("The tokenizer has no token with the id {id}.", id=missing)
    return tuple(piece if isinstance(piece, bytes) else str(piece) for piece in found)


def _special_flags(special: Any, made: _Made, tokenizer: Any, batch: int) -> tuple[bool, ...]:
    """Return which tokens stand for no text: as the mask says, the tokenizer, or the well-known forms."""
    if special is not None:
        numbers = (
            _as_list(_one_text(special, batch), 0)
            if isinstance(special, Iterable) or hasattr(special, "detach")
            else [special]
        )
        if not all(number in (0, 1) for number in numbers):
            raise InputError("special_tokens_mask is a list of 1 for a special token and 0 for any other.")
        flags = tuple(map(bool, numbers))
        if len(flags) != len(made.pieces):
            raise ShapeError(
                "special_tokens_mask has {flags} numbers, and there are {count} tokens.",
                flags=len(flags),
                count=len(made.pieces),
            )
        return flags
    if made.special is not None:
        return made.special
    named = [piece if isinstance(piece, str) else "" for piece in made.pieces]
    words = {getattr(tokenizer, name, None) for name in ("unk_token", "mask_token")}
    own = {str(piece) for piece in getattr(tokenizer, "all_special_tokens", None) or ()} - words
    return tuple(piece in own or is_known_special(piece) for piece in named)


def _by_offsets(made: _Made, texts: Sequence[str], special: Sequence[bool]) -> GivenTokens:
    """Return tokens at the spans that the tokenizer gave; the second text of a pair stands in a line of its own."""
    names, offsets = made.names(), made.offsets or ()
    spans: list[Span | None] = [None] * len(names)
    for which, text in enumerate(texts):
        own = [i for i, alone in enumerate(special) if not alone and made.text_of(i, len(texts)) == which]
        if any(offsets[i][1] > len(text) for i in own):
            raise InputError("The tokenizer's spans lie beyond the text: is it the text that was tokenized?")
        shift = len(texts[0]) + 1 if which == 1 else 0
        for i, (start, end) in zip(
            own, reader_spans(text, [names[i] for i in own], [offsets[i] for i in own]), strict=True
        ):
            spans[i] = (start + shift, end + shift)
    return GivenTokens(_at_spans(made, "\n".join(texts), spans), "\n".join(texts), made.mask)


def _by_pieces(made: _Made, texts: Sequence[str], special: Sequence[bool]) -> GivenTokens:
    """Return tokens whose places are read from their pieces, or searched in the text where one is given."""
    read = read_pieces(made.pieces, special, are_entries=made.ids is not None)
    names = made.names()
    spans: Sequence[Span | None]
    if read is not None:
        source, spans = read.source, read.spans
    elif texts or any(special):
        source, spans = place_words(names, special)
    else:
        return GivenTokens(_at_spans(made, "", [None] * len(names), entries=made.ids is not None), mask=made.mask)
    if texts and source != "\n".join(texts):
        wanted = _wanted(source, spans)
        source, spans = "\n".join(texts), find_in_text(wanted, spans, "\n".join(texts))
        _refuse_other_text(names, wanted, spans, source)
    spans = [
        (span[1], span[1]) if span is not None and name == SPACE_MARK else span
        for name, span in zip(names, spans, strict=True)
    ]
    if read is not None or texts:
        placed = iter(whole_characters(source, [span for span in spans if span is not None]))
        spans = [None if span is None else next(placed) for span in spans]
    entries = read is not None or made.ids is not None
    notes = () if read is None else (read.note,)
    return GivenTokens(_at_spans(made, source, spans, entries=entries), source, made.mask, notes=notes)


def _wanted(source: str, spans: Sequence[Span | None]) -> list[str]:
    """Return what is searched of each token: what it stands for in the text of the pieces, nothing for a space."""
    return ["" if span is None else source[span[0] : span[1]].strip() for span in spans]


def _refuse_other_text(names: Sequence[str], wanted: Sequence[str], spans: Sequence[Span | None], text: str) -> None:
    """Raise InputError where most tokens do not stand in the text: then it is not the text that was tokenized."""
    known = [
        (piece, text[span[0] : span[1]])
        for name, piece, span in zip(names, wanted, spans, strict=True)
        if span is not None and piece.isalnum() and name not in _UNKNOWN_PIECES
    ]
    lost = [piece for piece, there in known if not same_letters(piece, there)]
    if 2 * len(lost) > len(known):
        raise InputError("Most tokens are not in the text: is it the text that was tokenized?")


def _at_spans(made: _Made, source: str, spans: Sequence[Span | None], *, entries: bool = True) -> tuple[Token, ...]:
    """Return the tokens at their spans of the text, None for those that stand for no text.

    entries: whether the pieces are entries of a vocabulary, and no plain names.
    """
    ids: Sequence[int | None] = made.ids or [None] * len(spans)
    return tuple(
        Token(
            name if span is None else SPACE if is_lone_space(name, span) else source[span[0] : span[1]] or name,
            None if span is None else span[0],
            None if span is None else span[1],
            piece=name if entries else None,
            id=number,
        )
        for name, span, number in zip(made.names(), spans, ids, strict=True)
    )


def number_parts(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Return the tokens with small numbers at those that are parts of one character, whose spans overlap.

    >>> [token.text for token in number_parts((Token("鱼", 0, 1), Token("鱼", 0, 1), Token("吃", 1, 2)))]
    ['鱼₁', '鱼₂', '吃']
    """
    groups: list[list[Token]] = []
    for before, token in pairwise((None, *tokens)):
        assert token is not None
        overlaps = (
            before is not None
            and before.start is not None
            and token.start is not None
            and before.start < (before.end or 0)
            and token.start < min(before.end or 0, token.end or 0)
        )
        if overlaps:
            groups[-1].append(token)
        else:
            groups.append([token])
    return tuple(
        with_piece_number(token, number) if len(group) > 1 else token
        for group in groups
        for number, token in enumerate(group, 1)
    )


def padding_places(tokens: Sequence[Token]) -> list[int]:
    """Return the indexes of the tokens that are padding by their names."""
    return [index for index, token in enumerate(tokens) if is_padding(token.piece or token.text)]


def _kind(value: Any) -> str:
    return type(value).__name__
