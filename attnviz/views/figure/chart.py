"""Charts as pictures: lines and points over an axis, or bars beside their labels, as PNG, SVG or PDF bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.core.errors import OptionError
from attnviz.i18n.decimals import pure_decimal
from attnviz.i18n.messages import Message
from attnviz.views.figure.colors import accent_of, rgb
from attnviz.views.figure.fonts import POINT, Fonts, missing_note
from attnviz.views.figure.layout import LINE, MARGIN, PAGE, SMALLEST, PictureText, too_narrow
from attnviz.views.figure.sheet import DrawnFigure, drawing, new_figure, save_figure
from attnviz.views.prepared.charts import BarChart, Chart, Charts, Series
from attnviz.views.prepared.color_scale import SERIES_COLORS, Scale
from attnviz.views.prepared.quantities import byte_words
from attnviz.views.prepared.style import Style, refuse_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 3)))
_MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
# In inches, for labels of 10 points: of one chart's axes beside others, alone, the least; and how high they are.
_WIDTH, _ALONE, _LEAST, _HEIGHT = 3.1, 5.2, 1.2, 2.6
_LEFT, _BELOW, _ABOVE, _GAP = 0.7, 0.5, 0.35, 0.3
_HALF = 0.15  # of a number below the right end of an axis
_PAD = 0.06  # between the labels of bars and their axis
_STEEPEST = 1.25  # how high axes are at most, as a share of their width
_LEGEND_LINE = 0.19
_BAR_HEIGHT = 0.26
_LOWER = (1.0, 0.85, 0.7, 0.6, 0.5, 0.4)  # how high axes are, as a share of what is usual, where a page asks for it
_LETTERS = 1.6  # letters beside bars shrink only where bars are so much lower


def render_charts(prepared: Charts, form: str, style: Style | None = None) -> tuple[bytes, tuple[Message, ...]]:
    """Draw the charts beside each other in one picture, in `form`: png, svg, pdf or eps; return it and notes.

    The same input gives the same bytes. A character that no font has is drawn as its code point. Raises OptionError for
    a style that cannot be, or a width into which the charts do not fit.
    """
    style = style or Style()
    with drawing(style, color_settings(style)) as fonts:
        drawn = draw_charts(prepared, style, fonts)
        return save_figure(drawn, form), drawn.notes


def draw_charts(prepared: Charts, style: Style, fonts: Fonts) -> DrawnFigure:
    """Draw the charts into a new figure, inside `drawing` with `color_settings`."""
    text = PictureText(style, fonts)
    layout = _ChartLayout(prepared, text)
    figure = new_figure(layout.width, layout.height, style)
    layout.draw(figure)
    description = " ".join(map(text.words, prepared.notes)) or layout.title
    notes = (*fonts.notes, *missing_note(text.lacking))
    return DrawnFigure(figure, fonts, layout.title, description, notes=notes, svg_text=style.svg_text)


def draw_chart_on(axes: Axes, prepared: Charts, style: Style, fonts: Fonts) -> list[Any]:
    """Draw the only chart into these axes, inside `drawing`; return the artists that it added."""
    before = set(axes.get_children())
    layout = _ChartLayout(prepared, PictureText(style, fonts))
    layout.draw_on(axes, prepared.charts[0], alone=True)
    return [artist for artist in axes.get_children() if artist not in before]


def color_settings(style: Style) -> dict[str, Any]:
    """Return the colours of matplotlib's own texts and lines."""
    inks = dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), style.theme.ink)
    return {**inks, "axes.edgecolor": style.theme.hatch, "axes.facecolor": "none"}


