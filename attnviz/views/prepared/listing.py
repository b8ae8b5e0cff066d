"""Listings: rows of labels with columns of numbers, some drawn as bars; used by costs and ablations."""

from __future__ import annotations

from dataclasses import dataclass

from attnviz.i18n.messages import Message


@dataclass(frozen=True)
class Column:
    """One number of every row, as people read it; bars: how much of a whole bar it is, 0 to 1, or None for no bar.

    shorter: the same numbers for where there is little room, or None where they cannot be shorter.
    """

    title: Message
    cells: tuple[str | Message, ...]
    bars: tuple[float, ...] | None = None
    shorter: tuple[str | Message, ...] | None = None


@dataclass(frozen=True)
class Listing:
    """Rows by their labels, and groups of columns: a group stays together where all the columns do not fit.

    verdicts: how many of the notes, from the first, say what came out: in the terminal they stand bold above the
    caption.
    """

    heading: Message | None
    labels: tuple[str | Message, ...]
    groups: tuple[tuple[Column, ...], ...]
    caption: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
    verdicts: int = 0
