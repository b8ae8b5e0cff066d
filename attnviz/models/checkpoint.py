"""A model's open files: its config, its arrays by name, its tokenizer. Nothing in them is ever executed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_there
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.families.registry import family_of
from attnviz.models.formats.files import check_file, read_json, read_side_json
from attnviz.models.formats.safetensors import INDEX, SafetensorsFile, ShardedSafetensors
from attnviz.models.formats.tensors import Tensors
from attnviz.models.locate import ModelLocation, is_gguf

if TYPE_CHECKING:
    from attnviz.models.formats.dequantize import CheckpointTensors
    from attnviz.models.formats.gguf import GgufFile
    from attnviz.models.formats.quantization import Quantization
    from attnviz.models.tokenizers.languages import LanguagePair
    from attnviz.models.tokenizers.tokenizer import TextTokenizer

CONVERT = (
    'python -c "import glob, torch, safetensors.torch as s; s.save_file('
    "{k: v.clone() for f in glob.glob('PICKLES') "
    "for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, 'model.safetensors')\""
)


# Where a checkpoint says that it is quantized: keys of its config, and files beside it (formats.quantization).
QUANTIZATION_KEYS = ("quantization_config", "compression_config", "quantization")
QUANTIZATION_FILES = ("quantize_config.json", "quant_config.json", "hf_quant_config.json")
_FLOATS = ("F32", "F16", "BF16", "F64")
_BUFFERS = ("position_ids", ".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias")
_ADAPTER = "adapter_config.json"
# Pickles of a training run that hold no weights.
_NO_WEIGHTS = ("optimizer", "scheduler", "rng_state", "training_args", "scaler")
# The config's keys that generation needs beside the settings.
_TOKEN_IDS = ("model_type", "decoder_start_token_id", "pad_token_id", "eos_token_id")


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint:
    """The files of one model.

    path: its folder or .gguf file. config: config.json's keys. tensors: its arrays by name. notes: what was done with
    them that a reader should know. languages: those of a text and of its translation, where they are chosen. The
    tokenizer and the generation settings are read when first used.
    """

    name: str
    path: Path
    config: Mapping[str, Any]
    tensors: Tensors
    gguf: GgufFile | None = None
    notes: tuple[Message, ...] = ()
    languages: LanguagePair | None = None

    @property
    def config_path(self) -> Path:
        """Return the file that holds the config."""
        return self.path if self.gguf is not None else self.path / "config.json"

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        """Return what cuts a text into this model's tokens; raises InputError where there is none."""
        if self.gguf is None:
            from attnviz.models.tokenizers.open import open_tokenizer

            return open_tokenizer(self.path, self.config, None if self.languages is None else self.languages.source)
        from attnviz.models.tokenizers.gguf import gguf_tokenizer

        return gguf_tokenizer(self.gguf)

    @cached_property
    def target_tokenizer(self) -> TextTokenizer:
        """Return what cuts the text that an encoder-decoder writes: Marian's target language has its own."""
        if self.gguf is None and is_there(self.path / "target.spm") and not is_there(self.path / "tokenizer.json"):
            from attnviz.models.tokenizers.added_tokens import read_token_settings
            from attnviz.models.tokenizers.legacy import marian_tokenizer

            return marian_tokenizer(self.path, "target.spm", read_token_settings(self.path))
        return self.tokenizer

    @cached_property
    def generation(self) -> Mapping[str, Any]:
        """Return the generation settings: those of generation_config.json where there is one, else of the config.

        Token ids that the file does not give are the config's; what a chosen language begins with counts before both.
        """
        settings = self._stored_generation()
        if self.languages is None or self.languages.target is None:
            return settings
        from attnviz.models.tokenizers.added_tokens import read_token_settings
        from attnviz.models.tokenizers.languages import target_rules

        values = read_token_settings(self.path).values
        return {**settings, **target_rules(self.languages.target, self.config, self.tokenizer, values)}

    def _stored_generation(self) -> Mapping[str, Any]:
        path = self.path / "generation_config.json"
        found = None if self.gguf is not None else read_side_json(path)
        if found is None:
            from attnviz.models.generate import with_defaults

            return with_defaults(self.config)
        ids = {name: self.config[name] for name in _TOKEN_IDS if name in self.config}
        return ids | {name: value for name, value in found.items() if value is not None}


def check_pieces(location: ModelLocation) -> None:
    """Raise InputError where a model that is cut into pieces has another SHA-256 than what is said beside them."""
    if location.sha256 is not None:
        from attnviz.models.split_files import check_sum, whole_name

        check_sum(whole_name(location.path), location.pieces, location.sha256)


