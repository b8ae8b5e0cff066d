"""The text sides of CLIP (Radford et al. 2021), which is causal, and of SigLIP (Zhai et al. 2023), which is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, ModelShape, StackSetup
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, heads_of, linear, take_layer_norm


class ClipText(CausalStack):
    """CLIP's text side: a table of positions, pre-norm layers; it gives a vector and no words.

    default_epsilon: of its norms, where the config is silent.
    """

    default_epsilon: ClassVar[float] = 1e-5

    prefixes = ("", "text_model.", "clip.text_model.")
    embedding = "embeddings.token_embedding.weight"
    keys = ConfigKeys(
        dim=("hidden_size", 512),
        heads=("num_attention_heads", 8),
        intermediate_size=("intermediate_size", 2048),
        vocabulary=("vocab_size", 49_408),
        positions=("max_position_embeddings", 77),
        activation=("hidden_act", "quick_gelu"),
    )
    reads: ClassVar[tuple[str, ...]] = ("hidden_act", "intermediate_size", "layer_norm_eps", "max_position_embeddings")
    unread: ClassVar[tuple[str, ...]] = ("tie_word_embeddings",)
    harmless: ClassVar[Mapping[str, str]] = {
        "initializer_factor": "training",
        "is_decoder": "family",
        "logit_scale_init_value": "training",
        "projection_dim": "head",
        "tie_word_embeddings": "family",
    }

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        equal_heads(self.dim, self.heads)
        self.wide = self.size(self.config, "intermediate_size")
        self.epsilon = self.config.number("layer_norm_eps", default=self.default_epsilon)
        name, default = self.keys.activation
        self.activation = activation(self.config.word(name, default=default))

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors with those of their positions, [n, dim]."""
        hidden = super().embed(ids, segments)
        shape = (self.size(self.config, "positions"), self.dim)
        hidden += self.weights.rows("embeddings.position_embedding.weight", shape=shape, ids=self.places)
        return hidden

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on [n, dim]."""
        name = f"encoder.layers.{number}"
        normed = take_layer_norm(self.weights, f"{name}.layer_norm1", self.dim, hidden, self.epsilon)
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.self_attn.{part}_proj", self.dim, self.dim)(normed), self.heads)
            for part in ("q", "k", "v")
        )
        output = linear(self.weights, f"{name}.self_attn.out_proj", self.dim, self.dim)
        trace = attention(normed, normed, query, key, value, output, allowed=self.masks[number])
        hidden = hidden + trace.output
        normed = take_layer_norm(self.weights, f"{name}.layer_norm2", self.dim, hidden, self.epsilon)
        inner = self.activation(linear(self.weights, f"{name}.mlp.fc1", self.dim, self.wide)(normed))
        hidden += linear(self.weights, f"{name}.mlp.fc2", self.wide, self.dim)(inner)
        return LayerOutput(hidden, trace)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return take_layer_norm(self.weights, "final_layer_norm", self.dim, hidden, self.epsilon)

    def score(self, hidden: Float32) -> Float32:  # noqa: ARG002
        """Raise InputError: such a text side has no head that gives words."""
        raise InputError("{family} gives a vector for the text and no words.", family=self.shape.family)


class SiglipText(ClipText):
    """SigLIP's text side: CLIP's, but that a token attends to all others."""

    prefixes = ("", "text_model.", "siglip.text_model.")
    keys = ConfigKeys(
        dim=("hidden_size", 768),
        heads=("num_attention_heads", 12),
        intermediate_size=("intermediate_size", 3072),
        vocabulary=("vocab_size", 32_000),
        positions=("max_position_embeddings", 64),
        activation=("hidden_act", "gelu_pytorch_tanh"),
    )
    default_epsilon = 1e-6
    harmless: ClassVar[Mapping[str, str]] = {**ClipText.harmless, "projection_size": "head"}

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        return replace(super().read_shape(config, family), causal=False)
