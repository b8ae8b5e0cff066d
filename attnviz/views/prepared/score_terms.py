"""How each weight of a small attention comes about: the lines that `explain` has of its score, cell by cell.

A page has them for every cell and in every language. Sentences and names are written once in each language and referred
to by their number; what stands between them, numbers and signs, is the same in all of them but for the zero before a
decimal point, which the page's script takes away in English.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attnviz.core.attention_data import Attention
from attnviz.explanation.elements import Line, Number, Piece, Word
from attnviz.explanation.row import HeadNumbers, Row
from attnviz.explanation.scores import score_steps
from attnviz.i18n.decimals import between_numbers
from attnviz.i18n.messages import LANGUAGES, Message, speaking
from attnviz.views.prepared.presentation import redone_digits
from attnviz.views.prepared.worksheet import PieceWriter

_SPOKEN = ("terms", "scores", "cap", "mask")  # steps whose sentences say what a model does of its own


def score_terms(attention: Attention) -> dict[str, Any]:
    """Return the steps from query and keys to the weights, as a value of JSON.

    texts: sentences and names, each in every language, in the order of LANGUAGES. sheets: for each layer and head a
    list of steps for each query: a title, a formula and sentences, as indices of texts; a line for each key ("" without
    one), and one of the row. In a line {3} stands for a text, and 0.5 is .5 in English.
    """
    writer = _Writer(redone_digits(attention.provenance, len(attention.key)))
    sheets = []
    with speaking("zh"):  # the language that keeps the zero of 0.5
        for layer in attention.layers:
            one = attention.select(layer=layer)
            for head in range(len(attention.heads)):
                shared = HeadNumbers(one, one.traces[0], head)
                rows = (
                    Row(one, one.traces[0], layer, head, token, blanks=False, shared=shared)
                    for token in range(len(attention.query))
                )
                sheets.append([list(writer.steps(row)) for row in rows])
    return {"texts": writer.texts, "sheets": sheets}


class _Writer:
    """Steps to what a page has of them; `texts` grows by what they refer to."""

    def __init__(self, digits: int) -> None:
        self.texts: list[list[str]] = []
        self._pieces = PieceWriter(digits)
        self._known: dict[Any, int] = {}

    def steps(self, row: Row) -> Iterator[list[Any]]:
        """Yield the steps of a row."""
        keys = {word: place for place, word in enumerate(row.keys)}
        for step in score_steps(row):
            cells, whole = [""] * len(keys), ""
            for line in step.lines:
                if isinstance(line.label, Word):
                    cells[keys[line.label]] = self._line(line)
                elif step.name == "exp":
                    whole = f"{self._written(line.label)} = {self._line(line)}"
            words = [self._refer(sentence) for sentence in step.words] if step.name in _SPOKEN else []
            yield [self._refer(step.title), self._refer(step.formula), words, cells, whole]

    def _line(self, line: Line) -> str:
        return " ".join("".join(map(self._written, atom)) for entry in line.entries for atom in entry.atoms)

    def _written(self, piece: Piece) -> str:
        if isinstance(piece, str):
            return between_numbers(piece)
        return self._pieces.number(piece) if isinstance(piece, Number) else f"{{{self._refer(piece)}}}"

    def _refer(self, piece: Piece) -> int:
        """Return the index of a text, which is written in every language where it is new."""
        key = repr(piece) if isinstance(piece, Message) else piece  # a message has a dictionary, which has no hash
        if key not in self._known:
            self._known[key] = len(self.texts)
            written = []
            for each in LANGUAGES:
                with speaking(each):
                    written.append(self._pieces.piece(piece))
            self.texts.append(written)
        return self._known[key]
