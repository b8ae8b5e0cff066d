"""Taking a word or a head away moves the result as the arithmetic says; rank correlations are SciPy's."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_apart, assert_near, assert_near64
from paths import GOLDEN
from rich.cells import cell_len

import attnviz
from attnviz import cli
from attnviz.analysis.ablation import ablation_document, moved, ranks, spearman
from attnviz.core.errors import AttnvizError
from attnviz.core.positions import SCHEMES
from attnviz.i18n.decimals import with_sign
from attnviz.views.prepared.ablation import draw_ablation, prepare_ablation

ANSWERS = np.load(GOLDEN / "spearman.npz")
NAMES = sorted({name.rsplit("_", 1)[0] for name in ANSWERS.files})
PHONE = "我上周买的手机屏幕碎了"
matrices = st.integers(2, 6).flatmap(
    lambda n: st.lists(st.lists(st.floats(-2, 2, width=32), min_size=4, max_size=4), min_size=n, max_size=n)
)


@pytest.mark.parametrize("name", NAMES)
def test_golden_ranks_and_correlations(name):
    """Ranks share their mean at ties, and correlations are those of SciPy."""
    x, y = ANSWERS[f"{name}_values"]
    assert np.array_equal([ranks(x), ranks(y)], ANSWERS[f"{name}_ranks"])
    assert_near64(spearman(x, y), ANSWERS[f"{name}_correlation"])


@given(st.lists(st.integers(0, 9), min_size=3, max_size=12, unique=True), st.randoms())
def test_only_ranks_count(values, random):
    """A rising function changes nothing, the reversed order changes the sign, and with itself it is 1."""
    other = values[:]
    random.shuffle(other)
    found = spearman(values, other)
    assert_near64(spearman(values, values), 1)
    assert_near64(spearman(values, [-value for value in values]), -1)
    assert_near64(spearman([value**3 for value in values], other), found)
    assert_near64(spearman(other, values), found)


@pytest.mark.parametrize(
    ("x", "y"),
    [([1, 2], [1, 2]), ([], []), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [0.5] * 3), ([0.1, 0.1 + 1e-9, 0.1], [1, 2, 3])],
)
def test_no_correlation(x, y):
    """Fewer than three, or numbers that are the same up to rounding, have none."""
    assert spearman(x, y) is None


@given(matrices, st.integers(0, 5), st.data())
@settings(deadline=None)
def test_a_word_is_taken_out_by_the_arithmetic(rows, index, data):
    """Without positions o' = (o - w_j v_j) / (1 - w_j), taken out or masked: the other weights grow in proportion."""
    matrix = np.array(rows, dtype=np.float32)
    index %= len(matrix)
    by = data.draw(st.sampled_from(["word", "mask"]))
    attention = attnviz.run(vectors=matrix)
    weights, before = attention.weights[0, 0, index].astype(float), attention.output[index].astype(float)
    found = attnviz.ablate(vectors=matrix, token=str(index), by=by)
    assert [one.index for one in found.removals] == [j for j in range(len(matrix)) if j != index]
    for one in found.removals:
        left = 1 - weights[one.index]
        after = (before - weights[one.index] * matrix[one.index]) / left
        assert_near(one.weight, weights[one.index])
        size = np.linalg.norm(before)
        assert_near(one.moved * size * left, np.linalg.norm(after - before) * left, size=matrix)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_positions_close_up(scheme):
    """Taken out, the rest is the text without the word; masked, the positions of the others stay."""
    found = attnviz.ablate("猫吃鱼的狗", "鱼", position=scheme)
    for one in found.removals:
        words = ["猫", "吃", "鱼", "的", "狗"]
        words.pop(one.index)
        shorter = attnviz.run("".join(words), position=scheme)
        whole = attnviz.run("猫吃鱼的狗", position=scheme)
        expected = moved(whole.output[2], shorter.output[words.index("鱼")])
        assert_near(one.moved, expected)


def test_mask_and_word_differ_by_positions():
    """With positions it makes a difference whether a word is taken out or masked; without them none."""
    plain = [[one.moved for one in attnviz.ablate(PHONE, "碎", by=by).removals] for by in ("word", "mask")]
    placed = [
        [one.moved for one in attnviz.ablate(PHONE, "碎", by=by, position="sinusoidal").removals]
        for by in ("word", "mask")
    ]
    assert_near(*plain)
    assert_apart(*placed)


