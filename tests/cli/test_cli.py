"""The command line, in this process: every option does what its help says. (Bad input: test_bad_input.py.)"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from near import assert_near
from paths import TESTS
from rich.cells import cell_len

import attnviz
from attnviz import cli
from attnviz.cli import COMMANDS, load_command
from attnviz.cli.options import OPTIONS
from attnviz.core.positions import SCHEMES


@pytest.fixture(autouse=True)
def plain_folder(tmp_path, monkeypatch):
    """An empty working folder and a terminal of 80 cells, whatever the machine's settings are."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


@pytest.fixture
def good(call):
    """Run a command that must succeed without a word on standard error: its standard output."""

    def called(*arguments):
        code, out, err = call(*arguments)
        assert (code, err) == (0, "")
        return out

    return called


@pytest.fixture
def typed(monkeypatch):
    """Set what stands on standard input."""

    def set_input(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="ascii"))

    return set_input


def weights(out):
    """The weights of a JSON document."""
    return np.array(json.loads(out)["weights"], dtype=np.float32)


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--tokens", "char"], {"tokens": "char"}),
        (["--tokens", "space"], {"tokens": "space"}),
        (["--tokens", "sentence"], {"tokens": "sentence"}),
        (["--tokens", "han"], {"tokens": "han"}),
        (["--embedding", "hash"], {"embedding": "hash"}),
        (["--embedding", "hash", "--dim", "8"], {"embedding": "hash", "dim": 8}),
        (["--embedding", "onehot"], {"embedding": "onehot"}),
        (["--heads", "4"], {"heads": 4}),
        (["--projection", "identity"], {"projection": "identity"}),
        (["--projection", "random", "--seed", "7"], {"projection": "random", "seed": 7}),
        (["--position", "sinusoidal"], {"position": "sinusoidal"}),
        (["--position", "rope"], {"position": "rope"}),
        (["--position", "learned", "--seed", "3"], {"position": "learned", "seed": 3}),
        (["--position", "sinusoidal", "--offset", "5"], {"position": "sinusoidal", "offset": 5}),
        (["--mask", "causal"], {"mask": "causal"}),
        (["--mask", "window:1,causal"], {"mask": "window:1,causal"}),
        (["--temperature", "0.5"], {"temperature": 0.5}),
    ],
)
def test_computing(call, options, changed):
    """An option of Computation gives the weights that run() gives with the same setting, and not the default ones."""
    text = "小猫吃鱼。the cat eats"
    code, out, _ = call("run", text, "--json", *options)
    assert code == 0
    found = weights(out)
    expected = attnviz.run(text, **changed).weights
    assert np.array_equal(found, expected)
    default = attnviz.run(text).weights
    assert found.shape != default.shape or not np.array_equal(found, default)


def test_keys(good, typed):
    """With --keys the words of the text ask the words of another, which may come from standard input."""
    expected = attnviz.run("猫吃鱼", keys="the cat eats fish")
    found = json.loads(good("run", "猫吃鱼", "--keys", "the cat eats fish", "--json"))
    assert [token["text"] for token in found["keys"]] == ["the", "cat", "eats", "fish"]
    assert np.array_equal(np.array(found["weights"], dtype=np.float32), expected.weights)
    typed(b"the cat eats fish")
    assert json.loads(good("run", "猫吃鱼", "--keys", "-", "--json")) == found


def test_every_option_is_tried():
    """Each option of every command is used at least once in the tests of the command line, or in a command's own."""
    own = [TESTS / "analysis" / f"{name}.py" for name in ("test_cost", "test_ablation", "test_lab")]
    files = [*(TESTS / "cli").glob("test_*.py"), *own]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [name for name in OPTIONS if f'"--{name.replace("_", "-")}"' not in source] == []


def test_overlay_and_svg_text(call, good):
    """Several heads share one row of words in place of one each; words are text where that is asked, else outlines."""
    words = {}
    for options in ((), ("--svg-text",), ("--svg-text", "--overlay")):
        good("run", "猫吃鱼", "--heads", "2", "--kind", "arcs", "--save", "x.svg", *options)
        words[options] = re.findall("<text[^>]*>鱼<", Path("x.svg").read_text(encoding="utf-8"))
    outlines, apart, over = map(len, words.values())
    assert (outlines, apart) == (0, 2 * over)
    assert over > 0
    for command in (("lab", "猫吃鱼", "--vary", "mask=none,causal"), ("cost",)):
        good(*command, "--save", "x.svg", "--svg-text")
        assert "<text" in Path("x.svg").read_text(encoding="utf-8")
    for option, said in (
        ("--overlay", "it goes with --kind arcs and text"),
        ("--svg-text", "--svg-text changes nothing here: it is for an .svg"),
    ):
        code, out, err = call("run", "猫吃鱼", option, "--save", "x.png")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


def test_explain(good):
    """A single weight ends in that weight; a worksheet has blanks, and the answers below."""
    weight = attnviz.run("猫吃鱼").weights[0, 0, 0, 1]
    out = good("explain", "猫吃鱼", "--token", "猫", "--cell", "吃")
    assert f"{weight:.4f}".lstrip("0") in out
    assert "鱼 " not in out.split("Dot products")[1]
    sheet = good("explain", "猫吃鱼", "--token", "猫", "--worksheet")
    assert sheet.index("____") < sheet.index("Answers")


