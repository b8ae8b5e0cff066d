"""What the terminal shows of scales and sinks, pictures and pages show too."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from near import assert_near, assert_near64, assert_within
from redo import without_powers

from attnviz import Attention, compare, run
from attnviz.api.save import prepare_comparing, prepare_picture
from attnviz.core.errors import OptionError
from attnviz.views.figure.layout import scale_names, ticks
from attnviz.views.figure.render import render_figure
from attnviz.views.page.attention_document import of_attention
from attnviz.views.page.comparison_document import of_comparison
from attnviz.views.prepared.alt_text import as_bars, edges_by_mass
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import SPREADS, Scale, spread_scale
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.refine import SINKS, Refining, with_limits, with_spread
from attnviz.views.prepared.style import Style

ALL = [Refining(scale, sinks) for scale in SPREADS for sinks in SINKS]
NAMES = [f"{each.scale}, {each.sinks}" for each in ALL]


def sinky(causal=False):
    """Attention of four words and two heads, whose first word swallows the rows."""
    raw = np.random.default_rng(0).random((1, 2, 5, 5)) ** 4 + 1e-7
    raw[..., 0] = 4
    allowed = np.tri(5, dtype=bool) if causal else None
    raw = raw if allowed is None else raw * allowed
    return Attention.from_arrays(
        raw / raw.sum(axis=-1, keepdims=True), ["[CLS]", "猫", "吃", "鱼", "。"], allowed=allowed, source="猫吃鱼。"
    )


def pixels(picture):
    """A PNG's colours, as a set of red, green and blue."""
    from matplotlib.image import imread

    bytes_ = np.rint(imread(io.BytesIO(picture), format="png")[:, :, :3] * 255).astype(int)
    numbers = np.unique(bytes_ @ [1 << 16, 1 << 8, 1])  # one number a colour: rows are far slower to sort
    return {(number >> 16, number >> 8 & 255, number & 255) for number in numbers.tolist()}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("refining", ALL, ids=NAMES)
def test_pictures_show_what_the_terminal_shows(refining, causal):
    """A picture's numbers, words, scale and sentences are the terminal's; and each cell has its place's colour."""
    attention = sinky(causal)
    (shown,) = refining.apply(prepare(attention), attention)
    drawn = prepare_picture(attention, refining=refining)
    assert (drawn.caption, drawn.notes) == (shown.caption, shown.notes)
    for ours, theirs in zip(drawn.panels, shown.panels, strict=True):
        assert (ours.rows, ours.columns, ours.scale) == (theirs.rows, theirs.columns, theirs.scale)
        assert np.array_equal(ours.values, theirs.values)
    picture, _ = render_figure(drawn, "png")
    found = pixels(picture)
    for panel in shown.panels:
        seen = panel.places() if panel.forbidden is None else panel.places()[~panel.forbidden]
        palette = panel.scale.palette()
        assert {palette[place] for place in np.rint(seen * 255).astype(int).ravel()} <= found


@pytest.mark.parametrize("refining", ALL, ids=NAMES)
def test_pages_hold_what_the_terminal_shows(refining):
    """A page's words, notes and scale are the terminal's, and it opens with that scale; hidden keys are not in it."""
    attention = sinky()
    (shown,) = refining.apply(prepare(attention), attention)
    data = of_attention(attention, PICTURE, refining).data
    assert data.columns == shown.panels[0].columns
    assert data.rows == shown.panels[0].rows
    assert data.spread == refining.scale
    assert [each["en"] for each in data.notes[0]] == list(map(str, shown.notes))
    (scale,) = data.scales
    assert scale.high == max(panel.scale.high for panel in shown.panels)  # the page spreads it by head itself
    if refining.scale == "log":
        assert_within(scale.floor / shown.panels[0].scale.floor, 1, 0.5, "the mean of the heads is there too")
    hidden = refining.sinks == "hide"
    assert data.column_text == (1 if hidden else None)
    assert [len(text.words) for text in data.texts] == ([5, 4] if hidden else [5])


