"""A .gguf file as a Hugging Face checkpoint: config.json's keys, and arrays in transformers' names and layout.

What llama.cpp's converter changes on the way to GGUF is changed back, exactly: llama's query and key rows, which it
interleaves for its rotary positions; gpt2's matrices, which it transposes; gemma's norms, to which it adds 1; and
gpt_neox's queries, keys and values, which it takes apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.i18n.messages import listed
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_configs import (
    bert_config,
    gemma2_config,
    gpt2_config,
    is_distilbert,
    llama_config,
    neox_config,
    t5_config,
)
from attnviz.models.formats.gguf_decoders import DECODERS
from attnviz.models.formats.gguf_family import LLAMA, GgufFamily, Rebuilt, beyond_layers, minus_one
from attnviz.models.formats.gguf_metadata import key_heads, metadata_value, whole_number
from attnviz.models.formats.tensors import Tensors

_PHI3 = LLAMA | {
    "blk.{n}.attn_qkv": "model.layers.{n}.self_attn.qkv_proj",
    "blk.{n}.ffn_up": "model.layers.{n}.mlp.gate_up_proj",
}
_GEMMA2 = LLAMA | {
    "blk.{n}.post_attention_norm": "model.layers.{n}.post_attention_layernorm",
    "blk.{n}.ffn_norm": "model.layers.{n}.pre_feedforward_layernorm",
    "blk.{n}.post_ffw_norm": "model.layers.{n}.post_feedforward_layernorm",
}
_GPT2 = {
    "token_embd": "transformer.wte",
    "position_embd": "transformer.wpe",
    "output_norm": "transformer.ln_f",
    "output": "lm_head",
    "blk.{n}.attn_norm": "transformer.h.{n}.ln_1",
    "blk.{n}.attn_qkv": "transformer.h.{n}.attn.c_attn",
    "blk.{n}.attn_output": "transformer.h.{n}.attn.c_proj",
    "blk.{n}.ffn_norm": "transformer.h.{n}.ln_2",
    "blk.{n}.ffn_up": "transformer.h.{n}.mlp.c_fc",
    "blk.{n}.ffn_down": "transformer.h.{n}.mlp.c_proj",
}
_NEOX = {
    "token_embd": "gpt_neox.embed_in",
    "output_norm": "gpt_neox.final_layer_norm",
    "output": "embed_out",
    "blk.{n}.attn_norm": "gpt_neox.layers.{n}.input_layernorm",
    "blk.{n}.attn_qkv": "gpt_neox.layers.{n}.attention.query_key_value",
    "blk.{n}.attn_output": "gpt_neox.layers.{n}.attention.dense",
    "blk.{n}.ffn_norm": "gpt_neox.layers.{n}.post_attention_layernorm",
    "blk.{n}.ffn_up": "gpt_neox.layers.{n}.mlp.dense_h_to_4h",
    "blk.{n}.ffn_down": "gpt_neox.layers.{n}.mlp.dense_4h_to_h",
}
_BERT = {
    "token_embd": "embeddings.word_embeddings",
    "position_embd": "embeddings.position_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
    "blk.{n}.attn_q": "encoder.layer.{n}.attention.self.query",
    "blk.{n}.attn_k": "encoder.layer.{n}.attention.self.key",
    "blk.{n}.attn_v": "encoder.layer.{n}.attention.self.value",
    "blk.{n}.attn_output": "encoder.layer.{n}.attention.output.dense",
    "blk.{n}.attn_output_norm": "encoder.layer.{n}.attention.output.LayerNorm",
    "blk.{n}.ffn_up": "encoder.layer.{n}.intermediate.dense",
    "blk.{n}.ffn_down": "encoder.layer.{n}.output.dense",
    "blk.{n}.layer_output_norm": "encoder.layer.{n}.output.LayerNorm",
}
_DISTILBERT = {key: value for key, value in _BERT.items() if ".blk" not in f".{key}" and key != "token_types"} | {
    f"blk.{{n}}.{ours}": f"transformer.layer.{{n}}.{theirs}"
    for ours, theirs in {
        "attn_q": "attention.q_lin",
        "attn_k": "attention.k_lin",
        "attn_v": "attention.v_lin",
        "attn_output": "attention.out_lin",
        "attn_output_norm": "sa_layer_norm",
        "ffn_up": "ffn.lin1",
        "ffn_down": "ffn.lin2",
        "layer_output_norm": "output_layer_norm",
    }.items()
}
_T5_ATTENTION = {"_q": ".q", "_k": ".k", "_v": ".v", "_o": ".o", "_rel_b": ".relative_attention_bias"}


def _t5_stack(ours: str, theirs: str, feed_forward: int, cross: bool) -> dict[str, str]:
    block = f"{theirs}.block.{{n}}.layer"
    found = {f"{ours}.output_norm": f"{theirs}.final_layer_norm"}
    for kind, place in (("attn", "0.SelfAttention"), *([("cross_attn", "1.EncDecAttention")] if cross else [])):
        found[f"{ours}.blk.{{n}}.{kind}_norm"] = f"{block}.{place[0]}.layer_norm"
        for suffix, name in _T5_ATTENTION.items():
            found[f"{ours}.blk.{{n}}.{kind}{suffix}"] = f"{block}.{place}{name}"
    found[f"{ours}.blk.{{n}}.ffn_norm"] = f"{block}.{feed_forward}.layer_norm"
    for suffix, name in {"up": "wi", "gate": "wi_0", "down": "wo"}.items():
        found[f"{ours}.blk.{{n}}.ffn_{suffix}"] = f"{block}.{feed_forward}.DenseReluDense.{name}"
    return found


_T5 = {
    "token_embd": "shared",
    "output": "lm_head",
    **_t5_stack("enc", "encoder", 1, False),
    **_t5_stack("dec", "decoder", 2, True),
}

# GGUF's general.architecture -> config.json's model_type, and the arrays' names.
ARCHITECTURES: dict[str, tuple[str, dict[str, str]]] = {
    "llama": ("llama", LLAMA),
    "qwen2": ("qwen2", LLAMA),
    "qwen3": ("qwen3", LLAMA),
    "gemma": ("gemma", LLAMA),
    "gemma2": ("gemma2", _GEMMA2),
    "gemma3": ("gemma3", _GEMMA2),
    "gemma-embedding": ("gemma3", _GEMMA2),
    "phi3": ("phi3", _PHI3),
    "gpt2": ("gpt2", _GPT2),
    "gptneox": ("gpt_neox", _NEOX),
    "bert": ("bert", _BERT),
    "t5": ("t5", _T5),
    "t5encoder": ("t5", _T5),
    **{name: (family.model_type, family.names) for name, family in DECODERS.items() if name != "mixtral"},
}

# Families beside its own that a file of an architecture may be of: told by what it has, or computed as its own.
_ALSO = {
    "bert": ("roberta", "xlm-roberta", "distilbert"),
    "llama": ("mistral", "mixtral", "smollm"),
    "internlm2": ("internlm2",),
    "olmo2": ("olmo3",),
    "t5": ("mt5", "umt5"),
    "t5encoder": ("mt5", "umt5"),
    "deepseek2": ("deepseek_v2", "glm4_moe_lite", "youtu"),
    "glm4moe": ("solar_open",),
}


def architectures_by_family() -> dict[str, list[str]]:
    """Return the architectures that GGUF files of a family have, by its model_type."""
    found: dict[str, list[str]] = {}
    for architecture, (model_type, _) in ARCHITECTURES.items():
        for family in dict.fromkeys((model_type, *_ALSO.get(architecture, ()))):
            found.setdefault(family, []).append(architecture)
    return found


_INTEGERS = ("I8", "I16", "I32", "I64")


class GgufTensors(Tensors):
    """The arrays of a .gguf file under transformers' names and in its layout, each float32 when it is read."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self._names: dict[str, tuple[str, ...]] = {}
        self._rebuilt: dict[str, Rebuilt] = {}
        architecture = architecture_of(file)
        names = _names_of(file, architecture)
        joined = _joined_arrays(file)
        used = {name for parts, _ in joined.values() for name in parts}
        left = []
        self._refuse_integers(used)
        for ours in file:
            if ours in used or beyond_layers(file, ours):
                continue
            theirs = _renamed(ours, names, file)
            if theirs is None and ".attn_qkv." in ours and "blk.{n}.attn_q" in names:
                self._refuse_integers([ours])
                for part in ("q", "k", "v"):
                    one = ours.replace(".attn_qkv.", f".attn_{part}.")
                    self._add(_renamed(one, names, file) or one, (ours,), _parted(architecture, one, file))
            elif theirs is None:
                left.append(ours)
            else:
                self._refuse_integers([ours])
                self._add(theirs, (ours,), _rebuilt(architecture, ours, file))
        for theirs, (parts, rebuilt) in joined.items():
            self._add(theirs, parts, rebuilt)
        # Tensors of layers that the architecture is not known to have, without those that the config is made from.
        self.unknown = tuple(name for name in left if ".blk." in f".{name}" and "attn_rot_embd" not in name)

    def _add(self, theirs: str, ours: tuple[str, ...], rebuilt: Rebuilt | None) -> None:
        self._names[theirs] = ours
        if rebuilt is not None:
            self._rebuilt[theirs] = rebuilt

    def _refuse_integers(self, names: Iterable[str]) -> None:
        """Raise InputError where one of these arrays holds integers, which are no weights without a scale."""
        for name in names:
            if self._file.entries[name].format.name in _INTEGERS:
                raise InputError(
                    "The weight {name!r} has the number format {dtype} and no scale beside it, so its numbers are "
                    "unknown.",
                    hint="Give the checkpoint that it was made from, or a GGUF of it.",
                    name=name,
                    dtype=self._file.entries[name].format.name,
                )

    def __getitem__(self, name: str) -> Float32:
        arrays = [self._file[one] for one in self._names[name]]
        return self._rebuilt[name].arrays(*arrays) if name in self._rebuilt else arrays[0]

    def rows(self, name: str, indexes: NDArray[np.integer]) -> Float32:
        """Return some rows of an array [rows, ...] as float32 [*indexes, ...], if possible without the others."""
        if name in self._rebuilt:
            picked: Float32 = self[name][indexes]
            return picked
        return self._file.rows(self._names[name][0], indexes)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
        shapes = [self._file.shape(one) for one in self._names[name]]
        return self._rebuilt[name].shape(*shapes) if name in self._rebuilt else shapes[0]

    def converted(self, name: str) -> bool:
        """Return whether an array is stored in another number format than float32, in its own layout."""
        return name not in self._rebuilt and self._file.entries[self._names[name][0]].format.name != "F32"

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names


