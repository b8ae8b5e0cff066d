"""What a reader who types something near the right thing is told: a command that works."""

from __future__ import annotations

import io
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import attnviz
from attnviz.cli import main
from attnviz.cli.sources import quoted
from attnviz.core.errors import OptionError
from attnviz.core.everyday_names import EVERYDAY_NAMES
from attnviz.core.positions import SCHEMES
from attnviz.toy import lexicon


def told(arguments: list[str], capsys) -> tuple[int, str, str]:
    """The exit code, the output and the notes of a command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def suggested(line: str) -> list[str]:
    """The arguments of the command that a line ends with."""
    return shlex.split(line.strip().partition("attnviz run ")[2])


@pytest.mark.parametrize("text", ["猫吃鱼", "the cat eats", "hello", 'say "hi" $x', "it's `this`", "a\\b!"])
def test_a_text_in_place_of_a_command(text, capsys):
    """The error shows the command with the text in quotes, and that command works."""
    code, _, err = told([text], capsys)
    assert code == 2
    assert err.count("\n") == 1
    assert suggested(err) == [text]
    assert told(["run", *suggested(err)], capsys)[0] == 0


def test_a_command_that_is_nearly_right(capsys):
    """A misspelled command is no text."""
    code, _, err = told(["runn", "猫"], capsys)
    assert code == 2
    assert "Did you mean 'run'" in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["The", "cat", "eats", "the", "fish"], "The cat eats the fish"),
        (["hello", "world"], "hello world"),
        (["猫", "吃", "鱼"], "猫吃鱼"),
        (["猫", "狗"], None),
        (["the cat", "eats"], None),
        (["猫吃鱼", "鱼吃猫", "猫"], None),
        (["cat"], None),
    ],
)
def test_forgotten_quotes(words, text, capsys):
    """Several texts of one word each are shown, and a hint shows the one text in quotes."""
    code, out, err = told(["run", *words], capsys)
    assert code == 0
    assert out.count("who looks") == len(words)
    if text is None:
        assert "quotes" not in err
    else:
        assert suggested(err.splitlines()[-1]) == [text]


def test_quoted():
    """A text in quotes is one argument of a shell again."""
    for text in ("a b", "$x", "`x`", 'a"b', "a'b", "a!b", "a\\b", "a\nb", "猫 吃"):
        assert shlex.split(quoted(text)) == [text]


def test_nothing_to_read(monkeypatch, capsys):
    """`run` alone shows an example, at a terminal and where standard input is empty."""
    for text in ("", " \n"):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code, _, err = told(["run"], capsys)
        assert code == 1
        assert 'attnviz run "猫吃鱼"' in err


@pytest.mark.parametrize(
    ("option", "value", "meant"),
    [
        ("position", "sine", "sinusoidal"),
        ("position", "Sin", "sinusoidal"),
        ("position", "rotary", "rope"),
        ("position", "relative", "t5"),
        ("mask", "autoregressive", "causal"),
        ("embedding", "one-hot", "onehot"),
        ("tokens", "jieba", "word"),
        ("projection", "hand-made", "lexicon"),
    ],
)
def test_everyday_names(option, value, meant):
    """What people call a choice leads to the name that it has here."""
    with pytest.raises(OptionError, match=rf"Did you mean {meant}\?"):
        attnviz.run("猫吃鱼", **{option: value})


def test_everyday_names_hide_no_choice():
    """No scheme's own name is an everyday name for another."""
    assert not set(EVERYDAY_NAMES) & set(SCHEMES)


def test_top_names_no_favourites_in_an_even_row(capsys):
    """A row in which all words get the same says so, with what each gets; others name their strongest words."""
    _, out, _ = told(["run", "我上周买的手机屏幕碎了", "--view", "top"], capsys)
    assert "的  all alike .125" in " ".join(out.split(" "))
    assert out.count("all alike") == 1
    _, out, _ = told(["run", "猫吃鱼", "--mask", "causal", "--view", "top"], capsys)
    assert "all alike" not in out.splitlines()[1]


