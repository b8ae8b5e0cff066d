"""BART (Lewis et al. 2020) and its kin: PLBART, MVP, mBART, Pegasus, M2M-100 with NLLB, Blenderbot.

Encoder and decoder are Marian's and share one table of token vectors; what differs is where positions come from, where
norms stand, and whether the embedding has one.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.config import Configuration
from attnviz.models.families.marian import MarianDecoder, TranslatorSizes


class BartDecoder(MarianDecoder):
    """BART's decoder: learned positions and a norm after the embedding.

    first_row: the row of the position table for the first token.
    """

    unread: ClassVar[tuple[str, ...]] = ("decoder_vocab_size", "share_encoder_decoder_embeddings")
    sizes = TranslatorSizes()
    first_row: ClassVar[int] = 2

    @classmethod
    def read_target_vocabulary(cls, config: Configuration, vocabulary: int) -> int:  # noqa: ARG003
        """Return the size of the decoder's vocabulary: the encoder's."""
        return vocabulary

    def embedding_names(self, side: str) -> tuple[str, ...]:
        """Return the possible names of a side's table: both share one unless they are untied."""
        own, shared = f"{side}.embed_tokens.weight", "shared.weight"
        return (shared, own) if self.config.flag("tie_word_embeddings", True) else (own, shared)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token + position vectors, normed: [n, dim]."""
        return self.norm(f"{self.side}.layernorm_embedding", super().embed(ids, segments))

    def position_vectors(self, ids: Indexes) -> Float32:  # noqa: ARG002
        """Return the learned positions of token ids [n]: [n, dim]."""
        rows = self.config.count("max_position_embeddings", default=self.sizes.positions) + self.first_row
        name, places = f"{self.side}.embed_positions.weight", self.places + self.first_row
        return self.weights.rows(name, shape=(rows, self.dim), ids=places)


class Bart(BartDecoder):
    """BART's encoder."""

    side = "encoder"
    decoder = BartDecoder


class PLBartDecoder(BartDecoder):
    """The decoder of PLBART (Ahmad et al. 2021): BART for programs, embeddings scaled."""

    sizes = TranslatorSizes(50005, 768, 1024, (6, 6), 12, 3072, scaled=True)


class PLBart(PLBartDecoder):
    """The encoder of PLBART."""

    side = "encoder"
    decoder = PLBartDecoder


class MvpDecoder(BartDecoder):
    """The decoder of MVP (Tang et al. 2022): BART, without the prompts that it may have in each layer."""

    sizes = TranslatorSizes(50267)
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"use_prompt": (False,)}
    harmless: ClassVar[Mapping[str, str]] = {
        **MarianDecoder.harmless,
        "prompt_length": "family",
        "prompt_mid_dim": "family",
    }


class Mvp(MvpDecoder):
    """The encoder of MVP."""

    side = "encoder"
    decoder = MvpDecoder


class MBartDecoder(BartDecoder):
    """The decoder of mBART (Liu et al. 2020): norms before the sublayers, and after the embedding."""

    norm_first = True


class MBart(MBartDecoder):
    """The encoder of mBART."""

    side = "encoder"
    decoder = MBartDecoder


class PegasusDecoder(BartDecoder):
    """The decoder of Pegasus (Zhang et al. 2020): sinusoids, norms before the sublayers."""

    norm_first = True
    embed = MarianDecoder.embed
    position_vectors = MarianDecoder.position_vectors


class Pegasus(PegasusDecoder):
    """The encoder of Pegasus."""

    side = "encoder"
    decoder = PegasusDecoder


class M2M100Decoder(PegasusDecoder):
    """The decoder of M2M-100 (Fan et al. 2020) and NLLB (NLLB team 2022): sinusoids counted from the padding's."""

    reads: ClassVar[tuple[str, ...]] = ("pad_token_id",)
    sizes = TranslatorSizes(vocabulary=128_112, activation="relu", scaled=True)

    def position_vectors(self, ids: Indexes) -> Float32:
        """Return the sinusoids of token ids [n], all sines first, [n, dim]: the first token's place follows padding's.

        Wave lengths grow to 2 pi 10000, which the last pair has, as in tensor2tensor; padding tokens get zeros.
        """
        padding = self.config.count("pad_token_id", default=1, least=0)
        real = ids != padding
        places = (np.cumsum(real) * real + padding).astype(np.float32)
        pairs = self.dim // 2
        step = np.float32(-np.log(10_000.0) / max(1, pairs - 1))
        angles = places[:, None] * np.exp(np.arange(pairs, dtype=np.float32) * step)
        waves = np.concatenate([np.sin(angles), np.cos(angles), np.zeros((len(ids), self.dim % 2), np.float32)], axis=1)
        found: Float32 = waves * real[:, None].astype(np.float32)
        return found

    @classmethod
    def cache_state(cls, config: Configuration, length: int) -> Hashable:  # noqa: ARG003
        """Return the length: a position counts the tokens before it that are no padding, which no cache keeps."""
        return length


class M2M100(M2M100Decoder):
    """The encoder of M2M-100 and NLLB."""

    side = "encoder"
    decoder = M2M100Decoder


class BlenderbotDecoder(BartDecoder):
    """The decoder of Blenderbot (Roller et al. 2021): norms before the sublayers, none after the embedding."""

    sizes = TranslatorSizes(8008, 2560, 128, (2, 24), 32, 10240)
    norm_first = True
    first_row = 0
    embed = MarianDecoder.embed


class Blenderbot(BlenderbotDecoder):
    """The encoder of Blenderbot."""

    side = "encoder"
    decoder = BlenderbotDecoder


class BlenderbotSmallDecoder(BartDecoder):
    """The decoder of Blenderbot's smallest size: positions from row 0, added to normed token vectors."""

    sizes = TranslatorSizes(50265, 512, 512, (8, 8), 16, 2048)
    first_row = 0

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return normed token vectors, which are not scaled before, + positions: [n, dim]."""
        hidden = self.norm("decoder.layernorm_embedding", self.token_vectors(ids, segments))
        return hidden + self.position_vectors(ids)


class BlenderbotSmall(BlenderbotSmallDecoder):
    """The encoder of Blenderbot's smallest size."""

    side = "encoder"
    decoder = BlenderbotSmallDecoder
    embed = BartDecoder.embed
