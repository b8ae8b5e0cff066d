"""Draw into somebody's own Axes: one map as an image with ticks, any other kind of picture fitted into them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.core.errors import OptionError
from attnviz.views.figure.fonts import POINT, Fonts
from attnviz.views.figure.heatmap import above_even, number_ink
from attnviz.views.figure.layout import MARGIN, SMALLEST, PictureContext, with_minus
from attnviz.views.figure.render import body_of
from attnviz.views.prepared.alt_text import as_kind, kind_drawn
from attnviz.views.prepared.color_scale import color_at
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared
from attnviz.views.prepared.refine import with_limits
from attnviz.views.prepared.style import Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage


def draw_on_axes(axes: Axes, prepared: Prepared, style: Style, fonts: Fonts) -> Any:
    """Draw the form into these axes; return the AxesImage of a heatmap, else the artists.

    Called inside `drawing`, which gives the fonts. A heatmap is of one panel: raises OptionError for several. Other
    kinds are as wide as the axes are now.
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
    return _draw_body(axes, prepared, style, fonts, kind)


def _inches(axes: Axes) -> tuple[float, float]:
    """Return how wide and high the axes are, in inches."""
    box = axes.get_window_extent()
    dpi = axes.get_figure(root=True).dpi if _knows_root(axes) else axes.figure.dpi  # type: ignore[union-attr]
    return float(box.width / dpi), float(box.height / dpi)


def _knows_root(axes: Axes) -> bool:
    """Return whether this matplotlib (3.10 and later) tells a figure from the subfigures in it."""
    return "root" in (axes.get_figure.__kwdefaults__ or axes.get_figure.__code__.co_varnames)


def _draw_body(axes: Axes, prepared: Prepared, style: Style, fonts: Fonts, kind: str) -> list[Any]:
    """Draw a kind of picture into axes that become as wide and high as it is, in inches."""
    from attnviz.views.figure.canvas import Canvas

    before = set(axes.get_children())
    width, height = _inches(axes)
    context = PictureContext(prepared, replace(style, width=f"{width + 2 * MARGIN:.4f}in"), fonts, height)
    body = body_of(kind)(context)
    canvas = Canvas(axes, width, max(height, body.height), style.theme)
    body.draw(canvas, 0.0, 0.0)
    return [artist for artist in axes.get_children() if artist not in before]


def _draw_map(axes: Axes, prepared: Prepared, style: Style, fonts: Fonts) -> AxesImage:
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
    columns, rows = ([context.label(text).text for text in side] for side in (panel.columns, panel.rows))
    look: dict[str, Any] = {"fontfamily": fonts.families, "parse_math": False}
    cell = _inches(axes)[0] / len(columns)
    flat = all(fonts.width(text, theme.label) < 0.94 * cell for text in columns)
    slant: dict[str, Any] = {} if flat else {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
    axes.set_xticks(range(len(columns)), columns, size=theme.label, **look, **slant)
    axes.set_yticks(range(len(rows)), rows, size=theme.label, **look)
    axes.tick_params(top=False, bottom=False, left=False, labeltop=True, labelbottom=False)
    if prepared.sides is not None:
        rows_name, columns_name = map(context.words, prepared.sides)
        axes.set_xlabel(columns_name, size=theme.caption, color=theme.faint, loc="left", **look)
        axes.set_ylabel(
            rows_name, size=theme.caption, color=theme.faint, y=1.0, rotation=0, ha="right", va="bottom", **look
        )
        axes.xaxis.set_label_position("top")
    if panel.title is not None and not style.no_title:
        axes.set_title(style.title or context.words(panel.title), size=theme.title, **look)
    elif style.title is not None:
        axes.set_title(context.drawable(style.title), size=theme.title, **look)
    _hatch(axes, panel, theme.hatch)
    if _room_for_numbers(axes, panel, prepared.digits, style, fonts.width):
        _write_numbers(axes, panel, prepared.digits, style, palette, fonts.families)
    return image


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
        for j, text in enumerate(map(with_minus, row)):
            if text != FORBIDDEN:
                ink = number_ink(color_at(palette, float(places[i, j])), clear=bool(clear[i, j]))
                axes.text(j, i, text, size=size, color=ink, ha="center", va="center", fontfamily=families)
