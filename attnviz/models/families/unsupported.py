"""What is said of a model that attnviz does not compute: its family's name, and how to see its attention all the same.

names.tsv has the families of transformers and some others (tests/golden/make_families.py): model_type, the name that
their authors write, and "none" for those without attention weights or "two" for those with an encoder and a decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from attnviz.core.errors import InputError

# Three lines of Python that show what transformers computed; `path` and `text` are the reader's.
RECIPE = (
    'model = AutoModel.from_pretrained(path, attn_implementation="eager"{more}); '
    'inputs = AutoTokenizer.from_pretrained(path{more})(text, return_tensors="pt"); '
    "attnviz.Attention.from_arrays(model(**inputs, output_attentions=True).{attentions}, inputs.tokens())"
)


class KnownFamily(NamedTuple):
    """A family that has a name: how its authors write it, and the kind of its attention ("", "none" or "two")."""

    written: str
    kind: str


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
        "attnviz does not compute the family {family} (model_type {name!r}).",
        hint="Let transformers compute it and show its weights, in Python: {lines}. attnviz models lists the families "
        "that it computes.",
        family=known.written,
        name=name,
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
        hint='Add "model_type" to it, as in "model_type": "bert"; attnviz models lists the families.',
    )


def recipe(config: Mapping[str, Any], *, encoder: bool = False) -> str:
    """Return three statements of Python that show the weights that transformers computes.

    encoder: take the encoder's of an encoder-decoder. A config that brings code of its own needs trust_remote_code.
    """
    more = ", trust_remote_code=True" if config.get("auto_map") else ""
    return RECIPE.format(more=more, attentions="encoder_attentions" if encoder else "attentions")


@cache
def known_families() -> dict[str, KnownFamily]:
    """Return the families of names.tsv by their model_type."""
    lines = Path(__file__).with_name("names.tsv").read_text(encoding="utf-8").splitlines()
    rows = [(*line.split("\t"), "")[:3] for line in lines]
    return {name: KnownFamily(written, kind) for name, written, kind in rows}