@pytest.mark.parametrize(
    "option",
    [
        ["--download"],
        ["--pair", "狗"],
        ["--merge", "word"],
        ["--no-special"],
        ["--renormalize"],
        ["--window", "9"],
        ["--stride", "3"],
        ["--attention", "cross"],
    ],
)
def test_model_options_need_a_model(call, option):
    """What only a model has is wrong usage with the toy, and a model that is not there is named."""
    code, out, err = call("run", "猫", *option)
    assert (code, out) == (2, "")
    assert option[0] in err
    assert "--model" in err
    code, out, err = call("run", "猫", "--model", "./nowhere", *option)
    assert code != 0
    assert out == ""
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("shows", "said"),
    [
        (["weights"], ["who looks"]),
        (["scores"], ["before the softmax"]),
        (["output"], ["new vector"]),
        (["qkv"], ["query", "value"]),
        (["weights", "output"], ["who looks", "new vector"]),
    ],
)
def test_show(good, shows, said):
    """--show says what is shown, in the order given, and nothing else is."""
    out = good("run", "猫吃鱼", "-v", *(word for show in shows for word in ("--show", show)))
    assert all(words in out for words in said)
    assert out.count("embedding") == len(shows)
    assert [out.index(words) for words in said] == sorted(out.index(words) for words in said)


@pytest.mark.parametrize(
    ("head", "heads"), [("1", [1]), ("all", list(range(8))), ("mean", ["mean"]), (None, list(range(8)))]
)
def test_head_in_json(good, head, heads):
    """JSON has all heads, unless one is named."""
    out = good("run", "猫吃鱼", "--embedding", "hash", "--heads", "8", "--json", *(["--head", head] if head else []))
    assert json.loads(out)["heads"] == heads


@pytest.mark.parametrize("head", ["1", "what is acted on"])
def test_head_in_the_table(good, head):
    """A head named by number or name is shown alone, under its name."""
    out = good("run", "猫吃鱼", "--heads", "4", "--head", head)
    assert out.count("head: ") == 1
    assert "head: what is acted on" in out
    assert "1 of 4 heads" in " ".join(out.split())


@pytest.mark.parametrize("layer", ["0", "all"])
def test_layer(good, layer):
    """The toy's one layer can be named."""
    assert json.loads(good("run", "猫吃鱼", "--json", "--layer", layer))["layers"] == [0]


@pytest.mark.parametrize(("digits", "shown"), [("1", ".7"), ("4", ".7"), ("9", ".7")])
def test_precision(good, digits, shown):
    """--precision is the number of decimal places."""
    out = good("run", "猫吃鱼", "--precision", digits)
    wanted = attnviz.run("猫吃鱼").traces[0].weights[0, 1, 2]
    assert f" {wanted:.{digits}f} ".replace(" 0.", " .") in out
    assert shown[:2] in out


def test_scores_of_the_mean_are_each_heads(good):
    """Scores have no mean: of eight heads each is shown."""
    out = good("run", "猫吃鱼", "--embedding", "hash", "--heads", "8", "--show", "scores")
    assert all(f"head {head}" in out for head in range(8))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".json", ".csv", ".npz"])
def test_save(good, tmp_path, suffix):
    """--save writes the file and the table is printed all the same."""
    assert "who looks" in good("run", "猫吃鱼", "--save", f"cat{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"cat{suffix}"]


def test_save_several(good, tmp_path):
    """Several texts save as x-1 and x-2, each in every format asked for."""
    good("run", "猫吃鱼", "狗吃鱼", "--save", "x.svg", "--save", "x.json")
    assert {path.name for path in tmp_path.iterdir()} == {"x-1.svg", "x-2.svg", "x-1.json", "x-2.json"}
    assert json.loads((tmp_path / "x-2.json").read_text("utf-8"))["tokens"][0]["text"] == "狗"


def test_json_array(good):
    """Several texts are one array of documents, in their order; one text is one document."""
    documents = json.loads(good("run", "猫吃鱼", "狗", "--json"))
    assert [[token["text"] for token in each["tokens"]] for each in documents] == [["猫", "吃", "鱼"], ["狗"]]
    assert isinstance(json.loads(good("run", "猫吃鱼", "--json")), dict)


def test_json_is_all(call):
    """Standard output is exactly one JSON document, also where there is something to note."""
    code, out, err = call("run", "qwertyuiop 猫", "--json")
    assert code == 0
    assert json.loads(out)["schema"] == 1
    assert out.count("\n") == 1
    assert "qwertyuiop" in err


def test_standard_input(good, typed):
    """- is standard input, as UTF-8 whatever the locale is, a byte order mark left out."""
    typed("\ufeff猫吃鱼".encode())
    assert [token["text"] for token in json.loads(good("run", "-", "--json"))["tokens"]] == ["猫", "吃", "鱼"]


def test_pipe(good, typed):
    """Where nothing is named and standard input is no terminal, it is read."""
    typed("猫吃鱼".encode())
    assert good("run") == good("run", "猫吃鱼")


def test_compare_with_standard_input(good, typed):
    """One of the texts to compare may be standard input."""
    typed("鱼吃猫".encode())
    assert good("compare", "猫吃鱼", "-") == good("compare", "猫吃鱼", "鱼吃猫")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_file(good, tmp_path, mark):
    """--file reads UTF-8, with a byte order mark or without; spans count from the first letter."""
    (tmp_path / "猫.txt").write_bytes(mark + "猫吃鱼".encode())
    document = json.loads(good("run", "--file", "猫.txt", "--json"))
    assert document["tokens"][0] == {"text": "猫", "start": 0, "end": 1}


@pytest.mark.parametrize("written", ["csv", "labels", "npy"])
def test_vectors(good, tmp_path, written):
    """--vectors reads a matrix; the article's numbers come out at seven digits."""
    matrix = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]])
    path = tmp_path / ("x.npy" if written == "npy" else "x.csv")
    if written == "npy":
        np.save(path, matrix)
    else:
        labels = ["猫,", "吃,", "鱼,"] if written == "labels" else [""] * 3
        rows = (label + ",".join(map(str, row)) for label, row in zip(labels, matrix.tolist(), strict=True))
        path.write_text("\n".join(rows), encoding="utf-8")
    out = good("run", "--vectors", path.name)
    assert all(number in out for number in (".2693075", ".3289329", ".4017596", ".6180147"))
    assert ("猫" in out) is (written == "labels")
    output = np.array(json.loads(good("run", "--vectors", path.name, "--json"))["output"])
    assert_near(output[:, 0], [0.5529808, 0.6327625, 0.7011331])


