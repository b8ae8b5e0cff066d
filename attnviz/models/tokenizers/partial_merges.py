"""The merges of a large vocabulary, made for the texts that come: all half a million of Gemma's take three seconds.

Byte pair encoding joins two neighbours to a piece that stands in the text, so merges that make a piece which does not
stand there never apply. Those that do keep their order: a text is cut as with all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attnviz.models.tokenizers.sentencepiece import SentencePiece

# From this size on it is worth while; a text with more parts, or a new text after so many, gets all merges.
LARGE = 100_000
_MOST_PARTS = 300_000
_MOST_TEXTS = 4

Merges = Sequence[tuple[str, str]]


class PartialMerges:
    """Gives a tokenizer of the tokenizers package the merges that a text needs, before it cuts the text.

    make: builds the package's model with some merges. normalize: the text as the model cuts it.
    """

    def __init__(
        self, vocabulary: SentencePiece, make: Callable[[Merges], Any], normalize: Callable[[str], str]
    ) -> None:
        self._vocabulary = vocabulary
        self._make = make
        self._normalize = normalize
        self._known: set[str] = set()
        self._left = _MOST_TEXTS

    def prepare(self, tokenizer: Any, text: str) -> None:
        """Change the tokenizer's model where this text needs merges that it does not have."""
        if self._left < 0:
            return
        given = self._normalize(text)
        longest = self._vocabulary.longest
        if self._left == 0 or len(given) * longest > _MOST_PARTS:
            self._left = -1
            tokenizer.model = self._make(self._vocabulary.merges(by_number=True))
            return
        parts = {
            given[start : start + size] for size in range(2, longest + 1) for start in range(len(given) - size + 1)
        }
        merges = self._vocabulary.merges_of(self._known | parts)
        made = {first + second for first, second in merges}
        if made <= self._known:
            return
        self._known = made
        self._left -= 1
        tokenizer.model = self._make(merges)
