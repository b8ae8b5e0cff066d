"""GGUF's architectures beside the oldest ones: the names of their arrays in transformers, and what their configs add.

What llama.cpp has in its code and no file says stands here, such as whether the shares of experts sum to 1.
"""

from __future__ import annotations

import numpy as np

from attnviz.core.errors import InputError
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_deepseek import DEEPSEEK_FAMILIES
from attnviz.models.formats.gguf_delta import DELTA_FAMILIES
from attnviz.models.formats.gguf_family import (
    LLAMA,
    LLAMA_ENDS,
    LLAMA_LAYER,
    POST_NORM_LAYER,
    Config,
    GgufFamily,
    array_names,
    expert_parts,
    layer_normed,
    partly_rotated,
    with_experts,
)
from attnviz.models.formats.gguf_jina import JINA_FAMILIES
from attnviz.models.formats.gguf_metadata import metadata_value, real_number, whole_number

_AFTER = {"post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm"}
_GPT = {
    "attn_norm": "input_layernorm",
    "attn_qkv": "self_attention.query_key_value",
    "attn_output": "self_attention.dense",
    "ffn_norm": "post_attention_layernorm",
    "ffn_up": "mlp.dense_h_to_4h",
    "ffn_down": "mlp.dense_4h_to_h",
}
_GPT_ENDS = {
    "token_embd": "transformer.word_embeddings",
    "token_embd_norm": "transformer.word_embeddings_layernorm",
    "output_norm": "transformer.ln_f",
    "output": "lm_head",
}
_STARCODER = {
    "attn_norm": "ln_1",
    "attn_qkv": "attn.c_attn",
    "attn_output": "attn.c_proj",
    "ffn_norm": "ln_2",
    "ffn_up": "mlp.c_fc",
    "ffn_down": "mlp.c_proj",
}
_MPT = {
    "attn_norm": "norm_1",
    "attn_qkv": "attn.Wqkv",
    "attn_output": "attn.out_proj",
    "ffn_norm": "norm_2",
    "ffn_up": "ffn.up_proj",
    "ffn_down": "ffn.down_proj",
}
_MODERN = {
    "attn_norm": "attn_norm",
    "attn_qkv": "attn.Wqkv",
    "attn_output": "attn.Wo",
    "ffn_norm": "mlp_norm",
    "ffn_up": "mlp.Wi",
    "ffn_down": "mlp.Wo",
}


def _mixture(file: GgufFile, config: Config) -> Config:
    experts, chosen = whole_number(file, "expert_count"), whole_number(file, "expert_used_count")
    width = whole_number(file, "expert_feed_forward_length", config["intermediate_size"])
    renormalized = file.metadata["general.architecture"] == "qwen3moe"
    return config | {
        "num_local_experts": experts,
        "num_experts_per_tok": chosen,
        "moe_intermediate_size": width,
        "norm_topk_prob": renormalized,
        "use_sliding_window": False,
    }


def _qwen2_moe(file: GgufFile, config: Config) -> Config:
    shared = next((file.shape(name)[0] for name in file if name.endswith("ffn_up_shexp.weight")), 0)
    return _mixture(file, config) | {"shared_expert_intermediate_size": shared, "qkv_bias": config["attention_bias"]}


def _granite(file: GgufFile, config: Config) -> Config:
    found = config | {
        "attention_multiplier": real_number(file, "attention.scale", 1.0),
        "embedding_multiplier": real_number(file, "embedding_scale", 1.0),
        "residual_multiplier": real_number(file, "residual_scale", 1.0),
        "logits_scaling": real_number(file, "logit_scale", 1.0),
    }
    return _mixture(file, found) if metadata_value(file, "expert_count") else found


def _gpt_oss(file: GgufFile, config: Config) -> Config:
    found = _mixture(file, config)
    found["intermediate_size"] = found["moe_intermediate_size"]
    scaling = found.get("rope_scaling")
    if scaling and scaling["rope_type"] == "yarn":
        found["rope_scaling"] = scaling | {"truncate": False}
    elif not scaling:
        found["rope_parameters"] = {"rope_type": "default", "rope_theta": found["rope_theta"]}
    return found