def test_dash_text(good, call):
    """A text that begins with - goes after --; without, the error says so."""
    assert "-1" in good("run", "--tokens", "space", "--embedding", "hash", "--", "-1 2")
    code, out, err = call("run", "-x")
    assert (code, out) == (2, "")
    assert "--" in err.split("-x", 1)[1]


@pytest.mark.parametrize("command", ["run", "compare"])
def test_standard_input_twice(call, typed, command):
    """Standard input cannot be two texts."""
    typed("猫".encode())
    code, out, err = call(command, "-", "-")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "once" in err


@pytest.mark.parametrize("data", [b"", b" \n", b"caf\xe9"])
def test_bad_standard_input(call, typed, data):
    """Empty, blank or undecodable standard input is one line and exit code 1."""
    typed(data)
    code, out, err = call("run")
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_compare(good):
    """Compare shows both texts, the change and a sentence for each run."""
    out = good("compare", "猫吃鱼", "鱼吃猫")
    assert "attention cannot tell “猫吃鱼” from “鱼吃猫”" in " ".join(out.split())
    assert "With sinusoidal positions it can" in out


@pytest.mark.parametrize(("head", "shape"), [(None, (3, 3)), ("mean", (3, 3)), ("all", (4, 3, 3))])
def test_compare_json(good, head, shape):
    """Compare --json has a, b and delta as the mean of the heads, or of each with --head all."""
    chosen = ["--head", head] if head else []
    document = json.loads(good("compare", "猫吃鱼", "鱼吃猫", "--heads", "4", "--json", *chosen))
    assert [np.shape(each["delta"]) for each in document["runs"]] == [shape, shape]
    assert [each["order_blind"] for each in document["runs"]] == [True, False]


@pytest.mark.parametrize("head", ["1", "what is acted on"])
@pytest.mark.parametrize("command", ["json", "csv"])
def test_compare_data_of_one_head(good, tmp_path, head, command):
    """A comparison's data are those of the head that was named, as its table's are."""
    shown = attnviz.compare("猫吃鱼", "鱼吃猫", heads=4).runs[1]
    options = ("compare", "猫吃鱼", "鱼吃猫", "--heads", "4", "--head", head)
    if command == "json":
        found = np.array(json.loads(good(*options, "--json"))["runs"][1]["a"]).reshape(3, 3)
    else:
        good(*options, "--save", "x.csv")
        rows = list(csv.DictReader((tmp_path / "x.csv").read_text(encoding="utf-8-sig").splitlines()))
        found = np.array([float(row["a"]) for row in rows if row["position"] == "sinusoidal"]).reshape(3, 3)
    assert_near(found, shown.a[1])


def test_compare_weights(good, tmp_path):
    """Files of weights are compared as texts are, however they are named: each by --weights, or one with several."""
    good("export", "猫吃鱼", "a.npz")
    good("export", "鱼吃猫", "b.json", "--position", "rope")
    (tmp_path / "both.json").write_text(
        good("run", "猫吃鱼", "鱼吃猫", "--position", "rope", "--json"), encoding="utf-8"
    )
    found = json.loads(good("compare", "--weights", "a.npz", "--weights", "b.json", "--json"))
    expected = attnviz.compare(attnviz.run("猫吃鱼"), attnviz.run("鱼吃猫", position="rope")).runs[0]
    assert found["names"] == ["a.npz", "b.json"]
    assert_near(np.squeeze(found["runs"][0]["delta"]), expected.delta[0])
    assert json.loads(good("compare", "--weights", "a.npz", "b.json", "--json")) == found
    assert json.loads(good("compare", "--weights", "both.json", "--json"))["names"] == ["both.json[0]", "both.json[1]"]
    table = good("compare", "--weights", "a.npz", "b.json")
    assert "a.npz: 猫吃鱼" in table
    assert "In b.json, " in table
    assert "no positions | rope" in table  # what the files say of themselves
    assert "without positions" not in table


@pytest.mark.parametrize("suffix", [".png", ".svg", ".html", ".json", ".csv"])
def test_compare_weights_save(good, tmp_path, suffix):
    """A comparison of weights is saved as one of texts is; each file may have names of its own for the rows."""
    for name, order in (("a", [0, 1, 2]), ("b", [2, 1, 0])):
        np.save(tmp_path / f"{name}.npy", np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0, 0, 1]])[order][:, order])
    names = ("--labels", "猫 吃 鱼", "--labels", "鱼,吃,猫")
    good("compare", "--weights", "a.npy", "--weights", "b.npy", *names, "--save", f"x{suffix}")
    assert (tmp_path / f"x{suffix}").exists()
    found = json.loads(good("compare", "--weights", "a.npy", "b.npy", *names, "--json"))
    assert [token["text"] for token in found["tokens"]] == ["猫", "吃", "鱼"]
    assert not np.any(found["runs"][0]["delta"])


