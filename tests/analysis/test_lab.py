"""The laboratory shows each setting as run computes it, and how weight falls with distance."""

from __future__ import annotations

import csv
import io
import json
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near, assert_near64, assert_within
from rich.cells import cell_len

import attnviz
from attnviz import cli
from attnviz.analysis.entropy import entropy
from attnviz.analysis.lab import VARIES, distances_document, lab_document, read_axis, recurrent_memory
from attnviz.analysis.order_blindness import Blindness
from attnviz.analysis.run_lab import CHOICES
from attnviz.core.errors import OptionError
from attnviz.core.masks import make_mask
from attnviz.core.positions import SCHEMES
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import Settings
from attnviz.toy.words import read_words
from attnviz.views.prepared.lab import distance_bins, prepare_distances, prepare_lab
from attnviz.views.prepared.presentation import PICTURE, Presentation
from attnviz.views.terminal.blocks import _rows_of_grids, render_blocks
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.screen import Screen
from attnviz.views.terminal.sparks import points_that_fit, render_sparks

PHONE = "我上周买的手机屏幕碎了"


def test_every_scheme_with_every_mask():
    """By default every position scheme meets every mask, and each cell is what run gives."""
    found = attnviz.lab("小猫吃鱼")
    assert [axis.name for axis in found.axes] == ["position", "mask"]
    assert [cell.values for cell in found.cells] == [
        (scheme, mask) for scheme in SCHEMES for mask in ("none", "causal", "window:1")
    ]
    for cell in found.cells:
        alone = attnviz.run("小猫吃鱼", position=cell.values[0], mask=cell.values[1])
        assert np.array_equal(cell.weights, alone.weights[0, 0])
        assert_near64(cell.bits, entropy(alone.weights[0, 0]).mean())


@pytest.mark.parametrize("text", ["猫吃鱼", "the cat eats the fish", PHONE])
def test_blindness(text):
    """Without positions no order is seen, by symmetric schemes no direction; any other setting sees both."""
    for cell in attnviz.lab(text).cells:
        scheme, mask = cell.values
        expected = Blindness.NOTHING
        if mask != "causal" and SCHEMES[scheme].symmetric:
            expected = Blindness.ANY_ORDER if (scheme, mask) == ("none", "none") else Blindness.MIRROR_IMAGE
        assert cell.blind_to == expected, cell.values


def test_set_positions_and_masks_do_not_vary():
    """A position or a mask that is set is the only one; words of another text have no causal mask."""
    assert {cell.values[0] for cell in attnviz.lab("猫吃鱼", position="rope").cells} == {"rope"}
    assert {cell.values[1] for cell in attnviz.lab("猫吃鱼", mask="window:2").cells} == {"window:2"}
    cross = attnviz.lab("猫吃鱼", keys="the cat eats fish")
    assert {cell.values[1] for cell in cross.cells} == {"none", "window:1"}
    assert cross.cells[0].columns == ("the", "cat", "eats", "fish")


@pytest.mark.parametrize(
    ("vary", "values"),
    [
        ("heads=1,2,4", (1, 2, 4)),
        ("temperature=0.25,1", (0.25, 1.0)),
        ("projection=all", ("identity", "lexicon", "random")),
        ("tokens=char,lexicon,space", ("char", "lexicon", "space")),
        ("seed=0,1", (0, 1)),
        ("offset=0,9", (0, 9)),
        ("mask=none,window:1+causal", ("none", "window:1,causal")),
        ("position=all", tuple(SCHEMES)),
        ("position=rope, rope ,t5", ("rope", "t5")),
        ("--heads=2", (2,)),
    ],
)
def test_vary(vary, values):
    """What --vary names varies, each cell as run computes it, and nothing else changes."""
    found = (
        attnviz.lab(PHONE, vary=[vary], projection="random")
        if not vary.startswith("projection")
        else attnviz.lab(PHONE, vary=[vary])
    )
    name = found.axes[0].name
    assert found.axes[0].values == values
    assert lab_document(found)["settings"][name] is None
    own = {} if name == "projection" else {"projection": "random"}
    for cell, value in zip(found.cells, values, strict=True):
        alone = attnviz.run(PHONE, **{name: value}, **own)
        assert np.array_equal(cell.weights, alone.mean().weights[0, 0])
        assert cell.rows == tuple(token.text for token in alone.query)


