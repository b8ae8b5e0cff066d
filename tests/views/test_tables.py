"""Tables to paste: each number and word of the prepared form, in Markdown, LaTeX and HTML."""

from __future__ import annotations

import re

import numpy as np
import pytest
from near import assert_within

from attnviz import compare, explain, run
from attnviz.core.errors import OptionError
from attnviz.i18n.messages import message
from attnviz.views.handout import as_latex
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import Scale
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import Panel, Prepared, join
from attnviz.views.prepared.presentation import PICTURE
from attnviz.views.prepared.style import KINDS, Style
from attnviz.views.prepared.worksheet import make_sheet
from attnviz.views.tables import KINDS_OF_TABLES, render_table, render_tables

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


def listing(*labels, title="share"):
    """A list of rows with one column of percentages."""
    column = Column(message("{title}", title=title), tuple(f"{k}%" for k in range(len(labels))))
    return Listing(message("what it is"), labels, ((column,),), (message("a model"),), (message("a note"),))


def braces(tex):
    """How many braces are open at the end of LaTeX without its escapes and comments."""
    lines = [re.sub(r"\\[\\{}&%$#_]", "", line) for line in tex.splitlines() if not line.startswith("%")]
    return sum(line.count("{") - line.count("}") for line in lines)


def test_lists_and_words_in_cells():
    """A list, and a map with words in its cells, are tables too: each word escaped, one below the other."""
    words = tuple(tuple(message("{word}", word=word) for word in row) for row in (("a_1", "50%"), ("x|y", "-z")))
    panel = Panel(None, np.eye(2), ("0", "1"), ("p", "q"), Scale(0.0, 1.0), cells=words)
    forms = (Prepared("lens", (panel,), message("the likeliest"), ()), listing("a|b", "c&d"))
    markdown, tex = (render_tables(forms, suffix) for suffix in (".md", ".tex"))
    assert markdown.count("|---|") == 2
    for word in (r"a\_1", r"x\|y", "-z", r"a\|b", "1%", "a model", "a note"):
        assert word in markdown
    assert tex.count(r"\begin{tabular}") == tex.count(r"\end{tabular}") == 2
    for word in (r"a\_1", r"50\%", r"x\textbar{}y", "}-z", r"c\&d & 1\% \\"):
        assert word in tex
    assert braces(tex) == 0


@pytest.mark.parametrize(
    ("labels", "title", "needs"),
    [
        (("cat",), "share", ()),
        (("naïve “x” …",), "share", ()),
        (("猫",), "share", ("ctex", "XeLaTeX")),
        (("cat",), "占比", ("ctex", "XeLaTeX")),
        (("แมว", "猫"), "share", ("ctex", "XeLaTeX", "font that has ม ว แ")),
        (("кот",), "share", ("XeLaTeX", "font that has к о т")),
    ],
)
def test_what_latex_needs(labels, title, needs):
    """A comment says which package, engine and font the letters of a table ask for; of Latin ones there is none."""
    comments = [line for line in render_tables((listing(*labels, title=title),), ".tex").splitlines() if line[0] == "%"]
    above = "\n".join(comments[: comments.index("% what it is")])
    assert all(need in above for need in needs)
    assert ("ctex" in above, "XeLaTeX" in above, "font" in above) == tuple(
        any(name in need for need in needs) for name in ("ctex", "XeLaTeX", "font")
    )


@pytest.mark.parametrize("worksheet", [False, True])
def test_a_sheet_for_latex(worksheet):
    """Each step of an explanation is a paragraph with its table; a worksheet has rules to write on, and the answers."""
    sheet = make_sheet(explain("the cat_x 50% eats fish", token="eats", embedding="hash"), 4, worksheet=worksheet)
    tex = as_latex(sheet)
    assert braces(tex) == 0
    steps = (*sheet.sections, *sheet.answers)
    assert tex.count(r"\begin{tabular}") == sum(bool(step.lines) for step in steps)
    for step in sheet.sections:
        assert rf"\textbf{{{step.number}. " in tex
    assert (r"\rule{4.2em}" in tex, r"\clearpage" in tex) == (worksheet, worksheet)
    assert not re.search(r"(?<!\\)[%#&]\d", "\n".join(line for line in tex.splitlines() if line[0] != "%"))


def test_signs_that_readers_join_or_replace():
    """A character reference and a formula stay letters in Markdown, and two letters two in LaTeX's fonts."""
    shown = join(prepare(run(vectors=np.eye(2), labels=["&lt;$x$", "--``''"]), presentation=PICTURE))
    assert r"\&lt;\$x\$" in render_table(shown, ".md")
    assert "-{}-`{}`'{}'" in render_table(shown, ".tex")


@pytest.mark.parametrize(("count", "table"), [(20, "tabular"), (60, "longtable")])
def test_a_long_list_goes_over_pages(count, table):
    """A list of more rows than a page has is a longtable, which the comments ask for; a short one is a tabular."""
    column = Column(message("weight"), tuple(f".{k:02}" for k in range(count)))
    text = render_tables((Listing(None, tuple(map(str, range(count))), ((column,),)),), ".tex")
    assert f"\\begin{{{table}}}" in text
    assert (r"% \usepackage{longtable}" in text) == (count == 60)


def test_bars_of_one_scale():
    """Bars of several heads end at one number; a change has a colour for each sign."""
    heads = render_table(form(heads=4), ".tex", Style(kind="bars"))
    assert len(re.findall(r"xmin=0, xmax=[0-9.]+,", heads)) == 4
    assert len(set(re.findall(r"xmax=[0-9.]+,", heads))) == 1
    changes = join(prepare_comparison(compare("猫吃鱼", "鱼吃猫"), presentation=PICTURE))
    assert len(set(re.findall(r"rgb,255:[^}]*", render_table(changes, ".tex", Style(kind="bars"))))) == 3
