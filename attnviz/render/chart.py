"""Charts as pictures: lines and points over an axis, or bars beside their labels, as PNG, SVG or PDF bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from wcwidth import wcswidth

from attnviz.messages import Message
from attnviz.render.charts import Bars, Chart, Charts, Series
from attnviz.render.figure import picture_metadata
from attnviz.render.figure.fonts import POINT, Fonts, load_fonts, missing_note, settings
from attnviz.render.figure.layout import wrap
from attnviz.render.labels import shorten
from attnviz.render.lines import pieces
from attnviz.render.style import THEMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

THEME = THEMES["paper"]
# Okabe and Ito 2008, "Color universal design": told apart by colour-blind readers, and dark enough for thin lines.
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4d4d4d", "#000000")
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 3)))
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
_TITLE, _NAME, _TICK, _CAPTION = THEME.title, 9.0, 8.0, THEME.caption
_WIDTH, _ALONE, _HEIGHT = 3.1, 5.2, 2.6  # of one chart's axes: beside others, alone, and how high
_LEFT, _BELOW, _ABOVE, _GAP = 0.75, 0.5, 0.35, 0.3
_LEGEND_LINE = 0.19
_BAR_HEIGHT = 0.26
_MOST_LABEL_CELLS = 18


def render_charts(prepared: Charts, form: str) -> tuple[bytes, tuple[Message, ...]]:
    """The charts beside each other as a picture in `form` (png, svg or pdf), and what the reader should know of it.

    The same input gives the same bytes. A character that no font has is drawn as its code point.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fonts = load_fonts()
    with matplotlib.rc_context(settings(fonts)):  # type: ignore[arg-type]
        drawing = _Drawing(prepared, fonts)
        figure = Figure(figsize=(drawing.width, drawing.height), dpi=THEME.dpi, facecolor=THEME.background)
        FigureCanvasAgg(figure)
        drawing.draw(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format=form, metadata=picture_metadata(form, drawing.heading, drawing.heading))
    return stream.getvalue(), (*fonts.notes, *missing_note(drawing.lacking))


class _Drawing:
    """Where everything goes, in inches; then drawn."""

    def __init__(self, prepared: Charts, fonts: Fonts) -> None:
        self.prepared, self.fonts = prepared, fonts
        self.lacking: dict[str, None] = {}
        self.labels = {id(chart): self._labels(chart) for chart in prepared.charts if isinstance(chart, Bars)}
        self.lefts = [self._left(chart) for chart in prepared.charts]
        self.across = _ALONE if len(prepared.charts) == 1 else _WIDTH
        self.heading = self._words(prepared.heading)
        self.width = max(
            sum(left + self.across + _GAP for left in self.lefts) + _GAP, self.fonts.width(self.heading, _TITLE) + 0.4
        )
        self.body = max(_height(chart) for chart in prepared.charts)
        self.legend = max((_legend_height(chart) for chart in prepared.charts), default=0.0)
        self.top = (0.5 if self.heading else 0.15) - (0.0 if any(map(_title_of, prepared.charts)) else _ABOVE - 0.1)
        self.lines = self._caption()
        self.foot = 0.15 + len(self.lines) * 1.5 * _CAPTION * POINT
        self.height = self.top + _ABOVE + self.body + _BELOW + self.legend + self.foot

    def _words(self, words: Message | None) -> str:
        return "" if words is None else self.fonts.drawable(words.localized(), self.lacking)

    def _labels(self, chart: Bars) -> list[str]:
        labels = [self.fonts.drawable(label, self.lacking) for label in chart.labels]
        return [shorten(label, _MOST_LABEL_CELLS, lambda text: max(wcswidth(text), 0) or len(text)) for label in labels]

    def _left(self, chart: Chart | Bars) -> float:
        if isinstance(chart, Chart):
            return _LEFT
        return 0.3 + max((self.fonts.width(label, _NAME) for label in self.labels[id(chart)]), default=0.0)

    def _caption(self) -> list[str]:
        room = self.width - 0.4
        lines = wrap(self.fonts, [self._words(part) for part in self.prepared.caption], " · ", room, _CAPTION)
        for note in self.prepared.notes:
            lines += wrap(self.fonts, pieces(self._words(note)), "", room, _CAPTION)
        return lines

    def draw(self, figure: Figure) -> None:
        """Draw it all into the figure."""
        if self.heading:
            self._text(figure, 0.2, 0.14, self.heading, size=_TITLE)
        x = 0.1
        for chart, left in zip(self.prepared.charts, self.lefts, strict=True):
            x += left
            height = _height(chart)
            self._text(figure, x, self.top + 0.08, self._words(chart.title), size=_NAME + 1)
            y = self.top + _ABOVE
            box = (x / self.width, 1 - (y + height) / self.height, self.across / self.width, height / self.height)
            axes = figure.add_axes(box)
            if isinstance(chart, Chart):
                self._draw_series(axes, chart)
            else:
                self._draw_bars(axes, chart)
            x += self.across + _GAP
        for k, line in enumerate(self.lines):
            y = self.height - self.foot + 0.05 + k * 1.5 * _CAPTION * POINT
            self._text(figure, 0.2, y, line, size=_CAPTION, color=THEME.faint)

    def _text(self, figure: Figure, x: float, y: float, words: str, **style: Any) -> None:
        figure.text(x / self.width, 1 - y / self.height, words, va="top", parse_math=False, **style)

    def _draw_series(self, axes: Axes, chart: Chart) -> None:
        if chart.powers:
            axes.set(xscale="log", yscale="log")
        if chart.floor is not None:
            axes.set_ylim(
                chart.floor, 1.5 * max(value for series in chart.series for value in (chart.floor, *series.y))
            )
        for k, series in enumerate(chart.series):
            x, y, marked = _drawn(series, chart.powers)
            axes.plot(x, y, markevery=marked, label=self._words(series.name), **_style(series, k))
        axes.set_xlabel(self._words(chart.x_name), size=_NAME, parse_math=False)
        axes.set_ylabel(self._words(chart.y_name), size=_NAME, parse_math=False)
        axes.tick_params(labelsize=_TICK, length=2)
        axes.grid(color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        _no_frame(axes)
        _tick_words(axes, chart.powers)
        columns = 2 if len(chart.series) > 3 else 1
        legend = axes.legend(
            loc="upper left", bbox_to_anchor=(0, -_BELOW / _height(chart)), ncols=columns, fontsize=_TICK,
            frameon=False, borderaxespad=0, borderpad=0, handlelength=2.6, labelspacing=0.35, columnspacing=1.2,
        )  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)

    def _draw_bars(self, axes: Axes, chart: Bars) -> None:
        count = len(chart.values)
        values = np.nan_to_num(np.array(chart.values, dtype=np.float64))
        reach = float(values.max(initial=0.0)) or 1.0
        axes.barh(range(count), values, height=0.7, color=_COLORS[0])
        axes.set(ylim=(count - 0.4, -0.6), xlim=(0, reach * 1.25))
        axes.set_yticks(range(count), self.labels[id(chart)], size=_NAME, parse_math=False)
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([])
        for k, (value, text) in enumerate(zip(values, chart.texts, strict=True)):
            axes.text(value + 0.02 * reach, k, text, va="center", size=_TICK, parse_math=False)
        for side in ("top", "right", "bottom"):
            axes.spines[side].set_visible(False)
        axes.spines["left"].set_color("0.7")


