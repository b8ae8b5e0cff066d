"""Settings of a config that few checkpoints have are computed as transformers computes them."""

from __future__ import annotations

import numpy as np
import pytest
from golden_models import load
from near import assert_near

from attnviz.core.errors import InputError
from attnviz.models.families.config import Configuration
from attnviz.models.families.rotary import rotary_kind, rotation_for
from attnviz.models.forward import Network, Request, forward, token_ids

IDS = [5, 9, 7, 12]


@pytest.mark.parametrize(("name", "side"), [("bart", "encoder"), ("mbart", "decoder"), ("marian", "encoder")])
def test_untied_translators_have_a_table_for_each_side(name, side):
    """With tie_word_embeddings false a side's own table counts, not the shared one beside it."""
    config, tensors, _ = load(name)
    shared = next(key for key in tensors if key.endswith("shared.weight"))
    own = shared.replace("shared", f"{side}.embed_tokens")
    head = {"lm_head.weight": tensors[shared]}
    other = np.ascontiguousarray(tensors[shared][::-1])
    untied = {**config, "tie_word_embeddings": False}

    def weights(settings, arrays):
        return forward(settings, arrays, IDS, target_ids=IDS, kind=side, layers=[0]).weights

    apart = weights(untied, {**tensors, **head, own: other})
    np.testing.assert_array_equal(apart, weights(config, {**tensors, shared: other}))
    np.testing.assert_array_equal(weights(untied, {**tensors, **head}), weights(config, tensors))
    np.testing.assert_array_equal(weights(config, {**tensors, own: other}), weights(config, tensors))
    assert not np.array_equal(apart, weights(config, tensors))


def test_layer_types_give_smollm3_its_windows():
    """Where layer_types names layers with a window, use_sliding_window does not matter."""
    config, tensors, _ = load("smollm3-window")
    kinds = ["sliding_attention", *["full_attention"] * (config["num_hidden_layers"] - 1)]
    config |= {"layer_types": kinds, "sliding_window": 2}
    seen = [
        forward({**config, "use_sliding_window": used}, tensors, IDS, layers=[0, 1]).allowed for used in (True, False)
    ]
    np.testing.assert_array_equal(*seen)
    assert not seen[0][0, 0, 3, 0]
    assert seen[0][1, 0, 3, 0]


def test_an_odd_number_of_rotated_features_is_rounded_up():
    """GPT-NeoX and GLM rotate a quarter or half of a head; of 3 features two pairs are made, with exponents of 3."""
    config = Configuration({"rope_theta": 100.0, "partial_rotary_factor": 0.25, "max_position_embeddings": 40})
    given = {"names": {"share": "partial_rotary_factor"}}
    rotation = rotation_for(config, 12, 5, rounds_up=True, **given)
    angles = np.arange(5)[:, None] * 100.0 ** (-np.array([0, 2 / 3]))
    assert_near(rotation.cosine, np.cos(angles))
    assert_near(rotation.sine, np.sin(angles))
    with pytest.raises(InputError, match="must be even"):
        rotation_for(config, 12, 5, **given)
    with pytest.raises(InputError, match="must be even"):
        rotation_for(config.changed(partial_rotary_factor=1.0), 3, 5, rounds_up=True, **given)


def test_kinds_of_layers_have_no_truncate_of_their_own():
    """Of rotary values by kind of layer transformers reads truncate beside the kinds, so theirs change nothing."""
    yarn = {"rope_type": "yarn", "rope_theta": 50.0, "factor": 8.0, "original_max_position_embeddings": 4}
    found = []
    for truncate in (True, False):
        config = Configuration({"rope_parameters": {"sliding_attention": {**yarn, "truncate": truncate}}})
        found.append(rotation_for(rotary_kind(config, "sliding_attention"), 8, 5).cosine)
    np.testing.assert_array_equal(*found)


def test_mobilebert_heads_share_the_bottleneck():
    """The heads divide the width inside the bottleneck; the hidden size beside it may be any."""
    config, _, _ = load("mobilebert")
    config |= {"num_attention_heads": 3, "intra_bottleneck_size": 12, "true_hidden_size": 12, "hidden_size": 28}
    Network(config, {}).check()
    with pytest.raises(InputError, match="3 heads, which do not divide its 13 dimensions"):
        Network({**config, "intra_bottleneck_size": 13}, {}).check()


def test_layers_that_a_config_leaves_out_are_no_strangers():
    """Adapters of other languages, and bottlenecks that no attention reads, are not reported as unused."""
    config, tensors, _ = load("xmod")
    assert any(f".{config['default_language']}." not in key for key in tensors if ".adapter_modules." in key)
    network = Network(config, tensors)
    network.read(token_ids(IDS), Request())
    assert network.unused_tensors() == []


def test_xlnet_needs_a_memory_for_texts_of_one_length():
    """same_length says which part of the memory a token sees: without one it matters only from left to right."""
    config, tensors, _ = load("xlnet")
    plain = forward(config, tensors, IDS).weights
    np.testing.assert_array_equal(forward({**config, "same_length": True}, tensors, IDS).weights, plain)
    with pytest.raises(InputError, match="needs a memory"):
        forward({**config, "attn_type": "uni", "same_length": True}, tensors, IDS)


def test_xlm_roberta_xl_has_one_segment_where_the_config_is_silent():
    """Its table of segments has one row unless type_vocab_size says otherwise."""
    config, tensors, answers = load("xlm-roberta-xl")
    config.pop("type_vocab_size")
    table = next(key for key in tensors if key.endswith("token_type_embeddings.weight"))
    one = {**tensors, table: tensors[table][:1]}
    assert_near(forward(config, one, answers["text0_ids"]).weights, answers["text0_weights"])
