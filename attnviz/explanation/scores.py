"""From cards to weights: dot products, the division, the mask, e to the score, and each word's share."""

from __future__ import annotations

import numpy as np

from attnviz.core.positions import SCHEMES
from attnviz.core.types import Floats
from attnviz.explanation.elements import (
    Atom,
    Entry,
    Line,
    Number,
    Step,
    Term,
    equals,
    in_brackets,
    plus,
    sum_of,
    summands,
)
from attnviz.explanation.qkv import head_vector
from attnviz.explanation.row import Row
from attnviz.i18n.messages import Message, message

_MOST_NAMED = 8


def dot_products_step(row: Row) -> Step:
    """Show q · k of every shown key, term by term."""
    lines = []
    turned = row.trace.unrotated_query is not None
    query = head_vector(row, "query", row.token)
    asked = set(query.listed(row.named)) if query.is_computed and not turned else set()
    for index in row.shown:
        values, own = row.trace.key[row.head, index], head_vector(row, "key", index)
        answered = set(own.listed(row.named)) if own.is_computed and not turned else set()
        terms = [
            Term((_used(row.query, j, asked), _used(values, j, answered)), row.features[j])
            for j in map(int, np.flatnonzero(row.query * values))
        ]
        lines.append(Line(row.keys[index], (Entry((*sum_of(terms), equals(row.dots[index]))),)))
    words = message(
        "How well the query of “{word}” matches each key: feature times feature, added up; products that are "
        "0 are left out.",
        word=row.word,
    )
    return Step("dot", message("Dot products"), "q · k", (words,), tuple(lines), {"dots": row.dots})


def _used(values: Floats, j: int, asked: set[int]) -> Number:
    return Number(float(values[j]), "carried" if j in asked else "")


def scores_step(row: Row) -> Step:
    """Show the logits: the dot products divided by sqrt(d), the bias added, divided by the temperature."""
    width, scale, temperature = len(row.query), row.trace.scale, row.trace.temperature
    divided = scale is not None and bool(np.isclose(scale, 1 / np.sqrt(width)))
    lines = tuple(Line(row.keys[i], (Entry((*_score(row, i, divided), _result(row, i))),)) for i in row.shown)
    formula = f"q · k / √{width}" if divided else "q · k" if scale in (None, 1.0) else "q · k × c"
    words: list[Message] = []
    if divided:
        words.append(
            message(
                "A sum of {width} products grows like √{width} = {root}. Without the division the scores "
                "would be so far apart that one word got nearly everything.",
                width=width,
                root=Number(float(np.sqrt(width))),
            )
        )
    elif scale is None or scale == 1:
        words.append(message("This model does not divide the dot products."))
    if row.trace.bias is not None:
        formula += " + b"
        words.append(_bias_words(row))
    if temperature != 1:
        formula = f"({formula}) / T"
        words.append(
            message(
                "The temperature {temperature} divides the scores: below 1 sharper, above 1 flatter.",
                temperature=Number(temperature, given=True),
            )
        )
    if divided and formula == f"q · k / √{width}":
        title = message("Divided by √{width} = {root}", width=width, root=Number(float(np.sqrt(width))))
    else:
        title = message("Scores")
    if not row.is_complete:
        words.append(message("The model did more to its scores than these lines show; its own result follows →."))
    arrays = {"scale": 1.0 if scale is None else scale, "temperature": temperature, "scores": row.logits}
    bias = {} if row.trace.bias is None else {"bias": row.trace.bias[row.head, row.token]}
    return Step("scores", title, f"s = {formula}", tuple(words), lines, arrays | bias)


def _result(row: Row, index: int) -> Atom:
    """Return the score, with an arrow where the model did more than the line says."""
    found = equals(row.logits[index])
    return found if row.is_complete else ("→ ", *found[1:])


def _score(row: Row, index: int, divided: bool) -> tuple[Atom, ...]:
    scale, temperature = row.trace.scale, row.trace.temperature
    dot = Number(float(row.dots[index]), "carried")
    atoms: list[Atom] = [(dot,)]
    if divided:
        atoms.append((f"/ √{len(row.query)}",))
    elif scale is not None and scale != 1:
        atoms.append(("× ", *in_brackets(Number(scale))))
    if row.trace.bias is not None:
        atoms.append(plus(Number(float(row.trace.bias[row.head, row.token, index]))))
    if temperature != 1:
        if len(atoms) > 1:
            atoms[0], atoms[-1] = ("(", *atoms[0]), (*atoms[-1], ")")
        atoms.append(("/ ", Number(temperature, given=True)))
    return tuple(atoms)


