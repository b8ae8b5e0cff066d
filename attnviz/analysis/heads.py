"""A report card for each head: what it looks at, by weight and by what it contributes, over one text or several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.contributions import contributions
from attnviz.analysis.entropy import entropy
from attnviz.analysis.head_patterns import (
    PATTERNS,
    PROBED,
    Character,
    HeadShares,
    activity,
    knows_places,
    measure_heads,
    name_heads,
    pattern_places,
)
from attnviz.analysis.probe_heads import ProbeScores
from attnviz.core.argument_kinds import TEXT, check_arguments
from attnviz.core.attention_data import Attention, Token, find_head
from attnviz.core.errors import InputError, OptionError, no_such, unknown_choice
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.types import Floats
from attnviz.i18n.messages import Message, message
from attnviz.text.word_spans import plain_word_spans

# What there is of every head, by weight and, where values are known, by contribution.
MEASURES = (*PATTERNS, "entropy", "distance")
# The columns that a report can be sorted and coloured by.
COLUMNS = ("contribution", "of_layer", "writes", *MEASURES, "induction", "duplicate", "previous_token", "likeness")
# What each of the MEASURES is by weight where a report is by contribution: a column too, as in a .csv.
BY_WEIGHT = tuple(f"weight_{name}" for name in MEASURES)
# Columns by the names that a table has above them.
_TITLES = {"adds": "contribution", "activity": "writes", "like_it": "likeness"}
_PROBED_COLUMNS = ("induction", "duplicate", "previous_token")

Float64 = NDArray[np.float64]


class HeadExample(NamedTuple):
    """A head's strongest pair: the words, the text they are in, and the length of what is added, or the weight."""

    query: str
    key: str
    text: int
    strength: float


@dataclass(frozen=True)
class HeadReport:
    """One head, as means over the texts; None is what cannot be told.

    character: its name by thresholds, see head_patterns.name_heads. contribution: the mean over rows of the lengths of
    what it adds, sum_j ||weight x f(x_j)|| (Kobayashi et al. 2020, equation 3); of_layer: its part of what the layer's
    heads add; writes: 1 where its keys have the mean length of their values, see head_patterns.activity.
    by_contribution, by_weight: the MEASURES; spread: the standard deviation over the texts of contribution, of_layer,
    writes and the MEASURES, empty for one text. probe: induction, duplicate and previous_token, empty without a probe.
    likeness: to another head, 0 to 1.
    """

    layer: int | str
    head: int | str
    character: Character
    contribution: float | None
    of_layer: float | None
    writes: float | None
    by_contribution: Mapping[str, float | None]
    by_weight: Mapping[str, float | None]
    spread: Mapping[str, float | None]
    probe: Mapping[str, float]
    likeness: float | None = None
    example: HeadExample | None = None

    def value(self, column: str) -> float | None:
        """Return the number of one of COLUMNS: by contribution where it is known, else by weight; or of BY_WEIGHT."""
        if column in BY_WEIGHT:
            return self.by_weight.get(column.removeprefix("weight_"))
        if column in MEASURES:
            return (self.by_contribution or self.by_weight).get(column)
        if column in ("contribution", "of_layer", "writes", "likeness"):
            found: float | None = getattr(self, column)
            return found
        return self.probe.get(column)


