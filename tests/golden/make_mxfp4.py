"""Write mxfp4.npz: a tiny gpt-oss whose experts are in MXFP4, and what transformers computes with it.

/tmp/modelsvenv/bin/python tests/golden/make_mxfp4.py
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import torch
from safetensors.torch import save, save_file
from transformers import GptOssConfig, GptOssForCausalLM, Mxfp4Config

HERE = Path(__file__).parent
KEPT = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]


def whole_gpt_oss() -> tuple[bytes, str, dict[str, np.ndarray]]:
    """Return a tiny gpt-oss with experts in MXFP4 as a file, its config, and what transformers computes with it.

    transformers opens the folder with Mxfp4Config(dequantize=True), in bfloat16 first: the other weights are rounded
    to it here, so that nothing is lost.
    """
    config = GptOssConfig(
        vocab_size=23,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        intermediate_size=32,
        num_local_experts=3,
        num_experts_per_tok=2,
        sliding_window=3,
        max_position_embeddings=40,
        rope_parameters={"rope_type": "default", "rope_theta": 300.0},
        attn_implementation="eager",
    )
    torch.manual_seed(20240607)
    model, random = GptOssForCausalLM(config), torch.Generator().manual_seed(5)
    stored = {}
    for name, tensor in model.state_dict().items():
        if name.endswith(("gate_up_proj", "down_proj")):
            experts, inputs, outputs = tensor.shape
            stored[f"{name}_blocks"] = torch.randint(
                0, 256, (experts, outputs, inputs // 32, 16), dtype=torch.uint8, generator=random
            )
            stored[f"{name}_scales"] = torch.randint(
                120, 125, (experts, outputs, inputs // 32), dtype=torch.uint8, generator=random
            )
        else:
            centre = 1.0 if "norm" in name else 0.0
            stored[name] = (torch.randn(tensor.shape, generator=random) * 0.25 + centre).bfloat16()
    settings = json.loads(config.to_json_string()) | {"architectures": ["GptOssForCausalLM"]}
    settings["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": KEPT}
    with tempfile.TemporaryDirectory() as folder:
        save_file(stored, f"{folder}/model.safetensors", metadata={"format": "pt"})
        Path(folder, "config.json").write_text(json.dumps(settings))
        given = {"attn_implementation": "eager", "experts_implementation": "eager", "dtype": torch.float32}
        opened = GptOssForCausalLM.from_pretrained(folder, quantization_config=Mxfp4Config(dequantize=True), **given)
    ids = torch.arange(3, 12)[None]
    with torch.no_grad():
        out = opened.float().eval()(ids, output_attentions=True)
    weights = torch.stack(out.attentions)[:, 0].numpy()
    sink = 1 - weights.sum(axis=-1, keepdims=True)
    answers = {
        "ids": ids[0].numpy(),
        "weights": np.concatenate([weights, sink], axis=-1),
        "logits": out.logits[0].numpy(),
    }
    return save(stored), json.dumps(settings), answers


def main() -> None:
    """Write the file."""
    file, config, answers = whole_gpt_oss()
    np.savez_compressed(
        HERE / "mxfp4.npz", checkpoint=np.frombuffer(file, dtype=np.uint8), config=np.array(config), **answers
    )


if __name__ == "__main__":
    main()
