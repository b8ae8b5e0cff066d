"""Whatever a message tells people to type works: commands run, options and names exist, extras can be installed."""

import re
import shlex
import sys
import tomllib

import catalogue
import numpy as np
import pytest
from paths import ROOT

import attnviz
from attnviz import cli
from attnviz.cli import COMMANDS, load_command

SENTENCES = sorted({text for text, _, _ in catalogue.extract()[0]})
ARGUMENT = r'(?:--?[a-z-]+|"[^"]+"|[\w^/-]+\.[a-z]+|[\d^e-]+|--|-1)'
COMMAND = re.compile(rf"\battnviz ((?:{'|'.join(COMMANDS)})\b(?: {ARGUMENT}(?=[ .,;`]|$))*)")
# Options of other programs, and of typer's own.
FOREIGN = {"--no-deps", "--help", "--version", "--install-completion", "--show-completion"}


def commands():
    """Every command of attnviz that a message prints, with its arguments."""
    return sorted({found[1] for sentence in SENTENCES for found in COMMAND.finditer(sentence)})


def test_there_are_commands():
    """The sentences are found, and the commands in them."""
    assert len(SENTENCES) > 500
    assert 'run "猫吃鱼"' in commands()
    assert "compare --weights a.npz --weights b.npz" in commands()
    assert "cost 1000 100000" in commands()


@pytest.mark.parametrize("command", commands())
def test_printed_commands_run(capsys, tmp_path, monkeypatch, command):
    """A command that a message prints, with all its arguments, runs as it is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    for name in ("a.npz", "b.npz"):
        np.savez(tmp_path / name, weights=np.eye(2), tokens=np.array(["the", "cat"]))
    np.save(tmp_path / "x.npy", np.eye(2))
    arguments = shlex.split(command)
    if arguments != ["models"] and all(each.startswith("--") for each in arguments[1:]):
        pytest.skip("the name of a command, not an example")
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 0, capsys.readouterr().err


def test_printed_options_exist():
    """Every option that a message names is one of some command."""
    known = {option for name in COMMANDS for one in load_command(name).params for option in one.opts} | FOREIGN
    known |= {option for one in cli.typer.main.get_command(cli.app).params for option in one.opts}
    named = {option for sentence in SENTENCES for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+(?![{\w-])", sentence)}
    assert len(named) > 40
    assert sorted(named - known) == []


def test_printed_names_of_python_exist():
    """Every name of the package that a message prints is there."""
    for sentence in SENTENCES:
        for dotted in re.findall(r"\battnviz\.([A-Za-z_][\w.]*\w)", sentence):
            found = attnviz
            for part in dotted.split("."):
                assert hasattr(found, part), (dotted, sentence)
                found = getattr(found, part)


def test_printed_extras_exist():
    """Every extra that a message tells to install is one of the project's."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {extra for sentence in SENTENCES for extra in re.findall(r"pip install '\.\[(\w+)\]'", sentence)}
    assert named
    assert named <= set(extras)


def test_printed_line_for_safetensors_runs(capsys, tmp_path, monkeypatch):
    """The line that turns arrays of safetensors into a file of weights makes one that is read."""
    safetensors = pytest.importorskip("safetensors.numpy")
    monkeypatch.chdir(tmp_path)
    safetensors.save_file({"attention": np.eye(2, dtype=np.float32)}, tmp_path / "x.safetensors")
    with pytest.raises(SystemExit):
        cli.main(["run", "--weights", "x.safetensors"])
    line = re.search(r"Convert it with: (.*)\.\n$", capsys.readouterr().err)[1]
    exec(line, {})
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "--weights", "weights.npz"])
    assert stop.value.code == 0
