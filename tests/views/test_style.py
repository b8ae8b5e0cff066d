"""Pictures of five kinds in three styles: each is drawn whole, says what it is, and refuses what cannot be."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from drawn import draw
from near import assert_between64

from attnviz import compare, run
from attnviz.core.errors import OptionError
from attnviz.views.figure.fonts import load_fonts
from attnviz.views.figure.heatmap import Heatmaps
from attnviz.views.figure.layout import PAGE, PictureContext
from attnviz.views.figure.render import render_figure
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.panels import join
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.style import KINDS, THEMES, Style

SVG = "{http://www.w3.org/2000/svg}"


def form(text="猫吃鱼", **options):
    """The prepared form of a text's weights, for a picture."""
    return prepare(run(text, **options), presentation=PICTURE)[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", sorted(THEMES))
def test_every_kind_in_every_style(kind, style):
    """Each kind and style gives an SVG with a title and a description, the same bytes each time."""
    prepared = form("我上周买的手机屏幕碎了", heads=4)
    picture, _ = render_figure(prepared, "svg", Style(kind=kind, style=style))
    root = ElementTree.fromstring(picture)
    assert root.find(f"{SVG}title").text
    assert root.find(f"{SVG}desc").text
    assert render_figure(prepared, "svg", Style(kind=kind, style=style))[0] == picture


def test_kinds_and_styles_differ():
    """No two kinds, and no two styles, give the same picture."""
    styles = [Style(kind=kind) for kind in KINDS] + [Style(style=style) for style in THEMES]
    pictures = {render_figure(form(heads=2), "svg", style)[0] for style in styles}
    assert len(pictures) == len(KINDS) + len(THEMES) - 1


@pytest.mark.parametrize("kind", KINDS)
def test_one_text_asks_another(kind):
    """Every kind draws cross-attention."""
    picture, _ = render_figure(form(keys="the cat eats fish"), "png", Style(kind=kind))
    assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "style",
    [
        Style(title="猫"),
        Style(no_title=True),
        Style(width="12cm"),
        Style(annotate="off"),
        Style(cmap="magma"),
        Style(kind="arcs", mass=1.0),
        Style(kind="bars", token="吃"),
        Style(kind="arcs", token="吃"),
        Style(kind="text", token="吃"),
        Style(dpi=50),
    ],
    ids=str,
)
def test_each_option_changes_the_picture(style):
    """Every field of a style shows."""
    plain = Style(kind=style.kind)
    assert render_figure(form(), "png", style)[0] != render_figure(form(), "png", plain)[0]


@pytest.mark.parametrize(
    ("style", "line"),
    [
        (Style(kind="pie"), "kind"),
        (Style(style="papr"), "paper"),
        (Style(annotate="maybe"), "annotate"),
        (Style(dpi=9), "dpi"),
        (Style(mass=0.0), "mass"),
        (Style(mass=1.5), "mass"),
        (Style(title="x", no_title=True), "not both"),
        (Style(kind="heatmap", token="猫"), "kind arcs, bars and text"),
        (Style(overlay=True), "kind arcs and text"),
        (Style(width="wide"), "width"),
        (Style(width="900in"), "width"),
        (Style(cmap="nonsense"), "cmap"),
    ],
    ids=str,
)
def test_what_cannot_be(style, line):
    """A style that cannot be is refused in one line that names the option."""
    with pytest.raises(OptionError, match=line):
        render_figure(form(), "svg", style)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tab10", "10 colours for categories"),
        ("Set1_r", "9 colours"),
        ("twilight", "uneven"),
        ("hsv", "uneven"),
        ("terrain", "uneven"),
        ("RdBu", "uneven"),
        ("magma", ""),
        ("grays", ""),
        ("Blues", ""),
        ("hot_r", ""),
        ("cubehelix", ""),
    ],
)
def test_which_colours_are_uneven(name, words):
    """Colours that are no ladder of lightness get a warning: kinds of things, circles, two ends where there is one."""
    _, notes = render_figure(form(), "svg", Style(cmap=name))
    told = " ".join(map(str, notes))
    assert words in told
    assert bool(words) == ("even:" in told)


