"""A sheet measured in inches from its upper left corner: one pair of axes without ticks, on which all is drawn."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.text import Text
from numpy.typing import NDArray

from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.svg import SEMIBOLD
from attnviz.views.prepared.style import Theme

_MOST_QUADS = 2500
_CELL_DPI = 90
HEAVIER = 0.035  # of the letters' size: how far the second stroke of a semibold letter stands from the first


_MIDDLE = 0.37  # of the letters' size: how far below the middle of digits and capitals their baseline is


class NotebookFigure(Figure):
    """A Figure that a notebook shows at the end of a cell without pyplot."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=_CELL_DPI)
        return stream.getvalue()


class Curve(NamedTuple):
    """A cubic Bezier curve from the first of four points to the last; width in points, color red, green and blue."""

    points: list[tuple[float, float]]
    width: float
    color: tuple[float, float, float]


class Cells(PolyCollection):
    """A matrix of colours as cells, each of which reaches under the next ones to the right and below.

    Cells that only touch let the ground shine through as hairlines, in whatever draws a PDF or an SVG with smooth
    edges. What reaches under another is a wedge, so that no edge is drawn twice: that would tint the pixels along it
    with the colour of a third cell. colors: uint8 [rows, columns, 3].
    """

    def __init__(self, x: float, y: float, width: float, height: float, colors: NDArray[np.uint8]) -> None:
        rows, columns = colors.shape[:2]
        size, start = np.array([width / columns, height / rows]), np.array([x, y])
        shapes = [
            start + size * ((j, i) + _CELL_SHAPES[j < columns - 1, i < rows - 1])
            for i in range(rows)
            for j in range(columns)
        ]
        super().__init__(shapes, facecolors=colors.reshape(-1, 3) / 255, edgecolors="none", linewidths=0)
        self.set_snap(True)  # in a PNG edges stay sharp, as those of plain rectangles are
        self.colors = colors


# The corners of a cell from its upper left one, by whether others follow to its right and below it.
_CELL_SHAPES = {
    (True, True): np.array([(0, 0), (1, 0), (2, 2), (0, 1)]),
    (True, False): np.array([(0, 0), (1, 0), (1.5, 0.5), (1, 1), (0, 1)]),
    (False, True): np.array([(0, 0), (1, 0), (1, 1), (0.5, 1.5), (0, 1)]),
    (False, False): np.array([(0, 0), (1, 0), (1, 1), (0, 1)]),
}


class SemiboldText(Text):
    """Text in which each letter is drawn twice, a little apart: the font package has no bold face.

    once: its font itself has heavier letters now.
    """

    once = False

    def draw(self, renderer: Any) -> None:
        if rcParams["svg.fonttype"] == "none":  # describe_svg makes the text itself heavier
            self.set_gid(f"{SEMIBOLD}{self.get_gid() or ''}")
            super().draw(renderer)
            return
        if self.once:
            super().draw(renderer)
            return
        twice: Any = _TwiceRenderer(renderer, HEAVIER * renderer.points_to_pixels(self.get_fontsize()))
        super().draw(twice)


class _TwiceRenderer:
    """A renderer that draws text twice, the second time a little to the right."""

    def __init__(self, renderer: Any, distance: float) -> None:
        self._renderer, self._distance = renderer, distance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._renderer, name)

    def draw_text(self, gc: Any, x: float, y: float, *rest: Any, **named: Any) -> None:
        self._renderer.draw_text(gc, x, y, *rest, **named)
        self._renderer.draw_text(gc, x + self._distance, y, *rest, **named)


