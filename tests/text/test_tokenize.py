"""Tokens: every span is true to the text, and the cuts are those a reader would make."""

from __future__ import annotations

import sys
import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attnviz.core.errors import MissingError, OptionError
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy.words import cut_as as tokenize

FAMILY, FLAG, KAM, ACUTE = "👩\u200d👩\u200d👧", "🇨🇳", "ก\u0e33", "e\u0301"
SPECIAL = [
    *"猫吃鱼。！？“”…々ーｶ〇𠀀",
    *"aZ0_-.,:'’\"()!?",
    *" \t\n\r\x0b\x1c\x85\xa0\u3000\u2028\u200b\ufeff",
    *"\x00\x1b\x7f\u202e\u061c\u0301\u200d\ufe0f\u0e33",
    FAMILY,
    FLAG,
    KAM,
    ACUTE,
    "שלום",
    "مرحبا",
    "हिन्दी",
    "한국",
    "👍🏽",
    "\U0010ffff",
    "\r\n",
    "Dr. ",
    "3.14",
    "don't",
    "</script>",
    "[/INST]",
]
texts = st.one_of(st.text(), st.lists(st.sampled_from(SPECIAL), max_size=25).map("".join))


def cut(text: str, how: str) -> list[str]:
    """The texts of the tokens."""
    return [token.text for token in tokenize(text, how)]


@pytest.mark.parametrize("how", sorted(TOKENIZERS))
@given(text=texts)
@example(text="")
@example(text=" \n\u3000 ")
@example(text="".join(SPECIAL))
@example(text="\r\n".join(SPECIAL))
def test_spans_are_true(how, text):
    """Spans ascend and do not overlap, each token is its span, and between them is only white space."""
    if how == "word":
        pytest.importorskip("rjieba")
    before = 0
    rebuilt = ""
    for token in tokenize(text, how):
        assert before <= token.start < token.end
        assert token.text == text[token.start : token.end]
        gap = text[before : token.start]
        assert not gap.strip()
        rebuilt += gap + token.text
        before = token.end
    assert not text[before:].strip()
    assert rebuilt + text[before:] == text


@pytest.mark.parametrize("how", ["lexicon", "char", "han", "word"])
@given(text=texts)
@example(text="猫\u0301吃鱼")
def test_characters_stay_whole(how, text):
    """No token begins with a mark that belongs to the character before it, unless white space stands there."""
    if how == "word":
        pytest.importorskip("rjieba")
    for token in tokenize(text, how):
        if unicodedata.combining(token.text[0]) and token.start:
            before = text[token.start - 1]
            assert before.isspace() or unicodedata.category(before)[0] in "CZ"


@pytest.mark.parametrize("how", ["char", "space"])
@given(text=texts)
def test_cutting_a_token_again_changes_nothing(how, text):
    """A character, and what stands between white space, is the same when it is cut alone."""
    assert all(cut(token, how) == [token] for token in cut(text, how))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("我上周买的手机屏幕碎了", "我/上周/买/的/手机/屏幕/碎/了"),
        ("红烧狮子头", "红烧/狮子头"),
        ("猫吃鱼", "猫/吃/鱼"),
        ("猫，吃鱼。", "猫/，/吃/鱼/。"),
        ("don't pay 3.14!!!", "don't/pay/3.14/!!!"),
        ("it’s 12:30, ok", "it’s/12:30/,/ok"),
        ("1,000.5 x", "1,000.5/x"),
        ("the cat's fish.", "the/cat's/fish/."),
        ("'quoted'", "'/quoted/'"),
        ("a.b 1. x", "a/./b/1/./x"),
        ("snake_case GPT2模型", "snake_case/GPT2/模型"),
        ("ねこ魚", "ね/こ/魚"),
        ("(a)(b)", "(/a/)/(/b/)"),
        ("……", "……"),
        ("😀😀", "😀/😀"),
        ("السلام عليكم", "السلام/عليكم"),
        ("한국어 말", "한국어/말"),
    ],
)
def test_lexicon_cut(text, tokens):
    """The lexicon's longest words, else one ideograph; words, numbers and runs of one mark stay whole."""
    assert "/".join(cut(text, "lexicon")) == tokens


