"""Tokens to vectors: the toy lexicon, hashed words, one dimension a word, a file of word vectors, or a matrix.

Every row is scaled to |x|^2 = 2 sqrt(dim). A word's own logit |x|^2 / sqrt(dim) is then 2 at any dim; with unit
variance it would be sqrt(dim), and from dim 64 on attention would be the identity matrix.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.read_file import LARGEST_ARRAYS, read_bytes
from attnviz.core.types import Float32, Float64
from attnviz.i18n.messages import Message, listed, message
from attnviz.text.tokenize import is_han, normal_form, tokenize
from attnviz.toy import EMBEDDINGS, lexicon, word_vectors
from attnviz.toy.names import is_given_name, is_name, own_features, title_of

DEFAULT_DIM = 32
FILE = "PATH.vec"
LARGEST_DIM = 65_536
LONGEST_HASHED = 10_000  # characters: hashing the parts of more takes seconds
_MOST_NAMED = 8
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "“", '"', "「", "...", "…")
_BEFORE_PLACES = ("in", "to", "from", "at", "near", "into", "towards", "across")


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors [tokens, dim], the names of their columns where they have names, and what to tell the reader.

    unknown: the texts of tokens that nothing is known of; their vectors are 0.
    """

    vectors: NDArray[np.floating]
    features: tuple[str, ...] | None = None
    notes: tuple[Message, ...] = ()
    unknown: frozenset[str] = frozenset()


def embed(
    tokens: Sequence[Token],
    how: str,
    dim: int | None = None,
    *,
    rows: word_vectors.Rows | None = None,
    known: lexicon.Lexicon | None = None,
) -> Embedded:
    """Look up or make the vectors of `tokens`, [tokens, dim], float32, each row with |x|^2 = 2 sqrt(dim).

    how: toy, hash or onehot (see EMBEDDINGS), or the path of a word2vec or GloVe text file (.vec, .txt, gzipped or
    not). dim: hash only, default 32; toy has its own 104, a file its own, onehot one dimension a distinct token.
    rows: of such a file, from `open_vectors`; without them, or where they lack a token, it is read. known: the toy's
    words, the packaged ones if not given. Raises OptionError
    for an unknown name or a dim the embedding cannot have.
    """
    check_embedding(how)
    if dim is not None and not 1 <= dim <= LARGEST_DIM:
        raise OptionError("--dim must be from 1 to {largest}, not {dim}.", largest=LARGEST_DIM, dim=dim)
    if how == "toy":
        return _toy(tokens, dim, known or lexicon.packaged())
    if how in EMBEDDINGS:
        return _hash(tokens, dim) if how == "hash" else _onehot(tokens, dim)
    return _from_file(tokens, Path(how), dim, rows)


def check_embedding(how: str) -> None:
    """Raise OptionError where `how` is no embedding's name and no name of a file of word vectors."""
    if how not in (*EMBEDDINGS, "vectors") and not word_vectors.is_word_file(how):
        raise unknown_choice("--embedding", how, (*EMBEDDINGS, FILE))


def scaled(rows: NDArray[np.floating]) -> Float32:
    """Scale rows to |x|^2 = 2 sqrt(dim) each; a row of zeros stays zeros. [n, dim] -> [n, dim]."""
    exact = rows.astype(np.float64)
    length = np.linalg.norm(exact, axis=-1, keepdims=True)
    target = np.sqrt(2 * np.sqrt(rows.shape[-1]))
    rescaled: Float64 = exact / np.where(length == 0, 1, length) * target
    return rescaled.astype(np.float32)


def hashed(word: str, dim: int) -> Float64:
    """Return a word's direction [dim], the same on every machine: a third its own, the rest from its character n-grams.

    The n-grams (2 to 4 characters, the word's ends marked) make `eat` and `eats` near, as in fastText
    (Bojanowski et al. 2017, section 3.2). Not scaled.
    """
    if len(word) > LONGEST_HASHED:
        raise InputError(
            "“{word}” is one word of {count} characters; vectors are made for words of up to {most}.",
            hint="Cut it with --tokens char.",
            word=word[:20] + "…",
            count=f"{len(word):,}",
            most=f"{LONGEST_HASHED:,}",
        )
    normal = unicodedata.normalize("NFC", word)
    marked = f"<{normal}>"
    grams = [marked[i : i + n] for n in (2, 3, 4) for i in range(len(marked) - n + 1) if marked[i : i + n] != marked]
    own: Float64 = _direction(f"word {normal}", dim)
    if not grams:
        return own
    shared = np.sum([_direction(f"gram {gram}", dim) for gram in grams], axis=0)
    both: Float64 = own / np.linalg.norm(own) + 2 * shared / (np.linalg.norm(shared) or 1.0)
    return both if both.any() else own  # in one dimension the two may cancel


