"""From weights to the new vector: the weighted sum of the values, whose content that is, and the output after W_o."""

from __future__ import annotations

import numpy as np

from attnviz.core.attention import merge_heads
from attnviz.core.types import Floats
from attnviz.explanation.elements import Entry, Line, Number, Piece, Step, Term, equals, few, left_out, listing, sum_of
from attnviz.explanation.qkv import head_vector
from attnviz.explanation.row import Row
from attnviz.i18n.messages import Message, message


def context_step(row: Row) -> Step:
    """Show each feature of the weighted sum of the value cards; with a cell, what that single key hands over."""
    if row.cell is not None:
        return _handed_over(row, row.cell)
    values, context = row.trace.value[row.head], row.trace.context[row.head, row.token]
    shown = few(context, named=row.named)
    lines = tuple(
        Line(row.handed[j], (Entry((*sum_of(_terms(row, values[:, j], j)), equals(context[j]))),)) for j in shown
    ) or (Line(row.word, (Entry(((Number(0.0),),)),)),)
    words = [
        message(
            "Every value times the weight of its word, added up feature by feature: the vector of “{word}” "
            "after it has looked at all words.",
            word=row.word,
        ),
        *left_out(context, shown),
    ]
    title = message("New vector of “{word}”", word=row.word)
    return Step("new", title, message("z = sum of w × v"), tuple(words), lines, {"z": context})


def gate_step(row: Row) -> Step | None:
    """Show the new vector, or what a single key passes on, times the gate before W_o; None where there is none."""
    if row.trace.gate is None:
        return None
    gate = row.trace.gate[row.head, row.token]
    context, values = row.trace.context[row.head, row.token], row.trace.value[row.head]
    before = context if row.cell is None else row.weights[row.cell] * values[row.cell]
    gated = before * gate
    shown = few(gated, named=row.named)
    lines = tuple(
        Line(
            row.handed[j],
            (Entry((*sum_of([Term((Number(float(before[j])), Number(float(gate[j]))))]), equals(gated[j]))),),
        )
        for j in shown
    )
    words = message(
        "Each number times a gate between 0 and 1, which the model computes from “{word}” itself.", word=row.word
    )
    title = message("Gate of “{word}”", word=row.word)
    return Step("gate", title, "z × g", (words, *left_out(gated, shown)), lines, {"gate": gate, "gated": gated})


def _terms(row: Row, column: Floats, j: int) -> list[Term]:
    return [
        Term((_weight(row, int(i)), _value(row, int(i), j, float(column[i]))), row.keys[i])
        for i in np.flatnonzero(column * row.weights)
    ]


def _weight(row: Row, index: int) -> Number:
    return Number(float(row.weights[index]), "carried" if index in row.shown else "")


def _value(row: Row, index: int, j: int, value: float) -> Number:
    if index not in row.shown:
        return Number(value)
    own = head_vector(row, "value", index)
    return Number(value, "carried" if own.is_computed and j in own.listed(row.named) else "")


def _handed_over(row: Row, key: int) -> Step:
    values, weight = row.trace.value[row.head, key], row.weights[key]
    shown = few(values, named=row.named) if weight else []
    lines = tuple(
        Line(
            row.handed[j],
            (
                Entry(
                    (
                        *sum_of([Term((_weight(row, key), _value(row, key, j, float(values[j]))))]),
                        equals(weight * values[j]),
                    )
                ),
            ),
        )
        for j in shown
    ) or (Line(row.keys[key], (Entry(((Number(0.0),),)),)),)
    words = message(
        "What “{key}” adds to the new vector of “{word}”: its value times the weight.", key=row.keys[key], word=row.word
    )
    title = message("What “{key}” passes on", key=row.keys[key])
    return Step("handed", title, "w × v", (words, *left_out(values, shown)), lines, {"w_times_v": weight * values})


def content_step(row: Row) -> Step | None:
    """Show each word's share of the new vector: its weight times the length of its value card; None for a single cell.

    A weight alone does not say how much comes over: a long value card gives more (Kobayashi et al. 2020, "Attention is
    not only a weight", section 3).
    """
    if row.cell is not None:
        return None
    lengths = np.linalg.norm(row.trace.value[row.head].astype(np.float64), axis=-1)
    parts = row.weights * lengths
    total = float(parts.sum())
    if total == 0:
        return None
    shares = parts / total
    giving = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] > 0 and int(i) in row.looked_at]
    sum_line = Line(message("sum"), (Entry((*sum_of(_lengths(row, lengths)), equals(total))),))
    lines = tuple(
        Line(
            row.keys[i],
            (
                Entry(
                    (
                        (_weight(row, i), " × ", Number(float(lengths[i]))),
                        ("/ ", Number(total, "carried")),
                        equals(shares[i]),
                    )
                ),
            ),
        )
        for i in giving
    )
    words = message("A word's share is its weight times the length of its value |v|, divided by the sum of these.")
    title = message("Whose content “{word}” now holds", word=row.word)
    return Step(
        "content", title, message("w |v| / sum"), (words,), (sum_line, *lines), {"lengths": lengths, "shares": shares}
    )


def _lengths(row: Row, lengths: Floats) -> list[Term]:
    return [
        Term((_weight(row, int(i)), Number(float(lengths[i]))), row.keys[i])
        for i in np.flatnonzero(row.weights * lengths)
    ]


def output_step(row: Row) -> Step | None:
    """Show the heads' context vectors side by side, and their product with W_o; None where both are one."""
    trace = row.trace
    found = trace.output[row.token]
    read = trace.context if trace.gate is None else trace.context * trace.gate
    merged = merge_heads(read)[row.token]
    same = merged.shape == found.shape and np.allclose(merged, found, rtol=1e-5, atol=1e-6)
    if row.cell is not None or (same and len(trace.context) == 1):
        return None
    title = message("Output")
    arrays = {"heads": merged, "output": found}
    if same:
        words: Message = message("The new vectors of the {count} heads, side by side.", count=len(trace.context))
        return Step("output", title, "o = z", (words,), _listed(row, found), arrays)
    matrix = None if trace.projection is None else trace.projection.output
    if matrix is None or not np.allclose(merged @ matrix, found, rtol=1e-3, atol=1e-4 * float(np.abs(found).max())):
        words = message("As the model computed it from the new vectors of its heads.")
        return Step("output", title, "o", (words,), _listed(row, found), arrays)
    shown = few(found, named=row.named)
    lines = tuple(
        Line(_column(row, j), (Entry((*sum_of(_mixed(row, merged, matrix[:, j])), equals(found[j]))),)) for j in shown
    )
    words = message("W_o mixes the new vectors of all heads: {count} numbers here.", count=len(merged))
    return Step("output", title, "o = z W_o", (words, *left_out(found, shown)), lines, arrays | {"W_o": matrix})


def _listed(row: Row, found: Floats) -> tuple[Line, ...]:
    names = [_column(row, j) for j in range(len(found))]
    return (Line(row.word, listing(found, names, named=row.named)),)


def _mixed(row: Row, merged: Floats, column: Floats) -> list[Term]:
    return [
        Term((Number(float(column[i])), Number(float(merged[i]))), _column(row, int(i)))
        for i in np.flatnonzero(column * merged)
    ]


def _column(row: Row, j: int) -> Piece:
    return row.columns[j] if j < len(row.columns) else f"[{j}]"
