"""Provenance: every variant goes into a document's settings and comes back."""

from __future__ import annotations

import json
import pickle

import pytest

from attnviz.core.provenance import (
    NOTHING_KNOWN,
    GivenOrigin,
    HiddenTokens,
    ModelOrigin,
    Pair,
    Provenance,
    SlidingWindow,
    ToyOrigin,
    UnknownWords,
    from_settings,
)

MODEL = ModelOrigin("m", "bert", 6, 12, "none", "pkg:m", 384, "[UNK]", unknown_words=UnknownWords(1, 3))
HIDDEN = HiddenTokens(("[CLS]",), ((0, (0.25, 0.5)), (5, (0.125, 1.0))), renormalized=True)
ALL = {
    "nothing": NOTHING_KNOWN,
    "toy": Provenance(ToyOrigin("han", "hash", 32, 2, "identity", "rope", "causal", 0.5, 3, 7)),
    "model": Provenance(MODEL),
    "pair": Provenance(ModelOrigin("m", "bert", 6, 12, "none", pair=Pair("b", 2)), hidden=HIDDEN),
    "window": Provenance(ModelOrigin("m", "marian", 6, 12, "causal", attention="decoder", window=SlidingWindow(8, 4))),
    "joined": Provenance(MODEL, joined="word", hidden=HIDDEN, normalized=True),
    "given": Provenance(GivenOrigin(2, 3), normalized=True),
    "unsized": Provenance(GivenOrigin()),
    "others": Provenance(GivenOrigin(1, 1), others=(("layer_norm", "before"),)),
}


@pytest.mark.parametrize("name", ALL)
def test_settings_come_back(name):
    """What goes into a document's settings as JSON comes back equal, and so does what was pickled."""
    provenance = ALL[name]
    assert from_settings(json.loads(json.dumps(provenance.to_settings()))) == provenance
    assert pickle.loads(pickle.dumps(provenance)) == provenance


def test_others_never_win():
    """A name of a document that means nothing here is kept in its place, but never hides what is known by now."""
    read = from_settings({"mask": "causal", "normalized": False})
    assert read.to_settings() == {"mask": "causal", "normalized": False}
    changed = Provenance(read.origin, normalized=True, others=read.others)
    assert changed.to_settings() == {"normalized": True, "mask": "causal"}


def test_sizes_of_each_origin():
    """Each origin says how many layers and heads there are; one of which nothing is known has 1 of each."""
    assert [(one.layers, one.heads) for one in (ALL["toy"], ALL["model"], ALL["given"], NOTHING_KNOWN)] == [
        (1, 2),
        (6, 12),
        (2, 3),
        (1, 1),
    ]
