"""Several heads over each other on the page, in a real browser: their colours are those of pictures, and named."""

from __future__ import annotations

import numpy as np
import pytest
from test_browser import CHROMIUM, browser, large, open_page, sentence, with_special  # noqa: F401  (fixtures)

from attnviz import compare, run
from attnviz.views.prepared.color_scale import SERIES_COLORS
from attnviz.views.prepared.panels import number

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

COLORS = [tuple(int(code[at : at + 2], 16) for at in (1, 3, 5)) for code in SERIES_COLORS]
PAPER = {"light": (255, 255, 255), "dark": (20, 23, 27)}


def mixed(color, strength, paper):
    """A colour over the paper."""
    return tuple(round(under + strength * (over - under)) for under, over in zip(paper, color, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_cell_has_a_stripe_of_each_head(open_page, scheme):  # noqa: F811
    """Each weight of each chosen head has its colour as strong as its share of the largest of all."""
    attention = sentence()
    tab = open_page(attention, "over=0.2", scheme=scheme)
    found, most = tab.colours(), max(float(attention.weights.max()), float(attention.mean().weights.max()))
    for head, color in ((0, COLORS[0]), (2, COLORS[1])):
        for value in attention.weights[0, head].astype(np.float64).ravel():
            wanted = mixed(color, np.rint(value / most * 255) / 255, PAPER[scheme])
            assert min(max(abs(a - b) for a, b in zip(wanted, each, strict=True)) for each in found) <= 1
    assert tab.text("#legend").split("\n")[:2] == ["who acts", "when and where"]
    assert f"full colour: {number(most, 3)}" in tab.text("#legend")


def test_arcs_and_words_have_the_heads_colours(open_page):  # noqa: F811
    """The widest arc of each head, on a scale of its own, is in the head's colour; a word has a stripe of each."""
    tab = open_page(sentence(), "over=0.1&view=arcs&colours=head")
    assert set(COLORS[:2]) <= tab.colours()
    assert "50 are drawn" in tab.text("#note")
    tab.go("over=0.1&view=words&colours=head&word=0&order=text")
    weights = sentence().weights[0, :2, 0].astype(np.float64)
    shares = weights / sentence().weights[0, :2].max(axis=(1, 2))[:, None]
    for at, word in enumerate(tab.page.locator(".large .word").all()):
        stripes = word.evaluate("(one) => one.style.backgroundImage.match(/rgb[^)]*\\)/g)")
        wanted = [mixed(COLORS[head], np.rint(shares[head, at] * 255) / 255, PAPER["light"]) for head in (0, 1)]
        assert [eval(stripe.removeprefix("rgb")) for stripe in stripes[::2]] == wanted
        assert number(weights[1, at], 3) in word.get_attribute("title")


def test_numbers_of_each_head(open_page):  # noqa: F811
    """Tables have a column a head, the line above the view a number a head, and special tokens stay hidden."""
    attention = with_special(2, 3)
    tab = open_page(attention, "view=matrix&layer=1&over=0.2&word=1&other=3&order=text&special=renormalize")
    weights = attention.weights[1, [0, 2], 1, 1:5].astype(np.float64)
    whole = weights / weights.sum(axis=1, keepdims=True)
    assert [row[1:] for row in tab.table()] == [[number(float(x), 3) for x in column] for column in whole.T]
    assert tab.text("#readout") == (
        f"“the” looks at “eats”: head 0 {number(whole[0, 2], 3)} · head 2 {number(whole[1, 2], 3)}"
    )
    assert tab.text("#heading") == "layer 1, heads: 0, 2"


def test_two_to_six_heads(open_page):  # noqa: F811
    """The button begins with two heads; a colour stays with its head; more than six are not taken; it ends alone."""
    tab = open_page(large(2, 8, 12), "view=matrix&layer=0&head=0")
    tab.act("#several", "click")
    assert tab.state["over"] == "0.1"
    for head in (2, 3, 4, 5):
        tab.act(f"#over-{head}", "click")
    assert tab.page.locator("#over-6").get_attribute("aria-disabled") == "true"
    tab.act("#over-6", "dispatch_event", "click")
    assert tab.state["over"] == "0.1.2.3.4.5"
    tab.act("#over-0", "click")
    tab.act("#over-7", "click")
    assert tab.state["over"] == "7.1.2.3.4.5"
    tab.act("#next-layer", "click")
    assert (tab.state["over"], tab.text("#heading")) == ("7.1.2.3.4.5", "layer 1, heads: 7, 1, 2, 3, 4, 5")
    tab.act("#head", "select_option", "3")
    assert ("over" not in tab.state, tab.text("#heading")) == (True, "layer 1, head 3")
    tab.act("#several", "click")
    tab.act("#several", "click")
    assert "over" not in tab.state


def test_keys_choose_heads(open_page):  # noqa: F811
    """Tab reaches one of the heads; arrow keys move to the others, Space puts one over the rest."""
    tab = open_page(sentence(), "over=0.1")
    tab.page.locator("#over-0").focus()
    tab.press("ArrowRight", "ArrowRight", "Space")
    assert tab.state["over"] == "0.1.2"
    tab.press("End", "ArrowRight", "Enter")
    assert tab.state["over"] == ".1.2"


def test_small_maps_choose_heads(open_page):  # noqa: F811
    """With several heads a click on a small map of the layer adds its head; of another layer it goes there."""
    tab = open_page(large(2, 4, 12), "view=heads&layer=0&over=0.1")
    box = tab.page.locator("#canvas").bounding_box()
    before = set(tab.colours())
    assert set(COLORS[:2]) <= before
    tab.page.mouse.click(box["x"] + box["width"] * 0.72, box["y"] + box["height"] * 0.3)
    tab.settled()
    assert tab.state["over"] in ("0.1.2", "0.1.3")
    tab.page.mouse.click(box["x"] + box["width"] * 0.72, box["y"] + box["height"] * 0.8)
    tab.settled()
    assert (tab.state.get("layer", "1"), tab.state.get("view", "heads")) == ("1", "heads")


@pytest.mark.parametrize("over", ["0.0", "9", "x", "-1", "0.1.2.3.4.0.1", "..", "0.1e1"])
def test_wrong_choices_are_ignored(open_page, over):  # noqa: F811
    """A hash that names no heads, one twice, or too many shows one head."""
    tab = open_page(sentence(), f"over={over}")
    assert tab.page.locator("#heads-over").is_hidden()


def test_no_choice_where_there_is_none(open_page):  # noqa: F811
    """One head, or the change of a comparison, whose colours are those of its sign, has no such button."""
    for shown in (run("猫吃鱼"), compare("猫吃鱼", "鱼吃猫", heads=4)):
        assert open_page(shown, "over=0.1").page.locator("#several").count() == 0


@pytest.mark.parametrize("view", ["matrix", "arcs", "words", "heads"])
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_saved_pictures_name_the_heads(open_page, tmp_path, view, kind):  # noqa: F811
    """A saved picture has the colours and, in an SVG, the names of the heads."""
    tab = open_page(sentence(mask="causal"), f"over=0.1&view={view}")
    with tab.page.expect_download() as waiting:
        tab.page.locator(f"#save-{kind}").click()
    waiting.value.save_as(tmp_path / "x")
    assert waiting.value.suggested_filename == f"attnviz-{view}-heads0-1.{kind}"
    if kind == "svg":
        text = (tmp_path / "x").read_text("utf-8")
        assert (">who acts<" in text, SERIES_COLORS[0] in text.lower()) == (True, True)


def test_a_cell_says_how_its_weight_comes_about(open_page):  # noqa: F811
    """A click on a cell shows q · k, the score, the power and the weight; a forbidden cell shows the mask."""
    tab = open_page(run("猫吃鱼", mask="causal"), "view=matrix")
    assert tab.page.locator(".terms").count() == 0
    tab.go("view=matrix&word=1&other=0")
    assert tab.text(".terms h3") == "How “吃” comes to look at “猫”"
    assert tab.page.locator(".terms li").count() == 4
    weight = tab.page.locator(".terms .line").last.inner_text()
    assert weight.split(" = ")[-1][:4] == tab.table()[0][1]
    tab.go("view=matrix&word=0&other=2&lang=zh")
    assert tab.text(".terms h3") == "「猫」不能看「鱼」。"
    assert "-∞" in tab.text(".terms")
    assert tab.page.locator(".terms li").count() == 3
