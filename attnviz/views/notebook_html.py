"""Render a heatmap for notebooks: HTML tables of numbers on coloured cells, without script or style sheet.

On a page of its own, headings are headings, and what is wider than the window can be scrolled by keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from attnviz.i18n.decimals import printed_minus
from attnviz.i18n.messages import Message, language
from attnviz.views.prepared.color_scale import RGB, color_at, ink_on
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared

_NUMBER = "padding:2px 6px;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap"
_BAR = "rgba(33,145,140,.3)"  # a green of the scale of weights, on light and on dark
_LABEL = "padding:2px 6px;text-align:right;font-weight:600;background:none"
_HEADING = "margin:8px 0 4px;font-weight:600;white-space:pre-wrap"  # wide gaps stand between its parts
_FONT = "font-family:system-ui,'Noto Sans','PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif;font-size:13px"
# What is wider than the window fades at its end until it is scrolled there; on paper it is whole, in its colours.
_STYLE = (
    "@supports(animation-timeline:scroll()){[role=group]{animation:end linear;animation-timeline:scroll(self inline);"
    "outline-offset:-2px}@keyframes end{0%,99%{mask:linear-gradient(to left,#0000,#000 2em)}to{mask:none}}}"
    "@media print{@page{margin:10mm}body{margin:0!important;-webkit-print-color-adjust:exact;print-color-adjust:exact}"
    "main>div{font-size:10px!important}[role=group]{overflow:visible!important;animation:none}"
    ".wide{display:block!important}.wide table{display:inline-table;margin:0 16px 16px 0!important}}"
)
_LETTERS_ON_PAPER = 190  # which browsers still shrink to the width of a page
_SIZES = {"h1": ";font-size:1.25em", "h2": ";font-size:1.1em;margin-top:20px"}


@printed_minus()
def render_cells(form: Prepared, tag: str = "p") -> str:
    """Return the panels as HTML tables beside each other, with headings, caption and notes; all text is escaped.

    tag: of the headings.
    """
    return f'<div style="{_FONT}">{_form(form, tag)}</div>'


@printed_minus()
def render_forms(forms: tuple[Prepared | Listing, ...]) -> str:
    """Return a table for each form, for a notebook's cell; text is escaped."""
    return "".join(render_rows(form) if isinstance(form, Listing) else render_cells(form) for form in forms)


@printed_minus()
def render_page_of_tables(forms: tuple[Prepared | Listing, ...]) -> str:
    """Return a whole page, without script or anything from elsewhere, with a table for each form; text is escaped."""
    tags = ["h1", *["h2"] * len(forms)]
    parts = "".join(
        render_rows(form, tag) if isinstance(form, Listing) else render_cells(form, tag)
        for form, tag in zip(forms, tags, strict=False)
    )
    title = _words(forms[0].heading) if forms else "attnviz"
    return (
        f'<!doctype html>\n<html lang="{language()}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f'<body style="margin:clamp(10px,3vw,2em)"><main>{parts}</main></body></html>\n'
    )


@printed_minus()
def render_rows(listing: Listing, tag: str = "p") -> str:
    """Return a listing as an HTML table with its heading, caption and notes; all text is escaped.

    tag: of the heading.
    """
    columns = [column for group in listing.groups for column in group]
    header = "".join(_head(_words(column.title), "col") for column in columns)
    rows = "".join(
        f"<tr>{_head(_cell_text(label), 'row', ';white-space:nowrap')}"
        + "".join(_listed(column, i) for column in columns)
        + "</tr>"
        for i, label in enumerate(listing.labels)
    )
    return (
        f'<div style="{_FONT}">{_heading(listing.heading, tag)}'
        f'<div style="overflow-x:auto" {_scrolled(listing.heading)}>'
        '<table style="border-collapse:collapse;width:auto;margin:0">'
        f"<thead><tr><td></td>{header}</tr></thead><tbody>{rows}</tbody></table></div>{_closing(listing)}</div>"
    )


def _head(text: str, scope: str, style: str = "") -> str:
    """Return the head of a column or row; without a text an empty cell, since a head must have a name."""
    return f'<th scope="{scope}" style="{_LABEL}{style}">{text}</th>' if text else "<td></td>"


