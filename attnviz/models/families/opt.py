"""OPT (Zhang et al. 2022): learned positions from row 2 on, the norm before each sublayer, or after it in one size."""

from __future__ import annotations

from typing import ClassVar

from attnviz.core.attention_data import Trace
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import equal_heads
from attnviz.models.families.layers import attention, heads_of, layer_norm, linear, take_layer_norm

EPSILON = 1e-5
FIRST_ROW = 2


class Opt(CausalStack):
    """The decoder of OPT.

    stem: what the names of all tensors but the head's begin with. last_norm: the name of the norm after the layers.
    width_key, activation_key: the config's names of the width and the activation of the feed-forward layers, with the
    family's defaults.
    """

    prefixes: ClassVar[tuple[str, ...]] = ("", "model.")
    keys = ConfigKeys(vocabulary=("vocab_size", 50272), positions=("max_position_embeddings", 2048))
    width_key: ClassVar[tuple[str, int]] = ("ffn_dim", 3072)
    activation_key: ClassVar[tuple[str, str]] = ("activation_function", "relu")
    embedding = "decoder.embed_tokens.weight"
    stem: ClassVar[str] = "decoder."
    last_norm: ClassVar[str] = "final_layer_norm"
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
        name, width = self.width_key
        self.intermediate_size = self.config.count(name, default=width)
        name, default = self.activation_key
        self.activation = activation(self.config.word(name, default=default))
        self.biased, self.norm_first = self.read_switches()
        equal_heads(self.dim, self.heads)

    def read_switches(self) -> tuple[bool, bool]:
        """Return whether there are biases, and whether norms stand before the sublayers."""
        return self.config.flag("enable_bias", True), self.config.flag("do_layer_norm_before", True)

    @property
    def width(self) -> int:
        """Return the width of the table of token vectors, which may be narrower than the layers."""
        return self.config.count("word_embed_proj_dim", default=self.dim)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, projected where they are narrower, + position vectors: [n, dim]."""
        hidden = super().embed(ids, segments)
        if self.width != self.dim:
            hidden = linear(self.weights, f"{self.stem}project_in", self.width, self.dim, bias=False)(hidden)
        hidden += self.position_vectors()
        return hidden

    def position_vectors(self) -> Float32:
        """Return the learned positions of the tokens that are read, [n, dim]."""
        rows = self.read_positions(self.config) + FIRST_ROW
        places = self.places + FIRST_ROW
        return self.weights.rows(f"{self.stem}embed_positions.weight", shape=(rows, self.dim), ids=places)

    def norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim], with weights where the config says so."""
        if self.config.flag("layer_norm_elementwise_affine", True):
            return take_layer_norm(self.weights, name, self.dim, x, EPSILON)
        return layer_norm(x, None, None, EPSILON)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on [n, dim]; or each norm after its residual."""
        name = f"{self.stem}layers.{number}"
        before = (lambda part, x: self.norm(f"{name}.{part}", x)) if self.norm_first else (lambda _, x: x)
        after = (lambda _, x: x) if self.norm_first else (lambda part, x: self.norm(f"{name}.{part}", x))
        trace = self._attend(number, before("self_attn_layer_norm", hidden))
        hidden = after("self_attn_layer_norm", hidden + trace.output)
        widen = linear(self.weights, f"{name}.fc1", self.dim, self.intermediate_size, bias=self.biased)
        narrow = linear(self.weights, f"{name}.fc2", self.intermediate_size, self.dim, bias=self.biased)
        output = narrow(self.activation(widen(before("final_layer_norm", hidden))))
        output += hidden
        return LayerOutput(after("final_layer_norm", output), trace)

    def _attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on inputs [n, dim]."""
        name = f"{self.stem}layers.{number}.self_attn"

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
            hidden = self.norm(f"{self.stem}{self.last_norm}", hidden)
        if self.width != self.dim:
            hidden = linear(self.weights, f"{self.stem}project_out", self.dim, self.width, bias=False)(hidden)
        return hidden
