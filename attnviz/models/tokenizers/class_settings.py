"""What a tokenizer class makes of tokenizer.json when it is opened: its settings, and the tokens around a text.

transformers 5 makes most classes anew from the vocabulary and the settings in tokenizer_config.json, so that these
count over what tokenizer.json says of them. How a text is cut besides is taken from tokenizer.json, as in
transformers 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.formats.files import text_of
from attnviz.models.tokenizers.classes import (
    BERT_LIKE,
    CLASS_ENDS,
    LANGUAGES,
    PREFIX_MARK,
    PREFIX_SPACE,
    ClassEnds,
    End,
)

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# BERT's settings, their names in the tokenizers package, and what they are where tokenizer_config.json does not say.
_BERT_SETTINGS = {
    "do_lower_case": ("lowercase", True),
    "tokenize_chinese_chars": ("handle_chinese_chars", True),
    "strip_accents": ("strip_accents", None),
}


def follow_class(tokenizer: Tokenizer, name: str | None, settings: Mapping[str, Any]) -> tuple[Message, ...]:
    """Change a tokenizer of tokenizer.json as the class `name` does; return notes on what no setting of it asked for.

    The flags add_bos_token and add_eos_token count for no tokenizer.json (tokenization_utils_base.py takes them out).
    """
    changed: list[str] = []
    if name in BERT_LIKE or name == "MPNetTokenizer":
        changed += _follow_bert_settings(tokenizer, settings)
    if name in PREFIX_SPACE:
        changed += _follow_prefix_space(tokenizer, settings.get("add_prefix_space"), PREFIX_SPACE[name])
    if name in PREFIX_MARK and isinstance(settings.get("add_prefix_space"), bool):
        _set_prefix_mark(tokenizer, settings["add_prefix_space"])
    if name in LANGUAGES:
        _put_language(tokenizer, name, settings)
    notes: tuple[Message, ...] = ()
    if changed:
        notes = (
            message(
                "The class {name} sets {changed}, as in transformers: tokenizer.json says otherwise, and "
                "tokenizer_config.json nothing.",
                name=name,
                changed=listed(changed),
            ),
        )
    return (*notes, *(_follow_ends(tokenizer, name, settings) if name in CLASS_ENDS else ()))


def _follow_bert_settings(tokenizer: Tokenizer, settings: Mapping[str, Any]) -> Iterator[str]:
    """Set BERT's normalization by the settings; yield what is changed without being given there."""
    from tokenizers import normalizers

    normalizer = tokenizer.normalizer
    if not isinstance(normalizer, normalizers.BertNormalizer):
        return
    for theirs, (ours, default) in _BERT_SETTINGS.items():
        given = settings.get(theirs)
        value = given if isinstance(given, bool) else default
        if getattr(normalizer, ours) != value:
            setattr(normalizer, ours, value)
            if theirs not in settings:
                yield f"{theirs} = {str(value).lower()}"


def _follow_prefix_space(tokenizer: Tokenizer, given: object, default: bool) -> Iterator[str]:
    """Set whether a byte-level tokenizer puts a space before a text; yield it where no setting says so."""
    from tokenizers import pre_tokenizers

    value = given if isinstance(given, bool) else default
    for step in _steps(tokenizer.pre_tokenizer):
        if isinstance(step, pre_tokenizers.ByteLevel) and step.add_prefix_space != value:
            step.add_prefix_space = value
            if given is None:
                yield f"add_prefix_space = {str(value).lower()}"


def _set_prefix_mark(tokenizer: Tokenizer, prefix: bool) -> None:
    """Set whether SentencePiece's ▁ is put before a text."""
    from tokenizers import normalizers, pre_tokenizers

    for step in _steps(tokenizer.pre_tokenizer):
        if isinstance(step, pre_tokenizers.Metaspace) and (step.prepend_scheme != "never") != prefix:
            step.prepend_scheme = "first" if prefix else "never"
    steps = list(_steps(tokenizer.normalizer))
    kept = [step for step in steps if not isinstance(step, normalizers.Prepend)]
    if not prefix and len(kept) < len(steps):
        tokenizer.normalizer = normalizers.Sequence(kept)


def _steps(whole: Any) -> Iterator[Any]:
    """Yield the steps of a normalizer or a pre-tokenizer, itself where it is one step; none for None."""
    if type(whole).__name__ != "Sequence":
        if whole is not None:
            yield whole
        return
    number = 0
    while True:
        try:
            step = whole[number]
        except IndexError:
            return
        yield from _steps(step)
        number += 1


def _follow_ends(tokenizer: Tokenizer, name: str, settings: Mapping[str, Any]) -> tuple[Message, ...]:
    """Put around a text what a class puts there; return a note where tokenizer.json says otherwise."""
    ends = CLASS_ENDS[name]
    before = tokenizer.encode("").tokens
    begin, end, last = (_piece(one, settings) for one in (ends.begin, ends.end, ends.last))
    pieces = [piece for piece in (begin, end, last) if piece is not None]
    numbers = {piece: number for piece in pieces if (number := tokenizer.token_to_id(piece)) is not None}
    kept = not (ends.replaces if before else ends.fills)
    if before == pieces or kept or len(numbers) < len(set(pieces)):
        return ()
    tokenizer.post_processor = _template(ends, begin, end, last, numbers)
    nothing = message("no token")
    return (
        message(
            "tokenizer.json puts {before} around a text; here it is {now}, as the class {name} has it in "
            "transformers 5.",
            before=listed(before) if before else nothing,
            now=listed(pieces) if pieces else nothing,
            name=name,
        ),
    )


def _piece(end: End, settings: Mapping[str, Any]) -> str | None:
    return None if end is None else text_of(settings, f"{end[0]}_token") or end[1]


def _template(ends: ClassEnds, begin: str | None, end: str | None, last: str | None, numbers: Mapping[str, int]) -> Any:
    """Return the tokens around one text and around two, as the tokenizers package has them."""
    from tokenizers import processors

    second = 1 if ends.segments else 0
    first = [*([f"{begin}:0"] if begin else []), "$A:0", *([f"{end}:0"] if end else [])]
    doubled = [f"{end}:0"] if end and ends.doubled else []
    after = [f"{last}:2"] if last else []
    pair = [*first, *doubled, f"$B:{second}", *([f"{end}:{second}"] if end else []), *after]
    return processors.TemplateProcessing(single=[*first, *after], pair=pair, special_tokens=list(numbers.items()))


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
