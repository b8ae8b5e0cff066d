"""What a view is drawn on: how wide it is, what it can write, and how many colours it has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attnviz.i18n.messages import Message
from attnviz.text.line_breaking import break_parts, split_words
from attnviz.views.prepared.labels import encodable, visible

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from attnviz.views.prepared.listing import Listing
    from attnviz.views.prepared.panels import Prepared

NARROWEST = 20
COLORS = ("truecolor", "256", "16", "none")
_ARROWS, _KEPT_SPACE = "↓→", "⋿"  # a sign as wide as a space stands for one at which no line breaks
_SHAPES = "▀▄█░▒▓▏▎▍▌▋▊▉┊┄"


@dataclass(frozen=True)
class Screen:
    """A terminal of `width` cells (20 at least), or a file that is written like one.

    encoding: what can be written; the rest is replaced visibly. colors: truecolor, 256, 16 or none. ascii: draw with
    letters and digits alone, as the C locale asks. terminal: whether someone looks at it now. height: in lines, None
    for a file.
    """

    width: int = 80
    encoding: str = "utf-8"
    colors: str = "truecolor"
    ascii: bool = False
    terminal: bool = True
    height: int | None = None

    @property
    def cells(self) -> int:
        """The width that views fit in."""
        return max(NARROWEST, self.width)

    @property
    def has_shapes(self) -> bool:
        """Whether block elements can be drawn."""
        return not self.ascii and encodable(_SHAPES, self.encoding) == _SHAPES

    def written(self, text: str) -> str:
        """Return the text as it can be written, with nothing in it that acts."""
        return encodable(visible(text), self.encoding)

    def ornament(self, text: str, plain: str) -> str:
        """Return the ornament, or its plain form where the screen or the encoding lacks it."""
        return plain if self.ascii or encodable(text, self.encoding) != text else text

    @property
    def mark(self) -> str:
        """What stands where a label is shortened."""
        return self.ornament("⋯", "..")


def colors_of(console: Console) -> str:
    """Return how many colours a console has, one of COLORS: none with NO_COLOR or in a dumb terminal."""
    names = {"truecolor": "truecolor", "256": "256", "standard": "16", "windows": "16"}
    return "none" if console.no_color else names.get(console.color_system or "", "none")


def wrap_words(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width` cells, broken at spaces, and inside a word only where it is wider."""
    from attnviz.views.terminal.cell_width import cell_len

    return break_parts(split_words(text), width, cell_len) if text else []


def sentence_line(words: Message, screen: Screen, style: str = "", *, indent: int = 0) -> Text:
    """Set a sentence in as many lines as it takes; an arrow stays with its word. indent: spaces before the first."""
    from rich.text import Text

    from attnviz.views.terminal.cell_width import fold

    text = " " * indent + screen.written(words.localized())
    for arrow in _ARROWS:
        text = text.replace(f" {arrow}", f"{_KEPT_SPACE}{arrow}")
    text = fold(text, screen.cells)
    for arrow in _ARROWS:
        text = text.replace(f"{_KEPT_SPACE}{arrow}", f" {arrow}")
    return Text(text, style, overflow="fold")


def closing_lines(shown: Prepared | Listing, screen: Screen, *, before: tuple[Message, ...] = ()) -> list[Text]:
    """Return what stands below panels or a list: the verdicts, bold, then the caption, and the other notes.

    before: what the view itself adds to the caption.
    """
    caption = (*before, *shown.caption)
    return [
        *(sentence_line(one, screen, "bold") for one in shown.notes[: shown.verdicts]),
        *([caption_line(caption, screen)] if caption else []),
        *(sentence_line(one, screen) for one in shown.notes[shown.verdicts :]),
    ]


def caption_line(parts: Iterable[Message], screen: Screen) -> Text:
    """Set the parts of a caption one after another, in as many lines as they take."""
    from rich.text import Text

    from attnviz.views.terminal.cell_width import fold

    return Text(fold(_joined(parts, screen), screen.cells), "dim", overflow="fold")


def caption_fits(parts: Iterable[Message], screen: Screen) -> bool:
    """Return whether a caption of these parts is one line."""
    from attnviz.views.terminal.cell_width import cell_len

    return cell_len(_joined(parts, screen)) <= screen.cells


def _joined(parts: Iterable[Message], screen: Screen) -> str:
    return screen.written(" · ".join(part.localized() for part in parts))
