"""Make the small font of English punctuation and of superscripts that pictures draw with.

    python tools/punctuation_font.py

Noto Sans CJK SC has full-width quotation marks and dots, as Chinese wants them; the Korean face of the same file has
those of English text. They go, as TrueType outlines, to attnviz/views/figure/punctuation.ttf, with superscripts made of
its digits.
"""

from __future__ import annotations

from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.misc.transform import Transform
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection
from noto_cjk_sans_otc import FONT_PATH

TARGET = Path(__file__).resolve().parents[1] / "attnviz" / "views" / "figure" / "punctuation.ttf"
KOREAN = 1
PUNCTUATION = "“”‘’·"
SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789−", strict=True))
SMALLER, HIGHER = 0.62, 320  # of 1,000 units an em
NAME = "Attnviz Punctuation"
LICENSE = "This Font Software is licensed under the SIL Open Font License, Version 1.1."


def main() -> None:
    """Write the font and say how large it is."""
    face = TTCollection(str(FONT_PATH)).fonts[KOREAN]
    names, drawn, widths = face.getBestCmap(), face.getGlyphSet(), face["hmtx"]
    glyphs, metrics, characters = {".notdef": TTGlyphPen(None).glyph(), "space": TTGlyphPen(None).glyph()}, {}, {}
    metrics[".notdef"], metrics["space"] = (500, 0), (widths[names[32]][0], 0)
    made = {letter: (letter, Transform()) for letter in PUNCTUATION}
    made |= {raised: (digit, Transform(SMALLER, 0, 0, SMALLER, 0, HIGHER)) for raised, digit in SUPERSCRIPTS.items()}
    made["…"] = ("…", Transform(0.75, 0, 0, 1, 0, 0))  # three dots, as near as English sets them
    for letter, (source, change) in made.items():
        pen, name = TTGlyphPen(None), f"uni{ord(letter):04X}"
        drawn[names[ord(source)]].draw(TransformPen(Cu2QuPen(pen, max_err=1, reverse_direction=True), change))
        glyphs[name], characters[ord(letter)] = pen.glyph(), name
        metrics[name] = (round(widths[names[ord(source)]][0] * change[0]), 0)
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(list(glyphs))
    font.setupCharacterMap(characters | {32: "space"})
    font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(
        {
            name: (width, font.font["glyf"][name].xMin if hasattr(font.font["glyf"][name], "xMin") else 0)
            for name, (width, _) in metrics.items()
        }
    )
    font.setupHorizontalHeader(ascent=face["hhea"].ascent, descent=face["hhea"].descent)
    copyright_line = face["name"].getDebugName(0)
    font.setupNameTable(
        {
            "copyright": copyright_line,
            "familyName": NAME,
            "styleName": "Regular",
            "uniqueFontIdentifier": NAME,
            "fullName": NAME,
            "version": "1",
            "psName": NAME.replace(" ", ""),
            "licenseDescription": LICENSE,
            "licenseInfoURL": "https://openfontlicense.org",
        }
    )
    font.setupOS2(sTypoAscender=face["hhea"].ascent, sTypoDescender=face["hhea"].descent, usWeightClass=400)
    font.setupPost()
    font.font["head"].created = font.font["head"].modified = 2_082_844_800  # 1970, in seconds from 1904
    font.font.recalcTimestamp = False
    font.save(TARGET)
    print(TARGET.name, TARGET.stat().st_size)


if __name__ == "__main__":
    main()
