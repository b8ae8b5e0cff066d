"""The same words in another order: aligned word by word, told apart only by positions and masks."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_near, assert_near64, assert_rows_sum_to_one

from attnviz import compare, run
from attnviz.analysis import order_blindness
from attnviz.analysis.comparison import align, compare_pairs, decimals
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, OptionError
from attnviz.i18n.messages import speaking
from attnviz.views.prepared.comparison import prepare_comparison

words = st.lists(st.sampled_from("猫吃鱼狗书茶水人"), min_size=1, max_size=7)


def tokens(text: str) -> tuple[Token, ...]:
    """One token a character."""
    return tuple(Token(letter) for letter in text)


@given(st.text("猫吃鱼", max_size=7), st.text("猫吃鱼", max_size=7))
def test_alignment_is_by_occurrence(a, b):
    """The n-th of a word meets the n-th of the other text; every token is paired or left over, exactly once."""
    aligned = align(tokens(a), tokens(b))
    assert sorted(aligned.a + aligned.only_a) == list(range(len(a)))
    assert sorted(aligned.b + aligned.only_b) == list(range(len(b)))
    assert list(aligned.a) == sorted(aligned.a)
    for i, j in zip(aligned.a, aligned.b, strict=True):
        assert (a[i], a[:i].count(a[i])) == (b[j], b[:j].count(b[j]))
    assert not {a[i] for i in aligned.only_a} & {b[j] for j in aligned.only_b}


def test_alignment_of_what_counts_as_one():
    """`same` says which texts count as one word."""
    assert align(tokens("aB"), tokens("bA"), str.lower).b == (1, 0)
    assert align(tokens("aB"), tokens("bA")).a == ()


@given(words, st.randoms())
def test_blind_without_positions(letters, random):
    """Without positions and mask, any reordering gives the same weights and outputs word by word."""
    shuffled = random.sample(letters, len(letters))
    result = compare(" ".join(letters), " ".join(shuffled), tokens="space")
    first = result.runs[0]
    assert first.order_blind
    assert np.abs(first.delta).max() <= first.threshold
    assert result.same_words


def test_positions_tell_the_two_apart():
    """猫吃鱼 and 鱼吃猫 are the same without positions, in weights and outputs, and differ with sinusoidal ones."""
    none, sinusoidal = compare("猫吃鱼", "鱼吃猫").runs
    assert (none.position, sinusoidal.position) == ("none", "sinusoidal")
    assert (none.order_blind, sinusoidal.order_blind) == (True, False)
    assert none.outputs <= 10 * none.threshold
    assert sinusoidal.outputs > 0.1
    assert np.abs(sinusoidal.delta).max() > 0.1


def test_cell_by_cell_is_the_wrong_comparison():
    """Not aligned, the two matrices seem to differ by a lot although no word looks elsewhere."""
    a, b = run("猫吃鱼"), run("鱼吃猫")
    assert np.abs(a.weights - b.weights).max() > 0.05
    assert_near(b.weights[0, 0, ::-1, ::-1], a.weights[0, 0])


def test_causal_mask_breaks_the_symmetry():
    """A causal mask tells the two orders apart without any positions, and the verdict says why."""
    result = compare("猫吃鱼", "鱼吃猫", mask="causal")
    assert not result.runs[0].order_blind
    assert "the causal mask alone tells the two apart" in str(result.verdicts()[0])


def test_mirrored_window_is_blind():
    """A two-sided window sees only distances: 鱼吃猫, which is 猫吃鱼 read backwards, is the same to it."""
    assert compare("猫吃鱼", "鱼吃猫", mask="window:1").runs[0].order_blind
    result = compare("猫吃鱼", "吃猫鱼", mask="window:1")
    assert "the mask window:1 alone tells the two apart" in str(result.verdicts()[0])


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_delta_is_b_minus_a(heads):
    """A run's a is the first text's own matrix, b the second's in the first one's order, delta is b - a."""
    one, two = run("猫吃鱼", heads=heads, position="sinusoidal"), run("鱼猫吃", heads=heads, position="sinusoidal")
    result = compare("猫吃鱼", "鱼猫吃", heads=heads)
    order = [1, 2, 0]
    np.testing.assert_array_equal(result.runs[1].a, one.weights[0])
    np.testing.assert_array_equal(result.runs[1].b, two.weights[0][:, order][:, :, order])
    np.testing.assert_array_equal(result.runs[1].delta, result.runs[1].b - result.runs[1].a)
    assert [token.text for token in result.tokens] == ["猫", "吃", "鱼"]


def test_outputs_are_aligned_too():
    """The change of outputs is the largest between a word's vector in one text and in the other."""
    one, two = run("猫吃鱼", position="sinusoidal"), run("鱼猫吃", position="sinusoidal")
    expected = np.abs(two.output[[1, 2, 0]] - one.output).max()
    assert_near(compare("猫吃鱼", "鱼猫吃").runs[1].outputs, expected)