class Canvas:
    """What the kinds of pictures draw with, on axes that are `width` by `height` inches.

    `titles` holds the full text of what was shortened, by the artist's id.
    """

    def __init__(self, axes: Axes, width: float, height: float, theme: Theme) -> None:
        self.axes, self.width, self.height, self.theme = axes, width, height, theme
        self.axes.set_axis_off()
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0), autoscale_on=False)
        self.titles: dict[str, str] = {}

    @classmethod
    def over(cls, figure: Figure, theme: Theme) -> Canvas:
        """Return a canvas that covers the whole figure."""
        width, height = (float(length) for length in figure.get_size_inches())
        return cls(figure.add_axes((0.0, 0.0, 1.0, 1.0)), width, height, theme)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        *,
        color: Any = None,
        full: str | None = None,
        semibold: bool = False,
        middle: bool = False,
        **style: Any,
    ) -> None:
        """Write words that by default begin at (x, y), on that baseline.

        full: what they stand for, if shortened. middle: whether y is where the middle of digits and capitals comes.
        """
        y += _MIDDLE * size * POINT if middle else 0.0
        color = self.theme.ink if color is None else color
        if semibold:
            artist: Text = write_semibold(self.axes, x, y, words, size=size, color=color, parse_math=False, **style)
        else:
            artist = self.axes.text(x, y, words, size=size, color=color, parse_math=False, **style)
        if full is not None and full != words:
            name = f"attnviz-{len(self.titles)}"
            artist.set_gid(name)
            self.titles[name] = full

    def cells(self, x: float, y: float, width: float, height: float, colors: NDArray[np.uint8]) -> None:
        """Draw a matrix of colours [rows, columns, 3] in this rectangle: shapes, or an image where they are many."""
        rows, columns = colors.shape[:2]
        if rows * columns <= _MOST_QUADS:
            self.axes.add_collection(Cells(x, y, width, height, colors), autolim=False)
        else:
            extent = (x, x + width, y + height, y)
            self.axes.imshow(colors, extent=extent, aspect="auto", interpolation="nearest", origin="upper")

    def image(self, x: float, y: float, width: float, height: float, pixels: NDArray[np.uint8]) -> None:
        """Draw pixels [rows, columns, 3] in this rectangle, smoothed."""
        extent = (x, x + width, y + height, y)
        self.axes.imshow(pixels, extent=extent, aspect="auto", interpolation="antialiased", origin="upper")

    def hatch(self, x: float, y: float, width: float, height: float, cells: NDArray[np.bool_]) -> None:
        """Hatch these cells of a matrix [rows, columns] in this rectangle, as one shape."""
        w, h = width / cells.shape[1], height / cells.shape[0]
        boxes = [
            _box(x + start * w, y + i * h, (end - start) * w, h)
            for i, row in enumerate(cells)
            for start, end in _stretches(row)
        ]
        if boxes:
            shape = Path.make_compound_path(*boxes)
            self.axes.add_patch(PathPatch(shape, fill=False, hatch="////", edgecolor=self.theme.hatch, lw=0))

    def box(self, x: float, y: float, width: float, height: float, color: Any) -> None:
        """Draw a filled rectangle."""
        self.axes.add_patch(PathPatch(_box(x, y, width, height), facecolor=color, edgecolor="none", lw=0))

    def line(self, points: list[tuple[float, float]], width: float, color: Any) -> None:
        """Draw a straight line through these points; width in points."""
        self.axes.add_collection(LineCollection([points], linewidths=width, colors=[color]), autolim=False)

    def curves(self, curves: list[Curve]) -> None:
        """Draw cubic Bezier curves, one over the other, as one artist, since there may be thousands."""
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        drawn = PathCollection(
            [Path(curve.points, codes) for curve in curves],
            facecolors="none",
            capstyle="round",
            edgecolors=[curve.color for curve in curves],
            linewidths=[curve.width for curve in curves],
        )
        self.axes.add_collection(drawn, autolim=False)


def write_semibold(axes: Axes, x: float, y: float, words: str, **style: Any) -> Text:
    """Write words in these axes, at a place in their data, heavier than others."""
    artist = SemiboldText(x, y, words, transform=axes.transData, **style)
    axes.add_artist(artist)
    artist.set_clip_on(False)
    return artist


def _box(x: float, y: float, width: float, height: float) -> Path:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return Path(corners, [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY])


def _stretches(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True in the row as [start, end) pairs."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