def architecture_of(file: GgufFile) -> str:
    """Return the architecture that the file names; raises InputError for one that is not known here."""
    found = file.metadata.get("general.architecture")
    if not isinstance(found, str) or found not in ARCHITECTURES:
        raise InputError(
            "{path!r} has the architecture {found!r}; supported in GGUF: {known}.",
            hint="Give the model's folder, if its family is supported there; attnviz models lists the families.",
            path=str(file.path),
            found=found,
            known=listed(ARCHITECTURES),
        )
    mixed = "blk.{n}.ffn_gate_inp" in _names_of(file, found)
    if not mixed and any("_exps" in name or "ffn_gate_inp" in name for name in file):
        raise InputError("{path!r} is a mixture of experts, which attnviz does not support.", path=str(file.path))
    return found


def _is_mixtral(file: GgufFile) -> bool:
    """Return whether a file of the architecture llama is a mixture of experts: Mixtral has no name of its own."""
    return file.metadata.get("general.architecture") == "llama" and bool(metadata_value(file, "expert_count"))


def _family_of(file: GgufFile) -> GgufFamily | None:
    """Return how a file is read; None for one of the oldest architectures."""
    found = DECODERS["mixtral"] if _is_mixtral(file) else DECODERS.get(str(file.metadata["general.architecture"]))
    return None if found is None else found.variant(file, found)


