"""What all kinds of pictures share: the sheet with its title and caption, labels that fit, and the colour bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attnviz.core.errors import OptionError
from attnviz.i18n.decimals import pure_decimal
from attnviz.i18n.messages import Message, message
from attnviz.text.clusters import count_columns
from attnviz.text.line_breaking import Part, break_parts, split_prose
from attnviz.views.figure.colors import Colors
from attnviz.views.figure.fonts import POINT, Fonts, missing_note, wide
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.panels import Panel, Prepared, number
from attnviz.views.prepared.style import Style, Theme

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

MARGIN = 0.2
BAR = 0.14  # the colour bar itself
LINE = 1.35  # from one baseline to the next, in the letters' size
SMALLEST = 5.5  # points: what is smaller nobody reads
_MOST_LABEL_CELLS = 18
_NARROWEST = 4.4
_APART = 0.12  # the least distance of two numbers beside a colour bar, as a share of it


class Body(Protocol):
    """The inner part of a picture: how large it is, in inches, and how it is drawn from a corner on."""

    width: float
    height: float

    def draw(self, canvas: Canvas, x: float, y: float) -> None: ...


class PictureText:
    """Text as a picture sets it: as the fonts can draw it, measured in inches. lacking: the characters they lack."""

    def __init__(self, style: Style, fonts: Fonts) -> None:
        self.style, self.fonts = style, fonts
        self.theme: Theme = style.theme
        self.lacking: dict[str, None] = {}

    def words(self, words: Message | None) -> str:
        """Return the words in the language in use, as the fonts can draw them."""
        return "" if words is None else self.drawable(words.localized())

    def drawable(self, text: str) -> str:
        """Return the text as the fonts can draw it."""
        return self.fonts.drawable(text, self.lacking)

    def label(self, text: str) -> Label:
        """Return a token's label: drawable, and shortened in the middle where it is long."""
        full = self.drawable(text)
        return Label(shorten(full, _MOST_LABEL_CELLS, count_columns), full)

    def fit(self, text: str, width: float, size: float) -> str:
        """Return the text shortened in the middle to this width, in inches."""
        return shorten(text, round(width * 1000), lambda part: round(self.fonts.width(part, size) * 1000))

    def title(self, heading: Message | None) -> str:
        """Return the title: one's own, or the heading."""
        return self.words(heading) if self.style.title is None else self.drawable(self.style.title)

    def title_lines(self, heading: Message | None, width: float) -> list[str]:
        """Return the lines of the title, at most `width` inches long; none in a picture without title and caption."""
        if self.style.no_title:
            return []
        return wrap(self.fonts, split_prose(self.title(heading)), width, self.theme.title)

    def caption_lines(self, parts: Iterable[Message], notes: Iterable[Message], width: float) -> list[str]:
        """Return the caption's lines: its parts one after another, then each note on lines of its own."""
        if self.style.no_title:
            return []
        lines = wrap(self.fonts, [(" · ", self.words(part)) for part in parts], width, self.theme.caption)
        for note in notes:
            lines += wrap(self.fonts, split_prose(self.words(note)), width, self.theme.caption)
        return lines


class PictureContext(PictureText):
    """What every part of one picture works with; it collects what the reader should know.

    `said` is told beside the picture, `extra` in its caption.
    """

    def __init__(self, prepared: Prepared, style: Style, fonts: Fonts) -> None:
        super().__init__(style, fonts)
        self.prepared = prepared
        self.colors = Colors(prepared, style)
        self.said: dict[str, Message] = {}
        self.extra: list[Message] = []

    @property
    def room(self) -> float | None:
        """How wide the body may be; None where it may be as wide as it needs."""
        return None if self.style.inches is None else self.style.inches - 2 * MARGIN

    @property
    def notes(self) -> tuple[Message, ...]:
        """What the reader should know, each thing once."""
        return (*self.fonts.notes, *self.colors.notes, *missing_note(self.lacking), *self.said.values())

    def note(self, note: Message) -> None:
        """Tell the reader, once."""
        self.said[str(note)] = note

    def too_narrow(self, least: float) -> OptionError:
        """Return the error for a width into which a body this wide does not fit."""
        return too_narrow(self.style, least + 2 * MARGIN)


