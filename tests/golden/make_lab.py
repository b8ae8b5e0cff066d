"""Write lab.npz: what transformers computes with a setting changed in every layer, or in one.

The models are the tiny checkpoints of models/ (make_models.py) with the ids of their first text. Needs PyTorch and
transformers, only here, never in the tests:

    /tmp/modelsvenv/bin/python tests/golden/make_lab.py

Keys NAME/CHANGE/weights [heads, n, n] of the last layer and NAME/CHANGE/hidden [n, dim], after the final norm:
- `temperature`: every attention module's scaling divided by 0.5; `temperature1`: that of layer 1 alone;
- `same`: position_ids of zeros (of roberta those of its first token, and of padding);
- `none`, `causal`, `window`: an additive mask [1, 1, n, n] in place of the model's own (window: |i - j| <= 2);
- `base`: the config with rope_theta 500, its other rotary parameters as they are (of models with rotary positions);
- `base1`: that base in layer 1 alone (of llama), by a hook that gives its attention other cosines and sines.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
import transformers

HERE = Path(__file__).parent
# name: (model class, the path of an attention module, the key of the base in the config)
MODELS = {
    "bert": ("BertModel", "encoder.layer.{n}.attention.self", None),
    "roberta": ("RobertaModel", "encoder.layer.{n}.attention.self", None),
    "gpt2": ("GPT2Model", "h.{n}.attn", None),
    "llama": ("LlamaModel", "layers.{n}.self_attn", "rope_theta"),
    "llama-yarn": ("LlamaModel", "layers.{n}.self_attn", "rope_theta"),
    "gpt_neox": ("GPTNeoXModel", "layers.{n}.attention", "rope_theta"),
}


def load(name: str, **changes: object) -> torch.nn.Module:
    """Return the model, its config changed."""
    folder = HERE / "models" / name
    config = transformers.AutoConfig.from_pretrained(folder)
    for key, value in changes.items():
        config.rope_parameters = {**config.rope_parameters, key: value}
    kind = getattr(transformers, MODELS[name][0])
    return kind.from_pretrained(folder, config=config, attn_implementation="eager", dtype=torch.float32).eval()


def run(model: torch.nn.Module, ids: torch.Tensor, **given: torch.Tensor) -> dict[str, np.ndarray]:
    """Return the last layer's weights and hidden states."""
    with torch.no_grad():
        output = model(ids, output_attentions=True, **given)
    return {"weights": output.attentions[-1][0].numpy(), "hidden": output.last_hidden_state[0].numpy()}


def module(model: torch.nn.Module, path: str, number: int) -> torch.nn.Module:
    """Return a layer's attention."""
    return model.get_submodule(path.format(n=number))


def sharpened(model: torch.nn.Module, path: str, layers: list[int]) -> torch.nn.Module:
    """Divide the scaling of these layers by 0.5."""
    for number in layers:
        module(model, path, number).scaling /= 0.5
    return model


def mask(allowed: np.ndarray) -> torch.Tensor:
    """Return an additive mask."""
    zeros = torch.zeros(1, 1, *allowed.shape)
    return zeros.masked_fill(torch.tensor(~allowed), torch.finfo(torch.float32).min)


def one_layer_base(ids: torch.Tensor) -> dict[str, np.ndarray]:
    """Run llama with the cosines and sines of another base in layer 1."""
    model, other = load("llama"), load("llama", rope_theta=500.0)
    places = torch.arange(ids.shape[1])[None]
    angles = other.rotary_emb(model.embed_tokens(ids), places)

    def give(_: torch.nn.Module, args: tuple, kwargs: dict) -> tuple:
        return args, {**kwargs, "position_embeddings": angles}

    handle = model.layers[1].self_attn.register_forward_pre_hook(give, with_kwargs=True)
    found = run(model, ids)
    handle.remove()
    return found


def main() -> None:
    """Write the file."""
    found = {}
    for name, (_, path, base) in MODELS.items():
        ids = torch.tensor(np.load(HERE / "models" / name / "answers.npz")["text0_ids"])[None]
        count = ids.shape[1]
        depth = load(name).config.num_hidden_layers
        distance = np.abs(np.arange(count)[:, None] - np.arange(count))
        masks = {
            "none": np.ones((count, count), dtype=bool),
            "causal": np.tri(count, dtype=bool),
            "window": distance <= 2,
        }
        first = torch.zeros_like(ids)
        if name == "roberta":  # a padding token stands at its own id, every other one after that
            padding = load(name).config.pad_token_id
            first = padding + (ids != padding).long()
        changes = {
            "temperature": run(sharpened(load(name), path, list(range(depth))), ids),
            "temperature1": run(sharpened(load(name), path, [1]), ids),
            "same": run(load(name), ids, position_ids=first),
            **{key: run(load(name), ids, attention_mask=mask(allowed)) for key, allowed in masks.items()},
        }
        if base is not None:
            changes["base"] = run(load(name, **{base: 500.0}), ids)
        if name == "llama":
            changes["base1"] = one_layer_base(ids)
        for change, arrays in changes.items():
            for key, values in arrays.items():
                found[f"{name}/{change}/{key}"] = values.astype(np.float32)
    np.savez_compressed(HERE / "lab.npz", **found)


main()
