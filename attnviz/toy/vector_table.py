"""Read a table of vectors, a row a token, as spreadsheets, pandas, polars, R and NumPy write it."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.read_file import LARGEST_TABLE, decode, read_bytes
from attnviz.core.types import Float64
from attnviz.i18n.messages import Message, message

_DELIMITERS = (";", "\t", ",", " ")  # a cell may hold those that come after its own
# What the first column is called where it is an index or holds the tokens.
_INDEX = re.compile(
    "|unnamed: 0|index|idx|id|key|no|nr|#|rows?|row[_.]?(id|names)|words?|tokens?|labels?|names?|text|"
    "词|字|词语|单词|标签|名称|序号|编号|索引",
    re.IGNORECASE,
)
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,\d+(e[+-]?\d+)?\s*", re.IGNORECASE)
_SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # the first line of a .csv that Excel reads in any country
_LARGEST = float(np.finfo(np.float32).max)
_SNIFFED = 100  # rows that tell what stands between the cells


class VectorTable(NamedTuple):
    """labels [n], None where the table has none, vectors [n, dim], and notes on what may be meant otherwise."""

    labels: tuple[str, ...] | None
    vectors: Float64
    notes: tuple[Message, ...] = ()


class _Row(NamedTuple):
    number: int  # in the file, from 1
    cells: list[str]


def read_table(path: Path, encoding: str | None) -> VectorTable:
    """Read a .csv in this encoding, UTF-8 for None.

    Cells are between commas, semicolons, tabs or spaces, whichever gives a table of numbers; where it is not the comma,
    a comma may stand in decimal numbers. A first column of labels, an index, which names nothing, and a header line are
    recognized. Raises InputError that names the row and the column, counted from 1, where something is wrong.
    """
    text = decode(read_bytes(path, LARGEST_TABLE), path, encoding)
    told = _SEPARATOR_LINE.match(text)
    delimiter = told[1] if told else _find_delimiter(text)
    return _table(_rows(text[told.end() :] if told else text, delimiter, path.name, 1 + bool(told)), path.name)


def _find_delimiter(text: str) -> str:
    """Return what stands between the cells: the first that gives a table of numbers, else one that gives columns."""
    likely = []
    for delimiter in _DELIMITERS:
        try:
            rows = _rows(text, delimiter, "", 1, most=_SNIFFED)
            if len({len(row.cells) for row in rows}) == 1 and len(rows[0].cells) > 1:
                likely.append(delimiter)
            _table(rows, "")
        except InputError:
            continue
        if delimiter in likely or delimiter == ",":
            return delimiter
    return next(iter(likely), ",")


def _rows(text: str, delimiter: str, name: str, first: int, most: int | None = None) -> list[_Row]:
    """Return the rows that are not blank; a comma in numbers becomes a point where no comma is between the cells.

    first: the number of the first row; most: how many are read.
    """
    rows = [
        _Row(number, cells)
        for number, cells in enumerate(islice(_cut(text, delimiter, name), most), first)
        if any(cell.strip() for cell in cells)
    ]
    if delimiter == " ":
        rows = [_Row(number, [cell for cell in cells if cell]) for number, cells in rows]
    if delimiter in (" ", "\t") and len(rows) > 1 and len(rows[0].cells) == len(rows[1].cells) - 1:
        rows[0] = _Row(rows[0].number, ["", *rows[0].cells])  # R leaves the name of the row names out
    if delimiter != ",":
        return _with_points(rows)
    return rows


def _cut(text: str, delimiter: str, name: str) -> Iterator[list[str]]:
    import csv

    rows = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        yield from rows
    except csv.Error:
        raise InputError(
            "{name!r} is not valid CSV: the error is at line {line}.",
            hint="Put a cell that contains quotes in quotes, and double each quote inside it.",
            name=name,
            line=rows.line_num,
        ) from None


def _with_points(rows: list[_Row]) -> list[_Row]:
    """Write decimal commas as points, where no number has a point: 1.000,5 may be two things, and stays."""
    numbers = [cell for _, cells in rows for cell in cells if _DECIMAL_COMMA.fullmatch(cell) or _is_number(cell)]
    if any("." in cell for cell in numbers):
        return rows
    return [
        _Row(number, [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells])
        for number, cells in rows
    ]


def _table(rows: list[_Row], name: str) -> VectorTable:
    cells = [row.cells for row in rows]
    indexed = bool(rows) and _is_index_header(cells)
    headed = indexed or (bool(rows) and _is_header(cells))
    if headed:
        rows = rows[1:]
    elif cells and [cell.strip() for cell in cells[0]] == ["0", "1"] and _are_decimals(cells[1:]):
        raise InputError(
            "{name!r}: row 1 is 0 and 1 above decimal numbers: it may number the columns, or be a vector.",
            hint="Leave it out, or write the vector as 0.0,1.0.",
            name=name,
        )
    if not rows:
        raise InputError("{name!r} has no numbers: one row a token was expected.", name=name)
    width = len(rows[0].cells)
    labelled = width > 1 and (indexed or _has_labels([cells[0] for _, cells in rows]))
    matrix = np.empty((len(rows), width - labelled))
    for i, row in enumerate(rows):
        if len(row.cells) != width:
            raise InputError(
                "{name!r}: the number of columns in row {row} is {got}, in row 1 it is {width}; all rows must be "
                "equally long.",
                name=name,
                row=row.number,
                got=len(row.cells),
                width=width,
            )
        for j in range(width - labelled):
            matrix[i, j] = _number(row, j + labelled, name)
    names = tuple(cells[0] for _, cells in rows)
    numbered = names == tuple(map(str, range(len(names))))  # an index that names nothing
    notes = () if labelled or headed else _header_notes(rows, matrix, name)
    return VectorTable(names if labelled and not (indexed and numbered) else None, matrix, notes)


def _header_notes(rows: list[_Row], matrix: Float64, name: str) -> tuple[Message, ...]:
    """Return a note where the first row, 0, 1, 2 and so on above other whole numbers, may number the columns.

    Rows of 0 and 1 alone, as one-hot vectors are, need none.
    """
    others = matrix[1:]
    if len(rows[0].cells) < 2 or not _numbers_columns(rows[0].cells) or np.isin(others, (0, 1)).all():
        return ()
    if (others != np.rint(others)).any():
        return ()
    return (
        message(
            "Row {row} of {name!r}, 0 to {last}, is read as a vector. If it numbers the columns, leave it out.",
            row=rows[0].number,
            name=name,
            last=matrix.shape[1] - 1,
        ),
    )


def _number(row: _Row, column: int, name: str) -> float:
    """Return the number in a cell; InputError names its row and column, counted from 1, where it has none."""
    cell = row.cells[column]
    fields: dict[str, Any] = {"name": name, "row": row.number, "column": column + 1, "cell": cell}
    if not _is_number(cell):
        raise InputError("{name!r}: row {row}, column {column} is {cell!r}; a number was expected.", **fields)
    number = float(cell)
    if not abs(number) <= _LARGEST:
        raise InputError(
            "{name!r}: row {row}, column {column} is {cell!r}; a finite number up to 3.4e38 was expected.", **fields
        )
    return number


def _is_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns: by words, or by numbers above nothing but decimal numbers."""
    first, *others = rows
    if not any(_is_finite(cell) for cell in first):
        return not first[0].strip() or not all(_is_number(cell) for cell in first)
    return len(first) > 2 and _numbers_columns(first) and _are_decimals(others)


