"""Encoders of BERT's layout with rotary positions: Nomic BERT, GTE and Jina Embeddings v3.

Nomic BERT (Nussbaum et al. 2024) and GTE (Zhang et al. 2024, "mGTE") have gated feed-forward layers, Jina Embeddings v3
(Sturua et al. 2024) has plain ones. Their checkpoints have the names of transformers or those of the authors' own code.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.types import Float32, Indexes
from attnviz.i18n.messages import message
from attnviz.models.families.activations import gelu
from attnviz.models.families.base import ConfigKeys, ModelShape, StackSetup, refuse_segments
from attnviz.models.families.bert import Bert, LayerNames
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import attention, heads_of, linear, take_layer_norm
from attnviz.models.families.rotary import Rotation, rotate, rotation_for


class BlockLayout(NamedTuple):
    """How a kind of checkpoint names its tensors.

    names: of a layer; where query, key and value have one name, one product gives all three. gate: of the layer whose
    activation multiplies that of names.widen; where it has the same name, one product gives both. layers: what stands
    before a layer's number.
    """

    layers: str
    names: LayerNames
    gate: str
    embedding_norm: str = "embeddings.LayerNorm"


_TRANSFORMERS = LayerNames(
    query="self_attn.q_proj",
    key="self_attn.k_proj",
    value="self_attn.v_proj",
    output="self_attn.o_proj",
    attention_norm="post_attention_layernorm",
    widen="mlp.up_proj",
    narrow="mlp.down_proj",
    norm="post_mlp_layernorm",
)


class RotaryBert(Bert):
    """Token and segment vectors, normed; layers with rotated queries and keys and the norm after each sublayer.

    layouts: the names that checkpoints may have, those of transformers first. default_theta: the rotary base where the
    config is silent. biases: whether the attention's layers have one, and the last feed-forward layer.
    """

    layouts: ClassVar[tuple[BlockLayout, ...]] = (BlockLayout("layers", _TRANSFORMERS, "mlp.gate_proj"),)
    default_theta: ClassVar[float] = 10_000.0
    biases: ClassVar[tuple[bool, bool]] = (True, True)
    default_segments = 1
    reads: ClassVar[tuple[str, ...]] = (
        "head_dim",
        "original_max_position_embeddings",
        "rope_parameters",
        "rope_scaling",
        "rope_theta",
    )
    unread: ClassVar[tuple[str, ...]] = ("is_decoder", "position_embedding_type")
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family"}
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"position_embedding_type": ("rope", "rotary", "absolute")}

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        self.head_dim = self.config.count("head_dim", default=max(1, self.dim // self.heads))
        self.rotation = self.read_rotation()

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        return cls.stack_shape(config, family, positions=cls.size(config, "positions"), causal=False)

    def check_positions(self) -> None:
        """Check nothing: positions are rotary whatever the config calls them."""

    def read_rotation(self) -> Rotation:
        """Return the rotation of the text's positions, [n, d_h / 2]."""
        return rotation_for(self.config, self.head_dim, self.length, theta=self.default_theta, longest=self.longest())

    def longest(self) -> int:
        """Return the number of positions that a scaling starts from."""
        return self.size(self.config, "positions")

    @cached_property
    def layout(self) -> BlockLayout:
        """Return the names that this checkpoint has: the first that its first layer has."""
        for one in self.layouts:
            if self.weights.find(*(f"{one.layers}.0.{name}.weight" for name in one.names)) is not None:
                return one
        return self.layouts[0]

    @property
    def names(self) -> LayerNames:  # type: ignore[override]
        """Return the names of a layer's tensors."""
        return self.layout.names

    def layer_name(self, number: int) -> str:
        """Return the beginning of the names of a layer's tensors."""
        return f"{self.layout.layers}.{number}"

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + segment vectors, normed: [n, dim]."""
        hidden = self.token_vectors(ids)
        if self.config.count("type_vocab_size", default=self.default_segments, least=0):
            hidden += self.segment_vectors(ids, segments)
        else:
            refuse_segments(segments, self.shape.family)
        return take_layer_norm(self.weights, self.layout.embedding_norm, self.dim, hidden, self.epsilon)

    def attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim]."""
        query, key, value = self.project(names, hidden)
        query, key = rotate(query, self.rotation), rotate(key, self.rotation)
        output = linear(self.weights, names.output, self.heads * self.head_dim, self.dim, bias=self.biases[0])
        return attention(hidden, hidden, query, key, value, output, allowed=self.masks[number])

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of hidden states [n, dim]: [heads, n, d_h] each."""
        width, bias = self.heads * self.head_dim, self.biases[0]
        if names.query == names.key:
            together = linear(self.weights, names.query, self.dim, 3 * width, bias=bias)(hidden)
            parts = np.split(together, 3, axis=-1)
        else:
            parts = [linear(self.weights, name, self.dim, width, bias=bias)(hidden) for name in names[:3]]
        query, key, value = (heads_of(part, self.heads) for part in parts)
        return query, key, value

    def feed(self, names: LayerNames, hidden: Float32) -> Float32:
        """Return the gated feed-forward of hidden states [n, dim] (Shazeer 2020, equation 6)."""
        width = self.intermediate_size
        gate = names.widen.removesuffix(self.layout.names.widen) + self.layout.gate
        if gate == names.widen:
            up, gated = np.split(linear(self.weights, gate, self.dim, 2 * width, bias=False)(hidden), 2, axis=-1)
        else:
            up, gated = (
                linear(self.weights, name, self.dim, width, bias=False)(hidden) for name in (names.widen, gate)
            )
        return linear(self.weights, names.narrow, width, self.dim, bias=self.biases[1])(self.activation(gated) * up)


class NomicBert(RotaryBert):
    """Nomic BERT: SwiGLU and no biases; its authors' config has GPT-2's names."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "nomic_bert.", "bert.")
    layouts = (
        *RotaryBert.layouts,
        BlockLayout(
            "encoder.layers",
            LayerNames(
                *("attn.Wqkv",) * 3,
                output="attn.out_proj",
                attention_norm="norm1",
                widen="mlp.fc11",
                narrow="mlp.fc2",
                norm="norm2",
            ),
            "mlp.fc12",
            "emb_ln",
        ),
    )
    keys = ConfigKeys(
        layers=("n_layer", 12),
        dim=("n_embd", 768),
        heads=("n_head", 12),
        intermediate_size=("n_inner", 3072),
        vocabulary=("vocab_size", 30528),
        positions=("n_positions", 2048),
        activation=("hidden_act", "silu"),
    )
    default_theta = 1000.0
    biases = (False, False)
    default_segments = 2
    reads: ClassVar[tuple[str, ...]] = (
        "layer_norm_epsilon",
        "max_trained_positions",
        "n_embd",
        "n_head",
        "n_inner",
        "n_layer",
        "n_positions",
        "rotary_emb_base",
        "rotary_scaling_factor",
    )
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        **RotaryBert.fixed,
        "activation_function": ("swiglu",),
        "causal": (False,),
        "mlp_fc1_bias": (False,),
        "mlp_fc2_bias": (False,),
        "norm_mlp": (False,),
        "parallel_block": (False,),
        "prenorm": (False,),
        "qkv_proj_bias": (False,),
        "rotary_emb_fraction": (1,),
        "rotary_emb_interleaved": (False,),
        "rotary_emb_scale_base": (),
        "use_rms_norm": (False,),
    }

    def norm_epsilon(self) -> float:
        """Return the number that a layer norm adds to the variance."""
        return self.config.number("layer_norm_eps", "layer_norm_epsilon", default=1e-12)

    def longest(self) -> int:
        """Return the length of the training texts, from which the authors' scaling of positions starts."""
        return self.config.count("max_trained_positions", default=super().longest())

    def read_rotation(self) -> Rotation:
        """Return the rotation of the text's positions; the authors' scaling is the dynamic one of `rotary`."""
        config = self.config
        theta = config.number("rotary_emb_base", default=self.default_theta)
        factor = config.number("rotary_scaling_factor", default=0.0)
        if factor:
            values = {"rope_type": "dynamic", "factor": factor, "rope_theta": theta}
            config = config.changed(rope_scaling=values, max_position_embeddings=self.longest())
        return rotation_for(config, self.head_dim, self.length, theta=theta, longest=self.longest())

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary], by BERT's head."""
        name = "cls.predictions"
        hidden = self.activation(linear(self.weights, f"{name}.transform.dense", self.dim, self.dim)(hidden))
        norm = f"{name}.transform.layer_norm"
        hidden = take_layer_norm(self.weights, norm, self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")


class Gte(RotaryBert):
    """GTE: gated GELU; its authors' checkpoints are of the model_type "new"."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "gte.", "new.")
    layouts = (
        *RotaryBert.layouts,
        BlockLayout(
            "encoder.layer",
            LayerNames(
                *("attention.qkv_proj",) * 3,
                output="attention.o_proj",
                attention_norm="attn_ln",
                widen="mlp.up_gate_proj",
                narrow="mlp.down_proj",
                norm="mlp_ln",
            ),
            "mlp.up_gate_proj",
        ),
    )
    keys = ConfigKeys(vocabulary=("vocab_size", 250_048), positions=("max_position_embeddings", 8192))
    default_theta = 160_000.0
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        **RotaryBert.fixed,
        "layer_norm_type": ("layer_norm",),
        "logn_attention_scale": (False,),
    }

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary], always with the exact GELU."""
        hidden = gelu(linear(self.weights, "lm_head.dense", self.dim, self.dim)(hidden))
        norm = "lm_head.layer_norm"
        norm = norm if self.weights.find(f"{norm}.weight") is not None else "lm_head.norm"
        hidden = take_layer_norm(self.weights, norm, self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "lm_head.decoder", "lm_head.bias")


class JinaEmbeddings3(RotaryBert):
    """Jina Embeddings v3 without its adapters: a plain feed-forward layer, RoBERTa's head."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "roberta.")
    layouts = (
        BlockLayout("layers", _TRANSFORMERS._replace(widen="mlp.fc1", narrow="mlp.fc2"), ""),
        BlockLayout(
            "encoder.layers",
            LayerNames(
                *("mixer.Wqkv",) * 3,
                output="mixer.out_proj",
                attention_norm="norm1",
                widen="mlp.fc1",
                narrow="mlp.fc2",
                norm="norm2",
            ),
            "",
            "emb_ln",
        ),
    )
    keys = ConfigKeys(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 1024),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 4096),
        vocabulary=("vocab_size", 250_002),
        positions=("max_position_embeddings", 8194),
    )
    default_theta = 20_000.0
    default_epsilon = 1e-5

    notes = (
        message(
            "Jina Embeddings v3 has adapters, one a task (retrieval, classification, …); none is applied here: "
            "what is shown is the model below them."
        ),
    )

    def feed(self, names: LayerNames, hidden: Float32) -> Float32:
        """Return the feed-forward of hidden states [n, dim]."""
        return Bert.feed(self, names, hidden)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits [n, vocabulary], always with the exact GELU."""
        hidden = gelu(linear(self.weights, "lm_head.dense", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, "lm_head.layer_norm", self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "lm_head.decoder", "lm_head.bias")
