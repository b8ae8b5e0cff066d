"""GGUF files of the golden models: names by llama.cpp's own table, layouts as its converter writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

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

    heads = first("num_attention_heads", "n_head", "n_heads", "num_heads")
    dim = first("hidden_size", "n_embd", "d_model", "dim")
    found = {
        "context_length": first("max_position_embeddings", "n_positions", "max_seq_len", default=64),
        "embedding_length": dim,
        "block_count": first("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
        "feed_forward_length": first(
            "intermediate_size", "ffn_hidden_size", "n_inner", "hidden_dim", "d_ff", default=4 * dim
        ),
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


class DeepseekExperts(Experts):
    """DeepSeek's kin: the matrix behind the narrow keys and values parted, the keys' transposed; a bias named so."""

    def __init__(self, then=None, *, parts=True):
        super().__init__(then)
        self.parts = parts

    def __call__(self, name, array, config):
        if config.get("n_routed_experts"):
            config = config | {"num_experts": config["n_routed_experts"]}
        if name.endswith("gate_up_proj"):
            for part, half in zip(("gate", "up"), np.split(array, 2, axis=1), strict=True):
                yield name.replace("gate_up_proj", f"{part}_proj.weight"), half
        elif name.endswith("experts.down_proj"):
            yield f"{name}.weight", array
        elif name.endswith("kv_b_proj.weight") and self.parts:
            plain, values = config["qk_nope_head_dim"], config["v_head_dim"]
            wide = array.reshape(config["num_attention_heads"], plain + values, -1)
            yield name.replace("kv_b_proj", "k_b_proj"), wide[:, :plain].swapaxes(1, 2)
            yield name.replace("kv_b_proj", "v_b_proj"), wide[:, plain:]
        elif name.endswith("e_score_correction_bias"):
            yield name.replace("_bias", ".bias"), array
        else:
            yield from super().__call__(name, array, config)


def regrouped(array, groups, axis=0, before=0):
    """From value heads by key head to one of each key head in turn, along an axis, but for what stands before."""
    kept, values = np.split(array, [before], axis=axis)
    shape = values.shape
    parted = values.reshape(*shape[:axis], *groups, -1, *shape[axis + 1 :])
    return np.concatenate([kept, parted.swapaxes(axis, axis + 1).reshape(shape)], axis=axis)


class Delta(DeepseekExperts):
    """Qwen3-Next and Qwen3.5: what happens to the tensors of gated delta nets, and norms plus 1."""

    def __init__(self, *, tiled, legacy=False):
        super().__init__()
        self.tiled, self.legacy = tiled, legacy

    def __call__(self, name, array, config):
        heads, served = config["linear_num_key_heads"], 0
        served = config["linear_num_value_heads"] // heads
        keys, value = heads * config["linear_key_head_dim"], config["linear_value_head_dim"]
        if name.endswith("in_proj_qkvz.weight") and not self.legacy:
            layer = re.search(r"layers\.(\d+)\.", name).group(1)
            width = config["linear_key_head_dim"]
            parts = np.split(
                array.reshape(heads, -1, array.shape[-1]), [width, 2 * width, 2 * width + served * value], 1
            )
            flat = [part.reshape(-1, array.shape[-1]) for part in parts]
            yield f"blk.{layer}.attn_qkv.weight", np.concatenate(flat[:3])
            yield f"blk.{layer}.attn_gate.weight", flat[3]
            return
        if self.tiled and "linear_attn" in name and served > 1:
            ending = name.rpartition("linear_attn.")[2]
            if ending in ("in_proj_qkv.weight", "conv1d.weight"):
                array = regrouped(array, (heads, served), before=2 * keys)
            elif ending in ("in_proj_z.weight", "in_proj_a.weight", "in_proj_b.weight", "A_log", "dt_bias"):
                array = regrouped(array, (heads, served))
            elif ending == "out_proj.weight":
                array = regrouped(array, (heads, served), axis=1)
        if name.endswith("A_log"):
            yield name, -np.exp(array)
        elif name.endswith("dt_bias"):
            yield name.replace("dt_bias", "dt_proj.bias"), array
        elif name.endswith("conv1d.weight"):
            yield name, array[:, 0]
        elif name.endswith("norm.weight") and not name.endswith("linear_attn.norm.weight"):
            yield name, array + 1
        elif "shared_expert_gate" in name:
            yield name, array.reshape(-1)
        elif (found := re.fullmatch(r"model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj\.weight", name)) is not None:
            yield f"blk.{found[1]}.ffn_{found[2]}.weight", array  # which llama.cpp's table of Qwen3-Next does not have
        else:
            yield from super().__call__(name, array, config)


def jina(*, parts):
    """Jina's encoder alone, with the first matrix of a gated feed-forward whole or, as older files have it, parted."""

    def convert(name, array, _config):
        found = re.fullmatch(r"(?:bert|roberta)\.(.*)", name)
        name = found[1] if found else name
        gated = re.fullmatch(r"encoder\.layer\.(\d+)\.mlp\.(gated_layers|up_gated_layer)\.weight", name)
        if gated and parts:
            ends = ("gate", "up") if gated[2] == "gated_layers" else ("up", "gate")
            for end, half in zip(ends, np.split(array, 2), strict=True):
                yield f"blk.{gated[1]}.ffn_{end}.weight", half
        elif not name.startswith(("cls.", "lm_head.", "pooler.")):
            yield name, array

    return convert


