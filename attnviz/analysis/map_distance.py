"""How far apart two maps of attention over the same words are, row by row: each row is a distribution over keys."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.entropy import entropy
from attnviz.core.types import Booleans, Float64, Floats


class MapDistance(NamedTuple):
    """The distances of two maps.

    variation, divergence [query]: total variation and Jensen-Shannon divergence of each row, in [0, 1]. counted
    [query]: the rows with at least two keys to choose from, over which means are taken; all rows where there is none.
    correlation: of all weights in these rows, in [-1, 1]; None where one map is the same everywhere.
    """

    variation: Float64
    divergence: Float64
    counted: NDArray[np.bool_]
    correlation: float | None

    @property
    def mean_variation(self) -> float:
        """The mean total variation of the rows that count."""
        return float(self.variation[self.counted].mean())

    @property
    def mean_divergence(self) -> float:
        """The mean Jensen-Shannon divergence of the rows that count, in bits."""
        return float(self.divergence[self.counted].mean())

    @property
    def farthest(self) -> int:
        """The index of the counted row that differs most: the first, of several."""
        return int(np.where(self.counted, self.variation, -1.0).argmax())


def map_distance(a: Floats, b: Floats, forbidden: Booleans | None = None) -> MapDistance:
    """Return how far apart two maps [query, key] are.

    forbidden [query, key]: cells that no row can choose in either map; they hold 0. What a row lacks to 1 went to keys
    that are not shown, and counts as one more key.
    """
    first, second = (_with_rest(one) for one in (a, b))
    open_cells = np.ones(np.shape(a), dtype=bool) if forbidden is None else ~forbidden
    counted = open_cells.sum(axis=-1) > 1
    if not counted.any():
        counted = np.ones_like(counted)
    cells = open_cells & counted[:, None]
    return MapDistance(
        total_variation(first, second),
        jensen_shannon(first, second),
        counted,
        correlation(np.asarray(a)[cells], np.asarray(b)[cells]),
    )


def total_variation(a: Floats, b: Floats) -> Float64:
    """Return half the sum of |a - b| over the last axis: the most by which two distributions differ on any set of keys.

    (Levin, Peres and Wilmer 2009, "Markov chains and mixing times", proposition 4.2.)

    >>> total_variation(np.array([1.0, 0.0]), np.array([0.25, 0.75])).item()
    0.75
    """
    distance: Float64 = np.abs(np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)).sum(axis=-1) / 2
    return np.minimum(distance, 1.0)


def jensen_shannon(a: Floats, b: Floats) -> Float64:
    """Return the Jensen-Shannon divergence over the last axis, in bits: H((a + b) / 2) - (H(a) + H(b)) / 2, in [0, 1].

    (Lin 1991, "Divergence measures based on the Shannon entropy", equation 4.1 with equal weights.)

    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])).item()
    1.0
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in (a, b))
    divergence: Float64 = entropy((first + second) / 2) - (entropy(first) + entropy(second)) / 2
    return np.clip(divergence, 0.0, 1.0)


def correlation(a: Floats, b: Floats) -> float | None:
    """Return Pearson's correlation of two lists of numbers; None where one has no spread beyond rounding.

    >>> round(correlation(np.array([0.0, 1.0, 2.0]), np.array([5.0, 4.0, 3.0])), 6)
    -1.0
    """
    first, second = (_standardized(np.asarray(one, dtype=np.float64).ravel()) for one in (a, b))
    if first is None or second is None:
        return None
    return float(np.clip(first @ second, -1.0, 1.0))


def _standardized(values: Float64) -> Float64 | None:
    """Return values less their mean, as a vector of length 1; None where rounding in float32 could make the spread."""
    if not values.size:
        return None
    centred: Float64 = values - values.mean()
    length = float(np.linalg.norm(centred))
    if length <= 4 * np.finfo(np.float32).eps * float(np.abs(values).max()) * np.sqrt(values.size):
        return None
    return centred / length


def _with_rest(weights: Floats) -> Float64:
    """Return rows [query, key] with what they lack to 1 in one more column, [query, key + 1]."""
    exact: Float64 = np.asarray(weights, dtype=np.float64)
    rest = np.maximum(0.0, 1.0 - exact.sum(axis=-1, keepdims=True))
    return np.concatenate([exact, rest], axis=-1)
