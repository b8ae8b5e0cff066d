"""Read what a command works on: texts of the command line, a file, a matrix, weights, or standard input."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attnviz.cli.options import AttentionInput, TextInput
from attnviz.core.errors import InputError, OptionError, reason_of
from attnviz.core.read_file import (
    LARGEST_LABELS,
    LARGEST_TEXT,
    check_readable,
    decode,
    is_file,
    names_file,
    read_at_most,
    read_bytes,
)
from attnviz.i18n.messages import Message, listed, message


@dataclass(frozen=True, eq=False, repr=False)
class Source:
    """A text, or a file of vectors, of weights or of a picture in place of one."""

    text: str | None = None
    vectors: Path | NDArray[np.floating] | None = None
    keys: str | None = None
    weights: Path | None = None
    labels: str | list[str] | None = None
    image: Path | None = None


def read_sources(texts: list[str], inputs: AttentionInput, parts: Path | None = None) -> list[Source]:
    """Return the sources, in order. Read standard input for `-`, or when nothing is named and it is no terminal.

    parts: another file, which is read in the same encoding.
    """
    ways = (
        (message("TEXT"), texts),
        ("--file", inputs.file),
        ("--vectors", inputs.vectors),
        ("--weights", inputs.weights),
        ("--image", inputs.image),
    )
    named = [name for name, value in ways if value]
    if len(named) > 1:
        raise OptionError("Give one of {named}, not several.", named=listed(named))
    if [*texts, inputs.keys].count("-") > 1:
        raise OptionError("Standard input (-) can be read only once.")
    _check_labels(inputs)
    read = inputs.file or parts
    check_encoded(inputs.encoding, [*texts, inputs.keys], inputs.labels, read, inputs.vectors, named=bool(named))
    if inputs.weights is not None and inputs.keys is not None:
        raise keys_are_given()
    if inputs.image is not None:
        if inputs.keys is not None:
            raise OptionError("--image gives a picture, and --keys a text.", hint="Leave one of them out.")
        return [Source(image=inputs.image)]
    if inputs.weights is not None:
        return [Source(weights=inputs.weights)]
    if inputs.vectors is not None:
        return [_vectors(inputs)]
    if inputs.file is not None:
        found = [_decoded(read_bytes(inputs.file), inputs.file, inputs.encoding)]
    elif texts:
        found = [read_text(text, inputs.encoding) for text in texts]
    elif sys.stdin is None or sys.stdin.isatty():
        raise OptionError("There is no text.", hint='Write it after the command, for example: attnviz run "猫吃鱼".')
    else:
        found = [read_stdin(inputs.encoding)]
        if not found[0].strip():
            raise InputError(
                "Standard input is empty or blank: at least one word was expected.",
                hint='A text can stand after the command, too: attnviz run "猫吃鱼".',
            )
    keys = None if inputs.keys is None else read_text(inputs.keys, inputs.encoding)
    return [Source(text, keys=keys) for text in found]


def _vectors(inputs: AttentionInput) -> Source:
    """Return the source for --vectors: the file, or the names and numbers of a table in the encoding that is chosen."""
    assert inputs.vectors is not None
    labels: str | list[str] | None = read_labels(inputs.labels[0], inputs.encoding) if inputs.labels else None
    if inputs.encoding is None or inputs.vectors.suffix.lower() != ".csv":
        check_readable(inputs.vectors)
        return Source(vectors=inputs.vectors, keys=inputs.keys, labels=labels)
    from attnviz.cli.printing import print_notes
    from attnviz.toy.embeddings import read_vectors

    names, matrix, notes = read_vectors(inputs.vectors, inputs.encoding)
    print_notes(notes)
    return Source(vectors=matrix, keys=inputs.keys, labels=labels if labels is not None else list(names))


def read_source(texts: list[str], inputs: TextInput) -> Source:
    """Return the one text, or file of vectors, for commands that take one."""
    check_one(texts)
    given = AttentionInput(inputs.file, inputs.vectors, inputs.keys, inputs.labels, inputs.encoding)
    return read_sources(texts, given)[0]


def read_labels(argument: str, encoding: str | None) -> str:
    """Return --labels as they are split: the argument; with an encoding, the text of the file that it names."""
    labels = decode_argument(argument)
    if encoding is not None and names_file(labels):
        return decode(read_bytes(Path(labels), LARGEST_LABELS), Path(labels), encoding)
    return labels


def check_encoded(
    encoding: str | None,
    texts: list[str | None],
    labels: list[str],
    file: Path | None = None,
    vectors: Path | None = None,
    *,
    named: bool = True,
) -> None:
    """Raise OptionError for an --encoding that is none, or where nothing is read that has one.

    named: whether the command line names what is read; otherwise it is standard input.
    """
    if encoding is None:
        return
    from attnviz.core.encodings import check_encoding

    check_encoding(encoding)
    table = vectors is not None and vectors.suffix.lower() == ".csv"
    if not named or file is not None or table or "-" in texts or any(map(is_file, labels)):
        return
    raise OptionError(
        "--encoding says how a file or standard input is written; here neither is read as text.", hint="Leave it out."
    )


def quoted(text: str) -> str:
    """Return a text as one argument of a shell: in double quotes where they are enough.

    >>> print(quoted("the cat"), quoted('say "no"'))
    "the cat" 'say "no"'
    """
    from shlex import quote

    return quote(text) if set(text) & set('"$`\\!\n') else f'"{text}"'


def check_one(texts: list[str]) -> None:
    """Raise OptionError where several texts stand and one is expected."""
    if len(texts) > 1:
        raise OptionError(
            "This takes one text, not {count}.", hint="Put a text with spaces in quotes.", count=len(texts)
        )


def read_text(argument: str, encoding: str | None = None) -> str:
    """Return the text that an argument stands for: itself, or standard input for -."""
    if argument == "-":
        return read_stdin(encoding)
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
    """Raise OptionError for --labels, --normalize or --partial where they do not apply: a text has its own words."""
    if inputs.weights is None and inputs.vectors is None:
        check_names(inputs.labels)
    if len(inputs.labels) > (2 if inputs.vectors is None else 1):
        raise OptionError("--labels may be given once with --vectors and twice with --weights.")
    if inputs.weights is None:
        check_names([], normalize=inputs.normalize, partial=inputs.partial)


def check_names(labels: list[str], *, normalize: bool = False, partial: bool = False) -> None:
    """Raise OptionError for names of numbers, or for a way to read them, where there are no numbers."""
    if labels:
        raise OptionError("--labels names the rows of --weights or --vectors; there is neither.")
    if normalize:
        raise OptionError("--normalize is for the rows of --weights; there are none.")
    if partial:
        raise OptionError("--partial is for the rows of --weights; there are none.")


def decode_argument(text: str) -> str:
    """Return an argument as text: as the locale decoded it, or as UTF-8 where that left lone surrogates."""
    if not any("\udc80" <= letter <= "\udcff" for letter in text):
        return text
    try:
        return os.fsencode(text).decode("utf-8")
    except UnicodeError:
        return text


def read_stdin(encoding: str | None = None) -> str:
    """Read all of standard input as text in this encoding, UTF-8 for None."""
    name = message("Standard input")
    if sys.stdin is None:
        raise InputError("Standard input is closed.")
    stream = getattr(sys.stdin, "buffer", None)
    try:
        if stream is None:
            return sys.stdin.read()
        data = read_at_most(stream, LARGEST_TEXT, name)
    except OSError as error:
        raise InputError("Standard input cannot be read: {reason}.", reason=reason_of(error)) from None
    return _decoded(data, name, encoding)


def _decoded(data: bytes, name: Path | Message, encoding: str | None) -> str:
    """Return the bytes of a text in this encoding, UTF-8 for None; print a note where the locale's is likelier."""
    text = decode(data, name, encoding)
    if encoding is None and not text.isascii():
        from attnviz.core.encodings import of_locale

        if (other := of_locale(data, text)) is not None:
            from attnviz.cli.printing import print_notes

            note = message(
                "{name} was read as UTF-8; in {encoding}, the encoding of this locale, it begins with “{beginning}”. "
                "If that is right, add: --encoding {encoding}.",
                name=repr(name.name) if isinstance(name, Path) else name,
                encoding=other[0],
                beginning=" ".join(other[1][:400].split())[:20],
            )
            print_notes([note])
    return text


def need_plain_text(source: Source) -> str:
    """Return the text; raise OptionError for vectors, labels and keys, which no model of one stack reads."""
    if source.vectors is not None:
        raise OptionError("A model reads a text: give a text, not --vectors.")
    if source.keys is not None:
        raise OptionError("A model reads one text: --keys is for the toy.", hint="Leave it out.")
    assert source.text is not None
    return source.text
