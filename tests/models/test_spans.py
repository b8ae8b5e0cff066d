"""Spans of a model's tokens: whole characters for every kind of tokenizer, and a place of its own for a lone space."""

from __future__ import annotations

import json
import zipfile
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near
from paths import GOLDEN
from real_models import MINILM, SMOLLM2, needs_minilm, needs_smollm2
from tiny_models import model_of

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

import attnviz
from attnviz.core.attention_data import Token
from attnviz.core.clusters import split_clusters
from attnviz.models.checkpoint import open_checkpoint
from attnviz.models.locate import find_model
from attnviz.models.model import load
from attnviz.models.tokenizers.open import open_tokenizer
from attnviz.models.tokenizers.tokenizer import TextTokenizer
from attnviz.text.merge_pieces import group

KINDS = [
    "bert",
    "bert-cased",
    "gpt2",
    "roberta",
    "qwen2",
    "xlm-roberta",
    "t5",
    "camembert",
    "albert",
    "marian",
    "llama",
]
# Characters of several code points, and what a normalizer drops, composes or takes apart.
CLUSTERS = [
    *("e\u0301", "が", "が", "ハ\u3099", "ﾊﾞ", "नि", "स्ते", "दु", "ก็", "น้ำ", "שָׁ", "לוֹ", "مَ", "بُّ", "각", "각"),
    *("👨‍👩‍👧‍👦", "👍🏽", "🇨🇳", "1️⃣", "a\u0308\u0323", "ﬁ", "㍿", "…", "İ", "\r\n", "x\u200d", "\u200b", "\ufeff"),
    *("the", "cat", "猫", "鱼", "ñ", "Å", " ", "  ", "\t", "\n", "\u3000", "\u0301", ".", "'", "▁", "Ġ", "##", "[UNK]"),
]
TEXTS = st.lists(st.sampled_from(CLUSTERS) | st.text(max_size=2), min_size=1, max_size=9).map("".join)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """Every tiny tokenizer, opened."""
    folder = tmp_path_factory.mktemp("tokenizers")
    with zipfile.ZipFile(GOLDEN / "tokenizers.zip") as archive:
        archive.extractall(folder)
    return {
        name: open_tokenizer(folder / name, json.loads((folder / name / "config.json").read_text(encoding="utf-8")))
        for name in KINDS
    }


def assert_whole_characters(tokenizer, text):
    """No span begins or ends inside a grapheme cluster, and spans are in order; each label is what it stands for."""
    try:
        encoded = tokenizer.encode(text)
    except attnviz.AttnvizError:
        return  # nothing is left of it
    borders = set(accumulate(map(len, split_clusters(text)), initial=0))
    before = 0
    for token in encoded.tokens:
        if token.start is None:
            continue
        assert {token.start, token.end} <= borders
        assert before <= token.start <= token.end
        assert token.text == text[token.start : token.end] or token.start == token.end
        before = token.start


@pytest.mark.parametrize("name", KINDS)
@given(text=TEXTS)
def test_no_span_cuts_a_character(tokenizers, name, text):
    """No span of any kind of tokenizer cuts a grapheme cluster (UAX 29)."""
    assert_whole_characters(tokenizers[name], text)


@needs_minilm
@settings(max_examples=30)
@given(text=TEXTS)
def test_no_span_of_minilm_cuts_a_character(text):
    """Nor does one of MiniLM's tokenizer.json, which drops accents."""
    assert_whole_characters(open_checkpoint(find_model(MINILM)).tokenizer, text)


@needs_smollm2
@settings(max_examples=10, deadline=None)
@given(text=TEXTS)
def test_no_span_of_smollm2_cuts_a_character(text):
    """Nor does one of SmolLM2's, from a .gguf."""
    pytest.importorskip("gguf")
    assert_whole_characters(load_smollm2(), text)


def load_smollm2(kept=[]):  # noqa: B006
    """SmolLM2's tokenizer, opened once."""
    if not kept:
        kept.append(open_checkpoint(find_model(SMOLLM2)).tokenizer)
    return kept[0]


@needs_minilm
@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("cafe\u0301 re\u0301sume\u0301", ["cafe\u0301", "re\u0301sume\u0301"]),
        ("ハ\u3099か\u3099", ["ハ\u3099", "か\u3099"]),
        ("दुनिया", ["दु", "नि", "या"]),
        ("नमस्ते", ["न", "म", "स्ते"]),
        ("שָׁלוֹם", ["שָׁ", "ל", "וֹ", "ם"]),
        ("مَرْحَبًا", ["مَ", "رْ", "حَ", "بً", "ا"]),
    ],
)
def test_labels_keep_their_marks(text, labels):
    """What a normalizer strips stays with its letter, and pieces of one character are joined."""
    shown = load(MINILM).attend(text, layers=[0]).query[1:-1]
    assert [token.text for token in shown] == labels


