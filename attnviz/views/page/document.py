"""What the page's script is handed: the prepared panels as blocks, the words of the text, colours and captions.

Labels, titles, limits, colours and captions are those of the prepared form; nothing is decided here but how the numbers
are packed. Places in the text are cut here, in code points, so that the script never counts UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attnviz.analysis.comparison import Comparison, Name
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError
from attnviz.i18n.messages import Message, message, toy_name
from attnviz.views.page.payload import EXACT_UP_TO, LEAST_STEPS, encode, encode_mask, pack, pool, small
from attnviz.views.page.sentences import in_each, sentences
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.color_scale import Scale, ink_on, spread_scale
from attnviz.views.prepared.comparison import prepare_comparison, title_of
from attnviz.views.prepared.heads import MOST_HEADS, head_title
from attnviz.views.prepared.labels import visible
from attnviz.views.prepared.panels import Panel, Prepared
from attnviz.views.prepared.refine import AS_IS, Refining

LARGEST_PAGE = 200_000_000

Words = dict[str, str]


@dataclass(frozen=True)
class Document:
    """The page's data: one JSON value, and the blocks that it names by their place, as text."""

    head: dict[str, Any]
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class _Axes:
    """How panels are chosen: by layer (or setting), then head, then side; the panels are in that order.

    titles: a name for each layer and head together. sides: the two texts and the change, or one that has no name.
    """

    layers: list[Words]
    heads: list[Words]
    sides: Sequence[Words | None]
    titles: list[Words]
    start: tuple[int, int]


def of_attention(attention: Attention, digits: int, refining: Refining = AS_IS) -> Document:
    """All layers and heads, and the mean of the heads where there are several.

    The page opens where a table would: at the last layer, at the first of up to 4 heads, else at their mean.
    """
    form = _form(attention, digits, refining)
    panels = list(form.panels)
    names: list[int | str] = list(attention.heads)
    if len(names) > 1:
        means = _form(attention.mean(), digits, refining)
        panels = _interleave(panels, list(means.panels), len(names))
        names.append("mean")
    axes = _Axes(
        layers=[in_each(_named(layer)) for layer in attention.layers],
        heads=[in_each(_named(name)) for name in names],
        sides=[None],
        titles=_titles(attention, names, panels),
        start=(len(attention.layers) - 1, len(names) - 1 if len(attention.heads) > MOST_HEADS else 0),
    )
    texts = [_text(attention.source, attention.query)]
    kept = form.panels[0].numbers  # of the keys, where sinks are hidden
    if attention.is_cross or kept is not None:
        keys = attention.key if kept is None else tuple(attention.key[i] for i in kept)
        texts.append(_text(attention.key_source if attention.is_cross else attention.source, keys))
    head = {
        "kind": "attention",
        "texts": texts,
        "rowTexts": [0],
        "columnText": 1 if len(texts) > 1 else None,
        "captions": [_said(form.caption)],
        "notes": [_said((*form.notes, *attention.notes))],
    }
    return _document(head, form, panels, axes, refining)


def _form(attention: Attention, digits: int, refining: Refining) -> Prepared:
    """What is drawn of the weights; the page itself spreads their colours, as its reader chooses."""
    forms = prepare(attention, medium="picture", digits=digits)
    return replace(refining, scale="global").apply(forms, attention)[0]


