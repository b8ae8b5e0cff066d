"""The families of models: a table from the config's model_type to the class that computes it.

A class is imported when a model of its family is opened. A new family is one module, one line here, and a golden.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from attnviz.models.families.config import Configuration
from attnviz.models.families.text_parts import WRAPPERS, wrapped_text_config

if TYPE_CHECKING:
    from attnviz.models.families.base import ModelShape, Stack


class Family(NamedTuple):
    """A family: the name that its authors write, and the class that computes it, as module:Class."""

    written: str
    stack: str


FAMILIES: dict[str, Family] = {
    "bert": Family("BERT", "bert:Bert"),
    "roberta": Family("RoBERTa", "bert:Roberta"),
    "xlm-roberta": Family("XLM-RoBERTa", "bert:XlmRoberta"),
    "camembert": Family("CamemBERT", "bert:XlmRoberta"),
    "distilbert": Family("DistilBERT", "distilbert:DistilBert"),
    "electra": Family("ELECTRA", "bert:Electra"),
    "mpnet": Family("MPNet", "mpnet:MpNet"),
    "albert": Family("ALBERT", "albert:Albert"),
    "ernie": Family("ERNIE", "bert_kin:Ernie"),
    "roformer": Family("RoFormer", "bert_kin:RoFormer"),
    "rembert": Family("RemBERT", "bert_kin:RemBert"),
    "bert-generation": Family("BERT for generation", "bert_kin:BertGeneration"),
    "layoutlm": Family("LayoutLM", "bert_kin:LayoutLm"),
    "big_bird": Family("BigBird", "bert_kin:BigBird"),
    "squeezebert": Family("SqueezeBERT", "bert_kin:SqueezeBert"),
    "splinter": Family("Splinter", "bert_kin:Splinter"),
    "data2vec-text": Family("data2vec", "bert_kin:Data2VecText"),
    "ibert": Family("I-BERT", "bert_kin:IBert"),
    "megatron-bert": Family("Megatron-BERT", "prenorm_bert:MegatronBert"),
    "roberta-prelayernorm": Family("RoBERTa-PreLayerNorm", "prenorm_bert:RobertaPreLayerNorm"),
    "xlm-roberta-xl": Family("XLM-RoBERTa-XL", "prenorm_bert:XlmRobertaXl"),
    "xmod": Family("X-MOD", "prenorm_bert:Xmod"),
    "esm": Family("ESM", "prenorm_bert:Esm"),
    "mobilebert": Family("MobileBERT", "mobilebert:MobileBert"),
    "xlnet": Family("XLNet", "xlnet:XlNet"),
    "eurobert": Family("EuroBERT", "eurobert:EuroBert"),
    "deberta": Family("DeBERTa", "deberta:Deberta"),
    "deberta-v2": Family("DeBERTa-v2", "deberta:DebertaV2"),
    "nomic_bert": Family("Nomic BERT", "rotary_bert:NomicBert"),
    "gte": Family("GTE", "rotary_bert:Gte"),
    "jina_bert_v2": Family("Jina Embeddings v2", "jina_bert:JinaBert"),
    "jina_embeddings_v3": Family("Jina Embeddings v3", "rotary_bert:JinaEmbeddings3"),
    "modernbert": Family("ModernBERT", "modernbert:ModernBert"),
    "modernbert-decoder": Family("ModernBERT decoder", "modernbert:ModernBertDecoder"),
    "gpt2": Family("GPT-2", "gpt2:Gpt2"),
    "openai-gpt": Family("GPT", "gpt:Gpt"),
    "ctrl": Family("CTRL", "gpt:Ctrl"),
    "gpt_neox": Family("GPT-NeoX", "gpt_neox:GptNeoX"),
    "gptj": Family("GPT-J", "gptj:GptJ"),
    "codegen": Family("CodeGen", "gptj:CodeGen"),
    "gpt_neo": Family("GPT-Neo", "gpt_neo:GptNeo"),
    "gpt_bigcode": Family("GPTBigCode", "gpt_neo:GptBigCode"),
    "bloom": Family("BLOOM", "bloom:Bloom"),
    "falcon": Family("Falcon", "falcon:Falcon"),
    "mpt": Family("MPT", "mpt:Mpt"),
    "opt": Family("OPT", "opt:Opt"),
    "biogpt": Family("BioGPT", "opt_kin:BioGpt"),
    "xglm": Family("XGLM", "opt_kin:Xglm"),
    "llama": Family("Llama", "llama:Llama"),
    "mistral": Family("Mistral", "llama:Mistral"),
    "qwen2": Family("Qwen2", "llama:Qwen2"),
    "qwen3": Family("Qwen3", "llama:Qwen3"),
    "arcee": Family("AFM", "llama_kin:Arcee"),
    "cwm": Family("Code World Model", "llama_kin:Cwm"),
    "apertus": Family("Apertus", "apertus:Apertus"),
    "nemotron": Family("Nemotron", "apertus:Nemotron"),
    "exaone": Family("EXAONE 3", "exaone:Exaone"),
    "helium": Family("Helium", "llama_kin:Helium"),
    "internlm2": Family("InternLM2", "internlm2:InternLm2"),
    "internlm3": Family("InternLM3", "llama_kin:InternLm3"),
    "smollm": Family("SmolLM", "llama:Llama"),
    "smollm3": Family("SmolLM3", "llama:SmolLm3"),
    "gemma": Family("Gemma", "gemma:Gemma"),
    "gemma2": Family("Gemma 2", "gemma:Gemma2"),
    "gemma3": Family("Gemma 3", "gemma:Gemma3"),
    "gemma4": Family("Gemma 4", "gemma4:Gemma4"),
    "gemma4_unified": Family("Gemma 4 (unified)", "gemma4:Gemma4Unified"),
    "vaultgemma": Family("VaultGemma", "gemma:VaultGemma"),
    "phi3": Family("Phi-3", "llama:Phi3"),
    "phimoe": Family("Phi-3.5-MoE", "phimoe:PhiMoe"),
    "llama4": Family("Llama 4", "llama4:Llama4"),
    "minimax_m2": Family("MiniMax-M2", "minimax_m2:MiniMaxM2"),
    "dots1": Family("dots.llm1", "dots1:Dots1"),
    "mixtral": Family("Mixtral", "moe:Mixtral"),
    "qwen2_moe": Family("Qwen2-MoE", "moe:Qwen2Moe"),
    "qwen3_moe": Family("Qwen3-MoE", "moe:Qwen3Moe"),
    "olmo": Family("OLMo", "olmo:Olmo"),
    "olmo2": Family("OLMo 2", "olmo:Olmo2"),
    "olmo3": Family("OLMo 3", "olmo:Olmo3"),
    "olmoe": Family("OLMoE", "moe:Olmoe"),
    "gpt_oss": Family("gpt-oss", "gpt_oss:GptOss"),
    "granite": Family("Granite", "granite:Granite"),
    "granitemoe": Family("Granite MoE", "granite:GraniteMoe"),
    "granitemoeshared": Family("Granite MoE with shared experts", "granite:GraniteMoeShared"),
    "glm": Family("GLM-4", "glm:Glm"),
    "glm4": Family("GLM-4-0414", "glm:Glm4"),
    "glm4_moe": Family("GLM-4.5", "deepseek:Glm4Moe"),
    "glm4_moe_lite": Family("GLM-4.7-Flash", "deepseek:Glm4MoeLite"),
    "deepseek_v2": Family("DeepSeek-V2", "deepseek:DeepseekV2"),
    "deepseek_v3": Family("DeepSeek-V3", "deepseek:DeepseekV3"),
    "youtu": Family("Youtu-LLM", "deepseek:Youtu"),
    "solar_open": Family("Solar Open", "deepseek:SolarOpen"),
    "seed_oss": Family("Seed-OSS", "llama:SeedOss"),
    "cohere": Family("Command R", "cohere:Cohere"),
    "cohere2": Family("Command R7B", "cohere:Cohere2"),
    "qwen3_next": Family("Qwen3-Next", "qwen3_next:Qwen3Next"),
    "qwen3_5": Family("Qwen3.5", "qwen3_next:Qwen35"),
    "qwen3_5_moe": Family("Qwen3.5-MoE", "qwen3_next:Qwen35Moe"),
    "lfm2": Family("LFM2", "lfm2:Lfm2"),
    "lfm2_moe": Family("LFM2 MoE", "lfm2:Lfm2Moe"),
    "exaone4": Family("EXAONE 4", "exaone4:Exaone4"),
    "exaone_moe": Family("K-EXAONE", "exaone:ExaoneMoe"),
    "ernie4_5": Family("ERNIE 4.5", "ernie4_5:Ernie45"),
    "ernie4_5_moe": Family("ERNIE 4.5 MoE", "ernie4_5:Ernie45Moe"),
    "hunyuan_v1_dense": Family("Hunyuan", "hunyuan:HunyuanDense"),
    "hunyuan_v1_moe": Family("Hunyuan MoE", "hunyuan:HunyuanMoe"),
    "ministral3": Family("Ministral 3", "ministral3:Ministral3"),
    "ministral": Family("Ministral", "llama_kin:Ministral"),
    "mistral4": Family("Mistral 4", "mistral4:Mistral4"),
    "phi": Family("Phi", "phi:Phi"),
    "stablelm": Family("StableLM", "phi:StableLm"),
    "starcoder2": Family("StarCoder2", "phi:StarCoder2"),
    "t5": Family("T5", "t5:T5"),
    "mt5": Family("mT5", "t5:Mt5"),
    "umt5": Family("umT5", "t5:Umt5"),
    "marian": Family("Marian", "marian:Marian"),
    "bart": Family("BART", "bart:Bart"),
    "plbart": Family("PLBart", "bart:PLBart"),
    "mvp": Family("MVP", "bart:Mvp"),
    "mbart": Family("mBART", "bart:MBart"),
    "pegasus": Family("Pegasus", "bart:Pegasus"),
    "m2m_100": Family("M2M-100 and NLLB", "bart:M2M100"),
    "blenderbot": Family("Blenderbot", "bart:Blenderbot"),
    "blenderbot-small": Family("Blenderbot small", "bart:BlenderbotSmall"),
    "clip_text_model": Family("CLIP (text)", "clip:ClipText"),
    "siglip_text_model": Family("SigLIP (text)", "clip:SiglipText"),
}

# Families that read pictures, and the part of a model of both sides that does so.
VISION_FAMILIES: dict[str, Family] = {
    "vit": Family("ViT", "vision:Vit"),
    "dinov2": Family("DINOv2", "vision:Dinov2"),
    "dinov2_with_registers": Family("DINOv2 with registers", "vision:Dinov2WithRegisters"),
    "clip_vision_model": Family("CLIP (vision)", "vision:ClipVision"),
    "siglip_vision_model": Family("SigLIP (vision)", "vision:SiglipVision"),
}
VISION_PARTS = {"clip": "clip_vision_model", "siglip": "siglip_vision_model"}

# Other names of a family: the text part of a model that reads pictures too, what its authors' own code calls it, and
# what transformers reads as that family.
OTHER_NAMES = {
    "new": "gte",
    "gemma3_text": "gemma3",
    "gemma4_text": "gemma4",
    "llama4_text": "llama4",
    "gemma4_unified_text": "gemma4_unified",
    "qwen2_vl_text": "qwen2",
    "qwen2_5_vl_text": "qwen2",
    "qwen3_vl_text": "qwen3",
    "qwen3_vl_moe_text": "qwen3_moe",
    "qwen3_5_text": "qwen3_5",
    "qwen3_5_moe_text": "qwen3_5_moe",
    "gpt-sw3": "gpt2",
    "clip": "clip_text_model",
    "siglip": "siglip_text_model",
}


def family_of(config: Mapping[str, Any], *, pictures: bool = False) -> str:
    """Return the family that a config names, by model_type or else by architectures.

    pictures: of a model with a side for texts and one for pictures, take that for pictures.
    Raises InputError where it is none of `FAMILIES`: with the family's name, and the way to see its attention.
    """
    name = Configuration(config).word("model_type", default="")
    if name in WRAPPERS and not pictures:
        part = config.get("text_config")
        own = Configuration(part).word("model_type", default="") if isinstance(part, Mapping) else ""
        return family_of({"model_type": own if own not in ("", name) else WRAPPERS[name].text})
    name = VISION_PARTS.get(name, name) if pictures else OTHER_NAMES.get(name, name)
    name = VISION_PARTS.get(name, name)
    if name == "bert" and config.get("position_embedding_type") == "alibi":
        name = "jina_bert_v2"  # whose own code calls itself bert
    if name in FAMILIES or name in VISION_FAMILIES:
        return name
    from attnviz.models.families import architectures, unsupported

    classes = architectures.architectures_of(config)
    if name:
        raise unsupported.unsupported_family(name, config)
    for one in classes:
        if found := architectures.family_by_architecture(one):
            return found
    raise unsupported.unnamed_family(config, classes)


def text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config of the part that reads text: the whole config, or, in a model of several parts, text_config.

    What only the whole config says, such as model_type and token ids, counts for the part too.
    """
    part = config.get("text_config") if isinstance(config, Mapping) else None
    if not isinstance(part, Mapping):
        return config
    if config.get("model_type") in WRAPPERS:
        return wrapped_text_config(config, part)
    whole = {name: value for name, value in config.items() if not isinstance(value, Mapping)}
    return {**whole, **part, "model_type": config.get("model_type") or part.get("model_type")}


