"""OPT (Zhang et al. 2022): learned positions from row 2 on, the norm before each sublayer, or after it in one size."""

from __future__ import annotations

from typing import ClassVar

from attnviz.core.attention_data import Trace
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import equal_heads
from attnviz.models.families.layers import attention, heads_of, layer_norm, linear, take_layer_norm

_EPSILON = 1e-5
_FIRST_ROW = 2


class Opt(CausalStack):
    """The decoder of OPT."""

    prefixes = ("", "model.")
    keys = ConfigKeys(vocabulary=("vocab_size", 50272), positions=("max_position_embeddings", 2048))
    embedding = "decoder.embed_tokens.weight"
    reads: ClassVar[tuple[str, ...]] = (
        "_remove_final_layer_norm",
        "activation_function",
        "do_layer_norm_before",
        "enable_bias",
        "ffn_dim",
        "layer_norm_elementwise_affine",
        "max_position_embeddings",
        "word_embed_proj_dim",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.intermediate_size = self.config.count("ffn_dim", default=3072)
        self.activation = activation(self.config.word("activation_function", default="relu"))
        self.biased = self.config.flag("enable_bias", True)
        self.norm_first = self.config.flag("do_layer_norm_before", True)
        equal_heads(self.dim, self.heads)

    @property
    def width(self) -> int:
        """Return the width of the table of token vectors, which may be narrower than the layers."""
        return self.config.count("word_embed_proj_dim", default=self.dim)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, projected where they are narrower, + position vectors: [n, dim]."""
        hidden = super().embed(ids, segments)
        if self.width != self.dim:
            hidden = linear(self.weights, "decoder.project_in", self.width, self.dim, bias=False)(hidden)
        rows = self.read_positions(self.config) + _FIRST_ROW
        places = self.places + _FIRST_ROW
        hidden += self.weights.rows("decoder.embed_positions.weight", shape=(rows, self.dim), ids=places)
        return hidden

    def _norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim], with weights where the config says so."""
        if self.config.flag("layer_norm_elementwise_affine", True):
            return take_layer_norm(self.weights, name, self.dim, x, _EPSILON)
        return layer_norm(x, None, None, _EPSILON)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on [n, dim]; or each norm after its residual."""
        name = f"decoder.layers.{number}"
        before = (lambda part, x: self._norm(f"{name}.{part}", x)) if self.norm_first else (lambda _, x: x)
        after = (lambda _, x: x) if self.norm_first else (lambda part, x: self._norm(f"{name}.{part}", x))
        trace = self._attend(number, before("self_attn_layer_norm", hidden))
        hidden = after("self_attn_layer_norm", hidden + trace.output)
        widen = linear(self.weights, f"{name}.fc1", self.dim, self.intermediate_size, bias=self.biased)
        narrow = linear(self.weights, f"{name}.fc2", self.intermediate_size, self.dim, bias=self.biased)
        output = narrow(self.activation(widen(before("final_layer_norm", hidden))))
        output += hidden
        return LayerOutput(after("final_layer_norm", output), trace)

    def _attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on inputs [n, dim]."""
        name = f"decoder.layers.{number}.self_attn"

        def projected(part: str) -> Float32:
            """Return queries, keys or values, [heads, n, d_h]."""
            layer = linear(self.weights, f"{name}.{part}_proj", self.dim, self.dim, bias=self.biased)
            return heads_of(layer(inputs), self.heads)

        output = linear(self.weights, f"{name}.out_proj", self.dim, self.dim, bias=self.biased)
        return attention(
            inputs, inputs, projected("q"), projected("k"), projected("v"), output, allowed=self.masks[number]
        )

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim], projected to the width of the token vectors."""
        if self.norm_first and not self.config.flag("_remove_final_layer_norm", False):
            hidden = self._norm("decoder.final_layer_norm", hidden)
        if self.width != self.dim:
            hidden = linear(self.weights, "decoder.project_out", self.dim, self.width, bias=False)(hidden)
        return hidden