def test_compare_weights_of_one_name(good, tmp_path):
    """Files of one name in two folders are called by their paths."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "w.npy", np.eye(2))
    found = json.loads(good("compare", "--weights", "one/w.npy", "two/w.npy", "--labels", "猫 鱼", "--json"))
    assert found["names"] == ["one/w.npy", "two/w.npy"]


def test_explain_weights(good, tmp_path):
    """Weights that were given are explained as far as they go, and that they go no further is said."""
    np.save(tmp_path / "w.npy", [[0.25, 0.75], [0.5, 0.5]])
    out = good("explain", "--weights", "w.npy", "--labels", "猫 鱼", "--token", "猫")
    assert "-.25 × log2 .25 = .5" in " ".join(out.split())
    assert "Only the weights are known here" in out
    document = json.loads(good("explain", "--weights", "w.npy", "--labels", "猫 鱼", "--token", "1", "--json"))
    assert [step["name"] for step in document["steps"]] == ["weights", "entropy"]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".json", ".csv"])
def test_compare_save(good, tmp_path, suffix):
    """A comparison is saved in every format it has."""
    good("compare", "猫吃鱼", "鱼吃猫", "--save", f"x{suffix}", "--precision", "2")
    assert [path.name for path in tmp_path.iterdir()] == [f"x{suffix}"]


def test_export(good, tmp_path):
    """Export writes every file and prints nothing."""
    names = ["cat.png", "cat.svg", "cat.pdf", "cat.json", "cat.csv", "cat.npz"]
    assert good("export", "猫吃鱼", *names, "--heads", "4", "--head", "mean") == ""
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    assert json.loads((tmp_path / "cat.json").read_text("utf-8"))["heads"] == ["mean"]


@pytest.mark.parametrize("way", ["file", "pipe", "dash", "vectors"])
def test_export_without_text(good, tmp_path, typed, way):
    """Where the text comes from elsewhere, every word after export is a file to write."""
    (tmp_path / "in.txt").write_text("猫吃鱼", encoding="utf-8")
    (tmp_path / "in.csv").write_text("1,0\n0,1\n", encoding="utf-8")
    typed("猫吃鱼".encode())
    given = {"file": ["--file", "in.txt"], "pipe": [], "dash": ["-"], "vectors": ["--vectors", "in.csv"]}[way]
    files = ["a.json"] if way == "pipe" else ["a.json", "b.csv"]  # a pipe without - is seen from a single name only
    assert good("export", *given, *files) == ""
    count = 2 if way == "vectors" else 3
    assert len(json.loads((tmp_path / "a.json").read_text("utf-8"))["tokens"]) == count
    assert all((tmp_path / name).exists() for name in files)


def test_export_checks_all_first(call, tmp_path):
    """Where one of the files cannot be, none is written."""
    code, out, err = call("export", "猫吃鱼", "good.png", "bad.pgn")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "Did you mean .png?" in err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(call, tmp_path, monkeypatch):
    """Where the system refuses to write, the line says why, and nothing is left."""

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    code, out, err = call("export", "猫吃鱼", "x.json")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "No space left" in err
    assert list(tmp_path.iterdir()) == []


def test_notes_are_said_once(call):
    """A note that is true of several texts is one line on standard error."""
    code, _, err = call("run", *["qwertyuiop cat"] * 3)
    assert code == 0
    assert err.count("qwertyuiop") == 1
    assert err.count("\n") == 1


def test_missing_glyphs_are_said_once(call):
    """What a picture lacks is said once for all files."""
    code, _, err = call("export", "👩", "x.png", "x.svg", "--embedding", "hash")
    assert (code, err.count("U+1F469"), err.count("\n")) == (0, 1, 1)


def test_version(good):
    """--version is the name and the version."""
    assert good("--version") == f"attnviz {attnviz.__version__}\n"


def test_help_lists_the_commands(good):
    """--help names every command with its words."""
    out = " ".join(good("--help").replace("│", " ").split())
    for name, (_, words, _) in COMMANDS.items():
        assert f"{name} {words}" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(good, name):
    """A command's help has its words, its example and only options that it takes."""
    out = " ".join(good(name, "--help").replace("│", " ").split())
    _, words, example = COMMANDS[name]
    assert words in out
    assert f"Example: {example}" in out


@pytest.mark.parametrize(
    ("name", "panels"),
    [
        ("run", ["Input", "Computation", "View", "Output"]),
        ("compare", ["Computation", "View", "Output"]),
        ("export", ["Input", "Computation", "View"]),
    ],
)
def test_panels(good, name, panels):
    """The options stand in panels, in the order of the work."""
    out = good(name, "--help")
    places = [out.index(f"─ {panel} ─") for panel in panels]
    assert places == sorted(places)


def test_nothing_is_help(call):
    """Attnviz alone shows its help."""
    _, out, _ = call()
    assert "Usage: attnviz" in out


@pytest.mark.parametrize(
    ("options", "there", "absent"),
    [
        (["--view", "table"], [".583"], ["rest"]),
        (["--view", "blocks"], ["░░▒▒▓▓██ .725"], [".583"]),
        (["--view", "top", "--top", "2"], ["rest .190"], [".190   "]),
        (["--top", "1"], ["rest .417"], [".190"]),
        (["--view", "text"], ["how much each word receives"], [".190"]),
        (["--token", "吃"], ["how much “吃” looks at each word"], [".190"]),
        (["--token", "1"], ["how much “吃” looks at each word"], [".190"]),
        (["--view", "blocks", "--scale", "row"], ["each row's largest, at most .725", "each row on its own scale"], []),
        (["--view", "blocks", "--scale", "log"], ["and less", "a scale of ratios"], []),
        (["--sinks", "mark"], ["No token is a sink"], []),
        (["--squeeze"], [".583"], ["is the same"]),
    ],
)
def test_views(good, options, there, absent):
    """Each option of looking shows what it says, and nothing of the other views."""
    out = good("run", "猫吃鱼", *options)
    assert [words for words in there if words not in " ".join(out.split())] == []
    assert [words for words in absent if words in out] == []


def test_squeeze_folds(good):
    """Rows that say the same are one, and how many more is said; without --squeeze each stands for itself."""
    text = "the the the cat"
    assert "* 2 more rows are the same" in good("run", text, "--squeeze")
    assert good("run", text).count(".250  .250  .250  .250") == 3


@pytest.mark.parametrize("view", ["table", "blocks", "top"])
def test_views_of_a_comparison(good, view):
    """A comparison has the views that have no running text, with its verdicts."""
    out = good("compare", "猫吃鱼", "鱼吃猫", "--view", view, "--scale", "row")
    assert "attention cannot tell “猫吃鱼” from “鱼吃猫”" in " ".join(out.split())
    assert ("rest" in out, "░" in out) == (False, view == "blocks")


def test_ambiguous_token(good):
    """A word that stands twice is its first one, and that is said; word#2 is the second."""
    assert "“猫” occurs 2 times" in good("run", "猫看猫", "--token", "猫")
    assert "times" not in good("run", "猫看猫", "--token", "猫#2")


