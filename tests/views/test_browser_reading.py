"""The page in a browser, as it is read: from right to left, on a phone, on paper, in Chinese, at its beginning."""

from __future__ import annotations

import re

import numpy as np
import pytest
from continuations import continuation
from test_browser import CHROMIUM, Tab, browser  # noqa: F401  (a fixture)

from attnviz import Attention, Token, compare, lab, run
from attnviz.api.save import save_attention, save_comparison, save_text_attention

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

HEBREW = "החתול אוכל דג GPT two כי"
PHONE = (390, 844)


@pytest.fixture
def open_saved(browser, tmp_path):  # noqa: F811
    """Save something as a page, and open it."""
    tabs = []

    def opened(save, shown, fragment="", *, size=(1280, 800)):
        save(shown, tmp_path / "page.html")
        tabs.append(Tab(browser, tmp_path / "page.html", fragment, *size, "light"))
        return tabs[-1]

    yield opened
    for tab in tabs:
        assert tab.faults == []
        tab.context.close()


def places(tab, selector):
    """Return the text of each element and where it begins, from the left."""
    return tab.page.eval_on_selector_all(
        selector, "(all) => all.map((one) => [one.textContent, one.getBoundingClientRect().x])"
    )


def by_place(found):
    """Return texts from right to left."""
    return [text for text, _ in sorted(found, key=lambda one: -one[1])]


def drawn_words(tab):
    """Return what the saved picture writes at the middle of words: text and place."""
    with tab.page.expect_download() as waited:
        tab.page.click("#save-svg")
    written = waited.value.path().read_text("utf-8")
    found = re.findall(r'<text transform="translate\(([-.0-9]+) [^>]*text-anchor="middle"[^>]*>([^<]*)<', written)
    return [(text, float(place)) for place, text in found]


@pytest.mark.parametrize("view", ["words", "arcs", "matrix"])
def test_a_text_from_right_to_left_is_laid_out_so(open_saved, view):
    """Hebrew begins at the right, English words in it keep their order, in elements and in drawings alike."""
    words = HEBREW.split()
    attention = Attention.from_arrays(np.full((1, 1, 6, 6), 1 / 6), words)
    tab = open_saved(save_attention, attention, f"view={view}&word=1")
    expected = ["החתול", "אוכל", "דג", "two", "GPT", "כי"]
    if view != "arcs":
        assert by_place(places(tab, ".word")) == expected
    if view != "matrix":
        assert by_place(one for one in drawn_words(tab) if one[0] in words) == expected
    assert "\u2068אוכל\u2069" in tab.text("#readout")  # so that the number behind it stays behind it
    tab.page.locator(".word >> nth=1" if view != "arcs" else "#frame").focus()
    tab.press("ArrowLeft")
    assert tab.state["word"] == "2"


def test_english_in_a_sentence_is_not_isolated(open_saved):
    """Words from left to right stand in sentences without marks."""
    tab = open_saved(save_attention, run("the cat eats fish"), "word=1")
    assert "\u2068" not in tab.text("#readout")


def test_missing_words_stand_before_the_tokens_that_end_the_text(open_saved):
    """A comparison's text shows words that the other one lacks where they are, before [SEP]."""

    def attention(last):
        text = f"the bank of {last}"
        words = [("[CLS]", None, None), ("the", 0, 3), ("bank", 4, 8), ("of", 9, 11), (last, 12, 12 + len(last))]
        tokens = tuple(Token(*each) for each in [*words, ("[SEP]", None, None)])
        raw = np.random.default_rng(2).random((1, 1, 6, 6))
        return Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), tokens, text=text)

    tab = open_saved(save_comparison, compare(attention("river"), attention("city")))
    assert tab.text(".words >> nth=0").split() == ["[CLS]", "the", "bank", "of", "river", "[SEP]"]


def ten_words():
    """Return weights of ten words."""
    raw = np.random.default_rng(1).random((1, 1, 10, 10))
    words = ["the", "cat", "eats", "fish", "on", "a", "mat", "by", "my", "house"]
    return Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), words)


