"""dots.llm1 (rednote 2025): Qwen3's attention with DeepSeek-V3's experts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from attnviz.models.families.deepseek import SigmoidRouting
from attnviz.models.families.llama import Llama, Qwen3


class Dots1(SigmoidRouting, Qwen3):
    """The decoder of dots.llm1."""

    unread: ClassVar[tuple[str, ...]] = ("use_sliding_window",)
    fixed: ClassVar[dict[str, tuple[Any, ...]]] = {
        **SigmoidRouting.fixed,
        "scoring_func": ("sigmoid", "noaux_tc"),  # its authors write the name of the method here too
    }
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 62),
        dim=("hidden_size", 4608),
        intermediate_size=("intermediate_size", 10944),
        vocabulary=("vocab_size", 152_064),
    )
    default_kv_heads = 32
    default_head_dim = None
    dense = 0
    renormalize = False
    width_key = ("moe_intermediate_size", 1408)

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window: of those named in layer_types, or of those from max_window_layers on."""
        width, layers = self.config.optional_count("sliding_window", 4096), self.shape.layers
        kinds = self.config.per_layer("layer_types", layers)
        if kinds is not None:
            return [width if kind == "sliding_attention" else None for kind in kinds[:layers]]
        first = self.config.count("max_window_layers", default=62, least=0)
        return [width if number >= first else None for number in range(layers)]
