"""Pure decimals: .331 in English, 0.331 in Chinese (GB/T 15835-2011), in every view, and no table wider for it."""

from __future__ import annotations

import re

import pytest

from attnviz import compare
from attnviz.cli import main
from attnviz.core.clusters import count_columns
from attnviz.i18n.decimals import printed_minus, pure_decimal, with_sign
from attnviz.i18n.messages import use_language

LONG = "昨天晚上爷爷在厨房里给孙子做了一碗热汤"
COMMANDS = [
    ["run", LONG],
    ["run", LONG, "--view", "top"],
    ["run", LONG, "--view", "blocks", "--heads", "4", "--head", "all"],
    ["run", LONG, "--view", "text"],
    ["run", "猫吃鱼", "--scale", "log"],
    ["run", "猫吃鱼", "--show", "scores", "--show", "output", "--show", "qkv"],
    ["run", "猫吃鱼", "--alt"],
    ["compare", "猫吃鱼", "鱼吃猫", "--alt"],
    ["explain", "猫吃鱼", "--token", "猫"],
    ["explain", "猫吃鱼", "--token", "猫", "--heads", "4", "--head", "all"],
    ["ablate", "我上周买的手机屏幕碎了"],
    ["lab", "猫吃鱼"],
    ["cost", "1000"],
]
BARE, WITH_ZERO = r"(?<![\d.\w])[+-]?\.\d", r"(?<![\d.\w])[+-]?0\.\d"


def printed(arguments: list[str], language: str, capsys, monkeypatch) -> str:
    """What a command prints in a language at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--lang", language])
    use_language("en")
    assert not ended.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda one: " ".join(one))
def test_every_view(arguments, capsys, monkeypatch):
    """In Chinese no number lacks its 0, and nothing is wider than the terminal."""
    text = printed(arguments, "zh", capsys, monkeypatch)
    assert not re.findall(BARE, text)
    assert re.findall(r"\d", text)
    if "--alt" not in arguments:  # its sentence is one line, for a picture's description
        assert max(count_columns(line) for line in text.splitlines()) <= 80


def test_english_keeps_its_form(capsys, monkeypatch):
    """In English a weight has no 0 before its point; data have one in both languages."""
    text = printed(["run", "猫吃鱼"], "en", capsys, monkeypatch)
    assert re.findall(BARE, text)
    assert not re.findall(WITH_ZERO, text)
    assert printed(["run", "猫吃鱼", "--json"], "en", capsys, monkeypatch) == printed(
        ["run", "猫吃鱼", "--json"], "zh", capsys, monkeypatch
    )


@pytest.mark.parametrize(
    ("written", "english"),
    [("0.5", ".5"), ("-0.5", "-.5"), ("+0.25", "+.25"), ("10.5", "10.5"), ("0", "0"), ("-1", "-1")],
)
def test_pure_decimal(written, english):
    """Only the 0 before a point goes, after a sign too; in Chinese it stays."""
    assert pure_decimal(written) == english
    use_language("zh")
    try:
        assert pure_decimal(written) == written
    finally:
        use_language("en")


SIGNED = re.compile(r"[-\u2212+]0?\.[0-9]+")


@pytest.mark.parametrize("suffix", [".svg", ".html", ".md", ".tex", ".txt"])
def test_pictures_pages_and_tables_have_a_minus_sign_and_no_signed_zero(suffix, tmp_path):
    """What is printed has U+2212 before a number, a terminal and the formulas of LaTeX the hyphen; none has -.00."""
    found = compare("the dog bites the man", "the man bites the dog", position="sinusoidal")
    path = tmp_path / f"x{suffix}"
    if suffix == ".txt":
        path.write_text(str(found), encoding="utf-8")
    else:
        found.save(path, **({"svg_text": True} if suffix == ".svg" else {"kind": "table"}))
    numbers = SIGNED.findall(path.read_text(encoding="utf-8"))
    minus = "-" if suffix in (".tex", ".txt") else "\u2212"
    assert {number[0] for number in numbers} == {minus, "+"}
    assert not [number for number in numbers if not number.strip("-\u2212+0.")]


def test_correlations_near_zero_have_no_sign():
    """A correlation of -.004 is .00."""
    assert str(with_sign(-0.004, 2)) == ".00"
    with printed_minus():
        assert with_sign(-0.39, 2).localized() == pure_decimal("-0.39") == "\u2212.39"
    assert with_sign(-0.39, 2).localized() == "-.39"
