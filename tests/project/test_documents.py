"""The documents tell the truth: their commands run, and print what stands below them."""

import re
from itertools import zip_longest
from typing import NamedTuple

import documents
import near
import pytest
from near import assert_near
from paths import ROOT

import attnviz
from attnviz.core.positions import SCHEMES


def takes_long(path, command):
    """Whether a command is left to the slow tests: of a page in docs/, where it draws, opens a model, or is Chinese.

    The READMEs are run whole by default, and every page has a twin whose short commands are run.
    """
    drawn = re.search(r"export|--save|lab |cost|pkg:|--model", command) is not None
    return not path.name.startswith("README") and (drawn or path.name.endswith(".zh.md"))


COMMANDS = [
    pytest.param(
        path,
        *one,
        id=f"{path.name}: {one.command[:60]}",
        marks=[pytest.mark.slow] if takes_long(path, one.command) else [],
    )
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
        printed = documents.printed(done)
        assert documents.agrees(command, output, printed), f"run tools/documents.py refresh; it prints\n{printed}"


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


PYTHON = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)


# The other language has the same code, and takes as long.
@pytest.mark.parametrize("name", ["python.md", pytest.param("python.zh.md", marks=pytest.mark.slow)])
def test_python_example_runs(name, tmp_path, monkeypatch):
    """The page's Python runs, block after block, gives what its comments say and writes the files that it names."""
    pytest.importorskip("pandas")
    text = (ROOT / "docs" / "guide" / name).read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec("\n".join(PYTHON.findall(text)), names)
    names["pyplot"].close("all")
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"cat.png", "orders.svg", "by-hand.md", "arcs.png", "heads.png"}
    assert [run.order_blind for run in names["c"].runs] == [True, False]
    assert len(attnviz.lab("猫吃鱼").cells) == 3 * len(SCHEMES)


@pytest.mark.parametrize("name", ["notebook.md", pytest.param("notebook.zh.md", marks=pytest.mark.slow)])
def test_notebook_example_runs(name, monkeypatch):
    """The cells of the page run one after the other, as in a notebook that shows HTML."""
    shown = []
    monkeypatch.setattr("attnviz.api.notebook.is_open", lambda: True)
    monkeypatch.setattr("attnviz.api.notebook.display", shown.append)
    exec("\n".join(PYTHON.findall((ROOT / "docs" / "guide" / name).read_text(encoding="utf-8"))), {})
    assert [sorted(view.forms) for view in shown] == [["text/html", "text/plain"], ["image/png", "text/plain"]]


@pytest.mark.parametrize("name", ["tutorial.md", "tutorial.zh.md"])
def test_the_article_in_numpy(name):
    """The article's lines of NumPy give what attnviz gives for its matrix."""
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    names = {}
    exec(block, names)
    ours = attnviz.run(vectors=ROOT / "samples" / "article.csv")
    assert_near(names["weights"], ours.weights[0, 0])
    assert_near(names["output"], ours.output)


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_a_readme_is_short(name):
    """A README has at most 8 kB: what goes further is in docs/."""
    assert (ROOT / name).stat().st_size <= 8192


LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]*)(#[^)\s]*)?\)")


def anchors(path):
    """The anchors of a document's headings, as the site and code hosts make them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", documents.DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_lead_somewhere(path):
    """Every relative link and picture of a document is a file of the project, and every anchor a heading of it."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target, anchor in LINK.findall(text):
        if not re.match(r"\w+:", target):
            to = path.parent / target if target else path
            assert to.exists(), target
            assert not anchor or anchor in anchors(to), (target, anchor)


@pytest.mark.parametrize("name", ["exactness.md", "exactness.zh.md"])
def test_the_bounds_are_those_of_the_tests(name):
    """The page on exactness names the factors that tests/near.py has."""
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert re.findall(r"\| (\d+) x eps x max", page) == [str(near.STATES), str(near.WEIGHTS)]
    assert re.findall(r"\| (\S+e-\d) \|$", page.split("x eps x max", 1)[1], flags=re.MULTILINE) == [
        f"{factor * 2**-23:.1e}".replace("e-0", "e-") for factor in (near.STATES, near.WEIGHTS)
    ]


def test_every_page_has_both_languages():
    """A page that readers use is in both languages and links to the other one; contributors read English."""
    pages = [path for path in documents.DOCUMENTS if not path.name.endswith(".zh.md")]
    alone = {path.name for path in pages if not path.with_suffix(".zh.md").exists()}
    assert alone <= {"architecture.md"}
    for path in pages:
        if path.name not in alone and path.parent != ROOT:
            chinese = path.with_suffix(".zh.md")
            assert f"[中文]({chinese.name})" in path.read_text(encoding="utf-8")
            assert f"[English]({path.name})" in chinese.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path in documents.DOCUMENTS if path.name.endswith(".zh.md")], ids=str)
