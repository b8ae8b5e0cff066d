"""Places on a scale to what a terminal can show: colours as many as it has, and without colour a character a step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.style import Style

from attnviz.views.prepared.color_scale import RGB, Scale, ink_on
from attnviz.views.terminal.screen import Screen

# Where colours are few: the ANSI numbers that follow viridis, each lighter than the one before, and those that follow
# the diverging palette. The nearest colours of the 256 would run through greys that are neither blue nor green.
_NUMBERS = {
    ("256", False): (53, 54, 55, 25, 30, 36, 77, 113, 149, 184, 220),
    ("256", True): (25, 68, 110, 153, 189, 255, 224, 217, 209, 167, 124),
    ("16", False): (4, 6, 10, 11),
    ("16", True): (4, 12, 15, 9, 1),
}
# xterm's red, green and blue for the lowest 16; they decide only the ink. Those from 16 on are the same everywhere.
_XTERM = {
    1: (205, 0, 0),
    4: (0, 0, 238),
    6: (0, 205, 205),
    9: (255, 0, 0),
    10: (0, 255, 0),
    11: (255, 255, 0),
    12: (92, 92, 255),
    15: (255, 255, 255),
    255: (238, 238, 238),
}
_CUBE = (0, 95, 135, 175, 215, 255)
_BLACK, _WHITE = {"16": 0, "256": 16}, {"16": 15, "256": 231}

SHADES = " ░▒▓█"
DIGITS = "0123456789"
SIGNED = "ihgfedcba0123456789"


class Paint:
    """The steps of a scale on a screen: each place's colour and ink, or its character where there is no colour."""

    def __init__(self, scale: Scale, screen: Screen) -> None:
        self.colored = screen.colors != "none"
        self.characters = SIGNED if scale.diverging else SHADES if screen.has_shapes else DIGITS
        self._colors = _ramp(scale.palette(), scale.diverging, screen.colors) if self.colored else ()

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return len(self._colors) if self.colored else len(self.characters)

    def step(self, place: float) -> int:
        """Return the step a place belongs to, from 0."""
        return round(place * (self.steps - 1))

    def steps_of(self, places: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the steps of many places; rounded as `step` rounds one."""
        return np.rint(np.nan_to_num(places) * (self.steps - 1)).astype(np.int64)

    def character(self, step: int) -> str:
        """Return the character of a step, where there is no colour."""
        return self.characters[step]

    def color(self, step: int) -> Color:
        """Return the colour of a step."""
        return self._colors[step][0]

    def background(self, step: int) -> Style:
        """Return legible ink on the colour of a step; no style where there is no colour."""
        if not self.colored:
            return Style.null()
        color, ink = self._colors[step]
        return _style(ink, color)

    def halves(self, upper: int, lower: int) -> Style:
        """Return the colour of one step over that of another, for the upper half block."""
        return _style(self._colors[upper][0], self._colors[lower][0])

    def ink(self, step: int) -> Style:
        """Return the colour of a step as ink."""
        return _style(self._colors[step][0], None) if self.colored else Style.null()


@lru_cache(maxsize=8192)
def _style(color: Color, background: Color | None) -> Style:
    return Style.from_color(color, background)


@lru_cache(maxsize=8)
def _ramp(palette: tuple[RGB, ...], diverging: bool, colors: str) -> tuple[tuple[Color, Color], ...]:
    """Return (colour, ink) of each step, from the low end to the high end."""
    if colors == "truecolor":
        return tuple((Color.from_rgb(*color), Color.from_rgb(*ink_on(color))) for color in palette)
    inks = [(number, (_WHITE if ink_on(_rgb(number))[0] else _BLACK)[colors]) for number in _NUMBERS[colors, diverging]]
    return tuple((Color.from_ansi(number), Color.from_ansi(ink)) for number, ink in inks)


def nearest_256(colors: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return for colours [..., 3] the nearest of xterm's 256, of its cube (16 to 231) or its greys (232 to 255)."""
    levels, wanted = np.array(_CUBE), colors.astype(np.int64)
    cube = np.abs(wanted[..., None] - levels).argmin(axis=-1)
    gray = np.clip(np.rint((wanted.mean(axis=-1) - 8) / 10), 0, 23).astype(np.int64)
    far = ((levels[cube] - wanted) ** 2).sum(axis=-1)
    far_gray = ((8 + 10 * gray[..., None] - wanted) ** 2).sum(axis=-1)
    found: NDArray[np.int64] = np.where(far_gray < far, 232 + gray, 16 + cube @ np.array([36, 6, 1]))
    return found


def _rgb(number: int) -> RGB:
    """Return red, green and blue of an ANSI number."""
    if number in _XTERM:
        return _XTERM[number]
    red, rest = divmod(number - 16, 36)
    return _CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6]
