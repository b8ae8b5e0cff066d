"""Masks: who may look at whom, as a boolean [query, key] that stays boolean to the last line."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError, ShapeError, unknown_choice
from attnviz.core.types import Booleans
from attnviz.i18n.messages import Message, message

SPELLINGS = ("none", "causal", "window:K", "window:K,causal")


def make_mask(spelling: str, queries: int, keys: int) -> NDArray[np.bool_] | None:
    """Return the mask that `spelling` names, [queries, keys]; True is "may look"; None where everything is allowed.

    causal: a word sees itself and what came before, j <= i (Vaswani et al. 2017, section 3.2.3).
    window:K: |i - j| <= K. window:K,causal: 0 <= i - j <= K (Beltagy et al. 2020, Longformer, section 3.1).

    >>> make_mask("causal", 2, 2).tolist()
    [[True, False], [True, True]]
    """
    window, causal = parse_mask(spelling)
    if window is None and not causal:
        return None
    distance = np.arange(queries)[:, None] - np.arange(keys)[None, :]
    allowed = np.ones((queries, keys), dtype=bool)
    if window is not None:
        allowed &= np.abs(distance) <= window
    if causal:
        allowed &= distance >= 0
    return allowed


def parse_mask(spelling: str) -> tuple[int | None, bool]:
    """Read a mask's spelling as (window or None, causal); raises OptionError for any other."""
    if not isinstance(spelling, str):
        raise unknown_choice("--mask", spelling, SPELLINGS)
    parts = [part.strip() for part in spelling.strip().lower().split(",")]
    window: int | None = None
    for part in parts:
        if match := re.fullmatch(r"window:(.*)", part):
            window = _window(spelling, match[1])
        elif part not in ("none", "causal"):
            raise unknown_choice("--mask", spelling, SPELLINGS)
    if len(set(parts)) != len(parts) or ("none" in parts and len(parts) > 1) or sum(p != "causal" for p in parts) > 1:
        raise unknown_choice("--mask", spelling, SPELLINGS)
    return window, "causal" in parts


def _window(spelling: str, width: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", width.strip()):
        raise OptionError(
            "A window is a whole number of words from 0 to 999999999, as in window:2; {spelling!r} is not.",
            spelling=spelling,
        )
    return int(width)


def mask_words(spelling: str) -> Message:
    """Return what a sentence calls a mask.

    >>> str(mask_words("causal")), str(mask_words("window:2")), str(mask_words("window:3,causal"))
    ('causal mask', 'window mask (2 each way)', 'causal window mask (3 back)')
    """
    window, causal = parse_mask(spelling)
    if window is None:
        return message("causal mask") if causal else message("no mask")
    if causal:
        return message("causal window mask ({width} back)", width=window)
    return message("window mask ({width} each way)", width=window)


def fit_allowed(allowed: Booleans, shape: tuple[int, ...]) -> Booleans:
    """Return a mask of weights of this shape as [query, key], or as [1 or layers, 1 or heads, query, key].

    It may be [query, key], [heads, query, key] or [layers, heads, query, key], with 1 for all layers or heads.
    Raises ShapeError for any other shape.
    """
    if 2 <= allowed.ndim <= 4 and allowed.shape[-2:] == shape[2:]:
        leading = (1,) * (4 - allowed.ndim) + allowed.shape[:-2]
        if all(size in (1, count) for size, count in zip(leading, shape[:2], strict=True)):
            return allowed.reshape(shape[2:] if leading == (1, 1) else leading + shape[2:])
    raise ShapeError(
        "allowed {allowed} must have the shape of one head's weights, {weights}.",
        allowed=allowed.shape,
        weights=shape[2:],
    )
