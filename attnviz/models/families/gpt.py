"""GPT (Radford et al. 2018) and CTRL (Keskar et al. 2019), older and younger than GPT-2."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.positions import sinusoidal
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import ConfigKeys, LayerOutput
from attnviz.models.families.gpt2 import Gpt2
from attnviz.models.families.layer_norm_decoder import DecoderNames, LayerNormDecoder, Projected
from attnviz.models.families.layers import heads_of, layer_norm, linear, take_layer_norm


class Gpt(Gpt2):
    """GPT: the norms stand after the residuals, and there is none at the end."""

    reads: ClassVar[tuple[str, ...]] = ("afn",)
    unread: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "n_inner",
        "scale_attn_by_inverse_layer_idx",
        "scale_attn_weights",
    )
    keys = Gpt2.keys._replace(vocabulary=("vocab_size", 40478), positions=("n_positions", 512))
    embedding = "tokens_embed.weight"
    positions_table = "positions_embed.weight"

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return 4 * self.dim

    def activation_name(self) -> str:
        """Return the feed-forward activation; "gelu" means its approximation by tanh."""
        name = self.config.word("afn", default="gelu")
        return "gelu_new" if name == "gelu" else name

    def scale_of(self, number: int) -> float:  # noqa: ARG002
        """Return the factor on a layer's dot products."""
        return float(self.head_dim**-0.5)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, residual, norm; feed-forward, residual, norm on hidden states [n, dim]."""
        name = f"h.{number}"
        trace = self.attend(number, hidden)
        attended = take_layer_norm(self.weights, f"{name}.ln_1", self.dim, hidden + trace.output, self.epsilon)
        output = attended + self.feed(number, attended)
        return LayerOutput(take_layer_norm(self.weights, f"{name}.ln_2", self.dim, output, self.epsilon), trace)

    def finish(self, hidden: Float32) -> Float32:
        """Return hidden states [n, dim] as they are."""
        return hidden


class Ctrl(LayerNormDecoder):
    """CTRL: sinusoids for positions, scaled token vectors, a head with a bias."""

    keys = ConfigKeys(
        layers=("n_layer", 48),
        dim=("n_embd", 1280),
        heads=("n_head", 16),
        vocabulary=("vocab_size", 246_534),
        positions=("n_positions", 256),
    )
    embedding = "w.weight"
    names = DecoderNames(
        attention_norm="layernorm1",
        attention="multi_head_attention",
        output="dense",
        feed_norm="layernorm2",
        widen="ffn.0",
        narrow="ffn.2",
        last_norm="layernorm",
    )
    default_activation = "relu"
    reads: ClassVar[tuple[str, ...]] = ("dff", "max_position_embeddings", "n_embd", "n_head", "n_layer", "n_positions")

    def read_intermediate_size(self) -> int:
        """Return the inner width of the feed-forward layer."""
        return self.config.count("dff", default=8192)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors times sqrt(dim) + sinusoids, all sines first (Vaswani et al. 2017, section 3.5)."""
        hidden = super().embed(ids, segments)
        hidden *= np.float32(self.dim**0.5)
        waves = sinusoidal(self.length, self.dim)[self.places]
        hidden += np.concatenate([waves[:, 0::2], waves[:, 1::2]], axis=1)
        return hidden

    def norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim]; only the last one adds the config's number to the variance."""
        weight, bias = (self.weights.take(f"{name}.{part}", shape=(self.dim,)) for part in ("weight", "bias"))
        return layer_norm(x, weight, bias, self.epsilon if name == self.names.last_norm else 1e-6)

    def project(self, name: str, inputs: Float32) -> Projected:
        """Return the heads' queries, keys and values of inputs [n, dim]."""
        query, key, value = (
            heads_of(linear(self.weights, f"{name}.{part}", self.dim, self.dim)(inputs), self.heads)
            for part in ("Wq", "Wk", "Wv")
        )
        return query, key, value

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary], by a head with a bias."""
        return super().score(hidden) + self.weights.take("lm_head.bias", shape=(self.vocabulary,))
