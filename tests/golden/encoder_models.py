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

ENCODERS["clip_text_model"] = (
    "CLIPTextConfig",
    "CLIPTextModel",
    ENCODER | {"bos_token_id": 1, "eos_token_id": 2, "layer_norm_eps": 0.01},
    (11, 1, 19),
)

ENCODERS["siglip_text_model"] = (
    "SiglipTextConfig",
    "SiglipTextModel",
    ENCODER | {"layer_norm_eps": 0.01, "projection_size": 5},
    (11, 1, 19),
)

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

# RoBERTa's kin: positions begin after the padding token's.
ROBERTA = ENCODER | {"pad_token_id": 1}
TYPED = ENCODER | {"type_vocab_size": 3}

ENCODERS |= {
    "ernie": ("ErnieConfig", "ErnieForMaskedLM", TYPED | {"use_task_id": True, "task_type_vocab_size": 2}, (11, 1)),
    "ernie-decoder": ("ErnieConfig", "ErnieForCausalLM", ENCODER | {"is_decoder": True, "hidden_act": "relu"}, (9,)),
    "roformer": ("RoFormerConfig", "RoFormerForMaskedLM", ROTARY | {"rotary_value": True}, (11, 1)),
    "roformer-narrow": (
        "RoFormerConfig",
        "RoFormerForMaskedLM",
        ROTARY | {"embedding_size": 9, "rotary_value": False, "type_vocab_size": 2, "tie_word_embeddings": False},
        (19,),
    ),
    "rembert": (
        "RemBertConfig",
        "RemBertForMaskedLM",
        TYPED | {"input_embedding_size": 9, "output_embedding_size": 13},
        (11, 1),
    ),
    "bert-generation": ("BertGenerationConfig", "BertGenerationEncoder", ENCODER, (11, 1)),
    "bert-generation-decoder": ("BertGenerationConfig", "BertGenerationDecoder", ENCODER | {"is_decoder": True}, (9,)),
    "layoutlm": ("LayoutLMConfig", "LayoutLMForMaskedLM", TYPED | {"max_2d_position_embeddings": 7}, (11, 1)),
    "big_bird": (
        "BigBirdConfig",
        "BigBirdForMaskedLM",
        TYPED | {"attention_type": "original_full", "rescale_embeddings": True, "use_bias": False},
        (11, 1),
    ),
    "squeezebert": (
        "SqueezeBertConfig",
        "SqueezeBertForMaskedLM",
        TYPED
        | {
            "embedding_size": 20,
            "intermediate_size": 16,
            "q_groups": 2,
            "k_groups": 5,
            "v_groups": 1,
            "post_attention_groups": 4,
            "intermediate_groups": 4,
            "output_groups": 2,
        },
        (11, 1),
    ),
    "splinter": ("SplinterConfig", "SplinterModel", TYPED, (11, 1)),
    "data2vec-text": ("Data2VecTextConfig", "Data2VecTextForMaskedLM", ROBERTA, (11, 1)),
    "ibert": ("IBertConfig", "IBertForMaskedLM", ROBERTA, (11, 1)),
    "megatron-bert": ("MegatronBertConfig", "MegatronBertForMaskedLM", TYPED, (11, 1)),
    "roberta-prelayernorm": (
        "RobertaPreLayerNormConfig",
        "RobertaPreLayerNormForMaskedLM",
        ROBERTA | {"hidden_act": "relu"},
        (11, 1),
    ),
    "xlm-roberta-xl": ("XLMRobertaXLConfig", "XLMRobertaXLForMaskedLM", ROBERTA, (11, 1)),
    "xmod": (
        "XmodConfig",
        "XmodForMaskedLM",
        ROBERTA | {"languages": ["de_DE", "en_XX"], "default_language": "en_XX", "adapter_reduction_factor": 4},
        (11, 1),
    ),
    "xmod-before": (
        "XmodConfig",
        "XmodForMaskedLM",
        ROBERTA
        | {
            "languages": ["zh_CN"],
            "default_language": "zh_CN",
            "pre_norm": True,
            "adapter_layer_norm": True,
            "ln_before_adapter": False,
        },
        (9,),
    ),
    "xmod-plain": (
        "XmodConfig",
        "XmodForMaskedLM",
        ROBERTA | {"default_language": "en_XX", "adapter_reuse_layer_norm": False},
        (9,),
    ),
    "esm": (
        "EsmConfig",
        "EsmForMaskedLM",
        ENCODER
        | {
            "hidden_size": 24,
            "position_embedding_type": "rotary",
            "token_dropout": True,
            "mask_token_id": 33,
            "pad_token_id": 1,
        }
        | {"emb_layer_norm_before": False},
        (11, 1),
    ),
    "esm-1b": (
        "EsmConfig",
        "EsmForMaskedLM",
        ROBERTA | {"mask_token_id": 33, "emb_layer_norm_before": True, "token_dropout": False},
        (11,),
    ),
}

MOBILE = ENCODER | {"type_vocab_size": 3, "embedding_size": 7, "intra_bottleneck_size": 12}
XLNET = {"vocab_size": 41, "d_model": 20, "n_layer": 2, "n_head": 4, "d_inner": 19, "layer_norm_eps": 0.01}
ENCODERS |= {
    "mobilebert": ("MobileBertConfig", "MobileBertForMaskedLM", MOBILE, (11, 1)),
    "mobilebert-normed": (
        "MobileBertConfig",
        "MobileBertForMaskedLM",
        MOBILE
        | {
            "normalization_type": "layer_norm",
            "use_bottleneck_attention": True,
            "num_feedforward_networks": 1,
            "hidden_act": "gelu",
            "trigram_input": False,
        },
        (11,),
    ),
    "mobilebert-wide": (
        "MobileBertConfig",
        "MobileBertForMaskedLM",
        MOBILE | {"use_bottleneck": False, "embedding_size": 20, "trigram_input": False, "num_feedforward_networks": 2},
        (11,),
    ),
    "xlnet": ("XLNetConfig", "XLNetLMHeadModel", XLNET, (11, 1, 40)),
    "xlnet-clamped": (
        "XLNetConfig",
        "XLNetLMHeadModel",
        XLNET | {"clamp_len": 4, "ff_activation": "relu", "tie_word_embeddings": False},
        (11,),
    ),
    "xlnet-causal": ("XLNetConfig", "XLNetLMHeadModel", XLNET | {"attn_type": "uni"}, (11,)),
    "eurobert": (
        "EuroBertConfig",
        "EuroBertForMaskedLM",
        {
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
        },
        (11, 1),
    ),
    "eurobert-biased": (
        "EuroBertConfig",
        "EuroBertForMaskedLM",
        {
            "vocab_size": 41,
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 19,
            "max_position_embeddings": 60,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "mlp_bias": True,
            "attention_bias": True,
            "tie_word_embeddings": True,
            "head_dim": 6,
        },
        (9,),
    ),
}
