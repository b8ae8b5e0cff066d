"""The smallest pieces that two cuts of a text share."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError
from attnviz.text.common_pieces import common_pieces

LETTERS = "abcdefghijkl"


def cut_at(borders):
    """Cut the letters at these places, between two special tokens."""
    places = sorted({0, len(LETTERS), *borders})
    inner = [Token(LETTERS[i:j], i, j) for i, j in itertools.pairwise(places)]
    return (Token("[CLS]"), *inner, Token("[SEP]"))


BORDERS = st.sets(st.integers(1, len(LETTERS) - 1))


@settings(max_examples=60, deadline=None)
@given(BORDERS, BORDERS)
def test_borders_are_those_of_both(first, second):
    """A piece ends exactly where both cuts end one, and each piece is paired with itself."""
    found = common_pieces(cut_at(first), cut_at(second), LETTERS)
    wanted = [token.text for token in cut_at(first & second)]
    assert [token.text for token in found.shared(0)] == wanted
    assert [token.text for token in found.shared(1)] == wanted
    assert not found.alone(0)
    assert not found.alone(1)
    assert found.joined == (first != second)
    back = common_pieces(cut_at(second), cut_at(first), LETTERS)
    assert [side.groups for side in back.sides] == [side.groups for side in reversed(found.sides)]


def test_tokens_of_one_side():
    """Special tokens meet by name; a space and a special token that only one side has are left alone."""
    a = (Token("[CLS]"), Token("the", 0, 3), Token("cat", 4, 7), Token("[SEP]"))
    b = (Token("the", 0, 3), Token(" ", 3, 4), Token("c", 4, 5), Token("at", 5, 7), Token("[SEP]"))
    found = common_pieces(a, b, "the cat")
    assert [token.text for token in found.shared(1)] == ["the", "cat", "[SEP]"]
    assert (found.alone(0), found.alone(1)) == (["[CLS]"], [" "])
    assert found.sides[1].groups == [(0, 1), (1, 2), (2, 4), (4, 5)]


def test_a_space_with_an_empty_span():
    """SentencePiece's space alone has an empty span, and belongs to the word after it."""
    b = (Token("␣", 0, 0, piece="▁"), Token("猫", 0, 1, piece="猫"))
    found = common_pieces((Token("猫", 0, 1),), b, "猫")
    assert found.sides[1].groups == [(0, 2)]
    assert found.shared(1) == (Token("猫", 0, 1, piece="▁ 猫"),)


def test_spans_with_spaces():
    """Where one side counts a space to its word the piece is shown without it."""
    found = common_pieces((Token("a", 0, 1), Token("b", 2, 3)), (Token("a", 0, 1), Token(" b", 1, 3)), "a b")
    assert found.shared(0)[1] == Token("b", 2, 3)
    assert found.shared(1)[1] == Token("b", 2, 3)


def test_tokens_out_of_order():
    """Tokens that do not follow the text cannot be matched by their places."""
    mixed = (Token("a", 0, 1), Token("c", 2, 3), Token("b", 1, 2))
    with pytest.raises(InputError, match="not in its order"):
        common_pieces(mixed, (Token("ab", 0, 2), Token("c", 2, 3)), "abc")
