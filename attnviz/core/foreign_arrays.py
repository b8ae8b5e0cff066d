"""Weights that were computed elsewhere: arrays of any make become [layers, heads, query, key], sound row by row.

Nothing here imports torch, jax or transformers: a tensor is asked for its numbers in its own words (`detach`, `cpu`,
`numpy`), anything else through `__array__`.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, MissingError, ShapeError
from attnviz.core.masks import fit_allowed
from attnviz.core.types import Booleans, Float32, Floats
from attnviz.i18n.messages import listed

TOLERANCE = 1e-3
_NOTHING = 1e-6


def stack_weights(weights: Any, batch: int = 0) -> Floats:
    """Return the numbers of `weights` as [layers, heads, query, key], not yet checked.

    [query, key] is one head, [heads, query, key] one layer, [layers, heads, query, key] all. transformers' tuple of one
    [batch, heads, query, key] a layer, or such a tuple stacked, [layers, batch, heads, query, key], gives the text that
    `batch` names, counted from 0. Raises ShapeError, or MissingError for a text or a layer that is not there.

    >>> stack_weights([[0.5, 0.5], [1, 0]]).shape
    (1, 1, 2, 2)
    """
    if isinstance(weights, tuple | list) and any(each is None for each in weights):
        raise MissingError(
            "Layer {layer} of the weights is None: the model did not return its attention.",
            hint='Load it with attn_implementation="eager" and call it with output_attentions=True.',
            layer=next(i for i, each in enumerate(weights) if each is None),
        )
    if isinstance(weights, tuple | list) and len(weights) and all(getattr(each, "ndim", 0) == 4 for each in weights):
        return _same_shape([_one_text(as_numbers(layer), batch, 0) for layer in weights])
    if isinstance(weights, tuple | list) and len(weights) and all(getattr(each, "ndim", 0) >= 2 for each in weights):
        found = _same_shape([as_numbers(each) for each in weights])
    else:
        found = as_numbers(weights)
    if found.ndim != 5 and batch != 0:
        raise MissingError("There is no text {batch}: the weights are of one text, without a batch.", batch=batch)
    return as_layers(_one_text(found, batch, 1) if found.ndim == 5 else found)


def as_numbers(array: Any) -> Floats:
    """Convert an array of real numbers to float32 or float64; tensors leave device and graph, bfloat16 is widened."""
    try:
        found = _as_numpy(array)
    except ValueError:
        raise ShapeError("The weights are not an array: their rows are not equally long.") from None
    except (TypeError, RuntimeError) as error:
        raise InputError("The weights are not an array of numbers: {error}.", error=error) from None
    try:
        if found.dtype.kind in "biuf" or found.dtype.name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
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


def _one_text(array: Floats, batch: int, axis: int) -> Floats:
    """Return the text numbered `batch` of a batch along `axis`."""
    count = array.shape[axis]
    if not isinstance(batch, Integral) or not 0 <= batch < count:
        raise MissingError("There is no text {batch} in a batch of {count}, counted from 0.", batch=batch, count=count)
    chosen: Floats = np.take(array, batch, axis=axis)
    return chosen


def _same_shape(arrays: list[Floats]) -> Floats:
    shapes = list(dict.fromkeys(array.shape for array in arrays))
    if len(shapes) > 1:
        raise ShapeError(
            "All layers must have one shape; here are {first} and {second}.", first=shapes[0], second=shapes[1]
        )
    return np.stack(arrays)


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


class CheckedWeights(NamedTuple):
    """Weights from elsewhere, float32 [layers, heads, query, key], every row valid, and what goes with them.

    allowed: see masks.fit_allowed. normalized: whether any row was divided by its sum.
    """

    weights: Float32
    allowed: Booleans | None
    layers: tuple[int, ...]
    heads: tuple[int | str, ...]
    normalized: bool


def check_given(
    weights: Floats,
    allowed: Any,
    layers: Sequence[int] | None,
    heads: Sequence[int | str] | None,
    *,
    cross: bool,
    normalize: bool,
    partial: bool,
) -> CheckedWeights:
    """Check weights [layers, heads, query, key], and the mask and names that go with them.

    allowed: an array of booleans or numbers, or None. layers, heads: names, or None to number them. cross: whether the
    keys have names of their own. normalize, partial: see check_rows. Raises ShapeError and InputError.
    """
    if not cross and weights.shape[-2] != weights.shape[-1]:
        raise ShapeError(
            "Weights of {queries} queries and {count} keys are cross-attention: the keys need names of their own.",
            hint="Give keys, one a column (in a file `keys`, or --labels a second time).",
            queries=weights.shape[-2],
            count=weights.shape[-1],
        )
    layers = tuple(range(weights.shape[0]) if layers is None else layers)
    heads = tuple(range(weights.shape[1]) if heads is None else heads)
    if (len(layers), len(heads)) != weights.shape[:2]:
        raise misnamed(len(layers), len(heads), weights.shape)
    for names in (layers, heads):
        if len(set(map(str, names))) < len(names):
            raise InputError("Layers and heads must have different names: these are {names}.", names=listed(names))
    mask = None if allowed is None else _mask(allowed, weights.shape)
    checked, normalized = check_rows(weights, mask, layers, heads, normalize=normalize, partial=partial)
    return CheckedWeights(checked, mask, layers, heads, normalized)


def _mask(allowed: Any, shape: tuple[int, ...]) -> Booleans:
    """Return a mask of booleans or numbers that fits weights of this shape; ShapeError for any other array."""
    found = np.asarray(allowed)
    known = found if found.dtype.kind in "biuf" else np.empty(0)
    return fit_allowed(known.astype(bool), shape)


def misnamed(layers: int, heads: int, shape: tuple[int, ...]) -> ShapeError:
    """Return the error for another number of names than there are layers and heads."""
    return ShapeError(
        "The numbers of layer names ({layers}) and head names ({heads}) do not fit the weights' shape {shape}.",
        layers=layers,
        heads=heads,
        shape=shape,
    )


def check_rows(
    weights: Floats,
    allowed: NDArray[np.bool_] | None,
    layers: tuple[Any, ...],
    heads: tuple[Any, ...],
    *,
    normalize: bool = False,
    partial: bool = False,
) -> tuple[Float32, bool]:
    """Return valid weights [layers, heads, query, key] in float32, and whether any row was re-normalized.

    A row sums to 1 within 1e-3, or is all 0 where `allowed`, which broadcasts to the weights, allows it nothing. With
    `normalize` every other row is divided by its sum; with `partial` a row may sum to less, since not all keys are
    there. Raises InputError that names layer, head, row and number: for nan, inf, a negative number, a weight where
    nothing is allowed, a wrong sum.
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
    return _whole_rows(weights, allowed, layers, heads, normalize=normalize, partial=partial)


