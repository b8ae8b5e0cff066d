"""Pieces of one character are one word, or are seen to be pieces: no picture or table shows a character twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from near import assert_near

from attnviz import Attention, Token
from attnviz.analysis.lens import Lens
from attnviz.analysis.next_tokens import Branch, NextTokens
from attnviz.models.continuation import Decoding, GeneratedToken
from attnviz.text.find_token import find_token
from attnviz.text.merge_pieces import number_pieces, shared_spans
from attnviz.views.prepared.lens import list_layers, prepare_lens
from attnviz.views.prepared.next_tokens import draw_next, list_next, play_steps

PROMPT = (Token("从", 0, 1), Token("从", 0, 1), Token("前", 1, 2), Token("从", 2, 3))
CAME = ("<E7>", "<88>", "爱")
ADDED = tuple(Token("爱", 3, 4) for _ in CAME)


def grown() -> NextTokens:
    """从前从, of which the first 从 are two pieces, and 爱, which the model added in three pieces."""
    added = []
    for step, (token, shown) in enumerate(zip(ADDED, CAME, strict=True)):
        earlier = tuple(Token(text, 3, 4) for text in CAME[:step])
        shares = np.arange(1, len(PROMPT) + step + 1, dtype=np.float32)
        context = (*PROMPT, *earlier)
        added.append(GeneratedToken(token, 4 + step, 0.5, 0, (), context, shares[None, None], shares / 100, shown))
    whole = Attention.from_arrays(np.tril(np.ones((1, 1, 7, 7))) / np.arange(1, 8)[:, None], [*PROMPT, *ADDED])
    branch = Branch(tuple(added), "爱", ended=False, read=lambda: whole)
    return NextTokens("从前从", PROMPT, (branch,), Decoding(steps=3))


def test_a_map_of_added_tokens_shows_what_each_added_and_joins_what_they_looked_at():
    (panel,) = draw_next(grown()).panels
    assert panel.rows == CAME
    assert panel.columns == ("从", "前", "从", "<E7><88>")
    assert_near(panel.values[0], [0.03, 0.03, 0.04, 0])  # the pieces of 从 together
    assert_near(panel.values[2], [0.03, 0.03, 0.04, 0.11])
    assert panel.forbidden.tolist() == [[False, False, False, True], [False] * 4, [False] * 4]


def test_tables_name_the_added_pieces_and_number_the_words_of_the_text():
    (table,) = list_next(grown(), "picture")
    attended = table.groups[0][-1].cells
    assert table.labels == CAME
    assert attended == (
        "从#2 4%, 从 3%, 前 3%",
        "<E7> 5%, 从#2 4%, 从 3%, 前 3%",
        "<E7><88> 11%, 从#2 4%, 从 3%, 前 3%",
    )


def test_played_steps_number_the_pieces_of_a_text_and_show_what_each_step_added():
    (played,) = play_steps(grown())
    assert [token.text for token in played.context] == ["从₁", "从₂", "前", "从", "<E7>", "<88>"]
    assert [step.token for step in played.steps] == list(CAME)


def test_the_lens_numbers_the_pieces_of_a_text():
    words = ((("a",), ("b",), ("c",), ("d",)),)
    shares = np.full((1, 4, 1), 0.5, dtype=np.float32)
    lens = Lens(PROMPT, (0, 1, 2, 3), words, np.zeros((1, 4, 1), dtype=np.int64), shares)
    assert prepare_lens(lens).panels[0].columns == ("从₁", "从₂", "前", "从")
    assert str(prepare_lens(lens).sides[0]) == "layer ↑"  # layer 0 stands at the bottom
    assert "从₂" in str(list_layers(replace(lens, rows=(1, 2, 3))).heading)


def test_a_numbered_piece_is_found_by_its_label():
    labels = [token.text for token in number_pieces(PROMPT)]
    assert [find_token(PROMPT, label)[0] for label in labels] == [0, 1, 2, 0]
    assert shared_spans(PROMPT) == [(0, 2), (2, 3), (3, 4)]
