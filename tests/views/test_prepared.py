"""What is drawn is decided once: which heads, their titles, the numbers as people read them, and the caption."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from near import assert_near

from attnviz import Attention, Token, compare, run
from attnviz.analysis.lab import VARIES
from attnviz.core.errors import AttnvizError, MissingError, OptionError
from attnviz.core.positions import SCHEMES
from attnviz.core.provenance import GivenOrigin
from attnviz.i18n.messages import speaking
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.caption import describe, setting_words
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.panels import FORBIDDEN, join, number
from attnviz.views.prepared.presentation import PICTURE, Presentation

TEXT = "猫吃鱼"
GROUPS = run(TEXT, heads=4).heads


def attention(heads=1, layers=1, **fields):
    """Seeded weights over 猫吃鱼."""
    raw = np.random.default_rng(0).random((layers, heads, 3, 3), dtype=np.float32)
    tokens = tuple(Token(text) for text in TEXT)
    return Attention(tokens, tokens, raw / raw.sum(axis=-1, keepdims=True), provenance=run(TEXT).provenance, **fields)


def titles(form):
    """The titles of a form's panels, in English."""
    return [panel.title and str(panel.title) for panel in form.panels]


def caption(form):
    """The caption's parts, in English."""
    return [str(part) for part in form.caption]


@pytest.mark.parametrize(
    ("heads", "shown"), [(1, (0,)), (2, (0, 1)), (4, (0, 1, 2, 3)), (5, ("mean",)), (8, ("mean",))]
)
def test_default_heads(heads, shown):
    """Unless one is named, all heads of up to four are shown, of more than four their mean."""
    assert choose_heads(attention(heads)).heads == shown


def test_the_mean_is_the_mean():
    """What is shown for the mean is the mean of the heads."""
    given = attention(8)
    assert_near(choose_heads(given).weights[0, 0], given.weights[0].mean(axis=0))


@pytest.mark.parametrize(("head", "shown"), [("0", (0,)), ("7", (7,)), ("mean", ("mean",)), ("all", tuple(range(8)))])
def test_named_heads(head, shown):
    """A head is named by its number from 0, by mean, or by all."""
    assert choose_heads(attention(8), head).heads == shown


@pytest.mark.parametrize("index", range(4))
def test_heads_by_name(index):
    """A head that has a name is found by it, and by its number too."""
    named = run(TEXT, heads=4)
    assert choose_heads(named, GROUPS[index]).heads == choose_heads(named, str(index)).heads == (GROUPS[index],)


@pytest.mark.parametrize(("layer", "shown"), [(None, (2,)), ("0", (0,)), ("2", (2,)), ("all", (0, 1, 2))])
def test_layers(layer, shown):
    """Unless one is named, the last layer is shown."""
    assert choose_heads(attention(layers=3), layer=layer).layers == shown


@pytest.mark.parametrize("head", ["9", "-1", "nobody", ""])
def test_no_such_head(head):
    """A head that is not there is an error that lists those that are."""
    with pytest.raises(MissingError, match=f"no head {head or repr(head)}: there are 0, 1"):
        choose_heads(attention(2), head)


@pytest.mark.parametrize("layer", ["1", "-1", "x", ""])
def test_no_such_layer(layer):
    """A layer that is not there is an error that lists those that are."""
    with pytest.raises((MissingError, OptionError), match="0"):
        choose_heads(attention(), layer=layer)


def test_no_such_head_in_a_comparison():
    """A comparison's error for a head that is not there lists those that are."""
    with pytest.raises(AttnvizError, match="0, 1"):
        prepare_comparison(compare(TEXT, "鱼吃猫", heads=2), head="9")


def test_titles_keep_the_numbers():
    """A head that was picked out keeps its own number and layer in its title."""
    (form,) = prepare(choose_heads(attention(8, layers=3), "7", "1"))
    assert titles(form) == ["layer 1, head 7"]
    (form,) = prepare(attention(2, layers=2))
    assert titles(form) == ["layer 0, head 0", "layer 0, head 1", "layer 1, head 0", "layer 1, head 1"]