def _olmo(file: GgufFile, config: Config) -> Config:
    clip = real_number(file, "attention.clamp_kqv", 0.0)
    return config | ({"clip_qkv": clip} if clip else {})


def _patterned(file: GgufFile, config: Config, every: int) -> Config:
    """Return the config with each layer's kind: the file's own list, or a whole layer every so many."""
    layers, pattern = config["num_hidden_layers"], metadata_value(file, "attention.sliding_window_pattern")
    if isinstance(pattern, np.ndarray) and len(pattern) >= layers:
        windowed = [bool(one) for one in pattern[:layers]]
    else:
        period = pattern if isinstance(pattern, int) and not isinstance(pattern, bool) and pattern > 0 else every
        windowed = [(number + 1) % period != 0 for number in range(layers)]
    return config | {"layer_types": ["sliding_attention" if one else "full_attention" for one in windowed]}


def _olmo2(file: GgufFile, config: Config) -> Config:
    return _patterned(file, config | {"model_type": "olmo3"}, 4) if config.get("sliding_window") else config


def _cohere(file: GgufFile, config: Config) -> Config:
    found = config | {
        "layer_norm_eps": real_number(file, "attention.layer_norm_epsilon", 1e-5),
        "logit_scale": real_number(file, "logit_scale", 0.0625),
        "use_qk_norm": "blk.0.attn_q_norm.weight" in file,
    }
    return _patterned(file, found, 4) if config.get("sliding_window") else found


def _exaone4(file: GgufFile, config: Config) -> Config:
    if config.get("sliding_window"):
        return _patterned(file, config, 4)
    return config | {"sliding_window": None, "layer_types": ["full_attention"] * config["num_hidden_layers"]}


def _hunyuan(file: GgufFile, config: Config) -> Config:  # noqa: ARG001
    return config | {"rope_parameters": {"rope_type": "default", "rope_theta": config["rope_theta"]}}


def _mistral3(file: GgufFile, config: Config) -> Config:
    scaling = config.pop("rope_scaling", None) or {"rope_type": "default"}
    multiplier = real_number(file, "rope.scaling.yarn_log_multiplier", 0.0)
    return config | {
        "rope_parameters": scaling
        | {
            "rope_theta": config["rope_theta"],
            "llama_4_scaling_beta": real_number(file, "attention.temperature_scale", 0.0),
            **({"mscale": multiplier, "mscale_all_dim": multiplier} if multiplier else {}),
        }
    }


def _phi2(file: GgufFile, config: Config) -> Config:
    return layer_normed(file, partly_rotated(file, config)) | {"hidden_act": "gelu_new"}


def _stablelm(file: GgufFile, config: Config) -> Config:
    parallel = metadata_value(file, "use_parallel_residual")
    return layer_normed(file, partly_rotated(file, config)) | {
        "use_parallel_residual": bool(parallel) and "blk.0.ffn_norm.weight" not in file,
        "use_qkv_bias": config["attention_bias"],
        "qk_layernorm": "blk.0.attn_q_norm.weight" in file,
    }


def _starcoder2(file: GgufFile, config: Config) -> Config:
    return layer_normed(file, config) | {"use_bias": config["attention_bias"], "hidden_act": "gelu_pytorch_tanh"}


def _ernie(file: GgufFile, config: Config) -> Config:  # noqa: ARG001
    return config | {"use_bias": config["attention_bias"]}


def _modern_bert(file: GgufFile, config: Config) -> Config:
    every = metadata_value(file, "attention.sliding_window_pattern")
    return layer_normed(file, config) | {
        "norm_eps": real_number(file, "attention.layer_norm_epsilon", 1e-5),
        "local_attention": whole_number(file, "attention.sliding_window", 128),
        "global_attn_every_n_layers": every if isinstance(every, int) and every > 0 else 3,
        "global_rope_theta": config["rope_theta"],
        "local_rope_theta": real_number(file, "rope.freq_base_swa", 10000.0),
        "hidden_activation": metadata_value(file, "hidden_activation") or "gelu",
        "norm_bias": "output_norm.bias" in file,
        "attention_bias": "blk.0.attn_qkv.bias" in file,
        "mlp_bias": "blk.0.ffn_up.bias" in file,
    }


