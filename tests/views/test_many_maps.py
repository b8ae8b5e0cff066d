"""Laws of several maps in one picture: how many stand side by side, and which words are written once."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import draw
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from attnviz import compare, run
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message
from attnviz.views.figure.canvas import Canvas
from attnviz.views.figure.colors import Colors
from attnviz.views.figure.fonts import load_fonts
from attnviz.views.figure.heatmap import above_even, number_ink
from attnviz.views.figure.layout import PictureText, scale_names
from attnviz.views.figure.render import render_figure
from attnviz.views.figure.sheet import drawing
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import Scale, contrast
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.panels import Panel, Prepared, join
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.reduction_words import add_disagreement
from attnviz.views.prepared.style import Style

A = "The old teacher gave the clever student a good book"
B = "A good book gave the clever student the old teacher"
WORDS = ("[CLS]", "The", "cat", "drinks", "milk", "[SEP]")


def heads(count, caption="rests, writes nothing, 1.06 bits"):
    """Return a form of several heads of a model, each with a verdict below it."""
    values = np.full((6, 6), 0.16, np.float32)
    panels = tuple(
        Panel(message("head {head}", head=k), values, WORDS, WORDS, Scale(0, 1), caption=message(caption))
        for k in range(count)
    )
    return Prepared("weights", panels, None, (message("attention weights"),))


def compared(first, second, **options):
    """Return the prepared form of two texts beside each other."""
    return join(prepare_comparison(compare(first, second, **options), presentation=PICTURE))


def lines_of(picture, start):
    """Return how many words that begin so stand on each line of the drawing, from the top."""
    tops = [round(box.top, 2) for text, box in picture.texts if text.startswith(start)]
    return [tops.count(top) for top in sorted(set(tops))]


@pytest.mark.parametrize(("count", "expected"), [(4, [2, 2]), (12, [3, 3, 3, 3])])
def test_a_column_holds_several_maps(count, expected):
    """At 8.5 cm maps of six words stand side by side: their verdicts take lines of their own and make no map wider."""
    picture = draw(render_figure, heads(count), "png", Style(width="8.5cm"))
    picture.assert_whole()
    assert lines_of(picture, "head ") == expected
    assert "".join(picture.words).count("rests, writes") == count
    assert (".16" in picture.words) == (count < 12)  # smaller maps do without numbers


def test_titles_of_a_comparison_stand_once():
    """Where every line has the same two texts and the change, they stand above the first line alone, in full."""
    picture = draw(render_figure, compared("猫吃鱼", "鱼吃猫", position="all"), "png", Style(width="25cm"))
    picture.assert_whole()
    assert [picture.words.count(title) for title in ("猫吃鱼", "鱼吃猫", "change")] == [1, 1, 2]  # and the bar's name
    names = ("sinusoidal", "learned", "rope", "rope-half", "alibi", "t5")
    settings = ["without positions", *(f"with {name} positions" for name in names)]
    assert [text for text in picture.words if text in settings] == settings


def test_long_titles_of_a_comparison_stay_whole():
    """At 8.5 cm two texts of ten words stand in full, in the title and above their maps."""
    picture = draw(render_figure, compared(A, B), "png", Style(width="8.5cm"))
    picture.assert_whole()
    assert not any("⋯" in text for text in picture.words)
    words = " ".join(picture.words)
    assert "The old teacher gave the clever student a good book" in words.replace("  ", " ")
    assert all(part in words for part in ("student a good book", "clever student the old teacher"))


def test_maps_too_small_for_their_words_are_refused():
    """Three words have a map in which three words stand, or the picture is refused: never a dot."""
    form = compared("猫吃鱼", "鱼吃猫", position="all")
    with pytest.raises(OptionError, match=r"higher than a page at width 8\.5cm.*grid"):
        render_figure(form, "png", Style(width="8.5cm"))
    draw(render_figure, form, "png", Style(width="8.5cm", kind="grid")).assert_whole()


def test_a_panel_of_disagreement_names_itself():
    """Beside reduced maps the last panel is of their differences, and so are its colours."""
    attention = run("猫吃鱼", heads=4, reduce="all")
    form = add_disagreement(join(prepare(attention, presentation=PICTURE)), attention)
    picture = draw(render_figure, form, "png", Style(width="17cm"))
    assert any(text.startswith("where") for text in picture.words)
    assert str(scale_names(form)[-1].name) == "difference"


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("one two six ten one two six ten", "one two six", ["one two six", "ten ⋯ ten"]),
        ("一二三四五六七八九十百千万", "一二三四五", ["一二三四五", "六七⋯千万"]),
        ("one incomprehensibilities", "one incom", ["one", "incompreh", "ensibilities"]),
    ],
)
def test_shortened_lines(text, room, expected):
    """What does not fit its lines is shortened between words; Chinese stays without spaces, long words are cut."""
    context = PictureText(Style(), load_fonts(()))
    lines = context.few_lines(text, 1.02 * context.fonts.width(room, 10), 10, 2)
    if len(expected) == 2:
        assert lines == expected
    else:
        assert lines[0] == "one"
        assert lines[1].startswith("inc")
        assert lines[1].endswith("s")


@pytest.mark.parametrize("width", [None, "12cm"])
def test_a_grid_of_a_comparison(width):
    """A grid of two texts has three columns, the texts and the change, and a line for each setting and head."""
    form = join(prepare_comparison(compare("猫吃鱼", "鱼吃猫", heads=4), head="all", presentation=PICTURE))
    picture = draw(render_figure, form, "png", Style(kind="grid", width=width))
    picture.assert_whole()
    assert [picture.words.count(title) for title in ("猫吃鱼", "鱼吃猫")] == [1, 1]
    assert "with sinusoidal positions, head: who acts" in picture.words
    assert len([word for word in picture.words if "head: " in word]) == 8


@pytest.mark.parametrize("text", [".07", "The", "猫"])
def test_words_stand_in_the_middle(text):
    """Digits, capitals and Chinese characters have as much room above them in a cell as below."""
    with drawing(Style()):
        figure = Figure((1, 1), dpi=300)
        agg = FigureCanvasAgg(figure)
        Canvas.over(figure, Style().theme).text(0.5, 0.5, text, 36, ha="center", middle=True)
        agg.draw()
        inked = np.flatnonzero((np.asarray(agg.buffer_rgba())[..., 0] < 128).any(axis=1))
    assert abs((inked[0] + inked[-1] + 1) / 2 - 150) < 0.05 * 36 / 72 * 300


@pytest.mark.parametrize("on_dark", [False, True])
@pytest.mark.parametrize("scale", [Scale(0, 1), Scale(-1, 1, diverging=True)])
def test_faded_numbers_stay_legible(scale, on_dark):
    """A number that says little has a contrast of 3 to its cell, and less than one that says much."""
    for ground in scale.palette(on_dark=on_dark):
        faded, clear = (
            contrast(tuple(round(255 * part) for part in number_ink(ground, clear=clear)), ground)
            for clear in (False, True)
        )
        assert 3 <= faded < clear


def test_the_only_key_of_a_row_is_clear():
    """Under a causal mask the first word has one key: its 1.00 does not fade, though it is the even share."""
    (form,) = prepare(run("猫吃鱼", mask="causal"), presentation=PICTURE)
    assert above_even(form.panels[0])[0, 0]


def test_no_change_is_dark_on_a_dark_ground():
    """The middle of a scale of changes stands back from the ground of the style, whichever it is."""
    form = compared("猫吃鱼", "鱼吃猫")
    (changes,) = {panel.scale for panel in form.panels if panel.plus}
    for style in ("paper", "dark"):
        colors = Colors(form, Style(style=style))
        assert contrast(colors.palette(changes)[128], colors.background) < 1.3
        assert all(contrast(colors.palette(changes)[end], colors.background) > 4 for end in (0, 255))


def test_one_note_on_thinned_labels():
    """Where rows and columns have labels for some words only, one note says so, of the side with fewer."""
    words = " ".join(f"w{k}" for k in range(43))
    form = prepare(run(words, embedding="hash", heads=4), presentation=PICTURE)[0]
    notes = [str(note) for note in render_figure(form, "png", Style(width="8.5cm"))[1]]
    assert len([note for note in notes if "room for the labels" in note]) == 1


def test_small_maps_fill_their_lines():
    """Twelve maps too small for numbers are spread evenly over their lines as well."""
    values = np.full((43, 43), 1 / 43, np.float32)
    names = tuple(f"word{k}" for k in range(43))
    panels = tuple(Panel(message("head {head}", head=k), values, names, names, Scale(0, 1)) for k in range(12))
    picture = draw(render_figure, Prepared("weights", panels, None, ()), "png", Style(width="17cm"))
    assert len(set(lines_of(picture, "head "))) == 1