def of_comparison(comparison: Comparison, head: str | None, digits: int, refining: Refining = AS_IS) -> Document:
    """Every setting and head, A, B and B - A, and the mean of the heads where there are several."""
    forms = prepare_comparison(comparison, head=head or "all", medium="picture", digits=digits)
    run = comparison.runs[0]
    names: list[int | str] = ["mean" if i is None else run.heads[i] for i in run.choose(head or "all")]
    panels = [panel for form in forms for panel in form.panels]
    if head is None and len(names) > 1:
        means = prepare_comparison(comparison, head="mean", medium="picture", digits=digits)
        panels = _interleave(panels, [panel for form in means for panel in form.panels], len(names), sides=3)
        names.append("mean")
    settings = [_title(form.heading) for form in forms]
    axes = _Axes(
        layers=settings,
        heads=[in_each(_named(name)) for name in names],
        sides=[
            *(in_each(title_of(_one_line(title), "picture")) for title in comparison.titles),
            in_each(message("change")),
        ],
        titles=[_head_of_setting(setting, name, len(names)) for setting in settings for name in names],
        start=(len(forms) - 1, len(names) - 1),
    )
    texts = [_text(comparison.text_a, comparison.tokens), _text(comparison.text_b, comparison.tokens_b)]
    notes = [(*form.notes, *comparison.notes) for form in forms]
    if comparison.keys is not None:
        texts.append(_text(None, comparison.keys))
    document = {
        "kind": "comparison",
        "texts": texts,
        "rowTexts": [0, 1, 0],
        "columnText": None if comparison.keys is None else 2,
        "captions": [_said(form.caption) for form in forms],
        "notes": [_said(each) for each in notes],
    }
    return _document(document, forms[0], panels, axes, refining)


def _document(head: dict[str, Any], form: Prepared, panels: list[Panel], axes: _Axes, refining: Refining) -> Document:
    exact = sum(panel.values.size for panel in panels) <= EXACT_UP_TO
    blocks: list[str] = []
    sheets = []
    for panel in panels:
        block = encode(panel.values, exact=exact, looking=_looking(panel))
        blocks.append(block.text)
        sheets.append({"kind": block.kind, "reach": float(np.abs(panel.values).max(initial=0))})
        _check_size(blocks, len(panels))
    for sheet, mask in zip(sheets, _masks(panels, blocks), strict=True):
        sheet["mask"] = mask
    maps = [small(panel.values, panel.forbidden, signed=panel.scale.diverging) for panel in panels]
    blocks.append(pack(b"".join(each.tobytes() for each in maps)))
    scales = list(dict.fromkeys(panel.scale for panel in panels[: len(axes.sides)]))
    rows, columns = panels[0].rows, panels[0].columns
    return Document(
        head
        | {
            "precision": "exact" if exact else "rounded",
            "digits": form.digits,
            "rows": list(rows),
            "columns": list(columns),
            "axes": in_each(message("who looks ↓   at whom →")),
            "layers": axes.layers,
            "heads": axes.heads,
            "sides": axes.sides,
            "titles": axes.titles,
            "start": list(axes.start),
            "scales": [_scale(_by_ratio(scale, panels, exact=exact)) for scale in scales],
            "spread": refining.scale,
            "scaleOfSide": [scales.index(panel.scale) for panel in panels[: len(axes.sides)]],
            "sheets": sheets,
            "small": {
                "block": len(blocks) - 1,
                "rows": maps[0].shape[0],
                "columns": maps[0].shape[1],
                "step": max(pool(len(rows)), pool(len(columns))),
            },
            "sentences": sentences(),
        },
        tuple(blocks),
    )


def _looking(panel: Panel) -> int | None:
    """How many rows may look at anything: the mean of a column is over these."""
    return None if panel.forbidden is None else int((~panel.forbidden).any(axis=1).sum())


def _check_size(blocks: list[str], panels: int) -> None:
    size = sum(map(len, blocks))
    if size > LARGEST_PAGE:
        raise InputError(
            "The page would be larger than {most} MB: it would hold {panels} tables of weights, and {fitting} fill it.",
            hint="Choose some with --layer and --head, give a shorter text, or save as .npz.",
            most=LARGEST_PAGE // 10**6,
            panels=panels,
            fitting=len(blocks),
        )


