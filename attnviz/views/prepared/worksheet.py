"""An explanation as a sheet of words: every number in its digits or as a blank, every name harmless.

Terminal, Markdown and HTML draw a `Sheet` and decide nothing but where a line breaks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from attnviz.core.clusters import count_columns
from attnviz.explanation.elements import Entry, Explanation, Line, Number, Piece, Step, Word
from attnviz.i18n.decimals import between_numbers, pure_decimal
from attnviz.i18n.messages import Message, Name, message
from attnviz.views.prepared.attention import UNKNOWN
from attnviz.views.prepared.caption import can_be_brief, describe_provenance, in_brief
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.heads import head_name, layer_name
from attnviz.views.prepared.labels import named, shorten, visible, with_occurrence
from attnviz.views.prepared.model_words import unknown_words
from attnviz.views.prepared.panels import number

_WIDEST_WORD = 20
_NARROWEST_BLANK = 4


class Shown(NamedTuple):
    """A line: its label, and its entries, each the parts between which it may break."""

    label: str
    entries: tuple[tuple[str, ...], ...]


class Section(NamedTuple):
    """A step: its number, title and formula, sentences, and lines; with columns, the lines are a table's rows."""

    number: int
    title: str
    formula: str
    words: tuple[str, ...]
    lines: tuple[Shown, ...]
    columns: tuple[str, ...] = ()


class Sheet(NamedTuple):
    """All that is on a sheet, in the reader's language. answers: of a worksheet, a section for each step that asks."""

    title: str
    caption: str
    notes: tuple[str, ...]
    sections: tuple[Section, ...]
    answers: tuple[Section, ...] = ()
    answers_title: str = ""
    hint: str = ""


def make_sheet(explanation: Explanation, digits: int, *, worksheet: bool = False, brief: bool = False) -> Sheet:
    """Write the explanation with `digits` decimal places; a worksheet has blanks and, last, the answers.

    brief: with a first caption of one line, of a model or of the toy with its settings as they are by default.
    """
    writer = PieceWriter(digits, worksheet)
    sections = tuple(writer.section(place, step) for place, step in enumerate(explanation.steps, 1))
    answers = tuple(PieceWriter(digits).answers(place, step) for place, step in enumerate(explanation.steps, 1))
    return Sheet(
        title=writer.message(explanation.title),
        caption=" · ".join(visible(part.localized()) for part in _caption(explanation, brief=brief)),
        notes=tuple(visible(note.localized()) for note in explanation.notes),
        sections=sections,
        answers=tuple(section for section in answers if section.lines) if worksheet else (),
        answers_title=message("Answers").localized(),
        hint=_hint(digits, worksheet).localized(),
    )


def _caption(explanation: Explanation, *, brief: bool) -> tuple[Message, ...]:
    provenance = explanation.provenance
    several = provenance.heads > 1 or len(explanation.heads) > 1
    head = explanation.heads[0]
    parts = () if provenance.origin is None else describe_provenance(provenance, explanation.heads)
    if brief and can_be_brief(provenance):
        told = message("each step uses the numbers of those above it")
        parts = in_brief((told,), provenance, explanation.heads, without={"heads"})
    if several and explanation.head != "all":
        parts = (head_name(head), *parts)
    if explanation.layer or provenance.layers != 1:
        parts = (layer_name(explanation.layer), *parts)
    cut = describe_cut_characters(explanation.query) or describe_cut_characters(explanation.key)
    return (*parts, *unknown_words(provenance), *cut)


def _hint(digits: int, worksheet: bool) -> Message:
    places = message("1 decimal place") if digits == 1 else message("{digits} decimal places", digits=digits)
    if worksheet:
        return message("Fill the blanks with {places}; the answers are at the end.", places=places)
    return message(
        "Numbers with more digits are rounded to {places}: a line redone with the printed numbers may differ "
        "in the last place.",
        places=places,
    )


