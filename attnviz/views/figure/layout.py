"""What all kinds of pictures share: the sheet with its title and caption, labels that fit, and the colour bar."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from attnviz.core.clusters import count_columns
from attnviz.core.errors import OptionError
from attnviz.i18n.decimals import MINUS, pure_decimal
from attnviz.i18n.messages import Message, message
from attnviz.text.line_breaking import Part, break_parts, divide, split_prose
from attnviz.views.figure.colors import MOST_OVERLAID, Colors
from attnviz.views.figure.fonts import POINT, Fonts, missing_note
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.labels import shorten, shorten_between_words
from attnviz.views.prepared.panels import Panel, Prepared, number
from attnviz.views.prepared.style import Style, Theme

if TYPE_CHECKING:
    from attnviz.views.figure.canvas import Canvas

MARGIN = 0.2
PAGE = 9.6  # inches: what a page is high between its margins, where a picture is as wide as a column or a page
BAR = 0.09  # how high a colour bar is
LINE = 1.35  # from one baseline to the next, in the letters' size
SMALLEST = 5.5  # points: what is smaller nobody reads
_BETWEEN = 0.4  # lines between verdicts and caption
_MOST_LABEL_CELLS = 18
_MOST_TITLE_LINES, _MOST_COMPARED_LINES = 2, 6  # of one text, and of two that are compared
_NARROWEST = 3.4
_LONGEST_BAR = 1.9
_APART = 0.2  # the least distance of two numbers below a colour bar, as a share of it
_SLANT = 2**0.5
SLANTED_LINE = 1.02 * _SLANT  # from one slanted label to the next, in the letters' size
AIRY = 1.2  # how much farther apart slanted labels stand while they are larger than the smallest
FLAT_LABEL = 0.85  # labels lie flat where they fit their cells at this share of their size


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

    def label(self, text: str, most: int = _MOST_LABEL_CELLS) -> Label:
        """Return a token's label: drawable, and shortened in the middle where it is longer than `most` columns."""
        full = self.drawable(text)
        return Label(shorten_between_words(full, most, count_columns), full)

    def cell_words(self, text: str, most: int) -> str:
        """Return what stands in a cell: drawable, and shortened to so many columns where it is a long word."""
        return shorten(self.drawable(text), most, count_columns)

    def fit(self, text: str, width: float, size: float) -> str:
        """Return the text shortened in the middle to this width, in inches."""
        return shorten(text, round(width * 1000), lambda part: round(self.fonts.width(part, size) * 1000))

    def _fit_words(self, text: str, width: float, size: float) -> str:
        """Return the text shortened between words to this width, in inches."""
        return shorten_between_words(text, round(width * 1000), lambda part: round(self.fonts.width(part, size) * 1000))

    def wrapped(self, text: str, width: float, size: float) -> list[str]:
        """Return the text in lines of this width."""
        return wrap(self.fonts, split_prose(text), width, size) if text else []

    def few_lines(self, text: str, width: float, size: float, most: int) -> list[str]:
        """Return the text in up to `most` lines of this width; the last one is shortened where it must be."""
        lines = self.wrapped(text, width, size)
        if len(lines) <= most:
            return lines
        start = divide(text, width, lambda part: self.fonts.width(part, size))[most - 2] if most > 1 else 0
        return [*lines[: most - 1], self._fit_words(text[start:], width, size)]

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
        return [*lines, *self.note_lines(notes, width)]

    def note_lines(self, notes: Iterable[Message], width: float) -> list[str]:
        """Return the lines of sentences, each on lines of its own; none in a picture without title and caption."""
        if self.style.no_title:
            return []
        size = self.theme.caption
        return [line for note in notes for line in wrap(self.fonts, split_prose(self.words(note)), width, size)]


