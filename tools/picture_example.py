"""Write the samples of the guide to pictures: a drawing of a cat, and a ViT of one layer that reads it.

    python tools/picture_example.py    samples/cat.png and samples/colours

The model has no training: its patches' vectors are their mean colours, and its only head compares these, so that a
patch looks at patches of its colour.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SIDE, PATCH = 224, 16
SHARPNESS = 3.0


def draw_cat() -> Image.Image:
    """Return a drawing of a cat in a meadow under the sun, 480 x 320 pixels."""
    image = Image.new("RGB", (480, 320), (150, 190, 230))
    pen = ImageDraw.Draw(image)
    cat, eye = (230, 140, 50), (20, 60, 20)
    pen.rectangle((0, 220, 480, 320), fill=(90, 150, 70))
    pen.ellipse((40, 30, 100, 90), fill=(250, 230, 90))
    pen.line((150, 225, 70, 165, 92, 110), fill=cat, width=18, joint="curve")
    pen.ellipse((140, 120, 330, 270), fill=cat)
    pen.ellipse((285, 85, 395, 185), fill=cat)
    pen.polygon([(296, 115), (306, 58), (338, 92)], fill=cat)
    pen.polygon([(346, 92), (378, 58), (386, 115)], fill=cat)
    for x in (316, 352):
        pen.ellipse((x, 118, x + 12, 134), fill=eye)
    return image


def write_model(folder: Path) -> None:
    """Write a ViT of one layer and one head that compares the mean colours of patches."""
    dim, count = 6, (SIDE // PATCH) ** 2 + 1
    colour = np.zeros((dim, 3, PATCH, PATCH), dtype=np.float32)
    for channel in range(3):  # each channel and its negative, so that a layer norm leaves the colour's direction
        colour[2 * channel, channel] = 1 / PATCH**2
        colour[2 * channel + 1, channel] = -1 / PATCH**2
    one, none = np.eye(dim, dtype=np.float32), np.zeros(dim, dtype=np.float32)
    layer = "encoder.layer.0"
    tensors = {
        "embeddings.cls_token": np.zeros((1, 1, dim), dtype=np.float32),
        "embeddings.position_embeddings": np.zeros((1, count, dim), dtype=np.float32),
        "embeddings.patch_embeddings.projection.weight": colour,
        "embeddings.patch_embeddings.projection.bias": none,
        f"{layer}.attention.attention.query.weight": SHARPNESS * one,
        f"{layer}.attention.attention.key.weight": one,
        f"{layer}.attention.attention.value.weight": one,
        f"{layer}.attention.output.dense.weight": one,
        f"{layer}.intermediate.dense.weight": one,
        f"{layer}.output.dense.weight": 0 * one,
    }
    tensors |= {name.replace(".weight", ".bias"): none for name in tensors if name.startswith(layer)}
    for norm in (f"{layer}.layernorm_before", f"{layer}.layernorm_after", "layernorm"):
        tensors |= {f"{norm}.weight": none + 1, f"{norm}.bias": none}
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(_safetensors(tensors))
    config = {
        "model_type": "vit",
        "hidden_size": dim,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": dim,
        "image_size": SIDE,
        "patch_size": PATCH,
        "layer_norm_eps": 1e-6,
    }
    (folder / "config.json").write_text(json.dumps(config))
    steps = {"image_processor_type": "ViTImageProcessor", "size": {"height": SIDE, "width": SIDE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(steps))


def _safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    header, data = {}, b""
    for name, tensor in tensors.items():
        part = tensor.astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def main() -> None:
    """Write the picture and the model."""
    draw_cat().quantize(32).convert("RGB").save(SAMPLES / "cat.png", optimize=True)
    write_model(SAMPLES / "colours")


if __name__ == "__main__":
    main()
