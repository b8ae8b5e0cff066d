"""One layer of attention over word vectors: small enough to redo by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz import lexicon
from attnviz.attention import attend, merge_heads, split_heads
from attnviz.data import Trace
from attnviz.errors import OptionError, unknown_choice
from attnviz.positions import Positions

Float32 = NDArray[np.float32]

PROJECTIONS = ("auto", "identity", "lexicon", "random")


@dataclass(frozen=True, eq=False)
class Projection:
    """W_q, W_k, W_v and W_o, each [dim, dim]; None stands for the identity matrix."""

    query: Float32 | None = None
    key: Float32 | None = None
    value: Float32 | None = None
    output: Float32 | None = None


def make_projection(how: str, dim: int, *, seed: int = 0) -> Projection:
    """The four matrices that `how` names.

    identity: Q = K = V = X. random: seeded normal numbers scaled by 1/sqrt(dim), so that lengths stay about the same.
    lexicon: hand-made over the toy's named features (see lexicon.projections). Raises OptionError for another name.
    """
    if how == "identity":
        return Projection()
    if how == "lexicon":
        return Projection(*lexicon.projections())
    if how == "random":
        generator = np.random.default_rng(seed)
        matrices = generator.standard_normal((4, dim, dim)) / np.sqrt(dim)
        return Projection(*matrices.astype(np.float32))
    raise unknown_choice("--projection", how, PROJECTIONS)


def layer(
    inputs: NDArray[np.floating],
    projection: Projection,
    *,
    heads: int = 1,
    positions: Positions | None = None,
    allowed: NDArray[np.bool_] | None = None,
    temperature: float = 1.0,
    features: tuple[str, ...] | None = None,
) -> Trace:
    """One layer of multi-head self-attention (Vaswani et al. 2017, section 3.2.2).

    inputs [n, dim] -> the trace of every intermediate, weights [heads, n, n] among them. positions may add to the
    inputs, rotate queries and keys, or add a bias to the logits. Raises OptionError where heads does not divide dim.
    """
    dim = inputs.shape[-1]
    if heads < 1 or dim % heads:
        raise OptionError(
            "--heads must be at least 1 and divide the {dim} dimensions; {heads} does not.", dim=dim, heads=heads
        )
    scheme = positions or Positions()
    placed = inputs if scheme.add is None else inputs + scheme.add(len(inputs))
    query, key, value = (
        split_heads(placed if matrix is None else placed @ matrix, heads)
        for matrix in (projection.query, projection.key, projection.value)
    )
    if scheme.rotate is not None:
        query, key = scheme.rotate(query), scheme.rotate(key)
    context, weights, logits = attend(query, key, value, allowed=allowed, bias=scheme.bias, temperature=temperature)
    merged = merge_heads(context)
    output = merged if projection.output is None else _within_float32(merged.astype(np.float64) @ projection.output)
    placed, query, key, value = (array.astype(np.float32) for array in (placed, query, key, value))
    return Trace(
        inputs=placed, key_inputs=placed, query=query, key=key, value=value, logits=logits, weights=weights,
        context=context, output=output.astype(np.float32), features=features, head_features=_per_head(features, heads),
    )  # fmt: skip


def _within_float32(array: NDArray[np.floating]) -> NDArray[np.floating]:
    """Held inside float32's range, where a projection would leave it."""
    limit = np.finfo(np.float32).max
    held: NDArray[np.floating] = np.clip(array, -limit, limit)
    return held


def _per_head(features: tuple[str, ...] | None, heads: int) -> tuple[tuple[str, ...], ...] | None:
    if features is None:
        return None
    width = len(features) // heads
    return tuple(features[head * width : (head + 1) * width] for head in range(heads))
