"""Errors say what was expected, what came and what to do, in any language."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from attnviz.core import errors
from attnviz.i18n import messages
from attnviz.i18n.messages import Message, message


def marked(_):
    """A catalogue that puts marks around every sentence."""
    return SimpleNamespace(gettext=lambda text: f"«{text}»")


def test_a_line_and_its_hint():
    """str() is the English line: the sentence, then the hint, with the fields in both."""
    error = errors.InputError("{count} words.", hint="Give {most}.", count=3, most=2)
    assert str(error) == "3 words. Give 2."
    assert str(errors.InputError("{count} words.", count=3)) == "3 words."


def test_fields_are_never_templates():
    """Braces in what the reader gave stay as they are."""
    assert str(errors.InputError("{text!r} is wrong.", text="{x} {0}")) == "'{x} {0}' is wrong."


def test_about_a_file():
    """The file stands before what is wrong, once; hint and kind stay."""
    error = errors.MissingError("{count} words.", hint="Give {most}.", count=3, most=2).about("x.json")
    assert isinstance(error, errors.MissingError)
    assert str(error) == "'x.json': 3 words. Give 2."
    assert error.about("y.json") is error
    assert str(errors.InputError("{path!r} is empty.", path="z").about("y")) == "'z' is empty."


def test_what_is_too_long_for_a_line():
    """A name of 60,000 characters is cut, also inside a message; a path is not."""
    long = "\x00" * 60_000
    assert len(str(errors.InputError("{a!r} {b}", a=long, b=message("{c!r}", c=long)))) < 600
    assert str(errors.InputError("{path}", path="a/" * 900)) == "a/" * 900


def test_localized(monkeypatch):
    """The catalogue translates sentence, hint and messages inside fields; English stays what str() says."""
    monkeypatch.setattr(messages, "_catalogue", marked)
    monkeypatch.setattr(messages, "_language", "zh")
    error = errors.InputError("{what} came.", hint="Wait.", what=message("{n} words", n=2))
    assert error.localized() == "««2 words» came.»«Wait.»"
    assert str(error) == "2 words came. Wait."


@pytest.mark.parametrize(
    ("kind", "builtin", "code"),
    [
        (errors.InputError, ValueError, 1),
        (errors.ShapeError, ValueError, 1),
        (errors.MissingError, LookupError, 1),
        (errors.OutputError, OSError, 1),
        (errors.OptionError, ValueError, 2),
    ],
)
def test_kinds(kind, builtin, code):
    """Every kind is an AttnvizError and its built-in kind; wrong usage leaves with 2, all else with 1."""
    error = kind("{a}.", a=1)
    assert isinstance(error, errors.AttnvizError)
    assert isinstance(error, builtin)
    assert error.exit_code == code
    assert str(error) == "1."


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("Casual", "mask takes one of none, causal, not 'Casual'. Did you mean causal?"),
        ("xyz", "mask takes one of none, causal, not 'xyz'."),
    ],
)
def test_unknown_choice(value, line):
    """A value outside a list is told with the list, and with the nearest right value where one is near."""
    assert str(errors.unknown_choice("--mask", value, iter(["none", "causal"]))) == line


def test_message_is_a_value():
    """Two messages of the same template and fields are equal."""
    assert message("{n} words", n=2) == Message("{n} words", {"n": 2})
