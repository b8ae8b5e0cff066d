"""Files as they come: their bytes, up to a limit, and those bytes as text."""

from __future__ import annotations

import json
import os
import stat
from errno import ENAMETOOLONG
from pathlib import Path
from typing import IO, Any

from attnviz.core.errors import InputError, reason_of
from attnviz.i18n.messages import Message, Name, message

MEBIBYTE = 2**20
# The most that is read of each kind of file: more than anyone could look at, and less than a machine's memory.
LARGEST_TEXT = 16 * MEBIBYTE
LARGEST_LABELS = MEBIBYTE
LARGEST_TABLE = 256 * MEBIBYTE
LARGEST_DOCUMENT = 512 * MEBIBYTE
LARGEST_ARRAYS = 1024 * MEBIBYTE
LARGEST_FONT = 256 * MEBIBYTE

_CHUNK = MEBIBYTE
_POINTER = b"version https://git-lfs.github.com/spec/v1"
LONGEST_POINTER = 1024  # bytes; larger files are none
_BEGINNING, _SHOWN = 400, 20  # of a text in a guessed encoding: bytes, characters


def read_bytes(path: Path, most: int = LARGEST_TEXT, *, begins: bytes = b"") -> bytes:
    """Read a file's bytes; InputError says why it cannot be read, or that it has more than `most` bytes.

    A pipe may stand for a file; one that never ends is read up to the limit only, a device not at all. begins: how such
    a file begins; of one that begins otherwise no more is returned than that beginning.
    """
    try:
        with open(path, "rb") as file:
            _refuse_device(file, path)
            if file.seekable():
                refuse_pointer(path, file.read(LONGEST_POINTER))
                file.seek(0)
            return read_at_most(file, most, repr(str(path)), begins=begins)
    except IsADirectoryError:
        raise InputError("{path!r} is a folder; a file was expected.", path=str(path)) from None
    except FileNotFoundError:
        raise InputError("There is no file {path!r}.", hint="Check the name.", path=str(path)) from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise InputError("{path!r} cannot be read: {reason}.", path=str(path), reason=reason) from None


def _refuse_device(file: IO[bytes], path: Path) -> None:
    """Raise InputError for a device, as /dev/zero, which may never end; a terminal, which ends, is read."""
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not file.isatty()):
        raise InputError("{path!r} is a device; a file was expected.", path=str(path))


def read_at_most(file: IO[bytes], most: int, name: str | Message, *, begins: bytes = b"") -> bytes:
    """Read all of an open file; InputError, before anything is read where its size is known, for more than `most`.

    begins: see read_bytes.
    """
    try:
        size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError):  # no file of the system
        size = 0
    if size > most:
        raise too_large(name, size, most)
    start = file.read(len(begins)) if begins else b""
    if start != begins:
        return start
    parts = [start, file.read(size + 1)]
    total = sum(map(len, parts))
    while total > size and (chunk := file.read(_CHUNK)):
        parts.append(chunk)
        total += len(chunk)
        if total > most:
            raise too_large(name, None, most)
    if total > most:
        raise too_large(name, None, most)
    return b"".join(parts)


def check_readable(path: Path) -> None:
    """Raise InputError for a file that is not there or cannot be read; nothing is read of it.

    A pipe is not opened: whoever writes to it would take that for its end.
    """
    try:
        if not stat.S_ISFIFO(os.stat(path).st_mode) or not os.access(path, os.R_OK):
            open(path, "rb").close()
    except (OSError, ValueError):
        read_bytes(path)


def too_large(name: str | Message, size: int | None, most: int) -> InputError:
    """Return the error for what has more bytes than are read; None for a size that is not known."""
    if size is None:
        return InputError(
            "{name} has more than {most} bytes, the most that is read here.",
            hint="Give a part of it.",
            name=name,
            most=f"{most:,}",
        )
    return InputError(
        "{name} has {size} bytes; at most {most} are read here.",
        hint="Give a part of it.",
        name=name,
        size=f"{size:,}",
        most=f"{most:,}",
    )


def refuse_pointer(path: Path, beginning: bytes) -> None:
    """Raise InputError where a file's first bytes are those of a Git LFS pointer, which stands for a file elsewhere.

    https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
    """
    if beginning.removeprefix(b"\xef\xbb\xbf").startswith(_POINTER):
        from shlex import quote

        raise InputError(
            "{path!r} is a Git LFS pointer: it names the file that belongs here, which was not fetched.",
            hint="Where git-lfs is installed, fetch it with: git -C {folder} lfs pull",
            path=str(path),
            folder=quote(str(path.parent)),
        )


