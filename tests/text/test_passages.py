"""Passages as rows and columns: found in the text once, weights summed and averaged, shares that sum to 1."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one

from attnviz.analysis.passages import passage_shares
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import AttnvizError, InputError, OptionError
from attnviz.core.provenance import Provenance
from attnviz.text.merge_pieces import group_by_spans, merge_tokens, stretch_spans
from attnviz.text.passages import find_passages, join_passages, name_passages, read_passages

SOURCE = "Read this. Cats eat fish.\nDogs eat meat. What do cats eat? Fish."
PARTS = {"cats": "Cats eat fish.", "dogs": "Dogs eat  meat.", "asked": "What do cats eat?", "told": "Fish."}


def attention_of(source, seed=0, layers=2, *, causal=True, special=True, lengths=True):
    """Random weights over the words of a source, with [CLS] before them."""
    tokens = [Token("[CLS]", piece="[CLS]")] if special else []
    at = 0
    for word in source.split():
        start = source.index(word, at)
        at = start + len(word)
        tokens.append(Token(word, start, at))
    count, generator = len(tokens), np.random.default_rng(seed)
    allowed = np.tri(count, dtype=bool) if causal else None
    weights = generator.random((layers, 3, count, count)) * (1 if allowed is None else allowed)
    weights = (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)
    added = weights * generator.random((layers, 3, 1, count)).astype(np.float32) if lengths else None
    return Attention(tuple(tokens), tuple(tokens), weights, allowed, source=source, contributions=added)


def by_hand(attention, spans):
    """Return weights between stretches, each sum and mean taken by loops; tokens of no stretch stand alone."""
    groups = [[i] for i, token in enumerate(attention.query) if token.start is None]
    for start, end in spans:
        inside = [
            i for i, token in enumerate(attention.query) if token.start is not None and start <= token.start < end
        ]
        groups.append(inside)
    groups.sort()
    weights = attention.weights.astype(np.float64)
    return np.array(
        [
            [
                [
                    [sum(weights[a, h, i, j] for i in rows for j in keys) / len(rows) for keys in groups]
                    for rows in groups
                ]
                for h in range(weights.shape[1])
            ]
            for a in range(len(weights))
        ]
    )


@given(st.lists(st.sampled_from(["a b.", "猫吃鱼。", "c!", "\n", "d e f"]), min_size=1, max_size=6), st.booleans())
def test_sentences_and_lines_sum_and_average(parts, causal):
    """Weights between sentences, or lines, are sums over keys and means over queries; rows still sum to 1."""
    source = " ".join(parts)
    if not source.strip():
        return
    attention = attention_of(source, causal=causal)
    for how in ("sentence", "line"):
        merged = merge_tokens(attention, how)
        spans = stretch_spans(source, how)
        assert [token.text for token in merged.query[1:]] == [source[start:end] for start, end in spans]
        assert_near(merged.weights, by_hand(attention, spans))
        assert_rows_sum_to_one(merged.weights)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 9))
def test_each_token_is_in_one_group(lengths, seed):
    """Groups are neighbours in order, each token in one, and only those of one stretch are together."""
    source = "".join("ab c"[: length - 1] + "." + " " for length in lengths)
    spans = stretch_spans(source, "sentence")
    cuts = sorted({0, len(source), *np.random.default_rng(seed).integers(0, len(source), 4).tolist()})
    tokens = (Token("[CLS]"), *(Token(source[a:b], a, b) for a, b in pairwise(cuts)))
    groups, numbers = group_by_spans(tokens, spans)
    assert [i for start, end in groups for i in range(start, end)] == list(range(len(tokens)))
    assert numbers[0] is None
    assert numbers[1:] == sorted(set(numbers[1:]))


def test_shares_of_the_answer_sum_to_one():
    """The answer's row is divided among passages, itself, other text and special tokens, in both measures."""
    attention = attention_of(SOURCE)
    joined = join_passages(attention, name_passages(PARTS))
    shares = passage_shares(joined)
    assert [one.name for one in shares.passages] == ["cats", "dogs", "asked"]
    assert [one.kind for one in shares.rest] == ["itself", "other text", "special tokens"]
    assert [one.tokens for one in shares.passages] == [3, 3, 4]
    every = (*shares.passages, *shares.rest)
    assert_near(sum(one.weight for one in every), 1)
    assert_near(sum(one.contribution for one in every), 1)
    row = [token.text for token in attention.query].index("Fish.")
    by_layer = attention.contributions[:, :, row].astype(np.float64).sum(axis=1)
    by_layer /= by_layer.sum(axis=1, keepdims=True)
    assert_near(shares.passages[0].contribution, by_layer.mean(axis=0)[3:6].sum())
    assert_near(shares.passages[0].weight, attention.weights[:, :, row].mean(axis=(0, 1))[3:6].sum())


