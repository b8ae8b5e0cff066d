"""A .gguf file as a Hugging Face checkpoint: config.json's keys, and arrays in transformers' names and layout.

What llama.cpp's converter changes on the way to GGUF is changed back, exactly: llama's query and key rows, which it
interleaves for its rotary positions; gpt2's matrices, which it transposes; gemma's norms, to which it adds 1; and
gpt_neox's queries, keys and values, which it takes apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.i18n.messages import listed
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_decoders import DECODERS, LLAMA
from attnviz.models.formats.gguf_metadata import key_heads, metadata_value, real_number, whole_number
from attnviz.models.formats.tensors import Tensors

LayoutChange = Callable[[Float32], Float32]

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


_INTEGERS = ("I8", "I16", "I32", "I64")


class GgufTensors(Tensors):
    """The arrays of a .gguf file under transformers' names and in its layout, each float32 when it is read."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self._names: dict[str, str] = {}
        self._changes: dict[str, LayoutChange] = {}
        architecture = architecture_of(file)
        names = _names_of(file, architecture)
        left = []
        for ours in file:
            theirs = _renamed(ours, names, file)
            if theirs is None:
                left.append(ours)
            elif file.entries[ours].format.name in _INTEGERS:
                raise InputError(
                    "The weight {name!r} has the number format {dtype} and no scale beside it, so its numbers are "
                    "unknown.",
                    hint="Give the checkpoint that it was made from, or a GGUF of it.",
                    name=ours,
                    dtype=file.entries[ours].format.name,
                )
            else:
                self._names[theirs] = ours
                change = _layout_change(architecture, ours, file)
                if change is not None:
                    self._changes[theirs] = change
        # Tensors of layers that the architecture is not known to have, without those that the config is made from.
        self.unknown = tuple(name for name in left if ".blk." in f".{name}" and "attn_rot_embd" not in name)

    def __getitem__(self, name: str) -> Float32:
        array: Float32 = self._file[self._names[name]]
        return self._changes[name](array) if name in self._changes else array

    def rows(self, name: str, indexes: NDArray[np.integer]) -> Float32:
        """Return some rows of an array [rows, ...] as float32 [*indexes, ...], if possible without the others."""
        if name in self._changes:
            picked: Float32 = self[name][indexes]
            return picked
        return self._file.rows(self._names[name], indexes)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape, without reading it."""
        shape = self._file.shape(self._names[name])
        return shape[::-1] if self._changes.get(name) is _transposed else shape

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


def _names_of(file: GgufFile, architecture: str) -> dict[str, str]:
    """Return the names of an architecture's arrays; a Falcon with two norms a layer has them under other names."""
    names = DECODERS["mixtral"].names if _is_mixtral(file) else ARCHITECTURES[architecture][1]
    if architecture == "falcon" and "blk.0.attn_norm_2.weight" in file:
        return names | {"blk.{n}.attn_norm": "transformer.h.{n}.ln_mlp"}
    return names


def _renamed(name: str, names: Mapping[str, str], file: GgufFile) -> str | None:
    """Return transformers' name of an array; None for one that transformers does not have."""
    stem, _, suffix = name.rpartition(".")
    number = re.search(r"blk\.(\d+)\.", stem)
    pattern = stem if number is None else stem.replace(number.group(), "blk.{n}.", 1)
    if pattern not in names:
        return None
    found = names[pattern].format(n=number.group(1) if number else "")
    if found.endswith("DenseReluDense.wi") and f"{stem.removesuffix('up')}gate.weight" in file:
        found += "_1"  # a gated layer's second matrix
    if found.endswith((".sinks", ".expert_bias")):
        return found
    return f"{found}.{suffix}"


