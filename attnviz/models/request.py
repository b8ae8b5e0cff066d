"""What is asked of a pass through a model's layers, from the layers and reductions that are to be shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from numbers import Integral

from attnviz.core.errors import OptionError
from attnviz.core.provenance import EVERY, HeadsSwitchedOff
from attnviz.core.selection import layer_numbers
from attnviz.models.families.base import ModelShape
from attnviz.models.forward import Request, check_layer
from attnviz.models.options import Options, check_contributions, check_one_map


def numbers_of_layers(layers: int | str | Iterable[int | str] | None, own: Sequence[int]) -> list[int] | None:
    """Return layer numbers from 0, where -1 is the last of `own`; raises OptionError for what is no whole number.

    own: the model's layers that have attention.
    """
    if isinstance(layers, str):
        return layer_numbers(layers)
    if layers is None:
        return None
    several = list(layers) if isinstance(layers, Iterable) else [layers]
    found: list[int] = []
    for layer in several:
        numbers = layer_numbers(layer, as_written=True) if isinstance(layer, str) else [layer]
        if numbers is None or not all(isinstance(one, Integral) and not isinstance(one, bool) for one in numbers):
            raise OptionError("layers are whole numbers, not {value!r}.", value=several)
        found += [own[one] if -len(own) <= one < 0 else int(one) for one in numbers]
    if not found:
        raise OptionError("layers are whole numbers, not {value!r}.", value=several)
    return found


def chosen_layers(layers: str | int | Iterable[str | int] | None, shape: ModelShape) -> list[int] | None:
    """Return the numbers of the layers that are shown, in the order they are written; None for the mean of all.

    layers: a number, several, a text as "0,2-4", "all" or "mean"; the last layer that has attention, if None.
    Raises MissingError for a layer that there is not, or has no attention, OptionError for what names none.
    """
    own = shape.attention_layers
    if isinstance(layers, str) and layers in ("all", "mean"):
        return list(own) if layers == "all" else None
    numbers = numbers_of_layers([layers] if isinstance(layers, str) else -1 if layers is None else layers, own) or []
    for number in numbers:
        check_layer(number, shape)
    return list(dict.fromkeys(numbers))


def check_measured(off: HeadsSwitchedOff | None, reduce: str | None, *, contributions: bool) -> None:
    """Raise OptionError for lengths of what a head adds, where it adds its mean."""
    if contributions or reduce in ("norm", EVERY):
        check_contributions(None if off is None else off.way)


def check_reduced(reduce: str, options: Options) -> None:
    """Raise OptionError for a reduction that there is not, and for one that windows do not have the values for."""
    from attnviz.core.reductions import NEED_VALUES, check_reduction

    check_reduction(reduce)
    check_one_map(reduce, options.parts)
    if reduce in NEED_VALUES and options.slides:
        raise OptionError(
            "--reduce {how} needs the values of one pass, and --window makes several.",
            hint="Leave --window out, or use --reduce mean, max, rollout or flow.",
            how=reduce,
        )


def request_layers(layers: int | str | Collection[int] | None, own: Sequence[int], request: Request) -> Request:
    """Return the request for these layers, of `own`; of a reduction through the layers, all up to the last of them.

    What a reduction shows are its map_layers then.
    """
    numbers = numbers_of_layers(layers, own)
    if request.reduce is None:
        return replace(request, layers=numbers)
    from attnviz.core.reductions import THROUGH_LAYERS

    if request.reduce not in (*THROUGH_LAYERS, EVERY):
        return replace(request, layers=numbers)
    shown = tuple(own) if numbers is None else tuple(sorted(set(numbers)))
    below = [number for number in own if number <= max(shown, default=-1)]
    return replace(request, layers=sorted({*below, *shown}), map_layers=shown)
