"""Texts and matrices to words with vectors, all of it checked before it is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError
from attnviz.core.label_list import check_labels, split_labels
from attnviz.core.provenance import TOY_UNKNOWN
from attnviz.core.read_file import need_text
from attnviz.i18n.messages import Message, message
from attnviz.text.tokenize import tokenize
from attnviz.toy import lexicon
from attnviz.toy.embeddings import Embedded, embed, open_vectors, read_vectors, unknown_texts
from attnviz.toy.settings import MOST_BESIDE_KEYS, MOST_TOKENS, Settings, check_settings, check_size, too_many
from attnviz.toy.word_vectors import Progress, Rows, check_word_file, is_word_file

# The rows of files of word vectors, by the name that is given as --embedding.
WordFiles = Mapping[str, Rows]
_CHARACTERS_A_TOKEN = 4  # the beginning that is tried first; longer tokens take a longer one
NO_FILES: WordFiles = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Words:
    """Tokens and their vectors, the text they are from, and the words they ask where those are another text's."""

    tokens: tuple[Token, ...]
    embedded: Embedded
    source: str | None = None
    asked: Words | None = None

    def reordered(self, order: Sequence[int]) -> Words:
        """Return the same words in another order of their indexes, with the same keys."""
        vectors = replace(self.embedded, vectors=self.embedded.vectors[list(order)])
        return replace(self, tokens=tuple(self.tokens[i] for i in order), embedded=vectors)

    def without(self, index: int) -> Words:
        """Return the same words without one of their keys: one of themselves, or of the other text."""
        if self.asked is not None:
            return replace(self, asked=self.asked.without(index))
        return self.reordered([i for i in range(len(self.tokens)) if i != index])


def read_words(
    text: str | None,
    chosen: Settings,
    *,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    word_files: WordFiles = NO_FILES,
    most: int = MOST_TOKENS,
) -> tuple[Words, Settings]:
    """Return the words of a text, or the rows of a matrix, and the settings that they are computed under."""
    if (text is None) == (vectors is None):
        raise InputError("Give either a text or vectors.")
    if text is not None:
        return read(text, chosen, keys=keys, word_files=word_files, most=most), chosen
    if keys is not None:
        raise InputError("The words of a text look at those of a second one: give a text, not vectors.")
    chosen = replace(chosen, embedding="vectors", tokens="given")
    check_settings(chosen)
    names, matrix, notes = _matrix(vectors, labels)
    if chosen.dim not in (None, matrix.shape[1]):
        raise OptionError(
            "The vectors have {own} dimensions, not {dim}.",
            hint="Leave --dim out.",
            own=matrix.shape[1],
            dim=chosen.dim,
        )
    check_size(len(matrix), len(matrix), chosen.heads, most)
    return Words(tuple(Token(name) for name in names), Embedded(matrix, notes=notes)), chosen


def read(
    text: str, settings: Settings, *, keys: str | None = None, word_files: WordFiles = NO_FILES, most: int = MOST_TOKENS
) -> Words:
    """Return the words of a text with their vectors, and those of the text of the keys; all is checked first."""
    check_settings(settings)
    for each in (text, keys):
        if each is not None:
            check_beginning(each, settings, most if keys is None else MOST_BESIDE_KEYS)
    tokens = cut(text, settings)
    if keys is None:
        check_size(len(tokens), len(tokens), settings.heads, most, cut=settings.tokens)
        found = _embedded(tokens, settings, word_files)
        return Words(_marked(tokens, found.unknown), found, text)
    if settings.causal:
        raise OptionError(
            "A causal mask forbids looking ahead in one text; the words of another text come neither before nor after.",
            hint="Leave --mask causal out, or --keys.",
        )
    asked = cut(keys, settings)
    check_size(len(tokens), len(asked), settings.heads, most, cut=settings.tokens)
    both = _embedded((*tokens, *asked), settings, word_files)
    own, other = both.vectors[: len(tokens)], both.vectors[len(tokens) :]
    asked_words = Words(_marked(asked, both.unknown), replace(both, vectors=other), keys)
    return Words(_marked(tokens, both.unknown), replace(both, vectors=own), text, asked_words)


def cut_alone(text: str, settings: Settings) -> tuple[Token, ...]:
    """Return the tokens of a text as `read` does, those of which nothing is known marked, without their vectors.

    A file of word vectors says of no token that it is unknown: all that is asked is whether it is there.
    """
    check_settings(settings)
    if is_word_file(settings.embedding):
        check_word_file(Path(settings.embedding))
    check_beginning(text, settings, views=False)
    tokens = cut(text, settings)
    check_size(len(tokens), len(tokens), 1, cut=settings.tokens, views=False)
    if settings.embedding != "toy":
        return tokens
    return _marked(tokens, unknown_texts(tokens, known_words(settings)))


