"""MPNet (Song et al. 2020): RoBERTa's positions, T5's relative biases beside them, no segments."""

from __future__ import annotations

from functools import cached_property

from attnviz.core.positions import t5_buckets
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import ConfigKeys, refuse_segments
from attnviz.models.families.bert import LayerNames, Roberta
from attnviz.models.families.layers import relative_bias
from attnviz.models.families.position_change import stand_together

_BUCKETS = 32


class MpNet(Roberta):
    """The layers of MPNet, with one table of biases for all of them."""

    prefixes = ("", "mpnet.")
    padding_key = None
    has_segment_types = False
    reads = ("relative_attention_num_buckets",)
    unread = ("pad_token_id", "type_vocab_size")
    keys = ConfigKeys(vocabulary=("vocab_size", 30527))
    names = LayerNames(
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        output="attention.attn.o",
        attention_norm="attention.LayerNorm",
    )

    def bias(self) -> Float32:
        """Return the relative biases, [heads, n, n]."""
        return self._bias

    @cached_property
    def _bias(self) -> Float32:
        """Return the relative biases, computed once for all layers: [heads, n, n]."""
        rows = self.config.count("relative_attention_num_buckets", default=_BUCKETS, least=_BUCKETS)
        table = self.weights.take("encoder.relative_attention_bias.weight", shape=(rows, self.heads))
        buckets = t5_buckets(self.length, self.length, buckets=_BUCKETS)
        return relative_bias(table, buckets * (not stand_together()))

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + position vectors, normed: [n, dim]."""
        refuse_segments(segments, self.shape.family)
        return self.add_positions(self.token_vectors(ids), ids)
