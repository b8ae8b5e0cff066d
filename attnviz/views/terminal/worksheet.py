"""A sheet for the terminal: numbered steps, labels in a column, lines that break between terms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from rich.text import Text

from attnviz.text.line_breaking import Part, break_parts, break_text
from attnviz.views.prepared.labels import encodable, shorten, visible
from attnviz.views.prepared.worksheet import Section, Sheet, Shown
from attnviz.views.terminal.cell_width import cell_len

NARROWEST = 20
_WIDEST_PROSE = 100
_INDENT = 3
_GAP = 2


def render_steps(sheet: Sheet, width: int, encoding: str = "utf-8") -> Text:
    """Draw the sheet in lines of at most `width` cells (20 at least); `encoding` is the terminal's."""
    return _SheetWriter(max(NARROWEST, width), encoding).page(sheet)


class _SheetWriter:
    """Lines that are written one after another."""

    def __init__(self, width: int, encoding: str) -> None:
        self.width = width
        self.encoding = encoding
        self.text = Text(no_wrap=True, overflow="ignore")

    def page(self, sheet: Sheet) -> Text:
        self._prose(sheet.title, 0, "bold")
        if sheet.caption:
            self._prose(sheet.caption, 0, "dim")
        for section in sheet.sections:
            self._line()
            self._section(section)
        self._line()
        self._prose(sheet.hint, 0, "dim")
        if sheet.answers:
            self._line()
            self._prose(sheet.answers_title, 0, "bold")
            for section in sheet.answers:
                self._section(section)
        self.text.right_crop(1)
        return self.text

    def _section(self, section: Section) -> None:
        self._heading(section)
        for words in section.words:
            self._prose(words, _INDENT, "dim")
        if not section.columns or not self._table(section):
            self._lines(tuple(_named(line, section.columns) for line in section.lines))

    def _table(self, section: Section) -> bool:
        """Set the lines below the headings of their columns; return False where that is too wide."""
        rows = [
            ("", *section.columns),
            *((line.label, *(" ".join(entry) for entry in line.entries)) for line in section.lines),
        ]
        cells = [[self._safe(cell) for cell in row] for row in rows]
        widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
        if _INDENT + sum(widths) + _GAP * (len(widths) - 1) > self.width:
            return False
        for place, (label, *others) in enumerate(cells):
            padded = (" " * (width - cell_len(cell)) + cell for cell, width in zip(others, widths[1:], strict=True))
            self.text.append(" " * _INDENT + label + " " * (widths[0] - cell_len(label)), "bold")
            self._line(" " * _GAP + (" " * _GAP).join(padded), "" if place else "bold")
        return True

    def _heading(self, section: Section) -> None:
        """Set the number and the title, and at the right the formula, or below where both do not fit."""
        title, formula = self._safe(section.title), self._safe(section.formula)
        room = min(self.width, _WIDEST_PROSE) - _INDENT - cell_len(title) - cell_len(formula)
        mark = f"{section.number:<{_INDENT - 1}} "
        if room >= _GAP:
            self.text.append(mark + title, "bold")
            self.text.append(" " * room + formula if formula else "", "dim")
            self._line()
            return
        first, *more = break_text(title, self.width - _INDENT, cell_len)
        self._line(mark + first, "bold")
        for line in more:
            self._line(" " * _INDENT + line, "bold")
        for line in break_text(formula, self.width - _INDENT, cell_len):
            self._line(" " * _INDENT + line, "dim")

    def _lines(self, lines: tuple[Shown, ...]) -> None:
        labels = [self._safe(line.label) for line in lines]
        widest = max(map(cell_len, labels), default=0)
        indent = _INDENT + widest + _GAP
        below = indent > max(self.width // 3, 12)  # a narrow screen: labels above, not beside
        for label, entries in zip(labels, self._aligned(lines, self.width - indent), strict=True):
            room = self.width - (_INDENT + _GAP if below else indent)
            if below:
                shown = shorten(label, self.width - _INDENT, cell_len, encodable("⋯", self.encoding))
                self._line(" " * _INDENT + shown, "bold")
            else:
                self.text.append(" " * _INDENT + label + " " * (widest - cell_len(label) + _GAP), "bold")
            for place, line in enumerate(_flowing(entries, room, self._safe(" · "))):
                self._line((" " * (self.width - room) if place or below else "") + line.rstrip())

    def _aligned(self, lines: tuple[Shown, ...], room: int) -> Iterator[list[list[str]]]:
        """Yield the entries of each line; lines of the same form below each other have their parts in columns."""
        found = [[[self._safe(part) for part in entry] for entry in line.entries] for line in lines]
        for form, group in groupby(found, lambda entries: tuple(map(len, entries))):
            members = list(group)
            flat = [[part for entry in entries for part in entry] for entries in members]
            columns = [max(map(cell_len, column)) for column in zip(*flat, strict=True)]
            if sum(columns) + len(columns) + 2 * len(form) > room:
                yield from members
                continue
            for parts in flat:
                padded = iter([_padded(*each) for each in zip(parts, columns, range(len(parts)), strict=True)])
                yield [[next(padded) for _ in range(count)] for count in form]

    def _prose(self, words: str, indent: int, style: str) -> None:
        for line in break_text(self._safe(words), min(self.width, _WIDEST_PROSE) - indent, cell_len):
            self._line(" " * indent + line, style)

    def _line(self, line: str = "", style: str = "") -> None:
        self.text.append(line, style)
        self.text.append("\n")

    def _safe(self, text: str) -> str:
        return encodable(visible(text), self.encoding)


def _padded(part: str, width: int, place: int) -> str:
    """Align numbers right below each other, with their operator at the left, and products left."""
    missing = " " * (width - cell_len(part))
    if place and re.match(r"[-+/×=] ", part):
        return part[:2] + missing + part[2:]
    return missing + part if re.fullmatch(r"[-.0-9e+_]+", part) else part + missing


def _named(line: Shown, columns: tuple[str, ...]) -> Shown:
    """Return a table's row as a line: each entry after the heading of its column."""
    if not columns:
        return line
    pairs = zip(columns, line.entries, strict=True)
    return Shown(line.label, tuple((f"{column} {entry[0]}", *entry[1:]) for column, entry in pairs))


def _flowing(entries: list[list[str]], width: int, dot: str) -> list[str]:
    """Return the entries in lines of at most `width` cells; a line breaks inside an entry only where it is wider."""
    parts: list[Part] = []
    for entry in entries:
        whole = " ".join(entry)
        if cell_len(whole) <= width:
            parts.append((dot, whole))
            continue
        parts.extend(("\n" if k == 0 or cell_len(part) > width else " ", part) for k, part in enumerate(entry))
    return break_parts(parts, width, cell_len)