def _embedded(tokens: tuple[Token, ...], settings: Settings, word_files: WordFiles) -> Embedded:
    rows = word_files.get(settings.embedding)
    return embed(tokens, settings.embedding, settings.dim, rows=rows, known=known_words(settings))


def known_words(settings: Settings) -> lexicon.Lexicon:
    """Return the toy's words, with those of the files in `settings.lexicon`; InputError where one is invalid."""
    if not settings.lexicon:
        return lexicon.packaged()
    from attnviz.toy.own_words import open_lexicon

    return open_lexicon(settings.lexicon)


def _marked(tokens: tuple[Token, ...], unknown: frozenset[str]) -> tuple[Token, ...]:
    """Mark the tokens of which nothing is known, as a model's tokenizer does, by their piece."""
    if not unknown:
        return tokens
    return tuple(replace(one, piece=TOY_UNKNOWN) if one.text in unknown else one for one in tokens)


def open_word_files(
    texts: Iterable[str | None], each: Iterable[Settings], progress: Progress | None = None
) -> WordFiles:
    """Read what these texts need of the files of word vectors that any of these settings names, each file once.

    progress(done, total): called now and then with how many bytes of a file are read. Raises OptionError for settings
    that are invalid, and InputError for a file that cannot be read.
    """
    given = [text for text in texts if text is not None]
    each = list(each)
    cuts: dict[str, list[Settings]] = {}
    for settings in each if given else ():
        check_settings(settings)
        if is_word_file(settings.embedding):
            cuts.setdefault(settings.embedding, []).append(settings)
            for text in given:
                check_beginning(text, settings, MOST_BESIDE_KEYS)
    return {
        path: open_vectors(path, {token for one in own for text in given for token in _cut(text, one)}, progress)
        for path, own in cuts.items()
    }


def cut(text: str, settings: Settings) -> tuple[Token, ...]:
    """Return the tokens of `text`; InputError where there are none."""
    tokens = _cut(text, settings)
    if not tokens:
        raise InputError("The text is empty or blank: at least one word was expected.")
    return tokens


def _cut(text: str, settings: Settings) -> tuple[Token, ...]:
    return cut_as(text, how_to_cut(settings), known_words(settings))


def cut_as(text: str, how: str, known: lexicon.Lexicon | None = None) -> tuple[Token, ...]:
    """Cut a text by one of TOKENIZERS, "lexicon" by the toy's words, the packaged ones if not given."""
    return tokenize(text, how, known or lexicon.packaged())


def check_beginning(text: str, settings: Settings, most: int = MOST_TOKENS, *, views: bool = True) -> None:
    """Raise InputError where the beginning of a text has more than `most` tokens: megabytes need not be cut."""
    need_text(text)
    size = _CHARACTERS_A_TOKEN * most
    while size < len(text):
        if len(_cut(text[:size], settings)) > most + 1:  # the last may be cut in two
            raise too_many(message("more than {count}", count=f"{most:,}"), most, cut=settings.tokens, views=views)
        size *= 4


def how_to_cut(settings: Settings) -> str:
    """Return the tokenizer that `auto` stands for: the lexicon's words with the toy, else han."""
    if settings.tokens != "auto":
        return settings.tokens
    return "lexicon" if settings.embedding == "toy" else "han"


def _matrix(
    vectors: Any, labels: str | Sequence[str] | None
) -> tuple[tuple[str, ...], NDArray[np.floating], tuple[Message, ...]]:
    """Return the tokens' names, their vectors, and notes on how a file was read."""
    notes: tuple[Message, ...] = ()
    if isinstance(vectors, str | Path):
        found, matrix, notes = read_vectors(Path(vectors))
    else:
        try:
            matrix = np.asarray(vectors, dtype=np.result_type(np.asarray(vectors), np.float32))
        except ValueError:
            raise InputError("vectors must be a matrix [tokens, dim]: its rows must be equally long.") from None
        except TypeError:  # dates and what else no number can be made of
            matrix = np.asarray(vectors)
        if matrix.dtype.kind != "f" or matrix.ndim != 2 or not matrix.size or not np.isfinite(matrix).all():
            raise InputError(
                "vectors must be a matrix [tokens, dim] of finite numbers, not of shape {shape}.", shape=matrix.shape
            )
        found = tuple(f"x{i}" for i in range(len(matrix)))
    if labels is not None:
        check_labels(labels)
    if isinstance(labels, str):
        labels = split_labels(labels, len(matrix))
    if labels is not None and len(labels) != len(matrix):
        raise InputError(
            "The number of labels ({labels}) must be that of the rows ({rows}).", labels=len(labels), rows=len(matrix)
        )
    return tuple(labels) if labels is not None else found, matrix, notes