def _layout_change(architecture: str, name: str, file: GgufFile) -> LayoutChange | None:
    """Return the function that puts an array back into transformers' layout; None where it is the same."""
    heads = whole_number(file, "attention.head_count")
    if name.endswith("ffn_gate_inp_shexp.weight"):
        return lambda row: row.reshape(1, -1)
    permuted = architecture == "llama" or (architecture in DECODERS and DECODERS[architecture].permuted)
    if permuted and re.search(r"\.attn_[qk]\.", name):
        own = heads if ".attn_q." in name else whole_number(file, "attention.head_count_kv", heads)
        return lambda rows: _uninterleaved(rows, own, file)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return lambda norm: norm - np.float32(1)
    if name.endswith("shortconv.conv.weight"):
        return lambda kernel: kernel[:, None]
    if architecture == "gpt2" and re.search(r"blk.*\.(attn_qkv|attn_output|ffn_up|ffn_down)\.weight", name):
        return _transposed
    if architecture in ("gptneox", "bloom") and ".attn_qkv." in name:
        return lambda rows: _grouped_by_head(rows, heads, heads, file)
    if architecture == "falcon" and ".attn_qkv." in name:
        groups = whole_number(file, "attention.head_count_kv", 1)
        return lambda rows: _grouped_by_head(rows, heads, groups, file)
    return None


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
        "gemma2": _gemma2_config,
        "gemma3": _gemma2_config,
        "gemma-embedding": _gemma2_config,
        "gpt2": _gpt2_config,
        "gptneox": _neox_config,
        "bert": _bert_config,
        "t5": _t5_config,
        "t5encoder": _t5_config,
    }
    config = makers.get(architecture, _llama_config)(file)
    decoder = DECODERS["mixtral"] if _is_mixtral(file) else DECODERS.get(architecture)
    if decoder is not None:
        config = {"model_type": decoder.model_type, **decoder.config(file, config)}
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


