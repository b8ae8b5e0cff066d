"""Joining pieces: every row stays a whole, every token is in one group, and nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one

from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, OptionError
from attnviz.text.merge_pieces import MERGES, group, hide_special, merge_tokens
from attnviz.text.tokenize import clusters

CHARACTERS = st.sampled_from(["a", "b", " ", "猫", "鱼", "é", "e\u0301", "👨‍👩‍👧", "🇨🇳", "\n", ",", "'"])


@st.composite
def pieces(draw):
    """A text cut into pieces that may part or share a code point, with tokens around it that stand for nothing."""
    source = "".join(draw(st.lists(CHARACTERS, min_size=1, max_size=8)))
    tokens = [Token("[CLS]", piece="[CLS]")] if draw(st.booleans()) else []
    at = 0
    while at < len(source):
        end = draw(st.integers(at + 1, min(len(source), at + 3)))
        for _ in range(draw(st.integers(1, 3))):
            tokens.append(Token(source[at:end], at, end, piece="x"))
        at = max(at + 1, end - draw(st.integers(0, 1)))
    if draw(st.booleans()):
        tokens.append(Token("[SEP]", piece="[SEP]"))
    return source, tuple(tokens)


def attention_of(source, tokens, seed=0, causal=False):
    """Random weights over these tokens: 2 layers, 3 heads, rows that sum to 1."""
    generator = np.random.default_rng(seed)
    count = len(tokens)
    allowed = np.tri(count, dtype=bool) if causal else None
    weights = generator.random((2, 3, count, count), dtype=np.float32) + np.float32(0.01)
    weights = weights if allowed is None else weights * allowed
    weights /= weights.sum(axis=-1, keepdims=True)
    output = generator.normal(size=(count, 4)).astype(np.float32)
    return Attention(tokens, tokens, weights, allowed, source=source, output=output)


@given(pieces(), st.sampled_from(MERGES), st.booleans())
def test_rows_still_sum_to_one(text, how, causal):
    """Joined or not, each row sums to 1, and no weight is negative or where nobody may look."""
    merged = merge_tokens(attention_of(*text, causal=causal), how)
    assert_rows_sum_to_one(merged.weights)
    assert (merged.weights >= 0).all()
    if merged.allowed is not None:
        assert (merged.weights[..., ~merged.allowed] == 0).all()


@given(pieces(), st.sampled_from(["char", "word"]))
def test_groups_are_a_partition(text, how):
    """Groups are neighbours, in order, each token in one; special tokens are alone."""
    source, tokens = text
    groups = group(tokens, source, how)
    assert [start for start, _ in groups] == [0, *(end for _, end in groups[:-1])]
    assert groups[-1][1] == len(tokens)
    assert all(end - start == 1 for start, end in groups if any(t.start is None for t in tokens[start:end]))


@given(pieces())
def test_no_character_is_parted(text):
    """After joining by character no cluster of the text lies in two tokens."""
    source, tokens = text
    merged = merge_tokens(attention_of(source, tokens), "char")
    spans = [(t.start, t.end) for t in merged.tokens if t.start is not None]
    for start, end in clusters(source):
        assert sum(a < end and b > start for a, b in spans) <= 1
    assert all(t.text == source[t.start : t.end] for t in merged.tokens if t.start is not None)


@given(pieces())
def test_words_are_coarser(text):
    """Joining by word joins at least what joining by character does."""
    source, tokens = text
    borders = {start for start, _ in group(tokens, source, "char")}
    assert {start for start, _ in group(tokens, source, "word")} <= borders


@given(pieces(), st.sampled_from(["char", "word"]))
def test_sums_and_means(text, how):
    """A cell is the mean over the group's queries of the sum over the group's keys."""
    source, tokens = text
    attention = attention_of(source, tokens)
    merged = merge_tokens(attention, how)
    groups = group(tokens, source, how)
    for i, (a, b) in enumerate(groups):
        assert_near(merged.output[i], attention.output[a:b].mean(axis=0))
        for j, (c, d) in enumerate(groups):
            wanted = attention.weights[:, :, a:b, c:d].sum(axis=-1).mean(axis=-1)
            assert_near(merged.weights[:, :, i, j], wanted)


@given(pieces())
def test_none_numbers_the_pieces(text):
    """Nothing is joined; pieces of one character get small numbers, and the weights stay."""
    source, tokens = text
    attention = attention_of(source, tokens)
    merged = merge_tokens(attention, "none")
    assert merged.weights is attention.weights or np.array_equal(merged.weights, attention.weights)
    assert len(merged.tokens) == len(tokens)


def test_fish_in_three_pieces():
    """鱼 in three pieces is 鱼, or 鱼₁ 鱼₂ 鱼₃, and never é±¼."""
    tokens = (*(Token("鱼", 0, 1, piece=piece) for piece in "é±¼"), Token("吃", 1, 2, piece="åĲĥ"))
    attention = attention_of("鱼吃", tokens)
    assert [t.text for t in merge_tokens(attention, "char").tokens] == ["鱼", "吃"]
    assert [t.text for t in merge_tokens(attention, "none").tokens] == ["鱼₁", "鱼₂", "鱼₃", "吃"]
    assert merge_tokens(attention, "char").tokens[0].piece == "é ± ¼"


def test_subwords_and_han():
    """By word, subwords of a Latin word are joined and Han characters are not."""
    spans = [(0, 2), (2, 5), (5, 8), (9, 10), (10, 11)]
    source = "unafford 猫鱼"
    attention = attention_of(source, tuple(Token(source[a:b], a, b) for a, b in spans))
    assert [t.text for t in merge_tokens(attention, "word").tokens] == ["unafford", "猫", "鱼"]
    assert len(merge_tokens(attention, "char").tokens) == 5


@given(pieces(), st.booleans())
def test_hiding_special_tokens(text, renormalize):
    """What is left is what was there, or sums to 1 again; the share that went is said for each layer and head."""
    source, tokens = text
    attention = attention_of(source, tokens)
    hidden = hide_special(attention, renormalize=renormalize)
    kept = [i for i, token in enumerate(tokens) if token.start is not None]
    rest = attention.weights[:, :, kept][..., kept]
    if len(kept) == len(tokens):
        assert hidden is attention
        return
    if renormalize:
        assert_rows_sum_to_one(hidden.weights)
    else:
        np.testing.assert_array_equal(hidden.weights, rest)
    shares = hidden.provenance.hidden.shares_by_layer()
    assert_near([shares["0"], shares["1"]], 1 - rest.sum(axis=-1).mean(axis=-1))
    assert all(token.start is not None for token in hidden.tokens)


def test_refusals():
    """An unknown way to join, and a text of special tokens only."""
    attention = attention_of("a", (Token("[CLS]"),))
    with pytest.raises(OptionError, match="merge takes one of"):
        merge_tokens(attention, "letters")
    with pytest.raises(InputError, match="nothing but special"):
        hide_special(attention)