def _names_of(file: GgufFile, architecture: str) -> dict[str, str]:
    """Return the names of a file's arrays, of which the gates and the first matrices of experts may stand in one."""
    family = _family_of(file)
    names = ARCHITECTURES[architecture][1] if family is None else family.names
    if is_distilbert(file):
        return _DISTILBERT
    down = names.get("blk.{n}.ffn_down_exps")
    if down is not None and any(name.endswith("ffn_gate_up_exps.weight") for name in file):
        both = down.removesuffix("down_proj") + "gate_up_proj"
        return names | {"blk.{n}.ffn_gate_up_exps.weight": both, "blk.{n}.ffn_down_exps.weight": down}
    return names


def _joined_arrays(file: GgufFile) -> dict[str, tuple[tuple[str, ...], Rebuilt]]:
    """Return transformers' names of the arrays that a file has in several, with theirs and how they are joined."""
    family, found = _family_of(file), {}
    for one in () if family is None else family.joined:
        rebuilt = None
        ending = one.parts[0].removeprefix("blk.{n}.")
        for first in [name for name in file if name.split(".", 2)[-1] == ending and not beyond_layers(file, name)]:
            parts = tuple(part.format(n=first.split(".")[1]) for part in one.parts)
            if all(part in file for part in parts):
                rebuilt = rebuilt or one.rebuilt(file)
                found[one.name.format(n=first.split(".")[1])] = parts, rebuilt
    return found


