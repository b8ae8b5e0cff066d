"""GPT-J (Wang and Komatsuzaki 2021) and CodeGen (Nijkamp et al. 2022): both sublayers side by side after one norm."""

from __future__ import annotations

from typing import Any, ClassVar

from attnviz.core.types import Float32
from attnviz.models.families.base import ConfigKeys
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import Linear, heads_of, linear
from attnviz.models.families.llama import BlockNorms
from attnviz.models.families.phi import LayerNormed
from attnviz.models.families.rotary import Rotation

_BLOCKS = 4  # the processors that CodeGen was trained on


class GptJ(LayerNormed):
    """The decoder of GPT-J: neighbours are rotated, in the first rotary_dim features of each head."""

    reads: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "layer_norm_epsilon",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "partial_rotary_factor",
        "rotary_dim",
    )
    unread: ClassVar[tuple[str, ...]] = (
        "attention_bias",
        "hidden_act",
        "intermediate_size",
        "mlp_bias",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
    )
    prefixes = ("", "transformer.")
    keys = ConfigKeys(
        layers=("n_layer", 28),
        dim=("n_embd", 4096),
        heads=("n_head", 16),
        vocabulary=("vocab_size", 50400),
        positions=("n_positions", 2048),
        activation=("activation_function", "gelu_new"),
    )
    embedding = "wte.weight"
    epsilon_key = "layer_norm_epsilon"
    feed_names = ("fc_in", "fc_out")
    layer = "h.{n}"
    attention_name = "attn"
    norms = BlockNorms(before_attention="ln_1", before_feed=None)
    parallel = True
    halves = False
    rotary_defaults: ClassVar[dict[str, Any]] = {"names": {"share": "partial_rotary_factor"}}
    feed = LayerNormed.plain_feed

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return cls.size(config, "positions")

    @classmethod
    def size(cls, config: Configuration, key: str) -> int:
        """Return one of the sizes; the feed-forward layers are n_inner wide, or four times the hidden size."""
        if key == "intermediate_size":
            return config.count("n_inner", default=4 * cls.size(config, "dim"))
        return super().size(config, key)

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of the first rotary_dim features of each head."""
        share = (config.count("rotary_dim", default=64) + 0.5) / self.head_dim
        values = {"rope_theta": 10_000.0, "partial_rotary_factor": share}
        return super().read_rotation(config.changed(rope_scaling=None, rope_parameters=values))

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: the feed-forward layers."""
        return False, False, True

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        return linear(self.weights, f"{name}.out_proj", self.dim, self.dim, bias=False)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm("ln_f", hidden, self.dim)

    def score(self, hidden: Float32) -> Float32:
        """Return the logits [n, vocabulary], by a head with a bias."""
        return super().score(hidden) + self.weights.take("lm_head.bias", shape=(self.vocabulary,))


class CodeGen(GptJ):
    """The decoder of CodeGen: one matrix for Q, V and K, in four blocks of heads as it was trained."""

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of inputs [n, dim], [heads, n, d_h] each, from one product."""
        block = equal_heads(self.dim, _BLOCKS)
        together = linear(self.weights, f"{name}.qkv_proj", self.dim, 3 * self.dim, bias=False)(inputs)
        blocks = together.reshape(len(inputs), _BLOCKS, 3, block)
        query, value, key = (heads_of(blocks[:, :, part].reshape(inputs.shape), self.heads) for part in range(3))
        return query, key, value
