"""Pictures: the prepared panels as heatmaps in a grid, with one colour bar a scale, as PNG, SVG or PDF bytes.

matplotlib is used through Figure and the Agg canvas, never pyplot: no display, no global state. Everything is placed
in inches here; a layout engine would draw the picture twice.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from wcwidth import iter_graphemes, wcswidth

from attnviz.messages import Message, message
from attnviz.render.labels import shorten, visible
from attnviz.render.lines import pieces
from attnviz.render.prepare import FORBIDDEN, Panel, Prepared
from attnviz.render.scale import Scale, color_at, ink_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

_DPI = 200
_POINT = 1 / 72
_LABEL_SIZE, _TITLE_SIZE, _CAPTION_SIZE = 10.0, 11.0, 8.0
_LARGEST_CELL, _LARGEST_PANEL = 0.6, 8.0
_MOST_LABEL_CELLS = 18
_WIDEST_GRID = 16.0  # the cells of all panels side by side
_NARROWEST = 4.8
_GAP = 0.3
_PANEL_CAPTION = 0.2
_BAR = 0.85  # the colour bar with its numbers
_MOST_ANNOTATED = 14
_MOST_LABELS = 80


def render_figure(prepared: Prepared, form: str) -> tuple[bytes, tuple[Message, ...]]:
    """The panels as a picture in `form` (png, svg or pdf), and what the reader should know about its glyphs.

    The same input gives the same bytes. A character that neither font has is drawn as its code point.
    """
    with drawing_settings() as notes:
        drawing = _Drawing(prepared)
        return picture(drawing.draw, drawing.width, drawing.height, form), (*notes, *drawing.notes)


@contextmanager
def drawing_settings() -> Iterator[tuple[Message, ...]]:
    """What every picture of the project is drawn with; gives what the reader should know about its fonts."""
    import matplotlib

    families, notes = _fonts()
    settings: dict[str, Any] = {
        "font.family": families, "svg.hashsalt": "attnviz", "svg.fonttype": "path", "axes.unicode_minus": False,
        "text.usetex": False, "text.parse_math": False, "hatch.linewidth": 0.4, "path.simplify": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        yield notes


def picture(draw: Callable[[Figure], None], width: float, height: float, form: str) -> bytes:
    """The bytes of a figure of width x height inches, in `form`, once `draw` has drawn it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    draw(figure)
    stream = io.BytesIO()
    metadata: dict[str, dict[str, Any]] = {
        "png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None},
    }  # fmt: skip
    figure.savefig(stream, format=form, metadata=metadata[form])
    return stream.getvalue()


def drawable(text: str, lacking: dict[str, None]) -> str:
    """The text with each cluster that no font has as its code points, which are noted in `lacking`."""
    drawn = []
    for cluster in iter_graphemes(visible(text, "picture")):
        missing = not all(_has_glyph(letter) for letter in cluster if letter not in "\u200c\u200d\ufe0e\ufe0f")
        named = " ".join(f"U+{ord(letter):04X}" for letter in cluster)
        if missing:
            lacking[named] = None
        drawn.append(named if missing else cluster)
    return "".join(drawn)


def lacking_notes(lacking: dict[str, None]) -> tuple[Message, ...]:
    """One note for all the characters that no font has."""
    if not lacking:
        return ()
    return (message("No font here has {characters}: drawn as code points.", characters=" ".join(lacking)),)


