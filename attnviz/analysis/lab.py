"""The laboratory's results: one sentence under many settings, and how weight falls with distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.order_blindness import Blindness
from attnviz.core.errors import AttnvizError, OptionError, unknown_choice
from attnviz.core.provenance import Provenance
from attnviz.core.result import Result
from attnviz.core.types import Booleans, Float32
from attnviz.i18n.messages import Message

# What may vary, and the type of its values.
VARIES: Mapping[str, type] = MappingProxyType(
    {
        "position": str,
        "mask": str,
        "heads": int,
        "temperature": float,
        "dim": int,
        "projection": str,
        "embedding": str,
        "tokens": str,
        "seed": int,
        "offset": int,
    }
)
# The same of a real model, where "own" leaves it as it is.
MODEL_VARIES: Mapping[str, type] = MappingProxyType({"position": str, "mask": str, "temperature": float, "base": str})
MAP_AXES = ("layer", "head")  # what is shown of a setting, where there are several
MOST_MAPS = 400
KEEP = 0.9  # a, the share of its memory that the recurrent model keeps at each step


@dataclass(frozen=True)
class Axis:
    """What varies, and through which values."""

    name: str
    values: tuple[Any, ...]


class Effect(NamedTuple):
    """What a setting does to a model's output.

    cosine: of each token's hidden states after the last layer with those of the model as it is, the mean over the
    tokens. likeliest, probability: the next token of this setting, as text, and its probability; kept: the probability
    of the token that the model as it is would say. moved: the total variation of the two distributions. The last four
    are None for a model that says no next token.
    """

    cosine: float
    likeliest: str | None = None
    probability: float | None = None
    kept: float | None = None
    moved: float | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """One setting's outcome: the weights [query, key] that are shown, what is allowed, and what it cannot see.

    values: this cell's value on each axis. unknown: the words that nothing is known of. bits: the mean entropy of
    the rows that may look anywhere. problem: why the setting cannot be; then weights are zeros, and bits and
    blind_to None. effect: what a setting of a model does to its output, None of the toy.
    """

    values: tuple[Any, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: Float32
    allowed: Booleans | None = None
    bits: float | None = None
    blind_to: Blindness | None = None
    problem: AttnvizError | None = None
    unknown: frozenset[str] = frozenset()
    effect: Effect | None = None


@dataclass(frozen=True, eq=False)
class Lab(Result):
    """A cell for each combination of the axes' values, the last axis running fastest.

    Where several layers or heads are shown they are axes too, "layer" and "head", before those that vary.
    provenance: how the first one was computed; of what varies it says nothing. head: which head is shown, None for
    several. Of a model, layer: which layer is shown, None for several; changed: the layers in which the settings are
    changed, None for all; likeliest: the next token of the model as it is.
    """

    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    head: int | str | None
    provenance: Provenance
    notes: tuple[Message, ...] = ()
    layer: int | str | None = None
    changed: tuple[int, ...] | None = None
    likeliest: str | None = None

    def __repr__(self) -> str:
        """Return what varies, never a screen full of numbers."""
        varied = ", ".join(f"{axis.name}={','.join(map(str, axis.values))}" for axis in self.axes)
        return f"<Lab {len(self.cells)} cells: {varied}>"


def shown_axes(layers: tuple[int | str, ...], heads: tuple[int | str, ...]) -> tuple[Axis, ...]:
    """Return an axis of the layers that are shown and one of the heads, each where there are several.

    >>> shown_axes((5,), (0, 2))
    (Axis(name='head', values=(0, 2)),)
    """
    return tuple(Axis(name, names) for name, names in zip(MAP_AXES, (layers, heads), strict=True) if len(names) > 1)


def arrange_cells(shown: tuple[Axis, ...], settings: Sequence[Sequence[Cell]]) -> tuple[Cell, ...]:
    """Return the cells of all settings with the values of `shown` before their own, by layer and head.

    settings: of each, a cell for each layer and head, heads running fastest.
    """
    return tuple(
        replace(cells[place], values=(*values, *cells[place].values))
        for place, values in enumerate(product(*(axis.values for axis in shown)))
        for cells in settings
    )


def check_map_count(settings: int, shown: int) -> None:
    """Raise OptionError for more maps than anyone looks at. shown: the layers and heads of each setting."""
    if settings * shown > MOST_MAPS:
        raise OptionError(
            "lab shows at most {most} maps: {settings} settings of {shown} layers and heads are {count}.",
            hint="Choose fewer layers or heads, or vary fewer values.",
            most=MOST_MAPS,
            settings=settings,
            shown=shown,
            count=f"{settings * shown:,}",
        )


@dataclass(frozen=True, eq=False)
class Distances(Result):
    """How much weight lies on words so many words away: a mean over all pairs of the text that are allowed.

    text: the tokens that are repeated; count: how many there are then. curves: for each scheme [count], by distance
    from 0; nan where no pair is allowed. recurrent [count]: what h_t = a h_(t-1) + (1 - a) x_t keeps of a word after so
    many others, (1 - a) a^d, with a = keep.
    """

    text: tuple[str, ...]
    count: int
    curves: Mapping[str, NDArray[np.float64]]
    recurrent: NDArray[np.float64]
    keep: float
    provenance: Provenance
    notes: tuple[Message, ...] = field(default=())

    def __repr__(self) -> str:
        """Return the curves' names, never a screen full of numbers."""
        return f"<Distances {self.count} tokens: {', '.join(self.curves)}>"


