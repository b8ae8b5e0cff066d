"""What a way of computing attention cannot see: any order of the words, their mirror image only, or nothing.

Whatever sees only how far apart two words stand (symmetric ALiBi, a window that looks both ways) finds a text and its
mirror image the same, and rightly so: it is blind to direction, not to order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

import numpy as np

from attnviz.core.attention_data import Attention
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import Settings
from attnviz.toy.words import Words

Order = tuple[int, ...]

_ROUNDING = 1e-6
_MOST_SWAPS, _LEAST_SWAPS = 64, 3
_WEIGHTS_TO_TRY = 2_000_000


class Blindness(StrEnum):
    """What can change in a text without any word looking at the others, or being renewed, otherwise."""

    ANY_ORDER = "any order"
    MIRROR_IMAGE = "mirror image"
    NOTHING = "nothing"


def blindness(attend: Callable[[Order], Attention], count: int) -> Blindness:
    """Try a text of `count` words backwards, then with two neighbours swapped, each pair in turn.

    attend: the attention of the words in a given order of their indexes. Word by word, by index, weights and outputs
    are compared with those of the text as it stands; a change is rounding up to `threshold`. Of a long text some pairs
    are tried, spread over it. A single word is blind to any order.
    """
    as_it_stands = tuple(range(count))
    plain = attend(as_it_stands)
    if _differs(plain, attend(as_it_stands[::-1]), as_it_stands[::-1]):
        return Blindness.NOTHING
    for order in _swaps(count):
        if _differs(plain, attend(order), order):
            return Blindness.MIRROR_IMAGE
    return Blindness.ANY_ORDER


def threshold(*attentions: Attention) -> float:
    """Return what float32 rounding alone may change in a weight: 1e-6 x max(1, the largest |logit|)."""
    logits = (float(np.abs(trace.logits).max(initial=0)) for each in attentions for trace in each.traces)
    return _ROUNDING * max(1.0, max(logits, default=1.0))


def _swaps(count: int) -> Iterator[Order]:
    """Yield the orders with one pair of neighbours swapped; of a long text, pairs spread from its start to its end."""
    pairs = max(0, count - 1)
    tried = min(pairs, max(_LEAST_SWAPS, min(_MOST_SWAPS, _WEIGHTS_TO_TRY // max(1, count**2))))
    for i in dict.fromkeys(np.linspace(0, pairs - 1, tried).astype(int).tolist() if tried else ()):
        yield (*range(i), i + 1, i, *range(i + 2, count))


def _differs(plain: Attention, other: Attention, order: Order) -> bool:
    """Return whether a word's weights or output differ from the plain text's; `order` says which word is where."""
    back = np.argsort(order)
    weights = other.weights[:, :, back] if plain.is_cross else other.weights[:, :, back][..., back]
    rounding = threshold(plain, other)
    if np.abs(weights - plain.weights).max(initial=0) > rounding:
        return True
    if plain.output is None or other.output is None:
        return False
    return bool(np.abs(other.output[back] - plain.output).max(initial=0) > 10 * rounding)


def blind_to(words: Words, settings: Settings) -> Blindness:
    """Return what attention under these settings cannot see in these words: any order, the mirror image, or nothing."""
    return blindness(lambda order: attend_to(words.reordered(order), settings), len(words.tokens))