def vision_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config of the part that reads pictures: the whole config, or its vision_config."""
    part = config.get("vision_config") if isinstance(config, Mapping) else None
    if not isinstance(part, Mapping):
        return config
    whole = {name: value for name, value in config.items() if not isinstance(value, Mapping)}
    return {**whole, **part, "model_type": config.get("model_type") or part.get("model_type")}


def part_config(config: Mapping[str, Any], family: str) -> Mapping[str, Any]:
    """Return the config of the part that is of this family; see `text_config` and `vision_config`.

    Old CLIP configs say it twice, and what text_config_dict and vision_config_dict say counts.
    """
    found = vision_config(config) if family in VISION_FAMILIES else text_config(config)
    if not family.startswith("clip_"):
        return found
    again = config.get("vision_config_dict" if family in VISION_FAMILIES else "text_config_dict")
    return {**found, **again} if isinstance(again, Mapping) else found


def written_name(family: str) -> str:
    """Return a family's name as its authors write it; the family itself where it is not computed."""
    found = FAMILIES.get(family) or VISION_FAMILIES.get(family)
    return family if found is None else found.written


def stack_of(family: str) -> type[Stack]:
    """Import and return the class that computes a family of `FAMILIES` or `VISION_FAMILIES`."""
    module, name = (FAMILIES.get(family) or VISION_FAMILIES[family]).stack.split(":")
    found: type[Stack] = getattr(import_module(f"attnviz.models.families.{module}"), name)
    return found


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Return the size of the model that a config describes; InputError for an unknown family or an absurd number."""
    family = family_of(config)
    return stack_of(family).read_shape(Configuration(part_config(config, family)), family)
