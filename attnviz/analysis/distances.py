"""How much weight lies on words so many words away, in a long text, for every position scheme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.analysis.inputs import Given
from attnviz.analysis.lab import KEEP, VARIES, Distances, read_axes, recurrent_memory
from attnviz.analysis.run_lab import CHOICES, check_free, default_axes
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention import attend
from attnviz.core.errors import OptionError
from attnviz.core.masks import make_mask
from attnviz.core.positions import Place, Positions, positions, scheme_words
from attnviz.core.provenance import Provenance
from attnviz.i18n.messages import Message, message
from attnviz.toy import layer as toy
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import MOST_TOKENS, Settings, change_settings, check_settings
from attnviz.toy.word_vectors import Progress
from attnviz.toy.words import open_word_files

_ROWS_AT_ONCE = 64


@check_arguments()
def by_distance(
    text: str | None = None,
    count: int = 512,
    settings: Settings | None = None,
    *,
    vary: Sequence[str] = (),
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Distances:
    """Measure how much weight lies on words so many words away, in the text repeated to `count` tokens.

    The mean of the heads, over all pairs that the mask allows; computed 64 rows at a time, so that N x N never exists.
    vary: `position=A,B` for some schemes alone. A scheme that cannot be is left out, and the notes say so. The rest is
    as in run. Raises OptionError for a count that is not from 2 to 4,096.

    Examples:
        >>> by_distance("猫吃鱼", 8).curves["none"].shape
        (8,)
    """
    if not isinstance(count, Integral) or isinstance(count, bool) or not 2 <= count <= MOST_TOKENS:
        raise OptionError(
            "--long takes a number of tokens from 2 to {most}, not {count}.", most=f"{MOST_TOKENS:,}", count=count
        )
    chosen = change_settings(Settings() if settings is None else settings, options)
    axes = read_axes(vary, VARIES, CHOICES)
    if len(axes) > 1 or any(axis.name != "position" for axis in axes):
        raise OptionError(
            "With --long only the positions can vary.", hint="For example: --long 512 --vary position=none,rope."
        )
    check_free(axes, chosen)
    schemes = axes[0].values if axes else default_axes(chosen, cross=False)[0].values
    for scheme in schemes:
        check_settings(replace(chosen, position=scheme))
    chosen = replace(chosen, position=schemes[0])
    word_files = open_word_files((text,), [chosen], progress)
    words, chosen = Given(text, None, vectors, labels, word_files).words(chosen)
    one_word = attend_to(replace(words.reordered([0]), source=None), replace(chosen, position="none"))
    origin = one_word.provenance.toy
    assert origin is not None
    rows = np.resize(np.arange(len(words.tokens)), count)
    curves: dict[str, NDArray[np.float64]] = {}
    notes: list[Message] = list(words.embedded.notes)
    for scheme in schemes:
        own = replace(chosen, position=scheme, dim=None, projection=origin.projection)
        try:
            curves[scheme] = _curve(words.embedded.vectors[rows], own)
        except OptionError as error:
            if len(schemes) == 1:
                raise
            notes.append(
                message(
                    "{positions} are not possible here: {reason}", positions=scheme_words(scheme), reason=error.message
                )
            )
    return Distances(
        text=tuple(token.text for token in words.tokens),
        count=count,
        curves=curves,
        recurrent=recurrent_memory(count),
        keep=KEEP,
        provenance=Provenance(replace(origin, position=schemes[0] if len(schemes) == 1 else None)),
        notes=tuple(notes),
    )


def _curve(vectors: NDArray[np.floating], settings: Settings) -> NDArray[np.float64]:
    """Return the mean weight at each distance, [count], computed a block of rows at a time."""
    count = len(vectors)
    query, key, scheme = _cards(vectors, settings)
    bias = None if scheme is None else _by_offset(scheme)
    mask = _mask_by_offset(settings.mask, count)
    nothing = np.zeros((1, count, 1), dtype=np.float32)
    total = np.zeros(2 * count - 1)  # by j - i, from -(count - 1) on
    for first in range(0, count, _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, count))
        attended = attend(
            query[:, rows],
            key,
            nothing,
            allowed=None if mask is None else _rows_of(mask, rows, count),
            bias=None if bias is None else _rows_of(bias, rows, count),
            temperature=settings.temperature,
        )
        sums = _sum_diagonals(attended.weights.mean(axis=0))
        start = count - 1 - rows[-1]
        total[start : start + len(sums)] += sums
    offset = np.arange(1 - count, count)
    pairs = (count - np.abs(offset)) * (1 if mask is None else mask)
    weight, allowed = (each[count - 1 :] + np.append(0, each[count - 2 :: -1]) for each in (total, pairs))
    curve: NDArray[np.float64] = np.where(allowed > 0, weight / np.maximum(allowed, 1), np.nan)
    return curve


def _rows_of(by_offset: NDArray[Any], rows: NDArray[np.int64], count: int) -> NDArray[Any]:
    """Return what depends on j - i alone, [..., 2 count - 1], as these rows of the matrix, [..., rows, count]."""
    windows = np.lib.stride_tricks.sliding_window_view(by_offset, count, axis=-1)
    return windows[..., count - 1 - rows, :]


def _sum_diagonals(block: NDArray[np.floating]) -> NDArray[np.float64]:
    """Sum a block's diagonals, from its lower left corner on: [rows, n] -> [rows + n - 1].

    Written row under row into lines that are one number longer, and read back in lines one number shorter, the
    diagonals stand as columns.
    """
    rows, n = block.shape
    lines = np.zeros((rows, n + rows))
    lines[:, :n] = block[::-1]
    sums: NDArray[np.float64] = lines.ravel()[: rows * (n + rows - 1)].reshape(rows, -1).sum(axis=0)
    return sums


def _cards(
    vectors: NDArray[np.floating], settings: Settings
) -> tuple[NDArray[np.floating], NDArray[np.floating], tuple[NDArray[np.floating], NDArray[np.floating]] | None]:
    """Return queries and keys [heads, count, d_h] as the layer makes them, and the scheme's bias ahead and behind.

    The layer runs with one key, then with one query: its cards are those of the whole text, and N x N never exists.
    """
    count, dim = vectors.shape

    def place(queries: int, keys: int) -> Positions:
        return positions(
            settings.position or "none",
            Place(queries, keys, dim, settings.heads, settings.causal, settings.offset, settings.seed),
        )

    projection = toy.make_projection(settings.projection, dim, seed=settings.seed)
    plain = replace(place(1, 1), bias=None)
    made = [
        toy.layer(own, projection, key_inputs=other, heads=settings.heads, positions=plain)
        for own, other in ((vectors, vectors[:1]), (vectors[:1], vectors))
    ]
    ahead, behind = place(1, count).bias, place(count, 1).bias
    return made[0].query, made[1].key, None if ahead is None or behind is None else (ahead, behind)


def _by_offset(bias: tuple[NDArray[np.floating], NDArray[np.floating]]) -> NDArray[np.floating]:
    """Return the bias for j - i from -(count - 1) to count - 1, [heads, 2 count - 1]: it depends on that alone."""
    ahead, behind = bias
    return np.concatenate([behind[:, :0:-1, 0], ahead[:, 0]], axis=1)


def _mask_by_offset(spelling: str, count: int) -> NDArray[np.bool_] | None:
    """Return what the mask allows for j - i from -(count - 1) to count - 1; None where it is everything."""
    ahead, behind = make_mask(spelling, 1, count), make_mask(spelling, count, 1)
    return None if ahead is None or behind is None else np.concatenate([behind[:0:-1, 0], ahead[0]])
