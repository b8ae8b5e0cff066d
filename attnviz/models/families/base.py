"""The base classes of all families: a model's shape, read from its config, and the stack of layers for one text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.i18n.messages import Message
from attnviz.models import ATTENTIONS
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import causal_mask
from attnviz.models.families.position_change import place_numbers
from attnviz.models.families.weights import Weights

Names = str | tuple[str, ...]

# Tensors in layers that no pass needs, as regular expressions: masks and frequencies that old versions stored, and the
# cross-attention of a decoder that is read alone.
NEEDLESS = (
    r"\.(attn|attention)\.(bias|masked_bias)$",
    r"rotary_emb\.inv_freq$",
    r"position_ids$",
    r"crossattention\.",
    r"EncDecAttention\.relative_attention_bias",
)


@dataclass(frozen=True)
class ModelShape:
    """A model's size, read from its config alone.

    layers, heads: of the encoder where there are two stacks. dim: the hidden size. positions: the most tokens that it
    can take, None without a limit. causal: whether a token attends only to itself and to what came before.
    vocabulary: the number of token ids. decoder_layers, decoder_heads, target_vocabulary: of the decoder, if any.
    attending: the numbers of the layers that have attention, in order; None where all have.
    """

    family: str
    layers: int
    heads: int
    dim: int
    positions: int | None
    causal: bool
    vocabulary: int
    encoder_decoder: bool = False
    decoder_layers: int | None = None
    decoder_heads: int | None = None
    target_vocabulary: int | None = None
    attending: tuple[int, ...] | None = None

    @property
    def attention_layers(self) -> Sequence[int]:
        """Return the numbers of the layers that have attention, in order."""
        return range(self.layers) if self.attending is None else self.attending

    @property
    def attentions(self) -> tuple[str, ...]:
        """Return the attentions that there are: three of an encoder-decoder, else that of the only stack."""
        if self.encoder_decoder:
            return ATTENTIONS
        return ("decoder",) if self.causal else ("encoder",)

    @property
    def of_decoder(self) -> ModelShape:
        """Return the decoder's own shape: its layers, heads and vocabulary under the names of a single stack."""
        return replace(
            self,
            layers=self.decoder_layers or 0,
            heads=self.decoder_heads or 0,
            vocabulary=self.target_vocabulary or self.vocabulary,
            causal=True,
        )


class ConfigKeys(NamedTuple):
    """The names that a family's config has for its sizes, each with the family's default.

    Beside its own name, each size may stand under the name in this table, which most families use.
    """

    layers: tuple[str, int] = ("num_hidden_layers", 12)
    dim: tuple[str, int] = ("hidden_size", 768)
    heads: tuple[str, int] = ("num_attention_heads", 12)
    intermediate_size: tuple[str, int] = ("intermediate_size", 3072)
    vocabulary: tuple[str, int] = ("vocab_size", 30522)
    positions: tuple[str, int] = ("max_position_embeddings", 512)
    activation: tuple[str, str] = ("hidden_act", "gelu")


class LayerOutput(NamedTuple):
    """The output of one layer: hidden states [n, dim], self-attention and, in a decoder, cross-attention.

    self_attention: None of a layer that mixes tokens otherwise, see ModelShape.attending.
    """

    hidden: Float32
    self_attention: Trace | None
    cross_attention: Trace | None = None


class PatchLayout(NamedTuple):
    """The tokens of a picture: the names of those that stand before the patches, and the patches' rows and columns.

    height, width: how many of the prepared pixels, from the first on, the patches cover.
    """

    special: tuple[str, ...]
    rows: int
    columns: int
    height: int
    width: int

    @property
    def total(self) -> int:
        """Return the number of tokens."""
        return len(self.special) + self.rows * self.columns


