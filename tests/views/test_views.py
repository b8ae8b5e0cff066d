"""Every view holds what was prepared: numbers to their digits, colours and shades to their step, at every width."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near, assert_near64, assert_rows_sum_to_one
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from wcwidth import wcswidth

from attnviz import Attention, Token, compare, run
from attnviz.i18n.messages import message, speaking
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import SPREADS, Scale, color_at, signed_scale, spread_scale, weight_scale
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared, number
from attnviz.views.prepared.pooled_grid import MOST_CELLS, fit_grid
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.refine import Refining, with_spread
from attnviz.views.prepared.shaded_text import shade_words
from attnviz.views.prepared.top_links import _SAME
from attnviz.views.terminal import blocks, top
from attnviz.views.terminal.block_sizes import measure
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.choose_view import VIEWS, view_attention, view_comparison
from attnviz.views.terminal.colors import _NUMBERS, DIGITS, SHADES, SIGNED, Paint
from attnviz.views.terminal.column_headings import set_labels, set_numbers
from attnviz.views.terminal.screen import COLORS, Screen, wrap_words
from attnviz.views.terminal.table import render_table
from attnviz.views.terminal.text import render_text

LABELS = (
    "猫",
    "图书馆",
    "the",
    "internationalization",
    "👩\u200d👩\u200d👧",
    "กำ",
    "مرحبا",
    "e\u0301" * 9,
    "[/INST]",
    "\x1b[2J",
    "a",
    "</script>",
    "，",
    "🇨🇳",
    "don't",
    "\u202e",
    "b" + "\u0301" * 60,
    "ﾜ",
)
OF_TEXTS = tuple(view for view in VIEWS if view != "patches")  # test_patch_map.py has that of pictures
PROVENANCE = run("猫").provenance
SYSTEMS = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": None}
CELL = re.compile(r"(?<!\S)(?:[+-]?\d*\.\d+(?:e[+-]\d+)?|[01]|[·.])(?!\S)")
DECIMAL = re.compile(r"(?<![^\s])[+-]?\d*\.\d+(?:e[+-]\d+)?(?!\S)")


@st.composite
def attentions(draw, most=40, heads=3):
    """Attention of seeded weights over any words, under any mask, square or not."""
    rows = draw(st.integers(1, most))
    columns = draw(st.sampled_from([rows, rows, rows, max(1, rows // 3), min(most, rows + 7)]))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    count = draw(st.integers(1, heads))
    raw = generator.random((1, count, rows, columns)) ** draw(st.sampled_from([1, 8, 40]))
    mask = draw(st.sampled_from(["none", "none", "causal", "any"]))
    allowed = {
        "none": None,
        "causal": np.tri(rows, columns, dtype=bool),
        "any": generator.random((rows, columns)) < 0.5,
    }
    raw = raw + 1e-9 if allowed[mask] is None else (raw + 1e-9) * allowed[mask]
    labels = draw(st.lists(st.sampled_from(LABELS), min_size=1, max_size=8))
    query, key = (tuple(Token(labels[i % len(labels)]) for i in range(size)) for size in (rows, columns))
    weights = raw / np.where(raw.sum(axis=-1, keepdims=True) == 0, 1, raw.sum(axis=-1, keepdims=True))
    return Attention(
        query,
        key if columns != rows else query,
        weights,
        allowed=allowed[mask],
        provenance=replace(PROVENANCE, origin=replace(PROVENANCE.origin, heads=count)),
    )


SCREENS = st.builds(
    Screen,
    width=st.integers(20, 400) | st.sampled_from([20, 21, 30, 40, 80]),
    encoding=st.sampled_from(["utf-8", "utf-8", "ascii", "cp936", "latin-1"]),
    colors=st.sampled_from(COLORS),
    ascii=st.booleans(),
    terminal=st.booleans(),
)


def drawn(view, screen):
    """The view's lines as segments."""
    system = SYSTEMS[screen.colors]
    console = Console(
        file=io.StringIO(),
        width=screen.cells,
        color_system=system,
        force_terminal=system is not None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    return [list(line) for line in Segment.split_lines(console.render(view))]


def plain(lines):
    """The lines as text."""
    return ["".join(part.text for part in line) for line in lines]


def look(style):
    """The ink and ground of a style: red, green, blue, or a number, or None."""

    def seen(color):
        if color is None or color.is_default:
            return None
        return tuple(color.triplet) if color.triplet is not None else color.number

    return (None, None) if style is None else (seen(style.color), seen(style.bgcolor))


def expected_color(scale, place, screen):
    """The colour that a place has: by the palette, or the step of the poorer terminal's colours."""
    if screen.colors == "truecolor":
        return color_at(scale.palette(), place)
    numbers = _NUMBERS[screen.colors, scale.diverging]
    return numbers[round(place * (len(numbers) - 1))]


def expected_character(scale, place, screen):
    """The character that a place has without colour."""
    characters = SIGNED if scale.diverging else SHADES if screen.has_shapes else DIGITS
    return characters[round(place * (len(characters) - 1))]


def letters(line):
    """(letter, ink, ground, dim, bold) of each cell of a line that has narrow letters alone where it matters."""
    found = []
    for part in line:
        style = part.style
        dim, bold = bool(style and style.dim), bool(style and style.bold)
        for letter in part.text:
            found.append((letter, *look(style), dim, bold))
    return found


def read_grid(lines, box, screen, indent):
    """What a box's rows show: for each row and column a colour, a character, or "forbidden"; None where hidden."""
    grid = box.grid
    seen = {}
    heading = len(box.heading)
    for group, line in zip(blocks.group_rows(grid, two=blocks.uses_half_blocks(box)), lines[heading:], strict=False):
        if grid.rows[group[0]].hidden:
            assert str(grid.rows[group[0]].count) in "".join(part.text for part in line)
            continue
        before = "".join(part.text for part in line)
        cells, start = letters(line), 0
        while cell_len(before[:start]) < indent + box.left + 1:
            start += 1
        for j, column in enumerate(grid.columns):
            if column.hidden:
                start += 5
                continue
            part = cells[start : start + box.cell]
            start += box.cell
            letter, ink, ground, dim, _ = part[-1]
            for k, i in enumerate(group):
                if blocks.uses_half_blocks(box):
                    seen[i, j] = "forbidden" if letter in "·." and dim else (ink if letter == "▀" else None, ground)[k]
                    if letter == "▄":
                        seen[i, j] = (None, ink)[k]
                elif letter in "·." and dim:
                    seen[i, j] = "forbidden"
                else:
                    seen[i, j] = ground if screen.colors != "none" else letter
    return seen


def check_grid(lines, box, screen, indent):
    """Each drawn cell is the step of its place; a forbidden one has none; nothing is missing."""
    grid, seen = box.grid, read_grid(lines, box, screen, indent)
    for i, row in enumerate(grid.rows):
        for j, column in enumerate(grid.columns):
            if row.hidden or column.hidden:
                continue
            if grid.forbidden[i, j]:
                assert seen[i, j] in ("forbidden", None)
            elif screen.colors == "none":
                assert seen[i, j] == expected_character(grid.scale, grid.places[i, j], screen)
            else:
                assert seen[i, j] == expected_color(grid.scale, grid.places[i, j], screen)


@settings(max_examples=100, deadline=None)
@given(attentions(), SCREENS, st.sampled_from(SPREADS), st.booleans())
def test_blocks_hold_what_was_prepared(attention, screen, spread, signed):
    """Read back from the drawn heatmap, every cell's colour or shade is the step of the prepared place."""
    (form,) = prepare(attention)
    panel = form.panels[0]
    if signed:
        values = panel.values - panel.values.mean()
        reach = float(np.abs(values).max())
        panel = Panel(None, values, panel.rows, panel.columns, Scale(-reach, reach, True), panel.forbidden, plus=True)
    panel = with_spread((form.__class__("weights", (panel,), None, ()),), spread)[0].panels[0]
    box = measure(panel, screen)
    lines = [drawn(line, screen)[0] for line in blocks.draw_grid(box)]
    assert max(cell_len(line) for line in plain(lines)) <= screen.cells
    check_grid(lines, box, screen, 2)


@settings(max_examples=100, deadline=None)
@given(attentions(most=70), SCREENS)
def test_small_multiples_hold_what_was_prepared(attention, screen):
    """A small multiple shows the steps of its places too, pooled where it says so."""
    for panel in prepare(attention)[0].panels:
        box = measure(panel, screen, small=True)
        lines = [drawn(line, screen)[0] for line in blocks.draw_grid(box)]
        assert max(cell_len(line) for line in plain(lines)) <= box.width <= screen.cells - 2
        check_grid(lines, box, screen, 0)


@settings(max_examples=80, deadline=None)
@given(
    attentions(),
    SCREENS,
    st.sampled_from(("auto", *OF_TEXTS)),
    st.sampled_from(SPREADS),
    st.sampled_from(["keep", "hide", "mark"]),
    st.booleans(),
)
def test_nothing_is_wider(attention, screen, view, spread, sinks, squeeze):
    """No view is wider than the terminal, writes what the encoding lacks, or lets a token act; … is in no grid."""
    choice = Choice(view, refining=Refining(spread, sinks), squeeze=squeeze and view in ("auto", "table"))
    for made in view_attention(attention, "weights", choice, screen, 3):
        lines = plain(drawn(made, screen))
        assert max(map(cell_len, lines)) <= screen.cells
        text = "".join(lines)
        text.encode(screen.encoding)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert view not in ("table", "blocks") or "…" not in text


@settings(max_examples=60, deadline=None)
@given(attentions(heads=1), SCREENS, st.integers(1, 9), st.sampled_from([1, 3, 9]))
def test_top_holds_the_strongest(attention, screen, most, digits):
    """Read back, each query has its strongest keys' numbers in the order of the text, their bars, and the rest.

    What the digits show as nothing is no link, and of equal keys not some: how many they are is said.
    """
    (form,) = prepare(attention, presentation=Presentation(digits))
    (panel,) = form.panels
    listed = top._List(panel, form, screen, most)
    found = grouped(listed.lines())
    assert len(found) == len(panel.rows)
    for i, lines in enumerate(found):
        given = panel.values[i] > 0 if panel.forbidden is None else (panel.values[i] > 0) & ~panel.forbidden[i]
        ranked = sorted(np.flatnonzero(given), key=lambda j: (-panel.values[i, j], j))
        order = [j for j in ranked[:most] if panel.values[i, j] >= 0.5 * 10.0**-digits] or ranked[:most]
        equals = [j for j in ranked if abs(panel.values[i, j] - panel.values[i, order[-1]]) <= _SAME]
        equals = [] if set(equals) <= set(order) else equals
        order = [j for j in order if j not in equals]
        others = [j for j in ranked if j not in order + equals]
        rest = [text for line in lines for text in re.findall(r"rest (\S+)", line)]
        alike = [found for line in lines for found in re.findall(r"(\d+) alike (\S+)", line)]
        numbers = [text for line in lines for text in DECIMAL.findall(re.sub(r"(rest|\d+ alike) \S+", "", line))]
        looks = np.ones(len(panel.columns), dtype=bool) if panel.forbidden is None else ~panel.forbidden[i]
        if looks.sum() > 1 and np.ptp(panel.values[i][looks]) <= _SAME and panel.values[i][looks].max() > 0:
            assert (numbers, rest) == ([number(float(panel.values[i][looks][0]), digits)], [])
            continue
        assert [int(count) for count, _ in alike] == [len(equals)] * bool(equals)
        assert {amount for _, amount in alike} <= {number(float(panel.values[i, j]), digits) for j in equals}
        expected = [number(float(panel.values[i, j]), digits) for j in sorted(order)]
        assert numbers == expected
        assert rest == [number(sum(float(panel.values[i, j]) for j in others), digits)] * bool(others)
        if screen.has_shapes and listed.bar:
            places = panel.places()[i]
            check_bars(lines, [places[j] * listed.bar for j in sorted(order)], screen)


@settings(max_examples=60, deadline=None)
@given(
    attentions(most=24, heads=1),
    SCREENS,
    st.sampled_from(SPREADS),
    st.sampled_from(["keep", "hide"]),
    st.sampled_from([1, 3, 9]),
)
def test_table_holds_what_was_prepared(attention, screen, spread, sinks, digits):
    """Read back row by row, a table has every number to its digits, each on the colour of its step, and each `·`."""
    refining = Refining(spread, sinks)
    (form,) = refining.apply(prepare(attention, presentation=Presentation(digits)), attention)
    choice = Choice("table", refining=refining)
    (made,) = view_attention(attention, "weights", choice, screen, digits)
    read = [row for row in map(read_cells, drawn(made, screen)) if row]
    rows = len(form.panels[0].rows)
    for panel in form.panels:
        mine = []
        while sum(map(len, mine[::rows])) < len(panel.columns):  # a panel with 1.0 in it may take more blocks
            assert read
            mine, read = mine + read[:rows], read[rows:]
        texts, places = panel.texts(digits), panel.places()
        for i in range(rows):
            seen = [cell for row in mine[i::rows] for cell in row]
            assert [text.replace(".", "·") if text == "." else text for text, _ in seen] == texts[i]
            for (_, ground), text, place in zip(seen, texts[i], places[i], strict=True):
                plain_ = text == FORBIDDEN or screen.colors == "none"
                assert ground == (None if plain_ else expected_color(panel.scale, place, screen))


@pytest.mark.parametrize(("width", "beside"), [(40, [1, 1, 1, 1]), (60, [2, 2]), (90, [2, 2]), (130, [4])])
def test_heads_stand_side_by_side(width, beside):
    """Tables of several heads stand beside each other where columns are free, about equally many in a line."""
    attention = run("猫吃鱼", heads=4)
    (form,) = prepare(attention)
    (made,) = view_attention(attention, "weights", Choice("table"), Screen(width), 3)
    lines = plain(drawn(made, Screen(width)))
    assert [line.count("head: ") for line in lines if "head: " in line] == beside
    read = [CELL.findall(line) for line in lines if line.strip()[:1] in ("猫", "吃", "鱼") and CELL.search(line)]
    first = 0
    for count in beside:
        together = [panel.texts(3) for panel in form.panels[first : first + count]]
        rows = [[text for texts in together for text in texts[i]] for i in range(3)]
        assert read[:3] == rows
        read, first = read[3:], first + count
    assert read == []


@pytest.mark.parametrize(("count", "columns"), [(10, [10]), (11, [6, 5]), (21, [7, 7, 7]), (22, [8, 8, 6])])
def test_tables_are_balanced(count, columns):
    """Columns that need several tables are shared out evenly, never ten and a lonely one."""
    attention = run(" ".join(f"w{i % 9}" for i in range(count)), embedding="hash", tokens="space")
    (made,) = view_attention(attention, "weights", Choice("table"), Screen(68), 3)
    lines = plain(drawn(made, Screen(68)))
    assert [len(line.split()) for line in lines if re.fullmatch(r" +(w\d +)+", line)] == columns


def test_a_change_of_nothing_has_no_ground():
    """In a table of changes 0 stands without colour, which would be a white field on a dark terminal."""
    from attnviz.views.prepared.comparison import prepare_comparison

    (form, *_) = prepare_comparison(compare("猫吃鱼", "鱼吃猫"))
    (made, *_) = view_comparison([form], Choice("table"), Screen(80))
    zeros = [part for line in drawn(made, Screen(80)) for part in line if part.text.strip() == "0"]
    assert len(zeros) == 9
    assert all(look(part.style)[1] is None for part in zeros)


@pytest.mark.parametrize("view", ["table", "blocks", "top"])
def test_the_verdict_stands_first(view):
    """The verdict of a comparison stands bold above its caption."""
    from attnviz.views.prepared.comparison import prepare_comparison

    (made, *_) = view_comparison(list(prepare_comparison(compare("猫吃鱼", "鱼吃猫"))), Choice(view), Screen(80))
    lines = drawn(made, Screen(80))
    texts = plain(lines)
    verdict = next(i for i, line in enumerate(texts) if line.startswith("Without positions every word"))
    assert verdict < next(i for i, line in enumerate(texts) if line.startswith("toy embedding"))
    assert all(part.style.bold for part in lines[verdict] if part.text.strip())


def read_cells(line):
    """(number, ground) of each cell of a table's row: what stands after its bold label; nothing of any other line."""
    parts, text = [], ""
    for part in line:
        text += part.text
        parts += [part.style] * len(part.text)
    bold = [i for i, style in enumerate(parts) if style is not None and style.bold]
    if not text.startswith("  ") or not bold:
        return []
    found = [(each[0], parts[each.end() - 1]) for each in CELL.finditer(text) if each.start() > bold[-1]]
    return [(number_, look(style)[1]) for number_, style in found]


@settings(max_examples=100, deadline=None)
@given(attentions(most=20, heads=1), SCREENS, st.integers(1, 9), st.sampled_from(SPREADS))
def test_top_holds_the_strongest_changes(attention, screen, most, spread):
    """Of numbers with two signs the largest by size are there, each with its sign and a bar as long as its place."""
    (form,) = prepare(attention)
    values = form.panels[0].values - form.panels[0].values[::-1]
    reach = float(np.abs(values).max())
    scale = spread_scale(Scale(-reach, reach, True), spread, [values])
    panel = Panel(None, values, form.panels[0].rows, form.panels[0].columns, scale, form.panels[0].forbidden, plus=True)
    listed = top._List(panel, form.__class__("comparison", (panel,), None, ()), screen, most)
    found = grouped(listed.lines())
    assert len(found) == len(panel.rows)
    for i, lines in enumerate(found):
        allowed = np.abs(values[i]) > 0 if panel.forbidden is None else (np.abs(values[i]) > 0) & ~panel.forbidden[i]
        order = sorted(np.flatnonzero(allowed), key=lambda j: (-abs(values[i, j]), j))[:most]
        numbers = [text for line in lines for text in DECIMAL.findall(line)]
        assert numbers == [number(float(values[i, j]), 3, plus=True) for j in sorted(order)]
        if screen.has_shapes and listed.bar:
            check_bars(lines, [abs(2 * panel.places()[i, j] - 1) * listed.bar for j in sorted(order)], screen)


def check_bars(lines, lengths, screen):
    """The bars in these lines are as long as they should be: in halves of a cell, in eighths where ╸ is unknown."""
    try:
        "━╸".encode(screen.encoding)
    except UnicodeEncodeError:
        bars = [bar for line in lines for bar in re.findall(r"[█▏▎▍▌▋▊▉]+", line)]
        steps = [8 * bar.count("█") + " ▏▎▍▌▋▊▉".find(bar[-1]) * (bar[-1] != "█") for bar in bars]
        expected = [round(length * 8) for length in lengths]
    else:
        bars = [bar for line in lines for bar in re.findall(r"[━╸]+", line)]
        steps = [2 * bar.count("━") + bar.count("╸") for bar in bars]
        expected = [round(length * 2) for length in lengths]
    assert steps == [step for step in expected if step]


def grouped(lines):
    """Lines by query: one that begins with a bold label begins a group."""
    groups = []
    for line in lines:
        if any(span.style == "bold" for span in line.spans) or not groups:
            groups.append([])
        groups[-1].append(line.plain)
    return groups


@settings(max_examples=60, deadline=None)
@given(attentions(heads=2), SCREENS, st.integers(0, 39) | st.none())
def test_text_holds_every_word(attention, screen, asking):
    """Read back, the text has every word in order, each over the digit of what it receives; or on its colour, from the
    even share on.
    """
    token = None if asking is None else str(asking % len(attention.query))
    (form,) = prepare(attention)
    shaded = shade_words(form, attention, token)
    wanted, seen = [], []
    for panel in shaded.panels:
        for word in panel.words:
            shown = screen.written(word.text)
            wanted.append(("".join(shown.split()), word.place, word.value))
    shares = [word.value for word in shaded.panels[0].words if word.value is not None]
    even = (1 - 1e-6) * sum(shares) / len(shares) if shares else 0
    lines = drawn(render_text(shaded, Choice(), screen), screen)
    assert max(map(cell_len, plain(lines))) <= screen.cells
    if screen.colors == "none":
        check_digits(plain(lines), [(text, place) for text, place, _ in wanted])
        return
    for line in lines[:-2]:
        for part in line:
            ground = look(part.style)[1]
            if ground is not None and part.text.strip():
                seen.append((part.text, ground))
    expected = [
        (text, expected_color(shaded.panels[0].scale, place, screen))
        for text, place, value in wanted
        if place is not None and value >= even
    ]
    colored = [(letter, color) for text, color in seen for letter in text if letter != "◌"]
    assert colored == [(letter, color) for text, color in expected for letter in text]


def check_digits(lines, wanted):
    """Every word stands over the digit of its place, at its first cell, and again wherever a line parts it."""
    if any(place is None for _, place in wanted):
        return  # what has no digit cannot be told from the end of what stands before it
    pieces = []
    for line, digits in pairwise(lines):
        if re.fullmatch(r" +\d[\d ]*", digits) and line.startswith("  "):
            starts = [each.start() for each in re.finditer(r"\d", digits)]
            for start, stop in zip(starts, [*starts[1:], None], strict=True):
                pieces.append((digits[start], "".join(cells_of(line)[start:stop]).strip()))
    for text, place in wanted:
        read = ""
        while read != (text or "◌"):
            digit, part = pieces.pop(0)
            assert digit == DIGITS[round(place * 9)]
            read = (read + "".join(part.split())).replace("◌", "" if text else "◌")
            assert (text or "◌").startswith(read)
    assert pieces == []


def cells_of(line):
    """The letters of a line, cell by cell: a wide one is followed by an empty one, a mark stands with its letter."""
    import wcwidth

    cells = []
    for cluster in wcwidth.iter_graphemes(line):
        width = cell_len(cluster)
        if width == 0 and cells:
            cells[-1] += cluster
        else:
            cells += [cluster, *[""] * (width - 1)]
    return cells


def test_digits_stand_under_words():
    """Without colour each word has its digit below its first cell, 9 under the one that receives most."""
    attention = run("猫吃鱼 the cat")
    (form,) = prepare(attention)
    shaded = shade_words(form, attention)
    lines = plain(drawn(render_text(shaded, Choice(), Screen(80, colors="none")), Screen(80, colors="none")))
    assert lines[1].rstrip() == "  猫吃鱼 the cat"
    digits = [round(word.place * 9) for word in shaded.panels[0].words]
    assert 9 in digits
    starts = [2, 4, 6, 9, 13]
    assert lines[2] == "".join(
        " " * (start - (starts[k - 1] + 1 if k else 0)) + str(digit)
        for k, (start, digit) in enumerate(zip(starts, digits, strict=True))
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 260), st.integers(1, 260), st.integers(3, 260), st.booleans(), st.booleans(), st.integers(0, 999))
def test_grid_names_all(rows, columns, room, pool, masked, seed):
    """What a grid draws, pools and hides is every row and column once, within the room; a pool has the most."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(rows, columns))
    forbidden = generator.random((rows, columns)) < 0.5 if masked else None
    labels = tuple(str(i) for i in range(rows)), tuple(str(j) for j in range(columns))
    scale = Scale(-5, 5, diverging=True)
    grid = fit_grid(Panel(None, values, *labels, scale, forbidden), room, pool=pool)
    for entries, size in ((grid.rows, rows), (grid.columns, columns)):
        assert [n for entry in entries for n in range(entry.start, entry.stop)] == list(range(size))
    drawn_columns = [column for column in grid.columns if not column.hidden]
    assert len(drawn_columns) + 5 * (len(grid.columns) - len(drawn_columns)) <= max(room, 7)
    assert bool(grid.notes) == any(entry.count > 1 or entry.hidden for entry in (*grid.rows, *grid.columns))
    if max(rows, columns) > MOST_CELLS:
        assert not any(entry.hidden for entry in (*grid.rows, *grid.columns))
    hidden = np.logical_or.outer([row.hidden for row in grid.rows], [column.hidden for column in grid.columns])
    assert np.isnan(grid.values[hidden]).all()
    for i, j in generator.permutation(np.argwhere(~hidden))[:200]:
        row, column = grid.rows[i], grid.columns[j]
        block = values[row.start : row.stop, column.start : column.stop]
        kept = block if forbidden is None else block[~forbidden[row.start : row.stop, column.start : column.stop]]
        assert grid.forbidden[i, j] == (kept.size == 0)
        if kept.size:
            assert abs(grid.values[i, j]) == np.abs(kept).max()
            assert grid.values[i, j] in kept
            assert_near64(grid.places[i, j], scale.place(grid.values[i : i + 1, j])[0])


@pytest.mark.parametrize("count", [3, 4, 5, 40, 200])
@pytest.mark.parametrize("room", [2, 8, 9, 30])
def test_both_ends_stay(count, room):
    """Where a grid is cut, the first and the last tokens of both axes stay, as many of each as can be."""
    values = np.eye(count)
    labels = tuple(map(str, range(count)))
    grid = fit_grid(Panel(None, values, labels, labels, weight_scale(values)), room)
    kept = [column.number for column in grid.columns if not column.hidden]
    first = [n for n in kept if n == kept.index(n)]
    assert kept[0] == 0
    assert kept[-1] == count - 1
    assert len(kept) == count or abs(len(first) - (len(kept) - len(first))) <= 1
    assert [row.number for row in grid.rows] == [column.number for column in grid.columns]


def test_pooled_says_so():
    """Beyond 200 tokens a cell is a block, and the caption says how large it is and that it shows the maximum."""
    tokens = tuple(Token(f"w{i}") for i in range(400))
    weights = np.full((1, 1, 400, 400), 1 / 400)
    attention = Attention(tokens, tokens, weights, provenance=PROVENANCE)
    (view,) = view_attention(attention, "weights", Choice("blocks"), Screen(120), 3)
    assert "4 x 4 tokens a cell, maximum" in " ".join(plain(drawn(view, Screen(120))))


def test_hidden_says_so():
    """Up to 200 tokens the middle of both axes is hidden where it does not fit; a row, a column and a line say it."""
    tokens = tuple(Token(f"w{i}") for i in range(100))
    attention = Attention(tokens, tokens, np.full((1, 1, 100, 100), 0.01), provenance=PROVENANCE)
    for colors in COLORS:
        (view,) = view_attention(attention, "weights", Choice("blocks"), Screen(60, colors=colors), 3)
        text = " ".join(" ".join(plain(drawn(view, Screen(60, colors=colors)))).split())
        (count,) = set(re.findall(r"(\d+) more", text))
        assert f"{count} of 100 tokens are hidden in the middle of each axis" in text
        assert text.count(count) >= 3


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("diverging", [False, True])
def test_spreads(spread, diverging):
    """Each spread keeps the order of a row's numbers, and its ends are the ends of the colours."""
    values = np.random.default_rng(1).random((5, 7)) ** 4
    values = values - 0.5 * diverging
    reach = float(np.abs(values).max())
    scale = spread_scale(Scale(-reach if diverging else 0, reach, diverging), spread, [values])
    places = scale.place(values)
    assert places.min() >= 0
    assert places.max() <= 1
    for row, numbers in zip(places, values, strict=True):
        assert (np.diff(row[np.argsort(numbers)]) >= 0).all()
    if spread == "row":
        assert_near64(np.abs(2 * places - 1 if diverging else places).max(axis=1), 1)
    else:
        assert_near64(np.abs(2 * places - 1 if diverging else places).max(), 1)


