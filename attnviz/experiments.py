"""One sentence, many runs: what happens without a word, under every setting, and over a long distance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from attnviz.ablation import WAYS, Ablation, Removal, moved
from attnviz.analysis import entropy, largest_entropy
from attnviz.attention import attend, merge_heads
from attnviz.choosing import find_token
from attnviz.data import Attention
from attnviz.embeddings import EMBEDDINGS
from attnviz.errors import InputError, OptionError, unknown_choice
from attnviz.laboratory import KEEP, VARIES, Axis, Cell, Distances, Lab, read_axis, recurrent_memory
from attnviz.masks import make_mask
from attnviz.messages import Message, message
from attnviz.models import toy
from attnviz.pipeline import MOST_TOKENS, Settings, Words, attend_to, blind_to, check, read_words, with_options
from attnviz.positions import SCHEMES, Place, Positions, positions
from attnviz.tokens import TOKENIZERS
from attnviz.wordfile import Progress

MASKS = ("none", "causal", "window:1")
MOST_WORDS = 512
MOST_CELLS = 400
_ROWS_AT_ONCE = 64
_SAME_BITS = 1e-5  # entropies that differ by less are the same: rounding must not choose a row

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "position": tuple(SCHEMES), "mask": MASKS, "projection": ("identity", "lexicon", "random"),
    "embedding": tuple(EMBEDDINGS), "tokens": tuple(TOKENIZERS),
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Given:
    """What an experiment is made on: a text or vectors, perhaps the words of a second text, and who is told of it."""

    text: str | None = None
    keys: str | None = None
    vectors: str | Path | ArrayLike | None = None
    labels: str | Sequence[str] | None = None
    progress: Progress | None = None

    def words(self, settings: Settings) -> tuple[Words, Settings]:
        """The words under these settings, and the settings as they are then."""
        return read_words(self.text, settings, keys=self.keys, vectors=self.vectors, labels=self.labels,
                          progress=self.progress)  # fmt: skip


def ablate(
    text: str | None = None,
    token: str | int | None = None,
    settings: Settings | None = None,
    *,
    by: str = "word",
    head: str | int | None = None,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Ablation:
    """How far one word's output vector moves when each other word, or each head, is taken away; and its weight before.

    token: as in choosing.find_token; None is the word whose row is least even. by: word, taken out of the text, so that
    the others close up; mask, it stays but nobody may look at it; head, its part of the output is zeros (Michel et
    al. 2019, "Are sixteen heads really better than one?", section 2.3), beside its largest weight in the row, which
    Voita et al. 2019 ("Analyzing multi-head self-attention", section 4) call its confidence. head: whose weights are
    shown, a number or a name; None and "mean" are the mean of the heads. The rest is as in pipeline.run.
    Raises an AttnvizError for what cannot be; MissingError for a token or head that is not there.

    >>> [round(one.weight, 3) for one in ablate("猫吃鱼", "吃").removals]
    [0.237, 0.625]
    """
    if by not in WAYS:
        raise unknown_choice("--by", by, WAYS)
    if head == "all":
        raise OptionError("Beside each word stands one weight: --head takes a number, a name or mean, not all.")
    chosen = with_options(settings or Settings(), options)
    words, chosen = Given(text, keys, vectors, labels, progress).words(chosen)
    asked = words.asked or words
    if by != "head" and max(len(asked.tokens), len(words.tokens)) > MOST_WORDS:
        raise InputError(
            "Each word is taken away in turn, of at most {most} words; these are {count}.",
            hint="Give a shorter text, or cut it into sentences with --tokens sentence.",
            most=MOST_WORDS,
            count=f"{max(len(asked.tokens), len(words.tokens)):,}",
        )
    attention = attend_to(words, chosen)
    shown = attention.mean() if head in (None, "mean") else attention.select(head=_head(head))
    index, note = _find(shown, token)
    removals = _without_heads(attention, index) if by == "head" else _without_words(words, chosen, attention, shown,
                                                                                    index, by)  # fmt: skip
    return Ablation(
        token=words.tokens[index],
        index=index,
        by=by,
        removals=tuple(removals),
        own=None if attention.is_cross else float(shown.weights[0, 0, index, index]),
        length=float(np.linalg.norm(_output(attention)[index].astype(np.float64))),
        head=shown.heads[0] if by != "head" else "mean",
        settings=attention.settings,
        notes=(*attention.notes, *note),
    )


def _head(head: str | int | None) -> str | int | None:
    return int(head) if isinstance(head, str) and head.lstrip("-").isdecimal() else head


def _find(shown: Attention, token: str | int | None) -> tuple[int, tuple[Message, ...]]:
    """The row that is meant, and what the reader should know of the choice."""
    if token is not None:
        index, note = find_token(shown.query, str(token))
        return index, () if note is None else (note,)
    weights = shown.weights[0, 0]
    allowed = np.ones(weights.shape, dtype=bool) if shown.allowed is None else shown.allowed
    lacking = largest_entropy(allowed) - entropy(weights)
    index = int(np.flatnonzero(lacking >= lacking.max() - _SAME_BITS)[0])
    name = shown.query[index].text
    return index, (message("No --token was given: {token} looks least evenly, so it is taken.", token=name),)


def _output(attention: Attention) -> NDArray[np.float32]:
    assert attention.output is not None
    return attention.output


def _without_words(
    words: Words, settings: Settings, attention: Attention, shown: Attention, index: int, by: str
) -> Iterator[Removal]:
    """Each other word in turn: the row's own word stays, unless it asks those of another text."""
    before = _output(attention)[index]
    for j, key in enumerate(attention.key):
        if j == index and not attention.is_cross:
            continue
        if by == "mask":
            after = _output(attend_to(words, settings, hidden=j))[index]
        elif len(attention.key) == 1:
            after = np.zeros_like(before)  # there is nothing left to look at
        else:
            place = index - (j < index and not attention.is_cross)
            after = _output(attend_to(words.without(j), settings))[place]
        yield Removal(
            name=key.text,
            index=j,
            weight=float(shown.weights[0, 0, index, j]),
            allowed=attention.allowed is None or bool(attention.allowed[index, j]),
            moved=moved(before, after),
        )


def _without_heads(attention: Attention, index: int) -> Iterator[Removal]:
    """Each head in turn: its part of what is put together is zeros."""
    trace = attention.traces[-1]
    for number, name in enumerate(attention.heads):
        context = trace.context[:, index : index + 1].copy()
        context[number] = 0
        together = merge_heads(context)[0].astype(np.float64)
        matrix = None if trace.projection is None else trace.projection.output
        after = together if matrix is None else together @ matrix
        largest = float(attention.weights[-1, number, index].max())
        yield Removal(name, number, largest, True, moved(_output(attention)[index], after))


def lab(
    text: str | None = None,
    settings: Settings | None = None,
    *,
    vary: Sequence[str] = (),
    head: str | int | None = None,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Lab:
    """One text under many settings: every position scheme with no mask, a causal one and a window of 1.

    vary: up to two of NAME=A,B,C for other axes (VARIES; of a closed list also NAME=all; a + in a mask stands for its
    comma). A position or a mask that is set does not vary by itself. head: which head is shown; None is the mean. The
    rest is as in pipeline.run. A position scheme that cannot be for a setting is a cell that says why.
    Raises an AttnvizError for what cannot be, before anything is computed.

    >>> len(lab("猫吃鱼").cells)
    21
    """
    chosen = with_options(settings or Settings(), options)
    given = Given(text, keys, vectors, labels, progress)
    if vectors is not None:
        chosen = replace(chosen, embedding="vectors", tokens="given")
    axes = tuple(read_axis(one, VARIES, CHOICES) for one in vary) or _default_axes(chosen, cross=keys is not None)
    _check_axes(axes, given)
    made, notes = _cells(axes, given, chosen, head)
    attention = next((attention for _, attention in made if attention is not None), None)
    cells = tuple(cell for cell, _ in made)
    if attention is None:
        raise next(cell.problem for cell in cells if cell.problem is not None)
    several = head is None and any(count != 1 for count in _counts(axes, chosen))
    return Lab(
        axes=axes,
        cells=cells,
        head="mean" if several else _shown(attention, head).heads[0],
        settings={**attention.settings, **dict.fromkeys(axis.name for axis in axes)},
        notes=notes,
    )


def _counts(axes: tuple[Axis, ...], settings: Settings) -> tuple[int, ...]:
    """The numbers of heads that there are."""
    return next((axis.values for axis in axes if axis.name == "heads"), (settings.heads,))


def _cells(
    axes: tuple[Axis, ...], given: Given, settings: Settings, head: str | int | None
) -> tuple[list[tuple[Cell, Attention | None]], tuple[Message, ...]]:
    """Every combination's cell with its attention, and what to tell of the words; each cutting is read once."""
    names = [axis.name for axis in axes]
    combinations = list(product(*(axis.values for axis in axes)))
    each = [replace(settings, **dict(zip(names, values, strict=True))) for values in combinations]
    for one in each:
        check(one)
    read: dict[tuple[object, ...], tuple[Words, Settings]] = {}
    made: list[tuple[Cell, Attention | None]] = []
    notes: dict[str, Message] = {}
    for values, one in zip(combinations, each, strict=True):
        kind = (one.tokens, one.embedding, one.dim, "causal" in one.mask)
        if kind not in read:
            read[kind] = _short_words(given, one)
        words, _ = read[kind]
        made.append(_cell(values, words, one, head))
        notes.update({str(note): note for note in words.embedded.notes})
    return made, tuple(notes.values())


def _default_axes(settings: Settings, *, cross: bool) -> tuple[Axis, ...]:
    """Positions and masks, unless they are set; words of another text have no causal mask."""
    masks = tuple(mask for mask in MASKS if not (cross and mask == "causal"))
    return (
        Axis("position", tuple(SCHEMES) if settings.position in (None, "all") else (settings.position,)),
        Axis("mask", masks if settings.mask == "none" else (settings.mask,)),
    )


def _check_axes(axes: tuple[Axis, ...], given: Given) -> None:
    names = [axis.name for axis in axes]
    if len(axes) > 2 or len(set(names)) < len(names):
        raise OptionError("--vary can be given for two different things at most.", hint="As in: --vary heads=1,2,4.")
    fixed = [name for name in names if name in ("tokens", "embedding", "dim")]
    if given.vectors is not None and fixed:
        raise OptionError("With --vectors the {name} is given and cannot vary.", name=fixed[0])
    count = int(np.prod([len(axis.values) for axis in axes]))
    if count > MOST_CELLS:
        raise OptionError(
            "The laboratory has room for {most} settings, not {count}.", hint="Vary fewer values.", most=MOST_CELLS,
            count=count,
        )  # fmt: skip


def _short_words(given: Given, settings: Settings) -> tuple[Words, Settings]:
    words, own = given.words(settings)
    longest = max(len(words.tokens), len((words.asked or words).tokens))
    if longest > MOST_WORDS:
        raise InputError(
            "The laboratory takes at most {most} words; these are {count}.",
            hint="Give a shorter text, or cut it into sentences with --tokens sentence.",
            most=MOST_WORDS,
            count=f"{longest:,}",
        )
    return words, own


def _cell(
    values: tuple[Any, ...], words: Words, settings: Settings, head: str | int | None
) -> tuple[Cell, Attention | None]:
    """One setting's cell, and its attention; where only the position scheme cannot be, the cell says why."""
    rows, columns = (tuple(token.text for token in each.tokens) for each in (words, words.asked or words))
    try:
        attention = attend_to(words, settings)
    except OptionError as error:
        if settings.position in (None, "none"):
            raise
        attend_to(words, replace(settings, position="none"))  # what else is wrong is no matter of the scheme
        blank = np.zeros((len(rows), len(columns)), dtype=np.float32)
        return Cell(values, rows, columns, blank, problem=error), None
    shown = _shown(attention, head)
    weights = shown.weights[-1, 0]
    looking = np.ones(len(rows), dtype=bool) if attention.allowed is None else attention.allowed.any(axis=-1)
    cell = Cell(
        values=values,
        rows=rows,
        columns=columns,
        weights=weights,
        allowed=attention.allowed,
        bits=float(entropy(weights)[looking].mean()) if looking.any() else 0.0,
        blind_to=blind_to(words, settings),
    )
    return cell, attention


def _shown(attention: Attention, head: str | int | None) -> Attention:
    return attention.mean() if head in (None, "mean") else attention.select(head=_head(head))


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
    """The text repeated to `count` tokens: how much weight lies on words so many words away, for every scheme.

    The mean of the heads, over all pairs that the mask allows; computed 64 rows at a time, so that N x N never exists.
    vary: `position=A,B` for some schemes alone. A scheme that cannot be is left out, and the notes say so. The rest is
    as in pipeline.run. Raises OptionError for a count that is not from 2 to 4,096.

    >>> by_distance("猫吃鱼", 8).curves["none"].shape
    (8,)
    """
    if not 2 <= count <= MOST_TOKENS:
        raise OptionError(
            "--long takes a number of tokens from 2 to {most}, not {count}.", most=f"{MOST_TOKENS:,}", count=count
        )
    chosen = with_options(settings or Settings(), options)
    axes = [read_axis(one, VARIES, CHOICES) for one in vary]
    if len(axes) > 1 or any(axis.name != "position" for axis in axes):
        raise OptionError("With --long only the positions vary.", hint="As in: --long 512 --vary position=none,rope.")
    schemes = axes[0].values if axes else _default_axes(chosen, cross=False)[0].values
    for scheme in schemes:
        check(replace(chosen, position=scheme))
    words, chosen = Given(text, None, vectors, labels, progress).words(replace(chosen, position=schemes[0]))
    resolved = attend_to(replace(words.reordered([0]), source=None), replace(chosen, position="none")).settings
    rows = np.resize(np.arange(len(words.tokens)), count)
    curves: dict[str, NDArray[np.float64]] = {}
    notes: list[Message] = list(words.embedded.notes)
    for scheme in schemes:
        own = replace(chosen, position=scheme, dim=None, projection=resolved["projection"])
        try:
            curves[scheme] = _curve(words.embedded.vectors[rows], own)
        except OptionError as error:
            if len(schemes) == 1:
                raise
            notes.append(message("{scheme} cannot be here: {reason}", scheme=scheme, reason=error.message))
    return Distances(
        text=tuple(token.text for token in words.tokens),
        count=count,
        curves=curves,
        recurrent=recurrent_memory(count),
        keep=KEEP,
        settings={**resolved, "position": None, **({"position": schemes[0]} if len(schemes) == 1 else {})},
        notes=tuple(notes),
    )


def _curve(vectors: NDArray[np.floating], settings: Settings) -> NDArray[np.float64]:
    """The mean weight at each distance, [count], a block of rows at a time."""
    count = len(vectors)
    query, key, scheme = _cards(vectors, settings)
    bias = None if scheme is None else _by_offset(scheme)
    mask = _mask_by_offset(settings.mask, count)
    nothing = np.zeros((1, count, 1), dtype=np.float32)
    total = np.zeros(2 * count - 1)  # by j - i, from -(count - 1) on
    for first in range(0, count, _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, count))
        attended = attend(
            query[:, rows], key, nothing, allowed=None if mask is None else _rows_of(mask, rows, count),
            bias=None if bias is None else _rows_of(bias, rows, count), temperature=settings.temperature,
        )  # fmt: skip
        sums = _sum_diagonals(attended.weights.mean(axis=0))
        start = count - 1 - rows[-1]
        total[start : start + len(sums)] += sums
    offset = np.arange(1 - count, count)
    pairs = (count - np.abs(offset)) * (1 if mask is None else mask)
    weight, allowed = (each[count - 1 :] + np.append(0, each[count - 2 :: -1]) for each in (total, pairs))
    curve: NDArray[np.float64] = np.where(allowed > 0, weight / np.maximum(allowed, 1), np.nan)
    return curve


