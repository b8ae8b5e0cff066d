"""The configs of the tiny checkpoints that make_models.py writes, of families beside the oldest ones.

Sizes are small and odd, so that a transposed dimension does not fit; each variant that a config can have is in one.
"""

from __future__ import annotations

from typing import Any

# name: (config class, model class, config, lengths of the texts)
Single = dict[str, tuple[str, str, dict[str, Any], tuple[int, ...]]]
Double = dict[str, tuple[str, str, dict[str, Any]]]

DECODER: dict[str, Any] = {
    "vocab_size": 41,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 19,
    "max_position_embeddings": 60,
    "rms_norm_eps": 0.01,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GEMMA = DECODER | {"head_dim": 6, "query_pre_attn_scalar": 5, "num_hidden_layers": 3, "sliding_window": 4}
GEMMA3 = GEMMA | {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}

MORE_SINGLE: Single = {
    "gemma2": (
        "Gemma2Config",
        "Gemma2ForCausalLM",
        GEMMA | {"attn_logit_softcapping": 0.7, "final_logit_softcapping": 1.5},
        (11, 1),
    ),
    "gemma2-uncapped": (
        "Gemma2Config",
        "Gemma2ForCausalLM",
        GEMMA
        | {
            "attn_logit_softcapping": None,
            "final_logit_softcapping": None,
            "attention_bias": True,
            "layer_types": ["full_attention", "full_attention", "sliding_attention"],
        },
        (9,),
    ),
    "gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM", GEMMA3, (11, 1)),
    "gemma3-scaled": (
        "Gemma3TextConfig",
        "Gemma3ForCausalLM",
        GEMMA
        | {
            "final_logit_softcapping": 2.0,
            "sliding_window_pattern": 3,
            "attention_bias": True,
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 500.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
            },
        },
        (20,),
    ),
    "gemma3-encoder": (
        "Gemma3TextConfig",
        "Gemma3TextModel",
        GEMMA3 | {"use_bidirectional_attention": True, "sliding_window": 6},
        (11, 1),
    ),
}

MORE_DOUBLE: Double = {}
