"""The list of what can be used: models that are here, and the toy's embeddings, positions, masks and cuts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.i18n.messages import Message, message
from attnviz.views.terminal.cell_width import cell_len, fold
from attnviz.views.terminal.screen import Screen, caption_line, sentence_line

_INDENT = 2
_GAP = "   "
_KEY_HEADINGS = (message("key of the config"), message("what is done with it"), message("value"))
_HEADINGS = (message("to type"), message("family"), message("layers x heads"), message("size"), "")


def render_inventory(
    models: Sequence[Sequence[str | Message]], kinds: Iterable[tuple[Message, Sequence[str]]], screen: Screen
) -> RenderableType:
    """List models as rows of words, then each kind of choice with its names; what a terminal lacks is replaced.

    A reference is never cut or wrapped inside a word: someone will copy it.
    """
    lines: list[RenderableType] = [sentence_line(message("models on this machine"), screen, "bold")]
    if models:
        lines += _table([[_word(word, screen) for word in row] for row in (_HEADINGS, *models)], screen)
    else:
        lines.append(sentence_line(message("none found"), screen, indent=_INDENT))
    for title, names in kinds:
        lines += [Text(), sentence_line(title, screen, "bold"), _below(" ".join(names), screen, _INDENT)]
    return Group(*lines)


def render_config(
    title: Message,
    keys: Sequence[Sequence[str | Message]],
    notes: Sequence[Message],
    caption: Sequence[Message],
    screen: Screen,
) -> RenderableType:
    """List the keys of a model's config as rows of name, use and value, below a title; then the caption and notes."""
    lines: list[RenderableType] = [sentence_line(title, screen, "bold")]
    lines += _table([[_word(word, screen) for word in row] for row in (_KEY_HEADINGS, *keys)], screen)
    lines += [Text(), caption_line(caption, screen)]
    for note in notes:
        lines += [Text(), sentence_line(note, screen)]
    return Group(*lines)


def render_families(families: Sequence[Sequence[str]], screen: Screen) -> RenderableType:
    """List families, each as name, model_types, models and paper: the first two in a line, the others below it."""
    lines: list[RenderableType] = [sentence_line(message("{count} families", count=len(families)), screen, "bold")]
    for name, model_types, models, paper in families:
        lines.append(_below(f"{name} ({model_types})", screen, 0))
        lines += [_below(one, screen, _INDENT, "dim") for one in (models, paper)]
    return Group(*lines)


def _word(word: str | Message, screen: Screen) -> str:
    return screen.written(word.localized() if isinstance(word, Message) else word)


def _below(text: str, screen: Screen, indent: int, style: str = "") -> Text:
    """Set a text in lines that begin after so many spaces, broken between words."""
    folded = fold(screen.written(text), screen.cells - indent)
    return Text("\n".join(" " * indent + line for line in folded.split("\n")), style, overflow="fold")


def _table(rows: list[list[str]], screen: Screen) -> list[Text]:
    """Set the rows, the first of them headings, in columns as wide as their widest word but the last.

    What of the last column does not fit stands in a line of its own; where that is much, or where the others do not
    fit either, so does all but the first.
    """
    widths = [max(cell_len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    before = _INDENT + sum(widths) + len(_GAP) * len(widths)
    beside = sum(before + cell_len(row[-1]) > screen.cells for row in rows) <= len(rows) // 4
    lines = []
    for number, row in enumerate(rows):
        style = "" if number else "dim"
        if beside:
            padded = _GAP.join(word + " " * (width - cell_len(word)) for word, width in zip(row, widths, strict=False))
            whole = f"{padded}{_GAP}{row[-1]}".rstrip()
            first, rest = (whole, "") if _INDENT + cell_len(whole) <= screen.cells else (padded.rstrip(), row[-1])
        else:
            first, rest = row[0], _GAP.join(row[1:])
        lines.append(Text(" " * _INDENT + first, style, overflow="fold"))
        if rest:
            lines.append(_below(rest, screen, 2 * _INDENT, style))
    return lines