def test_shares_are_those_of_any_mean():
    """The mean of layers and heads has the shares of all of them, in both measures."""
    joined = join_passages(attention_of(SOURCE), name_passages(PARTS))
    for one in (joined.mean(), joined.mean_layers(), joined.mean().mean_layers()):
        for a, b in zip(passage_shares(one).passages, passage_shares(joined).passages, strict=True):
            assert_near([a.weight, a.contribution], [b.weight, b.contribution])


def test_generated_text_is_the_answer():
    """What a model wrote is the passage “answer”; a passage is looked for before it alone."""
    before = SOURCE.index(" Fish.")
    joined = join_passages(attention_of(SOURCE), name_passages({"cats": "Cats eat fish."}), before)
    assert joined.query[-1] == Token("answer", before + 1, len(SOURCE))
    assert passage_shares(joined).answer == "answer"
    with pytest.raises(InputError, match="not in the text"):
        join_passages(attention_of(SOURCE), name_passages(["Fish."]), before)
    with pytest.raises(InputError, match="called “answer”"):
        join_passages(attention_of(SOURCE), name_passages({"answer": "Cats eat fish."}), before)


def test_a_chat_template_is_one_stretch():
    """Neighbours of a template's tokens are joined, and have a share of their own."""
    attention = attention_of(SOURCE)
    around = (Token("<s>"), *attention.query, Token("</s>"), Token("<bot>"))
    weights = np.full((1, 1, len(around), len(around)), 1 / len(around), dtype=np.float32)
    joined = join_passages(
        Attention(around, around, weights, source=SOURCE), name_passages({"cats": "Cats eat fish."}), templated=True
    )
    assert [token.text for token in joined.query][::4] == ["template", "template"]
    (found,) = [one for one in passage_shares(joined).rest if one.kind == "template"]
    assert_near(found.weight, 4 / len(around))


def test_passages_of_the_other_text():
    """In cross-attention the passages are the keys', and all queries are the answer."""
    one, other = attention_of("Die Katze frisst."), attention_of("The cat. It eats.")
    weights = np.full((1, 2, 4, 5), 0.2, dtype=np.float32)
    cross = Attention(one.query, other.key, weights, source=one.source, key_source=other.source)
    shares = passage_shares(join_passages(cross, name_passages(["The cat.", "It eats."])))
    assert [(one.name, round(one.weight, 6)) for one in (*shares.passages, *shares.rest)] == [
        ("P1", 0.4),
        ("P2", 0.4),
        ("special tokens", 0.2),
    ]
    assert shares.passages[0].contribution is None


def test_a_row_of_another_name():
    """A row is named by its passage; what it may not look at has no share."""
    shares = passage_shares(join_passages(attention_of(SOURCE), name_passages(PARTS)), "dogs")
    assert [one.weight > 0 for one in shares.passages] == [True, False, False]
    assert [one.name for one in shares.passages] == ["cats", "asked", "told"]


