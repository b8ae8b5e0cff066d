"""Attention read back: what this project wrote (.json, .npz), and weights of others (.npz, .npy, nested lists)."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence, Sized
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, MissingError, OptionError, ShapeError
from attnviz.core.foreign_arrays import as_layers, as_numbers, dtype_of
from attnviz.core.given_attention import check_row_options, read_parts
from attnviz.core.given_tokens import GivenTokens, padding_places, read_tokens
from attnviz.core.label_list import split_labels
from attnviz.core.memory_limit import out_of_memory_for_file
from attnviz.core.provenance import Provenance
from attnviz.core.read_arrays import read_npy, read_npz
from attnviz.core.read_file import (
    LARGEST_ARRAYS,
    LARGEST_DOCUMENT,
    decode,
    read_bytes,
    refuse_repeated_keys,
    why_no_json,
)
from attnviz.core.token import Token
from attnviz.core.types import Floats
from attnviz.core.weight_forms import GivenStack
from attnviz.i18n.messages import Message, listed, message
from attnviz.io.validate import checked_flags, checked_names, checked_provenance, checked_tokens, checked_vectors

SUFFIXES = (".npz", ".json", ".npy")
SCHEMA = 1
_SPARE_NAMES = 1000  # names beyond the weights’ axes that are still read, to say which are too many

_SAFETENSORS = (
    "import numpy as np; from safetensors.numpy import load_file; "
    "np.savez('weights.npz', weights=load_file({name!r})['attention'], tokens=['the', 'cat'])"
)
_TORCH = (
    "import numpy as np, torch; w = torch.load({name!r}, weights_only=True); "
    "np.savez('weights.npz', weights=np.stack([x[0].float().numpy() for x in w]), tokens=['the', 'cat'])"
)


def read_attentions(
    path: Path, *, labels: Sequence[str] = (), normalize: bool = False, partial: bool = False
) -> tuple[Attention, ...]:
    """Return every attention that a file holds: one, or the documents of several texts.

    .npz: `weights` of 2 to 4 dimensions, or [layers, batch, heads, query, key] with a text for each of the batch, and
    what there is of `tokens`, `keys`, `allowed`, `mask` (or `attention_mask`), `key_mask`, `special_tokens_mask`,
    `layers` and `heads`, most of which a batch may have for each text. .json: this project's document, an object with
    these fields, or a nested list. .npy: weights alone. labels: the tokens' names, and in a second string the keys',
    see `split_labels`.
    normalize: divide rows by their sums; partial: take rows that sum to less than 1. Names that are pieces of a
    vocabulary are read back into text, but not joined. Raises InputError, ShapeError or OptionError.
    """
    check_row_options(normalize, partial)
    suffix = path.suffix.lower()
    _refuse_models(path, suffix)
    if suffix not in SUFFIXES:
        raise OptionError(
            "Weights are read from .npz, .json or .npy files, not from {name!r}.",
            hint="A model goes with --model, or with `attnviz.load`." if suffix == ".gguf" or path.is_dir() else "",
            name=path.name or str(path),
        )
    with suppress(MemoryError):  # what was read is freed before anything is said
        return _read(path, suffix, labels, _Rows(normalize, partial))
    raise out_of_memory_for_file(path, _unpacked(path))


def _read(path: Path, suffix: str, labels: Sequence[str], rows: _Rows) -> tuple[Attention, ...]:
    """Return every attention of a file whose name ends in one of SUFFIXES."""
    if suffix == ".json":
        found = _parse(read_bytes(path, LARGEST_DOCUMENT), path)
    elif suffix == ".npz":
        found = _npz(read_bytes(path, LARGEST_ARRAYS, begins=b"PK"), path.name)
    else:
        data = read_bytes(path, LARGEST_ARRAYS, begins=b"\x93NUMPY")
        found = _by_text({"weights": read_npy(io.BytesIO(data), len(data), path.name)}, path.name)
    return tuple(_attention(each, path.name, labels, rows) for each in found)


def _unpacked(path: Path) -> int:
    """Return how many bytes a file's contents are; those of a .npz are unpacked."""
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(path) as file:
            return sum(each.file_size for each in file.infolist())
    except (BadZipFile, OSError):
        return path.stat().st_size


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


class _Rows(NamedTuple):
    """What to do with rows that do not sum to 1: divide them by their sums, or take less than 1 for what it is."""

    normalize: bool
    partial: bool


