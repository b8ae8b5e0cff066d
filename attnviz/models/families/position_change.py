"""A change of positions while a stack runs: every token at one place, or another base of the rotary angles.

A family asks `place_numbers` for the places of its tokens, whatever it makes of them (a table, a bias of distances,
angles), so that one change serves all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from attnviz.core.types import Indexes


@dataclass
class PositionChange:
    """What is changed, and whether the stack has asked for it since.

    same: every token stands at place 0, so that nothing tells their order. base: of the rotary frequencies, in place of
    the config's; None for the config's. places_read, base_read: set where a family reads places, or a base.
    """

    same: bool = False
    base: float | None = None
    places_read: bool = False
    base_read: bool = False


_change: ContextVar[PositionChange | None] = ContextVar("attnviz_positions", default=None)


@contextmanager
def changed_positions(change: PositionChange | None) -> Iterator[None]:
    """Let positions be changed inside; None for those that the model has."""
    before = _change.set(change)
    try:
        yield
    finally:
        _change.reset(before)


def place_numbers(count: int, start: int = 0) -> Indexes:
    """Return the places of `count` tokens, those from `start` on: [count - start], from 0 up; zeros if changed."""
    return np.zeros(count - start, dtype=np.int64) if stand_together() else np.arange(start, count)


def stand_together() -> bool:
    """Return whether all tokens are meant to stand at one place, at distance 0 of each other."""
    change = _change.get()
    if change is None:
        return False
    change.places_read = True
    return change.same


def rotary_base(base: float) -> float:
    """Return the base of the rotary frequencies: the config's, which is given, or the changed one."""
    change = _change.get()
    if change is None:
        return base
    change.base_read = True
    return base if change.base is None else change.base
