"""Laws of every picture, on every version of matplotlib: each cell and label is there, inside, and over no other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from drawn import draw

from attnviz import Attention, ablate, by_distance, compare, run
from attnviz.analysis.cost import cost
from attnviz.api.save import prepare_comparing
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message, use_language
from attnviz.views.figure.chart import render_charts
from attnviz.views.figure.heatmap import above_even
from attnviz.views.figure.render import render_figure
from attnviz.views.prepared.ablation import draw_ablation
from attnviz.views.prepared.alt_text import as_bars, edges_above_even
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.charts import BarChart
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.cost import draw_costs
from attnviz.views.prepared.lab import prepare_distances
from attnviz.views.prepared.panels import LAYER_AND_TOKEN, Panel, Prepared, join
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.shaded_text import shade_words
from attnviz.views.prepared.style import Style

PHONE = "我上周买的手机屏幕碎了"
LONG = "The internationalization of counterrevolutionaries and 狮子头"
WIDTHS = [None, "9cm", "30cm"]
STYLES = ["paper", "slide"]


def form(text, **options):
    """Return the prepared form of a text's weights."""
    return join(prepare(run(text, **options), presentation=PICTURE))


def compared(**options):
    """Return the prepared form of two texts beside each other."""
    return join(prepare_comparison(compare("猫吃鱼", "鱼吃猫", **options), head="all", presentation=PICTURE))


FORMS = {
    "three words": lambda: form("猫吃鱼"),
    "phone, four heads, causal": lambda: form(PHONE, heads=4, mask="causal"),
    "long words": lambda: form(LONG, tokens="space"),
    "one word": lambda: form("x"),
    "two texts": lambda: form("猫吃鱼", keys="the cat eats fish"),
    "sixty words": lambda: form(" ".join(f"w{i}" for i in range(60)), embedding="hash"),
}
CHARTS = {
    "ablation": lambda: draw_ablation(ablate(PHONE, "碎")),
    "costs": lambda: draw_costs(cost([20, 700], measure=lambda tokens, _: tokens**2 / 10**9)),
    "distances": lambda: prepare_distances(by_distance("猫吃鱼", 64), presentation=PICTURE),
}


@pytest.fixture(params=["en", pytest.param("zh", marks=pytest.mark.slow)])
def language(request):
    """Draw in each language."""
    use_language(request.param)
    return request.param


def bare(text):
    """Return a text without the marks of line breaks."""
    return "".join(text.split())


def assert_labels(drawing, labels):
    """Check that each label stands in the picture as often as it is there; a long one by its beginning and end."""
    words = [bare(word) for word in drawing.words]
    for label in {*map(bare, labels)}:
        beginning, end = label[:3], label[-3:]
        found = [word for word in words if word.startswith(beginning) and word.endswith(end)]
        assert len(found) >= [*map(bare, labels)].count(label), label


def matrices(drawing):
    """Return the drawing's matrices but for the colour bars, which have one row of many colours."""
    return [matrix for matrix in drawing.matrices if len(matrix) > 1 or matrix.shape[1] < 64]


def outer_labels(prepared):
    """Return the labels of the first panel of all that have the same, and of every panel whose labels differ."""
    rows = {panel.rows: panel for panel in prepared.panels}
    columns = {panel.columns: panel for panel in prepared.panels}
    rows = [label for panel in (rows.values() if len(rows) == 1 else prepared.panels) for label in panel.rows]
    return rows + [
        label for panel in (columns.values() if len(columns) == 1 else prepared.panels) for label in panel.columns
    ]


