"""Two sides that read one text, cell by cell: two models, two layers of one, or two heads.

Where the two cut the text into the same tokens, each token meets itself. Where they do not, tokens are joined to the
smallest pieces that both cuts have, as neighbours are joined to words: attention is added over keys and averaged over
queries. What one side lacks (a special token, a cell that its mask forbids) is left out of both; rows then sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from attnviz.analysis.comparison import GIVEN, Comparison, Difference, Name, Run, SecondSide, text_of
from attnviz.analysis.order_blindness import rounding
from attnviz.core.attention_data import Attention, Token
from attnviz.core.errors import InputError, OptionError
from attnviz.core.reductions import divide_rows
from attnviz.core.token import SINK
from attnviz.core.types import Booleans, Float32
from attnviz.i18n.messages import Message, message, toy_name
from attnviz.text.common_pieces import CommonCut, GroupedTokens, common_pieces
from attnviz.text.merge_pieces import join_groups

Choice = int | str


def compare_sides(a: Attention, b: Attention, heads: Sequence[tuple[Choice, Choice]]) -> Comparison:
    """Compare two attentions of one text, of one layer each; heads: the pairs that are compared.

    A head is a number, a name or "mean". Raises InputError where the two have nothing in common: other texts, a
    self-attention and a cross-attention, no piece of the text.
    """
    if a.is_cross != b.is_cross:
        raise InputError(
            "One of the two is cross-attention, and the other is not: they cannot be compared.",
            hint="Compare two with self-attention, or two with cross-attention.",
        )
    if (a.source, a.key_source) != (b.source, b.key_source):
        raise InputError(
            "The two models read different texts, “{a}” and “{b}”: they cannot be compared word by word.",
            a=_beginning(text_of(a)),
            b=_beginning(text_of(b)),
        )
    queries, keys = _cut(a.query, b.query, a.source), _cut(a.key, b.key, a.key_source if a.is_cross else a.source)
    for cut in (queries, keys):
        if not any(token.start is not None for token in cut.shared(0)):
            raise InputError("The two have no piece of the text in common that could be compared.")
    first, second = _joined(a, queries, keys, 0), _joined(b, queries, keys, 1)
    mask_a, mask_b = (_mask(one, queries, keys, side) for side, one in enumerate((first, second)))
    allowed = mask_a & mask_b
    masked = bool((mask_a != mask_b).any())
    hidden = _hidden_by_one(a, b)
    leaves = bool(hidden) or any(keys.alone(side) for side in (0, 1))
    sides = [
        np.stack([_weights(one.select(head=pair[side]), queries, keys, side, allowed) for pair in heads])
        for side, one in enumerate((first, second))
    ]
    if masked or leaves:
        sides = [divide_rows(one) for one in sides]
    forbidden = None if allowed.all() else ~allowed
    return Comparison(
        text_a=text_of(a),
        text_b=text_of(b),
        tokens=queries.shared(0),
        tokens_b=queries.shared(1),
        only_a=_alone(a, queries, keys, 0) + hidden.get(0, ()),
        only_b=_alone(b, queries, keys, 1) + hidden.get(1, ()),
        same_order=True,
        runs=(
            Run(
                position=GIVEN,
                mask=GIVEN,
                heads=tuple(x if x == y else f"{toy_name(x)} | {toy_name(y)}" for x, y in heads),
                a=sides[0],
                b=sides[1],
                forbidden_a=forbidden,
                forbidden_b=forbidden,
                outputs=None,
                rounding=rounding(a, b),
            ),
        ),
        keys=keys.shared(0) if a.is_cross or SINK in keys.shared(0) else None,
        renormalized=masked or leaves,
        layers=a.layers,
        provenance=replace(a.provenance, hidden=None) if hidden else a.provenance,
        hidden_b=None if hidden else b.provenance.hidden,
        differing=_differing(a, b, heads),
        notes=tuple(
            {str(note): note for note in (*a.notes, *b.notes, *_unknown_words(a, b), *_same(a, b, heads))}.values()
        ),
        names=_names(a, b, heads),
        second=SecondSide(b.provenance, b.layers, tuple(heads), queries.joined or keys.joined, masked),
    )


def pair_up(a: Sequence[Choice], b: Sequence[Choice], option: str) -> list[tuple[Choice, Choice]]:
    """Return layers or heads of two sides in pairs, in order; one alone goes with each of the other side.

    Raises OptionError where they do not pair up.
    """
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise OptionError(
            "{option}: {first} on one side and {second} on the other do not pair up.",
            hint="Give as many on both sides, or one alone.",
            option=option,
            first=len(a),
            second=len(b),
        )
    count = max(len(a), len(b))
    return list(zip(list(a) * (count // len(a)), list(b) * (count // len(b)), strict=True))


def _cut(a: tuple[Token, ...], b: tuple[Token, ...], source: str | None) -> CommonCut:
    """Return the pieces that are compared: the tokens themselves, where both sides have the same."""
    if [(one.text, one.start, one.end) for one in a] == [(one.text, one.start, one.end) for one in b]:
        each = [(i, i + 1) for i in range(len(a))]
        sides = (GroupedTokens(each, a), GroupedTokens(each, b))
        return CommonCut(sides, [(i, i) for i in range(len(a))], joined=False)
    return common_pieces(a, b, source)


def _joined(attention: Attention, queries: CommonCut, keys: CommonCut, side: int) -> Attention:
    """Return one side's attention over the groups of its tokens."""
    if not queries.joined and not keys.joined:
        return attention
    return join_groups(attention, queries.sides[side], keys.sides[side], "common")


