"""What reduced maps are called, what they say in plain words, and where several of them disagree."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from attnviz.core.attention_data import Attention
from attnviz.core.provenance import Provenance
from attnviz.i18n.decimals import LocalDecimal, fixed
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.panels import Panel, Prepared

_COLLAPSED = 0.9  # of every row, from which a map through the layers says little

_NAMES = {
    "mean": message("mean of the heads"),
    "max": message("largest of the heads"),
    "rollout": message("rollout"),
    "flow": message("flow"),
    "norm": message("norm"),
    "value-zeroing": message("value zeroing"),
}
_WHAT = {
    "max": message("the largest weights of the heads"),
    "rollout": message("attention rollout through the layers"),
    "flow": message("attention flow through the layers"),
    "norm": message("lengths of what words add"),
    "value-zeroing": message("value zeroing"),
    "all": message("several ways to reduce heads to one map"),
}
_CAPTIONS = {
    "mean": message("mean: the mean of the heads"),
    "max": message("max: the largest weight of any head, rows divided by their sums"),
    "rollout": message(
        "rollout: how much of each input word comes through the layers, where half of each step stays with the word "
        "itself (Abnar and Zuidema 2020, equation 1)"
    ),
    "flow": message(
        "flow: the most that the layers can carry from each input word, rows divided by their sums (Abnar and Zuidema "
        "2020, section 3)"
    ),
    "norm": message(
        "norm: the length of all that a word adds in the attention block, with the residual and a norm after it, if "
        "any; rows divided by their sums (Kobayashi et al. 2020, equation 3; 2021, section 3.2)"
    ),
    "value-zeroing": message(
        "value zeroing: how far the layer's output turns without a word's value, rows divided by their sums (Mohebbi "
        "et al. 2023)"
    ),
}
_OF_TOY = {
    "rollout": message("rollout: one layer without a residual connection, so it is the mean of the heads"),
    "flow": message("flow: one layer without a residual connection, so it is the mean of the heads"),
    "norm": message(
        "norm: the length of all that a word adds, rows divided by their sums (Kobayashi et al. 2020, equation 3)"
    ),
}


def reduced_words(name: str) -> Message | None:
    """Return what the numbers of reduced maps are; None where they are weights."""
    return _WHAT.get(name)


def reduction_name(name: int | str) -> Message | None:
    """Return the name of a reduced map; None for a head that is none."""
    return _NAMES.get(name) if isinstance(name, str) else None


def reduction_captions(provenance: Provenance, maps: tuple[int | str, ...] = ()) -> tuple[Message, ...]:
    """Return in plain words what the shown maps are, and where they are from; one sentence each."""
    names = [provenance.reduced] if provenance.reduced != "all" else list(maps)
    own = _OF_TOY if provenance.toy is not None else {}
    return tuple(own.get(name) or _CAPTIONS[name] for name in names if isinstance(name, str) and name in _CAPTIONS)


def collapsed_maps(attention: Attention) -> tuple[Message, ...]:
    """Say which maps through the layers have nearly all of every row on one word, and from which shown layer on."""
    names = attention.heads if attention.provenance.reduced == "all" else (attention.provenance.reduced,)
    if attention.provenance.layers == 1:
        return ()
    found = []
    for place, name in enumerate(names):
        if name not in ("rollout", "flow"):
            continue
        first, key, share = len(attention.layers), None, 1.0
        for at in reversed(range(len(attention.layers))):
            word, least = _most_of_every_row(attention, at, place)
            if least <= _COLLAPSED or key not in (None, word):
                break
            first, key, share = at, word, min(share, least)
        if key is None:
            continue
        title = reduction_name(name)
        if first:
            title = message("{map} from layer {layer} on", map=title, layer=attention.layers[first])
        found.append(
            message(
                "{map}: at least {share} of every row is on “{token}”, where heads of many layers rest; the map says "
                "little about the other words.",
                map=title,
                share=LocalDecimal(f"{math.floor(share * 100 + 1e-4) / 100:.2f}"),
                token=attention.key[key].text,
            )
        )
    return tuple(found)


def _most_of_every_row(attention: Attention, layer: int, head: int) -> tuple[int, float]:
    """Return the key of which the row that gives it least gives most, and how much; rows of one key do not count."""
    weights, masks = attention.weights[layer, head], attention.masks
    several = np.ones(weights.shape, dtype=bool) if masks is None else masks[layer, head]
    rows = weights[several.sum(axis=-1) > 1]
    if not len(rows):
        return 0, 0.0
    least = rows.min(axis=0)
    return int(least.argmax()), float(least.max())


def add_disagreement(form: Prepared, attention: Attention) -> Prepared:
    """Return the form with a further panel for each layer: in each cell the largest less the smallest of the maps.

    A note names the pair of words about which the maps differ most.
    """
    if attention.provenance.reduced != "all" or form.kind != "weights" or len(attention.heads) < 2:
        return form
    count = len(attention.heads)
    spread = attention.weights.max(axis=1) - attention.weights.min(axis=1)
    title, short = message("where they disagree: the largest less the smallest"), message("where they disagree")
    panels: list[Panel] = []
    for i, layer in enumerate(spread):
        own = form.panels[i * count : (i + 1) * count]
        last = replace(own[0], title=title, short=short, values=layer, scale=weight_scale(spread), caption=None)
        panels += [*own, replace(last, quantity=message("difference"))]
    note = _strongest(attention, spread)
    headings = None
    if form.headings is not None:
        headings = (form.headings[0], (*form.headings[1], short))
    return replace(form, panels=tuple(panels), notes=(*form.notes, note), headings=headings)


def _strongest(attention: Attention, spread: np.ndarray) -> Message:
    """Return a sentence on the pair of words about which the maps differ most."""
    layer, query, key = np.unravel_index(int(spread.argmax()), spread.shape)
    values = attention.weights[layer, :, query, key]
    low, high = int(values.argmin()), int(values.argmax())
    return message(
        "They disagree most on “{query}” → “{key}”: from {low} ({least}) to {high} ({most}).",
        query=attention.query[query].text,
        key=attention.key[key].text,
        low=LocalDecimal(fixed(values[low], 3)),
        least=reduction_name(attention.heads[low]) or str(attention.heads[low]),
        high=LocalDecimal(fixed(values[high], 3)),
        most=reduction_name(attention.heads[high]) or str(attention.heads[high]),
    )
