"""Phi-3.5-MoE (Abdin et al. 2024): Llama with layer norms and two experts a token, chosen one after the other.

The routing is SparseMixer's (Liu et al. 2024, "GRIN", section 2.2), as it is without training.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import take_layer_norm
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture
from attnviz.models.families.rotary import Rotation


class PhiMoe(Mixture):
    """The decoder of Phi-3.5-MoE and Phi-mini-MoE."""

    reads: ClassVar[tuple[str, ...]] = ("lm_head_bias", "router_jitter_noise", "sliding_window")
    unread: ClassVar[tuple[str, ...]] = ("mlp_bias", "num_experts", "num_experts_per_tok")
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {"num_experts_per_tok": (2,)}
    harmless: ClassVar[dict[str, str]] = {**Llama.harmless, "input_jitter_noise": "training"}
    keys = Llama.keys._replace(
        intermediate_size=("intermediate_size", 6400),
        vocabulary=("vocab_size", 32064),
        positions=("max_position_embeddings", 131_072),
    )
    default_kv_heads = 8
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 1_000_000.0, "aliases": {"su": "longrope"}}
    mixture = "block_sparse_moe"
    parts = ("w1", "w3", "w2")
    experts = 16
    count_keys = ("num_local_experts",)
    width_key = ("intermediate_size", 6400)

    @property
    def windows(self) -> list[int | None]:
        """Return sliding_window for each layer, where the config gives one."""
        return [self.config.optional_count("sliding_window")] * self.shape.layers

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation; where it is scaled, short_mscale, or long_mscale of longer texts, is its factor.

        Longer texts take long_factor too, as in the authors' code; transformers 5.24 keeps short_factor there.
        """
        given = config.get("rope_scaling", "rope_parameters") or {}
        values = Configuration(given)
        if values.word("rope_type", "type", default="default") == "default":
            return super().read_rotation(config)
        training = values.count("original_max_position_embeddings", default=4096)
        original = config.count("original_max_position_embeddings", default=training)
        name = "long_mscale" if self.length > original else "short_mscale"
        changed = {**given, "attention_factor": values.number(name, default=1.0)}
        return super().read_rotation(config.changed(rope_scaling=changed, rope_parameters=None))

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the layer norm of x [..., width] by the tensors `name`.weight and `name`.bias."""
        return take_layer_norm(self.weights, name, width, x, self.epsilon)

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the two experts of each token, [n, 2], and their shares, [n, 2]: each among those near its logit."""
        logits, rows = self.router_logits(name, x), np.arange(len(x))
        noise = np.float32(2 * self.config.number("router_jitter_noise", default=0.01))
        left, chosen, shares = logits.copy(), [], []
        for _ in range(2):
            best = left.argmax(axis=-1)
            top = left[rows, best][:, None]
            far = (top - logits) / np.maximum(np.abs(logits), top) > noise
            shares.append(softmax(np.where(far, np.float32(-np.inf), left))[rows, best])
            chosen.append(best)
            left[rows, best] = -np.inf
        return np.stack(chosen, axis=-1), np.stack(shares, axis=-1).astype(np.float32)

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary], by a head with a bias where lm_head_bias says so."""
        logits = super().score(hidden)
        if self.config.flag("lm_head_bias", False):
            logits = logits + self.weights.take("lm_head.bias", shape=(self.vocabulary,))
        return logits
