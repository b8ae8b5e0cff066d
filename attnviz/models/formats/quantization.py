"""Quantized checkpoints of transformers: which method a config names, and which of them are computed here.

A quantized weight is stored in few bits beside scales. Methods whose weights are a product of the stored numbers and
their scales are converted exactly (see formats.dequantize); every other method is refused by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from attnviz.core.errors import InputError
from attnviz.models.formats.files import read_side_json

# Files beside config.json that name a method: AutoGPTQ's, AutoAWQ's and NVIDIA ModelOpt's.
_BESIDE = {"quantize_config.json": "gptq", "quant_config.json": "awq", "hf_quant_config.json": "modelopt"}

# Methods that are converted to float32 exactly.
COMPUTED = ("bitsandbytes int8", "compressed-tensors", "fbgemm_fp8", "fp8", "modelopt FP8", "mxfp4", "mxfp8")

# What a method's authors call it, where that is not its name in configs.
_WRITTEN = {
    "aqlm": "AQLM",
    "auto-round": "AutoRound",
    "awq": "AWQ",
    "bitnet": "BitNet",
    "eetq": "EETQ",
    "exl2": "EXL2",
    "exl3": "EXL3",
    "fouroversix": "Four Over Six",
    "fp_quant": "FP-Quant",
    "gptq": "GPTQ",
    "higgs": "HIGGS",
    "hqq": "HQQ",
    "inc": "Intel Neural Compressor",
    "metal": "Metal",
    "mlx": "MLX",
    "nvfp4": "NVFP4",
    "quanto": "Quanto",
    "quark": "Quark",
    "sinq": "SINQ",
    "spqr": "SpQR",
    "vptq": "VPTQ",
}

# Families with linear layers that are stored [inputs, outputs], which bitsandbytes turns around.
_CONV1D = ("gpt2",)

# How many bits the packed integers may have that are unpacked here.
PACKED_BITS = (2, 4, 8)

# Formats of compressed-tensors whose weight is a stored integer or float8 times its scale.
_FORMATS = ("int-quantized", "float-quantized", "naive-quantized", "pack-quantized")

# Tensors that only one method has: the ends of their names.
_TELLING = {
    (".qweight", ".qzeros"): "GPTQ / AWQ",
    (".weight.absmax", ".weight.quant_map", ".weight.nested_absmax"): "bitsandbytes 4-bit",
    (".W_q",): "HQQ",
    (".codebooks", ".codes"): "AQLM",
    (".qscales",): "Quanto / EETQ",
}


class Quantization(NamedTuple):
    """How a checkpoint is quantized: the method, one of `COMPUTED`, and what the config says of it."""

    method: str
    settings: Mapping[str, Any]

    @property
    def block(self) -> tuple[int, int] | None:
        """Return the rows and columns that share a scale, where the config or the method gives them."""
        if self.method == "fp8" and "weight_block_size" not in self.settings:
            return 128, 128  # transformers' default (FineGrainedFP8Config)
        places = [self.settings.get("weight_block_size"), *(one.get("block_structure") for one in self.groups)]
        given = next((place for place in places if place), None)
        if isinstance(given, list | tuple) and len(given) == 2 and all(type(one) is int and one > 0 for one in given):
            return given[0], given[1]
        return None

    @property
    def groups(self) -> list[Mapping[str, Any]]:
        """Return what compressed-tensors says of the weights of each group of layers."""
        groups = self.settings.get("config_groups")
        each = groups.values() if isinstance(groups, Mapping) else ()
        found = [group.get("weights") for group in each if isinstance(group, Mapping)]
        return [weights for weights in found if isinstance(weights, Mapping)]

    @property
    def widths(self) -> set[int]:
        """Return how many columns share a scale, each number that the config or the method names; empty for none."""
        if self.method == "mxfp8":
            return {32}
        given = (weights.get("group_size") for weights in self.groups)
        return {size for size in given if type(size) is int and size > 0}

    @property
    def bits(self) -> set[int]:
        """Return the numbers of bits that compressed-tensors names for weights; empty where it names none."""
        return {weights["num_bits"] for weights in self.groups if type(weights.get("num_bits")) is int}


def read_quantization(config: Mapping[str, Any], folder: Path) -> Quantization | None:
    """Return how a folder's checkpoint is quantized, by its config or a file beside it; None where it is not.

    Raises InputError, which names the method, where it is not one of `COMPUTED`.
    """
    settings = _settings(config)
    if settings is None:
        for name, method in _BESIDE.items():
            found = read_side_json(folder / name, most=2**24)
            if found is not None:
                settings = {"quant_method": method, **_inner(found)}
                break
        else:
            return None
    method = _computed_method(settings, folder)
    if method == "bitsandbytes int8" and config.get("model_type") in _CONV1D:
        raise _refused(f"{method} of GPT-2", folder)
    return Quantization(method, settings)


def _settings(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the config's own words on quantization, also where they stand in the config of a multimodal's text."""
    for place in (config, config.get("text_config")):
        if not isinstance(place, Mapping):
            continue
        for key in ("quantization_config", "compression_config", "quantization"):
            found = place.get(key)
            if isinstance(found, Mapping) and found:
                guess = {"compression_config": "compressed-tensors", "quantization": "mlx"}.get(key)
                return {**({"quant_method": guess} if guess else {}), **_inner(found)}
    return None