def _renamed(name: str, names: Mapping[str, str], file: GgufFile) -> str | None:
    """Return transformers' name of an array; None for one that transformers does not have."""
    stem, _, suffix = name.rpartition(".")
    number = re.match(r"(?:.*\.)?blk\.(\d+)\.", name)
    layer = number.group(1) if number else ""
    whole, part = (one.replace(f"blk.{layer}.", "blk.{n}.", 1) if number else one for one in (name, stem))
    if whole in names:
        return names[whole].format(n=layer)
    if part not in names:
        return None
    found = names[part].format(n=layer)
    if found.endswith("DenseReluDense.wi") and f"{stem.removesuffix('up')}gate.weight" in file:
        found += "_1"  # a gated layer's second matrix
    return f"{found}.{suffix}"


def _rebuilt(architecture: str, name: str, file: GgufFile) -> Rebuilt | None:
    """Return how an array is put back into transformers' layout; None where it is the same."""
    heads = whole_number(file, "attention.head_count")
    family = _family_of(file)
    if name.endswith("ffn_gate_inp_shexp.weight"):
        return Rebuilt(lambda row: row.reshape(1, -1), lambda shape: (1, shape[-1]))
    permuted = architecture == "llama" or (family is not None and family.permuted)
    if permuted and re.search(r"\.attn_[qk]\.", name):
        own = heads if ".attn_q." in name else whole_number(file, "attention.head_count_kv", heads)
        return Rebuilt(lambda rows: _uninterleaved(rows, own, file))
    plus_one = architecture.startswith("gemma") or (family is not None and family.plus_one)
    if plus_one and name.endswith("norm.weight") and "ssm_norm" not in name:
        return Rebuilt(minus_one)
    if name.endswith("shortconv.conv.weight"):
        return Rebuilt(lambda kernel: kernel[:, None], lambda shape: (shape[0], 1, *shape[1:]))
    if architecture == "gpt2" and re.search(r"blk.*\.(attn_qkv|attn_output|ffn_up|ffn_down)\.weight", name):
        return Rebuilt(_transposed, lambda shape: shape[::-1])
    if architecture in ("gptneox", "bloom") and ".attn_qkv." in name:
        return Rebuilt(lambda rows: _grouped_by_head(rows, heads, heads, file))
    if architecture == "falcon" and ".attn_qkv." in name:
        groups = whole_number(file, "attention.head_count_kv", 1)
        return Rebuilt(lambda rows: _grouped_by_head(rows, heads, groups, file))
    return None if family is None else family.rebuilt(file, name)


