"""Numbers to colours: one perceptual scale for weights, one diverging scale for changes, the same in every view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

RGB = tuple[int, int, int]

SPREADS = ("global", "head", "row", "log")
# Heads over each other, and the lines of a chart. Okabe and Ito 2008, "Color universal design": told apart by
# colour-blind readers, and strong enough for thin lines.
SERIES_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_DECADES = 4
_EVEN_CONTRAST = 0.179  # the luminance on which black and white have the same contrast

# Viridis (van der Walt and Smith 2015, CC0): perceptually uniform, and legible to colour-blind readers.
_VIRIDIS = (
    "440154",
    "481467",
    "482576",
    "453781",
    "404688",
    "39558c",
    "33638d",
    "2d718e",
    "287d8e",
    "238a8d",
    "1f968b",
    "20a386",
    "29af7f",
    "3dbc74",
    "56c667",
    "75d054",
    "95d840",
    "bade28",
    "dde318",
    "fde725",
)
# RdBu (Brewer, colorbrewer2.org), blue for less, red for more, nearly white for no change.
_BLUE_RED = ("2166ac", "4393c3", "92c5de", "d1e5f0", "f7f7f7", "fddbc7", "f4a582", "d6604d", "b2182b")
_DARK_BLUE_RED = ("a6d3ff", "5aa9f0", "2f6fb3", "254567", "22262d", "5e2f33", "a8433f", "e8685a", "ffb3a3")


@dataclass(frozen=True)
class Scale:
    """The numbers at the ends of the colours; diverging scales are centred on 0.

    spread: global, every number by low and high; row, every row up to its own largest (high is the largest of all);
    log, equal ratios equal distances, from `floor` (at and below it the low end, or the middle) to high.
    """

    low: float
    high: float
    diverging: bool = False
    spread: str = "global"
    floor: float = 0.0

    def place(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return where each number stands on the scale, 0 at its low end, 1 at its high end; a row is the last axis."""
        values = values.astype(np.float64)
        if self.high - self.low <= 0:
            return np.full(values.shape, 0.5 if self.diverging else 0.0)
        if self.spread == "global":
            return np.clip((values - self.low) / (self.high - self.low), 0, 1)
        share = self._by_row(np.abs(values)) if self.spread == "row" else self._by_ratio(np.abs(values))
        places: NDArray[np.float64] = 0.5 + 0.5 * np.sign(values) * share if self.diverging else share * (values > 0)
        return places

    def share(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return how far each number reaches, either way, towards the end of the scale: 0 to 1, the length of a bar."""
        places = self.place(values)
        return np.abs(2 * places - 1) if self.diverging else places

    def _by_row(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        largest = sizes.max(axis=-1, initial=0.0, keepdims=True)
        shares: NDArray[np.float64] = sizes / np.where(largest > 0, largest, 1)
        return shares

    def _by_ratio(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.floor >= self.high:
            return (sizes >= self.floor).astype(np.float64)
        ratios = np.log(np.maximum(sizes, self.floor) / self.floor) / np.log(self.high / self.floor)
        return np.asarray(np.clip(ratios, 0, 1), dtype=np.float64)

    def palette(self, *, on_dark: bool = False) -> tuple[RGB, ...]:
        """Return 256 colours from the low end to the high end. on_dark: whether no change is dark, as the ground is."""
        return _palette((_DARK_BLUE_RED if on_dark else _BLUE_RED) if self.diverging else _VIRIDIS)


def weight_scale(values: NDArray[np.floating]) -> Scale:
    """Return a scale from 0 to the largest weight."""
    return Scale(0.0, float(values.max(initial=0.0)))


def signed_scale(values: NDArray[np.floating]) -> Scale:
    """Return a scale centred on 0 that reaches as far as the largest change either way."""
    reach = float(np.abs(values).max(initial=0.0))
    return Scale(-reach, reach, diverging=True)


def spread_scale(scale: Scale, spread: str, matrices: list[NDArray[Any]]) -> Scale:
    """Return a scale with the same ends, spread globally, by row, or by ratio over at most four decades.

    A scale for each head is global over the numbers of that head.
    """
    if spread == "head":
        return scale
    if spread != "log":
        return replace(scale, spread=spread)
    smallest = min((float(np.abs(each[each != 0]).min(initial=np.inf)) for each in matrices), default=np.inf)
    return replace(scale, spread=spread, floor=min(max(smallest, scale.high / 10**_DECADES), scale.high))


def color_at(palette: tuple[RGB, ...], place: float) -> RGB:
    """Return the colour at `place`, 0 to 1."""
    return palette[round(place * (len(palette) - 1))]


def ink_on(color: RGB) -> RGB:
    """Return black or white, whichever has the higher contrast (WCAG 2.2)."""
    return (0, 0, 0) if luminance(color) > _EVEN_CONTRAST else (255, 255, 255)


def contrast(a: RGB, b: RGB) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: RGB) -> float:
    """Return the relative luminance of an sRGB colour, 0 to 1 (IEC 61966-2-1, WCAG 2.2)."""
    return sum(share * _linear(part) for share, part in zip((0.2126, 0.7152, 0.0722), color, strict=True))


@lru_cache(maxsize=256)
def _linear(part: int) -> float:
    value = part / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


@lru_cache(maxsize=2)
def _palette(anchors: tuple[str, ...]) -> tuple[RGB, ...]:
    points = np.array([[int(anchor[i : i + 2], 16) for i in (0, 2, 4)] for anchor in anchors])
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [
        np.interp(places, np.arange(len(anchors)), points[:, channel]).round().astype(int) for channel in range(3)
    ]
    return tuple((int(r), int(g), int(b)) for r, g, b in zip(*channels, strict=True))
