"""Charts: what is drawn, decided before; lines and points over an axis, or bars beside their labels."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.i18n.messages import Message


@dataclass(frozen=True)
class Series:
    """Points (x, y) under one name. line: whether they are joined; marked: the indexes that get a mark, None is all.

    Hollow marks are predicted, not found.
    """

    name: Message
    x: tuple[float, ...]
    y: tuple[float, ...]
    line: bool = True
    marked: tuple[int, ...] | None = None
    hollow: bool = False


@dataclass(frozen=True)
class Chart:
    """Series over one pair of axes; powers: both axes in powers of ten, where 0 and less has no place.

    floor: where the upright axis begins; what is less is not drawn. in_bytes: whether its numbers are bytes.
    """

    title: Message | None
    x_name: Message
    y_name: Message | None
    series: tuple[Series, ...]
    powers: bool = False
    floor: float | None = None
    in_bytes: bool = False


@dataclass(frozen=True)
class BarChart:
    """A bar a label, from 0; values that are nan have no bar. texts: each value as people read it."""

    title: Message | None
    labels: tuple[str, ...]
    values: tuple[float, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Charts:
    """Charts beside each other, what stands above them and below."""

    heading: Message | None
    charts: tuple[Chart | BarChart, ...]
    caption: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
