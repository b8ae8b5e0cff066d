"""Read a text in parts: keys and values of what was read are kept, so that a further token costs one row a layer.

Layers without attention keep what they know of the tokens so far, which is of one size however many they are.

A cached pass gives what a pass over the whole text gives for its last rows (Pope et al. 2022, "Efficiently scaling
transformer inference", section 2: the key/value cache).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.families.hooks import Hook, HookChain, Sublayer, hooked_too
from attnviz.models.forward import ForwardOutput, Network, Request, token_ids


class KeyValueCache(Hook):
    """Keep each layer's keys and values, and put them before those of the tokens that are read next.

    Of layers without attention it keeps what they know of the tokens so far. Cross-attention is left as it is: its keys
    are those of the other text in every pass.
    """

    def __init__(self) -> None:
        self._layers: dict[int, _GrowingPair] = {}
        self._states: dict[tuple[int, str], Float32] = {}

    def keys_and_values(self, at: Sublayer, key: Float32, value: Float32) -> tuple[Float32, Float32]:
        """Return the keys and values of all tokens so far, [kv_heads, tokens, d_h], for those of the new ones."""
        if at.cross:
            return key, value
        return self._layers.setdefault(at.layer, _GrowingPair()).extended(key, value)

    def state_before(self, layer: int, name: str, state: Float32) -> Float32:
        """Return what the layer knew after the tokens that were read before; `state` where there were none."""
        return self._states.get((layer, name), state)

    def state_after(self, layer: int, name: str, state: Float32) -> None:
        """Keep what the layer knows of the tokens so far."""
        self._states[layer, name] = state.copy()


class _GrowingPair:
    """Keys and values in arrays that have room for more, so that a token is added without copying the others."""

    def __init__(self) -> None:
        self._count = 0
        self._arrays: tuple[Float32, Float32] | None = None

    def extended(self, key: Float32, value: Float32) -> tuple[Float32, Float32]:
        """Return all keys and values with these added, each [kv_heads, tokens, width]."""
        start, self._count = self._count, self._count + key.shape[1]
        old = self._arrays
        if old is None or self._count > old[0].shape[1]:
            room = max(2 * self._count, 32)
            self._arrays = _with_room(key, room), _with_room(value, room)
            for new, kept in zip(self._arrays, old or (), strict=False):
                new[:, :start] = kept[:, :start]
        assert self._arrays is not None
        for array, added in zip(self._arrays, (key, value), strict=True):
            array[:, start : self._count] = added
        return self._arrays[0][:, : self._count], self._arrays[1][:, : self._count]


def _with_room(x: Float32, count: int) -> Float32:
    """Return an array like x [heads, n, width] for `count` tokens, [heads, count, width]."""
    return np.empty((x.shape[0], count, x.shape[2]), dtype=x.dtype)


class Restarting(Hook):
    """A hook that keeps something of the tokens that were read."""

    def restart(self) -> None:
        """Forget it: the text is read from its beginning."""


class TextReader:
    """Read a text that grows: each call runs only the tokens that were not read before, where that is exact.

    Where it is not (see Stack.cache_state: dynamic rotary scaling, say), all tokens are read again. hooks: see every
    pass, in this order, after one that is active; those that are Restarting are told when all is read anew.
    """

    def __init__(self, network: Network, encoder_hidden_states: Float32 | None = None, *hooks: Hook) -> None:
        self._network = network
        self._encoder_hidden_states = encoder_hidden_states
        self._hooks = hooks
        self._read: list[int] = []
        self._state: Hashable = None
        self._cache = KeyValueCache()

    def __call__(self, ids: Sequence[int], request: Request) -> ForwardOutput:
        """Return the pass over token ids [n]: weights, hidden states and logits of the rows that were not read before.

        Raises InputError as a pass over all of them does.
        """
        start, state = len(self._read), self._network.cache_state(len(ids))
        if not 0 < start < len(ids) or state != self._state or self._read != list(ids[:start]):
            start, self._cache = 0, KeyValueCache()
            for hook in self._hooks:
                if isinstance(hook, Restarting):
                    hook.restart()
        self._read, self._state = [], None  # an interrupted pass leaves a cache that is not used again
        new = token_ids(ids[start:])
        with hooked_too(HookChain(self._cache, *self._hooks)):
            if self._encoder_hidden_states is None:
                output = self._network.read(new, request, start=start)
            else:
                output = self._network.decode(new, self._encoder_hidden_states, request, start=start)
        self._read, self._state = list(ids), state
        return output
