"""Weights that were computed elsewhere: arrays of any make become [layers, heads, query, key], sound row by row.

Nothing here imports torch, jax or transformers: a tensor is asked for its numbers in its own words (`detach`, `cpu`,
`numpy`), anything else through `__array__`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, ShapeError, misnamed, written
from attnviz.core.masks import fit_allowed
from attnviz.core.provenance import RowPrecision
from attnviz.core.row_sums import Grid, grid_of, judge_sums, wrong_sum
from attnviz.core.types import Booleans, Float32, Floats
from attnviz.i18n.messages import listed

_NOTHING = 1e-6


def as_numbers(array: Any) -> Floats:
    """Convert an array of real numbers to float32 or float64; tensors leave device and graph, bfloat16 is widened."""
    try:
        found = _as_numpy(array)
    except ValueError:
        raise ShapeError("The weights are not an array: their rows are not equally long.") from None
    except (TypeError, RuntimeError) as error:
        raise InputError("The weights are not an array of numbers: {error}.", error=error) from None
    try:
        if found.dtype.kind in "biuf" or grid_of(found.dtype) is not None:
            wide = found.dtype.kind in "iu" or found.dtype == np.float64
            return found.astype(np.float64 if wide else np.float32)
    except (TypeError, ValueError):
        pass
    raise InputError("The weights must be real numbers, not of type {dtype}.", dtype=found.dtype)


def _as_numpy(array: Any) -> NDArray[Any]:
    if not hasattr(array, "detach"):
        return np.asarray(array)
    tensor = array.detach().cpu()
    try:
        numbers = tensor.numpy()
    except TypeError:  # NumPy has no bfloat16
        numbers = tensor.float().numpy()
    return np.asarray(numbers)


def dtype_of(arrays: Iterable[Any]) -> Grid | None:
    """Return the coarsest precision of these arrays' dtypes; None where all have float32's or more."""
    grids = [grid for array in arrays if (grid := grid_of(getattr(array, "dtype", ""))) is not None]
    return min(grids, key=lambda grid: grid.digits, default=None)


def as_layers(array: Floats) -> Floats:
    """Reshape an array of 2 to 4 dimensions to [layers, heads, query, key]; ShapeError for any other."""
    if not 2 <= array.ndim <= 4:
        raise ShapeError(
            "Weights are [query, key], [heads, query, key] or [layers, heads, query, key], not of shape {shape}.",
            hint="Take one text of the batch." if array.ndim > 4 else "",
            shape=array.shape,
        )
    if not array.size:
        raise ShapeError("The weights are empty: they have the shape {shape}.", shape=array.shape)
    return array.reshape((1,) * (4 - array.ndim) + array.shape)


class CheckedRows(NamedTuple):
    """Valid weights, float32 [layers, heads, query, key], and what was done to their rows or accepted of them.

    normalized: whether any row was divided by its sum. precision: what explains sums that are not exactly 1, see
    row_sums.RowSums. partial: whether rows may sum to less than 1.
    """

    weights: Float32
    normalized: bool
    precision: RowPrecision | None
    partial: bool


class CheckedWeights(NamedTuple):
    """Weights from elsewhere, every row valid, and what goes with them.

    allowed: see masks.fit_allowed.
    """

    rows: CheckedRows
    allowed: Booleans | None
    layers: tuple[int | str, ...]
    heads: tuple[int | str, ...]


def check_given(
    weights: Floats,
    allowed: Booleans | None,
    layers: Sequence[int | str] | None,
    heads: Sequence[int | str] | None,
    *,
    grid: Grid | None,
    accepted: RowPrecision | None,
    normalize: bool,
    partial: bool,
) -> CheckedWeights:
    """Check weights [layers, heads, query, key], and the mask and names that go with them.

    allowed: bool, see masks.fit_allowed. layers, heads: names, or None to number them. The others: see check_rows.
    Raises ShapeError and InputError.
    """
    layers = _layer_names(layers, weights.shape[0])
    heads = tuple(range(weights.shape[1])) if heads is None else _axis_names("heads", heads)
    if (len(layers), len(heads)) != weights.shape[:2]:
        raise misnamed(len(layers), len(heads), weights.shape)
    for names in (layers, heads):
        if len(set(map(str, names))) < len(names):
            raise InputError("Layers and heads must have different names: these are {names}.", names=listed(names))
    mask = None if allowed is None else fit_allowed(allowed, weights.shape)
    rows = check_rows(weights, mask, layers, heads, grid=grid, accepted=accepted, normalize=normalize, partial=partial)
    return CheckedWeights(rows, mask, layers, heads)


def _layer_names(layers: Any, count: int) -> tuple[int | str, ...]:
    """Return the numbers of layers, or "mean" alone; numbers from 0 where there are none."""
    if layers is None:
        return tuple(range(count))
    found = _axis_names("layers", layers)
    if found != ("mean",) and not all(isinstance(name, int) and name >= 0 for name in found):
        raise InputError("layers are whole numbers from 0, not {names}.", names=listed(found))
    return found


def _axis_names(axis: str, names: Any) -> tuple[int | str, ...]:
    """Return the names of layers or heads: whole numbers or strings; InputError for anything else."""
    if isinstance(names, str) or not isinstance(names, Iterable) or getattr(names, "ndim", 1) != 1:
        raise InputError("{axis} is a list of numbers or names, not {value!r}.", axis=axis, value=names)
    found = [str(name) if isinstance(name, str) else name for name in names]
    if not all(isinstance(name, str | Integral) and not isinstance(name, bool) for name in found):
        raise InputError(
            "{axis} are whole numbers or names, not {names}.", axis=axis, names=listed(map(written, found))
        )
    return tuple(name if isinstance(name, str) else int(name) for name in found)


def as_mask(allowed: Any) -> Booleans:
    """Return a mask of booleans or of 0 and 1 as booleans; InputError for other numbers, no shape for other arrays."""
    try:
        found = _as_numpy(allowed)
    except (TypeError, ValueError, RuntimeError):
        found = np.empty(0)
    found = found if found.dtype.kind in "biuf" else np.empty(0)
    if found.size and not np.isin(found, (0, 1)).all():
        raise InputError(
            "`allowed` has other numbers than true (1) and false (0).",
            hint="Of a mask that is added to the scores, 0 and large negative numbers, give: allowed=mask > -1."
            if found.max() <= 0
            else "It is true where a query may attend to a key.",
        )
    return found.astype(bool)


def check_rows(
    weights: Floats,
    allowed: NDArray[np.bool_] | None,
    layers: tuple[Any, ...],
    heads: tuple[Any, ...],
    *,
    grid: Grid | None = None,
    accepted: RowPrecision | None = None,
    normalize: bool = False,
    partial: bool = False,
) -> CheckedRows:
    """Return valid weights [layers, heads, query, key] in float32, and what was done to them or accepted.

    A row sums to 1 as far as the precision of the numbers allows (see row_sums), or is all 0 where `allowed`, which
    broadcasts to the weights, allows it nothing. grid: the numbers' precision, where their dtype tells it; accepted:
    what their sums were found to be within before. With `normalize` every other row is divided by its sum; with
    `partial` a row may sum to less, since not all keys are there. Raises InputError that names layer, head, row and
    number: for nan, inf, a negative number, a weight where nothing is allowed, a wrong sum.
    """
    unsound = ~((weights >= 0) & (weights <= np.finfo(np.float32).max))
    if unsound.any():
        raise InputError(
            "Layer {layer}, head {head}, row {row}, column {column} is {value}: a weight is a number from 0 to 1.",
            hint="Scores become weights by a softmax over each row.",
            **_place(unsound, weights, layers, heads),
        )
    forbidden = np.zeros(1, dtype=bool) if allowed is None else (weights > _NOTHING) & ~allowed
    if forbidden.any():
        raise InputError(
            "Layer {layer}, head {head}, row {row}, column {column} is {value}, where `allowed` is false.",
            **_place(forbidden, weights, layers, heads),
        )
    judged = judge_sums(weights, allowed, grid, partial=partial, accepted=accepted)
    wrong = judged.wrong
    empty = wrong & (judged.sums == 0)
    if empty.any():
        raise InputError(
            "Layer {layer}, head {head}, row {row} sums to 0, not to 1.",
            hint="A row of zeros is valid only where `allowed` is false for the whole row.",
            **_place(empty[..., None], weights, layers, heads),
        )
    if wrong.any() and not normalize:
        raise wrong_sum(judged, weights, _place(wrong[..., None], weights, layers, heads))
    if wrong.any():
        weights = weights / np.where(wrong, judged.sums, 1)[..., None]
    return CheckedRows(weights.astype(np.float32), bool(wrong.any()), judged.precision, partial)


def _place(bad: NDArray[np.bool_], weights: Floats, layers: tuple[Any, ...], heads: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of an error that name the first bad cell."""
    layer, head, row, column = (int(i) for i in np.argwhere(bad)[0])
    value = f"{weights[layer, head, row, column]:.6g}"
    return {"layer": layers[layer], "head": heads[head], "row": row, "column": column, "value": value}