def drawn_or_refused(prepared, style):
    """Return the drawing; None where the width is refused as too narrow for this picture."""
    try:
        return draw(render_figure, prepared, "png", style)
    except OptionError as error:
        if style.width is None or "too narrow" not in str(error):
            raise
        return None


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FORMS)
def test_heatmaps(name, width):
    """A heatmap has a cell for each weight and every label beside it, all inside, no text over another."""
    prepared = FORMS[name]()
    drawing = draw(render_figure, prepared, "png", Style(width=width))
    drawing.assert_whole()
    assert [matrix.shape[:2] for matrix in matrices(drawing)] == [panel.values.shape for panel in prepared.panels]
    if name != "sixty words" or width is None:  # where there is no room for every label, a note says so
        assert_labels(drawing, outer_labels(prepared))


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", WIDTHS)
def test_heatmaps_of_two_texts(width, style):
    """A comparison has three matrices for each setting, labels on its outer edges, whole in every style."""
    prepared = compared()
    drawing = draw(render_figure, prepared, "png", Style(width=width, style=style))
    drawing.assert_whole()
    assert [matrix.shape[:2] for matrix in matrices(drawing)] == [(3, 3)] * 6
    assert_labels(drawing, ["猫", "吃", "鱼"] * (2 + 3))


def lens_form(columns=5, panels=2):
    """Return layers by tokens with a word in each cell, as a lens has them, and with a probability and rank."""
    rows, tokens = tuple(map(str, range(30))), tuple(f"token{i}" for i in range(columns))
    values = np.linspace(0, 1, 30 * columns).reshape(30, columns)
    words = [[message("{text}", text=f"word{i}x{j}") for j in range(columns)] for i in range(30)]
    numbers = [[message("{text}", text=f".{i:02} #{j}00") for j in range(columns)] for i in range(30)]
    made = [
        Panel(None, values, rows, tokens, Scale(0.0, 1.0), cells=tuple(map(tuple, cells))) for cells in (words, numbers)
    ]
    what = message("the likeliest token after each layer")
    return Prepared("lens", tuple(made[:panels]), what, (), what=what, sides=LAYER_AND_TOKEN)


@pytest.mark.parametrize("panels", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("width", WIDTHS)
def test_words_in_cells(panels, width):
    """Cells that hold words are as wide as the words, at every width: each is there, and none over another."""
    prepared = lens_form(panels=panels)
    drawing = draw(render_figure, prepared, "png", Style(width=width))
    drawing.assert_whole()
    words = {word for panel in prepared.panels for row in panel.texts(2) for word in row}
    assert words <= set(drawing.words)
    assert "layer ↓" in drawing.words


def test_cells_too_small_for_words():
    """Where a hundred tokens leave no room for words the cells are there without them, not wider than a page."""
    drawing = draw(render_figure, lens_form(columns=100), "png", Style())
    drawing.assert_whole()
    assert not any(word.startswith("word") for word in drawing.words)
    assert matrices(drawing)[0].shape[:2] == (30, 100)


@pytest.mark.parametrize("width", WIDTHS)
def test_known_colours(width):
    """In a row that looks at one word alone, that cell has the scale's last colour and the others its first."""
    (prepared,) = prepare(Attention.from_arrays(np.eye(5)[[0, 1, 2, 3, 0]], list("abcde")), presentation=PICTURE)
    palette = prepared.panels[0].scale.palette()
    (matrix,) = matrices(draw(render_figure, prepared, "png", Style(width=width)))
    expected = np.where(np.eye(5)[[0, 1, 2, 3, 0]][..., None] == 1, palette[-1], palette[0])
    np.testing.assert_array_equal(matrix, expected)


def test_colours_rise_with_the_weights():
    """The colour of each cell is that of its place in the palette, from the least to the largest."""
    raw = np.random.default_rng(0).random((9, 9)) ** 3
    weights = raw / raw.sum(axis=1, keepdims=True)
    (prepared,) = prepare(Attention.from_arrays(weights, list("abcdefghi")), presentation=PICTURE)
    (matrix,) = matrices(draw(render_figure, prepared, "png", Style()))
    palette = [tuple(color) for color in prepared.panels[0].scale.palette()]
    steps = np.array([[palette.index(tuple(map(int, color))) for color in row] for row in matrix])
    order = np.argsort(weights.ravel())
    assert (np.diff(steps.ravel()[order]) >= 0).all()
    assert steps.max() == len(palette) - 1


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("width", WIDTHS)
def test_grids(width):
    """A grid has a small map for each layer and head, with a heading for each, all inside."""
    weights = np.tile(np.eye(4), (3, 6, 1, 1))
    attention = Attention.from_arrays(weights, list("abcd"))
    (prepared,) = prepare(attention, presentation=PICTURE)
    assert prepared.headings is not None
    drawing = draw(render_figure, prepared, "png", Style(kind="grid", width=width))
    drawing.assert_whole()
    assert [matrix.shape[:2] for matrix in matrices(drawing)] == [(4, 4)] * 18


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["three words", "phone, four heads, causal", "long words", "one word", "two texts"])
def test_arcs(name, width, style):
    """An arc for each strong edge above the even share, as wide as it exceeds that; each word stands once a line."""
    prepared = FORMS[name]()
    drawing = drawn_or_refused(prepared, Style(kind="arcs", width=width, style=style))
    if drawing is None:
        return
    drawing.assert_whole()
    edges = [sorted(edges_above_even(panel, 0.7), key=lambda edge: edge.share) for panel in prepared.panels]
    assert len(drawing.curves) == sum(map(len, edges))
    widths = [thickness for _, thickness in drawing.curves]
    thickest = [
        (2 if edge.row == edge.column and not panel.cross else 6, edge.share)
        for panel, found in zip(prepared.panels, edges, strict=True)
        for edge in found
    ]
    assert widths == [max(0.4, most * share) for most, share in thickest]
    lines = [panel.rows + panel.columns * panel.cross for panel in prepared.panels]
    assert_labels(drawing, [label for line in lines for label in line])


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", FORMS)
def test_bars(name, width, style):
    """A bar a word, as long as its share of the scale; every word beside its bar."""
    prepared = FORMS[name]()
    drawing = drawn_or_refused(prepared, Style(kind="bars", width=width, style=style))
    if drawing is None:
        return
    drawing.assert_whole()
    bars = as_bars(prepared)
    assert sum(color is not None for _, color in drawing.shapes) == sum(
        np.count_nonzero(panel.values if panel.forbidden is None else panel.values[~panel.forbidden])
        for panel in bars.panels
    )
    sides = {panel.columns for panel in bars.panels}
    assert_labels(drawing, [label for side in sides for label in side])