def _llama_config(file: GgufFile) -> dict[str, Any]:
    heads = whole_number(file, "attention.head_count")
    dim = whole_number(file, "embedding_length")
    architecture = str(file.metadata["general.architecture"])
    config: dict[str, Any] = {
        "hidden_size": dim,
        "num_hidden_layers": whole_number(file, "block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads(file, heads),
        "intermediate_size": whole_number(file, "feed_forward_length"),
        "max_position_embeddings": whole_number(file, "context_length"),
        "head_dim": whole_number(file, "attention.key_length", dim // heads if heads else 0),
        "rms_norm_eps": real_number(file, "attention.layer_norm_rms_epsilon", 1e-6),
        "rope_theta": real_number(file, "rope.freq_base", 10000.0),
        "hidden_act": "gelu_pytorch_tanh" if architecture == "gemma" else "silu",
        "attention_bias": "blk.0.attn_q.bias" in file,
        "mlp_bias": "blk.0.ffn_up.bias" in file,
    }
    window = metadata_value(file, "attention.sliding_window")
    if window:
        config |= {"sliding_window": int(window), "use_sliding_window": True}
    rotated = metadata_value(file, "rope.dimension_count")
    if architecture == "phi3" and rotated and config["head_dim"]:
        config["partial_rotary_factor"] = int(rotated) / config["head_dim"]
    scaling = _rope_scaling(file, config)
    return config | ({"rope_scaling": scaling} if scaling else {})


def _gemma2_config(file: GgufFile) -> dict[str, Any]:
    """Return what Gemma 2 and 3 have beside Llama's numbers; what is in no file is as in llama.cpp's code."""
    config = _llama_config(file)
    layers, dim, heads = (config[name] for name in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    largest = layers == (46 if file.metadata["general.architecture"] == "gemma2" else 62)  # the sizes of 27B
    config |= {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": dim // heads if largest else config["head_dim"],
        "sliding_window": int(metadata_value(file, "attention.sliding_window") or 0) or None,
        "rope_local_base_freq": real_number(file, "rope.freq_base_swa", 10000.0),
        "use_bidirectional_attention": file.metadata["general.architecture"] == "gemma-embedding",
    }
    pattern = metadata_value(file, "attention.sliding_window_pattern")
    if isinstance(pattern, int) and not isinstance(pattern, bool) and pattern > 0:
        config["sliding_window_pattern"] = pattern
    elif isinstance(pattern, np.ndarray) and len(pattern) >= layers:
        config["layer_types"] = ["sliding_attention" if one else "full_attention" for one in pattern]
    for name in ("attn_logit_softcapping", "final_logit_softcapping"):
        if metadata_value(file, name) is not None:
            config[name] = real_number(file, name, 0.0)
    return config


def _rope_scaling(file: GgufFile, config: dict[str, Any]) -> dict[str, Any] | None:
    original = int(metadata_value(file, "rope.scaling.original_context_length") or 0)
    if "rope_freqs.weight" in file:
        return _llama3_scaling(file, config)
    if "rope_factors_short.weight" in file and "rope_factors_long.weight" in file:
        config["original_max_position_embeddings"] = original or config["max_position_embeddings"]
        short, long = (file[f"rope_factors_{kind}.weight"].ravel().tolist() for kind in ("short", "long"))
        return {"rope_type": "longrope", "type": "longrope", "short_factor": short, "long_factor": long}
    kind = metadata_value(file, "rope.scaling.type")
    factor = float(metadata_value(file, "rope.scaling.factor") or metadata_value(file, "rope.scale_linear") or 1)
    if factor == 1 or kind == "none":
        return None
    scaling = {"rope_type": kind or "linear", "type": kind or "linear", "factor": factor}
    return scaling | ({"original_max_position_embeddings": original} if original else {})


def _llama3_scaling(file: GgufFile, config: dict[str, Any]) -> dict[str, Any]:
    """Return the four numbers of Llama 3's scaling, from the factors that the converter made of them.

    Low frequencies are divided by `factor`, high ones by 1, those between by a mean of both (Llama 3 reference
    implementation, apply_scaling): 1 and 4 wave lengths in 8,192 positions in every model that was released.
    """
    factors = file["rope_freqs.weight"].ravel()
    found = {
        "rope_type": "llama3",
        "factor": float(factors.max(initial=1)),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    count = len(factors)
    waves = 8192 / (2 * np.pi * config["rope_theta"] ** (np.arange(count) / count))
    smooth = np.clip((waves - 1) / (4 - 1), 0, 1)
    expected = 1 / ((1 - smooth) / found["factor"] + smooth)
    if not np.allclose(factors, expected, rtol=1e-3):
        raise InputError(
            "{path!r} scales its rotary positions by factors of its own, which attnviz does not support.",
            path=str(file.path),
        )
    return found


def _gpt2_config(file: GgufFile) -> dict[str, Any]:
    return {
        "n_embd": whole_number(file, "embedding_length"),
        "n_layer": whole_number(file, "block_count"),
        "n_head": whole_number(file, "attention.head_count"),
        "n_positions": whole_number(file, "context_length"),
        "n_inner": whole_number(file, "feed_forward_length"),
        "layer_norm_epsilon": real_number(file, "attention.layer_norm_epsilon", 1e-5),
        "activation_function": "gelu_new",
    }


def _neox_config(file: GgufFile) -> dict[str, Any]:
    dim, heads = whole_number(file, "embedding_length"), whole_number(file, "attention.head_count")
    rotated = whole_number(file, "rope.dimension_count", dim // heads if heads else 0)
    return {
        "hidden_size": dim,
        "num_hidden_layers": whole_number(file, "block_count"),
        "num_attention_heads": heads,
        "intermediate_size": whole_number(file, "feed_forward_length"),
        "max_position_embeddings": whole_number(file, "context_length"),
        "layer_norm_eps": real_number(file, "attention.layer_norm_epsilon", 1e-5),
        "rotary_pct": rotated * heads / dim if dim else 1.0,
        "rotary_emb_base": real_number(file, "rope.freq_base", 10000.0),
        "use_parallel_residual": bool(file.metadata.get("gptneox.use_parallel_residual", True)),
        "hidden_act": "gelu",
    }


def _bert_config(file: GgufFile) -> dict[str, Any]:
    types = file.shape("token_types.weight")[0] if "token_types.weight" in file else 1
    return {
        "hidden_size": whole_number(file, "embedding_length"),
        "num_hidden_layers": whole_number(file, "block_count"),
        "num_attention_heads": whole_number(file, "attention.head_count"),
        "intermediate_size": whole_number(file, "feed_forward_length"),
        "max_position_embeddings": whole_number(file, "context_length"),
        "layer_norm_eps": real_number(file, "attention.layer_norm_epsilon", 1e-12),
        "type_vocab_size": types,
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
    }


def _t5_config(file: GgufFile) -> dict[str, Any]:
    heads, dim = whole_number(file, "attention.head_count"), whole_number(file, "embedding_length")
    layers = whole_number(file, "block_count")
    encoder_only = file.metadata["general.architecture"] == "t5encoder"
    return {
        "d_model": dim,
        "num_layers": layers,
        "num_decoder_layers": 0 if encoder_only else whole_number(file, "decoder_block_count", layers),
        "num_heads": heads,
        "d_kv": whole_number(file, "attention.key_length", dim // heads if heads else 0),
        "d_ff": whole_number(file, "feed_forward_length"),
        "n_positions": whole_number(file, "context_length", 512),
        "relative_attention_num_buckets": whole_number(file, "attention.relative_buckets_count", 32),
        "relative_attention_max_distance": 128,
        "layer_norm_epsilon": real_number(file, "attention.layer_norm_epsilon", 1e-6),
        "feed_forward_proj": "gated-gelu" if "enc.blk.0.ffn_gate.weight" in file else "relu",
        "is_encoder_decoder": not encoder_only,
        "decoder_start_token_id": int(metadata_value(file, "decoder_start_token_id") or 0),
        "architectures": ["T5EncoderModel" if encoder_only else "T5ForConditionalGeneration"],
    }
