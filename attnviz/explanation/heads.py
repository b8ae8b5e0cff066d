"""How the heads differ on one row: what each looks at, and how evenly."""

from __future__ import annotations

import numpy as np

from attnviz.analysis import entropy
from attnviz.data import Attention
from attnviz.explanation.parts import Atom, Entry, Explanation, Floats, Line, Number, Piece, Step
from attnviz.explanation.row import Row, most_weighty, name_of
from attnviz.messages import Message, message

_SAME = 1e-6


def compare_heads(attention: Attention, token: int, cell: int | None, notes: tuple[Message, ...]) -> Explanation:
    """A line a head: the weights of the row, the word with the largest one, and the row's entropy in bits."""
    row = Row(attention, attention.traces[0], attention.layers[0], 0, token)
    weights = attention.traces[0].weights[:, token]
    bits = entropy(weights)
    # The same words in every line: those that the heads together look at most.
    shown = most_weighty(weights.mean(axis=0)) if cell is None else (cell,)
    rest = len(shown) < weights.shape[1] and cell is None
    lines = tuple(
        Line(_label(place, head), _entries(row, weights[place], shown, rest, float(bits[place])))
        for place, head in enumerate(attention.heads)
    )
    others = (message("others"),) if rest else ()
    columns = (*(row.keys[i] for i in shown), *others, message("most at"), message("bits"))
    words = message("Each head has query, key and value cards of its own, and so weights of its own. The entropy is 0 "
                    "bits where one word gets everything, and {bits} bits where all get the same.",
                    bits=Number(float(np.log2(max(1, int(row.allowed.sum()))))))  # fmt: skip
    step = Step("heads", message("The heads"), "w", (words,), lines, {"weights": weights, "entropy": bits}, columns)
    return Explanation(
        title=message("How the heads differ on “{word}”", word=row.word),
        query=attention.query,
        key=attention.key,
        token=token,
        cell=cell,
        layer=attention.layers[0],
        head="all",
        steps=(step,),
        features=row.trace.features,
        settings=attention.settings,
        heads=attention.heads,
        notes=notes,
    )


def _label(place: int, head: int | str) -> Piece:
    return message("head {head}", head=head) if isinstance(head, int) else message(
        "{number} {name}", number=place, name=name_of(head)
    )  # fmt: skip


def _entries(row: Row, weights: Floats, shown: tuple[int, ...], rest: bool, bits: float) -> tuple[Entry, ...]:
    cells: list[Atom] = [(Number(float(weights[i]), "answer") if row.allowed[i] else "·",) for i in shown]
    if rest:
        cells.append((Number(max(0.0, float(weights.sum() - weights[list(shown)].sum())), "answer"),))
    cells.append((_most(row, weights),))
    cells.append((Number(bits, "answer"),))
    return tuple(Entry((cell,)) for cell in cells)


def _most(row: Row, weights: Floats) -> Piece:
    """The word with the largest weight; none where all have the same."""
    seen = weights[row.allowed]
    if not len(seen):
        return "·"
    alike = len(seen) > 1 and float(seen.max() - seen.min()) < _SAME
    return message("all alike") if alike else row.keys[int(weights.argmax())]
