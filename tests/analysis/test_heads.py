"""The report on heads: what they look at, by weight and by contribution, and their names."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_between64, assert_near, assert_near64, assert_within
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2

import attnviz
from attnviz import Attention
from attnviz.analysis.head_patterns import (
    EVEN,
    IDLE,
    PLACED,
    PROBED,
    RESTING,
    activity,
    characters,
    measure_heads,
    name_heads,
    pattern_places,
)
from attnviz.analysis.heads import COLUMNS, MEASURES, find_place, heads_document, heads_rows
from attnviz.analysis.probe_heads import score_repeats
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.token import Token
from attnviz.views.prepared.heads_report import column_words

TOKENS = (Token("[CLS]"), Token("The", 0, 3), Token("cat", 4, 7), Token(".", 7, 8), Token("the", 9, 12), Token("[SEP]"))
SOURCE = "The cat. the"


def test_places_by_hand():
    """Each pattern's keys, of a text whose tokens are known."""
    places = {name: np.argwhere(place).tolist() for name, place in pattern_places(TOKENS, TOKENS, SOURCE).items()}
    assert places["itself"] == [[i, i] for i in range(6)]
    assert places["previous"] == [[i, i - 1] for i in range(1, 6)]
    assert places["next"] == [[i, i + 1] for i in range(5)]
    assert places["first"] == [[i, 0] for i in range(1, 6)]
    assert places["special"] == [[i, j] for i in range(6) for j in (0, 5)]
    assert places["same_word"] == [[1, 4], [4, 1]]
    assert places["punctuation"] == [[i, 3] for i in range(6)]
    assert places["same_sentence"] == [[i, j] for i in (1, 2, 3) for j in (1, 2, 3)] + [[4, 4]]


def test_cross_attention_has_no_distances():
    """Between two texts only what a key is by itself counts, and equal words."""
    places = pattern_places(TOKENS, TOKENS[:4], SOURCE, cross=True)
    assert set(places) == {"first", "special", "same_word", "punctuation"}
    assert places["first"][0, 0]
    assert places["same_word"][2].tolist() == [False, False, True, False]


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=25, deadline=None)
def test_shares_are_means_of_rows(seed, causal):
    """Each share equals the mean that a loop over rows gives, and lies between 0 and 1."""
    random = np.random.default_rng(seed)
    allowed = np.tri(6, dtype=bool) if causal else None
    rows = random.random((2, 6, 6)).astype(np.float32) * (1 if allowed is None else allowed)
    places = pattern_places(TOKENS, TOKENS, SOURCE)
    found = measure_heads(rows, allowed, places)
    for name, place in places.items():
        for h in range(2):
            each = [
                float(rows[h, i][place[i]].astype(np.float64).sum() / rows[h, i].astype(np.float64).sum())
                for i in range(6)
                if (place[i] & (True if allowed is None else allowed[i])).any()
            ]
            if each:
                assert_near(found.shares[name][h], np.mean(each))
            else:
                assert np.isnan(found.shares[name][h])
        assert_between64(np.nan_to_num(found.shares[name]), 0, 1)


def test_a_sink_that_adds_little_is_called_so():
    """Weight that rests on a key with a short value is a sink; with a value like others it is the first word."""
    weights = np.full((1, 6, 6), 0.02, dtype=np.float32)
    weights[..., 0] = 0.9
    tokens = tuple(Token(word, i * 2, i * 2 + 1) for i, word in enumerate("abcdef"))
    places = pattern_places(tokens, tokens, "a b c d e f")
    for length, name in ((0.01, "sink"), (1.0, "first")):
        lengths = weights * np.array([length, 1, 1, 1, 1, 1], dtype=np.float32)
        by_weight, by_length = measure_heads(weights, None, places), measure_heads(lengths, None, places)
        active = activity(weights, lengths, None, places)
        assert_near(active, 0.1 + 0.9 * length)
        assert name_heads(by_length, by_weight, active)[0].pattern == name


