"""The words of a shaded text stand as its script is read."""

from __future__ import annotations

import pytest

from attnviz import Attention, run
from attnviz.views.prepared.color_scale import contrast


def places(text, width="12cm"):
    """Where each word of the text is drawn: (y, x), in the order of the text."""
    figure = run(text, tokens="space").figure(kind="text", width=width)
    drawn = {artist.get_text().removesuffix("[?]"): artist.get_position()[::-1] for artist in figure.axes[0].texts}
    return [drawn[word] for word in text.split()]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("the cat eats", [0, 1, 2]),
        ("החתול אוכל דג", [2, 1, 0]),
        ("القطة تأكل السمك", [2, 1, 0]),
        ("החתול אוכל red fish היום", [4, 2, 3, 1, 0]),  # a run of the other direction keeps its own
        ("the החתול אוכל cat", [0, 1, 2, 3]),
    ],
)
def test_words_stand_as_they_are_read(text, order):
    """From right to left where the text begins so, a Latin run in it from left to right."""
    found = places(text)
    assert len({y for y, _ in found}) == 1
    assert sorted(range(len(found)), key=lambda k: found[k][1]) == order


def test_lines_from_right_to_left_end_at_one_edge():
    """Of several lines the first words begin at the right edge; the first line stays the first."""
    found = places("החתול אוכל דג בבית הגדול של האישה הטובה מאוד היום", width="5cm")
    assert [y for y, _ in found] == sorted(y for y, _ in found)
    assert len({y for y, _ in found}) > 1


@pytest.mark.parametrize(("style", "ground"), [("paper", (255, 255, 255)), ("dark", (20, 22, 26))])
def test_stripes_of_heads_can_be_seen(style, ground):
    """A stripe of a head that is drawn stands out from the ground, however little the word receives."""
    rows = [[[0.5, 0.26, 0.24], [0.5, 0.26, 0.24], [0.5, 0.26, 0.24]], [[0.27, 0.37, 0.36]] * 3]
    figure = Attention.from_arrays([rows], ["one", "two", "three"]).figure(kind="text", overlay=True, style=style)
    colors = [tuple(round(255 * part) for part in patch.get_facecolor()[:3]) for patch in figure.axes[0].patches]
    assert colors
    assert min(contrast(color, ground) for color in colors) > 1.35