def as_rounded(value: float, digits: int) -> str:
    """Write a number in at most `digits` decimal places: .5 where that is all of it, .5000 where it only looks so.

    >>> as_rounded(1.6, 4), as_rounded(2.01034, 4), as_rounded(0.5, 4), as_rounded(0.49999, 4)
    ('1.6', '2.0103', '.5', '.5000')
    """
    rounded = round(value, digits)
    if abs(value) < 1e6 and rounded and abs(value - rounded) <= 1e-7 * abs(value):
        short = f"{rounded:.{digits}f}".rstrip("0").rstrip(".")
        return pure_decimal(short)
    return number(value, digits)


def as_given(value: float) -> str:
    """Write a number as a reader gave it, with every digit it has.

    >>> as_given(0.5), as_given(2.0), as_given(1e-40), as_given(1e9)
    ('.5', '2', '10⁻⁴⁰', '10⁹')
    """
    short = f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return pure_decimal(short)


class PieceWriter:
    """Pieces to text, with so many digits, and with blanks or without."""

    def __init__(self, digits: int, worksheet: bool = False) -> None:
        self.digits = digits
        self.worksheet = worksheet

    def section(self, place: int, step: Step) -> Section:
        title, words = self.message(step.title), tuple(map(self.message, step.words))
        return Section(
            place,
            title,
            self.piece(step.formula),
            words,
            tuple(map(self.line, step.lines)),
            tuple(map(self.piece, step.columns)),
        )

    def answers(self, place: int, step: Step) -> Section:
        """Return the answers of a step, a line a line."""
        lines = (
            Shown(self.piece(line.label), tuple(self._answer(entry) for entry in line.entries if entry.answers))
            for line in step.lines
        )
        return Section(place, self.message(step.title), "", (), tuple(line for line in lines if line.entries))

    def _answer(self, entry: Entry) -> tuple[str, ...]:
        found = " ".join(as_rounded(answer.value, self.digits) for answer in entry.answers)
        return (found,) if entry.name is None else (f"{self.piece(entry.name)} {found}",)

    def line(self, line: Line) -> Shown:
        return Shown(self.piece(line.label), tuple(map(self.entry, line.entries)))

    def entry(self, entry: Entry) -> tuple[str, ...]:
        atoms = tuple("".join(map(self.piece, atom)) for atom in entry.atoms)
        return atoms if entry.name is None else (f"{self.piece(entry.name)} = {atoms[0]}", *atoms[1:])

    def piece(self, piece: Piece) -> str:
        if isinstance(piece, Number):
            return self.number(piece)
        if isinstance(piece, Word):
            return word_text(piece)
        if isinstance(piece, Message):
            return self.message(piece)
        return piece.localized() if isinstance(piece, Name) else between_numbers(piece)

    def number(self, number: Number) -> str:
        text = as_given(number.value) if number.given else as_rounded(number.value, self.digits)
        if self.worksheet and number.blank:
            return "_" * max(_NARROWEST_BLANK, len(text))
        return text

    def message(self, given: Message) -> str:
        """Return a sentence with its numbers and words in it, each made harmless by itself."""
        fields = {name: self._field(value) for name, value in given.fields.items()}
        return replace(given, fields=fields).localized()

    def _field(self, value: Any) -> Any:
        if isinstance(value, Word):
            return with_occurrence(_short(value), value.occurrence)
        if isinstance(value, Number | Message | Name):
            return self.piece(value)
        return visible(value) if isinstance(value, str) else value


def word_text(word: Word) -> str:
    """Write a word among numbers: harmless and short; in quotes where it could be taken for mathematics."""
    text = _short(word)
    return with_occurrence(text if any(letter.isalpha() for letter in text) else f"“{text}”", word.occurrence)


def _short(word: Word) -> str:
    return shorten(named(word.text), _WIDEST_WORD, count_columns) + (UNKNOWN if word.unknown else "")
