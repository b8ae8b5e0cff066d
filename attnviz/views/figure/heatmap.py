"""Heatmaps: a panel each, all with cells of one size, in a grid with one colour bar a scale."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from attnviz.text.line_breaking import split_prose
from attnviz.views.figure.colors import unit
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import (
    LINE,
    SMALLEST,
    AxisLabels,
    ColorBar,
    Label,
    PictureContext,
    distinct_scales,
    wrap,
)
from attnviz.views.prepared.color_scale import color_at, ink_on
from attnviz.views.prepared.panels import FORBIDDEN, Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_GAP = 0.3
_SMALLEST_CELL, _LEGIBLE_CELL = 0.01, 0.12
_MOST_NUMBERS = 2000
_TALLEST_BAR = 3.0
_MOST_TITLE_LINES = 3


class Heatmaps:
    """The panels as heatmaps side by side."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        self.panels = context.prepared.panels
        self.labels = [
            ([*map(context.label, panel.rows)], [*map(context.label, panel.columns)]) for panel in self.panels
        ]
        self.titles = [context.words(panel.title) for panel in self.panels]
        self.captions = [context.words(panel.caption) for panel in self.panels]
        self.rows: int = max(panel.values.shape[0] for panel in self.panels)
        self.columns: int = max(panel.values.shape[1] for panel in self.panels)
        self.bars = [ColorBar(context, scale, 1.0) for scale in distinct_scales(self.panels)]
        self.bars_width = sum(bar.width + 0.2 for bar in self.bars)
        self.across, self.cell = self._fit()
        self._measure()

    def _fit(self) -> tuple[int, float]:
        """Return how many panels stand side by side, and the size of a cell: natural, or as the width allows."""
        theme, count = self.context.theme, len(self.panels)
        across = self.context.prepared.across if self.context.prepared.across > 1 else int(np.ceil(np.sqrt(count)))
        natural = min(theme.cell, theme.panel / max(self.rows, self.columns))
        room = self.context.room
        if room is None:
            left = self._left(min(theme.label, max(SMALLEST, natural / POINT / 1.15)))
            shared = (theme.grid / across - left - _GAP) / self.columns
            return across, natural if count == 1 else min(natural, max(shared, natural / 4))
        for each in range(across, 0, -1):
            width = (room - self.bars_width + _GAP) / each - _GAP
            cell = min(self._cell_in(width), 1.5 * theme.cell, theme.panel * 1.5 / self.rows)
            legible = cell >= min(natural, _LEGIBLE_CELL) and width >= self._words_width(cell)
            if legible or (each == 1 and cell >= _SMALLEST_CELL):
                return each, cell
        least = self._left(SMALLEST) + self.bars_width + _SMALLEST_CELL * self.columns
        raise self.context.too_narrow(max(least, 1.0))

    def _cell_in(self, width: float) -> float:
        """Return the cell size of a panel of this width; labels shrink to the cells, down to the smallest size."""
        between = self._left(0.0)
        size = (width - between) / (self._left(1.0) - between + self.columns * 1.15 * POINT)
        return float(width - self._left(min(self.context.theme.label, max(SMALLEST, size)))) / self.columns

    def _words_width(self, cell: float) -> float:
        """Return how wide a panel must be for the longest word of a title and for a whole caption."""
        theme, width = self.context.theme, self.context.fonts.width
        left = self._left(min(theme.label, cell / POINT / 1.15)) if any(self.captions) else 0.0
        words = [width(word.strip(), theme.title) for title in self.titles for _, word in split_prose(title)]
        return max([0.0, *words, *(left + width(caption, theme.caption) for caption in self.captions if caption)])

    def _left(self, size: float) -> float:
        """Return how much room the labels of rows take, in letters of this size."""
        return max(self.context.fonts.width(label.text, size) for rows, _ in self.labels for label in rows) + 0.06

    def _measure(self) -> None:
        theme = self.context.theme
        self.axes = [
            (
                AxisLabels(self.context, rows, self.cell, above=False),
                AxisLabels(self.context, columns, self.cell, above=True),
            )
            for rows, columns in self.labels
        ]
        self.left = max(side.room for side, _ in self.axes)
        panel_width = self.left + self.columns * self.cell
        if self.context.room is None:
            panel_width = max(
                panel_width,
                *(self.context.fonts.width(title, theme.title) for title in self.titles),
                *(self.left + self.context.fonts.width(caption, theme.caption) for caption in self.captions),
            )
        self.title_lines = [self._lines(title, panel_width) for title in self.titles]
        most = max(map(len, self.title_lines))
        self.title_room = ((most - 1) * LINE + 1.5) * theme.title * POINT if most else 0.0
        self.head = self.title_room + max(top.room for _, top in self.axes)
        below = 1.8 * theme.caption * POINT if any(self.captions) else 0.0
        self.block = (panel_width + _GAP, self.head + self.rows * self.cell + below + _GAP)
        down = -(-len(self.panels) // self.across)
        self.height = down * self.block[1] - _GAP
        self.grid_width = min(self.across, len(self.panels)) * self.block[0] - _GAP
        self.width = self.grid_width + self.bars_width
        tallest = _TALLEST_BAR * theme.label / 10
        for bar in self.bars:
            bar.height = max(min(self.height - self.head, tallest), 0.4)
        self.height = max(self.height, self.head + max((bar.height for bar in self.bars), default=0.0) + 0.05)
        self.texts = [panel.texts(self.context.prepared.digits) for panel in self.panels]
        self.number_size = self._number_size()

    def _number_size(self) -> float | None:
        """Return the size of the numbers in cells; None where there are none."""
        if self.context.style.annotate == "off":
            return None
        widest = max(
            self.context.fonts.width(text, 1) for text in {text for rows in self.texts for row in rows for text in row}
        )
        size = min(self.context.theme.number, 0.84 * self.cell / max(widest, 1e-9), 0.7 * self.cell / POINT)
        few = sum(panel.values.size for panel in self.panels) <= _MOST_NUMBERS
        return size if self.context.style.annotate == "on" or (few and size >= SMALLEST) else None

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the panels, row by row, then the colour bars."""
        for i, panel in enumerate(self.panels):
            left = x + (i % self.across) * self.block[0]
            top = y + (i // self.across) * self.block[1]
            self._title(canvas, left, top, i)
            self._matrix(canvas, left + self.left, top + self.head, panel, i)
            if self.captions[i]:
                foot = top + self.head + panel.values.shape[0] * self.cell + 1.4 * self.context.theme.caption * POINT
                self._caption(canvas, left + self.left, foot, self.captions[i])
        at = x + self.grid_width + 0.2
        for bar in self.bars:
            bar.draw(canvas, at, y + self.head)
            at += bar.width + 0.2

    def _lines(self, title: str, width: float) -> list[str]:
        """Return the title in lines of this width; one line, shortened, where they would be too many."""
        lines = wrap(self.context.fonts, split_prose(title), width, self.context.theme.title)
        return lines if len(lines) <= _MOST_TITLE_LINES else [self.context.fit(title, width, self.context.theme.title)]

    def _title(self, canvas: Canvas, x: float, y: float, i: int) -> None:
        theme, lines = self.context.theme, self.title_lines[i]
        widest = max((self.context.fonts.width(line, theme.title) for line in lines), default=0.0)
        start = x + self.left if self.left + widest <= self.block[0] - _GAP else x
        for k, line in enumerate(lines):
            canvas.text(start, y + (k * LINE + 1) * theme.title * POINT, line, theme.title, full=self.titles[i])

    def _caption(self, canvas: Canvas, x: float, y: float, full: str) -> None:
        theme = self.context.theme
        words = self.context.fit(full, self.block[0] - self.left - _GAP, theme.caption)
        canvas.text(x, y, words, theme.caption, color=theme.faint, full=full)

    def _matrix(self, canvas: Canvas, x: float, y: float, panel: Panel, i: int) -> None:
        rows, columns = panel.values.shape
        width, height = columns * self.cell, rows * self.cell
        canvas.cells(x, y, width, height, self.context.colors.cells(panel))
        if panel.forbidden is not None:
            canvas.hatch(x, y, width, height, panel.forbidden)
        for axis in self.axes[i]:
            axis.draw(canvas, x, y)
        if self.number_size is not None:
            self._numbers(canvas, x, y, panel, self.texts[i], self.number_size)

    def _numbers(self, canvas: Canvas, x: float, y: float, panel: Panel, texts: list[list[str]], size: float) -> None:
        palette, places = self.context.colors.palette(panel.scale), panel.places()
        for i, row in enumerate(texts):
            for j, text in enumerate(row):
                if text != FORBIDDEN:
                    ink = unit(ink_on(color_at(palette, float(places[i, j]))))
                    middle = (x + (j + 0.5) * self.cell, y + (i + 0.5) * self.cell)
                    canvas.text(*middle, text, size, color=ink, ha="center", va="center_baseline")


class Overview:
    """A small map for each panel of a grid, layers down and heads across, with headings and one colour bar a scale."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        self.panels = context.prepared.panels
        down, across = context.prepared.headings or ((), ())
        self.down = [Label(each, each) for each in map(context.words, down)]
        self.across = [Label(each, each) for each in map(context.words, across)]
        rows, columns = self.panels[0].values.shape
        self.stretch = min(2.0, max(0.5, rows / columns))
        self.bars = [ColorBar(context, scale, 1.0) for scale in distinct_scales(self.panels)]
        self.bars_width = sum(bar.width + 0.2 for bar in self.bars)
        self.map = self._fit()
        self.gap = 0.1 * self.map
        self.sides = (
            AxisLabels(context, self.down, self.map * self.stretch + self.gap, above=False),
            AxisLabels(context, self.across, self.map + self.gap, above=True),
        )
        self.left, self.head = self.sides[0].room, self.sides[1].room
        self.grid = (
            len(self.across) * (self.map + self.gap) - self.gap,
            len(self.down) * (self.map * self.stretch + self.gap) - self.gap,
        )
        tall = max(0.4, min(self.grid[1], _TALLEST_BAR))
        for bar in self.bars:
            bar.height = tall
        self.width = self.left + self.grid[0] + self.bars_width
        self.height = self.head + max(self.grid[1], tall + 0.05)

    def _fit(self) -> float:
        """Return how wide one small map is: its natural width, or what the room allows."""
        natural = max(
            0.25,
            min(2.5 * self.context.theme.cell, 0.62 * self.context.theme.grid / max(len(self.across), len(self.down))),
        )
        if self.context.room is None:
            return natural
        left = max(self.context.fonts.width(label.text, self.context.theme.label) for label in self.down) + 0.06
        fitting = (self.context.room - left - self.bars_width) / (1.1 * len(self.across))
        if fitting < 0.1:
            raise self.context.too_narrow(left + self.bars_width + 0.11 * len(self.across))
        return min(fitting, 2.5 * self.context.theme.cell)

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the maps, their headings, and the bar."""
        x, y = x + self.left, y + self.head
        width, height = self.map, self.map * self.stretch
        for index, panel in enumerate(self.panels):
            i, j = divmod(index, len(self.across))
            corner = (x + j * (width + self.gap), y + i * (height + self.gap))
            canvas.cells(*corner, width, height, self.context.colors.cells(panel))
            if panel.forbidden is not None:
                canvas.hatch(*corner, width, height, panel.forbidden)
            _frame(canvas, *corner, width, height)
        self.sides[0].draw(canvas, x, y - self.gap / 2)
        self.sides[1].draw(canvas, x - self.gap / 2, y)
        at = x + self.grid[0] + 0.2
        for bar in self.bars:
            bar.draw(canvas, at, y)
            at += bar.width + 0.2


def _frame(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    for ends in pairwise(corners):
        canvas.line(list(ends), 0.3, canvas.theme.hatch)
