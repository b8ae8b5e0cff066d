"""The forward pass of a real model, for one text, in NumPy: ids in, attention weights out.

The pass stops at the last layer that is asked for; of the others no weights are kept, and a layer's tensors are
looked up when it comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Trace
from attnviz.core.blas_threads import threads_for
from attnviz.core.errors import InputError, MissingError
from attnviz.i18n.messages import listed
from attnviz.models.families.base import ModelShape, Stack, refuse_segments
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import finite
from attnviz.models.families.registry import family_of, stack_of
from attnviz.models.families.weights import Weights

Float32 = NDArray[np.float32]
Booleans = NDArray[np.bool_]
Ids = NDArray[np.int64]
Kind = Literal["auto", "encoder", "decoder", "cross"]
Tensors = Mapping[str, NDArray[np.floating[Any]]]

# How many times as wide as a token's vector the feed-forward layer is in most families.
_WIDEST = 4


class Passed(NamedTuple):
    """What a forward pass hands back.

    layers: the numbers of those kept, in order. weights: [layers, heads, query, key], float32. traces: one a layer, or
    none. hidden: [query, dim], what the last layer that ran hands on, after the final norm if it is the model's last.
    logits: [rows, vocabulary] of the language model's head where they were asked for. allowed: [query, key], False
    where no kept layer may look; None where all may.
    """

    layers: tuple[int, ...]
    weights: Float32
    traces: tuple[Trace, ...]
    hidden: Float32
    logits: Float32 | None
    allowed: Booleans | None


def forward(
    config: Mapping[str, Any],
    tensors: Tensors,
    ids: Sequence[int],
    *,
    segments: Sequence[int] | None = None,
    target_ids: Sequence[int] | None = None,
    kind: Kind = "auto",
    layers: Collection[int] | None = None,
    logits: bool | Collection[int] = False,
    traces: bool = True,
) -> Passed:
    """Run a model on token ids [n] and hand back who looks at whom.

    config: config.json as Hugging Face writes it; tensors: its weights by their names, read only when needed.
    segments: 0 or 1 a token, for families of BERT's kind. kind: an encoder-decoder has three attentions, "encoder"
    (ids among themselves), "decoder" (target_ids among themselves) and "cross" (target_ids at ids); "auto" is the
    only one there is, or cross where target_ids are given, else encoder. layers: None is all, [] none.
    logits: True for all rows, or the numbers of those that are wanted (-1 is the last).
    Raises InputError for an unknown family, absurd config values, ids outside the vocabulary, a text that is longer
    than the model's positions, and tensors that are missing or of another shape; MissingError for an unknown layer.
    """
    _keep_freed_memory()
    run, tokens = Run(config, tensors), token_ids(ids)
    chosen = run.kind(kind, target_ids)
    request = Request(layers, logits, traces, crossed=chosen == "cross")
    sides = None if segments is None else _segments(segments, len(tokens))
    if chosen == "encoder" or not run.shape.encoder_decoder:
        return climb(run.tower(tokens), tokens, request, sides)
    refuse_segments(sides, run.family)
    targets = token_ids(() if target_ids is None else target_ids)
    return climb(run.decoder(targets, run.encoded(tokens)), targets, request)


@cache
def _keep_freed_memory() -> None:
    """Let the C library keep the blocks that one layer frees for the next layer.

    glibc hands blocks beyond a size back to the system, which clears every page anew: a quarter of the time of a pass
    over 256 tokens. It raises that size to that of the largest block it has seen freed, up to 32 MiB (mallopt(3),
    M_MMAP_THRESHOLD). This one is never touched, so it costs no memory; other libraries ignore it.
    """
    np.empty(30_000_000, dtype=np.uint8)


@dataclass(frozen=True)
class Request:
    """What is wanted of a pass: see `forward`. crossed: the look-ups in the other text; whole: to climb to the top."""

    layers: Collection[int] | None = None
    logits: bool | Collection[int] = False
    traces: bool = True
    crossed: bool = False
    whole: bool = False


class Tower(NamedTuple):
    """A stack for one text, how many layers it has, and how many heads each."""

    stack: Stack
    height: int
    heads: int


class Run:
    """One model and its tensors, for one pass or for several: what `forward` and `decode_greedily` are made of."""

    def __init__(self, config: Mapping[str, Any], tensors: Tensors) -> None:
        self.family = family_of(config)
        self.config = Configuration(config)
        self.maker = stack_of(self.family)
        self.shape: ModelShape = self.maker.shape(self.config, self.family)
        self.weights = Weights(tensors, self.maker.prefixes)

    def kind(self, kind: str, target_ids: Sequence[int] | None) -> str:
        """The attention that is meant; raises InputError for one that this family does not have."""
        both, known = self.shape.encoder_decoder, self.shape.attentions
        if kind == "auto":
            kind = "cross" if both and target_ids is not None else known[0]
        if kind not in known:
            raise InputError(
                "A {family} model has no {kind} attention; it has {known}.",
                family=self.family,
                kind=kind,
                known=listed(known),
            )
        if target_ids is not None and not both:
            raise InputError(
                "A {family} model takes one text; target ids need an encoder and a decoder.", family=self.family
            )
        return kind

    def tower(self, ids: Ids) -> Tower:
        """The model's only stack, or its encoder, for a text of this length."""
        return Tower(self.maker(self.config, self.weights, self._length(ids)), self.shape.layers, self.shape.heads)

    def encoded(self, ids: Ids) -> Float32:
        """What the encoder makes of a text, [n, dim]; no weights are kept."""
        return climb(self.tower(ids), ids, Request(layers=(), whole=True)).hidden

    def decoder(self, ids: Ids, memory: Float32) -> Tower:
        """The decoder for target ids, which looks up an encoded text."""
        maker = self.maker.decoder or self.maker
        stack = maker(self.config, self.weights, self._length(ids), memory)
        return Tower(stack, self.shape.decoder_layers or 0, self.shape.decoder_heads or 0)

    def _length(self, ids: Ids) -> int:
        if len(ids) == 0:
            raise InputError("A model needs at least one token.")
        if self.shape.positions is not None and len(ids) > self.shape.positions:
            raise InputError(
                "The text has {count} tokens, and the model can take {positions}.",
                count=len(ids),
                positions=self.shape.positions,
            )
        return len(ids)


