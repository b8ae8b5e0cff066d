"""Write interventions.npz: what PyTorch computes with heads switched off, by hooks on the output projections.

The models are the tiny checkpoints of models/ (make_models.py) with the ids of their first text. Needs PyTorch and
transformers, only here, never in the tests:

    /tmp/modelsvenv/bin/python tests/golden/make_interventions.py

Keys, for each NAME of MODELS:
- `zero` and `mean`: the logits [n, vocabulary] with the heads of HEADS switched off, each head's columns of W_o's
  input set to zero or to their mean over the tokens;
- `moved`: [layers, heads], |o' - o| / |o| of the last hidden states, the mean over the tokens, each head off in turn;
- `corrupt_ids`: the ids with one token in the middle changed; `patched_heads` [layers, heads] and `patched_states`
  [layers, n]: the logit of token 7 in the last row of the changed text with one head's output, or one token's input of
  a layer, taken from the unchanged text;
- `lens` [layers, n, vocabulary]: the logits of every layer's output after the final norm (of causal models);
- `attribution` [layers, heads + 1] (of gpt2, llama and gpt_neox): what each head, and last the feed-forward layer,
  adds to the logit of token 7 in the last row, the final norm's factor fixed; `attribution_rest`: the embedding's part.
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

# name: (model class, the path of a layer's W_o, of a layer, of the final norm, of a feed-forward layer)
MODELS = {
    "bert": ("BertForMaskedLM", "bert.encoder.layer.{n}.attention.output.dense", "bert.encoder.layer.{n}", None, None),
    "gpt2": (
        "GPT2LMHeadModel",
        "transformer.h.{n}.attn.c_proj",
        "transformer.h.{n}",
        "transformer.ln_f",
        "transformer.h.{n}.mlp",
    ),
    "llama": (
        "LlamaForCausalLM",
        "model.layers.{n}.self_attn.o_proj",
        "model.layers.{n}",
        "model.norm",
        "model.layers.{n}.mlp",
    ),
    "gemma3": ("Gemma3ForCausalLM", "model.layers.{n}.self_attn.o_proj", "model.layers.{n}", "model.norm", None),
    "gpt_neox": (
        "GPTNeoXForCausalLM",
        "gpt_neox.layers.{n}.attention.dense",
        "gpt_neox.layers.{n}",
        "gpt_neox.final_layer_norm",
        "gpt_neox.layers.{n}.mlp",
    ),
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


def final(model: torch.nn.Module, ids: torch.Tensor, *hooks: tuple[str, Callable]) -> tuple[np.ndarray, np.ndarray]:
    """Return the last hidden states [n, dim] and logits [n, vocabulary] with pre-hooks on some modules."""
    handles = [module(model, path).register_forward_pre_hook(hook) for path, hook in hooks]
    with torch.no_grad():
        output = model(ids, output_hidden_states=True)
    for handle in handles:
        handle.remove()
    return output.hidden_states[-1][0].numpy().copy(), output.logits[0].numpy().copy()


def kept_inputs(model: torch.nn.Module, ids: torch.Tensor, paths: list[str]) -> dict[str, torch.Tensor]:
    """Return the first argument of these modules in one pass."""
    found = {}

    def keep(name):
        def hook(_, inputs):
            found[name] = inputs[0].clone()

        return hook

    final(model, ids, *((path, keep(path)) for path in paths))
    return found


def take_from(other: torch.Tensor, where: tuple) -> Callable:
    """Return a pre-hook that takes part of a module's input from another pass."""

    def hook(_, inputs):
        x = inputs[0].clone()
        x[where] = other[where]
        return (x, *inputs[1:])

    return hook


