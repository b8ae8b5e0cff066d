"""Pictures: a prepared form as PNG, SVG or PDF bytes; a module for each kind, on one shared layout.

matplotlib is used through Figure and the Agg canvas, never pyplot: no display, no global state. Everything is placed in
inches here; a layout engine would draw the picture twice.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from attnviz.i18n.messages import Message
from attnviz.views.figure.fonts import Fonts
from attnviz.views.figure.layout import Body, PictureContext, PictureLayout
from attnviz.views.figure.sheet import DrawnFigure, drawing, new_figure, save_figure
from attnviz.views.prepared.alt_text import as_kind, sentence
from attnviz.views.prepared.panels import Prepared
from attnviz.views.prepared.refine import with_limits
from attnviz.views.prepared.style import Style

FORMATS = ("png", "svg", "pdf")
# The Body that draws each kind of picture (KINDS of prepared/style.py), as module:Class.
BODIES = {"heatmap": "heatmap:Heatmaps", "grid": "heatmap:Overview", "arcs": "arcs:Arcs", "bars": "bars:BarPanels"}


def render_figure(prepared: Prepared, form: str, style: Style | None = None) -> tuple[bytes, tuple[Message, ...]]:
    """Draw the panels as a picture in `form` (png, svg or pdf); return it and notes for the reader.

    The same input gives the same bytes. A character that no font has is drawn as its code point. Raises OptionError for
    a style that cannot be, or a width into which the picture does not fit.
    """
    style = style or Style()
    with drawing(style) as fonts:
        drawn = draw_figure(prepared, style, fonts)
        return save_figure(drawn, form), drawn.notes


def draw_figure(prepared: Prepared, style: Style, fonts: Fonts) -> DrawnFigure:
    """Draw the panels into a new figure, inside `drawing`, which gives the fonts."""
    from attnviz.views.figure.canvas import Canvas

    prepared = with_limits(as_kind(prepared, style), style)
    context = PictureContext(prepared, style, fonts)
    page = PictureLayout(context, body_of(style.kind))
    figure = new_figure(page.width, page.height, style)
    canvas = Canvas.over(figure, style.theme)
    page.draw(canvas)
    title = style.title or " · ".join(part.localized() for part in prepared.caption[:1])
    return DrawnFigure(figure, title, sentence(prepared, style.kind).localized(), canvas.titles, context.notes)


def body_of(kind: str) -> Callable[[PictureContext], Body]:
    """Return the class that draws this kind of picture."""
    module, name = BODIES[kind].split(":")
    found: Callable[[PictureContext], Body] = getattr(import_module(f"attnviz.views.figure.{module}"), name)
    return found
