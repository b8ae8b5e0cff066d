"""Open a model folder's tokenizer, from tokenizer.json or from older files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.read_file import is_file
from attnviz.models.formats.files import read_json, text_of
from attnviz.models.tokenizers.tokenizer import TextTokenizer, call_library, load_library, set_ends

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SETTINGS = ("special_tokens_map.json", "tokenizer_config.json")


def open_tokenizer(folder: Path, config: Mapping[str, Any]) -> TextTokenizer:
    """Open a folder's tokenizer: tokenizer.json, vocab.txt, vocab.json with merges.txt, or SentencePiece.

    Raises InputError, in one line, where there is none, or where its files cannot be read.
    """
    load_library()
    settings: dict[str, Any] = {}
    for name in _SETTINGS:
        if is_file(folder / name):
            settings |= read_json(folder / name)
    if is_file(folder / "tokenizer.json"):
        return _from_json(folder / "tokenizer.json", settings)
    from attnviz.models.tokenizers.legacy import from_older_files

    return from_older_files(folder, config, settings)


def _from_json(path: Path, settings: Mapping[str, Any]) -> TextTokenizer:
    tokenizers = load_library()
    tokenizer = call_library(str(path), lambda: tokenizers.Tokenizer.from_file(str(path)))
    unknown = call_library(str(path), lambda: _unknown_piece(tokenizer, settings))
    _follow_bert_settings(tokenizer, settings)
    _follow_added_ends(tokenizer, settings)
    return TextTokenizer(tokenizer, str(path), unknown=unknown)


def _unknown_piece(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> str | None:
    """Return the piece for what is not in the vocabulary; None where bytes stand in for it."""
    model = tokenizer.model
    kind = type(model).__name__
    if kind == "Unigram":
        found = getattr(model, "unk_id", None)
        return tokenizer.id_to_token(found) if isinstance(found, int) else text_of(settings, "unk_token")
    return getattr(model, "unk_token", None)


def _follow_bert_settings(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> None:
    """Apply tokenizer_config.json's do_lower_case and the like over tokenizer.json, as transformers does."""
    from tokenizers import normalizers

    names = {
        "do_lower_case": "lowercase",
        "tokenize_chinese_chars": "handle_chinese_chars",
        "strip_accents": "strip_accents",
    }
    given = {ours: settings[theirs] for theirs, ours in names.items() if isinstance(settings.get(theirs), bool)}
    if isinstance(tokenizer.normalizer, normalizers.BertNormalizer):
        for name, value in given.items():
            setattr(tokenizer.normalizer, name, value)


def _follow_added_ends(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> None:
    """Put the begin or end token where tokenizer_config.json's add_bos_token or add_eos_token says so."""
    if not isinstance(settings.get("add_bos_token"), bool) and not isinstance(settings.get("add_eos_token"), bool):
        return
    ends = [
        text_of(settings, f"{end}_token") if settings.get(f"add_{end}_token") is True else None
        for end in ("bos", "eos")
    ]
    if tokenizer.encode("").tokens != [piece for piece in ends if piece is not None]:
        set_ends(tokenizer, *ends)
