"""Tables to paste: a prepared form as Markdown, as LaTeX with coloured cells or pgfplots bars, or as HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from attnviz.core.errors import OptionError
from attnviz.i18n.decimals import MINUS, printed_minus
from attnviz.i18n.messages import Message, message
from attnviz.views.latex_text import in_tex, table_rows, tex_preamble
from attnviz.views.notebook_html import render_cells
from attnviz.views.prepared.alt_text import as_kind
from attnviz.views.prepared.color_scale import RGB, color_at, ink_on
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.listing import Listing
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared
from attnviz.views.prepared.refine import with_limits
from attnviz.views.prepared.style import Style, refuse_limits

# The kinds that each format has, the first of them by default; a picture's default, the heatmap, stands for a table.
KINDS_OF_TABLES = {
    ".md": ("auto", "heatmap", "table", "bars"),
    ".tex": ("auto", "heatmap", "table", "bars"),
    ".html": ("table",),
}
_COLORS = r"\usepackage[table]{xcolor}"
# The colour of bars of weights; those of changes to the right of zero, and to its left.
_BAR = ("red,45;green,113;blue,142", 1)
_SIGNED = (("red,214;green,96;blue,77", 1), ("red,67;green,147;blue,195", -1))
_MARKDOWN = {letter: "\\" + letter for letter in "\\`*_[]<>|#~&$"}


@printed_minus()
def render_table(prepared: Prepared, suffix: str, style: Style | None = None) -> str:
    """Return the panels as what the suffix says: .md, .tex or .html; raises OptionError for a kind that it has not."""
    style = style or Style()
    kinds = KINDS_OF_TABLES[suffix]
    if style.kind not in kinds:
        raise OptionError(
            "A {suffix} holds a table, not {kind}.",
            hint="Leave --kind out, or save a .png, .svg or .pdf.",
            suffix=suffix,
            kind=style.kind,
        )
    form = with_limits(as_kind(prepared, style), style)
    makers: dict[str, Callable[[], Iterator[str]]] = {
        ".md": lambda: _markdown(form),
        ".tex": lambda: _pgfplots(form) if style.kind == "bars" else _tabular(form),
        ".html": lambda: _html(form),
    }
    return "\n".join(makers[suffix]()) + "\n"


@printed_minus()
def render_tables(forms: Sequence[Prepared | Listing], suffix: str, style: Style | None = None) -> str:
    """Return maps and lists of one result one below the other, for Markdown (.md) or LaTeX (.tex).

    Raises OptionError for limits of colours where there are lists alone.
    """
    style = style or Style()
    if not any(isinstance(form, Prepared) for form in forms):
        refuse_limits(style)
    makers = {".md": (_markdown, _listing_in_markdown), ".tex": (_map_in_tex, _listing_in_tex)}
    for_map, for_list = makers[suffix]
    parts = [list(for_list(form) if isinstance(form, Listing) else for_map(with_limits(form, style))) for form in forms]
    if suffix == ".tex":
        maps = any(isinstance(form, Prepared) for form in forms)
        body = [line for part in parts for line in part if not line.startswith("%")]
        preamble = list(tex_preamble(body, *((_COLORS,) if maps else ())))
        gap = ["", r"\par\medskip\noindent"]
        return "\n".join([*preamble, *parts[0], *(line for part in parts[1:] for line in (*gap, *part))]) + "\n"
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _listing_rows(listing: Listing, escape: Callable[[str], str]) -> tuple[list[list[str]], str, list[str]]:
    """Return the rows of a list, the header first, its heading, and the sentences below it."""
    columns = [column for group in listing.groups for column in group]
    rows = [["", *(escape(column.title.localized()) for column in columns)]]
    rows += [
        [escape(_cell_words(cell)) for cell in (label, *(column.cells[i] for column in columns))]
        for i, label in enumerate(listing.labels)
    ]
    heading = "" if listing.heading is None else listing.heading.localized()
    below = [" · ".join(part.localized() for part in listing.caption), *(note.localized() for note in listing.notes)]
    return rows, heading, [sentence for sentence in below if sentence]


def _listing_in_markdown(listing: Listing) -> Iterator[str]:
    (header, *rows), heading, below = _listing_rows(listing, _in_markdown)
    if heading:
        yield from (f"**{_in_markdown(heading)}**", "")
    if rows:
        yield f"| {' | '.join(header)} |"
        yield "|---|" + "---:|" * (len(header) - 1)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    for sentence in below:
        yield from ("", _in_markdown(sentence))


def _listing_in_tex(listing: Listing) -> Iterator[str]:
    (header, *rows), heading, below = _listing_rows(listing, in_tex)
    if heading:
        yield f"% {_one_line(heading)}"
    if rows:
        yield from table_rows(f"l{'r' * (len(header) - 1)}", _row(header), [*map(_row, rows)])
    yield from (f"% {_one_line(sentence)}" for sentence in below)


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _cell_words(words: str | Message) -> str:
    return words.localized() if isinstance(words, Message) else words


def _heading(form: Prepared) -> str:
    """Return the sentence and what is shown of it, on one line."""
    parts = [part.localized() for part in (form.subject, form.what or form.heading) if part is not None]
    return " · ".join(parts)


def _digits(form: Prepared) -> int:
    return form.digits if form.cell_digits is None else form.cell_digits


def _notes(form: Prepared) -> Iterator[str]:
    yield " · ".join(part.localized() for part in form.caption)
    yield from (note.localized() for note in form.notes)


def _html(form: Prepared) -> Iterator[str]:
    yield '<meta charset="utf-8">'
    yield render_cells(replace(form, heading=message("{text}", text=_heading(form))))


def _markdown(form: Prepared) -> Iterator[str]:
    yield f"**{_in_markdown(_heading(form))}**"
    for panel in form.panels:
        yield ""
        if len(form.panels) > 1 and panel.title is not None:
            yield from (_in_markdown(panel.title.localized()), "")
        yield f"| | {' | '.join(map(_in_markdown, panel.columns))} |"
        yield "|---|" + "---:|" * len(panel.columns)
        for label, texts in zip(panel.rows, panel.texts(_digits(form)), strict=True):
            cells = texts if panel.cells is None else map(_in_markdown, texts)
            yield f"| {_in_markdown(label)} | {' | '.join(cells)} |"
        if panel.caption is not None:
            yield from ("", _in_markdown(panel.caption.localized()))
    for note in _notes(form):
        yield from ("", _in_markdown(note))


def _in_markdown(text: str) -> str:
    return "".join(_MARKDOWN.get(letter, letter) for letter in visible(text, "picture"))


def _tabular(form: Prepared) -> Iterator[str]:
    body = list(_map_in_tex(form))
    yield from tex_preamble([line for line in body if not line.startswith("%")], _COLORS)
    yield from body


def _map_in_tex(form: Prepared) -> Iterator[str]:
    yield f"% {_one_line(_heading(form))}"
    yield from _tabulars(form)
    yield from (f"% {_one_line(note)}" for note in _notes(form))


def _tabulars(form: Prepared) -> Iterator[str]:
    for panel in form.panels:
        if len(form.panels) > 1 and panel.title is not None:
            yield from ("", rf"\par\medskip\noindent {in_tex(panel.title.localized())}", r"\par\noindent")
        palette, places = panel.scale.palette(), panel.places()
        rows = []
        for i, (label, texts) in enumerate(zip(panel.rows, panel.texts(_digits(form)), strict=True)):
            cells = (
                r"$\cdot$"
                if text == FORBIDDEN
                else _cell(text, color_at(palette, float(places[i, j])), words=panel.cells is not None)
                for j, text in enumerate(texts)
            )
            rows.append(_row([in_tex(label), *cells]))
        yield from table_rows(f"r{'c' * len(panel.columns)}", _row(["", *map(in_tex, panel.columns)]), rows)
        if panel.caption is not None:
            yield rf"\par\noindent {in_tex(panel.caption.localized())}"


def _cell(text: str, color: RGB, *, words: bool) -> str:
    code = "".join(f"{part:02X}" for part in color)
    number = in_tex(text) if words else f"${text.replace(MINUS, '-')}$" if text[:1] in ("+", MINUS) else text
    ink = number if ink_on(color) == (0, 0, 0) else rf"\textcolor{{white}}{{{number}}}"
    return rf"\cellcolor[HTML]{{{code}}}{ink}"


def _pgfplots(form: Prepared) -> Iterator[str]:
    body = list(_bar_charts(form))
    yield from tex_preamble(body, r"\usepackage{pgfplots}", r"\pgfplotsset{compat=1.16}")
    yield f"% {_one_line(_heading(form))}"
    yield from body
    yield from (f"% {_one_line(note)}" for note in _notes(form))


def _bar_charts(form: Prepared) -> Iterator[str]:
    reach = {
        diverging: max((_reach(panel) for panel in form.panels if panel.scale.diverging == diverging), default=0.0)
        for diverging in (False, True)
    }
    for panel in form.panels:
        places, most = range(len(panel.columns)), 1.08 * reach[panel.scale.diverging] or 1.0
        yield from (r"\begin{tikzpicture}", r"\begin{axis}[")
        if len(form.panels) > 1 and panel.title is not None:
            yield f"  title={{{in_tex(panel.title.localized())}}},"
        yield "  xbar, bar shift=0pt, bar width=8pt, y=14pt, y dir=reverse,"
        yield "  axis lines*=left, enlarge y limits={abs=0.7},"
        yield "  scaled x ticks=false, xticklabel style={/pgf/number format/.cd, fixed, precision=3, skip 0.},"
        yield f"  xmin={-most if panel.scale.diverging else 0:.4g}, xmax={most:.4g},"
        yield f"  ytick={{{','.join(map(str, places))}}},"
        yield f"  yticklabels={{{','.join(f'{{{in_tex(label)}}}' for label in panel.columns)}}},"
        yield f"  xlabel={{{in_tex(_amount(panel).localized())}}},"
        yield "]"
        allowed = [place for place in places if panel.forbidden is None or not panel.forbidden[0, place]]
        for color, sign in _SIGNED if panel.scale.diverging else (_BAR,):
            shown = [place for place in allowed if sign * panel.values[0, place] >= 0]
            points = " ".join(f"({float(panel.values[0, place]):.6g},{place})" for place in shown)
            if points:
                yield rf"\addplot[fill={{rgb,255:{color}}}, draw=none] coordinates {{{points}}};"
        yield from (r"\end{axis}", r"\end{tikzpicture}", "")


def _reach(panel: Panel) -> float:
    """Return the length of the panel's longest bar."""
    shown = panel.values[0] if panel.forbidden is None else panel.values[0][~panel.forbidden[0]]
    return float(abs(shown).max(initial=0.0))


def _amount(panel: Panel) -> Message:
    return message("change") if panel.plus else message("weight")


def _one_line(text: str) -> str:
    """Return text for a comment, which ends with its line."""
    return " ".join(visible(text, "picture").split())
