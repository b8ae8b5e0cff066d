"""A random walk through the page in a real browser: whatever is clicked, pressed or scrolled, nothing goes wrong."""

from __future__ import annotations

import numpy as np
import pytest
from test_browser import CHROMIUM, Tab, browser  # noqa: F401  (a fixture)

from attnviz import Attention, compare, run
from attnviz.api.save import save_attention, save_comparison

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]

ACTIONS = 500  # on each page
KEYS = ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Enter", "Escape", "Tab", "Home", "End", "Shift+ArrowRight")
CONTROLS = "button:visible, [role=tab]:visible, select:visible, input:visible, summary:visible"


def many_heads(path):
    """Save a page of three layers with four heads over nine words, one of them special."""
    raw = np.random.default_rng(3).random((3, 4, 9, 9)) ** 4
    words = ["[CLS]", *(f"word{i}" for i in range(1, 9))]
    attention = Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), words)
    save_attention(attention, path)


PAGES = {
    "many heads": many_heads,
    "one head, causal": lambda path: save_attention(run("我上周买的手机屏幕碎了", mask="causal"), path),
    "two texts": lambda path: save_attention(run("the cat eats fish", keys="猫吃鱼"), path),
    "comparison": lambda path: save_comparison(compare("猫吃鱼", "鱼吃猫", heads=2), path),
}


def step(tab, random):
    """Do one thing at random: mostly point and click in the view, else use a control, a key, or the wheel."""
    page, way = tab.page, random.integers(6)
    box = page.locator("#canvas").bounding_box() if page.locator("#canvas").is_visible() else None
    if way <= 1 and box is not None:
        x, y = box["x"] + random.random() * box["width"], box["y"] + random.random() * box["height"]
        page.mouse.move(x, y)
        if way == 1:
            page.mouse.click(x, y)
    elif way == 2:
        page.keyboard.press(str(random.choice(KEYS)))
    elif way == 3:
        page.mouse.wheel(0, int(random.integers(-300, 300)))  # sideways Chromium would go back to the page before
    else:
        use_control(page, random)


def use_control(page, random):
    """Use a control that is in sight: choose, type, or press it."""
    found = page.locator(CONTROLS).all()
    assert found, f"the page is gone: {page.url}"
    control = found[random.integers(len(found))]
    tag, kind = control.evaluate("one => [one.tagName, one.type || '']")
    if tag == "SELECT":
        control.select_option(index=int(random.integers(control.locator("option").count())))
    elif tag == "INPUT" and kind in ("search", "text"):
        control.fill(str(random.choice(["", "word1", "猫", "(", "\\"])))
    elif tag == "INPUT" and kind == "range":
        low, high = (int(control.get_attribute(end) or 0) for end in ("min", "max"))
        control.fill(str(random.integers(low, high + 1)))
    else:
        control.click(timeout=2000, force=True, no_wait_after=True)


@pytest.mark.parametrize("name", PAGES)
def test_nothing_goes_wrong(browser, tmp_path, name):  # noqa: F811
    """500 random actions leave no word in the console and no exception, and the page still shows its state."""
    path = tmp_path / "page.html"
    PAGES[name](path)
    tab, random = Tab(browser, path, "", 1280, 800, "light"), np.random.default_rng(19)
    try:
        for count in range(ACTIONS):
            step(tab, random)
            assert tab.faults == [], f"after {count + 1} actions"
        tab.settled()
        assert tab.faults == []
    finally:
        tab.context.close()
