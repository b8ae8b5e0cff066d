"""Options about heads and answers: each does what its help says, and a value that cannot be is refused in a line."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from near import assert_apart, assert_near
from tiny_models import model_of

import attnviz
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.heads_report import prepare_heads, prepare_map
from attnviz.views.prepared.panels import Panel, Prepared
from attnviz.views.tables import render_table

pytest.importorskip("tokenizers")
TEXT = "the cat eats the cat"


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A tiny GPT-2 in a folder: 3 layers of 4 heads, 15 positions."""
    return str(model_of(tmp_path_factory.mktemp("heads") / "gpt2", "gpt2"))


@pytest.fixture
def good(call, gpt2):
    """Run a command of the tiny model that must succeed without a word on standard error: what it printed."""

    def run(*arguments):
        code, out, err = call(*arguments, "--model", gpt2)
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def printed(good):
    """What a command prints with --json."""
    return lambda *arguments: json.loads(good(*arguments, "--json"))


def test_ablate_and_ablation(printed, gpt2):
    """The weights above are those of Python's `ablate`, and differ from those with the head, and with its mean."""
    found = {}
    for name, options in {
        "whole": (),
        "zero": ("--ablate", "0.1", "--ablate", "1.*"),
        "mean": ("--ablate", "0.1", "--ablate", "1.*", "--ablation", "mean"),
    }.items():
        found[name] = printed("run", TEXT, "--layer", "2", "--merge", "none", *options)
    weights = {name: np.array(one["weights"], dtype=np.float32) for name, one in found.items()}
    for way in ("zero", "mean"):
        expected = attnviz.run(TEXT, model=gpt2, layers=[2], merge="none", ablate=("0.1", "1.*"), ablation=way)
        assert_near(weights[way], expected.weights)
        assert found[way]["settings"]["ablate"] == ["0.1", "1.0", "1.1", "1.2", "1.3"]
        assert found[way]["settings"]["ablation"] == way
    assert_apart(weights["zero"], weights["whole"], by=1e-6)
    assert_apart(weights["zero"], weights["mean"], by=1e-6)


def test_ablate_in_next_and_heads(printed, gpt2):
    """`next` and `heads` have the same options: the numbers are Python's, and the document names the heads."""
    off = ("--ablate", "0.1", "--ablate", "1.*")
    said = printed("next", "the cat", *off, "--ablation", "mean")
    expected = attnviz.next_tokens("the cat", gpt2, ablate=("0.1", "1.*"), ablation="mean")
    assert_near(said["branches"][0]["tokens"][0]["probability"], expected.tokens[0].probability)
    assert said["settings"]["ablation"] == "mean"
    measured = printed("heads", TEXT, *off)
    assert [row["contribution"] == 0 for row in measured["rows"]] == [head in (1, 4, 5, 6, 7) for head in range(12)]
    for found in (said, measured):
        assert found["settings"]["ablate"] == ["0.1", "1.0", "1.1", "1.2", "1.3"]


def test_answer_and_against(printed):
    """The measure of `patch` is the answer's logit minus the other's; turned round it has the other sign."""
    texts = ("patch", "the cat cat", "cat the cat")
    one = printed(*texts, "--answer", "the", "--against", "cat")
    turned = printed(*texts, "--answer", "cat", "--against", "the")
    assert (one["answer"]["text"], one["against"]["text"]) == ("the", "cat")
    assert_near(one["clean"], -np.array(turned["clean"]), size=[10])
    assert_near(one["corrupt"], -np.array(turned["corrupt"]), size=[10])
    alone = printed(*texts, "--answer", "the")
    assert 0 < alone["clean"] < 1


def test_watch(printed):
    """A watched word has a probability and a rank after each layer: that of the likeliest where its rank is 1."""
    rows = printed("lens", TEXT, "--watch", "the")["rows"]
    assert {row["layer"] for row in rows} == {0, 1, 2}
    assert len({row["watched_rank"] for row in rows}) > 1
    for row in rows:
        assert (row["watched_rank"] == 1) == (row["watched_probability"] >= row["probability"])
    assert "watched_rank" not in printed("lens", TEXT)["rows"][0]


