"""Activation patching: as PyTorch does it with hooks; texts that do not fit, and what the command prints."""

from __future__ import annotations

import json

import numpy as np
import pytest
from near import assert_near, assert_states_near
from paths import GOLDEN
from test_head_ablation import Bare
from tiny_models import model_of

from attnviz.analysis import patch as patch_module
from attnviz.analysis.patch import HeadFrom, StateFrom, patch
from attnviz.cli import main
from attnviz.core.errors import InputError, OptionError
from attnviz.models.families.hooks import hooked

ANSWERS = dict(np.load(GOLDEN / "interventions.npz"))


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "gpt_neox"])
def test_patched_passes_are_those_of_pytorch(name):
    """A head's output, or what a layer reads at a token, from another text: the logit that torch gives with hooks."""
    clean, corrupt = Bare(name), Bare(name)
    corrupt.ids = ANSWERS[f"{name}/corrupt_ids"]
    kept = patch_module._KeepHeads()
    with hooked(kept):
        clean.run()
    corrupt.run()
    heads, states = ANSWERS[f"{name}/patched_heads"], ANSWERS[f"{name}/patched_states"]
    for layer, head in np.ndindex(heads.shape):
        after = corrupt.run_again(layer, HeadFrom(layer, head, kept.contexts[layer][head]))
        assert_states_near(corrupt.logits(after[[-1]])[0, 7], heads[layer, head])
    for layer, place in np.ndindex(states.shape):
        after = corrupt.run_again(layer, StateFrom(layer, place, clean.inputs[layer][place]))
        assert_states_near(corrupt.logits(after[[-1]])[0, 7], states[layer, place])


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny BERT and a tiny GPT-2 in folders."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("patch")
    return {name: str(model_of(folder / name, name)) for name in ("bert", "gpt2")}


def test_the_last_token_brings_all_back(models):
    """What the first layer reads at the token that differs is all of the difference; at others it is nothing."""
    found = patch("the cat the", "the the the", models["gpt2"], answer="the", by="position")
    assert found.recovered.shape == (3, 3)
    assert_near(found.recovered[0], [0, 1, 0], size=[100])
    heads = patch("the cat the", "the the the", models["gpt2"], answer="the", against="cat")
    assert heads.recovered.shape == (3, 4)
    assert heads.against.text == "cat"


def test_the_command_prints_and_saves(models, tmp_path, capsys):
    """A list and a map; picture, page, data; one JSON document."""
    texts = ["the cat cat", "cat the cat"]
    files = [tmp_path / f"patch.{kind}" for kind in ("svg", "html", "json", "csv")]
    saved = [part for file in files for part in ("--save", str(file))]
    with pytest.raises(SystemExit) as end:
        main(["patch", *texts, "--model", models["gpt2"], "--answer", "the", *saved])
    out, err = capsys.readouterr()
    assert not end.value.code, err
    assert "what brings back most" in out
    assert "0 brings nothing back, 1 all of the difference" in " ".join(out.split())
    assert len(json.loads(files[2].read_text(encoding="utf-8"))["rows"]) == 12
    with pytest.raises(SystemExit):
        main(["patch", *texts, "--model", models["gpt2"], "--answer", "the", "--by", "position", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["by"] == "position"
    assert {"layer", "index", "text", "clean_text", "recovered"} == set(document["rows"][0])


@pytest.mark.parametrize(
    ("texts", "options", "problem"),
    [
        (("the cat", "the cat eats"), {"answer": "the"}, r"have \d+ and \d+ tokens"),
        (("the cat", "the cat"), {"answer": "the"}, "no difference to bring back"),
        (("the cat", "cat the"), {"answer": "unaffable cat"}, "pieces"),
        (("the cat", "cat the"), {"answer": "the", "against": "unaffable cat"}, "pieces"),
        (("the cat", "cat the"), {"answer": "the", "by": "word"}, "word"),
    ],
)
def test_what_cannot_be_is_refused(models, texts, options, problem):
    """Texts of different lengths or without a difference, words of several pieces, another way."""
    with pytest.raises((InputError, OptionError), match=problem):
        patch(*texts, models["gpt2"], **options)


def test_masks_stand_at_one_place(models):
    """Of a BERT the answer has its place at the mask, the same in both texts."""
    with pytest.raises(InputError, match="not the same in both texts"):
        patch("the [MASK]", "[MASK] the", models["bert"], answer="cat")
    found = patch("the [MASK]", "cat [MASK]", models["bert"], answer="cat")
    assert found.tokens[found.row].piece == "[MASK]"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["a"], "takes two texts, not 1"),
        (["a", "b"], "patch looks into a model"),
        (["a", "b", "--model", "x"], "needs --answer"),
        (["a", "b", "--model", "x", "--answer", "c", "--top", "0"], "--top must be at least 1"),
        (["-", "-", "--model", "x", "--answer", "c"], "only once"),
    ],
)
def test_commands_that_lack_something(arguments, problem, capsys):
    """One line says what is missing."""
    with pytest.raises(SystemExit) as end:
        main(["patch", *arguments])
    assert end.value.code
    assert problem in capsys.readouterr().err
