"""Which layers and heads are shown, and what a head is called."""

from __future__ import annotations

from attnviz.core.attention_data import Attention
from attnviz.core.errors import unknown_choice
from attnviz.i18n.messages import Message, message, toy_name

MOST_HEADS = 4


def choose_heads(attention: Attention, head: str | None = None, layer: str | None = None) -> Attention:
    """Select layers and heads: by default the last layer, and all of up to 4 heads, else their mean.

    head: a number, a name, mean or all. layer: a number or all.
    """
    chosen = attention.select(layer=_layer(attention, layer))
    if head is None:
        return chosen if len(chosen.heads) <= MOST_HEADS else chosen.mean()
    if head == "all":
        return chosen
    return chosen.mean() if head == "mean" else chosen.select(head=head)


def _layer(attention: Attention, layer: str | None) -> int | str | None:
    if layer == "all":
        return None
    if layer is None:
        return attention.layers[-1]
    if not layer.lstrip("-").isdecimal():
        raise unknown_choice("--layer", layer, (*map(str, attention.layers), "all"))
    return int(layer)


def head_title(attention: Attention, layer: int | str, head: int | str) -> Message | None:
    """Return a head's title with its original number and name; None where there is one head and one layer."""
    several_layers = attention.layers != (0,) or attention.provenance.layers != 1
    if len(attention.heads) == 1 and head == 0 and attention.provenance.heads <= 1:
        return message("layer {layer}", layer=layer) if several_layers else None
    return message("layer {layer}, {title}", layer=layer, title=head_name(head)) if several_layers else head_name(head)


def head_name(head: int | str) -> Message:
    """Return a head's name: by its number, or by its own name."""
    if head == "mean":
        return message("mean of the heads")
    return message("head: {name}", name=toy_name(head)) if isinstance(head, str) else message("head {head}", head=head)
