"""Encodings of texts: which one a text is likely to be in, and which names are known."""

import subprocess

import pytest

from attnviz.core.encodings import COMMON, check_encoding, guess_encoding, hides_wide_letters
from attnviz.core.errors import InputError, OptionError
from attnviz.core.read_file import decode
from attnviz.i18n.messages import message

TEXTS = {
    "simplified": ("我上周买的手机屏幕碎了，猫吃鱼。", ("gbk", "gb18030")),
    "traditional": ("我上週買的手機螢幕碎了，貓吃魚。", ("big5", "gbk", "big5hkscs")),
    "japanese": ("吾輩は猫である。名前はまだ無い。", ("shift_jis", "cp932", "euc_jp")),
    "french": ("L’été à la plage, où ça? Déjà vu, garçon.", ("cp1252",)),
    "german": ("Die Straße ist schön, über Österreich", ("cp1252", "latin_1")),
    "spanish": ("¿Qué tal, señor? El niño está aquí.", ("cp1252", "latin_1")),
    "english": ("The cat eats a “fish”", ("cp1252",)),
    "russian": ("Кот ест рыбу, а рыба молчит.", ("cp1251", "koi8-r")),
    "korean": ("고양이가 물고기를 먹는다.", ("euc_kr",)),
    "segmented": ("小猫 吃 鱼 因为 爸爸 把 白菜 放 在 地上", ("gbk",)),
    "mixed": ("用Python写的attention", ("gbk",)),
}
WIDE = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")


def cases():
    """Every text in every encoding of its own, and in UTF-16 and UTF-32, with a mark and without."""
    return [(text, name) for text, names in TEXTS.values() for name in (*names, *WIDE)]


@pytest.mark.parametrize(("text", "encoding"), [*cases(), ("猫吃鱼", "gbk"), ("鱼", "gbk"), ("貓吃魚", "big5")])
def test_guess(text, encoding):
    """What is guessed reads the text as it was; so the error's hint gives the right text."""
    data = text.encode(encoding)
    guess = guess_encoding(data)
    assert guess in COMMON
    assert data.decode(guess) == text


@pytest.mark.parametrize(("text", "encoding"), cases())
def test_error_names_the_encoding(text, encoding):
    """Text in another encoding is never taken for UTF-8; the error shows how it begins, and its --encoding reads it."""
    data = text.encode(encoding)
    with pytest.raises(InputError, match="is not UTF-8") as caught:
        decode(data, message("Standard input"))
    line = caught.value.localized()
    assert f"begins with “{' '.join(text.split())[:20]}”" in line
    named = line.partition("Add: --encoding ")[2].removesuffix(".")
    assert decode(data, message("Standard input"), named) == text


@pytest.mark.parametrize(
    "text", ["猫吃鱼", "café", "the cat", "a\x1b[2Jb", "a\0b", "\x07 bell", "naïve\x00", "a\tb\nc"]
)
def test_utf8_stays_utf8(text):
    """UTF-8 with control characters in it, a null byte too, is not taken for anything else."""
    assert not hides_wide_letters(text.encode())
    assert decode(text.encode(), "x") == text
    assert decode(b"\xef\xbb\xbf" + text.encode(), "x") == text


def test_chosen_encoding_that_is_wrong():
    """An encoding that does not fit is refused with the one that does, and for UTF-8 with the option left out."""
    with pytest.raises(InputError, match=r"is not ascii: byte 0xc3 at position 0 .*Use: .*encoding gbk\.$"):
        decode("猫吃鱼，鱼吃猫。".encode("gbk"), "x", "ascii")
    with pytest.raises(InputError, match=r"it is UTF-8\. Leave .*encoding out\.$"):
        decode("猫吃鱼吗".encode(), "x", "shift_jis")
    with pytest.raises(InputError, match="is not utf-16"):
        decode(b"abc", "x", "utf-16")


def test_bytes_that_are_no_text():
    """For bytes that make a likely text in no encoding none is named."""
    with pytest.raises(InputError, match=r"Name the encoding, for example: .*encoding cp1252\.$"):
        decode(bytes(range(128, 256)) * 3, "x")


@pytest.mark.parametrize("name", ["gbk", "GBK", "cp936", "Big5", "utf8", "latin1", "windows-1252", "sjis", None])
def test_names_of_encodings(name):
    """Python's names for encodings of texts are known, in any case."""
    assert check_encoding(name) == (name or "utf-8")


@pytest.mark.parametrize("name", ["gbkk", "utf-7777", "", "no\0", "猫"])
def test_unknown_names(name):
    """Another name is refused with the nearest, or with a list."""
    with pytest.raises(OptionError, match="encoding takes one of utf-8, gbk"):
        check_encoding(name)


@pytest.mark.parametrize("name", ["rot13", "base64", "zip", "hex", "idna", "punycode", "unicode_escape", "undefined"])
def test_no_encodings_of_texts(name):
    """Codecs that make no text of a file's bytes are refused, whatever they would do with them."""
    with pytest.raises(OptionError, match="encoding"):
        check_encoding(name)


def test_iconv_knows_the_names(tmp_path):
    """The command that an error prints for a file without --encoding works under every name."""
    for name in COMMON:
        text = "cat " if name.startswith(("cp1252", "iso")) else "кот" if name in ("cp1251", "koi8-r") else "日"
        (tmp_path / "x").write_bytes(text.encode(name))
        try:
            done = subprocess.run(
                ["iconv", "-f", name, "-t", "utf-8", "x"], cwd=tmp_path, capture_output=True, check=True, timeout=30
            )
        except FileNotFoundError:
            pytest.skip("no iconv on this machine")
        assert done.stdout.decode("utf-8-sig") == text
