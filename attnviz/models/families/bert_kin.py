"""Encoders that differ from BERT or RoBERTa in their embeddings or heads alone.

ERNIE (Sun et al. 2020), RoFormer (Su et al. 2021), RemBERT (Chung et al. 2021), BERT for generation (Rothe et al.
2020), LayoutLM (Xu et al. 2020), BigBird (Zaheer et al. 2020), SqueezeBERT (Iandola et al. 2020), Splinter (Ram et al.
2021), data2vec (Baevski et al. 2022), I-BERT (Kim et al. 2021) without its quantization.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.attention_data import Trace
from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.i18n.messages import message
from attnviz.models.families.base import NEEDLESS, ConfigKeys, StackSetup, refuse_segments
from attnviz.models.families.bert import Bert, Electra, LayerNames, Roberta
from attnviz.models.families.layers import Linear, attention, heads_of, linear, take_layer_norm
from attnviz.models.families.position_change import rotary_base
from attnviz.models.families.rotary import Rotation, rotate


class Ernie(Bert):
    """ERNIE: BERT with a vector of the task, that of task 0."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "ernie.")
    reads: ClassVar[tuple[str, ...]] = ("task_type_vocab_size", "use_task_id")

    def segment_vectors(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the segments' vectors [n, width], with that of task 0 where there are tasks."""
        found = super().segment_vectors(ids, segments)
        if self.config.flag("use_task_id", False):
            tasks = self.config.count("task_type_vocab_size", default=3)
            name = "embeddings.task_type_embeddings.weight"
            found += self.weights.rows(name, shape=(tasks, self.width), ids=np.zeros_like(ids))
        return found


class RoFormer(Electra):
    """RoFormer: rotary positions, whose pairs are neighbours; the values may be rotated too."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "roformer.")
    reads: ClassVar[tuple[str, ...]] = ("rotary_value",)
    keys = ConfigKeys(vocabulary=("vocab_size", 50000), positions=("max_position_embeddings", 1536))

    @property
    def width(self) -> int:
        """Return the width of the embedding tables."""
        return self.config.count("embedding_size", default=self.dim)

    def add_positions(self, hidden: Float32, ids: Indexes) -> Float32:  # noqa: ARG002
        """Return the norm of hidden [n, width]: positions are added to no input."""
        return self.norm_embeddings(hidden)

    def attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim]."""
        query, key, value = self.project(names, hidden)
        rotation = self.rotation()
        query, key = (rotate(each, rotation, halves=False) for each in (query, key))
        if self.config.flag("rotary_value", False):
            value = rotate(value, rotation, halves=False)
        output = linear(self.weights, names.output, self.dim, self.dim)
        return attention(hidden, hidden, query, key, value, output, allowed=self.masks[number])

    def rotation(self) -> Rotation:
        """Return cosine and sine [n, d_h / 2] of the angles, which are computed in float64 as in transformers."""
        width = self.dim // self.heads
        if width % 2:
            raise InputError("The model rotates heads of {width} features; the number must be even.", width=width)
        angles = self.places[:, None] / rotary_base(10_000.0) ** (np.arange(0, width, 2) / width)
        return Rotation(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32))

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits, by BERT's head at the width of the embeddings."""
        name = "cls.predictions"
        hidden = self.activation(linear(self.weights, f"{name}.transform.dense", self.dim, self.width)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.transform.LayerNorm", self.width, hidden, self.epsilon)
        return self.to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")


class RemBert(Bert):
    """RemBERT: narrow embeddings are projected, and the head has a wide table of its own."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "rembert.")
    reads: ClassVar[tuple[str, ...]] = ("input_embedding_size", "output_embedding_size")
    unread: ClassVar[tuple[str, ...]] = ("tie_word_embeddings",)
    harmless: ClassVar[Mapping[str, str]] = {"tie_word_embeddings": "tensors"}
    keys = ConfigKeys(
        layers=("num_hidden_layers", 32),
        dim=("hidden_size", 1152),
        heads=("num_attention_heads", 18),
        intermediate_size=("intermediate_size", 4608),
        vocabulary=("vocab_size", 250_300),
    )

    @property
    def width(self) -> int:
        """Return the width of the embedding tables."""
        return self.config.count("input_embedding_size", default=256)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return BERT's embedding, projected to [n, dim]."""
        hidden = super().embed(ids, segments)
        return linear(self.weights, "encoder.embedding_hidden_mapping_in", self.width, self.dim)(hidden)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits, [n, dim] -> [n, vocabulary]."""
        name, width = "cls.predictions", self.config.count("output_embedding_size", default=1664)
        hidden = self.activation(linear(self.weights, f"{name}.dense", self.dim, width)(hidden))
        hidden = take_layer_norm(self.weights, f"{name}.LayerNorm", width, hidden, self.epsilon)
        return linear(self.weights, f"{name}.decoder", width, self.vocabulary)(hidden)


class BertGeneration(Bert):
    """BERT for generation: no segments, and a plain head."""

    has_segment_types = False
    unread: ClassVar[tuple[str, ...]] = ("type_vocab_size",)
    keys = ConfigKeys(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 1024),
        heads=("num_attention_heads", 16),
        intermediate_size=("intermediate_size", 4096),
        vocabulary=("vocab_size", 50358),
    )

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + position vectors, normed: [n, dim]."""
        refuse_segments(segments, self.shape.family)
        return self.add_positions(self.token_vectors(ids), ids)

    def score(self, hidden: Float32) -> Float32:
        """Return the language model's logits, [n, dim] -> [n, vocabulary]."""
        return self.to_vocabulary(hidden, "lm_head.decoder", "lm_head.bias")


class LayoutLm(Bert):
    """LayoutLM for a text alone: every word's box on the page is 0, as transformers takes it without boxes."""

    may_be_causal = False
    prefixes: ClassVar[tuple[str, ...]] = ("", "layoutlm.")
    reads: ClassVar[tuple[str, ...]] = ("max_2d_position_embeddings",)
    unread: ClassVar[tuple[str, ...]] = ("is_decoder",)
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family"}
    notes = (
        message("LayoutLM knows where words stand on a page; here all boxes are 0, as for a text without a page."),
    )

    def segment_vectors(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return the segments' vectors [n, width], with those of a box whose corners and sizes are 0."""
        found = super().segment_vectors(ids, segments)
        rows = self.config.count("max_2d_position_embeddings", default=1024)
        for place, count in (("x", 2), ("y", 2), ("h", 1), ("w", 1)):
            name = f"embeddings.{place}_position_embeddings.weight"
            found += count * self.weights.rows(name, shape=(rows, self.width), ids=np.zeros_like(ids))
        return found


class BigBird(Bert):
    """BigBird with full attention, which it has for texts that its blocks would cover anyway."""

    reads: ClassVar[tuple[str, ...]] = (
        "attention_type",
        "block_size",
        "num_random_blocks",
        "rescale_embeddings",
        "use_bias",
    )
    keys = ConfigKeys(
        vocabulary=("vocab_size", 50358),
        positions=("max_position_embeddings", 4096),
        activation=("hidden_act", "gelu_new"),
    )

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        kind = self.config.word("attention_type", default="block_sparse")
        blocks = 5 + 2 * self.config.count("num_random_blocks", default=3, least=0)
        longest = blocks * self.config.count("block_size", default=64)
        if kind != "original_full" and self.length > longest:
            raise InputError(
                "Beyond {longest} tokens BigBird attends to blocks of tokens, some of them random, which attnviz does "
                "not compute; the text has {count}.",
                hint="Give a shorter text, or --window {longest}.",
                longest=longest,
                count=self.length,
            )

    def token_vectors(self, ids: Indexes) -> Float32:
        """Return the token vectors [n, width], times sqrt(dim) where the config says so."""
        hidden = super().token_vectors(ids)
        return hidden * np.float32(self.dim**0.5) if self.config.flag("rescale_embeddings", False) else hidden

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of hidden states [n, dim]: [heads, n, d_h] each."""
        bias = self.config.flag("use_bias", True)
        query, key, value = (
            heads_of(linear(self.weights, name, self.dim, self.dim, bias=bias)(hidden), self.heads)
            for name in names[:3]
        )
        return query, key, value


class SqueezeBert(Bert):
    """SqueezeBERT: linear layers in groups, each of which sees its part of the features."""

    may_be_causal = False
    prefixes: ClassVar[tuple[str, ...]] = ("", "transformer.")
    names = LayerNames(
        query="attention.query",
        key="attention.key",
        value="attention.value",
        output="post_attention.conv1d",
        attention_norm="post_attention.layernorm",
        widen="intermediate.conv1d",
        narrow="output.conv1d",
        norm="output.layernorm",
    )
    reads: ClassVar[tuple[str, ...]] = (
        "embedding_size",
        "intermediate_groups",
        "k_groups",
        "output_groups",
        "post_attention_groups",
        "q_groups",
        "v_groups",
    )
    unread: ClassVar[tuple[str, ...]] = ("is_decoder",)
    harmless: ClassVar[Mapping[str, str]] = {"is_decoder": "family"}

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        if self.config.count("embedding_size", default=self.dim) != self.dim:
            raise InputError("The model's config must give embedding_size as {dim}, its hidden_size.", dim=self.dim)

    def norm_epsilon(self) -> float:
        """Return the number that a layer's norm adds to the variance; no config changes it."""
        return 1e-12

    def layer_name(self, number: int) -> str:
        """Return the beginning of the names of a layer's tensors."""
        return f"encoder.layers.{number}"

    def norm_embeddings(self, hidden: Float32) -> Float32:
        """Return the layer norm of the embeddings [n, dim]."""
        return take_layer_norm(self.weights, "embeddings.LayerNorm", self.dim, hidden, super().norm_epsilon())

    def project(self, names: LayerNames, hidden: Float32) -> tuple[Float32, Float32, Float32]:
        """Return queries, keys and values of hidden states [n, dim]: [heads, n, d_h] each."""
        query, key, value = (
            heads_of(self.grouped(name, self.dim, self.dim, f"{letter}_groups")(hidden), self.heads)
            for name, letter in zip(names[:3], "qkv", strict=True)
        )
        return query, key, value

    def attend(self, number: int, names: LayerNames, hidden: Float32) -> Trace:
        """Run the attention sublayer on hidden states [n, dim]."""
        query, key, value = self.project(names, hidden)
        output = self.grouped(names.output, self.dim, self.dim, "post_attention_groups")
        return attention(hidden, hidden, query, key, value, output, allowed=self.masks[number])

    def feed(self, names: LayerNames, hidden: Float32) -> Float32:
        """Return the feed-forward of hidden states [n, dim]."""
        width = self.intermediate_size
        intermediate = self.activation(self.grouped(names.widen, self.dim, width, "intermediate_groups")(hidden))
        return self.grouped(names.narrow, width, self.dim, "output_groups")(intermediate)

    def grouped(self, name: str, inputs: int, outputs: int, key: str) -> Linear:
        """Return a layer in as many groups as the config's `key` says, as one matrix [outputs, inputs] with zeros."""
        groups = self.config.count(key, default=1 if key == "post_attention_groups" else 4)
        if inputs % groups or outputs % groups:
            raise InputError(
                "The model's {key} ({groups}) must divide {inputs} and {outputs}.",
                key=key,
                groups=groups,
                inputs=inputs,
                outputs=outputs,
            )
        parts = self.weights.take(f"{name}.weight", shape=(outputs, inputs // groups, 1))[..., 0]
        matrix = np.zeros((outputs, inputs), dtype=np.float32)
        high, wide = outputs // groups, inputs // groups
        for group in range(groups):
            rows = slice(group * high, (group + 1) * high)
            matrix[rows, group * wide : (group + 1) * wide] = parts[rows]
        return Linear(matrix, self.weights.take(f"{name}.bias", shape=(outputs,)))

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits by BERT's head, [n, dim] -> [n, vocabulary]."""
        name = "cls.predictions"
        hidden = self.activation(linear(self.weights, f"{name}.transform.dense", self.dim, self.dim)(hidden))
        norm = f"{name}.transform.LayerNorm"
        hidden = take_layer_norm(self.weights, norm, self.dim, hidden, super().norm_epsilon())
        return self.to_vocabulary(hidden, f"{name}.decoder", f"{name}.bias")


class Splinter(Bert):
    """Splinter: BERT under its name, with a head that chooses spans and so scores no words."""

    may_be_causal = False
    prefixes: ClassVar[tuple[str, ...]] = ("", "splinter.")
    unread: ClassVar[tuple[str, ...]] = ("is_decoder", "tie_word_embeddings")
    harmless: ClassVar[Mapping[str, str]] = {
        "is_decoder": "family",
        "question_token_id": "head",
        "tie_word_embeddings": "family",
    }

    def score(self, hidden: Float32) -> Float32:  # noqa: ARG002
        """Raise InputError: there is no head that scores words."""
        raise InputError("A Splinter model has no head that scores the words of its vocabulary.")


class Data2VecText(Roberta):
    """data2vec's text encoder: RoBERTa under its name."""

    prefixes: ClassVar[tuple[str, ...]] = ("", "data2vec_text.")
    keys = ConfigKeys()


class IBert(Roberta):
    """I-BERT without quantization: RoBERTa under its name; what was calibrated for integers is not read."""

    may_be_causal = False
    prefixes: ClassVar[tuple[str, ...]] = ("", "ibert.")
    keys = ConfigKeys()
    needless = (*NEEDLESS, r"(_integer|scaling_factor|x_min|x_max|\.shift)$")
    unread: ClassVar[tuple[str, ...]] = ("is_decoder",)
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"quant_mode": (False,)}
    harmless: ClassVar[Mapping[str, str]] = {"force_dequant": "running", "is_decoder": "family"}
