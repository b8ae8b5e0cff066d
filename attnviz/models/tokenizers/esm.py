"""ESM's tokenizer: every entry of its vocabulary is cut out of the text wherever it stands, the longest first."""

from __future__ import annotations

import re
from pathlib import Path

from attnviz.core.errors import InputError
from attnviz.models.formats.files import text_of
from attnviz.models.tokenizers.added_tokens import ListedToken, TokenSettings, add_tokens
from attnviz.models.tokenizers.tokenizer import TextTokenizer, call_library

ESM = ("EsmTokenizer",)

# The special tokens by their names in the settings, as ESM writes them.
_SPECIAL = {
    "cls_token": "<cls>",
    "pad_token": "<pad>",
    "eos_token": "<eos>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}


def esm_tokenizer(path: Path, pieces: list[str], settings: TokenSettings) -> TextTokenizer:
    """Build the tokenizer of a vocab.txt with these entries: <cls> stands before a text and <eos> after it.

    White space separates; what no entry matches is one <unk>, up to the next entry or space. Raises InputError where a
    special token is missing.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    vocabulary = {piece: number for number, piece in reversed(list(enumerate(pieces))) if piece}
    named = {name: text_of(settings.values, name) or default for name, default in _SPECIAL.items()}
    begin, end, unknown = named["cls_token"], named["eos_token"], named["unk_token"]
    for piece in (begin, end, unknown):
        if piece not in vocabulary:
            raise InputError("{path!r} has no {piece!r}.", path=str(path), piece=piece)
    name = str(path)
    longest_first = "|".join(re.escape(piece) for piece in sorted(vocabulary, key=len, reverse=True))
    split = call_library(name, lambda: pre_tokenizers.Split(Regex(longest_first), "isolated"))
    tokenizer = call_library(name, lambda: Tokenizer(models.WordLevel(vocabulary, unk_token=unknown)))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.WhitespaceSplit()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[begin, "$A", end],
        pair=[begin, "$A", end, "$B", end],
        special_tokens=[(piece, vocabulary[piece]) for piece in (begin, end)],
    )
    special = [
        ListedToken(piece, {"special": True, "normalized": False}) for piece in named.values() if piece in vocabulary
    ]
    call_library(name, lambda: add_tokens(tokenizer, settings, special))
    return TextTokenizer(tokenizer, name, unknown=unknown)
