"""A SentencePiece model file: its pieces, their scores, and its normalization.

The file is one protocol buffer message (https://github.com/google/sentencepiece, src/sentencepiece_model.proto); only
the fields below are read, and lengths are checked against the file's size.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from attnviz.core.errors import InputError
from attnviz.models.formats.files import map_bytes

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
_BPE = 2


class VocabularyPiece(NamedTuple):
    """An entry of the vocabulary: its text, its score (a logarithm of its probability, or its rank), and its kind."""

    text: str
    score: float
    kind: int = NORMAL


@dataclass(frozen=True)
class SentencePiece:
    """A vocabulary in the order of its ids, and how a text is normalized for it.

    charsmap: the compiled normalization rules. add_prefix: whether a text begins with ▁.
    collapses: whether several spaces count as one, and those at the ends of a text not at all.
    """

    pieces: tuple[VocabularyPiece, ...]
    is_bpe: bool = False
    byte_fallback: bool = False
    charsmap: bytes = b""
    add_prefix: bool = True
    collapses: bool = True

    @property
    def unknown(self) -> str:
        """Return the piece for what is not in the vocabulary."""
        return next((piece.text for piece in self.pieces if piece.kind == UNKNOWN), "<unk>")

    def scored(self) -> list[tuple[str, float]]:
        """Return the pieces' texts and their scores."""
        return [(piece.text, piece.score) for piece in self.pieces]

    def texts(self) -> set[str]:
        """Return the pieces' texts."""
        return {piece.text for piece in self.pieces}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Return the number of each piece that merges are made of."""
        return {piece.text: number for number, piece in enumerate(self.pieces) if piece.kind in (NORMAL, USER_DEFINED)}

    @cached_property
    def longest(self) -> int:
        """Return the length of the longest piece."""
        return max(map(len, self._numbers), default=0)

    def merges(self, *, by_number: bool = False) -> list[tuple[str, str]]:
        """Return the merges that the vocabulary implies: every cut of a piece into two, the best piece's first.

        by_number: in the order of the vocabulary, where scores mean nothing (Gemma).
        """
        longer = [piece for piece in self.pieces if len(piece.text) > 1 and piece.text in self._numbers]
        if not by_number:
            longer.sort(key=lambda piece: -piece.score)
        return self._cuts(piece.text for piece in longer)

    def merges_of(self, texts: Iterable[str]) -> list[tuple[str, str]]:
        """Return those of `merges(by_number=True)` that make one of these texts, in the same order."""
        numbers = {self._numbers[text]: text for text in texts if len(text) > 1 and text in self._numbers}
        return self._cuts(numbers[number] for number in sorted(numbers))

    def _cuts(self, texts: Iterable[str]) -> list[tuple[str, str]]:
        """Return every cut of each of these pieces into two, those of one piece in the order of their numbers."""
        find, found = self._numbers.get, list[tuple[str, str]]()
        for text in texts:
            inside = []
            for cut in range(1, len(text)):  # 1.4 million turns for Gemma's vocabulary
                first = find(text[:cut])
                if first is not None and (second := find(text[cut:])) is not None:
                    inside.append((first, second))
            if len(inside) > 1:
                inside.sort()
            found += [(self.pieces[first].text, self.pieces[second].text) for first, second in inside]
        return found


def read_sentencepiece(path: Path) -> SentencePiece:
    """Read a SentencePiece model file; raises InputError where it is none."""
    data = map_bytes(path).tobytes()
    try:
        return _parse_model(data)
    except (IndexError, ValueError, struct.error):
        raise InputError("{path!r} is not a SentencePiece model.", path=str(path)) from None


def _parse_model(data: bytes) -> SentencePiece:
    pieces, trainer, normal = [], {}, {}
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):
            pieces.append(_parse_piece(value))
        elif field == 2 and isinstance(value, bytes):
            trainer = dict(_fields(value))
        elif field == 3 and isinstance(value, bytes):
            normal = dict(_fields(value))
    if not pieces:
        raise ValueError
    charsmap = normal.get(2, b"")
    return SentencePiece(
        tuple(pieces),
        is_bpe=trainer.get(3, 1) == _BPE,
        byte_fallback=bool(trainer.get(35, 0)),
        charsmap=charsmap if isinstance(charsmap, bytes) else b"",
        add_prefix=bool(normal.get(3, 1)),
        collapses=bool(normal.get(4, 1)),
    )


def _parse_piece(data: bytes) -> VocabularyPiece:
    found = dict(_fields(data))
    text, score, kind = found.get(1, b""), found.get(2, b"\0\0\0\0"), found.get(3, NORMAL)
    if not isinstance(text, bytes) or not isinstance(score, bytes) or not isinstance(kind, int):
        raise ValueError
    return VocabularyPiece(text.decode("utf-8"), float(struct.unpack("<f", score)[0]), kind)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield each field's number and value: integers as such, all else as bytes (protocol buffers' wire format)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError
        if size > len(data) - at:
            raise ValueError
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the integer at byte `at`, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError
