"""GGUF files of the families: names by llama.cpp's own table, layouts as its converter writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from golden_models import load
from near import assert_states_near, assert_weights_near

from attnviz.core.errors import InputError
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_names import GgufTensors, config_of
from attnviz.models.forward import forward

gguf = pytest.importorskip("gguf")


class Written(NamedTuple):
    """A golden model as a .gguf file: its architecture, the metadata, and what happens to the arrays on the way.

    convert: takes an array's name, the array and the config, and yields the arrays that the converter writes for it.
    """

    golden: str
    architecture: str
    metadata: Mapping[str, Any] = MappingProxyType({})
    plus_one: bool = False
    convert: Callable[[str, np.ndarray, Any], Iterator[tuple[str, np.ndarray]]] | None = None


def common(config):
    """The metadata that the converter writes of nearly every config."""

    def first(*names, default=None):
        """The first of these keys that the config has."""
        return next((config[name] for name in names if config.get(name) is not None), default)

    heads, dim = first("num_attention_heads", "n_head", "n_heads"), first("hidden_size", "n_embd", "d_model")
    found = {
        "context_length": first("max_position_embeddings", "n_positions", "max_seq_len", default=64),
        "embedding_length": dim,
        "block_count": first("num_hidden_layers", "n_layer", "n_layers"),
        "feed_forward_length": first("intermediate_size", "ffn_hidden_size", "n_inner", default=4 * dim),
        "attention.head_count": heads,
        "attention.head_count_kv": first("num_key_value_heads", default=heads),
        "attention.layer_norm_rms_epsilon": first("rms_norm_eps", default=1e-5),
        "attention.layer_norm_epsilon": first(
            "layer_norm_eps", "norm_eps", "norm_epsilon", "layer_norm_epsilon", default=1e-5
        ),
        "rope.freq_base": float((config.get("rope_parameters") or config).get("rope_theta", 10000.0)),
    }
    if config.get("head_dim"):
        found["attention.key_length"] = config["head_dim"]
    return found


def permute(rows, heads):
    """The converter's order of a matrix of queries or keys for llama.cpp's rotation of neighbours."""
    return rows.reshape(heads, 2, len(rows) // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def interleaved(name, array, config):
    """Llama's kin: rows of queries and keys."""
    if re.search(r"[qk]_proj\.(weight|bias)$", name):
        array = permute(array, config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"])
    yield name, array


class Experts:
    """The experts of a layer, put into one array each; then what another conversion makes of it."""

    def __init__(self, then=None):
        self.waiting, self.then = {}, then

    def __call__(self, name, array, config):
        found = re.fullmatch(r"(.*)\.experts\.(\d+)\.(\w+)\.weight", name)
        if found is None:
            yield from self.then(name, array, config) if self.then else iter([(name, array)])
            return
        layer, number, part = found.groups()
        waiting = self.waiting.setdefault((layer, part), {})
        waiting[int(number)] = array
        if len(waiting) == config.get("num_experts", config.get("num_local_experts")):
            yield f"{layer}.experts.{part}.weight", np.stack([waiting[one] for one in sorted(waiting)])
            del self.waiting[layer, part]


def qwen2_moe(name, array, _config):
    """Its gate of the shared expert has one row, which the converter drops."""
    yield from [(name, array.reshape(-1) if "shared_expert_gate" in name else array)]


def granite_moe(name, array, config):
    """Gate and up of all experts lie in one array, which is parted."""
    if name.endswith("input_linear.weight"):
        layer = re.search(r"layers\.(\d+)\.", name).group(1)
        for part, half in zip(("gate", "up"), np.split(array, 2, axis=1), strict=True):
            yield f"blk.{layer}.ffn_{part}_exps.weight", half
        return
    yield from interleaved(name, array, config)


def gpt_oss(name, array, _config):
    """Gate and up alternate; matrices are transposed; names end in .weight and .bias."""
    if name.endswith("sinks"):
        yield f"{name}.weight", array
    elif "gate_up_proj" in name:
        bias = name.endswith("_bias")
        if not bias:
            array = array.swapaxes(1, 2)
        for part, half in (("gate", array[:, ::2]), ("up", array[:, 1::2])):
            yield (
                name.replace("gate_up_proj_bias", f"{part}_proj.bias").replace("gate_up_proj", f"{part}_proj.weight"),
                half,
            )
    elif name.endswith("down_proj_bias"):
        yield name.replace("_bias", ".bias"), array
    elif name.endswith("down_proj"):
        yield f"{name}.weight", array.swapaxes(1, 2)
    else:
        yield name, array


def seed_oss(name, array, _config):
    """Its second norm has the name that other families give a norm after the attention."""
    found = re.fullmatch(r"model\.layers\.(\d+)\.post_attention_layernorm\.weight", name)
    yield (f"blk.{found[1]}.post_attention_norm.weight" if found else name), array


def internlm2(name, array, config):
    """Queries, keys and values parted from their groups, and rows of queries and keys interleaved."""
    if not name.endswith("wqkv.weight"):
        yield name, array
        return
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    parts = array.reshape(groups, heads // groups + 2, -1, array.shape[-1])
    for part, piece, count in (("q", parts[:, :-2], heads), ("k", parts[:, [-2]], groups), ("v", parts[:, [-1]], 0)):
        rows = piece.reshape(-1, array.shape[-1])
        yield name.replace("wqkv", f"w{part}"), permute(rows, count) if count else rows


def eurobert(name, array, _config):
    """The encoder alone."""
    if not name.startswith("lm_head."):
        yield name, array


def nomic_bert(name, array, _config):
    """The encoder alone, without a prefix."""
    if name.startswith("nomic_bert."):
        yield name.removeprefix("nomic_bert."), array


class Lfm2Experts(Experts):
    """LFM2's experts under the names that the converter gives them first; kernels lose their middle axis."""

    def __call__(self, name, array, config):
        for ours, theirs in (("w1", "gate_proj"), ("w3", "up_proj"), ("w2", "down_proj")):
            name = re.sub(rf"(experts\.\d+)\.{ours}\.", rf"\1.{theirs}.", name)
        if name.endswith("gate_up_proj"):
            for part, half in zip(("gate", "up"), np.split(array, 2, axis=1), strict=True):
                yield name.replace("gate_up_proj", f"{part}_proj.weight"), half
        elif name.endswith("experts.down_proj"):
            yield f"{name}.weight", array
        elif name.endswith("conv.conv.weight"):
            yield name, array[:, 0]
        elif name.endswith("expert_bias"):
            yield f"{name}.bias", array
        else:
            yield from super().__call__(name, array, config)


class HeadNorms:
    """StableLM's norms of single heads, put into one array a layer."""

    def __init__(self):
        self.waiting = {}

    def __call__(self, name, array, config):
        found = re.fullmatch(r"(.*)\.norms\.(\d+)\.weight", name)
        if found is None:
            yield name, array
            return
        waiting = self.waiting.setdefault(found[1], {})
        waiting[int(found[2])] = array
        if len(waiting) == config["num_attention_heads" if "q_layernorm" in name else "num_key_value_heads"]:
            yield f"{found[1]}.weight", np.stack([waiting[one] for one in sorted(waiting)])


def bloom(name, array, config):
    """From each head's query, key and value to all queries, all keys, all values."""
    if "query_key_value" in name:
        parts = array.reshape(config["n_head"], 3, -1, *array.shape[1:])
        array = np.concatenate([parts[:, one].reshape(-1, *array.shape[1:]) for one in range(3)])
    yield name.removeprefix("transformer."), array


def falcon(name, array, config):
    """From groups of queries with their key and value to all queries, all keys, all values."""
    if "query_key_value" in name:
        groups = config["num_kv_heads"] if config["new_decoder_architecture"] else 1
        width = config["hidden_size"] // config["num_attention_heads"]
        parts = array.reshape(groups, config["num_attention_heads"] // groups + 2, width, *array.shape[1:])
        pieces = parts[:, :-2], parts[:, [-2]], parts[:, [-1]]
        array = np.concatenate([piece.reshape(-1, *array.shape[1:]) for piece in pieces])
    yield name, array


def modern_bert(name, array, _config):
    """The encoder alone, without a prefix."""
    if name.startswith("model."):
        yield name.removeprefix("model."), array


# llama.cpp has these in its code, by the model's size.
NOT_IN_FILES = {"query_pre_attn_scalar", "swiglu_limit", "no_rope_layers"}
WINDOW = {"attention.sliding_window": 4}
LFM2 = {"attention.layer_norm_rms_epsilon": 0.01, "rope.freq_base": 1e6}
MOE = {"expert_count": 5, "expert_used_count": 2}
MOE_OWN = MOE | {"expert_feed_forward_length": 11}
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
    Written("mixtral", "llama", MOE | {"attention.sliding_window": 5}, convert=Experts(interleaved)),
    Written("qwen2_moe", "qwen2moe", MOE_OWN | {"expert_shared_feed_forward_length": 13}, convert=Experts(qwen2_moe)),
    Written("qwen3_moe", "qwen3moe", MOE_OWN, convert=Experts()),
    Written("olmoe", "olmoe", MOE, convert=Experts()),
    Written(
        "granite",
        "granite",
        {"attention.scale": 0.3, "embedding_scale": 3.0, "residual_scale": 0.7, "logit_scale": 2.0},
        convert=interleaved,
    ),
    Written("granite-plain", "granite", {"attention.scale": 1.0}, convert=interleaved),
    Written("granitemoe", "granitemoe", MOE | {"attention.scale": 0.3, "residual_scale": 0.7}, convert=granite_moe),
    Written(
        "gpt_oss",
        "gpt-oss",
        MOE
        | WINDOW
        | {
            "expert_feed_forward_length": 19,
            "rope.freq_base": 150000.0,
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 32.0,
            "rope.scaling.original_context_length": 4096,
        },
        convert=gpt_oss,
    ),
    Written("olmo", "olmo", convert=interleaved),
    Written("olmo2", "olmo2"),
    Written(
        "olmo3",
        "olmo2",
        WINDOW
        | {
            "attention.sliding_window_pattern": [True, True, True, False],
            "rope.freq_base": 300.0,
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": 20,
        },
    ),
    Written("cohere", "command-r", {"logit_scale": 0.3, "rope.scaling.type": "none"}),
    Written(
        "cohere2", "cohere2", WINDOW | {"logit_scale": 0.0625, "rope.dimension_count": 4, "rope.scaling.type": "none"}
    ),
    Written("arcee", "arcee", convert=interleaved),
    Written("smollm3", "smollm3", convert=interleaved),
    Written("seed_oss", "seed_oss", convert=seed_oss),
    Written("internlm2", "internlm2", convert=internlm2),
    Written("eurobert", "eurobert", convert=eurobert),
    Written("nomic_bert", "nomic-bert", convert=nomic_bert),
    Written(
        "lfm2",
        "lfm2",
        {"attention.head_count_kv": [0, 2, 0, 2], "feed_forward_length": 15, "shortconv.l_cache": 3, **LFM2},
        convert=Lfm2Experts(),
    ),
    Written(
        "lfm2-last",
        "lfm2",
        {"attention.head_count_kv": [0, 2, 0, 2, 0], "shortconv.l_cache": 4, **LFM2},
        convert=Lfm2Experts(),
    ),
    Written(
        "lfm2_moe",
        "lfm2moe",
        MOE_OWN | {"attention.head_count_kv": [2, 0, 0, 2], "leading_dense_block_count": 1, **LFM2},
        convert=Lfm2Experts(),
    ),
    Written("exaone4", "exaone4", WINDOW | {"attention.sliding_window_pattern": [True, True, True, False]}),
    Written("exaone4-whole", "exaone4"),
    Written("glm4", "glm4", {"rope.dimension_count": 4}),
    Written("ernie4_5", "ernie4_5"),
    Written("hunyuan_v1_dense", "hunyuan-dense"),
    Written(
        "hunyuan_v1_dense-alpha",
        "hunyuan-dense",
        {"rope.freq_base": 100.0 * 7.0 ** (6 / 4), "rope.scaling.type": "none", "rope.scaling.factor": 1.0},
    ),
    Written(
        "ministral3",
        "mistral3",
        {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": 4.0,
            "rope.scaling.original_context_length": 7,
            "rope.scaling.yarn_log_multiplier": 1.0,
            "attention.temperature_scale": 0.3,
        },
        convert=interleaved,
    ),
    Written("phi", "phi2", {"rope.dimension_count": 2}),
    Written("stablelm", "stablelm", {"rope.dimension_count": 2, "use_parallel_residual": False}),
    Written(
        "stablelm-parallel", "stablelm", {"rope.dimension_count": 2, "use_parallel_residual": True}, convert=HeadNorms()
    ),
    Written("starcoder2-plain", "starcoder2"),
    Written("starcoder2", "starcoder2", WINDOW),
    Written(
        "modernbert",
        "modern-bert",
        {"attention.sliding_window": 6, "rope.freq_base": 160000.0, "rope.freq_base_swa": 10000.0},
        convert=modern_bert,
    ),
    Written("bloom", "bloom", convert=bloom),
    Written("falcon", "falcon", {"attention.head_count_kv": 1}, convert=falcon),
    Written(
        "falcon-one-norm",
        "falcon",
        {"attention.head_count_kv": 3, "rope.scaling.type": "linear", "rope.scaling.factor": 2.0},
        convert=falcon,
    ),
    Written("mpt", "mpt", {"attention.max_alibi_bias": 8.0}),
    Written("gpt_bigcode", "starcoder", {"attention.head_count_kv": 1}),
]


def write(path, case, config, tensors):
    """Write a golden model's arrays under the names that gguf's table gives them."""
    writer = gguf.GGUFWriter(path, case.architecture)
    kind = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items()}[case.architecture]
    names = gguf.get_tensor_name_map(kind, common(config)["block_count"])
    for key, value in (common(config) | dict(case.metadata)).items():
        full = f"{case.architecture}.{key}"
        if isinstance(value, list):
            writer.add_array(full, value)
        elif isinstance(value, str):
            writer.add_string(full, value)
        else:
            add = {bool: writer.add_bool, float: writer.add_float32, int: writer.add_uint32}[type(value)]
            add(full, value)
    convert = case.convert or (lambda name, array, _: iter([(name, array)]))
    written = [pair for name, array in tensors.items() for pair in convert(name, array, config)]
    for name, array in written:
        if name.startswith("blk."):
            writer.add_tensor(name, np.ascontiguousarray(array))
            continue
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
    heads_left = ("modern-bert", "eurobert", "nomic-bert")  # whose heads are not converted
    scored = "text0_logits" in answers and case.architecture not in heads_left
    found = forward(given, GgufTensors(file), answers["text0_ids"], logits=scored)
    assert_weights_near(found.weights, answers["text0_weights"], found.traces)
    assert_states_near(found.hidden, answers["text0_hidden"])
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
