"""Every head off in turn: as PyTorch does it with hooks, on the command line, as picture and data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_models import load
from near import assert_near, assert_states_near
from paths import GOLDEN
from tiny_models import model_of

import attnviz
from attnviz.analysis.head_ablation import HeadAblation, ablate_heads
from attnviz.cli import main
from attnviz.core.errors import AttnvizError, InputError, MissingError, OptionError
from attnviz.models import passes as passes_module
from attnviz.models.forward import Network, forward, run_from
from attnviz.models.heads_off import HeadsOff

ANSWERS = dict(np.load(GOLDEN / "interventions.npz"))


class Bare(passes_module.TextPasses):
    """Passes over token ids of a golden model, which has no tokenizer."""

    def __init__(self, name):
        config, tensors, answers = load(name)
        self.network = Network(config, tensors)
        self.ids = answers["text0_ids"]
        self.stack = self.network.open_stack(self.ids)
        self.inputs = []

    def embed(self):
        return np.asfortranarray(self.stack.embed(self.ids, None))

    def named(self):
        return self.network.keep_weights()


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "gemma3", "gpt_neox"])
def test_each_head_off_moves_the_output_as_in_pytorch(name):
    """A pass that begins at the head's layer gives what a whole pass with a hook in torch gives."""
    passes = Bare(name)
    whole = passes.run()
    shape = passes.network.shape
    moved = np.zeros((shape.layers, shape.heads))
    for layer in range(shape.layers):
        for head in range(shape.heads):
            after = passes.run_again(layer, HeadsOff([(layer, head)]))
            moved[layer, head] = np.mean(np.linalg.norm(after - whole, axis=1) / np.linalg.norm(whole, axis=1))
    assert_states_near(moved, ANSWERS[f"{name}/moved"])


def test_a_pass_from_the_start_is_the_whole_pass():
    """Kept inputs and a second run lead to the same hidden states as `forward`."""
    passes = Bare("llama")
    config, tensors, answers = load("llama")
    alone = forward(config, tensors, answers["text0_ids"])
    np.testing.assert_array_equal(passes.run(), alone.hidden)
    assert len(passes.inputs) == passes.network.shape.layers
    np.testing.assert_array_equal(run_from(passes.stack, passes.inputs[1], 1), alone.hidden)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny BERT and a tiny GPT-2 in folders."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("ablation")
    return {name: str(model_of(folder / name, name)) for name in ("bert", "gpt2")}


def test_output_and_answer(models):
    """The output's movement is that of a run without the head; an answer's probability moves both ways."""
    found = ablate_heads("the cat eats", models["gpt2"])
    assert found.moved.shape == found.weight.shape == (3, 4)
    assert found.ranking()[0] == np.unravel_index(found.moved.argmax(), (3, 4))
    one = ablate_heads("the cat eats", models["gpt2"], token=1, ablation="mean")
    assert (one.row, one.way) == (1, "mean")
    answer = ablate_heads("the cat", models["gpt2"], answer="the")
    assert answer.without is not None
    assert 0 < answer.probability < 1
    assert answer.effect.shape == (3, 4)
    masked = ablate_heads("the [MASK] eats", models["bert"], answer="cat")
    assert masked.tokens[masked.row].piece == "[MASK]"


def test_contribution_is_what_the_head_writes(models):
    """The length of a head's output after W_o is the norm of its part of the sublayer's output."""
    found = ablate_heads("the cat eats", models["bert"])
    trace = attnviz.run("the cat eats", model=models["bert"], layers=[2], merge="none").traces[0]
    weights = attnviz.run("the cat eats", model=models["bert"], layers=[2], merge="none").weights[0]
    assert_near(found.weight[2], weights.max(axis=-1).mean(axis=-1))
    assert trace.context.shape[0] == found.contribution.shape[1]