def test_two_things_vary():
    """Two axes make a cell for each combination."""
    found = attnviz.lab("猫吃鱼", vary=["embedding=hash,onehot", "temperature=1,2"])
    assert [cell.values for cell in found.cells] == [("hash", 1.0), ("hash", 2.0), ("onehot", 1.0), ("onehot", 2.0)]
    found = attnviz.lab("猫吃鱼", vary=["dim=8,16,32"], embedding="hash")
    assert [cell.weights.shape for cell in found.cells] == [(3, 3)] * 3


@given(st.text(max_size=20))
def test_any_spelling_is_read_or_refused(text):
    """Whatever --vary is given, it is an axis or an error for readers."""
    try:
        axis = read_axis(text, VARIES, CHOICES)
    except OptionError:
        return
    assert axis.name in VARIES
    assert axis.values


def test_a_scheme_that_cannot_be():
    """Rope with an odd number of dimensions is a cell that says why; the others are there."""
    found = attnviz.lab("猫吃鱼", embedding="hash", dim=9, heads=3)
    bad = [cell for cell in found.cells if cell.problem is not None]
    assert {cell.values[0] for cell in bad} == {"rope", "rope-half"}
    assert all(cell.blind_to is None and not cell.weights.any() for cell in bad)
    form = prepare_lab(found)
    assert sum(str(panel.caption) == "not possible" for panel in form.panels) == len(bad)
    assert any("rope is not possible" in str(note) and "even" in str(note) for note in form.notes)
    assert {cell["problem"] is None for cell in lab_document(found)["cells"]} == {True, False}
    with pytest.raises(OptionError, match="even"):
        attnviz.lab("猫吃鱼", embedding="hash", dim=9, position="rope")
    with pytest.raises(OptionError, match="divide"):
        attnviz.lab("猫吃鱼", embedding="hash", dim=9, vary=["heads=1,2"])


def test_what_is_at_fault():
    """What is told of a setting that cannot be names the value that is at fault, or both where it takes both."""
    found = attnviz.lab("猫吃鱼", embedding="hash", dim=9, vary=["temperature=1,2", "position=none,rope"])
    (note,) = [str(note) for note in prepare_lab(found).notes if "is not possible" in str(note)]
    assert note.startswith("rope is not possible")
    found = attnviz.lab("猫吃鱼", embedding="hash", vary=["dim=8,9", "position=none,rope"])
    (note,) = [str(note) for note in prepare_lab(found).notes if "is not possible" in str(note)]
    assert note.startswith("9 dimensions, rope is not possible")


def test_digits_of_entropies():
    """Entropies have two decimal places, or as many as are asked for."""
    found = attnviz.lab("猫吃鱼", position="none", mask="causal")
    assert re.search(r" \.?\d+\.\d\d bits$", str(prepare_lab(found).panels[0].caption))
    assert re.search(r"\.\d{5} bits$", str(prepare_lab(found, presentation=Presentation(5)).panels[0].caption))


def test_head():
    """One head is shown, or the mean of all."""
    named = attnviz.lab("猫吃鱼", heads=4, head="who acts", position="none", mask="causal")
    alone = attnviz.run("猫吃鱼", heads=4, mask="causal")
    assert np.array_equal(named.cells[0].weights, alone.select(head="who acts").weights[0, 0])
    assert (named.head, attnviz.lab("猫吃鱼", heads=4).head) == ("who acts", "mean")


def text_of(renderable, width):
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), highlight=False, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [20, 40, 80, 120, 200])
@pytest.mark.parametrize("text", ["猫吃鱼", PHONE, "the cat eats [/INST] \x1b[2J fish and internationalization"])
def test_grids_fit(width, text):
    """At any width the grids fit; where three masks fit side by side, lines begin with the first."""
    form = prepare_lab(attnviz.lab(text, tokens="auto"))
    shown = text_of(render_blocks(form, Choice(), Screen(width, colors="none")), width)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert "\x1b" not in shown
    for line in shown.splitlines():
        if line.count(", no mask") + line.count(", causal") > 1:
            assert line.split(",")[1].strip().startswith("no mask")


def test_one_scale():
    """All grids share one scale, up to the largest weight of all."""
    form = prepare_lab(attnviz.lab(PHONE))
    assert len({panel.scale for panel in form.panels}) == 1
    assert form.panels[0].scale.high == 1  # the first word under a causal mask


def test_pictures_are_wide():
    """In a picture the longer axis runs across, with every cell once."""
    found = attnviz.lab("猫吃鱼")
    form = prepare_lab(found, presentation=PICTURE)
    assert form.across == len(SCHEMES)
    titles = [str(panel.title) for panel in form.panels]
    assert titles[:2] == ["no positions, no mask", "sinusoidal, no mask"]
    assert sorted(titles) == sorted(str(panel.title) for panel in prepare_lab(found).panels)