@dataclass(frozen=True, eq=False)
class Heads(Result):
    """The report cards of a model's heads, or of the toy's.

    rows: in the order they are listed. layers, heads: all that were measured, in order. texts, tokens: how many were
    read. known: whether contributions are. probe_tokens: of the probe, None without one. like: the head that the others
    were compared with. color: the column that a picture is coloured by.
    """

    rows: tuple[HeadReport, ...]
    layers: tuple[int | str, ...]
    heads: tuple[int | str, ...]
    texts: int
    tokens: int
    known: bool
    probe_tokens: int | None = None
    like: tuple[int | str, int | str] | None = None
    color: str = "contribution"
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        """Return how many heads there are and what was read."""
        return f"<Heads: {len(self.rows)} of {len(self.layers)} layers x {len(self.heads)} heads, {self.texts} texts>"

    @property
    def columns(self) -> tuple[str, ...]:
        """Return those of COLUMNS in which a head has a number."""
        return tuple(name for name in COLUMNS if any(row.value(name) is not None for row in self.rows))

    @check_arguments(which=TEXT)
    def row(self, which: str) -> HeadReport:
        """Return one head's row, named as 18.6 (layer 18, head 6) or L18H6; MissingError for one that is not there."""
        layer, head = find_place(which, self.layers, self.heads)
        return next(row for row in self.rows if (row.layer, row.head) == (layer, head))

    @check_arguments(column=TEXT)
    def sorted(self, column: str, top: int | None = None) -> Heads:
        """Return the rows by a column, the largest first, and only `top` of them; raises OptionError for another."""
        column = find_column(column, self.columns)
        rows = sorted(self.rows, key=lambda row: -np.inf if row.value(column) is None else -(row.value(column) or 0.0))
        missing = [row for row in rows if row.value(column) is None]
        rows = [row for row in rows if row.value(column) is not None] + missing
        return replace(self, rows=tuple(rows if top is None else rows[:top]))

    @check_arguments(column=TEXT)
    def matrix(self, column: str) -> Float64:
        """Return one column as [layers, heads]; nan where a head has no number or is not listed."""
        column = find_column(column)
        found = np.full((len(self.layers), len(self.heads)), np.nan)
        for row in self.rows:
            value = row.value(column)
            if value is not None:
                found[self.layers.index(row.layer), self.heads.index(row.head)] = value
        return found


def find_column(column: str, known: Iterable[str] = COLUMNS, option: str = "--sort") -> str:
    """Return the column that is meant: a name of COLUMNS or BY_WEIGHT, or the words above it, as in "same word".

    known: those that have numbers. Raises OptionError for a column that there is not, or that needs another option.
    """
    name = re.sub(r"[\s-]+", "_", column.strip().lower())
    name, there = _TITLES.get(name, name), tuple(known)
    if name in there or (name in BY_WEIGHT and name.removeprefix("weight_") in there):
        return name
    if name in COLUMNS:
        needs = "--probe" if name in _PROBED_COLUMNS else "--like" if name == "likeness" else None
        if needs is not None:
            raise OptionError("{option} {column} goes with {needs}.", option=option, column=name, needs=needs)
    raise unknown_choice(option, column, there)


def find_place(which: str, layers: Sequence[int | str], heads: Sequence[int | str]) -> tuple[int | str, int | str]:
    """Return the layer and head that 18.6 or L18H6 names.

    Raises OptionError for what is no such name, MissingError for a layer or head that is not there.
    """
    found = re.fullmatch(r"\s*(?:[Ll](\d+)\s*[Hh](\d+)|(\d+|mean)\.(.+?))\s*", which)
    if found is None:
        raise OptionError(
            "A head is named by its layer and its number, such as 18.6 or L18H6, not {value!r}.", value=which
        )
    layer_name, head_name = (found[1], found[2]) if found[1] is not None else (found[3], found[4])
    layer = next(
        (one for one in layers if str(one) == str(layer_name if layer_name == "mean" else int(layer_name))), None
    )
    if layer is None:
        raise no_such(message("layer"), layer_name, layers)
    return layer, heads[find_head(tuple(heads), head_name)]


