"""The encodings of texts: their names, and a guess for a text that is not UTF-8."""

from __future__ import annotations

import codecs
import re
import unicodedata

from attnviz.core.errors import OptionError, unknown_choice

UTF8 = "utf-8"
# Names that both Python and iconv know.
COMMON = (
    *(
        "utf-8",
        "gbk",
        "gb18030",
        "big5",
        "big5-hkscs",
        "utf-16",
        "utf-16le",
        "utf-16be",
        "utf-32",
        "utf-32le",
        "utf-32be",
    ),
    *("shift_jis", "cp932", "euc-jp", "euc-kr", "cp1252", "iso-8859-1", "cp1251", "koi8-r"),
)
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What to try without a mark: of two that read a text equally well the first is meant.
_TRIED = (
    *("utf-32le", "utf-32be", "euc-jp", "gbk", "gb18030", "big5", "big5-hkscs", "shift_jis", "cp932"),
    *("utf-16le", "utf-16be", "euc-kr", "cp1252", "cp1251", "koi8-r"),
)
_NOT_FOR_TEXTS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem")
_SAMPLE = 4096  # bytes or more characters say no more
_PLAUSIBLE = 0.6  # of a right guess most characters are common ones
_CERTAIN = 0.88
_SPACED_HANGUL = 1.01  # read as GBK such bytes are frequent ideographs too, but Chinese has no spaces between words
_WITHOUT_MARK = 0.92  # any even number of bytes may be UTF-16
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HANGUL_WORDS = re.compile(r"[\uac00-\ud7a3]+[,.!?]?( [\uac00-\ud7a3]+[,.!?]?)+")
_JAPANESE = ("shift_jis", "cp932", "euc-jp")


def check_encoding(name: str | None) -> str:
    """Return the name of an encoding of texts, utf-8 for None; OptionError for any other name."""
    if name is None:
        return UTF8
    try:
        known = codecs.lookup(name)
    except (LookupError, ValueError, UnicodeError):
        raise unknown_choice("--encoding", name, COMMON) from None
    if not getattr(known, "_is_text_encoding", True) or known.name.replace("-", "_") in _NOT_FOR_TEXTS:
        raise OptionError(
            "--encoding {name!r} is not an encoding of texts.", hint="For example: --encoding gbk.", name=name
        )
    return name


