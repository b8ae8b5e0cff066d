"""Attention: checked once at birth, never changed after, and its layers and heads keep their names."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from near import assert_near, assert_rows_sum_to_one

from attnviz import run
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import AttnvizError, MissingError, ShapeError
from attnviz.core.provenance import GivenOrigin, Provenance

TOKENS = tuple(Token(text) for text in "猫吃鱼")
OTHERS = (Token("dog"), Token("eats"))


def attention(*, query=TOKENS, key=TOKENS, shape=(2, 3), **fields):
    """Seeded weights whose rows sum to 1; shape is the number of layers and heads."""
    raw = np.random.default_rng(0).random((*shape, len(query), len(key)), dtype=np.float32)
    return Attention(query, key, raw / raw.sum(axis=-1, keepdims=True), **fields)


def test_numbers_unless_named():
    """Layers and heads count from 0 where they have no other names."""
    assert (attention().layers, attention().heads) == ((0, 1), (0, 1, 2))


@pytest.mark.parametrize("shape", [(3, 3), (1, 3, 3), (1, 1, 3, 2), (1, 1, 2, 3), (1, 1, 1, 3, 3)])
def test_weights_that_do_not_fit(shape):
    """Weights of another shape than [layers, heads, queries, keys] raise ShapeError with what was expected and came."""
    with pytest.raises(ShapeError) as caught:
        Attention(TOKENS, TOKENS, np.zeros(shape))
    assert "3 queries, 3 keys" in str(caught.value)
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"allowed": np.ones((2, 3))}, ["(2, 3)", "(3, 3)"]),
        ({"output": np.ones((2, 4))}, ["(2, 4)", "3"]),
        ({"output": np.ones(3)}, ["(3,)"]),
        ({"layers": (7,)}, ["layer names (1)", "(2, 3, 3, 3)"]),
        ({"heads": ("a", "b")}, ["head names (2)", "(2, 3, 3, 3)"]),
    ],
)
def test_parts_that_do_not_fit(fields, named):
    """A mask, an output or names that do not fit the weights raise ShapeError with both shapes."""
    with pytest.raises(ShapeError) as caught:
        attention(**fields)
    assert all(part in str(caught.value) for part in named)


def test_frozen():
    """Neither the fields nor the arrays nor the provenance can be changed."""
    given = attention(allowed=np.tri(3), output=np.ones((3, 4)), provenance=Provenance(GivenOrigin(2, 3)))
    with pytest.raises(FrozenInstanceError):
        given.weights = None
    for array in (given.weights, given.allowed, given.output):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(FrozenInstanceError):
        given.provenance.origin.heads = 1


def test_types():
    """Whatever came in, weights and output are float32 and allowed is boolean."""
    given = Attention(TOKENS, TOKENS, np.zeros((1, 1, 3, 3)), allowed=np.ones((3, 3), int), output=[[1], [2], [3]])
    assert (given.weights.dtype, given.allowed.dtype, given.output.dtype) == (np.float32, bool, np.float32)


def test_the_caller_keeps_a_writable_array():
    """Attention locks its own view, not the array it was given."""
    weights = np.zeros((1, 1, 3, 3), dtype=np.float32)
    Attention(TOKENS, TOKENS, weights)
    weights[0] = 1


def test_select_keeps_names():
    """What is selected keeps its own number and name, through a second selection too."""
    whole = attention(shape=(3, 2))
    part = whole.select(layer=2, head=1)
    assert (part.layers, part.heads) == ((2,), (1,))
    np.testing.assert_array_equal(part.weights, whole.weights[2:3, 1:2])
    assert part.select(layer=2, head=1).heads == (1,)


@pytest.mark.parametrize(
    ("layer", "head", "shape"),
    [(None, None, (2, 3)), ([1, 0], 2, (2, 1)), (0, [2, 0], (1, 2)), (np.int64(1), range(2), (1, 2))],
)
def test_none_is_all(layer, head, shape):
    """None selects all, and a list its members in that order."""
    part = attention().select(layer=layer, head=head)
    assert part.weights.shape[:2] == shape == (len(part.layers), len(part.heads))
    if isinstance(layer, list):
        np.testing.assert_array_equal(part.weights[:, 0], attention().weights[[1, 0], 2])


@pytest.mark.parametrize("empty", [[], (), {}, np.array([]), range(0), iter([]), "", set()])
def test_an_empty_choice(empty):
    """A choice of no layer or head is refused, in whatever form it comes."""
    for axis in ("layer", "head"):
        with pytest.raises(AttnvizError):
            attention().select(**{axis: empty})


def test_select_by_name_or_number():
    """A named head is found by its name and by its place."""
    named = Attention(TOKENS, TOKENS, attention(shape=(2, 2)).weights, heads=("who", "when"))
    assert named.select(head="when").heads == named.select(head=1).heads == ("when",)
    np.testing.assert_array_equal(named.select(head="when").weights, named.weights[:, 1:])


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        ({"layer": 2}, "no layer 2: there are 0, 1"),
        ({"head": 3}, "no head 3: there are 0, 1, 2"),
        ({"head": "who"}, "no head who"),
        ({"head": -1}, "no head -1"),
        ({"layer": [0, 5]}, "no layer 5"),
    ],
)
def test_what_is_not_there(wanted, named):
    """A layer or head that is not there raises MissingError, which lists those that are."""
    with pytest.raises(MissingError, match=named):
        attention().select(**wanted)


def test_mean():
    """The mean of the heads is one head named mean, in each layer; its rows still sum to 1."""
    whole = attention()
    mean = whole.mean()
    assert mean.heads == ("mean",)
    assert_near(mean.weights[:, 0], whole.weights.mean(axis=1))
    assert_rows_sum_to_one(mean.weights)
    one = whole.select(head=2)
    assert one.mean() is one


def test_traces_follow_the_heads():
    """Selecting a head takes its intermediates along; inputs and output stay those of all heads."""
    whole = run("猫吃鱼", heads=4)
    trace = whole.select(head=[2, 0]).traces[0]
    np.testing.assert_array_equal(trace.query, whole.traces[0].query[[2, 0]])
    np.testing.assert_array_equal(trace.logits, whole.traces[0].logits[[2, 0]])
    np.testing.assert_array_equal(trace.context, whole.traces[0].context[[2, 0]])
    assert trace.head_features == (whole.traces[0].head_features[2], whole.traces[0].head_features[0])
    assert trace.inputs is whole.traces[0].inputs
    assert trace.output is whole.traces[0].output


def test_cross():
    """Cross-attention is where the words of one text ask those of another; equal tokens are self-attention."""
    assert attention(key=OTHERS).is_cross
    assert not attention(key=tuple(Token(text) for text in "猫吃鱼")).is_cross


def test_repr_is_short():
    """The repr tells sizes and the first words, never the numbers."""
    many = tuple(Token(f"w{i}") for i in range(100))
    text = repr(attention(query=many, key=OTHERS))
    assert "2 layers x 3 heads x 100 queries x 2 keys: 'w0 w1 w2 w3 w4 …'" in text
    assert len(text) < 120
