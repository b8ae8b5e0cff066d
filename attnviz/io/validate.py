"""What a document says of itself, checked before anything is made of it: labels and captions are."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError, OptionError
from attnviz.core.masks import parse_mask
from attnviz.core.provenance import EVERY, REDUCTIONS, Provenance, from_settings
from attnviz.core.token import Token
from attnviz.core.types import Booleans, Float32
from attnviz.i18n.messages import Message, message

_LARGEST = 2**53  # up to it whole numbers are the same in JSON and everywhere
_LARGEST_FLOAT = sys.float_info.max


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
    """Return whether this is a number that a float64 can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and -_LARGEST_FLOAT <= value <= _LARGEST_FLOAT


_TEXT = _Kind(lambda value: isinstance(value, str), message("a text"))
_FLAG = _Kind(lambda value: isinstance(value, bool), message("true or false"))
_COUNT = _Kind(lambda value: type(value) is int and 0 <= value < _LARGEST, message("a whole number from 0"))
_NUMBER = _Kind(lambda value: _is_number(value) and value > 0, message("a number above 0"))
_SEED = _Kind(lambda value: type(value) is int and value >= 0, message("a whole number from 0"))
_MASK = _Kind(_is_mask, message("a mask"))
_NAME = _Kind(lambda value: _TEXT.fits(value) or _COUNT.fits(value), message("a whole number from 0, or a name"))
_LIST = _Kind(lambda value: isinstance(value, list | tuple), message("a list"))
_OBJECT = _Kind(lambda value: isinstance(value, Mapping), message("an object"))
_TEXTS = _Kind(
    lambda value: isinstance(value, list | tuple) and all(isinstance(one, str) for one in value),
    message("a list of texts"),
)
_HEADS = _Kind(
    lambda value: _TEXTS.fits(value) and all(re.fullmatch("[0-9]{1,9}[.][0-9]{1,9}", one) for one in value),
    message("a list of heads as 3.1, layer and head"),
)
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
    **dict.fromkeys(("heads", "layers", "offset", "pair_start", "window", "stride"), _COUNT),
    "seed": _SEED,
    **dict.fromkeys(("unknown", "pair", "attention"), _TEXT.or_null()),
    "dim": _COUNT.or_null(),
    "mask": _MASK,
    "temperature": _NUMBER,
    "normalized": _FLAG,
    "partial": _FLAG,
    "precision": _OBJECT,
    "mean_layers": _LIST,
    "mean_heads": _LIST,
    "unknown_words": _OBJECT,
    "hidden": _OBJECT,
    "passages": _LIST,
    "answer": _TEXT.or_null(),
    "lexicon": _TEXTS,
    "ablate": _HEADS,
    "reduced": _Kind(
        lambda value: value in (*REDUCTIONS, EVERY), message("mean, max, rollout, flow, norm, value-zeroing or all")
    ),
    "ablation": _Kind(lambda value: value in ("zero", "mean"), message("zero or mean")),
    "picture": _TEXT,
    "patches": _Kind(
        lambda value: _LIST.fits(value) and len(value) == 2 and all(_COUNT.fits(one) for one in value),
        message("rows and columns, two whole numbers"),
    ),
    "thumbnail": _OBJECT,
}
# What else must be there with a setting, to say how the weights were computed.
_WITH = {
    "model": ("family", "layers", "heads", "mask"),
    "embedding": ("tokens", "dim", "projection", "heads", "position", "mask", "temperature"),
    "window": ("stride",),
    "passages": ("answer",),
    "ablate": ("ablation",),
    "picture": ("patches",),
    "thumbnail": ("picture",),
}


def checked_tokens(side: str, tokens: Any) -> list[str | Token]:
    """Return the tokens that a document lists, a text or an object each; InputError names the one that is neither."""
    _need(_LIST, side, tokens)
    found: list[str | Token] = []
    for index, each in enumerate(tokens):
        place = f"{side}[{index}]"
        if isinstance(each, Token):
            found.append(_in_order(place, each))
            continue
        _need(_TOKEN, place, each)
        if isinstance(each, str):
            found.append(each)
            continue
        for part, value in each.items():
            _need(_OF_TOKEN[part], f"{place}.{part}", value)
        found.append(_in_order(place, Token(**each)))
    return found


def _in_order(place: str, token: Token) -> Token:
    """Return the token; raise InputError where it ends before it begins, or has one place alone."""
    start, end = token.start, token.end
    if (start is None) != (end is None) or (start is not None and end is not None and start > end):
        raise _wrong(f"{place}.end", end, message("a position not before start, or neither"))
    return token


