"""Which families are computed, with their papers, and why the others are not: complete, and shown as it is."""

from __future__ import annotations

import re

from paths import GOLDEN

from attnviz.models.families.coverage import computed_families, read_coverage
from attnviz.models.families.reasons import REASONS, family_table, known_families, reason_names, reasons_of
from attnviz.models.families.registry import FAMILIES, OTHER_NAMES, VISION_FAMILIES, VISION_PARTS

LISTS = dict(line.split("\t") for line in (GOLDEN / "text_families.tsv").read_text(encoding="utf-8").splitlines()[1:])
COVERAGE = read_coverage({name: lists.split() for name, lists in LISTS.items()})


def test_no_text_family_is_refused_without_a_reason():
    """Each model_type with a language model in transformers is computed, has no attention, or has a reason."""
    assert not COVERAGE.unexplained
    assert COVERAGE.count == sum(lists != "AutoModel" for lists in LISTS.values()) > 250
    assert {"llama", "gemma3_text"} <= set(COVERAGE.computed)
    assert "mamba" in COVERAGE.without
    assert "longformer" in COVERAGE.refused["sparse"]
    assert all(name in FAMILIES or name in OTHER_NAMES for name in COVERAGE.computed)


def test_reasons_are_known_ones():
    """Every reason of the table is one of REASONS, of a family that has a name; a variant is one of another family."""
    for name, (given,) in family_table("reasons.tsv").items():
        assert name in known_families() or name in OTHER_NAMES
        for one in given.split(","):
            kind, _, near = one.partition(":")
            assert kind in REASONS
            assert (kind == "variant") == bool(near), name
            assert not near or (near in known_families() and near != name)


def test_reasons_are_said():
    """A refusal names each reason; one without attention and an unknown one have none."""
    assert reason_names("deepseek_v32") == ["sparse", "latent"]
    assert [str(one) for one in reasons_of("persimmon")] == ["it is close to GPT NeoX but what differs is not computed"]
    assert reason_names("videomae") == ["media"]
    assert [reason_names(name) for name in ("mamba", "tomorrow")] == [[], []]


def test_every_family_has_a_paper():
    """Each has models that it is known by, a paper with its year, and a place to find it."""
    found = computed_families()
    assert [name for one in found for name in one.model_types[:1]] != []
    assert {name for one in found for name in one.model_types} == {
        *FAMILIES,
        *OTHER_NAMES,
        *VISION_FAMILIES,
        *VISION_PARTS,
    }
    for one in found:
        assert all(one.models)
        assert re.search(r" (19|20)\d\d$", one.paper), one
        assert re.fullmatch(r"arXiv:\d{4}\.\d{4,5}|https://\S+", one.link), one
