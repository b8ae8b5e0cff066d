"""Costs are counted exactly, measured only where that is cheap, and predicted beyond."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near64, assert_within

import attnviz
from attnviz import cli
from attnviz.analysis import cost as costs
from attnviz.analysis.cost import (
    SIZES,
    Setup,
    allowed_pairs,
    cost,
    cost_document,
    fit_time,
    measure_cheap,
    measured_seconds,
    predict,
    read_count,
)
from attnviz.core.errors import OptionError
from attnviz.core.masks import make_mask
from attnviz.views.prepared.cost import draw_costs
from attnviz.views.prepared.quantities import byte_words, count_words, second_words, short, short_count


def square(tokens, features):
    """A machine on which a score takes a nanosecond, whatever the number of features."""
    assert features >= 1
    return 1e-9 * tokens**2


@pytest.fixture
def machine(monkeypatch):
    """That machine in the place of this one."""
    monkeypatch.setattr(costs, "measured_seconds", square)


@given(
    st.integers(0, 40),
    st.one_of(
        st.sampled_from(["none", "causal"]),
        st.builds("window:{}{}".format, st.integers(0, 50), st.sampled_from(["", ",causal"])),
    ),
)
def test_allowed_pairs(tokens, mask):
    """The closed form counts what the mask allows."""
    made = make_mask(mask, tokens, tokens)
    assert allowed_pairs(mask, tokens) == (tokens**2 if made is None else int(made.sum()))


@given(st.integers(0, 10**30), st.integers(1, 8), st.integers(1, 48), st.integers(1, 16))
def test_counted(tokens, heads, layers, width):
    """Scores, steps and memory are what their definitions say, in whole numbers, for any N."""
    row = cost([tokens], heads=heads, layers=layers, dim=heads * width, measure=square).rows[0]
    assert row.scores == layers * heads * tokens * tokens
    assert row.steps == layers * tokens
    assert row.masked <= row.scores
    cards = 4 * 4 * tokens * heads * width
    assert row.dense == cards + 4 * row.scores
    assert row.streamed == cards + 4 * heads * min(tokens, 64) * tokens
    assert row.streamed <= row.dense


def test_dense_is_what_the_arrays_take():
    """The memory of float32 cards and weights, as NumPy counts it."""
    cards = np.zeros((4, 50, 64), dtype=np.float32)
    weights = np.zeros((2, 8, 50, 50), dtype=np.float32)
    row = cost([50], heads=8, layers=2, measure=square).rows[0]
    assert row.dense == cards.nbytes + weights.nbytes


def test_twice_the_tokens():
    """Twice as many tokens: four times as many scores, twice as many steps, the predicted time four times as long."""
    one, two = cost([10**6, 2 * 10**6], measure=square).rows
    assert two.scores == 4 * one.scores
    assert two.steps == 2 * one.steps
    assert_near64(two.seconds / one.seconds, 4)


def test_by_default():
    """A sentence, a page, a report of 20 pages and a book, by their names."""
    found = cost(measure=square)
    assert [(row.name, row.tokens) for row in found.rows] == list(SIZES.items())
    assert SIZES["20-page report"] == 20 * SIZES["page"]


def test_only_cheap_sizes_are_tried():
    """Nothing is measured that could take longer than the budget, and such rows are predicted."""
    tried = []

    def measure(tokens, features):
        tried.append(tokens)
        return square(tokens, features)

    found = cost([0, 10**12, 300], measure=measure)
    assert max(tried) <= costs._LADDER[-1]
    assert sum(costs._REPEATS * square(tokens, 64) for tokens in tried) < 2 * costs._BUDGET
    assert [row.measured for row in found.rows] == [True, False, True]
    assert found.rows[0].seconds == 0
    assert_near64(found.rows[1].seconds / square(10**12, 64), 1)
    assert 0 not in tried


def test_slow_machine():
    """Where the smallest size already takes a second, no other is tried, and the rest follows by the square."""
    tried = []

    def measure(tokens, _):
        tried.append(tokens)
        return 1.0

    assert_near64(cost([128], measure=measure).rows[0].seconds, 4)
    assert tried == [64]


def test_no_time():
    """A clock that does not move gives no prediction, and says so."""
    found = cost([10**6], measure=lambda *_: 0.0)
    assert (found.fit, found.rows[0].seconds) == (None, None)
    assert len(draw_costs(found).charts) == 2


@given(st.lists(st.floats(1e-12, 1e-3), min_size=3, max_size=3))
def test_fit_finds_what_is_there(terms):
    """Times that are a + b N + c N^2 are fitted exactly."""
    a, b, c = terms
    timings = {tokens: a + b * tokens + c * tokens**2 for tokens in (64, 128, 256, 512, 1024, 2048, 4096)}
    fit = fit_time(timings)
    for tokens, seconds in timings.items():
        assert_within(predict(fit, tokens) / seconds, 1, 1e-4, "the equations of the fit are ill-conditioned")


@given(st.dictionaries(st.integers(1, 5000), st.floats(1e-9, 10), min_size=1, max_size=9))
def test_fit_never_falls(timings):
    """However noisy the times are, more tokens are never predicted to take less time."""
    fit = fit_time(timings)
    assert min(fit) >= 0
    assert fit[2] > 0
    predicted = [predict(fit, tokens) for tokens in (0, 1, 10, 10**4, 10**12, 10**30)]
    assert predicted == sorted(predicted)
    assert np.isfinite(predicted).all()


def test_measures_the_kernel():
    """The measurement runs the attention kernel, over every row."""
    assert measure_cheap([], Setup(dim=8), lambda _, features: float(features == 8)) == {64: 1.0}
    assert costs.measured_seconds(100, 8) > 0


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("0", 0),
        ("1000", 1000),
        ("1,000", 1000),
        ("1_000", 1000),
        ("1e6", 10**6),
        ("1.5e3", 1500),
        ("2.50e1", 25),
        ("10^12", 10**12),
        ("10**12", 10**12),
        (" 7 ", 7),
        ("1E+3", 1000),
        ("1" + "0" * 30, 10**30),
    ],
)
def test_read_count(text, tokens):
    """Numbers are read as people write them, exactly."""
    assert read_count(text) == tokens


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-5",
        "x",
        "1.5",
        "1e-3",
        "1.55e1",
        "nan",
        "inf",
        "１０",
        "1 000",
        "0x10",
        "9" * 5000,
        "10^999",
        "1e999",
        "猫",
    ],
)
def test_no_count(text):
    """What is no whole number is refused in one short line."""
    with pytest.raises(OptionError) as error:
        cost([read_count(text)], measure=square)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    "options",
    [
        {"heads": 0},
        {"heads": 3},
        {"dim": 0},
        {"layers": 0},
        {"layers": 10**9},
        {"mask": "windw:3"},
        {"counts": []},
        {"counts": [-1]},
        {"counts": [10**30 + 1]},
    ],
)
def test_bad_setup(options):
    """What cannot be is an error before anything is measured."""
    with pytest.raises(OptionError):
        cost(**{"counts": [5], "measure": None} | options)


def test_once():
    """A number that is named twice has one row, where it came first."""
    assert [row.tokens for row in cost([5, 3, 5], measure=square).rows] == [5, 3]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (count_words(999), "999"),
        (count_words(10**12 - 1), "999,999,999,999"),
        (count_words(10**12), "10¹²"),
        (short_count(10**9 - 1), "999,999,999"),
        (short_count(10**9), "10⁹"),
        (short_count(12_345 * 10**6), "1.23×10¹⁰"),
        (byte_words(0), "0 B"),
        (byte_words(999), "999 B"),
        (byte_words(1000), "1 kB"),
        (byte_words(999_999), "1 MB"),
        (byte_words(22_080), "22 kB"),
        (byte_words(4 * 10**24), "4 YB"),
        (byte_words(4 * 10**60), "4×10⁶⁰ B"),
        (second_words(0.0), "0 µs"),
        (second_words(9.99e-4), "999 µs"),
        (second_words(9.996e-4), "1 ms"),
        (second_words(0.9999), "1 s"),
        (second_words(59.6), "60 s"),
        (second_words(3600.0), "60 min"),
        (second_words(90_000.0), "25 h"),
        (second_words(4e5), "4.6 days"),
        (second_words(3e9), "95 years"),
        (second_words(1e40), "3.2×10³² years"),
        (short(9.96), "10"),
        (short(0.096), "0.096"),
        (short(0.0999), "0.1"),
    ],
)
def test_quantities(words, expected):
    """Quantities are short, in a unit that fits them."""
    assert str(words) == expected


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        cli.main(["cost", *arguments])
    return stop.value.code, *capsys.readouterr()


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_table_fits(capsys, monkeypatch, width):
    """At any width the table fits, with every number whole."""
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = run(capsys)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= width
    assert all(number in out for number in ("53,953,488", "177 GB", "~44 s"))
    assert ("4.41×10¹⁰" if width == 80 else "44,100,000,000") in out, "a number is shorter only where that helps"


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [80, 94, 200])
def test_one_table(capsys, monkeypatch, width, language):
    """In 80 cells all columns stand in one table, each row once."""
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = run(capsys, "--lang", language)
    table, _, _ = out.partition("\n\n")
    predicted = "~44" if language == "en" else "约 44"
    assert all(number in table for number in ("14,000", "53,953,488", "177 GB", predicted))


@pytest.mark.usefixtures("machine")
def test_steps_of_several_layers(capsys, monkeypatch):
    """One column says tokens and steps where they are as many; of three layers each has its own."""
    monkeypatch.setenv("COLUMNS", "120")
    assert "recurrent" in run(capsys, "1000")[1]
    assert "3,000" not in run(capsys, "1000")[1]
    assert "3,000" in run(capsys, "1000", "--layers", "3")[1]


@pytest.mark.usefixtures("machine")
def test_json(capsys):
    """The JSON document has each row's numbers under their names."""
    code, out, _ = run(capsys, "0", "10^12", "--json", "--layers", "2", "--heads", "4", "--mask", "causal")
    found = json.loads(out)
    assert code == 0
    expected = cost([0, 10**12], layers=2, heads=4, mask="causal", measure=square)
    assert found == json.loads(json.dumps(cost_document(expected)))
    assert found["rows"][1]["scores"] == 8 * 10**24


