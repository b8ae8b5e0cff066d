"""A text, each word on a ground as strong as what it receives exceeds the even share, or with stripes by head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message
from attnviz.views.figure.colors import unit
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import BAR, HeadColors, PictureContext
from attnviz.views.figure.reading_order import Line, visual_order
from attnviz.views.prepared.color_scale import ink_on
from attnviz.views.prepared.panels import Panel, ShadedWord, number

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_WIDTH = 6.3  # inches, for letters of 10 points
_LINE = 1.75  # from one baseline to the next, in the letters' size
_GAP = 0.3
_FAINTEST = 0.02  # what is fainter has no ground
_PALEST = 0.35  # of a stripe that is drawn: it is thin, and what is paler cannot be told from the ground
_STRIPE = 0.035  # inches, with the space below it
_STRONGEST = 0.85
_OPENING = "“‘「『（(《[{〈【"
_WIDE = "\u2e80"


class ShadedTexts:
    """The text of each panel below its title, or once with a stripe of each head's colour below each word."""

    def __init__(self, context: PictureContext) -> None:
        self.context, theme = context, context.theme
        panels = context.prepared.panels
        self.legend = HeadColors(context) if context.style.overlay else None
        self.all = panels
        self.panels = panels[:1] if self.legend else panels
        self.titles = [self._title(panel) for panel in panels]
        if len(self.panels) == 1 and (self.legend or not context.style.no_title):
            self.titles = [""]
        self.size = 1.2 * theme.label
        self.wide = context.room if context.room is not None else _WIDTH * theme.label / 10
        self.words = [[context.drawable(word.text) for word in panel.words] for panel in self.panels]
        self.lines = [
            visual_order(list(self._lines(i)), [word.text for word in panel.words], partial(self._width, i))
            for i, panel in enumerate(self.panels)
        ]
        self.pitch = _LINE * self.size * POINT + (len(panels) * _STRIPE if self.legend else 0.0)
        self.title_room = 1.7 * theme.label * POINT if any(self.titles) else 0.0
        self.heights = [self.title_room + len(lines) * self.pitch for lines in self.lines]
        kinds = ([panel for panel in self.panels if panel.scale.diverging == signed] for signed in (False, True))
        self.bars = [] if self.legend else [alike for alike in kinds if alike]
        self.bar = 0.2 + 2.3 * theme.caption * POINT
        above = self.legend.height if self.legend else 0.0
        self.height = above + sum(self.heights) + _GAP * (len(self.panels) - 1) + len(self.bars) * self.bar
        ends = [start + self._width(i, k) for i, lines in enumerate(self.lines) for line in lines for start, k in line]
        self.width = self.wide if context.room is not None else min(self.wide, max(ends, default=0.0))
        self.width = max(self.width, self.legend.width if self.legend else 0.0)
        if context.room is not None and self.height > context.page_room:
            if len(self.panels) == 1:
                raise OptionError(
                    "A text of {count} words would be higher than a page at --width {width}.",
                    hint="Give a wider picture, or a shorter text.",
                    count=len(self.words[0]),
                    width=context.style.width,
                )
            raise OptionError(
                "{count} texts would be higher than a page at --width {width}.",
                hint="Use --overlay, --kind grid, a wider picture, or fewer heads.",
                count=len(self.panels),
                width=context.style.width,
            )

    def _title(self, panel: Panel) -> str:
        """Return a panel's title, with what its group is where there are several: with rope positions · 鱼吃猫."""
        several = any(each.group != panel.group for each in self.context.prepared.panels)
        parts = (panel.group if several else None, panel.short or panel.title)
        return " · ".join(self.context.words(part) for part in parts if part is not None)

    def _width(self, i: int, k: int) -> float:
        return self.context.fonts.width(self.words[i][k], self.size)

    def _lines(self, i: int) -> Iterator[Line]:
        """Yield the lines of a text: broken where it is, and where the next words that belong together do not fit."""
        words, space = self.panels[i].words, self.context.fonts.width(" ", self.size)
        line: Line = []
        at = 0.0
        for unit_ in _together(words):
            before = words[unit_[0]].before
            for _ in range(before.count("\n")):
                yield line
                line, at = [], 0.0
            gap = space * len(before.rpartition("\n")[2])
            length = sum(self._width(i, k) for k in unit_)
            if line and at + gap + length > self.wide:
                yield line
                line, at, gap = [], 0.0, 0.0
            at += gap
            for k in unit_:
                width = self._width(i, k)
                if line and at + width > self.wide:
                    yield line
                    line, at = [], 0.0
                line.append((at, k))
                at += width
        yield line

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw each text, then the bars that say what the grounds mean."""
        theme = self.context.theme
        if self.legend:
            self.legend.draw(canvas, x, y)
            y += self.legend.height
        for i, panel in enumerate(self.panels):
            if self.titles[i]:
                canvas.text(x, y + theme.label * POINT, self.titles[i], theme.label, semibold=True)
            self._text(canvas, x, y + self.title_room, panel, i)
            y += self.heights[i] + _GAP
        for k, panels in enumerate(self.bars):
            self._bar(canvas, x, y - _GAP + 0.12 + k * self.bar, panels)

    def _text(self, canvas: Canvas, x: float, y: float, panel: Panel, i: int) -> None:
        letters = self.size * POINT
        strengths = [_strengths(each) for each in (self.all if self.legend else (panel,))]
        for n, line in enumerate(self.lines[i]):
            top = y + n * self.pitch
            for start, k in line:
                word, width = panel.words[k], self._width(i, k)
                ink = None
                if self.legend:
                    for h, of_head in enumerate(strengths):
                        if of_head[k] > _FAINTEST:
                            color = self.context.colors.faded(
                                self.context.colors.of_head(h), _PALEST + (1 - _PALEST) * of_head[k]
                            )
                            under = top + 1.4 * letters + h * _STRIPE
                            canvas.box(x + start, under, width, _STRIPE * 0.75, color)
                elif abs(strengths[0][k]) > _FAINTEST:
                    color = self._ground(panel, strengths[0][k])
                    canvas.box(x + start, top + 0.08 * letters, width, 1.45 * letters, color)
                    ink = unit(ink_on(tuple(round(255 * part) for part in color)))  # type: ignore[arg-type]
                faint = None if ink is not None or word.value is not None else canvas.theme.faint
                canvas.text(
                    x + start, top + 1.12 * letters, self.words[i][k], self.size, color=ink or faint, semibold=word.asks
                )

    def _ground(self, panel: Panel, strength: float) -> tuple[float, float, float]:
        color = self.context.colors.accent(panel.scale, strength)
        return self.context.colors.faded(color, _STRONGEST * abs(strength))

    def _bar(self, canvas: Canvas, x: float, y: float, panels: Sequence[Panel]) -> None:
        """Draw the grounds of these panels from the even share to the largest weight, or of changes from end to end."""
        theme, panel = self.context.theme, panels[0]
        size, signed = theme.caption, panel.scale.diverging
        steps = np.linspace(-1 if signed else 0, 1, 128)
        colors = np.array([self._ground(panel, float(step)) for step in steps])
        name = self.context.words(message("change") if signed else message("weight"))
        canvas.text(x, y + BAR / 2, name, size, color=theme.faint, middle=True)
        left, length = x + self.context.fonts.width(name, size) + 0.1, 1.9 * theme.label / 10
        canvas.cells(left, y, length, BAR, np.rint(colors * 255).astype(np.uint8)[None])
        digits, under = self.context.prepared.digits, y + BAR + 1.1 * size * POINT
        own = len(panels) > 1 and (panel.scale.spread == "row" or len({each.scale for each in panels}) > 1)
        end = (
            self.context.words(message("each head's largest")) if own else number(panel.scale.high, digits, plus=signed)
        )
        low = number(panel.scale.low, digits) if signed else self.context.words(message("even share or less"))
        canvas.text(left, under, low, size, color=theme.faint)
        if self.context.fonts.width(low + end, size) + 0.1 <= length:
            canvas.text(left + length, under, end, size, color=theme.faint, ha="right")
        else:
            canvas.text(left + length + 0.08, y + BAR / 2, end, size, color=theme.faint, middle=True)


def _together(words: tuple[ShadedWord, ...]) -> list[list[int]]:
    """Return the indexes of words that stay on one line: pieces of a word, and punctuation with what it belongs to."""
    units: list[list[int]] = []
    for k, word in enumerate(words):
        last = words[k - 1].text[-1:] if k else ""
        first = word.text[:1]
        loose = bool(word.before) or not units
        if not loose:
            wide = first > _WIDE or last > _WIDE
            loose = wide and (first.isalnum() or first in _OPENING) and last not in _OPENING
        if loose:
            units.append([k])
        else:
            units[-1].append(k)
    return units


def _strengths(panel: Panel) -> list[float]:
    """Return for each word how strong its ground is: 0 at the even share and below, 1 at the scale's end; signed."""
    places = [0.0 if word.place is None else word.place for word in panel.words]
    if panel.scale.diverging:
        return [0.0 if word.place is None else 2 * word.place - 1 for word in panel.words]
    even = panel.even_shares()
    ground = float(panel.scale.share(np.concatenate([panel.values, even[:, None]], axis=1))[0, -1])
    return [max(0.0, (place - ground) / max(1 - ground, 1e-9)) for place in places]
