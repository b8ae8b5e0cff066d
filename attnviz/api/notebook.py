"""In a notebook: an Attention and a Comparison show themselves, without knowing that they do.

`register` tells IPython how. A view is a bundle of forms of the same thing, of which a notebook shows the richest that
it can: a light HTML heatmap, a PNG, plain text.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnviz.core.errors import InputError, MissingError, OptionError, unknown_choice
from attnviz.views.prepared.presentation import PICTURE, TERMINAL, Presentation

if TYPE_CHECKING:
    from attnviz.analysis.comparison import Comparison
    from attnviz.core.attention_data import Attention
    from attnviz.views.prepared.panels import Prepared

Chosen = str | int | Iterable[str | int] | None
VIEWS = ("page", "figure", "table")
_MOST_CELLS = 2500
_WIDTH, _PAGE_HEIGHT = 100, 640


@dataclass(frozen=True)
class View:
    """Something to look at, as a notebook asks for it: a value for each MIME type; `str()` is its text."""

    bundle: dict[str, Any]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.bundle

    def __str__(self) -> str:
        """Return the plain text."""
        return str(self.bundle["text/plain"])


def register(shell: Any) -> None:
    """Let this IPython shell draw an Attention and a Comparison; their modules need not be loaded."""
    formatter = shell.display_formatter.mimebundle_formatter
    for module, name in (("attnviz.core.attention_data", "Attention"), ("attnviz.analysis.comparison", "Comparison")):
        formatter.for_type_by_name(module, name, _bundle_for(shell))


def show(shown: Attention | Comparison, view: str = "page", *, head: Chosen = None, layer: Chosen = None) -> View:
    """Return the view that a notebook shows of an Attention or a Comparison: page, figure or table.

    page: the interactive page in a frame; figure: the picture alone; table: numbers on coloured cells. head and layer
    choose as --head and --layer do. Raises OptionError for another view, and for a layer of a Comparison, which has
    one; InputError for what is neither; MissingError for a head that is not there.
    """
    from attnviz.analysis.comparison import Comparison
    from attnviz.core.attention_data import Attention
    from attnviz.views.prepared.heads import spell_choice

    if not isinstance(shown, Attention | Comparison):
        raise InputError("show takes an Attention or a Comparison, not {kind}.", kind=type(shown).__name__)
    if isinstance(shown, Comparison) and layer is not None:
        raise OptionError("A Comparison holds one layer.", hint="Choose the layer with compare(..., layer=N).")
    chosen = (spell_choice(head), spell_choice(layer))
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "page": lambda: {"text/html": _frame(shown, *chosen), "text/plain": _text(forms)},
        "figure": lambda: {"image/png": _picture(shown, *chosen), "text/plain": _text(forms)},
        "table": lambda: {"text/html": _html(forms), "text/plain": _text(forms)},
    }
    if view not in makers:
        raise unknown_choice("view", view, VIEWS)
    forms = _forms(shown, *chosen)
    return View(makers[view]())


def _bundle_for(shell: Any) -> Callable[[Any], dict[str, Any]]:
    """Return what IPython shows: only text for a terminal, all forms for a notebook."""

    def bundle(shown: Attention | Comparison) -> dict[str, Any]:
        forms = _forms(shown)
        if "text/html" not in shell.display_formatter.active_types:
            return {"text/plain": _text(forms)}
        found: dict[str, Any] = {"image/png": _picture(shown), "text/plain": _text(forms)}
        if _cells(forms) <= _MOST_CELLS:
            found["text/html"] = _html(forms)
        return found

    return bundle


def _forms(
    shown: Attention | Comparison,
    head: str | None = None,
    layer: str | None = None,
    presentation: Presentation = TERMINAL,
) -> tuple[Prepared, ...]:
    from attnviz.analysis.comparison import Comparison
    from attnviz.views.prepared.attention import prepare
    from attnviz.views.prepared.comparison import prepare_comparison
    from attnviz.views.prepared.heads import choose_heads

    if isinstance(shown, Comparison):
        return prepare_comparison(shown, head=head, presentation=presentation)
    return prepare(choose_heads(shown, head, layer), presentation=presentation)


def _cells(forms: tuple[Prepared, ...]) -> int:
    return sum(panel.values.size for form in forms for panel in form.panels)


def _text(forms: tuple[Prepared, ...]) -> str:
    """Return the tables as plain text; of a large one its size, since nobody could read it."""
    if _cells(forms) > _MOST_CELLS:
        rows, columns = forms[0].panels[0].values.shape
        return f"{len(forms[0].panels)} x {rows} x {columns}"
    from attnviz.views.terminal.plain_text import render_plain

    return render_plain(forms, _WIDTH)


def _html(forms: tuple[Prepared, ...]) -> str:
    from attnviz.views.notebook_html import render_cells

    return render_cells(forms)


def _picture(shown: Attention | Comparison, head: str | None = None, layer: str | None = None) -> str:
    """Return the picture as PNG, in base64."""
    from attnviz.views.figure.render import render_figure
    from attnviz.views.prepared.panels import join

    picture, _ = render_figure(join(_forms(shown, head, layer, PICTURE)), "png")
    return base64.b64encode(picture).decode()


def _frame(shown: Attention | Comparison, head: str | None, layer: str | None) -> str:
    """Return the page in a frame of its own, so that its style and the notebook's never meet."""
    from attnviz.analysis.comparison import Comparison
    from attnviz.views.prepared.heads import choose_heads

    try:
        render_page = import_module("attnviz.views.page.render").render_page
    except ImportError:
        raise MissingError(
            "This installation of attnviz has no page.", hint="Use view='figure' or view='table'."
        ) from None
    if isinstance(shown, Comparison):
        page = render_page(shown, head=head)
    else:
        page = render_page(choose_heads(shown, head or "all", layer or "all"))
    style = f"width:100%;height:{_PAGE_HEIGHT}px;border:0"
    return f'<iframe srcdoc="{html.escape(page)}" title="attnviz" style="{style}"></iframe>'
