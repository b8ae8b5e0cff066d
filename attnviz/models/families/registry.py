"""The families of models: a table from the config's model_type to the class that computes it.

A class is imported when a model of its family is opened. A new family is one module, one line here, and a golden.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from attnviz.core.errors import InputError
from attnviz.i18n.messages import listed
from attnviz.models.families.config import Configuration

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
    "gpt2": Family("GPT-2", "gpt2:Gpt2"),
    "gpt_neox": Family("GPT-NeoX", "gpt_neox:GptNeoX"),
    "opt": Family("OPT", "opt:Opt"),
    "llama": Family("Llama", "llama:Llama"),
    "mistral": Family("Mistral", "llama:Mistral"),
    "qwen2": Family("Qwen2", "llama:Qwen2"),
    "qwen3": Family("Qwen3", "llama:Qwen3"),
    "smollm": Family("SmolLM", "llama:Llama"),
    "smollm3": Family("SmolLM3", "llama:SmolLm3"),
    "gemma": Family("Gemma", "llama:Gemma"),
    "phi3": Family("Phi-3", "llama:Phi3"),
    "t5": Family("T5", "t5:T5"),
    "mt5": Family("mT5", "t5:Mt5"),
    "marian": Family("Marian", "marian:Marian"),
}

# Their weights are the softmax of c tanh(logit / c), which the kernel cannot compute.
_CAPPED = ("gemma2", "gemma2_text")

# The endings of the names under "architectures", for a config that has no model_type.
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
            "Models of the family {family!r} are not supported, because they cap their scores before the "
            "softmax; supported families: {known}.",
            family=name,
            known=listed(FAMILIES),
        )
    raise InputError(
        "Models of the family {family!r} are not supported; supported families: {known}.",
        family=name or ", ".join(map(str, architectures)) or "?",
        known=listed(FAMILIES),
    )


def _by_architecture(name: str) -> str:
    """Return the family of a class of transformers, as in GPTNeoXForCausalLM; "" for an unknown one."""
    match = re.fullmatch(r"(\w+?)" + _ENDING, name)
    families = {family.replace("-", "").replace("_", ""): family for family in FAMILIES}
    return families.get(match[1].lower(), "") if match else ""


def stack_of(family: str) -> type[Stack]:
    """Import and return the class that computes a family of `FAMILIES`."""
    module, name = FAMILIES[family].stack.split(":")
    found: type[Stack] = getattr(import_module(f"attnviz.models.families.{module}"), name)
    return found


def shape_of(config: Mapping[str, Any]) -> ModelShape:
    """Return the size of the model that a config describes; InputError for an unknown family or an absurd number."""
    family = family_of(config)
    return stack_of(family).read_shape(Configuration(config), family)
