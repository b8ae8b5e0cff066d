"""How a picture looks: what people choose, checked before anything is drawn, and the sizes and colours that follow."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from attnviz.core.errors import OptionError, unknown_choice

KINDS = ("heatmap", "arcs", "bars", "grid", "text")
AUTO, PATCHES = "auto", "patches"  # patches: the map of a picture's patches, over the picture
EVERY_KIND = (AUTO, *KINDS, PATCHES, "table")  # a table is no picture: it goes into a .tex, .md or .html
OF_ONE_WORD = ("arcs", "bars", "text", PATCHES)
ANNOTATE = ("auto", "on", "off")
UNITS = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4, "pt": 1 / 72}  # inches
MAPS = ("viridis", "magma", "cividis", "inferno", "plasma", "grays")
_NARROWEST, _WIDEST = 1.0, 100.0


@dataclass(frozen=True, eq=False, repr=False)
class Theme:
    """Sizes in points, lengths in inches, colours as matplotlib takes them."""

    background: str
    ink: str
    faint: str
    hatch: str
    label: float
    title: float
    caption: float
    number: float
    cell: float
    panel: float
    grid: float
    dpi: int


_PAPER = Theme("#ffffff", "#000000", "#595959", "#bfbfbf", 10, 11, 8, 9, 0.6, 8, 12, 200)
THEMES = {
    "paper": _PAPER,
    "slide": Theme("#ffffff", "#000000", "#595959", "#bfbfbf", 18, 22, 12, 16, 1.0, 10, 16, 150),
    "dark": Theme("#14161a", "#f2f2f2", "#a6a6a6", "#5c5c5c", 10, 11, 8, 9, 0.6, 8, 12, 200),
}


@dataclass(frozen=True)
class Style:
    """How a picture looks; change it with dataclasses.replace. None stands for what the style itself gives.

    kind: auto, which is a heatmap, or patches where the tokens are those of a picture; heatmap; arcs over the text;
    bars of one token's row, or of what each receives; grid, a small map for each layer and head; text, shaded by what
    each word receives; patches, a map over the picture of what its patches receive; table, no picture, for .tex, .md
    and .html. overlay: several heads in one drawing, each in a colour of its own (arcs and text). svg_text: the words
    of an SVG stay text.
    style: paper, slide, dark. width: of the whole picture, as 8.5cm, 240pt or 3.3 (inches). dpi: dots per inch of a
    PNG, 30 to 1200. title: above the picture; no_title: without title and caption. cmap: a colour map of matplotlib,
    by its name or itself.
    annotate: numbers in cells, auto where they stay legible. mass: arcs show each row's strongest edges up to this
    share, above 0, at most 1. token: whose row arcs, bars, text and patches show. font: files or names of fonts to draw
    with before those that are always there. vmin, vmax: the numbers at the ends of the colours, so that several
    pictures compare; a scale of changes, with a sign, ends at the larger of the two either way.
    """

    kind: str = AUTO
    style: str = "paper"
    width: str | None = None
    dpi: int | None = None
    title: str | None = None
    no_title: bool = False
    cmap: str | None = None  # in Python also the map itself
    annotate: str = "auto"
    mass: float = 0.7
    token: str | None = None
    font: list[str] = field(default_factory=list)
    overlay: bool = False
    svg_text: bool = False
    vmin: float | None = None
    vmax: float | None = None

    @property
    def theme(self) -> Theme:
        """The sizes and colours of `style`."""
        return THEMES[self.style]

    @property
    def inches(self) -> float | None:
        """The width in inches; None where the picture may be as wide as it needs."""
        return None if self.width is None else _inches(self.width)

    def in_its_unit(self, inches: float) -> str:
        """Return a width in the unit in which one was given, rounded up: 4.1cm, 118pt, 1.6in."""
        found = re.search(r"[a-z]+", (self.width or "").lower())
        unit = found[0] if found else "in"
        steps = 10 if unit in ("in", "cm") else 1
        return f"{math.ceil(inches / UNITS[unit] * steps - 1e-9) / steps:.{1 if steps > 1 else 0}f}{unit}"

    def check(self) -> None:
        """Raise OptionError for a value that cannot be, before anything is drawn."""
        for option, value, choices in (
            ("--kind", self.kind, EVERY_KIND),
            ("--style", self.style, tuple(THEMES)),
            ("--annotate", self.annotate, ANNOTATE),
        ):
            if value not in choices:
                raise unknown_choice(option, value, choices)
        if self.dpi is not None and not 30 <= self.dpi <= 1200:
            raise OptionError("--dpi must be from 30 to 1200, not {dpi}.", dpi=self.dpi)
        if not 0 < self.mass <= 1:
            raise OptionError("--mass must be above 0 and at most 1, not {mass}.", mass=f"{self.mass:g}")
        if self.title is not None and self.no_title:
            raise OptionError("Give --title or --no-title, not both.")
        if self.token is not None and self.kind not in (*OF_ONE_WORD, AUTO):
            raise needless_token()
        if self.overlay and self.kind not in ("arcs", "text"):
            raise OptionError("--overlay draws heads over each other; it goes with --kind arcs and text.")
        self._check_limits()
        _ = self.inches

    def _check_limits(self) -> None:
        """Raise OptionError for limits of the colours that cannot be."""
        for option, value, kinds in (
            ("--vmin", self.vmin, (AUTO, "heatmap", "grid", PATCHES)),
            ("--vmax", self.vmax, EVERY_KIND),
        ):
            if value is None:
                continue
            if not math.isfinite(value):
                raise OptionError("{option} must be a finite number, not {value}.", option=option, value=value)
            if self.kind in ("arcs", "text", "table") or self.kind not in kinds:
                raise OptionError("{option} has no meaning for --kind {kind}.", option=option, kind=self.kind)
        low = 0.0 if self.vmin is None else self.vmin
        if self.vmax is not None and self.vmax <= low:
            raise OptionError("--vmax must be above --vmin ({low}), not {high}.", low=f"{low:g}", high=f"{self.vmax:g}")


def refuse_limits(style: Style) -> None:
    """Raise OptionError for limits of colours where nothing is coloured by numbers: bars, curves and lists."""
    for option, limit in (("--vmin", style.vmin), ("--vmax", style.vmax)):
        if limit is not None:
            raise OptionError(
                "{option} sets an end of a map’s colours, and no map is drawn here.",
                hint="Leave it out.",
                option=option,
            )


def needless_token() -> OptionError:
    """Return the error for a token where a picture has the rows of all."""
    return OptionError(
        "--token chooses the word whose row is drawn; it goes with --kind arcs, bars and text, and with a picture's "
        "patches."
    )


def no_patches(option: str) -> OptionError:
    """Return the error for an option that asks for a map of patches where the tokens are none."""
    return OptionError(
        "{option} patches draws a map over a picture, and these tokens are not a picture's patches.",
        hint="A picture is given with --image, or --weights names a file that was saved from one.",
        option=option,
    )


def _inches(width: str) -> float:
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(in|cm|mm|pt)?\s*", width.lower())
    inches = float(found[1]) * UNITS[found[2] or "in"] if found else 0.0
    if not _NARROWEST <= inches <= _WIDEST:
        raise OptionError(
            "--width is a length from 1 to 100 inches, as 8.5cm, 85mm, 240pt or 3.3in; {width!r} is not.", width=width
        )
    return inches