def test_log_has_equal_ratios():
    """On a log scale a number ten times larger is always the same distance away, down to four decades."""
    values = np.array([[1, 0.1, 0.01, 0.001, 0.0001, 1e-9, 0]])
    scale = spread_scale(weight_scale(values), "log", [values])
    assert_near64(scale.place(values)[0], [1, 0.75, 0.5, 0.25, 0, 0, 0])


@pytest.mark.parametrize("colors", COLORS)
@pytest.mark.parametrize("diverging", [False, True])
def test_steps_differ(colors, diverging):
    """Every step has a colour, or a character, of its own."""
    paint = Paint(Scale(-1 if diverging else 0, 1, diverging), Screen(80, colors=colors))
    places = np.linspace(0, 1, paint.steps)
    if colors == "none":
        assert len({paint.character(paint.step(place)) for place in places}) == paint.steps
    elif colors == "truecolor":
        assert paint.steps == 256
    else:
        assert len({paint.color(paint.step(place)).number for place in places}) == paint.steps


def test_labels_above():
    """Han characters stand upright, narrow words slanted; what is neither, or in narrow cells, is numbered."""
    assert set_labels(["猫", "图书馆"], 2, 80, "⋯") == ["  图", "  书", "猫馆"]
    assert set_labels(["the", "cat"], 2, 80, "⋯") == ["  e t", " h a", "t c"]
    assert set_labels(["مرحبا", "a"], 2, 80, "⋯") is None
    assert set_labels(["猫"], 1, 80, "⋯") is None
    assert set_labels(["internationalization", "a"], 2, 80, "⋯")[0].strip() == "n"
    grid = fit_grid(Panel(None, np.eye(12), tuple("abcdefghijkl"), tuple("abcdefghijkl"), Scale(0, 1)), 99)
    assert set_numbers(grid.columns, list(range(12)), 1) == ["0         1", "012345678901"]


