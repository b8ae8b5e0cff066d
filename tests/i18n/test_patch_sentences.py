"""What is said of a picture's patches: the sentences that it replaces exist, and none that is shown says "word"."""

from __future__ import annotations

import re

import pytest
from paths import ROOT
from seen_pictures import seen_picture

import attnviz
import attnviz.explanation.build
from attnviz.i18n.messages import LANGUAGES, message, speaking
from attnviz.i18n.patch_sentences import OF_PATCHES, speaking_of_patches

FIELD = re.compile(r"\{(\w+)")
WORD = {"en": re.compile(r"\bwords?\b", re.IGNORECASE), "zh": re.compile("词(?![元表])")}
CATALOGUE = ROOT / "attnviz" / "i18n" / "locale" / "zh_CN" / "LC_MESSAGES" / "attnviz.po"


def test_each_sentence_replaces_one_that_is_said():
    """Both are in the catalogue, have the same fields, and only the first says "word" or "text"."""
    known = set(re.findall(r'^msgid "(.*)"$', CATALOGUE.read_text("utf-8"), re.MULTILINE))
    for template, other in OF_PATCHES.items():
        assert {template.replace('"', '\\"'), other.replace('"', '\\"')} <= known
        assert set(FIELD.findall(template)) == set(FIELD.findall(other))
        assert not WORD["en"].search(FIELD.sub("", other))


def test_words_are_said_again_afterwards():
    """Inside the block a sentence says "patch", in both languages; outside it says "word" as before."""
    sentence = message("{count} other words", count=3)
    with speaking_of_patches():
        assert str(sentence) == sentence.localized() == "3 other patches"
        with speaking("zh"):
            assert "图块" in sentence.localized()
    assert str(sentence) == sentence.localized() == "3 other words"


@pytest.mark.parametrize("name", LANGUAGES)
def test_nothing_that_is_shown_of_a_picture_says_word(name, tmp_path):
    """The views, the kinds of pictures, tables, a page's sentences, an explanation: "patch", 图块."""
    with speaking(name):
        attention = seen_picture(heads=2)
        for kind in ("heatmap", "arcs", "bars", "grid", "text", "patches"):
            attention.save(tmp_path / "a.svg", kind=kind, svg_text=True)
            assert not WORD[name].search(re.sub("<[^>]*>", "", (tmp_path / "a.svg").read_text("utf-8")))
        attention.save(tmp_path / "a.md", head=0)
        assert not WORD[name].search((tmp_path / "a.md").read_text("utf-8"))
        assert not WORD[name].search(str(attention))
        explanation = attnviz.explanation.build.explain_attention(attention, token="CLS")
        explanation.save(tmp_path / "b.md")
        assert not WORD[name].search((tmp_path / "b.md").read_text("utf-8"))
        attention.save(tmp_path / "a.html")
        sentences = re.search(r'"sentences":(\{.*?\}\})', (tmp_path / "a.html").read_text("utf-8"))[1]
        assert not WORD[name].search(re.sub(r'"\w+":|\{\w+\}', "", sentences.split('"zh":')[name == "zh"]))
    text = attnviz.run("猫吃鱼")
    assert "word" in str(text)
