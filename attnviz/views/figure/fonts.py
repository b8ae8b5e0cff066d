"""The fonts of a picture: which families draw it, which glyphs they have, and how wide a text is in them."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from wcwidth import iter_graphemes

from attnviz.core.errors import InputError, OptionError, reason_of
from attnviz.core.read_file import LARGEST_FONT, check_size_of_file
from attnviz.i18n.messages import Message, language, message
from attnviz.views.figure.font_collection import with_face_first
from attnviz.views.prepared.labels import visible

POINT = 1 / 72
_NO_ADVANCE = 0.6
_CHINESE = "Noto Sans CJK SC"
_CHINESE_FACE = 2
_PUNCTUATION = Path(__file__).with_name("punctuation.ttf")  # made by tools/punctuation_font.py


class Fonts:
    """The families to draw with, in order, and what is known of their glyphs."""

    def __init__(self, families: list[str], notes: tuple[Message, ...]) -> None:
        from matplotlib.font_manager import FontProperties, fontManager, get_font

        self.families = families
        self.notes = notes
        self.files = [fontManager.findfont(FontProperties(family=[family])) for family in families]
        self._faces = [get_font(file) for file in self.files]
        self._advances: dict[str, float | None] = {}

    def has(self, letter: str) -> bool:
        """Return whether any family has a glyph for the letter."""
        return self._advance(letter) is not None

    def drawable(self, text: str, lacking: dict[str, None]) -> str:
        """Return the text with each cluster that no family has as its code points; these are added to `lacking`."""
        if text.isascii() and text.isprintable():
            return text
        drawn = []
        for cluster in iter_graphemes(visible(text, "picture")):
            missing = not all(self.has(letter) for letter in cluster if letter not in "\u200c\u200d\ufe0e\ufe0f")
            named = " ".join(f"U+{ord(letter):04X}" for letter in cluster)
            if missing:
                lacking[named] = None
            drawn.append(named if missing else cluster)
        return "".join(drawn)

    def width(self, text: str, size: float) -> float:
        """Return how wide the text is at `size` points, in inches: the sum of its glyphs' advances."""
        return sum(self._advance(letter) or 0.0 for letter in text) * size * POINT

    def _advance(self, letter: str) -> float | None:
        """Return the letter's advance in em, in the first family that has it; None where none does."""
        if letter not in self._advances:
            self._advances[letter] = self._measure(letter)
        return self._advances[letter]

    def _measure(self, letter: str) -> float | None:
        from matplotlib import ft2font

        # matplotlib before 3.10 has the flags in the module
        no_scale = ft2font.LoadFlags.NO_SCALE if hasattr(ft2font, "LoadFlags") else vars(ft2font)["LOAD_NO_SCALE"]
        for face in self._faces:
            if face.get_char_index(ord(letter)):
                try:
                    glyph = face.load_char(ord(letter), flags=no_scale)
                except RuntimeError:  # a damaged glyph
                    return None
                return float(glyph.horiAdvance / face.units_per_EM) if face.units_per_EM else _NO_ADVANCE
        return None


def load_fonts(named: tuple[str, ...] = ()) -> Fonts:
    """Load the fonts that are named, by file or family, before those that are always there.

    Chinese, Latin, Greek and Cyrillic letters are those of one family, Noto Sans CJK SC; what it lacks, such as Arabic,
    comes from DejaVu Sans. English text takes its quotation marks from a small font of the same family, since those of
    the Chinese face are as wide as its characters. Raises OptionError for a file or a family that cannot be used.
    """
    return _load(named, language())


@cache
def _load(named: tuple[str, ...], spoken: str) -> Fonts:
    """Load the fonts for a language.

    The Chinese one comes as a file from its package: searching the system's fonts misses newly installed ones.
    """
    from matplotlib.font_manager import fontManager

    families, notes = [*map(_named, named)], ()
    small = [_from_file(str(_PUNCTUATION))]
    try:
        from noto_cjk_sans_otc import FONT_PATH

        fontManager.addfont(str(FONT_PATH))
        if all(entry.name != _CHINESE for entry in fontManager.ttflist):  # matplotlib before 3.11
            fontManager.addfont(str(with_face_first(Path(FONT_PATH), _CHINESE_FACE)))
    except (ImportError, OSError):
        lack = message("The package noto-cjk-sans-otc is missing: Chinese labels are drawn as code points.")
        return Fonts([*families, "DejaVu Sans"], (lack,))
    own = [_CHINESE, *small] if spoken == "zh" else [*small, _CHINESE]
    return Fonts([*families, *own, "DejaVu Sans"], notes)


def forget_fonts() -> None:
    """Forget the fonts that were loaded: others may be installed now."""
    _load.cache_clear()


def _named(font: str) -> str:
    """Return the family of a font that is named by its file, or by its family's name."""
    if Path(font).suffix.lower() in (".ttf", ".otf", ".ttc", ".otc"):
        return _from_file(font)
    from matplotlib.font_manager import findSystemFonts, fontManager, get_font

    families = {entry.name.lower(): entry.name for entry in fontManager.ttflist}
    if font.lower() in families:
        return families[font.lower()]
    for path in findSystemFonts():  # matplotlib's list is older than what was installed since
        try:
            if get_font(path).family_name.lower() == font.lower():
                return _from_file(path)
        except (OSError, RuntimeError):
            continue
    near = get_close_matches(font.lower(), families, n=1, cutoff=0.6)
    raise OptionError(
        "There is no font {font!r}.",
        hint="Did you mean {near}?" if near else "Name a font's file, or its family.",
        font=font,
        near=families[near[0]] if near else "",
    )


def _from_file(path: str) -> str:
    from matplotlib.font_manager import fontManager

    try:
        check_size_of_file(Path(path), LARGEST_FONT)
        fontManager.addfont(path)
    except InputError:
        raise
    except (OSError, RuntimeError, ValueError) as error:
        raise OptionError(
            "The font {path!r} cannot be used: {reason}.",
            hint="A scalable .ttf or .otf can.",
            path=path,
            reason=reason_of(error) if isinstance(error, OSError) else str(error).splitlines()[0],
        ) from None
    return next(entry.name for entry in reversed(fontManager.ttflist) if entry.fname == path)


def missing_note(lacking: dict[str, None]) -> tuple[Message, ...]:
    """Return one note that lists all the characters that no font has; nothing where none is lacking."""
    if not lacking:
        return ()
    return (
        message(
            "No font here has {characters}: drawn as code points. --font names one that has them.",
            characters=" ".join(lacking),
        ),
    )


def settings(fonts: Fonts) -> dict[str, Any]:
    """Return the settings under which matplotlib draws the same picture everywhere, and no text as a formula."""
    return {
        "font.family": fonts.families,
        "svg.hashsalt": "attnviz",
        "svg.fonttype": "path",
        "pdf.fonttype": 42,  # TrueType; 3 is refused by publishers
        "ps.fonttype": 42,
        "axes.unicode_minus": False,
        "text.usetex": False,
        "text.parse_math": False,
        "hatch.linewidth": 0.4,
        "path.simplify": False,
    }