def by_hand(text, count, **options):
    """Mean weights by distance from the whole matrix of one run."""
    own = Settings(**options)
    words, _ = read_words(text, own)
    rows = np.resize(np.arange(len(words.tokens)), count)
    weights = attend_to(words.reordered(rows), own).weights[0].mean(axis=0)
    allowed = make_mask(own.mask, count, count)
    allowed = np.ones((count, count), dtype=bool) if allowed is None else allowed
    distance = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    chosen = [weights[(distance == d) & allowed] for d in range(count)]
    return [float(one.mean()) if len(one) else np.nan for one in chosen]


@pytest.mark.parametrize("mask", ["none", "causal", "window:3", "window:70,causal"])
@pytest.mark.parametrize(("embedding", "heads"), [("toy", 1), ("toy", 4), ("hash", 2)])
@pytest.mark.parametrize("count", [2, 5, 133])
def test_by_distance(mask, embedding, heads, count):
    """Computed in blocks of rows, each scheme's curve is that of its whole matrix."""
    options = {
        "mask": mask,
        "embedding": embedding,
        "heads": heads,
        "offset": 3,
        "temperature": 0.7,
        "projection": "random",
    }
    found = attnviz.by_distance("猫吃鱼的狗", count, **options)
    assert list(found.curves) == list(SCHEMES)
    for scheme, curve in found.curves.items():
        expected = by_hand("猫吃鱼的狗", count, position=scheme, **options)
        assert_near(curve, expected)


@pytest.mark.parametrize("mask", ["none", "causal"])
def test_all_weight_is_somewhere(mask):
    """Mean weights times their pairs are all the weight there is: one a row."""
    count = 200
    pairs = np.array([count, *(2 * (count - d) for d in range(1, count))])
    if mask == "causal":
        pairs = count - np.arange(count)
    for curve in attnviz.by_distance("猫吃鱼", count, mask=mask).curves.values():
        assert_near(curve @ pairs, count)


def test_alibi_falls_with_distance():
    """For words that are all the same, ALiBi falls by its slope, 2^-8 for one head, beside what no positions give."""
    found = attnviz.by_distance("猫", 300, mask="window:40")
    plain = found.curves["none"][:41]
    assert_within(plain / plain[0], 1, 0.05, "rows near the ends have fewer words in the window")
    beside = found.curves["alibi"][:41] / plain
    assert (np.diff(beside) < 0).all()
    assert_within(beside[40] / beside[0] / np.exp(-40 / 256), 1, 0.02, "the sum of a row changes a little too")


