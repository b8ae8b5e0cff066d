"""Charts in every style and width: drawn whole, the same each time, and refused where they cannot fit."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from near import assert_within

from attnviz import ablate, by_distance
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
