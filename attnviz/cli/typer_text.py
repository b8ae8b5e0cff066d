"""Typer's own words in the reader's language: what it says in help texts and in errors.

Typer has its sentences as plain English strings. Here each stands as a template: it reads the sentence that typer made,
and its translation is said in its place. What a version of typer or rich does not have is left as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from string import Formatter
from typing import Any

from attnviz.i18n.messages import phrase, translate

# From the most to the least particular: the first that fits a sentence reads it.
SENTENCES = (
    phrase("No such option: {option} (Possible options: {options})"),
    phrase("No such option: {option}"),
    phrase("No such command {name}. Did you mean {names}?"),
    phrase("Missing command."),
    phrase("Option {option} does not take a value."),
    phrase("Option {option} requires an argument."),
    phrase("Got unexpected extra argument(s) ({words})"),
    phrase("Invalid value for {parameter}: {reason}"),
    phrase("Invalid value: {reason}"),
    phrase("Value error, {reason}"),  # typer 0.29, of a shell there is not
    phrase("{value} is not a valid int."),
    phrase("{value} is not a valid float."),
    phrase("{value} is not one of {choices}."),
    phrase("{shell} completion installed in {path}"),
    phrase("Completion will take effect once you restart the terminal"),
    phrase("Shell {shell} is not supported."),
)

HELP = {
    "ARGUMENTS_PANEL_TITLE": phrase("Arguments"),
    "OPTIONS_PANEL_TITLE": phrase("Options"),
    "COMMANDS_PANEL_TITLE": phrase("Commands"),
    "DEFAULT_STRING": phrase("[default: {}]"),
    "REQUIRED_LONG_STRING": phrase("[required]"),
}

WORDS = (
    phrase("[OPTIONS]"),
    phrase("COMMAND [ARGS]..."),
    phrase("Show this message and exit."),
    phrase("Install completion for the current shell."),
    phrase("Show completion for the current shell, to copy it or customize the installation."),
)

# What the values of arguments are; typer shows it in angle brackets.
KINDS = (phrase("str"), phrase("int"), phrase("float"), phrase("path"))


def reword(sentence: str) -> str:
    """Return Typer's sentence in the language in use; a sentence that is not known stays as it is.

    >>> reword("Missing command.")
    'Missing command.'
    """
    for template in SENTENCES:
        found = _reader(template).fullmatch(sentence)
        if found:
            return translate(template).format(**{name: reword(part) for name, part in found.groupdict().items()})
    return sentence


@contextmanager
def folding() -> Iterator[None]:
    """Break lines where Chinese may be broken, and cut none off, while typer prints a help.

    Rich breaks a line only at a space; and counting the 猫 of a line as one cell, it keeps a space too many at its end
    and then cuts the line off.
    """
    import rich.text

    from attnviz.text.line_breaking import divide
    from attnviz.views.terminal.cell_width import cell_len

    def always(text: str, width: int, fold: bool = True) -> list[int]:  # noqa: ARG001
        return divide(text, width, cell_len)  # a word that is longer than a line goes on in the next

    with _changed([(rich.text, "divide_line", always), (rich.text.Text, "rstrip_end", _crop_spaces)]):
        yield


def _crop_spaces(text: Any, size: int) -> None:
    """Drop spaces at the end of the line, as long as it has more than `size` cells."""
    while text.cell_len > size and text.plain[-1:].isspace():
        text.right_crop(1)


@contextmanager
def helping(command: Any, ctx: Any) -> Iterator[None]:
    """Put panels, words and lines into the language in use while typer prints the help of `command`."""
    from typer import rich_utils

    for name in ("options_metavar", "subcommand_metavar"):
        if hasattr(command, name):
            setattr(command, name, translate(getattr(command, name)))
    for parameter in command.get_params(ctx):
        for name in ("help", "metavar", "rich_help_panel"):
            if getattr(parameter, name, None):
                setattr(parameter, name, translate(getattr(parameter, name)))
    kinds = {id(one.type): one.type for one in command.get_params(ctx) if hasattr(one, "type")}  # before typer 0.29
    named = [(kind, "name", translate(kind.name)) for kind in kinds.values() if kind.name in KINDS]
    with folding(), _changed([*((rich_utils, name, translate(words)) for name, words in HELP.items()), *named]):
        yield


@contextmanager
def completing() -> Iterator[None]:
    """Put what typer says into the language in use while it installs completion for a shell."""
    import typer

    def reworded(say: Callable[..., None]) -> Callable[..., None]:
        return lambda sentence, **how: say(reword(sentence), **how)

    click = getattr(typer, "_click", None)
    owners = [(click, "echo"), (getattr(click, "termui", None), "secho")]
    with _changed([(owner, name, reworded(getattr(owner, name))) for owner, name in owners if hasattr(owner, name)]):
        yield


@contextmanager
def _changed(changes: list[tuple[Any, str, Any]]) -> Iterator[None]:
    """Give attributes other values inside the `with` block; one that its owner does not have is left out."""
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in changes if hasattr(owner, name)]
    try:
        for owner, name, value in changes:
            if hasattr(owner, name):
                setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


@cache
def _reader(template: str) -> re.Pattern[str]:
    """Return the pattern that reads the fields of a sentence made from this template."""
    parts = (re.escape(text) + (f"(?P<{name}>.+)" if name else "") for text, name, _, _ in Formatter().parse(template))
    return re.compile("".join(parts), re.DOTALL)
