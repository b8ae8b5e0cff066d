"""Names for arrays of one kind of number, whatever their shape: docstrings say the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]  # float32 or float64
Booleans = NDArray[np.bool_]
Indexes = NDArray[np.int64]  # positions in another array, or token ids
