"""GGUF files of DeepSeek-V2 and V3, and of the models built on them: GLM-4.5 and its kin, Youtu-LLM, Solar Open.

llama.cpp's architecture deepseek2 is latent attention with any experts, or none; glm4moe is plain attention with
DeepSeek-V3's experts. Newer files have the matrix behind the narrow keys and values as two: that of the keys, which is
transposed, and that of the values.
"""

from __future__ import annotations

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_family import (
    LLAMA_LAYER,
    POST_NORM_LAYER,
    Config,
    GgufFamily,
    Joined,
    Rebuilt,
    Shape,
    array_names,
    expert_parts,
    has_array,
    layer_count,
    partly_rotated,
)
from attnviz.models.formats.gguf_metadata import metadata_value, real_number, whole_number

_SOFTMAX, _SIGMOID = 1, 2
# DeepSeek-V2 and V3 look only at some groups of their experts; files from before that was written do not say so.
_GROUPED = (160, 256)


def _deepseek(file: GgufFile, config: Config) -> Config:
    """Return the config of a model with latent attention, and the family that its experts make it."""
    whole = whole_number(file, "attention.key_length_mla", whole_number(file, "attention.key_length"))
    rotated = whole_number(file, "rope.dimension_count")
    values = whole_number(file, "attention.value_length_mla", whole_number(file, "attention.value_length"))
    found = config | {
        "num_hidden_layers": layer_count(file),
        "num_key_value_heads": config["num_attention_heads"],
        "head_dim": rotated,
        "qk_rope_head_dim": rotated,
        "qk_nope_head_dim": whole - rotated,
        "v_head_dim": values,
        "kv_lora_rank": whole_number(file, "attention.kv_lora_rank"),
        "q_lora_rank": metadata_value(file, "attention.q_lora_rank"),
        "attention_bias": has_array(file, ".attn_kv_a_mqa.bias"),
        "mlp_bias": has_array(file, ".ffn_down.bias") or has_array(file, ".ffn_down_shexp.bias"),
    }
    if found.get("rope_scaling"):
        found["rope_scaling"] = _stretched(file, found["rope_scaling"])
    if not metadata_value(file, "expert_count"):
        return found | {"model_type": "youtu"}
    return found | _deepseek_experts(file)


def _stretched(file: GgufFile, scaling: Config) -> Config:
    """Return the scaling with the temperature of the scores, of which the file has a tenth.

    Every model that was released gives mscale and mscale_all_dim alike, as llama.cpp takes for granted.
    """
    tenth = real_number(file, "rope.scaling.yarn_log_multiplier", 0.0)
    share = round(10 * tenth, 7)
    return scaling | ({"mscale": share, "mscale_all_dim": share} if share else {})


def _deepseek_experts(file: GgufFile) -> Config:
    found = _experts(file)
    biased = has_array(file, ".exp_probs_b.bias")
    gating = whole_number(file, "expert_gating_func", _SIGMOID if biased else _SOFTMAX)
    found["norm_topk_prob"] = bool(metadata_value(file, "expert_weights_norm"))
    if gating == _SIGMOID:
        if file.metadata.get("tokenizer.ggml.pre") != "glm4":
            return found | {"model_type": "deepseek_v3"}
        mixed = [f"blk.{number}.ffn_gate_inp.weight" in file for number in range(layer_count(file))]
        kinds = ["sparse" if one else "dense" for one in mixed]
        return found | {"model_type": "glm4_moe_lite", "mlp_layer_types": kinds, "first_k_dense_replace": 1}
    if gating != _SOFTMAX:
        raise InputError(
            "{path!r} sends tokens to experts in a way (expert_gating_func {kind}) that is not known here.",
            path=str(file.path),
            kind=gating,
        )
    method = "group_limited_greedy" if found["n_group"] > 1 else "greedy"
    return found | {"model_type": "deepseek_v2", "topk_method": method}


