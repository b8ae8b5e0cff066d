"""Masks stay boolean, and each spelling means one table."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.errors import OptionError
from attnviz.core.masks import make_mask, parse_mask

LAWS = {
    "causal": lambda i, j: j <= i,
    "window:0": lambda i, j: i == j,
    "window:2": lambda i, j: abs(i - j) <= 2,
    "window:2,causal": lambda i, j: 0 <= i - j <= 2,
    "causal,window:2": lambda i, j: 0 <= i - j <= 2,
    " Window:2 , CAUSAL ": lambda i, j: 0 <= i - j <= 2,
    "window:999999999": lambda _i, _j: True,
}


@given(st.sampled_from(sorted(LAWS)), st.integers(0, 7), st.integers(0, 7))
def test_each_cell(spelling, queries, keys):
    """A cell is True exactly where its mask's law says that query i may look at key j."""
    allowed = make_mask(spelling, queries, keys)
    assert allowed.dtype == bool
    assert allowed.shape == (queries, keys)
    assert allowed.tolist() == [[LAWS[spelling](i, j) for j in range(keys)] for i in range(queries)]


@pytest.mark.parametrize("spelling", ["none", "NONE", " none "])
def test_none(spelling):
    """Without a mask there is no table: everything is allowed."""
    assert make_mask(spelling, 3, 3) is None


@pytest.mark.parametrize("spelling", ["none", "causal", "window:0", "window:3", "window:1,causal"])
def test_everyone_sees_itself(spelling):
    """No spelling forbids a word to look at itself, so no row is empty."""
    allowed = make_mask(spelling, 6, 6)
    assert allowed is None or allowed.diagonal().all()


@pytest.mark.parametrize(
    ("spelling", "parsed"), [("none", (None, False)), ("window:2", (2, False)), ("window: 2,causal", (2, True))]
)
def test_parse(spelling, parsed):
    """A spelling is a window, or none, and whether it is causal."""
    assert parse_mask(spelling) == parsed


@pytest.mark.parametrize(
    "spelling",
    ["", "casual", "causal,causal", "none,causal", "window:1,window:2", "window", "causal,", ",", "window;causal"],
)
def test_unknown_spelling(spelling):
    """Any other spelling is wrong usage, and the error lists the right ones."""
    with pytest.raises(OptionError, match="none, causal, window:K, window:K,causal"):
        make_mask(spelling, 2, 2)


@pytest.mark.parametrize("width", ["", "-1", "1.5", "two", "１", "1_0", "1;causal", "9999999999"])
def test_wrong_width(width):
    """A window is a whole number from 0, in plain digits."""
    with pytest.raises(OptionError, match="whole number"):
        parse_mask(f"window:{width}")


def test_did_you_mean():
    """A spelling that is nearly right is named."""
    with pytest.raises(OptionError, match=r"Did you mean causal\?"):
        parse_mask("casual")
