"""The lengths of weight x v W_o in every family: what each head adds to each token from each other token."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from attnviz.core.contributions import gated_lengths, value_lengths, weighted_lengths
from attnviz.core.types import Float32
from attnviz.models.families.hooks import HeadOutputs, Hook, Sublayer


class ContributionHook(Hook):
    """Measure what heads write: `lengths` of each sublayer, [heads, query, key] (Kobayashi et al. 2020, equation 3).

    lengths: as the weights of the pass are; a sink's column, the last, is 0. layers: whose lengths to keep, None for
    all. cross: of a decoder, cross-attention or self-attention; None for both. continued: passes go on with the keys
    of the pass before, as with a key/value cache, so that only the lengths of new keys are computed.
    A head whose output another hook set to zeros before has lengths of 0.
    """

    def __init__(
        self, layers: Collection[int] | None = None, *, cross: bool | None = None, continued: bool = False
    ) -> None:
        self.lengths: dict[Sublayer, Float32] = {}
        self._layers, self._cross, self._continued = layers, cross, continued
        self._of_values: dict[Sublayer, Float32] = {}

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Keep the sublayer's lengths, and return each head's output as it is."""
        if (self._layers is None or at.layer in self._layers) and self._cross in (None, at.cross):
            if heads.gate is None:
                found = weighted_lengths(heads.weights, self._value_lengths(at, heads.value, heads.projection))
            else:
                found = gated_lengths(heads.weights, heads.value, heads.gate, heads.projection)
            found[~heads.context.any(axis=(1, 2))] = 0
            self.lengths[at] = found
        return heads.context

    def stacked(self, weights: Float32) -> Float32:
        """Return the lengths of all sublayers, in order: [layers, heads, query, key], as the kept weights are."""
        found = np.zeros_like(weights)
        for kept, (_, lengths) in zip(found, sorted(self.lengths.items()), strict=True):
            kept[:] = lengths
        return found

    def _value_lengths(self, at: Sublayer, value: Float32, projection: Float32) -> Float32:
        """Return the lengths of the values after W_o, [heads, keys]."""
        known = self._of_values.get(at)
        if not self._continued or known is None or known.shape[1] > value.shape[1]:
            found = value_lengths(value, projection)
        elif known.shape[1] == value.shape[1]:
            return known
        else:
            found = np.concatenate([known, value_lengths(value[:, known.shape[1] :], projection)], axis=1)
        if self._continued:
            self._of_values[at] = found
        return found
