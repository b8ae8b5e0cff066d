"""Maps of a layer that need its values: lengths of whole vectors, and what a token's value changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.core.reductions import divide_rows
from attnviz.core.types import Float32, Floats


@dataclass(frozen=True, eq=False)
class BlockNorm:
    """The norm that follows a sublayer's output: of the sum with the residual, or of the output alone.

    gain [dim] or None; divisor [query]: what each row is divided by; centred: whether the mean of a vector is taken
    off. whole: whether the residual is normed with it.
    """

    gain: Float32 | None
    divisor: NDArray[np.float64]
    centred: bool
    whole: bool


def block_lengths(
    weights: Floats,
    value: Floats,
    output: Floats,
    *,
    gate: Floats | None = None,
    residual: Floats | None = None,
    scale: float = 1.0,
    norm: BlockNorm | None = None,
) -> Float32:
    """Return the length of what each key adds to each query, all heads together: [query, key].

    It is || scale sum_h weight_h x f_h(x_j) + residual_i where j = i ||, after the norm's linear part (g in Kobayashi
    et al. 2021, section 3.2): the mean is taken off, each number is multiplied by the gain, and divided by what row i
    is divided by. Biases, which no key adds, are left out.
    weights [heads, query, key], a sink's column after them; value [heads, key, d_v]; output [dim, heads * d_v];
    residual [query, dim]; gate [heads, query, d_v]: what the values are multiplied by before W_o, in each row.
    """
    heads, keys, width = value.shape
    by_head = output.T.reshape(heads, width, -1).astype(np.float64)
    exact = value.astype(np.float64)
    found = np.zeros((weights.shape[1], keys))
    gain = None if norm is None or norm.gain is None else norm.gain.astype(np.float64)
    divisor = np.ones(weights.shape[1]) if norm is None else norm.divisor

    def through(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Apply the norm's linear part but for the division."""
        if norm is not None and norm.centred:
            vectors = vectors - vectors.mean(axis=-1, keepdims=True)
        return vectors if gain is None else vectors * gain

    for key in range(keys):
        shares = weights[:, :, key].astype(np.float64)
        if gate is None:
            written = through((exact[:, key, None, :] @ by_head)[:, 0] * scale)  # [heads, dim]
            vectors = shares.T @ written / divisor[:, None]
        else:
            gated = gate * exact[:, key, None, :] * shares[..., None]  # [heads, query, d_v]
            vectors = through((gated @ by_head).sum(axis=0) * scale) / divisor[:, None]
        if residual is not None and key < len(vectors):
            own = residual[key].astype(np.float64)
            vectors[key] += through(own) / divisor[key] if norm is not None and norm.whole else own
        found[:, key] = np.sqrt(np.einsum("qd,qd->q", vectors, vectors))
    return found.astype(np.float32)


def cosine_distances(hidden: Floats, changed: Sequence[Floats]) -> Float32:
    """Return 1 - cos of each row with what it is without each token's value, rows divided by their sums: [query, key].

    (Mohebbi et al. 2023.) hidden [query, dim]; changed: for each key the same rows without its value.
    """
    exact = _unit(hidden)
    found = np.stack([1 - np.einsum("qd,qd->q", exact, _unit(one)) for one in changed], axis=-1)
    return divide_rows(np.where(found < 1e-12, 0, found))


def _unit(rows: Floats) -> NDArray[np.float64]:
    exact = rows.astype(np.float64)
    lengths = np.sqrt(np.einsum("qd,qd->q", exact, exact))[:, None]
    return np.asarray(exact / np.where(lengths > 0, lengths, 1))
