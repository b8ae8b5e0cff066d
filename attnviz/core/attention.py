"""Scaled dot-product attention in NumPy: arrays in, arrays out.

One body computes, `attend`; it hands back the logits beside output and weights, so that whoever explains
a number shows the number that was computed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.core.argument_kinds import ARRAY, WHOLE, check_arguments
from attnviz.core.errors import InputError, ShapeError
from attnviz.core.types import Booleans, Float32, Floats

# Half of float64's range: two such numbers can be added without overflow.
_LARGEST = np.finfo(np.float64).max / 4
_FEW = 256  # so many vectors are put in order in no time


class Attended(NamedTuple):
    """What one call of `attend` computed, all [..., query, ...]; logits after scale, cap, bias and temperature.

    weights and logits have the precision they were computed in, float32 or float64; a sink is their last column.
    """

    output: Float32
    weights: Floats
    logits: Floats


@check_arguments()
def softmax(logits: ArrayLike, allowed: ArrayLike | None = None, axis: int = -1) -> Floats:
    """Turn logits into weights that are at least 0 and sum to 1 along `axis`.

    exp(x_i) / sum_j exp(x_j), with the largest logit subtracted first: adding a constant changes nothing, and
    nothing overflows. `allowed` (boolean, broadcast against the logits) removes entries: they get exactly 0, and
    where nothing is allowed all weights are 0. float32 in gives float32 out, float64 gives float64.

    Examples:
        >>> softmax([0.0, 0.0])
        array([0.5, 0.5])
    """
    dimensions = _logits(logits).ndim
    if not -dimensions <= axis < dimensions:
        last = dimensions - 1
        raise ShapeError("axis must be from {first} to {last}, not {axis}.", first=-dimensions, last=last, axis=axis)
    return _divide_by_sum(exponentials(logits, allowed, axis), axis)


def _divide_by_sum(weights: Floats, axis: int = -1) -> Floats:
    """Divide exponentials by their sum along `axis`, in place, and return them; zeros stay zeros."""
    total = weights.sum(axis=axis, keepdims=True)
    weights /= np.where(total == 0, 1, total)
    return weights


def _logits(logits: ArrayLike) -> NDArray[Any]:
    """Return logits as an array; InputError for what are no real numbers, ShapeError for one number alone."""
    try:
        x = np.asarray(logits)
    except ValueError:
        x = np.empty(0, dtype=object)
    if x.dtype.kind not in "fiub":
        raise InputError("{name} must be an array of real numbers.", name="logits")
    if not x.ndim:
        raise ShapeError("The logits must have at least one dimension, [keys], not shape {shape}.", shape=x.shape)
    return x


def exponentials(logits: ArrayLike, allowed: ArrayLike | None = None, axis: int = -1) -> Floats:
    """Return e^(x - the largest allowed x along `axis`), 0 for what is not allowed: the softmax before its division."""
    x = _logits(logits)
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(np.float64)
    if allowed is not None:
        permitted = np.asarray(allowed, dtype=bool)
        try:
            x = np.where(permitted, x, x.dtype.type(-np.inf))
        except ValueError:
            raise ShapeError(
                "allowed {allowed} and the logits {logits} do not broadcast.", allowed=permitted.shape, logits=x.shape
            ) from None
    if x.shape[axis] == 0:
        return np.zeros_like(x)
    largest = x.max(axis=axis, keepdims=True)
    powers: Floats = x - np.where(np.isneginf(largest), 0, largest)
    np.exp(powers, out=powers)
    return powers


def dot_products(query: Floats, key: Floats) -> Floats:
    """Return the dot product of each query with each key: [..., n_q, d], [..., n_k, d] -> [..., n_q, n_k]."""
    # A copy in the order that the product reads is small beside it, and makes it twice as fast.
    dots: Floats = query @ np.ascontiguousarray(key.swapaxes(-1, -2))
    return dots


def choose_products(inputs: NDArray[np.floating]) -> Callable[[Floats, Floats], Floats]:
    """Return what computes the dot products of vectors made from these, [n, dim].

    `distinct_products` for few vectors, whose products then do not depend on their order, for equal vectors, and in
    float64, where each bit counts; else `dot_products`.
    """
    if len(inputs) <= _FEW or inputs.dtype == np.float64 or len({row.tobytes() for row in inputs}) < len(inputs):
        return distinct_products
    return dot_products


def distinct_products(query: Floats, key: Floats) -> Floats:
    """Return `dot_products`, those of equal vectors computed once, in an order that does not depend on theirs.

    [n_q, d], [n_k, d] -> [n_q, n_k], or the same with a leading dimension of heads. So equal vectors get equal products
    on every CPU, which a product of matrices does not promise.
    """
    if query.ndim == 3:
        return np.stack([distinct_products(q, k) for q, k in zip(query, key, strict=True)])
    (queries, to_query), (keys, to_key) = _distinct(query), _distinct(key)
    return dot_products(queries, keys)[np.ix_(to_query, to_key)]


def _distinct(rows: Floats) -> tuple[Floats, list[int]]:
    """Return the distinct rows in the order of their bytes, and for each row which of them it is."""
    rows = rows + 0.0  # -0.0 is 0.0
    written = [row.tobytes() for row in rows]
    first = {each: index for index, each in reversed(list(enumerate(written)))}
    place = {each: index for index, each in enumerate(sorted(first))}
    return rows[[first[each] for each in place]], [place[each] for each in written]


@check_arguments()
def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    *,
    allowed: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    scale: float | None = None,
    temperature: float = 1.0,
    cap: float | None = None,
    sink: ArrayLike | None = None,
) -> tuple[Float32, Float32]:
    """Return for each query the mean of the values, weighted by how well the query fits each key, and the weights.

    weights = softmax((query @ key.T * scale + bias) / temperature), output = weights @ value
    (Vaswani et al. 2017, "Attention is all you need", equation 1).

    query [..., n_q, d], key [..., n_k, d], value [..., n_k, d_v]; leading batch and head dimensions broadcast.
    allowed: boolean, broadcasts to [..., n_q, n_k]; False is "cannot look". A row with nothing allowed is zeros.
    bias: added to the scaled logits before the mask. scale: 1/sqrt(d) unless given. temperature: above 0.
    cap: above 0; scaled dot products s become cap tanh(s / cap), which lies between -cap and cap, before the bias is
    added (Gemma team 2024, "Gemma 2", section 2). sink: one logit for each head, [...] as the leading dimensions; it
    takes part in the softmax of each row as a key that no mask forbids and that has no value, so that a row's keys
    may get less than 1 together (OpenAI 2025, "gpt-oss model card", section 2). Its share is the weights' last column:
    weights are [..., n_q, n_k + 1] then.
    Returns output [..., n_q, d_v] and weights [..., n_q, n_k], both float32, finite for every finite input up to
    3.4e38: where float32 logits overflow they are computed again in float64. float64 input is computed in float64.
    Raises ShapeError where shapes do not fit and InputError for nan, inf or a temperature or cap that is not above 0.

    Examples:
        >>> output, weights = scaled_dot_product_attention([[1.0]], [[1.0]], [[3.0]])
        >>> float(output[0, 0]), float(weights[0, 0])
        (3.0, 1.0)
    """
    attended = attend(
        query, key, value, allowed=allowed, bias=bias, scale=scale, temperature=temperature, cap=cap, sink=sink
    )
    return attended.output, attended.weights.astype(np.float32)


def attend(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    *,
    allowed: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    scale: float | None = None,
    temperature: float = 1.0,
    cap: float | None = None,
    sink: ArrayLike | None = None,
    products: Callable[[Floats, Floats], Floats] = dot_products,
) -> Attended:
    """Compute `scaled_dot_product_attention`, and return the logits too. products: computes the dot products."""
    q, k, v = _same_precision(query, key, value)
    _check_shapes(q, k, v)
    if not _is_positive(temperature):
        raise InputError("The temperature must be a number above 0, not {value}.", value=temperature)
    if cap is not None and not _is_positive(cap):
        raise InputError("The cap of the scores must be a number above 0, not {value}.", value=cap)
    if scale is not None and not -sys.float_info.max <= scale <= sys.float_info.max:
        raise InputError("The scale must be a finite number, not {value}.", value=scale)
    factor = 1 / np.sqrt(q.shape[-1]) if scale is None else float(scale)
    permitted = None if allowed is None else np.asarray(allowed, dtype=bool)
    added = None if bias is None else np.asarray(bias)
    _check_cells(q, k, v, added, permitted)
    sinks = None if sink is None else _sink_logits(sink, np.broadcast_shapes(q.shape[:-2], k.shape[:-2]))

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        logits = products(q, k)
        logits *= q.dtype.type(factor)
        logits = _cap_add_and_divide(logits, cap, added, float(temperature))
        if not np.isfinite(logits).all():
            logits = _logits_in_float64(q, k, cap, added, factor, float(temperature), products)
        if sinks is not None:
            logits, permitted = _with_sink(logits, permitted, sinks)
        weights = _divide_by_sum(exponentials(logits, permitted))
        shared = weights if sinks is None else weights[..., :-1]
        output = (shared @ v).astype(np.float32, copy=False)
        if not np.isfinite(output).all():
            output = _mean_in_float64(shared, v)
    return Attended(output, weights, logits)


def _cap_add_and_divide(logits: Floats, cap: float | None, bias: NDArray[Any] | None, temperature: float) -> Floats:
    """Cap, add the bias, divide by the temperature; in place where the shape stays: logits are the largest array."""
    if cap is not None:
        logits /= logits.dtype.type(cap)
        np.tanh(logits, out=logits)
        logits *= logits.dtype.type(cap)
    if bias is not None:
        fits = np.broadcast_shapes(bias.shape, logits.shape) == logits.shape
        logits = np.add(logits, bias.astype(logits.dtype, copy=False), out=logits if fits else None)
    if temperature != 1:
        logits /= logits.dtype.type(temperature)
    return logits


def _logits_in_float64(
    q: Floats,
    k: Floats,
    cap: float | None,
    bias: NDArray[Any] | None,
    factor: float,
    temperature: float,
    products: Callable[[Floats, Floats], Floats],
) -> Floats:
    """Compute the same logits in float64, clipped to half its range (a weight is 0 or 1 there)."""
    if bias is not None:
        if not np.isfinite(bias).all():
            raise InputError("The bias must be finite; to forbid a cell use `allowed`.")
        bias = np.clip(bias.astype(np.float64), -_LARGEST, _LARGEST)
    for name, array in (("query", q), ("key", k)):
        _check_finite(name, array)
    dots = products(q.astype(np.float64), k.astype(np.float64))
    scaled = np.clip(dots * factor, -_LARGEST, _LARGEST)
    return np.clip(_cap_add_and_divide(scaled, cap, bias, temperature), -_LARGEST, _LARGEST)


def _sink_logits(sink: ArrayLike, leading: tuple[int, ...]) -> Floats:
    """Return the sink's logits, one for each of the leading dimensions; raises ShapeError where they do not fit."""
    logits = _real("sink", sink)
    _check_finite("sink", logits)
    try:
        return np.broadcast_to(logits, leading)
    except ValueError:
        raise ShapeError(
            "sink {sink} must have one logit for each head: it does not broadcast to {leading}.",
            sink=logits.shape,
            leading=leading,
        ) from None


