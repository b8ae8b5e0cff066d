"""`attnviz run`: who looks at whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from attnviz.api.save import PAGE, PICTURES
from attnviz.cli.common import (
    attend_all,
    check_picture,
    print_all,
    print_descriptions,
    print_json,
    refining_of,
    save_all,
)
from attnviz.cli.options import AltOption, AttentionInput, OutputOptions, ViewOptions
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.style import OF_ONE_WORD, Style

Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", help="One or several texts; - is standard input.", show_default=False),
]


def command(
    inputs: AttentionInput,
    settings: Settings,
    model_options: Options,
    view_options: ViewOptions,
    style: Style,
    alt_option: AltOption,
    output: OutputOptions,
    texts: Texts = None,
) -> None:
    """Show who looks at whom: the weights, as a table that fits the terminal."""
    if style.kind not in OF_ONE_WORD:
        style = replace(style, token=None)  # it is the text's in the terminal
    check_picture(style, refining_of(view_options), alt=alt_option.alt, as_json=output.json)
    view, shows = None if output.json else view_options.view, tuple(view_options.show) or ("weights",)
    Outputs(output.save, alt_option.alt, style.kind, view, shows).refuse_unused(view_options, style)
    if "weights" not in shows and any(path.suffix.lower() in (*PICTURES, PAGE) for path in output.save):
        raise OptionError("Pictures and pages show weights: --show {show} is for the terminal.", show=shows[0])
    found = attend_all(texts or [], inputs, settings, model_options, view_options, output.save, style, data=output.json)
    save_all(found, output.save, view_options, style, json=output.json)
    if output.json:
        from attnviz.io.write_data import attention_document

        print_json(
            [attention_document(choose_heads(one, view_options.head or "all", view_options.layer)) for one in found]
        )
    else:
        print_all(found, view_options)
    if alt_option.alt:
        print_descriptions(found, view_options, style)
