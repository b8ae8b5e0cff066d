"""Quantized weights of a safetensors checkpoint, as float32: the stored numbers times their scales.

The product is taken in float32 from the stored numbers and the stored scales, so it is exact to one rounding. What a
runtime does to activations besides (int8 or float8 inputs of a layer) is not repeated: they stay float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.formats.quantization import PACKED_BITS, Quantization
from attnviz.models.formats.safetensors import SafetensorsFile, ShardedSafetensors, to_float32
from attnviz.models.formats.tensors import Tensors

Stored = SafetensorsFile | ShardedSafetensors
Rows = NDArray[np.integer]

INTEGERS = ("I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL")
FLOAT8 = ("F8_E4M3", "F8_E5M2")

# 1/127 as bitsandbytes writes it (functional.int8_vectorwise_dequant).
_INT8_UNIT = np.float32(7.874015718698502e-3)
# The 16 numbers of FP4 E2M1 (OCP Microscaling Formats 1.0, table 5).
_FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], dtype=np.float32)
# Scales of activations and of the cache of keys and values: what a runtime rounds while it runs, not weights.
_OF_ACTIVATIONS = (
    ".input_scale",
    ".input_global_scale",
    ".input_zero_point",
    ".activation_scale",
    ".output_scale",
    ".output_zero_point",
    ".k_scale",
    ".v_scale",
    ".q_scale",
    ".input_scale_ub",
)


class Parts(NamedTuple):
    """The tensors that make one weight, by their names.

    stored: its numbers. packed: whether several stand in a word of 32 bits. tiles: bitsandbytes' note on their order.
    other: a second scale, which no method here has.
    """

    stored: str
    scale: str | None = None
    zero_point: str | None = None
    group_index: str | None = None
    shape: str | None = None
    tiles: str | None = None
    other: str | None = None
    packed: bool = False
    microscaled: bool = False


class CheckpointTensors(Tensors):
    """A checkpoint's weights as float32 by name; those that are quantized are converted when they are read.

    quantization: what the config says, None where it says nothing. Raises InputError for a weight of an integer type
    without its scale, for a scale that nothing here can use, and for parts that do not fit each other.
    """

    def __init__(self, stored: Stored, quantization: Quantization | None) -> None:
        self._stored = stored
        self._quantization = quantization
        self._parts = _find_parts(stored, quantization)
        belonging = {name for parts in self._parts.values() for name in parts if isinstance(name, str)}
        # Tensors that no weight is made of: scales of activations, and scales whose weight is not quantized here.
        loose = [] if quantization is None else [name for name in stored if name not in belonging]
        self.of_activations = tuple(name for name in loose if name.endswith(_OF_ACTIVATIONS))
        self._names = dict.fromkeys(
            (*(name for name in stored if name not in belonging and name not in set(self.of_activations)), *self._parts)
        )

    @property
    def converted(self) -> bool:
        """Return whether any weight is stored in other numbers than it is used in."""
        return bool(self._parts)

    def __getitem__(self, name: str) -> Float32:
        return self._read(name, None)

    def rows(self, name: str, indexes: Rows) -> Float32:
        """Return some rows of an array [rows, ...] as float32 [*indexes, ...]; other rows are not converted."""
        return self._read(name, indexes)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
        parts = self._parts.get(name)
        if parts is None:
            return self._stored.shape(name)
        if parts.microscaled:
            *before, rows, groups, half = self._stored.shape(parts.stored)
            return (*before, groups * half * 2, rows)
        if parts.shape is not None:
            return tuple(int(size) for size in self._stored.raw(parts.shape))
        return self._stored.shape(parts.stored)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def _read(self, name: str, rows: Rows | None) -> Float32:
        """Return a weight, or some of its rows."""
        parts = self._parts.get(name)
        if parts is not None:
            return self._converted(name, parts, rows)
        dtype = self._stored.dtype(name)
        if dtype in INTEGERS:
            raise self._no_scale(name, dtype)
        if dtype in FLOAT8 and self._quantization is not None:
            raise self._no_scale(name, dtype)
        return self._stored[name] if rows is None else self._stored.rows(name, rows)

    def _converted(self, name: str, parts: Parts, rows: Rows | None) -> Float32:
        """Return a quantized weight, or some of its rows, as float32."""
        dtype = self._stored.dtype(parts.stored)
        if parts.microscaled:
            return self._microscaled(parts, rows)
        if parts.other is not None:
            raise self._unexplained(name, dtype, parts._replace(scale=parts.other))
        if parts.packed and self._quantization is not None:
            numbers = self._unpacked(name, parts)
        elif self._quantization is not None and (dtype in FLOAT8 or (dtype == "I8" and self._takes_integers())):
            numbers = self._stored.raw(parts.stored)
        else:
            raise self._unexplained(name, dtype, parts)
        if parts.tiles is not None and self._stored.raw(parts.tiles).any():
            raise InputError(
                "The weight {name!r} is stored in tiles, not row by row, which attnviz does not read.",
                hint="Give the checkpoint that it was made from, or a GGUF of it.",
                name=name,
            )
        shape = numbers.shape
        numbers = numbers if rows is None else numbers[rows]
        values = to_float32(numbers, dtype) if dtype in FLOAT8 else numbers.astype(np.float32)
        widths = set() if self._quantization is None else self._quantization.widths
        spread = _Spread(shape, self._block, widths, self._group_index(parts, shape), rows)
        if parts.zero_point is not None:
            values -= self._fitted(spread, self._zero_point(parts), name, parts.zero_point)
        if parts.scale is not None:
            values *= self._fitted(spread, self._scale(parts), name, parts.scale)
        if self._quantization is not None and self._quantization.method == "bitsandbytes int8":
            values *= _INT8_UNIT
        return values

    def _takes_integers(self) -> bool:
        """Return whether a weight of I8 holds one number a byte; of fp8 checkpoints it would be two of four bits."""
        return self._quantization is not None and self._quantization.method in (
            "bitsandbytes int8",
            "compressed-tensors",
        )

    @property
    def _block(self) -> tuple[int, int] | None:
        return None if self._quantization is None else self._quantization.block

    def _scale(self, parts: Parts) -> Float32:
        """Return a weight's scales; bytes are exponents of 2, as in the microscaling formats."""
        if parts.scale is None:
            raise AssertionError("a weight without a scale is refused before")
        if self._stored.dtype(parts.scale) in ("U8", "F8_E8M0"):
            return to_float32(self._stored.raw(parts.scale), "F8_E8M0")
        scale = np.array(self._stored[parts.scale], dtype=np.float32)
        return scale.reshape(-1, 1) if parts.scale.endswith(".SCB") else scale

    def _zero_point(self, parts: Parts) -> Float32:
        """Return a weight's zero points, unpacked where they are packed."""
        if parts.zero_point is None:
            raise AssertionError("asked for where there is one only")
        raw = self._stored.raw(parts.zero_point)
        if parts.packed and self._stored.dtype(parts.zero_point) == "I32":
            rows = self._original_shape(parts)[0]
            bits = self._bits(parts)
            return unpack_integers(np.ascontiguousarray(raw.T), bits, rows).T.astype(np.float32)
        return to_float32(raw, self._stored.dtype(parts.zero_point))

    def _group_index(self, parts: Parts, shape: tuple[int, ...]) -> NDArray[np.integer] | None:
        """Return the group of each column, where columns were reordered; None where groups stand in order."""
        if parts.group_index is None:
            return None
        index = self._stored.raw(parts.group_index)
        if (index < 0).any():
            return None
        groups = self._stored.shape(parts.scale)[-1] if parts.scale is not None else 0
        if index.shape != (shape[-1],) or index.max(initial=0) >= groups:
            raise self._do_not_fit(parts.stored, parts.group_index)
        return index

    def _original_shape(self, parts: Parts) -> tuple[int, ...]:
        """Return the shape of a packed weight [outputs, inputs]."""
        if parts.shape is None:
            raise InputError("The packed weight {name!r} has no weight_shape beside it.", name=parts.stored)
        given = self._stored.raw(parts.shape)
        if given.shape != (2,) or (given < 1).any() or (given > 2**31).any():
            raise self._do_not_fit(parts.stored, parts.shape)
        return int(given[0]), int(given[1])

    def _bits(self, parts: Parts) -> int:
        """Return how many bits a packed weight's numbers have, by its width and by the config."""
        width, columns = self._stored.shape(parts.stored)[-1], self._original_shape(parts)[1]
        known = set(PACKED_BITS)
        named = known if self._quantization is None or not self._quantization.bits else self._quantization.bits
        found = [bits for bits in sorted(named & known) if -(-columns * bits // 32) == width]
        if len(found) != 1:
            raise InputError(
                "The packed weight {name!r} has {width} words for {columns} numbers, which is none of 2, 4 and 8 bits "
                "that the config names.",
                name=parts.stored,
                width=width,
                columns=columns,
            )
        return found[0]

    def _unpacked(self, name: str, parts: Parts) -> NDArray[np.int8]:
        """Return the integers of a packed weight, [outputs, inputs]."""
        rows, columns = self._original_shape(parts)
        raw = self._stored.raw(parts.stored)
        if raw.ndim != 2 or len(raw) != rows or self._stored.dtype(parts.stored) != "I32":
            raise self._do_not_fit(name, str(parts.shape))
        return unpack_integers(raw, self._bits(parts), columns)

    def _microscaled(self, parts: Parts, rows: Rows | None) -> Float32:
        """Return weights of MXFP4, [experts, inputs, outputs], from blocks of 32 numbers of 4 bits with an exponent.

        (OCP Microscaling Formats 1.0, section 5.3.3; the order is that of gpt-oss.)
        """
        blocks, scales = self._stored.raw(parts.stored), self._stored.raw(str(parts.scale))
        if blocks.ndim < 3 or blocks.shape[:-1] != scales.shape or blocks.dtype != np.uint8:
            raise self._do_not_fit(parts.stored, str(parts.scale))
        if rows is not None:
            blocks, scales = blocks[rows], scales[rows]
        values = np.empty((*blocks.shape[:-1], 2 * blocks.shape[-1]), dtype=np.float32)
        values[..., 0::2] = _FP4[blocks & 0x0F]
        values[..., 1::2] = _FP4[blocks >> 4]
        values = np.ldexp(values, scales.astype(np.int32)[..., None] - 127, dtype=np.float32)
        return np.ascontiguousarray(values.reshape(*blocks.shape[:-2], -1).swapaxes(-1, -2))

    def _fitted(self, spread: _Spread, grid: Float32, name: str, part: str) -> Float32:
        """Return the grid over the weight; raises InputError where it has another shape."""
        found = spread(grid)
        if found is None:
            raise self._do_not_fit(name, part)
        return found

    def _do_not_fit(self, name: str, part: str) -> InputError:
        return InputError(
            "The weight {name!r} of shape {shape} and {part!r} of shape {given} do not fit each other.",
            name=name,
            shape=self._stored.shape(name) if name in self._stored else "?",
            part=part,
            given=self._stored.shape(part),
        )

    def _unexplained(self, name: str, dtype: str, parts: Parts) -> InputError:
        fields = {"name": name, "dtype": dtype, "scale": str(parts.scale)}
        if self._quantization is None:
            return InputError(
                "The weight {name!r} has the number format {dtype} and {scale!r} beside it, and config.json has no "
                "quantization_config that says how they go together.",
                hint="Give the folder with its own config.json, or the checkpoint that it was made from.",
                **fields,
            )
        return InputError(
            "The weight {name!r} has the number format {dtype}, beside {scale!r}; {method} does not combine the two.",
            hint="Give the checkpoint that it was made from, or a GGUF of it.",
            method=self._quantization.method,
            **fields,
        )

    def _no_scale(self, name: str, dtype: str) -> InputError:
        return InputError(
            "The weight {name!r} has the number format {dtype} and no scale beside it, so its numbers are unknown.",
            hint="Give the checkpoint that it was made from, or a GGUF of it.",
            name=name,
            dtype=dtype,
        )


class _Spread(NamedTuple):
    """Lays a grid of scales over a weight: one for all, one a row, a group of columns, or a block.

    shape: the whole weight's. block: the rows and columns of a block, where the config says. widths: the columns of a
    group, where it says. columns: the group of each column. rows: which rows are wanted, None for all.
    """

    shape: tuple[int, ...]
    block: tuple[int, int] | None
    widths: set[int]
    columns: NDArray[np.integer] | None
    rows: Rows | None

    def __call__(self, grid: Float32) -> Float32 | None:
        """Return numbers that broadcast over the wanted part of the weight; None where the grid does not fit it."""
        if grid.size == 1:
            return grid.reshape(())
        if grid.ndim == 1 and len(grid) == self.shape[0]:
            grid = grid.reshape(-1, *([1] * (len(self.shape) - 1)))
        outer = zip(grid.shape, self.shape[:-2], strict=False)
        if grid.ndim != len(self.shape) or any(entries not in (1, size) for entries, size in outer):
            return None
        down = self._down(grid.shape[-2])
        across = self._across(grid.shape[-1]) if self.columns is None else self.columns
        if (
            down is None
            or across is None
            or (grid.shape[-2] < self.shape[-2] and self.block is None and len(across) > 1)
        ):
            return None
        if self.rows is not None and len(self.shape) == 2:
            down = down if len(down) == 1 else down[self.rows]
        elif self.rows is not None and len(grid) > 1:
            grid = grid[self.rows]
        laid: Float32 = grid.take(down, axis=-2).take(across, axis=-1)
        return laid

    def _down(self, entries: int) -> NDArray[np.integer] | None:
        """Return which entry of a grid belongs to each row, [rows] or [1]; None where they do not fit."""
        size = self.shape[-2]
        if entries == 1:
            return np.zeros(1, dtype=np.intp)
        if entries == size:
            return np.arange(size)
        return None if self.block is None else _groups(entries, size, {self.block[0]})

    def _across(self, entries: int) -> NDArray[np.integer] | None:
        """Return which entry of a grid belongs to each column, [columns] or [1]; None where they do not fit."""
        size = self.shape[-1]
        if entries == 1:
            return np.zeros(1, dtype=np.intp)
        widths = self.widths if self.block is None else {*self.widths, self.block[1]}
        if not widths and size % entries == 0 and entries < size:
            widths = {size // entries}
        return _groups(entries, size, widths)


def _groups(entries: int, size: int, widths: set[int]) -> NDArray[np.integer] | None:
    """Return the group of each of `size` places, by the one width that makes so many groups; None without one."""
    fitting = [width for width in widths if -(-size // width) == entries]
    return np.arange(size) // fitting[0] if len(fitting) == 1 else None


def unpack_integers(words: NDArray[np.int32], bits: int, count: int) -> NDArray[np.int8]:
    """Return the first `count` integers of each row of words [rows, words], the lowest bits first: [rows, count].

    They are stored from 0 on: half of their range is taken off (compressed-tensors, pack_to_int32).
    """
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    unsigned = words.astype(np.int32, copy=False).view(np.uint32)
    each = (unsigned[:, :, None] >> shifts) & np.uint32(2**bits - 1)
    numbers = each.reshape(len(words), -1)[:, :count].astype(np.int16) - 2 ** (bits - 1)
    signed: NDArray[np.int8] = numbers.astype(np.int8)
    return signed


def _find_parts(stored: Stored, quantization: Quantization | None) -> dict[str, Parts]:
    """Return the quantized weights of a checkpoint by name, with the tensors that make them."""
    if quantization is not None:
        return _FINDERS.get(quantization.method, _find_scaled)(stored)
    # Without a word in the config, a float weight with something called a scale beside it is what it says.
    return {
        name: parts
        for name, parts in _find_scaled(stored).items()
        if parts.packed or stored.dtype(parts.stored) in (*INTEGERS, *FLOAT8)
    }


def _find_int8(stored: Stored) -> dict[str, Parts]:
    """Return bitsandbytes' weights of int8: NAME.weight with one scale a row, NAME.SCB."""
    found = {}
    for name in stored:
        stem, _, last = name.rpartition(".")
        if last == "SCB" and f"{stem}.weight" in stored:
            tiles = f"{stem}.weight_format"
            found[f"{stem}.weight"] = Parts(f"{stem}.weight", name, tiles=tiles if tiles in stored else None)
    return found


def _find_microscaled(stored: Stored) -> dict[str, Parts]:
    """Return the weights of MXFP4: NAME_blocks and NAME_scales."""
    return {
        name.removesuffix("_blocks"): Parts(name, f"{name.removesuffix('_blocks')}_scales", microscaled=True)
        for name in stored
        if name.endswith("_blocks") and f"{name.removesuffix('_blocks')}_scales" in stored
    }


def _find_scaled(stored: Stored) -> dict[str, Parts]:
    """Return weights with NAME_scale or NAME_scale_inv beside them, packed ones among them."""

    def beside(name: str, ending: str) -> str | None:
        return f"{name}{ending}" if f"{name}{ending}" in stored else None

    found: dict[str, Parts] = {}
    for name in stored:
        for ending in ("_scale", "_scale_inv"):
            weight = name.removesuffix(ending)
            if weight == name or name.endswith(_OF_ACTIVATIONS):
                continue
            packed = beside(weight, "_packed")
            kept = packed or (weight if weight in stored else None)
            if kept is not None:
                found[weight] = Parts(
                    kept,
                    name,
                    beside(weight, "_zero_point"),
                    beside(weight, "_g_idx"),
                    beside(weight, "_shape"),
                    other=found[weight].scale if weight in found else beside(weight, "_global_scale"),
                    packed=packed is not None,
                )
    return found


_FINDERS: dict[str, Callable[[Stored], dict[str, Parts]]] = {
    "bitsandbytes int8": _find_int8,
    "mxfp4": _find_microscaled,
}
