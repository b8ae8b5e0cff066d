"""The names of families that are known, and why those that are not computed are refused.

names.tsv has the families of transformers and some others (tests/golden/make_families.py): model_type, the name that
their authors write, and "none" for those without attention weights or "two" for those with an encoder and a decoder.
reasons.tsv: model_type and reasons, of which the first weighs most; "variant:NAME" is a family that is close to NAME.
A family of names.tsv without a line there reads other data than text.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from attnviz.i18n.messages import Message, message

# Why a family is not computed, as it is said after "attnviz does not compute it:".
REASONS: dict[str, Message] = {
    "hybrid": message("most of its layers mix tokens by recurrences or convolutions instead of attention weights"),
    "sparse": message("a token looks only at parts of the text (chosen by a pattern or by the layer itself)"),
    "approximate": message("its attention is approximated (there is no whole matrix of weights)"),
    "units": message("its layers work on other units than its tokens (bytes or latent vectors or a shortened text)"),
    "streams": message("its layers pass on several streams of hidden states"),
    "shared": message("some of its layers share keys and values"),
    "loops": message("it runs its layers several times"),
    "latent": message("its keys and values come from a compressed vector in a form that is not computed"),
    "differences": message("its weights are differences of two softmaxes"),
    "convolutions": message("its attention has convolutions in it"),
    "sink": message("its softmax has learned sinks in a form that is not computed"),
    "gated": message("the output of its attention is gated"),
    "positions": message("its positions are of a kind that is not computed"),
    "experts": message("its mixture of experts is of a kind that is not computed"),
    "feed": message("its feed-forward layers are of a kind that is not computed"),
    "norms": message("its norms stand elsewhere than in the families that are computed"),
    "integers": message("it computes with whole numbers"),
    "adapters": message("it has layers of its own for each language"),
    "entities": message("it reads entities beside words"),
    "page": message("it reads tables or where words stand on a page"),
    "draft": message("it is a draft model that reads another model's hidden states"),
    "joined": message("it joins models of other families"),
    "code": message("it comes with code of its own (which is not run)"),
    "variant": message("it is close to another family but what differs is not computed"),
    "media": message("it reads other data than text (such as pictures and sound) or is a part of a model that does"),
}


class KnownFamily(NamedTuple):
    """A family that has a name: how its authors write it, and the kind of its attention ("", "none" or "two")."""

    written: str
    kind: str


@cache
def family_table(name: str) -> dict[str, list[str]]:
    """Return a table beside this module: the cells of each line by the first."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    return {first: rest for first, *rest in rows}


@cache
def known_families() -> dict[str, KnownFamily]:
    """Return the families of names.tsv by their model_type."""
    rows = ((name, *rest, "")[:3] for name, rest in family_table("names.tsv").items())
    return {name: KnownFamily(written, kind) for name, written, kind in rows}


def reason_names(name: str) -> list[str]:
    """Return why a family that is not computed is refused, as names of `REASONS`; the first weighs most.

    [] for a family that has no attention weights or is not known.
    """
    return [one.partition(":")[0] for one in _reasons(name)]


def reasons_of(name: str) -> list[Message]:
    """Return the same as clauses; a variant names the family that it is close to."""
    clauses = []
    for one in _reasons(name):
        kind, _, near = one.partition(":")
        written = known_families()[near].written if near else ""
        clauses.append(
            message("it is close to {family} but what differs is not computed", family=written)
            if near
            else REASONS[kind]
        )
    return clauses


def _reasons(name: str) -> list[str]:
    known = known_families().get(name)
    if known is None or known.kind == "none":
        return []
    return family_table("reasons.tsv").get(name, ["media"])[0].split(",")


def has_reason(name: str) -> bool:
    """Return whether the table of reasons names a family."""
    return name in family_table("reasons.tsv")
