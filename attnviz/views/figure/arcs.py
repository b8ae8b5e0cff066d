"""Arcs: the text on one line, or two texts on two, with a curve for each strong edge, as wide as its weight."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attnviz.core.errors import InputError
from attnviz.i18n.messages import message
from attnviz.views.figure.canvas import Curve
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import SMALLEST, Label, PictureContext
from attnviz.views.prepared.alt_text import Edge, edges_by_mass
from attnviz.views.prepared.panels import Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_THICKEST, _THINNEST = 6.0, 0.4  # points
_WIDEST = 60.0
_GAP = 0.35
_SPACE = 0.9  # between words, in the letters' size


class Arcs:
    """A diagram for each panel, one below another; all have one size of letters and one height of arcs."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        self.panels = context.prepared.panels
        self.titles = [context.words(panel.title) for panel in self.panels]
        self.cross = [panel.cross for panel in self.panels]
        self.labels = [
            ([*map(context.label, panel.rows)], [*map(context.label, panel.columns)]) for panel in self.panels
        ]
        self.size = self._fit()
        self.edges = [self._edges(panel) for panel in self.panels]
        self.lines = [(self._places(rows), self._places(columns)) for rows, columns in self.labels]
        self.width = max(ends[-1] for pair in self.lines for _, ends in pair)
        self.rise = min(2.4, max(0.6, 0.3 * self.width)) * (0.7 if len(self.panels) > 1 else 1)
        self.title_room = 1.5 * context.theme.title * POINT if any(self.titles) else 0.0
        self.word_room = 1.5 * self.size * POINT
        self.heights = [self._height(i) for i in range(len(self.panels))]
        self.height = sum(self.heights) + _GAP * (len(self.panels) - 1)
        self._tell()

    def _edges(self, panel: Panel) -> tuple[Edge, ...]:
        """Return the edges of a panel; of words among themselves the columns are their places on the line."""
        edges, places = edges_by_mass(panel, self.context.style.mass), panel.numbers
        if panel.cross or places is None:
            return edges
        return tuple(replace(edge, column=places[edge.column]) for edge in edges)

    def _fit(self) -> float:
        """Return the letters' size in points: as large as the width allows, but never too small to read."""
        context, most = self.context, self.context.theme.label * 1.2
        longest = max(self._ends(labels, 1.0)[-1] for pair in self.labels for labels in pair)
        room = context.room if context.room is not None else max(_WIDEST, longest * SMALLEST)
        size = min(most, room / longest)
        if context.room is None and longest * SMALLEST > _WIDEST:
            raise InputError(
                "{count} words are too many for arcs on one line.",
                hint="Use --kind heatmap, or --kind bars with --token.",
                count=max(len(labels) for pair in self.labels for labels in pair),
            )
        if size < SMALLEST - 1e-6:
            raise context.too_narrow(longest * SMALLEST)
        return size

    def _ends(self, labels: list[Label], size: float) -> list[float]:
        """Return where each word ends on the line, in inches, before the space that follows it."""
        ends, at = [], 0.0
        for label in labels:
            at += self.context.fonts.width(label.text, size)
            ends.append(at)
            at += _SPACE * size * POINT
        return ends

    def _places(self, labels: list[Label]) -> tuple[list[float], list[float]]:
        """Return the words' middles and the words' ends on the line, in inches."""
        ends = self._ends(labels, self.size)
        middles = [
            end - self.context.fonts.width(label.text, self.size) / 2 for label, end in zip(labels, ends, strict=True)
        ]
        return middles, ends

    def _height(self, i: int) -> float:
        if self.cross[i]:
            return self.title_room + self.word_room * 2 + self.rise
        above, below = self._rises(i)
        return self.title_room + above + self.word_room + below

    def _rises(self, i: int) -> tuple[float, float]:
        """Return how high the arcs of panel `i` rise above the line, and how deep they go below it, in inches."""
        middles = self.lines[i][0][0]
        above = max((self._rise(middles, edge) for edge in self.edges[i] if edge.column >= edge.row), default=0.1)
        below = max((self._rise(middles, edge) for edge in self.edges[i] if edge.column < edge.row), default=0.1)
        return above + 0.06, below + 0.06

    def _rise(self, middles: list[float], edge: Edge) -> float:
        """Return how high an arc rises, in inches: with the root of its span, so that long ones fit the page."""
        if edge.row == edge.column:
            return 1.6 * self.size * POINT
        span = abs(middles[edge.column] - middles[edge.row])
        return float(
            max(0.3 * span if span < 0.6 else 0.0, self.rise * (span / self.width) ** 0.6, 1.2 * self.size * POINT)
        )

    def _tell(self) -> None:
        if self.context.style.mass < 1:
            share = f"{self.context.style.mass:.0%}"
            self.context.extra.append(
                message("Each word's strongest edges are drawn, until they hold {share} of what it gives.", share=share)
            )
        if not all(self.cross):
            self.context.extra.append(
                message("Above the line words look to the right or at themselves, below it to the left.")
            )

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the panels one below another."""
        for i, panel in enumerate(self.panels):
            if self.titles[i]:
                title = self.context.fit(self.titles[i], canvas.width - 2 * x, self.context.theme.title)
                canvas.text(
                    x, y + self.context.theme.title * POINT, title, self.context.theme.title, full=self.titles[i]
                )
            (self._two_lines if self.cross[i] else self._one_line)(canvas, x, y + self.title_room, panel, i)
            y += self.heights[i] + _GAP

    def _one_line(self, canvas: Canvas, x: float, y: float, panel: Panel, i: int) -> None:
        above, _ = self._rises(i)
        middles = self.lines[i][0][0]
        upper, lower = y + above, y + above + self.word_room
        curves = []
        for edge in sorted(self.edges[i], key=lambda edge: edge.share):
            start, end = x + middles[edge.row], x + middles[edge.column]
            up = edge.column >= edge.row
            base, peak = (
                (upper, upper - self._rise(middles, edge) * 4 / 3)
                if up
                else (lower, lower + self._rise(middles, edge) * 4 / 3)
            )
            spread = 0.9 * self.size * POINT if edge.row == edge.column else 0.0
            points = [
                (start - spread / 4, base),
                (start - spread, peak),
                (end + spread, peak),
                (end + spread / 4, base),
            ]
            curves.append(self._curve(points, panel, edge))
        canvas.curves(curves)
        self._words(canvas, x, upper + 0.78 * self.word_room, self.labels[i][0], middles)

    def _two_lines(self, canvas: Canvas, x: float, y: float, panel: Panel, i: int) -> None:
        (above, _), (below, _) = self.lines[i]
        upper, lower = y + self.word_room, y + self.word_room + self.rise
        middle = (upper + lower) / 2
        curves = []
        for edge in sorted(self.edges[i], key=lambda edge: edge.share):
            start, end = x + above[edge.row], x + below[edge.column]
            curves.append(self._curve([(start, upper), (start, middle), (end, middle), (end, lower)], panel, edge))
        canvas.curves(curves)
        self._words(canvas, x, y + 0.75 * self.word_room, self.labels[i][0], above)
        self._words(canvas, x, lower + 0.78 * self.word_room, self.labels[i][1], below)

    def _curve(self, points: list[tuple[float, float]], panel: Panel, edge: Edge) -> Curve:
        color = self.context.colors.accent(panel.scale, edge.value)
        return Curve(points, max(_THINNEST, _THICKEST * edge.share), color, 0.35 + 0.55 * edge.share)

    def _words(self, canvas: Canvas, x: float, y: float, labels: list[Label], middles: list[float]) -> None:
        for label, middle in zip(labels, middles, strict=True):
            canvas.text(x + middle, y, label.text, self.size, full=label.full, ha="center")
