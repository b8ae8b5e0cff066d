"""EXAONE 4 (LG AI Research 2025): Qwen3's norms of queries and keys, OLMo 2's norms after the sublayers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from attnviz.models.families.layer_kinds import SLIDING, LayerKinds
from attnviz.models.families.llama import Llama, Qwen3
from attnviz.models.families.olmo import Olmo2


class Exaone4(LayerKinds, Qwen3):
    """EXAONE 4: in the large size three of four layers see a window, and the others have no positions."""

    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "max_window_layers", "use_sliding_window")
    keys = Llama.keys._replace(intermediate_size=("intermediate_size", 16384), vocabulary=("vocab_size", 102_400))
    default_kv_heads = 32
    default_head_dim = None
    default_epsilon = 1e-5
    norms = Olmo2.norms
    pattern = 4

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: none."""
        return False, False, False

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Return for each layer whether it sees a window; without a window none does."""
        whole = self.config.optional_count("sliding_window", self.default_window) is None
        if whole and self.config.get("layer_types") is None:
            return ["full_attention"] * self.shape.layers
        return super().kinds

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated: all without a window, else those with one."""
        whole = self.config.optional_count("sliding_window", self.default_window) is None
        return [whole or kind == SLIDING for kind in self.kinds]
