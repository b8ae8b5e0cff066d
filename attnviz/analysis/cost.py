"""What N tokens cost: N x N scores, the memory they need, the time they take; beside a window and a recurrent network.

Scores and memory are counted. Time is measured here with the attention kernel, for sizes that are cheap to measure, and
beyond them predicted from a fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, combinations
from numbers import Integral
from time import perf_counter
from typing import Any

import numpy as np

from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention import attend
from attnviz.core.blas_threads import threads_for
from attnviz.core.errors import OptionError, written
from attnviz.core.masks import parse_mask
from attnviz.core.result import Result
from attnviz.core.types import Float64

# How many tokens a text has: a page of 500 English words, or of 700 Chinese characters, is cut into about 700.
SIZES: dict[str, int] = {"sentence": 20, "page": 700, "20-page report": 20 * 700, "book": 300 * 700}
LARGEST = 10**30
ROWS_AT_ONCE = 64
_LARGEST_SETTING = 1_000_000
_BYTES = 4  # of a float32
_LADDER = tuple(64 << step for step in range(9))
_BUDGET = 0.6  # seconds for all measurements
_REPEATS = 3


@dataclass(frozen=True)
class Setup:
    """What is paid for: layers of attention with heads that share dim features; the mask to compare with."""

    heads: int = 1
    dim: int = 64
    layers: int = 1
    mask: str = "window:128"


@dataclass(frozen=True)
class Cost:
    """What one number of tokens costs.

    scores: layers x heads x N x N. masked: those that the mask allows. steps: layers x N, a recurrent network's.
    dense, streamed: bytes for float32 queries, keys, values and outputs of one layer, and beside them every score, or
    ROWS_AT_ONCE rows of scores. seconds: for all scores; measured, or else predicted; None where nothing was measured.
    """

    name: str | None
    tokens: int
    scores: int
    masked: int
    steps: int
    dense: int
    streamed: int
    seconds: float | None
    measured: bool


@dataclass(frozen=True)
class Costs(Result):
    """The rows in the order they were asked for; timings: tokens and seconds as measured; fit: see `fit_time`."""

    rows: tuple[Cost, ...]
    setup: Setup
    timings: Mapping[int, float]
    fit: tuple[float, float, float] | None

    def __repr__(self) -> str:
        """Return the numbers of tokens."""
        return f"<Costs of {', '.join(f'{row.tokens:,}' for row in self.rows)} tokens>"


@check_arguments(layers=None)
def cost(
    counts: Iterable[int] | None = None,
    *,
    heads: int = 1,
    dim: int = 64,
    layers: int = 1,
    mask: str = "window:128",
    measure: Callable[[int, int], float] | None = None,
) -> Costs:
    """Compute what texts of `counts` tokens cost; None is a sentence, a page, a report and a book (SIZES).

    A count is from 0 to 10^30; one that is named twice is there once. heads divides dim. mask: as in Settings, to be
    compared with. measure: the seconds of one head's attention over (tokens, features); `measured_seconds` by default.
    Raises OptionError for what cannot be.

    Examples:
        >>> cost([1000], measure=lambda tokens, features: 0.0).rows[0].scores
        1000000
    """
    setup = Setup(heads, dim, layers, mask)
    listed = isinstance(counts, Iterable | None) and getattr(counts, "ndim", 1) == 1
    if not listed or isinstance(counts, str | bytes | dict):
        raise OptionError("counts is a list of numbers of tokens, not {value!r}.", value=counts)
    named = list(SIZES.values() if counts is None else counts)
    check_counts(named, setup)
    named = list(dict.fromkeys(named))
    names = {tokens: name for name, tokens in SIZES.items()} if counts is None else {}
    timings = measure_cheap(named, setup, measure or measured_seconds)
    fit = fit_time(timings)
    rows = (count_cost(tokens, setup, timings, fit, names.get(tokens)) for tokens in named)
    return Costs(tuple(rows), setup, timings, fit)


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_counts(counts: list[int], setup: Setup) -> None:
    """Raise OptionError for a number that cannot be, before anything is measured."""
    if not counts:
        raise OptionError("No number of tokens was given.", hint="For example: attnviz cost 1000 100000.")
    for tokens in counts:
        if not _is_whole(tokens) or not 0 <= tokens <= LARGEST:
            raise _no_count(tokens if isinstance(tokens, str) else written(tokens))
    for option, value in (("--heads", setup.heads), ("--dim", setup.dim), ("--layers", setup.layers)):
        if not _is_whole(value) or not 1 <= value <= _LARGEST_SETTING:
            raise OptionError(
                "{option} must be from 1 to {largest}, not {value}.",
                option=option,
                largest=f"{_LARGEST_SETTING:,}",
                value=value,
            )
    if setup.dim % setup.heads:
        raise OptionError(
            "--heads must be at least 1 and divide the {dim} dimensions; {heads} does not.",
            dim=setup.dim,
            heads=setup.heads,
        )
    parse_mask(setup.mask)


def read_count(text: str) -> int:
    """Read a number of tokens as people write it: 1000, 1,000, 1_000, 1e6, 10^12; OptionError for anything else.

    >>> read_count("1,000"), read_count("2e3"), read_count("10^12") == 10**12
    (1000, 2000, True)
    """
    plain = text.strip().replace(",", "").replace("_", "")
    if re.fullmatch(r"[0-9]{1,40}", plain):
        return int(plain)
    if power := re.fullmatch(r"([0-9]{1,10})(?:\^|\*\*)([0-9]{1,2})", plain):
        base, exponent = int(power[1]), int(power[2])
        return int(pow(base, exponent))
    if scientific := re.fullmatch(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?[eE]\+?([0-9]{1,2})", plain):
        whole, fraction, zeros = scientific[1], (scientific[2] or "").rstrip("0"), int(scientific[3])
        if len(fraction) <= zeros:
            return int((whole + fraction).ljust(len(whole) + zeros, "0"))
    raise _no_count(text)


def _no_count(text: str) -> OptionError:
    return OptionError(
        "A number of tokens is a whole number from 0 to 10^30, not {text!r}.",
        hint="For example: attnviz cost 1000 1e6 10^12.",
        text=text if len(text) <= 50 else text[:50] + "...",
    )


def count_cost(
    tokens: int,
    setup: Setup,
    timings: Mapping[int, float] | None = None,
    fit: tuple[float, float, float] | None = None,
    name: str | None = None,
) -> Cost:
    """Count what so many tokens cost; their time is from `timings` where it is there, else from the fit."""
    timings = timings or {}
    every = setup.layers * setup.heads
    cards = 4 * tokens * setup.dim
    block = setup.heads * min(tokens, ROWS_AT_ONCE) * tokens
    predicted = None if fit is None else every * predict(fit, tokens)
    measured = tokens in timings or tokens == 0
    return Cost(
        name=name,
        tokens=tokens,
        scores=every * tokens**2,
        masked=every * allowed_pairs(setup.mask, tokens),
        steps=setup.layers * tokens,
        dense=_BYTES * (cards + every * tokens**2),
        streamed=_BYTES * (cards + block),
        seconds=every * timings.get(tokens, 0.0) if measured else predicted,
        measured=measured,
    )


def allowed_pairs(mask: str, tokens: int) -> int:
    """Return how many cells of an N x N matrix the mask allows, without making the matrix.

    causal: N (N + 1) / 2. window:K, for K < N: N (K + 1) - K (K + 1) / 2 looking back and at oneself, and as many
    ahead without counting oneself twice.

    >>> allowed_pairs("window:1", 4), allowed_pairs("causal", 4)
    (10, 10)
    """
    window, causal = parse_mask(mask)
    reach = max(tokens - 1, 0) if window is None else min(window, max(tokens - 1, 0))
    back = tokens * (reach + 1) - reach * (reach + 1) // 2
    return back if causal else 2 * back - tokens


def measured_seconds(tokens: int, features: int) -> float:
    """Measure one head's attention over seeded numbers, ROWS_AT_ONCE query rows at a time; the least of a few times."""
    query, key, value = np.random.default_rng(0).random((3, tokens, features), dtype=np.float32)
    took: list[float] = []
    while len(took) < _REPEATS or (len(took) < 3 * _REPEATS and sum(took) < _BUDGET / 20):
        started = perf_counter()
        with threads_for(ROWS_AT_ONCE * tokens * features):
            for first in range(0, tokens, ROWS_AT_ONCE):
                attend(query[first : first + ROWS_AT_ONCE], key, value)
        took.append(perf_counter() - started)
    return min(took)


