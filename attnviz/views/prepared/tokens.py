"""What a table of tokens holds: a row a token, and the text as it was cut."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attnviz.core.attention_data import Token
from attnviz.core.tokenized_text import TokenizedText
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.attention import label
from attnviz.views.prepared.caption import in_brief
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.listing import Column, Listing

_JOINED = {
    "none": message("pieces as they are"),
    "char": message("pieces of one character joined"),
    "word": message("pieces of one word joined"),
    "sentence": message("pieces of one sentence joined"),
    "line": message("pieces of one line joined"),
}
_BYTE_PIECE = re.compile("<0x[0-9A-F]{2}>")
_CUTS = {
    "lexicon": message("cut by the lexicon"),
    "char": message("cut by character"),
    "han": message("cut by word, Han by character"),
    "word": message("cut by word"),
    "space": message("cut at spaces"),
    "sentence": message("cut by sentence"),
}


@dataclass(frozen=True)
class TokenRow:
    """A token: its number, its label, its span, the pieces and ids behind it, and what is to be said of it."""

    number: int
    label: str
    span: str
    piece: str
    ids: str
    remark: Message | None
    special: bool
    before: str


@dataclass(frozen=True)
class TokenTable:
    """A row a token; after: what stands after the last; pieces: whether there is a vocabulary."""

    heading: Message
    rows: tuple[TokenRow, ...]
    after: str
    pieces: bool
    caption: tuple[Message, ...] = ()


def prepare_tokens(found: TokenizedText, *, brief: bool = False) -> TokenTable:
    """Return the rows of a text's tokens, with what stands in the text between them.

    brief: with a first caption of one line, where the text is cut as it is by default.
    """
    rows, end = [], 0
    unknown = found.is_unknown
    for number, (token, pieces) in enumerate(zip(found.tokens, found.pieces, strict=True)):
        before = ""
        if token.start is not None and token.start >= end:
            before = found.text[end : token.start]
            end = token.end or token.start
        rows.append(
            TokenRow(
                number,
                label(token, unknown=found.unknown),
                "" if token.start is None else f"{token.start}–{token.end}",
                " ".join(visible(one.piece) for one in pieces if one.piece) if found.model else "",
                " ".join(str(one.id) for one in pieces if one.id is not None),
                _remark(token, len(pieces), special=found.special[number], unknown=unknown[number]),
                found.special[number],
                before,
            )
        )
    caption = _first_caption(found, rows) if brief and _is_usual(found) else _caption(found)
    return TokenTable(_heading(found), tuple(rows), found.text[end:], found.model is not None, caption)


def list_tokens(found: TokenizedText) -> Listing:
    """Return the rows as a list, for tables and pages; columns that would be empty are left out."""
    table = prepare_tokens(found)
    rows = table.rows
    columns = [
        Column(message("index"), tuple(str(row.number) for row in rows)),
        Column(message("span"), tuple(row.span for row in rows)),
    ]
    if table.pieces:
        columns.append(Column(message("pieces"), tuple(row.piece for row in rows)))
        columns.append(Column(message("ids"), tuple(row.ids for row in rows)))
    if any(row.remark is not None for row in rows):
        columns.append(Column(message("note"), tuple(row.remark or "" for row in rows)))
    return Listing(table.heading, tuple(row.label for row in rows), (tuple(columns),), table.caption, found.notes)


def _remark(token: Token, pieces: int, *, special: bool, unknown: bool) -> Message | None:
    if special:
        return message("special")
    if unknown:
        return message("unknown")
    if token.start is not None and token.start == token.end:
        return message("space only")
    return message("{count} pieces", count=pieces) if pieces > 1 else None


def _heading(found: TokenizedText) -> Message:
    count = len(found.tokens)
    return message("1 token") if count == 1 else message("{count} tokens", count=count)


def _is_usual(found: TokenizedText) -> bool:
    """Return whether the text was cut as it is by default."""
    return found.cut in (None, "lexicon") if found.model is None else found.joined in (None, "none", "char")


def _first_caption(found: TokenizedText, rows: list[TokenRow]) -> tuple[Message, ...]:
    """Say what the span is, and what stands in the pieces for a space and for bytes, where it does."""
    pieces = "".join(row.piece for row in rows)
    spaces = (message("{mark}: a space", mark=mark) for mark in "Ġ▁" if mark in pieces)
    return in_brief((message("span: its characters, from 0"), *spaces, *_bytes(found)))


# What byte-level vocabularies write for the bytes that are no printable ASCII: 0xA1 and above as Latin-1 has them, the
# others from U+0100 on (Radford et al. 2019, bytes_to_unicode).
_BYTE_LETTERS = frozenset(map(chr, (*range(0xA1, 0xAD), *range(0xAE, 0x144))))


def _bytes(found: TokenizedText) -> tuple[Message, ...]:
    """Say which labels are parts of characters, and the first piece that a byte-level vocabulary has for bytes."""
    cut = describe_cut_characters(found.tokens)
    for token, parts in zip(found.tokens, found.pieces, strict=True):
        for piece in (part.piece.lstrip("Ġ") for part in parts if part.piece):
            letters = {letter for letter in piece if not letter.isascii()}
            if letters and letters <= _BYTE_LETTERS and not token.text.isascii() and piece not in token.text:
                return (*cut, message("{piece}: bytes, a letter for each", piece=piece))
            if _BYTE_PIECE.fullmatch(piece):
                return (*cut, message("{piece}: a byte", piece=piece))
    return cut


def _caption(found: TokenizedText) -> tuple[Message, ...]:
    if found.model is None:
        return (message("toy"), _CUTS.get(found.cut or "", message("{text}", text=found.cut or "")))
    pieces = len(found.ids)
    parts = (message("{text}", text=visible(found.model)), _JOINED.get(found.joined or "none", _JOINED["none"]))
    return (*parts, message("1 id") if pieces == 1 else message("{count} ids", count=pieces), *_bytes(found))