def check_size_of_file(path: Path, most: int) -> None:
    """Raise InputError for what is no regular file, or has more than `most` bytes; OSError where there is none."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise InputError("{path!r} is a pipe, a device or a folder; a file was expected.", path=str(path))
    if found.st_size > most:
        raise too_large(repr(str(path)), found.st_size, most)


def decode(data: bytes, name: str | Path | Message, encoding: str | None = None, *, chosen: bool = True) -> str:
    """Decode bytes as text in this encoding, UTF-8 for None, a leading byte order mark dropped.

    name: what the bytes are called in an error, a path for a file's. chosen: whether --encoding chooses the encoding.
    InputError names the first wrong byte, and, where the bytes make a likely text in another encoding, that one, how
    the text begins in it, and what to do.
    """
    try:
        text = data.decode(encoding or "utf-8-sig").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _not_encoded(data, name, encoding, error, chosen) from None
    except UnicodeError:  # a codec of Python's that says no more
        raise _not_encoded(data, name, encoding, None, chosen) from None
    if encoding is None and not text.isprintable() and _is_wide(data):
        raise _not_encoded(data, name, encoding, None, chosen)
    return text


def _is_wide(data: bytes) -> bool:
    from attnviz.core.encodings import hides_wide_letters

    return hides_wide_letters(data)


def _not_encoded(
    data: bytes, name: str | Path | Message, encoding: str | None, error: UnicodeDecodeError | None, chosen: bool
) -> InputError:
    """Return the error for bytes that are not this encoding."""
    from shlex import quote

    from attnviz.core.encodings import guess_encoding

    where: Message | Name = Name("")
    if error is not None and error.start < len(data):
        where = message(
            ": byte {byte} at position {position} (counted from 0) fits no character",
            byte=f"0x{data[error.start]:02x}",
            position=error.start,
        )
    guess = guess_encoding(data)
    if guess == encoding:
        guess = None
    fields = {
        "name": repr(name.name) if isinstance(name, Path) else name,
        "encoding": "UTF-8" if encoding is None else encoding,
        "where": where,
        "guess": guess,
        "beginning": "" if guess is None else " ".join(data[:_BEGINNING].decode(guess, "ignore").split())[:_SHOWN],
        "suffix": name.suffix if isinstance(name, Path) else "",
        "file": quote(str(name)) if isinstance(name, Path) else "",
    }
    if encoding is not None and _is_utf8(data):
        return InputError("{name} is not {encoding}{where}; it is UTF-8.", hint="Leave --encoding out.", **fields)
    if guess is None:
        return InputError(
            "{name} is not {encoding}{where}.",
            hint="Name the encoding, for example: --encoding cp1252." if chosen else "Save it as UTF-8.",
            **fields,
        )
    if encoding is not None:
        return InputError(
            "{name} is not {encoding}{where}; as {guess} it begins with “{beginning}”.",
            hint="Use: --encoding {guess}.",
            **fields,
        )
    return InputError(
        "{name} is not {encoding}{where}; as {guess} it begins with “{beginning}”.",
        hint="Add: --encoding {guess}."
        if chosen
        else "Convert it with: iconv -f {guess} -t utf-8 {file} > utf8{suffix}.",
        **fields,
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not _is_wide(data)


def need_text(value: object) -> None:
    """Raise InputError for what is no string, where a text is expected."""
    if not isinstance(value, str):
        raise InputError("A text is a string, not of type {kind}.", kind=type(value).__name__)


def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these pairs, for `json.loads`; KeyError with the first key that stands twice."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise KeyError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return found


def why_no_json(error: Exception) -> Message:
    """Return why JSON cannot be read, as a field of a message."""
    if isinstance(error, json.JSONDecodeError):
        return message(
            "it is truncated or invalid at line {line}, column {column}", line=error.lineno, column=error.colno
        )
    if isinstance(error, UnicodeDecodeError):
        return message("it is not UTF-8")
    if isinstance(error, RecursionError):
        return message("it is nested too deeply")
    return message("it has a number with more than 4,300 digits")


def is_file(name: str | Path) -> bool:
    """Return whether this file exists, or may exist in a folder that is shut; False for text that cannot be a name."""
    try:
        return Path(name).is_file()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False


def names_file(text: str) -> bool:
    """Return whether a text is the name of a file that may be read, a pipe or a device too; not of a folder."""
    if is_file(text):
        return True
    try:
        return stat.S_ISFIFO(mode := os.stat(text).st_mode) or stat.S_ISCHR(mode)
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Return whether a name exists, whatever has it: a link that leads nowhere, a folder, or a file that is shut."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError as error:
        return error.errno != ENAMETOOLONG
    return True
