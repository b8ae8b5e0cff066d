"""What there is to know of each type of result: its options, its picture, its text and its data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields
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
from attnviz.core.argument_kinds import check_looks
from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.selection import spell_choice
from attnviz.core.tokenized_text import TokenizedText
from attnviz.explanation.elements import Explanation
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
from attnviz.views.prepared.presentation import DIGITS, REDONE_DIGITS, Presentation, check_digits, usual_digits
from attnviz.views.prepared.refine import AS_IS, Refining
from attnviz.views.prepared.style import Style

if TYPE_CHECKING:
    from attnviz.views.prepared.charts import Charts
    from attnviz.views.prepared.listing import Listing
    from attnviz.views.terminal.screen import Screen

_PICTURE = tuple(one.name for one in fields(Style) if one.name != "no_title")
_PICTURE_OF_GRID = ("style", "width", "dpi", "title", "font", "cmap", "annotate", "vmin", "vmax")
_CHART = ("style", "width", "dpi", "title", "font")
_REFINING = tuple(one.name for one in fields(Refining))
_WIDTH = 100


@dataclass(frozen=True)
class Look:
    """How a result is asked to look: the options of its methods, checked."""

    layer: str | None = None
    head: str | None = None
    digits: int | None = None
    style: Style = field(default_factory=Style)
    refining: Refining = AS_IS
    worksheet: bool = False

    @property
    def shows_special(self) -> bool:
        """Whether tokens that stand for no text stay where the least even head is shown: sinks, or one word's row."""
        return self.refining.sinks != "keep" or self.style.token is not None

    def presentation(self, usual: int | None = DIGITS) -> Presentation:
        """Return the presentation of a picture; usual: the decimal places where none were chosen."""
        return Presentation(
            usual if self.digits is None else self.digits, "picture", self.style, self.digits is not None
        )


@dataclass(frozen=True)
class ResultKind:
    """What there is to know of one type of result.

    options: names of the options that it takes. draw: the prepared form of its picture. text: what the terminal
    prints. document: its JSON. rows: those of its CSV, None where that is made elsewhere. save: writes a file.
    """

    options: tuple[str, ...]
    draw: Callable[[Any, Look], Prepared | Charts]
    text: Callable[[Any, Look, Screen], Iterable[Any]]
    document: Callable[[Any], dict[str, Any]]
    rows: Callable[[Any], Any] | None
    save: Callable[[Any, Path, Look], tuple[Message, ...]]


def draw(result: Any, look: Look, ax: Any = None) -> tuple[Any, tuple[Message, ...]]:
    """Draw a picture of the result into a new figure, or into the axes; return it and what the reader should know."""
    from attnviz.views.figure.axes import draw_on_axes
    from attnviz.views.figure.chart import color_settings, draw_chart_on, draw_charts
    from attnviz.views.figure.render import draw_figure
    from attnviz.views.figure.sheet import drawing

    form = kind_of(result).draw(result, look)
    if isinstance(form, Prepared):
        with drawing(look.style) as fonts:
            if ax is not None:
                return draw_on_axes(ax, form, look.style, fonts), ()
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


def as_text(result: Any, look: Look | None = None) -> str:
    """Return what the terminal prints, in lines of at most 100 cells without colours."""
    from attnviz.views.terminal.plain_text import render_plain

    with speaking_of(result):
        return render_plain(lambda screen: kind_of(result).text(result, look or Look(), screen), _WIDTH)


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

    A head or a layer may be a number or a name; width a number of inches; title False for none; annotate true or false;
    font one or several.
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
    check_looks(options)
    given = {name: value for name, value in options.items() if value is not None}
    digits = given.get("digits")
    style = {name: given[name] for name in _PICTURE if name in given}
    if style.get("title") is False:
        style |= {"title": None, "no_title": True}
    if isinstance(style.get("width"), int | float):
        style["width"] = f"{style['width']:g}in"
    if isinstance(style.get("annotate"), bool):
        style["annotate"] = "on" if style["annotate"] else "off"
    if isinstance(style.get("font"), str | Path):
        style["font"] = [str(style["font"])]
    if "token" in style:
        style["token"] = str(style["token"])
    look = Look(
        layer=spell_choice(given.get("layer")),
        head=spell_choice(given.get("head")),
        digits=None if digits is None else check_digits(digits),
        style=Style(**style),
        refining=Refining(**{name: given[name] for name in _REFINING if name in given}),
        worksheet=bool(given.get("worksheet", False)),
    )
    look.style.check()
    look.refining.check()
    return look


def _digits(attention: Attention) -> int:
    return usual_digits(attention.provenance, len(attention.key))


