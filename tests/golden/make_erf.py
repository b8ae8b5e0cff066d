"""Print the coefficients of attnviz.models.families.activations: erf(x) = x P(x^2) / Q(x^2) on [0, 4].

The least largest relative error, by reweighted least squares (Lawson 1961) on the linearized problem
x P(x^2) - erf(x) (Q(x^2) - 1) = erf(x), each round weighted by the error of the one before. Needs only numpy:

    python tests/golden/make_erf.py
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial.polynomial import polyval

DEGREE = 5
EDGE = 4.0
POINTS = 8000
ROUNDS = 200


def main() -> None:
    """Fit and print."""
    x = EDGE * (1 - np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)) / 2
    erf, square = np.array([math.erf(one) for one in x]), x * x
    powers = square[:, None] ** np.arange(DEGREE + 1)
    columns = np.concatenate([x[:, None] * powers, -erf[:, None] * powers[:, 1:]], axis=1)
    weight, below, best = np.ones_like(x), np.ones_like(x), (np.inf, np.empty(0), np.empty(0))
    for _ in range(ROUNDS):
        scale = np.sqrt(weight) / (below * erf)
        size = np.linalg.norm(columns * scale[:, None], axis=0)
        found = np.linalg.lstsq(columns * scale[:, None] / size, erf * scale, rcond=None)[0] / size
        numerator, denominator = found[: DEGREE + 1], np.concatenate([[1.0], found[DEGREE + 1 :]])
        below = polyval(square, denominator)
        error = np.abs((x * polyval(square, numerator) / below - erf) / erf)
        best = min(best, (error.max(), numerator, denominator), key=lambda one: one[0])
        weight = weight * (error / error.max() + 1e-3)
        weight /= weight.sum()
    print("largest relative error", best[0])
    print("numerator", best[1].tolist())
    print("denominator", best[2].tolist())


if __name__ == "__main__":
    main()
