"""The page in a real browser: each control does what it says, and nothing is asked of the network.

Chromium is the system's (Debian: `apt-get install chromium`), driven by playwright, which never downloads one. Where
either is missing these tests are skipped, and axe-core's where `ATTNVIZ_AXE` does not name its axe.min.js.
"""

from __future__ import annotations

import csv
import html
import io
import os
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from seen_pictures import COLUMNS, seen_picture

from attnviz import Attention, Token, ablate, compare, lab, run
from attnviz.api.save import save_attention, save_comparison
from attnviz.core.provenance import Provenance, ToyOrigin
from attnviz.i18n.decimals import MINUS
from attnviz.views.page.render import render_page
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.panels import number
from attnviz.views.prepared.refine import Refining

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
AXE = Path(os.environ.get("ATTNVIZ_AXE") or "tests/page/node_modules/axe-core/axe.min.js")
PROVENANCE = Provenance(
    ToyOrigin(
        embedding="vectors",
        tokens="given",
        dim=64,
        projection="identity",
        heads=12,
        position="none",
        mask="none",
        temperature=1,
    )
)
HOSTILE = "</script><img src=x onerror=alert(1)>"
VIEWS = ("matrix", "arcs", "words", "heads")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests."""
    with playwright.sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


class Tab:
    """A page that was opened from disk, and all that it said or asked for."""

    def __init__(self, browser, path, fragment, width, height, scheme):
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True, offline=True
        )
        self.page = self.context.new_page()
        self.faults, self.path = [], path
        self.page.on("console", lambda said: self.faults.append(f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.faults.append("a dialog"), dialog.dismiss()))
        self.page.on("request", self._asked)
        self.go(fragment)

    def _asked(self, request):
        own = request.url.split("#")[0] == self.path.as_uri()
        if not own and not request.url.startswith(("data:", "blob:")):
            self.faults.append(f"request: {request.url}")

    def go(self, fragment):
        """Open the page anew with this hash."""
        self.page.goto("about:blank")
        self.page.goto(self.path.as_uri() + (f"#{fragment}" if fragment else ""))
        self.settled()

    def settled(self):
        """Wait until what was asked for last is shown."""
        self.page.wait_for_selector("html[data-shown]", timeout=20000)
        self.page.wait_for_timeout(80)
        return self

    def act(self, selector, action, *values):
        """Do something with an element, and wait."""
        getattr(self.page.locator(selector), action)(*values)
        return self.settled()

    def press(self, *keys):
        """Press keys where the focus is."""
        for key in keys:
            self.page.keyboard.press(key)
        return self.settled()

    def text(self, selector):
        """What stands in an element."""
        return self.page.locator(selector).inner_text()

    @property
    def state(self):
        """The address's hash."""
        return {name: value[0] for name, value in parse_qs(self.page.url.partition("#")[2]).items()}

    def table(self, place=0):
        """The rows of a table beside the view: word -> the texts of its numbers."""
        rows = self.page.locator("#tables table").nth(place).locator("tbody tr")
        return [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows.all()]

    def caption(self, place=0):
        """What a table says it is."""
        return self.page.locator("#tables caption > span").nth(place).inner_text()

    def colours(self, top=0, bottom=1):
        """Every colour that the canvas has between two shares of its height; clear pixels are black."""
        numbers = self.page.evaluate(
            "([top, bottom]) => { const c = document.getElementById('canvas'); const [w, h] = [c.width, c.height];"
            "const copy = new OffscreenCanvas(w, h).getContext('2d', { willReadFrequently: true });"
            "copy.drawImage(c, 0, 0); const part = copy.getImageData(0, h * top, w, h * (bottom - top));"
            "return [...new Set(new Uint32Array(part.data.buffer))]; }",
            [top, bottom],
        )
        return {(number & 255, number >> 8 & 255, number >> 16 & 255) for number in numbers}


@pytest.fixture
def open_page(browser, tmp_path):
    """Save an attention or a comparison as a page and open it; at the end nothing was said and nothing asked for."""
    tabs = []

    def open_one(shown, fragment="", *, width=1280, height=900, scheme="light", **choice):
        path = tmp_path / f"page{len(tabs)}.html"
        if isinstance(shown, Attention):
            save_attention(shown, path, **choice)
        else:
            save_comparison(shown, path, **choice)
        tabs.append(Tab(browser, path, fragment, width, height, scheme))
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.context.close()
    assert [fault for tab in tabs for fault in tab.faults] == []


def sentence(heads=4, **options):
    """A sentence with named heads."""
    return run("the cat eats the fish", heads=heads, **options)


def large(layers=3, heads=4, count=140):
    """A page whose numbers are rounded."""
    logits = np.random.default_rng(0).normal(size=(layers, heads, count, count)) * 2
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    tokens = tuple(Token(f"w{i}", 6 * i, 6 * i + len(f"w{i}")) for i in range(count))
    source = "".join(f"w{i}".ljust(6) for i in range(count))
    return Attention(tokens, tokens, weights, source=source, provenance=PROVENANCE)


def test_opens_offline(open_page):
    """The page opens from disk with the network off, and shows the heatmap of the first head."""
    tab = open_page(sentence())
    assert tab.text("h1") == "the cat eats the fish"
    assert tab.text("#heading") == "head: who acts"
    assert tab.page.locator('[role="tab"][aria-selected="true"]').inner_text() == "Heatmap"
    assert tab.page.title() == "the cat eats the fish"


