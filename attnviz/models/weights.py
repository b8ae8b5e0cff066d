"""A checkpoint's tensors by their Hugging Face names, looked up one at a time and held to the shape they must have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import InputError

Float32 = NDArray[np.float32]

# How old BERT checkpoints call a layer norm's weight and bias.
_OLD_ENDINGS = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


class Weights:
    """Named float32 arrays, with or without the prefix that a head on top puts before them ("bert.", "model.").

    Nothing is read before `take` asks for it, so a lazy mapping stays lazy.
    """

    def __init__(self, tensors: Mapping[str, NDArray[np.floating]], prefixes: tuple[str, ...] = ("",)) -> None:
        self._tensors = tensors
        self._prefixes = prefixes

    def find(self, *names: str) -> str | None:
        """The full name of the first of these that is there, under any prefix; None where none is."""
        for name in names:
            for ending in _spellings(name):
                for prefix in self._prefixes:
                    if prefix + ending in self._tensors:
                        return prefix + ending
        return None

    def take(self, *names: str, shape: tuple[int, ...]) -> Float32:
        """The first of these that is there, float32 [*shape]; InputError where none is, or its shape is another."""
        name = self.find(*names)
        if name is None:
            raise InputError(
                "The model's weights have no tensor {name}; it would be of shape {shape}.",
                name=names[0], shape=shape,
            )  # fmt: skip
        tensor = self._tensors[name]
        if tensor.shape != shape:
            raise InputError(
                "The model's tensor {name} has the shape {given}, but its config asks for {shape}.",
                name=name, given=tuple(tensor.shape), shape=shape,
            )  # fmt: skip
        return np.asarray(tensor, dtype=np.float32)


def _spellings(name: str) -> tuple[str, ...]:
    for ending, old in _OLD_ENDINGS.items():
        if name.endswith(ending):
            return name, name.removesuffix(ending) + old
    return (name,)
