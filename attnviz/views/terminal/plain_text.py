"""Tables as plain text, without colour or control sequences, for where there is no terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console

from attnviz.views.prepared.panels import Prepared
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.screen import Screen
from attnviz.views.terminal.table import render_table


def render_plain(forms: Iterable[Prepared], width: int) -> str:
    """Return the tables as lines of at most `width` cells (20 at least), without spaces at their ends."""
    stream = io.StringIO()
    console = Console(
        file=stream, width=width, color_system=None, highlight=False, markup=False, emoji=False, force_jupyter=False
    )
    for form in forms:
        console.print(render_table(form, Choice(), Screen(width)))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