class PictureContext(PictureText):
    """What every part of one picture works with; it collects what the reader should know.

    `notes` are told beside the picture, `extra` in its caption. height: of the Axes that it is drawn into, in inches.
    """

    def __init__(self, prepared: Prepared, style: Style, fonts: Fonts, height: float | None = None) -> None:
        super().__init__(style, fonts)
        self.prepared, self.height = prepared, height
        self.colors = Colors(prepared, style)
        self.extra: list[Message] = []
        self.thinned = (1, 0)  # every how-many-th word has a label, at worst, and of how many words

    def heading_lines(self, width: float) -> tuple[list[str], list[str]]:
        """Return the lines of title and subtitle, at most `width` inches long; none in a picture without them.

        The title is one's own, or the sentence; the subtitle says what is drawn of it, and of which layer and head.
        """
        if self.style.no_title:
            return [], []
        prepared = self.prepared
        parts = [prepared.what or prepared.heading, *self._where()]
        if self.style.kind == "text" and self.style.title is None:  # the text itself follows
            title, parts = self.words(parts[0]), parts[1:]
        elif self.style.title is None and prepared.subject is None:
            title, parts = self.title(parts[0]), parts[1:]
        else:
            title = self.title(prepared.subject)
            parts = [prepared.subject, *parts] if self.style.title is not None else parts
        size = 1.05 * self.theme.title  # semibold letters, and whole pixels, are wider
        most = _MOST_COMPARED_LINES if prepared.kind == "comparison" else _MOST_TITLE_LINES
        lines = self.few_lines(title, width, size, most)
        below: list[Part] = []
        for words in map(self.words, (part for part in parts if part is not None)):
            pieces = [("", words)] if self.fonts.width(words, self.theme.label) <= width else split_prose(words)
            below += [(" · ", pieces[0][1]), *pieces[1:]]
        return lines, wrap(self.fonts, below, width, self.theme.label)

    def _where(self) -> list[Message | None]:
        """Return the layer and head of the only panel, or the layer that all panels are of."""
        panels, headings = self.prepared.panels, self.prepared.headings
        if self.prepared.kind not in ("weights", "scores"):
            return []
        if len(panels) == 1:
            return [panels[0].title]
        one_layer = headings is not None and len(headings[0]) == 1 and panels[0].title != panels[0].short
        return [headings[0][0] if headings is not None and one_layer else None]

    @property
    def room(self) -> float | None:
        """How wide the body may be; None where it may be as wide as it needs."""
        return None if self.style.inches is None else self.style.inches - 2 * MARGIN

    @property
    def notes(self) -> tuple[Message, ...]:
        """What the reader should know, each thing once."""
        return (*self.fonts.notes, *self.colors.notes, *missing_note(self.lacking), *self._thinned_note())

    def _thinned_note(self) -> tuple[Message, ...]:
        """Say once that words have no label, where that is so."""
        step, count = self.thinned
        words = message(
            "There is room for the labels of only one word in {step}; all {count} words are drawn.",
            step=step,
            count=count,
        )
        return (words,) if step > 1 else ()

    def foot_lines(self, width: float) -> tuple[list[str], list[str]]:
        """Return the lines below a picture: its verdicts, then its caption with all that is told in it so far."""
        verdicts, notes = self.prepared.notes[: self.prepared.verdicts], self.prepared.notes[self.prepared.verdicts :]
        lines = self.note_lines(verdicts, width / 1.05)  # semibold letters are wider
        return lines, self.caption_lines(self.prepared.caption, (*notes, *self.extra), width)

    def height_above(self) -> float:
        """Return how high margin, title and subtitle are, in inches."""
        title, subtitle = self.heading_lines(self._inner)
        lines = len(title) * LINE * self.theme.title + len(subtitle) * LINE * self.theme.label
        return MARGIN + lines * POINT + (0.1 if title else 0.0)

    def height_below(self) -> float:
        """Return how high verdicts, caption and margin are, in inches, with what is told so far."""
        verdicts, caption = self.foot_lines(self._inner)
        return foot_height(len(verdicts), len(caption), self.theme)

    @property
    def page_room(self) -> float:
        """How high the body may be at a chosen width, in inches: no picture is higher than a page."""
        return max(PAGE, 1.3 * (self.style.inches or 0.0)) - self.height_above() - self.height_below()

    @property
    def _inner(self) -> float:
        return (self.style.inches or PAGE) - 2 * MARGIN

    def too_narrow(self, least: float, *, of_words: bool = False, of_heads: bool = False) -> OptionError:
        """Return the error for a width into which a body this wide does not fit: see `too_narrow`."""
        return too_narrow(self.style, least + 2 * MARGIN, of_words=of_words, of_heads=of_heads)


def foot_height(verdicts: int, caption: int, theme: Theme) -> float:
    """Return how high so many lines of verdicts and of a caption are with the margin below them, in inches."""
    lines = verdicts + caption + (_BETWEEN if verdicts and caption else 0.0)
    return MARGIN + (0.16 + lines * LINE * theme.caption * POINT if lines else 0.0)


def too_narrow(style: Style, least: float, *, of_words: bool = False, of_heads: bool = False) -> OptionError:
    """Return the error for a width into which the picture does not fit.

    least: in inches, the width that does. of_words, of_heads: whether fewer of them need less.
    """
    return OptionError(
        "--width {width} is too narrow for this picture: it needs {least}.",
        hint=(
            "Give a wider one, or a shorter text."
            if of_words
            else "Give a wider one, or fewer heads."
            if of_heads
            else "Give a wider one."
        ),
        width=style.width,
        least=style.in_its_unit(least),
    )


