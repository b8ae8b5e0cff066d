"""Hypothesis draws the same examples in every run, and no test is timed."""

from hypothesis import settings

settings.register_profile("attnviz", deadline=None, derandomize=True)
settings.load_profile("attnviz")
