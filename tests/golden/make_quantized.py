"""Write quantized.npz: small quantized weights, and what the library of their format makes of them.

For each case: the bytes of a safetensors file, the quantization_config, and each weight as float32, as computed by
compressed-tensors, bitsandbytes and transformers; the two formats of fp8 without a function of their own (fbgemm_fp8,
modelopt) by the product that their kernels take, in float64. PyTorch and these libraries are needed only here:

    python -m venv /tmp/quantizedvenv
    /tmp/quantizedvenv/bin/pip install torch==2.13.0 transformers==5.24.0 compressed-tensors==0.20.1
    /tmp/quantizedvenv/bin/pip install bitsandbytes==0.50.2
    /tmp/quantizedvenv/bin/python tests/golden/make_quantized.py
"""

from __future__ import annotations

import json
from pathlib import Path

import bitsandbytes
import numpy as np
import torch
from compressed_tensors.compressors.base import BaseCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import save
from transformers import LlamaForCausalLM
from transformers.integrations.finegrained_fp8 import Fp8Dequantize, _dequantize_fp8_weight
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

HERE = Path(__file__).parent
ROWS, COLUMNS, GROUP = 12, 64, 16
E4M3 = torch.float8_e4m3fn

# format, bits, kind, strategy, symmetric, columns
COMPRESSED = {
    "int8-channel": ("int-quantized", 8, "int", "channel", True, COLUMNS),
    "int8-tensor": ("int-quantized", 8, "int", "tensor", True, COLUMNS),
    "int8-group": ("int-quantized", 8, "int", "group", True, COLUMNS),
    "int8-channel-zero": ("int-quantized", 8, "int", "channel", False, COLUMNS),
    "int8-tensor-zero": ("int-quantized", 8, "int", "tensor", False, COLUMNS),
    "int8-group-zero": ("int-quantized", 8, "int", "group", False, COLUMNS),
    "packed4-group": ("pack-quantized", 4, "int", "group", True, COLUMNS),
    "packed4-group-zero": ("pack-quantized", 4, "int", "group", False, COLUMNS),
    "packed4-channel-odd": ("pack-quantized", 4, "int", "channel", True, 37),
    "packed4-channel-zero": ("pack-quantized", 4, "int", "channel", False, 37),
    "packed8-channel": ("pack-quantized", 8, "int", "channel", True, 37),
    "packed8-group-zero": ("pack-quantized", 8, "int", "group", False, COLUMNS),
    "packed2-group": ("pack-quantized", 2, "int", "group", True, COLUMNS),
    "float8-tensor": ("float-quantized", 8, "float", "tensor", True, COLUMNS),
    "float8-channel": ("float-quantized", 8, "float", "channel", True, COLUMNS),
    "float8-block": ("float-quantized", 8, "float", "block", True, COLUMNS),
}


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return random numbers, a few of them large."""
    found = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return found * torch.where(found > 2, 5.0, 1.0)


def compressed(name: str) -> tuple[dict, dict, dict]:
    """Return the tensors that compressed-tensors stores, its config, and the weight that it makes of them."""
    layout, bits, kind, strategy, symmetric, columns = COMPRESSED[name]
    arguments = QuantizationArgs(
        num_bits=bits,
        type=kind,
        strategy=strategy,
        symmetric=symmetric,
        group_size=GROUP if strategy == "group" else None,
        block_structure=[4, 16] if strategy == "block" else None,
    )
    scheme = QuantizationScheme(targets=["Linear"], weights=arguments, format=layout)
    weight = numbers(ROWS, columns) + (0 if symmetric else 0.7)
    parts = {
        "tensor": weight.reshape(1, -1),
        "channel": weight,
        "group": weight.reshape(ROWS, -1, GROUP) if strategy == "group" else weight,
        "block": weight.reshape(ROWS // 4, 4, -1, 16).swapaxes(1, 2).flatten(2) if strategy == "block" else weight,
    }[strategy]
    scale, zero_point = calculate_qparams(parts.amin(-1), parts.amax(-1), arguments)
    if strategy == "channel":
        scale, zero_point = scale[:, None], zero_point[:, None]
    state = {"weight": weight, "weight_scale": scale}
    if not symmetric:
        state["weight_zero_point"] = zero_point.to(torch.int8)
    compressor = BaseCompressor.get_value_from_registry(layout)
    stored = compressor.compress(state, scheme)
    expected = compressor.decompress(stored, scheme)["weight"]
    weights = json.loads(arguments.model_dump_json())
    config = {
        "quant_method": "compressed-tensors",
        "format": layout,
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
    }
    return stored, config, {"weight": expected}


def int8() -> tuple[dict, dict, dict]:
    """Return what bitsandbytes stores of LLM.int8(), and the weight that it makes of it."""
    weight, scale, _ = bitsandbytes.functional.int8_vectorwise_quant(numbers(ROWS, COLUMNS).to(torch.float16))
    stored = {"weight": weight, "SCB": scale, "weight_format": torch.tensor(0, dtype=torch.uint8)}
    expected = bitsandbytes.functional.int8_vectorwise_dequant(weight, scale)
    return stored, {"quant_method": "bitsandbytes", "load_in_8bit": True, "load_in_4bit": False}, {"weight": expected}


def finegrained(rows: int, columns: int, block: tuple[int, int] | None) -> tuple[dict, dict, dict]:
    """Return a weight as DeepSeek-V3 and Qwen3 store it in fp8, and what transformers makes of it."""
    weight = numbers(rows, columns).to(E4M3)
    grid = (1,) if block is None else (-(-rows // block[0]), -(-columns // block[1]))
    scale = numbers(*grid, seed=1).abs() / 100
    stored = {"weight": weight, "weight_scale_inv": scale}
    expected = _dequantize_fp8_weight(weight, scale, block, torch.float32)
    config = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": block and list(block)}
    return stored, config, {"weight": expected}


def exponents() -> tuple[dict, dict, dict]:
    """Return a weight of MXFP8, whose scales are exponents of 2, and what transformers makes of it."""
    weight = numbers(ROWS, COLUMNS).to(E4M3)
    scale = torch.randint(
        110, 130, (ROWS, COLUMNS // 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )
    expected = Fp8Dequantize(None)._dequantize_one(weight, scale, torch.float32)
    config = {"quant_method": "mxfp8", "weight_block_size": [1, 32]}
    return {"weight": weight, "weight_scale_inv": scale}, config, {"weight": expected}


def product(config: dict, per_row: bool) -> tuple[dict, dict, dict]:
    """Return a weight of float8 with a scale for all or one a row, and their product."""
    weight = numbers(ROWS, COLUMNS).to(E4M3)
    scale = (numbers(ROWS, 1, seed=1) if per_row else numbers(1, seed=1)[0]).abs() / 50
    expected = (weight.double() * scale.double()).float()
    return {"weight": weight, "weight_scale": scale, "input_scale": torch.tensor(0.5)}, config, {"weight": expected}


def mxfp4() -> tuple[dict, dict, dict]:
    """Return experts as gpt-oss stores them, and what transformers makes of them."""
    random = torch.Generator().manual_seed(3)
    blocks = torch.randint(0, 256, (3, 10, 2, 16), dtype=torch.uint8, generator=random)
    scales = torch.randint(115, 130, (3, 10, 2), dtype=torch.uint8, generator=random)
    expected = convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)
    return {"weight_blocks": blocks, "weight_scales": scales}, {"quant_method": "mxfp4"}, {"weight": expected}


def whole_model() -> tuple[bytes, str, np.ndarray]:
    """Return a tiny Llama with int8 layers as a file, its config, and what transformers computes with its weights."""
    folder = HERE / "models" / "llama"
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    arguments = QuantizationArgs(num_bits=8, type="int", strategy="channel", symmetric=True)
    scheme = QuantizationScheme(targets=["Linear"], weights=arguments, format="int-quantized")
    compressor = BaseCompressor.get_value_from_registry("int-quantized")
    stored = dict(model.state_dict())
    for name, layer in model.named_modules():
        if name.endswith("_proj"):
            weight = layer.weight.detach()
            scale, _ = calculate_qparams(weight.amin(1), weight.amax(1), arguments)
            parts = compressor.compress({"weight": weight, "weight_scale": scale[:, None]}, scheme)
            layer.weight.data = compressor.decompress(parts, scheme)["weight"]
            stored.update({f"{name}.{part}": tensor for part, tensor in parts.items()})
    ids = torch.tensor(np.load(folder / "answers.npz")["text0_ids"])[None]
    with torch.no_grad():
        found = model(ids, output_attentions=True).attentions
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": "compressed-tensors", "format": "int-quantized"}
    stored = {name: tensor.contiguous().clone() for name, tensor in stored.items()}
    return save(stored), json.dumps(config), torch.stack(found)[:, 0].numpy()


def main() -> None:
    """Write the file."""
    cases = {name: compressed(name) for name in COMPRESSED}
    cases["bitsandbytes"] = int8()
    cases["fp8-block"] = finegrained(20, 48, (8, 16))
    cases["fp8-block-odd"] = finegrained(21, 43, (8, 16))
    cases["fp8-tensor"] = finegrained(20, 48, None)
    cases["mxfp8"] = exponents()
    cases["fbgemm"] = product({"quant_method": "fbgemm_fp8", "activation_scale_ub": 1200.0}, per_row=True)
    cases["modelopt"] = product({"quant_method": "modelopt", "quant_algo": "FP8"}, per_row=False)
    cases["mxfp4"] = mxfp4()
    found = {}
    for name, (stored, config, expected) in cases.items():
        named = {f"layer.{part}": tensor.contiguous() for part, tensor in stored.items()}
        found[f"{name}/file"] = np.frombuffer(save(named), dtype=np.uint8)
        found[f"{name}/config"] = np.array(json.dumps(config))
        found[f"{name}/weight"] = expected["weight"].float().numpy()
    codes = torch.arange(256, dtype=torch.uint8)
    for kind in ("float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu"):
        found[f"codes/{kind}"] = codes.view(getattr(torch, kind)).float().numpy()
    file, config, weights = whole_model()
    found |= {
        "llama/file": np.frombuffer(file, dtype=np.uint8),
        "llama/config": np.array(config),
        "llama/weights": weights,
    }
    np.savez_compressed(HERE / "quantized.npz", **found)


if __name__ == "__main__":
    main()
