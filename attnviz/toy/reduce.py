"""Maps of the toy's layer that need values: it has no residual connection and no norm, so that its heads are all."""

from __future__ import annotations

import numpy as np

from attnviz.core.attention_data import Attention, Trace
from attnviz.core.reductions import divide_rows, needs_values, reduce_attention
from attnviz.core.types import Float32, Floats
from attnviz.core.value_maps import block_lengths, cosine_distances


def reduce_toy(attention: Attention, how: str) -> Attention:
    """Return the toy's attention reduced to one map; see core.reductions.reduce_attention."""
    (trace,) = attention.traces
    makers = {"norm": _norm, "value-zeroing": _value_zeroing}
    return reduce_attention(attention, how, {name: makers[name](trace)[None] for name in needs_values(how)})


def _output_matrix(trace: Trace) -> Floats:
    """Return W_o as PyTorch keeps it, [dim, heads * d_h]; the identity where there is none."""
    matrix = None if trace.projection is None else trace.projection.output
    return np.eye(trace.value.shape[0] * trace.value.shape[2]) if matrix is None else matrix.T


def _norm(trace: Trace) -> Float32:
    """Return the length of what each word adds to each other one, all heads together, rows divided by their sums."""
    return divide_rows(block_lengths(trace.weights, trace.value, _output_matrix(trace)))


def _value_zeroing(trace: Trace) -> Float32:
    """Return how far each word's new vector turns without each other word's value, rows divided by their sums."""
    heads, _, width = trace.value.shape
    by_head = _output_matrix(trace).T.reshape(heads, width, -1).astype(np.float64)
    written = trace.value.astype(np.float64) @ by_head  # [heads, key, dim]
    weights = trace.weights.astype(np.float64)
    whole = (weights @ written).sum(axis=0)
    without = []
    for key in range(written.shape[1]):
        without.append(whole - np.einsum("hq,hd->qd", weights[:, :, key], written[:, key]))
    return cosine_distances(whole, without)
