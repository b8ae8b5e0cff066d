"""A tokenizer that gets only the merges of the texts that come cuts them as one that has all merges."""

from __future__ import annotations

import numpy as np
import pytest
from real_models import GEMMA3, needs_gemma3

from attnviz.models.checkpoint import open_checkpoint
from attnviz.models.locate import find_model
from attnviz.models.tokenizers import legacy, partial_merges
from attnviz.models.tokenizers.sentencepiece import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    SentencePiece,
    VocabularyPiece,
)

LETTERS = "ab▁猫\né"


def vocabulary(seed):
    """A vocabulary of random pieces of few letters, so that many merges compete."""
    draw = np.random.default_rng(seed)
    pieces = {"".join(draw.choice(list(LETTERS), draw.integers(1, 6))) for _ in range(150)} | set(LETTERS)
    listed = [VocabularyPiece("<unk>", 0.0, UNKNOWN), VocabularyPiece("<bos>", 0.0, CONTROL)]
    listed += [VocabularyPiece(f"<0x{number:02X}>", 0.0, BYTE) for number in range(256)]
    listed += [VocabularyPiece("▁▁", 0.0, USER_DEFINED)]
    listed += [VocabularyPiece(piece, 0.0, NORMAL) for piece in draw.permutation(sorted(pieces - {"▁▁"}))]
    return SentencePiece(tuple(listed), is_bpe=True, byte_fallback=True)


def texts(seed, count):
    """Random texts, of letters that the vocabulary has and of others."""
    draw = np.random.default_rng(seed)
    return ["x" + "".join(draw.choice(list("ab 猫\né鱼"), draw.integers(1, 40))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_the_cuts_are_those_of_all_merges(monkeypatch, seed):
    """Of a text alone, and of texts after each other until all merges are there."""
    model = vocabulary(seed)
    whole = legacy.byte_fallback_tokenizer(model, "whole", "<bos>", None, gemma=True)
    given = texts(seed, 12)
    assert any(len(whole.encode(text).ids) < len(text) for text in given)
    monkeypatch.setattr(legacy, "LARGE", 0)
    several = legacy.byte_fallback_tokenizer(model, "partial", "<bos>", None, gemma=True)
    for text in given:
        alone = legacy.byte_fallback_tokenizer(model, "partial", "<bos>", None, gemma=True)
        expected = whole.encode(text)
        for one in (alone, several):
            assert one.encode(text).ids.tolist() == expected.ids.tolist()
            assert one.encode(text).tokens == expected.tokens
            assert one.count(text) == len(expected.ids)
    pair = legacy.byte_fallback_tokenizer(model, "partial", "<bos>", None, gemma=True)
    assert pair.encode(given[0], given[1]).ids.tolist() == whole.encode(given[0], given[1]).ids.tolist()


def test_few_merges_are_made(monkeypatch):
    """Only what a text may need is made, nothing again for the same text, and all for a long one."""
    made = []
    model = vocabulary(7)
    partial = partial_merges.PartialMerges(model, lambda merges: made.append(list(merges)), lambda text: text)
    holder = type("Holder", (), {})()
    partial.prepare(holder, "ab猫")
    partial.prepare(holder, "ab猫")
    assert len(made) == 1
    assert {first + second for first, second in made[0]} <= {"ab", "b猫", "ab猫"}
    monkeypatch.setattr(partial_merges, "_MOST_PARTS", 50)
    partial.prepare(holder, "ab猫" * 10)
    partial.prepare(holder, "é猫b" * 20)
    assert made[1:] == [model.merges(by_number=True)]


@pytest.mark.slow
@needs_gemma3
def test_gemma():
    """So it is with Gemma's 262,144 pieces, on texts in several scripts."""
    given = [
        "我上周买的手机屏幕碎了",
        "The cat  eats\n\n\tthe fish.",
        "Ελλάδα été 日本語 한국어 🐱",
        "x = [i**2 for i in range(10)]",
    ]
    opened = open_checkpoint(find_model(GEMMA3))
    partial = [opened.tokenizer.encode(text).ids.tolist() for text in given]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legacy, "LARGE", 10**9)
        whole = open_checkpoint(find_model(GEMMA3)).tokenizer
    assert [whole.encode(text).ids.tolist() for text in given] == partial