def test_thresholds_of_the_help():
    """What --help says of names are the numbers that names are given by."""
    from attnviz.cli.heads import command

    words = " ".join((command.__doc__ or "").split())
    assert f"score of at least {PROBED:.2f}".replace("0.", ".") in words
    assert f"at least {RESTING:.2f} of the weight".replace("0.", ".") in words
    assert f"the activity is below {IDLE:.2f}".replace("0.", ".") in words
    assert f"at least {EVEN:.2f} of the largest".replace("0.", ".") in words


def test_one_head_by_hand():
    """The toy's numbers are those of its trace: contribution, share of the layer, entropy and distance."""
    found = attnviz.run("猫吃鱼", heads=4)
    report = attnviz.heads("猫吃鱼", heads=4)
    (trace,) = found.traces
    matrix = trace.projection.output
    width = trace.value.shape[-1]
    totals = []
    for h in range(4):
        written = trace.value[h] @ (np.eye(4 * width) if matrix is None else matrix)[h * width : (h + 1) * width]
        totals.append(float((trace.weights[h] @ np.linalg.norm(written, axis=-1)).mean()))
    for row, total in zip(report.rows, totals, strict=True):
        assert_near(row.contribution, total)
        assert_near(row.of_layer, total / sum(totals))
    row = report.row("0.1")
    weights = trace.weights[1].astype(np.float64)
    steps = np.abs(np.subtract.outer(range(3), range(3)))
    assert_near(row.by_weight["distance"], (weights * steps).sum() / 3)
    assert_near(row.by_weight["itself"], np.trace(weights) / 3)
    assert_near(row.by_weight["entropy"], -(weights * np.log2(weights)).sum() / 3)


def test_several_texts_are_averaged_with_their_spread():
    """A number is the mean of those of each text alone, its spread their standard deviation."""
    texts = ["猫吃鱼", "the cat eats the fish", "我喜欢苹果手机"]
    together, alone = attnviz.heads(texts, heads=4), [attnviz.heads(text, heads=4) for text in texts]
    assert together.texts == 3
    for row in together.rows:
        each = [one.row(f"0.{row.head}") for one in alone]
        for name in ("contribution", "of_layer", "writes", "itself", "first", "entropy"):
            values = [one.value(name) for one in each]
            assert_near64(row.value(name), np.mean(values))
            assert_near64(row.spread[name], np.std(values, ddof=1))
    assert not alone[0].rows[0].spread


def test_attentions_are_measured_as_they_are():
    """An Attention without values is measured by weight alone, and says so."""
    weights = np.stack([np.eye(4), np.roll(np.eye(4), -1, axis=1), np.tile(np.eye(4)[0], (4, 1))])
    found = attnviz.heads(Attention.from_arrays(weights, ["a", "b", "c", "d"]))
    assert found.rows[0].character.pattern == "itself"
    assert found.rows[2].character.pattern == "first"
    assert not found.known
    assert found.rows[0].contribution is None
    assert "by weight alone" in str(found)
    assert found.columns == ("itself", "previous", "next", "first", "entropy", "distance")


def test_sorting_and_choosing():
    """Rows come by a column, the largest first; those without a number last."""
    found = attnviz.heads("猫吃鱼", heads=4)
    values = [row.value("first") for row in attnviz.heads("猫吃鱼", heads=4, sort="first").rows]
    assert values == sorted(values, reverse=True)
    assert len(attnviz.heads("猫吃鱼", heads=4, sort="first", top=2).rows) == 2
    matrix = found.matrix("first")
    assert matrix.shape == (1, 4)
    assert [matrix[0, found.heads.index(row.head)] for row in found.rows] == [row.value("first") for row in found.rows]


def test_a_head_is_like_itself():
    """Likeness is 1 for the head itself, and 1 less the Jensen-Shannon divergence in bits for others."""
    weights = np.stack([np.eye(2), np.eye(2)[::-1], np.full((2, 2), 0.5)])
    found = attnviz.heads(Attention.from_arrays(weights, ["a", "b"]), like="0.0")
    assert [row.head for row in found.rows] == [0, 2, 1]
    assert_near64([found.rows[0].likeness, found.rows[2].likeness], [1, 0])
    mixed = np.array([0.75, 0.25])
    divergence = -(mixed * np.log2(mixed)).sum() - (0 + 1) / 2
    assert_near64(found.rows[1].likeness, 1 - divergence)