def test_reduce(printed, gpt2):
    """One map a layer in place of the heads: the mean is that of the heads, rollout that of Python."""
    heads = np.array(printed("run", TEXT, "--layer", "all", "--merge", "none")["weights"], dtype=np.float32)
    for way in ("mean", "rollout"):
        found = printed("run", TEXT, "--layer", "all", "--merge", "none", "--reduce", way)
        weights = np.array(found["weights"], dtype=np.float32)
        assert weights.shape[:2] == (3, 1)
        assert_near(weights, attnviz.run(TEXT, model=gpt2, layers="all", merge="none", reduce=way).weights)
        if way == "mean":
            assert_near(weights[:, 0], heads.mean(axis=1))
        else:
            assert_apart(weights[2, 0], heads[2].mean(axis=0), by=1e-3)


def test_sort_and_like(printed):
    """Rows are sorted by the column, the largest first; by the likeness to one head, that head is the first."""
    rows = printed("heads", TEXT, "--sort", "distance")["rows"]
    distances = [row["by_contribution"]["distance"] for row in rows]
    assert len(rows) == 12
    assert distances == sorted(distances, reverse=True)
    assert distances != [row["by_contribution"]["distance"] for row in printed("heads", TEXT)["rows"]]
    first = printed("heads", TEXT, "--like", "1.2")["rows"][0]
    assert (first["layer"], first["head"]) == (1, 2)
    assert_near(first["likeness"], 1.0)


def test_sorted_by_what_stands_above(good, call, gpt2):
    """--sort and --color take a column by its title, in the list that shows few of many too."""
    assert good("heads", TEXT, "--sort", "adds") == good("heads", TEXT, "--sort", "contribution")
    assert good("heads", TEXT, "--sort", "activity") == good("heads", TEXT, "--sort", "writes")
    assert good("heads", TEXT, "--sort", "weight_first") != good("heads", TEXT, "--sort", "first")
    assert "first, by weight" in good("heads", TEXT, "--map", "--color", "weight-first").replace("\n", " ")
    _, _, err = call("heads", TEXT, "--model", gpt2, "--sort", "like it")
    assert "--sort likeness goes with --like" in err


def test_example_and_map(good):
    """An example is a column of pairs of words; the map has a row a layer and a column a head."""
    assert "strongest" not in good("heads", TEXT)
    out = good("heads", TEXT, "--example")
    assert "strongest" in out
    assert " → " in out.partition("strongest")[2]
    out = good("heads", TEXT, "--map")
    assert "layer ↓   head →" in out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("  L")] == ["L0", "L1", "L2"]


def test_color(good):
    """The column that colours the map is named above it."""
    plain, entropy = good("heads", TEXT, "--map"), good("heads", TEXT, "--map", "--color", "entropy")
    assert "colour: the length of what the head adds" in plain
    assert "entropy" in entropy.splitlines()[0]
    assert "entropy" not in plain.splitlines()[0]


def test_probe_and_probe_tokens(printed):
    """A probe adds three scores a head, from 0 to 1, of so many random tokens; without it there are none."""
    assert printed("heads", TEXT)["rows"][0]["probe"] is None
    scores = {}
    for tokens in ("5", "7"):
        found = printed("heads", TEXT, "--probe", "--probe-tokens", tokens)
        scores[tokens] = [row["probe"] for row in found["rows"]]
        for row in scores[tokens]:
            assert sorted(row) == ["duplicate", "induction", "previous_token"]
            assert all(0 <= score <= 1 for score in row.values())
    assert scores["5"] != scores["7"]


