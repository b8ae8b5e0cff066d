"""Tokenizers of models: ids for the model, and for the reader the span of the text behind each token.

tokenizer.json is read as it is, but truncation and padding are switched off: MiniLM's would cut at 128 tokens without
a warning. Where a folder has only older files, the same tokenizer is built from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Token
from attnviz.core.errors import AttnvizError, InputError, MissingError
from attnviz.core.read_file import need_text
from attnviz.core.token_spans import SPACE, is_lone_space, reader_spans
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.formats.files import text_of
from attnviz.models.tokenizers.classes import ends_in_4
from attnviz.models.tokenizers.growth import Growth
from attnviz.models.tokenizers.quiet_library import quiet

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

    from attnviz.models.tokenizers.partial_merges import PartialMerges

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class EncodedText:
    """The tokens of a text, or of a pair; each array is [n].

    special: whether a token is one that the model puts around a text, [CLS] and the like. second: whether it belongs
    to the pair's second text. words: the number of its word in the text, -1 for none. unknown: whether the vocabulary
    lacks it. left_out: the letters of the text that no token stands for, each once.
    """

    tokens: tuple[Token, ...]
    ids: NDArray[np.int64]
    segments: NDArray[np.int64]
    special: NDArray[np.bool_]
    second: NDArray[np.bool_]
    words: NDArray[np.int64]
    unknown: NDArray[np.bool_]
    left_out: tuple[str, ...] = ()


class TextTokenizer:
    """A tokenizer that gives ids, spans and pieces, around an object of the tokenizers package.

    unknown: the piece for what is not in the vocabulary. renumber: the model's id of each piece, where they are not
    the object's. notes: what a reader who looks at the tokens should know of them. merges: gives the object the merges
    of a text where it does not have all of them.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        name: str,
        *,
        unknown: str | None = None,
        renumber: Mapping[str, int] | None = None,
        notes: tuple[Message, ...] = (),
        merges: PartialMerges | None = None,
    ) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._name = name
        self._growth = call_library(name, lambda: Growth(tokenizer, name))
        self._renumber = renumber
        self._merges = merges
        self.unknown = unknown
        self.notes = notes

    def encode(self, text: str, pair: str | None = None, *, ends: bool = True) -> EncodedText:
        """Return the tokens of a text, or of two; spans of the second count on from the first and a line break.

        ends: put begin and end tokens around the text.
        Raises InputError for a text that has no tokens but special ones.
        """
        for given in (text, "" if pair is None else pair):
            need_text(given)
            self._check_growth(given)
        self._prepare(text if pair is None else f"{text}\n{pair}")
        made = call_library(
            self._name,
            lambda: self._tokenizer.encode(
                _well_formed(text), None if pair is None else _well_formed(pair), add_special_tokens=ends
            ),
        )
        sequences = made.sequence_ids
        texts = (text, pair or "")
        spans, left_out = self._spans(texts, made)
        ids = self._ids(made)
        unknown = self._unknown(ids, sequences)
        tokens = tuple(
            _token(texts, which, span, piece, int(number), len(text) + 1)
            for which, span, piece, number in zip(sequences, spans, made.tokens, ids, strict=True)
        )
        if unknown.any():  # Unigram gives the text that it lacks as its piece
            tokens = tuple(
                replace(token, piece=self.unknown) if lacks else token
                for token, lacks in zip(tokens, unknown, strict=True)
            )
        for which, given in enumerate(texts if pair is not None else texts[:1]):
            if left_out and which not in sequences and given.strip():
                raise InputError(
                    "The vocabulary of {path!r} has no piece for any letter of {text!r}.",
                    path=self._name,
                    text=given[:40],
                )
        if all(which is None for which in sequences):
            raise InputError("The text is empty or blank: at least one word was expected.")
        if pair is not None and 1 not in sequences:
            raise InputError("The second text is empty or blank: at least one word was expected.")
        return EncodedText(
            tokens=tokens,
            ids=ids,
            segments=np.array(made.type_ids, dtype=np.int64),
            special=np.array([which is None for which in sequences]),
            second=np.array([which == 1 for which in sequences]),
            words=_word_numbers(made),
            unknown=unknown,
            left_out=left_out,
        )

    def _spans(self, texts: tuple[str, str], made: Encoding) -> tuple[list[tuple[int, int] | None], tuple[str, ...]]:
        """Return each token's span in its own text, None for one that stands around a text, and what was left out."""
        spans: list[tuple[int, int] | None] = [None] * len(made.tokens)
        left_out: list[str] = []
        all_pieces, all_ids, all_offsets, sequences = made.tokens, made.ids, made.offsets, made.sequence_ids
        for which, text in enumerate(texts):
            own = [i for i, sequence in enumerate(sequences) if sequence == which]
            pieces, offsets = [all_pieces[i] for i in own], [all_offsets[i] for i in own]
            gone: list[tuple[int, int]] = []
            if self._leaves_out and text:
                from attnviz.models.tokenizers.left_out import place_pieces

                added = [piece in self._added for piece in pieces]
                ids = [all_ids[i] for i in own]
                offsets, gone = call_library(
                    self._name,
                    partial(place_pieces, self._tokenizer, _well_formed(text), ids, offsets, added, self._name),
                )
            shown = reader_spans(text, pieces, offsets)
            for i, span in zip(own, shown, strict=True):
                spans[i] = span
            # A ▁ before a word has the word's first letter as its span, and does not stand for it.
            covered = [each for each, (start, end) in zip(offsets, shown, strict=True) if start < end]
            if gone or not _covers(text, covered):
                from attnviz.models.tokenizers.left_out import letters_left_out

                left_out.extend(letters_left_out(self._tokenizer, _well_formed(text), covered, gone))
        return spans, tuple(dict.fromkeys(left_out))

    @cached_property
    def _leaves_out(self) -> bool:
        from attnviz.models.tokenizers.left_out import can_leave_out

        return call_library(self._name, lambda: can_leave_out(self._tokenizer))

    def _unknown(self, ids: NDArray[np.int64], sequences: list[int | None]) -> NDArray[np.bool_]:
        """Return which tokens have the id that stands for what the vocabulary lacks, [n]; not those around a text."""
        own = None if self.unknown is None else self.id_of(self.unknown)
        of_text = np.array([which is not None for which in sequences])
        found: NDArray[np.bool_] = np.logical_and(of_text, ids == (-1 if own is None else own))
        return found

    @property
    def size(self) -> int:
        """Return how many entries the vocabulary has, added tokens among them."""
        own = self._tokenizer.get_vocab_size(with_added_tokens=True)
        return own if self._renumber is None else max(self._renumber.values(), default=-1) + 1

    @property
    def ends(self) -> tuple[str, ...]:
        """Return the pieces that stand around every text."""
        return tuple(call_library(self._name, lambda: self._tokenizer.encode("")).tokens)

    def with_notes(self, *notes: Message) -> TextTokenizer:
        """Return it with further notes."""
        self.notes = (*self.notes, *notes)
        return self

    def count(self, text: str) -> int:
        """Return the number of a text's tokens, special ones among them."""
        self._check_growth(text)
        self._prepare(text)
        return len(call_library(self._name, lambda: self._tokenizer.encode(_well_formed(text))).ids)

    def _prepare(self, text: str) -> None:
        """See to it that the object has the merges that this text needs."""
        if self._merges is not None:
            self._merges.prepare(self._tokenizer, _well_formed(text))

    def _check_growth(self, text: str) -> None:
        call_library(self._name, lambda: self._growth.check(_well_formed(text)))

    def _ids(self, made: Encoding) -> NDArray[np.int64]:
        """Return the model's ids, [n]."""
        if self._renumber is None:
            return np.array(made.ids, dtype=np.int64)
        other = self._renumber.get(self.unknown or "", 0)
        return np.array([self._renumber.get(piece, other) for piece in made.tokens], dtype=np.int64)

    def id_of(self, piece: str) -> int | None:
        """Return the id of a piece of the vocabulary; None where there is no such piece."""
        if self._renumber is not None:
            return self._renumber.get(piece)
        found: int | None = self._tokenizer.token_to_id(piece)
        return found

    def decode(self, number: int) -> str:
        """Return the piece that has this id; "" where there is none."""
        if self._renumber is not None:
            return next((piece for piece, own in self._renumber.items() if own == number), "")
        return (self._tokenizer.id_to_token(number) if 0 <= number < 2**32 else None) or ""

    def number_of(self, piece: str) -> int | None:
        """Return the id of a piece of the vocabulary; None where it is none."""
        if self._renumber is not None:
            return self._renumber.get(piece)
        found: int | None = self._tokenizer.token_to_id(piece)
        return found

    @cached_property
    def _added(self) -> dict[str, bool]:
        """Return the pieces that were added to the vocabulary, and whether each is a special one."""
        added = self._tokenizer.get_added_tokens_decoder().values()
        return {token.content: token.special for token in added}

    @cached_property
    def _spelling(self) -> str:
        from attnviz.models.tokenizers.piece_bytes import kind_of

        return kind_of(self._tokenizer)

    def added_pieces(self) -> tuple[str, ...]:
        """Return the tokens that were added to the vocabulary, special ones among them."""
        return tuple(self._added)

    def is_special(self, number: int) -> bool:
        """Return whether an id stands for no text: a special token, or none at all."""
        piece = self.decode(number)
        return not piece or self._added.get(piece, False)

    def bytes_of(self, number: int) -> bytes:
        """Return the UTF-8 bytes of text that an id stands for; none for a special token."""
        from attnviz.models.tokenizers.piece_bytes import piece_bytes

        piece = self.decode(number)
        if self.is_special(number):
            return b""
        return piece.encode("utf-8") if piece in self._added else piece_bytes(piece, self._spelling)


