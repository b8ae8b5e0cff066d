"""Positions: the waves are the paper's, and each scheme says what it adds, rotates or biases."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.errors import OptionError
from attnviz.positions import SCHEMES, Place, positions, sinusoidal

GOLDEN = np.load(Path(__file__).parent / "golden" / "attention.npz")


def test_pytorch_gives_the_same_waves():
    """The table is that of The Annotated Transformer, computed by PyTorch in float64 with exp and log."""
    np.testing.assert_allclose(sinusoidal(*GOLDEN["waves"].shape), GOLDEN["waves"], rtol=0, atol=1e-7)


@given(st.integers(0, 8), st.integers(1, 9), st.integers(0, 1000))
def test_each_number(count, dim, offset):
    """PE(pos, 2i) is a sine and PE(pos, 2i+1) a cosine of pos / 10000^(2i/dim); an odd dim ends with a sine."""
    table = sinusoidal(count, dim, offset)
    assert table.dtype == np.float32
    assert table.shape == (count, dim)
    for row in range(count):
        for column in range(dim):
            angle = (row + offset) / 10000 ** (column // 2 * 2 / dim)
            assert table[row, column] == pytest.approx((math.sin, math.cos)[column % 2](angle), abs=1e-6)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 50))
def test_offset_is_a_later_start(count, dim, offset):
    """A table that begins at `offset` is the end of a longer one that begins at 0."""
    np.testing.assert_array_equal(sinusoidal(count, dim, offset), sinusoidal(offset + count, dim)[offset:])


def test_every_place_is_its_own():
    """No two of the first 1000 positions have the same row, not even nearly."""
    table = sinusoidal(1000, 32).astype(float)
    distance = np.linalg.norm(table[:, None, :2] - table[None, :, :2], axis=-1) + np.linalg.norm(
        table[:, None, 2:] - table[None, :, 2:], axis=-1
    )
    assert (distance + np.eye(1000) > 0.1).all()


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_every_scheme_fits_its_place(name):
    """What a scheme adds, rotates or biases has the shape of its place and is float32."""
    place = Place(queries=5, keys=5, dim=16, heads=4)
    scheme = positions(name, place)
    if scheme.add is not None:
        assert scheme.add(5).shape == (5, 16)
        assert scheme.add(5).dtype == np.float32
    if scheme.rotate is not None:
        assert scheme.rotate(np.ones((4, 5, 4), dtype=np.float32)).shape == (4, 5, 4)
    if scheme.bias is not None:
        assert np.broadcast_shapes(scheme.bias.shape, (4, 5, 5)) == (4, 5, 5)


def test_none_does_nothing():
    """Without positions nothing is added, rotated or biased."""
    scheme = positions("none", Place(3, 3, 8, 1))
    assert (scheme.add, scheme.rotate, scheme.bias) == (None, None, None)


def test_sinusoidal_adds():
    """The scheme sinusoidal adds the table, and nothing else."""
    scheme = positions("sinusoidal", Place(3, 3, 8, 1))
    np.testing.assert_array_equal(scheme.add(3), sinusoidal(3, 8))
    assert (scheme.rotate, scheme.bias) == (None, None)


@pytest.mark.parametrize(("name", "near"), [("sinusoid", "Did you mean sinusoidal"), ("xyz", "none, sinusoidal")])
def test_unknown_scheme(name, near):
    """An unknown scheme is wrong usage; the error lists the schemes and names a near one."""
    with pytest.raises(OptionError, match=near):
        positions(name, Place(3, 3, 8, 1))
