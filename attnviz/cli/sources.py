"""Where a text comes from: the command line, a file, a matrix, or standard input."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from attnviz.cli.options import Input, Plain
from attnviz.core.errors import InputError, OptionError
from attnviz.core.read_file import decode, is_file, read_bytes
from attnviz.i18n.messages import listed, message


@dataclass(frozen=True)
class Source:
    """A text, or a file of vectors or of weights in its place."""

    text: str | None = None
    vectors: Path | None = None
    keys: str | None = None
    weights: Path | None = None
    labels: str | None = None


def read_sources(texts: list[str], given: Input) -> list[Source]:
    """What to look at, in order. Standard input is read for `-`, or when nothing is named and it is no terminal."""
    ways = (
        (message("TEXT"), texts),
        ("--file", given.file),
        ("--vectors", given.vectors),
        ("--weights", given.weights),
    )
    named = [name for name, value in ways if value]
    if len(named) > 1:
        raise OptionError("Give one of {named}, not several.", named=listed(named))
    if [*texts, given.keys].count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    _check_labels(given)
    if given.weights is not None and given.keys is not None:
        raise keys_are_given()
    if given.weights is not None:
        return [Source(weights=given.weights)]
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


def read_source(texts: list[str], given: Plain) -> Source:
    """The one text, or file of vectors, to look at, for commands that take one."""
    check_one(texts)
    found = read_sources(texts, Input(given.file, given.vectors, given.keys, given.labels))[0]
    return replace(found, labels=as_typed(given.labels[0]) if given.labels else None)


def check_one(texts: list[str]) -> None:
    """Raise OptionError where several texts stand and one is expected."""
    if len(texts) > 1:
        raise OptionError(
            "This takes one text, not {count}.", hint="Put a text with spaces in quotes.", count=len(texts)
        )


def read_text(argument: str) -> str:
    """The text that an argument stands for: itself, or standard input for -."""
    if argument == "-":
        return read_stdin()
    text = as_typed(argument)
    if is_weights_file(text):
        raise OptionError(
            "{name!r} is a file here, not a text.", hint="A file of weights goes with --weights {name}.", name=text
        )
    return text


def is_weights_file(text: str) -> bool:
    """Whether the text is the name of a file that is there, of a kind that nobody takes for a sentence."""
    return text.lower().endswith((".npz", ".npy", ".json")) and is_file(text)


def keys_are_given() -> OptionError:
    """The error for a text of keys beside weights."""
    return OptionError("--keys is a text; the file of --weights holds its own keys.", hint="Name them with --labels.")


def _check_labels(given: Input) -> None:
    """Names and --normalize are for numbers that have none; a text has its own words."""
    if given.weights is None and given.vectors is None:
        check_names(given.labels)
    if len(given.labels) > (2 if given.vectors is None else 1):
        raise OptionError("--labels may be given once with --vectors and twice with --weights.")
    if given.weights is None:
        check_names([], normalize=given.normalize)


def check_names(labels: list[str], *, normalize: bool = False) -> None:
    """Raise OptionError for names of numbers, or for a way to read them, where there are no numbers."""
    if labels:
        raise OptionError("--labels names the rows of --weights or --vectors; there is neither.")
    if normalize:
        raise OptionError("--normalize is for the rows of --weights; there are none.")


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