@pytest.mark.parametrize("columns", ["1", "20", "40", "79", "400"])
@pytest.mark.parametrize("view", ["blocks", "top", "text"])
def test_columns_of_views(good, monkeypatch, columns, view):
    """COLUMNS is the width of every view; below 20 it is 20."""
    monkeypatch.setenv("COLUMNS", columns)
    text = "我上周买的手机屏幕碎了，the internationalization 没有人接"
    out = good("run", text, "--view", view, "--embedding", "hash")
    assert max(map(cell_len, out.splitlines())) <= max(20, int(columns))


@pytest.mark.parametrize("columns", ["1", "20", "40", "79", "400"])
@pytest.mark.parametrize(
    "arguments", [("run", "猫吃鱼"), ("run", "internationalization eats fish"), ("compare", "猫吃鱼", "鱼吃猫")]
)
def test_columns(call, monkeypatch, columns, arguments):
    """COLUMNS is the width of the table; below 20 it is 20."""
    monkeypatch.setenv("COLUMNS", columns)
    code, out, _ = call(*arguments)
    assert code == 0
    assert max(map(cell_len, out.splitlines())) <= max(20, int(columns))
    assert "…" not in out


@pytest.mark.parametrize("name", COMMANDS)
def test_interrupt(call, monkeypatch, name):
    """Ctrl-C ends with 130 and without a traceback."""

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("attnviz.toy.words.embed", interrupt)
    monkeypatch.setattr("attnviz.models.locate.find_models", interrupt)
    monkeypatch.setattr("attnviz.models.model.find_model", interrupt)
    monkeypatch.setattr("attnviz.models.listing.find_models", interrupt, raising=False)
    monkeypatch.setattr("attnviz.analysis.cost.measured_seconds", interrupt)
    texts = {
        "run": ["猫"],
        "compare": ["猫吃", "吃猫"],
        "export": ["猫", "x.json"],
        "lab": ["猫"],
        "ablate": ["猫"],
        "heads": ["猫"],
        "explain": ["猫"],
        "cost": ["5"],
        "models": [],
        "tokens": ["猫", "--model", "x"],
        "next": ["猫", "--model", "x"],
        "fill": ["猫", "--model", "x"],
        "lens": ["猫", "--model", "x"],
        "patch": ["猫", "狗", "--model", "x", "--answer", "鱼"],
    }[name]
    assert call(name, *texts)[:2] == (130, "")


