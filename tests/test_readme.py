"""README.md tells the truth: its commands run, and print what it shows."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def console_commands():
    """Each command of the console blocks with the output that stands below it."""
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, flags=re.MULTILINE):
            yield pytest.param(command, output, id=command[:60])


@pytest.mark.parametrize(("command", "output"), list(console_commands()))
def test_command_prints_what_readme_shows(command, output, tmp_path):
    """A command of the README succeeds, and prints what stands below it where something does."""
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    environment = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "LINES")}
    environment |= {"COLUMNS": "80", "PYTHONIOENCODING": "utf-8"}
    line = command.replace("attnviz ", f'"{sys.executable}" -m attnviz ', 1)
    if "| attnviz" in command:
        line = command.replace("| attnviz ", f'| "{sys.executable}" -m attnviz ')
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    if output:
        assert [row.rstrip() for row in done.stdout.decode().rstrip().split("\n")] == output.rstrip().split("\n")


def test_python_example_runs():
    """The Python block of the README runs, and its last line gives what its comment says."""
    block = re.search(r"## In Python\n\n```python\n(.*?)```", README, flags=re.DOTALL)[1]
    names = {}
    exec(block, names)
    assert [run.order_blind for run in names["c"].runs] == [True, False]


def test_every_option_is_documented():
    """Every option of the commands stands in the README."""
    from attnviz.cli.options import OPTIONS

    assert [name for name in OPTIONS if f"`--{name}" not in README] == []


def test_pictures_exist():
    """Every picture that the README shows is in the project."""
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file(), picture
