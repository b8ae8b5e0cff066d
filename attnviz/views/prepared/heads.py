"""Which layers and heads are shown, and what a head is called."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, message, toy_name

MOST_HEADS = 4


def choose_heads(
    attention: Attention, head: str | None = None, layer: str | None = None, *, special: bool = False
) -> Attention:
    """Select layers and heads: by default the last layer, and all of up to 4 heads, else their mean.

    Of a model of which no layer and head is named, that has more heads, the least even head is shown, and without the
    tokens that stand for no text, which would take most of every row; rows sum to 1 again.

    Of passages, of which no layer and head is named, the mean of all layers and heads is shown, as their shares are.

    head: a number, a name, several as `0,2-4`, mean or all. layer: the same, without names. special: whether tokens
    that stand for no text stay.
    """
    if attention.provenance.passages and attention.provenance.reduced is None:
        return attention.select(layer=layer or "mean", head=head or "mean")
    chosen = attention.select(layer=attention.layers[-1] if layer is None else layer, head=head)
    if chosen.provenance.reduced is not None:
        return chosen  # a mean of reductions says nothing
    if head is not None or len(chosen.heads) <= MOST_HEADS:
        return chosen
    if layer is not None or attention.provenance.model is None or "mean" in chosen.layers:
        return chosen.mean()
    return _least_even_head(chosen, special=special)


def _least_even_head(attention: Attention, *, special: bool) -> Attention:
    """Return the head of one layer that says most: what its rows give to words lies farthest below an even row.

    Neither tokens that stand for no text nor sinks count: a head that gives all to one of them says nothing of words.
    """
    from attnviz.analysis.entropy import least_even
    from attnviz.text.merge_pieces import hide_special

    words = attention
    with suppress(InputError):  # nothing but special tokens
        words = hide_special(attention, renormalize=True)
    head = attention.heads[least_even(_bits_of_words(words))]
    shown = (attention if special or attention.provenance.hidden is not None else words).select(head=head)
    return replace(shown, provenance=replace(shown.provenance, least_even=True))


def _bits_of_words(attention: Attention) -> NDArray[np.float64]:
    """Return how many bits the rows of each head lie below even ones, [heads], the mean over the rows that look.

    Sinks are left out; a row counts by the weight that it gives to the rest.
    """
    from attnviz.analysis.attention_sinks import find_sinks
    from attnviz.analysis.entropy import unevenness

    weights = attention.weights[0].astype(np.float64)
    allowed = np.ones(weights.shape, dtype=bool)
    if attention.masks is not None:
        allowed &= attention.masks[0]
    allowed[..., list(find_sinks(attention))] = False
    weights = np.where(allowed, weights, 0)
    given = weights.sum(axis=-1)
    bits = unevenness(weights / np.where(given > 0, given, 1)[..., None], allowed)
    looking = allowed.any(axis=-1)
    total = (given * np.where(looking, bits, 0)).sum(axis=-1)
    found: NDArray[np.float64] = total / np.maximum(looking.sum(axis=-1), 1)
    return found


def head_title(attention: Attention, layer: int | str, head: int | str) -> Message | None:
    """Return a head's title with its original number and name; None where there is one head and one layer."""
    several_layers = attention.layers != (0,) or attention.provenance.layers != 1
    if len(attention.heads) == 1 and head == 0 and attention.provenance.heads <= 1:
        return layer_name(layer) if several_layers else None
    if layer == "mean":
        return message("{layer}, {title}", layer=layer_name(layer), title=head_name(head))
    return message("layer {layer}, {title}", layer=layer, title=head_name(head)) if several_layers else head_name(head)


def layer_name(layer: int | str) -> Message:
    """Return a layer's name: by its number, or that it is the mean of several."""
    return message("mean of the layers") if layer == "mean" else message("layer {layer}", layer=layer)


def without_the_word(titles: tuple[Message, ...]) -> tuple[Message | None, tuple[Message, ...]]:
    """Return what numbered layers or heads have in common, and what is left of each: "head" once, then the numbers.

    Titles that are no layers or heads alone stay whole, with None.
    """
    for name, templates in ((message("layer"), ("layer {layer}",)), (message("head"), ("head {head}", "head: {name}"))):
        if titles and all(title.template in templates for title in titles):
            rest = (next(iter(title.fields.values())) for title in titles)
            return name, tuple(message("{name}", name=one) for one in rest)
    return None, titles


def head_name(head: int | str) -> Message:
    """Return a head's name: by its number, or by its own name; of a reduced map its name."""
    if not isinstance(head, str):
        return message("head {head}", head=head)
    from attnviz.views.prepared.reduction_words import reduction_name

    return reduction_name(head) or message("head: {name}", name=toy_name(head))
