"""Weights as text that a page can hold and a browser opens by itself: rounded to a byte, deflated, base64.

A block holds one matrix. Its bytes are little-endian: `f4` and `f8` are the numbers themselves; `u1` (weights) and `i2`
(changes) begin with each column's mean over the rows that may look and each row's largest, as float32, and go on with
the cells, as shares of their row's largest in 255 or 32767 steps. So the means, which rounded cells would blur, are
exact.

A block is opened alone, so that a page of 144 heads shows the first one at once.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Up to this many cells in all, a page keeps them exactly: 1.4 MB at most, for 144 heads on up to 42 words.
EXACT_UP_TO = 2**18
# The side of a small map in the overview, in cells; longer texts are pooled to it.
SMALL = 32

_STEPS = {"u1": 255, "i2": 32767}
# So many shares of its row's largest does a rounded number have at least.
LEAST_STEPS = min(_STEPS.values())


class Block(NamedTuple):
    """One matrix as text: how its cells are written (f4, f8, u1 or i2), and the base64 of its deflated bytes."""

    kind: str
    text: str


def encode(values: NDArray[np.floating[Any]], *, exact: bool, looking: int | None = None) -> Block:
    """The matrix [rows, columns] as a block; exactly, or each cell within half a step of its row's largest.

    Half a step is 1/510 of the row's largest for weights (no cell below 0), 1/65534 for changes.
    looking: how many rows may look at anything; all, if not given.
    """
    if exact:
        kind = "f8" if values.dtype == np.float64 else "f4"
        return Block(kind, pack(values.astype(f"<{kind}").tobytes()))
    kind = "i2" if values.min(initial=0) < 0 else "u1"
    largest = np.abs(values).max(axis=1, initial=0).astype("<f4")
    divisor = np.where(largest == 0, np.float32(1), largest)[:, None]
    shares = np.clip(values / divisor, -1, 1)  # the largest as float32 may be a hair below the largest itself
    cells = np.rint(shares * _STEPS[kind]).astype(f"<{kind}")
    means = (values.sum(axis=0, dtype=np.float64) / max(1, len(values) if looking is None else looking)).astype("<f4")
    return Block(kind, pack(means.tobytes() + largest.tobytes() + cells.tobytes()))


def decode(block: Block, shape: tuple[int, int]) -> NDArray[np.float64]:
    """The matrix of a block, as the page's script opens it."""
    data = unpack(block.text)
    if block.kind in ("f4", "f8"):
        return np.frombuffer(data, f"<{block.kind}").reshape(shape).astype(np.float64)
    rows, columns = shape
    largest = np.frombuffer(data, "<f4", rows, offset=4 * columns).astype(np.float64)
    cells = np.frombuffer(data, f"<{block.kind}", offset=4 * (rows + columns)).reshape(shape)
    shares: NDArray[np.float64] = cells * largest[:, None] / _STEPS[block.kind]
    return shares


def encode_mask(forbidden: NDArray[np.bool_]) -> str:
    """Forbidden cells, a bit each, row after row, the first in a byte's highest bit."""
    return pack(np.packbits(forbidden).tobytes())


def small(
    values: NDArray[np.floating[Any]], forbidden: NDArray[np.bool_] | None = None, *, signed: bool = False
) -> NDArray[np.uint8]:
    """The matrix pooled to at most SMALL x SMALL cells, each the strongest of its cells, as bytes.

    0 is a cell where all is forbidden. 1 to 255 is the number's place between 0 and the matrix's largest; of `signed`
    numbers, between its largest either way, so that 128 is no change.
    """
    allowed = np.ones(values.shape, bool) if forbidden is None else ~forbidden
    above = _pooled(np.where(allowed, values, -np.inf).astype(np.float64), np.maximum)
    below = _pooled(np.where(allowed, values, np.inf).astype(np.float64), np.minimum)
    reach = max(float(np.abs(values).max(initial=0)), float(np.finfo(np.float32).tiny))
    seen = np.isfinite(above)
    strongest = np.where(seen, np.where(signed & (-below > above), below, above), 0)
    places = 0.5 + strongest / reach / 2 if signed else strongest / reach
    return np.where(seen, 1 + np.rint(254 * places), 0).astype(np.uint8)


def pool(count: int) -> int:
    """How many tokens one cell of a small map stands for, along an axis of `count`."""
    return -(-count // SMALL)


def pack(data: bytes) -> str:
    """Bytes deflated (RFC 1950), as base64.

    Rounded weights that are near noise repeat nothing: looking for repetitions takes ten times as long and makes them a
    tenth larger than letter frequencies alone. Sharp heads are mostly zeros and repeat much. The smaller one is kept.
    """
    strategies = (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY)
    return base64.b64encode(min((_deflate(data, strategy) for strategy in strategies), key=len)).decode("ascii")


def _deflate(data: bytes, strategy: int) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    return packer.compress(data) + packer.flush()


def unpack(text: str) -> bytes:
    """The bytes that `pack` packed."""
    return zlib.decompress(base64.b64decode(text))


def _pooled(values: NDArray[np.float64], strongest: np.ufunc) -> NDArray[np.float64]:
    for axis, count in enumerate(values.shape):
        values = strongest.reduceat(values, np.arange(0, count, pool(count)), axis=axis)
    return values
