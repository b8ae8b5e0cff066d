"""`attnviz run`: who looks at whom."""

from __future__ import annotations

from typing import Annotated

import typer

from attnviz.cli.options import Input, Looking, Output
from attnviz.cli.working import attend_all, print_json, save_all, show_all
from attnviz.pipeline import Settings
from attnviz.render.prepare import choose_heads

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="One or several texts; - is standard input.", show_default=False),
]


def command(given: Input, settings: Settings, looking: Looking, output: Output, texts: Texts = None) -> None:
    """Who looks at whom: the weights, as a table that fits the terminal."""
    found = attend_all(texts or [], given, settings, looking, output.save)
    save_all(found, output.save, looking)
    if output.json:
        from attnviz.storage import attention_document

        print_json([attention_document(choose_heads(one, looking.head or "all", looking.layer)) for one in found])
    else:
        show_all(found, looking)
