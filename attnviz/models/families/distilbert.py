"""DistilBERT (Sanh et al. 2019): BERT without segments, under other names."""

from __future__ import annotations

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import ConfigKeys, refuse_segments
from attnviz.models.families.bert import Bert, LayerNames
from attnviz.models.families.layers import linear, take_layer_norm


class DistilBert(Bert):
    """Words and positions, and layers with the norm after each sublayer."""

    prefixes = ("", "distilbert.")
    has_segment_types = False
    reads = ("activation", "dim", "hidden_dim", "n_heads", "n_layers")
    unread = ("hidden_act", "layer_norm_eps", "type_vocab_size")
    keys = ConfigKeys(
        layers=("n_layers", 6),
        dim=("dim", 768),
        heads=("n_heads", 12),
        intermediate_size=("hidden_dim", 3072),
        activation=("activation", "gelu"),
    )
    names = LayerNames(
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        output="attention.out_lin",
        attention_norm="sa_layer_norm",
        widen="ffn.lin1",
        narrow="ffn.lin2",
        norm="output_layer_norm",
    )

    def norm_epsilon(self) -> float:
        """Return the number that a layer norm adds to the variance; no config changes it."""
        return 1e-12

    def layer_name(self, number: int) -> str:
        """Return the beginning of the names of a layer's tensors."""
        return f"transformer.layer.{number}"

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + position vectors, normed: [n, dim]."""
        refuse_segments(segments, self.shape.family)
        return self.add_positions(self.token_vectors(ids), ids)

    def score(self, hidden: Float32) -> Float32:
        """Return the masked language model's logits, [n, dim] -> [n, vocabulary]."""
        hidden = self.activation(linear(self.weights, "vocab_transform", self.dim, self.dim)(hidden))
        hidden = take_layer_norm(self.weights, "vocab_layer_norm", self.dim, hidden, self.epsilon)
        return self.to_vocabulary(hidden, "vocab_projector", "vocab_projector.bias")
