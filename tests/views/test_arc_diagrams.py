"""Where the words of arcs stand, and where the arcs begin."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near64

from attnviz import Attention, compare, run

TEXT = "the cat eats fish because it is hungry and they were not there when we came home last night with some friends"


def words_of(figure, words):
    """Where these words are drawn below the title: (x, y) of each label, in the order of the drawing."""
    texts = [text for axes in figure.axes for text in axes.texts]
    return [text.get_position() for text in texts if text.get_text().removesuffix("[?]") in words]


def curves_of(figure):
    """The four points of each curve, and its width in points."""
    found = [one for axes in figure.axes for one in axes.collections if one.get_paths()]
    return [
        (path.vertices, width)
        for one in found
        for path, width in zip(one.get_paths(), one.get_linewidths(), strict=False)
        if len(path.vertices) == 4
    ]


@pytest.mark.parametrize(
    ("count", "width", "in_column"), [(13, "8.5cm", False), (20, "8.5cm", True), (20, "17cm", False), (40, None, True)]
)
def test_words_stand_in_a_column_where_no_line_holds_them(count, width, in_column):
    """A line holds what is legible on it; a longer text stands one word below the other, in larger letters."""
    words = (TEXT.split() * 2)[:count]
    figure = run(" ".join(words), tokens="space", embedding="hash").figure(kind="arcs", width=width)
    places = words_of(figure, words)
    assert len(places) == count
    assert len({round(y, 6) for _, y in places}) == (count if in_column else 1)
    assert len({round(x, 6) for x, _ in places}) == (1 if in_column else count)
    sizes = [text.get_size() for text in figure.axes[0].texts if text.get_text() in words]
    assert min(sizes) >= 6


def test_a_column_has_those_that_look_up_on_the_left():
    """Beside a column arcs that go down, and to the word itself, are on the right, those that go up on the left."""
    weights = np.full((30, 30), 1e-3)
    weights[4, 20] = weights[20, 4] = weights[9, 9] = 1
    attention = Attention.from_arrays(weights / weights.sum(axis=1, keepdims=True), [f"word{i}" for i in range(30)])
    figure = attention.figure(kind="arcs", width="8.5cm")
    (x, _), *_ = words_of(figure, ["word4"])
    ((_, top),), ((_, bottom),) = words_of(figure, ["word4"]), words_of(figure, ["word20"])
    curves = [points for points, _ in curves_of(figure)]
    assert len(curves) == 3
    for points in curves:
        down = points[3][1] - points[0][1]
        assert (points[1][0] > x) == (down >= 0)
    spans = sorted(points[3][1] - points[0][1] for points in curves)
    assert_near64(spans, [top - bottom, 0, bottom - top])


@pytest.mark.parametrize("width", [None, "17cm"])
def test_diagrams_stand_side_by_side_on_one_line(width):
    """As many diagrams stand beside each other as there is room for, the words of all on one line."""
    figure = run("猫吃鱼", heads=4).figure(kind="arcs", width=width)
    places = words_of(figure, [*"猫吃鱼"])
    assert len(places) == 12
    assert len({round(y, 6) for _, y in places}) == 1


@pytest.mark.parametrize(("count", "rows"), [(4, 2), (6, 2), (5, 2)])
def test_rows_of_diagrams_are_even(count, rows):
    """Where three diagrams fit a row, four make two rows of two."""
    attention = Attention.from_arrays(np.tile(np.eye(6), (1, count, 1, 1)), [f"word{i}" for i in range(6)])
    figure = attention.figure(kind="arcs", head="all", width="38cm")
    lines = [y for _, y in words_of(figure, ["word0"])]
    assert [lines.count(y) for y in dict.fromkeys(lines)] == [-(-count // rows), count // rows]


@pytest.mark.parametrize("width", [None, "3.6cm"])
def test_heads_over_each_other_do_not_cover_each_other(width):
    """Two heads with the same arcs are both in sight, since each is drawn a little beside the other."""
    weights = np.tile(np.roll(np.eye(5), 1, axis=1), (1, 2, 1, 1))
    attention = Attention.from_arrays(weights, ["one", "two", "three", "four", "five"])
    curves = curves_of(attention.figure(kind="arcs", overlay=True, width=width))
    assert len(curves) == 10
    assert len({tuple(points.ravel().round(5)) for points, _ in curves}) == 10


@pytest.mark.parametrize(
    ("text", "order"),
    [("the cat eats", [0, 1, 2]), ("החתול אוכל דג", [2, 1, 0]), ("القطة تأكل red fish اليوم", [4, 2, 3, 1, 0])],
)
def test_a_line_stands_as_it_is_read(text, order):
    """The words of Arabic and Hebrew stand from right to left, and arcs to the right are above them."""
    words = text.split()
    count = len(words)
    weights = np.eye(count)[[*range(1, count), 0]]
    figure = Attention.from_arrays(weights, words).figure(kind="arcs")
    places = [words_of(figure, [word])[0] for word in words]
    assert sorted(range(count), key=lambda k: places[k][0]) == order
    for points, _ in curves_of(figure):
        assert (points[1][1] < places[0][1]) == (points[3][0] >= points[0][0])


@pytest.mark.parametrize("options", [{}, {"style": "slide"}, {"width": "8.5cm"}, {"width": "17cm"}])
@pytest.mark.parametrize("text", ["猫吃", "gypsy jumping"])
def test_arcs_do_not_touch_words(options, text):
    """The round ends of thick arcs keep clear of the letters, also of those below the line."""
    words = list(text) if text == "猫吃" else text.split()
    figure = Attention.from_arrays(np.eye(2)[::-1], words).figure(kind="arcs", **options)
    figure.canvas.draw()
    ink = np.asarray(figure.canvas.buffer_rgba())[:, :, :3].min(axis=2) < 200
    to_pixels, per_point = figure.axes[0].transData, figure.dpi / 72
    for points, width in curves_of(figure):
        x, y = to_pixels.transform(points[0])
        way = 1 if points[1][1] < points[0][1] else -1  # the word is below an arc that rises
        row = round(ink.shape[0] - y) + way * round((width / 2 + 0.7) * per_point)
        assert not ink[row, round(x - 20 * per_point) : round(x + 20 * per_point)].any()


def test_colours_of_changes_are_named():
    """The caption says which colour gains; not where the reader chose a colour map."""
    comparison = compare("猫吃鱼", "鱼吃猫")
    words = "Changes: red arcs gain weight, blue arcs lose it."
    assert words in [text.get_text() for axes in comparison.figure(kind="arcs").axes for text in axes.texts]
    chosen = comparison.figure(kind="arcs", cmap="coolwarm")
    assert words not in [text.get_text() for axes in chosen.axes for text in axes.texts]


@pytest.mark.parametrize(
    ("texts", "lines"), [(("猫吃鱼", "鱼吃猫"), 2), (("the dog bites the man", "the man bites the dog"), 6)]
)
def test_a_column_holds_a_comparison(texts, lines):
    """At 8.5 cm the six diagrams of a comparison are drawn: three on a line where the words fit, else flatter."""
    figure = compare(*texts).figure(kind="arcs", width="8.5cm")
    word = texts[0][0] if lines == 2 else "bites"
    tops = [round(y, 3) for _, y in words_of(figure, [word])]
    assert (len(tops), len(set(tops))) == (6, lines)
