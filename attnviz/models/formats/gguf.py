"""A .gguf file: its metadata, and its arrays, which stay on disk until they are needed.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. A count, a length or an offset is believed only
where the file is large enough for it. Arrays of strings (a vocabulary has 100,000) are stepped over and decoded later.
"""

from __future__ import annotations

import os
import re
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message, message
from attnviz.models.formats.files import Bytes, map_bytes
from attnviz.models.formats.gguf_quantization import FORMATS, NumberFormat, to_float32
from attnviz.models.formats.tensors import Tensors

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_MOST_DIMENSIONS = 8
_LONGEST_NAME = 65_535
_LENGTH = struct.Struct("<Q")


class GgufEntry(NamedTuple):
    """One array: its shape (slowest axis first, as in NumPy), its number format, and the place of its bytes.

    part: the number of its file, where a model is split into several.
    """

    shape: tuple[int, ...]
    format: NumberFormat
    start: int
    size: int
    part: int = 0


class GgufStrings:
    """An array of strings that are decoded when first needed."""

    def __init__(self, data: memoryview, places: list[int]) -> None:
        self._data = data
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def read(self) -> list[str]:
        """Decode all of them; bytes that are no UTF-8 become U+FFFD."""
        data, length = self._data, _LENGTH.unpack_from
        return [str(data[place + 8 : place + 8 + length(data, place)[0]], "utf-8", "replace") for place in self._places]


class JoinedBytes:
    """The bytes of several pieces as if they were one file: a range is a view of its piece, or a copy from several."""

    def __init__(self, pieces: Sequence[Bytes]) -> None:
        self._pieces = pieces
        self._ends = list(accumulate(len(piece) for piece in pieces))
        self.size = self._ends[-1]

    def is_whole(self, start: int, size: int) -> bool:
        """Return whether a range lies in one piece."""
        return bisect_right(self._ends, start) == bisect_left(self._ends, start + size)

    def cut(self, start: int, size: int) -> Bytes:
        """Return `size` bytes from `start` on, flat."""
        found = []
        for piece, end in zip(self._pieces, self._ends, strict=True):
            first = end - len(piece)
            if end > start and first < start + size:
                found.append(piece[max(0, start - first) : start + size - first])
        return found[0] if len(found) == 1 else np.concatenate(found)

    def beginnings(self) -> Iterator[memoryview]:
        """Yield the first piece, then the first two joined, and so on."""
        for count in range(1, len(self._pieces) + 1):
            yield (self._pieces[0] if count == 1 else np.concatenate(self._pieces[:count])).data