def test_bugs_are_one_line(call, monkeypatch):
    """What is not a reader's mistake is told with its place; all of it is shown to one who asks."""

    def fail(*_, **__):
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr("attnviz.toy.words.embed", fail)
    code, out, err = call("run", "猫")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "This is a bug in attnviz: ZeroDivisionError in words.py, line " in err
    monkeypatch.setenv("ATTNVIZ_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main(["run", "猫"])


@pytest.fixture
def own_weights():
    """Weights of 12 layers and 12 heads over three words, in a file."""
    raw = np.random.default_rng(5).random((12, 12, 3, 3))
    weights = (raw / raw.sum(axis=-1, keepdims=True)).astype(np.float32)
    np.savez("w.npz", weights=weights, tokens=["猫", "吃", "鱼"])
    return weights


def test_own_weights(good, own_weights):
    """Weights from a file are shown as they are, with nothing said of positions or masks."""
    out = good("run", "--weights", "w.npz", "--layer", "3", "--head", "7")
    assert all(f"{weight:.3f}".lstrip("0") in out for weight in own_weights[3, 7].ravel())
    assert "layer 3, head 7" in out
    assert "your own weights · 12 layers x 12 heads · 1 of 12 heads" in out.replace("\n", " ")
    assert [word for word in ("position", "mask", "embedding", "projection") if word in out] == []


def test_own_weights_as_data(good, own_weights):
    """They go out as data again, every number as it was, and that document comes back the same."""
    out = good("run", "--weights", "w.npz", "--layer", "all", "--json")
    assert np.array_equal(weights(out), own_weights)
    Path("again.json").write_text(out, encoding="utf-8")
    assert good("run", "--weights", "again.json", "--layer", "all", "--json") == out


def test_own_weights_are_exported(good, own_weights):  # noqa: ARG001
    """They are drawn and saved as any others."""
    good("export", "--weights", "w.npz", "w.png", "w.csv")
    assert Path("w.png").read_bytes().startswith(b"\x89PNG")
    assert Path("w.csv").stat().st_size > 100


def test_labels_of_weights_and_vectors(call, good):
    """--labels names rows, of weights or of vectors; without it they are numbered, and that is said."""
    np.save("w.npy", np.eye(3))
    code, out, err = call("run", "--weights", "w.npy")
    assert (code, "x2" in out) == (0, True)
    assert "numbered from x0" in err
    for kind in ("--weights", "--vectors"):
        assert "鱼" in good("run", kind, "w.npy", "--labels", "猫,吃,鱼")
    np.save("wide.npy", np.full((2, 3), 1 / 3))
    assert "sea" in good("run", "--weights", "wide.npy", "--labels", "a b", "--labels", "the,big,sea")


def test_normalize_is_said(call):
    """--normalize accepts rows that do not sum to 1, and says so in a note and in the caption."""
    np.save("w.npy", np.eye(3) * 2)
    code, out, err = call("run", "--weights", "w.npy", "--labels", "a b c", "--normalize")
    assert code == 0
    assert "rows divided by their sums" in out
    assert "divided by their sums" in err


def test_several_documents_are_shown(good):
    """The documents of several texts are shown one after another."""
    Path("x.json").write_text(good("run", "猫吃鱼", "dog eats", "--json"), encoding="utf-8")
    out = good("run", "--weights", "x.json")
    assert "鱼" in out
    assert "dog" in out


PICTURE = {
    "--kind": "arcs",
    "--style": "slide",
    "--width": "12cm",
    "--dpi": "60",
    "--title": "猫",
    "--cmap": "magma",
    "--annotate": "off",
}


@pytest.mark.parametrize("command", ["run", "export", "compare"])
def test_picture_options(good, tmp_path, command):
    """Each option changes the picture that run, export and compare save."""

    def saved(*options):
        if command == "export":
            good("export", "猫吃鱼", "x.png", *options)
        else:
            good(command, "猫吃鱼", *(["鱼吃猫"] if command == "compare" else []), "--save", "x.png", *options)
        return (tmp_path / "x.png").read_bytes()

    pictures = [saved(), saved("--no-title"), *(saved(*option) for option in PICTURE.items())]
    assert len(set(pictures)) == len(pictures)
    assert saved("--kind", "arcs", "--mass", "1") != pictures[2]


@pytest.mark.parametrize("kind", ["arcs", "bars", "text"])
def test_pictures_of_a_word(good, tmp_path, kind):
    """--token names the word of arcs, bars and shaded text; in run it is the word of the text in the terminal too."""
    good("export", "猫吃鱼", "a.svg", "--kind", kind, "--token", "吃")
    assert "“吃” looks" in good("run", "猫吃鱼", "--save", "b.svg", "--kind", kind, "--token", "吃")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    good("run", "猫吃鱼", "--token", "吃", "--save", "c.svg")
    assert (tmp_path / "c.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


def test_grid_has_every_head(good, tmp_path):
    """A grid shows all heads and layers where none is chosen; of a comparison each setting and text."""
    own = np.full((2, 5, 3, 3), 1 / 3, dtype=np.float32)
    np.savez("w.npz", weights=own, tokens=["猫", "吃", "鱼"])
    good("export", "--weights", "w.npz", "w.svg", "--kind", "grid")
    shown = (tmp_path / "w.svg").read_text("utf-8")
    assert "10 heatmaps" in shown
    good("export", "--weights", "w.npz", "w.svg", "--kind", "grid", "--layer", "1")
    assert "5 heatmaps" in (tmp_path / "w.svg").read_text("utf-8")
    good("compare", "猫吃鱼", "鱼吃猫", "--position", "all", "--kind", "grid", "--save", "x.svg")
    assert f"{3 * len(SCHEMES)} pictures" in (tmp_path / "x.svg").read_text("utf-8")


def test_limits_of_the_colours(good, call):
    """--vmin and --vmax set the ends of a picture's colours; a high end that is not above the low one is refused."""
    for name, options in (("a", ()), ("b", ("--vmax", "1")), ("c", ("--vmin", "0.1", "--vmax", "1"))):
        good("export", "猫吃鱼", f"{name}.svg", *options)
    assert len({Path(f"{name}.svg").read_bytes() for name in "abc"}) == 3
    code, out, err = call("export", "猫吃鱼", "d.svg", "--vmin", "0.5", "--vmax", "0.5")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--vmax must be above --vmin (0.5), not 0.5" in err


def test_own_words(call, good):
    """--lexicon adds words to the toy's: nothing of them is unknown any more."""
    Path("own.tsv").write_text("blorf\ten\tanimal:3\n", encoding="utf-8")
    assert "blorf[?]" in call("run", "the cat eats blorf")[1]
    assert "[?]" not in good("run", "the cat eats blorf", "--lexicon", "own.tsv")


@pytest.mark.parametrize("options", [("--kind", "arcs"), ("--dpi", "300"), ("--no-title",), ("--font", "x.ttf")])
@pytest.mark.parametrize("save", [(), ("--save", "x.json")])
def test_style_of_no_picture(call, options, save, tmp_path):
    """How a picture looks is asked only where one is saved or described."""
    code, out, err = call("run", "猫吃鱼", *options, *save)
    assert (code, out) == (2, "")
    assert options[0] in err
    assert "changes nothing here: it is for" in err
    assert not list(tmp_path.iterdir())


# What each option is for: the first command has it at work, in the others it would change nothing.
IDLE = {
    ("--mass", ".2"): [["--kind", "arcs", "--save", "x.svg"], [], ["--save", "x.svg"], ["--save", "x.html"]],
    ("--annotate", "off"): [["--save", "x.svg"], [], ["--kind", "arcs", "--save", "x.svg"]],
    ("--dpi", "99"): [["--save", "x.png"], ["--save", "x.svg"], ["--save", "x.html"]],
    ("--precision", "5"): [["--view", "top"], ["--json"]],
    ("--scale", "row"): [["--save", "x.svg", "--json"], ["--json"]],
    ("--sinks", "mark"): [["--show", "scores"], ["--show", "output"], ["--show", "qkv"], ["--json"]],
    ("--top", "1"): [["--view", "top"], ["--view", "table"], ["--view", "text"], ["--json"]],
    ("--squeeze",): [["--view", "table"], ["--view", "blocks"], ["--top", "2"], ["--token", "猫"], ["--json"]],
    ("--token", "吃"): [["--view", "table"], ["--view", "blocks"], ["--show", "qkv", "--view", "table"], ["--json"]],
    ("--view", "blocks"): [[], ["--json"]],
    ("--show", "scores"): [[], ["--json"], ["--save", "x.png"], ["--save", "x.html"]],
}


@pytest.mark.parametrize("option", IDLE)
def test_no_option_is_idle(call, option, tmp_path, monkeypatch):
    """An option changes what comes out, or is refused in a line that names it; it is never passed over."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    works, *others = IDLE[option]
    text = "[CLS] 猫 猫 猫 吃 鱼 鱼 狗 吃 鱼"

    def made(*options):
        code, out, err = call("run", text, "--tokens", "space", *options)
        assert code == 0, err
        return out, [path.read_bytes() for path in sorted(tmp_path.iterdir())]

    assert made(*works, *option) != made(*works)
    for path in tmp_path.iterdir():
        path.unlink()
    for other in others:
        code, out, err = call("run", text, "--tokens", "space", *other, *option)
        assert (code, out, err.count("\n")) == (2, "", 1), other
        assert option[0] in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "猫", "--position", "rope", "--position", "none"],
        ["run", "--file", "a", "--file=b"],
        ["run", "--weights", "a", "--weights", "b"],
        ["compare", "猫", "鱼", "--keys", "a", "--keys", "b"],
        ["export", "猫", "x.png", "--title", "a", "--title", "b"],
        ["--lang", "zh", "--lang", "en", "run", "猫"],
        ["lab", "猫", "--long", "8", "--long", "9"],
        ["cost", "--layers", "1", "--layers", "2"],
    ],
)
def test_one_value_given_twice(call, arguments):
    """Of an option that takes one value none is dropped silently."""
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert "takes one value but is given 2 times" in err


def test_options_that_may_stand_twice(good):
    """A flag, an option's value that looks like an option, and what takes several values."""
    assert good("run", "猫", "--squeeze", "--squeeze") == good("run", "猫", "--squeeze")
    good("export", "猫", "x.svg", "--title", "--title")
    assert good("run", "猫", "-v", "--show", "weights", "--show", "output").count("toy embedding") == 2


def test_verbose(good, call):
    """The caption is one line, with the settings that are no defaults; -v, --verbose say how it was computed."""
    assert "toy embedding" not in good("run", "猫吃鱼")
    assert "causal mask · each row sums to 1 · -v: how it was computed\n" in good("run", "猫吃鱼", "--mask", "causal")
    for options in (["-v"], ["--verbose"], ["--mask", "causal", "-v"], ["--view", "text", "-v"]):
        assert "toy embedding" in good("run", "猫吃鱼", *options)
        assert "-v:" not in good("run", "猫吃鱼", *options)
    code, _, err = call("run", "猫吃鱼", "-v", "--json")
    assert (code, "--verbose changes nothing here" in err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "猫吃鱼", "鱼吃猫"),
        ("ablate", "我爱吃鱼", "--token", "吃"),
        ("lab", "猫吃鱼"),
        ("explain", "猫吃鱼", "--token", "吃"),
        ("heads", "猫吃鱼"),
    ],
)
def test_short_captions(good, call, command):
    """Captions take one line, which names a setting that is no default; -v says how it was computed."""
    for options, named in ([], ""), (["--projection", "identity"], "Q = K = V = X · "):
        assert named in (out := " ".join(good(*command, *options).split()))
        assert " · -v: how it was computed" in out
    for options in (["-v"], ["--verbose"], ["--projection", "identity", "-v"]):
        out = " ".join(good(*command, *options).split())
        assert "-v:" not in out
        assert "toy embedding" in out
    code, _, err = call(*command, "-v", "--json")
    assert (code, "--verbose changes nothing here" in err) == (2, True)


