"""Entropy and a head's character: exact at the ends, bounded between, and blind to what they do not look at."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_between, assert_between64, assert_near, assert_near64

from attnviz import run
from attnviz.analysis.entropy import entropy, largest_entropy, least_even, unevenness
from attnviz.analysis.head_patterns import characterize, characters

SIZES = st.integers(1, 9)


def even(allowed):
    """Weights that look at all that is allowed alike."""
    return allowed / np.maximum(allowed.sum(axis=-1, keepdims=True), 1)


@st.composite
def attended(draw, least=1):
    """Weights [n, n] of random logits under a random mask, and the mask."""
    n = draw(st.integers(least, 9))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    logits = generator.normal(size=(n, n)) * draw(st.sampled_from([0.01, 1, 10]))
    allowed = generator.random((n, n)) < draw(st.sampled_from([0.3, 1]))
    exponentials = np.exp(logits - logits.max()) * allowed
    return exponentials / np.maximum(exponentials.sum(axis=-1, keepdims=True), 1e-300), allowed


@given(attended())
def test_entropy_bounds(case):
    """Entropy lies between 0 and that of an even row over what is allowed, and does not depend on the keys' order."""
    weights, allowed = case
    bits = entropy(weights)
    assert (bits >= 0).all()
    assert_between64(bits, 0, largest_entropy(allowed))
    assert_near64(bits, entropy(weights[:, ::-1]))
    assert_near64(entropy(even(allowed)), largest_entropy(allowed))


@pytest.mark.parametrize(
    ("row", "bits"), [([1, 0, 0], 0), ([0.5, 0.5, 0], 1), ([0.25] * 4, 2), ([0.5, 0.25, 0.25], 1.5), ([0, 0], 0)]
)
def test_entropy_by_hand(row, bits):
    """Rows whose entropy is known."""
    assert_near64(entropy(np.array([row], dtype=float))[0], bits)


def test_entropy_of_torch():
    """The same number as torch.distributions.Categorical, in bits (.1 .2 .3 .4: 1.2798542 nats)."""
    assert round(entropy(np.array([[0.1, 0.2, 0.3, 0.4]]))[0] * np.log(2), 7) == 1.2798542


def shifted(n, step, causal):
    """A head that looks at the word `step` away, or where there is none at itself."""
    weights = np.zeros((n, n))
    for i in range(n):
        j = i + step if 0 <= i + step < n and not (causal and step > 0) else i
        weights[i, j] = 1
    return weights


@pytest.mark.parametrize("n", [3, 5, 40])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("step", "pattern"), [(0, "itself"), (-1, "previous"), (1, "next")])
def test_pure_patterns(n, causal, step, pattern):
    """A head that only looks at itself, the previous or the next word is called that, with share 1 and no entropy."""
    if causal and step > 0:
        return
    found = characterize(shifted(n, step, causal), np.tri(n, dtype=bool) if causal else None)
    assert (found.pattern, found.bits) == (pattern, 0)
    assert_near(found.share, 1)


@pytest.mark.parametrize("n", [3, 8])
def test_first(n):
    """A head whose every word looks at the first one."""
    weights = np.zeros((n, n))
    weights[:, 0] = 1
    assert characterize(weights).pattern == "first"
    assert characterize(weights, np.tri(n, dtype=bool)).pattern == "first"


@given(attended(least=2))
def test_even(case):
    """A head that is even over whatever is allowed is even, never called a pattern that the mask made."""
    _, allowed = case
    found = characterize(even(allowed), allowed)
    expected = "even" if allowed.any() and largest_entropy(allowed).max() > 0 else found.pattern
    assert found.pattern == expected
    assert_near64(found.bits, found.largest)


@given(attended())
def test_share_is_clear(case):
    """A pattern is told only where it has at least half the weight."""
    found = characterize(*case)
    if found.share is not None:
        assert_between(found.share, 0.5, 1)
    assert_between64(found.bits, 0, found.largest)
    assert str(found.words()).endswith(f"{found.bits:.2f} bits")


def test_mirror():
    """Read backwards, previous is next and itself stays."""
    head = 0.7 * shifted(6, -1, False) + 0.3 / 6
    assert characterize(head).pattern == "previous"
    assert characterize(head[::-1, ::-1]).pattern == "next"


def test_cross_attention_has_no_neighbours():
    """Between two texts a diagonal is no pattern, and the first word is one."""
    assert characterize(np.eye(4), cross=True).pattern == "mixed"
    assert characterize(np.eye(4)[[0, 0, 0]], cross=True).pattern == "first"


def test_one_key_each():
    """Where each word may look at one key alone, that key is the pattern: nothing is even about it."""
    assert characterize(np.eye(4), np.eye(4, dtype=bool)).pattern == "itself"
    assert characterize(np.ones((1, 1))).pattern == "itself"


def test_nothing_allowed():
    """A head that may look nowhere is no pattern."""
    found = characterize(np.zeros((3, 3)), np.zeros((3, 3), dtype=bool))
    assert (found.pattern, found.bits, found.largest) == ("mixed", 0, 0)


def test_each_head():
    """There is one character for each head of each layer."""
    assert [len(layer) for layer in characters(run("猫吃鱼", heads=4))] == [4]


def test_unevenness():
    """A row is as uneven as it lies below an even one over what it may look at; nothing to look at is no row."""
    weights = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.25, 0.25], [0.0, 0.0, 0.0]])
    allowed = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=bool)
    assert_near64(unevenness(weights, allowed)[:3], [0, 0, np.log2(3) - 1.5])
    assert unevenness(weights, allowed)[3] == -np.inf
    assert_near64(unevenness(weights[:3]), np.log2(3) - np.array([0, 1, 1.5]))


def test_the_least_even_row():
    """Rounding chooses no row: of rows that differ by less, the first."""
    assert least_even(np.array([0.3, 0.5 - 1e-7, 0.5, 0.5 + 1e-7])) == 1
    assert least_even(np.array([[0.1, 0.2], [0.7, 0.2]])) == 2
    assert least_even(np.array([-np.inf, -np.inf])) == 0
