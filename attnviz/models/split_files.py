"""Models whose .gguf file is cut into pieces: NAME.gguf.part00, .part01, ... in one folder, or one package for each.

The pieces are mapped and read as if they were joined; nothing is written but, in the user's cache, an empty file whose
name says that these pieces have been compared with the SHA-256 that comes with them. It may be deleted at any time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b, sha256
from pathlib import Path

from attnviz.core.errors import InputError, reason_of
from attnviz.core.read_file import is_there
from attnviz.i18n.messages import listed
from attnviz.models.formats.files import check_file, read_side_file

_PIECE = re.compile(r"(?P<whole>.+\.gguf)\.part[-_]?(?P<number>\d{1,6})", re.IGNORECASE)
_PACKAGE = re.compile(r"(?P<whole>.+?)[-_.]?part[-_.]?\d+", re.IGNORECASE)
_SUM = re.compile(r"\b[0-9a-fA-F]{64}\b")
_BLOCK = 2**20


def is_piece(path: Path) -> bool:
    """Return whether a path is named as a piece of a .gguf file."""
    return _PIECE.fullmatch(path.name) is not None


def whole_name(path: Path) -> str:
    """Return the name of the file that a piece is of, and that of any other file unchanged."""
    found = _PIECE.fullmatch(path.name)
    return path.name if found is None else found["whole"]


def whole_package(name: str) -> str:
    """Return the name of the package that a package with one piece belongs to: without part1 at its end."""
    found = _PACKAGE.fullmatch(name)
    return name if found is None else found["whole"]


def all_pieces(first: Path, folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the pieces of the file that `first` is one of, in order, from its folder and these.

    Raises InputError where one is missing or stands twice.
    """
    name = whole_name(first)
    found: dict[int, Path] = {}
    for folder in dict.fromkeys((first.parent, *folders)):
        for path in _files(folder):
            match = _PIECE.fullmatch(path.name)
            if match is None or match["whole"] != name:
                continue
            other = found.setdefault(int(match["number"]), path)
            if other != path:
                raise InputError(
                    "{name!r} has one piece twice: {one!r} and {other!r}.", name=name, one=str(other), other=str(path)
                )
    start = min(found)
    missing = [number for number in range(min(start, 1), max(found)) if number not in found]
    if missing:
        raise InputError(
            "{name!r} is cut into pieces, and these are missing: {missing}.",
            hint="Put all of them into one folder, or install every package that it comes in.",
            name=name,
            missing=listed(f".part{number:02}" for number in missing),
        )
    return tuple(found[number] for number in sorted(found))


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except OSError:
        return []


def piece_folders(name: str, places: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders in which the pieces of a package's model may be: its own and those of NAME_part1 and so on.

    name: the package's; places: the folders that packages are installed in. Nothing is imported.
    """
    for place in places:
        for package in sorted(_folders(place)):
            if package.name == name or whole_package(package.name) == name:
                yield package
                yield from sorted(_folders(package))


def _folders(place: Path) -> list[Path]:
    try:
        return [path for path in place.iterdir() if path.is_dir()]
    except OSError:
        return []


def expected_sum(name: str, folders: Iterable[Path]) -> str | None:
    """Return the SHA-256 that these folders give for the file `name`; None where they give none.

    It stands in SHA256SUMS or NAME.sha256, or as the only one in a package's __init__.py, which is read as a text.
    """
    for folder in folders:
        for file, whole in ((folder / f"{name}.sha256", True), (folder / "SHA256SUMS", False)):
            for line in _lines(file):
                found = _SUM.search(line)
                if found is not None and (whole or line[found.end() :].lstrip(" *").strip() == name):
                    return found[0].lower()
        sums: set[str] = set(_SUM.findall(_package_text(folder / "__init__.py")))
        if len(sums) == 1:
            return sums.pop().lower()
    return None


def _lines(path: Path) -> list[str]:
    """Return the lines of a file of sums; none where there is no such file."""
    return read_side_file(path, _BLOCK).decode("utf-8", "replace").splitlines() if is_there(path) else []


def _package_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size < _BLOCK else ""
    except OSError:
        return ""


def check_sum(name: str, pieces: Sequence[Path], expected: str) -> None:
    """Raise InputError where the joined pieces have another SHA-256 than the one expected, or cannot be read.

    What was found right once is remembered by the pieces' places, sizes and times.
    """
    try:
        mark = _mark(pieces, expected)
        if os.path.exists(mark):  # False where the cache cannot be read
            return
        digest = sha256()
        for piece in pieces:
            check_file(piece)
            with piece.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
    except OSError as error:
        raise InputError("{path!r} cannot be read: {reason}.", path=name, reason=reason_of(error)) from None
    if digest.hexdigest() != expected:
        raise InputError(
            "{name!r} is not whole: its {count} pieces have the SHA-256 {found}…, and {expected}… is expected.",
            hint="Install its packages again, or fetch its pieces again.",
            name=name,
            count=len(pieces),
            found=digest.hexdigest()[:12],
            expected=expected[:12],
        )
    with suppress(OSError):  # a full disk, a cache that cannot be written: it is computed again next time
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _mark(pieces: Sequence[Path], expected: str) -> Path:
    """Return the file whose presence says that these pieces, as they are now, have the expected sum."""
    state = blake2b(expected.encode(), digest_size=16)
    for piece in pieces:
        found = piece.stat()
        state.update(f"{piece.resolve()}\0{found.st_size}\0{found.st_mtime_ns}\n".encode(errors="surrogateescape"))
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expandvars(cache)).expanduser() / "attnviz" / "checked" / state.hexdigest()