@pytest.mark.parametrize("mask", ["none", "causal"])
def test_numbers_are_those_exported(open_page, tmp_path, mask):
    """Each number in the tables is the CSV's, to its digits; a forbidden cell is ·, and never 0."""
    attention = sentence(mask=mask)
    tab = open_page(attention)
    save_attention(attention, tmp_path / "x.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "x.csv").read_text("utf-8-sig"))))
    for head, name in enumerate(attention.heads):
        for word in range(5):
            tab.go(f"head={head}&word={word}")
            wanted = [row for row in rows if row["head"] == name and int(row["query_index"]) == word]
            shown = tab.table()
            assert [cells[0].partition("#")[0] for cells in shown] == [row["key"] for row in wanted]
            assert [cells[0] for cells in shown] == ["the#1", "cat", "eats", "the#2", "fish"]
            for cells, row in zip(shown, wanted, strict=True):
                if row["weight"]:
                    assert cells[1] == number(float(row["weight"]), 3)
                else:
                    assert cells[1].startswith("·")


def test_row_and_column(open_page):
    """The chosen word has two tables: whom it looks at, and who looks at it."""
    attention = sentence()
    tab = open_page(attention, "head=1&word=4")
    assert (tab.caption(0), tab.caption(1)) == ("“fish” looks at", "Who looks at “fish”")
    weights = attention.weights[0, 1]
    assert [cells[1] for cells in tab.table(0)] == [number(float(x), 3) for x in weights[4]]
    assert [cells[1] for cells in tab.table(1)] == [number(float(x), 3) for x in weights[:, 4]]
    assert tab.page.locator("#tables th[scope=row]").count() == 10


def test_colours_are_the_scales(open_page):
    """A cell's colour on the canvas is the palette's at its number's place."""
    attention = run("猫吃鱼")
    tab = open_page(attention)
    scale = weight_scale(attention.weights)
    palette = scale.palette()
    places = np.rint(scale.place(attention.weights[0, 0]) * 255).astype(int)
    assert {palette[i] for i in places.flat} <= tab.colours()


def test_rounded_numbers(open_page):
    """On a page that rounds, it says so, each number shown is within its last digit, and the means are exact."""
    attention = large()
    tab = open_page(attention, "layer=2&head=1&word=7&order=text")
    assert "rounded" in tab.text("#precision")
    for cells, wanted in zip(tab.table(), attention.weights[2, 1, 7], strict=True):
        digits = len(cells[1].partition(".")[2])
        assert abs(float(cells[1]) - wanted) <= 0.5 * 10**-digits + 0.002 * attention.weights[2, 1, 7].max()
    tab.go("layer=2&head=1&order=text")
    means = attention.weights[2, 1].mean(axis=0, dtype=np.float64)
    assert [cells[1] for cells in tab.table()] == [number(float(np.float32(x)), 3) for x in means]


@pytest.mark.parametrize("view", VIEWS)
def test_views(open_page, view):
    """Each view is chosen by its tab, is in the hash, and draws something."""
    tab = open_page(sentence())
    tab.act(f"#view-{view}", "click")
    assert tab.state.get("view", "matrix") == view
    assert tab.page.locator(f"#view-{view}").get_attribute("aria-selected") == "true"
    if view == "words":
        assert not tab.page.locator("#frame").is_visible()
        assert tab.page.locator(".large .word").count() == 5
    else:
        assert len(tab.colours()) > 10


def test_heads_and_layers(open_page):
    """Head and layer are chosen by select, by the arrows beside it, and by Shift and arrow keys; the end wraps."""
    tab = open_page(large(), "view=matrix&head=0&layer=0")
    tab.act("#head", "select_option", "2")
    tab.act("#next-layer", "click")
    assert (tab.state["head"], tab.state["layer"]) == ("2", "1")
    assert tab.text("#heading") == "layer 1, head 2"
    tab.act("#previous-head", "click")
    tab.page.locator("#frame").focus()
    tab.press("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowUp")
    assert (tab.state["head"], tab.state["layer"]) == ("3", "0")
    tab.press("Shift+ArrowUp")
    assert tab.text("#heading") == "layer 2, head 3"
    tab.act("#head", "select_option", "4")
    assert tab.text("#heading") == "layer 2, mean of the heads"


def test_overview(open_page):
    """In the overview a map's name is read by pointing, and a click or Enter opens it."""
    tab = open_page(large(), "view=heads&layer=0&head=0")
    tab.page.locator("#frame").focus()
    tab.press("ArrowRight", "ArrowDown", "ArrowDown")
    assert (tab.state["head"], tab.state.get("layer", "2")) == ("1", "2")
    tab.press("Enter")
    assert tab.text("#heading") == "layer 2, head 1"
    tab.act("#view-heads", "click")
    box = tab.page.locator("#canvas").bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20)
    assert tab.settled().text("#readout") == "layer 2, mean of the heads"
    tab.page.mouse.click(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20)
    assert tab.settled().text("#heading") == "layer 2, mean of the heads"


def test_opens_on_all_heads(open_page):
    """A page of many heads opens on all of them; one of a few, or of a comparison, on a heatmap."""
    tab = open_page(large())
    assert tab.page.locator("#view-heads").get_attribute("aria-selected") == "true"
    assert tab.state == {}
    for few in (sentence(), compare("猫吃鱼", "鱼吃猫", heads=2)):
        tab = open_page(few)
        assert tab.page.locator("#view-matrix").get_attribute("aria-selected") == "true"


