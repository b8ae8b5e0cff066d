"""Random walks through the page in Chromium and in Firefox: whatever is clicked, pressed or scrolled, all goes well."""

from __future__ import annotations

import numpy as np
import pytest
from continuations import continuation
from firefox import FIREFOX, Firefox
from seen_pictures import seen_picture
from test_browser import CHROMIUM, Tab, browser  # noqa: F401  (a fixture)

from attnviz import Attention, compare, run
from attnviz.api.save import save_attention, save_comparison, save_text_attention

pytestmark = pytest.mark.slow

ACTIONS = 500  # on each page, in each browser
TOGETHER = 10  # actions, after which Firefox is asked what it said
KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", "Escape", "Tab", "Home", "End", "Space")
# As WebDriver names them.
CODES = dict(zip(KEYS, "\ue012\ue014\ue013\ue015\ue007\ue00c\ue004\ue011\ue010 ", strict=True)) | {"Shift": "\ue008"}

# A control is used. Printing is left out: Firefox would wait for an answer in its dialog.
FIND = """
const all = [...document.querySelectorAll("button:not(#print), select, input, summary")];
const seen = all.filter((one) => one.checkVisibility() && !one.disabled);
const one = seen[Math.floor(arguments[0] * seen.length)];
if (!one) return null;
const choose = (count) => Math.floor(arguments[1] * count);
if (one.tagName === "SELECT") {
  one.selectedIndex = choose(one.options.length);
  one.dispatchEvent(new Event("change", { bubbles: true }));
} else if (one.tagName === "INPUT") {
  const words = ["", "word1", "猫", "(", String.fromCharCode(92)];
  one.value = one.type === "range" ? Number(one.min) + choose(1 + Number(one.max) - Number(one.min)) : words[choose(5)];
  one.dispatchEvent(new Event("input", { bubbles: true }));
} else {
  one.scrollIntoView({ block: "nearest" });
  const box = one.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}
return [];
"""
CANVAS = """
const box = document.getElementById("canvas").getBoundingClientRect();
const [width, height] = [Math.min(box.right, innerWidth) - box.x, Math.min(box.bottom, innerHeight) - box.y];
return width > 1 && height > 1 && box.x >= 0 && box.y >= 0 ? [box.x, box.y, width, height] : null;
"""


def many_heads(path):
    """Save a page of three layers with four heads over nine words, one of them special."""
    raw = np.random.default_rng(3).random((3, 4, 9, 9)) ** 4
    words = ["[CLS]", *(f"word{i}" for i in range(1, 9))]
    attention = Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), words)
    save_attention(attention, path)


PAGES = {
    "many heads": many_heads,
    "four heads, causal": lambda path: save_attention(run("我上周买的手机屏幕碎了", mask="causal", heads=4), path),
    "two texts": lambda path: save_attention(run("the cat eats fish", keys="猫吃鱼"), path),
    "comparison": lambda path: save_comparison(compare("猫吃鱼", "鱼吃猫", heads=2), path),
    "patches of a picture": lambda path: save_attention(seen_picture(heads=3), path),
    "every reduction": lambda path: save_attention(run("我爱吃鱼", heads=4, reduce="all"), path),
    "steps": lambda path: save_text_attention(continuation(branches=2), path),
}


class InChromium:
    """A page in Chromium."""

    def __init__(self, browser, path):  # noqa: F811
        self.tab = Tab(browser, path, "", 1280, 800, "light")
        self.page = self.tab.page

    def run(self, script, *values):
        """Run a function's body in the page."""
        return self.page.evaluate(f"(values) => (function () {{ {script} }})(...values)", list(values))

    def move(self, x, y, *, click=False):
        """Move the pointer, and click."""
        self.page.mouse.move(x, y)
        if click:
            self.page.mouse.click(x, y)

    def press(self, *keys):
        """Press a key, or several together."""
        self.page.keyboard.press("+".join(keys))

    def scroll(self, by):
        """Turn the wheel; sideways Chromium would go back to the page before."""
        self.page.mouse.wheel(0, by)

    def faults(self):
        """Return what was said so far, and asked for."""
        return self.tab.faults

    def close(self):
        """Close the page."""
        self.tab.context.close()


class InFirefox:
    """A page in Firefox."""

    def __init__(self, firefox, path):
        self.firefox = firefox
        firefox.open(path.as_uri())
        self.run, self.move, self.faults = firefox.run, firefox.move, firefox.faults

    def press(self, *keys):
        """Press a key, or several together."""
        steps = [{"type": "keyDown", "value": CODES[key]} for key in keys]
        steps += [{"type": "keyUp", "value": CODES[key]} for key in reversed(keys)]
        self.firefox.act({"type": "key", "id": "keys", "actions": steps})

    def scroll(self, by):
        """Turn the wheel."""
        turn = {"type": "scroll", "x": 400, "y": 400, "deltaX": 0, "deltaY": by, "duration": 0}
        self.firefox.act({"type": "wheel", "id": "wheel", "actions": [turn]})

    def close(self):
        """Leave the page."""
        self.firefox.ask("WebDriver:Navigate", url="about:blank")


def step(hand, random):
    """Do one thing at random: mostly point and click in the view, else use a control, a key, or the wheel."""
    way = random.integers(6)
    box = hand.run(CANVAS) if way <= 1 else None
    if box is not None:
        x, y, width, height = box
        hand.move(x + random.random() * (width - 1), y + random.random() * (height - 1), click=way == 1)
    elif way == 2:
        key = str(random.choice(KEYS))
        hand.press(*(("Shift", key) if key.startswith("Arrow") and random.random() < 0.3 else (key,)))
    elif way == 3:
        hand.scroll(int(random.integers(-300, 300)))
    else:
        at = hand.run(FIND, random.random(), random.random())
        assert at is not None, "the page has no control in sight"
        if at and min(at) >= 0:
            hand.move(*at, click=True)


def walk(hand):
    """Take the walk; at its end the page shows a state, without a word of error."""
    random = np.random.default_rng(19)
    try:
        for count in range(ACTIONS):
            step(hand, random)
            if count % TOGETHER == TOGETHER - 1:
                assert hand.faults() == [], f"after {count + 1} actions"
        assert int(hand.run("return document.documentElement.dataset.shown")) > 50
        assert hand.run("return document.querySelectorAll('.alarm:not([hidden])').length") == 0
        assert hand.faults() == []
    finally:
        hand.close()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_nothing_goes_wrong_in_chromium(browser, tmp_path, name):  # noqa: F811
    """500 random actions leave no word in the console, no exception and no request."""
    PAGES[name](tmp_path / "page.html")
    walk(InChromium(browser, tmp_path / "page.html"))


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    """One Firefox for all tests."""
    started = Firefox(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.mark.skipif(FIREFOX is None, reason="firefox is not installed")
@pytest.mark.parametrize("name", PAGES)
def test_nothing_goes_wrong_in_firefox(firefox, tmp_path, name):
    """500 random actions leave no error and no warning of the page."""
    PAGES[name](tmp_path / "page.html")
    walk(InFirefox(firefox, tmp_path / "page.html"))
