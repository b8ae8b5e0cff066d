"""Bars of several heads or texts: where they stand, and which words stand beside them."""

from __future__ import annotations

import numpy as np
import pytest

from attnviz import Attention, compare, run
from attnviz.core.errors import OptionError


def drawn(figure):
    """Every text of the figure with its place, in inches."""
    return [(text.get_text(), *text.get_position()) for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize(("width", "rows"), [(None, 1), ("17cm", 1), ("8.5cm", 2)])
def test_words_stand_once_a_line(width, rows):
    """Heads have the same words: they stand at the outer edge, once a line; lines are even, and no title is cut."""
    figure = run("the cat eats fish", heads=4).figure(kind="bars", token="cat", width=width)
    texts = drawn(figure)
    assert sum(text == "eats" for text, _, _ in texts) == rows
    assert not any("…" in text for text, _, _ in texts)
    numbers = [x for text, x, _ in texts if text.startswith(".") and text[1:].isdigit()]
    assert len(numbers) == 16


@pytest.mark.parametrize("width", [None, "17cm", "12cm", "8.5cm"])
def test_bars_of_a_comparison_are_headed(width):
    """The texts and their change stand side by side, or below each other, under the name of their positions."""
    figure = compare("the dog bites the man", "the man bites the dog").figure(kind="bars", width=width)
    figure.canvas.draw()
    words = [text.get_text() for text in figure.findobj() if hasattr(text, "get_text")]
    assert "without positions" in words
    assert "with sinusoidal positions" in words
    places = [(x, y) for text, x, y in drawn(figure) if text == "change"]
    firsts = [(x, y) for text, x, y in drawn(figure) if text == "bites"]
    assert len(places) == 2
    assert len(firsts) in (2, 6)
    assert figure.get_size_inches()[1] <= 9.6


def test_bars_are_no_higher_than_a_page():
    """At a chosen width bars are lower where a page asks for it, and refused in one line where that is not enough."""
    attention = Attention.from_arrays(np.full((1, 12, 9, 9), 1 / 9), [f"word{i}" for i in range(9)])
    figure = attention.figure(kind="bars", head="all", width="17cm")
    assert figure.get_size_inches()[1] <= 9.6
    with pytest.raises(OptionError, match="12 sets of bars would be higher than a page at width 5cm") as refused:
        attention.figure(kind="bars", head="all", width="5cm")
    assert "fewer heads" in str(refused.value)
    attention.figure(kind="bars", head=0, width="5cm")
