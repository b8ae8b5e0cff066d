"""Steps from a word to its query, key and value vectors: embedding, position, and the three projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from attnviz.core.types import Floats
from attnviz.explanation.elements import (
    Blank,
    Entry,
    Line,
    Number,
    Piece,
    Step,
    TableLine,
    Term,
    equals,
    few,
    left_out,
    listing,
    plus,
    sum_of,
)
from attnviz.explanation.row import Row
from attnviz.i18n.messages import Message, listed, message
from attnviz.toy import lexicon
from attnviz.toy.word_vectors import is_word_file

Kind = Literal["query", "key", "value"]


@dataclass(frozen=True, eq=False)
class HeadVector:
    """The query, key or value vector of one word in one head, and what it came from.

    values [d]: before a rotation. inputs [dim]: what the projection saw. matrix [dim, d]: this head's columns of W;
    None is the identity, where `known`, and otherwise a way that is not kept. first: the head's first column. own:
    whether it is a card of the word that looks, whose inputs an earlier step has shown.
    """

    values: Floats
    inputs: Floats
    first: int
    own: bool
    matrix: Floats | None = None
    known: bool = False

    @cached_property
    def is_copy(self) -> bool:
        """Whether each entry that is not 0 is what came in there, so that there is nothing to compute."""
        if self.matrix is None:
            return self.known
        used = self.values != 0
        own = self.inputs[self.first : self.first + len(self.values)]
        if not used.any() or not np.array_equal(own[used], self.values[used]):
            return False
        numbers = self.matrix[np.ix_(self.inputs != 0, used)]
        return bool(((numbers == 0) | (numbers == 1)).all() and ((numbers != 0).sum(axis=0) == 1).all())

    @property
    def is_computed(self) -> bool:
        """Whether the entries can be shown as sums of products."""
        return self.matrix is not None and not self.is_copy

    def listed(self, named: bool) -> list[int]:
        """Return the indexes of the entries that are shown by themselves."""
        return few(self.values, named=named)


def head_vector(row: Row, kind: Kind, index: int) -> HeadVector:
    """Return the vector of the token at `index`, of the text or of the text of the keys; made once."""
    if (kind, index) not in row.head_vectors:
        row.head_vectors[kind, index] = _made(row, kind, index)
    found: HeadVector = row.head_vectors[kind, index]
    return found


def _made(row: Row, kind: Kind, index: int) -> HeadVector:
    trace = row.trace
    before = {"query": trace.unrotated_query, "key": trace.unrotated_key, "value": None}[kind]
    cards = {"query": trace.query, "key": trace.key, "value": trace.value}[kind] if before is None else before
    values = cards[row.head, index]
    inputs = (trace.inputs if kind == "query" else trace.key_inputs)[index]
    width = len(values)
    first = row.head * width
    own = index == row.token and (kind == "query" or not row.attention.is_cross)
    found = HeadVector(values, inputs, first, own)
    if trace.projection is None:
        return found
    matrix = getattr(trace.projection, kind)
    if matrix is None:
        same = first + width <= len(inputs) and np.array_equal(inputs[first : first + width], values)
        return replace(found, known=same)
    columns = matrix[:, first : first + width]
    # A model may add more than W x, such as a bias of its own: then its way is not shown as if it were W x.
    fits = columns.shape == (len(inputs), width) and _same(inputs @ columns, values)
    return replace(found, matrix=columns) if fits else found


def _same(a: Floats, b: Floats) -> bool:
    size = np.abs(b)
    return bool((np.abs(a - b) <= 1e-4 * size + 1e-5 * size.max(initial=0.0)).all())


def embedding_step(row: Row) -> Step:
    """Show the word's vector before anything was done to it."""
    trace, index = row.trace, row.token
    vector = trace.inputs[index] if trace.embedded is None else trace.embedded[index]
    if trace.embedded is None:
        words = message(
            "What layer {layer} receives for “{word}”: {count} numbers.",
            layer=row.layer,
            word=row.word,
            count=len(vector),
        )
    elif row.named:
        words = message(
            "“{word}” is a row of {count} numbers, a feature each; those that are 0 are left out.",
            word=row.word,
            count=len(vector),
        )
    else:
        words = message("“{word}” is a row of {count} numbers.", word=row.word, count=len(vector))
    more: tuple[Message, ...] = ()
    toy = row.attention.provenance.toy
    if trace.embedded is not None and toy is not None and is_word_file(toy.embedding):
        size = 2 * np.sqrt(len(vector))
        more = (
            (message("The file's vector is all zeros, which no scaling changes."),)
            if not vector.any()
            else (
                message(
                    "The file's vector, scaled to the length that all have here: |x|² = 2√{count} = {size}.",
                    count=len(vector),
                    size=Number(float(size)),
                ),
            )
        )
    line = Line(row.word, listing(vector, row.columns, named=row.named))
    kept = trace.embedded is not None
    title = message("Embedding of “{word}”", word=row.word) if kept else message("Input of “{word}”", word=row.word)
    return Step("embedding", title, "x", (words, *more), (line,), {"x": vector, **_asked_inputs(row)})


