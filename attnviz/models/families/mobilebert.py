"""MobileBERT (Sun et al. 2020): narrow layers between bottlenecks, several feed-forwards, a scale in place of norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import NEEDLESS, ConfigKeys, LayerOutput, StackSetup, word_vectors
from attnviz.models.families.bert import Bert
from attnviz.models.families.config import equal_heads
from attnviz.models.families.layers import attention, heads_of, layer_norm, linear, take_layer_norm

# The epsilon of PyTorch's layer norm, which two norms of each model keep whatever the config says.
_PLAIN_EPSILON = 1e-5


class MobileBert(Bert):
    """MobileBERT: words and their neighbours, then layers that work at the width of their bottleneck."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "mobilebert.")
    may_be_causal = False
    keys = ConfigKeys(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 512),
        heads=("num_attention_heads", 4),
        intermediate_size=("intermediate_size", 512),
        activation=("hidden_act", "relu"),
    )
    reads: ClassVar[tuple[str, ...]] = (
        "embedding_size",
        "intra_bottleneck_size",
        "key_query_shared_bottleneck",
        "normalization_type",
        "num_feedforward_networks",
        "trigram_input",
        "use_bottleneck",
        "use_bottleneck_attention",
    )
    # transformers makes these layers for every model, and leaves them out of the pass where the config says so.
    needless: ClassVar[tuple[str, ...]] = (*NEEDLESS, r"bottleneck\.attention\.", r"embedding_transformation\.")
    unread: ClassVar[tuple[str, ...]] = ("is_decoder",)
    harmless: ClassVar[Mapping[str, str]] = {
        "classifier_activation": "head",
        "is_decoder": "family",
        "true_hidden_size": "record",
    }

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.bottleneck = self.config.flag("use_bottleneck", True)
        self.inner = self.config.count("intra_bottleneck_size", default=128) if self.bottleneck else self.dim
        self.embedding_size = self.config.count("embedding_size", default=128)
        self.trigram = self.config.flag("trigram_input", True)
        self.normed = self.config.word("normalization_type", default="no_norm")
        if self.normed not in ("no_norm", "layer_norm"):
            raise InputError(
                "The model's config must give normalization_type as no_norm or layer_norm, not {value!r}.",
                value=self.normed,
            )

    def check_heads(self) -> None:
        """Raise InputError where the heads cannot share the width of the bottleneck."""
        narrow = self.config.flag("use_bottleneck", True)
        equal_heads(self.config.count("intra_bottleneck_size", default=128) if narrow else self.dim, self.heads)

    def norm(self, name: str, width: int, x: Float32, epsilon: float | None = None) -> Float32:
        """Return x [n, width] times a weight plus a bias (Sun et al. 2020, section 3.2), or its layer norm."""
        weight, bias = (self.weights.take(f"{name}.{part}", shape=(width,)) for part in ("weight", "bias"))
        if self.normed == "no_norm":
            return x * weight + bias
        return layer_norm(x, weight, bias, self.epsilon if epsilon is None else epsilon)

    def token_vectors(self, ids: Indexes) -> Float32:
        """Return the vectors of the next word, the word and the one before it, projected: [n, dim]."""
        table = "embeddings.word_embeddings.weight"
        own = word_vectors(self.weights, table, ids, self.vocabulary, self.embedding_size)
        if not self.trigram:
            parts = own
        else:
            nothing = np.zeros_like(own[:1])
            parts = np.concatenate([np.vstack([own[1:], nothing]), own, np.vstack([nothing, own[:-1]])], axis=1)
        if not self.trigram and self.embedding_size == self.dim:
            return parts
        return linear(self.weights, "embeddings.embedding_transformation", parts.shape[1], self.dim)(parts)

    def norm_embeddings(self, hidden: Float32) -> Float32:
        """Return the embeddings [n, dim], normed."""
        return self.norm("embeddings.LayerNorm", self.dim, hidden, _PLAIN_EPSILON)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run bottleneck, attention, feed-forwards, and the way back to [n, dim] (Sun et al. 2020, figure 1c)."""
        name = self.layer_name(number)
        narrow = self._through(f"{name}.bottleneck.input", hidden) if self.bottleneck else hidden
        trace = self._attention(number, hidden, narrow)
        attended = self.norm(f"{name}.attention.output.LayerNorm", self.inner, trace.output + narrow)
        for place in range(self.config.count("num_feedforward_networks", default=4, most=100) - 1):
            part = f"{name}.ffn.{place}"
            fed = self._feed(f"{part}.intermediate.dense", f"{part}.output.dense", attended) + attended
            attended = self.norm(f"{part}.output.LayerNorm", self.inner, fed)
        fed = self._feed(f"{name}.intermediate.dense", f"{name}.output.dense", attended) + attended
        out = self.norm(f"{name}.output.LayerNorm", self.inner, fed, _PLAIN_EPSILON)
        if self.bottleneck:
            wide = linear(self.weights, f"{name}.output.bottleneck.dense", self.inner, self.dim)(out) + hidden
            out = self.norm(f"{name}.output.bottleneck.LayerNorm", self.dim, wide)
        return LayerOutput(out, trace)

    def _through(self, name: str, hidden: Float32) -> Float32:
        """Return hidden states [n, dim] at the width of the bottleneck."""
        return self.norm(
            f"{name}.LayerNorm", self.inner, linear(self.weights, f"{name}.dense", self.dim, self.inner)(hidden)
        )

    def _attention(self, number: int, hidden: Float32, narrow: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim] and those of the bottleneck [n, inner]."""
        name, inner = self.layer_name(number), self.inner
        seen, valued = narrow, narrow
        if self.bottleneck and not self.config.flag("use_bottleneck_attention", False):
            valued = hidden
            shared = self.config.flag("key_query_shared_bottleneck", True)
            seen = self._through(f"{name}.bottleneck.attention", hidden) if shared else hidden
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.attention.self.{part}", x.shape[1], inner)(x), self.heads)
            for part, x in (("query", seen), ("key", seen), ("value", valued))
        )
        output = linear(self.weights, f"{name}.attention.output.dense", inner, inner)
        return attention(seen, seen, query, key, value, output, allowed=self.masks[number])

    def _feed(self, widen: str, narrow: str, x: Float32) -> Float32:
        """Return the feed-forward of x [n, inner]."""
        wide = self.activation(linear(self.weights, widen, self.inner, self.intermediate_size)(x))
        return linear(self.weights, narrow, self.intermediate_size, self.inner)(wide)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary]; the rest of the head's table is a tensor."""
        name, narrow = "cls.predictions", self.embedding_size
        hidden = self.activation(linear(self.weights, f"{name}.transform.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.transform.LayerNorm", self.dim, hidden, self.epsilon)
        logits = self.to_vocabulary(hidden[:, :narrow], f"{name}.decoder", f"{name}.bias")
        if narrow < self.dim:
            logits += hidden[:, narrow:] @ self.weights.take(
                f"{name}.dense.weight", shape=(self.dim - narrow, self.vocabulary)
            )
        return logits
