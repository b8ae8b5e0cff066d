"""From cards to weights: dot products, the division, the cap, the mask, e to the score, and each word's share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

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
from attnviz.explanation.qkv import Kind, head_vector
from attnviz.explanation.row import Row
from attnviz.i18n.messages import Message, message

_MOST_NAMED = 8

# What the terms are that models add to the dot products, by their names in the trace.
TERM_WORDS: Mapping[str, Message] = {
    "content to position": message(
        "content to position: the query of the word, times the key of its distance from the other word;"
    ),
    "position": message("position: the query of the word, with a bias of its own, times the key of the distance;"),
    "segment": message(
        "segment: the query of the word, with a bias of its own, times the key of “the same segment” or “another”;"
    ),
    "position to content": message("position to content: the query of the distance, times the key of the other word;"),
}


def dot_products_step(row: Row) -> Step:
    """Show q · k of every shown key, term by term."""
    lines = []
    asked = _carried(row, "query", row.token)
    for index in row.shown_words:
        values, answered = row.trace.key[row.head, index], _carried(row, "key", index)
        terms = [
            Term((_used(row.query, j, asked), _used(values, j, answered)), row.features[j])
            for j in map(int, np.flatnonzero(row.query * values))
        ]
        products = sum_of(terms) if terms else ((message("no feature in common"),),)
        lines.append(Line(row.keys[index], (Entry((*products, equals(row.dots[index]))),)))
    words = message(
        "How well the query of “{word}” matches each key: feature times feature, added up; products that are "
        "0 are left out.",
        word=row.word,
    )
    return Step("dot", message("Dot products"), "q · k", (words,), tuple(lines), {"dots": row.dots})


def _carried(row: Row, kind: Kind, index: int) -> set[int]:
    """Return which entries of a vector an earlier step has computed, so that a worksheet leaves them out."""
    if not row.blanks or row.trace.unrotated_query is not None:
        return set()
    vector = head_vector(row, kind, index)
    return set(vector.listed(row.named)) if vector.is_computed else set()


def _used(values: Floats, j: int, asked: set[int]) -> Number:
    return Number(float(values[j]), "carried" if j in asked else "")


def terms_step(row: Row) -> Step | None:
    """Show the named parts of what is added to the dot products, and their sum; None where there is no such part."""
    parts = {term.name: term.values[row.head, row.token] for term in row.trace.terms}
    if not parts or row.trace.bias is None:
        return None
    total = row.trace.bias[row.head, row.token]
    lines = []
    for index in row.shown_words:
        first, *others = (Number(float(values[index])) for values in parts.values())
        sum_atoms: tuple[Atom, ...] = ((first,), *map(plus, others))
        lines.append(Line(row.keys[index], (Entry((*sum_atoms, equals(total[index]))),)))
    words = [
        message("The dot products compare the two words alone; this model adds terms of its own, b, in this order:"),
        *(TERM_WORDS.get(name) or message("{name}: no more is known of it.", name=name) for name in parts),
    ]
    formula = "b = " + " + ".join(f"b{number}" for number in range(1, len(parts) + 1))
    arrays = {name.replace(" ", "_"): values for name, values in parts.items()} | {"bias": total}
    return Step("terms", message("The other terms of the scores"), formula, tuple(words), tuple(lines), arrays)


def scores_step(row: Row) -> Step:
    """Show the logits: the dot products times the scale, the bias added, divided by the temperature.

    With a cap the dot products times the scale are all; `cap_step` shows the rest.
    """
    width, scale, capped = len(row.query), row.trace.scale, row.trace.cap is not None
    divided = _is_divided(row)
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
    plain = formula
    if capped:
        lines = [Line(row.keys[i], (Entry((*_scaled(row, i), equals(row.scaled[i]))),)) for i in row.shown_words]
    else:
        formula = _with_bias_and_temperature(row, formula, words)
        lines = [
            Line(row.keys[i], (Entry((*_score(row, _scaled(row, i), i), _result(row, i))),)) for i in row.shown_words
        ]
        lines += _sink_line(row, words)
    if divided and formula == plain:
        title = message("Divided by √{width} = {root}", width=width, root=Number(float(np.sqrt(width))))
    else:
        title = message("Scores")
    if not row.is_complete:
        words.append(message("The model did more to its scores than these lines show; its own result follows →."))
    arrays: dict[str, Any] = {"scale": 1.0 if scale is None else scale}
    arrays |= {"scaled": row.scaled} if capped else _score_arrays(row)
    return Step("scores", title, f"s = {formula}", tuple(words), tuple(lines), arrays)


def _is_divided(row: Row) -> bool:
    """Return whether the scale is 1 / √width, to the digits of a scale that a model's config has."""
    scale = row.trace.scale
    return scale is not None and math.isclose(scale, 1 / math.sqrt(len(row.query)), rel_tol=1e-5)


