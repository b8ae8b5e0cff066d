"""Public reports that were rebuilt here: each is of a kind, and a test that is there holds that kind."""

from __future__ import annotations

import ast
import csv
import re

import pytest
from paths import ROOT

with (ROOT / "tests/reports.tsv").open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE))


def names_in(path):
    """The names of the tests in a file."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["test"].partition("::")[2])
def test_a_test_holds_each_kind(row):
    """Each row has a source, a kind and a test that exists; a source is a repository and numbers, or none."""
    assert set(row) == {"source", "kind", "test", "case"}
    assert all(row.values())
    path, _, name = row["test"].partition("::")
    assert name in names_in(path)
    for source in row["source"].split("; "):
        assert source == "-" or re.fullmatch(r"[\w.-]+(/[\w.-]+)?#\d+(, #\d+)*", source)
    assert row["case"] == "-" or re.fullmatch(r"[\w.-]+(/[\w.-]+)?", row["case"])


def test_no_row_stands_twice():
    """A kind has one row, and a case too."""
    kinds = [row["kind"] for row in ROWS]
    cases = [row["case"] for row in ROWS if row["case"] != "-"]
    assert len(set(kinds)) == len(kinds)
    assert len(set(cases)) == len(cases)
