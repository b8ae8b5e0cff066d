"""GGUF files of the families give what the checkpoints give that they were made of."""

import numpy as np
import pytest
from gguf_files import CASES, NOT_IN_FILES, Lfm2Experts, Written, interleaved, write
from golden_models import load
from near import assert_states_near, assert_weights_near

from attnviz.core.errors import InputError
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import GgufTensors, config_of
from attnviz.models.forward import forward

# The heads that give words are not converted.
HEADS_LEFT = ("bert", "eurobert", "jina-bert-v2", "jina-bert-v3", "modern-bert", "nomic-bert", "t5encoder")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.golden}-{case.architecture}")
def test_a_gguf_file_gives_the_same(tmp_path, case):
    """Every layer and head, the last hidden state and the logits, as from the checkpoint that the file was made of."""
    config, tensors, answers = load(case.golden)
    file = GgufFile(write(tmp_path / "m.gguf", case, config, tensors))
    given = config_of(file)
    for key in NOT_IN_FILES & set(config):
        given[key] = config[key]
    if case.architecture == "deepseek2" and "rope_scaling" in given:
        given["rope_scaling"]["mscale"] = config["rope_parameters"]["mscale"]
    scored = "text0_logits" in answers and case.architecture not in HEADS_LEFT
    found = forward(given, GgufTensors(file), answers["text0_ids"], logits=scored)
    side = "encoder" if "text0_encoder" in answers else "weights"
    assert_weights_near(found.weights, answers[f"text0_{side}"], found.traces)
    assert_states_near(found.hidden, answers["text0_encoder_hidden" if side == "encoder" else "text0_hidden"])
    if found.logits is not None:
        assert_states_near(found.logits, answers["text0_logits"])


def test_an_embedding_llama_attends_in_both_directions(tmp_path):
    """llama-embed is Llama without a causal mask."""
    config, tensors, answers = load("llama")
    file = GgufFile(write(tmp_path / "m.gguf", Written("llama", "llama-embed", convert=interleaved), config, tensors))
    found = forward(config_of(file), GgufTensors(file), answers["text0_ids"])
    expected = forward(config | {"is_causal": False}, tensors, answers["text0_ids"])
    assert found.allowed is None
    assert_weights_near(found.weights, expected.weights, found.traces)


def test_key_heads_that_differ_by_layer_are_refused(tmp_path):
    """One number for all layers of attention is read; two are refused, and so is a list that is too short."""
    config, tensors, _ = load("lfm2")
    for given, problem in (([2, 1, 0, 2], "different numbers of key and value heads"), ([0, 2], "for each of its 4")):
        case = Written("lfm2", "lfm2", {"attention.head_count_kv": given}, convert=Lfm2Experts())
        file = GgufFile(write(tmp_path / "m.gguf", case, config, tensors))
        with pytest.raises(InputError, match=problem):
            config_of(file)


def test_an_activation_that_a_file_names_is_used(tmp_path):
    """ModernBERT's kin may have another activation, which newer files name."""
    config, tensors, answers = load("modernbert")
    case = next(case for case in CASES if case.golden == "modernbert")
    case = case._replace(metadata=case.metadata | {"hidden_activation": "silu"})
    file = GgufFile(write(tmp_path / "m.gguf", case, config, tensors))
    found = forward(config_of(file), GgufTensors(file), answers["text0_ids"])
    expected = forward(config | {"hidden_activation": "silu"}, tensors, answers["text0_ids"])
    assert_weights_near(found.weights, expected.weights, found.traces)
    assert not np.array_equal(found.weights[-1], answers["text0_weights"][-1])