def read_axes(
    vary: Sequence[str], fields: Mapping[str, type], choices: Mapping[str, tuple[str, ...]]
) -> tuple[Axis, ...]:
    """Read a list of what `--vary` names; OptionError for anything but a list of strings."""
    if isinstance(vary, str) or not isinstance(vary, Iterable) or not all(isinstance(one, str) for one in vary):
        raise OptionError(
            "vary is a list of settings and their values, not {value!r}.",
            hint="For example: vary=['mask=none,causal'].",
            value=vary,
        )
    return tuple(read_axis(one, fields, choices) for one in vary)


def read_axis(spelling: str, fields: Mapping[str, type], choices: Mapping[str, tuple[str, ...]]) -> Axis:
    """Read what `--vary` names: NAME=A,B,C; of a closed list also NAME=all. In a mask + stands for its comma.

    fields: the names that may vary, and the type of their values. choices: all values, where there are few. Raises
    OptionError for an unknown name, an empty list, or a value of the wrong type.

    >>> read_axis("temperature=0.5,1", {"temperature": float}, {}).values
    (0.5, 1.0)
    """
    name, _, written = spelling.partition("=")
    name = name.strip().removeprefix("--")
    if name not in fields:
        raise unknown_choice("--vary", name, fields)
    values = [value.strip() for value in written.split(",") if value.strip()]
    if not values:
        raise OptionError(
            "--vary {name} needs its values, for example {name}={example}.",
            name=name,
            example=",".join(choices.get(name, ("1", "2"))[:2]),
        )
    if name in choices:
        values = [one for value in values for one in (choices[name] if value == "all" else (value,))]
    if name == "mask":
        values = [value.replace("+", ",") for value in values]
    return Axis(name, tuple(dict.fromkeys(_typed(name, value, fields[name]) for value in values)))


def _typed(name: str, value: str, kind: type) -> Any:
    try:
        if kind is int and len(value) > 18:
            raise ValueError
        return kind(value)
    except ValueError:
        if kind is int:
            raise OptionError(
                "--vary {name} takes whole numbers, not {value!r}.", name=name, value=value[:50]
            ) from None
        raise OptionError("--vary {name} takes numbers, not {value!r}.", name=name, value=value[:50]) from None


def recurrent_memory(count: int, keep: float = KEEP) -> NDArray[np.float64]:
    """Return what a simple recurrent memory holds of each word, by how many words ago it came: (1 - a) a^d, [count].

    The model: h_t = a h_(t-1) + (1 - a) x_t, a linear state that leaks; the same as the leaky units of Jaeger et al.
    2007 ("Optimization and applications of echo state networks with leaky-integrator neurons") without their
    non-linearity. Recurrent networks learn what to keep; this one shows what keeping a share of it at each
    step means (Bengio et al. 1994, "Learning long-term dependencies with gradient descent is difficult").

    >>> recurrent_memory(3, 0.5).tolist()
    [0.5, 0.25, 0.125]
    """
    kept: NDArray[np.float64] = (1 - keep) * keep ** np.arange(count, dtype=np.float64)
    return kept


def lab_document(lab: Lab) -> dict[str, Any]:
    """Return the laboratory as plain data under `"schema": 1`."""
    return {
        "schema": 1,
        "axes": [{"name": axis.name, "values": list(axis.values)} for axis in lab.axes],
        "cells": [
            {
                **dict(zip((axis.name for axis in lab.axes), cell.values, strict=True)),
                "tokens": list(cell.rows),
                "keys": list(cell.columns),
                "weights": cell.weights.tolist() if cell.problem is None else None,
                "allowed": None if cell.allowed is None else cell.allowed.tolist(),
                "bits": cell.bits,
                "blind_to": cell.blind_to,
                "problem": None if cell.problem is None else cell.problem.for_command_line(),
                **({} if cell.effect is None else {"effect": cell.effect._asdict()}),
            }
            for cell in lab.cells
        ],
        "head": lab.head,
        **(
            {"layer": lab.layer, "changed": lab.changed, "likeliest": lab.likeliest}
            if lab.provenance.model is not None
            else {}
        ),
        "settings": lab.provenance.to_settings()
        | dict.fromkeys(axis.name for axis in lab.axes if axis.name not in MAP_AXES),
    }


def lab_rows(lab: Lab) -> list[dict[str, Any]]:
    """Return the laboratory in long form, a row a weight; null where the mask forbids."""
    names = [axis.name for axis in lab.axes]
    return [
        {
            **dict(zip(names, cell.values, strict=True)),
            "query_index": i,
            "query": query,
            "key_index": j,
            "key": key,
            "weight": None if cell.allowed is not None and not cell.allowed[i, j] else float(cell.weights[i, j]),
            "bits": cell.bits,
            "blind_to": cell.blind_to,
            **({} if cell.effect is None else cell.effect._asdict()),
        }
        for cell in lab.cells
        if cell.problem is None
        for i, query in enumerate(cell.rows)
        for j, key in enumerate(cell.columns)
    ]


def distances_document(distances: Distances) -> dict[str, Any]:
    """Return the curves as plain data under `"schema": 1`: a number a distance; null where no pair is allowed."""
    return {
        "schema": 1,
        "text": list(distances.text),
        "tokens": distances.count,
        "curves": {
            name: [None if np.isnan(value) else float(value) for value in curve]
            for name, curve in distances.curves.items()
        },
        "recurrent": {"keep": distances.keep, "curve": distances.recurrent.tolist()},
        "settings": distances.provenance.to_settings(),
    }


def distances_rows(distances: Distances) -> list[dict[str, Any]]:
    """Return the curves as rows: a distance, each scheme's mean weight there, and what the recurrent memory keeps."""
    curves = {**distances.curves, "recurrent": distances.recurrent}
    return [
        {"distance": d, **{name: None if np.isnan(curve[d]) else float(curve[d]) for name, curve in curves.items()}}
        for d in range(distances.count)
    ]