@pytest.mark.usefixtures("language")
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("width", [None, "12cm", "30cm"])
@pytest.mark.parametrize("name", CHARTS)
def test_charts(name, width, style):
    """A chart has each of its series or bars, each named, all inside and no text over another."""
    charts = CHARTS[name]()
    if (name, width, style) == ("costs", "12cm", "slide"):  # three charts of large letters, one below the other
        with pytest.raises(OptionError, match="3 charts would be higher than a page at width 12cm"):
            render_charts(charts, "png", Style(width=width, style=style))
        return
    drawing = draw(render_charts, charts, "png", Style(width=width, style=style))
    drawing.assert_whole()
    for chart in charts.charts:
        if isinstance(chart, BarChart):
            assert_labels(drawing, chart.labels)
            assert_labels(drawing, chart.texts)
        else:
            assert_labels(drawing, [series.name.localized() for series in chart.series])
    bars = sum(len(chart.values) for chart in charts.charts if isinstance(chart, BarChart))
    assert sum(color is not None for _, color in drawing.shapes) == bars


def tall(rows=40, columns=9, panels=1, **more):
    """A form of maps with many rows, as those of a deep model's layers are."""
    values = np.linspace(0, 1, rows * columns, dtype=np.float32).reshape(rows, columns)
    names = tuple(map(str, range(rows))), tuple(map(str, range(columns)))
    made = tuple(Panel(message("head {head}", head=k), values, *names, Scale(0.0, 1.0)) for k in range(panels))
    return Prepared("weights", made, None, (message("attention weights"),), **more)


@pytest.mark.parametrize("width", ["8.5cm", "17cm"])
@pytest.mark.parametrize(
    "made",
    [
        lambda: (render_figure, tall()),
        lambda: (render_figure, tall(panels=2)),
        lambda: (render_figure, join(prepare_comparison(compare(PHONE, PHONE[::-1]), presentation=PICTURE))),
        lambda: (render_charts, draw_costs(cost([10, 1000], measure=None))),
    ],
    ids=["a tall map", "two tall maps", "two texts", "costs"],
)
def test_no_picture_is_higher_than_a_page(made, width):
    """At a chosen width a picture is no higher than a page between its margins: what is too high is drawn smaller."""
    render, prepared = made()
    drawing = draw(render, prepared, "png", Style(width=width))
    assert drawing.height <= 9.6
    drawing.assert_whole()


