"""Granite (IBM 2024) and Granite MoE: Llama with four factors, on embeddings, scores, residuals and logits."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import StackSetup
from attnviz.models.families.layers import linear
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture


class Granite(Llama):
    """Granite 3: the four factors are 1 where the config is silent."""

    reads: ClassVar[tuple[str, ...]] = (
        "attention_multiplier",
        "embedding_multiplier",
        "logits_scaling",
        "residual_multiplier",
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.residual = np.float32(self.config.number("residual_multiplier", default=1.0))

    @property
    def scale(self) -> float:
        """Return the factor on the dot products, attention_multiplier."""
        return self.config.number("attention_multiplier", default=1.0)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors [n, dim] times embedding_multiplier."""
        hidden = super().embed(ids, segments)
        hidden *= np.float32(self.config.number("embedding_multiplier", default=1.0))
        return hidden

    def add(self, hidden: Float32, update: Float32) -> Float32:
        """Return hidden states with a sublayer's output times residual_multiplier added, [n, dim]."""
        return hidden + update * self.residual

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary] divided by logits_scaling."""
        return super().score(hidden) / np.float32(self.config.number("logits_scaling", default=1.0) or 1.0)


class GraniteMoe(Mixture, Granite):
    """Granite MoE: experts in two tensors for each layer."""

    unread: ClassVar[tuple[str, ...]] = ("num_experts",)
    mixture = "block_sparse_moe"
    router = "router.layer"
    width_key = ("intermediate_size", 11008)


class GraniteMoeShared(GraniteMoe):
    """Granite MoE with an expert that sees every token, where the config gives it a width."""

    reads: ClassVar[tuple[str, ...]] = ("shared_intermediate_size",)

    def feed(self, number: int, x: Float32) -> Float32:
        """Return what the chosen experts make of x [n, dim], plus what the shared one makes of it."""
        output = super().feed(number, x)
        width = self.config.count("shared_intermediate_size", default=0, least=0)
        if not width:
            return output
        name = f"{self.layer.format(n=number)}.shared_mlp"
        both = linear(self.weights, f"{name}.input_linear", self.dim, 2 * width, bias=False)(x)
        gate, up = np.split(both, 2, axis=-1)
        return output + linear(self.weights, f"{name}.output_linear", width, self.dim, bias=False)(
            self.activation(gate) * up
        )
