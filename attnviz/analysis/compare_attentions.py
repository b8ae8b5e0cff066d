"""Two attentions that are already there, side by side: another order, another layer of settings, or another model.

Nothing is computed, so nothing is known of positions and masks, and nothing is said of them.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

from attnviz.analysis.comparison import GIVEN, Comparison, Difference, Name, compare_pairs
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, OptionError
from attnviz.core.provenance import GivenOrigin, Provenance
from attnviz.i18n.messages import Message, listed, message, toy_name
from attnviz.text.rebuild_source import rebuild_source


def compare_attentions(
    a: Attention,
    b: Attention,
    *,
    layer: int | str | None = None,
    head: str | None = None,
    names: tuple[Name, Name] | None = None,
) -> Comparison:
    """Compare two attentions token by token, in a's order: one run, of one layer.

    layer: of both, counted from 0, or "mean"; the last of each, if None, which must be the same unless one has no
    other. head: a number or a name, or several, to compare these alone; else all, of which the mean is shown; where the
    two have other heads, nothing but their means.
    names: what the two are called; their texts, if None, or the first and the second where these are the same.
    Raises InputError where the two do not fit together, MissingError for a layer or a head that is not in both.
    """
    check_one_layer(layer)
    _check_keys(a, b)
    a, b = rebuild_source(a), rebuild_source(b)
    a, b, notes = _one_layer(a, b, layer)
    a, b, of_heads = _same_heads(a, b, head)
    compared = compare_pairs([(a, b)], notes=(*notes, *of_heads))
    if names is None and compared.text_a == compared.text_b:
        names = (message("the first"), message("the second"))
    (run,) = compared.runs
    provenance, differing = _provenance(a.provenance, b.provenance)
    return replace(
        compared,
        runs=(replace(run, position=GIVEN, mask=GIVEN),),
        provenance=provenance,
        hidden_b=None,
        differing=differing,
        names=names,
    )


def check_one_layer(layer: int | str | None) -> None:
    """Raise OptionError for anything but the number of one layer, mean, or None."""
    whole = isinstance(layer, Integral) and not isinstance(layer, bool)
    if layer is not None and not whole and not (isinstance(layer, str) and (layer == "mean" or layer.isdecimal())):
        raise OptionError("compare looks at one layer: a number or mean, not {layer!r}.", layer=layer)


def _check_keys(a: Attention, b: Attention) -> None:
    """Raise InputError for a self-attention and a cross-attention, which cannot be compared."""
    if a.is_cross != b.is_cross:
        raise InputError(
            "One of the two is cross-attention, and the other is not: they cannot be compared.",
            hint="Compare two with self-attention, or two with cross-attention.",
        )


def _one_layer(a: Attention, b: Attention, layer: int | str | None) -> tuple[Attention, Attention, tuple[Message, ...]]:
    """Return both with the chosen layer, or else the last, and notes on it."""
    if layer is not None:
        return a.select(layer=layer), b.select(layer=layer), ()
    first, second = a.layers[-1], b.layers[-1]
    notes: tuple[Message, ...] = ()
    if first != second and 1 in (len(a.layers), len(b.layers)):
        notes = (message("Layer {first} is compared with layer {second}.", first=first, second=second),)
    elif first != second:
        raise InputError(
            "The last layer is {first} in one and {second} in the other.",
            hint="--layer N (layer=N) chooses one that both have.",
            first=first,
            second=second,
        )
    return a.select(layer=first), b.select(layer=second), notes


def _same_heads(a: Attention, b: Attention, head: str | None) -> tuple[Attention, Attention, tuple[Message, ...]]:
    """Return both with the head asked for, else as they are; where their heads differ, their means with notes."""
    if head not in (None, "mean", "all"):
        return a.select(head=head), b.select(head=head), ()
    if a.heads == b.heads:
        return a, b, ()
    if head == "all":
        raise InputError(
            "One has the heads {first}, the other {second}: they cannot be compared one by one.",
            hint="Without --head all their means are compared.",
            first=listed(map(toy_name, a.heads)),
            second=listed(map(toy_name, b.heads)),
        )
    return a.mean(), b.mean(), _which_heads(a, b)


def _which_heads(a: Attention, b: Attention) -> tuple[Message, ...]:
    """Return the note on heads of different names, or on means of different numbers of heads."""
    if len(a.heads) == len(b.heads) == 1:
        return (
            message(
                "Head {first} is compared with head {second}.", first=toy_name(a.heads[0]), second=toy_name(b.heads[0])
            ),
        )
    return (
        message(
            "The mean of {first} heads is compared with the mean of {second}.", first=len(a.heads), second=len(b.heads)
        ),
    )


def _provenance(a: Provenance, b: Provenance) -> tuple[Provenance, tuple[Difference, ...] | None]:
    """Return how both were computed, where that is the same; else that they were given, and in what they differ."""
    if a == b:
        return a, None
    sizes = (a.layers, a.heads) if (a.layers, a.heads) == (b.layers, b.heads) else (None, None)
    first, second = a.to_settings(), b.to_settings()
    differing = tuple(
        Difference(name, one, other)
        for name, one in first.items()
        if isinstance(one, str | int | float)
        and isinstance(other := second.get(name), str | int | float)
        and one != other
    )
    return Provenance(
        GivenOrigin(*sizes),
        normalized=a.normalized or b.normalized,
        partial=a.partial or b.partial,
        mean_layers=a.mean_layers if a.mean_layers == b.mean_layers else (),
    ), differing
