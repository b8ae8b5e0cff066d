"""Attention of a picture that no model has read: random weights of 3 x 5 patches."""

from __future__ import annotations

import numpy as np

from attnviz.core.attention_data import Attention, Token
from attnviz.core.provenance import ModelOrigin, PictureOrigin, Provenance
from attnviz.core.thumbnail import Box, make_thumbnail

ROWS, COLUMNS = 3, 5


def seen_picture(*, heads=1, pixels=True, special=("[CLS]",)):
    """Return the attention of a picture of 3 x 5 patches with random weights."""
    random = np.random.default_rng(2)
    shown = random.integers(0, 256, (30, 50, 3)).astype(np.uint8)
    thumbnail = make_thumbnail(shown, 60, 200, Box(0, 50, 60, 150)) if pixels else None
    tokens = tuple(map(Token, (*special, *(f"r{row}c{column}" for row in range(ROWS) for column in range(COLUMNS)))))
    weights = random.dirichlet(np.ones(len(tokens)), (1, heads, len(tokens))).astype(np.float32)
    picture = PictureOrigin("cat.png", ROWS, COLUMNS, thumbnail)
    return Attention(
        query=tokens,
        key=tokens,
        weights=weights,
        provenance=Provenance(ModelOrigin("tiny", "vit", 1, heads, "none", picture=picture)),
    )
