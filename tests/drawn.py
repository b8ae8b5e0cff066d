"""What a picture holds, read from matplotlib while it is drawn: texts with their boxes, cells, curves and bars.

Lengths are in inches from the upper left corner, colours are red, green and blue from 0 to 255. Laws of these hold on
every version of matplotlib, where bytes hold on one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle

from attnviz.views.figure import sheet
from attnviz.views.figure.canvas import Cells

_HAIR = 0.5 / 72  # half a point: less is no overlap that anyone sees


class Box(NamedTuple):
    """A rectangle."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether the two share more than a hair."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > _HAIR and down > _HAIR


@dataclass
class Drawing:
    """A picture as it was drawn."""

    width: float
    height: float
    texts: list[tuple[str, Box]] = field(default_factory=list)
    corners: list[np.ndarray] = field(default_factory=list)
    matrices: list[np.ndarray] = field(default_factory=list)
    curves: list[tuple[Box, float]] = field(default_factory=list)
    shapes: list[tuple[Box, tuple[int, ...] | None]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The texts alone."""
        return [text for text, _ in self.texts]

    def assert_whole(self):
        """Check that all is inside the canvas and that no text lies over another."""
        boxes = [box for _, box in self.texts] + [box for box, _ in (*self.curves, *self.shapes)]
        for box in boxes:
            assert box.left >= -_HAIR, (box, self.width)
            assert box.top >= -_HAIR, (box, self.height)
            assert box.right <= self.width + _HAIR, (box, self.width)
            assert box.bottom <= self.height + _HAIR, (box, self.height)
        near = [(a, b) for a, b in combinations(range(len(boxes[: len(self.texts)])), 2) if boxes[a].overlaps(boxes[b])]
        over = [(self.texts[a], self.texts[b]) for a, b in near if _touch(self.corners[a], self.corners[b])]
        assert over == []


def draw(render, *arguments) -> Drawing:
    """Call a function that renders pictures, and return what it drew."""
    drawings: list[Drawing] = []
    write = RendererAgg.draw_text

    def read(figure, *_, **__):
        drawing = Drawing(*map(float, figure.get_size_inches()))

        def noted(renderer, gc, x, y, words, prop, angle, *rest, **options):
            write(renderer, gc, x, y, words, prop, angle, *rest, **options)
            corners = _corners(renderer, x, y, words, prop, angle) / figure.dpi
            if not words.strip() or _again(drawing, words, corners):
                return
            drawing.corners.append(corners)
            drawing.texts.append((words, Box(*corners.min(axis=0), *corners.max(axis=0))))

        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(RendererAgg, "draw_text", noted)
            figure.canvas.draw()
        for axes in figure.axes:
            for artist in axes.get_children():
                _read(figure, axes, artist, drawing)
        drawings.append(drawing)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", read)
        patch.setattr(sheet, "_png", lambda drawn: read(drawn.figure) or b"")
        render(*arguments)
    (drawing,) = drawings
    return drawing


def _read(figure, axes, artist, drawing):
    """Note what is neither text nor frame."""
    if isinstance(artist, Cells):
        drawing.matrices.append(artist.colors)
    elif isinstance(artist, AxesImage):
        drawing.matrices.append(np.asarray(artist.get_array()))
    elif isinstance(artist, PathCollection):
        for path, width in zip(artist.get_paths(), artist.get_linewidths(), strict=True):
            drawing.curves.append((_box(figure, path.get_extents(axes.transData)), float(width)))
    elif isinstance(artist, PathPatch | Rectangle) and artist is not axes.patch:
        color = tuple(round(255 * part) for part in artist.get_facecolor()[:3]) if artist.get_fill() else None
        drawing.shapes.append((_box(figure, artist.get_window_extent()), color))
    elif isinstance(artist, Line2D) and len(artist.get_xdata()):
        drawing.lines.append(len(artist.get_xdata()))


def _corners(renderer, x, y, words, prop, angle):
    """Return the corners of the ink of a text in pixels [4, 2], turned as the text is; (x, y) is where it begins."""
    width, height, descent = renderer.get_text_width_height_descent(words, prop, False)
    corners = np.array([[0, descent - height], [width, descent - height], [width, descent], [0, descent]], dtype=float)
    turn = np.radians(-angle)
    return np.array([x, y]) + corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _again(drawing, words, corners):
    """Whether it is the second stroke of a semibold text."""
    last = drawing.texts[-1][0] if drawing.texts else None
    return last == words and np.abs(drawing.corners[-1] - corners).max() < 2 * _HAIR


def _touch(a, b):
    """Whether two turned boxes share more than a hair: no side of either parts them (separating axes)."""
    for corners in (a, b):
        for side in np.diff(corners[:3], axis=0):
            normal = np.array([-side[1], side[0]]) / max(np.hypot(*side), 1e-9)
            one, other = a @ normal, b @ normal
            if min(one.max(), other.max()) - max(one.min(), other.min()) <= _HAIR:
                return False
    return True


def _box(figure, extent) -> Box:
    """Return an extent in pixels from the lower left corner as a box."""
    dpi, height = figure.dpi, float(figure.get_size_inches()[1])
    return Box(extent.x0 / dpi, height - extent.y1 / dpi, extent.x1 / dpi, height - extent.y0 / dpi)
