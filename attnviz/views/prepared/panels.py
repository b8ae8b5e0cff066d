"""The prepared form: panels of numbers with their labels and scale, and the words around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attnviz.core.attention_data import Token
from attnviz.i18n.decimals import fixed, pure_decimal, unsigned_zero
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.labels import visible

FORBIDDEN = "·"
_LONGEST_SUBJECT = 400


@dataclass(frozen=True)
class ShadedWord:
    """One token where it stands: what comes before it (spaces, line ends, or nothing), and how much it receives.

    value and place are None for what is not looked at: text between the tokens, and hidden or forbidden ones.
    asks: whether it is the word that looks.
    """

    text: str
    before: str
    value: float | None = None
    place: float | None = None
    asks: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """One matrix: values [rows, columns] as computed, forbidden cells [rows, columns] or None, and its title.

    short: its title where `group`, the heading that it shares with the panels beside it, and the picture's own
    subtitle say the rest. caption: one line that stands below it, as a small multiple. numbers, row_numbers: which
    token each column and row is, where some are left out. cross: whether the columns are the words of another text.
    words: the text itself, where the panel is a text that is shaded. cells: words that stand in the cells,
    [rows][columns], in place of numbers; number_cells: whether numbers stand beside them where no colour can say
    these. short_cells: shorter ones for narrow cells; bare: the title where no words stand there. quantity: what the
    numbers are, where they are not what those of the other panels are.
    """

    title: Message | None
    values: NDArray[np.floating]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    scale: Scale
    forbidden: NDArray[np.bool_] | None = None
    plus: bool = False
    caption: Message | None = None
    numbers: tuple[int, ...] | None = None
    cross: bool = False
    row_numbers: tuple[int, ...] | None = None
    words: tuple[ShadedWord, ...] = ()
    cells: tuple[tuple[Message, ...], ...] | None = None
    short_cells: tuple[tuple[Message, ...], ...] | None = None
    bare: Message | None = None
    short: Message | None = None
    group: Message | None = None
    quantity: Message | None = None
    number_cells: bool = False

    def __post_init__(self) -> None:
        """Make the labels safe to print, whatever they come from."""
        for side in ("rows", "columns"):
            labels = getattr(self, side)
            if not all(map(str.isprintable, labels)):
                object.__setattr__(self, side, tuple(map(visible, labels)))

    def texts(self, digits: int) -> list[list[str]]:
        """Return each cell's number as people read it, or its words, [rows][columns]; · where the mask forbids."""
        if self.cells is not None:
            shown = [[word.localized() for word in row] for row in self.cells]
        else:
            shown = [[number(float(value), digits, plus=self.plus) for value in row] for row in self.values]
        if self.forbidden is not None:
            for i, j in np.argwhere(self.forbidden):
                shown[i][j] = FORBIDDEN
        return shown

    def even_shares(self) -> NDArray[np.float64]:
        """Return what each word would get of a row if all that it may look at got the same, [rows]."""
        sums = np.where(True if self.forbidden is None else ~self.forbidden, self.values, 0).sum(
            axis=-1, dtype=np.float64
        )
        count = self.values.shape[1] if self.forbidden is None else (~self.forbidden).sum(axis=-1)
        return np.asarray(sums / np.maximum(count, 1))

    def beyond(self) -> tuple[int, int]:
        """Return how many cells lie below the low end of the colours, and how many above the high end."""
        if self.scale.spread == "row":
            return 0, 0
        there = np.ones(self.values.shape, dtype=bool) if self.forbidden is None else ~self.forbidden
        values, slack = self.values.astype(np.float64), 1e-6 * (self.scale.high - self.scale.low)
        below, above = values < self.scale.low - slack, values > self.scale.high + slack
        return int((below & there).sum()), int((above & there).sum())

    def places(self) -> NDArray[np.float64]:
        """Return each cell's place on the colour scale, 0 to 1, [rows, columns]."""
        return self.scale.place(self.values if self.forbidden is None else np.where(self.forbidden, 0, self.values))


