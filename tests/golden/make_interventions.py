"""Write interventions.npz: what PyTorch computes with heads switched off, by hooks on the output projections.

The models are the tiny checkpoints of models/ (make_models.py) with the ids of their first text. Needs PyTorch and
transformers, only here, never in the tests:

    /tmp/modelsvenv/bin/python tests/golden/make_interventions.py

Keys: `NAME/zero` and `NAME/mean`, the logits [n, vocabulary] (of a model without a head the last hidden state) with
the heads of HEADS switched off, each head's columns of W_o's input set to zero or to their mean over the tokens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
HEADS = {0: (1,), 1: (0, 3)}

# name: (model class, the path of a layer's W_o)
MODELS = {
    "bert": ("BertForMaskedLM", "bert.encoder.layer.{n}.attention.output.dense"),
    "gpt2": ("GPT2LMHeadModel", "transformer.h.{n}.attn.c_proj"),
    "llama": ("LlamaForCausalLM", "model.layers.{n}.self_attn.o_proj"),
    "gemma3": ("Gemma3ForCausalLM", "model.layers.{n}.self_attn.o_proj"),
    "gpt_neox": ("GPTNeoXForCausalLM", "gpt_neox.layers.{n}.attention.dense"),
}


def module(model: torch.nn.Module, path: str) -> torch.nn.Module:
    """Return a model's part by its dotted name."""
    return model.get_submodule(path)


def heads_hook(chosen: tuple[int, ...], heads: int, way: str) -> Callable:
    """Return a hook that replaces the columns of these heads in W_o's input."""

    def hook(_, inputs):
        x = inputs[0].clone()
        width = x.shape[-1] // heads
        for head in chosen:
            part = x[..., head * width : (head + 1) * width]
            x[..., head * width : (head + 1) * width] = 0 if way == "zero" else part.mean(dim=1, keepdim=True)
        return (x, *inputs[1:])

    return hook


def without_heads(model: torch.nn.Module, path: str, ids: torch.Tensor, way: str) -> np.ndarray:
    """Return the logits with the heads of HEADS switched off."""
    heads = model.config.num_attention_heads
    handles = [
        module(model, path.format(n=layer)).register_forward_pre_hook(heads_hook(chosen, heads, way))
        for layer, chosen in HEADS.items()
    ]
    with torch.no_grad():
        logits = model(ids).logits[0].numpy()
    for handle in handles:
        handle.remove()
    return logits


def main() -> None:
    """Write the file."""
    found = {}
    for name, (kind, path) in MODELS.items():
        folder = HERE / "models" / name
        model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
        model.eval()
        ids = torch.tensor(np.load(folder / "answers.npz")["text0_ids"])[None]
        for way in ("zero", "mean"):
            found[f"{name}/{way}"] = without_heads(model, path, ids, way)
    np.savez_compressed(HERE / "interventions.npz", **found)


main()
