"""What a report on heads looks like: a row for each head, and a map of layers x heads with names in its cells."""

from __future__ import annotations

import numpy as np

from attnviz.analysis.head_patterns import IDLE, PROBED, RESTING, pattern_words
from attnviz.analysis.heads import HeadReport, Heads
from attnviz.i18n.messages import Message, message, toy_name
from attnviz.views.prepared.caption import can_be_brief, describe_provenance, in_brief
from attnviz.views.prepared.color_scale import weight_scale
from attnviz.views.prepared.labels import Medium, visible
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import LAYER_AND_HEAD, Panel, Prepared, number
from attnviz.views.prepared.presentation import TERMINAL, Presentation

_DIGITS = 2

COLUMN_TITLES = {
    "contribution": message("adds"),
    "of_layer": message("of the layer"),
    "writes": message("activity"),
    "itself": message("itself"),
    "previous": message("previous"),
    "next": message("next"),
    "first": message("first"),
    "special": message("special"),
    "same_word": message("same word"),
    "punctuation": message("punctuation"),
    "same_sentence": message("same sentence"),
    "entropy": message("entropy"),
    "distance": message("distance"),
    "induction": message("induction"),
    "duplicate": message("duplicate"),
    "previous_token": message("previous token"),
    "likeness": message("like it"),
}
# The names in the cells of a map, as short as can be.
_SHORT = {
    "itself": message("self"),
    "previous": message("prev"),
    "next": message("next"),
    "first": message("first"),
    "special": message("spec"),
    "same_word": message("same"),
    "punctuation": message("punc"),
    "induction": message("ind"),
    "duplicate": message("dup"),
    "sink": message("rest"),
    "even": message("even"),
    "mixed": message("–"),
}
_WHAT = {
    "contribution": message("the length of what the head adds from each word, summed"),
    "of_layer": message("its part of what the layer's heads add"),
    "writes": message("how much it adds, 1 where its keys have values of the mean length"),
    "entropy": message("mean entropy of the rows, in bits"),
    "distance": message("mean distance to where it looks, in tokens"),
    "induction": message("induction score of the probe"),
    "duplicate": message("duplicate-token score of the probe"),
    "previous_token": message("previous-token score of the probe"),
    "likeness": message("likeness to the head that was asked for, 0 to 1"),
}
_ADDS = message("adds: mean of the sums of |weight × f(x)|, f(x) = (x W_v + b_v) W_o")
NO_NAME = message("–")


def head_label(layer: int | str, head: int | str) -> Message:
    """Return a head's short name, as L18H6; a head with a name of its own has it after the layer.

    >>> str(head_label(18, 6))
    'L18H6'
    """
    if isinstance(head, int):
        return message("L{layer}H{head}", layer=layer, head=head)
    return message("L{layer} {name}", layer=layer, name=toy_name(head))


def prepare_heads(
    heads: Heads, presentation: Presentation = TERMINAL, *, examples: bool = False, brief: bool = False
) -> Listing:
    """Return the report as a list: a row a head, its name, and its numbers by contribution / by weight.

    examples: also each head's strongest pair, as words. brief: with a first caption of one line.
    """
    brief = brief and can_be_brief(heads.provenance)
    digits = presentation.digits_or(_DIGITS)
    rows = heads.rows
    columns = [Column(message("name"), tuple(_name(row, digits) for row in rows))]
    if heads.known:
        sizes = [row.contribution or 0.0 for row in rows]
        largest = max(sizes, default=0.0) or 1.0
        texts = tuple(_with_spread(row, "contribution", digits) for row in rows)
        columns.append(Column(COLUMN_TITLES["contribution"], texts, tuple(size / largest for size in sizes)))
    further = [name for name in heads.columns if name not in ("contribution", "of_layer")]
    probes = [name for name in further if name in ("induction", "duplicate", "previous_token", "likeness")]
    columns += [_column(heads, name, digits) for name in (*probes, *(one for one in further if one not in probes))]
    if examples:
        columns.append(Column(message("strongest pair"), tuple(_example(row, presentation.medium) for row in rows)))
    labels = tuple(head_label(row.layer, row.head) for row in rows)
    notes, verdicts = _notes(heads, brief=brief)
    caption = in_brief(_first_caption(heads), heads.provenance) if brief else _caption(heads)
    return Listing(_heading(heads), labels, (tuple(columns),) if labels else (), caption, notes, verdicts)