def _experts(file: GgufFile) -> Config:
    """Return the keys of DeepSeek's experts; raises InputError where a file does not say how they are grouped."""
    count = whole_number(file, "expert_count")
    if metadata_value(file, "expert_group_count") is None and count in _GROUPED:
        raise InputError(
            "{path!r} does not say into how many groups its {count} experts fall ({key}), which older versions of "
            "llama.cpp leave out.",
            hint="Convert the model again with a newer llama.cpp, or give its folder of safetensors.",
            path=str(file.path),
            count=count,
            key=f"{file.metadata['general.architecture']}.expert_group_count",
        )
    groups = max(1, whole_number(file, "expert_group_count", 1))
    return {
        "n_routed_experts": count,
        "num_experts_per_tok": whole_number(file, "expert_used_count"),
        "moe_intermediate_size": whole_number(file, "expert_feed_forward_length"),
        "n_shared_experts": whole_number(file, "expert_shared_count", 1),
        "first_k_dense_replace": whole_number(file, "leading_dense_block_count", 0),
        "routed_scaling_factor": real_number(file, "expert_weights_scale", 1.0),
        "n_group": groups,
        "topk_group": max(1, whole_number(file, "expert_group_used_count", groups)),
    }


def _glm(file: GgufFile, config: Config) -> Config:
    """Return the config of GLM-4.5 and its kin, or of Solar Open, which the tokenizer tells."""
    layers = layer_count(file)
    found = (
        partly_rotated(file, config)
        | _experts(file)
        | {
            "num_hidden_layers": layers,
            "attention_bias": has_array(file, ".attn_q.bias"),
            "mlp_bias": False,
            "use_qk_norm": has_array(file, ".attn_q_norm.weight"),
        }
    )
    norm = metadata_value(file, "expert_weights_norm")
    if norm is not None:
        found["norm_topk_prob"] = bool(norm)
    if file.metadata.get("tokenizer.ggml.pre") == "solar-open":
        return found | {"model_type": "solar_open"}
    return found


def _keys_and_values(file: GgufFile) -> Rebuilt:
    """Return how the matrix behind the narrow keys and values is made: of each head the rows of both."""

    def join(keys: Float32, values: Float32) -> Float32:
        if keys.ndim != 3 or values.ndim != 3 or (len(keys), keys.shape[1]) != (len(values), values.shape[2]):
            raise InputError(
                "{path!r} has matrices of keys {keys} and values {values} that do not belong together.",
                path=str(file.path),
                keys=keys.shape,
                values=values.shape,
            )
        joined = np.concatenate([keys.swapaxes(1, 2), values], axis=1)
        return joined.reshape(-1, joined.shape[-1])

    def shape(keys: Shape, values: Shape) -> Shape:
        return (keys[0] * (keys[-1] + values[1]), values[-1])

    return Rebuilt(join, shape)


_EXPERTS = expert_parts("mlp", "shared_experts") | {
    "ffn_gate_inp": "mlp.gate",
    "exp_probs_b.bias": "mlp.gate.e_score_correction_bias",
}
_LATENT = {
    "attn_q_a": "self_attn.q_a_proj",
    "attn_q_b": "self_attn.q_b_proj",
    "attn_q_a_norm": "self_attn.q_a_layernorm",
    "attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa",
    "attn_kv_a_norm": "self_attn.kv_a_layernorm",
    "attn_kv_b": "self_attn.kv_b_proj",
}

DEEPSEEK_FAMILIES = {
    "deepseek2": GgufFamily(
        "deepseek_v3",
        array_names(LLAMA_LAYER | _LATENT | _EXPERTS),
        _deepseek,
        joined=(
            Joined(
                "model.layers.{n}.self_attn.kv_b_proj.weight",
                ("blk.{n}.attn_k_b.weight", "blk.{n}.attn_v_b.weight"),
                _keys_and_values,
            ),
        ),
    ),
    "glm4moe": GgufFamily("glm4_moe", array_names(POST_NORM_LAYER | _EXPERTS), _glm),
}
