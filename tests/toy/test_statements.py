"""What the toy must say: in this sentence, this word looks at one word more than at another."""

from __future__ import annotations

from pathlib import Path

import pytest

import attnviz

LINES = Path(__file__).with_name("statements.tsv").read_text(encoding="utf-8").splitlines()
ROWS = [line.split("\t")[1:] for line in LINES if line and not line.startswith("#")]


def test_there_are_enough():
    """At least 40 statements hold the lexicon and its cards to what people expect."""
    assert len(ROWS) >= 40


@pytest.mark.parametrize(("sentence", "query", "more", "less"), ROWS)
def test_looks_more_at(sentence, query, more, less):
    """With one head and the defaults, the query's weight on the one word is above its weight on the other."""
    attention = attnviz.run(sentence)
    texts = [token.text for token in attention.tokens]
    row = attention.weights[0, 0, texts.index(query)]
    assert row[texts.index(more)] > row[texts.index(less)]