def prepare_map(
    heads: Heads, presentation: Presentation = TERMINAL, color: str | None = None, *, brief: bool = False
) -> Prepared:
    """Return a map of layers x heads, coloured by one column, with each head's name in its cell.

    color: the column; that of the report where it is None. brief: with what the names mean as its caption.
    """
    brief = brief and can_be_brief(heads.provenance)
    column = color or heads.color
    values = heads.matrix(column)
    named = {(row.layer, row.head): _SHORT[row.character.pattern] for row in heads.rows}
    cells = tuple(tuple(named.get((layer, head), NO_NAME) for head in heads.heads) for layer in heads.layers)
    missing = np.isnan(values)
    shown = np.where(missing, 0, values)
    short = ("", "") if presentation.medium == "picture" else ("L", "H")  # a picture names its axes
    panel = Panel(
        None,
        shown,
        tuple(f"{short[0]}{layer}" for layer in heads.layers),
        tuple(
            f"{short[1]}{head}" if isinstance(head, int) else message("{name}", name=toy_name(head)).localized()
            for head in heads.heads
        ),
        weight_scale(shown),
        missing if missing.any() else None,
        cells=cells,
    )
    words = column_words(column)
    heading = message("heads by layer ↓   head →; colour: {what}", what=words)
    caption = in_brief(_legend(heads), heads.provenance) if brief else (*_legend(heads), *_map_caption(heads, column))
    digits, (notes, verdicts) = presentation.digits_or(_DIGITS), _notes(heads, brief=brief)
    return Prepared(
        "heads",
        (panel,),
        heading,
        caption,
        notes,
        digits,
        what=message("{heading}; colour: {what}", heading=_heading(heads), what=words),
        sides=LAYER_AND_HEAD,
        numbers=COLUMN_TITLES.get(column.removeprefix("weight_")),
        verdicts=verdicts,
    )


def column_words(column: str) -> Message:
    """Return what the numbers of a column are."""
    name = column.removeprefix("weight_")
    words = _WHAT.get(name) or message("share: {pattern}", pattern=COLUMN_TITLES[name])
    return words if name == column else message("{what}, by weight", what=words)


def _heading(heads: Heads) -> Message:
    count = len(heads.layers) * len(heads.heads)
    if len(heads.rows) < count:
        return message("what heads do: {shown} of {count}", shown=len(heads.rows), count=count)
    return message("what heads do")


def _name(row: HeadReport, digits: int) -> Message:
    words, share = pattern_words(row.character.pattern), row.character.share
    if share is None:
        return words
    return message("{pattern} {share}", pattern=words, share=number(share, digits))


def _column(heads: Heads, name: str, digits: int) -> Column:
    title = COLUMN_TITLES[name]
    return Column(title, tuple(_cell(row, name, digits, both=heads.known) for row in heads.rows))


def _cell(row: HeadReport, name: str, digits: int, *, both: bool) -> str:
    """Return a number; of a measure by contribution and, after a stroke, by weight."""
    value = row.value(name)
    if value is None:
        return "–"
    text = _with_spread(row, name, digits)
    beside = row.by_weight.get(name) if both and name in row.by_contribution else None
    return text if beside is None else f"{text}/{number(beside, digits)}"


def _with_spread(row: HeadReport, name: str, digits: int) -> str:
    spread = row.spread.get(name)
    text = number(row.value(name) or 0.0, digits)
    return text if spread is None else f"{text}±{number(spread, digits)}"