def distilbert(name, array, _config):
    """The encoder alone, without a prefix."""
    if not name.startswith("vocab_"):
        yield name.removeprefix("distilbert."), array


def encoder(name, array, _config):
    """A translator's encoder alone."""
    if name.startswith(("encoder.", "shared.")):
        yield name, array


# llama.cpp has these in its code, by the model's size.
NOT_IN_FILES = {
    "feed_forward_type",
    "hidden_act",
    "relative_attention_max_distance",
    "query_pre_attn_scalar",
    "swiglu_limit",
    "no_rope_layers",
}
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


LATENT = {
    "attention.head_count_kv": 1,
    "attention.key_length": 12,
    "attention.value_length": 8,
    "attention.key_length_mla": 10,
    "attention.value_length_mla": 3,
    "attention.kv_lora_rank": 8,
    "rope.dimension_count": 4,
}
OLD_LATENT = {
    "attention.key_length": 10,
    "attention.value_length": 3,
    "attention.kv_lora_rank": 8,
    "rope.dimension_count": 4,
}
SHARING = {
    "expert_count": 6,
    "expert_used_count": 2,
    "expert_feed_forward_length": 11,
    "expert_shared_count": 1,
    "leading_dense_block_count": 1,
    "expert_group_count": 3,
    "expert_group_used_count": 2,
    "expert_gating_func": 2,
    "expert_weights_norm": True,
}
SCALED = {
    "rope.scaling.type": "yarn",
    "rope.scaling.factor": 4.0,
    "rope.scaling.original_context_length": 7,
    "rope.scaling.yarn_log_multiplier": 0.05,
}
SOFTMAX = {"expert_shared_count": 2, "expert_gating_func": 1, "expert_weights_norm": False}
DELTA = {
    "ssm.conv_kernel": 3,
    "ssm.state_size": 5,
    "ssm.group_count": 2,
    "ssm.time_step_rank": 4,
    "ssm.inner_size": 28,
    "rope.dimension_count": 4,
    "full_attention_interval": 2,
}
DELTA_MOE = DELTA | MOE_OWN | {"expert_shared_feed_forward_length": 13}
CASES += [
    Written(
        "deepseek_v3",
        "deepseek2",
        LATENT | SHARING | SCALED | {"attention.q_lora_rank": 9, "expert_weights_scale": 2.5},
        convert=DeepseekExperts(),
    ),
    Written(
        "deepseek_v2",
        "deepseek2",
        LATENT
        | SHARING
        | SCALED
        | SOFTMAX
        | {"attention.q_lora_rank": 9, "expert_group_count": 1, "expert_group_used_count": 1},
        convert=DeepseekExperts(),
    ),
    Written(
        "deepseek_v2-grouped",
        "deepseek2",
        OLD_LATENT | SHARING | SOFTMAX | {"expert_weights_scale": 1.7, "leading_dense_block_count": 0},
        convert=DeepseekExperts(parts=False),
    ),
    Written(
        "glm4_moe_lite",
        "deepseek2",
        LATENT
        | SHARING
        | {
            "attention.q_lora_rank": 9,
            "expert_weights_scale": 1.8,
            "expert_group_count": 1,
            "expert_group_used_count": 1,
            "tokenizer.ggml.pre": "glm4",
        },
        convert=DeepseekExperts(),
    ),
    Written(
        "youtu",
        "deepseek2",
        LATENT | {"attention.q_lora_rank": 9, "expert_feed_forward_length": 19, "leading_dense_block_count": 3},
        convert=DeepseekExperts(),
    ),
    Written(
        "glm4_moe",
        "glm4moe",
        SHARING | {"rope.dimension_count": 2, "expert_group_count": 1, "expert_group_used_count": 1},
        convert=DeepseekExperts(),
    ),
    Written(
        "glm4_moe-grouped",
        "glm4moe",
        SHARING
        | {
            "rope.dimension_count": 4,
            "expert_used_count": 3,
            "expert_group_count": 2,
            "expert_group_used_count": 1,
            "leading_dense_block_count": 0,
        },
        convert=DeepseekExperts(),
    ),
    Written(
        "solar_open",
        "glm4moe",
        SHARING
        | {
            "rope.dimension_count": 6,
            "expert_group_count": 2,
            "expert_group_used_count": 1,
            "leading_dense_block_count": 0,
            "tokenizer.ggml.pre": "solar-open",
        },
        convert=DeepseekExperts(),
    ),
    Written("qwen3_next", "qwen3next", DELTA_MOE, convert=Delta(tiled=False)),
    Written("qwen3_next", "qwen3next", DELTA_MOE, convert=Delta(tiled=False, legacy=True)),
    Written(
        "qwen3_5",
        "qwen35",
        {key: value for key, value in DELTA.items() if key != "full_attention_interval"}
        | {"attention.recurrent_layers": [True, False, True, False]},
        convert=Delta(tiled=True),
    ),
    Written(
        "qwen3_5-biased",
        "qwen35",
        DELTA | {"ssm.time_step_rank": 2, "ssm.inner_size": 14, "rope.dimension_count": 8},
        convert=Delta(tiled=True),
    ),
    Written("qwen3_5_moe", "qwen35moe", DELTA_MOE, convert=Delta(tiled=True)),
    Written("distilbert", "bert", convert=distilbert),
    Written("umt5", "t5encoder", {"attention.key_length": 7, "attention.relative_buckets_count": 8}, convert=encoder),
    Written("glm", "chatglm", {"rope.dimension_count": 4}),
    Written("jina_bert_v2", "jina-bert-v2", convert=jina(parts=False)),
    Written("jina_bert_v2", "jina-bert-v2", convert=jina(parts=True)),
    Written("jina_bert_v2-normed", "jina-bert-v2", convert=jina(parts=False)),
    Written("jina_bert_v2-normed", "jina-bert-v2", convert=jina(parts=True)),
    Written("jina_bert_v2-plain", "jina-bert-v2", convert=jina(parts=False)),
    Written("jina_embeddings_v3", "jina-bert-v3", convert=jina(parts=False)),
]


def write(path, case, config, tensors):
    """Write a golden model's arrays under the names that gguf's table gives them."""
    writer = gguf.GGUFWriter(path, case.architecture)
    kind = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items()}[case.architecture]
    names = gguf.get_tensor_name_map(kind, common(config)["block_count"])
    for key, value in (common(config) | dict(case.metadata)).items():
        full = key if key.startswith("tokenizer.") else f"{case.architecture}.{key}"
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
