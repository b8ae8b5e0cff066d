"""`lab --model` on the command line: every output, and what it refuses."""

from __future__ import annotations

import json

import pytest
from tiny_models import model_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny encoder."""
    return str(model_of(tmp_path_factory.mktemp("lab-cli") / "bert", "bert"))


def test_a_laboratory_of_a_model(call, model, tmp_path):
    """A grid a setting with its bits, its blindness and what becomes of the output; files have the same."""
    files = [tmp_path / f"lab{suffix}" for suffix in (".html", ".svg", ".md", ".csv", ".json")]
    saved = [part for path in files for part in ("--save", str(path))]
    code, out, err = call("lab", "the cat eats", "--model", model, "--no-special", "--merge", "word", *saved)
    assert (code, err) == (0, "")
    assert "one position for all, own mask" in out
    assert "order-blind" in out
    assert "cosine" in out
    assert "own mask: no mask" in " ".join(out.split())
    for path in files:
        assert path.stat().st_size > 300
    assert "order-blind" in files[0].read_text("utf-8")
    assert "cosine" in files[3].read_text("utf-8-sig").split("\n", 1)[0]
    code, out, _ = call("lab", "the cat", "--model", model, "--vary", "temperature=1,2", "--layer", "1", "--at", "0-1")
    assert code == 0
    assert "changed in the layers 0, 1 alone" in " ".join(out.split())
    code, out, _ = call("lab", "the cat", "--model", model, "--vary", "mask=own", "--json", "--head", "2")
    document = json.loads(out)
    assert (document["layer"], document["head"], document["changed"]) == (2, 2, None)
    assert "余弦" in call("lab", "the cat", "--model", model, "--lang", "zh")[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--vary", "base=500"], "no rotary positions: there is no base to vary"),
        (["--vary", "position=same", "--at", "0"], "Leave --at out"),
        (["--vary", "position=none"], "position=own"),
        (["--mask", "causal"], "Use --vary mask=own,VALUE"),
        (["--heads", "2"], "--heads is for the toy"),
        (["--long", "40"], "--long"),
        (["--keys", "a dog"], "--keys is for the toy"),
        (["--layer", "7"], "no layer 7"),
        (["--at", "7"], "no layer 7"),
        (["--head", "0,9"], "no head 9"),
        (["--merge", "x"], "--merge"),
        (["--vary", "temperature=-1"], "above 0"),
    ],
)
def test_settings_that_cannot_be(call, model, arguments, expected):
    """What cannot be varied is refused in one line."""
    code, out, err = call("lab", "the cat", "--model", model, *arguments)
    assert code != 0
    assert not out
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--at", "0"], ["--layer", "0"], ["--no-special"], ["--merge", "word"]])
def test_options_of_a_model_alone(call, arguments):
    """What only a model has is refused for the toy."""
    code, _, err = call("lab", "猫吃鱼", *arguments)
    assert code != 0
    assert "goes with --model" in err


def test_an_empty_text_in_the_laboratory(call, model):
    """An empty text is refused."""
    code, _, err = call("lab", "", "--model", model)
    assert code != 0
    assert "empty or blank" in err


def test_several_layers_and_heads(call, model):
    """Each layer and head has its own maps in `lab`; `ablate` removes these heads of a model alone."""
    code, out, err = call("lab", "the cat", "--model", model, "--vary", "mask=own", "--layer", "0,2", "--head", "1-2")
    assert (code, err) == (0, "")
    assert all(f"layer {layer}, head {head}, own mask" in out for layer in (0, 2) for head in (1, 2))
    code, out, _ = call("lab", "the cat", "--model", model, "--vary", "mask=own", "--layer", "all", "--json")
    assert [cell["layer"] for cell in json.loads(out)["cells"]] == [0, 1, 2]
    code, out, _ = call("ablate", "the cat", "--model", model, "--layer", "1", "--head", "0,3")
    assert (code, "head 1.0" in out, "head 1.3" in out, "head 1.1" in out) == (0, True, True, False)
    code, out, _ = call("ablate", "我爱吃鱼", "--heads", "2", "--head", "all", "--json")
    assert json.loads(out)["heads"] == [0, 1]
    code, out, err = call("ablate", "我爱吃鱼", "--layer", "0")
    assert (code, "--layer goes with --model" in err) == (2, True)
    code, out, err = call("ablate", "the cat", "--model", model, "--head", "mean")
    assert (code, "mean of heads cannot be switched off" in err) == (2, True)
