"""How each weight of a small attention comes about: the lines that `explain` has of its score, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.core.attention_data import Attention
from attnviz.explanation.elements import Step, Word
from attnviz.explanation.row import MOST_KEYS, Row, words_of
from attnviz.explanation.scores import score_steps
from attnviz.views.prepared.presentation import REDONE_DIGITS, usual_digits
from attnviz.views.prepared.worksheet import write_step

# Rows of all layers and heads together: 12 words with 4 heads have 48.
MOST_ROWS = 48
_SPOKEN = ("terms", "scores", "cap", "mask")  # steps whose sentences say what a model does of its own


@dataclass(frozen=True)
class CellStep:
    """One step of a row: its title and formula, sentences, a line for each key ("" without one), and one for all."""

    title: str
    formula: str
    words: tuple[str, ...]
    cells: tuple[str, ...]
    whole: str


def has_score_terms(attention: Attention) -> bool:
    """Return whether every score is known, and there are so few that all of them can be shown."""
    rows = len(attention.layers) * len(attention.heads) * len(attention.query)
    model = attention.provenance.model
    return (
        len(attention.traces) == len(attention.layers) > 0
        and rows <= MOST_ROWS
        and len(attention.key) <= MOST_KEYS
        and attention.provenance.hidden is None
        and (model is None or model.switched_off is None)
    )


def score_terms(attention: Attention) -> list[list[tuple[Step, ...]]]:
    """Return the steps from query and keys to the weights: a list for each layer and head, of one for each query."""
    found = []
    for layer in attention.layers:
        one = attention.select(layer=layer)
        for head in range(len(attention.heads)):
            rows = (Row(one, one.traces[0], layer, head, token) for token in range(len(attention.query)))
            found.append([score_steps(row) for row in rows])
    return found


def write_terms(attention: Attention, steps: tuple[Step, ...]) -> list[CellStep]:
    """Write the steps of one row in the language in use, with the digits that `explain` has."""
    digits = max(usual_digits(attention.provenance, len(attention.key)), REDONE_DIGITS)
    keys = words_of(attention, attention.key)
    return [_write(step, keys, digits) for step in steps]


def _write(step: Step, keys: tuple[Word, ...], digits: int) -> CellStep:
    section = write_step(step, digits)
    cells, whole = dict.fromkeys(keys, ""), ""
    for line, shown in zip(step.lines, section.lines, strict=True):
        text = " ".join(part for entry in shown.entries for part in entry)
        if isinstance(line.label, Word):
            cells[line.label] = text
        elif step.name == "exp":
            whole = f"{shown.label} = {text}"
    words = section.words if step.name in _SPOKEN else ()
    return CellStep(section.title, section.formula, words, tuple(cells.values()), whole)
