"""The one place that writes files: whole or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

from attnviz.core.errors import OutputError, reason_of, unknown_choice
from attnviz.i18n.messages import message

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def check_destination(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise before anything is computed where `path` cannot be written: its suffix, its folder, or itself."""
    if path.suffix.lower() not in suffixes:
        raise unknown_choice(message("A file's suffix"), path.suffix or path.name, suffixes)
    try:
        if not path.parent.exists():
            raise OutputError("There is no folder {folder!r}.", hint="Create it first.", folder=str(path.parent))
        if not path.parent.is_dir() or path.is_dir():
            raise OutputError("{path!r} is not a path for a file.", path=str(path))
        _existing(Path(os.path.realpath(path)), path)
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise _cannot_be_written(path, error) from None


def _existing(target: Path, path: Path) -> os.stat_result | None:
    """Return what is known of the file that would be replaced, None where there is none.

    Raises OutputError for a pipe, a socket or a device, which a file of that name would take away from its readers, and
    for a file that is protected from writing.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(
            "{path!r} is not a regular file: it is left alone.", hint="Choose another name.", path=str(path)
        )
    if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise OutputError(
            "{path!r} is protected from writing: it is left alone.", hint="Choose another name.", path=str(path)
        )
    return status


def numbered(path: Path, index: int, count: int) -> Path:
    """Return the path of one text's file: x.png if it is the only one, else x-1.png, x-2.png and so on."""
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1}")


def write(path: Path, data: bytes) -> None:
    """Write through a temporary file beside it and a rename: an existing file is replaced only by a whole one.

    The file keeps its mode, and its owner where that may be set; another name of it (a hard link) keeps the old file.
    Temporary files that a killed process left for the same file are removed.
    """
    temporary: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        before = _existing(target, path)
        _remove_leftovers(target)
        temporary, file = _new_temporary(target)
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:  # a system on which an open file cannot be renamed
                file.close()
            if before is not None:
                _take_over(before, temporary)
            os.replace(temporary, target)
    except OutputError:
        raise
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError | ValueError):
            raise _cannot_be_written(path, error) from None
        raise


def _cannot_be_written(path: Path, error: Exception) -> OutputError:
    return OutputError(
        "{path!r} cannot be written: {reason}.",
        hint="Nothing was changed; choose another place.",
        path=str(path),
        reason=reason_of(error),
    )


def _new_temporary(target: Path) -> tuple[Path, IO[bytes]]:
    """Create a file beside the target, locked while its writer lives."""
    while True:
        temporary = target.with_name(f"{_temporary_prefix(target)}{os.urandom(4).hex()}.tmp")
        file = open(temporary, "xb")  # noqa: SIM115  (closed by the writer)
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink == 0:  # taken for a leftover before it was locked
                file.close()
                continue
        return temporary, file


def _remove_leftovers(target: Path) -> None:
    """Remove temporary files of the same target whose writer was killed: nobody holds their lock any more."""
    if fcntl is None:
        return
    prefix = _temporary_prefix(target)
    with suppress(OSError):
        names = [name for name in os.listdir(target.parent) if name.startswith(prefix) and name.endswith(".tmp")]
        for name in names:
            if len(name) == len(prefix) + len("1a2b3c4d.tmp"):
                _remove_unless_locked(target.with_name(name))


def _remove_unless_locked(leftover: Path) -> None:
    with suppress(OSError), open(os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _temporary_prefix(target: Path) -> str:
    return f".{target.name[:50]}."


def _take_over(before: os.stat_result, temporary: Path) -> None:
    """Give the new file the owner and the mode of the one that it replaces."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(temporary, before.st_uid, before.st_gid)
    os.chmod(temporary, stat.S_IMODE(before.st_mode))


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8; what is no character is written out."""
    write(path, text.encode("utf-8", "backslashreplace"))


def write_csv(path: Path, text: str) -> None:
    """Write UTF-8 with a byte order mark, without which a spreadsheet shows 猫 as three other letters."""
    write(path, text.encode("utf-8-sig", "backslashreplace"))
