"""A value of the wrong type is an error of the project's own, in one line, whatever function it is given to."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_rows_sum_to_one
from real_models import MINILM, needs_minilm

import attnviz
from attnviz import Attention, AttnvizError


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file of weights."""
    found = tmp_path_factory.mktemp("weights") / "w.npy"
    np.save(found, np.eye(2))
    return found


def given(**options):
    """Weights of two words, read with these options."""
    return Attention.from_arrays(np.eye(2), ["a", "b"], **options)


CALLS = {
    "lab vary": lambda: attnviz.lab("猫吃鱼", vary=5),
    "lab vary of text": lambda: attnviz.lab("猫吃鱼", vary="mask=none"),
    "lab vary of numbers": lambda: attnviz.lab("猫吃鱼", vary=[5]),
    "lab settings": lambda: attnviz.lab("猫吃鱼", 5),
    "lab head": lambda: attnviz.lab("猫吃鱼", head=[]),
    "lab head number": lambda: attnviz.lab("猫吃鱼", head=1.5),
    "cost text": lambda: attnviz.cost("a"),
    "cost number": lambda: attnviz.cost(5),
    "cost none": lambda: attnviz.cost([None]),
    "cost texts": lambda: attnviz.cost(["5"]),
    "cost fraction": lambda: attnviz.cost([1.5]),
    "cost heads": lambda: attnviz.cost([5], heads="a"),
    "cost layers": lambda: attnviz.cost([5], layers=None),
    "cost mask": lambda: attnviz.cost([5], mask=5),
    "by_distance count": lambda: attnviz.by_distance("猫", "x"),
    "by_distance none": lambda: attnviz.by_distance("猫", None),
    "by_distance fraction": lambda: attnviz.by_distance("猫", 8.5),
    "by_distance vary": lambda: attnviz.by_distance("猫", 8, vary=5),
    "ablate head": lambda: attnviz.ablate("猫吃鱼", head=[]),
    "ablate settings": lambda: attnviz.ablate("猫吃鱼", None, 5),
    "ablate token": lambda: attnviz.ablate("猫吃鱼", token=[]),
    "explain layer": lambda: attnviz.explain("猫吃鱼", layer=[]),
    "explain layer fraction": lambda: attnviz.explain("猫吃鱼", layer=1.5),
    "explain head": lambda: attnviz.explain("猫吃鱼", head={}),
    "softmax number": lambda: attnviz.softmax(5),
    "softmax none": lambda: attnviz.softmax(None),
    "softmax text": lambda: attnviz.softmax("a"),
    "softmax ragged": lambda: attnviz.softmax([[1, 2], [3]]),
    "kernel temperature": lambda: attnviz.scaled_dot_product_attention(
        np.eye(2), np.eye(2), np.eye(2), temperature="1"
    ),
    "temperature": lambda: attnviz.run("猫吃鱼", temperature=10**400),
    "run settings": lambda: attnviz.run("猫吃鱼", 5),
    "run dates": lambda: attnviz.run(vectors=np.array(["2020", "2021"], dtype="datetime64")),
    "run labels": lambda: attnviz.run(vectors=np.eye(2), labels=5),
    "run labels of numbers": lambda: attnviz.run(vectors=np.eye(2), labels=[1, 2]),
    "compare settings": lambda: attnviz.compare("猫吃", "吃猫", 5),
    "compare layer": lambda: attnviz.compare("猫吃", "吃猫", layer=[]),
    "show head": lambda: attnviz.show(attnviz.run("猫"), head=1.5),
    "select head": lambda: attnviz.run("猫").select(head=[None]),
    "names of layers": lambda: given(layers=5),
    "negative layer": lambda: given(layers=[-1]),
    "layers of text": lambda: given(layers=["x"]),
    "heads": lambda: given(heads=5),
    "heads of text": lambda: given(heads="a"),
    "head of none": lambda: given(heads=[None]),
    "head of fraction": lambda: given(heads=[0.5]),
    "normalize": lambda: given(normalize="x"),
    "partial": lambda: given(partial=1),
    "allowed": lambda: given(allowed="x"),
    "mask": lambda: given(mask=5),
    "special": lambda: given(special_tokens_mask=["x", "y"]),
    "special number": lambda: given(special_tokens_mask=5),
    "text": lambda: given(text=5),
    "attention": lambda: given(attention=5),
    "weights": lambda: Attention.from_arrays({"a": 1}, ["a"]),
    "generator": lambda: Attention.from_arrays((x for x in [1]), ["a"]),
}


@pytest.mark.parametrize("name", CALLS)
def test_wrong_types(name):
    """No raw TypeError, AttributeError or IndexError."""
    with pytest.raises(AttnvizError) as error:
        CALLS[name]()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("options", [{"labels": 5}, {"labels": [5]}, {"merge": 5}, {"normalize": "x"}])
def test_wrong_types_for_files(path, options):
    """Nor for a file of weights."""
    with pytest.raises(AttnvizError):
        attnviz.load_weights(path, **options)
    with pytest.raises(AttnvizError, match="string or a path"):
        attnviz.load_weights(None)


@pytest.mark.parametrize("layers", [[], 1.5, ["6"], ["0", "x"], [True], "x"])
@needs_minilm
def test_wrong_layers(layers):
    """Nor for the layers of a model."""
    with pytest.raises(AttnvizError):
        attnviz.run("猫", model=MINILM, layers=layers)


def test_large_temperature():
    """A whole number that float64 holds is a temperature like any other."""
    assert_rows_sum_to_one(attnviz.run("猫吃鱼", temperature=10**30).weights)
