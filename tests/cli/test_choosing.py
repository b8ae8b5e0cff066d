"""--layer and --head take lists, ranges, names, mean and all, in every command, with the toy, a model and --weights."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from near import assert_near
from real_models import MINILM, needs_minilm

import attnviz as package
from attnviz import Attention, cli


def attnviz(capsys, *arguments):
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return stop.value.code, out, err


@pytest.fixture
def saved(tmp_path):
    """A file with the weights of four layers of six heads."""
    raw = np.random.default_rng(4).random((4, 6, 3, 3))
    path = tmp_path / "w.npz"
    np.savez(path, weights=raw / raw.sum(axis=-1, keepdims=True), tokens=["the", "cat", "eats"])
    return path


def titles(out):
    """The titles of the panels, which stand beside each other where there is room."""
    lines = (line.strip() for line in out.splitlines())
    return [title for line in lines if line.startswith(("layer ", "mean of the")) for title in re.split(" {2,}", line)]


def test_lists_and_ranges(capsys, saved):
    """Each layer and head that is named has its panel, under its own number."""
    code, out, _ = attnviz(capsys, "run", "--weights", saved, "--layer", "0,3", "--head", "1,4-5")
    assert code == 0
    assert titles(out) == [f"layer {layer}, head {head}" for layer in (0, 3) for head in (1, 4, 5)]
    document = json.loads(attnviz(capsys, "run", "--weights", saved, "--layer", "1-2", "--head", "0,2", "--json")[1])
    assert (document["layers"], document["heads"]) == ([1, 2], [0, 2])
    code, out, _ = attnviz(capsys, "run", "猫吃鱼", "--heads", "4", "--head", "1,3", "--json")
    assert len(json.loads(out)["heads"]) == 2


def test_mean_over_layers_says_so(capsys, saved, tmp_path):
    """The mean over layers is told in titles, captions, data, pictures' descriptions and pages, and comes back."""
    code, out, _ = attnviz(capsys, "run", "--weights", saved, "--layer", "mean", "--head", "0-1")
    assert code == 0
    assert titles(out) == ["mean of the layers, head 0", "mean of the layers, head 1"]
    assert "mean of 4 layers" in " ".join(out.split())
    code, out, _ = attnviz(capsys, "export", "--weights", saved, "--layer", "mean", "--head", "2", "--alt")
    assert "mean of 4 layers" in out
    files = [tmp_path / f"m{suffix}" for suffix in (".json", ".npz", ".csv", ".html", ".svg")]
    assert attnviz(capsys, "export", "--weights", saved, "--layer", "mean", *files)[0] == 0
    with np.load(saved) as file:
        expected = file["weights"].mean(axis=0)
    for path in files[:2]:
        (found,) = package.load_weights(path)
        assert found.layers == ("mean",)
        assert found.provenance.mean_layers == (0, 1, 2, 3)
        assert_near(found.weights[0], expected)
        assert "mean of 4 layers" in " ".join(attnviz(capsys, "run", "--weights", path)[1].split())
    assert files[2].read_text(encoding="utf-8-sig").splitlines()[1].startswith("mean,0,")
    assert "mean of 4 layers" in files[3].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "layers", "heads"),
    [
        (["--layer", "0,5", "--head", "1,3"], [0, 5], [1, 3]),
        (["--layer", "2-4", "--head", "0"], [2, 3, 4], [0]),
        (["--layer", "mean"], ["mean"], list(range(12))),
        (["--layer", "mean", "--head", "mean"], ["mean"], ["mean"]),
    ],
)
@needs_minilm
def test_a_model(capsys, options, layers, heads):
    """With a model only the layers that were chosen are kept."""
    code, out, _ = attnviz(capsys, "run", "the cat", "--model", MINILM, "--json", *options)
    assert code == 0
    document = json.loads(out)
    assert (document["layers"], document["heads"]) == (layers, heads)


@needs_minilm
def test_a_model_in_python():
    """In Python layers are lists, ranges and texts."""
    every = package.run("the cat", model=MINILM)
    assert package.run("the cat", model=MINILM, layers=range(2, 4)).layers == (2, 3)
    assert package.run("the cat", model=MINILM, layers="0,2-3").layers == (0, 2, 3)
    assert package.run("the cat", model=MINILM, layers="all").layers == every.layers
    mean = package.run("the cat", model=MINILM, layers="mean")
    assert_near(mean.weights, every.weights.mean(axis=0, keepdims=True))
    assert (mean.traces, mean.output) == ((), None)
    hidden = package.run("the cat", model=MINILM, layers="mean", no_special=True)
    assert len(hidden.provenance.hidden.share_of("mean")) == 12


def test_compare(capsys, saved):
    """Compare takes one layer, several, all or their mean, and several heads."""
    files = ["--weights", saved, "--weights", saved]
    code, out, _ = attnviz(capsys, "compare", *files, "--layer", "0,2", "--json")
    assert code == 0
    assert len(json.loads(out)) == 2
    assert len(json.loads(attnviz(capsys, "compare", *files, "--layer", "all", "--json")[1])) == 4
    code, out, _ = attnviz(capsys, "compare", *files, "--layer", "mean", "--head", "1-2")
    assert code == 0
    assert "mean of 4 layers" in " ".join(out.split())
    assert [head in out for head in ("head 1", "head 2", "head 3")] == [True, True, False]
    code, out, _ = attnviz(capsys, "compare", "猫吃鱼", "鱼吃猫", "--heads", "4", "--head", "0,2", "--json")
    assert code == 0
    assert np.shape(json.loads(out)["runs"][0]["a"])[0] == 2
    (one,) = package.load_weights(saved)
    assert [each.layers for each in package.compare(one, one, layer="0,2")] == [(0,), (2,)]


