"""Row sums of weights from elsewhere: what the precision of the numbers allows, and what else a wrong sum may mean.

A number that was rounded to a grid stands for an interval, half a step to each side. A row is whole where 1 lies in the
sum of its intervals: then some row that sums to 1 was rounded to it (Higham 2002, Accuracy and Stability of Numerical
Algorithms, section 2.2, theorem 2.2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.provenance import UNKNOWN_PRECISION, RowPrecision
from attnviz.core.types import Booleans, Float64, Floats


@dataclass(frozen=True)
class Grid:
    """The numbers that a format holds: `digits` binary digits each, and none nearer to 0 than `smallest` apart.

    decimals: of decimal numbers, how many places they have; they are equally far apart.
    """

    name: str
    digits: int = 0
    smallest: float = 0.0
    decimals: int | None = None

    def half_steps(self, numbers: Floats) -> Float64:
        """Return how far rounding to this grid may have moved each number: half the distance of its neighbours."""
        if self.decimals is not None:
            return np.full(numbers.shape, 0.5 * 10.0**-self.decimals)
        _, exponents = np.frexp(numbers.astype(np.float64))
        half: Float64 = np.maximum(np.ldexp(1.0, exponents - 1 - self.digits), self.smallest / 2)
        return np.where(numbers == 0, self.smallest / 2, half)  # 0 has no exponent of its own

    def holds(self, numbers: Floats) -> bool:
        """Return whether every one of these numbers is on the grid."""
        wide = numbers.astype(np.float64)
        if self.decimals is not None:
            scaled = wide * 10.0**self.decimals
            return bool((np.abs(scaled - np.rint(scaled)) <= scaled * np.finfo(numbers.dtype).eps + 1e-9).all())
        _, exponents = np.frexp(wide)
        steps = np.maximum(np.ldexp(1.0, exponents - self.digits), self.smallest)
        return bool((wide / steps == np.rint(wide / steps)).all())


# IEEE 754-2019, table 3.5; bfloat16 is binary32 without its last 16 bits; FP8: Micikevicius et al. 2022, table 1.
FLOAT32 = Grid("float32", 24, 2.0**-149)
FLOAT16 = Grid("float16", 11, 2.0**-24)
BFLOAT16 = Grid("bfloat16", 8, 2.0**-133)
FLOAT8_E4M3 = Grid("float8_e4m3", 4, 2.0**-9)
FLOAT8_E5M2 = Grid("float8_e5m2", 3, 2.0**-16)
_BY_DTYPE = {
    "float16": FLOAT16,
    "half": FLOAT16,
    "bfloat16": BFLOAT16,
    "float8_e4m3": FLOAT8_E4M3,
    "float8_e4m3fn": FLOAT8_E4M3,
    "float8_e4m3fnuz": FLOAT8_E4M3,
    "float8_e4m3b11fnuz": FLOAT8_E4M3,
    "float8_e5m2": FLOAT8_E5M2,
    "float8_e5m2fnuz": FLOAT8_E5M2,
}
_DECIMALS = (*(Grid(f"{n} decimals", decimals=n) for n in (5, 4, 3, 2)), Grid("1 decimal", decimals=1))

# Weights that were averaged or divided after half precision lie on no grid, and miss 1 by twice its rounding at most.
_OFF_GRID = 2.0**-10
_ENOUGH = 12  # so many different numbers of 8 bits are no accident, where a dtype of more bits is known
_SLIGHT = 0.02  # a sum nearer to 1 than this is probably rounding


def grid_of(dtype: object) -> Grid | None:
    """Return the grid of an array's or a tensor's dtype where it is coarser than float32; None for any other.

    >>> grid_of("torch.bfloat16").name, grid_of(np.dtype("float32"))
    ('bfloat16', None)
    """
    return _BY_DTYPE.get(str(dtype).rpartition(".")[2])


def single_precision(keys: int) -> float:
    """Return how far from 1 the sum of a softmax over `keys` keys in float32 may be: one rounding a key, and a few."""
    return (keys + 16) * 2.0**-23


class RowSums(NamedTuple):
    """The sums of rows [layers, heads, query], which of them are wrong, and the precision that explains the others.

    precision: None where all sums are 1 as far as float32 goes.
    """

    sums: Float64
    wrong: Booleans
    precision: RowPrecision | None


def judge_sums(
    weights: Floats,
    allowed: Booleans | None,
    known: Grid | None,
    *,
    partial: bool = False,
    accepted: RowPrecision | None = None,
) -> RowSums:
    """Judge the row sums of weights [layers, heads, query, key], each from 0 to float32's largest.

    allowed: bool, broadcasts to the weights; a row that may attend to nothing is right. known: the grid that the
    numbers are on, where their dtype tells it; else it is found in the numbers. partial: less than 1 is right.
    accepted: what explained the sums when the numbers were first read.
    """
    sums = weights.sum(axis=-1, dtype=np.float64)
    off = np.abs(sums - 1) > single_precision(weights.shape[-1])
    if allowed is not None:
        off &= allowed.any(axis=-1)
    if partial:
        off &= sums > 1
    if not off.any():
        return RowSums(sums, off, None)
    rows = weights[off]
    counted = None if allowed is None else np.broadcast_to(allowed, weights.shape)[off]
    missing = np.abs(sums[off] - 1)
    if accepted is not None:
        explained, name = missing <= accepted.off + single_precision(weights.shape[-1]), accepted.name
    else:
        explained, name = _explain(weights, rows, counted, missing, known)
    explained &= sums[off] > 0  # a row of zeros was not rounded: nothing of it is left
    wrong = off.copy()
    wrong[off] = ~explained
    precision = RowPrecision(name, float(missing[explained].max())) if explained.any() else None
    return RowSums(sums, wrong, precision)


def _explain(
    weights: Floats, rows: Floats, counted: Booleans | None, missing: Float64, known: Grid | None
) -> tuple[Booleans, str]:
    """Return which of these rows the numbers' precision explains, and its name: the finest that explains most."""
    explained: Booleans = missing <= _OFF_GRID
    name = UNKNOWN_PRECISION
    for grid in _grids(weights, known):
        within = _may_be_whole(rows, counted, grid)
        if within.sum() > explained.sum() or (within.all() and name == UNKNOWN_PRECISION):
            explained, name = within, grid.name
        if explained.all() and name != UNKNOWN_PRECISION:
            break
    return explained, name


