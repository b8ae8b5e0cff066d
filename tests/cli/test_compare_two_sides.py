"""`compare` of one text on two sides: two models, two layers or two heads, in every output."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny_models import model_of


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Two tiny models with tokenizers of two kinds."""
    folder = tmp_path_factory.mktemp("two-sides")
    return [str(model_of(folder / name, name)) for name in ("bert", "gpt2")]


def test_two_models_on_the_command_line(call, models, tmp_path):
    """Two --model: a table with a verdict, how far apart and how they were matched; a page, a picture and data."""
    a, b = models
    page, picture, table = (tmp_path / f"two{suffix}" for suffix in (".html", ".svg", ".md"))
    arguments = ["compare", "the cat eats", "--model", a, "--model", b, "--layer", "0", "--layer", "1"]
    code, out, err = call(*arguments, "--save", str(page), "--save", str(picture), "--save", str(table))
    assert (code, err) == (0, "")
    assert "In gpt2, layer 1, “" in out
    assert "apart on average" in out
    assert "mean of the heads · left out: [CLS], [SEP] · -v: how it was computed" in " ".join(out.split())
    assert "BERT, bert, layer 0, mean of" in " ".join(call(*arguments, "-v")[1].split())
    assert "apart on average" in page.read_text("utf-8")
    assert "bert, layer 0" in table.read_text("utf-8")
    assert picture.stat().st_size > 1000
    code, out, _ = call(*arguments, "--head", "0,1", "--head", "1,0", "--json")
    document = json.loads(out)
    (one,) = document["runs"]
    assert code == 0
    assert document["names"] == ["bert, layer 0", "gpt2, layer 1"]
    assert [each["head"] for each in one["distances"]] == ["0 | 1", "1 | 0"]
    half = np.abs(np.array(one["delta"])).sum(axis=-1) / 2
    assert np.array_equal(np.round(half, 5), np.round([each["rows"] for each in one["distances"]], 5))
    code, out, _ = call(*arguments, "--lang", "zh")
    assert code == 0
    assert "平均" in out
    assert "apart" not in out


def test_two_layers_on_the_command_line(call, models):
    """Two --layer or --head of one model: names say which; several pair up in order, one comparison each."""
    out = call(
        "compare", "the cat", "--model", models[0], "--layer", "0", "--layer", "1", "--head", "1", "--no-special"
    )[1]
    assert "layer 0" in out
    assert "layer 1" in out
    assert out.endswith("\nleft out: [CLS], [SEP] · -v: how it was computed\n")
    out = call("compare", "the cat", "--model", models[0], "--head", "0", "--head", "1", "--merge", "none")[1]
    assert "head 0" in out
    assert "head 1" in out
    out = call("compare", "the cat", "--model", models[0], "--layer", "0,1", "--layer", "1,0", "--json")[1]
    assert [one["names"] for one in json.loads(out)] == [["layer 0", "layer 1"], ["layer 1", "layer 0"]]


def test_sides_of_files(call, tmp_path):
    """Two --layer of one file of weights, or of two; the same distances are told of any weights."""
    weights = np.random.default_rng(0).random((2, 2, 3, 3))
    path = tmp_path / "w.npz"
    np.savez(path, weights=weights / weights.sum(axis=-1, keepdims=True), tokens=np.array(["a", "b", "c"]))
    file = ["compare", "--weights", str(path)]
    code, out, _ = call(*file, "--layer", "0", "--layer", "1", "--head", "0", "--head", "1")
    assert code == 0
    assert "w.npz, layer 0, head 0" in out
    assert "w.npz, layer 1, head 1" in out
    assert "apart on average" in out
    code, out, _ = call(*file, "--weights", str(path), "--json")
    assert json.loads(out)["runs"][0]["distances"][0]["total_variation"] == 0
    for more, expected in (
        (["--layer", "0,1", "--layer", "1"], "one layer"),
        (["--layer", "0", "--layer", "5"], "no layer 5"),
        (["--head", "0,1", "--head", "1"], "one head for each side"),
        (["--head", "0", "--head", "1", "--weights", str(path), "--weights", str(path)], "hold 3 attentions"),
    ):
        code, out, err = call(*file, *more)
        assert code != 0
        assert not out
        assert expected in err
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["the cat", "--model", "A"], "nothing to compare it with"),
        (["the cat", "--model", "A", "--model", "B", "--model", "A"], "can be given twice, not 3 times"),
        (["the cat", "the dog", "--model", "A", "--model", "B"], "here are 2"),
        (["the cat", "--layer", "0", "--layer", "1"], "compared in a model"),
        (["", "--model", "A", "--model", "B"], "empty or blank"),
        (["the cat", "--model", "A", "--model", "B", "--layer", "x"], "--layer takes numbers"),
        (["the cat", "--model", "A", "--model", "B", "--head", "9"], "no head 9"),
        (["the cat", "--model", "A", "--model", "B", "--layer", "9"], "no layer 9"),
        (["the cat", "--model", "A", "--model", "B", "--layer", "all", "--layer", "0,1,9"], "no layer 9"),
        (["the cat", "--model", "A", "--model", "B", "--dim", "8"], "--dim is for the toy"),
        (["the cat", "--model", "A", "--model", "B", "--reduce", "all"], "compare takes one of them"),
        (["the cat", "--model", "A", "--model", "B", "--keys", "a dog"], "reads one text"),
        (["-", "--keys", "-", "--model", "A", "--model", "B"], "only once"),
    ],
)
def test_sides_that_cannot_be(call, models, arguments, expected):
    """What cannot be compared is refused in one line."""
    named = {"A": models[0], "B": models[1]}
    code, out, err = call("compare", *(named.get(one, one) for one in arguments))
    assert code != 0
    assert not out
    assert expected in err
    assert err.count("\n") == 1


def test_a_text_that_one_tokenizer_cannot_read(call, models):
    """Words that one model does not know are told by its name; the weights are shown all the same."""
    code, out, err = call("compare", "the ꙮ cat", "--model", models[0], "--model", models[1])
    assert code == 0
    assert "bert does not know 1 of the" in err
    assert "ꙮ[?]" in out
