"""Heads that are switched off: in the pass as PyTorch does it with hooks, in options, captions and documents."""

from __future__ import annotations

import json

import numpy as np
import pytest
from golden_models import load
from near import assert_apart, assert_near, assert_states_near
from paths import GOLDEN
from tiny_models import model_of

import attnviz
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.provenance import HeadsSwitchedOff
from attnviz.explanation.build import explain_attention
from attnviz.models.families.hooks import HeadOutputs, Hook, HookChain, Sublayer, hooked, hooked_too
from attnviz.models.forward import forward
from attnviz.models.heads_off import HeadsOff, find_heads

ANSWERS = dict(np.load(GOLDEN / "interventions.npz"))
OFF = ((0, 1), (1, 0), (1, 3))  # as HEADS in make_interventions.py


@pytest.mark.parametrize("way", ["zero", "mean"])
@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "gemma3", "gpt_neox"])
def test_a_pass_without_heads_is_that_of_pytorch(name, way):
    """Logits equal those of transformers with hooks on the output projections, and differ from the whole model's."""
    config, tensors, answers = load(name)
    with hooked(HeadsOff(OFF, way)):
        found = forward(config, tensors, answers["text0_ids"], logits=True).logits
    assert_states_near(found, ANSWERS[f"{name}/{way}"])
    assert_apart(found, answers["text0_logits"])


def test_a_head_of_another_attention_stays():
    """Switching heads off in the cross-attention leaves self-attention as it is, and the other way round."""
    config, tensors, answers = load("marian")
    ids = {"ids": answers["text0_ids"], "target_ids": answers["text0_target_ids"], "logits": True}
    whole = forward(config, tensors, **ids)
    found = {}
    for cross in (False, True):
        with hooked(HeadsOff([(0, 0)], cross=cross)):
            found[cross] = forward(config, tensors, **ids)
        assert_apart(found[cross].logits, whole.logits)
    assert_apart(found[True].logits, found[False].logits)


def test_a_mean_is_that_of_the_first_tokens():
    """Tokens that are added later get the mean over the text."""
    hook, at = HeadsOff([(0, 0)], "mean"), Sublayer(0, cross=False)
    text = np.arange(12, dtype=np.float32).reshape(2, 3, 2)
    first = hook.head_outputs(at, HeadOutputs(text, text, text, text))
    np.testing.assert_array_equal(first[0], np.broadcast_to(text[0].mean(axis=0), (3, 2)))
    np.testing.assert_array_equal(first[1], text[1])
    later = hook.head_outputs(at, HeadOutputs(text[:, :1] + 100, text, text, text))
    np.testing.assert_array_equal(later[0], first[0, :1])


def test_hooks_stand_beside_each_other():
    """A hook that is added sees what the first one returned; without a first one it is alone."""

    class Times(Hook):
        def __init__(self, factor):
            self.factor = factor

        def layer_input(self, layer, hidden):  # noqa: ARG002
            return hidden * self.factor

        def layer_output(self, layer, hidden, attention, cross_attention):  # noqa: ARG002
            return hidden + self.factor

        def keys_and_values(self, at, key, value):  # noqa: ARG002
            return key + self.factor, value * self.factor

    both = HookChain(Times(2), Times(3))
    assert both.layer_input(0, 1) == 6
    assert both.layer_output(0, 1, None, None) == 6
    assert both.keys_and_values(None, 1, 1) == (6, 6)
    config, tensors, answers = load("llama")
    with hooked(HeadsOff([(0, 1)])), hooked_too(HeadsOff([(1, 0), (1, 3)])):
        found = forward(config, tensors, answers["text0_ids"], logits=True).logits
    assert_states_near(found, ANSWERS["llama/zero"])


