"""Build the data of a page from an Attention: every layer and head, their mean, and how each weight comes about."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from attnviz.analysis.attention_sinks import find_sinks, is_special
from attnviz.core.attention_data import Attention
from attnviz.i18n.messages import Message, message
from attnviz.views.page.document import (
    DISAGREEMENT,
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
from attnviz.views.page.page_data import Hideable, Localized, PagePatches, PageText
from attnviz.views.page.payload import pack_text
from attnviz.views.page.sentences import in_each_language
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.heads import MOST_HEADS, head_title, layer_name
from attnviz.views.prepared.panels import Panel, Prepared
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.reduction_words import add_disagreement
from attnviz.views.prepared.refine import AS_IS, Refining

if TYPE_CHECKING:
    from attnviz.views.prepared.next_tokens import Played

# The rows of all layers and heads whose scores are shown: 12 words with 4 heads have 48. Of more keys than _MOST_KEYS
# an explanation shows some.
_MOST_ROWS = 48
_MOST_KEYS = 12


def of_attention(
    attention: Attention, presentation: Presentation, refining: Refining = AS_IS, played: tuple[Played, ...] = ()
) -> Document:
    """Return the document of all layers and heads, and of the mean of the heads where there are several.

    The page opens with all heads where there are more than 4, as models have; else where a table would: at the last
    layer, at the first head. played: the branches of a continuation, of the first of which this is the attention.
    Raises InputError where the page would be larger than LARGEST_PAGE characters.
    """
    form = add_disagreement(_prepare_plain(attention, presentation, refining), attention)
    panels = list(form.panels)
    names: list[Head] = list(attention.heads)
    if len(panels) > len(attention.layers) * len(names):
        names.append(DISAGREEMENT)
    if len(names) > 1 and attention.provenance.reduced is None:
        means = _prepare_plain(attention.mean(), presentation, refining)
        panels = interleave(panels, list(means.panels), len(names))
        names.append("mean")
    patches = _patches(attention, form.panels[0])
    texts = [page_text(attention.source, attention.query), *_key_texts(attention, form.panels[0].numbers)]
    content = Content(
        kind="attention",
        title=played[0].title if len(played) > 1 else _title_of(attention),
        panels=panels,
        digits=form.digits,
        texts=texts,
        row_texts=(0,),
        column_text=1 if len(texts) > 1 else None,
        captions=[localize(form.caption)],
        notes=[localize((*form.notes, *attention.notes, *_note_on_branches(played)))],
        layers=[in_each_language(words_of_head(layer)) for layer in attention.layers],
        heads=[in_each_language(words_of_head(name)) for name in names],
        sides=[None],
        titles=_sheet_titles(attention, names, panels),
        view=_first_view(attention, patches, played),
        patches=patches,
        hideable=_hideable(attention, panels, form.caption),
        start=(len(attention.layers) - 1, len(names) - 1 if len(names) > len(attention.heads) > MOST_HEADS else 0),
        terms=_terms_block(attention, panels, len(names)),
        played=played,
    )
    return assemble(content, refining)


def _patches(attention: Attention, panel: Panel) -> PagePatches | None:
    """Return the picture whose patches are the tokens; None where they are those of a text."""
    picture = attention.provenance.picture
    if picture is None:
        return None
    from attnviz.views.prepared.patch_map import has_patches, patch_places, picture_ground

    if not has_patches(attention):
        return None
    rows, columns = patch_places(attention.query, picture), patch_places(attention.key, picture)

    def cells(places: dict[int, tuple[int, int]], tokens: Iterable[int]) -> tuple[int, ...]:
        return tuple(places[one][0] * picture.columns + places[one][1] if one in places else -1 for one in tokens)

    png = None if picture.thumbnail is None else base64.b64encode(picture.thumbnail.png).decode("ascii")
    return PagePatches(
        picture.rows,
        picture.columns,
        picture_ground(picture).aspect,
        cells(rows, panel.row_numbers or range(len(attention.query))),
        cells(columns, panel.numbers or range(len(attention.key))),
        None if png is None else f"data:image/png;base64,{png}",
    )


def _first_view(
    attention: Attention, patches: PagePatches | None, played: tuple[Played, ...]
) -> Literal["matrix", "heads", "patches", "steps"]:
    if played:
        return "steps"
    if patches is not None:
        return "patches"
    return "heads" if len(attention.layers) * len(attention.heads) > MOST_HEADS else "matrix"


def _note_on_branches(played: tuple[Played, ...]) -> tuple[Message, ...]:
    if len(played) < 2:
        return ()
    return (message("The steps are those of {count} branches; the other views show the first one.", count=len(played)),)


def _has_score_terms(attention: Attention) -> bool:
    """Return whether every score is known, and there are so few that a page can show how all of them come about."""
    model = attention.provenance.model
    return (
        len(attention.traces) == len(attention.layers) > 0
        and len(attention.layers) * len(attention.heads) * len(attention.query) <= _MOST_ROWS
        and len(attention.key) <= _MOST_KEYS
        and attention.provenance.hidden is None
        and (model is None or model.switched_off is None)
    )


def _terms_block(attention: Attention, panels: list[Panel], heads: int) -> str | None:
    """Return the block of how each weight comes about; None where that is not known, or too long for a page."""
    if not _has_score_terms(attention) or len(panels[0].columns) != len(attention.key):
        return None
    from attnviz.views.prepared.score_terms import score_terms  # with all that explains a row

    terms = score_terms(attention)
    if heads > len(attention.heads):  # the mean has no score of its own
        count = len(attention.heads)
        terms["sheets"] = [
            sheet for at in range(0, len(terms["sheets"]), count) for sheet in (*terms["sheets"][at : at + count], None)
        ]
    return pack_text(json.dumps(terms, ensure_ascii=False, separators=(",", ":")))


def _hideable(attention: Attention, panels: list[Panel], caption: tuple[Message, ...]) -> Hideable:
    """Return the columns of special tokens and sinks; none of reduced heads, whose rows are not all weights."""
    if attention.provenance.reduced is not None:
        return Hideable()
    sinks = find_sinks(attention)
    keys = panels[0].numbers or range(len(panels[0].columns))
    columns = [at for at, key in enumerate(keys) if key in sinks or is_special(attention.key[key])]
    if not 0 < len(columns) < len(panels[0].columns):
        return Hideable()
    high, whole = 0.0, 0.0
    for panel in panels:
        rest = np.delete(panel.values, columns, axis=1)
        sums = rest.sum(axis=1)
        high = max(high, float(rest.max(initial=0)))
        whole = max(whole, float((rest.max(axis=1) / np.where(sums > 0, sums, 1)).max(initial=0)))
    sums = tuple(at for at, part in enumerate(caption) if "to 1" in part.template)
    return Hideable(tuple(columns), (high, whole), sums)


def _prepare_plain(attention: Attention, presentation: Presentation, refining: Refining) -> Prepared:
    """Return the prepared form with one scale for all: the page spreads colours itself, as its reader chooses."""
    forms = prepare(attention, presentation=presentation)
    return replace(refining, scale="global").apply(forms, attention)[0]


def _key_texts(attention: Attention, kept: tuple[int, ...] | None) -> list[PageText]:
    """Return the text of the keys where it is not that of the queries.

    kept: the keys that are shown, where some are hidden.
    """
    if not (attention.is_cross or attention.has_sink) and kept is None:
        return []
    keys = attention.key if kept is None else tuple(attention.key[i] for i in kept)
    return [page_text(attention.key_source if attention.is_cross else attention.source, keys)]


def _title_of(attention: Attention) -> str:
    if attention.provenance.picture is not None:
        return attention.provenance.picture.name
    if attention.source is not None:
        return attention.source
    return " ".join(token.text for token in attention.query[:20])


def _sheet_titles(attention: Attention, names: list[Head], panels: list[Panel]) -> list[Localized]:
    """Return each sheet's title: its layer and head, and the caption that its panel has elsewhere."""
    titles = (_sheet_title(attention, layer, name) for layer in attention.layers for name in names)
    return [
        localize_title(
            title if panel.caption is None else message("{title} · {words}", title=title, words=panel.caption)
        )
        for title, panel in zip(titles, panels, strict=True)
    ]


def _sheet_title(attention: Attention, layer: int | str, name: Head) -> Message | None:
    if name != DISAGREEMENT:
        return head_title(attention, layer, name)
    words = message("where they disagree: the largest less the smallest")
    return message("{layer}, {title}", layer=layer_name(layer), title=words) if len(attention.layers) > 1 else words
