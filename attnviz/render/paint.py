"""Places on a scale to what a terminal can show: colours as many as it has, and without colour a character a step."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from rich.color import Color
from rich.style import Style

from attnviz.render.scale import RGB, Scale, ink_on
from attnviz.render.screen import Screen

# Of the 16 colours, those that grow lighter in viridis's order, and those from blue to red; the numbers are ANSI's,
# the colours xterm's, which decide only the ink.
_SIXTEEN = (4, 6, 10, 11)
_SIXTEEN_SIGNED = (4, 12, 15, 9, 1)
_XTERM = {
    1: (205, 0, 0), 4: (0, 0, 238), 6: (0, 205, 205), 9: (255, 0, 0), 10: (0, 255, 0), 11: (255, 255, 0),
    12: (92, 92, 255), 15: (255, 255, 255),
}  # fmt: skip
_CUBE = (0, 95, 135, 175, 215, 255)

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
        """The step a place belongs to."""
        return round(place * (self.steps - 1))

    def character(self, place: float) -> str:
        """The character of a place's density."""
        return self.characters[round(place * (len(self.characters) - 1))]

    def color(self, place: float) -> Color:
        """The colour of a place."""
        return self._colors[self.step(place)][0]

    def ground(self, place: float) -> Style:
        """Ink on the colour of a place; no style where there is no colour."""
        if not self.colored:
            return Style.null()
        color, ink = self._colors[self.step(place)]
        return _style(ink, color)

    def halves(self, upper: float, lower: float) -> Style:
        """The colour of one place over that of another, for the upper half block."""
        return _style(self.color(upper), self.color(lower))

    def ink(self, place: float) -> Style:
        """The colour of a place as ink."""
        return _style(self.color(place), None) if self.colored else Style.null()


@lru_cache(maxsize=8192)
def _style(color: Color, ground: Color | None) -> Style:
    return Style(color=color, bgcolor=ground)


@lru_cache(maxsize=16)
def _ramp(palette: tuple[RGB, ...], diverging: bool, colors: str) -> tuple[tuple[Color, Color], ...]:
    """(colour, ink) of each step, from the low end to the high end."""
    if colors == "16":
        numbers = _SIXTEEN_SIGNED if diverging else _SIXTEEN
        return tuple((Color.from_ansi(n), Color.from_ansi(15 if ink_on(_XTERM[n])[0] else 0)) for n in numbers)
    if colors == "256":
        return tuple(_indexed(nearest) for nearest in _nearest(palette))
    return tuple((Color.from_rgb(*color), Color.from_rgb(*ink_on(color))) for color in palette)


@lru_cache(maxsize=512)
def _indexed(number: int) -> tuple[Color, Color]:
    return Color.from_ansi(number), Color.from_ansi(231 if ink_on(_fixed()[number - 16])[0] else 16)


@lru_cache(maxsize=1)
def _fixed() -> tuple[RGB, ...]:
    """The colours 16 to 255, which are the same in every terminal: a cube of 6 x 6 x 6, and 24 greys."""
    cube = tuple((red, green, blue) for red in _CUBE for green in _CUBE for blue in _CUBE)
    return (*cube, *((grey, grey, grey) for grey in range(8, 248, 10)))


def _nearest(palette: tuple[RGB, ...]) -> list[int]:
    wanted, there = np.array(palette, dtype=np.int32), np.array(_fixed(), dtype=np.int32)
    distances = ((wanted[:, None] - there[None]) ** 2).sum(axis=-1)
    return [int(number) + 16 for number in distances.argmin(axis=1)]
