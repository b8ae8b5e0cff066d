"""Which terminal view shows what, and the prepared forms drawn by it; each view is loaded when it is used.

A new view is one module and one line in VIEWS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from attnviz.core.attention_data import Attention
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.i18n.messages import Message, listed, message
from attnviz.views.prepared.attention import one_row, prepare
from attnviz.views.prepared.caption import can_be_brief, in_brief, shortened
from attnviz.views.prepared.panels import Prepared
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.terminal.choice import Choice
from attnviz.views.terminal.screen import Screen, caption_fits

if TYPE_CHECKING:
    from rich.console import RenderableType

# Each view and what draws it, as module:function; all are called as draw(form, choice, screen).
VIEWS = {
    "table": "table:render_table",
    "blocks": "blocks:render_blocks",
    "top": "top:render_top",
    "text": "text:render_text",
    "patches": "patches:render_patches",
}
_OF_WEIGHTS = ("text", "patches")  # views that show how weights lie, not a matrix of numbers
VIEW_CHOICES = ("auto", *VIEWS)
# The toy's layer as it is where nothing is asked for; its dimensions are the lexicon's.
_FEW = 16  # so many rows are a table, whatever the width
_MANY = 60  # words of a text that is read as a text: as shaded cells it would fill more than a screen
_MOST_TOP = 10_000


def check_choice(choice: Choice, shows: list[str]) -> None:
    """Raise OptionError for a value that cannot be, before anything is computed."""
    if choice.view not in VIEW_CHOICES:
        raise unknown_choice("--view", choice.view, VIEW_CHOICES)
    choice.refining.check()
    if choice.top is not None and not 1 <= choice.top <= _MOST_TOP:
        raise OptionError("--top must be from 1 to {most}, not {value}.", most=_MOST_TOP, value=choice.top)
    if choice.squeeze and (choice.top is not None or choice.token is not None):
        raise OptionError("--squeeze folds the rows of a table: leave --top and --token out.")
    if choice.token is not None and "qkv" in shows:
        raise OptionError(
            "--token shows a word's row, and --show qkv the vectors of all words.",
            hint="attnviz explain shows the vectors of one word.",
        )
    asked = _asked(choice)
    if asked in _OF_WEIGHTS and any(show != "weights" for show in shows):
        raise OptionError(
            "--view {view} shows weights alone.", hint="Use --view table, blocks or top for the others.", view=asked
        )


def view_attention(
    attention: Attention, show: str, choice: Choice, screen: Screen, digits: int
) -> Iterator[RenderableType]:
    """Yield what `show` names of all the layers and heads of `attention`, drawn in the chosen view.

    Where a token is chosen, only its row of a table or of `top`.
    """
    if show == "weights" and attention.provenance.passages:
        from attnviz.views.prepared.passages import list_passages
        from attnviz.views.terminal.listing import render_listing

        taken = list_passages(attention, choice.token, Presentation(digits))
        if taken is not None:
            yield render_listing(taken, screen)
    choice = replace(choice, patches=_has_patches(attention, needed=choice.view == "patches"))
    is_brief = choice.brief and show == "weights" and can_be_brief(attention.provenance)
    forms = choice.refining.apply(prepare(attention, show, Presentation(digits)), attention)
    for form, view, named in _naming(forms, choice, screen, brief=is_brief):
        of_words = attention.provenance.joined in (None, "char", "word")
        if view in ("blocks", *_OF_WEIGHTS) and len(form.panels) > 1 and show == "weights" and of_words:
            form = _with_characters(form, attention)
        if view == "text":
            from attnviz.views.prepared.shaded_text import shade_words

            form = shade_words(form, attention, choice.token)
        elif view == "patches":
            from attnviz.views.prepared.patch_map import map_patches

            form = map_patches(form, attention, choice.token)
        elif attention.provenance.reduced == "all":
            from attnviz.views.prepared.reduction_words import add_disagreement

            form = add_disagreement(form, attention)
        if view not in _OF_WEIGHTS and choice.token is not None:
            form = one_row(form, attention, choice.token)
        form = _in_brief(form, attention, named, screen) if is_brief else replace(form, caption=(*form.caption, *named))
        yield draw(form, view, choice, screen)


def _in_brief(form: Prepared, attention: Attention, named: tuple[Message, ...], screen: Screen) -> Prepared:
    """Return the form with a first caption, of one line if it can be; why this head is shown stands in its title."""
    provenance = attention.provenance
    if provenance.least_even:
        part = message("the least even of {count} heads", count=provenance.heads)
        titled = (
            panel if panel.title is None else replace(panel, title=_with(panel.title, part)) for panel in form.panels
        )
        form = replace(form, panels=tuple(titled))
    *parts, how = in_brief(form.caption, provenance, attention.heads, attention.layers)
    return replace(form, caption=shortened((*parts, *named, how), lambda caption: caption_fits(caption, screen)))


def _with(title: Message, part: Message) -> Message:
    return message("{title}, {part}", title=title, part=part)


def _has_patches(attention: Attention, *, needed: bool) -> bool:
    """Return whether the tokens are a picture's patches; raises OptionError where they are not, and are needed."""
    if attention.provenance.picture is None and not needed:
        return False
    from attnviz.views.prepared.patch_map import has_patches, need_patches

    if needed:
        need_patches(attention, "--view")
    return has_patches(attention)


