"""The view `patches`: a picture in half blocks, dimmed, under the colours of what each of its patches receives."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.panels import Panel, PictureGround, Prepared
from attnviz.views.prepared.patch_map import over_picture, scaled_to, spread_over
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.color_bar import color_bar
from attnviz.views.terminal.colors import Paint, nearest_256
from attnviz.views.terminal.screen import Screen, closing_lines, sentence_line, wrap_words

_INDENT = 2
_GAP = 3  # cells between maps
_WIDEST, _HIGHEST = 72, 30  # cells and lines of a map, where the screen would let it grow
_LINES_AROUND = 9  # heading, bar and caption
_SMALL = 24  # cells of one of several maps, where the grid needs no more
_MARK = "+"


def render_patches(prepared: Prepared, _: Choice, screen: Screen) -> RenderableType:
    """Draw each panel as a map over the picture, several beside each other; never wider than the screen.

    prepared: made by map_patches. In 16 colours the picture is left out; without colour each patch is a character.
    """
    ground = prepared.ground
    assert ground is not None
    parts: list[RenderableType] = []
    if prepared.heading is not None:
        parts.append(sentence_line(prepared.heading, screen, "bold"))
    maps = [_PatchMap(panel, ground, screen, small=len(prepared.panels) > 1) for panel in prepared.panels]
    across = max(1, (screen.cells - _INDENT + _GAP) // (maps[0].width + _GAP))
    for first in range(0, len(maps), across):
        parts.extend([*_beside(maps[first : first + across]), Text()])
    scales = {panel.scale for panel in prepared.panels}
    if len(scales) == 1:  # else each head has one of its own, whose end its title says
        parts.append(color_bar(scales.pop(), prepared.digits, screen))
    parts.extend(closing_lines(prepared, screen, before=_legend(ground, screen)))
    return Group(*parts)


def _legend(ground: PictureGround, screen: Screen) -> tuple[Message, ...]:
    """Return what the caption says of the mark, and of a picture that cannot be drawn."""
    found = [message("{mark} is the patch that looks", mark=_MARK)] if ground.chosen is not None else []
    if ground.pixels is None:
        found.append(message("the file has the map alone, without the picture"))
    elif screen.colors not in ("truecolor", "256") or not screen.has_shapes:
        found.append(message("the picture under the map is drawn where a terminal has 256 colours"))
    return tuple(found)


class _PatchMap:
    """One map in lines of `width` cells: numbers of columns above it, of rows beside it, the cells themselves."""

    def __init__(self, panel: Panel, ground: PictureGround, screen: Screen, *, small: bool) -> None:
        self.panel, self.ground, self.screen = panel, ground, screen
        self.paint = Paint(panel.scale, screen)
        rows, columns = panel.values.shape
        self.left = len(str(rows - 1)) + 1
        self.halves = screen.colors != "none" and screen.has_shapes
        room = max(1, screen.cells - _INDENT - self.left)
        tall = _HIGHEST if screen.height is None else max(4, screen.height - _LINES_AROUND)
        self.cells, self.lines = self._size(min(room, max(_SMALL, columns) if small else _WIDEST), tall)
        self.width = self.left + self.cells
        self.room = self.width if small else screen.cells - _INDENT  # of the title and the caption

    def _size(self, room: int, tall: int) -> tuple[int, int]:
        """Return cells across and lines: of the picture's form, where a cell is twice as high as it is wide."""
        rows, columns = self.panel.values.shape
        if not self.halves:  # a character a patch, or two where they fit
            step = 2 if 2 * columns <= room else 1
            return min(columns * step, room), rows
        cells = min(room, round(2 * tall * self.ground.aspect))
        least = min(room, columns)
        cells = max(cells, least)
        return cells, max(1, round(cells / self.ground.aspect / 2), min(-(-rows // 2), tall))

    def draw(self) -> tuple[list[Text], list[Text], list[Text]]:
        """Return the lines of the title, of the map with the numbers of its columns and rows, and of the caption."""
        rows, _ = self.panel.values.shape
        lines = [Text(" " * self.left + self._numbers(), "dim")]
        last = -1
        for k, cells in enumerate(self._colored() if self.halves else self._characters()):
            row = k * rows // self.lines
            label = str(row) if row != last else ""
            last = row
            line = Text(no_wrap=True).append(f"{label:>{self.left - 1}} ", "dim")
            for style, run in groupby(cells, key=itemgetter(1)):
                line.append("".join(text for text, _ in run), style)
            lines.append(line)
        title, caption = self._wrapped(self.panel.title), self._wrapped(self.panel.caption)
        return [Text(line, "bold") for line in title], lines, [Text(line, "dim") for line in caption]

    def _wrapped(self, words: Message | None) -> list[str]:
        return [] if words is None else wrap_words(self.screen.written(words.localized()), self.room)

    def _numbers(self) -> str:
        """Return the columns' numbers, each where its patches begin, as many as have room."""
        line = ""
        columns = self.panel.values.shape[1]
        for column in range(columns):
            at = -(-column * self.cells // columns)
            label = str(column)
            if at >= len(line) + (1 if line else 0) and at + len(label) <= self.cells:
                line += " " * (at - len(line)) + label
        return line

    def _colored(self) -> list[list[tuple[str, Style | None]]]:
        """Return each line's cells: an upper half block in the colours of two pixels."""
        height, width = 2 * self.lines, self.cells
        places = spread_over(self.panel.places(), height, width)
        hidden = self.panel.forbidden
        seen = None if hidden is None else spread_over(~hidden, height, width)
        colors = self._blended(places)
        if seen is not None:
            colors = np.where(seen[..., None], colors, colors // 4).astype(np.uint8)
        found = []
        mark = self._mark_place()
        inks = self._inks(colors)
        for k in range(self.lines):
            line: list[tuple[str, Style | None]] = [
                ("▀", Style.from_color(inks[2 * k][j], inks[2 * k + 1][j])) for j in range(width)
            ]
            if mark is not None and mark[0] == k:
                ground = colors[2 * k : 2 * k + 2, mark[1]].mean(axis=0)
                ink = "black" if ground @ np.array([0.299, 0.587, 0.114]) > 128 else "bright_white"
                line[mark[1]] = (_MARK, Style(color=ink, bgcolor=inks[2 * k][mark[1]], bold=True))
            found.append(line)
        return found

    def _blended(self, places: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Return the colours of places [height, width], over the picture where the screen can show it."""
        palette = np.array(self.panel.scale.palette(), dtype=np.uint8)
        colors: NDArray[np.uint8] = palette[np.rint(places * (len(palette) - 1)).astype(np.int64)]
        pixels = self.ground.pixels
        if pixels is None:
            return colors
        return over_picture(colors, places, scaled_to(pixels, *places.shape))

    def _inks(self, colors: NDArray[np.uint8]) -> list[list[Color]]:
        """Return each pixel's colour as the screen has it."""
        if self.screen.colors == "truecolor":
            return [[Color.from_rgb(*pixel) for pixel in row] for row in colors.tolist()]
        if self.screen.colors == "256":
            return [[Color.from_ansi(each) for each in row] for row in nearest_256(colors).tolist()]
        places = spread_over(self.panel.places(), *colors.shape[:2])
        return [[self.paint.color(each) for each in row] for row in self.paint.steps_of(places).tolist()]

    def _characters(self) -> list[list[tuple[str, Style | None]]]:
        """Return each line's characters, where there is no colour, or no half block."""
        rows, columns = self.panel.values.shape
        step = 2 if self.cells == 2 * columns else 1
        places = spread_over(self.panel.places(), rows, self.cells // step)
        steps = self.paint.steps_of(places).tolist()
        hidden = self.panel.forbidden
        seen = np.ones(places.shape, bool) if hidden is None else spread_over(~hidden, *places.shape)
        found = []
        mark = (
            None
            if self.ground.chosen is None
            else (self.ground.chosen[0], self.ground.chosen[1] * places.shape[1] // columns)
        )
        for i in range(rows):
            line: list[tuple[str, Style | None]] = []
            for j, each in enumerate(steps[i]):
                mark_here = mark == (i, j)
                if self.paint.colored and seen[i, j]:
                    text, style = " " * step, self.paint.background(each)
                else:
                    character = self.paint.character(each) if seen[i, j] else self.screen.ornament("·", ".")
                    text = character.rjust(step) if character.isalnum() else character * step
                    style = Style(bold=mark_here)
                line.append((_MARK + text[1:] if mark_here else text, style))
            found.append(line)
        return found

    def _mark_place(self) -> tuple[int, int] | None:
        """Return the line and the cell in the middle of the chosen patch."""
        if self.ground.chosen is None:
            return None
        rows, columns = self.panel.values.shape
        row, column = self.ground.chosen
        line = min(self.lines - 1, int((row + 0.5) * self.lines / rows))
        return line, min(self.cells - 1, int((column + 0.5) * self.cells / columns))


def _beside(maps: list[_PatchMap]) -> list[Text]:
    """Return the lines of maps beside each other: their titles, maps and captions each at one height."""
    drawn = [one.draw() for one in maps]
    found = []
    for kind in range(3):
        height = max(len(parts[kind]) for parts in drawn)
        for k in range(height):
            line = Text(" " * _INDENT, no_wrap=True)
            for one, parts in zip(maps, drawn, strict=True):
                at = k - (height - len(parts[kind]) if kind == 0 else 0)
                part = parts[kind][at] if 0 <= at < len(parts[kind]) else Text()
                line.append_text(part).append(" " * (one.width - cell_len(part.plain) + _GAP))
            line.rstrip()
            found.append(line)
    return found
