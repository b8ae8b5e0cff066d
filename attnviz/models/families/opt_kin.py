"""Relatives of OPT: BioGPT (Luo et al. 2022) and XGLM (Lin et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from attnviz.core.types import Float32, Indexes
from attnviz.models.families.base import CausalStack, ConfigKeys
from attnviz.models.families.layers import take_layer_norm
from attnviz.models.families.opt import EPSILON, FIRST_ROW, Opt


class BioGpt(Opt):
    """BioGPT: OPT with token vectors times sqrt(dim)."""

    reads: ClassVar[tuple[str, ...]] = ("hidden_act", "intermediate_size", "scale_embedding")
    unread: ClassVar[tuple[str, ...]] = (
        "_remove_final_layer_norm",
        "activation_function",
        "do_layer_norm_before",
        "enable_bias",
        "ffn_dim",
        "layer_norm_elementwise_affine",
        "word_embed_proj_dim",
    )
    harmless: ClassVar[Mapping[str, str]] = {**Opt.harmless, "layer_norm_eps": "family"}
    prefixes: ClassVar[tuple[str, ...]] = ("", "biogpt.")
    keys = ConfigKeys(
        layers=("num_hidden_layers", 24),
        dim=("hidden_size", 1024),
        heads=("num_attention_heads", 16),
        vocabulary=("vocab_size", 42384),
        positions=("max_position_embeddings", 1024),
    )
    width_key = ("intermediate_size", 4096)
    activation_key = ("hidden_act", "gelu")
    embedding = "embed_tokens.weight"
    head = "output_projection.weight"
    stem = ""
    last_norm = "layer_norm"

    def read_switches(self) -> tuple[bool, bool]:
        """Return whether there are biases, and whether norms stand before the sublayers: both."""
        return True, True

    @property
    def width(self) -> int:
        """Return the width of the table of token vectors, that of the layers."""
        return self.dim

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:
        """Return token vectors, times sqrt(dim) unless scale_embedding says no, + positions: [n, dim]."""
        hidden = CausalStack.embed(self, ids, segments)
        if self.config.flag("scale_embedding", True):
            hidden *= np.float32(self.dim**0.5)
        hidden += self.position_vectors()
        return hidden

    def norm(self, name: str, x: Float32) -> Float32:
        """Return the layer norm of x [n, dim]."""
        return take_layer_norm(self.weights, name, self.dim, x, EPSILON)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim]."""
        return self.norm(self.last_norm, hidden)


class Xglm(BioGpt):
    """XGLM: BioGPT with sinusoids for positions."""

    reads: ClassVar[tuple[str, ...]] = (
        "activation_function",
        "attention_heads",
        "d_model",
        "ffn_dim",
        "num_layers",
        "pad_token_id",
    )
    unread: ClassVar[tuple[str, ...]] = ("hidden_act", "intermediate_size")
    needless = (*Opt.needless, r"\.encoder_attn", r"embed_positions\.")
    prefixes: ClassVar[tuple[str, ...]] = ("", "model.")
    keys = ConfigKeys(
        layers=("num_layers", 24),
        dim=("d_model", 1024),
        heads=("attention_heads", 16),
        vocabulary=("vocab_size", 256_008),
        positions=("max_position_embeddings", 2048),
    )
    width_key = ("ffn_dim", 4096)
    activation_key = ("activation_function", "gelu")
    head = "lm_head.weight"

    def position_vectors(self) -> Float32:
        """Return the sinusoids of the tokens that are read, all sines first, from place 2 on: [n, dim].

        Wave lengths grow to 2 pi 10000, which the last pair has, as in tensor2tensor; the padding's place has zeros.
        """
        places, pairs = self.places + FIRST_ROW, self.dim // 2
        step = np.float32(-np.log(10_000.0) / max(1, pairs - 1))
        angles = places.astype(np.float32)[:, None] * np.exp(np.arange(pairs, dtype=np.float32) * step)
        blank = np.zeros((len(places), self.dim % 2), np.float32)
        waves = np.concatenate([np.sin(angles), np.cos(angles), blank], axis=1)
        waves[places == self.config.count("pad_token_id", default=1, least=0)] = 0
        found: Float32 = waves
        return found