@pytest.mark.parametrize("projection", ["identity", "lexicon", "random"])
@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heads_add_up(projection, heads):
    """The heads' parts are the vector: what each head's absence takes away adds up to the output."""
    attention = attnviz.run(PHONE, heads=heads, projection=projection)
    found = attnviz.ablate(PHONE, "碎", by="head", heads=heads, projection=projection)
    trace = attention.traces[0]
    matrix = trace.projection.output
    assert [one.name for one in found.removals] == list(attention.heads)
    for number, one in enumerate(found.removals):
        part = np.zeros((heads, trace.context.shape[-1]))
        part[number] = trace.context[number, found.index]
        flat = part.reshape(-1)
        taken = flat if matrix is None else flat @ matrix
        assert_near(one.moved * found.length, np.linalg.norm(taken))
        assert_near(one.weight, attention.weights[0, number, found.index].max())
    if heads == 1:
        assert_near(found.removals[0].moved, 1)


def test_forbidden_words_do_not_count():
    """What the mask forbids has no weight, is marked, and is left out of the correlation."""
    found = attnviz.ablate(PHONE, "买", mask="causal", by="mask")
    assert [one.allowed for one in found.removals] == [True, True, False, False, False, False, False]
    assert {one.moved for one in found.removals if not one.allowed} == {0.0}
    assert found.correlation is None
    assert "2 words have no" in str(found.verdict())
    document = ablation_document(found)
    assert [row["weight"] is None for row in document["rows"]] == [not one.allowed for one in found.removals]


def test_cross():
    """With keys the words of the other text go, in turn, and no word stays."""
    found = attnviz.ablate("猫吃鱼", "吃", keys="the cat eats fish")
    assert [one.name for one in found.removals] == ["the", "cat", "eats", "fish"]
    assert found.own is None
    alone = attnviz.ablate("猫吃鱼", "吃", keys="cat")
    assert_near([one.moved for one in alone.removals], [1])


def test_which_word():
    """Without a token it is the one that looks least evenly, and the notes say so; 猫#2 is the second."""
    found = attnviz.ablate(PHONE)
    assert found.token.text == "碎"
    assert "碎" in str(found.notes[-1])
    assert found.token == attnviz.explain(PHONE).query[attnviz.explain(PHONE).token], "explain chooses by the same rule"
    assert attnviz.ablate("猫").notes == ()
    assert attnviz.ablate("猫吃3", 2).index == 2, "an int is an index"
    assert attnviz.ablate("猫吃猫", "猫#2").index == 2
    assert "2 times" in str(attnviz.ablate("猫吃猫", "猫").notes[-1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": "猫"}, "nothing else"),
        ({"text": "猫吃"}, "1 word has no"),
        ({"text": "猫吃鱼"}, "2 words have no"),
        ({"text": "猫吃鱼", "by": "head"}, "1 head has no"),
        ({"text": "猫吃鱼", "mask": "causal", "token": "猫"}, "nothing that is removed"),
        ({"text": "a b c d", "embedding": "onehot", "token": "a"}, "same weight"),
        ({"text": PHONE, "token": "屏幕"}, "mostly means more"),
        ({"text": PHONE, "token": "碎"}, "read as importance"),
    ],
)
def test_verdicts(arguments, words):
    """Each case has its own sentence."""
    assert words in str(attnviz.ablate(**arguments).verdict())


@pytest.mark.parametrize(
    ("value", "over_seven", "over_four"),
    [
        (1.0, ("read as importance", "looks mainly at one word matters more"), ("can be chance",) * 2),
        (0.85, ("mostly means more", "mostly matters more"), ("can be chance",) * 2),
        (0.7, ("can be chance",) * 2, ("can be chance",) * 2),
        (0.0, *[("says little about importance", "says little about how much")] * 2),
        (-0.85, ("less weight matter more", "looks at many words matters more"), ("can be chance",) * 2),
    ],
)
@pytest.mark.parametrize("by", ["mask", "head"])
def test_readings(monkeypatch, value, over_seven, over_four, by):
    """Each strength of a correlation has its own reading, and over few words or heads it says that it can be chance."""
    monkeypatch.setattr("attnviz.analysis.ablation.spearman", lambda *_: value)
    for text, heads, readings in (("a b c d e f g h", 7, over_seven), ("a b c d e", 4, over_four)):
        found = attnviz.ablate(text, 0, by=by, heads=heads, embedding="hash", dim=84)
        said, count = str(found.verdict()), len(found.removals)
        assert said.startswith(f"Over {count} {'heads' if by == 'head' else 'words'} ")
        assert str(with_sign(value, 2)) in said
        assert readings[by == "head"] in said
        closing = str(prepare_ablation(found).notes[-1])
        assert closing.endswith("can differ.") == (value < 0.9 and "chance" not in said)
        assert closing.endswith("says nothing about one.") == (value >= 0.9 or "chance" in said)