def test_titles_name_the_groups():
    """The toy's heads are called by their group; one head of one layer needs no title."""
    assert titles(prepare(run(TEXT, heads=4))[0]) == [f"head: {name}" for name in GROUPS]
    assert titles(prepare(run(TEXT))[0]) == [None]


@pytest.mark.parametrize(
    ("value", "digits", "plus", "written"),
    [
        (0.4172, 3, False, ".417"),
        (0.0, 3, False, "0"),
        (0.0, 3, True, "0"),
        (-0.0, 3, False, "0"),
        (1.0, 3, False, "1.000"),
        (-1.5, 2, False, "-1.50"),
        (0.25, 2, True, "+.25"),
        (-0.25, 2, True, "-.25"),
        (0.0001, 3, False, ".000"),
        (0.9999, 3, False, "1.000"),
        (12.345, 1, False, "12.3"),
        (10.0, 1, True, "+10.0"),
        (0.123456789, 9, False, ".123456789"),
        (1e6, 3, False, "1.000×10⁶"),
        (-2.5e30, 1, True, "-2.5×10³⁰"),
    ],
)
def test_number(value, digits, plus, written):
    """A number has its digits and no leading zero; exactly nothing is 0, too little is .000."""
    assert number(value, digits, plus=plus) == written


def test_small_negative_numbers():
    """A number too small for its digits has no sign: nobody can see on which side of 0 it is."""
    assert number(-0.0001, 3) == number(0.0004, 3, plus=True) == ".000"


def test_rows_of_words_that_may_look_at_nothing():
    """Such a row sums to 0, and the caption does not say that every row sums to 1."""
    for keys, empty in (("fish", True), ("the cat eats", False)):
        (form,) = prepare(run(TEXT, keys=keys, mask="window:1"), "weights")
        assert str(form.caption[-1]).endswith("except for words that may look at nothing") == empty
        assert (form.panels[0].values.sum(axis=-1).min() == 0) == empty


@pytest.mark.parametrize("show", ["weights", "scores"])
@pytest.mark.parametrize("mask", ["causal", "window:0", "window:1"])
def test_forbidden_cells(show, mask):
    """A cell is · exactly where the mask forbids; "cannot look" never reads as a number."""
    masked = run("the dog eats fish", mask=mask)
    (form,) = prepare(masked, show)
    texts = np.array(form.panels[0].texts(3))
    assert np.array_equal(texts == FORBIDDEN, ~masked.allowed)


def test_nothing_forbidden():
    """Without a mask no cell is ·."""
    (form,) = prepare(run(TEXT))
    assert not any(text == FORBIDDEN for row in form.panels[0].texts(3) for text in row)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["toy embedding", "words of the lexicon", "1 head", "no positions", "no mask"]),
        ({"heads": 4}, ["4 heads"]),
        ({"position": "sinusoidal", "mask": "causal"}, ["sinusoidal positions", "causal mask"]),
        ({"temperature": 0.5}, ["temperature 0.5"]),
        ({"embedding": "hash", "dim": 8}, ["hashed vectors", "8 dimensions", "Q = K = V = X"]),
        ({"embedding": "onehot"}, ["one-hot vectors"]),
        ({"projection": "random"}, ["random projection"]),
        ({"tokens": "char"}, ["characters"]),
        ({"tokens": "space"}, ["words between spaces"]),
        ({"tokens": "sentence"}, ["sentences"]),
        ({"tokens": "han"}, ["words, each Han character by itself"]),
    ],
)
def test_caption(options, expected):
    """The caption says how it was computed, and what a row is."""
    (form,) = prepare(run(TEXT, **options))
    assert set(expected) <= set(caption(form))
    assert caption(form)[-1] == "each row is one word's attention and sums to 1"


