"""The documents tell the truth: their commands run, and print what stands below them."""

import re
from itertools import zip_longest
from typing import NamedTuple

import documents
import pytest
from paths import ROOT

import attnviz

README = (ROOT / "README.md").read_text(encoding="utf-8")
CHINESE = (ROOT / "README.zh.md").read_text(encoding="utf-8")

COMMANDS = [
    pytest.param(path, *one, id=f"{path.name}: {one.command[:60]}")
    for path in documents.DOCUMENTS
    if path.exists()
    for one in documents.shown(path)
]


@pytest.mark.parametrize(("path", "command", "output"), COMMANDS)
def test_command_prints_what_is_shown(path, command, output, tmp_path):
    """A command of a document succeeds, and prints what stands below it where something does."""
    if absent := documents.lacking(command):
        pytest.skip(f"not installed: {', '.join(absent)} (pip --no-deps)")
    done = documents.run(command, tmp_path, chinese=path.name.endswith(".zh.md"))
    assert done.returncode == 0, done.stderr.decode()
    if output.strip():
        shown = output.rstrip("\n") + "\n"
        assert documents.agrees(command, output, documents.printed(done)) or documents.printed(done) == shown


def test_what_may_differ():
    """The last digit of a model by one, and the times of cost; no other digit, word or command."""
    model = "attnviz run cat --model pkg:x"
    assert documents.agrees(model, "a .200 b\n\n", "a .201 b\n")
    assert not documents.agrees(model, "a .200 b\n", "a .202 b\n")
    assert not documents.agrees(model, "a .200 b\n", "a .200 c\n")
    assert not documents.agrees(model, "a .200 b\n", "a .200 b .1\n")
    assert not documents.agrees("attnviz run cat", "a .200 b\n", "a .201 b\n")
    assert documents.agrees("attnviz cost", "page 700 4.5 ms\nbook  ~5.4 min\n", "page 700 12 ms\nbook ~1 h\n")
    assert not documents.agrees("attnviz cost", "page 700 4.5 ms\n", "page 710 4.5 ms\n")


def test_refresh_gives_what_is_shown(tmp_path):
    """Refreshing puts the output where it is asked for and keeps what stands around; then there is no fault."""
    path = tmp_path / "x.md"
    path.write_text("a\n```console\n$ echo b\n?\n\n$ true\n$ echo c  \nold\n```\nd\n", encoding="utf-8")
    documents.refresh(path, tmp_path)
    assert path.read_text(encoding="utf-8") == "a\n```console\n$ echo b\nb\n\n$ true\n$ echo c  \nc\n```\nd\n"
    assert list(documents.complaints(path, tmp_path)) == []
    path.write_text("```console\n$ echo b\nx\n$ false\n```\n", encoding="utf-8")
    assert len(list(documents.complaints(path, tmp_path))) == 2


def test_models_that_are_not_here(tmp_path, capsys):
    """A command whose model is in a package that is not installed is left as it is, and that is said."""
    text = "```console\n$ attnviz run cat --model pkg:no_such_model\nold\n$ echo b\n?\n```\n"
    path = tmp_path / "x.md"
    path.write_text(text, encoding="utf-8")
    documents.refresh(path, tmp_path)
    assert path.read_text(encoding="utf-8") == text.replace("?", "b")
    assert list(documents.complaints(path, tmp_path)) == []
    assert capsys.readouterr().err.count("left out, as no-such-model is not installed") == 2


@pytest.mark.parametrize("readme", [README, CHINESE], ids=["English", "Chinese"])
def test_python_example_runs(readme):
    """The Python block of a README runs, and its last line gives what its comment says."""
    (block,) = (code for code in re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL) if "attnviz.run(" in code)
    names = {}
    exec(block, names)
    assert [run.order_blind for run in names["c"].runs] == [True, False]


