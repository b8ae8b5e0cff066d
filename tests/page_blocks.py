"""Decoding of a saved page's blocks, written after the format that views/page/payload.py describes."""

from __future__ import annotations

import base64
import zlib

import numpy as np

STEPS = {"u1": 255, "i2": 32767}


def inflate(text):
    """Return the bytes of a block."""
    return zlib.decompress(base64.b64decode(text))


def decode_block(block, shape):
    """Return the matrix of a block, float64 [rows, columns]."""
    data = inflate(block.text)
    if block.kind in ("f4", "f8"):
        return np.frombuffer(data, f"<{block.kind}").reshape(shape).astype(np.float64)
    rows, columns = shape
    largest = np.frombuffer(data, "<f4", rows, offset=4 * columns).astype(np.float64)
    cells = np.frombuffer(data, f"<{block.kind}", offset=4 * (rows + columns)).reshape(shape)
    return cells * largest[:, None] / STEPS[block.kind]
