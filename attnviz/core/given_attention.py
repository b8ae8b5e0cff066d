"""Weights, tokens, masks and names from elsewhere, read and checked together: the parts of an Attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.errors import InputError, OptionError, ShapeError
from attnviz.core.foreign_arrays import CheckedWeights, as_mask, check_given
from attnviz.core.given_tokens import GivenTokens, names_expected, padding_places, read_tokens
from attnviz.core.misgiven_arrays import misgiven
from attnviz.core.padding import allowed_without_padding, kept_places, without_padding
from attnviz.core.provenance import GivenOrigin, Provenance, RowPrecision
from attnviz.core.token import Token
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.core.weight_forms import GivenStack, dense_needed, read_stack
from attnviz.i18n.messages import Message, message


class GivenParts(NamedTuple):
    """The fields of an Attention that was computed elsewhere, under their names there."""

    query: tuple[Token, ...]
    key: tuple[Token, ...]
    weights: Float32
    allowed: Booleans | None
    layers: tuple[int | str, ...]
    heads: tuple[int | str, ...]
    source: str | None
    key_source: str | None
    provenance: Provenance
    notes: tuple[Message, ...]


def read_parts(
    weights: Any,
    tokens: Any,
    *,
    keys: Any = None,
    allowed: Any = None,
    mask: Any = None,
    key_mask: Any = None,
    layers: Sequence[int | str] | None = None,
    heads: Sequence[int | str] | None = None,
    batch: int | None = None,
    attention: str = "auto",
    normalize: bool = False,
    partial: bool = False,
    accepted: RowPrecision | None = None,
    text: str | Sequence[str] | None = None,
    tokenizer: Any = None,
    special_tokens_mask: Any = None,
) -> GivenParts:
    """Read and check everything that `Attention.from_arrays` is given; see there.

    weights, tokens and keys may be read already, a GivenStack and GivenTokens. accepted: what explained the sums of the
    rows when they were first read, see row_sums.judge_sums.
    """
    check_row_options(normalize, partial)
    cross = keys is not None
    stack = weights if isinstance(weights, GivenStack) else read_stack(weights, batch, attention=attention, cross=cross)
    queries, columns = stack.weights.shape[-2:]
    earlier = stack.written is not None and not cross and columns > queries
    if not cross and not earlier and queries != columns:
        raise misgiven(stack.weights, alone=True) or dense_needed(queries, columns)
    named = _read(tokens, text, tokenizer, special_tokens_mask, stack.text)
    asked = _read(keys, None, tokenizer, None, stack.text) if cross else None
    mask = named.mask if mask is None and named is not None else mask
    key_mask = asked.mask if key_mask is None and asked is not None else key_mask
    kept, key_kept = _kept(mask, key_mask, stack, cross=cross)
    padded = stack.padded if mask is None else 0
    limits = stack.allowed if allowed is None else as_mask(allowed)
    try:
        given = check_given(
            without_padding(stack.weights, kept, key_kept),
            None if limits is None else allowed_without_padding(limits, stack.weights.shape, kept, key_kept),
            stack.layers if layers is None else _layer_names(layers, stack),
            heads,
            grid=stack.grid,
            accepted=accepted,
            normalize=normalize,
            partial=partial,
        )
    except InputError as error:
        if padded:
            raise _padding(padded) from None
        raise misgiven(without_padding(stack.weights, kept, key_kept)) or error from None
    notes = list(stack.notes)
    if padded:
        notes.append(_padding(padded).message)
    rows = key_kept if earlier else kept
    query = _fit(named, rows, columns if earlier else queries, "x", stack, notes)
    key = query
    if asked is not None or (cross and keys is None):
        key = _fit(asked, key_kept, columns, "y", stack, notes)
    if earlier:  # the first tokens were read before: they are keys alone
        query = GivenTokens(query.tokens[-queries:], query.source)
    if given.rows.normalized:
        notes.append(message("Rows that did not sum to 1 were divided by their sums."))
    return GivenParts(
        query=query.tokens,
        key=query.tokens if key is query else key.tokens,
        weights=given.rows.weights,
        allowed=given.allowed,
        layers=given.layers,
        heads=given.heads,
        source=query.source,
        key_source=None if key is query else key.source,
        provenance=_provenance(given, stack, next((side.unknown for side in (named, asked) if side), None)),
        notes=tuple({str(note): note for note in notes}.values()),
    )


def check_row_options(normalize: Any, partial: Any) -> None:
    """Raise OptionError unless both are true or false, and not both true: that would be two answers to one question."""
    for name, flag in (("normalize", normalize), ("partial", partial)):
        if not isinstance(flag, bool | np.bool_):
            raise OptionError("{option} must be true or false, not {value!r}.", option=name, value=flag)
    if normalize and partial:
        raise OptionError(
            "normalize divides each row by its sum, and partial shows the rows as they are: choose one of them."
        )


def _padding(count: int) -> InputError:
    """Return the error for rows of padding that stand before what a model wrote."""
    return InputError(
        "The prompt begins with padding ({count} rows, the same everywhere): mask=inputs.attention_mask drops it.",
        count=count,
    )


def _provenance(given: CheckedWeights, stack: GivenStack, unknown: str | None) -> Provenance:
    rows = given.rows
    return Provenance(
        GivenOrigin(stack.depth, len(given.heads), unknown),
        normalized=rows.normalized,
        partial=rows.partial,
        precision=rows.precision,
    )


def _layer_names(layers: Sequence[int | str], stack: GivenStack) -> Sequence[int | str]:
    """Return the names of the layers that have attention, of names for all layers or for those alone."""
    if stack.layers is not None and len(layers) == stack.depth:
        return [layers[number] for number in stack.layers]
    return layers


def _kept(mask: Any, key_mask: Any, stack: GivenStack, *, cross: bool) -> tuple[Indexes, Indexes]:
    """Return the queries and the keys that are no padding."""
    queries, keys = stack.weights.shape[-2:]
    picked: dict[str, Any] = {"text": stack.text, "texts": stack.texts}
    written: dict[str, Any] = {"written": stack.written is not None}
    if not cross and key_mask is not None:
        of_keys = kept_places(key_mask, keys, name="key_mask", **picked, **written)
        if mask is not None and not np.array_equal(of_keys, kept_places(mask, keys, **picked, **written)):
            raise InputError("key_mask is for keys of another text; in self-attention mask serves both.")
        mask = key_mask
    if mask is None and key_mask is None:
        return np.arange(queries), np.arange(keys)
    if not cross:
        kept = kept_places(mask, keys, **picked, **written)
        return kept[kept >= keys - queries] - (keys - queries), kept
    rows = np.arange(queries) if mask is None else kept_places(mask, queries, **picked, **written)
    columns = np.arange(keys) if key_mask is None else kept_places(key_mask, keys, name="key_mask", **picked)
    return rows, columns


def _read(
    tokens: Any, text: str | Sequence[str] | None, tokenizer: Any, special: Any, batch: int
) -> GivenTokens | None:
    """Return tokens in any form; None where there are no names to read."""
    if isinstance(tokens, GivenTokens):
        return tokens
    if tokens is None and tokenizer is None:
        if text is not None:
            raise InputError("text tells where tokens stand: give the tokens too, or a tokenizer that cuts it.")
        return None
    if isinstance(tokens, Sequence) and not isinstance(tokens, str) and any(isinstance(one, Token) for one in tokens):
        if not all(isinstance(one, str | Token) for one in tokens):
            raise names_expected()
        made = tuple(one if isinstance(one, Token) else Token(one) for one in tokens)
        return GivenTokens(made, text if isinstance(text, str) else None)
    return read_tokens(tokens, text=text, tokenizer=tokenizer, special=special, batch=batch).numbered()


def _fit(
    named: GivenTokens | None, kept: Indexes, count: int, letter: str, stack: GivenStack, notes: list[Message]
) -> GivenTokens:
    """Return the tokens of the positions that are kept, of `count`; numbered ones where they have no names."""
    if named is None:
        notes.append(
            message("The weights have no token names: the tokens are numbered from {first}.", first=f"{letter}0")
        )
        return GivenTokens(tuple(Token(f"{letter}{i}") for i in range(len(kept))))
    notes.extend(named.notes)
    tokens = named.tokens
    if letter == "x" and stack.written is not None and len(tokens) == count + 1:
        tokens = tokens[:count]  # the last one was written, and read by nothing
    if len(tokens) == count:
        tokens = tuple(tokens[i] for i in kept)
    elif len(tokens) != len(kept):
        raise ShapeError(
            "The number of tokens ({names}) must be that of the rows or columns of weights ({count}).",
            hint="Padding and special tokens count too.",
            names=len(named.tokens),
            count=count,
        )
    padding = padding_places(tokens)
    if padding:
        notes.append(
            message(
                "{count} of {total} tokens are padding, {name}: mask=inputs.attention_mask drops them.",
                count=len(padding),
                total=len(tokens),
                name=tokens[padding[0]].text,
            )
        )
    return GivenTokens(tokens, named.source)
