"""Write pictures/: tiny checkpoints of models that read pictures, small pictures, and what transformers computes.

Each NAME.npz has the config (JSON), the tensors (under "tensor:NAME"), pixels [3, height, width], the attention weights
of all layers and the last hidden state. preprocessing.npz has, for each case of preprocessing.json and each picture,
the pixels that transformers' image processor of Pillow gives. Environment: see make_models.py.

    /tmp/modelsvenv/bin/python tests/golden/make_pictures.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.numpy import load_file
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

FOLDER = Path(__file__).parent / "pictures"
PROCESSORS = {
    "CLIPImageProcessor": CLIPImageProcessorPil,
    "BitImageProcessor": BitImageProcessorPil,
    "ViTImageProcessor": ViTImageProcessorPil,
    "SiglipImageProcessor": SiglipImageProcessorPil,
}

SIZES: dict[str, Any] = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 12,
    "patch_size": 4,
    "layer_norm_eps": 0.01,
}
WIDE = SIZES | {"intermediate_size": 17}
DINO = SIZES | {"mlp_ratio": 2}
TEXT: dict[str, Any] = {
    "vocab_size": 41,
    "hidden_size": 10,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 13,
    "max_position_embeddings": 9,
}

# name: (config class, model class, config, height and width of the picture)
MODELS: dict[str, tuple[str, str, dict[str, Any], tuple[int, int]]] = {
    "vit": ("ViTConfig", "ViTModel", WIDE, (12, 12)),
    "vit-sides": (
        "ViTConfig",
        "ViTForImageClassification",
        WIDE | {"image_size": [9, 16], "patch_size": [3, 4], "qkv_bias": False, "hidden_act": "relu"},
        (9, 16),
    ),
    "dinov2": ("Dinov2Config", "Dinov2Model", DINO, (12, 12)),
    "dinov2-stretched": ("Dinov2Config", "Dinov2Model", DINO | {"use_swiglu_ffn": True, "qkv_bias": False}, (23, 8)),
    "registers": ("Dinov2WithRegistersConfig", "Dinov2WithRegistersModel", DINO | {"num_register_tokens": 3}, (12, 12)),
    "registers-stretched": (
        "Dinov2WithRegistersConfig",
        "Dinov2WithRegistersModel",
        DINO | {"image_size": 28, "use_swiglu_ffn": True},
        (13, 36),
    ),
    "clip_vision": ("CLIPVisionConfig", "CLIPVisionModel", WIDE | {"image_size": 13}, (13, 13)),
    "clip_vision-projected": (
        "CLIPVisionConfig",
        "CLIPVisionModelWithProjection",
        WIDE | {"hidden_act": "gelu", "projection_dim": 5},
        (12, 12),
    ),
    "clip": ("CLIPConfig", "CLIPModel", {"text_config": TEXT, "vision_config": WIDE, "projection_dim": 6}, (12, 12)),
    "siglip_vision": ("SiglipVisionConfig", "SiglipVisionModel", WIDE, (12, 12)),
    "siglip": ("SiglipConfig", "SiglipModel", {"text_config": TEXT, "vision_config": WIDE}, (12, 12)),
}


def build(config_class: str, model_class: str, settings: dict[str, Any]) -> Any:
    """A model with random weights, as an eager float32 module."""
    torch.manual_seed(20240607)
    config = getattr(transformers, config_class)(**settings)
    config._attn_implementation = "eager"
    model = getattr(transformers, model_class)(config).eval()
    if hasattr(config, "vision_config"):
        model.vision_model.config._attn_implementation = "eager"
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(torch.randn_like(parameter) * 0.25 + centre)
    return model


def answer(model: Any, height: int, width: int) -> dict[str, np.ndarray]:
    """A picture's pixels, with weights of all layers and the last hidden state."""
    pixels = np.random.default_rng(height * width).normal(size=(3, height, width)).astype(np.float32)
    seeing = getattr(model, "vision_model", model)
    with torch.no_grad():
        out = seeing(torch.from_numpy(pixels)[None], output_attentions=True, output_hidden_states=True)
    found = {"pixels": pixels, "weights": np.stack([one[0].numpy() for one in out.attentions])}
    if "last_hidden_state" in out:
        found["hidden"] = out.last_hidden_state[0].numpy()
    return found


def stored(model: Any) -> dict[str, np.ndarray]:
    """What save_pretrained writes: the config and the tensors of the part that is read."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = (Path(folder) / "config.json").read_text()
        tensors = load_file(Path(folder) / "model.safetensors")
    return {"config": np.array(config), **{f"tensor:{name}": one for name, one in tensors.items()}}


def pictures() -> dict[str, Image.Image]:
    """Small pictures of each kind that is converted to RGB: wide, high, grey, with alpha, CMYK, of a palette."""
    y, x = np.mgrid[0:37, 0:52]
    red, green = (x * 5) % 256, (y * 7) % 256
    noise = np.random.default_rng(3).integers(0, 256, (37, 52))
    wide = Image.fromarray(np.stack([red, green, noise], axis=-1).astype(np.uint8))
    clear = wide.convert("RGBA")
    clear.putalpha(Image.fromarray(((x * 3 + y) % 256).astype(np.uint8)))
    return {
        "wide.png": wide,
        "high.png": wide.rotate(90, expand=True),
        "grey.png": wide.convert("L"),
        "clear.png": clear,
        "cmyk.tiff": wide.convert("CMYK"),
        "palette.gif": wide.quantize(32),
    }


def preprocessed() -> dict[str, np.ndarray]:
    """The pixels of each picture, for each case of preprocessing.json that its processor reads."""
    found: dict[str, np.ndarray] = {}
    cases = json.loads((FOLDER / "preprocessing.json").read_text())
    for name, case in cases.items():
        kind = case.get("image_processor_type") or case["feature_extractor_type"].replace(
            "FeatureExtractor", "ImageProcessor"
        )
        processor = PROCESSORS[kind.removesuffix("Fast")].from_dict(dict(case))
        for picture in pictures():
            if kind.startswith("ViT") and picture not in ("wide.png", "high.png"):
                continue  # its class converts no other kind
            with Image.open(FOLDER / picture) as image:
                pixels = processor(image, return_tensors="np")["pixel_values"][0]
            found[f"{name}:{picture}"] = np.asarray(pixels, dtype=np.float32)
    return found


def main() -> None:
    """Write every file anew."""
    for name, (config_class, model_class, settings, (height, width)) in MODELS.items():
        model = build(config_class, model_class, settings)
        np.savez_compressed(FOLDER / f"{name}.npz", **stored(model), **answer(model, height, width))
    for name, image in pictures().items():
        image.save(FOLDER / name)
    np.savez_compressed(FOLDER / "preprocessing.npz", **preprocessed())


if __name__ == "__main__":
    main()