class _ChartLayout:
    """Where everything goes, in inches; then drawn. All of it grows with the theme's letters."""

    def __init__(self, prepared: Charts, text: PictureText) -> None:
        self.prepared, self.text, self.theme = prepared, text, text.theme
        style = text.style
        refuse_limits(style)
        self.scale = self.theme.label / 10
        self.name, self.tick = 0.9 * self.theme.label, 0.8 * self.theme.label
        self.colors = (*SERIES_COLORS, self.theme.faint, self.theme.ink)
        self.accent = accent_of(Scale(0.0, 1.0).palette(), rgb(self.theme.background))  # of bars, as in other pictures
        self.labels = {
            id(chart): [text.label(label).text for label in chart.labels]
            for chart in prepared.charts
            if isinstance(chart, BarChart)
        }
        self.gap = _GAP * self.scale
        self.title = text.title(prepared.heading)
        self.rows, self.across = self._arranged(style)
        title_width = 0.0 if style.no_title else text.fonts.width(self.title, self.theme.title) + 2 * MARGIN
        natural = max(self._beside(row) + len(row) * self.across for row in self.rows)
        self.width = style.inches or max(natural, title_width)
        inner = self.width - 2 * MARGIN
        self.heading = text.title_lines(prepared.heading, inner)
        self.lines = text.caption_lines(prepared.caption, prepared.notes, inner)
        self.above = (_ABOVE if any(map(_title_of, prepared.charts)) else 0.1) * self.scale
        self.top = MARGIN + len(self.heading) * LINE * self.theme.title * POINT
        self.foot = 0.15 + len(self.lines) * 1.5 * self.theme.caption * POINT
        self.lower = 1.0
        self.height = self._fit_page(style)

    def _fit_page(self, style: Style) -> float:
        """Return how high the picture is; at a chosen width its axes are lower where it would be higher than a page.

        Raises OptionError where that is not enough.
        """
        most = np.inf if style.inches is None else max(PAGE, 1.3 * style.inches)
        for self.lower in _LOWER:
            height = self.top + sum(map(self._row_height, self.rows)) + self.foot
            if height <= most:
                return height
        raise OptionError(
            "{count} charts would be higher than a page at --width {width}.",
            hint="Give a wider picture, --style paper, or a shorter text.",
            count=len(self.prepared.charts),
            width=style.width,
        )

    def _arranged(self, style: Style) -> tuple[list[tuple[Chart | BarChart, ...]], float]:
        """Return the charts in rows, as many in each as the width allows, and how wide the axes of a chart are."""
        charts, room = self.prepared.charts, style.inches
        if room is None:
            return [charts], (_ALONE if len(charts) == 1 else _WIDTH) * self.scale
        for each in range(len(charts), 0, -1):
            rows = [charts[i : i + each] for i in range(0, len(charts), each)]
            across = min((room - self._beside(row)) / len(row) for row in rows)
            if across >= _LEAST * self.scale:
                break
        else:
            raise too_narrow(style, room + _LEAST * self.scale - across)
        return rows, across

    def _beside(self, row: tuple[Chart | BarChart, ...]) -> float:
        """Return the width of a row that its labels, gaps and margins take, in inches."""
        half = _HALF * self.scale if isinstance(row[-1], Chart) else 0.0
        return sum(map(self._left, row)) + (len(row) - 1) * self.gap + 2 * MARGIN + half

    def _row_height(self, row: tuple[Chart | BarChart, ...]) -> float:
        return self.above + max(self._height(chart) + self._below(chart) for chart in row)

    def _left(self, chart: Chart | BarChart) -> float:
        if isinstance(chart, Chart):
            return _LEFT * self.scale
        return _PAD + max((self.text.fonts.width(label, self.name) for label in self.labels[id(chart)]), default=0.0)

    def _height(self, chart: Chart | BarChart) -> float:
        if isinstance(chart, Chart):
            return min(_HEIGHT * self.scale, max(_STEEPEST * self.across, _LEAST * self.scale)) * self.lower
        inches = max(0.8, _BAR_HEIGHT * len(chart.labels) + 0.1)
        return inches * self.scale * self.lower

    def _below(self, chart: Chart | BarChart) -> float:
        """Return the height below the axes, in inches: the name of the x axis and the legend."""
        if isinstance(chart, BarChart):
            return 0.15 * self.scale
        return (_BELOW + 0.05 + -(-len(chart.series) // self._columns(chart)) * _LEGEND_LINE) * self.scale

    def _columns(self, chart: Chart) -> int:
        """Return the number of columns of the legend: 2 where more than 3 series have room for it, else 1."""
        longest = max(self.text.fonts.width(self.text.words(series.name), self.tick) for series in chart.series)
        return (
            2
            if len(chart.series) > 3 and 2 * (longest + 5 * self.tick * POINT) <= self._left(chart) + self.across
            else 1
        )

    def draw(self, figure: Figure) -> None:
        """Draw it all into the figure."""
        theme = self.theme
        for k, line in enumerate(self.heading):
            self._write(figure, MARGIN, 0.14 + k * LINE * theme.title * POINT, line, size=theme.title, semibold=True)
        y = self.top
        for row in self.rows:
            x = MARGIN
            for chart in row:
                self._draw_chart(figure, x, y, chart)
                x += self._left(chart) + self.across + self.gap
            y += self._row_height(row)
        for k, line in enumerate(self.lines):
            y = self.height - self.foot + 0.05 + k * 1.5 * theme.caption * POINT
            self._write(figure, MARGIN, y, line, size=theme.caption, color=theme.faint)

    def _draw_chart(self, figure: Figure, x: float, y: float, chart: Chart | BarChart) -> None:
        height, left = self._height(chart), x + self._left(chart)
        self._write(figure, x, y + 0.08 * self.scale, self.text.words(chart.title), size=self.theme.label)
        foot = 1 - (y + self.above + height) / self.height
        axes = figure.add_axes((left / self.width, foot, self.across / self.width, height / self.height))
        self.draw_on(axes, chart)
        if isinstance(chart, Chart):  # the name of its upright axis stands at the left edge, as titles do
            axes.yaxis.set_label_coords((1.35 * self.name * POINT - self._left(chart)) / self.across, 0.5)

    def draw_on(self, axes: Axes, chart: Chart | BarChart, *, alone: bool = False) -> None:
        """Draw one chart into these axes; alone: with its legend inside them, since no room was made below."""
        if isinstance(chart, Chart):
            self._draw_series(axes, chart, alone=alone)
        else:
            self._draw_bars(axes, chart)

    def _write(self, figure: Figure, x: float, y: float, words: str, *, semibold: bool = False, **style: Any) -> None:
        from attnviz.views.figure.canvas import SemiboldText  # matplotlib is loaded in `drawing`, without its words

        make = partial(SemiboldText, transform=figure.transFigure) if semibold else figure.text
        artist = make(x / self.width, 1 - y / self.height, words, va="top", parse_math=False, **style)
        if semibold:
            figure.add_artist(artist)

    def _draw_series(self, axes: Axes, chart: Chart, *, alone: bool) -> None:
        if chart.powers:
            axes.set(xscale="log", yscale="log")
        if chart.floor is not None:
            axes.set_ylim(
                chart.floor, 1.5 * max(value for series in chart.series for value in (chart.floor, *series.y))
            )
        for k, series in enumerate(chart.series):
            x, y, marked = _drawn(series, chart.powers)
            axes.plot(x, y, markevery=marked, label=self.text.words(series.name), **self._line(series, k))
        axes.set_xlabel(self.text.words(chart.x_name), size=self.name, parse_math=False)
        axes.set_ylabel(self.text.words(chart.y_name), size=self.name, parse_math=False)
        axes.tick_params(labelsize=self.tick, length=2)
        axes.grid(color=_faded(self.theme.hatch, self.theme.background), linewidth=0.6)
        axes.set_axisbelow(True)
        _open_frame(axes, "top", "right")
        self._write_ticks(axes, chart)
        below = {
            "loc": "upper left",
            "bbox_to_anchor": (-self._left(chart) / self.across, -_BELOW * self.scale / self._height(chart)),
        }
        legend: Legend = axes.legend(
            **({"loc": "best"} if alone else below),
            ncols=self._columns(chart),
            fontsize=self.tick,
            frameon=False,
            borderaxespad=0,
            borderpad=0,
            handlelength=2.6,
            labelspacing=0.35,
            columnspacing=1.2,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)

    def _write_ticks(self, axes: Axes, chart: Chart) -> None:
        """Write powers of ten as 10¹¹, bytes as 10 GB, at as many places as there is room for, without minor ticks.

        matplotlib's own are mathematical text, which would need fonts of its own.
        """
        if not chart.powers:
            return
        from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

        width, height = (length / axes.figure.dpi for length in axes.get_window_extent().size)
        for axis, limits in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
            first, last = np.ceil(np.log10(limits[0]) - 1e-9), np.floor(np.log10(limits[1]) + 1e-9)
            powers = [10.0 ** int(power) for power in np.arange(first, last + 1)]
            if axis is axes.yaxis:
                write = _bytes if chart.in_bytes else _powers_of_ten
                places, words = self._some_ticks(powers, write, height, upright=True)
            else:
                places, words = self._some_ticks(powers, _powers_of_ten, width, upright=False)
            axis.set_major_locator(FixedLocator(places))
            axis.set_major_formatter(FixedFormatter(words))
            axis.set_minor_locator(NullLocator())

    def _some_ticks(
        self, powers: list[float], write: Callable[[Sequence[float]], list[str]], room: float, *, upright: bool
    ) -> tuple[list[float], list[str]]:
        """Return every power of ten, or every second and so on, so that none touch in `room` inches; their words."""
        for step in range(1, len(powers) + 1):
            kept = powers[::step]
            words = write(kept)
            size = self.tick * POINT
            taken = 1.6 * size if upright else max(self.text.fonts.width(text, self.tick) for text in words) + size
            if len(kept) * taken <= room + taken:
                return kept, words
        return [], []

    def _line(self, series: Series, k: int) -> dict[str, Any]:
        color = self.colors[k % len(self.colors)]
        return {
            "color": color,
            "linestyle": _LINES[k % len(_LINES)] if series.line else "none",
            "linewidth": 1.4 * self.scale,
            "marker": None if series.marked == () else _MARKS[k % len(_MARKS)],
            "markersize": 4 * self.scale,
            "markerfacecolor": self.theme.background if series.hollow else color,
        }

    def _draw_bars(self, axes: Axes, chart: BarChart) -> None:
        count = len(chart.values)
        values = np.nan_to_num(np.array(chart.values, dtype=np.float64))
        longest = max((self.text.fonts.width(text, self.tick) for text in chart.texts), default=0.0) + 0.1
        reach = float(values.max(initial=0.0)) or 1.0
        axes.barh(range(count), values, height=0.7, color=self.accent)
        axes.set(ylim=(count - 0.4, -0.6), xlim=(0, reach * self.across / max(self.across - longest, 0.1)))
        name, tick = (max(SMALLEST, size * min(1.0, _LETTERS * self.lower)) for size in (self.name, self.tick))
        axes.set_yticks(range(count), self.labels[id(chart)], size=name, parse_math=False)
        axes.tick_params(axis="y", length=0, pad=_PAD / POINT)
        axes.set_xticks([])
        for k, (value, text) in enumerate(zip(values, chart.texts, strict=True)):
            axes.text(value + 0.02 * reach, k, text, va="center", size=tick, parse_math=False)
        _open_frame(axes, "top", "right", "bottom")


def _faded(color: str, background: str) -> tuple[float, ...]:
    """Return a colour at two fifths of its strength; PostScript knows no transparency."""
    from matplotlib.colors import to_rgb

    return tuple(0.6 * under + 0.4 * over for under, over in zip(to_rgb(background), to_rgb(color), strict=True))


def _open_frame(axes: Axes, *sides: str) -> None:
    for side in sides:
        axes.spines[side].set_visible(False)


def _title_of(chart: Chart | BarChart) -> Message | None:
    return chart.title


def _drawn(series: Series, powers: bool) -> tuple[list[float], list[float], list[int]]:
    """Return the points that have a place (with axes in powers of ten those above 0), and which of them get a mark."""
    places = range(len(series.x)) if series.marked is None else series.marked
    kept = [i for i in range(len(series.x)) if not powers or (series.x[i] > 0 and series.y[i] > 0)]
    marked = [k for k, i in enumerate(kept) if i in places]
    return [series.x[i] for i in kept], [series.y[i] for i in kept], marked


def _bytes(values: Sequence[float]) -> list[str]:
    """Return the numbers of bytes of an axis, each in the unit that fits it."""
    return [byte_words(round(value)).localized() if value >= 1 else "" for value in values]


def _powers_of_ten(values: Sequence[float]) -> list[str]:
    """Return the numbers of an axis: written out if all lie from .01 to 10,000, else all but 1 and 10 as powers of ten.

    >>> _powers_of_ten([1.0, 1000.0]), _powers_of_ten([1.0, 1000.0, 1e11]), _powers_of_ten([1e-4, 1e-3])
    (['1', '1,000'], ['1', '10³', '10¹¹'], ['10⁻⁴', '10⁻³'])
    """
    plain = all(1e-2 <= value < 1e5 for value in values)
    powers = [round(np.log10(value)) for value in values]
    return [
        pure_decimal(f"{value:,.10g}" if plain or power in (0, 1) else f"1e{power}")
        for value, power in zip(values, powers, strict=True)
    ]
