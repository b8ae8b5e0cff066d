"""The layers that transformer families share: linear layers, norms, and the attention sublayer.

All take and give float32; a matrix product is one call of the BLAS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention import attend, merge_heads, split_heads
from attnviz.core.attention_data import ScoreTerm, Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Booleans, Float32
from attnviz.models.families.hooks import HeadOutputs, Sublayer, active
from attnviz.models.families.weights import Weights


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear layer, x @ weight.T + bias: weight [outputs, inputs] as PyTorch keeps it, bias [outputs] or None."""

    weight: Float32
    bias: Float32 | None = None

    def __call__(self, x: Float32) -> Float32:
        """Apply the layer: [n, inputs] -> [n, outputs]."""
        # In this order the BLAS reads the weights as they lie: for a few tokens it takes half the time.
        product: Float32 = self.weight @ x.T
        if self.bias is not None:
            product += self.bias[:, None]
        return product.T


def linear(weights: Weights, name: str, inputs: int, outputs: int, *, bias: bool = True) -> Linear:
    """Return the layer whose tensors are name.weight [outputs, inputs] and name.bias [outputs]."""
    return Linear(
        weights.take(f"{name}.weight", shape=(outputs, inputs)),
        weights.take(f"{name}.bias", shape=(outputs,)) if bias else None,
    )


def transposed_linear(weights: Weights, name: str, inputs: int, outputs: int) -> Linear:
    """Return the layer whose weight is kept as [inputs, outputs], as GPT-2 does; its bias is [outputs]."""
    return Linear(
        weights.take(f"{name}.weight", shape=(inputs, outputs)).T, weights.take(f"{name}.bias", shape=(outputs,))
    )


def layer_norm(x: Float32, weight: Float32 | None, bias: Float32 | None, epsilon: float) -> Float32:
    """Scale each row of x [..., d] to mean 0 and variance 1, then times weight [d] plus bias [d].

    (Ba et al. 2016, equation 4.)
    """
    centred: Float32 = x - x.mean(axis=-1, keepdims=True)
    centred *= _inverse_length(centred, epsilon)
    if weight is not None:
        centred *= weight
    if bias is not None:
        centred += bias
    running = active()
    if running is not None:
        running.hook.normed(x, centred, weight, epsilon, centred=True)
    return centred


def rms_norm(x: Float32, weight: Float32, epsilon: float) -> Float32:
    """Divide each row of x [..., d] by its root mean square, then multiply by weight [d].

    (Zhang and Sennrich 2019, equation 4.)
    """
    scaled = x * _inverse_length(x, epsilon)
    scaled *= weight
    running = active()
    if running is not None:
        running.hook.normed(x, scaled, weight, epsilon, centred=False)
    return scaled


def _inverse_length(x: Float32, epsilon: float) -> Float32:
    """Return 1 / sqrt(mean of squares + epsilon) of each row of x [..., d]: [..., 1]."""
    squares = np.einsum("...i,...i->...", x, x)
    inverse: Float32 = np.reciprocal(np.sqrt(squares / np.float32(x.shape[-1]) + np.float32(epsilon)))
    return inverse[..., None]


def take_layer_norm(weights: Weights, name: str, dim: int, x: Float32, epsilon: float) -> Float32:
    """Return the layer norm of x [..., dim] by the tensors name.weight and name.bias, [dim] each."""
    return layer_norm(
        x, weights.take(f"{name}.weight", shape=(dim,)), weights.take(f"{name}.bias", shape=(dim,)), epsilon
    )


def take_rms_norm(weights: Weights, name: str, dim: int, x: Float32, epsilon: float) -> Float32:
    """Return the root mean square norm of x [..., dim] by the tensor name.weight [dim]."""
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
    cap: float | None = None,
    sink: Float32 | None = None,
    terms: Mapping[str, Float32] | None = None,
    gate: Float32 | None = None,
) -> Trace:
    """Run an attention sublayer from projected heads to W_o (Vaswani et al. 2017, section 3.2.2); keep every number.

    inputs [q, dim] and key_inputs [k, dim]: what was projected. query [heads, q, d_h], key and value
    [kv_heads, k, d_h], rotated already; each serves heads / kv_heads query heads in a row (Ainslie et al. 2023).
    allowed [q, k], bias [heads, q, k], cap, sink [heads]: see core.attention.attend; where they have more rows than
    there are queries, their last rows are meant. terms [heads, q, k]: the parts of a bias by their names, in place of
    it; the trace keeps them. The trace's weights are [heads, q, k], or [heads, q, k + 1] with a sink, whose key and
    value are zeros in the trace. An active hook is shown keys, values and the heads' outputs, and may
    change the mask and the temperature; that divides the logit of a sink too. gate [heads, q, d_h]: what the heads'
    means of values are multiplied by before W_o.
    """
    running, queries = active(), query.shape[-2]
    at = None if running is None else Sublayer(running.layer, cross=inputs is not key_inputs)
    if running is not None and at is not None:
        key, value = running.hook.keys_and_values(at, key, value)
    terms = {name: _last_rows(term, queries) for name, term in (terms or {}).items()}
    if terms:
        bias = reduce(np.add, terms.values())
    temperature = 1.0
    if running is not None and at is not None:
        temperature = running.hook.temperature(at)
        allowed = running.hook.mask(at, allowed, (queries, key.shape[-2]))
        sink = sink if sink is None or temperature == 1 else (sink / np.float32(temperature)).astype(np.float32)
    key, value = _repeat_kv_heads(key, len(query)), _repeat_kv_heads(value, len(query))
    allowed = None if allowed is None else _last_rows(allowed, queries)
    bias = None if bias is None else _last_rows(bias, queries)
    try:
        context, weights, logits = attend(
            query, key, value, allowed=allowed, bias=bias, scale=scale, temperature=temperature, cap=cap, sink=sink
        )
    except InputError:
        for array in (query, key, value, *(one for one in (bias, sink) if one is not None)):
            finite(array)  # looked at where something is wrong only: the fault is then that of the model's weights
        raise
    read = context if gate is None else context * gate
    if running is not None and at is not None:
        read = running.hook.head_outputs(at, HeadOutputs(read, weights, value, output.weight, gate))
    added = None if bias is None else np.broadcast_to(bias, (*logits.shape[:-1], key.shape[-2]))
    if sink is not None:
        key, value = _with_empty_row(key), _with_empty_row(value)
        added = None if added is None else np.pad(added, ((0, 0), (0, 0), (0, 1)))
        terms = {name: np.pad(term, ((0, 0), (0, 0), (0, 1))) for name, term in terms.items()}
    return Trace(
        inputs=inputs,
        key_inputs=key_inputs,
        query=query,
        key=key,
        value=value,
        logits=logits,
        weights=weights,
        context=read if gate is None else context,
        output=output(merge_heads(read)),
        bias=added,
        scale=1 / np.sqrt(query.shape[-1]) if scale is None else scale,
        cap=cap,
        sink=sink,
        terms=tuple(ScoreTerm(name, values) for name, values in terms.items()),
        gate=gate,
    )