@pytest.mark.usefixtures("machine")
def test_files(capsys, tmp_path):
    """Pictures are pictures, the same at each time, and data is data."""
    names = ["x.png", "x.svg", "x.pdf", "x.csv", "x.json"]
    for turn in ("1", "2"):
        (tmp_path / turn).mkdir()
        saves = [part for name in names for part in ("--save", str(tmp_path / turn / name))]
        assert run(capsys, "0", "700", "1e9", *saves)[0] == 0
    for name in names:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name
    assert (tmp_path / "1" / "x.png").read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "1" / "x.csv").read_text(encoding="utf-8-sig"))))
    assert [row["scores"] for row in rows] == ["0", "490000", str(10**18)]


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("numbers", [["0"], ["1"], ["10^30"], ["0", "10^30"]])
def test_any_number_is_drawn(capsys, tmp_path, numbers):
    """A chart can be drawn of any numbers, 0 and enormous ones too."""
    assert run(capsys, *numbers, "--save", str(tmp_path / "x.png"))[0] == 0


@pytest.mark.usefixtures("machine")
def test_curves_are_the_rows():
    """What is drawn at a row's tokens is what the row says."""
    found = cost(measure=square)
    work = draw_costs(found).charts[0]
    for series, field in zip(work.series, ("scores", "masked", "steps"), strict=True):
        marks = {series.x[k]: series.y[k] for k in series.marked}
        assert marks == {float(row.tokens): float(getattr(row, field)) for row in found.rows}


@pytest.mark.usefixtures("machine")
def test_public():
    """The function is public, whether or not its module was loaded before."""
    assert attnviz.cost([3]).rows[0].scores == 9


def test_little_work_is_measured_with_one_thread(monkeypatch):
    """Threads that wait for each other are no part of what attention costs: each block says how much work it is."""
    asked = []

    @contextmanager
    def recorded(work):
        asked.append(work)
        yield

    monkeypatch.setattr("attnviz.analysis.cost.threads_for", recorded)
    assert measured_seconds(128, 32) > 0
    assert set(asked) == {64 * 128 * 32}