def test_wrap_words():
    """Lines break at spaces, and inside a word only where it is wider than the line."""
    assert wrap_words("a bb ccc", 4) == ["a bb", "ccc"]
    assert wrap_words("图书馆里", 5) == ["图书", "馆里"]
    assert wrap_words("", 5) == []


@pytest.mark.parametrize(
    ("text", "width", "terminal", "view"),
    [
        ("猫吃鱼", 20, True, "table"),
        ("猫吃鱼", 80, False, "table"),
        ("a b c d e " * 6, 80, True, "blocks"),
        ("a b c d e " * 6, 80, False, "text"),
        ("a b c d e " * 30, 80, True, "text"),
        ("a b c d e " * 4, 400, True, "table"),
        ("a b c d e " * 6, 30, True, "text"),
        ("a b c d e " * 12, 200, True, "blocks"),
        ("a b c d e " * 12 + "f", 200, True, "text"),
    ],
)
def test_auto(text, width, terminal, view):
    """Auto is a table where it is small or fits, blocks where they fit a terminal, else the text; and it says so.

    Only a table in a pipe says nothing.
    """
    screen = Screen(width, colors="none", terminal=terminal)
    attention = run(text, tokens="space", embedding="hash")
    (made,) = view_attention(attention, "weights", Choice(), screen, 3)
    (asked,) = view_attention(attention, "weights", Choice(view), screen, 3)
    lines = " ".join(" ".join(plain(drawn(made, screen))).split())
    assert (f"this is --view {view}; others: " in lines) == (view != "table" or terminal)
    assert "this is --view" not in " ".join(plain(drawn(asked, screen)))
    body = re.sub(r"·? ?this is --view .*", "", lines)
    assert " ".join(" ".join(plain(drawn(asked, screen))).split())[:100] == body[:100]


