"""NumPy's files of arrays, .npy and .npz: what a header declares is checked before anything is read or unpacked."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterable
from math import prod
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.read_file import LARGEST_ARRAYS

_LARGEST_DIRECTORY = 2**20  # bytes of a .npz's list of members: some ten thousand of them
_END = struct.Struct("<4s4H2LH")
# What NumPy, zipfile and zlib raise where a file's bytes are not what they say.
BROKEN = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npy(stream: IO[bytes], size: int, name: str, most: int = LARGEST_ARRAYS) -> NDArray[Any]:
    """Read one array from .npy data of `size` bytes; objects are never loaded, since they could run code.

    Raises InputError, before numbers are read, for an array of more than `most` bytes, or one whose header and size do
    not fit together.
    """
    try:
        shape, dtype = _header(stream)
        if not dtype.hasobject and dtype.itemsize * prod(shape) != size - stream.tell():
            raise ValueError("the header declares another number of bytes")
        wanted = max(1, dtype.itemsize) * prod(shape)
        if wanted > most and not dtype.hasobject:
            raise _too_much(name, f"{shape}, {dtype}", wanted, most)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    except InputError:
        raise
    except BROKEN as error:
        raise unreadable_arrays(name, error) from None


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError("a version for structured arrays")
    shape, _, dtype = readers[version](stream)
    return shape, dtype


def read_npz(
    stream: IO[bytes], name: str, parts: Iterable[str], most: int = LARGEST_ARRAYS
) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Read these arrays of a .npz file, those that are there; return them and the names of all that it has.

    Raises InputError, before anything is unpacked, for arrays of more than `most` bytes together, and for members that
    are packed as NumPy never does (those can unpack to any size at once).
    """
    try:
        _check_directory(stream)
        with zipfile.ZipFile(stream) as file:
            members: dict[str, zipfile.ZipInfo] = {}
            for each in file.infolist():
                part = each.filename.removesuffix(".npy")
                if part in members:
                    raise InputError("{path!r} names {key!r} twice.", path=name, key=part)
                members[part] = each
            wanted = {part: members[part] for part in parts if part in members}
            unpacked = sum(each.file_size for each in wanted.values())
            if unpacked > most:
                raise _too_much(name, ", ".join(wanted), unpacked, most)
            for each in wanted.values():
                if each.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError("a packing that NumPy does not write")
            found = {}
            for part, each in wanted.items():
                with file.open(each) as packed:
                    found[part] = read_npy(packed, each.file_size, name, most)
            return found, tuple(members)
    except InputError:
        raise
    except BROKEN as error:
        raise unreadable_arrays(name, error) from None


def _check_directory(stream: IO[bytes]) -> None:
    """Raise ValueError for a list of members that is longer than any file of arrays has."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 2**16 - _END.size))
    tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place >= 0 and len(tail) - place >= _END.size and _END.unpack_from(tail, place)[5] > _LARGEST_DIRECTORY:
        raise ValueError("a list of members that is too long")


def _too_much(name: str, what: str, size: int, most: int) -> InputError:
    return InputError(
        "{name!r} would unpack to {size} bytes ({what}); at most {most} are read here.",
        hint="Save fewer layers or heads, or in float16.",
        name=name,
        what=what,
        size=f"{size:,}",
        most=f"{most:,}",
    )


def unreadable_arrays(name: str, error: Exception) -> InputError:
    """Return the error for a file that is not one of NumPy's plain arrays."""
    if "pickle" in str(error) or "Object arrays" in str(error):
        return InputError(
            "{name!r} holds Python objects, which are never loaded: they could run code.",
            hint="Save plain arrays: numbers, and names as np.array(tokens, dtype=str).",
            name=name,
        )
    return InputError("{name!r} is not a complete NumPy file of plain arrays.", name=name)