def measure_cheap(counts: Iterable[int], setup: Setup, measure: Callable[[int, int], float]) -> dict[int, float]:
    """Return the seconds of one head for each size of a ladder and of `counts`, from the smallest, within the budget.

    A size is tried only where its predecessor lets expect, by the square of the ratio, that it can be paid.
    """
    features = setup.dim // setup.heads
    timings: dict[int, float] = {}
    spent = 0.0
    for tokens in sorted({*_LADDER, *(count for count in counts if 0 < count <= _LADDER[-1])}):
        if timings:
            last = max(timings)
            expected = _REPEATS * timings[last] * (tokens / last) ** 2
            if spent + expected > _BUDGET:
                break
        timings[tokens] = measure(tokens, features)
        spent += _REPEATS * timings[tokens]
    return timings


def fit_time(timings: Mapping[int, float]) -> tuple[float, float, float] | None:
    """Fit seconds = a + b N + c N^2, none of the three negative, to the least relative errors squared.

    c is for the scores, b for what each row costs, a for what each call does. Non-negative least squares (Lawson and
    Hanson 1974, chapter 23), here by trying which of a and b are 0. None where nothing was measured, or no time passed.
    """
    sizes = np.array([tokens for tokens, seconds in timings.items() if seconds > 0], dtype=np.float64)
    seconds = np.array([seconds for seconds in timings.values() if seconds > 0])
    if not len(sizes):
        return None
    terms = np.stack([np.ones_like(sizes), sizes, sizes**2], axis=1) / seconds[:, None]
    best: tuple[float, Float64] = (np.inf, np.array([0.0, 0.0, float(np.mean(seconds / sizes**2))]))
    for chosen in chain.from_iterable(combinations((0, 1), count) for count in range(3)):
        columns = [*chosen, 2]
        found = np.linalg.lstsq(terms[:, columns], np.ones(len(sizes)), rcond=None)[0]
        error = float(np.sum((terms[:, columns] @ found - 1) ** 2))
        if len(columns) <= len(sizes) and found.min() >= 0 and found[-1] > 0 and error < best[0]:
            best = (error, _placed(found, columns))
    a, b, c = best[1].tolist()
    return a, b, c


def _placed(found: Float64, columns: list[int]) -> Float64:
    whole = np.zeros(3)
    whole[columns] = found
    return whole


def predict(fit: tuple[float, float, float], tokens: float) -> float:
    """Return the seconds that the fit gives for so many tokens; no tokens take no time."""
    a, b, c = fit
    return a + b * tokens + c * float(tokens) ** 2 if tokens else 0.0


def cost_document(costs: Costs) -> dict[str, Any]:
    """Return the costs as plain data under `"schema": 1`."""
    return {
        "schema": 1,
        "rows": [
            {
                "name": row.name,
                "tokens": row.tokens,
                "scores": row.scores,
                "masked_scores": row.masked,
                "recurrent_steps": row.steps,
                "dense_bytes": row.dense,
                "streamed_bytes": row.streamed,
                "seconds": row.seconds,
                "measured": row.measured,
            }
            for row in costs.rows
        ],
        "timings": [{"tokens": tokens, "seconds": seconds} for tokens, seconds in costs.timings.items()],
        "fit": None if costs.fit is None else dict(zip(("constant", "linear", "quadratic"), costs.fit, strict=True)),
        "settings": {**asdict(costs.setup), "rows_at_once": ROWS_AT_ONCE},
    }
