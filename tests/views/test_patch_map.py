"""The map of a picture's patches: which number lies where, in the terminal at every width and colour, and drawn."""

from __future__ import annotations

import io

import numpy as np
import pytest
from near import assert_near
from rich.console import Console
from seen_pictures import COLUMNS, ROWS, seen_picture

import attnviz
from attnviz.core.errors import OptionError
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.patch_map import map_patches, over_picture, spread_over
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.choose_view import view_attention
from attnviz.views.terminal.colors import nearest_256
from attnviz.views.terminal.screen import COLORS, Screen


def mapped(attention, token=None):
    """Return the map's prepared form."""
    return map_patches(prepare(attention)[0], attention, token)


def printed(attention, screen, **choice):
    """Return the lines that a view prints, without and with their escapes."""
    out = io.StringIO()
    console = Console(file=out, width=screen.cells, highlight=False)
    for view in view_attention(attention, "weights", Choice(**choice), screen, 3):
        console.print(view)
    return out.getvalue().splitlines()


def test_each_number_lies_where_its_patch_is():
    """Row r and column c of the map hold what the token gives r<r>c<c>; [CLS] stands below."""
    attention = seen_picture()
    for token, index in (("CLS", 0), ("[CLS]", 0), ("1,2", 1 + COLUMNS + 2), ("r1c2", 1 + COLUMNS + 2)):
        form = mapped(attention, token)
        np.testing.assert_array_equal(
            form.panels[0].values.astype(np.float32), attention.weights[0, 0, index, 1:].reshape(ROWS, COLUMNS)
        )
        assert "[CLS]" in str(form.panels[0].caption)
        assert form.ground.chosen == (None if index == 0 else (1, 2))
    mean = mapped(attention).panels[0].values
    assert_near(mean, attention.weights[0, 0, :, 1:].mean(axis=0).reshape(ROWS, COLUMNS))
    assert form.ground.aspect == 100 / 60


def test_hidden_patches_are_no_zeros():
    """A patch whose column is left out is marked as hidden, and gets no number."""
    attention = seen_picture()
    form = prepare(attention)[0]
    panel = form.panels[0]
    kept = [*range(3), *range(4, len(panel.columns))]
    cut = type(panel)(
        None, panel.values[:, kept], panel.rows, tuple(panel.columns[k] for k in kept), panel.scale, numbers=tuple(kept)
    )
    found = map_patches(type(form)(form.kind, (cut,), None, ()), attention).panels[0]
    assert found.forbidden.sum() == 1
    assert found.forbidden[0, 2]


def test_the_heading_and_the_strongest_patches_are_true():
    """The caption below a map names the patches with the largest numbers, in order."""
    attention = seen_picture()
    caption = str(mapped(attention, "0,0").panels[0].caption)
    row = attention.weights[0, 0, 1, 1:]
    names = [attention.key[1 + k].text for k in np.argsort(-row)[:3]]
    assert [word for word in caption.replace(";", "").split() if word.startswith("r")][:3] == names
    assert "“r0c0”" in str(mapped(attention, "0,0").heading)


@pytest.mark.parametrize("colors", COLORS)
@pytest.mark.parametrize("width", [20, 33, 80, 200])
def test_nothing_is_wider_than_the_screen(colors, width):
    """Every colour depth, in ASCII too, one map and several, with the picture and without."""
    for attention in (seen_picture(), seen_picture(heads=4), seen_picture(pixels=False), seen_picture(special=())):
        for plain in (False, True):
            screen = Screen(width=width, colors=colors, ascii=plain, height=24)
            lines = printed(attention, screen, token="1,2")
            assert max(map(cell_len, lines)) <= width
            assert any("r1c2" in line for line in lines)
            assert not plain or all(line.isascii() for line in lines if line[2:3].isdigit())


