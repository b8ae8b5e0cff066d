"""Weights in safetensors files: the header is checked against the file, the numbers stay on disk until they are needed.

The format is 8 bytes of length, a JSON header, and the numbers (https://github.com/huggingface/safetensors). The
safetensors library copies what it reads, and has no bfloat16 for NumPy; mapped into memory, only the rows of an
embedding that a sentence needs are ever read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_there
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.formats.files import Bytes, check_file, map_bytes, parse_object, read_json
from attnviz.models.formats.tensors import Tensors

INDEX = "model.safetensors.index.json"
_LONGEST_HEADER = 100_000_000  # the library's own limit
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": np.uint16,
    "BOOL": np.bool_,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U64": np.uint64,
    "U32": np.uint32,
    "U16": np.uint16,
    "U8": np.uint8,
    "F8_E4M3": np.uint8,
    "F8_E5M2": np.uint8,
    "F8_E8M0": np.uint8,
}
# What is stored as bits that NumPy has no type for: bfloat16 and the kinds of float8.
_BITS = ("BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0")
# Formats of safetensors that are not read, though a file that has them is sound.
_OTHERS = ("F4", "F6_E2M3", "F6_E3M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "C64")
_KNOWN = listed(_DTYPES)


class SafetensorsEntry(NamedTuple):
    """One array of a file: its dtype's name, its shape, and the place of its bytes, counted from the header's end."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class SafetensorsFile(Tensors):
    """The arrays of one file by name, each converted to float32 when it is read.

    Raises InputError, quickly and without allocating what a header claims, where header and file do not fit.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._bytes = map_bytes(path)
        length = self._header_length()
        header = parse_object(self._bytes[8 : 8 + length].tobytes(), str(path))
        self._data = self._bytes[8 + length :]
        header.pop("__metadata__", None)
        self.entries = {name: self._entry(name, value) for name, value in header.items()}
        self._check_coverage()

    def _header_length(self) -> int:
        if len(self._bytes) < 8:
            raise self._broken(message("it has {size} bytes, and its header needs at least 8", size=len(self._bytes)))
        length = int(self._bytes[:8].view("<u8")[0])
        if length > min(len(self._bytes) - 8, _LONGEST_HEADER):
            raise self._broken(
                message(
                    "its header declares {length} bytes, and the file has {size}",
                    length=f"{length:,}",
                    size=f"{len(self._bytes):,}",
                )
            )
        return length

    def _entry(self, name: str, value: Any) -> SafetensorsEntry:
        found = value if isinstance(value, Mapping) else {}
        dtype, shape, offsets = (
            found.get("dtype"),
            _whole_numbers(found.get("shape")),
            _whole_numbers(found.get("data_offsets")),
        )
        if shape is None or offsets is None or len(offsets) != 2:
            raise self._broken(message("{name!r} has no dtype, shape and data_offsets", name=name))
        if isinstance(dtype, str) and dtype in _OTHERS:
            raise InputError(
                "{path!r} holds {name!r} in the number format {dtype}, which attnviz does not read; it reads {known}.",
                hint="Give the checkpoint that it was made from, or a GGUF of it.",
                path=str(self.path),
                name=name,
                dtype=dtype,
                known=_KNOWN,
            )
        if not isinstance(dtype, str) or dtype not in _DTYPES:
            raise self._broken(
                message("{name!r} has dtype {dtype}; supported: {known}", name=name, dtype=dtype, known=_KNOWN)
            )
        start, end = offsets
        if not start <= end <= len(self._data):
            raise self._broken(
                message(
                    "{name!r} lies at bytes {start} to {end}, and the file has {size}",
                    name=name,
                    start=f"{start:,}",
                    end=f"{end:,}",
                    size=f"{len(self._data):,}",
                )
            )
        wanted = np.dtype(_DTYPES[dtype]).itemsize * prod(shape)
        if wanted != end - start:
            raise self._broken(
                message(
                    "{name!r} of shape {shape} and dtype {dtype} needs {wanted} bytes, not {found}",
                    name=name,
                    shape=shape,
                    dtype=dtype,
                    wanted=f"{wanted:,}",
                    found=f"{end - start:,}",
                )
            )
        return SafetensorsEntry(dtype, shape, start, end)

    def _check_coverage(self) -> None:
        """Raise InputError unless every byte belongs to exactly one array, as the format demands."""
        reached, before = 0, ""
        for name, entry in sorted(self.entries.items(), key=lambda item: (item[1].start, item[1].end)):
            if entry.start < reached:
                raise self._broken(message("{name!r} overlaps {before!r}", name=name, before=before))
            if entry.start > reached:
                raise self._broken(message("the bytes before {name!r} belong to no array", name=name))
            reached, before = entry.end, name
        if reached != len(self._data):
            raise self._broken(
                message(
                    "its arrays end at byte {reached} of {size}", reached=f"{reached:,}", size=f"{len(self._data):,}"
                )
            )

    def _broken(self, what: Message) -> InputError:
        return InputError("{path!r} is not a valid safetensors file: {what}.", path=str(self.path), what=what)

    def raw(self, name: str) -> NDArray[Any]:
        """Return an array as it is stored, mapped and not copied; bfloat16 and float8 as their bits."""
        entry = self.entries[name]
        flat: Bytes = self._data[entry.start : entry.end]
        return flat.view(np.dtype(_DTYPES[entry.dtype]).newbyteorder("<")).reshape(entry.shape)

    def rows(self, name: str, indexes: NDArray[np.integer]) -> Float32:
        """Return some rows of an array [rows, ...] as float32 [*indexes, ...]; other rows are never read."""
        return to_float32(self.raw(name)[indexes], self.entries[name].dtype)

    def __getitem__(self, name: str) -> Float32:
        return to_float32(self.raw(name), self.entries[name].dtype)

    def dtype(self, name: str) -> str:
        """Return the name of an array's number format, as in BF16."""
        return self.entries[name].dtype

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
        return self.entries[name].shape


