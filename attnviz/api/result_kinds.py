"""What there is to know of each type of result: its options, its picture, its text and its data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnviz.analysis.ablation import Ablation, ablation_document
from attnviz.analysis.comparison import Comparison
from attnviz.analysis.cost import Costs, cost_document
from attnviz.analysis.head_ablation import HeadAblation, head_ablation_document
from attnviz.analysis.heads import Heads, heads_document, heads_rows
from attnviz.analysis.lab import Distances, Lab, distances_document, distances_rows, lab_document, lab_rows
from attnviz.analysis.lens import Lens, lens_document, lens_rows
from attnviz.analysis.next_tokens import (
    FilledText,
    NextTokens,
    filled_document,
    filled_rows,
    next_tokens_document,
    next_tokens_rows,
)
from attnviz.analysis.patch import Patching, patching_document, patching_rows
from attnviz.api import save as files
from attnviz.api.look import PICTURE_OPTIONS, REFINING_OPTIONS, Look, make_look
from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.tokenized_text import TokenizedText
from attnviz.explanation.elements import Explanation
from attnviz.i18n.decimals import printed_minus
from attnviz.i18n.messages import Message, listed
from attnviz.io.write_data import (
    attention_document,
    comparison_document,
    comparison_rows,
    explanation_document,
    explanation_rows,
    token_rows,
    tokens_document,
)
from attnviz.views.prepared.heads import choose_heads
from attnviz.views.prepared.panels import Prepared
from attnviz.views.prepared.presentation import DIGITS, Presentation, redone_digits, usual_digits

if TYPE_CHECKING:
    from attnviz.views.prepared.charts import Charts
    from attnviz.views.prepared.listing import Listing
    from attnviz.views.prepared.worksheet import Sheet
    from attnviz.views.terminal.screen import Screen

_PICTURE_OF_GRID = ("style", "width", "dpi", "title", "font", "cmap", "annotate", "vmin", "vmax", "svg_text")
_CHART = ("style", "width", "dpi", "title", "font", "svg_text")
_WIDTH = 100


@dataclass(frozen=True)
class ResultKind:
    """What there is to know of one type of result.

    options: names of the options that it takes. draw: the prepared form of its picture. document: its JSON. rows: those
    of its CSV. tables: what a notebook, a page of tables, a .md and a .tex hold. text: what the terminal prints, where
    that is not these tables. save: writes a file, where there is more to save.
    """

    options: tuple[str, ...]
    draw: Callable[[Any, Look], Prepared | Charts]
    document: Callable[[Any], dict[str, Any]]
    rows: Callable[[Any], list[dict[str, Any]]] | None
    tables: Callable[[Any, Look, Presentation], tuple[Prepared | Listing, ...]]
    text: Callable[[Any, Look, Screen], Iterable[Any]] | None = None
    save: Callable[[Any, Path, Look], tuple[Message, ...]] | None = None


def draw(result: Any, look: Look, ax: Any = None) -> tuple[Any, tuple[Message, ...]]:
    """Draw a picture of the result into a new figure, or into the axes; return it and what the reader should know."""
    from attnviz.views.figure.axes import draw_on_axes
    from attnviz.views.figure.chart import color_settings, draw_chart_on, draw_charts
    from attnviz.views.figure.render import draw_figure
    from attnviz.views.figure.sheet import drawing

    with printed_minus():
        form = kind_of(result).draw(result, look)
    if isinstance(form, Prepared):
        with drawing(look.style) as fonts:
            if ax is not None:
                return draw_on_axes(ax, form, look.style, fonts)
            drawn = draw_figure(form, look.style, fonts)
            return drawn.figure, drawn.notes
    with drawing(look.style, color_settings(look.style)) as fonts:
        if ax is None:
            drawn = draw_charts(form, look.style, fonts)
            return drawn.figure, drawn.notes
        if len(form.charts) != 1:
            raise OptionError(
                "One pair of Axes holds one chart, and this has {count}.",
                hint="Leave ax out: the figure has a place for each.",
                count=len(form.charts),
            )
        return draw_chart_on(ax, form, look.style, fonts), ()


def save_by_suffix(result: Any, path: Path, look: Look) -> tuple[Message, ...]:
    """Save a result as the suffix says; return what the reader should know."""
    own = kind_of(result).save
    return _save_by_kind(result, path, look) if own is None else own(result, path, look)


def _save_by_kind(
    result: Any,
    path: Path,
    look: Look,
    *,
    sheet: Callable[[str], str] | None = None,
    suffixes: tuple[str, ...] = files.FOR_RESULT,
) -> tuple[Message, ...]:
    kind = kind_of(result)
    assert kind.rows is not None  # an Attention is saved by a function of its own
    return files.save_result(
        path,
        look.style,
        draw=lambda: kind.draw(result, look),
        document=lambda: kind.document(result),
        rows=partial(kind.rows, result),
        tables=lambda: kind.tables(result, look, look.presentation(None)),
        sheet=sheet,
        suffixes=suffixes,
    )


def as_text(result: Any, look: Look | None = None) -> str:
    """Return what the terminal prints, in lines of at most 100 cells without colours."""
    from attnviz.views.terminal.plain_text import render_plain

    with speaking_of(result):
        return render_plain(lambda screen: lines_of(result, look or Look(), screen), _WIDTH)


def lines_of(result: Any, look: Look, screen: Screen) -> Iterable[Any]:
    """Return what the terminal prints of a result: its tables, if it has no other form."""
    kind = kind_of(result)
    if kind.text is not None:
        return kind.text(result, look, screen)
    from attnviz.views.terminal.blocks import render_blocks
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.listing import render_listing

    return [
        render_blocks(form, Choice(), screen) if isinstance(form, Prepared) else render_listing(form, screen)
        for form in kind.tables(result, look, Presentation(look.digits))
    ]


def speaking_of(result: Any) -> AbstractContextManager[None]:
    """Return a context in which sentences say "patch" for "word" where the result is of a picture."""
    provenance = getattr(result, "provenance", None)
    if provenance is None or provenance.picture is None:
        return nullcontext()
    from attnviz.i18n.patch_sentences import speaking_of_patches

    return speaking_of_patches()


def kind_of(result: Any) -> ResultKind:
    """Return what there is to know of the result's type."""
    return next(kind for type_, kind in _KINDS.items() if isinstance(result, type_))


