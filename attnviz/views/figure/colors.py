"""The colours of a picture: the scale's own, or those of a colour map that was asked for."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError
from attnviz.i18n.messages import Message, listed, message
from attnviz.views.prepared.color_scale import RGB, SERIES_COLORS, Scale, contrast, luminance
from attnviz.views.prepared.panels import Panel, Prepared
from attnviz.views.prepared.style import MAPS, Style

_ONE_COLOR = {"grays": "Greys", "greys": "Greys"}  # white to black, as ink does
_DIVERGING = (
    "piyg",
    "prgn",
    "brbg",
    "puor",
    "rdgy",
    "rdbu",
    "rdylbu",
    "rdylgn",
    "spectral",
    "coolwarm",
    "bwr",
    "seismic",
    "berlin",
    "managua",
    "vanimo",
)
# Lightness (CIE L*, 0 to 100) that a map may lose on its way up, and how much larger than the mean one step may be:
# beyond, equal steps of a number do not look equal (Borland and Taylor 2007).
_MOST_BACK, _MOST_STEP = 2.0, 3.0
_FEW_COLORS = 64
_DARK = 0.18  # luminance below which a ground is dark


class Colors:
    """A palette for each scale of the picture, and one colour for lines and bars."""

    def __init__(self, prepared: Prepared, style: Style) -> None:
        self.notes: tuple[Message, ...] = ()
        scales = dict.fromkeys(panel.scale for panel in prepared.panels)
        self.background = rgb(style.theme.background)
        on_dark = luminance(self.background) < _DARK
        self._palettes = {scale: scale.palette(on_dark=on_dark) for scale in scales}
        self._ink, self._faint = style.theme.ink, style.theme.faint
        if style.cmap is not None:
            name, palette = _map(style.cmap)
            diverging = _plain(name) in _DIVERGING
            meant = [scale for scale in scales if scale.diverging == diverging] or list(scales)
            self._palettes |= dict.fromkeys(meant, palette)
            if not _is_even(palette) and not (diverging and meant[0].diverging):
                self.notes = (_uneven(name, len(set(palette))),)

    def palette(self, scale: Scale) -> tuple[RGB, ...]:
        """Return 256 colours from the scale's low end to its high end."""
        return self._palettes[scale]

    def cells(self, panel: Panel) -> NDArray[np.uint8]:
        """Return each cell's colour, [rows, columns, 3]; a forbidden cell has that of the background."""
        places = np.rint(panel.places() * 255).astype(int)
        colors: NDArray[np.uint8] = np.asarray(self.palette(panel.scale), dtype=np.uint8)[places]
        if panel.forbidden is not None:
            colors[panel.forbidden] = self.background
        return colors

    def accent(self, scale: Scale, value: float = 1.0) -> tuple[float, float, float]:
        """Return a colour that stands out from the background; on a diverging scale, that of the value's sign."""
        palette = self.palette(scale)
        if scale.diverging:
            return unit(palette[225 if value > 0 else 30])
        return accent_of(palette, self.background)

    def faded(self, color: tuple[float, float, float], strength: float) -> tuple[float, float, float]:
        """Return a colour as strong as that, from 0, the background, to 1, the colour itself."""
        ground = unit(self.background)
        mixed = [under + strength * (over - under) for under, over in zip(ground, color, strict=True)]
        return (mixed[0], mixed[1], mixed[2])

    def of_head(self, k: int) -> tuple[float, float, float]:
        """Return the colour of the k-th of several heads that are drawn over each other."""
        return unit(rgb((*SERIES_COLORS, self._ink, self._faint)[k]))


MOST_OVERLAID = len(SERIES_COLORS) + 2


def accent_of(palette: tuple[RGB, ...], background: RGB) -> tuple[float, float, float]:
    """Return the colour of a palette from 0 up that stands out from this background, for bars and arcs."""
    wanted = (90, 128, 160, 64, 190, 220, 40, 245, 10)
    return unit(next((palette[i] for i in wanted if contrast(palette[i], background) >= 4.5), palette[128]))


def unit(color: RGB) -> tuple[float, float, float]:
    """Return a colour as matplotlib takes it, 0 to 1."""
    return (color[0] / 255, color[1] / 255, color[2] / 255)


def _plain(name: str) -> str:
    return name.lower().removesuffix("_r")


def _is_even(palette: tuple[RGB, ...]) -> bool:
    """Return whether the colours grow lighter, or darker, all the way in steps of about the same size."""
    light = np.array([luminance(color) for color in palette])
    lightness = np.where(light > 216 / 24389, 116 * np.cbrt(light) - 16, light * 24389 / 27)  # CIE 15:2004
    # Over a few colours, as rounding to 255 makes single steps uneven.
    steps = np.diff(lightness[::5])
    back = min(steps[steps > 0].sum(), -steps[steps < 0].sum())
    return bool(back <= _MOST_BACK and np.abs(steps).max() <= _MOST_STEP * np.abs(steps).mean())


def _uneven(name: str, count: int) -> Message:
    if count < _FEW_COLORS:
        return message(
            "{name} has {count} colours for categories: close numbers look unrelated. These are even: {even}.",
            name=name,
            count=count,
            even=listed(MAPS),
        )
    return message(
        "{name} is uneven: equal steps do not look equal. These are even: {even}.", name=name, even=listed(MAPS)
    )


def rgb(code: str) -> RGB:
    """Return the colour that a code such as #0072b2 stands for."""
    return (int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16))


def _map(cmap: Any) -> tuple[str, tuple[RGB, ...]]:
    """Return the name of a colour map, one of matplotlib's by its name or itself, and its 256 colours."""
    found = _named_map(cmap) if isinstance(cmap, str) else cmap
    colors = np.rint(found(np.linspace(0, 1, 256))[:, :3] * 255).astype(int)
    return found.name, tuple((int(r), int(g), int(b)) for r, g, b in colors)


def _named_map(name: str) -> Any:
    """Return the colour map of that name in matplotlib, in any case."""
    from matplotlib import colormaps

    known = {each.lower(): each for each in reversed(list(colormaps))}
    plain = name.lower().removesuffix("_r")
    wanted = _ONE_COLOR.get(plain, plain) + ("_r" if name.lower().endswith("_r") else "")
    if wanted.lower() not in known:
        near = get_close_matches(plain, (*MAPS, *known), n=1, cutoff=0.6)
        raise OptionError(
            "--cmap takes {maps} or another colour map of matplotlib, not {name!r}.",
            hint="Did you mean {near}?" if near else "",
            maps=listed(MAPS),
            name=name,
            near=near[0] if near else "",
        )
    return colormaps[known[wanted.lower()]]
