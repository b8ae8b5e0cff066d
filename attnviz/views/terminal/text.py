"""The view `text`: the sentence itself, each word on the colour of what it receives, or without colour over a digit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from rich.console import Group, RenderableType
from rich.text import Text

from attnviz.core.clusters import split_clusters
from attnviz.i18n.messages import Message, message
from attnviz.text.line_breaking import cut_word, fill_lines, may_break
from attnviz.views.prepared.panels import Panel, Prepared, ShadedWord, number
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.color_bar import color_bar
from attnviz.views.terminal.colors import DIGITS, Paint
from attnviz.views.terminal.screen import Screen, closing_lines, sentence_line

_INDENT = 2
_GAP = 3  # between the bar of colours and what stands beside it
_WIDEST = 100  # cells a line, where a screen is wider: longer lines are hard to read
_ROUNDING = 1 - 1e-6  # a word that receives the even share but for rounding has its colour
_LONGEST_WORD = 16  # a longer one (a sentence) may be broken inside, at its spaces or between Han characters


@dataclass(frozen=True)
class WordPart:
    """A stretch of one word that is never broken, and whether it begins the word."""

    text: str
    word: ShadedWord
    first: bool


def render_text(prepared: Prepared, _: Choice, screen: Screen) -> RenderableType:
    """Draw each panel's text, wrapped between words, its paragraphs kept; never wider than the screen.

    prepared: made by shade_words; its panels have words, and share one scale or have one each.
    """
    ground = _least_with_ground(prepared.panels, Paint(prepared.panels[0].scale, screen))
    about = _about_ground(prepared, ground)
    parts: list[RenderableType] = []
    if prepared.heading is not None:
        parts.append(sentence_line(prepared.heading, screen, "bold"))
    for panel in prepared.panels:
        if panel.title is not None:
            parts.append(sentence_line(panel.title, screen, "bold", indent=_INDENT))
        paint = Paint(panel.scale, screen)
        for line in _lines(panel.words, min(screen.cells, _WIDEST) - _INDENT, screen):
            parts.extend(_drawn(line, paint, ground))
        if panel.caption is not None:
            parts.append(sentence_line(panel.caption, screen, "dim", indent=_INDENT))
        parts.append(Text())
    scales = {panel.scale for panel in prepared.panels}
    if len(scales) == 1:  # else each head has one of its own, whose end its title says
        bar = color_bar(scales.pop(), prepared.digits, screen, characters=DIGITS)
        parts.append(bar)
        if about and bar.cell_len + _GAP + cell_len(beside := screen.written(about[0].localized())) <= screen.cells:
            bar.append(" " * _GAP + beside, "dim")
            about = ()
    parts.extend(closing_lines(prepared, screen, before=about))
    return Group(*parts)


def _least_with_ground(panels: tuple[Panel, ...], paint: Paint) -> float:
    """Return the least that a word has on the colour of its number: the even share, what all receive on average.

    0 where there is no colour, and on a scale of ratios, which shows small numbers.
    """
    if not paint.colored or panels[0].scale.spread == "log":
        return 0.0
    values = [word.value for word in panels[0].words if word.value is not None]
    return _ROUNDING * sum(values) / len(values) if values else 0.0


def _about_ground(prepared: Prepared, ground: float) -> tuple[Message, ...]:
    """Return what the caption says of words without colour, where there are any."""
    words = [word for panel in prepared.panels for word in panel.words if word.value is not None]
    if all(word.value is None or word.value >= ground for word in words):
        return ()
    return (message("coloured from the even share on, {share}", share=number(ground / _ROUNDING, prepared.digits)),)


def _lines(words: Iterable[ShadedWord], width: int, screen: Screen) -> Iterator[list[WordPart | str]]:
    """Yield lines of pieces and spaces, broken at a space or beside a wide character, not before ， nor after （."""
    paragraph: list[tuple[str, list[WordPart | str]]] = []
    for gap, unit in _units(words, width, screen):
        before = " " if gap else ""
        if "\n" in gap:
            yield from _filled(paragraph, width)
            if gap.count("\n") > 1:
                yield []
            indent = " " * min(len(gap) - gap.rfind("\n") - 1, width // 3)
            paragraph, before = [("", [indent])] if indent else [], ""
        paragraph.append((before, [*unit]))
    yield from _filled(paragraph, width)


def _filled(paragraph: list[tuple[str, list[WordPart | str]]], width: int) -> Iterator[list[WordPart | str]]:
    """Yield the lines of a paragraph; its indentation alone is no line."""
    written = [
        (before, "".join(part if isinstance(part, str) else part.text for part in unit)) for before, unit in paragraph
    ]
    for line in fill_lines(written, width, cell_len) or [range(0)]:
        parts = list(chain.from_iterable([before, *unit] for before, unit in paragraph[line.start : line.stop]))[1:]
        if not parts or any(isinstance(part, WordPart) for part in parts):
            yield [part for part in parts if part]


def _units(words: Iterable[ShadedWord], width: int, screen: Screen) -> Iterator[tuple[str, list[WordPart]]]:
    """Yield what stays together on a line, each with what stands before it."""
    before, unit = "", list[WordPart]()
    for gap, piece in _pieces(words, width, screen):
        together = bool(unit) and not gap and not may_break(unit[-1].text[-1:], piece.text[:1])
        if together and sum(cell_len(each.text) for each in (*unit, piece)) <= width:
            unit.append(piece)
            continue
        if unit:
            yield before, unit
        before, unit = gap, [piece]
    if unit:
        yield before, unit


def _pieces(words: Iterable[ShadedWord], width: int, screen: Screen) -> Iterator[tuple[str, WordPart]]:
    """Yield each word, or the stretches into which a long one may be parted, with the space before it."""
    for word in words:
        text = screen.written(word.text)
        gap, first = word.before, True
        for between, stretch in _stretches(text, min(width, _LONGEST_WORD)):
            for k, part in enumerate(cut_word(stretch, width, cell_len)):
                yield (gap if first else between * (k == 0)), WordPart(part, word, first)
                first = False


def _stretches(text: str, longest: int) -> Iterator[tuple[str, str]]:
    if cell_len(text) <= longest:
        yield "", text
        return
    for k, spaced in enumerate(text.split()):
        gap, run = " " * (k > 0), ""
        for cluster in split_clusters(spaced):
            if run and may_break(run[-1], cluster[0]):
                yield gap, run
                gap, run = "", ""
            run += cluster
        yield gap, run


def _drawn(line: list[WordPart | str], paint: Paint, ground: float) -> Iterator[Text]:
    """Yield the line on its colours, those of words that have `ground` or more; without colour, its digits below."""
    text, digits = Text(" " * _INDENT, no_wrap=True), " " * _INDENT
    for piece in line:
        if isinstance(piece, str):
            text.append(piece)
            digits += " " * cell_len(piece)
            continue
        place = piece.word.place
        style = "underline bold" if piece.word.asks else ""
        text.append(piece.text, style)
        if place is not None and paint.colored and (piece.word.value or 0.0) >= ground:
            text.stylize(paint.background(paint.step(place)), len(text) - len(piece.text))
        digit = "" if place is None else DIGITS[round(place * (len(DIGITS) - 1))]
        digits += digit.ljust(cell_len(piece.text))
    yield text
    if not paint.colored and line:
        yield Text(digits.rstrip(), no_wrap=True)
