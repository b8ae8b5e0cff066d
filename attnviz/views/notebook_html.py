"""Render a heatmap for notebooks: HTML tables of numbers on coloured cells, without script or style sheet."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from attnviz.i18n.messages import Message, language
from attnviz.views.prepared.color_scale import RGB, color_at, ink_on
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import FORBIDDEN, Panel, Prepared

_NUMBER = "padding:2px 6px;text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap"
_BAR = "rgba(33,145,140,.3)"  # a green of the scale of weights, on light and on dark
_LABEL = "padding:2px 6px;text-align:right;font-weight:600;background:none"
_HEADING = "margin:8px 0 4px;font-weight:600;white-space:pre-wrap"  # wide gaps stand between its parts


def render_cells(forms: tuple[Prepared, ...]) -> str:
    """Return the panels as HTML tables beside each other, with headings, caption and notes; all text is escaped."""
    return f'<div style="font-family:sans-serif;font-size:13px">{"".join(map(_form, forms))}</div>'


def render_page_of_tables(forms: tuple[Prepared | Listing, ...]) -> str:
    """Return a whole page, without script or anything from elsewhere, with a table for each form; text is escaped."""
    parts = "".join(render_rows(form) if isinstance(form, Listing) else render_cells((form,)) for form in forms)
    title = _words(forms[0].heading) if forms else "attnviz"
    return (
        f'<!doctype html>\n<html lang="{language()}"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f'<meta name="viewport" content="width=device-width"><title>{title}</title></head>'
        f'<body style="margin:clamp(10px,3vw,2em)">{parts}</body></html>\n'
    )


def render_rows(listing: Listing) -> str:
    """Return a listing as an HTML table with its heading, caption and notes; all text is escaped."""
    columns = [column for group in listing.groups for column in group]
    header = "".join(f'<th scope="col" style="{_LABEL}">{_words(column.title)}</th>' for column in columns)
    rows = "".join(
        f'<tr><th scope="row" style="{_LABEL};white-space:nowrap">{_cell_text(label)}</th>'
        + "".join(_listed(column, i) for column in columns)
        + "</tr>"
        for i, label in enumerate(listing.labels)
    )
    caption = " · ".join(map(_words, listing.caption))
    notes = "".join(f'<p style="margin:4px 0">{_words(note)}</p>' for note in listing.notes)
    return (
        '<div style="font-family:sans-serif;font-size:13px">'
        f'<p style="{_HEADING}">{_words(listing.heading)}</p>'
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;width:auto;margin:0">'
        f"<thead><tr><td></td>{header}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<p style="margin:4px 0;opacity:.7">{caption}</p>{notes}</div>'
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


def _form(form: Prepared) -> str:
    panels = "".join(_panel(panel, form.digits) for panel in form.panels)
    caption = " · ".join(_text(part.localized()) for part in form.caption)
    notes = "".join(f'<p style="margin:4px 0">{_text(note.localized())}</p>' for note in form.notes)
    return (
        f'<p style="{_HEADING}">{_words(form.heading)}</p>'
        f'<div style="display:flex;flex-wrap:wrap;gap:16px;overflow-x:auto">{panels}</div>'
        f'<p style="margin:4px 0;opacity:.7">{caption}</p>{notes}'
    )


def _panel(panel: Panel, digits: int) -> str:
    header = "".join(f'<th scope="col" style="{_LABEL}">{_text(label)}</th>' for label in panel.columns)
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
        yield f'<tr><th scope="row" style="{_LABEL}">{_text(label)}</th>{cells}</tr>'


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
