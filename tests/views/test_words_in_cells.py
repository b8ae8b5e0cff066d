"""Words in cells: shortened where they have little room, and where they have none the titles say what colours are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attnviz import Token
from attnviz.analysis.lens import Lens, Watched
from attnviz.models.answers import Answer

TEXT = ("The", "capital", "of", "France", "is")
LAYERS = 12


@pytest.fixture
def lens():
    """Twelve layers over five tokens, with a watched token whose ranks have five digits."""
    ends = np.cumsum([len(word) + 1 for word in TEXT])
    tokens = tuple(Token(word, int(end) - len(word) - 1, int(end) - 1) for word, end in zip(TEXT, ends, strict=True))
    shares = np.full((LAYERS, len(TEXT), 1), 0.25, dtype=np.float32)
    words = tuple(tuple(("uncharacteristically",) for _ in TEXT) for _ in range(LAYERS))
    found = Lens(tokens, tuple(range(len(TEXT))), words, np.zeros(shares.shape, dtype=np.int64), shares)
    rank = np.full(shares.shape[:2], 33026, dtype=np.int64)
    return replace(found, watched=Watched(Answer(" Paris", "ĠParis", 1), shares[:, :, 0], rank))


def drawn(lens, width):
    """Return the words of the picture at this width."""
    from matplotlib.text import Text

    return [text.get_text() for text in lens.figure(width=width).findobj(Text)]


def test_words_are_shortened_before_they_are_left_out(lens):
    """A narrower picture has shorter words and the ranks alone, never part of a rank; the narrowest has none."""
    wide, narrow, none = (drawn(lens, width) for width in ("17cm", "9cm", "6cm"))
    assert ".25 #33026" in wide
    assert "unchar⋯ically" in wide
    assert "#33026" in narrow
    assert any(len(word) <= 8 and "⋯" in word for word in narrow)
    assert "the likeliest token" in narrow
    assert not [word for word in none if "#" in word or "⋯" in word]


def test_a_picture_without_words_says_what_its_colours_are(lens):
    """Titles name the probability, not the token that nobody can read, and the caption says what is missing."""
    said = " ".join(drawn(lens, "6cm"))
    assert "probability of the" in said
    assert "the likeliest token" not in said.replace("the likeliest token after each layer", "")
    assert "no room in their cells" in said
