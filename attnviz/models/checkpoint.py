"""A model's files, opened: its config, its arrays by name, and its tokenizer. Nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError
from attnviz.models.families.config import LARGEST_NUMBER
from attnviz.models.formats.files import read_json
from attnviz.models.formats.safetensors import INDEX, SafetensorsFile, ShardedSafetensors
from attnviz.models.formats.tensors import Tensors
from attnviz.models.locate import Place, is_gguf

if TYPE_CHECKING:
    from attnviz.models.formats.gguf import GgufFile
    from attnviz.models.tokenizers.tokenizer import TextTokenizer

CONVERT = (
    'python -c "import glob, torch, safetensors.torch as s; s.save_file('
    "{k: v.clone() for f in glob.glob('PICKLES') "
    "for k, v in torch.load(f, map_location='cpu', weights_only=True).items()}, 'model.safetensors')\""
)


@dataclass(frozen=True)
class Checkpoint:
    """A model's name, where it lies, its config (config.json's keys) and its arrays; its tokenizer when first used."""

    name: str
    path: Path
    config: Mapping[str, Any]
    tensors: Tensors
    gguf: GgufFile | None = None

    @property
    def config_path(self) -> Path:
        """The file that the config is in."""
        return self.path if self.gguf is not None else self.path / "config.json"

    @cached_property
    def tokenizer(self) -> TextTokenizer:
        """What cuts a text into this model's tokens; InputError where there is none."""
        if self.gguf is None:
            from attnviz.models.tokenizers.open import open_tokenizer

            return open_tokenizer(self.path, self.config)
        from attnviz.models.tokenizers.gguf import gguf_tokenizer

        return gguf_tokenizer(self.gguf)

    @cached_property
    def target_tokenizer(self) -> TextTokenizer:
        """What cuts the text that an encoder-decoder writes: Marian's target language has its own."""
        if self.gguf is None and (self.path / "target.spm").is_file() and not (self.path / "tokenizer.json").is_file():
            from attnviz.models.tokenizers.legacy import marian_tokenizer

            return marian_tokenizer(self.path, "target.spm")
        return self.tokenizer


def open_checkpoint(place: Place) -> Checkpoint:
    """Open the config and find the arrays, without reading them.

    Raises InputError, in one line that names the file: no config.json, no JSON, absurd numbers, no weights, a pickle.
    """
    if is_gguf(place.path):
        from attnviz.models.formats.gguf import GgufFile
        from attnviz.models.formats.gguf_names import GgufTensors, config_of

        file = GgufFile(place.path)
        config = config_of(file)
        check_config(config, place.path)
        return Checkpoint(place.name, place.path, config, GgufTensors(file), file)
    config = read_json(place.path / "config.json", most=16 * 2**20)
    check_config(config, place.path / "config.json")
    return Checkpoint(place.name, place.path, config, open_weights(place.path))


def open_weights(folder: Path) -> SafetensorsFile | ShardedSafetensors:
    """The folder's safetensors: model.safetensors, else its index, else the only such file."""
    for name in ("model.safetensors", INDEX):
        if (folder / name).is_file():
            return SafetensorsFile(folder / name) if name != INDEX else ShardedSafetensors(folder / name)
    found = sorted(folder.glob("*.safetensors"))
    if len(found) == 1:
        return SafetensorsFile(found[0])
    if found:
        raise InputError(
            "{path!r} has several .safetensors files and no {index} that says what is where.",
            path=str(folder),
            index=INDEX,
        )
    pickles = [*folder.glob("pytorch_model*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth"), *folder.glob("*.ckpt")]
    if pickles:
        raise InputError(
            "{path!r} is a pickle, which could run anything when it is opened; safetensors were expected.",
            hint="Convert it in its folder, where torch is installed, with: {line}",
            path=str(sorted(pickles)[0]),
            line=CONVERT.replace("PICKLES", pickles[0].name if len(pickles) == 1 else f"*{pickles[0].suffix}"),
        )
    raise InputError("{path!r} has no weights: model.safetensors or a .gguf file was expected.", path=str(folder))


# The names that config.json's numbers have in the known families, and what they can be at most.
_COUNTS = {
    ("hidden_size", "n_embd", "d_model", "dim", "embedding_size", "word_embed_proj_dim"): 1_000_000,
    ("intermediate_size", "n_inner", "d_ff", "ffn_dim", "hidden_dim", "encoder_ffn_dim", "decoder_ffn_dim"): 10_000_000,
    ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"): 10_000,
    (
        "num_attention_heads",
        "n_head",
        "n_heads",
        "num_heads",
        "encoder_attention_heads",
        "decoder_attention_heads",
        "num_key_value_heads",
    ): 10_000,
    ("head_dim", "d_kv"): 100_000,
    ("max_position_embeddings", "n_positions", "n_ctx"): 10**9,
    ("vocab_size", "type_vocab_size", "relative_attention_num_buckets"): 10**8,
}
_MOST = {name: most for names, most in _COUNTS.items() for name in names}
_ZERO_ALLOWED = ("encoder_layers", "decoder_layers", "num_decoder_layers")
_OPTIONAL = ("n_inner", "head_dim", "n_ctx", "num_key_value_heads", "embedding_size", "word_embed_proj_dim")
_EPSILONS = ("layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps", "norm_eps")
_BASES = ("rope_theta", "rotary_emb_base")
_DIMS = ("hidden_size", "n_embd", "d_model", "dim")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads")


def check_config(config: Mapping[str, Any], file: Path) -> None:
    """Raise InputError for a number that cannot be: a string, a negative one, 10**12 layers, heads that do not fit."""
    for name, most in _MOST.items():
        value = config.get(name, 1)
        if value is None and name in _OPTIONAL:
            continue
        least = 0 if name in _ZERO_ALLOWED else 1
        if type(value) is not int or not least <= value <= most:
            raise InputError(
                "{path!r} says {name} = {value}; a whole number from {least} to {most} was expected.",
                path=str(file),
                name=name,
                value=_short(value),
                least=least,
                most=f"{most:,}",
            )
    for name in (*_EPSILONS, *_BASES):
        value = config.get(name, 1e-5)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST_NUMBER:
            raise InputError(
                "{path!r} says {name} = {value}; a number from 0 was expected.",
                path=str(file),
                name=name,
                value=_short(value),
            )
    _check_heads(config, file)


def _check_heads(config: Mapping[str, Any], file: Path) -> None:
    dim = next((config[name] for name in _DIMS if name in config), None)
    heads = next((config[name] for name in _HEADS if name in config), None)
    if dim and heads and dim % heads and not (config.get("head_dim") or config.get("d_kv")):
        raise InputError(
            "{path!r} says {heads} heads for {dim} dimensions, which they cannot share equally.",
            path=str(file),
            heads=heads,
            dim=dim,
        )
    groups = config.get("num_key_value_heads")
    if heads and groups and heads % groups:
        raise InputError(
            "{path!r} says {groups} key and value heads for {heads} heads, which cannot share them equally.",
            path=str(file),
            heads=heads,
            groups=groups,
        )


def _short(value: Any) -> str:
    written = repr(value)
    return written if len(written) <= 40 else written[:37] + "..."
