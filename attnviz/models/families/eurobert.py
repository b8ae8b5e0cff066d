"""EuroBERT (Boizard et al. 2025): Llama's layers in both directions, with a head for masked words."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from attnviz.core.types import Float32
from attnviz.models.families.base import ConfigKeys, ModelShape
from attnviz.models.families.config import Configuration
from attnviz.models.families.llama import Llama


class EuroBert(Llama):
    """EuroBERT: every token attends to all; the head has a bias where the feed-forward layers have one."""

    default_epsilon = 1e-5
    keys = ConfigKeys(
        intermediate_size=("intermediate_size", 3072),
        vocabulary=("vocab_size", 128_256),
        positions=("max_position_embeddings", 8192),
        activation=("hidden_act", "silu"),
    )
    harmless: ClassVar[dict[str, str]] = {"is_decoder": "family", "mask_token_id": "record"}

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        return replace(super().read_shape(config, family), causal=False)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits, [n, dim] -> [n, vocabulary]."""
        logits = super().score(hidden)
        _, _, bias = self.biases()
        return logits + self.weights.take("lm_head.bias", shape=(self.vocabulary,)) if bias else logits
