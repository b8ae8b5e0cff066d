"""Bars: a row of numbers for each panel, a horizontal bar a word, so that every word lies flat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attnviz.core.errors import OptionError
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import LINE, SMALLEST, AxisLabels, PictureContext, panel_lines
from attnviz.views.prepared.panels import Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_TALLEST = 11.0
_GAP = 0.35
_LENGTH = 3.2
_SHORTEST = 0.5  # the longest bar of panels side by side is at least so long
_LOWER = (
    1.0,
    0.85,
    0.7,
    0.6,
    0.5,
    0.4,
    0.3,
    0.2,
)  # how high bars are, as a share of what is usual, where a page asks for it


class BarPanels:
    """A column of bars for each panel, side by side as the panels of a heatmap are.

    Where all have the same words they stand beside the first of each line alone.
    """

    def __init__(self, context: PictureContext) -> None:
        self.context, theme = context, context.theme
        self.panels = context.prepared.panels
        self.together = context.prepared.kind == "comparison"  # three panels a text: each side, and the change
        self.shared = len({panel.columns for panel in self.panels}) == 1
        self.titles = [context.words(panel.short or panel.title) for panel in self.panels]
        if len(self.panels) == 1 and not context.style.no_title:
            self.titles = [""]
        self.words = max(panel.values.shape[1] for panel in self.panels)
        self.texts = [panel.texts(context.prepared.digits)[0] for panel in self.panels]
        thinned, usual = context.thinned, min(1.9 * theme.label * POINT, _TALLEST * theme.label / 10 / self.words)
        for lower in _LOWER:
            context.thinned = thinned
            self._measure(usual * lower, _GAP * lower)
            if context.room is None or self.height <= context.page_room:
                return
        raise OptionError(
            "{count} sets of bars would be higher than a page at --width {width}.",
            hint="Give a wider picture, or a shorter text."
            if self.together
            else "Give a wider picture, or fewer heads.",
            count=len(self.panels),
            width=context.style.width,
        )

    def _measure(self, pitch: float, gap: float) -> None:
        """Place all of it, with so many inches from one bar to the next, and between lines of panels."""
        context, theme = self.context, self.context.theme
        self.pitch = pitch
        self.sides = [
            AxisLabels(context, [*map(context.label, panel.columns)], pitch, above=False) for panel in self.panels
        ]
        self.left = max(side.room for side in self.sides)
        size, wanted = min(theme.number, 0.8 * pitch / POINT), context.style.annotate
        self.number_size = size if wanted == "on" or (wanted == "auto" and size >= SMALLEST) else None
        self.number_room = 0.0
        if self.number_size is not None:
            longest = max(context.fonts.width(text, self.number_size) for row in self.texts for text in row)
            self.number_room = longest + 0.08
        across, self.length = self._fit()
        each = self.length + self.number_room
        widest = across * each + (across - 1) * _GAP + self.left * (1 if self.shared else across)
        self.title_lines = [
            context.wrapped(title, each + (self._own_left(i, across) or 0.0), theme.label)
            for i, title in enumerate(self.titles)
        ]
        self.places: list[tuple[float, float]] = []
        self.headings: list[tuple[str, float]] = []
        self.first: set[int] = set()
        y = 0.0
        for line in panel_lines(context, self.panels, across):
            if line.heading:
                self.headings.append((line.heading, y + theme.label * POINT))
                y += 1.9 * theme.label * POINT
            y += max(len(self.title_lines[i]) for i in line.panels) * LINE * theme.label * POINT
            y += 0.25 * theme.label * POINT if any(self.titles[i] for i in line.panels) else 0.0
            x = 0.0
            for k, i in enumerate(line.panels):
                if k == 0 or not self.shared:
                    self.first.add(i)
                    x += self.left
                self.places.append((x, y))
                x += each + _GAP
            y += self.words * pitch + gap
        self.width, self.height = widest, y - gap

    def _own_left(self, i: int, across: int) -> float | None:
        return self.left if not self.shared or i % across == 0 else None

    def _fit(self) -> tuple[int, float]:
        """Return how many panels stand side by side, and how long the longest bar may be, in inches."""
        room, count = self.context.room, len(self.panels)
        most = min(self.context.prepared.across if self.context.prepared.across > 1 else 4, count)
        if room is None:
            wanted = (_LENGTH if count == 1 else 0.55 * _LENGTH) * self.context.theme.label / 10
            return self._even(most), wanted
        for each in range(most, 0, -1):
            across = self._even(each)
            labels = self.left * (1 if self.shared else across)
            length = (room - labels - (across - 1) * _GAP) / across - self.number_room
            if length >= (_SHORTEST if across > 1 else 0.3):
                return across, length
        raise self.context.too_narrow(self.left + self.number_room + 0.3)

    def _even(self, fitting: int) -> int:
        """Return how many panels stand side by side where so many fit: those of one text, or even rows."""
        if self.together:
            return 3 if fitting >= 3 else 1
        return -(-len(self.panels) // -(-len(self.panels) // fitting))

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the panels, line by line."""
        size = self.context.theme.label
        for words, at in self.headings:
            heading = self.context.fit(words, canvas.width - 2 * x, size)
            canvas.text(x, y + at, heading, size, full=words, semibold=True)
        for i, (panel, (left, top)) in enumerate(zip(self.panels, self.places, strict=True)):
            begin, lines = (left - self.left if i in self.first else left), self.title_lines[i]
            for k, line in enumerate(lines):
                baseline = y + top - (0.5 + LINE * (len(lines) - 1 - k)) * size * POINT
                canvas.text(x + begin, baseline, line, size, full=self.titles[i])
            if i in self.first:
                self.sides[i].draw(canvas, x + left, y + top)
            self._bars(canvas, x + left, y + top, panel, i)

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
