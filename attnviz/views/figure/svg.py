"""What an SVG says to those who do not see it: a title, a description, and the whole of every shortened word."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from attnviz.views.prepared.labels import visible


def describe_svg(picture: bytes, title: str, description: str, titles: Mapping[str, str]) -> bytes:
    """Return the SVG with role="img", <title> and <desc>, and a <title> in the group of each id in `titles`.

    The cells of a matrix get crisp edges: without them browsers blend the background in between two cells.
    """
    text = picture.decode("utf-8")
    start = text.index("<svg")
    end = text.index(">", start)
    words = (
        f'\n <title id="attnviz-title">{_text(title)}</title>'
        f'\n <desc id="attnviz-description">{_text(description)}</desc>'
    )
    role = ' role="img" aria-labelledby="attnviz-title attnviz-description"'
    text = text[:end] + role + ">" + words + text[end + 1 :]
    text = text.replace('<g id="QuadMesh_', '<g shape-rendering="crispEdges" id="QuadMesh_')
    for name, full in titles.items():
        group = f'<g id="{name}">'
        text = text.replace(group, f"{group}\n<title>{_text(full)}</title>", 1)
    return text.encode("utf-8")


def _text(words: str) -> str:
    """Return text as XML can hold it; control characters, which it cannot hold at all, are made visible."""
    return escape(visible(words, "picture"), quote=False)