def assert_in_window(tab, part, width, height):
    """Check that the whole element is in the window."""
    box = tab.page.locator(part).bounding_box()
    ends = (box["x"], box["y"], width - box["x"] - box["width"], height - box["y"] - box["height"])
    assert min(ends) >= 0, (part, tab.state, ends)


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_controls_stay_in_sight(open_page, size):
    """Controls, legend and view are in the window together, in every view and for every kind of page."""
    width, height = size
    long = run("我上周买的手机屏幕碎了，今天没有时间去修理。" * 6)
    for shown in (sentence(), large(3, 12, 12), long, compare("猫吃鱼", "鱼吃猫", heads=2)):
        tab = open_page(shown, "view=matrix", width=width, height=height)
        for view in tab.page.locator("#views button").all():
            view.click()
            tab.settled()
            parts = ["#views", "#choosers", "#settings", ".under", ".tools"]
            parts += ["#frame"] if tab.page.locator("#frame").is_visible() else []
            for part in parts:
                assert_in_window(tab, part, width, height)
            tab.page.mouse.wheel(0, 60)
            for part in ("#views", "#settings", ".under"):
                assert_in_window(tab, part, width, height)
            tab.page.evaluate("scrollTo(0, 0)")


def test_hover(open_page):
    """Pointing at a cell reads it; pointing at a word reads its row; leaving takes it back; nothing is kept."""
    attention = run("猫吃鱼")
    tab = open_page(attention)
    hint = tab.text("#readout")
    box = tab.page.locator("#canvas").bounding_box()
    tab.page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20)
    assert tab.settled().text("#readout") == f"“鱼” looks at “鱼”: {number(float(attention.weights[0, 0, 2, 2]), 3)}"
    tab.act(".word >> nth=1", "hover")
    assert tab.text("#readout") == f"“吃” looks most at “鱼”: {number(float(attention.weights[0, 0, 1, 2]), 3)}"
    tab.page.mouse.move(2, 2)
    assert tab.settled().text("#readout") == hint
    assert tab.state == {}


def test_arcs(open_page):
    """In the arcs, pointing at a word draws its own arcs alone, and says so; a click keeps them."""
    tab = open_page(sentence(), "view=arcs&head=1")
    attention = sentence()
    even = 1 / attention.weights.shape[-1]
    drawn = int((attention.weights[0, 1] > even * (1 + 8 * np.finfo(np.float32).eps)).sum())
    assert f"{drawn} of {attention.weights[0, 1].size} are drawn." in tab.text("#note")
    before = tab.page.locator("#canvas").screenshot()
    tab.page.locator("#frame").focus()
    tab.press("ArrowRight", "ArrowRight")
    assert tab.state["word"] == "1"
    assert tab.text("#note").startswith("What “cat” gives beyond the even share: the wider, the more.")
    assert tab.page.locator("#canvas").screenshot() != before
    tab.press("Escape")
    assert "word" not in tab.state


def test_arcs_fade_and_tell_directions(open_page):
    """An even row has no arc; who looks to the left has its arc below the line; the colour is the scale's."""
    weights = np.full((1, 1, 4, 4), 0.25)
    weights[0, 0, 3] = [0.97, 0.01, 0.01, 0.01]
    tab = open_page(Attention.from_arrays(weights, ["one", "two", "three", "four"]), "view=arcs")
    assert "1 of 16 are drawn." in tab.text("#note")
    assert tab.colours(0, 0.4) == {(0, 0, 0)}
    accent = (90, 128, 160, 64, 190, 220, 40, 245, 10)
    assert tab.colours(0.6, 1) & {tuple(weight_scale(weights).palette()[i]) for i in accent}


def test_arcs_of_a_long_text(open_page):
    """Of a long text the arcs wait for a word, and say so."""
    tab = open_page(large(1, 1, 30), "view=arcs")
    assert tab.text("#note").startswith("Select a word to see its arcs")
    before = len(tab.colours())
    tab.page.locator("#frame").focus()
    tab.press("ArrowRight")
    assert tab.text("#note").startswith("What “")
    assert len(tab.colours()) > before


def test_words_are_shaded(open_page):
    """In the words, each has the palette's colour for what the chosen word gives it, from the even share on."""
    attention = sentence()
    tab = open_page(attention, "view=words&head=1&word=2")
    scale = weight_scale(attention.weights)
    places = np.rint(scale.place(attention.weights[0, 1, 2]) * 255).astype(int)
    for element, place, weight in zip(tab.page.locator(".word").all(), places, attention.weights[0, 1, 2], strict=True):
        colour = element.evaluate("(word) => getComputedStyle(word).backgroundColor")
        even = 1 / len(places)
        assert colour == ("rgb({}, {}, {})".format(*scale.palette()[place]) if weight >= even else "rgba(0, 0, 0, 0)")
        assert element.get_attribute("title") == number(float(weight), 3)


def test_faint_words_have_no_ground(open_page):
    """A word that receives less than all do on average has no colour, and a note says so; by ratio all have one."""
    tab = open_page(sentence(), "view=words")
    means = sentence().weights[0, 0].mean(axis=0)
    grounds = [
        word.evaluate("(one) => getComputedStyle(one).backgroundColor") for word in tab.page.locator(".word").all()
    ]
    assert [ground == "rgba(0, 0, 0, 0)" for ground in grounds] == [bool(mean < means.mean()) for mean in means]
    assert "coloured from the even share on" in tab.text("#note")
    tab.act("#colours", "select_option", "log")
    assert "even share" not in tab.text("#note")
    assert "rgba(0, 0, 0, 0)" not in [
        word.evaluate("(one) => getComputedStyle(one).backgroundColor") for word in tab.page.locator(".word").all()
    ]