def _bloom(file: GgufFile, config: Config) -> Config:
    return layer_normed(file, config) | {
        "n_layer": config["num_hidden_layers"],
        "n_head": config["num_attention_heads"],
    }


def _falcon(file: GgufFile, config: Config) -> Config:
    groups, two = config["num_key_value_heads"], "blk.0.attn_norm_2.weight" in file
    return layer_normed(file, config) | {
        "new_decoder_architecture": two or groups > 1,
        "num_kv_heads": groups,
        "num_ln_in_parallel_attn": 2 if two else 1,
        "multi_query": True,
        "parallel_attn": True,
        "alibi": False,
        "bias": "blk.0.attn_qkv.bias" in file,
        "ffn_hidden_size": config["intermediate_size"],
    }


def _mpt(file: GgufFile, config: Config) -> Config:
    steepest, clip = (real_number(file, key, 0.0) for key in ("attention.max_alibi_bias", "attention.clamp_kqv"))
    return layer_normed(file, config) | {
        "d_model": config["hidden_size"],
        "n_layers": config["num_hidden_layers"],
        "n_heads": config["num_attention_heads"],
        "max_seq_len": config["max_position_embeddings"],
        "attn_config": {"alibi": bool(steepest), **({"clip_qkv": clip} if clip else {})}
        | ({"alibi_bias_max": int(steepest)} if steepest else {}),
    }


def _starcoder(file: GgufFile, config: Config) -> Config:
    return layer_normed(file, config) | {
        "n_embd": config["hidden_size"],
        "n_layer": config["num_hidden_layers"],
        "n_head": config["num_attention_heads"],
        "n_positions": config["max_position_embeddings"],
        "n_inner": config["intermediate_size"],
        "multi_query": config["num_key_value_heads"] == 1,
    }


def _lfm2(file: GgufFile, config: Config) -> Config:
    """Return the config with each layer's kind: without key heads it is a convolution."""
    heads = metadata_value(file, "attention.head_count_kv")
    layers = config["num_hidden_layers"]
    counts = heads.tolist() if isinstance(heads, np.ndarray) else [heads] * layers
    if len(counts) < layers:
        raise InputError(
            "{path!r} must give {key} for each of its {layers} layers.",
            path=str(file.path),
            key=f"{file.metadata['general.architecture']}.attention.head_count_kv",
            layers=layers,
        )
    found = config | {
        "layer_types": ["full_attention" if count else "conv" for count in counts],
        "norm_eps": config["rms_norm_eps"],
        "conv_L_cache": whole_number(file, "shortconv.l_cache", 3),
        "conv_bias": any(name.endswith("shortconv.conv.bias") for name in file),
        "block_auto_adjust_ff_dim": False,
    }
    if not metadata_value(file, "expert_count"):
        return found
    mixture = _mixture(file, found)
    experts = mixture.pop("num_local_experts")
    return mixture | {
        "num_experts": experts,
        "norm_topk_prob": True,
        "num_dense_layers": whole_number(file, "leading_dense_block_count", 0),
        "use_expert_bias": any(name.endswith("exp_probs_b.bias") for name in file),
    }


def _arcee(file: GgufFile, config: Config) -> Config:  # noqa: ARG001
    return config | {"hidden_act": "relu2"}


def _seed_oss(file: GgufFile, config: Config) -> Config:
    return config | {"attention_out_bias": "blk.0.attn_output.bias" in file}


def _two_directions(file: GgufFile, config: Config) -> Config:  # noqa: ARG001
    return config | {"is_causal": False}


def _as_it_is(file: GgufFile, config: Config) -> Config:  # noqa: ARG001
    return config