def test_chinese_pages_show_chinese(path):
    """A Chinese page links to Chinese pages and pictures where there are any."""
    for target, _ in LINK.findall(path.read_text(encoding="utf-8")):
        if target.endswith(".md") and not target.endswith(".zh.md") and target != path.name.replace(".zh.md", ".md"):
            assert not (path.parent / target).with_suffix(".zh.md").exists(), target
        if target.endswith((".png", ".svg")):
            assert "pictures/zh/" in target


def test_terms():
    """One Chinese word for one thing: a heatmap is 热力图."""
    for path in documents.DOCUMENTS:
        assert "热图" not in path.read_text(encoding="utf-8"), path.name


class Section(NamedTuple):
    """A section of a document: how deep it stands, its title, and what must be the same in both languages.

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
    yield from re.findall(r"!\[[^\]]*\]\([./\w]*pictures/(?:zh/)?(.*?)\)", line)


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


def _sections(path):
    pieces = iter(re.split(r"^(#+) (.*)\n", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:])
    return [_section(len(depth), title, body) for depth, title, body in zip(pieces, pieces, pieces, strict=True)]


NOTES = documents.notes()
SECTIONS = [(english, chinese, _sections(english), _sections(chinese)) for english, chinese in documents.PAIRS]


def _waits(path):
    """Whether any section of the document waits for a translator."""
    return any(note.waiting for (name, _), note in NOTES.items() if name == path.name)


@pytest.mark.parametrize(("english", "chinese", "ours", "theirs"), SECTIONS, ids=["README", "tutorial"])
def test_both_languages_have_the_same_sections(english, chinese, ours, theirs):
    """The Chinese document has as many sections as the English one, as deep, unless some wait for a translator."""
    if not _waits(english):
        assert [one.depth for one in theirs] == [one.depth for one in ours]
    assert f"]({chinese.name})" in english.read_text(encoding="utf-8")
    assert f"]({english.name})" in chinese.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "ours", "theirs"),
    [
        pytest.param(path, *pair, id=f"{path.name}: {pair[0].title}")
        for path, _, ours, theirs in SECTIONS
        for pair in zip(ours, theirs, strict=False)
        if len(ours) == len(theirs)
    ],
)
def test_both_languages_say_the_same(path, ours, theirs):
    """A Chinese section has the commands, options, names, numbers, tables and pictures of the English one."""
    if NOTES[path.name, ours.title].waiting:
        pytest.skip("waits for a translator")
    assert theirs.parts == ours.parts
    assert ours.said - theirs.said == set(), "the Chinese section does not say it"
    assert theirs.said - ours.said == set(), "the English section does not say it"


def test_sentences_are_changed_in_both_languages():
    """Who changed a sentence of README.md or tutorial.md has translated it, or left it to a translator."""
    now = {
        (path.name, title): digest for path, _ in documents.PAIRS for title, digest in documents.sentences(path).items()
    }
    changed = [key for key, digest in now.items() if key not in NOTES or NOTES[key].digest != digest]
    assert changed == [], "translate it and run tools/documents.py translated, or run tools/documents.py to-translate"
    assert now.keys() == NOTES.keys(), "run tools/documents.py to-translate"


def test_what_counts_as_a_sentence(tmp_path):
    """Words outside code blocks, tables and pictures count; where a line ends does not."""

    def sentences(text):
        (tmp_path / "x.md").write_text(text, encoding="utf-8")
        return documents.sentences(tmp_path / "x.md")

    text = "# A\n\none\ntwo\n\n```sh\n# x\n```\n\n| a |\n![b](c)\n## B\n"
    assert list(sentences(text)) == ["A", "B"]
    assert sentences(text) == sentences("# A\n\none two\n\n| d |\n\n## B\n")
    assert sentences(text)["A"] != sentences("# A\n\none three\n\n## B\n")["A"]


def test_a_section_can_wait_for_a_translator(tmp_path, monkeypatch):
    """A changed or new section is marked, the others are not; it stays marked until all is translated."""
    path = tmp_path / "x.md"
    monkeypatch.setattr(documents, "PAIRS", ((path, path),))
    monkeypatch.setattr(documents, "TRANSLATED", tmp_path / "x.tsv")

    def waiting():
        return [title for (_, title), note in documents.notes().items() if note.waiting]

    path.write_text("# A\none\n# B\ntwo\n", encoding="utf-8")
    documents.note(translated=True)
    assert waiting() == []
    path.write_text("# A\none\n# B\nthree\n# C\nfour\n", encoding="utf-8")
    documents.note(translated=False)
    assert waiting() == ["B", "C"]
    documents.note(translated=False)
    assert waiting() == ["B", "C"]
    documents.note(translated=True)
    assert waiting() == []
