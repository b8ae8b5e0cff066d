"""Print: tables and data on standard output, notes and errors on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO, TYPE_CHECKING

from attnviz.cli.progress import doing
from attnviz.cli.standard_streams import drop_output
from attnviz.core.errors import cut_long_fields
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.labels import encodable, visible
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.terminal.screen import NARROWEST, Screen, colors_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from attnviz.analysis.lab import Distances, Lab
    from attnviz.explanation.elements import Explanation
    from attnviz.views.prepared.listing import Listing
    from attnviz.views.prepared.panels import Prepared


def print_views(views: Callable[[Screen], Iterable[RenderableType]], *, apart: bool = True) -> None:
    """Print what `views` draws on the screen that standard output is; apart: an empty line between two views."""
    printer = LinePrinter()
    with doing(message("Drawing")):
        for index, view in enumerate(views(printer.screen)):
            if index and apart:
                printer.console.print()
            printer.print([view])


class LinePrinter:
    """Standard output as a screen, to print on piece by piece."""

    def __init__(self) -> None:
        from rich.console import Console, ConsoleDimensions

        self.console = Console(highlight=False, markup=False, emoji=False)
        self.screen = screen_of(self.console)
        # a width alone is not heard in a dumb terminal
        self.console.size = ConsoleDimensions(self.screen.cells, self.console.height)

    def print(self, views: Iterable[RenderableType]) -> None:
        """Print these now, one below the other."""
        from rich.console import Group

        for view in views:
            self.console.print(Group(view))  # a Text by itself would be joined to a new one, and wrapped again
        sys.stdout.flush()


def screen_of(console: Console) -> Screen:
    """Return the screen of a console: its width, its colours (none with NO_COLOR or in a dumb terminal), its encoding.

    The C locale asks for ASCII; without any locale nothing is asked for. Python itself turns LC_CTYPE from C into one
    of UTF-8 (PEP 538), so that value of LC_CTYPE does not count.
    """
    asked = {name: os.environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")}
    if asked["LC_CTYPE"] in ("C.UTF-8", "C.utf8", "UTF-8"):
        asked["LC_CTYPE"] = ""
    locale = next(filter(None, asked.values()), "")
    return Screen(
        width=_width(console),
        encoding=_encoding(sys.stdout),
        colors=colors_of(console),
        ascii=locale in ("C", "POSIX"),
        terminal=console.is_terminal,
        height=console.height if console.is_terminal else None,
    )


def _width(console: Console) -> int:
    """Return the console's width; rich takes 80 for every dumb terminal, whatever its width and COLUMNS."""
    if not console.is_dumb_terminal:
        return console.width
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit():
        return int(columns)
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()).columns or console.width
    return console.width


def print_listing(listing: Listing) -> None:
    """Print a list of things with their numbers."""
    from attnviz.views.terminal.listing import render_listing

    print_views(lambda screen: [render_listing(listing, screen)])


def print_panels(form: Prepared) -> None:
    """Print panels of numbers, as a table where one fits the width, else as shaded cells."""
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.choose_view import choose_view, draw

    choice = Choice()
    print_views(lambda screen: [draw(form, choose_view(form, choice, screen), choice, screen)])


def print_grids(lab: Lab, digits: int | None, *, brief: bool = False) -> None:
    """Print the laboratory's small grids; brief: with a first caption, see `prepare_lab`."""
    from attnviz.views.prepared.lab import prepare_lab
    from attnviz.views.terminal.blocks import render_blocks
    from attnviz.views.terminal.choice import Choice

    form = prepare_lab(lab, Presentation(digits), brief=brief)
    print_views(lambda screen: [render_blocks(form, Choice(), screen)])


def print_curves(distances: Distances) -> None:
    """Print how weight falls with distance."""
    from attnviz.views.prepared.lab import prepare_distances
    from attnviz.views.terminal.sparks import points_that_fit, render_sparks

    print_views(lambda screen: [render_sparks(prepare_distances(distances, most=points_that_fit(screen)), screen)])


def print_worksheets(
    explanations: Sequence[Explanation], digits: int, *, worksheet: bool = False, brief: bool = False
) -> None:
    """Print explanations, or their worksheets, in lines that fit the terminal; brief: with a first caption each."""
    from attnviz.views.prepared.worksheet import make_sheet
    from attnviz.views.terminal.worksheet import render_steps

    sheets = [make_sheet(one, digits, worksheet=worksheet, brief=brief) for one in explanations]
    print_views(lambda screen: [render_steps(sheet, screen.cells, screen.encoding) for sheet in sheets])


def print_sentence(sentence: Message) -> None:
    """Print one sentence on standard output on one line, for a screen reader or another program."""
    print_data(encodable(visible(sentence.localized()), _encoding(sys.stdout)) + "\n")


def print_data(text: str) -> None:
    """Print data as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def print_notes(notes: Iterable[Message]) -> None:
    """Print each note by `print_line`; a text in it that is too long for a line is cut."""
    for note in notes:
        print_line(cut_long_fields(note).localized())


def print_line(text: str, prefix: str = "attnviz: ") -> None:
    """Print one line on standard error, control characters made visible, in the encoding that it has.

    A terminal that is narrower gets it in several lines, broken between words. Where standard error cannot be written
    nothing is said: what a command was called for goes on.
    """
    line = encodable(visible(f"{prefix}{text}"), _encoding(sys.stderr))
    try:
        print(_folded(line), file=sys.stderr, flush=True)
    except OSError:
        drop_output(sys.stderr)


def _folded(line: str) -> str:
    """Return the line as standard error shows it: broken between words at the width of a terminal, else as it is."""
    if not sys.stderr.isatty():
        return line
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        return line
    if width < NARROWEST:  # 0 where the terminal does not know it
        return line
    from attnviz.views.terminal.cell_width import fold

    return fold(line, width)


def is_unicode(stream: IO[str]) -> bool:
    """Return whether the stream can write any text."""
    return _encoding(stream).lower().replace("-", "").startswith("utf")


def _encoding(stream: IO[str]) -> str:
    return getattr(stream, "encoding", None) or "utf-8"