def _bias_words(row: Row) -> Message:
    scheme = SCHEMES.get(row.attention.provenance.position or "none")
    if scheme is not None and scheme.bias_words is not None:
        return scheme.bias_words
    return message("The model adds b, a number for each pair of positions.")


def mask_step(row: Row) -> Step | None:
    """Show which words may not be looked at; None without a mask, or where the mask allows the cell."""
    if row.attention.allowed is None or (row.cell is not None and row.allowed[row.cell]):
        return None
    forbidden = [int(index) for index in np.flatnonzero(~row.allowed)]
    words = [_mask_words(row)]
    if not forbidden:
        words.append(message("“{word}” may look at every word.", word=row.word))
    elif not row.allowed.any():
        words.append(
            message("“{word}” may look at nothing: its weights are all 0, and so is its new vector.", word=row.word)
        )
    named = forbidden if row.cell is None else [row.cell]
    entries = [Entry(((row.keys[index],),)) for index in named[:_MOST_NAMED]]
    if len(named) > _MOST_NAMED:
        entries.append(Entry(((message("{count} more", count=len(named) - _MOST_NAMED),),)))
    lines = (Line(message("forbidden"), tuple(entries)),) if entries else ()
    return Step("mask", message("Mask"), "s = -∞", tuple(words), lines, {"allowed": row.allowed})


def _mask_words(row: Row) -> Message:
    spelling = row.attention.provenance.mask.lower()
    if spelling == "causal":
        return message("A word may look at itself and at what came before it, at nothing that comes after.")
    if "causal" in spelling:
        return message("The mask {mask} forbids words that are too far before a word, and all after it.", mask=spelling)
    if spelling != "none":
        return message("The mask {mask} forbids words that are too far away.", mask=spelling)
    return message("The mask forbids some words.")


def exponentials_step(row: Row) -> Step | None:
    """Show the powers e^(score), the largest score subtracted first, and their sum."""
    if not row.allowed.any():
        return None
    first = int(np.where(row.allowed, row.logits, -np.inf).argmax())
    largest = Number(float(row.logits[first]), "carried" if first in row.looked_at else "")
    lines = [
        Line(row.keys[i], (Entry((_power(float(row.logits[i]), largest), equals(row.exponentials[i]))),))
        for i in row.looked_at
    ]
    total = float(row.exponentials.sum())
    others = int(row.allowed.sum()) - len(row.looked_at)
    rest = float(row.exponentials.sum() - row.exponentials[list(row.looked_at)].sum())
    terms = summands(row.exponentials, row.looked_at, others, rest, "carried")
    lines.append(Line(message("sum"), (Entry((*terms, equals(total))),)))
    words = message(
        "e^s is positive, and grows much faster than s. The largest score, {largest}, is subtracted first: the weights "
        "stay the same, and no number grows too large.",
        largest=largest,
    )
    arrays = {"exponentials": row.exponentials, "largest": largest.value, "sum": total}
    title, formula = message("e to the power of the score"), message("e^(s - largest)")
    return Step("exp", title, formula, (words,), tuple(lines), arrays)


def _power(score: float, largest: Number) -> Atom:
    subtracted: Atom = (" - ", largest) if largest.value >= 0 else (" + ", Number(-largest.value, largest.blank))
    return ("e^(", Number(score, "carried"), *subtracted, ")")


def weights_step(row: Row) -> Step | None:
    """Show each exponential's share of their sum; None where nothing may be looked at."""
    if not row.allowed.any():
        return None
    total = float(row.exponentials.sum())
    lines = tuple(
        Line(
            row.keys[i],
            (
                Entry(
                    (
                        (Number(float(row.exponentials[i]), "carried"),),
                        ("/ ", Number(total, "carried")),
                        equals(row.weights[i]),
                    )
                ),
            ),
        )
        for i in row.looked_at
    ) or tuple(Line(row.keys[i], (Entry(((Number(0.0),),)),)) for i in row.shown)
    words = [
        message(
            "How much “{word}” looks at each word: its part of the sum. The weights of a row sum to 1.", word=row.word
        )
    ]
    left = int(row.allowed.sum()) - len(row.looked_at)
    if left and row.cell is None:
        rest = float(row.weights.sum() - row.weights[list(row.looked_at)].sum())
        others = message("1 other word") if left == 1 else message("{count} other words", count=left)
        words.append(message("The rest get {rest}: {others}.", rest=Number(max(rest, 0.0)), others=others))
    return Step(
        "weights",
        message("Weights"),
        message("w = e^(s - largest) / sum"),
        tuple(words),
        lines,
        {"weights": row.weights},
    )