def check_comparing(choice: Choice) -> None:
    """Raise OptionError for what cannot be looked at of two texts: their words are aligned, and run nowhere."""
    check_choice(choice, [])
    if choice.view in _OF_WEIGHTS:
        raise OptionError("compare has no --view {view}.", hint="Use --view table, blocks or top.", view=choice.view)


def view_comparison(
    forms: list[Prepared], choice: Choice, screen: Screen, *, brief: bool = False
) -> Iterator[RenderableType]:
    """Yield comparisons in the chosen view; `top` lists the strongest changes alone.

    brief: whether their captions are short ones, so that a table does not name the other views.
    """
    for form, view, named in _naming(choice.refining.apply(tuple(forms)), choice, screen, brief=brief):
        form = replace(form, caption=(*form.caption, *named))
        if view == "top":
            form = replace(form, panels=tuple(panel for panel in form.panels if panel.plus), across=1)
        yield draw(form, view, choice, screen)


def draw(form: Prepared, view: str, choice: Choice, screen: Screen) -> RenderableType:
    """Draw one prepared form in a view of VIEWS, which is imported now."""
    module, name = VIEWS[view].split(":")
    drawer: Callable[[Prepared, Choice, Screen], RenderableType] = getattr(
        import_module(f"attnviz.views.terminal.{module}"), name
    )
    return drawer(form, choice, screen)


def choose_view(form: Prepared, choice: Choice, screen: Screen) -> str:
    """Return the view asked for, by --view or by an option of one view alone; else one by size and width.

    The map of a picture, where the tokens are its patches. A table, where it has at most 16 rows or fits the width;
    blocks, where someone looks at a terminal in which they fit, or at the grids of all heads; else, and of more than
    60 words, the text itself, or of what is no weight the strongest links.
    """
    asked = _asked(choice)
    if asked is not None:
        return asked
    if choice.patches and form.kind == "weights":
        return "patches"
    rows, columns = form.panels[0].values.shape if form.panels else (0, 0)
    words = max(rows, columns) if form.kind in ("weights", "scores", "comparison") else rows
    if choice.all_heads and screen.terminal and len(form.panels) > 1:
        return "blocks"
    if words <= _FEW or (columns + 1) * (form.digits + 3) <= screen.cells:
        return "table"
    labels = 2 + 2 * 8
    is_long = words > _MANY and form.kind == "weights"
    if screen.terminal and not is_long and columns + labels <= screen.cells:
        return "blocks"
    return "text" if form.kind == "weights" else "top"


def _asked(choice: Choice) -> str | None:
    """Return the view that the options name; None where it is left to the program."""
    if choice.view != "auto":
        return choice.view
    if choice.top is not None:
        return "top"
    if choice.token is not None:
        return "patches" if choice.patches else "text"
    return "table" if choice.squeeze else None


def _with_characters(form: Prepared, attention: Attention) -> Prepared:
    """Add to each panel its head's character as the caption, unless it has another one."""
    from attnviz.analysis.head_patterns import characters

    words = [one.words() for layer in characters(attention) for one in layer]
    return replace(
        form,
        panels=tuple(
            replace(panel, caption=panel.caption or one) for panel, one in zip(form.panels, words, strict=True)
        ),
    )


def _naming(
    forms: Iterable[Prepared], choice: Choice, screen: Screen, *, brief: bool
) -> Iterator[tuple[Prepared, str, tuple[Message, ...]]]:
    """Yield each form with its view and what names the view and the others: below the last form in each, where no view
    was asked for.

    A table does so on a terminal alone: in a pipe or a file it is what everybody expects. brief: in a short caption,
    which names the other views, and those of a table not.
    """
    found = [(form, choose_view(form, choice, screen)) for form in forms]
    last = {view: index for index, (_, view) in enumerate(found)}
    for index, (form, view) in enumerate(found):
        named: tuple[Message, ...] = ()
        if _asked(choice) is None and index == last[view] and (view != "table" or (screen.terminal and not brief)):
            shown = [one for one in VIEWS if one != view and (one not in _OF_WEIGHTS or form.kind == "weights")]
            shown = [one for one in shown if one != "patches" or choice.patches]
            others = listed(shown)
            named = (
                message("other views: {others}", others=others)
                if brief
                else message("this is --view {view}; others: {others}", view=view, others=others),
            )
        yield form, view, named
