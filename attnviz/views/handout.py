"""Render a worksheet as an HTML page to print, as Markdown or as LaTeX; none loads anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from attnviz.i18n.messages import language
from attnviz.views.latex_text import in_tex, tex_preamble
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.worksheet import Section, Sheet, Shown

_STYLE = """
:root { --soft: #667085; --line: #8884; --accent: #31688e }
@media screen { :root { color-scheme: light dark }
  @media (prefers-color-scheme: dark) { :root { --soft: #a3abb5; --accent: #7cb7df } } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.5rem; max-width: 56rem; background: Canvas; color: CanvasText;
  font: 16px/1.55 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif }
h1 { margin: 0 0 .3rem; font-size: 1.7rem; line-height: 1.25 }
.caption, .note, .words, .hint { margin: .15rem 0; color: var(--soft) }
.caption { font-size: .9rem }
section { margin-top: 1.8rem }
h2 { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem .7rem; margin: 0 0 .25rem; padding-top: .5rem;
  border-top: 1px solid var(--line); font-size: 1.1rem; break-after: avoid }
h2 .number { min-width: 1.6rem; color: var(--accent) }
h2 .formula { margin-left: auto; color: var(--soft); font: .9rem ui-monospace, monospace }
.words { padding-left: 2.3rem; max-width: 46rem; break-after: avoid }
table { margin: .5rem 0 0 2.3rem; border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .12rem 1rem .12rem 0 }
th { text-align: left; vertical-align: top; font-weight: 600; white-space: nowrap;
  color: var(--accent) }
tr { break-inside: avoid }
.entry { display: inline-block }
.entry:not(:last-child)::after { content: " ·"; color: var(--soft); white-space: pre }
.part { white-space: nowrap }
.blank { display: inline-block; min-width: 4.2em; height: 1.15em; border-bottom: 1px solid }
.hint { margin-top: 2rem; font-size: .9rem }
.answers { break-before: page }
.answers > h1 { margin: 3rem 0 0; font-size: 1.3rem; column-span: all }
.answers { columns: 20rem 2; column-gap: 2.5rem }
.answers section { margin-top: .8rem; break-inside: avoid }
@media (max-width: 40rem) { .words, table { margin-left: 0; padding-left: 0 } .part { white-space: normal } }
@media print { @page { margin: 16mm 15mm } body { padding: 0; max-width: none; font-size: 10.5pt }
  .answers > h1 { margin-top: 0 } }
"""

_BLANK = re.compile(r"_{4,}")


def render_sheet(sheet: Sheet, suffix: str) -> str:
    """Return the sheet as what the suffix says: .html, .md or .tex."""
    return {".html": as_html, ".md": as_markdown, ".tex": as_latex}[suffix](sheet)


def as_html(sheet: Sheet) -> str:
    """Return the sheet as one HTML page for printing, with its style sheet, and without script, fonts or pictures."""
    parts = [
        f"<h1>{_text(sheet.title)}</h1>",
        f'<p class="caption">{_text(sheet.caption)}</p>' if sheet.caption else "",
        *(f'<p class="note">{_text(note)}</p>' for note in sheet.notes),
        *map(_section, sheet.sections),
        f'<p class="hint">{_text(sheet.hint)}</p>',
    ]
    if sheet.answers:
        inner = "\n".join(map(_section, sheet.answers))
        parts.append(f'<div class="answers">\n<h1>{_text(sheet.answers_title)}</h1>\n{inner}\n</div>')
    body = "\n".join(part for part in parts if part)
    return (
        f'<!DOCTYPE html>\n<html lang="{language()}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{_text(sheet.title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    formula = f'<span class="formula">{_text(section.formula)}</span>' if section.formula else ""
    heading = f'<h2><span class="number">{section.number}</span> {_text(section.title)} {formula}</h2>'
    words = "".join(f'<p class="words">{_blanks(words)}</p>\n' for words in section.words)
    rows = "\n".join(f"<tr><th>{_text(line.label)}</th><td>{_entries(line)}</td></tr>" for line in section.lines)
    if section.columns:
        head = "".join(f"<th>{_text(column)}</th>" for column in section.columns)
        cells = ("".join(f"<td>{_blanks(' '.join(entry))}</td>" for entry in line.entries) for line in section.lines)
        rows = f"<tr><th></th>{head}</tr>\n" + "\n".join(
            f"<tr><th>{_text(line.label)}</th>{row}</tr>" for line, row in zip(section.lines, cells, strict=True)
        )
    table = f"<table>\n{rows}\n</table>\n" if rows else ""
    return f"<section>\n{heading}\n{words}{table}</section>"


def _entries(line: Shown) -> str:
    return " ".join(
        '<span class="entry">' + " ".join(f'<span class="part">{_blanks(part)}</span>' for part in entry) + "</span>"
        for entry in line.entries
    )


def _blanks(part: str) -> str:
    return _BLANK.sub('<span class="blank"></span>', _text(part))


def _text(text: str) -> str:
    return escape(visible(text, "picture"))


def as_markdown(sheet: Sheet) -> str:
    """Return the sheet as Markdown, with a heading and a table for each step."""
    parts = [f"# {_plain(sheet.title)}", _plain(sheet.caption), *map(_plain, sheet.notes)]
    parts += [_markdown_section(section, "##") for section in sheet.sections]
    parts.append(_plain(sheet.hint))
    if sheet.answers:
        parts.append(f"## {_plain(sheet.answers_title)}")
        parts += [_markdown_section(section, "###") for section in sheet.answers]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_section(section: Section, level: str) -> str:
    formula = f" — {_plain(section.formula)}" if section.formula else ""
    parts = [f"{level} {section.number}. {_plain(section.title)}{formula}", *map(_plain, section.words)]
    if section.columns:
        heads = " | ".join(map(_plain, section.columns))
        rows = (
            f"| {_plain(line.label)} | {' | '.join(_plain(' '.join(entry)) for entry in line.entries)} |"
            for line in section.lines
        )
        parts.append("\n".join((f"| | {heads} |", "|---|" + "---:|" * len(section.columns), *rows)))
    elif section.lines:
        rows = (f"| {_plain(line.label)} | {_plain(_joined(line))} |" for line in section.lines)
        parts.append("\n".join(("| | |", "|---|---|", *rows)))
    return "\n\n".join(parts)


def _joined(line: Shown) -> str:
    return " · ".join(" ".join(entry) for entry in line.entries)


def _plain(text: str) -> str:
    """Escape every character that means something to Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~$&!])", r"\\\1", visible(text, "picture"))


def as_latex(sheet: Sheet) -> str:
    """Return the sheet as LaTeX for a document's body, with a paragraph and a table for each step."""
    body = [rf"\noindent\textbf{{{in_tex(sheet.title)}}}\par"]
    body += [rf"\noindent {in_tex(line)}\par" for line in (sheet.caption, *sheet.notes) if line]
    body += [line for section in sheet.sections for line in _latex_section(section)]
    body.append(rf"\medskip\noindent {in_tex(sheet.hint)}\par")
    if sheet.answers:
        body += [r"\clearpage", rf"\noindent\textbf{{{in_tex(sheet.answers_title)}}}\par"]
        body += [line for section in sheet.answers for line in _latex_section(section)]
    return "\n".join((*tex_preamble(body), *body)) + "\n"


def _latex_section(section: Section) -> Iterator[str]:
    formula = rf" \hfill {in_tex(section.formula)}" if section.formula else ""
    yield rf"\medskip\noindent\textbf{{{section.number}. {in_tex(section.title)}}}{formula}\par"
    yield from (rf"\noindent {_tex_blanks(words)}\par" for words in section.words)
    if not section.lines:
        return
    yield r"\noindent"
    if section.columns:
        yield rf"\begin{{tabular}}{{l{'r' * len(section.columns)}}}"
        yield rf" & {' & '.join(map(in_tex, section.columns))} \\"
    else:
        yield r"\begin{tabular}{lp{0.75\linewidth}}"
    for line in section.lines:
        entries = [_tex_blanks(" ".join(entry)) for entry in line.entries]
        cells = " & ".join(entries) if section.columns else r" $\cdot$ ".join(entries)
        yield rf"{in_tex(line.label)} & {cells} \\"
    yield from (r"\end{tabular}", r"\par")


def _tex_blanks(part: str) -> str:
    """Return text for LaTeX with a line to write on for each blank."""
    return r"\rule{4.2em}{0.4pt}".join(map(in_tex, _BLANK.split(part)))
