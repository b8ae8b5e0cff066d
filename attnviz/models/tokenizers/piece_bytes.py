"""The bytes of text that a piece of a vocabulary stands for, by the way in which the vocabulary writes text."""

from __future__ import annotations

from functools import cache
from typing import Any

_SPACE_MARK = "▁"


def piece_bytes(piece: str, kind: str) -> bytes:
    """Return the bytes of a vocabulary's piece; kind: see `kind_of`."""
    if kind == "bytes":
        table = _byte_table()
        return b"".join(bytes([table[letter]]) if letter in table else letter.encode("utf-8") for letter in piece)
    if kind == "pieces":
        return (piece[2:] if piece.startswith("##") else f" {piece}").encode("utf-8")
    if kind == "words":
        return f" {piece}".encode()
    if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
        try:
            return bytes([int(piece[3:5], 16)])
        except ValueError:
            pass
    return piece.replace(_SPACE_MARK, " ").encode("utf-8", "surrogatepass")


def kind_of(tokenizer: Any) -> str:
    """Return how a tokenizer of the tokenizers package writes text into pieces.

    bytes: each character stands for a byte (GPT-2); pieces: WordPiece, whose ## joins; words: whole words; marks: ▁
    for a space, and <0xE9> for a byte (SentencePiece).
    """
    model = type(tokenizer.model).__name__
    if model in ("WordPiece", "WordLevel"):
        return "pieces" if model == "WordPiece" else "words"
    parts = (tokenizer.decoder, tokenizer.pre_tokenizer)
    return "bytes" if any(b"ByteLevel" in part.__getstate__() for part in parts if part is not None) else "marks"


def byte_letters() -> tuple[str, ...]:
    """Return the character that stands for each byte in a byte-level vocabulary."""
    return tuple(_byte_table())


@cache
def _byte_table() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for (Radford et al. 2019, its code)."""
    own = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + i): byte for i, byte in enumerate(others)}
