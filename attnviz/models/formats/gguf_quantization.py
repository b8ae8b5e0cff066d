"""GGUF's number formats, converted to float32.

F32, F16, BF16, F64 and integers are views of the bytes; quantized blocks are converted by the gguf package, many
blocks at a time (by itself it takes 16 rows at a time, which is three times slower for narrow matrices).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, MissingError
from attnviz.core.types import Float32
from attnviz.models.formats.safetensors import bfloat16_to_float32

_BLOCKS_AT_A_TIME = 4096
_NUMBERS_AT_A_TIME = 2**22
_PLAIN = {
    "F32": np.float32,
    "F16": np.float16,
    "F64": np.float64,
    "BF16": np.uint16,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
}


class NumberFormat(NamedTuple):
    """A number format: its name, the numbers of a block, and the bytes of a block."""

    name: str
    block: int
    size: int


# The numbers of ggml's types; a test holds them to the gguf package's table.
FORMATS = {
    0: NumberFormat("F32", 1, 4),
    1: NumberFormat("F16", 1, 2),
    2: NumberFormat("Q4_0", 32, 18),
    3: NumberFormat("Q4_1", 32, 20),
    6: NumberFormat("Q5_0", 32, 22),
    7: NumberFormat("Q5_1", 32, 24),
    8: NumberFormat("Q8_0", 32, 34),
    9: NumberFormat("Q8_1", 32, 40),
    10: NumberFormat("Q2_K", 256, 84),
    11: NumberFormat("Q3_K", 256, 110),
    12: NumberFormat("Q4_K", 256, 144),
    13: NumberFormat("Q5_K", 256, 176),
    14: NumberFormat("Q6_K", 256, 210),
    15: NumberFormat("Q8_K", 256, 292),
    16: NumberFormat("IQ2_XXS", 256, 66),
    17: NumberFormat("IQ2_XS", 256, 74),
    18: NumberFormat("IQ3_XXS", 256, 98),
    19: NumberFormat("IQ1_S", 256, 50),
    20: NumberFormat("IQ4_NL", 32, 18),
    21: NumberFormat("IQ3_S", 256, 110),
    22: NumberFormat("IQ2_S", 256, 82),
    23: NumberFormat("IQ4_XS", 256, 136),
    24: NumberFormat("I8", 1, 1),
    25: NumberFormat("I16", 1, 2),
    26: NumberFormat("I32", 1, 4),
    27: NumberFormat("I64", 1, 8),
    28: NumberFormat("F64", 1, 8),
    29: NumberFormat("IQ1_M", 256, 56),
    30: NumberFormat("BF16", 1, 2),
    34: NumberFormat("TQ1_0", 256, 54),
    35: NumberFormat("TQ2_0", 256, 66),
    39: NumberFormat("MXFP4", 32, 17),
}


def to_float32(data: NDArray[np.uint8], number_format: NumberFormat) -> Float32:
    """Return the numbers, flat, that flat bytes `data` of whole blocks hold.

    Raises InputError for a format that the installed gguf package cannot read, MissingError where it is not there.
    """
    plain = _PLAIN.get(number_format.name)
    if plain is None:
        return _dequantized(data, number_format)
    array: NDArray[Any] = data.view(np.dtype(plain).newbyteorder("<"))
    return bfloat16_to_float32(array) if number_format.name == "BF16" else np.require(array, np.float32, ["A"])


def _dequantized(data: NDArray[np.uint8], number_format: NumberFormat) -> Float32:
    """Return the numbers, flat, that quantized blocks hold; errors as in to_float32."""
    try:
        from gguf.constants import GGMLQuantizationType
        from gguf.quants import dequantize
    except ImportError:
        raise MissingError(
            "Reading numbers quantized as {format} needs the extra [models].",
            hint="In the project's folder, install it with: pip install '.[models]'.",
            format=number_format.name,
        ) from None
    blocks = data.reshape(-1, number_format.size)
    numbers = np.empty(len(blocks) * number_format.block, dtype=np.float32)
    step = _BLOCKS_AT_A_TIME * max(1, _NUMBERS_AT_A_TIME // (_BLOCKS_AT_A_TIME * number_format.block))
    try:
        kind = GGMLQuantizationType[number_format.name]
        for start in range(0, len(blocks), step):  # what the package makes beside the result stays small
            some = blocks[start : start + step]
            rows = len(some) // _BLOCKS_AT_A_TIME * _BLOCKS_AT_A_TIME
            whole = some[:rows].reshape(-1, _BLOCKS_AT_A_TIME // 16 * number_format.size)
            parts = [part for part in (whole, some[rows:].reshape(1, -1)) if part.size]
            found = [dequantize(np.ascontiguousarray(part), kind).ravel() for part in parts]
            np.concatenate(found, out=numbers[start * number_format.block :][: sum(map(len, found))])
    except (KeyError, NotImplementedError):
        raise InputError(
            "Numbers quantized as {format} cannot be read.",
            hint="Quantize the model as Q8_0, Q4_K or another common format.",
            format=number_format.name,
        ) from None
    return numbers
