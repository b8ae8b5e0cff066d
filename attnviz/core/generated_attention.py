"""What `generate` of transformers returns, step by step, as one square of weights a layer.

The first step has the rows of the prompt; each later one has the row of the token that was written last, or, without a
cache, all rows again. The last token that is written is never read, so it has no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attnviz.core.errors import ShapeError
from attnviz.core.types import Booleans, Floats
from attnviz.i18n.messages import Message, message


class JoinedSteps(NamedTuple):
    """Weights [layers, heads, query, key] over all steps; allowed: what a token may attend to, None in cross-attention.

    written: how many tokens were written, the last of which has no row. note: says what the rows are. padded: how many
    rows come first that are padding, see _padded_rows.
    """

    weights: Floats
    allowed: Booleans | None
    written: int
    note: Message
    padded: int = 0


def join_steps(steps: Sequence[Sequence[Floats]], *, cross: bool) -> JoinedSteps:
    """Join the steps, each a list of one [heads, query, key] a layer.

    cross: whether the keys are another text's, the same in every step. Keys of a static cache that are not yet written
    are left out; those that a sliding window has dropped may not be attended to. Raises ShapeError for steps that do
    not continue each other.
    """
    ends = _ends(steps)
    if cross:
        return _join_cross(steps, ends)
    if _is_cross(steps):
        raise ShapeError(
            "Every step has the same {count} keys: this is cross-attention, and the keys need names of their own.",
            hint="Give keys=, one for each token of the other text.",
            count=steps[0][0].shape[-1],
        )
    padded = _padded_rows(steps[0])
    past = _past(steps[0], padded)
    rows, total = ends[-1] + 1, past + ends[-1] + 1
    layers, heads = len(steps[0]), steps[0][0].shape[0]
    if any(layer.shape[0] != heads for step in steps for layer in step):
        raise ShapeError("The layers have other numbers of heads.", hint="Give the layers of one shape.")
    weights = np.zeros((layers, heads, rows, total), dtype=np.result_type(*steps[0]))
    windows: dict[int, int] = {}
    for step, end in zip(steps, ends, strict=True):
        for number, found in enumerate(step):
            count, keys = found.shape[-2:]
            last = past + end
            if keys >= last + 1:
                if found[:, max(padded - (end + 1 - count), 0) :, last + 1 :].any():
                    raise _no_continuation(found.shape)
                part, first = found[..., : last + 1], 0
            else:
                part, first = found, last + 1 - keys
                windows[number] = keys
            weights[number, :, end + 1 - count : end + 1, : last + 1] = 0
            weights[number, :, end + 1 - count : end + 1, first : last + 1] = part
    prompt = steps[0][0].shape[-2]
    written = len(steps)
    allowed = _allowed(weights, past, prompt, windows, padded)
    return JoinedSteps(weights, allowed, written, _note(rows - written + 1, written), padded)


def _note(prompt: int, written: int) -> Message:
    return message(
        "Read as the steps of generate(): tokens given: {prompt}, written: {written}. The last one written was not "
        "read "
        "again and has no row.",
        prompt=prompt,
        written=written,
    )


def _ends(steps: Sequence[Sequence[Floats]]) -> list[int]:
    """Return the number of the last query of each step, counted from the first step's first."""
    ends = [steps[0][0].shape[-2] - 1]
    for step in steps[1:]:
        count = step[0].shape[-2]
        again = count == ends[-1] + 2  # without a cache all rows come again, and one more
        ends.append(ends[-1] + (1 if again else count))
    for step, end in zip(steps, ends, strict=True):
        if any(layer.ndim != 3 or layer.shape[-2] != step[0].shape[-2] or end < 0 for layer in step):
            raise _no_continuation(step[0].shape)
    if len(steps) > 1 and all(len(step) == len(steps[0]) for step in steps):
        shapes = {layer.shape for step in steps for layer in step}
        if len(shapes) == 1 and next(iter(shapes))[-2] > 1:
            raise ShapeError(
                "The weights are a tuple of tuples of one shape, {shape}, which no steps of generate() are; XLNet "
                "gives two streams a layer so.",
                hint="Give one array a layer.",
                shape=next(iter(shapes)),
            )
    return ends


