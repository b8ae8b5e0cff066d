"""A model's files, read and never executed: JSON of bounded size, and bytes mapped into memory."""

from __future__ import annotations

import errno
import json
import mmap
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, reason_of
from attnviz.core.memory_limit import memory_left
from attnviz.core.read_file import LONGEST_POINTER, is_there, refuse_pointer, refuse_repeated_keys, why_no_json

Bytes = NDArray[np.uint8]
# Of each file its path, time of change in ns, size and inode; of what cannot be read its path alone.
FileStates = tuple[tuple[str, int, int, int] | tuple[str], ...]

LARGEST_JSON = 256 * 2**20
MOST_NAMES = 2**20  # of one file: XLM-V has the largest vocabulary known, of 901,629, and Gemma 2 580,604 merges
_SHORTEST_NAME = 6  # bytes of a name and its number in JSON, as in "a":1,
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json(path: Path, most: int = LARGEST_JSON) -> dict[str, Any]:
    """Return the object in a JSON file; InputError for a file without one, not UTF-8, or larger than `most` bytes."""
    return parse_object(read_side_file(path, most), str(path))


def read_side_json(path: Path, most: int = LARGEST_JSON) -> dict[str, Any] | None:
    """Return the object in a JSON file that a folder may have; None where there is nothing of that name.

    Raises InputError as `read_json` does for what cannot be read, be it a folder, a dangling link or no JSON.
    """
    return read_json(path, most) if is_there(path) else None


