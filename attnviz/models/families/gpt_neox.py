"""GPT-NeoX (Black et al. 2022), the family of Pythia: rotary on a part of each head, both sublayers side by side."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, heads_of, linear, take_layer_norm
from attnviz.models.families.rotary import longest_text, rotate, rotation_for

_ROTARY: dict[str, Any] = {
    "names": {"theta": "rotary_emb_base", "share": "rotary_pct"},
    "share": 0.25,
    "longest": 2048,
    "rounds_up": True,
}


class GptNeoX(CausalStack):
    """The decoder of GPT-NeoX."""

    prefixes = ("", "gpt_neox.")
    keys = ConfigKeys(
        layers=("num_hidden_layers", 44),
        dim=("hidden_size", 6144),
        heads=("num_attention_heads", 64),
        intermediate_size=("intermediate_size", 24576),
        vocabulary=("vocab_size", 50432),
        positions=("max_position_embeddings", 2048),
    )
    embedding = "embed_in.weight"
    head = ("lm_head.weight", "embed_out.weight")
    tied = False
    reads: ClassVar[tuple[str, ...]] = (
        "attention_bias",
        "head_dim",
        "hidden_act",
        "intermediate_size",
        "layer_norm_eps",
        "max_position_embeddings",
        "original_max_position_embeddings",
        "rope_parameters",
        "rope_scaling",
        "rotary_emb_base",
        "rotary_pct",
        "use_parallel_residual",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.intermediate_size = self.size(self.config, "intermediate_size")
        self.epsilon = self.config.number("layer_norm_eps", default=1e-5)
        self.activation = activation(self.config.word("hidden_act", default="gelu"))
        head_dim = equal_heads(self.dim, self.heads)
        if self.config.count("head_dim", default=head_dim) != head_dim:
            raise InputError(
                "The model's config gives a head_dim of {given}, and its heads share {dim} dimensions: {width} each.",
                given=self.config.get("head_dim"),
                dim=self.dim,
                width=head_dim,
            )
        self.rotation = rotation_for(self.config, head_dim, self.length, start=self.start, **_ROTARY)

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return longest_text(config, cls.keys.positions[1], **_ROTARY)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention and feed-forward on the same [n, dim], or one after the other, each after a norm."""
        name = f"layers.{number}"
        trace = self._attend(
            number, take_layer_norm(self.weights, f"{name}.input_layernorm", self.dim, hidden, self.epsilon)
        )
        attended = hidden + trace.output
        seen = hidden if self.config.flag("use_parallel_residual", True) else attended
        normed = take_layer_norm(self.weights, f"{name}.post_attention_layernorm", self.dim, seen, self.epsilon)
        intermediate = linear(self.weights, f"{name}.mlp.dense_h_to_4h", self.dim, self.intermediate_size)(normed)
        narrow = linear(self.weights, f"{name}.mlp.dense_4h_to_h", self.intermediate_size, self.dim)
        attended += narrow(self.activation(intermediate))
        return LayerOutput(attended, trace)

    def _attend(self, number: int, inputs: Float32) -> Trace:
        """Run attention on normed inputs [n, dim]; each head's query, key and value lie side by side in one product."""
        name, bias = f"layers.{number}.attention", self.config.flag("attention_bias", True)
        together = linear(self.weights, f"{name}.query_key_value", self.dim, 3 * self.dim, bias=bias)(inputs)
        query, key, value = np.split(heads_of(together, self.heads), 3, axis=-1)
        output = linear(self.weights, f"{name}.dense", self.dim, self.dim, bias=bias)
        query, key = rotate(query, self.rotation), rotate(key, self.rotation)
        return attention(inputs, inputs, query, key, value, output, allowed=self.masks[number])

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return take_layer_norm(self.weights, "final_layer_norm", self.dim, hidden, self.epsilon)