@pytest.mark.parametrize(
    ("command", "first", "whole"),
    [
        (("cost", "10"), "1 head · dense: all weights are kept, streamed: some · -v: how it was computed", "4 bytes"),
        (("tokens", "猫吃鱼"), "span: its characters, from 0 · -v: how it was computed", "toy · cut by the lexicon"),
        (("models",), "-v lists their names", "roberta"),
    ],
)
def test_first_captions(good, call, command, first, whole):
    """Without settings a line says what is shown; -v says all of it, and is refused where nothing is shown."""
    assert (first in good(*command), whole in good(*command)) == (True, False)
    assert (first in good(*command, "-v"), whole in good(*command, "-v")) == (False, True)
    code, out, err = call(*command, "-v", "--json")
    assert (code, out, "--verbose changes nothing here" in err) == (2, "", True)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("cost", "10", "--heads", "4"), "4 heads of 16 dimensions"),
        (("tokens", "猫吃鱼", "--tokens", "char"), "cut by character"),
        (("models", "--families"), "arXiv"),
    ],
)
def test_settings_bring_the_whole_caption(good, command, option):
    """A setting of one's own is told without -v, as `run` does."""
    out = good(*command)
    assert (option in out, "-v:" in out) == (True, False)


def test_every_command_that_shows_has_verbose():
    """The help of each command that prints a view has -v, in the same words."""
    for command in COMMANDS:
        told = [one.help for one in load_command(command).params if "-v" in one.opts]
        assert told == ([] if command == "export" else [OPTIONS["verbose"].help]), command


@pytest.mark.parametrize("wrong", [("--token", "鱼"), ("--cell", "9"), ("--head", "mean"), ("--layer", "7")])
def test_a_mistake_is_told_alone(call, wrong):
    """What there is to note of the words is not told where nothing comes of them."""
    code, out, err = call("explain", "qwx zzx", "--heads", "4", *wrong)
    assert (code != 0, out, err.count("\n")) == (True, "", 1), err
    assert "qwx, zzx" in call("explain", "qwx zzx")[2]


def test_one_row(good):
    """--token shows a word's row alone, in a table and in the strongest links; of equal words the one that is meant."""
    text = "猫 吃 鱼 猫 狗 吃 猫 吃 鱼 猫 狗 吃"
    full = good("run", text, "--view", "table").splitlines()
    rows = [line for line in good("run", text, "--view", "table", "--token", "鱼").splitlines() if line in full]
    assert [line.split()[0] for line in rows if line.startswith("  鱼")] == ["鱼"]
    listed = good("run", text, "--top", "2", "--token", "狗#2").splitlines()
    assert [line for line in listed if line.startswith("  10 狗")]
    assert listed[1].replace("狗#2", "狗") in good("run", text, "--top", "2")
    assert len(good("run", text, "--view", "table", "--show", "scores", "--token", "0").splitlines()) < 12


