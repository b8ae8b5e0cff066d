"""Row sums of weights from elsewhere: right as far as the precision of the numbers goes, and no further."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one

from attnviz import Attention
from attnviz.core.errors import InputError
from attnviz.core.row_sums import BFLOAT16, FLOAT8_E4M3, FLOAT8_E5M2, FLOAT16, grid_of, judge_sums


def softmax(keys, *, seed=0, spread=2.0, heads=40):
    """Rows of softmax, [1, heads, keys, keys], float32, with no mask."""
    scores = spread * np.random.default_rng(seed).standard_normal((1, heads, keys, keys))
    raw = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)


def bfloat16(numbers):
    """Round float32 to bfloat16, to nearest even, as hardware does; returned as float32."""
    bits = numbers.view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def float8(numbers, digits, smallest):
    """Round to an 8-bit format of so many binary digits."""
    exponents = np.frexp(numbers)[1]
    steps = np.maximum(np.ldexp(1.0, exponents - digits), smallest)
    return (np.rint(numbers / steps) * steps).astype(np.float32)


class Tensor:
    """An array that knows the dtype it had."""

    def __init__(self, array, dtype):
        self.array, self.dtype, self.ndim, self.shape = array, dtype, array.ndim, array.shape

    def __array__(self, *_, **__):
        return self.array


ROUNDED = {
    "bfloat16": bfloat16,
    "float16": lambda numbers: numbers.astype(np.float16).astype(np.float32),
    "float8_e4m3": lambda numbers: float8(numbers, 4, 2.0**-9),
    "float8_e5m2": lambda numbers: float8(numbers, 3, 2.0**-16),
    "1 decimal": lambda numbers: np.round(numbers.astype(np.float64), 1),
    "2 decimals": lambda numbers: np.round(numbers.astype(np.float64), 2),
    "3 decimals": lambda numbers: np.round(numbers.astype(np.float64), 3),
    "4 decimals": lambda numbers: np.round(numbers.astype(np.float64), 4),
    "3 decimals in float32": lambda numbers: np.round(numbers, 3),
}


@pytest.mark.parametrize("keys", [3, 12, 60])
@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_rows(name, keys):
    """Rows that were rounded come in as they are, whatever they were rounded to, and what explains them is kept."""
    weights = ROUNDED[name](softmax(keys))
    found = Attention.from_arrays(weights, None, batch=0)
    off = np.abs(weights.astype(np.float64).sum(axis=-1) - 1).max()
    assert np.array_equal(found.weights, weights.astype(np.float32))
    precision = found.provenance.precision
    assert precision is not None
    assert off > 0
    assert_near(precision.off, off)
    assert precision.name in name or precision.off < 2**-10


@pytest.mark.parametrize("name", ["bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"])
def test_dtype_tells(name):
    """A tensor's dtype tells its precision, also where its few numbers do not."""
    grid = grid_of(f"torch.{name}")
    assert grid == {"b": BFLOAT16, "f": FLOAT16}.get(name[0] if "8_" not in name else "", grid)
    whole = np.array([[0.34375, 0.34375, 0.34375], [1, 0, 0], [0, 0, 1]], dtype=np.float32)  # thirds with 4 digits
    if "8_" in name:
        found = Attention.from_arrays(Tensor(whole, f"torch.{name}"), None)
        assert found.provenance.precision.name in name
    else:
        with pytest.raises(InputError, match=r"1\.03125"):
            Attention.from_arrays(Tensor(whole, f"torch.{name}"), None)
    assert Attention.from_arrays(whole, None).provenance.precision.name == "float8_e4m3"


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ([0.3, 0.3, 0.3], "1 decimal"),
        ([0.1, 0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.2], "1 decimal"),
        ([0.33, 0.33, 0.33], "2 decimals"),
        ([0.34375, 0.34375, 0.34375], "float8_e4m3"),
        ([0.3125, 0.3125, 0.3125, 0], "float8_e5m2"),
        ([0.21875, 0.21875, 0.21875, 0.21875, 0.0625], "float8_e5m2"),
        ([0.40625, 0.203125, 0.1875, 0.171875], "float8_e4m3"),
    ],
)
def test_few_numbers_on_a_grid(row, name):
    """A few numbers of a coarse grid are enough: a row is right where one that sums to 1 rounds to it."""
    found = Attention.from_arrays([row], None, keys=[str(i) for i in range(len(row))])
    assert found.provenance.precision.name == name
    for wrong in ([*row[:-1], row[-1] + 0.75], [row[0]] + [0] * (len(row) - 1)):
        with pytest.raises(InputError, match="row 0 sums to"):
            Attention.from_arrays([wrong], None, keys=[str(i) for i in range(len(row))])


def test_nothing_is_left_of_a_row():
    """A row of zeros is refused, though numbers below half a decimal place are rounded to it."""
    with pytest.raises(InputError, match="row 1 sums to 0"):
        Attention.from_arrays([[0.9] + [0.0] * 29, [0.0] * 30], None, keys=[f"k{i}" for i in range(30)])


