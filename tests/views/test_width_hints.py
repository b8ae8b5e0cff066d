"""A picture that a width does not hold is refused with hints, and each of them works when it is followed."""

from __future__ import annotations

import re

import pytest

from attnviz import run
from attnviz.core.errors import OptionError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # labels that have no room

TEXT = "the cat eats fish because it is hungry and they were not there when we came home last night with some friends"
SHORT = 3  # words


def refused(attention, **options):
    """The error with which a figure is refused; None where it is drawn."""
    try:
        attention.figure(**options)
    except OptionError as error:
        return error
    return None


def followed(attention, error, **options):
    """For each thing that a hint advises, the figure's error then: None is what is wanted."""
    hint, found = str(error.hint), {}
    if "wider" in hint:
        needed = re.search(r"needs ([\d.]+(?:in|cm|mm|pt))\.", str(error))
        found["wider"] = refused(attention, **options | {"width": needed[1] if needed else "25cm"})
    if "shorter text" in hint:
        short = run(" ".join(TEXT.split()[:SHORT]), heads=len(attention.heads), embedding="hash")
        error = refused(short, **options | {"token": None})
        found["shorter"] = error and ("shorter text" not in str(error.hint) and error)
    if "fewer heads" in hint:
        found["fewer"] = refused(attention.select(head=0), **options)
    if "--kind grid" in hint:
        found["grid"] = refused(attention, **options | {"kind": "grid"})
    if "--overlay" in hint:
        found["overlay"] = refused(attention, **options | {"overlay": True})
    return found


@pytest.mark.parametrize(
    ("kind", "words", "heads", "width"),
    [
        ("arcs", 20, 1, "2.6cm"),
        ("arcs", 20, 4, "5cm"),
        ("arcs", 60, 4, "5cm"),
        ("bars", 3, 1, "3cm"),
        ("grid", 3, 8, "3cm"),
        ("heatmap", 17, 1, "3cm"),
        ("text", 20, 4, "5cm"),
        *(
            pytest.param(kind, words, heads, width, marks=pytest.mark.slow)
            for kind in ("arcs", "bars", "grid", "heatmap", "text")
            for words in (5, 8, 11, 13, 14, 20)
            for heads in (1, 4, 8)
            for width in ("3cm", "5cm", "8.5cm", "17cm")
        ),
    ],
)
def test_hints_of_a_narrow_width_work(kind, words, heads, width):
    """What is advised is possible: heads only where there are several, a width that does."""
    attention = run(" ".join((TEXT.split() * 3)[:words]), heads=heads, embedding="hash")
    error = refused(attention, kind=kind, width=width)
    if error is None:
        return
    advised = followed(attention, error, kind=kind, width=width)
    assert advised
    assert {name: str(one) for name, one in advised.items() if one} == {}
    assert heads > 1 or "heads" not in str(error.hint)


@pytest.mark.parametrize("width", ["2.6cm", "26mm", "75pt", "1.0in", "1.1"])
def test_the_width_that_is_needed_has_the_unit_that_was_given(width):
    """A width in centimetres is answered in centimetres, one without a unit in inches; and it is enough."""
    attention = run("the cat eats fish because it is hungry", embedding="hash")
    error = refused(attention, kind="bars", width=width)
    needed = re.search(r"it needs ([\d.]+)(in|cm|mm|pt)\.", str(error))
    assert needed[2] == (re.search("[a-z]+", width) or ["in"])[0]
    assert refused(attention, kind="bars", width=needed[1] + needed[2]) is None
