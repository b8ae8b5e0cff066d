"""`attnviz export`: pictures and data, no table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from attnviz.api.save import FOR_ATTENTION
from attnviz.cli.common import attend_all, check_picture, describe_all, refining_of, save_all
from attnviz.cli.idle_options import Made
from attnviz.cli.options import Describing, Input, Looking
from attnviz.core.errors import OptionError
from attnviz.toy.settings import Settings
from attnviz.views.figure.style import Style

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TEXT] FILE...",
        help="A text (not with --file, --vectors, --weights or -), then the files to write.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Choosing:
    """Which layer and head, in how many digits, and what pictures and pages make of the numbers."""

    layer: str | None = None
    head: str | None = None
    precision: int | None = None
    scale: str = "global"
    sinks: str = "keep"


def command(
    given: Input, settings: Settings, looking: Choosing, style: Style, describing: Describing, words: Words = None
) -> None:
    """Save pictures (.png .svg .pdf), pages (.html) and data (.json .csv .npz), without a table."""
    words = words or []
    elsewhere = any(path is not None for path in (given.file, given.vectors, given.weights))
    piped = bool(words) and all(Path(word).suffix.lower() in FOR_ATTENTION for word in words)
    texts, files = ([], words) if elsewhere or piped else (words[:1], words[1:])
    if not files and not describing.alt:
        raise OptionError(
            "There is no file to write.", hint='Name it after the text, as in: attnviz export "猫吃鱼" cat.png.'
        )
    choice = Looking(**asdict(looking))
    paths = [Path(file) for file in files]
    check_picture(style, refining_of(choice), alt=describing.alt)
    Made(paths, describing.alt, style.kind).refuse_idle(choice, style)
    found = attend_all(texts, given, settings, choice, paths, style)
    save_all(found, paths, choice, style)
    if describing.alt:
        describe_all(found, choice, style)
