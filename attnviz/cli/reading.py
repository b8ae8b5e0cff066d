"""Where a text comes from: the command line, a file, a matrix, or standard input."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from attnviz.cli.options import Input
from attnviz.embeddings import decode
from attnviz.errors import InputError, OptionError, reason_of
from attnviz.messages import listed, message


@dataclass(frozen=True)
class Source:
    """A text, or a file of vectors in its place."""

    text: str | None = None
    vectors: Path | None = None
    keys: str | None = None


def read_sources(texts: list[str], given: Input) -> list[Source]:
    """What to look at, in order. Standard input is read for `-`, or when nothing is named and it is no terminal."""
    ways = ((message("TEXT"), texts), ("--file", given.file), ("--vectors", given.vectors))
    named = [name for name, value in ways if value]
    if len(named) > 1:
        raise OptionError("Give one of {named}, not several.", named=listed(named))
    if [*texts, given.keys].count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    if given.vectors is not None:
        read_bytes(given.vectors)
        return [Source(vectors=given.vectors, keys=given.keys)]
    if given.file is not None:
        found = [decode(read_bytes(given.file), f"{given.file.name!r}")]
    elif texts:
        found = [read_text(text) for text in texts]
    elif sys.stdin is None or sys.stdin.isatty():
        raise OptionError("There is no text.", hint='Write it after the command, as in: attnviz run "猫吃鱼".')
    else:
        found = [read_stdin()]
    keys = None if given.keys is None else read_text(given.keys)
    return [Source(text, keys=keys) for text in found]


def read_source(texts: list[str], given: Input) -> Source:
    """The one text to look at, for commands that take one."""
    if len(texts) > 1:
        raise OptionError(
            "This takes one text, not {count}.", hint="Put a text with spaces in quotes.", count=len(texts)
        )
    return read_sources(texts, given)[0]


def read_text(argument: str) -> str:
    """The text that an argument stands for: itself, or standard input for -."""
    return read_stdin() if argument == "-" else as_typed(argument)


def as_typed(text: str) -> str:
    """The text of an argument as UTF-8, also where the locale made its bytes into lone surrogates."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        return text


def read_stdin() -> str:
    """All of standard input as UTF-8."""
    if sys.stdin is None:
        raise InputError("Standard input is closed.")
    stream = getattr(sys.stdin, "buffer", None)
    return decode(stream.read(), message("Standard input")) if stream is not None else sys.stdin.read()


def read_bytes(path: Path) -> bytes:
    """A file's bytes; InputError says why it cannot be read."""
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise InputError("{path!r} is a folder; a file was expected.", path=str(path)) from None
    except FileNotFoundError:
        raise InputError("There is no file {path!r}.", hint="Check the name.", path=str(path)) from None
    except (OSError, ValueError) as error:
        raise InputError("{path!r} cannot be read: {reason}.", path=str(path), reason=reason_of(error)) from None