def test_tables_to_paste(good, tmp_path):
    """lens, heads and ablate write Markdown and LaTeX; a token in a cell is a word, whatever letters it has."""
    for command, title in (("lens", "likeliest token"), ("heads", "what heads do"), ("ablate", "matter most")):
        markdown, tex = tmp_path / "x.md", tmp_path / "x.tex"
        good(command, TEXT, "--save", str(markdown), "--save", str(tex))
        text = markdown.read_text("utf-8")
        assert title in text
        assert not re.search(r"(?<!\\)[<>]", text)  # <E9> would be read as HTML
        assert tex.read_text("utf-8").count(r"\begin{tabular}") == (1 if command == "lens" else 2)
    values = np.array([[0.25, 0.75]])
    cells = ((message("{text}", text="<E9> a_b"), message("{text}", text="50% & 鱼")),)
    form = Prepared("lens", (Panel(None, values, ("0",), ("a", "b"), weight_scale(values), cells=cells),), None, ())
    assert r"\<E9\> a\_b" in render_table(form, ".md")
    table = render_table(form, ".tex")
    assert r"a\_b" in table
    assert r"50\% \& 鱼" in table
    assert "ctex" in table


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_of_tables(call, gpt2, tmp_path, language):
    """heads, ablate and patch write a page without scripts: the list, the map, captions and notes, in one language."""
    commands = {
        "heads": (["heads", TEXT, "--model", gpt2], ["strongest pair", "L2H3"], ["最强的一对", "L2H3"]),
        "heads of the toy": (["heads", "猫吃鱼", "--heads", "2"], ["what heads do"], ["各个头做什么"]),
        "ablate": (["ablate", TEXT, "--model", gpt2], ["matter most", "Over 12 heads"], ["最要紧", "秩相关"]),
        "ablate of the toy": (["ablate", "猫吃鱼", "--token", "吃"], ["removed"], ["拿走"]),
        "patch": (["patch", TEXT, "cat the eats the cat", "--model", gpt2, "--answer", "the"], ["back"], ["带回"]),
    }
    for name, (arguments, english, chinese) in commands.items():
        path = tmp_path / "x.html"
        code, _, err = call(*arguments, "--lang", language, "--save", str(path))
        page = path.read_text(encoding="utf-8")
        assert (code, page.count("<html"), "<script" in page) == (0, 1, False), (name, err)
        assert [word for word in (english if language == "en" else chinese) if word not in page] == [], name
        path.unlink()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", TEXT, "--ablate", "1"], ["--ablate", "a layer and a head"]),
        (["run", TEXT, "--ablate", "0.9"], ["heads 0 to 3"]),
        (["run", TEXT, "--ablate", "0.1", "--ablation", "none"], ["--ablation", "zero", "mean"]),
        (["run", TEXT, "--ablation", "mean"], ["--ablation goes with --ablate"]),
        (["next", TEXT, "--ablate", "x"], ["--ablate", "a layer and a head"]),
        (["next", TEXT, "--ablate", "3.0"], ["layers 0 to 2"]),
        (["next", TEXT, "--ablation", "mean"], ["--ablation goes with --ablate"]),
        (["heads", TEXT, "--ablate", "0.1", "--ablation", "mean"], ["is not known", "--ablation zero"]),
        (["heads", TEXT, "--probe", "--ablate", "0.1", "--ablation", "mean"], ["is not known", "--ablation zero"]),
        (["run", TEXT, "--window", "4", "--ablate", "0.1", "--ablation", "mean"], ["--window", "--ablation zero"]),
        (["heads", TEXT, "--ablate", "3.*"], ["layers 0 to 2"]),
        (["ablate", TEXT, "--answer", "unaffable cat"], ["pieces"]),
        (["patch", TEXT, "cat cat eats the cat", "--answer", "the", "--against", " "], ["--against takes a word"]),
        (["patch", TEXT, "cat cat eats the cat", "--answer", "the", "--against", "the"], ["another word", "--answer"]),
        (["lens", TEXT, "--watch", "unaffable cat"], ["pieces"]),
        (["run", TEXT, "--reduce", "median"], ["--reduce takes one of mean", "'median'"]),
        (["heads", TEXT, "--sort", "induction"], ["--sort induction goes with --probe"]),
        (["heads", TEXT, "--sort", "size"], ["--sort takes one of", "'size'"]),
        (["heads", TEXT, "--like", "9.0"], ["no layer 9"]),
        (["heads", TEXT, "--like", "x"], ["such as 18.6", "'x'"]),
        (["heads", TEXT, "--map", "--color", "size"], ["--color takes one of", "'size'"]),
        (["heads", TEXT, "--color", "entropy"], ["--color goes with --map"]),
        (["heads", TEXT, "--map", "--example"], ["leave --map out"]),
        (["heads", TEXT, "--map", "--json"], ["--map and --example are for the terminal"]),
        (["heads", TEXT, "--probe"], ["at most 15", "--probe-tokens 7"]),
        (["heads", TEXT, "--probe", "--probe-tokens", "3"], ["from 4 to 1000"]),
        (["heads", TEXT, "--probe-tokens", "5"], ["--probe-tokens goes with --probe"]),
    ],
    ids=lambda value: " ".join(value[2:]) if value[:1] and value[-1].islower() else "",
)
def test_what_cannot_be_is_refused(call, gpt2, arguments, words):
    """Nothing is printed but one line, which says what was expected."""
    code, out, err = call(*arguments, "--model", gpt2)
    assert code in (1, 2)
    assert (out, err.count("\n")) == ("", 1)
    assert [word for word in words if word not in err] == []