def _asked_inputs(row: Row) -> dict[str, Floats]:
    found = row.trace.key_inputs if row.trace.key_embedded is None else row.trace.key_embedded
    return {"x_keys": found}


def position_step(row: Row) -> Step | None:
    """Show the position vector, added entry by entry."""
    trace, index = row.trace, row.token
    if trace.added is None or trace.embedded is None:
        return None
    before, vector, after = trace.embedded[index], trace.added[index], trace.inputs[index]
    entries = few(after, named=row.named)
    lines = tuple(
        Line(row.columns[i], (Entry(((Number(float(before[i])),), plus(Number(float(vector[i]))), equals(after[i]))),))
        for i in entries
    )
    words = [
        message(
            "“{word}” is at position {position}; each position has a vector of its own, which is added.",
            word=row.word,
            position=position_of(row, index),
        ),
        *left_out(after, entries),
    ]
    formula = "x + p"
    if row.attention.provenance.position == "sinusoidal":
        formula = f"p[2i] = sin a, p[2i+1] = cos a, a = pos / 10000^(2i/{len(vector)})"
    arrays = {"p": vector, "x_plus_p": after, "p_keys": trace.key_added, "x_plus_p_keys": trace.key_inputs}
    return Step("position", message("Position added"), formula, tuple(words), lines, arrays)


def position_of(row: Row, index: int) -> int:
    """Return the position that the token at `index` has: the toy counts from its offset."""
    toy = row.attention.provenance.toy
    return index if toy is None else toy.offset + index


_TITLES = {"query": message("Query vector"), "key": message("Key vectors"), "value": message("Value vectors")}
_MEANINGS = {
    "key": message("What each word offers to a query."),
    "value": message("What each word passes on to the words that look at it."),
}
_SYMBOLS = {"query": "q", "key": "k", "value": "v"}


def query_step(row: Row) -> Step:
    """Show the query vector of the row's word, a line an entry."""
    found = head_vector(row, "query", row.token)
    if found.is_computed:
        shown = found.listed(row.named)
        lines = tuple(
            Line(row.features[j], (Entry((*_products(row, found, j), equals(found.values[j]))),)) for j in shown
        ) or (Line(row.word, (Entry(((Number(0.0),),)),)),)
        words = (*_words(row, "query", [found]), *left_out(found.values, shown))
    else:
        lines = (Line(row.word, listing(found.values, row.features, named=row.named)),)
        words = _words(row, "query", [found])
    return _step(row, "query", [found], words, lines, {"q": found.values})


def key_step(row: Row) -> Step:
    """Show the key vector of every word that is shown, a line a word."""
    before = row.trace.unrotated_key
    return _vectors_step(row, "key", (row.trace.key if before is None else before)[row.head])


def value_step(row: Row) -> Step:
    """Show the value vector of every word that is shown, a line a word; not again where they are the key vectors."""
    values = row.trace.value[row.head]
    if all(head_vector(row, kind, index).known for kind in ("key", "value") for index in row.shown_words):
        words = (_MEANINGS["value"], message("Here they are the same as the keys."))
        return Step("value", _TITLES["value"], "v = x", words, (), {"v": values})
    return _vectors_step(row, "value", row.trace.value[row.head])


def _vectors_step(row: Row, kind: Kind, arrays: Floats) -> Step:
    names = row.features if kind == "key" else row.handed
    shown = row.shown_words
    found = [head_vector(row, kind, index) for index in shown or (row.token,)]
    lines = tuple(Line(row.keys[i], _entries(row, one, names)) for i, one in zip(shown, found, strict=False))
    left = len(row.keys) - len(row.shown)
    others = (message("The {count} words with the largest weights are shown.", count=len(shown)),)
    words = (*_words(row, kind, found), *(others if left and row.cell is None else ()))
    return _step(row, kind, found, words, lines, {_SYMBOLS[kind]: arrays})


