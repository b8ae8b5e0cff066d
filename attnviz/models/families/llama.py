"""Llama (Touvron et al. 2023) and its kin: Mistral, Qwen2, Qwen3, SmolLM, SmolLM3, Phi-3.

Norms by the root mean square before each sublayer, rotary positions, gated feed-forward (Shazeer 2020), and key and
value heads that serve several query heads. Class attributes and a few short methods say what differs; most decoders of
other modules are built on it too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.types import Booleans, Float32
from attnviz.models.families.activations import activation
from attnviz.models.families.base import CausalStack, ConfigKeys, LayerOutput, StackSetup
from attnviz.models.families.config import Configuration, equal_heads, shared_heads
from attnviz.models.families.layers import Linear, attention, causal_mask, heads_of, linear, rms_norm
from attnviz.models.families.rotary import Rotation, longest_text, rotate, rotation_for


class BlockNorms(NamedTuple):
    """The names of a layer's norms, before and after its two sublayers; None where there is none."""

    before_attention: str | None = "input_layernorm"
    after_attention: str | None = None
    before_feed: str | None = "post_attention_layernorm"
    after_feed: str | None = None


class Llama(CausalStack):
    """The decoder of Llama 1 to 3, and of SmolLM.

    kv_heads: the default number of key and value heads, None for as many as heads. head_dim: the default width of a
    head, None for an equal share of the hidden size. rotary_defaults: see rotary.rotation_for. halves: whether the
    pairs that are rotated are the two halves of a head's features or neighbours. norms: the norms of a layer.
    layer: the beginning of the names of a layer's tensors. parallel: whether both sublayers read the same hidden
    states; without a norm of its own the feed-forward then takes the attention's.
    """

    prefixes: ClassVar[tuple[str, ...]] = (
        "",
        "model.",
        "language_model.model.",
        "model.language_model.",
        "language_model.",
        "model.text_model.",
    )
    keys = ConfigKeys(
        layers=("num_hidden_layers", 32),
        dim=("hidden_size", 4096),
        heads=("num_attention_heads", 32),
        intermediate_size=("intermediate_size", 11008),
        vocabulary=("vocab_size", 32000),
        positions=("max_position_embeddings", 2048),
        activation=("hidden_act", "silu"),
    )
    embedding = "embed_tokens.weight"
    tied = False
    reads: ClassVar[tuple[str, ...]] = (
        "attention_bias",
        "head_dim",
        "hidden_act",
        "intermediate_size",
        "max_position_embeddings",
        "mlp_bias",
        "num_key_value_heads",
        "original_max_position_embeddings",
        "rms_norm_eps",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
    )
    default_kv_heads: ClassVar[int | None] = None
    default_head_dim: ClassVar[int | None] = None
    default_epsilon: ClassVar[float] = 1e-6
    rotary_defaults: ClassVar[dict[str, Any]] = {}
    halves: ClassVar[bool] = True
    norms: BlockNorms = BlockNorms()
    layer: ClassVar[str] = "layers.{n}"
    attention_name: ClassVar[str] = "self_attn"
    parallel: bool = False

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        kv_heads = self.config.count("num_key_value_heads", default=self.default_kv_heads or self.heads)
        self.kv_heads = shared_heads(kv_heads, self.heads)
        self.head_dim = self._read_head_dim()
        self.intermediate_size = self.size(self.config, "intermediate_size")
        self.epsilon = self.read_epsilon()
        self.activation = activation(self.activation_name())
        self.rotation = self.read_rotation(self.config)

    def read_epsilon(self) -> float:
        """Return the number that a norm adds to the mean of squares."""
        return self.config.number("rms_norm_eps", default=self.default_epsilon)

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of this text's positions, as a config with these rotary values plans it."""
        defaults = {"longest": self.keys.positions[1], **self.rotary_defaults}
        return rotation_for(config, self.head_dim, self.length, start=self.start, **defaults)

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return longest_text(config, cls.keys.positions[1], **cls.rotary_defaults)

    def _read_head_dim(self) -> int:
        """Return the width of one head."""
        if self.default_head_dim is None and self.config.get("head_dim") is None:
            return equal_heads(self.dim, self.heads)
        return self.config.count("head_dim", default=self.default_head_dim or 1)

    def activation_name(self) -> str:
        """Return the config's name of the feed-forward activation."""
        name, default = self.keys.activation
        return self.config.word(name, default=default)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V, W_o, and the feed-forward layers."""
        attention_bias = self.config.flag("attention_bias", False)
        return attention_bias, attention_bias, self.config.flag("mlp_bias", False)

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return for each layer how many tokens a token sees, itself among them; None for all before it."""
        return [None] * self.shape.layers

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, length]: a token sees itself and what came before, as far as its window goes."""
        causal, start = self.shape.causal, self.start
        return [causal_mask(self.length, width, start) if causal else None for width in self.windows]

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated."""
        return [True] * self.shape.layers

    def rotation_of(self, number: int) -> Rotation | None:
        """Return the rotation of layer `number`; None where it has no positions."""
        return self.rotation if self.rotates[number] else None

    @property
    def scale(self) -> float:
        """Return the factor on the dot products."""
        return float(self.head_dim**-0.5)

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of x [..., width] by the tensor `name`.weight [width]."""
        return rms_norm(x, self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries [heads, n, d_h], keys and values [kv_heads, n, d_h] of inputs [n, dim], not rotated yet."""
        bias, _, _ = self.biases()

        def projected(part: str, heads: int) -> Float32:
            """Return queries, keys or values, [heads, n, d_h]."""
            width = heads * self.head_dim
            rows = linear(self.weights, f"{name}.{part}_proj", self.dim, width, bias=bias)(inputs)
            return heads_of(self.adjust(name, part, rows), heads)

        return projected("q", self.heads), projected("k", self.kv_heads), projected("v", self.kv_heads)

    def adjust(self, name: str, part: str, x: Float32) -> Float32:  # noqa: ARG002
        """Return queries, keys or values [n, heads * d_h] of all heads as they are used; part is "q", "k" or "v"."""
        return x

    def attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on normed inputs [n, dim]."""
        name = f"{self.layer.format(n=number)}.{self.attention_name}"
        query, key, value = self.project(name, inputs)
        rotation = self.rotation_of(number)
        if rotation is not None:
            query, key = (rotate(one, rotation, halves=self.halves) for one in (query, key))
        query, key = self.after_rotation(name, query, key)
        output = self.output_layer(name)
        return attention(inputs, inputs, query, key, value, output, **self.score_options(number))

    def after_rotation(self, name: str, query: Float32, key: Float32) -> tuple[Float32, Float32]:  # noqa: ARG002
        """Return rotated queries [heads, n, d_h] and keys [kv_heads, n, d_h] as the scores take them."""
        return query, key

    def output_layer(self, name: str) -> Linear:
        """Return W_o of the attention sublayer with this name."""
        _, bias, _ = self.biases()
        return linear(self.weights, f"{name}.o_proj", self.heads * self.head_dim, self.dim, bias=bias)

    def score_options(self, number: int) -> dict[str, Any]:
        """Return what layer `number` does to its scores: the options of `attention`."""
        return {"allowed": self.masks[number], "scale": self.scale}

    def feed(self, number: int, x: Float32) -> Float32:
        """Return down(activation(gate(x)) * up(x)) of x [n, dim], the gated feed-forward (Shazeer 2020, equation 6)."""
        return self.gated(f"{self.layer.format(n=number)}.mlp", x, self.intermediate_size)

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return the gated feed-forward of x [n, dim] by the three matrices after `name`; width is the inner one."""
        _, _, bias = self.biases()
        intermediate = self.activation(linear(self.weights, f"{name}.gate_proj", self.dim, width, bias=bias)(x))
        intermediate *= linear(self.weights, f"{name}.up_proj", self.dim, width, bias=bias)(x)
        return linear(self.weights, f"{name}.down_proj", width, self.dim, bias=bias)(intermediate)

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on hidden states [n, dim].

        Norms stand where `norms` names one; with `parallel` both sublayers read the same hidden states.
        """
        name = self.layer.format(n=number)

        def normed(part: str | None, x: Float32) -> Float32:
            """Return x normed, or as it is where this family has no such norm."""
            return x if part is None else self.norm(f"{name}.{part}", x, self.dim)

        inputs = normed(self.norms.before_attention, hidden)
        trace = self.attend(number, inputs)
        attended = self.add(hidden, normed(self.norms.after_attention, trace.output))
        if not self.parallel:
            seen = normed(self.norms.before_feed, attended)
        else:
            seen = inputs if self.norms.before_feed is None else normed(self.norms.before_feed, hidden)
        return LayerOutput(self.add(attended, normed(self.norms.after_feed, self.feed(number, seen))), trace)

    def add(self, hidden: Float32, update: Float32) -> Float32:
        """Return hidden states with a sublayer's output added, [n, dim]."""
        return hidden + update

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm("norm", hidden, self.dim)