@pytest.mark.parametrize("size", [(1280, 800), PHONE])
@pytest.mark.parametrize(
    ("save", "shown"),
    [(save_comparison, compare("The cat eats fish", "The fish eats cat")), (save_attention, ten_words())],
    ids=["comparison", "ten words"],
)
def test_no_label_of_a_short_text_is_left_out(open_saved, save, shown, size):
    """Where smaller letters fit, every row and column of the heatmap has its label."""
    tab = open_saved(save, shown, size=size)
    with tab.page.expect_download() as waited:
        tab.page.click("#save-svg")
    drawn = waited.value.path().read_text("utf-8")
    maps = 3 if save is save_comparison else 1
    words = ["The", "cat", "eats", "fish"] if save is save_comparison else [token.text for token in shown.query]
    assert [drawn.count(f">{word}</text>") for word in words] == [2 * maps] * len(words)


def test_chinese_numbers_do_not_touch(open_saved):
    """A number in a cell is narrower than the cell, in either language."""
    for lang in ("en", "zh"):
        tab = open_saved(save_comparison, compare("The cat eats fish", "The fish eats cat"), f"lang={lang}")
        widest = tab.page.evaluate("""() => {
          let most = 0;
          const draw = CanvasRenderingContext2D.prototype.fillText;
          CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
            if (/^[-+]?[0-9]*[.][0-9]+$/.test(text)) most = Math.max(most, this.measureText(text).width);
            return draw.call(this, text, ...rest);
          };
          document.getElementById("zoom-fit").click();
          return new Promise((done) => setTimeout(() => done(most), 200));
        }""")
        cells = tab.page.evaluate("document.getElementById('content').offsetWidth") / 3 / 5
        assert 0 < widest < cells


def layered(count=30):
    """Weights of many layers, more than a window holds."""
    raw = np.random.default_rng(3).random((count, 4, 6, 6))
    words = ["[CLS]", *"abcd", "[SEP]"]
    return Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), words)


def test_the_small_maps_open_at_the_first_layer(open_saved):
    """What is below fades, so that it is seen to go on; a link to a layer scrolls there."""
    tab = open_saved(save_attention, layered())
    assert tab.page.evaluate("document.getElementById('frame').scrollTop") == 0
    below = "getComputedStyle(document.getElementById('canvas')).getPropertyValue('--bottom')"
    assert tab.page.evaluate(below) == "24px"
    tab.page.evaluate("document.getElementById('frame').scrollTop = 99999")
    tab.settled()
    assert tab.page.evaluate(below) == "0px"
    tab.go("lang=zh")
    assert tab.page.evaluate("document.getElementById('frame').scrollTop") == 0
    tab.go("layer=28")
    assert tab.page.evaluate("document.getElementById('frame').scrollTop") > 100


def test_hidden_words_are_quoted_once_each(open_saved):
    """The note names each hidden word once, in the quotation marks of its language."""
    words = [Token("<s>"), Token("a", 0, 1), Token("<s>"), Token("b", 2, 3), Token("</s>")]
    raw = np.random.default_rng(5).random((1, 2, 5, 5))
    attention = Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), words)
    tab = open_saved(save_attention, attention, "special=hide&view=matrix")
    assert "Hidden: “<s>”, “</s>”. " in tab.text("#note")
    tab.act("#language", "click")
    assert "已隐藏：「<s>」、「</s>」。" in tab.text("#note")


def test_a_long_title_has_a_second_line(open_saved):
    """A sentence that is too long for one line of the heading is whole on two."""
    text = "The young teacher walked slowly to the old school by it"
    tab = open_saved(save_attention, run(text), size=PHONE)
    sizes = tab.page.evaluate("(({ scrollHeight, clientHeight }) => [scrollHeight, clientHeight])(title)")
    assert sizes[0] <= sizes[1]
    assert tab.text("#title") == text


