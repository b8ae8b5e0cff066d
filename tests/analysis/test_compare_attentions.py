"""Weights that are already there, two by two: aligned as texts are, and nothing is said that is not known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one

from attnviz import Attention, Token, compare, run
from attnviz.analysis.compare_attentions import compare_attentions
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.io.write_data import comparison_document, to_json
from attnviz.views.page.comparison_document import of_comparison
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.presentation import PICTURE


def random_weights(tokens, layers=1, heads=1, *, seed=0, keys=None, numbers=None):
    """Weights of these tokens."""
    raw = np.random.default_rng(seed).random((layers, heads, len(tokens), len(keys or tokens))) ** 3 + 1e-6
    return Attention.from_arrays(raw / raw.sum(axis=-1, keepdims=True), list(tokens), keys=keys, layers=numbers)


def words(comparison):
    """All that a reader is told of it, in one string."""
    (form,) = prepare_comparison(comparison)
    parts = (form.heading, *form.caption, *form.notes, *(panel.title for panel in form.panels))
    return " | ".join(map(str, (*parts, *comparison.notes)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("猫吃鱼abc"), min_size=1, max_size=7), st.integers(1, 3), st.randoms())
def test_another_order_alone_changes_nothing(tokens, heads, random):
    """Weights whose rows and columns were only put in another order are the same, token by token."""
    a = random_weights(tokens, heads=heads)
    places = list(range(len(tokens)))
    random.shuffle(places)
    # The n-th 猫 meets the n-th 猫: of equal words the order must stay.
    order = [0] * len(places)
    for text in set(tokens):
        spots = [k for k, place in enumerate(places) if tokens[place] == text]
        for spot, place in zip(spots, [i for i, token in enumerate(tokens) if token == text], strict=True):
            order[spot] = place
    b = Attention.from_arrays(a.weights[:, :, order][..., order], [tokens[i] for i in order])
    found = compare_attentions(a, b)
    assert not found.runs[0].delta.any()
    assert found.runs[0].order_blind
    assert "as in" in str(found.verdicts()[0])


def test_delta_is_b_minus_a():
    """The change is the second's weight less the first's, token by token in the first one's order."""
    a, b = random_weights("abc", heads=2), random_weights("cab", heads=2, seed=1)
    run_ = compare_attentions(a, b).runs[0]
    order = [1, 2, 0]
    assert_near(run_.delta, b.weights[0][:, order][..., order] - a.weights[0])
    query, key, change = run_.largest()
    assert f"“{'abc'[query]}” looks" in str(compare_attentions(a, b).verdicts()[0])
    assert ("more" if change > 0 else "less") in str(compare_attentions(a, b).verdicts()[0])
    assert key in (0, 1, 2)


@pytest.mark.parametrize("names", [None, ("x.npz", "y.npz")])
@pytest.mark.parametrize("same", [True, False])
def test_nothing_is_said_of_positions(names, same):
    """No sentence, title or caption speaks of positions, masks or order where nobody knows them; both have a name."""
    a = random_weights("abc")
    b = a if same else random_weights("abc", seed=1)
    found = compare_attentions(a, b, names=names)
    said = words(found)
    assert [word for word in ("position", "mask", "order", "without") if word in said] == []
    assert all(name in said for name in names or ("the first", "the second"))
    assert (found.runs[0].position, found.runs[0].mask) == ("given", "given")
    document = comparison_document(found)
    assert document["names"] == list(names or ("the first", "the second"))
    assert json.loads(to_json(document))["runs"][0]["position"] == "given"


def test_names_and_texts():
    """Where the words stand in another order the titles have names and words."""
    found = compare_attentions(random_weights("abc"), random_weights("cab"), names=("x", "y"))
    assert [str(title) for title in found.titles] == ["x: a b c", "y: c a b"]
    assert compare_attentions(random_weights("abc"), random_weights("cab")).titles == ("a b c", "c a b")


def test_words_that_differ():
    """The shared words are compared, each row re-normalized, and that is said."""
    found = compare_attentions(random_weights("abc"), random_weights("abd", seed=1))
    assert (found.only_a, found.only_b) == (("c",), ("d",))
    assert_rows_sum_to_one(found.runs[0].b)
    assert str(found.verdicts()[0]).startswith("Over the shared words, each row re-normalized: In ")


def test_other_heads():
    """Where the numbers of heads differ the means are compared, or one head that both have; not all of them."""
    a, b = random_weights("abc", heads=4), random_weights("abc", heads=2, seed=1)
    found = compare_attentions(a, b)
    assert_near(found.runs[0].a, a.weights[0].mean(axis=0, keepdims=True))
    assert "mean of the heads" in words(found)
    assert "mean of 4 heads is compared with the mean of 2" in words(found)
    assert "4 heads | 2 heads" in words(found)
    one = compare_attentions(a, b, head="1")
    assert np.array_equal(one.runs[0].a, a.weights[0, 1:2])
    assert "head 1" in words(one)
    with pytest.raises(InputError, match="0, 1, 2, 3, the other 0, 1"):
        compare_attentions(a, b, head="all")
    with pytest.raises(MissingError, match="no head 3: there are 0, 1"):
        compare_attentions(a, b, head="3")


def test_one_head_has_its_verdict():
    """The sentence is about the head that is shown."""
    a, b = random_weights("abc", heads=3), random_weights("abc", heads=3, seed=1)
    for head in range(3):
        change = (b.weights - a.weights)[0, head]
        query, key = np.unravel_index(np.abs(change).argmax(), change.shape)
        verdict = str(compare_attentions(a, b, head=str(head)).verdicts()[0])
        assert verdict.startswith(f"In the second, “{'abc'[query]}” looks ")
        assert "Head" not in verdict
        assert f"{abs(change[query, key]):.2f}".lstrip("0") in verdict


