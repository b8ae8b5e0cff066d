"""What an ablation looks like: a row for each word or head, its weight beside how far the result moves without it."""

from __future__ import annotations

from attnviz.analysis.ablation import Ablation
from attnviz.i18n.decimals import with_sign
from attnviz.i18n.messages import Message, listed, message, toy_name
from attnviz.views.prepared.attention import UNKNOWN
from attnviz.views.prepared.caption import can_be_brief, describe_provenance, in_brief
from attnviz.views.prepared.charts import BarChart, Charts
from attnviz.views.prepared.heads import head_name
from attnviz.views.prepared.labels import Medium, visible, with_occurrence
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import FORBIDDEN, number
from attnviz.views.prepared.presentation import DIGITS, PICTURE, TERMINAL, Presentation

_WAYS = {
    "word": message("removed: the words around it close up"),
    "mask": message("masked: the word stays, but no word may look at it"),
    "head": message("head removed: its part of the vector is zeros"),
}


def prepare_ablation(ablation: Ablation, presentation: Presentation = TERMINAL, *, brief: bool = False) -> Listing:
    """Return the removals as a list with bars, each column's bars up to its own largest number.

    brief: with a caption of one line, where the toy computed it with its settings as they are by default.
    """
    digits = presentation.digits_or(DIGITS)
    weights, moves = _weights(ablation), [removal.moved for removal in ablation.removals]
    columns = (
        Column(_weight_title(ablation), _texts(ablation, digits)[0], _bars(weights)),
        *(
            Column(head_name(head), tuple(each), _bars(values))
            for head, values, each in _weights_by_head(ablation, digits)
        ),
        Column(message("changes the output by"), _texts(ablation, digits)[1], _bars(moves)),
    )
    labels = _labels(ablation, presentation.medium)
    return Listing(
        _heading(ablation, presentation.medium),
        labels,
        (columns,) if labels else (),
        _brief_caption(ablation) if brief and can_be_brief(ablation.provenance) else _caption(ablation, digits),
        _notes(ablation),
        verdicts=1,
    )


def draw_ablation(ablation: Ablation, presentation: Presentation = PICTURE) -> Charts:
    """Return the removals as two charts of bars beside each other."""
    digits = presentation.digits_or(DIGITS)
    weights, moves = _texts(ablation, digits)
    labels = tuple(
        label if isinstance(label, str) else label.localized() for label in _labels(ablation, presentation.medium)
    )
    charts = (
        BarChart(_weight_title(ablation), labels, tuple(_weights(ablation)), weights),
        *(
            BarChart(head_name(head), labels, tuple(values), tuple(each))
            for head, values, each in _weights_by_head(ablation, digits)
        ),
        BarChart(message("changes the output by"), labels, tuple(one.moved for one in ablation.removals), moves),
    )
    return Charts(_heading(ablation, presentation.medium), charts, _caption(ablation, digits), _notes(ablation))


def _heading(ablation: Ablation, medium: Medium) -> Message:
    token = with_occurrence(visible(ablation.token.text, medium), ablation.occurrence)
    if ablation.by == "head":
        return message("how far the new vector of “{token}” changes without each head", token=token)
    return message("how far the new vector of “{token}” changes without each word", token=token)


def _weight_title(ablation: Ablation) -> Message:
    if ablation.heads:
        return message("mean weight")
    return message("largest weight") if ablation.by == "head" else message("weight it had")


def _weights_by_head(ablation: Ablation, digits: int) -> list[tuple[int | str, list[float], list[str]]]:
    """Return each head that is shown with its weights, as numbers and as text; nothing where one is shown."""
    return [
        (
            head,
            [one.by_head[place] if one.allowed else 0.0 for one in ablation.removals],
            [number(one.by_head[place], digits) if one.allowed else FORBIDDEN for one in ablation.removals],
        )
        for place, head in enumerate(ablation.heads)
    ]


def _labels(ablation: Ablation, medium: Medium) -> tuple[str | Message, ...]:
    if ablation.by != "head":
        return tuple(
            with_occurrence(visible(str(removal.name), medium), removal.occurrence)
            + (UNKNOWN if removal.unknown else "")
            for removal in ablation.removals
        )
    return tuple(_short_name(removal.name) for removal in ablation.removals)


def _weights(ablation: Ablation) -> list[float]:
    return [removal.weight if removal.allowed else 0.0 for removal in ablation.removals]


def _bars(values: list[float]) -> tuple[float, ...]:
    largest = max(values, default=0.0) or 1.0
    return tuple(value / largest for value in values)


def _texts(ablation: Ablation, digits: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    weights = (number(one.weight, digits) if one.allowed else FORBIDDEN for one in ablation.removals)
    return tuple(weights), tuple(number(one.moved, digits) for one in ablation.removals)


def _brief_caption(ablation: Ablation) -> tuple[Message, ...]:
    return in_brief((_WAYS[ablation.by],), ablation.provenance)


def _caption(ablation: Ablation, digits: int) -> tuple[Message, ...]:
    shown = (ablation.head,) if ablation.provenance.heads > 1 and ablation.by != "head" else ()
    parts = [_WAYS[ablation.by], message("change: |o' - o| / |o|, relative to the vector's length")]
    if ablation.own is not None and ablation.by != "head":
        parts.append(message("its weight on itself: {weight}", weight=number(ablation.own, digits)))
    if ablation.length == 0:
        parts.append(message("the vector is zeros: distances are absolute"))
    return (*parts, *describe_provenance(ablation.provenance, shown))


def _notes(ablation: Ablation) -> tuple[Message, ...]:
    if ablation.differs:
        told = message("This is one layer, not a trained model: it shows how weight and importance can differ.")
    else:
        told = message("This is one layer, not a trained model, and says nothing about one.")
    citation = message(
        "Weights need not rank words by importance (Jain and Wallace 2019), yet they carry information "
        "(Wiegreffe and Pinter 2019). {told}",
        told=told,
    )
    return ablation.verdict(), *_correlations(ablation), citation


def _short_name(head: int | str) -> Message:
    return message("{name}", name=toy_name(head)) if isinstance(head, str) else head_name(head)


def _correlations(ablation: Ablation) -> tuple[Message, ...]:
    """Say how each head's own weights fit the changes, where several heads are shown."""
    told = [
        message("{head} {value}", head=_short_name(head), value=with_sign(value, 2))
        for head, value in zip(ablation.heads, ablation.correlations, strict=True)
        if value is not None
    ]
    return (message("By the weights of each head: {correlations}.", correlations=listed(told)),) if told else ()
