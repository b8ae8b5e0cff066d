"""Cross-attention: the words of one text ask the words of another."""

from __future__ import annotations

import numpy as np
import pytest
from near import assert_near, assert_rows_sum_to_one

from attnviz import run
from attnviz.core.errors import InputError, OptionError
from attnviz.core.positions import SCHEMES

# What each word of the first text finds in the second one, word by word.
PAIRS = [
    ("猫吃鱼", "the cat eats fish", "cat eats fish"),
    ("狗喝水", "the dog drinks water", "dog drinks water"),
    ("鱼吃猫", "a fish eats a cat", "fish eats cat"),
    ("孩子看书", "children read books", "children read books"),
    ("老师写字", "the teacher writes words", "teacher writes words"),
    ("妈妈买苹果", "mother buys apples", "mother buys apples"),
    ("鸟飞", "the bird flies", "bird flies"),
    ("医生看病人", "the doctor sees the patient", "doctor sees patient"),
    ("猫睡觉", "the cat sleeps", "cat sleeps"),
    ("我喜欢茶", "I like tea", "I like tea"),
    ("农民种米饭", "farmers plant rice", "farmers plant rice"),
    ("马吃草", "horses eat grass", "horses eat grass"),
    ("学生听音乐", "students hear music", "students hear music"),
    ("厨师做面条", "the cook makes noodles", "cook makes noodles"),
    ("老虎吃羊", "the tiger eats sheep", "tiger eats sheep"),
    ("爸爸买车", "father buys a car", "father buys car"),
    ("女孩唱歌", "the girl sings a song", "girl sings"),
    ("牛喝牛奶", "the cow drinks milk", "cow drinks milk"),
    ("手机屏幕碎", "the phone screen broke", "phone screen broke"),
    ("小猫跑", "a kitten runs", "kitten runs"),
]


@pytest.mark.parametrize(("text", "keys", "found"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_a_word_finds_its_translation(text, keys, found):
    """Each word gives most of its attention to its translation, since the two share a vector."""
    attention = run(text, keys=keys)
    best = [attention.key[j].text for j in attention.weights[0, 0].argmax(axis=1)]
    assert best[: len(found.split())] == found.split()


@pytest.mark.parametrize("position", sorted(SCHEMES))
@pytest.mark.parametrize("embedding", ["toy", "hash", "onehot"])
@pytest.mark.parametrize("mask", ["none", "window:1"])
def test_shape(position, embedding, mask):
    """Weights are [1, heads, queries, keys] under every scheme; rows sum to 1 or are forbidden; texts are kept."""
    attention = run("猫吃鱼", keys="the cat eats big fish", position=position, embedding=embedding, mask=mask)
    assert attention.weights.shape == (1, 1, 3, 5)
    assert_rows_sum_to_one(attention.weights)
    assert (attention.source, attention.key_source) == ("猫吃鱼", "the cat eats big fish")
    assert attention.is_cross
    assert attention.output.shape[0] == 3


def test_a_row_with_nothing_near_is_zeros():
    """With a window, a word too far from every key looks at nothing, and nothing is made up."""
    attention = run("猫吃鱼狗水", keys="鱼", mask="window:1")
    np.testing.assert_array_equal(attention.weights[0, 0], [[1], [1], [0], [0], [0]])


def test_keys_are_the_text_itself():
    """A text that asks itself with its own words gives what self-attention gives, with the same projection."""
    crossed = run("猫吃鱼", keys="猫吃鱼", position="rope", projection="lexicon")
    own = run("猫吃鱼", position="rope", projection="lexicon")
    assert_near(crossed.weights, own.weights, size=own.traces[0].logits)
    assert_near(crossed.output, own.output)


def test_unknown_words_of_both_texts_are_noted():
    """One note names the words that neither text has in the lexicon."""
    (note,) = run("qwert 猫", keys="yuiop 鱼").notes
    assert "qwert, yuiop" in str(note)


@pytest.mark.parametrize("mask", ["causal", "window:2,causal", "CAUSAL"])
def test_causal_makes_no_sense(mask):
    """Words of another text do not come before or after: a causal mask is wrong usage."""
    with pytest.raises(OptionError, match="another text"):
        run("猫", keys="鱼", mask=mask)


def test_bad_keys():
    """Keys without a word, or with vectors, are refused."""
    with pytest.raises(InputError, match="blank"):
        run("猫", keys=" ")
    with pytest.raises(InputError, match="not vectors"):
        run(vectors=[[1.0]], keys="鱼")
