"""What an explanation is made of: steps of lines of entries, every number of them kept as a number.

A renderer decides how many digits a number has, what stands in a blank, and where a line breaks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from attnviz.core.attention_data import Token
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.types import Floats
from attnviz.i18n.messages import Message, Name, message

# A sum of up to MOST_TERMS terms is shown whole; of a longer one that is not sparse, the FEW largest and the rest.
MOST_TERMS = 8
MOST_SPARSE = 24
FEW = 4


Blank = Literal["", "answer", "carried"]


class Number(NamedTuple):
    """A number as it was computed. On a worksheet an answer is blank, and so is an answer that is used again.

    given: whether a reader gave it, and so finds it as it was given, however many digits it has.
    """

    value: float
    blank: Blank = ""
    given: bool = False

    def __str__(self) -> str:
        """Return the number in a sentence that nobody renders."""
        return f"{self.value:.6g}"


class Word(NamedTuple):
    """A word of the text, or of a feature that is one; occurrence counts the same text from 1.

    unknown: whether a model's vocabulary lacks it.
    """

    text: str
    occurrence: int = 1
    unknown: bool = False

    def __str__(self) -> str:
        """Return the word in a sentence that nobody renders; the second 猫 is 猫#2."""
        return self.text if self.occurrence == 1 else f"{self.text}#{self.occurrence}"


# A name is a word of the catalogue: a feature or a head of the toy.
Piece = str | Number | Word | Message | Name
Atom = tuple[Piece, ...]


class Entry(NamedTuple):
    """One equation or one named number: atoms, between which a line may break."""

    atoms: tuple[Atom, ...]
    name: Piece | None = None

    @property
    def answers(self) -> tuple[Number, ...]:
        """The numbers that a worksheet asks for."""
        return tuple(
            piece for atom in self.atoms for piece in atom if isinstance(piece, Number) and piece.blank == "answer"
        )


class Line(NamedTuple):
    """What one word, or one feature, has: a label and its entries."""

    label: Piece
    entries: tuple[Entry, ...]


