"""No text from a file, an argument or a model reaches a reader unsafely: terminals, errors, pictures, pages and CSV."""

import csv
import io
import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from tiny_models import model_of

from attnviz import cli
from attnviz.io.write_data import to_json

ACTS = "\x1b[2J\x9b31m\x07\x00\x7f\u202e\u2066\u200f\u2028\u200b\xad\U000e0041\udcff"
MARKUP = '[red]<script>alert(1)</script>|`"{0}&amp;</desc>'
HOSTILE = f"a{ACTS}{MARKUP}"
TOKENS = [HOSTILE, "=1+1", "b"]
# Every character that acts in a terminal, hides, or is no text; commands themselves write a line's end and a tab.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\U000e0000-\U000e007f]"
)


def attnviz(capsys, *arguments):
    """Run the command line in this process: exit code, standard output, standard error."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return stop.value.code, out, err


def settings(**changed):
    """The settings of a model's document, with these changes."""
    known = {"model": "m", "reference": "m", "family": "f", "layers": 1, "heads": 2, "mask": "none"}
    return known | changed


HIDDEN = {"pieces": [HOSTILE], "renormalized": False, "shares": {"0": [0.1, 0.1]}}
DOCUMENTS = {
    "heads": {"heads": [HOSTILE, HOSTILE + "2"]},
    "tokens": {"tokens": TOKENS},
    "keys": {"keys": [HOSTILE, "c", "d"]},
    "pieces": {"tokens": [{"text": text, "start": None, "end": None, "piece": text} for text in TOKENS]},
    "model": {"settings": settings(model=HOSTILE)},
    "family": {"settings": settings(family=HOSTILE)},
    "reference": {"settings": settings(reference=HOSTILE)},
    "unknown": {"settings": settings(unknown=HOSTILE, unknown_words={"unknown": 1, "words": 3})},
    "hidden": {"weights": [[[[0.3] * 3] * 3] * 2], "settings": settings(hidden=HIDDEN)},
    "pair": {"settings": settings(pair=HOSTILE, pair_start=2)},
    "attention": {"settings": settings(attention=HOSTILE)},
    "joined": {"settings": settings(joined=HOSTILE)},
    "others": {"settings": settings(**{HOSTILE: HOSTILE})},
    "schema": {"schema": HOSTILE},
    "toy": {
        "settings": {
            **dict.fromkeys(("embedding", "tokens", "projection", "position"), HOSTILE),
            "dim": 4,
            "heads": 2,
            "mask": "none",
            "temperature": 1.0,
        }
    },
    "mask": {"settings": settings(mask=HOSTILE)},
    "start": {"tokens": [{"text": "a", "start": HOSTILE, "end": 1}, "b", "c"]},
}
VIEWS = [
    ["run", "--weights"],
    ["run", "--head", "all", "--view", "table", "--weights"],
    ["run", "--head", "0", "--view", "top", "--weights"],
    ["run", "--view", "blocks", "--head", "all", "--weights"],
    ["run", "--view", "text", "--weights"],
    ["run", "--view", "text", "--token", "0", "--weights"],
    ["run", "--json", "--weights"],
    ["run", "--show", "scores", "--weights"],
    ["run", "--head", "nobody\x1b[2J", "--weights"],
    ["run", "--token", "nobody\x1b[2J", "--weights"],
    ["explain", "--token", "0", "--weights"],
    ["compare", "--head", "all", "--weights"],
    ["compare", "--view", "blocks", "--weights"],
    ["compare", "--json", "--weights"],
    ["export", "x.svg", "--alt", "--kind", "grid", "--weights"],
    ["export", "x.svg", "--alt", "--head", "all", "--weights"],
    ["export", "x.svg", "--kind", "arcs", "--weights"],
    ["export", "x.svg", "--kind", "bars", "--token", "0", "--weights"],
    ["export", "x.html", "--weights"],
    ["export", "x.csv", "--weights"],
    ["export", "x.json", "--weights"],
]


def assert_safe(text, *, where):
    """No character of a text acts or hides, and no markup of it is at work."""
    found = UNSAFE.search(text)
    assert found is None, f"{found.group()!r} in {where}: {text[max(0, found.start() - 40) : found.end() + 20]!r}"


class Elements(HTMLParser):
    """The elements of a page, and its scripts' texts."""

    def __init__(self, text):
        super().__init__()
        self.names = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)


def assert_file_is_safe(path):
    """A saved file holds nothing that acts: as text, and in its own format."""
    if path.suffix in (".png", ".pdf", ".npz"):
        return
    text = path.read_bytes().decode("utf-8")
    assert_safe(text.replace("\r\n", "\n"), where=path.name)
    if path.suffix == ".svg":
        names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
        assert "script" not in names
    elif path.suffix == ".html":
        assert "alert" not in Elements(text).names
        assert "<script>alert" not in text
    elif path.suffix == ".csv":
        cells = [cell for row in csv.reader(io.StringIO(text.removeprefix("\ufeff"))) for cell in row]
        assert not [cell for cell in cells if cell[:1] in "=+@" and cell]
    elif path.suffix == ".md":
        assert "<script>" not in text


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FORCE_COLOR", "")
    return tmp_path


