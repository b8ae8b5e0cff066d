"""The types of the data that the page's script reads (script/data.mjs has the same in JSDoc), and their JSON.

A field's name in JSON is its name here in camel case; the order is the same. Indices count from 0.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

# A text in every language of the page: language -> text.
Localized = dict[str, str]


class PageText(NamedTuple):
    """A text in reading order.

    words: for each word its position on the axis of rows or columns. gaps: what stands before each word. tail: what
    stands after the last.
    """

    words: tuple[int, ...]
    gaps: tuple[str, ...]
    tail: str


class PageScale(NamedTuple):
    """A colour scale.

    low, high: the numbers at its ends. floor: the low end of logarithmic colouring. colours: 256 times six hexadecimal
    digits. ink: for each colour "0" where black text is legible on it, else "1" for white.
    """

    low: float
    high: float
    floor: float
    diverging: bool
    colours: str
    ink: str


class PageSheet(NamedTuple):
    """The weight matrix of one layer, head and side; its block has the same index.

    kind: how the block is encoded (payload.py). reach: its largest absolute number. mask: the block of its forbidden
    cells, -1 without any.
    """

    kind: str
    reach: float
    mask: int


class SmallMaps(NamedTuple):
    """The pooled maps of all sheets: their block, and the cells of each.

    steps: how many tokens a cell stands for, of the rows and of the columns; step: the larger.
    """

    block: int
    rows: int
    columns: int
    step: int
    steps: tuple[int, int]


class Hideable(NamedTuple):
    """The columns of special tokens and sinks, which the reader may hide.

    high: the largest number of all sheets in the other columns, as it is, and with each row re-normalized to sum to 1.
    sums: which parts of the caption say what a row sums to, which hiding changes.
    """

    columns: tuple[int, ...] = ()
    high: tuple[float, float] = (0.0, 0.0)
    sums: tuple[int, ...] = ()


class PagePatches(NamedTuple):
    """The picture whose patches are the tokens.

    rows, columns: of patches. aspect: its width as a multiple of its height. row_cells, column_cells: for each token of
    the axes its place, row by row, -1 where it is no patch. picture: a data: address, None where it is not known.
    """

    rows: int
    columns: int
    aspect: float
    row_cells: tuple[int, ...]
    column_cells: tuple[int, ...]
    picture: str | None


class PageStep(NamedTuple):
    """A token that a model added, and what stands beside it.

    context_size: how many words of the context it could attend to.
    candidates, attended: text, percent as text, and the number, 0 to 1.
    """

    context_size: int
    token: str
    gap: str
    probability: str
    candidates: tuple[tuple[str, str, float], ...]
    attended: tuple[tuple[str, str, float], ...]


class PageSteps(NamedTuple):
    """The steps of a branch. words, text: the context of the last one; grows: whether added tokens are in it.

    name: the branch among several. block: the shares [steps, words], encoded as weights are; kind: how.
    """

    name: Localized
    caption: tuple[Localized, ...]
    words: tuple[str, ...]
    text: PageText
    grows: bool
    block: int
    kind: str
    steps: tuple[PageStep, ...]


class PageData(NamedTuple):
    """All that the page shows, but the numbers, which are in blocks.

    texts: those that the words are shown in; row_texts: the index of each side's text; column_text: that of the
    columns where they are not the rows.
    captions, notes: one list for each layer, or one for all. precision: names a sentence.
    rows, columns: the labels of the axes.
    layers, heads, sides: the names to choose from; the layers of a comparison are its settings, its sides are A, B and
    the change; an attention has one side without a name. titles, sheets: [layers * heads], [layers * heads * sides].
    view: the view that is shown first; start: its layer and head. spread: how their colours are spread at first.
    patches: where the tokens are those of a picture. scales: those in use; scale_of_side: the index of each side's.
    head_colours: of heads that are shown over each other, as "#rrggbb"; none where there is one head.
    terms: the block of how each weight comes about, -1 without (`views/prepared/score_terms.py`); null for the mean.
    played: the steps of each branch of a continuation. sentences: those of the controls, by language and name.
    """

    kind: Literal["attention", "comparison"]
    texts: tuple[PageText, ...]
    row_texts: tuple[int, ...]
    column_text: int | None
    captions: tuple[tuple[Localized, ...], ...]
    notes: tuple[tuple[Localized, ...], ...]
    precision: Literal["exact", "rounded"]
    digits: int
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    axes: Localized
    layers: tuple[Localized, ...]
    heads: tuple[Localized, ...]
    sides: tuple[Localized | None, ...]
    titles: tuple[Localized, ...]
    view: Literal["matrix", "heads", "patches", "steps"]
    start: tuple[int, int]
    scales: tuple[PageScale, ...]
    spread: str
    scale_of_side: tuple[int, ...]
    head_colours: tuple[str, ...]
    sheets: tuple[PageSheet, ...]
    small: SmallMaps
    hideable: Hideable
    patches: PagePatches | None
    terms: int
    played: tuple[PageSteps, ...]
    sentences: dict[str, dict[str, str]]
    title: str
    language: str


def as_json_value(value: object) -> Any:
    """Return the value with named tuples as dictionaries, in camel case, and other tuples as lists."""
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        return {_camel_case(name): as_json_value(each) for name, each in zip(names, value, strict=True)}
    if isinstance(value, Mapping):
        return {key: as_json_value(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [as_json_value(each) for each in value]
    return value


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