def cap_step(row: Row) -> Step | None:
    """Show how a cap bends the scores, and what is added to them after it; None without a cap."""
    cap = row.trace.cap
    if cap is None:
        return None
    words = [
        message(
            "The cap {cap} bends the scores: small ones stay as they are, and none goes beyond {cap} or -{cap}.",
            cap=Number(float(cap), given=True),
        )
    ]
    formula = _with_bias_and_temperature(row, f"{cap:g} tanh(s / {cap:g})", words)
    lines = [
        Line(row.keys[i], (Entry((*_score(row, _capped(row, i, cap), i), _result(row, i))),)) for i in row.shown_words
    ]
    lines += _sink_line(row, words)
    title, arrays = message("Capped scores"), {"cap": float(cap)} | _score_arrays(row)
    return Step("cap", title, f"s = {formula}", tuple(words), tuple(lines), arrays)


def _score_arrays(row: Row) -> dict[str, Any]:
    """Return the arrays of the step whose results are the scores."""
    found: dict[str, Any] = {"temperature": row.trace.temperature, "scores": row.logits}
    if row.trace.bias is not None:
        found["bias"] = row.trace.bias[row.head, row.token]
    if row.trace.sink is not None:
        found["sink"] = float(row.trace.sink[row.head])
    return found


def _with_bias_and_temperature(row: Row, formula: str, words: list[Message]) -> str:
    """Return a score's formula with the bias and the temperature, and add what they mean to the words."""
    if row.trace.bias is not None:
        formula += " + b"
        words.append(_bias_words(row))
    if row.trace.temperature != 1:
        formula = f"({formula}) / T"
        words.append(
            message(
                "The temperature {temperature} divides the scores: below 1 sharper, above 1 flatter.",
                temperature=Number(row.trace.temperature, given=True),
            )
        )
    return formula


def _sink_line(row: Row, words: list[Message]) -> list[Line]:
    """Return the line of the sink, where there is one that is shown, and add what it means to the words."""
    if row.sink is None or row.trace.sink is None:
        return []
    words.append(
        message(
            "“{sink}” is no word: its score is a number that the head has learned. It takes its share of every row, "
            "and has no value to pass on.",
            sink=row.keys[row.sink],
        )
    )
    if row.sink not in row.shown:
        return []
    return [Line(row.keys[row.sink], (Entry(((Number(float(row.trace.sink[row.head])),),)),))]


def _result(row: Row, index: int) -> Atom:
    """Return the score, with an arrow where the model did more than the line says."""
    found = equals(row.logits[index])
    return found if row.is_complete else ("→ ", *found[1:])


def _scaled(row: Row, index: int) -> tuple[Atom, ...]:
    """Return a dot product times the scale."""
    width, scale = len(row.query), row.trace.scale
    dot: Atom = (Number(float(row.dots[index]), "carried"),)
    if _is_divided(row):
        return dot, (f"/ √{width}",)
    return (dot,) if scale in (None, 1.0) else (dot, ("× ", *in_brackets(Number(scale or 1.0))))


def _capped(row: Row, index: int, cap: float) -> tuple[Atom, ...]:
    """Return the cap times the tanh of a scaled dot product divided by it."""
    limit = Number(float(cap), given=True)
    return (limit,), ("× tanh(", Number(float(row.scaled[index]), "carried"), " / ", limit, ")")


def _score(row: Row, scaled: tuple[Atom, ...], index: int) -> tuple[Atom, ...]:
    """Return a scaled dot product with the bias added, divided by the temperature."""
    temperature = row.trace.temperature
    atoms = list(scaled)
    if row.trace.bias is not None:
        atoms.append(plus(Number(float(row.trace.bias[row.head, row.token, index]))))
    if temperature != 1:
        if len(atoms) > 1:
            atoms[0], atoms[-1] = ("(", *atoms[0]), (*atoms[-1], ")")
        atoms.append(("/ ", Number(temperature, given=True)))
    return tuple(atoms)


def _bias_words(row: Row) -> Message:
    if row.trace.terms:
        return message("b is the sum of the other terms.")
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


# From query and keys to the weights, in this order.
SCORE_STEPS = (dot_products_step, terms_step, scores_step, cap_step, mask_step, exponentials_step, weights_step)


def score_steps(row: Row) -> tuple[Step, ...]:
    """Return the steps of a row from query and keys to its weights, without those before and after them."""
    found = (make(row) for make in SCORE_STEPS)
    return tuple(step for step in found if step is not None)
