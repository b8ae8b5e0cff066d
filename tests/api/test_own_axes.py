"""What is drawn into a caller's own Axes stays within them and the space around them, and leaves the caller's alone."""

from __future__ import annotations

import warnings
from itertools import product

import matplotlib.pyplot as plt
import numpy as np
import pytest

import attnviz
from attnviz.core.errors import OptionError

TEXT = "Our new method beats the baseline"


@pytest.fixture
def result():
    """Attention of four heads over words of different lengths."""
    return attnviz.run(TEXT, heads=4, embedding="hash", dim=16)


@pytest.fixture(autouse=True)
def no_figure_is_left():
    """The library opens no figure of pyplot's own; those of a test are closed after it."""
    yield
    plt.close("all")


def labels(axes):
    """The words of the rows and of the columns."""
    return [[text.get_text() for text in axis.get_ticklabels()] for axis in (axes.yaxis, axes.xaxis)]


def written(axes):
    """The boxes of all words around a map, in pixels."""
    texts = [axes.title, axes.xaxis.label, axes.yaxis.label]
    texts += [*axes.xaxis.get_ticklabels(), *axes.yaxis.get_ticklabels()]
    return [text.get_window_extent() for text in texts if text.get_text()]


@pytest.mark.parametrize("size", [(6.4, 4.8), (9, 9)])
def test_words_have_room_in_plain_subplots(result, size):
    """Without a layout engine no word leaves the figure or covers another map; what lacks room is told."""
    figure, grid = plt.subplots(2, 2, figsize=size)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for head, axes in enumerate(grid.flat):
            result.figure(ax=axes, head=head)
    assert told
    assert all("layout='constrained'" in str(one.message) for one in told)
    figure.canvas.draw()
    for axes, other in product(grid.flat, repeat=2):
        for box in written(axes):
            assert box.x0 >= 0
            assert box.y1 <= figure.bbox.y1
            if other is not axes:
                inner = other.get_window_extent().padded(-2)
                assert not box.overlaps(inner), (box, inner)


def test_a_layout_engine_gives_everything_room(result):
    """With a layout engine title, axis words and whole labels are there, and nothing is told."""
    figure, grid = plt.subplots(2, 2, figsize=(8, 8), layout="constrained")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for head, axes in enumerate(grid.flat):
            result.figure(ax=axes, head=head)
    figure.canvas.draw()
    words = TEXT.split()
    for head, axes in enumerate(grid.flat):
        assert labels(axes) == [words, words]
        assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (f"head {head}", "key →", "query ↓")
        assert all(box.x0 >= 0 and box.y1 <= figure.bbox.y1 for box in written(axes))


def test_ones_own_title_stays(result):
    """A title that the Axes have stays, wherever it stands, but where another one is asked for."""
    _, (left, right) = plt.subplots(1, 2, figsize=(12, 6), layout="constrained")
    left.set_title("a)", loc="left")
    right.set_title("mine")
    for axes in (left, right):
        result.figure(ax=axes, head=1)
    assert (left.get_title("left"), left.get_title(), right.get_title()) == ("a)", "", "mine")
    result.figure(ax=right, head=1, title="theirs")
    assert right.get_title() == "theirs"
    right.clear()
    for head in (2, 3):
        result.figure(ax=right, head=head)
        assert right.get_title() == f"head {head}"


def test_letters_grow_with_the_axes(result):
    """Labels are smaller in small Axes, and never larger than in a picture."""
    sizes = []
    for width in (2, 4, 12):
        _, axes = plt.subplots(figsize=(width, width), layout="constrained")
        result.figure(ax=axes, head=0)
        sizes.append(axes.get_xticklabels()[0].get_fontsize())
    assert sizes[0] < sizes[1] <= sizes[2] == 10


@pytest.mark.parametrize("kind", ["arcs", "bars"])
def test_other_kinds_stand_in_the_middle(result, kind):
    """What is drawn is as far from the left edge of the Axes as from the right one."""
    _, axes = plt.subplots(figsize=(10, 5))
    drawn = result.figure(ax=axes, head=0, kind=kind)
    axes.figure.canvas.draw()
    boxes = [artist.get_window_extent() for artist in drawn]
    middle = (min(box.x0 for box in boxes) + max(box.x1 for box in boxes)) / 2
    outer = axes.get_window_extent()
    assert abs(middle - (outer.x0 + outer.x1) / 2) < 0.05 * outer.width


def test_axes_that_are_too_small(result):
    """What does not fit is refused by the size of the Axes, not by a width that nobody gave."""
    _, axes = plt.subplots(1, 4, figsize=(6, 2))
    for kind in ("arcs", "bars"):
        with pytest.raises(OptionError, match=r"These Axes of 1\.\d x 1\.\d inches are too small"):
            result.figure(ax=axes[0], head=0, kind=kind)


def test_a_legend_stays_inside():
    """The names of curves stand within one's own Axes, where no room was made below them."""
    _, axes = plt.subplots(figsize=(6, 4))
    attnviz.by_distance("猫吃鱼", 32, vary=["position=none,alibi"]).figure(ax=axes)
    axes.figure.canvas.draw()
    legend, outer = axes.get_legend().get_window_extent(), axes.get_window_extent()
    assert outer.y0 <= legend.y0
    assert legend.y1 <= outer.y1


def test_what_was_drawn_can_be_changed(result):
    """The image takes other limits and colours and can be removed; neither a figure nor a setting of pyplot is left."""
    before = dict(plt.rcParams), plt.get_backend()
    result.figure(kind="arcs")
    assert plt.get_fignums() == []
    _, axes = plt.subplots(figsize=(6, 6))
    image = result.figure(ax=axes, head=0)
    image.set_clim(0, 0.5)
    image.set_cmap("magma")
    assert image.get_clim() == (0, 0.5)
    np.testing.assert_array_equal(image.get_array(), result.weights[0, 0])
    image.remove()
    assert not axes.images
    assert (dict(plt.rcParams), plt.get_backend()) == before