class TableLine(NamedTuple):
    """Where a factor of a hand-made matrix stands: a file, its line, the features of the matrix's row and column."""

    file: str
    line: int
    row: str
    column: str
    factor: float


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the computation: its title, its formula, what it means, its lines, and its arrays by name.

    columns: where the lines are the rows of a table, the heading of each entry. table: where the factors that are
    shown stand, if the matrix is made by hand.
    """

    name: str
    title: Message
    formula: Piece
    words: tuple[Message, ...]
    lines: tuple[Line, ...] = ()
    arrays: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Piece, ...] = ()
    table: tuple[TableLine, ...] = ()


@dataclass(frozen=True, eq=False)
class Explanation(Result):
    """One row of attention with every number of it, in the order in which it was computed.

    query, key: the tokens of the text and of the text that is asked; token: the index of the word that looks; cell: of
    the one key that is explained, or None for the whole row. layer, head: their own number and name; head is "all"
    where the heads are compared. notes: what was chosen for the reader, and why.
    """

    title: Message
    query: tuple[Token, ...]
    key: tuple[Token, ...]
    token: int
    cell: int | None
    layer: int | str
    head: int | str
    steps: tuple[Step, ...]
    features: tuple[str, ...] | None = None
    provenance: Provenance = NOTHING_KNOWN
    heads: tuple[int | str, ...] = ()
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        """Return whose row it is, never a screen full of numbers."""
        return f"<Explanation of {self.query[self.token].text!r}: {', '.join(step.name for step in self.steps)}>"


class Term(NamedTuple):
    """A product, and whose it is."""

    factors: tuple[Number, ...]
    name: Piece | None = None

    @property
    def value(self) -> float:
        """The product."""
        return math.prod(factor.value for factor in self.factors)


def few(values: Floats, *, named: bool = False) -> list[int]:
    """Return the indexes of the entries to show, in order: all that are not 0 where they are few, else the largest.

    Up to MOST_TERMS are few; up to MOST_SPARSE are, where the entries have names and most of them are 0.
    """
    used = np.flatnonzero(values)
    sparse = named and len(used) <= min(MOST_SPARSE, len(values) // 2)
    if len(used) <= MOST_TERMS or sparse:
        return [int(index) for index in used]
    largest = np.argsort(-np.abs(values), kind="stable")[:FEW]
    return sorted(int(index) for index in largest)


def sum_of(terms: Sequence[Term]) -> tuple[Atom, ...]:
    """Return the terms with their signs, those that are 0 left out; of many the largest, and the rest in one number."""
    values = np.array([term.value for term in terms])
    shown = few(values)
    atoms = [_signed(terms[index], first=place == 0) for place, index in enumerate(shown)]
    left = int(np.count_nonzero(values)) - len(shown)
    if left:
        rest = float(values.sum() - values[shown].sum())
        words = message("from {count} smaller terms", count=left)
        atoms.append((*_sign(rest, first=False), Number(abs(rest)), " ", words))
    return tuple(atoms) or ((Number(0.0),),)


def _signed(term: Term, *, first: bool) -> Atom:
    leading, *others = term.factors
    pieces: list[Piece] = [*_sign(leading.value, first=first), Number(abs(leading.value), leading.blank)]
    for factor in others:
        pieces += [" × ", *in_brackets(factor)]
    if isinstance(term.name, str):  # a column's number has brackets of its own
        return (*pieces, " ", term.name)
    return (*pieces, " (", term.name, ")") if term.name is not None else tuple(pieces)


def _sign(value: float, *, first: bool) -> tuple[str, ...]:
    if first:
        return ("-",) if value < 0 else ()
    return ("- ",) if value < 0 else ("+ ",)


def in_brackets(number: Number) -> Atom:
    """Return a factor, in brackets where it is negative."""
    return ("(", number, ")") if number.value < 0 else (number,)


def plus(number: Number) -> Atom:
    """Return a further summand with its sign."""
    return (*_sign(number.value, first=False), Number(abs(number.value), number.blank))


def equals(value: float, *, asked: bool = True) -> Atom:
    """Return the end of an equation, which a worksheet leaves blank."""
    return ("= ", Number(float(value), "answer" if asked else ""))


def listing(values: Floats, names: Sequence[Piece], *, named: bool) -> tuple[Entry, ...]:
    """List a vector entry by entry; of a long one the largest entries, how many are smaller, and its length."""
    shown = few(values, named=named)
    entries = [Entry(((names[index], " ", Number(float(values[index]))),)) for index in shown]
    left = int(np.count_nonzero(values)) - len(shown)
    if left:
        length = float(np.linalg.norm(values.astype(np.float64)))
        words = message("{count} smaller ones, length of all {length}", count=left, length=Number(length))
        entries.append(Entry(((words,),)))
    return tuple(entries) or (Entry(((Number(0.0),),)),)


def left_out(values: Floats, shown: Sequence[int]) -> tuple[Message, ...]:
    """Return the sentence that counts the entries other than 0 that are not shown; none where all or none are."""
    left = int(np.count_nonzero(values)) - len(shown)
    if left == 0 or not shown:
        return ()
    return (
        message(
            "The {count} largest entries are shown; {left} smaller ones are left out.", count=len(shown), left=left
        ),
    )


def summands(values: Floats, shown: Sequence[int], others: int, rest: float, blank: Blank = "") -> list[Atom]:
    """Return a sum's terms: the values that are shown, and `rest`, what the other words add, where there are others."""
    terms: list[Atom] = [
        (*(("+ ",) if place else ()), Number(float(values[i]), blank)) for place, i in enumerate(shown)
    ]
    if others:
        words = message("from 1 other word") if others == 1 else message("from {count} other words", count=others)
        terms.append((*(("+ ",) if terms else ()), Number(max(0.0, rest)), " ", words))
    return terms