def test_layers():
    """The last layer of both where it is the same; another by its number; layers of two files that have one each."""
    a, b = random_weights("ab", layers=3), random_weights("ab", layers=5, seed=1)
    with pytest.raises(InputError, match="2 in one and 4 in the other"):
        compare_attentions(a, b)
    assert np.array_equal(compare_attentions(a, b, layer=1).runs[0].b, b.weights[1])
    assert "layer 1" in words(compare_attentions(a, b, layer=1))
    with pytest.raises(MissingError, match="layer 4"):
        compare_attentions(a, b, layer=4)
    single = random_weights("ab", numbers=[7])
    assert "Layer 2 is compared with layer 7." in words(compare_attentions(a, single))


def test_keys():
    """Cross-attention is compared over the words that both ask, in whatever order."""
    a = random_weights("ab", keys=["x", "y", "z"])
    b = random_weights("ba", keys=["x", "y", "z"], seed=1)
    assert_near(compare_attentions(a, b).runs[0].b, b.weights[0][:, ::-1])
    other = random_weights("ba", keys=["w", "y", "x"], seed=1)
    shared = compare_attentions(a, other)
    swapped = other.weights[0][:, ::-1][:, :, [2, 1]]
    assert_near(shared.runs[0].b, swapped / swapped.sum(axis=-1, keepdims=True))
    assert (shared.only_a, shared.only_b, shared.renormalized) == (("z",), ("w",), True)
    assert "each row re-normalized" in words(shared)
    with pytest.raises(InputError, match="“x y z” and “v w”"):
        compare_attentions(a, random_weights("ab", keys=["v", "w"]))
    with pytest.raises(InputError, match=r"cross-attention.*Compare two with self-attention"):
        compare_attentions(a, random_weights("ab"))
    with pytest.raises(InputError, match="no word in common"):
        compare_attentions(random_weights("ab"), random_weights("cd"))


def test_forbidden_cells_are_each_ones_own():
    """What one of the two may not look at is forbidden there alone."""
    a = random_weights("abc")
    b = Attention.from_arrays(np.tri(3) / [[1], [2], [3]], list("abc"), allowed=np.tri(3))
    found = compare_attentions(a, b).runs[0]
    assert found.forbidden_a is None
    assert np.array_equal(found.forbidden_b, ~np.tri(3, dtype=bool))


def test_attentions_in_python():
    """Two Attentions are compared as they are; in what settings they differ is said, and no other can be given."""
    a, b = run("猫吃鱼"), run("猫吃鱼", position="rope")
    found = compare(a, b)
    assert "no positions | rope" in words(found)
    assert str(found.verdicts()[0]).startswith("In the second, ")
    with pytest.raises(OptionError, match="already computed"):
        compare(a, b, mask="causal")
    with pytest.raises(InputError, match="not one of each"):
        compare(a, "猫吃鱼")
    same = compare(run("猫吃鱼"), run("鱼吃猫"))
    assert "toy embedding" in words(same)
    assert same.titles == ("猫吃鱼", "鱼吃猫")


def test_texts_of_files():
    """Tokens that know their places make their text again; where they cannot, they stand in a row without places."""
    a, b = (replace(run(text), source=None, traces=()) for text in ("猫吃鱼 。", "鱼吃猫 。"))
    found = compare_attentions(a, b, names=("a.npz", "b.npz"))
    assert (found.text_a, found.text_b) == ("猫吃鱼 。", "鱼吃猫 。")
    text = of_comparison(found, None, PICTURE).data.texts[1]
    assert (list(text.words), list(text.gaps), text.tail) == ([2, 1, 0, 3], ["", "", "", " "], "")
    pieces = tuple(Token(token.text.upper() * 2, token.start, token.end) for token in a.query)
    row = compare_attentions(replace(a, query=pieces, key=pieces), replace(a, query=pieces, key=pieces))
    assert row.text_a == "猫猫 吃吃 鱼鱼 。。"
    text = of_comparison(row, None, PICTURE).data.texts[0]
    assert (list(text.gaps), text.tail) == (["", " ", " ", " "], "")


def test_outputs_are_no_weights():
    """Where only the new vectors differ, the words still look at each other alike, and no change of 0 is told."""
    a = run("猫吃鱼")
    other = replace(a, output=a.output + 1, traces=())
    assert "as in the first" in str(compare_attentions(a, other).verdicts()[0])
    assert repr(compare_attentions(a, other)) == "<Comparison 'the first' | 'the second': 3 shared words x 1 settings>"


def test_heads_in_another_order():
    """Where the heads only changed places their mean is the same, and which head changes most is told."""
    a = random_weights("abc", heads=2)
    verdict = str(compare_attentions(a, replace(a, weights=a.weights[:, ::-1])).verdicts()[0])
    assert verdict.startswith("In the mean of the heads every word looks at the others in the second as in the first.")
    assert "changes most, by ." in verdict


def test_the_verdict_says_of_which_heads_it_speaks():
    """The largest change is of the mean, of the head that is shown, or of another head, and the sentence says which."""
    found = compare("the dog bites the man", "the man bites the dog", position="sinusoidal", heads=4)
    run = found.runs[-1]
    most = run.changed_head
    assert "That is the mean of 4 heads; head 0 (who acts) changes most, by ." in str(found.verdicts()[-1])
    assert str(found.verdicts(str(most))[-1]).endswith("None of the other heads changes more.")
    assert "Of all 4 heads, head 0 (who acts) changes most" in str(found.verdicts(str(most + 1))[-1])
