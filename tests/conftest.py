"""Hypothesis draws the same examples in every run, no test is timed, and every test begins in English."""

import os

import pytest
from bad_commands import folder  # noqa: F401  (a fixture)
from hypothesis import settings

from attnviz.i18n.messages import use_language

settings.register_profile("attnviz", deadline=None, derandomize=True)
settings.load_profile("attnviz")

for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):  # whoever runs the tests may read Chinese
    os.environ.pop(name, None)
os.environ["LANG"] = "C.UTF-8"


@pytest.fixture(autouse=True)
def english_afterwards():
    """No test leaves Chinese behind."""
    yield
    use_language("en")
