"""Pictures: drawn without a display or system fonts, the same bytes every time, with every label inside."""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from fontTools.pens.areaPen import AreaPen
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from near import assert_within

from attnviz import Attention, compare, run
from attnviz.views.figure.arcs import Arcs
from attnviz.views.figure.canvas import Cells
from attnviz.views.figure.fonts import forget_fonts, load_fonts
from attnviz.views.figure.layout import PictureContext
from attnviz.views.figure.render import FORMATS, render_figure
from attnviz.views.figure.truetype import _convert
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.panels import join
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.refine import Refining
from attnviz.views.prepared.style import Style

SVG = "{http://www.w3.org/2000/svg}"
SIGNATURES = {"eps": b"%!PS-Adobe", "png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
LONG = "The internationalization of counterrevolutionaries, pneumonoultramicroscopicsilicovolcanoconiosis and 狮子头"


def form(text, show="weights", **options):
    """What `run` draws of a text."""
    return join(prepare(choose_heads(run(text, **options)), show, presentation=PICTURE))


def compared(first, second, **options):
    """What `compare` draws of two texts."""
    return join(prepare_comparison(compare(first, second, **options), head="all", presentation=PICTURE))


CASES = {
    "chinese": lambda: form("猫吃鱼"),
    "english": lambda: form("the cat eats fish"),
    "emoji": lambda: form("👩 eats 鱼", embedding="hash"),
    "arabic": lambda: form("القط يأكل السمك", embedding="hash"),
    "thai": lambda: form("แมว กิน ปลา", embedding="hash", tokens="space"),
    "dollars": lambda: form("$x$ \\frac{1 _ ^ $", embedding="hash", tokens="space"),
    "escape": lambda: form("a\x1b[2J \u202e b" + "\u0301" * 40, tokens="space"),
    "long words": lambda: form(LONG, tokens="space"),
    "1x1": lambda: form("x"),
    "120 tokens": lambda: form(" ".join(f"w{i}" for i in range(120)), embedding="hash"),
    "8 heads": lambda: join(prepare(run("猫吃鱼", embedding="hash", heads=8), presentation=PICTURE)),
    "4 heads, causal": lambda: form("the cat eats fish", heads=4, mask="causal"),
    "scores": lambda: form("猫吃鱼", "scores", mask="window:1"),
    "output": lambda: form("猫吃鱼", "output"),
    "cards": lambda: form("猫吃鱼", "qkv"),
    "comparison": lambda: compared("猫吃鱼", "鱼吃猫"),
    "comparison of heads": lambda: compared("猫吃鱼", "鱼吃猫", heads=2, mask="causal"),
}


def pixels(picture):
    """A PNG's colours, [height, width, 3], 0 to 255."""
    from matplotlib.image import imread

    return np.rint(imread(io.BytesIO(picture), format="png")[:, :, :3] * 255).astype(int)


@pytest.mark.parametrize("name", CASES)
def test_inside(name):
    """Whatever the labels, nothing is cut off: the outermost two pixels are white, and something is drawn within."""
    picture, _ = render_figure(CASES[name](), "png", Style(dpi=80))  # quicker, and two pixels are more paper
    image = pixels(picture)
    assert all((edge == 255).all() for edge in (image[:2], image[-2:], image[:, :2], image[:, -2:]))
    assert (image < 255).any()


def smoothly_drawn(colors):
    """The pixels of cells that begin and end within pixels, drawn with smooth edges as a reader of a PDF draws them."""
    figure = Figure(figsize=(1, 1), dpi=100)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 100), ylim=(100, 0))
    axes.set_axis_off()
    cells = Cells(10.3, 10.3, 60.0, 60.0, colors)
    cells.set_snap(False)
    axes.add_collection(cells, autolim=False)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].astype(int)


def test_no_ground_shows_between_cells():
    """Cells of one colour are one surface, whatever their edges are drawn like."""
    image = smoothly_drawn(np.full((3, 3, 3), 50, dtype=np.uint8))
    assert np.ptp(image[11:70, 11:70]) <= 8


def test_edges_between_cells_are_of_their_two_colours():
    """Along an edge, also an outer one, no third colour shows: its pixels are the same from end to end."""
    colors = np.random.default_rng(0).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    image = smoothly_drawn(colors)
    for k in range(3):
        middle = slice(10 + 20 * k + 4, 10 + 20 * k + 17)  # what is within a cell, away from its corners
        for edge in (10, 30, 50, 70):
            assert np.ptp(image[edge, middle], axis=0).max() <= 3
            assert np.ptp(image[middle, edge], axis=0).max() <= 3


