"""What a head does, in numbers and in one word: how evenly it looks, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token
from attnviz.core.types import Booleans, Floats
from attnviz.i18n.messages import Message, message

_EVEN = 0.95
_ROUNDING = 1e-6
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


@dataclass(frozen=True)
class Character:
    """What one head does: its pattern in a word, that pattern's share of the weight, and its mean entropy.

    pattern: itself, previous, next, first, even or mixed. share: the mean weight on the pattern's key, None for even
    and mixed. bits: the mean entropy of the rows, and largest the mean of the most it could be, both over the rows that
    may look anywhere.
    """

    pattern: str
    share: float | None
    bits: float
    largest: float

    def words(self) -> Message:
        """Return the character in a line that fits below a small picture."""
        return message("{pattern}, {bits} bits", pattern=_PATTERNS[self.pattern], bits=f"{self.bits:.2f}")


_PATTERNS = {
    "itself": message("looks at itself"),
    "previous": message("the previous word"),
    "next": message("the next word"),
    "first": message("the first word"),
    "even": message("spread evenly"),
    "mixed": message("mixed"),
}


def characterize(weights: Floats, allowed: Booleans | None = None, *, cross: bool = False) -> Character:
    """Return one head's character from its weights [query, key] and what is allowed (None: everything).

    It is `even` where the mean entropy is at least .95 of the largest possible. Else, of itself (j = i), previous
    (j = i - 1), next (j = i + 1) and first (j = 0, i > 0), the one with the largest share, if that lies at least half
    way from what an even head would have to all; else `mixed`. A pattern's share is the mean of w[i, j] over the rows i
    in which j exists and is allowed; what fewer than half the rows may see is no pattern. In cross-attention, where
    words of two texts have no distance, only first is told.
    """
    permitted = np.ones(weights.shape, dtype=bool) if allowed is None else allowed
    looking = permitted.any(axis=-1)
    if not looking.any():
        return Character("mixed", None, 0.0, 0.0)
    bits, largest = float(entropy(weights)[looking].mean()), float(largest_entropy(permitted)[looking].mean())
    if bits >= _EVEN * largest > 0:
        return Character("even", None, bits, largest)
    shares = _shares(weights.astype(np.float64), permitted, cross)
    name, (share, chance) = max(shares.items(), key=lambda item: item[1][0], default=("mixed", (0.0, 1.0)))
    clear = share >= (1 + chance) / 2 - _ROUNDING
    return Character(name if clear else "mixed", share if clear else None, bits, largest)


def _shares(weights: NDArray[np.float64], permitted: Booleans, cross: bool) -> dict[str, tuple[float, float]]:
    """Return each pattern's mean weight and what an even head would give it, as name -> (share, even share)."""
    queries, keys = weights.shape
    even = permitted / np.maximum(permitted.sum(axis=-1, keepdims=True), 1)
    rows = np.arange(queries)
    places = {"first": (rows[0 if cross else 1 :], np.zeros(queries if cross else queries - 1, dtype=int))}
    if not cross:
        steps = {"itself": rows, "previous": rows - 1, "next": rows + 1}
        for name, columns in steps.items():
            inside = (columns >= 0) & (columns < keys)
            places[name] = (rows[inside], columns[inside])
    found = {}
    for name in ("itself", "previous", "next", "first"):
        i, j = places.get(name, (rows[:0], rows[:0]))
        seen = permitted[i, j]
        if 2 * seen.sum() >= queries and seen.any():
            found[name] = (float(weights[i, j][seen].mean()), float(even[i, j][seen].mean()))
    return found


def characters(attention: Attention) -> list[list[Character]]:
    """Return the character of each head of each layer, [layer][head]."""
    masks = attention.masks
    return [
        [
            characterize(head, None if masks is None else masks[i, j], cross=attention.is_cross)
            for j, head in enumerate(layer)
        ]
        for i, layer in enumerate(attention.weights)
    ]


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
