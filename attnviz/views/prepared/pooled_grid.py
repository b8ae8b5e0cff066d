"""What a shaded grid holds, decided once: which rows and columns are drawn, pooled or hidden, and their places.

A text of up to 200 tokens keeps both ends of each axis, with the hidden middle named; a longer one is pooled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.panels import Panel

MOST_CELLS = 200


@dataclass(frozen=True)
class TokenSpan:
    """One row or column of a grid: those from start to stop - 1, in one cell, or hidden between what is drawn.

    number: which token of the text the first one is.
    """

    start: int
    stop: int
    label: str = ""
    hidden: bool = False
    number: int = 0

    @property
    def count(self) -> int:
        """How many tokens it stands for."""
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Grid:
    """One panel as cells: values, places and forbidden are [rows, columns]; a hidden entry's cells are nan.

    signed: whether the numbers have two signs. notes: what was pooled or hidden.
    """

    title: Message | None
    caption: Message | None
    values: NDArray[np.float64]
    places: NDArray[np.float64]
    forbidden: NDArray[np.bool_]
    rows: tuple[TokenSpan, ...]
    columns: tuple[TokenSpan, ...]
    scale: Scale
    notes: tuple[Message, ...] = ()


def fit_grid(panel: Panel, room: int, *, gap: int = 5, pool: bool = False) -> Grid:
    """Fit the panel into `room` columns of cells, of which a gap takes `gap`; `pool` pools instead of cutting."""
    rows, columns = panel.values.shape
    if max(rows, columns) > MOST_CELLS or (pool and max(rows, columns) > room):
        return _pooled(panel, min(room, MOST_CELLS))
    if columns <= room:
        return _grid(panel, _whole(panel.rows), _whole(panel.columns, panel.numbers))
    kept = max(2, room - gap)
    return _grid(panel, _ends(_whole(panel.rows), kept), _ends(_whole(panel.columns, panel.numbers), kept))


def _grid(panel: Panel, rows: tuple[TokenSpan, ...], columns: tuple[TokenSpan, ...]) -> Grid:
    """Return the panel's cells at these rows and columns; nan at what is hidden."""
    chosen = np.ix_([row.start for row in rows], [column.start for column in columns])
    hidden = np.logical_or.outer([row.hidden for row in rows], [column.hidden for column in columns])
    forbidden = np.zeros(panel.values.shape, dtype=bool) if panel.forbidden is None else panel.forbidden
    return Grid(
        title=panel.title,
        caption=panel.caption,
        values=np.where(hidden, np.nan, panel.values[chosen].astype(np.float64)),
        places=np.where(hidden, np.nan, panel.places()[chosen]),
        forbidden=forbidden[chosen] & ~hidden,
        rows=rows,
        columns=columns,
        scale=panel.scale,
        notes=_what_is_hidden(rows, columns),
    )


def _whole(labels: tuple[str, ...], numbers: tuple[int, ...] | None = None) -> tuple[TokenSpan, ...]:
    return tuple(
        TokenSpan(index, index + 1, label, number=index if numbers is None else numbers[index])
        for index, label in enumerate(labels)
    )


def _ends(entries: tuple[TokenSpan, ...], kept: int) -> tuple[TokenSpan, ...]:
    """Return the first and last spans, `kept` together, with what is hidden between them as one span."""
    if kept >= len(entries):
        return entries
    first, last = -(-kept // 2), kept // 2
    return (*entries[:first], TokenSpan(first, len(entries) - last, hidden=True), *entries[len(entries) - last :])


def _what_is_hidden(rows: tuple[TokenSpan, ...], columns: tuple[TokenSpan, ...]) -> tuple[Message, ...]:
    across = sum(column.count for column in columns if column.hidden)
    down = sum(row.count for row in rows if row.hidden)
    total = sum(column.count for column in columns)
    if not across:
        return ()
    if down == across:
        return (message("{count} of {total} tokens are hidden in the middle of each axis", count=down, total=total),)
    if down:
        return (message("{down} rows and {across} columns are hidden in the middle", down=down, across=across),)
    return (message("{count} of {total} columns are hidden in the middle", count=across, total=total),)


def _pooled(panel: Panel, room: int) -> Grid:
    """Pool blocks of tokens into cells with the number that is largest by size; forbidden where the whole block is."""
    n_rows, n_columns = panel.values.shape
    across = max(1, -(-n_columns // room))
    down = across if n_rows == n_columns else max(1, -(-n_rows // MOST_CELLS))
    forbidden = np.zeros(panel.values.shape, dtype=bool) if panel.forbidden is None else panel.forbidden
    values, empty = _largest(panel.values.astype(np.float64), forbidden, down, across)
    rows, columns = _blocks(_whole(panel.rows), down), _blocks(_whole(panel.columns, panel.numbers), across)
    maximum = message("{down} x {across} tokens a cell, maximum", down=down, across=across)
    farthest = message("{down} x {across} tokens a cell, the farthest from 0", down=down, across=across)
    return Grid(
        title=panel.title,
        caption=panel.caption,
        values=values,
        places=panel.scale.place(values),
        forbidden=empty,
        rows=rows,
        columns=columns,
        scale=panel.scale,
        notes=() if down == across == 1 else (farthest if panel.scale.diverging else maximum,),
    )


def _blocks(entries: tuple[TokenSpan, ...], size: int) -> tuple[TokenSpan, ...]:
    return tuple(
        replace(entries[start], stop=min(start + size, len(entries))) for start in range(0, len(entries), size)
    )


def _largest(
    values: NDArray[np.float64], forbidden: NDArray[np.bool_], down: int, across: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return each block's largest number by size, signed, and whether all of it is forbidden, both [rows, columns]."""
    padding = ((0, -values.shape[0] % down), (0, -values.shape[1] % across))
    shape = ((values.shape[0] + padding[0][1]) // down, down, (values.shape[1] + padding[1][1]) // across, across)

    def blocks(matrix: NDArray[np.float64], empty: float) -> NDArray[np.float64]:
        padded = np.pad(matrix, padding, constant_values=empty).reshape(shape)
        return padded.transpose(0, 2, 1, 3).reshape(shape[0], shape[2], -1)

    sizes = blocks(np.where(forbidden, -1.0, np.abs(values)), -1.0)
    chosen = sizes.argmax(axis=-1)[..., None]
    empty = np.take_along_axis(sizes, chosen, axis=-1)[..., 0] < 0
    largest = np.take_along_axis(blocks(values, 0.0), chosen, axis=-1)[..., 0]
    return np.where(empty, 0.0, largest), empty
