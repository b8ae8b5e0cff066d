"""The families of models: a table from the config's model_type to the class that computes it.

A class is imported when a model of its family is opened. A new family is one module, one line here, and a golden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from attnviz.core.errors import InputError
from attnviz.i18n.messages import listed
from attnviz.models.families.base import ModelShape, Stack
from attnviz.models.families.config import Configuration

FAMILIES: dict[str, str] = {
    "bert": "attnviz.models.families.bert:Bert",
    "roberta": "attnviz.models.families.bert:Roberta",
    "xlm-roberta": "attnviz.models.families.bert:XlmRoberta",
    "camembert": "attnviz.models.families.bert:XlmRoberta",
    "distilbert": "attnviz.models.families.distilbert:DistilBert",
    "electra": "attnviz.models.families.bert:Electra",
    "mpnet": "attnviz.models.families.mpnet:MpNet",
    "albert": "attnviz.models.families.albert:Albert",
    "gpt2": "attnviz.models.families.gpt2:Gpt2",
    "gpt_neox": "attnviz.models.families.gpt_neox:GptNeoX",
    "opt": "attnviz.models.families.opt:Opt",
    "llama": "attnviz.models.families.llama:Llama",
    "mistral": "attnviz.models.families.llama:Mistral",
    "qwen2": "attnviz.models.families.llama:Qwen2",
    "qwen3": "attnviz.models.families.llama:Qwen3",
    "smollm": "attnviz.models.families.llama:Llama",
    "smollm3": "attnviz.models.families.llama:SmolLm3",
    "gemma": "attnviz.models.families.llama:Gemma",
    "phi3": "attnviz.models.families.llama:Phi3",
    "t5": "attnviz.models.families.t5:T5",
    "mt5": "attnviz.models.families.t5:Mt5",
    "marian": "attnviz.models.families.marian:Marian",
}

# Their weights are the softmax of c tanh(logit / c), which the kernel cannot compute.
_CAPPED = ("gemma2", "gemma2_text")

# The beginnings of the names under "architectures", for a config that has no model_type.
_ARCHITECTURES = {
    "Bert": "bert",
    "Roberta": "roberta",
    "XLMRoberta": "xlm-roberta",
    "Camembert": "camembert",
    "DistilBert": "distilbert",
    "Electra": "electra",
    "MPNet": "mpnet",
    "Albert": "albert",
    "GPT2": "gpt2",
    "GPTNeoX": "gpt_neox",
    "OPT": "opt",
    "Llama": "llama",
    "Mistral": "mistral",
    "Qwen2": "qwen2",
    "Qwen3": "qwen3",
    "SmolLM3": "smollm3",
    "Gemma": "gemma",
    "Phi3": "phi3",
    "T5": "t5",
    "MT5": "mt5",
    "Marian": "marian",
}
_ENDING = r"(Model|LMHeadModel|MTModel|EncoderModel|DoubleHeadsModel|For[A-Z]\w*)"


def family_of(config: Mapping[str, Any]) -> str:
    """Return the family that a config names, by model_type or else by architectures.

    Raises InputError with the known families where it is none of them.
    """
    given = Configuration(config)
    name = given.word("model_type", default="")
    architectures = given.get("architectures") or []
    if not name and isinstance(architectures, list | tuple):
        names = [_by_architecture(one) for one in architectures if isinstance(one, str)]
        name = next((one for one in names if one), "")
    if name in FAMILIES:
        return name
    if name in _CAPPED:
        raise InputError(
            "A model of the family {family!r} caps its scores before the softmax, which is not computed here; known "
            "families are {known}.",
            family=name,
            known=listed(FAMILIES),
        )
    raise InputError(
        "A model of the family {family!r} cannot be computed; known families are {known}.",
        family=name or ", ".join(map(str, architectures)) or "?",
        known=listed(FAMILIES),
    )


def _by_architecture(name: str) -> str:
    match = re.fullmatch(r"(\w+?)" + _ENDING, name)
    return _ARCHITECTURES.get(match[1], "") if match else ""


def stack_of(family: str) -> type[Stack]:
    """Import and return the class that computes a family of `FAMILIES`."""
    module, name = FAMILIES[family].split(":")
    found: type[Stack] = getattr(import_module(module), name)
    return found


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Return the size of the model that a config describes; InputError for an unknown family or an absurd number."""
    family = family_of(config)
    return stack_of(family).read_shape(Configuration(config), family)