def _direction(seed: str, dim: int) -> Float64:
    """Return uniform numbers in (-1, 1), [dim], read off BLAKE2b digests (RFC 7693), 32 a digest."""
    import hashlib

    data = seed.encode("utf-8", "surrogatepass")
    digests = (hashlib.blake2b(data, salt=block.to_bytes(8, "little")).digest() for block in range(-(-dim // 32)))
    numbers = np.frombuffer(b"".join(digests), dtype="<u2")[:dim]
    return (numbers.astype(np.float64) + 0.5) / 32768 - 1


def _hash(tokens: Sequence[Token], dim: int | None) -> Embedded:
    width = dim or DEFAULT_DIM
    table = {text: hashed(text, width) for text in {token.text for token in tokens}}
    return Embedded(scaled(np.stack([table[token.text] for token in tokens])))


def _onehot(tokens: Sequence[Token], dim: int | None) -> Embedded:
    column = {text: i for i, text in enumerate(dict.fromkeys(token.text for token in tokens))}
    if dim not in (None, len(column)):
        raise OptionError(
            "onehot has one dimension per distinct token, here {own}, not {dim}.",
            hint="Leave --dim out.",
            own=len(column),
            dim=dim,
        )
    rows = np.eye(len(column))[[column[token.text] for token in tokens]]
    return Embedded(scaled(rows), tuple(column))


def _toy(tokens: Sequence[Token], dim: int | None, known: lexicon.Lexicon) -> Embedded:
    if dim not in (None, lexicon.DIM):
        raise OptionError(
            "The toy embedding has {own} dimensions, not {dim}.",
            hint="Leave --dim out, or use --embedding hash.",
            own=lexicon.DIM,
            dim=dim,
        )
    names = _capitalized_names(tokens, known)
    made = {text: _toy_vector(text, known, names.get(text)) for text in dict.fromkeys(one.text for one in tokens)}
    missing = list(dict.fromkeys(word for _, words in made.values() for word in words))
    guessed = [text for text in names if not is_given_name(text)]
    notes = (
        *known.notes,
        *((_unknown_note(missing),) if missing else ()),
        *((_guessed_note(guessed),) if guessed else ()),
    )
    vectors = scaled(np.stack([made[token.text][0] for token in tokens]))
    unknown = frozenset(text for text, (found, _) in made.items() if not found.any())
    return Embedded(vectors, lexicon.FEATURES, notes, unknown)


def _capitalized_names(tokens: Sequence[Token], known: lexicon.Lexicon) -> dict[str, str]:
    """Return the capitalized words inside sentences that are given names or not in the lexicon: a person or a place."""
    found: dict[str, str] = {}
    for before, token in pairwise(tokens):
        text = token.text
        starts = before.text in _SENTENCE_ENDS or (token.start or 0) < (before.start or 0)
        if starts or not (text[:1].isupper() and text[1:].islower() and text.isalpha()) or text in found:
            continue
        if is_given_name(text) or not (known.listed(text) or is_han(text[0])):
            found[text] = "place" if before.text.casefold() in _BEFORE_PLACES and not is_given_name(text) else "person"
    return found


def _toy_vector(text: str, known: lexicon.Lexicon, name: str | None = None) -> tuple[Float64, list[str]]:
    """Return a vector of length 1 or 0, and the words in it that the lexicon lacks.

    A known word has its own, a name that of a person or a place and a small part of its own (`name`: which, where the
    sentence says so); a longer text is the mean of its words or characters without the grammar between them and
    without those that are unknown. Of a word that cannot be taken apart nothing is known: its vector is 0.
    """
    grades = _grades(text, known, name)
    if grades:
        return lexicon.vector_of(grades).astype(np.float64), []
    parts = [part.text for part in tokenize(text, "lexicon", known)]
    if len(parts) <= 1:
        return np.zeros(lexicon.DIM), [text]
    meaning = [part for part in parts if not known.is_grammar(part)] or parts
    vectors, missing = zip(*(_toy_vector(part, known) for part in meaning), strict=True)
    return _unit(np.mean(vectors, axis=0)), [word for words in missing for word in words]


def unknown_texts(tokens: Sequence[Token], known: lexicon.Lexicon) -> frozenset[str]:
    """Return the texts of tokens that nothing is known of, whose vectors in the toy embedding are 0."""
    names = _capitalized_names(tokens, known)
    texts = dict.fromkeys(one.text for one in tokens)
    return frozenset(text for text in texts if _is_unknown(text, known, names.get(text)))


def _is_unknown(text: str, known: lexicon.Lexicon, name: str | None = None) -> bool:
    """Return whether `_toy_vector` of a text is 0, without making it: the first word that is known decides."""
    if _grades(text, known, name):
        return False
    parts = [part.text for part in tokenize(text, "lexicon", known)]
    if len(parts) <= 1:
        return True
    some_unknown = False
    for part in dict.fromkeys(parts):
        if _is_unknown(part, known):
            some_unknown = True
        elif not known.is_grammar(part):
            return False
    return some_unknown


def _grades(text: str, known: lexicon.Lexicon, name: str | None) -> dict[str, float]:
    """Return the features of a word, a name, several (N们), a thing (N儿) or what is somebody's ('s), or none."""
    if name is None and known.listed(text):
        return known.grades(text)
    if not text.isascii() and name is None and not is_name(text, known.kind):
        text = known.simplified(text)
    if name is not None or is_name(text, known.kind):
        title = title_of(text)
        base = {name or "person": 9.0} if title is None else known.grades(title) or {"person": 9.0}
        return own_features(normal_form(text)) | base
    if grades := known.grades(text):
        return grades
    if text.endswith("们") and known.is_thing(text[:-1]):
        return {"number": 1.0} | known.grades(text[:-1])
    if text.endswith("儿") and known.takes_er(text[:-1]):
        return known.grades(text[:-1])
    if text.endswith(("'s", "’s")) and len(text) > 2:
        return _grades(text[:-2], known, name)
    return {}


def _unit(vector: Float64) -> Float64:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _unknown_note(words: list[str]) -> Message:
    named = listed((*words[:_MOST_NAMED], *(["..."] if len(words) > _MOST_NAMED else [])))
    if len(words) == 1:
        return message("1 word is not in the toy lexicon and has no vector: {words}", words=named)
    return message(
        "{count} words are not in the toy lexicon and have no vectors: {words}", count=len(words), words=named
    )


def _guessed_note(words: list[str]) -> Message:
    named = listed((*words[:_MOST_NAMED], *(["..."] if len(words) > _MOST_NAMED else [])))
    if len(words) == 1:
        return message("1 capitalized word is taken for the name of a person or a place: {words}", words=named)
    return message(
        "{count} capitalized words are taken for names of people or places: {words}", count=len(words), words=named
    )


def _from_file(tokens: Sequence[Token], path: Path, dim: int | None, rows: word_vectors.Rows | None) -> Embedded:
    """Return the file's vectors; a word is looked up as it is written, then composed (NFC), then in lower case."""
    parts = _parts(tokens)
    wanted = _wanted(parts)
    if rows is None or not wanted <= rows.wanted:
        rows = word_vectors.read_rows(path, wanted)
    if dim not in (None, rows.dim):
        raise OptionError(
            "{name!r} has {own} dimensions, not {dim}.", hint="Leave --dim out.", name=path.name, own=rows.dim, dim=dim
        )
    made = {text: _file_vector(text, own, rows) for text, own in parts.items()}
    unknown = list(dict.fromkeys(word for _, missing in made.values() for word in missing))
    notes = [_lacking_note(unknown, path.name)] if unknown else []
    if rows.promised is not None and rows.words < rows.promised:
        notes.append(
            message(
                "{name!r} declares {promised} words and has {words}: it may be truncated.",
                name=path.name,
                promised=f"{rows.promised:,}",
                words=f"{rows.words:,}",
            )
        )
    return Embedded(scaled(np.stack([made[token.text][0] for token in tokens])), notes=tuple(notes))


def open_vectors(
    path: str, tokens: Iterable[Token], progress: word_vectors.Progress | None = None
) -> word_vectors.Rows:
    """Read from a file of word vectors what `embed` needs for these tokens, or for any of them.

    progress(done, total): called now and then with how many bytes are read.
    """
    return word_vectors.read_rows(Path(path), _wanted(_parts(tokens)), progress)


def _parts(tokens: Iterable[Token]) -> dict[str, list[str]]:
    """Return each text among the tokens with the characters and words it can be taken apart into."""
    return {text: [part.text for part in tokenize(text, "han")] for text in dict.fromkeys(one.text for one in tokens)}


def _wanted(parts: dict[str, list[str]]) -> set[str]:
    """Return every form of every word to look for in a file."""
    return {form for text, own in parts.items() for word in (text, *own) for form in _forms(word)}


def _forms(word: str) -> tuple[str, ...]:
    normal = unicodedata.normalize("NFC", word)
    return word, normal, normal.lower()


def _file_vector(text: str, parts: list[str], rows: word_vectors.Rows) -> tuple[Float64, list[str]]:
    """Return a word's vector from the file, and the words in it that the file lacks.

    As with the toy: a longer text is the mean of its characters and words, a word that cannot be taken apart is hashed.
    """
    known = next((rows.vectors[form] for form in _forms(text) if form in rows.vectors), None)
    if known is not None:
        return known, []
    if len(parts) <= 1:
        return _unit(hashed(text, rows.dim)), [text]
    vectors, missing = zip(*(_file_vector(part, [], rows) for part in parts), strict=True)
    return _unit(np.mean([_unit(vector) for vector in vectors], axis=0)), [word for words in missing for word in words]


def _lacking_note(words: list[str], name: str) -> Message:
    fields = {"words": listed((*words[:_MOST_NAMED], *(["..."] if len(words) > _MOST_NAMED else []))), "name": name}
    if len(words) == 1:
        return message("1 word is not in {name!r} and has a made-up vector: {words}", **fields)
    return message("{count} words are not in {name!r} and have made-up vectors: {words}", count=len(words), **fields)


def read_vectors(path: Path, encoding: str | None = None) -> tuple[tuple[str, ...], Float64, tuple[Message, ...]]:
    """Read a matrix, one row a token: labels [n] (x0, x1, ... where the file has none), vectors [n, dim], and notes.

    .csv (in this encoding, UTF-8 for None; see `vector_table.read_table`) or .npy (2 dimensions, numbers). Raises
    InputError that names the row and the column, counted from 1, where something is wrong.
    """
    from attnviz.toy.vector_table import VectorTable, read_table

    suffix = path.suffix.lower()
    if suffix == ".npy":
        table = VectorTable(None, _read_npy(path))
    elif suffix == ".csv":
        table = read_table(path, encoding)
    else:
        raise OptionError("Vectors are read from .csv or .npy files, not from {name!r}.", name=path.name)
    labels, matrix, notes = table
    if not matrix.size:
        raise InputError("{name!r} has no numbers: one row a token was expected.", name=path.name)
    bad = np.argwhere(~(np.abs(matrix) <= np.finfo(np.float32).max))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            "{name!r} has {value} in row {row}, number {column}: finite numbers up to 3.4e38 were expected.",
            name=path.name,
            value=matrix[row, column],
            row=row + 1,
            column=column + 1,
        )
    return labels or tuple(f"x{i}" for i in range(len(matrix))), matrix, notes


def _read_npy(path: Path) -> Float64:
    from attnviz.core.read_arrays import read_npy  # zipfile takes a while to load

    data = read_bytes(path, LARGEST_ARRAYS)
    matrix = read_npy(io.BytesIO(data), len(data), path.name)
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise InputError(
            "{name!r} must hold a matrix of real numbers, one row a token; it has shape {shape} and type {dtype}.",
            name=path.name,
            shape=matrix.shape,
            dtype=matrix.dtype,
        )
    return matrix.astype(np.float64)