def test_heads_are_named_by_layer_and_number():
    """Each head once, in order; `*` is all of a layer; what is no head is refused in words."""
    assert find_heads(["1.*", "0.2", " 0.2 "], 2, 3) == ((0, 2), (1, 0), (1, 1), (1, 2))
    for spec in ("3", "a.b", "1.2.3", "*.1", "-1.0", "1.", ""):
        with pytest.raises(OptionError, match="takes a layer and a head"):
            find_heads([spec], 2, 3)
    with pytest.raises(MissingError, match=r"no head 2\.0: the model has layers 0 to 1"):
        find_heads(["2.0"], 2, 3)
    with pytest.raises(MissingError, match=r"no head 1\.3: layer 1 has heads 0 to 2"):
        find_heads(["1.3"], 2, 3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny BERT in a folder."""
    pytest.importorskip("tokenizers")
    return str(model_of(tmp_path_factory.mktemp("off") / "bert", "bert"))


def test_attention_says_which_heads_were_off(tiny, tmp_path):
    """Weights above change; the provenance, its document and a file of it tell which heads were switched off."""
    whole = attnviz.run("the cat eats", model=tiny)
    off = attnviz.run("the cat eats", model=tiny, ablate=[(0, 1), "L1H*"])
    assert off.provenance.model.switched_off == HeadsSwitchedOff(((0, 1), (1, 0), (1, 1), (1, 2), (1, 3)), "zero")
    np.testing.assert_array_equal(off.weights[0], whole.weights[0])
    assert_apart(off.weights[1], whole.weights[1], by=1e-6)
    assert "without the heads 0.1, 1.* (zero)" in " ".join(str(off.select(layer=2)).split())
    assert json.loads(off.to_json())["settings"]["ablate"] == ["0.1", "1.0", "1.1", "1.2", "1.3"]
    off.save(tmp_path / "off.npz")
    (back,) = attnviz.load_weights(tmp_path / "off.npz")
    assert back.provenance == off.provenance
    mean = attnviz.run("the cat eats", model=tiny, ablate="0.1", ablation="mean")
    assert "without head 0.1 (its mean)" in " ".join(str(mean.select(layer=2)).split())
    assert_apart(mean.weights[1], off.weights[1], by=1e-6)


def test_a_head_that_changes_nothing_shown_is_told(tiny):
    """A layer's own weights, and those below, do not depend on its heads' outputs."""
    quiet = attnviz.run("the cat eats", model=tiny, ablate="2.0", layers=[0, 2])
    assert any("no weight that is shown" in str(note) for note in quiet.notes)
    assert not any("no weight" in str(note) for note in attnviz.run("the cat", model=tiny, ablate="1.0").notes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ablate": "1"}, "takes a layer and a head"),
        ({"ablate": "9.0"}, "has layers 0 to 2"),
        ({"ablate": "L9H0"}, "There is no head 9.0"),
        ({"ablate": "0.9"}, "has heads 0 to 3"),
        ({"ablate": 3}, "must be heads as L.H"),
        ({"ablation": "mean"}, "ablation goes with ablate"),
        ({"ablate": "0.1", "ablation": "none"}, "zero"),
    ],
)
def test_heads_that_are_not_there_are_refused(tiny, changes, problem):
    """In Python as on the command line."""
    with pytest.raises((OptionError, MissingError), match=problem):
        attnviz.run("the cat", model=tiny, **changes)


def test_the_toy_has_no_heads_to_switch_off():
    """`ablate` goes with a model."""
    with pytest.raises(OptionError, match="ablate goes with model"):
        attnviz.run("猫吃鱼", ablate="0.0")


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A tiny GPT-2 in a folder."""
    pytest.importorskip("tokenizers")
    return str(model_of(tmp_path_factory.mktemp("off") / "gpt2", "gpt2"))


@pytest.mark.parametrize("way", ["zero", "mean"])
def test_what_is_said_next_without_heads(gpt2, way):
    """A step's weights are those of the whole text in one pass, the mean that of the prompt; the result says so."""
    off = {"ablate": ["0.1", "1.*"], "ablation": way}
    found = attnviz.next_tokens("the cat eats", gpt2, steps=4, **off)
    last = found.tokens[-1]
    whole = attnviz.run("the cat eats", model=gpt2, generate=4, merge="none", layers="all", **off)
    count = len(last.context)
    assert_near(last.weights, whole.weights[:, :, count - 1, :count])
    assert found.attention.provenance.model.switched_off == found.provenance.model.switched_off
    assert json.loads(found.to_json())["settings"]["ablate"] == ["0.1", "1.0", "1.1", "1.2", "1.3"]
    assert f"without the heads 0.1, 1.* ({'zero' if way == 'zero' else 'their mean'})" in " ".join(str(found).split())
    plain = attnviz.next_tokens("the cat eats", gpt2, steps=4)
    assert "ablate" not in json.loads(plain.to_json())["settings"]
    assert_apart(np.array(plain.tokens[0].probability), np.array(found.tokens[0].probability), by=1e-6)


@pytest.mark.parametrize("way", ["zero", "mean"])
def test_a_head_that_is_off_attends_to_no_word(gpt2, way):
    """The shares are those of the heads that are on: of layer 0 alone without 1 and 2; without any head they are 0."""
    off = {"ablate": ["0.1", "1.*", "2.*"], "ablation": way}
    (token,) = attnviz.next_tokens("the cat eats", gpt2, **off).tokens
    lengths = attnviz.run("the cat eats", model=gpt2, merge="none", layers=[0], contributions=True).contributions[0]
    left = lengths[[0, 2, 3], -1].sum(axis=0)
    assert_near(token.shares, left / left.sum())
    none = attnviz.next_tokens("the cat eats", gpt2, ablate=["0.*", "1.*", "2.*"], ablation=way, branches=2)
    assert not none.tokens[0].shares.any()
    assert "attended" in str(none)


def test_contributions_without_heads(gpt2):
    """A head that is off adds nothing in the report, which names it; what each word adds to a mean is refused."""
    measured = attnviz.heads("the cat eats", model=gpt2, ablate="1.2")
    assert measured.row("1.2").contribution == 0
    assert measured.row("1.1").contribution > 0
    assert json.loads(measured.to_json())["settings"]["ablate"] == ["1.2"]
    assert "without head 1.2 (zero)" in " ".join(str(measured).split())
    mean = {"model": gpt2, "ablate": "1.2", "ablation": "mean"}
    with pytest.raises(OptionError, match="is not known"):
        attnviz.heads("the cat eats", **mean)
    for reduce in ("norm", "all"):
        with pytest.raises(OptionError, match="is not known"):
            attnviz.run("the cat eats", reduce=reduce, **mean)
    assert attnviz.run("the cat eats", reduce="rollout", **mean).weights.shape[1] == 1


def test_a_layer_with_heads_off_is_not_explained(tiny):
    """A row of it would not lead to its output; layers above can be explained."""
    off = attnviz.run("the cat eats", model=tiny, ablate="1.0")
    with pytest.raises(InputError, match="Layer 1 has heads that are switched off"):
        explain_attention(off, layer=1)
    assert explain_attention(off, layer=2, head=0).layer == 2


def test_the_target_of_a_translation_loses_its_own_heads(tmp_path):
    """Of an encoder-decoder the heads of the attention that is shown are switched off."""
    pytest.importorskip("tokenizers")
    folder = str(model_of(tmp_path / "t5", "t5"))
    for kind in ("encoder", "decoder", "cross"):
        given = {"model": folder, "attention": kind, **({} if kind == "encoder" else {"keys": "the fish"})}
        whole, off = attnviz.run("the cat eats", **given), attnviz.run("the cat eats", ablate="0.*", **given)
        assert_near(off.weights[0], whole.weights[0])
        assert_apart(off.weights[1], whole.weights[1], by=1e-7)
