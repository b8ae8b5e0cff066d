"""What reaches the screen: tables on standard output, notes on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING

from attnviz.messages import Message, translate
from attnviz.render.labels import encodable, visible
from attnviz.render.prepare import Prepared

if TYPE_CHECKING:
    from attnviz.explanation import Explanation


def print_tables(forms: Iterable[Prepared]) -> None:
    """Print prepared forms as tables that fit the terminal."""
    from rich.console import Console

    from attnviz.render.table import NARROWEST, render_table

    console = Console(highlight=False, markup=False, emoji=False)
    console.width = max(NARROWEST, console.width)
    for index, form in enumerate(forms):
        if index:
            console.print()
        console.print(render_table(form, console.width, _encoding(sys.stdout)))


def print_sheet(explanation: Explanation, digits: int, *, worksheet: bool = False) -> None:
    """Print an explanation, or its worksheet, in lines that fit the terminal."""
    from rich.console import Console

    from attnviz.render.explanation import make_sheet
    from attnviz.render.steps import render_steps

    console = Console(highlight=False, markup=False, emoji=False)
    text = render_steps(make_sheet(explanation, digits, worksheet=worksheet), console.width, _encoding(sys.stdout))
    console.print(text, soft_wrap=True)


def print_data(text: str) -> None:
    """Print data as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def print_notes(notes: Iterable[Message]) -> None:
    """One line a note on standard error."""
    for note in notes:
        print_line(note.localized())


def print_line(text: str, prefix: str = "attnviz: ") -> None:
    """One harmless line on standard error, in whatever encoding that has."""
    line = visible(f"{translate(prefix)}{text}")
    print(encodable(line, _encoding(sys.stderr)), file=sys.stderr)


def is_unicode(stream: IO[str]) -> bool:
    """Whether the stream can write any text."""
    return _encoding(stream).lower().replace("-", "").startswith("utf")


def _encoding(stream: IO[str]) -> str:
    return getattr(stream, "encoding", None) or "utf-8"
