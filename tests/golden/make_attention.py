"""Write attention.npz: what PyTorch computes for seeded inputs, to hold attnviz against.

PyTorch is needed only here, never by the tests:

    python -m venv /tmp/torchvenv
    /tmp/torchvenv/bin/pip install torch==2.13.0 transformers==5.24.0 numpy
    /tmp/torchvenv/bin/python tests/golden/make_attention.py
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward as capped
from transformers.models.gpt_oss.modeling_gpt_oss import eager_attention_forward as with_sink

HERE = Path(__file__).parent


def random(generator: np.random.Generator, *shape: int) -> torch.Tensor:
    """Normal numbers of this shape, float32."""
    return torch.from_numpy(generator.standard_normal(shape).astype(np.float32))


def dot_products(generator: np.random.Generator) -> dict[str, torch.Tensor]:
    """Inputs [batch, head, tokens, features] and the outputs under each option; allowed is True where one may look."""
    q, k, v = random(generator, 2, 3, 5, 8), random(generator, 2, 3, 7, 8), random(generator, 2, 3, 7, 4)
    allowed = torch.from_numpy(generator.random((5, 7)) < 0.6)
    allowed[:, 0] = True
    bias = random(generator, 3, 5, 7)
    options = {
        "plain": {},
        "allowed": {"attn_mask": allowed},
        "bias": {"attn_mask": bias},
        "both": {"attn_mask": bias.masked_fill(~allowed, -math.inf)},
        "scale": {"scale": 0.5},
    }
    outputs = {f"output_{name}": scaled_dot_product_attention(q, k, v, **given) for name, given in options.items()}
    each_key = torch.eye(7).expand(2, 3, 7, 7)
    weights = {
        f"weights_{name}": scaled_dot_product_attention(q, k, each_key, **given) for name, given in options.items()
    }
    shared = {"output_shared": scaled_dot_product_attention(q, k[:1, :1], v[:1, :1])}
    return {"q": q, "k": k, "v": v, "allowed": allowed, "bias": bias, **outputs, **weights, **shared}


def multi_head(generator: np.random.Generator) -> dict[str, torch.Tensor]:
    """Self-attention of 6 tokens of 16 features in 4 heads; the four matrices stand for x @ W."""
    module = torch.nn.MultiheadAttention(16, 4, bias=False, batch_first=True)
    matrices = [random(generator, 16, 16) / 4 for _ in range(4)]
    x = random(generator, 6, 16)
    causal = torch.ones(6, 6, dtype=torch.bool).triu(1)  # PyTorch's True is "cannot look" here
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.cat([matrix.T for matrix in matrices[:3]]))
        module.out_proj.weight.copy_(matrices[3].T)
        output, weights = module(x[None], x[None], x[None], average_attn_weights=False)
        causal_output, causal_weights = module(x[None], x[None], x[None], attn_mask=causal, average_attn_weights=False)
    return {
        "mha_x": x,
        "mha_matrices": torch.stack(matrices),
        "mha_output": output[0],
        "mha_weights": weights[0],
        "mha_causal_output": causal_output[0],
        "mha_causal_weights": causal_weights[0],
    }


def caps_and_sinks(golden: dict[str, torch.Tensor], generator: np.random.Generator) -> dict[str, torch.Tensor]:
    """The functions of Gemma 2 (scores capped at 1.5) and gpt-oss; outputs [batch, head, tokens, d_v]."""
    q, k, v = golden["q"], golden["k"], golden["v"]
    module = torch.nn.Module()
    module.num_key_value_groups, module.sinks = 1, random(generator, 3)
    mask = torch.zeros(5, 7).masked_fill(~golden["allowed"], -math.inf)
    scale = 8**-0.5
    output, weights = capped(module, q, k, v, mask, scaling=scale, softcap=1.5)
    sink_output, sink_weights = with_sink(module, q, k, v, mask, scaling=scale)
    return {
        "sink": module.sinks,
        "output_cap": output.transpose(1, 2),
        "weights_cap": weights,
        "output_sink": sink_output.transpose(1, 2),
        "weights_sink": sink_weights,
    }


def waves(count: int, dim: int) -> torch.Tensor:
    """Sinusoidal positions as "The Annotated Transformer" writes them, exp of logarithms, in float64."""
    position = torch.arange(count, dtype=torch.float64)[:, None]
    rate = torch.exp(torch.arange(0, dim, 2, dtype=torch.float64) * -(math.log(10000.0) / dim))
    table = torch.zeros(count, dim, dtype=torch.float64)
    table[:, 0::2] = torch.sin(position * rate)
    table[:, 1::2] = torch.cos(position * rate)
    return table


def main() -> None:
    """Compute everything from one seed and write it."""
    generator = np.random.default_rng(20240607)
    golden = {**dot_products(generator), **multi_head(generator), "waves": waves(50, 16)}
    golden |= caps_and_sinks(golden, generator)
    np.savez_compressed(HERE / "attention.npz", **{name: tensor.numpy() for name, tensor in golden.items()})


if __name__ == "__main__":
    main()
