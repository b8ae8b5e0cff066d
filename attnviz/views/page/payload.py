"""Encode matrices as text that a page can hold and a browser can decode: rounded to a byte, deflated, base64.

A block holds one matrix. Its bytes are little-endian:

- `f4` and `f8` are the numbers themselves, row by row;
- `u1` (weights) and `i2` (changes) begin with each column's mean over the rows that may attend to anything, then each
  row's largest absolute number, both as float32, and go on with the cells, as shares of their row's largest in 255 or
  32767 steps. The means are kept because rounded cells would not give them exactly.

Each block is decoded alone, so that a page of 144 heads shows the first one at once. script/blocks.mjs decodes them.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

# Up to this many cells in all are kept exactly: 1.4 MB at most, for 144 heads on up to 42 words.
EXACT_UP_TO = 2**18
# The largest side of a small map in the overview, in cells; longer texts are pooled to it.
SMALL = 32

_STEPS = {"u1": 255, "i2": 32767}
# A rounded number is a share of its row's largest in at least this many steps.
LEAST_STEPS = min(_STEPS.values())


class Block(NamedTuple):
    """One encoded matrix. kind: f4, f8, u1 or i2. text: the base64 of its deflated bytes."""

    kind: str
    text: str


def encode_matrix(values: NDArray[np.floating[Any]], *, exact: bool, attending: int | None = None) -> Block:
    """Encode a matrix [rows, columns], exactly or each cell within half a step.

    Half a step is 1/510 of the row's largest for weights (no cell below 0), 1/65534 for changes.
    attending: how many rows may attend to anything; all, if not given.
    """
    if exact:
        kind = "f8" if values.dtype == np.float64 else "f4"
        return Block(kind, pack(values.astype(f"<{kind}").tobytes()))
    kind = "i2" if values.min(initial=0) < 0 else "u1"
    largest = np.abs(values).max(axis=1, initial=0).astype("<f4")
    divisor = np.where(largest == 0, np.float32(1), largest)[:, None]
    shares = np.clip(values / divisor, -1, 1)  # the largest as float32 may be a hair below the largest itself
    cells = np.rint(shares * _STEPS[kind]).astype(f"<{kind}")
    means = (values.sum(axis=0, dtype=np.float64) / max(1, len(values) if attending is None else attending)).astype(
        "<f4"
    )
    return Block(kind, pack(means.tobytes() + largest.tobytes() + cells.tobytes()))


def encode_mask(forbidden: NDArray[np.bool_]) -> str:
    """Encode forbidden cells [rows, columns], one bit each, row by row, the first in a byte's highest bit."""
    return pack(np.packbits(forbidden).tobytes())


def pool_small(
    values: NDArray[np.floating[Any]], forbidden: NDArray[np.bool_] | None = None, *, signed: bool = False
) -> NDArray[np.uint8]:
    """Pool a matrix [rows, columns] to at most SMALL x SMALL bytes, each the largest absolute number of its cells.

    0 is a byte whose cells are all forbidden. 1 to 255 is the number's position between 0 and the matrix's largest; of
    `signed` numbers between minus and plus the largest, so that 128 is no change.
    """
    allowed = np.ones(values.shape, bool) if forbidden is None else ~forbidden
    above = _pooled(np.where(allowed, values, -np.inf).astype(np.float64), np.maximum)
    below = _pooled(np.where(allowed, values, np.inf).astype(np.float64), np.minimum)
    reach = max(float(np.abs(values).max(initial=0)), float(np.finfo(np.float32).tiny))
    seen = np.isfinite(above)
    strongest = np.where(seen, np.where(signed & (-below > above), below, above), 0)
    places = 0.5 + strongest / reach / 2 if signed else strongest / reach
    return np.where(seen, 1 + np.rint(254 * places), 0).astype(np.uint8)


def tokens_per_cell(count: int) -> int:
    """Return how many tokens one cell of a small map stands for, along an axis of `count` tokens."""
    return -(-count // SMALL)


def pack(data: bytes) -> str:
    """Deflate bytes (RFC 1950) and encode them as base64.

    Rounded weights that are near noise have no repetitions: searching for them takes ten times as long as coding by
    frequency alone and makes the result a tenth larger. Sharp heads are mostly zeros and repeat much. Both ways are
    tried, and the smaller result is kept.
    """
    strategies = (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY)
    return base64.b64encode(min((_deflate(data, strategy) for strategy in strategies), key=len)).decode("ascii")


def pack_text(text: str, level: int = 6) -> str:
    """Deflate a text as UTF-8 and encode it as base64; half a character that came from JSON is written out."""
    return base64.b64encode(zlib.compress(text.encode("utf-8", "backslashreplace"), level)).decode("ascii")


def _deflate(data: bytes, strategy: int) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, strategy)
    return packer.compress(data) + packer.flush()


def _pooled(values: NDArray[np.float64], strongest: np.ufunc) -> NDArray[np.float64]:
    for axis, count in enumerate(values.shape):
        values = strongest.reduceat(values, np.arange(0, count, tokens_per_cell(count)), axis=axis)
    return values
