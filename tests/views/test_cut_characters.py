"""Parts of characters are told for what they are, wherever they are shown, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from continuations import continuation
from tiny_models import model_of

import attnviz
from attnviz import Token
from attnviz.models.continuation import Candidate
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.lens import list_layers, prepare_lens
from attnviz.views.prepared.next_tokens import draw_next, next_caption, play_steps
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.tokens import prepare_tokens
from attnviz.views.prepared.worksheet import make_sheet

BYTE = "<E9>: a byte of a character that is cut into pieces"
PIECES = "“鳗”: one character, cut into pieces"


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A tiny model with a byte-level vocabulary, which cuts 鳗 into three pieces."""
    return str(model_of(tmp_path_factory.mktemp("cut") / "gpt2", "gpt2"))


@pytest.mark.parametrize(
    ("tokens", "texts", "said"),
    [
        ([Token("猫", 0, 1), Token("鳗", 1, 2)], ["the", "<b>", "E9", "<EG>", "<E9"], []),
        ([], ["the", "<E9>"], [BYTE]),
        ([], ["<E6><89>", "<E9>"], ["<E6><89>: bytes of a character that is cut into pieces"]),
        ([Token("<0xE9>", 0, 1)], [], ["<0xE9>: a byte of a character that is cut into pieces"]),
        ([Token("鳗", 0, 1), Token("鳗", 0, 1)], [], [PIECES]),
        ([Token("鳗₁", 0, 1), Token("鳗₂", 0, 1)], ["<E9>"], [PIECES, BYTE]),
        ([Token("鳗₁"), Token("鳗₂")], [], [PIECES]),
        ([Token("x₁", 0, 2), Token("x₂", 3, 5)], [], []),
        ([Token("[CLS]"), Token("[SEP]"), Token("", 0, 0), Token("", 0, 0)], [], []),
        ([Token("the", 0, 3), Token("the", 0, 3)], [], []),
    ],
)
def test_what_is_said(tokens, texts, said):
    """Bytes and pieces are told once each, by the first of them; what only looks like them is not."""
    assert [str(part) for part in describe_cut_characters(tokens, texts)] == said


def said_of(caption):
    """The parts of a caption as text."""
    return [str(part) for part in caption]


@pytest.mark.parametrize(("steps", "branches"), [(1, 1), (3, 1), (2, 2)])
def test_the_lists_pictures_and_steps_of_a_continuation(steps, branches):
    """`next` says it in its list, its picture and its page, where such a token is shown and nowhere else."""
    plain = continuation(steps, branches)
    cut = replace(plain, branches=tuple(map(_with_a_byte, plain.branches)))
    for result, there in ((plain, False), (cut, True)):
        assert (BYTE in said_of(next_caption(result))) == there
        assert (BYTE in said_of(next_caption(result, brief=True))) == there
        assert (BYTE in said_of(draw_next(result).caption)) == there
        assert all((BYTE in said_of(played.caption)) == there for played in play_steps(result))


def _with_a_byte(branch):
    """The branch with <E9> as its first token."""
    first = branch.tokens[0]
    candidates = (Candidate("<E9>", "é", 7, 0.5), *first.candidates[1:])
    token = replace(first, token=replace(first.token, text="<E9>"), candidates=candidates)
    return replace(branch, tokens=(token, *branch.tokens[1:]))


def test_pieces_of_a_text(gpt2):
    """Weights, worksheets, tokens and the lens of a text whose characters are cut say so; a joined one is whole."""
    text = "鳗 the cat"
    cut, whole = (attnviz.run(text, model=gpt2, merge=merge) for merge in ("none", "char"))
    for attention, there in ((cut, True), (whole, False)):
        for form in (*prepare(attention), *prepare(attention, presentation=PICTURE)):
            assert (PIECES in said_of(form.notes)) == there
    sheet = make_sheet(attnviz.explain(text, model=gpt2, merge="none", layer=0, head=0), 4)
    assert PIECES in sheet.caption
    letters = "é: bytes, a letter for each"
    for merge, there in (("none", True), ("char", False)):
        found = attnviz.tokens(text, model=gpt2, merge=merge)
        for brief in (True, False):
            said = said_of(prepare_tokens(found, brief=brief).caption)
            assert (PIECES in said) == there
            assert letters in said
    lens = attnviz.lens(text, gpt2)
    assert PIECES in said_of(prepare_lens(lens).caption)
    assert any("cut into pieces" in part for part in said_of(list_layers(lens, brief=True).caption)) == any(
        word.startswith("<") for layer in lens.words for word in layer[0]
    )
    assert PIECES not in said_of(prepare_lens(attnviz.lens("the cat", gpt2)).caption)


def test_a_cut_character_is_not_a_repeated_word(gpt2):
    """The note says of a piece's text how many tokens it is, not that it occurs several times."""
    notes = said_of(attnviz.lens("鳗 the cat", gpt2, token="鳗").notes)
    assert "“鳗” is 3 tokens of the text: the first one is used; 鳗₂ is the second." in notes