class StackSetup(NamedTuple):
    """What a stack is made of.

    shape: the stack's own, see ModelShape.of_decoder. length: the number of tokens of the text.
    encoder_hidden_states [source tokens, dim]: what a decoder's cross-attention reads. start: how many of the tokens
    were read before, and have their keys and values in a cache; the pass reads those from `start` on.
    pixels [channels, height, width]: what a model of pictures reads.
    """

    config: Configuration
    weights: Weights
    shape: ModelShape
    length: int
    encoder_hidden_states: Float32 | None = None
    start: int = 0
    pixels: Float32 | None = None


class Stack(ABC):
    """The layers of one model, for one text, or for its tokens from `start` on where the others are in a cache.

    n is the number of tokens that are read: length - start.

    Called in this order: `embed`, `forward_layer` for each layer, `finish`, `score`. Tensors are looked up when their
    layer runs. needless: what a checkpoint may hold beside the tensors that are looked up, see Weights.unused.
    has_segment_types: whether each segment has a vector; default_segments: for how many, where the config is silent.
    has_sink: whether each head has a sink beside the tokens. reads_pictures: whether it reads pixels, not token ids.
    notes: what a reader should know of how such a model is computed. reads: the config's keys that a class reads beside
    those of the classes it is built on; unread: which of those it does not. harmless: keys that change nothing in this
    family, each with the name of its reason in config_keys. fixed: keys that would change the computation, with the
    values that do not.
    """

    prefixes: ClassVar[tuple[str, ...]] = ("",)
    keys: ClassVar[ConfigKeys] = ConfigKeys()
    decoder: ClassVar[type[Stack] | None] = None
    needless: ClassVar[tuple[str, ...]] = NEEDLESS
    has_segment_types: ClassVar[bool] = False
    default_segments: ClassVar[int] = 2
    has_sink: ClassVar[bool] = False
    reads_pictures: ClassVar[bool] = False
    notes: ClassVar[tuple[Message, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = (
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "tie_word_embeddings",
    )
    unread: ClassVar[tuple[str, ...]] = ()
    harmless: ClassVar[Mapping[str, str]] = {}
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    def __init__(self, setup: StackSetup) -> None:
        self.config, self.weights, self.shape, self.length, self.encoder_hidden_states, self.start, self.pixels = setup
        self.dim, self.heads, self.vocabulary = self.shape.dim, self.shape.heads, self.shape.vocabulary

    @classmethod
    def read_keys(cls) -> frozenset[str]:
        """Return the config's keys that a pass of this class reads."""
        found: set[str] = set()
        for base in reversed(cls.__mro__):
            found -= set(base.__dict__.get("unread", ()))
            found |= set(base.__dict__.get("reads", ()))
        return frozenset(found)

    @classmethod
    @abstractmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""

    @classmethod
    def stack_shape(cls, config: Configuration, family: str, *, positions: int | None, causal: bool) -> ModelShape:
        """Return the size of one stack, of what `keys` names; positions: the most tokens, None for any number."""
        layers, heads, dim, vocabulary = (cls.size(config, key) for key in ("layers", "heads", "dim", "vocabulary"))
        return ModelShape(family, layers, heads, dim, positions, causal, vocabulary)

    @classmethod
    def size(cls, config: Configuration, key: str) -> int:
        """Return one of the numbers that `keys` names."""
        name, default = getattr(cls.keys, key)
        common = ConfigKeys._field_defaults[key][0]
        read = config.layers if key == "layers" else config.count
        return read(name, common, default=default)

    @classmethod
    def patch_layout(cls, config: Configuration, height: int, width: int) -> PatchLayout:  # noqa: ARG003
        """Return the tokens of a picture of this size; raises InputError for a model of texts."""
        raise InputError("The model reads a text, not a picture.")

    @abstractmethod
    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the input of the first layer, [n, dim], for token ids [n] and segment numbers [n]."""

    @abstractmethod
    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run layer `number`, counted from 0, on hidden states [n, dim]."""

    def finish(self, hidden: Float32) -> Float32:
        """Return the model's output [n, dim] for the last layer's hidden states [n, dim]: in most families a norm."""
        return hidden

    @abstractmethod
    def score(self, hidden: Float32) -> Float32:
        """Return the language model's logits over the vocabulary: [n, dim] -> [n, vocabulary]."""

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask: [n, length], True where a token may attend to another; None where all may."""
        return [causal_mask(self.length, start=self.start) if self.shape.causal else None] * self.shape.layers

    @property
    def places(self) -> Indexes:
        """Return the positions of the tokens that are read, [n], counted from 0."""
        return place_numbers(self.length, self.start)

    @property
    def key_places(self) -> Indexes:
        """Return the positions of all tokens of the text, [length], counted from 0."""
        return place_numbers(self.length)

    @classmethod
    def cache_state(cls, config: Configuration, length: int) -> Hashable:
        """Return on what a token's keys and values depend beside the tokens before it, in a text of `length` tokens.

        A cache that was filled at another length serves while this is the same; a family that cannot be read in parts
        returns the length.
        """
        from attnviz.models.families.rotary import scaling_state

        return scaling_state(config, length)


class CausalStack(Stack):
    """A model that reads from left to right, with one table of token vectors and a head that may be tied to it.

    embedding, head: the names of their tensors; tied: whether they are one tensor where the config is silent.
    """

    embedding: ClassVar[str]
    head: ClassVar[Names] = "lm_head.weight"
    tied: ClassVar[bool] = True
    reads: ClassVar[tuple[str, ...]] = ("is_causal",)
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family"}

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        return cls.stack_shape(
            config, family, positions=cls.read_positions(config), causal=config.flag("is_causal", True)
        )

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return cls.size(config, "positions")

    @property
    def width(self) -> int:
        """Return the width of the table of token vectors."""
        return self.dim

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors, [n, width]; raises InputError for a second segment."""
        refuse_segments(segments, self.shape.family)
        return word_vectors(self.weights, self.embedding, ids, self.vocabulary, self.width)

    def score(self, hidden: Float32) -> Float32:
        """Return the logits by the head, or by the table of token vectors that it is tied to: [n, vocabulary]."""
        tied = self.config.flag("tie_word_embeddings", self.tied)
        names = head_names(self.head, self.embedding, tied=tied)
        return self.weights.times(hidden, *names, shape=(self.vocabulary, self.width))


def head_weight(weights: Weights, own: Names, embedding: Names, shape: tuple[int, int], *, tied: bool) -> Float32:
    """Return the matrix [vocabulary, width] that gives logits: its own tensor, or the embedding's where they are tied.

    own, embedding: a name, or several, of which the first that is there counts.
    """
    return weights.take(*head_names(own, embedding, tied=tied), shape=shape)


def head_names(own: Names, embedding: Names, *, tied: bool) -> tuple[str, ...]:
    """Return the names that the matrix of the head may have, see `head_weight`."""
    return _as_tuple(own) + _as_tuple(embedding) if tied else _as_tuple(own)


def _as_tuple(names: Names) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else names


def refuse_segments(segments: Indexes | None, family: str) -> None:
    """Raise InputError for a text of two segments [n], where the model has none."""
    if segments is not None and segments.any():
        raise InputError("A {family} model has no segments: give it one text.", family=family)


def word_vectors(weights: Weights, names: Names, ids: Indexes, vocabulary: int, width: int) -> Float32:
    """Return the vectors [n, width] of token ids [n]; raises InputError for an id outside the vocabulary."""
    wrong = ids[(ids < 0) | (ids >= vocabulary)]
    if wrong.size:
        raise InputError(
            "There is no token {id} in the model's vocabulary: ids go from 0 to {last}.",
            id=int(wrong[0]),
            last=vocabulary - 1,
        )
    return weights.rows(*_as_tuple(names), shape=(vocabulary, width), ids=ids)