def too_narrow(style: Style, least: float) -> OptionError:
    """Return the error for a width into which the picture does not fit."""
    return OptionError(
        "--width {width} is too narrow for this picture: it needs {least} inches.",
        hint="Give a wider one, fewer heads, or a shorter text.",
        width=style.width,
        least=f"{least:.1f}",
    )


@dataclass(frozen=True)
class Label:
    """A token's label as it is drawn, and the whole of it."""

    text: str
    full: str


class PictureLayout:
    """The sheet: title above, body in the middle, caption below."""

    def __init__(self, context: PictureContext, make: Callable[[PictureContext], Body]) -> None:
        self.context, theme = context, context.theme
        self.body = make(context)
        self.width = context.style.inches or max(_NARROWEST, self.body.width) + 2 * MARGIN
        inner = self.width - 2 * MARGIN
        self.heading = context.title_lines(context.prepared.heading, inner)
        notes = (*context.prepared.notes, *context.extra)
        self.caption = context.caption_lines(context.prepared.caption, notes, inner)
        self.top = MARGIN + (len(self.heading) * LINE * theme.title * POINT + 0.06 if self.heading else 0)
        self.foot = MARGIN + (0.14 + len(self.caption) * LINE * theme.caption * POINT if self.caption else 0)
        self.height = self.top + self.body.height + self.foot

    def draw(self, canvas: Canvas) -> None:
        """Draw all of it."""
        theme = self.context.theme
        for k, line in enumerate(self.heading):
            canvas.text(MARGIN, MARGIN + (k * LINE + 0.95) * theme.title * POINT, line, theme.title)
        self.body.draw(canvas, max(MARGIN, (self.width - self.body.width) / 2), self.top)
        first = self.top + self.body.height + 0.14
        for k, line in enumerate(self.caption):
            y = first + (k * LINE + 0.95) * theme.caption * POINT
            canvas.text(MARGIN, y, line, theme.caption, color=theme.faint)


def wrap(fonts: Fonts, parts: Iterable[Part], width: float, size: float) -> list[str]:
    """Return the parts in lines of at most `width` inches, in letters of `size` points."""
    return break_parts(parts, width, lambda text: fonts.width(text, size))


