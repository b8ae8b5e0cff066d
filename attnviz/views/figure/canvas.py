"""A sheet measured in inches from its upper left corner: one pair of axes without ticks, on which all is drawn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from attnviz.views.prepared.style import Theme

_MOST_QUADS = 2500


class Curve(NamedTuple):
    """A cubic Bezier curve from the first of four points to the last; width in points, color red, green and blue."""

    points: list[tuple[float, float]]
    width: float
    color: tuple[float, float, float]
    alpha: float


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
        self, x: float, y: float, words: str, size: float, *, color: Any = None, full: str | None = None, **style: Any
    ) -> None:
        """Write words that by default begin at (x, y), on that baseline. full: what they stand for, if shortened."""
        color = self.theme.ink if color is None else color
        artist = self.axes.text(x, y, words, size=size, color=color, parse_math=False, **style)
        if full is not None and full != words:
            name = f"attnviz-{len(self.titles)}"
            artist.set_gid(name)
            self.titles[name] = full

    def cells(self, x: float, y: float, width: float, height: float, colors: NDArray[np.uint8]) -> None:
        """Draw a matrix of colours [rows, columns, 3] in this rectangle: shapes, or an image where they are many."""
        rows, columns = colors.shape[:2]
        if rows * columns <= _MOST_QUADS:
            across, down = np.linspace(x, x + width, columns + 1), np.linspace(y, y + height, rows + 1)
            self.axes.pcolormesh(across, down, colors, rasterized=False)
        else:
            extent = (x, x + width, y + height, y)
            self.axes.imshow(colors, extent=extent, aspect="auto", interpolation="nearest", origin="upper")

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
            edgecolors=[(*curve.color, curve.alpha) for curve in curves],
            linewidths=[curve.width for curve in curves],
        )
        self.axes.add_collection(drawn, autolim=False)


def _box(x: float, y: float, width: float, height: float) -> Path:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return Path(corners, [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY])


def _stretches(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the runs of True in the row as [start, end) pairs."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]