def _mask(attention: Attention, queries: CommonCut, keys: CommonCut, side: int) -> Booleans:
    """Return which of the shared cells any head of the layer allows, [query, key]."""
    rows, columns = queries.indexes(side), keys.indexes(side)
    if attention.masks is None:
        return np.ones((len(rows), len(columns)), dtype=bool)
    allowed: Booleans = attention.masks[-1].any(axis=0)[np.ix_(rows, columns)]
    return allowed


def _weights(attention: Attention, queries: CommonCut, keys: CommonCut, side: int, allowed: Booleans) -> Float32:
    """Return the shared cells of the only head, [query, key]; 0 where they are not allowed."""
    rows, columns = queries.indexes(side), keys.indexes(side)
    shared: Float32 = np.where(allowed, attention.weights[-1, 0][np.ix_(rows, columns)], np.float32(0))
    return shared


def _alone(attention: Attention, queries: CommonCut, keys: CommonCut, side: int) -> tuple[str, ...]:
    """Return the texts of the tokens that only this side has, those of the keys where they are others."""
    asked = keys.alone(side)
    if not attention.is_cross:
        asked = [SINK.text] * (attention.has_sink and SINK.text in asked)
    return (*queries.alone(side), *asked)


def _hidden_by_one(a: Attention, b: Attention) -> dict[int, tuple[str, ...]]:
    """Return the pieces that each side hides, where the two do not hide the same ones; else nothing."""
    found = [() if one.provenance.hidden is None else one.provenance.hidden.pieces for one in (a, b)]
    return {} if set(found[0]) == set(found[1]) else dict(enumerate(found))


def _differing(a: Attention, b: Attention, heads: Sequence[tuple[Choice, Choice]]) -> tuple[Difference, ...]:
    """Return the settings in which the two differ, the layer and a single pair of heads among them."""
    first, second = a.provenance.to_settings(), b.provenance.to_settings()
    found = [
        Difference(name, one, other)
        for name, one in first.items()
        if isinstance(one, str | int | float)
        and isinstance(other := second.get(name), str | int | float)
        and one != other
    ]
    found += [Difference("layer", a.layers[0], b.layers[0])] * (a.layers != b.layers)
    return (*found, *(Difference("head", *pair) for pair in heads if len(heads) == 1 and pair[0] != pair[1]))


def _names(a: Attention, b: Attention, heads: Sequence[tuple[Choice, Choice]]) -> tuple[Name, Name]:
    """Return what the two are called: by model, layer and head, as far as they differ in it."""
    models = [_model_names(a, b), _model_names(b, a)]
    parts: list[list[Message]] = [[], []]
    for side, one in enumerate((a, b)):
        if models[0] != models[1]:
            parts[side].append(message("{text}", text=models[side]))
        if a.layers != b.layers:
            layer = one.layers[0]
            parts[side].append(
                message("mean of the layers") if layer == "mean" else message("layer {layer}", layer=layer)
            )
        if len(heads) == 1 and heads[0][0] != heads[0][1]:
            head = heads[0][side]
            parts[side].append(
                message("mean of the heads") if head == "mean" else message("head {head}", head=toy_name(head))
            )
    if not parts[0]:
        return message("the first"), message("the second")
    first, second = (side_name(each) for each in parts)
    return first, second


def side_name(parts: Sequence[Message]) -> Message:
    """Return the name of a side from what says which it is: its model or file, its layer, its head."""
    return reduce(lambda first, second: message("{first}, {second}", first=first, second=second), parts)


def _model_names(one: Attention, other: Attention) -> str:
    """Return a model's short name, or its reference where the other has the same short name."""
    model, beside = one.provenance.model, other.provenance.model
    if model is None:
        return ""
    if beside is not None and model.name == beside.name and model.reference is not None:
        return model.reference
    return model.name


def _beginning(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _unknown_words(a: Attention, b: Attention) -> tuple[Message, ...]:
    """Return for each of two models how many words it does not know, by its name."""
    found = []
    for side in (a,) if a.provenance == b.provenance else (a, b):
        model = side.provenance.model
        if model is not None and model.unknown_words is not None and model.unknown_words.unknown:
            known = model.unknown_words
            found.append(
                message(
                    "{name} does not know {unknown} of the {count} words; its weights at them say nothing.",
                    name=model.name,
                    unknown=known.unknown,
                    count=known.words,
                )
            )
    return tuple(found)


def _same(a: Attention, b: Attention, heads: Sequence[tuple[Choice, Choice]]) -> tuple[Message, ...]:
    """Return a note where both sides are one and the same."""
    if a.provenance != b.provenance or a.layers != b.layers or any(x != y for x, y in heads):
        return ()
    return (message("Both sides are the same model, layer and head: nothing can differ."),)