@pytest.mark.parametrize(
    ("command", "name", "high"),
    [
        (("heads", TEXT), "x.tex", "30"),
        (("lens", TEXT), "x.tex", "0.9"),
        (("ablate", TEXT), "x.tex", "0.9"),
        (("lab", TEXT, "--vary", "mask=own,none"), "x.tex", "0.9"),
        (("patch", "the cat", "cat the", "--answer", "eats"), "x.tex", "0.9"),
        pytest.param(("next", "the cat", "--steps", "2"), "x.svg", "0.9", marks=pytest.mark.slow),
        pytest.param(("next", "the cat", "--branches", "2"), "x.svg", "0.9", marks=pytest.mark.slow),
    ],
)
def test_limits_of_maps(call, gpt2, command, name, high, tmp_path, monkeypatch):
    """--vmin and --vmax set the ends of the colours of every command's map; it says how many numbers lie beyond."""
    monkeypatch.chdir(tmp_path)
    made = {}
    for options in ((), ("--vmax", "1e-4"), ("--vmin", "1e-3", "--vmax", high)):
        code, _, err = call(*command, "--model", gpt2, "--save", name, *options)
        assert (code, err) == (0, ""), err
        made[options] = (tmp_path / name).read_text("utf-8")
    assert len(set(made.values())) == 3
    if name == "x.tex":
        assert ["lie beyond" in " ".join(one.split()) for one in made.values()][:2] == [False, True]
    for wrong in (("--vmin", "0.5", "--vmax", "0.5"), ("--vmax", "nan"), ("--vmin", "inf"), ("--vmax", "-1")):
        code, out, err = call(*command, "--model", gpt2, "--save", name, *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--vm" in err
    code, out, err = call(*command, "--model", gpt2, "--vmax", "1")
    assert (code, out, "none is saved" in err) == (2, "", True)


@pytest.mark.parametrize(
    "command",
    [
        ("next", "the cat", "--save", "x.svg"),
        ("next", "the cat", "--steps", "2", "--save", "x.md"),
        ("lens", "the cat", "--token", "cat", "--save", "x.md"),
    ],
)
def test_limits_without_a_map(call, gpt2, command, tmp_path, monkeypatch):
    """Limits of colours are refused where bars, curves or lists are drawn, as the toy's are."""
    monkeypatch.chdir(tmp_path)
    for given in (
        (*command, "--model", gpt2),
        ("ablate", "猫吃鱼", "--token", "吃", "--save", "x.svg"),
        ("lab", "猫吃鱼", "--long", "20", "--save", "x.svg"),
    ):
        code, _, err = call(*given, "--vmax", "0.5")
        assert (code, err) == (
            2,
            "attnviz: --vmax sets an end of a map’s colours, and no map is drawn here. Leave it out.\n",
        )
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError, match="vmax sets an end"):
        attnviz.next_tokens("the cat", gpt2).figure(vmax=0.5)


