"""Models whose code comes with their checkpoints, and not with transformers: written anew here, for golden answers.

Jina's BERT (jinaai/jina-bert-implementation and jina-bert-v2-qk-post-norm) as a PyTorch module of its own; InternLM2
(internlm/internlm2-7b) as transformers' Llama, which it equals once its matrices are taken apart, as
InternLM's own tools/convert2llama.py does. Their code itself is not run, so this checks attnviz against a second
reading of it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers.modeling_outputs import MaskedLMOutput

Tensors = dict[str, torch.Tensor]

JINA = {
    "model_type": "bert",
    "architectures": ["JinaBertForMaskedLM"],
    "auto_map": {"AutoModelForMaskedLM": "jinaai/jina-bert-implementation--modeling_bert.JinaBertForMaskedLM"},
    "vocab_size": 41,
    "hidden_size": 18,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 13,
    "max_position_embeddings": 19,
    "type_vocab_size": 3,
    "layer_norm_eps": 0.01,
    "hidden_act": "gelu",
    "position_embedding_type": "alibi",
    "feed_forward_type": "geglu",
    "emb_pooler": "mean",
}
INTERNLM2 = {
    "model_type": "internlm2",
    "architectures": ["InternLM2ForCausalLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
    "vocab_size": 41,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "intermediate_size": 13,
    "max_position_embeddings": 20,
    "rms_norm_eps": 0.01,
    "hidden_act": "silu",
    "rope_theta": 300.0,
    "bias": False,
    "tie_word_embeddings": False,
}
# name: (config, which of Jina's two versions, lengths of the texts)
CODE_MODELS: dict[str, tuple[dict[str, Any], int, tuple[int, ...]]] = {
    "jina_bert_v2": (JINA, 1, (11, 1)),
    "jina_bert_v2-normed": (
        JINA | {"feed_forward_type": "reglu", "num_attention_heads": 2, "type_vocab_size": 2},
        2,
        (9,),
    ),
    "jina_bert_v2-plain": (
        JINA | {"feed_forward_type": "original", "type_vocab_size": 2, "hidden_act": "relu"},
        1,
        (9,),
    ),
    "internlm2": (INTERNLM2, 0, (11, 1)),
    "internlm2-dynamic": (INTERNLM2 | {"bias": True, "rope_scaling": {"type": "dynamic", "factor": 2.0}}, 0, (30,)),
}


def alibi(heads: int, count: int) -> torch.Tensor:
    """Return minus slope times distance for each head, [heads, count, count]."""

    def slopes(number: int) -> list[float]:
        if math.log2(number).is_integer():
            return [2 ** (-8 * (place + 1) / number) for place in range(number)]
        below = 2 ** int(math.log2(number))
        return slopes(below) + slopes(2 * below)[::2][: number - below]

    places = torch.arange(count)
    distances = (places[None] - places[:, None]).abs()
    return -torch.tensor(slopes(heads))[:, None, None] * distances


class JinaBert:
    """Jina's BERT with a head for masked tokens, as its code computes it."""

    def __init__(self, config: dict[str, Any], tensors: Tensors) -> None:
        self.config = SimpleNamespace(**config)
        self.tensors = tensors
        self.forced: dict[str, Any] = {}

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Apply a linear layer, with a bias where there is one."""
        return functional.linear(x, self.tensors[f"{name}.weight"], self.tensors.get(f"{name}.bias"))

    def norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Apply a layer norm, where there is one."""
        if f"{name}.weight" not in self.tensors:
            return x
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return functional.layer_norm(x, (x.shape[-1],), weight, bias, self.config.layer_norm_eps)

    def feed(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Run a layer's feed-forward with its residual and norm."""
        kind = self.config.feed_forward_type
        act = {"geglu": functional.gelu, "reglu": functional.relu}.get(kind) or getattr(
            functional, self.config.hidden_act
        )
        if f"{name}.mlp.up_gated_layer.weight" in self.tensors:
            up, gate = self.linear(f"{name}.mlp.up_gated_layer", x).chunk(2, dim=-1)
            fed = self.linear(f"{name}.mlp.down_layer", up * act(gate))
            return self.norm(f"{name}.layer_norm_2", x + fed)
        if f"{name}.mlp.gated_layers.weight" in self.tensors:
            gate, up = self.linear(f"{name}.mlp.gated_layers", x).chunk(2, dim=-1)
            return self.norm(f"{name}.mlp.layernorm", self.linear(f"{name}.mlp.wo", act(gate) * up) + x)
        fed = self.linear(f"{name}.output.dense", act(self.linear(f"{name}.intermediate.dense", x)))
        return self.norm(f"{name}.output.LayerNorm", fed + x)

    def __call__(self, input_ids: torch.Tensor, token_type_ids: Any = None, **_: Any) -> MaskedLMOutput:
        """Run the model on ids [1, n]."""
        table, heads, count = "bert.embeddings", self.config.num_attention_heads, input_ids.shape[1]
        kinds = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        x = self.tensors[f"{table}.word_embeddings.weight"][input_ids]
        x = self.norm(f"{table}.LayerNorm", x + self.tensors[f"{table}.token_type_embeddings.weight"][kinds])
        states, attentions = [x], []
        for number in range(self.config.num_hidden_layers):
            name = f"bert.encoder.layer.{number}"
            own = f"{name}.attention.self"
            query = self.norm(f"{own}.layer_norm_q", self.linear(f"{own}.query", x))
            key = self.norm(f"{own}.layer_norm_k", self.linear(f"{own}.key", x))
            query, key, value = (
                one.view(1, count, heads, -1).transpose(1, 2) for one in (query, key, self.linear(f"{own}.value", x))
            )
            scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + alibi(heads, count)
            attentions.append(scores.softmax(dim=-1))
            context = (attentions[-1] @ value).transpose(1, 2).reshape(1, count, -1)
            output = f"{name}.attention.output"
            attended = self.norm(f"{output}.LayerNorm", self.linear(f"{output}.dense", context) + x)
            if f"{name}.layer_norm_1.weight" in self.tensors:
                attended = self.norm(f"{name}.layer_norm_1", x + attended)
            x = self.feed(name, attended)
            states.append(x)
        head = "cls.predictions"
        act = getattr(functional, self.config.hidden_act)
        x = self.norm(f"{head}.transform.LayerNorm", act(self.linear(f"{head}.transform.dense", x)))
        logits = functional.linear(x, self.tensors[f"{table}.word_embeddings.weight"], self.tensors[f"{head}.bias"])
        return MaskedLMOutput(logits=logits, hidden_states=tuple(states), attentions=tuple(attentions))


def jina_shapes(config: dict[str, Any], version: int) -> dict[str, tuple[int, ...]]:
    """Return the tensors of Jina's BERT, with their shapes."""
    dim, inner = config["hidden_size"], config["intermediate_size"]
    found: dict[str, tuple[int, ...]] = {}

    def layer(name: str, inputs: int, outputs: int, bias: bool = True) -> None:
        found[f"{name}.weight"] = (outputs, inputs)
        if bias:
            found[f"{name}.bias"] = (outputs,)

    def norm(name: str) -> None:
        found[f"{name}.weight"] = found[f"{name}.bias"] = (dim,)

    found["bert.embeddings.word_embeddings.weight"] = (config["vocab_size"], dim)
    found["bert.embeddings.token_type_embeddings.weight"] = (config["type_vocab_size"], dim)
    norm("bert.embeddings.LayerNorm")
    gated = config["feed_forward_type"] != "original"
    for number in range(config["num_hidden_layers"]):
        name = f"bert.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            layer(f"{name}.attention.self.{part}", dim, dim)
        layer(f"{name}.attention.output.dense", dim, dim)
        norm(f"{name}.attention.output.LayerNorm")
        if version == 2:
            for part in ("attention.self.layer_norm_q", "attention.self.layer_norm_k", "layer_norm_1", "layer_norm_2"):
                norm(f"{name}.{part}")
            layer(f"{name}.mlp.up_gated_layer" if gated else f"{name}.mlp.up_layer", dim, inner * (1 + gated), False)
            layer(f"{name}.mlp.down_layer", inner, dim)
        elif gated:
            layer(f"{name}.mlp.gated_layers", dim, 2 * inner, False)
            layer(f"{name}.mlp.wo", inner, dim)
            norm(f"{name}.mlp.layernorm")
        else:
            layer(f"{name}.intermediate.dense", dim, inner)
            layer(f"{name}.output.dense", inner, dim)
            norm(f"{name}.output.LayerNorm")
    layer("cls.predictions.transform.dense", dim, dim)
    norm("cls.predictions.transform.LayerNorm")
    found["cls.predictions.bias"] = (config["vocab_size"],)
    return found


def internlm2_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the tensors of InternLM2, with their shapes."""
    dim, inner, words = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    found: dict[str, tuple[int, ...]] = {"model.tok_embeddings.weight": (words, dim), "output.weight": (words, dim)}
    found["model.norm.weight"] = (dim,)
    for number in range(config["num_hidden_layers"]):
        name = f"model.layers.{number}"
        sizes = {"wqkv": (dim // heads * (heads + 2 * groups), dim), "wo": (dim, dim)}
        for part, shape in sizes.items():
            found[f"{name}.attention.{part}.weight"] = shape
            if config["bias"]:
                found[f"{name}.attention.{part}.bias"] = shape[:1]
        for part, shape in {"w1": (inner, dim), "w3": (inner, dim), "w2": (dim, inner)}.items():
            found[f"{name}.feed_forward.{part}.weight"] = shape
        found[f"{name}.attention_norm.weight"] = found[f"{name}.ffn_norm.weight"] = (dim,)
    return found


def as_llama(config: dict[str, Any], tensors: Tensors) -> Any:
    """Return InternLM2 as transformers' Llama, its matrices taken apart."""
    groups, width = config["num_key_value_heads"], config["hidden_size"] // config["num_attention_heads"]
    names = {
        "tok_embeddings": "embed_tokens",
        "attention.wo": "self_attn.o_proj",
        "feed_forward.w1": "mlp.gate_proj",
        "feed_forward.w3": "mlp.up_proj",
        "feed_forward.w2": "mlp.down_proj",
        "attention_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    found: Tensors = {}
    for name, tensor in tensors.items():
        if "wqkv" in name:
            parts = tensor.reshape(groups, -1, width, *tensor.shape[1:])
            for part, rows in {"q": parts[:, :-2], "k": parts[:, -2], "v": parts[:, -1]}.items():
                own = name.replace("attention.wqkv", f"self_attn.{part}_proj")
                found[own] = rows.reshape(-1, *tensor.shape[1:])
            continue
        own = "lm_head.weight" if name == "output.weight" else name
        for theirs, ours in names.items():
            own = own.replace(theirs, ours)
        found[own] = tensor
    left_out = ("model_type", "architectures", "auto_map", "bias")
    settings = {key: value for key, value in config.items() if key not in left_out}
    llama = transformers.LlamaConfig(**settings, attention_bias=config["bias"], attn_implementation="eager")
    if config["bias"]:  # W_o has one, the feed-forward layers none
        assert not llama.mlp_bias
    model = transformers.LlamaForCausalLM(llama).eval()
    model.load_state_dict(found)
    model.forced = {}
    return model


def load_code_model(folder: Path) -> Any:
    """Return the model of a folder that `write_code_model` wrote, to be called as one of transformers; else None."""
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "internlm2":
        return as_llama(config, load_file(folder / "model.safetensors"))
    if config.get("position_embedding_type") == "alibi":
        return JinaBert(config, load_file(folder / "model.safetensors"))
    return None


def write_code_model(folder: Path, config: dict[str, Any], version: int) -> Any:
    """Write a model with random weights, and return it."""
    torch.manual_seed(20240607)
    shapes = jina_shapes(config, version) if version else internlm2_shapes(config)
    tensors = {}
    for name, shape in shapes.items():
        centre = 1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0
        tensors[name] = torch.randn(shape) * 0.25 + centre
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return load_code_model(folder)