@pytest.mark.parametrize("scale", SPREADS)
def test_comparisons_share_their_scales(scale):
    """The runs of a comparison keep one scale for weights and one for changes; by head each run has two of its own."""
    comparison = compare("the cat eats fish", "fish eat the cat", position="all")
    forms = Refining(scale).apply(prepare_comparison(comparison))
    drawn = prepare_comparing(comparison, refining=Refining(scale))
    panels = [panel for form in forms for panel in form.panels]
    assert len({panel.scale for panel in panels[:3]}) == 2
    if scale != "head":
        assert len({panel.scale for panel in panels}) == 2
    assert [panel.scale for panel in drawn.panels] == [panel.scale for panel in panels]
    assert of_comparison(comparison, None, PICTURE, Refining(scale)).data.spread == scale


def test_unknown_values():
    """Another scale, or another thing to do with sinks, is refused with the nearest right one."""
    with pytest.raises(OptionError, match="Did you mean log"):
        Refining(scale="logs").check()
    with pytest.raises(OptionError, match="Did you mean hide"):
        Refining(sinks="hid").check()


@settings(max_examples=80, deadline=None)
@given(st.floats(1e-7, 1e6), st.floats(0.0, 1.0), st.booleans(), st.sampled_from(SPREADS))
@example(1.4999999998835847, 0.0, False, "global")  # 1.5 rounds to a tick, and lies above the end
def test_ticks_stand_where_their_numbers_are(high, share, diverging, spread):
    """Each number beside a colour bar stands at its place, in order, from end to end."""
    scale = Scale(-high if diverging else 0.0, high, diverging)
    values = np.array([[high, high * 10 ** (-6 * share)]])
    scale = spread_scale(scale, spread, [values])
    found = ticks(scale)
    places = [place for place, _ in found]
    assert places == sorted(places)
    assert min(places) >= 0
    assert max(places) <= 1
    if spread == "row":
        assert [text for _, text in found] == (["−", "0", "+"] if diverging else ["0", "each row's largest"])
    if spread == "log":
        assert_near64(places[-1], 1)
        for place, text in found:
            if text != "0" and not text.startswith("≤"):
                reach = 0.06 / np.log(max(scale.high / scale.floor, 1.0001))
                assert_within(
                    scale.place(np.array([float(without_powers(text))]))[0], place, reach, "two digits are shown"
                )


@pytest.mark.parametrize("scale", SPREADS)
def test_arcs_and_bars_are_on_the_scale(scale):
    """An arc is as wide, and a bar as long, as its number's place on the scale."""
    (form,) = with_spread(prepare(run("the cat eats the fish")), scale)
    (panel,) = form.panels
    places = panel.places()
    for edge in edges_by_mass(panel, 1.0):
        assert_near(edge.share, places[edge.row, edge.column])
    bars = as_bars(form).panels[0]
    assert bars.scale.spread == ("global" if scale == "head" else scale)
    assert_near64(bars.places().max(), 1)


def test_limits_out_of_range():
    """Limits that no weight can reach are refused; the ends beyond which numbers lie have ≤ and ≥."""
    (form,) = prepare(run("猫吃鱼"))
    for wrong, said in ((Style(vmax=1.5), "at most 1"), (Style(vmin=-0.1), "at least 0"), (Style(vmin=0.9), "largest")):
        with pytest.raises(OptionError, match=said):
            with_limits(form, wrong)
    limited = with_limits(form, Style(vmin=0.1, vmax=0.6))
    values = form.panels[0].values
    assert limited.panels[0].beyond() == ((values < 0.1).sum(), (values > 0.6).sum()) == (1, 2)
    assert str(limited.caption[-1]) == "3 numbers lie beyond the colours’ ends"
    (bar,) = scale_names(limited)
    assert ticks(bar.scale, beyond=bar.beyond) == [(0.0, "≤ .10"), (1.0, "≥ .60")]
    (wide,) = scale_names(with_limits(form, Style(vmin=0, vmax=1)))
    assert ticks(wide.scale, beyond=wide.beyond) == [(0.0, "0"), (1.0, "1.00")]