@dataclass(frozen=True, eq=False)
class PictureGround:
    """The picture below maps of its patches.

    name: of its file. pixels [height, width, 3], None where only the grid is known. aspect: how wide it is, as a
    multiple of its height. chosen: row and column of the patch that looks, where it is one.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    aspect: float
    chosen: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """Panels with the same kind of numbers: what stands above them, below them, and how many digits they have.

    across: how many panels a reader wants side by side; notes: sentences, one a line; verdicts: how many of them, from
    the first, say what came out: they stand bold above the caption. headings: of the rows and columns
    of a grid of panels, where they are one: layers and heads, or settings and texts.
    subject: the sentence that a picture shows, what: what it shows of it, sides: what its rows and columns are; these
    are a picture's title, its subtitle, and the names of its axes; without a subject `what` is its title. numbers: what
    the numbers are, where `kind` does not say it. cell_digits: digits in a picture's cells, where chosen.
    ground: the picture that the panels are maps of, where they are.
    """

    kind: str
    panels: tuple[Panel, ...]
    heading: Message | None
    caption: tuple[Message, ...]
    notes: tuple[Message, ...] = ()
    digits: int = 3
    across: int = 1
    headings: tuple[tuple[Message, ...], tuple[Message, ...]] | None = None
    subject: Message | None = None
    what: Message | None = None
    sides: tuple[Message, Message] | None = None
    numbers: Message | None = None
    cell_digits: int | None = None
    ground: PictureGround | None = None
    verdicts: int = 0


QUERY_AND_KEY = (message("query ↓"), message("key →"))
LAYER_AND_HEAD = (message("layer ↓"), message("head →"))
LAYER_AND_TOKEN = (message("layer ↓"), message("token →"))
UPWARD_AND_TOKEN = (message("layer ↑"), message("token →"))


def subject_of(*texts: str) -> Message:
    """Return the sentences that a picture shows as its title, on one line: two where one is compared with another.

    >>> str(subject_of("猫吃鱼", "鱼吃 猫"))
    '猫吃鱼 | 鱼吃 猫'
    """
    shown = [visible(" ".join(text.split())[:_LONGEST_SUBJECT], "picture") for text in texts]
    return message("{text}", text=" | ".join(shown))


def subject_of_tokens(*texts: Sequence[Token]) -> Message:
    """Return the texts that these tokens are of as a picture's title, without special tokens."""
    return subject_of(*map(_spelled, texts))


def _spelled(tokens: Sequence[Token]) -> str:
    """Return a text as its tokens spell it; pieces that share one character count once."""
    parts: list[str] = []
    end = 0
    for token in tokens:
        if token.start is None or token.end is None or token.end <= max(token.start, end):
            continue
        parts += [" "] * (token.start > end and bool(parts)) + [token.text]
        end = token.end
    return "".join(parts) or " ".join(token.text for token in tokens)


def number(value: float, digits: int, *, plus: bool = False) -> str:
    """Write a number, in English without its leading zero; 0 is exactly nothing, .000 is too little for the digits.

    Of a number with a sign .000 has none: nobody can see on which side of 0 it is.

    >>> number(0.4172, 3), number(-1.5, 2), number(0.0, 3), number(0.25, 2, plus=True)
    ('.417', '-1.50', '0', '+.25')
    """
    if value == 0:
        return "0"
    sign = "+" if plus else ""
    if abs(value) < 1e6:
        whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        written = unsigned_zero(fixed(value, min(digits, 9 - whole), sign))  # float32 has no tenth digit
    else:
        written = f"{value:{sign}.{min(digits, 5)}e}"
    return pure_decimal(written)


def join(forms: tuple[Prepared, ...]) -> Prepared:
    """Join several prepared forms into one for a single picture; each panel's title says which form it is from.

    What the captions have in common stands once; what is of one form alone has its heading before it.
    """
    if len(forms) == 1:
        return forms[0]
    panels = tuple(
        replace(
            panel,
            title=form.heading
            if panel.title is None
            else message("{title} {heading}", title=panel.title, heading=form.heading),
            short=panel.short or panel.title,
            group=panel.group or form.heading,
        )
        for form in forms
        for panel in form.panels
    )
    verdicts = {str(note): note for form in forms for note in form.notes[: form.verdicts]}
    notes = (verdicts | {str(note): note for form in forms for note in form.notes}).values()
    down = tuple(heading for form in forms if form.headings for heading in form.headings[0])
    headings = (down, forms[0].headings[1]) if forms[0].headings else None
    return replace(
        forms[0],
        panels=panels,
        heading=None,
        caption=_join_captions(forms),
        notes=tuple(notes),
        headings=headings,
        verdicts=len(verdicts),
    )


def _join_captions(forms: tuple[Prepared, ...]) -> tuple[Message, ...]:
    """Return the parts that all captions have, then those of some alone, each with its form's heading."""
    written = [{str(part) for part in form.caption} for form in forms]
    shared = set.intersection(*written)
    common = tuple(part for part in forms[0].caption if str(part) in shared)
    own = tuple(
        part if form.heading is None else message("{heading}: {part}", heading=form.heading, part=part)
        for form in forms
        for part in form.caption
        if str(part) not in shared
    )
    return (*common, *own)