def test_threshold(open_page):
    """The slider hides what is below it: in the tables, the words, and the hash; a link brings it back."""
    attention = sentence()
    tab = open_page(attention, "head=1&word=1")
    tab.act("#least", "fill", "60")
    least = float(attention.weights.max()) * 0.36
    assert tab.state["least"] == "60"
    assert tab.text("#least-shown") == number(least, 3)
    hidden = tab.page.locator("#tables table").first.locator("tr.hidden").count()
    assert hidden == int((attention.weights[0, 1, 1] < least).sum())
    tab.go("head=1&word=1&least=60")
    assert tab.page.locator("#tables table").first.locator("tr.hidden").count() == hidden


def test_search(open_page):
    """A search marks every match, counts them, and goes from one to the next and round again."""
    tab = open_page(sentence())
    tab.act("#find", "fill", "THE")
    assert tab.page.locator(".word.found").all_inner_texts() == ["the", "the"]
    for word, said in (("0", "1 of 2"), ("3", "2 of 2"), ("0", "1 of 2")):
        tab.page.locator("#find").press("Enter")
        assert (tab.settled().state["word"], tab.text("#find-shown")) == (word, said)
    tab.act("#find", "fill", "zebra")
    assert tab.text("#find-shown") == "not found"
    assert tab.page.locator("#find-next").is_disabled()


def test_colours(open_page):
    """Each head, or each row, can have its own scale; the legend says what its end is."""
    attention = sentence()
    tab = open_page(attention, "head=0")
    tab.act("#colours", "select_option", "head")
    assert tab.text("#legend").split()[-1] == number(float(attention.weights[0, 0].max()), 3)
    tab.act("#colours", "select_option", "row")
    assert "the row's largest" in tab.text("#legend")
    tab.go("head=0&colours=row&word=2")
    assert tab.text("#legend").split()[-1] == number(float(attention.weights[0, 0, 2].max()), 3)


def test_ratios(open_page):
    """By ratio the legend says what its floor is, and the palette's colours stand at the numbers' ratios."""
    attention = sentence()
    tab = open_page(attention, "head=0&colours=log")
    assert tab.page.locator("#colours").input_value() == "log"
    assert "and less" in tab.text("#legend")
    (form,) = Refining("log").apply(prepare(attention))
    scale = form.panels[0].scale
    places = np.rint(form.panels[0].places() * 255).astype(int)
    assert {scale.palette()[i] for i in places.flat} <= tab.colours()
    for view in ("arcs", "words", "heads"):
        tab.go(f"head=0&colours=log&view={view}")


@pytest.mark.parametrize("view", VIEWS)
def test_hidden_sinks(open_page, view):
    """Where sinks are hidden the words that look have all columns but theirs, and it is said; every view works."""
    weights = np.full((1, 2, 5, 5), 0.06)
    weights[..., 0] = 0.76
    attention = Attention.from_arrays(weights, ["[CLS]", "猫", "吃", "鱼", "。"], source="猫吃鱼。")
    tab = open_page(attention, f"view={view}&word=1&other=0", refining=Refining("row", "hide"))
    assert tab.page.locator("#colours").input_value() == "row"
    assert "“[CLS]” is a sink and hidden" in tab.text("#notes")
    assert [cells[0] for cells in tab.table()] == ["猫", "吃", "鱼", "。"]


def with_special(layers=1, heads=1):
    """Return attention between four words and two special tokens, the first of them a sink."""
    raw = np.random.default_rng(5).random((layers, heads, 6, 6))
    raw[..., 0] += 3
    weights = (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)
    return Attention.from_arrays(weights, ["[CLS]", "the", "cat", "eats", "fish", "[SEP]"])


HIDDEN_AMONG_MANY = (Token("[CLS]"), *(Token(f"w{i}") for i in range(1, 140)))


@pytest.mark.parametrize("view", VIEWS)
def test_special_tokens_can_be_hidden(open_page, view):
    """Special tokens and sinks leave tables, pictures and scales; the rest is kept or re-normalized, which is said."""
    attention = with_special(2, 3)
    weights = attention.weights[1, 0].astype(np.float64)

    def rows(numbers):
        return [[w, number(float(x), 3)] for w, x in zip(("the", "cat", "eats", "fish"), numbers, strict=True)]

    tab = open_page(attention, f"view={view}&layer=1&head=0&word=1&order=text")
    before = tab.page.locator("#panel").screenshot()
    assert len(tab.table()) == 6
    tab.act("#special", "select_option", "hide")
    assert tab.table() == rows(weights[1, 1:5])
    assert "Hidden: “[CLS]”, “[SEP]”. What is left of a row was not re-normalized." in tab.text("#note")
    tab.act("#special", "select_option", "renormalize")
    whole = weights[:, 1:5] / weights[:, 1:5].sum(axis=1, keepdims=True)
    assert tab.table() == rows(whole[1])
    assert tab.table(1)[3] == ["eats", number(float(whole[3, 0]), 3)]
    assert tab.text("#note").endswith("What is left of each row was re-normalized to sum to 1.")
    assert tab.state["special"] == "renormalize"
    assert tab.page.locator("#panel").screenshot() != before
    if view == "matrix":
        tab.go("view=matrix&layer=1&head=0&special=renormalize&colours=all")
        means = attention.mean().weights[:, 0][..., 1:5]
        shown = np.concatenate([attention.weights[..., 1:5].reshape(-1, 4), means.reshape(-1, 4)])
        most = (shown / shown.sum(axis=1, keepdims=True)).max()
        assert tab.text("#legend").split()[-1] == number(float(most), 3)
    tab.act("#special", "select_option", "keep")
    assert "special" not in tab.state


