"""GPT-2 (Radford et al. 2019): learned positions, the norm before each sublayer, one matrix for Q, K and V."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import equal_heads
from attnviz.models.families.layers import attention, heads_of, take_layer_norm, transposed_linear


class Gpt2(CausalStack):
    """The decoder of GPT-2; its weights are kept as [inputs, outputs]."""

    prefixes = ("", "transformer.")
    keys = ConfigKeys(
        layers=("n_layer", 12),
        dim=("n_embd", 768),
        heads=("n_head", 12),
        vocabulary=("vocab_size", 50257),
        positions=("n_positions", 1024),
    )
    embedding = "wte.weight"
    reads: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "layer_norm_epsilon",
        "max_position_embeddings",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "scale_attn_by_inverse_layer_idx",
        "scale_attn_weights",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.intermediate_size = self.config.count("n_inner", default=4 * self.dim)
        self.epsilon = self.config.number("layer_norm_epsilon", default=1e-5)
        self.activation = activation(self.config.word("activation_function", default="gelu_new"))
        self.head_dim = equal_heads(self.dim, self.heads)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + position vectors, [n, dim]."""
        hidden = super().embed(ids, segments)
        rows = self.read_positions(self.config)
        hidden += self.weights.rows("wpe.weight", shape=(rows, self.dim), ids=self.places)
        return hidden

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on hidden states [n, dim]."""
        name, dim = f"h.{number}", self.dim
        inputs = take_layer_norm(self.weights, f"{name}.ln_1", dim, hidden, self.epsilon)
        together = transposed_linear(self.weights, f"{name}.attn.c_attn", dim, 3 * dim)(inputs)
        query, key, value = (heads_of(part, self.heads) for part in np.split(together, 3, axis=-1))
        output = transposed_linear(self.weights, f"{name}.attn.c_proj", dim, dim)
        trace = attention(
            inputs, inputs, query, key, value, output, allowed=self.masks[number], scale=self._scale(number)
        )
        hidden = hidden + trace.output
        normed = take_layer_norm(self.weights, f"{name}.ln_2", dim, hidden, self.epsilon)
        intermediate = transposed_linear(self.weights, f"{name}.mlp.c_fc", dim, self.intermediate_size)(normed)
        narrow = transposed_linear(self.weights, f"{name}.mlp.c_proj", self.intermediate_size, dim)
        hidden += narrow(self.activation(intermediate))
        return LayerOutput(hidden, trace)

    def _scale(self, number: int) -> float:
        """Return the factor on layer `number`'s dot products."""
        scale = self.head_dim**-0.5 if self.config.flag("scale_attn_weights", True) else 1.0
        return scale / (number + 1) if self.config.flag("scale_attn_by_inverse_layer_idx", False) else scale

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return take_layer_norm(self.weights, "ln_f", self.dim, hidden, self.epsilon)
