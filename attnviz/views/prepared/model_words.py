"""What captions say of a real model: its family and name, the words it does not know, how a pair shares its weight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention
from attnviz.core.masks import mask_words
from attnviz.core.provenance import HeadsSwitchedOff, HiddenTokens, ModelOrigin, Provenance
from attnviz.i18n.decimals import LocalDecimal, fixed
from attnviz.i18n.messages import Message, listed, message
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.panels import number

# What looks at what in an encoder-decoder, which has all three.
_ATTENTIONS = {
    "encoder": message("encoder"),
    "decoder": message("decoder"),
    "cross": message("cross-attention, decoder → encoder"),
}

_MOST_HEADS = 12  # of so many heads that are off each is named
_MOST_ROWS = 12  # of so many rows each is named with its share

PAIR_LEGEND = message(
    "A is the first text and B the second. A→B is how much of its weight a word of A gives to all words of B."
)


def describe_model(
    model: ModelOrigin, layers: tuple[int | str, ...], heads: Message, averaged: tuple[int, ...] = ()
) -> tuple[Message, ...]:
    """Describe a model: family, name, which layer, which heads.

    heads: how many of them are shown, in words. averaged: the layers that the layer "mean" is the mean of.
    """
    from attnviz.models.families.registry import written_name

    family = message("{text}", text=written_name(model.family))
    parts = [family, message("{text}", text=visible(model.name))]
    if layers == ("mean",):
        parts.append(mean_of_layers(averaged, model.layers))
    elif len(layers) == 1:
        parts.append(message("layer {layer}", layer=layers[0]))
    elif layers:
        parts.append(_count_layers(len(layers), model.layers))
    if model.attention in _ATTENTIONS:
        parts.append(_ATTENTIONS[model.attention])
    parts.append(heads)
    if model.mask == "causal":
        parts.append(mask_words("causal"))
    if model.window is not None:
        window, stride = model.window.size, model.window.stride
        parts.append(message("windows of {window}, {stride} apart", window=window, stride=stride))
    if model.switched_off is not None:
        parts.append(switched_off_words(model.switched_off, model.heads))
    return tuple(parts)


def switched_off_words(off: HeadsSwitchedOff, heads_each: int) -> Message:
    """Say which heads were switched off, or how many where they are many, and what they gave.

    heads_each: the heads that a layer has; a layer without any is named as 3.*.
    """
    count, mean, named = len(off.heads), off.way == "mean", _by_layer(off.heads, heads_each)
    if len(named) > _MOST_HEADS:
        if mean:
            return message("{count} heads switched off (mean)", count=count)
        return message("{count} heads switched off (zero)", count=count)
    heads = listed(named)
    if mean:
        return (
            message("without head {heads} (its mean)", heads=heads)
            if count == 1
            else message("without the heads {heads} (their mean)", heads=heads)
        )
    return (
        message("without head {heads} (zero)", heads=heads)
        if count == 1
        else message("without the heads {heads} (zero)", heads=heads)
    )


def _by_layer(heads: Sequence[tuple[int, int]], heads_each: int) -> list[str]:
    """Return heads as 3.1, and those of a layer that has no other as 3.*, in order."""
    layers = [layer for layer, _ in heads]
    whole = {layer for layer in layers if layers.count(layer) == heads_each > 1}
    return list(dict.fromkeys(f"{layer}.*" if layer in whole else f"{layer}.{head}" for layer, head in heads))


def mean_of_layers(averaged: tuple[int, ...], count: int) -> Message:
    """Say which layers a mean is of: all `count`, or some."""
    if len(averaged) == count:
        return message("mean of {count} layers", count=count)
    return message("mean of the layers {layers}", layers=listed(averaged))


def is_mean_of_layers(part: Message) -> bool:
    """Return whether this part of a caption says that layers were averaged."""
    return part.template in ("mean of {count} layers", "mean of the layers {layers}")


def _count_layers(shown: int, count: int) -> Message:
    """Return how many of the model's layers are shown, in words."""
    if shown == count:
        return message("{shown} layers", shown=shown)
    return message("{shown} of {count} layers", shown=shown, count=count)