def test_two_ends_are_right_for_changes():
    """A map with a light middle is even where the numbers have two signs."""
    both = prepare_comparison(compare("猫吃鱼", "鱼吃猫"), presentation=PICTURE)[1]
    _, notes = render_figure(both, "svg", Style(cmap="RdBu"))
    assert not any("even:" in str(note) for note in notes)


def test_uneven_colours_get_a_warning():
    """Jet is drawn, with a note that its equal steps do not look equal."""
    _, notes = render_figure(form(), "svg", Style(cmap="jet"))
    assert any("uneven" in str(note) for note in notes)


def heatmaps(prepared, width):
    """The heatmaps of a picture of this width, as they are laid out."""
    return Heatmaps(PictureContext(prepared, Style(width=width), load_fonts(())))


def test_narrow_labels_shrink_before_they_are_thinned():
    """Long words in a column of a paper shrink until each has its label; what is too long for that is refused."""
    long = form(" ".join(f"{letter * 17}" for letter in "abcdefghijkl"), embedding="hash", tokens="space")
    body = heatmaps(long, "8.5cm")
    side, _ = body.axes[0]
    assert side.step == 1
    assert side.size < body.context.theme.label
    assert_between64(body.width, 0, body.context.room)
    with pytest.raises(OptionError, match="too narrow"):
        heatmaps(long, "3cm")


def test_narrow_pictures_keep_triples_and_titles():
    """In a column of a paper a comparison keeps three maps a line, and its texts keep their whole names."""
    compared = join(prepare_comparison(compare("the cat eats the fish", "the fish eats the cat"), presentation=PICTURE))
    body = heatmaps(compared, "8.5cm")
    assert body.across == 3
    assert ["".join(line + " " for line in lines).strip() for lines in body.title_lines] == body.titles
    assert max(map(len, body.title_lines)) > 1


@pytest.mark.parametrize("width", ["8.5cm", "17cm", "25cm"])
def test_many_heads_fit_a_page(width):
    """Twelve maps of eleven words are as wide as was asked for, and no higher than a page."""
    prepared = join(
        prepare(run(" ".join(f"word{i}" for i in range(11)), embedding="hash", heads=16), presentation=PICTURE)
    )
    body = heatmaps(replace(prepared, panels=prepared.panels[:12]), width)
    inches = Style(width=width).inches
    assert_between64(body.width, 0, body.context.room + 1e-6)
    assert body.height <= max(PAGE, 1.3 * inches)
    assert body.across > 1


def test_what_is_higher_than_a_page_is_refused():
    """Where not even small cells would keep the maps on a page, one line says what to choose."""
    prepared = join(
        prepare(run(" ".join(f"w{i}" for i in range(40)), embedding="hash", heads=32), presentation=PICTURE)
    )
    with pytest.raises(OptionError, match="higher than a page at") as refused:
        heatmaps(prepared, "4cm")
    assert "kind grid" in str(refused.value)


@pytest.mark.parametrize("kind", ["arcs", "text"])
def test_overlay_tells_up_to_eight_heads_apart(kind):
    """Heads over each other each have a colour and a name; more than there are colours for are refused."""
    form_of = lambda heads: join(prepare(run("a b c d", embedding="hash", heads=heads, dim=64), presentation=PICTURE))  # noqa: E731
    drawing = draw(render_figure, form_of(8), "png", Style(kind=kind, overlay=True))
    drawing.assert_whole()
    assert [f"head {k}" for k in range(8)] == [word for word in drawing.words if word.startswith("head")]
    with pytest.raises(OptionError, match="up to 8 heads"):
        render_figure(form_of(16), "png", Style(kind=kind, overlay=True))
