"""The sheet of every picture: an empty figure of its size, and the bytes of a drawn one with what describes it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import OptionError
from attnviz.i18n.decimals import printed_minus
from attnviz.i18n.messages import Message, listed
from attnviz.views.figure.fonts import Fonts, load_fonts, settings
from attnviz.views.figure.svg import describe_svg
from attnviz.views.figure.truetype import truetype_letters
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.style import Style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_DRAWING = RLock()  # matplotlib's settings are those of the whole process


@contextmanager
def drawing(style: Style, changed: Mapping[str, Any] | None = None) -> Iterator[Fonts]:
    """Give the fonts of a style, and hold matplotlib's settings as pictures need them inside the `with` block.

    changed: further settings. One picture is drawn at a time, so that the settings before it are those after it. Raises
    OptionError for a style that cannot be, or a font that turns out to be damaged.
    """
    style.check()
    with _DRAWING:
        _import_quietly()
        import matplotlib

        fonts = load_fonts(tuple(style.font))
        with matplotlib.rc_context(settings(fonts) | dict(changed or {})):  # type: ignore[arg-type]
            try:
                with printed_minus():
                    yield fonts
            except RuntimeError as error:  # FreeType's, of a glyph
                if not style.font:
                    raise
                raise OptionError(
                    "The font {font} cannot be used: {reason}.",
                    hint="A scalable .ttf or .otf can.",
                    font=listed(style.font),
                    reason=str(error).splitlines()[0],
                ) from None


def _import_quietly() -> None:
    """Import matplotlib without its words about a cache folder that it cannot write: it makes one for the process."""
    import logging

    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        import matplotlib.font_manager  # noqa: F401
    finally:
        logger.setLevel(before)


@dataclass(frozen=True)
class DrawnFigure:
    """A drawn figure, and the words that go with it.

    title, description: of the file, where its format has them. titles: of an SVG, the full text of what is shortened,
    by the artist's id. notes: what the reader should know. svg_text: whether an SVG keeps its words as text.
    """

    figure: Figure
    fonts: Fonts
    title: str
    description: str
    titles: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()
    svg_text: bool = False


def new_figure(width: float, height: float, style: Style) -> Figure:
    """Return an empty figure of this size in inches, in the style's resolution and background."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from attnviz.views.figure.canvas import NotebookFigure

    figure = NotebookFigure(figsize=(width, height), dpi=style.dpi or style.theme.dpi, facecolor=style.theme.background)
    FigureCanvasAgg(figure)
    return figure


def save_figure(drawn: DrawnFigure, form: str) -> bytes:
    """Return the figure as `form` (png, svg, pdf or eps), with its title and description where the format has them."""
    import matplotlib

    if form == "png":
        return _png(drawn)
    stream = io.BytesIO()
    words = {"svg.fonttype": "none"} if drawn.svg_text and form == "svg" else {}
    letters = truetype_letters(drawn.figure, drawn.fonts) if form in ("pdf", "eps") else nullcontext()
    with letters, matplotlib.rc_context(words):  # type: ignore[arg-type]
        drawn.figure.savefig(stream, format=form, metadata=_metadata(form, drawn.title, drawn.description))
    picture = stream.getvalue()
    if form == "eps":
        return re.sub(rb"(?m)^%%(CreationDate|Title):.*\n", b"", picture)
    return describe_svg(picture, drawn.title, drawn.description, drawn.titles) if form == "svg" else picture


def _png(drawn: DrawnFigure) -> bytes:
    """Return the figure as PNG: opaque, which is smaller and faster than the four channels that matplotlib writes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image, PngImagePlugin

    canvas: Any = FigureCanvasAgg(drawn.figure)
    canvas.draw()
    pixels = canvas.buffer_rgba()
    picture = Image.frombuffer("RGBA", canvas.get_width_height(), pixels, "raw", "RGBA", 0, 1).convert("RGB")
    words = PngImagePlugin.PngInfo()
    words.add_text("Title", visible(drawn.title, "picture"))
    words.add_text("Description", visible(drawn.description, "picture"))
    stream = io.BytesIO()
    picture.save(stream, "png", pnginfo=words, dpi=(drawn.figure.dpi, drawn.figure.dpi))
    return stream.getvalue()


def _metadata(form: str, title: str, description: str) -> dict[str, Any]:
    """Return title and description as the format has them; no date or version, so that the bytes stay the same."""
    if form == "eps":
        return {"Creator": "attnviz"}
    title, description = visible(title, "picture"), visible(description, "picture")
    return {"Date": None} if form == "svg" else {"CreationDate": None, "Title": title, "Subject": description}
