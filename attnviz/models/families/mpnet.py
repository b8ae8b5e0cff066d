"""MPNet (Song et al. 2020): RoBERTa's positions, T5's relative biases beside them, no segments."""

from __future__ import annotations

from functools import cached_property

from attnviz.core.positions import t5_buckets
from attnviz.models.families.base import Float32, Ids, refuse_segments
from attnviz.models.families.bert import Keys, LayerNames, Roberta
from attnviz.models.families.config import Configuration
from attnviz.models.families.layers import relative_bias

_BUCKETS = 32


class MpNet(Roberta):
    """One table of biases for all layers."""

    prefixes = ("", "mpnet.")
    keys = Keys(vocabulary=("vocab_size", 30527))
    names = LayerNames(
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        output="attention.attn.o",
        attention_norm="attention.LayerNorm",
    )

    @classmethod
    def padding(cls, config: Configuration) -> int:  # noqa: ARG003  no config changes it
        """The padding token's row in the position table."""
        return 1

    def bias(self) -> Float32:
        """The relative biases, [heads, n, n]."""
        return self._bias

    @cached_property
    def _bias(self) -> Float32:
        rows = self.config.count("relative_attention_num_buckets", default=_BUCKETS, least=_BUCKETS)
        table = self.weights.take("encoder.relative_attention_bias.weight", shape=(rows, self.heads))
        return relative_bias(table, t5_buckets(self.count, self.count, buckets=_BUCKETS))

    def embed(self, ids: Ids, segments: Ids | None) -> Float32:
        """Word + position vectors, normed."""
        refuse_segments(segments, "mpnet")
        return self.placed(self.words(ids), ids)
