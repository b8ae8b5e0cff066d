"""GGUF files of Qwen3-Next and Qwen3.5, whose layers without attention are gated delta nets.

What llama.cpp's converter changes is changed back: Qwen3-Next's queries, keys, values and gates of all heads, which it
takes out of each key head's rows; Qwen3.5's value heads, which it orders so that neighbours belong to different key
heads; the logarithms of the decay, of which it stores minus the exponential; and the norms, to which it adds 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_family import (
    POST_NORM_LAYER,
    Config,
    GgufFamily,
    Joined,
    Rebuilt,
    Shape,
    array_names,
    expert_parts,
    has_array,
    layer_count,
    partly_rotated,
)
from attnviz.models.formats.gguf_metadata import metadata_value, whole_number


class _DeltaSize(NamedTuple):
    """The key heads of a gated delta net, the value heads that each serves, and the widths of a key and a value."""

    heads: int
    served: int
    key: int
    value: int


def _size(file: GgufFile) -> _DeltaSize:
    """Return the size of the gated delta nets; raises InputError where the numbers do not divide each other."""
    names = ("group_count", "time_step_rank", "state_size", "inner_size")
    heads, values, key, inner = (whole_number(file, f"ssm.{name}") for name in names)
    if min(heads, values, key, inner) < 1 or values % heads or inner % values:
        raise InputError(
            "{path!r} gives its gated delta nets {heads} key heads, {values} value heads and values of {width} numbers "
            "together, which do not divide each other.",
            path=str(file.path),
            heads=heads,
            values=values,
            width=inner,
        )
    return _DeltaSize(heads, values // heads, key, inner // values)


def _config(file: GgufFile, config: Config) -> Config:
    """Return the config of what Qwen3-Next and Qwen3.5 share."""
    size, layers = _size(file), layer_count(file)
    return partly_rotated(file, config) | {
        "num_hidden_layers": layers,
        "layer_types": _kinds(file, layers),
        "attention_bias": has_array(file, ".attn_q.bias"),
        "linear_conv_kernel_dim": whole_number(file, "ssm.conv_kernel"),
        "linear_num_key_heads": size.heads,
        "linear_num_value_heads": size.heads * size.served,
        "linear_key_head_dim": size.key,
        "linear_value_head_dim": size.value,
    }


def _kinds(file: GgufFile, layers: int) -> list[str]:
    """Return each layer's kind: the file's own list, or attention in every so many-th."""
    recurrent = metadata_value(file, "attention.recurrent_layers")
    if isinstance(recurrent, np.ndarray) and len(recurrent) >= layers:
        plain = [bool(one) for one in recurrent[:layers]]
    else:
        every = max(1, whole_number(file, "full_attention_interval", 4))
        plain = [bool((number + 1) % every) for number in range(layers)]
    return ["linear_attention" if one else "full_attention" for one in plain]


def _mixture_config(file: GgufFile, config: Config) -> Config:
    """Return the config with the experts; a layer without a router has none."""
    found = _config(file, config)
    layers = range(found["num_hidden_layers"])
    shared = next((file.shape(name)[0] for name in file if name.endswith("ffn_up_shexp.weight")), 0)
    return found | {
        "num_experts": whole_number(file, "expert_count"),
        "num_experts_per_tok": whole_number(file, "expert_used_count"),
        "moe_intermediate_size": whole_number(file, "expert_feed_forward_length"),
        "shared_expert_intermediate_size": whole_number(file, "expert_shared_feed_forward_length", shared),
        "mlp_only_layers": [number for number in layers if f"blk.{number}.ffn_gate_inp.weight" not in file],
        "norm_topk_prob": True,
    }


def _rebuilt(file: GgufFile, name: str) -> Rebuilt | None:
    """Return how an array is put back, where value heads stand as they do in transformers."""
    if name.endswith("ssm_conv1d.weight"):
        return _KERNEL
    if name.endswith("ssm_a"):
        return Rebuilt(lambda decay: _logarithm(decay, file))
    if name.endswith("ffn_gate_inp_shexp.weight"):
        return Rebuilt(lambda row: row.reshape(1, -1), lambda shape: (1, shape[-1]))
    return None


_KERNEL = Rebuilt(lambda kernel: kernel[:, None], lambda shape: (shape[0], 1, *shape[1:]))


def _logarithm(decay: Float32, file: GgufFile) -> Float32:
    """Return the logarithms of decay rates, of which a file has minus the exponentials."""
    if not (decay < 0).all():
        raise InputError(
            "{path!r} must give the decay of each value head (ssm_a) as a number below 0.", path=str(file.path)
        )
    found: Float32 = np.log(-decay)
    return found


def _tiled_rebuilt(file: GgufFile, name: str) -> Rebuilt | None:
    """Return how an array of Qwen3.5 is put back: value heads by key head, then as in Qwen3-Next."""
    size, other = _size(file), _rebuilt(file, name)
    ending = name.split(".", 2)[-1]
    width, axis = {
        "attn_qkv.weight": (size.value, 0),
        "attn_gate.weight": (size.value, 0),
        "ssm_conv1d.weight": (size.value, 0),
        "ssm_alpha.weight": (1, 0),
        "ssm_beta.weight": (1, 0),
        "ssm_dt.bias": (1, 0),
        "ssm_a": (1, 0),
        "ssm_out.weight": (size.value, 1),
    }.get(ending, (0, 0))
    if not width or size.served == 1:
        return other
    before = 2 * size.heads * size.key if ending in ("attn_qkv.weight", "ssm_conv1d.weight") else 0

    def by_key_head(array: Float32) -> Float32:
        if array.ndim <= axis or array.shape[axis] != before + size.heads * size.served * width:
            raise _do_not_fit(file, name, array.shape)
        kept, values = np.split(array, [before], axis=axis)
        shape = (*values.shape[:axis], size.served, size.heads, width, *values.shape[axis + 1 :])
        grouped = values.reshape(shape).swapaxes(axis, axis + 1).reshape(values.shape)
        return np.concatenate([kept, grouped], axis=axis) if before else grouped

    if other is None:
        return Rebuilt(by_key_head)
    return Rebuilt(lambda array: other.arrays(by_key_head(array)), other.shape)


def _by_key_head(file: GgufFile) -> Rebuilt:
    """Return how Qwen3-Next's one matrix is made: each key head's rows of queries, keys, values and gates."""
    size = _size(file)
    keys, values = size.heads * size.key, size.heads * size.served * size.value

    def join(mixed: Float32, gate: Float32) -> Float32:
        if len(mixed) != 2 * keys + values or len(gate) != values or mixed.shape[1:] != gate.shape[1:]:
            raise _do_not_fit(file, "attn_qkv.weight", mixed.shape)
        parts = (*np.split(mixed, [keys, 2 * keys]), gate)
        heads = [part.reshape(size.heads, -1, *mixed.shape[1:]) for part in parts]
        return np.concatenate(heads, axis=1).reshape(-1, *mixed.shape[1:])

    def shape(mixed: Shape, gate: Shape) -> Shape:
        return (mixed[0] + gate[0], *mixed[1:])

    return Rebuilt(join, shape)


def _do_not_fit(file: GgufFile, name: str, shape: Shape) -> InputError:
    return InputError(
        "{path!r} has {name} of shape {shape}, which its heads of gated delta nets do not make.",
        path=str(file.path),
        name=name,
        shape=tuple(shape),
    )


_LAYER = POST_NORM_LAYER | {
    "ssm_conv1d": "linear_attn.conv1d",
    "ssm_norm": "linear_attn.norm",
    "ssm_out": "linear_attn.out_proj",
    "ssm_a": "linear_attn.A_log",
    "ssm_dt.bias": "linear_attn.dt_bias",
}
_APART = {
    "attn_qkv": "linear_attn.in_proj_qkv",
    "attn_gate": "linear_attn.in_proj_z",
    "ssm_alpha": "linear_attn.in_proj_a",
    "ssm_beta": "linear_attn.in_proj_b",
}
_TOGETHER = {"ssm_in": "linear_attn.in_proj_qkvz", "ssm_ba": "linear_attn.in_proj_ba"}
_EXPERTS = expert_parts("mlp", "shared_expert") | {
    "ffn_gate_inp": "mlp.gate",
    "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
}


def _family(
    model_type: str,
    layer: dict[str, str],
    config: Callable[[GgufFile, Config], Config],
    rebuilt: Callable[[GgufFile, str], Rebuilt | None],
    joined: tuple[Joined, ...] = (),
) -> GgufFamily:
    return GgufFamily(model_type, array_names(_LAYER | layer), config, rebuilt=rebuilt, joined=joined, plus_one=True)


DELTA_FAMILIES = {
    "qwen3next": _family(
        "qwen3_next",
        _TOGETHER | _EXPERTS,
        _mixture_config,
        _rebuilt,
        (
            Joined(
                "model.layers.{n}.linear_attn.in_proj_qkvz.weight",
                ("blk.{n}.attn_qkv.weight", "blk.{n}.attn_gate.weight"),
                _by_key_head,
            ),
        ),
    ),
    "qwen35": _family("qwen3_5", _APART, _config, _tiled_rebuilt),
    "qwen35moe": _family("qwen3_5_moe", _APART | _EXPERTS, _mixture_config, _tiled_rebuilt),
}
