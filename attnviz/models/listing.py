"""The models on this machine, with their size as their configs give it; no weights are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from attnviz.core.errors import AttnvizError
from attnviz.i18n.messages import Message, message
from attnviz.models.checkpoint import naming_file, open_checkpoint
from attnviz.models.families.config_keys import USES, ConfigKey
from attnviz.models.families.registry import written_name
from attnviz.models.forward import Network
from attnviz.models.locate import ModelLocation, find_model, find_models, is_gguf

_WIDEST_VALUE = 24


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


@dataclass(frozen=True)
class ModelConfig:
    """One model's config: each key with its use, and what a reader should know of how the model is read.

    reference: as it was typed. family: as its authors write it. notes: on its quantization and its classes.
    """

    reference: str
    path: Path
    family: str
    layers: int
    heads: int
    keys: tuple[ConfigKey, ...]
    notes: tuple[Message, ...]


def read_model_config(reference: str) -> ModelConfig:
    """Return what is done with each key of a model's config; no weights are read.

    Raises InputError where the model cannot be opened.
    """
    place = find_model(reference)
    checkpoint = open_checkpoint(place)
    with naming_file(checkpoint.config_path):
        network = Network(checkpoint.config, checkpoint.tensors)
        network.check()
    shape = network.shape
    return ModelConfig(
        place.reference,
        place.path,
        written_name(shape.family),
        shape.layers,
        shape.heads,
        tuple(network.config_keys()),
        (*checkpoint.notes, *network.notes),
    )


def config_rows(found: ModelConfig) -> list[tuple[str, Message, str]]:
    """Return a row for each key: its name, what is done with it, its value; in the order of USES."""
    ordered = sorted(found.keys, key=lambda key: USES.index(key.use))
    return [(key.name, _what_is_done(key), _short(key.value)) for key in ordered]


def _what_is_done(key: ConfigKey) -> Message:
    if key.use == "harmless":
        return message("ignored: {reason}", reason=key.reason)
    return message("honoured") if key.use == "honoured" else message("unknown: not read")


def config_data(found: ModelConfig) -> dict[str, Any]:
    """Return a model's config as plain data for JSON."""
    return {
        "reference": found.reference,
        "path": str(found.path),
        "family": found.family,
        "layers": found.layers,
        "heads": found.heads,
        "notes": [str(note) for note in found.notes],
        "keys": [
            {
                "name": key.name,
                "value": key.value,
                "use": key.use,
                "reason": None if key.reason is None else str(key.reason),
            }
            for key in found.keys
        ],
    }


def _short(value: Any) -> str:
    """Return a value as JSON writes it, or its beginning where that is too long for a table."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDEST_VALUE else text[: _WIDEST_VALUE - 1] + "…"


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