def test_grids():
    """A number's half step is half the distance of its neighbours in the format."""
    for grid, number, half in (
        (BFLOAT16, 1 / 3, 2.0**-10),
        (FLOAT16, 1 / 3, 2.0**-13),
        (FLOAT16, 1e-7, 2.0**-25),
        (FLOAT8_E4M3, 1 / 3, 2.0**-6),
        (FLOAT8_E5M2, 1 / 3, 2.0**-5),
        (FLOAT8_E4M3, 0, 2.0**-10),
    ):
        assert grid.half_steps(np.array([number]))[0] == half
    halves = np.array([1 / 3, 1e-3, 0.99], dtype=np.float16)
    assert FLOAT16.holds(halves.astype(np.float32))
    assert FLOAT16.half_steps(halves)[0] == float(np.nextafter(halves[0], np.float16(1)) - halves[0]) / 2


@pytest.mark.parametrize("name", [name for name in ROUNDED if "e5m2" not in name])
def test_beyond_the_precision(name):
    """A row that misses 1 by more than its rounding can is refused, however coarse the numbers are."""
    weights = ROUNDED[name](softmax(12, spread=0.5))
    weights = weights.copy()
    weights[0, 0, 3, weights[0, 0, 3].argmax() if name != "1 decimal" else slice(2, None)] = 0  # a twelfth or more
    with pytest.raises(InputError, match="head 0, row 3 sums to"):
        Attention.from_arrays(weights, None, batch=0)


@given(st.floats(-0.01, 0.01))
def test_numbers_on_no_grid(off):
    """Full float32 numbers may miss 1 by 2^-10 (half precision, averaged since), which is told, and by no more."""
    weights = softmax(4).astype(np.float64)
    weights[0, 1, 2, 3] += off
    missing = abs(float(weights[0, 1, 2].sum()) - 1)
    if missing > 2**-10 or weights.min() < 0:
        with pytest.raises(InputError):
            Attention.from_arrays(weights, None, batch=0)
        if weights.min() >= 0:
            found = Attention.from_arrays(weights, None, batch=0, normalize=True)
            assert_rows_sum_to_one(found.weights[0, 1, 2])
            assert found.provenance.normalized
            assert "divided by their sums" in str(found.notes[-1])
    else:
        for normalize in (False, True):
            found = Attention.from_arrays(weights, None, batch=0, normalize=normalize)
            assert np.array_equal(found.weights, weights.astype(np.float32))
            assert not found.provenance.normalized
            assert (found.provenance.precision is None) == (missing <= 20 * 2.0**-23)


@pytest.mark.parametrize(
    ("weights", "words", "others"),
    [
        ([[0.4, 0.61234], [0.5, 0.5]], ["--normalize", "near 1"], ["--partial", "eval", "softmax"]),
        ([[0.4, 0.2123], [0.5, 0.5]], ["--partial", "partial=True", "sink"], ["--normalize", "eval", "softmax"]),
        ([[0.4, 0.7123], [0.5, 0.4]], ["model.eval()", "--normalize"], ["--partial", "softmax"]),
        ([[4.123, 2.5], [0.5, 0.4]], ["softmax", "--normalize"], ["--partial", "eval"]),
        ([[0.4, -0.2], [0.5, 0.5]], ["softmax"], ["--partial", "eval"]),
    ],
)
def test_remedies(weights, words, others):
    """Each cause of a wrong sum has its own remedy: rounding, missing keys, dropout, scores."""
    with pytest.raises(InputError) as error:
        Attention.from_arrays(weights, ["a", "b"])
    line = error.value.for_command_line()
    assert [word for word in words if word not in line] == []
    assert [word for word in others if word in line] == []


def test_partial_rows():
    """With `partial`, rows that sum to less stay as they are; more than 1 is wrong all the same."""
    weights = np.array([[0.005, 0], [0.25, 0.5]])
    found = Attention.from_arrays(weights, ["a", "b"], partial=True)
    assert np.array_equal(found.weights[0, 0], weights.astype(np.float32))
    assert found.provenance.partial
    with pytest.raises(InputError, match=r"sums to 1\.25"):
        Attention.from_arrays(weights + 0.25, ["a", "b"], partial=True)
    assert Attention.from_arrays([[0, 0], [0.5, 0.5]], ["a", "b"], partial=True).weights[0, 0, 0].tolist() == [0, 0]


def test_forbidden_cells_are_not_rounded():
    """Cells that may not be attended to have no rounding: they widen no interval."""
    weights = np.zeros((1, 1, 1, 200))
    weights[0, 0, 0, :2] = [0.35, 0.62]
    allowed = np.zeros((1, 200), dtype=bool)
    allowed[0, :2] = True
    assert not judge_sums(weights, None, None).wrong.any()
    assert judge_sums(weights, allowed, None).wrong.all()
