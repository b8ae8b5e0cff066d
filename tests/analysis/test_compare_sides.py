"""One text on two sides: the laws of a comparison, and the joining of two cuts computed as products of matrices."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one
from tiny_models import model_of

from attnviz import compare_models, run
from attnviz.analysis.compare_sides import compare_sides, pair_up
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.provenance import ModelOrigin, Provenance
from attnviz.core.token import SINK
from attnviz.io.write_data import comparison_document
from attnviz.views.prepared.comparison import prepare_comparison

TEXT = "abcdefgh"


def side(borders, seed, *, heads=2, causal=False, special=True, name="m", sink=False):
    """An attention of the letters, cut at these places, with random weights."""
    places = sorted({0, len(TEXT), *borders})
    tokens = tuple(Token(TEXT[i:j], i, j) for i, j in itertools.pairwise(places))
    if special:
        tokens = (Token("[CLS]"), *tokens)
    count = len(tokens)
    raw = np.random.default_rng(seed).random((1, heads, count, count + sink)) ** 3 + 0.001
    allowed = np.tri(count, count + sink, dtype=bool) if causal else None
    raw = raw if allowed is None else np.where(allowed, raw, 0)
    return Attention(
        query=tokens,
        key=(*tokens, SINK) if sink else tokens,
        weights=raw / raw.sum(axis=-1, keepdims=True),
        allowed=allowed,
        source=TEXT,
        provenance=Provenance(ModelOrigin(name, "bert", 1, heads, "causal" if causal else "none")),
    )


def by_matrices(attention, comparison, head):
    """Join by products of matrices: keys of a piece added, its queries averaged, rows over the shared ones alone."""
    member = np.array(
        [
            [
                token.start is not None and piece.start <= token.start < piece.end
                if piece.start is not None
                else token.text == piece.text
                for token in attention.query
            ]
            for piece in comparison.tokens
        ],
        dtype=float,
    )
    rows = member / member.sum(axis=1, keepdims=True) @ attention.weights[0, head].astype(float) @ member.T
    return rows / rows.sum(axis=1, keepdims=True)


CUTS = st.sets(st.integers(1, len(TEXT) - 1))


@settings(max_examples=30, deadline=None)
@given(CUTS, CUTS, st.integers(0, 1000))
def test_sides_against_matrices(first, second, seed):
    """What is compared is what products of matrices give; the two sides change places, and a side equals itself."""
    a, b = side(first, seed), side(second, seed + 1, special=False, name="n")
    heads = [(0, 1), (1, 0)]
    found = compare_sides(a, b, heads)
    (run_,) = found.runs
    for index, (one, other) in enumerate(heads):
        assert_near(run_.a[index], by_matrices(a, found, one))
        assert_near(run_.b[index], by_matrices(b, found, other))
    back = compare_sides(b, a, [(1, 0), (0, 1)])
    assert_near(back.runs[0].delta, -run_.delta)
    for one, other in zip(found.distances(run_, "all"), back.distances(back.runs[0], "all"), strict=True):
        assert_near(one.mean_variation, other.mean_variation)
        assert one.farthest == other.farthest
    same = compare_sides(a, a, [(0, 0)])
    assert not same.runs[0].delta.any()
    assert same.distances(same.runs[0])[0].mean_variation == 0
    assert same.apart(same.runs[0]) is None


def test_masks_that_differ():
    """Cells that one mask forbids are left out of both, rows sum to 1 again, and the caption says so."""
    a, b = side({2, 5}, 0), side({2, 5}, 1, causal=True, name="n")
    found = compare_sides(a, b, [("mean", "mean")])
    (run_,) = found.runs
    assert not run_.a[:, ~np.tri(4, dtype=bool)].any()
    assert run_.forbidden_a is not None
    assert run_.forbidden_a.sum() == 6
    assert_rows_sum_to_one(run_.a)
    assert found.distances(run_)[0].counted.tolist() == [False, True, True, True]
    (form,) = prepare_comparison(found)
    assert str(form.subject) == TEXT
    said = " | ".join(map(str, form.caption))
    assert "cells that a mask forbids in one of the two left out" in said
    assert "each row re-normalized" in said
    masked = compare_sides(b, side({2, 5}, 2, causal=True), [(0, 0)])
    assert not masked.renormalized  # the same mask: rows are as they were
    assert np.array_equal(masked.runs[0].a[0], b.weights[0, 0])


def test_a_sink_of_one_side():
    """A learned sink that only one side has is left out; where both have one it is compared."""
    a, b = side({3}, 0, sink=True), side({3}, 1, name="n")
    found = compare_sides(a, b, [(0, 0)])
    assert found.keys is None
    assert SINK.text in found.only_a
    assert_rows_sum_to_one(found.runs[0].a)
    both = compare_sides(a, side({3}, 1, sink=True, name="n"), [(0, 0)])
    assert both.keys is not None
    assert both.keys[-1] == SINK
    assert np.array_equal(both.runs[0].b[0], side({3}, 1, sink=True).weights[0, 0])


def test_names_and_differences():
    """The two are called by what they differ in; documents list it."""
    a, b = side({3}, 0), side({3}, 1, name="n")
    assert list(map(str, compare_sides(a, b, [(0, 0)]).names)) == ["m", "n"]
    found = compare_sides(a, b, [(0, 1)])
    assert list(map(str, found.titles)) == ["m, head 0", "n, head 1"]
    document = comparison_document(found)
    assert document["settings"]["differing"] == {"model": ["m", "n"], "head": [0, 1]}
    (distance,) = document["runs"][0]["distances"]
    assert len(distance["rows"]) == len(document["tokens"])
    assert 0 < distance["jensen_shannon"] <= distance["total_variation"] <= 1
    layer = compare_sides(a, replace(a, layers=(4,)), [(0, 0)])
    assert list(map(str, layer.titles)) == ["layer 0", "layer 4"]
    alike = replace(b, provenance=b.provenance.of_model(name="m", reference="/b"))
    other = replace(a, provenance=a.provenance.of_model(reference="/a"))
    assert list(map(str, compare_sides(other, alike, [(0, 0)]).names)) == ["/a", "/b"]


def test_what_cannot_be_compared():
    """Other texts, another kind of attention and texts without a common piece are refused with the reason."""
    a = side({3}, 0)
    with pytest.raises(InputError, match="different texts, “abcdefgh” and “xyz”"):
        compare_sides(a, replace(a, source="xyz"), [(0, 0)])
    cross = Attention.from_arrays(np.full((1, 1, 2, 3), 1 / 3), ["a", "b"], keys=["c", "d", "e"])
    with pytest.raises(InputError, match="cross-attention"):
        compare_sides(a, cross, [(0, 0)])
    only = replace(a, query=(Token("[CLS]"),), key=(Token("[CLS]"),), weights=np.ones((1, 2, 1, 1)))
    with pytest.raises(InputError, match="no piece of the text in common"):
        compare_sides(a, only, [(0, 0)])
    with pytest.raises(OptionError, match="head: 2 on one side and 3 on the other"):
        pair_up([1, 2], [1, 2, 3], "--head")
    assert pair_up([1], [3, 4], "--layer") == [(1, 3), (1, 4)]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two tiny models with tokenizers of two kinds, and an encoder-decoder."""
    folder = tmp_path_factory.mktemp("sides")
    return {name: str(model_of(folder / name, name)) for name in ("bert", "gpt2", "t5")}


