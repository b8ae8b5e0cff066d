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
from attnviz.views.prepared.pooled_grid import Grid, TokenSpan
from attnviz.views.terminal.block_sizes import (
    HIDDEN,
    INDENT,
    WIDEST_LABEL,
    BlockSizes,
    count_digits,
    localize_for_screen,
    measure,
)
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.color_bar import color_bar
from attnviz.views.terminal.colors import Paint
from attnviz.views.terminal.fast_line import BOLD, DIM, StyledLine
from attnviz.views.terminal.screen import Screen, closing_lines, sentence_line, wrap_words

_GAP = 3  # between small multiples
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
        box = measure(prepared.panels[0], screen)
        parts.extend([*draw_title(box), *draw_grid(box), *draw_caption(box), StyledLine(), *draw_legend(box)])
        notes = box.grid.notes
        parts.append(color_bar(prepared.panels[0].scale, prepared.digits, screen))
    else:
        grids, notes = _small_multiples(prepared.panels, screen, prepared.across)
        parts.extend([*grids, *_bars(prepared.panels, prepared.digits, screen)])
    parts.extend(closing_lines(prepared, screen, before=notes))
    return Group(*parts)


def _small_multiples(
    panels: tuple[Panel, ...], screen: Screen, across: int
) -> tuple[list[StyledLine], tuple[Message, ...]]:
    boxes = [measure(panel, screen, small=True) for panel in panels]
    width = max(box.width for box in boxes)
    fit = max(1, (screen.cells - INDENT + _GAP) // (width + _GAP))
    alike = len({(box.panel.columns, box.grid.columns) for box in boxes}) == 1
    lines: list[StyledLine] = []
    for together in _rows_of_grids(len(boxes), fit, across):
        lines.extend([*_beside([boxes[k] for k in together], width, legends=not alike), StyledLine()])
    lines.extend(draw_legend(boxes[0]) if alike else [])
    notes = {str(note): note for box in boxes for note in box.grid.notes}
    return lines, tuple(notes.values())


def _rows_of_grids(count: int, fit: int, across: int) -> list[range]:
    """Return which grids stand side by side where `fit` have room: whole groups of `across`, or parts of one group.

    >>> _rows_of_grids(6, 7, 3), _rows_of_grids(6, 2, 3), _rows_of_grids(5, 3, 0)
    ([range(0, 6)], [range(0, 2), range(2, 3), range(3, 5), range(5, 6)], [range(0, 3), range(3, 5)])
    """
    group = across if across > 1 else fit
    if fit >= group:
        group = fit = fit - fit % group
    groups = (range(first, min(first + group, count)) for first in range(0, count, group))
    return [one[first : first + fit] for one in groups for first in range(0, len(one), fit)]


def _beside(boxes: list[BlockSizes], width: int, *, legends: bool) -> Iterable[StyledLine]:
    """Yield the lines of boxes beside each other, their titles, grids and captions each at one height."""
    below = [[*draw_caption(box, width), *(draw_legend(box, width) if legends else [])] for box in boxes]
    parts = [(draw_title(box, width), draw_grid(box), words) for box, words in zip(boxes, below, strict=True)]
    for kind in range(3):
        height = max(len(part[kind]) for part in parts)
        for k in range(height):
            line = StyledLine()
            for place, part in enumerate(parts):
                missing = height - len(part[kind]) if kind < 2 else 0
                if 0 <= k - missing < len(part[kind]):
                    line.append(" " * (INDENT + place * (width + _GAP) - line.cell_len))
                    line.extend(part[kind][k - missing])
            yield line


def draw_title(box: BlockSizes, width: int | None = None) -> list[StyledLine]:
    """Return the title's lines, of at most `width` cells; of a grid alone, as wide as the screen."""
    return _wrapped(box, box.panel.title, BOLD, width)


def draw_caption(box: BlockSizes, width: int | None = None) -> list[StyledLine]:
    """Return the caption's lines, of at most `width` cells; of a grid alone, as wide as the screen."""
    return _wrapped(box, box.panel.caption, DIM, width)


def _wrapped(box: BlockSizes, part: Message | None, style: Style, width: int | None) -> list[StyledLine]:
    indent = "" if box.small else " " * INDENT
    lines = wrap_words(localize_for_screen(part, box.screen), width or box.screen.cells - INDENT)
    return [StyledLine(indent + line, style) for line in lines]


def draw_legend(box: BlockSizes, width: int | None = None) -> list[StyledLine]:
    """Return which number is which column, where the columns are numbered and the rows do not name them.

    width: as a part of a small multiple; else the screen's, with an empty line below.
    """
    if not box.numbered or box.panel.numbers is not None or box.panel.rows == box.panel.columns:
        return []
    lines: list[str] = []
    room = width or box.screen.cells - INDENT
    for entry in box.grid.columns:
        if entry.hidden or entry.label == str(entry.number):
            continue
        widest = min(WIDEST_LABEL, room - len(str(entry.number)) - 1)
        item = f"{entry.number} {_padded(entry, widest, box.screen, right=False).rstrip()}"
        if lines and cell_len(lines[-1]) + 3 + cell_len(item) <= room:
            lines[-1] += f"   {item}"
        else:
            lines.append(item)
    if width is not None:
        return [StyledLine(line, DIM) for line in lines]
    return [StyledLine(" " * INDENT + line, DIM) for line in lines] + ([StyledLine()] if lines else [])


def draw_grid(box: BlockSizes) -> list[StyledLine]:
    """Return the heading and the cells, with the row labels."""
    indent = 0 if box.small else INDENT
    lines = [StyledLine(" " * (indent + box.left + 1) + line, BOLD) for line in box.heading]
    cells = _Cells(box)
    for rows in group_rows(box.grid, two=cells.halves):
        first, last = box.grid.rows[rows[0]], box.grid.rows[rows[-1]]
        if first.hidden:
            lines.append(StyledLine(" " * (indent + box.left + 1) + _gap_line(box, first), DIM))
            continue
        line = StyledLine(" " * indent).append(_left_label(box, first) + " ", BOLD)
        for style, run in groupby(cells.row(rows), key=itemgetter(1)):
            line.append("".join([text for text, _ in run]), style)
        if box.right and not (cells.halves and len(rows) == 1):
            line.append(" " + _right_label(box, last), BOLD)
        lines.append(line)
    return lines


def group_rows(grid: Grid, *, two: bool) -> list[tuple[int, ...]]:
    """Return the rows of each line: one, or with `two` (half blocks) those that follow each other by twos."""
    groups: list[tuple[int, ...]] = []
    for hidden, run in groupby(range(len(grid.rows)), key=lambda i: grid.rows[i].hidden):
        together = list(run)
        step = 2 if two and not hidden else 1
        groups.extend(tuple(together[k : k + step]) for k in range(0, len(together), step))
    return groups


def _gap_line(box: BlockSizes, entry: TokenSpan) -> str:
    words = f" {localize_for_screen(message('{count} more', count=entry.count), box.screen)} "
    rule = box.screen.ornament("┄", "-")
    room = box.columns_width - cell_len(words)
    return words.strip()[: box.columns_width] if room < 2 else rule * (room // 2) + words + rule * (room - room // 2)


def _left_label(box: BlockSizes, entry: TokenSpan) -> str:
    if not box.numbered:
        return _padded(entry, box.left, box.screen, right=True)
    digits = count_digits(box.panel)
    return f"{_padded(entry, box.left - digits - 1, box.screen, right=True)} {entry.number:>{digits}}"


def _right_label(box: BlockSizes, entry: TokenSpan) -> str:
    if not box.numbered:
        return _padded(entry, box.left, box.screen, right=False).rstrip()
    digits = count_digits(box.panel)
    return f"{entry.number:<{digits}} {_padded(entry, box.left - digits - 1, box.screen, right=False)}".rstrip()


def _padded(entry: TokenSpan, width: int, screen: Screen, *, right: bool) -> str:
    label = shorten(screen.written(entry.label), width, cell_len, screen.mark)
    spaces = " " * (width - cell_len(label))
    return spaces + label if right else label + spaces


class _Cells:
    """The cells of a grid: each one's step on the scale (below 0 where it is forbidden), as the screen shows it."""

    def __init__(self, box: BlockSizes) -> None:
        self.columns, self.width, self.paint = box.grid.columns, box.cell, Paint(box.panel.scale, box.screen)
        self.halves = uses_half_blocks(box)
        self.gap = box.screen.ornament("┊", ":").center(HIDDEN)
        self.forbidden = box.screen.ornament(FORBIDDEN, ".")
        steps = self.paint.steps_of(box.grid.places)
        steps[box.grid.forbidden] = _FORBIDDEN
        self.steps: list[list[int]] = steps.tolist()

    def row(self, rows: tuple[int, ...]) -> list[tuple[str, Style | None]]:
        """Return a line's cells from left to right, each with its style."""
        upper, lower = self.steps[rows[0]], self.steps[rows[-1]] if len(rows) == 2 else None
        draw = self._halves if self.halves else self._whole
        return [
            (self.gap, DIM) if column.hidden else draw(upper[j], None if lower is None else lower[j])
            for j, column in enumerate(self.columns)
        ]

    def _whole(self, step: int, _: int | None) -> tuple[str, Style | None]:
        if step == _FORBIDDEN:
            return self.forbidden.rjust(self.width), DIM
        if self.paint.colored:
            return " " * self.width, self.paint.background(step)
        character = self.paint.character(step)
        return character.rjust(self.width) if character.isalnum() else character * self.width, None

    def _halves(self, upper: int, lower: int | None) -> tuple[str, Style | None]:
        """Draw a cell above another in one character; a forbidden cell, or none, leaves its half as the terminal is."""
        if lower is not None and lower != _FORBIDDEN:
            return ("▄", self.paint.ink(lower)) if upper == _FORBIDDEN else ("▀", self.paint.halves(upper, lower))
        return (self.forbidden, DIM) if upper == _FORBIDDEN else ("▀", self.paint.ink(upper))


def uses_half_blocks(box: BlockSizes) -> bool:
    """Return whether a line shows two rows, so that cells of one character are nearly square."""
    return box.cell == 1 and box.screen.colors != "none" and box.screen.has_shapes


def _bars(panels: tuple[Panel, ...], digits: int, screen: Screen) -> list[Text]:
    """Return a bar for each scale; none where every panel has one of its own, whose end its title says."""
    scales = dict.fromkeys(panel.scale for panel in panels)
    return [] if len(scales) > 2 else [color_bar(scale, digits, screen) for scale in scales]
