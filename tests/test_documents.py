"""The documents tell the truth: their commands run, and print what stands below them."""

import importlib.util
import re
from pathlib import Path

import documents
import pytest

import attnviz

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")

COMMANDS = [
    pytest.param(path, *one, id=f"{path.name}: {one.command[:60]}")
    for path in documents.DOCUMENTS
    if path.exists()
    for one in documents.shown(path)
]


@pytest.mark.parametrize(("path", "command", "output"), COMMANDS)
def test_command_prints_what_is_shown(path, command, output, tmp_path):
    """A command of a document succeeds, and prints what stands below it where something does."""
    for name in re.findall(r"pkg:(\w+)", command):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"the package {name.replace('_', '-')} is not installed (pip --no-deps)")
    done = documents.run(command, tmp_path, chinese=path.name.endswith(".zh.md"))
    assert done.returncode == 0, done.stderr.decode()
    if output.strip():
        assert documents.printed(done) == output.rstrip("\n") + "\n"


def test_refresh_gives_what_is_shown(tmp_path):
    """Refreshing puts the output where it is asked for and keeps what stands around; then there is no fault."""
    path = tmp_path / "x.md"
    path.write_text("a\n```console\n$ echo b\n?\n\n$ true\n$ echo c  \nold\n```\nd\n", encoding="utf-8")
    documents.refresh(path, tmp_path)
    assert path.read_text(encoding="utf-8") == "a\n```console\n$ echo b\nb\n\n$ true\n$ echo c  \nc\n```\nd\n"
    assert list(documents.complaints(path, tmp_path)) == []
    path.write_text("```console\n$ echo b\nx\n$ false\n```\n", encoding="utf-8")
    assert len(list(documents.complaints(path, tmp_path))) == 2


def test_python_example_runs():
    """The Python block of the README runs, and its last line gives what its comment says."""
    block = re.search(r"## In Python\n\n```python\n(.*?)```", README, flags=re.DOTALL)[1]
    names = {}
    exec(block, names)
    assert [run.order_blind for run in names["c"].runs] == [True, False]


@pytest.mark.parametrize("name", ["article.md", "article.zh.md"])
def test_the_article_in_numpy(name):
    """The article's lines of NumPy give what attnviz gives for its matrix."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {}
    exec(block, names)
    ours = attnviz.run(vectors=ROOT / "samples" / "article.csv")
    assert names["weights"] == pytest.approx(ours.weights[0, 0], abs=1e-6)
    assert names["output"] == pytest.approx(ours.output, abs=1e-6)


def test_every_option_is_documented():
    """Every option of the commands stands in the README."""
    from attnviz.cli.options import OPTIONS

    assert [name for name in OPTIONS if f"`--{name.replace('_', '-')}" not in README] == []


def test_pictures_exist():
    """Every picture that a document shows is in the project."""
    for path in documents.DOCUMENTS:
        if path.exists():
            for picture in re.findall(r"!\[.*?\]\((.*?)\)", path.read_text(encoding="utf-8")):
                assert (path.parent / picture).is_file(), picture
