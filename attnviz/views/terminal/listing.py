"""Draw a listing in the terminal: a row a thing, a column a number, some with a bar."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.i18n.messages import Message
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.terminal.block_bars import draw_bar
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.screen import Screen, closing_lines, sentence_line, wrap_words

_WIDEST_LABEL = 24
_WHOLE_HEADING = 6  # a heading of so many cells is not broken
_HEADING = 11  # a column may be so wide for a heading of two lines
_INDENT, _GAP = 2, 2
_LONGEST_BAR, _SHORTEST_BAR = 24, 4


def render_listing(listing: Listing, screen: Screen) -> RenderableType:
    """Draw the list as a table that is never wider than the screen, with its verdicts, its caption and its notes.

    A number is never cut: where all the columns do not fit, those that can be shorter are; if that does not help, they
    come in further tables, group by group, with the row labels again.
    """
    drawing = _ListingLayout(listing, screen)
    parts: list[RenderableType] = []
    if listing.heading is not None:
        parts.append(sentence_line(listing.heading, screen, "bold"))
    for columns in drawing.tables():
        parts.extend([*drawing.lines(columns), Text()])
    parts.extend(closing_lines(listing, screen))
    return Group(*parts)


class _ListingLayout:
    """Labels and columns, measured once; then drawn table by table."""

    def __init__(self, listing: Listing, screen: Screen) -> None:
        self.width, self.screen = screen.cells, screen
        self.groups = [[_Measured(self, column, column.cells) for column in group] for group in listing.groups]
        widest = max((column.width for group in self.groups for column in group), default=0)
        room = max(1, min(_WIDEST_LABEL, self.width - _INDENT - _GAP - widest))
        self.labels = [shorten(self.written(label), room, cell_len, screen.mark) for label in listing.labels]
        self.label_width = max(map(cell_len, self.labels), default=0)
        if not self._fits(list(chain(*self.groups))):
            shorter = [[_Measured(self, one, one.shorter or one.cells) for one in group] for group in listing.groups]
            self.groups = shorter if self._fits(list(chain(*shorter))) else self.groups

    def written(self, words: str | Message) -> str:
        """Return the words as the terminal can write them, harmless."""
        return self.screen.written(words.localized() if isinstance(words, Message) else words)

    def tables(self) -> Iterator[list[_Measured]]:
        """Yield the columns of each table: all in one where they fit, else group by group.

        Where a group does not fit, its columns come in as few tables as possible, of nearly as many columns each.
        """
        every = list(chain(*self.groups))
        if not every:
            return
        for columns in [every] if self._fits(every) else self.groups:
            fewest = len(self._parted(columns, len(columns)))
            least = -(-len(columns) // fewest)
            parted = (self._parted(columns, most) for most in range(least, len(columns) + 1))
            yield from next(tables for tables in parted if len(tables) == fewest)

    def _parted(self, columns: list[_Measured], most: int) -> list[list[_Measured]]:
        """Return the columns in tables of as many as fit, `most` at most."""
        tables: list[list[_Measured]] = []
        for column in columns:
            if tables and len(tables[-1]) < most and self._fits([*tables[-1], column]):
                tables[-1].append(column)
            else:
                tables.append([column])
        return tables

    def _fits(self, columns: list[_Measured]) -> bool:
        return self._taken(columns) + _SHORTEST_BAR * sum(column.barred for column in columns) <= self.width

    def _taken(self, columns: list[_Measured]) -> int:
        """Return the cells that a table takes before its bars are drawn."""
        before = _INDENT + self.label_width
        return before + sum(_GAP + column.width + column.barred for column in columns)

    def lines(self, columns: list[_Measured]) -> Iterator[Text]:
        """Yield the table's lines: its headings, bottom lines level, then its rows."""
        barred = sum(column.barred for column in columns)
        spare = self.width - self._taken(columns)
        bar = min(_LONGEST_BAR, spare // barred) if barred else 0
        height = max(len(column.heading) for column in columns)
        for k in range(height):
            yield self._line("", [(column, column.heading_line(k - height), None) for column in columns], bar, "bold")
        for i, label in enumerate(self.labels):
            yield self._line(label, [(column, column.cells[i], column.bar(i, bar)) for column in columns], bar)

    def _line(self, label: str, cells: list[tuple[_Measured, str, str | None]], bar: int, style: str = "") -> Text:
        """Set a label at the right of its column, then each cell at the right of its own, then its bar."""
        line = Text(" " * (_INDENT + self.label_width - cell_len(label)), no_wrap=True, overflow="crop")
        line.append(label, "bold")
        for column, text, drawn in cells:
            line.append(" " * (_GAP + column.width - cell_len(text)))
            line.append(text, style)
            if column.barred:
                line.append(" ")
                line.append(drawn or "", "cyan")
                line.append(" " * (bar - cell_len(drawn or "")))
        line.rstrip()
        return line


class _Measured:
    """A column as wide as its widest cell, or as its heading needs."""

    def __init__(self, drawing: _ListingLayout, column: Column, cells: tuple[str | Message, ...]) -> None:
        self.cells = [drawing.written(cell) for cell in cells]
        self.bars = column.bars
        self.barred = column.bars is not None
        self.screen = drawing.screen
        title = drawing.written(column.title)
        words = [title] if cell_len(title) <= _WHOLE_HEADING else title.split(" ")
        least = max(map(cell_len, (*self.cells, *words)))
        room = next((width for width in range(least, _HEADING + 1) if len(wrap_words(title, width)) <= 2), least)
        self.heading = wrap_words(title, room)
        self.width = max(map(cell_len, (*self.cells, *self.heading)))

    def heading_line(self, from_below: int) -> str:
        """Return the heading's line, counted from its last, -1; nothing where it has no such line."""
        return self.heading[from_below] if -from_below <= len(self.heading) else ""

    def bar(self, i: int, length: int) -> str | None:
        """Return the bar of row `i`, of at most `length` cells, in halves of a cell."""
        if self.bars is None:
            return None
        share = min(max(self.bars[i], 0.0), 1.0) * length
        return draw_bar(share, self.screen)