@pytest.mark.parametrize(
    ("text", "tokens"), [("红烧狮子头don't", "红/烧/狮/子/头/don't"), ("手机 3.14", "手/机/3.14"), ("々ー", "々/ー")]
)
def test_han_cut(text, tokens):
    """Every ideograph and kana is a token by itself; the rest is cut into words."""
    assert "/".join(cut(text, "han")) == tokens


@pytest.mark.parametrize("cluster", [FAMILY, FLAG, KAM, ACUTE, "👍🏽", "हि", "\x1b"])
def test_what_a_reader_takes_for_one_character(cluster):
    """A grapheme cluster is one token, alone and among others."""
    assert cut(cluster, "char") == [cluster]
    assert cut(f"a{cluster}猫", "char") == ["a", cluster, "猫"]


def test_two_flags_are_two():
    """Regional indicators are cut in pairs."""
    assert cut("🇨🇳🇺🇸", "char") == ["🇨🇳", "🇺🇸"]


def test_space_cut():
    """Only white space separates, the ideographic space too."""
    assert cut(" don't\u3000猫吃鱼,\nx ", "space") == ["don't", "猫吃鱼,", "x"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("猫吃鱼。鱼吃虾！真的？是。", "猫吃鱼。|鱼吃虾！|真的？|是。"),
        ("他说：“好。”我走了。", "他说：“好。”|我走了。"),
        ("「好。」（真的！）完", "「好。」|（真的！）|完"),
        ("It costs 3.14 now. Yes! Why? End", "It costs 3.14 now.|Yes!|Why?|End"),
        ("Dr. Smith met Mr. Wu. They left.", "Dr. Smith met Mr. Wu.|They left."),
        ('"Stop." He did. (Fine.) "Why?" she asked.', '"Stop."|He did.|(Fine.)|"Why?"|she asked.'),
        ("J. Smith and I. Then we left.", "J. Smith and I.|Then we left."),
        ("e.g. this, i.e. that. End.", "e.g. this, i.e. that.|End."),
        ("Wait... what? No… yes.", "Wait... what?|No… yes."),
        ("真的？！好……吧", "真的？！|好……|吧"),
        ("one\ntwo\r\n\r\n  three  ", "one|two|three"),
        ("see a.b or v1.2.3 here", "see a.b or v1.2.3 here"),
        ("...", "..."),
    ],
)
def test_sentences(text, sentences):
    """A sentence ends at 。！？, at . ! ? before white space, with closing quotes, or with its line; not at 3.14."""
    assert "|".join(cut(text, "sentence")) == sentences


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("我上周买的手机屏幕碎了", "我/上周/买/的/手机/屏幕/碎/了"), ("don't 3.14 你好", "don't/3.14/你好")],
)
def test_word_cut(text, tokens):
    """The extra cuts the stretches of ideographs, and nothing else."""
    pytest.importorskip("rjieba")
    assert "/".join(cut(text, "word")) == tokens


def test_word_cut_needs_an_extra(monkeypatch):
    """Without rjieba the error names the extra and what works without; a text without ideographs needs none."""
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(MissingError, match=r"extra \[zh\].*pip install '\.\[zh\]'.*--tokens lexicon"):
        tokenize("猫吃鱼", "word")
    assert cut("the cat", "word") == ["the", "cat"]


def test_unknown_tokenizer():
    """An unknown name is wrong usage; the error names the near one."""
    with pytest.raises(OptionError, match=r"auto, lexicon, char.*Did you mean sentence\?"):
        tokenize("a", "sentences")


@pytest.mark.parametrize(
    "sentence",
    [
        "The cat eats a fish. ",
        "We met Dr. A. Smith etc. and no. 5 vs. 6. It is ",
        "猫吃鱼…鱼吃猫。",
        "A (Mr. X) e.g. y… ",
        "?! ",
    ],
)
def test_sentences_of_one_long_line(sentence):
    """Cutting into sentences takes time in proportion to the text, also where it is one line, and cuts it alike."""
    short, long = sentence * 50, sentence * (400_000 // len(sentence))
    began = time.process_time()
    cut = tokenize(long, "sentence")
    assert time.process_time() - began < 3
    assert [token.text for token in tokenize(short, "sentence")][:20] == [token.text for token in cut][:20]
