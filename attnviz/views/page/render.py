"""Render an Attention or a Comparison as one HTML file that opens from disk and loads nothing.

Style sheet, script and numbers are in the file. The script is deflated, which makes it a third as long; start.js, a few
lines, inflates it. The page's Content-Security-Policy lets the browser run these two alone, each identified by its
hash, and load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from attnviz.core.attention_data import Attention
from attnviz.core.version import __version__
from attnviz.i18n.decimals import printed_minus
from attnviz.views.page.bundle import bundle
from attnviz.views.page.document import Document
from attnviz.views.page.page_data import as_json_value
from attnviz.views.page.payload import pack_text
from attnviz.views.page.sentences import SENTENCES, in_each_language
from attnviz.views.prepared.presentation import PICTURE, Presentation
from attnviz.views.prepared.refine import AS_IS, Refining

if TYPE_CHECKING:
    from attnviz.analysis.comparison import Comparison
    from attnviz.views.prepared.next_tokens import Played

_FOLDER = Path(__file__).parent
_COMMENT = re.compile(r"^//.*\n", re.MULTILINE)


@printed_minus()
def render_page(
    shown: Attention | Comparison,
    *,
    head: str | None = None,
    presentation: Presentation = PICTURE,
    refining: Refining = AS_IS,
    played: tuple[Played, ...] = (),
) -> str:
    """Return the page as HTML; the same input gives the same text.

    head: which heads of a comparison, as for prepare_comparison; None is all and their mean. An attention is shown with
    all the layers and heads it has. played: the steps of each branch of a continuation, which the page plays.
    Raises InputError where the page would be over 200 MB.
    """
    if isinstance(shown, Attention):
        from attnviz.views.page.attention_document import of_attention

        return _fill(of_attention(shown, presentation, refining, played))
    from attnviz.views.page.comparison_document import of_comparison

    return _fill(of_comparison(shown, head, presentation, refining))


def _fill(document: Document) -> str:
    style, start = _file("page.css"), _COMMENT.sub("", _file("start.js"))
    parts = {
        "language": document.data.language,
        "policy": _policy(style, start, _script()),
        "generator": f"attnviz {__version__}",
        "title": escape(document.data.title),
        "style": style,
        "no_script": _in_all_languages("no_script"),
        "too_old": _in_all_languages("too_old"),
        "data": harmless_json(as_json_value(document.data)),
        "blocks": "\n".join(
            f'<script type="text/plain" id="block-{i}">{text}</script>' for i, text in enumerate(document.blocks)
        ),
        "script": _packed_script(),
        "start": start,
    }
    return re.sub(r"<!--(\w+)-->", lambda found: parts[found[1]], _file("page.html"))


def harmless_json(value: object) -> str:
    r"""Return JSON that cannot end the HTML element it is in: < is written \u003c."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _in_all_languages(name: str) -> str:
    return escape(" ".join(in_each_language(SENTENCES[name]).values()))


def _policy(style: str, start: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash(start)}' '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _script() -> str:
    return bundle(_FOLDER / "script", "main")


@cache
def _packed_script() -> str:
    return pack_text(_script(), level=4)  # half the time of 6 for a twentieth more


@cache
def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