@pytest.mark.parametrize("view", VIEWS)
def test_captions_are_true_in_every_state(open_page, view):
    """Whatever is hidden: where the page says that rows sum to 1, those of its table do; else it does not say so."""
    plain, many = with_special(2, 3), large()
    half = np.array(many.weights) / 2  # the other half goes to [CLS]
    half[..., 0] += 0.5
    large_ = replace(many, query=HIDDEN_AMONG_MANY, key=HIDDEN_AMONG_MANY, weights=half)
    nothing_left = np.array(plain.weights)
    nothing_left[:, :, 1] = [1, 0, 0, 0, 0, 0]
    rest = Attention.from_arrays(nothing_left, [token.text for token in plain.query])
    for attention, row in ((plain, 2), (rest, 1), (large_, 5)):
        tab = open_page(attention, f"view={view}&layer=0&head=0&word={row}&order=text")
        for special in ("keep", "hide", "renormalize"):
            tab.act("#special", "select_option", special)
            total = sum(float(cells[1]) for cells in tab.table())
            said = [tab.text(f"#{name}") for name in ("caption", "note", "precision")]
            assert ("sums to 1" in said[0]) == (special == "keep")
            assert ("re-normalized to sum to 1" in said[0]) == (special == "renormalize")
            sums = special != "hide" and not (special == "renormalize" and attention is rest)
            missing = 1000 * abs(total - 1)  # thousandths, of which rounding takes less than one a number
            assert (missing < 0.6 * len(tab.table())) == sums
            if view != "heads" or attention is not large_:
                assert ("of some nothing is left" in said[1]) == (special == "renormalize" and attention is rest)
            rounded = attention is large_
            assert ("before words were hidden" in said[2]) == (rounded and special != "keep")
            assert ("exact" in said[2]) == (not rounded)
            if view == "arcs" and attention is plain and special == "hide":
                tab.go("view=arcs&layer=0&head=0&special=hide&order=text")
                assert "of 24 are drawn" in tab.text("#note")
                tab.go(f"view=arcs&layer=0&head=0&word={row}&order=text&special=hide")


def test_pages_without_special_tokens_have_no_switch(open_page):
    """There is nothing to hide in a toy sentence or a comparison; a hash that asks for it is ignored."""
    for shown in (sentence(), compare("猫吃鱼", "鱼吃猫")):
        tab = open_page(shown, "special=hide")
        assert tab.page.locator("#special").count() == 0
        assert "Hidden" not in tab.text("#note")


def test_order(open_page):
    """The tables stand in the text's order or the strongest first."""
    attention = sentence()
    tab = open_page(attention, "head=1&word=1")
    tab.act("#order", "select_option", "weight")
    shown = [float(cells[1]) for cells in tab.table()]
    assert shown == sorted(shown, reverse=True)
    assert tab.state["order"] == "weight"


def test_zoom(open_page):
    """Larger cells scroll inside the view, labels stay in sight, and the page itself never scrolls sideways."""
    tab = open_page(large(), "view=matrix")
    width = tab.page.evaluate("document.getElementById('content').offsetWidth")
    for _ in range(6):
        tab.act("#zoom-in", "click")
    wide = tab.page.evaluate(
        "[document.getElementById('content').offsetWidth, document.documentElement.scrollWidth - innerWidth]"
    )
    assert wide[0] > 3 * width
    assert wide[1] <= 0
    canvas = tab.page.evaluate("[document.getElementById('canvas').clientWidth, innerWidth]")
    assert canvas[0] <= canvas[1]  # only what is seen is drawn
    tab.act("#zoom-fit", "click")
    assert tab.page.evaluate("document.getElementById('content').offsetWidth") == width


def test_hash_restores(open_page):
    """A link shows the same view: all of the state is in the hash; nonsense in it is ignored."""
    tab = open_page(sentence(), "view=words")
    tab.act("#head", "select_option", "3")
    tab.act(".word >> nth=4", "click")
    tab.act("#theme", "click")
    tab.act("#language", "click")
    tab.act("#find", "fill", "fish & 鱼=1")
    before = tab.text("main"), tab.page.locator("#texts").inner_html(), tab.page.locator("#tables").inner_html()
    fragment = tab.page.url.partition("#")[2]
    tab.go(fragment)
    assert tab.state == {
        "view": "words",
        "head": "3",
        "word": "4",
        "theme": "dark",
        "lang": "zh",
        "find": "fish & 鱼=1",
    }
    assert (
        tab.text("main"),
        tab.page.locator("#texts").inner_html(),
        tab.page.locator("#tables").inner_html(),
    ) == before
    tab.go("view=nothing&head=99&word=-1&layer=x&least=1e9&theme=pink&constructor=1")
    assert tab.text("#heading") == "head: who acts"
    tab.page.evaluate("location.hash = 'head=2'")
    assert tab.settled().text("#heading") == "head: when and where"


