"""The terminal's heatmap: a shaded cell a weight, two keys a character cell high where that keeps cells square."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared
from attnviz.views.prepared.pooled_grid import MOST_CELLS, TokenSpan, fit_grid
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.color_bar import color_bar
from attnviz.views.terminal.colors import Paint
from attnviz.views.terminal.column_headings import set_labels, set_numbers
from attnviz.views.terminal.fast_line import BOLD, DIM, StyledLine
from attnviz.views.terminal.screen import Screen, caption_line, sentence_line, wrap_words

_INDENT = 2
_GAP = 3  # between small multiples
_HIDDEN = 5  # what a hidden stretch of columns takes
_WIDEST_LABEL, _WIDEST_SMALL_LABEL = 16, 6
_BOTH_SIDES = 60  # narrower screens have row labels at the left alone
_SMALL = 32  # cells of a small multiple
_FORBIDDEN = -1


def render_blocks(prepared: Prepared, _: Choice, screen: Screen) -> RenderableType:
    """Draw the panels as shaded grids: one with labels at both sides and above, several as small multiples.

    Never wider than the screen. A panel that is too wide keeps both ends of its axes and names what is hidden; beyond
    200 tokens a cell is a block of tokens, and the caption says so.
    """
    parts: list[RenderableType] = []
    if prepared.heading is not None:
        parts.append(sentence_line(prepared.heading, screen, "bold"))
    if len(prepared.panels) == 1:
        box = _Box(prepared.panels[0], screen)
        parts.extend([*box.title(), *box.lines(), *box.caption(), StyledLine(), *box.legend()])
        notes = box.grid.notes
        parts.append(color_bar(prepared.panels[0].scale, prepared.digits, screen))
    else:
        grids, notes = _small_multiples(prepared.panels, screen, prepared.across)
        parts.extend([*grids, *_bars(prepared.panels, prepared.digits, screen)])
    parts.append(caption_line((*notes, *prepared.caption), screen))
    parts.extend(sentence_line(note, screen) for note in prepared.notes)
    return Group(*parts)


def _small_multiples(
    panels: tuple[Panel, ...], screen: Screen, across: int
) -> tuple[list[StyledLine], tuple[Message, ...]]:
    boxes = [_Box(panel, screen, small=True) for panel in panels]
    width = max(box.width for box in boxes)
    fit = max(1, (screen.cells - _INDENT + _GAP) // (width + _GAP))
    alike = len({(box.panel.columns, box.grid.columns) for box in boxes}) == 1
    lines: list[StyledLine] = []
    for together in _rows_of_grids(len(boxes), fit, across):
        lines.extend([*_beside([boxes[k] for k in together], width, legends=not alike), StyledLine()])
    lines.extend(boxes[0].legend() if alike else [])
    notes = {str(note): note for box in boxes for note in box.grid.notes}
    return lines, tuple(notes.values())


def _rows_of_grids(count: int, fit: int, across: int) -> list[range]:
    """Which grids stand beside each other where `fit` have room: whole groups of `across`, or parts of one group.

    >>> _rows_of_grids(6, 7, 3), _rows_of_grids(6, 2, 3), _rows_of_grids(5, 3, 0)
    ([range(0, 6)], [range(0, 2), range(2, 3), range(3, 5), range(5, 6)], [range(0, 3), range(3, 5)])
    """
    group = across if across > 1 else fit
    if fit >= group:
        group = fit = fit - fit % group
    groups = (range(first, min(first + group, count)) for first in range(0, count, group))
    return [one[first : first + fit] for one in groups for first in range(0, len(one), fit)]


def _beside(boxes: list[_Box], width: int, *, legends: bool) -> Iterable[StyledLine]:
    """Boxes beside each other, their titles, grids and captions each at one height."""
    below = [[*box.caption(width), *(box.legend(width) if legends else [])] for box in boxes]
    parts = [(box.title(width), box.lines(), words) for box, words in zip(boxes, below, strict=True)]
    for kind in range(3):
        height = max(len(part[kind]) for part in parts)
        for k in range(height):
            line = StyledLine()
            for place, part in enumerate(parts):
                missing = height - len(part[kind]) if kind < 2 else 0
                if 0 <= k - missing < len(part[kind]):
                    line.append(" " * (_INDENT + place * (width + _GAP) - line.cell_len))
                    line.extend(part[kind][k - missing])
            yield line


class _Box:
    """One panel as lines: measured first (how wide labels and cells are, what fits), then drawn."""

    def __init__(self, panel: Panel, screen: Screen, *, small: bool = False) -> None:
        self.screen, self.small, self.panel = screen, small, panel
        self.room = screen.cells - _INDENT
        self.numbered = False
        self.labels = [screen.written(label) for label in panel.rows]
        self.cell = 2
        if not self._fits_two_columns():
            self.cell, self.numbered = 1, True
        self.left = self._label_width()
        self.right = self.left if self._has_both_sides() else 0
        self.grid = fit_grid(panel, max(1, self._cells_room()), gap=_HIDDEN, pool=small)
        self.numbered |= any(entry.count > 1 for entry in self.grid.columns)
        self.paint = Paint(panel.scale, screen)
        self.halves = self.cell == 1 and self.paint.colored and screen.has_shapes
        self.steps = self._steps()
        self.forbidden = screen.ornament(FORBIDDEN, ".")
        self.starts, self.cells_width = self._measure_columns()
        self.heading = self._heading()
        self.width = self._measure()

    def _fits_two_columns(self) -> bool:
        n_rows, n_columns = self.panel.values.shape
        if max(n_rows, n_columns) > (_SMALL // 2 if self.small else MOST_CELLS):
            return False
        self.numbered = not self.small and self._labels_above(self.room - self._label_width() - 1) is None
        return bool(self._label_width() + 1 + 2 * n_columns <= self.room)

    def _labels_above(self, room: int) -> list[str] | None:
        labels = [self.screen.written(label) for label in self.panel.columns]
        return set_labels(labels, self.cell, room, self.screen.mark)

    def _label_width(self) -> int:
        widest = _WIDEST_SMALL_LABEL if self.small else max(4, min(_WIDEST_LABEL, self.room // 6))
        words = min(widest, max(map(cell_len, self.labels)))
        return words + (1 + self._digits() if self.numbered else 0)

    def _digits(self) -> int:
        return len(str(max(self.panel.values.shape) - 1))

    def _has_both_sides(self) -> bool:
        needed = 2 * (self.left + 1) + self.cell * self.panel.values.shape[1]
        return not self.small and (needed <= self.room or (self.cell == 1 and self.room >= _BOTH_SIDES))

    def _cells_room(self) -> int:
        room = self.room - self.left - 1 - (self.right + 1 if self.right else 0)
        n_rows, n_columns = self.panel.values.shape
        room //= self.cell
        return min(_SMALL, room) if self.small and n_columns < 2 * n_rows else room

    def _measure_columns(self) -> tuple[list[int], int]:
        """Return the cell in which each column begins, counted from the first, and how wide all are together."""
        starts, end = [], 0
        for entry in self.grid.columns:
            starts.append(end)
            end += _HIDDEN if entry.hidden else self.cell
        return starts, end

    def _heading(self) -> list[str]:
        if not self.numbered:
            room = max(2 * len(self.grid.columns), 2 * _SMALL) if self.small else self.room - self.left - 1
            lines = self._labels_above(min(room, self.room - self.left - 1))
            if lines is not None:
                return lines
        return set_numbers(self.grid.columns, self.starts, self.cell)

    def _measure(self) -> int:
        """How wide the box is: its cells with their labels, its heading, and where there is room its words."""
        heading = self.left + 1 + max(map(cell_len, self.heading), default=0)
        cells = self.left + 1 + self.cells_width + (1 + self.right if self.right else 0)
        words = [self._words(part) for part in (self.panel.title, self.panel.caption)] if self.small else []
        return min(self.room, max(heading, cells, *map(cell_len, words))) if words else max(heading, cells)

    def _words(self, part: Message | None) -> str:
        return "" if part is None else self.screen.written(part.localized())

    def title(self, width: int | None = None) -> list[StyledLine]:
        """Return the title's lines."""
        return self._set(self.panel.title, BOLD, width)

    def caption(self, width: int | None = None) -> list[StyledLine]:
        """Return the caption's lines."""
        return self._set(self.panel.caption, DIM, width)

    def _set(self, part: Message | None, style: Style, width: int | None) -> list[StyledLine]:
        indent = "" if self.small else " " * _INDENT
        lines = wrap_words(self._words(part), width or self.room)
        return [StyledLine(indent + line, style) for line in lines]

    def legend(self, width: int | None = None) -> list[StyledLine]:
        """Which number is which column, where the columns are numbered and the rows do not name them.

        width: as a part of a small multiple; else the screen's, with an empty line below.
        """
        if not self.numbered or self.panel.numbers is not None or self.panel.rows == self.panel.columns:
            return []
        lines: list[str] = []
        room = width or self.room
        for entry in self.grid.columns:
            if entry.hidden or entry.label == str(entry.number):
                continue
            widest = min(_WIDEST_LABEL, room - len(str(entry.number)) - 1)
            item = f"{entry.number} {self._padded(entry, widest, right=False).rstrip()}"
            if lines and cell_len(lines[-1]) + 3 + cell_len(item) <= room:
                lines[-1] += f"   {item}"
            else:
                lines.append(item)
        if width is not None:
            return [StyledLine(line, DIM) for line in lines]
        return [StyledLine(" " * _INDENT + line, DIM) for line in lines] + ([StyledLine()] if lines else [])

    def lines(self) -> list[StyledLine]:
        """Return the heading and the cells, with the row labels."""
        indent = 0 if self.small else _INDENT
        above = [StyledLine(" " * (indent + self.left + 1) + line, BOLD) for line in self.heading]
        return above + [self._row(indent, rows) for rows in self._row_groups()]

    def _row_groups(self) -> list[tuple[int, ...]]:
        """Return the rows of each line: one, or with half blocks two that follow each other."""
        groups: list[tuple[int, ...]] = []
        for hidden, run in groupby(range(len(self.grid.rows)), key=lambda i: self.grid.rows[i].hidden):
            together = list(run)
            step = 2 if self.halves and not hidden else 1
            groups.extend(tuple(together[k : k + step]) for k in range(0, len(together), step))
        return groups

    def _row(self, indent: int, rows: tuple[int, ...]) -> StyledLine:
        first, last = self.grid.rows[rows[0]], self.grid.rows[rows[-1]]
        if first.hidden:
            return StyledLine(" " * (indent + self.left + 1) + self._gap_line(first), DIM)
        line = StyledLine(" " * indent).append(self._left_label(first) + " ", BOLD)
        for style, run in groupby(self._cells(rows), key=itemgetter(1)):
            line.append("".join([text for text, _ in run]), style)
        if self.right and not (self.halves and len(rows) == 1):
            line.append(" " + self._right_label(last), BOLD)
        return line

    def _gap_line(self, entry: TokenSpan) -> str:
        words = f" {self.screen.written(message('{count} more', count=entry.count).localized())} "
        rule = self.screen.ornament("┄", "-")
        room = self.cells_width - cell_len(words)
        return words.strip()[: self.cells_width] if room < 2 else rule * (room // 2) + words + rule * (room - room // 2)

    def _left_label(self, entry: TokenSpan) -> str:
        if not self.numbered:
            return self._padded(entry, self.left, right=True)
        digits = self._digits()
        return f"{self._padded(entry, self.left - digits - 1, right=True)} {entry.number:>{digits}}"

    def _right_label(self, entry: TokenSpan) -> str:
        label = self._padded(entry, self.left, right=False).rstrip()
        if not self.numbered:
            return label
        digits = self._digits()
        return f"{entry.number:<{digits}} {self._padded(entry, self.left - digits - 1, right=False)}".rstrip()

    def _padded(self, entry: TokenSpan, width: int, *, right: bool) -> str:
        label = shorten(self.screen.written(entry.label), width, cell_len, self.screen.mark)
        spaces = " " * (width - cell_len(label))
        return spaces + label if right else label + spaces

    def _steps(self) -> list[list[int]]:
        """Each cell's step on the scale; below 0 where it is forbidden."""
        steps = self.paint.steps_of(self.grid.places)
        steps[self.grid.forbidden] = _FORBIDDEN
        return [[int(step) for step in row] for row in steps.tolist()]

    def _cells(self, rows: tuple[int, ...]) -> list[tuple[str, Style | None]]:
        """Return the line's cells from left to right, each with its style."""
        gap = (self.screen.ornament("┊", ":").center(_HIDDEN), DIM)
        upper, lower = self.steps[rows[0]], self.steps[rows[-1]] if len(rows) == 2 else None
        draw = self._halves if self.halves else self._whole
        return [
            gap if column.hidden else draw(upper[j], None if lower is None else lower[j])
            for j, column in enumerate(self.grid.columns)
        ]

    def _whole(self, step: int, _: int | None) -> tuple[str, Style | None]:
        if step == _FORBIDDEN:
            return self.forbidden.rjust(self.cell), DIM
        if self.paint.colored:
            return " " * self.cell, self.paint.background(step)
        character = self.paint.character(step)
        return character.rjust(self.cell) if character.isalnum() else character * self.cell, None

    def _halves(self, upper: int, lower: int | None) -> tuple[str, Style | None]:
        """Two cells above each other in one; a forbidden one, or none, leaves its half as the terminal is."""
        if lower is not None and lower != _FORBIDDEN:
            return ("▄", self.paint.ink(lower)) if upper == _FORBIDDEN else ("▀", self.paint.halves(upper, lower))
        return (self.forbidden, DIM) if upper == _FORBIDDEN else ("▀", self.paint.ink(upper))


def _bars(panels: tuple[Panel, ...], digits: int, screen: Screen) -> list[Text]:
    return [color_bar(scale, digits, screen) for scale in dict.fromkeys(panel.scale for panel in panels)]
