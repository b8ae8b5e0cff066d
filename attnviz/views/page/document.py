"""Build the data of a page from an Attention or a Comparison.

Labels, titles, limits, colours and captions are those of the prepared form; only how the numbers are packed is decided
here. Positions in a text count code points, and words are cut out here, so that the script never counts UTF-16 units.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from attnviz.analysis.attention_sinks import find_sinks, is_special
from attnviz.analysis.comparison import Comparison, Name
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError
from attnviz.explanation.elements import Step
from attnviz.i18n.messages import LANGUAGES, Message, language, message, speaking, toy_name
from attnviz.views.page.page_data import (
    Hideable,
    Localized,
    PageData,
    PagePatches,
    PageScale,
    PageSheet,
    PageStep,
    PageSteps,
    PageText,
    SmallMaps,
)
from attnviz.views.page.payload import (
    EXACT_UP_TO,
    LEAST_STEPS,
    Block,
    encode_mask,
    encode_matrix,
    pack,
    pool_small,
    tokens_per_cell,
)
from attnviz.views.page.sentences import in_each_language, page_sentences
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import SERIES_COLORS, Scale, ink_on, spread_scale
from attnviz.views.prepared.comparison import prepare_comparison, title_of
from attnviz.views.prepared.heads import MOST_HEADS, head_title, layer_name
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.panels import Panel, Prepared
from attnviz.views.prepared.presentation import Presentation
from attnviz.views.prepared.reduction_words import add_disagreement
from attnviz.views.prepared.refine import AS_IS, Refining
from attnviz.views.prepared.score_terms import has_score_terms, score_terms, write_terms

if TYPE_CHECKING:
    from attnviz.views.prepared.next_tokens import Played

LARGEST_PAGE = 200_000_000
_LONGEST_TITLE = 60

# A head's number or name in the original, or "mean" for the mean of all.
_Head = int | str
_DISAGREEMENT = "disagreement"  # the map after several reductions


@dataclass(frozen=True)
class Document:
    """All that a page holds: its data, and the blocks of numbers that the data names by their index."""

    data: PageData
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class _Content:
    """What a page shows of an attention or a comparison, before its numbers are packed.

    panels: by layer (or setting), then head, then side. terms: a block. The other fields are those of PageData.
    """

    kind: Literal["attention", "comparison"]
    title: str
    panels: list[Panel]
    digits: int
    texts: Sequence[PageText]
    row_texts: tuple[int, ...]
    column_text: int | None
    captions: Sequence[tuple[Localized, ...]]
    notes: Sequence[tuple[Localized, ...]]
    layers: Sequence[Localized]
    heads: Sequence[Localized]
    sides: Sequence[Localized | None]
    titles: Sequence[Localized]
    view: Literal["matrix", "heads", "patches", "steps"]
    hideable: Hideable
    start: tuple[int, int]
    patches: PagePatches | None = None
    terms: str | None = None
    played: tuple[Played, ...] = ()


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
    names: list[_Head] = list(attention.heads)
    if len(panels) > len(attention.layers) * len(names):
        names.append(_DISAGREEMENT)
    if len(names) > 1 and attention.provenance.reduced is None:
        means = _prepare_plain(attention.mean(), presentation, refining)
        panels = _interleave(panels, list(means.panels), len(names))
        names.append("mean")
    patches = _patches(attention, form.panels[0])
    texts = [_text(attention.source, attention.query), *_key_texts(attention, form.panels[0].numbers)]
    content = _Content(
        kind="attention",
        title=played[0].title if len(played) > 1 else _title_of(attention),
        panels=panels,
        digits=form.digits,
        texts=texts,
        row_texts=(0,),
        column_text=1 if len(texts) > 1 else None,
        captions=[_localize(form.caption)],
        notes=[_localize((*form.notes, *attention.notes, *_note_on_branches(played)))],
        layers=[in_each_language(_name_of(layer)) for layer in attention.layers],
        heads=[in_each_language(_name_of(name)) for name in names],
        sides=[None],
        titles=_sheet_titles(attention, names, panels),
        view=_first_view(attention, patches, played),
        patches=patches,
        hideable=_hideable(attention, panels, form.caption),
        start=(len(attention.layers) - 1, len(names) - 1 if len(names) > len(attention.heads) > MOST_HEADS else 0),
        terms=_terms_block(attention, panels, len(names)),
        played=played,
    )
    return _assemble(content, refining)


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


def _steps(played: Played, block: int, kind: str) -> PageSteps:
    """Return the steps of a branch, their shares in a block of this index and kind."""
    text = _text(played.source, played.context)
    added = _text(played.source, (*played.context, *played.added[-1:])) if played.grows else _text(None, played.added)
    first = len(played.context) - len(played.added) + 1
    gaps = added.gaps[first:] if played.grows else added.gaps
    return PageSteps(
        name=in_each_language(played.name),
        caption=_localize(played.caption),
        words=tuple(visible(token.text, "picture") for token in played.context),
        text=text,
        grows=played.grows,
        block=block,
        kind=kind,
        steps=tuple(
            PageStep(one.count, one.token, gap, one.probability, one.candidates, one.attended)
            for one, gap in zip(played.steps, gaps, strict=True)
        ),
    )


def _terms_block(attention: Attention, panels: list[Panel], heads: int) -> str | None:
    """Return the block of how each weight comes about; None where that is not known, or too long for a page."""
    if not has_score_terms(attention) or len(panels[0].columns) != len(attention.key):
        return None
    sheets: list[list[list[list[Any]]] | None] = []
    for sheet in score_terms(attention):
        sheets.append([_in_languages(attention, steps) for steps in sheet])
        if heads > len(attention.heads) and len(sheets) % heads == len(attention.heads):
            sheets.append(None)  # the mean has no score of its own
    return pack(json.dumps(sheets, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"))


def _in_languages(attention: Attention, steps: tuple[Step, ...]) -> list[list[Any]]:
    """Write the steps of a row in every language, in the order of LANGUAGES."""
    written = []
    for each in LANGUAGES:
        with speaking(each):
            cells = write_terms(attention, steps)
        written.append([[one.title, one.formula, one.words, one.cells, one.whole] for one in cells])
    return written


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
    return [_text(attention.key_source if attention.is_cross else attention.source, keys)]


def _title_of(attention: Attention) -> str:
    if attention.provenance.picture is not None:
        return attention.provenance.picture.name
    if attention.source is not None:
        return attention.source
    return " ".join(token.text for token in attention.query[:20])


def _sheet_titles(attention: Attention, names: list[_Head], panels: list[Panel]) -> list[Localized]:
    """Return each sheet's title: its layer and head, and the caption that its panel has elsewhere."""
    titles = (_sheet_title(attention, layer, name) for layer in attention.layers for name in names)
    return [
        _localize_title(
            title if panel.caption is None else message("{title} · {words}", title=title, words=panel.caption)
        )
        for title, panel in zip(titles, panels, strict=True)
    ]