@pytest.mark.parametrize(
    "field", [*list(DOCUMENTS)[:6], *(pytest.param(name, marks=pytest.mark.slow) for name in list(DOCUMENTS)[6:])]
)
def test_every_field_of_a_file(capsys, folder, field):
    """Whatever field of a document holds it, in whatever view: no control character, no bidi control, no markup."""
    weights = [[[[1 / 3] * 3] * 3] * 2]
    document = {"tokens": ["a", "b", "c"], "weights": weights} | DOCUMENTS[field]
    (folder / "w.json").write_text(json.dumps(document))
    for view in VIEWS:
        arguments = [*view, "w.json"] + (["--weights", "w.json"] if view[0] == "compare" else [])
        code, out, error = attnviz(capsys, *arguments)
        assert code in (0, 1, 2)
        assert "bug in attnviz" not in error, error
        assert_safe(out, where=arguments)
        assert_safe(error, where=arguments)
        for path in folder.glob("x*"):
            assert_file_is_safe(path)
            path.unlink()


@pytest.mark.parametrize("part", ["tokens", "heads", "keys", "settings", "other"])
def test_every_array_of_a_file(capsys, folder, part):
    """The same for the arrays of a .npz; one of an unknown name is listed, and safely."""
    values = {"tokens": np.array([*TOKENS[1:], "c\x1b\u202e"]), "heads": np.array(["h\x1b[2J\u202e", "=h\x9b"])}
    arrays = {"weights": np.full((1, 2, 3, 3), 1 / 3, np.float32)} | {
        "tokens": {"tokens": values["tokens"]},
        "heads": {"heads": values["heads"]},
        "keys": {"tokens": np.array(["a", "b", "c"]), "keys": values["tokens"]},
        "settings": {"settings": np.array(json.dumps(settings(model=HOSTILE)))},
        "other": {"\x1b[2J\u202e": np.zeros(2)},
    }[part]
    if part == "other":
        del arrays["weights"]
    np.savez(folder / "w.npz", **arrays)
    for view in VIEWS:
        arguments = [*view, "w.npz"] + (["--weights", "w.npz"] if view[0] == "compare" else [])
        _, out, error = attnviz(capsys, *arguments)
        assert "bug in attnviz" not in error, error
        assert_safe(out + error, where=arguments)
        for path in folder.glob("x*"):
            assert_file_is_safe(path)
            path.unlink()


ARGUMENTS = [
    ["run", HOSTILE],
    ["run", HOSTILE, "--json"],
    ["run", HOSTILE, "--embedding", "onehot", "--show", "qkv", "--show", "output", "--show", "scores"],
    ["run", HOSTILE, "--tokens", "char", "--view", "table"],
    ["run", HOSTILE, "--view", "blocks"],
    ["run", HOSTILE, "--view", "text", "--token", "0"],
    ["run", "a b", "--keys", HOSTILE],
    ["run", HOSTILE, HOSTILE + " b", "--save", "x.html"],
    ["compare", f"{HOSTILE} b", f"b {HOSTILE}"],
    ["compare", f"{HOSTILE} b", f"b {HOSTILE}", "--json"],
    ["compare", f"{HOSTILE} b", f"b {HOSTILE} c", "--save", "x.svg", "--save", "x.html", "--save", "x.csv", "--alt"],
    ["compare", HOSTILE, "nothing of it"],
    ["explain", HOSTILE, "--tokens", "space", "--token", "0", "--save", "x.html", "--save", "x.md", "--save", "x.json"],
    ["explain", HOSTILE, "--embedding", "onehot", "--token", "0", "--worksheet", "--save", "x.md"],
    ["ablate", f"{HOSTILE} b c", "--save", "x.svg", "--save", "x.csv", "--title", HOSTILE],
    ["ablate", f"{HOSTILE} b c", "--token", HOSTILE],
    ["lab", f"{HOSTILE} b c", "--save", "x.svg", "--save", "x.csv", "--save", "x.json"],
    ["lab", f"{HOSTILE} b", "--long", "12"],
    ["lab", "a b", "--vary", HOSTILE],
    ["cost", "10", "--title", HOSTILE, "--save", "x.svg"],
    ["cost", HOSTILE],
    ["export", "a b", "x.svg", "x.png", "x.pdf", "--title", HOSTILE],
    ["export", "a b", "x.svg", "--font", HOSTILE],
    ["export", "a b", "x.svg", "--font", HOSTILE + ".ttf"],
    ["export", "a b", "x.svg", "--cmap", HOSTILE],
    ["export", "a b", "x.svg", "--width", HOSTILE],
    ["export", HOSTILE, "x.svg", "x.html", "x.csv", "x.json", "x.npz", "--kind", "arcs"],
    ["export", "a b", HOSTILE],
    ["run", "--file", HOSTILE],
    ["run", "--file", "n", "--encoding", HOSTILE],
    ["run", "--vectors", HOSTILE + ".csv"],
    ["run", "--weights", HOSTILE + ".json"],
    ["run", "a", "--embedding", HOSTILE + ".vec"],
    ["run", "a", "--embedding", HOSTILE],
    ["run", "a", "--model", HOSTILE],
    ["run", "a", "--model", "pkg:" + HOSTILE],
    ["run", "a", "--mask", HOSTILE],
    ["run", "a", "--head", HOSTILE],
    ["run", "a", "--layer", HOSTILE],
    ["run", "a", "--token", HOSTILE],
    ["run", "a", "--heads", HOSTILE],
    ["run", "a", "--" + HOSTILE],
    ["run", "a", "--lang", HOSTILE],
    [HOSTILE],
]


