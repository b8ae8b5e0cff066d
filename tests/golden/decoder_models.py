"""The configs of the tiny checkpoints of newer decoders, and of GPT's relatives, that make_models.py writes."""

from __future__ import annotations

from more_models import DECODER, MOE, Single

SHARED = DECODER | {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 7, "n_shared_experts": 1}
GEMMA4 = DECODER | {
    "head_dim": 4,
    "global_head_dim": 8,
    "num_hidden_layers": 5,
    "num_key_value_heads": 2,
    "sliding_window": 4,
    "layer_types": ["sliding_attention", "full_attention"] * 2 + ["full_attention"],
    "hidden_size_per_layer_input": 0,
}

DECODERS: Single = {
    "gemma4": (
        "Gemma4TextConfig",
        "Gemma4ForCausalLM",
        GEMMA4
        | {
            "hidden_size_per_layer_input": 3,
            "vocab_size_per_layer_input": 41,
            "num_kv_shared_layers": 2,
            "use_double_wide_mlp": True,
            "final_logit_softcapping": 2.0,
        },
        (11, 1),
    ),
    "gemma4-experts": (
        "Gemma4TextConfig",
        "Gemma4ForCausalLM",
        GEMMA4
        | {
            "num_hidden_layers": 2,
            "layer_types": None,
            "attention_k_eq_v": True,
            "num_global_key_value_heads": 1,
            "enable_moe_block": True,
            "num_experts": 4,
            "top_k_experts": 2,
            "moe_intermediate_size": 7,
            "attention_bias": True,
            "rope_parameters": {
                "full_attention": {"rope_type": "proportional", "rope_theta": 300.0, "partial_rotary_factor": 0.5},
                "sliding_attention": {"rope_type": "default", "rope_theta": 30.0},
            },
        },
        (11,),
    ),
    "gemma4-encoder": (
        "Gemma4TextConfig",
        "Gemma4TextModel",
        GEMMA4 | {"num_hidden_layers": 2, "layer_types": None, "use_bidirectional_attention": "all"},
        (11,),
    ),
    "gemma4_unified": (
        "Gemma4UnifiedTextConfig",
        "Gemma4UnifiedForCausalLM",
        {key: value for key, value in GEMMA4.items() if key != "hidden_size_per_layer_input"}
        | {"num_hidden_layers": 2, "layer_types": None, "attention_k_eq_v": True, "num_global_key_value_heads": 1},
        (11, 1),
    ),
    "vaultgemma": (
        "VaultGemmaConfig",
        "VaultGemmaForCausalLM",
        DECODER | {"head_dim": 6, "query_pre_attn_scalar": 5, "sliding_window": 4, "attn_logit_softcapping": 0.7},
        (11, 1),
    ),
    "nemotron": (
        "NemotronConfig",
        "NemotronForCausalLM",
        {key: value for key, value in DECODER.items() if key != "rms_norm_eps"}
        | {"norm_eps": 0.01, "attention_bias": True, "mlp_bias": True},
        (11, 1),
    ),
    "apertus": ("ApertusConfig", "ApertusForCausalLM", DECODER | {"attention_bias": True}, (11, 1)),
    "apertus-plain": ("ApertusConfig", "ApertusForCausalLM", DECODER | {"hidden_act": "relu2"}, (9,)),
    "exaone": ("ExaoneConfig", "AutoModelForCausalLM", DECODER | {"mlp_bias": True}, (11, 1)),
    "phimoe": (
        "PhimoeConfig",
        "PhimoeForCausalLM",
        DECODER | {"num_local_experts": 4, "router_jitter_noise": 0.1, "lm_head_bias": True, "attention_bias": True},
        (11, 1),
    ),
    "phimoe-longrope": (
        "PhimoeConfig",
        "PhimoeForCausalLM",
        DECODER
        | {
            "num_local_experts": 4,
            "sliding_window": 9,
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 300.0,
                "short_factor": [1.0, 1.3],
                "long_factor": [1.0, 1.3],
                "short_mscale": 1.2,
                "long_mscale": 1.4,
                "original_max_position_embeddings": 12,
            },
        },
        (11, 15),
    ),
    "llama4": (
        "Llama4TextConfig",
        "Llama4ForCausalLM",
        DECODER
        | {
            "head_dim": 4,
            "num_hidden_layers": 3,
            "intermediate_size": 7,
            "intermediate_size_mlp": 11,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "attention_chunk_size": 5,
            "floor_scale": 3,
            "no_rope_layer_interval": 2,
            "interleave_moe_layer_step": 2,
        },
        (13, 1),
    ),
    "llama4-dense": (
        "Llama4TextConfig",
        "Llama4ForCausalLM",
        DECODER
        | {
            "head_dim": 4,
            "intermediate_size_mlp": 11,
            "attention_bias": True,
            "interleave_moe_layer_step": 9,
            "no_rope_layers": [0, 1],
            "attention_chunk_size": None,
            "use_qk_norm": False,
            "attn_temperature_tuning": False,
        },
        (9,),
    ),
    "minimax_m2": (
        "MiniMaxM2Config",
        "MiniMaxM2ForCausalLM",
        DECODER
        | {"head_dim": 8, "rotary_dim": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "intermediate_size": 7},
        (11, 1),
    ),
    "dots1": (
        "Dots1Config",
        "Dots1ForCausalLM",
        SHARED | {"first_k_dense_replace": 1, "sliding_window": 4, "max_window_layers": 1, "norm_topk_prob": True},
        (11, 1),
    ),
    "granitemoeshared": (
        "GraniteMoeSharedConfig",
        "GraniteMoeSharedForCausalLM",
        DECODER | {"num_local_experts": 4, "shared_intermediate_size": 7, "intermediate_size": 11},
        (11, 1),
    ),
    "exaone_moe": (
        "ExaoneMoeConfig",
        "ExaoneMoeForCausalLM",
        MOE | {"num_experts": 4, "sliding_window": 4, "sliding_window_pattern": 2, "n_group": 2, "topk_group": 1},
        (11, 1),
    ),
    "ernie4_5_moe": (
        "Ernie4_5_MoeConfig",
        "Ernie4_5_MoeForCausalLM",
        DECODER
        | {
            "moe_num_experts": 4,
            "moe_k": 2,
            "moe_intermediate_size": 7,
            "moe_num_shared_experts": 1,
            "num_hidden_layers": 3,
            "moe_layer_end_index": 1,
            "use_bias": True,
        },
        (11, 1),
    ),
    "hunyuan_v1_moe": (
        "HunYuanMoEV1Config",
        "HunYuanMoEV1ForCausalLM",
        DECODER | {"num_experts": 4, "moe_topk": [2, 2], "intermediate_size": 7, "head_dim": 6},
        (11, 1),
    ),
    "mistral4": (
        "Mistral4Config",
        "Mistral4ForCausalLM",
        SHARED
        | {
            "num_key_value_heads": 4,
            "kv_lora_rank": 6,
            "q_lora_rank": 7,
            "qk_rope_head_dim": 4,
            "qk_nope_head_dim": 5,
            "v_head_dim": 3,
            "first_k_dense_replace": 1,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 300.0,
                "factor": 4.0,
                "original_max_position_embeddings": 7,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
                "llama_4_scaling_beta": 0.3,
            },
        },
        (11, 1),
    ),
    "internlm3": (
        "InternLM3Config",
        "AutoModelForCausalLM",
        DECODER | {"head_dim": 6, "qkv_bias": True, "bias": True},
        (11, 1),
    ),
    "ministral": (
        "MinistralConfig",
        "MinistralForCausalLM",
        DECODER | {"sliding_window": 4, "head_dim": 6, "layer_types": ["sliding_attention", "full_attention"]},
        (11, 1),
    ),
    "modernbert-decoder": (
        "ModernBertDecoderConfig",
        "ModernBertDecoderForCausalLM",
        {
            "vocab_size": 41,
            "hidden_size": 16,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "intermediate_size": 19,
            "max_position_embeddings": 60,
            "local_attention": 8,
            "norm_eps": 0.01,
            "norm_bias": True,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "cls_token_id": 1,
            "sep_token_id": 2,
        },
        (11, 1),
    ),
    "openai-gpt": (
        "OpenAIGPTConfig",
        "OpenAIGPTLMHeadModel",
        {"vocab_size": 41, "n_positions": 15, "n_embd": 16, "n_layer": 2, "n_head": 4, "layer_norm_epsilon": 0.01},
        (11, 1),
    ),
    "ctrl": (
        "CTRLConfig",
        "CTRLLMHeadModel",
        {
            "vocab_size": 41,
            "n_positions": 15,
            "n_embd": 16,
            "dff": 19,
            "n_layer": 2,
            "n_head": 4,
            "layer_norm_epsilon": 0.01,
        },
        (11, 1),
    ),
    "biogpt": (
        "BioGptConfig",
        "BioGptForCausalLM",
        {
            "vocab_size": 41,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 19,
            "max_position_embeddings": 15,
        },
        (11, 1),
    ),
    "xglm": (
        "XGLMConfig",
        "XGLMForCausalLM",
        {
            "vocab_size": 41,
            "d_model": 16,
            "num_layers": 2,
            "attention_heads": 4,
            "ffn_dim": 19,
            "max_position_embeddings": 15,
        },
        (11, 1),
    ),
}
