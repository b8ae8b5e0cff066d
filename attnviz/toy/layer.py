"""One layer of attention over word vectors: small enough to redo by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention import attend, choose_products, merge_heads, split_heads
from attnviz.core.attention_data import Projection, Trace
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.positions import Positions
from attnviz.core.types import Float32
from attnviz.toy import PROJECTIONS, lexicon

LARGE_LOGIT = 64.0  # up to it float32's rounding of a product changes a weight by less than 4e-6


def make_projection(how: str, dim: int, *, seed: int = 0) -> Projection:
    """Return the four matrices that `how` names.

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
    key_inputs: NDArray[np.floating] | None = None,
    heads: int = 1,
    positions: Positions | None = None,
    allowed: NDArray[np.bool_] | None = None,
    temperature: float = 1.0,
    features: tuple[str, ...] | None = None,
) -> Trace:
    """Compute one layer of multi-head attention (Vaswani et al. 2017, section 3.2.2).

    inputs [n, dim], key_inputs [m, dim] (the inputs themselves where not given: self-attention) -> the trace of every
    intermediate, weights [heads, n, m] among them. positions may add to the inputs, rotate queries and keys, or add a
    bias to the logits. Raises OptionError where heads does not divide dim.

    Dot products of equal vectors are computed once: the last bit of a product depends on its place among others and on
    the CPU. Where a logit is large all is computed in float64, since the softmax is so sharp there that such a bit
    counts.
    """
    dim = inputs.shape[-1]
    if heads < 1 or dim % heads:
        raise OptionError(
            "--heads must be at least 1 and divide the {dim} dimensions; {heads} does not.", dim=dim, heads=heads
        )
    scheme = positions or Positions()
    trace = _layer(inputs, projection, key_inputs, heads, scheme, allowed, temperature)
    if max(trace.logits.max(initial=0), -trace.logits.min(initial=0)) > LARGE_LOGIT:
        exact = inputs.astype(np.float64)
        keys = None if key_inputs is None else key_inputs.astype(np.float64)
        trace = _layer(exact, projection, keys, heads, scheme, allowed, temperature)
    return replace(trace, features=features, head_features=_per_head(features, heads))


def _layer(
    inputs: NDArray[np.floating],
    projection: Projection,
    key_inputs: NDArray[np.floating] | None,
    heads: int,
    scheme: Positions,
    allowed: NDArray[np.bool_] | None,
    temperature: float,
) -> Trace:
    """Compute the layer in the precision of its inputs."""
    dim = inputs.shape[-1]
    once = choose_products(inputs)
    placed, added = _place(inputs, scheme)
    key_placed, key_added = (placed, added) if key_inputs is None else _place(key_inputs, scheme)
    query, key, value = (
        split_heads(x if matrix is None else once(x, matrix.T), heads)
        for x, matrix in ((placed, projection.query), (key_placed, projection.key), (key_placed, projection.value))
    )
    turned_query, turned_key = (query, key) if scheme.rotate is None else (scheme.rotate(query), scheme.rotate(key))
    context, weights, logits = attend(
        turned_query, turned_key, value, allowed=allowed, bias=scheme.bias, temperature=temperature, products=once
    )
    merged = merge_heads(context)
    output = merged if projection.output is None else _within_float32(merged.astype(np.float64) @ projection.output)
    return Trace(
        inputs=placed,
        key_inputs=key_placed,
        query=turned_query,
        key=turned_key,
        value=value,
        logits=logits,
        weights=weights,
        context=context,
        output=_float32(output),
        projection=projection,
        embedded=inputs,
        key_embedded=inputs if key_inputs is None else key_inputs,
        added=added,
        key_added=key_added,
        bias=scheme.bias,
        scale=1 / np.sqrt(dim // heads),
        temperature=temperature,
        unrotated_query=None if scheme.rotate is None else query,
        unrotated_key=None if scheme.rotate is None else key,
    )


def _place(inputs: NDArray[np.floating], scheme: Positions) -> tuple[NDArray[np.floating], Float32 | None]:
    """Return the inputs with their position vectors added, and those vectors."""
    if scheme.add is None:
        return inputs, None
    added = scheme.add(len(inputs))
    placed: NDArray[np.floating] = inputs + added
    return placed, added


def _float32(array: NDArray[np.floating]) -> Float32:
    return array.astype(np.float32)


def _within_float32(array: NDArray[np.floating]) -> NDArray[np.floating]:
    """Clip the numbers to float32's range, which a projection would leave."""
    limit = np.finfo(np.float32).max
    held: NDArray[np.floating] = np.clip(array, -limit, limit)
    return held


def _per_head(features: tuple[str, ...] | None, heads: int) -> tuple[tuple[str, ...], ...] | None:
    if features is None:
        return None
    width = len(features) // heads
    return tuple(features[head * width : (head + 1) * width] for head in range(heads))