def experiments(model: torch.nn.Module, path: str, block: str, ids: torch.Tensor) -> dict[str, np.ndarray]:
    """Return what becomes of the output with each head off in turn, and with parts taken from another text."""
    heads, layers = model.config.num_attention_heads, model.config.num_hidden_layers
    whole, _ = final(model, ids)
    corrupt = ids.clone()
    corrupt[0, ids.shape[1] // 2] = (corrupt[0, ids.shape[1] // 2] + 5) % model.config.vocab_size
    clean = kept_inputs(model, ids, [name.format(n=n) for n in range(layers) for name in (path, block)])
    moved, by_head = np.zeros((layers, heads)), np.zeros((layers, heads))
    by_state = np.zeros((layers, ids.shape[1]))
    for layer in range(layers):
        name, states = path.format(n=layer), block.format(n=layer)
        width = clean[name].shape[-1] // heads
        for head in range(heads):
            off, _ = final(model, ids, (name, heads_hook((head,), heads, "zero")))
            moved[layer, head] = (np.linalg.norm(off - whole, axis=1) / np.linalg.norm(whole, axis=1)).mean()
            columns = (..., slice(head * width, (head + 1) * width))
            by_head[layer, head] = final(model, corrupt, (name, take_from(clean[name], columns)))[1][-1, 7]
        for place in range(ids.shape[1]):
            patched = final(model, corrupt, (states, take_from(clean[states], (0, place))))
            by_state[layer, place] = patched[1][-1, 7]
    return {"moved": moved, "corrupt_ids": corrupt[0].numpy(), "patched_heads": by_head, "patched_states": by_state}


def lens(model: torch.nn.Module, norm: str, ids: torch.Tensor) -> np.ndarray:
    """Return the logits of every layer's output after the final norm, [layers, n, vocabulary]."""
    found = []
    with torch.no_grad():
        states = model(ids, output_hidden_states=True).hidden_states
        for layer, hidden in enumerate(states[1:]):
            hidden = hidden if layer == len(states) - 2 else module(model, norm)(hidden)
            found.append(model.get_output_embeddings()(hidden)[0].numpy())
    return np.array(found)


def attribution(model: torch.nn.Module, path: str, block: str, mlp: str, norm: str, ids: torch.Tensor):
    """Return what each head and feed-forward layer adds to a logit, by torch's own gradient of norm and head.

    The final norm's factor is fixed: of a norm y = (x - c(x)) r(x) g + b it is the derivative with r as a constant.
    mlp: the module whose output is added. A norm after a sublayer (Gemma) is fixed in the same way.
    """
    heads, layers = model.config.num_attention_heads, model.config.num_hidden_layers
    outputs, inputs = {}, {}
    handles = []
    for layer in range(layers):
        for name in (path.format(n=layer), mlp.format(n=layer)):
            part = module(model, name)
            handles.append(part.register_forward_hook(lambda _, __, out, name=name: outputs.update({name: out[0]})))
        part = module(model, path.format(n=layer))
        handles.append(
            part.register_forward_pre_hook(lambda _, given, name=layer: inputs.update({name: given[0][0, -1].clone()}))
        )
    last = module(model, norm)
    handles.append(last.register_forward_pre_hook(lambda _, given: inputs.update({"final": given[0][0, -1].clone()})))
    handles.append(
        module(model, block.format(n=0)).register_forward_pre_hook(
            lambda _, given: inputs.update({"embedding": given[0][0, -1].clone()})
        )
    )
    with torch.no_grad():
        model(ids)
    for handle in handles:
        handle.remove()
    x = inputs["final"].double()
    row = model.get_output_embeddings().weight[7].detach().double()
    if hasattr(last, "bias") and last.bias is not None:
        direction = row * last.weight.detach().double() / torch.sqrt(x.var(unbiased=False) + last.eps)
        direction = direction - direction.mean()
    else:
        gain = last.weight.detach().double() + (1 if "Gemma" in type(last).__name__ else 0)
        epsilon = getattr(last, "variance_epsilon", getattr(last, "eps", 0))
        direction = row * gain / torch.sqrt((x * x).mean() + epsilon)
    found = np.zeros((layers, heads + 1))
    for layer in range(layers):
        weight = module(model, path.format(n=layer)).weight.detach().double()
        weight = weight.T if weight.shape[0] == inputs[layer].shape[0] and "c_proj" in path else weight
        context = inputs[layer].double()
        width = len(context) // heads
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            found[layer, head] = (weight[:, part] @ context[part]) @ direction
        found[layer, heads] = outputs[mlp.format(n=layer)][-1].double() @ direction
    return found, np.array(float(inputs["embedding"].double() @ direction))


def main() -> None:
    """Write the file."""
    found = {}
    for name, (kind, path, block, norm, mlp) in MODELS.items():
        folder = HERE / "models" / name
        model = getattr(transformers, kind).from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
        model.eval()
        ids = torch.tensor(np.load(folder / "answers.npz")["text0_ids"])[None]
        for way in ("zero", "mean"):
            found[f"{name}/{way}"] = without_heads(model, path, ids, way)
        found |= {f"{name}/{key}": value for key, value in experiments(model, path, block, ids).items()}
        if norm is not None:
            found[f"{name}/lens"] = lens(model, norm, ids)
        if mlp is not None:
            parts, rest = attribution(model, path, block, mlp, norm, ids)
            found |= {f"{name}/attribution": parts, f"{name}/attribution_rest": rest}
    np.savez_compressed(HERE / "interventions.npz", **found)


main()
