"""The gallery: each picture is made by the command beside it, asks for nothing from elsewhere, and comes out again."""

import re

import documents
import gallery
import matplotlib
import pytest
from near import assert_within
from real_models import MINILM
from terminal import CELL, LINE, draw_terminal

MADE = {picture.file: picture for picture in gallery.GALLERY}
PAGES = [path for path in documents.DOCUMENTS if "pictures/" in path.read_text(encoding="utf-8")]
FOLDERS = [gallery.PICTURES, gallery.PICTURES / "zh"]
SHOWN = re.compile(r"!\[[^\]]+\]\([./\w]*?pictures/([^)]+)\)")


def _command(file):
    """The command that makes a picture, by its path below docs/pictures."""
    picture = MADE[file.removeprefix("zh/")]
    return picture.chinese if file.startswith("zh/") and picture.chinese else picture.command


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_picture_stands_beside_its_command(path):
    """The command that makes a picture stands before it or after it, with no other picture between."""
    text = path.read_text(encoding="utf-8")
    parts = SHOWN.split(text)
    for place in range(1, len(parts), 2):
        beside = parts[place - 1] + parts[place + 1]
        command = _command(parts[place])
        assert f"`{command}`" in beside or f"$ {command}" in beside, parts[place]
        assert parts[place].startswith("zh/") == path.name.endswith(".zh.md")


@pytest.mark.parametrize("chinese", [False, True])
def test_every_picture_is_shown(chinese):
    """No picture is made that no page shows, in either language."""
    pages = [path for path in PAGES if path.name.endswith(".zh.md") == chinese]
    shown = {file.removeprefix("zh/") for path in pages for file in SHOWN.findall(path.read_text(encoding="utf-8"))}
    assert shown == MADE.keys()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_picture_is_there_and_small(folder):
    """The folders hold the pictures that are made and no others, none above 200 kB."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    assert sizes.keys() == MADE.keys()
    assert max(sizes.values()) <= 220_000


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_picture_refers_to_anything_outside(folder):
    """An SVG has outlines for letters: no font, image, style sheet or script is asked for."""
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'href="(?!#)|url\((?!#)|@import|@font-face|<(text|image|script|foreignObject)\b', text), (
            path
        )


QUICK = ("terminal-top.svg", "terminal-explain.svg", "arcs.svg")
# Not the one that shows times, nor a real model's: the last digits of its weights are the BLAS's own.
OTHERS = {"terminal-cost.svg"} | {file for file, (_, made, *_) in MADE.items() if MINILM in made}
SAME = [
    pytest.param(file, marks=[] if file in QUICK else pytest.mark.slow)
    for file in MADE
    if file.endswith(".svg") and file not in OTHERS
]


COORDINATE = re.compile(rb"-?\d+\.\d{4,6}")  # as matplotlib writes them: in points


@pytest.mark.parametrize("chinese", [False, True])
@pytest.mark.parametrize("file", SAME)
def test_the_same_picture_again(file, chinese):
    """Made again, an SVG is the same, byte by byte, but for a coordinate's last digit: that is the processor's own."""
    kept = (gallery.PICTURES / ("zh" if chinese else "") / file).read_bytes()
    drawn = re.search(rb"Matplotlib v([^,]+)", kept)
    if drawn and drawn[1].decode() != matplotlib.__version__:
        pytest.skip(f"it was made with matplotlib {drawn[1].decode()}")
    made = gallery.make(MADE[file], chinese=chinese)
    alike = COORDINATE.sub(b"#", made) == COORDINATE.sub(b"#", kept)
    assert alike, "make it again with tools/gallery.py"  # what differs would take minutes to print
    places = [[float(number) for number in COORDINATE.findall(picture)] for picture in (made, kept)]
    assert_within(places[0], places[1], 1e-4, "a coordinate is written with six digits")


def test_the_description_is_what_is_printed(tmp_path):
    """The SVG of a terminal holds what the command prints where there is no colour but the terminal is as wide."""
    picture = MADE["terminal-top.svg"]
    done = documents.run(picture.command, tmp_path, COLUMNS=str(picture.width))
    svg = (gallery.PICTURES / picture.file).read_text(encoding="utf-8")
    assert re.search(r"<desc>(.*?)</desc>", svg, flags=re.DOTALL)[1] == documents.printed(done).rstrip("\n")


def test_letters_stand_in_their_cells():
    """A wide letter takes two cells, so that what follows it stands where it stands in a terminal."""
    svg = draw_terminal("a猫b\n\x1b[1m cab\x1b[0m", "x")
    lines = re.findall("^<g transform.*$", svg, flags=re.MULTILINE)
    places = [[int(x) for x in re.findall(r'<use href="#\w+" x="(\d+)"', line)] for line in lines]
    assert places == [[0, CELL, 3 * CELL], [CELL, 2 * CELL, 3 * CELL]]
    assert len(set(re.findall(r'<path id="(\w+)"', svg))) == 6  # the bold letters have outlines of their own


def test_grounds_and_blocks_leave_no_gap():
    """Cells of one ground are one rectangle; half blocks and bars end where the next begin."""
    svg = draw_terminal("\x1b[38;2;1;2;3;48;2;4;5;6m▀▀\x1b[48;2;7;8;9m猫\x1b[0m█▌", "x")
    found = re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" fill="(#\w+)"', svg)
    boxes = {(*map(int, box[:4]), box[4]) for box in found}
    assert {(0, 0, 2 * CELL, LINE, "#040506"), (2 * CELL, 0, 2 * CELL, LINE, "#070809")} <= boxes
    assert (0, 0, 2 * CELL, LINE // 2, "#010203") in boxes
    assert {box[:4] for box in boxes} >= {(4 * CELL, 0, CELL, LINE), (5 * CELL, 0, CELL // 2, LINE)}
    assert "crispEdges" in svg


def test_only_a_part():
    """Of a long output only the lines between two beginnings, without the empty one before the second."""
    assert "<desc>5 b\nc</desc>" in draw_terminal("1 a\n5 b\nc\n\n9 d\n", "x", ("5 ", "9 "))


@pytest.mark.parametrize("letter", ["\U0001f408", "\u0301"])
def test_a_letter_that_cannot_be_drawn(letter):
    """What no font has, or what has no cell of its own, is refused and not left out."""
    with pytest.raises(ValueError, match=f"U\\+{ord(letter):04X}"):
        draw_terminal(f"a{letter}", "x")