def _whole_rows(
    weights: Floats,
    allowed: NDArray[np.bool_] | None,
    layers: tuple[Any, ...],
    heads: tuple[Any, ...],
    *,
    normalize: bool,
    partial: bool,
) -> tuple[Float32, bool]:
    sums = weights.sum(axis=-1, dtype=np.float64)
    blind = np.zeros(weights.shape[-2], dtype=bool) if allowed is None else ~allowed.any(axis=-1)
    less = np.zeros(sums.shape, dtype=bool) if not partial else sums < 1
    wrong = (np.abs(sums - 1) > TOLERANCE) & ~blind & ~less
    empty = (sums == 0) & ~blind & ~less
    if empty.any():
        raise InputError(
            "Layer {layer}, head {head}, row {row} sums to 0, not to 1.",
            hint="A row of zeros is valid only where `allowed` is false for the whole row.",
            **_place(empty[..., None], weights, layers, heads),
        )
    if wrong.any() and not normalize:
        total = sums[tuple(np.argwhere(wrong)[0])]
        raise InputError(
            "Layer {layer}, head {head}, row {row} sums to {sum}, not to 1.",
            hint="If they are weights nevertheless, --normalize (normalize=True) divides each row by its sum.",
            **_place(wrong[..., None], weights, layers, heads),
            sum=f"{total:.6g}",
        )
    if wrong.any():
        weights = weights / np.where((sums == 0) | ~wrong, 1, sums)[..., None]
    return weights.astype(np.float32), bool(wrong.any())


def _place(bad: NDArray[np.bool_], weights: Floats, layers: tuple[Any, ...], heads: tuple[Any, ...]) -> dict[str, Any]:
    """Return the fields of an error that name the first bad cell."""
    layer, head, row, column = (int(i) for i in np.argwhere(bad)[0])
    value = f"{weights[layer, head, row, column]:.6g}"
    return {"layer": layers[layer], "head": heads[head], "row": row, "column": column, "value": value}
