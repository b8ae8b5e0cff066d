"""What a terminal shows, as an SVG that looks the same everywhere.

rich reads the colours of the printed lines. Every letter is drawn by its outline, so that no font is asked for; it
stands in the middle of its one or two cells, so that columns align. Grounds, blocks and bars are rectangles, so that
no gap is between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTCollection, TTFont
from matplotlib import get_data_path
from noto_cjk_sans_otc import FONT_PATH
from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME

CELL, LINE = 100, 200  # units: a cell is half as wide as it is high, so that two blanks, or half a line, are square
_PIXEL, _MARGIN, _BASELINE = 10, 200, 158  # units
_SIZES = {1: CELL / 0.602, 2: 180.0}  # units an em of letters of one cell (DejaVu's advance is .602) and of two
_GROUND, _EDGE, _INK, _BOLD, _DIM = "#14161a", "#2e323a", "#dcdfe4", "#ffffff", "#a0a5ae"

Box = tuple[int, int, int, int]  # left, top, width, height; of a letter: in eighths of its cells
_WHOLE: Box = (0, 0, 8, 8)
_UNDERLINE: Box = (0, 7, 8, 1)
_BLOCKS: dict[str, Box] = {
    **{letter: (0, 8 - n, 8, n) for n, letter in enumerate("▁▂▃▄▅▆▇█", 1)},
    **{letter: (0, 0, n, 8) for n, letter in enumerate("▏▎▍▌▋▊▉", 1)},
    "▀": (0, 0, 8, 4),
}


class Letter(NamedTuple):
    """A letter in its place: the cell it begins in, how many it takes, its colours, and how it is written."""

    text: str
    cell: int
    cells: int
    ink: str
    ground: str | None
    bold: bool
    underlined: bool


def draw_terminal(printed: str, title: str, part: tuple[str, str] | None = None) -> str:
    """Return the SVG of what a command printed with ANSI colours, as wide as its longest line, with its plain text.

    part: only the lines from the one that begins like the first, and before the one that begins like the second.
    Raises ValueError for a letter that no font has, or that is no letter of one or two cells.
    """
    texts = list(AnsiDecoder().decode(printed.rstrip("\n")))
    if part is not None:
        first, last = (next(i for i, text in enumerate(texts) if text.plain.startswith(begin)) for begin in part)
        texts = texts[first : last - 1]
    lines = [list(_letters(text.render(Console()))) for text in texts]
    width = max(line[-1].cell + line[-1].cells for line in lines if line) * CELL + 2 * _MARGIN
    height = len(lines) * LINE + 2 * _MARGIN
    outlines: dict[str, str] = {}
    drawn = [
        f'<g transform="translate({_MARGIN} {_MARGIN + LINE * row})">{_line(line, outlines)}</g>'
        for row, line in enumerate(lines)
        if line
    ]
    plain = "\n".join(text.plain.rstrip() for text in texts)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width // _PIXEL}" height="{height // _PIXEL}"'
            f' viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(title, quote=False)}</title>",
            f"<desc>{escape(plain, quote=False)}</desc>",
            f"<defs>{''.join(outlines.values())}</defs>",
            f'<rect x="5" y="5" width="{width - 10}" height="{height - 10}" rx="80" fill="{_GROUND}" stroke="{_EDGE}"'
            f' stroke-width="{_PIXEL}"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def _letters(segments: Iterable[Segment]) -> Iterator[Letter]:
    cell = 0
    for text, style, _ in segments:
        style = style or Style.null()
        ink = _color(style.color) or (_DIM if style.dim else _BOLD if style.bold else _INK)
        for letter in text.rstrip("\n"):
            cells = cell_len(letter)
            yield Letter(letter, cell, cells, ink, _color(style.bgcolor), bool(style.bold), bool(style.underline))
            cell += cells


def _color(color: Color | None) -> str | None:
    return None if color is None or color.is_default else color.get_truecolor(SVG_EXPORT_THEME).hex


def _line(letters: list[Letter], outlines: dict[str, str]) -> str:
    """Return the backgrounds of a line, its blocks, then its letters; add the outlines they need to `outlines`."""
    boxes = [
        *(_rectangles(letters, lambda one: (_WHOLE, one.ground) if one.ground else None)),
        *(_rectangles(letters, lambda one: (_BLOCKS[one.text], one.ink) if one.text in _BLOCKS else None)),
        *(_rectangles(letters, lambda one: (_UNDERLINE, one.ink) if one.underlined else None)),
    ]
    drawn = f'<g shape-rendering="crispEdges">{"".join(boxes)}</g>' if boxes else ""
    written = [letter for letter in letters if letter.text not in _BLOCKS and letter.text != " "]
    for (ink, thick), run in groupby(written, key=lambda one: (one.ink, one.bold and one.cells == 2)):
        stroke = f' stroke="{ink}" stroke-width="5"' if thick else ""  # the Chinese font has no bold face
        uses = "".join(f'<use href="#{_outline(one, outlines)}" x="{one.cell * CELL}"/>' for one in run)
        drawn += f'<g fill="{ink}"{stroke}>{uses}</g>'
    return drawn


def _rectangles(letters: list[Letter], look: Callable[[Letter], tuple[Box, str] | None]) -> Iterator[str]:
    """Yield a rectangle for each run of letters of one look; full-width ones are joined."""
    for seen, run in groupby(letters, key=look):
        if seen is None:
            continue
        (left, top, width, height), color = seen
        together = list(run)
        for part in [together] if width == 8 else [[one] for one in together]:
            cells = sum(one.cells for one in part)
            yield (
                f'<rect x="{part[0].cell * CELL + left * CELL / 8:g}" y="{top * LINE // 8}"'
                f' width="{cells * width * CELL / 8:g}" height="{height * LINE // 8}" fill="{color}"/>'
            )


def _outline(letter: Letter, outlines: dict[str, str]) -> str:
    """Return the id of the letter's outline; add it to `outlines` where it is missing."""
    bold = letter.bold and letter.cells == 1
    name = f"{'b' if bold else 'r'}{ord(letter.text):x}"
    if name not in outlines:
        outlines[name] = f'<path id="{name}" d="{_path(letter.text, letter.cells, bold)}"/>'
    return name


def _path(text: str, cells: int, bold: bool) -> str:
    """Return the outline of a letter centred in its cells, from the first font that has it."""
    if cells not in _SIZES:
        raise ValueError(f"U+{ord(text):04X} is no letter of one or two cells.")
    for font in _fonts(bold):
        name = font.getBestCmap().get(ord(text))
        if name is not None:
            glyphs = font.getGlyphSet()
            scale = _SIZES[cells] / font["head"].unitsPerEm
            pen = SVGPathPen(glyphs, ntos=lambda number: f"{number:.0f}")
            start = (cells * CELL - glyphs[name].width * scale) / 2
            glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, start, _BASELINE)))
            return pen.getCommands()
    raise ValueError(f"No font here has U+{ord(text):04X}.")


@cache
def _fonts(bold: bool) -> list[TTFont]:
    """Those that come with matplotlib and noto-cjk-sans-otc, so that the drawing is the same on every machine."""
    latin = Path(get_data_path()) / "fonts" / "ttf"
    faces = TTCollection(FONT_PATH, lazy=True).fonts
    chinese = next(face for face in faces if face["name"].getDebugName(1) == "Noto Sans CJK SC")
    names = ["DejaVuSansMono-Bold.ttf", "DejaVuSansMono.ttf"] if bold else ["DejaVuSansMono.ttf"]
    return [*(TTFont(latin / name, lazy=True) for name in names), chinese]
