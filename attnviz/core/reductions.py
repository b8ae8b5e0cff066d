"""One map of a layer in place of its heads: by mean or maximum, or by how information moves through the layers.

mean, max, rollout and flow are computed here from weights alone. norm and value-zeroing need values: models/reduce.py
measures them in a model, toy/reduce.py in the toy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, MissingError, unknown_choice
from attnviz.core.provenance import EVERY, REDUCTIONS
from attnviz.core.types import Booleans, Float32, Floats
from attnviz.i18n.messages import Message, listed, message

NEED_VALUES = ("norm", "value-zeroing")
THROUGH_LAYERS = ("rollout", "flow")

MOST_FLOW = 40_000_000  # layers x tokens^4: what a minute or so computes
_CAPACITY = 2**24  # integers that stand for a capacity of 1: rounding changes a flow by less than 1e-6

Float64 = NDArray[np.float64]


def check_reduction(how: str | None) -> None:
    """Raise OptionError for a reduction that there is not."""
    if how is not None and how not in (*REDUCTIONS, EVERY):
        raise unknown_choice("--reduce", how, (*REDUCTIONS, EVERY))


def needs_values(how: str) -> tuple[str, ...]:
    """Return which measurements of values a reduction takes: norm, value-zeroing, both or none."""
    return tuple(name for name in NEED_VALUES if how in (name, EVERY))


def mean_heads(weights: Floats) -> Float32:
    """Return the mean over the heads: [layers, heads, query, key] -> [layers, query, key]."""
    mean: Float32 = weights.mean(axis=1, dtype=np.float64).astype(np.float32)
    return mean


def max_heads(weights: Floats) -> Float32:
    """Return the largest weight of any head, each row divided by its sum: [layers, heads, q, k] -> [layers, q, k]."""
    return divide_rows(weights.max(axis=1))


def with_residual(weights: Floats) -> Float64:
    """Return A = 0.5 W + 0.5 I of the mean of the heads, rows divided by their sums: [layers, n, n].

    Half of each row stays on the token itself, as the residual connection keeps it (Abnar and Zuidema 2020,
    "Quantifying attention flow in transformers", section 3). weights [layers, heads, n, n].
    """
    joined: Float64 = 0.5 * weights.mean(axis=1, dtype=np.float64) + 0.5 * np.eye(weights.shape[-1])
    joined /= joined.sum(axis=-1, keepdims=True)
    return joined


def rollout(weights: Floats, *, residual: bool = True) -> Float32:
    """Return how much of each input token reaches each token through the layers up to each one: [layers, n, n].

    Layer i's is A(i) times that of layer i - 1 (Abnar and Zuidema 2020, equation 1), A as in with_residual, or the mean
    of the heads for a layer that has no residual connection. weights [layers, heads, n, n], of all layers from the
    first.
    """
    found, below = [], np.eye(weights.shape[-1])
    for layer in with_residual(weights) if residual else weights.mean(axis=1, dtype=np.float64):
        below = layer @ below
        found.append(below)
    return np.array(found).astype(np.float32)


def flow(weights: Floats, layers: Sequence[int], *, residual: bool = True) -> Float32:
    """Return the largest flow from each token of these layers down to each input token, rows divided by their sums.

    (Abnar and Zuidema 2020, section 3, "Attention flow": the edges of the graph have the weights of A as capacities.)
    weights [layers, heads, n, n], of all layers from the first. Returns [len(layers), n, n].
    Raises MissingError without SciPy, InputError for more than MOST_FLOW.
    """
    count = weights.shape[-1]
    work = sum(layer + 1 for layer in layers) * count**4
    if work > MOST_FLOW:
        most = int((MOST_FLOW / sum(layer + 1 for layer in layers)) ** 0.25)
        raise InputError(
            "Flow takes layers x tokens^4 steps: {count} tokens are too many, at most {most} are computed here.",
            hint="Give a shorter text, a lower --layer, or use --reduce rollout.",
            count=count,
            most=most,
        )
    try:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import maximum_flow
    except ImportError:
        raise MissingError(
            "Attention flow needs SciPy, the extra [flow].",
            hint="In the project's folder, install it with: pip install '.[flow]'.",
        ) from None
    joined = with_residual(weights) if residual else weights.mean(axis=1, dtype=np.float64)
    found = []
    for layer in layers:
        size = (layer + 2) * count
        capacities = np.zeros((size, size), dtype=np.int32)
        for level in range(layer + 1):  # node (level, token) stands at level * count + token; edges lead downwards
            above, below = slice((level + 1) * count, (level + 2) * count), slice(level * count, (level + 1) * count)
            capacities[above, below] = np.rint(joined[level] * _CAPACITY)
        graph = csr_array(capacities)
        flows = np.zeros((count, count))
        for query in range(count):
            for key in range(count):
                flows[query, key] = maximum_flow(graph, (layer + 1) * count + query, key).flow_value
        found.append(divide_rows(flows))
    return np.array(found)


def divide_rows(maps: Floats) -> Float32:
    """Return rows divided by their sums, [..., query, key]; a row of zeros stays."""
    sums = maps.sum(axis=-1, keepdims=True, dtype=np.float64)
    return (maps / np.where(sums > 0, sums, 1)).astype(np.float32)


def reduce_attention(
    attention: Attention, how: str, maps: Mapping[str, Float32] | None = None, layers: Sequence[int | str] | None = None
) -> Attention:
    """Return one map a layer in place of the heads, or, for "all", one head for each of REDUCTIONS that there is.

    maps: norm and value-zeroing as they were measured, [layers, query, key] each. layers: which of the attention's are
    kept, and the maps are of; None for all. Rollout and flow need all layers from the first to the last kept one.
    Provenance says how it was reduced.
    Raises OptionError for another `how`; MissingError where values, layers or SciPy are missing, InputError for
    attention between two texts or of a mean; of "all" these are left out, and a note says why.
    """
    check_reduction(how)
    known = {} if maps is None else maps
    places = [attention.layers.index(layer) for layer in (attention.layers if layers is None else layers)]
    if how != EVERY:
        return _with_maps(attention, {how: _reduced(attention, how, known, places)}, how, places)
    every: dict[str, Float32] = {}
    notes: list[Message] = []
    for name in REDUCTIONS:
        try:
            every[name] = _reduced(attention, name, known, places)
        except (InputError, MissingError) as error:
            notes.append(message("{name} is left out: {reason}", name=name, reason=error.message))
    found = _with_maps(attention, every, how, places)
    return replace(found, notes=(*found.notes, *notes))


def _reduced(attention: Attention, how: str, maps: Mapping[str, Float32], places: list[int]) -> Float32:
    """Return one reduction, [layers, query, key], of the layers with these indexes."""
    weights = attention.weights
    if how in NEED_VALUES:
        if how not in maps:
            raise MissingError(
                "{how} needs the values, and only weights are known here.",
                hint="Use --reduce mean, max, rollout or flow.",
                how=how,
            )
        return _with_sink(maps[how], attention)
    if how not in THROUGH_LAYERS:
        return (mean_heads if how == "mean" else max_heads)(weights[places])
    if attention.is_cross:
        raise InputError(
            "{how} follows one text through the layers: here the words of one text look at those of another.",
            hint="Use --reduce mean, max, norm or value-zeroing.",
            how=how,
        )
    if not _from_the_first(attention):
        raise MissingError(
            "{how} needs all layers from the first; here are {layers}.",
            hint="Use --reduce mean or max.",
            how=how,
            layers=listed(map(str, attention.layers)),
        )
    residual, square = _has_residual(attention), weights[..., : len(attention.query)]
    if how == "flow":
        return _with_sink(flow(square, places, residual=residual), attention)
    return _with_sink(rollout(square[: places[-1] + 1], residual=residual)[places], attention)


def _with_sink(maps: Float32, attention: Attention) -> Float32:
    """Return maps [layers, query, key] with a column of zeros for a sink, which adds nothing."""
    return np.pad(maps, ((0, 0), (0, 0), (0, attention.weights.shape[-1] - maps.shape[-1])))


def _has_residual(attention: Attention) -> bool:
    """Return whether words keep their own vectors beside what attention adds: in every model, not in the toy."""
    return attention.provenance.toy is None


def _from_the_first(attention: Attention) -> bool:
    """Return whether all layers are there from the first to the last that there is here."""
    return attention.layers == tuple(range(len(attention.layers)))


def _with_maps(attention: Attention, maps: Mapping[str, Float32], how: str, places: list[int]) -> Attention:
    """Return the attention of the layers with these indexes, with the maps as its heads."""
    allowed = attention.allowed
    if allowed is not None:
        reach, seen = _reach(attention)[places], _any_head(attention)[places]
        through = np.stack([reach if name in THROUGH_LAYERS else seen for name in maps], axis=1)
        allowed = through[0, 0] if (through == through[:1, :1]).all() else through
    weights = np.stack(list(maps.values()), axis=1)
    nothing = ~weights.any(axis=-1, keepdims=True)
    if nothing.any():  # rows to which no token adds anything, as words whose values are zeros
        allowed = np.broadcast_to(True if allowed is None else allowed, weights.shape) & ~nothing
    return replace(
        attention,
        weights=weights,
        allowed=allowed,
        layers=tuple(attention.layers[place] for place in places),
        heads=tuple(maps),
        output=attention.output if places[-1] == len(attention.layers) - 1 else None,
        traces=(),
        contributions=None,
        provenance=replace(attention.provenance, reduced=how),
    )


def _any_head(attention: Attention) -> Booleans:
    """Return what any head of each layer may look at, [layers, query, key]."""
    assert attention.masks is not None
    return np.array(attention.masks.any(axis=1))


def _reach(attention: Attention) -> Booleans:
    """Return which input tokens can reach each token through the layers, [layers, query, key]."""
    allowed = _any_head(attention)
    if attention.is_cross or not _from_the_first(attention):
        return allowed
    below = np.eye(len(attention.query), dtype=bool)
    residual = below & _has_residual(attention)
    found = []
    for layer in allowed[..., : len(attention.query)]:
        below = (layer | residual).astype(np.float32) @ below.astype(np.float32) > 0
        found.append(below)
    return np.pad(np.array(found), ((0, 0), (0, 0), (0, allowed.shape[-1] - len(attention.query))))
