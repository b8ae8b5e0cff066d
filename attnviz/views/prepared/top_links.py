"""What `top` holds: for each query its strongest keys, in the order of the text, and what the rest has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.views.prepared.panels import Panel

_SAME = 1e-6


@dataclass(frozen=True)
class Link:
    """One key that a query looks at: its column, its token's number, its value, and its place on the scale."""

    column: int
    number: int
    value: float
    place: float


@dataclass(frozen=True)
class TopLinks:
    """One query's strongest links, ordered by position; how many more keys have something, and what they sum to.

    looks: whether it may look anywhere. even: the weight that all the keys it may look at have, where there are
    several and none has more; such a row has no links. alike: how many keys have the same weight, and which, where the
    last of the strongest would be chosen among them by their order alone; they are no links, and not in the rest.
    """

    row: int
    links: tuple[Link, ...]
    rest: int
    rest_sum: float
    looks: bool
    even: float | None = None
    alike: tuple[int, float] | None = None


def find_top_links(panel: Panel, most: int, *, least: float = 0.0) -> tuple[TopLinks, ...]:
    """Return for each row its `most` largest values, by size where there are two signs; of equal changes the earlier.

    A forbidden cell is no link, and 0 is none either. least: a weight below it is no link where the row has larger
    ones.
    """
    places = panel.places()
    sizes = np.abs(panel.values) if panel.scale.diverging else panel.values
    numbers = panel.numbers or tuple(range(len(panel.columns)))
    found = []
    for row in range(len(panel.rows)):
        looks = np.ones(len(numbers), dtype=bool) if panel.forbidden is None else ~panel.forbidden[row]
        even = None if panel.scale.diverging else _even_share(panel.values[row][looks])
        if even is not None:
            found.append(TopLinks(row, (), 0, 0.0, True, even))
            continue
        columns = np.flatnonzero(looks & (sizes[row] > 0))
        strong = _largest(sizes[row][columns], most)
        alike: tuple[int, float] | None = None
        if len(strong) and not panel.scale.diverging:
            strong = _without_traces(sizes[row][columns], strong, least)
            strong, alike, beside = _without_ties(sizes[row][columns], strong)
            columns = np.delete(columns, beside)
            strong -= np.searchsorted(beside, strong)
        chosen, others = columns[strong], np.delete(columns, strong)
        links = tuple(
            Link(int(j), numbers[j], float(panel.values[row, j]), float(places[row, j])) for j in chosen.tolist()
        )
        rest = float(panel.values[row][others].sum(dtype=np.float64))
        found.append(TopLinks(row, links, len(others), rest, bool(looks.any()), alike=alike))
    return tuple(found)


def _even_share(values: NDArray[np.floating]) -> float | None:
    """Return what each key gets where several get the same, to float32's rounding; None where one gets more."""
    if len(values) < 2 or values.max() <= 0 or float(values.max() - values.min()) > _SAME:
        return None
    return float(values[0])


def _without_traces(sizes: NDArray[np.floating], strong: NDArray[np.intp], least: float) -> NDArray[np.intp]:
    """Return those of the strongest that are not below `least`; all where none is."""
    kept = strong[sizes[strong] >= least]
    return kept if len(kept) else strong


def _without_ties(
    sizes: NDArray[np.floating], strong: NDArray[np.intp]
) -> tuple[NDArray[np.intp], tuple[int, float] | None, NDArray[np.intp]]:
    """Return the strongest without those that have equals outside it, these as (count, size), and their indexes.

    Which of equals would be among the strongest, their order alone would say.
    """
    limit = float(sizes[strong].min())
    tied = np.flatnonzero(np.abs(sizes - limit) <= _SAME)
    if np.isin(tied, strong).all():
        return strong, None, tied[:0]
    return np.setdiff1d(strong, tied), (len(tied), limit), tied


def _largest(sizes: NDArray[np.floating], most: int) -> NDArray[np.intp]:
    """Return the indexes of the `most` largest sizes in ascending order; of equal sizes, the first."""
    if len(sizes) <= most:
        return np.arange(len(sizes))
    limit = np.partition(sizes, -most)[-most]
    above = np.flatnonzero(sizes > limit)
    return np.sort(np.concatenate([above, np.flatnonzero(sizes == limit)[: most - len(above)]]))
