"""A model's files, read and never executed: JSON of bounded size, and bytes mapped into memory."""

from __future__ import annotations

import json
import mmap
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, reason_of
from attnviz.core.read_file import is_there, why_no_json

Bytes = NDArray[np.uint8]

LARGEST_JSON = 256 * 2**20


def read_json(path: Path, most: int = LARGEST_JSON) -> dict[str, Any]:
    """Return the object in a JSON file; InputError for a file without one, not UTF-8, or larger than `most` bytes."""
    try:
        size = _checked_size(path)
        if size > most:
            raise InputError(
                "{path!r} has {size} bytes; at most {most} were expected.",
                path=str(path),
                size=f"{size:,}",
                most=f"{most:,}",
            )
        return parse_object(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise InputError("{path!r} does not exist.", path=str(path)) from None
    except OSError as error:
        raise unreadable(path, error) from None


def read_side_json(path: Path, most: int = LARGEST_JSON) -> dict[str, Any] | None:
    """Return the object in a JSON file that a folder may have; None where there is nothing of that name.

    Raises InputError as `read_json` does for what cannot be read, be it a folder, a dangling link or no JSON.
    """
    return read_json(path, most) if is_there(path) else None


def parse_object(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object in `data`; InputError names the file where there is none, or where a key stands twice."""
    try:
        found = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_refuse_repeated_keys)
    except KeyError as error:
        raise InputError("{path!r} names {key!r} twice.", path=name, key=error.args[0]) from None
    except (ValueError, RecursionError) as error:
        raise InputError("{path!r} is not JSON: {reason}.", path=name, reason=why_no_json(error)) from None
    if not isinstance(found, dict):
        raise InputError("{path!r} must hold a JSON object: names and values in braces.", path=name)
    return found


def _refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise KeyError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def map_bytes(path: Path) -> Bytes:
    """Map a file's bytes [size] into memory, read-only; raises InputError where it cannot be read."""
    try:
        if not _checked_size(path):
            raise InputError("{path!r} is empty.", path=str(path))
        with open(path, "rb") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("{path!r} does not exist.", path=str(path)) from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


def _checked_size(path: Path) -> int:
    """Return a file's size in bytes; raises InputError for a pipe or a device, whose reading might never end."""
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise InputError("{path!r} is a pipe or a device; a file was expected.", path=str(path))
    return found.st_size


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error for a file that the system cannot read."""
    return InputError("{path!r} cannot be read: {reason}.", path=str(path), reason=reason_of(error))


def text_of(mapping: Mapping[str, Any], key: str) -> str | None:
    """Return a string of a JSON object, or None; a token may be an object with its text under `content`."""
    value = mapping.get(key)
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else None