def test_caption_leaves_out_what_changes_nothing():
    """A temperature of 1 is not mentioned, nor the dimensions of the toy."""
    assert not [part for part in caption(prepare(run(TEXT))[0]) if "temperature" in part or "dimensions" in part]


@pytest.mark.parametrize(
    ("heads", "head", "said"),
    [
        (8, None, "mean of 8 heads"),
        (8, "0", "1 of 8 heads"),
        (8, "all", "8 heads"),
        (2, None, "2 heads"),
        (1, None, "1 head"),
    ],
)
def test_caption_says_which_heads(heads, head, said):
    """The caption tells the mean of the heads, one of them, and all of them apart."""
    (form,) = prepare(choose_heads(run(TEXT, embedding="hash", heads=heads), head))
    assert said in caption(form)


@pytest.mark.parametrize("show", ["output", "qkv"])
def test_zero_features_are_left_out(show):
    """Features that are 0 for every word are left out, and how many is said; no other is."""
    computed = run(TEXT, projection="identity")
    form = prepare(computed, show)[0]
    vectors = computed.output if show == "output" else computed.traces[0].query[0]
    used = np.any(vectors != 0, axis=0)
    assert 0 < used.sum() < len(used)
    names = computed.traces[0].features
    assert form.panels[0].columns == tuple(name for name, kept in zip(names, used, strict=True) if kept)
    assert [str(note) for note in form.notes] == [f"{(~used).sum()} features that are 0 for every word are left out"]


def test_vectors_without_names_are_whole():
    """Hashed vectors have numbered columns, and none is left out."""
    (form,) = prepare(run(TEXT, embedding="hash", dim=6), "output")
    assert form.panels[0].columns == ("0", "1", "2", "3", "4", "5")
    assert form.notes == ()


@pytest.mark.parametrize(("projection", "panels"), [("identity", 1), ("random", 3)])
def test_cards(projection, panels):
    """Query, key and value are three cards; where they are the same they are one."""
    (form,) = prepare(run(TEXT, projection=projection), "qkv")
    assert len(form.panels) == panels
    assert titles(form)[0].startswith("query")


def test_scores_are_the_logits():
    """What is shown as scores is what the softmax saw."""
    computed = run(TEXT, heads=2)
    (form,) = prepare(computed, "scores")
    for panel, logits in zip(form.panels, computed.traces[0].logits, strict=True):
        assert np.array_equal(panel.values, logits)


def test_unknown_show():
    """Something that cannot be shown is wrong usage, with the nearest name."""
    with pytest.raises(OptionError, match="Did you mean weights"):
        prepare(run(TEXT), "weight")


def test_one_scale_for_all_heads():
    """All panels of a form share one scale, so that their colours mean the same."""
    (form,) = prepare(run(TEXT, heads=4))
    assert len({panel.scale for panel in form.panels}) == 1
    assert_near(form.panels[0].scale.high, max(panel.values.max() for panel in form.panels))


def test_labels_are_visible():
    """Labels are made visible, in the medium's own way."""
    text = "我\x1b猫"
    assert "␛[?]" in prepare(run(text))[0].panels[0].rows
    assert "\\x1b[?]" in prepare(run(text), presentation=PICTURE)[0].panels[0].rows


@pytest.mark.parametrize("head", [None, "mean", "all", "1"])
def test_comparison_panels(head):
    """A run is A, B and their change, of the mean of the heads, of one, or of each."""
    compared = compare(TEXT, "鱼吃猫", heads=2)
    forms = prepare_comparison(compared, head=head)
    assert [str(form.heading) for form in forms] == ["without positions", "with sinusoidal positions"]
    for form, ran in zip(forms, compared.runs, strict=True):
        assert form.across == 3
        assert len(form.panels) == (6 if head == "all" else 3)
        for a, b, change in zip(*(form.panels[k::3] for k in range(3)), strict=True):
            rounded = np.abs(change.values) <= ran.threshold
            assert_near(np.where(rounded, 0, b.values - a.values), change.values)
    assert "0" in {text for row in forms[0].panels[2].texts(3) for text in row}


