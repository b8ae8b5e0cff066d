"""The tokenizer of a .gguf file, rebuilt from its vocabulary with the tokenizers package.

tokenizer.ggml.model says which kind it is: gpt2 (byte-level BPE, whose cuts between words tokenizer.ggml.pre names),
llama (SentencePiece's BPE), t5 (its Unigram) or bert (WordPiece).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from attnviz.core.errors import InputError
from attnviz.i18n.messages import listed
from attnviz.models.formats.gguf import GgufFile, GgufStrings
from attnviz.models.tokenizers.gguf_pre import NOT_BYTE_LEVEL, PRE_TOKENIZERS
from attnviz.models.tokenizers.legacy import (
    GPT2,
    byte_fallback_tokenizer,
    byte_level_tokenizer,
    unigram_tokenizer,
    word_piece_tokenizer,
)
from attnviz.models.tokenizers.sentencepiece import (
    CONTROL,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    SentencePiece,
    VocabularyPiece,
)
from attnviz.models.tokenizers.tokenizer import TextTokenizer, call_library, load_library, set_ends


def gguf_tokenizer(file: GgufFile) -> TextTokenizer:
    """Build the tokenizer of a .gguf file; raises InputError where it has none, or one of an unknown kind."""
    load_library()
    kind = file.metadata.get("tokenizer.ggml.model")
    makers: dict[Any, Callable[[GgufFile, list[str]], TextTokenizer]] = {
        "gpt2": _byte_level,
        "llama": _sentencepiece,
        "t5": _unigram,
        "bert": _word_pieces,
    }
    if kind is None:
        raise InputError("{path!r} has no tokenizer.", path=str(file.path))
    if kind not in makers:
        raise InputError(
            "{path!r} has a tokenizer of the kind {kind!r}; supported: {known}.",
            hint="Give the folder that it was converted from, where tokenizer.json is.",
            path=str(file.path),
            kind=kind,
            known=listed(makers),
        )
    return makers[kind](file, _string_list(file, "tokens"))


def _string_list(file: GgufFile, key: str) -> list[str]:
    found = file.metadata.get(f"tokenizer.ggml.{key}")
    if not isinstance(found, GgufStrings):
        raise InputError("{path!r} has no {key}.", path=str(file.path), key=f"tokenizer.ggml.{key}")
    return found.read()


def _number_list(file: GgufFile, key: str, count: int, default: float) -> list[Any]:
    """Return one number a token; `default` for each where the file has none."""
    found = file.metadata.get(f"tokenizer.ggml.{key}")
    if found is None:
        return [default] * count
    if not isinstance(found, np.ndarray) or len(found) != count:
        raise InputError(
            "{path!r} must have {count} numbers in {key}, one a token.",
            path=str(file.path),
            count=count,
            key=f"tokenizer.ggml.{key}",
        )
    return list(found.tolist())


def _named_piece(file: GgufFile, tokens: list[str], *names: str) -> str | None:
    """Return the piece whose number the file gives under the first of these names that it has."""
    for name in names:
        number = file.metadata.get(f"tokenizer.ggml.{name}_token_id")
        if isinstance(number, int) and 0 <= number < len(tokens):
            return tokens[number]
    return None


def _flag(file: GgufFile, name: str, default: bool) -> bool:
    return bool(file.metadata.get(f"tokenizer.ggml.{name}", default))


def _end_pieces(file: GgufFile, tokens: list[str], begins: bool, ends: bool) -> tuple[str | None, str | None]:
    """Return the pieces around every text, as the file says, else as the kind of tokenizer has it."""
    begin = _named_piece(file, tokens, "bos") if _flag(file, "add_bos_token", begins) else None
    end = _named_piece(file, tokens, "eos") if _flag(file, "add_eos_token", ends) else None
    return begin, end


def _byte_level(file: GgufFile, tokens: list[str]) -> TextTokenizer:
    name = str(file.path)
    kind = file.metadata.get("tokenizer.ggml.pre") or "default"
    if file.metadata["general.architecture"] == "gpt2" and kind == "default":
        kind = "gpt-2"
    if kind in NOT_BYTE_LEVEL:
        raise InputError(
            "{path!r} cuts a text in the way {kind!r}, which is not supported here.",
            hint="Give the folder that it was converted from, where tokenizer.json is.",
            path=name,
            kind=kind,
        )
    if kind not in PRE_TOKENIZERS:
        raise InputError(
            "{path!r} cuts a text in the way {kind!r} (tokenizer.ggml.pre), which is not known here.",
            hint="Give the folder that it was converted from, where tokenizer.json is.",
            path=name,
            kind=kind,
        )
    merges = [line.split(" ", 1) for line in _string_list(file, "merges")]
    broken = next((index for index, pair in enumerate(merges) if len(pair) != 2), None)
    if broken is not None:
        raise InputError("{path!r} has a merge that is not a pair, number {index}.", path=name, index=broken)
    vocabulary = {piece: number for number, piece in enumerate(tokens)}
    chosen = PRE_TOKENIZERS[kind]
    tokenizer = byte_level_tokenizer(
        vocabulary,
        [(pair[0], pair[-1]) for pair in merges],
        name,
        None if chosen.cuts == (GPT2,) else chosen.cuts,
        ignore_merges=chosen.ignores_merges,
        composes=chosen.composes,
    )
    _add_marked(tokenizer, tokens, _number_list(file, "token_type", len(tokens), NORMAL))
    begin, end = _end_pieces(file, tokens, chosen.begins, False)
    if begin is not None or end is not None:
        set_ends(tokenizer, begin, end)
    return TextTokenizer(tokenizer, name)


def _add_marked(tokenizer: Any, tokens: list[str], kinds: list[Any]) -> None:
    """Add control tokens and users' tokens, which are never cut."""
    from tokenizers import AddedToken

    for special, kind in ((True, CONTROL), (False, USER_DEFINED)):
        marked = [
            AddedToken(piece, special=special, normalized=False)
            for piece, own in zip(tokens, kinds, strict=True)
            if own == kind
        ]
        tokenizer.add_special_tokens(marked) if special else tokenizer.add_tokens(marked)


