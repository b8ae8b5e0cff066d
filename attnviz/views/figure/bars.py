"""Bars: a row of numbers for each panel, a horizontal bar a word, so that every word lies flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import SMALLEST, AxisLabels, PictureContext
from attnviz.views.prepared.panels import Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_TALLEST = 11.0
_GAP = 0.35
_LENGTH = 3.2


class BarPanels:
    """A column of bars for each panel, side by side as the panels of a heatmap are."""

    def __init__(self, context: PictureContext) -> None:
        self.context, theme = context, context.theme
        self.panels = context.prepared.panels
        self.titles = [context.words(panel.short or panel.title) for panel in self.panels]
        if len(self.panels) == 1 and not context.style.no_title:
            self.titles = [""]
        self.words = max(panel.values.shape[1] for panel in self.panels)
        self.pitch = min(1.9 * theme.label * POINT, _TALLEST * theme.label / 10 / self.words)
        self.sides = [
            AxisLabels(context, [*map(context.label, panel.columns)], self.pitch, above=False) for panel in self.panels
        ]
        self.left = max(side.room for side in self.sides)
        self.texts = [panel.texts(context.prepared.digits)[0] for panel in self.panels]
        size = min(theme.number, 0.8 * self.pitch / POINT)
        wanted = context.style.annotate
        self.number_size = size if wanted == "on" or (wanted == "auto" and size >= SMALLEST) else None
        self.number_room = 0.0
        if self.number_size is not None:
            longest = max(context.fonts.width(text, self.number_size) for row in self.texts for text in row)
            self.number_room = longest + 0.08
        self.across, self.length = self._fit()
        self.title_room = 1.6 * theme.label * POINT if any(self.titles) else 0.0
        self.block = (
            self.left + self.length + self.number_room + _GAP,
            self.title_room + self.words * self.pitch + _GAP,
        )
        self.width = self.across * self.block[0] - _GAP
        self.height = -(-len(self.panels) // self.across) * self.block[1] - _GAP

    def _fit(self) -> tuple[int, float]:
        """Return how many panels stand side by side, and how long the longest bar may be, in inches."""
        fixed, room = self.left + self.number_room + _GAP, self.context.room
        across = min(self.context.prepared.across if self.context.prepared.across > 1 else 4, len(self.panels))
        wanted = (_LENGTH if len(self.panels) == 1 else 0.55 * _LENGTH) * self.context.theme.label / 10
        if room is None:
            return across, wanted
        for each in range(across, 0, -1):
            length = (room + _GAP) / each - fixed
            if length >= (0.8 if each > 1 else 0.3):
                return each, length
        raise self.context.too_narrow(fixed + 0.3)

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the panels, row by row."""
        for i, panel in enumerate(self.panels):
            left = x + (i % self.across) * self.block[0]
            top = y + (i // self.across) * self.block[1]
            if self.titles[i]:
                title = self.context.fit(self.titles[i], self.block[0] - _GAP, self.context.theme.label)
                canvas.text(
                    left, top + self.context.theme.label * POINT, title, self.context.theme.label, full=self.titles[i]
                )
            self.sides[i].draw(canvas, left + self.left, top + self.title_room)
            self._bars(canvas, left + self.left, top + self.title_room, panel, i)

    def _bars(self, canvas: Canvas, x: float, y: float, panel: Panel, i: int) -> None:
        zero = x + self.length / 2 if panel.scale.diverging else x
        reach = self.length / 2 if panel.scale.diverging else self.length
        lengths = panel.scale.share(panel.values)[0] * np.sign(panel.values[0]) * reach
        canvas.line([(zero, y), (zero, y + panel.values.shape[1] * self.pitch)], 0.6, canvas.theme.faint)
        for j, value in enumerate(panel.values[0]):
            top, length = y + (j + 0.15) * self.pitch, float(lengths[j])
            if panel.forbidden is not None and panel.forbidden[0, j]:
                canvas.hatch(x, top, self.length, 0.7 * self.pitch, panel.forbidden[:, j : j + 1])
            elif value:
                color = self.context.colors.accent(panel.scale, float(value))
                canvas.box(min(zero, zero + length), top, abs(length), 0.7 * self.pitch, color)
            self._number(canvas, x, zero + max(length, 0.0), y + (j + 0.5) * self.pitch, panel, i, j)

    def _number(self, canvas: Canvas, x: float, end: float, y: float, panel: Panel, i: int, j: int) -> None:
        if self.number_size is not None:
            at = x + self.length + 0.06 if panel.scale.diverging or self.texts[i][j] == "·" else end + 0.06
            canvas.text(at, y, self.texts[i][j], self.number_size, middle=True)
