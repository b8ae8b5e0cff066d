"""The one place that writes files: whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from attnviz.core.attention_data import Attention
from attnviz.core.errors import OutputError, reason_of, unknown_choice
from attnviz.i18n.messages import Message, message
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.model_words import unknown_words
from attnviz.views.prepared.panels import Prepared, join
from attnviz.views.prepared.presentation import PICTURE, Presentation
from attnviz.views.prepared.refine import AS_IS, Refining
from attnviz.views.prepared.style import AUTO, PATCHES

if TYPE_CHECKING:
    from attnviz.analysis.ablation import Ablation
    from attnviz.analysis.comparison import Comparison
    from attnviz.analysis.cost import Costs
    from attnviz.analysis.heads import Heads
    from attnviz.analysis.lab import Distances, Lab
    from attnviz.analysis.next_tokens import FilledText, NextTokens
    from attnviz.core.tokenized_text import TokenizedText
    from attnviz.explanation.elements import Explanation
    from attnviz.views.prepared.charts import Charts
    from attnviz.views.prepared.listing import Listing
    from attnviz.views.prepared.next_tokens import Played
    from attnviz.views.prepared.style import Style

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PICTURES = (".png", ".svg", ".pdf", ".eps")
PAGE = ".html"
TABLES = (".tex", ".md")
FOR_RESULT = (*PICTURES, PAGE, *TABLES, ".json", ".csv")
FOR_ATTENTION = FOR_NEXT = (*FOR_RESULT, ".npz")
SHEETS = (PAGE, *TABLES)
FOR_TOKENS = (PAGE, *TABLES, ".json", ".csv")


def check_destination(path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise before anything is computed where `path` cannot be written: its suffix, its folder, or itself."""
    if path.suffix.lower() not in suffixes:
        raise unknown_choice(message("A file's suffix"), path.suffix or path.name, suffixes)
    try:
        if not path.parent.exists():
            raise OutputError("There is no folder {folder!r}.", hint="Create it first.", folder=str(path.parent))
        if not path.parent.is_dir() or path.is_dir():
            raise OutputError("{path!r} is not a path for a file.", path=str(path))
        _existing(Path(os.path.realpath(path)), path)
    except OutputError:
        raise
    except (OSError, ValueError) as error:
        raise _cannot_be_written(path, error) from None


def _existing(target: Path, path: Path) -> os.stat_result | None:
    """Return what is known of the file that would be replaced, None where there is none.

    Raises OutputError for a pipe, a socket or a device, which a file of that name would take away from its readers, and
    for a file that is protected from writing.
    """
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OutputError(
            "{path!r} is not a regular file: it is left alone.", hint="Choose another name.", path=str(path)
        )
    if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise OutputError(
            "{path!r} is protected from writing: it is left alone.", hint="Choose another name.", path=str(path)
        )
    return status


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
    makers: dict[str, Callable[[], bytes]] = {
        ".json": lambda: storage.to_json(storage.attention_document(shown)).encode(),
        ".csv": lambda: _utf8(storage.attention_csv(shown)),
        ".npz": lambda: storage.attention_npz(shown),
    }
    write(path, makers[suffix]())
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
        write(path, storage.to_json(storage.comparison_document(comparison, head)).encode())
    else:
        write(path, _utf8(storage.comparison_csv(comparison, head)))
    return ()


def save_costs(costs: Costs, path: Path, *, presentation: Presentation = PICTURE) -> tuple[Message, ...]:
    """Save as what the suffix says; returns what the reader should know."""
    from attnviz.analysis.cost import cost_document
    from attnviz.views.prepared.cost import draw_costs, prepare_costs

    return save_result(
        path,
        presentation.style,
        draw=lambda: draw_costs(costs),
        document=lambda: cost_document(costs),
        tables=lambda: (prepare_costs(costs),),
    )


def save_ablation(ablation: Ablation, path: Path, *, presentation: Presentation = PICTURE) -> tuple[Message, ...]:
    """Save as what the suffix says; returns what the reader should know."""
    from attnviz.analysis.ablation import ablation_document
    from attnviz.views.prepared.ablation import draw_ablation, prepare_ablation

    return save_result(
        path,
        presentation.style,
        draw=lambda: draw_ablation(ablation, presentation),
        document=lambda: ablation_document(ablation),
        tables=lambda: (prepare_ablation(ablation, presentation),),
    )


def save_heads(
    heads: Heads, path: Path, *, presentation: Presentation = PICTURE, color: str | None = None
) -> tuple[Message, ...]:
    """Save a map of layers and heads as a picture, the report as tables, or every number as data.

    color: the column that colours the map; the report's where it is None. Returns what the reader should know.
    """
    from attnviz.analysis.heads import heads_document, heads_rows
    from attnviz.views.prepared.heads_report import prepare_heads, prepare_map

    return save_result(
        path,
        presentation.style,
        draw=lambda: prepare_map(heads, presentation, color),
        document=lambda: heads_document(heads),
        rows=lambda: heads_rows(heads),
        tables=lambda: (
            prepare_map(heads, presentation, color),
            prepare_heads(heads, presentation, examples=any(row.example is not None for row in heads.rows)),
        ),
    )