def _inner(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings, with those that ModelOpt writes one level deeper."""
    inside = settings.get("quantization")
    return {**settings, **inside} if isinstance(inside, Mapping) else settings


def _computed_method(settings: Mapping[str, Any], folder: Path) -> str:
    """Return the method that settings describe, as `COMPUTED` has it; raises InputError for any other."""
    method = str(settings.get("quant_method") or _unnamed(settings)).lower()
    if method.startswith("bitsandbytes"):
        if settings.get("load_in_4bit") or "4bit" in method:
            raise _refused(f"bitsandbytes 4-bit ({settings.get('bnb_4bit_quant_type') or 'fp4'})", folder)
        return "bitsandbytes int8"
    if method in ("compressed-tensors", "compressed_tensors", "sparseml"):
        return _compressed_tensors(settings, folder)
    if method.startswith("modelopt"):
        algorithm = str(settings.get("quant_algo") or method.partition("_")[2] or "?").upper()
        if algorithm != "FP8":
            raise _refused(f"ModelOpt {algorithm}", folder)
        return "modelopt FP8"
    if method in COMPUTED:
        return method
    raise _refused(_WRITTEN.get(method, str(settings.get("quant_method") or method)), folder)


def _unnamed(settings: Mapping[str, Any]) -> str:
    """Return the method of settings without quant_method, as bitsandbytes, MLX and others write them."""
    if settings.get("load_in_8bit") or settings.get("load_in_4bit"):
        return "bitsandbytes"
    if "config_groups" in settings:
        return "compressed-tensors"
    if "zero_point" in settings and "w_bit" in settings:
        return "awq"
    if "bits" in settings and "desc_act" in settings:
        return "gptq"
    if "bits" in settings and "group_size" in settings:
        return "mlx"
    if "quant_algo" in settings:
        return "modelopt"
    return "an unnamed method"


def _compressed_tensors(settings: Mapping[str, Any], folder: Path) -> str:
    """Return compressed-tensors' name; raises InputError for a format or a part of it that is not computed."""
    groups = settings.get("config_groups")
    each = [group for group in groups.values() if isinstance(group, Mapping)] if isinstance(groups, Mapping) else []
    formats = {settings.get("format"), *(group.get("format") for group in each)} - {None, "mixed-precision", "dense"}
    wrong = sorted(str(one) for one in formats if one not in _FORMATS)
    sparse = settings.get("sparsity_config")
    if isinstance(sparse, Mapping) and sparse.get("format") not in (None, "dense"):
        wrong.append(str(sparse["format"]))
    for group in each:
        weights = group.get("weights")
        bits = weights.get("num_bits") if isinstance(weights, Mapping) else None
        if "pack-quantized" in (group.get("format"), settings.get("format")) and bits not in (None, *PACKED_BITS):
            wrong.append(f"{bits}-bit")
    if settings.get("transform_config"):
        wrong.append("transform_config")
    if settings.get("quantization_status") in ("initialized", "calibration"):
        wrong.append(str(settings["quantization_status"]))
    if wrong:
        raise _refused(f"compressed-tensors {', '.join(wrong)}", folder)
    return "compressed-tensors"


def refuse_telling_tensors(names: Iterable[str], folder: Path) -> None:
    """Raise InputError for tensors that only a quantization has that is not computed here, whatever the config says."""
    every = tuple(ending for endings in _TELLING for ending in endings)
    for name in names:
        if name.endswith(every):
            raise _refused(next(word for endings, word in _TELLING.items() if name.endswith(endings)), folder)


def _refused(written: str, folder: Path) -> InputError:
    return InputError(
        "{path!r} is quantized by {method}, which attnviz does not read.",
        hint="Give the checkpoint that it was made from, or a GGUF of it.",
        path=str(folder),
        method=written,
    )
