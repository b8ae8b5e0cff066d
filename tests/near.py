"""The rule for tolerances: no test writes one down, each calls a function of this module.

Two correct programs differ in the last digits of a float, because CPUs add in different orders: tests run on any BLAS
kernel. How far they differ grows with the numbers, so a tolerance is k x eps x max(1, the largest number), where eps is
that of float32 (1.2e-7) or float64 (2.2e-16) and k is one number for each kind of result:

- `assert_near`: one step in float32, such as a softmax, a product of two small matrices or a sum;
- `assert_weights_near`: weights of a model, scaled by its largest logit, as `attnviz.analysis.order_blindness` does;
- `assert_states_near`: hidden states and logits after a model's layers;
- `assert_near64`: a formula in float64.

Each k is at least five times what the worst kernel needs; the comment beside it names the test and the kernel. To
measure again, set NEAR_SHARES to the name of a file: each test process appends the largest shares of the tolerances
that it used. `.ci/kernels` does so and fails where a share is above a fifth.

What is no rounding has a function that asks for the reason: `assert_within`. What must differ goes to `assert_apart`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

STEP = 20  # .163: test_erf_everywhere, every kernel; .108: rows of t5 that sum to 1, SkylakeX
WEIGHTS = 60  # .143: qwen3_next-long, Haswell; .139: the same, SkylakeX
STATES = 600  # .173: qwen3_5_moe, Prescott with NumPy's baseline; .158: qwen3_next-long, Haswell
DOUBLE = 32  # .062: test_distance_laws, every kernel

_EPS32 = float(np.finfo(np.float32).eps)
_EPS64 = float(np.finfo(np.float64).eps)
_largest_shares: dict[str, float] = {}


def assert_near(actual, expected, *, size=None):
    """Compare results of one step in float32; `size` holds the numbers that scale the tolerance, if not `expected`.

    Weights are scaled by their logits: `assert_near(weights, expected, size=logits)`.
    """
    _compare("step", actual, expected, STEP * _EPS32 * _scale(expected if size is None else size))


def assert_weights_near(actual, expected, traces):
    """Compare the weights of a model's pass; `traces` are the pass's, one a layer, with its logits."""
    scale = max((_scale(trace.logits) for trace in traces), default=1.0)
    _compare("weights", actual, expected, WEIGHTS * _EPS32 * scale)


def assert_states_near(actual, expected):
    """Compare hidden states or logits that went through a model's layers."""
    _compare("states", actual, expected, STATES * _EPS32 * _scale(expected))


def assert_near64(actual, expected, *, size=None):
    """Compare results of a formula in float64; `size` holds the numbers that scale the tolerance, if not `expected`."""
    _compare("float64", actual, expected, DOUBLE * _EPS64 * _scale(expected if size is None else size))


def assert_rows_sum_to_one(weights, allowed=None):
    """Compare the sums of the rows with 1, or with 0 where a row has nothing allowed; the sums are taken in float64."""
    weights = np.asarray(weights)
    seen = True if allowed is None else np.broadcast_to(allowed, weights.shape).any(axis=-1)
    assert_near(weights.sum(axis=-1, dtype=np.float64), np.where(seen, 1.0, 0.0))


def assert_between(actual, lowest, highest):
    """Check that results lie from `lowest` to `highest`, but for the rounding of one step in float32."""
    assert_near(np.clip(actual, lowest, highest), actual)


def assert_between64(actual, lowest, highest):
    """Check that results lie from `lowest` to `highest`, but for the rounding of a formula in float64."""
    assert_near64(np.clip(actual, lowest, highest), actual)


def assert_within(actual, expected, reach, why):
    """Compare with a reach that is no rounding, such as half a printed digit; `why` says where it comes from."""
    assert why
    difference = np.abs(np.asarray(actual, dtype=np.float64) - expected)
    assert (difference <= reach).all(), f"{difference.max()} is more than {reach}: {why}"


def assert_apart(actual, expected, *, by=0.001):
    """Check that two results differ somewhere by more than `by`, far more than any rounding."""
    assert np.abs(np.asarray(actual, dtype=np.float64) - expected).max() > by


def _scale(numbers) -> float:
    """Return max(1, the largest absolute number)."""
    return max(1.0, float(np.abs(np.asarray(numbers, dtype=np.float64)).max(initial=0)))


def _compare(kind, actual, expected, tolerance):
    """Compare element by element, and note the share of the tolerance that was used."""
    actual, expected = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        share = float(np.nanmax(np.abs(actual - expected) / tolerance, initial=0))
    if "NEAR_SHARES" in os.environ and share > _largest_shares.get(kind, 0):
        _largest_shares[kind] = share
        with Path(os.environ["NEAR_SHARES"]).open("a", encoding="utf-8") as file:
            file.write(f"{kind}\t{share:.3f}\t{os.environ.get('PYTEST_CURRENT_TEST', '')}\n")
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)