def test_memory_stays_low():
    """N x N never exists: a text of 4,096 tokens takes far less than one matrix of float32 would."""
    attnviz.by_distance("猫吃鱼", 64)
    tracemalloc.start()
    attnviz.by_distance("猫吃鱼", 4096, vary=["position=t5,alibi,rope"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4096 * 4096 * 4 / 3


def test_schemes_that_cannot_be_are_left_out():
    """Of several schemes one that cannot be is left out, and the notes say so."""
    found = attnviz.by_distance("猫吃鱼", 20, embedding="hash", dim=9)
    assert set(SCHEMES) - set(found.curves) == {"rope", "rope-half"}
    assert sum("not possible here" in str(note) for note in found.notes) == 2


@given(st.integers(1, 50), st.floats(0.01, 0.99))
def test_recurrent_memory(count, keep):
    """The model is the recurrence: feeding a 1 once, its trace falls as (1 - a) a^d."""
    state, trace = 0.0, []
    for step in range(count):
        state = keep * state + (1 - keep) * (1.0 if step == 0 else 0.0)
        trace.append(state)
    assert_near64(recurrent_memory(count, keep), trace)


@given(st.integers(2, 5000), st.integers(2, 100))
@settings(deadline=None)
def test_bins(count, most):
    """Ranges follow each other from 0 to the last distance, and there are no more than asked for."""
    bins = distance_bins(count, most)
    assert [start for start, _ in bins] == [0, *(stop for _, stop in bins[:-1])]
    assert bins[-1][1] == count
    assert len(bins) <= most + 1
    assert all(start < stop for start, stop in bins)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
@pytest.mark.parametrize("plain", [False, True])
def test_curves_fit(width, plain):
    """At any width the curves fit, with block elements or with digits."""
    screen = Screen(width, ascii=plain, encoding="ascii" if plain else "utf-8", colors="none")
    found = attnviz.by_distance("猫吃鱼", 300)
    shown = text_of(render_sparks(prepare_distances(found, most=points_that_fit(screen)), screen), width)
    assert max(map(cell_len, shown.splitlines())) <= width
    assert ("█" in shown) != plain
    assert "recurrent" in shown
    if plain:
        assert shown.isascii()


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["lab", *arguments])
    return stop.value.code, *capsys.readouterr()


def test_json(capsys):
    """JSON is the document, of the grids and of the curves."""
    code, out, _ = run(capsys, "猫吃鱼", "--vary", "heads=1,2", "--json")
    assert code == 0
    assert json.loads(out) == json.loads(json.dumps(lab_document(attnviz.lab("猫吃鱼", vary=["heads=1,2"]))))
    code, out, _ = run(capsys, "猫吃鱼", "--long", "40", "--mask", "window:3", "--json")
    found = json.loads(out)
    assert code == 0
    assert found == json.loads(json.dumps(distances_document(attnviz.by_distance("猫吃鱼", 40, mask="window:3"))))
    assert found["curves"]["none"][4] is None
    assert len(found["recurrent"]["curve"]) == 40


@pytest.mark.slow
def test_files(capsys, tmp_path):
    """Pictures and data of grids and of curves, the same at each time."""
    for k, arguments in enumerate((["猫吃鱼"], ["猫吃鱼", "--vary", "temperature=1,2"], ["猫吃鱼", "--long", "50"])):
        names = [f"{k}.{kind}" for kind in ("png", "svg", "pdf", "csv", "json")]
        for turn in ("a", "b"):
            (tmp_path / turn).mkdir(exist_ok=True)
            saves = [part for name in names for part in ("--save", str(tmp_path / turn / name))]
            assert run(capsys, *arguments, *saves)[0] == 0
        for name in names:
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
        assert (tmp_path / "a" / names[0]).read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "a" / "0.csv").read_text(encoding="utf-8-sig"))))
    assert len(rows) == 3 * len(SCHEMES) * 9
    assert rows[0] | {"weight": ""} == {
        "position": "none",
        "mask": "none",
        "query_index": "0",
        "query": "猫",
        "key_index": "0",
        "key": "猫",
        "weight": "",
        "bits": rows[0]["bits"],
        "blind_to": "any order",
    }
    curves = list(csv.DictReader(io.StringIO((tmp_path / "a" / "2.csv").read_text(encoding="utf-8-sig"))))
    assert [row["distance"] for row in curves] == [str(d) for d in range(50)]
    assert_near64(curves[3]["recurrent"], 0.1 * 0.9**3)


def test_screen(capsys, monkeypatch):
    """On the screen each grid has its title, its entropy and its blindness."""
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = run(capsys, "猫吃鱼")
    assert (code, err) == (0, "")
    assert out.count("bits") == 22
    assert out.count("order-blind") == 2
    code, out, _ = run(capsys, "猫吃鱼", "--long", "64", "--vary", "position=none,alibi")
    assert code == 0
    assert "alibi" in out
    assert "t5" not in out


def test_all_may_stand_among_others():
    """`all` in a list stands for every value there is, once."""
    found = read_axis("embedding=all,words.vec,toy", VARIES, CHOICES)
    assert found.values == (*CHOICES["embedding"], "words.vec")


@pytest.mark.parametrize(
    ("count", "fit", "across", "rows"),
    [
        (21, 3, 3, [3] * 7),
        (21, 5, 3, [3] * 7),
        (21, 6, 3, [6, 6, 6, 3]),
        (21, 2, 3, [2, 1] * 7),
        (6, 1, 3, [1] * 6),
        (5, 3, 0, [3, 2]),
        (5, 9, 0, [5]),
        (4, 3, 4, [3, 1]),
    ],
)
def test_as_many_grids_as_fit(count, fit, across, rows):
    """Grids of one group begin a line, as many beside each other as fit; two whole groups share one where they can."""
    found = _rows_of_grids(count, fit, across)
    assert list(map(len, found)) == rows
    assert [place for row in found for place in row] == list(range(count))


@pytest.mark.parametrize("text", ["猫", "猫吃鱼"])
@pytest.mark.parametrize("count", [2, 3, 512])
def test_the_memory_is_seen(text, count):
    """The recurrent memory has a height at its beginning, however short the text."""
    (chart,) = prepare_distances(attnviz.by_distance(text, count)).charts
    assert chart.series[-1].y[0] > chart.floor


def test_no_spaces_at_the_end_of_a_line():
    """A silhouette's upper line may be empty; then it is."""
    lines = text_of(render_sparks(prepare_distances(attnviz.by_distance("猫吃鱼", 64)), Screen(80)), 80)
    assert [line for line in lines.splitlines() if line != line.rstrip()] == []
