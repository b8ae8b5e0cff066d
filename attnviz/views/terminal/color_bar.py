"""The bar below a view that says what its colours, or its characters, mean."""

from __future__ import annotations

from rich.text import Text

from attnviz.i18n.decimals import pure_decimal
from attnviz.i18n.messages import message
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.panels import number
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.colors import Paint
from attnviz.views.terminal.screen import Screen

_INDENT = 2
_LENGTH = 20


def color_bar(scale: Scale, digits: int, screen: Screen, *, characters: str = "") -> Text:
    """Draw the colours from the low end to the high end, with the numbers there.

    characters: those that stand for the steps where there is no colour; by default the shades of the scale.
    """
    paint = Paint(scale, screen)
    low, high = (_end(scale, end, digits, screen) for end in (scale.low, scale.high))
    room = max(3, min(_LENGTH, screen.cells - _INDENT - cell_len(low) - cell_len(high) - 2))
    line = Text(" " * _INDENT, overflow="fold").append(f"{low} ", "dim")
    if paint.colored:
        for k in range(room):
            line.append(" ", paint.background(paint.step(k / (room - 1))))
    else:
        line.append("".join(letter if letter.isalnum() else 2 * letter for letter in characters or paint.characters))
    return line.append(f" {high}", "dim")


def _end(scale: Scale, value: float, digits: int, screen: Screen) -> str:
    """Return the number at one end of a colour bar, as its spread has it."""
    written = number(value, digits, plus=scale.diverging)
    if scale.spread == "row" and value == scale.high:
        return screen.written(message("each row's largest, at most {number}", number=written).localized())
    if scale.spread == "row" and value < 0:
        return screen.written(message("farthest below 0").localized())
    if scale.spread == "log" and value == scale.low:
        floor = pure_decimal(f"{-scale.floor if scale.diverging else scale.floor:.1g}")
        return screen.written(message("{floor} and less", floor=floor).localized()) if not scale.diverging else written
    return written