def test_two_models(models):
    """The weights are those of `run` on each side, joined as products of matrices join them, over shared cells."""
    text = "the cat unties"
    found = compare_models(text, models["bert"], models["gpt2"], layer=(1, 0), head=(2, 1))
    (run_,) = found.runs
    for model, layer, head, got in ((models["bert"], 1, 2, run_.a), (models["gpt2"], 0, 1, run_.b)):
        whole = run(text, model=model, layers=layer)
        rows = by_matrices(replace(whole, weights=whole.weights), found, head) * ~run_.forbidden_a
        assert_near(got[0], rows / rows.sum(axis=1, keepdims=True))
    assert found.second.masked
    swapped = compare_models(text, models["gpt2"], models["bert"], layer=(0, 1), head=(1, 2))
    assert_near(swapped.runs[0].delta, -run_.delta)


def test_layers_and_heads_of_one_model(models):
    """One model is run once; of each side its own layer and head is shown, all heads in pairs where that is asked."""
    text = "the cat eats"
    whole = run(text, model=models["bert"])
    found = compare_models(text, models["bert"], layer=(0, 1), head="all")
    assert np.array_equal(found.runs[0].a, whole.weights[0])
    assert np.array_equal(found.runs[0].b, whole.weights[1])
    assert not found.renormalized
    mean = compare_models(text, models["bert"], layer=("mean", 1))
    assert_near(mean.runs[0].a[0], whole.mean_layers().mean().weights[0, 0])
    joined = compare_models(text, models["bert"], layer=(0, 1), merge="word", no_special=True)
    assert joined.hidden_b is not None
    flow = compare_models(text, models["bert"], layer=(0, 1), reduce="rollout")
    assert flow.runs[0].a.shape[0] == 1


def test_refusals_of_models(models):
    """What two models cannot do together is refused, and says why."""
    a, b, t5 = models["bert"], models["gpt2"], models["t5"]
    for expected, given_ in (
        ("One model, one layer and one head", {"model_a": a}),
        ("generate is for one model", {"model_a": b, "model_b": a, "generate": 2}),
        ("names heads of one model", {"model_a": a, "model_b": b, "ablate": "0.1"}),
        ("a target text of its own", {"model_a": t5, "model_b": b, "attention": "cross"}),
        ("leave head out", {"model_a": a, "model_b": b, "reduce": "max", "head": 1}),
        ("a pair of them", {"model_a": a, "model_b": b, "layer": ([[0]], 1)}),
    ):
        with pytest.raises(OptionError, match=expected):
            compare_models("the cat", **given_)
    with pytest.raises(InputError, match="reads one text"):
        compare_models("the cat", t5, b, keys="the dog")
    with pytest.raises(MissingError, match=r"^gpt2: There is no layer 7"):
        compare_models("the cat", a, b, layer=(0, 7))
    with pytest.raises(MissingError, match=r"^bert: There is no head 9"):
        compare_models("the cat", a, b, head=(9, 0))
    with pytest.raises(MissingError, match=r"^There is no head 9"):
        compare_models("the cat", a, head=(0, 9))
    assert len(compare_models("the cat", a, a, layer="all", head=0)) == 3  # a comparison for each pair
    assert compare_models("the cat", t5, b).second.masked  # the encoder, both ways, and a decoder


def test_the_same_model_twice(models):
    """A model beside itself differs in nothing, and a note says that nothing can."""
    found = compare_models("the cat", models["bert"], models["bert"])
    assert not found.runs[0].delta.any()
    assert "nothing can differ" in str(found.notes[-1])
    assert str(found.verdicts()[0]).startswith("Every word looks at the others in the second as in the first")
