"""What kind of value each argument of a public function takes, checked before anything is done with it.

A name means the same in all of them, so that one table knows them all; what depends on other arguments, or on what is
in a text, is checked where it is used.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import cache, wraps
from numbers import Integral, Real
from os import PathLike
from typing import Any, NamedTuple, TypeVar

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, message

_Function = TypeVar("_Function", bound=Callable[..., Any])


class ArgumentKind(NamedTuple):
    """What fits an argument, and what an error calls that; None fits where it is the argument's default."""

    fits: Callable[[Any], bool]
    words: Message


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    """Return whether this is a number that a float64 holds, nan and infinity among them."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    return not isinstance(value, Integral) or abs(int(value)) <= sys.float_info.max


def _is_choice(value: Any) -> bool:
    """Return whether this may name layers, heads or tokens: a number, a text, or several, but not none."""
    if _is_one(value):
        return True
    if isinstance(value, bytes | dict) or not isinstance(value, Iterable):
        return False
    if getattr(value, "ndim", 1) != 1 or (isinstance(value, Sized) and len(value) == 0):
        return False
    return not isinstance(value, list | tuple) or all(map(_is_one, value))


def _is_one(value: Any) -> bool:
    return isinstance(value, str) or _is_whole(value)


TEXT = ArgumentKind(lambda value: isinstance(value, str), message("a text"))
FLAG = ArgumentKind(
    lambda value: isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"), message("true or false")
)
WHOLE = ArgumentKind(_is_whole, message("a whole number"))
COUNT = ArgumentKind(lambda value: _is_whole(value) and value > 0, message("a whole number above 0"))
NUMBER = ArgumentKind(_is_number, message("a number"))
CALL = ArgumentKind(callable, message("a function"))
PATH = ArgumentKind(lambda value: isinstance(value, str | PathLike), message("a string or a path"))
AXES = ArgumentKind(lambda value: hasattr(value, "get_figure"), message("Axes of matplotlib"))
MODEL = ArgumentKind(
    lambda value: isinstance(value, str | PathLike) or hasattr(value, "attend"), message("a model, or the name of one")
)
CHOICE = ArgumentKind(_is_choice, message("a number, a name, a text as 0,2-4, or several of these"))
SIDES = ArgumentKind(
    lambda value: (
        _is_choice(value)
        or (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(map(_is_choice, (one for one in value if one is not None)))
        )
    ),
    message("a number, a name, a text as 0,2-4, several of these, or a pair of them"),
)
ONE = ArgumentKind(_is_one, message("a number or a name"))

LIST = ArgumentKind(lambda value: isinstance(value, list | tuple), message("a list"))
LABELS = ArgumentKind(
    lambda value: (
        isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(each, str) for each in value))
    ),
    message("a text, or a list of texts"),
)
TEXTS = ArgumentKind(
    lambda value: LABELS.fits(value) and (isinstance(value, str) or len(value) > 0),
    message("a text, or a list of texts with at least one"),
)
NAMES = ArgumentKind(
    lambda value: (
        isinstance(value, Iterable) and not isinstance(value, str | bytes | dict) and getattr(value, "ndim", 1) == 1
    ),
    message("a list of numbers or names"),
)
INDEXES = ArgumentKind(
    lambda value: isinstance(value, list | tuple | range) and all(map(_is_whole, value)),
    message("a list of whole numbers"),
)
ARRAY = ArgumentKind(lambda value: _holds(value, "biuf"), message("an array of numbers"))


def _holds(value: Any, kinds: str) -> bool:
    """Return whether this is an array, a number or nested lists of one of NumPy's kinds of numbers."""
    import numpy as np

    try:
        return np.asarray(value).dtype.kind in kinds
    except (TypeError, ValueError, RuntimeError):
        return False


ATTENTION = ArgumentKind(lambda value: hasattr(value, "mean_layers"), message("an Attention"))
OPTIONS = ArgumentKind(lambda value: hasattr(value, "no_special"), message("an Options"))
DECODING = ArgumentKind(lambda value: hasattr(value, "steps"), message("a Decoding"))
WORDS = ArgumentKind(lambda value: hasattr(value, "is_known"), message("words that are known, as a lexicon has"))
ENCODED = ArgumentKind(lambda value: hasattr(value, "left_out"), message("an EncodedText, as Model.encode returns it"))
GROWING = ArgumentKind(
    lambda value: hasattr(value, "prompt"), message("a Continuation, as Model.continuations returns it")
)

