"""Take a word or a head away: how far the result moves, beside the weight that was on it.

A weight says how much of a word's value went into the result, not how much the result depends on the word: Jain and
Wallace 2019 ("Attention is not Explanation") found the two in different orders, Wiegreffe and Pinter 2019 ("Attention
is not not Explanation") found that weights still tell something. Here anyone can look, on one sentence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Token
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.types import Floats
from attnviz.i18n.decimals import with_sign
from attnviz.i18n.messages import Message, message

WAYS = ("word", "mask", "head")
FEWEST = 3
_CLOSE, _LOOSE = 0.9, 0.5  # rank correlations that are told as close, and as loose
_DEVIATIONS = 1.96  # from 0, within which 95 in 100 rank correlations of unrelated orders lie
_TIE = 6  # decimals: what differs by less is float32 rounding, and no order


@dataclass(frozen=True)
class Removal:
    """One word or head, and what happened without it.

    name, index: the word and its place among those that are asked, or the head and its number. weight: what the word
    had of the row (the mean of the heads, or the chosen head's), or the head's largest weight in the row; allowed:
    whether the mask let the row look at it. moved: |o' - o| / |o|, the L2 distance between the output vector without
    and with it, in lengths of the latter (or as it is, where that length is 0). occurrence: which of the words with
    this text it is, from 1. unknown: whether nothing is known of the word. by_head: the word's weight in each head
    that is shown, where several are; `weight` is their mean then.
    """

    name: str | int
    index: int
    weight: float
    allowed: bool
    moved: float
    occurrence: int = 1
    unknown: bool = False
    by_head: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Ablation(Result):
    """What one word's output vector depends on.

    token, index: the word that looks. by: word (taken out of the text; the others close up), mask (nobody may look at
    it) or head (its part of the output is zeros). own: the weight of the word on itself, None where it is not among
    those that are asked. length: |o|. head: which weights are shown; heads: several, of which "mean" is the mean.
    occurrence: which of the words with the token's text it is, from 1.
    """

    token: Token
    index: int
    by: str
    removals: tuple[Removal, ...]
    own: float | None
    length: float
    head: int | str = "mean"
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()
    occurrence: int = 1
    heads: tuple[int | str, ...] = ()

    def __repr__(self) -> str:
        """Return whose output it is and what is removed."""
        return f"<Ablation of {self.token.text!r} by {self.by}: {len(self.removals)} removed>"

    @property
    def correlation(self) -> float | None:
        """Spearman's rank correlation of weight and movement over what the mask allows; None where there is none."""
        seen = [removal for removal in self.removals if removal.allowed]
        return spearman([removal.weight for removal in seen], [removal.moved for removal in seen])

    @property
    def correlations(self) -> tuple[float | None, ...]:
        """The same of each head's own weights, where several are shown."""
        seen = [removal for removal in self.removals if removal.allowed]
        moves = [removal.moved for removal in seen]
        return tuple(spearman([one.by_head[place] for one in seen], moves) for place in range(len(self.heads)))

    def verdict(self) -> Message:
        """Return a sentence that a reader can quote: how far the weight may be read as importance here."""
        seen = [removal for removal in self.removals if removal.allowed]
        if not self.removals:
            return message("There is nothing else to remove, so nothing to compare the weight with.")
        if not seen:
            return message("It may look at nothing that is removed, so there is no weight to compare.")
        if len(seen) < FEWEST:
            return too_few_to_rank(len(seen), self.by)
        if self.correlation is None and _constant([removal.weight for removal in seen]):
            return message("All have the same weight, so there is no order of weights to compare, and no correlation.")
        if self.correlation is None:
            return message("All change the output alike, so there is no order to compare, and no rank correlation.")
        return self._reading(self.correlation, len(seen))

    @property
    def differs(self) -> bool:
        """Whether weight and change are in clearly different orders here, see verdict."""
        value, count = self.correlation, sum(removal.allowed for removal in self.removals)
        return value is not None and value < _CLOSE and not (abs(value) >= _LOOSE and can_be_chance(value, count))

    def _reading(self, value: float, count: int) -> Message:
        """Return what a rank correlation says, in words."""
        fields = {"value": with_sign(value, 2), "count": count}
        if self.by == "head":
            return _of_heads(value, fields)
        if abs(value) >= _LOOSE and can_be_chance(value, count):
            return message(
                "Over {count} words the ranks of weight and change correlate by {value}: over so few words that can "
                "be chance, and says little.",
                **fields,
            )
        if value >= _CLOSE:
            return message(
                "Over {count} words the ranks of weight and change correlate by {value}: here the weight may "
                "be read as importance.",
                **fields,
            )
        if value >= _LOOSE:
            return message(
                "Over {count} words the ranks of weight and change correlate by {value}: here a larger "
                "weight mostly means more importance, not always.",
                **fields,
            )
        if value > -_LOOSE:
            return message(
                "Over {count} words the ranks of weight and change correlate by {value}: here the weight "
                "says little about importance.",
                **fields,
            )
        return message(
            "Over {count} words the ranks of weight and change correlate by {value}: here words with less "
            "weight matter more.",
            **fields,
        )


def can_be_chance(value: float, count: int) -> bool:
    """Return whether a rank correlation over so many is within what unrelated orders give 95 times in 100.

    Over all orders it has the mean 0 and the variance 1 / (count - 1) (Kendall 1948, "Rank correlation methods",
    section 4.11), with or without ties, so over 3 or 4 even 1 can be chance.

    >>> can_be_chance(0.5, 3), can_be_chance(0.92, 9), can_be_chance(-0.5, 30)
    (True, False, False)
    """
    return bool(abs(value) * np.sqrt(count - 1) < _DEVIATIONS)


def too_few_to_rank(count: int, by: str) -> Message:
    """Say that so few heads or words have no rank correlation, and how many it takes."""
    if by == "head":
        what = message("1 head has") if count == 1 else message("{count} heads have", count=count)
    else:
        what = message("1 word has") if count == 1 else message("{count} words have", count=count)
    return message("{what} no rank correlation: it takes at least {fewest}.", what=what, fewest=FEWEST)


def _of_heads(value: float, fields: dict[str, Any]) -> Message:
    if abs(value) >= _LOOSE and can_be_chance(value, fields["count"]):
        return message(
            "Over {count} heads the ranks of largest weight and change correlate by {value}: over so few heads that "
            "can be chance, and says little.",
            **fields,
        )
    if value >= _CLOSE:
        return message(
            "Over {count} heads the ranks of largest weight and change correlate by {value}: here a head "
            "that looks mainly at one word matters more.",
            **fields,
        )
    if value >= _LOOSE:
        return message(
            "Over {count} heads the ranks of largest weight and change correlate by {value}: here a head "
            "that looks mainly at one word mostly matters more, not always.",
            **fields,
        )
    if value > -_LOOSE:
        return message(
            "Over {count} heads the ranks of largest weight and change correlate by {value}: here the "
            "largest weight of a head says little about how much it matters.",
            **fields,
        )
    return message(
        "Over {count} heads the ranks of largest weight and change correlate by {value}: here a head that "
        "looks at many words matters more.",
        **fields,
    )


def ranks(values: Floats | list[float]) -> NDArray[np.float64]:
    """Return the rank of each value from 1 up; equal ones share the mean of their ranks.

    >>> ranks([30.0, 10.0, 10.0]).tolist()
    [3.0, 1.5, 1.5]
    """
    _, which, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: NDArray[np.float64] = (last - (counts - 1) / 2)[which.reshape(-1)]
    return shared


def spearman(x: Floats | list[float], y: Floats | list[float]) -> float | None:
    """Return the correlation of the ranks of two rows of numbers, -1 to 1 (Spearman 1904); ties share their mean rank.

    None for fewer than FEWEST pairs, or where one of the two is constant. Numbers that agree to 6 decimals are ties.

    >>> round(spearman([1, 2, 3, 4], [1, 3, 2, 4]), 3)
    0.8
    """
    if len(x) < FEWEST or _constant(x) or _constant(y):
        return None
    a, b = (ranks(np.round(np.asarray(values, dtype=np.float64), _TIE)) for values in (x, y))
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1, 1))


