"""Charts in every style and width: drawn whole, the same each time, and refused where they cannot fit."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from near import assert_within

from attnviz import ablate, by_distance, run
from attnviz.analysis.cost import cost
from attnviz.core.errors import OptionError
from attnviz.views.figure.chart import render_charts
from attnviz.views.figure.fonts import load_fonts
from attnviz.views.figure.layout import wrap
from attnviz.views.prepared.ablation import draw_ablation
from attnviz.views.prepared.cost import draw_costs
from attnviz.views.prepared.lab import prepare_distances
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.style import THEMES, Style

SVG = "{http://www.w3.org/2000/svg}"
CHARTS = {
    "ablation": lambda: draw_ablation(ablate("我上周买的手机屏幕碎了", "碎")),
    "costs": lambda: draw_costs(cost([20, 700])),
    "distances": lambda: prepare_distances(by_distance("猫吃鱼", 64), presentation=PICTURE),
}


def size(picture):
    """Width and height of an SVG in inches."""
    root = ElementTree.fromstring(picture)
    return tuple(float(root.get(side).removesuffix("pt")) / 72 for side in ("width", "height"))


@pytest.mark.parametrize("name", CHARTS)
def test_every_style(name):
    """Each style gives another picture, the same bytes each time, with a title and a description."""
    charts = CHARTS[name]()
    pictures = {style: render_charts(charts, "svg", Style(style=style))[0] for style in THEMES}
    assert len(set(pictures.values())) == len(THEMES)
    for style, picture in pictures.items():
        assert render_charts(charts, "svg", Style(style=style))[0] == picture
        root = ElementTree.fromstring(picture)
        assert root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text


@pytest.mark.parametrize("name", CHARTS)
def test_width(name):
    """A picture is as wide as was asked for; charts that do not fit beside each other stand below each other."""
    charts = CHARTS[name]()
    wide, narrow = (size(render_charts(charts, "svg", Style(width=width))[0]) for width in ("40cm", "9cm"))
    assert_within(wide[0], 40 / 2.54, 0.01, "a size is written in whole points")
    assert_within(narrow[0], 9 / 2.54, 0.01, "a size is written in whole points")
    assert narrow[1] > wide[1]
    with pytest.raises(OptionError, match="too narrow"):
        render_charts(charts, "svg", Style(width="1in"))


def test_title():
    """A title of one's own stands in the picture's place for it; without one the picture is lower."""
    charts = CHARTS["ablation"]()
    named = render_charts(charts, "svg", Style(title="猫 <1>"))[0]
    assert ElementTree.fromstring(named).find(f"{SVG}title").text == "猫 <1>"
    bare = render_charts(charts, "svg", Style(no_title=True))[0]
    assert size(bare)[1] < size(named)[1]


def test_a_part_that_is_cut_has_no_glue_inside():
    """Only whole parts are joined by the glue; a part that is longer than a line goes on as it is."""
    lines = wrap(load_fonts(()), [("", "one two three four five six seven eight nine ten"), (" · ", "end")], 1.0, 8)
    assert len(lines) > 2
    assert " ".join(lines) == "one two three four five six seven eight nine ten · end"


def tick_words(axis):
    """What stands at the marks of an axis."""
    return [text.get_text() for text in axis.get_ticklabels() if text.get_text()]


@pytest.mark.parametrize("width", [None, "8.5cm", "25cm"])
@pytest.mark.parametrize("style", ["paper", "slide"])
def test_numbers_of_an_axis_do_not_touch(width, style):
    """Powers of ten stand apart at every width, and one axis writes all of them in one way."""
    result = cost([1000, 10**12], measure=None)
    if (width, style) == ("8.5cm", "slide"):
        return
    figure = result.figure(width=width, style=style)
    figure.canvas.draw()
    for axes in figure.axes:
        for axis, side in ((axes.xaxis, 0), (axes.yaxis, 1)):
            boxes = [text.get_window_extent() for text in axis.get_ticklabels() if text.get_text()]
            ends = sorted((box.intervalx, box.intervaly)[side].tolist() for box in boxes)
            assert all(before[1] < after[0] for before, after in pairwise(ends))
    work, memory = figure.axes[:2]
    assert {word[:2] for word in tick_words(work.xaxis)} == {"10"}
    assert not {",", "."} & set("".join(tick_words(work.xaxis)))
    assert all(word.split()[1] in ("kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB") for word in tick_words(memory.yaxis))


def test_what_was_not_predicted_is_not_named():
    """A legend names what is drawn: without predictions there are none in it; the fit has powers of ten."""
    measured = draw_costs(cost([100])).charts[2]
    names = [series.name.localized() for series in measured.series]
    assert "predicted" not in names
    assert "×10" in names[-1] or "10⁻" in names[-1]
    assert not any("e-" in name for name in names)


@pytest.mark.parametrize("width", [None, "8.5cm", "17cm"])
@pytest.mark.parametrize("name", ["ablation", "costs"])
def test_charts_begin_at_the_left_edge(name, width):
    """Title, names of charts, labels and caption begin at one edge; bars have the colour that they have elsewhere."""
    result = ablate("我上周买的手机屏幕碎了", "碎") if name == "ablation" else cost([20, 700])
    figure = result.figure(width=width)
    figure.canvas.draw()
    first = figure.axes[0]
    parts = [first.yaxis.label] if name == "costs" else first.get_yticklabels()
    left = min(part.get_window_extent().x0 for part in parts) / figure.dpi
    titles = [text.get_window_extent().x0 / figure.dpi for text in figure.texts]
    assert abs(left - min(titles)) < 0.06
    if name == "ablation":
        assert first.patches[0].get_facecolor()[:3] == run_bars_color()


def run_bars_color():
    """The colour of the bars of a text's weights."""
    figure = run("猫吃鱼").figure(kind="bars", token="猫")
    return next(patch.get_facecolor()[:3] for patch in figure.axes[0].patches)


def test_the_picture_of_costs_speaks_of_what_it_draws():
    """A picture has no ~: its legend names what is predicted, its caption the fit, and a mask has words."""
    drawn = draw_costs(cost([20, 10**6], mask="causal", measure=lambda tokens, _: tokens**2 / 10**9))
    said = " ".join(map(str, drawn.notes))
    assert "~" not in said
    assert "c N²" in said
    assert str(drawn.charts[0].series[1].name) == "scores, causal mask"
