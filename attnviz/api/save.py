"""Save a result as the suffix says: a picture, a page, tables to paste, data."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.api.write import check_destination, write, write_csv, write_text
from attnviz.core.attention_data import Attention
from attnviz.i18n.decimals import printed_minus
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.model_words import unknown_words
from attnviz.views.prepared.panels import Prepared, join
from attnviz.views.prepared.presentation import PICTURE, Presentation
from attnviz.views.prepared.refine import AS_IS, Refining
from attnviz.views.prepared.style import AUTO, PATCHES

if TYPE_CHECKING:
    from attnviz.analysis.comparison import Comparison
    from attnviz.analysis.next_tokens import FilledText, NextTokens
    from attnviz.views.prepared.charts import Charts
    from attnviz.views.prepared.listing import Listing
    from attnviz.views.prepared.next_tokens import Played
    from attnviz.views.prepared.style import Style

PICTURES = (".png", ".svg", ".pdf", ".eps")
PAGE = ".html"
TABLES = (".tex", ".md")
FOR_RESULT = (*PICTURES, PAGE, *TABLES, ".json", ".csv")
FOR_ATTENTION = FOR_NEXT = (*FOR_RESULT, ".npz")
SHEETS = (PAGE, *TABLES)
FOR_TOKENS = (PAGE, *TABLES, ".json", ".csv")


def save_attention(
    attention: Attention,
    path: Path,
    *,
    head: str | None = None,
    layer: str | None = None,
    presentation: Presentation = PICTURE,
    refining: Refining = AS_IS,
) -> tuple[Message, ...]:
    """Save as what the suffix says; returns what the reader should know.

    Data has all heads unless `head` is given, and its numbers as they are; refining: what pictures and pages show.
    """
    check_destination(path, FOR_ATTENTION)
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return save_picture(prepare_picture(attention, head, layer, presentation, refining), path, presentation.style)
    if is_table(suffix, presentation.style):
        form = prepare_picture(attention, head, layer, presentation, refining, table=True)
        return save_table(form, path, presentation.style)
    if suffix == PAGE:
        shown = choose_heads(attention, head or "all", layer or "all")
        return save_page(shown, path, presentation=presentation, refining=refining)
    from attnviz.io import write_data as storage

    shown = choose_heads(attention, head or "all", layer)
    if suffix == ".json":
        write_text(path, storage.to_json(storage.attention_document(shown)))
    elif suffix == ".csv":
        write_csv(path, storage.attention_csv(shown))
    else:
        write(path, storage.attention_npz(shown))
    return unknown_words(attention.provenance)  # data has no caption that could say it


def prepare_picture(
    attention: Attention,
    head: str | None = None,
    layer: str | None = None,
    presentation: Presentation = PICTURE,
    refining: Refining = AS_IS,
    *,
    table: bool = False,
) -> Prepared:
    """Prepare what a picture shows: the chosen layer and heads; a grid has them all where none are chosen.

    Of a picture's patches it is their map over the picture, unless another kind is chosen, or a table is made of it.
    Raises OptionError for a map of patches where there are none.
    """
    kind = _fitting_kind(attention, presentation.style, table=table)
    rest = "all" if kind == "grid" else None
    special = refining.sinks != "keep" or presentation.style.token is not None
    shown = choose_heads(attention, head or rest, layer or rest, special=special)
    forms = refining.apply(prepare(shown, presentation=presentation), shown)
    if shown.provenance.reduced == "all":
        from attnviz.views.prepared.reduction_words import add_disagreement

        forms = tuple(add_disagreement(form, shown) for form in forms)
    if kind == PATCHES:
        from attnviz.views.prepared.patch_map import map_patches

        forms = tuple(map_patches(form, shown, presentation.style.token) for form in forms)
    if kind == "text":
        from attnviz.views.prepared.shaded_text import shade_words

        forms = tuple(shade_words(form, shown, presentation.style.token) for form in forms)
    return join(forms)


def _fitting_kind(attention: Attention, style: Style, *, table: bool) -> str:
    """Return the kind of picture that a style stands for; raises OptionError for patches where there are none."""
    if style.kind == PATCHES or (style.kind == AUTO and attention.provenance.picture is not None and not table):
        from attnviz.views.prepared.patch_map import has_patches, need_patches

        if style.kind == PATCHES and not table:  # a table says itself that it is none
            need_patches(attention, "--kind")
        return PATCHES if has_patches(attention) and not table else "heatmap"
    return "heatmap" if style.kind == AUTO else style.kind


def prepare_comparing(
    comparison: Comparison, head: str | None = None, presentation: Presentation = PICTURE, refining: Refining = AS_IS
) -> Prepared:
    """Prepare what a picture of a comparison shows: every run's two texts and the change."""
    from attnviz.views.prepared.comparison import prepare_comparison

    form = join(refining.apply(prepare_comparison(comparison, head=head, presentation=presentation)))
    if presentation.style.kind not in ("arcs", "text") or comparison.same_order:
        return form
    return replace(form, notes=(*form.notes, message("All panels have the words in the order of the first text.")))