def _example(row: HeadReport, medium: Medium) -> str:
    if row.example is None:
        return "–"
    return f"{visible(row.example.query, medium)} → {visible(row.example.key, medium)}"


def _legend(heads: Heads) -> tuple[Message, ...]:
    """Return what the short names mean, of those that occur."""
    there = {row.character.pattern for row in heads.rows}
    return tuple(
        message("{short}: {pattern}", short=short, pattern=pattern_words(name))
        for name, short in _SHORT.items()
        if name in there
    )


def _first_caption(heads: Heads) -> tuple[Message, ...]:
    """Return what the two numbers of a cell are, and what else is in the cells."""
    parts = [
        message("a/b: by what the head adds / by weight alone")
        if heads.known
        else message("by weight alone: values are not known")
    ]
    if heads.texts > 1:
        parts.append(message("means of {count} texts, ± standard deviation", count=heads.texts))
    if heads.like is not None:
        parts.append(message("like it: 1 where it looks as {head} does", head=head_label(*heads.like)))
    return tuple(parts)


def _caption(heads: Heads) -> tuple[Message, ...]:
    parts = [
        message("shares by what the head adds / by weight alone; names by what it adds")
        if heads.known
        else message("by weight alone: values are not known")
    ]
    if heads.known:
        parts.append(_ADDS)
        parts.append(message("activity: 1 where its keys have values of the mean length"))
    if heads.texts > 1:
        parts.append(message("means of {count} texts, ± standard deviation", count=heads.texts))
    return (*parts, *_of_probes(heads))


def _map_caption(heads: Heads, column: str) -> tuple[Message, ...]:
    """Return what the names and colours of a map are: it has none of the report's other numbers."""
    parts = [message("names by contribution") if heads.known else message("by weight alone: values are not known")]
    if heads.known and column == "contribution":
        parts.append(_ADDS)
    if heads.texts > 1:
        parts.append(message("means of {count} texts", count=heads.texts))
    return (*parts, *_of_probes(heads))


def _of_probes(heads: Heads) -> tuple[Message, ...]:
    """Return what further columns are measured on, and where the numbers come from."""
    parts = []
    if heads.probe_tokens is not None:
        parts.append(message("probe: {count} random tokens, twice", count=heads.probe_tokens))
    if heads.like is not None:
        parts.append(message("like it: 1 - Jensen-Shannon divergence from {head}", head=head_label(*heads.like)))
    return (*parts, *describe_provenance(heads.provenance, heads.heads, layers=heads.layers))


def _first_verdict(idle: int) -> Message:
    """Say how many heads rest."""
    if idle == 1:
        return message("1 head rests: it looks at the first word or special tokens, and adds little.")
    return message("{count} heads rest: they look at the first word or special tokens, and add little.", count=idle)


def _notes(heads: Heads, *, brief: bool) -> tuple[tuple[Message, ...], int]:
    """Return the notes, and how many of them say what came out: how many heads rest; brief: without the thresholds."""
    idle = sum(row.character.pattern == "sink" for row in heads.rows)
    notes = []
    if brief:
        if idle:
            notes.append(_first_verdict(idle))
        return tuple(notes), len(notes)
    if idle:
        fields = {"count": idle, "resting": number(RESTING, 2), "idle": number(IDLE, 2)}
        notes.append(
            message(
                "1 head rests and adds little: at least {resting} of its weight is on the first word or special "
                "tokens, and its activity is below {idle}.",
                **fields,
            )
            if idle == 1
            else message(
                "{count} heads rest and add little: at least {resting} of their weight is on the first word or "
                "special tokens, and their activity is below {idle}.",
                **fields,
            )
        )
    if heads.probe_tokens is not None:
        notes.append(
            message(
                "The probe read random tokens twice over; a score of at least {least} gives the name (Olsson et al. "
                "2022).",
                least=number(PROBED, 2),
            )
        )
    return tuple(notes), min(idle, 1)