def save_next(
    result: NextTokens | FilledText, path: Path, *, presentation: Presentation = PICTURE
) -> tuple[Message, ...]:
    """Save as what the suffix says: a picture, the rows, the document, or the attention of the whole text.

    A page and an .npz file have the attention, that of the first of several branches; a page has the steps of all of
    them too. A .md or .tex has what is printed. Returns what the reader should know.
    """
    from attnviz.analysis.next_tokens import NextTokens

    check_destination(path, FOR_NEXT)
    suffix = path.suffix.lower()
    if suffix == PAGE and isinstance(result, NextTokens):
        from attnviz.views.prepared.next_tokens import play_steps

        shown = choose_heads(result.attention, "all", "all")
        return save_page(shown, path, presentation=presentation, played=play_steps(result))
    if suffix in (PAGE, ".npz"):
        notes = save_attention(result.attention, path, presentation=presentation)
        several = isinstance(result, NextTokens) and len(result.branches) > 1
        return (*notes, message("{path} has the attention of the first branch.", path=str(path))) if several else notes
    if isinstance(result, NextTokens):
        return _save_continuation(result, path, presentation)
    return _save_filled(result, path, presentation)


def _save_continuation(result: NextTokens, path: Path, presentation: Presentation) -> tuple[Message, ...]:
    from attnviz.analysis.next_tokens import next_tokens_document, next_tokens_rows
    from attnviz.views.prepared.next_tokens import draw_next, list_next

    return save_result(
        path,
        presentation.style,
        draw=lambda: draw_next(result, presentation),
        document=lambda: next_tokens_document(result),
        rows=lambda: next_tokens_rows(result),
        tables=lambda: list_next(result, "picture"),
    )


def _save_filled(result: FilledText, path: Path, presentation: Presentation) -> tuple[Message, ...]:
    from attnviz.analysis.next_tokens import filled_document, filled_rows
    from attnviz.views.prepared.next_tokens import draw_filled, prepare_filled

    return save_result(
        path,
        presentation.style,
        draw=lambda: draw_filled(result, presentation),
        document=lambda: filled_document(result),
        rows=lambda: filled_rows(result),
        tables=lambda: prepare_filled(result, "picture"),
    )


def save_distances(distances: Distances, path: Path, *, presentation: Presentation = PICTURE) -> tuple[Message, ...]:
    """Save as what the suffix says; returns what the reader should know."""
    from attnviz.analysis.lab import distances_document, distances_rows
    from attnviz.views.prepared.lab import list_distances, prepare_distances

    return save_result(
        path,
        presentation.style,
        draw=lambda: prepare_distances(distances, presentation),
        document=lambda: distances_document(distances),
        rows=lambda: distances_rows(distances)["rows"],
        tables=lambda: (list_distances(distances, presentation),),
    )


def save_lab(lab: Lab, path: Path, *, presentation: Presentation = PICTURE) -> tuple[Message, ...]:
    """Save as what the suffix says; returns what the reader should know."""
    from attnviz.analysis.lab import lab_document, lab_rows
    from attnviz.views.prepared.lab import prepare_lab

    return save_result(
        path,
        presentation.style,
        draw=lambda: prepare_lab(lab, presentation),
        document=lambda: lab_document(lab),
        rows=lambda: lab_rows(lab)["rows"],
        tables=lambda: (prepare_lab(lab, presentation),),
    )


def save_tokens(found: TokenizedText, path: Path) -> tuple[Message, ...]:
    """Save a row a token as a page, a table or data, as the suffix says; returns what the reader should know."""
    from attnviz.io import write_data as storage
    from attnviz.views.prepared.tokens import list_tokens

    check_destination(path, FOR_TOKENS)
    return save_result(
        path,
        draw=None,
        document=lambda: storage.tokens_document(found),
        rows=lambda: storage.token_rows(found),
        tables=lambda: (list_tokens(found),),
    )


def save_result(
    path: Path,
    style: Style | None = None,
    *,
    draw: Callable[[], Prepared | Charts] | None,
    document: Callable[[], dict[str, Any]],
    rows: Callable[[], list[dict[str, Any]]] | None = None,
    tables: Callable[[], tuple[Prepared | Listing, ...]],
) -> tuple[Message, ...]:
    """Save a result as a picture, tables, its document or its rows, as the suffix says; only what is asked is made.

    draw: None where check_destination has refused pictures. rows: None for those of the document. Returns what the
    reader should know.
    """
    from attnviz.io import write_data as storage

    check_destination(path, FOR_RESULT)
    suffix = path.suffix.lower()
    if suffix in PICTURES and draw is not None:
        drawn = draw()
        return save_picture(drawn, path, style) if isinstance(drawn, Prepared) else save_charts(drawn, path, style)
    if suffix in SHEETS:
        _save_tables(tables(), path, style)
    elif suffix == ".json":
        write(path, storage.to_json(document()).encode())
    else:
        write(path, _utf8(storage.rows_csv({"rows": rows()} if rows is not None else document())))
    return ()


