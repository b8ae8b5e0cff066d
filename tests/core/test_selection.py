"""Which layers and heads are meant: lists, ranges and names, each once; what is not there is one line."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near, assert_rows_sum_to_one

from attnviz import Attention, run
from attnviz.core.errors import AttnvizError, MissingError, OptionError
from attnviz.core.selection import layer_numbers
from attnviz.models.request import numbers_of_layers


def weights(shape=(6, 4), **options):
    """Random attention of three words."""
    raw = np.random.default_rng(2).random((*shape, 3, 3))
    return Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), list("abc"), **options)


@pytest.mark.parametrize(
    ("wanted", "places"),
    [
        ("3", [3]),
        (3, [3]),
        ("0,5", [0, 5]),
        ("2-4", [2, 3, 4]),
        ("0,2-4", [0, 2, 3, 4]),
        ("4,0,4", [4, 0]),
        (" 1 , 3 ", [1, 3]),
        ("1，3", [1, 3]),
        ("０，２－４", [0, 2, 3, 4]),
        ("３", [3]),
        ("5-5", [5]),
        ([0, 5], [0, 5]),
        (range(2, 5), [2, 3, 4]),
        (np.array([1, 3]), [1, 3]),
        (["1", "3-4"], [1, 3, 4]),
        ("all", [0, 1, 2, 3, 4, 5]),
        (None, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_layers(wanted, places):
    """Layers are chosen by a text, a number or several, and keep their numbers and weights."""
    attention = weights()
    found = attention.select(layer=wanted)
    assert found.layers == tuple(places)
    assert np.array_equal(found.weights, attention.weights[places])
    if isinstance(wanted, str):
        numbers = layer_numbers(wanted)
        assert numbers is None if wanted == "all" else numbers == sorted(set(places))


def test_heads():
    """Heads are chosen so too; those with names by their names or their places."""
    attention = weights()
    assert attention.select(head="1,3").heads == (1, 3)
    assert attention.select(head="0-2").heads == (0, 1, 2)
    toy = run("猫吃鱼", heads=4)
    assert toy.select(head="1,3").heads == (toy.heads[1], toy.heads[3])
    assert toy.select(head=f"{toy.heads[2]},0").heads == (toy.heads[2], toy.heads[0])
    assert toy.select(head="1-3").heads == toy.heads[1:]
    named = weights((1, 3), heads=["a,b", "1-2", "c"])
    assert named.select(head="a,b").heads == ("a,b",)
    assert named.select(head="1-2").heads == ("1-2",)
    wide = weights((1, 3), heads=["头１", "２", "c"])
    assert wide.select(head="头１,２").heads == ("头１", "２")
    assert wide.select(head="２、０").heads == ("２", "头１")
    assert attention.select(head=" 2 ").heads == (2,)


def test_numbers_with_gaps():
    """A range of layers has those that are there between its ends."""
    attention = weights((3, 4), layers=[1, 3, 7])
    assert attention.select(layer="1-6").layers == (1, 3)
    with pytest.raises(MissingError, match="no layer 8"):
        attention.select(layer="1-8")


@pytest.mark.parametrize(
    ("wanted", "kind", "words"),
    [
        ("6", MissingError, "no layer 6"),
        (6, MissingError, "no layer 6"),
        (-1, MissingError, "no layer -1"),
        ("0,6", MissingError, "no layer 6"),
        ("4-6", MissingError, "no layer 6"),
        ("4-2", OptionError, "4-2 runs backwards: a range of layers is 2-4"),
        ("0,", OptionError, "no list of layers"),
        ("0,mean", OptionError, "no list of layers"),
        ("all,1", OptionError, "no list of layers"),
        (1.5, OptionError, "not 1.5"),
        (True, OptionError, "not True"),
        ([None], OptionError, r"not \[None\]"),
        ("x", MissingError, "no layer x"),
        ("", MissingError, "no layer"),
    ],
)
def test_what_is_not_there(wanted, kind, words):
    """What cannot be chosen is an error of one line."""
    with pytest.raises(kind, match=words) as error:
        weights().select(layer=wanted)
    assert isinstance(error.value, AttnvizError)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wanted", ["x", "1.5", "0,,2", "-1", "0,mean", "4-2", "²", "1-", "0-99999999"])
def test_layers_before_they_are_known(wanted):
    """A text that names no layers is refused before anything is computed."""
    with pytest.raises(AttnvizError, match=r"layer takes|no list|backwards|no layer"):
        layer_numbers(wanted)


def test_mean_of_layers():
    """The mean of layers is their mean, head by head; it says of which layers, and where anything is allowed."""
    causal = np.tri(3, dtype=bool)
    raw = np.where(causal, 1.0, 0) / [[1], [2], [3]]
    even = np.full((3, 3), 1 / 3)
    both = Attention.from_arrays(
        np.stack([raw, even])[:, None], list("abc"), allowed=np.stack([causal, np.ones((3, 3), bool)])[:, None]
    )
    mean = both.select(layer="mean")
    assert_near(mean.weights[0, 0], (raw + even) / 2)
    assert_rows_sum_to_one(mean.weights)
    assert mean.layers == ("mean",)
    assert mean.allowed.all()
    assert mean.provenance.mean_layers == (0, 1)
    attention = weights()
    assert_near(attention.select(layer="mean", head="mean").weights[0, 0], attention.weights.mean(axis=(0, 1)))
    some = attention.select(layer="2-4").mean_layers()
    assert some.provenance.mean_layers == (2, 3, 4)
    assert attention.select(layer=3).mean_layers().layers == (3,)


def test_mean_of_some_heads_is_told():
    """The mean of some of the heads keeps which they are."""
    assert weights().select(head=[0, 2]).mean().provenance.mean_heads == (0, 2)
    assert weights().mean().provenance.mean_heads == ()


@pytest.mark.parametrize(
    "wanted", [np.array([1, 3]), ["1", "3"], iter([1, 3]), range(1, 4, 2), {1, 3}, [1, -1], "1，3"]
)
def test_layers_of_a_model(wanted):
    """A model's layers are chosen by the same kinds of several; -1 is its last one."""
    assert sorted(numbers_of_layers(wanted, [0, 1, 2, 3])) == [1, 3]


@pytest.mark.parametrize("wanted", [[], np.array([]), [True], [0.5], ["mean"], [None]])
def test_what_names_no_layer_of_a_model(wanted):
    """Nothing, and what is no whole number, is refused."""
    with pytest.raises(OptionError, match="layers are whole numbers"):
        numbers_of_layers(wanted, [0, 1])