def test_brief_captions():
    """A brief caption is one line: the settings that are no defaults, what a row is, and -v."""
    for options, said in (
        ({}, "each row is one word's attention and sums to 1"),
        ({"heads": 4}, "4 heads · each row sums to 1"),
        ({"mask": "causal"}, "causal mask · each row sums to 1"),
        ({"embedding": "hash"}, "hashed vectors · each row sums to 1"),
        ({"heads": 4, "mask": "causal", "position": "rope"}, "4 heads · rope positions · causal mask"),
    ):
        attention = run("猫吃鱼", **options)
        for terminal in (True, False):
            (made,) = view_attention(attention, "weights", Choice(brief=True), Screen(80, terminal=terminal), 3)
            caption = plain(drawn(made, Screen(80)))
            assert caption[len(caption) - 1 - caption[::-1].index("") + 1 :] == [f"{said} · -v: how it was computed"]


def test_brief_captions_of_a_narrow_screen():
    """What a row is takes fewer words where the caption would not fit in a line, and none where that is too long."""
    attention = run("猫吃鱼")
    for width, said in (
        (73, "each row is one word's attention and sums to 1 · "),
        (60, "each row sums to 1 · "),
        (40, ""),
    ):
        screen = Screen(width)
        (made,) = view_attention(attention, "weights", Choice(brief=True), screen, 3)
        assert plain(drawn(made, screen))[-1] == f"{said}-v: how it was computed"