def open_checkpoint(location: ModelLocation) -> Checkpoint:
    """Open the config and find the arrays, without reading them.

    Raises InputError, in one line that names the file: no config.json, no JSON, no weights, a pickle.
    """
    if is_gguf(location.path):
        from attnviz.models.formats.gguf import GgufFile
        from attnviz.models.formats.gguf_names import GgufTensors, config_of

        file = GgufFile(location.path, location.pieces)
        config, tensors = config_of(file), GgufTensors(file)
        notes = (unused_note(tensors.unknown, str(file.metadata["general.architecture"])),) if tensors.unknown else ()
        return Checkpoint(location.name, location.path, config, tensors, file, notes)
    config = read_json(location.path / "config.json", most=16 * 2**20)
    with naming_file(location.path / "config.json"):
        family_of(config)  # before anything else is judged: what is not computed need not be complete
    if not names_quantization(config, location.path):
        stored = open_weights(location.path)
        if _is_plain(stored):
            return Checkpoint(location.name, location.path, config, stored)
    return _open_quantized(location, config)


def names_quantization(config: Mapping[str, Any], folder: Path) -> bool:
    """Return whether a config, or a file beside it, says that the weights are quantized."""
    places = [config, config.get("text_config")]
    said = any(isinstance(place, Mapping) and place.get(key) for place in places for key in QUANTIZATION_KEYS)
    return said or any(is_there(folder / name) for name in QUANTIZATION_FILES)


def _is_plain(stored: SafetensorsFile | ShardedSafetensors) -> bool:
    """Return whether each array of a single file is of floats, as it is used, but for position numbers and masks."""
    return isinstance(stored, SafetensorsFile) and all(
        entry.dtype in _FLOATS or name.endswith(_BUFFERS) for name, entry in stored.entries.items()
    )


def _open_quantized(location: ModelLocation, config: Mapping[str, Any]) -> Checkpoint:
    """Open a checkpoint whose arrays may need to be converted, or refused; see formats.quantization."""
    from attnviz.models.formats.dequantize import CheckpointTensors
    from attnviz.models.formats.quantization import read_quantization, refuse_telling_tensors

    quantization = read_quantization(config, location.path)
    stored = open_weights(location.path)
    refuse_telling_tensors(stored, location.path)
    weights = CheckpointTensors(stored, quantization)
    notes = () if quantization is None else (_quantization_note(quantization, weights),)
    return Checkpoint(location.name, location.path, config, weights, notes=notes)


def unused_note(names: Collection[str], family: str) -> Message:
    """Return what is said of tensors of the computed layers that were not used; family: what it is called."""
    kinds = list(dict.fromkeys(re.sub(r"\d+", "*", name) for name in names))
    return message(
        "Not used, though they belong to the computed layers: {names} (tensors: {count}). {family} does not have them.",
        count=len(names),
        family=family,
        names=listed([*kinds[:3], *(["…"] if len(kinds) > 3 else [])]),
    )


def _quantization_note(quantization: Quantization, tensors: CheckpointTensors) -> Message:
    """Return what is said of a quantized checkpoint below its attention."""
    if not tensors.converted:
        return message(
            "The config says that the weights are quantized ({method}), but they are stored as floats and used as they "
            "are.",
            method=quantization.method,
        )
    if tensors.of_activations:
        return message(
            "Quantized weights ({method}) were converted to float32; activations stay float32, and their scales "
            "(tensors: {count}) are not used.",
            method=quantization.method,
            count=len(tensors.of_activations),
        )
    return message(
        "Quantized weights ({method}) were converted to float32; activations stay float32.", method=quantization.method
    )


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Name `path` in an InputError that is raised inside and names no file."""
    try:
        yield
    except InputError as error:
        raise error.about(path) from None


def open_weights(folder: Path) -> SafetensorsFile | ShardedSafetensors:
    """Open a folder's safetensors: model.safetensors, else its index, else the only such file."""
    if is_there(folder / _ADAPTER):
        from attnviz.models.other_layouts import refuse_adapter

        raise refuse_adapter(folder)  # transformers would load the base model that it names, and put it on top
    for name in ("model.safetensors", INDEX):
        if is_there(folder / name):
            return SafetensorsFile(folder / name) if name != INDEX else ShardedSafetensors(folder / name)
    found = sorted(folder.glob("*.safetensors"))
    if len(found) == 1:
        return SafetensorsFile(found[0])
    if found:
        raise InputError(
            "{path!r} has several .safetensors files and no {index}, which lists their contents.",
            path=str(folder),
            index=INDEX,
        )
    pickles = [
        file
        for pattern in ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
        for file in folder.glob(pattern)
        if not file.name.startswith(_NO_WEIGHTS)
    ]
    from attnviz.models.other_layouts import explain_folder

    other = None if any(file.name.startswith("pytorch_model") for file in pickles) else explain_folder(folder)
    if other is not None:
        raise other
    if pickles:
        check_file(sorted(pickles)[0])
        raise InputError(
            "{path!r} is a pickle, which can run any code when it is opened; safetensors were expected.",
            hint="Convert it in its folder, where torch is installed, with: {line}",
            path=str(sorted(pickles)[0]),
            line=CONVERT.replace("PICKLES", pickles[0].name if len(pickles) == 1 else f"*{pickles[0].suffix}"),
        )
    raise InputError("{path!r} has no weights: model.safetensors or a .gguf file was expected.", path=str(folder))
