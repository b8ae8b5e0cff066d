"""Lines of Chinese and English: as full as can be, never too wide, and nothing lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz.core.clusters import count_columns, split_clusters
from attnviz.text.line_breaking import break_parts, break_text, divide, fill_lines, may_break, split_prose

TEXTS = st.text(alphabet="abc猫鱼，。（「」） ·-é1e\u0301👩\u200d", max_size=60)
WIDTHS = st.integers(min_value=2, max_value=30)


@given(TEXTS, WIDTHS)
def test_no_line_is_too_wide(text, width):
    """A line is wider than asked for only where it is one character that is."""
    for line in break_text(text, width, count_columns):
        assert count_columns(line) <= width or len(split_clusters(line.strip())) == 1


@given(TEXTS, WIDTHS)
def test_nothing_is_lost(text, width):
    """Joined again, the lines have every character but spaces, in their order."""
    assert "".join("".join(break_text(text, width, count_columns)).split()) == "".join(text.split())


@given(TEXTS, WIDTHS)
def test_divide_agrees_with_break_text(text, width):
    """Cut at the places that divide gives, the text has the lines of break_text."""
    places = [0, *divide(text, width, count_columns), len(text)]
    cut = [text[start:end].rstrip() for start, end in pairwise(places)]
    assert cut == (break_text(text, width, count_columns) or [""])


@pytest.mark.parametrize("width", range(6, 30))
def test_marks_stay_where_they_belong(width):
    """No line begins with a closing mark or ends with an opening one."""
    for line in break_text("他说：「猫吃鱼，狗追猫。」（真的）好极了！", width, count_columns):
        assert line[0] not in "，。」）！："
        assert line[-1] not in "「（"


def test_separators():
    """A separator stands between two parts of a line, never at its ends nor inside a part that is cut."""
    assert break_parts([("", "one two"), (" · ", "b"), (" · ", "c")], 5, len) == ["one", "two", "b · c"]
    assert break_parts([("", "a"), ("\n", "b"), (" ", "c")], 5, len) == ["a", "b c"]


def test_lines_name_their_parts():
    """fill_lines gives the indices of the parts on each line, so that parts may stand for anything."""
    assert fill_lines([("", "aa"), (" ", "bb"), ("", "cc")], 5, len) == [range(2), range(2, 3)]
    assert fill_lines([], 5, len) == []
    assert split_prose("") == []


def test_may_break():
    """A line may end beside a wide character, but not before a closing mark nor after an opening one."""
    assert may_break("猫", "吃")
    assert may_break("a", "猫")
    assert not may_break("a", "b")
    assert not may_break("猫", "，")
    assert not may_break("（", "猫")
    assert not may_break("马", "·")
