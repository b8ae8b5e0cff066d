"""The forward pass of a real model for one text, in NumPy: token ids in, attention weights out.

A pass stops at the last layer that is asked for; other layers' weights are not kept, and a layer's tensors are looked
up when it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Trace
from attnviz.core.blas_threads import threads_for
from attnviz.core.errors import InputError, MissingError
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.families.architectures import check_architecture
from attnviz.models.families.base import (
    CausalStack,
    LayerOutput,
    ModelShape,
    PatchLayout,
    Stack,
    StackSetup,
    refuse_segments,
)
from attnviz.models.families.config import Configuration
from attnviz.models.families.config_keys import ConfigKey, check_fixed_keys, classify_keys
from attnviz.models.families.hooks import active, hooked_too
from attnviz.models.families.layers import finite
from attnviz.models.families.registry import family_of, part_config, stack_of, written_name
from attnviz.models.families.weights import Weights

if TYPE_CHECKING:
    from attnviz.models.contributions import ContributionHook
    from attnviz.models.reduce import NormHook

Kind = Literal["auto", "encoder", "decoder", "cross"]
Tensors = Mapping[str, NDArray[np.floating[Any]]]

# How many times as wide as a token's vector the feed-forward layer is in most families.
_WIDEST = 4


class ForwardOutput(NamedTuple):
    """The output of a forward pass.

    layers: the numbers of the kept layers, in order. weights: [layers, heads, query, key], float32. traces: one a
    layer, or none. hidden: [query, dim], the output of the last layer that ran, after the final norm if it is the
    model's last. logits: [rows, vocabulary] of the language model's head where they were asked for. allowed: the
    kept layers' masks, [query, key] where they share one, else [layers, 1, query, key]; None where all may attend.
    contributions: the lengths of what each head adds, of the weights' shape, where they were asked for. maps: norm and
    value-zeroing by name, [layers, query, key], as far as Request.reduce needs them.
    """

    layers: tuple[int, ...]
    weights: Float32
    traces: tuple[Trace, ...]
    hidden: Float32
    logits: Float32 | None
    allowed: Booleans | None
    contributions: Float32 | None = None
    maps: Mapping[str, Float32] = MappingProxyType({})


@dataclass(frozen=True, eq=False, repr=False)
class Request:
    """What to keep of a pass.

    layers: whose weights to keep, None for all, [] for none. logits: True for all rows, or the numbers of rows (-1 is
    the last). traces: keep every intermediate of the kept layers. cross_attention: keep the decoder's cross-attention
    in place of its self-attention. whole: run all layers even where no weights or logits need them. contributions:
    measure what each head of the kept layers adds (see contributions.ContributionHook). reduce: measure what this
    reduction needs of values, of map_layers (None for the kept layers); see reduce.py.
    """

    layers: Collection[int] | None = None
    logits: bool | Collection[int] = False
    traces: bool = True
    cross_attention: bool = False
    whole: bool = False
    contributions: bool = False
    reduce: str | None = None
    map_layers: Collection[int] | None = None


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
    contributions: bool = False,
    reduce: str | None = None,
) -> ForwardOutput:
    """Run a model on token ids [n] and return its attention.

    config: config.json as Hugging Face writes it; tensors: its weights by their names, read only when needed.
    segments: 0 or 1 a token, for families of BERT's kind. kind: an encoder-decoder has three attentions, "encoder"
    (ids to ids), "decoder" (target_ids to target_ids) and "cross" (target_ids to ids); "auto" is the only one there
    is, or cross where target_ids are given, else encoder. layers, logits, traces, contributions, reduce: see Request.
    Raises InputError for an unknown family, absurd config values, ids outside the vocabulary, a text that is longer
    than the model's positions, and tensors that are missing or of another shape; MissingError for an unknown layer.
    """
    network = Network(config, tensors)
    chosen = network.attention_kind(kind, target_ids)
    request = Request(
        layers, logits, traces, cross_attention=chosen == "cross", contributions=contributions, reduce=reduce
    )
    tokens = token_ids(ids)
    numbers = None if segments is None else _segment_numbers(segments, len(tokens))
    if chosen == "encoder" or not network.shape.encoder_decoder:
        return network.read(tokens, request, numbers)
    refuse_segments(numbers, network.shape.family)
    targets = token_ids(() if target_ids is None else target_ids)
    return network.decode(targets, network.encode(tokens), request)


class Network:
    """One model's config and tensors, for one pass or for several.

    pictures: whether that part of a model of two sides is meant which reads pictures.
    notes: what a reader should know of the classes that the config names.
    Raises InputError for an unknown family or class, and for absurd numbers in the config.
    """

    def __init__(self, config: Mapping[str, Any], tensors: Tensors, *, pictures: bool = False) -> None:
        family = family_of(config, pictures=pictures)
        self.config = Configuration(part_config(config, family))
        self._stack = stack_of(family)
        check_fixed_keys(
            self.config.values if self._stack.reads_pictures else config, self._stack, written_name(family)
        )
        self.shape: ModelShape = self._stack.read_shape(self.config, family)
        self._weights = Weights(tensors, self._stack.prefixes)
        self.notes = (
            *check_architecture(config, family, written_name(family)),
            *self._stack.notes,
            *_note_on_layers(self.shape),
        )

    def attention_kind(self, kind: str, target_ids: Sequence[int] | None) -> str:
        """Return the attention that is meant; raises InputError for one that this family does not have."""
        both, known = self.shape.encoder_decoder, self.shape.attentions
        if kind == "auto":
            kind = "cross" if both and target_ids is not None else known[0]
        if kind not in known:
            raise InputError(
                "A {family} model has no {kind} attention; it has {known}.",
                family=self.shape.family,
                kind=kind,
                known=listed(known),
            )
        if target_ids is not None and not both:
            raise InputError(
                "A {family} model takes one text; target ids need a model with an encoder and a decoder.",
                family=self.shape.family,
            )
        return kind

    @property
    def has_segments(self) -> bool:
        """Return whether two segments of a text are told apart."""
        if not self._stack.has_segment_types:
            return not self.shape.causal  # a second segment is refused by the stack, by name
        default = 0 if self.shape.causal else self._stack.default_segments
        return self.config.count("type_vocab_size", default=default, least=0) > 1

    @property
    def reads_pictures(self) -> bool:
        """Return whether it reads pictures and no texts."""
        return self._stack.reads_pictures

    def picture_layout(self, pixels: Float32) -> PatchLayout:
        """Return the tokens of a picture's pixels [channels, height, width]."""
        return self._stack.patch_layout(self.config, pixels.shape[1], pixels.shape[2])

    def read_pixels(self, pixels: Float32, request: Request) -> ForwardOutput:
        """Run a model of pictures on pixels [channels, height, width]; raises InputError for a model of texts."""
        length = self.picture_layout(pixels).total
        setup = StackSetup(self.config, self._weights, self.shape, length, pixels=pixels)
        return run_layers(self._stack(setup), np.arange(length), request)

    def config_keys(self) -> list[ConfigKey]:
        """Return each key of the config as honoured, harmless or unknown."""
        return classify_keys(self.config.values, self._stack)

    def unused_tensors(self) -> list[str]:
        """Return the tensors of the layers that ran so far which no pass took; see Weights.unused."""
        return self._weights.unused(self._stack.needless)

    def check(self) -> None:
        """Raise InputError for a config that no pass could be made with; no tensor is read."""
        self._stack(StackSetup(self.config, self._weights, self.shape, 1))
        if self._stack.decoder is not None and self.shape.encoder_decoder:
            self._stack.decoder(StackSetup(self.config, self._weights, self.shape.of_decoder, 1))

    def read(self, ids: Indexes, request: Request, segments: Indexes | None = None, *, start: int = 0) -> ForwardOutput:
        """Run the model's only stack, or its encoder, on token ids [n] and segment numbers [n].

        start: how many tokens stand before these, of which an active hook has the keys and values, see cache.py.
        """
        length = start + self._checked_length(ids, start)
        setup = StackSetup(self.config, self._weights, self.shape, length, start=start)
        return run_layers(self._stack(setup), ids, request, segments)

    def open_stack(self, ids: Indexes) -> Stack:
        """Return the layers of the model's only stack, or of its encoder, for token ids [n]; see run_from."""
        return self._stack(StackSetup(self.config, self._weights, self.shape, self._checked_length(ids)))

    def encode(self, ids: Indexes) -> Float32:
        """Return the encoder's hidden states [n, dim] for token ids [n]; no weights are kept."""
        return self.read(ids, Request(layers=(), whole=True)).hidden

    def decode(
        self, ids: Indexes, encoder_hidden_states: Float32, request: Request, *, start: int = 0
    ) -> ForwardOutput:
        """Run the decoder on target ids [n], with cross-attention to encoder_hidden_states [source tokens, dim].

        start: as in `read`. Raises InputError for a model that has no decoder.
        """
        if self._stack.decoder is None or not self.shape.encoder_decoder:
            raise InputError("A {family} model has no decoder that generates a text.", family=self.shape.family)
        length = start + self._checked_length(ids, start)
        setup = StackSetup(self.config, self._weights, self.shape.of_decoder, length, encoder_hidden_states, start)
        return run_layers(self._stack.decoder(setup), ids, request)

    def check_head(self) -> None:
        """Raise InputError where a tensor of the head that gives words is missing, or of another shape; reads none."""
        kind, shape, hidden = self._stack, self.shape, None
        if self.shape.encoder_decoder and self._stack.decoder is not None:
            kind, shape, hidden = self._stack.decoder, shape.of_decoder, np.zeros((1, shape.dim), dtype=np.float32)
        stack = kind(StackSetup(self.config, self._weights.outlines(), shape, 1, hidden))
        width = stack.width if isinstance(stack, CausalStack) else stack.dim
        stack.score(np.empty((0, width), dtype=np.float32))

    def cache_state(self, length: int) -> Hashable:
        """Return what a cache of keys and values depends on in a text of `length` tokens, see Stack.cache_state."""
        stack = self._stack.decoder if self.shape.encoder_decoder and self._stack.decoder else self._stack
        return stack.cache_state(self.config, length)

    def keep_weights(self) -> AbstractContextManager[None]:
        """Return a context in which tensors that were read once stay in memory, as far as it suffices."""
        return self._weights.kept()

    def _checked_length(self, ids: Indexes, start: int = 0) -> int:
        """Return the number of tokens; raises InputError for none, and for more than the model's positions.

        start: how many stand before them.
        """
        if len(ids) == 0:
            raise InputError("A model needs at least one token.")
        if self.shape.positions is not None and start + len(ids) > self.shape.positions:
            raise InputError(
                "The text has {count} tokens, and the model takes at most {positions}.",
                count=start + len(ids),
                positions=self.shape.positions,
            )
        return len(ids)


