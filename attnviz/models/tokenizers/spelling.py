"""What a model's tokens spell: text for ids that no text was cut into, one token after another.

A token is bytes: a character of a byte-level vocabulary may be spread over several tokens, and appears with the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from attnviz.core.attention_data import Token
from attnviz.core.token_spans import SPACE, is_lone_space
from attnviz.models.tokenizers.tokenizer import TextTokenizer

_NO_CHARACTER = "\ufffd"


@dataclass
class SpelledText:
    """The text that tokens spell, which grows token by token.

    begin: what stands before the first of them decides whether its space is kept. base: the place of the text in the
    source that the spans count in.
    """

    tokenizer: TextTokenizer
    base: int = 0
    keeps_first_space: bool = True
    ids: list[int] = field(default_factory=list)
    _parts: list[bytes] = field(default_factory=list)

    def add(self, number: int) -> Token:
        """Add a token; return it with its text as far as it is known now: bytes of no whole character as <E9>."""
        part = self.tokenizer.bytes_of(number)
        if not self._parts and not self.keeps_first_space:
            part = part.removeprefix(b" ")
        self.ids.append(number)
        self._parts.append(part)
        return self._token(len(self.ids) - 1, self.text)

    @property
    def text(self) -> str:
        """Return the text; bytes that are no character, or not yet one, are U+FFFD."""
        return b"".join(self._parts).decode("utf-8", "replace")

    @property
    def tokens(self) -> tuple[Token, ...]:
        """Return the tokens with their spans, those of one character with the same."""
        text = self.text
        return tuple(self._token(i, text) for i in range(len(self.ids)))

    def _token(self, index: int, text: str) -> Token:
        number = self.ids[index]
        piece = self.tokenizer.decode(number)
        if self.tokenizer.is_special(number):
            return Token(piece or f"<{number}>", piece=piece, id=number)
        start, end = self._span(index)
        inside = text[start:end]
        if _NO_CHARACTER in inside and _NO_CHARACTER not in (piece or ""):
            shown = "".join(f"<{byte:02X}>" for byte in self._parts[index])
            return Token(shown, self.base + start, self.base + end, piece=piece, id=number)
        if inside.strip():
            start += len(inside) - len(inside.lstrip())
            end -= len(inside) - len(inside.rstrip())
        shown = text[start:end]
        if is_lone_space(piece, (start, start)) and not shown.strip():
            shown = SPACE
        return Token(shown or piece, self.base + start, self.base + end, piece=piece, id=number)

    def _span(self, index: int) -> tuple[int, int]:
        """Return where the characters stand of which a token has bytes."""
        ends = [*accumulate(map(len, self._parts), initial=0)]
        first, last = ends[index], ends[index + 1]
        data = b"".join(self._parts)
        borders = [*_character_borders(data)]
        start = sum(1 for border in borders if border <= first) - 1
        end = sum(1 for border in borders if border < last)
        return start, max(start, end)


def _character_borders(data: bytes) -> Iterator[int]:
    """Yield where each character of UTF-8 data begins, and the end; what cannot be decoded goes by U+FFFD."""
    place = 0
    text = data.decode("utf-8", "replace")
    for letter in text:
        yield place
        if letter != _NO_CHARACTER:
            place += len(letter.encode("utf-8"))
            continue
        place += _undecodable(data[place:])
    yield place


def _undecodable(data: bytes) -> int:
    """Return how many bytes at the beginning of `data` are replaced by one U+FFFD; 3 where it is that character."""
    if data.startswith(_NO_CHARACTER.encode("utf-8")):
        return 3
    for count in range(1, 5):
        if data[: count + 1].decode("utf-8", "replace") != _NO_CHARACTER or count >= len(data):
            return count
    return 1


def spell(tokenizer: TextTokenizer, ids: Sequence[int], base: int = 0) -> SpelledText:
    """Return the text of ids [n], whose spans count from `base`."""
    spelled = SpelledText(tokenizer, base)
    for number in ids:
        spelled.add(number)
    return spelled