def shown_heads(attention: Attention) -> tuple[int | str, ...]:
    """Return the heads that are shown, or that a mean is of."""
    return attention.provenance.mean_heads if attention.heads == ("mean",) else attention.heads


def hidden_share(hidden: HiddenTokens, layers: tuple[int | str, ...], heads: tuple[int | str, ...]) -> str:
    """Return the mean share of weight that these layers and heads gave to the tokens that are not shown, as text."""
    return number(_mean_share(hidden, layers, heads), 2)


def _mean_share(hidden: HiddenTokens, layers: tuple[int | str, ...], heads: tuple[int | str, ...]) -> float:
    shares = [hidden.share_of(layer) for layer in layers]
    if heads and all(isinstance(head, int) for head in heads):
        shares = [tuple(share[int(head)] for head in heads) for share in shares]
    return float(np.mean(shares))


def hidden_words(attention: Attention) -> tuple[Message, ...]:
    """Say what is not shown, and how much of the weight went there; nothing where all is shown."""
    found = []
    hidden = attention.provenance.hidden
    if hidden is not None:
        share = hidden_share(hidden, attention.layers, shown_heads(attention))
        pieces = listed(hidden.pieces)
        found.append(message("{share} of the weight, not shown, went to {pieces}", share=share, pieces=pieces))
    if attention.provenance.partial:
        found.append(missing_words(attention))
    return tuple(found)


def missing_words(attention: Attention) -> Message:
    """Say how much of the weight went to keys that are not there, in all and by row."""
    missing = 1 - attention.weights.sum(axis=-1, dtype=np.float64)
    hidden = attention.provenance.hidden
    if hidden is not None:
        missing = np.full_like(missing, missing.mean() - _mean_share(hidden, attention.layers, shown_heads(attention)))
    if attention.masks is not None:
        missing = np.where(attention.masks.any(axis=-1), missing, 0)
    missing = np.clip(missing, 0, 1)
    share, rows = number(float(missing.mean()), 3), missing.mean(axis=(0, 1))
    if hidden is not None:
        return message("{share} of the weight, not shown, went to keys that are not here", share=share)
    if missing.shape[:2] == (1, 1) and len(rows) <= _MOST_ROWS:
        each = listed(
            message("{word} {share}", word=visible(token.text), share=number(float(row), 3))
            for token, row in zip(attention.query, rows, strict=True)
        )
        return message(
            "{share} of the weight, not shown, went to keys that are not here (by row: {rows})", share=share, rows=each
        )
    return message(
        "{share} of the weight, not shown, went to keys that are not here (from {least} to {most} of a row)",
        share=share,
        least=number(float(missing.min()), 3),
        most=number(float(missing.max()), 3),
    )


def unknown_words(provenance: Provenance) -> tuple[Message, ...]:
    """Return the sentence that counts the words which the model's vocabulary lacks; none where it lacks none."""
    found = provenance.unknown_words
    if found is None or not found.unknown:
        return ()
    unknown, count = found.unknown, found.words
    if count == 1:
        return (message("The only word is unknown to this model; its weights say nothing."),)
    if unknown == 1:
        return (message("1 of {count} words is unknown to this model; weights at it say nothing.", count=count),)
    return (
        message(
            "{unknown} of {count} words are unknown to this model; weights between them say nothing.",
            unknown=unknown,
            count=count,
        ),
    )


def pair_words(shares: NDArray[np.float64]) -> Message:
    """Say what the words of two texts, A and B, give to each other's, from shares [2, 2], in a short line."""
    names = ("a_a", "a_b", "b_a", "b_b")
    fields = {name: _share(value) for name, value in zip(names, shares.ravel().tolist(), strict=True)}
    return message("A→A {a_a}  A→B {a_b}  B→A {b_a}  B→B {b_b}", **fields)


def _share(value: float) -> LocalDecimal:
    """Write a share with two decimal places and no leading zero, all alike in width below 1.

    >>> str(_share(0.304)), str(_share(0.0)), str(_share(1.0))
    ('.30', '.00', '1.00')
    """
    return LocalDecimal(fixed(value, 2))
