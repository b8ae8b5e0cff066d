"""The parts that transformer families share: layers of weights, norms, and one attention sublayer.

All take and give float32; a matrix product is one call of the BLAS.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention import attend, merge_heads, split_heads
from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.models.families.weights import Weights

Float32 = NDArray[np.float32]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Linear:
    """x @ weight.T + bias: weight [outputs, inputs] as PyTorch keeps it, bias [outputs] or None."""

    weight: Float32
    bias: Float32 | None = None

    def __call__(self, x: Float32) -> Float32:
        """[n, inputs] -> [n, outputs]."""
        # In this order the BLAS reads the weights as they lie: for a few tokens it takes half the time.
        product: Float32 = self.weight @ x.T
        if self.bias is not None:
            product += self.bias[:, None]
        return product.T


def linear(weights: Weights, name: str, inputs: int, outputs: int, *, bias: bool = True) -> Linear:
    """The layer whose tensors are name.weight [outputs, inputs] and name.bias [outputs]."""
    return Linear(
        weights.take(f"{name}.weight", shape=(outputs, inputs)),
        weights.take(f"{name}.bias", shape=(outputs,)) if bias else None,
    )


def transposed_linear(weights: Weights, name: str, inputs: int, outputs: int) -> Linear:
    """The same where the weight is kept as [inputs, outputs], as GPT-2 does."""
    return Linear(
        weights.take(f"{name}.weight", shape=(inputs, outputs)).T, weights.take(f"{name}.bias", shape=(outputs,))
    )


def layer_norm(x: Float32, weight: Float32 | None, bias: Float32 | None, epsilon: float) -> Float32:
    """Each row with mean 0 and variance 1, then times weight plus bias (Ba et al. 2016, equation 4)."""
    centred: Float32 = x - x.mean(axis=-1, keepdims=True)
    centred *= _inverse_length(centred, epsilon)
    if weight is not None:
        centred *= weight
    if bias is not None:
        centred += bias
    return centred


def rms_norm(x: Float32, weight: Float32, epsilon: float) -> Float32:
    """Each row divided by its root mean square, then times weight (Zhang and Sennrich 2019, equation 4)."""
    scaled = x * _inverse_length(x, epsilon)
    scaled *= weight
    return scaled


def _inverse_length(x: Float32, epsilon: float) -> Float32:
    """1 / sqrt(mean of squares + epsilon) of each row, [..., 1]."""
    squares = np.einsum("...i,...i->...", x, x)
    inverse: Float32 = np.reciprocal(np.sqrt(squares / np.float32(x.shape[-1]) + np.float32(epsilon)))
    return inverse[..., None]


def take_layer_norm(weights: Weights, name: str, dim: int, x: Float32, epsilon: float) -> Float32:
    """The layer norm of x by the tensors name.weight and name.bias, [dim] each."""
    return layer_norm(
        x, weights.take(f"{name}.weight", shape=(dim,)), weights.take(f"{name}.bias", shape=(dim,)), epsilon
    )


def take_rms_norm(weights: Weights, name: str, dim: int, x: Float32, epsilon: float) -> Float32:
    """The root mean square norm of x by the tensor name.weight [dim]."""
    return rms_norm(x, weights.take(f"{name}.weight", shape=(dim,)), epsilon)


def attention(
    inputs: Float32,
    key_inputs: Float32,
    query: Float32,
    key: Float32,
    value: Float32,
    output: Linear,
    *,
    allowed: Booleans | None = None,
    bias: Float32 | None = None,
    scale: float | None = None,
) -> Trace:
    """One attention sublayer from projected heads to W_o (Vaswani et al. 2017, section 3.2.2), every number kept.

    inputs [q, dim] and key_inputs [k, dim]: what was projected. query [heads, q, d_h], key and value
    [groups, k, d_h], rotated already; each group serves heads / groups query heads in a row (Ainslie et al. 2023).
    """
    key, value = _repeat(key, len(query)), _repeat(value, len(query))
    try:
        context, weights, logits = attend(query, key, value, allowed=allowed, bias=bias, scale=scale)
    except InputError:
        for array in (query, key, value, *([] if bias is None else [bias])):
            finite(array)  # looked at where something is wrong only: the fault is then that of the model's weights
        raise
    added = None if bias is None else np.broadcast_to(bias, logits.shape)
    return Trace(
        inputs=inputs,
        key_inputs=key_inputs,
        query=query,
        key=key,
        value=value,
        logits=logits,
        weights=weights,
        context=context,
        output=output(merge_heads(context)),
        bias=added,
        scale=1 / np.sqrt(query.shape[-1]) if scale is None else scale,
    )


def finite(x: Float32) -> Float32:
    """The same array; InputError where a number of it left float32's range, or is none."""
    if not np.isfinite(x).all():
        raise InputError("The model's weights give numbers beyond 3.4e38; they are damaged, or not of this family.")
    return x


def _repeat(groups: Float32, heads: int) -> Float32:
    if len(groups) == heads:
        return groups
    if heads % len(groups):
        raise InputError(
            "The model's config gives {groups} key and value heads, which do not divide its {heads} heads.",
            groups=len(groups),
            heads=heads,
        )
    return np.repeat(groups, heads // len(groups), axis=0)


def heads_of(x: Float32, heads: int) -> Float32:
    """[n, heads * d_h] -> [heads, n, d_h]."""
    cut: Float32 = split_heads(x, heads).astype(np.float32, copy=False)
    return cut


@lru_cache(maxsize=8)
def causal_mask(count: int, window: int | None = None) -> Booleans:
    """[count, count]: a token sees itself and the window - 1 before it; all before it where window is None."""
    mask = np.tri(count, dtype=bool)
    if window is not None:
        mask &= ~np.tri(count, k=-window, dtype=bool)
    mask.flags.writeable = False
    return mask


def relative_bias(table: Float32, buckets: NDArray[np.int64]) -> Float32:
    """A number for each distance's bucket and each head: table [buckets, heads] -> [heads, queries, keys]."""
    return np.ascontiguousarray(table.T)[:, buckets]