def read_look(result: Any, method: str, options: dict[str, Any]) -> Look:
    """Read the options of a method. Raises OptionError for one that the result cannot have, or a value it cannot take.

    The values: as `make_look` takes them.
    """
    known = kind_of(result).options
    for name in options:
        if not known:
            raise OptionError(
                "{method} of a text’s tokens has no option {option!r}.",
                hint="Leave it out.",
                method=method,
                option=name,
            )
        if name not in known:
            raise unknown_choice(method, name, known)
    return make_look(options)


def _digits(attention: Attention) -> int:
    return usual_digits(attention.provenance, len(attention.key))


def _draw_attention(attention: Attention, look: Look) -> Prepared:
    presentation = look.presentation(_digits(attention))
    return files.prepare_picture(attention, look.head, look.layer, presentation, look.refining)


def _attention_tables(attention: Attention, look: Look, _: Presentation) -> tuple[Prepared, ...]:
    from attnviz.views.prepared.attention import prepare

    shown = choose_heads(attention, look.head, look.layer, special=look.shows_special)
    presentation = Presentation(look.digits or _digits(attention))
    return look.refining.apply(prepare(shown, presentation=presentation), shown)


def _attention_text(attention: Attention, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.choose_view import view_attention

    choice = Choice(refining=look.refining, token=look.style.token, all_heads="all" in (look.head, look.layer))
    shown = choose_heads(attention, look.head, look.layer, special=look.shows_special)
    return view_attention(shown, "weights", choice, screen, look.digits or _digits(attention))


def _save_attention(attention: Attention, path: Path, look: Look) -> tuple[Message, ...]:
    return files.save_attention(
        attention,
        path,
        head=look.head,
        layer=look.layer,
        presentation=look.presentation(_digits(attention)),
        refining=look.refining,
    )


def _draw_comparison(comparison: Comparison, look: Look) -> Prepared:
    return files.prepare_comparing(comparison, look.head, look.presentation(), look.refining)


def _comparison_tables(comparison: Comparison, look: Look, _: Presentation) -> tuple[Prepared, ...]:
    from attnviz.views.prepared.comparison import prepare_comparison

    presentation = Presentation(look.digits or DIGITS)
    return look.refining.apply(prepare_comparison(comparison, head=look.head, presentation=presentation))


def _comparison_text(comparison: Comparison, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.choose_view import view_comparison

    return view_comparison(list(_comparison_tables(comparison, look, Presentation())), Choice(), screen)


def _save_comparison(comparison: Comparison, path: Path, look: Look) -> tuple[Message, ...]:
    return files.save_comparison(
        comparison, path, head=look.head, presentation=look.presentation(), refining=look.refining
    )


def sheet_of(explanation: Explanation, look: Look) -> Sheet:
    """Return the sheet of an explanation, in the digits that are asked for or those of a row redone by hand."""
    from attnviz.views.prepared.worksheet import make_sheet

    usual = redone_digits(explanation.provenance, len(explanation.key))
    return make_sheet(explanation, usual if look.digits is None else look.digits, worksheet=look.worksheet)


def _draw_explanation(explanation: Explanation, look: Look) -> Charts:
    from attnviz.views.prepared.explanation import draw_explanation

    return draw_explanation(explanation, look.presentation(usual_digits(explanation.provenance, len(explanation.key))))


def _explanation_text(explanation: Explanation, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.worksheet import render_steps

    return (render_steps(sheet_of(explanation, look), screen.cells, screen.encoding),)


def _save_explanation(explanation: Explanation, path: Path, look: Look) -> tuple[Message, ...]:
    from attnviz.views.handout import render_sheet

    return _save_by_kind(
        explanation, path, look, sheet=lambda suffix: render_sheet(sheet_of(explanation, look), suffix)
    )


def _draw_lab(lab: Lab, look: Look) -> Prepared:
    from attnviz.views.prepared.lab import prepare_lab

    return prepare_lab(lab, look.presentation(None))


def _lab_tables(lab: Lab, _: Look, presentation: Presentation) -> tuple[Prepared, ...]:
    from attnviz.views.prepared.lab import prepare_lab

    return (prepare_lab(lab, presentation),)


def _draw_distances(distances: Distances, look: Look) -> Charts:
    from attnviz.views.prepared.lab import prepare_distances

    return prepare_distances(distances, look.presentation(None))


def _distances_tables(distances: Distances, _: Look, presentation: Presentation) -> tuple[Listing, ...]:
    from attnviz.views.prepared.lab import list_distances

    return (list_distances(distances, presentation),)


def _distances_text(distances: Distances, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.lab import prepare_distances
    from attnviz.views.terminal.sparks import points_that_fit, render_sparks

    return (render_sparks(prepare_distances(distances, most=points_that_fit(screen)), screen),)


def _draw_ablation(ablation: Ablation, look: Look) -> Charts:
    from attnviz.views.prepared.ablation import draw_ablation

    return draw_ablation(ablation, look.presentation())


def _ablation_tables(ablation: Ablation, _: Look, presentation: Presentation) -> tuple[Listing, ...]:
    from attnviz.views.prepared.ablation import prepare_ablation

    return (prepare_ablation(ablation, presentation),)


def _draw_head_ablation(ablation: HeadAblation, look: Look) -> Prepared:
    from attnviz.views.prepared.head_ablation import prepare_head_ablation

    return prepare_head_ablation(ablation, look.presentation(None))


def _head_ablation_tables(
    ablation: HeadAblation, _: Look, presentation: Presentation
) -> tuple[Prepared | Listing, ...]:
    from attnviz.views.prepared.head_ablation import list_head_ablation, prepare_head_ablation

    return list_head_ablation(ablation, presentation), prepare_head_ablation(ablation, presentation)


def _draw_heads(heads: Heads, look: Look) -> Prepared:
    from attnviz.views.prepared.heads_report import prepare_map

    return prepare_map(heads, look.presentation(None))


def _heads_tables(heads: Heads, _: Look, presentation: Presentation) -> tuple[Prepared | Listing, ...]:
    from attnviz.views.prepared.heads_report import prepare_heads, prepare_map

    examples = any(row.example is not None for row in heads.rows)
    return prepare_map(heads, presentation), prepare_heads(heads, presentation, examples=examples)


def _heads_text(heads: Heads, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.heads_report import prepare_heads
    from attnviz.views.terminal.listing import render_listing

    return (render_listing(prepare_heads(heads, Presentation(look.digits)), screen),)


def _draw_next(result: NextTokens, look: Look) -> Prepared | Charts:
    from attnviz.views.prepared.next_tokens import draw_next

    return draw_next(result, look.presentation())


def _next_tables(result: NextTokens, _: Look, __: Presentation) -> tuple[Listing, ...]:
    from attnviz.views.prepared.next_tokens import list_next

    return list_next(result, "picture")


def _next_text(result: NextTokens, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.next_tokens import render_next

    return render_next(result, screen)


def _draw_filled(result: FilledText, look: Look) -> Charts:
    from attnviz.views.prepared.next_tokens import draw_filled

    return draw_filled(result, look.presentation())


def _filled_tables(result: FilledText, _: Look, __: Presentation) -> tuple[Listing, ...]:
    from attnviz.views.prepared.next_tokens import prepare_filled

    return prepare_filled(result, "picture")


def _filled_text(result: FilledText, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.next_tokens import render_filled

    return render_filled(result, screen)


def _save_added(result: NextTokens | FilledText, path: Path, look: Look) -> tuple[Message, ...]:
    """Save the tokens that were added to a text; a page and an .npz file have the attention of the whole text."""
    if path.suffix.lower() in (files.PAGE, ".npz"):
        return files.save_text_attention(result, path, presentation=look.presentation())
    return _save_by_kind(result, path, look, suffixes=files.FOR_NEXT)


def _draw_lens(result: Lens, look: Look) -> Prepared:
    from attnviz.views.prepared.lens import prepare_attribution, prepare_lens

    return prepare_attribution(result, look.presentation(None)) or prepare_lens(result, look.presentation(None))


def _lens_tables(result: Lens, _: Look, presentation: Presentation) -> tuple[Prepared | Listing, ...]:
    """Return the map, or its only position as a list; and the parts of an answer."""
    from attnviz.views.prepared.lens import list_attribution, list_layers, prepare_lens

    first = list_layers(result, presentation) if len(result.rows) == 1 else prepare_lens(result, presentation)
    parts = list_attribution(result, presentation)
    return (first,) if parts is None else (first, parts)


def _draw_patching(result: Patching, look: Look) -> Prepared:
    from attnviz.views.prepared.patch import prepare_patching

    return prepare_patching(result, look.presentation(None))


def _patching_tables(result: Patching, _: Look, presentation: Presentation) -> tuple[Prepared | Listing, ...]:
    from attnviz.views.prepared.patch import list_patching, prepare_patching

    return list_patching(result, presentation), prepare_patching(result, presentation)


def _draw_costs(costs: Costs, _: Look) -> Charts:
    from attnviz.views.prepared.cost import draw_costs

    return draw_costs(costs)


def _costs_tables(costs: Costs, _: Look, __: Presentation) -> tuple[Listing, ...]:
    from attnviz.views.prepared.cost import prepare_costs

    return (prepare_costs(costs),)


def _refuse_drawing(*_: Any) -> Prepared:
    raise OptionError(
        "A text’s tokens have no picture.",
        hint="Save one of {suffixes}: a page, a table or data.",
        suffixes=listed(files.FOR_TOKENS),
    )


def _tokens_tables(found: TokenizedText, _: Look, __: Presentation) -> tuple[Listing, ...]:
    from attnviz.views.prepared.tokens import list_tokens

    return (list_tokens(found),)


def _tokens_text(found: TokenizedText, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.tokens import prepare_tokens
    from attnviz.views.terminal.tokens import render_tokens

    return (render_tokens(prepare_tokens(found), screen),)


def _save_tokens(found: TokenizedText, path: Path, look: Look) -> tuple[Message, ...]:
    return _save_by_kind(found, path, look, suffixes=files.FOR_TOKENS)


# An Attention has a frame and a CSV of its own, which keep its arrays.
_KINDS: dict[type, ResultKind] = {
    Attention: ResultKind(
        ("layer", "head", "digits", *PICTURE_OPTIONS, *REFINING_OPTIONS),
        _draw_attention,
        attention_document,
        None,
        _attention_tables,
        _attention_text,
        _save_attention,
    ),
    Comparison: ResultKind(
        ("head", "digits", *PICTURE_OPTIONS, "scale"),
        _draw_comparison,
        comparison_document,
        comparison_rows,
        _comparison_tables,
        _comparison_text,
        _save_comparison,
    ),
    Explanation: ResultKind(
        ("digits", "worksheet", *_CHART),
        _draw_explanation,
        explanation_document,
        explanation_rows,
        lambda *_: (),  # a sheet instead
        _explanation_text,
        _save_explanation,
    ),
    Lab: ResultKind(("digits", *_PICTURE_OF_GRID), _draw_lab, lab_document, lab_rows, _lab_tables),
    Distances: ResultKind(
        _CHART, _draw_distances, distances_document, distances_rows, _distances_tables, _distances_text
    ),
    Ablation: ResultKind(
        ("digits", *_CHART),
        _draw_ablation,
        ablation_document,
        lambda ablation: ablation_document(ablation)["rows"],
        _ablation_tables,
    ),
    HeadAblation: ResultKind(
        ("digits", *_PICTURE_OF_GRID),
        _draw_head_ablation,
        head_ablation_document,
        lambda ablation: head_ablation_document(ablation)["rows"],
        _head_ablation_tables,
    ),
    Heads: ResultKind(
        ("digits", *_CHART, "cmap", "annotate", "vmin", "vmax"),
        _draw_heads,
        heads_document,
        heads_rows,
        _heads_tables,
        _heads_text,
    ),
    NextTokens: ResultKind(
        ("digits", *_CHART, "cmap", "annotate", "vmin", "vmax"),
        _draw_next,
        next_tokens_document,
        next_tokens_rows,
        _next_tables,
        _next_text,
        _save_added,
    ),
    FilledText: ResultKind(
        _CHART, _draw_filled, filled_document, filled_rows, _filled_tables, _filled_text, _save_added
    ),
    Lens: ResultKind(("digits", *_PICTURE_OF_GRID), _draw_lens, lens_document, lens_rows, _lens_tables),
    Patching: ResultKind(
        ("digits", *_PICTURE_OF_GRID), _draw_patching, patching_document, patching_rows, _patching_tables
    ),
    Costs: ResultKind(_CHART, _draw_costs, cost_document, lambda costs: cost_document(costs)["rows"], _costs_tables),
    TokenizedText: ResultKind(
        (), _refuse_drawing, tokens_document, token_rows, _tokens_tables, _tokens_text, _save_tokens
    ),
}