def _nomic_bert(file: GgufFile, config: Config) -> Config:
    types = file.shape("token_types.weight")[0] if "token_types.weight" in file else 0
    return layer_normed(file, config) | {"type_vocab_size": types}


def _falcon_names() -> dict[str, str]:
    ends = {key: value for key, value in _GPT_ENDS.items() if key != "token_embd_norm"}
    return array_names(_GPT | {"attn_norm_2": "ln_attn"}, ends, "transformer.h.{n}")


def _falcon_with_norms(file: GgufFile, family: GgufFamily) -> GgufFamily:
    """Return the family as it is, or with the names that a Falcon with two norms a layer has."""
    if "blk.0.attn_norm_2.weight" not in file:
        return family
    return family._replace(names=family.names | {"blk.{n}.attn_norm": "transformer.h.{n}.ln_mlp"})


_STARCODER_ENDS = {
    "token_embd": "transformer.wte",
    "position_embd": "transformer.wpe",
    "output_norm": "transformer.ln_f",
    "output": "lm_head",
}
_MPT_ENDS = {"token_embd": "transformer.wte", "output_norm": "transformer.norm_f", "output": "lm_head"}
_MODERN_ENDS = {
    "token_embd": "model.embeddings.tok_embeddings",
    "token_embd_norm": "model.embeddings.norm",
    "output_norm": "model.final_norm",
}
_OSS = {
    "attn_sinks.weight": "self_attn.sinks",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_gate_inp": "mlp.router",
    **expert_parts("mlp"),
}
_OLMO2 = array_names(
    {key: value for key, value in LLAMA_LAYER.items() if key not in ("attn_norm", "ffn_norm")} | _AFTER
)

_LFM2 = {
    "attn_norm": "operator_norm",
    "ffn_norm": "ffn_norm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_layernorm",
    "attn_k_norm": "self_attn.k_layernorm",
    "attn_output": "self_attn.out_proj",
    "shortconv.conv": "conv.conv",
    "shortconv.in_proj": "conv.in_proj",
    "shortconv.out_proj": "conv.out_proj",
    "ffn_gate": "feed_forward.w1",
    "ffn_up": "feed_forward.w3",
    "ffn_down": "feed_forward.w2",
    "ffn_gate_inp": "feed_forward.gate",
    "exp_probs_b.bias": "feed_forward.expert_bias",
    **expert_parts("feed_forward"),
}
_NOMIC = {
    "attn_qkv": "attn.Wqkv",
    "attn_output": "attn.out_proj",
    "attn_output_norm": "norm1",
    "ffn_up": "mlp.fc11",
    "ffn_gate": "mlp.fc12",
    "ffn_down": "mlp.fc2",
    "layer_output_norm": "norm2",
}
_NOMIC_ENDS = {
    "token_embd": "embeddings.word_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "emb_ln",
}
# The last norm has had both names.
_LFM2_ENDS = LLAMA_ENDS | {"output_norm": "model.embedding_norm", "token_embd_norm": "model.embedding_norm"}
_LFM2_PLAIN = {key: value for key, value in _LFM2.items() if not key.endswith(("_inp", "_exps", "_b.bias"))}