def climb(tower: Tower, ids: Ids, request: Request, segments: Ids | None = None) -> Passed:
    """Climb a stack as far as is asked for, and keep what is wanted.

    Raises InputError where the numbers leave float32's range: such weights are damaged.
    """
    stack, height, heads = tower
    wanted, rows = _wanted(request.layers, height), _rows(request.logits, len(ids))
    top = height if rows is not None or request.whole else max(wanted, default=-1) + 1
    kept = _Kept(len(wanted), request.traces)
    with np.errstate(over="ignore", invalid="ignore"):
        # Products come out column by column (see parts.Linear): so that sums read both sides as they lie.
        hidden = np.asfortranarray(stack.embed(ids, segments))
        with threads_for(_WIDEST * hidden.size * hidden.shape[1]):
            for number in range(top):
                climbed = stack.climb(number, finite(hidden))
                hidden = climbed.hidden
                if number in wanted:
                    kept.add(climbed.crossed if request.crossed else climbed.attended)
                del climbed  # the next layer takes its memory
            hidden = finite(stack.finish(hidden) if top == height else hidden)
        scores = None if rows is None else finite(stack.score(hidden[rows]))
    keys = len(stack.memory) if request.crossed and stack.memory is not None else len(ids)
    allowed = None if request.crossed else _allowed(stack, wanted)
    return Passed(tuple(wanted), kept.stacked(heads, len(ids), keys), tuple(kept.traces), hidden, scores, allowed)


class _Kept:
    """The layers that are kept: one array of weights for all, so that a trace's are a view of it."""

    def __init__(self, count: int, traces: bool) -> None:
        self._count = count
        self._with_traces = traces
        self._weights: Float32 | None = None
        self._filled = 0
        self.traces: list[Trace] = []

    def add(self, trace: Trace | None) -> None:
        """Keep one layer's weights, and its trace where traces are wanted."""
        if trace is None:
            return
        if self._weights is None:
            self._weights = np.empty((self._count, *trace.weights.shape), dtype=np.float32)
        self._weights[self._filled] = trace.weights
        if self._with_traces:
            self.traces.append(replace(trace, weights=self._weights[self._filled]))
        self._filled += 1

    def stacked(self, heads: int, queries: int, keys: int) -> Float32:
        """[layers, heads, query, key]."""
        return np.empty((0, heads, queries, keys), dtype=np.float32) if self._weights is None else self._weights


def token_ids(ids: Sequence[int]) -> Ids:
    """Ids as an array; raises InputError for what is no list of whole numbers."""
    given = np.asarray(ids)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InputError("Token ids must be a list of whole numbers.")
    return given.astype(np.int64)


def _segments(segments: Sequence[int], count: int) -> Ids:
    given = token_ids(segments)
    if len(given) != count:
        raise InputError("There are {segments} segment numbers for {count} tokens.", segments=len(given), count=count)
    return given


def _wanted(layers: Iterable[int] | None, height: int) -> range | tuple[int, ...]:
    if layers is None:
        return range(height)
    chosen = tuple(sorted({int(number) for number in layers}))
    for number in chosen:
        if not 0 <= number < height:
            raise MissingError(
                "There is no layer {number}: the model has layers 0 to {last}.", number=number, last=height - 1
            )
    return chosen


def _rows(logits: bool | Collection[int], count: int) -> slice | list[int] | None:
    if isinstance(logits, bool):
        return slice(None) if logits else None
    rows = [int(row) for row in logits]
    for row in rows:
        if not -count <= row < count:
            raise MissingError("There is no token {row}: the text has {count}.", row=row, count=count)
    return rows


def _allowed(stack: Stack, wanted: Iterable[int]) -> Booleans | None:
    """What some kept layer may look at: layers may have windows of their own."""
    union: Booleans | None = None
    for number in wanted:
        allowed = stack.allowed(number)
        if allowed is None:
            return None
        if union is None or allowed is not union:
            union = allowed if union is None else union | allowed
    return union