def _grids(weights: Floats, known: Grid | None) -> Iterator[Grid]:
    """Yield the grids that the numbers are on, finer ones first."""
    if known is not None:
        yield known
    numbers = np.unique(weights[weights > 0])
    for grid in (FLOAT16, BFLOAT16, *_DECIMALS, FLOAT8_E4M3, FLOAT8_E5M2):
        coarse = grid in (FLOAT8_E4M3, FLOAT8_E5M2) and known is not None
        if grid != known and grid.holds(numbers) and (len(numbers) >= _ENOUGH or not coarse):
            yield grid


def _may_be_whole(rows: Floats, counted: Booleans | None, grid: Grid) -> Booleans:
    """Return whether each row [rows, key] may be one that sums to 1, rounded to the grid."""
    half = grid.half_steps(rows)
    if counted is not None:
        half = np.where(counted, half, 0)
    wide = rows.astype(np.float64)
    margin = single_precision(rows.shape[-1])
    least, most = np.maximum(wide - half, 0).sum(axis=-1), (wide + half).sum(axis=-1)
    within: Booleans = (least <= 1 + margin) & (most >= 1 - margin)
    return within


def wrong_sum(judged: RowSums, weights: Floats, place: Mapping[str, Any]) -> InputError:
    """Return the error for the first row with a wrong sum, and what to do about its cause.

    Causes: rounding, scores or counts in place of weights, dropout, or keys that are not there. place: fields that name
    layer, head and row.
    """
    sums = judged.sums[judged.wrong]
    near = bool((np.abs(sums - 1) <= _SLIGHT).all())
    scores = bool(sums.max() > 2 + _SLIGHT or weights.max() > 2 + _SLIGHT)
    return InputError(
        "Layer {layer}, head {head}, row {row} sums to {sum}, not to 1.",
        hint="It is near 1: --normalize (normalize=True) divides each row by its sum."
        if near
        else "Scores become weights by a softmax over each row; counts by --normalize (normalize=True), which divides "
        "each row by its sum."
        if scores
        else "Dropout does that: call model.eval() before the model computes them. If it is no dropout, --normalize "
        "(normalize=True) divides each row by its sum."
        if sums.max() > 1
        else "If some keys are not there, an attention sink or hidden words, --partial (partial=True) shows the rows "
        "as they are.",
        sum=f"{sums[0]:.6g}",
        **place,
    )
