"""Token text made harmless: nothing in a label acts, hides, or breaks a line, and nothing in it is lost silently."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import iter_graphemes, wcwidth

from attnviz.core.attention_data import Token
from attnviz.core.plain import is_plain
from attnviz.views.prepared.attention import label
from attnviz.views.prepared.labels import code_point, encodable, named, shorten, visible

MEDIA = ("terminal", "picture")
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
FAMILY = "👩\u200d👩\u200d👧"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
DANGEROUS = st.text(
    st.sampled_from(
        [
            "\x1b",
            "\x00",
            "\x9b",
            "\n",
            "\t",
            "\x7f",
            "\u2028",
            "\u2029",
            "\ud800",
            *BIDI,
            "\u200d",
            "\u200c",
            "\ufeff",
            "\u00ad",
            "\u0301",
            "\ufe0f",
            "👩",
            "猫",
            "a",
            "\u0645",
            "\U000e0067",
            "\U0001f3f4",
        ]
    ),
    max_size=20,
)


@pytest.mark.parametrize(
    ("text", "terminal", "picture"),
    [
        ("a\x1b[2J", "a␛[2J", "a\\x1b[2J"),
        ("\x00", "␀", "\\x00"),
        ("\x7f", "␡", "\\x7f"),
        ("\n", "␊", "\\n"),
        ("\r\n", "␍␊", "\\r\\n"),
        ("\t", "␉", "\\t"),
        ("\x9b31m", "\\x9b31m", "\\x9b31m"),
        ("\x85", "\\x85", "\\x85"),
    ],
)
def test_control_characters(text, terminal, picture):
    """A control character is a sign in a terminal and an escape in a picture; C1 is an escape in both."""
    assert (visible(text), visible(text, "picture")) == (terminal, picture)


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize(
    "letter", [*BIDI, "\u200b", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u2028", "\u2029", "\ue000"]
)
def test_hidden_characters(letter, medium):
    """What turns, hides or has no shape is named by its code point, wherever it stands."""
    named = f"<U+{ord(letter):04X}>"
    assert code_point(letter) == named
    assert visible(f"a{letter}b", medium) == f"a{named}b"
    assert visible(letter, medium) == named


@pytest.mark.parametrize("code", [0xD800, 0xDCFF, 0xFDD0, 0x10FFFF, 0x378])
def test_no_character(code):
    """A lone surrogate and a code point that is no character are named."""
    assert visible(chr(code)) == f"<U+{code:04X}>"


@pytest.mark.parametrize("marks", [4, 40, 400])
def test_many_marks(marks):
    """Of many combining marks three stay, and how many are hidden is said."""
    assert visible("a" + "\u0301" * marks) == "a\u0301\u0301\u0301" + f"<+{marks - 3}>"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cat",
        "[/INST]",
        "[red]x",
        "</script>",
        "$x$",
        "猫吃鱼",
        "\u00e9",
        "e\u0301\u0302",
        FAMILY,
        ENGLAND,
        "❤\ufe0f",
        "می\u200cخواهم",
        "क\u094d\u200dष",
        "กำ",
        "مرحبا",
        "🇨🇳🇺🇸",
        "“…”",
        "a b",
    ],
)
@pytest.mark.parametrize("medium", MEDIA)
def test_untouched(text, medium):
    """Markup is no markup here, and joiners that a script or an emoji needs stay: such a text is shown as it is."""
    assert visible(text, medium) == text


def test_family_with_a_selector():
    """An emoji's variation selectors are no marks that pile up: a family of four keeps each."""
    text = "👩\u200d❤\ufe0f\u200d💋\u200d👩"
    assert visible(text) == text


