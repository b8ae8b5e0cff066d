"""What an SVG says to those who do not see it: a title, a description, and the whole of every shortened word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
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
    return _with_own_ids(text).encode("utf-8")


def _with_own_ids(text: str) -> str:
    """Return the SVG with ids of its own and without a style sheet, so that several can stand in one page of HTML.

    An id that nothing refers to is left out; the others are numbered after a digest of the picture.
    """
    named = {first or second for first, second in re.findall(r'="#([^"]+)"|url\(#([^)]+)\)', text)}
    named |= {"attnviz-title", "attnviz-description"}
    digest = blake2b(text.encode("utf-8"), digest_size=4).hexdigest()
    own = {name: f"a{digest}-{k}" for k, name in enumerate(sorted(named))}

    def rename(tag: re.Match[str]) -> str:
        found = re.sub(r' id="([^"]*)"', lambda name: f' id="{own[name[1]]}"' if name[1] in own else "", tag[0])
        found = re.sub(r'="#([^"]+)"', lambda name: f'="#{own[name[1]]}"', found)
        return re.sub(r"url\(#([^)]+)\)", lambda name: f"url(#{own[name[1]]})", found)

    text = re.sub(r"<[a-z][^<>]*>", rename, text)
    ids = f"{own['attnviz-title']} {own['attnviz-description']}"
    text = text.replace('aria-labelledby="attnviz-title attnviz-description"', f'aria-labelledby="{ids}"', 1)
    sheet = re.search(r"\s*<style type=\"text/css\">\*\{([^}]*)\}</style>", text)
    if sheet is not None:  # what it says of all elements, they inherit from the first
        text = text.replace(sheet[0], "", 1).replace("<svg ", f'<svg style="{sheet[1]}" ', 1)
    return text


def _text(words: str) -> str:
    """Return text as XML can hold it; control characters, which it cannot hold at all, are made visible."""
    return escape(visible(words, "picture"), quote=False)
