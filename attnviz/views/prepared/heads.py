"""Which layers and heads are shown, and what a head is called."""

from __future__ import annotations

from attnviz.core.attention_data import Attention
from attnviz.i18n.messages import Message, message, toy_name

MOST_HEADS = 4


def choose_heads(attention: Attention, head: str | None = None, layer: str | None = None) -> Attention:
    """Select layers and heads: by default the last layer, and all of up to 4 heads, else their mean.

    head: a number, a name, several as `0,2-4`, mean or all. layer: the same, without names.
    """
    chosen = attention.select(layer=attention.layers[-1] if layer is None else layer, head=head)
    if chosen.provenance.reduced is not None:
        return chosen  # a mean of reductions says nothing
    return chosen if head is not None or len(chosen.heads) <= MOST_HEADS else chosen.mean()


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
