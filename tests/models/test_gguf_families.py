"""GGUF files of the families: names by llama.cpp's own table, layouts as its converter writes them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from golden_models import load
from near import assert_states_near, assert_weights_near

from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import GgufTensors, config_of
from attnviz.models.forward import forward

gguf = pytest.importorskip("gguf")


class Written(NamedTuple):
    """A golden model as a .gguf file: its architecture, the metadata, and what happens to the arrays on the way."""

    golden: str
    architecture: str
    metadata: Mapping[str, Any] = MappingProxyType({})
    plus_one: bool = False


def common(config):
    """The metadata that the converter writes of nearly every config."""
    heads = config["num_attention_heads"]
    return {
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": heads,
        "attention.head_count_kv": config.get("num_key_value_heads", heads),
        "attention.layer_norm_rms_epsilon": config.get("rms_norm_eps", 1e-5),
        "attention.layer_norm_epsilon": config.get("layer_norm_eps", 1e-5),
        "attention.key_length": config.get("head_dim") or config["hidden_size"] // heads,
    }


# llama.cpp has these in its code, by the model's size.
NOT_IN_FILES = {"query_pre_attn_scalar"}
WINDOW = {"attention.sliding_window": 4}
CASES = [
    Written(
        "gemma2", "gemma2", WINDOW | {"attn_logit_softcapping": 0.7, "final_logit_softcapping": 1.5}, plus_one=True
    ),
    Written(
        "gemma3",
        "gemma3",
        WINDOW | {"attention.sliding_window_pattern": [True, False, True], "rope.freq_base": 1e6},
        plus_one=True,
    ),
    Written(
        "gemma3-scaled",
        "gemma3",
        WINDOW
        | {
            "attention.sliding_window_pattern": 3,
            "rope.freq_base": 500.0,
            "rope.freq_base_swa": 30.0,
            "rope.scaling.type": "linear",
            "rope.scaling.factor": 8.0,
            "final_logit_softcapping": 2.0,
        },
        plus_one=True,
    ),
    Written(
        "gemma3-encoder",
        "gemma-embedding",
        {"attention.sliding_window": 6, "attention.sliding_window_pattern": [True, False, True], "rope.freq_base": 1e6},
        plus_one=True,
    ),
]


def write(path, case, config, tensors):
    """Write a golden model's arrays under the names that gguf's table gives them."""
    writer = gguf.GGUFWriter(path, case.architecture)
    kind = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items()}[case.architecture]
    names = gguf.get_tensor_name_map(kind, config["num_hidden_layers"])
    for key, value in (common(config) | dict(case.metadata)).items():
        full = f"{case.architecture}.{key}"
        if isinstance(value, list):
            writer.add_array(full, value)
        elif isinstance(value, str):
            writer.add_string(full, value)
        else:
            (writer.add_float32 if isinstance(value, float) else writer.add_uint32)(full, value)
    for name, array in tensors.items():
        theirs = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if theirs is None:
            theirs = names.get_name(f"model.{name}", try_suffixes=(".weight", ".bias"))
        assert theirs is not None, name
        if case.plus_one and name.endswith("norm.weight"):
            array = array + 1
        writer.add_tensor(theirs, np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.golden}-{case.architecture}")
def test_a_gguf_file_gives_the_same(tmp_path, case):
    """Every layer and head, the last hidden state and the logits, as from the checkpoint that the file was made of."""
    config, tensors, answers = load(case.golden)
    file = GgufFile(write(tmp_path / "m.gguf", case, config, tensors))
    given = config_of(file)
    for key in NOT_IN_FILES & set(config):
        given[key] = config[key]
    found = forward(given, GgufTensors(file), answers["text0_ids"], logits="text0_logits" in answers)
    assert_weights_near(found.weights, answers["text0_weights"], found.traces)
    assert_states_near(found.hidden, answers["text0_hidden"])
    if found.logits is not None:
        assert_states_near(found.logits, answers["text0_logits"])
