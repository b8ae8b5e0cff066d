"""Maps of a layer that need its values: lengths of whole vectors, and what a token's value changes.

norm: the length of everything that a token adds to another one in the attention block: all heads together, the residual
connection, and the norm that follows (Kobayashi et al. 2021, "Incorporating residual and normalization layers into
analysis of masked language models", section 3.2; Kobayashi et al. 2020, "Attention is not only a weight", equation 3,
for the heads' part). value-zeroing: how far a layer's output turns without a token's value (Mohebbi et al. 2023,
"Quantifying context mixing in transformers").
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.reductions import divide_rows
from attnviz.core.types import Booleans, Float32
from attnviz.core.value_maps import BlockNorm, block_lengths
from attnviz.models.families.hooks import HeadOutputs, Hook, Sublayer

_SAME = 1e-4  # of the largest number: sums that differ by less are the same but for rounding


class _Heads(NamedTuple):
    """What a sublayer's heads read: weights [heads, query, key], values [heads, key, d_v], W_o, a gate before it."""

    weights: Float32
    value: Float32
    output: Float32
    gate: Float32 | None


class _Norm(NamedTuple):
    """A norm that ran: what it read [query, dim], its result, its gain [dim], epsilon, and whether it is centred."""

    x: Float32
    result: Float32
    gain: Float32 | None
    epsilon: float
    centred: bool


class NormHook(Hook):
    """Measure `block_lengths` of each layer: with the residual connection, and the norm after it where there is one.

    Which norm that is shows in the numbers that norms read: the output of the sublayer alone (Gemma 2, OLMo 2), or its
    sum with the hidden states where attention reads these as they are and the layer ends with a norm too (BERT). In
    other models norms stand before the sublayers, and the sum goes on as it is. Cross-attention has no residual among
    its keys: there it is the heads' part alone.
    """

    def __init__(self, layers: Collection[int], *, cross: bool = False) -> None:
        self.maps: dict[int, Float32] = {}
        self._layers, self._cross = layers, cross
        self._heads: _Heads | None = None
        self._hidden: Float32 | None = None
        self._norms: list[_Norm] = []

    def layer_input(self, layer: int, hidden: Float32) -> Float32:  # noqa: ARG002
        """Keep the layer's hidden states and forget the layer before; the states are returned as they are."""
        self._heads, self._hidden, self._norms = None, hidden.copy(), []
        return hidden

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Keep what the heads read, and return their outputs as they are; a head of zeros adds nothing."""
        if at.cross == self._cross and at.layer in self._layers:
            silent: Booleans = np.array(~heads.context.any(axis=(1, 2)))
            kept = np.where(silent[:, None, None], 0, heads.weights) if silent.any() else heads.weights
            self._heads = _Heads(kept.astype(np.float32, copy=False), heads.value, heads.projection, heads.gate)
        return heads.context

    def normed(self, x: Float32, result: Float32, gain: Float32 | None, epsilon: float, *, centred: bool) -> None:
        """Keep a norm of hidden states."""
        if self._hidden is not None and x.shape == self._hidden.shape:
            self._norms.append(_Norm(x.copy(), result.copy(), gain, epsilon, centred))

    def layer_output(
        self, layer: int, hidden: Float32, attention: Trace | None, cross_attention: Trace | None
    ) -> Float32:
        """Measure the layer that ends, and return its hidden states as they are."""
        trace = cross_attention if self._cross else attention
        if self._heads is not None and self._hidden is not None and trace is not None and layer in self._layers:
            if self._cross:
                self.maps[layer] = block_lengths(*self._heads[:3], gate=self._heads.gate)
            else:
                scale, norm = self._after(trace, self._hidden, hidden)
                heads, gate = self._heads[:3], self._heads.gate
                self.maps[layer] = block_lengths(*heads, gate=gate, residual=self._hidden, scale=scale, norm=norm)
        return hidden

    def stacked(self) -> Float32:
        """Return the maps of the layers in order, rows divided by their sums: [layers, query, key]."""
        return divide_rows(np.stack([self.maps[layer] for layer in sorted(self.maps)]))

    def _after(self, trace: Trace, before: Float32, after: Float32) -> tuple[float, BlockNorm | None]:
        """Return what the sublayer's output is multiplied by in the sum, and the norm that follows it."""
        written = trace.output
        for norm in self._norms:
            if _same(norm.x, written):
                return 1.0, _block_norm(norm, whole=False)
        for norm in self._norms:
            added = norm.x - before
            if _same(norm.x, before):  # the norm before the sublayer
                continue
            scale = float(np.vdot(added, written) / max(float(np.vdot(written, written)), 1e-30))
            if not _same(added, np.float32(scale) * written, size=norm.x):
                continue
            last = _same(self._norms[-1].result, after) and np.array_equal(trace.inputs, before)
            return scale, _block_norm(norm, whole=True) if last else None
        return 1.0, None


def _block_norm(norm: _Norm, *, whole: bool) -> BlockNorm:
    exact = norm.x.astype(np.float64)
    if norm.centred:
        exact = exact - exact.mean(axis=-1, keepdims=True)
    divisor = np.sqrt((exact**2).mean(axis=-1) + norm.epsilon)
    return BlockNorm(norm.gain, divisor, norm.centred, whole)


def _same(a: Float32, b: Float32, size: Float32 | None = None) -> bool:
    """Return whether two arrays are equal but for rounding; size: the array whose largest number scales it."""
    largest = float(np.abs(b if size is None else size).max(initial=0))
    return bool(np.abs(a - b).max(initial=0) <= _SAME * largest)


class ZeroValue(Hook):
    """Set one token's value to zeros in every head of one sublayer, and leave the weights as they are."""

    def __init__(self, layer: int, key: int, *, cross: bool) -> None:
        self._at, self._key = Sublayer(layer, cross), key

    def keys_and_values(self, at: Sublayer, key: Float32, value: Float32) -> tuple[Float32, Float32]:
        """Return the keys, and the values [kv_heads, keys, d_v] with zeros for the token."""
        if at != self._at:
            return key, value
        changed = value.copy()
        changed[:, self._key] = 0
        return key, changed
