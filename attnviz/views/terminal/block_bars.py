"""Horizontal bars: heavy lines, which leave the lines above and below apart, in halves of a cell."""

from __future__ import annotations

from attnviz.views.prepared.labels import encodable
from attnviz.views.terminal.screen import Screen

_WHOLE, _HALF = "━", "╸"
_EIGHTHS = " ▏▎▍▌▋▊▉"  # where an encoding has no heavy lines


def draw_bar(length: float, screen: Screen) -> str:
    """Return a bar of `length` cells, 0 or more; where the screen has no shapes, of that many #, rounded.

    >>> draw_bar(2.5, Screen()), draw_bar(2.6, Screen(ascii=True))
    ('━━╸', '###')
    """
    if not screen.has_shapes:
        return "#" * round(length)
    if encodable(_WHOLE + _HALF, screen.encoding) == _WHOLE + _HALF:
        whole, halves = divmod(round(length * 2), 2)
        return _WHOLE * whole + _HALF * halves
    whole, eighths = divmod(round(length * 8), 8)
    return ("█" * whole + _EIGHTHS[eighths]).rstrip()
