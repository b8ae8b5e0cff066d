"""What a picture of another kind than a heatmap shows, decided here: which edges, whose bars; and its sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Token
from attnviz.i18n.messages import Message, message
from attnviz.text.find_token import find_token
from attnviz.views.prepared.color_scale import Scale, signed_scale, spread_scale, weight_scale
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.model_words import is_mean_of_layers
from attnviz.views.prepared.panels import Panel, Prepared, ShadedWord, number
from attnviz.views.prepared.style import AUTO, PATCHES, Style, needless_token, no_patches

_SAME = 1e-6  # of a weight: what differs by less is the same


@dataclass(frozen=True)
class Edge:
    """A word that looks (row), one it looks at (column), how much, and how far that reaches on the scale, 0 to 1."""

    row: int
    column: int
    value: float
    share: float


def edges_by_mass(panel: Panel, mass: float) -> tuple[Edge, ...]:
    """Return each row's strongest edges, until they hold `mass` of the row's sum of sizes; at least one where any is.

    Of equals the one that stands first comes first. The idea is exBERT's (Hoover et al. 2020, section 3.2).
    """
    sizes = np.abs(panel.values.astype(np.float64))
    if panel.forbidden is not None:
        sizes = np.where(panel.forbidden, 0, sizes)
    shares = panel.scale.share(panel.values)
    edges = []
    for row, weights in enumerate(sizes):
        order = np.argsort(-weights, kind="stable")
        before = np.cumsum(weights[order]) - weights[order]
        for column in order[(weights[order] > 0) & (before < mass * weights.sum() * (1 - 1e-9))]:
            value = float(panel.values[row, column])
            edges.append(Edge(row, int(column), value, float(shares[row, column])))
    return tuple(edges)


def edges_above_even(panel: Panel, mass: float) -> tuple[Edge, ...]:
    """Return those of the strongest edges that hold more than the even share of their row; of changes, all of them.

    How far an edge reaches is counted from the even share: 0 there, 1 at the end of the scale. A row that looks at all
    words alike has no edges.
    """
    edges = edges_by_mass(panel, mass)
    if panel.scale.diverging:
        return edges
    even = panel.even_shares()
    ground = panel.scale.share(np.concatenate([panel.values, even[:, None]], axis=1))[:, -1]
    return tuple(
        replace(edge, share=float((edge.share - ground[edge.row]) / max(1 - ground[edge.row], 1e-9)))
        for edge in edges
        if edge.value > even[edge.row] + _SAME and edge.share > ground[edge.row]
    )


def as_arcs(prepared: Prepared, token: str | None = None) -> Prepared:
    """Leave only the arcs of the word `token`, on a scale of its own; MissingError where there is no such word."""
    if token is None:
        return prepared
    asking, note = _asking(prepared.panels[0].rows, token)
    panels = [
        replace(panel, values=np.where(np.arange(len(panel.rows))[:, None] == asking, panel.values, 0))
        for panel in prepared.panels
    ]
    scales = {
        scale: _scale_of_bars(scale, [panel.values for panel in panels if panel.scale == scale])
        for scale in dict.fromkeys(panel.scale for panel in panels)
    }
    return replace(
        prepared,
        panels=tuple(replace(panel, scale=scales[panel.scale]) for panel in panels),
        what=message("what “{token}” looks at", token=prepared.panels[0].rows[asking]),
        notes=prepared.notes if note is None else (*prepared.notes, note),
    )


def as_shaded(prepared: Prepared, token: str | None = None) -> Prepared:
    """Return the form of a shaded text: as it is where its panels have words, else one of its columns' labels."""
    if all(panel.words for panel in prepared.panels):
        return prepared
    bars = as_bars(prepared, token)
    return replace(bars, panels=tuple(replace(panel, words=_label_words(panel)) for panel in bars.panels))


def _label_words(panel: Panel) -> tuple[ShadedWord, ...]:
    words, places = [], panel.places()[0]
    for j, label in enumerate(panel.columns):
        wide = j > 0 and panel.columns[j - 1][-1:] > "\u2e80" and label[:1] > "\u2e80"
        forbidden = panel.forbidden is not None and bool(panel.forbidden[0, j])
        value, place = (None, None) if forbidden else (float(panel.values[0, j]), float(places[j]))
        words.append(ShadedWord(label, "" if wide or not j else " ", value, place))
    return tuple(words)