@pytest.mark.parametrize("view", ["arcs", "words", "heads"])
def test_scrolls_while_another_view_opens(open_page, view):
    """Until another view is open the one on the screen is drawn, by its own plan."""
    tab = open_page(large())
    tab.page.evaluate(
        "(view) => { location.hash = `view=${view}&layer=1&head=2`; "
        "addEventListener('hashchange', () => document.getElementById('frame').dispatchEvent(new Event('scroll'))); }",
        view,
    )
    assert tab.settled().page.locator(f"#view-{view}").get_attribute("aria-selected") == "true"


def test_inside_a_frame(browser, tmp_path):
    """In a notebook's frame, which has no address to keep a state in, every control works all the same."""
    page = html.escape(render_page(sentence()))
    (tmp_path / "x.html").write_text(f'<!doctype html><iframe width=900 height=700 srcdoc="{page}"></iframe>', "utf-8")
    tab, faults = browser.new_page(), []
    tab.on("pageerror", lambda error: faults.append(str(error)))
    tab.goto((tmp_path / "x.html").as_uri())
    frame = tab.frames[1]
    frame.wait_for_selector("html[data-shown]")
    frame.click("#view-words")
    frame.click("#next-head")
    frame.click(".word >> nth=1")
    tab.wait_for_timeout(200)
    assert frame.inner_text("#heading") == "head: what is acted on"
    assert frame.inner_text("#readout").startswith("“cat” looks most at")
    tab.close()
    assert faults == []


def test_keyboard_alone(open_page):
    """From the first Tab on, every control is reached, and a word's row is read, without a pointer."""
    tab = open_page(sentence())
    reached = []
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        reached.append(tab.page.evaluate("document.activeElement.id || document.activeElement.className"))
    wanted = {
        "skip",
        "language",
        "theme",
        "save-png",
        "save-svg",
        "print",
        "view-matrix",
        "previous-head",
        "head",
        "next-head",
        "word",
        "frame",
        "least",
        "find",
        "colours",
        "zoom-out",
        "zoom-fit",
        "zoom-in",
        "tables",
        "order",
    }
    assert wanted <= set(reached)
    tab.page.locator("#view-matrix").focus()
    tab.press("ArrowRight", "ArrowRight")
    assert tab.state["view"] == "words"
    tab.press("Home")
    tab.page.locator(".word[tabindex='0']").focus()
    tab.press("ArrowRight", "Enter")
    assert tab.state["word"] == "1"
    assert tab.caption() == "“cat” looks at"
    tab.page.locator("#frame").focus()
    tab.press("ArrowDown", "ArrowRight", "ArrowRight")
    assert (tab.state["word"], tab.state["other"]) == ("2", "1")
    assert tab.text("#readout").startswith("“eats” looks at “cat”")
    tab.page.wait_for_timeout(120)
    assert "“eats” looks at “cat”" in tab.text("#status")


def test_focus_shows_a_row(open_page):
    """A word that gets the focus has its row read, as when it is pointed at."""
    tab = open_page(run("猫吃鱼"))
    tab.page.locator(".word").first.focus()
    assert tab.settled().text("#readout").startswith("“猫” looks most at")


@pytest.mark.parametrize("view", VIEWS)
def test_phone(open_page, view):
    """At 360 pixels nothing is cut: no element reaches beyond the screen but inside what scrolls by itself."""
    long = run("an incomprehensibilitiesandotherlongwords sentence 猫吃鱼" + "鱼" * 30, heads=4)
    for shown in (sentence(), long, compare("猫吃鱼", "鱼吃猫", heads=4)):
        tab = open_page(shown, f"view={view}&word=1", width=360, height=740)
        cut = tab.page.evaluate("""() => [...document.querySelectorAll('body *')].filter((element) => {
            if (element.closest('.unseen, .skip, noscript, script') || !element.getClientRects().length) return false;
            const inside = element.closest('#content');
            const box = element.getBoundingClientRect();
            return !inside && (box.right > innerWidth + 1 || box.left < -1);
        }).map((element) => element.outerHTML.slice(0, 80))""")
        assert cut == []
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_hostile_token_is_text(open_page):
    """A token that is markup is shown as text, everywhere, in every view."""
    tokens = (Token(HOSTILE, 0, len(HOSTILE)), Token("cat", len(HOSTILE) + 1, len(HOSTILE) + 4))
    attention = Attention(tokens, tokens, np.full((2, 2, 2, 2), 0.5), source=f"{HOSTILE} cat", provenance=PROVENANCE)
    for view in VIEWS:
        tab = open_page(attention, f"view={view}&word=0")
        assert tab.page.locator("img").count() == 0
        assert tab.page.locator(".word").first.text_content() == HOSTILE
        assert tab.table()[0][0] == HOSTILE
    assert HOSTILE in tab.text("h1")


def test_characters_beyond_the_plane(open_page):
    """Emoji and rare characters stand whole in words, tables and search: code points are not UTF-16 units."""
    tab = open_page(run("👩‍👩‍👧𠮷猫", embedding="hash", tokens="char"), "word=1")
    assert tab.page.locator(".word").all_inner_texts() == ["👩‍👩‍👧", "𠮷", "猫"]
    assert tab.caption() == "“𠮷” looks at"
    tab.act("#find", "fill", "猫")
    assert tab.page.locator(".word.found").all_inner_texts() == ["猫"]