def _constant(values: Floats | list[float]) -> bool:
    return len(set(np.round(np.asarray(values, dtype=np.float64), _TIE).tolist())) == 1


def moved(before: Floats, after: Floats) -> float:
    """Return how far a vector moved, in its own length: |after - before| / |before|; not divided where that is 0.

    >>> moved(np.array([3.0, 4.0]), np.array([3.0, 0.0]))
    0.8
    """
    exact = before.astype(np.float64)
    length = float(np.linalg.norm(exact))
    return float(np.linalg.norm(after.astype(np.float64) - exact)) / (length or 1.0)


def ablation_document(ablation: Ablation) -> dict[str, Any]:
    """Return the ablation as plain data under `"schema": 1`; a weight is null where the mask forbids."""
    kind = "head" if ablation.by == "head" else "text"
    return {
        "schema": 1,
        "token": {"text": ablation.token.text, "start": ablation.token.start, "end": ablation.token.end},
        "index": ablation.index,
        "by": ablation.by,
        "head": ablation.head,
        **({"heads": list(ablation.heads), "rank_correlations": list(ablation.correlations)} if ablation.heads else {}),
        "own_weight": ablation.own,
        "output_length": ablation.length,
        "rows": [
            {
                kind: one.name,
                "index": one.index,
                "weight": one.weight if one.allowed else None,
                **({"weights": list(one.by_head) if one.allowed else None} if ablation.heads else {}),
                "moved": one.moved,
            }
            for one in ablation.removals
        ],
        "rank_correlation": ablation.correlation,
        "settings": ablation.provenance.to_settings(),
    }
