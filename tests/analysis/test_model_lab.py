"""The laboratory of a real model: what a setting shows, what it sees of the order, what it does to the output."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near
from real_models import SMOLLM2, needs_smollm2
from tiny_models import model_of

from attnviz import lab_model, load, run
from attnviz.analysis import model_lab
from attnviz.analysis.entropy import entropy
from attnviz.analysis.lab import lab_document, lab_rows
from attnviz.analysis.order_blindness import Blindness
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.models.forward import forward
from attnviz.views.prepared.lab import prepare_lab

TEXT = "the cat eats"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Tiny models: an encoder, decoders with and without a rotation, and an encoder-decoder."""
    folder = tmp_path_factory.mktemp("lab")
    return {name: str(model_of(folder / name, name)) for name in ("bert", "gpt2", "llama", "t5")}


def cells(found):
    """The cells by their settings."""
    return {cell.values: cell for cell in found.cells}


@pytest.mark.parametrize(("name", "other"), [("bert", "causal"), ("gpt2", "none"), ("llama", "none")])
def test_what_a_model_sees_of_the_order(models, name, other):
    """At one position and without a mask no model sees the order; with its own positions each does."""
    found = lab_model(TEXT, models[name])
    by_setting = cells(found)
    assert set(by_setting) == {(p, m) for p in ("own", "same") for m in ("own", other, "window:1")}
    free = ("same", "own") if name == "bert" else ("same", "none")
    assert by_setting[free].blind_to is Blindness.ANY_ORDER
    assert by_setting["own", "own"].blind_to is Blindness.NOTHING
    assert by_setting["same", "own" if name != "bert" else "causal"].blind_to is Blindness.NOTHING
    if name == "gpt2":  # without special tokens a window sees how far apart two tokens are, not which way
        assert by_setting["same", "window:1"].blind_to is Blindness.MIRROR_IMAGE
    said = [str(panel.caption) for panel in prepare_lab(found).panels]
    assert any("order-blind" in one for one in said)


def test_the_own_setting_is_the_model(models):
    """The cell of the model as it is has the weights of `run`, a cosine of 1, and moves no probability."""
    found = lab_model(TEXT, models["gpt2"], head=1, layer=0)
    cell = cells(found)["own", "own"]
    whole = run(TEXT, model=models["gpt2"], layers=0)
    np.testing.assert_array_equal(cell.weights, whole.weights[0, 1])
    assert_near(cell.bits, entropy(cell.weights).mean())
    assert (found.layer, found.head) == (0, 1)
    assert_near(cell.effect.cosine, 1.0)
    assert cell.effect.moved == 0
    assert cell.effect.likeliest == found.likeliest
    assert cell.effect.probability == cell.effect.kept
    model = load(models["gpt2"])
    output = forward(model.checkpoint.config, model.checkpoint.tensors, model.encode(TEXT).ids, logits=[-1])
    powers = np.exp(output.logits[0] - output.logits[0].max())
    assert_near(cell.effect.probability, powers.max() / powers.sum())


def test_temperature_in_one_layer(models):
    """In the first layer a temperature raises each weight to its inverse; in a higher one it leaves that as it is."""
    found = lab_model(TEXT, models["bert"], vary=["temperature=1,0.5"], layer=0, head=0, at=0)
    own, sharp = (cell.weights.astype(np.float64) for cell in found.cells)
    assert_near(sharp, own**2 / (own**2).sum(axis=-1, keepdims=True))
    assert found.changed == (0,)
    later = lab_model(TEXT, models["bert"], vary=["temperature=1,0.5"], layer=0, at="1-2")
    np.testing.assert_array_equal(later.cells[0].weights, later.cells[1].weights)
    assert later.cells[1].effect.cosine < 1
    assert later.cells[1].effect.likeliest is None  # an encoder says no next token
    assert "changed in the layers 1, 2 alone" in str([str(part) for part in prepare_lab(later).caption])


def test_documents_of_settings(models):
    """Documents and rows have the effects, and the layer that is shown."""
    found = lab_model(TEXT, models["llama"], vary=["base=own,500", "temperature=1,2"])
    document = lab_document(found)
    assert document["layer"] == found.layer
    assert [cell["base"] for cell in document["cells"]] == ["own", "own", 500.0, 500.0]
    assert document["settings"]["base"] is document["settings"]["temperature"] is None
    assert {"cosine", "kept", "moved"} <= set(lab_rows(found)[0])
    assert document["cells"][2]["effect"]["cosine"] < 1
    hidden = lab_model(TEXT, models["bert"], vary=["temperature=2"], no_special=True, merge="word")
    assert hidden.cells[0].rows == ("the", "cat", "eats")


def test_what_a_model_cannot_vary(models, monkeypatch):
    """A family without a rotation has no base, an embedding's positions are for all layers, two stacks are refused."""
    bert, gpt2 = models["bert"], models["gpt2"]
    for expected, model, given in (
        ("no rotary positions", bert, {"vary": ["base=500"]}),
        ("no rotary positions", gpt2, {"vary": ["base=own,500"]}),
        ("once for all layers", bert, {"vary": ["position=same"], "at": 1}),
        ("numbers above 1", bert, {"vary": ["base=1"]}),
        ("numbers above 1", bert, {"vary": ["base=x"]}),
        ("numbers above 1", bert, {"vary": ["base=inf"]}),
        ("above 0", bert, {"vary": ["temperature=0"]}),
        ("above 0", bert, {"vary": ["temperature=nan"]}),
        ("takes numbers", bert, {"vary": ["temperature=x"]}),
        ("position=own", bert, {"vary": ["position=rope"]}),
        ("window:K", bert, {"vary": ["mask=future"]}),
        ("heads", bert, {"vary": ["heads=2"]}),
        ("two different things", bert, {"vary": ["mask=none", "mask=causal"]}),
        ("at most 60 settings", bert, {"vary": ["temperature=" + ",".join(map(str, range(1, 63)))]}),
        ("takes layers", bert, {"at": "mean"}),
        ("takes numbers", bert, {"layer": "x"}),
        ("--merge|merge", bert, {"merge": "x"}),
    ):
        with pytest.raises(OptionError, match=expected):
            lab_model(TEXT, model, **given)
    with pytest.raises(MissingError, match="no layer 9"):
        lab_model(TEXT, bert, layer=9)
    with pytest.raises(MissingError, match="no layer 9"):
        lab_model(TEXT, bert, at=[0, 9])
    with pytest.raises(MissingError, match="no head 9"):
        lab_model(TEXT, bert, head=9)
    monkeypatch.setattr(model_lab, "_MOST_WEIGHTS", 3 * 4 * 2**2)
    with pytest.raises(InputError, match="at most 2 tokens of bert, not 5"):
        lab_model(TEXT, bert)
    with pytest.raises(InputError, match="an encoder and a decoder"):
        lab_model(TEXT, models["t5"])


@pytest.mark.slow
@needs_smollm2
def test_a_trained_model_is_blind_without_positions():
    """SmolLM2 at one position and without its mask cannot tell a text from another order; its mask alone tells it."""
    found = lab_model("The cat eats fish", SMOLLM2, vary=["position=same", "mask=none,own"])
    assert [cell.blind_to for cell in found.cells] == [Blindness.ANY_ORDER, Blindness.NOTHING]
    assert all(cell.effect.cosine < 1 for cell in found.cells)
