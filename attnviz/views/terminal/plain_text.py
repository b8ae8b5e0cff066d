"""What a terminal would show, as a string: without colours for anywhere, or as the standard output of now writes it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from attnviz.views.terminal.screen import Screen, colors_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Drawn = Callable[[Screen], Iterable["RenderableType"]]


def render_plain(draw: Drawn, width: int) -> str:
    """Return what `draw` draws as lines of at most `width` cells (20 at least), without spaces at their ends."""
    from rich.console import Console

    stream = io.StringIO()
    console = Console(
        file=stream, width=width, color_system=None, highlight=False, markup=False, emoji=False, force_jupyter=False
    )
    _print(console, draw(Screen(width, colors="none", terminal=False)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def render_colored(draw: Drawn) -> str:
    """Return what `draw` draws for standard output, in its width, with its colours where it is a terminal."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, force_jupyter=False)
    with console.capture() as captured:
        _print(console, draw(screen_of(console)))
    return captured.get().rstrip("\n")


def screen_of(console: Console) -> Screen:
    """Return the screen of a console, without what only the command line says of its views."""
    return Screen(console.width, console.encoding, colors_of(console), terminal=False)


def _print(console: Console, parts: Iterable[RenderableType]) -> None:
    for index, part in enumerate(parts):
        if index:
            console.print()
        console.print(part)