def _sheet_title(attention: Attention, layer: int | str, name: _Head) -> Message | None:
    if name != _DISAGREEMENT:
        return head_title(attention, layer, name)
    words = message("where they disagree: the largest less the smallest")
    return message("{layer}, {title}", layer=layer_name(layer), title=words) if len(attention.layers) > 1 else words


def of_comparison(
    comparison: Comparison, head: str | None, presentation: Presentation, refining: Refining = AS_IS
) -> Document:
    """Return the document of every setting and head, with A, B and B - A, and of the mean of the heads.

    head: which heads, as `prepare_comparison` takes it; None is all and their mean. Raises InputError where the page
    would be larger than LARGEST_PAGE characters.
    """
    forms = prepare_comparison(comparison, head=head or "all", presentation=presentation)
    names, panels = _comparison_panels(comparison, forms, head, presentation)
    settings = [_localize_title(form.heading) for form in forms]
    content = _Content(
        kind="comparison",
        title=" | ".join(map(str, comparison.titles)),
        panels=panels,
        digits=forms[0].digits,
        texts=_comparison_texts(comparison),
        row_texts=(0, 1, 0),
        column_text=None if comparison.keys is None else 2,
        captions=[_localize(form.caption) for form in forms],
        notes=[_localize((*form.notes, *comparison.notes)) for form in forms],
        layers=settings,
        heads=[in_each_language(_name_of(name)) for name in names],
        sides=_comparison_sides(comparison),
        titles=[_setting_title(setting, name, len(names)) for setting in settings for name in names],
        view="matrix",
        hideable=Hideable(),
        start=(len(forms) - 1, len(names) - 1),
    )
    return _assemble(content, refining)


def _comparison_panels(
    comparison: Comparison, forms: Sequence[Prepared], head: str | None, presentation: Presentation
) -> tuple[list[_Head], list[Panel]]:
    """Return the heads that are shown, and their panels by setting, head and side."""
    run = comparison.runs[0]
    names: list[_Head] = ["mean" if i is None else run.heads[i] for i in run.choose(head or "all")]
    panels = [panel for form in forms for panel in form.panels]
    if head is not None or len(names) == 1:
        return names, panels
    means = prepare_comparison(comparison, head="mean", presentation=presentation)
    mean_panels = [panel for form in means for panel in form.panels]
    return [*names, "mean"], _interleave(panels, mean_panels, len(names), sides=3)