PDF_TEXTS = ["chinese", "emoji", "arabic", "escape", "4 heads, causal"]


@pytest.mark.parametrize("name", PDF_TEXTS)
def test_pdf_fonts(name):
    """A PDF embeds its fonts as TrueType, only the letters that it needs; none is Type 3, and none is CFF."""
    picture, _ = render_figure(CASES[name](), "pdf")
    assert b"/Type3" not in picture
    fonts = re.findall(rb"/BaseFont /([A-Z]{6})\+", picture)
    assert fonts
    assert picture.count(b"/Subtype /CIDFontType2") * 2 == len(fonts)  # each is named by its parent, too
    assert picture.count(b"/FontFile2 ") * 2 == len(fonts)
    assert b"/FontFile3" not in picture
    assert len(picture) < 100_000


def test_truetype_letters_are_the_fonts_own(tmp_path):
    """The letters of a PDF are those of the font: as wide, and the same shape within a thousandth of their size."""
    fonts, made = load_fonts(), tmp_path / "made.ttf"
    chinese = fonts.files[fonts.families.index("Noto Sans CJK SC")]
    assert _convert(chinese, {ord(letter) for letter in "猫g"}, "Made", made, 0.0)
    for letter in map(ord, "猫g"):
        sides = []
        for file, face in ((made, 0), (str(chinese), getattr(chinese, "face_index", 0))):
            font = TTFont(file, fontNumber=face)
            name = font.getBestCmap()[letter]
            pen = AreaPen(font.getGlyphSet())
            bounds = BoundsPen(font.getGlyphSet())
            for one in (pen, bounds):
                font.getGlyphSet()[name].draw(one)
            sides.append((font["hmtx"][name][0], bounds.bounds, abs(pen.value)))
        assert sides[0][0] == sides[1][0]
        assert_within(np.array(sides[0][1]), np.array(sides[1][1]), 2, "cubic curves become quadratic ones")
        assert_within(sides[0][2] / sides[1][2], 1, 0.01, "cubic curves become quadratic ones")


def test_svg_text():
    """With svg_text an SVG's words are text, the sentence in semibold; else all of them are paths."""
    words = lambda picture: [  # noqa: E731
        (element.text, element.get("style")) for element in ElementTree.fromstring(picture).iter(f"{SVG}text")
    ]
    assert words(render_figure(CASES["chinese"](), "svg")[0]) == []
    found = words(render_figure(CASES["chinese"](), "svg", Style(svg_text=True))[0])
    assert [text for text, _ in found].count("猫吃鱼") == 1
    assert "猫" in [text for text, _ in found]
    assert [text for text, style in found if "font-weight: 600" in style] == ["猫吃鱼"]
    assert all("sans-serif" in style for _, style in found)


@pytest.mark.parametrize("form_name", FORMATS)
@pytest.mark.parametrize("name", ["chinese", "emoji", "dollars", "escape", "4 heads, causal"])
def test_signature(name, form_name):
    """Each format's bytes begin as that format does."""
    picture, _ = render_figure(CASES[name](), form_name)
    assert picture.startswith(SIGNATURES[form_name])


def test_two_svgs_in_one_page():
    """No id of a picture is one of another, each reference has its own, and no style sheet reaches beyond a picture."""
    pictures = [render_figure(CASES[name](), "svg")[0].decode() for name in ("chinese", "4 heads, causal")]
    ids = [re.findall(r' id="([^"]*)"', picture) for picture in pictures]
    assert set(ids[0]).isdisjoint(ids[1])
    for picture, own in zip(pictures, ids, strict=True):
        assert len(own) == len(set(own))
        named = re.findall(r'="#([^"]+)"|url\(#([^)]+)\)', picture)
        named += [(name, "") for name in re.search('aria-labelledby="([^"]*)"', picture)[1].split()]
        assert {first or second for first, second in named} == set(own)
        assert "<style" not in picture


@pytest.mark.parametrize("name", ["chinese", "dollars", "escape", "arabic", "120 tokens"])
def test_svg_is_xml(name):
    """An SVG parses as XML, whatever the labels hold, and its root is svg."""
    picture, _ = render_figure(CASES[name](), "svg")
    assert ElementTree.fromstring(picture).tag == "{http://www.w3.org/2000/svg}svg"


