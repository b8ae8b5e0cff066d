"""Arrays that were given in place of attention weights, each known by its numbers and shape, and named in the error.

What libraries hand out beside weights: hidden states [tokens, hidden_size], logits over a vocabulary, scores before the
softmax, logarithms of weights, weights with queries and keys exchanged, masks, and ids of tokens.
"""

from __future__ import annotations

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Booleans, Float64, Floats

_NEAR = 0.02  # how far from 1 a sum may be for a row, or a column, to be taken as one of weights


def misgiven(weights: Floats, allowed: Booleans | None = None, *, alone: bool = False) -> InputError | None:
    """Return the error that says what [layers, heads, query, key] is in place of weights; None where that is not known.

    alone: whether the keys have no names of their own, so that there are as many of them as queries.
    """
    rows, columns = weights.shape[-2:]
    finite = np.isfinite(weights)
    if np.isnan(weights).any() or not finite.any():
        return None
    other = alone and rows != columns
    if _are_weights(weights, allowed):
        return _other_order(weights) if other else None
    if _are_logarithms(weights):
        return InputError(
            "The numbers are logarithms of weights, as log_softmax gives: e to their power sums to 1 in each row.",
            hint="Give np.exp(weights).",
        )
    whole = bool((weights[finite] == np.rint(weights[finite])).all())
    if whole and weights.min() >= 0 and weights.max() > 1 and other:
        return InputError(
            "The weights are whole numbers, as the ids of tokens are.",
            hint="Give outputs.attentions as the weights, and the ids as the tokens, with tokenizer=.",
        )
    if whole and weights.max() == 1 and weights.min() >= 0 and (rows == 1 or not other):
        return InputError(
            "The weights are only 0 and 1, as those of a mask: most rows do not sum to 1.",
            hint="A mask says what may be attended to: give it as `allowed`, or an attention_mask as `mask`.",
        )
    if _sum_to_one(weights, -2):
        return _transposed(weights)
    if other and (weights >= 0).all() and (_sums(weights, -1) <= 1 + _NEAR).all():
        return None  # cross-attention of which some keys are not there
    if other:
        return InputError(
            "{rows} rows of {columns} numbers that do not sum to 1 are hidden states, [tokens, hidden_size], or logits "
            "over a vocabulary, and no weights.",
            hint="Give outputs.attentions. attnviz.run(vectors=...), or `attnviz run --vectors x.npy`, computes "
            "attention from vectors.",
            rows=rows,
            columns=columns,
        )
    if (weights[finite] < 0).any() or not finite.all():
        return InputError(
            "Numbers are negative, and rows do not sum to 1: these are scores before the softmax, or hidden states, "
            "and no weights.",
            hint="Scores become weights by a softmax over each row: attnviz.softmax(scores).",
        )
    return None


def _are_weights(weights: Floats, allowed: Booleans | None) -> bool:
    """Return whether most rows sum to about 1, or have no key that is allowed."""
    near = np.abs(_sums(weights, -1) - 1) <= _NEAR
    if allowed is not None:
        near |= ~np.broadcast_to(allowed, weights.shape).any(axis=-1)
    return bool(near.mean() > 0.5)


def _other_order(weights: Floats) -> InputError | None:
    """Return the error for weights whose heads stand after the queries; None where they may be cross-attention."""
    if weights.shape[1] != weights.shape[-1]:
        return None
    return InputError(
        "The weights are [query, head, key] by their shape {shape}; [head, query, key] was expected.",
        hint="Give np.swapaxes(weights, -2, -3); if they are cross-attention, give keys=.",
        shape=weights.shape,
    )


def _transposed(weights: Floats) -> InputError:
    """Return the error for weights whose columns sum to 1: heads stand last, or queries and keys are exchanged."""
    if weights.shape[1] == weights.shape[2] != weights.shape[3]:
        return InputError(
            "The columns sum to 1, not the rows: by their shape {shape} the weights are [query, key, head].",
            hint="Give np.moveaxis(weights, -1, -3).",
            shape=weights.shape,
        )
    return InputError(
        "The columns sum to 1, not the rows: the weights are transposed, [key, query].",
        hint="Give np.swapaxes(weights, -1, -2).",
    )


def _are_logarithms(weights: Floats) -> bool:
    """Return whether no number is above 0, and e to their power sums to 1 in every row."""
    if not (weights <= 1e-6).all() or not (weights < 0).any():
        return False
    exact: Float64 = np.exp(weights.astype(np.float64))
    return bool((np.abs(exact.sum(axis=-1) - 1) <= _NEAR).all())


def _sum_to_one(weights: Floats, axis: int) -> bool:
    return bool((weights >= 0).all()) and bool((np.abs(_sums(weights, axis) - 1) <= _NEAR).all())


def _sums(weights: Floats, axis: int) -> Float64:
    sums: Float64 = weights.sum(axis=axis, dtype=np.float64)
    return sums
