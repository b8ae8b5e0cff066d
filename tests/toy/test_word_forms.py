"""Words that no lexicon lists: numbers, marks and other spellings; and a list of everyday words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import attnviz
from attnviz.text.tokenize import tokenize
from attnviz.toy import lexicon, word_forms
from attnviz.toy.embeddings import unknown_texts
from attnviz.toy.own_words import open_lexicon
from attnviz.toy.word_forms import _table, simplified

LINES = Path(__file__).with_name("everyday.txt").read_text(encoding="utf-8").splitlines()[1:]
CHINESE, ENGLISH = (
    [word for line in part for word in line.split()]
    for part in (LINES[: LINES.index("#")], LINES[LINES.index("#") + 1 :])
)
NUMBERS = [
    "88",
    "2.5",
    "3.14",
    "2024",
    "1,000",
    "12:30",
    "１２３",
    "３",
    "８８",
    "2nd",
    "1990s",
    "10am",
    "5kg",
    "0.5",
    "007",
    "99,999.99",
]
MARKS = ["。。。", "……", "...", "！！！", "!!!", "？？？", "，，", "——", "~~", "?!", "※※", "··", "（（"]


def known(*texts: str) -> list[str]:
    """The texts of which nothing is known, each cut by the lexicon."""
    words = lexicon.packaged()
    return [text for text in texts if unknown_texts(tokenize(text, "lexicon", words), words)]


def test_everyday_words_are_known():
    """Of 500 Chinese and 440 English everyday words none is unknown, and nearly all are entries."""
    assert len(CHINESE) >= 500
    assert len(ENGLISH) >= 440
    assert known(*CHINESE) == []
    assert known(*ENGLISH) == []
    assert sum(not lexicon.packaged().is_known(word) for word in CHINESE) <= 10


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_are_known(number):
    """A number in digits is one word, mostly a number, whatever stands around it."""
    grades = lexicon.packaged().grades(number)
    assert max(grades, key=grades.get) == "number"
    for sentence in (f"我有{number}本书", f"I have {number} books"):
        found = attnviz.run(sentence)
        assert number in [token.text for token in found.tokens]
        assert not found.notes


def test_different_numbers_differ():
    """Two numbers that are no words of the lexicon have directions of their own."""
    vectors = np.stack([lexicon.vector(number) for number in ("88", "2.5", "3.14", "2024", "1,000")])
    assert (vectors @ vectors.T - np.eye(5) < 0.9999).all()


@pytest.mark.parametrize("mark", [mark for mark in MARKS if mark not in ("~~", "※※")])
def test_runs_of_marks_are_grammar(mark):
    """Punctuation, however often it is repeated, is known and says nothing."""
    assert lexicon.packaged().is_grammar(mark)


@pytest.mark.parametrize("mark", ["%", "$", "¥", "€", "£"])
def test_marks_of_amounts(mark):
    """Percent and currencies go with numbers."""
    assert lexicon.packaged().grades(mark)["number"] >= 6


TRADITIONAL = {
    "小貓喜歡吃魚": "小猫喜欢吃鱼",
    "張老師在學校教學生": "张老师在学校教学生",
    "爺爺買了兩條魚": "爷爷买了两条鱼",
    "我們開車去臺灣": "我们开车去台湾",
    "媽媽說這個蘋果很貴": "妈妈说这个苹果很贵",
    "孩子們聽見鳥兒唱歌": "孩子们听见鸟儿唱歌",
    "醫生給病人打針": "医生给病人打针",
    "書裡寫著故事": "书里写着故事",
}


@pytest.mark.parametrize("text", TRADITIONAL)
def test_traditional_characters_are_looked_up_as_simplified(text):
    """A text in traditional characters has the cut and the weights of its simplified form, and is shown as written."""
    found, plain = attnviz.run(text), attnviz.run(TRADITIONAL[text])
    assert [(token.start, token.end) for token in found.tokens] == [(token.start, token.end) for token in plain.tokens]
    assert "".join(token.text for token in found.tokens) == text
    np.testing.assert_array_equal(found.weights, plain.weights)
    assert not found.notes


def test_every_word_is_known_in_traditional_characters():
    """What the table maps, it maps to characters that stay; no character that the lexicon uses is lost."""
    assert len(_table()) > 1_400
    assert all(simplified(one) == one for one in _table().values() if one not in "乾著")
    back: dict[str, str] = {}
    for code, one in _table().items():
        back.setdefault(one, chr(code))
    words = lexicon.packaged()
    written = [(word, word.translate({ord(one): other for one, other in back.items()})) for word in CHINESE]
    assert sum(word != other for word, other in written) > 200
    assert [other for word, other in written if words.entry(other) != words.entry(word)] == []


@pytest.mark.parametrize("noun", ["花", "鸟", "鱼", "马", "猫", "草", "虫", "云", "风", "歌", "小鸟", "球", "门", "碗"])
def test_nouns_with_er(noun):
    """N儿 is one word with the vector of N; 儿子 and 儿童 after a noun stay whole."""
    cut = [token.text for token in attnviz.run(f"{noun}儿很好").tokens]
    assert cut == [f"{noun}儿", "很", "好"]
    found = attnviz.run(f"{noun}儿 {noun}", tokens="space").traces[0].inputs
    np.testing.assert_array_equal(found[0], found[1])
    assert [token.text for token in attnviz.run(f"{noun}和儿子").tokens][-1] == "儿子"


@pytest.mark.parametrize("who", ["妈妈", "爸爸", "老师", "他", "我", "王小明"])
def test_a_son_is_no_ending(who):
    """妈妈儿子 is two words, 妈妈 and 儿子."""
    assert [token.text for token in attnviz.run(f"{who}儿子很高").tokens][:2] == [who, "儿子"]


@pytest.mark.parametrize(
    ("form", "word"),
    [
        ("arrows", "arrow"),
        ("jellyfishes", "jellyfish"),
        ("soccers", "soccer"),
        ("hedgehogs", "hedgehog"),
        ("ｃａｔ", "cat"),
        ("ＤＯＧ", "dog"),
        ("elbowed", "elbow"),
        ("elbowing", "elbow"),
    ],
)
def test_forms_of_english_words(form, word):
    """A plural, a verb form or full-width letters have the vector of the word."""
    np.testing.assert_array_equal(lexicon.vector(form), lexicon.vector(word))


@pytest.mark.parametrize("text", ["Peter eats fish", "James eats fish", "I saw Charles", "We met Brooks", "張偉吃魚"])
def test_a_name_is_no_form_of_a_word(text):
    """A name is a person also where it looks like a word with an ending."""
    found = attnviz.run(text)
    name = next(
        i for i, token in enumerate(found.tokens) if token.text in ("Peter", "James", "Charles", "Brooks", "張偉")
    )
    features = dict(zip(found.traces[0].features, found.traces[0].inputs[name].tolist(), strict=True))
    assert max(features, key=lambda one: features[one]) == "person"


@pytest.mark.parametrize("word", ["zzyzx", "qs", "Brixs", "囧囧囧", "😀", "abc123xyz9"])
def test_what_stays_unknown(word):
    """No rule makes up a vector for what is no word."""
    assert lexicon.vector(word) is None


def test_own_words_replace_only_what_is_listed(tmp_path):
    """A reader's word 88 or 貓 replaces no packaged word, and wins over the rules."""
    file = tmp_path / "own.tsv"
    file.write_text("88\ten\tfeeling:5 action:6\n貓\tzh\tidea:9\n", encoding="utf-8")
    own = open_lexicon([str(file)])
    assert own.notes == ()
    assert own.grades("88") == {"feeling": 5.0, "action": 6.0}
    assert own.grades("貓") == {"idea": 9.0}


def test_the_usual_text_asks_for_no_other_form(monkeypatch):
    """A text of listed words does not come to these rules: starting up costs what it did."""
    monkeypatch.setattr(word_forms, "other_forms", None)
    words = lexicon.Lexicon()
    tokens = tokenize("猫吃鱼", "lexicon", words)
    assert not unknown_texts(tokens, words)
    with pytest.raises(TypeError):
        tokenize("猫吃zzyzx", "lexicon", words)
