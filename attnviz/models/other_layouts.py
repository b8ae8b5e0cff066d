"""Folders and files that hold something other than a whole checkpoint: what they are, and the next step.

An adapter needs its base model, a sentence-transformers folder of old keeps its model in a folder inside, and other
frameworks have formats of their own. Nothing in them is opened but small JSON files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from attnviz.core.errors import InputError
from attnviz.core.read_file import LONGEST_POINTER, is_file, is_there, refuse_pointer, why_no_json
from attnviz.i18n.messages import Message, message
from attnviz.models.formats.files import read_json, read_side_file

ADAPTER = "adapter_config.json"
_SMALL = 2**20

_ORIGINAL = message("Give the checkpoint that it was made from, as transformers saves it.")
_GGUF = message("Give a .gguf file, or the original checkpoint.")
_FOLDER = message("Give the folder with config.json and the weights.")
_FROM_TENSORFLOW = message(
    "Convert them where transformers 4 and TensorFlow are installed, in Python: "
    "AutoModel.from_pretrained({path!r}, from_tf=True).save_pretrained({path!r})"
)
_FROM_FLAX = message(
    "Convert them where transformers 4 and Flax are installed, in Python: "
    "AutoModel.from_pretrained({path!r}, from_flax=True).save_pretrained({path!r})"
)


class Layout(NamedTuple):
    """A layout that is not read: the files that tell it, what it is called, and what to do."""

    files: tuple[str, ...]
    written: Message
    hint: Message


# The first that is there counts. A star stands for any part of a name.
LAYOUTS = (
    Layout(
        ("model_index.json",),
        message("a diffusers pipeline"),
        message("Give the folder of one of its models, such as text_encoder."),
    ),
    Layout(("open_clip_config.json", "open_clip_*.bin"), message("an open_clip model"), _ORIGINAL),
    Layout(
        ("consolidated.*", "params.json"),
        message("a checkpoint as Meta or Mistral lays it out"),
        message("Convert it with the script convert_llama_weights_to_hf.py of transformers."),
    ),
    Layout(
        ("dict.*txt", "dict.*txt.gz"),
        message("a fairseq checkpoint"),
        message("Convert it with the script that transformers has for its family."),
    ),
    Layout(("tf_model.h5", "tf_model-*.h5"), message("TensorFlow weights"), _FROM_TENSORFLOW),
    Layout(("flax_model.msgpack", "flax_model-*.msgpack"), message("Flax weights"), _FROM_FLAX),
    Layout(
        ("*.ckpt.index", "*.ckpt.meta", "saved_model.pb", "*.keras", "*.tflite"),
        message("a TensorFlow model"),
        _ORIGINAL,
    ),
    Layout(("rust_model.ot",), message("weights for rust-bert"), _ORIGINAL),
    Layout(("*.onnx", "onnx/*.onnx"), message("an ONNX model"), _ORIGINAL),
    Layout(("openvino_model.xml",), message("an OpenVINO model"), _ORIGINAL),
    Layout(("*.mlpackage", "*.mlmodel"), message("a Core ML model"), _ORIGINAL),
    Layout(("weights.npz", "weights.*.npz"), message("an MLX model"), _ORIGINAL),
    Layout(("*.nemo", "model_config.yaml"), message("a NeMo model"), _ORIGINAL),
    Layout(("shared_vocabulary.*", "source_vocabulary.*"), message("a CTranslate2 model"), _ORIGINAL),
    Layout(("*.engine", "*.trt"), message("a TensorRT engine"), _ORIGINAL),
    Layout(("ggml-*.bin", "ggml_*.bin"), message("a ggml file from before GGUF"), _GGUF),
)

# The first bytes of files, as they stand: ggml's magic numbers are written backwards.
_MAGIC = {
    b"GGUF": (message("a GGUF file under another name"), message("Name it .gguf.")),
    **dict.fromkeys((b"lmgg", b"fmgg", b"tjgg"), (message("a ggml file from before GGUF"), _GGUF)),
    b"algg": (message("an adapter in ggml's old format"), message("Give the model that it was merged into.")),
    b"PK\x03\x04": (message("a zip archive or a pickle of PyTorch"), _FOLDER),
    b"\x89HDF": (message("an HDF5 file"), _FOLDER),
}

# peft's class for a task; it knows which head the base model has.
_PEFT = {
    "CAUSAL_LM": "AutoPeftModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoPeftModelForSeq2SeqLM",
    "SEQ_CLS": "AutoPeftModelForSequenceClassification",
    "TOKEN_CLS": "AutoPeftModelForTokenClassification",
}


def explain_folder(folder: Path) -> InputError | None:
    """Return the refusal of a folder that holds something other than a whole checkpoint; None where that is unknown."""
    if is_there(folder / ADAPTER):
        return refuse_adapter(folder)
    inside = _sentence_model(folder)
    if inside is not None:
        return InputError(
            "{path!r} is a sentence-transformers folder; its model is in {inside!r}.",
            hint="Give {whole!r}.",
            path=str(folder),
            inside=inside,
            whole=str(folder / inside),
        )
    for layout in LAYOUTS:
        if any(True for pattern in layout.files for _ in folder.glob(pattern)):
            return InputError(
                "{path!r} holds {what}, which attnviz does not read.",
                hint="{text}",
                text=replace(layout.hint, fields={"path": str(folder)}),
                path=str(folder),
                what=layout.written,
            )
    return None


def explain_file(path: Path) -> InputError | None:
    """Return the refusal of a file by its first bytes; None where they say nothing."""
    try:
        with path.open("rb") as file:
            start = file.read(LONGEST_POINTER)
    except OSError:
        return None
    refuse_pointer(path, start)
    beginning = start[:4]
    if beginning not in _MAGIC:
        return None
    what, hint = _MAGIC[beginning]
    return InputError(
        "{path!r} is {what}, which attnviz does not read.", hint="{text}", text=hint, path=str(path), what=what
    )


def refuse_adapter(folder: Path) -> InputError:
    """Return the refusal of an adapter, which names its base model and says how to merge it."""
    settings = read_json(folder / ADAPTER, most=_SMALL)
    base = settings.get("base_model_name_or_path")
    return InputError(
        "{path!r} holds an adapter ({kind}) for the model {base!r}, and not a whole model.",
        hint="Merge them where peft is installed, in Python: peft.{peft}.from_pretrained({path!r}).merge_and_unload()"
        '.save_pretrained("merged"). If the weights here are merged already, take adapter_config.json away.',
        path=str(folder),
        kind=str(settings.get("peft_type") or "?"),
        base=base if isinstance(base, str) and base else "?",
        peft=_PEFT.get(str(settings.get("task_type")), "AutoPeftModel"),
    )


def _sentence_model(folder: Path) -> str | None:
    """Return the folder inside a sentence-transformers folder that holds its model; None where there is none."""
    for name in _module_paths(folder):
        if name and ".." not in Path(name).parts and is_file(folder / name / "config.json"):
            return name
    return None


def _module_paths(folder: Path) -> Iterator[str]:
    """Yield where modules.json says that a transformer lies, then the names that versions without it used."""
    for module in _listed_modules(folder / "modules.json"):
        if isinstance(module, dict) and isinstance(module.get("path"), str) and not Path(module["path"]).is_absolute():
            yield module["path"]
    yield from ("0_Transformer", "0_BERT", "0_RoBERTa", "0_DistilBERT", "0_XLMRoBERTa", "0_MPNet", "0_T5")


def _listed_modules(path: Path) -> list[Any]:
    """Return the modules that a sentence-transformers folder lists; raises InputError where the file is no list."""
    if not is_there(path):
        return []
    data = read_side_file(path, _SMALL)
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError("{path!r} is not JSON: {reason}.", path=str(path), reason=why_no_json(error)) from None
    if not isinstance(found, list):
        raise InputError("{path!r} must hold a list of modules.", path=str(path))
    return found