def test_the_description_names_no_word_at_itself(capsys):
    """--alt describes the largest weight of a word on another one, where that is the most of its row."""
    for text in ("我上周买的手机屏幕碎了", "今天天气很好", "the cat eats the fish", "奶奶今天很开心"):
        found = attnviz.run(text)
        _, out, _ = told(["run", text, "--alt"], capsys)
        query, key = re.findall("“(.*?)” looks most at “(.*?)”", " ".join(out.split()))[0]
        weights = found.weights[0, 0]
        words = [token.text for token in found.query]
        others = [i for i, row in enumerate(weights) if int(row.argmax()) != i]
        assert others
        i = max(others, key=lambda one: weights[one].max())
        assert (query, key) == (words[i], words[int(weights[i].argmax())])
    _, out, _ = told(["run", "猫猫", "--tokens", "char", "--embedding", "onehot", "--alt"], capsys)
    assert "looks most at" in out


def test_explain_says_where_factors_stand(capsys):
    """Each hand-made factor that explain shows stands in the line that it names, in the sheet and in the document."""
    lines = (Path(lexicon.__file__).parent / "projections.tsv").read_text(encoding="utf-8").splitlines()
    for heads in ("1", "4"):
        arguments = ["explain", "猫吃鱼", "--token", "吃", "--heads", heads, "--head", "0"]
        _, out, _ = told([*arguments, "--json"], capsys)
        tables = {step["name"]: step["table"] for step in json.loads(out)["steps"] if "table" in step}
        assert "query" in tables
        for card, table in tables.items():
            for one in table:
                matrix, row, column, factor = lines[one["line"] - 1].split("\t")
                assert matrix == card
                assert row in ("*", one["row"])
                assert column in ("*", one["column"])
                assert np.float32(factor) == np.float32(one["factor"])
        _, sheet, _ = told(arguments, capsys)
        flat = " ".join(sheet.split())
        written = re.search(r"Factors: lines ([0-9, -]+) of", flat)[1]
        ends = [list(map(int, part.split("-"))) for part in written.split(", ")]
        named = {line for end in ends for line in range(end[0], end[-1] + 1)}
        assert named == {one["line"] for one in tables["query"]}
        assert lexicon.PROJECTIONS_FILE in flat
    document = json.loads(told(["explain", "猫吃鱼", "--projection", "identity", "--json"], capsys)[1])
    assert not any("table" in step for step in document["steps"])


@pytest.mark.parametrize(
    ("options", "varied"),
    [
        (("--temperature", "0.5,1,2"), "temperature=0.5,1,2"),
        (("--temperature=0.5", "--temperature", "2"), "temperature=0.5,2"),
        (("--heads", "1, 2"), "heads=1,2"),
        (("--position", "none,rope"), "position=none,rope"),
        (("--mask", "none,window:2,causal"), "mask=none,window:2+causal"),
        (("--seed=1,2",), "seed=1,2"),
    ],
)
def test_lists_of_lab_go_into_vary(call, options, varied):
    """Several values for a setting of `lab` are refused with the --vary that tries them, and that works."""
    code, out, err = call("lab", "猫吃鱼", *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"--vary {varied} tries each of them." in err
    assert call("lab", "猫吃鱼", "--vary", varied)[0] == 0


def test_one_value_of_lab_is_no_list(call):
    """A mask with a comma is one value; what --vary would not take either keeps its own error."""
    assert call("lab", "猫吃鱼", "--mask", "window:2,causal")[0] == 0
    assert call("lab", "猫吃鱼", "--temperature", "1,x")[2].endswith("is not a valid float. See: attnviz lab --help.\n")
    assert "--vary" not in call("lab", "猫吃鱼", "--embedding", "a,b.txt")[2]
