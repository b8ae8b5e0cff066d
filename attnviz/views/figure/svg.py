"""What an SVG says to those who do not see it: a title, a description, and the whole of every shortened word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from attnviz.views.prepared.labels import visible

SEMIBOLD = "attnviz-semibold"  # how the id of semibold text begins


def describe_svg(picture: bytes, title: str, description: str, titles: Mapping[str, str]) -> bytes:
    """Return the SVG with role="img", <title> and <desc>, and a <title> in the group of each id in `titles`.

    Words that stay text get the reader's sans-serif font where ours are not there, and semibold where they were.
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
    text = text.replace("'Attnviz Punctuation', ", "").replace(", 'Attnviz Punctuation'", "")
    text = text.replace("'DejaVu Sans'", "'Source Sans 3', 'DejaVu Sans', sans-serif")
    text = re.sub(rf'(<g id="{SEMIBOLD}[^"]*">\s*<text style=")', r"\1font-weight: 600; ", text)
    for name, full in titles.items():
        group = f'<g id="{name}">'
        text = text.replace(group, f"{group}\n<title>{_text(full)}</title>", 1)
    return text.encode("utf-8")


def _text(words: str) -> str:
    """Return text as XML can hold it; control characters, which it cannot hold at all, are made visible."""
    return escape(visible(words, "picture"), quote=False)