def _vocabulary(file: GgufFile, tokens: list[str], *, is_bpe: bool) -> SentencePiece:
    scores = _number_list(file, "scores", len(tokens), 0.0)
    kinds = _number_list(file, "token_type", len(tokens), NORMAL)
    charsmap = file.metadata.get("tokenizer.ggml.precompiled_charsmap")
    return SentencePiece(
        tuple(VocabularyPiece(*each) for each in zip(tokens, scores, kinds, strict=True)),
        is_bpe=is_bpe,
        byte_fallback=is_bpe,
        charsmap=charsmap.tobytes() if isinstance(charsmap, np.ndarray) else b"",
        add_prefix=_flag(file, "add_space_prefix", True),
        collapses=_flag(file, "remove_extra_whitespaces", True),
    )


def _sentencepiece(file: GgufFile, tokens: list[str]) -> TextTokenizer:
    gemma = str(file.metadata["general.architecture"]).startswith("gemma")
    if gemma:  # runs of spaces stand there as spaces
        tokens = ["▁" * len(piece) if piece and not piece.strip(" ") else piece for piece in tokens]
    model = _vocabulary(file, tokens, is_bpe=True)
    begin, end = _end_pieces(file, tokens, True, False)
    return byte_fallback_tokenizer(
        model, str(file.path), begin, end, gemma=gemma, prepend=file.metadata["general.architecture"] == "phi3"
    )


def _unigram(file: GgufFile, tokens: list[str]) -> TextTokenizer:
    model = _vocabulary(file, tokens, is_bpe=False)
    unknown = _named_piece(file, tokens, "unknown") or model.unknown
    pieces = tuple(piece._replace(kind=UNKNOWN) if piece.text == unknown else piece for piece in model.pieces)
    model = replace(model, pieces=pieces)
    tokenizer = unigram_tokenizer(model.scored(), model, str(file.path))
    _add_marked(tokenizer, tokens, [CONTROL if piece.kind == UNKNOWN else piece.kind for piece in pieces])
    begins = file.metadata["general.architecture"] in ("bert", "jina-bert-v3")
    set_ends(tokenizer, *_end_pieces(file, tokens, begins, True))
    return TextTokenizer(tokenizer, str(file.path), unknown=unknown)


def _word_pieces(file: GgufFile, tokens: list[str]) -> TextTokenizer:
    """Build BERT's WordPiece, where ▁ marks a word's beginning; cased, where the file is silent, by its pieces."""
    kinds = _number_list(file, "token_type", len(tokens), NORMAL)
    pieces = [_as_word_piece(piece, kind) for piece, kind in zip(tokens, kinds, strict=True)]
    cased = any(kind == NORMAL and piece != piece.lower() for piece, kind in zip(pieces, kinds, strict=True))
    settings = {
        "do_lower_case": _flag(file, "normalizer.lowercase", not cased),
        "strip_accents": file.metadata.get("tokenizer.ggml.normalizer.strip_accents"),
        "cls_token": _named_piece(file, pieces, "cls", "bos") or "[CLS]",
        "sep_token": _named_piece(file, pieces, "seperator", "separator", "eos") or "[SEP]",
        "unk_token": _named_piece(file, pieces, "unknown") or "[UNK]",
    }
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    return call_library(str(file.path), lambda: word_piece_tokenizer(vocabulary, str(file.path), settings))


def _as_word_piece(piece: str, kind: int) -> str:
    if kind != NORMAL or (piece.startswith("[") and piece.endswith("]")):
        return piece
    return piece[1:] if piece.startswith("▁") else f"##{piece}"
