"""How the heads differ on one row: what each looks at, and how evenly."""

from __future__ import annotations

import numpy as np

from attnviz.analysis.entropy import entropy
from attnviz.core.attention_data import Attention
from attnviz.core.types import Booleans, Floats
from attnviz.explanation.elements import Atom, Entry, Explanation, Line, Number, Piece, Step, Word
from attnviz.explanation.row import allowed_keys, most_weighty, name_of, words_of
from attnviz.i18n.messages import Message, message

_SAME = 1e-6


def compare_heads(attention: Attention, token: int, cell: int | None, notes: tuple[Message, ...]) -> Explanation:
    """Compare the heads, a line each: the row's weights, the word with the largest one, and the entropy in bits."""
    step = heads_step(attention, token, cell)
    return Explanation(
        title=message("How the heads differ on “{word}”", word=words_of(attention, attention.query)[token]),
        query=attention.query,
        key=attention.key,
        token=token,
        cell=cell,
        layer=attention.layers[0],
        head="all",
        steps=(step,),
        features=attention.traces[0].features if attention.traces else None,
        provenance=attention.provenance,
        heads=attention.heads,
        notes=notes,
    )


def heads_step(attention: Attention, token: int, cell: int | None) -> Step:
    """Make the table of the heads: their weights on the same words, those that they together look at most."""
    known = bool(attention.traces)
    weights = (attention.traces[0].weights if known else attention.weights[0])[:, token]
    keys = words_of(attention, attention.key)
    allowed = [allowed_keys(attention, place, token) for place in range(len(attention.heads))]
    bits = entropy(weights)
    shown = most_weighty(weights.mean(axis=0)) if cell is None else (cell,)
    rest = len(shown) < weights.shape[1] and cell is None
    lines = tuple(
        Line(_label(place, head), _entries(keys, allowed[place], weights[place], shown, float(bits[place]), rest=rest))
        for place, head in enumerate(attention.heads)
    )
    others = (message("others"),) if rest else ()
    columns = (*(keys[i] for i in shown), *others, message("most at"), message("bits"))
    words = _cards_words(_most_bits(allowed)) if known else _given_words(_most_bits(allowed))
    return Step("heads", message("The heads"), "w", (words,), lines, {"weights": weights, "entropy": bits}, columns)


def _most_bits(allowed: list[Booleans]) -> Number:
    """Return the entropy of an even row, in bits: of the head that may look at most keys."""
    return Number(float(np.log2(max(1, *(int(each.sum()) for each in allowed)))))


def _cards_words(bits: Number) -> Message:
    return message(
        "Each head has queries, keys and values of its own, and so weights of its own. The entropy is 0 bits "
        "where one word gets everything, and {bits} bits where all get the same.",
        bits=bits,
    )


def _given_words(bits: Number) -> Message:
    return message(
        "The entropy is 0 bits where one word gets everything, and {bits} bits where all get the same.", bits=bits
    )


def _label(place: int, head: int | str) -> Piece:
    return (
        message("head {head}", head=head)
        if isinstance(head, int)
        else message("{number} {name}", number=place, name=name_of(head))
    )


def _entries(
    keys: tuple[Word, ...], allowed: Booleans, weights: Floats, shown: tuple[int, ...], bits: float, *, rest: bool
) -> tuple[Entry, ...]:
    """Return a head's cells; a worksheet leaves the entropy blank, which can be redone from the weights."""
    cells: list[Atom] = [(Number(float(weights[i])) if allowed[i] else "·",) for i in shown]
    if rest:
        cells.append((Number(max(0.0, float(weights.sum() - weights[list(shown)].sum()))),))
    cells.append((_most(keys, allowed, weights),))
    cells.append((Number(bits, "answer"),))
    return tuple(Entry((cell,)) for cell in cells)


def _most(keys: tuple[Word, ...], allowed: Booleans, weights: Floats) -> Piece:
    """Return the word with the largest weight; none where all have the same."""
    seen = weights[allowed]
    if not len(seen):
        return "·"
    alike = len(seen) > 1 and float(seen.max() - seen.min()) < _SAME
    return message("all alike") if alike else keys[int(weights.argmax())]
