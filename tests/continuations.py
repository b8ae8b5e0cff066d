"""A continuation of five words by three tokens, made up: what `next` gives of a model; with several branches too."""

from __future__ import annotations

import numpy as np

from attnviz import Attention, Token
from attnviz.analysis.next_tokens import Branch, NextTokens
from attnviz.models.continuation import Candidate, Decoding, GeneratedToken

WORDS = ("the", "cat", "sat", "on", "the", "mat", "and", "slept")
PROMPT = 5


SECOND = (*WORDS[:PROMPT], "猫窝", ".")  # another branch, one step shorter


def tokens(texts=WORDS):
    """Each word with its place in the text."""
    ends = np.cumsum([len(word) + 1 for word in texts])
    return tuple(Token(word, int(end) - len(word) - 1, int(end) - 1) for word, end in zip(texts, ends, strict=True))


def continuation(steps=3, branches=1):
    """The continuations by the words of the first branch, and by those of the second if there are two."""
    found = [branch_of(WORDS, steps), *(branch_of(SECOND, min(steps, 2)) for _ in range(branches - 1))]
    return NextTokens(" ".join(WORDS[:PROMPT]), tokens()[:PROMPT], tuple(found), Decoding(steps=steps))


def branch_of(texts, steps):
    """The tokens that were added, what they attended to, and the attention of the whole."""
    random, words = np.random.default_rng(4), tokens(texts)
    added = []
    for index in range(PROMPT, PROMPT + steps):
        shares = random.random(index) ** 3
        own = Candidate(texts[index], texts[index], index, 0.5)
        others = tuple(Candidate(f"other{k}", f"other{k}", 100 + k, 0.2 / (k + 1)) for k in range(3))
        added.append(
            GeneratedToken(
                words[index],
                index,
                0.5,
                0,
                (own, *others),
                words[:index],
                random.random((1, 2, index)).astype(np.float32),
                (shares / shares.sum()).astype(np.float32),
            )
        )

    def read():
        weights = np.tril(random.random((1, 2, PROMPT + steps, PROMPT + steps)) + 0.1)
        return Attention.from_arrays(
            weights / weights.sum(axis=-1, keepdims=True),
            list(words[: PROMPT + steps]),
            allowed=np.tril(np.ones(weights.shape[-2:], dtype=bool)),
            source=" ".join(texts[: PROMPT + steps]),
        )

    return Branch(tuple(added), " ".join(texts[PROMPT : PROMPT + steps]), ended=False, read=read)
