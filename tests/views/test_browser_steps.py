"""The steps of a continuation, played in a real browser."""

from __future__ import annotations

import pytest
from continuations import continuation
from test_browser import AXE, CHROMIUM, Tab, browser  # noqa: F401  (a fixture)

from attnviz.api.save import save_text_attention

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


@pytest.fixture
def tab(browser, tmp_path):  # noqa: F811
    """The page of three steps; at the end nothing was said and nothing asked for."""
    save_text_attention(continuation(), tmp_path / "x.html")
    opened = Tab(browser, tmp_path / "x.html", "", 1280, 800, "light")
    yield opened
    opened.context.close()
    assert opened.faults == []


def shown(tab):
    """The words of the text so far; the last is the new one."""
    words = tab.page.locator(".token").all_inner_texts()
    assert tab.page.locator(".token.new").all_inner_texts() == words[-1:]
    return words


def test_each_step_shows_the_text_so_far(tab):
    """A step adds one word, and the tables beside it are that step's."""
    assert shown(tab) == ["the", "cat", "sat", "on", "the", "mat"]
    assert tab.text("#heading") == "step 1 of 3"
    assert tab.table()[0][:2] == ["mat", "50.0%"]
    tab.act("#step-on", "click")
    assert shown(tab) == ["the", "cat", "sat", "on", "the", "mat", "and"]
    assert tab.caption(1) == "What “and” attended to"
    assert (tab.state["step"], tab.text("#step-shown")) == ("1", "2 / 3")
    largest = max(continuation().tokens[1].shares)
    assert f"{largest:.1%}" in tab.text("#readout")
    tab.act("#step", "fill", "3")
    assert shown(tab)[-1] == "slept"
    assert tab.page.locator("#step-on").is_disabled()
    tab.act("#step-first", "click")
    assert "step" not in tab.state


def test_playing_stops_at_the_end(tab):
    """Play goes on by itself, pause stops it, and at the end it is over and begins again at the first step."""
    tab.act("#speed", "select_option", "fast")
    tab.act("#play", "click")
    assert "Pause" in tab.text("#play")
    tab.page.wait_for_timeout(3000)  # two steps of half a second
    assert shown(tab)[-1] == "slept"
    assert "Play" in tab.text("#play")
    tab.act("#speed", "select_option", "slow")
    tab.act("#play", "click")
    assert shown(tab)[-1] == "mat"
    tab.act("#play", "click")
    tab.page.wait_for_timeout(2600)
    assert shown(tab)[-1] == "mat"


def test_keys(tab):
    """Arrow keys step, Home and End go to the ends, Space plays; another view stops playing."""
    tab.page.locator("#panel").focus()
    tab.press("ArrowRight")
    assert shown(tab)[-1] == "and"
    assert "step 2 of 3" in tab.text("#status")
    tab.press("End", "ArrowLeft", "Home")
    assert shown(tab)[-1] == "mat"
    tab.press("Space")
    assert "Pause" in tab.text("#play")
    tab.act("#view-matrix", "click")
    tab.page.wait_for_timeout(1500)
    assert tab.page.locator("#player").is_hidden()
    assert tab.state["view"] == "matrix"


def test_branches_are_chosen(browser, tmp_path):  # noqa: F811
    """Another branch is shown at the same step, or at its last where it is shorter; a link and a picture name it."""
    save_text_attention(continuation(branches=2), tmp_path / "x.html")
    opened = Tab(browser, tmp_path / "x.html", "step=2", 1280, 800, "light")
    assert (opened.text("#heading"), shown(opened)[-1]) == ("branch 1, step 3 of 3", "slept")
    opened.act("#branch", "select_option", "1")
    assert opened.text("#heading") == "branch 2, step 2 of 2"
    assert shown(opened) == ["the", "cat", "sat", "on", "the", "猫窝", "."]
    assert (opened.state["branch"], opened.state["step"]) == ("1", "1")
    assert opened.page.locator("#step-on").is_disabled()
    assert opened.page.locator("#step").get_attribute("max") == "2"
    assert "branch 2" in opened.text("#status")
    with opened.page.expect_download() as waiting:
        opened.page.locator("#save-svg").click()
    assert waiting.value.suggested_filename == "attnviz-branch2-step2.svg"
    opened.go("branch=1&step=2")
    assert shown(opened)[-1] == "."
    opened.go("branch=7")
    assert opened.text("#heading") == "branch 1, step 1 of 3"
    opened.context.close()
    assert opened.faults == []


def test_branches_of_one_step(browser, tmp_path):  # noqa: F811
    """Branches of one token have a choice of branch, and no buttons to play."""
    save_text_attention(continuation(steps=1, branches=2), tmp_path / "x.html")
    opened = Tab(browser, tmp_path / "x.html", "branch=1", 390, 844, "dark")
    assert shown(opened)[-1] == "猫窝"
    assert opened.page.locator("#branch").is_visible()
    assert opened.page.locator("#play").count() == 0
    opened.context.close()
    assert opened.faults == []


def test_less_motion(browser, tmp_path):  # noqa: F811
    """Who asks for less motion gets no fading and the slow pace; nothing plays before it is asked to."""
    save_text_attention(continuation(), tmp_path / "x.html")
    for preference, pace in (("reduce", "slow"), ("no-preference", "normal")):
        context = browser.new_context(reduced_motion=preference)
        page = context.new_page()
        page.goto((tmp_path / "x.html").as_uri())
        page.wait_for_selector("html[data-shown]")
        name = page.locator(".token.new").evaluate("(one) => getComputedStyle(one).animationName")
        assert name == ("none" if preference == "reduce" else "come")
        assert page.locator("#speed").input_value() == pace
        page.wait_for_timeout(1500)
        assert page.locator("#step").input_value() == "1"
        context.close()


def test_colours_are_printed(tab):
    """On paper words and swatches keep their grounds: light words would vanish without."""
    tab.page.emulate_media(media="print")
    for name in (".token", "#legend .ramp"):
        found = tab.page.locator(name).first.evaluate("(one) => getComputedStyle(one).printColorAdjust")
        assert found == "exact"


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_saved_picture(tab, tmp_path, kind):
    """The step on the screen is saved with its words."""
    with tab.page.expect_download() as waiting:
        tab.page.locator(f"#save-{kind}").click()
    waiting.value.save_as(tmp_path / "x")
    assert waiting.value.suggested_filename == f"attnviz-step1.{kind}"
    if kind == "svg":
        assert ">mat<" in (tmp_path / "x").read_text("utf-8")


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: set ATTNVIZ_AXE to its axe.min.js")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(browser, tmp_path, scheme):  # noqa: F811
    """axe-core finds no violation in the view of steps."""
    save_text_attention(continuation(branches=2), tmp_path / "x.html")
    for fragment, width in (("", 1280), ("branch=1&step=1&lang=zh", 390)):
        tab = Tab(browser, tmp_path / "x.html", fragment, width, 844, scheme)
        tab.page.wait_for_timeout(500)  # the new word has come
        tab.page.evaluate(AXE.read_text("utf-8"))
        found = tab.page.evaluate(
            "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
            ".then((all) => all.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 120))]))"
        )
        tab.context.close()
        assert found == []