DECODERS: dict[str, GgufFamily] = {
    "mixtral": GgufFamily("mixtral", with_experts("block_sparse_moe", "gate"), _mixture, permuted=True),
    "qwen2moe": GgufFamily(
        "qwen2_moe",
        with_experts("mlp", "gate")
        | array_names(expert_parts("mlp", "shared_expert") | {"ffn_gate_inp_shexp": "mlp.shared_expert_gate"}),
        _qwen2_moe,
    ),
    "qwen3moe": GgufFamily("qwen3_moe", with_experts("mlp", "gate"), _mixture),
    "olmoe": GgufFamily("olmoe", with_experts("mlp", "gate"), _mixture),
    "granite": GgufFamily("granite", LLAMA, _granite, permuted=True),
    "granitemoe": GgufFamily("granitemoe", with_experts("block_sparse_moe", "router.layer"), _granite, permuted=True),
    "gpt-oss": GgufFamily("gpt_oss", array_names(LLAMA_LAYER | _OSS), _gpt_oss),
    "olmo": GgufFamily("olmo", LLAMA, _olmo, permuted=True),
    "olmo2": GgufFamily("olmo2", _OLMO2, _olmo2),
    "command-r": GgufFamily("cohere", LLAMA, _cohere),
    "cohere2": GgufFamily("cohere2", LLAMA, _cohere),
    "arcee": GgufFamily("arcee", LLAMA, _arcee, permuted=True),
    "smollm3": GgufFamily("smollm3", LLAMA, _as_it_is, permuted=True),
    "seed_oss": GgufFamily("seed_oss", array_names(POST_NORM_LAYER), _seed_oss),
    # The converter takes InternLM2's queries, keys and values apart, which leaves Llama's layers.
    "internlm2": GgufFamily("llama", LLAMA, _as_it_is, permuted=True),
    "llama-embed": GgufFamily("llama", LLAMA, _two_directions, permuted=True),
    "eurobert": GgufFamily("eurobert", LLAMA, _as_it_is),
    "nomic-bert": GgufFamily("nomic_bert", array_names(_NOMIC, _NOMIC_ENDS, "encoder.layers.{n}"), _nomic_bert),
    "lfm2": GgufFamily("lfm2", array_names(_LFM2_PLAIN, _LFM2_ENDS), _lfm2),
    "lfm2moe": GgufFamily("lfm2_moe", array_names(_LFM2, _LFM2_ENDS), _lfm2),
    "exaone4": GgufFamily("exaone4", _OLMO2, _exaone4),
    "chatglm": GgufFamily("glm", array_names(LLAMA_LAYER | {"ffn_up": "mlp.gate_up_proj"}), partly_rotated),
    "glm4": GgufFamily(
        "glm4",
        array_names(
            LLAMA_LAYER
            | {
                "ffn_up": "mlp.gate_up_proj",
                "post_attention_norm": "post_self_attn_layernorm",
                "post_ffw_norm": "post_mlp_layernorm",
            }
        ),
        partly_rotated,
    ),
    "ernie4_5": GgufFamily("ernie4_5", LLAMA, _ernie),
    "hunyuan-dense": GgufFamily(
        "hunyuan_v1_dense",
        array_names(
            LLAMA_LAYER | {"attn_q_norm": "self_attn.query_layernorm", "attn_k_norm": "self_attn.key_layernorm"}
        ),
        _hunyuan,
    ),
    "mistral3": GgufFamily("ministral3", LLAMA, _mistral3, permuted=True),
    "phi2": GgufFamily(
        "phi",
        array_names(
            LLAMA_LAYER | {"attn_output": "self_attn.dense", "ffn_up": "mlp.fc1", "ffn_down": "mlp.fc2"},
            LLAMA_ENDS | {"output_norm": "model.final_layernorm"},
        ),
        _phi2,
    ),
    "stablelm": GgufFamily(
        "stablelm",
        array_names(LLAMA_LAYER | {"attn_q_norm": "self_attn.q_layernorm", "attn_k_norm": "self_attn.k_layernorm"}),
        _stablelm,
    ),
    "starcoder2": GgufFamily(
        "starcoder2", array_names(LLAMA_LAYER | {"ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"}), _starcoder2
    ),
    "modern-bert": GgufFamily("modernbert", array_names(_MODERN, _MODERN_ENDS), _modern_bert),
    "bloom": GgufFamily("bloom", array_names(_GPT, _GPT_ENDS, "transformer.h.{n}"), _bloom),
    "falcon": GgufFamily("falcon", _falcon_names(), _falcon, variant=_falcon_with_norms),
    "mpt": GgufFamily("mpt", array_names(_MPT, _MPT_ENDS, "transformer.blocks.{n}"), _mpt),
    **DEEPSEEK_FAMILIES,
    **DELTA_FAMILIES,
    **JINA_FAMILIES,
    "starcoder": GgufFamily("gpt_bigcode", array_names(_STARCODER, _STARCODER_ENDS, "transformer.h.{n}"), _starcoder),
}
