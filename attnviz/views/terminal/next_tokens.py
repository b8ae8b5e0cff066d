"""Draw what a model says next: a line for each token, as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rich.console import RenderableType
from rich.text import Text

from attnviz.analysis.next_tokens import FilledText, NextTokens
from attnviz.i18n.messages import Message, message
from attnviz.models.continuation import GeneratedToken
from attnviz.views.prepared.labels import shorten
from attnviz.views.prepared.next_tokens import (
    StepWords,
    next_caption,
    next_heading,
    prepare_attended,
    prepare_filled,
    prepare_next,
    prepare_step,
)
from attnviz.views.terminal.block_bars import draw_bar
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.listing import render_listing
from attnviz.views.terminal.screen import Screen, caption_line, sentence_line

_NUMBER, _TOKEN, _BAR, _SHARE, _GAP = 4, 14, 10, 6, 2
_NARROW = 60  # cells, below which the bars have no room
_OTHERS = 28  # cells of the next likeliest tokens, where there is room for them


class StepLines:
    """Lines of one width, so that each can be printed when its token comes."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        taken = _NUMBER + _GAP + _TOKEN + _GAP + _SHARE
        self.bar = _BAR if screen.cells >= _NARROW else 0
        taken += self.bar + 1 if self.bar else 0
        rest = screen.cells - taken - _GAP
        self.others = _OTHERS if rest >= 2 * _OTHERS + _GAP else 0
        self.attended = max(0, rest - (self.others + _GAP if self.others else 0))

    def heading(self) -> Text:
        """Return the line above the columns."""
        line = Text(" " * (_NUMBER + _GAP), "bold", no_wrap=True, overflow="crop")
        probability = _SHARE + (self.bar + 1 if self.bar else 0)
        for titles, room in (
            ((message("token"),), _TOKEN),
            ((message("probability"), message("share")), probability),
            ((message("next likeliest"),), self.others),
            ((message("attended to"), message("looked at")), self.attended),
        ):
            if room:
                words = [title.localized() for title in titles]
                fitting = (one for one in words if cell_len(self.screen.written(one)) <= room)
                line.append(self._cut(next(fitting, ""), room) + " " * _GAP)
        line.rstrip()
        return line

    def line(self, step: StepWords) -> Text:
        """Return one token's line."""
        return self._line(
            str(step.number),
            step.token,
            step.probability,
            draw_bar(step.share * self.bar, self.screen),
            self._joined(step.others, self.others),
            self._joined(step.attended, self.attended),
        )

    def _joined(self, words: tuple[str, ...], room: int) -> str:
        """Return as many of the words as fit, at least the first, shortened."""
        separator = self.screen.ornament(" · ", ", ")
        for count in range(len(words), 1, -1):
            together = separator.join(words[:count])
            if cell_len(self.screen.written(together)) <= room:
                return together
        return words[0] if words else ""

    def _line(self, number: str, token: str, share: str, bar: str, others: str, attended: str) -> Text:
        line = Text(no_wrap=True, overflow="crop")
        line.append(self._cut(number, _NUMBER, right=True), "dim")
        line.append(" " * _GAP + self._cut(token, _TOKEN), "bold")
        line.append(" " * _GAP + self._cut(share, _SHARE, right=True))
        if self.bar:
            line.append(" " + self._cut(bar, self.bar), "cyan")
        if self.others:
            line.append(" " * _GAP + self._cut(others, self.others), "dim")
        if self.attended > 0:
            line.append(" " * _GAP + self._cut(attended, self.attended))
        line.rstrip()
        return line

    def _cut(self, text: str, room: int, *, right: bool = False) -> str:
        """Return the text in exactly `room` cells."""
        short = shorten(self.screen.written(text), room, cell_len, self.screen.mark)
        spaces = " " * (room - cell_len(short))
        return spaces + short if right else short + spaces


def step_heading(result_heading: Message, screen: Screen) -> list[RenderableType]:
    """Return the lines above the tokens: what is continued, and the columns."""
    return [sentence_line(result_heading, screen, "bold"), StepLines(screen).heading()]


def step_line(token: GeneratedToken, number: int, screen: Screen) -> Text:
    """Return one token's line; number: from 1."""
    return StepLines(screen).line(prepare_step(token, number))


def step_end(result: NextTokens, screen: Screen, *, brief: bool = False) -> list[RenderableType]:
    """Return the lines below the tokens: the text that they make, and how they were chosen, or a first caption."""
    lines: list[RenderableType] = [Text(), _whole_text(result, screen)]
    if result.branches[0].ended:
        lines.append(sentence_line(message("The model ended the text here."), screen))
    return [*lines, Text(), caption_line(next_caption(result, brief=brief), screen)]


def _whole_text(result: NextTokens, screen: Screen) -> Text:
    """Return the text with what was added, which is bold; its line breaks stay, but for those at the end."""
    before = "" if result.answers else result.text
    written = Text(overflow="fold")
    for part, style in ((before, ""), (result.added.rstrip("\n"), "bold")):
        written.append("\n".join(screen.written(line) for line in part.split("\n")), style)
    return written


def render_next(result: NextTokens, screen: Screen, *, brief: bool = False) -> Iterator[RenderableType]:
    """Draw what was said: one step's candidates as bars, several steps line by line, or branches side by side.

    brief: with a first caption of one line.
    """
    if len(result.branches) > 1:
        yield render_listing(prepare_next(result, brief=brief), screen)
        return
    if len(result.tokens) == 1:
        yield from render_step(result, screen, brief=brief)
        return
    yield from step_heading(next_heading(result), screen)
    for number, token in enumerate(result.tokens, 1):
        yield step_line(token, number, screen)
    yield from step_end(result, screen, brief=brief)


def render_step(result: NextTokens, screen: Screen, *, brief: bool = False) -> Iterator[RenderableType]:
    """Draw one step: the candidates as bars, then the words that it attended to."""
    step, listing = result.tokens[0], prepare_next(result, brief=brief)
    yield render_listing(replace(listing, caption=()), screen)
    yield render_listing(replace(prepare_attended(step.context, step.shares), caption=listing.caption), screen)


def render_filled(result: FilledText, screen: Screen, *, brief: bool = False) -> Iterator[RenderableType]:
    """Draw what would stand at each mask, and what each attended to; brief: with a first caption of one line."""
    for listing in prepare_filled(result, brief=brief):
        yield render_listing(listing, screen)
