"""The view `top`: a line for each query with its strongest keys, each with a bar and its number."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from attnviz.core.attention_data import Token
from attnviz.i18n.messages import message
from attnviz.text.find_token import occurrences, with_occurrence
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.panels import Panel, Prepared, number
from attnviz.views.prepared.top_links import Link, TopLinks, find_top_links
from attnviz.views.terminal.block_bars import draw_bar
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.colors import Paint
from attnviz.views.terminal.screen import Screen, closing_lines, sentence_line

_INDENT = 2
_MOST = 3  # links of a row, if --top does not say
_GAP = 3
_WIDEST_QUERY, _WIDEST_KEY = 20, 16
_SHORTEST_LABEL = 4
_WIDEST_BAR, _SHORTEST_BAR = 8, 3
_MANY = 12  # from so many words on, some are likely the same: each has its number
_HUE, _LESS, _MORE = 0.5, 0.1, 0.9  # where on the palette the bars' colours are, legible on black and on white


def render_top(prepared: Prepared, choice: Choice, screen: Screen) -> RenderableType:
    """List each row's strongest columns (choice.top, else 3) in the order of the text; never wider than the screen.

    Of weights the last item of a row is what all the others have together.
    """
    parts: list[RenderableType] = []
    if prepared.heading is not None:
        parts.append(sentence_line(prepared.heading, screen, "bold"))
    for panel in prepared.panels:
        if panel.title is not None:
            parts.append(sentence_line(panel.title, screen, "bold", indent=_INDENT))
        parts.extend(_List(panel, prepared, screen, choice.top or _MOST).lines())
        if panel.caption is not None:
            parts.append(sentence_line(panel.caption, screen, "dim", indent=_INDENT))
        parts.append(Text())
    parts.extend(closing_lines(prepared, screen))
    return Group(*parts)


class _List:
    """One panel's rows, measured: how wide labels, bars and numbers are."""

    def __init__(self, panel: Panel, prepared: Prepared, screen: Screen, most: int) -> None:
        self.panel, self.screen, self.digits = panel, screen, prepared.digits
        self.rows = find_top_links(panel, most, least=0.5 * 10.0**-self.digits)
        self.sums = prepared.kind == "weights" and panel.quantity is None
        self.paint = Paint(panel.scale, screen)
        self.row_labels = self._labels(panel.rows, panel.row_numbers)
        self.column_labels = self._labels(panel.columns, panel.numbers)
        self.number_width = max((len(self._number(link)) for row in self.rows for link in row.links), default=1)
        self._measure()

    def _labels(self, labels: tuple[str, ...], numbers: tuple[int, ...] | None) -> list[tuple[str, str]]:
        """Return each label as its number, empty where there are few or the word is that number, and its word.

        Of few words that are equal the second is the#2, or, where columns are left out, each word has its number.
        """
        written = [self.screen.written(label) for label in labels]
        repeated = numbers is not None and len(set(labels)) < len(labels)
        few = max(self.panel.values.shape) < _MANY and not repeated
        if few or labels == tuple(map(str, numbers or range(len(labels)))):
            seen = occurrences([Token(label) for label in labels])
            return [("", with_occurrence(word, seen[i])) for i, word in enumerate(written)]
        digits = len(str(numbers[-1] if numbers else len(labels) - 1))
        return [(f"{i if numbers is None else numbers[i]:>{digits}} ", word) for i, word in enumerate(written)]

    def _short(self, label: tuple[str, str], width: int) -> str:
        """Return a label in at most `width` cells; its number is never cut."""
        return label[0] + shorten(label[1], width - len(label[0]), cell_len, self.screen.mark)

    def _number(self, link: Link) -> str:
        return number(link.value, self.digits, plus=self.panel.plus)

    def _measure(self) -> None:
        """Set the widths: labels as wide as they need where there is room; bars such that a row stands on one line."""
        room = self.screen.cells - _INDENT
        query = [len(number) + cell_len(word) for number, word in self.row_labels]
        digits = len(self.row_labels[0][0])
        self.query = min(max(query), _WIDEST_QUERY, digits + max(_SHORTEST_LABEL, room // 4 - digits))
        shown = {link.column for row in self.rows for link in row.links}
        keys = [len(self.column_labels[j][0]) + cell_len(self.column_labels[j][1]) for j in shown]
        digits = len(self.column_labels[0][0])
        least = min(max(keys, default=1), digits + _SHORTEST_LABEL) + 1 + self.number_width
        self.stacked = room - self.query - 2 < least
        self.room = room - 2 if self.stacked else room - self.query - 2
        self.key = max(digits + 1, min(max(keys, default=1), _WIDEST_KEY, self.room - 1 - self.number_width))
        self.bar = self._bar_width()

    def _bar_width(self) -> int:
        """Return the widest bar with which a row's items and the rest fit on one line; else one item."""
        bare = self.key + 2 + self.number_width
        most = max((len(row.links) for row in self.rows), default=0) or 1
        rests = [row.rest_sum for row in self.rows if row.rest]
        rest = max((_GAP + cell_len(self._rest(one).plain) for one in rests), default=0) if self.sums else 0
        shared = (self.room - rest - _GAP * (most - 1)) // most - bare
        spare = shared if shared >= _SHORTEST_BAR else self.room - bare
        return min(_WIDEST_BAR, spare) if spare >= _SHORTEST_BAR else 0

    def lines(self) -> Iterator[Text]:
        """Yield each query's lines, with its label at the first."""
        for row in self.rows:
            label = self._short(self.row_labels[row.row], self.query)
            start = Text(" " * (_INDENT + self.query - cell_len(label)), no_wrap=True).append(label, "bold")
            if self.stacked:
                yield Text(" " * _INDENT, no_wrap=True).append(label, "bold")
                start = Text(" " * (_INDENT + 2), no_wrap=True)
            else:
                start.append("  ")
            indent = cell_len(start.plain)
            for items in self._packed(self._items(row)):
                for k, item in enumerate(items):
                    start.append(" " * _GAP if k else "")
                    start.append_text(item)
                yield start
                start = Text(" " * indent, no_wrap=True)

    def _packed(self, items: list[Text]) -> Iterator[list[Text]]:
        """Yield the items line by line, as many as fit; the item for the rest takes less room than the others."""
        line: list[Text] = []
        used = 0
        for item in items:
            size = cell_len(item.plain)
            if line and used + _GAP + size > self.room:
                yield line
                line, used = [], 0
            used += size + (_GAP if line else 0)
            line.append(item)
        yield line

    def _items(self, row: TopLinks) -> list[Text]:
        items = [self._item(link) for link in row.links]
        if row.alike is not None:
            count, amount = row.alike
            told = message("{count} alike {amount}", count=count, amount=number(amount, self.digits))
            items.append(Text(self.screen.written(told.localized()), "dim", no_wrap=True))
        if self.sums and row.rest:
            items.append(self._rest(row.rest_sum))
        if row.even is not None:
            share = number(row.even, self.digits)
            words = self.screen.written(message("all alike {amount}", amount=share).localized())
            return [Text(words if cell_len(words) <= self.room else share, "dim", no_wrap=True)]
        if not items:
            nothing = message("nothing") if row.looks else message("may look at nothing")
            items.append(
                Text(shorten(self.screen.written(nothing.localized()), self.room, cell_len, self.screen.mark), "dim")
            )
        return items

    def _rest(self, amount: float) -> Text:
        words = message("rest {amount}", amount=number(amount, self.digits))
        return Text(self.screen.written(words.localized()), "dim", no_wrap=True)

    def _item(self, link: Link) -> Text:
        label = self._short(self.column_labels[link.column], self.key)
        item = Text(label + " " * (self.key - cell_len(label) + 1), no_wrap=True)
        if self.bar:
            item.append(self._drawn(link.place), self._hue(link.place))
            item.append(" ")
        return item.append(self._number(link).rjust(self.number_width))

    def _hue(self, place: float) -> Style:
        if not self.panel.scale.diverging:
            return self._ink(_HUE)
        return self._ink(_MORE if place > 0.5 else _LESS)

    def _ink(self, place: float) -> Style:
        return self.paint.ink(self.paint.step(place))

    def _drawn(self, place: float) -> str:
        """Return the bar, in halves of a cell; whole cells where only letters are drawn."""
        length = abs(2 * place - 1) if self.panel.scale.diverging else place
        return draw_bar(length * self.bar, self.screen).ljust(self.bar)
