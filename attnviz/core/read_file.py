"""Files as they come: their bytes, and those bytes as text."""

from __future__ import annotations

import json
from pathlib import Path

from attnviz.core.errors import InputError, reason_of
from attnviz.i18n.messages import Message, message


def read_bytes(path: Path) -> bytes:
    """Read a file's bytes; InputError says why it cannot be read."""
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
    """Decode bytes as UTF-8 text, a leading byte order mark dropped; InputError names the first wrong byte."""
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


def need_text(value: object) -> None:
    """Raise InputError for what is no string, where a text is expected."""
    if not isinstance(value, str):
        raise InputError("A text is a string, not of type {kind}.", kind=type(value).__name__)


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
    """Return whether this file exists; False for text that cannot be a name (too long, or with a NUL)."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False