def checked_names(axis: str, names: Any) -> tuple[Any, ...]:
    """Return the numbers of layers, of which "mean" is their mean, or the numbers or names of heads."""
    _need(_LIST, axis, names)
    if axis == "layers" and list(names) == ["mean"]:
        return ("mean",)
    for index, name in enumerate(names):
        _need(_COUNT if axis == "layers" else _NAME, f"{axis}[{index}]", name)
    return tuple(names)


def checked_flags(part: str, value: Any) -> Booleans:
    """Return an array of true and false, or of 1 and 0; InputError for any other value."""
    found = _array(value)
    if found is None or found.dtype.kind not in "biuf" or not np.isin(found, (0, 1)).all():
        raise _wrong(part, value, message("an array of true and false"))
    return found.astype(bool)


def checked_vectors(part: str, value: Any) -> Float32:
    """Return vectors, [query, feature], of finite numbers; InputError for any other value."""
    found = _array(value)
    if found is None or found.dtype.kind not in "iuf" or found.ndim != 2 or not found.size:
        raise _wrong(part, value, message("a vector of numbers for each token"))
    if not (np.abs(found.astype(np.float64)) <= np.finfo(np.float32).max).all():
        raise InputError("{part} has a number that is not finite, or too large for float32.", part=part)
    return found.astype(np.float32)


def _array(value: Any) -> NDArray[Any] | None:
    try:
        return np.asarray(value)
    except (TypeError, ValueError, ArithmeticError):
        return None


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
    for name, kind in (("mean_layers", _COUNT), ("mean_heads", _NAME)):
        for index, each in enumerate(settings.get(name, ())):
            _need(kind, f"settings.{name}[{index}]", each)
    if "precision" in settings:
        _check_precision(settings["precision"])
    if "thumbnail" in settings:
        _check_thumbnail(settings["thumbnail"])
    for index, passage in enumerate(settings.get("passages", ())):
        _check_passage(f"settings.passages[{index}]", passage)
    _need_finite("settings", settings)
    if "hidden" in settings:
        _check_hidden(settings["hidden"], layers, heads)
    return from_settings(settings)


def _check_passage(place: str, passage: Any) -> None:
    """Check a passage: its name, its place and its number of tokens."""
    parts = {"name": _TEXT, **dict.fromkeys(("start", "end", "tokens"), _COUNT)}
    if not isinstance(passage, Mapping) or set(passage) != set(parts):
        raise _wrong(place, passage, message("an object with name, start, end and tokens"))
    for part, kind in parts.items():
        _need(kind, f"{place}.{part}", passage[part])


def _check_precision(precision: Mapping[str, Any]) -> None:
    """Check what explains row sums that are not exactly 1."""
    _need(_TEXT, "settings.precision.name", precision.get("name"))
    within = _Kind(lambda value: _is_number(value) and 0 <= value < 1, message("a number from 0 to 1"))
    _need(within, "settings.precision.off", precision.get("off"))
    for name in precision:
        if name not in ("name", "off"):
            raise _wrong(f"settings.precision.{name}", precision[name], message("name and off alone"))


def _check_thumbnail(thumbnail: Mapping[str, Any]) -> None:
    """Check the small copy of a picture: its PNG is read where it is drawn."""
    place = "settings.thumbnail"
    _need(_TEXT, f"{place}.png", thumbnail.get("png"))
    sides = _Kind(
        lambda value: _LIST.fits(value) and len(value) == 2 and all(_COUNT.fits(one) and one for one in value),
        message("height and width, two whole numbers"),
    )
    _need(sides, f"{place}.size", thumbnail.get("size"))
    box = _Kind(
        lambda value: (
            _LIST.fits(value)
            and len(value) == 4
            and all(map(_is_number, value))
            and value[0] < value[2]
            and value[1] < value[3]
        ),
        message("top, left, bottom and right"),
    )
    _need(box, f"{place}.box", thumbnail.get("box"))


def _need_finite(place: str, value: Any) -> None:
    """Raise InputError for a number that JSON cannot hold, however deep it stands."""
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(place, value, message("a finite number"))
    if isinstance(value, Mapping):
        for name, each in value.items():
            _need_finite(f"{place}.{name}", each)
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            _need_finite(f"{place}[{index}]", each)


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
    written = " ".join(repr(value.tolist() if isinstance(value, np.ndarray) else value).split())
    return InputError(
        "it has {part} = {value}; {expected} was expected.",
        part=place,
        value=written if len(written) <= 40 else written[:37] + "...",
        expected=expected,
    )
