"""Models of which only some layers have attention: those are shown under their own numbers, and the others computed."""

from __future__ import annotations

import numpy as np
import pytest
from golden_models import load
from near import assert_states_near
from tiny_models import model_of

import attnviz
from attnviz.core.errors import AttnvizError, InputError, MissingError
from attnviz.models.families.registry import family_of, shape_of
from attnviz.models.forward import Network, Request, forward, token_ids
from attnviz.models.model import load as open_model

HYBRIDS = ["lfm2", "lfm2-last", "lfm2_moe"]
TEXT = "the cat eats the fish"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny LFM2, of whose four layers 1 and 3 have attention."""
    pytest.importorskip("tokenizers")
    return open_model(str(model_of(tmp_path_factory.mktemp("hybrid") / "lfm2", "lfm2", "qwen2")))


@pytest.mark.parametrize("name", HYBRIDS)
def test_layers_keep_their_numbers(name):
    """Each layer of attention alone gives what it gives among all; the others are refused by number."""
    config, tensors, answers = load(name)
    kinds = config["layer_types"]
    numbers = [number for number, kind in enumerate(kinds) if kind == "full_attention"]
    assert shape_of(config).attention_layers == tuple(numbers)
    whole = forward(config, tensors, answers["text0_ids"])
    for place, number in enumerate(numbers):
        alone = forward(config, tensors, answers["text0_ids"], layers=[number])
        assert alone.layers == (number,)
        np.testing.assert_array_equal(alone.weights[0], whole.weights[place])
    for number in set(range(len(kinds))) - set(numbers):
        with pytest.raises(MissingError, match=rf"Layer {number} .* has no attention; layers {numbers[0]}"):
            forward(config, tensors, answers["text0_ids"], layers=[number])


def test_a_convolution_reaches_as_far_as_its_kernel():
    """A changed token changes what a layer of convolution gives for it and the two tokens after it, nothing else."""
    config, tensors, answers = load("lfm2")
    ids = token_ids(answers["text0_ids"])
    stack = Network(config, tensors).open_stack(ids)
    hidden = stack.embed(ids, None)
    changed = hidden.copy()
    changed[4] += 1
    moved = np.abs(stack.forward_layer(0, changed).hidden - stack.forward_layer(0, hidden).hidden).max(axis=1)
    assert np.flatnonzero(moved).tolist() == [4, 5, 6]


def test_a_model_in_which_all_layers_attend_is_no_hybrid():
    """Without layer_types and indexes every layer has attention, as in transformers."""
    config = {key: value for key, value in load("lfm2")[0].items() if key not in ("layer_types", "full_attn_idxs")}
    assert shape_of(config).attending is None
    assert shape_of(config | {"full_attn_idxs": [2]}).attention_layers == (2,)
    for kinds in (["conv"] * 4, ["full_attention", "mamba", "conv", "conv"]):
        with pytest.raises(InputError, match="layer_types must be full_attention or conv"):
            shape_of(config | {"layer_types": kinds})


def test_the_last_layer_is_the_last_that_attends(model):
    """-1 and all count layers of attention; captions tell which there are."""
    last, every = model.attend(TEXT, layers=-1), model.attend(TEXT, layers="all")
    assert (last.layers, every.layers) == ((3,), (1, 3))
    np.testing.assert_array_equal(last.weights[0], every.weights[1])
    assert any("Of the 4 layers of this LFM2 model 1, 3 have attention" in str(note) for note in every.notes)
    explained = attnviz.explain(TEXT, token="cat", model=model.reference, layers=1, layer=1, head=2)
    assert explained.layer == 1


@pytest.mark.parametrize("how", ["rollout", "flow"])
def test_reductions_through_layers_need_all_of_them(model, how):
    """What follows attention from layer to layer is refused, since other layers mix tokens between them."""
    with pytest.raises(MissingError, match="needs all layers from the first; here are 1, 3"):
        model.attend(TEXT, reduce=how)
    assert model.attend(TEXT, layers="all", reduce="norm").layers == (1, 3)
    assert model.attend(TEXT, layers=-1, reduce="all").layers == (3,)


def test_what_is_said_next_is_that_of_whole_passes(model):
    """A convolution reads tokens that no key/value cache keeps: each step is a pass over the whole text."""
    generated = list(model.generate(TEXT, steps=4, temperature=1.0, seed=3))
    ids = model.encode(TEXT).ids.tolist()
    for one in generated:
        whole = model.network.read(token_ids(ids), Request(logits=[-1]))
        assert_states_near(np.log(one.probability), _log_share(whole.logits[0], one.token.id))
        ids.append(one.token.id)


def _log_share(logits, number):
    exact = logits.astype(np.float64)
    return np.float32(exact[number] - np.log(np.exp(exact - exact.max()).sum()) - exact.max())


def test_heads_of_other_layers_cannot_be_switched_off(model):
    """A head is named by its layer's own number; of a layer without attention there is none."""
    off = model.attend(TEXT, layers="all", ablate="1.*")
    assert not np.array_equal(off.weights[1], model.attend(TEXT, layers="all").weights[1])
    with pytest.raises(AttnvizError, match=r"no head 0\.1: layer 0 has no attention; layers 1, 3 have"):
        model.attend(TEXT, ablate="0.1")


def test_lab_changes_the_layers_that_attend(model):
    """All layers are those of attention; a layer without it can neither be shown nor changed."""
    lab = attnviz.lab_model(TEXT, model, vary=["temperature=1,3"])
    assert lab.layer == 3
    assert lab.cells[1].bits > lab.cells[0].bits
    for given in ({"layer": 0}, {"at": "0"}, {"at": "1,2"}):
        with pytest.raises(MissingError, match=r"has no attention; layers 1, 3 have"):
            attnviz.lab_model(TEXT, model, vary=["temperature=1,3"], **given)


def test_every_head_off_in_turn(model):
    """Rows of layers without heads are empty, and the ranking has the others under their numbers."""
    found = attnviz.ablate_heads(TEXT, model)
    assert {layer for layer, _ in found.ranking()} == {1, 3}
    assert np.isnan(found.moved[[0, 2]]).all()


def test_other_hybrids_are_refused():
    """Models whose other layers are not computed are refused by their names."""
    for name in ("jamba", "nemotron_h", "zamba2", "granitemoehybrid"):
        with pytest.raises(InputError, match="mix tokens by recurrences or convolutions"):
            family_of({"model_type": name})
