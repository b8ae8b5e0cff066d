"""Arcs: the text on one line, or two texts on two, with a curve for each edge above the even share.

A curve is as wide, and as strong in colour, as its weight exceeds what every word would get if a word looked at all of
them alike; towards that it fades to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attnviz.core.errors import InputError, OptionError
from attnviz.i18n.messages import message
from attnviz.views.figure.canvas import Curve
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import LINE, SMALLEST, HeadColors, Label, PanelLine, PictureContext, panel_lines
from attnviz.views.prepared.alt_text import Edge, edges_above_even
from attnviz.views.prepared.panels import Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_THICKEST, _THINNEST = 6.0, 0.4  # points
_FAINTEST = 0.12
_WIDEST = 60.0
_GAP = 0.35
_SPACE = 0.9  # between words, in the letters' size
_LOWER = (1.0, 0.75, 0.5)  # how high arcs rise, as a share of what is usual: lower where a page asks for it
_TOLD = 4  # lines of the caption that say how arcs are read
_LEGIBLE = 7.0  # points: the least for diagrams side by side


@dataclass(frozen=True)
class _Drawn:
    """An edge of one panel: where it begins and ends on the lines, and its colour before it fades."""

    edge: Edge
    color: tuple[float, float, float]


class Arcs:
    """A diagram for each panel, or one for all of them; all have one size of letters and one height of arcs."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        panels = context.prepared.panels
        self.legend = HeadColors(context) if context.style.overlay else None
        self.panels = panels[:1] if self.legend else panels
        self.titles = self._titles()
        self.cross = [panel.cross for panel in self.panels]
        self.labels = [
            ([*map(context.label, panel.rows)], [*map(context.label, panel.columns)]) for panel in self.panels
        ]
        self.edges = [self._edges(panel) for panel in panels]
        self.drawn = self._drawn(panels)
        self.across = self._fit()
        self.height = self.places[-1][1] + self.heights[-1] if self.places else 0.0
        self._tell()

    def _titles(self) -> list[str]:
        context = self.context
        if len(self.panels) == 1:
            named = self.legend is None and context.style.no_title
            return [context.words(self.panels[0].title) if named else ""]
        return [context.words(panel.short or panel.title) for panel in self.panels]

    def _edges(self, panel: Panel) -> tuple[Edge, ...]:
        """Return the edges of a panel; of words among themselves the columns are their places on the line."""
        edges, places = edges_above_even(panel, self.context.style.mass), panel.numbers
        if panel.cross or places is None:
            return edges
        return tuple(replace(edge, column=places[edge.column]) for edge in edges)

    def _drawn(self, panels: tuple[Panel, ...]) -> list[list[_Drawn]]:
        """Return the edges of each diagram, each with its colour, the weakest first."""
        colors = self.context.colors
        found = []
        for k, (panel, edges) in enumerate(zip(panels, self.edges, strict=True)):
            own = colors.of_head(k) if self.legend else None
            found.append([_Drawn(edge, own or colors.accent(panel.scale, edge.value)) for edge in edges])
        if self.legend:
            found = [[one for diagram in found for one in diagram]]
        return [sorted(diagram, key=lambda one: one.edge.share) for diagram in found]

    def _fit(self) -> int:
        """Choose how many diagrams stand side by side, and the size of letters; measure them; return how many."""
        context, count = self.context, len(self.panels)
        most = context.theme.label * 1.2
        longest = max(self._ends(labels, 1.0)[-1] for pair in self.labels for labels in pair)
        if context.room is None and longest * SMALLEST > _WIDEST:
            raise InputError(
                "{count} words are too many for arcs on one line.",
                hint="Use --kind heatmap, --kind text, or --kind bars with --token.",
                count=max(len(labels) for pair in self.labels for labels in pair),
            )
        together = context.prepared.kind == "comparison"
        if context.room is None:
            fitting = int((context.theme.grid + _GAP) / (longest * most + _GAP))
            across = (3 if fitting >= 3 else 1) if together else max(1, min(fitting, count, 4))
            self._measure(across, most if across > 1 else min(most, max(_WIDEST, longest * SMALLEST) / longest))
            return across
        if context.room / longest < SMALLEST - 1e-6:
            raise context.too_narrow(longest * SMALLEST, of_words=True)
        page = context.page_room - _TOLD * LINE * context.theme.caption * POINT
        choices = ((3, 1) if together else range(1, count + 1)) if count > 1 else (1,)
        for across in choices:
            size = min(most, ((context.room + _GAP) / across - _GAP) / longest)
            if size < (SMALLEST - 1e-6 if across == 1 or not together else _LEGIBLE):
                continue
            for lower in _LOWER:
                self._measure(across, max(size, SMALLEST), lower)
                if self.places[-1][1] + self.heights[-1] <= page:
                    return across
        raise OptionError(
            "{count} diagrams of arcs would be higher than a page at --width {width}.",
            hint="Use --kind grid, --overlay, a wider picture, or fewer heads.",
            count=count,
            width=context.style.width,
        )

    def _measure(self, across: int, size: float, lower: float = 1.0) -> None:
        """Measure every diagram, in letters of this size; lower: how high arcs rise, as a share of what is usual."""
        theme = self.context.theme
        self.size = size
        self.lines = [(self._line_places(rows), self._line_places(columns)) for rows, columns in self.labels]
        longest = max(ends[-1] for pair in self.lines for _, ends in pair)
        titles = max(self.context.fonts.width(title, theme.label) for title in self.titles)
        pitch = max(longest, min(titles, longest * 2.5) if self.context.room is None else 0.0)
        if self.context.room is not None and across > 1:
            pitch = (self.context.room + _GAP) / across - _GAP
        self.title_lines = [self.context.wrapped(title, max(pitch, 1.0), theme.label) for title in self.titles]
        self.rise = min(2.4, max(0.6, 0.3 * longest)) * (0.7 if len(self.panels) > 1 else 1) * lower
        self.word_room = 1.5 * size * POINT
        self.heights = [self._height(i) for i in range(len(self.panels))]
        self.line_of: list[PanelLine] = panel_lines(self.context, self.panels, across)
        self.places: list[tuple[float, float]] = []
        self.headings: list[tuple[str, float]] = []
        y = self.legend.height if self.legend else 0.0
        for line in self.line_of:
            if line.heading:
                self.headings.append((line.heading, y + theme.label * POINT))
                y += 1.7 * theme.label * POINT
            self.places += [(k * (pitch + _GAP), y) for k in range(len(line.panels))]
            y += max(self.heights[i] for i in line.panels) + _GAP
        self.width = min(across, len(self.panels)) * (pitch + _GAP) - _GAP
        self.width = max(self.width, self.legend.width if self.legend else 0.0)
        self.pitch = pitch

    def _ends(self, labels: list[Label], size: float) -> list[float]:
        """Return where each word ends on the line, in inches, before the space that follows it."""
        ends, at = [], 0.0
        for label in labels:
            at += self.context.fonts.width(label.text, size)
            ends.append(at)
            at += _SPACE * size * POINT
        return ends

    def _line_places(self, labels: list[Label]) -> tuple[list[float], list[float]]:
        """Return the words' middles and the words' ends on the line, in inches."""
        ends = self._ends(labels, self.size)
        middles = [
            end - self.context.fonts.width(label.text, self.size) / 2 for label, end in zip(labels, ends, strict=True)
        ]
        return middles, ends

    def _title_room(self, i: int) -> float:
        return (len(self.title_lines[i]) * 1.35 + 0.3) * self.context.theme.label * POINT if self.titles[i] else 0.0

    def _height(self, i: int) -> float:
        if self.cross[i]:
            return self._title_room(i) + self.word_room * 2 + self.rise
        above, below = self._rises(i)
        return self._title_room(i) + above + self.word_room + below

    def _rises(self, i: int) -> tuple[float, float]:
        """Return how high the arcs of diagram `i` rise above the line, and how deep they go below it, in inches."""
        middles = self.lines[i][0][0]
        edges = [one.edge for one in self.drawn[i]]
        above = max((self._rise(middles, edge) for edge in edges if edge.column >= edge.row), default=0.1)
        below = max((self._rise(middles, edge) for edge in edges if edge.column < edge.row), default=0.1)
        return above + 0.06, below + 0.06

    def _rise(self, middles: list[float], edge: Edge) -> float:
        """Return how high an arc rises, in inches: with the root of its span, so that long ones fit the page."""
        if edge.row == edge.column:
            return 0.8 * self.size * POINT
        span = abs(middles[edge.column] - middles[edge.row])
        longest = max(self.lines[0][0][1][-1], 1e-6)
        return float(
            max(0.3 * span if span < 0.6 else 0.0, self.rise * (span / longest) ** 0.6, 1.2 * self.size * POINT)
        )

    def _tell(self) -> None:
        context = self.context
        if not any(panel.scale.diverging for panel in context.prepared.panels):
            context.extra.append(message("An arc is as wide as its weight exceeds the even share; the rest has none."))
        if context.style.mass < 1:
            share = f"{context.style.mass:.0%}"
            context.extra.append(
                message("Each word's strongest edges are drawn, until they hold {share} of what it gives.", share=share)
            )
        if not all(self.cross):
            context.extra.append(
                message("Above the line words look to the right or at themselves, below it to the left.")
            )
        else:
            context.extra.append(message("The words above look at the words below."))
        if not any(self.drawn):
            context.extra.append(message("Every word looks at all words alike: there is no arc to draw."))

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the diagrams, line by line."""
        size = self.context.theme.label
        if self.legend:
            self.legend.draw(canvas, x, y)
        for words, at in self.headings:
            heading = self.context.fit(words, canvas.width - 2 * x, size)
            canvas.text(x, y + at, heading, size, full=words, semibold=True)
        for i, (left, top) in enumerate(self.places):
            for k, line in enumerate(self.title_lines[i]):
                canvas.text(x + left, y + top + (k * 1.35 + 1) * size * POINT, line, size, full=self.titles[i])
            draw = self._two_lines if self.cross[i] else self._one_line
            draw(canvas, x + left, y + top + self._title_room(i), i)

    def _one_line(self, canvas: Canvas, x: float, y: float, i: int) -> None:
        above, _ = self._rises(i)
        middles = self.lines[i][0][0]
        upper, lower = y + above, y + above + self.word_room
        curves = []
        for one in self.drawn[i]:
            edge = one.edge
            start, end = x + middles[edge.row], x + middles[edge.column]
            if edge.row == edge.column:  # a small closed loop
                wide, peak = 0.75 * self.size * POINT, upper - self._rise(middles, edge) * 4 / 3
                points = [(start, upper), (start - wide, peak), (start + wide, peak), (start, upper)]
                curves.append(self._curve(points, one, most=2.0))
                continue
            up = edge.column >= edge.row
            base, way = (upper, -1) if up else (lower, 1)
            peak = base + way * self._rise(middles, edge) * 4 / 3
            curves.append(self._curve([(start, base), (start, peak), (end, peak), (end, base)], one))
        canvas.curves(curves)
        self._words(canvas, x, upper + 0.78 * self.word_room, self.labels[i][0], middles, i)

    def _two_lines(self, canvas: Canvas, x: float, y: float, i: int) -> None:
        (above, _), (below, _) = self.lines[i]
        upper, lower = y + self.word_room, y + self.word_room + self.rise
        middle = (upper + lower) / 2
        curves = []
        for one in self.drawn[i]:
            start, end = x + above[one.edge.row], x + below[one.edge.column]
            curves.append(self._curve([(start, upper), (start, middle), (end, middle), (end, lower)], one))
        canvas.curves(curves)
        self._words(canvas, x, y + 0.75 * self.word_room, self.labels[i][0], above, i)
        self._words(canvas, x, lower + 0.78 * self.word_room, self.labels[i][1], below)

    def _curve(self, points: list[tuple[float, float]], one: _Drawn, most: float = _THICKEST) -> Curve:
        share = one.edge.share
        color = self.context.colors.faded(one.color, _FAINTEST + (1 - _FAINTEST) * share)
        return Curve(points, max(_THINNEST, most * share), color)

    def _words(
        self, canvas: Canvas, x: float, y: float, labels: list[Label], middles: list[float], i: int | None = None
    ) -> None:
        """Write the words; one that alone looks stands out."""
        asking = set()
        if i is not None and self.context.style.token is not None:
            asking = set(np.flatnonzero(np.any(self.panels[i].values != 0, axis=1)).tolist())
        for place, (label, middle) in enumerate(zip(labels, middles, strict=True)):
            canvas.text(x + middle, y, label.text, self.size, full=label.full, ha="center", semibold=place in asking)
