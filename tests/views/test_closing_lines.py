"""What stands below a view in the terminal: what came out first and bold, then the caption, then the notes."""

from __future__ import annotations

import pytest
from continuations import continuation
from test_views import drawn, plain

from attnviz import ablate, compare, cost
from attnviz.i18n.messages import message
from attnviz.views.prepared.ablation import prepare_ablation
from attnviz.views.prepared.comparison import prepare_comparison
from attnviz.views.prepared.cost import prepare_costs
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.next_tokens import prepare_next
from attnviz.views.terminal.cell_width import cell_len
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.choose_view import view_comparison
from attnviz.views.terminal.listing import render_listing
from attnviz.views.terminal.next_tokens import StepLines
from attnviz.views.terminal.screen import Screen, sentence_line

# What a command prints, the beginnings of its verdicts, and that of its caption.
SHOWN = {
    "ablate": (
        lambda screen: render_listing(prepare_ablation(ablate("我上周买的手机屏幕碎了")), screen),
        ["Over 7 words the ranks"],
        "removed: the words around it",
    ),
    "cost": (
        lambda screen: render_listing(prepare_costs(cost([20])), screen),
        ["Twice as many tokens"],
        "1 layer · 1 head",
    ),
    "next": (
        lambda screen: render_listing(prepare_next(continuation(branches=2)), screen),
        ["1: mat and slept", "2: 猫窝 ."],
        "your own weights",
    ),
    "compare": (
        lambda screen: next(
            iter(view_comparison(list(prepare_comparison(compare("猫吃鱼", "鱼吃猫"))), Choice("table"), screen))
        ),
        ["Without positions every word"],
        "toy embedding",
    ),
}


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("width", [40, 80, 160])
def test_what_came_out_stands_bold_above_the_caption(name, width):
    """Each command with a verdict has it above the dim caption, in bold."""
    show, verdicts, caption = SHOWN[name]
    screen = Screen(width)
    lines = drawn(show(screen), screen)
    texts = plain(lines)
    below = next(at for at, line in enumerate(texts) if line.startswith(caption[:20]))
    assert all(part.style.dim for part in lines[below] if part.text.strip())
    for verdict in verdicts:
        at = next(at for at, line in enumerate(texts) if line.startswith(verdict[:20]))
        assert at < below
        assert all(part.style.bold for part in lines[at] if part.text.strip())


@pytest.mark.parametrize("count", [2, 5, 11, 12])
@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 160])
def test_columns_are_shared_evenly(count, width):
    """Tables of one list have nearly as many columns each, are as few as can be, and keep the order."""
    columns = tuple(Column(message("{n} of them", n=n), (f"{n}." + "0" * 5, "1")) for n in range(count))
    lines = plain(drawn(render_listing(Listing(None, ("first", "second"), (columns,)), Screen(width)), Screen(width)))
    rows = [line.split()[1:] for line in lines if line.strip().startswith("first")]
    assert [cell for row in rows for cell in row] == [column.cells[0] for column in columns]
    most = max(map(len, rows))
    assert len(rows) == 1 or most == -(-count // len(rows))
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [20, 24, 40, 80])
def test_arrows_stay_with_their_words(width):
    """A heading breaks between words, never before an arrow, and is whole when its lines are joined."""
    words = message("{what}   layer ↓   head →", what="how much each head of the clean text brings back")
    lines = sentence_line(words, Screen(width)).plain.split("\n")
    assert " ".join(" ".join(lines).split()) == " ".join(str(words).split())
    assert [line for line in lines if line.strip() in ("↓", "→") or cell_len(line) > width] == []


@pytest.mark.parametrize("width", range(34, 90, 7))
def test_step_headings_are_whole(width):
    """The headings above the tokens of `next` are whole words at every width."""
    heading = StepLines(Screen(width)).heading().plain
    words = "token probability share next likeliest attended to looked at"
    assert set(heading.split()) <= set(words.split())


def test_short_headings_are_not_broken():
    """A heading of a few letters stands on one line above narrow cells."""
    listing = Listing(None, ("a", "b"), ((Column(message("no. {place}", place=2), ("x", "y")),),))
    assert "no. 2" in plain(drawn(render_listing(listing, Screen(40)), Screen(40)))[0]
