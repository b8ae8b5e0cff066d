"""The configs of the tiny encoders that make_models.py writes, beside the oldest families.

Sizes are small and odd, so that a transposed dimension does not fit; each variant that a config can have is in one.
"""

from __future__ import annotations

from typing import Any

# name: (config class, model class, config, lengths of the texts)
Encoders = dict[str, tuple[str, str, dict[str, Any], tuple[int, ...]]]

ENCODER: dict[str, Any] = {
    "vocab_size": 41,
    "hidden_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 19,
    "max_position_embeddings": 19,
    "layer_norm_eps": 0.01,
    "pad_token_id": 0,
}
DEBERTA = ENCODER | {"relative_attention": True, "position_biased_input": False, "pos_att_type": "c2p|p2c"}

ENCODERS: Encoders = {
    "deberta": ("DebertaConfig", "DebertaForMaskedLM", DEBERTA | {"max_relative_positions": 6}, (15, 1, 30)),
    "deberta-places": (
        "DebertaConfig",
        "DebertaForMaskedLM",
        ENCODER | {"type_vocab_size": 3, "pos_att_type": ["c2p"], "embedding_size": 9, "tie_word_embeddings": False},
        (11, 19),
    ),
    "deberta-authors": (
        "DebertaConfig",
        "DebertaForMaskedLM",
        DEBERTA | {"legacy": False, "pos_att_type": ["p2c"], "max_relative_positions": -1, "hidden_act": "relu"},
        (11,),
    ),
    "deberta-v2": (
        "DebertaV2Config",
        "DebertaV2ForMaskedLM",
        DEBERTA
        | {
            "max_relative_positions": 25,
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "legacy": False,
        },
        (11, 1, 40),
    ),
    "deberta-v2-convolution": (
        "DebertaV2Config",
        "DebertaV2ForMaskedLM",
        DEBERTA
        | {
            "attention_head_size": 5,
            "conv_kernel_size": 3,
            "conv_groups": 2,
            "conv_act": "gelu",
            "max_relative_positions": 6,
            "type_vocab_size": 3,
        },
        (11, 1),
    ),
    "deberta-v2-places": (
        "DebertaV2Config",
        "DebertaV2ForMaskedLM",
        ENCODER | {"embedding_size": 9, "pos_att_type": ["p2c"], "relative_attention": False},
        (9,),
    ),
}

# Heads of even width, which rotations need.
ROTARY = ENCODER | {"hidden_size": 24, "type_vocab_size": 3}

ENCODERS |= {
    "nomic_bert": ("NomicBertConfig", "NomicBertForMaskedLM", ROTARY, (11, 1, 19)),
    "nomic_bert-untied": (
        "NomicBertConfig",
        "NomicBertForMaskedLM",
        ROTARY
        | {
            "head_dim": 4,
            "type_vocab_size": 2,
            "tie_word_embeddings": False,
            "hidden_act": "gelu",
            "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 50.0},
        },
        (11, 19),
    ),
    "gte": ("GteConfig", "GteForMaskedLM", ROTARY, (11, 1)),
    "gte-plain": (
        "GteConfig",
        "GteForMaskedLM",
        ROTARY | {"type_vocab_size": 0, "tie_word_embeddings": False, "hidden_act": "relu"},
        (9,),
    ),
    "jina_embeddings_v3": (
        "JinaEmbeddingsV3Config",
        "JinaEmbeddingsV3ForMaskedLM",
        ROTARY | {"type_vocab_size": 1},
        (11, 1),
    ),
}
