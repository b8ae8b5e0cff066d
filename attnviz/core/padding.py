"""Padding that is told by a mask: which positions of a text are no padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, ShapeError
from attnviz.core.foreign_arrays import as_numbers
from attnviz.core.types import Booleans, Floats


def kept_places(
    mask: Any, count: int, *, text: int = 0, texts: int = 1, name: str = "mask", written: bool = False
) -> NDArray[np.int64]:
    """Return the positions, of `count`, that a mask keeps: those where it is 1.

    mask: an attention_mask [n] or [batch, n] of 0 and 1, of which `text`, the number of one of `texts`, picks a row;
    several texts may share one, as continuations of one prompt do. written: whether a model wrote tokens after those of
    the mask; they are kept. Raises ShapeError, or InputError for other numbers.
    """
    try:
        found = as_numbers(mask)
    except InputError as error:
        raise InputError("{name} is not an array of numbers 0 and 1: {error}", name=name, error=error.message) from None
    if found.ndim == 2:
        if len(found) > 1 and texts % len(found):
            raise ShapeError(
                "{name} is of {count} texts, and the weights are of {texts}.",
                hint="Give the row of the text that is shown; where the weights are a batch, batch= chooses one.",
                name=name,
                count=len(found),
                texts=texts,
            )
        found = found[text * len(found) // texts] if len(found) else found
    if found.ndim != 1:
        raise ShapeError(
            "{name} is [tokens] or [batch, tokens], 1 for a token and 0 for padding, not of shape {shape}.",
            name=name,
            shape=found.shape,
        )
    if not np.isin(found, (0, 1)).all():
        raise InputError("{name} has other numbers than 1 for a token and 0 for padding.", name=name)
    if written and len(found) < count:
        found = np.concatenate([found, np.ones(count - len(found))])
    elif written and len(found) > count:
        found = found[:count]
    if len(found) != count:
        raise ShapeError(
            "{name} has {length} numbers, and the weights have {count} positions.",
            hint="In cross-attention mask is for the rows and key_mask for the columns.",
            name=name,
            length=len(found),
            count=count,
        )
    kept = np.flatnonzero(found)
    if not len(kept):
        raise InputError("{name} is 0 everywhere: no token is left.", name=name)
    return kept


def without_padding(weights: Floats, queries: NDArray[np.int64], keys: NDArray[np.int64]) -> Floats:
    """Return weights [..., query, key] of these queries at these keys."""
    return weights[..., queries, :][..., keys]


def allowed_without_padding(
    allowed: Booleans, shape: tuple[int, ...], queries: NDArray[np.int64], keys: NDArray[np.int64]
) -> Booleans:
    """Return what is allowed of these queries and keys; what already has no padding stays as it is.

    shape: that of the weights with padding.
    """
    if allowed.ndim < 2 or allowed.shape[-2:] != shape[-2:]:
        return allowed
    return allowed[..., queries, :][..., keys]