def test_options_name_a_view():
    """--token means text, --top means top, --squeeze means table, without --view."""
    attention = run("猫吃鱼")
    for choice, said in ((Choice(token="吃"), "how much “吃” looks"), (Choice(top=1), "rest")):
        (made,) = view_attention(attention, "weights", choice, Screen(80), 3)
        assert said in " ".join(plain(drawn(made, Screen(80))))


def test_all_heads_are_small_multiples():
    """All heads in blocks stand side by side on one scale, each with its title and its character below."""
    attention = run("the cat eats the fish", heads=4)
    (made,) = view_attention(attention, "weights", Choice("blocks", all_heads=True), Screen(100), 3)
    lines = plain(drawn(made, Screen(100)))
    assert sum("head: who acts" in line and "head: what is acted on" in line for line in lines) == 1
    assert sum(len(re.findall(r"\d\.\d\d bits", line)) for line in lines) == 4
    assert len({panel.scale for panel in prepare(attention)[0].panels}) == 1


@pytest.mark.parametrize("width", [20, 37, 80, 200])
@pytest.mark.parametrize("view", ["table", "blocks", "top"])
def test_comparisons(view, width):
    """A comparison fits in every view it has; top lists the changes alone."""
    from attnviz.views.prepared.comparison import prepare_comparison

    forms = prepare_comparison(compare("the dog eats fish", "fish eats the dog"))
    for made in view_comparison(forms, Choice(view), Screen(width)):
        lines = plain(drawn(made, Screen(width)))
        assert max(map(cell_len, lines)) <= width
        assert ("the dog eats fish" in " ".join(lines[:2])) == (view != "top" and width > 37) or width <= 37