@pytest.mark.parametrize("kind", ["grid", "text"])
def test_too_much_for_a_page(kind):
    """What no page holds is refused in one line that says what to choose."""
    form = prepare(run(" ".join(["cat"] * 900), tokens="space"), presentation=PICTURE)[0] if kind == "text" else tall()
    if kind == "text":
        form = shade_words(form, run(" ".join(["cat"] * 900), tokens="space"))
    else:
        layers = tuple(message("layer {layer}", layer=k) for k in range(99))
        form = replace(form, panels=form.panels * 99, headings=(layers, (message("head {head}", head=0),)))
    with pytest.raises(OptionError, match=r"higher than a page at width 8\.5cm.*wider picture"):
        render_figure(form, "png", Style(kind=kind, width="8.5cm"))


def test_even_lines_of_maps():
    """Maps that do not fill their lines are spread evenly over them, as 5 and 4, where that makes them no smaller."""
    heads = tall(5, 5, 9)
    drawing = draw(render_figure, heads, "png", Style(width="17cm"))
    titles = [box for text, box in drawing.texts if text.startswith("head ")]
    rows = sorted({round(box.top, 2) for box in titles})
    assert [sum(round(box.top, 2) == row for box in titles) for row in rows] == [5, 4]


def test_a_verdict_stands_above_the_caption():
    """What a comparison comes to stands above the caption, once for each setting, and nowhere else."""
    form = join(prepare_comparison(compare("猫吃鱼", "鱼吃猫"), presentation=PICTURE))
    drawing = draw(render_figure, form, "png", Style(width="30cm"))
    tops = {text: box.top for text, box in drawing.texts}
    (caption,) = (top for text, top in tops.items() if text.startswith("toy embedding"))
    for verdict in form.notes[: form.verdicts]:
        assert drawing.words.count(str(verdict)) == 1
        assert tops[str(verdict)] < caption
    assert form.verdicts == 2


def test_small_changes_are_faded():
    """Of a map of changes the numbers near 0 stand back, those that are large do not; words in cells never do."""
    panel = Panel(None, np.array([[0.01, -0.9], [0.5, 0.0]]), ("a", "b"), ("c", "d"), Scale(-1.0, 1.0, diverging=True))
    assert above_even(panel).tolist() == [[False, True], [True, False]]
    assert above_even(replace(panel, cells=(((message("x"),) * 2,) * 2))).all()


@pytest.mark.parametrize("kind", ["arcs", "text"])
def test_words_of_a_comparison_keep_their_order(kind):
    """Where words stand as a text, it is said that all panels have the first text's order, if the orders differ."""
    presentation = replace(PICTURE, style=Style(kind=kind))
    said = "All panels have the words in the order of the first text."
    for second, expected in (("鱼吃猫", True), ("猫吃鱼", False)):
        form = prepare_comparing(compare("猫吃鱼", second), presentation=presentation)
        assert (said in map(str, form.notes)) == expected
    assert said not in map(str, prepare_comparing(compare("猫吃鱼", "鱼吃猫")).notes)


def test_texts_of_a_comparison():
    """Shaded texts of several settings name theirs; weights and changes have a bar each, with its ends."""
    style = Style(kind="text")
    form = prepare_comparing(compare("猫吃鱼", "鱼吃猫"), presentation=replace(PICTURE, style=style))
    drawing = draw(render_figure, form, "png", style)
    drawing.assert_whole()
    titles = [text for text, _ in drawing.texts if " · " in text and ("鱼吃猫" in text or "change" in text)]
    assert titles == [
        f"{setting} · {side}"
        for setting in ("without positions", "with sinusoidal positions")
        for side in ("鱼吃猫", "change")
    ]
    words = [text for text, _ in drawing.texts]
    assert [word for word in words if word in ("weight", "change")] == ["weight", "change"]
    assert any(word.startswith("−.") for word in words)
    assert not any("largest" in word for word in words)