@dataclass(frozen=True)
class Label:
    """A token's label as it is drawn, and the whole of it."""

    text: str
    full: str


class PictureLayout:
    """The sheet: title and subtitle above, body in the middle, caption below; all begin at one left edge."""

    def __init__(self, context: PictureContext, make: Callable[[PictureContext], Body]) -> None:
        self.context, theme = context, context.theme
        self.body = make(context)
        self.width = context.style.inches or max(_NARROWEST, self.body.width) + 2 * MARGIN
        inner = self.width - 2 * MARGIN
        self.title, self.subtitle = context.heading_lines(inner)
        self.verdicts, self.caption = context.foot_lines(inner)
        self.top = (
            MARGIN + len(self.title) * LINE * theme.title * POINT + len(self.subtitle) * LINE * theme.label * POINT
        )
        self.top += 0.1 if self.title else 0.0
        self.foot = foot_height(len(self.verdicts), len(self.caption), theme)
        self.height = self.top + self.body.height + self.foot

    def draw(self, canvas: Canvas) -> None:
        """Draw all of it."""
        theme = self.context.theme
        y = MARGIN
        for line in self.title:
            y += LINE * theme.title * POINT
            canvas.text(MARGIN, y - 0.4 * theme.title * POINT, line, theme.title, semibold=True)
        for line in self.subtitle:
            y += LINE * theme.label * POINT
            canvas.text(MARGIN, y - 0.4 * theme.label * POINT, line, theme.label, color=theme.faint)
        self.body.draw(canvas, MARGIN, self.top)
        first = self.top + self.body.height + 0.16 + 0.95 * theme.caption * POINT
        for k, line in enumerate(self.verdicts):
            canvas.text(MARGIN, first + k * LINE * theme.caption * POINT, line, theme.caption, semibold=True)
        begin = len(self.verdicts) + (_BETWEEN if self.verdicts else 0.0)
        for k, line in enumerate(self.caption):
            y = first + (begin + k) * LINE * theme.caption * POINT
            canvas.text(MARGIN, y, line, theme.caption, color=theme.faint)


def wrap(fonts: Fonts, parts: Iterable[Part], width: float, size: float) -> list[str]:
    """Return the parts in lines of at most `width` inches, in letters of `size` points."""
    return break_parts(parts, width, lambda text: fonts.width(text, size))