def save_comparison(
    comparison: Comparison,
    path: Path,
    *,
    head: str | None = None,
    presentation: Presentation = PICTURE,
    refining: Refining = AS_IS,
) -> tuple[Message, ...]:
    """Save as what the suffix says; returns what the reader should know."""
    check_destination(path, FOR_RESULT)
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        return save_picture(prepare_comparing(comparison, head, presentation, refining), path, presentation.style)
    if is_table(suffix, presentation.style):
        return save_table(prepare_comparing(comparison, head, presentation, refining), path, presentation.style)
    if suffix == PAGE:
        return save_page(comparison, path, head=head, presentation=presentation, refining=refining)
    from attnviz.io import write_data as storage

    if suffix == ".json":
        write_text(path, storage.to_json(storage.comparison_document(comparison, head)))
    else:
        write_csv(path, storage.comparison_csv(comparison, head))
    return ()


def save_text_attention(
    result: NextTokens | FilledText, path: Path, *, presentation: Presentation = PICTURE
) -> tuple[Message, ...]:
    """Save the attention of the whole text with its added tokens: a page, or an .npz file.

    Of several branches it is that of the first; a page has the steps of all of them too. Returns what the reader should
    know.
    """
    from attnviz.analysis.next_tokens import NextTokens

    if path.suffix.lower() == PAGE and isinstance(result, NextTokens):
        from attnviz.views.prepared.next_tokens import play_steps

        check_destination(path, FOR_NEXT)
        shown = choose_heads(result.attention, "all", "all")
        return save_page(shown, path, presentation=presentation, played=play_steps(result))
    notes = save_attention(result.attention, path, presentation=presentation)
    several = isinstance(result, NextTokens) and len(result.branches) > 1
    return (*notes, message("{path} has the attention of the first branch.", path=str(path))) if several else notes


def save_result(
    path: Path,
    style: Style | None = None,
    *,
    draw: Callable[[], Prepared | Charts],
    document: Callable[[], dict[str, Any]],
    rows: Callable[[], list[dict[str, Any]]],
    tables: Callable[[], tuple[Prepared | Listing, ...]],
    sheet: Callable[[str], str] | None = None,
    suffixes: tuple[str, ...] = FOR_RESULT,
) -> tuple[Message, ...]:
    """Save a result as a picture, tables, its document or its rows, as the suffix says; only what is asked is made.

    sheet: takes the suffix and returns a page or what is pasted, in place of `tables`. suffixes: those that are
    accepted. Returns what the reader should know.
    """
    from attnviz.io import write_data as storage

    check_destination(path, suffixes)
    suffix = path.suffix.lower()
    if suffix in PICTURES:
        with printed_minus():
            drawn = draw()
        return save_picture(drawn, path, style) if isinstance(drawn, Prepared) else save_charts(drawn, path, style)
    if suffix in SHEETS:
        with printed_minus() if sheet is None or suffix == PAGE else nullcontext():  # formulas of LaTeX have their own
            write_text(path, _render_sheet(tables(), suffix, style) if sheet is None else sheet(suffix))
    elif suffix == ".json":
        write_text(path, storage.to_json(document()))
    else:
        write_csv(path, storage.rows_csv(rows()))
    return ()


def _render_sheet(tables: tuple[Prepared | Listing, ...], suffix: str, style: Style | None) -> str:
    """Render a page, or tables to paste, as the suffix says."""
    if suffix == PAGE:
        from attnviz.views.notebook_html import render_page_of_tables

        return render_page_of_tables(tables)
    from attnviz.views.tables import render_tables

    return render_tables(tables, suffix, style)


def save_charts(charts: Charts, path: Path, style: Style | None = None) -> tuple[Message, ...]:
    """Draw the charts into one picture and write it."""
    from attnviz.views.figure.chart import render_charts

    picture, notes = render_charts(charts, path.suffix.lower().lstrip("."), style)
    write(path, picture)
    return notes


def save_picture(prepared: Prepared, path: Path, style: Style | None = None) -> tuple[Message, ...]:
    """Draw the prepared form into one picture and write it."""
    from attnviz.views.figure.render import render_figure

    picture, notes = render_figure(prepared, path.suffix.lower().lstrip("."), style)
    write(path, picture)
    return notes


def is_table(suffix: str, style: Style) -> bool:
    """Return whether a file with this suffix holds a table to paste; an .html does with the kind table, else a page."""
    return suffix in TABLES or (suffix == PAGE and style.kind == "table")


def save_table(prepared: Prepared, path: Path, style: Style | None = None) -> tuple[Message, ...]:
    """Write the prepared form as a table for LaTeX, Markdown or HTML."""
    from attnviz.views.tables import render_table

    write_text(path, render_table(prepared, path.suffix.lower(), style))
    return ()


def save_page(
    shown: Attention | Comparison,
    path: Path,
    *,
    head: str | None = None,
    presentation: Presentation = PICTURE,
    refining: Refining = AS_IS,
    played: tuple[Played, ...] = (),
) -> tuple[Message, ...]:
    """Write one page that opens from disk, with all it needs in it.

    played: the steps of each branch of a continuation.
    """
    from attnviz.views.page.render import render_page

    page = render_page(shown, head=head, presentation=presentation, refining=refining, played=played)
    write_text(path, page)
    return ()
