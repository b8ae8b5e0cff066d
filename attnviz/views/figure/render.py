"""Pictures: a prepared form as PNG, SVG or PDF bytes; a module for each kind, on one shared layout.

matplotlib is used through Figure and the Agg canvas, never pyplot: no display, no global state. Everything is placed in
inches here; a layout engine would draw the picture twice.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, message
from attnviz.views.figure.fonts import Fonts
from attnviz.views.figure.layout import Body, PictureContext, PictureLayout
from attnviz.views.figure.sheet import DrawnFigure, drawing, new_figure, save_figure
from attnviz.views.prepared.alt_text import as_kind, kind_drawn, sentence
from attnviz.views.prepared.panels import Prepared
from attnviz.views.prepared.refine import with_limits
from attnviz.views.prepared.style import Style

FORMATS = ("png", "svg", "pdf", "eps")
# The Body that draws each kind of picture (KINDS of prepared/style.py), as module:Class.
BODIES = {
    "heatmap": "heatmap:Heatmaps",
    "grid": "heatmap:Overview",
    "arcs": "arcs:Arcs",
    "bars": "bars:BarPanels",
    "text": "shaded:ShadedTexts",
    "patches": "patches:PatchMaps",
}


def render_figure(prepared: Prepared, form: str, style: Style | None = None) -> tuple[bytes, tuple[Message, ...]]:
    """Draw the panels as a picture in `form` (png, svg, pdf or eps); return it and notes for the reader.

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
    kind = kind_drawn(prepared, style)
    page = PictureLayout(context, body_of(kind))
    figure = new_figure(page.width, page.height, style)
    canvas = Canvas.over(figure, style.theme)
    page.draw(canvas)
    title = context.words(_title(prepared, style))
    description = sentence(prepared, kind).localized()
    return DrawnFigure(figure, fonts, title, description, canvas.titles, context.notes, style.svg_text)


def _title(prepared: Prepared, style: Style) -> Message:
    """Return the title of the file: one's own, or the sentence and what is shown of it."""
    if style.title is not None:
        return message("{text}", text=style.title)
    what = prepared.what or prepared.heading or message("attention weights")
    return what if prepared.subject is None else message("{what}: {text}", what=what, text=prepared.subject)


def body_of(kind: str) -> Callable[[PictureContext], Body]:
    """Return the class that draws this kind of picture."""
    if kind not in BODIES:
        raise OptionError(
            "--kind {kind} is no picture: it is for a .tex, .md or .html.", hint="Use --kind heatmap.", kind=kind
        )
    module, name = BODIES[kind].split(":")
    found: Callable[[PictureContext], Body] = getattr(import_module(f"attnviz.views.figure.{module}"), name)
    return found