@pytest.mark.parametrize("mask", ["none", "causal"])
def test_different_words(mask):
    """Where words differ, the rows are re-normalized over the shared ones, and outputs are not compared."""
    result = compare("猫吃红鱼", "狗吃鱼吗", mask=mask, tokens="char")
    assert [token.text for token in result.tokens] == ["吃", "鱼"]
    assert (result.only_a, result.only_b) == (("猫", "红"), ("狗", "吗"))
    assert not result.same_words
    for each in result.runs:
        assert_rows_sum_to_one(each.a)
        assert_rows_sum_to_one(each.b)
        assert each.outputs is None
    assert all(str(verdict).startswith("Over the shared words") for verdict in result.verdicts())


def test_masked_cells_are_marked_in_the_first_order():
    """What each mask forbids is given in the order of the first text."""
    result = compare("猫吃鱼", "鱼吃猫", mask="causal").runs[0]
    np.testing.assert_array_equal(result.forbidden_a, ~np.tri(3, dtype=bool))
    np.testing.assert_array_equal(result.forbidden_b, ~np.tri(3, dtype=bool)[::-1, ::-1])
    assert compare("猫吃鱼", "鱼吃猫").runs[0].forbidden_a is None


def test_no_word_in_common():
    """Two texts that share no word cannot be compared; the error shows both."""
    with pytest.raises(InputError, match="no word in common: “猫” and “狗”"):
        compare("猫", "狗")


@pytest.mark.parametrize(("a", "b"), [("", "猫"), ("猫", " \n")])
def test_blank(a, b):
    """A blank text has nothing to compare."""
    with pytest.raises(InputError, match="empty or blank"):
        compare(a, b)


def test_identical_texts():
    """Two texts of the same words in the same order are told to be that, under any positions."""
    result = compare("猫吃鱼", "猫 吃 鱼")
    assert result.same_order
    assert all(run.order_blind for run in result.runs)
    assert all("the same words in the same order" in str(verdict) for verdict in result.verdicts())


def test_case():
    """Words of the toy are one word in any case; hashed words are not, for their vectors differ."""
    assert compare("Cat eats fish", "fish eats cat").same_words
    assert compare("Cat eats fish", "fish eats cat").runs[0].order_blind
    hashed = compare("Cat eats fish", "fish eats cat", embedding="hash")
    assert (hashed.only_a, hashed.only_b) == (("Cat",), ("cat",))
    assert compare("Zzyzx eats", "eats zzyzx").only_a == ("Zzyzx",)


def test_only_the_cut_differs():
    """Where only the cutting into words differs, both are cut by character, and a note says so."""
    result = compare("手机", "机手")
    assert [token.text for token in result.tokens] == ["手", "机"]
    assert "Only the cutting into words differs" in str(result.notes[0])
    assert not any("cutting" in str(note) for note in compare("猫吃鱼", "鱼吃猫").notes)


def test_threshold():
    """Rounding may change 1e-6 times the largest float32 logit of the two texts, 1e-6 at least, and never 1e-4."""
    for temperature in (1e-9, 0.01, 1, 100):
        result = compare("猫吃鱼", "鱼吃猫", temperature=temperature, position="sinusoidal")
        for each in result.runs:
            traces = [
                run(text, temperature=temperature, position=each.position).traces[0] for text in ("猫吃鱼", "鱼吃猫")
            ]
            logits = max(1.0, *(float(np.abs(trace.logits).max()) for trace in traces))
            exact = traces[0].query.dtype == np.float64
            assert exact == (temperature < 1)
            assert_near64(each.threshold, max(1e-6, logits * (4 * np.finfo(float).eps if exact else 1e-6)))
        assert result.runs[0].order_blind


def test_threshold_without_logits():
    """Weights of one's own, without a trace, are compared to 1e-6; one that changes by more is a difference."""
    even = np.full((1, 1, 2, 2), 0.5, dtype=np.float32)
    tilted = even + np.array([[2e-6, -2e-6], [0, 0]], dtype=np.float32)
    a, b = Attention(tokens("猫鱼"), tokens("猫鱼"), even), Attention(tokens("猫鱼"), tokens("猫鱼"), tilted)
    same, other = compare_pairs([(a, a)]), compare_pairs([(a, b)])
    assert same.runs[0].threshold == order_blindness._ROUNDING
    assert (same.runs[0].order_blind, other.runs[0].order_blind) == (True, False)
    assert same.runs[0].outputs is None
    assert same.text_a == "猫 鱼"


