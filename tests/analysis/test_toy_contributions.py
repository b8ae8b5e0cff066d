"""What each head adds, of the toy and of attention that was computed elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near

from attnviz import Attention, run
from attnviz.analysis.contributions import contributions

TEXT = "the cat eats the fish"


@pytest.mark.parametrize("settings", [{}, {"heads": 4}, {"heads": 2, "projection": "random", "position": "rope"}])
def test_the_toys_contributions_are_those_of_its_traces(settings):
    """They are ||weight x (value W_o)|| for each head, and their vectors sum to the toy's output."""
    found = run(TEXT, **settings)
    lengths, (trace,) = contributions(found), found.traces
    matrix = trace.projection.output
    width = trace.value.shape[-1]
    total = np.zeros_like(trace.output, dtype=np.float64)
    for h, (weights, value) in enumerate(zip(trace.weights, trace.value, strict=True)):
        rows = np.eye(len(matrix) if matrix is not None else width * len(trace.weights))
        part = (rows if matrix is None else matrix)[h * width : (h + 1) * width]
        written = weights[:, :, None] * (value @ part)[None].astype(np.float64)
        assert_near(lengths[0, h], np.linalg.norm(written, axis=-1), size=written)
        total += written.sum(axis=1)
    assert_near(trace.output, total)


def test_a_selected_head_keeps_its_contributions():
    """Selecting heads of the toy, by number or name, selects their contributions."""
    found = run(TEXT, heads=4)
    whole = contributions(found)
    for place, name in enumerate(found.heads):
        np.testing.assert_array_equal(contributions(found.select(head=name))[0, 0], whole[0, place])


def test_given_weights_have_no_contributions():
    """Where values are not known there is nothing to measure."""
    assert contributions(Attention.from_arrays(np.eye(2), ["a", "b"])) is None
    assert contributions(run(TEXT, heads=4).mean()) is None


def test_contributions_follow_the_weights():
    """Selecting, averaging, joining and hiding treat a model's contributions as they treat weights."""
    from attnviz.text.merge_pieces import hide_special, merge_tokens

    random = np.random.default_rng(0)
    weights = random.dirichlet(np.ones(4), (3, 2, 4)).astype(np.float32)
    from attnviz.core.token import Token

    tokens = (Token("[CLS]", None, None), Token("鱼", 0, 1), Token("鱼", 0, 1), Token("吃", 1, 2))
    found = Attention(tokens, tokens, weights, source="鱼吃", contributions=weights)
    for changed in (
        found.select(layer=1, head=[0]),
        found.mean(),
        found.mean_layers(),
        merge_tokens(found, "char"),
        hide_special(found),
        hide_special(merge_tokens(found.select(layer="1,2", head="mean"), "char")),
    ):
        np.testing.assert_array_equal(changed.contributions, changed.weights)


def test_contributions_have_the_shape_of_the_weights():
    """Others are refused where an Attention is made."""
    from attnviz.core.errors import ShapeError

    tokens = run("猫吃").query
    with pytest.raises(ShapeError, match="contributions"):
        Attention(tokens, tokens, np.full((1, 1, 2, 2), 0.5), contributions=np.ones((1, 2, 2, 2)))