def _last_rows(x: NDArray[Any], count: int) -> NDArray[Any]:
    """Return the last `count` rows of x [..., rows, keys]."""
    return x if x.shape[-2] <= count else x[..., -count:, :]


def _with_empty_row(x: Float32) -> Float32:
    """Return x [heads, n, d_h] with a row of zeros at the end, [heads, n + 1, d_h]."""
    return np.concatenate([x, np.zeros_like(x[:, :1])], axis=1)


def finite(x: Float32) -> Float32:
    """Return x unchanged; raises InputError where a number of it is not finite: the model's weights are damaged."""
    if not np.isfinite(x).all():
        raise InputError("The model's weights give numbers beyond 3.4e38; they are damaged, or not of this family.")
    return x


def _repeat_kv_heads(x: Float32, heads: int) -> Float32:
    """Repeat each of the key or value heads x [kv_heads, n, d_h] in a row: [heads, n, d_h]."""
    return x if len(x) == heads else np.repeat(x, heads // len(x), axis=0)


def heads_of(x: Float32, heads: int) -> Float32:
    """Split x into heads: [n, heads * d_h] -> [heads, n, d_h]."""
    cut: Float32 = split_heads(x, heads).astype(np.float32, copy=False)
    return cut


@lru_cache(maxsize=8)
def causal_mask(count: int, window: int | None = None, start: int = 0) -> Booleans:
    """Return a mask [count, count], True where a token sees itself and the window - 1 before it, or all before it.

    start: the first row that is wanted: [count - start, count].
    """
    mask = np.tri(count - start, count, k=start, dtype=bool)
    if window is not None:
        mask &= ~np.tri(count - start, count, k=start - window, dtype=bool)
    mask.flags.writeable = False
    return mask


@lru_cache(maxsize=8)
def window_mask(count: int, reach: int) -> Booleans:
    """Return a mask [count, count], True where a token sees itself and the `reach` tokens before and after it."""
    mask: Booleans = np.tri(count, k=reach, dtype=bool) & ~np.tri(count, k=-reach - 1, dtype=bool)
    mask.flags.writeable = False
    return mask


def convolve(x: Float32, kernel: Float32, groups: int = 1) -> Float32:
    """Return the convolution of x [n, inputs] along its tokens, with zeros before and after them: [n, outputs].

    kernel [outputs, inputs / groups, width], as PyTorch keeps it: each group of outputs sees its group of inputs; the
    width is odd.
    """
    count, width = len(x), kernel.shape[-1]
    padded = np.pad(x, ((width // 2, width // 2), (0, 0)))
    parts = []
    for inputs, weights in zip(np.split(padded, groups, axis=1), np.split(kernel, groups), strict=True):
        parts.append(sum(inputs[place : place + count] @ weights[:, :, place].T for place in range(width)))
    joined: Float32 = np.concatenate(parts, axis=1)
    return joined


def convolve_before(x: Float32, kernel: Float32) -> Float32:
    """Return the convolution of each feature of x with its row of kernel [dim, width], [n, dim].

    x [width - 1 + n, dim]: the tokens that are read after the width - 1 before them, zeros where there are none. A
    token sees itself, by the last column, and the width - 1 tokens before it.
    """
    width = kernel.shape[-1]
    count = len(x) - width + 1
    mixed = np.zeros((count, x.shape[-1]), dtype=x.dtype)
    for place in range(width):
        mixed += x[place : place + count] * kernel[:, place]
    return mixed


def soft_cap(x: Float32, cap: float | None) -> Float32:
    """Return cap tanh(x / cap), in place: numbers between -cap and cap (Gemma team 2024, "Gemma 2", section 2)."""
    if cap is None:
        return x
    x /= np.float32(cap)
    np.tanh(x, out=x)
    x *= np.float32(cap)
    return x


def relative_bias(table: Float32, buckets: NDArray[np.int64]) -> Float32:
    """Look up each distance's bias: table [buckets, heads], buckets [queries, keys] -> [heads, queries, keys]."""
    return np.ascontiguousarray(table.T)[:, buckets]
