"""`attnviz export`: pictures and data, no table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from attnviz.api.save import FOR_ATTENTION
from attnviz.cli.common import attend_all, check_picture, print_descriptions, refining_of, save_all
from attnviz.cli.options import AltOption, AttentionInput, ViewOptions
from attnviz.cli.unused_options import Outputs
from attnviz.core.errors import OptionError
from attnviz.models.options import Options
from attnviz.toy.settings import Settings
from attnviz.views.prepared.style import Style

TextAndFiles = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TEXT] FILE...",
        help="A text (not with --file, --vectors, --weights or -), then the files to write.",
        show_default=False,
    ),
]


@dataclass(frozen=True, eq=False, repr=False)
class ExportViewOptions:
    """View options of `export`: layer, head, digits, and what pictures and pages make of the numbers."""

    layer: str | None = None
    head: str | None = None
    precision: int | None = None
    scale: str = "global"
    sinks: str = "keep"
    reduce: str | None = None


def command(
    inputs: AttentionInput,
    settings: Settings,
    model_options: Options,
    view_options: ExportViewOptions,
    style: Style,
    alt_option: AltOption,
    text_and_files: TextAndFiles = None,
) -> None:
    """Save pictures (.png .svg .pdf .eps), pages (.html), tables (.tex .md) and data (.json .csv .npz)."""
    words = text_and_files or []
    elsewhere = any(path is not None for path in (inputs.file, inputs.vectors, inputs.weights))
    piped = bool(words) and all(Path(word).suffix.lower() in FOR_ATTENTION for word in words)
    texts, files = ([], words) if elsewhere or piped else (words[:1], words[1:])
    if not files and not alt_option.alt:
        raise OptionError(
            "There is no file to write.", hint='Name it after the text, for example: attnviz export "猫吃鱼" cat.png.'
        )
    choice = ViewOptions(**asdict(view_options))
    paths = [Path(file) for file in files]
    check_picture(style, refining_of(choice), alt=alt_option.alt)
    Outputs(paths, alt_option.alt, style.kind).refuse_unused(choice, style)
    found = attend_all(texts, inputs, settings, model_options, choice, paths, style)
    save_all(found, paths, choice, style)
    if alt_option.alt:
        print_descriptions(found, choice, style)