def _parted(architecture: str, name: str, file: GgufFile) -> Rebuilt:
    """Return how the queries, keys or values are taken out of an array that has all of them, one after the other."""
    heads = whole_number(file, "attention.head_count")
    groups = key_heads(file, heads)
    width = whole_number(file, "attention.key_length", whole_number(file, "embedding_length") // max(1, heads))
    start, count = {"q": (0, heads), "k": (heads, groups), "v": (heads + groups, groups)}[name.split(".attn_")[1][0]]
    rows = slice(start * width, (start + count) * width)
    after = _rebuilt(architecture, name, file)

    def cut(array: Float32) -> Float32:
        if len(array) != (heads + 2 * groups) * width:
            raise _do_not_fit(file, len(array), heads + 2 * groups)
        return array[rows] if after is None else after.arrays(array[rows])

    return Rebuilt(cut, lambda shape: (count * width, *shape[1:]))


def _transposed(matrix: Float32) -> Float32:
    """Transpose a matrix [a, b] -> [b, a]."""
    return np.ascontiguousarray(matrix.T)


def _uninterleaved(rows: Float32, heads: int, file: GgufFile) -> Float32:
    """Reorder each head's rows 0 1 2 3 ... of [heads * d_h, ...] to 0 2 4 ... 1 3 5 ...: its two rotary halves."""
    if heads < 1 or len(rows) % (2 * heads):
        raise _do_not_fit(file, len(rows), heads)
    parted = rows.reshape(heads, len(rows) // heads // 2, 2, *rows.shape[1:])
    return parted.swapaxes(1, 2).reshape(rows.shape)


def _grouped_by_head(rows: Float32, heads: int, kv_heads: int, file: GgufFile) -> Float32:
    """Reorder rows [(heads + 2 kv_heads) d_h, ...] from all queries, keys, values to each group's.

    A group is a key head, the queries that it serves before it and its value head after it.
    """
    if heads < 1 or kv_heads < 1 or heads % kv_heads or len(rows) % (heads + 2 * kv_heads):
        raise _do_not_fit(file, len(rows), heads)
    width = len(rows) // (heads + 2 * kv_heads)
    shape = (kv_heads, -1, *rows.shape[1:])
    parts = np.split(rows, [heads * width, (heads + kv_heads) * width])
    return np.concatenate([part.reshape(shape) for part in parts], axis=1).reshape(rows.shape)


def _do_not_fit(file: GgufFile, rows: int, heads: int) -> InputError:
    return InputError(
        "{path!r} has a matrix whose rows ({rows}) cannot be divided among the heads ({heads}).",
        path=str(file.path),
        rows=rows,
        heads=heads,
    )


def config_of(file: GgufFile) -> dict[str, Any]:
    """Return the file's metadata as config.json has it; raises InputError where a needed number is missing."""
    architecture = architecture_of(file)
    makers = {
        "gemma2": gemma2_config,
        "gemma3": gemma2_config,
        "gemma-embedding": gemma2_config,
        "gpt2": gpt2_config,
        "gptneox": neox_config,
        "bert": bert_config,
        "t5": t5_config,
        "t5encoder": t5_config,
    }
    config = makers.get(architecture, llama_config)(file)
    family = _family_of(file)
    if family is not None:
        config = {"model_type": family.model_type, **family.config(file, config)}
    if "token_embd.weight" not in file or len(file.shape("token_embd.weight")) != 2:
        raise InputError("{path!r} has no matrix of token vectors, token_embd.weight.", path=str(file.path))
    config["vocab_size"] = file.shape("token_embd.weight")[0]
    config["tie_word_embeddings"] = "output.weight" not in file
    for key in ("bos", "eos", "unknown", "padding"):
        if f"tokenizer.ggml.{key}_token_id" in file.metadata:
            config[f"{_TOKEN_NAMES.get(key, key)}_token_id"] = file.metadata[f"tokenizer.ggml.{key}_token_id"]
    return {"model_type": ARCHITECTURES[architecture][0], **config, **_direction(file, architecture)}


def _direction(file: GgufFile, architecture: str) -> dict[str, bool]:
    """Return whether a token attends only to what came before it, where the file says so: attention.causal."""
    causal = metadata_value(file, "attention.causal")
    if causal is None or ARCHITECTURES[architecture][0] in ("t5", "modernbert"):
        return {}
    if not isinstance(causal, bool):
        raise InputError(
            "{path!r} must give {key} as true or false, not {found}.",
            path=str(file.path),
            key=f"{architecture}.attention.causal",
            found=type(causal).__name__,
        )
    return {"is_decoder" if architecture == "bert" else "is_causal": causal}


_TOKEN_NAMES = {"unknown": "unk", "padding": "pad"}
