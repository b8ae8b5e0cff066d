"""T5 (Raffel et al. 2020) and its later editions (v1.1, FLAN, mT5): an encoder and a decoder with cross-attention.

Logits are not scaled by 1/sqrt(d); relative biases of the first layer serve all; root mean square norms come first.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.positions import t5_buckets
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.activations import Activation, activation
from attnviz.models.families.base import (
    ConfigKeys,
    LayerOutput,
    ModelShape,
    Stack,
    StackSetup,
    refuse_segments,
    word_vectors,
)
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import Linear, attention, heads_of, linear, relative_bias, take_rms_norm
from attnviz.models.families.position_change import stand_together

# Encoder and decoder share one table of token vectors, under the first of these names that is there.
_EMBEDDINGS = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


class T5Decoder(Stack):
    """T5's decoder; its encoder is the same without cross-attention and without a mask.

    default_feed: the feed-forward sublayer where the config is silent.
    """

    keys = ConfigKeys(
        layers=("num_layers", 6), dim=("d_model", 512), heads=("num_heads", 8), vocabulary=("vocab_size", 32128)
    )
    side: ClassVar[str] = "decoder"
    reads: ClassVar[tuple[str, ...]] = (
        "d_ff",
        "d_kv",
        "d_model",
        "dense_act_fn",
        "feed_forward_proj",
        "head_dim",
        "is_gated_act",
        "layer_norm_epsilon",
        "num_decoder_layers",
        "num_heads",
        "num_layers",
        "relative_attention_max_distance",
        "relative_attention_num_buckets",
        "scale_decoder_outputs",
    )
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "alone"}
    default_feed: ClassVar[str] = "relu"
    default_intermediate_size: ClassVar[int] = 2048

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.head_dim = self.config.count("d_kv", "head_dim", default=64)
        self.intermediate_size = self.config.count("d_ff", default=self.default_intermediate_size)
        self.epsilon = self.config.number("layer_norm_epsilon", default=1e-6)
        self.gated, self.activation = self._read_feed_forward()

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone; a text may have any length.

        T5EncoderModel and its kin have no decoder.
        """
        layers, heads, vocabulary = (cls.size(config, key) for key in ("layers", "heads", "vocabulary"))
        both = config.get("architectures") not in (["T5EncoderModel"], ["MT5EncoderModel"], ["UMT5EncoderModel"])
        return ModelShape(
            family=family,
            layers=layers,
            heads=heads,
            dim=cls.size(config, "dim"),
            positions=None,
            causal=False,
            vocabulary=vocabulary,
            encoder_decoder=both,
            decoder_layers=config.layers("num_decoder_layers", default=layers) if both else None,
            decoder_heads=heads if both else None,
            target_vocabulary=vocabulary if both else None,
        )

    def _read_feed_forward(self) -> tuple[bool, Activation]:
        """Return whether the feed-forward sublayer is gated, and its activation.

        feed_forward_proj says both; where is_gated_act and dense_act_fn are given, they go before it, as in
        transformers.
        """
        name = self.config.word("feed_forward_proj", default=self.default_feed)
        gated, _, kind = name.rpartition("-")
        if gated not in ("", "gated"):
            raise InputError(
                "The model's config must give feed_forward_proj as gated-ACTIVATION or ACTIVATION, not {value!r}.",
                value=name,
            )
        told = self.config.word("dense_act_fn", default="gelu_new" if name == "gated-gelu" else kind)
        return self.config.flag("is_gated_act", default=bool(gated)), activation(told)

    @cached_property
    def bias(self) -> Float32:
        """Return the relative biases, which all layers share: [heads, n, length]."""
        return self.bias_by(0)

    def bias_by(self, number: int) -> Float32:
        """Return the relative biases by the table of layer `number`: [heads, n, length]."""
        count = self.config.count("relative_attention_num_buckets", default=32, least=4)
        name = f"{self.side}.block.{number}.layer.0.SelfAttention.relative_attention_bias.weight"
        return relative_bias(self.weights.take(name, shape=(count, self.heads)), self.buckets)

    @cached_property
    def buckets(self) -> Indexes:
        """Return the bucket of each distance, [n, length]."""
        count = self.config.count("relative_attention_num_buckets", default=32, least=4)
        longest = self.config.count("relative_attention_max_distance", default=128, least=count // 2 + 1)
        causal = self.side == "decoder"
        found = t5_buckets(
            self.length - self.start, self.length, offset=self.start, causal=causal, buckets=count, farthest=longest
        )
        return found * (not stand_together())  # bucket 0 is distance 0

    def layer_bias(self, number: int) -> Float32:  # noqa: ARG002
        """Return the relative biases of layer `number`, [heads, n, length]."""
        return self.bias

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors [n, dim], from one table for both texts."""
        refuse_segments(segments, self.shape.family)
        return word_vectors(self.weights, _EMBEDDINGS, ids, self.vocabulary, self.dim)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, cross-attention in a decoder, feed-forward on [n, dim]; each after a norm."""
        name = f"{self.side}.block.{number}.layer"
        inputs = self._norm(f"{name}.0", hidden)
        attended = self._attend(f"{name}.0.SelfAttention", inputs, inputs, self.masks[number], self.layer_bias(number))
        hidden = hidden + attended.output
        cross_attention, last = None, 1
        if self.encoder_hidden_states is not None:
            inputs, last = self._norm(f"{name}.1", hidden), 2
            cross_attention = self._attend(f"{name}.1.EncDecAttention", inputs, self.encoder_hidden_states, None, None)
            hidden += cross_attention.output
        hidden += self._feed(f"{name}.{last}.DenseReluDense", self._norm(f"{name}.{last}", hidden))
        return LayerOutput(hidden, attended, cross_attention)

    def _norm(self, name: str, x: Float32) -> Float32:
        """Return the root mean square norm of x [n, dim]."""
        return take_rms_norm(self.weights, f"{name}.layer_norm", self.dim, x, self.epsilon)

    def _attend(
        self, name: str, inputs: Float32, key_inputs: Float32, allowed: Booleans | None, bias: Float32 | None
    ) -> Trace:
        """Run attention of inputs [n, dim] to key_inputs [keys, dim]."""
        width = self.heads * self.head_dim
        query, key, value = (
            heads_of(self._linear(f"{name}.{part}", self.dim, width)(seen), self.heads)
            for part, seen in (("q", inputs), ("k", key_inputs), ("v", key_inputs))
        )
        output = self._linear(f"{name}.o", width, self.dim)
        return attention(inputs, key_inputs, query, key, value, output, allowed=allowed, bias=bias, scale=1.0)

    def _feed(self, name: str, x: Float32) -> Float32:
        """Return the feed-forward of x [n, dim]."""
        first = "wi_0" if self.gated else "wi"
        intermediate = self.activation(self._linear(f"{name}.{first}", self.dim, self.intermediate_size)(x))
        if self.gated:
            intermediate = intermediate * self._linear(f"{name}.wi_1", self.dim, self.intermediate_size)(x)
        return self._linear(f"{name}.wo", self.intermediate_size, self.dim)(intermediate)

    def _linear(self, name: str, inputs: int, outputs: int) -> Linear:
        """Return the layer of the tensor `name`.weight [outputs, inputs]; no layer of T5 has a bias."""
        return linear(self.weights, name, inputs, outputs, bias=False)

    def scaled(self) -> bool:
        """Return whether hidden states are divided by sqrt(dim) before the head: where it is tied to the table."""
        return self.config.flag("scale_decoder_outputs", self.config.flag("tie_word_embeddings", True))

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return take_rms_norm(self.weights, f"{self.side}.final_layer_norm", self.dim, hidden, self.epsilon)

    def score(self, hidden: Float32) -> Float32:
        """Return logits [n, vocabulary] by lm_head or the table that it is tied to, scaled before if `scaled`."""
        if self.scaled():
            hidden = hidden * hidden.dtype.type(self.dim**-0.5)
        logits: Float32 = (
            hidden @ self.weights.take("lm_head.weight", *_EMBEDDINGS, shape=(self.vocabulary, self.dim)).T
        )
        return logits


class T5(T5Decoder):
    """T5's encoder."""

    side = "encoder"
    decoder = T5Decoder


class Mt5Decoder(T5Decoder):
    """The decoder of mT5 (Xue et al. 2021): other defaults."""

    keys = ConfigKeys(
        layers=("num_layers", 8), dim=("d_model", 512), heads=("num_heads", 6), vocabulary=("vocab_size", 250_112)
    )
    default_feed = "gated-gelu"
    default_intermediate_size = 1024
    unread: ClassVar[tuple[str, ...]] = ("scale_decoder_outputs", "tie_word_embeddings")
    harmless: ClassVar[Mapping[str, str]] = {
        "is_decoder": "alone",
        "tie_word_embeddings": "tensors",
        "scale_decoder_outputs": "family",
    }

    def scaled(self) -> bool:
        """Return False: mT5 never scales before its head."""
        return False


class Mt5(Mt5Decoder, T5):
    """The encoder of mT5."""

    side = "encoder"
    decoder = Mt5Decoder


class Umt5Decoder(T5Decoder):
    """The decoder of umT5 (Chung et al. 2023): every layer has a table of biases of its own."""

    keys = ConfigKeys(
        layers=("num_layers", 8), dim=("d_model", 512), heads=("num_heads", 6), vocabulary=("vocab_size", 250_112)
    )
    default_feed = "gated-gelu"
    default_intermediate_size = 1024

    def layer_bias(self, number: int) -> Float32:
        """Return the relative biases of layer `number`, [heads, n, length]."""
        return self.bias_by(number)


class Umt5(Umt5Decoder, T5):
    """The encoder of umT5."""

    side = "encoder"
    decoder = Umt5Decoder
