"""Open a model folder's tokenizer, from tokenizer.json or from older files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError
from attnviz.core.read_file import is_there
from attnviz.models.formats.files import LARGEST_JSON, check_file, map_bytes, text_of
from attnviz.models.tokenizers.added_tokens import TokenSettings, add_tokens, read_token_settings
from attnviz.models.tokenizers.classes import CLASS_ENDS, LANGUAGES, adds_again, check_json_class, class_of
from attnviz.models.tokenizers.tokenizer import TextTokenizer, call_library, load_library, note_ends_in_4, set_ends

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
        return _from_json(folder / "tokenizer.json", config, settings)
    from attnviz.models.tokenizers.legacy import from_older_files

    return from_older_files(folder, config, settings)


def _from_json(path: Path, config: Mapping[str, Any], settings: TokenSettings) -> TextTokenizer:
    notes = check_json_class(path.parent, config, settings.values)
    tokenizers = load_library()
    check_file(path, LARGEST_JSON)
    tokenizer = call_library(str(path), lambda: tokenizers.Tokenizer.from_file(str(path)))
    tokenizer.no_padding()  # it would stand among the ends of a text
    unknown = call_library(str(path), lambda: _unknown_piece(tokenizer, settings.values, path))
    _follow_bert_settings(tokenizer, settings.values)
    name = class_of(config, settings.values)
    call_library(str(path), lambda: add_tokens(tokenizer, settings, again=adds_again(name, config)))
    call_library(str(path), lambda: _follow_class(tokenizer, name, settings.values))
    found = TextTokenizer(tokenizer, str(path), unknown=unknown, notes=notes)
    return found.with_notes(*note_ends_in_4(found, name, settings.values))


def _unknown_piece(tokenizer: Tokenizer, settings: Mapping[str, Any], path: Path) -> str | None:
    """Return the piece for what is not in the vocabulary; None where bytes stand in for it."""
    model = tokenizer.model
    kind = type(model).__name__
    if kind == "Unigram":
        found = _UNKNOWN_ID.search(map_bytes(path).data)  # the object does not tell it
        return text_of(settings, "unk_token") if found is None else tokenizer.id_to_token(int(found[1]))
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


def _follow_class(tokenizer: Tokenizer, name: str | None, settings: Mapping[str, Any]) -> None:
    """Put around a text what transformers 5 puts there for this class; for most, what tokenizer.json says.

    The flags add_bos_token and add_eos_token count for no tokenizer.json (tokenization_utils_base.py takes them out).
    """
    if name in LANGUAGES:
        _put_language(tokenizer, name, settings)
    if name not in CLASS_ENDS:
        return
    begin, end = (None if one is None else text_of(settings, f"{one[0]}_token") or one[1] for one in CLASS_ENDS[name])
    pieces = [piece for piece in (begin, end) if piece is not None]
    if tokenizer.encode("").tokens == pieces or any(tokenizer.token_to_id(piece) is None for piece in pieces):
        return
    if len(pieces) == 2:
        from attnviz.models.tokenizers.legacy import set_pair_ends

        set_pair_ends(tokenizer, begin, end, doubled=name == "RobertaTokenizer", segments=name == "BertTokenizer")
    else:
        set_ends(tokenizer, begin, end)


def _put_language(tokenizer: Tokenizer, name: str, settings: Mapping[str, Any]) -> None:
    """Put the source language's token and the end token around a text; legacy_behaviour puts both after it."""
    from tokenizers import processors

    default, before = LANGUAGES[name]
    language, end = text_of(settings, "src_lang") or default, text_of(settings, "eos_token") or "</s>"
    pieces = [(piece, tokenizer.token_to_id(piece)) for piece in (language, end)]
    missing = next((piece for piece, number in pieces if number is None), None)
    if missing is not None:
        raise InputError("The tokenizer has no {piece!r}, which ends a text.", piece=missing)
    before = before and settings.get("legacy_behaviour") is not True
    first, last = ([language], [end]) if before else ([], [end, language])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[*first, "$A", *last], pair=[*first, "$A", "$B", *last], special_tokens=pieces
    )
