"""Letters of a text that no token stands for: a vocabulary without a piece for the unknown leaves them out silently."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attnviz.core.clusters import split_clusters
from attnviz.core.errors import InputError
from attnviz.core.token_spans import SPACE_MARK
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.tokenizers.piece_bytes import byte_letters, kind_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Span = tuple[int, int]

_SHOWN = 3
_GONE = "\0left out"  # the value of a token that stands for a letter that was left out
# What is seen of no text: white space is tested for by itself, and marks only where a normalizer takes them off.
_UNSEEN = frozenset(("Cc", "Cf", "Zs", "Zl", "Zp"))


def left_out_notes(letters: Sequence[str]) -> tuple[Message, ...]:
    """Return a note that names the first letters that were left out; none where there are none."""
    if not letters:
        return ()
    shown = [message("“{text}”", text=letter) for letter in letters[:_SHOWN]]
    return (
        message(
            "The vocabulary has no piece for {letters}: left out of what the model reads.",
            letters=listed([*shown, *(["…"] if len(letters) > _SHOWN else [])]),
        ),
    )


def can_leave_out(tokenizer: Tokenizer) -> bool:
    """Return whether the model leaves letters out: a BPE without a piece for the unknown and for every byte."""
    from tokenizers import models

    model = tokenizer.model
    if not isinstance(model, models.BPE) or model.unk_token is not None:
        return False
    if model.byte_fallback:
        return any(tokenizer.token_to_id(f"<0x{byte:02X}>") is None for byte in range(256))
    return kind_of(tokenizer) != "bytes" or any(tokenizer.token_to_id(letter) is None for letter in byte_letters())


def place_pieces(
    tokenizer: Tokenizer, text: str, ids: Sequence[int], offsets: Sequence[Span], added: Sequence[bool], name: str
) -> tuple[list[Span], list[Span]]:
    """Return the spans of a text's pieces, and those of the letters that were left out.

    The tokenizers package counts as if these were not there, so that its spans after one are wrong. ids, offsets: its
    own of the text [n]. added: whether a piece is one that was added to the vocabulary, whose span is right.
    Raises InputError where the pieces cannot be placed.
    """
    spans, found = list(offsets), list(ids)
    gone: list[Span] = []
    begin, first = 0, 0
    cuts = [*(i for i, is_added in enumerate(added) if is_added), len(found)]
    for cut in cuts:
        end = offsets[cut][0] if cut < len(found) else len(text)
        placed, missing = _place(tokenizer, text[begin:end])
        if [number for number, _ in placed] != found[first:cut]:
            if missing:
                raise InputError(
                    "{path!r} leaves out letters that it has no piece for: which pieces stand for the others cannot "
                    "be told.",
                    path=name,
                )
            placed = []
        for i, (_, (start, stop)) in enumerate(placed):
            spans[first + i] = (begin + start, begin + stop)
        gone.extend((begin + start, begin + stop) for start, stop in missing)
        if cut < len(found):
            begin, first = max(begin, offsets[cut][1]), cut + 1
    return spans, gone


def _place(tokenizer: Tokenizer, text: str) -> tuple[list[tuple[int, Span]], list[Span]]:
    """Return the ids and spans of a text without added pieces, and the spans of what was left out."""
    from tokenizers import PreTokenizedString

    if not text:
        return [], []
    split = PreTokenizedString(text)
    normalizer, cutter = tokenizer.normalizer, tokenizer.pre_tokenizer
    if normalizer is not None:
        split.normalize(normalizer.normalize)
    if cutter is not None:
        cutter.pre_tokenize(split)
    split.tokenize(lambda word: list(_tokens_of(tokenizer.model, word)))
    made = split.to_encoding()
    pairs = list(zip(made.ids, made.tokens, made.offsets, strict=True))
    kept = [(number, span) for number, piece, span in pairs if piece != _GONE]
    return kept, [span for _, piece, span in pairs if piece == _GONE]


def _tokens_of(model: Any, word: str) -> Iterator[Any]:
    """Yield the tokens of a word with their offsets in bytes, and one named _GONE for each letter without a piece."""
    from tokenizers import Token

    tokens = model.tokenize(word)
    if sum(end - start for start, end in (token.offsets for token in tokens)) == len(word.encode()):
        yield from tokens
        return
    kept: list[Span] = []
    at = 0
    for i, letter in enumerate(word):
        size = len(letter.encode())
        if _has_piece(model, word, i):
            kept.extend([(at, at + size)] * size)  # one for each byte
        else:
            yield Token(0, _GONE, (at, at + size))
        at += size
    exact = sum(token.offsets[1] - token.offsets[0] for token in tokens) == len(kept)
    for token in tokens:
        start, end = token.offsets
        span = (kept[start][0], kept[end - 1][1]) if exact and end > start else (0, at)
        yield Token(token.id, token.value, span)


def _has_piece(model: Any, word: str, i: int) -> bool:
    """Return whether a letter of a word has a piece, as BPE asks: with its marks of the word's begin and end."""
    piece = word[i]
    if i > 0:
        piece = (model.continuing_subword_prefix or "") + piece
    if i == len(word) - 1:
        piece += model.end_of_word_suffix or ""
    if model.token_to_id(piece) is not None:
        return True
    pieces = (f"<0x{byte:02X}>" for byte in piece.encode())
    return bool(model.byte_fallback) and all(model.token_to_id(one) is not None for one in pieces)


def letters_left_out(tokenizer: Tokenizer, text: str, covered: Sequence[Span], gone: Sequence[Span]) -> tuple[str, ...]:
    """Return the letters of a text that no token stands for, each once, in order; with their marks where all are out.

    covered: the spans of its tokens. gone: those of letters that are known to be left out. White space and control
    characters are none, nor is what a normalizer joins with a letter beside it, or takes off it as an accent.
    """
    out = {i for start, end in gone for i in range(start, end)}
    seen = bytearray(len(text))
    for start, end in covered:
        seen[start:end] = b"\1" * (end - start)
    at = seen.find(0)
    while at >= 0:
        if at not in out and _is_letter(text[at]) and not _is_normalized_away(tokenizer, text, at, seen):
            out.add(at)
        at = seen.find(0, at + 1)
    found, begin = [], 0
    for cluster in split_clusters(text) if out else ():
        end = begin + len(cluster)
        letters = [text[i] for i in range(begin, end) if i in out and _is_letter(text[i])]
        if letters:
            found.append("".join(letters) if any(seen[begin:end]) else cluster)
        begin = end
    return tuple(dict.fromkeys(found))


def _is_letter(letter: str) -> bool:
    return not letter.isspace() and letter != SPACE_MARK and unicodedata.category(letter) not in _UNSEEN


def _is_normalized_away(tokenizer: Tokenizer, text: str, at: int, seen: bytearray) -> bool:
    """Return whether the normalizer takes an accent off, or makes one letter of this and those beside it.

    Accents may also change places, so that it is not told of any: BPE's own that are left out are known without this.
    """
    if tokenizer.normalizer is None:
        return False
    if all(unicodedata.category(part).startswith("M") for part in unicodedata.normalize("NFKD", text[at])):
        return True
    normal = tokenizer.normalizer.normalize_str
    own = normal(text[at]).strip().strip(SPACE_MARK)
    if not own:
        return False
    begin, end = at, at + 1
    while begin > 0 and not seen[begin]:
        begin -= 1
    while end < len(text) and not seen[end - 1]:
        end += 1
    return own not in normal(text[begin:end])
