"""Files as they come: their bytes, and those bytes as text."""

from __future__ import annotations

from pathlib import Path

from attnviz.errors import InputError, reason_of
from attnviz.messages import Message


def read_bytes(path: Path) -> bytes:
    """A file's bytes; InputError says why it cannot be read."""
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise InputError("{path!r} is a folder; a file was expected.", path=str(path)) from None
    except FileNotFoundError:
        raise InputError("There is no file {path!r}.", hint="Check the name.", path=str(path)) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise InputError("{path!r} cannot be read: {reason}.", path=str(path), reason=reason) from None


def decode(data: bytes, name: str | Message) -> str:
    """The bytes as UTF-8 text, a leading byte order mark dropped; InputError names the first wrong byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            "{name} is not UTF-8: byte {byte} at position {position} (counted from 0) fits no character.",
            hint="Convert it, e.g. with: iconv -t utf-8.",
            name=name,
            byte=f"0x{data[error.start]:02x}",
            position=error.start,
        ) from None