def squeezed(weights, width=80):
    """The lines of a squeezed table of these weights."""
    tokens = tuple(Token(f"w{i}") for i in range(len(weights)))
    attention = Attention(tokens, tokens, np.asarray(weights)[None, None], provenance=PROVENANCE)
    (made,) = view_attention(attention, "weights", Choice("table", squeeze=True), Screen(width), 3)
    return [line.strip() for line in plain(drawn(made, Screen(width)))]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=3, max_size=12), st.sampled_from([20, 40, 80]))
def test_squeeze(kinds, width):
    """Folded rows and printed rows are together all rows, and a folded row prints what the one above it does."""
    rows = np.array([np.roll(np.arange(1, len(kinds) + 1) ** 2, kind) for kind in kinds], dtype=float)
    lines = squeezed(rows / rows.sum(axis=1, keepdims=True), width)
    runs = 1 + sum(a != b for a, b in pairwise(kinds))
    panels = sum(line.split()[0] == "w0" and "." in line for line in lines if line)
    shown = [line for line in lines if re.match(r"w\d+ +[.\d]", line)]
    counts = re.findall(r"\* (\d+) more", " ".join(lines))
    assert len(shown) == runs * panels
    assert sum(map(int, counts)) == (len(kinds) - runs) * panels


def sinky(share=0.7, n=6, text="猫"):
    """Attention whose first token swallows the rows."""
    weights = np.full((n, n), (1 - share) / (n - 1))
    weights[:, 0] = share
    tokens = (Token(text), *(Token(f"w{i}") for i in range(1, n)))
    return Attention(tokens, tokens, weights[None, None], provenance=PROVENANCE)


@pytest.mark.parametrize("view", OF_TEXTS)
def test_sinks(view):
    """A sink is kept, marked, or hidden with the rest re-normalized; and that is said."""
    texts = {}
    for how in ("keep", "mark", "hide"):
        (made,) = view_attention(
            sinky(), "weights", Choice(view, refining=Refining(sinks=how)), Screen(80, colors="none"), 3
        )
        texts[how] = " ".join(" ".join(plain(drawn(made, Screen(80, colors="none")))).split())
    assert "†" not in texts["keep"]
    assert "猫†" in texts["mark"] or view == "blocks"
    assert "† “猫” is a sink: the other words give it .70 on average." in texts["mark"]
    assert "re-normalized to sum to 1" in texts["hide"]
    if view == "table":
        assert ".200" in texts["hide"]
        assert ".700" not in texts["hide"]


@pytest.mark.parametrize("view", OF_TEXTS)
@pytest.mark.parametrize("width", [20, 27, 40, 80])
def test_marks_beside_letters_take_cells(view, width):
    """Devanagari and Tamil have vowels that take a cell; lines stay on the screen by the terminal's own count."""
    attention = run("दुनिया மொழி नमस्ते 猫 दुनिया की भाषा किताब", embedding="hash", tokens="space")
    screen = Screen(width, colors="none")
    for shown in view_attention(attention, "weights", Choice(view), screen, 3):
        assert max(map(wcswidth, plain(drawn(shown, screen)))) <= width


def test_columns_of_a_table_stand_below_each_other():
    """Whatever the letters, the numbers of a column end at one place of the terminal."""
    attention = run("दुनिया மொழி 猫 cat", embedding="hash", tokens="space")
    screen = Screen(80, colors="none")
    (shown,) = view_attention(attention, "weights", Choice("table"), screen, 3)
    rows = [line for line in plain(drawn(shown, screen)) if re.search(r"\.\d{3}", line)]
    ends = {tuple(wcswidth(line[: found.end()]) for found in re.finditer(r"\.\d{3}", line)) for line in rows}
    assert len(rows) == 4
    assert len(ends) == 1


