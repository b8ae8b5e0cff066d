"""Hunyuan (Tencent 2025): Llama whose queries and keys are normed after the rotation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.families.base import StackSetup
from attnviz.models.families.config import Configuration
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture
from attnviz.models.families.rotary import Rotation


class HunyuanDense(Llama):
    """Hunyuan without experts."""

    unread: ClassVar[tuple[str, ...]] = ("mlp_bias",)
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "mlp_bias": (False,),
        "norm_type": ("rms",),
        "position_embedding_xdrope": (False,),
        "use_cla": (False,),
        "use_qk_norm": (True,),
    }
    harmless: ClassVar[Mapping[str, str]] = {
        **Llama.harmless,
        "attention_head_dim": "record",
        "cla_share_factor": "family",
        "org_vocab_size": "record",
        "pool_type": "head",
    }
    keys = Llama.keys._replace(vocabulary=("vocab_size", 290_943))
    default_epsilon = 1e-5

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation; alpha, where there is one, makes the base alpha^(d / (d - 2)) times as large."""
        name = "rope_parameters" if config.get("rope_scaling") is None else "rope_scaling"
        given = config.get(name)
        alpha = given.get("alpha") if isinstance(given, Mapping) else None
        kind = Configuration(given).word("rope_type", "type", default="default") if isinstance(given, Mapping) else ""
        if not alpha or kind != "dynamic":
            return super().read_rotation(config)
        values = Configuration(given)
        theta = values.number("rope_theta", default=config.number("rope_theta", default=10_000.0))
        stretch = values.number("alpha", default=1.0) ** (self.head_dim / max(1, self.head_dim - 2))
        scaled = {"rope_type": "default", "rope_theta": theta * stretch}
        return super().read_rotation(config.changed(rope_scaling=None, rope_parameters=scaled))

    def after_rotation(self, name: str, query: Float32, key: Float32) -> tuple[Float32, Float32]:
        """Return queries [heads, n, d_h] and keys [kv_heads, n, d_h], normed head by head."""
        return (
            self.norm(f"{name}.query_layernorm", query, self.head_dim),
            self.norm(f"{name}.key_layernorm", key, self.head_dim),
        )


class HunyuanMoe(Mixture, HunyuanDense):
    """Hunyuan with experts, and one that sees every token."""

    reads: ClassVar[tuple[str, ...]] = ("moe_topk",)
    unread: ClassVar[tuple[str, ...]] = ("num_experts_per_tok", "num_local_experts")
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        **HunyuanDense.fixed,
        "moe_layer_num_skipped": (0,),
        "routed_scaling_factor": (False, 1.0),
        "use_mixed_mlp_moe": (True,),
    }
    harmless: ClassVar[Mapping[str, str]] = {
        **Mixture.harmless,
        **HunyuanDense.harmless,
        "moe_drop_tokens": "training",
        "moe_intermediate_size": "tensors",
        "num_shared_expert": "tensors",
        "moe_random_routing_dropped_token": "training",
    }
    router = "gate.wg"
    experts = 1
    chosen = 1
    count_keys = ("num_experts",)
    choice_key = "moe_topk"
    width_key = ("intermediate_size", 11008)

    def __init__(self, setup: StackSetup) -> None:
        config = setup.config
        counts = {name: _same_everywhere(config, name) for name in ("num_experts", "moe_topk")}
        super().__init__(setup._replace(config=config.changed(**counts)))

    def feed(self, number: int, x: Float32) -> Float32:
        """Return what the chosen experts make of x [n, dim], plus what the shared one makes of it."""
        name = f"{self.layer.format(n=number)}.{self.mixture}.shared_mlp"
        return super().feed(number, x) + self.gated(name, x, self.intermediate_size)


def _same_everywhere(config: Configuration, name: str) -> Any:
    """Return a number that may stand once for each layer; raises InputError where layers differ."""
    given = config.get(name)
    if not isinstance(given, list | tuple):
        return given
    if len(set(map(str, given))) != 1:
        raise InputError("The model's {name} differs by layer, which attnviz does not support.", name=name)
    return given[0]
