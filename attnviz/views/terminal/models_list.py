"""The list of what can be used: models that are here, and the toy's embeddings, positions, masks and cuts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.labels import encodable, visible
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.screen import Screen, caption_line

_INDENT = "  "
_GAP = "   "
_KEY_HEADINGS = (message("key of the config"), message("what is done with it"), message("value"))
_HEADINGS = (message("to type"), message("family"), message("layers x heads"), message("size"), "")


def render_inventory(
    models: Sequence[Sequence[str | Message]], kinds: Iterable[tuple[Message, Sequence[str]]], encoding: str = "utf-8"
) -> RenderableType:
    """List models as rows of words, then each kind of choice with its names; what a terminal lacks is replaced.

    A reference is never cut or wrapped inside a word: someone will copy it.
    """
    lines: list[RenderableType] = [Text(encodable(message("models on this machine").localized(), encoding), "bold")]
    lines += _table([[_word(word, encoding) for word in row] for row in (_HEADINGS, *models)])
    if not models:
        lines.pop()
        lines.append(Text(_INDENT + encodable(message("none found").localized(), encoding)))
    for title, names in kinds:
        lines += [Text(), Text(encodable(title.localized(), encoding), "bold")]
        lines.append(Padding(Text(encodable(" ".join(names), encoding)), (0, 0, 0, len(_INDENT)), expand=False))
    return Group(*lines)


def render_config(
    title: Message,
    keys: Sequence[Sequence[str | Message]],
    notes: Sequence[Message],
    caption: Sequence[Message],
    screen: Screen,
) -> RenderableType:
    """List the keys of a model's config as rows of name, use and value, below a title; then the caption and notes."""
    encoding = screen.encoding
    lines: list[RenderableType] = [Text(_word(title, encoding), "bold")]
    lines += _table([[_word(word, encoding) for word in row] for row in (_KEY_HEADINGS, *keys)])
    lines += [Text(), caption_line(caption, screen)]
    for note in notes:
        lines += [Text(), Text(_word(note, encoding))]
    return Group(*lines)


def render_families(families: Sequence[Sequence[str]], encoding: str = "utf-8") -> RenderableType:
    """List families, each as name, model_types, models and paper: the first two in a line, the others below it."""
    lines: list[RenderableType] = [
        Text(encodable(message("{count} families", count=len(families)).localized(), encoding), "bold")
    ]
    for name, model_types, models, paper in families:
        lines.append(Text(encodable(f"{name} ({model_types})", encoding)))
        indent = (0, 0, 0, len(_INDENT))
        lines += [Padding(Text(encodable(one, encoding), "dim"), indent, expand=False) for one in (models, paper)]
    return Group(*lines)


def _word(word: str | Message, encoding: str) -> str:
    return encodable(visible(word.localized() if isinstance(word, Message) else word), encoding)


def _table(rows: list[list[str]]) -> list[Text]:
    """Set the rows, the first of them headings, in columns as wide as their widest word but the last."""
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for number, row in enumerate(rows):
        padded = _GAP.join(word + " " * (width - cell_len(word)) for word, width in zip(row, widths, strict=False))
        lines.append(Text(f"{_INDENT}{padded}{_GAP}{row[-1]}".rstrip(), "" if number else "dim", overflow="fold"))
    return lines
