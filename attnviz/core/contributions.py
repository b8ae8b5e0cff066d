"""What a head adds to a word's vector from each other word: the length of its weighted value after W_o."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnviz.core.types import Float32, Floats

# How many numbers of gated values are computed at once, of 8 bytes each.
_MOST_NUMBERS = 2**20


def value_lengths(value: Floats, output: Floats | None) -> Float32:
    """Return ||f(x_j)||, the length of each head's value after W_o, [heads, keys] (Kobayashi et al. 2020, equation 4).

    f(x) = (x W_v + b_v) W_o, where W_o has the rows of the head alone; its bias, which no key adds, is left out.
    value [heads, keys, d_v]; output: W_o as PyTorch keeps it, [dim, heads * d_v], None where there is none.
    """
    heads, keys, width = value.shape
    found = np.empty((heads, keys), dtype=np.float32)
    for head, rows in enumerate(value):
        part = None if output is None else output[:, head * width : (head + 1) * width]
        with np.errstate(over="ignore", invalid="ignore"):
            written = rows if part is None else rows @ part.T
            found[head] = _lengths(written)
        if not np.isfinite(found[head]).all():  # squares leave float32's range long before lengths do
            exact = rows.astype(np.float64)
            found[head] = _lengths(exact if part is None else exact @ part.T.astype(np.float64))
    return found


def weighted_lengths(weights: Floats, lengths: Float32) -> Float32:
    """Return ||weight x f(x_j)||, [heads, query, key] (Kobayashi et al. 2020, equation 3).

    weights [heads, query, key], or with one more column for a sink, which has no value and adds nothing; lengths
    [heads, key]: see value_lengths.
    """
    missing = weights.shape[-1] - lengths.shape[-1]
    each = np.pad(lengths, ((0, 0), (0, missing))) if missing else lengths
    found: Float32 = (weights * each[:, None, :]).astype(np.float32, copy=False)
    return found


def gated_lengths(weights: Floats, value: Floats, gate: Floats, output: Floats) -> Float32:
    """Return the length of weight x (gate * v_j) W_o, [heads, query, key], where a gate stands before W_o.

    weights [heads, query, key], or with one more column for a sink, which adds nothing; value [heads, key, d_v]; gate
    [heads, query, d_v]; output: W_o as PyTorch keeps it, [dim, heads * d_v].
    """
    width = value.shape[-1]
    found = np.zeros(weights.shape, dtype=np.float32)
    step = max(1, _MOST_NUMBERS // max(1, value.shape[1] * width))
    for head, rows in enumerate(value.astype(np.float64)):
        columns = output[:, head * width : (head + 1) * width].astype(np.float64)
        products = columns.T @ columns  # |x W_o|^2 = x (W_o W_o^T) x^T
        factors = gate[head].astype(np.float64)
        for start in range(0, len(factors), step):
            some = slice(start, start + step)
            seen = np.flatnonzero(weights[head, some, : len(rows)].any(axis=0))
            if not len(seen):
                continue
            keys = seen[-1] + 1  # of a causal mask, the later ones count for nothing
            gated = (factors[some, None] * rows[:keys]).reshape(-1, width)  # all pairs in one product
            squares = np.einsum("kd,kd->k", gated @ products, gated).reshape(-1, keys)
            found[head, some, :keys] = weights[head, some, :keys] * np.sqrt(np.maximum(squares, 0))
    return found


def head_lengths(context: Float32, output: Float32) -> Float32:
    """Return the length of what each head writes, |context W_o| with the columns of the head alone, [heads, query].

    (Kobayashi et al. 2020, equation 3: the sum over the keys of weight x f(x_j).) context [heads, query, d_h]; output:
    W_o as PyTorch keeps it, [dim, heads * d_h].
    """
    width = context.shape[-1]
    found = [_lengths(rows @ output[:, h * width : (h + 1) * width].T) for h, rows in enumerate(context)]
    return np.array(found, dtype=np.float32)


def _lengths(rows: Floats) -> NDArray[np.floating]:
    """Return the Euclidean length of each row of rows [n, d]."""
    lengths: NDArray[np.floating] = np.sqrt(np.einsum("...i,...i->...", rows, rows))
    return lengths
