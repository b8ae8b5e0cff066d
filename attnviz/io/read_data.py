"""Attention read back: what this project wrote (.json, .npz), and weights of others (.npz, .npy, nested lists)."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, OptionError, ShapeError
from attnviz.core.foreign_arrays import as_layers, as_numbers
from attnviz.core.label_list import split_labels
from attnviz.core.provenance import Provenance
from attnviz.core.read_arrays import read_npy, read_npz
from attnviz.core.read_file import LARGEST_ARRAYS, LARGEST_DOCUMENT, decode, read_bytes, why_no_json
from attnviz.i18n.messages import listed, message
from attnviz.io.validate import checked_names, checked_provenance, checked_tokens

SUFFIXES = (".npz", ".json", ".npy")
SCHEMA = 1

_SAFETENSORS = (
    "import numpy as np; from safetensors.numpy import load_file; "
    "np.savez('weights.npz', weights=load_file({name!r})['attention'], tokens=['the', 'cat'])"
)
_TORCH = (
    "import numpy as np, torch; w = torch.load({name!r}, weights_only=True); "
    "np.savez('weights.npz', weights=np.stack([x[0].float().numpy() for x in w]), tokens=['the', 'cat'])"
)


def read_attentions(path: Path, *, labels: Sequence[str] = (), normalize: bool = False) -> tuple[Attention, ...]:
    """Return every attention that a file holds: one, or the documents of several texts.

    .npz: `weights` of 2 to 4 dimensions, `tokens`, `keys` and `allowed` where they are. .json: this project's document,
    or a nested list. .npy: weights alone. labels: the tokens' names, and in a second string the keys', see
    `split_labels`. normalize: divide rows by their sums. Raises InputError, ShapeError or OptionError.
    """
    suffix = path.suffix.lower()
    _refuse_models(path, suffix)
    if suffix not in SUFFIXES:
        raise OptionError(
            "Weights are read from .npz, .json or .npy files, not from {name!r}.",
            hint="A model goes with --model, or with `attnviz.load`." if suffix == ".gguf" or path.is_dir() else "",
            name=path.name or str(path),
        )
    data = read_bytes(path, LARGEST_DOCUMENT if suffix == ".json" else LARGEST_ARRAYS)
    if suffix == ".json":
        found = _parse(data, path)
    else:
        found = (
            [_npz(data, path.name)]
            if suffix == ".npz"
            else [{"weights": read_npy(io.BytesIO(data), len(data), path.name)}]
        )
    return tuple(_attention(each, path.name, labels, normalize) for each in found)


def _refuse_models(path: Path, suffix: str) -> None:
    """Refuse a model's own file formats, each with the lines that convert it."""
    if suffix == ".safetensors":
        line = _SAFETENSORS.format(name=path.name)
        raise OptionError(
            "Weights are not read from {name!r}.", hint="Convert it with: {line}.", name=path.name, line=line
        )
    if suffix in (".pt", ".pth", ".bin"):
        raise OptionError(
            "Weights are not read from {name!r}, which can run code.",
            hint="Convert it with: {line}.",
            name=path.name,
            line=_TORCH.format(name=path.name),
        )


def _attention(found: dict[str, Any], name: str, labels: Sequence[str], normalize: bool) -> Attention:
    """Make one attention of the parts that a file gave; what a document says of itself is kept."""
    try:
        weights = as_layers(as_numbers(found["weights"]))
        found = _checked(found, weights.shape)
        tokens, keys = _names(found, labels, weights.shape)
        own: Provenance | None = found.get("settings")
        hidden = None if own is None else own.hidden  # [CLS] and the like, with their part of each row
        given = Attention.from_arrays(
            weights,
            tokens,
            keys=keys,
            allowed=found.get("allowed"),
            layers=found.get("layers"),
            heads=found.get("heads"),
            normalize=normalize,
            partial=hidden is not None and not hidden.renormalized,
        )
        kept = given.provenance if own is None else own
        provenance = replace(kept, normalized=kept.normalized or given.provenance.normalized)
        return replace(given, output=found.get("output"), provenance=provenance)
    except (ShapeError, InputError) as error:
        raise error.about(name) from None