def test_zero_vector():
    """Where the vector is zeros, distances are as they are."""
    found = attnviz.ablate(vectors=[[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]], token="0")
    assert_near(found.length, 0)
    assert all(np.isfinite(one.moved) for one in found.removals)


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["ablate", *arguments])
    return stop.value.code, *capsys.readouterr()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("text", [PHONE, "internationalization eats [/INST] \x1b[2J fish", "猫 吃 👩‍👩‍👧 กำ"])
def test_fits(capsys, monkeypatch, width, text):
    """At any width and for any words the list fits and nothing in it acts."""
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = run(capsys, text, "--token", "0", "--tokens", "space" if " " in text else "auto")
    assert code == 0
    assert max(map(cell_len, out.splitlines())) <= width
    assert "\x1b" not in out


def test_json(capsys):
    """JSON is the document, for each way."""
    for by in ("word", "mask", "head"):
        code, out, _ = run(capsys, PHONE, "--token", "碎", "--by", by, "--heads", "4", "--json")
        assert code == 0
        assert json.loads(out) == json.loads(json.dumps(ablation_document(attnviz.ablate(PHONE, "碎", by=by, heads=4))))


def test_head_whose_weight_stands_beside(capsys):
    """--head names the weights that are shown; how far the result moves is of all heads."""
    named = json.loads(run(capsys, PHONE, "--token", "碎", "--heads", "4", "--head", "who acts", "--json")[1])
    mean = json.loads(run(capsys, PHONE, "--token", "碎", "--heads", "4", "--json")[1])
    assert [row["moved"] for row in named["rows"]] == [row["moved"] for row in mean["rows"]]
    assert [row["weight"] for row in named["rows"]] != [row["weight"] for row in mean["rows"]]
    assert (named["head"], mean["head"]) == ("who acts", "mean")


def test_files(capsys, tmp_path):
    """Pictures and data, for words and for heads, and for a text with nothing to take away."""
    for k, arguments in enumerate(([PHONE], [PHONE, "--by", "head", "--heads", "4"], ["猫"])):
        names = [tmp_path / f"{k}.{kind}" for kind in ("png", "svg", "pdf", "csv", "json")]
        saves = [part for name in names for part in ("--save", str(name))]
        assert run(capsys, *arguments, *saves)[0] == 0
        assert names[0].read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "0.csv").read_text(encoding="utf-8-sig"))))
    assert [row["text"] for row in rows] == ["我", "上周", "买", "的", "手机", "屏幕", "了"]


def test_list_and_bars_agree():
    """The list and the picture have the same numbers, and each longest bar is whole."""
    found = attnviz.ablate(PHONE, "碎", mask="window:4")
    listing, charts = prepare_ablation(found), draw_ablation(found)
    for column, bars in zip(listing.groups[0], charts.charts, strict=True):
        assert column.cells == bars.texts
        assert max(column.bars) == 1
    assert "·" in listing.groups[0][0].cells


def test_errors_are_told():
    """What cannot be is an AttnvizError."""
    for options in ({"by": "x"}, {"token": "狗"}, {"head": "x"}, {"head": 3}, {"heads": 3}):
        with pytest.raises(AttnvizError):
            attnviz.ablate("猫吃鱼", **options)


def test_words_that_stand_several_times():
    """The second 猫 is 猫#2, as a row and as the word that looks, in a list and in a picture."""
    first, second = (attnviz.ablate("猫吃猫", token) for token in ("猫", "猫#2"))
    assert prepare_ablation(first).labels == ("吃", "猫#2")
    assert prepare_ablation(second).labels == ("猫", "吃")
    assert "猫#2" in str(prepare_ablation(second).heading)
    assert "猫#2" not in str(prepare_ablation(first).heading)
    assert draw_ablation(first).charts[0].labels == ("吃", "猫#2")
    assert [row["text"] for row in ablation_document(first)["rows"]] == ["吃", "猫"], "data has the text as it is"
