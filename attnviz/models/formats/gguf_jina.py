"""GGUF files of Jina Embeddings v2, by both versions of its code, and v3.

Older files have the two halves of a gated feed-forward's first matrix apart, as ffn_gate and ffn_up; newer ones have it
whole, as ffn_up.
"""

from __future__ import annotations

import numpy as np

from attnviz.core.types import Float32
from attnviz.models.formats.gguf import GgufFile
from attnviz.models.formats.gguf_family import Config, GgufFamily, Joined, Rebuilt, Shape, array_names, layer_normed
from attnviz.models.formats.gguf_metadata import whole_number

_ENDS = {
    "token_embd": "embeddings.word_embeddings",
    "token_types": "embeddings.token_type_embeddings",
    "token_embd_norm": "embeddings.LayerNorm",
}
_LAYER = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
}
_PATH = "encoder.layer.{n}"
# What a layer has beside that: without a gate; with one; in the second version of the code, without and with one.
_PLAIN = {"ffn_up": "intermediate.dense", "ffn_down": "output.dense", "layer_output_norm": "output.LayerNorm"}
_GATED = {"ffn_up": "mlp.gated_layers", "ffn_down": "mlp.wo", "layer_output_norm": "mlp.layernorm"}
_SECOND = {
    "attn_q_norm": "attention.self.layer_norm_q",
    "attn_k_norm": "attention.self.layer_norm_k",
    "attn_norm_2": "layer_norm_1",
    "ffn_down": "mlp.down_layer",
    "layer_output_norm": "layer_norm_2",
}


def _is_gated(file: GgufFile) -> bool:
    """Return whether the feed-forward layers have a gate: a matrix of its own, or half of the first one."""
    if "blk.0.ffn_gate.weight" in file:
        return True
    rows = file.shape("blk.0.ffn_up.weight")[0] if "blk.0.ffn_up.weight" in file else 0
    return rows == 2 * whole_number(file, "feed_forward_length")


def _is_second(file: GgufFile) -> bool:
    """Return whether a file is of the second version of the code, which norms once more."""
    return "blk.0.attn_norm_2.weight" in file


def _by_version(file: GgufFile, family: GgufFamily) -> GgufFamily:
    """Return the family with the names of this file's arrays, by the version of the code and whether it has gates."""
    apart = "blk.0.ffn_gate.weight" in file
    if _is_second(file):
        wide = "mlp.up_gated_layer" if _is_gated(file) else "mlp.up_layer"
        layer, joined = _LAYER | _SECOND | {"ffn_up": wide}, _joined("ffn_up", "ffn_gate", wide)
    else:
        layer, joined = (
            _LAYER | (_GATED if _is_gated(file) else _PLAIN),
            _joined("ffn_gate", "ffn_up", _GATED["ffn_up"]),
        )
    names = array_names({key: value for key, value in layer.items() if not apart or key != "ffn_up"}, _ENDS, _PATH)
    return family._replace(names=names, joined=(joined,) if apart else ())


def _version2(file: GgufFile, config: Config) -> Config:
    return layer_normed(file, config) | {
        "model_type": "jina_bert_v2",
        "position_embedding_type": "alibi",
        "feed_forward_type": "geglu" if _is_gated(file) else "original",
        "hidden_act": "gelu",
        "type_vocab_size": _types(file),
    }


def _version3(file: GgufFile, config: Config) -> Config:
    return layer_normed(file, config) | {
        "hidden_act": "gelu",
        "type_vocab_size": _types(file),
        "rope_parameters": {"rope_type": "default", "rope_theta": config["rope_theta"]},
    }


def _types(file: GgufFile) -> int:
    return file.shape("token_types.weight")[0] if "token_types.weight" in file else 1


def _joined(first: str, second: str, wide: str) -> Joined:
    """Return how the first matrix is made of two, in this order."""
    rebuilt = Rebuilt(_stacked, _stacked_shape)
    return Joined(
        f"{_PATH}.{wide}.weight", (f"blk.{{n}}.{first}.weight", f"blk.{{n}}.{second}.weight"), lambda _: rebuilt
    )


def _stacked(first: Float32, second: Float32) -> Float32:
    return np.concatenate([first, second])


def _stacked_shape(first: Shape, second: Shape) -> Shape:
    return (first[0] + second[0], *first[1:])


_V3 = {
    "attn_qkv": "mixer.Wqkv",
    "attn_output": "mixer.out_proj",
    "attn_output_norm": "norm1",
    "ffn_up": "mlp.fc1",
    "ffn_down": "mlp.fc2",
    "layer_output_norm": "norm2",
}
_V3_ENDS = _ENDS | {"token_embd_norm": "emb_ln"}

JINA_FAMILIES = {
    "jina-bert-v2": GgufFamily(
        "jina_bert_v2", array_names(_LAYER | _GATED, _ENDS, _PATH), _version2, variant=_by_version
    ),
    "jina-bert-v3": GgufFamily("jina_embeddings_v3", array_names(_V3, _V3_ENDS, "encoder.layers.{n}"), _version3),
}
