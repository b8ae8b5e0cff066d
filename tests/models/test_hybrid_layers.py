"""Models of which only some layers have attention: those are shown under their own numbers, and the others computed."""

from __future__ import annotations

import numpy as np
import pytest
from golden_models import load
from near import assert_states_near, assert_weights_near
from tiny_models import model_of

import attnviz
from attnviz.core.errors import AttnvizError, InputError, MissingError
from attnviz.models.families.qwen3_next import gated_delta_rule
from attnviz.models.families.registry import family_of, shape_of
from attnviz.models.forward import Network, Request, forward, token_ids
from attnviz.models.model import load as open_model
from attnviz.models.passes import open_passes

HYBRIDS = ["lfm2", "lfm2-last", "lfm2_moe", "qwen3_5", "qwen3_5_moe", "qwen3_next"]
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


def test_a_gated_delta_net_is_its_recurrence():
    """Chunks of 64 tokens give what one token after another gives, by the recurrence in float64 (equation 10)."""
    draw = np.random.default_rng(7)
    heads, count, width, depth = 4, 150, 5, 3
    query, key = draw.normal(size=(2, 2, count, width)).astype(np.float32)
    value = draw.normal(size=(heads, count, depth)).astype(np.float32)
    decay = -draw.exponential(0.3, size=(heads, count)).astype(np.float32)
    beta = draw.uniform(size=(heads, count)).astype(np.float32)
    before = draw.normal(size=(heads, width, depth)).astype(np.float32)
    found, last = gated_delta_rule(query, key, value, decay, beta, before)
    for head in range(heads):
        state = before[head].astype(np.float64)
        for place in range(count):
            q, k = (one[head // 2, place].astype(np.float64) for one in (query, key))
            q, k = (one / np.sqrt((one**2).sum() + 1e-6) for one in (q, k))
            state = np.exp(decay[head, place].astype(np.float64)) * state
            state += np.outer(k, beta[head, place] * (value[head, place] - k @ state))
            assert_states_near(found[head, place], (q @ state / np.sqrt(width)).astype(np.float32))
        assert_states_near(last[head], state.astype(np.float32))


def test_a_gated_delta_net_that_forgets_at_once_stays_finite():
    """A decay of e^-1000 a token leaves what the token itself wrote, without an overflow in a chunk."""
    ones = np.ones((1, 70, 2), dtype=np.float32)
    decay, state = np.full((1, 70), -1000, np.float32), np.zeros((1, 2, 2), np.float32)
    found, _ = gated_delta_rule(ones, ones, ones, decay, np.ones((1, 70), np.float32), state)
    assert_states_near(found, np.full_like(found, 2**-0.5))


@pytest.mark.parametrize("family", ["qwen3_5", "qwen3_5_moe"])
def test_the_text_part_of_a_model_of_pictures_is_the_same(family):
    """Released checkpoints hold the text part under text_config and model.language_model."""
    config, tensors, answers = load(family)
    kinds = {"qwen3_5": "Qwen3_5ForConditionalGeneration", "qwen3_5_moe": "Qwen3_5MoeForConditionalGeneration"}
    rotary = {**config["rope_parameters"], "mrope_section": [1, 1, 0], "mrope_interleaved": True}
    whole = {
        "model_type": family,
        "architectures": [kinds[family]],
        "text_config": config | {"rope_parameters": rotary},
        "vision_config": {"model_type": f"{family}_vision", "hidden_size": 4},
        "image_token_id": 3,
    }
    moved = {name.replace("model.", "model.language_model.", 1): array for name, array in tensors.items()}
    assert set(moved) != set(tensors)
    network = Network(whole, moved)
    found = network.read(token_ids(answers["text0_ids"]), Request(logits=True))
    assert_weights_near(found.weights, answers["text0_weights"], found.traces)
    assert_states_near(found.logits, answers["text0_logits"])
    assert [key.name for key in network.config_keys() if key.use == "unknown"] == []


def test_value_heads_that_key_heads_do_not_divide_are_refused():
    """As the heads of attention, value heads share key heads equally."""
    config, tensors, answers = load("qwen3_5")
    with pytest.raises(InputError, match="2 key heads of a gated delta net, which do not divide its 3 value heads"):
        forward(config | {"linear_num_value_heads": 3}, tensors, answers["text0_ids"])


def test_a_gate_is_in_what_the_heads_add(tmp_path):
    """`explain` shows the gate; norm and contributions have it, by the sums that they stand for."""
    pytest.importorskip("tokenizers")
    model = str(model_of(tmp_path / "qwen", "qwen3_5", "qwen2"))
    found = attnviz.run(TEXT, model=model, layers=[3], contributions=True)
    trace = found.traces[0]
    assert 0 < trace.gate.min() < trace.gate.max() < 1
    explained = attnviz.explain(TEXT, token="cat", model=model, layers=[3], layer=3, head=1)
    assert_states_near(_gated(explained), trace.context[1, 1] * trace.gate[1, 1])
    alone = attnviz.explain(TEXT, token="cat", cell="the", model=model, layers=[3], layer=3, head=1)
    assert_states_near(_gated(alone), trace.weights[1, 1, 0] * trace.value[1, 0] * trace.gate[1, 1])
    # The norm map of a layer: |sum over heads of weight x (gate * v) W_o, and the word's own vector beside it|.
    output = next(array for name, array in load("qwen3_5")[1].items() if name.endswith("3.self_attn.o_proj.weight"))
    value = np.repeat(trace.value, len(trace.weights) // len(trace.value), axis=0)
    each = np.einsum("hqk,hkd,hqd->qkhd", trace.weights, value, trace.gate)
    written = each.reshape(*each.shape[:2], -1) @ output.T
    hidden = open_passes(open_model(model), TEXT)
    hidden.run()
    written[np.arange(5), np.arange(5)] += hidden.inputs[3]
    lengths = np.linalg.norm(written, axis=-1)
    norm = attnviz.run(TEXT, model=model, layers=[3], reduce="norm")
    assert_states_near(norm.weights[0, 0], lengths / lengths.sum(axis=-1, keepdims=True))


def _gated(explanation):
    """What the step of the gate gives."""
    return next(step.arrays["gated"] for step in explanation.steps if step.name == "gate")


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
