"""Draw into somebody's own Axes: one map as an image with ticks, any other kind of picture fitted into them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, message
from attnviz.views.figure.fonts import POINT, Fonts
from attnviz.views.figure.heatmap import above_even, number_ink
from attnviz.views.figure.layout import MARGIN, SMALLEST, PictureContext
from attnviz.views.figure.render import body_of
from attnviz.views.prepared.alt_text import as_kind, kind_drawn
from attnviz.views.prepared.color_scale import color_at
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared
from attnviz.views.prepared.refine import with_limits
from attnviz.views.prepared.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


# Letters of ticks in points for each inch of a map's shorter side, and the least of them; between letters and map.
_POINTS_PER_INCH, _LEAST_POINTS, _PAD = 4.0, 5.5, 0.06
_SLANT = 0.85  # how high a word at 45 degrees is for each inch of it, with what letters of a few pixels are wider
_OWN_TITLE = "attnviz-title"  # the id of a title that no caller wrote: the next map replaces it, but no other
_MOST_SQUEEZED = 1.15  # how much lower than it should be a picture may be drawn


def draw_on_axes(
    axes: Axes, prepared: Prepared, style: Style, fonts: Fonts
) -> tuple[AxesImage | list[Any], tuple[Message, ...]]:
    """Draw the form into these axes; return the AxesImage of a heatmap, else the artists, and notes for the reader.

    Called inside `drawing`, which gives the fonts. A heatmap is of one panel: raises OptionError for several. Other
    kinds stand in the middle of the axes as wide as these are now: raises OptionError where they do not fit.
    """
    prepared = with_limits(as_kind(prepared, style), style)
    kind = kind_drawn(prepared, style)
    if kind == "heatmap":
        if len(prepared.panels) != 1:
            raise OptionError(
                "One pair of Axes holds one map, and this has {count}.",
                hint=(
                    "Choose one with layer and head, or draw each into Axes of its own."
                    if prepared.kind in ("weights", "scores")
                    else "Leave ax out: the figure has a place for each."
                ),
                count=len(prepared.panels),
            )
        return _draw_map(axes, prepared, style, fonts)
    return _draw_body(axes, prepared, style, fonts, kind), ()


def _inches(axes: Axes) -> tuple[float, float]:
    """Return how wide and high the axes are, in inches."""
    box = axes.get_window_extent()
    dpi = _figure_of(axes, root=True).dpi
    return float(box.width / dpi), float(box.height / dpi)


def _figure_of(axes: Axes, *, root: bool = False) -> Any:
    """Return the figure of the axes, or the subfigure, unless root is asked for (by matplotlib 3.10 and later)."""
    knows = "root" in (axes.get_figure.__kwdefaults__ or axes.get_figure.__code__.co_varnames)
    return axes.get_figure(root=root) if knows else axes.figure


def _draw_body(axes: Axes, prepared: Prepared, style: Style, fonts: Fonts, kind: str) -> list[Any]:
    """Draw a kind of picture into the middle of the axes, in inches."""
    from attnviz.views.figure.canvas import Canvas

    before = set(axes.get_children())
    width, height = _inches(axes)
    context = PictureContext(prepared, replace(style, width=f"{width + 2 * MARGIN:.4f}in"), fonts, height)
    try:
        body = body_of(kind)(context)
    except OptionError as error:
        if "width" not in error.message.fields:  # which was given as that of the axes
            raise
        raise _too_small(width, height) from None
    if body.height > _MOST_SQUEEZED * height:
        raise _too_small(width, height)
    canvas = Canvas(axes, width, max(height, body.height), style.theme)
    body.draw(canvas, (width - body.width) / 2, (canvas.height - body.height) / 2)
    return [artist for artist in axes.get_children() if artist not in before]


def _too_small(width: float, height: float) -> OptionError:
    return OptionError(
        "These Axes of {width} x {height} inches are too small for this picture.",
        hint="Give larger ones, or leave ax out.",
        width=f"{width:.1f}",
        height=f"{height:.1f}",
    )


def _draw_map(axes: Axes, prepared: Prepared, style: Style, fonts: Fonts) -> tuple[AxesImage, tuple[Message, ...]]:
    """Draw one panel as an image whose ticks are the words; queries go down, keys across."""
    from matplotlib.colors import ListedColormap

    (panel,), theme = prepared.panels, style.theme
    context = PictureContext(prepared, style, fonts)
    palette = context.colors.palette(panel.scale)
    linear = panel.scale.spread == "global"  # else the colours are no straight line over the numbers
    numbers = panel.values if linear else panel.places()
    shown = numbers if panel.forbidden is None else np.ma.masked_array(numbers, mask=panel.forbidden)
    low, high = (panel.scale.low, panel.scale.high) if linear else (0.0, 1.0)
    image = axes.imshow(
        shown,
        cmap=ListedColormap(np.array(palette) / 255),
        vmin=low,
        vmax=high if high > low else low + 1,
        interpolation="nearest",
    )
    axes.apply_aspect()  # the map is as large as it will be
    notes = _name_rows_and_columns(axes, prepared, context)
    _hatch(axes, panel, theme.hatch)
    if _room_for_numbers(axes, panel, prepared.digits, style, fonts.width):
        _write_numbers(axes, panel, prepared.digits, style, palette, fonts.families)
    return image, notes


def _name_rows_and_columns(axes: Axes, prepared: Prepared, context: PictureContext) -> tuple[Message, ...]:
    """Write title, words and what rows and columns are around a map, in letters that grow with it.

    A layout engine makes room for them. Without one letters shrink to the space there is, then the title is left out
    and words are shortened, of which the returned note tells.
    """
    (panel,), style, theme, fonts = prepared.panels, context.style, context.theme, context.fonts
    width, height = _inches(axes)
    arranged = _figure_of(axes, root=True).get_layout_engine() is not None
    left, above = (np.inf, np.inf) if arranged else _space_around(axes)
    columns, rows = ([context.label(text).text for text in side] for side in (panel.columns, panel.rows))
    look: dict[str, Any] = {"fontfamily": fonts.families, "parse_math": False}
    own = axes.title.get_gid() != _OWN_TITLE and any(axes.get_title(loc) for loc in ("left", "center", "right"))
    title = None if panel.title is None or style.no_title or own else context.words(panel.title)
    title = title if style.title is None else context.drawable(style.title)
    title_size = min(theme.title, max(_LEAST_POINTS + 1, 1.2 * _POINTS_PER_INCH * min(width, height)))
    title_room = 0.0 if title is None and not own else (1.5 * title_size + 6) * POINT
    size = min(theme.label, max(_LEAST_POINTS, _POINTS_PER_INCH * min(width, height)))
    longest = max(fonts.width(text, 1.0) for text in rows) or 1.0
    flat = all(fonts.width(text, size) < (0.8 if arranged else 0.94) * width / len(columns) for text in columns)
    high = 1.5 * POINT if flat else max(fonts.width(text, 1.0) for text in columns) * _SLANT + 1.05 * POINT
    untitled = style.title is None and not own and above - title_room - _PAD < _LEAST_POINTS * high
    if untitled:
        title, title_room = None, 0.0
    size = max(_LEAST_POINTS, min(size, (left - _PAD) / longest, (above - title_room - _PAD) / high))
    lengths = (np.inf if flat else (above - title_room - _PAD - 1.05 * POINT * size) / _SLANT, left - _PAD)
    texts = [_shortened(side, length, size, fonts) for side, length in zip((columns, rows), lengths, strict=True)]
    slant: dict[str, Any] = {} if flat else {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(columns)), texts[0], size=size, **look, **slant)
    axes.set_yticks(range(len(rows)), texts[1], size=size, **look)
    axes.tick_params(top=False, bottom=False, left=False, labeltop=True, labelbottom=False)
    caption = min(theme.caption, size)
    if prepared.sides is not None:
        rows_name, columns_name = map(context.words, prepared.sides)
        if above - title_room - _PAD - high * size >= 1.3 * caption * POINT + 0.1:
            axes.set_xlabel(columns_name, size=caption, color=theme.faint, loc="left", **look)
            axes.xaxis.set_label_position("top")
        if fonts.width(rows_name, caption) + _PAD <= left:
            axes.set_ylabel(rows_name, size=caption, color=theme.faint, rotation=0, ha="right", va="bottom", **look)
            axes.yaxis.set_label_coords(-_PAD / width, 1 + 0.5 * _PAD / height)
    if title is not None:
        axes.set_title(title, size=title_size, gid=_OWN_TITLE, **look)
    if texts == [columns, rows] and not (untitled and panel.title is not None and not style.no_title):
        return ()
    return (
        message(
            "Words are shortened or left out for lack of space around the Axes: make the figure with "
            "layout='constrained'."
        ),
    )


def _space_around(axes: Axes) -> tuple[float, float]:
    """Return the inches that are free to the left of the axes and above them: to other axes, or the figure's edge."""
    figure = _figure_of(axes)
    own, sheet = axes.get_window_extent(), figure.bbox
    dpi = figure.dpi
    others = [other for other in figure.axes if other is not axes and other.get_visible()]
    boxes = [(other, other.get_window_extent()) for other in others]
    beside = [(box.x1, one) for one, box in boxes if box.x1 <= own.x0 and box.y0 < own.y1 and box.y1 > own.y0]
    over = [(box.y0, one) for one, box in boxes if box.y0 >= own.y1 and box.x0 < own.x1 and box.x1 > own.x0]
    left, top = sheet.x0, sheet.y1
    if beside:
        left = _whole(max(beside, key=lambda found: found[0])[1]).x1
    if over:
        top = _whole(min(over, key=lambda found: found[0])[1]).y0
    return max(0.0, float(own.x0 - left) / dpi), max(0.0, float(top - own.y1) / dpi)


