"""Models that read pictures beside texts and name a family for their text part, which is computed alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# What the config of a model of several parts says of all of them.
_OF_BOTH = ("architectures", "auto_map", "dtype", "quantization_config", "torch_dtype", "transformers_version")


class Wrapper(NamedTuple):
    """A model that reads pictures beside texts: how its classes begin, and the family of its text part.

    text_config may name another family; without pictures that part computes as it does alone. defaults: values of keys
    that text_config may leave out.
    """

    classes: str
    text: str
    defaults: Mapping[str, Any] = {}


WRAPPERS: dict[str, Wrapper] = {
    "mistral3": Wrapper("Mistral3", "mistral"),
    "llava": Wrapper("Llava", "llama"),
    "llava_next": Wrapper("LlavaNext", "llama"),
    "llava_onevision": Wrapper("LlavaOnevision", "qwen2"),
    "internvl": Wrapper("InternVL", "qwen2"),
    "idefics3": Wrapper("Idefics3", "llama"),
    "smolvlm": Wrapper("SmolVLM", "llama"),
    "lfm2_vl": Wrapper("Lfm2Vl", "lfm2"),
    "qwen2_vl": Wrapper("Qwen2VL", "qwen2"),
    "qwen2_5_vl": Wrapper("Qwen2_5_VL", "qwen2"),
    "qwen3_vl": Wrapper("Qwen3VL", "qwen3"),
    "qwen3_vl_moe": Wrapper("Qwen3VLMoe", "qwen3_moe", {"norm_topk_prob": True}),
}


def wrapped_text_config(config: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the config of the text part of a model of `WRAPPERS`; part: its text_config.

    The head is tied as the whole config says, whose other keys are of the pictures.
    """
    kept = {name: value for name, value in config.items() if name.endswith("_token_id") or name in _OF_BOTH}
    tied = {"tie_word_embeddings": config.get("tie_word_embeddings", True)}
    name = str(config["model_type"])
    return {**WRAPPERS[name].defaults, **kept, **part, **tied, "model_type": name}
