"""Choose the first face of a font collection, for a matplotlib that opens no other.

The Chinese font is the third face of its file (NotoSansCJK-Regular.ttc: Japanese, Korean, simplified Chinese, ...).
matplotlib 3.11 opens every face of such a file; older versions open the first one only, and then draw Chinese text
with Japanese glyphs. They get a copy of the file in which the wanted face comes first.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def with_face_first(path: Path, face: int) -> Path:
    """Return a copy of the collection at `path`, in matplotlib's cache folder, whose first face is number `face`.

    The copy (19 MB for the Chinese font) is made once; one that is damaged is replaced. Raises OSError where it cannot
    be written, ValueError where `path` is no collection of so many faces.
    """
    import matplotlib

    data = _swap_faces(path.read_bytes(), face)
    copy = Path(matplotlib.get_cachedir(), f"attnviz-{path.stem}-{face}{path.suffix}")
    if not (copy.is_file() and copy.read_bytes() == data):
        _write(copy, data)
    return copy


def _swap_faces(data: bytes, face: int) -> bytes:
    """Exchange the first face with number `face` in the header of a collection.

    The header is the tag "ttcf", a version, the number of faces, and the offset of each face's table directory, four
    bytes each (OpenType 1.9, "Font collections"); offsets count from the start of the file, so the fonts stay put.
    """
    if data[:4] != b"ttcf" or face >= int.from_bytes(data[8:12], "big"):
        raise ValueError(f"no font collection with a face {face}")
    at = 12 + 4 * face
    header = bytearray(data[: at + 4])
    header[12:16], header[at:] = header[at:], header[12:16]
    return bytes(header) + data[at + 4 :]


def _write(path: Path, data: bytes) -> None:
    """Write a file that other processes see whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
