"""The data that flows through the program: tokens, and who looked at whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.errors import MissingError, ShapeError
from attnviz.messages import Message

Float32 = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Token:
    """A piece of the text as a reader sees it, and where it stands: source[start:end], in code points.

    start and end are None where there is no source text. piece is the vocabulary's entry ('Ġcat') and id its
    number, where a model has one.
    """

    text: str
    start: int | None = None
    end: int | None = None
    piece: str | None = None
    id: int | None = None


@dataclass(frozen=True, eq=False)
class Projection:
    """W_q, W_k, W_v and W_o, each [dim, dim]; None stands for the identity matrix."""

    query: Float32 | None = None
    key: Float32 | None = None
    value: Float32 | None = None
    output: Float32 | None = None


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

    def select(self, heads: list[int]) -> Trace:
        """The same layer with only these heads' intermediates; inputs and output stay those of all."""
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
        )


@dataclass(frozen=True, eq=False)
class Attention:
    """Who looks at whom: weights[layer, head, query, key]; each row sums to 1, or is all 0 where nothing is allowed.

    query, key: the tokens of the two axes; the same tuple in self-attention.
    weights: float32 in [0, 1]. allowed: bool [query, key] or None; False is "cannot look", never just "0.00".
    layers, heads: the original numbers and names, kept through select(). output: the last layer's vectors,
    [query, dim]. traces: one Trace a layer, or none.
    settings: how it was computed. notes: what a reader should know about this text.
    Raises ShapeError where the parts do not fit. Arrays are read-only.
    """

    query: tuple[Token, ...]
    key: tuple[Token, ...]
    weights: Float32
    allowed: Booleans | None = None
    layers: tuple[int, ...] = ()
    heads: tuple[int | str, ...] = ()
    source: str | None = None
    key_source: str | None = None
    output: Float32 | None = None
    traces: tuple[Trace, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Message, ...] = ()

    def __post_init__(self) -> None:
        """Check the parts against each other, once, at birth."""
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
        if allowed is not None and allowed.shape != weights.shape[2:]:
            raise ShapeError(
                "allowed {allowed} must have the shape of one head's weights, {weights}.",
                allowed=allowed.shape,
                weights=weights.shape[2:],
            )
        output = None if self.output is None else np.asarray(self.output, dtype=np.float32)
        if output is not None and (output.ndim != 2 or len(output) != len(self.query)):
            raise ShapeError(
                "The output {output} must have one row a query, {queries}.",
                output=output.shape,
                queries=len(self.query),
            )
        self._set("weights", _read_only(weights))
        self._set("allowed", None if allowed is None else _read_only(allowed))
        self._set("output", None if output is None else _read_only(output))
        self._set("layers", self.layers or tuple(range(weights.shape[0])))
        self._set("heads", self.heads or tuple(range(weights.shape[1])))
        self._set("settings", MappingProxyType(dict(self.settings)))
        if (len(self.layers), len(self.heads)) != weights.shape[:2]:
            raise ShapeError(
                "There are {layers} layer names and {heads} head names for weights of shape {shape}.",
                layers=len(self.layers),
                heads=len(self.heads),
                shape=weights.shape,
            )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that look: the query axis."""
        return self.query

    @property
    def is_cross(self) -> bool:
        """Whether the words of one text ask the words of another."""
        return self.key is not self.query and self.key != self.query

    def select(self, *, layer: int | Iterable[int] | None = None, head: Any = None) -> Attention:
        """Only these layers and heads, under their own numbers and names; None is all.

        layer: a number or several. head: a number, a name or several. Raises MissingError for one that is not there.
        """
        layers = _choose("layer", self.layers, layer)
        heads = _choose("head", self.heads, head)
        return replace(
            self,
            weights=self.weights[np.ix_(layers, heads)],
            layers=tuple(self.layers[i] for i in layers),
            heads=tuple(self.heads[i] for i in heads),
            traces=tuple(self.traces[i].select(heads) for i in layers) if self.traces else (),
        )

    def mean(self) -> Attention:
        """One head that is the mean of the heads, in each layer; its rows still sum to 1."""
        if len(self.heads) == 1:
            return self
        return replace(self, weights=self.weights.mean(axis=1, keepdims=True), heads=("mean",), traces=())

    def __repr__(self) -> str:
        """Sizes and the first tokens, never a screen full of numbers."""
        layers, heads, queries, keys = self.weights.shape
        first = " ".join(token.text for token in self.query[:5]) + (" …" if queries > 5 else "")
        return f"<Attention {layers} layers x {heads} heads x {queries} queries x {keys} keys: {first!r}>"


def _some(array: Floats | None, heads: list[int]) -> Floats | None:
    """These heads of the array, where there is one."""
    return None if array is None else array[heads]


def _choose(kind: str, names: tuple[int | str, ...], wanted: Any) -> list[int]:
    if wanted is None:
        return list(range(len(names)))
    several = [wanted] if isinstance(wanted, int | str) else list(wanted)
    for one in several:
        if one not in names and not (isinstance(one, int) and 0 <= one < len(names) and isinstance(names[one], str)):
            raise MissingError(
                "There is no {kind} {wanted}: there are {names}.",
                kind=kind,
                wanted=one,
                names=", ".join(str(name) for name in names),
            )
    return [names.index(one) if one in names else int(one) for one in several]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
