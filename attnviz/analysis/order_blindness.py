"""What a way of computing attention cannot see: any order of the words, their mirror image only, or nothing.

Numbers decide it, and numbers are rounded: a change that rounding alone could make is none, and where rounding could
make a large one nothing is claimed.

Whatever sees only how far apart two words stand (symmetric ALiBi, a window that looks both ways) finds a text and its
mirror image the same, and rightly so: it is blind to direction, not to order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TypeVar

import numpy as np

from attnviz.core.attention_data import Attention
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import Settings
from attnviz.toy.words import Words

Order = tuple[int, ...]
Computed = TypeVar("Computed")

_ROUNDING = 1e-6  # of a weight, for each unit of the largest |logit|, in float32
_ROUNDING_IN_FLOAT64 = 4 * float(np.finfo(np.float64).eps)
LARGEST_ROUNDING = 1e-4  # a change beyond it is never called none
_MOST_SWAPS, _LEAST_SWAPS = 64, 3
_WEIGHTS_TO_TRY = 2_000_000


class Blindness(StrEnum):
    """What can change in a text without any word looking at the others, or being renewed, otherwise."""

    ANY_ORDER = "any order"
    MIRROR_IMAGE = "mirror image"
    NOTHING = "nothing"
    UNKNOWN = "unknown"  # the scores are so large that rounding could change a weight


def blindness(attend: Callable[[Order], Attention], count: int) -> Blindness:
    """Try a text of `count` words backwards, then with two neighbours swapped, each pair in turn.

    attend: the attention of the words in a given order of their indexes. Word by word, by index, weights and outputs
    are compared with those of the text as it stands; a change is one beyond `rounding` and `output_rounding`. Of a
    long text some pairs are tried, spread over it. A single word is blind to any order.
    """
    return find_blindness(attend, count, _differs)


def find_blindness(
    compute: Callable[[Order], Computed], count: int, differs: Callable[[Computed, Computed, Order], bool | None]
) -> Blindness:
    """Try orders as `blindness` does, of whatever is computed.

    differs: whether the second result, of the words in an order, is another than the first, of the text as it stands;
    None where that cannot be told.
    """
    if count < 2:
        return Blindness.ANY_ORDER
    as_it_stands = tuple(range(count))
    plain = compute(as_it_stands)
    backwards = differs(plain, compute(as_it_stands[::-1]), as_it_stands[::-1])
    if backwards is not False:
        return Blindness.NOTHING if backwards else Blindness.UNKNOWN
    for order in _swaps(count):
        swapped = differs(plain, compute(order), order)
        if swapped is not False:
            return Blindness.MIRROR_IMAGE if swapped else Blindness.UNKNOWN
    return Blindness.ANY_ORDER


def rounding(*attentions: Attention) -> float:
    """Return what rounding alone may change in a weight, at most 1: it grows with the largest |logit|.

    1e-6 x max(1, |logit|) where queries and keys are float32, four units in the last place of the logit where they are
    float64; at least 1e-6, since weights are float32.
    """
    sizes = [
        (float(np.abs(trace.logits).max(initial=0)), trace.query.dtype == trace.key.dtype == np.float64)
        for each in attentions
        for trace in each.traces
    ]
    changes = (_ROUNDING_IN_FLOAT64 * size if exact else _ROUNDING * size for size, exact in sizes)
    return min(1.0, max(_ROUNDING, *changes, 0.0))


def output_rounding(*attentions: Attention) -> float:
    """Return what rounding alone may change in an output: ten times that of a weight, of the largest value or output.

    An output is a mean of the values, so its rounding grows and shrinks with them.
    """
    sizes = [np.abs(each.output).max(initial=0) for each in attentions if each.output is not None]
    sizes += [np.abs(trace.value).max(initial=0) for each in attentions for trace in each.traces]
    return 10 * rounding(*attentions) * float(max(sizes, default=0))


def is_changed(change: float, rounding: float) -> bool | None:
    """Return whether a change is more than rounding could make; None where that cannot be told.

    rounding: what it could make. A change counts as none only where rounding could not make a large one.
    """
    if change > rounding:
        return True
    return False if rounding <= LARGEST_ROUNDING else None


def _swaps(count: int) -> Iterator[Order]:
    """Yield the orders with one pair of neighbours swapped; of a long text, pairs spread from its start to its end."""
    pairs = max(0, count - 1)
    tried = min(pairs, max(_LEAST_SWAPS, min(_MOST_SWAPS, _WEIGHTS_TO_TRY // max(1, count**2))))
    for i in dict.fromkeys(np.linspace(0, pairs - 1, tried).astype(int).tolist() if tried else ()):
        yield (*range(i), i + 1, i, *range(i + 2, count))


def _differs(plain: Attention, other: Attention, order: Order) -> bool | None:
    """Return whether a word's weights or output differ from the plain text's, None where that cannot be told.

    order: which word is where in the other.
    """
    back = np.argsort(order)
    weights = other.weights[:, :, back] if plain.is_cross else other.weights[:, :, back][..., back]
    most = rounding(plain, other)
    changed = is_changed(float(np.abs(weights - plain.weights).max(initial=0)), most)
    if changed is not False or plain.output is None or other.output is None:
        return changed
    return bool(np.abs(other.output[back] - plain.output).max(initial=0) > output_rounding(plain, other))


def blind_to(words: Words, settings: Settings) -> Blindness:
    """Return what attention under these settings cannot see in these words: any order, the mirror image, or nothing."""
    return blindness(lambda order: attend_to(words.reordered(order), settings), len(words.tokens))