def test_examples_are_words():
    """The strongest pair is of two tokens, told as the words that they are pieces of."""
    tokens = (Token("play", 0, 4), Token("ing", 4, 7), Token("cats", 8, 12))
    weights = np.array([[[[0.1, 0.2, 0.7], [0.5, 0.5, 0.0], [0.1, 0.8, 0.1]]]])
    found = attnviz.heads(Attention(tokens, tokens, weights, source="playing cats"))
    example = found.rows[0].example
    assert (example.query, example.key) == ("cats", "playing")
    assert_near(example.strength, 0.8)


@pytest.mark.parametrize(
    ("source", "tokens", "pair"),
    [
        ("the cat the dog", [("the", 0, 3), ("cat", 4, 7), ("the", 8, 11), ("dog", 12, 15)], ("the#2", "cat")),
        ("猫猫猫", [("猫", 0, 1), ("猫", 1, 2), ("猫", 2, 3)], ("猫#3", "猫#2")),
        ("我喜欢", [("我", 0, 1), ("我", 0, 1), ("喜欢", 1, 3)], ("喜欢", "我")),  # two bytes of one letter
        (None, [("a", None, None), ("b", None, None), ("a", None, None)], ("a#2", "b")),
    ],
)
def test_examples_tell_equal_words_apart(source, tokens, pair):
    """The second of equal words has its number, pieces of one word have none, and a token of several is whole."""
    found = tuple(Token(*one) for one in tokens)
    weights = np.full((1, 1, len(found), len(found)), 0.01)
    weights[0, 0, 2, 1] = 0.9
    example = attnviz.heads(Attention(found, found, weights, source=source)).rows[0].example
    assert (example.query, example.key) == pair


def test_columns_by_other_names():
    """A column goes by its name, by the words above it, and with weight_ before it by weight."""
    found = attnviz.heads("the cat eats the fish", heads=4, probe=True, like="0.0")
    for column, name in (("adds", "contribution"), ("Same word", "same_word"), ("previous-token", "previous_token")):
        np.testing.assert_array_equal(found.matrix(column), found.matrix(name))
        assert found.sorted(column).rows == found.sorted(name).rows
    assert found.sorted("like it").rows[0].head == found.heads[0]
    by_weight = [row.by_weight["first"] for row in found.sorted("weight_first").rows]
    assert by_weight == sorted(by_weight, reverse=True)
    assert found.sorted("weight_first").rows != found.sorted("first").rows
    assert "by weight" in str(column_words("weight_first"))
    for row, value in zip(found.heads, found.matrix("weight first")[0], strict=True):
        assert value == found.row(f"0.{row}").by_weight["first"]
    plain = attnviz.heads("the cat eats", heads=4)
    for column, words in (("induction", "goes with probe"), ("likeness", "goes with like"), ("special", "one of")):
        with pytest.raises(OptionError, match=words):
            plain.sorted(column)
    for column in ("weight_special", "weight_contribution", "weight_", "size"):
        with pytest.raises(OptionError, match="one of"):
            plain.sorted(column)


def test_probe_scores_by_hand():
    """Pure heads have a score of 1 in their own probe and of 0 in the others."""
    count, start = 4, 1
    n = start + 2 * count + 1
    steps = {"induction": count - 1, "duplicate": count, "previous": 1}
    for name, step in steps.items():
        weights = np.zeros((1, 1, n, n))
        for i in range(n):
            weights[0, 0, i, max(0, i - step)] = 1
        scores = score_repeats(weights, start, count)
        assert {one: float(getattr(scores, one)[0, 0]) for one in steps} == {one: float(one == name) for one in steps}


