"""Attention as data: the documented fields, every number exactly as computed, and nothing a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from attnviz import Attention, Token, compare, run
from attnviz.i18n.visible_text import visible
from attnviz.io.write_data import (
    attention_csv,
    attention_document,
    attention_npz,
    comparison_csv,
    comparison_document,
    to_json,
)
from attnviz.toy import lexicon

TEXTS = ("猫吃鱼", "the cat eats fish", "x", "👩 eats", '"quoted", and\nbroken', "a\x1b[2J b\u202e")
EACH = pytest.mark.parametrize("text", TEXTS)


def cross():
    """猫吃 asks dog eats fish."""
    raw = np.random.default_rng(1).random((1, 2, 2, 3), dtype=np.float32)
    query, key = tuple(map(Token, "猫吃")), tuple(map(Token, ("dog", "eats", "fish")))
    return Attention(query, key, raw / raw.sum(axis=-1, keepdims=True))


def read(text):
    """The rows of a CSV, each as a dict."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


def plain(text):
    """A cell without the apostrophe that keeps a spreadsheet from running it."""
    return text.removeprefix("'")


def test_fields():
    """An attention's document has exactly the fields of schema 1; keys only where they differ from the tokens."""
    document = attention_document(run("猫吃鱼"))
    assert set(document) == {"schema", "tokens", "layers", "heads", "weights", "allowed", "output", "settings"}
    assert document["schema"] == 1
    assert document["tokens"][2] == {"text": "鱼", "start": 2, "end": 3}
    assert set(attention_document(cross())) == set(document) | {"keys"}
    assert attention_document(cross())["keys"][0] == {"text": "dog", "start": None, "end": None}


def test_pieces():
    """A vocabulary's entry and number are told where there are any."""
    tokens = (Token("cat", 0, 3, piece="Ġcat", id=0),)
    document = attention_document(Attention(tokens, tokens, np.ones((1, 1, 1, 1))))
    assert document["tokens"] == [{"text": "cat", "start": 0, "end": 3, "piece": "Ġcat", "id": 0}]


@pytest.mark.parametrize(
    "options",
    [{}, {"heads": 4}, {"mask": "causal"}, {"position": "sinusoidal"}, {"embedding": "hash", "heads": 8, "seed": 3}],
)
def test_json_is_exact(options):
    """Written and read again, weights and output are the same float32 numbers, bit by bit."""
    computed = run("the cat eats fish", **options)
    document = json.loads(to_json(attention_document(computed)))
    assert np.array_equal(np.array(document["weights"], dtype=np.float32), computed.weights)
    assert np.array_equal(np.array(document["output"], dtype=np.float32), computed.output)
    assert document["heads"] == list(computed.heads)
    assert document["layers"] == [0]
    if computed.allowed is None:
        assert document["allowed"] is None
    else:
        assert document["allowed"] == computed.allowed.tolist()


def test_settings():
    """The settings tell how it was computed, with what `auto` stood for."""
    settings = json.loads(to_json(attention_document(run("猫吃鱼", heads=2))))["settings"]
    assert settings == {
        "tokens": "lexicon",
        "embedding": "toy",
        "dim": lexicon.DIM,
        "heads": 2,
        "projection": "lexicon",
        "position": "none",
        "mask": "none",
        "temperature": 1.0,
        "seed": 0,
        "offset": 0,
    }


@EACH
def test_text_is_raw(text):
    """The text of a token in data is what stands in the source, never its visible form."""
    document = json.loads(to_json(attention_document(run(text))))
    for token in document["tokens"]:
        assert token["text"] == text[token["start"] : token["end"]]


@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_is_one_line(ascii_only):
    """A document is one line; its Chinese is readable unless it must be ASCII."""
    text = to_json(attention_document(run("猫吃\n鱼")), ascii_only=ascii_only)
    assert text.count("\n") == 1
    assert text.endswith("}\n")
    assert ("猫" in text) is not ascii_only
    assert text.isascii() is ascii_only


def test_lone_surrogate():
    """A token that is no text is written as an escape, so that the document can be encoded."""
    text = to_json({"text": "猫\ud800"})
    assert json.loads(text.encode("utf-8")) == {"text": "猫\ud800"}


def test_no_nan():
    """JSON has no NaN: a document with one is a bug that is not written."""
    with pytest.raises(ValueError, match="JSON"):
        to_json({"weights": float("nan")})


def test_comparison_fields():
    """A comparison's document has the fields of schema 1 and its settings."""
    document = comparison_document(compare("猫吃鱼", "鱼吃猫"))
    assert set(document) - {"settings"} == {"schema", "tokens", "only_a", "only_b", "runs"}
    assert document["schema"] == 1
    assert (document["only_a"], document["only_b"]) == ([], [])
    for each in document["runs"]:
        assert set(each) == {
            "position",
            "mask",
            "a",
            "b",
            "delta",
            "max_abs_delta",
            "max_abs_output_delta",
            "order_blind",
            "blind_to",
        }
    assert [(each["position"], each["order_blind"]) for each in document["runs"]] == [
        ("none", True),
        ("sinusoidal", False),
    ]


