"""Which layers and heads are meant: numbers, ranges and names in one text, as `0,2-4` or `who acts`, or as a list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any

from attnviz.core.errors import MissingError, OptionError, no_such
from attnviz.i18n.messages import Message, message

_RANGE = re.compile(r"\s*([0-9]{1,9})\s*[-–]\s*([0-9]{1,9})\s*")
_SEPARATORS = re.compile("[,，、]")
_FULL_WIDTH = str.maketrans("０１２３４５６７８９－～", "0123456789--")  # as a Chinese keyboard writes them
_MOST = 10_000  # no model has so many layers

Find = Callable[[int | str], int]


def names_several(wanted: str | None) -> bool:
    """Return whether a text names more than one layer or head: all, a list or a range.

    >>> names_several("0,2-4"), names_several("2-4"), names_several("3"), names_several("who acts")
    (True, True, False, False)
    """
    if wanted is None:
        return False
    wanted = wanted.translate(_FULL_WIDTH)
    return wanted == "all" or _SEPARATORS.search(wanted) is not None or _RANGE.fullmatch(wanted) is not None


def chooses_several(wanted: Any) -> bool:
    """Return whether a choice of layers or heads may have several: a list or an array, or a text as names_several.

    >>> chooses_several([0]), chooses_several("0-2"), chooses_several(0), chooses_several(None)
    (True, True, False, False)
    """
    return names_several(wanted) if wanted is None or isinstance(wanted, str) else isinstance(wanted, Iterable)


def spell_choice(wanted: Any) -> str | None:
    """Return a choice of layers or heads as a text: a number, a name, or an iterable of these, as `0,2`.

    >>> spell_choice(range(2, 4)), spell_choice("mean"), spell_choice(None)
    ('2,3', 'mean', None)
    """
    if wanted is None or isinstance(wanted, str):
        return wanted
    return ",".join(map(str, wanted)) if isinstance(wanted, Iterable) else str(wanted)


def find_places(wanted: Any, names: Sequence[int | str], kind: Message, find: Find) -> list[int]:
    """Return the indexes of the layers or heads that `wanted` names, each once, in its order.

    wanted: a number or a name, a text as `0,2-4`, or an iterable of these. find: the index of one number or name;
    raises MissingError where there is none. Raises MissingError for what is not there, OptionError for what names
    nothing.
    """
    if isinstance(wanted, str):
        found = _places_in_text(wanted, names, kind, find)
    elif isinstance(wanted, Iterable):
        found = [place for one in wanted for place in find_places(one, names, kind, find)]
    elif isinstance(wanted, Integral) and not isinstance(wanted, bool):
        found = [find(int(wanted))]
    else:
        raise OptionError("A {kind} is chosen by its number or name, not by {value!r}.", kind=kind, value=wanted)
    if not found:
        raise OptionError("No {kind} is chosen: give at least one, or all.", kind=kind)
    return list(dict.fromkeys(found))


def _places_in_text(wanted: str, names: Sequence[int | str], kind: Message, find: Find) -> list[int]:
    """Return the places of a name, or else of a list of numbers, ranges and names."""
    try:
        return [_find_as_typed(wanted, find)]
    except MissingError:
        if not names_several(wanted):
            raise
    found: list[int] = []
    for part in map(str.strip, _SEPARATORS.split(wanted)):
        ends = _range_of(part.translate(_FULL_WIDTH), kind)
        if ends is None:
            found.append(_find_as_typed(_need_part(part, wanted, kind), find))
            continue
        inside = [place for place, number in enumerate(_numbers(names)) if ends[0] <= number <= ends[1]]
        for end in ends:
            if not min(_numbers(names)) <= end <= max(_numbers(names)):
                raise no_such(kind, end, names)
        found += inside
    return found


def _find_as_typed(name: str, find: Find) -> int:
    """Return the place of a name, or of the number that it is in full-width digits or between spaces."""
    try:
        return find(name)
    except MissingError:
        plain = name.translate(_FULL_WIDTH).strip()
        if plain in ("", name):
            raise
        return find(plain)


def _numbers(names: Sequence[int | str]) -> list[int]:
    """Return the number of each layer or head: its own, or its place where it has a name."""
    return [name if isinstance(name, int) else place for place, name in enumerate(names)]


def _need_part(part: str, wanted: str, kind: Message) -> str:
    """Return one entry of a list; raise OptionError for an empty one and for what stands for all of them."""
    if part in ("", "all", "mean"):
        raise OptionError(
            "{wanted!r} is no list of {kind}s: numbers, ranges and names were expected, as in 0,2-4; mean and all "
            "stand "
            "alone.",
            wanted=wanted,
            kind=kind,
        )
    return part


def _range_of(part: str, kind: Message) -> tuple[int, int] | None:
    """Return the ends of a range; None for what is none. Raises OptionError for one that runs backwards."""
    match = _RANGE.fullmatch(part)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    if first > last:
        raise OptionError(
            "{part} runs backwards: a range of {kind}s is {last}-{first}.", part=part, kind=kind, first=first, last=last
        )
    return first, last


def layer_numbers(wanted: str, *, as_written: bool = False) -> list[int] | None:
    """Return the layers that a text names before they are known, in order; None for all or mean, which need all.

    as_written: keep them in the order of the text.

    Raises OptionError for what is no list of numbers.

    >>> layer_numbers("0,2-4"), layer_numbers("mean")
    ([0, 2, 3, 4], None)
    """
    kind = message("layer")
    if wanted in ("all", "mean"):
        return None
    found: list[int] = []
    for part in map(str.strip, _SEPARATORS.split(wanted.translate(_FULL_WIDTH))):
        ends = _range_of(part, kind)
        if ends is None and re.fullmatch("[0-9]{1,9}", part) is None:
            if _SEPARATORS.search(wanted):
                _need_part(part, wanted, kind)
            raise OptionError(
                "--layer takes numbers from 0 (as 3, 0,5 or 2-4), mean or all, not {layer!r}.", layer=wanted
            )
        first, last = ends or (int(part), int(part))
        if last - first >= _MOST:
            raise MissingError("There is no layer {layer}.", layer=last)
        found += range(first, last + 1)
    return list(dict.fromkeys(found)) if as_written else sorted(set(found))