class HeadTally:
    """Attentions measured one after the other, so that none of them is kept."""

    def __init__(self, like: str | None = None) -> None:
        self._like = like
        self._layers: tuple[int | str, ...] = ()
        self._heads: tuple[int | str, ...] = ()
        self._provenance = NOTHING_KNOWN
        self._placed = True
        self._like_place: tuple[int | str, int | str] | None = None
        self._texts: list[_MeasuredText] = []
        self._tokens = 0
        self._notes: dict[str, Message] = {}

    def add(self, attention: Attention) -> None:
        """Measure one text's attention; raises InputError for one of other layers and heads than the first."""
        if not self._texts:
            self._layers, self._heads = attention.layers, attention.heads
            self._provenance = attention.provenance
            self._placed = knows_places(attention)
            if self._like is not None:
                self._like_place = find_place(self._like, self._layers, self._heads)
        if (attention.layers, attention.heads) != (self._layers, self._heads):
            raise InputError("Attentions of several texts must have the same layers and heads.")
        place = None
        if self._like_place is not None:
            place = self._layers.index(self._like_place[0]), self._heads.index(self._like_place[1])
        self._texts.append(_measure_text(attention, len(self._texts), place))
        self._tokens += len(attention.query)
        self._notes |= {str(note): note for note in attention.notes}

    def report(
        self, probe: ProbeScores | None = None, probe_tokens: int | None = None, notes: tuple[Message, ...] = ()
    ) -> Heads:
        """Return the means over the texts as the report; raises InputError where no text was measured."""
        if not self._texts:
            raise InputError("There is no text to measure heads on.")
        known = all(one.lengths is not None for one in self._texts)
        return Heads(
            rows=tuple(row for i in range(len(self._layers)) for row in self._rows_of(i, known, probe)),
            layers=self._layers,
            heads=self._heads,
            texts=len(self._texts),
            tokens=self._tokens,
            known=known,
            probe_tokens=None if probe is None else probe_tokens,
            like=self._like_place,
            color="contribution" if known else "entropy",
            provenance=self._provenance,
            notes=(*self._notes.values(), *notes),
        )

    def _rows_of(self, i: int, known: bool, probe: ProbeScores | None) -> Iterator[HeadReport]:
        """Yield the rows of the heads of layer number `i`."""
        by_weight = _merge_shares([one.by_weight[i] for one in self._texts])
        shown = _merge_shares([one.by_length[i] for one in self._texts if one.by_length]) if known else by_weight
        active = _mean_over_texts(np.array([one.sizes["writes"][i] for one in self._texts])) if known else None
        names = name_heads(shown, by_weight if known else None, active, placed=self._placed)
        for j, found in enumerate(names):
            yield self._row(i, j, found, shown, by_weight, probe)

    def _row(
        self, i: int, j: int, found: Character, shown: HeadShares, by_weight: HeadShares, probe: ProbeScores | None
    ) -> HeadReport:
        known = shown is not by_weight
        sizes = {
            name: np.array([one.sizes[name][i, j] for one in self._texts]) if known else np.array([np.nan])
            for name in ("contribution", "of_layer", "writes")
        }
        scores = (
            {}
            if probe is None
            else dict(
                zip(("induction", "duplicate", "previous_token"), (float(each[i, j]) for each in probe), strict=True)
            )
        )
        spread = {}
        if len(self._texts) > 1:
            each = [(one.by_length if known else one.by_weight)[i] for one in self._texts]
            spread = {name: _spread(values) for name, values in sizes.items()} | {
                name: _spread(np.array([_measure(shares, name)[j] for shares in each])) for name in MEASURES
            }
        examples = [one.examples[i][j] for one in self._texts]
        strongest = max((one for one in examples if one is not None), key=lambda one: one.strength, default=None)
        return HeadReport(
            layer=self._layers[i],
            head=self._heads[j],
            character=_probed(found, scores),
            contribution=_number(_mean_over_texts(sizes["contribution"])),
            of_layer=_number(_mean_over_texts(sizes["of_layer"])),
            writes=_number(_mean_over_texts(sizes["writes"])),
            by_contribution={name: _number(_measure(shown, name)[j]) for name in MEASURES} if known else {},
            by_weight={name: _number(_measure(by_weight, name)[j]) for name in MEASURES},
            spread=spread,
            probe=scores,
            likeness=_number(_mean_over_texts(np.array([one.likeness[i, j] for one in self._texts])))
            if self._like_place is not None
            else None,
            example=strongest,
        )


class _MeasuredText(NamedTuple):
    """What one text's heads look at: HeadShares by layer, sizes [layers, heads] by name, and examples."""

    by_weight: list[HeadShares]
    by_length: list[HeadShares]
    lengths: Float64 | None
    sizes: Mapping[str, Float64]
    likeness: Float64
    examples: list[list[HeadExample | None]]


