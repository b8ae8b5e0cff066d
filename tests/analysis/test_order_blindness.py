"""What a setting cannot see: any order, the mirror image only, or nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_rows_sum_to_one

from attnviz import compare, run
from attnviz.analysis import order_blindness
from attnviz.analysis.order_blindness import Blindness, blind_to, blindness, rounding
from attnviz.core.positions import SCHEMES
from attnviz.toy.settings import Settings
from attnviz.toy.words import read

CASES = {
    ("none", "none"): Blindness.ANY_ORDER,
    ("none", "causal"): Blindness.NOTHING,
    ("none", "window:1"): Blindness.MIRROR_IMAGE,
    ("none", "window:1,causal"): Blindness.NOTHING,
    **{
        (name, mask): Blindness.MIRROR_IMAGE if scheme.symmetric and mask != "causal" else Blindness.NOTHING
        for name, scheme in SCHEMES.items()
        if name != "none"
        for mask in ("none", "causal", "window:1")
    },
}


def seen(text, **options):
    """What these settings cannot see in the text."""
    settings = Settings(**options)
    return blind_to(read(text, settings), settings)


@pytest.mark.parametrize(("position", "mask"), sorted(CASES))
@pytest.mark.parametrize("text", ["猫吃鱼", "the cat eats the fish", "猫 吃 猫", "我上周买的手机屏幕碎了"])
def test_every_scheme_and_mask(position, mask, text):
    """Each setting is blind to what its formula cannot tell, in a palindrome too."""
    assert seen(text, position=position, mask=mask) is CASES[position, mask]


@given(st.text("猫吃鱼狗书茶", min_size=1, max_size=8))
def test_without_positions(letters):
    """Without positions and mask no order is seen, whatever the words."""
    assert seen(letters, position="none", embedding="hash", tokens="char") is Blindness.ANY_ORDER


@pytest.mark.parametrize("position", sorted(SCHEMES))
def test_one_word(position):
    """A single word has no order to see."""
    assert seen("猫", position=position) is Blindness.ANY_ORDER


def test_long_texts_are_tried_in_few_places():
    """A text of 1,500 words takes a handful of attempts, from its first pair to its last."""
    tried = []
    plain = run("猫" * 1500)

    def attend(order):
        tried.append(order)
        return plain

    assert blindness(attend, 1500) is Blindness.ANY_ORDER
    assert len(tried) == 5
    assert tried[2][:2] == (1, 0)
    assert tried[-1][-2:] == (1499, 1498)
    assert all(sorted(order) == list(range(1500)) for order in tried)


def test_outputs_count_too():
    """Equal weights with other outputs are not blind: a word's new vector is what it is for."""
    from dataclasses import replace

    plain = run("猫吃")
    other = replace(plain, output=plain.output + 1)
    assert blindness(lambda order: plain if order == (0, 1) else other, 2) is Blindness.NOTHING


def test_rounding_grows_with_the_logits():
    """Rounding is 1e-6, or 1e-6 of the largest float32 logit where that is above 1; float64 logits round much less."""
    assert rounding(run(vectors=[[0.1, 0.0]])) == order_blindness._ROUNDING
    usual = run("猫吃鱼")
    assert usual.traces[0].query.dtype == np.float32
    assert rounding(usual) == order_blindness._ROUNDING * float(abs(usual.traces[0].logits).max())
    assert rounding(run("猫吃鱼", temperature=1e-4)) == order_blindness._ROUNDING
    assert rounding(run("猫吃鱼", temperature=1e-25)) == 1


def test_cross_attention_is_blind_to_the_order_of_who_asks():
    """Words that ask another text ask each for itself: without positions their own order changes nothing."""
    settings = Settings(position="none")
    assert blind_to(read("猫吃鱼", settings, keys="the cat"), settings) is Blindness.ANY_ORDER


@pytest.mark.parametrize(
    ("position", "mask", "other", "words"),
    [
        ("alibi", "none", "鱼吃猫", "With alibi positions it sees how far apart two words are, not in which direction"),
        ("none", "window:1", "鱼吃猫", "The mask window:1 sees how far apart two words are, not in which direction"),
        ("alibi", "none", "吃猫鱼", "Only the mirror image of “猫吃鱼” would stay the same"),
        ("none", "window:1", "吃猫鱼", "Only the mirror image of “猫吃鱼” would stay the same"),
        ("rope", "none", "鱼吃猫", "With rope positions it can"),
    ],
)
def test_verdicts(position, mask, other, words):
    """The verdict says in words that a mirror image is not told apart, and why."""
    comparison = compare("猫吃鱼", other, position=position, mask=mask)
    run_ = next(one for one in comparison.runs if one.position == position)
    assert words in str(comparison.verdicts()[comparison.runs.index(run_)])
    assert run_.order_blind == (other == "鱼吃猫" and position != "rope")


def test_compare_all_schemes():
    """`all` makes one run a scheme, in the registry's order."""
    comparison = compare("猫吃鱼", "鱼吃猫", position="all")
    assert [one.position for one in comparison.runs] == list(SCHEMES)
    assert [one.position for one in comparison.runs if one.order_blind] == [
        name for name, scheme in SCHEMES.items() if scheme.symmetric
    ]


def test_compare_asks_another_text():
    """With keys the rows are aligned and the columns are the keys, the same for both texts."""
    comparison = compare("猫吃鱼", "鱼吃猫", keys="the cat eats fish")
    assert [key.text for key in comparison.keys] == ["the", "cat", "eats", "fish"]
    assert [one.a.shape for one in comparison.runs] == [(1, 3, 4)] * 2
    assert [one.order_blind for one in comparison.runs] == [True, False]
    assert "itself" not in str(comparison.verdicts()[1])
    partly = compare("猫吃鱼", "鱼吃狗", keys="the cat eats fish").runs[0]
    assert partly.order_blind
    assert_rows_sum_to_one(partly.a)
