"""Maps over a picture: the picture itself, then for each panel its patches' colours over it, and the colour bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message
from attnviz.text.line_breaking import split_prose
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import LINE, ColorBars, PictureContext, scale_names, wrap
from attnviz.views.prepared.panels import Panel
from attnviz.views.prepared.patch_map import over_picture, scaled_to, spread_over

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

_GAP = 0.2
_LARGE, _SMALL = 3.2, 1.9  # inches, the longer side of one map, and of several
_LEAST = 0.6
_MOST_ACROSS = 4
_PIXELS = 360  # of the longer side of a map, where the picture has fewer
_MARK = 1.6  # points


class PatchMaps:
    """The picture, and beside it a map for each panel; the patch that looks is framed."""

    def __init__(self, context: PictureContext) -> None:
        self.context, theme = context, context.theme
        prepared = context.prepared
        assert prepared.ground is not None
        self.ground, self.panels = prepared.ground, prepared.panels
        layers = {panel.group for panel in self.panels}
        told = [panel.title if len(layers) > 1 else panel.short or panel.title for panel in self.panels]
        self.titles = ["" if len(self.panels) == 1 else context.words(title) for title in told]
        self.captions = [context.words(panel.caption) for panel in self.panels]
        if self.ground.pixels is not None:
            self.titles.insert(0, context.fit(context.words(message("the picture")), 3.0, theme.label))
            self.captions.insert(0, "")
        count = len(self.titles)
        self.across = min(count, _MOST_ACROSS)
        side = (_LARGE if count <= 2 else _SMALL) * theme.label / 10
        wide = min(side, side * self.ground.aspect)
        if context.room is not None:
            while self.across > 1 and self._cell(context.room) < min(wide, 1.2):
                self.across -= 1
            wide = min(self._cell(context.room), 2 * side)
            if wide < _LEAST:
                raise context.too_narrow(_LEAST)
        self.wide, self.high = wide, wide / self.ground.aspect
        self.title_lines = [self._lines(title, theme.label) for title in self.titles]
        self.caption_lines = [self._lines(caption, theme.caption) for caption in self.captions]
        tallest = max(map(len, self.title_lines))
        self.title_room = (tallest * LINE + 0.25) * theme.label * POINT if tallest else 0.0
        self.caption_room = (max(map(len, self.caption_lines)) * LINE + 0.4) * theme.caption * POINT
        self.pitch = self.title_room + self.high + self.caption_room + _GAP / 2
        lines = -(-count // self.across)
        self.width = self.across * self.wide + (self.across - 1) * _GAP
        self.bars = ColorBars(context, scale_names(prepared), context.room or max(self.width, 3.0))
        self.height = lines * self.pitch + self.bars.height
        if context.room is not None and lines > 1 and self.height > max(9.0, 1.5 * context.room):
            raise OptionError(
                "{count} maps would be higher than a page at --width {width}.",
                hint="Give a wider picture, or fewer heads.",
                count=count,
                width=context.style.width,
            )

    def _cell(self, room: float) -> float:
        return (room - (self.across - 1) * _GAP) / self.across

    def _lines(self, words: str, size: float) -> list[str]:
        return wrap(self.context.fonts, split_prose(words), self.wide, size) if words else []

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the picture, the maps, and the colour bar."""
        theme = self.context.theme
        shown: list[Panel | None] = [*self.panels]
        if self.ground.pixels is not None:
            shown.insert(0, None)
        for k, panel in enumerate(shown):
            left = x + (k % self.across) * (self.wide + _GAP)
            top = y + (k // self.across) * self.pitch + self.title_room
            for n, line in enumerate(reversed(self.title_lines[k])):
                at = top - (0.45 + n * LINE) * theme.label * POINT
                canvas.text(left, at, line, theme.label, full=self.titles[k], semibold=panel is not None)
            canvas.image(left, top, self.wide, self.high, self._pixels(panel))
            self._frame_chosen(canvas, left, top)
            for n, line in enumerate(self.caption_lines[k]):
                at = top + self.high + (1.2 + n * LINE) * theme.caption * POINT
                canvas.text(left, at, line, theme.caption, color=theme.faint)
        self.bars.draw(canvas, x, y + self.height - self.bars.height)

    def _pixels(self, panel: Panel | None) -> NDArray[np.uint8]:
        """Return the pixels of a map, or for None of the picture: the same size for all."""
        rows, columns = self.panels[0].values.shape
        pixels = self.ground.pixels
        high, wide = (rows, columns) if pixels is None else pixels.shape[:2]
        times = max(1, -(-_PIXELS // max(high, wide)))
        # whole pixels for each patch, so that its edges are sharp
        high, wide = (-(-length * times // count) * count for length, count in ((high, rows), (wide, columns)))
        ground = None if pixels is None else scaled_to(pixels, high, wide)
        if panel is None:
            assert ground is not None
            return ground
        places = spread_over(panel.places(), high, wide)
        palette = np.asarray(self.context.colors.palette(panel.scale), dtype=np.uint8)
        found = over_picture(palette[np.rint(places * 255).astype(np.int64)], places, ground)
        if panel.forbidden is not None:
            hidden = spread_over(panel.forbidden, high, wide)
            found[hidden] = self.context.colors.background
        return found

    def _frame_chosen(self, canvas: Canvas, x: float, y: float) -> None:
        """Frame the patch that looks, in white with a dark line around it."""
        if self.ground.chosen is None:
            return
        rows, columns = self.panels[0].values.shape
        row, column = self.ground.chosen
        high, wide = self.high / rows, self.wide / columns
        left, top = x + column * wide, y + row * high
        right, bottom = left + wide, top + high
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top), (right, top)]
        canvas.line(corners, 2 * _MARK, "#000000")
        canvas.line(corners, _MARK, "#ffffff")