@given(ANY_TEXT | DANGEROUS, st.sampled_from(MEDIA))
def test_nothing_acts(text, medium):
    """Whatever the text, what is shown has no control character, no line break, no surrogate and no bidi control."""
    shown = visible(text, medium)
    assert not [letter for letter in shown if unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs")]
    assert not set(shown) & set(BIDI)


@given(ANY_TEXT | DANGEROUS)
def test_picture_needs_no_control_signs(text):
    """A picture's labels hold no control picture (␛) that the text did not hold: its fonts lack them."""
    signs = {chr(code) for code in range(0x2400, 0x2440)}
    assert set(visible(text, "picture")) & signs <= set(text)


@given(
    ANY_TEXT | st.lists(st.sampled_from(["猫", "a", FAMILY, "e\u0301", "🇨🇳"]), max_size=12).map("".join),
    st.integers(0, 12),
)
def test_shorten_fits(text, width):
    """What is shortened is never wider than asked."""
    shown = shorten(visible(text), width, cell_len)
    assert cell_len(shown) <= width


@pytest.mark.parametrize("mark", ["⋯", ".."])
@pytest.mark.parametrize("width", range(5, 20))
def test_shorten_keeps_both_ends(width, mark):
    """The beginning and the end stay, the mark between them, and the two are about equally long."""
    text = "internationalization"
    head, tail = shorten(text, width, len, mark).split(mark)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert 0 <= len(head) - len(tail) <= 1
    assert len(head) + len(mark) + len(tail) == width


def test_shorten_leaves_what_fits():
    """A text that fits is not touched."""
    assert shorten("猫吃鱼", 6, cell_len) == "猫吃鱼"
    assert shorten("猫吃鱼", 5, cell_len) == "猫⋯鱼"


@pytest.mark.parametrize("width", range(4, 12))
def test_shorten_cuts_between_clusters(width):
    """A cluster stays whole or goes whole."""
    text = (FAMILY + "e\u0301") * 6
    kept = shorten(text, width, cell_len).split("⋯")
    assert {cluster for part in kept for cluster in iter_graphemes(part)} <= {FAMILY, "e\u0301"}


@given(ANY_TEXT, st.sampled_from(["ascii", "latin-1", "cp936", "utf-8", "cp1252", "no-such-encoding"]))
def test_encodable_encodes(text, encoding):
    """Whatever the text, the shown one can be written in the encoding; in ASCII where the encoding is unknown."""
    shown = encodable(visible(text), encoding)
    shown.encode("ascii" if encoding == "no-such-encoding" else encoding)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "\\u732b -> . v .."),
        ("latin-1", "\\u732b -> · v .."),
        ("cp936", "猫 → · ↓ .."),
        ("utf-8", "猫 → · ↓ ⋯"),
        ("no-such-encoding", "\\u732b -> . v .."),
    ],
)
def test_encodable_is_readable(encoding, shown):
    """Ornaments become ASCII look-alikes and letters their numbers, but only where the encoding lacks them."""
    assert encodable("猫 → · ↓ ⋯", encoding) == shown


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "<empty>"),
        (" ", "␣"),
        ("  ", "␣␣"),
        ("\u3000", "<U+3000>"),
        ("\xa0 ", "<U+00A0>␣"),
        ("a b", "a b"),
        ("\u3164", "<U+3164>"),
        ("\u2800", "<U+2800>"),
        ("\u200b", "<U+200B>"),
        ("\u200d" * 3, "<U+200D>" * 3),
        ("\u0301", "◌\u0301"),
        ("\n", "␊"),
    ],
)
def test_no_name_is_blank(text, name):
    """A token that shows nothing has a name that does."""
    assert named(text) == name
    assert label(Token(text), unknown="[UNK]") == name


@given(st.text(max_size=3))
def test_every_name_shows_something(text):
    """Whatever a token is, its name has something to see."""
    assert named(text).strip()
    assert cell_len(named(text)) > 0


def test_plain_letters_are_characters_of_their_own():
    """What needs no segmentation is assigned, takes a cell or two, and neither joins nor hides."""
    plain = [chr(code) for code in range(0x20, 0x10000) if is_plain(chr(code))]
    assert [letter for letter in plain if unicodedata.category(letter)[0] in "CM"] == []
    assert [letter for letter in plain if wcwidth(letter) < 1] == []


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "2.5×10⁻⁶, 10⁷"),
        ("cp936", "2.5×10^-6, 10^7"),
        ("latin-1", "2.5×10^-6, 10^7"),
        ("ascii", "2.5x10^-6, 10^7"),
    ],
)
def test_powers_of_ten_stay_powers(encoding, shown):
    """Where raised digits cannot be written, ^ says that they are an exponent."""
    assert encodable("2.5×10⁻⁶, 10⁷", encoding) == shown
