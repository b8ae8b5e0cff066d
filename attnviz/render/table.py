"""The terminal's table: numbers on coloured cells, in panels of as many key columns as fit."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from rich.color import Color
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from attnviz.messages import language
from attnviz.render.labels import encodable, shorten, visible
from attnviz.render.lines import fold
from attnviz.render.prepare import FORBIDDEN, Panel, Prepared
from attnviz.render.scale import RGB, color_at, ink_on

NARROWEST = 20
_WIDEST_LABEL = 24
_WIDEST_HEADING = 12
_INDENT = 2


def render_table(prepared: Prepared, width: int, encoding: str = "utf-8") -> RenderableType:
    """The panels as tables that are never wider than `width` cells (20 at least), with their caption.

    A number is never wrapped and never shortened: columns that do not fit come in further tables, with the row labels
    again. `encoding` is the terminal's; what it lacks is replaced visibly.
    """
    width = max(NARROWEST, width)
    parts: list[RenderableType] = []
    if prepared.heading is not None:
        parts.append(_line(prepared.heading.localized(), encoding, width, "bold"))
    for group in _groups(prepared):
        parts.extend(_side_by_side(group, prepared.digits, width, encoding))
    caption = " · ".join(part.localized() for part in prepared.caption)
    parts.append(_line(caption, encoding, width, "dim"))
    parts.extend(_line(note.localized(), encoding, width) for note in prepared.notes)
    return Group(*parts)


def _line(text: str, encoding: str, width: int, style: str = "") -> Text:
    """A sentence; Chinese is broken beside its characters too, where rich would only break at a space."""
    shown = encodable(visible(text), encoding)
    return Text(shown if language() == "en" else fold(shown, width), style=style, overflow="fold")


def _groups(prepared: Prepared) -> Iterator[tuple[Panel, ...]]:
    for first in range(0, len(prepared.panels), prepared.across):
        yield prepared.panels[first : first + prepared.across]


def _side_by_side(panels: tuple[Panel, ...], digits: int, width: int, encoding: str) -> list[RenderableType]:
    """Panels beside each other where they fit, else each on its own."""
    blocks = [_Block(panel, digits, width, encoding) for panel in panels]
    gap = 3
    total = sum(block.full_width for block in blocks) + gap * (len(blocks) - 1)
    if len(blocks) == 1 or total > width:
        return [part for block in blocks for part in block.stacked()]
    row = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for block in blocks:
        row.add_column(width=block.full_width, no_wrap=True)
    row.add_row(*(block.title(block.full_width) for block in blocks))
    row.add_row(*(block.table(0, len(block.columns)) for block in blocks))
    return [row, Text()]


class _Block:
    """One panel, measured: how wide its labels and cells are, and how many columns fit."""

    def __init__(self, panel: Panel, digits: int, width: int, encoding: str) -> None:
        self.panel = panel
        self.encoding = encoding
        self.texts = panel.texts(digits)
        number_width = max((len(text) for row in self.texts for text in row), default=1)
        label_room = max(4, min(_WIDEST_LABEL, width - _INDENT - number_width - 3))
        self.rows = [shorten(encodable(label, encoding), label_room, cell_len, self._mark) for label in panel.rows]
        self.label_width = max(map(cell_len, self.rows))
        heading_room = max(number_width, min(_WIDEST_HEADING, width - _INDENT - self.label_width - 3))
        self.columns = [
            shorten(encodable(label, encoding), heading_room, cell_len, self._mark) for label in panel.columns
        ]
        self.cell_width = max(number_width, *map(cell_len, self.columns)) + 2
        self.per_table = max(1, (width - _INDENT - self.label_width - 1) // self.cell_width)
        self.palette = panel.scale.palette()
        self.places = panel.places()

    @property
    def _mark(self) -> str:
        return encodable("⋯", self.encoding)

    @property
    def full_width(self) -> int:
        title = cell_len(self.title().plain)
        return max(title, _INDENT + self.label_width + 1 + self.cell_width * len(self.columns))

    def title(self, width: int | None = None) -> Text:
        words = "" if self.panel.title is None else encodable(self.panel.title.localized(), self.encoding)
        return Text(
            " " * _INDENT + (words if width is None else shorten(words, width - _INDENT, cell_len, self._mark)), "bold"
        )

    def stacked(self) -> Iterator[RenderableType]:
        if self.panel.title is not None:
            yield Text(self.title().plain, "bold", overflow="fold")
        for first in range(0, len(self.columns), self.per_table):
            yield self.table(first, min(first + self.per_table, len(self.columns)))
            yield Text()

    def table(self, first: int, last: int) -> Table:
        """The columns from `first` up to `last`, with the row labels."""
        table = Table(box=None, padding=0, pad_edge=False, collapse_padding=True, show_edge=False, header_style="bold")
        table.add_column("", width=_INDENT + self.label_width + 1, no_wrap=True)
        for label in self.columns[first:last]:
            table.add_column(self._padded(label), width=self.cell_width, no_wrap=True)
        for i, label in enumerate(self.rows):
            name = " " * (_INDENT + self.label_width - cell_len(label)) + label + " "
            table.add_row(Text(name, "bold"), *(self._cell(i, j) for j in range(first, last)))
        return table

    def _padded(self, text: str) -> Text:
        """Right-aligned, one space at the right; centred would part a number from the one above it."""
        return Text(" " * (self.cell_width - 1 - cell_len(text)) + text + " ")

    def _cell(self, i: int, j: int) -> Text:
        padded = self._padded(encodable(self.texts[i][j], self.encoding))
        if self.texts[i][j] == FORBIDDEN:
            padded.stylize("dim")
        else:
            padded.stylize(_style(color_at(self.palette, float(self.places[i, j]))))
        return padded


def _style(color: RGB) -> Style:
    return Style(color=Color.from_rgb(*ink_on(color)), bgcolor=Color.from_rgb(*color))
