"""What `text` holds: the words as they stand in the text, each with how much it receives."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Attention, Token
from attnviz.i18n.messages import Message, message
from attnviz.text.find_token import find_token, named_token
from attnviz.views.prepared.attention import label as name_of
from attnviz.views.prepared.caption import describe
from attnviz.views.prepared.color_scale import Scale, spread_scale, weight_scale
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.model_words import hidden_words
from attnviz.views.prepared.panels import Panel, Prepared, ShadedWord

_LINE_END = re.compile(r"[^\S\n\r\v\f\x85\u2028\u2029]*[\n\r\v\f\x85\u2028\u2029]\s*")


def shade_words(form: Prepared, attention: Attention, token: str | None = None) -> Prepared:
    """Return how much each word receives: the mean over the words that look, or what the word `token` gives it.

    Each panel has one row, nan where nobody may look, and the text's words with their values; all share one scale.
    The mean is the column's sum divided by the number of rows that may look anywhere, so all the words together have 1.
    Raises MissingError where the text has no such token.
    """
    asking, notes = (None, form.notes)
    if token is not None:
        asking, note = find_token(attention.query, token)
        notes = (*form.notes, note) if note is not None else form.notes
    rows = [received(panel, asking) for panel in form.panels]
    values = [np.where(np.isnan(row), 0, row) for row in rows]
    spread = form.panels[0].scale.spread
    own = len({panel.scale for panel in form.panels}) > 1  # a scale a head
    scales = [
        spread_scale(weight_scale(np.stack(of)), spread, of) for of in ([row] if own else values for row in values)
    ]
    return replace(
        form,
        panels=tuple(
            replace(
                panel,
                values=row[None],
                rows=("" if asking is None else panel.rows[asking],),
                row_numbers=None if asking is None else (asking,),
                scale=scale,
                forbidden=np.isnan(row)[None],
                words=_words(attention, panel, row, scale, asking),
            )
            for panel, row, scale in zip(form.panels, rows, scales, strict=True)
        ),
        heading=_heading(attention, asking),
        what=_heading(attention, asking),
        caption=(*describe(attention), *hidden_words(attention)),
        notes=notes,
    )


def _heading(attention: Attention, asking: int | None) -> Message:
    if asking is None:
        return message("how much each word receives, the mean over all that look")
    return message("how much “{token}” looks at each word", token=visible(named_token(attention.query, asking)))


def received(panel: Panel, asking: int | None) -> NDArray[np.float64]:
    """Return what each column receives, [columns]; nan where nobody, or the asking word, may look."""
    values = panel.values.astype(np.float64)
    allowed = np.ones(values.shape, dtype=bool) if panel.forbidden is None else ~panel.forbidden
    if asking is not None:
        return np.where(allowed[asking], values[asking], np.nan)
    looking = max(int(allowed.any(axis=1).sum()), 1)
    return np.where(allowed.any(axis=0), np.where(allowed, values, 0).sum(axis=0) / looking, np.nan)


def _words(
    attention: Attention, panel: Panel, row: NDArray[np.float64], scale: Scale, asking: int | None
) -> tuple[ShadedWord, ...]:
    places = scale.place(np.nan_to_num(row))
    columns = {number: j for j, number in enumerate(panel.numbers or range(len(row)))}
    words: list[ShadedWord] = []
    for index, (token, before, skipped) in enumerate(_stretches(attention)):
        words.extend(ShadedWord(visible(text), gap) for gap, text in skipped)
        if index:
            before = _line_ends(attention.key[index - 1]) + before
        column = columns.get(index)
        label = panel.columns[column] if column is not None else name_of(token, unknown=attention.provenance.unknown)
        word = ShadedWord(label, before, asks=not attention.is_cross and index == asking)
        if column is not None and not np.isnan(row[column]):
            word = replace(word, value=float(row[column]), place=float(places[column]))
        words.append(word)
    return tuple(words)


def _line_ends(token: Token) -> str:
    """Return the line ends of a token that has nothing else in it: they break the line after it, as in the text."""
    return "\n" * len(token.text.splitlines()) if token.start is not None and _LINE_END.fullmatch(token.text) else ""


def _stretches(attention: Attention) -> list[tuple[Token, str, list[tuple[str, str]]]]:
    """Return each key token, what stands directly before it, and the text before that which belongs to no token."""
    source = attention.key_source if attention.is_cross else attention.source
    found: list[tuple[Token, str, list[tuple[str, str]]]] = []
    end = 0
    for token in attention.key:
        if source is None or token.start is None or token.end is None or token.start < end:
            found.append((token, " " if found else "", []))
            continue
        before, skipped = _between(source[end : token.start])
        if found and found[-1][0].start is None and not (before or skipped):
            before = " "  # [CLS] and the like do not run into the text
        found.append((token, before, skipped))
        end = token.end
    return found


def _between(gap: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands directly before a token, and the words (with what stands before them) that no token has.

    A line's indentation stays, a tab as four spaces; other spaces are one.
    """
    skipped: list[tuple[str, str]] = []
    before = ""
    for piece in re.findall(r"\r\n|[\n\r\v\f\x85\u2028\u2029]|[^\S\n\r\v\f\x85\u2028\u2029]+|\S+", gap):
        if not piece.isspace():
            skipped.append((before, piece))
            before = ""
        elif piece.splitlines()[0] == "":
            before = before.rstrip(" ") + "\n"
        else:
            before += piece.expandtabs(4) if before.endswith("\n") else " "
    return before, skipped