class Mistral(Llama):
    """Mistral (Jiang et al. 2023): every layer sees a window."""

    reads: ClassVar[tuple[str, ...]] = ("sliding_window",)
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias")

    keys = Llama.keys._replace(
        intermediate_size=("intermediate_size", 14336), positions=("max_position_embeddings", 131_072)
    )
    default_kv_heads = 8

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer; 4096 where the config has no such key, None where it is null."""
        return [self.config.optional_count("sliding_window", 4096)] * self.shape.layers

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: none."""
        return False, False, False


class Qwen2(Llama):
    """Qwen2 (Yang et al. 2024): biases on Q, K and V; some layers see a window where the config says so.

    Qwen2-VL's positions are of three kinds (mrope), which are the same three times where there are no pictures.
    """

    reads: ClassVar[tuple[str, ...]] = ("layer_types", "max_window_layers", "sliding_window", "use_sliding_window")
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias")

    keys = Llama.keys._replace(
        intermediate_size=("intermediate_size", 22016),
        vocabulary=("vocab_size", 151_936),
        positions=("max_position_embeddings", 32768),
    )
    default_kv_heads: ClassVar[int | None] = 32
    rotary_defaults: ClassVar[dict[str, Any]] = {"aliases": {"mrope": "default"}}
    harmless: ClassVar[Mapping[str, str]] = {**Llama.harmless, "mrope_interleaved": "alone", "mrope_section": "alone"}

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V."""
        return True, False, False

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window, where use_sliding_window is true.

        It counts for the layers named in layer_types, or for those from max_window_layers on.
        """
        width, layers = self.config.optional_count("sliding_window", 4096), self.shape.layers
        if width is None or not self.config.flag("use_sliding_window", False):
            return [None] * layers
        kinds = self.config.per_layer("layer_types", layers)
        if kinds is not None:
            return [width if kind == "sliding_attention" else None for kind in kinds]
        first = self.config.count("max_window_layers", default=28, least=0)
        return [width if number >= first else None for number in range(layers)]


