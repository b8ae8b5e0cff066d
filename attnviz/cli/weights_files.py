"""Files of weights: how they are read for --weights, and compared with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from attnviz.api.run import load_weights
from attnviz.api.toy_or_model import changed_fields
from attnviz.core.errors import OptionError
from attnviz.core.selection import layer_numbers, names_several
from attnviz.i18n.messages import Message, message, toy_name
from attnviz.models.options import Options
from attnviz.toy.settings import Settings

if TYPE_CHECKING:
    from attnviz.analysis.comparison import Comparison
    from attnviz.core.attention_data import Attention


class Reading(TypedDict):
    """How weights are read from a file: arguments of `load_weights`."""

    normalize: bool
    partial: bool
    merge: str
    parts: Any
    no_special: bool
    renormalize: bool
    reduce: str | None


def reading_of(model_options: Options, *, normalize: bool, partial: bool, reduce: str | None = None) -> Reading:
    """Return how the options ask to read weights: what is done with pieces and special tokens is as with a model."""
    return Reading(
        normalize=normalize,
        partial=partial,
        merge=model_options.merge,
        parts=model_options.parts,
        no_special=model_options.no_special,
        renormalize=model_options.renormalize,
        reduce=reduce,
    )


def refuse_computing(settings: Settings, model_options: Options) -> None:
    """Raise OptionError for an option that says how to compute, beside weights that are already computed."""
    reading = ("--merge", "--parts", "--no-special", "--renormalize")
    for option in (*changed_fields(settings), *changed_fields(model_options)):
        if option not in reading:
            raise OptionError(
                "--{option} says how to compute weights; those of --weights are already computed.",
                hint="Leave it out.",
                option=option.removeprefix("--"),
            )


def compare_files(
    paths: list[Path], labels: list[str], reading: Reading, *, layer: str | None, head: str | None
) -> list[Comparison]:
    """Compare each further attention in the files with the first one.

    labels: the tokens' names, once for all files or once for each. Raises OptionError where there are not two.
    """
    from attnviz.analysis.compare_attentions import compare_attentions

    found = [
        (called, one)
        for name, path, names in zip(_names(paths), paths, _labels(labels, len(paths)), strict=True)
        for called, one in _numbered(name, load_weights(path, labels=names, **reading))
    ]
    if len(found) < 2:
        raise OptionError(
            "compare takes the weights of two texts or more; here are those of one.",
            hint="For example: attnviz compare --weights a.npz --weights b.npz.",
        )
    (name, first), *others = found
    return [
        compare_attentions(first, other, layer=one, head=head, names=(name, called))
        for called, other in others
        for one in _layers_of(first, other, layer)
    ]


def compare_file_sides(
    paths: list[Path],
    labels: list[str],
    reading: Reading,
    layers: tuple[str | None, str | None],
    heads: tuple[str | None, str | None],
) -> Comparison:
    """Compare one layer and head of a file with another of the same file, or of a second one.

    layers, heads: each side's; None is the last layer, and the mean of the heads. Raises OptionError for several.
    """
    from attnviz.analysis.compare_attentions import check_one_layer, compare_attentions

    named = _labels(labels, len(paths))
    found = [
        (called, one)
        for name, path, names in zip(_names(paths), paths, named, strict=True)
        for called, one in _numbered(name, load_weights(path, labels=names, **reading))
    ]
    if len(found) > 2:
        raise OptionError(
            "Two --layer or --head compare two sides, and the files hold {count} attentions.",
            hint="Give one file, or two of one text each.",
            count=len(found),
        )
    chosen = []
    for side, (layer, head) in enumerate(zip(layers, heads, strict=True)):
        check_one_layer(layer)
        if names_several(head):
            raise OptionError("Given twice, --head names one head for each side, not {head!r}.", head=head)
        called, one = found[side % len(found)]
        shown = one.select(layer=one.layers[-1] if layer is None else layer, head="mean" if head is None else head)
        chosen.append((_side_name(called, shown, layer, head), shown))
    (name, first), (other_name, second) = chosen
    return compare_attentions(first, second, names=(name, other_name))


def _side_name(called: str, shown: Attention, layer: str | None, head: str | None) -> Message:
    """Return a title for one side: its file, with the layer and the head that were named."""
    from attnviz.analysis.compare_sides import side_name

    parts = [message("{text}", text=called)]
    if layer is not None:
        parts.append(
            message("mean of the layers") if layer == "mean" else message("layer {layer}", layer=shown.layers[0])
        )
    if head is not None:
        parts.append(
            message("mean of the heads") if head == "mean" else message("head {head}", head=toy_name(shown.heads[0]))
        )
    return side_name(parts)


def _layers_of(first: Attention, other: Attention, layer: str | None) -> Sequence[int | str | None]:
    """Return the layers that are compared: those that a text names, as 0,2-4, all that both have, mean, or the last."""
    if layer in (None, "mean"):
        return [layer]
    numbers = layer_numbers(layer or "")
    if numbers is not None:
        return numbers
    shared = [one for one in first.layers if one in other.layers]
    return shared or [None]


def _labels(labels: list[str], count: int) -> list[list[str]]:
    """Return the labels of each file."""
    if len(labels) not in (0, 1, count):
        raise OptionError("--labels is given once for all files of --weights, or once for each.")
    typed = [[text] for text in labels]
    return typed if len(typed) == count else (typed or [[]]) * count


def _names(paths: list[Path]) -> list[str]:
    """Return a title for each file: its name where the names differ, else its path."""
    many = Counter(path.name for path in paths)
    return [path.name if many[path.name] == 1 else str(path) for path in paths]


def _numbered(name: str, several: tuple[Attention, ...]) -> list[tuple[str, Attention]]:
    """Return each attention of one file with its title: x.json, or x.json[0] where there are several."""
    return [(name if len(several) == 1 else f"{name}[{i}]", one) for i, one in enumerate(several)]