@pytest.mark.parametrize("view", VIEWS)
def test_saves_pictures(open_page, tmp_path, view):
    """The current view is saved whole as PNG and as SVG; the SVG has the words as text and a title."""
    tab = open_page(sentence(), f"view={view}&head=1&word=1")
    for kind in ("png", "svg"):
        with tab.page.expect_download() as offered:
            tab.page.click(f"#save-{kind}")
        assert offered.value.suggested_filename == f"attnviz-{view}-head1.{kind}"
        offered.value.save_as(tmp_path / f"x.{kind}")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "x.png").stat().st_size > 5000
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    name = "{http://www.w3.org/2000/svg}"
    words = [element.text for element in root.iter(f"{name}text")]
    assert root.find(f"{name}title").text
    assert "the cat eats the fish" in words
    assert view == "heads" or {"cat", "eats", "fish"} <= set(words)
    if view == "matrix":
        assert len(list(root.iter(f"{name}rect"))) > 25


def test_theme(open_page):
    """Light and dark follow the system until the switch is used."""
    paper = "getComputedStyle(document.getElementById('panel')).backgroundColor"
    light, dark = open_page(sentence()), open_page(sentence(), scheme="dark")
    assert light.page.evaluate(paper) == "rgb(255, 255, 255)"
    assert dark.page.evaluate(paper) != "rgb(255, 255, 255)"
    dark.act("#theme", "click")
    assert dark.page.evaluate(paper) == "rgb(255, 255, 255)"
    assert dark.state["theme"] == "light"


def test_print(open_page):
    """On paper there is the title, the view and its numbers on white, and no control."""
    tab = open_page(sentence(), "word=1", scheme="dark")
    tab.page.emulate_media(media="print", color_scheme="dark")
    tab.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert not any(tab.page.locator(each).is_visible() for each in (".tools", ".bar", "#settings"))
    assert all(tab.page.locator(each).is_visible() for each in ("h1", "#canvas", "#tables", "#caption"))
    assert tab.page.evaluate("document.documentElement.dataset.theme") == "light"
    assert tab.page.pdf().startswith(b"%PDF")
    tab.page.emulate_media(media="screen", color_scheme="dark")
    tab.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert tab.page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("view", ["matrix", "heads", "arcs"])
def test_print_is_whole(open_page, view):
    """On paper the picture is whole, however far it was scrolled, as wide as the paper, and has no hint to point."""
    raw = np.random.default_rng(5).random((30, 9, 24, 24)) ** 4
    attention = Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), [f"word{i}" for i in range(24)])
    tab = open_page(attention, f"view={view}&zoom=6")
    tab.page.locator("#frame").evaluate("(frame) => frame.scrollTo(400, 400)")
    tab.page.emulate_media(media="print")
    tab.page.set_viewport_size({"width": 718, "height": 1000})
    tab.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    box, content = (tab.page.locator(name).bounding_box() for name in ("#canvas", "#content"))
    assert box["x"] + box["width"] <= 718
    assert abs(box["height"] - content["height"]) < 2
    shape = tab.page.locator("#canvas").evaluate("(canvas) => canvas.width / canvas.height")
    whole = tab.page.locator("#content").evaluate("(one) => parseFloat(one.style.width) / parseFloat(one.style.height)")
    assert abs(shape / whole - 1) < 0.02
    assert tab.page.locator("#readout").is_hidden()


def test_all_heads_on_a_phone(open_page):
    """Twelve heads and their mean fit a phone's width; only a name that is wider than its map is slanted."""
    raw = np.random.default_rng(5).random((2, 12, 5, 5))
    attention = Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), list("abcde"))
    tab = open_page(attention, "view=heads", width=390, height=844)
    frame = tab.page.locator("#frame")
    assert frame.evaluate("(one) => one.scrollWidth <= one.clientWidth")


def test_comparison(open_page):
    """A comparison has both texts in their own order, the three tables, and the change in numbers and words."""
    comparison = compare("猫吃鱼", "鱼吃猫")
    tab = open_page(comparison, "layer=1&word=0")
    assert [text.split() for text in tab.page.locator(".strip .words").all_inner_texts()] == [["猫吃鱼"], ["鱼吃猫"]]
    assert tab.text("#verdict") == str(comparison.verdicts()[1])
    sides = comparison.runs[1].a[0, 0], comparison.runs[1].b[0, 0]
    for cells, a, b in zip(tab.table(), *sides, strict=True):
        assert cells[1:] == [
            number(float(a), 3),
            number(float(b), 3),
            number(float(b - a), 3, plus=True).replace("-", MINUS),
        ]
    tab.act("#view-words", "click")
    assert tab.page.locator(".strip").count() == 3
    tab.act("#layer", "select_option", "0")
    assert {cells[3] for cells in tab.table()} == {"0"}


def test_cross_attention(open_page):
    """Across two texts each has its own words to choose, and its own table."""
    attention = run("猫吃鱼", keys="the cat eats")
    tab = open_page(attention)
    tab.act(".word >> nth=1", "click")
    tab.act(".word >> nth=4", "click")
    assert (tab.state["word"], tab.state["other"]) == ("1", "1")
    assert (tab.caption(0), tab.caption(1)) == ("“吃” looks at", "Who looks at “cat”")
    assert [cells[1] for cells in tab.table(1)] == [number(float(x), 3) for x in attention.weights[0, 0, :, 1]]
    for view in ("arcs", "words"):
        tab.act(f"#view-{view}", "click")


def test_switches_quickly(open_page):
    """With 512 words another head is on the screen without a wait, in every view; benchmarks/pages.py measures it."""
    tab = open_page(large(2, 12, 512))
    for view in VIEWS:
        tab.act(f"#view-{view}", "click")
        spent = [
            tab.page.evaluate("""async () => {
                const before = document.documentElement.dataset.shown, started = performance.now();
                document.getElementById('next-head').click();
                while (document.documentElement.dataset.shown === before) await new Promise((go) => setTimeout(go, 0));
                return performance.now() - started;
            }""")
            for _ in range(9)
        ]
        assert min(spent) < 2000, (view, spent)


