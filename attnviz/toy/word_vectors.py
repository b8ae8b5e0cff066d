"""Word vectors in a text file, as word2vec, GloVe and fastText write them: one word a line, then its numbers.

The file is read line by line and only the rows that are asked for are kept, so that a file of gigabytes needs no more
memory than a small one. Every line is checked for how many numbers it has, for letters that no number has, and for
UTF-8; the numbers of a row that is kept are read and checked one by one.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import numpy as np

from attnviz.core.errors import InputError, reason_of
from attnviz.core.types import Float64

Progress = Callable[[int, int], None]  # called with the bytes that are read so far, and with all

SUFFIXES = (".vec", ".txt", ".gz")

_LONGEST_LINE = 1 << 22
_LINES_A_STEP = 2048
_SAMPLE = 1 << 16
_LEAST_UNPACKED, _MOST_UNPACKED = 1 << 26, 50  # bytes; times the file's size
_MOST_BLANK = 1_000_000
_NUMBER_LETTERS = b"0123456789+-.eE \t"
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Rows:
    """The vectors of the wanted words that a file has.

    wanted: the words that were looked for. vectors: those that are there, float64 [dim] each. words: how many the file
    has. promised: how many its first line says it has, or None.
    """

    wanted: frozenset[str]
    vectors: dict[str, Float64]
    dim: int
    words: int
    promised: int | None = None


def is_word_file(name: str) -> bool:
    """Return whether a name is that of a file of word vectors, by its suffix.

    >>> is_word_file("glove.6B.50d.txt"), is_word_file("wiki.zh.vec.gz"), is_word_file("toy")
    (True, True, False)
    """
    return name.lower().endswith(SUFFIXES)


def read_rows(path: Path, words: Collection[str], progress: Progress | None = None) -> Rows:
    """Read the rows of `words` from a word2vec or GloVe text file; the first of several with one word counts.

    A first line of two whole numbers, count and dim, may be there or not; the file may be gzipped. The numbers are
    counted from the right, so that a word may have spaces in it. progress(done, total) is told now and then how many
    bytes are read. Raises InputError that names the line, counted from 1, where something is wrong.
    """
    import zlib

    with _naming(path):
        try:
            return _File(path).read(frozenset(words), progress or _no_progress)
        except (EOFError, zlib.error):
            raise InputError(
                "{path!r} is not a complete gzip file: it is truncated or damaged.", path=str(path)
            ) from None


def check_word_file(path: Path) -> None:
    """Raise InputError where there is no file that can be read."""
    with _naming(path), open(path, "rb"):
        pass


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Raise InputError with the name of the file and the reason where the system does not open it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError("There is no file {path!r}.", hint="Check the name.", path=str(path)) from None
    except IsADirectoryError:
        raise InputError("{path!r} is a folder; a file was expected.", path=str(path)) from None
    except InputError:
        raise
    except (OSError, ValueError) as error:  # a ValueError: a null byte in the name
        raise InputError("{path!r} cannot be read: {reason}.", path=str(path), reason=reason_of(error)) from None


def _no_progress(done: int, total: int) -> None:
    """Do nothing: the default progress callback."""


class _File:
    """One reading of one file: how many numbers its lines have, and whether its first line said so."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        self.dim = 0
        self.promised: int | None = None

    def read(self, words: frozenset[str], progress: Progress) -> Rows:
        """Return the rows of `words`; every other line is only checked."""
        wanted = {word.encode("utf-8", "surrogatepass"): word for word in words}
        found: dict[str, Float64] = {}
        count = 0
        with _opened(self.path) as (stream, report):
            progress(0, max(1, self.path.stat().st_size))
            for number, line in enumerate(self._lines(stream), 1):
                if number % _LINES_A_STEP == 0:
                    report(progress)
                    self._check_unpacked(stream.tell(), number - count)
                if number == 1 and self._is_header(line):
                    continue
                if line:
                    count += 1
                    word, numbers = self._cut(line, number)
                    if word in wanted:
                        found[wanted.pop(word)] = self._numbers(numbers, number)
            report(progress)
        if not count:
            raise InputError(
                "{name!r} has no vectors: a word and its numbers on each line were expected.", name=self.name
            )
        return Rows(words, found, self.dim, count, self.promised)

    def _check_unpacked(self, size: int, blank: int) -> None:
        """Raise InputError for a file that unpacks to far more than word vectors do, or that is made of blank lines."""
        packed = self.path.stat().st_size
        if size > max(_LEAST_UNPACKED, _MOST_UNPACKED * packed):
            raise InputError(
                "{name!r} has {packed} bytes and unpacks to more than {size}: word vectors unpack to a few times their "
                "size.",
                name=self.name,
                packed=f"{packed:,}",
                size=f"{size:,}",
            )
        if blank > _MOST_BLANK:
            raise InputError(
                "{name!r} has more than {most} blank lines: a word and its numbers on each line were expected.",
                name=self.name,
                most=f"{_MOST_BLANK:,}",
            )

    def _lines(self, stream: IO[bytes]) -> Iterator[bytes]:
        """Yield the lines without what ends them; the byte order mark before the first is dropped."""
        first = True
        for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE), b""), 1):
            if len(line) == _LONGEST_LINE:
                raise InputError(
                    "{name!r}, line {line} is longer than {most} bytes: a word and its numbers were expected.",
                    name=self.name,
                    line=number,
                    most=f"{_LONGEST_LINE:,}",
                )
            yield (line.removeprefix(b"\xef\xbb\xbf") if first else line).rstrip()
            first = False

    def _is_header(self, line: bytes) -> bool:
        """Return whether the first line is `count dim`; if so, keep them as `promised` and `dim`."""
        cells = line.split()
        if len(cells) != 2 or not all(cell.isdigit() for cell in cells):
            return False
        self.promised, self.dim = int(cells[0]), int(cells[1])
        return True

    def _cut(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """Return a line's word and its numbers, both still as written."""
        if not self.dim or (self.promised is not None and number == 2):
            self._measure(line, number)
        word, _, numbers = line.partition(b" ")
        if line.count(b" ") != self.dim or b"  " in line:
            word, numbers = self._from_the_right(line, number)
        if numbers.translate(None, _NUMBER_LETTERS):
            self._numbers(numbers, number)
        try:
            word.decode("utf-8")
        except UnicodeDecodeError:
            from shlex import quote

            encoding = self._encoding()
            raise InputError(
                "{name!r}, line {line}: the word is not UTF-8.",
                hint="Convert it with: iconv -f {guess} -t utf-8 {file} > utf8.vec."
                if encoding
                else "Save it as UTF-8.",
                name=self.name,
                line=number,
                guess=encoding,
                file=quote(str(self.path)),
            ) from None
        return word, numbers

    def _encoding(self) -> str | None:
        """Return the encoding that the words are likely to be in, None where none is or the file must be unpacked."""
        from attnviz.core.encodings import guess_encoding

        if self.path.suffix.lower() == ".gz":
            return None
        with _opened(self.path) as (stream, _):
            return guess_encoding(b" ".join(line.partition(b" ")[0] for line in stream.read(_SAMPLE).split(b"\n")))

    def _measure(self, line: bytes, number: int) -> None:
        """Learn from the first row how many numbers there are, or that the header lied."""
        got = _count_numbers(line)
        between = line.split()[1 : -got or None]  # the rest of a word with spaces, or a number that is none
        if between and (len(between) + got == self.dim if self.promised is not None else _has_number(between)):
            self._refuse(between[-1], number)
        if self.promised is not None and got != self.dim and not (got > self.dim and _is_spaced(line, self.dim)):
            raise InputError(
                "{name!r}: line 1 declares {dim} numbers a word, line {line} has {got}.",
                name=self.name,
                dim=self.dim,
                line=number,
                got=got,
            )
        if not got:
            raise InputError(
                "{name!r}, line {line}: a word and its numbers were expected.", name=self.name, line=number
            )
        self.dim = self.dim or got

    def _from_the_right(self, line: bytes, number: int) -> tuple[bytes, bytes]:
        """Split a line into word and numbers from its right end: words may have spaces, numbers any white space."""
        cells = line.split()
        if len(cells) <= self.dim or not _is_spaced(line, self.dim):
            raise InputError(
                "{name!r}, line {line}: a word and {dim} numbers were expected, not {got}.",
                name=self.name,
                line=number,
                dim=self.dim,
                got=_count_numbers(line) or len(cells) - 1,
            )
        return line.rsplit(None, self.dim)[0], b" ".join(cells[-self.dim :])

    def _numbers(self, written: bytes, number: int) -> Float64:
        """Return the numbers, float64 [dim], all finite and within float32."""
        cells = written.split()
        row = np.array([_number(cell) for cell in cells])
        wrong = np.flatnonzero(~(np.abs(row) <= _LARGEST))
        if len(wrong):
            self._refuse(cells[wrong[0]], number)
        return row

    def _refuse(self, wrong: bytes, number: int) -> NoReturn:
        raise InputError(
            "{name!r}, line {line}: {cell!r} is not a finite number up to 3.4e38.",
            name=self.name,
            line=number,
            cell=wrong.decode("utf-8", "backslashreplace"),
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], Callable[[Progress], None]]]:
    """Open a file, unpacked where it is gzipped, with a function that reports how many of its own bytes are read."""
    with open(path, "rb", buffering=0) as raw:
        if not raw.seekable():
            raise InputError("{path!r} is a pipe, a device or a folder; a file was expected.", path=str(path))
        total = raw.seek(0, io.SEEK_END)
        raw.seek(0)
        buffered = io.BufferedReader(raw, 1 << 20)
        stream: IO[bytes] = buffered
        if buffered.peek(2)[:2] == b"\x1f\x8b":
            import gzip

            stream = io.BufferedReader(gzip.GzipFile(fileobj=buffered), 1 << 20)
        yield stream, lambda progress: progress(raw.tell(), total)


def _number(cell: bytes) -> float:
    """Return the number, or nan where it is none."""
    try:
        return float(cell) if b"_" not in cell else np.nan
    except ValueError:
        return np.nan


def _count_numbers(line: bytes) -> int:
    """Return how many numbers stand at the line's end; the line's first part is the word and never counts."""
    cells = line.split()
    count = 0
    while count < len(cells) - 1 and not np.isnan(_number(cells[-1 - count])):
        count += 1
    return count


def _has_number(cells: list[bytes]) -> bool:
    return not all(np.isnan(_number(cell)) for cell in cells)


def _is_spaced(line: bytes, dim: int) -> bool:
    """Return whether what stands before the last `dim` numbers may be one word: with spaces, but not a number more."""
    before = line.split()[:-dim]
    return len(before) == 1 or (len(before) > 1 and np.isnan(_number(before[-1])))