def _note_on_layers(shape: ModelShape) -> tuple[Message, ...]:
    """Return a note where some layers have no attention."""
    if shape.attending is None:
        return ()
    return (
        message(
            "Of the {count} layers of this {family} model {layers} have attention. The others mix tokens otherwise: "
            "they are computed, and have no weights to show.",
            count=shape.layers,
            family=written_name(shape.family),
            layers=listed(map(str, shape.attending)),
        ),
    )


def run_layers(stack: Stack, ids: Indexes, request: Request, segments: Indexes | None = None) -> ForwardOutput:
    """Run a stack on token ids [n] as far as the request needs, and keep what it asks for.

    Raises InputError where the numbers leave float32's range: such weights are damaged.
    """
    _keep_freed_memory()
    depth = stack.shape.layers
    wanted, rows = _wanted_layers(request.layers, stack.shape), _wanted_rows(request.logits, len(ids))
    everything = rows is not None or request.whole or request.layers is None
    top = depth if everything else max(wanted, default=-1) + 1
    kept = _KeptLayers(len(wanted), request.traces)
    measuring, lengths_of_sums, needed = _measures(request, wanted)
    with hooked_too(measuring), hooked_too(lengths_of_sums), np.errstate(over="ignore", invalid="ignore"):
        # Products come out column by column (see layers.Linear): so sums read both sides in the order of memory.
        hidden = np.asfortranarray(stack.embed(ids, segments))
        with threads_of(hidden):
            for number in range(top):
                output = run_layer(stack, number, finite(hidden))
                hidden = output.hidden
                if number in wanted:
                    kept.add(output.cross_attention if request.cross_attention else output.self_attention)
                del output  # the next layer takes its memory
            hidden = finite(stack.finish(hidden) if top == depth else hidden)
        scores = None if rows is None else finite(stack.score(hidden[rows]))
    source = stack.encoder_hidden_states
    keys = len(source) if request.cross_attention and source is not None else len(ids)
    allowed = None if request.cross_attention else _layer_masks(stack, wanted)
    weights = kept.stacked(stack.heads, len(ids), keys + stack.has_sink)
    lengths = None if measuring is None else measuring.stacked(weights)
    maps = {} if lengths_of_sums is None else {"norm": lengths_of_sums.stacked()}
    if "value-zeroing" in needed:
        maps["value-zeroing"] = _zero_values(stack, ids, request, segments, _mapped(request, wanted))
    return ForwardOutput(tuple(wanted), weights, tuple(kept.traces), hidden, scores, allowed, lengths, maps)


