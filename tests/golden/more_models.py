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

MORE_SINGLE |= {
    "arcee": ("ArceeConfig", "ArceeForCausalLM", DECODER | {"mlp_bias": True, "head_dim": 6}, (11, 1)),
    "cwm": (
        "CwmConfig",
        "CwmForCausalLM",
        DECODER | {"num_hidden_layers": 3, "head_dim": 6, "sliding_window": 4, "mlp_bias": True},
        (11, 1),
    ),
    "helium": ("HeliumConfig", "HeliumForCausalLM", DECODER | {"attention_bias": True, "head_dim": 4}, (11, 1)),
}

MOE = DECODER | {"num_experts_per_tok": 2, "num_experts": 5, "moe_intermediate_size": 11}
ROPE2 = {
    "full_attention": {"rope_type": "yarn", "rope_theta": 300.0, "factor": 4.0, "original_max_position_embeddings": 20},
    "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
}

MORE_SINGLE |= {
    "mixtral": (
        "MixtralConfig",
        "MixtralForCausalLM",
        DECODER | {"num_local_experts": 5, "num_experts_per_tok": 2, "head_dim": 6, "sliding_window": 5},
        (11, 1),
    ),
    "qwen2_moe": (
        "Qwen2MoeConfig",
        "Qwen2MoeForCausalLM",
        MOE | {"shared_expert_intermediate_size": 13, "norm_topk_prob": False},
        (11, 1),
    ),
    "qwen2_moe-some": (
        "Qwen2MoeConfig",
        "Qwen2MoeForCausalLM",
        MOE
        | {
            "shared_expert_intermediate_size": 13,
            "norm_topk_prob": True,
            "qkv_bias": False,
            "num_hidden_layers": 4,
            "decoder_sparse_step": 2,
            "mlp_only_layers": [3],
            "use_sliding_window": True,
            "sliding_window": 4,
            "max_window_layers": 3,
        },
        (9,),
    ),
    "qwen3_moe": ("Qwen3MoeConfig", "Qwen3MoeForCausalLM", MOE | {"head_dim": 6, "norm_topk_prob": True}, (11, 1)),
    "qwen3_moe-some": (
        "Qwen3MoeConfig",
        "Qwen3MoeForCausalLM",
        MOE
        | {
            "mlp_only_layers": [0],
            "attention_bias": True,
            "use_sliding_window": True,
            "sliding_window": 4,
            "head_dim": 4,
        },
        (9,),
    ),
    "olmo": ("OlmoConfig", "OlmoForCausalLM", {**DECODER}, (11, 1)),
    "olmo-clipped": ("OlmoConfig", "OlmoForCausalLM", DECODER | {"clip_qkv": 0.5, "attention_bias": True}, (9,)),
    "olmo2": ("Olmo2Config", "Olmo2ForCausalLM", DECODER, (11, 1)),
    "olmo3": (
        "Olmo3Config",
        "Olmo3ForCausalLM",
        DECODER | {"num_hidden_layers": 4, "sliding_window": 4, "rope_parameters": ROPE2, "hidden_size": 32},
        (30, 1),
    ),
    "olmoe": ("OlmoeConfig", "OlmoeForCausalLM", DECODER | {"num_experts": 5, "num_experts_per_tok": 2}, (11, 1)),
    "olmoe-clipped": (
        "OlmoeConfig",
        "OlmoeForCausalLM",
        DECODER | {"num_experts": 5, "num_experts_per_tok": 3, "norm_topk_prob": True, "clip_qkv": 0.8},
        (9,),
    ),
    "granite": (
        "GraniteConfig",
        "GraniteForCausalLM",
        DECODER
        | {
            "attention_multiplier": 0.3,
            "embedding_multiplier": 3.0,
            "residual_multiplier": 0.7,
            "logits_scaling": 2.0,
            "tie_word_embeddings": True,
        },
        (11, 1),
    ),
    "granite-plain": (
        "GraniteConfig",
        "GraniteForCausalLM",
        DECODER | {"attention_bias": True, "mlp_bias": True},
        (9,),
    ),
    "granitemoe": (
        "GraniteMoeConfig",
        "GraniteMoeForCausalLM",
        DECODER | {"num_local_experts": 5, "attention_multiplier": 0.3, "residual_multiplier": 0.7},
        (11, 1),
    ),
}

