"""Attention sinks in prepared forms: marked, or hidden with the rest re-normalized."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attnviz.analysis.attention_sinks import find_sinks
from attnviz.core.attention_data import Attention, Token
from attnviz.i18n.decimals import LocalDecimal, fixed
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.caption import ROWS_ARE_WHOLE
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.panels import Panel, Prepared

_MARK = "†"


def with_sinks(form: Prepared, attention: Attention, how: str) -> Prepared:
    """Return the form with its sinks kept, marked in the labels, or hidden, and a note on what was found.

    Hidden keys leave their column out; each row of weights over the rest sums to 1 again, or is 0 where nothing is
    left. Forms that have no words as columns stay as they are.
    """
    if how == "keep" or form.kind not in ("weights", "scores"):
        return form
    found = find_sinks(attention)
    if not found:
        return replace(form, notes=(*form.notes, message("No token is a sink: nothing was changed.")))
    if how == "mark":
        panels = tuple(_marked(panel, found, attention.is_cross) for panel in form.panels)
    else:
        panels = _hidden(form, found)
        form = replace(form, caption=tuple(_left(part, panels) for part in form.caption))
    notes = tuple(_note(attention.key[key], given, how, form.kind) for key, given in found.items())
    return replace(form, panels=panels, notes=(*form.notes, *notes))


def _left(part: Message, panels: tuple[Panel, ...]) -> Message:
    """Return what a caption says of rows, where the sinks had all that some of them gave."""
    if part != ROWS_ARE_WHOLE or all(panel.values.any(axis=-1).all() for panel in panels):
        return part
    return message("each row is one word's attention and sums to 1, except for words that looked at nothing else")


def _marked(panel: Panel, found: dict[int, float], is_cross: bool) -> Panel:
    columns = tuple(label + _MARK * (key in found) for key, label in enumerate(panel.columns))
    return replace(panel, columns=columns, rows=panel.rows if is_cross else columns[: len(panel.rows)])


def _hidden(form: Prepared, found: dict[int, float]) -> tuple[Panel, ...]:
    kept = [key for key in range(len(form.panels[0].columns)) if key not in found]
    if not kept:
        return form.panels
    panels = [_without(panel, kept, form.kind == "weights") for panel in form.panels]
    if form.kind != "weights":
        return tuple(panels)
    scale = weight_scale(np.stack([panel.values for panel in panels]))
    return tuple(replace(panel, scale=scale) for panel in panels)


def _without(panel: Panel, kept: list[int], renormalize: bool) -> Panel:
    values = panel.values[:, kept]
    if renormalize:
        total = values.sum(axis=-1, keepdims=True)
        values = values / np.where(total > 0, total, 1)
    return replace(
        panel,
        values=values,
        columns=tuple(panel.columns[key] for key in kept),
        forbidden=None if panel.forbidden is None else panel.forbidden[:, kept],
        numbers=tuple(kept),
    )


def _note(token: Token, given: float, how: str, kind: str) -> Message:
    fields = {"token": visible(token.text), "share": LocalDecimal(fixed(given, 2))}
    if how == "mark":
        return message("† “{token}” is a sink: the other words give it {share} on average.", **fields)
    if kind != "weights":
        return message("“{token}” is a sink and hidden: the other words give it {share} on average.", **fields)
    return message(
        "“{token}” is a sink and hidden: the other words give it {share} on average. Each row of the rest "
        "was re-normalized to sum to 1.",
        **fields,
    )