def _measures(
    request: Request, wanted: Sequence[int]
) -> tuple[ContributionHook | None, NormHook | None, Sequence[str]]:
    """Return the hooks that measure what the request asks for, and which values its reduction needs."""
    measuring, norms = None, None
    needed: Sequence[str] = ()
    if request.contributions:
        from attnviz.models.contributions import ContributionHook

        measuring = ContributionHook(wanted, cross=request.cross_attention)
    if request.reduce is not None:
        from attnviz.core.reductions import needs_values
        from attnviz.models.reduce import NormHook

        needed = needs_values(request.reduce)
        norms = NormHook(_mapped(request, wanted), cross=request.cross_attention) if "norm" in needed else None
    return measuring, norms, needed


def _mapped(request: Request, wanted: Sequence[int]) -> Sequence[int]:
    """Return the layers that a reduction shows."""
    return wanted if request.map_layers is None else tuple(sorted(set(request.map_layers)))


def _zero_values(
    stack: Stack, ids: Indexes, request: Request, segments: Indexes | None, wanted: Sequence[int]
) -> Float32:
    """Run the stack again, and each wanted layer without each token's value in turn: [layers, query, key]."""
    from attnviz.core.value_maps import cosine_distances
    from attnviz.models.reduce import ZeroValue

    found = []
    hidden = np.asfortranarray(stack.embed(ids, segments))
    source = stack.encoder_hidden_states
    keys = len(source) if request.cross_attention and source is not None else len(ids)
    with threads_of(hidden):
        for number in range(max(wanted, default=-1) + 1):
            output = run_layer(stack, number, hidden)
            if number in wanted:
                without = []
                for key in range(keys):
                    with hooked_too(ZeroValue(number, key, cross=request.cross_attention)):
                        without.append(run_layer(stack, number, hidden).hidden)
                found.append(cosine_distances(output.hidden, without))
            hidden = output.hidden
    return np.array(found, dtype=np.float32).reshape(-1, len(ids), keys)


