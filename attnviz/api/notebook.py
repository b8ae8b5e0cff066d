"""In a notebook: what a cell shows of a result, a bundle of forms of the same thing.

A notebook shows the richest form that it can: light HTML, a PNG, plain text.
"""

from __future__ import annotations

import base64
import html
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attnviz.analysis.comparison import Comparison
from attnviz.analysis.lab import Distances
from attnviz.api.look import Look
from attnviz.api.result_kinds import as_text, draw, kind_of, read_look, sheet_of
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, unknown_choice
from attnviz.core.result import Result
from attnviz.core.tokenized_text import TokenizedText
from attnviz.explanation.elements import Explanation
from attnviz.i18n.decimals import printed_minus
from attnviz.views.prepared.panels import Prepared
from attnviz.views.prepared.presentation import Presentation

VIEWS = ("page", "figure", "table")
_MOST_CELLS = 2500
# Letters of a cell's table at most: a notebook keeps what every cell shows.
_MOST_LETTERS = 100_000
_PAGE_HEIGHT = 640
# Dots per inch of the picture that a cell keeps beside the table; `show` draws finer ones.
_CELL_DPI = 90


@dataclass(frozen=True)
class View:
    """Something to look at, as a notebook asks for it: a value for each MIME type; `str()` is its text."""

    forms: dict[str, Any]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        return self.forms

    def __str__(self) -> str:
        """Return the plain text."""
        return str(self.forms["text/plain"])


@check_arguments()
def show(shown: Result, view: str = "", **options: Any) -> View:
    """Return what a notebook shows of a result: page, figure or table; by default the first that it has.

    page: the interactive page of an Attention or a Comparison, the sheet of an Explanation, in a frame; figure: the
    picture alone; table: numbers on coloured cells, or in rows. options: as in `Result.save`.
    Raises OptionError for another view or option; InputError for what is no result; MissingError for a head that is
    not there.

    Examples:
        >>> sorted(show(attnviz.run("猫吃鱼"), "table").forms)
        ['text/html', 'text/plain']
    """
    if not isinstance(shown, Result):
        raise InputError("show takes a result of attnviz, as run() gives, not {kind}.", kind=type(shown).__name__)
    views = views_of(shown)
    if (view or views[0]) not in views:
        raise unknown_choice("view", view, views)
    look = read_look(shown, "show()", options)
    makers: dict[str, Callable[[Any, Look], dict[str, Any]]] = {
        "page": lambda one, look: {"text/html": _frame(one, look)},
        "figure": lambda one, look: {"image/png": _picture(one, look)},
        "table": _table,
    }
    return View(makers[view or views[0]](shown, look) | {"text/plain": as_text(shown, look)})


def views_of(result: Result) -> tuple[str, ...]:
    """Return the views that a notebook has of this result, the richest first."""
    if isinstance(result, Attention | Comparison | Explanation):
        return VIEWS
    if isinstance(result, TokenizedText):
        return VIEWS[2:]
    return VIEWS[1:2] if isinstance(result, Distances) else VIEWS[1:]


def is_open() -> bool:
    """Return whether this runs in a notebook: in an IPython that shows HTML."""
    shell = _shell()
    return shell is not None and "text/html" in shell.display_formatter.active_types


def display(view: View) -> None:
    """Show a view in the cell that runs now."""
    sys.modules["IPython"].display.display(view)


def bundle(result: Any, wanted: Callable[[str], bool]) -> dict[str, Any]:
    """Return what a cell shows of a result: only text where an IPython in a terminal asks, else all forms.

    wanted: whether a form of this MIME type is asked for; others are not made.
    """
    look, found = Look(), dict[str, Any]()
    small, rich = _is_small(result), _shell() is None or is_open()
    if wanted("text/plain"):
        found["text/plain"] = as_text(result, look) if small else repr(result)
    if rich and wanted("image/png") and "figure" in views_of(result):
        found["image/png"] = _picture(result, look, _CELL_DPI)
    if rich and small and "table" in views_of(result) and (wanted("text/html") or wanted("text/markdown")):
        table = {name: form for name, form in _table(result, look).items() if wanted(name)}
        found |= table if sum(map(len, table.values())) <= _MOST_LETTERS else {}
    return found


def _shell() -> Any:
    """Return the IPython that runs, None where there is none; nothing is imported for it."""
    running = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return None if running is None else running()


def _is_small(result: Any) -> bool:
    """Return whether a table of the result is small enough to be read."""
    if isinstance(result, TokenizedText):
        return len(result.tokens) <= _MOST_CELLS
    form = kind_of(result).draw(result, Look())
    return not isinstance(form, Prepared) or sum(panel.values.size for panel in form.panels) <= _MOST_CELLS


def _table(result: Any, look: Look) -> dict[str, Any]:
    """Return the numbers as HTML, or as Markdown where they are the lines of a sheet."""
    if isinstance(result, Explanation):
        from attnviz.views.handout import as_markdown

        return {"text/markdown": as_markdown(sheet_of(result, look))}
    from attnviz.views.notebook_html import render_forms

    with printed_minus():
        return {"text/html": render_forms(kind_of(result).tables(result, look, Presentation(look.digits)))}


def _picture(result: Any, look: Look, dpi: float | str = "figure") -> str:
    """Return the picture as PNG, in base64."""
    drawn, _ = draw(result, look)
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return base64.b64encode(stream.getvalue()).decode()


def _frame(result: Any, look: Look) -> str:
    """Return the page in a frame of its own, so that its style and the notebook's never meet."""
    style = f"width:100%;height:{_PAGE_HEIGHT}px;border:0"
    return f'<iframe srcdoc="{html.escape(_page(result, look))}" title="attnviz" style="{style}"></iframe>'


def _page(result: Any, look: Look) -> str:
    from attnviz.views.page.render import render_page
    from attnviz.views.prepared.heads import choose_heads

    if isinstance(result, Explanation):
        from attnviz.views.handout import as_html

        return as_html(sheet_of(result, look))
    if isinstance(result, Comparison):
        return render_page(result, head=look.head, presentation=look.presentation(), refining=look.refining)
    shown = choose_heads(result, look.head or "all", look.layer or "all")
    return render_page(shown, presentation=look.presentation(), refining=look.refining)
