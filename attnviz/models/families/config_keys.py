"""Which keys of a config.json are honoured, which change nothing, and which are not known here.

Each family's class declares the keys that it reads (`reads`, less `unread`) and those that must have the value that is
computed (`fixed`); the tests hold these tables to what a pass really reads. What is read elsewhere, and what no family
needs, stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, message

if TYPE_CHECKING:
    from attnviz.models.families.base import Stack

USES = ("honoured", "harmless", "unknown")

# Read where a checkpoint is opened, a text is cut, or a target is generated.
_OPENING = (
    *("model_type", "architectures", "auto_map", "text_config", "text_config_dict", "vision_config_dict"),
    *("quantization_config", "compression_config"),
)
_TOKENS = (
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
    "decoder_start_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "bad_words_ids",
    "suppress_tokens",
    "begin_suppress_tokens",
    "tokenizer_class",
    "is_encoder_decoder",
    "max_length",
)

# Why a key of harmless_keys.tsv changes nothing, by its second column.
_REASONS = {
    "running": message("how it is run"),
    "training": message("training"),
    "head": message("a head on top"),
    "generating": message("generation"),
    "record": message("a record"),
    "alone": message("a part not read here"),
    "old": message("old versions"),
    "tensors": message("the tensors decide"),
    "family": message("not in this family"),
}

# Keys that would change what any family computes, with the values that change nothing. null changes nothing either.
FIXED: dict[str, tuple[Any, ...]] = {
    "pruned_heads": ({}, []),
    "attn_logit_softcapping": (),
    "final_logit_softcapping": (),
    "alibi": (False,),
    "use_alibi": (False,),
    "qk_layernorm": (False,),
    "use_qk_norm": (False,),
    "num_experts": (0, 1),
    "num_local_experts": (0, 1),
    "n_routed_experts": (0, 1),
    "moe_num_experts": (0, 1),
    "multi_query": (False,),
    "rope_interleaved": (False,),
}


@cache
def harmless_keys() -> dict[str, str]:
    """Return the keys that change nothing in any family, each with the name of its reason."""
    lines = Path(__file__).with_name("harmless_keys.tsv").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("\t") for line in lines)
    return {key: reason for key, _, reason in pairs}


def fixed_keys(stack: type[Stack]) -> dict[str, tuple[Any, ...]]:
    """Return the keys that must have one of these values for a class, those that it reads left out."""
    read = stack.read_keys()
    return {name: allowed for name, allowed in {**FIXED, **stack.fixed}.items() if name not in read}


class ConfigKey(NamedTuple):
    """A key of a config, with its value, its use (of `USES`) and what is said of it."""

    name: str
    value: Any
    use: str
    reason: Message | None = None


def classify_keys(config: Mapping[str, Any], stack: type[Stack]) -> list[ConfigKey]:
    """Return each key of a config as honoured, harmless or unknown to the class that computes its family.

    A key without a value (null) is harmless whatever its name; the keys of rotary positions follow theirs, with a dot.
    """
    found = []
    for name, value in config.items():
        found.append(_classified(name, value, stack))
        if name in ("rope_parameters", "rope_scaling") and isinstance(value, Mapping) and found[-1].use == "honoured":
            found += _rotary_keys(name, value, stack)
    return found


def _rotary_keys(name: str, values: Mapping[str, Any], stack: type[Stack]) -> list[ConfigKey]:
    """Return the keys inside a config's rotary values; a kind of layer may have values of its own."""
    from attnviz.models.families.rotary import KEYS

    found = []
    for inner, value in values.items():
        if isinstance(value, Mapping):
            found += _rotary_keys(f"{name}.{inner}", value, stack)
        else:
            full = f"{name}.{inner}"
            if inner == "max_position_embeddings":  # the config's own key beside it is read
                found.append(ConfigKey(full, value, "harmless", _REASONS["record"]))
                continue
            if inner in stack.harmless:
                found.append(ConfigKey(full, value, "harmless", _REASONS[stack.harmless[inner]]))
                continue
            found.append(ConfigKey(full, value, "honoured" if inner in KEYS or value is None else "unknown"))
    return found


def _classified(name: str, value: Any, stack: type[Stack]) -> ConfigKey:
    if name in stack.read_keys() or name in (*_OPENING, *_TOKENS) or name in fixed_keys(stack):
        return ConfigKey(name, value, "honoured")
    reason = stack.harmless.get(name) or harmless_keys().get(name)
    if reason is not None:
        return ConfigKey(name, value, "harmless", _REASONS[reason])
    if value is None:
        return ConfigKey(name, value, "harmless", message("no value"))
    return ConfigKey(name, value, "unknown")


def check_fixed_keys(config: Mapping[str, Any], stack: type[Stack], written: str) -> None:
    """Raise InputError for a key that changes the computation and has a value other than what is computed.

    written: the family's name as its authors write it.
    """
    for name, allowed in fixed_keys(stack).items():
        value = config.get(name)
        if value is None or value in allowed:
            continue
        from attnviz.models.families.unsupported import recipe  # what an error needs is loaded with it

        if name == "pruned_heads":
            raise InputError(
                "config.json says that heads were pruned (pruned_heads), and attnviz computes only whole layers.",
                hint="Let transformers 4 compute it and show its weights, in Python: {lines}.",
                lines=recipe(config),
            )
        raise InputError(
            "config.json gives {key} = {value!r}, which changes what a layer computes; of {family} attnviz computes "
            "only models without it.",
            hint="Let transformers compute it and show its weights, in Python: {lines}.",
            key=name,
            value=value,
            family=written,
            lines=recipe(config),
        )