def threads_of(hidden: Float32) -> AbstractContextManager[None]:
    """Return a context with as many threads as layers need that read hidden states [n, dim]."""
    return threads_for(_WIDEST * hidden.size * hidden.shape[1])


def run_from(stack: Stack, hidden: Float32, first: int = 0) -> Float32:
    """Run a stack from layer `first` on, which reads hidden states [n, dim]; return those after the final norm.

    An active hook sees the layers that run. Raises InputError where the numbers leave float32's range.
    """
    with np.errstate(over="ignore", invalid="ignore"), threads_of(hidden):
        for number in range(first, stack.shape.layers):
            hidden = run_layer(stack, number, finite(hidden)).hidden
        return finite(stack.finish(hidden))


def run_layer(stack: Stack, number: int, hidden: Float32) -> LayerOutput:
    """Run layer `number` on hidden states [n, dim]; an active hook sees what goes in and what comes out."""
    running = active()
    if running is None:
        return stack.forward_layer(number, hidden)
    running.layer = number
    read = running.hook.layer_input(number, hidden)
    output = stack.forward_layer(number, read)
    hidden = running.hook.layer_output(number, output.hidden, output.self_attention, output.cross_attention)
    return output._replace(hidden=hidden)


@cache
def _keep_freed_memory() -> None:
    """Let the C library keep the blocks that one layer frees for the next layer.

    glibc hands blocks beyond a size back to the system, which clears every page anew: a quarter of the time of a pass
    over 256 tokens. It raises that size to that of the largest block it has seen freed, up to 32 MiB (mallopt(3),
    M_MMAP_THRESHOLD). This one is never touched, so it costs no memory; other libraries ignore it.
    """
    np.empty(30_000_000, dtype=np.uint8)