def _heading(words: Message | None, tag: str) -> str:
    if words is None:
        return ""
    return f'<{tag} style="{_HEADING}{_SIZES.get(tag, "")}">{_words(words)}</{tag}>'


def _scrolled(words: Message | None) -> str:
    """Return the attributes of what may be wider than the window: keys reach it, and it has a name."""
    name = f' aria-label="{_words(words)}"' if words is not None else ""
    return f'role="group" tabindex="0"{name}'


def _closing(form: Prepared | Listing) -> str:
    """Return what stands below the numbers: what came out, in bold, the caption, and the other notes."""

    def lines(notes: tuple[Message, ...], style: str = "") -> str:
        return "".join(f'<p style="margin:4px 0{style}">{_words(note)}</p>' for note in notes)

    caption = " · ".join(map(_words, form.caption))
    return (
        lines(form.notes[: form.verdicts], ";font-weight:600")
        + (f'<p style="margin:4px 0;opacity:.75">{caption}</p>' if caption else "")
        + lines(form.notes[form.verdicts :])
    )


def _listed(column: Column, i: int) -> str:
    """Return a cell of a listing, a bar behind it where the column has bars."""
    if column.bars is None:
        return f'<td style="{_NUMBER}">{_cell_text(column.cells[i])}</td>'
    end = f"{100 * min(1.0, max(0.0, column.bars[i])):.0f}%"
    bar = f"background:linear-gradient(to right,{_BAR} {end},transparent {end})"
    return f'<td style="{_NUMBER};min-width:7em;{bar}">{_cell_text(column.cells[i])}</td>'


def _cell_text(words: str | Message) -> str:
    return _words(words) if isinstance(words, Message) else escape(visible(words))


def _form(form: Prepared, tag: str) -> str:
    panels = "".join(_panel(panel, form.digits) for panel in form.panels)
    beside, wide = "display:flex;flex-wrap:wrap", ""
    if form.across > 1:
        beside = f"display:grid;grid-template-columns:repeat({form.across},max-content)"
        wide = ' class="wide"' if form.across * max(map(_letters, form.panels), default=0) > _LETTERS_ON_PAPER else ""
    return (
        f"{_heading(form.heading, tag)}<div{wide} "
        f'style="{beside};gap:16px;overflow-x:auto" {_scrolled(form.heading)}>{panels}</div>{_closing(form)}'
    )


def _letters(panel: Panel) -> int:
    """Return about how many letters a panel is wide, in bytes: a Chinese character is wider than a letter."""
    labels = [len(_text(label).encode()) for label in panel.columns]
    rows = max((len(_text(label).encode()) for label in panel.rows), default=0)
    return rows + 4 + sum(2 + max(4, label) for label in labels)


def _panel(panel: Panel, digits: int) -> str:
    header = "".join(_head(_text(label), "col") for label in panel.columns)
    return (
        '<table style="border-collapse:collapse;width:auto;margin:0">'
        f'<caption style="text-align:left">{_words(panel.title)}</caption>'
        f"<thead><tr><td></td>{header}</tr></thead><tbody>{''.join(_rows(panel, digits))}</tbody>{_foot(panel)}</table>"
    )


def _foot(panel: Panel) -> str:
    """Return the row below the numbers for the panel's caption, "" without one."""
    if panel.caption is None:
        return ""
    return f'<tfoot><tr><td colspan="{len(panel.columns) + 1}">{_words(panel.caption)}</td></tr></tfoot>'


def _rows(panel: Panel, digits: int) -> Iterator[str]:
    palette = panel.scale.palette()
    for label, texts, places in zip(panel.rows, panel.texts(digits), panel.places(), strict=True):
        cells = "".join(_cell(text, color_at(palette, float(place))) for text, place in zip(texts, places, strict=True))
        yield f"<tr>{_head(_text(label), 'row')}{cells}</tr>"


def _cell(text: str, color: RGB) -> str:
    if text == FORBIDDEN:
        return f'<td style="{_NUMBER}">{FORBIDDEN}</td>'
    return f'<td style="{_NUMBER};background:{_hex(color)};color:{_hex(ink_on(color))}">{_text(text)}</td>'


def _hex(color: RGB) -> str:
    return "#" + "".join(f"{part:02x}" for part in color)


def _words(words: Message | None) -> str:
    return "" if words is None else _text(words.localized())


def _text(text: str) -> str:
    return escape(visible(text, "picture"))
