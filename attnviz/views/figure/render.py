"""Pictures: a prepared form as PNG, SVG or PDF bytes; a module for each kind, on one shared layout.

matplotlib is used through Figure and the Agg canvas, never pyplot: no display, no global state. Everything is placed in
inches here; a layout engine would draw the picture twice.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any

from attnviz.i18n.messages import Message
from attnviz.views.figure.fonts import load_fonts, settings
from attnviz.views.figure.layout import PictureContext, PictureLayout
from attnviz.views.figure.svg import describe_svg
from attnviz.views.prepared.alt_text import as_kind, sentence
from attnviz.views.prepared.panels import Prepared
from attnviz.views.prepared.style import Style

FORMATS = ("png", "svg", "pdf")
# The Body that draws each kind of picture (KINDS of prepared/style.py), as module:Class.
BODIES = {"heatmap": "heatmap:Heatmaps", "grid": "heatmap:Overview", "arcs": "arcs:Arcs", "bars": "bars:BarPanels"}


def render_figure(prepared: Prepared, form: str, style: Style | None = None) -> tuple[bytes, tuple[Message, ...]]:
    """Draw the panels as a picture in `form` (png, svg or pdf); return it and notes for the reader.

    The same input gives the same bytes. A character that no font has is drawn as its code point. Raises OptionError for
    a style that cannot be, or a width into which the picture does not fit.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = style or Style()
    style.check()
    fonts = load_fonts(tuple(style.font))
    prepared = as_kind(prepared, style)
    module, name = BODIES[style.kind].split(":")
    with matplotlib.rc_context(settings(fonts)):  # type: ignore[arg-type]
        from attnviz.views.figure.canvas import Canvas

        context = PictureContext(prepared, style, fonts)
        page = PictureLayout(context, getattr(import_module(f"attnviz.views.figure.{module}"), name))
        dpi = style.dpi or style.theme.dpi
        figure = Figure(figsize=(page.width, page.height), dpi=dpi, facecolor=style.theme.background)
        FigureCanvasAgg(figure)
        canvas = Canvas(figure, style.theme)
        page.draw(canvas)
        stream = io.BytesIO()
        title = style.title or " · ".join(part.localized() for part in prepared.caption[:1])
        description = sentence(prepared, style.kind).localized()
        figure.savefig(stream, format=form, metadata=picture_metadata(form, title, description))
    picture = stream.getvalue()
    if form == "svg":
        picture = describe_svg(picture, title, description, canvas.titles)
    return picture, context.notes


def picture_metadata(form: str, title: str, description: str) -> dict[str, Any]:
    """Title and description where the format has them; never a date or a version, which would change the bytes."""
    if form == "png":
        return {"Software": None, "Title": title, "Description": description}
    return {"Date": None} if form == "svg" else {"CreationDate": None, "Title": title, "Subject": description}
