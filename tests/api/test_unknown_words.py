"""A word that the toy's lexicon lacks: marked everywhere, asking evenly, never looked at more than the even share."""

from __future__ import annotations

import json

import numpy as np
import pytest
from near import assert_between, assert_near

import attnviz
from attnviz.cli import main

TEXTS = ("这道题太难了，我不会做qqxx", "the zzyzx cat eats a bbrl fish", "qqq", "qqq rrr", "猫qq吃鱼")
TEXT, OTHER = "the zzyzx eats fish", "fish eats the zzyzx"


def call(command: list[str]) -> None:
    """Run a command line that succeeds."""
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 0


@pytest.mark.parametrize("projection", ["lexicon", "identity"])
@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("mask", ["none", "causal", "window:2"])
@pytest.mark.parametrize("text", TEXTS)
def test_an_unknown_word_says_nothing(projection, heads, mask, text):
    """Its row is even, and no row gives it more than the even share, whatever the head and the mask."""
    found = attnviz.run(text, projection=projection, heads=heads, mask=mask)
    allowed = np.broadcast_to(True if found.allowed is None else found.allowed, found.weights.shape)
    even = 1 / allowed.sum(axis=-1)
    marked = [i for i, token in enumerate(found.query) if token.is_unknown(found.provenance.unknown)]
    assert marked
    for i in marked:
        assert_near(found.weights[..., i, :], np.where(allowed[..., i, :], even[..., i, None], 0))
        assert_between(found.weights[..., i], 0, even)


def test_no_step_is_hidden():
    """The vector, the query, the key, the value and the scores of an unknown word are all 0: explain shows no more."""
    trace = attnviz.run(TEXT).traces[0]
    for array in (trace.inputs[1], trace.query[0, 1], trace.key[0, 1], trace.value[0, 1]):
        assert not array.any()
    assert not trace.logits[0, 1].any()
    assert not trace.logits[0, :, 1].any()


@pytest.mark.parametrize(
    "command",
    [
        ["run", TEXT],
        ["run", TEXT, "--view", "text"],
        ["run", TEXT, "--view", "top", "--top", "4"],
        ["run", TEXT, "--view", "blocks"],
        ["compare", TEXT, OTHER],
        ["explain", TEXT, "--token", "eats"],
        ["explain", TEXT, "--token", "zzyzx"],
    ],
)
def test_it_is_marked_and_told_of(command, capsys):
    """[?] stands after it in every view, and a note says once that the lexicon lacks it."""
    call(command)
    out, err = capsys.readouterr()
    assert "zzyzx[?]" in out
    assert "eats[?]" not in out
    assert err.count("1 word is not in the toy lexicon and has no vector: zzyzx") == 1


def test_documents_and_pages(tmp_path, capsys):
    """A document has its piece; a document that is read back, and a page, mark it too."""
    call(["run", TEXT, "--json"])
    assert [token.get("piece") for token in json.loads(capsys.readouterr().out)["tokens"]] == [
        None,
        "[UNK]",
        None,
        None,
    ]
    call(["export", TEXT, str(tmp_path / "a.json")])
    (again,) = attnviz.load_weights(tmp_path / "a.json")
    assert [token.is_unknown(again.provenance.unknown) for token in again.query] == [False, True, False, False]
    call(["export", TEXT, str(tmp_path / "a.html")])
    assert "zzyzx[?]" in (tmp_path / "a.html").read_text(encoding="utf-8")