def _title_of(chart: Chart | Bars) -> Message | None:
    return chart.title


def _height(chart: Chart | Bars) -> float:
    return _HEIGHT if isinstance(chart, Chart) else max(0.8, _BAR_HEIGHT * len(chart.labels) + 0.1)


def _legend_height(chart: Chart | Bars) -> float:
    if isinstance(chart, Bars):
        return -_BELOW + 0.15
    rows = len(chart.series) if len(chart.series) <= 3 else -(-len(chart.series) // 2)
    return 0.05 + rows * _LEGEND_LINE


def _drawn(series: Series, powers: bool) -> tuple[list[float], list[float], list[int]]:
    """The points that have a place (with axes in powers of ten those above 0), and which of them get a mark."""
    places = range(len(series.x)) if series.marked is None else series.marked
    kept = [i for i in range(len(series.x)) if not powers or (series.x[i] > 0 and series.y[i] > 0)]
    marked = [k for k, i in enumerate(kept) if i in places]
    return [series.x[i] for i in kept], [series.y[i] for i in kept], marked


def _style(series: Series, k: int) -> dict[str, Any]:
    color = _COLORS[k % len(_COLORS)]
    return {
        "color": color,
        "linestyle": _LINES[k % len(_LINES)] if series.line else "none",
        "linewidth": 1.4,
        "marker": None if series.marked == () else _MARKS[k % len(_MARKS)],
        "markersize": 4,
        "markerfacecolor": "white" if series.hollow else color,
    }


def _no_frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("0.7")


def _tick_words(axes: Axes, powers: bool) -> None:
    """Powers of ten as 10 and 1e6, and no minor ticks: mathematical text would need its own fonts."""
    if not powers:
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(numticks=7))
        axis.set_major_formatter(FuncFormatter(_power_of_ten))
        axis.set_minor_locator(NullLocator())


def _power_of_ten(value: float, _: int) -> str:
    """A tick's number: written out from .001 to 10,000, else as a power of ten."""
    if value <= 0:
        return ""
    return f"{value:,.10g}" if 1e-3 <= value < 1e5 else f"1e{round(np.log10(value))}"