@pytest.mark.parametrize(
    "arguments", [each for each in ARGUMENTS if "\0" not in each[0]], ids=lambda each: ascii(each)[:60]
)
@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=pytest.mark.slow)])
def test_every_argument(capsys, folder, arguments, language):
    """Whatever argument of whatever command holds it, in both languages."""
    _, out, error = attnviz(capsys, *arguments, *([] if "--lang" in arguments else ["--lang", language]))
    assert "bug in attnviz" not in error, error
    assert "attnviz 的错误" not in error
    assert_safe(out, where=arguments)
    assert_safe(error, where=arguments)
    for path in folder.glob("x*"):
        assert_file_is_safe(path)


def test_names_of_files_and_tables(capsys, folder):
    """Names of files, and what stands in tables of vectors and labels, are made visible too."""
    name = "n\x1b[2J\u202e"
    (folder / f"{name}.json").write_text('{"tokens": ["a"], "weights": [[1]]}')
    (folder / f"{name}2.json").write_text('{"tokens": ["a"], "weights": [[1]]}')
    (folder / f"{name}.csv").write_text(f"{name},1,2\nb,3,x\n")
    (folder / "v.csv").write_text(f"{name},1,2\n=b,3,4\n")
    (folder / "labels").write_text(f"{name}\nb\n")
    (folder / "x.vec").write_text(f"{name} 1 2\n")
    np.save(folder / "w.npy", np.eye(2))
    for arguments in (
        ["compare", "--weights", f"{name}.json", "--weights", f"{name}2.json", "--save", "x.svg", "--save", "x.html"],
        ["compare", "--weights", f"{name}.json", "--weights", f"{name}2.json", "--view", "table"],
        ["run", "--vectors", f"{name}.csv"],
        ["run", "--vectors", "v.csv", "--save", "x.csv", "--save", "x.svg"],
        ["lab", "--vectors", "v.csv"],
        ["run", "--weights", "w.npy", "--labels", "labels"],
        ["run", f"{name} b", "--tokens", "space", "--embedding", "x.vec"],
        ["run", f"{name}.json"],
    ):
        _, out, error = attnviz(capsys, *arguments)
        assert "bug in attnviz" not in error, error
        assert_safe(out + error, where=arguments)
        for path in folder.glob("x.*"):
            if path.suffix != ".vec":
                assert_file_is_safe(path)


@pytest.mark.parametrize("where", ["config", "added", "special", "name", "unknown"])
def test_models(capsys, folder, where):
    """A model's names, configuration and added tokens are made visible, lone surrogates among them too."""
    model = folder / "m"
    model_of(model, "bert")
    if where == "name":
        model = shutil.move(model, folder / "m\x1b[2J\u202e")
    change = {
        "config": ("config.json", {"model_type": HOSTILE, "architectures": [HOSTILE]}),
        "added": ("tokenizer_config.json", {"added_tokens_decoder": {"1": {"content": HOSTILE}}}),
        "special": ("tokenizer_config.json", {"cls_token": HOSTILE, "unk_token": HOSTILE}),
        "unknown": ("config.json", {HOSTILE: HOSTILE, "hidden_act": HOSTILE}),
    }.get(where)
    if change is not None:
        path = model / change[0]
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(known | change[1]))
    for arguments in (["run", "the cat", "--model", model], ["models"], ["run", "the cat", "--model", model, "--json"]):
        _, out, error = attnviz(capsys, *arguments)
        assert "bug in attnviz" not in error, error
        assert_safe(out + error, where=arguments)


def test_data_keep_the_text():
    """JSON has the text itself, in escapes where it acts: whoever reads the document gets what was given."""
    assert json.loads(to_json({"a": HOSTILE})) == {"a": HOSTILE}
    assert "猫 \\u202e" in to_json("猫 \u202e")
    assert json.loads(to_json("🏴\U000e0067\U000e007f")) == "🏴\U000e0067\U000e007f"
    assert_safe(to_json([HOSTILE]).removesuffix("\n"), where="JSON")


def test_notes_are_cut(capsys, folder):
    """A word of thousands of characters is no line of thousands of characters."""
    assert folder.is_dir()
    code, _, error = attnviz(capsys, "run", "zq" * 4000 + " cat")
    assert code == 0
    assert error.count("\n") == 1
    assert len(error) < 300