def _is_cross(steps: Sequence[Sequence[Floats]]) -> bool:
    """Return whether the first query of the first step attends to what self-attention would only write later."""
    keys = {layer.shape[-1] for step in steps for layer in step}
    first = steps[0][0]
    return len(steps) > 1 and len(keys) == 1 and first.shape[-2] == 1 and int((first[:, 0] > 0).sum(axis=-1).min()) > 1


def _padded_rows(first: Sequence[Floats]) -> int:
    """Return how many of the first rows are padding on the left, in every layer and head.

    Such a row may attend to nothing, so that its softmax is the same at all keys, also at those that come later: they
    are more keys than the last row has.
    """
    padded = int(first[0].shape[-2])
    for layer in first:
        there = layer > 0
        counts = there.sum(axis=-1)
        equal = np.where(there, layer, 1).min(axis=-1) >= layer.max(axis=-1) * (1 - 1e-6)
        whole = (equal & (counts > counts[:, -1:])).all(axis=0)
        padded = min(padded, len(whole) if whole.all() else int(np.argmin(whole)))
    return padded


def _past(first: Sequence[Floats], padded: int) -> int:
    """Return how many keys stand before the first step's queries: those of a cache that was there already.

    padded: how many rows are left out, as padding attends to keys that are not written yet.
    """
    queries = first[0].shape[-2]
    widest = max(layer.shape[-1] for layer in first)
    used = 0
    for layer in first:
        if layer.shape[-1] == widest:
            columns = np.flatnonzero((layer[:, padded:] > 0).any(axis=(0, 1)))
            used = max(used, int(columns[-1]) + 1 if len(columns) else 0)
    return max(used - int(queries), 0)


def _allowed(weights: Floats, past: int, prompt: int, windows: dict[int, int], padded: int) -> Booleans:
    """Return the causal mask [query, key]; [layers, 1, query, key] where some layers have a sliding window.

    Rows of padding, the first `padded`, are allowed what they attend to.
    """
    rows, total = weights.shape[-2:]
    distance = past + np.arange(rows)[:, None] - np.arange(total)
    causal = distance >= 0
    if (weights[..., padded:prompt, :] > 0)[:, :, ~causal[padded:prompt]].any():
        causal[:prompt, : past + prompt] = True  # a prompt that is read in both directions
    causal[:padded] = (weights[..., :padded, :] > 0).any(axis=(0, 1))
    if not windows:
        return causal
    allowed = np.repeat(causal[None, None], len(weights), axis=0)
    for number, window in windows.items():
        narrow = causal & (distance < window)
        narrow[:padded] = causal[:padded]
        if not (weights[number][:, ~narrow] > 0).any():
            allowed[number, 0] = narrow
    return allowed


def _join_cross(steps: Sequence[Sequence[Floats]], ends: Sequence[int]) -> JoinedSteps:
    shapes = {(layer.shape[0], layer.shape[-1]) for step in steps for layer in step}
    if len(shapes) > 1:
        raise ShapeError(
            "The steps have other numbers of keys: this is self-attention, whose keys are its tokens.",
            hint="Leave keys out.",
        )
    ((heads, keys),) = shapes
    weights = np.zeros((len(steps[0]), heads, ends[-1] + 1, keys), dtype=np.result_type(*steps[0]))
    for step, end in zip(steps, ends, strict=True):
        for number, found in enumerate(step):
            weights[number, :, end + 1 - found.shape[-2] : end + 1] = found
    rows, written = ends[-1] + 1, len(steps)
    return JoinedSteps(weights, None, written, _note(rows - written + 1, written))


def _no_continuation(shape: tuple[int, ...]) -> ShapeError:
    return ShapeError(
        "A step of shape {shape} does not continue the one before it, as those of generate() do.",
        hint="Give g.attentions as it is, with all its steps.",
        shape=shape,
    )
