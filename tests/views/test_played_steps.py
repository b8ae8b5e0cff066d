"""The steps of a continuation on the page: their data, and in a real browser the player."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from continuations import PROMPT, SECOND, WORDS, continuation
from near import assert_near, assert_within
from page_blocks import decode_block

from attnviz import run
from attnviz.api.save import save_text_attention
from attnviz.core.errors import OutputError
from attnviz.views.page.payload import Block
from attnviz.views.page.render import render_page


def data_of(path):
    """The data of a saved page, and its blocks."""
    page = path.read_text("utf-8")
    head = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    return head, re.findall(r'<script type="text/plain" id="block-\d+">(.*?)</script>', page)


def test_steps_are_those_of_the_result(tmp_path):
    """Each step has the token, its probability, the candidates, and the share of every word before it."""
    result = continuation()
    save_text_attention(result, tmp_path / "x.html")
    head, blocks = data_of(tmp_path / "x.html")
    (played,) = head["played"]
    assert (head["view"], played["words"], played["grows"]) == ("steps", list(WORDS[:7]), True)
    assert [step["contextSize"] for step in played["steps"]] == [5, 6, 7]
    assert [(step["token"], step["gap"]) for step in played["steps"]] == [("mat", " "), ("and", " "), ("slept", " ")]
    assert [step["probability"] for step in played["steps"]] == ["50.0%"] * 3
    assert played["steps"][0]["candidates"][:2] == [["mat", "50.0%", 0.5], ["other0", "20.0%", 0.2]]
    shares = decode_block(Block(played["kind"], blocks[played["block"]]), (3, 7))
    for row, one in enumerate(result.tokens):
        assert_within(shares[row, : PROMPT + row], one.shares, one.shares.max() / 500, "a byte has 255 steps")
        assert (shares[row, PROMPT + row :] == 0).all()
        assert_near(played["steps"][row]["attended"][0][2], max_word(one))


def test_a_folder_that_is_not_there(tmp_path):
    """A page or data of a continuation is refused before it is made, as every other file is."""
    for name in ("x.html", "x.npz", "x.png"):
        with pytest.raises(OutputError, match=r"no folder .*nowhere"):
            continuation().save(tmp_path / "nowhere" / name)


def test_every_branch_is_played(tmp_path):
    """Each branch has a name and steps of its own, in the text that it makes; a note says whose the maps are."""
    result = continuation(branches=2)
    save_text_attention(result, tmp_path / "x.html")
    head, blocks = data_of(tmp_path / "x.html")
    first, second = head["played"]
    assert head["title"] == "the cat sat on the"
    assert first["name"]["en"] == "1: mat and slept (probability .125)"
    assert second["name"]["en"] == "2: 猫窝 . (probability .25)"
    assert [[step["token"] for step in each["steps"]] for each in (first, second)] == [
        list(WORDS[PROMPT:]),
        list(SECOND[PROMPT:]),
    ]
    assert [(step["contextSize"], step["gap"]) for step in second["steps"]] == [(5, " "), (6, " ")]
    assert (second["words"], second["text"]["gaps"]) == (list(SECOND[:6]), ["", *[" "] * 5])
    shares = decode_block(Block(second["kind"], blocks[second["block"]]), (2, 6))
    expected = result.branches[1].tokens[1].shares
    assert_within(shares[1], expected, expected.max() / 500, "a byte has 255 steps")
    said = "The steps are those of 2 branches; the other views show the first one."
    assert said in [note["en"] for notes in head["notes"] for note in notes]


def max_word(one):
    """The largest share of a word; equal words stay apart."""
    return np.max(one.shares)


def test_pages_without_steps():
    """A page of anything else has no steps, and no view of them."""
    page = render_page(run("猫吃鱼"))
    head = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert (head["played"], head["view"]) == ([], "matrix")