def _rows_of(by_offset: NDArray[Any], rows: NDArray[np.int64], count: int) -> NDArray[Any]:
    """What depends on j - i alone, [..., 2 count - 1], as these rows of the matrix, [..., rows, count]."""
    windows = np.lib.stride_tricks.sliding_window_view(by_offset, count, axis=-1)
    return windows[..., count - 1 - rows, :]


def _sum_diagonals(block: NDArray[np.floating]) -> NDArray[np.float64]:
    """The sums of a block's diagonals, from its lower left corner on: [rows, n] -> [rows + n - 1].

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
    """Queries and keys [heads, count, d_h] as the layer makes them, and the scheme's bias ahead and behind.

    The layer runs with one key, then with one query: its cards are those of the whole text, and N x N never exists.
    """
    count, dim = vectors.shape
    causal = "causal" in settings.mask.lower()

    def place(queries: int, keys: int) -> Positions:
        return positions(settings.position or "none", Place(queries, keys, dim, settings.heads, causal,
                                                            settings.offset, settings.seed))  # fmt: skip

    projection = toy.make_projection(settings.projection, dim, seed=settings.seed)
    plain = replace(place(1, 1), bias=None)
    made = [
        toy.layer(own, projection, key_inputs=other, heads=settings.heads, positions=plain)
        for own, other in ((vectors, vectors[:1]), (vectors[:1], vectors))
    ]
    ahead, behind = place(1, count).bias, place(count, 1).bias
    return made[0].query, made[1].key, None if ahead is None or behind is None else (ahead, behind)


def _by_offset(bias: tuple[NDArray[np.floating], NDArray[np.floating]]) -> NDArray[np.floating]:
    """The bias for j - i from -(count - 1) to count - 1, [heads, 2 count - 1]: every scheme's depends on that alone."""
    ahead, behind = bias
    return np.concatenate([behind[:, :0:-1, 0], ahead[:, 0]], axis=1)


def _mask_by_offset(spelling: str, count: int) -> NDArray[np.bool_] | None:
    """What the mask allows for j - i from -(count - 1) to count - 1; None where it is everything."""
    ahead, behind = make_mask(spelling, 1, count), make_mask(spelling, count, 1)
    return None if ahead is None or behind is None else np.concatenate([behind[:0:-1, 0], ahead[0]])
