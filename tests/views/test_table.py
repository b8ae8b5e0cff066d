"""The terminal's table at every width: nothing wider than the terminal, and every number there, whole, in its place."""

from __future__ import annotations

import io
import re
from functools import cache

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment

from attnviz import compare, run
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import color_at, ink_on
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.panels import FORBIDDEN
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.screen import NARROWEST, Screen
from attnviz.views.terminal.table import render_table

WIDTHS = range(20, 201)
SOME = (*range(20, 36), *range(36, 201, 24))  # for forms that take long to draw
CELL = re.compile(r"(?<!\S)(?:[+-]?\d*\.\d+|0|·)(?!\S)")
HOSTILE = "[/INST] [red]x \x1b[2J \u202e b" + "\u0301" * 40


def attended(text, show="weights", **options):
    """What `run` shows of a text, as one prepared form a kind."""
    return prepare(choose_heads(run(text, **options)), show)


FORMS = {
    "chinese": attended("猫吃鱼"),
    "long words": attended("the internationalization of counterrevolutionaries"),
    "a long sentence": attended("我 在 图 书 馆 里 看 一 本 关 于 猫 和 鱼 的 书", tokens="space"),
    "one character": attended("x"),
    "causal": attended("猫吃鱼", mask="causal"),
    "four heads, causal": attended("猫吃鱼", heads=4, mask="causal"),
    "mixed": attended("猫 eats internationalization", embedding="hash", tokens="space"),
    "scores": attended("猫吃鱼", "scores"),
    "output": attended("猫吃鱼", "output", projection="identity"),
    "hostile": attended(HOSTILE, mask="window:1"),
    "many digits": prepare(run("the cat eats fish"), presentation=Presentation(9)),
    "comparison": prepare_comparison(compare("猫吃鱼", "鱼吃猫")),
    "comparison, long, causal": prepare_comparison(
        compare("the internationalization eats 猫", "猫 eats the internationalization", mask="causal")
    ),
    "comparison of heads": prepare_comparison(compare("猫吃鱼", "鱼吃猫", heads=4), head="all"),
}
QUICK = ("chinese", "long words", "causal")
EACH = pytest.mark.parametrize("name", FORMS)


def console(width, **options):
    """A console of this width that draws into a string."""
    return Console(
        file=io.StringIO(), width=max(NARROWEST, width), highlight=False, markup=False, emoji=False, **options
    )


def drawn(form, width, encoding="utf-8"):
    """The lines of the table."""
    screen = console(width, color_system=None)
    screen.print(render_table(form, Choice(), Screen(width, encoding)))
    return screen.file.getvalue().splitlines()


@cache
def tables(name):
    """(width, form, lines) of a case at every width."""
    return [(width, form, drawn(form, width)) for width in (WIDTHS if name in QUICK else SOME) for form in FORMS[name]]


def cells(line):
    """The numbers of a table's row, each with the cell it ends in; nothing for any other line."""
    if not line.startswith("  ") or not (found := list(CELL.finditer(line))):
        return []
    return [(match[0], cell_len(line[: match.end()])) for match in found]


@EACH
def test_fits(name):
    """No line is wider than the terminal, and no number or label is cut with an ellipsis of the table's own."""
    for width, _, lines in tables(name):
        assert max(map(cell_len, lines)) <= width
        assert "…" not in "".join(lines)


@EACH
def test_every_number_once(name):
    """Read back row by row, the numbers are those of the prepared form, each whole, once, and in its row and order."""
    for _, form, lines in tables(name):
        rows = len(form.panels[0].rows)
        found = [[text for text, _ in cells(line)] for line in lines if cells(line)]
        texts = [panel.texts(form.digits) for panel in form.panels]
        for i in range(rows):
            assert [text for line in found[i::rows] for text in line] == [text for each in texts for text in each[i]]


@pytest.mark.parametrize("name", ["chinese", "causal", "mixed", "a long sentence", "comparison"])
def test_columns_are_aligned(name):
    """The numbers of a column end in the same cell as its heading, however wide the letters are."""
    for _, form, lines in tables(name):
        rows = len(form.panels[0].rows)
        places = [k for k, line in enumerate(lines) if cells(line)]
        for first in places[::rows]:
            heading = lines[first - 1]
            ends = [cell_len(heading[: match.end()]) for match in re.finditer(r"\S+", heading)]
            assert all([end for _, end in cells(lines[first + i])] == ends for i in range(rows))


@EACH
def test_headings_repeat(name):
    """Every table has all the row labels again, and all the tables together every column once a panel."""
    for _, form, lines in tables(name):
        rows = len(form.panels[0].rows)
        numbered = [line for line in lines if cells(line)]
        assert len(numbered) % rows == 0
        for i in range(rows):
            assert len({line.split()[0] for line in numbered[i::rows]}) == 1


