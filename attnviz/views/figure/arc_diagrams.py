"""One diagram of arcs: words on a line with curves over and under it, or in a column with curves on both sides.

Words of two texts stand on two lines, or in two columns, with curves between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from attnviz.views.figure.canvas import Curve
from attnviz.views.figure.fonts import POINT
from attnviz.views.figure.layout import Label, PictureContext
from attnviz.views.figure.reading_order import visual_order
from attnviz.views.prepared.alt_text import Edge

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

SPACE, TIGHT = 0.9, 0.45  # between words on a line, in the letters' size: as is usual, and the least
_THICKEST, _THICKEST_LOOP, _THINNEST = 6.0, 2.0, 0.4  # points
_FAINTEST = 0.12
_CLEAR = (_THICKEST / 2 + 1.2) * POINT  # from a word to where its arcs begin, so that their round ends do not touch it
_APART = 0.55  # inches between the middles of words where there is room, for labels of 10 points
_LETTERS, _BASELINE = 1.2, 0.92  # how high a line of words is, and where its baseline lies, in the letters' size
_PITCH = 1.5  # from one word of a column to the next, in the letters' size
_STEEPEST = 0.62  # how high an arc rises at most, as a share of its span: higher ones look pinched
_LEAST_SIDE = 0.35  # inches: the least that arcs beside a column reach
_BESIDE = 0.05  # inches between the arcs of two heads that are drawn over each other


@dataclass(frozen=True)
class DrawnEdge:
    """An edge, its colour before it fades, and how many heads to the right its own is drawn."""

    edge: Edge
    color: tuple[float, float, float]
    beside: float = 0.0


@dataclass(frozen=True)
class ArcPanel:
    """What one diagram shows.

    cross: whether the words that are looked at are others than those that look. edges: the weakest first. heads: how
    many are drawn over each other. asking: the rows that alone look, whose words stand out.
    """

    rows: Sequence[Label]
    columns: Sequence[Label]
    cross: bool
    edges: Sequence[DrawnEdge]
    heads: int = 1
    asking: frozenset[int] = frozenset()

    @property
    def sides(self) -> tuple[Sequence[Label], ...]:
        """The words of each line or column: of those that look, and in cross-attention of those that are looked at."""
        return (self.rows, self.columns) if self.cross else (self.rows,)


class _Diagram:
    """What both arrangements share: the widths of words, how curves fade, and how words are written."""

    def __init__(self, context: PictureContext, panel: ArcPanel) -> None:
        self.context, self.panel = context, panel
        self._widths = [[context.fonts.width(label.text, 1.0) for label in side] for side in panel.sides]
        self.size = self.width = self.height = self.reach = 0.0
        self.above = 0.0  # what arcs take above the words of a line

    def _curve(self, points: list[tuple[float, float]], one: DrawnEdge) -> Curve:
        edge, share = one.edge, one.edge.share
        most = _THICKEST_LOOP if edge.row == edge.column and not self.panel.cross else _THICKEST
        color = self.context.colors.faded(one.color, _FAINTEST + (1 - _FAINTEST) * share)
        return Curve(points, max(_THINNEST, most * share), color)

    def _write(self, canvas: Canvas, places: Sequence[tuple[float, float]], side: int, align: str = "center") -> None:
        for k, (label, (x, y)) in enumerate(zip(self.panel.sides[side], places, strict=True)):
            semibold = side == 0 and k in self.panel.asking
            canvas.text(x, y, label.text, self.size, full=label.full, ha=align, semibold=semibold)

    def _rise(self, span: float, longest: float) -> float:
        """Return how far an arc reaches: with the root of its span, so that long ones fit the page."""
        least = 0.8 * self.size * POINT
        return max(least, min(_STEEPEST * span, self.reach * float((span / max(longest, 1e-6)) ** 0.6)))


class LineDiagram(_Diagram):
    """Words on a line: above it those look that look to the right or at themselves, below it those to the left."""

    def length(self, size: float, spacing: float = SPACE) -> float:
        """Return how long the longest line is with such spaces, in inches."""
        return max(sum(widths) * size + spacing * size * POINT * (len(widths) - 1) for widths in self._widths)

    def spread(self, size: float) -> float:
        """Return how long the longest line is where there is room for round arcs between short words, in inches."""
        return max(sum(widths) * size + sum(self._wide_gaps(widths, size)) for widths in self._widths)

    def _wide_gaps(self, widths: Sequence[float], size: float) -> list[float]:
        apart = _APART * self.context.theme.label / 10
        return [max(SPACE * size * POINT, apart - (a + b) * size / 2) for a, b in pairwise(widths)]

    def place(self, size: float, room: float, reach: float) -> None:
        """Place the words on lines of at most `room` inches; arcs rise `reach` inches at most."""
        self.size, self.reach = size, reach
        placed = [self._place(widths, room) for widths in self._widths]
        self._middles = [
            self._in_order(starts, [width * size for width in widths], side)
            for starts, widths, side in zip(placed, self._widths, self.panel.sides, strict=True)
        ]
        self.width = max(starts[-1] + widths[-1] * size for starts, widths in zip(placed, self._widths, strict=True))
        flat = [middle for middles in self._middles for middle in middles]
        closest = min((abs(b - a) for middles in self._middles for a, b in pairwise(middles)), default=max(flat))
        self._beside = min(_BESIDE, 0.5 * closest / max(self.panel.heads - 1, 1))
        self._words = _LETTERS * size * POINT
        self.above, below = (0.0, 0.0) if self.panel.cross else self._heights()
        between = 2 * _CLEAR + reach if self.panel.cross else 0.0
        self.height = self.above + between + self._words * len(self.panel.sides) + below

    def _place(self, widths: Sequence[float], room: float) -> list[float]:
        """Return where each word begins: the gaps are as wide as the room allows."""
        size = self.size
        wide = self._wide_gaps(widths, size)
        tight = [TIGHT * size * POINT] * len(wide)
        free, wanted = room - sum(widths) * size - sum(tight), sum(wide) - sum(tight)
        share = min(1.0, max(0.0, free / wanted)) if wanted > 0 else 0.0
        steps = [
            width * size + near + share * (far - near)
            for width, near, far in zip(widths[:-1], tight, wide, strict=True)
        ]
        return [0.0, *accumulate(steps)]

    @staticmethod
    def _in_order(starts: list[float], widths: list[float], labels: Sequence[Label]) -> list[float]:
        """Return the words' middles, from right to left where the text begins so."""
        (line,) = visual_order(
            [[(start, k) for k, start in enumerate(starts)]], [label.full for label in labels], widths.__getitem__
        )
        found = {k: start + widths[k] / 2 for start, k in line}
        return [found[k] for k in range(len(widths))]

    def _heights(self) -> tuple[float, float]:
        """Return how much room arcs above the line take, and those below it, in inches."""
        rises: tuple[list[float], list[float]] = ([], [])
        for one in self.panel.edges:
            rises[self._to_left(one.edge)].append(self._height_of(one.edge))
        above, below = (max(side, default=0.0) for side in rises)
        return above + _CLEAR, below + _CLEAR

    def _to_left(self, edge: Edge) -> bool:
        return self._middles[0][edge.column] < self._middles[0][edge.row]

    def _height_of(self, edge: Edge) -> float:
        if edge.row == edge.column:
            return 0.8 * self.size * POINT
        (middles,) = self._middles
        return self._rise(abs(middles[edge.column] - middles[edge.row]), max(middles) - min(middles))

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the curves, then the words over them."""
        first = y + self.above
        second = first + self._words + 2 * _CLEAR + self.reach
        points = self._points_between if self.panel.cross else self._points_beside
        top = first + self._words + _CLEAR if self.panel.cross else first
        canvas.curves([self._curve(points(one, x, top), one) for one in self.panel.edges])
        for side, line in enumerate((first, second)[: len(self._middles)]):
            baseline = line + _BASELINE * self.size * POINT
            self._write(canvas, [(x + middle, baseline) for middle in self._middles[side]], side)

    def _points_beside(self, one: DrawnEdge, x: float, y: float) -> list[tuple[float, float]]:
        edge, (middles,) = one.edge, self._middles
        shift = x + one.beside * self._beside
        start, end = shift + middles[edge.row], shift + middles[edge.column]
        if edge.row == edge.column:  # a small closed loop
            base, wide = y - _CLEAR / 2, 0.75 * self.size * POINT
            peak = base - self._height_of(edge) * 4 / 3
            return [(start, base), (start - wide, peak), (start + wide, peak), (start, base)]
        base, way = (y + self._words + _CLEAR, 1) if self._to_left(edge) else (y - _CLEAR, -1)
        peak = base + way * (self._height_of(edge) - 0.5 * _CLEAR) * 4 / 3
        return [(start, base), (start, peak), (end, peak), (end, base)]

    def _points_between(self, one: DrawnEdge, x: float, y: float) -> list[tuple[float, float]]:
        shift, middle = x + one.beside * self._beside, y + self.reach / 2
        start, end = shift + self._middles[0][one.edge.row], shift + self._middles[1][one.edge.column]
        return [(start, y), (start, middle), (end, middle), (end, y + self.reach)]


class ColumnDiagram(_Diagram):
    """Words below each other: on the right those look that look down or at themselves, on the left those up."""

    def least_width(self, size: float) -> float:
        """Return the least width that the diagram can have, in inches."""
        words = sum(max(widths) * size for widths in self._widths)
        return words + 2 * (_CLEAR + _LEAST_SIDE)

    @property
    def lines(self) -> int:
        """The number of words below each other."""
        return max(map(len, self._widths))

    def place(self, size: float, room: float, reach: float) -> None:
        """Place the words in columns; arcs reach at most `reach` inches to a side, and all is `room` wide at most."""
        self.size = size
        self.height = self.lines * _PITCH * size * POINT
        words = sum(max(widths) * size for widths in self._widths)
        free = room - words - 2 * _CLEAR
        if self.panel.cross:
            self.reach = self._left = min(free, 2 * reach)
            self.width = words + 2 * _CLEAR + self.reach
        else:
            edges, loop = [one.edge for one in self.panel.edges], 1.2 * size * POINT
            used = [any(edge.column < edge.row for edge in edges), any(edge.column > edge.row for edge in edges)]
            self.reach = min(reach, (free - loop * (2 - sum(used))) / max(sum(used), 1))
            self._left, right = (self.reach if side else loop for side in used)
            self.width = words + 2 * _CLEAR + self._left + right
        self._beside = min(_BESIDE, 0.4 * _PITCH * size * POINT / max(self.panel.heads - 1, 1))

    @property
    def pitch(self) -> float:
        """How far it is from one word to the next, in inches."""
        return _PITCH * self.size * POINT

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the curves, then the words over them."""
        points = self._points_between if self.panel.cross else self._points_beside
        canvas.curves([self._curve(points(one, x, y), one) for one in self.panel.edges])
        places = (x + self._longest(0), x + self.width - self._longest(1)) if self.panel.cross else (x + self._middle,)
        aligned = ("right", "left") if self.panel.cross else ("center",)
        for side, (at, align) in enumerate(zip(places, aligned, strict=True)):
            lines = range(len(self._widths[side]))
            down = [y + k * self.pitch + (_BASELINE + 0.15) * self.size * POINT for k in lines]
            self._write(canvas, [(at, baseline) for baseline in down], side, align)

    @property
    def _middle(self) -> float:
        return self._left + _CLEAR + self._longest(0) / 2

    def _longest(self, side: int) -> float:
        return max(self._widths[side]) * self.size

    def _points_beside(self, one: DrawnEdge, x: float, y: float) -> list[tuple[float, float]]:
        edge, shift = one.edge, y + one.beside * self._beside
        way = -1 if edge.column < edge.row else 1
        middle, (widths,) = x + self._middle, self._widths
        (start, down), (end, to) = (
            (middle + way * (widths[k] * self.size / 2 + _CLEAR), shift + (k + 0.5) * self.pitch)
            for k in (edge.row, edge.column)
        )
        if edge.row == edge.column:  # a small closed loop
            start -= _CLEAR / 2
            wide = 0.6 * self.size * POINT
            far = start + 0.8 * self.size * POINT * 4 / 3
            return [(start, down), (far, down - wide), (far, down + wide), (start, down)]
        rise = self._rise(abs(to - down), (self.lines - 1) * self.pitch)
        far = middle + way * (self._longest(0) / 2 + _CLEAR + rise * 4 / 3)
        return [(start, down), (far, down), (far, to), (end, to)]

    def _points_between(self, one: DrawnEdge, x: float, y: float) -> list[tuple[float, float]]:
        shift = y + one.beside * self._beside
        left = x + self._longest(0) + _CLEAR
        right = x + self.width - self._longest(1) - _CLEAR
        down, to = (shift + (k + 0.5) * self.pitch for k in (one.edge.row, one.edge.column))
        return [(left, down), ((left + right) / 2, down), ((left + right) / 2, to), (right, to)]