def as_bars(prepared: Prepared, token: str | None = None) -> Prepared:
    """Turn each panel into one row: what the word `token` gives each word, or what each receives from all that look.

    What is received is the column's sum divided by the number of rows that may look anywhere, so all together have 1.
    Raises MissingError where there is no such token.
    """
    asking, note = (None, None) if token is None else _asking(prepared.panels[0].rows, token)
    rows = [_bars(panel, asking) for panel in prepared.panels]
    scales = {
        scale: _scale_of_bars(scale, [bars.values for bars in rows if bars.scale == scale])
        for scale in dict.fromkeys(panel.scale for panel in prepared.panels)
    }
    if asking is None:
        heading = message("how much each word receives, the mean over all that look")
    else:
        heading = message("how much “{token}” looks at each word", token=prepared.panels[0].rows[asking])
    return replace(
        prepared,
        what=heading,
        panels=tuple(replace(bars, scale=scales[bars.scale]) for bars in rows),
        heading=heading,
        notes=prepared.notes if note is None else (*prepared.notes, note),
    )


def _scale_of_bars(scale: Scale, values: list[NDArray[np.floating]]) -> Scale:
    """Return the scale of these bars, of the kind and the spread that the matrices' scale has."""
    make = signed_scale if scale.diverging else weight_scale
    return spread_scale(make(np.concatenate([each.ravel() for each in values])), scale.spread, values)


def as_kind(prepared: Prepared, style: Style) -> Prepared:
    """Return what a picture of this kind draws: the form itself, its bars, the arcs of one word, or shaded words."""
    makers = {"bars": as_bars, "arcs": as_arcs, "text": as_shaded}
    return makers[style.kind](prepared, style.token) if style.kind in makers else prepared


def kind_drawn(prepared: Prepared, style: Style) -> str:
    """Return the kind that the style stands for, with this form: auto is a map of patches, or else a heatmap.

    Raises OptionError for patches where the form is no map of a picture, and for a token that changes nothing.
    """
    if style.kind == PATCHES and prepared.ground is None:
        raise no_patches("--kind")
    if style.kind != AUTO:
        return style.kind
    if prepared.ground is None and style.token is not None:
        raise needless_token()
    return "heatmap" if prepared.ground is None else PATCHES


def describe_picture(prepared: Prepared, style: Style) -> Message:
    """Return one sentence that describes the picture which the style makes of the form."""
    return sentence(as_kind(prepared, style), kind_drawn(prepared, style))


def _asking(rows: tuple[str, ...], token: str) -> tuple[int, Message | None]:
    return find_token(tuple(map(Token, rows)), visible(token, "picture"))


def _bars(panel: Panel, asking: int | None) -> Panel:
    allowed = np.ones(panel.values.shape, dtype=bool) if panel.forbidden is None else ~panel.forbidden
    if asking is None:
        looking = max(int(allowed.any(axis=1).sum()), 1)
        values = np.where(allowed, panel.values, 0).sum(axis=0, dtype=np.float64) / looking
        forbidden = ~np.asarray(allowed.any(axis=0))
    else:
        values = np.where(allowed[asking], panel.values[asking], 0).astype(np.float64)
        forbidden = ~np.asarray(allowed[asking])
    label = "" if asking is None else panel.rows[asking]
    return replace(panel, values=values[None], rows=(label,), forbidden=forbidden[None] if forbidden.any() else None)


def sentence(prepared: Prepared, kind: str = "heatmap") -> Message:
    """Describe the picture in one sentence: what it is, its size, who looks most at whom, the ends of the scale."""
    if kind == PATCHES:
        return _of_patches(prepared)
    panel, row, column = _largest(prepared.panels)
    what = _what(prepared, kind)
    mean = next((part for part in prepared.caption if is_mean_of_layers(part)), None)
    fields = {
        "what": what if mean is None else message("{what}, {mean}", what=what, mean=mean),
        "query": panel.rows[row],
        "key": panel.columns[column],
        "value": number(float(panel.values[row, column]), prepared.digits, plus=panel.plus),
        "low": number(panel.scale.low, prepared.digits),
        "high": number(panel.scale.high, prepared.digits),
        "where": panel.title,
    }
    if panel.plus:
        return message(
            "{what}; what changes most is how “{query}” looks at “{key}”: {value}; from {low} to {high}.", **fields
        )
    if kind in ("bars", "text") and not panel.rows[row]:
        return message("{what}; “{key}” receives most, {value}; from {low} to {high}.", **fields)
    if len(prepared.panels) > 1 and panel.title is not None:
        return message("{what}; “{query}” looks most at “{key}”, {value} ({where}); from {low} to {high}.", **fields)
    return message("{what}; “{query}” looks most at “{key}”, {value}; from {low} to {high}.", **fields)