def _with_sink(logits: Floats, allowed: Booleans | None, sink: Floats) -> tuple[Floats, Booleans | None]:
    """Return logits [..., n_q, n_k + 1] with the sink's as the last column, and the mask, which allows it."""
    column = np.broadcast_to(sink[..., None, None], (*logits.shape[:-1], 1)).astype(logits.dtype)
    joined = np.concatenate([logits, column], axis=-1)
    if allowed is None:
        return joined, None
    keys = np.broadcast_to(allowed, (*allowed.shape[:-1], logits.shape[-1]))
    return joined, np.concatenate([keys, np.ones((*keys.shape[:-1], 1), dtype=bool)], axis=-1)


def _mean_in_float64(weights: Floats, v: Floats) -> Float32:
    """Compute the weighted mean in float64, clipped to float32's range: a mean lies between its values."""
    _check_finite("value", v)
    limit = np.finfo(np.float32).max
    mean = weights.astype(np.float64) @ v.astype(np.float64)
    held: Float32 = np.clip(mean, -limit, limit).astype(np.float32)
    return held


@check_arguments(x=ARRAY, heads=WHOLE)
def split_heads(x: ArrayLike, heads: int) -> Floats:
    """Cut the features into `heads` equal slices: [..., n, d] -> [..., heads, n, d / heads].

    Vaswani et al. 2017, section 3.2.2. Raises ShapeError where heads does not divide d.

    Examples:
        >>> split_heads([[1, 2, 3, 4]], 2).shape
        (2, 1, 2)
    """
    array = np.asarray(x)
    if array.ndim < 2:
        raise ShapeError("Cutting into heads needs [..., tokens, features], not shape {shape}.", shape=array.shape)
    n, d = array.shape[-2:]
    if heads < 1 or d % heads:
        raise ShapeError("{d} features cannot be cut into {heads} equal heads.", d=d, heads=heads)
    return np.moveaxis(array.reshape(*array.shape[:-2], n, heads, d // heads), -2, -3)


@check_arguments(x=ARRAY)
def merge_heads(x: ArrayLike) -> Floats:
    """Put the heads' features side by side again: [..., heads, n, d_h] -> [..., n, heads * d_h].

    Examples:
        >>> merge_heads(split_heads([[1, 2, 3, 4]], 2)).shape
        (1, 4)
    """
    given = np.asarray(x)
    if given.ndim < 3:
        raise ShapeError("Merging heads needs [..., heads, tokens, features], not shape {shape}.", shape=given.shape)
    array = np.moveaxis(given, -3, -2)
    return array.reshape(*array.shape[:-2], array.shape[-2] * array.shape[-1])


def _same_precision(query: ArrayLike, key: ArrayLike, value: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return the three as float64 where one of them is (Python numbers are), else as float32."""
    q, k, v = _real("query", query), _real("key", key), _real("value", value)
    precision = np.result_type(q, k, v)
    return q.astype(precision, copy=False), k.astype(precision, copy=False), v.astype(precision, copy=False)


def _real(name: str, x: ArrayLike) -> Floats:
    try:
        given = np.asarray(x)
    except ValueError:
        given = np.empty(0, dtype=object)
    if given.dtype.kind not in "fiub":
        raise InputError("{name} must be an array of real numbers.", name=name)
    if given.dtype.itemsize <= 4 and given.dtype.kind == "f":
        return given.astype(np.float32, copy=False)
    array = given.astype(np.float64, copy=False)
    if np.abs(array).max(initial=0) > np.finfo(np.float32).max:
        _check_finite(name, np.full(1, np.inf))
    return array


def _is_positive(value: object) -> bool:
    """Return whether this is a number above 0 that a float64 holds."""
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        return False
    return bool(0 < value <= sys.float_info.max)


def _check_finite(name: str, array: Floats) -> None:
    if not np.isfinite(array).all():
        raise InputError("{name} must hold finite numbers up to 3.4e38; it has nan, inf or a larger number.", name=name)


def _check_shapes(q: Floats, k: Floats, v: Floats) -> None:
    for name, array in (("query", q), ("key", k), ("value", v)):
        if array.ndim < 2:
            raise ShapeError(
                "{name} must have at least 2 dimensions [tokens, features], not shape {shape}.",
                name=name,
                shape=array.shape,
            )
    if q.shape[-1] != k.shape[-1] or q.shape[-1] == 0:
        raise ShapeError(
            "query {q} and key {k} must have the same number of features, at least 1, in their last dimension.",
            q=q.shape,
            k=k.shape,
        )
    if k.shape[-2] != v.shape[-2]:
        raise ShapeError("key {k} and value {v} must have the same number of rows.", k=k.shape, v=v.shape)
    try:
        np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    except ValueError:
        raise ShapeError(
            "The leading dimensions of query {q}, key {k} and value {v} do not broadcast.",
            q=q.shape,
            k=k.shape,
            v=v.shape,
        ) from None


def _check_cells(q: Float32, k: Float32, v: Float32, bias: NDArray[Any] | None, allowed: Booleans | None) -> None:
    """Raise ShapeError for a bias or mask that does not broadcast with the logits, the other or the value."""
    leading = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    cells = (*leading, q.shape[-2], k.shape[-2])
    for name, array in (("bias", bias), ("allowed", allowed)):
        if array is None:
            continue
        try:
            both = np.broadcast_shapes(array.shape, cells)
        except ValueError:
            both = ()
        if both[-2:] != cells[-2:]:
            raise ShapeError(
                "{name} {given} does not broadcast to the logits {logits}.", name=name, given=array.shape, logits=cells
            )
        cells = both
