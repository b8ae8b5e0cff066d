"""ALBERT (Lan et al. 2020): layers share their weights, and narrow embeddings are projected."""

from __future__ import annotations

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import ConfigKeys
from attnviz.models.families.bert import Bert, LayerNames
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import linear, take_layer_norm


class Albert(Bert):
    """Groups of layers, each of which runs several times."""

    prefixes = ("", "albert.")
    reads = ("embedding_size", "inner_group_num", "num_hidden_groups")
    keys = ConfigKeys(
        dim=("hidden_size", 4096),
        heads=("num_attention_heads", 64),
        intermediate_size=("intermediate_size", 16384),
        vocabulary=("vocab_size", 30000),
        activation=("hidden_act", "gelu_new"),
    )
    names = LayerNames(
        query="attention.query",
        key="attention.key",
        value="attention.value",
        output="attention.dense",
        attention_norm="attention.LayerNorm",
        widen="ffn",
        narrow="ffn_output",
        norm="full_layer_layer_norm",
    )

    @classmethod
    def size(cls, config: Configuration, key: str) -> int:
        """Return one of the numbers that `keys` names; each run of a group counts as many layers as it holds."""
        number = super().size(config, key)
        return number * _layers_per_group(config) if key == "layers" else number

    @property
    def width(self) -> int:
        """Return the width of the embedding tables."""
        return self.config.count("embedding_size", default=128)

    def layer_name(self, number: int) -> str:
        """Return the beginning of the names of layer `number`'s tensors: those of a group of shared weights."""
        run, inside = divmod(number, _layers_per_group(self.config))
        runs = self.size(self.config, "layers") // _layers_per_group(self.config)
        groups = self.config.count("num_hidden_groups", default=1, most=runs)
        return f"encoder.albert_layer_groups.{int(run / (runs / groups))}.albert_layers.{inside}"

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return BERT's embedding, projected to [n, dim]."""
        hidden = super().embed(ids, segments)
        return linear(self.weights, "encoder.embedding_hidden_mapping_in", self.width, self.dim)(hidden)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits, [n, dim] -> [n, vocabulary]."""
        hidden = self.activation(linear(self.weights, "predictions.dense", self.dim, self.width)(hidden))
        hidden = take_layer_norm(self.weights, "predictions.LayerNorm", self.width, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "predictions.decoder", "predictions.bias")


def _layers_per_group(config: Configuration) -> int:
    return config.layers("inner_group_num", default=1)