def _save_tables(tables: tuple[Prepared | Listing, ...], path: Path, style: Style | None) -> None:
    """Write a page, or tables to paste, as the suffix says."""
    if path.suffix.lower() == PAGE:
        from attnviz.views.notebook_html import render_page_of_tables

        _write_text(path, render_page_of_tables(tables))
    else:
        from attnviz.views.tables import render_tables

        _write_text(path, render_tables(tables, path.suffix.lower(), style))


def save_charts(charts: Charts, path: Path, style: Style | None = None) -> tuple[Message, ...]:
    """Draw the charts into one picture and write it."""
    from attnviz.views.figure.chart import render_charts

    picture, notes = render_charts(charts, path.suffix.lower().lstrip("."), style)
    write(path, picture)
    return notes


def save_explanation(
    explanation: Explanation, path: Path, *, digits: int = 4, worksheet: bool = False, style: Style | None = None
) -> tuple[Message, ...]:
    """Save as what the suffix says: a sheet to print or to paste, a picture of the row, or every number as data.

    Returns what the reader should know.
    """
    from attnviz.io import write_data as storage
    from attnviz.views.prepared.explanation import draw_explanation

    if path.suffix.lower() in SHEETS:
        from attnviz.views.handout import render_sheet
        from attnviz.views.prepared.worksheet import make_sheet

        check_destination(path, FOR_RESULT)
        _write_text(path, render_sheet(make_sheet(explanation, digits, worksheet=worksheet), path.suffix.lower()))
        return ()
    presentation = Presentation(medium="picture") if style is None else Presentation(medium="picture", style=style)
    return save_result(
        path,
        style,
        draw=lambda: draw_explanation(explanation, presentation),
        document=lambda: storage.explanation_document(explanation),
        rows=lambda: storage.explanation_rows(explanation),
        tables=tuple,
    )


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

    _write_text(path, render_table(prepared, path.suffix.lower(), style))
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
    _write_text(path, page)
    return ()


def numbered(path: Path, index: int, count: int) -> Path:
    """Return the path of one text's file: x.png if it is the only one, else x-1.png, x-2.png and so on."""
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1}")


def write(path: Path, data: bytes) -> None:
    """Write through a temporary file beside it and a rename: an existing file is replaced only by a whole one.

    The file keeps its mode, and its owner where that may be set; another name of it (a hard link) keeps the old file.
    Temporary files that a killed process left for the same file are removed.
    """
    temporary: Path | None = None
    try:
        target = Path(os.path.realpath(path))
        before = _existing(target, path)
        _remove_leftovers(target)
        temporary, file = _new_temporary(target)
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:  # a system on which an open file cannot be renamed
                file.close()
            if before is not None:
                _take_over(before, temporary)
            os.replace(temporary, target)
    except OutputError:
        raise
    except BaseException as error:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError | ValueError):
            raise _cannot_be_written(path, error) from None
        raise


def _cannot_be_written(path: Path, error: Exception) -> OutputError:
    return OutputError(
        "{path!r} cannot be written: {reason}.",
        hint="Nothing was changed; choose another place.",
        path=str(path),
        reason=reason_of(error),
    )


def _new_temporary(target: Path) -> tuple[Path, IO[bytes]]:
    """Create a file beside the target, locked while its writer lives."""
    import secrets

    while True:
        temporary = target.with_name(f"{_temporary_prefix(target)}{secrets.token_hex(4)}.tmp")
        file = open(temporary, "xb")  # noqa: SIM115  (closed by the writer)
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_nlink == 0:  # taken for a leftover before it was locked
                file.close()
                continue
        return temporary, file


def _remove_leftovers(target: Path) -> None:
    """Remove temporary files of the same target whose writer was killed: nobody holds their lock any more."""
    if fcntl is None:
        return
    prefix = _temporary_prefix(target)
    with suppress(OSError):
        names = [name for name in os.listdir(target.parent) if name.startswith(prefix) and name.endswith(".tmp")]
        for name in names:
            if len(name) == len(prefix) + len("1a2b3c4d.tmp"):
                _remove_unless_locked(target.with_name(name))


def _remove_unless_locked(leftover: Path) -> None:
    with suppress(OSError), open(os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            leftover.unlink()


def _temporary_prefix(target: Path) -> str:
    return f".{target.name[:50]}."


def _take_over(before: os.stat_result, temporary: Path) -> None:
    """Give the new file the owner and the mode of the one that it replaces."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(temporary, before.st_uid, before.st_gid)
    os.chmod(temporary, stat.S_IMODE(before.st_mode))


def _write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 by `write`; what is no character is written out."""
    write(path, text.encode("utf-8", "backslashreplace"))


def _utf8(text: str) -> bytes:
    """Encode as UTF-8 with a byte order mark, without which a spreadsheet shows 猫 as three other letters."""
    return text.encode("utf-8-sig", "backslashreplace")
