"""The logit lens and what adds up to a logit: as PyTorch has them; words, positions, pages, what cannot be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_models import MODELS, load
from near import assert_apart, assert_near, assert_states_near, assert_within
from paths import GOLDEN
from test_head_ablation import Bare
from tiny_models import model_of

from attnviz.analysis import lens as lens_module
from attnviz.analysis.lens import lens
from attnviz.cli import main
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.models import attribution
from attnviz.models.attribution import attribute
from attnviz.models.families.hooks import Hook, HookChain, hooked
from attnviz.models.heads_off import HeadsOff
from attnviz.views.prepared import lens as lens_words

ANSWERS = dict(np.load(GOLDEN / "interventions.npz"))
CAUSAL = ["gpt2", "llama", "gemma3", "gpt_neox"]
# The families whose layers add to the residual stream, by the first word of a golden model's name.
_FAMILIES = (
    *("gpt2", "llama", "gpt_neox", "gemma2", "gemma3", "olmo", "olmo2", "granite", "cohere", "gptj", "mixtral", "phi"),
    *("bloom", "falcon", "mpt", "gpt_neo", "gpt_bigcode"),
)
ADDING = sorted(
    path.name
    for path in MODELS.iterdir()
    if path.name.split("-")[0] in _FAMILIES and path.is_dir() and path.name not in ("gemma3-encoder", "bloom-after")
)


@pytest.mark.parametrize("name", CAUSAL)
def test_each_layer_is_read_as_in_pytorch(name):
    """The final norm and the head give the logits that torch gives for every layer's output."""
    passes = Bare(name)
    states = lens_module._States(tuple(range(len(passes.ids))))
    with hooked(states):
        final = passes.run()
    read = [passes.stack.finish(np.asfortranarray(state)) for state in states.kept[:-1]]
    found = np.array([passes.logits(state) for state in (*read, final)])
    assert_states_near(found, ANSWERS[f"{name}/lens"])


@pytest.mark.parametrize("name", ["gpt2", "llama", "gpt_neox"])
def test_parts_are_those_of_pytorch(name):
    """What each head and each feed-forward layer adds is what torch's own W_o, norm and head give."""
    part = attribute(Bare(name), -1, 7)
    golden = ANSWERS[f"{name}/attribution"]
    assert_states_near(part.heads, golden[:, :-1])
    assert_states_near(part.embedding, ANSWERS[f"{name}/attribution_rest"])
    if name == "llama":
        assert_states_near(part.biases, np.zeros_like(part.biases))
    else:
        assert_apart(part.biases, np.zeros_like(part.biases))
    assert_states_near(part.feed_forward, golden[:, -1])


@pytest.mark.parametrize("name", ADDING)
def test_parts_add_up_to_the_logit(name):
    """In families with norms after sublayers, multipliers, parallel blocks, experts and caps too."""
    passes = Bare(name)
    final = passes.run()
    part = attribute(passes, -1, 7)
    assert_near(part.logit, passes.logits(final[[-1]])[0, 7])
    assert_states_near(part.remainder + part.logit, part.logit)


class _LastRow(Hook):
    """Keep the last row of each layer's attention and of its output."""

    def __init__(self):
        self.attention, self.hidden = [], []

    def layer_output(self, layer, hidden, attention, cross_attention):  # noqa: ARG002
        self.attention.append(attention.output[-1].astype(np.float64))
        self.hidden.append(hidden[-1].astype(np.float64))
        return hidden


def added_by(name, whole):
    """Return what an attention output, [dim], is multiplied by when it is added in the last layer, factors fixed."""
    config, tensors, _ = load(name)
    if name in ("cohere", "gpt_neox", "bloom", "falcon"):
        return 1.0
    if name == "granite":
        return config["residual_multiplier"]
    weight = tensors[f"model.layers.{config['num_hidden_layers'] - 1}.post_attention_layernorm.weight"]
    gain = weight.astype(np.float64) + (name == "gemma3")
    return gain / np.sqrt(np.mean(whole**2) + config["rms_norm_eps"])


@pytest.mark.parametrize("name", ["gemma3", "granite", "olmo2", "cohere", "gpt_neox", "bloom", "falcon"])
def test_a_head_s_part_is_what_is_missing_without_it(name):
    """In the last layer: what its attention lacks when the head is off, added as the family does, in the direction."""
    passes = Bare(name)
    part, whole = attribute(passes, -1, 7), _LastRow()
    with hooked(whole):
        final = passes.run()
    direction, _ = attribution._direction(passes.stack, whole.hidden[-1], final[-1], 7)
    last = len(whole.hidden) - 1
    missing = []
    for head in range(part.heads.shape[1]):
        without = _LastRow()
        with hooked(HookChain(HeadsOff([(last, head)]), without)):
            passes.run()
        lacking = (whole.attention[-1] - without.attention[-1]) * added_by(name, whole.attention[-1])
        missing.append(direction @ lacking)
        if name in ("cohere", "gpt_neox", "falcon"):  # beside the feed-forward layer, which then reads the same
            assert_states_near(whole.hidden[-1] - without.hidden[-1], lacking)
    assert_states_near(part.heads[-1], missing)
    assert_apart(max(missing), min(missing))