def _masks(panels: list[Panel], blocks: list[str]) -> list[int]:
    """The block of each panel's forbidden cells, -1 where it has none; the same cells share a block."""
    known: dict[bytes, int] = {}
    places = []
    for panel in panels:
        if panel.forbidden is None:
            places.append(-1)
            continue
        content = np.packbits(panel.forbidden).tobytes()
        if content not in known:
            known[content] = len(blocks)
            blocks.append(encode_mask(panel.forbidden))
        places.append(known[content])
    return places


def _interleave(panels: list[Panel], means: list[Panel], heads: int, sides: int = 1) -> list[Panel]:
    """After each layer's heads, their mean."""
    found = []
    for i in range(len(means) // sides):
        found += panels[i * heads * sides : (i + 1) * heads * sides] + means[i * sides : (i + 1) * sides]
    return found


def _by_ratio(scale: Scale, panels: list[Panel], *, exact: bool) -> Scale:
    """The scale with the floor that it has by ratio: no lower than rounded numbers tell apart."""
    found = spread_scale(scale, "log", [panel.values for panel in panels if panel.scale == scale])
    return found if exact else replace(found, floor=max(found.floor, scale.high / LEAST_STEPS))


def _scale(scale: Scale) -> dict[str, Any]:
    """The ends of a scale and its floor by ratio, its 256 colours as hexadecimal digits, each with its ink."""
    palette = scale.palette()
    return {
        "low": scale.low,
        "high": scale.high,
        "floor": scale.floor,
        "diverging": scale.diverging,
        "colours": "".join(f"{r:02x}{g:02x}{b:02x}" for r, g, b in palette),
        "ink": "".join("0" if ink_on(color) == (0, 0, 0) else "1" for color in palette),
    }


def _titles(attention: Attention, names: list[int | str], panels: list[Panel]) -> list[Words]:
    """What each sheet is called: its layer and head, and what stands below it elsewhere."""
    called = (head_title(attention, layer, name) for layer in attention.layers for name in names)
    return [
        _title(title if panel.caption is None else message("{title} · {words}", title=title, words=panel.caption))
        for title, panel in zip(called, panels, strict=True)
    ]


def _named(name: int | str) -> Message:
    return message("mean") if name == "mean" else message("{text}", text=toy_name(name))


def _head_of_setting(setting: Words, name: int | str, count: int) -> Words:
    if count == 1:
        return setting
    head = message("mean of the heads") if name == "mean" else message("head {head}", head=_named(name))
    named = in_each(head)
    return {language: f"{setting[language]}, {named[language]}" for language in setting}


def _title(words: Message | None) -> Words:
    return in_each(message("") if words is None else words)


def _said(words: Iterable[Message]) -> list[Words]:
    return [in_each(each) for each in words]


def _text(source: str | None, tokens: tuple[Token, ...]) -> dict[str, Any]:
    """The text in reading order: for each word its place on the axis, and what stands between it and the one before.

    Without a source the words stand in a row; without places in it, with spaces between them.
    """
    if any(token.start is None or token.end is None for token in tokens):
        return {"words": list(range(len(tokens))), "gaps": [""] + [" "] * (len(tokens) - 1), "tail": ""}
    source = " " * max(token.end or 0 for token in tokens) if source is None else source
    order = sorted(range(len(tokens)), key=lambda i: (tokens[i].start or 0, i))
    gaps, last = [], 0
    for i in order:
        start, end = tokens[i].start or 0, tokens[i].end or 0
        gaps.append(_between(source[last:start]))
        last = max(last, end)
    return {"words": order, "gaps": gaps, "tail": _between(source[last:])}


def _between(text: str) -> str:
    """White space and words that are no tokens, harmless; lines stay lines."""
    return "\n".join(visible(line.replace("\t", "    "), "picture") for line in text.splitlines()) + (
        "\n" if text.endswith(("\n", "\r")) else ""
    )


def _one_line(name: Name) -> Name:
    """A text or a name without its line ends."""
    if isinstance(name, str):
        return " ".join(name.split())
    return replace(name, fields={key: _one_line(value) for key, value in name.fields.items()})
