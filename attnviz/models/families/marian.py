"""Marian (Junczys-Dowmunt et al. 2018), the family of OPUS-MT: translation by the first transformer's plan.

Sinusoidal positions, scaled embeddings, the norm after each sublayer (Vaswani et al. 2017).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.positions import sinusoidal
from attnviz.models.families.activations import activation
from attnviz.models.families.base import (
    Booleans,
    Climbed,
    Float32,
    Ids,
    ModelShape,
    Stack,
    head_weight,
    refuse_segments,
    word_vectors,
)
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, causal_mask, heads_of, linear, take_layer_norm
from attnviz.models.families.weights import Weights

_EPSILON = 1e-5


class MarianDecoder(Stack):
    """Marian's decoder; its encoder is the same without the look-up and without a mask."""

    prefixes = ("", "model.")
    side: ClassVar[str] = "decoder"

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        self.dim = self.shape(config, "marian").dim
        self.heads = config.count(f"{self.side}_attention_heads", default=16)
        self.inner = config.count(f"{self.side}_ffn_dim", default=4096)
        self.bend = activation(config.word("activation_function", default="gelu"))
        equal_heads(self.dim, self.heads)

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
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

    @property
    def vocabulary(self) -> int:
        """How many ids this side knows."""
        shape = self.shape(self.config, "marian")
        return (shape.target_vocabulary if self.side == "decoder" else None) or shape.vocabulary

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Itself and what came before."""
        return causal_mask(self.count)

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word vectors, times sqrt(dim) where the config says so, + waves: all sines, then all cosines."""
        refuse_segments(segments, "marian")
        hidden = word_vectors(self.weights, self._words(self.side), ids, self.vocabulary, self.dim)
        if self.config.flag("scale_embedding", False):
            hidden *= np.float32(self.dim**0.5)
        waves = sinusoidal(len(ids), self.dim)
        hidden += np.concatenate([waves[:, 0::2], waves[:, 1::2]], axis=1)
        return hidden

    def _words(self, side: str) -> tuple[str, ...]:
        """What a side's table may be called: both share one unless the config says otherwise."""
        own, shared = f"{side}.embed_tokens.weight", self.config.flag("share_encoder_decoder_embeddings", True)
        return ("shared.weight", own) if shared else (own,)

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Attention, look-up in the other text where there is one, feed-forward; a norm after each residual."""
        name = f"{self.side}.layers.{number}"
        attended = self._attend(f"{name}.self_attn", hidden, hidden, self.allowed(number))
        hidden = self._norm(f"{name}.self_attn_layer_norm", hidden + attended.output)
        crossed = None
        if self.memory is not None:
            crossed = self._attend(f"{name}.encoder_attn", hidden, self.memory, None)
            hidden = self._norm(f"{name}.encoder_attn_layer_norm", hidden + crossed.output)
        inner = self.bend(linear(self.weights, f"{name}.fc1", self.dim, self.inner)(hidden))
        inner = linear(self.weights, f"{name}.fc2", self.inner, self.dim)(inner)
        inner += hidden
        return Climbed(self._norm(f"{name}.final_layer_norm", inner), attended, crossed)

    def _norm(self, name: str, x: Float32) -> Float32:
        return take_layer_norm(self.weights, name, self.dim, x, _EPSILON)

    def _attend(self, name: str, inputs: Float32, key_inputs: Float32, allowed: Booleans | None) -> Trace:
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.{part}_proj", self.dim, self.dim)(seen), self.heads)
            for part, seen in (("q", inputs), ("k", key_inputs), ("v", key_inputs))
        )
        output = linear(self.weights, f"{name}.out_proj", self.dim, self.dim)
        return attention(inputs, key_inputs, query, key, value, output, allowed=allowed)

    def score(self, hidden: Float32) -> Float32:
        """Logits by lm_head or the words' table it is tied to, and a bias."""
        words = self._words("decoder")
        tied = self.config.flag("tie_word_embeddings", True)
        shape = (self.vocabulary, self.dim)
        logits: Float32 = hidden @ head_weight(self.weights, ("lm_head.weight",), words, shape, tied=tied).T
        if self.weights.find("final_logits_bias") is not None:
            logits += self.weights.take("final_logits_bias", shape=(1, self.vocabulary))
        return logits


class Marian(MarianDecoder):
    """Marian's encoder, and where its decoder is found."""

    side = "encoder"
    decoder = MarianDecoder

    def allowed(self, number: int) -> Booleans | None:  # noqa: ARG002  all layers are alike
        """Everything."""
        return None