@pytest.mark.parametrize("which", ["0.9", "1.0", "L0H9"])
def test_a_head_that_is_not_there(which):
    """It is refused by name."""
    with pytest.raises(MissingError, match="There is no"):
        attnviz.heads("猫吃鱼", heads=2, like=which)


def test_names_of_heads():
    """18.6 and L18H6 name one head; other texts are no names."""
    assert find_place("18.6", range(20), range(9)) == find_place(" l18h6 ", range(20), range(9)) == (18, 6)
    assert find_place("0.who acts", (0,), ("kind of thing", "who acts")) == (0, "who acts")
    for bad in ("", "18", "18-6", "x.1", "L18"):
        with pytest.raises(OptionError, match="layer and its number"):
            find_place(bad, range(20), range(9))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sort": "size"}, "--sort takes one of|sort takes one of"),
        ({"color": "probe"}, "takes one of"),
        ({"sort": "induction"}, "goes with probe"),
        ({"top": 0}, "whole number from 1"),
        ({"probe": True, "probe_tokens": 3}, "must be from 4"),
        ({"probe_tokens": "many"}, "must be a whole number"),
    ],
)
def test_bad_options(options, words):
    """A column, number or probe that cannot be is refused in one line."""
    with pytest.raises(OptionError, match=words):
        attnviz.heads("猫吃鱼", **options)


def test_bad_inputs():
    """No text, and texts among Attentions, are refused."""
    attention = attnviz.run("猫吃鱼")
    with pytest.raises(OptionError, match="with at least one, not"):
        attnviz.heads([])
    with pytest.raises(InputError, match="not some of each"):
        attnviz.heads([attention, "猫"])
    with pytest.raises(OptionError, match="already computed"):
        attnviz.heads(attention, probe=True)
    with pytest.raises(InputError, match="same layers and heads"):
        attnviz.heads([attention, attnviz.run("猫吃鱼", heads=2)])


def test_data_and_pictures(tmp_path):
    """The report is saved as JSON, CSV and a picture; each row has every measure."""
    found = attnviz.heads(["猫吃鱼", "鱼吃猫"], heads=4, probe=True, probe_tokens=8, like="0.1")
    for name in ("heads.json", "heads.csv"):
        found.save(tmp_path / name)
    document = json.loads((tmp_path / "heads.json").read_text(encoding="utf-8"))
    assert document == json.loads(json.dumps(heads_document(found)))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "heads.csv").read_text(encoding="utf-8-sig"))))
    assert len(rows) == 4
    assert set(MEASURES) | {"induction", "likeness", "spread_first", "weight_first"} <= set(rows[0])
    assert [row["name"] for row in rows] == [row["name"] for row in heads_rows(found)]
    assert set(found.columns) <= set(COLUMNS)


def test_the_map_names_every_head():
    """The picture is a map of layers and heads: colours by a column, short names in the cells, and what they mean."""
    from attnviz.views.prepared.heads_report import prepare_map

    weights = np.stack([np.eye(4), np.tile(np.eye(4)[0], (4, 1)), np.full((4, 4), 0.25), np.eye(4)])
    found = attnviz.heads(Attention.from_arrays(weights.reshape(2, 2, 4, 4), ["a", "b", "c", "d"]), color="first")
    form = prepare_map(found)
    (panel,) = form.panels
    assert panel.texts(2) == [["self", "first"], ["even", "self"]]
    assert (panel.rows, panel.columns) == (("L0", "L1"), ("H0", "H1"))
    assert_near64(panel.values, found.matrix("first"))
    assert "first: the first word" in " ".join(map(str, form.caption))
    assert "share: first" in str(form.heading)
    assert str(form.what) == "what heads do; colour: share: first"
    assert str(prepare_map(found.sorted("first", top=1)).what).startswith("what heads do: 1 of 4; colour: ")


