"""Distances of two maps: the laws of a distance, and the definitions worked out another way."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_between64, assert_near64

from attnviz.analysis.map_distance import correlation, jensen_shannon, map_distance, total_variation


def maps(seed, rows=4, keys=5):
    """Two maps whose rows sum to 1."""
    raw = np.random.default_rng(seed).random((2, rows, keys)) ** 4 + 0.001
    return raw / raw.sum(axis=-1, keepdims=True)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_distance_laws(seed, keys):
    """Both distances are symmetric, 0 of a map and itself, at most 1, and do not depend on the order of the keys."""
    a, b = maps(seed, keys=keys)
    order = np.random.default_rng(seed).permutation(keys)
    for distance in (total_variation, jensen_shannon):
        assert_near64(distance(a, b), distance(b, a))
        assert not distance(a, a).any()
        assert (distance(a, b) >= 0).all()
        assert (distance(a, b) <= 1).all()
        assert_near64(distance(a[:, order], b[:, order]), distance(a, b))
    found, back = map_distance(a, b), map_distance(b, a)
    assert found.farthest == back.farthest
    assert_near64(found.mean_variation, back.mean_variation)
    through = total_variation(a, a[::-1]) + total_variation(a[::-1], b)
    assert_between64(total_variation(a, b), 0, through)  # the triangle's inequality
    # Lin 1991, theorem 3: the divergence is at most the variation.
    assert_between64(jensen_shannon(a, b), 0, total_variation(a, b))


def test_distances_by_their_definitions():
    """Total variation is the largest difference on any set of keys; the divergence a mean of two of Kullback's."""
    a, b = maps(3)
    sets = list(chain.from_iterable(combinations(range(5), size) for size in range(6)))
    largest = [max(p[list(keys)].sum() - q[list(keys)].sum() for keys in sets) for p, q in zip(a, b, strict=True)]
    assert_near64(total_variation(a, b), largest)
    middle = (a + b) / 2
    divergence = ((a * np.log2(a / middle)).sum(axis=-1) + (b * np.log2(b / middle)).sum(axis=-1)) / 2
    assert_near64(jensen_shannon(a, b), divergence)
    assert_near64(correlation(a, b), np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert total_variation(np.eye(2), np.eye(2)[::-1]).tolist() == [1, 1]


def test_rows_without_a_choice():
    """A row that may look at one key only says nothing: it is in no mean; what is hidden counts as one more key."""
    a = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]])
    b = np.array([[1, 0, 0], [0.1, 0.9, 0], [0.2, 0.3, 0.5]])
    found = map_distance(a, b, ~np.tri(3, dtype=bool))
    assert found.counted.tolist() == [False, True, True]
    assert_near64(found.mean_variation, 0.2)
    assert found.farthest == 1
    assert_near64(total_variation(a[1], b[1]), 0.4)
    assert_near64(map_distance(np.array([[0.5, 0.2]]), np.array([[0.1, 0.2]])).variation, [0.4])
    assert map_distance(np.array([[1.0]]), np.array([[1.0]])).mean_variation == 0


def test_no_correlation_without_spread():
    """An even map has no correlation with any other."""
    a, b = maps(1)
    assert correlation(np.full(a.shape, np.float32(0.2)), b) is None
    assert map_distance(np.full((4, 5), 0.2), b).correlation is None
    assert correlation(np.array([]), np.array([])) is None
