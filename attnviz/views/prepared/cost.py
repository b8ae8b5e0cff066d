"""What costs look like: a row for each number of tokens, and three charts with both axes in powers of ten."""

from __future__ import annotations

from collections.abc import Iterable

from attnviz.analysis.cost import ROWS_AT_ONCE, Cost, Costs, count_cost, predict
from attnviz.core.masks import mask_words
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.caption import in_brief, setting_words
from attnviz.views.prepared.charts import Chart, Charts, Series
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.quantities import byte_words, count_words, power, second_words, short_count

_NAMES = {
    "sentence": message("sentence"),
    "page": message("page"),
    "20-page report": message("20-page report"),
    "book": message("book"),
}
_POINTS = 40


def prepare_costs(costs: Costs, *, brief: bool = False) -> Listing:
    """Return the costs as a list: counted scores and steps, memory, and time, where ~ marks what is predicted.

    A recurrent network of one layer takes as many steps as there are tokens: one column says both. brief: with a first
    caption of one line, where one head of one layer is counted.
    """
    brief = brief and costs.setup.layers == costs.setup.heads == 1
    rows = costs.rows
    counted = (
        *_tokens_and_steps([row.tokens for row in rows], [row.steps for row in rows]),
        _counted(message("scores N×N"), [row.scores for row in rows]),
        _counted(_mask_title(costs, setting_words("mask", costs.setup.mask)), [row.masked for row in rows]),
    )
    spent = (
        Column(message("memory dense"), tuple(byte_words(row.dense) for row in rows)),
        Column(message("memory streamed"), tuple(byte_words(row.streamed) for row in rows)),
        Column(message("time here"), tuple(_time(row) for row in rows)),
    )
    labels = tuple(_NAMES[row.name] if row.name else "" for row in rows)
    return Listing(
        message("what N tokens cost"),
        labels,
        (counted, spent),
        _first_caption() if brief else (*_describe(costs), *_meanings()),
        _notes(costs, brief=brief),
        verdicts=1,
    )


def _tokens_and_steps(tokens: list[int], steps: list[int]) -> tuple[Column, ...]:
    if tokens == steps:
        return (_counted(message("tokens N, recurrent steps"), tokens),)
    return _counted(message("tokens N"), tokens), _counted(message("recurrent steps"), steps)


def _counted(title: Message, counts: list[int]) -> Column:
    return Column(title, tuple(map(count_words, counts)), shorter=tuple(map(short_count, counts)))


def _mask_title(costs: Costs, mask: Message) -> Message:
    return message("scores, no mask") if costs.setup.mask == "none" else message("scores, {mask}", mask=mask)


def _time(row: Cost) -> str | Message:
    if row.seconds is None:
        return message("not measured")
    words = second_words(row.seconds)
    return words if row.measured else message("~{time}", time=words)


def _describe(costs: Costs) -> tuple[Message, ...]:
    setup = costs.setup
    layers = message("1 layer") if setup.layers == 1 else message("{count} layers", count=setup.layers)
    width = setup.dim // setup.heads
    heads = (
        message("1 head of {dim} dimensions", dim=width)
        if setup.heads == 1
        else message("{count} heads of {dim} dimensions", count=setup.heads, dim=width)
    )
    return layers, heads, message("4 bytes a number")


def _meanings() -> tuple[Message, ...]:
    return (
        message("dense: every weight is kept"),
        message("streamed: {rows} rows of weights at a time", rows=ROWS_AT_ONCE),
    )


def _first_caption() -> tuple[Message, ...]:
    return in_brief((message("1 head"), message("dense: all weights are kept, streamed: some")))


