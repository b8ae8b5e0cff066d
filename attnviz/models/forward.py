"""The forward pass of a real model, for one text, in NumPy: ids in, attention weights out.

The pass stops at the last layer that is asked for; of the others no weights are kept, and a layer's tensors are
looked up when it comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.data import Trace
from attnviz.errors import InputError, MissingError
from attnviz.models.configuration import Configuration
from attnviz.models.registry import family_of, stack_of
from attnviz.models.stack import ModelShape, Stack
from attnviz.models.weights import Weights

Float32 = NDArray[np.float32]
Booleans = NDArray[np.bool_]
Ids = NDArray[np.int64]
Kind = Literal["auto", "encoder", "decoder", "cross"]
Tensors = Mapping[str, NDArray[np.floating[Any]]]


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
    run = _Run(config, tensors)
    sort = run.kind(kind, target_ids)
    if sort == "encoder" or not run.shape.encoder_decoder:
        stack, numbers = run.stack(ids), (run.shape.layers, run.shape.heads)
        return _climb(stack, _ids(ids), segments, numbers, sort, layers, logits, traces)
    memory = run.encoded(ids)
    return run.decode(memory, target_ids or (), sort, layers, logits, traces)


class _Run:
    """One model and its tensors, read once for a pass."""

    def __init__(self, config: Mapping[str, Any], tensors: Tensors) -> None:
        self.family = family_of(config)
        self.config = Configuration(config)
        self.maker = stack_of(self.family)
        self.shape: ModelShape = self.maker.shape(self.config, self.family)
        self.weights = Weights(tensors, self.maker.prefixes)

    def kind(self, kind: str, target_ids: Sequence[int] | None) -> str:
        """The attention that is meant; raises InputError for one that this family does not have."""
        own = ("decoder",) if self.shape.causal else ("encoder",)
        known = ("encoder", "decoder", "cross") if self.shape.encoder_decoder else own
        if kind == "auto":
            kind = "cross" if target_ids is not None and len(known) == 3 else known[0]
        if kind not in known:
            raise InputError(
                "A {family} model has no {kind} attention; it has {known}.",
                family=self.family, kind=kind, known=", ".join(known),
            )  # fmt: skip
        if target_ids is not None and kind in own and len(known) == 1:
            raise InputError("A {family} model takes one text; target ids need an encoder and a decoder.",
                             family=self.family)  # fmt: skip
        return kind

    def stack(self, ids: Sequence[int]) -> Stack:
        """The model's only stack, or its encoder, for a text of this length."""
        return self.maker(self.config, self.weights, self._length(ids))

    def encoded(self, ids: Sequence[int]) -> Float32:
        """What the encoder makes of a text, [n, dim]; no weights are kept."""
        numbers = self.shape.layers, self.shape.heads
        return _climb(self.stack(ids), _ids(ids), None, numbers, "encoder", None, False, False, keep=False).hidden

    def decode(
        self, memory: Float32, ids: Sequence[int], kind: str, layers: Collection[int] | None,
        logits: bool | Collection[int], traces: bool,
    ) -> Passed:  # fmt: skip
        """The decoder on target ids, looking up an encoded text."""
        assert self.maker.decoder is not None
        stack = self.maker.decoder(self.config, self.weights, self._length(ids), memory)
        numbers = self.shape.decoder_layers or 0, self.shape.decoder_heads or 0
        return _climb(stack, _ids(ids), None, numbers, kind, layers, logits, traces)

    def _length(self, ids: Sequence[int]) -> int:
        if len(ids) == 0:
            raise InputError("A model needs at least one token.")
        if self.shape.positions is not None and len(ids) > self.shape.positions:
            raise InputError(
                "The text has {count} tokens, and the model can take {positions}.",
                count=len(ids), positions=self.shape.positions,
            )  # fmt: skip
        return len(ids)


def _climb(
    stack: Stack, ids: Ids, segments: Sequence[int] | None, numbers: tuple[int, int], kind: str,
    layers: Collection[int] | None, logits: bool | Collection[int], traces: bool, *, keep: bool = True,
) -> Passed:  # fmt: skip
    """Climb the stack as far as is asked for, and keep what is wanted."""
    height, heads = numbers
    wanted = _wanted(layers, height) if keep else range(0)
    rows = _rows(logits, len(ids))
    top = height if rows is not None or not keep else max(wanted, default=-1) + 1
    hidden = stack.embed(ids, None if segments is None else _segments(segments, len(ids)))
    kept = _Kept(len(wanted), traces)
    for number in range(top):
        climbed = stack.climb(number, hidden)
        hidden = climbed.hidden
        if number in wanted:
            kept.add(climbed.crossed if kind == "cross" else climbed.attended)
    if top == height:
        hidden = stack.finish(hidden)
    scores = None if rows is None else stack.score(hidden[rows])
    keys = len(ids) if kind != "cross" or stack.memory is None else len(stack.memory)
    allowed = None if kind == "cross" else _allowed(stack, wanted)
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
        assert trace is not None
        if self._weights is None:
            self._weights = np.empty((self._count, *trace.weights.shape), dtype=np.float32)
        self._weights[self._filled] = trace.weights
        if self._with_traces:
            self.traces.append(replace(trace, weights=self._weights[self._filled]))
        self._filled += 1

    def stacked(self, heads: int, queries: int, keys: int) -> Float32:
        """[layers, heads, query, key]."""
        return np.empty((0, heads, queries, keys), dtype=np.float32) if self._weights is None else self._weights


def _ids(ids: Sequence[int]) -> Ids:
    given = np.asarray(ids)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise InputError("Token ids must be a list of whole numbers.")
    return given.astype(np.int64)


def _segments(segments: Sequence[int], count: int) -> Ids:
    given = _ids(segments)
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
