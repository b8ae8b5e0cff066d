"""Llama (Touvron et al. 2023) and its kin: Mistral, Qwen2, Qwen3, SmolLM, SmolLM3, Gemma, Phi-3.

Norms by the root mean square before each sublayer, rotary positions, gated feed-forward (Shazeer 2020), and key and
value heads that serve several query heads. What differs is said by class attributes and a few short methods.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from attnviz.models.families.activations import activation
from attnviz.models.families.base import (
    Booleans,
    Climbed,
    Float32,
    Ids,
    ModelShape,
    Stack,
    head_weight,
    refuse_segments,
    word_vectors,
)
from attnviz.models.families.config import Configuration, equal_heads
from attnviz.models.families.layers import attention, causal_mask, heads_of, linear, rms_norm
from attnviz.models.families.rotary import longest_text, rotary, rotate
from attnviz.models.families.weights import Weights


class Llama(Stack):
    """The decoder of Llama 1 to 3, and of SmolLM."""

    prefixes = ("", "model.")
    default_vocabulary: ClassVar[int] = 32000
    default_dim: ClassVar[int] = 4096
    default_inner: ClassVar[int] = 11008
    default_layers: ClassVar[int] = 32
    default_heads: ClassVar[int] = 32
    default_groups: ClassVar[int | None] = None
    default_head_dim: ClassVar[int | None] = None
    default_longest: ClassVar[int] = 2048
    default_epsilon: ClassVar[float] = 1e-6
    default_tied: ClassVar[bool] = False
    default_bend: ClassVar[str] = "silu"
    rotary_defaults: ClassVar[dict[str, Any]] = {}

    def __init__(self, config: Configuration, weights: Weights, count: int, memory: Float32 | None = None) -> None:
        super().__init__(config, weights, count, memory)
        shape = self.shape(config, "llama")
        self.dim, self.heads, self.vocabulary, self.layers = shape.dim, shape.heads, shape.vocabulary, shape.layers
        self.groups = config.count("num_key_value_heads", default=self.default_groups or self.heads)
        self.head_dim = self._head_dim()
        self.inner = config.count("intermediate_size", default=self.default_inner)
        self.epsilon = config.number("rms_norm_eps", default=self.default_epsilon)
        self.bend = activation(self._bend())
        longest = {"longest": self.default_longest, **self.rotary_defaults}
        self.turn = rotary(config, self.head_dim, count, **longest)

    @classmethod
    def shape(cls, config: Configuration, family: str) -> ModelShape:
        """The model's size, by its config alone."""
        return ModelShape(
            family=family,
            layers=config.layers("num_hidden_layers", default=cls.default_layers),
            heads=config.count("num_attention_heads", default=cls.default_heads),
            dim=config.count("hidden_size", default=cls.default_dim),
            positions=longest_text(config, cls.default_longest, **cls.rotary_defaults),
            causal=config.flag("is_causal", True),
            vocabulary=config.count("vocab_size", default=cls.default_vocabulary),
        )

    def _head_dim(self) -> int:
        if self.default_head_dim is None and self.config.get("head_dim") is None:
            return equal_heads(self.dim, self.heads)
        return self.config.count("head_dim", default=self.default_head_dim or 1)

    def _bend(self) -> str:
        return self.config.word("hidden_act", default=self.default_bend)

    def biases(self) -> tuple[bool, bool, bool]:
        """Whether there are biases on Q, K and V, on W_o, and on the feed-forward layers."""
        attention_bias = self.config.flag("attention_bias", False)
        return attention_bias, attention_bias, self.config.flag("mlp_bias", False)

    def window(self, number: int) -> int | None:  # noqa: ARG002  layers may differ
        """How many tokens a token of layer `number` sees, itself among them; None for all before it."""
        return None

    def allowed(self, number: int) -> Booleans | None:
        """Itself and what came before, as far as the layer's window reaches."""
        return causal_mask(self.count, self.window(number)) if self.config.flag("is_causal", True) else None

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """The root mean square norm by the tensor `name`.weight [width]."""
        return rms_norm(x, self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word vectors; positions come in with the rotation."""
        refuse_segments(segments, "llama")
        return word_vectors(self.weights, "embed_tokens.weight", ids, self.vocabulary, self.dim)

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Queries [heads, n, d_h], keys and values [groups, n, d_h], not rotated yet."""
        bias, _, _ = self.biases()

        def projected(part: str, heads: int) -> Float32:
            width = heads * self.head_dim
            return heads_of(linear(self.weights, f"{name}.{part}_proj", self.dim, width, bias=bias)(inputs), heads)

        return projected("q", self.heads), projected("k", self.groups), projected("v", self.groups)

    def turned(self, number: int, x: Float32) -> Float32:  # noqa: ARG002  SmolLM3 leaves some layers alone
        """Queries or keys of layer `number` with their positions."""
        return rotate(x, self.turn)

    def attend(self, number: int, inputs: Float32) -> Climbed:
        """The attention sublayer on normed inputs."""
        name = f"layers.{number}.self_attn"
        query, key, value = self.project(name, inputs)
        _, bias, _ = self.biases()
        output = linear(self.weights, f"{name}.o_proj", self.heads * self.head_dim, self.dim, bias=bias)
        trace = attention(
            inputs,
            inputs,
            self.turned(number, query),
            self.turned(number, key),
            value,
            output,
            allowed=self.allowed(number),
            scale=self.head_dim**-0.5,
        )
        return Climbed(trace.output, trace)

    def feed(self, name: str, x: Float32) -> Float32:
        """The gated feed-forward sublayer: down(activation(gate(x)) * up(x)) (Shazeer 2020, equation 6)."""
        _, _, bias = self.biases()
        inner = self.bend(linear(self.weights, f"{name}.gate_proj", self.dim, self.inner, bias=bias)(x))
        inner *= linear(self.weights, f"{name}.up_proj", self.dim, self.inner, bias=bias)(x)
        return linear(self.weights, f"{name}.down_proj", self.inner, self.dim, bias=bias)(inner)

    def climb(self, number: int, hidden: Float32) -> Climbed:
        """Norm, attention, residual; norm, feed-forward, residual."""
        name = f"layers.{number}"
        attended, trace, _ = self.attend(number, self.norm(f"{name}.input_layernorm", hidden, self.dim))
        hidden = hidden + attended
        hidden += self.feed(f"{name}.mlp", self.norm(f"{name}.post_attention_layernorm", hidden, self.dim))
        return Climbed(hidden, trace)

    def finish(self, hidden: Float32) -> Float32:
        """The last norm."""
        return self.norm("norm", hidden, self.dim)

    def score(self, hidden: Float32) -> Float32:
        """Logits by lm_head, or by the embedding it is tied to."""
        tied = self.config.flag("tie_word_embeddings", self.default_tied)
        shape = (self.vocabulary, self.dim)
        logits: Float32 = (
            hidden @ head_weight(self.weights, "lm_head.weight", "embed_tokens.weight", shape, tied=tied).T
        )
        return logits


class Mistral(Llama):
    """Mistral (Jiang et al. 2023): every layer sees a window."""

    default_inner = 14336
    default_groups = 8
    default_longest = 131_072

    def window(self, number: int) -> int | None:  # noqa: ARG002  all layers are alike
        """sliding_window; without one in the config it is 4096, with null there is none."""
        return self.config.optional_count("sliding_window", 4096)

    def biases(self) -> tuple[bool, bool, bool]:
        """None at all."""
        return False, False, False


class Qwen2(Llama):
    """Qwen2 (Yang et al. 2024): biases on Q, K and V; some layers see a window where the config says so."""

    default_vocabulary = 151_936
    default_inner = 22016
    default_groups: ClassVar[int | None] = 32
    default_longest = 32768

    def biases(self) -> tuple[bool, bool, bool]:
        """On Q, K and V."""
        return True, False, False

    def window(self, number: int) -> int | None:
        """The layers named in layer_types, or from max_window_layers on, where use_sliding_window is true."""
        width = self.config.optional_count("sliding_window", 4096)
        if width is None or not self.config.flag("use_sliding_window", False):
            return None
        kinds = self.config.per_layer("layer_types", self.layers)
        if kinds is not None:
            return width if kinds[number] == "sliding_attention" else None
        return width if number >= self.config.count("max_window_layers", default=28, least=0) else None


class Qwen3(Qwen2):
    """Qwen3 (Yang et al. 2025): queries and keys are normed head by head before they are rotated."""

    default_head_dim = 128

    def biases(self) -> tuple[bool, bool, bool]:
        """On all four where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Normed queries and keys, and values."""
        query, key, value = super().project(name, inputs)
        return (
            self.norm(f"{name}.q_norm", query, self.head_dim),
            self.norm(f"{name}.k_norm", key, self.head_dim),
            value,
        )


class SmolLm3(Llama):
    """SmolLM3 (Bakouch et al. 2025): every fourth layer has no positions."""

    default_vocabulary = 128_256
    default_dim = 2048
    default_layers = 36
    default_heads = 16
    default_groups = 4
    default_longest = 32768
    default_tied = True
    rotary_defaults: ClassVar[dict[str, Any]] = {"theta": 2_000_000.0}

    def _is_turned(self, number: int) -> bool:
        given = self.config.per_layer("no_rope_layers", self.layers)
        every = self.config.count("no_rope_layer_interval", default=4)
        return bool(given[number]) if given is not None else (number + 1) % every != 0

    def turned(self, number: int, x: Float32) -> Float32:
        """Rotated, but for the layers that have no positions."""
        return rotate(x, self.turn) if self._is_turned(number) else x

    def window(self, number: int) -> int | None:
        """The layers named in layer_types, or those without positions, where use_sliding_window is true."""
        width = self.config.optional_count("sliding_window")
        if width is None or not self.config.flag("use_sliding_window", False):
            return None
        kinds = self.config.per_layer("layer_types", self.layers)
        sliding = not self._is_turned(number) if kinds is None else kinds[number] == "sliding_attention"
        return width if sliding else None


class Gemma(Llama):
    """Gemma (Gemma team 2024): norms by 1 + weight, embeddings times sqrt(dim), tied."""

    default_vocabulary = 256_000
    default_dim = 3072
    default_inner = 24576
    default_layers = 28
    default_heads = 16
    default_groups = 16
    default_head_dim = 256
    default_longest = 8192
    default_tied = True
    default_bend = "gelu_pytorch_tanh"

    def _bend(self) -> str:
        """The first configs said gelu and meant its approximation, which the models were trained with."""
        name = super()._bend()
        return "gelu_pytorch_tanh" if name == "gelu" else name

    def biases(self) -> tuple[bool, bool, bool]:
        """On the attention's four where attention_bias says so."""
        bias = self.config.flag("attention_bias", False)
        return bias, bias, False

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """The root mean square norm times 1 + weight."""
        return rms_norm(x, 1 + self.weights.take(f"{name}.weight", shape=(width,)), self.epsilon)

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word vectors times sqrt(dim)."""
        hidden = super().embed(ids, segments)
        hidden *= np.float32(self.dim**0.5)
        return hidden


class Phi3(Llama):
    """Phi-3 (Abdin et al. 2024): one matrix for Q, K and V, one for gate and up, and LongRoPE."""

    default_vocabulary = 32064
    default_dim = 3072
    default_inner = 8192
    default_longest = 4096
    default_epsilon = 1e-5
    rotary_defaults: ClassVar[dict[str, Any]] = {
        "names": {"share": "partial_rotary_factor"},
        "original": 4096,
        "aliases": {"su": "longrope", "yarn": "longrope"},
    }

    def biases(self) -> tuple[bool, bool, bool]:
        """None at all."""
        return False, False, False

    def window(self, number: int) -> int | None:  # noqa: ARG002  all layers are alike
        """sliding_window, where the config gives one."""
        return self.config.optional_count("sliding_window")

    def project(self, name: str, inputs: Float32) -> tuple[Float32, Float32, Float32]:
        """Queries, keys and values, cut from one product."""
        queries, keys = self.heads * self.head_dim, self.groups * self.head_dim
        together = linear(self.weights, f"{name}.qkv_proj", self.dim, queries + 2 * keys, bias=False)(inputs)
        query, key, value = np.split(together, [queries, queries + keys], axis=-1)
        return heads_of(query, self.heads), heads_of(key, self.groups), heads_of(value, self.groups)

    def feed(self, name: str, x: Float32) -> Float32:
        """The gated feed-forward sublayer, gate and up cut from one product."""
        gate, up = np.split(
            linear(self.weights, f"{name}.gate_up_proj", self.dim, 2 * self.inner, bias=False)(x), 2, axis=-1
        )
        return linear(self.weights, f"{name}.down_proj", self.inner, self.dim, bias=False)(self.bend(gate) * up)
