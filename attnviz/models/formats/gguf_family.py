"""What the architectures of .gguf files share: how one is read, and the names of Llama's arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_metadata import real_number, whole_number

Config = dict[str, Any]
Shape = tuple[int, ...]

LLAMA_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
# The same with the second norm by another of llama.cpp's names, that of a norm after the attention.
POST_NORM_LAYER = {("post_attention_norm" if key == "ffn_norm" else key): value for key, value in LLAMA_LAYER.items()}
LLAMA_ENDS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def array_names(
    layer: dict[str, str], ends: dict[str, str] | None = None, path: str = "model.layers.{n}"
) -> dict[str, str]:
    """Return names of arrays from those of a layer, after its own name, and those outside the layers.

    A name that ends in .weight or .bias, or that has no dot, is that of one array, and what stands for it is whole.
    """
    return (LLAMA_ENDS if ends is None else ends) | {
        f"blk.{{n}}.{ours}": f"{path}.{theirs}" for ours, theirs in layer.items()
    }


LLAMA = array_names(LLAMA_LAYER)


def expert_parts(path: str, shared: str = "") -> dict[str, str]:
    """Return the names of the arrays that hold all experts at `path`, and of those of an expert for all tokens."""
    found = {f"ffn_{part}_exps": f"{path}.experts.{part}_proj" for part in ("gate", "up", "down")}
    if shared:
        found |= {f"ffn_{part}_shexp": f"{path}.{shared}.{part}_proj" for part in ("gate", "up", "down")}
    return found


def with_experts(path: str, router: str) -> dict[str, str]:
    """Return Llama's names with a mixture of experts at `path`."""
    return array_names(LLAMA_LAYER | expert_parts(path) | {"ffn_gate_inp": f"{path}.{router}"})


class Rebuilt(NamedTuple):
    """How an array of transformers is made from those of a file.

    arrays: takes them and returns it. shape: takes their shapes and returns its own.
    """

    arrays: Callable[..., Float32]
    shape: Callable[..., Shape] = lambda shape: shape


class Joined(NamedTuple):
    """An array of transformers that a file has in several.

    name: its own, with {n} for the layer. parts: theirs, in order. rebuilt: takes the file; how it is made of them.
    """

    name: str
    parts: tuple[str, ...]
    rebuilt: Callable[[GgufFile], Rebuilt]


def nothing_rebuilt(file: GgufFile, name: str) -> Rebuilt | None:  # noqa: ARG001
    """Return None: an array has the layout of transformers."""
    return None


class GgufFamily(NamedTuple):
    """How an architecture is read.

    model_type: of config.json, where `config` returns no other. names: of its arrays. config: takes the file and
    Llama's keys, and returns all keys. permuted: whether the rows of queries and keys are interleaved in the file, and
    by halves in transformers. rebuilt: takes the file and an array's name there; how it is put back into its layout,
    or None. joined: arrays that a file has in several. plus_one: whether 1 is added to the weights of the norms.
    variant: takes the file and the family; the family as it is for this file.
    """

    model_type: str
    names: dict[str, str]
    config: Callable[[GgufFile, Config], Config]
    permuted: bool = False
    rebuilt: Callable[[GgufFile, str], Rebuilt | None] = nothing_rebuilt
    joined: tuple[Joined, ...] = ()
    plus_one: bool = False
    variant: Callable[[GgufFile, GgufFamily], GgufFamily] = lambda file, family: family  # noqa: ARG005


def partly_rotated(file: GgufFile, config: Config) -> Config:
    """Return the config with the share of a head that is rotated."""
    rotated = whole_number(file, "rope.dimension_count", config["head_dim"])
    return config | {"partial_rotary_factor": rotated / config["head_dim"] if config["head_dim"] else 1.0}


def layer_normed(file: GgufFile, config: Config) -> Config:
    """Return the config with the number that layer norms add to the variance, under each of its names."""
    epsilon = real_number(file, "attention.layer_norm_epsilon", 1e-5)
    return config | {"layer_norm_eps": epsilon, "layer_norm_epsilon": epsilon, "norm_epsilon": epsilon}


def layer_count(file: GgufFile) -> int:
    """Return the number of layers without those that guess further tokens, which stand after them."""
    return whole_number(file, "block_count") - whole_number(file, "nextn_predict_layers", 0)


def minus_one(norm: Float32) -> Float32:
    """Return a norm's weights as transformers has them, without the 1 that the converter adds."""
    return norm - np.float32(1)


def has_array(file: GgufFile, ending: str) -> bool:
    """Return whether one of the computed layers, or what is outside of them, has an array with this ending."""
    return any(name.endswith(ending) and not beyond_layers(file, name) for name in file)


def beyond_layers(file: GgufFile, name: str) -> bool:
    """Return whether an array is of a layer that guesses further tokens, which no pass computes."""
    number = name.split(".")[1] if name.startswith("blk.") else ""
    further = whole_number(file, "nextn_predict_layers", 0)
    return further > 0 and number.isdecimal() and int(number) >= layer_count(file)