@pytest.mark.parametrize("head", [None, "mean", "all"])
def test_comparison_matrices(head):
    """a, b and delta are [query][key] in A's order, a dimension more for each head; delta is b - a and its largest."""
    compared = compare("猫吃鱼", "鱼吃猫", heads=4)
    for ran, each in zip(compared.runs, comparison_document(compared, head)["runs"], strict=True):
        a, b, delta = (np.array(each[name], dtype=np.float32) for name in ("a", "b", "delta"))
        assert a.shape == ((4, 3, 3) if head == "all" else (3, 3))
        assert np.array_equal(a, ran.a if head == "all" else ran.a.mean(axis=0))
        assert np.array_equal(delta, b - a)
        assert each["max_abs_delta"] == np.abs(delta).max()


def test_words_of_one_side():
    """Words of one text only are listed, and then the outputs are not compared."""
    document = comparison_document(compare("猫吃鱼", "狗吃鱼"))
    assert (document["only_a"], document["only_b"]) == (["猫"], ["狗"])
    assert [token["text"] for token in document["tokens"]] == ["吃", "鱼"]
    assert all(each["max_abs_output_delta"] is None for each in document["runs"])


@EACH
@pytest.mark.parametrize("options", [{}, {"heads": 2}, {"mask": "causal"}])
def test_csv(text, options):
    """A CSV is a line a weight, and read again gives every weight exactly; a forbidden cell is empty."""
    computed = run(text, **options)
    rows = read(attention_csv(computed))
    assert len(rows) == computed.weights.size
    assert list(rows[0]) == ["layer", "head", "query_index", "query", "key_index", "key", "weight"]
    for row in rows:
        i, j = int(row["query_index"]), int(row["key_index"])
        assert (plain(row["query"]), plain(row["key"])) == (
            visible(computed.query[i].text, "picture"),
            visible(computed.key[j].text, "picture"),
        )
        if computed.allowed is not None and not computed.allowed[i, j]:
            assert row["weight"] == ""
        else:
            assert np.float32(row["weight"]) == computed.weights[int(row["layer"]), int(row["head"]), i, j]


def test_csv_names_the_heads():
    """Heads that have names have them in the CSV too, each with all its weights."""
    computed = run("猫吃鱼", heads=4)
    rows = read(attention_csv(computed))
    assert [row["head"] for row in rows[::9]] == list(computed.heads)


@pytest.mark.parametrize("head", [None, "mean", "all"])
def test_comparison_csv(head):
    """A comparison's CSV is a line a cell of a run, of their mean or of each head, and read again is exact."""
    compared = compare("猫吃鱼", "鱼吃猫", heads=2)
    rows = read(comparison_csv(compared, head))
    assert len(rows) == 2 * 9 * (2 if head == "all" else 1)
    assert list(rows[0]) == ["position", "head", "query_index", "query", "key_index", "key", "a", "b", "delta"]
    assert {row["head"] for row in rows} == ({"0", "1"} if head == "all" else {"mean"})
    by_position = {ran.position: ran for ran in compared.runs}
    for row in rows:
        i, j = int(row["query_index"]), int(row["key_index"])
        ran = by_position[row["position"]]
        a, b = (ran.a[int(row["head"])], ran.b[int(row["head"])]) if head == "all" else ran.mean()
        assert (np.float32(row["a"]), np.float32(row["b"])) == (a[i, j], b[i, j])
        assert np.float32(row["delta"]) == b[i, j] - a[i, j]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_formula_injection(start):
    """A cell that a spreadsheet would run begins with an apostrophe, in every column of words."""
    tokens = (Token(f"{start}1+1"),)
    text = attention_csv(Attention(tokens, tokens, np.ones((1, 1, 1, 1)), heads=(f"{start}head",)))
    assert text.count(f"'{start}1+1") == 2
    assert text.count(f"{start}1+1") == 2
    assert f"'{start}head" in text


def test_formula_injection_in_a_comparison():
    """A comparison's words are harmless too."""
    rows = read(comparison_csv(compare("=1 猫", "猫 =1", tokens="space")))
    assert {row["query"] for row in rows} == {"'=1", "猫"} == {row["key"] for row in rows}


@pytest.mark.parametrize("options", [{}, {"mask": "causal", "heads": 4}])
def test_npz(options):
    """An .npz loads without pickle and has every array exactly."""
    computed = run("the cat eats 鱼", **options)
    with np.load(io.BytesIO(attention_npz(computed)), allow_pickle=False) as found:
        assert np.array_equal(found["weights"], computed.weights)
        assert found["weights"].dtype == np.float32
        assert found["tokens"].tolist() == found["keys"].tolist() == [token.text for token in computed.query]
        assert found["spans"].tolist() == [[0, 3], [4, 7], [8, 12], [13, 14]]
        assert found["layers"].tolist() == [0]
        assert found["heads"].tolist() == list(map(str, computed.heads))
        assert json.loads(found["settings"].item()) == computed.provenance.to_settings()
        assert np.array_equal(found["output"], computed.output)
        assert ("allowed" in found) is (computed.allowed is not None)
        if computed.allowed is not None:
            assert np.array_equal(found["allowed"], computed.allowed)


def test_npz_without_a_source():
    """Rows of a matrix stand nowhere in a text: their spans are -1."""
    computed = run(vectors=np.eye(3))
    with np.load(io.BytesIO(attention_npz(computed)), allow_pickle=False) as found:
        assert found["spans"].tolist() == [[-1, -1]] * 3
