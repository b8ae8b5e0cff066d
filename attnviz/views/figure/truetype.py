"""TrueType outlines of the letters that a PDF or an EPS needs, made from a font with PostScript outlines.

matplotlib embeds a font as Type 3, which many publishers refuse, or as TrueType. It declares a font with PostScript
outlines (CFF), as the Chinese one has, to be TrueType too, and readers warn of that. So the letters of a picture become
a small TrueType font first; their cubic curves become quadratic ones within a thousandth of the letters' size.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from attnviz.views.figure.fonts import Fonts

_EPOCH = 2_082_844_800  # 1970, in seconds from 1904 as fonts count


@contextmanager
def truetype_letters(figure: Figure, fonts: Fonts) -> Iterator[None]:
    """Let the texts of the figure be drawn in TrueType fonts inside the `with` block; letters stay as they are."""
    from matplotlib.font_manager import fontManager
    from matplotlib.text import Text

    from attnviz.views.figure.canvas import HEAVIER, SemiboldText

    texts: list[Any] = figure.findobj(Text)
    heavy: list[Any] = [text for text in texts if isinstance(text, SemiboldText)]
    light = [text for text in texts if not isinstance(text, SemiboldText)]
    known, before = list(fontManager.ttflist), [text.get_fontfamily() for text in texts]
    with tempfile.TemporaryDirectory(prefix="attnviz-") as folder:
        try:
            for name, some, heavier in (("Regular", light, 0.0), ("Semibold", heavy, HEAVIER)):
                families = _families(fonts, Path(folder), name, some, heavier)
                for text in some:
                    text.set_fontfamily(families)
            for text in heavy:
                text.once = True
            yield
        finally:
            for text, family in zip(texts, before, strict=True):
                text.set_fontfamily(family)
            for text in heavy:
                text.once = False
            fontManager.ttflist[:] = known


def _families(fonts: Fonts, folder: Path, name: str, texts: list[Any], heavier: float) -> list[str]:
    """Return the families to draw these texts in, after fonts with their letters were made in the folder."""
    from matplotlib.font_manager import fontManager

    letters = {ord(letter) for text in texts for letter in text.get_text()}
    families = []
    for k, (family, file) in enumerate(zip(fonts.families, fonts.files, strict=True)):
        made, own = folder / f"{k}-{name}.ttf", f"Attnviz {name} {k}"
        if texts and _convert(file, letters, own, made, heavier):
            fontManager.addfont(str(made))
            families.append(own)
        else:
            families.append(family)
    return families


def _convert(file: str, letters: set[int], family: str, target: Path, heavier: float) -> bool:
    """Write the letters of a font with PostScript outlines as a TrueType font; return whether it is such a font.

    heavier: how far, in em, the second of two strokes of each letter stands from the first; 0 for one.
    """
    from fontTools.ttLib import TTFont

    font: Any = TTFont(os.fspath(file), fontNumber=getattr(file, "face_index", 0), lazy=True)
    with font:
        if "CFF " not in font:
            return False
        _write(font, letters, family, target, heavier)
    return True


def _write(font: Any, letters: set[int], family: str, target: Path, heavier: float) -> None:
    from fontTools.fontBuilder import FontBuilder
    from fontTools.pens.cu2quPen import Cu2QuPen
    from fontTools.pens.transformPen import TransformPen
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    units, header = font["head"].unitsPerEm, font["hhea"]
    mapped = {code: name for code, name in font.getBestCmap().items() if code in letters or code == ord(" ")}
    names = [".notdef", *sorted({*mapped.values()} - {".notdef"}, key=font.getGlyphID)]
    outlines, glyphs = font.getGlyphSet(), {}
    for name in names:
        pen: Any = TTGlyphPen(None)
        for shift in (0, heavier * units) if heavier else (0,):
            curves = Cu2QuPen(pen, max_err=units / 1000, reverse_direction=True)
            outlines[name].draw(TransformPen(curves, (1, 0, 0, 1, shift, 0)))
        glyphs[name] = pen.glyph()
    builder: Any = FontBuilder(units, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(mapped)
    builder.setupGlyf(glyphs)
    edges = {name: getattr(builder.font["glyf"][name], "xMin", 0) for name in names}
    builder.setupHorizontalMetrics({name: (font["hmtx"][name][0], edges[name]) for name in names})
    builder.setupHorizontalHeader(ascent=header.ascent, descent=header.descent)
    own = {
        "familyName": family,
        "styleName": "Regular",
        "fullName": family,
        "psName": (font["name"].getDebugName(6) or family.replace(" ", "")) + ("-Semibold" if heavier else ""),
    }
    builder.setupNameTable(own)
    builder.setupOS2(sTypoAscender=header.ascent, sTypoDescender=header.descent)
    builder.setupPost()
    builder.font["head"].created = builder.font["head"].modified = _EPOCH
    builder.font.recalcTimestamp = False
    builder.save(target)
