"""The data that flows through the program: tokens, and who looked at whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.argument_kinds import ARRAY, INDEXES, NAMES, ArgumentKind, check_arguments, check_value
from attnviz.core.errors import ShapeError, misnamed, no_such
from attnviz.core.masks import fit_allowed
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result, need_pandas
from attnviz.core.token import SINK
from attnviz.core.token import Token as Token
from attnviz.core.types import Booleans, Float32, Floats
from attnviz.i18n.messages import LANGUAGES, TOY, Message, in_language, message

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Projection:
    """W_q, W_k, W_v and W_o, each [dim, dim]; None stands for the identity matrix."""

    query: Float32 | None = None
    key: Float32 | None = None
    value: Float32 | None = None
    output: Float32 | None = None


class ScoreTerm(NamedTuple):
    """A part of the logits beside the scaled dot products: its name, and its values [heads, query, key]."""

    name: str
    values: Float32


@dataclass(frozen=True, eq=False)
class Trace:
    """Every intermediate of one layer, as it was computed.

    float32; logits float64 where float32 would overflow; all but context and output float64 where the input was (a
    matrix of decimal numbers: its seventh digit counts).
    inputs, key_inputs: what the projections saw, [tokens, dim], positions added.
    query, key, value [heads, tokens, d_h]; logits [heads, query, key], after scale, bias and temperature; weights,
    their softmax; context [heads, query, d_h], each head's mean of values; output [query, dim], after W_o where there
    is one.
    features: the name of each of the dim columns; head_features: those of each head's d_h columns; where they have
    names.

    How it came about, where that is kept: projection, the matrices; embedded, key_embedded and added, key_added
    [tokens, dim], the words' vectors and the position vectors that the inputs are the sum of; unrotated_query,
    unrotated_key [heads, tokens, d_h], before a rotation; bias [heads, query, key], in the logits; scale, what the
    dot products were multiplied with; temperature. None is "there was none".
    cap: the scaled dot products s became cap tanh(s / cap). sink [heads]: the logit of a sink, which is the last key of
    logits and weights then, and whose key and value are zeros here: see core.attention.attend.
    terms: the parts that the bias is the sum of, each by its name, where it has several. gate [heads, query, d_h]: what
    the context is multiplied by before W_o.
    """

    inputs: Floats
    key_inputs: Floats
    query: Floats
    key: Floats
    value: Floats
    logits: Floats
    weights: Floats
    context: Float32
    output: Float32
    features: tuple[str, ...] | None = None
    head_features: tuple[tuple[str, ...], ...] | None = None
    projection: Projection | None = None
    embedded: Floats | None = None
    key_embedded: Floats | None = None
    added: Float32 | None = None
    key_added: Float32 | None = None
    unrotated_query: Floats | None = None
    unrotated_key: Floats | None = None
    bias: Float32 | None = None
    scale: float | None = None
    temperature: float = 1.0
    cap: float | None = None
    sink: Floats | None = None
    terms: tuple[ScoreTerm, ...] = ()
    gate: Float32 | None = None

    @check_arguments(heads=INDEXES)
    def select(self, heads: list[int]) -> Trace:
        """Return the same layer with only these heads' intermediates; inputs and output stay those of all.

        Raises MissingError for a head that is not there.
        """
        for head in heads:
            if not -len(self.weights) <= head < len(self.weights):
                raise no_such(message("head"), head, range(len(self.weights)))
        return replace(
            self,
            query=self.query[heads],
            key=self.key[heads],
            value=self.value[heads],
            logits=self.logits[heads],
            weights=self.weights[heads],
            context=self.context[heads],
            head_features=self.head_features and tuple(self.head_features[i] for i in heads),
            unrotated_query=_some(self.unrotated_query, heads),
            unrotated_key=_some(self.unrotated_key, heads),
            bias=_some(self.bias, heads),
            sink=_some(self.sink, heads),
            terms=tuple(ScoreTerm(term.name, term.values[heads]) for term in self.terms),
            gate=_some(self.gate, heads),
        )


_TOKENS = ArgumentKind(
    lambda value: isinstance(value, tuple | list) and all(isinstance(each, Token) for each in value),
    message("a tuple of Tokens"),
)
_PARTS = {"query": _TOKENS, "key": _TOKENS, "weights": ARRAY, "allowed": ARRAY, "output": ARRAY, "contributions": ARRAY}


@dataclass(frozen=True, eq=False)
class Attention(Result):
    """Who looks at whom: weights[layer, head, query, key]; each row sums to 1, or is all 0 where nothing is allowed.

    query, key: the tokens of the two axes; the same tuple in self-attention.
    weights: float32 in [0, 1]. allowed: bool, or None where everything is; False is "cannot look", never just "0.00".
    It is [query, key] where one table serves all, else [1 or layers, 1 or heads, query, key].
    layers, heads: the original numbers and names, kept through select(). output: the last layer's vectors,
    [query, dim]. traces: one Trace a layer, or none.
    provenance: how it was computed, and what was done to it since. notes: what a reader should know about this text.
    contributions: the length of each weighted value after W_o, of the weights' shape (Kobayashi et al. 2020, equation
    3), where a model measured it; where pieces are joined, heads or layers averaged, lengths are as weights are.
    Raises ShapeError where the parts do not fit, OptionError for one of another kind. Arrays are read-only.
    """

    query: tuple[Token, ...]
    key: tuple[Token, ...]
    weights: Float32
    allowed: Booleans | None = None
    layers: tuple[int | str, ...] = ()
    heads: tuple[int | str, ...] = ()
    source: str | None = None
    key_source: str | None = None
    output: Float32 | None = None
    traces: tuple[Trace, ...] = ()
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()
    contributions: Float32 | None = None

    def __post_init__(self) -> None:
        """Check the parts against each other, once, at birth."""
        for name, kind in _PARTS.items():
            if (value := getattr(self, name)) is not None or name in ("query", "key", "weights"):
                check_value(name, value, kind)
        weights = np.asarray(self.weights, dtype=np.float32)
        shape = (weights.shape[0], weights.shape[1], len(self.query), len(self.key)) if weights.ndim == 4 else None
        if weights.shape != shape:
            raise ShapeError(
                "The weights must be [layers, heads, {queries} queries, {keys} keys], not of shape {shape}.",
                queries=len(self.query),
                keys=len(self.key),
                shape=weights.shape,
            )
        allowed = None if self.allowed is None else np.asarray(self.allowed, dtype=bool)
        output = None if self.output is None else np.asarray(self.output, dtype=np.float32)
        if output is not None and (output.ndim != 2 or len(output) != len(self.query)):
            raise ShapeError(
                "The output {output} must have one row a query, {queries}.",
                output=output.shape,
                queries=len(self.query),
            )
        lengths = None if self.contributions is None else np.asarray(self.contributions, dtype=np.float32)
        if lengths is not None and lengths.shape != weights.shape:
            raise ShapeError(
                "The contributions {lengths} must have the shape of the weights, {shape}.",
                lengths=lengths.shape,
                shape=weights.shape,
            )
        self._set("weights", _read_only(weights))
        self._set("contributions", None if lengths is None else _read_only(lengths))
        self._set("allowed", None if allowed is None else _read_only(fit_allowed(allowed, weights.shape)))
        self._set("output", None if output is None else _read_only(output))
        self._set("layers", self.layers or tuple(range(weights.shape[0])))
        self._set("heads", self.heads or tuple(range(weights.shape[1])))
        if (len(self.layers), len(self.heads)) != weights.shape[:2]:
            raise misnamed(len(self.layers), len(self.heads), weights.shape)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle or a copy; arrays are read-only there too, which NumPy does not keep."""
        for name, value in state.items():
            self._set(name, _read_only(value) if isinstance(value, np.ndarray) else value)

    @classmethod
    @check_arguments(layers=NAMES, heads=NAMES, text=None, keys=None, special_tokens_mask=ARRAY)
    def from_arrays(
        cls,
        weights: Any,
        tokens: Any = None,
        *,
        keys: Any = None,
        allowed: Any = None,
        mask: Any = None,
        key_mask: Any = None,
        layers: Sequence[int | str] | None = None,
        heads: Sequence[int | str] | None = None,
        batch: int | None = None,
        attention: str = "auto",
        normalize: bool = False,
        partial: bool = False,
        text: str | Sequence[str] | None = None,
        source: str | None = None,
        tokenizer: Any = None,
        special_tokens_mask: Any = None,
    ) -> Attention:
        """Make an Attention of weights that were computed elsewhere.

        weights: NumPy, a list or a tensor [query, key], [heads, query, key] or [layers, heads, query, key];
        transformers' `outputs.attentions`; what `generate` returns, whole or its attentions, which become squares with
        a causal mask; a layer without attention is None. batch: the number of a text; an array of 3 or 4 dimensions is
        then one layer of a batch. attention: of an output with several, encoder, decoder or cross.
        tokens: one a query: strings, Token objects, ids with `tokenizer`, or what a tokenizer of transformers returns;
        None numbers them, or cuts `text` by `tokenizer`. Pieces of a vocabulary are read back into text. keys: the
        same, one a key, in cross-attention. text (also `source`): where the tokens stand; two texts for a pair.
        special_tokens_mask: 1 for a token that stands for no text. mask: 0 for padding, which is dropped, as
        `inputs.attention_mask`; key_mask: the same for the keys of cross-attention.
        allowed: which keys each query may look at, [query, key] for all heads or with dimensions for heads, or layers
        and heads, before it. layers, heads: their names. normalize: divide rows by their sums rather than refuse them;
        partial: take rows that sum to less than 1, of which some keys are not there.
        Raises ShapeError or InputError, which name layer, head and row where a row is not valid.

        Examples:
            >>> Attention.from_arrays([[0.5, 0.5], [0, 1]], ["猫", "吃"]).weights.shape
            (1, 1, 2, 2)
        """
        from attnviz.core.given_attention import read_parts

        parts = read_parts(
            weights,
            tokens,
            keys=keys,
            allowed=allowed,
            mask=mask,
            key_mask=key_mask,
            layers=layers,
            heads=heads,
            batch=batch,
            attention=attention,
            normalize=normalize,
            partial=partial,
            text=source if text is None else text,
            tokenizer=tokenizer,
            special_tokens_mask=special_tokens_mask,
        )
        return cls(**parts._asdict())

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame, a row a weight: layer, head, query, key, their indexes, weight (nan: forbidden).

        Raises MissingError where pandas is not installed.
        """
        layer, head, query, key = (index.ravel() for index in np.indices(self.weights.shape))
        queries, keys = (np.array([token.text for token in side], dtype=object) for side in (self.query, self.key))
        weights = self.weights if self.allowed is None else np.where(self.allowed, self.weights, np.float32(np.nan))
        return need_pandas()(
            {
                "layer": np.array(self.layers)[layer],
                "head": np.array(self.heads, dtype=object)[head],
                "query_index": query,
                "query": queries[query],
                "key_index": key,
                "key": keys[key],
                "weight": weights.ravel(),
            }
        ).infer_objects()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that look: the query axis."""
        return self.query

    @property
    def masks(self) -> Booleans | None:
        """What each head allows, [layers, heads, query, key], a read-only view; None where everything is allowed."""
        return None if self.allowed is None else np.broadcast_to(self.allowed, self.weights.shape)

    @property
    def is_cross(self) -> bool:
        """Whether the words of one text ask the words of another."""
        return self.key is not self.query and self.key != self.query and not self.has_sink

    @property
    def has_sink(self) -> bool:
        """Whether the last key is a sink that the heads have learned, and the others are the text's own tokens."""
        return len(self.key) == len(self.query) + 1 and self.key[-1] == SINK and self.key[:-1] == self.query

    @check_arguments()
    def select(self, *, layer: int | str | Iterable[int | str] | None = None, head: Any = None) -> Attention:
        """Return these layers and heads alone, under their own numbers and names; None and "all" are all.

        layer: a number, several, a text as "0,2-4", or "mean", the mean of all layers. head: the same, names too.
        Raises MissingError for one that is not there, OptionError for what names none.

        Examples:
            >>> attnviz.run("猫吃鱼", heads=4).select(head="who acts").heads
            ('who acts',)
        """
        if isinstance(head, str) and head == "mean":
            return self.select(layer=layer).mean()
        if isinstance(layer, str) and layer == "mean":
            return self.select(head=head).mean_layers()
        layers = _chosen(layer, self.layers, message("layer"), _find_layer)
        heads = _chosen(head, self.heads, message("head"), find_head)
        return replace(
            self,
            weights=self.weights[np.ix_(layers, heads)],
            contributions=None if self.contributions is None else self.contributions[np.ix_(layers, heads)],
            allowed=_some_of(self.allowed, layers, heads),
            layers=tuple(self.layers[i] for i in layers),
            heads=tuple(self.heads[i] for i in heads),
            traces=tuple(self.traces[i].select(heads) for i in layers) if self.traces else (),
        )

    def mean(self) -> Attention:
        """Return one head that is the mean of the heads, in each layer; its rows still sum to 1.

        A cell of it is allowed where any of the heads allows it.

        Examples:
            >>> attnviz.run("猫吃鱼", heads=4).mean().weights.shape
            (1, 1, 3, 3)
        """
        if len(self.heads) == 1:
            return self
        allowed = self.allowed
        if allowed is not None and allowed.ndim == 4:
            allowed = np.logical_or.reduce(allowed, axis=1, keepdims=True)
        weights = self.weights.mean(axis=1, keepdims=True)
        lengths = None if self.contributions is None else self.contributions.mean(axis=1, keepdims=True)
        provenance = self.provenance
        if len(self.heads) != provenance.heads:
            provenance = replace(provenance, mean_heads=self.heads)
        return replace(
            self,
            weights=weights,
            allowed=allowed,
            heads=("mean",),
            traces=(),
            provenance=provenance,
            contributions=lengths,
        )

    def mean_layers(self) -> Attention:
        """Return one layer that is the mean of the layers, head by head; its rows still sum to 1.

        A cell of it is allowed where any of the layers allows it. provenance.mean_layers tells which layers they are.
        """
        if len(self.layers) == 1:
            return self
        allowed = self.allowed
        if allowed is not None and allowed.ndim == 4:
            allowed = np.logical_or.reduce(allowed, axis=0, keepdims=True)
        hidden = self.provenance.hidden
        provenance = replace(
            self.provenance,
            mean_layers=tuple(layer for layer in self.layers if isinstance(layer, int)),
            hidden=None if hidden is None else hidden.mean_of(self.layers),
        )
        return replace(
            self,
            weights=_mean_of_layers(self.weights),
            contributions=None if self.contributions is None else _mean_of_layers(self.contributions),
            allowed=allowed,
            layers=("mean",),
            output=None,
            traces=(),
            provenance=provenance,
        )

    def __repr__(self) -> str:
        """Return the sizes and the first tokens, never a screen full of numbers."""
        layers, heads, queries, keys = self.weights.shape
        first = " ".join(token.text for token in self.query[:5]) + (" …" if queries > 5 else "")
        named = (
            (layers, "layer", "layers"),
            (heads, "head", "heads"),
            (queries, "query", "queries"),
            (keys, "key", "keys"),
        )
        sizes = " x ".join(f"{count} {one if count == 1 else several}" for count, one, several in named)
        return f"<Attention {sizes}: {first!r}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the weights, [layers, heads, query, key], to what takes an array."""
        return np.array(self.weights, dtype=dtype) if copy else np.asarray(self.weights, dtype=dtype)