class ShardedSafetensors(Tensors):
    """The arrays of several files by name, with an index of which file has each; a file is opened when first needed."""

    def __init__(self, index: Path) -> None:
        self.path = index
        where = read_json(index).get("weight_map")
        if not isinstance(where, Mapping) or not where:
            raise InputError("{path!r} has no weight_map.", path=str(index))
        paths: dict[str, Path] = {}
        for file in where.values():
            if not isinstance(file, str) or file not in paths:
                paths[file] = self._path(file)
        for path in paths.values():
            self._check_shard(path)
        self._where = {name: paths[file] for name, file in where.items()}
        self._open: dict[Path, SafetensorsFile] = {}

    def _path(self, file: Any) -> Path:
        """Return the path of a file beside the index; raises InputError for a name that leads elsewhere."""
        if not isinstance(file, str) or not file or "/" in file or "\\" in file or "\0" in file or file in (".", ".."):
            raise InputError("{path!r} names {file!r}, which is not beside it.", path=str(self.path), file=file)
        return self.path.parent / file

    def _check_shard(self, path: Path) -> None:
        """Raise InputError where a file that the index names is not there, or is none that can be read."""
        if not is_there(path):
            raise InputError("{path!r} names {file!r}, which does not exist.", path=str(self.path), file=path.name)
        check_file(path)

    def _shard(self, name: str) -> SafetensorsFile:
        path = self._where[name]
        if path not in self._open:
            self._open[path] = SafetensorsFile(path)
        if name not in self._open[path]:
            raise InputError(
                "{path!r} places {name!r} in {file!r}, which does not have it.",
                path=str(self.path),
                name=name,
                file=path.name,
            )
        return self._open[path]

    def rows(self, name: str, indexes: NDArray[np.integer]) -> Float32:
        """Return some rows of an array [rows, ...] as float32 [*indexes, ...]; other rows are never read."""
        return self._shard(name).rows(name, indexes)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
        return self._shard(name).shape(name)

    def __getitem__(self, name: str) -> Float32:
        return self._shard(name)[name]

    def raw(self, name: str) -> NDArray[Any]:
        """Return an array as it is stored, mapped and not copied; bfloat16 and float8 as their bits."""
        return self._shard(name).raw(name)

    def dtype(self, name: str) -> str:
        """Return the name of an array's number format, as in BF16."""
        return self._shard(name).dtype(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, name: object) -> bool:
        return name in self._where


def to_float32(array: NDArray[Any], dtype: str) -> Float32:
    """Convert an array of any shape, as it is stored in the number format `dtype`, to float32."""
    if dtype not in _BITS:
        return np.require(array, np.float32, ["A"])
    return bfloat16_to_float32(array) if dtype == "BF16" else float8_numbers(dtype)[array]


@cache
def float8_numbers(dtype: str) -> Float32:
    """Return the numbers of the 256 codes of a kind of float8, float32.

    F8_E4M3 (bias 7) has no infinities, and one code for no number a sign; F8_E5M2 (bias 15) is as IEEE 754 has it
    (Micikevicius et al. 2022, table 1). F8_E8M0 is a power of 2 from 2^-127, without a sign or a zero (OCP
    Microscaling Formats 1.0, section 5.4.1).
    """
    codes = np.arange(256)
    if dtype == "F8_E8M0":
        powers = np.ldexp(1.0, codes - 127)
        powers[255] = np.nan
        return powers.astype(np.float32)
    width, bias = {"F8_E4M3": (3, 7), "F8_E5M2": (2, 15)}[dtype]
    exponents, mantissas = (codes & 0x7F) >> width, codes & (2**width - 1)
    normal = np.ldexp(1 + mantissas / 2**width, exponents - bias)
    numbers = np.where(exponents > 0, normal, np.ldexp(mantissas / 2**width, 1 - bias))
    if dtype == "F8_E4M3":
        numbers[(codes & 0x7F) == 0x7F] = np.nan
    else:
        numbers[exponents == 31] = np.where(mantissas[exponents == 31] == 0, np.inf, np.nan)
    signed: Float32 = np.copysign(numbers, np.where(codes & 0x80, -1.0, 1.0)).astype(np.float32)
    return signed


def bfloat16_to_float32(bits: NDArray[np.uint16]) -> Float32:
    """Return the float32 numbers whose upper halves are these bits, of any shape."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _whole_numbers(values: Any) -> tuple[int, ...] | None:
    """Return a list of whole numbers from 0 as a tuple; None for anything else."""
    if isinstance(values, list) and all(type(value) is int and value >= 0 for value in values):
        return tuple(values)
    return None