def test_the_command_lists_heads(models, tmp_path, capsys):
    """A list and a map, a picture, data; one JSON document."""
    files = [str(tmp_path / f"a.{kind}") for kind in ("png", "json", "csv")]
    saved = [part for file in files for part in ("--save", file)]
    with pytest.raises(SystemExit) as end:
        main(["ablate", "the cat eats", "--model", models["gpt2"], "--top", "2", *saved])
    out = capsys.readouterr().out
    assert not end.value.code
    assert "the 2 of 12 heads that matter most" in out
    assert "layer ↓   head →" in out
    with pytest.raises(SystemExit):
        main(["ablate", "the cat", "--model", models["gpt2"], "--answer", "the", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["answer"]["text"] == "the"
    assert len(document["rows"]) == 12
    changes = [abs(row["probability"] - document["probability"]) for row in document["rows"]]
    assert changes == sorted(changes, reverse=True)
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()) == 13
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["rows"]


def test_a_correlation_over_few_heads_can_be_chance(models):
    """The sentence names the heads, and over too few for an order says that a correlation is none or can be chance."""
    whole = attnviz.ablate_heads("the cat eats", models["gpt2"])
    assert str(whole.verdict()).startswith("Over 12 heads the ranks")
    few = attnviz.ablate_heads("the cat eats", models["gpt2"], layer=0)
    assert str(few.verdict()).endswith("Over so few heads both can be chance.")
    one = attnviz.ablate_heads("the cat eats", models["gpt2"], layer=0, head=1)
    assert str(one.verdict()) == "1 head has no rank correlation: it takes at least 3."


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"answer": "unaffable cat"}, r"The vocabulary cuts “unaffable cat” into \d+ pieces"),
        ({"answer": " "}, "takes a word"),
        ({"ablation": "none"}, "none"),
        ({"answer": "the", "token": 0}, "Leave one of them out"),
        ({"token": "dog"}, "dog"),
        ({"pair": "the dog"}, "no segments"),
    ],
)
def test_what_cannot_be_is_refused(models, options, problem):
    """Answers of several pieces by name, words that are not there, options that exclude each other."""
    with pytest.raises((InputError, OptionError, MissingError), match=problem):
        ablate_heads("the cat eats", models["gpt2"], **options)


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [("the cat", {"answer": "cat"}, "has 0 mask tokens"), ("[MASK] [MASK]", {"answer": "cat"}, "has 2 mask tokens")],
)
def test_the_place_of_an_answer(models, text, options, problem):
    """A BERT needs one mask."""
    with pytest.raises(InputError, match=problem):
        ablate_heads(text, models["bert"], **options)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--answer", "cat"], "--answer goes with --model"),
        (["--ablation", "mean"], "--ablation goes with --model"),
        (["--top", "3"], "--top goes with --model"),
        (["--model", "x", "--by", "word"], "Of a model heads are removed"),
        (["--layer", "1"], "--layer goes with --model"),
        (["--model", "x", "--heads", "2"], "is for the toy"),
        (["--model", "x", "--top", "0"], "--top must be at least 1"),
        (["--model", "x", "--keys", "y"], "reads one text"),
    ],
)
def test_options_of_the_other_are_refused(arguments, problem, capsys):
    """Those of the toy beside a model, those of a model beside the toy; in one line."""
    with pytest.raises(SystemExit) as end:
        main(["ablate", "猫吃鱼", *arguments])
    assert end.value.code
    assert problem in capsys.readouterr().err


def test_results_are_what_others_are(models):
    """It shows itself and draws itself."""
    found = ablate_heads("the cat eats", models["gpt2"])
    assert isinstance(found, HeadAblation)
    assert "3 x 4" in repr(found)
    assert found.figure() is not None
    with pytest.raises(AttnvizError):
        found.figure(kind="arcs")


def test_a_frame_has_a_row_for_each_head(models):
    """As data it has a row for each head; pandas is not installed everywhere."""
    pytest.importorskip("pandas")
    assert ablate_heads("the cat eats", models["gpt2"]).to_frame().shape == (12, 5)
