"""What a document says of itself, checked before anything is made of it: labels and captions are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError
from attnviz.core.masks import parse_mask
from attnviz.core.provenance import Provenance, from_settings
from attnviz.i18n.messages import Message, message

_LARGEST = 2**53  # up to it whole numbers are the same in JSON and everywhere


class _Kind(NamedTuple):
    """What a value must be, and how that is called."""

    fits: Callable[[Any], bool]
    words: Message

    def or_null(self) -> _Kind:
        """Return the same kind, with null allowed."""
        return _Kind(lambda value: value is None or self.fits(value), self.words)


def _is_mask(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_mask(value))
    except OptionError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST


_TEXT = _Kind(lambda value: isinstance(value, str), message("a text"))
_FLAG = _Kind(lambda value: isinstance(value, bool), message("true or false"))
_COUNT = _Kind(lambda value: type(value) is int and 0 <= value < _LARGEST, message("a whole number from 0"))
_NUMBER = _Kind(lambda value: _is_number(value) and math.isfinite(value) and value > 0, message("a number above 0"))
_MASK = _Kind(_is_mask, message("a mask"))
_NAME = _Kind(lambda value: _TEXT.fits(value) or _COUNT.fits(value), message("a whole number from 0, or a name"))
_LIST = _Kind(lambda value: isinstance(value, list | tuple), message("a list"))
_OBJECT = _Kind(lambda value: isinstance(value, Mapping), message("an object"))
_OF_TOKEN = {
    "text": _TEXT,
    "start": _COUNT.or_null(),
    "end": _COUNT.or_null(),
    "piece": _TEXT.or_null(),
    "id": _COUNT.or_null(),
}
_TOKEN = _Kind(
    lambda value: isinstance(value, str) or (isinstance(value, Mapping) and set(_OF_TOKEN) >= set(value) >= {"text"}),
    message("a text, or an object with text, start, end, piece and id"),
)

# The settings that something is made of; others are kept as they are.
_OF_SETTINGS = {
    **dict.fromkeys(("embedding", "tokens", "projection", "position", "model", "family", "reference", "joined"), _TEXT),
    **dict.fromkeys(("heads", "layers", "seed", "offset", "pair_start", "window", "stride"), _COUNT),
    **dict.fromkeys(("unknown", "pair", "attention"), _TEXT.or_null()),
    "dim": _COUNT.or_null(),
    "mask": _MASK,
    "temperature": _NUMBER,
    "normalized": _FLAG,
    "unknown_words": _OBJECT,
    "hidden": _OBJECT,
}
# What else must be there with a setting, to say how the weights were computed.
_WITH = {
    "model": ("family", "layers", "heads", "mask"),
    "embedding": ("tokens", "dim", "projection", "heads", "position", "mask", "temperature"),
    "window": ("stride",),
}


def checked_tokens(side: str, tokens: Any) -> list[str | Token]:
    """Return the tokens that a document lists, a text or an object each; InputError names the one that is neither."""
    _need(_LIST, side, tokens)
    found: list[str | Token] = []
    for index, each in enumerate(tokens):
        place = f"{side}[{index}]"
        if isinstance(each, Token):
            found.append(each)
            continue
        _need(_TOKEN, place, each)
        if isinstance(each, str):
            found.append(each)
            continue
        for part, value in each.items():
            _need(_OF_TOKEN[part], f"{place}.{part}", value)
        start, end = each.get("start"), each.get("end")
        if (start is None) != (end is None) or (start is not None and start > end):
            raise _wrong(f"{place}.end", end, message("a position not before start, or neither"))
        found.append(Token(**each))
    return found


def checked_names(axis: str, names: Any) -> tuple[Any, ...]:
    """Return the numbers of layers, or the numbers or names of heads."""
    _need(_LIST, axis, names)
    for index, name in enumerate(names):
        _need(_COUNT if axis == "layers" else _NAME, f"{axis}[{index}]", name)
    return tuple(names)


def checked_provenance(settings: Any, layers: Sequence[int], heads: Sequence[int | str]) -> Provenance:
    """Read how weights of these layers and heads were computed; InputError names what cannot be."""
    _need(_OBJECT, "settings", settings)
    for name, value in settings.items():
        if name in _OF_SETTINGS:
            _need(_OF_SETTINGS[name], f"settings.{name}", value)
    needed = {one for name, others in _WITH.items() if name in settings for one in others}
    if settings.get("embedding") == "given" or "model" in settings:
        needed -= set(_WITH["embedding"]) - set(_WITH["model"] if "model" in settings else ())
    for name in sorted(needed - set(settings)):
        raise InputError("settings has no {part}, so it is unknown how the weights were computed.", part=name)
    for name in ("unknown", "words"):
        if "unknown_words" in settings:
            _need(_COUNT, f"settings.unknown_words.{name}", settings["unknown_words"].get(name))
    if "hidden" in settings:
        _check_hidden(settings["hidden"], layers, heads)
    return from_settings(settings)


def _check_hidden(hidden: Mapping[str, Any], layers: Sequence[int], heads: Sequence[int | str]) -> None:
    """Check the tokens that are not shown, and what each layer's heads gave them."""
    place = "settings.hidden"
    _need(_FLAG, f"{place}.renormalized", hidden.get("renormalized"))
    _need(_LIST, f"{place}.pieces", hidden.get("pieces"))
    for index, piece in enumerate(hidden["pieces"]):
        _need(_TEXT, f"{place}.pieces[{index}]", piece)
    _need(_OBJECT, f"{place}.shares", hidden.get("shares"))
    several = _Kind(
        lambda value: isinstance(value, list) and bool(value) and all(map(_is_number, value)),
        message("a list with a number for each head"),
    )
    most = max((head for head in heads if isinstance(head, int)), default=-1)
    for layer in layers:
        shares = hidden["shares"].get(str(layer))
        _need(several, f"{place}.shares.{layer}", shares)
        if len(shares) <= most:
            raise _wrong(f"{place}.shares.{layer}", shares, several.words)


def _need(kind: _Kind, place: str, value: Any) -> None:
    if not kind.fits(value):
        raise _wrong(place, value, kind.words)


def _wrong(place: str, value: Any, expected: Message) -> InputError:
    written = repr(value)
    return InputError(
        "it has {part} = {value}; {expected} was expected.",
        part=place,
        value=written if len(written) <= 40 else written[:37] + "...",
        expected=expected,
    )