def _step(
    row: Row,
    kind: Kind,
    vectors: Sequence[HeadVector],
    words: tuple[Message, ...],
    lines: tuple[Line, ...],
    arrays: dict[str, Floats],
) -> Step:
    found, symbol = vectors[0], _SYMBOLS[kind]
    formula = symbol if found.matrix is None and not found.known else f"{symbol} = x W_{symbol}"
    if found.known:
        formula = f"{symbol} = x"
    title = message("Query vector of “{word}”", word=row.word) if kind == "query" else _TITLES[kind]
    matrix = {} if found.matrix is None else {f"W_{symbol}": found.matrix}
    table = _table_lines(row, kind, vectors)
    told = _told_lines(table) if table else ()
    return Step(kind, title, formula, (*words, *told), lines, arrays | matrix, table=table)


def _table_lines(row: Row, kind: Kind, vectors: Sequence[HeadVector]) -> tuple[TableLine, ...]:
    """Return where each factor that is shown stands in the table of the hand-made matrices, once, in their order."""
    toy = row.attention.provenance.toy
    if toy is None or toy.projection != "lexicon":
        return ()
    places = lexicon.projection_lines()
    found: dict[tuple[str, str], TableLine] = {}
    for one in vectors:
        for j in one.listed(row.named) if one.is_computed and one.matrix is not None else ():
            assert one.matrix is not None
            for i in np.flatnonzero(one.matrix[:, j] * one.inputs):
                names = lexicon.FEATURES[i], lexicon.FEATURES[one.first + j]
                place = TableLine(
                    lexicon.PROJECTIONS_FILE, places[(kind, *names)], *names, factor=float(one.matrix[i, j])
                )
                found.setdefault(names, place)
    return tuple(found.values())


def _told_lines(table: tuple[TableLine, ...]) -> tuple[Message, ...]:
    """Say in which lines the factors stand, each once, from the first to the last."""
    lines = sorted({one.line for one in table})
    if len(lines) == 1:
        return (message("Factors: line {line} of {file}.", file=table[0].file, line=lines[0]),)
    written = listed(_as_ranges(lines))
    return (message("Factors: lines {lines} of {file}.", file=table[0].file, lines=written),)


def _as_ranges(numbers: list[int]) -> list[str]:
    """Return ascending numbers with those that follow each other as a range.

    >>> _as_ranges([51, 54, 55, 56, 112])
    ['51', '54-56', '112']
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return [str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in found]


def _words(row: Row, kind: Kind, found: Sequence[HeadVector]) -> tuple[Message, ...]:
    """Return what the vectors mean, and how they came about where that is not shown as products."""
    meaning = message("What “{word}” looks for.", word=row.word) if kind == "query" else _MEANINGS[kind]
    if all(one.known for one in found):
        own = len(found[0].values) < len(found[0].inputs)
        return (
            meaning,
            message("Nothing is multiplied here: this head's part of the word's vector is used as it is.")
            if own
            else message("Nothing is multiplied here: the word's vector is used as it is."),
        )
    if any(one.matrix is None for one in found):
        return (meaning, message("As the model computed it."))
    if any(one.is_copy for one in found):
        return (meaning, message("Where there is no product, the word's own features are copied."))
    return (meaning,)


def _entries(row: Row, found: HeadVector, names: tuple[Piece, ...]) -> tuple[Entry, ...]:
    if not found.is_computed:
        return listing(found.values, names, named=row.named)
    shown = found.listed(row.named)
    entries = [Entry((*_products(row, found, j), equals(found.values[j])), names[j]) for j in shown]
    left = int(np.count_nonzero(found.values)) - len(shown)
    if left:
        length = float(np.linalg.norm(found.values.astype(np.float64)))
        words = message("{count} smaller ones, length of all {length}", count=left, length=Number(length))
        entries.append(Entry(((words,),)))
    return tuple(entries) or (Entry(((Number(0.0),),)),)


def _products(row: Row, found: HeadVector, j: int) -> tuple[tuple[Piece, ...], ...]:
    """Return what entry j is the sum of: W[i, j] x_i; a feature that comes from itself alone needs no name again."""
    assert found.matrix is not None
    used = [int(i) for i in np.flatnonzero(found.matrix[:, j] * found.inputs)]
    alone = used == [found.first + j]
    placed: Blank = "carried" if row.trace.added is not None else ""
    known = set(few(found.inputs, named=row.named)) if found.own else set()
    return sum_of(
        [
            Term(
                (Number(float(found.matrix[i, j])), Number(float(found.inputs[i]), placed if i in known else "")),
                None if alone else row.columns[i],
            )
            for i in used
        ]
    )