def styled(form, width):
    """(text, ink, colour) of each coloured cell, row by row."""
    screen = console(width, color_system="truecolor", force_terminal=True)
    lines = list(Segment.split_lines(screen.render(render_table(form, Choice(), Screen(width)))))
    rows = []
    for line in lines:
        found = [(part.text.strip(), part.style) for part in line if part.style is not None and part.style.bgcolor]
        if found:
            rows.append([(text, tuple(style.color.triplet), tuple(style.bgcolor.triplet)) for text, style in found])
    return rows


@pytest.mark.parametrize("width", [20, 47, 200])
@pytest.mark.parametrize("name", ["chinese", "four heads, causal", "scores", "comparison"])
def test_colours(name, width):
    """Each number stands on its colour, in ink that suits it; a forbidden cell and a change of 0 have no colour."""
    for form in FORMS[name]:
        expected, bare = [], False
        for i in range(len(form.panels[0].rows)):
            row = []
            for panel in form.panels:
                for text, place in zip(panel.texts(form.digits)[i], panel.places()[i], strict=True):
                    color = color_at(panel.scale.palette(), float(place))
                    plain = text == FORBIDDEN or (panel.scale.diverging and text == "0")
                    row += [] if plain else [(text, ink_on(color), color)]
                    bare = bare or plain
            expected.append(row)
        found = styled(form, width)
        together = [[cell for line in found for cell in line]]
        if not bare:  # else a row of a table may have no coloured cell
            together = [[cell for line in found[i :: len(expected)] for cell in line] for i in range(len(expected))]
            assert together == expected
        assert sorted(cell for row in together for cell in row) == sorted(cell for row in expected for cell in row)


@EACH
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp936"])
def test_encodings(name, encoding):
    """In a poorer encoding everything can be written and still fits, and the numbers are all there."""
    for width in (20, 40, 79):
        for form in FORMS[name]:
            lines = drawn(form, width, encoding)
            "\n".join(lines).encode(encoding)
            assert max(map(cell_len, lines)) <= width
            numbers = [
                text for panel in form.panels for row in panel.texts(form.digits) for text in row if text != FORBIDDEN
            ]
            found = [text for line in lines for text, _ in cells(line) if text != FORBIDDEN]
            assert sorted(found) == sorted(numbers)


@pytest.mark.parametrize("width", [-5, 0, 1, 19])
def test_narrower_than_possible(width):
    """Below 20 cells the table is as for 20."""
    (form,) = FORMS["long words"]
    assert drawn(form, width) == drawn(form, 20)


@pytest.mark.parametrize("width", [20, 80])
def test_markup_is_text(width):
    """A token is never markup, and nothing in it acts."""
    (form,) = FORMS["hostile"]
    text = "\n".join(drawn(form, width))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\u0301" * 4 not in text
    assert "red" in text
    assert "INST" in text


def test_label_is_whole_where_it_fits():
    """A label up to 24 cells is not shortened where there is room; a longer one keeps its beginning and end."""
    text = "internationalization supercalifragilisticexpialidocious"
    lines = drawn(attended(text)[0], 120)
    assert any(line.split()[:1] == ["internationalization[?]"] for line in lines)
    assert any(re.match(r"\s+supercalifr\w*⋯\w*idocious\[\?\] ", line) for line in lines)


def test_side_by_side():
    """A, B and the change stand beside each other where they fit, else below each other."""
    form = FORMS["comparison"][0]
    assert any(line.split() == ["猫吃鱼", "鱼吃猫", "change"] for line in drawn(form, 80))
    assert any(line.split() == ["change"] for line in drawn(form, 40))


def test_the_article():
    """The article's numbers are all there, at seven digits."""
    vectors = np.array([[0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8], [0.9, 1.0, 1.1, 1.2]])
    text = "\n".join(drawn(prepare(run(vectors=vectors), presentation=Presentation(7))[0], 80))
    for expected in (".2693075", ".3289329", ".4017596", ".1814472", ".6180147"):
        assert expected in text


@pytest.mark.parametrize("digits", [7, 9])
def test_long_numbers(digits):
    """Numbers that are long by themselves are whole too, in the narrowest table."""
    (form,) = prepare(
        run(vectors=np.array([[123456.0, -123456.0], [-123456.0, 123456.0]])),
        "output",
        presentation=Presentation(digits),
    )
    lines = drawn(form, NARROWEST)
    assert max(map(cell_len, lines)) <= NARROWEST
    assert "…" not in "".join(lines)
