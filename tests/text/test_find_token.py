"""A token is named by its text, by text and occurrence, or by its place, in that order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.attention_data import Token
from attnviz.core.errors import MissingError
from attnviz.text.find_token import find_token

WORDS = st.lists(st.sampled_from(["猫", "吃", "cat", "Cat", "2", "0", "#", "a#1", "猫#2", "e\u0301"]), min_size=1)


def tokens(*texts):
    """Tokens with these texts."""
    return tuple(Token(text) for text in texts)


@given(WORDS)
def test_text_and_occurrence(words):
    """Each token is found by its own text and occurrence, unless that spelling is itself a token's text."""
    given_tokens = tokens(*words)
    for index, word in enumerate(words):
        spelled = f"{word}#{words[:index].count(word) + 1}"
        if spelled not in words:
            assert find_token(given_tokens, spelled) == (index, None)


@given(WORDS)
def test_first_of_several(words):
    """A text that stands several times is its first token, and that is said; one that stands once is not noted."""
    for word in words:
        index, note = find_token(tokens(*words), word)
        assert index == words.index(word)
        assert (note is not None) == (words.count(word) > 1)
        assert note is None or str(words.count(word)) in str(note)


@pytest.mark.parametrize(
    ("words", "wanted", "index"),
    [
        (("a", "b", "1"), "1", 2),
        (("a", "b", "c"), "1", 1),
        (("The", "the"), "the", 1),
        (("The", "b"), "the", 0),
        (("é",), "e\u0301", 0),
        (("b", "the"), " THE ", 1),
        (("a", "A"), "a#2", None),
        (("猫", "猫#2", "猫"), "猫#2", 1),
        (("3", "3"), "3#2", 1),
        (("a", "b"), "2", None),
        (("a", "b"), "-1", None),
        (("a",), "", None),
        (("a",), "a#0", None),
        (("a",), "a#9", None),
        (("#", "#"), "##2", 1),
        (("a",), "999999999999", None),
        (("a",), "٠", None),
    ],
)
def test_which(words, wanted, index):
    """The exact text wins over the occurrence, that over the index, and all over another case."""
    if index is None:
        with pytest.raises(MissingError):
            find_token(tokens(*words), wanted)
    else:
        assert find_token(tokens(*words), wanted)[0] == index


def test_missing_lists():
    """The error lists the tokens, each once, and of very many the first."""
    with pytest.raises(MissingError, match=r"“狗” among “猫”, “吃”, “鱼”\. A number from 0 to 3"):
        find_token(tokens("猫", "吃", "鱼", "猫"), "狗")
    with pytest.raises(MissingError, match=r"the first 40 of 500 are “w0”, “w1”, .*, “w39”. A number from 0 to 499"):
        find_token(tokens(*(f"w{i}" for i in range(500))), "狗")


def test_no_such_occurrence():
    """An occurrence that is not there says how many there are."""
    with pytest.raises(MissingError, match=r"“猫” occurs 2 times in the text, as 猫#1 to 猫#2"):
        find_token(tokens("猫", "吃", "猫"), "猫#3")
    with pytest.raises(MissingError, match=r"“吃” occurs once"):
        find_token(tokens("猫", "吃", "猫"), "吃#2")


def test_an_int_is_an_index():
    """A number that is a number names a place, also where a token has its text; one out of range says what there is."""
    tokens = tuple(map(Token, "3吃2"))
    assert find_token(tokens, 2) == (2, None)
    assert find_token(tokens, "2") == (2, None)
    assert find_token(tokens, "3") == (0, None)
    for wanted in (3, -1):
        with pytest.raises(MissingError, match="from 0 to 2"):
            find_token(tokens, wanted)