class AxisLabels:
    """The labels along one side of a matrix: their size, every how-many-th is drawn, and how much room they take.

    Labels shrink to the cells down to 5.5 points; below that only some are drawn, and a note says so. Above columns
    they lie flat where all fit; else those in upright scripts are set from top to bottom, and the others are turned.
    """

    def __init__(self, context: PictureContext, labels: list[Label], cell: float, *, above: bool) -> None:
        self.context, self.labels, self.cell, self.above = context, labels, cell, above
        most = context.theme.label
        self.flat = above and all(context.fonts.width(label.text, most) < 0.94 * cell for label in labels)
        fitting = most if self.flat else min(most, cell / POINT / 1.15)
        self.size = max(SMALLEST, fitting)
        self.step = 1 if self.flat else max(1, int(np.ceil(self.size * 1.15 * POINT / cell - 1e-9)))
        self.room = max((self._length(label.text) for label in labels[:: self.step]), default=0.0) + 0.06
        if self.step > 1:
            context.note(
                message(
                    "There is room for the labels of only one word in {step}; all {count} words are drawn.",
                    step=self.step,
                    count=len(labels),
                )
            )

    def _length(self, text: str) -> float:
        if self.flat:
            return 1.15 * self.size * POINT
        if self.above and wide(text):
            return len(text) * 1.1 * self.size * POINT
        return self.context.fonts.width(text, self.size)

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw them: to the left of x from y down, or above y from x to the right."""
        for place in range(0, len(self.labels), self.step):
            label, middle = self.labels[place], (place + 0.5) * self.cell
            if not self.above:
                canvas.text(
                    x - 0.06, y + middle, label.text, self.size, full=label.full, ha="right", va="center_baseline"
                )
            elif self.flat:
                canvas.text(x + middle, y - 0.08, label.text, self.size, full=label.full, ha="center")
            elif wide(label.text):
                stacked = "\n".join(label.text)
                canvas.text(
                    x + middle,
                    y - 0.06,
                    stacked,
                    self.size,
                    full=label.full,
                    ha="center",
                    va="bottom",
                    linespacing=0.85,
                )
            else:
                canvas.text(
                    x + middle, y - 0.06, label.text, self.size, full=label.full, ha="center", va="bottom", rotation=90
                )


class ColorBar:
    """The scale's colours with a few of its numbers."""

    def __init__(self, context: PictureContext, scale: Scale, height: float) -> None:
        self.context, self.scale, self.height = context, scale, height
        self.ticks = ticks(scale)
        longest = max(context.fonts.width(text, context.theme.caption) for _, text in self.ticks)
        self.width = BAR + 0.1 + longest

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        palette = np.asarray(self.context.colors.palette(self.scale), dtype=np.uint8)
        canvas.cells(x, y, BAR, self.height, palette[::-1, None])
        for place, text in self.ticks:
            at = y + self.height * (1 - place)
            canvas.line([(x + BAR, at), (x + BAR + 0.03, at)], 0.6, canvas.theme.faint)
            canvas.text(x + BAR + 0.06, at, text, self.context.theme.caption, va="center_baseline")


def ticks(scale: Scale) -> list[tuple[float, str]]:
    """Return a few round numbers of the scale, each with its place, 0 to 1; of a scale by row, its ends in words."""
    span = scale.high - scale.low
    if not span > 0:
        return [(0.5 if scale.diverging else 0.0, number(scale.low, 3))]
    if scale.spread == "row":
        largest = message("each row's largest").localized()
        return [(0.0, "-"), (0.5, "0"), (1.0, "+")] if scale.diverging else [(0.0, "0"), (1.0, largest)]
    if scale.spread == "log":
        return _powers_of_ten(scale)
    rough = span / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    digits = max(0, int(-np.floor(np.log10(step) + 1e-9))) + (step / power == 2.5)
    first, last = np.ceil(scale.low / step - 1e-9), np.floor(scale.high / step + 1e-9)
    values = step * np.arange(first, last + 1)  # the outermost may lie a rounding error outside: their places do not
    texts = [number(float(value), digits) if abs(value) > 1e-12 else "0" for value in values]
    return list(zip(scale.place(values).tolist(), texts, strict=True))


def _powers_of_ten(scale: Scale) -> list[tuple[float, str]]:
    """Return the ends of a logarithmic scale, and the powers of ten between them that have room."""
    first, last = np.ceil(np.log10(scale.floor)), np.floor(np.log10(scale.high))
    sizes = [*(10.0**power for power in np.arange(first, last + 1)), scale.high]
    shares = scale.share(np.array(sizes))
    kept = [k for k, share in enumerate(shares) if k == len(sizes) - 1 or _APART <= share <= 1 - _APART]
    if not scale.diverging:
        return [(0.0, f"≤ {_short(scale.floor)}"), *((float(shares[k]), _short(sizes[k])) for k in kept)]
    below = [(0.5 - float(shares[k]) / 2, f"-{_short(sizes[k])}") for k in reversed(kept)]
    return [*below, (0.5, "0"), *((0.5 + float(shares[k]) / 2, f"+{_short(sizes[k])}") for k in kept)]


def _short(value: float) -> str:
    """Return a number in two digits at most, as .063 or 1e-05."""
    return pure_decimal(f"{value:.2g}")


def distinct_scales(panels: tuple[Panel, ...]) -> list[Scale]:
    """Return the scales of the panels, each once."""
    return list(dict.fromkeys(panel.scale for panel in panels))