def guess_encoding(data: bytes) -> str | None:
    """Return the encoding that these bytes are written in, one of COMMON; None where none makes a likely text of them.

    A byte order mark decides. Otherwise each encoding is tried, and the one whose text has the largest share of common
    characters is taken: a wrong one gives rare ideographs, half-width kana or accents between accents.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    shares = {name: _likelihood(text, name) for name in _TRIED if (text := _decoded(data, name)) is not None}
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= _PLAUSIBLE else None


def of_locale(data: bytes, text: str) -> tuple[str, str] | None:
    """Return the locale's encoding and the text in it, where these bytes are rather that than UTF-8; else None.

    text: the bytes as UTF-8. The two bytes of 猫 in GBK are è in UTF-8: where only the locale's encoding makes
    ideographs, kana or Hangul of the bytes, it may be meant.
    """
    import locale

    name = locale.getencoding()
    if text.isascii() or name.lower().replace("-", "") == "utf8" or any(map(_is_wide_letter, text)):
        return None
    try:
        found = data.decode(name)
    except (UnicodeError, LookupError):
        return None
    return (name.lower(), found) if any(map(_is_wide_letter, found)) else None


def _is_wide_letter(letter: str) -> bool:
    return letter >= "\u2e80"


def hides_wide_letters(data: bytes) -> bool:
    """Return whether bytes that are valid UTF-8 are rather UTF-16 or UTF-32: then some of them are control characters.

    Every other byte of Latin text is 0 then; of Chinese text a byte is below 32 now and then.
    """
    sample = data[:_SAMPLE]
    if sample.startswith(codecs.BOM_UTF8) or not _CONTROLS.search(sample):
        return False
    guess = guess_encoding(sample)
    if guess is None or not guess.startswith(("utf-16", "utf-32")):
        return False
    return b"\0" in sample or _likelihood(_decoded(sample, guess) or "", guess) >= _CERTAIN


def _decoded(data: bytes, name: str) -> str | None:
    """Return the text, None where the bytes are not that encoding; a sample may end within a character."""
    if name.startswith(("utf-16", "utf-32")) and len(data) % (2 if "16" in name else 4):
        return None
    try:
        data.decode(name)
        return codecs.getincrementaldecoder(name)().decode(data[:_SAMPLE])
    except UnicodeDecodeError:
        return None


def _likelihood(text: str, name: str) -> float:
    """Return the mean likelihood of the characters that tell encodings apart: those outside ASCII, if there are any."""
    wide = name.startswith("utf")
    found = [
        _common(letter, text[i - 1 : i], text[i + 1 : i + 2], name)
        for i, letter in enumerate(text)
        if wide or not (letter.isascii() and (letter.isprintable() or letter in "\t\n\r\f\v"))
    ]
    if name == "euc-jp" and 2 * sum("\u3041" <= letter <= "\u30ff" for letter in text) < len(found):
        return 0.0  # Chinese text reads as kanji there
    if name == "euc-kr" and _is_spaced_hangul(text):
        return _SPACED_HANGUL
    mean = sum(found) / len(found) if found else 0.0
    return _WITHOUT_MARK * mean if name.startswith("utf-16") else mean


def _is_spaced_hangul(text: str) -> bool:
    """Return whether the text is words of Hangul between spaces, of two letters and more on average, and ASCII."""
    wide = [letter for letter in text if not letter.isascii()]
    if len(wide) < 6 or not all("\uac00" <= letter <= "\ud7a3" for letter in wide):
        return False
    return _HANGUL_WORDS.search(text) is not None and len(wide) >= 2 * len(text.split())


def _common(letter: str, before: str, after: str, name: str) -> float:
    """Return how likely a character is in a text of this encoding, from -5 to 1."""
    if letter.isascii():
        return 1.0 if letter.isprintable() or letter in "\t\n\r\f\v" else -5.0
    if "\u4e00" <= letter <= "\u9fff":
        likely = _of_ideograph(letter, name)
        return likely - 0.3 if _is_ascii_letter(before) or _is_ascii_letter(after) else likely
    if "\u3041" <= letter <= "\u30ff":
        return 1.0 if name in _JAPANESE or name.startswith("utf") else 0.5
    if "\u3000" <= letter <= "\u303f" or "\uff01" <= letter <= "\uff5e":
        return 1.0
    if "\uff61" <= letter <= "\uff9f":
        return 0.1
    if "\uac00" <= letter <= "\ud7a3":
        return 0.9
    if letter in "‘’“”–—…·€":
        return 0.8
    if name.startswith("cp125") or name == "koi8-r":
        return _in_words(letter, before, after)
    category = unicodedata.category(letter)
    if category in ("Cc", "Cn", "Co", "Cs"):
        return -5.0
    return 0.7 if letter.isalpha() and name.startswith("utf") and letter < "\u0700" else 0.2


def _in_words(letter: str, before: str, after: str) -> float:
    """Return how likely an accented, Greek or Cyrillic letter is between its neighbours: words keep to one alphabet."""
    if not letter.isalpha():
        return 0.7 if not letter.isprintable() or letter in "«»°§£©®¿¡ºª½¼²³\xa0" else 0.1
    if letter >= "\u0400":
        beside = [each for each in (before, after) if each.isalpha()]
        if not all(each >= "\u0400" for each in beside) or (letter.isupper() and before.islower()):
            return 0.1
        return 0.8 if letter.isupper() and before.isalpha() else 0.85  # KOI8-R read as cp1251 is in capitals
    near = [each for each in (before, after) if each.isalpha()]
    capital_inside = letter.isupper() and before.islower()
    return 0.1 if capital_inside or (not any(each.isascii() for each in near) and near) else 0.91


def _is_ascii_letter(letter: str) -> bool:
    return letter.isascii() and letter.isalpha()


def _of_ideograph(letter: str, name: str) -> float:
    """Return how likely an ideograph is: those of the first level of GB 2312 (3,755) or Big5 (5,401) are frequent."""
    if _is_in(letter, "gb2312", 0xB0, 0xD7):
        return 1.0
    if _is_in(letter, "big5", 0xA4, 0xC6):
        return 0.9 if name.startswith("gb") else 1.0
    return 0.2


def _is_in(letter: str, encoding: str, first: int, last: int) -> bool:
    """Return whether the first byte of a character in this encoding lies between two others."""
    try:
        return first <= letter.encode(encoding)[0] <= last
    except UnicodeEncodeError:
        return False
