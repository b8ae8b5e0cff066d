"""DeBERTa (He et al. 2021) and its versions 2 and 3 (He et al. 2023): disentangled attention.

To the products of contents come products of a token's content with the vector of its distance from another (He et al.
2021, equation 4); distances have vectors of their own, and inputs need none of positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import ConfigKeys, LayerOutput, ModelShape, StackSetup, refuse_segments
from attnviz.models.families.bert import Bert, LayerNames
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import attention, convolve, heads_of, linear, take_layer_norm

CONTENT_TO_POSITION = "content to position"
POSITION_TO_CONTENT = "position to content"


class Deberta(Bert):
    """DeBERTa: one product for queries, keys and values, head by head, and a vector for each distance."""

    prefixes = ("", "deberta.")
    reads: ClassVar[tuple[str, ...]] = (
        "embedding_size",
        "max_relative_positions",
        "pos_att_type",
        "position_biased_input",
        "relative_attention",
    )
    unread: ClassVar[tuple[str, ...]] = ("is_decoder",)
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"talking_head": (False,)}
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family", "legacy": "tensors"}
    keys = ConfigKeys(vocabulary=("vocab_size", 50265))
    default_segments = 0
    may_be_causal = False
    default_epsilon = 1e-7

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.term_kinds = self.read_term_kinds()
        self.relative = self.config.flag("relative_attention", False)
        self.longest = self.read_longest()

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size; without vectors of positions in the inputs a text may have any length."""
        shape = super().read_shape(config, family)
        return shape if config.flag("position_biased_input", True) else replace(shape, positions=None)

    def read_term_kinds(self) -> list[str]:
        """Return the names of the terms beside content to content, as in ["c2p", "p2c"]."""
        given = self.config.get("pos_att_type") or []
        names = given.split("|") if isinstance(given, str) else given
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            raise InputError(
                "The model's config must give pos_att_type as a list of c2p and p2c, not {value!r}.", value=given
            )
        return [name.strip().lower() for name in names]

    def read_longest(self) -> int:
        """Return the longest distance that is told from longer ones."""
        longest = self.config.count("max_position_embeddings", default=512)
        given = self.config.get("max_relative_positions")
        return longest if given in (None, 0, -1) else self.config.count("max_relative_positions", default=longest)

    @property
    def span(self) -> int:
        """Return the number of distances on each side that have a vector."""
        return self.longest

    @property
    def width(self) -> int:
        """Return the width of the embedding tables."""
        return self.config.count("embedding_size", default=self.dim)

    @property
    def scale(self) -> float:
        """Return what products are multiplied with: 1 / sqrt(d_h times the number of terms)."""
        return float(1 / np.sqrt(self.dim // self.heads * (1 + len(self.term_kinds))))

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, with those of positions and segments where the model has some, normed: [n, dim]."""
        hidden = self.token_vectors(ids)
        if self.config.flag("position_biased_input", True):
            rows = self.config.count("max_position_embeddings", default=512)
            name = "embeddings.position_embeddings.weight"
            hidden += self.weights.rows(name, shape=(rows, self.width), ids=self.key_places)
        if self.config.count("type_vocab_size", default=self.default_segments, least=0):
            hidden += self.segment_vectors(ids, segments)
        else:
            refuse_segments(segments, self.shape.family)
        if self.width != self.dim:
            hidden = linear(self.weights, "embeddings.embed_proj", self.width, self.dim, bias=False)(hidden)
        return take_layer_norm(self.weights, "embeddings.LayerNorm", self.dim, hidden, self.epsilon)

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values, [heads, n, d_h] each: a head's three lie together, and keys have no bias."""
        name = names.query.removesuffix(".query")
        together = linear(self.weights, f"{name}.in_proj", self.dim, 3 * self.dim, bias=False)(hidden)
        query, key, value = np.split(heads_of(together, self.heads), 3, axis=-1)
        biases = (self.weights.take(f"{name}.{one}_bias", shape=(self.dim,)) for one in ("q", "v"))
        query_bias, value_bias = (heads_of(bias[None], self.heads) for bias in biases)
        return query + query_bias, key, value + value_bias

    def attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim]."""
        query, key, value = self.project(names, hidden)
        output = linear(self.weights, names.output, self.dim, self.dim)
        terms = self.distance_terms(names, query, key) if self.relative else None
        mask = self.masks[number]
        return attention(hidden, hidden, query, key, value, output, allowed=mask, scale=self.scale, terms=terms)

    def distance_terms(self, names: LayerNames, query: Float32, key: Float32) -> dict[str, Float32]:
        """Return the terms by distance, [heads, n, n] each (He et al. 2021, equation 4)."""
        terms = {}
        if "c2p" in self.term_kinds:
            vectors = self.position_keys(names)
            terms[CONTENT_TO_POSITION] = self._by_distance(query @ vectors.swapaxes(-1, -2), self.distance_rows)
        if "p2c" in self.term_kinds:
            vectors = self.position_queries(names)
            from_keys = self._by_distance(key @ vectors.swapaxes(-1, -2), self.distance_rows.T)
            terms[POSITION_TO_CONTENT] = from_keys.swapaxes(-1, -2)
        return terms

    def _by_distance(self, products: Float32, rows: Indexes) -> Float32:
        """Take each pair's product by its distance, scaled: [heads, n, vectors], rows [n, n] -> [heads, n, n]."""
        chosen: Float32 = np.take_along_axis(products, np.broadcast_to(rows, (len(products), *rows.shape)), axis=-1)
        chosen *= np.float32(self.scale)
        return chosen

    @cached_property
    def distance_rows(self) -> Indexes:
        """Return the row of the table of distances for each query and key, [n, n]."""
        steps = self.distances()
        rows: Indexes = np.clip(steps + self.span, 0, 2 * self.span - 1)
        return rows

    def distances(self) -> Indexes:
        """Return i - j for queries i and keys j, [n, n]."""
        places = self.key_places
        return places[:, None] - places[None, :]

    @cached_property
    def distance_vectors(self) -> Float32:
        """Return the vectors of distances, [2 span, dim]."""
        return self.weights.take("encoder.rel_embeddings.weight", shape=(2 * self.span, self.dim))

    def position_keys(self, names: LayerNames) -> Float32:
        """Return the keys of distances, which contents ask for: [heads, 2 span, d_h]."""
        name = names.query.removesuffix("query") + "pos_proj"
        return heads_of(linear(self.weights, name, self.dim, self.dim, bias=False)(self.distance_vectors), self.heads)

    def position_queries(self, names: LayerNames) -> Float32:
        """Return the queries of distances, which ask for contents: [heads, 2 span, d_h]."""
        name = names.query.removesuffix("query") + "pos_q_proj"
        return heads_of(linear(self.weights, name, self.dim, self.dim)(self.distance_vectors), self.heads)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary], by the head of the authors or by BERT's.

        The released checkpoints have the first, lm_predictions; what transformers trains has the second.
        """
        name = "lm_predictions.lm_head"
        if self.weights.find(f"{name}.dense.weight") is None:
            name = "cls.predictions"
            hidden = self.activation(linear(self.weights, f"{name}.transform.dense", self.dim, self.width)(hidden))
            hidden = take_layer_norm(self.weights, f"{name}.transform.LayerNorm", self.width, hidden, self.epsilon)
            return self.to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")
        hidden = self.activation(linear(self.weights, f"{name}.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.LayerNorm", self.dim, hidden, self.epsilon)
        table = "embeddings.word_embeddings.weight"
        logits: Float32 = hidden @ self.weights.take(table, shape=(self.vocabulary, self.dim)).T
        logits += self.weights.take(f"{name}.bias", shape=(self.vocabulary,))
        return logits


class DebertaV2(Deberta):
    """DeBERTa 2 and 3: far distances share vectors, which may go through the contents' own projections."""

    keys = ConfigKeys(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 1536),
        heads=("num_attention_heads", 24),
        intermediate_size=("intermediate_size", 6144),
        vocabulary=("vocab_size", 128_100),
    )
    names = LayerNames(
        query="attention.self.query_proj", key="attention.self.key_proj", value="attention.self.value_proj"
    )
    reads: ClassVar[tuple[str, ...]] = (
        "attention_head_size",
        "conv_act",
        "conv_groups",
        "conv_kernel_size",
        "norm_rel_ebd",
        "position_buckets",
        "share_att_key",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.shared = self.config.flag("share_att_key", False)
        head_dim = self.dim // self.heads
        if self.config.count("attention_head_size", default=head_dim) != head_dim:
            raise InputError(
                "The model's config must give attention_head_size as {expected}, hidden_size by the number of heads.",
                expected=head_dim,
            )

    def read_term_kinds(self) -> list[str]:
        """Return the names of the terms that there are: others count for nothing, not even for the scale."""
        given = super().read_term_kinds()
        return [name for name in ("c2p", "p2c") if name in given]

    @property
    def span(self) -> int:
        """Return the number of distances, or of their buckets, on each side that have a vector."""
        return self.buckets or self.longest

    @property
    def buckets(self) -> int | None:
        """Return the number of buckets of distances on each side; None where each distance has a vector."""
        given = self.config.get("position_buckets")
        if given in (None, 0, -1):
            return None
        return self.config.count("position_buckets", default=2, least=2, most=max(2, 2 * self.longest - 3))

    def distances(self) -> Indexes:
        """Return i - j for queries i and keys j, in buckets that widen with the distance: [n, n]."""
        steps = super().distances()
        return steps if self.buckets is None else log_buckets(steps, self.buckets, self.longest)

    @cached_property
    def distance_vectors(self) -> Float32:
        """Return the vectors of distances, [2 span, dim], normed where norm_rel_ebd says so."""
        vectors = self.weights.take("encoder.rel_embeddings.weight", shape=(2 * self.span, self.dim))
        if "layer_norm" not in [one.strip() for one in self.config.word("norm_rel_ebd", default="none").split("|")]:
            return vectors
        return take_layer_norm(self.weights, "encoder.LayerNorm", self.dim, vectors, self.epsilon)

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of hidden states [n, dim]: [heads, n, d_h] each."""
        return Bert.project(self, names, hidden)

    def position_keys(self, names: LayerNames) -> Float32:
        """Return the keys of distances, [heads, 2 span, d_h]."""
        return self._projected(names.key if self.shared else names.key.removesuffix("key_proj") + "pos_key_proj")

    def position_queries(self, names: LayerNames) -> Float32:
        """Return the queries of distances, [heads, 2 span, d_h]."""
        return self._projected(
            names.query if self.shared else names.query.removesuffix("query_proj") + "pos_query_proj"
        )

    def _projected(self, name: str) -> Float32:
        return heads_of(linear(self.weights, name, self.dim, self.dim)(self.distance_vectors), self.heads)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run a layer of BERT's kind; the first one's output gets a convolution of its input, where there is one."""
        output = super().forward_layer(number, hidden)
        width = self.config.count("conv_kernel_size", default=0, least=0)
        return output._replace(hidden=self._convolved(hidden, output.hidden, width)) if width and not number else output

    def _convolved(self, inputs: Float32, hidden: Float32, width: int) -> Float32:
        """Return hidden states [n, dim] with the activation of the inputs' convolution added, normed."""
        if width % 2 == 0:
            raise InputError(
                "The model's config must give conv_kernel_size as an odd number, not {value}.", value=width
            )
        groups = self.config.count("conv_groups", default=1)
        if self.dim % groups:
            raise InputError(
                "The model's conv_groups ({groups}) must divide its {dim} dimensions.", groups=groups, dim=self.dim
            )
        kernel = self.weights.take("encoder.conv.conv.weight", shape=(self.dim, self.dim // groups, width))
        bias = self.weights.take("encoder.conv.conv.bias", shape=(self.dim,))
        act = activation(self.config.word("conv_act", default="tanh"))
        added = act(convolve(inputs, kernel, groups) + bias)
        return take_layer_norm(self.weights, "encoder.conv.LayerNorm", self.dim, hidden + added, self.epsilon)


def log_buckets(steps: Indexes, buckets: int, longest: int) -> Indexes:
    """Return the bucket of each distance: itself up to buckets / 2, then in logarithmic steps up to `longest`.

    (He et al. 2021, the authors' code, make_log_bucket_position.) Computed in float32, as transformers does.
    """
    middle = buckets // 2
    far = np.maximum(np.abs(steps), middle)
    share = np.log(far.astype(np.float32) / np.float32(middle)) / np.log(np.float32((longest - 1) / middle))
    rank = np.ceil(share * np.float32(middle - 1)) + np.float32(middle)
    return np.where(np.abs(steps) <= middle, steps, (rank * np.sign(steps)).astype(np.int64))