def test_a_sink_that_had_everything():
    """Rows that gave a hidden sink all they had are empty, and nothing says that they sum to 1."""
    attention = Attention.from_arrays([[1, 0, 0], [1, 0, 0], [0.7, 0.2, 0.1]], ["[CLS]", "a", "b"])
    (form,) = Refining(sinks="hide").apply(prepare(attention), attention)
    assert "looked at nothing else" in str(form.caption[-1])
    listed = grouped(top._List(form.panels[0], form, Screen(80), 3).lines())
    assert [line.strip() for (line,) in listed[:2]] == ["[CLS]  nothing", "a  nothing"]
    (kept,) = Refining(sinks="hide").apply(prepare(run("猫吃鱼")), run("猫吃鱼"))
    assert str(kept.caption[-1]).endswith("sums to 1")


def test_top_numbers_no_numbers():
    """Rows and columns that are called by their numbers, as layers and heads are, have them once."""
    values = np.zeros((13, 9))
    values[3, 4] = 1
    numbers = tuple(map(str, range(13))), tuple(map(str, range(9)))
    for names in (numbers, (tuple(f"L{n}" for n in range(13)), tuple(f"H{n}" for n in range(9)))):
        panel = Panel(None, values, *names, signed_scale(values), plus=True)
        row = top._List(panel, Prepared("change", (panel,), None, ()), Screen(80), 1)
        line = next(one.plain for one in row.lines() if "+1" in one.plain)
        assert line.split()[:2] == (["3", "4"] if names is numbers else ["3", "L3"])


def test_hidden_sink_keeps_the_rest():
    """What stays when a sink is hidden sums to 1 again, in the same proportions."""
    from attnviz.views.prepared.sinks import with_sinks

    attention = sinky()
    (form,) = prepare(attention)
    hidden = with_sinks(form, attention, "hide").panels[0]
    assert hidden.columns == form.panels[0].columns[1:]
    assert hidden.numbers == (1, 2, 3, 4, 5)
    assert_rows_sum_to_one(hidden.values)
    assert_near(hidden.values, form.panels[0].values[:, 1:] / 0.3)


@pytest.mark.parametrize("how", ["mark", "hide"])
def test_no_sink(how):
    """Where no token is a sink nothing changes, and that is said; among three words .33 is none."""
    (made,) = view_attention(run("猫吃鱼"), "weights", Choice("table", refining=Refining(sinks=how)), Screen(80), 3)
    text = " ".join(plain(drawn(made, Screen(80))))
    assert "No token is a sink" in text
    assert ".583" in text


@pytest.mark.parametrize("text", ["[CLS]", "</s>", "<|endoftext|>", "<s>", "[SEP]"])
def test_special_tokens(text):
    """A special token is a sink wherever it stands; a word in the middle is none."""
    from attnviz.analysis.attention_sinks import find_sinks

    for name, found in ((text, {3}), ("cat", set())):
        weights = np.full((6, 6), 0.06)
        weights[:, 3] = 0.7
        tokens = tuple(Token(name if i == 3 else f"w{i}") for i in range(6))
        assert set(find_sinks(Attention(tokens, tokens, weights[None, None], provenance=PROVENANCE))) == found


def test_text_keeps_paragraphs():
    """Line ends, empty lines and indentation of the text stay; spaces within a line are one."""
    attention = run("the cat\n\n    eats   fish\nnow", tokens="space", embedding="hash")
    (form,) = prepare(attention)
    screen = Screen(80)
    lines = plain(drawn(render_text(shade_words(form, attention), Choice(), screen), screen))
    assert [line.rstrip() for line in lines[1:5]] == ["  the cat", "", "      eats fish", "  now"]


def test_tokens_of_line_ends_break_the_line():
    """Where a model has a token for the line's end, the line breaks after it, and an empty line stays empty."""
    text = "the cat\neats\n\nfish"
    spans = ((0, 3), (3, 7), (7, 8), (8, 12), (12, 13), (13, 14), (14, 18))
    tokens = tuple(Token(text[start:end], start, end) for start, end in spans)
    weights = np.full((1, 1, len(tokens), len(tokens)), 1 / len(tokens), dtype=np.float32)
    attention = Attention(tokens, tokens, weights, source=text, provenance=PROVENANCE)
    (form,) = prepare(attention)
    screen = Screen(80)
    lines = plain(drawn(render_text(shade_words(form, attention), Choice(), screen), screen))
    assert [line.strip() for line in lines[1:5]] == ["the cat␊", "eats␊", "␊", "fish"]


def test_punctuation_begins_no_line():
    """A closing mark never begins a line, an opening one never ends it, and no Han word is parted."""
    text = "猫吃鱼，鱼吃猫。（图书馆里，孩子“看书”。）" * 3
    attention = run(text)
    (form,) = prepare(attention)
    for width in range(20, 60):
        screen = Screen(width)
        lines = plain(drawn(render_text(shade_words(form, attention), Choice(), screen), screen))
        body = [line.strip() for line in lines[: lines.index("")] if line.startswith("  ")]
        assert "".join(body) == text
        assert not [line for line in body if line[0] in "，。）”" or line[-1] in "（“"]
        assert not [line for line in body if line.endswith(("图", "图书", "孩"))]