class GgufFile(Tensors):
    """The arrays of one file by name, each converted to float32 when it is read; `metadata` by its keys.

    Raises InputError, quickly and without allocating what a count claims, where the file contradicts itself.
    """

    def __init__(self, path: Path, pieces: Sequence[Path] = ()) -> None:
        """Open a file; pieces: those of a file that is cut into several, whatever their bytes, in order."""
        self.path = path
        self.metadata: dict[str, Any] = {}
        self.entries: dict[str, GgufEntry] = {}
        self._parts: list[JoinedBytes] = []
        self._read_part(path, pieces)
        count = self.metadata.get("split.count", 1)
        if type(count) is int and 1 < count < 100_000:
            found = {_whole_or_none(self.metadata.get("split.no")): path}
            for part in _part_files(path, count):
                if part != path:
                    self._add_part(part, found)
            self._check_parts(count)

    def _add_part(self, path: Path, found: dict[int | None, Path]) -> None:
        """Read another part; found: those that were read, by the number that each gives itself.

        Raises InputError where it is missing, or is a part of another model as far as that can be told.
        """
        if not os.path.lexists(path):
            raise InputError(
                "{path!r} is one of the {count} parts of a model, and it is missing.",
                hint="Put all of them into one folder.",
                path=str(path),
                count=self.metadata["split.count"],
            )
        own = self._read_part(path, before=found)
        found[_whole_or_none(own.get("split.no"))] = path

    def _check_part(self, path: Path, own: dict[str, Any], found: dict[int | None, Path]) -> None:
        """Raise InputError where a part's own metadata says that it is of another model; see `_add_part`."""
        number, count = _whole_or_none(own.get("split.no")), _whole_or_none(own.get("split.count", 1))
        if count == self.metadata["split.count"] and number not in found:
            return
        if number is None or count in (None, 1):
            raise InputError(
                "{path!r} is a whole model, and no part of {whole!r}.",
                hint="Put all parts of one model into one folder, and nothing else under their names.",
                path=str(path),
                whole=str(self.path),
            )
        raise InputError(
            "{path!r} is no part of {whole!r} beside the others: it says that it is part {number} of {count}.",
            hint="Put all parts of one model into one folder, and nothing else under their names.",
            path=str(path),
            whole=str(self.path),
            number=number + 1,
            count=count,
        )

    def _check_parts(self, count: int) -> None:
        """Raise InputError where the parts have not as many arrays as they say."""
        arrays = _whole_or_none(self.metadata.get("split.tensors.count"))
        if arrays not in (None, len(self.entries)):
            raise InputError(
                "The {count} parts of {path!r} have {found} arrays together, and the model has {arrays}: one of them "
                "is of another model.",
                count=count,
                path=str(self.path),
                found=len(self.entries),
                arrays=arrays,
            )

    def _read_part(
        self, path: Path, pieces: Sequence[Path] = (), before: dict[int | None, Path] | None = None
    ) -> dict[str, Any]:
        """Add the arrays and the metadata of a file; return its own metadata. before: see `found` of `_add_part`."""
        data = JoinedBytes([map_bytes(piece) for piece in pieces or (path,)])
        cursor, metadata, found = _read_header(data, path)
        if before is not None:
            self._check_part(path, metadata, before)
        for name, entry in found.items():
            if name in self.entries:
                raise cursor.broken(message("it names {key!r} twice", key=name))
            self.entries[name] = entry._replace(part=len(self._parts))
        self._parts.append(data)
        self.metadata = metadata | self.metadata
        return metadata

    def rows(self, name: str, indexes: NDArray[np.integer]) -> Float32:
        """Return some rows of an array [rows, ...] as float32 [*indexes, ...]; other rows are never read."""
        entry = self.entries[name]
        per_row = entry.size // entry.shape[0]
        chosen = np.asarray(indexes).ravel()
        data = self._parts[entry.part]
        if data.is_whole(entry.start, entry.size):
            picked = self._flat(entry).reshape(entry.shape[0], per_row)[chosen].ravel()
        else:
            starts = entry.start + np.arange(entry.shape[0])[chosen] * per_row
            picked = np.concatenate([data.cut(int(start), per_row) for start in starts] or [np.empty(0, np.uint8)])
        return to_float32(picked, entry.format).reshape(*np.shape(indexes), *entry.shape[1:])

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
        return self.entries[name].shape

    def _flat(self, entry: GgufEntry) -> NDArray[np.uint8]:
        """Return an array's bytes, flat."""
        return self._parts[entry.part].cut(entry.start, entry.size)

    def __getitem__(self, name: str) -> Float32:
        entry = self.entries[name]
        return to_float32(self._flat(entry), entry.format).reshape(entry.shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries


def _whole_or_none(value: Any) -> int | None:
    """Return a whole number of the metadata; None for anything else."""
    return value if type(value) is int else None


def _part_files(path: Path, count: int) -> list[Path]:
    """Return the files of a model that is split as NAME-00001-of-00003.gguf; InputError for another name."""
    found = re.fullmatch(r"(.*)-\d{5}-of-(\d{5})\.gguf", path.name)
    if found is None or int(found.group(2)) != count:
        raise InputError(
            "{path!r} is one of {count} parts, but its name does not have the form NAME-00001-of-{count:05}.gguf.",
            path=str(path),
            count=count,
        )
    return [path.with_name(f"{found.group(1)}-{part:05}-of-{count:05}.gguf") for part in range(1, count + 1)]


def _read_header(data: JoinedBytes, path: Path) -> tuple[_Cursor, dict[str, Any], dict[str, GgufEntry]]:
    """Read what stands before the arrays: the metadata and the arrays' entries; of pieces, as few as it takes."""
    wrong: InputError | None = None
    for beginning in data.beginnings():
        cursor = _Cursor(beginning, path, data.size)
        try:
            tensors, pairs = _read_preamble(cursor)
            metadata = _read_metadata(cursor, pairs)
            return cursor, metadata, _read_entries(cursor, tensors, metadata.get("general.alignment", 32))
        except InputError as error:
            wrong = error
    raise wrong or InputError("{path!r} is empty.", path=str(path))


class _Cursor:
    """A position in the file's beginning; raises InputError before anything beyond its end is read.

    size: the number of bytes of the whole file.
    """

    def __init__(self, data: memoryview, path: Path, size: int) -> None:
        self.data = data
        self.path = path
        self.size = size
        self.at = 0

    def broken(self, what: Message) -> InputError:
        """Return the error for a file that contradicts itself."""
        return InputError("{path!r} is not a valid GGUF file: {what}.", path=str(self.path), what=what)

    def take(self, count: int) -> int:
        """Step over `count` bytes, and return where they began."""
        start = self.at
        if count > len(self.data) - start:
            raise self.broken(
                message(
                    "the data at byte {start} needs {count} bytes, and the file has {size}",
                    start=f"{start:,}",
                    count=f"{count:,}",
                    size=f"{len(self.data):,}",
                )
            )
        self.at += count
        return start

    def number(self, code: str) -> Any:
        """Read a little-endian number of the struct module's format `code`."""
        layout = struct.Struct("<" + code)
        return layout.unpack_from(self.data, self.take(layout.size))[0]

    def text(self, most: int | None = None) -> str:
        """Read a string of at most `most` bytes."""
        length = self.number("Q")
        if most is not None and length > most:
            raise self.broken(message("a name declares a length of {length} bytes", length=f"{length:,}"))
        start = self.take(length)
        return str(self.data[start : start + length], "utf-8", "replace")

    def strings(self, count: int) -> GgufStrings:
        """Step over `count` strings, and remember where each is."""
        data, at, end, length = self.data, self.at, len(self.data) - 8, _LENGTH.unpack_from
        places = []
        for _ in range(count):
            if at > end:
                break
            places.append(at)
            at += 8 + length(data, at)[0]
        if len(places) < count or at > len(data):
            raise self.broken(
                message(
                    "an array of strings ({count}) runs past the end of the file ({size} bytes)",
                    count=f"{count:,}",
                    size=f"{len(data):,}",
                )
            )
        self.at = at
        return GgufStrings(data, places)


def _read_preamble(cursor: _Cursor) -> tuple[int, int]:
    """Return the number of arrays and of key-value pairs that follow."""
    if bytes(cursor.data[:4]) != b"GGUF":
        raise cursor.broken(message("it does not begin with GGUF"))
    cursor.take(4)
    version = cursor.number("I")
    if version not in (2, 3):
        if version and version & 0xFFFF == 0:
            raise cursor.broken(message("it is written for big-endian machines"))
        raise cursor.broken(message("its version is {version}; versions 2 and 3 are supported", version=version))
    tensors, pairs = cursor.number("Q"), cursor.number("Q")
    if tensors > cursor.size // 24 or pairs > cursor.size // 13:
        raise cursor.broken(
            message(
                "it declares {tensors} arrays and {pairs} entries in {size} bytes",
                tensors=f"{tensors:,}",
                pairs=f"{pairs:,}",
                size=f"{cursor.size:,}",
            )
        )
    return tensors, pairs


def _read_metadata(cursor: _Cursor, pairs: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(pairs):
        key = cursor.text(_LONGEST_NAME)
        if key in found:
            raise cursor.broken(message("it names {key!r} twice", key=key))
        found[key] = _read_value(cursor, cursor.number("I"), key)
    return found


def _read_value(cursor: _Cursor, kind: int, key: str) -> Any:
    if kind in _SCALARS:
        return cursor.number(_SCALARS[kind])
    if kind == _STRING:
        return cursor.text()
    if kind != _ARRAY:
        raise cursor.broken(message("{key!r} is of the unknown type {kind}", key=key, kind=kind))
    kind, count = cursor.number("I"), cursor.number("Q")
    if kind in _SCALARS:
        layout = np.dtype("<" + _SCALARS[kind]) if _SCALARS[kind] != "?" else np.dtype(np.bool_)
        start = cursor.take(count * layout.itemsize)
        return np.frombuffer(cursor.data[start : start + count * layout.itemsize], layout)
    if kind == _STRING:
        return cursor.strings(count)
    raise cursor.broken(message("{key!r} is an array of the unknown type {kind}", key=key, kind=kind))


def _read_entries(cursor: _Cursor, count: int, alignment: Any) -> dict[str, GgufEntry]:
    if type(alignment) is not int or alignment < 1 or alignment & (alignment - 1):
        raise cursor.broken(message("its alignment is {alignment}, not a power of two", alignment=alignment))
    found = {}
    for _ in range(count):
        name = cursor.text(_LONGEST_NAME)
        if name in found:
            raise cursor.broken(message("it names {key!r} twice", key=name))
        found[name] = _read_entry(cursor, name, alignment)
    start = -(-cursor.at // alignment) * alignment
    placed = {name: entry._replace(start=entry.start + start) for name, entry in found.items()}
    _check_coverage(cursor, placed)
    return placed


def _read_entry(cursor: _Cursor, name: str, alignment: int) -> GgufEntry:
    dimensions = cursor.number("I")
    if dimensions > _MOST_DIMENSIONS:
        raise cursor.broken(message("{name!r} declares {count} dimensions", name=name, count=f"{dimensions:,}"))
    shape = tuple(cursor.number("Q") for _ in range(dimensions))
    kind, offset = cursor.number("I"), cursor.number("Q")
    if kind not in FORMATS:
        raise cursor.broken(message("{name!r} is in the unknown number format {kind}", name=name, kind=kind))
    numbers = 1
    for size in shape:
        numbers *= size
    number_format = FORMATS[kind]
    if not shape or shape[0] % number_format.block or not numbers:
        raise cursor.broken(
            message(
                "{name!r} of shape {shape} is not in whole blocks of {format}",
                name=name,
                shape=shape[::-1],
                format=number_format.name,
            )
        )
    if offset % alignment:
        raise cursor.broken(message("{name!r} is not aligned to {alignment} bytes", name=name, alignment=alignment))
    return GgufEntry(shape[::-1], number_format, offset, numbers // number_format.block * number_format.size)


def _check_coverage(cursor: _Cursor, entries: dict[str, GgufEntry]) -> None:
    """Raise InputError unless every array lies inside the file, and none on another."""
    reached, before = 0, ""
    for name, entry in sorted(entries.items(), key=lambda item: item[1].start):
        if entry.start + entry.size > cursor.size:
            raise cursor.broken(
                message(
                    "{name!r} ends at byte {end}, and the file has {size}",
                    name=name,
                    end=f"{entry.start + entry.size:,}",
                    size=f"{cursor.size:,}",
                )
            )
        if entry.start < reached:
            raise cursor.broken(message("{name!r} overlaps {before!r}", name=name, before=before))
        reached, before = entry.start + entry.size, name
