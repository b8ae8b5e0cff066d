"""`attnviz run`: who looks at whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from attnviz.api.save import PAGE, PICTURES
from attnviz.cli.common import attend_all, check_picture, describe_all, print_json, refining_of, save_all, show_all
from attnviz.cli.idle_options import Made
from attnviz.cli.options import Describing, Input, Looking, Output
from attnviz.core.errors import OptionError
from attnviz.toy.settings import Settings
from attnviz.views.figure.style import Style
from attnviz.views.prepared.heads import choose_heads

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="One or several texts; - is standard input.", show_default=False),
]


def command(
    given: Input,
    settings: Settings,
    looking: Looking,
    style: Style,
    describing: Describing,
    output: Output,
    texts: Texts = None,
) -> None:
    """Who looks at whom: the weights, as a table that fits the terminal."""
    if style.kind != "bars":
        style = replace(style, token=None)  # it is the text's in the terminal
    check_picture(style, refining_of(looking), alt=describing.alt, as_json=output.json)
    view, shows = None if output.json else looking.view, tuple(looking.show) or ("weights",)
    Made(output.save, describing.alt, style.kind, view, shows).refuse_idle(looking, style)
    if "weights" not in shows and any(path.suffix.lower() in (*PICTURES, PAGE) for path in output.save):
        raise OptionError("Pictures and pages are of weights: --show {show} is for the terminal.", show=shows[0])
    found = attend_all(texts or [], given, settings, looking, output.save, style, data=output.json)
    save_all(found, output.save, looking, style, json=output.json)
    if output.json:
        from attnviz.io.write_data import attention_document

        print_json([attention_document(choose_heads(one, looking.head or "all", looking.layer)) for one in found])
    else:
        show_all(found, looking)
    if describing.alt:
        describe_all(found, looking, style)