def test_without_colour_each_patch_is_a_character():
    """The largest weight has the last character of the scale, and + marks the patch that looks."""
    attention = seen_picture()
    lines = printed(attention, Screen(colors="none"), token="2,4", view="patches")
    row = attention.weights[0, 0, -1, 1:].reshape(ROWS, COLUMNS)
    top = np.unravel_index(row.argmax(), row.shape)
    cells = [line for line in lines if line[2:3].isdigit()][:ROWS]
    assert "█" in cells[top[0]][4 + 2 * top[1] :][:2]
    assert cells[2][4 + 2 * 4] == "+"


def test_auto_takes_the_map_and_names_the_other_views():
    """Of a picture the map is what is shown; of a text there is none, and asking for it is refused."""
    attention = seen_picture()
    assert any("--view patches" in line for line in printed(attention, Screen()))
    text = attnviz.run("猫吃鱼")
    assert not any("patches" in line for line in printed(text, Screen()))
    with pytest.raises(OptionError, match="view patches"):
        printed(text, Screen(), view="patches")
    with pytest.raises(OptionError, match="kind patches"):
        text.figure(kind="patches")
    with pytest.raises(OptionError, match="token chooses the word whose row is drawn"):
        text.figure(token="猫")


def test_several_cells_of_a_patch_and_several_patches_of_a_cell():
    """A larger map repeats each number; a smaller one keeps the largest."""
    values = np.arange(15.0).reshape(3, 5)
    np.testing.assert_array_equal(spread_over(values, 6, 10), values.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(spread_over(values, 1, 2), [[values[:, :2].max(), values.max()]])


def test_the_picture_is_seen_less_where_the_weight_is_larger():
    """At 0 most is the grey picture, at 1 most is the colour; without a picture the colour is as it is."""
    colors = np.full((1, 2, 3), 200, dtype=np.uint8)
    ground = np.zeros((1, 2, 3), dtype=np.uint8)
    faint, strong = over_picture(colors, np.array([[0.0, 1.0]]), ground)[0, :, 0]
    assert faint < 100 < strong < 200
    np.testing.assert_array_equal(over_picture(colors, np.ones((1, 2)), None), colors)


def test_the_nearest_of_256_colours_is_nearest():
    """No colour of the cube or of the greys is nearer than the one that is taken."""
    steps = (0, 95, 135, 175, 215, 255)
    table = [(r, g, b) for r in steps for g in steps for b in steps] + [(8 + 10 * k,) * 3 for k in range(24)]
    colors = np.random.default_rng(0).integers(0, 256, (200, 3)).astype(np.uint8)
    for color, number in zip(colors.astype(int), nearest_256(colors), strict=True):
        distances = ((np.array(table) - color) ** 2).sum(axis=1)
        assert distances[number - 16] == distances.min()


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf"])
def test_a_picture_is_saved_as_its_map(name, tmp_path):
    """The default kind of a picture's attention is the map, with one head or several, and any style."""
    for attention in (seen_picture(), seen_picture(heads=3)):
        attention.save(tmp_path / name, token="1,2", dpi=40)
        assert (tmp_path / name).stat().st_size > 1000
    if name == "a.svg":
        text = (tmp_path / name).read_text()
        assert "r1c2" in text
        assert "cat.png" in text


def test_limits_and_sizes_of_the_drawn_map(tmp_path):
    """--vmax, --width and --style hold; too narrow is refused; a table is made of the weights themselves."""
    attention = seen_picture(heads=4)
    attention.save(tmp_path / "b.png", vmax=0.5, width="8.5cm", style="dark", dpi=40)
    with pytest.raises(OptionError):
        attention.save(tmp_path / "b.png", vmax=-1)
    seen_picture(pixels=False).save(tmp_path / "c.png", dpi=40)
    attention.save(tmp_path / "d.md", head=0)
    assert "r1c2" in (tmp_path / "d.md").read_text()
    with pytest.raises(OptionError, match="table, not patches"):
        attention.save(tmp_path / "d.md", kind="patches")
