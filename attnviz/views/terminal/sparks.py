"""Curves in a terminal: a small silhouette for each, below each other, all on one scale."""

from __future__ import annotations

import math

from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.i18n.messages import message
from attnviz.views.prepared.charts import Chart, Charts, Series
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.quantities import power
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.screen import Screen, caption_line, sentence_line

_INDENT, _GAP = 2, 2
_WIDEST_NAME = 14
_LINES = 2  # how high a silhouette is
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_DECADES = 4
_APART = 4  # cells between the numbers of an axis


def points_that_fit(screen: Screen) -> int:
    """Return how many points of a curve fit beside its name."""
    return max(4, min(64, screen.cells - _INDENT - _WIDEST_NAME - _GAP))


def render_sparks(charts: Charts, screen: Screen) -> RenderableType:
    """Draw the curves of each chart, a column a point, within the screen; heights grow in equal ratios.

    The lowest height is the chart's floor, else 1/10,000 of the largest value; what is less has none, nor has what is
    not there. Without block elements a curve is a line of digits.
    """
    parts: list[RenderableType] = []
    if charts.heading is not None:
        parts.append(sentence_line(charts.heading, screen, "bold"))
    for chart in charts.charts:
        if isinstance(chart, Chart):
            parts.extend([*_curves(chart, screen), Text()])
    parts.append(caption_line(charts.caption, screen))
    parts.extend(sentence_line(note, screen) for note in charts.notes)
    return Group(*parts)


def _curves(chart: Chart, screen: Screen) -> list[RenderableType]:
    values = [value for series in chart.series for value in series.y if value > 0]
    high = max(values, default=1.0)
    low = chart.floor or max(min(values, default=1.0), high / 10**_DECADES)
    names = [
        shorten(screen.written(series.name.localized()), _WIDEST_NAME, cell_len, screen.mark) for series in chart.series
    ]
    width = max(map(cell_len, names))
    lines: list[RenderableType] = []
    for name, series in zip(names, chart.series, strict=True):
        drawn = _silhouette(series, low, high, screen)
        for k, row in enumerate(drawn):
            label = name if k == len(drawn) - 1 else ""
            line = Text(" " * (_INDENT + width - cell_len(label)), no_wrap=True).append(label, "bold")
            line.append(" " * _GAP).append(row, "cyan").rstrip()
            lines.append(line)
    ticks = _ticks(chart.series[0], screen.cells - _INDENT - width - _GAP)
    lines.append(Text(" " * (_INDENT + width + _GAP) + ticks, "dim", no_wrap=True))
    scale = message(
        "{across} across; {up} up, from {low} to {high} in equal ratios",
        across=chart.x_name,
        up=chart.y_name,
        low=power(low),
        high=power(high),
    )
    return [*lines, sentence_line(scale, screen, "dim")]


def _silhouette(series: Series, low: float, high: float, screen: Screen) -> list[str]:
    """Return the curve's lines, from the top."""
    shares = [_share(value, low, high) for value in series.y]
    if not screen.has_shapes:
        return ["".join(" " if share is None else str(round(9 * share)) for share in shares)]
    steps = [0 if share is None else max(1, round(8 * _LINES * share)) for share in shares]
    return ["".join(_HEIGHTS[min(8, max(0, step - 8 * below))] for step in steps) for below in reversed(range(_LINES))]


def _share(value: float, low: float, high: float) -> float | None:
    """Return how high a value stands between `low` and `high`, as logarithms, 0 to 1; None where it is below `low`."""
    if not value >= low * (1 - 1e-9):  # nan neither
        return None
    return math.log(value / low) / math.log(high / low) if high > low else 1.0


def _ticks(series: Series, room: int) -> str:
    """Return a line with the numbers at which columns begin, as many as stand apart."""
    line = ""
    for column, place in enumerate(series.x):
        label = f"{place:,.0f}"
        if (not line or column >= len(line) + _APART) and column + len(label) <= room:
            line = line.ljust(column) + label
    return line