def unigram(pre_tokenizer, normalizer=None):
    """A Unigram over a few words, with ▁ alone for what begins no piece."""
    pieces = ["<s>", "</s>", "<unk>", "▁", "▁work", "▁is", "sufficient", "猫", "中", "▁▁", "x"]
    tokenizer = Tokenizer(models.Unigram([(piece, -float(i)) for i, piece in enumerate(pieces)], unk_id=2))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    return TextTokenizer(tokenizer, "tiny")


METASPACE = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
WAYS = {
    "words": (pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), METASPACE]), None),
    "metaspace": (METASPACE, None),
    "whole": (pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False), None),
    "prepended": (
        pre_tokenizers.Split("▁", behavior="merged_with_next"),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_lone_space_is_a_token_of_its_own(way):
    """▁ alone is ␣ with an empty span before the word that follows, however the tokenizer comes to it."""
    encoded = unigram(*WAYS[way]).encode("work is sufficient 猫")
    shown = [(token.text, token.start, token.end) for token in encoded.tokens[1:-1]]
    assert shown == [("work", 0, 4), ("is", 5, 7), ("␣", 8, 8), ("sufficient", 8, 18), ("␣", 19, 19), ("猫", 19, 20)]


@pytest.mark.parametrize("name", ["t5", "xlm-roberta", "albert", "llama", "marian", "camembert"])
def test_a_lone_space_from_every_file(tokenizers, name):
    """So it is for SentencePiece's own files; and bytes of one character are the only spans that overlap."""
    tokens = tokenizers[name].encode("猫吃鱼 the ☃ 猫").tokens
    spaces = [token for token in tokens if token.piece == "▁"]
    assert spaces
    assert all((token.text, token.end) == ("␣", token.start) for token in spaces)
    placed = [token for token in tokens if token.start is not None]
    for before, token in pairwise(placed):
        assert token.start >= before.end or (token.start, token.end) == (before.start, before.end)


def test_a_typed_mark_is_text():
    """A ▁ that stands in the text is text, and keeps its span."""
    first, second = unigram(*WAYS["words"]).encode("▁ 猫").tokens[1:3]
    assert (first.text, first.start, first.end) == ("▁", 0, 1)
    assert (second.text, second.start, second.end) == ("␣", 2, 2)


def test_joining_lone_spaces():
    """--merge char leaves ␣ alone; --merge word joins it to the word after it, and only to that."""
    source = "work is sufficient"
    tokens = tuple(
        Token(text, start, end, piece="x")
        for text, start, end in [("work", 0, 4), ("is", 5, 7), ("␣", 8, 8), ("suf", 8, 11), ("ficient", 11, 18)]
    )
    assert group(tokens, source, "char") == [(i, i + 1) for i in range(5)]
    assert group(tokens, source, "word") == [(0, 1), (1, 2), (2, 5)]
    last = (*tokens, Token("␣", 18, 18, piece="▁"))
    assert group(last, source + " ", "word")[-1] == (5, 6)


def test_only_one_character_is_shared():
    """Spans that overlap are joined where they share one character, or are the same, and not where one runs on."""
    tokens = (Token("猫吃鱼", 0, 3), Token("吃鱼", 1, 3))
    assert group(tokens, "猫吃鱼", "char") == [(0, 1), (1, 2)]
    assert group((Token("猫吃", 0, 2), Token("吃鱼", 1, 3)), "猫吃鱼", "char") == [(0, 2)]


def test_weights_at_a_lone_space(tmp_path):
    """What goes to ␣ is not counted as its word's, and explain has its scores; joined by word it is, with a note."""
    model = load(str(model_of(tmp_path / "xlm", "xlm-roberta")))
    text = "猫吃鱼 the ☃ 猫"
    apart = model.attend(text, layers=[0], merge="none")
    shown = model.attend(text, layers=[0])
    assert [token.text for token in shown.query].count("␣") == sum(token.piece == "▁" for token in apart.query) > 0
    assert len(shown.query) == len(apart.query)
    np.testing.assert_array_equal(shown.weights, apart.weights)
    assert attnviz.explain(text, model=str(tmp_path / "xlm"), token="␣").steps
    joined = model.attend(text, layers=[0], merge="word")
    assert "␣" not in [token.text for token in joined.query]
    assert "only a space" in str(joined.notes[-1])
    place = next(i for i, token in enumerate(apart.query) if token.piece == "▁")
    word = next(i for i, token in enumerate(joined.query) if token.start == apart.query[place].start)
    assert_near(joined.weights[0, :, 0, word], apart.weights[0, :, 0, place : place + 2].sum(axis=-1))