@pytest.mark.parametrize("name", ["bert", "opt-after", "bloom-after", "distilbert"])
def test_what_is_no_sum_is_refused_by_name(name):
    """Norms on the residual stream leave no sum."""
    with pytest.raises(InputError, match="a logit is no sum"):
        attribute(Bare(name), -1, 7)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A tiny BERT and a tiny GPT-2 in folders."""
    pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("lens")
    found = {name: str(model_of(folder / name, name)) for name in ("bert", "gpt2")}
    return found | {"bert-base": str(model_of(folder / "bert-base", "bert-base", "bert"))}


def test_the_last_layer_is_the_prediction(models):
    """Ranks and probabilities agree with each other; one position is that of all."""
    whole = lens("the cat eats", models["gpt2"], watch="the")
    assert whole.ids.shape == (3, len(whole.tokens), 3)
    assert (np.diff(whole.probability, axis=-1) <= 0).all()
    one = lens("the cat eats", models["gpt2"], token="cat", watch="the")
    assert_near(one.probability[:, 0], whole.probability[:, one.rows[0]])
    assert_near(one.watched.probability[:, 0], whole.watched.probability[:, one.rows[0]])  # ties may change ranks
    first = whole.watched.rank == 1
    assert_near(whole.watched.probability[first], whole.probability[..., 0][first])
    assert (whole.watched.probability[~first] < whole.probability[..., 0][~first]).all()
    masked = lens("the [MASK] eats", models["bert"], watch="cat")
    assert masked.watched.probability.shape == (3, len(masked.tokens))


def test_heads_can_be_off(models):
    """`ablate` changes layers from its own on, and the provenance says so."""
    whole, off = lens("the cat", models["gpt2"]), lens("the cat", models["gpt2"], ablate="1.*")
    assert_near(off.probability[0], whole.probability[0])
    assert_apart(off.probability[2], whole.probability[2], by=np.finfo(np.float32).eps)
    assert off.provenance.model.switched_off.way == "zero"


def test_the_command_prints_and_saves(models, tmp_path, capsys):
    """A map, a list of one position, the parts of an answer; picture, page, data; one JSON document."""
    files = [tmp_path / f"lens.{kind}" for kind in ("png", "html", "json", "csv")]
    saved = [part for file in files for part in ("--save", str(file))]
    with pytest.raises(SystemExit) as end:
        main(["lens", "the cat eats", "--model", models["gpt2"], "--watch", "the", "--answer", "the", *saved])
    out = capsys.readouterr().out
    assert not end.value.code
    for words in ("the likeliest token after each layer", "probability and rank of “the”", "remainder", "logit"):
        assert words in out
    page = files[1].read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "remainder" in page
    document = json.loads(files[2].read_text(encoding="utf-8"))
    part = document["attribution"]
    total = np.sum(part["heads"]) + np.sum(part["biases"]) + np.sum(part["feed_forward"])
    assert_states_near(total + part["embedding"] + part["constant"] + part["cap"] + part["remainder"], part["logit"])
    with pytest.raises(SystemExit):
        main(["lens", "the cat eats", "--model", models["gpt2"], "--token", "cat"])
    assert "after each layer the likeliest tokens at “cat”" in capsys.readouterr().out


@pytest.mark.parametrize("more", [0, 1, 2])
def test_no_part_stands_alone_among_others(models, monkeypatch, more):
    """Beyond the parts that are listed there are at least two others; one more is listed by its name."""
    found = lens("the cat eats", models["gpt2"], answer="the")
    monkeypatch.setattr(lens_words, "MOST_PARTS", len(lens_words._parts(found.attribution)) - more)
    listing = lens_words.list_attribution(found)
    labels = [label if isinstance(label, str) else label.localized() for label in listing.labels]
    assert [label for label in labels if "other" in label] == (["2 other parts"] if more == 2 else [])
    values = dict(zip(labels, (float(cell) for cell in listing.groups[0][0].cells), strict=True))
    logit = values.pop("logit")
    assert_within(sum(values.values()), logit, 0.0005 * len(labels), "each number has three decimals")


@pytest.mark.parametrize(
    ("name", "options", "error", "problem"),
    [
        ("gpt2", {"watch": "unaffable cat"}, InputError, "pieces"),
        ("gpt2", {"answer": ""}, OptionError, "takes a word"),
        ("gpt2", {"token": "dog"}, MissingError, "dog"),
        ("gpt2", {"ablate": "9.0"}, MissingError, "layers 0 to 2"),
        ("bert", {"answer": "cat"}, InputError, "0 mask tokens"),
        ("bert-base", {}, InputError, "cls.predictions"),
    ],
)
def test_what_cannot_be_is_refused(models, name, options, error, problem):
    """Words of several pieces, words and heads that are not there, models without a head."""
    with pytest.raises(error, match=problem):
        lens("the cat eats", models[name], **options)


def test_tokens_are_spelled_as_next_spells_them(models, capsys):
    """Pieces of white space are shown as the space or the line's end that they are, in tables and documents."""
    from attnviz.models.continuation import spell_candidate
    from attnviz.models.model import load as load_model

    tokenizer = load_model(models["gpt2"]).tokenizer
    assert [spell_candidate(tokenizer, tokenizer.number_of(piece)) for piece in ("Ġ", "Ċ", "Ġthe")] == [
        "␣",
        "\n",
        "the",
    ]
    found = lens("the cat eats", models["gpt2"])
    for words, ids in zip(found.words, found.ids, strict=True):
        assert words == tuple(tuple(spell_candidate(tokenizer, int(i)) for i in row) for row in ids)
    with pytest.raises(SystemExit):
        main(["lens", "the cat eats", "--model", models["gpt2"]])
    assert not set("ĠĊ") & set(capsys.readouterr().out)


def test_a_model_is_needed(capsys):
    """Without one the command says where models are."""
    with pytest.raises(SystemExit):
        main(["lens", "the cat"])
    assert "lens looks into a model" in capsys.readouterr().err
