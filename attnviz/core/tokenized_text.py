"""How a text was cut: its tokens as they are shown, and the pieces of the vocabulary behind each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import compress

from attnviz.core.attention_data import Token
from attnviz.core.result import Result
from attnviz.i18n.messages import Message


@dataclass(frozen=True, eq=False)
class TokenizedText(Result):
    """A text's tokens, before anything is computed; it has no picture, and takes no options of one.

    text: what the spans of the tokens lie in. tokens: as a table of attention shows them. pieces: for each token the
    pieces that a model reads, one or several; the token itself where there is no vocabulary. special: whether a token
    stands around the text, or was put there by a chat template. cut: how the toy cut it; model, reference: which model
    did. joined: none, char, word, sentence or line, how pieces were joined; unknown: the piece for what the vocabulary
    lacks.
    """

    text: str
    tokens: tuple[Token, ...]
    pieces: tuple[tuple[Token, ...], ...]
    special: tuple[bool, ...]
    cut: str | None = None
    model: str | None = None
    reference: str | None = None
    joined: str | None = None
    unknown: str | None = None
    notes: tuple[Message, ...] = ()

    @property
    def is_unknown(self) -> tuple[bool, ...]:
        """Return for each token whether the vocabulary, or the toy's lexicon, lacks it or a part of it."""
        return tuple(
            not special and any(piece.is_unknown(self.unknown) for piece in pieces)
            for special, pieces in zip(self.special, self.pieces, strict=True)
        )

    @property
    def ids(self) -> tuple[int, ...]:
        """Return the ids that the model reads, in order."""
        return tuple(piece.id for pieces in self.pieces for piece in pieces if piece.id is not None)

    def without_special(self) -> TokenizedText:
        """Return it without its special tokens."""
        kept = [not special for special in self.special]
        return replace(
            self,
            tokens=tuple(compress(self.tokens, kept)),
            pieces=tuple(compress(self.pieces, kept)),
            special=tuple(compress(self.special, kept)),
        )

    def __repr__(self) -> str:
        """Return the number of tokens and the first of them."""
        first = " ".join(token.text for token in self.tokens[:8]) + (" …" if len(self.tokens) > 8 else "")
        return f"<TokenizedText {len(self.tokens)} tokens: {first!r}>"
