"""Gemma 4 (Google 2026): layers of two widths, keys and values that late layers share, and vectors for each layer.

A layer that sees the whole text has wider heads than one with a window, and may use its keys as values. The last layers
take keys and values from the last one of their kind that has its own. In the small models each token has a vector of
its own for each layer, added at its end; in one size a mixture of experts stands beside the feed-forward layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.families.base import LayerOutput, ModelShape, StackSetup, word_vectors
from attnviz.models.families.config import Configuration, shared_heads
from attnviz.models.families.gemma import Gemma2, Gemma3
from attnviz.models.families.layer_kinds import FULL, SLIDING
from attnviz.models.families.layers import attention, heads_of, linear, rms_norm, window_mask
from attnviz.models.families.llama import Llama
from attnviz.models.families.moe import Mixture
from attnviz.models.families.rotary import Rotation, rotary_kind, rotate, rotation_for

# The rotary values of a config without any: of whole layers, a quarter of the pairs are rotated.
_ROTARY = {
    SLIDING: {"rope_type": "default", "rope_theta": 10_000.0},
    FULL: {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1_000_000.0},
}


class Gemma4(Mixture, Gemma3):
    """The decoder of Gemma 4; of a model that reads pictures and sound too, the part that reads text.

    default_extra: the width of a token's vector for a layer, where the config is silent; 0 for none.
    """

    reads: ClassVar[tuple[str, ...]] = (
        "attention_k_eq_v",
        "enable_moe_block",
        "global_head_dim",
        "hidden_size_per_layer_input",
        "moe_intermediate_size",
        "num_global_key_value_heads",
        "num_kv_shared_layers",
        "per_layer_config",
        "top_k_experts",
        "use_double_wide_mlp",
        "vocab_size_per_layer_input",
    )
    unread: ClassVar[tuple[str, ...]] = (
        "attn_logit_softcapping",
        "num_experts_per_tok",
        "num_local_experts",
        "query_pre_attn_scalar",
        "rope_local_base_freq",
        "rope_scaling",
        "sliding_window_pattern",
    )
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"use_bidirectional_attention": ("all", "vision")}
    needless = (*Mixture.needless, r"\.self_attn\.(k_proj|v_proj|k_norm|v_norm)\.")
    keys = Gemma2.keys._replace(
        layers=("num_hidden_layers", 30),
        vocabulary=("vocab_size", 262_144),
        positions=("max_position_embeddings", 131_072),
    )
    default_window = 512
    default_extra: ClassVar[int] = 256
    width_key = ("moe_intermediate_size", 704)
    count_keys = ("num_experts",)
    choice_key = "top_k_experts"
    router = "proj"

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self._shared: dict[str, tuple[Float32, Float32]] = {}
        self._extra = self.config.count("hidden_size_per_layer_input", default=0, least=0)
        if "hidden_size_per_layer_input" not in self.config.values:
            self._extra = self.default_extra
        self._vectors: Float32 | None = None

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size; a model in which every token sees every other says so by the word "all"."""
        everyone = config.word("use_bidirectional_attention", default="") == "all"
        return super().read_shape(config.changed(use_bidirectional_attention=everyone), family)

    @classmethod
    def rotary_values(cls, config: Configuration, kind: str) -> Configuration:
        """Return the config with the rotary values of one kind of layer."""
        given = config.get("rope_parameters") or _ROTARY
        if not isinstance(given, Mapping) or not isinstance(given.get(kind), Mapping):
            raise InputError("The model's config must give rope_parameters for layers of {kind}.", kind=kind)
        return rotary_kind(config.changed(rope_parameters=given), kind)

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Return for each layer whether it sees a window or the whole text; the last one sees the whole text."""
        given = self.config.per_layer("layer_types", self.shape.layers)
        if given is None:
            return [SLIDING if (number + 1) % 6 and number + 1 < self.shape.layers else FULL for number in self._all]
        return [str(kind) for kind in given[: self.shape.layers - 1]] + [FULL]

    @property
    def _all(self) -> range:
        return range(self.shape.layers)

    @cached_property
    def sources(self) -> Sequence[int]:
        """Return for each layer the one whose keys and values it reads: itself, or the last of its kind with its own.

        Raises InputError where there is none.
        """
        layers = self.shape.layers
        own = layers - self.config.count("num_kv_shared_layers", default=0, least=0, most=layers)
        last = {kind: number for number, kind in enumerate(self.kinds[:own])}
        if set(last) != set(self.kinds):
            raise InputError(
                "The model's config gives num_kv_shared_layers = {count}: layers of a kind are left without keys.",
                count=layers - own,
            )
        return [number if number < own else last[self.kinds[number]] for number in self._all]

    @cached_property
    def _sizes(self) -> Sequence[tuple[int, int]]:
        """Return each layer's width of a head, and its number of key and value heads."""
        whole = (self.config.count("global_head_dim", default=512), self.kv_heads)
        if self.config.flag("attention_k_eq_v", False):
            whole = (whole[0], self.config.count("num_global_key_value_heads", default=self.kv_heads))
        usual = [whole if kind == FULL else (self.head_dim, self.kv_heads) for kind in self.kinds]
        given = self.config.get("per_layer_config")
        if given is None:
            return usual
        return [_overridden(given, number, (self.head_dim, self.kv_heads)) for number in self._all]

    def rotation_of(self, number: int) -> Rotation:
        """Return the rotation of layer `number`, for heads of its width."""
        kind, width = self.kinds[number], self._sizes[number][0]
        if (kind, width) not in self._rotations:
            values = self.rotary_values(self.config, kind)
            longest = self.keys.positions[1]
            self._rotations[kind, width] = rotation_for(values, width, self.length, start=self.start, longest=longest)
        return self._rotations[kind, width]

    @cached_property
    def _rotations(self) -> dict[tuple[str, int], Rotation]:
        return {}

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of the layers with a window; see `rotation_of`."""
        return Llama.read_rotation(self, self.rotary_values(config, SLIDING))

    @property
    def scale(self) -> float:
        """Return the factor on the dot products: 1, since queries and keys are normed."""
        return 1.0

    @cached_property
    def masks(self) -> Sequence[Booleans | None]:
        """Return each layer's mask [n, n]; where both directions are seen, half of the window and one on each side."""
        if self.shape.causal:
            return super().masks
        return [None if width is None else window_mask(self.length, width // 2 + 1) for width in self.windows]

    def norm(self, name: str, x: Float32, width: int) -> Float32:
        """Return the root mean square norm of x [..., width] by the tensor `name`.weight [width]."""
        return Llama.norm(self, name, x, width)

    def plain_norm(self, x: Float32) -> Float32:
        """Return the root mean square norm of x [..., width], without a weight."""
        return rms_norm(x, np.ones(x.shape[-1], dtype=np.float32), self.epsilon)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the token vectors [n, dim] times sqrt(dim); keeps those of each layer, [n, layers, width]."""
        hidden = super().embed(ids, segments)
        layers, width = self.shape.layers, self._extra
        if width:
            rows = self.config.count("vocab_size_per_layer_input", default=self.vocabulary)
            own = word_vectors(self.weights, "embed_tokens_per_layer.weight", ids, rows, layers * width)
            made = linear(self.weights, "per_layer_model_projection", self.dim, layers * width, bias=False)(hidden)
            made = (made * np.float32(self.dim**-0.5)).reshape(len(ids), layers, width)
            made = self.norm("per_layer_projection_norm", made, width)
            own = own.reshape(made.shape) * np.float32(width**0.5)
            self._vectors = (made + own) * np.float32(2.0**-0.5)
        return hidden

    def attend(self, number: int, inputs: Float32) -> Trace:
        """Run the attention sublayer on normed inputs [n, dim]."""
        name = f"{self.layer.format(n=number)}.{self.attention_name}"
        bias, _, _ = self.biases()
        width, kv_heads = self._sizes[number]
        rotation, source = self.rotation_of(number), self.sources[number]
        shared_heads(kv_heads, self.heads)

        def projected(part: str, heads: int) -> Float32:
            """Return queries, keys or values [heads, n, d_h]."""
            layer = linear(self.weights, f"{name}.{part}_proj", self.dim, heads * width, bias=bias)
            return heads_of(layer(inputs), heads)

        query = rotate(self.norm(f"{name}.q_norm", projected("q", self.heads), width), rotation)
        if source == number:
            raw = projected("k", kv_heads)
            same = self.kinds[number] == FULL and self.config.flag("attention_k_eq_v", False)
            value = self.plain_norm(raw if same else projected("v", kv_heads))
            self._shared[self.kinds[number]] = rotate(self.norm(f"{name}.k_norm", raw, width), rotation), value
        key, value = self._shared[self.kinds[number]]
        output = linear(self.weights, f"{name}.o_proj", self.heads * width, self.dim, bias=bias)
        return attention(inputs, inputs, query, key, value, output, **self.score_options(number))

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention, feed-forward and what this layer's token vectors add, each with norms before and after it."""
        name = self.layer.format(n=number)

        def normed(part: str, x: Float32) -> Float32:
            return self.norm(f"{name}.{part}", x, self.dim)

        trace = self.attend(number, normed("input_layernorm", hidden))
        attended = hidden + normed("post_attention_layernorm", trace.output)
        double = self.config.flag("use_double_wide_mlp", False) and self.sources[number] != number
        width = self.intermediate_size * (2 if double else 1)
        update = self.gated(f"{name}.mlp", normed("pre_feedforward_layernorm", attended), width)
        if self.config.flag("enable_moe_block", False):
            mixed = self.run_experts(
                name, normed("pre_feedforward_layernorm_2", attended), *self.route(f"{name}.router", attended)
            )
            update = normed("post_feedforward_layernorm_1", update) + normed("post_feedforward_layernorm_2", mixed)
        output = attended + normed("post_feedforward_layernorm", update)
        if self._vectors is not None:
            gate = self.activation(
                linear(self.weights, f"{name}.per_layer_input_gate", self.dim, self._extra, bias=False)(output)
            )
            widen = linear(self.weights, f"{name}.per_layer_projection", self._extra, self.dim, bias=False)
            output = output + normed("post_per_layer_input_norm", widen(gate * self._vectors[:, number]))
        return LayerOutput(output * self.weights.take(f"{name}.layer_scalar", shape=(1,)), trace)

    def route(self, name: str, x: Float32) -> tuple[Indexes, Float32]:
        """Return the experts of each token, [n, chosen], and their shares, [n, chosen]; name: of the router."""
        scaled = self.plain_norm(x) * self.weights.take(f"{name}.scale", shape=(self.dim,)) * np.float32(self.dim**-0.5)
        chances = np.asarray(softmax(self.router_logits(name, scaled)), dtype=np.float32)
        chosen = np.argsort(-chances, axis=-1, kind="stable")[:, : self.expert_choices]
        shares = np.take_along_axis(chances, chosen, -1)
        shares /= shares.sum(axis=-1, keepdims=True)
        return chosen, shares * self.weights.take(f"{name}.per_expert_scale", shape=(self.expert_count,))[chosen]


class Gemma4Unified(Gemma4):
    """Gemma 4 of 12 billion weights: without vectors for each layer and without experts."""

    unread: ClassVar[tuple[str, ...]] = ("vocab_size_per_layer_input",)
    keys = Gemma4.keys._replace(positions=("max_position_embeddings", 262_144))
    default_window = 1024
    default_extra = 0


def _overridden(given: Any, number: int, usual: tuple[int, int]) -> tuple[int, int]:
    """Return a layer's width of a head and number of key and value heads, as per_layer_config changes them.

    Raises InputError where it changes something else.
    """
    whole = Configuration(given)
    own = Configuration(whole.get(str(number)) or {})
    for name in own.values:
        if name not in ("head_dim", "num_key_value_heads"):
            raise InputError("The model's per_layer_config changes {name}, which attnviz does not support.", name=name)
    return own.count("head_dim", default=usual[0]), own.count("num_key_value_heads", default=usual[1])
