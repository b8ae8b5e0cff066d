"""How evenly a head looks, in bits, and how two texts share its weight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token
from attnviz.core.types import Booleans, Floats

_SAME_BITS = 1e-5  # entropies that differ by less are the same: float32 rounding must not choose a row


def entropy(weights: Floats) -> NDArray[np.float64]:
    """Return the entropy of each row in bits: H = -sum_j w_j log2 w_j (Shannon 1948, section 6), with 0 log 0 = 0.

    weights: [..., query, key], each row sums to 1. Returns [..., query], from 0 (one key has it all) to log2(keys)
    (all the same). A row of zeros, where nothing is allowed, has 0.

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    shares = np.asarray(weights, dtype=np.float64)
    logarithms = np.log2(np.where(shares > 0, shares, 1.0))
    bits: NDArray[np.float64] = -(shares * logarithms).sum(axis=-1)
    return np.maximum(bits, 0.0)


def largest_entropy(allowed: Booleans) -> NDArray[np.float64]:
    """Return the entropy of rows that look alike at all they may look at, log2 of how many keys that is: [..., query].

    allowed: bool [..., query, key]. A row with nothing allowed has 0.
    """
    bits: NDArray[np.float64] = np.log2(np.maximum(allowed.sum(axis=-1), 1).astype(np.float64))
    return bits


def unevenness(weights: Floats, allowed: Booleans | None = None) -> NDArray[np.float64]:
    """Return how many bits each row lies below an even one, [..., query]; -inf where nothing may be looked at.

    weights: [..., query, key]; allowed: bool, broadcasts to them, None where everything is. The row
    that tells most has the largest value: where every word may look at as many, that of the lowest entropy; under a
    causal mask never the first word, which can only look at itself and has 0.
    """
    permitted = np.ones(weights.shape[-2:], dtype=bool) if allowed is None else allowed
    below: NDArray[np.float64] = largest_entropy(permitted) - entropy(weights)
    return np.where(permitted.any(axis=-1), below, -np.inf)


def least_even(uneven: NDArray[np.float64]) -> int:
    """Return the flat index of the largest `unevenness`: the first of those that rounding alone sets apart.

    >>> least_even(np.array([0.2, 0.9, 0.9 + 1e-9]))
    1
    """
    return int(np.argmax(uneven.ravel() >= uneven.max() - _SAME_BITS))


def pair_shares(attention: Attention) -> NDArray[np.float64] | None:
    """Return how two texts that a model read together share their weight, as means over words: [layers, heads, 2, 2].

    [..., 0, 1] is what a word of the first text gives to all words of the second. What a row lacks to 1 goes to the
    tokens that stand for no text, as [CLS]. None where one text was read.
    """
    model = attention.provenance.model
    if model is None or model.pair is None:
        return None
    begins = model.pair.start
    queries, keys = (
        [np.array([_belongs(token, begins, second) for token in side]) for second in (False, True)]
        for side in (attention.query, attention.key)
    )
    found = np.zeros((*attention.weights.shape[:2], 2, 2))
    for i, asking in enumerate(queries):
        for j, asked in enumerate(keys):
            given = attention.weights[:, :, asking][..., asked].sum(axis=-1, dtype=np.float64)
            found[..., i, j] = given.sum(axis=-1) / max(1, asking.sum())
    return found


def _belongs(token: Token, begins: int, second: bool) -> bool:
    """Return whether the token is a word of the text that `second` asks for; the second text starts at `begins`."""
    return token.start is not None and (token.start >= begins) == second