def _measure_text(attention: Attention, number: int, like: tuple[int, int] | None) -> _MeasuredText:
    """Measure one attention; number: which text it is; like: the indexes of the head to compare with."""
    places = pattern_places(attention.query, attention.key, attention.source, cross=attention.is_cross)
    lengths, masks = contributions(attention), attention.masks
    by_weight, by_length = [], []
    writes = np.full(attention.weights.shape[:2], np.nan)
    for i, weights in enumerate(attention.weights):
        allowed = None if masks is None else masks[i]
        by_weight.append(measure_heads(weights, allowed, places))
        if lengths is not None:
            by_length.append(measure_heads(lengths[i], allowed, places))
            writes[i] = activity(weights, lengths[i], allowed, places)
    looking = np.ones(attention.weights.shape[:3], dtype=bool) if masks is None else masks.any(axis=-1)
    count = np.maximum(looking.sum(axis=-1), 1)
    total = None if lengths is None else lengths.sum(axis=(-1, -2), dtype=np.float64) / count
    missing = np.full(writes.shape, np.nan)
    layer_total = None if total is None else total.sum(axis=1, keepdims=True)
    sizes = {
        "contribution": missing if total is None else total,
        "of_layer": missing
        if total is None or layer_total is None
        else total / np.where(layer_total > 0, layer_total, 1),
        "writes": writes,
    }
    shown = attention.weights if lengths is None else lengths
    return _MeasuredText(
        by_weight,
        by_length,
        total,
        sizes,
        missing if like is None else _likeness(shown, like),
        _examples(attention, shown, number),
    )


def _likeness(rows: Floats, like: tuple[int, int]) -> Float64:
    """Return 1 - the mean Jensen-Shannon divergence in bits of each head's rows from those of one head.

    (Clark et al. 2019, "What does BERT look at?", section 6.) rows [layers, heads, query, key], divided by their sums
    here.
    """
    total = rows.sum(axis=-1, keepdims=True, dtype=np.float64)
    shares = rows / np.where(total > 0, total, 1)
    other = shares[like]
    found = np.empty(rows.shape[:2])
    for i, layer in enumerate(shares):
        found[i] = 1 - (entropy((layer + other) / 2) - (entropy(layer) + entropy(other)) / 2).mean(axis=-1)
    return found


def _examples(attention: Attention, rows: Floats, number: int) -> list[list[HeadExample | None]]:
    """Return each head's strongest pair, by layer and head: of two different tokens where there are some.

    Rows that may look at one key alone tell nothing, and are left out.
    """
    masks = attention.masks
    several = np.ones(rows.shape, dtype=bool) if masks is None else masks & (masks.sum(axis=-1, keepdims=True) > 1)
    shown = np.where(several, rows, -1.0)
    if not attention.is_cross and len(attention.query) > 1:
        shown = np.where(np.eye(len(attention.query), len(attention.key), dtype=bool), -1.0, shown)
    flat = shown.reshape(*shown.shape[:2], -1)
    best, most = flat.argmax(axis=-1), flat.max(axis=-1)
    words = (
        _whole_words(attention.query, attention.source),
        _whole_words(attention.key, attention.key_source if attention.is_cross else attention.source),
    )
    found: list[list[HeadExample | None]] = []
    for i in range(len(attention.layers)):
        line: list[HeadExample | None] = []
        for j in range(len(attention.heads)):
            query, key = divmod(int(best[i, j]), len(attention.key))
            pair = HeadExample(words[0][query], words[1][key], number, float(most[i, j]))
            line.append(pair if most[i, j] >= 0 else None)
        found.append(line)
    return found


def _whole_words(tokens: tuple[Token, ...], source: str | None) -> list[str]:
    """Return for each token the word of the source that it is a piece of; its own text where it is more, or in none.

    The second of equal words is the#2.
    """
    spans = () if source is None else plain_word_spans(source)
    words: list[str] = []
    places: list[tuple[int, ...]] = []
    for number, token in enumerate(tokens):
        inside = None
        if token.start is not None and token.end is not None:
            inside = next(((a, b) for a, b in spans if a <= token.start and max(token.end, token.start + 1) <= b), None)
        words.append(token.text if source is None or inside is None else source[inside[0] : inside[1]])
        places.append((number,) if inside is None else inside)
    numbers: dict[str, dict[tuple[int, ...], int]] = {}
    found = []
    for word, place in zip(words, places, strict=True):
        of_word = numbers.setdefault(word, {})
        number = of_word.setdefault(place, len(of_word) + 1)
        found.append(word if number == 1 else f"{word}#{number}")
    return found


