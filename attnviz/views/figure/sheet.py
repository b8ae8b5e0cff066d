"""The sheet of every picture: an empty figure of its size, and the bytes of a drawn one with what describes it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attnviz.views.figure.svg import describe_svg
from attnviz.views.prepared.style import Style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float, style: Style) -> Figure:
    """Return an empty figure of this size in inches, in the style's resolution and background."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=style.dpi or style.theme.dpi, facecolor=style.theme.background)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, form: str, title: str, description: str, titles: Mapping[str, str]) -> bytes:
    """Return the figure as `form` (png, svg or pdf), with its title and description where the format has them.

    titles: of an SVG, the full text of what is shortened, by the artist's id.
    """
    stream = io.BytesIO()
    figure.savefig(stream, format=form, metadata=_metadata(form, title, description))
    picture = stream.getvalue()
    return describe_svg(picture, title, description, titles) if form == "svg" else picture


def _metadata(form: str, title: str, description: str) -> dict[str, Any]:
    """Return title and description as the format has them; no date or version, so that the bytes stay the same."""
    if form == "png":
        return {"Software": None, "Title": title, "Description": description}
    return {"Date": None} if form == "svg" else {"CreationDate": None, "Title": title, "Subject": description}
