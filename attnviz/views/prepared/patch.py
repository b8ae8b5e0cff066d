"""What activation patching looks like: how much each head, or each layer and position, brings back."""

from __future__ import annotations

import numpy as np

from attnviz.analysis.patch import Patching
from attnviz.i18n.messages import Message, message
from attnviz.text.merge_pieces import number_pieces
from attnviz.views.prepared.caption import describe_provenance, in_brief
from attnviz.views.prepared.color_scale import signed_scale
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.labels import Medium, named, quoted
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import LAYER_AND_HEAD, LAYER_AND_TOKEN, Panel, Prepared, number, subject_of_tokens
from attnviz.views.prepared.presentation import TERMINAL, Presentation

MOST_PARTS = 5
_DIGITS = 2
_ENDS = message("0 brings nothing back, 1 all of the difference")


def prepare_patching(result: Patching, presentation: Presentation = TERMINAL, *, brief: bool = False) -> Prepared:
    """Return one panel, layers down, heads or tokens across; at a token that differs stands what it is put in for.

    brief: with a first caption of one line.
    """
    missing = np.isnan(result.recovered)
    values = np.where(missing, 0, result.recovered)
    layers, parts = values.shape
    medium = presentation.medium
    by_head = result.by == "head"
    panel = Panel(
        title=None,
        values=values,
        rows=tuple(map(str, range(layers))),
        columns=tuple(map(str, range(parts))) if by_head else tuple(_place(result, i, medium) for i in range(parts)),
        scale=signed_scale(values),
        forbidden=missing if missing.any() else None,
        plus=True,
    )
    answer = quoted(result.answer.text, medium)
    if by_head:
        what = message("how much of “{answer}” each head of the clean text brings back", answer=answer)
        heading = message("{what}   layer ↓   head →", what=what)
    else:
        what = message("how much of “{answer}” each token of the clean text brings back", answer=answer)
        heading = message("{what}   layer ↓   token →", what=what)
    shown = () if by_head else (*result.clean_tokens, *result.tokens)
    cut = describe_cut_characters(shown, (result.answer.text,))
    return Prepared(
        "patching",
        (panel,),
        heading,
        in_brief((_ENDS, *cut), result.provenance)
        if brief
        else (*describe_provenance(result.provenance), *_measure(result, medium), _ENDS, *cut),
        digits=presentation.digits_or(_DIGITS),
        subject=subject_of_tokens(result.clean_tokens, result.tokens),
        what=what,
        sides=LAYER_AND_HEAD if by_head else LAYER_AND_TOKEN,
        numbers=message("share that comes back"),
    )


def list_patching(result: Patching, presentation: Presentation = TERMINAL, top: int | None = None) -> Listing:
    """Return the parts that bring back most as a list."""
    digits, ranking = presentation.digits_or(_DIGITS), result.ranking()[: top or MOST_PARTS]
    values = [float(result.recovered[pair]) for pair in ranking]
    largest = max(map(abs, values), default=0.0) or 1.0
    labels = tuple(
        message("head {layer}.{head}", layer=layer, head=place)
        if result.by == "head"
        else message("layer {layer}, {token}", layer=layer, token=_place(result, place, presentation.medium))
        for layer, place in ranking
    )
    column = Column(
        message("brings back"),
        tuple(number(value, digits, plus=True) for value in values),
        tuple(max(0.0, value) / largest for value in values),
    )
    return Listing(message("what brings back most"), labels, ((column,),))


def _place(result: Patching, index: int, medium: Medium) -> str:
    """Return a token; where the texts differ, the clean one's before the corrupt one's."""
    sides = (number_pieces(tokens) for tokens in (result.clean_tokens, result.tokens))
    clean, corrupt = (named(tokens[index].text, medium) for tokens in sides)
    return corrupt if clean == corrupt else f"{clean}→{corrupt}"


def _measure(result: Patching, medium: Medium) -> tuple[Message, ...]:
    """Say what is measured, and what it is in the two texts."""
    answer = quoted(result.answer.text, medium)
    fields = {"clean": number(result.clean, 3, plus=True), "corrupt": number(result.corrupt, 3, plus=True)}
    if result.against is None:
        fields = {"clean": number(result.clean, 4), "corrupt": number(result.corrupt, 4)}
        measured = message(
            "probability of “{answer}”: {clean} in the clean text, {corrupt} in the other", answer=answer, **fields
        )
    else:
        measured = message(
            "logit of “{answer}” minus that of “{other}”: {clean} in the clean text, {corrupt} in the other",
            answer=answer,
            other=quoted(result.against.text, medium),
            **fields,
        )
    return (measured,)
