"""Every argument of every public function and method: a value of another kind is one line of the project's own."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny_models import model_of

import attnviz
from attnviz import AttnvizError
from attnviz.api.result_kinds import kind_of, read_look
from attnviz.core.result import Result
from attnviz.models.continuation import Decoding
from attnviz.models.options import Options


class Unprintable:
    """An object that Python cannot write."""

    def __repr__(self):
        raise RuntimeError("no words")


WRONG = {
    "None": None,
    "5": 5,
    "-1": -1,
    "bytes": b"x",
    "[]": [],
    "{}": {},
    "path": Path("nowhere") / "x",
    "array": np.ones((3, 3)),
    "nan": float("nan"),
    "huge": 10**400,
    "object": object(),
    "unprintable": Unprintable(),
    "in a list": [Unprintable()],
}
# What the arguments that must be there are, by name; others are left out.
RIGHT = {
    "text": "猫吃鱼",
    "text_a": "猫吃鱼",
    "text_b": "鱼吃猫",
    "clean": "a",
    "corrupt": "b",
    "model": "nowhere",
    "model_a": "nowhere",
    "answer": "x",
    "reference": "nowhere",
    "path": "x.json",
    "shown": attnviz.run("猫吃鱼"),
    "attention": attnviz.run("猫吃鱼"),
    "passages": ["猫"],
    "parts": ["猫"],
    "piece": "x",
    "weights": np.eye(2),
    "logits": np.eye(2),
    "query": np.eye(2),
    "key": np.eye(2),
    "value": np.eye(2),
    "x": np.ones((2, 2, 2)),
    "heads": [0],
    "name": "en",
    "which": "0.0",
    "column": "entropy",
}
ANYTHING = {("Token", "is_unknown", "piece")}  # it compares with any value


def results():
    """One of each result that the toy gives, and the data that are public."""
    attention = attnviz.run("猫吃鱼", heads=2)
    return [
        attention,
        attention.traces[0],
        attention.query[0],
        attnviz.compare("猫吃鱼", "鱼吃猫"),
        attnviz.explain("猫吃鱼"),
        attnviz.ablate("猫吃鱼"),
        attnviz.lab("猫吃鱼"),
        attnviz.cost([5], measure=lambda *_: 0.0),
        attnviz.by_distance("猫吃鱼", 8),
        attnviz.heads("猫吃鱼", heads=2),
        attnviz.tokens("猫吃鱼"),
        attnviz.Settings(),
    ]


DRAWN = [one for one in results() if isinstance(one, Result)]


def public_functions():
    """Every public function by its name."""
    found = {name: getattr(attnviz, name) for name in attnviz.__all__}
    return {name: each for name, each in found.items() if inspect.isfunction(each)}


def methods_of(thing):
    """Every public method of an object by its name."""
    names = [name for name in dir(type(thing)) if not name.startswith("_")]
    found = {
        name: getattr(thing, name)
        for name in names
        if not isinstance(inspect.getattr_static(type(thing), name), property)
    }
    return {name: each for name, each in found.items() if inspect.ismethod(each) or inspect.isfunction(each)}


def arguments_of(function):
    """The names of a function's arguments, without *options, and those that must be there."""
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    found = [one for one in inspect.signature(function).parameters.values() if one.kind not in several]
    return [one.name for one in found], [one.name for one in found if one.default is one.empty]


def outcome(function, arguments):
    """The error that a call ends with; None for none. Any other exception is not caught."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(**arguments)
        except AttnvizError as error:
            return error
    return None


def try_all(label, function, right):
    """Try every wrong value for each argument; what is an object of no kind at all is always refused."""
    names, needed = arguments_of(function)
    for name in names:
        for kind, value in WRONG.items():
            if value is None and name not in needed and inspect.signature(function).parameters[name].default is None:
                continue  # the call without the argument
            arguments = {one: right[one] for one in needed} | {name: value}
            error = outcome(function, arguments)
            assert error is None or ("\n" not in str(error) and len(str(error)) < 600)
            if kind in ("object", "unprintable") and (*label, name) not in ANYTHING:
                assert error is not None, (*label, name)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", public_functions())
def test_functions(name):
    """No raw TypeError, ValueError, AttributeError or IndexError of any function."""
    function = public_functions()[name]
    right = RIGHT | {"cost": {"counts": [5]}, "split_heads": {"heads": 1, "x": np.eye(2)}}.get(name, {})
    if name == "cost":
        original, function = function, lambda **given: original(**{"measure": lambda *_: 0.0, **given})
        function.__signature__ = inspect.signature(original)
    try_all((name,), function, right)


@pytest.mark.parametrize("result", results(), ids=lambda result: type(result).__name__)
def test_methods(result):
    """Nor of any method of what they give, or of an option of it."""
    for name, method in methods_of(result).items():
        label = (type(result).__name__, name)
        run = {"run": result.runs[0]} if hasattr(result, "runs") else {}
        if label == ("Attention", "from_arrays"):
            try_all(label, method, RIGHT | {"tokens": ["a", "b"]})
        else:
            try_all(label, method, RIGHT | run)


@pytest.mark.parametrize(
    "result", [one for one in results() if isinstance(one, Result)], ids=lambda one: type(one).__name__
)
def test_looks(result):
    """Nor of any option of how they look."""
    for option in kind_of(result).options:
        for kind, value in WRONG.items():
            error = outcome(read_look, {"result": result, "method": "save()", "options": {option: value}})
            assert error is None or "\n" not in str(error)
            assert kind not in ("object", "unprintable") or error is not None, option


@pytest.mark.slow
@pytest.mark.parametrize(
    "result", [one for one in results() if isinstance(one, Result)], ids=lambda one: type(one).__name__
)
def test_looks_of_pictures(result):
    """Nor where a picture is drawn with them."""
    for option in kind_of(result).options:
        for value in WRONG.values():
            outcome(result.save, {"path": "x.svg", option: value})


def test_a_model(tmp_path):
    """Nor of a model's methods."""
    model = attnviz.load(str(model_of(tmp_path / "gpt2", "gpt2")))
    right = {
        "text": "the cat",
        "encoded": model.encode("the cat"),
        "options": Options(),
        "decoding": Decoding(2),
        "continuation": model.continuations("the cat", Options(), Decoding(2))[0],
        "image": np.zeros((8, 8, 3), np.uint8),
    }
    for name, method in methods_of(model).items():
        try_all(("Model", name), method, RIGHT | right)