GPT_OSS = DECODER | {
    "num_hidden_layers": 3,
    "head_dim": 6,
    "num_local_experts": 5,
    "num_experts_per_tok": 2,
    "sliding_window": 4,
    "swiglu_limit": 0.4,
}
MORE_SINGLE |= {
    "gpt_oss": ("GptOssConfig", "GptOssForCausalLM", GPT_OSS, (11, 1)),
    "gpt_oss-plain": (
        "GptOssConfig",
        "GptOssForCausalLM",
        GPT_OSS
        | {
            "attention_bias": False,
            "tie_word_embeddings": True,
            "layer_types": ["full_attention", "full_attention", "sliding_attention"],
            "swiglu_alpha": 1.2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
        },
        (9,),
    ),
}

PLAIN = {key: value for key, value in DECODER.items() if key != "rms_norm_eps"}
LAYERED = PLAIN | {"layer_norm_eps": 0.01}
DELTA = DECODER | {
    "head_dim": 16,
    "num_hidden_layers": 4,
    "layer_types": ["linear_attention", "full_attention", "linear_attention", "full_attention"],
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 4,
    "linear_key_head_dim": 5,
    "linear_value_head_dim": 7,
    "linear_conv_kernel_dim": 3,
}
DELTA_MOE = DELTA | {
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "moe_intermediate_size": 11,
    "shared_expert_intermediate_size": 13,
}
LFM2 = PLAIN | {
    "num_hidden_layers": 4,
    "norm_eps": 0.01,
    "layer_types": ["conv", "full_attention", "conv", "full_attention"],
    "block_multiple_of": 5,
}
MORE_SINGLE |= {
    "glm": ("GlmConfig", "GlmForCausalLM", DECODER | {"head_dim": 8}, (11, 1)),
    "glm4": ("Glm4Config", "Glm4ForCausalLM", DECODER | {"head_dim": 8, "attention_bias": False}, (11, 1)),
    "cohere": ("CohereConfig", "CohereForCausalLM", LAYERED | {"logit_scale": 0.3}, (11, 1)),
    "cohere-normed": (
        "CohereConfig",
        "CohereForCausalLM",
        LAYERED | {"use_qk_norm": True, "attention_bias": True, "tie_word_embeddings": False},
        (9,),
    ),
    "cohere2": (
        "Cohere2Config",
        "Cohere2ForCausalLM",
        LAYERED | {"num_hidden_layers": 4, "sliding_window": 4, "head_dim": 4},
        (11, 1),
    ),
    "qwen3_5": ("Qwen3_5TextConfig", "Qwen3_5ForCausalLM", DELTA, (11, 1, 40)),
    "qwen3_5-biased": (
        "Qwen3_5TextConfig",
        "Qwen3_5ForCausalLM",
        DELTA
        | {
            "attention_bias": True,
            "linear_num_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 300.0, "partial_rotary_factor": 0.5},
        },
        (9,),
    ),
    "qwen3_5_moe": (
        "Qwen3_5MoeTextConfig",
        "Qwen3_5MoeForCausalLM",
        {key: value for key, value in DELTA_MOE.items() if key != "intermediate_size"},
        (11, 1),
    ),
    "qwen3_next": ("Qwen3NextConfig", "Qwen3NextForCausalLM", DELTA_MOE | {"mlp_only_layers": [1]}, (11, 1)),
    # Beyond a chunk of 64; with fewer short texts beside it some token fits two experts alike, and rounding decides.
    "qwen3_next-long": (
        "Qwen3NextConfig",
        "Qwen3NextForCausalLM",
        DELTA_MOE | {"norm_topk_prob": False, "decoder_sparse_step": 2, "max_position_embeddings": 80},
        (68, 1, 1, 1, 1),
    ),
    "lfm2": ("Lfm2Config", "Lfm2ForCausalLM", LFM2, (11, 1)),
    "lfm2-last": (
        "Lfm2Config",
        "Lfm2ForCausalLM",
        LFM2
        | {
            "num_hidden_layers": 5,
            "layer_types": ["conv", "full_attention", "conv", "full_attention", "conv"],
            "conv_bias": True,
            "conv_L_cache": 4,
            "block_auto_adjust_ff_dim": False,
            "tie_word_embeddings": False,
        },
        (9,),
    ),
    "lfm2_moe": (
        "Lfm2MoeConfig",
        "Lfm2MoeForCausalLM",
        {key: value for key, value in LFM2.items() if not key.startswith("block_")}
        | {"num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 11, "num_dense_layers": 1}
        | {"layer_types": ["full_attention", "conv", "conv", "full_attention"]},
        (11, 1),
    ),
    "exaone4": (
        "Exaone4Config",
        "Exaone4ForCausalLM",
        DECODER | {"num_hidden_layers": 4, "sliding_window": 4, "sliding_window_pattern": 4},
        (11, 1),
    ),
    "exaone4-whole": (
        "Exaone4Config",
        "Exaone4ForCausalLM",
        DECODER | {"sliding_window": None, "layer_types": ["full_attention"] * 2},
        (9,),
    ),
    "ernie4_5": ("Ernie4_5Config", "Ernie4_5ForCausalLM", DECODER | {"head_dim": 6}, (11, 1)),
    "ernie4_5-biased": ("Ernie4_5Config", "Ernie4_5ForCausalLM", DECODER | {"head_dim": 4, "use_bias": True}, (9,)),
    "hunyuan_v1_dense": ("HunYuanDenseV1Config", "HunYuanDenseV1ForCausalLM", DECODER | {"head_dim": 6}, (11, 1)),
    "hunyuan_v1_dense-alpha": (
        "HunYuanDenseV1Config",
        "HunYuanDenseV1ForCausalLM",
        DECODER
        | {
            "head_dim": 6,
            "attention_bias": True,
            "rope_parameters": {"rope_type": "dynamic", "alpha": 7.0, "factor": 1.0, "rope_theta": 100.0},
        },
        (20,),
    ),
    "ministral3": (
        "Ministral3Config",
        "Ministral3ForCausalLM",
        DECODER
        | {
            "head_dim": 8,
            "rope_parameters": {
                "rope_type": "yarn",
                "rope_theta": 300.0,
                "factor": 4.0,
                "original_max_position_embeddings": 7,
                "llama_4_scaling_beta": 0.3,
                "mscale": 1.0,
                "mscale_all_dim": 1.0,
            },
        },
        (23, 1),
    ),
    "phi": ("PhiConfig", "PhiForCausalLM", LAYERED, (11, 1)),
    "phi-normed": (
        "PhiConfig",
        "PhiForCausalLM",
        LAYERED | {"qk_layernorm": True, "hidden_size": 32, "partial_rotary_factor": 0.75},
        (9,),
    ),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM", LAYERED | {"hidden_size": 32}, (11, 1)),
    "stablelm-parallel": (
        "StableLmConfig",
        "StableLmForCausalLM",
        LAYERED
        | {"use_parallel_residual": True, "qk_layernorm": True, "use_qkv_bias": True, "partial_rotary_factor": 0.5},
        (9,),
    ),
    "starcoder2": (
        "Starcoder2Config",
        "Starcoder2ForCausalLM",
        PLAIN | {"norm_epsilon": 0.01, "sliding_window": 4},
        (11, 1),
    ),
    "starcoder2-plain": (
        "Starcoder2Config",
        "Starcoder2ForCausalLM",
        PLAIN | {"use_bias": False, "tie_word_embeddings": False},
        (9,),
    ),
}

MODERN = {
    "vocab_size": 41,
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 19,
    "max_position_embeddings": 60,
    "norm_eps": 0.01,
    "local_attention": 6,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "cls_token_id": 1,
    "sep_token_id": 2,
}
MORE_SINGLE |= {
    "modernbert": ("ModernBertConfig", "ModernBertForMaskedLM", MODERN, (11, 1)),
    "modernbert-biased": (
        "ModernBertConfig",
        "ModernBertForMaskedLM",
        MODERN
        | {
            "norm_bias": True,
            "attention_bias": True,
            "mlp_bias": True,
            "classifier_bias": True,
            "decoder_bias": False,
            "tie_word_embeddings": False,
            "num_hidden_layers": 2,
            "layer_types": ["sliding_attention", "full_attention"],
        },
        (9,),
    ),
}

GPTJ = {
    "vocab_size": 41,
    "n_embd": 24,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 15,
    "rotary_dim": 4,
    "layer_norm_epsilon": 0.01,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
MORE_SINGLE |= {
    "gptj": ("GPTJConfig", "GPTJForCausalLM", GPTJ, (11, 1, 15)),
    "codegen": ("CodeGenConfig", "CodeGenForCausalLM", GPTJ, (11, 1)),
    "gptj-narrow": ("GPTJConfig", "GPTJForCausalLM", GPTJ | {"n_inner": 33, "rotary_dim": 2}, (9,)),
}

BLOOM = {"vocab_size": 41, "hidden_size": 24, "n_layer": 2, "n_head": 6, "layer_norm_epsilon": 0.01}
FALCON = {
    "vocab_size": 41,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "layer_norm_epsilon": 0.01,
    "max_position_embeddings": 60,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
MPT = {"vocab_size": 41, "d_model": 24, "n_layers": 2, "n_heads": 6, "max_seq_len": 30, "layer_norm_epsilon": 0.01}
NEO = {
    "vocab_size": 41,
    "hidden_size": 16,
    "num_layers": 3,
    "num_heads": 4,
    "attention_types": [[["local", "global"], 1], [["local"], 1]],
    "window_size": 4,
    "max_position_embeddings": 15,
    "layer_norm_epsilon": 0.01,
    "bos_token_id": 0,
    "eos_token_id": 0,
}
BIGCODE = {key: value for key, value in GPTJ.items() if key != "rotary_dim"}
MORE_SINGLE |= {
    "bloom": ("BloomConfig", "BloomForCausalLM", BLOOM, (11, 1)),
    "bloom-after": (
        "BloomConfig",
        "BloomForCausalLM",
        BLOOM | {"apply_residual_connection_post_layernorm": True, "tie_word_embeddings": False, "n_head": 8},
        (9,),
    ),
    "falcon": ("FalconConfig", "FalconForCausalLM", FALCON, (11, 1)),
    "falcon-grouped": (
        "FalconConfig",
        "FalconForCausalLM",
        FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2, "ffn_hidden_size": 31, "activation": "relu"},
        (11,),
    ),
    "falcon-one-norm": (
        "FalconConfig",
        "FalconForCausalLM",
        FALCON
        | {
            "new_decoder_architecture": True,
            "num_kv_heads": 3,
            "num_ln_in_parallel_attn": 1,
            "bias": True,
            "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 300.0},
        },
        (11,),
    ),
    "falcon-alibi": (
        "FalconConfig",
        "FalconForCausalLM",
        FALCON
        | {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True, "tie_word_embeddings": False},
        (11,),
    ),
    "mpt": ("MptConfig", "MptForCausalLM", MPT, (11, 1)),
    "mpt-clipped": (
        "MptConfig",
        "MptForCausalLM",
        MPT | {"n_heads": 4, "attn_config": {"clip_qkv": 0.8, "softmax_scale": 0.7}},
        (9,),
    ),
    "gpt_neo": ("GPTNeoConfig", "GPTNeoForCausalLM", NEO, (11, 1, 15)),
    "gpt_neo-wide": (
        "GPTNeoConfig",
        "GPTNeoForCausalLM",
        NEO | {"intermediate_size": 21, "activation_function": "relu", "tie_word_embeddings": False},
        (9,),
    ),
    "gpt_bigcode": ("GPTBigCodeConfig", "GPTBigCodeForCausalLM", BIGCODE, (11, 1, 15)),
    "gpt_bigcode-heads": (
        "GPTBigCodeConfig",
        "GPTBigCodeForCausalLM",
        BIGCODE | {"multi_query": False, "scale_attn_weights": False, "n_inner": 21, "activation_function": "relu"},
        (9,),
    ),
}

TRANSLATOR = {
    "vocab_size": 41,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 19,
    "decoder_ffn_dim": 21,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 5,
    "forced_eos_token_id": 2,
}
SCALED = {"scale_embedding": True, "activation_function": "relu", "forced_bos_token_id": 7}
MORE_DOUBLE: Double = {
    "bart": ("BartConfig", "BartForConditionalGeneration", TRANSLATOR | {"forced_bos_token_id": 0}),
    "bart-scaled": ("BartConfig", "BartForConditionalGeneration", TRANSLATOR | SCALED),
    "plbart": ("PLBartConfig", "PLBartForConditionalGeneration", TRANSLATOR),
    "mvp": ("MvpConfig", "MvpForConditionalGeneration", TRANSLATOR | {"use_prompt": False}),
    "mbart": ("MBartConfig", "MBartForConditionalGeneration", TRANSLATOR | SCALED),
    "pegasus": ("PegasusConfig", "PegasusForConditionalGeneration", TRANSLATOR | {"decoder_start_token_id": 0}),
    "pegasus-scaled": ("PegasusConfig", "PegasusForConditionalGeneration", TRANSLATOR | SCALED),
    "m2m_100": ("M2M100Config", "M2M100ForConditionalGeneration", TRANSLATOR | SCALED),
    "m2m_100-odd": (
        "M2M100Config",
        "M2M100ForConditionalGeneration",
        TRANSLATOR | {"pad_token_id": 0, "bos_token_id": 3, "scale_embedding": False, "d_model": 20},
    ),
    "blenderbot": (
        "BlenderbotConfig",
        "BlenderbotForConditionalGeneration",
        TRANSLATOR | {"encoder_no_repeat_ngram_size": 0},
    ),
    "blenderbot-small": ("BlenderbotSmallConfig", "BlenderbotSmallForConditionalGeneration", TRANSLATOR | SCALED),
}

LATENT = {key: value for key, value in DECODER.items() if key != "num_key_value_heads"} | {
    "kv_lora_rank": 8,
    "q_lora_rank": 9,
    "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 4,
    "v_head_dim": 3,
    "moe_intermediate_size": 11,
    "n_routed_experts": 6,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 3,
}
DEEPSEEK_YARN = {
    "rope_type": "yarn",
    "rope_theta": 300.0,
    "factor": 4.0,
    "original_max_position_embeddings": 7,
    "mscale": 0.7,
    "mscale_all_dim": 0.5,
}
GROUPED = LATENT | {"num_key_value_heads": 4, "n_group": 3, "topk_group": 2, "first_k_dense_replace": 1}
MORE_SINGLE |= {
    "deepseek_v2": (
        "DeepseekV2Config",
        "DeepseekV2ForCausalLM",
        LATENT | {"first_k_dense_replace": 1, "rope_parameters": DEEPSEEK_YARN},
        (23, 1),
    ),
    "deepseek_v2-grouped": (
        "DeepseekV2Config",
        "DeepseekV2ForCausalLM",
        LATENT
        | {
            "q_lora_rank": None,
            "topk_method": "group_limited_greedy",
            "n_group": 3,
            "topk_group": 2,
            "routed_scaling_factor": 1.7,
            "attention_bias": True,
            "mlp_bias": True,
        },
        (9,),
    ),
    "deepseek_v3": ("DeepseekV3Config", "DeepseekV3ForCausalLM", GROUPED | {"rope_parameters": DEEPSEEK_YARN}, (23, 1)),
    "deepseek_v3-halves": (
        "DeepseekV3Config",
        "DeepseekV3ForCausalLM",
        GROUPED
        | {
            "rope_interleave": False,
            "q_lora_rank": None,
            "norm_topk_prob": False,
            "n_shared_experts": 2,
            "attention_bias": True,
        },
        (9,),
    ),
    "youtu": (
        "YoutuConfig",
        "YoutuForCausalLM",
        {key: value for key, value in LATENT.items() if "experts" not in key and key != "moe_intermediate_size"}
        | {"num_key_value_heads": 4, "pad_token_id": None},  # transformers would zero its row of a tied table
        (11, 1),
    ),
    "solar_open": (
        "SolarOpenConfig",
        "SolarOpenForCausalLM",
        {key: value for key, value in DECODER.items() if key != "intermediate_size"}
        | {"n_routed_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 11, "head_dim": 6}
        | {"n_group": 2, "topk_group": 1, "attention_bias": True},
        (11, 1),
    ),
    "seed_oss": (
        "SeedOssConfig",
        "SeedOssForCausalLM",
        DECODER | {"head_dim": 6, "attention_out_bias": True, "mlp_bias": True},
        (11, 1),
    ),
    "glm4_moe_lite": (
        "Glm4MoeLiteConfig",
        "Glm4MoeLiteForCausalLM",
        LATENT | {"num_key_value_heads": 4, "mlp_layer_types": ["sparse", "dense", "sparse"]},
        (11, 1),
    ),
    "glm4_moe": (
        "Glm4MoeConfig",
        "Glm4MoeForCausalLM",
        DECODER | {"n_routed_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 11, "use_qk_norm": True},
        (11, 1),
    ),
    "glm4_moe-grouped": (
        "Glm4MoeConfig",
        "Glm4MoeForCausalLM",
        DECODER
        | {
            "n_routed_experts": 6,
            "num_experts_per_tok": 3,
            "moe_intermediate_size": 11,
            "n_group": 2,
            "topk_group": 1,
            "first_k_dense_replace": 0,
            "attention_bias": True,
            "head_dim": 8,
        },
        (9,),
    ),
}
