"""A checkpoint's tensors by their Hugging Face names, looked up one at a time and checked for their shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.memory_limit import free_memory
from attnviz.core.types import Float32

# How old BERT checkpoints call a layer norm's weight and bias.
_OLD_ENDINGS = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


# How many numbers of a large matrix are converted at once, where only its product is needed.
_BLOCK = 2**23

# What a layer's tensors have before their own names: all up to the last number.
_LAYER = re.compile(r".*\.\d+\.")


class Weights:
    """Named float32 arrays, with or without the prefix that a head on top puts before them ("bert.", "model.").

    Nothing is read before `take` asks for it, so a lazy mapping stays lazy.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.floating]], prefixes: tuple[str, ...] = ("",)) -> None:
        self._tensors = tensors
        self._prefixes = prefixes
        self._used: set[str] = set()
        self._kept: _KeptTensors | None = None

    def find(self, *names: str) -> str | None:
        """Return the full name of the first of these tensors that is there, under any prefix; None where none is."""
        for name in names:
            for ending in _spellings(name):
                for prefix in self._prefixes:
                    if prefix + ending in self._tensors:
                        return prefix + ending
        return None

    def take(self, *names: str, shape: tuple[int, ...]) -> Float32:
        """Return the first of these tensors that is there, float32 [*shape].

        Raises InputError where none is there, or where it has another shape.
        """
        if self._kept is not None and (found := self._kept.arrays.get((names, shape))) is not None:
            return found
        name = self._named(names, shape)
        tensor = self._tensors[name]
        _check_shape(name, tensor.shape, shape)
        array = np.asarray(tensor, dtype=np.float32)
        if self._kept is not None:
            self._kept.add((names, shape), array)
        return array

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep arrays that `take` returns for the next time, as many as half of the free memory holds.

        For passes that follow each other: a quantized array is converted once.
        """
        before = self._kept
        self._kept = before or _KeptTensors()
        try:
            yield
        finally:
            self._kept = before

    def rows(self, *names: str, shape: tuple[int, ...], ids: NDArray[np.int64]) -> Float32:
        """Return some rows of a table [rows, ...], a new array [ids, ...].

        The other rows are not read where the mapping has `rows(name, indexes)` and `shape(name)`.
        """
        name = self._named(names, shape)
        if not isinstance(self._tensors, _Rows):
            return np.take(self.take(name, shape=shape), ids, axis=0)
        _check_shape(name, self._tensors.shape(name), shape)
        return np.array(self._tensors.rows(name, ids), dtype=np.float32)

    def times(self, x: Float32, *names: str, shape: tuple[int, int]) -> Float32:
        """Return x W^T, [n, rows], for x [n, width] and the first of these matrices W [rows, width] that is there.

        A large one that has to be converted, and is not kept, is converted by blocks of rows into the product: the
        logits of one token need no float32 copy of a table of token vectors. Errors as in `take`.
        """
        name = self._named(names, shape)
        rows, width = shape
        step = max(1, _BLOCK // width)
        if (
            self._kept is not None
            or step >= rows
            or not (isinstance(self._tensors, _Converted) and self._tensors.converted(name))
        ):
            product: Float32 = x @ self.take(*names, shape=shape).T
            return product
        found = np.empty((len(x), rows), dtype=np.float32)
        for start in range(0, rows, step):
            ids = np.arange(start, min(rows, start + step))
            found[:, ids] = x @ self.rows(*names, shape=shape, ids=ids).T
        return found

    def _named(self, names: tuple[str, ...], shape: tuple[int, ...]) -> str:
        """Return the name of the first of these tensors that is there; raises InputError where none is."""
        name = self.find(*names)
        if name is None:
            raise InputError("The model's weights have no tensor {name} of shape {shape}.", name=names[0], shape=shape)
        self._used.add(name)
        return name

    def outlines(self) -> Weights:
        """Return the same names with zeros for arrays: nothing is read."""
        return _Outlines(self._tensors, self._prefixes)

    def unused(self, harmless: tuple[str, ...]) -> list[str]:
        """Return the tensors beside those that were taken, in the embeddings and layers that these are of.

        A layer is what stands before the last number of a name. harmless: regular expressions of names that no pass
        needs, such as stored masks.
        """
        parts = {match[0] for name in self._used if (match := _LAYER.match(name))}
        parts.update(name[: name.index("embeddings.") + 11] for name in self._used if "embeddings." in name)
        beginnings = tuple(parts)
        left = [name for name in self._tensors if name.startswith(beginnings) and name not in self._used]
        if not left:
            return []
        needless = re.compile("|".join(harmless))
        return [name for name in left if not needless.search(name)]


class _Outlines(Weights):
    """Zeros of the shapes that the arrays have: to find out whether all are there."""

    def take(self, *names: str, shape: tuple[int, ...]) -> Float32:
        """Return zeros [*shape]; raises InputError as Weights.take does."""
        name = self._named(names, shape)
        given = self._tensors.shape(name) if isinstance(self._tensors, _Rows) else self._tensors[name].shape
        _check_shape(name, given, shape)
        return np.broadcast_to(np.float32(0), shape)

    def times(self, x: Float32, *names: str, shape: tuple[int, int]) -> Float32:
        """Return zeros [n, rows]; raises InputError as Weights.times does."""
        self.take(*names, shape=shape)
        return np.zeros((len(x), shape[0]), dtype=np.float32)


class _KeptTensors:
    """Arrays by the names and the shape that they were asked for by, and how many bytes more may be kept."""

    def __init__(self) -> None:
        self.arrays: dict[tuple[tuple[str, ...], tuple[int, ...]], Float32] = {}
        self._room = free_memory() // 2

    def add(self, wanted: tuple[tuple[str, ...], tuple[int, ...]], array: Float32) -> None:
        """Keep an array where there is room for it."""
        if array.nbytes <= self._room:
            self._room -= array.nbytes
            self.arrays[wanted] = kept = array.view()
            kept.flags.writeable = False


@runtime_checkable
class _Rows(Protocol):
    """A mapping of tensors that can read a few rows of one."""

    def rows(self, name: str, indexes: NDArray[np.integer[Any]]) -> Float32: ...

    def shape(self, name: str) -> tuple[int, ...]: ...


@runtime_checkable
class _Converted(Protocol):
    """A mapping of tensors that can say which of them have to be converted to float32."""

    def converted(self, name: str) -> bool: ...


def _check_shape(name: str, given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    if tuple(given) != shape:
        raise InputError(
            "The model's tensor {name} has the shape {given}, but its config needs {shape}.",
            name=name,
            given=tuple(given),
            shape=shape,
        )


def _spellings(name: str) -> tuple[str, ...]:
    """Return a tensor's name as it is, and as old checkpoints have it."""
    for ending, old in _OLD_ENDINGS.items():
        if name.endswith(ending):
            return name, name.removesuffix(ending) + old
    return (name,)
