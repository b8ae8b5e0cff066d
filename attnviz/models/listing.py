"""The models on this machine, with their size as their configs give it; no weights are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attnviz.core.errors import AttnvizError
from attnviz.i18n.messages import Message
from attnviz.models.checkpoint import open_checkpoint
from attnviz.models.forward import Network
from attnviz.models.locate import ModelLocation, find_models, is_gguf


@dataclass(frozen=True)
class ListedModel:
    """A model on this machine: the reference to type, its family, layers and heads, and its size in bytes.

    problem: why it cannot be used; then family, layers and heads are None.
    """

    reference: str
    path: Path
    size: int
    family: str | None = None
    layers: int | None = None
    heads: int | None = None
    problem: Message | None = None


def models_here() -> list[ListedModel]:
    """Return every model in installed packages, in the hub's local cache and in the current folder, in that order."""
    return [_described(place) for place in find_models()]


def _described(place: ModelLocation) -> ListedModel:
    size = sum(_file_size(file) for file in place.pieces or _weight_files(place.path))
    try:
        checkpoint = open_checkpoint(place)
        network = Network(checkpoint.config, checkpoint.tensors)
        network.check()
    except AttnvizError as error:
        return ListedModel(place.reference, place.path, size, problem=error.message)
    shape = network.shape
    return ListedModel(place.reference, place.path, size, shape.family, shape.layers, shape.heads)


def _weight_files(path: Path) -> Iterator[Path]:
    if is_gguf(path):
        yield path
        return
    safe = list(path.glob("*.safetensors"))
    yield from safe or [*path.glob("*.bin"), *path.glob("*.pt"), *path.glob("*.pth"), *path.glob("*.ckpt")]


def _file_size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def as_words(found: ListedModel) -> tuple[str | Message, ...]:
    """Return the words of a line: reference, family, layers x heads, size, and why it cannot be used."""
    if found.problem is not None:
        return found.reference, "", "", _bytes(found.size), found.problem
    size = f"{found.layers} x {found.heads}"
    return found.reference, found.family or "", size, _bytes(found.size), ""


def as_data(found: ListedModel) -> dict[str, Any]:
    """Return the model as plain data for JSON."""
    problem = None if found.problem is None else str(found.problem)
    return {**asdict(found), "path": str(found.path), "problem": problem}


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
