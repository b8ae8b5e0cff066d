"""A sheet to print: a complete page or Markdown, in which a word is never markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from attnviz import explain
from attnviz.i18n.messages import speaking
from attnviz.views.handout import as_html, as_markdown
from attnviz.views.prepared.worksheet import make_sheet

HOSTILE = "</td></script><b>x [a](b) `c` *d* e_f |g| # <!-- & {h} \x1b[2J \u202e"


class Page(HTMLParser):
    """The tags of a page, and its text outside of style."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def sheet(text="猫吃鱼", *, worksheet=False, **options):
    """A sheet of four digits."""
    return make_sheet(explain(text, **options), 4, worksheet=worksheet)


@pytest.mark.parametrize("options", [{}, {"head": "all", "heads": 4}, {"worksheet": True}, {"embedding": "hash"}])
def test_page_is_complete_and_alone(options):
    """The page's elements are closed, it loads nothing from elsewhere, and it has every number of the sheet."""
    made = sheet(**options)
    text = as_html(made)
    page = Page(text)
    assert page.open == []
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.tags}
    assert "http" not in text
    assert "url(" not in text
    shown = " ".join(page.text.split())
    for section in (*made.sections, *made.answers):
        for line in section.lines:
            for entry in line.entries:
                for number in re.findall(r"(?<![\w.])\.\d{4}", " ".join(entry)):
                    assert number in shown


def test_worksheet_has_answers_on_a_page_of_their_own():
    """Blanks are lines to write on; the answers come on a new page, one for each blank that ends an equation."""
    made = sheet(worksheet=True, token="猫")
    text = as_html(made)
    before, _, after = text.partition('<div class="answers">')
    assert before.count('class="blank"') > 60
    assert 'class="blank"' not in after
    assert "break-before: page" in text
    assert "3.3114" in after
    assert "3.3114" not in before


@pytest.mark.parametrize("embedding", ["toy", "onehot"])
def test_hostile_words_in_a_page(embedding):
    """A word that looks like markup is text in the page."""
    page = Page(as_html(sheet(HOSTILE, tokens="space", embedding=embedding, token=0)))
    assert page.open == []
    assert not {"b", "script"} & {tag for tag, _ in page.tags}
    assert "</td></script><b>x" in page.text
    assert not set(page.text) & set("\x1b\u202e")


def test_hostile_words_in_markdown():
    """What Markdown would obey is escaped; a row of a table has as many cells as its head."""
    text = as_markdown(sheet(HOSTILE, tokens="space", embedding="onehot", token=0))
    for row in re.findall(r"^\|.*\|$", text, flags=re.MULTILINE):
        assert len(re.findall(r"(?<!\\)\|", row)) == 3
    assert not re.search(r"(?<!\\)[<`*\[]", text)
    assert not set(text) & set("\x1b\u202e")


def test_markdown_table_of_heads():
    """The heads of a row are a table with a head line."""
    text = as_markdown(sheet("the cat eats the fish", heads=4, head="all", token="eats"))
    assert "| | the | cat | eats | the\\#2 | fish | most at | bits |\n|---|---:|" in text
    assert "| 1 what is acted on | .0115 |" in text


def test_markdown_worksheet():
    """Blanks are underscores that Markdown does not take for a rule; the answers have a heading."""
    text = as_markdown(sheet(worksheet=True, token="猫"))
    assert "= \\_\\_\\_\\_" in text
    assert "\n## Answers\n" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_names_its_language(language):
    """A browser is told which language it is, so that it chooses the right glyphs and voice."""
    with speaking(language):
        assert f'<html lang="{language}">' in as_html(sheet())
