"""The sizes of a shaded grid on a screen, in character cells: measured once, before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.i18n.messages import Message
from attnviz.views.prepared.panels import Panel
from attnviz.views.prepared.pooled_grid import MOST_CELLS, Grid, TokenSpan, fit_grid
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.column_headings import set_labels, set_numbers
from attnviz.views.terminal.screen import Screen

INDENT = 2
HIDDEN = 5  # what a hidden stretch of columns takes
WIDEST_LABEL = 16
_WIDEST_SMALL_LABEL = 6
_BOTH_SIDES = 60  # narrower screens have row labels at the left alone
_SMALL = 32  # cells of a small multiple


@dataclass(frozen=True, eq=False)
class BlockSizes:
    """One panel as a shaded grid on a screen, and the sizes of its parts in character cells.

    small: whether it is one of several beside each other. grid: the rows and columns that are drawn. numbered: whether
    columns have numbers above them, that the rows repeat, in place of labels. cell: what a column takes, 1 or 2. left,
    right: what row labels take at each side, 0 for none. starts: where each column begins, counted from the first.
    columns_width: all columns together. heading: the lines above them. width: the whole box.
    """

    panel: Panel
    screen: Screen
    small: bool
    grid: Grid
    numbered: bool
    cell: int
    left: int
    right: int
    starts: tuple[int, ...]
    columns_width: int
    heading: tuple[str, ...]
    width: int


def measure(panel: Panel, screen: Screen, *, small: bool = False) -> BlockSizes:
    """Measure the panel on the screen: two cells a column and labels above them where they fit, else one and numbers.

    small: as one of several grids beside each other, which pools what does not fit.
    """
    room = screen.cells - INDENT
    n_columns = panel.values.shape[1]
    cell, numbered = _choose_columns(panel, screen, small=small)
    left = _label_width(panel, screen, small=small, numbered=numbered)
    needed = 2 * (left + 1) + cell * n_columns
    both_sides = not small and (needed <= room or (cell == 1 and room >= _BOTH_SIDES))
    right = left if both_sides else 0
    columns_room = (room - left - 1 - (right + 1 if right else 0)) // cell
    if small and n_columns < 2 * panel.values.shape[0]:
        columns_room = min(_SMALL, columns_room)
    grid = fit_grid(panel, max(1, columns_room), gap=HIDDEN, pool=small)
    numbered = numbered or any(entry.count > 1 for entry in grid.columns)
    starts, columns_width = _place_columns(grid.columns, cell)
    heading = None
    if not numbered:
        beside = room - left - 1
        most = max(2 * len(grid.columns), 2 * _SMALL) if small else beside
        heading = _labels_above(panel, screen, cell, min(most, beside))
    if heading is None:
        heading = set_numbers(grid.columns, starts, cell)
    width = left + 1 + max(columns_width + (1 + right if right else 0), max(map(cell_len, heading), default=0))
    if small:
        words = [cell_len(localize_for_screen(part, screen)) for part in (panel.title, panel.caption)]
        width = min(room, max(width, *words))
    return BlockSizes(
        panel, screen, small, grid, numbered, cell, left, right, tuple(starts), columns_width, tuple(heading), width
    )


def localize_for_screen(part: Message | None, screen: Screen) -> str:
    """Return a title or a caption, translated, as the screen can write it; an empty string for None."""
    return "" if part is None else screen.written(part.localized())


def count_digits(panel: Panel) -> int:
    """Return how many digits the largest number of a row or column has."""
    return len(str(max(panel.values.shape) - 1))


def _choose_columns(panel: Panel, screen: Screen, *, small: bool) -> tuple[int, bool]:
    """Return how many cells a column takes, and whether columns are numbered because labels do not fit above them."""
    room = screen.cells - INDENT
    n_rows, n_columns = panel.values.shape
    if max(n_rows, n_columns) > (_SMALL // 2 if small else MOST_CELLS):
        return 1, True
    beside = room - _label_width(panel, screen, small=small, numbered=False) - 1
    numbered = not small and _labels_above(panel, screen, 2, beside) is None
    if _label_width(panel, screen, small=small, numbered=numbered) + 1 + 2 * n_columns <= room:
        return 2, numbered
    return 1, True


def _label_width(panel: Panel, screen: Screen, *, small: bool, numbered: bool) -> int:
    """Return what row labels take at one side, with their numbers where columns are numbered."""
    widest = _WIDEST_SMALL_LABEL if small else max(4, min(WIDEST_LABEL, (screen.cells - INDENT) // 6))
    longest = max(cell_len(screen.written(label)) for label in panel.rows)
    return min(widest, longest) + (1 + count_digits(panel) if numbered else 0)


def _labels_above(panel: Panel, screen: Screen, cell: int, room: int) -> list[str] | None:
    return set_labels([screen.written(label) for label in panel.columns], cell, room, screen.mark)


def _place_columns(columns: tuple[TokenSpan, ...], cell: int) -> tuple[list[int], int]:
    """Return the cell in which each column begins, counted from the first, and how wide all are together."""
    starts, end = [], 0
    for column in columns:
        starts.append(end)
        end += HIDDEN if column.hidden else cell
    return starts, end
