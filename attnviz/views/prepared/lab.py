"""What the laboratory looks like: a small grid for each setting on one scale, and curves over distance."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from attnviz.analysis.lab import MAP_AXES, Axis, Cell, Distances, Lab
from attnviz.analysis.order_blindness import Blindness
from attnviz.core.attention_data import Token
from attnviz.core.masks import mask_words
from attnviz.i18n.decimals import fixed, with_power
from attnviz.i18n.messages import Message, listed, message
from attnviz.views.prepared.attention import UNKNOWN
from attnviz.views.prepared.caption import can_be_brief, describe_provenance, in_brief, setting_words
from attnviz.views.prepared.charts import Chart, Charts, Series
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.heads import head_name, layer_name
from attnviz.views.prepared.labels import Medium, named, visible
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import QUERY_AND_KEY, Panel, Prepared, number, subject_of
from attnviz.views.prepared.presentation import DIGITS, TERMINAL, Presentation

_MOST_POINTS = 64
_BIT_DIGITS = 2
_DISTANCE_DIGITS = 5


def prepare_lab(lab: Lab, presentation: Presentation = TERMINAL, *, brief: bool = False) -> Prepared:
    """Return a panel for each cell, all on one scale, with its setting above it and its entropy and blindness below it.

    Without digits of the presentation, weights have 3 decimal places and entropies 2. brief: with a first caption.
    """
    scale = weight_scale(np.array([cell.weights.max(initial=0.0) for cell in lab.cells]))
    medium = presentation.medium
    cells, across = _arranged(lab, medium)
    panels = tuple(
        Panel(
            title=_title(lab.axes, cell),
            values=cell.weights,
            rows=tuple(_label(text, cell, medium) for text in cell.rows),
            columns=tuple(_label(text, cell, medium) for text in cell.columns),
            scale=scale,
            forbidden=_forbidden(cell),
            caption=_below(cell, presentation.digits_or(_BIT_DIGITS)),
        )
        for cell in cells
    )
    heading, caption = message("who looks ↓   at whom →"), _caption(lab)
    if brief and can_be_brief(lab.provenance):
        varied = {"position", "heads", *(axis.name for axis in lab.axes)}
        caption = in_brief(_caption(lab, brief=True), lab.provenance, without=varied)
    return Prepared(
        "lab",
        panels,
        heading,
        caption,
        _notes(lab),
        presentation.digits_or(DIGITS),
        across,
        subject=subject_of(_text_of(lab)),
        what=message("attention weights under {count} settings", count=_count_settings(lab)),
        sides=QUERY_AND_KEY,
        cell_digits=presentation.cell_digits,
    )


def _count_settings(lab: Lab) -> int:
    """Return how many settings there are, however many layers and heads of each are shown."""
    return prod(len(axis.values) for axis in lab.axes if axis.name not in MAP_AXES)


def _text_of(lab: Lab) -> str:
    """Return the words of the text as the first setting cuts them; Chinese words without spaces."""
    words = lab.cells[0].rows
    return ("" if all(word[-1:] > "\u2e80" for word in words) else " ").join(words)


def _label(text: str, cell: Cell, medium: Medium) -> str:
    return named(text, medium) + (UNKNOWN if text in cell.unknown else "")


def _arranged(lab: Lab, medium: Medium) -> tuple[tuple[Cell, ...], int]:
    """Return the cells in the order they are drawn, and how many belong side by side.

    The last axis runs across; on a page, which is wider than high, the longer one does.
    """
    axes = [axis for axis in lab.axes if axis.name not in MAP_AXES]
    first, last = len(axes[0].values), len(axes[-1].values)
    if len(axes) == 1:
        if len(lab.axes) > 1:
            return lab.cells, last if last > 1 else 0  # a row of grids for each layer and head
        return lab.cells, 0 if medium == "terminal" else min(4, first)
    if medium == "picture" and first > last:
        maps = range(0, len(lab.cells), first * last)  # where the grids of each layer and head begin
        return tuple(lab.cells[k + i * last + j] for k in maps for j in range(last) for i in range(first)), first
    return lab.cells, last if last > 1 else 0


def _forbidden(cell: Cell) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
    if cell.problem is not None:
        return np.ones(cell.weights.shape, dtype=bool)
    return None if cell.allowed is None else ~cell.allowed


def _title(axes: tuple[Axis, ...], cell: Cell) -> Message:
    """Return the cell's setting, the value of each axis in words; its layer and head first, where there are several."""
    words = [_words_of(axis.name, value) for axis, value in zip(axes, cell.values, strict=True)]
    title = words[0]
    for other in words[1:]:
        title = message("{first}, {second}", first=title, second=other)
    return title


