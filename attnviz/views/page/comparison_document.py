"""Build the data of a page from a Comparison: every setting and head, with A, B and B - A."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attnviz.analysis.comparison import Comparison, Name
from attnviz.i18n.messages import Message, message
from attnviz.views.page.document import (
    Content,
    Document,
    Head,
    assemble,
    interleave,
    localize,
    localize_title,
    page_text,
    words_of_head,
)
from attnviz.views.page.page_data import Hideable, Localized, PageText
from attnviz.views.page.sentences import in_each_language
from attnviz.views.prepared.comparison import prepare_comparison, title_of
from attnviz.views.prepared.panels import Panel, Prepared
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.refine import AS_IS, Refining


def of_comparison(
    comparison: Comparison, head: str | None, presentation: Presentation, refining: Refining = AS_IS
) -> Document:
    """Return the document of every setting and head, with A, B and B - A, and of the mean of the heads.

    head: which heads, as `prepare_comparison` takes it; None is all and their mean. Raises InputError where the page
    would be larger than LARGEST_PAGE characters.
    """
    forms = prepare_comparison(comparison, head=head or "all", presentation=presentation)
    names, panels = _comparison_panels(comparison, forms, head, presentation)
    settings = [localize_title(form.heading) for form in forms]
    content = Content(
        kind="comparison",
        title=" | ".join(map(str, comparison.titles)),
        panels=panels,
        digits=forms[0].digits,
        texts=_comparison_texts(comparison),
        row_texts=(0, 1, 0),
        column_text=None if comparison.keys is None else 2,
        captions=[localize(form.caption) for form in forms],
        notes=[localize((*form.notes, *comparison.notes)) for form in forms],
        layers=settings,
        heads=[in_each_language(words_of_head(name)) for name in names],
        sides=_comparison_sides(comparison),
        titles=[_setting_title(setting, name, len(names)) for setting in settings for name in names],
        view="matrix",
        hideable=Hideable(),
        start=(len(forms) - 1, len(names) - 1),
    )
    if not comparison.same_order:
        content = content._replace(axes=message("who looks ↓   at whom →, the words in the order of the first text"))
    return assemble(content, refining)


def _comparison_panels(
    comparison: Comparison, forms: Sequence[Prepared], head: str | None, presentation: Presentation
) -> tuple[list[Head], list[Panel]]:
    """Return the heads that are shown, and their panels by setting, head and side."""
    run = comparison.runs[0]
    names: list[Head] = ["mean" if i is None else run.heads[i] for i in run.choose(head or "all")]
    panels = [panel for form in forms for panel in form.panels]
    if head is not None or len(names) == 1:
        return names, panels
    means = prepare_comparison(comparison, head="mean", presentation=presentation)
    mean_panels = [panel for form in means for panel in form.panels]
    return [*names, "mean"], interleave(panels, mean_panels, len(names), sides=3)


def _comparison_texts(comparison: Comparison) -> list[PageText]:
    texts = [page_text(comparison.text_a, comparison.tokens), page_text(comparison.text_b, comparison.tokens_b)]
    return texts if comparison.keys is None else [*texts, page_text(None, comparison.keys)]


def _comparison_sides(comparison: Comparison) -> list[Localized]:
    titles = (title_of(_on_one_line(title), "picture") for title in comparison.titles)
    return [in_each_language(title) for title in (*titles, message("change"))]


def _setting_title(setting: Localized, name: Head, heads: int) -> Localized:
    """Return a setting's title with the head, where there are several."""
    if heads == 1:
        return setting
    head = message("mean of the heads") if name == "mean" else message("head {head}", head=words_of_head(name))
    return {lang: f"{setting[lang]}, {text}" for lang, text in in_each_language(head).items()}


def _on_one_line(name: Name) -> Name:
    """Return a text or a name without line ends."""
    if isinstance(name, str):
        return " ".join(name.split())
    fields = {
        key: _on_one_line(value) if isinstance(value, str | Message) else value for key, value in name.fields.items()
    }
    return replace(name, fields=fields)