def _comparison_texts(comparison: Comparison) -> list[PageText]:
    texts = [_text(comparison.text_a, comparison.tokens), _text(comparison.text_b, comparison.tokens_b)]
    return texts if comparison.keys is None else [*texts, _text(None, comparison.keys)]


def _comparison_sides(comparison: Comparison) -> list[Localized]:
    titles = (title_of(_on_one_line(title), "picture") for title in comparison.titles)
    return [in_each_language(title) for title in (*titles, message("change"))]


def _setting_title(setting: Localized, name: _Head, heads: int) -> Localized:
    """Return a setting's title with the head, where there are several."""
    if heads == 1:
        return setting
    head = message("mean of the heads") if name == "mean" else message("head {head}", head=_name_of(name))
    return {lang: f"{setting[lang]}, {text}" for lang, text in in_each_language(head).items()}


def _on_one_line(name: Name) -> Name:
    """Return a text or a name without line ends."""
    if isinstance(name, str):
        return " ".join(name.split())
    fields = {
        key: _on_one_line(value) if isinstance(value, str | Message) else value for key, value in name.fields.items()
    }
    return replace(name, fields=fields)


def _interleave(panels: list[Panel], means: list[Panel], heads: int, sides: int = 1) -> list[Panel]:
    """Put the mean of each layer's heads after them."""
    found = []
    for i in range(len(means) // sides):
        found += panels[i * heads * sides : (i + 1) * heads * sides] + means[i * sides : (i + 1) * sides]
    return found


def _name_of(name: _Head) -> Message:
    if name == _DISAGREEMENT:
        return message("where they disagree")
    return message("mean") if name == "mean" else message("{text}", text=toy_name(name))


def _localize_title(title: Message | None) -> Localized:
    return in_each_language(message("") if title is None else title)


def _localize(sentences: Iterable[Message]) -> tuple[Localized, ...]:
    return tuple(in_each_language(each) for each in sentences)


def _assemble(content: _Content, refining: Refining) -> Document:
    """Encode the panels of a page as blocks, and describe them."""
    panels = content.panels
    exact = sum(panel.values.size for panel in panels) <= EXACT_UP_TO
    matrices = _encode_panels(panels, exact=exact)
    masks, mask_blocks = _encode_masks(panels, first=len(matrices))
    maps = [pool_small(panel.values, panel.forbidden, signed=panel.scale.diverging) for panel in panels]
    small = pack(b"".join(each.tobytes() for each in maps))
    blocks = (*(block.text for block in matrices), *mask_blocks, small)
    terms = -1 if content.terms is None else len(blocks)
    blocks += () if content.terms is None else (content.terms,)
    played = []
    for branch in content.played:
        shares = encode_matrix(branch.shares, exact=False)
        played.append(_steps(branch, len(blocks), shares.kind))
        blocks += (shares.text,)
    rows, columns = panels[0].rows, panels[0].columns
    side_scales = [panel.scale for panel in panels[: len(content.sides)]]
    scales = list(dict.fromkeys(side_scales))
    data = PageData(
        kind=content.kind,
        texts=tuple(content.texts),
        row_texts=content.row_texts,
        column_text=content.column_text,
        captions=tuple(content.captions),
        notes=tuple(content.notes),
        precision="exact" if exact else "rounded",
        digits=content.digits,
        rows=rows,
        columns=columns,
        axes=in_each_language(message("who looks ↓   at whom →")),
        layers=tuple(content.layers),
        heads=tuple(content.heads),
        sides=tuple(content.sides),
        titles=tuple(content.titles),
        view=content.view,
        patches=content.patches,
        start=content.start,
        scales=tuple(_describe(_with_floor(scale, panels, exact=exact)) for scale in scales),
        spread=refining.scale,
        scale_of_side=tuple(map(scales.index, side_scales)),
        head_colours=SERIES_COLORS if content.kind == "attention" and len(content.heads) > 1 else (),
        sheets=tuple(
            PageSheet(block.kind, float(np.abs(panel.values).max(initial=0)), mask)
            for panel, block, mask in zip(panels, matrices, masks, strict=True)
        ),
        small=SmallMaps(
            block=len(matrices) + len(mask_blocks),
            rows=maps[0].shape[0],
            columns=maps[0].shape[1],
            step=max(tokens_per_cell(len(rows)), tokens_per_cell(len(columns))),
            steps=(tokens_per_cell(len(rows)), tokens_per_cell(len(columns))),
        ),
        hideable=content.hideable,
        terms=terms,
        played=tuple(played),
        sentences=page_sentences(),
        title=_shorten(content.title),
        language=language(),
    )
    return Document(data, blocks)


def _encode_panels(panels: list[Panel], *, exact: bool) -> list[Block]:
    """Encode each panel's matrix; stop where they exceed the largest page."""
    blocks: list[Block] = []
    size = 0
    for panel in panels:
        blocks.append(encode_matrix(panel.values, exact=exact, attending=_attending_rows(panel)))
        size += len(blocks[-1].text)
        _check_size(size, len(panels), len(blocks))
    return blocks


def _check_size(size: int, panels: int, fitting: int) -> None:
    """Refuse a page that is too large after the first `fitting` of its panels."""
    if size > LARGEST_PAGE:
        raise InputError(
            "The page would be larger than {most} MB: it would hold {panels} tables of weights, and {fitting} fill it.",
            hint="Choose some with --layer and --head, give a shorter text, or save as .npz.",
            most=LARGEST_PAGE // 10**6,
            panels=panels,
            fitting=fitting,
        )


def _attending_rows(panel: Panel) -> int | None:
    """Return how many rows may attend to anything, over which a column's mean is taken; None where all may."""
    return None if panel.forbidden is None else int((~panel.forbidden).any(axis=1).sum())


def _encode_masks(panels: list[Panel], first: int) -> tuple[list[int], list[str]]:
    """Return the index of each panel's block of forbidden cells (-1: none), and these blocks, each once.

    first: the index of the first block.
    """
    known: dict[bytes, int] = {}
    indices: list[int] = []
    blocks: list[str] = []
    for panel in panels:
        if panel.forbidden is None:
            indices.append(-1)
            continue
        content = np.packbits(panel.forbidden).tobytes()
        if content not in known:
            known[content] = first + len(blocks)
            blocks.append(encode_mask(panel.forbidden))
        indices.append(known[content])
    return indices, blocks


def _with_floor(scale: Scale, panels: list[Panel], *, exact: bool) -> Scale:
    """Return the scale as a logarithmic one, its floor not below what rounded numbers can tell apart."""
    found = spread_scale(scale, "log", [panel.values for panel in panels if panel.scale == scale])
    return found if exact else replace(found, floor=max(found.floor, scale.high / LEAST_STEPS))


def _describe(scale: Scale) -> PageScale:
    palette = scale.palette()
    return PageScale(
        low=scale.low,
        high=scale.high,
        floor=scale.floor,
        diverging=scale.diverging,
        colours="".join(f"{r:02x}{g:02x}{b:02x}" for r, g, b in palette),
        ink="".join("0" if ink_on(color) == (0, 0, 0) else "1" for color in palette),
    )


def _text(source: str | None, tokens: tuple[Token, ...]) -> PageText:
    """Return a text in reading order, with a space around tokens that stand for nothing in it, such as [CLS].

    Where no token has a place in the text they are in a row.
    """
    placed = [index for index, token in enumerate(tokens) if token.start is not None and token.end is not None]
    if not placed:
        return PageText(tuple(range(len(tokens))), ("", *[" "] * (len(tokens) - 1)), "")
    source = " " * max(tokens[index].end or 0 for index in placed) if source is None else source
    gaps, last, order = list[str](), 0, _reading_order(tokens, placed)
    for at, index in enumerate(order):
        token, before = tokens[index], tokens[order[at - 1]]
        start = last if token.start is None else token.start
        alone = at > 0 and (token.start is None or before.start is None)
        gaps.append(_make_visible(source[last:start]) or (" " if alone else ""))
        last = max(last, token.end or 0)
    return PageText(tuple(order), tuple(gaps), _make_visible(source[last:]))


def _reading_order(tokens: tuple[Token, ...], placed: list[int]) -> list[int]:
    """Return the indexes of tokens by their places; those without one stay first, or behind what they stand behind."""
    first, *others = (list(range(start, end)) for start, end in pairwise([0, *placed, len(tokens)]))
    ends, others[-1] = others[-1][1:], others[-1][:1]  # they end the text, whichever token is the last in it
    others.sort(key=lambda group: (tokens[group[0]].start or 0, group[0]))
    return [*first, *chain.from_iterable(others), *ends]


def _make_visible(text: str) -> str:
    """Return the text between words with control characters made visible; lines stay lines."""
    return "\n".join(visible(line.replace("\t", "    "), "picture") for line in text.splitlines()) + (
        "\n" if text.endswith(("\n", "\r")) else ""
    )


def _shorten(title: str) -> str:
    shown = visible(" ".join(title.split()), "picture")
    return shown if len(shown) <= _LONGEST_TITLE else shown[:_LONGEST_TITLE] + "⋯"
