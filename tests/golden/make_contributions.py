"""Write contributions.npz: what each head adds, by PyTorch, for tiny checkpoints of models/ of each kind of layer.

The attention function of each modeling file of transformers is replaced by one that keeps its weights and values; with
W_o of the attention module they give, for each layer and head, query i and key j, the length of
weight[i, j] * (value[j] @ W_o), in float64 (Kobayashi et al. 2020, "Attention is not only a weight", equation 3).
An entry "NAME" is [layers, heads, query, key] for the first text of NAME's answers.npz; of an encoder-decoder there are
"NAME/encoder", "NAME/decoder" and "NAME/cross". It needs what make_models.py needs:

    /tmp/modelsvenv/bin/python tests/golden/make_contributions.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
MODELS = HERE / "models"

SINGLE = [
    *("bert", "distilbert", "albert-groups", "gpt2", "gpt_neox", "opt", "llama", "llama-tied", "gemma2", "gemma3"),
    *("modernbert", "phi", "olmo2", "exaone4"),
]
DOUBLE = ["marian"]

kept: list[tuple[Any, torch.Tensor, torch.Tensor]] = []


def keeping(original: Any) -> Any:
    """An attention function that keeps its module, weights and values."""

    def attend(module: Any, query: Any, key: Any, value: Any, *others: Any, **named: Any) -> Any:
        output, weights = original(module, query, key, value, *others, **named)
        kept.append((module, weights[0].double(), value[0].double()))
        return output, weights

    return attend


def output_matrix(module: Any) -> torch.Tensor:
    """W_o, [heads * d_v, dim], of an attention module, whatever it is called there."""
    for name in ("o_proj", "out_proj", "Wo", "out_lin", "dense", "c_proj", "o"):
        if hasattr(module, name):
            found = getattr(module, name)
            weight = found.weight.double()
            return weight if isinstance(found, transformers.pytorch_utils.Conv1D) else weight.T
    raise SystemExit(f"{type(module).__name__}: no W_o")


def lengths(weights: torch.Tensor, value: torch.Tensor, matrix: torch.Tensor) -> np.ndarray:
    """[heads, query, key]: the length of each weighted value after W_o."""
    heads = weights.shape[0]
    value = value.repeat_interleave(heads // value.shape[0], dim=0)
    by_head = matrix.reshape(heads, -1, matrix.shape[-1])
    written = torch.einsum("hqk,hkd,hdm->hqkm", weights[..., : value.shape[1]], value, by_head)
    return written.norm(dim=-1).float().detach().numpy()


def patch() -> None:
    """Let every modeling file that is loaded keep what its attention function computes."""
    for name, module in list(sys.modules.items()):
        if name.startswith("transformers.models.") and hasattr(module, "eager_attention_forward"):
            original = module.eager_attention_forward
            if original.__name__ != "attend":
                module.eager_attention_forward = keeping(original)


def opened(name: str) -> Any:
    """Return a checkpoint's model, as an eager float32 module."""
    architecture = getattr(transformers, transformers.AutoConfig.from_pretrained(MODELS / name).architectures[0])
    return architecture.from_pretrained(MODELS / name, attn_implementation="eager", dtype=torch.float32).eval()


def main() -> None:
    """Write what each head adds in each of the checkpoints."""
    found: dict[str, np.ndarray] = {}
    for name in SINGLE + DOUBLE:
        model = opened(name)
        patch()
        answers = np.load(MODELS / name / "answers.npz")
        given = {"input_ids": torch.from_numpy(answers["text0_ids"])[None]}
        if name in DOUBLE:
            given["decoder_input_ids"] = torch.from_numpy(answers["text0_target_ids"])[None]
        kept.clear()
        with torch.no_grad():
            model(**given, output_attentions=True)
        parents = {id(child): parent for parent in model.modules() for child in parent.children()}
        measured = []
        for module, weights, value in kept:
            owner = module
            while not any(
                hasattr(owner, one) for one in ("o_proj", "out_proj", "Wo", "out_lin", "dense", "c_proj", "o")
            ):
                owner = parents[id(owner)] if not hasattr(parents[id(owner)], "output") else parents[id(owner)].output
            measured.append(lengths(weights, value, output_matrix(owner)))
        if name not in DOUBLE:
            found[name] = np.stack(measured)
            print(name, found[name].shape)
            continue
        encoder = model.config.encoder_layers
        found[f"{name}/encoder"] = np.stack(measured[:encoder])
        found[f"{name}/decoder"] = np.stack(measured[encoder::2])
        found[f"{name}/cross"] = np.stack(measured[encoder + 1 :: 2])
    np.savez_compressed(HERE / "contributions.npz", **found)


if __name__ == "__main__":
    main()