def _words_of(name: str, value: Any) -> Message:
    if name == "layer":
        return layer_name(value)
    return head_name(value) if name == "head" else setting_words(name, value)


def _below(cell: Cell, digits: int) -> Message:
    if cell.problem is not None or cell.bits is None:
        return message("not possible")
    seen = _seen(cell, cell.bits, digits)
    if cell.effect is None:
        return seen
    cosine = fixed(cell.effect.cosine, digits)
    if cell.effect.likeliest is None or cell.effect.probability is None:
        return message("{seen}, cosine {cosine}", seen=seen, cosine=cosine)
    return message(
        "{seen}, cosine {cosine}, then “{word}” {probability}",
        seen=seen,
        cosine=cosine,
        word=visible(cell.effect.likeliest.strip() or "␣"),
        probability=fixed(cell.effect.probability, digits),
    )


def _seen(cell: Cell, number: float, digits: int) -> Message:
    """Say what of the order a setting sees, and how even its rows are."""
    bits = fixed(number, digits)
    if cell.blind_to == Blindness.ANY_ORDER:
        return message("order-blind, {bits} bits", bits=bits)
    if cell.blind_to == Blindness.MIRROR_IMAGE:
        return message("mirror-blind, {bits} bits", bits=bits)
    if cell.blind_to == Blindness.UNKNOWN:
        return message("cannot tell, {bits} bits", bits=bits)
    return message("sees order, {bits} bits", bits=bits)


def _caption(lab: Lab, *, brief: bool = False) -> tuple[Message, ...]:
    varied = {axis.name for axis in lab.axes}
    shown = {axis.name: axis.values for axis in lab.axes}
    heads = shown.get("head", () if lab.head is None else (lab.head,))
    if "heads" not in varied and lab.provenance.heads == 1:
        heads = ()
    without = varied | ({"heads"} if "heads" in varied else set())
    if {"embedding"} & varied:
        without |= {"dim"}
    mean = (message("mean of the heads"),) if "heads" in varied and lab.head == "mean" else ()
    layers = shown.get("layer", () if lab.layer is None else (lab.layer,))
    model = lab.provenance.model
    own = lab.provenance.of_model(mask="none") if "mask" in varied else lab.provenance
    parts = describe_provenance(own, heads, without=without, layers=layers)
    if model is not None and "mask" in varied:
        parts += (message("own mask: {mask}", mask=mask_words(model.mask)),)
    if lab.changed is not None:
        parts += (message("changed in the layers {layers} alone", layers=listed(lab.changed)),)
    bits = () if brief and model is not None else (message("bits: the mean entropy of the rows"),)
    told = (*parts, *mean, *bits)
    if model is None:
        return told
    told += (
        message("cosine: 1 where its output stays as it was")
        if brief
        else message("cosine: of the hidden states after the last layer with those of the model as it is"),
    )
    if lab.likeliest is None:
        return told
    if brief:
        return (*told, message("then: the likeliest next token"))
    return (
        *told,
        message("then: the likeliest next token (“{word}” as it is)", word=visible(lab.likeliest.strip() or "␣")),
    )


def _notes(lab: Lab) -> tuple[Message, ...]:
    """Explain the words below the grids, as far as they are there, and why a setting cannot be."""
    there = {cell.blind_to for cell in lab.cells}
    notes: list[Message] = []
    if Blindness.ANY_ORDER in there:
        notes.append(message("order-blind: in any order of the words each looks at the others as before."))
    if Blindness.MIRROR_IMAGE in there:
        notes.append(message("mirror-blind: only the text read backwards looks the same; other orders do not."))
    if Blindness.NOTHING in there:
        notes.append(message("sees order: read backwards, the text gives other weights or other outputs."))
    if Blindness.UNKNOWN in there:
        notes.append(message("cannot tell: the scores are so large that rounding could change a weight."))
    problems = [
        message("{setting} is not possible: {reason}", setting=_at_fault(lab, cell), reason=cell.problem.message)
        for cell in lab.cells
        if cell.problem is not None
    ]
    rows = next((cell.rows for cell in lab.cells if cell.problem is None), ())
    cut = describe_cut_characters([Token(text) for text in rows])
    return (*notes, *{str(problem): problem for problem in problems}.values(), *cut)


