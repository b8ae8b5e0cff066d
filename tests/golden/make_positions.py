"""Write positions.npz: what PyTorch and transformers compute for each position scheme, to hold attnviz against.

Both are needed only here, never by the tests:

    python -m venv /tmp/goldenvenv
    /tmp/goldenvenv/bin/pip install torch==2.13.0 transformers numpy
    /tmp/goldenvenv/bin/python tests/golden/make_positions.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, LlamaConfig
from transformers.models.bert.modeling_bert import BertEmbeddings
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.gptj.modeling_gptj import apply_rotary_pos_emb as rotate_pairs
from transformers.models.gptj.modeling_gptj import create_sinusoidal_positions
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb as rotate_halves
from transformers.models.t5.modeling_t5 import T5Attention

HERE = Path(__file__).parent
ALIBI_HEADS = (1, 2, 3, 5, 8, 12, 20)
OFFSET = 7


def rotary(x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Queries [heads, n, d] turned from position OFFSET on: neighbours as GPT-J does it, halves as Llama does it."""
    heads, count, dim = x.shape
    sine, cosine = torch.chunk(create_sinusoidal_positions(OFFSET + count, dim)[OFFSET:], 2, dim=-1)
    pairs = rotate_pairs(x.transpose(0, 1)[None], sine[None], cosine[None])[0].transpose(0, 1)
    config = LlamaConfig(hidden_size=heads * dim, num_attention_heads=heads, head_dim=dim)
    cosine, sine = LlamaRotaryEmbedding(config)(x[None], torch.arange(OFFSET, OFFSET + count)[None])
    halves, _ = rotate_halves(x[None], x[None], cosine, sine)
    return {"rotary_x": x, "rotary_pairs": pairs, "rotary_halves": halves[0]}


def alibi() -> dict[str, torch.Tensor]:
    """The last row of each head's bias over 9 keys, as BLOOM builds it: slope times the key's position."""
    mask = torch.ones(1, 9)
    return {f"alibi_{heads}": build_alibi_tensor(mask, heads, torch.float32)[:, 0] for heads in ALIBI_HEADS}


def t5() -> dict[str, torch.Tensor]:
    """The bucket of each distance from -300 to 300, looking both ways and back only."""
    distance = torch.arange(-300, 301)
    return {
        name: T5Attention._relative_position_bucket(distance, both, 32, 128)
        for name, both in (("t5_both", True), ("t5_causal", False))
    }


def learned(generator: np.random.Generator) -> dict[str, torch.Tensor]:
    """What BERT's embedding layer adds for positions 3 to 7: the difference that its position table makes."""
    config = BertConfig(
        vocab_size=5, hidden_size=8, num_attention_heads=1, max_position_embeddings=12, type_vocab_size=1
    )
    layer = BertEmbeddings(config).eval()
    layer.LayerNorm = torch.nn.Identity()
    table = torch.from_numpy(generator.standard_normal((12, 8)).astype(np.float32))
    words = torch.zeros(1, 5, dtype=torch.long)
    with torch.no_grad():
        layer.position_embeddings.weight.copy_(table)
        placed = layer(words, position_ids=torch.arange(3, 8)[None])[0]
        bare = layer.word_embeddings(words)[0] + layer.token_type_embeddings(words)[0]
    return {"learned_table": table, "learned_bare": bare, "learned_placed": placed}


def main() -> None:
    """Compute everything from one seed and write it."""
    generator = np.random.default_rng(20240608)
    x = torch.from_numpy(generator.standard_normal((3, 6, 8)).astype(np.float32))
    golden = {**rotary(x), **alibi(), **t5(), **learned(generator)}
    arrays = {name: tensor.detach().numpy() for name, tensor in golden.items()}
    np.savez_compressed(HERE / "positions.npz", **arrays)


if __name__ == "__main__":
    main()
