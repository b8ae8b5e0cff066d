"""The interface of every kind of weight file: arrays by name, and rows of one without reading all of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from attnviz.core.types import Float32


class Tensors(Mapping[str, Float32]):
    """A model's arrays by name, float32, each read when it is looked up."""

    @abstractmethod
    def rows(self, name: str, indexes: NDArray[np.integer]) -> Float32:
        """Return some rows of an array [rows, ...]: [*indexes, ...]."""

    @abstractmethod
    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
