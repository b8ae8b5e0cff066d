"""Heatmaps: a panel each, all with cells of one size, as many side by side as there is room for, colour bars below."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, message
from attnviz.text.line_breaking import split_prose
from attnviz.views.figure.colors import unit
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import (
    AIRY,
    FLAT_LABEL,
    LINE,
    PAGE,
    SLANTED_LINE,
    SMALLEST,
    AxisLabels,
    ColorBars,
    Label,
    PanelLine,
    PictureContext,
    SideNames,
    panel_lines,
    scale_names,
)
from attnviz.views.prepared.color_scale import RGB, color_at, contrast, ink_on
from attnviz.views.prepared.heads import without_the_word
from attnviz.views.prepared.panels import FORBIDDEN, Panel

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_GAP = 0.3
_SMALLEST_CELL, _LEGIBLE_CELL = 0.01, 0.12
_LABELLED_CELL = 1.15 * SMALLEST * POINT  # how high a cell is beside which the smallest label stands
_SMALLEST_SIDE = 0.5  # inches: how long the longer side of a map of many words must be
_ACROSS_CELL, _IN_CELL = 0.84, 0.7  # of a cell's width and height: how much what stands in it may take
_LEGIBLE_WORDS = 1.01 * SMALLEST * POINT / _IN_CELL  # how high a cell is whose words are just legible
_WIDEST_WORDS = 1.5  # panels: how wide a map of words may be
_SMALLEST_MAP = 0.1  # inches: how wide a small map of a grid must be
_MOST_HEADING = 32  # columns of letters: how long a heading of a grid is
_HEAD_OF_GRID = 0.45  # inches: how high its column labels and their name are at most
_MOST_NUMBERS = 2000
_MOST_TITLE_LINES, _MOST_COMPARED_LINES = 3, 6  # of a panel's title, and of a compared text
_MOST_CAPTION_LINES = 3
_HEADING = 1.9  # lines: how much room the heading of a line of panels takes
_NEARLY = 0.75  # where all cells are small, more maps side by side are worth this share of their size
# How far a number that is no more than the even share fades into its cell, and the contrast that it keeps.
_FADED, _FAINTEST = (0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2), 3.0
_CELL_DIGITS = 2
_LITTLE = 0.05  # of the largest change: what is no more says little
_CELL_COLUMNS = (13, 8, 6)  # how long a word in a cell may be: less where there is no room for more
_SAME = 1e-6  # of a weight: what differs by less is the same


class Heatmaps:
    """The panels as heatmaps; labels that all share stand on the outer edge only."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        self.panels = context.prepared.panels
        self.labels = [
            ([*map(context.label, panel.rows)], [*map(context.label, panel.columns)]) for panel in self.panels
        ]
        self.same_rows = len({panel.rows for panel in self.panels}) == 1
        self.same_columns = len({panel.columns for panel in self.panels}) == 1
        self.titles = self._titles()
        self.captions = [context.words(panel.caption) for panel in self.panels]
        self.rows: int = max(panel.values.shape[0] for panel in self.panels)
        self.columns: int = max(panel.values.shape[1] for panel in self.panels)
        self.names = SideNames(context)
        self.page_room = room_for_maps(context)
        self.together = context.prepared.kind == "comparison"
        self.most_title_lines = _MOST_COMPARED_LINES if self.together else _MOST_TITLE_LINES
        self._row_em = max(context.fonts.width(label.text, 1) for rows, _ in self.labels for label in rows)
        self._column_ems = {
            tuple(context.fonts.width(label.text, 1) for label in columns) for _, columns in self.labels
        }
        self._column_em = max(map(max, self._column_ems))
        self._fit_words()
        self._measure()

    def _fit_words(self) -> None:
        """Find the size of a cell; words in cells are shortened until they have room, and left out where none do."""
        has_words = all(panel.cells is not None for panel in self.panels)
        shown = has_words and self.context.style.annotate != "off"
        for most in _CELL_COLUMNS if shown else _CELL_COLUMNS[:1]:
            self.texts = [self._cell_texts(panel, most) for panel in self.panels]
            self._text_em = self._widest_text()
            self._word_em = self._text_em if shown else 0.0
            self.across, self.cell = self._fit()
            if shown and self._number_size(self._word_em) is not None:
                return
        if not has_words:
            return
        self.titles = [
            self.context.words(panel.bare) if panel.bare is not None and title else title
            for panel, title in zip(self.panels, self.titles, strict=True)
        ]
        self._word_em = 0.0
        self.across, self.cell = self._fit()
        if shown:
            self.context.extra.append(message("The words have no room in their cells: the colours are shown alone."))

    def _cell_texts(self, panel: Panel, most: int) -> list[list[str]]:
        """Return what stands in the cells of a panel, [rows][columns]; words with at most so many columns."""
        if panel.short_cells is not None and most < _CELL_COLUMNS[0]:
            panel = replace(panel, cells=panel.short_cells)
        texts = panel.texts(self._digits())
        if panel.cells is None:
            return texts
        return [[self.context.cell_words(text, most) for text in row] for row in texts]

    def _wide(self, cell: float) -> float:
        """Return how wide a cell of this height is: as wide, or as its words need."""
        size = min(self.context.theme.number, _IN_CELL * cell / POINT)
        return float(max(cell, self._word_em * size / _ACROSS_CELL))

    def _titles(self) -> list[str]:
        """Return the panels' titles: short ones where the subtitle or a heading says the rest; none of a single one."""
        if len(self.panels) == 1:
            (panel,) = self.panels
            told = self.context.prepared.kind in ("weights", "scores") and not self.context.style.no_title
            return ["" if told else self.context.words(panel.title)]
        return [self.context.words(panel.short or panel.title) for panel in self.panels]

    def _fit(self) -> tuple[int, float]:
        """Return how many panels stand side by side, and the size of a cell: natural, or as width and page allow."""
        theme, count = self.context.theme, len(self.panels)
        wanted = self.context.prepared.across
        natural = min(theme.cell, theme.panel / max(self.rows, self.columns))
        room = self.context.room
        if self._word_em and room is None:
            most = min(theme.cell, theme.panel / self.rows)
            cells = {across: min(most, self._cell(_WIDEST_WORDS * theme.panel, across)) for across in (count, 1)}
            across = count if cells[count] >= min(most, _LEGIBLE_WORDS) else 1
            return across, cells[across]
        if room is None:
            across = wanted if wanted > 1 else int(np.ceil(np.sqrt(count)))
            return across, natural if count == 1 else min(natural, max(self._cell(theme.grid, across), natural / 4))
        found, smallest, least = [], self._smallest_cell(), self._legible_cell()
        for across in (3,) if self.together else range(count, 0, -1):
            cell = self._cell_on_page(room, across)
            if cell < smallest:
                continue
            cut = self._cuts_words((room - self._left(cell)) / across - self._gap())
            found.append((self._too_high(across, cell), cut, across, cell))
            if found[-1][:2] == (False, False) and cell >= min(natural, least):
                return self._balanced(across, cell)
        if not found:
            across = 3 if self.together else 1
            if self._cell(room, across) >= smallest:
                raise self._no_room()
            raise self.context.too_narrow(max(self._natural_width(smallest, across), 1.0), of_words=self.columns > 1)
        too_high, cut, _, largest = min(found, key=lambda one: (one[0], one[1], -one[3]))
        if too_high or (cut and any(self.captions)):  # without its verdict below it a map says nothing
            raise self._no_room()
        alike = (one for one in found if one[:2] == (too_high, cut) and one[3] >= _NEARLY * largest)
        return self._balanced(*next(alike)[2:])

    def _cell_on_page(self, room: float, across: int) -> float:
        """Return the largest cell with which `across` panels fit the room and all of them a page."""
        theme = self.context.theme
        cell = min(self._cell(room, across), 1.5 * theme.cell, theme.panel * 1.5 / self.rows)
        low = min(cell, self._smallest_cell())
        if not self._too_high(across, cell) or self._too_high(across, low):
            return cell
        for _ in range(16):
            middle = (low + cell) / 2
            low, cell = (low, middle) if self._too_high(across, middle) else (middle, cell)
        return low

    def _balanced(self, across: int, cell: float) -> tuple[int, float]:
        """Return as many panels side by side as fill the lines evenly, 5 + 4 for 7 + 2, where cells do not shrink."""
        if self.context.room is None or self.together:
            return across, cell
        lines = -(-len(self.panels) // across)
        evenly = -(-len(self.panels) // lines)
        larger = self._cell_on_page(self.context.room, evenly)
        return (evenly, larger) if larger >= cell and not self._too_high(evenly, larger) else (across, cell)

    def _no_room(self) -> OptionError:
        kind = self.context.prepared.kind
        return OptionError(
            "{count} maps of {rows} x {columns} words would be higher than a page at --width {width}.",
            hint=(
                "Use a wider picture, or vary less."
                if kind == "lab"
                else "Use --kind grid, a wider picture, or fewer heads or position schemes."
                if kind == "comparison"
                else "Use --kind grid, a wider picture, or fewer heads."
            ),
            count=len(self.panels),
            rows=self.rows,
            columns=self.columns,
            width=self.context.style.width,
        )

    def _too_high(self, across: int, cell: float) -> bool:
        """Return whether the picture would be higher than a page of its width."""
        lines = panel_lines(self.context, self.panels, across)
        line = self.context.theme.label * POINT
        pitch = ((self.context.room or PAGE) - self._left(cell)) / across - self._gap()
        tallest = max(len(self._title_lines(title, pitch)) for title in dict.fromkeys(self.titles))
        titles = 1 if self._share_titles(lines) else len(lines)
        heads = 1 if self.same_columns else len(lines)
        high = len(lines) * (self.rows * cell + self._gap()) + sum(self._foot(line, pitch) for line in lines)
        high += titles * self._title_room(tallest)
        high += sum(_HEADING * line + (0.1 if titles > 1 else 0.4 * line) for one in lines if one.heading)
        high += heads * (self._head(cell) + self.names.above)
        return high > self.page_room

    def _share_titles(self, lines: list[PanelLine]) -> bool:
        """Return whether all lines of panels have the same titles, which then stand above the first line alone."""
        first, *others = [[self.titles[i] for i in line.panels] for line in lines]
        return self.same_columns and all(titles == first for titles in others)

    def _title_room(self, lines: int) -> float:
        return (lines * LINE + 0.25) * self.context.theme.label * POINT if lines else 0.0

    def _foot(self, line: PanelLine, width: float) -> float:
        """Return how much room the captions of a line of panels take, with this much width each."""
        lines = max(len(self._caption_lines(self.captions[i], width)) for i in line.panels)
        return (LINE * lines + 0.45) * self.context.theme.caption * POINT if lines else 0.0

    def _caption_lines(self, caption: str, width: float) -> list[str]:
        return self.context.wrapped(caption, width, self.context.theme.caption)

    def _gap(self) -> float:
        return _GAP / 2 if self.same_rows and len(self.panels) > 1 else _GAP

    def _cell(self, room: float, across: int) -> float:
        """Return the largest cell with which `across` panels fit the room: labels shrink with their cells."""
        low, high = 0.0, room
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (middle, high) if self._natural_width(middle, across) <= room else (low, middle)
        return low

    def _natural_width(self, cell: float, across: int) -> float:
        """Return how wide `across` panels with cells of this size are; slanted labels overhang the next panel."""
        sides = 1 if self.same_rows else across
        between = (across - 1) * self._gap()
        return sides * self._left(cell) + across * self.columns * self._wide(cell) + between + self._overhang(cell)

    def _smallest_cell(self) -> float:
        """Return how high a cell must be: few words keep their labels, the map of many stays a map."""
        return max(_SMALLEST_CELL, min(_LABELLED_CELL, _SMALLEST_SIDE / max(self.rows, self.columns)))

    def _legible_cell(self) -> float:
        """Return how high a cell is in which what stands there is just legible."""
        if self._word_em:
            return _LEGIBLE_WORDS
        if self.context.style.annotate == "off" or not self._few():
            return _LEGIBLE_CELL
        return max(_LEGIBLE_CELL, 1.01 * self._text_em * SMALLEST / _ACROSS_CELL)

    def _left(self, cell: float) -> float:
        """Return how much room the labels of rows take beside cells of this size."""
        size = max(SMALLEST, min(self.context.theme.label, cell / POINT / 1.15))
        return max(float(self._row_em) * size + 0.06, self.names.left)

    def _overhang(self, cell: float) -> float:
        """Return how far slanted labels of columns reach beyond the last one."""
        theme, wide = self.context.theme, self._wide(cell)
        if self._column_em * theme.label * FLAT_LABEL < 0.94 * wide:
            return 0.0
        size = self._slanted_size(cell)
        ends = [
            width * size / 2**0.5 - (len(widths) - place - 0.5) * wide
            for widths in self._column_ems
            for place, width in enumerate(widths)
        ]
        return max(0.0, max(ends) + 0.5 * size * POINT)

    def _slanted_size(self, cell: float) -> float:
        return max(SMALLEST, min(self.context.theme.label, self._wide(cell) / POINT / SLANTED_LINE / AIRY))

    def _head(self, cell: float) -> float:
        """Return how much room the labels of columns and their name take, about."""
        return float(self._column_em * self._slanted_size(cell)) / 2**0.5 + 0.2

    def _cuts_words(self, width: float) -> bool:
        """Return whether titles and captions of panels this wide would break words, or take too many lines."""
        theme = self.context.theme
        for words, size, most in (
            (self.titles, theme.label, self.most_title_lines),
            (self.captions, theme.caption, _MOST_CAPTION_LINES),
        ):
            for text in dict.fromkeys(words):
                pieces = (self.context.fonts.width(piece, size) for _, piece in split_prose(text))
                if any(wide > width for wide in pieces) or len(self.context.wrapped(text, width, size)) > most:
                    return True
        return False

    def _measure(self) -> None:
        context, theme, width = self.context, self.context.theme, self.context.fonts.width
        self.wide = self._wide(self.cell)
        self.lines = panel_lines(context, self.panels, self.across)
        self.axes = [
            (AxisLabels(context, rows, self.cell, above=False), AxisLabels(context, columns, self.wide, above=True))
            for rows, columns in self.labels
        ]
        self.left = max(self.names.left, *(side.room for side, _ in self.axes))
        overhang = max(top.overhang for _, top in self.axes)
        most = max(len(line.panels) for line in self.lines)
        map_width = self.columns * self.wide
        words = map_width
        if context.room is None:
            words = max(map_width, *(width(title, theme.label) for title in self.titles))
        else:
            sides = self.left if self.same_rows else most * self.left
            words = max(
                map_width, (context.room - sides - (most - 1) * self._gap()) / most if any(self.titles) else 0.0
            )
            words = min(words, max(map_width, *(width(title, theme.label) for title in self.titles)))
        if any(self.captions):
            widest = max(width(caption, theme.caption) for caption in self.captions)
            limit = widest if context.room is None else (context.room - self.left) / most - self._gap()
            words = max(words, min(widest, limit))
        beside = max(words, map_width)
        if context.room is not None:
            beside = max(map_width, min(beside, (context.room - self.left * (1 if self.same_rows else most)) / most))
        self.words = max(words, map_width)
        self.pitch = beside + self._gap() + (0.0 if self.same_rows else self.left)
        self.title_lines = [self._title_lines(title, self.words) for title in self.titles]
        tallest = max(map(len, self.title_lines))
        self.title_room = self._title_room(tallest)
        self.shared_titles = self._share_titles(self.lines)
        self.heading_room = _HEADING * theme.label * POINT
        top = max(top.room for _, top in self.axes)
        once = self.same_rows or len(self.panels) == 1  # the names of sides stand beside the first panel alone
        self.below_name = max(side.room_below(self.names.wide) for _, side in self.axes) if once else top
        self.head = max(top, self.below_name + self.names.above)
        self.number_size = self._number_size(self._text_em)
        self.width = self.left + (most - 1) * self.pitch + max(map_width + overhang, self.words)
        self.bars = ColorBars(context, scale_names(context.prepared), context.room or max(self.width, 3.0))
        self.places, end = self._places()
        self.height = end + self.bars.height

    def _digits(self) -> int:
        """Return how many digits a number in a cell has: two, unless more were chosen or are usual."""
        prepared = self.context.prepared
        if prepared.cell_digits is not None:
            return prepared.cell_digits
        return prepared.digits if prepared.digits > 3 else min(_CELL_DIGITS, prepared.digits)

    def _places(self) -> tuple[list[tuple[float, float, bool, bool]], float]:
        """Return the corner of each map, and whether it has labels beside and above it; and where the last one ends."""
        found: list[tuple[float, float, bool, bool]] = []
        y = 0.0
        for n, line in enumerate(self.lines):
            if line.heading:
                y += self.heading_room + (0.1 if n and self._title_room_above(n) else 0.0)
            above = n == 0 or not self.same_columns
            y += self._title_room_above(n) + (self.head if above else 0.0)
            for k in range(len(line.panels)):
                found.append((self.left + k * self.pitch, y, k == 0 or not self.same_rows, above))
            y += max(self.panels[i].values.shape[0] for i in line.panels) * self.cell + self._foot(line, self.words)
            y += self._gap() if n + 1 < len(self.lines) else 0.0
        return found, y

    def _title_room_above(self, n: int) -> float:
        """Return how much room titles take above the n-th line of panels; a heading without them keeps off the map."""
        without = 0.4 * self.context.theme.label * POINT if self.lines[n].heading else 0.0
        return without if n and self.shared_titles else self.title_room

    def _widest_text(self) -> float:
        """Return the width of the widest number or word in a cell, in letters of one point."""
        texts = {text for rows in self.texts for row in rows for text in row}
        return max((self.context.fonts.width(text, 1) for text in texts), default=0.0)

    def _few(self) -> bool:
        """Return whether there are few enough cells to write numbers in them."""
        return sum(panel.values.size for panel in self.panels) <= _MOST_NUMBERS

    def _number_size(self, widest: float) -> float | None:
        """Return the size of what stands in cells, the widest this wide in letters of one point; None for nothing."""
        if self.context.style.annotate == "off":
            return None
        wide = self._wide(self.cell)
        size = min(self.context.theme.number, _ACROSS_CELL * wide / max(widest, 1e-9), _IN_CELL * self.cell / POINT)
        return size if self.context.style.annotate == "on" or (self._few() and size >= SMALLEST) else None

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the panels, line by line, then the colour bars."""
        theme = self.context.theme
        for n, line in enumerate(self.lines):
            titles = self._title_room_above(n)
            for k, i in enumerate(line.panels):
                left, top, beside, above = self.places[i]
                at, panel = (x + left, y + top), self.panels[i]
                over = top - (self.head if above else 0.0)
                if k == 0 and line.heading:
                    heading = y + over - titles - 0.35 * theme.label * POINT
                    words = self.context.fit(line.heading, canvas.width - 2 * x, theme.label)
                    canvas.text(x, heading, words, theme.label, full=line.heading, semibold=True)
                if n == 0 or not self.shared_titles:
                    self._title(canvas, at[0], y + over, i)
                self._matrix(canvas, *at, panel, i)
                if beside:
                    self.axes[i][0].draw(canvas, *at)
                if above:
                    self.axes[i][1].draw(canvas, *at)
                if beside and above:
                    self.names.draw(canvas, *at, self.below_name)
                foot = at[1] + panel.values.shape[0] * self.cell + 1.4 * theme.caption * POINT
                for m, words in enumerate(self._caption_lines(self.captions[i], self.words)):
                    below = foot + m * LINE * theme.caption * POINT
                    canvas.text(at[0], below, words, theme.caption, color=theme.faint, full=self.captions[i])
        self.bars.draw(canvas, x, y + self.height - self.bars.height)

    def _title_lines(self, title: str, width: float) -> list[str]:
        """Return the title in lines of this width; one line, shortened, where they would be too many."""
        size = self.context.theme.label
        return self.context.few_lines(title, width, size, self.most_title_lines) if title else []

    def _title(self, canvas: Canvas, x: float, y: float, i: int) -> None:
        """Write a title that ends above y."""
        size, lines = self.context.theme.label, self.title_lines[i]
        for k, line in enumerate(reversed(lines)):
            canvas.text(x, y - (0.45 + k * LINE) * size * POINT, line, size, full=self.titles[i])

    def _matrix(self, canvas: Canvas, x: float, y: float, panel: Panel, i: int) -> None:
        rows, columns = panel.values.shape
        width, height = columns * self.wide, rows * self.cell
        canvas.cells(x, y, width, height, self.context.colors.cells(panel))
        if panel.forbidden is not None:
            canvas.hatch(x, y, width, height, panel.forbidden)
        if self.number_size is not None:
            self._numbers(canvas, x, y, panel, self.texts[i], self.number_size)

    def _numbers(self, canvas: Canvas, x: float, y: float, panel: Panel, texts: list[list[str]], size: float) -> None:
        palette, places = self.context.colors.palette(panel.scale), panel.places()
        clear = above_even(panel)
        for i, row in enumerate(texts):
            for j, text in enumerate(row):
                if text != FORBIDDEN:
                    ink = number_ink(color_at(palette, float(places[i, j])), clear=bool(clear[i, j]))
                    middle = (x + (j + 0.5) * self.wide, y + (i + 0.5) * self.cell)
                    canvas.text(*middle, text, size, color=ink, ha="center", middle=True)


def room_for_maps(context: PictureContext) -> float:
    """Return how high maps may be above their colour bars where a width is chosen, in inches."""
    if context.room is None:
        return np.inf
    return context.page_room - ColorBars(context, scale_names(context.prepared), context.room).height


def above_even(panel: Panel) -> NDArray[np.bool_]:
    """Return which numbers [rows, columns] say something: weights above the even share of their row, large changes."""
    if panel.cells is not None:
        return np.ones(panel.values.shape, dtype=bool)
    if panel.scale.diverging:
        return np.asarray(np.abs(panel.values) > _LITTLE * panel.scale.high)
    keys = panel.values.shape[1] if panel.forbidden is None else (~panel.forbidden).sum(axis=1, keepdims=True)
    # All of a row's weight says something, where it has one key.
    return np.asarray((panel.values > panel.even_shares()[:, None] + _SAME) | (keys == 1))


@lru_cache(maxsize=1024)
def number_ink(ground: RGB, *, clear: bool) -> tuple[float, float, float]:
    """Return the colour of a number on its cell: black or white, faded into the ground where it says little.

    It fades as far as leaves it a contrast of 3, which print and projectors still show (WCAG 2.2, 1.4.11).
    """
    ink = ink_on(ground)
    for faded in (0.0,) if clear else _FADED:
        mixed = [round(one + faded * (other - one)) for one, other in zip(ink, ground, strict=True)]
        color = (mixed[0], mixed[1], mixed[2])
        if contrast(color, ground) >= _FAINTEST:
            break
    return unit(color)


class Overview:
    """A small map for each panel of a grid, layers down and heads across, with headings and one colour bar a scale."""

    def __init__(self, context: PictureContext) -> None:
        self.context = context
        self.panels = context.prepared.panels
        down, across = context.prepared.headings or ((), ())
        down_name, down = without_the_word(down)
        across_name, across = without_the_word(across)
        self.down = [Label(each, each) for each in map(context.words, down)]
        self.across = [context.label(context.words(each), _MOST_HEADING) for each in across]
        self.names = (context.words(down_name), context.words(across_name))
        self.size = 0.9 * context.theme.caption
        rows, columns = self.panels[0].values.shape
        self.stretch = min(2.0, max(0.5, rows / columns))
        if rows * columns > 1:
            context.extra.append(_small_maps(rows, columns))
        self.map = self._fit()
        self.gap = 0.1 * self.map
        self.sides = (
            AxisLabels(context, self.down, self.map * self.stretch + self.gap, above=False),
            AxisLabels(context, self.across, self.map + self.gap, above=True),
        )
        self.left = max(self.sides[0].room, context.fonts.width(self.names[0], self.size) + 0.06)
        self.head = self.sides[1].room + (1.5 * self.size * POINT if self.names[1] else 0.0)
        self.grid = (
            len(self.across) * (self.map + self.gap) - self.gap,
            len(self.down) * (self.map * self.stretch + self.gap) - self.gap,
        )
        self.width = self.left + self.grid[0] + self.sides[1].overhang
        self.bars = ColorBars(context, scale_names(context.prepared), context.room or max(self.width, 3.0))
        self.height = self.head + self.grid[1] + self.bars.height

    def _fit(self) -> float:
        """Return how wide one small map is: its natural width, or what the room allows."""
        theme, room = self.context.theme, self.context.room
        natural = max(0.25, min(2.5 * theme.cell, 0.62 * theme.grid / max(len(self.across), len(self.down))))
        if room is None:
            return natural
        least = self._natural_width(_SMALLEST_MAP)
        if least > room:
            several = len(self.across) > 1 and self.context.prepared.kind != "comparison"
            raise self.context.too_narrow(least, of_heads=several)
        low, high = _SMALLEST_MAP, max(_SMALLEST_MAP, 2.5 * theme.cell)
        for _ in range(24):
            middle = (low + high) / 2
            low, high = (middle, high) if self._natural_width(middle) <= room else (low, middle)
        slanted = max(self.context.fonts.width(label.text, theme.label) for label in self.across) / 2**0.5
        above = max(_HEAD_OF_GRID, slanted + 0.3)
        lowest = (room_for_maps(self.context) - above) / (len(self.down) * (self.stretch + 0.1))
        if lowest < _SMALLEST_MAP:
            raise self._no_room()
        return float(min(low, lowest))

    def _natural_width(self, size: float) -> float:
        """Return how wide the grid is with maps this wide."""
        theme, width, count = self.context.theme, self.context.fonts.width, len(self.across)
        left = max(*(width(label.text, theme.label) for label in self.down), width(self.names[0], self.size)) + 0.06
        pitch = 1.1 * size
        labels = [width(label.text, 1) for label in self.across]
        beyond = 0.0
        if max(labels) * theme.label * FLAT_LABEL >= 0.94 * pitch:
            letters = max(SMALLEST, min(theme.label, pitch / POINT / SLANTED_LINE / AIRY))
            ends = ((k + 0.5 - count) * pitch + label * letters / 2**0.5 for k, label in enumerate(labels))
            beyond = max(0.0, max(ends) + 0.5 * letters * POINT)
        return left + count * pitch + beyond

    def _no_room(self) -> OptionError:
        return OptionError(
            "{count} lines of small maps would be higher than a page at --width {width}.",
            hint="Choose some layers or heads, or give a wider picture.",
            count=len(self.down),
            width=self.context.style.width,
        )

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the maps, their headings, and the bars."""
        corner, faint = (x + self.left, y + self.head), canvas.theme.faint
        width, height = self.map, self.map * self.stretch
        for index, panel in enumerate(self.panels):
            i, j = divmod(index, len(self.across))
            at = (corner[0] + j * (width + self.gap), corner[1] + i * (height + self.gap))
            canvas.cells(*at, width, height, self.context.colors.cells(panel))
            if panel.forbidden is not None:
                canvas.hatch(*at, width, height, panel.forbidden)
            _frame(canvas, *at, width, height)
        self.sides[0].draw(canvas, corner[0], corner[1] - self.gap / 2)
        self.sides[1].draw(canvas, corner[0] - self.gap / 2, corner[1])
        if self.names[0]:
            canvas.text(corner[0] - 0.06, corner[1] - 0.07, self.names[0], self.size, color=faint, ha="right")
        if self.names[1]:
            canvas.text(corner[0], corner[1] - self.sides[1].room - 0.02, self.names[1], self.size, color=faint)
        self.bars.draw(canvas, x, corner[1] + self.grid[1])


def _small_maps(rows: int, columns: int) -> Message:
    """Say what the small maps hold, which have no labels of their own."""
    return message("In each map {rows} queries go down and {columns} keys across.", rows=rows, columns=columns)


def _frame(canvas: Canvas, x: float, y: float, width: float, height: float) -> None:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    for ends in pairwise(corners):
        canvas.line(list(ends), 0.3, canvas.theme.hatch)
