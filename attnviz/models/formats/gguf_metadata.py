"""Numbers in a .gguf file's metadata, checked when they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from attnviz.core.errors import InputError
from attnviz.models.formats.gguf import GgufFile


def metadata_value(file: GgufFile, key: str) -> Any:
    """Return the value of ARCHITECTURE.key; None where the file has none."""
    return file.metadata.get(f"{file.metadata['general.architecture']}.{key}")


def whole_number(file: GgufFile, key: str, default: int | None = None) -> int:
    """Return a whole number; raises InputError where it is none, or absent without a default."""
    found = metadata_value(file, key)
    found = default if found is None else found
    if isinstance(found, bool) or not isinstance(found, int):
        raise _no_number(file, key, found)
    return found


def key_heads(file: GgufFile, heads: int) -> int:
    """Return the number of key and value heads, which a file may give layer by layer; 0 is a layer without attention.

    heads: the default. Raises InputError where layers differ otherwise.
    """
    found = metadata_value(file, "attention.head_count_kv")
    if not isinstance(found, np.ndarray):
        return whole_number(file, "attention.head_count_kv", heads)
    counts = set(found.tolist()) - {0}
    if len(counts) != 1:
        raise InputError(
            "{path!r} gives its layers different numbers of key and value heads, which attnviz does not support.",
            path=str(file.path),
        )
    return int(counts.pop())


def real_number(file: GgufFile, key: str, default: float) -> float:
    """Return a number as it was written: 1e-05, and not 9.999999747378752e-06."""
    found = metadata_value(file, key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise _no_number(file, key, found)
    return float(str(np.float32(found)))


def _no_number(file: GgufFile, key: str, found: Any) -> InputError:
    return InputError(
        "{path!r} must give {key} as one number, not {found}.",
        path=str(file.path),
        key=f"{file.metadata['general.architecture']}.{key}",
        found="nothing" if found is None else type(found).__name__,
    )
