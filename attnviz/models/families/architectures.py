"""The classes that a config names, under "architectures" and "auto_map": whether they compute what the family does.

transformers goes by model_type alone unless it is told to trust the code that comes with a model. A class that is none
of the family's own may compute something else (LlamaBiModel attends in both directions), so it is refused; code beside
a class of the family's own name is not run, which a note says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.families.text_parts import WRAPPERS

# How a family's classes begin in transformers, its own name first; RoBERTa's three families compute the same.
_BEGINNINGS = {
    "bert": ("Bert",),
    "roberta": ("Roberta", "XLMRoberta", "Camembert"),
    "xlm-roberta": ("XLMRoberta", "Roberta", "Camembert"),
    "camembert": ("Camembert", "Roberta", "XLMRoberta"),
    "distilbert": ("DistilBert",),
    "electra": ("Electra",),
    "mpnet": ("MPNet",),
    "albert": ("Albert",),
    "ernie": ("Ernie",),
    "roformer": ("RoFormer",),
    "rembert": ("RemBert",),
    "bert-generation": ("BertGeneration",),
    "layoutlm": ("LayoutLM",),
    "big_bird": ("BigBird",),
    "squeezebert": ("SqueezeBert",),
    "splinter": ("Splinter",),
    "data2vec-text": ("Data2VecText",),
    "ibert": ("IBert",),
    "megatron-bert": ("MegatronBert",),
    "roberta-prelayernorm": ("RobertaPreLayerNorm",),
    "xlm-roberta-xl": ("XLMRobertaXL",),
    "xmod": ("Xmod",),
    "esm": ("Esm",),
    "mobilebert": ("MobileBert",),
    "xlnet": ("XLNet",),
    "eurobert": ("EuroBert",),
    "deberta": ("Deberta",),
    "deberta-v2": ("DebertaV2",),
    "nomic_bert": ("NomicBert",),
    "gte": ("Gte", "New"),
    "jina_embeddings_v3": ("JinaEmbeddingsV3",),
    "modernbert": ("ModernBert",),
    "modernbert-decoder": ("ModernBertDecoder",),
    "gpt2": ("GPT2",),
    "openai-gpt": ("OpenAIGPT",),
    "ctrl": ("CTRL",),
    "gpt_neox": ("GPTNeoX",),
    "gptj": ("GPTJ",),
    "codegen": ("CodeGen",),
    "gpt_neo": ("GPTNeo",),
    "gpt_bigcode": ("GPTBigCode",),
    "bloom": ("Bloom",),
    "falcon": ("Falcon",),
    "mpt": ("Mpt", "MPT"),
    "opt": ("OPT",),
    "biogpt": ("BioGpt",),
    "xglm": ("XGLM",),
    "llama": ("Llama", "LLaMA"),
    "mistral": ("Mistral",),
    "qwen2": ("Qwen2",),
    "qwen3": ("Qwen3",),
    "smollm": ("SmolLM", "Llama"),
    "smollm3": ("SmolLM3",),
    "gemma": ("Gemma",),
    "gemma2": ("Gemma2",),
    "gemma3": ("Gemma3", "Gemma3Text"),
    "gemma4": ("Gemma4", "Gemma4Text"),
    "gemma4_unified": ("Gemma4Unified", "Gemma4UnifiedText"),
    "vaultgemma": ("VaultGemma",),
    "phi3": ("Phi3",),
    "phimoe": ("Phimoe", "PhiMoE"),
    "llama4": ("Llama4", "Llama4Text"),
    "minimax_m2": ("MiniMaxM2",),
    "dots1": ("Dots1",),
    "mixtral": ("Mixtral",),
    "qwen2_moe": ("Qwen2Moe",),
    "qwen3_moe": ("Qwen3Moe",),
    "olmo": ("Olmo",),
    "olmo2": ("Olmo2",),
    "olmo3": ("Olmo3",),
    "olmoe": ("Olmoe",),
    "gpt_oss": ("GptOss",),
    "granite": ("Granite",),
    "granitemoe": ("GraniteMoe",),
    "granitemoeshared": ("GraniteMoeShared",),
    "glm": ("Glm",),
    "glm4": ("Glm4",),
    "glm4_moe": ("Glm4Moe",),
    "glm4_moe_lite": ("Glm4MoeLite",),
    "deepseek_v2": ("DeepseekV2",),
    "deepseek_v3": ("DeepseekV3",),
    "youtu": ("Youtu",),
    "solar_open": ("SolarOpen",),
    "seed_oss": ("SeedOss",),
    "jina_bert_v2": ("JinaBert",),
    "arcee": ("Arcee",),
    "cwm": ("Cwm",),
    "apertus": ("Apertus",),
    "nemotron": ("Nemotron",),
    "exaone": ("Exaone", "Llama"),
    "helium": ("Helium",),
    "internlm2": ("InternLM2",),
    "internlm3": ("InternLM3", "Llama"),
    "cohere": ("Cohere",),
    "cohere2": ("Cohere2",),
    "exaone4": ("Exaone4",),
    "exaone_moe": ("ExaoneMoe", "ExaoneMoE"),
    "qwen3_next": ("Qwen3Next",),
    "qwen3_5": ("Qwen3_5", "Qwen3_5Text"),
    "qwen3_5_moe": ("Qwen3_5Moe", "Qwen3_5MoeText"),
    "lfm2": ("Lfm2",),
    "lfm2_moe": ("Lfm2Moe",),
    "ernie4_5": ("Ernie4_5",),
    "ernie4_5_moe": ("Ernie4_5_Moe",),
    "hunyuan_v1_dense": ("HunYuanDenseV1",),
    "hunyuan_v1_moe": ("HunYuanMoEV1", "HunYuan"),
    "ministral3": ("Ministral3",),
    "ministral": ("Ministral",),
    "mistral4": ("Mistral4",),
    "phi": ("Phi",),
    "stablelm": ("StableLm",),
    "starcoder2": ("Starcoder2",),
    "t5": ("T5",),
    "mt5": ("MT5", "T5"),
    "umt5": ("UMT5",),
    "marian": ("Marian",),
    "bart": ("Bart",),
    "plbart": ("PLBart",),
    "mvp": ("Mvp",),
    "mbart": ("MBart",),
    "pegasus": ("Pegasus",),
    "m2m_100": ("M2M100",),
    "blenderbot": ("Blenderbot",),
    "blenderbot-small": ("BlenderbotSmall",),
    "clip_text_model": ("CLIPText", "CLIP"),
    "siglip_text_model": ("SiglipText", "Siglip"),
    "vit": ("ViT",),
    "dinov2": ("Dinov2",),
    "dinov2_with_registers": ("Dinov2WithRegisters",),
    "clip_vision_model": ("CLIPVision", "CLIP"),
    "siglip_vision_model": ("SiglipVision", "Siglip"),
}

# Families that attend in both directions whatever their head is: there an unknown head changes nothing below it.
_ENCODERS = (
    "bert",
    "roberta",
    "xlm-roberta",
    "camembert",
    "distilbert",
    "electra",
    "mpnet",
    "albert",
    "ernie",
    "roformer",
    "rembert",
    "bert-generation",
    "layoutlm",
    "big_bird",
    "squeezebert",
    "splinter",
    "data2vec-text",
    "ibert",
    "megatron-bert",
    "roberta-prelayernorm",
    "xlm-roberta-xl",
    "xmod",
    "esm",
    "mobilebert",
    "xlnet",
    "eurobert",
    "deberta",
    "deberta-v2",
    "nomic_bert",
    "gte",
    "jina_bert_v2",
    "jina_embeddings_v3",
    "modernbert",
)

# How they end: the stack alone, or with a head on it that attention does not depend on. LlamaForMaskedLM is none of
# Llama's: whoever trains it lets a token attend to what follows.
_ANY = ("Model", "PreTrainedModel", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
_ENCODER = (
    "ForMaskedLM",
    "ForPreTraining",
    "ForPretraining",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
    "ForCausalLM",
    "LMHeadModel",
    "Encoder",
    "Decoder",
)
_TRANSLATOR = ("ForConditionalGeneration", "EncoderModel", "WithLMHeadModel")
_OTHERS = {
    "gpt2": ("LMHeadModel", "DoubleHeadsModel"),
    "openai-gpt": ("LMHeadModel", "DoubleHeadsModel"),
    "ctrl": ("LMHeadModel",),
    **dict.fromkeys(
        ("gemma3", "gemma4", "gemma4_unified", "llama4", "qwen3_5", "qwen3_5_moe"),
        ("ForCausalLM", "ForConditionalGeneration"),
    ),
    "marian": ("MTModel", "ForCausalLM"),
    **dict.fromkeys(
        ("bart", "plbart", "mvp", "mbart", "pegasus", "m2m_100", "blenderbot", "blenderbot-small"),
        ("ForConditionalGeneration",),
    ),
    "t5": _TRANSLATOR,
    "mt5": _TRANSLATOR,
    "umt5": _TRANSLATOR,
    **dict.fromkeys(_ENCODERS, _ENCODER),
    **dict.fromkeys(
        (
            "clip_text_model",
            "siglip_text_model",
            "vit",
            "dinov2",
            "dinov2_with_registers",
            "clip_vision_model",
            "siglip_vision_model",
        ),
        ("ModelWithProjection", "ForImageClassification", "ForMaskedImageModeling", "Backbone"),
    ),
}
_WRAPPED = ("ForConditionalGeneration", "Model", "PreTrainedModel")
_DECODER = ("ForCausalLM", "ForRewardModel", "ForProcessRewardModel")


def architectures_of(config: Mapping[str, Any]) -> list[str]:
    """Return the class names under "architectures" that are not blank; [] where there are none."""
    given = config.get("architectures")
    names = [given] if isinstance(given, str) else given if isinstance(given, list | tuple) else []
    return [name for name in names if isinstance(name, str) and name.strip()]


def family_by_architecture(name: str) -> str:
    """Return the family of a class of transformers, as in GPTNeoXForCausalLM; "" for an unknown one."""
    own = [family for family, (first, *_) in _BEGINNINGS.items() if _is_class(name, family, (first,))]
    return next(iter(own or [family for family in _BEGINNINGS if _is_class(name, family)]), "")


def check_architecture(config: Mapping[str, Any], family: str, written: str) -> tuple[Message, ...]:
    """Return notes on the classes that a config names; raises InputError where one may compute something else.

    written: the family's name as its authors write it.
    """
    code = _own_code(config)
    notes = []
    wrapper = WRAPPERS.get(str(config.get("model_type")))
    for name in dict.fromkeys((*architectures_of(config), *code)):
        if _is_class(name, family) or (wrapper and name in (f"{wrapper.classes}{end}" for end in _WRAPPED)):
            continue
        if family in _ENCODERS and not code and _is_head(name, _BEGINNINGS[family]):
            notes.append(
                message(
                    "The class {name} is none of transformers; the layers below its head are computed as {family}.",
                    name=name,
                    family=written,
                )
            )
            continue
        from attnviz.models.families.unsupported import recipe  # what an error needs is loaded with it

        raise InputError(
            "config.json names the class {name}, which is none of {family}: it may compute something else, such as "
            "attention in both directions.",
            hint="Let transformers compute it and show its weights, in Python: {lines}. If you know that it computes "
            "what {family} does, take auto_map and architectures out of config.json.",
            name=name,
            family=written,
            lines=recipe(config),
        )
    if code:
        files = listed(dict.fromkeys(f"{module}.py" for module in code.values()))
        notes.append(
            message(
                "The code that comes with the model ({files}) is not run: it is computed as {family}.",
                files=files,
                family=written,
            )
        )
    return tuple(notes)


def _own_code(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the model classes that auto_map leads to, each with its module: "repository--module.Class"."""
    given = config.get("auto_map")
    if not isinstance(given, Mapping):
        return {}
    found = {}
    for key, value in given.items():
        if isinstance(key, str) and key.startswith("AutoModel") and isinstance(value, str):
            module, _, name = value.rpartition("--")[2].rpartition(".")
            found[name] = module or name
    return found


def _is_class(name: str, family: str, beginnings: tuple[str, ...] | None = None) -> bool:
    """Return whether a class is one of a family's own, in PyTorch, TensorFlow or Flax."""
    plain = re.sub(r"^(TF|Flax)", "", name)
    endings = (*_ANY, *_OTHERS.get(family, _DECODER))
    return any(plain == beginning + ending for beginning in beginnings or _BEGINNINGS[family] for ending in endings)


def _is_head(name: str, beginnings: tuple[str, ...]) -> bool:
    """Return whether a class is a head of someone's own on a family's stack, as in BertForIntents."""
    return any(re.fullmatch(rf"{beginning}For[A-Z]\w*", name) for beginning in beginnings)