def _attention(found: dict[str, Any], name: str, labels: Sequence[str], rows: _Rows) -> Attention:
    """Make one attention of the parts that a file gave; what a document says of itself is kept."""
    try:
        weights = as_numbers(found["weights"])
        stack = GivenStack(as_layers(weights), 1, grid=dtype_of([found["weights"]]))
        stack = stack._replace(depth=stack.weights.shape[0])
        found = _checked(found, stack.weights.shape)
        tokens, keys = _names(found, labels, stack.weights.shape)
        own: Provenance | None = found.get("settings")
        hidden = None if own is None else own.hidden  # [CLS] and the like, with their part of each row
        unscaled = hidden is not None and not hidden.renormalized
        partial = rows.partial or unscaled or (own is not None and own.partial and not rows.normalize)
        mask = found.get("mask")
        notes: tuple[Message, ...] = ()
        if mask is None and found.get("key_mask") is None and own is None and keys is None:
            mask, notes = _padding(tokens, stack.weights)
        parts = read_parts(
            stack,
            tokens,
            keys=keys,
            allowed=found.get("allowed"),
            mask=mask,
            key_mask=found.get("key_mask"),
            layers=found.get("layers"),
            heads=found.get("heads"),
            normalize=rows.normalize and not unscaled,
            partial=partial,
            accepted=None if own is None else own.precision,
        )
        given = Attention(**parts._asdict())
        if own is not None:
            read = given.provenance
            given = replace(
                given,
                provenance=replace(
                    own,
                    normalized=own.normalized or read.normalized,
                    partial=rows.partial or (own.partial and not rows.normalize),
                    precision=own.precision or read.precision,
                ),
            )
        return replace(given, output=found.get("output"), notes=(*notes, *given.notes))
    except (ShapeError, InputError, MissingError) as error:
        raise error.about(name) from None


def _padding(tokens: GivenTokens | None, weights: Floats) -> tuple[list[int] | None, tuple[Message, ...]]:
    """Return a mask that leaves out padding, known by its name, which no other token attends to; None without any."""
    if tokens is None or not len(tokens.tokens) == weights.shape[-2] == weights.shape[-1]:
        return None, ()
    places = padding_places(tokens.tokens)
    kept = [i for i in range(len(tokens.tokens)) if i not in set(places)]
    if not places or not kept or weights[..., kept, :][..., places].any():
        return None, ()
    note = message(
        "{count} tokens of padding, {name}, are left out.", count=len(places), name=tokens.tokens[places[0]].text
    )
    return [int(i in set(kept)) for i in range(len(tokens.tokens))], (note,)


def _checked(found: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the parts, each of them valid; InputError names what is not."""
    found = {part: value for part, value in found.items() if value is not None}
    for side in ("tokens", "keys"):
        if side in found:
            _check_count(found[side], shape)
            found[side] = checked_tokens(side, found[side])
    for axis in ("layers", "heads"):
        if axis in found:
            found[axis] = checked_names(axis, found[axis])
    for part in ("allowed", "mask", "attention_mask", "key_mask", "special_tokens_mask"):
        if part in found:
            found[part] = checked_flags(part, found[part])
    found["mask"] = _one_mask(found.get("mask"), found.pop("attention_mask", None))
    if "output" in found:
        found["output"] = checked_vectors("output", found["output"])
    if "settings" in found:
        layers, heads = (found.get(axis, range(size)) for axis, size in zip(("layers", "heads"), shape, strict=False))
        found["settings"] = checked_provenance(found["settings"], layers, heads)
    return found


def _check_count(names: Any, shape: tuple[int, ...]) -> None:
    """Raise ShapeError for far more names than any axis of the weights has, before each of them is read."""
    if isinstance(names, Sized) and len(names) > max(shape, default=0) + _SPARE_NAMES:
        raise ShapeError(
            "The number of tokens ({names}) must be that of the rows or columns of weights ({count}).",
            hint="Padding and special tokens count too.",
            names=len(names),
            count=max(shape, default=0),
        )


def _one_mask(mask: Any, also: Any) -> Any:
    """Return the mask, which may be called attention_mask; InputError where both are there and differ."""
    if mask is not None and also is not None and not np.array_equal(mask, also):
        raise InputError("mask and attention_mask are two names of one mask, and differ here.", hint="Keep one.")
    return also if mask is None else mask


def _names(
    found: dict[str, Any], labels: Sequence[str], shape: tuple[int, ...]
) -> tuple[GivenTokens | None, GivenTokens | None]:
    """Return the tokens and the keys: the labels where they are given, else the file's names, else None."""
    if len(labels) > 2:
        raise OptionError("--labels may be given twice: for the rows, then for the columns.")
    special = found.get("special_tokens_mask")
    tokens = split_labels(labels[0], shape[-2]) if labels else found.get("tokens")
    keys = split_labels(labels[1], shape[-1]) if len(labels) > 1 else found.get("keys")
    return _tokens_of(tokens, special), _tokens_of(keys)


def _tokens_of(names: Any, special: Any = None) -> GivenTokens | None:
    """Return names as tokens; those that a document describes stay as they are."""
    if names is None:
        return None
    if any(isinstance(name, Token) for name in names):
        return GivenTokens(tuple(name if isinstance(name, Token) else Token(name) for name in names))
    return read_tokens(names, special=special)


def _parse(data: bytes, path: Path) -> list[dict[str, Any]]:
    """Return the documents in a JSON file: one, an array of them, or a nested list of numbers."""
    name = path.name
    text = decode(data, path, chosen=False)
    try:
        document = json.loads(text, object_pairs_hook=refuse_repeated_keys)
    except KeyError as error:
        raise InputError("{path!r} names {key!r} twice.", path=name, key=error.args[0]) from None
    except (ValueError, RecursionError) as error:
        raise InputError("{name!r} is not valid JSON: {reason}.", name=name, reason=why_no_json(error)) from None
    several = isinstance(document, list) and bool(document) and all(isinstance(each, dict) for each in document)
    if isinstance(document, list) and not several:
        return _by_text({"weights": document}, name)
    return [text for each in (document if several else [document]) for text in _by_text(_document(each, name), name)]


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
    return dict(document)


def _npz(data: bytes, name: str) -> list[dict[str, Any]]:
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
        return [_from_arrays(text) for text in _by_text(arrays, name)]
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
    "mask",
    "attention_mask",
    "key_mask",
    "special_tokens_mask",
    "layers",
    "heads",
    "spans",
    "key_spans",
    "pieces",
    "key_pieces",
    "output",
    "settings",
)


