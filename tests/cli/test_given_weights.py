"""--weights: what others computed is shown for what it is, and compared, explained and exported as with a model."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2

from attnviz import cli


def attnviz(capsys, *arguments):
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(map(str, arguments)))
    out, err = capsys.readouterr()
    return stop.value.code, " ".join(out.split()), " ".join(err.split())


@pytest.fixture
def saved(tmp_path):
    """Save arrays in a file of weights, and return its path."""

    def save(name="w.npz", **arrays):
        path = tmp_path / name
        if name.endswith(".json"):
            lists = {part: np.asarray(array).tolist() for part, array in arrays.items()}
            path.write_text(json.dumps(lists), encoding="utf-8")
        else:
            np.savez(path, **arrays)
        return path

    return save


THIRDS = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.333984375] * 3], dtype=np.float32)  # of bfloat16
SINKS = np.array([[0.005, 0, 0], [0.25, 0.25, 0], [0.25, 0.25, 0.5]])


@pytest.mark.parametrize("name", ["w.npz", "w.json"])
def test_rounded_rows_are_told(capsys, saved, name):
    """Rows of bfloat16 are shown, and the caption says by how much they miss 1; a document of them comes back."""
    path = saved(name, weights=THIRDS, tokens=["a", "b", "c"])
    code, out, err = attnviz(capsys, "run", "--weights", path)
    assert (code, err) == (0, "")
    assert "sums to 1 within .002, since the numbers are bfloat16" in out
    code, _, _ = attnviz(capsys, "export", "--weights", path, path.with_name("again.json"))
    assert attnviz(capsys, "run", "--weights", path.with_name("again.json"))[1] == out
    document = json.loads(path.with_name("again.json").read_text(encoding="utf-8"))
    assert document["settings"]["precision"] == {"name": "bfloat16", "off": 0.001953125}


def test_decimals_are_told(capsys, saved):
    """So are rows that were rounded to decimal places."""
    path = saved("w.json", weights=[[0.33, 0.33, 0.33], [0.5, 0.5, 0], [1, 0, 0]], tokens=["a", "b", "c"])
    code, out, _ = attnviz(capsys, "run", "--weights", path)
    assert code == 0
    assert "within .01, since the numbers have 2 decimals" in out


@pytest.mark.parametrize("command", ["run", "explain", "export", "compare"])
def test_the_remedy_for_sinks_works(capsys, saved, command):
    """Rows that sum to less are refused with the option that shows them as they are, which works in every command."""
    path = saved(weights=SINKS, tokens=["the", "cat", "eats"])
    ways = {"export": ["--alt"], "compare": ["--weights", path]}
    arguments = [command, "--weights", path, *ways.get(command, [])]
    code, _, err = attnviz(capsys, *arguments)
    assert code == 1
    (option,) = re.findall(r"(--partial)", err)
    code, out, err = attnviz(capsys, *arguments, option)
    assert (code, err.count("sums to")) == (0, 0)
    if command == "run":
        assert "the .005 0 0" in out
        assert (
            ".498 of the weight, not shown, went to keys that are not here (by row: the .995, cat .500, eats 0)" in out
        )


def test_partial_rows_of_many(capsys, saved):
    """Of many rows, or several heads, the range is told; a document comes back with what it says of itself."""
    weights = np.stack([SINKS, np.tril(np.ones((3, 3))) / [[1], [2], [3]]])
    path = saved(weights=weights, tokens=["the", "cat", "eats"])
    code, out, _ = attnviz(capsys, "run", "--weights", path, "--partial")
    assert code == 0
    assert ".249 of the weight, not shown, went to keys that are not here (from 0 to .995 of a row)" in out
    again = path.with_name("again.npz")
    assert attnviz(capsys, "export", "--weights", path, again, "--partial")[0] == 0
    assert attnviz(capsys, "run", "--weights", again)[1] == out
    text = attnviz(capsys, "run", "--weights", again, "--view", "text")[1]
    assert "not shown, went to keys that are not here" in text


@pytest.mark.parametrize(
    ("weights", "option"),
    [
        ([[0.51234, 0.5], [0, 1]], "--normalize"),
        ([[0.7123, 0.5], [0, 1]], "--normalize"),
        ([[3.5, 2], [0, 1]], "--normalize"),
    ],
)
def test_every_remedy_works(capsys, saved, weights, option):
    """The option that an error names is one that works."""
    path = saved(weights=np.array(weights), tokens=["a", "b"])
    code, _, err = attnviz(capsys, "run", "--weights", path)
    assert code == 1
    assert option in err
    code, out, err = attnviz(capsys, "run", "--weights", path, option)
    assert code == 0
    assert "rows divided by their sums" in out


PIECES = ["<s>", "æĪĳ", "ä¸Ĭ", "åĳ", "¨", "Ġcats", "</s>"]
SOME = np.full((7, 7), 1 / 7)
FIRST = np.full((7, 7), 0.02) + 0.86 * (np.arange(7) == 0)


def test_pieces_are_joined_as_with_a_model(capsys, saved):
    """Pieces of a vocabulary are read back; those of one character are joined, or numbered, and words are joined."""
    path = saved(weights=SOME, tokens=PIECES)
    code, out, err = attnviz(capsys, "run", "--weights", path)
    assert code == 0
    assert "<s> 我 上 周 cats </s>" in out
    assert "read as pieces of a byte-level vocabulary" in err
    assert "<s> .143 .143 .143 .286 .143 .143" in out
    assert "周₁ 周₂" in attnviz(capsys, "run", "--weights", path, "--merge", "none")[1]
    out = attnviz(capsys, "run", "--weights", path, "--no-special", "--head", "0")[1]
    assert "我 上 周 cats" in out
    assert ".29 of the weight, not shown, went to <s>, </s>" in out
    assert "sum to 1" in attnviz(capsys, "run", "--weights", path, "--no-special", "--renormalize")[1]
    assert "我上周 cats" in attnviz(capsys, "run", "--weights", path, "--token", "周")[1]
    path = saved(weights=FIRST, tokens=PIECES)
    assert "† “<s>” is a sink" in "".join(attnviz(capsys, "run", "--weights", path, "--sinks", "mark")[1:])


def test_words_are_joined(capsys, saved):
    """--merge word joins pieces of a word, also of an own document."""
    path = saved(weights=np.eye(4), tokens=["[CLS]", "un", "##known", "[SEP]"])
    code, out, _ = attnviz(capsys, "run", "--weights", path, "--merge", "word")
    assert code == 0
    assert "[CLS] unknown [SEP]" in out
    again = path.with_name("again.json")
    assert attnviz(capsys, "export", "--weights", path, again, "--merge", "none")[0] == 0
    assert attnviz(capsys, "run", "--weights", again, "--merge", "word")[1].startswith(out[:60])


def test_nothing_special_is_known(capsys, saved):
    """--no-special hides nothing where no token is known to be special, and says so."""
    path = saved(weights=np.eye(2), tokens=["a", "b"])
    code, out, err = attnviz(capsys, "run", "--weights", path, "--no-special")
    assert code == 0
    assert "No token here is known to be a special one" in err
    assert "a 1.000" in out


def test_special_tokens_mask_and_mask(capsys, saved):
    """A file tells its special tokens and its padding."""
    weights = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0]])
    path = saved(weights=weights, tokens=["begin", "cat", "void"], mask=[1, 1, 0], special_tokens_mask=[1, 0, 0])
    code, out, _ = attnviz(capsys, "run", "--weights", path, "--no-special")
    assert code == 0
    assert "cat .500" in out
    assert "void" not in out
    assert "went to begin" in out


def test_padding_is_left_out(capsys, saved):
    """Padding that its name tells, and that no word attends to, is left out with a note."""
    weights = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [1, 0, 0, 0]])
    path = saved(weights=weights, tokens=["a", "b", "<pad>", "<pad>"])
    code, out, err = attnviz(capsys, "run", "--weights", path)
    assert code == 0
    assert "2 tokens of padding, <pad>, are left out" in err
    assert "pad" not in out
    seen = saved("seen.npz", weights=np.full((4, 4), 0.25), tokens=["a", "b", "<pad>", "<pad>"])
    assert "2 of 4 tokens are padding" in attnviz(capsys, "run", "--weights", seen)[2]


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("merge", ["none", "char", "word"])
@needs_minilm
def test_layers_of_a_model_are_compared(capsys, tmp_path, suffix, merge):
    """Documents of a model with special tokens are compared: two layers, a pair of texts, joined or not."""
    paths = [tmp_path / f"{layer}{suffix}" for layer in (0, 5)]
    for layer, path in zip((0, 5), paths, strict=True):
        words = ["the cat unaffable", "--model", MINILM, "--layer", layer, "--merge", merge]
        assert attnviz(capsys, "export", *words, path)[0] == 0
    code, out, err = attnviz(capsys, "compare", "--weights", paths[0], "--weights", paths[1])
    assert code == 0, err
    assert "[CLS]" in out
    assert "Layer 0 is compared with layer 5" in err
    assert "“" in out
    code, out, _ = attnviz(capsys, "compare", "--weights", paths[0], "--weights", paths[0])
    assert code == 0
    assert "looks at the others" in out
    for path in paths:
        assert attnviz(capsys, "compare", "--weights", path, "--weights", path, "--no-special")[0] == 0


@needs_minilm
def test_pairs_of_texts_are_compared(capsys, tmp_path):
    """So are documents of two segments, and documents whose tokens have other names."""
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for pair, path in zip(("the fish", "a fish"), paths, strict=True):
        words = ["the cat", "--pair", pair, "--model", MINILM, "--layer", "0"]
        assert attnviz(capsys, "export", *words, path)[0] == 0
    code, out, err = attnviz(capsys, "compare", "--weights", paths[0], "--weights", paths[1])
    assert code == 0, err
    assert "fish" in out
    names = " ".join("ABCDEFGH"[: len(json.loads(paths[0].read_text(encoding="utf-8"))["tokens"])])
    same = ["compare", "--weights", paths[0], "--weights", paths[0], "--labels", names]
    assert attnviz(capsys, *same)[0] == 0


@needs_minilm
@needs_smollm2
def test_two_models_are_compared(capsys, tmp_path):
    """So are two models, of which one has special tokens; only special tokens in common are no word in common."""
    paths = [tmp_path / "bert.npz", tmp_path / "llama.npz"]
    for model, path in zip((MINILM, SMOLLM2), paths, strict=True):
        assert attnviz(capsys, "export", "the cat eats", "--model", model, "--layer", "0", path)[0] == 0
    code, _, err = attnviz(capsys, "compare", "--weights", paths[0], "--weights", paths[1])
    assert code == 0, err
    other = tmp_path / "other.npz"
    assert attnviz(capsys, "export", "dogs bark", "--model", MINILM, "--layer", "0", other)[0] == 0
    code, _, err = attnviz(capsys, "compare", "--weights", paths[0], "--weights", other)
    assert code == 1
    assert "no word in common" in err