def _well_formed(text: str) -> str:
    """Replace lone surrogates, which are no text, by U+FFFD; as many code points as before."""
    return "".join("\ufffd" if 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in text)


def _word_numbers(made: Encoding) -> NDArray[np.int64]:
    """Return the number of each token's word [n], counted on through both texts; -1 for none."""
    numbers = [
        -1 if word is None or which is None else 2 * word + which
        for word, which in zip(made.word_ids, made.sequence_ids, strict=True)
    ]
    return np.array(numbers, dtype=np.int64)


def _covers(text: str, spans: list[tuple[int, int]]) -> bool:
    """Return whether spans, in order, leave nothing but white space between them."""
    at = 0
    for start, end in spans:
        if start > at and not text[at:start].isspace():
            return False
        at = max(at, end)
    return at >= len(text) or text[at:].isspace()


def _token(
    texts: tuple[str, str], which: int | None, span: tuple[int, int] | None, piece: str, number: int, offset: int
) -> Token:
    if which is None or span is None:
        return Token(piece, piece=piece, id=number)
    start, end = span
    shift = offset if which == 1 else 0
    text = SPACE if is_lone_space(piece, span) else texts[which][start:end] or piece
    return Token(text, start + shift, end + shift, piece=piece, id=number)


def call_library(name: str, make: Callable[[], Result]) -> Result:
    """Return what `make` returns; InputError names the file where the tokenizers package finds fault with it."""
    try:
        with quiet():
            return make()
    except (AttnvizError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # the library is Rust, where a panic is no Exception
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise InputError("{path!r} is not a usable tokenizer: {reason}.", path=name, reason=reason) from None


def load_library() -> Any:
    """Import the tokenizers package; MissingError says how to install it."""
    try:
        import tokenizers
    except ModuleNotFoundError:
        raise MissingError(
            "A model's tokens need the extra [models].",
            hint="In the project's folder, install it with: pip install '.[models]'.",
        ) from None
    except ImportError as error:  # it is there, and the system cannot load it: too little memory, another machine's
        raise MissingError(
            "The package tokenizers is installed, but cannot be loaded: {reason}.", reason=" ".join(str(error).split())
        ) from None
    return tokenizers


def set_ends(tokenizer: Tokenizer, begin: str | None, end: str | None) -> None:
    """Put these pieces around every text, and around both texts of a pair."""
    from tokenizers import processors

    first = " ".join(part for part in (begin, "$A", end) if part is not None)
    second = " ".join(part for part in (begin and f"{begin}:1", "$B:1", end and f"{end}:1") if part)
    pieces = {piece: tokenizer.token_to_id(piece) for piece in (begin, end) if piece is not None}
    missing = next((piece for piece, number in pieces.items() if number is None), None)
    if missing is not None:
        raise InputError("The tokenizer has no {piece!r}, which ends a text.", piece=missing)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=first, pair=f"{first} {second}", special_tokens=list(pieces.items())
    )


def note_ends_in_4(tokenizer: TextTokenizer, name: str | None, settings: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return a note where flags of a folder change the ends of a text in transformers 4, but not in transformers 5.

    name: the tokenizer class.
    """
    flags = [flag for flag in ("add_bos_token", "add_eos_token") if isinstance(settings.get(flag), bool)]
    before = ends_in_4(name, settings)
    if not flags or before is None:
        return ()
    pieces = [text_of(settings, f"{end}_token") for end, there in zip(("bos", "eos"), before, strict=True) if there]
    if None in pieces or list(tokenizer.ends) == pieces:
        return ()
    nothing = message("no token")
    return (
        message(
            "{flags}: transformers 4 puts {before} around a text; here it is {now}, as in transformers 5, which reads "
            "tokenizer.json alone.",
            flags=listed(flags),
            before=listed([str(piece) for piece in pieces]) if pieces else nothing,
            now=listed(list(tokenizer.ends)) if tokenizer.ends else nothing,
        ),
    )
