"""Two attentions and their difference as prepared forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.comparison import GIVEN, Comparison, Difference, Name, Run, SecondSide
from attnviz.core.masks import mask_words
from attnviz.core.positions import scheme_words
from attnviz.i18n.decimals import LocalDecimal
from attnviz.i18n.messages import Message, listed, message
from attnviz.views.prepared.attention import labels
from attnviz.views.prepared.caption import SHORT, can_be_brief, describe_provenance, in_brief, setting_words
from attnviz.views.prepared.color_scale import signed_scale, weight_scale
from attnviz.views.prepared.cut_characters import describe_cut_characters
from attnviz.views.prepared.heads import head_name, layer_name
from attnviz.views.prepared.labels import Medium, visible
from attnviz.views.prepared.model_words import hidden_share, mean_of_layers, unknown_words
from attnviz.views.prepared.panels import QUERY_AND_KEY, Panel, Prepared, subject_of
from attnviz.views.prepared.presentation import DIGITS, TERMINAL, Presentation

_ORDER = message("in the first text's order")


def prepare_comparison(
    comparison: Comparison, *, head: str | None = None, presentation: Presentation = TERMINAL, brief: bool = False
) -> tuple[Prepared, ...]:
    """Return A, B and B - A for each run, in A's order, on one scale.

    head: one head; None is the mean of the heads, "all" each of them. brief: with a first caption of one line.
    """
    piece = comparison.provenance.unknown
    rows = labels(comparison.tokens, presentation.medium, piece)
    columns = labels(comparison.keys or comparison.tokens, presentation.medium, piece)
    texts = tuple(title_of(text, presentation.medium) for text in comparison.titles)
    matrices = [[_matrices(run, index) for index in run.choose(head)] for run in comparison.runs]
    weights = weight_scale(np.array([each[:2] for run in matrices for each in run]))
    changes = signed_scale(np.array([each[2] for run in matrices for each in run]))
    cross = comparison.keys is not None
    masks = len({run.mask for run in comparison.runs}) > 1
    forms = []
    for run, found, verdict in zip(comparison.runs, matrices, comparison.verdicts(head), strict=True):
        panels: list[Panel] = []
        for index, (a, b, change) in zip(run.choose(head), found, strict=True):
            first, second, changed = _run_titles(comparison, run, index, texts)
            group = _group(comparison, run, index, masks=masks)
            panels.append(
                Panel(first, a, rows, columns, weights, run.forbidden_a, cross=cross, short=texts[0], group=group)
            )
            panels.append(
                Panel(second, b, rows, columns, weights, run.forbidden_b, cross=cross, short=texts[1], group=group)
            )
            panels.append(
                Panel(
                    changed,
                    change,
                    rows,
                    columns,
                    changes,
                    _both(run),
                    plus=True,
                    cross=cross,
                    short=message("change"),
                    group=group,
                )
            )
        shown = _shown_heads(run, head)
        if brief and can_be_brief(comparison.provenance):
            caption = _brief_caption(comparison, run, shown, masks=masks)
        else:
            caption = (*_describe_comparison(comparison, shown, masks=masks), _rounding(run))
        heading = _run_heading(comparison, run, masks=masks)
        lines = tuple(_line_of_grid(comparison, run, index, masks=masks) for index in run.choose(head))
        apart = comparison.apart(run, head)
        unknown = () if comparison.second is not None else unknown_words(comparison.provenance)
        cut = describe_cut_characters(comparison.tokens) or describe_cut_characters(comparison.keys or ())
        notes = (verdict, *(() if apart is None else (apart,)), *unknown, *cut)
        forms.append(
            Prepared(
                "comparison",
                tuple(panels),
                heading,
                caption,
                notes,
                presentation.digits_or(DIGITS),
                3,
                (lines, (*texts, message("change"))),
                subject=_subject(comparison, texts),
                what=message("attention weights, and what changes"),
                sides=QUERY_AND_KEY,
                cell_digits=presentation.cell_digits,
                verdicts=1 if apart is None else 2,
            )
        )
    return tuple(forms)


def _subject(comparison: Comparison, texts: tuple[Message, ...]) -> Message:
    """Return what a picture is of: the two texts or names; where one text has two sides, that text."""
    if comparison.second is not None:
        return subject_of(comparison.text_a)
    return subject_of(*(text.localized() for text in texts))


def title_of(name: Name, medium: Medium = "terminal") -> Message:
    """Return the title of one side of a comparison: its text or its name, harmless."""
    if isinstance(name, str):
        return message("{text}", text=visible(name, medium))

    def shown(value: object) -> object:
        if isinstance(value, str):
            return visible(value, medium)
        return title_of(value, medium) if isinstance(value, Message) else value

    return replace(name, fields={key: shown(value) for key, value in name.fields.items()})


def _rounding(run: Run) -> Message:
    """Say up to what size a change counts as none."""
    size = LocalDecimal(f"{run.threshold:.1g}")
    if run.changed is None:  # the sentence above says how much rounding may change
        return message("differences up to {threshold} are shown as 0", threshold=size)
    if run.position == GIVEN:
        return message("changes up to {threshold} count as none", threshold=size)
    return message("differences up to {threshold} are rounding errors", threshold=size)


def _brief_caption(
    comparison: Comparison, run: Run, heads: tuple[int | str, ...], *, masks: bool
) -> tuple[Message, ...]:
    """Return a first caption: which layer and mean are shown, what is left out, and in what order words stand."""
    provenance, second = comparison.provenance, comparison.second
    left_out = [] if provenance.hidden is None else [*provenance.hidden.pieces]
    left_out += [] if comparison.hidden_b is None else comparison.hidden_b.pieces
    left_out += [] if second is None else [*comparison.only_a, *comparison.only_b]
    parts: list[Message] = []
    if provenance.model is not None and second is None:
        averaged = comparison.layers == ("mean",)
        all_layers = mean_of_layers(provenance.mean_layers, provenance.layers)
        parts.append(all_layers if averaged else layer_name(comparison.layers[0]))
    if provenance.model is not None and heads == ("mean",):
        count = message("mean of {count} heads", count=provenance.heads)
        parts.append(count if second is None else message("mean of the heads"))
    if left_out:
        pieces = listed(visible(one) for one in dict.fromkeys(left_out))
        parts.append(message("left out: {pieces}", pieces=pieces))
    elif second is not None and second.masked:
        parts.append(message("cells that a mask forbids in one of the two left out"))
    elif not comparison.same_order:
        parts.append(_ORDER)
    told = (*parts, *(() if parts else (_rounding(run),)), message("-v: how it was computed"))
    changed = {"position", *(("mask",) if masks else ())}
    return (*in_brief((), provenance, heads, comparison.layers, without=changed)[:-1], *told)


def _describe_comparison(comparison: Comparison, heads: tuple[int | str, ...], *, masks: bool) -> tuple[Message, ...]:
    """Describe how the runs were computed, but for what each heading says: positions and, with `masks`, masks."""
    if comparison.second is not None:
        return _describe_sides(comparison, comparison.second, heads)
    given = any(run.position == GIVEN for run in comparison.runs)
    apart = {"mask"} if masks else set()
    words = describe_provenance(comparison.provenance, heads, position=given, layers=comparison.layers, without=apart)
    told = comparison.layers == (0,) or (comparison.layers == ("mean",) and comparison.provenance.mean_layers)
    if given and comparison.provenance.model is None and not told:
        words += (layer_name(comparison.layers[0]),)
    words += tuple(map(_difference, comparison.differing or ()))
    words += () if comparison.same_order else (_ORDER,)
    hidden = comparison.provenance.hidden
    if comparison.provenance.partial:
        words += (message("rows may sum to less than 1, since some keys are not here"),)
    if hidden is None:
        return words
    pieces = listed(hidden.pieces)
    if comparison.hidden_b is None:
        return (*words, message("{pieces} not shown", pieces=pieces))
    a = hidden_share(hidden, comparison.layers, heads)
    b = hidden_share(comparison.hidden_b, comparison.layers, heads)
    return (*words, message("{a} and {b} of the weight, not shown, went to {pieces}", a=a, b=b, pieces=pieces))


def _describe_sides(comparison: Comparison, second: SecondSide, shown: tuple[int | str, ...]) -> tuple[Message, ...]:
    """Describe both sides, how their tokens were matched, and what was left out."""
    named = {f"{a} | {b}": (a, b) for a, b in second.heads if a != b}
    pairs = [named.get(str(one), (one, one)) for one in shown]
    every = [tuple(dict.fromkeys(heads)) for heads in zip(*pairs, strict=True)]
    sides = [
        describe_provenance(comparison.provenance, every[0], layers=comparison.layers),
        describe_provenance(second.provenance, every[1], layers=second.layers),
    ]
    if comparison.provenance == second.provenance and comparison.names is not None:
        sides = [tuple(part for part in side if part in sides[1 - i]) for i, side in enumerate(sides)]
        words = sides[0]
    else:
        words = tuple(message("{parts}", parts=listed(side)) for side in sides)
        words = (message("{a} | {b}", a=words[0], b=words[1]),)
    if second.joined:
        words += (
            message(
                "tokens joined to the smallest pieces that both have; attention added over keys, averaged over queries"
            ),
        )
    alone = tuple(dict.fromkeys((*comparison.only_a, *comparison.only_b)))
    if alone:
        words += (message("left out: {pieces}", pieces=listed(visible(one) for one in alone)),)
    if second.masked:
        words += (message("cells that a mask forbids in one of the two left out"),)
    if comparison.renormalized:
        words += (message("each row re-normalized"),)
    hidden, hidden_b = comparison.provenance.hidden, comparison.hidden_b
    if hidden is not None and hidden_b is not None:
        a, b = hidden_share(hidden, comparison.layers, every[0]), hidden_share(hidden_b, second.layers, every[1])
        pieces = listed(dict.fromkeys((*hidden.pieces, *hidden_b.pieces)))
        words += (message("{a} and {b} of the weight, not shown, went to {pieces}", a=a, b=b, pieces=pieces),)
    return words


def _difference(one: Difference) -> Message:
    """Describe a setting in which two attentions that were given differ."""
    if one.name in SHORT:
        return message("{a} | {b}", a=setting_words(one.name, one.a), b=setting_words(one.name, one.b))
    return message("{name}: {a} | {b}", name=one.name, a=visible(str(one.a)), b=visible(str(one.b)))


def _run_heading(comparison: Comparison, run: Run, *, masks: bool) -> Message:
    if comparison.second is not None:
        return message("one text on two sides")
    heading = _positions(run)
    return message("{positions}, {mask}", positions=heading, mask=mask_words(run.mask)) if masks else heading


def _group(comparison: Comparison, run: Run, index: int | None, *, masks: bool) -> Message:
    """Return what the three matrices of a setting, and of a head among several, share."""
    heading = _run_heading(comparison, run, masks=masks)
    if index is None or run.heads in ((0,), ("mean",)) or _is_named(comparison, run):
        return heading
    return message("{title}, {head}", title=heading, head=head_name(run.heads[index]))


def _line_of_grid(comparison: Comparison, run: Run, index: int | None, *, masks: bool) -> Message:
    """Return what a line of three small maps is of: the setting and the head, the head alone where all else is one."""
    group = _group(comparison, run, index, masks=masks)
    if index is None or len(comparison.runs) > 1 or group == _run_heading(comparison, run, masks=masks):
        return group
    return head_name(run.heads[index])


def _positions(run: Run) -> Message:
    if run.position == GIVEN:
        return message("the weights as given")
    if run.position == "own":
        return message("with the model's own positions")
    if run.position == "none":
        return message("without positions")
    return message("with {positions}", positions=scheme_words(run.position))


def _matrices(run: Run, index: int | None) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return A, B and the change of one head, or of the mean of the heads; rounding is no change, and has no colour."""
    a, b = run.matrices(index)
    change = b - a
    return a, b, np.where(np.abs(change) <= run.threshold, np.float32(0), change)


def _both(run: Run) -> NDArray[np.bool_] | None:
    """Return the cells that the mask forbids in both texts, bool [query, key]; None where a text has no mask."""
    if run.forbidden_a is None or run.forbidden_b is None:
        return None
    return run.forbidden_a & run.forbidden_b


def _run_titles(comparison: Comparison, run: Run, index: int | None, texts: tuple[Message, ...]) -> tuple[Message, ...]:
    titles = (*texts, message("change"))
    if index is None or run.heads in ((0,), ("mean",)) or _is_named(comparison, run):
        return titles
    return tuple(message("{title}, {head}", title=title, head=head_name(run.heads[index])) for title in titles)


def _is_named(comparison: Comparison, run: Run) -> bool:
    """Return whether the names of the two sides say which head is compared with which."""
    pairs = () if comparison.second is None else comparison.second.heads
    return len(run.heads) == len(pairs) == 1 and pairs[0][0] != pairs[0][1]


def _shown_heads(run: Run, head: str | None) -> tuple[int | str, ...]:
    return tuple("mean" if index is None else run.heads[index] for index in run.choose(head))
