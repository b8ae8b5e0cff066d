"""A pass with a setting changed: against transformers with the same change, and the law of a pass without order."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from golden_models import DOUBLE, NAMES, load
from near import assert_apart, assert_near, assert_states_near
from paths import GOLDEN

from attnviz.core.errors import OptionError
from attnviz.models.changed_pass import LayerChange, next_probabilities, run_changed
from attnviz.models.forward import Network, forward

ANSWERS = np.load(GOLDEN / "lab.npz")
CHANGES = {
    "temperature": LayerChange(temperature=0.5),
    "temperature1": LayerChange(temperature=0.5, layers=frozenset([1])),
    "same": LayerChange(same_place=True),
    "none": LayerChange(mask="none"),
    "causal": LayerChange(mask="causal"),
    "window": LayerChange(mask="window:2"),
    "base": LayerChange(base=500.0),
    "base1": LayerChange(base=500.0, layers=frozenset([1])),
}
CASES = sorted({key.rsplit("/", 1)[0] for key in ANSWERS})
# Convolutions, neighbours' vectors and recurrent layers see the order without any position.
HYBRIDS = ("lfm2", "qwen3_5", "qwen3_next")
NEIGHBOURS = {"deberta-v2-convolution", "mobilebert", *(name for name in NAMES if name.startswith(HYBRIDS))}
SINGLE = [name for name in NAMES if name not in DOUBLE]
SOME = ["albert", "bloom", "deberta-v2", "falcon-alibi", "gemma2", "gpt_oss", "mpnet", "phi", "roberta", "xlnet"]


def model_named(name):
    """A golden model as far as a pass needs it, with the answers to its texts."""
    config, tensors, answers = load(name)
    network = Network(config, tensors)
    made = SimpleNamespace(network=network, shape=network.shape, name=name, checkpoint=SimpleNamespace(path=Path(name)))
    return made, answers


@pytest.mark.parametrize("case", CASES)
def test_changes_against_transformers(case):
    """Weights of the last layer and the last hidden states are those of transformers with the same change."""
    name, change = case.split("/")
    model, answers = model_named(name)
    ids = answers["text0_ids"]
    found = run_changed(model, ids, np.zeros_like(ids), CHANGES[change])
    assert_states_near(found.weights[-1], ANSWERS[f"{case}/weights"])
    assert_states_near(found.hidden, ANSWERS[f"{case}/hidden"])


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "gpt_oss"])
def test_no_change_is_the_plain_pass(name):
    """Without a change the pass is the model's own, bit for bit, and so is a change to what the model has."""
    config, tensors, answers = load(name)
    model, _ = model_named(name)
    ids = answers["text0_ids"]
    plain = forward(config, tensors, ids, logits=[-1])
    for change in (LayerChange(), LayerChange(mask="causal") if model.shape.causal else LayerChange(mask="none")):
        if name == "gpt_oss" and change.mask is not None:
            continue  # every other layer of it has a window
        found = run_changed(model, ids, np.zeros_like(ids), change)
        np.testing.assert_array_equal(found.weights, plain.weights)
        np.testing.assert_array_equal(found.hidden, plain.hidden)
    shares = next_probabilities(found)
    assert (shares is None) == (name == "bert")
    if shares is not None:
        powers = np.exp(plain.logits[0] - plain.logits[0].max())
        assert_near(shares, powers / powers.sum())


def without_order(name):
    """A text and another order of it where neither positions nor a mask tell the order; what the second should be."""
    model, _ = model_named(name)
    ids = np.random.default_rng(0).permutation(np.arange(5, 13))
    order = np.random.default_rng(1).permutation(len(ids))
    change = LayerChange(mask="none", same_place=True)
    plain, other = (run_changed(model, each, np.zeros_like(each), change) for each in (ids, ids[order]))
    keys = [*order, *range(len(ids), plain.weights.shape[-1])]
    return plain, other, plain.weights[:, :, order][..., keys], plain.hidden[order]


@pytest.mark.parametrize("name", SOME)
def test_a_pass_without_positions_sees_no_order(name):
    """Whatever a family makes of positions: at one place and without a mask, tokens in another order act as before."""
    _, other, weights, hidden = without_order(name)
    assert_states_near(other.weights, weights)
    assert_states_near(other.hidden, hidden)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SINGLE if name not in SOME])
def test_no_family_sees_order_without_positions(name):
    """So in every family; but those whose layers look at neighbours or go from left to right beside it see it."""
    model, _ = model_named(name)
    if model.network.reads_pictures:
        pytest.skip("reads pictures")
    plain, other, weights, hidden = without_order(name)
    if name in NEIGHBOURS:
        assert_apart(other.weights, weights)
        return
    assert_states_near(other.weights, weights)
    assert_states_near(other.hidden, hidden)
    assert np.isfinite(plain.hidden).all()


def test_temperature_of_a_sink():
    """A learned sink is one more logit: the temperature divides it as the others."""
    model, answers = model_named("gpt_oss")
    ids = answers["text0_ids"]
    own = run_changed(model, ids, np.zeros_like(ids), LayerChange())
    sharp = run_changed(model, ids, np.zeros_like(ids), LayerChange(temperature=0.25, layers=frozenset([0])))
    raised = own.weights[0].astype(np.float64) ** 4
    assert_near(sharp.weights[0], raised / raised.sum(axis=-1, keepdims=True))
    assert sharp.allowed[0].shape == sharp.weights[0].shape[1:]


def test_refusals():
    """What a family does not have cannot be changed, and positions of an embedding cannot differ by layer."""
    model, answers = model_named("bert")
    ids = answers["text0_ids"]
    with pytest.raises(OptionError, match="no rotary positions"):
        run_changed(model, ids, np.zeros_like(ids), LayerChange(base=500.0))
    with pytest.raises(OptionError, match="once for all layers"):
        run_changed(model, ids, np.zeros_like(ids), LayerChange(same_place=True, layers=frozenset([0])))
    llama, answers = model_named("llama")
    ids = answers["text0_ids"]
    found = run_changed(llama, ids, np.zeros_like(ids), LayerChange(same_place=True, layers=frozenset([1])))
    own = run_changed(llama, ids, np.zeros_like(ids), LayerChange())
    np.testing.assert_array_equal(found.weights[0], own.weights[0])
    assert_apart(found.weights[1], own.weights[1])