class AxisLabels:
    """The labels along one side of a matrix: their size, every how-many-th is drawn, and how much room they take.

    Labels shrink to the cells down to 5.5 points; below that only some are drawn, and a note says so. Above columns
    they lie flat where all fit, else all of them rise to the right at 45 degrees.
    """

    def __init__(self, context: PictureContext, labels: list[Label], cell: float, *, above: bool) -> None:
        self.context, self.labels, self.cell, self.above = context, labels, cell, above
        most, widths = context.theme.label, [context.fonts.width(label.text, 1) for label in labels]
        widest = max(widths, default=0.0)
        self.flat = above and widest * FLAT_LABEL * most < 0.94 * cell
        line = (SLANTED_LINE if above else 1.15) * POINT  # from one label to the next, in the letters' size
        fitting = 0.94 * cell / widest if self.flat and widest else cell / (line * (AIRY if above else 1.0))
        self.size = max(SMALLEST, min(most, fitting))
        self.step = 1 if self.flat else max(1, int(np.ceil(self.size * line / cell - 1e-9)))
        longest = max((context.fonts.width(label.text, self.size) for label in labels[:: self.step]), default=0.0)
        self.room = longest + 0.06
        self.overhang = 0.0
        if above:
            slanted = (longest + self.size * POINT) / _SLANT + 0.04
            self.room = 1.15 * self.size * POINT + 0.06 if self.flat else slanted + 0.03
            self.overhang = 0.0 if self.flat else self._overhang()
        if self.step > 1:
            context.thinned = max(context.thinned, (self.step, len(labels)))

    def _overhang(self) -> float:
        """Return how far slanted labels reach beyond the last column, in inches."""
        ends = [
            (place + 0.5) * self.cell + (self.context.fonts.width(self.labels[place].text, self.size)) / _SLANT
            for place in range(0, len(self.labels), self.step)
        ]
        return max(0.0, max(ends, default=0.0) + 0.5 * self.size * POINT - len(self.labels) * self.cell)

    def room_below(self, width: float) -> float:
        """Return how much room labels above columns need below something this wide that begins at the first column."""
        letter = self.size * POINT
        high = letter
        for place in range(0, len(self.labels), self.step):
            beyond = width + letter - ((place + 0.5) * self.cell + 0.3 * letter)
            if beyond <= 0:
                break
            long = self.context.fonts.width(self.labels[place].text, self.size) / _SLANT
            high = max(high, min(long, beyond) + letter)
        return self.room if self.flat else min(self.room, high + 0.05)

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw them: to the left of x from y down, or above y from x to the right."""
        for place in range(0, len(self.labels), self.step):
            label, middle = self.labels[place], (place + 0.5) * self.cell
            if not self.above:
                canvas.text(x - 0.06, y + middle, label.text, self.size, full=label.full, ha="right", middle=True)
            elif self.flat:
                canvas.text(x + middle, y - 0.08, label.text, self.size, full=label.full, ha="center")
            else:
                at = x + middle + 0.3 * self.size * POINT
                canvas.text(at, y - 0.05, label.text, self.size, full=label.full, rotation=45, rotation_mode="anchor")


class SideNames:
    """The names of a matrix's sides: what looks, beside its rows, and what is looked at, over its columns."""

    def __init__(self, context: PictureContext) -> None:
        sides = context.prepared.sides
        self.context, self.size = context, 0.9 * context.theme.caption
        self.rows, self.columns = (context.words(side) for side in sides) if sides is not None else ("", "")
        self.left = context.fonts.width(self.rows, self.size) + 0.06 if self.rows else 0.0
        self.above = 1.5 * self.size * POINT if self.columns else 0.0
        self.wide = context.fonts.width(self.columns, self.size) if self.columns else 0.0

    def draw(self, canvas: Canvas, x: float, y: float, room: float) -> None:
        """Draw both around the corner (x, y) of the first cell; room: the height of the columns' labels there."""
        if self.rows:
            canvas.text(x - 0.06, y - 0.06, self.rows, self.size, color=canvas.theme.faint, ha="right")
        if self.columns:
            canvas.text(x, y - room - 0.04, self.columns, self.size, color=canvas.theme.faint)


@dataclass(frozen=True)
class PanelLine:
    """Panels that stand side by side, by their indexes, and the heading above them, where it is new."""

    heading: str
    panels: tuple[int, ...]


def panel_lines(context: PictureContext, panels: Sequence[Panel], across: int) -> list[PanelLine]:
    """Return which panels stand side by side: up to `across`, and only those under one heading."""
    lines = []
    for group, members in groupby(range(len(panels)), key=lambda i: panels[i].group):
        found = tuple(members)
        for k in range(0, len(found), across):
            lines.append(PanelLine(context.words(group) if k == 0 else "", found[k : k + across]))
    return lines


