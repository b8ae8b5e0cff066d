"""No test writes a tolerance down: tests/near.py has the rule, and all go through it."""

from __future__ import annotations

import ast

import pytest
from paths import TESTS

CALLS = {
    "allclose",
    "assert_allclose",
    "assert_almost_equal",
    "approx",
    "assert_approx_equal",
    "isclose",
    "assertAlmostEqual",
}
KEYWORDS = {"atol", "rtol", "abs_tol", "rel_tol", "abs", "rel"}
SMALL = 1e-3
FILES = [path for path in sorted(TESTS.rglob("*.py")) if path.name != "near.py" and "golden" not in path.parts]


def literal_tolerances(source):
    """Return the lines with a tolerance: a call that takes one, a keyword of one, or a small number in a comparison."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in CALLS or any(keyword.arg in KEYWORDS for keyword in node.keywords):
                found.append(node.lineno)
        elif isinstance(node, ast.Compare) and any(
            isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops
        ):
            numbers = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
            if any(isinstance(number, float) and 0 < number <= SMALL for number in numbers):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_tolerances_are_those_of_the_rule(path):
    """What may differ by rounding goes through assert_near and its kin."""
    assert literal_tolerances(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "np.testing.assert_allclose(a, b)",
        "assert np.allclose(a, b)",
        "assert a == pytest.approx(b)",
        "same(a, b, atol=TINY)",
        "assert abs(a - b) < 1e-5",
        "assert (a <= b + 1e-9).all()",
    ],
)
def test_a_literal_tolerance_is_found(source):
    """Each way to write a tolerance down is found."""
    assert literal_tolerances(source) == [1]
