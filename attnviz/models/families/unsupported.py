"""What is said of a model that attnviz does not compute: its name, and how to see its attention all the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnviz.core.errors import InputError
from attnviz.i18n.messages import listed, message
from attnviz.models.families.reasons import KnownFamily, known_families, reasons_of

# Three lines of Python that show what transformers computed; `path` and `text` are the reader's.
RECIPE = (
    'model = AutoModel.from_pretrained(path, attn_implementation="eager"{more}); '
    'inputs = AutoTokenizer.from_pretrained(path{more})(text, return_tensors="pt"); '
    "attnviz.Attention.from_arrays(model(**inputs, output_attentions=True).{attentions}, inputs.tokens())"
)


def unsupported_family(name: str, config: Mapping[str, Any]) -> InputError:
    """Return the refusal of a family, named by its model_type, with the way to see its attention."""
    known = known_families().get(name.lower(), KnownFamily(name, ""))
    if known.kind == "none":
        return InputError(
            "{family} (model_type {name!r}) mixes its tokens without attention weights, so there are none to show.",
            family=known.written,
            name=name,
        )
    return InputError(
        "attnviz does not compute the family {family} (model_type {name!r}): {reasons}.",
        hint="Let transformers compute it and show its weights, in Python: {lines}. attnviz models --families lists "
        "the families that it computes.",
        family=known.written,
        name=name,
        reasons=listed(reasons_of(name.lower()) or [message("it is not known here")]),
        lines=recipe(config, encoder=known.kind == "two" or config.get("is_encoder_decoder") is True),
    )


def unnamed_family(config: Mapping[str, Any], architectures: list[str]) -> InputError:
    """Return the refusal of a config that does not say whose it is; architectures: the classes that it names."""
    if architectures:
        return InputError(
            "config.json has no model_type, and its architectures, {names}, are of no family that attnviz computes.",
            hint="Let transformers compute it and show its weights, in Python: {lines}.",
            names=", ".join(architectures),
            lines=recipe(config),
        )
    if "pretrained_cfg" in config:
        return InputError(
            "config.json is of timm, and attnviz computes none of timm's models.",
            hint="Give the attention that it computes to attnviz.Attention.from_arrays.",
        )
    return InputError(
        "config.json names neither a model_type nor architectures, so the family is unknown.",
        hint='Add "model_type" to it, as in "model_type": "bert"; attnviz models --families lists them.',
    )


def recipe(config: Mapping[str, Any], *, encoder: bool = False) -> str:
    """Return three statements of Python that show the weights that transformers computes.

    encoder: take the encoder's of an encoder-decoder. A config that brings code of its own needs trust_remote_code.
    """
    more = ", trust_remote_code=True" if config.get("auto_map") else ""
    return RECIPE.format(more=more, attentions="encoder_attentions" if encoder else "attentions")