# What a batch has of each text, and the number of its dimensions there.
_PER_TEXT = {
    "tokens": 1,
    "keys": 1,
    "mask": 1,
    "attention_mask": 1,
    "key_mask": 1,
    "special_tokens_mask": 1,
    "spans": 2,
    "key_spans": 2,
    "pieces": 1,
    "key_pieces": 1,
    "allowed": 4,
}


def _by_text(parts: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the parts of each text of a batch, [layers, batch, heads, query, key]; else the parts of the one text.

    A part without an axis for the batch is that of every text. Raises InputError for one of another number of texts.
    """
    own = [part for part, inner in _PER_TEXT.items() if _dimensions(parts.get(part)) == inner + 1]
    if _dimensions(parts["weights"]) != 5:  # a tokenizer gives one text as a batch of one
        own = [part for part in own if part != "allowed"]
        weights, count = None, 1
    else:
        try:
            weights = as_numbers(parts["weights"])
        except (ShapeError, InputError) as error:
            raise error.about(name) from None
        count = weights.shape[1]
    for part in own:
        texts = len(parts[part][0]) if part == "allowed" else len(parts[part])
        if texts != count:
            raise InputError(
                "{name!r} has {part} of {found} texts, and weights of {count}.",
                hint="Weights of several texts are [layers, batch, heads, query, key].",
                name=name,
                part=part,
                found=texts,
                count=count,
            )
    found = []
    for text in range(count):
        each = {part: parts[part][text] for part in own if part != "allowed"}
        if "allowed" in own:
            each["allowed"] = np.asarray(parts["allowed"])[:, text]
        found.append(parts | each | ({} if weights is None else {"weights": weights[:, text]}))
    return found


def _dimensions(value: Any) -> int:
    """Return how many dimensions an array has, or nested lists by their first elements."""
    if hasattr(value, "ndim"):
        return int(value.ndim)
    return 1 + _dimensions(value[0]) if isinstance(value, list) and value else 0


def _from_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    found: dict[str, Any] = dict(arrays)
    for side, spans, pieces in (("tokens", "spans", "pieces"), ("keys", "key_spans", "key_pieces")):
        if side in found:
            found[side] = _tokens(arrays[side], arrays.get(spans), arrays.get(pieces))
    same = "keys" in arrays and "tokens" in arrays and arrays["keys"].tolist() == arrays["tokens"].tolist()
    if same and "key_spans" not in arrays:  # one text: its keys are its tokens
        del found["keys"]
    for axis in ("layers", "heads"):
        if axis in found:
            found[axis] = _axis_names(axis, arrays[axis])
    if "settings" in found:
        found["settings"] = dict(json.loads(str(arrays["settings"].item())))
    return found


def _axis_names(axis: str, names: NDArray[Any]) -> list[int | str]:
    """Return the numbers or names of layers or heads."""
    if names.ndim > 1 or names.dtype.kind not in "iuUS":
        raise InputError("{axis} must be an array of numbers or names with one dimension.", axis=axis)
    texts = [name.decode() if isinstance(name, bytes) else str(name) for name in names.ravel().tolist()]
    return [int(text) if text.isdecimal() else text for text in texts]


def _tokens(names: NDArray[Any], spans: NDArray[Any] | None, pieces: NDArray[Any] | None = None) -> list[str | Token]:
    """Return tokens with their places, or names alone where the file has neither places nor pieces."""
    texts = _strings(names)
    if spans is None and pieces is None:
        return list(texts)
    if spans is not None and (spans.dtype.kind not in "iu" or spans.shape != (len(texts), 2)):
        raise InputError("spans must be whole numbers, a start and an end for each token.")
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
