"""One row of which only the weights are known: how they share 1 between the words, and how even they are."""

from __future__ import annotations

import numpy as np

from attnviz.analysis.entropy import entropy
from attnviz.core.attention_data import Attention
from attnviz.core.types import Booleans, Floats
from attnviz.explanation.elements import Entry, Explanation, Line, Number, Step, Word, equals, summands
from attnviz.explanation.heads import heads_step
from attnviz.explanation.row import allowed_keys, most_weighty, words_of
from attnviz.i18n.messages import Message, message


def explain_given(
    attention: Attention, head: int, token: int, cell: int | None, notes: tuple[Message, ...]
) -> Explanation:
    """Explain a row of which only the weights are known: `token` in the head of index `head` of the one layer.

    cell: only the weight of this key. Scores, cards and the new vector are not known, and the first step says so.
    """
    row = attention.weights[0, head, token]
    keys, word = words_of(attention, attention.key), words_of(attention, attention.query)[token]
    allowed = allowed_keys(attention, head, token)
    shown = most_weighty(row) if cell is None else (cell,)
    steps = [_weights(row, allowed, keys, word, shown, whole=cell is None)]
    if cell is None and allowed.any():
        steps.append(_evenness(row, allowed, keys, tuple(i for i in shown if row[i] > 0)))
    if len(attention.heads) > 1:
        steps.append(heads_step(attention, token, cell))
    title = message("How “{word}” looks at the words", word=word)
    if cell is not None:
        title = message("How much “{word}” looks at “{key}”", word=word, key=keys[cell])
    return Explanation(
        title=title,
        query=attention.query,
        key=attention.key,
        token=token,
        cell=cell,
        layer=attention.layers[0],
        head=attention.heads[head],
        steps=tuple(steps),
        provenance=attention.provenance,
        heads=(attention.heads[head],),
        notes=notes,
    )


def _weights(
    row: Floats, allowed: Booleans, keys: tuple[Word, ...], word: Word, shown: tuple[int, ...], *, whole: bool
) -> Step:
    """Show each word's weight and, with `whole`, that all of them add up to 1."""
    words = [
        message(
            "How much “{word}” looks at each word. Only the weights are known here, not the scores and "
            "vectors they came from, so they cannot be redone.",
            word=word,
        )
    ]
    lines = [Line(keys[i], (Entry(((Number(float(row[i])) if allowed[i] else "·",),)),)) for i in shown]
    if whole and allowed.any():
        seen = tuple(i for i in shown if allowed[i])
        rest = float(row.sum() - row[list(seen)].sum())
        terms = summands(row, seen, int(allowed.sum()) - len(seen), rest)
        lines.append(Line(message("sum"), (Entry((*terms, equals(float(row.sum())))),)))
    if not allowed.any():
        words.append(message("“{word}” may look at nothing: its weights are all 0.", word=word))
    return Step("weights", message("Weights"), "w", tuple(words), tuple(lines), {"weights": row})


def _evenness(row: Floats, allowed: Booleans, keys: tuple[Word, ...], shown: tuple[int, ...]) -> Step:
    """Show the row's entropy, term by term."""
    bits, parts = float(entropy(row)), -row.astype(np.float64) * np.log2(np.where(row > 0, row, 1))
    lines = [
        Line(
            keys[i],
            (Entry((("-", Number(float(row[i]))), ("× log2 ", Number(float(row[i]))), equals(float(parts[i])))),),
        )
        for i in shown
    ]
    rest = bits - float(parts[list(shown)].sum())
    terms = summands(parts, shown, int((row > 0).sum()) - len(shown), rest, "carried")
    lines.append(Line(message("sum"), (Entry((*terms, equals(bits))),)))
    count = int(allowed.sum())
    words = message(
        "The entropy of the row, in bits (Shannon 1948): 0 where one word gets everything, log2 {count} = {most} where "
        "all {count} get the same. A weight of 0 adds nothing.",
        count=count,
        most=Number(float(np.log2(count))),
    )
    return Step(
        "entropy",
        message("How even the row is"),
        message("H = sum of -w × log2 w"),
        (words,),
        tuple(lines),
        {"entropy": bits, "parts": parts},
    )