@pytest.mark.parametrize("form_name", FORMATS)
@pytest.mark.parametrize("name", ["escape", pytest.param("4 heads, causal", marks=pytest.mark.slow)])
def test_same_bytes(name, form_name):
    """The same input gives the same bytes, and another input others."""
    picture = render_figure(CASES[name](), form_name)[0]
    assert picture == render_figure(CASES[name](), form_name)[0]
    assert picture != render_figure(CASES["1x1"](), form_name)[0]


@pytest.mark.parametrize(
    ("text", "code_points"),
    [
        ("👩", ["U+1F469"]),
        ("👩\u200d👧", ["U+1F469 U+200D U+1F467"]),
        ("แมว", ["U+0E21", "U+0E41", "U+0E27"]),
        ("👩 👧 👩", ["U+1F469", "U+1F467"]),
    ],
)
def test_missing_glyphs(text, code_points):
    """A character that no font has is drawn as its code point, and one note names all of them."""
    _, notes = render_figure(form(text, embedding="hash", tokens="space"), "svg")
    assert len(notes) == 1
    assert all(named in str(notes[0]) for named in code_points)


@pytest.mark.parametrize("name", ["chinese", "english", "arabic", "dollars", "escape", "long words", "comparison"])
def test_no_note(name):
    """Chinese, Arabic, Latin and what was made visible have glyphs: there is nothing to say."""
    assert render_figure(CASES[name](), "svg")[1] == ()


@pytest.fixture
def no_chinese_font(monkeypatch):
    """As if noto-cjk-sans-otc were not installed."""
    monkeypatch.setitem(sys.modules, "noto_cjk_sans_otc", None)
    forget_fonts()
    yield
    forget_fonts()


@pytest.mark.parametrize("form_name", FORMATS)
@pytest.mark.usefixtures("no_chinese_font")
def test_without_the_chinese_font(form_name):
    """Without the package of Chinese glyphs a picture is drawn all the same, and says what is missing."""
    picture, notes = render_figure(CASES["chinese"](), form_name)
    assert picture.startswith(SIGNATURES[form_name])
    said = " ".join(map(str, notes))
    assert "noto-cjk-sans-otc" in said
    assert "U+732B" in said


def test_colours_are_the_scales():
    """The colour of every cell's number on the scale is a colour of the picture."""
    prepared = form("the cat eats a fish and a dog eats it too then we go home to eat", embedding="hash")
    panel = prepared.panels[0]
    image = pixels(render_figure(prepared, "png")[0])
    wanted = np.array(panel.scale.palette())[np.rint(panel.places() * 255).astype(int)]
    code = np.array([1 << 16, 1 << 8, 1])
    assert len(panel.rows) > 14  # so many that the cells have no numbers on them
    assert np.isin(wanted @ code, image @ code).all()


def test_forbidden_cells_are_no_colour():
    """A forbidden cell is hatched on white, never the colour of the lowest weight."""
    image = pixels(render_figure(form(" ".join(f"w{i}" for i in range(16)), embedding="hash", mask="causal"), "png")[0])
    lowest = np.all(image == form("x").panels[0].scale.palette()[0], axis=-1)
    cells = ~np.all(image == 255, axis=-1)
    assert lowest.sum() < 0.2 * cells.sum()


def test_nothing_global_changes():
    """Drawing leaves matplotlib's settings as they were."""
    import matplotlib

    before = dict(matplotlib.rcParams)
    render_figure(CASES["chinese"](), "png")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("backend", ["TkAgg", "QtAgg", "no such backend"])
def test_no_display(monkeypatch, backend):
    """A picture needs no display, whatever MPLBACKEND asks for."""
    monkeypatch.setenv("MPLBACKEND", backend)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert render_figure(CASES["1x1"](), "png")[0].startswith(SIGNATURES["png"])


def test_arcs_with_a_hidden_sink_stay_on_one_line():
    """Arcs end at their words where a column is left out, and words among themselves keep their one line."""
    attention = Attention.from_arrays([[1, 0, 0], [0.9, 0, 0.1], [0.9, 0.1, 0]], ["[CLS]", "a", "b"])
    prepared = Refining(sinks="hide").apply(prepare(attention, presentation=PICTURE), attention)[0]
    style = Style(kind="arcs")
    diagram = Arcs(PictureContext(prepared, style, load_fonts()))
    assert [one.cross for one in diagram.shown] == [False]
    assert [(edge.row, edge.column) for edge in diagram.edges[0]] == [(1, 2), (2, 1)]
    crossed = prepare(run("猫吃", keys="cat eats"), presentation=PICTURE)[0]
    assert [one.cross for one in Arcs(PictureContext(crossed, style, load_fonts())).shown] == [True]
