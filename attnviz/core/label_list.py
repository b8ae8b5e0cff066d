"""Names for rows and columns, as people type them."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from attnviz.core.errors import InputError, OptionError
from attnviz.core.read_file import LARGEST_LABELS, decode, names_file, read_bytes


def check_labels(labels: object) -> None:
    """Raise OptionError for labels that are no string and no list of strings."""
    several = isinstance(labels, Iterable) and all(isinstance(each, str) for each in labels)
    if not isinstance(labels, str) and not several:
        raise OptionError("labels are a string or a list of strings, not {value!r}.", value=labels)


def split_labels(text: str, count: int) -> list[str]:
    """Return `count` names out of a file or a list.

    The name of a file that is there stands for its text. Lines are tried first, then commas (with quotes as in CSV),
    then white space, and where there are none of these single characters (猫吃鱼 names three rows): the first that
    gives `count` names is meant. Raises InputError where none does.
    """
    import csv  # loaded only where names are given

    words = decode(read_bytes(Path(text), LARGEST_LABELS), Path(text)) if names_file(text) else text
    lines = [line for line in words.splitlines() if line.strip()]
    try:
        commas = [cell for row in csv.reader(io.StringIO(words), skipinitialspace=True) for cell in row]
    except csv.Error:  # a cell that is longer than the reader takes
        commas = []
    ways = [lines, [cell.strip() for cell in commas], words.split()]
    if ways[2] == [words] and "," not in words:
        ways.append(list(words))
    for names in ways:
        if len(names) == count:
            return names
    raise InputError(
        "The number of names in --labels ({labels}) must be that of the rows or columns ({count}).",
        hint="Name a file with one a line, or separate them by commas or spaces.",
        labels=max(map(len, ways[:3])),
        count=count,
    )