class Qwen3(Qwen2):
    """Qwen3 (Yang et al. 2025): queries and keys are normed head by head before they are rotated."""

    default_head_dim: ClassVar[int | None] = 128
    reads: ClassVar[tuple[str, ...]] = ("attention_bias",)

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: all four of the attention where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return normed queries [heads, n, d_h] and keys [kv_heads, n, d_h], and values [kv_heads, n, d_h]."""
        query, key, value = super().project(name, inputs)
        return (
            self.norm(f"{name}.q_norm", query, self.head_dim),
            self.norm(f"{name}.k_norm", key, self.head_dim),
            value,
        )


class SeedOss(Llama):
    """Seed-OSS (ByteDance Seed 2025): Llama with biases on Q, K and V."""

    reads: ClassVar[tuple[str, ...]] = ("attention_out_bias",)
    harmless: ClassVar[dict[str, str]] = {**Llama.harmless, "residual_dropout": "training"}
    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 64),
        heads=("num_attention_heads", 80),
        intermediate_size=("intermediate_size", 27648),
        vocabulary=("vocab_size", 155_136),
        positions=("max_position_embeddings", 524_288),
    )
    default_kv_heads = 8
    default_head_dim = 128

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: those of Q, K and V; W_o and the feed-forward where a key says so."""
        flag = self.config.flag
        return flag("attention_bias", True), flag("attention_out_bias", False), flag("mlp_bias", False)


