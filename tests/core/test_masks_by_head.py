"""A mask may differ by layer and head: every operation keeps each head's own, and agrees with one head at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnviz import Attention, Token, load_weights
from attnviz.analysis.entropy import unevenness
from attnviz.analysis.head_patterns import characterize, characters
from attnviz.core.errors import InputError, ShapeError
from attnviz.explanation.build import explain_attention
from attnviz.io.write_data import attention_csv, attention_document, attention_npz, to_json
from attnviz.text.merge_pieces import hide_special, merge_tokens
from attnviz.views.prepared.attention import prepare

TEXT = "猫吃鱼狗"


@st.composite
def attentions(draw):
    """Seeded weights of 猫 吃 鱼 狗 under a mask with any leading dimensions that broadcast."""
    layers, heads = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    leading = (draw(st.sampled_from([1, layers])), draw(st.sampled_from([1, heads])))
    allowed = generator.random((*leading, 4, 4)) < draw(st.sampled_from([0.3, 0.7]))
    raw = generator.random((layers, heads, 4, 4)) * allowed
    weights = raw / np.maximum(raw.sum(axis=-1, keepdims=True), 1e-30)
    tokens = tuple(Token(letter, i, i + 1, piece=letter) for i, letter in enumerate(TEXT))
    return Attention(tokens, tokens, weights, allowed, source=TEXT)


def one_head(attention, i, j):
    """The same head as an attention of its own, with its own mask."""
    masks = attention.masks
    return Attention(
        attention.query, attention.key, attention.weights[i : i + 1, j : j + 1], masks[i, j], source=attention.source
    )


@given(attentions())
def test_select_keeps_each_mask(attention):
    """Each layer and head that is selected has the mask that it had."""
    for i in attention.layers:
        for j in attention.heads:
            chosen = attention.select(layer=i, head=j)
            np.testing.assert_array_equal(chosen.allowed, attention.masks[i, j])
    back = attention.select(layer=attention.layers[::-1], head=attention.heads[::-1])
    np.testing.assert_array_equal(back.masks, attention.masks[::-1, ::-1])


@given(attentions())
def test_the_mean_allows_what_any_head_allows(attention):
    """No weight of the mean lies on a cell that its mask forbids."""
    mean = attention.mean()
    np.testing.assert_array_equal(mean.masks, attention.masks.any(axis=1, keepdims=True))
    assert not mean.weights[~mean.masks].any()


@given(attentions())
def test_joining_and_hiding_keep_each_mask(attention):
    """Joined pieces and hidden tokens leave each head what it would have alone."""
    tokens = (Token("[CLS]"), Token("猫", 0, 1), Token("猫", 0, 1), Token("鱼", 1, 2))
    pieces = Attention(tokens, tokens, attention.weights, attention.allowed, source="猫鱼")
    for change in (lambda one: merge_tokens(one, "char"), hide_special):
        whole = change(pieces)
        for i in attention.layers:
            for j in attention.heads:
                np.testing.assert_array_equal(whole.masks[i, j], change(one_head(pieces, i, j)).allowed)


@given(attentions())
def test_analysis_uses_each_mask(attention):
    """Characters, unevenness and panels of a head are those that it has alone."""
    found = characters(attention)
    uneven = unevenness(attention.weights, attention.allowed)
    panels = prepare(attention)[0].panels
    for place, (i, j) in enumerate((i, j) for i in attention.layers for j in attention.heads):
        mask = attention.masks[i, j]
        assert found[i][j] == characterize(attention.weights[i, j], mask)
        np.testing.assert_array_equal(uneven[i, j], unevenness(attention.weights[i, j], mask))
        np.testing.assert_array_equal(panels[place].forbidden, ~mask)


@given(attentions())
def test_csv_leaves_forbidden_cells_empty(attention):
    """A line has no weight where its own head forbids the cell."""
    lines = attention_csv(attention).split("\r\n")[1:-1]
    assert [line.endswith(",") for line in lines] == (~attention.masks).ravel().tolist()


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@given(attention=attentions())
def test_files_keep_each_mask(tmp_path_factory, suffix, attention):
    """What is written with a mask a head is read with it; one table stays one table."""
    path = tmp_path_factory.mktemp("masks") / f"x{suffix}"
    document = attention_document(attention)
    path.write_bytes(to_json(document).encode() if suffix == ".json" else attention_npz(attention))
    (found,) = load_weights(path)
    np.testing.assert_array_equal(found.masks, attention.masks)
    one_table = attention.allowed.ndim == 2
    assert (np.ndim(json.loads(to_json(document))["allowed"]) == 2) == one_table


@given(attentions())
def test_a_row_is_explained_under_its_own_mask(attention):
    """The weights of an explained row are those of its head, and only cells that it forbids are drawn as forbidden."""
    for j in attention.heads:
        if attention.masks[-1, j].any():
            of_all = explain_attention(attention, token=0, head=j)
            alone = explain_attention(one_head(attention, len(attention.layers) - 1, j), token=0, head=0)
            assert of_all.steps[0].lines == alone.steps[0].lines


def test_masks_with_too_few_dimensions():
    """Three dimensions are of heads; whatever does not broadcast is refused."""
    weights = np.full((2, 2, 2, 2), 0.5)
    three = np.ones((2, 2, 2), dtype=bool)
    assert Attention.from_arrays(weights, ["a", "b"], allowed=three).allowed.shape == (1, 2, 2, 2)
    for wrong in (np.ones((3, 2, 2)), np.ones((1, 1)), np.ones((1, 1, 1, 2, 2)), np.ones(2)):
        with pytest.raises(ShapeError):
            Attention.from_arrays(weights, ["a", "b"], allowed=wrong)
    three[1, 0, 1] = False
    with pytest.raises(InputError, match="Layer 0, head 1, row 0, column 1"):
        Attention.from_arrays(weights, ["a", "b"], allowed=three)