class HeadColors:
    """The names of heads that are drawn over each other, each beside its colour; raises OptionError for too many."""

    def __init__(self, context: PictureContext) -> None:
        self.context, self.size = context, 0.9 * context.theme.label
        panels = context.prepared.panels
        if len(panels) > MOST_OVERLAID or context.prepared.kind == "comparison":
            raise OptionError(
                "--overlay tells up to {most} heads of one text apart by their colours.",
                hint="Choose some with --head, or leave --overlay out.",
                most=MOST_OVERLAID,
            )
        self.names = [context.words(panel.title) or context.words(message("head {head}", head=0)) for panel in panels]
        room = context.room if context.room is not None else 0.5 * context.theme.grid
        self.places: list[tuple[float, float]] = []
        x = y = self.width = 0.0
        for name in self.names:
            width = context.fonts.width(name, self.size) + 0.5
            if x and x + width > room:
                x, y = 0.0, y + 1.5 * self.size * POINT
            self.places.append((x, y))
            x += width
            self.width = max(self.width, x)
        self.height = y + 2.0 * self.size * POINT

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw the names from the corner (x, y) on."""
        for k, (name, (left, top)) in enumerate(zip(self.names, self.places, strict=True)):
            line = y + top + 0.7 * self.size * POINT
            canvas.line([(x + left, line), (x + left + 0.2, line)], 3.0, self.context.colors.of_head(k))
            canvas.text(x + left + 0.26, y + top + self.size * POINT, name, self.size)


class ColorBars:
    """The scales of a picture, flat below it: each with its name, its colours, 0 and the number at its end."""

    def __init__(self, context: PictureContext, named: Sequence[NamedScale], width: float) -> None:
        self.context, size = context, context.theme.caption
        self.named = [
            (context.words(one.name), one.scale, ticks(one.scale, own=one.own, beyond=one.beyond)) for one in named
        ]
        self.length = min(_LONGEST_BAR * context.theme.label / 10, max(0.6, width * 0.45))
        self.names = [context.fonts.width(name, size) + 0.1 for name, _, _ in self.named]
        widest = max(self.names, default=0.0) + self.length + 0.3
        self.row = 0.14 + 2.3 * size * POINT
        self.across = max(1, min(len(self.named), int((width + 0.3) / widest)))
        if self.across == 1:  # bars below each other begin at one edge
            self.names = [max(self.names)] * len(self.names) if self.names else []
        self.pitch = widest
        self.height = -(-len(self.named) // self.across) * self.row if self.named else 0.0

    def draw(self, canvas: Canvas, x: float, y: float) -> None:
        """Draw them from the corner (x, y) on."""
        size = self.context.theme.caption
        for k, (name, scale, numbers) in enumerate(self.named):
            left = x + (k % self.across) * self.pitch
            top = y + (k // self.across) * self.row + 0.14
            canvas.text(left, top + BAR / 2, name, size, color=canvas.theme.faint, middle=True)
            left += self.names[k]
            palette = np.asarray(self.context.colors.palette(scale), dtype=np.uint8)
            canvas.cells(left, top, self.length, BAR, palette[None])
            for place, text in numbers:
                at = left + self.length * place
                side = "left" if place == 0 else "right" if place == 1 else "center"
                canvas.text(at, top + BAR + 1.1 * size * POINT, text, size, color=canvas.theme.faint, ha=side)


class NamedScale(NamedTuple):
    """A scale with the name of its numbers.

    own: whether it stands for those of several panels, each with its own. beyond: whether numbers lie below its low
    end, and above its high end.
    """

    name: Message
    scale: Scale
    own: bool = False
    beyond: tuple[bool, bool] = (False, False)


def scale_names(prepared: Prepared) -> list[NamedScale]:
    """Return the scales of the panels, each once; one for all where each has its own, whose end its title says."""
    found: dict[Scale, Message] = {}
    below: set[Scale] = set()
    above: set[Scale] = set()
    for panel in prepared.panels:
        usual = message("change") if panel.plus else _NUMBERS.get(prepared.kind, message("number"))
        found.setdefault(panel.scale, panel.quantity or prepared.numbers or usual)
        for counted, scales in zip(panel.beyond(), (below, above), strict=True):
            if counted:
                scales.add(panel.scale)
    each = [panel.scale for panel in prepared.panels]
    if len(found) <= 2 or len(found) < len(each) / 2:
        return [NamedScale(name, scale, beyond=(scale in below, scale in above)) for scale, name in found.items()]
    first = {scale.diverging: NamedScale(name, scale, own=True) for scale, name in reversed(found.items())}
    return list(first.values())


_NUMBERS = {
    "weights": message("weight"),
    "comparison": message("weight"),
    "lab": message("weight"),
    "scores": message("score"),
}


def ticks(scale: Scale, *, own: bool = False, beyond: tuple[bool, bool] = (False, False)) -> list[tuple[float, str]]:
    """Return the ends of the scale and its 0, each with its place, 0 to 1; of ratios also the powers of ten between.

    own: whether the scale stands for those of several heads. beyond: whether numbers lie below the low end, which is ≤
    then, and above the high end, which is ≥.
    """
    marks = {0.0: "≤ " if beyond[0] else "", 1.0: "≥ " if beyond[1] else ""}
    return [(place, marks.get(place, "") + text) for place, text in _ticks_inside(scale, own=own)]


def _ticks_inside(scale: Scale, *, own: bool) -> list[tuple[float, str]]:
    """Return the ticks of a scale beyond which no number lies."""
    span = scale.high - scale.low
    if not span > 0:
        return [(0.5 if scale.diverging else 0.0, number(scale.low, 3))]
    if own or scale.spread == "row":
        largest = message("each head's largest") if own else message("each row's largest")
        return [(0.0, MINUS), (0.5, "0"), (1.0, "+")] if scale.diverging else [(0.0, "0"), (1.0, largest.localized())]
    if scale.spread == "log":
        return _powers_of_ten(scale)
    digits = max(2, 1 - int(np.floor(np.log10(span))))
    ends = [(0.0, scale.low), *([(0.5, 0.0)] if scale.diverging else []), (1.0, scale.high)]
    return [(place, number(value, digits, plus=scale.diverging)) for place, value in ends]


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
    """Return a number in two digits at most, as .063 or 10⁻⁵."""
    return pure_decimal(f"{value:.2g}")
