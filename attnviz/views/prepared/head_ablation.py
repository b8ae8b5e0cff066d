"""What the ablation of a model's heads looks like: a cell a head, layers down and heads across, and those on top."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.head_ablation import HeadAblation
from attnviz.i18n.messages import Message, message
from attnviz.text.merge_pieces import number_pieces
from attnviz.views.prepared.caption import describe_provenance, in_brief
from attnviz.views.prepared.color_scale import signed_scale, weight_scale
from attnviz.views.prepared.labels import Medium, quoted, visible
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import LAYER_AND_HEAD, Panel, Prepared, number, subject_of_tokens
from attnviz.views.prepared.presentation import DIGITS, TERMINAL, Presentation

MOST_HEADS = 10  # that a listing names, where no other number is asked for


def prepare_head_ablation(
    ablation: HeadAblation, presentation: Presentation = TERMINAL, *, brief: bool = False
) -> Prepared:
    """Return one panel, layers down and heads across: how far each head's absence moves what is watched.

    Where some heads were chosen, layers and heads of which none was tried are left out. brief: with a first caption of
    one line.
    """
    layers, heads = _shown(ablation)
    effect = ablation.effect[np.ix_(layers, heads)]
    missing = np.isnan(effect)
    values = np.where(missing, 0, effect)
    signed = ablation.answer is not None
    panel = Panel(
        title=None,
        values=values,
        rows=tuple(map(str, layers)),
        columns=tuple(map(str, heads)),
        scale=signed_scale(values) if signed else weight_scale(values),
        forbidden=missing if missing.any() else None,
        plus=signed,
    )
    digits = presentation.digits_or(fitting_digits(values))
    what, notes = _what(ablation, presentation.medium), (ablation.verdict(),)
    heading = message("{what}   layer ↓   head →", what=what)
    return Prepared(
        "heads",
        (panel,),
        heading,
        _caption(ablation, brief=brief),
        notes,
        digits,
        subject=subject_of_tokens(ablation.tokens),
        what=what,
        sides=LAYER_AND_HEAD,
        numbers=message("change"),
        verdicts=1,
    )


def list_head_ablation(
    ablation: HeadAblation, presentation: Presentation = TERMINAL, top: int | None = None
) -> Listing:
    """Return the heads whose absence moves most as a list, with its weight and the length of what it adds beside."""
    ranking = ablation.ranking()[: top or MOST_HEADS]
    effect = ablation.effect
    digits = presentation.digits_or(fitting_digits(np.nan_to_num(effect)))
    signed = ablation.answer is not None
    title = message("probability changes by") if signed else message("changes the output by")
    columns = (
        Column(title, *_cells([float(effect[pair]) for pair in ranking], digits, plus=signed)),
        Column(message("length added"), *_cells([float(ablation.contribution[pair]) for pair in ranking])),
        Column(message("largest weight"), *_cells([float(ablation.weight[pair]) for pair in ranking])),
    )
    labels = tuple(message("head {layer}.{head}", layer=layer, head=head) for layer, head in ranking)
    return Listing(_list_heading(ablation, len(labels)), labels, (columns,) if labels else ())


def _list_heading(ablation: HeadAblation, shown: int) -> Message:
    """Return how many heads are listed, and of how many where that is not all."""
    count = int((~np.isnan(ablation.moved)).sum())
    if shown < count:
        if ablation.chosen is None:
            return message("the {shown} of {count} heads that matter most", shown=shown, count=count)
        return message("the {shown} of the {count} heads tried that matter most", shown=shown, count=count)
    if ablation.chosen is not None:
        return message("1 head tried") if count == 1 else message("{count} heads tried", count=count)
    return message("1 head") if count == 1 else message("{count} heads", count=count)


def _shown(ablation: HeadAblation) -> tuple[list[int], list[int]]:
    """Return the layers and the heads that the map has: all of them, or those of which some were tried."""
    tried = ~np.isnan(ablation.moved)
    if ablation.chosen is None:
        tried = np.ones_like(tried)
    return np.flatnonzero(tried.any(axis=1)).tolist(), np.flatnonzero(tried.any(axis=0)).tolist()


def fitting_digits(values: NDArray[np.floating]) -> int:
    """Return the decimal places by which the largest of these numbers has three digits, from 3 to 9."""
    largest = float(np.abs(values).max(initial=0.0))
    return DIGITS if largest >= 0.1 or largest == 0 else min(9, DIGITS + int(-np.floor(np.log10(largest))) - 1)


def _cells(
    values: list[float], digits: int = DIGITS, *, plus: bool = False
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return numbers as people read them, and how much of a bar up to the largest each is."""
    largest = max(map(abs, values), default=0.0) or 1.0
    return tuple(number(value, digits, plus=plus) for value in values), tuple(abs(value) / largest for value in values)


def _what(ablation: HeadAblation, medium: Medium) -> Message:
    """Say what moves."""
    if ablation.answer is not None:
        return message("change of the probability of “{answer}”", answer=quoted(ablation.answer.text, medium))
    if ablation.row is not None:
        word = visible(number_pieces(ablation.tokens)[ablation.row].text, medium)
        return message("how far the output of “{word}” moves without each head", word=word)
    return message("how far the output moves without each head")


def _caption(ablation: HeadAblation, *, brief: bool) -> tuple[Message, ...]:
    """Return how it was computed, part by part."""
    way = (
        message("each head’s output is zeros in turn")
        if ablation.way == "zero"
        else message("each head’s output is its mean over the text in turn")
    )
    if brief and ablation.way == "zero":
        way = message("each head is switched off in turn")
    if ablation.answer is None or ablation.probability is None:
        measure = (message("change: |o' - o| / |o|, relative to the vector's length"),)
    else:
        measure = (
            message(
                "with all heads “{answer}” has the probability {value}",
                answer=quoted(ablation.answer.text),
                value=number(ablation.probability, fitting_digits(np.array([ablation.probability]))),
            ),
        )
    told = () if brief else describe_provenance(ablation.provenance)
    if ablation.chosen is not None:
        tried, count = ablation.chosen
        told = (*told, message("{tried} of {count} heads tried", tried=tried, count=count))
    if brief:
        return in_brief((*told, way, *(measure if ablation.probability is not None else ())), ablation.provenance)
    return (*told, way, *measure)