def test_damaged_page_says_so(browser, tmp_path):
    """Weights that cannot be opened are told in words, on the page."""
    page = render_page(large())
    at = page.index('id="block-') + 400
    (tmp_path / "x.html").write_text(page[:at] + "AAAAAAAAAAAA" + page[at + 12 :], encoding="utf-8")
    tab = browser.new_page()
    tab.goto((tmp_path / "x.html").as_uri() + "#layer=0&head=0")
    tab.wait_for_selector(".alarm[role=alert]")
    assert "damaged" in tab.locator(".alarm[role=alert]").inner_text()
    tab.close()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: set ATTNVIZ_AXE to its axe.min.js")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(open_page, view, scheme):
    """axe-core finds no violation of WCAG 2.2 A or AA: in each view, light and dark, with a word chosen and without."""
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    shown = [
        sentence(mask="causal"),
        compare("猫吃鱼", "鱼吃猫", heads=4),
        run("猫吃鱼", keys="the cat eats"),
        large(2, 2, 220),
        seen_picture(heads=2),
    ]
    for each in shown:
        for fragment in ("", "&word=2&find=a&lang=zh&least=40", "&over=0.1&word=1"):
            tab = open_page(each, f"view={view}{fragment}", scheme=scheme)
            tab.page.evaluate(AXE.read_text("utf-8"))
            found = tab.page.evaluate(
                "(rules) => axe.run({runOnly: rules}).then((all) => all.violations.map("
                "(one) => [one.id, one.help, one.nodes.map((node) => node.html.slice(0, 120)).slice(0, 3)]))",
                rules,
            )
            assert found == []


@pytest.mark.parametrize("width", [390, 1280])
def test_pages_of_tables(browser, tmp_path, width):
    """A page without script has one heading of the first order, in dark too, its verdict in bold, and no violation."""
    for result in (lab("猫吃鱼"), ablate("我上周买的手机屏幕碎了")):
        result.save(tmp_path / "x.html")
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme="dark", bypass_csp=True)
        page = context.new_page()
        page.goto((tmp_path / "x.html").as_uri())
        assert page.locator("main h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("main [tabindex='0']").first.get_attribute("aria-label")
        if AXE.is_file():
            page.evaluate(AXE.read_text("utf-8"))
            found = page.evaluate("axe.run().then((all) => all.violations.map((one) => one.id))")
            assert found == []
        context.close()


def test_words_stay_whole(open_page):
    """A line ends between words, of Chinese too, and no closing mark begins one."""
    tab = open_page(run("我上周买的手机屏幕碎了，今天没有时间去修理。" * 6), "view=words", width=360, height=740)
    for word in tab.page.locator(".large .word").all():
        assert word.evaluate("(word) => word.getClientRects().length") == 1
    starts = tab.page.evaluate("""() => {
        const words = [...document.querySelectorAll('.large .word')];
        const starts = words.filter((word, at) => at && word.offsetTop > words[at - 1].offsetTop + 5);
        return starts.map((word) => word.innerText);
    }""")
    assert len(starts) > 5
    assert not {"，", "。"} & set(starts)


def test_a_patch_shows_its_map(open_page):
    """Over the picture: pointing at a patch shows what it looks at, a click and the keys choose one, heads open it."""
    attention = seen_picture(heads=2)
    tab = open_page(attention)
    assert tab.page.locator("#view-patches").get_attribute("aria-selected") == "true"
    assert tab.text("#title") == "cat.png"
    tab.page.focus("#frame")
    tab.press("ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown")  # [CLS], the first patch, its neighbour, below that
    token = 1 + COLUMNS + 1
    assert tab.state["word"] == str(token)
    assert tab.caption() == "“r1c1” looks at"
    row = attention.weights[0, 0, token, 1:]
    palette = np.array(weight_scale(row).palette())
    grays = attention.provenance.picture.thumbnail.pixels() @ np.array([0.299, 0.587, 0.114]) * 0.75
    strongest = palette[-1] * 0.85 + 0.15 * np.array([[grays.min()], [grays.max()]])
    assert any(
        all(strongest[0] - 3 <= color) and all(color <= strongest[1] + 3) for color in map(np.array, tab.colours())
    )
    tab.press("ArrowUp", "ArrowUp", "Shift+ArrowRight")
    assert (tab.state["word"], tab.state["head"]) == ("0", "1")
    tab.page.locator("#canvas").hover(position={"x": 60, "y": 200})
    assert "looks most at" in tab.text("#readout")
    assert tab.act("#view-heads", "click").act("#canvas", "click").state.get("view", "patches") == "patches"
    for fragment in ("view=patches&lang=zh&word=7", "view=patches&special=renormalize", "view=patches&colours=log"):
        tab.go(fragment)
        assert tab.faults == []
    tab = open_page(seen_picture(pixels=False, special=()), "word=3")
    tab.press("ArrowUp")
    assert tab.faults == []


def test_a_text_has_no_map(open_page):
    """The tab is there for a picture alone, and its name in the address changes nothing."""
    tab = open_page(run("猫吃鱼"), "view=patches")
    assert tab.page.locator("#view-patches").count() == 0
    assert tab.page.locator("#view-matrix").get_attribute("aria-selected") == "true"
