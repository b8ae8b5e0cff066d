"""Arcs: the text on one line or in a column, or two texts on two, with a curve for each edge above the even share.

A curve is as wide, and as strong in colour, as its weight exceeds what every word would get if a word looked at all of
them alike; towards that it fades to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attnviz.core.errors import InputError, OptionError
from attnviz.i18n.messages import message
from attnviz.views.figure.arc_diagrams import SPACE, TIGHT, ArcPanel, ColumnDiagram, DrawnEdge, LineDiagram
from attnviz.views.figure.colors import MOST_OVERLAID
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import LINE, HeadColors, PictureContext, panel_lines
from attnviz.views.prepared.alt_text import Edge, edges_above_even
from attnviz.views.prepared.panels import Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_LONGEST = 13.0  # inches: where a picture may be as wide as it needs, longer texts stand in a column
_HIGHEST = 60.0
_GAP = 0.35
_SIDE = 1.4  # inches: how far arcs reach beside a column
_LOWER = (1.0, 0.75, 0.5, 0.35)  # how high arcs rise, as a share of what is usual: lower where a page asks for it
_TOLD = 4  # lines of the caption that say how arcs are read
_SMALLEST, _LEGIBLE = 6.0, 7.0  # points: the least there is, and the least where another arrangement has larger ones


class Arcs:
    """A diagram for each panel, or one for all of them; all have one size of letters and one height of arcs."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        panels = context.prepared.panels
        self.legend = HeadColors(context) if context.style.overlay else None
        self.panels = panels[:1] if self.legend else panels
        self.titles = self._titles()
        self.edges = [self._edges(panel) for panel in panels]
        self.shown = self._shown(panels)
        self.together = context.prepared.kind == "comparison"  # three panels a text: each side, and the change
        self.lines = [LineDiagram(context, one) for one in self.shown]
        self.diagrams: Sequence[LineDiagram | ColumnDiagram] = self.lines
        self._fit()
        self._tell()

    @property
    def in_columns(self) -> bool:
        """Whether words stand below each other."""
        return isinstance(self.diagrams[0], ColumnDiagram)

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

    def _shown(self, panels: tuple[Panel, ...]) -> list[ArcPanel]:
        """Return what each diagram shows: its words, and its edges with their colours."""
        colors = self.context.colors
        found: list[list[DrawnEdge]] = []
        for k, (panel, edges) in enumerate(zip(panels, self.edges, strict=True)):
            own = colors.of_head(k) if self.legend else None
            beside = k - (len(panels) - 1) / 2 if self.legend else 0.0
            found.append([DrawnEdge(edge, own or colors.accent(panel.scale, edge.value), beside) for edge in edges])
        if self.legend:
            found = [[one for diagram in found for one in diagram]]
        return [
            ArcPanel(
                [*map(self.context.label, panel.rows)],
                [*map(self.context.label, panel.columns)],
                panel.cross,
                sorted(edges, key=lambda one: one.edge.share),
                len(panels) if self.legend else 1,
                self._asking(panel),
            )
            for panel, edges in zip(self.panels, found, strict=True)
        ]

    def _asking(self, panel: Panel) -> frozenset[int]:
        """Return the word that alone looks, if one was chosen."""
        if self.context.style.token is None:
            return frozenset()
        return frozenset(np.flatnonzero(np.any(panel.values != 0, axis=1)).tolist())

    def _fit(self) -> None:
        """Choose how words stand, how many diagrams stand side by side, and the size of letters; measure all of it.

        Raises OptionError where the width does not hold it, InputError for a text that is too long for any width.
        """
        fitting = self._fits_freely() if self.context.room is None else self._fits_lines(self.context.room)
        if not fitting:
            self._fit_columns([ColumnDiagram(self.context, one) for one in self.shown])

    def _across(self, fitting: int) -> int:
        """Return how many diagrams stand side by side where so many would fit: those of one text, or even rows."""
        count = len(self.panels)
        if self.together:
            return 3 if fitting >= 3 else 1
        fitting = max(1, min(fitting, count))
        return -(-count // -(-count // fitting))

    def _fits_freely(self) -> bool:
        """Measure lines of words in a picture that may be as wide as it needs; return whether they are not too long."""
        theme, most = self.context.theme, self.context.theme.label * 1.2
        if self._longest(most) > _LONGEST * theme.label / 10:
            return False
        across = self._across(min(4, int((theme.grid + _GAP) / (self._longest(most, wide=True) + _GAP))))
        self._measure(across, most)
        return True

    def _longest(self, size: float, *, wide: bool = False, tight: bool = False) -> float:
        """Return how long the longest line would be, in inches, with usual, wide or tight spaces."""
        return max(one.spread(size) if wide else one.length(size, TIGHT if tight else SPACE) for one in self.lines)

    def _fits_lines(self, room: float) -> bool:
        """Measure lines of words in a picture of a chosen width; return whether they fit it and a page."""
        most, count, page = self.context.theme.label * 1.2, len(self.panels), self._page()
        longest = self._longest(1.0)
        first = self._across(int((room + _GAP) / (longest * most + _GAP)))
        more = [self._across(k) for k in range(first + 1, count + 1)]
        for across in (3, 1) if self.together else (first, *more):
            size = self._size_of_line((room + _GAP) / across - _GAP, longest)
            if size < (_SMALLEST if across == 1 else _LEGIBLE) - 1e-6:
                continue
            for lower in _LOWER:
                self._measure(across, size, lower)
                if self.height <= page:
                    return True
        return False

    def _size_of_line(self, room: float, longest: float) -> float:
        """Return the size of letters with which a line fits; the spaces narrow before letters become hard to read."""
        size = min(self.context.theme.label * 1.2, room / longest)
        return size if size >= _LEGIBLE else min(_LEGIBLE, room / self._longest(1.0, tight=True))

    def _page(self) -> float:
        """Return how high the diagrams may be, in inches; the caption will say how arcs are read."""
        page = self.context.page_room - _TOLD * LINE * self.context.theme.caption * POINT
        return page if self.context.height is None else min(page, self.context.height)

    def _fit_columns(self, columns: list[ColumnDiagram]) -> None:
        """Choose how many columns of words stand side by side, and the size of letters; measure all of it."""
        context, count, label = self.context, len(self.panels), self.context.theme.label
        self.diagrams = columns
        lines = max(one.lines for one in columns)
        least = max(one.least_width(_SMALLEST) for one in columns)
        room = context.room
        if room is None:
            wide = max(one.least_width(label) for one in columns) + 2 * _SIDE
            self._measure(self._across(min(4, int((context.theme.grid + _GAP) / (wide + _GAP)))), label)
            if self.height > _HIGHEST:
                raise InputError(
                    "{count} words are too many for arcs.",
                    hint="Use --kind heatmap, --kind text, or --kind bars with --token.",
                    count=lines,
                )
            return
        page = self._page()
        if least > room:
            for across in sorted({self._across(k) for k in range(1, count + 1)}):
                self._measure(across, _SMALLEST)
                if self.height <= page:
                    raise context.too_narrow(across * (least + _GAP) - _GAP, of_words=True)
        for across in sorted({self._across(k) for k in range(1, count + 1)}, reverse=True):
            if (room + _GAP) / across - _GAP < least:
                continue
            size = label
            while size >= _SMALLEST:
                self._measure(across, size)
                if self.height <= page and self.width <= room + 1e-6:
                    return
                size -= 0.5
        if count == 1:
            raise OptionError(
                "A text of {count} words would be higher than a page at --width {width}.",
                hint="Give a wider picture, or a shorter text.",
                count=lines,
                width=context.style.width,
            )
        raise OptionError(
            "{count} diagrams of arcs would be higher than a page at --width {width}.",
            hint=(
                "Use --kind grid, --overlay, a wider picture, or fewer heads."
                if self._could_overlay(columns[0], page)
                else "Use --kind grid, a wider picture, or a shorter text."
            ),
            count=count,
            width=context.style.width,
        )

    def _could_overlay(self, column: ColumnDiagram, page: float) -> bool:
        """Return whether one column of words with the names of all heads above it would fit a page."""
        if self.together or len(self.panels) > MOST_OVERLAID:
            return False
        column.place(_SMALLEST, np.inf, 0.0)
        return HeadColors(self.context).height + column.height <= page

    def _measure(self, across: int, size: float, lower: float = 1.0) -> None:
        """Measure every diagram, in letters of this size; lower: how high arcs rise, as a share of what is usual."""
        theme, room = self.context.theme, self.context.room
        each = np.inf if room is None else (room + _GAP) / across - _GAP
        titles = max(self.context.fonts.width(title, theme.label) for title in self.titles)
        if self.in_columns:
            reach = _SIDE * theme.label / 10
        else:
            longest = min(each, self._longest(size, wide=True))
            reach = min(2.4, max(0.6, 0.3 * longest)) * (0.7 if len(self.panels) > 1 else 1) * lower
        for diagram in self.diagrams:
            diagram.place(size, each, reach)
        pitch = max(diagram.width for diagram in self.diagrams)
        if room is None:
            pitch = max(pitch, min(titles, pitch * 2.5))
        elif across > 1:
            pitch = each
        self.title_lines = [
            self.context.wrapped(title, max(room if room is not None and across == 1 else pitch, 1.0), theme.label)
            for title in self.titles
        ]
        self.places: list[tuple[float, float]] = []
        self.headings: list[tuple[str, float]] = []
        self.titles_end: list[float] = []
        y = self.legend.height if self.legend else 0.0
        for line in panel_lines(self.context, self.panels, across):
            if line.heading:
                self.headings.append((line.heading, y + theme.label * POINT))
                y += 1.7 * theme.label * POINT
            y += max(map(self._title_room, line.panels))
            beside = [self.diagrams[i] for i in line.panels]
            above = max(diagram.above for diagram in beside)  # so that their words stand on one line
            self.titles_end += [y] * len(beside)
            self.places += [(k * (pitch + _GAP), y + above - diagram.above) for k, diagram in enumerate(beside)]
            y += above + max(diagram.height - diagram.above for diagram in beside) + _GAP * lower
        self.height = y - _GAP * lower
        self.width = min(across, len(self.panels)) * (pitch + _GAP) - _GAP
        self.width = max(self.width, self.legend.width if self.legend else 0.0)

    def _title_room(self, i: int) -> float:
        return (len(self.title_lines[i]) * 1.35 + 0.3) * self.context.theme.label * POINT if self.titles[i] else 0.0

    def _tell(self) -> None:
        """Say in the caption how arcs are read."""
        context = self.context
        if not any(one.edges for one in self.shown):
            context.extra.append(message("Every word looks at all words alike: there is no arc to draw."))
            return
        if not any(panel.scale.diverging for panel in context.prepared.panels):
            context.extra.append(message("An arc is as wide as its weight exceeds the even share."))
        elif context.style.cmap is None:
            context.extra.append(message("Changes: red arcs gain weight, blue arcs lose it."))
        if context.style.mass < 1:
            share = f"{context.style.mass:.0%}"
            context.extra.append(message("Drawn: each word's strongest arcs, to {share} of its weight.", share=share))
        if not any(one.cross for one in self.shown):
            context.extra.append(
                message("Right: words look down or at themselves. Left: up.")
                if self.in_columns
                else message("Above the line words look right or at themselves, below left.")
            )
        elif self.in_columns:
            context.extra.append(message("The words on the left look at the words on the right."))
        else:
            context.extra.append(message("The words above look at the words below."))

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the diagrams, line by line."""
        size = self.context.theme.label
        if self.legend:
            self.legend.draw(canvas, x, y)
        for words, at in self.headings:
            heading = self.context.fit(words, canvas.width - 2 * x, size)
            canvas.text(x, y + at, heading, size, full=words, semibold=True)
        for i, ((left, top), diagram) in enumerate(zip(self.places, self.diagrams, strict=True)):
            first = y + self.titles_end[i] - self._title_room(i)
            for k, line in enumerate(self.title_lines[i]):
                canvas.text(x + left, first + (k * 1.35 + 1) * size * POINT, line, size, full=self.titles[i])
            diagram.draw(canvas, x + left, y + top)
