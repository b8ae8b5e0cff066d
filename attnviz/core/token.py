"""A token: a piece of a text as a reader sees it."""

from __future__ import annotations

from dataclasses import dataclass, replace

_SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"


@dataclass(frozen=True)
class Token:
    """A piece of the text as a reader sees it, and where it stands: source[start:end], in code points.

    start and end are None where there is no source text. piece is the vocabulary's entry ('Ġcat') and id its
    number, where a model has one.
    """

    text: str
    start: int | None = None
    end: int | None = None
    piece: str | None = None
    id: int | None = None

    def is_unknown(self, piece: object) -> bool:
        """Return whether the token is text that a vocabulary replaces, in whole or in part, by this piece ('[UNK]')."""
        return isinstance(piece, str) and self.start is not None and piece in (self.piece or "").split(" ")


# The key that a learned sink is shown as, in the last column of a model's weights: see core.attention.attend.
SINK = Token("[SINK]")


def stand_for_text(tokens: tuple[Token, ...]) -> list[bool]:
    """Return which tokens stand for text: those with a place, among tokens that have places; all, where none has one.

    >>> stand_for_text((Token("[CLS]"), Token("猫", 0, 1))), stand_for_text((Token("猫"), Token("吃")))
    ([False, True], [True, True])
    """
    placed = [token.start is not None for token in tokens]
    return placed if any(placed) else [True] * len(placed)


def with_piece_number(token: Token, number: int) -> Token:
    """Return one of several pieces of the same text with a small number after it: 鱼₂.

    >>> with_piece_number(Token("鱼"), 12).text
    '鱼₁₂'
    """
    return replace(token, text=token.text + "".join(_SUBSCRIPTS[int(digit)] for digit in str(number)))


def without_piece_number(text: str) -> str:
    """Return the text of a piece without the small number that with_piece_number gives it."""
    return text.rstrip(_SUBSCRIPTS)
