"""Models from the hub, through huggingface-hub: only the needed files, with its progress bar."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from attnviz.core.errors import InputError, MissingError
from attnviz.i18n.messages import listed
from attnviz.models.hub_name import HubName

# The files beside the weights: how the model is built, and how it cuts a text.
SMALL_FILES = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "source.spm",
    "target.spm",
    "generation_config.json",
)
_SECONDS = 10


def fetch_model(wanted: HubName) -> Path:
    """Fetch a model's files, and return its folder in the local cache; InputError says why it cannot be fetched."""
    try:
        import huggingface_hub
    except ImportError:
        raise MissingError(
            "--download needs the extra [models].",
            hint="In the project's folder, install it with: pip install '.[models]'.",
        ) from None
    try:
        there = huggingface_hub.HfApi().model_info(wanted.name, revision=wanted.revision, timeout=_SECONDS)
        files = choose_files([one.rfilename for one in there.siblings or ()], wanted)
        return Path(huggingface_hub.snapshot_download(wanted.name, revision=there.sha, allow_patterns=files))
    except InputError:
        raise
    except Exception as error:  # whatever the network, the hub or its client says, the reader gets one line
        raise _not_fetched(wanted, error) from None


def choose_files(there: list[str], wanted: HubName) -> list[str]:
    """Return the needed files of a hub model: its safetensors, or one .gguf, and the small files beside them."""
    small = [name for name in there if name in SMALL_FILES]
    quantized = [name for name in there if name.endswith(".gguf")]
    if wanted.file is not None:
        parts = [name for name in quantized if name == wanted.file or fnmatch(name, _other_parts(wanted.file))]
        if not parts:
            raise InputError(
                "{name!r} has no file {file!r}; it has {files}.",
                name=wanted.name,
                file=wanted.file,
                files=listed(quantized) if quantized else "-",
            )
        return parts
    if "model.safetensors" in there:
        return ["model.safetensors", *small]
    if "model.safetensors.index.json" in there:
        shards = [name for name in there if fnmatch(name, "model-*-of-*.safetensors")]
        return ["model.safetensors.index.json", *shards, *small]
    only = [name for name in there if name.endswith(".safetensors") and "/" not in name]
    if len(only) == 1:
        return [*only, *small]
    if len(quantized) == 1:
        return quantized
    if quantized:
        raise InputError(
            "{name!r} has several .gguf files: {files}.",
            hint="Name one, for example {name}:{first}.",
            name=wanted.name,
            files=listed(quantized),
            first=quantized[0],
        )
    raise InputError(
        "{name!r} has neither safetensors nor a .gguf file on the hub; pickled weights are not read.", name=wanted.name
    )


def _other_parts(file: str) -> str:
    """Return a pattern for all parts of a split .gguf file."""
    import re

    return re.sub(r"-\d{5}-of-(\d{5})\.gguf$", r"-*-of-\1.gguf", file)


def _not_fetched(wanted: HubName, error: Any) -> InputError:
    """Return the error that a reader gets for an exception of the hub's client."""
    kind = type(error).__name__
    revision = wanted.revision or "main"
    if kind in ("RepositoryNotFoundError", "HFValidationError"):
        return InputError("The hub has no model {name!r} that may be read.", name=wanted.name)
    if kind == "RevisionNotFoundError":
        return InputError("{name!r} has no revision {revision!r}.", name=wanted.name, revision=revision)
    if kind == "GatedRepoError":
        return InputError(
            "{name!r} is available only to those who accepted its terms.",
            hint="Accept them on its page, then: hf auth login.",
            name=wanted.name,
        )
    if kind == "OfflineModeIsEnabled" or "offline" in str(error).lower():
        return InputError("{name!r} cannot be downloaded: HF_HUB_OFFLINE is set.", name=wanted.name)
    return InputError(
        "{name!r} cannot be downloaded: the hub does not answer ({reason}).",
        hint="Check the network, or give a folder or a .gguf file.",
        name=wanted.name,
        reason=" ".join((str(error) or kind).split())[:120],
    )