def _measure(shares: HeadShares, name: str) -> Float64:
    """Return one of MEASURES, [heads]."""
    if name == "entropy":
        return shares.bits
    return shares.distance if name == "distance" else shares.shares[name]


def _merge_shares(each: list[HeadShares]) -> HeadShares:
    """Return the means over several texts; what only some of them have is the mean over these."""
    if len(each) == 1:
        return each[0]

    def by_pattern(tables: list[Mapping[str, Float64]]) -> dict[str, Float64]:
        return {name: _mean_over_texts(np.array([one[name] for one in tables])) for name in PATTERNS}

    return HeadShares(
        shares=by_pattern([one.shares for one in each]),
        chances=by_pattern([one.chances for one in each]),
        seen=by_pattern([one.seen for one in each]),
        bits=_mean_over_texts(np.array([one.bits for one in each])),
        largest=_mean_over_texts(np.array([one.largest for one in each])),
        distance=_mean_over_texts(np.array([one.distance for one in each])),
    )


def _probed(found: Character, scores: Mapping[str, float]) -> Character:
    """Return the name that the probe gives where a score is at least PROBED; else the one by shares."""
    if not scores:
        return found
    name, score = max(scores.items(), key=lambda item: item[1])
    if score < PROBED:
        return found
    pattern = "previous" if name == "previous_token" else name
    return found._replace(pattern=pattern, share=score)


def _mean_over_texts(values: Float64) -> Float64:
    """Return the mean over the first axis of what is a number; nan where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    mean: Float64 = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean


def _spread(values: Float64) -> float | None:
    """Return the standard deviation over the texts, of a sample; None for fewer than two numbers."""
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else None


def _number(value: Any) -> float | None:
    number = float(value)
    return None if np.isnan(number) else number


def heads_document(heads: Heads) -> dict[str, Any]:
    """Return the report as plain data under `"schema": 1`."""
    return {
        "schema": 1,
        "texts": heads.texts,
        "tokens": heads.tokens,
        "by": "contribution" if heads.known else "weight",
        "probe_tokens": heads.probe_tokens,
        "like": None if heads.like is None else list(heads.like),
        "rows": [_row_document(row, heads) for row in heads.rows],
        "settings": heads.provenance.to_settings(),
    }


def _row_document(row: HeadReport, heads: Heads) -> dict[str, Any]:
    found: dict[str, Any] = {
        "layer": row.layer,
        "head": row.head,
        "name": row.character.pattern,
        "share": row.character.share,
        "contribution": row.contribution,
        "of_layer": row.of_layer,
        "writes": row.writes,
        "by_contribution": dict(row.by_contribution) if heads.known else None,
        "by_weight": dict(row.by_weight),
        "spread": dict(row.spread) or None,
        "probe": dict(row.probe) or None,
        "likeness": row.likeness,
    }
    example = row.example
    found["example"] = None if example is None else example._asdict()
    return found


def heads_rows(heads: Heads) -> list[dict[str, Any]]:
    """Return a flat row a head, as a .csv has it: shares by contribution, and those by weight under weight_*."""
    found = []
    for row in heads.rows:
        flat: dict[str, Any] = {"layer": row.layer, "head": row.head, "name": row.character.pattern}
        flat |= {name: row.value(name) for name in ("contribution", "of_layer", "writes")}
        flat |= {name: row.by_contribution.get(name) for name in MEASURES}
        flat |= {f"weight_{name}": row.by_weight[name] for name in MEASURES}
        flat |= {f"spread_{name}": value for name, value in row.spread.items()}
        flat |= dict(row.probe)
        if heads.like is not None:
            flat["likeness"] = row.likeness
        if row.example is not None:
            flat |= {"example_query": row.example.query, "example_key": row.example.key}
        found.append(flat)
    return found
