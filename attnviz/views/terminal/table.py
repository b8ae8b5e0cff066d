"""The terminal's table: numbers on coloured cells, in panels of as many key columns as fit."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.i18n.messages import message
from attnviz.views.prepared.labels import encodable, shorten
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared, number
from attnviz.views.terminal.cell_width import cell_len, fold
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.color_bar import color_bar
from attnviz.views.terminal.colors import Paint
from attnviz.views.terminal.screen import Screen, closing_lines, sentence_line

_WIDEST_LABEL = 24
_WIDEST_HEADING = 12
_WIDEST_TEXT = 16  # of a cell that holds a word; no number is so wide
_INDENT = 2
_GAP = 3  # between tables beside each other

Run = tuple[int, int]  # rows that say the same, first and last


def render_table(prepared: Prepared, choice: Choice, screen: Screen) -> RenderableType:
    """Draw the panels as tables that are never wider than the screen, with their caption.

    A number is never wrapped and never shortened: columns that do not fit come in further tables, with the row labels
    again. choice.squeeze: of rows that follow each other and print the same numbers the first stays, and a line says
    how many more there are.
    """
    parts: list[RenderableType] = []
    if prepared.heading is not None:
        parts.append(sentence_line(prepared.heading, screen, "bold"))
    tables = [_PanelTable(panel, prepared.digits, screen) for panel in prepared.panels]
    for together in _groups(tables, prepared.across, screen, alone=choice.squeeze):
        parts.extend(_side_by_side(together, screen, choice.squeeze))
    scales = {table.panel.scale for table in tables if table.panel.cells is not None and table.paint.colored}
    parts.extend(color_bar(scale, prepared.digits, screen) for scale in scales)
    parts.extend(closing_lines(prepared, screen))
    return Group(*parts)


def _groups(tables: list[_PanelTable], across: int, screen: Screen, *, alone: bool) -> Iterator[list[_PanelTable]]:
    """Yield the tables that a reader wants side by side; where that is left open, as many as fit, about equally many.

    Tables of other rows, and those with a caption of their own, stand alone; with `alone` all do, so that each folds
    rows of its own.
    """
    if (
        across == 1
        and not alone
        and len({table.panel.rows for table in tables}) == 1
        and not any(t.panel.caption for t in tables)
    ):
        fit = max(1, (screen.cells + _GAP) // (max(table.full_width for table in tables) + _GAP))
        across = _balanced(len(tables), fit)
    for first in range(0, len(tables), across):
        yield tables[first : first + across]


def _balanced(count: int, most: int) -> int:
    """Return how many of `count` go into each of as few groups of at most `most` as there can be.

    >>> _balanced(11, 10), _balanced(10, 10), _balanced(4, 3), _balanced(25, 10)
    (6, 10, 2, 9)
    """
    groups = -(-count // most)
    return max(1, -(-count // max(1, groups)))


def _side_by_side(blocks: list[_PanelTable], screen: Screen, squeeze: bool) -> Iterator[Text]:
    """Yield the lines of tables beside each other where they fit, else each on its own."""
    runs = _runs([block.texts for block in blocks], squeeze)
    total = sum(block.full_width for block in blocks) + _GAP * (len(blocks) - 1)
    if len(blocks) == 1 or total > screen.cells:
        for block in blocks:
            yield from block.stacked(runs)
        return
    columns = [[block.title(block.full_width), *block.table(0, len(block.columns), runs)] for block in blocks]
    for parts in zip(*columns, strict=True):
        line = Text(no_wrap=True)
        end = 0
        for part, block in zip(parts, blocks, strict=True):
            line.append(" " * (end - cell_len(line.plain)))
            line.append_text(part)
            end += block.full_width + _GAP
        yield line
    yield Text()


def _runs(tables: list[list[list[str]]], squeeze: bool) -> list[Run]:
    """Return which rows are printed, each with the last of the rows after it that are equal in every table."""
    runs: list[Run] = []
    for i in range(len(tables[0])):
        if squeeze and runs and all(texts[i] == texts[runs[-1][0]] for texts in tables):
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs


class _PanelTable:
    """One panel, measured: how wide its labels and cells are, and how many columns fit."""

    def __init__(self, panel: Panel, digits: int, screen: Screen) -> None:
        self.panel, self.screen = panel, screen
        self.texts = panel.texts(digits)
        if panel.cells is not None:
            self.texts = [[self._fitted(text) for text in row] for row in self.texts]
            if panel.number_cells and not Paint(panel.scale, screen).colored:
                self._add_numbers(digits)
        measure = len if panel.cells is None else cell_len
        number_width = max((measure(text) for row in self.texts for text in row), default=1)
        label_room = max(4, min(_WIDEST_LABEL, screen.cells - _INDENT - number_width - 3))
        self.rows = [shorten(screen.written(label), label_room, cell_len, self._mark) for label in panel.rows]
        self.label_width = max(map(cell_len, self.rows))
        heading_room = max(number_width, min(_WIDEST_HEADING, screen.cells - _INDENT - self.label_width - 3))
        self.columns = [shorten(screen.written(label), heading_room, cell_len, self._mark) for label in panel.columns]
        self.cell_width = max(number_width, *map(cell_len, self.columns)) + 2
        room = max(1, (screen.cells - _INDENT - self.label_width - 1) // self.cell_width)
        self.per_table = _balanced(len(self.columns), room)
        self.paint = Paint(panel.scale, screen)
        self.steps = self.paint.steps_of(panel.places()).tolist()

    def _add_numbers(self, digits: int) -> None:
        """Set each cell's number beside its word, where no colour can say it."""
        for i, row in enumerate(self.texts):
            for j, text in enumerate(row):
                if text != FORBIDDEN:
                    row[j] = f"{text} {number(float(self.panel.values[i, j]), digits)}"

    def _fitted(self, text: str) -> str:
        """Return a cell's words as the screen can write them, shortened where they are long."""
        return shorten(self.screen.written(text), _WIDEST_TEXT, cell_len, self._mark)

    @property
    def _mark(self) -> str:
        return encodable("⋯", self.screen.encoding)

    @property
    def full_width(self) -> int:
        title = cell_len(self.title().plain)
        return max(title, _INDENT + self.label_width + 1 + self.cell_width * len(self.columns))

    def title(self, width: int | None = None) -> Text:
        words = "" if self.panel.title is None else self.screen.written(self.panel.title.localized())
        return Text(
            " " * _INDENT + (words if width is None else shorten(words, width - _INDENT, cell_len, self._mark)), "bold"
        )

    def stacked(self, runs: list[Run]) -> Iterator[Text]:
        if self.panel.title is not None:
            yield Text(fold(self.title().plain, self.screen.cells), "bold", overflow="fold")
        for first in range(0, len(self.columns), self.per_table):
            yield from self.table(first, min(first + self.per_table, len(self.columns)), runs)
            if self.panel.caption is not None and first + self.per_table >= len(self.columns):
                words = self.screen.written(self.panel.caption.localized())
                yield Text(fold(" " * _INDENT + words, self.screen.cells), "dim", overflow="fold")
            yield Text()

    def table(self, first: int, last: int, runs: list[Run]) -> Iterator[Text]:
        """Yield the columns from `first` up to `last`, with the row labels."""
        heading = "".join(self._padded(label) for label in self.columns[first:last])
        yield Text(" " * (_INDENT + self.label_width + 1) + heading, "bold", no_wrap=True)
        for i, same in runs:
            line = Text(" " * (_INDENT + self.label_width - cell_len(self.rows[i])), no_wrap=True)
            line.append(self.rows[i] + " ", "bold")
            for j in range(first, last):
                style = "dim" if self._has_no_ground(i, j) else self.paint.background(self.steps[i][j])
                line.append(self._padded(encodable(self.texts[i][j], self.screen.encoding)), style)
            yield line
            if same > i:
                yield self._folded(same - i)

    def _has_no_ground(self, i: int, j: int) -> bool:
        """Return whether a cell has no colour: a forbidden one, and on a scale around 0 a change of nothing."""
        text = self.texts[i][j]
        return text == FORBIDDEN or (self.panel.scale.diverging and text == "0")

    def _folded(self, count: int) -> Text:
        """Return the line that says how many rows are like the one above it."""
        one = message("* 1 more row is the same")
        words = one if count == 1 else message("* {count} more rows are the same", count=count)
        return Text(" " * _INDENT + self.screen.written(words.localized()), "dim", overflow="fold")

    def _padded(self, text: str) -> str:
        """Align right, with one space at the right; centred would part a number from the one above it."""
        return " " * (self.cell_width - 1 - cell_len(text)) + text + " "