def test_alt(good, call, tmp_path):
    """--alt prints the sentence that the picture carries, with a picture or without; JSON stays alone."""
    sentence = good("export", "猫吃鱼", "x.svg", "--alt").strip()
    assert f">{sentence}</desc>" in (tmp_path / "x.svg").read_text("utf-8")
    assert good("export", "猫吃鱼", "--alt").strip() == sentence
    assert good("run", "猫吃鱼", "--alt").splitlines()[-1] == sentence
    assert good("run", "猫吃鱼", "--alt", "--kind", "arcs").splitlines()[-1].startswith("Arcs")
    assert "what changes most" in good("compare", "猫吃鱼", "鱼吃猫", "--alt").splitlines()[-1]
    code, out, err = call("run", "猫吃鱼", "--alt", "--json")
    assert (code, out) == (2, "")
    assert "--json" in err


def test_style_that_cannot_be(call, tmp_path):
    """A wrong style is told before anything is computed or written."""
    for options in (("--kind", "pie"), ("--dpi", "9"), ("--width", "wide"), ("--mass", "2"), ("--cmap", "nonsense")):
        code, _, err = call("export", "猫吃鱼", "x.png", *options)
        assert code == 2
        assert options[0] in err
        assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", [("lab", "猫吃鱼"), ("lab", "猫吃鱼", "--long", "32"), ("ablate", "猫吃鱼"), ("cost", "20")]
)
def test_dressing(call, tmp_path, command):
    """The experiments' pictures have a style, a width, a title of one's own; without a picture they are refused."""

    def saved(*options):
        code, _, err = call(*command, "--save", "x.svg", *options)
        assert (code, "too narrow" in err) == (0, False), err
        return (tmp_path / "x.svg").read_text("utf-8")

    assert 'width="864pt"' in saved("--width", "12in", "--style", "dark")
    assert ">猫<" in saved("--title", "猫")
    assert 'width="864pt"' not in saved("--no-title")
    code, out, err = call(*command, "--style", "dark")
    assert (code, out) == (2, "")
    assert "none is saved" in err


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", ["60", "80", "100"])
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_is_whole(call, monkeypatch, command, width, language):
    """No line of a help is cut off, whatever its width: a word that is too long goes on in the next line."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", int(width))  # typer reads TERMINAL_WIDTH once, when it is loaded
    code, out, _ = call(command, "--help", "--lang", language)
    assert code == 0
    assert [line for line in out.splitlines() if "…" in line or cell_len(line) > int(width)] == []


def test_explain_takes_one_text(call):
    """Words without quotes are several texts, and the error says what to do."""
    code, out, err = call("explain", "the", "cat")
    assert (code, out) == (2, "")
    assert err == "attnviz: This takes one text, not 2. Put a text with spaces in quotes.\n"


def test_worksheet_needs_a_sheet(call, good, tmp_path):
    """JSON has no blanks: a worksheet beside it must be saved."""
    code, out, err = call("explain", "猫吃鱼", "--token", "猫", "--worksheet", "--json")
    assert (code, out) == (2, "")
    assert "--save sheet.html" in err
    path = tmp_path / "sheet.md"
    out = good("explain", "猫吃鱼", "--token", "猫", "--worksheet", "--json", "--save", str(path))
    assert json.loads(out)["token"] == 0
    assert "Answers" in path.read_text(encoding="utf-8")


def test_help_of_explain_says_what_explain_takes(good):
    """Several layers and heads, but no mean of heads: the help does not offer it."""
    out = good("explain", "--help")
    assert "N|NAME|all" in out
    assert "N,N-N|mean|all" in out
    assert "NAME|mean" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cost", "--model", "x"), ["cost has no --model. --model goes with: run, compare, explain"]),
        (("ablate", "猫", "--weights", "x.npz"), ["weights alone are not enough", "--weights goes with: run"]),
        (("run", "猫", "--vary", "heads=1"), ["run has no --vary. --vary goes with: lab."]),
        (("cost", "--view", "top"), ["cost has no --view. --view goes with: run, compare."]),
        (("--model", "x"), ["attnviz has no --model. --model goes with: run"]),
    ],
)
def test_an_option_of_another_command(call, arguments, said):
    """An option that another command has is no stranger: the error says whose it is."""
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert [words for words in said if words not in err] == []


def test_a_model_that_ablate_does_not_find(call):
    """Ablate takes a model: one that is not there is named, which is no wrong usage."""
    code, out, err = call("ablate", "猫", "--model", "x")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "'x'" in err


@pytest.mark.parametrize("arguments", [("models", "猫", "x"), ("run", "猫", "--foo"), ("cost", "-5"), ("run", "--top")])
def test_sentences_end(call, arguments):
    """Typer's words about wrong usage are a sentence, and the hint is another."""
    _, _, err = call(*arguments)
    assert err.count(". ") == 1
    assert err.endswith(".\n")


def test_every_scheme_of_several_texts(good, tmp_path):
    """Compare takes all schemes for several texts, over the toy and over a file of word vectors."""
    (tmp_path / "x.vec").write_text("猫 1 0\n吃 0 1\n鱼 1 1\n", encoding="utf-8")
    for options in ((), ("--embedding", "x.vec")):
        out = good("compare", "猫吃鱼", "鱼吃猫", "吃猫鱼", "--position", "all", *options)
        assert out.count("with sinusoidal positions") == 2


def test_unknown_words_are_marked_in_each_view(call):
    """What nothing is known of has [?] in the grids of `lab`, the list of `ablate`, and their pictures, as in `run`."""
    for command in (["run"], ["lab", "--vary", "heads=1,2"], ["ablate", "--token", "猫"]):
        code, out, _ = call(*command, "猫吃 qx 鱼 qx", "--save", "x.svg")
        assert code == 0
        assert "qx" in out
        assert not re.search(r"qx(#2)?(?![#\w]|\[\?\])", out)
        assert "猫[?]" not in out
        assert Path("x.svg").read_text(encoding="utf-8").count("[?]") >= 2
        assert "[?]" not in call(*command, "猫吃鱼")[1]
        assert "[?]" not in call(*command, "猫吃 qx 鱼", "--embedding", "onehot")[1]
