"""Tables to paste: each number and word of the prepared form, in Markdown, LaTeX and HTML."""

from __future__ import annotations

import re

import numpy as np
import pytest
from near import assert_within

from attnviz import compare, run
from attnviz.core.errors import OptionError
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.panels import join
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.style import KINDS, Style
from attnviz.views.tables import KINDS_OF_TABLES, render_table

SUFFIXES = sorted(KINDS_OF_TABLES)
TABLE = Style(kind="table")
STRANGE = "a_1 & 50% {x} \\y $z$ a^b~c |d| `e` *f* #1"


def form(text="the cat eats fish", **options):
    """The prepared form of a text's weights."""
    return join(prepare(run(text, **options), presentation=PICTURE))


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("options", [{}, {"heads": 2}, {"mask": "causal"}], ids=str)
def test_every_number(suffix, options):
    """A table has each number as the picture's form writes it, as often as it is there, and every word."""
    prepared = form(**options)
    table = render_table(prepared, suffix, TABLE)
    for panel in prepared.panels:
        texts = [text for row in panel.texts(prepared.digits) for text in row if text != "·"]
        for text in set(texts):
            assert len(re.findall(rf"(?<![\d.]){re.escape(text)}(?!\d)", table)) >= texts.count(text)
        assert all(table.count(word) >= 2 for word in panel.rows)


def test_markdown_has_columns():
    """Each row of a Markdown table has as many cells, whatever the words hold."""
    lines = [
        line
        for line in render_table(form(STRANGE, tokens="space", embedding="hash"), ".md").splitlines()
        if line[:1] == "|"
    ]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert len(lines) == 2 + len(STRANGE.split())


def test_latex_is_balanced():
    """Special characters of LaTeX are escaped: every brace closes, and each row has as many cells."""
    table = render_table(form(STRANGE, tokens="space", embedding="hash"), ".tex")
    body = [line for line in table.splitlines() if not line.startswith("%")]
    plain = [re.sub(r"\\[\\{}&%$#_]", "", line) for line in body]
    assert sum(line.count("{") - line.count("}") for line in plain) == 0
    rows = [line.count("&") for line in plain if "&" in line]
    assert set(rows) == {len(STRANGE.split())}
    assert not any(re.search(r"[$%#_^~]", re.sub(r"\$\\?\w+\$", "", line.replace("[HTML]", ""))) for line in plain)


def test_bars_are_pgfplots():
    """With --kind bars a .tex has a bar for each word, with its value."""
    table = render_table(form(), ".tex", Style(kind="bars", token="eats"))
    (panel,) = form().panels
    values = panel.values[panel.rows.index("eats")]
    written = np.array([float(found) for found in re.findall(r"\(([\d.e-]+),\d\)", table)])
    assert_within(written, values, 1e-5, "six digits are written")


def test_comparisons():
    """A comparison has its three tables for each setting, changes with their signs."""
    prepared = join(prepare_comparison(compare("the cat eats fish", "fish eats the cat"), presentation=PICTURE))
    assert render_table(prepared, ".tex").count(r"\begin{tabular}") == 6
    assert "+." in render_table(prepared, ".md")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_kinds_are_refused(suffix):
    """What is no table is refused in one line."""
    for kind in {*KINDS} - {*KINDS_OF_TABLES[suffix]}:
        with pytest.raises(OptionError, match=f"not {kind}"):
            render_table(form(), suffix, Style(kind=kind))