def _at_fault(lab: Lab, cell: Cell) -> Message:
    """Name the axis value that makes a setting invalid; the whole setting if no single value does."""
    for k, axis in enumerate(lab.axes):
        if all(other.problem is not None for other in lab.cells if other.values[k] == cell.values[k]):
            return _title((axis,), replace(cell, values=(cell.values[k],)))
    return _title(lab.axes, cell)


def prepare_distances(
    distances: Distances, presentation: Presentation = TERMINAL, *, most: int = _MOST_POINTS
) -> Charts:
    """Return the curves as one chart: the mean over ranges of distance, `most` at most, that grow in equal ratios."""
    bins = distance_bins(distances.count, most)
    places = tuple(float(start) for start, _ in bins)
    curves = [(setting_words("position", name), curve) for name, curve in distances.curves.items()]
    series = tuple(
        Series(name, places, tuple(_mean(curve[start:stop]) for start, stop in bins), marked=())
        for name, curve in (*curves, (message("recurrent"), distances.recurrent))
    )
    text = " ".join(visible(token, presentation.medium) for token in distances.text[:12]) + (
        " …" if distances.text[12:] else ""
    )
    heading = message(
        "mean weight by distance: {text}, repeated to {count} tokens", text=text, count=f"{distances.count:,}"
    )
    floor = _floor(series)
    chart = Chart(None, message("words away"), message("mean weight"), series, powers=True, floor=floor)
    several = (message("mean of {count} heads", count=distances.provenance.heads),)
    parts = describe_provenance(distances.provenance, without=("position", "heads"))
    caption = (*parts, *(several if distances.provenance.heads > 1 else ()))
    return Charts(heading, (chart,), caption, _about_memory(distances))


def list_distances(distances: Distances, presentation: Presentation = TERMINAL) -> Listing:
    """Return the curves as a list, a row for each distance; they are what `prepare_distances` draws."""
    form, digits = prepare_distances(distances, presentation), presentation.digits_or(_DISTANCE_DIGITS)
    curves = [(setting_words("position", name), curve) for name, curve in distances.curves.items()]
    columns = tuple(
        Column(name, tuple("" if np.isnan(value) else number(float(value), digits) for value in curve))
        for name, curve in (*curves, (message("recurrent"), distances.recurrent))
    )
    return Listing(form.heading, tuple(map(str, range(distances.count))), (columns,), form.caption, form.notes)


def _floor(series: tuple[Series, ...]) -> float:
    """Return where the axis begins: half of the least weight that a scheme gives, at least 1/10,000 of the largest.

    The last series, the memory, fades away to nothing; its beginning is there.
    """
    largest = max((value for one in series for value in one.y if value > 0), default=1.0)
    least = min((value for one in series[:-1] for value in one.y if value > 0), default=largest)
    least = min(least, max(series[-1].y))
    return max(least / 2, largest / 10_000)


def _about_memory(distances: Distances) -> tuple[Message, ...]:
    model = message(
        "recurrent: a model of a simple recurrent memory, h_t = a h_(t-1) + (1 - a) x_t with a = {keep}: of a word d "
        "words ago it keeps (1 - a) a^d, and forgets the beginning.",
        keep=with_power(f"{distances.keep:g}"),
    )
    return (model,)


def distance_bins(count: int, most: int) -> list[tuple[int, int]]:
    """Divide distances 0 to count - 1 into at most `most` ranges [start, stop): 0 by itself, then in equal ratios.

    >>> distance_bins(10, 5)
    [(0, 1), (1, 2), (2, 3), (3, 6), (6, 10)]
    """
    edges = np.unique(np.rint(np.geomspace(1, count, max(2, most))).astype(int)).tolist()
    return [(0, 1), *pairwise(edges)]


def _mean(values: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Return the mean over the distances at which something is allowed; nan where nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