@pytest.mark.parametrize(
    ("command", "first", "whole"),
    [
        (("heads", TEXT, "--ablate", "0.1"), "a/b: by what the head adds / by weight alone · without head 0.1", "W_v"),
        (("heads", TEXT, "--map"), "first: the first word · ", "W_v"),
        (("run", "the cat"), "each row is one word's attention and sums to 1 · -v: how it was computed", "GPT-2"),
        (("run", "the cat", "--ablate", "0.1"), "sums to 1 · without head 0.1 (zero) · -v: how", "GPT-2"),
        (
            ("compare", "the cat", "cat the"),
            "layer 2 · mean of 4 heads · in the first text's order · -v: how it was computed",
            "GPT-2",
        ),
        (
            ("compare", "the cat", "--layer", "0", "--layer", "1"),
            "mean of the heads · -v: how it was computed",
            "GPT-2",
        ),
        (("lens", TEXT), "each layer’s guess, and how likely it is · ", "final norm"),
        (("lens", TEXT, "--token", "cat#2"), "each layer’s guess; the one on top is its answer · ", "final norm"),
        (("lens", TEXT, "--answer", "cat"), "the parts add up to the logit, its score for the word · ", "held fixed"),
        (("ablate", TEXT), "each head is switched off in turn · ", "|o' - o|"),
        (("ablate", TEXT, "--answer", "cat"), "turn · with all heads “cat” has the probability ", "GPT-2"),
        (
            ("patch", "the cat", "cat the", "--answer", "eats"),
            "back, 1 all of the difference · ",
            "probability of “eats”",
        ),
        (("next", "the cat"), "“attended to”: how much the heads took from each word · ", "Kobayashi"),
        (("next", "the cat", "--steps", "2"), "how much the heads took from each word · ", "Kobayashi"),
        (("next", "the cat", "--branches", "2", "--temperature", "1"), "drawn at temperature 1", "Kobayashi"),
        (("explain", "the cat", "--head", "1"), "head 1 · each step uses the numbers of those above it · ", "GPT-2"),
        (("tokens", "the cat"), "span: its characters, from 0", "pieces of one character joined"),
        (("lab", "the cat", "--vary", "mask=own,none"), "own mask: causal mask · cosine: 1 where its", "entropy"),
    ],
)
def test_first_captions_of_a_model(call, gpt2, command, first, whole):
    """A model's first caption says what is shown, which heads are off among it; -v says how it was computed."""
    shown = {}
    for options in ((), ("-v",)):
        code, out, _ = call(*command, "--model", gpt2, *options)
        shown[options] = " ".join(out.split())
        assert code == 0
    assert (first in shown[()], whole in shown[()]) == (True, False)
    assert "· -v: how it was computed" in shown[()]
    assert ("-v:" in shown["-v",], whole in shown["-v",]) == (False, True)
    code, out, err = call(*command, "--model", gpt2, "-v", "--json")
    assert (code, out, "--verbose changes nothing here" in err) == (2, "", True)


def test_first_verdict_of_heads(gpt2):
    """That heads rest is told with and without the thresholds of it, bold above the caption both times."""
    found = attnviz.heads(TEXT, model=gpt2)
    rows = (replace(row, character=row.character._replace(pattern="sink")) for row in found.rows)
    idle = replace(found, rows=tuple(rows))
    for brief, said in ((True, "12 heads rest: they"), (False, "12 heads rest and add little: at least .50")):
        for form in (prepare_heads(idle, brief=brief), prepare_map(idle, brief=brief)):
            assert (str(form.notes[0]).startswith(said), form.verdicts) == (True, 1)
