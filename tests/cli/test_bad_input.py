"""Bad input gets one line on standard error, exit code 1 or 2, and nothing is written."""

import os
import subprocess
import sys

import pytest
from bad_commands import CASES

from attnviz import cli


def attnviz(capsys, *arguments):
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    return stop.value.code, out, err


@pytest.mark.parametrize(("arguments", "code", "words"), CASES, ids=lambda value: str(value)[:60])
def test_one_line_and_nothing_written(capsys, folder, arguments, code, words):
    """A mistake is told in one line with what was expected, and leaves nothing behind."""
    before = sorted(folder.rglob("*"))
    got, out, err = attnviz(capsys, *arguments)
    assert (got, out) == (code, ""), err
    assert err.startswith("attnviz: ")
    assert err.count("\n") == 1, err
    assert [word for word in words if word not in err] == [], err
    assert sorted(folder.rglob("*")) == before


def test_no_text_on_a_terminal():
    """Without a text, on a terminal, the line says how to give one instead of waiting for input."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", "run"], stdin=theirs, capture_output=True, timeout=60, check=False
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 2
    assert done.stdout == b""
    assert "attnviz run" in done.stderr.decode()


@pytest.mark.parametrize(
    "text", ["[/INST] [red]x", "a\x1b[2Jb", "a\u202eb", "a\u200bb", "a" + "\u0301" * 40, "\x07 bell", "a\x9bb"]
)
@pytest.mark.parametrize("command", [["run"], ["run", "--tokens", "char"], ["compare", "b a"]])
def test_hostile_text_is_shown_harmlessly(capsys, text, command):
    """No control character or bidi control of a text reaches the screen, and markup stays text."""
    code, out, err = attnviz(capsys, *command, f"{text} a b")
    assert code == 0
    assert not set("\x1b\x07\x9b\u202e\u200b") & set(out + err)
    assert "\u0301" * 4 not in out + err
    if "INST" in text and command == ["run"]:
        assert "INST" in out


@pytest.mark.parametrize("encoding", ["ascii", "cp936", "latin-1", "utf-8"])
@pytest.mark.parametrize(
    "arguments",
    [["run", "猫吃鱼 é"], ["compare", "猫 é", "é 猫"], ["run", "猫吃鱼", "--json"], ["run", "--help"], ["run", ""]],
)
def test_any_encoding(encoding, arguments):
    """In any encoding of the terminal there is no traceback, and no more columns than the terminal has."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-m", "attnviz", *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == (1 if arguments[-1] == "" else 0)
    assert b"Traceback" not in done.stderr
    out = done.stdout.decode(encoding)
    if "--json" not in arguments and "--help" not in arguments:
        assert max(map(len, out.splitlines()), default=0) <= 80


def test_closed_pipe_ends_quietly():
    """A reader that stops reading gets no traceback."""
    line = f'"{sys.executable}" -m attnviz run "{"猫吃鱼 " * 60}" | head -1'
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr
