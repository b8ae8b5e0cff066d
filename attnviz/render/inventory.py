"""The list of what can be used: models that are here, and the toy's embeddings, positions, masks and cuts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.messages import Message, message
from attnviz.render.labels import encodable, visible

_INDENT = "  "
_GAP = "   "


def render_inventory(
    models: Sequence[Sequence[str | Message]], kinds: Iterable[tuple[Message, Sequence[str]]], encoding: str = "utf-8"
) -> RenderableType:
    """Models as rows of words in columns, then each kind of choice with its names; what a terminal lacks is replaced.

    A reference is never cut or wrapped inside a word: someone will copy it.
    """
    lines = [Text(encodable(message("models on this machine").localized(), encoding), "bold")]
    lines += _table([[_word(word, encoding) for word in row] for row in models])
    if not models:
        lines.append(Text(_INDENT + encodable(message("none found").localized(), encoding)))
    for title, names in kinds:
        lines += [Text(), Text(encodable(title.localized(), encoding), "bold")]
        lines.append(Text(_INDENT + encodable(" ".join(names), encoding)))
    return Group(*lines)


def _word(word: str | Message, encoding: str) -> str:
    return encodable(visible(word.localized() if isinstance(word, Message) else word), encoding)


def _table(rows: list[list[str]]) -> list[Text]:
    """The rows with columns as wide as their widest word; the last column runs on."""
    if not rows:
        return []
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    return [
        Text(
            _INDENT
            + _GAP.join(word + " " * (width - cell_len(word)) for word, width in zip(row, widths, strict=False))
            + _GAP
            + row[-1],
            overflow="fold",
        )
        for row in rows
    ]
