"""Attention sinks: a first or special token that swallows the rows.

Xiao et al. 2024 (StreamingLLM, section 3.1) name them; that a token is one where the others give it more than .3 on
average is the measure of Gu et al. 2025 (When Attention Sink Emerges in Language Models, section 3.1, epsilon = .3).
"""

from __future__ import annotations

import re

import numpy as np

from attnviz.core.attention_data import Attention, Token

_EPSILON = 0.3
_BEYOND_CHANCE = 2.0
_SPECIAL = re.compile(r"\[[A-Z][A-Z0-9_]*\]|<\|?[^<>\s]+\|?>|<[｜|][^<>]*[｜|]>")


def find_sinks(attention: Attention) -> dict[int, float]:
    """Return each sink's index among the keys, with the mean weight that the other words give it.

    A sink is the first token, or a special one ([CLS], </s>, <|endoftext|>), that gets more than .3 on average from
    the queries that may look at it (itself not counted), in the mean of the heads and layers, and more than twice what
    it would get if they looked evenly: among three words .33 is nothing. A sink that heads have learned is always one.
    """
    weights = attention.weights.astype(np.float64).mean(axis=(0, 1))
    allowed = np.ones(weights.shape, dtype=bool)
    if attention.masks is not None:
        allowed = np.logical_or.reduce(attention.masks, axis=(0, 1))
    even = 1 / np.maximum(allowed.sum(axis=-1), 1)
    found = {}
    for key, token in enumerate(attention.key):
        if key > 0 and not is_special(token):
            continue
        looking = allowed[:, key].copy()
        if not attention.is_cross and key < len(looking):
            looking[key] = False
        if looking.any():
            given, chance = float(weights[looking, key].mean()), float(even[looking].mean())
            learned = attention.has_sink and key == len(attention.query)
            if learned or (given > _EPSILON and given > _BEYOND_CHANCE * chance):
                found[key] = given
    return found


def is_special(token: Token) -> bool:
    """Return whether a token is one that a model adds to a text, by its spelling."""
    return _SPECIAL.fullmatch(token.text) is not None