class _KeptLayers:
    """The kept layers: one array of weights for all, so that a trace's weights are a view of it."""

    def __init__(self, count: int, traces: bool) -> None:
        self._count = count
        self._with_traces = traces
        self._weights: Float32 | None = None
        self._filled = 0
        self.traces: list[Trace] = []

    def add(self, trace: Trace | None) -> None:
        """Keep one layer's weights [heads, query, key], and its trace where traces are wanted."""
        if trace is None:
            return
        if self._weights is None:
            self._weights = np.empty((self._count, *trace.weights.shape), dtype=np.float32)
        self._weights[self._filled] = trace.weights
        if self._with_traces:
            self.traces.append(replace(trace, weights=self._weights[self._filled]))
        self._filled += 1

    def stacked(self, heads: int, queries: int, keys: int) -> Float32:
        """Return the kept weights, [layers, heads, query, key]."""
        return np.empty((0, heads, queries, keys), dtype=np.float32) if self._weights is None else self._weights


def token_ids(ids: Sequence[int]) -> Indexes:
    """Return token ids as an array [n]; raises InputError for what is no list of whole numbers."""
    given = np.asarray(ids)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise InputError("Token ids must be a list of whole numbers.")
    return given.astype(np.int64)


def _segment_numbers(segments: Sequence[int], count: int) -> Indexes:
    """Return segment numbers as an array [n]; raises InputError where they are not one a token."""
    given = token_ids(segments)
    if len(given) != count:
        raise InputError(
            "The number of segment numbers ({segments}) must be that of the tokens ({count}).",
            segments=len(given),
            count=count,
        )
    return given


def _wanted_layers(layers: Iterable[int] | None, shape: ModelShape) -> Sequence[int]:
    """Return the layers to keep, in order; raises MissingError for one that there is not, or has no attention."""
    if layers is None:
        return shape.attention_layers
    chosen = tuple(sorted({int(number) for number in layers}))
    for number in chosen:
        check_layer(number, shape)
    return chosen


def check_layer(number: int, shape: ModelShape) -> None:
    """Raise MissingError for a layer that a model does not have, and for one of its layers without attention."""
    if not 0 <= number < shape.layers:
        raise MissingError(
            "There is no layer {number}: the model has layers 0 to {last}.", number=number, last=shape.layers - 1
        )
    if number not in shape.attention_layers:
        raise MissingError(
            "Layer {number} of this {family} model has no attention; layers {layers} have.",
            number=number,
            family=written_name(shape.family),
            layers=listed(map(str, shape.attention_layers)),
        )


def _wanted_rows(logits: bool | Collection[int], count: int) -> slice | list[int] | None:
    """Return the rows whose logits are wanted; None for none."""
    if isinstance(logits, bool):
        return slice(None) if logits else None
    rows = [int(row) for row in logits]
    for row in rows:
        if not -count <= row < count:
            raise MissingError("There is no token {row}: the text has {count}.", row=row, count=count)
    return rows


def _layer_masks(stack: Stack, wanted: Sequence[int]) -> Booleans | None:
    """Return the kept layers' masks: [query, key] where they share one, else [layers, 1, query, key]; None without."""
    masks = [stack.masks[number] for number in wanted]
    if stack.has_sink:  # which every token may look at
        masks = [None if one is None else np.pad(one, ((0, 0), (0, 1)), constant_values=True) for one in masks]
    if not masks or all(one is None for one in masks):
        return None
    first = masks[0]
    if first is not None and all(one is first for one in masks):
        return first
    shape = next(one.shape for one in masks if one is not None)
    return np.stack([np.ones(shape, dtype=bool) if one is None else one for one in masks])[:, None]
