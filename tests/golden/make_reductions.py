"""Write reductions.npz: maps of layers by PyTorch and NetworkX, for tiny checkpoints of models/.

"NAME/norm": the length of what each token adds to each other one in the attention block, all heads together, with the
residual and the norm after it (Kobayashi et al. 2021, section 3.2), from the values, W_o and norm of the modules.
"NAME/value-zeroing": the model runs again for each layer and token with a hook that sets the token's value to zeros;
1 - cos of the layer's outputs (Mohebbi et al. 2023). Rows are divided by their sums; [layers, query, key].
"flow/weights" [layers, heads, n, n] and "flow/flow" [n, n]: NetworkX's maximum flow of the last layer.
It needs what make_models.py needs, and networkx:

    /tmp/modelsvenv/bin/python tests/golden/make_reductions.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import make_contributions as kept_by
import networkx
import numpy as np
import torch

HERE = Path(__file__).parent
MODELS = HERE / "models"
NAMES = ["bert", "opt-after", "llama", "granite", "gemma2", "olmo2"]


def layers_of(model: Any) -> Any:
    """Return the layers' modules."""
    return next(
        module for name, module in model.named_modules() if isinstance(module, torch.nn.ModuleList) and len(module) > 1
    )


def value_projection(layer: Any) -> Any:
    """Return the module that gives a layer's values."""
    return next(module for name, module in layer.named_modules() if name.split(".")[-1] in ("value", "v_proj"))


def linear_part(x: torch.Tensor, whole: torch.Tensor, norm: Any, gain: torch.Tensor) -> torch.Tensor:
    """Return what a norm of the vectors `whole` [q, dim] makes of their parts x [q, k, dim], biases left out."""
    if isinstance(norm, torch.nn.LayerNorm):
        scale = (whole.var(-1, unbiased=False) + norm.eps).sqrt()
        x = x - x.mean(-1, keepdim=True)
    else:
        scale = (whole.pow(2).mean(-1) + getattr(norm, "eps", getattr(norm, "variance_epsilon", None))).sqrt()
    return x * gain / scale[:, None, None]


def norms(name: str, model: Any, given: dict[str, Any]) -> np.ndarray:
    """Return the lengths in each layer, [layers, query, key]."""
    inputs: list[torch.Tensor] = []
    written: list[torch.Tensor] = []
    hooks = []
    for layer in layers_of(model):
        hooks.append(layer.register_forward_pre_hook(lambda _, args: inputs.append(args[0][0].double())))
        attention = layer.attention.output.dense if name == "bert" else layer.self_attn
        hooks.append(
            attention.register_forward_hook(
                lambda _, __, out: written.append((out[0] if isinstance(out, tuple) else out)[0].double())
            )
        )
    kept_by.kept.clear()
    kept_by.patch()
    model(**given)
    for hook in hooks:
        hook.remove()
    found = []
    for layer, x, out, (module, weights, value) in zip(layers_of(model), inputs, written, kept_by.kept, strict=True):
        out = out.reshape(x.shape)
        matrix = kept_by.output_matrix(layer.attention.output if name == "bert" else module)
        heads = len(weights)
        value = value.repeat_interleave(heads // len(value), dim=0)
        parts = torch.einsum("hqk,hkd,hdm->qkm", weights, value, matrix.reshape(heads, -1, matrix.shape[-1]))
        residual = torch.eye(len(x), dtype=torch.float64)[:, :, None] * x
        if name == "granite":
            parts = parts * model.config.residual_multiplier
        if name in ("bert", "opt-after"):
            norm = layer.attention.output.LayerNorm if name == "bert" else layer.self_attn_layer_norm
            parts = linear_part(parts + residual, x + out, norm, norm.weight.double())
        elif name in ("gemma2", "olmo2"):
            norm = layer.post_attention_layernorm
            gain = norm.weight.double() + (1 if name == "gemma2" else 0)
            parts = linear_part(parts, out, norm, gain) + residual
        else:
            parts = parts + residual
        found.append(parts.norm(dim=-1))
    return rows(torch.stack(found))


def zeroing(model: Any, given: dict[str, Any]) -> np.ndarray:
    """Return the cosine distances of each layer's outputs without each token's value, [layers, query, key]."""
    layers = layers_of(model)
    plain = outputs(model, given)
    count = given["input_ids"].shape[1]
    found = torch.zeros(len(layers), count, count, dtype=torch.float64)
    for number, layer in enumerate(layers):
        for token in range(count):

            def zero(_: Any, __: Any, out: torch.Tensor, token: int = token) -> torch.Tensor:
                out = out.clone()
                out[:, token] = 0
                return out

            hook = value_projection(layer).register_forward_hook(zero)
            changed = outputs(model, given)[number]
            hook.remove()
            found[number, :, token] = 1 - torch.cosine_similarity(plain[number], changed, dim=-1)
    return rows(found.clamp(min=0))


def outputs(model: Any, given: dict[str, Any]) -> list[torch.Tensor]:
    """Return each layer's output, [tokens, dim]."""
    seen: list[torch.Tensor] = []
    hooks = [
        layer.register_forward_hook(
            lambda _, __, out: seen.append((out[0] if isinstance(out, tuple) else out).squeeze(0).double())
        )
        for layer in layers_of(model)
    ]
    model(**given)
    for hook in hooks:
        hook.remove()
    return seen


def rows(found: torch.Tensor) -> np.ndarray:
    """Return rows divided by their sums."""
    return (found / found.sum(-1, keepdim=True)).float().numpy()


def flows() -> dict[str, np.ndarray]:
    """Return random weights, a causal layer among them, and NetworkX's largest flows from the last layer down."""
    random = np.random.default_rng(5)
    layers, heads, count = 3, 2, 5
    weights = random.dirichlet(np.full(count, 0.4), (layers, heads, count))
    weights[1] *= np.tri(count)
    weights /= weights.sum(-1, keepdims=True)
    joined = 0.5 * weights.mean(1) + 0.5 * np.eye(count)
    graph = networkx.DiGraph()
    for layer in range(layers):
        for i in range(count):
            for j in range(count):
                graph.add_edge((layer + 1, i), (layer, j), capacity=float(joined[layer, i, j]))
    found = np.array(
        [[networkx.maximum_flow_value(graph, (layers, i), (0, j)) for j in range(count)] for i in range(count)]
    )
    return {
        "flow/weights": weights.astype(np.float32),
        "flow/flow": (found / found.sum(-1, keepdims=True)).astype(np.float32),
    }


def main() -> None:
    """Write all maps."""
    found = flows()
    for name in NAMES:
        model = kept_by.opened(name)
        given = {"input_ids": torch.from_numpy(np.load(MODELS / name / "answers.npz")["text0_ids"])[None]}
        with torch.no_grad():
            found[f"{name}/norm"] = norms(name, model, given)
            found[f"{name}/value-zeroing"] = zeroing(model, given)
        print(name, found[f"{name}/norm"].shape)
    np.savez_compressed(HERE / "reductions.npz", **found)


if __name__ == "__main__":
    main()
