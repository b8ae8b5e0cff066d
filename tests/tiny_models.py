"""Whole models small enough for every test: golden weights of transformers' making, with tiny tokenizers."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from paths import GOLDEN

# The entries that a model gets: those of its tokenizer, padded to a multiple of 128.
_COUNTS = {"bert": 512, "bert-cased": 512, "gpt2": 768, "llama": 640, "qwen2": 768, "roberta": 768}
_COUNT = 384
_TOKENIZERS = {
    "distilbert": "bert",
    "electra": "bert",
    "mpnet": "bert",
    "opt": "roberta",
    "gpt_neox": "gpt2",
    "mistral": "llama",
    "llama-yarn": "llama",
}


def model_of(path, family, words=None, count=None):
    """A whole model in a folder: the golden weights, which know 41 words or so, with as many as a tiny tokenizer has.

    words: whose tokenizer it is; the family's own kind, if not given. count: how many entries its vocabulary gets.
    """
    safetensors = pytest.importorskip("safetensors.numpy")
    words = words or _TOKENIZERS.get(family, family)
    count = count or _COUNTS.get(words, _COUNT)
    shutil.copytree(GOLDEN / "models" / family, path, ignore=shutil.ignore_patterns("answers.npz"))
    with zipfile.ZipFile(GOLDEN / "tokenizers.zip") as archive:
        for name in archive.namelist():
            if name.startswith(f"{words}/") and not name.endswith("/config.json"):
                (path / Path(name).name).write_bytes(archive.read(name))
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    arrays = safetensors.load_file(path / "model.safetensors")
    for name, array in arrays.items():
        if config["vocab_size"] in array.shape[:2]:
            wider = tuple(count if size == config["vocab_size"] else size for size in array.shape[:2])
            arrays[name] = np.resize(array, (*wider, *array.shape[2:]))
    safetensors.save_file(arrays, path / "model.safetensors")
    config |= {name: count for name in ("vocab_size", "decoder_vocab_size") if name in config}
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return path


def esm_of(folder, name="esm"):
    """A tiny ESM in a folder, with the vocabulary of ESM-2."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(GOLDEN / "models" / name / file, folder / file)
    vocabulary = json.loads((GOLDEN / "contacts.json").read_text())["vocabulary"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "EsmTokenizer"}))
    return folder


def gguf_of(path):
    """A whole tiny Llama in a .gguf file, with a byte-level vocabulary."""
    gguf = pytest.importorskip("gguf")
    with zipfile.ZipFile(GOLDEN / "tokenizers.zip") as archive:
        vocabulary = json.loads(archive.read("gpt2/vocab.json"))
        merges = archive.read("gpt2/merges.txt").decode().splitlines()[1:]
    words = sorted(vocabulary, key=vocabulary.get)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(64)
    writer.add_embedding_length(8)
    writer.add_feed_forward_length(12)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([1] * len(words))
    writer.add_token_merges(merges)
    draw = np.random.default_rng(0).normal
    shapes = {"token_embd": (len(words), 8), "output_norm": (8,)}
    for number in range(2):
        shapes |= {
            f"blk.{number}.{name}": shape
            for name, shape in {
                "attn_norm": (8,),
                "attn_q": (8, 8),
                "attn_k": (4, 8),
                "attn_v": (4, 8),
                "attn_output": (8, 8),
                "ffn_norm": (8,),
                "ffn_gate": (12, 8),
                "ffn_up": (12, 8),
                "ffn_down": (8, 12),
            }.items()
        }
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", draw(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
