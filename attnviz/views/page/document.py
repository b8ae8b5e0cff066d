"""Build the data of a page from what is shown on it: pack its numbers, and describe them.

Labels, titles, limits, colours and captions are those of the prepared form; only how the numbers are packed is decided
here. Positions in a text count code points, and words are cut out here, so that the script never counts UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, language, message, toy_name
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
from attnviz.views.prepared.color_scale import SERIES_COLORS, Scale, ink_on, spread_scale
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.panels import Panel
from attnviz.views.prepared.refine import Refining

if TYPE_CHECKING:
    from attnviz.views.prepared.next_tokens import Played

LARGEST_PAGE = 200_000_000
_LONGEST_TITLE = 60

# A head's number or name in the original, "mean" for the mean of all, or "disagreement" of several reductions.
Head = int | str
DISAGREEMENT = "disagreement"


class Document(NamedTuple):
    """All that a page holds: its data, and the blocks of numbers that the data names by their index."""

    data: PageData
    blocks: tuple[str, ...]


class Content(NamedTuple):
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
    axes: Message = message("who looks ↓   at whom →")


def interleave(panels: list[Panel], means: list[Panel], heads: int, sides: int = 1) -> list[Panel]:
    """Put the mean of each layer's heads after them."""
    found = []
    for i in range(len(means) // sides):
        found += panels[i * heads * sides : (i + 1) * heads * sides] + means[i * sides : (i + 1) * sides]
    return found


def words_of_head(name: Head) -> Message:
    if name == DISAGREEMENT:
        return message("where they disagree")
    return message("mean") if name == "mean" else message("{text}", text=toy_name(name))


def localize_title(title: Message | None) -> Localized:
    return in_each_language(message("") if title is None else title)


def localize(sentences: Iterable[Message]) -> tuple[Localized, ...]:
    return tuple(in_each_language(each) for each in sentences)


def assemble(content: Content, refining: Refining) -> Document:
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
        axes=in_each_language(content.axes),
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


def _steps(played: Played, block: int, kind: str) -> PageSteps:
    """Return the steps of a branch, their shares in a block of this index and kind."""
    text = page_text(played.source, played.context)
    added = (
        page_text(played.source, (*played.context, *played.added[-1:]))
        if played.grows
        else page_text(None, played.added)
    )
    first = len(played.context) - len(played.added) + 1
    gaps = added.gaps[first:] if played.grows else added.gaps
    return PageSteps(
        name=in_each_language(played.name),
        caption=localize(played.caption),
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


def page_text(source: str | None, tokens: tuple[Token, ...]) -> PageText:
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
        if at == placed[-1] + 1:  # tokens that end the text stand behind words of it that are no tokens
            start = max(last, len(source.rstrip()))
        gap = _make_visible(source[last:start])
        gaps.append(gap if gap[-1:].isspace() or not alone else f"{gap} ")
        last = max(last, start, token.end or 0)
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