def _mean_of_layers(array: Float32) -> Float32:
    """Return the mean over layers, [1, heads, query, key]."""
    mean: Float32 = array.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32)
    return mean


def _some_of(allowed: Booleans | None, layers: list[int], heads: list[int]) -> Booleans | None:
    """Return what these layers and heads allow."""
    if allowed is None or allowed.ndim == 2:
        return allowed
    some = allowed if len(allowed) == 1 else allowed[layers]
    return some if some.shape[1] == 1 else some[:, heads]


def _some(array: Floats | None, heads: list[int]) -> Floats | None:
    """Return these heads of the array, where there is one."""
    return None if array is None else array[heads]


def find_head(heads: tuple[int | str, ...], wanted: int | str) -> int:
    """Return the index of a head, given its number, its name, or its name in any language.

    A head with a name may be called by its place too. Raises MissingError where there is none.

    >>> find_head(("who acts", "kind of thing"), "1"), find_head((3, 5), "5")
    (1, 1)
    """
    for place, head in enumerate(heads):
        if wanted == head or str(wanted) == str(head):
            return place
    for place, head in enumerate(heads):
        if isinstance(head, str) and str(wanted) in (
            str(place),
            *(in_language(str(head), name, TOY) for name in LANGUAGES),
        ):
            return place
    raise no_such(message("head"), wanted, heads)


def _chosen(
    wanted: Any, names: tuple[int | str, ...], kind: Message, find: Callable[[tuple[int | str, ...], int | str], int]
) -> list[int]:
    """Return the indexes of the layers or heads that are wanted; None and "all" are all."""
    if wanted is None or (isinstance(wanted, str) and wanted == "all"):
        return list(range(len(names)))
    if type(wanted) is int:
        return [find(names, wanted)]
    from attnviz.core.selection import find_places

    return find_places(wanted, names, kind, partial(find, names))


def _find_layer(layers: tuple[int | str, ...], wanted: int | str) -> int:
    """Return the index of a layer, given its number; raises MissingError where there is none."""
    for place, layer in enumerate(layers):
        if str(wanted) == str(layer):
            return place
    raise no_such(message("layer"), wanted, layers)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
