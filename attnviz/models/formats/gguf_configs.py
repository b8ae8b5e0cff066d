"""The configs of the oldest architectures of .gguf files, as config.json has them."""

from __future__ import annotations

from typing import Any

import numpy as np

from attnviz.core.errors import InputError
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_metadata import key_heads, metadata_value, real_number, whole_number


def is_distilbert(file: GgufFile) -> bool:
    """Return whether a file of the architecture bert is a DistilBERT, which has no segments."""
    return file.metadata.get("general.architecture") == "bert" and "token_types.weight" not in file


def llama_config(file: GgufFile) -> dict[str, Any]:
    """Return the keys of Llama and of what is built on it."""
    heads = whole_number(file, "attention.head_count")
    dim = whole_number(file, "embedding_length")
    architecture = str(file.metadata["general.architecture"])
    config: dict[str, Any] = {
        "hidden_size": dim,
        "num_hidden_layers": whole_number(file, "block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads(file, heads),
        "intermediate_size": whole_number(
            file, "feed_forward_length", metadata_value(file, "expert_feed_forward_length")
        ),
        "max_position_embeddings": whole_number(file, "context_length"),
        "head_dim": whole_number(file, "attention.key_length", dim // heads if heads else 0),
        "rms_norm_eps": real_number(file, "attention.layer_norm_rms_epsilon", 1e-6),
        "rope_theta": real_number(file, "rope.freq_base", 10000.0),
        "hidden_act": "gelu_pytorch_tanh" if architecture == "gemma" else "silu",
        "attention_bias": "blk.0.attn_q.bias" in file or "blk.0.attn_qkv.bias" in file,
        "mlp_bias": "blk.0.ffn_up.bias" in file,
    }
    window = metadata_value(file, "attention.sliding_window")
    if window:
        config |= {"sliding_window": int(window), "use_sliding_window": True}
    rotated = metadata_value(file, "rope.dimension_count")
    if architecture == "phi3" and rotated and config["head_dim"]:
        config["partial_rotary_factor"] = int(rotated) / config["head_dim"]
    scaling = _rope_scaling(file, config)
    return config | ({"rope_scaling": scaling} if scaling else {})


def gemma2_config(file: GgufFile) -> dict[str, Any]:
    """Return what Gemma 2 and 3 have beside Llama's numbers; what is in no file is as in llama.cpp's code."""
    config = llama_config(file)
    layers, dim, heads = (config[name] for name in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    largest = layers == (46 if file.metadata["general.architecture"] == "gemma2" else 62)  # the sizes of 27B
    config |= {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": dim // heads if largest else config["head_dim"],
        "sliding_window": int(metadata_value(file, "attention.sliding_window") or 0) or None,
        "rope_local_base_freq": real_number(file, "rope.freq_base_swa", 10000.0),
        "use_bidirectional_attention": file.metadata["general.architecture"] == "gemma-embedding",
    }
    pattern = metadata_value(file, "attention.sliding_window_pattern")
    if isinstance(pattern, int) and not isinstance(pattern, bool) and pattern > 0:
        config["sliding_window_pattern"] = pattern
    elif isinstance(pattern, np.ndarray) and len(pattern) >= layers:
        config["layer_types"] = ["sliding_attention" if one else "full_attention" for one in pattern]
    for name in ("attn_logit_softcapping", "final_logit_softcapping"):
        if metadata_value(file, name) is not None:
            config[name] = real_number(file, name, 0.0)
    return config


def _rope_scaling(file: GgufFile, config: dict[str, Any]) -> dict[str, Any] | None:
    original = int(metadata_value(file, "rope.scaling.original_context_length") or 0)
    if "rope_freqs.weight" in file:
        return _llama3_scaling(file, config)
    if "rope_factors_short.weight" in file and "rope_factors_long.weight" in file:
        config["original_max_position_embeddings"] = original or config["max_position_embeddings"]
        short, long = (file[f"rope_factors_{kind}.weight"].ravel().tolist() for kind in ("short", "long"))
        return {"rope_type": "longrope", "type": "longrope", "short_factor": short, "long_factor": long}
    kind = metadata_value(file, "rope.scaling.type")
    factor = float(metadata_value(file, "rope.scaling.factor") or metadata_value(file, "rope.scale_linear") or 1)
    if factor == 1 or kind == "none":
        return None
    scaling = {"rope_type": kind or "linear", "type": kind or "linear", "factor": factor}
    return scaling | ({"original_max_position_embeddings": original} if original else {}) | _yarn_values(file)


def _yarn_values(file: GgufFile) -> dict[str, float]:
    """Return the numbers of a stretched rotation that a file gives beside the factor."""
    names = {
        "beta_fast": "rope.scaling.yarn_beta_fast",
        "beta_slow": "rope.scaling.yarn_beta_slow",
        "attention_factor": "rope.scaling.yarn_attn_factor",
    }
    return {name: real_number(file, key, 0.0) for name, key in names.items() if metadata_value(file, key) is not None}


def _llama3_scaling(file: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    """Return the four numbers of Llama 3's scaling, from the factors that the converter made of them.

    Low frequencies are divided by `factor`, high ones by 1, those between by a mean of both (Llama 3 reference
    implementation, apply_scaling): 1 and 4 wave lengths in 8,192 positions in every model that was released.
    """
    factors = file["rope_freqs.weight"].ravel()
    found = {
        "rope_type": "llama3",
        "factor": float(factors.max(initial=1)),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    count = len(factors)
    waves = 8192 / (2 * np.pi * config["rope_theta"] ** (np.arange(count) / count))
    smooth = np.clip((waves - 1) / (4 - 1), 0, 1)
    expected = 1 / ((1 - smooth) / found["factor"] + smooth)
    if not np.allclose(factors, expected, rtol=1e-3):
        raise InputError(
            "{path!r} scales its rotary positions by factors of its own, which attnviz does not support.",
            path=str(file.path),
        )
    return found


def gpt2_config(file: GgufFile) -> dict[str, Any]:
    """Return the keys of GPT-2."""
    return {
        "n_embd": whole_number(file, "embedding_length"),
        "n_layer": whole_number(file, "block_count"),
        "n_head": whole_number(file, "attention.head_count"),
        "n_positions": whole_number(file, "context_length"),
        "n_inner": whole_number(file, "feed_forward_length"),
        "layer_norm_epsilon": real_number(file, "attention.layer_norm_epsilon", 1e-5),
        "activation_function": "gelu_new",
    }


def neox_config(file: GgufFile) -> dict[str, Any]:
    """Return the keys of GPT-NeoX."""
    dim, heads = whole_number(file, "embedding_length"), whole_number(file, "attention.head_count")
    rotated = whole_number(file, "rope.dimension_count", dim // heads if heads else 0)
    return {
        "hidden_size": dim,
        "num_hidden_layers": whole_number(file, "block_count"),
        "num_attention_heads": heads,
        "intermediate_size": whole_number(file, "feed_forward_length"),
        "max_position_embeddings": whole_number(file, "context_length"),
        "layer_norm_eps": real_number(file, "attention.layer_norm_epsilon", 1e-5),
        "rotary_pct": rotated * heads / dim if dim else 1.0,
        "rotary_emb_base": real_number(file, "rope.freq_base", 10000.0),
        "use_parallel_residual": bool(file.metadata.get("gptneox.use_parallel_residual", True)),
        "hidden_act": "gelu",
    }


def bert_config(file: GgufFile) -> dict[str, Any]:
    """Return the keys of BERT, or of a DistilBERT, which has no segments."""
    if is_distilbert(file):
        return {
            "model_type": "distilbert",
            "dim": whole_number(file, "embedding_length"),
            "n_layers": whole_number(file, "block_count"),
            "n_heads": whole_number(file, "attention.head_count"),
            "hidden_dim": whole_number(file, "feed_forward_length"),
            "max_position_embeddings": whole_number(file, "context_length"),
            "activation": "gelu",
        }
    return {
        "hidden_size": whole_number(file, "embedding_length"),
        "num_hidden_layers": whole_number(file, "block_count"),
        "num_attention_heads": whole_number(file, "attention.head_count"),
        "intermediate_size": whole_number(file, "feed_forward_length"),
        "max_position_embeddings": whole_number(file, "context_length"),
        "layer_norm_eps": real_number(file, "attention.layer_norm_epsilon", 1e-12),
        "type_vocab_size": file.shape("token_types.weight")[0],
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
    }


def t5_config(file: GgufFile) -> dict[str, Any]:
    """Return the keys of T5, or of umT5, which a bias of positions in each layer tells."""
    heads, dim = whole_number(file, "attention.head_count"), whole_number(file, "embedding_length")
    layers = whole_number(file, "block_count")
    encoder_only = file.metadata["general.architecture"] == "t5encoder"
    each_layer = "enc.blk.1.attn_rel_b.weight" in file
    return {
        "model_type": "umt5" if each_layer else "t5",
        "d_model": dim,
        "num_layers": layers,
        **({} if encoder_only else {"num_decoder_layers": whole_number(file, "decoder_block_count", layers)}),
        "num_heads": heads,
        "d_kv": whole_number(file, "attention.key_length", dim // heads if heads else 0),
        "d_ff": whole_number(file, "feed_forward_length"),
        "n_positions": whole_number(file, "context_length", 512),
        "relative_attention_num_buckets": whole_number(file, "attention.relative_buckets_count", 32),
        "relative_attention_max_distance": 128,
        "layer_norm_epsilon": real_number(file, "attention.layer_norm_epsilon", 1e-6),
        "feed_forward_proj": "gated-gelu" if "enc.blk.0.ffn_gate.weight" in file else "relu",
        "is_encoder_decoder": not encoder_only,
        "decoder_start_token_id": int(metadata_value(file, "decoder_start_token_id") or 0),
        "architectures": [
            f"{'UM' if each_layer else ''}T5{'EncoderModel' if encoder_only else 'ForConditionalGeneration'}"
        ],
    }
