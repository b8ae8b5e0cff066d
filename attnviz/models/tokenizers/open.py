"""Open a model folder's tokenizer, from tokenizer.json or from older files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.read_file import is_there
from attnviz.i18n.messages import message
from attnviz.models.formats.files import check_names_of, map_bytes, text_of
from attnviz.models.tokenizers.added_tokens import SPLIT_SPECIAL, TokenSettings, add_tokens, read_token_settings
from attnviz.models.tokenizers.class_settings import follow_class
from attnviz.models.tokenizers.classes import adds_again, check_json_class, class_in_5, class_of
from attnviz.models.tokenizers.tokenizer import TextTokenizer, call_library, load_library, note_ends_in_4

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_UNKNOWN_ID = re.compile(rb'(?<!\\)"unk_id"\s*:\s*(\d{1,9})')


def open_tokenizer(folder: Path, config: Mapping[str, Any], source_language: str | None = None) -> TextTokenizer:
    """Open a folder's tokenizer: tokenizer.json, vocab.txt, vocab.json with merges.txt, or SentencePiece.

    source_language: of a translator between many languages, in place of the src_lang of its settings.
    Raises InputError, in one line, where there is none, where its files cannot be read, or where its tokenizer class is
    not known to cut a text as they say.
    """
    load_library()
    settings = read_token_settings(folder)
    if source_language is not None:
        settings = settings._replace(values={**settings.values, "src_lang": source_language})
    if is_there(folder / "tokenizer.json"):
        found = _from_json(folder / "tokenizer.json", config, settings)
    else:
        from attnviz.models.tokenizers.legacy import from_older_files

        found = from_older_files(folder, config, settings)
    if settings.values.get(SPLIT_SPECIAL) is True:
        return found.with_notes(
            message(
                "{setting} in tokenizer_config.json: special tokens in a text are cut like words.",
                setting=SPLIT_SPECIAL,
            )
        )
    return found


def _from_json(path: Path, config: Mapping[str, Any], settings: TokenSettings) -> TextTokenizer:
    notes = check_json_class(path.parent, config, settings.values)
    tokenizers = load_library()
    check_names_of(path)
    tokenizer = call_library(str(path), lambda: tokenizers.Tokenizer.from_file(str(path)))
    tokenizer.no_padding()  # it would stand among the ends of a text
    unknown = call_library(str(path), lambda: _unknown_piece(tokenizer, settings.values, path))
    name = class_in_5(config, settings.values)
    call_library(str(path), lambda: add_tokens(tokenizer, settings, again=adds_again(name)))
    notes += call_library(str(path), lambda: follow_class(tokenizer, name, settings.values))
    found = TextTokenizer(tokenizer, str(path), unknown=unknown, notes=notes)
    return found.with_notes(*note_ends_in_4(found, class_of(config, settings.values), settings.values))


def _unknown_piece(tokenizer: Tokenizer, settings: Mapping[str, Any], path: Path) -> str | None:
    """Return the piece for what is not in the vocabulary; None where bytes stand in for it."""
    model = tokenizer.model
    kind = type(model).__name__
    if kind == "Unigram":
        found = _UNKNOWN_ID.search(map_bytes(path).data)  # the object does not tell it
        return text_of(settings, "unk_token") if found is None else tokenizer.id_to_token(int(found[1]))
    return getattr(model, "unk_token", None)