# The arguments of all public functions and methods, by name; a function may give one another kind.
ARGUMENTS: dict[str, ArgumentKind] = {
    **dict.fromkeys(("text", "clean", "corrupt", "answer", "against", "pair", "keys", "like", "sort", "color"), TEXT),
    **dict.fromkeys(("reduce", "by", "view", "merge", "ablation", "name", "attention"), TEXT),
    **dict.fromkeys(("probe", "contributions", "traces", "download", "normalize", "partial"), FLAG),
    **dict.fromkeys(("no_special", "renormalize", "answers"), FLAG),
    "most": COUNT,
    **dict.fromkeys(("probe_tokens", "top", "branches", "count", "axis"), WHOLE),
    **dict.fromkeys(("progress", "measure", "watch"), CALL),
    **dict.fromkeys(("temperature", "scale", "cap"), NUMBER),
    **dict.fromkeys(("layer", "layers", "head", "at"), CHOICE),
    **dict.fromkeys(("allowed", "bias", "sink"), ARRAY),
    "options": OPTIONS,
    "decoding": DECODING,
    "known": WORDS,
    "encoded": ENCODED,
    "continuation": GROWING,
    "labels": LABELS,
    "vary": LIST,
    "path": PATH,
    "reference": MODEL,
    "model": MODEL,
    "model_a": MODEL,
    "model_b": MODEL,
}


# How a result looks: the options of its methods, which may all be None.
_TEXT_OR_NUMBER = ArgumentKind(lambda value: TEXT.fits(value) or NUMBER.fits(value), message("a text, or a number"))
_TEXT_OR_FLAG = ArgumentKind(lambda value: TEXT.fits(value) or FLAG.fits(value), message("a text, true or false"))
_COLOR_MAP = ArgumentKind(
    lambda value: TEXT.fits(value) or (callable(value) and isinstance(getattr(value, "name", None), str)),
    message("the name of a colour map, or one of matplotlib’s"),
)
_FONT = ArgumentKind(
    lambda value: PATH.fits(value) or (isinstance(value, list | tuple) and all(map(PATH.fits, value))),
    message("a string or a path, or a list of them"),
)
LOOKS: dict[str, ArgumentKind] = {
    **dict.fromkeys(("layer", "head"), CHOICE),
    **dict.fromkeys(("kind", "style", "scale", "sinks"), TEXT),
    **dict.fromkeys(("digits", "dpi"), WHOLE),
    **dict.fromkeys(("mass", "vmin", "vmax"), NUMBER),
    **dict.fromkeys(("overlay", "svg_text", "worksheet"), FLAG),
    **dict.fromkeys(("title", "annotate"), _TEXT_OR_FLAG),
    "cmap": _COLOR_MAP,
    "width": _TEXT_OR_NUMBER,
    "token": ONE,
    "font": _FONT,
}


def check_looks(given: Mapping[str, Any]) -> None:
    """Raise OptionError for the first option of a result's look whose value is of another kind."""
    for name, value in given.items():
        if name in LOOKS and value is not None:
            check_value(name, value, LOOKS[name])


def check_value(name: str, value: Any, kind: ArgumentKind) -> None:
    """Raise OptionError, which names the argument, for a value of another kind."""
    if not kind.fits(value):
        raise OptionError("{name} must be {expected}, not {value!r}.", name=name, expected=kind.words, value=value)


def check_arguments(**own: ArgumentKind | None) -> Callable[[_Function], _Function]:
    """Decorate a public function: what is no value of an argument's kind is an OptionError that names the argument.

    own: arguments that are of another kind than ARGUMENTS says; None is not checked. None as a value fits where it is
    the argument's default.
    """

    def decorate(function: _Function) -> _Function:
        @cache
        def read_signature() -> tuple[inspect.Signature, dict[str, tuple[ArgumentKind, bool]]]:
            """Return the signature, and of each argument that is checked its kind and whether None is its default."""
            signature, kinds = inspect.signature(function), {}
            for name, parameter in signature.parameters.items():
                kind = own[name] if name in own else ARGUMENTS.get(name)
                if kind is not None and parameter.kind is not parameter.VAR_KEYWORD:
                    kinds[name] = (kind, parameter.default is None)
            return signature, kinds

        @wraps(function)
        def called(*positional: Any, **named: Any) -> Any:
            signature, kinds = read_signature()
            try:
                given = signature.bind(*positional, **named).arguments
            except TypeError:  # an argument too many, or one that is missing: Python says which
                return function(*positional, **named)
            for name, (kind, optional) in kinds.items():
                if name not in given:
                    continue
                if given[name] is not None or not optional:
                    check_value(name, given[name], kind)
            return function(*positional, **named)

        return called  # type: ignore[return-value]

    return decorate