class _Drawing:
    """Where everything goes, in inches; then drawn."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.lacking: dict[str, None] = {}
        self.panels = [(panel, *self._labels(panel)) for panel in prepared.panels]
        self.titles = [self._drawable(_words(panel.title)) for panel in prepared.panels]
        self.captions = [self._drawable(_words(panel.caption)) for panel in prepared.panels]
        self.across = prepared.across if prepared.across > 1 else int(np.ceil(np.sqrt(len(prepared.panels))))
        self.down = -(-len(self.panels) // self.across)
        longest = max(max(panel.values.shape) for panel in prepared.panels)
        self.cell = min(_LARGEST_CELL, _LARGEST_PANEL / longest, _WIDEST_GRID / (longest * self.across))
        self.texts = [panel.texts(prepared.digits) for panel in prepared.panels] if self._annotated() else None
        self.upright = all(
            text_inches(label, _LABEL_SIZE) < 0.95 * self.cell for _, _, columns in self.panels for label in columns
        )
        self.left = 0.25 + max(text_inches(label, _LABEL_SIZE) for _, rows, _ in self.panels for label in rows)
        self.tall = max(text_inches(label, _LABEL_SIZE) for _, _, columns in self.panels for label in columns)
        self.title_room = 0.3 if any(self.titles) else 0.1
        self.head_room = self.title_room + 0.12 + (1.4 * _LABEL_SIZE * _POINT if self.upright else self.tall)
        self._measure()

    def _annotated(self) -> bool:
        return all(max(panel.values.shape) <= _MOST_ANNOTATED for panel in self.prepared.panels) and self.cell >= 0.4

    def _measure(self) -> None:
        columns = max(panel.values.shape[1] for panel, _, _ in self.panels)
        rows = max(panel.values.shape[0] for panel, _, _ in self.panels)
        self.block = (self.left + columns * self.cell + _GAP, self.head_room + rows * self.cell + _GAP)
        words = [
            *(text_inches(title, _TITLE_SIZE) for title in self.titles),
            *(text_inches(caption, _CAPTION_SIZE) for caption in self.captions),
        ]
        below = _PANEL_CAPTION if any(self.captions) else 0.0
        self.block = (max(self.block[0], self.left + max(words) + _GAP), self.block[1] + below)
        self.scales = list(dict.fromkeys(panel.scale for panel, _, _ in self.panels))
        self.grid_width = self.across * self.block[0]
        self.width = max(_NARROWEST, self.grid_width + _BAR * len(self.scales) + 0.2)
        self.heading = self._drawable(_words(self.prepared.heading))
        caption = [self._drawable(part.localized()) for part in self.prepared.caption]
        self.lines = wrap_words(caption, " · ", self.width - 0.4)
        for note in self.prepared.notes:
            self.lines += wrap_words(pieces(self._drawable(note.localized())), "", self.width - 0.4)
        self.foot = 0.2 + len(self.lines) * 1.5 * _CAPTION_SIZE * _POINT
        self.top = 0.42 if self.heading else 0.15
        self.height = self.top + self.down * self.block[1] + self.foot

    @property
    def notes(self) -> tuple[Message, ...]:
        """One note for all the characters that no font has."""
        return lacking_notes(self.lacking)

    def _labels(self, panel: Panel) -> tuple[list[str], list[str]]:
        shortened = (
            [shorten(self._drawable(label), _MOST_LABEL_CELLS, _cells) for label in labels]
            for labels in (panel.rows, panel.columns)
        )
        rows, columns = shortened
        return rows, columns

    def _drawable(self, text: str) -> str:
        return drawable(text, self.lacking)

    def draw(self, figure: Figure) -> None:
        if self.heading:
            self._text(figure, 0.2, 0.14, self.heading, size=_TITLE_SIZE)
        left = max(0.0, (self.width - self.grid_width - _BAR * len(self.scales) - 0.2) / 2)
        for i, (panel, rows, columns) in enumerate(self.panels):
            x = left + (i % self.across) * self.block[0]
            y = self.top + (i // self.across) * self.block[1]
            if self.titles[i]:
                self._text(figure, x + self.left, y, self.titles[i], size=_TITLE_SIZE)
            texts = None if self.texts is None else self.texts[i]
            self._heatmap(figure, x + self.left, y + self.head_room, panel, rows, columns, texts)
            if self.captions[i]:
                foot = y + self.head_room + len(rows) * self.cell + 0.06
                self._text(figure, x + self.left, foot, self.captions[i], size=_CAPTION_SIZE, color="0.35")
        for k, scale in enumerate(self.scales):
            self._color_bar(figure, left + self.grid_width + k * _BAR, scale)
        for k, line in enumerate(self.lines):
            y = self.height - self.foot + 0.08 + k * 1.5 * _CAPTION_SIZE * _POINT
            self._text(figure, 0.2, y, line, size=_CAPTION_SIZE, color="0.35")

    def _text(self, figure: Figure, x: float, y: float, words: str, **style: Any) -> None:
        figure.text(x / self.width, 1 - y / self.height, words, va="top", parse_math=False, **style)

    def _axes(self, figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        return figure.add_axes(box)

    def _heatmap(
        self, figure: Figure, x: float, y: float, panel: Panel, rows: list[str], columns: list[str],
        texts: list[list[str]] | None,
    ) -> None:  # fmt: skip
        n_rows, n_columns = panel.values.shape
        axes = self._axes(figure, x, y, n_columns * self.cell, n_rows * self.cell)
        places = panel.places()
        palette = panel.scale.palette()
        colors = np.asarray(palette, dtype=np.uint8)[np.rint(places * 255).astype(int)]
        if panel.forbidden is not None:
            colors[panel.forbidden] = 255
        if n_rows * n_columns <= 2500:
            axes.pcolormesh(np.arange(n_columns + 1) - 0.5, np.arange(n_rows + 1) - 0.5, colors, rasterized=False)
            axes.set(xlim=(-0.5, n_columns - 0.5), ylim=(n_rows - 0.5, -0.5))
            self._hatch(axes, panel)
        else:
            axes.imshow(colors, aspect="auto", interpolation="nearest")
        self._ticks(axes, rows, columns)
        if texts is not None:
            self._numbers(axes, texts, places, palette)

    def _hatch(self, axes: Axes, panel: Panel) -> None:
        from matplotlib.patches import Rectangle

        if panel.forbidden is not None:
            for i, j in np.argwhere(panel.forbidden):
                axes.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, hatch="////", edgecolor="0.75", lw=0))

    def _ticks(self, axes: Axes, rows: list[str], columns: list[str]) -> None:
        room = min(_MOST_LABELS, int(self.cell * max(len(rows), len(columns)) / (1.25 * _LABEL_SIZE * _POINT)) or 1)
        step_rows, step_columns = -(-len(rows) // room), -(-len(columns) // room)
        axes.tick_params(
            length=0, pad=3, labelsize=_LABEL_SIZE, top=True, labeltop=True, bottom=False, labelbottom=False
        )
        axes.set_yticks(range(0, len(rows), step_rows), rows[::step_rows], parse_math=False)
        axes.set_xticks(range(0, len(columns), step_columns), columns[::step_columns], parse_math=False)
        if not self.upright:
            for label in axes.get_xticklabels():
                label.set(rotation=90, va="bottom", ha="center")
        for spine in axes.spines.values():
            spine.set_visible(False)

    def _numbers(self, axes: Axes, texts: list[list[str]], places: Any, palette: Any) -> None:
        widest = max(len(text) for row in texts for text in row)
        size = min(9.0, 0.8 * self.cell / (0.62 * widest * _POINT))
        for i, row in enumerate(texts):
            for j, text in enumerate(row):
                if text != FORBIDDEN:
                    ink = tuple(part / 255 for part in ink_on(color_at(palette, float(places[i, j]))))
                    axes.text(j, i, text, ha="center", va="center", size=size, color=ink, parse_math=False)

    def _color_bar(self, figure: Figure, x: float, scale: Scale) -> None:
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import ListedColormap, Normalize

        room = self.down * self.block[1] - self.head_room - _GAP
        height = min(room, 3.0)
        axes = self._axes(figure, x + 0.1, self.top + self.head_room, 0.14, height)
        low, high = (scale.low, scale.high) if scale.high > scale.low else (scale.low - 1, scale.high + 1)
        colors = ListedColormap([tuple(part / 255 for part in color) for color in scale.palette()])
        bar = figure.colorbar(ScalarMappable(Normalize(low, high), colors), cax=axes)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=_CAPTION_SIZE, length=2)
        bar.ax.locator_params(nbins=5)


def _words(words: Message | None) -> str:
    return "" if words is None else words.localized()


def _cells(text: str) -> int:
    return max(wcswidth(text), 0) or len(text)


def text_inches(text: str, size: float) -> float:
    """About how wide the text is drawn; a narrow cell is counted as .62 em, a wide one as 1 em."""
    wide = max(_cells(text) - len(text), 0)
    return (0.62 * (_cells(text) - 2 * wide) + 1.0 * wide) * size * _POINT


def wrap_words(parts: list[str], glue: str, width: float) -> list[str]:
    """The parts joined by `glue` in lines of at most `width` inches; a part is never cut."""
    lines: list[str] = []
    for part in parts:
        if lines and text_inches((lines[-1] + glue + part).rstrip(), _CAPTION_SIZE) <= width:
            lines[-1] += glue + part
        else:
            lines.append(part)
    return [line.rstrip() for line in lines]


@cache
def _fonts() -> tuple[list[str], tuple[Message, ...]]:
    """The font families to draw with, and a note where the Chinese one is missing.

    The font comes as a file from its package: searching the system's fonts misses newly installed ones.
    """
    from matplotlib.font_manager import fontManager

    try:
        from noto_cjk_sans_otc import FONT_PATH

        fontManager.addfont(str(FONT_PATH))
    except (ImportError, OSError):
        return ["DejaVu Sans"], (
            message("The package noto-cjk-sans-otc is missing: Chinese labels are drawn as code points."),
        )
    return ["DejaVu Sans", "Noto Sans CJK SC"], ()


@cache
def _faces() -> tuple[Any, ...]:
    from matplotlib.font_manager import FontProperties, fontManager, get_font

    return tuple(get_font(fontManager.findfont(FontProperties(family=[family]))) for family in _fonts()[0])


@cache
def _has_glyph(letter: str) -> bool:
    return any(face.get_char_index(ord(letter)) for face in _faces())
