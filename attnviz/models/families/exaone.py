"""EXAONE 3 (LG AI Research 2024) and K-EXAONE (LG AI Research 2026), whose experts are DeepSeek-V3's."""

from __future__ import annotations

from typing import Any, ClassVar

from attnviz.core.types import Float32
from attnviz.models.families.deepseek import SigmoidRouting
from attnviz.models.families.exaone4 import Exaone4
from attnviz.models.families.layers import Linear, linear
from attnviz.models.families.llama import BlockNorms, Llama


class Exaone(Llama):
    """EXAONE 3 and 3.5: Llama under GPT-2's names."""

    reads: ClassVar[tuple[str, ...]] = ("activation_function", "layer_norm_epsilon", "num_layers")
    prefixes: ClassVar[tuple[str, ...]] = ("", "transformer.")
    keys = Llama.keys._replace(
        layers=("num_layers", 32),
        intermediate_size=("intermediate_size", 14336),
        vocabulary=("vocab_size", 102_400),
        positions=("max_position_embeddings", 4096),
    )
    embedding = "wte.weight"
    layer = "h.{n}"
    attention_name = "attn.attention"
    norms = BlockNorms(before_attention="ln_1", before_feed="ln_2")
    default_kv_heads = 8
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 500_000.0}

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the mean of squares."""
        return self.config.number("layer_norm_epsilon", "rms_norm_eps", default=1e-5)

    def activation_name(self) -> str:
        """Return the config's name of the feed-forward activation."""
        return self.config.word("activation_function", "hidden_act", default="silu")

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        return linear(self.weights, f"{name}.out_proj", self.heads * self.head_dim, self.dim, bias=self.biases()[1])

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return the gated feed-forward of x [n, dim] by the three matrices after `name`; width is the inner one."""
        _, _, bias = self.biases()
        gate, up = (
            linear(self.weights, f"{name}.{part}", self.dim, width, bias=bias)(x) for part in ("c_fc_0", "c_fc_1")
        )
        return linear(self.weights, f"{name}.c_proj", width, self.dim, bias=bias)(self.activation(gate) * up)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm("ln_f", hidden, self.dim)


class ExaoneMoe(SigmoidRouting, Exaone4):
    """K-EXAONE: EXAONE 4 with norms before its sublayers, and experts but in the first layers."""

    reads: ClassVar[tuple[str, ...]] = ("mlp_layer_types", "num_experts", "num_shared_experts")
    unread: ClassVar[tuple[str, ...]] = ("n_routed_experts", "n_shared_experts")
    norms = BlockNorms()
    experts = 64
    count_keys = ("num_experts",)
    shared_key = "num_shared_experts"
    width_key = ("moe_intermediate_size", 1024)
    scaling = 2.5

    def is_mixture(self, number: int) -> bool:
        """Return whether layer `number` has experts: as mlp_layer_types says, or all but the first few."""
        kinds = self.config.per_layer("mlp_layer_types", self.shape.layers)
        return super().is_mixture(number) if kinds is None else kinds[number] == "sparse"
