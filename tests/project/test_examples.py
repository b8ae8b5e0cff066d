"""Every example in the docstrings runs and gives what stands below it, and the reference has one for each name."""

from __future__ import annotations

import doctest
import importlib
import json
import re
from functools import cache, partial
from pathlib import Path

import pytest
from paths import ROOT
from real_models import SMOLLM2, needs_smollm2
from tiny_models import esm_of, model_of

import attnviz
from attnviz import Attention
from attnviz.core.result import Result

PACKAGE = ROOT / "attnviz"
WITH_EXAMPLES = sorted(path for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
# What a computation gives or takes: examples of the functions show them.
SHOWN_BY_FUNCTIONS = {
    name for name in attnviz.__all__ if isinstance(getattr(attnviz, name), type) and name not in ("Attention", "Model")
}


@cache
def examples(path):
    """The examples of a module: a DocTest for each docstring that has some."""
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    names = {**vars(module), "attnviz": attnviz, "json": json}
    found = doctest.DocTestFinder(exclude_empty=True).find(module, globs=names)
    return [test for test in found if test.examples]


def run_examples(tests):
    """Run the examples; return what doctest says of those that give something else."""
    told = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    for test in tests:
        runner.run(test, out=told.append, clear_globs=False)
    return "".join(told)


def of_a_real_model(test):
    """Whether the example needs the model of an installed package."""
    return SMOLLM2 in test.docstring


def make_models(tests):
    """Put tiny models where examples name one of the hub; skip without tokenizers."""
    for name, make in (("bert-base-cased", partial(model_of, family="bert")), ("facebook/esm2_t6_8M_UR50D", esm_of)):
        if any(name in test.docstring for test in tests):
            pytest.importorskip("tokenizers")
            make(Path(name))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_examples(path, tmp_path, monkeypatch):
    """Each example gives what stands below it."""
    if path.name == "result.py":
        pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    tests = [test for test in examples(path) if not of_a_real_model(test)]
    make_models(tests)
    assert run_examples(tests) == ""


@pytest.mark.slow
@needs_smollm2
def test_examples_of_a_real_model(tmp_path, monkeypatch):
    """So does each example of a real model, whose package is installed."""
    monkeypatch.chdir(tmp_path)
    tests = [test for path in WITH_EXAMPLES for test in examples(path) if of_a_real_model(test)]
    assert len(tests) >= 7
    assert run_examples(tests) == ""


def test_the_reference_has_an_example_for_each_name():
    """Each function of the Python reference has an example, and so has each method that every result has."""
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    names = set(re.findall(r"^::: attnviz\.(\w+)$", page, flags=re.MULTILINE)) - SHOWN_BY_FUNCTIONS
    assert {"run", "patch", "load_weights"} <= names
    documented = {name: getattr(attnviz, name) for name in names - {"Attention", "Model"}}
    documented |= {
        f"Result.{name}": getattr(Result, name) for name in ("save", "figure", "show", "to_json", "to_frame")
    }
    documented |= {f"Attention.{name}": getattr(Attention, name) for name in ("select", "mean", "from_arrays")}
    documented["Model.attend"] = attnviz.Model.attend
    assert [name for name, one in documented.items() if ">>> " not in (one.__doc__ or "")] == []
