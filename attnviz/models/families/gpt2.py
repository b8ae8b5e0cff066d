"""GPT-2 (Radford et al. 2019): learned positions, the norm before each sublayer, one matrix for Q, K and V."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import equal_heads
from attnviz.models.families.layers import attention, heads_of, take_layer_norm, transposed_linear


class Gpt2(CausalStack):
    """The decoder of GPT-2; its weights are kept as [inputs, outputs].

    positions_table: the name of the learned positions.
    """

    prefixes = ("", "transformer.")
    keys = ConfigKeys(
        layers=("n_layer", 12),
        dim=("n_embd", 768),
        heads=("n_head", 12),
        vocabulary=("vocab_size", 50257),
        positions=("n_positions", 1024),
    )
    embedding = "wte.weight"
    positions_table: ClassVar[str] = "wpe.weight"
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
        self.intermediate_size = self.read_intermediate_size()
        self.epsilon = self.config.number("layer_norm_epsilon", default=1e-5)
        self.activation = activation(self.activation_name())
        self.head_dim = equal_heads(self.dim, self.heads)

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return self.config.count("n_inner", default=4 * self.dim)

    def activation_name(self) -> str:
        """Return the config's name of the feed-forward activation."""
        return self.config.word("activation_function", default="gelu_new")

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + position vectors, [n, dim]."""
        hidden = super().embed(ids, segments)
        rows = self.read_positions(self.config)
        hidden += self.weights.rows(self.positions_table, shape=(rows, self.dim), ids=self.places)
        return hidden

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on hidden states [n, dim]."""
        name = f"h.{number}"
        trace = self.attend(number, take_layer_norm(self.weights, f"{name}.ln_1", self.dim, hidden, self.epsilon))
        hidden = hidden + trace.output
        hidden += self.feed(number, take_layer_norm(self.weights, f"{name}.ln_2", self.dim, hidden, self.epsilon))
        return LayerOutput(hidden, trace)

    def attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on inputs [n, dim]."""
        name, dim = f"h.{number}.attn", self.dim
        together = transposed_linear(self.weights, f"{name}.c_attn", dim, 3 * dim)(inputs)
        query, key, value = (heads_of(part, self.heads) for part in np.split(together, 3, axis=-1))
        output = transposed_linear(self.weights, f"{name}.c_proj", dim, dim)
        return attention(
            inputs, inputs, query, key, value, output, allowed=self.masks[number], scale=self.scale_of(number)
        )

    def feed(self, number: int, x: Float32) -> Float32:
        """Return narrow(activation(widen(x))) of x [n, dim]."""
        name, width = f"h.{number}.mlp", self.intermediate_size
        intermediate = transposed_linear(self.weights, f"{name}.c_fc", self.dim, width)(x)
        narrow = transposed_linear(self.weights, f"{name}.c_proj", width, self.dim)
        return narrow(self.activation(intermediate))

    def scale_of(self, number: int) -> float:
        """Return the factor on layer `number`'s dot products."""
        scale = self.head_dim**-0.5 if self.config.flag("scale_attn_weights", True) else 1.0
        return scale / (number + 1) if self.config.flag("scale_attn_by_inverse_layer_idx", False) else scale

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return take_layer_norm(self.weights, "ln_f", self.dim, hidden, self.epsilon)
