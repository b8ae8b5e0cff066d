"""The site's builder: each language gets its pages, and what is dead or comes from elsewhere is told."""

import re

import build_site
import pytest

GUARD = '<meta http-equiv="Content-Security-Policy" content="x">'


@pytest.mark.parametrize("chinese", [False, True])
def test_each_language_gets_its_pages(chinese, tmp_path):
    """Pages of both languages have the same names; links lead to pages of the same language."""
    settings = build_site.stage(tmp_path, chinese=chinese).read_text(encoding="utf-8")
    pages = tmp_path / "pages"
    assert f'language = "{"zh" if chinese else "en"}"' in settings
    assert '"ROOT"' not in settings
    assert (pages / "architecture.md").exists() != chinese
    assert not list(pages.rglob("*.zh.md"))
    assert (pages / "pictures" / "order.png").exists()
    for path in pages.rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\]\([^)]*\.zh\.md", text), path
        assert ("的" in text) >= chinese, path


def test_every_page_is_in_the_navigation(tmp_path):
    """A page that the navigation does not name would be found by nobody."""
    settings = build_site.stage(tmp_path, chinese=False).read_text(encoding="utf-8")
    for path in (tmp_path / "pages").rglob("*.md"):
        assert f'"{path.relative_to(tmp_path / "pages").as_posix()}"' in settings


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('<h1 id="a">A</h1><a href="#a">a</a><a href="b.html#b">b</a><a href="https://example.org">c</a>', ""),
        ('<a href="#z">a</a>', "#z leads nowhere"),
        ('<a href="b.html#z">a</a>', "b.html#z leads nowhere"),
        ('<a href="c.html">a</a>', "c.html leads nowhere"),
        ('<img src="no.png">', "no.png leads nowhere"),
        ('<img src="data:image/png;base64,AA==">', ""),
        ('<script src="https://unpkg.com/x"></script>', "loads https://unpkg.com/x"),
        ('<link rel="stylesheet" href="//fonts.example/x">', "loads //fonts.example/x"),
        ('<p style="background: url(https://example.org/x.png)">', "loads background"),
    ],
)
def test_what_is_wrong_with_a_page(body, told, tmp_path):
    """Dead links, dead anchors and whatever is loaded from elsewhere are told; a link to elsewhere is none of these."""
    (tmp_path / "a.html").write_text(GUARD + body, encoding="utf-8")
    (tmp_path / "b.html").write_text(GUARD + '<h1 id="b">B</h1>', encoding="utf-8")
    found = list(build_site.complaints(tmp_path))
    assert len(found) == bool(told)
    assert told in "".join(found)


def test_a_page_without_a_policy_is_told(tmp_path):
    """Every page forbids the browser to load anything from elsewhere; a style sheet asks for nothing either."""
    (tmp_path / "a.html").write_text("<p>a</p>", encoding="utf-8")
    (tmp_path / "a.css").write_text('@import "x.css";', encoding="utf-8")
    assert len(list(build_site.complaints(tmp_path))) == 2
