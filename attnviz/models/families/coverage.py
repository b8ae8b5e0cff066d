"""Which families are computed, with the models and papers that they are known by, and how many are not.

papers.tsv: model_type, names of models, the paper's authors and year, where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from attnviz.models.families.reasons import REASONS, family_table, has_reason, known_families, reason_names
from attnviz.models.families.registry import FAMILIES, OTHER_NAMES, VISION_FAMILIES, VISION_PARTS
from attnviz.models.families.text_parts import WRAPPERS


@dataclass(frozen=True)
class ComputedFamily:
    """A family that is computed.

    family: as its authors write it. model_types: the config's names of it. models: names that it is known by. paper:
    authors and year; link: arXiv:NUMBER or an address.
    """

    family: str
    model_types: tuple[str, ...]
    models: tuple[str, ...]
    paper: str
    link: str


@dataclass(frozen=True)
class Coverage:
    """Which text families of a list are computed, as model_types.

    without: those that have no attention weights. refused: the others by their first reason, of `REASONS`; unexplained:
    those that no table gives a reason for. others: families that are in no list of language models.
    """

    computed: tuple[str, ...]
    without: tuple[str, ...]
    refused: dict[str, tuple[str, ...]]
    unexplained: tuple[str, ...]
    others: tuple[str, ...]
    others_computed: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return the number of text families."""
        refused = sum(map(len, self.refused.values()))
        return len(self.computed) + len(self.without) + refused + len(self.unexplained)


def read_coverage(mappings: Mapping[str, Iterable[str]]) -> Coverage:
    """Sort model_types by whether they are computed; mappings: transformers' lists that each stands in."""
    text = [name for name, lists in mappings.items() if any(one != "AutoModel" for one in lists)]
    others = tuple(name for name in mappings if name not in text)
    computed: list[str] = []
    without: list[str] = []
    unexplained: list[str] = []
    refused: dict[str, list[str]] = {name: [] for name in REASONS}
    for name in text:
        known = known_families().get(name)
        if is_computed(name):
            computed.append(name)
        elif known is not None and known.kind == "none":
            without.append(name)
        elif known is None or not has_reason(name):
            unexplained.append(name)
        else:
            refused[reason_names(name)[0]].append(name)
    return Coverage(
        tuple(computed),
        tuple(without),
        {reason: tuple(names) for reason, names in refused.items() if names},
        tuple(unexplained),
        others,
        tuple(name for name in others if is_computed(name)),
    )


def is_computed(name: str) -> bool:
    """Return whether a model_type is one of a family that is computed."""
    return any(name in table for table in (FAMILIES, OTHER_NAMES, VISION_FAMILIES, VISION_PARTS, WRAPPERS))


def computed_families() -> list[ComputedFamily]:
    """Return every family that is computed, in the order of their names."""
    found = []
    for name, family in {**FAMILIES, **VISION_FAMILIES}.items():
        models, paper, link = family_table("papers.tsv").get(name, [family.written, "", ""])
        others = (other for other, own in (*OTHER_NAMES.items(), *VISION_PARTS.items()) if own == name)
        found.append(ComputedFamily(family.written, (name, *others), tuple(models.split(", ")), paper, link))
    return sorted(found, key=lambda one: one.family.casefold())


def family_rows(families: Iterable[ComputedFamily]) -> list[tuple[str, ...]]:
    """Return a row for each family: its name, its model_types, its models, its paper."""
    return [
        (one.family, ", ".join(one.model_types), ", ".join(one.models), f"{one.paper}, {one.link}") for one in families
    ]


def family_data(families: Iterable[ComputedFamily]) -> list[dict[str, Any]]:
    """Return families as plain data for JSON."""
    return [{**asdict(one), "model_types": list(one.model_types), "models": list(one.models)} for one in families]