def _of_patches(prepared: Prepared) -> Message:
    """Describe maps over a picture: which patch has most, and the ends of the scale."""
    panel = max(prepared.panels, key=lambda one: float(one.values.max(initial=0)))
    row, column = np.unravel_index(int(panel.values.argmax()), panel.values.shape)
    rows, columns = panel.values.shape
    fields = {
        "picture": None if prepared.ground is None else visible(prepared.ground.name),
        "what": prepared.what,
        "patch": f"r{row}c{column}",
        "value": number(float(panel.values[row, column]), prepared.digits),
        "low": number(panel.scale.low, prepared.digits),
        "high": number(panel.scale.high, prepared.digits),
        "where": panel.title,
        "count": len(prepared.panels),
        "rows": rows,
        "columns": columns,
    }
    if len(prepared.panels) > 1:
        return message(
            "{count} maps of {rows} x {columns} patches over {picture}: {what}; most has “{patch}”, {value} ({where}); "
            "from {low} to {high}.",
            **fields,
        )
    return message(
        "A map of {rows} x {columns} patches over {picture}: {what}; most has “{patch}”, {value}; from {low} to "
        "{high}.",
        **fields,
    )


def _largest(panels: tuple[Panel, ...]) -> tuple[Panel, int, int]:
    """Return the panel, row and column that stand out most: the largest change, else the largest weight.

    A word that looks mostly at itself says little: of weights the largest of those that are the most of their row and
    not on the word itself, where there is one.
    """
    changes = [panel for panel in panels if panel.plus]
    sizes = [np.abs(panel.values) * (1 if panel.forbidden is None else ~panel.forbidden) for panel in changes or panels]
    if not changes:
        telling = [_telling(panel, size) for panel, size in zip(panels, sizes, strict=True)]
        sizes = telling if any(each.any() for each in telling) else sizes
    best = max(range(len(sizes)), key=lambda i: float(sizes[i].max()))
    row, column = np.unravel_index(int(sizes[best].argmax()), sizes[best].shape)
    return (changes or panels)[best], int(row), int(column)


def _telling(panel: Panel, sizes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the sizes of the cells that are the largest of their row and not a word at itself; 0 elsewhere."""
    most = sizes == sizes.max(axis=1, keepdims=True)
    if not panel.cross and panel.rows == panel.columns:
        most &= ~np.eye(len(panel.rows), dtype=bool)
    return np.where(most, sizes, 0)


def _what(prepared: Prepared, kind: str) -> Message:
    rows, columns = prepared.panels[0].values.shape
    fields = {"count": len(prepared.panels), "rows": rows, "columns": columns}
    if prepared.kind == "comparison":
        first, second = prepared.panels[0].title, prepared.panels[1].title
        return message("{count} pictures of {first}, {second} and what changes", **fields, first=first, second=second)
    if kind == "bars" and len(prepared.panels) == 1:
        return message("Bars of {columns} words", **fields)
    if kind == "bars":
        return message("{count} sets of bars of {columns} words", **fields)
    if kind == "text" and len(prepared.panels) == 1:
        return message("A text of {columns} words, shaded", **fields)
    if kind == "text":
        return message("{count} times a text of {columns} words, shaded", **fields)
    if kind == "arcs" and len(prepared.panels) == 1:
        return message("Arcs from {rows} words to {columns}", **fields)
    if kind == "arcs":
        return message("{count} sets of arcs from {rows} words to {columns}", **fields)
    if len(prepared.panels) == 1:
        return message("A heatmap of {rows} x {columns} words", **fields)
    return message("{count} heatmaps of {rows} x {columns} words", **fields)