def _notes(costs: Costs, *, brief: bool = False, drawn: bool = False) -> tuple[Message, ...]:
    """Return what doubling costs, and what is predicted; drawn: as points of a chart, which the legend names."""
    law = message(
        "Twice as many tokens make four times as many scores; a recurrent network takes twice as many steps, "
        "but one after the other, and what it keeps does not grow."
    )
    if all(row.measured for row in costs.rows) or costs.fit is None:
        return (law,)
    if brief:
        return law, message("~ is predicted from shorter texts, not measured.")
    largest = max(costs.timings)
    fields = {"count": len(costs.timings), "largest": f"{largest:,}", "time": second_words(costs.timings[largest])}
    if drawn:
        return law, message(
            "The fit is a + b N + c N², to {count} sizes up to {largest} tokens, which took {time} a head at most.",
            **fields,
        )
    predicted = message(
        "~ is predicted, not measured: a + b N + c N² fitted to {count} sizes up to {largest} tokens, which took "
        "{time} a head at most.",
        **fields,
    )
    return law, predicted


def draw_costs(costs: Costs) -> Charts:
    """Return the costs as charts over the number of tokens: scores and steps, bytes, seconds; 0 tokens are left out."""
    rows = [row.tokens for row in costs.rows if row.tokens]
    drawn = [count_cost(tokens, costs.setup, costs.timings, costs.fit) for tokens in _places(costs, rows)]
    marked = tuple(k for k, cost in enumerate(drawn) if cost.tokens in rows)
    tokens = tuple(float(cost.tokens) for cost in drawn)

    def curve(name: Message, values: Iterable[int]) -> Series:
        return Series(name, tokens, tuple(map(float, values)), marked=marked)

    work = (
        curve(message("scores N×N"), (cost.scores for cost in drawn)),
        curve(_mask_title(costs, mask_words(costs.setup.mask)), (cost.masked for cost in drawn)),
        curve(message("recurrent steps"), (cost.steps for cost in drawn)),
    )
    memory = (
        curve(message("memory dense"), (cost.dense for cost in drawn)),
        curve(message("memory streamed"), (cost.streamed for cost in drawn)),
    )
    charts = [
        Chart(message("work"), message("tokens N"), message("scores or steps"), work, powers=True),
        Chart(message("memory"), message("tokens N"), message("memory"), memory, powers=True, in_bytes=True),
    ]
    if costs.fit is not None:
        charts.append(Chart(message("time here"), message("tokens N"), message("seconds"), _times(costs, tokens), True))
    return Charts(
        message("what N tokens cost"), tuple(charts), (*_describe(costs), *_meanings()), _notes(costs, drawn=True)
    )


def _places(costs: Costs, rows: list[int]) -> list[int]:
    """Return the sizes at which curves are drawn: the rows, the measured sizes, and sizes in equal ratios between."""
    ends = [*rows, *costs.timings]
    if not ends:
        return []
    low, high = min(ends), max(ends)
    between = (round(low * (high / low) ** (k / _POINTS)) for k in range(_POINTS))
    return sorted({*ends, *between})


def _times(costs: Costs, tokens: tuple[float, ...]) -> tuple[Series, ...]:
    """Return measured times as points, the fit as a line through and beyond them, and predictions as hollow points."""
    assert costs.fit is not None
    fit, every = costs.fit, costs.setup.layers * costs.setup.heads
    predicted = [row for row in costs.rows if row.tokens and not row.measured and row.seconds is not None]
    found = (
        Series(
            message("measured"),
            tuple(map(float, costs.timings)),
            tuple(every * seconds for seconds in costs.timings.values()),
            line=False,
        ),
        Series(
            message("predicted"),
            tuple(float(row.tokens) for row in predicted),
            tuple(row.seconds or 0.0 for row in predicted),
            line=False,
            hollow=True,
        ),
        Series(
            message("fit: {formula}", formula=_formula(costs)),
            tokens,
            tuple(every * predict(fit, place) for place in tokens),
            marked=(),
        ),
    )
    return tuple(series for series in found if series.x)


def _formula(costs: Costs) -> str:
    """Return the fit with its numbers, the terms that are 0 left out."""
    assert costs.fit is not None
    every = costs.setup.layers * costs.setup.heads
    terms = zip(costs.fit, ("", " N", " N²"), strict=True)
    return " + ".join(f"{power(every * factor)}{term}" for factor, term in terms if factor)
