"""Positions: what tells a model which word came first.

A scheme adds to the inputs, rotates queries and keys, or adds a bias to the logits, and nothing else in the
program knows which: `SCHEMES` has one line each, and `positions` hands out the three, unused ones as None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import unknown_choice

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """Where a scheme stands: how many tokens there are, how wide they are, in how many heads."""

    queries: int
    keys: int
    dim: int
    heads: int


@dataclass(frozen=True)
class Positions:
    """What a scheme does: add [n, dim] to the inputs, rotate [heads, n, d_h], bias [heads, queries, keys]."""

    add: Callable[[int], Float32] | None = None
    rotate: Callable[[Float32], Float32] | None = None
    bias: Float32 | None = None


def sinusoidal(count: int, dim: int, offset: int = 0) -> Float32:
    """Waves of growing length, [count, dim]: even columns are sines, odd ones cosines, all in [-1, 1].

    PE(pos, 2i) = sin(pos / 10000^(2i/dim)), PE(pos, 2i+1) = cos(the same) (Vaswani et al. 2017, section 3.5).
    An odd dim ends with a sine. `offset` is the first position.

    >>> sinusoidal(1, 4).tolist()
    [[0.0, 1.0, 0.0, 1.0]]
    """
    wavelength = 10000.0 ** (np.arange(0, dim, 2) / dim)
    angle = np.arange(offset, offset + count)[:, None] / wavelength[None, :]
    table = np.empty((count, dim))
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle[:, : dim // 2])
    return table.astype(np.float32)


def _none(_: Place) -> Positions:
    return Positions()


def _sinusoidal(place: Place) -> Positions:
    return Positions(add=lambda count: sinusoidal(count, place.dim))


SCHEMES: dict[str, Callable[[Place], Positions]] = {"none": _none, "sinusoidal": _sinusoidal}


def positions(name: str, place: Place) -> Positions:
    """What the scheme `name` does at `place`; raises OptionError for an unknown name."""
    if name not in SCHEMES:
        raise unknown_choice("--position", name, SCHEMES)
    return SCHEMES[name](place)
