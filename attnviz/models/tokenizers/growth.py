"""How much longer a tokenizer may make a text: steps that double it forty times would take all memory there is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_SURE = 2**20  # characters: so many are processed without a look at each step
_MOST_TIMES = 64  # as long as the given text; NFKC makes 18 letters of ﷺ, and spaces around ideographs 3
_MOST_AROUND = 4096  # special tokens that a template puts around a text
_MOST_PARTS = 16  # of a template: how often it may name the text
_MOST_PREFIX = 64  # characters of what marks a piece inside a word, "##" for example
_MOST_BYTE_LEVELS = 8  # each may double the text
_UNICODE_FORMS = 18  # UAX #15: the largest expansion of NFKC and NFKD, in characters


class Growth:
    """The steps of a tokenizer that make a text longer.

    Raises InputError where its files let a text grow without measure whatever the text is.
    """

    def __init__(self, tokenizer: Tokenizer, name: str) -> None:
        self._name = name
        self._steps = tuple(_steps(_state(tokenizer.normalizer), "normalizers"))
        self._times = prod(map(_times, self._steps))
        pre_tokenizers = _steps(_state(tokenizer.pre_tokenizer), "pretokenizers")
        if sum(step.get("type") == "ByteLevel" for step in pre_tokenizers) > _MOST_BYTE_LEVELS:
            raise self._refused()
        for step in _steps(_state(tokenizer.post_processor), "processors"):
            if not _is_small(step):
                raise self._refused()
        for mark in ("continuing_subword_prefix", "end_of_word_suffix"):
            if len(getattr(tokenizer.model, mark, None) or "") > _MOST_PREFIX:
                raise self._refused()

    def check(self, text: str) -> None:
        """Raise InputError where the normalizer would make this text more than 64 times as long."""
        if self._times * len(text) <= _SURE:
            return
        most = max(_SURE, _MOST_TIMES * len(text))
        for step in self._steps:
            if _matches(step, text) * _longest_piece(step) > most:
                raise self._refused()
            text = _normalizer(step).normalize_str(text)
            if len(text) > most:
                raise self._refused()

    def _refused(self) -> InputError:
        return InputError(
            "{path!r} is not a usable tokenizer: it makes a text more than {most} times as long.",
            path=self._name,
            most=_MOST_TIMES,
        )


def _state(step: Any) -> dict[str, Any]:
    """Return a step's settings, as tokenizer.json has them; none for a step that has none."""
    if step is None:
        return {}
    found = json.loads(step.__getstate__())
    return found if isinstance(found, dict) else {}


def _steps(state: Mapping[str, Any], inner: str) -> Iterator[Mapping[str, Any]]:
    """Yield the settings of each step, those of a sequence one by one. inner: the key of a sequence's steps."""
    if state.get("type") != "Sequence":
        yield state
        return
    for step in state.get(inner, ()):
        yield from _steps(step, inner)


def _normalizer(step: Mapping[str, Any]) -> Any:
    """Return the normalizer that has these settings."""
    from tokenizers import normalizers

    made = normalizers.Sequence([])
    made.__setstate__(json.dumps(step).encode())
    return made


def _times(step: Mapping[str, Any]) -> float:
    """Return how many characters a normalizer may make of one, at most."""
    kind = step.get("type")
    if kind in ("NFKC", "NFKD", "NFC", "NFD"):
        return _UNICODE_FORMS
    if kind in ("ByteLevel", "Lowercase", "BertNormalizer"):
        return 4
    if kind in ("Prepend", "Replace", "Precompiled"):
        return 1 + _longest_piece(step) / max(1, len(_pattern(step)))
    return 1


def _longest_piece(step: Mapping[str, Any]) -> int:
    """Return how many characters a normalizer may put in one place."""
    if step.get("type") == "Precompiled":
        from base64 import b64decode

        data = b64decode(step.get("precompiled_charsmap") or "")
        replacements = data[4 + int.from_bytes(data[:4], "little") :]
        return max(map(len, replacements.split(b"\0")))
    return len(step.get("content") or step.get("prepend") or "")


def _pattern(step: Mapping[str, Any]) -> str:
    """Return what is replaced; "" for a regular expression, which may match at every character."""
    pattern = step.get("pattern")
    return str(pattern.get("String", "")) if isinstance(pattern, Mapping) else ""


def _matches(step: Mapping[str, Any], text: str) -> int:
    """Return in how many places a normalizer may put something, at most."""
    pattern = _pattern(step)
    return text.count(pattern) if pattern else len(text) + 1


def _is_small(step: Mapping[str, Any]) -> bool:
    """Return whether a template puts few tokens around a text, and names the text few times."""
    if step.get("type") != "TemplateProcessing":
        return True
    sizes = {name: len(token.get("ids", ())) for name, token in step.get("special_tokens", {}).items()}
    for template in (step.get("single", ()), step.get("pair", ())):
        around = [sizes.get(part["SpecialToken"]["id"], 1) for part in template if "SpecialToken" in part]
        if sum(around) > _MOST_AROUND or len(template) - len(around) > _MOST_PARTS:
            return False
    return True