def _are_decimals(rows: list[list[str]]) -> bool:
    """Return whether there are rows, and every cell is written with a point or an exponent."""
    return bool(rows) and all("." in cell or "e" in cell.lower() for cells in rows for cell in cells)


def _is_index_header(rows: list[list[str]]) -> bool:
    """Return whether the first row names the columns, and the first column is named as an index or not at all.

    It is `,0,1`, `index,0,1` or `id,x,y`, above rows of data.
    """
    first, *others = rows
    words = not any(_is_finite(cell) for cell in first)
    if len(first) < 2 or not others or not _INDEX.fullmatch(first[0].strip()):
        return False
    return words or _numbers_columns(first[1:])


def _numbers_columns(cells: list[str]) -> bool:
    """Return whether these cells are the numbers of columns, 0, 1, 2 and so on."""
    return [cell.strip() for cell in cells] == [str(number) for number in range(len(cells))]


def _has_labels(first_column: list[str]) -> bool:
    """Return whether the first column has words; nan, inf and 1e5 are words among words, and several of them alone.

    One cell of numbers that is none is a fault in a matrix, not a label.
    """
    words = [cell for cell in first_column if not _is_number(cell)]
    if not _is_number(first_column[0]) or 2 * len(words) > len(first_column):
        return True
    strange = {cell.strip().lower() for cell in first_column if _is_number(cell) and not _is_finite(cell)}
    if not any(map(_is_finite, first_column)):
        return len(strange) + len(words) > 1
    return bool(words) and (not _is_finite(first_column[0]) or not _is_plain(first_column[0]))


def _is_finite(cell: str) -> bool:
    """Return whether this is a number and none of the words nan, inf and infinity."""
    return _is_number(cell) and math.isfinite(float(cell))


def _is_plain(cell: str) -> bool:
    """Return whether this is written as a number of a table is, in digits and with no exponent."""
    return cell.strip().isascii() and not set(cell.lower()) & set("e_")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
