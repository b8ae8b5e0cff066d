"""Watch or change what happens inside a running model: the same places in every family.

A hook is active inside `with hooked(hook):`. `forward.run_layers` tells it which layer runs, and `layers.attention`,
through which every attention sublayer passes, shows it keys, values and each head's output.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple

from attnviz.core.attention_data import Trace
from attnviz.core.types import Booleans, Float32


class Sublayer(NamedTuple):
    """An attention sublayer: its layer, counted from 0, and whether it is a decoder's cross-attention."""

    layer: int
    cross: bool


class HeadOutputs(NamedTuple):
    """What the heads of a sublayer give, and what it is made of.

    context [heads, n, d_h]: each head's weighted mean of values, times its gate [heads, n, d_h] where it has one.
    weights [heads, n, keys], or [heads, n, keys + 1] where a sink has the last column. value [heads, keys, d_h].
    projection: W_o as PyTorch keeps it, [dim, heads * d_h].
    """

    context: Float32
    weights: Float32
    value: Float32
    projection: Float32
    gate: Float32 | None = None


class Hook:
    """The places of a pass that can be watched or changed; each method returns what the pass goes on with.

    Arrays are the pass's own: a method that changes numbers returns a copy.
    """

    def layer_input(self, layer: int, hidden: Float32) -> Float32:  # noqa: ARG002
        """Return the hidden states [n, dim] that layer `layer` reads."""
        return hidden

    def layer_output(
        self,
        layer: int,  # noqa: ARG002
        hidden: Float32,
        attention: Trace | None,  # noqa: ARG002
        cross_attention: Trace | None,  # noqa: ARG002
    ) -> Float32:
        """Return the hidden states [n, dim] that layer `layer` gives; attention, cross_attention: its sublayers."""
        return hidden

    def keys_and_values(self, at: Sublayer, key: Float32, value: Float32) -> tuple[Float32, Float32]:  # noqa: ARG002
        """Return keys and values [kv_heads, keys, d_h] as the scores take them: keys are rotated."""
        return key, value

    def state_before(self, layer: int, name: str, state: Float32) -> Float32:  # noqa: ARG002
        """Return what a layer without attention knows of the tokens before: `state`, zeros, where none was read.

        name: what it is, such as a delta net's matrices; a layer may know more than one thing.
        """
        return state

    def state_after(self, layer: int, name: str, state: Float32) -> None:
        """See what a layer without attention knows of the tokens so far, in the shape that `state_before` gives."""

    def mask(self, at: Sublayer, allowed: Booleans | None, shape: tuple[int, int]) -> Booleans | None:  # noqa: ARG002
        """Return which keys each query may look at, [queries, keys] of this shape; None for all of them."""
        return allowed

    def temperature(self, at: Sublayer) -> float:  # noqa: ARG002
        """Return what divides the scores, above 0; see core.attention.attend."""
        return 1.0

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:  # noqa: ARG002
        """Return each head's output [heads, n, d_h], which W_o reads."""
        return heads.context

    def normed(self, x: Float32, result: Float32, gain: Float32 | None, epsilon: float, *, centred: bool) -> None:
        """See a norm of x [..., d] and its result; gain [d]: what it multiplies by; centred: a layer norm, not RMS."""


class HookChain(Hook):
    """Several hooks as one: each is shown what the one before it returned."""

    def __init__(self, *hooks: Hook) -> None:
        self.hooks = hooks

    def layer_input(self, layer: int, hidden: Float32) -> Float32:
        """Return the hidden states that the last hook returns."""
        for hook in self.hooks:
            hidden = hook.layer_input(layer, hidden)
        return hidden

    def layer_output(
        self, layer: int, hidden: Float32, attention: Trace | None, cross_attention: Trace | None
    ) -> Float32:
        """Return the hidden states that the last hook returns."""
        for hook in self.hooks:
            hidden = hook.layer_output(layer, hidden, attention, cross_attention)
        return hidden

    def keys_and_values(self, at: Sublayer, key: Float32, value: Float32) -> tuple[Float32, Float32]:
        """Return the keys and values that the last hook returns."""
        for hook in self.hooks:
            key, value = hook.keys_and_values(at, key, value)
        return key, value

    def state_before(self, layer: int, name: str, state: Float32) -> Float32:
        """Return the state that the last hook returns."""
        for hook in self.hooks:
            state = hook.state_before(layer, name, state)
        return state

    def state_after(self, layer: int, name: str, state: Float32) -> None:
        """Show the state to each hook."""
        for hook in self.hooks:
            hook.state_after(layer, name, state)

    def mask(self, at: Sublayer, allowed: Booleans | None, shape: tuple[int, int]) -> Booleans | None:
        """Return the mask that the last hook returns."""
        for hook in self.hooks:
            allowed = hook.mask(at, allowed, shape)
        return allowed

    def temperature(self, at: Sublayer) -> float:
        """Return the product of the hooks' temperatures."""
        return math.prod(hook.temperature(at) for hook in self.hooks)

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Return the heads' outputs that the last hook returns."""
        for hook in self.hooks:
            heads = heads._replace(context=hook.head_outputs(at, heads))
        return heads.context

    def normed(self, x: Float32, result: Float32, gain: Float32 | None, epsilon: float, *, centred: bool) -> None:
        """Show the norm to each hook."""
        for hook in self.hooks:
            hook.normed(x, result, gain, epsilon, centred=centred)


@dataclass
class Running:
    """An active hook and the layer that runs."""

    hook: Hook
    layer: int = 0


_running: ContextVar[Running | None] = ContextVar("attnviz_hook", default=None)


def active() -> Running | None:
    """Return the active hook and its layer; None outside of `hooked`."""
    return _running.get()


@contextmanager
def hooked_too(hook: Hook | None) -> Iterator[None]:
    """Make a hook active after the one that is, so that both see the pass; None for no further hook."""
    running = active()
    both = hook if running is None or hook is None else HookChain(running.hook, hook)
    with hooked(both) if hook is not None else nullcontext():
        yield


@contextmanager
def hooked(hook: Hook | None) -> Iterator[None]:
    """Make a hook active, in place of one that is; None for no hook."""
    before = _running.set(None if hook is None else Running(hook))
    try:
        yield
    finally:
        _running.reset(before)