def test_one_head_is_enough_to_see_a_difference():
    """order_blind looks at every head: two heads whose changes cancel in the mean are a difference."""
    even = np.full((1, 2, 2, 2), 0.5, dtype=np.float32)
    tilt = np.zeros_like(even)
    tilt[0, 0, 0], tilt[0, 1, 0] = [0.1, -0.1], [-0.1, 0.1]
    pair = [Attention(tokens("猫鱼"), tokens("猫鱼"), even + extra) for extra in (0, tilt)]
    (result,) = compare_pairs([tuple(pair)]).runs
    assert_near(result.mean()[0], result.mean()[1])
    assert not result.order_blind


def test_largest_change():
    """The verdict names the cell that changes most in the mean of the heads, and the head that changes most."""
    comparison = compare("猫吃鱼", "鱼吃猫", heads=4)
    result = comparison.runs[1]
    query, key, change = result.largest()
    mean = (result.b - result.a).mean(axis=0)
    assert_near(abs(change), np.abs(mean).max())
    assert_near(change, mean[query, key])
    assert np.abs(result.delta[result.changed_head]).max() == np.abs(result.delta).max()
    head = f"head {result.changed_head} ({result.heads[result.changed_head]})"
    assert f"; {head} changes most" in str(comparison.verdicts()[1])


def test_verdicts():
    """The first example's two sentences."""
    blind, told = compare("猫吃鱼", "鱼吃猫").verdicts()
    assert str(blind).startswith("Without positions every word looks at the others exactly as before: ")
    assert str(blind).endswith("attention cannot tell “猫吃鱼” from “鱼吃猫”.")
    assert str(told).startswith("With sinusoidal positions it can: ")


def test_one_run_where_none_is_asked_for():
    """With position none there is one run, not the same one twice."""
    assert [run.position for run in compare("猫吃鱼", "鱼吃猫", position="none").runs] == ["none"]


def test_unknown_option():
    """An option that is no field of Settings is wrong usage."""
    with pytest.raises(OptionError, match=r"Did you mean heads\?"):
        compare("猫", "猫", head=1)


@pytest.mark.parametrize(
    ("number", "text"), [(0, ".00"), (0.2071, ".21"), (0.005, ".01"), (0.0049, ".005"), (0.00034, ".0003"), (1, "1.00")]
)
def test_decimals(number, text):
    """A change is written with two digits, or with as many as it takes to see the first."""
    assert str(decimals(number)) == text


def test_decimals_of_another_language():
    """A verdict's numbers are written as the language is in which it is read, not as that in which it was made."""
    with speaking("zh"):
        made = compare("猫吃鱼", "鱼吃猫", position="sinusoidal").verdicts()[-1]
    assert re.search(r" \.[0-9]", str(made))
    with speaking("zh"):
        assert re.search(r" 0\.[0-9]", made.localized())


def test_verdict_is_about_what_is_shown():
    """The verdict names the largest change of the head that is shown; of several heads, that of their mean."""
    result = compare("猫吃鱼", "鱼吃猫", heads=4)
    run = result.runs[1]
    for head, index in ((None, None), ("mean", None), ("all", None), ("0", 0), ("1", 1), ("2", 2)):
        query, key, change = run.largest(index)
        direction = "more" if change > 0 else "less"
        named = "itself" if query == key else f"“{result.tokens[key].text}”"
        words = f"“{result.tokens[query].text}” looks {decimals(abs(change))} {direction} at {named}."
        assert words in str(result.verdicts(head)[1])
        (_, form) = prepare_comparison(result, head=head)
        assert str(form.notes[0]) == str(result.verdicts(head)[1])
    assert len({str(result.verdicts(head)[1]) for head in (None, "0", "1", "2")}) > 1


def test_unknown_words_are_told_once():
    """Both texts have the same words that the toy does not know, in another order: one note names them."""
    names = [f"b{number}" for number in range(12)]
    found = compare(" ".join(names), " ".join(reversed(names)))
    assert [str(note)[:9] for note in found.notes] == ["12 words "]


def test_one_hot_vectors_are_dealt_anew():
    """One-hot vectors go by the order of the words, so the outputs of two orders are not compared: weights decide."""
    (without,) = compare("the cat sees red fish", "red fish sees the cat", embedding="onehot", position="none").runs
    assert without.order_blind
    assert without.outputs is None


def test_equal_weights_are_not_said_to_change():
    """Where only the outputs differ, the sentence tells of them and of no weight."""
    comparison = compare("红猫吃小鱼", "小鱼吃红猫", embedding="hash", temperature=1e-6, position="sinusoidal")
    found = comparison.runs[-1]
    assert (found.changed, found.order_blind) == (False, False)
    assert "as before, and what the words take up differs" in str(prepare_comparison(comparison)[-1].notes[0])
