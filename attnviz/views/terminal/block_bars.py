"""Horizontal bars of block elements, in eighths of a cell."""

from __future__ import annotations

from attnviz.views.terminal.screen import Screen

_EIGHTHS = " ▏▎▍▌▋▊▉"


def draw_bar(length: float, screen: Screen) -> str:
    """Return a bar of `length` cells, 0 or more; where the screen has no block elements, of that many #, rounded.

    >>> draw_bar(2.5, Screen()), draw_bar(2.6, Screen(ascii=True))
    ('██▌', '###')
    """
    if not screen.has_shapes:
        return "#" * round(length)
    whole, eighths = divmod(round(length * 8), 8)
    return ("█" * whole + _EIGHTHS[eighths]).rstrip()