def _whole(axes: Any) -> Any:
    """Return the box of axes with what is written around them."""
    return axes.get_tightbbox() or axes.get_window_extent()


def _shortened(texts: list[str], length: float, size: float, fonts: Fonts) -> list[str]:
    """Return texts that are at most so long, in inches: what is longer ends in …, after at least three letters."""
    shorter = []
    for text in texts:
        kept = text
        while fonts.width(kept, size) > length and len(kept) > 4:
            kept = f"{kept.removesuffix('…')[:-1]}…"
        shorter.append(kept)
    return shorter


def _hatch(axes: Axes, panel: Panel, color: str) -> None:
    """Hatch the cells that are forbidden."""
    from matplotlib.patches import Rectangle

    if panel.forbidden is not None:
        for row, column in np.argwhere(panel.forbidden):
            axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", edgecolor=color, lw=0))


def _room_for_numbers(axes: Axes, panel: Panel, digits: int, style: Style, width: Any) -> bool:
    """Return whether numbers are asked for, or fit the cells."""
    if style.annotate != "auto":
        return style.annotate == "on"
    cell = min(length / count for length, count in zip(_inches(axes), reversed(panel.values.shape), strict=True))
    longest = max(width(text, SMALLEST) for row in panel.texts(digits) for text in row)
    return bool(longest <= 0.9 * cell and 0.7 * cell >= SMALLEST * POINT)


def _write_numbers(
    axes: Axes, panel: Panel, digits: int, style: Style, palette: tuple[tuple[int, int, int], ...], families: list[str]
) -> None:
    places, clear = panel.places(), above_even(panel)
    cell = min(length / count for length, count in zip(_inches(axes), reversed(panel.values.shape), strict=True))
    size = max(SMALLEST, min(style.theme.number, 0.28 * cell / POINT))
    for i, row in enumerate(panel.texts(digits)):
        for j, text in enumerate(row):
            if text != FORBIDDEN:
                ink = number_ink(color_at(palette, float(places[i, j])), clear=bool(clear[i, j]))
                axes.text(j, i, text, size=size, color=ink, ha="center", va="center", fontfamily=families)