@needs_minilm
def test_compare_with_a_model(capsys):
    """So it does with a model."""
    texts = ["the cat eats", "the eats cat", "--model", MINILM]
    code, out, _ = attnviz(capsys, "compare", *texts, "--layer", "1-2", "--json")
    assert code == 0
    assert len(json.loads(out)) == 2
    code, out, _ = attnviz(capsys, "compare", *texts, "--layer", "mean")
    assert code == 0
    assert "mean of 6 layers" in " ".join(out.split())


def test_explain(capsys, saved):
    """Explain takes a layer, or the mean of all; several heads are compared."""
    code, out, _ = attnviz(capsys, "explain", "--weights", saved, "--layer", "mean", "--token", "cat", "--head", "1")
    assert code == 0
    assert "mean of the layers" in " ".join(out.split())
    code, out, _ = attnviz(capsys, "explain", "--weights", saved, "--head", "0,2", "--token", "cat", "--json")
    assert json.loads(out)["heads"] == [0, 2]
    assert attnviz(capsys, "explain", "--weights", saved, "--layer", "3")[0] == 0


@pytest.mark.parametrize(
    ("layers", "shown"), [("2,0", [2, 0]), ("0, 2-3", [0, 2, 3]), ("1-1", [1]), ("all", [0, 1, 2, 3])]
)
def test_explain_several_layers(capsys, saved, tmp_path, layers, shown):
    """Each layer has a sheet of its own, that of the layer alone, of one word; files are numbered."""
    arguments = ("explain", "--weights", saved, "--layer", layers)
    code, out, err = attnviz(capsys, *arguments, "--save", tmp_path / "x.md", "--json")
    assert code == 0
    documents = json.loads(out)
    documents = documents if isinstance(documents, list) else [documents]
    assert [one["layer"] for one in documents] == shown
    assert len({one["token"] for one in documents}) == 1
    assert err.count("is explained: its row is the least even") == (1 if len(shown) > 1 else 2)
    for one in documents:
        alone = (*arguments[:3], "--layer", str(one["layer"]), "--token", str(one["token"]), "--json")
        assert json.loads(attnviz(capsys, *alone)[1]) == one
    names = [f"x-{place + 1}.md" for place in range(len(shown))] if len(shown) > 1 else ["x.md"]
    assert sorted(path.name for path in tmp_path.glob("x*")) == names
    for name, layer in zip(names, shown, strict=True):
        assert f"layer {layer} · " in (tmp_path / name).read_text(encoding="utf-8")
    out = attnviz(capsys, *arguments, "--head", "1,4")[1]
    assert re.findall("^layer ([0-9]+) .* 2 of 6 heads", out, re.MULTILINE) == list(map(str, shown))


def test_explain_the_least_even_word_of_all_layers(capsys, tmp_path):
    """Without --token the word is explained whose row is least even in any chosen layer and head."""
    weights = np.full((2, 2, 3, 3), 1 / 3)
    weights[0, 0, 1], weights[1, 1, 2], weights[1, 0, 0] = (0.2, 0.6, 0.2), (0.9, 0.1, 0), (0.5, 0.25, 0.25)
    np.savez(tmp_path / "w.npz", weights=weights, tokens=["the", "cat", "eats"])
    explain = ("explain", "--weights", tmp_path / "w.npz", "--json", "--layer", "0,1")
    for head, token in (((), 2), (("--head", "0"), 1), (("--head", "0,1"), 2), (("--head", "mean"), 2)):
        assert {one["token"] for one in json.loads(attnviz(capsys, *explain, *head)[1])} == {token}


def test_explain_at_most_so_many_layers(capsys, tmp_path):
    """More sheets than anyone reads are refused with an example that works; a layer that is not there is named."""
    np.save(tmp_path / "w.npy", np.full((65, 1, 2, 2), 0.5))
    explain = ("explain", "--weights", tmp_path / "w.npy", "--layer")
    code, _, err = attnviz(capsys, *explain, "all")
    assert code == 2
    assert "at most 64, and 65 layers are chosen. Choose fewer, for example: --layer 0,1,2." in err
    assert attnviz(capsys, *explain, "0,1,2")[0] == 0
    assert attnviz(capsys, *explain, "0-63")[0] == 0
    assert "no layer 70" in attnviz(capsys, *explain, "0,70")[2]


def test_show():
    """show() chooses as the command line does."""
    found = Attention.from_arrays(np.full((3, 5, 2, 2), 0.5), ["a", "b"])
    text = str(package.show(found, "table", head=[0, 3], layer=range(2)))
    assert [f"layer {layer}, head {head}" in text for layer, head in ((0, 0), (1, 3), (2, 0))] == [True, True, False]
    assert "mean of the layers" in str(package.show(found, "table", head="mean", layer="mean"))
