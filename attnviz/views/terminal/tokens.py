"""Draw how a text was cut: the text with its tokens apart, then a row a token; never wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.tokens import TokenRow, TokenTable
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.screen import Screen, caption_line, sentence_line

_INDENT, _GAP = 2, 2
_WIDEST_LINE = 100  # cells of the text's lines, where a screen is wider
_SHADES = ("black on bright_cyan", "black on bright_yellow")
# Columns that may be shortened, to how few cells; and in which order columns go where that is not enough.
_SHORTEST = {"pieces": 8, "ids": 6, "token": 6}
_WIDEST = {"token": 28, "pieces": 32, "ids": 32}
_DROPPED = ("span", "remark", "pieces", "ids", "number")
_RIGHT = ("number", "span")


def render_tokens(table: TokenTable, screen: Screen) -> RenderableType:
    """Draw the text, the table, and its caption."""
    parts: list[RenderableType] = [sentence_line(table.heading, screen, "bold")]
    parts.extend(_text_lines(table, screen))
    parts.append(Text())
    parts.extend(_table_lines(table, screen))
    parts.append(Text())
    if table.caption:
        parts.append(caption_line(table.caption, screen))
    return Group(*parts)


def _text_lines(table: TokenTable, screen: Screen) -> Iterator[Text]:
    """Yield the text, each token on a shade of its own; without colours, with a line between tokens."""
    colored = screen.colors != "none"
    bar = "" if colored else screen.ornament("│", "|")
    width = min(screen.cells, _WIDEST_LINE)
    line = Text(" " * _INDENT, no_wrap=True)
    empty = True
    for row in table.rows:
        breaks = row.before.count("\n")
        gap = " " if row.before and not breaks else ""
        shown = shorten(screen.written(row.label), width - _INDENT - cell_len(bar), cell_len, screen.mark)
        needed = cell_len(line.plain) + cell_len(bar) + len(gap) + cell_len(shown)
        if not empty and (breaks or needed > width):
            yield line
            line, empty = Text(" " * _INDENT, no_wrap=True), True
        if not empty:
            line.append(bar, "dim")
            line.append(gap)
        style = ("dim" if row.special else _SHADES[row.number % 2]) if colored else ""
        line.append(shown, style)
        empty = False
    if not empty:
        yield line


def _table_lines(table: TokenTable, screen: Screen) -> Iterator[Text]:
    """Yield the table: its headings, then a row a token."""
    columns = _columns(table, screen)
    widths = _widths(columns, screen.cells)
    for i in range(len(table.rows) + 1):
        line = Text(" " * _INDENT, no_wrap=True, overflow="crop")
        for name, width in widths.items():
            cell = shorten(columns[name][i], width, cell_len, screen.mark)
            padding = " " * (width - cell_len(cell))
            style = "dim" if i == 0 or name != "token" else "bold"
            line.append(padding if name in _RIGHT else "")
            line.append(cell, style)
            line.append(" " * _GAP if name in _RIGHT else padding + " " * _GAP)
        line.rstrip()
        yield line


def _columns(table: TokenTable, screen: Screen) -> dict[str, list[str]]:
    """Return each column's cells, its heading first; those that would be empty are left out."""

    def written(words: str | Message | None) -> str:
        return "" if words is None else screen.written(words.localized() if isinstance(words, Message) else words)

    def column(title: Message, cells: list[str | Message | None]) -> list[str]:
        return [written(title), *map(written, cells)]

    rows: tuple[TokenRow, ...] = table.rows
    found = {
        "number": column(message("index"), [str(row.number) for row in rows]),
        "token": column(message("token"), [row.label for row in rows]),
        "span": column(message("span"), [row.span for row in rows]),
    }
    if table.pieces:
        found["pieces"] = column(message("pieces"), [row.piece for row in rows])
        found["ids"] = column(message("ids"), [row.ids for row in rows])
    if any(row.remark is not None for row in rows):
        found["remark"] = ["", *(written(row.remark) for row in rows)]
    return found


def _widths(columns: dict[str, list[str]], room: int) -> dict[str, int]:
    """Return the columns that fit, with their widths: long ones are shortened first, then columns are left out."""
    widths = {
        name: min(max(map(cell_len, cells)), max(_WIDEST.get(name, room), cell_len(cells[0])))
        for name, cells in columns.items()
    }

    def excess() -> int:
        return _INDENT + sum(widths.values()) + _GAP * (len(widths) - 1) - room

    for dropped in (None, *_DROPPED):
        if dropped is not None:
            widths.pop(dropped, None)
        for name, least in _SHORTEST.items():
            if name in widths and excess() > 0:
                widths[name] = max(min(least, widths[name]), widths[name] - excess())
        if excess() <= 0:
            break
    return widths
