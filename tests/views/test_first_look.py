"""What is shown of a model when nothing is named: the head that says most of the words, special tokens hidden."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from near import assert_rows_sum_to_one
from rich.console import Console

from attnviz import Attention, Token, run
from attnviz.core.provenance import ModelOrigin, Provenance
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.choose_view import view_attention
from attnviz.views.terminal.screen import Screen

WORDS = ("[CLS]", "the", "cat", "eats", "[SEP]")


def model_of(weights, words=WORDS, layers=1):
    """An attention [layers, heads, query, key] as a model gives it; words in brackets have no place in the text."""
    tokens, place = [], 0
    for word in words:
        own = word.startswith("[")
        tokens.append(Token(word) if own else Token(word, place, place + len(word)))
        place += 0 if own else len(word) + 1
    origin = ModelOrigin("bert", "tiny", layers, weights.shape[1], "none")
    return Attention(tuple(tokens), tuple(tokens), weights.astype(np.float32), provenance=Provenance(origin))


def rows(*given):
    """Weights of one head: each row gives the same."""
    return np.tile(np.array(given), (len(given), 1))


def six_heads(**special):
    """Even heads, but for those of `special`, by number."""
    heads = [special.get(f"h{number}", rows(0.2, 0.2, 0.2, 0.2, 0.2)) for number in range(6)]
    return np.stack(heads)[None]


def test_least_even_head():
    """Of six heads that one is shown whose rows lie farthest below an even one, without special tokens."""
    attention = model_of(six_heads(h3=rows(0.1, 0.1, 0.6, 0.1, 0.1), h4=rows(0.1, 0.2, 0.4, 0.2, 0.1)))
    shown = choose_heads(attention)
    assert shown.heads == (3,)
    assert [token.text for token in shown.query] == ["the", "cat", "eats"]
    assert_rows_sum_to_one(shown.weights)
    caption = " · ".join(str(part) for part in prepare(shown)[0].caption)
    assert "the least even of 6 heads" in caption
    assert "[CLS], [SEP]" in caption


def test_sinks_say_nothing():
    """A head that gives all to a special token, or to a first word that takes most, is not the one that is shown."""
    attention = model_of(six_heads(h1=rows(0.96, 0.01, 0.01, 0.01, 0.01), h2=rows(0.1, 0.1, 0.6, 0.1, 0.1)))
    assert choose_heads(attention).heads == (2,)
    sink = np.stack([rows(0.9, 0.02, 0.03, 0.05)] * 5 + [rows(0.5, 0.02, 0.46, 0.02)])[None]
    assert choose_heads(model_of(sink, words=("the", "cat", "eats", "fish"))).heads == (5,)


def test_special_tokens_stay_where_they_are_asked_for():
    """For sinks and for one word's row special tokens stay; the head is the same."""
    attention = model_of(six_heads(h3=rows(0.1, 0.1, 0.6, 0.1, 0.1)))
    shown = choose_heads(attention, special=True)
    assert (shown.heads, len(shown.query)) == ((3,), 5)


@pytest.mark.parametrize(
    ("head", "layer", "heads", "count"),
    [(None, "0", ("mean",), 5), ("mean", None, ("mean",), 5), ("all", None, tuple(range(6)), 5)],
)
def test_what_is_named_is_shown(head, layer, heads, count):
    """A layer or heads that are named are shown as they are, with every token."""
    shown = choose_heads(model_of(six_heads(h3=rows(0.1, 0.1, 0.6, 0.1, 0.1))), head, layer)
    assert (shown.heads, len(shown.query)) == (heads, count)


def test_others_keep_their_mean():
    """Weights of one's own, of which nothing is known, are shown as the mean; up to four heads all."""
    attention = replace(model_of(six_heads()), provenance=Provenance())
    assert choose_heads(attention).heads == ("mean",)
    assert choose_heads(run("猫吃鱼", heads=4)).heads == run("猫吃鱼", heads=4).heads


def test_nothing_but_special_tokens():
    """Where there is no word, a head is shown with the special tokens that there are."""
    weights = np.stack([rows(0.5, 0.5)] * 6)[None]
    shown = choose_heads(model_of(weights, words=("[CLS]", "[SEP]")))
    assert [token.text for token in shown.query] == ["[CLS]", "[SEP]"]


@pytest.mark.parametrize(
    ("words", "width", "said"),
    [
        (3, 80, "each row sums to 1 without [CLS], [SEP]"),
        (3, 50, "without [CLS], [SEP]"),
        (70, 80, "without [CLS], [SEP] · other views: table, blocks, top"),
    ],
)
def test_first_caption(words, width, said):
    """One line says which tokens are not shown and how to see the rest, the title why this head is shown."""
    count = words + 2
    even = np.full((count, count), 1 / count)
    first = np.full((count, count), 0.5 / (count - 1))
    first[:, 1] = 0.5
    names = ("[CLS]", *(f"w{number}" for number in range(words)), "[SEP]")
    shown = choose_heads(model_of(np.stack([even] * 5 + [first])[None], names))
    screen = Screen(width, colors="none", terminal=False)
    (made,) = view_attention(shown, "weights", Choice(brief=True), screen, 3)
    console = Console(width=width, file=io.StringIO(), legacy_windows=False)
    console.print(made)
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert "head 5, the least even of 6 heads" in lines
    assert lines[-1] == f"{said} · -v: how it was computed"
