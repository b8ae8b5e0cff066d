"""Marian (Junczys-Dowmunt et al. 2018), the family of OPUS-MT: a translator built as the first transformer.

Sinusoidal positions, scaled embeddings, the norm after each sublayer (Vaswani et al. 2017). BART and its kin are built
on it, in a module of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.positions import sinusoidal
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import (
    LayerOutput,
    ModelShape,
    Stack,
    StackSetup,
    head_weight,
    refuse_segments,
    word_vectors,
)
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, heads_of, linear, take_layer_norm

_EPSILON = 1e-5


class TranslatorSizes(NamedTuple):
    """A family's defaults where its config is silent; pairs are of the encoder and of the decoder."""

    vocabulary: int = 50265
    dim: int = 1024
    positions: int = 1024
    layers: tuple[int, int] = (12, 12)
    heads: int = 16
    intermediate_size: int = 4096
    activation: str = "gelu"
    scaled: bool = False


class MarianDecoder(Stack):
    """Marian's decoder; its encoder is the same without cross-attention and without a mask.

    norm_first: whether norms stand before the sublayers, with one more at the end, or after them.
    """

    prefixes = ("", "model.")
    side: ClassVar[str] = "decoder"
    sizes: ClassVar[TranslatorSizes] = TranslatorSizes(vocabulary=58101)
    norm_first: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "d_model",
        "decoder_attention_heads",
        "decoder_ffn_dim",
        "decoder_layers",
        "decoder_vocab_size",
        "encoder_attention_heads",
        "encoder_ffn_dim",
        "encoder_layers",
        "max_position_embeddings",
        "scale_embedding",
        "share_encoder_decoder_embeddings",
    )
    unread: ClassVar[tuple[str, ...]] = ("num_hidden_layers", "num_attention_heads")
    harmless: ClassVar[Mapping[str, str]] = {
        "is_decoder": "alone",
        "num_attention_heads": "family",
        "num_hidden_layers": "family",
    }

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.intermediate_size = self.config.count(f"{self.side}_ffn_dim", default=self.sizes.intermediate_size)
        self.activation = activation(self.config.word("activation_function", default=self.sizes.activation))
        equal_heads(self.dim, self.heads)

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        sizes = cls.sizes
        vocabulary = config.count("vocab_size", default=sizes.vocabulary)
        return ModelShape(
            family=family,
            layers=config.layers("encoder_layers", default=sizes.layers[0]),
            heads=config.count("encoder_attention_heads", default=sizes.heads),
            dim=config.count("d_model", "hidden_size", default=sizes.dim),
            positions=config.count("max_position_embeddings", default=sizes.positions),
            causal=False,
            vocabulary=vocabulary,
            encoder_decoder=True,
            decoder_layers=config.layers("decoder_layers", default=sizes.layers[1]),
            decoder_heads=config.count("decoder_attention_heads", default=sizes.heads),
            target_vocabulary=cls.read_target_vocabulary(config, vocabulary),
        )

    @classmethod
    def read_target_vocabulary(cls, config: Configuration, vocabulary: int) -> int:
        """Return the size of the decoder's vocabulary; vocabulary: the encoder's."""
        shared = config.flag("share_encoder_decoder_embeddings", True)
        return vocabulary if shared else config.count("decoder_vocab_size", default=vocabulary)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, times sqrt(dim) where the config says so, + positions: [n, dim]."""
        hidden = self.token_vectors(ids, segments)
        if self.config.flag("scale_embedding", self.sizes.scaled):
            hidden *= np.float32(self.dim**0.5)
        hidden += self.position_vectors(ids)
        return hidden

    def token_vectors(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors of ids [n], [n, dim]; raises InputError for a second segment."""
        refuse_segments(segments, self.shape.family)
        return word_vectors(self.weights, self.embedding_names(self.side), ids, self.vocabulary, self.dim)

    def position_vectors(self, ids: Indexes) -> Float32:
        """Return the sinusoids of token ids [n], all sines first (Vaswani et al. 2017, section 3.5): [n, dim]."""
        waves = sinusoidal(len(ids), self.dim, self.start)
        return np.concatenate([waves[:, 0::2], waves[:, 1::2]], axis=1)

    def embedding_names(self, side: str) -> tuple[str, ...]:
        """Return the possible names of a side's table: both share one unless the config says otherwise."""
        own, flag = f"{side}.embed_tokens.weight", self.config.flag
        if not flag("share_encoder_decoder_embeddings", True):
            return (own,)
        return ("shared.weight", own) if flag("tie_word_embeddings", True) else (own, "shared.weight")

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, cross-attention in a decoder, feed-forward on [n, dim]; a norm before or after each."""
        name = f"{self.side}.layers.{number}"
        inputs = self._before(f"{name}.self_attn_layer_norm", hidden)
        attended = self._attend(f"{name}.self_attn", inputs, inputs, self.masks[number])
        hidden = self._after(f"{name}.self_attn_layer_norm", hidden + attended.output)
        cross_attention = None
        if self.encoder_hidden_states is not None:
            inputs = self._before(f"{name}.encoder_attn_layer_norm", hidden)
            cross_attention = self._attend(f"{name}.encoder_attn", inputs, self.encoder_hidden_states, None)
            hidden = self._after(f"{name}.encoder_attn_layer_norm", hidden + cross_attention.output)
        inputs = self._before(f"{name}.final_layer_norm", hidden)
        intermediate = self.activation(linear(self.weights, f"{name}.fc1", self.dim, self.intermediate_size)(inputs))
        intermediate = linear(self.weights, f"{name}.fc2", self.intermediate_size, self.dim)(intermediate)
        intermediate += hidden
        return LayerOutput(self._after(f"{name}.final_layer_norm", intermediate), attended, cross_attention)

    def norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim]."""
        return take_layer_norm(self.weights, name, self.dim, x, _EPSILON)

    def _before(self, name: str, x: Float32) -> Float32:
        """Return x [n, dim] as a sublayer reads it."""
        return self.norm(name, x) if self.norm_first else x

    def _after(self, name: str, x: Float32) -> Float32:
        """Return x [n, dim], a sum of residual and sublayer, as the next sublayer gets it."""
        return x if self.norm_first else self.norm(name, x)

    def _attend(self, name: str, inputs: Float32, key_inputs: Float32, allowed: Booleans | None) -> Trace:
        """Run attention of inputs [n, dim] to key_inputs [keys, dim]."""
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.{part}_proj", self.dim, self.dim)(seen), self.heads)
            for part, seen in (("q", inputs), ("k", key_inputs), ("v", key_inputs))
        )
        output = linear(self.weights, f"{name}.out_proj", self.dim, self.dim)
        return attention(inputs, key_inputs, query, key, value, output, allowed=allowed)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim], where norms stand before the sublayers."""
        return self.norm(f"{self.side}.layer_norm", hidden) if self.norm_first else hidden

    def score(self, hidden: Float32) -> Float32:
        """Return logits [n, vocabulary] by lm_head or the table that it is tied to, and a bias."""
        embedding = self.embedding_names("decoder")
        tied = self.config.flag("tie_word_embeddings", True)
        shape = (self.vocabulary, self.dim)
        logits: Float32 = hidden @ head_weight(self.weights, "lm_head.weight", embedding, shape, tied=tied).T
        if self.weights.find("final_logits_bias") is not None:
            logits += self.weights.take("final_logits_bias", shape=(1, self.vocabulary))
        return logits


class Marian(MarianDecoder):
    """Marian's encoder."""

    side = "encoder"
    decoder = MarianDecoder
