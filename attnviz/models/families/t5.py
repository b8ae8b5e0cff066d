"""T5 (Raffel et al. 2020) and its later editions (v1.1, FLAN, mT5): an encoder and a decoder that looks it up.

Scores are not scaled; relative biases of the first layer serve all; norms by the root mean square come first.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.positions import t5_buckets
from attnviz.models.families.activations import Activation, activation
from attnviz.models.families.base import (
    Booleans,
    Climbed,
    Float32,
    Ids,
    ModelShape,
    Stack,
    refuse_segments,
    word_vectors,
)
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import attention, causal_mask, heads_of, linear, relative_bias, take_rms_norm
from attnviz.models.families.weights import Weights

# The table of words is one, under the first of these names that is there.
_WORDS = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


class T5Decoder(Stack):
    """T5's decoder; its encoder is the same without the look-up and without a mask."""

    side: ClassVar[str] = "decoder"
    default_feed: ClassVar[str] = "relu"
    default_vocabulary: ClassVar[int] = 32128
    default_layers: ClassVar[int] = 6
    default_heads: ClassVar[int] = 8
    default_inner: ClassVar[int] = 2048

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        shape = self.shape(config, "t5")
        self.dim, self.heads, self.vocabulary = shape.dim, shape.heads, shape.vocabulary
        self.head_dim = config.count("d_kv", "head_dim", default=64)
        self.inner = config.count("d_ff", default=self.default_inner)
        self.epsilon = config.number("layer_norm_epsilon", default=1e-6)
        self.gated, self.bend = self._feed_forward()

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone; it can take a text of any length. T5EncoderModel has no decoder."""
        layers = config.layers("num_layers", "num_hidden_layers", default=cls.default_layers)
        heads = config.count("num_heads", "num_attention_heads", default=cls.default_heads)
        vocabulary = config.count("vocab_size", default=cls.default_vocabulary)
        both = config.get("architectures") not in (["T5EncoderModel"], ["MT5EncoderModel"])
        return ModelShape(
            family=family,
            layers=layers,
            heads=heads,
            dim=config.count("d_model", "hidden_size", default=512),
            positions=None,
            causal=False,
            vocabulary=vocabulary,
            encoder_decoder=both,
            decoder_layers=config.layers("num_decoder_layers", default=layers) if both else None,
            decoder_heads=heads if both else None,
            target_vocabulary=vocabulary if both else None,
        )

    def _feed_forward(self) -> tuple[bool, Activation]:
        """Whether the feed-forward sublayer is gated, and by what it bends: feed_forward_proj says both."""
        name = self.config.word("feed_forward_proj", default=self.default_feed)
        gated, _, bend = name.rpartition("-")
        if gated not in ("", "gated"):
            raise InputError(
                "The model's config must give feed_forward_proj as gated-ACTIVATION or ACTIVATION, not {value!r}.",
                value=name,
            )
        return bool(gated), activation("gelu_new" if name == "gated-gelu" else bend)

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Itself and what came before."""
        return causal_mask(self.count)

    @cached_property
    def bias(self) -> Float32:
        """The relative biases of all layers, [heads, n, n]."""
        count = self.config.count("relative_attention_num_buckets", default=32, least=4)
        longest = self.config.count("relative_attention_max_distance", default=128, least=count // 2 + 1)
        name = f"{self.side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
        table = self.weights.take(name, shape=(count, self.heads))
        causal = self.side == "decoder"
        places = t5_buckets(self.count, self.count, causal=causal, buckets=count, farthest=longest)
        return relative_bias(table, places)

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word vectors, of one table for both texts."""
        refuse_segments(segments, "t5")
        return word_vectors(self.weights, _WORDS, ids, self.vocabulary, self.dim)

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Attention, look-up in the other text where there is one, feed-forward; each after a norm."""
        name = f"{self.side}.block.{number}.layer"
        inputs = self._norm(f"{name}.0", hidden)
        attended = self._attend(f"{name}.0.SelfAttention", inputs, inputs, self.allowed(number), self.bias)
        hidden = hidden + attended.output
        crossed, last = None, 1
        if self.memory is not None:
            inputs, last = self._norm(f"{name}.1", hidden), 2
            crossed = self._attend(f"{name}.1.EncDecAttention", inputs, self.memory, None, None)
            hidden += crossed.output
        hidden += self._feed(f"{name}.{last}.DenseReluDense", self._norm(f"{name}.{last}", hidden))
        return Climbed(hidden, attended, crossed)

    def _norm(self, name: str, x: Float32) -> Float32:
        return take_rms_norm(self.weights, f"{name}.layer_norm", self.dim, x, self.epsilon)

    def _attend(
        self, name: str, inputs: Float32, key_inputs: Float32, allowed: Booleans | None, bias: Float32 | None
    ) -> Trace:
        width = self.heads * self.head_dim
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.{part}", self.dim, width, bias=False)(seen), self.heads)
            for part, seen in (("q", inputs), ("k", key_inputs), ("v", key_inputs))
        )
        output = linear(self.weights, f"{name}.o", width, self.dim, bias=False)
        return attention(inputs, key_inputs, query, key, value, output, allowed=allowed, bias=bias, scale=1.0)

    def _feed(self, name: str, x: Float32) -> Float32:
        first = "wi_0" if self.gated else "wi"
        inner = self.bend(linear(self.weights, f"{name}.{first}", self.dim, self.inner, bias=False)(x))
        if self.gated:
            inner = inner * linear(self.weights, f"{name}.wi_1", self.dim, self.inner, bias=False)(x)
        return linear(self.weights, f"{name}.wo", self.inner, self.dim, bias=False)(inner)

    def scaled(self) -> bool:
        """Whether logits are divided by sqrt(dim): where the words' table is the head's too, as configs say it."""
        return self.config.flag("scale_decoder_outputs", self.config.flag("tie_word_embeddings", True))

    def finish(self, hidden: Float32) -> Float32:
        """The last norm."""
        return take_rms_norm(self.weights, f"{self.side}.final_layer_norm", self.dim, hidden, self.epsilon)

    def score(self, hidden: Float32) -> Float32:
        """Logits by lm_head or the words' table; the first edition, which ties them, divides by sqrt(dim) before."""
        if self.scaled():
            hidden = hidden * hidden.dtype.type(self.dim**-0.5)
        logits: Float32 = hidden @ self.weights.take("lm_head.weight", *_WORDS, shape=(self.vocabulary, self.dim)).T
        return logits


class T5(T5Decoder):
    """T5's encoder, and where its decoder is found."""

    side = "encoder"
    decoder = T5Decoder

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Everything."""
        return None


class Mt5Decoder(T5Decoder):
    """The decoder of mT5 (Xue et al. 2021): other defaults."""

    default_feed = "gated-gelu"
    default_vocabulary = 250_112
    default_layers = 8
    default_heads = 6
    default_inner = 1024

    def scaled(self) -> bool:
        """Never."""
        return False


class Mt5(Mt5Decoder, T5):
    """The encoder of mT5."""

    side = "encoder"
    decoder = Mt5Decoder