@pytest.mark.slow
def test_the_map_is_drawn(tmp_path):
    """It is saved as a picture that has the names."""
    from matplotlib.text import Text

    found = attnviz.heads("猫吃鱼", heads=4)
    found.save(tmp_path / "heads.svg")
    assert (tmp_path / "heads.svg").stat().st_size > 10_000
    drawn = {text.get_text() for text in found.figure().findobj(Text)}
    assert {"who acts", "kind of thing", "even"} <= drawn


@pytest.mark.slow
@needs_minilm
def test_a_head_that_is_switched_off_adds_nothing():
    """With --ablate a head contributes nothing, in the report and in the probe's pass, and others still do."""
    text = "The cat eats the fish."
    found = attnviz.heads(text, model=MINILM, ablate=["1.3"], probe=True, probe_tokens=8)
    plain = attnviz.heads(text, model=MINILM, probe=True, probe_tokens=8)
    assert found.row("1.3").contribution == 0
    assert found.row("1.4").contribution == plain.row("1.4").contribution
    assert found.row("2.0").contribution != plain.row("2.0").contribution
    assert found.row("3.0").probe != plain.row("3.0").probe


@pytest.mark.slow
@needs_smollm2
def test_known_heads_of_smollm2():
    """Its induction heads L18H6, L17H4, L17H3 and L18H7 and its previous-token heads L11H1 and L16H0 are found."""
    text = "The Eiffel Tower is in Paris. The Eiffel Tower is in"
    found = attnviz.heads(text, model=SMOLLM2, probe=True)
    for name in ("18.6", "17.4", "17.3", "18.7"):
        assert found.row(name).character.pattern == "induction"
    for name in ("11.1", "16.0"):
        assert found.row(name).character.pattern == "previous"
        assert found.row(name).probe["previous_token"] > 0.8
    by_weight = sum(row.by_weight["first"] >= 0.5 for row in found.rows)
    by_contribution = sum(row.by_contribution["first"] >= 0.5 for row in found.rows)
    assert by_contribution < 0.7 * by_weight
    assert sum(row.character.pattern == "sink" for row in found.rows) >= 30
    scores = [found.row(name).probe["induction"] for name in ("18.6", "17.4", "17.3", "18.7")]
    assert_within(scores, [0.82, 0.74, 0.70, 0.68], 0.1, "random tokens here, 23 random words there")


@pytest.mark.parametrize("mask", ["none", "causal"])
@pytest.mark.parametrize("projection", ["auto", "identity"])
def test_no_head_is_named_after_a_place_it_cannot_know(projection, mask):
    """Without positions the toy's scores know no places: no name of one, here, in small maps, and by weight alone."""
    texts = ["小猫在沙发上睡觉", "小猫睡觉", "睡觉小猫", "The dog sleeps on the sofa", "苹果很甜", "我吃饭"]
    for text in texts:
        found = attnviz.run(text, heads=4, projection=projection, mask=mask)
        names = [one.pattern for one in characters(found)[0]]
        names += [row.character.pattern for row in attnviz.heads(text, heads=4, projection=projection, mask=mask).rows]
        assert not set(names) & {*PLACED, "sink"}, text


def test_a_head_that_knows_places_may_be_named_after_one():
    """With positions the toy's heads have such names, and so do heads of weights of which nothing is known."""
    two = attnviz.run("小猫睡觉", heads=4)
    known = attnviz.run("小猫睡觉", heads=4, position="sinusoidal")
    given = Attention.from_arrays(two.weights, [token.text for token in two.tokens])
    assert characters(two)[0][0].pattern not in PLACED
    assert characters(known)[0][0].pattern in PLACED
    assert characters(given)[0][0].pattern in PLACED


def test_the_map_does_not_explain_numbers_that_it_has_not():
    """Cells of a map have a name and a colour: its caption says nothing of shares by weight and of deviations."""
    from attnviz.views.prepared.heads_report import prepare_map

    caption = [*map(str, prepare_map(attnviz.heads(["the dog bites the man", "猫吃鱼"], heads=4)).caption)]
    assert {"names by contribution", "means of 2 texts"} <= set(caption)
    assert not [part for part in caption if "shares" in part or "±" in part]
