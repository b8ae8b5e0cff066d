"""Cutting a text into the toy's words: the cheapest cut, names, plurals, words of several parts."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.text.tokenize import RANKS, tokenize
from attnviz.toy import lexicon
from attnviz.toy.words import cut_as

REASONS = ["guess", "name", "plural", "number", "adverb", "verb and object", "adjective", "two words", "one word"]
ROWS = [
    (*line.split("\t"), "", "")[:3]
    for line in Path(__file__).with_name("cuts.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("# ")
]


def joined(cut: str) -> str:
    """The text of a cut: English words stand apart, marks and Chinese words do not."""
    words = cut.split("/")
    if not words[0][0].isascii():
        return "".join(words)
    text = " ".join(words)
    return text.replace(" - ", "-")


def cut(text: str) -> str:
    """The words of a text, as the data has them."""
    return "/".join(token.text for token in cut_as(text, "lexicon"))


def test_there_are_300_sentences():
    """The data has at least 300 different sentences."""
    assert len({joined(row[0]) for row in ROWS}) == len(ROWS) >= 300


@pytest.mark.parametrize("expected", [row[0] for row in ROWS])
def test_cut(expected):
    """Every sentence is cut as a reader would cut it."""
    assert cut(joined(expected)) == expected


def test_differences_from_rjieba():
    """Where rjieba cuts a sentence otherwise, the data says how and why that is no fault."""
    pytest.importorskip("rjieba")
    for expected, other, reason in ROWS:
        if expected[0].isascii():
            continue
        found = "/".join(token.text for token in cut_as(joined(expected), "word"))
        assert found in (expected, other), expected
        assert bool(other) == bool(reason), expected
        assert reason in ("", *REASONS), expected


class Few:
    """A handful of words, each with its frequency class."""

    def __init__(self, **words: int) -> None:
        """Take the words."""
        self.words = words

    def words_at(self, line, start, _):
        """Return the words that begin at a place, as a lexicon does."""
        return [(len(word), rank) for word, rank in self.words.items() if line.startswith(word, start)]

    def simplified(self, text):
        """Return the text as it is."""
        return text


def cut_by(text: str, **words: int) -> str:
    """A text cut by a handful of words."""
    return "/".join(token.text for token in tokenize(text, "lexicon", Few(**words)))


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("写作业", {"写": 3, "写作": 5, "作业": 1}, "写/作业"),  # 业 would be unknown
        ("拍照片", {"拍": 1, "拍照": 5, "照片": 1}, "拍/照片"),
        ("大学生", {"大学": 5, "学生": 5, "大学生": 1, "大": 5, "生": 5}, "大学生"),  # fewest words
        ("从小学习", {"从": 1, "小学": 5, "习": 5, "从小": 1, "学习": 1, "小": 5}, "从小/学习"),
        ("小明白了", {"小": 5, "明白": 4, "了": 5, "小明": 1, "白": 5}, "小/明白/了"),  # commoner words
        ("甲乙丙", {"甲": 3, "甲乙": 3, "乙丙": 3, "丙": 3}, "甲/乙丙"),  # of equals the longest last word
        ("甲乙丙", {"甲": 4, "甲乙": 3, "乙丙": 4, "丙": 5}, "甲乙/丙"),  # one very common word
        ("甲乙丙丁", {"乙丙": 1}, "甲/乙丙/丁"),
        ("ice cream is cold", {"ice": 5, "cream": 5, "ice-cream": 1, "is": 5}, "ice cream/is/cold"),
        ("Ice-Cream", {"ice": 5, "ice-cream": 1}, "Ice-Cream"),
        ("ice  cream", {"ice": 5, "ice-cream": 1}, "ice/cream"),  # two spaces, or a line's end, stand between
        ("ice\ncream", {"ice": 5, "ice-cream": 1}, "ice/cream"),
        ("他穿T恤。", {"他": 5, "t恤": 1}, "他/穿/T恤/。"),
    ],
)
def test_order_of_the_rules(text, words, expected):
    """Fewest unknown characters, then fewest words, then the commoner words, then the longest last word."""
    assert cut_by(text, **words) == expected


LETTERS = "甲乙丙丁"


@given(
    text=st.text(alphabet=LETTERS, min_size=1, max_size=9),
    words=st.dictionaries(st.text(alphabet=LETTERS, min_size=1, max_size=4), st.integers(0, 7), max_size=8),
)
def test_no_cut_is_cheaper(text, words):
    """Of all ways to cut a text none costs less: each is tried."""
    unknown = 1 << 72

    def price(pieces: list[str]) -> int:
        return sum(RANKS[words[piece]] if piece in words else unknown for piece in pieces)

    def cuts():
        for marks in itertools.product((False, True), repeat=len(text) - 1):
            edges = [0, *(i + 1 for i, mark in enumerate(marks) if mark), len(text)]
            pieces = [text[a:b] for a, b in itertools.pairwise(edges)]
            if all(piece in words or len(piece) == 1 for piece in pieces):
                yield pieces

    found = [token.text for token in tokenize(text, "lexicon", Few(**words))]
    assert price(found) == min(map(price, cuts()))


@pytest.mark.parametrize(
    ("word", "is_one"),
    [
        *dict.fromkeys(("小明", "小红", "小张", "老李", "老王", "阿强", "小林"), True).items(),
        *dict.fromkeys(("张老师", "王医生", "李经理", "陈先生", "刘阿姨", "周同学", "黄老师", "赵校长"), True).items(),
        *dict.fromkeys(("李华", "张伟", "王小明", "李明明", "陈静", "刘志强"), True).items(),
        *dict.fromkeys(("安娜", "汤姆", "玛丽"), True).items(),
        *dict.fromkeys(("孩子们", "同学们", "朋友们", "小狗们", "老师们", "星星们"), True).items(),
        *dict.fromkeys(("小马", "小车", "老桌", "阿吃", "跑步们", "红们", "白云", "黄花"), False).items(),
    ],
)
def test_names(word, is_one):
    """A name, a name with a title and a noun with 们 are one word each; what only looks like one is not."""
    assert (cut(word) == word) is is_one


@pytest.mark.parametrize("word", ["小猫", "小狗", "老师", "老虎", "老鼠", "阿姨", "小学", "老板", "我们", "人们"])
def test_words_stay_words(word):
    """What the lexicon has is no name, however it looks."""
    assert cut(word) == word
    assert lexicon.packaged().is_known(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("两张老师的照片", "两/张/老师/的/照片"),
        ("上周伟人来", "上周"),
        ("小红花很漂亮", "小/红/花"),
        ("小红花了钱", "小红/花/了"),
        ("小明白了", "小/明白/了"),
    ],
)
def test_what_is_no_name(text, expected):
    """张 after a number is a measure word; 小 and a color describe a thing, unless that is what the name does."""
    assert cut(text).startswith(expected)


def test_many_words_and_few():
    """The words that are found are the same whether they are looked up one by one or all at once."""
    one_by_one = {row[0]: tokenize(joined(row[0]), "lexicon", lexicon.Lexicon()) for row in ROWS}
    whole = lexicon.Lexicon()
    text = "\n".join(joined(row[0]) for row in ROWS)
    all_at_once = [token.text for token in tokenize(text, "lexicon", whole)]
    assert all_at_once == [token.text for tokens in one_by_one.values() for token in tokens]
