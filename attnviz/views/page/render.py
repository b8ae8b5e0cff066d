"""One page: an Attention or a Comparison as a single HTML file that opens from disk and asks for nothing.

Style, script and numbers stand in the file. Its Content-Security-Policy lets the browser run this script and no other,
known by its hash, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from importlib.resources import files

from attnviz._version import __version__
from attnviz.analysis.comparison import Comparison
from attnviz.core.attention_data import Attention
from attnviz.i18n.messages import language
from attnviz.views.page.bundle import bundle
from attnviz.views.page.document import Document, of_attention, of_comparison
from attnviz.views.page.sentences import SENTENCES, in_each
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.refine import AS_IS, Refining

_LONGEST_TITLE = 60


def render_page(
    shown: Attention | Comparison, *, head: str | None = None, digits: int = 3, refining: Refining = AS_IS
) -> str:
    """The whole page as text; the same input gives the same page.

    head: which head of a comparison, as for prepare_comparison; None is all and their mean. An attention is shown with
    all the layers and heads it has. Raises InputError where the page would be over 200 MB.
    """
    if isinstance(shown, Comparison):
        document, title = of_comparison(shown, head, digits, refining), " | ".join(map(str, shown.titles))
    else:
        document, title = of_attention(shown, digits, refining), _name(shown)
    return _fill(document, _short(title))


def _fill(document: Document, title: str) -> str:
    style, script = _file("page.css"), _script()
    parts = {
        "language": language(),
        "policy": _policy(style, script),
        "generator": f"attnviz {__version__}",
        "title": escape(title),
        "style": style,
        "no_script": escape(" ".join(in_each(SENTENCES["no_script"]).values())),
        "data": harmless_json(document.head | {"title": title, "language": language()}),
        "blocks": "\n".join(
            f'<script type="text/plain" id="block-{i}">{text}</script>' for i, text in enumerate(document.blocks)
        ),
        "script": script,
    }
    return re.sub(r"<!--(\w+)-->", lambda found: parts[found[1]], _file("page.html"))


def harmless_json(value: object) -> str:
    r"""JSON that stands in HTML and cannot end its element: < is written \u003c."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _script() -> str:
    return bundle(files(__package__).joinpath("script"), "main")


@cache
def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _name(attention: Attention) -> str:
    if attention.source is not None:
        return attention.source
    return " ".join(token.text for token in attention.query[:20])


def _short(text: str) -> str:
    shown = visible(" ".join(text.split()), "picture")
    return shown if len(shown) <= _LONGEST_TITLE else shown[:_LONGEST_TITLE] + "⋯"