@pytest.mark.parametrize("count", [3, 50, 500, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("view", ["blocks", "top", "text"])
def test_long_texts(count, view):
    """From 3 to 2,000 tokens every view can be drawn, and fits."""
    tokens = tuple(Token(LABELS[i % len(LABELS)]) for i in range(count))
    weights = np.random.default_rng(0).random((1, 1, count, count), dtype=np.float32)
    weights /= weights.sum(axis=-1, keepdims=True)
    attention = Attention(tokens, tokens, weights, provenance=PROVENANCE)
    for width in (20, 80, 400):
        (made,) = view_attention(attention, "weights", Choice(view), Screen(width), 3)
        assert max(map(cell_len, plain(drawn(made, Screen(width))))) <= width


def test_small_multiples():
    """Small multiples have their titles above, their captions below, and one bar a scale."""
    from attnviz.i18n.messages import message

    (form,) = prepare(run("猫吃鱼", heads=4))
    panels = tuple(replace(panel, title=message("grid"), caption=message("below")) for panel in form.panels)
    screen = Screen(80, colors="none")
    lines = plain(drawn(blocks.render_blocks(replace(form, panels=panels), Choice(), screen), screen))
    assert " ".join(lines).count("grid") == " ".join(lines).count("below") == 4
    assert sum("░░▒▒▓▓██ .948" in line for line in lines) == 1


@settings(max_examples=60, deadline=None)
@given(attentions(heads=2))
def test_text_holds_the_numbers(attention):
    """A word's number is its column's mean over the rows that may look, and those add up to 1; or the asking row's."""
    (form,) = prepare(attention)
    shaded = shade_words(form, attention)
    asked = shade_words(form, attention, str(len(attention.query) - 1))
    looking = attention.allowed is None or attention.allowed.any(axis=1)
    for head, mean, row in zip(attention.weights[0], shaded.panels, asked.panels, strict=True):
        values = [word.value for word in mean.words]
        rows = head if attention.allowed is None else head[looking]
        for j, value in enumerate(values):
            if value is not None:
                assert_near(value, rows[:, j].mean())
        assert_near(sum(value or 0 for value in values), 1 if np.any(looking) else 0)
        shown = [word.value for word in row.words if word.value is not None]
        assert_near(shown, [v for j, v in enumerate(head[-1]) if attention.allowed is None or attention.allowed[-1, j]])


@pytest.mark.parametrize("width", [20, 40, 80])
def test_numbered_columns_are_named(width):
    """Where columns that are not the rows are numbered, a legend says which is which; else none is needed."""
    names = [f"feature{j}" for j in range(30)]
    panel = Panel(None, np.eye(2, 30), ("猫", "鱼"), tuple(names), Scale(0, 1))
    form = prepare(run("猫吃鱼"))[0]
    form = form.__class__("output", (panel,), None, ())
    screen = Screen(width, colors="truecolor")
    lines = plain(drawn(blocks.render_blocks(form, Choice(), screen), screen))
    assert max(map(cell_len, lines)) <= width
    box = measure(panel, screen)
    shown = [column.number for column in box.grid.columns if not column.hidden and box.numbered]
    assert box.numbered == (width < 80)
    assert all(re.search(rf"(?<!\d){j} feature{j}(?!\d)", "\n".join(lines)) for j in shown)
    (itself,) = prepare(run("a b c d e f g h i j k l m n o p", tokens="space", embedding="hash"))
    assert blocks.draw_legend(measure(itself.panels[0], Screen(24))) == []


@pytest.mark.parametrize("view", OF_TEXTS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_sentences_are_folded_alike(view, language):
    """In every view a caption fills its lines, in Chinese beside its characters too, without a space at an end."""
    console = Console(width=40, file=io.StringIO(), color_system=None)
    with speaking(language):
        for drawn in view_attention(run("猫吃鱼", heads=2), "weights", Choice(view=view), Screen(40, colors="none"), 3):
            console.print(drawn)
    last = [line for line in console.file.getvalue().splitlines() if " · " in line]
    assert last
    assert all(line == line.rstrip() for line in last)
    assert all(cell_len(line) > 40 - 14 for line in last[:-1])


def test_top_chooses_none_of_equals():
    """A row of equal weights but for one lists that one, and how many are alike; what shows as .000 is in the rest."""
    words = tuple("abcdef")
    values = np.array([[0.11, 0.11, 0.45, 0.11, 0.11, 0.11], [0.3, 0.6997, 0.0003, 0, 0, 0]] + [[1, 0, 0, 0, 0, 0]] * 4)
    panel = Panel(None, values, words, words, weight_scale(values))
    rows = top._List(panel, Prepared("weights", (panel,), None, ()), Screen(80), 3)
    lines = [re.sub(r"[━╸]", "", line.plain).split() for line in rows.lines()]
    assert lines[:3] == [
        ["a", "c", ".450", "5", "alike", ".110"],
        ["b", "a", ".300", "b", ".700", "rest", ".000"],
        ["c", "a", "1.000"],
    ]
    with speaking("zh"):
        rows = top._List(panel, Prepared("weights", (panel,), None, ()), Screen(80), 3)
        assert "5 个都是 0.110" in next(rows.lines()).plain


def test_top_keeps_the_rest_on_the_line():
    """The bars are as long as leaves room for what the rest has, in Chinese too, whose numbers are longer."""
    attention = run("小猫吃了桌上的鱼因为它饿了")
    with speaking("zh"):
        (made,) = view_attention(attention, "weights", Choice("top"), Screen(80), 3)
        lines = plain(drawn(made, Screen(80)))
    assert lines.index("") == len(attention.query) + 1


def test_equal_words_are_told_apart():
    """Where a word stands alone, the second of two equal ones has its number: in `top`, titles, rows and verdicts."""
    attention = run("the cat eats the fish", position="rope")
    for choice, said in (
        (Choice("top"), "the#2"),
        (Choice("text", token="the#2"), "how much “the#2” looks at each word"),
        (Choice("table", token="the#2"), "the#2"),
    ):
        (made,) = view_attention(attention, "weights", choice, Screen(80), 3)
        assert said in " ".join(plain(drawn(made, Screen(80))))
    words = tuple(map(Token, ("the", "cat", "the")))
    weights = np.full((1, 1, 3, 3), 1 / 3, dtype=np.float32)
    other = weights.copy()
    other[0, 0, 2] = (0.0, 0.9, 0.1)
    (verdict,) = compare(Attention(words, words, weights), Attention(words, words, other)).verdicts()
    assert "“the#2” looks .57 more at “cat”" in str(verdict)


@pytest.mark.parametrize("colors", ["truecolor", "none"])
def test_words_in_cells_tell_their_numbers(colors):
    """Words in cells have a bar that says what their colours are; without colours, if asked for, their numbers."""
    values = np.array([[0.25, 0.5], [0.75, 1.0]])
    cells = ((message("a"), message("b")), (message("c"), message("d")))
    panel = Panel(None, values, ("x", "y"), ("1", "2"), weight_scale(values), cells=cells)
    for number_cells in (False, True):
        form = Prepared("lens", (replace(panel, number_cells=number_cells),), None, (), digits=2)
        screen = Screen(40, colors=colors)
        lines = plain(drawn(render_table(form, Choice(), screen), screen))
        assert any(line.split()[-1:] == ["1.00"] and line.split()[0] == "0" for line in lines) == (colors != "none")
        assert (lines[2].split() == ["y", "c", ".75", "d", "1.00"]) == (colors == "none" and number_cells)


def test_differences_have_no_rest():
    """What the maps of all reductions differ by is no share of a row: `top` sums nothing up there."""
    attention = run("猫吃鱼喝水", heads=4, reduce="all")
    (made,) = view_attention(attention, "weights", Choice("top", top=1), Screen(100), 3)
    lines = plain(drawn(made, Screen(100)))
    begins = next(place for place, line in enumerate(lines) if "where they disagree" in line)
    assert any("rest" in line for line in lines[:begins])
    assert not any("rest" in line for line in lines[begins:])
