"""Relative positions in buckets: how far a key is away decides a number that is added to its score.

T5 (Raffel et al. 2020, section 2.1): near distances have a bucket each, farther ones share ever wider buckets.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def buckets(queries: int, keys: int, *, both_ways: bool, count: int = 32, longest: int = 128) -> NDArray[np.int64]:
    """The bucket of each distance, [queries, keys], from 0 to count - 1.

    both_ways: half the buckets are for keys that come later; else all later keys share bucket 0. Half of a way's
    buckets are exact, the other half grows with the logarithm up to `longest`, beyond which all share the last.
    The logarithm is float32's, as the weights were trained with it.
    """
    distance = np.arange(keys)[None, :] - np.arange(queries)[:, None]
    offset = np.zeros_like(distance)
    if both_ways:
        count //= 2
        offset = np.where(distance > 0, count, 0)
        distance = np.abs(distance)
    else:
        distance = np.maximum(-distance, 0)
    return offset + _one_way(distance, count, longest)


def _one_way(distance: NDArray[np.int64], count: int, longest: int) -> NDArray[np.int64]:
    exact = count // 2
    far = np.maximum(distance, exact).astype(np.float32)
    steps = np.log(far / np.float32(exact)) / np.float32(math.log(longest / exact)) * np.float32(count - exact)
    shared = np.minimum(exact + steps.astype(np.int64), count - 1)
    chosen: NDArray[np.int64] = np.where(distance < exact, distance, shared)
    return chosen


def relative_bias(table: Float32, places: NDArray[np.int64]) -> Float32:
    """Table [buckets, heads] looked up at places [queries, keys] -> [heads, queries, keys]."""
    return np.ascontiguousarray(table.T)[:, places]
