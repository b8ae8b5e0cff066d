"""Marian (Junczys-Dowmunt et al. 2018), the family of OPUS-MT: a translator built as the first transformer.

Sinusoidal positions, scaled embeddings, the norm after each sublayer (Vaswani et al. 2017).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

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


class MarianDecoder(Stack):
    """Marian's decoder; its encoder is the same without cross-attention and without a mask."""

    prefixes = ("", "model.")
    side: ClassVar[str] = "decoder"
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
        self.intermediate_size = self.config.count(f"{self.side}_ffn_dim", default=4096)
        self.activation = activation(self.config.word("activation_function", default="gelu"))
        equal_heads(self.dim, self.heads)

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        vocabulary = config.count("vocab_size", default=58101)
        shared = config.flag("share_encoder_decoder_embeddings", True)
        return ModelShape(
            family=family,
            layers=config.layers("encoder_layers", default=12),
            heads=config.count("encoder_attention_heads", default=16),
            dim=config.count("d_model", "hidden_size", default=1024),
            positions=config.count("max_position_embeddings", default=1024),
            causal=False,
            vocabulary=vocabulary,
            encoder_decoder=True,
            decoder_layers=config.layers("decoder_layers", default=12),
            decoder_heads=config.count("decoder_attention_heads", default=16),
            target_vocabulary=vocabulary if shared else config.count("decoder_vocab_size", default=vocabulary),
        )

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, times sqrt(dim) where the config says so, + sinusoids, all sines first: [n, dim]."""
        refuse_segments(segments, self.shape.family)
        hidden = word_vectors(self.weights, self._embedding_names(self.side), ids, self.vocabulary, self.dim)
        if self.config.flag("scale_embedding", False):
            hidden *= np.float32(self.dim**0.5)
        waves = sinusoidal(len(ids), self.dim, self.start)
        hidden += np.concatenate([waves[:, 0::2], waves[:, 1::2]], axis=1)
        return hidden

    def _embedding_names(self, side: str) -> tuple[str, ...]:
        """Return the possible names of a side's table: both share one unless the config says otherwise."""
        own, shared = f"{side}.embed_tokens.weight", self.config.flag("share_encoder_decoder_embeddings", True)
        return ("shared.weight", own) if shared else (own,)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, cross-attention in a decoder, feed-forward on [n, dim]; a norm after each residual."""
        name = f"{self.side}.layers.{number}"
        attended = self._attend(f"{name}.self_attn", hidden, hidden, self.masks[number])
        hidden = self._norm(f"{name}.self_attn_layer_norm", hidden + attended.output)
        cross_attention = None
        if self.encoder_hidden_states is not None:
            cross_attention = self._attend(f"{name}.encoder_attn", hidden, self.encoder_hidden_states, None)
            hidden = self._norm(f"{name}.encoder_attn_layer_norm", hidden + cross_attention.output)
        intermediate = self.activation(linear(self.weights, f"{name}.fc1", self.dim, self.intermediate_size)(hidden))
        intermediate = linear(self.weights, f"{name}.fc2", self.intermediate_size, self.dim)(intermediate)
        intermediate += hidden
        return LayerOutput(self._norm(f"{name}.final_layer_norm", intermediate), attended, cross_attention)

    def _norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim]."""
        return take_layer_norm(self.weights, name, self.dim, x, _EPSILON)

    def _attend(self, name: str, inputs: Float32, key_inputs: Float32, allowed: Booleans | None) -> Trace:
        """Run attention of inputs [n, dim] to key_inputs [keys, dim]."""
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.{part}_proj", self.dim, self.dim)(seen), self.heads)
            for part, seen in (("q", inputs), ("k", key_inputs), ("v", key_inputs))
        )
        output = linear(self.weights, f"{name}.out_proj", self.dim, self.dim)
        return attention(inputs, key_inputs, query, key, value, output, allowed=allowed)

    def score(self, hidden: Float32) -> Float32:
        """Return logits [n, vocabulary] by lm_head or the table that it is tied to, and a bias."""
        embedding = self._embedding_names("decoder")
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
