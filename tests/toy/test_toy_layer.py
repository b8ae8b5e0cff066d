"""One layer of the toy: symmetric where it should be, and the same as PyTorch's multi-head attention."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from near import assert_apart, assert_near, assert_rows_sum_to_one
from paths import GOLDEN, SAMPLES

from attnviz.core.attention import scaled_dot_product_attention
from attnviz.core.attention_data import Projection
from attnviz.core.errors import OptionError
from attnviz.core.positions import Place, Positions, positions
from attnviz.toy.layer import PROJECTIONS, layer, make_projection

ANSWERS = np.load(GOLDEN / "attention.npz")
ARTICLE = np.loadtxt(SAMPLES / "article.csv", delimiter=",", dtype=np.float32)

inputs = st.integers(1, 6).flatmap(lambda n: arrays(np.float32, (n, 8), elements=st.floats(-2, 2, width=32)))


@given(inputs, st.sampled_from([1, 2, 4, 8]), st.sampled_from(["identity", "random"]), st.randoms())
def test_words_in_another_order(x, heads, how, random):
    """Without positions and mask, another order of the words gives the same weights and outputs in that order."""
    order = random.sample(range(len(x)), len(x))
    projection = make_projection(how, 8, seed=3)
    plain, moved = layer(x, projection, heads=heads), layer(x[order], projection, heads=heads)
    assert_near(moved.weights, plain.weights[:, order][:, :, order], size=plain.logits)
    assert_near(moved.output, plain.output[order], size=plain.logits)


@given(inputs, st.sampled_from([1, 2, 4]), st.sampled_from(["none", "sinusoidal"]))
def test_the_mask_holds(x, heads, scheme):
    """With a mask each row still sums to 1, forbidden cells are exactly 0, a word alone copies itself."""
    allowed = np.tri(len(x), dtype=bool)
    place = Place(len(x), len(x), 8, heads)
    trace = layer(x, Projection(), heads=heads, positions=positions(scheme, place), allowed=allowed)
    assert_rows_sum_to_one(trace.weights)
    assert (trace.weights[:, ~allowed] == 0).all()
    np.testing.assert_array_equal(trace.output[0], trace.inputs[0])


@pytest.mark.parametrize(("mask", "name"), [(None, "mha"), (np.tri(6, dtype=bool), "mha_causal")])
def test_pytorch_gives_the_same(mask, name):
    """torch.nn.MultiheadAttention without bias gives the same weights of every head and the same output."""
    trace = layer(ANSWERS["mha_x"], Projection(*ANSWERS["mha_matrices"]), heads=4, allowed=mask)
    assert_near(trace.weights, ANSWERS[f"{name}_weights"], size=trace.logits)
    assert_near(trace.output, ANSWERS[f"{name}_output"], size=trace.logits)


@pytest.mark.parametrize("how", ["identity", "random"])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heads_are_layers_of_their_own(how, heads):
    """Each head is plain attention over its own slice of query, key and value, and the output joins them."""
    x = np.random.default_rng(5).standard_normal((5, 8)).astype(np.float32)
    projection = make_projection(how, 8, seed=1)
    trace = layer(x, projection, heads=heads)
    slices = np.split(np.arange(8), heads)
    full = [x if matrix is None else x @ matrix for matrix in (projection.query, projection.key, projection.value)]
    alone = [scaled_dot_product_attention(*(part[:, columns] for part in full)) for columns in slices]
    assert_near(trace.weights, [weights for _, weights in alone], size=trace.logits)
    joined = np.concatenate([output for output, _ in alone], axis=1)
    expected = joined if projection.output is None else joined @ projection.output
    assert_near(trace.output, expected, size=trace.logits)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_shapes_and_dtype(heads):
    """Every intermediate has the shape that Trace states, in float32."""
    x = np.random.default_rng(5).standard_normal((5, 8)).astype(np.float32)
    trace = layer(x, make_projection("random", 8), heads=heads, features=tuple("abcdefgh"))
    shapes = {
        "inputs": (5, 8),
        "key_inputs": (5, 8),
        "query": (heads, 5, 8 // heads),
        "key": (heads, 5, 8 // heads),
        "value": (heads, 5, 8 // heads),
        "logits": (heads, 5, 5),
        "weights": (heads, 5, 5),
        "context": (heads, 5, 8 // heads),
        "output": (5, 8),
    }
    for name, shape in shapes.items():
        assert getattr(trace, name).shape == shape, name
        assert getattr(trace, name).dtype == np.float32, name
    assert sum(trace.head_features, ()) == trace.features == tuple("abcdefgh")


def test_the_article():
    """Over samples/article.csv with Q = K = V = X the layer gives the article's output."""
    trace = layer(ARTICLE, make_projection("identity", 4))
    assert_near(trace.output[:, 0], [0.5529808, 0.6327625, 0.7011331])


def test_positions_add_rotate_and_bias():
    """A scheme's three hooks act where they should: on the inputs, on queries and keys, on the logits."""
    x = np.ones((3, 4), dtype=np.float32)
    shift = np.arange(12, dtype=np.float32).reshape(3, 4)
    added = layer(x, Projection(), positions=Positions(add=lambda count: shift[:count]))
    np.testing.assert_array_equal(added.inputs, x + shift)
    rotated = layer(x, Projection(), positions=Positions(rotate=lambda each: 2 * each))
    np.testing.assert_array_equal(rotated.logits, np.full((1, 3, 3), 8))
    np.testing.assert_array_equal(rotated.value, x[None])
    bias = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    biased = layer(x, Projection(), positions=Positions(bias=bias), temperature=2)
    np.testing.assert_array_equal(biased.logits, (2 + bias) / 2)


def test_random_is_seeded():
    """One seed gives one set of matrices, another seed another; none of the four is a copy."""
    one, again, other = (make_projection("random", 8, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.query, again.query)
    assert_apart(one.query, other.query)
    assert_apart(one.query, one.key)
    assert one.query.dtype == np.float32


def test_random_keeps_lengths():
    """The random matrices leave the length of a vector about the same."""
    x = np.random.default_rng(0).standard_normal((20, 256))
    ratio = np.linalg.norm(x @ make_projection("random", 256).query, axis=1) / np.linalg.norm(x, axis=1)
    assert np.abs(ratio - 1).max() < 0.25


@pytest.mark.parametrize("heads", [0, -1, 3, 9])
def test_heads_that_do_not_divide(heads):
    """A number of heads that does not divide the dimensions is wrong usage; the error names both."""
    with pytest.raises(OptionError, match=f"divide the 8 dimensions; {heads} does not"):
        layer(np.ones((2, 8), dtype=np.float32), Projection(), heads=heads)


def test_unknown_projection():
    """An unknown projection is wrong usage; the error lists those there are."""
    with pytest.raises(OptionError, match=", ".join(PROJECTIONS)):
        make_projection("rand0m", 8)
