"""Read what a command works on: texts of the command line, a file, a matrix, weights, or standard input."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from attnviz.cli.options import AttentionInput, TextInput
from attnviz.core.errors import InputError, OptionError
from attnviz.core.read_file import decode, is_file, read_bytes
from attnviz.i18n.messages import listed, message


@dataclass(frozen=True)
class Source:
    """A text, or a file of vectors or of weights in place of one."""

    text: str | None = None
    vectors: Path | None = None
    keys: str | None = None
    weights: Path | None = None
    labels: str | None = None


def read_sources(texts: list[str], inputs: AttentionInput) -> list[Source]:
    """Return the sources, in order. Read standard input for `-`, or when nothing is named and it is no terminal."""
    ways = (
        (message("TEXT"), texts),
        ("--file", inputs.file),
        ("--vectors", inputs.vectors),
        ("--weights", inputs.weights),
    )
    named = [name for name, value in ways if value]
    if len(named) > 1:
        raise OptionError("Give one of {named}, not several.", named=listed(named))
    if [*texts, inputs.keys].count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    _check_labels(inputs)
    if inputs.weights is not None and inputs.keys is not None:
        raise keys_are_given()
    if inputs.weights is not None:
        return [Source(weights=inputs.weights)]
    if inputs.vectors is not None:
        read_bytes(inputs.vectors)
        return [Source(vectors=inputs.vectors, keys=inputs.keys)]
    if inputs.file is not None:
        found = [decode(read_bytes(inputs.file), f"{inputs.file.name!r}")]
    elif texts:
        found = [read_text(text) for text in texts]
    elif sys.stdin is None or sys.stdin.isatty():
        raise OptionError("There is no text.", hint='Write it after the command, for example: attnviz run "猫吃鱼".')
    else:
        found = [read_stdin()]
    keys = None if inputs.keys is None else read_text(inputs.keys)
    return [Source(text, keys=keys) for text in found]


def read_source(texts: list[str], inputs: TextInput) -> Source:
    """Return the one text, or file of vectors, for commands that take one."""
    check_one(texts)
    found = read_sources(texts, AttentionInput(inputs.file, inputs.vectors, inputs.keys, inputs.labels))[0]
    return replace(found, labels=decode_argument(inputs.labels[0]) if inputs.labels else None)


def check_one(texts: list[str]) -> None:
    """Raise OptionError where several texts stand and one is expected."""
    if len(texts) > 1:
        raise OptionError(
            "This takes one text, not {count}.", hint="Put a text with spaces in quotes.", count=len(texts)
        )


def read_text(argument: str) -> str:
    """Return the text that an argument stands for: itself, or standard input for -."""
    if argument == "-":
        return read_stdin()
    text = decode_argument(argument)
    if is_weights_file(text):
        raise OptionError(
            "{name!r} is a file here, not a text.", hint="A file of weights goes with --weights {name}.", name=text
        )
    return text


def is_weights_file(text: str) -> bool:
    """Return whether the text is the name of an existing .npz, .npy or .json file."""
    return text.lower().endswith((".npz", ".npy", ".json")) and is_file(text)


def keys_are_given() -> OptionError:
    """Return the error for --keys beside --weights."""
    return OptionError("--keys is a text; the file of --weights holds its own keys.", hint="Name them with --labels.")


def _check_labels(inputs: AttentionInput) -> None:
    """Raise OptionError for --labels or --normalize where they do not apply: a text has its own words."""
    if inputs.weights is None and inputs.vectors is None:
        check_names(inputs.labels)
    if len(inputs.labels) > (2 if inputs.vectors is None else 1):
        raise OptionError("--labels may be given once with --vectors and twice with --weights.")
    if inputs.weights is None:
        check_names([], normalize=inputs.normalize)


def check_names(labels: list[str], *, normalize: bool = False) -> None:
    """Raise OptionError for names of numbers, or for a way to read them, where there are no numbers."""
    if labels:
        raise OptionError("--labels names the rows of --weights or --vectors; there is neither.")
    if normalize:
        raise OptionError("--normalize is for the rows of --weights; there are none.")


def decode_argument(text: str) -> str:
    """Return an argument as UTF-8 text, also where the locale decoded its bytes to lone surrogates."""
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        return text


def read_stdin() -> str:
    """Read all of standard input as UTF-8."""
    if sys.stdin is None:
        raise InputError("Standard input is closed.")
    stream = getattr(sys.stdin, "buffer", None)
    return decode(stream.read(), message("Standard input")) if stream is not None else sys.stdin.read()