def test_a_saved_picture_has_the_whole_title(open_saved):
    """A title that is too long for a line of the saved picture goes on in the next one."""
    text = "The young teacher walked slowly to the old school by it"
    tab = open_saved(save_attention, run(text), "view=words", size=PHONE)
    with tab.page.expect_download() as waited:
        tab.page.click("#save-svg")
    lines = re.findall(r'font-size="18"[^>]*font-weight="600">([^<]*)<', waited.value.path().read_text("utf-8"))
    assert len(lines) > 1
    assert " ".join(lines) == text


def test_arcs_of_the_last_line_are_whole(open_saved):
    """Below the last line of a text that takes several there is room for the arcs to words on its left."""
    raw = np.eye(12, dtype=np.float32)
    raw[11] = 0
    raw[11, 9] = 1
    words = ["unquestionably"] * 12
    tab = open_saved(save_attention, Attention.from_arrays(raw[None, None], words), "view=arcs", size=PHONE)
    deepest = tab.page.evaluate("""() => {
      let most = 0;
      const draw = CanvasRenderingContext2D.prototype.bezierCurveTo;
      CanvasRenderingContext2D.prototype.bezierCurveTo = function (...points) {
        most = Math.max(most, 0.25 * points[5] + 0.75 * points[1]);
        return draw.apply(this, points);
      };
      const frame = document.getElementById("frame");
      frame.scrollTop = 99999;
      return new Promise((done) => setTimeout(() => done([most, frame.scrollHeight]), 300));
    }""")
    assert 100 < deepest[0] <= deepest[1]


@pytest.mark.parametrize("words", [3, 8, 10])
def test_a_short_text_is_one_sheet(open_saved, words, tmp_path):
    """Heatmap, table and caption of a short text are printed on one sheet of paper."""
    raw = np.random.default_rng(6).random((1, 1, words, words))
    attention = Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), list("abcdefghij")[:words])
    tab = open_saved(save_attention, attention)
    tab.page.pdf(path=tmp_path / "page.pdf", format="A4", margin={"top": "10mm", "bottom": "10mm"})
    assert len(re.findall(rb"/Type */Page\b", (tmp_path / "page.pdf").read_bytes())) == 1


def test_the_player_stays_on_a_phone(open_saved):
    """On a phone the steps' buttons are in the window wherever the page is scrolled to, and cover none of its end."""
    tab = open_saved(save_text_attention, continuation(branches=2), "view=steps", size=PHONE)
    for at in (0, 300, 99999):
        tab.page.evaluate(f"scrollTo(0, {at})")
        box = tab.page.locator("#player").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 844
    last = tab.page.locator("footer").bounding_box()
    assert last["y"] + last["height"] <= box["y"]


def test_nothing_floats_over_a_low_window(open_saved):
    """At 200 % zoom, 640 x 400 pixels, the legend is below the view, not over its heading."""
    tab = open_saved(save_attention, layered(2), "view=matrix", size=(640, 400))
    heading, legend = (tab.page.locator(name).bounding_box() for name in ("#heading", ".under"))
    assert legend["y"] > heading["y"] + heading["height"]
    frame = tab.page.locator("#frame").bounding_box()
    assert legend["y"] >= frame["y"] + frame["height"]


@pytest.mark.parametrize("text", ["猫吃鱼", "The cat eats fish", "我上周买的手机屏幕碎了"])
def test_wide_tables_are_whole_on_paper(browser, tmp_path, text):  # noqa: F811
    """Maps beside each other are shrunk to a sheet's width, or stand in more lines: none is cut off."""
    lab(text).save(tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 718, "height": 1000})
    page.goto((tmp_path / "page.html").as_uri())
    page.emulate_media(media="print")
    ends = page.eval_on_selector_all("table", "(all) => all.map((one) => one.getBoundingClientRect().right)")
    hidden = page.eval_on_selector_all("[role=group]", "(all) => all.map((one) => getComputedStyle(one).overflowX)")
    page.close()
    assert len(ends) == 21
    assert max(ends) <= 718 * 1.6  # browsers shrink a sheet that is at most so much too wide
    assert set(hidden) == {"visible"}