class SmolLm3(Llama):
    """SmolLM3 (Bakouch et al. 2025): every fourth layer has no positions."""

    harmless: ClassVar[Mapping[str, str]] = {**Llama.harmless, "max_window_layers": "family"}
    reads: ClassVar[tuple[str, ...]] = (
        "layer_types",
        "no_rope_layer_interval",
        "no_rope_layers",
        "sliding_window",
        "use_sliding_window",
    )

    keys = Llama.keys._replace(
        layers=("num_hidden_layers", 36),
        dim=("hidden_size", 2048),
        heads=("num_attention_heads", 16),
        vocabulary=("vocab_size", 128_256),
        positions=("max_position_embeddings", 32768),
    )
    tied = True
    default_kv_heads = 4
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 2_000_000.0}

    @cached_property
    def rotates(self) -> Sequence[bool]:
        """Return for each layer whether queries and keys are rotated: no_rope_layers, or all but every fourth."""
        given = self.config.per_layer("no_rope_layers", self.shape.layers)
        if given is not None:
            return [bool(one) for one in given]
        every = self.config.count("no_rope_layer_interval", default=4)
        return [(number + 1) % every != 0 for number in range(self.shape.layers)]

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return each layer's window: of those named in layer_types, or of those without positions.

        Without layer_types, use_sliding_window says whether there are any.
        """
        width = self.config.optional_count("sliding_window")
        kinds = self.config.per_layer("layer_types", self.shape.layers)
        if kinds is not None:
            return [width if kind == "sliding_attention" else None for kind in kinds]
        if width is None or not self.config.flag("use_sliding_window", False):
            return [None] * self.shape.layers
        return [None if rotates else width for rotates in self.rotates]


class Phi3(Llama):
    """Phi-3 (Abdin et al. 2024): one matrix for Q, K and V, one for gate and up, and LongRoPE."""

    reads: ClassVar[tuple[str, ...]] = ("partial_rotary_factor", "sliding_window")
    unread: ClassVar[tuple[str, ...]] = ("attention_bias", "mlp_bias")
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = dict.fromkeys(
        ("attention_bias", "lm_head_bias", "mlp_bias"), (False,)
    )
    harmless: ClassVar[Mapping[str, str]] = {
        **Llama.harmless,
        "full_attn_mod": "family",
        "interpolate_factor": "family",
    }

    keys = Llama.keys._replace(
        dim=("hidden_size", 3072),
        intermediate_size=("intermediate_size", 8192),
        vocabulary=("vocab_size", 32064),
        positions=("max_position_embeddings", 4096),
    )
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "names": {"share": "partial_rotary_factor"},
        "original": 4096,
        "aliases": {"su": "longrope", "yarn": "longrope"},
    }

    def biases(self) -> tuple[bool, bool, bool]:
        """Return which layers have a bias: none."""
        return False, False, False

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for each layer, where the config gives one."""
        return [self.config.optional_count("sliding_window")] * self.shape.layers

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries [heads, n, d_h], keys and values [kv_heads, n, d_h] of inputs [n, dim], from one product."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        together = linear(self.weights, f"{name}.qkv_proj", self.dim, queries + 2 * keys, bias=False)(inputs)
        query, key, value = np.split(together, [queries, queries + keys], axis=-1)
        return heads_of(query, self.heads), heads_of(key, self.kv_heads), heads_of(value, self.kv_heads)

    def gated(self, name: str, x: Float32, width: int) -> Float32:
        """Return the gated feed-forward of x [n, dim], gate and up cut from one product."""
        gate, up = np.split(
            linear(self.weights, f"{name}.gate_up_proj", self.dim, 2 * width, bias=False)(x), 2, axis=-1
        )
        return linear(self.weights, f"{name}.down_proj", width, self.dim, bias=False)(self.activation(gate) * up)