def parse_object(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object in `data`; InputError names the file where there is none, or where a key stands twice."""
    check_names(data, name)
    try:
        found = json.loads(data.decode("utf-8-sig"), object_pairs_hook=refuse_repeated_keys)
    except KeyError as error:
        raise InputError("{path!r} names {key!r} twice.", path=name, key=error.args[0]) from None
    except (ValueError, RecursionError) as error:
        raise InputError("{path!r} is not JSON: {reason}.", path=name, reason=why_no_json(error)) from None
    if not isinstance(found, dict):
        raise InputError("{path!r} must hold a JSON object: names and values in braces.", path=name)
    if _SURROGATE.search(data):
        _refuse_half_characters(found, name)
    return found


def check_names(data: bytes, name: str) -> None:
    """Raise InputError for JSON with more names than a model has, counted in its bytes before anything is parsed.

    Names are keys, the lists of a tokenizer's entries or merges, and strings; JSON may write them with more room.
    """
    if len(data) <= _SHORTEST_NAME * MOST_NAMES:
        return
    keys, lists, quotes = data.count(b'":') + data.count(b'" :'), data.count(b"["), data.count(b'"')
    if keys > MOST_NAMES or 2 * lists > 3 * MOST_NAMES or quotes > 4 * MOST_NAMES:
        raise too_many_names(name, MOST_NAMES)


def check_names_of(path: Path) -> None:
    """Raise InputError for a JSON file that cannot be read, is too large, or has more names than a model has."""
    if check_file(path, LARGEST_JSON) > _SHORTEST_NAME * MOST_NAMES:
        check_names(read_side_file(path), str(path))


def too_many_names(name: str, most: int) -> InputError:
    """Return the error for a file of a model with more names than any model has."""
    return InputError("{path!r} has more than {most} names; no model has so many.", path=name, most=f"{most:,}")


def _refuse_half_characters(found: Any, name: str) -> None:
    """Raise InputError where a string of a JSON value has a surrogate without its other half, which is no text."""
    waiting: list[tuple[tuple[str, ...], Any]] = [((), found)]
    while waiting:
        keys, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*keys, key), key) for key in value] + [((*keys, key), value[key]) for key in value]
        elif isinstance(value, list):
            waiting += [(keys, one) for one in value]
        elif isinstance(value, str) and not value.isascii():
            half = next((letter for letter in value if 0xD800 <= ord(letter) <= 0xDFFF), None)
            if half is not None:
                raise InputError(
                    "{path!r} has half a character under {key!r}: \\u{code}, a surrogate without its other half.",
                    path=name,
                    key=".".join(keys),
                    code=f"{ord(half):04x}",
                )


def read_side_file(path: Path, most: int = LARGEST_JSON) -> bytes:
    """Return the bytes of a file that belongs to a model; raises InputError as `check_file` does."""
    check_file(path, most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def read_side_text(path: Path, most: int = LARGEST_JSON) -> str:
    """Return a UTF-8 file of a model as text; raises InputError as `check_file` does, and for another encoding."""
    try:
        return read_side_file(path, most).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("{path!r} is not UTF-8.", path=str(path)) from None


def check_file(path: Path, most: int | None = None) -> int:
    """Return a file's size in bytes; `most` is the largest that is read.

    Raises InputError for what is no file (a folder, a pipe, a device, nothing), cannot be read or is too large, for a
    link that leads nowhere, and for a Git LFS pointer.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise InputError("{path!r} is a folder; a file was expected.", path=str(path))
        if not stat.S_ISREG(found.st_mode):
            raise InputError("{path!r} is a pipe or a device; a file was expected.", path=str(path))
        if most is not None and found.st_size > most:
            raise InputError(
                "{path!r} has {size} bytes; at most {most} were expected.",
                path=str(path),
                size=f"{found.st_size:,}",
                most=f"{most:,}",
            )
        with open(path, "rb") as file:
            if found.st_size <= LONGEST_POINTER:
                refuse_pointer(path, file.read(LONGEST_POINTER))
    except (FileNotFoundError, NotADirectoryError):
        raise _absent(path) from None
    except OSError as error:
        raise unreadable(path, error) from None
    return found.st_size


def _absent(path: Path) -> InputError:
    """Return the error for a file that is not there, though a link to it may be."""
    try:
        return InputError(
            "{path!r} is a link to {target!r}, where there is nothing.",
            hint="Fetch the model again, or copy the file itself here.",
            path=str(path),
            target=os.readlink(path),
        )
    except OSError:
        return InputError("{path!r} does not exist.", path=str(path))


def file_states(path: Path) -> FileStates:
    """Return the state of the files of a model: those in its folder and the folders in it, or beside its .gguf file.

    Two states are equal while no file was changed, replaced, added or taken away.
    """
    folders = [path] if path.is_dir() else [path.parent]
    found: list[tuple[str, int, int, int] | tuple[str]] = []
    for folder in folders:
        try:
            inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            found.append((str(folder),))
            continue
        for entry in inside:
            if folder == path.parent and ".gguf" not in entry.name.lower():  # a piece or a part of the same model
                continue
            try:
                state = os.stat(entry.path)
            except OSError:
                found.append((entry.path,))
                continue
            if stat.S_ISDIR(state.st_mode):
                if folder == path:
                    folders.append(Path(entry.path))
                continue
            found.append((entry.path, state.st_mtime_ns, state.st_size, state.st_ino))
    return tuple(found)


def map_bytes(path: Path) -> Bytes:
    """Map a file's bytes [size] into memory, read-only; raises InputError where it cannot be read."""
    size = check_file(path)
    if not size:
        raise InputError("{path!r} is empty.", path=str(path))
    try:
        with open(path, "rb") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
    except (OSError, ValueError) as error:
        left = memory_left()
        if left is not None and isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise InputError(
                "{path!r} takes {size} MB of memory, and this process may take {left} MB more.",
                hint="Raise its limit (ulimit -v), or choose a smaller model.",
                path=str(path),
                size=-(-size // 10**6),
                left=left // 10**6,
            ) from None
        raise unreadable(path, error) from None


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error for a file that the system cannot read."""
    return InputError("{path!r} cannot be read: {reason}.", path=str(path), reason=reason_of(error))


def text_of(mapping: Mapping[str, Any], key: str) -> str | None:
    """Return a string of a JSON object, or None; a token may be an object with its text under `content`."""
    value = mapping.get(key)
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None
