"""Colours: the published palettes, numbers in their place, and ink that can be read on every one of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from near import assert_near64

from attnviz.views.prepared.color_scale import Scale, color_at, contrast, ink_on, signed_scale, weight_scale

WEIGHTS, CHANGES = Scale(0, 1), Scale(-1, 1, diverging=True)
NUMBERS = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=4), elements=st.floats(-(2.0**99), 2.0**99, width=32)
)


def published(name):
    """The published table of 256 colours, as 0 to 255."""
    from matplotlib import colormaps

    return np.rint(colormaps[name](np.arange(256))[:, :3] * 255)


def luminance(color):
    """Relative luminance (WCAG 2.2), written out again here."""
    parts = [part / 255 for part in color]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_weights_are_viridis():
    """The colours of weights are matplotlib's viridis, to 3 of 255 a channel."""
    difference = np.abs(np.array(WEIGHTS.palette()) - published("viridis"))
    assert difference.max() <= 3


def test_changes_are_red_and_blue():
    """At its nine anchors the colours of changes are matplotlib's RdBu reversed, to 3 of 255 a channel."""
    from matplotlib import colormaps

    places = np.linspace(0, 1, 9)
    ours = np.array([color_at(CHANGES.palette(), place) for place in places])
    theirs = colormaps["RdBu_r"](np.linspace(0.1, 0.9, 9))[:, :3] * 255  # the outermost two of its eleven are left out
    assert np.abs(ours - theirs).max() <= 3


@pytest.mark.parametrize("scale", [WEIGHTS, CHANGES], ids=["weights", "changes"])
def test_ink_is_legible(scale):
    """On every colour the ink has a contrast of at least 4.5 (WCAG 2.2, level AA)."""
    for color in scale.palette():
        light, dark = sorted((luminance(color), luminance(ink_on(color))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, color
        assert_near64(contrast(color, ink_on(color)), (light + 0.05) / (dark + 0.05))


def test_contrast():
    """Black on white is 21, a colour on itself 1 (WCAG 2.2)."""
    assert_near64(contrast((0, 0, 0), (255, 255, 255)), 21)
    assert contrast((9, 9, 9), (9, 9, 9)) == 1


@pytest.mark.parametrize("scale", [WEIGHTS, CHANGES], ids=["weights", "changes"])
def test_palette_shape(scale):
    """A palette is 256 colours of three whole numbers from 0 to 255."""
    palette = scale.palette()
    assert len(palette) == 256
    assert all(type(part) is int and 0 <= part <= 255 for color in palette for part in color)


def test_viridis_gets_lighter():
    """More weight is a lighter colour, so that it reads without colour too; rounding alone may hide one step."""
    shades = [luminance(color) for color in WEIGHTS.palette()]
    assert all(after > before for before, after in zip(shades, shades[2:], strict=False))


@given(NUMBERS)
def test_places(values):
    """Every number has a place from 0 to 1, on both scales, and a larger number never a smaller place."""
    for scale in (weight_scale(np.abs(values)), signed_scale(values)):
        places = scale.place(values)
        assert places.shape == values.shape
        assert ((places >= 0) & (places <= 1)).all()
        assert (np.diff(places.ravel()[np.argsort(values, axis=None)]) >= 0).all()


@given(NUMBERS)
def test_zero_is_neutral(values):
    """No change stands in the middle, and the middle is nearly white."""
    assert signed_scale(values).place(np.zeros(1)).tolist() == [0.5]
    assert min(color_at(CHANGES.palette(), 0.5)) >= 0xF5


def test_ends():
    """Weights begin at 0 and end at the largest; changes reach equally far both ways."""
    assert weight_scale(np.array([0.2, 0.5])) == Scale(0.0, 0.5)
    assert signed_scale(np.array([-3.0, 2.0])) == Scale(-3.0, 3.0, diverging=True)


@pytest.mark.parametrize(("scale", "place"), [(Scale(0, 0), 0.0), (Scale(0, 0, diverging=True), 0.5)])
def test_no_span(scale, place):
    """Where all numbers are 0 there is one colour: the lowest of weights, the neutral one of changes."""
    assert scale.place(np.zeros((2, 3))).tolist() == [[place] * 3] * 2


def test_signs_have_colours():
    """Less is blue, more is red."""
    low, high = CHANGES.palette()[0], CHANGES.palette()[-1]
    assert low[2] > low[0]
    assert high[0] > high[2]


def test_empty():
    """No numbers have a scale too."""
    assert weight_scale(np.zeros((0, 2))).high == 0
    assert signed_scale(np.zeros((0, 2))).high == 0