def test_rounding_is_no_change():
    """Where nothing changes but rounding, every cell of the change is 0."""
    forms = prepare_comparison(compare(TEXT, "鱼吃猫"))
    assert {text for row in forms[0].panels[2].texts(9) for text in row} == {"0"}
    assert {text for row in forms[1].panels[2].texts(9) for text in row} != {"0"}


def test_join_says_where_from():
    """In one picture each panel's title says which form it comes from; every panel is kept."""
    forms = prepare_comparison(compare(TEXT, "鱼吃猫"), presentation=PICTURE)
    joined = join(forms)
    assert len(joined.panels) == 6
    assert "without positions" in titles(joined)[0]
    assert "with sinusoidal positions" in titles(joined)[3]
    assert len(joined.notes) == 2
    assert join(forms[:1]) is forms[0]


def test_form_digits():
    """The digits asked for are the digits of the form."""
    (form,) = prepare(run(TEXT), presentation=Presentation(5))
    assert form.digits == 5
    assert all(len(text) == 6 for row in form.panels[0].texts(form.digits) for text in row)


def test_no_output():
    """Where the output is not known there is nothing to show of it."""
    assert prepare(replace(run(TEXT), output=None), "output") == ()


@pytest.mark.parametrize(
    ("name", "value", "english", "chinese"),
    [
        ("position", "none", "no positions", "无位置编码"),
        ("position", "learned", "learned", "可学习"),
        ("position", "rope-half", "rope-half", "rope-half"),
        ("mask", "causal", "causal", "因果掩码"),
        ("mask", "window:1", "window:1", "窗口 1"),
        ("heads", 1, "1 head", "1 个头"),
        ("dim", 1, "1 dimension", "1 维"),
        ("dim", 8, "8 dimensions", "8 维"),
        ("temperature", 0.25, "temperature 0.25", "温度 0.25"),
        ("embedding", "a/b.vec", "embedding: b.vec", "词向量：b.vec"),
        ("projection", "random", "projection: random", "投影：random"),
        ("tokens", "han", "tokens: han", "切分：han"),
        ("seed", 3, "seed 3", "种子 3"),
        ("offset", 5, "first position 5", "起始位置 5"),
    ],
)
def test_setting_words(name, value, english, chinese):
    """One setting in words, in both languages; an option's own value stays as it is written."""
    words = setting_words(name, value)
    assert str(words) == english
    with speaking("zh"):
        assert words.localized() == chinese


def test_every_setting_that_varies_has_words():
    """The laboratory never meets a setting that nobody can name."""
    for name, kind in VARIES.items():
        assert str(setting_words(name, kind("1")))


def test_every_scheme_and_mask_is_chinese():
    """What Chinese textbooks have a term for is called by it."""
    for scheme in SCHEMES:
        attention = run("猫吃鱼", position=scheme, mask="causal")
        with speaking("zh"):
            caption = [part.localized() for part in describe(attention)]
        assert "因果掩码" in caption
        assert any("位置编码" in part or "偏置" in part for part in caption)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"offset": 5}, ["first position 5"]), ({"seed": 3}, ["seed 3"]), ({"offset": 0, "seed": 0}, [])],
)
def test_caption_tells_seed_and_offset(options, told):
    """What makes the numbers what they are stands in the caption, and what changes nothing does not."""
    caption = list(map(str, describe(run("猫吃鱼", position="learned", **options))))
    assert [part for part in caption if "seed" in part or "first position" in part] == told