def _checked(found: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the parts with valid tokens, layers, heads and settings; InputError names what is invalid."""
    found = {part: value for part, value in found.items() if value is not None}
    for side in ("tokens", "keys"):
        if side in found:
            found[side] = checked_tokens(side, found[side])
    for axis in ("layers", "heads"):
        if axis in found:
            found[axis] = checked_names(axis, found[axis])
    if "settings" in found:
        layers, heads = (found.get(axis, range(size)) for axis, size in zip(("layers", "heads"), shape, strict=False))
        found["settings"] = checked_provenance(found["settings"], layers, heads)
    return found


def _names(found: dict[str, Any], labels: Sequence[str], shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the tokens' names and the keys': the labels where they are given, else the file's, else None."""
    if len(labels) > 2:
        raise OptionError("--labels may be given twice: for the rows, then for the columns.")
    tokens = split_labels(labels[0], shape[-2]) if labels else found.get("tokens")
    return tokens, split_labels(labels[1], shape[-1]) if len(labels) > 1 else found.get("keys")


def _parse(data: bytes, path: Path) -> list[dict[str, Any]]:
    """Return the documents in a JSON file: one, an array of them, or a nested list of numbers."""
    name = path.name
    text = decode(data, path, chosen=False)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("{name!r} is not valid JSON: {reason}.", name=name, reason=why_no_json(error)) from None
    several = isinstance(document, list) and bool(document) and all(isinstance(each, dict) for each in document)
    if isinstance(document, list) and not several:
        return [{"weights": document}]
    return [_document(each, name) for each in (document if several else [document])]


def _document(document: Any, name: str) -> dict[str, Any]:
    if isinstance(document, dict) and "runs" in document:
        raise InputError("{name!r} is a comparison: weights of one text were expected.", name=name)
    if not isinstance(document, dict) or "weights" not in document:
        raise InputError(
            "{name!r} has no weights: a document of `attnviz run --json`, or a nested list, was expected.", name=name
        )
    if document.get("schema", SCHEMA) != SCHEMA:
        raise InputError(
            "{name!r} has schema {schema}; this version reads {own}.", name=name, schema=document["schema"], own=SCHEMA
        )
    found = dict(document)
    for part, kind in (("allowed", bool), ("output", np.float32)):
        if found.get(part) is not None:
            found[part] = _array(part, found[part], kind, name)
    return found


def _array(part: str, value: Any, kind: type, name: str) -> NDArray[Any]:
    try:
        with np.errstate(over="raise"):
            return np.array(value, dtype=kind)
    except (TypeError, ValueError, ArithmeticError):
        raise InputError("{name!r}: its {part} is not an array of numbers.", name=name, part=part) from None


def _npz(data: bytes, name: str) -> dict[str, Any]:
    """Return the arrays of an .npz that mean something here; those that attnviz wrote give all that they hold."""
    if data[:2] != b"PK":
        raise InputError("{name!r} is not a NumPy .npz file.", name=name)
    arrays, members = read_npz(io.BytesIO(data), name, _PARTS)
    if "weights" not in arrays:
        names = listed(members) if members else message("nothing")
        raise InputError(
            "{name!r} has no array 'weights': it has {names}.",
            hint="Save it with: np.savez('weights.npz', weights=..., tokens=...).",
            name=name,
            names=names,
        )
    try:
        return _from_arrays(arrays)
    except InputError as error:
        raise error.about(name) from None
    except (TypeError, ValueError, IndexError, OverflowError, RecursionError):
        raise InputError(
            "{name!r} has spans, pieces, layers, heads or settings that are not as attnviz writes them.",
            hint="Leave those arrays out: weights and tokens are enough.",
            name=name,
        ) from None


_PARTS = (
    "weights",
    "tokens",
    "keys",
    "allowed",
    "layers",
    "heads",
    "spans",
    "key_spans",
    "pieces",
    "key_pieces",
    "output",
    "settings",
)


def _from_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = dict(arrays)
    for side, spans, pieces in (("tokens", "spans", "pieces"), ("keys", "key_spans", "key_pieces")):
        if side in found:
            found[side] = _tokens(arrays[side], arrays.get(spans), arrays.get(pieces))
    same = "keys" in found and [token.text for token in found["keys"]] == [t.text for t in found.get("tokens", ())]
    if same and "key_spans" not in arrays:  # one text: its keys are its tokens
        del found["keys"]
    if "layers" in found:
        found["layers"] = tuple(int(layer) for layer in arrays["layers"].ravel())
    if "heads" in found:
        found["heads"] = tuple(int(head) if head.isdecimal() else head for head in map(str, arrays["heads"].ravel()))
    if "settings" in found:
        found["settings"] = dict(json.loads(str(arrays["settings"].item())))
    return found


def _tokens(names: NDArray[Any], spans: NDArray[Any] | None, pieces: NDArray[Any] | None = None) -> list[Token]:
    texts = _strings(names)
    places = [(-1, -1)] * len(texts) if spans is None else [(int(a), int(b)) for a, b in spans]
    entries = [""] * len(texts) if pieces is None else _strings(pieces)
    return [
        Token(text, None, None, piece or None) if start < 0 else Token(text, start, end, piece or None)
        for text, (start, end), piece in zip(texts, places, entries, strict=True)
    ]


def _strings(names: NDArray[Any]) -> list[str]:
    if names.ndim != 1 or names.dtype.kind not in "US":
        raise InputError("tokens and keys must be arrays of strings with one dimension.")
    return [str(name) if names.dtype.kind == "U" else name.decode() for name in names]
