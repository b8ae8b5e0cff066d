"""The length of what each head adds from each word, for the toy and for real models."""

from __future__ import annotations

import numpy as np

from attnviz.core.attention_data import Attention
from attnviz.core.contributions import value_lengths, weighted_lengths
from attnviz.core.types import Float32


def contributions(attention: Attention) -> Float32 | None:
    """Return ||weight x f(x_j)||, [layers, heads, query, key], where f(x) = (x W_v + b_v) W_o.

    (Kobayashi et al. 2020, "Attention is not only a weight", equation 3.) A model measures it where it is asked to
    (Attention.contributions); the toy's is computed from its traces. None where values are not known, as of given
    weights.
    """
    if attention.contributions is not None:
        return attention.contributions
    if attention.provenance.toy is None or not attention.traces:
        return None
    found = []
    for trace in attention.traces:
        matrix = None if trace.projection is None else trace.projection.output
        width = trace.value.shape[-1]
        # W_o of the toy has a row for each feature of the heads; of heads that were selected only some are here.
        places = [_number(head) for head in attention.heads]
        rows = None if matrix is None else np.concatenate([matrix[n * width : (n + 1) * width] for n in places])
        found.append(weighted_lengths(trace.weights, value_lengths(trace.value, None if rows is None else rows.T)))
    return np.stack(found)


def _number(head: int | str) -> int:
    """Return which of the toy's heads this is, by its number or name."""
    from attnviz.toy.lexicon import GROUPS

    return head if isinstance(head, int) else list(GROUPS).index(head)