def test_keys_that_are_not_here():
    """Rows that sum to less than 1 say what is missing."""
    attention = attention_of(SOURCE, lengths=False)
    half = Attention(
        attention.query,
        attention.key,
        attention.weights / 2,
        attention.allowed,
        source=SOURCE,
        provenance=Provenance(partial=True),
    )
    rest = passage_shares(join_passages(half, name_passages(PARTS))).rest
    assert rest[-1].kind == "missing"
    assert_near(rest[-1].weight, 0.5)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["Cats eat mice."], "is not in the text: “Cats eat mice.”. A passage is copied"),
        (["cats eat fish."], "write it as in the text"),
        (["eat"], "P1 stands in the text 3 times, not 1: “eat”"),
        (["Cats eat fish.", "fish. Dogs"], "P1 and P2 overlap at character 20"),
        (["at fish."], "is not in the text"),
    ],
)
def test_places_that_cannot_be(parts, said):
    """A passage that is not there, in several places, or over another, is told with what to do."""
    with pytest.raises(InputError) as error:
        join_passages(attention_of(SOURCE), name_passages(parts))
    assert said in str(error.value)


def test_a_passage_for_each_place():
    """A text that stands three times is given three times; white space may differ."""
    assert [each[0] for each in find_passages(name_passages(["eat"] * 3), SOURCE)] == ["P1", "P2", "P3"]
    assert find_passages(name_passages(["fish.\n\n Dogs"]), SOURCE) == [("P1", 20, 30)]


def test_a_passage_inside_a_token():
    """A passage that has no token of its own has no row: it is refused."""
    with pytest.raises(InputError, match="The passage P1 has no token of its own"):
        join_passages(attention_of("猫吃鱼。"), name_passages(["吃"]))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "There is no passage"),
        ({}, "There is no passage"),
        (7, "not 7"),
        (["a", " "], "The passage P2 is blank"),
        ({"a": 3}, "The passage a is of type int"),
        ({"  ": "b"}, "has the name"),
        ([["a"]], "The passage P1 is of type list"),
    ],
)
def test_what_are_no_passages(given, said):
    """A list or a mapping of texts was expected; anything else is named."""
    with pytest.raises(OptionError) as error:
        name_passages(given)
    assert said in str(error.value)


def test_files_of_passages(tmp_path):
    """One a line, parted by blank lines, a JSON list, or a JSON object."""
    found = {}
    for name, text in {
        "lines.txt": "one two\n three\r\n",
        "blank.txt": "\n\none\ntwo\n \n\nthree\n",
        "list.json": '["one two", "three"]',
        "named.txt": '{"a": "one two", "b": "three"}',
        "numbered.txt": "[1] one\n[2] two",
    }.items():
        (tmp_path / name).write_bytes(text.encode())
        found[name] = [tuple(one) for one in read_passages(tmp_path / name)]
    assert found["lines.txt"] == found["list.json"] == [("P1", "one two"), ("P2", "three")]
    assert found["blank.txt"] == [("P1", "one\ntwo"), ("P2", "three")]
    assert found["numbered.txt"] == [("P1", "[1] one"), ("P2", "[2] two")]
    assert found["named.txt"] == [("a", "one two"), ("b", "three")]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.txt", b" \n\n", "holds no passage"),
        ("x.json", b"one", "is no JSON"),
        ("x.json", b'["one"', "is no JSON"),
        ("x.json", b"3", "not 3"),
        ("x.json", b'{"a": "b", "a": "c"}', "two passages of the name “a”"),
        ("x.txt", "猫吃鱼，狗吃肉。\n".encode("gbk"), "--encoding gb"),
    ],
)
def test_files_that_hold_none(tmp_path, name, data, said):
    """A file that holds no passages is refused in one line, which says what was expected."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AttnvizError) as error:
        read_passages(tmp_path / name)
    assert said in error.value.for_command_line()
    assert "\n" not in error.value.for_command_line()


def test_passages_are_kept_in_files(tmp_path):
    """A document and an .npz say which rows are passages, so that their shares are told again."""
    from attnviz import load_weights

    joined = join_passages(attention_of(SOURCE, lengths=False), name_passages(PARTS))
    told = [(one.name, one.weight) for one in passage_shares(joined).passages]
    for name in ("x.json", "x.npz"):
        joined.save(tmp_path / name, layer="all")
        (read,) = load_weights(tmp_path / name)
        assert read.provenance.passages == joined.provenance.passages
        for (name_, weight), one in zip(told, passage_shares(read).passages, strict=True):
            assert one.name == name_
            assert_near(one.weight, weight)
    document = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert document["passage_shares"]["answer"] == "told"