@pytest.mark.parametrize(
    ("options", "notes"),
    [
        ({}, ["query: 84 features", "key: 86 features", "value: 93 features that are 0 for every word are left out"]),
        ({"projection": "identity"}, ["93 features that are 0 for every word are left out"]),
        ({"keys": "cat", "projection": "identity"}, ["query: 93 features", "key, value: 100 features"]),
        ({"embedding": "hash"}, []),
    ],
)
def test_left_out_features_are_counted_for_each_card(options, notes):
    """Where cards leave out different numbers of features, each count says whose it is."""
    (form,) = prepare(run("猫吃鱼", **options), "qkv")
    found = list(map(str, form.notes))
    assert [note.startswith(words) for note, words in zip(found, notes, strict=True)] == [True] * len(notes)


@pytest.mark.parametrize(("position", "said"), [("none", False), ("alibi", True)])
def test_the_first_position_is_said_where_there_are_positions(position, said):
    """Without positions --offset changes nothing, and the caption does not speak of it."""
    words = [str(one) for one in describe(run(TEXT, position=position, offset=3))]
    assert ("first position 3" in words) == said


def test_a_joined_caption_says_what_each_form_says():
    """One picture of two settings has what both captions say once, and the threshold of each with its heading."""
    compared = compare("狗咬人", "人咬狗", position="sinusoidal")
    forms = prepare_comparison(compared, presentation=PICTURE)
    caption = [str(part) for part in join(forms).caption]
    first, second = (str(form.caption[-1]) for form in forms)
    assert first != second
    assert caption[-2:] == [f"without positions: {first}", f"with sinusoidal positions: {second}"]
    assert (
        caption[:-2] == [str(part) for part in forms[0].caption[:-1]] == [str(part) for part in forms[1].caption[:-1]]
    )
    alike = join((forms[0], forms[0])).caption
    assert [str(part) for part in alike] == [str(part) for part in forms[0].caption]


def test_a_rollout_that_rests_on_one_word_says_so():
    """Where a map through the layers has nearly all of every row on one word, a note says so and from which layer."""
    sharp = np.tile([0.95, 0.03, 0.02], (3, 1)).astype(np.float32)
    even = np.full((3, 3), 1 / 3, dtype=np.float32)
    masked = np.tril(np.ones((3, 3), dtype=bool))
    said = "at least .95 of every row is on “a”, where heads of many layers rest"

    def notes(*layers, allowed=None, **fields):
        weights = np.stack(layers)[:, None]
        found = Attention.from_arrays(weights, ["a", "b", "c"], allowed=allowed)
        origin = GivenOrigin(layers=2, heads=1)
        found = replace(
            found, provenance=replace(found.provenance, **{"origin": origin, "reduced": "rollout"} | fields)
        )
        return [str(note) for form in prepare(found) for note in form.notes]

    assert any(note.startswith(f"rollout: {said}") for note in notes(sharp, sharp))
    assert any(note.startswith(f"rollout from layer 1 on: {said}") for note in notes(even, sharp))
    causal = np.where(masked, sharp, 0) / np.where(masked, sharp, 0).sum(axis=1, keepdims=True)
    assert any("on “a”" in note for note in notes(causal, causal, allowed=masked))
    for layers, fields in (
        ((sharp, even), {}),
        ((even, even), {}),
        ((np.roll(sharp, 1, axis=1), sharp)[::-1], {"reduced": "mean"}),
        ((np.vstack([sharp[:2], sharp[2:, ::-1]]),) * 2, {}),
    ):
        assert not any("of every row" in note for note in notes(*layers, **fields))


def test_reduced_maps_are_not_called_attention_weights():
    """What rollout gives is no word's attention: the subtitle, the colour bar and the caption say so."""
    attention = run("猫吃鱼")
    reduced = replace(attention, provenance=replace(attention.provenance, reduced="rollout"), heads=("rollout",))
    (form,) = prepare(reduced, presentation=PICTURE)
    assert str(form.what) == "attention rollout through the layers"
    assert str(form.numbers) == "share of the row"
    assert "each row sums to 1" in map(str, form.caption)
