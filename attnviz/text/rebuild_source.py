"""The text that tokens stand in, told again by their places: a document keeps the places, not the text."""

from __future__ import annotations

from dataclasses import replace

from attnviz.core.attention_data import Attention
from attnviz.core.token import Token, without_piece_number


def rebuild_source(attention: Attention) -> Attention:
    """Return the attention with the texts that its tokens' places tell, with spaces between them.

    Where the places tell none, they are dropped: no token can be found by them.
    """
    if attention.source is not None:
        return attention
    query, source = _read(attention.query)
    if not attention.is_cross:
        return replace(attention, query=query, key=query, source=source)
    key, key_source = _read(attention.key)
    return replace(attention, query=query, key=key, source=source, key_source=attention.key_source or key_source)


def _read(tokens: tuple[Token, ...]) -> tuple[tuple[Token, ...], str | None]:
    """Return the tokens and their text; tokens without places and None where these tell no text."""
    letters: list[str] = []
    for token in tokens:
        start, end = token.start, token.end
        if start is None or end is None:
            continue
        text = token.text if len(token.text) == end - start else without_piece_number(token.text)
        if len(text) == end - start >= 0 and start >= len(letters):
            letters += [" "] * (start - len(letters)) + list(text)
        elif start == end or (end <= len(letters) and "".join(letters[start:end]) == text):
            continue  # it stands for no letter of its own, or for one that another token has too
        else:
            return tuple(replace(one, start=None, end=None) for one in tokens), None
    return tokens, "".join(letters) if letters else None