def forms_of(result: Attention | Comparison | Lab | HeadAblation | Lens | Patching, look: Look) -> tuple[Prepared, ...]:
    """Return the prepared forms of the tables that a result is printed as."""
    if isinstance(result, HeadAblation | Lens | Patching):
        form = kind_of(result).draw(result, look)
        assert isinstance(form, Prepared)
        return (form,)
    if isinstance(result, Lab):
        from attnviz.views.prepared.lab import prepare_lab

        return (prepare_lab(result, Presentation(look.digits)),)
    if isinstance(result, Comparison):
        from attnviz.views.prepared.comparison import prepare_comparison

        presentation = Presentation(look.digits or DIGITS)
        return look.refining.apply(prepare_comparison(result, head=look.head, presentation=presentation))
    from attnviz.views.prepared.attention import prepare

    shown = choose_heads(result, look.head, look.layer, special=look.shows_special)
    presentation = Presentation(look.digits or _digits(result))
    return look.refining.apply(prepare(shown, presentation=presentation), shown)


def _attention_text(attention: Attention, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.choose_view import view_attention

    choice = Choice(refining=look.refining, token=look.style.token, all_heads="all" in (look.head, look.layer))
    shown = choose_heads(attention, look.head, look.layer, special=look.shows_special)
    return view_attention(shown, "weights", choice, screen, look.digits or _digits(attention))


def _comparison_text(comparison: Comparison, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.choose_view import view_comparison

    return view_comparison(list(forms_of(comparison, look)), Choice(), screen)


def _explanation_text(explanation: Explanation, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.worksheet import make_sheet
    from attnviz.views.terminal.worksheet import render_steps

    sheet = make_sheet(explanation, redone_digits(explanation, look), worksheet=look.worksheet)
    return (render_steps(sheet, screen.cells, screen.encoding),)


def redone_digits(explanation: Explanation, look: Look) -> int:
    """Return the decimal places of a sheet: one more than a table has, so that a redone row gives the table's."""
    usual = usual_digits(explanation.provenance, len(explanation.key))
    return max(usual, REDONE_DIGITS) if look.digits is None else look.digits


def _lab_text(lab: Lab, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.lab import prepare_lab
    from attnviz.views.terminal.blocks import render_blocks
    from attnviz.views.terminal.choice import Choice

    return (render_blocks(prepare_lab(lab, Presentation(look.digits)), Choice(), screen),)


def _distances_text(distances: Distances, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.lab import prepare_distances
    from attnviz.views.terminal.sparks import points_that_fit, render_sparks

    return (render_sparks(prepare_distances(distances, most=points_that_fit(screen)), screen),)


def _listing_text(result: Ablation | Costs, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.listing import render_listing

    return (render_listing(listing_of(result, look), screen),)


def _head_ablation_text(ablation: HeadAblation, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.head_ablation import list_head_ablation, prepare_head_ablation
    from attnviz.views.terminal.blocks import render_blocks
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.listing import render_listing

    presentation = Presentation(look.digits)
    return (
        render_listing(list_head_ablation(ablation, presentation), screen),
        render_blocks(prepare_head_ablation(ablation, presentation), Choice(), screen),
    )


def _draw_head_ablation(ablation: HeadAblation, look: Look) -> Prepared:
    from attnviz.views.prepared.head_ablation import prepare_head_ablation

    return prepare_head_ablation(ablation, look.presentation(None))


def _save_head_ablation(ablation: HeadAblation, path: Path, look: Look) -> tuple[Message, ...]:
    from attnviz.views.prepared.head_ablation import list_head_ablation

    presentation = look.presentation(None)
    return files.save_result(
        path,
        look.style,
        draw=lambda: _draw_head_ablation(ablation, look),
        document=lambda: head_ablation_document(ablation),
        tables=lambda: (list_head_ablation(ablation, presentation), _draw_head_ablation(ablation, look)),
    )


def _lens_tables(result: Lens, presentation: Presentation) -> tuple[Prepared | Listing, ...]:
    """Return what a lens is printed as: the map, or its only position as a list; and the parts of an answer."""
    from attnviz.views.prepared.lens import list_attribution, list_layers, prepare_lens

    first = list_layers(result, presentation) if len(result.rows) == 1 else prepare_lens(result, presentation)
    parts = list_attribution(result, presentation)
    return (first,) if parts is None else (first, parts)


def _lens_text(result: Lens, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.listing import render_listing
    from attnviz.views.terminal.table import render_table

    for form in _lens_tables(result, Presentation(look.digits)):
        yield render_table(form, Choice(), screen) if isinstance(form, Prepared) else render_listing(form, screen)


def _draw_lens(result: Lens, look: Look) -> Prepared:
    from attnviz.views.prepared.lens import prepare_attribution, prepare_lens

    return prepare_attribution(result, look.presentation(None)) or prepare_lens(result, look.presentation(None))


def _save_lens(result: Lens, path: Path, look: Look) -> tuple[Message, ...]:
    return files.save_result(
        path,
        look.style,
        draw=lambda: _draw_lens(result, look),
        document=lambda: lens_document(result),
        rows=lambda: lens_rows(result),
        tables=lambda: _lens_tables(result, look.presentation(None)),
    )


def _patching_text(result: Patching, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.patch import list_patching, prepare_patching
    from attnviz.views.terminal.choice import Choice
    from attnviz.views.terminal.listing import render_listing
    from attnviz.views.terminal.table import render_table

    presentation = Presentation(look.digits)
    return (
        render_listing(list_patching(result, presentation), screen),
        render_table(prepare_patching(result, presentation), Choice(), screen),
    )


def _draw_patching(result: Patching, look: Look) -> Prepared:
    from attnviz.views.prepared.patch import prepare_patching

    return prepare_patching(result, look.presentation(None))


def _save_patching(result: Patching, path: Path, look: Look) -> tuple[Message, ...]:
    from attnviz.views.prepared.patch import list_patching

    return files.save_result(
        path,
        look.style,
        draw=lambda: _draw_patching(result, look),
        document=lambda: patching_document(result),
        rows=lambda: patching_rows(result),
        tables=lambda: (list_patching(result, look.presentation(None)), _draw_patching(result, look)),
    )


def listing_of(result: Ablation | Costs, look: Look) -> Listing:
    """Return the rows that an ablation or a list of costs is printed as."""
    if isinstance(result, Costs):
        from attnviz.views.prepared.cost import prepare_costs

        return prepare_costs(result)
    from attnviz.views.prepared.ablation import prepare_ablation

    return prepare_ablation(result, Presentation(look.digits or DIGITS))


def listings_of(result: Any, look: Look) -> tuple[Listing, ...]:
    """Return the rows that a notebook shows of a result; none of one whose numbers are cells of a map."""
    if isinstance(result, Ablation | Costs):
        return (listing_of(result, look),)
    if isinstance(result, Heads):
        from attnviz.views.prepared.heads_report import prepare_heads

        return (prepare_heads(result, Presentation(look.digits)),)
    if isinstance(result, TokenizedText):
        from attnviz.views.prepared.tokens import list_tokens

        return (list_tokens(result),)
    if isinstance(result, FilledText):
        from attnviz.views.prepared.next_tokens import prepare_filled

        return prepare_filled(result, "picture")
    if isinstance(result, NextTokens):
        from attnviz.views.prepared.next_tokens import list_next

        return list_next(result, "picture")
    return ()


def _next_text(result: NextTokens, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.next_tokens import render_next

    return render_next(result, screen)


def _filled_text(result: FilledText, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.terminal.next_tokens import render_filled

    return render_filled(result, screen)


def _draw_next(result: NextTokens, look: Look) -> Prepared | Charts:
    from attnviz.views.prepared.next_tokens import draw_next

    return draw_next(result, look.presentation())


def _draw_filled(result: FilledText, look: Look) -> Charts:
    from attnviz.views.prepared.next_tokens import draw_filled

    return draw_filled(result, look.presentation())


def _draw_attention(attention: Attention, look: Look) -> Prepared:
    presentation = look.presentation(_digits(attention))
    return files.prepare_picture(attention, look.head, look.layer, presentation, look.refining)


def _draw_comparison(comparison: Comparison, look: Look) -> Prepared:
    return files.prepare_comparing(comparison, look.head, look.presentation(), look.refining)


def _draw_explanation(explanation: Explanation, look: Look) -> Charts:
    from attnviz.views.prepared.explanation import draw_explanation

    return draw_explanation(explanation, look.presentation(usual_digits(explanation.provenance, len(explanation.key))))


def _draw_lab(lab: Lab, look: Look) -> Prepared:
    from attnviz.views.prepared.lab import prepare_lab

    return prepare_lab(lab, look.presentation(None))


def _draw_distances(distances: Distances, look: Look) -> Charts:
    from attnviz.views.prepared.lab import prepare_distances

    return prepare_distances(distances, look.presentation(None))


def _draw_ablation(ablation: Ablation, look: Look) -> Charts:
    from attnviz.views.prepared.ablation import draw_ablation

    return draw_ablation(ablation, look.presentation())


def _draw_costs(costs: Costs, _: Look) -> Charts:
    from attnviz.views.prepared.cost import draw_costs

    return draw_costs(costs)


def _draw_heads(heads: Heads, look: Look) -> Prepared:
    from attnviz.views.prepared.heads_report import prepare_map

    return prepare_map(heads, look.presentation(None))


def _heads_text(heads: Heads, look: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.heads_report import prepare_heads
    from attnviz.views.terminal.listing import render_listing

    return (render_listing(prepare_heads(heads, Presentation(look.digits)), screen),)


def _refuse_drawing(*_: Any) -> Prepared:
    raise OptionError(
        "A text’s tokens have no picture.",
        hint="Save one of {suffixes}: a page, a table or data.",
        suffixes=listed(files.FOR_TOKENS),
    )


def _tokens_text(found: TokenizedText, _: Look, screen: Screen) -> Iterable[Any]:
    from attnviz.views.prepared.tokens import prepare_tokens
    from attnviz.views.terminal.tokens import render_tokens

    return (render_tokens(prepare_tokens(found), screen),)


def _save_attention(attention: Attention, path: Path, look: Look) -> tuple[Message, ...]:
    return files.save_attention(
        attention,
        path,
        head=look.head,
        layer=look.layer,
        presentation=look.presentation(_digits(attention)),
        refining=look.refining,
    )


def _save_comparison(comparison: Comparison, path: Path, look: Look) -> tuple[Message, ...]:
    return files.save_comparison(
        comparison, path, head=look.head, presentation=look.presentation(), refining=look.refining
    )


def _save_explanation(explanation: Explanation, path: Path, look: Look) -> tuple[Message, ...]:
    return files.save_explanation(
        explanation, path, digits=redone_digits(explanation, look), worksheet=look.worksheet, style=look.style
    )


# An Attention has a frame of its own (Attention.to_frame), which keeps its arrays.
_KINDS: dict[type, ResultKind] = {
    Attention: ResultKind(
        ("layer", "head", "digits", *_PICTURE, *_REFINING),
        _draw_attention,
        _attention_text,
        attention_document,
        None,
        _save_attention,
    ),
    Comparison: ResultKind(
        ("head", "digits", *_PICTURE, "scale"),
        _draw_comparison,
        _comparison_text,
        comparison_document,
        comparison_rows,
        _save_comparison,
    ),
    Explanation: ResultKind(
        ("digits", "worksheet", *_CHART),
        _draw_explanation,
        _explanation_text,
        explanation_document,
        explanation_rows,
        _save_explanation,
    ),
    Lab: ResultKind(
        ("digits", *_PICTURE_OF_GRID),
        _draw_lab,
        _lab_text,
        lab_document,
        lambda lab: lab_rows(lab)["rows"],
        lambda lab, path, look: files.save_lab(lab, path, presentation=look.presentation(None)),
    ),
    Distances: ResultKind(
        _CHART,
        _draw_distances,
        _distances_text,
        distances_document,
        lambda distances: distances_rows(distances)["rows"],
        lambda distances, path, look: files.save_distances(distances, path, presentation=look.presentation(None)),
    ),
    Ablation: ResultKind(
        ("digits", *_CHART),
        _draw_ablation,
        _listing_text,
        ablation_document,
        lambda ablation: ablation_document(ablation)["rows"],
        lambda ablation, path, look: files.save_ablation(ablation, path, presentation=look.presentation()),
    ),
    Heads: ResultKind(
        ("digits", *_CHART, "cmap", "annotate", "vmin", "vmax"),
        _draw_heads,
        _heads_text,
        heads_document,
        heads_rows,
        lambda heads, path, look: files.save_heads(heads, path, presentation=look.presentation(None)),
    ),
    HeadAblation: ResultKind(
        ("digits", *_PICTURE_OF_GRID),
        _draw_head_ablation,
        _head_ablation_text,
        head_ablation_document,
        lambda ablation: head_ablation_document(ablation)["rows"],
        _save_head_ablation,
    ),
    NextTokens: ResultKind(
        ("digits", *_CHART, "cmap", "annotate", "vmin", "vmax"),
        _draw_next,
        _next_text,
        next_tokens_document,
        next_tokens_rows,
        lambda result, path, look: files.save_next(result, path, presentation=look.presentation()),
    ),
    FilledText: ResultKind(
        _CHART,
        _draw_filled,
        _filled_text,
        filled_document,
        filled_rows,
        lambda result, path, look: files.save_next(result, path, presentation=look.presentation()),
    ),
    Patching: ResultKind(
        ("digits", *_PICTURE_OF_GRID), _draw_patching, _patching_text, patching_document, patching_rows, _save_patching
    ),
    Lens: ResultKind(("digits", *_PICTURE_OF_GRID), _draw_lens, _lens_text, lens_document, lens_rows, _save_lens),
    TokenizedText: ResultKind(
        (),
        _refuse_drawing,
        _tokens_text,
        tokens_document,
        token_rows,
        lambda found, path, _: files.save_tokens(found, path),
    ),
    Costs: ResultKind(
        _CHART,
        _draw_costs,
        _listing_text,
        cost_document,
        lambda costs: cost_document(costs)["rows"],
        lambda costs, path, look: files.save_costs(costs, path, presentation=look.presentation()),
    ),
}
