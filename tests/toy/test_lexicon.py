"""The toy's words: the two tables hold what their readers may rely on."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import numpy as np
import pytest
from near import assert_near
from paths import ROOT

from attnviz.text.tokenize import normal_form
from attnviz.toy import lexicon

LINES = [
    line.split("\t")
    for line in files("attnviz").joinpath("toy/lexicon.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("# ")
]
CONCEPTS = {word: features for word, _, features, *_ in LINES if not features.startswith("=")}
GROUP_OF = {feature: group for group, features in lexicon.GROUPS.items() for feature in features}


def graded(features: str) -> list[tuple[str, str]]:
    """The features of an entry and their grades, as written."""
    return [tuple(item.split(":")) for item in features.split(" ")]


def test_columns():
    """Every line is a word, its language, its features and perhaps its frequency class, none empty or padded."""
    wrong = [
        line for line in LINES if len(line) not in (3, 4) or any(not cell or cell != cell.strip() for cell in line)
    ]
    assert not wrong


def test_frequencies():
    """A frequency class is a whole number from 1 to 5, 3 where a line has none; commoner words are in higher ones."""
    assert {line[3] for line in LINES if len(line) == 4} == set("12345")
    found = {word: one.frequency for word, one in lexicon.entries().items()}
    assert list(found) == [line[0] for line in LINES]
    assert all(found[line[0]] == (int(line[3]) if len(line) == 4 else 3) for line in LINES)
    assert found["的"] > found["苹果"] > found["狮子头"]
    assert found["the"] > found["hedgehog"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_size(language):
    """Each language has at least 700 words, and there is no third."""
    counted = Counter(line[1] for line in LINES)
    assert counted[language] >= 700
    assert set(counted) == {"zh", "en"}


def test_no_word_twice():
    """No word has two lines."""
    assert [word for word, count in Counter(word for word, *_ in LINES).items() if count > 1] == []


def test_every_word_can_be_found():
    """Every word is written in the form under which it is looked up."""
    assert [word for word, *_ in LINES if normal_form(word) != word] == []


def test_targets():
    """Every '=' leads to a word with features of its own, in one step."""
    lost = [(word, features) for word, _, features, *_ in LINES if features[0] == "=" and features[1:] not in CONCEPTS]
    assert lost == []


def test_features_and_grades():
    """Features are those of GROUPS, each once, with grades 1 to 9; no group has more than 6 in one entry."""
    for word, features in CONCEPTS.items():
        items = graded(features)
        names = [name for name, _ in items]
        assert set(names) <= set(lexicon.FEATURES), word
        assert len(set(names)) == len(names), word
        assert {grade for _, grade in items} <= set("123456789"), word
        assert max(Counter(GROUP_OF[name] for name in names).values()) <= 6, word


def test_no_two_concepts_share_a_direction():
    """No two content words with features of their own have the same vector, however long."""
    content = [word for word in CONCEPTS if not lexicon.packaged().is_grammar(word)]
    seen: dict[bytes, str] = {}
    shared = []
    for word in content:
        direction = np.round(lexicon.vector(word).astype(float), 5).tobytes()
        if direction in seen:
            shared.append((seen[direction], word))
        seen[direction] = word
    assert shared == []


def test_groups_have_one_width():
    """Each head of four gets exactly one group; no feature is in two."""
    assert {len(group) for group in lexicon.GROUPS.values()} == {lexicon.DIM // len(lexicon.GROUPS)}
    assert len(set(lexicon.FEATURES)) == lexicon.DIM == 104


@pytest.mark.parametrize(("word", "other"), [("cat", "猫"), ("Cats", "猫"), ("DOG", "狗"), ("fish", "鱼")])
def test_translations_share_a_vector(word, other):
    """A translation, a plural or another case has the same vector."""
    np.testing.assert_array_equal(lexicon.vector(word), lexicon.vector(other))


def test_vectors_have_length_one():
    """Every word's vector is float32 [104], at least 0, of length 1."""
    vectors = [lexicon.vector(word) for word in lexicon.entries()]
    assert {vector.dtype for vector in vectors} == {np.dtype(np.float32)}
    assert (np.stack(vectors) >= 0).all()
    assert_near(np.linalg.norm(np.stack(vectors), axis=1), np.ones(len(vectors)))


def test_unknown_word():
    """A word that is not there has no vector and is no grammar."""
    assert lexicon.vector("zzyzx") is None
    assert not lexicon.packaged().is_known("zzyzx")
    assert not lexicon.packaged().is_grammar("zzyzx")


def test_decomposed_text_is_found():
    """A word is looked up in its composed form."""
    assert normal_form("Cafe\u0301") == "caf\u00e9"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("的", True), ("了", True), ("the", True), ("。", True), (",", True), ("猫", False), ("cat", False)],
)
def test_grammar(word, expected):
    """Words that only hold a sentence together, and punctuation, are grammar; things are not."""
    assert lexicon.packaged().is_grammar(word) is expected


def test_projections():
    """The three matrices are float32 [104, 104], finite and not zero; each line names known features."""
    for matrix in lexicon.projections():
        assert matrix.dtype == np.float32
        assert matrix.shape == (104, 104)
        assert np.isfinite(matrix).all()
        assert matrix.any()


def test_grammar_is_silent():
    """Grammar answers nobody and hands over nothing: its feature reaches no column of the key and value cards."""
    column = lexicon.FEATURES.index("function")
    _, key, value = lexicon.projections()
    assert not key[column].any()
    assert not value[column].any()


@pytest.mark.parametrize("page", ["words.md", "words.zh.md"])
def test_the_guide_names_every_feature(page):
    """A reader who writes words of their own finds the names of all features, group by group."""
    text = (ROOT / "docs" / "guide" / page).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for names in lexicon.GROUPS.values():
        assert any(", ".join(f"`{name}`" for name in names) in row for row in rows), names