@pytest.mark.parametrize("name", ["tutorial.md", "tutorial.zh.md"])
def test_the_article_in_numpy(name):
    """The article's lines of NumPy give what attnviz gives for its matrix."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {}
    exec(block, names)
    ours = attnviz.run(vectors=ROOT / "samples" / "article.csv")
    assert names["weights"] == pytest.approx(ours.weights[0, 0], abs=1e-6)
    assert names["output"] == pytest.approx(ours.output, abs=1e-6)


@pytest.mark.parametrize("readme", [README, CHINESE], ids=["English", "Chinese"])
def test_every_option_is_documented(readme):
    """Every option of the commands stands in each README."""
    from attnviz.cli.options import OPTIONS

    assert [name for name in OPTIONS if f"`--{name.replace('_', '-')}" not in readme] == []


def test_pictures_exist():
    """Every picture that a document shows is in the project."""
    for path in documents.DOCUMENTS:
        if path.exists():
            for picture in re.findall(r"!\[.*?\]\((.*?)\)", path.read_text(encoding="utf-8")):
                assert (path.parent / picture).is_file(), picture


class Section(NamedTuple):
    """A section of a README: how deep it stands, its title, and what must be the same in both languages.

    parts: in order, what commands, fenced blocks, pictures, list items and table rows there are; what is written in a
    language (a text in quotes, a sample, a token, a comment, the folder of pictures) is left out. said: the options,
    files, names of the code and numbers of the prose, in any order.
    """

    depth: int
    title: str
    parts: list[str]
    said: set[str]


def _without_language(code):
    """Code or a command, without what each language says in its own way."""
    code = re.sub(r"samples/\w+\.txt", "samples/...", re.sub(r'"[^"]*"', '"..."', code))
    code = re.sub(r"(--(?:token|cell)) (?!WORD|KEY|[词键])\w+", r"\1 ...", code)
    return re.sub(r" *#.*", "", code)


def _said(prose):
    """The options, files, names of the code and numbers in a text; 134 million is 1.34 亿, and NAME is left out."""
    for span in re.findall(r"`([^`]+)`", prose):
        code = re.sub(r"[^\x00-\x7f]|[A-Z]{2,}", " ", _without_language(span))
        yield from re.findall(r"--?[a-z][a-z-]*|(?<![\w-])[.\w]*[a-z][\w./:-]*", code)
    plain = re.sub(r"`[^`]+`|\]\(.*?\)|<!--.*?-->", " ", prose)
    for unit, size in ((" million", 10**6), (" 万", 10**4), (" 亿", 10**8)):
        plain = re.sub(rf"(\d[\d.]*){unit}", lambda found, size=size: str(round(float(found[1]) * size)), plain)
    yield from re.findall(r"(?<![A-Za-z\d._-])\.?\d(?:[\d,.]*\d)?(?:e-?\d+)?", plain)


def _part(line):
    """What a line is, where that must be the same: a list's item, a table's row and what it says, pictures."""
    if line.startswith("- "):
        yield "item"
    if line.startswith("|"):
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        yield " | ".join([str(len(cells)), *sorted(_said(line))])
    yield from re.findall(r"!\[[^\]]*\]\(docs/pictures/(?:zh/)?(.*?)\)", line)


def _section(depth, title, body):
    pieces = re.split(r"^```(\w+)\n(.*?)^```$", body, flags=re.DOTALL | re.MULTILINE)
    parts, said = [], set()
    for prose, kind, code in zip_longest(pieces[::3], pieces[1::3], pieces[2::3]):
        parts += [part for line in prose.split("\n") for part in _part(line)]
        said.update(_said(re.sub(r"^\|.*", "", prose, flags=re.MULTILINE)))
        if kind in ("console", "text"):
            parts += [_without_language(command) for command, _ in documents._COMMAND.findall(code)]
        elif kind is not None:
            parts += [kind, *map(_without_language, code.split("\n"))]
    return Section(depth, title, parts, said)


def _sections(readme):
    pieces = iter(re.split(r"^(#+) (.*)\n", readme, flags=re.MULTILINE)[1:])
    return [_section(len(depth), title, body) for depth, title, body in zip(pieces, pieces, pieces, strict=True)]


ENGLISH_SECTIONS, CHINESE_SECTIONS = _sections(README), _sections(CHINESE)


def test_both_readmes_have_the_same_sections():
    """README.zh.md has as many sections as README.md, as deep; a new one goes into both."""
    assert [one.depth for one in CHINESE_SECTIONS] == [one.depth for one in ENGLISH_SECTIONS]
    assert "](README.zh.md)" in README
    assert "](README.md)" in CHINESE
    assert re.findall(r"!\[[^\]]*\]\((?!docs/pictures/zh/)", CHINESE) == []


@pytest.mark.parametrize(
    ("english", "chinese"),
    [pytest.param(*pair, id=pair[0].title) for pair in zip(ENGLISH_SECTIONS, CHINESE_SECTIONS, strict=False)],
)
def test_both_readmes_say_the_same(english, chinese):
    """A section of README.zh.md has the commands, options, names, numbers, tables and pictures of README.md's."""
    assert chinese.parts == english.parts
    assert english.said - chinese.said == set(), "README.zh.md does not say it"
    assert chinese.said - english.said == set(), "README.md does not say it"


def test_sentences_are_changed_in_both_readmes():
    """Who changed a sentence of README.md has changed README.zh.md, and run tools/documents.py translated."""
    now, then = documents.sentences(README), documents.translated()
    assert [title for title in now if now[title] != then.get(title)] == [], "say it in README.zh.md, then note it"
    assert now == then


def test_what_counts_as_a_sentence():
    """Words outside code blocks, tables and pictures count; where a line ends does not."""
    text = "# A\n\none\ntwo\n\n```sh\n# x\n```\n\n| a |\n![b](c)\n## B\n"
    assert list(documents.sentences(text)) == ["A", "B"]
    assert documents.sentences(text) == documents.sentences("# A\n\none two\n\n| d |\n\n## B\n")
    assert documents.sentences(text)["A"] != documents.sentences("# A\n\none three\n\n## B\n")["A"]


@pytest.mark.parametrize("readme", [README, CHINESE], ids=["English", "Chinese"])
def test_links_inside_a_readme(readme):
    """Every link to a section leads to one."""
    titles = {re.sub(r"[^\w -]", "", one.title).lower().replace(" ", "-") for one in _sections(readme)}
    assert set(re.findall(r"\]\(#(.*?)\)", readme)) <= titles
