"""What heads look at, in numbers: shares of patterns such as the previous word, and a name by thresholds.

Everything here takes rows of weights or of contributions, the lengths of weight x f(x) (Kobayashi et al. 2020,
"Attention is not only a weight", equation 3), divided by their sums.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.entropy import entropy, largest_entropy
from attnviz.core.attention_data import Attention, Token
from attnviz.core.token import stand_for_text
from attnviz.core.types import Booleans, Floats
from attnviz.i18n.decimals import fixed
from attnviz.i18n.messages import Message, message

# The thresholds of names; `attnviz heads --help` states them.
EVEN = 0.95  # of the largest entropy
RESTING = 0.5  # of the weight, on the first word or on special tokens
IDLE = 0.25  # of what a head would write whose keys all had the mean length
PROBED = 0.4  # of the weight, in the probe of repeated random tokens

# Patterns that give a head its name, in the order in which equal shares are decided, and those that are only measured.
NAMED = ("itself", "previous", "next", "first", "special", "same_word", "punctuation")
PLACED = ("previous", "next", "first")  # those that only a head which knows positions can look for
PATTERNS = (*NAMED, "same_sentence")
_CELLS_AT_ONCE = 1 << 18  # of the layers that are measured together
_ROUNDING = 1e-6
_SENTENCE_ENDS = frozenset("。！？!?.…\n")

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class HeadShares:
    """What the heads of one layer look at: shares and chances by pattern, [heads] each, nan where there is no such key.

    A pattern's share is the mean of what its keys have together, over the rows in which it has one that is allowed;
    chance is what an even head would give it; seen, which part of the rows has one. bits, largest: the mean entropy of
    the rows and the most that it could be. distance: the mean |i - j|, nan in cross-attention.
    """

    shares: Mapping[str, Float64]
    chances: Mapping[str, Float64]
    seen: Mapping[str, Float64]
    bits: Float64
    largest: Float64
    distance: Float64


class Character(NamedTuple):
    """What one head does: its pattern in a word, that pattern's share, and its mean entropy.

    pattern: one of NAMED, induction, duplicate, sink (it rests on the first word or on special tokens, and adds
    little), even or mixed. share: of the weight or contribution on the pattern's keys, None for even and mixed. bits:
    the mean entropy of the rows of weights, and largest the mean of the most it could be, both over the rows that may
    look anywhere.
    """

    pattern: str
    share: float | None
    bits: float
    largest: float

    def words(self) -> Message:
        """Return the character in a line that fits below a small picture."""
        return message("{pattern}, {bits} bits", pattern=pattern_words(self.pattern), bits=fixed(self.bits, 2))


_WORDS = {
    "itself": message("looks at itself"),
    "previous": message("the previous word"),
    "next": message("the next word"),
    "first": message("the first word"),
    "special": message("special tokens"),
    "same_word": message("the same word elsewhere"),
    "punctuation": message("punctuation"),
    "induction": message("induction"),
    "duplicate": message("duplicate token"),
    "sink": message("rests, adds little"),
    "even": message("spread evenly"),
    "mixed": message("mixed"),
}


def pattern_words(pattern: str) -> Message:
    """Return a pattern in words."""
    return _WORDS[pattern]


def pattern_places(
    query: Sequence[Token], key: Sequence[Token], source: str | None = None, *, cross: bool = False
) -> dict[str, Booleans]:
    """Return which keys belong to each pattern, bool [query, key]; a pattern that cannot be is left out.

    In cross-attention words of two texts have no distance, and there are no sentences in common. Two tokens are the
    same word where their texts are the same but for case and spaces around. Sentences end after 。！？!?.… or a line
    break; they are told apart in the source where there is one.
    """
    rows, columns = np.arange(len(query)), np.arange(len(key))
    text_rows, text_columns = np.array(stand_for_text(tuple(query))), np.array(stand_for_text(tuple(key)))
    same = np.array([_fold(one) for one in query], dtype=object)[:, None] == np.array(
        [_fold(one) for one in key], dtype=object
    )
    words = same.astype(bool) & text_rows[:, None] & text_columns
    everywhere = np.ones((len(query), 1), dtype=bool)
    marks = np.array([_is_punctuation(one.text) for one in key], dtype=bool) & text_columns
    found: dict[str, Booleans] = {}
    if not cross:
        step = columns - rows[:, None]
        found |= {"itself": step == 0, "previous": step == -1, "next": (step == 1) & (columns < len(query))}
        words &= step != 0
    found["first"] = np.broadcast_to(columns == 0, (len(query), len(key))).copy()
    if not cross:
        found["first"][:1] = False
    found["special"] = everywhere & ~text_columns
    found["same_word"] = words
    found["punctuation"] = everywhere & marks
    if not cross:
        sentences = _sentence_numbers(key, source)
        if len(set(sentences[text_columns].tolist())) > 1:
            alike = sentences[: len(query), None] == sentences  # a sink stands after the tokens
            found["same_sentence"] = alike & text_rows[:, None] & text_columns
    return found


def measure_heads(rows: Floats, allowed: Booleans | None, places: Mapping[str, Booleans]) -> HeadShares:
    """Return what the heads of one layer look at.

    rows [heads, query, key]: of weights or contributions; they are divided by their sums here. allowed [query, key] or
    [heads, query, key]. places: see pattern_places.
    """
    totals = rows.sum(axis=-1, keepdims=True, dtype=np.float64)
    shares = rows / np.where(totals > 0, totals, 1)
    permitted = np.ones(rows.shape[-2:], dtype=bool) if allowed is None else allowed
    permitted = np.broadcast_to(permitted, rows.shape)
    looking = permitted.any(axis=-1) & (totals[..., 0] > 0)
    even = permitted / np.maximum(permitted.sum(axis=-1, keepdims=True), 1)
    found: dict[str, tuple[Float64, Float64, Float64]] = {}
    for name in PATTERNS:
        place = places.get(name, np.zeros(rows.shape[-2:], dtype=bool))
        there = (permitted & place).any(axis=-1) & looking
        given = np.einsum("hqk,qk->hq", shares, place)
        chance = np.einsum("hqk,qk->hq", even, place)
        count = there.sum(axis=-1)
        found[name] = (_mean_where(given, there), _mean_where(chance, there), count / rows.shape[-2])
    steps = np.abs(np.arange(rows.shape[-1]) - np.arange(rows.shape[-2])[:, None])
    steps[:, rows.shape[-2] :] = 0  # a sink is nowhere
    distance = _mean_where(np.einsum("hqk,qk->hq", shares, steps), looking)
    return HeadShares(
        {name: each[0] for name, each in found.items()},
        {name: each[1] for name, each in found.items()},
        {name: each[2] for name, each in found.items()},
        _mean_where(entropy(shares), looking, 0.0),
        _mean_where(largest_entropy(permitted), looking, 0.0),
        distance if "itself" in places else np.full(len(rows), np.nan),
    )


def activity(weights: Floats, lengths: Floats, allowed: Booleans | None, places: Mapping[str, Booleans]) -> Float64:
    """Return how much each head adds, [heads]: 1 for one whose keys have the mean length of their values.

    It is the mean over rows of sum_j ||weight x f(x_j)||, divided by the mean ||f(x_j)|| of the keys that are neither
    the first nor special. weights, lengths [heads, query, key]. nan where no row looks at several keys.
    """
    received = weights.sum(axis=-2, dtype=np.float64)
    each = lengths.sum(axis=-2, dtype=np.float64) / np.where(received > 0, received, 1)  # ||f(x_j)||, [heads, key]
    resting: Booleans = np.array(places["special"].any(axis=0))
    resting[:1] = True
    usual = (~resting | resting.all()) & (received > 0)
    mean = _mean_where(each, usual)
    permitted = np.ones(weights.shape[-2:], dtype=bool) if allowed is None else allowed
    several = np.broadcast_to(permitted.sum(axis=-1) > 1, weights.shape[:-1])
    written = _mean_where(lengths.sum(axis=-1, dtype=np.float64), several)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio: Float64 = written / mean
    return ratio


def knows_places(attention: Attention) -> bool:
    """Return whether scores may depend on where words stand: those of the toy without positions do not.

    A mask is no position: it forbids words, and says nothing of those that are left.
    """
    toy = attention.provenance.toy
    return toy is None or toy.position != "none"


def name_heads(
    found: HeadShares, weights: HeadShares | None = None, active: Float64 | None = None, *, placed: bool = True
) -> list[Character]:
    """Return each head's character by its shares.

    A head is a `sink` where at least RESTING of its weight is on the first word or on special tokens, and it is less
    than IDLE active: it adds little. It is `even` where the mean entropy of its weights is at least EVEN of the
    largest possible. Else it has the name of the pattern with the largest share, where that lies at least half way from
    what an even head would have to all, and at least half of the rows may see one of its keys; else it is `mixed`.
    weights: the shares by weight, where `found` are those by contribution. active: see activity. placed: whether the
    scores may depend on positions; where they do not, no head has the name of one of PLACED or rests on the first word.
    """
    return [_name_head(head, found, weights, active, placed) for head in range(len(found.bits))]


def _name_head(
    head: int, found: HeadShares, weights: HeadShares | None, active: Float64 | None, placed: bool
) -> Character:
    looks = found if weights is None else weights
    bits, largest = float(looks.bits[head]), float(looks.largest[head])
    if active is not None and weights is not None and active[head] < IDLE:
        places = ("first", "special") if placed else ("special",)
        resting = np.nanmax([0.0, *(weights.shares[name][head] for name in places)])
        if resting >= RESTING:
            return Character("sink", float(resting), bits, largest)
    if bits >= EVEN * largest > 0:
        return Character("even", None, bits, largest)
    best, most = "mixed", 0.0
    for name in NAMED if placed else [name for name in NAMED if name not in PLACED]:
        share = float(found.shares[name][head])
        if 2 * found.seen[name][head] >= 1 and share > most:
            best, most = name, share
    chance = float(found.chances[best][head]) if best != "mixed" else 1.0
    clear = best != "mixed" and most >= (1 + chance) / 2 - _ROUNDING
    return Character(best if clear else "mixed", most if clear else None, bits, largest)


def characterize(weights: Floats, allowed: Booleans | None = None, *, cross: bool = False) -> Character:
    """Return one head's character from its weights [query, key] alone and what is allowed (None: everything).

    Nothing is known of the words: of NAMED only itself, previous, next and first are told; in cross-attention, where
    words of two texts have no distance, only first.
    """
    queries, keys = (tuple(Token(str(number), number) for number in range(count)) for count in weights.shape)
    places = pattern_places(queries, keys, cross=cross)
    known = {name: place for name, place in places.items() if name in ("itself", "previous", "next", "first")}
    found = measure_heads(weights[None], allowed, known)
    return name_heads(found)[0]


def characters(attention: Attention) -> list[list[Character]]:
    """Return the character of each head of each layer, [layer][head]: by contribution where it is known."""
    from attnviz.analysis.contributions import contributions

    places = pattern_places(attention.query, attention.key, attention.source, cross=attention.is_cross)
    lengths, masks, placed = contributions(attention), attention.masks, knows_places(attention)
    layers, heads, *rows = attention.weights.shape
    together = max(1, _CELLS_AT_ONCE // max(1, attention.weights[0].size))
    found: list[Character] = []
    for first in range(0, layers, together):
        part = slice(first, first + together)
        weights = attention.weights[part].reshape(-1, *rows)
        allowed = None if masks is None else masks[part].reshape(-1, *rows)
        by_weight = measure_heads(weights, allowed, places)
        if lengths is None:
            found += name_heads(by_weight, placed=placed)
        else:
            added = lengths[part].reshape(-1, *rows)
            by_length = measure_heads(added, allowed, places)
            found += name_heads(by_length, by_weight, activity(weights, added, allowed, places), placed=placed)
    return [found[at : at + heads] for at in range(0, layers * heads, heads)]


def _mean_where(values: Floats, there: Booleans, empty: float = np.nan) -> Float64:
    """Return the mean of each row's values [..., n] where `there` holds; `empty` where it holds nowhere."""
    count = there.sum(axis=-1)
    total = np.where(there, values, 0).sum(axis=-1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), empty)


def _fold(token: Token) -> str:
    return token.text.strip().casefold()


def _is_punctuation(text: str) -> bool:
    """Return whether a text is nothing but punctuation and symbols."""
    marks = text.strip()
    return bool(marks) and all(unicodedata.category(letter)[0] in "PS" for letter in marks)


def _sentence_numbers(tokens: Sequence[Token], source: str | None) -> NDArray[np.int64]:
    """Return the number of each token's sentence, [n]."""
    numbers, count, ended, reached = [], 0, False, 0
    for token in tokens:
        between = "" if source is None or token.start is None else source[reached : token.start]
        if (ended or "\n" in between) and not _is_punctuation(token.text):
            count += 1
            ended = False
        numbers.append(count)
        ended = ended or (bool(_SENTENCE_ENDS & set(token.text)) and _is_punctuation(token.text))
        reached = reached if token.end is None else token.end
    return np.array(numbers, dtype=np.int64)
