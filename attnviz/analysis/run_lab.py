"""One text under many settings, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from attnviz.analysis.entropy import entropy
from attnviz.analysis.inputs import MOST_WORDS, Given, heads_shown
from attnviz.analysis.lab import VARIES, Axis, Cell, Lab, arrange_cells, check_map_count, read_axes, shown_axes
from attnviz.analysis.order_blindness import blind_to
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, OptionError
from attnviz.core.positions import SCHEMES
from attnviz.core.provenance import TOY_UNKNOWN
from attnviz.core.selection import spell_choice
from attnviz.i18n.messages import Message, listed, toy_name
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy import EMBEDDINGS
from attnviz.toy.attend import attend_to
from attnviz.toy.settings import Settings, change_settings, cuts_smaller
from attnviz.toy.word_vectors import Progress
from attnviz.toy.words import Words, open_word_files

MASKS = ("none", "causal", "window:1")
MOST_CELLS = 400
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "position": tuple(SCHEMES),
        "mask": MASKS,
        "projection": ("identity", "lexicon", "random"),
        "embedding": EMBEDDINGS,
        "tokens": tuple(TOKENIZERS),
    }
)


@check_arguments()
def lab(
    text: str | None = None,
    settings: Settings | None = None,
    *,
    vary: Sequence[str] = (),
    head: str | int | Iterable[str | int] | None = None,
    keys: str | None = None,
    vectors: str | Path | ArrayLike | None = None,
    labels: str | Sequence[str] | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Lab:
    """Compute one text under many settings: every position scheme with no mask, a causal one and a window of 1.

    vary: up to two of NAME=A,B,C for other axes (VARIES; of a closed list also NAME=all; a + in a mask stands for its
    comma). A position or a mask that is set does not vary by itself. head: which head is shown; None is the mean; of
    several, in a list or as "0,2-4" or "all", each has its own cells. The rest is as in run. A position scheme that
    cannot be for a setting is a cell that says why.
    Raises an AttnvizError for what cannot be, before anything is computed.

    Examples:
        >>> len(lab("猫吃鱼").cells)
        21
    """
    chosen = change_settings(Settings() if settings is None else settings, options)
    if vectors is not None:
        chosen = replace(chosen, embedding="vectors", tokens="given")
    wanted = spell_choice(head)
    axes = read_axes(vary, VARIES, CHOICES) or default_axes(chosen, cross=keys is not None)
    _check_axes(axes, fixed=vectors is not None)
    if vary:
        check_free(axes, chosen)
    settings_of = _combinations(axes, chosen)
    given = Given(text, keys, vectors, labels, open_word_files((text, keys), settings_of.values(), progress))
    made, notes = _cells(given, settings_of, wanted)
    attentions = [attention for _, attention in made if attention is not None]
    if not attentions:
        raise next(cell.problem for cells, _ in made for cell in cells if cell.problem is not None)
    heads = _names_of(attentions, wanted)
    check_map_count(len(made), len(heads))
    shown = shown_axes((), heads)
    mean = wanted in (None, "mean") and any(count != 1 for count in _counts(axes, chosen))
    return Lab(
        axes=(*shown, *axes),
        cells=arrange_cells(shown, [cells * (len(heads) // len(cells)) for cells, _ in made]),
        head="mean" if mean else heads[0] if len(heads) == 1 else None,
        provenance=attentions[0].provenance,
        notes=notes,
    )


def _counts(axes: tuple[Axis, ...], settings: Settings) -> tuple[int, ...]:
    """Return the numbers of heads that there are."""
    return next((axis.values for axis in axes if axis.name == "heads"), (settings.heads,))


def _names_of(attentions: Sequence[Attention], head: str | None) -> tuple[int | str, ...]:
    """Return the names of the heads that are shown of each setting, or their numbers where the names differ.

    Raises OptionError where `head` means other heads, or another number of them, under another setting.
    """
    shown = [heads_shown(attention, head).heads for attention in attentions]
    if len(set(shown)) == 1 or {len(names) for names in shown} == {1}:
        return shown[0]
    places = {
        tuple(attention.heads.index(name) for name in names) for attention, names in zip(attentions, shown, strict=True)
    }
    if len(places) == 1:
        return places.pop()
    first, other = shown[0], next(names for names in shown if names != shown[0])
    raise OptionError(
        "--head {head} names other heads under other settings: {first}, and {other}.",
        hint="Choose heads that every setting has, by their numbers, or leave --head out: the mean is shown.",
        head=head,
        first=listed(map(toy_name, first)),
        other=listed(map(toy_name, other)),
    )


def _combinations(axes: tuple[Axis, ...], settings: Settings) -> dict[tuple[Any, ...], Settings]:
    """Return the settings of each combination of the axes' values, the last axis running fastest."""
    names = [axis.name for axis in axes]
    return {
        values: replace(settings, **dict(zip(names, values, strict=True)))
        for values in product(*(axis.values for axis in axes))
    }


def _cells(
    given: Given, settings_of: Mapping[tuple[Any, ...], Settings], head: str | None
) -> tuple[list[tuple[list[Cell], Attention | None]], tuple[Message, ...]]:
    """Return every combination's cells with its attention, and the notes on the words; each cutting is read once."""
    read: dict[tuple[object, ...], tuple[Words, Settings]] = {}
    made: list[tuple[list[Cell], Attention | None]] = []
    notes: dict[str, Message] = {}
    for values, one in settings_of.items():
        kind = (one.tokens, one.embedding, one.dim, one.causal)
        if kind not in read:
            read[kind] = _short_words(given, one)
        words, _ = read[kind]
        made.append(_cells_of(values, words, one, head))
        notes.update({str(note): note for note in words.embedded.notes})
    return made, tuple(notes.values())


def default_axes(settings: Settings, *, cross: bool) -> tuple[Axis, ...]:
    """Return an axis of positions and one of masks, with one value if set; cross-attention has no causal mask."""
    masks = tuple(mask for mask in MASKS if not (cross and mask == "causal"))
    return (
        Axis("position", tuple(SCHEMES) if settings.position in (None, "all") else (settings.position,)),
        Axis("mask", masks if settings.mask == "none" else (settings.mask,)),
    )


def check_free(axes: Iterable[Axis], settings: Settings) -> None:
    """Raise OptionError for what varies and is set, too."""
    for axis in axes:
        if getattr(settings, axis.name) not in (getattr(Settings(), axis.name), "vectors", "given"):
            raise OptionError(
                "--vary {name} tries several values; --{name} sets one.",
                hint="Leave one of the two out.",
                name=axis.name,
            )


def _check_axes(axes: tuple[Axis, ...], *, fixed: bool) -> None:
    names = [axis.name for axis in axes]
    if len(axes) > 2 or len(set(names)) < len(names):
        raise OptionError(
            "--vary can be given for two different things at most.", hint="For example: --vary heads=1,2,4."
        )
    of_words = [name for name in names if name in ("tokens", "embedding", "dim")]
    if fixed and of_words:
        raise OptionError("With --vectors the {name} is given and cannot vary.", name=of_words[0])
    count = int(np.prod([len(axis.values) for axis in axes]))
    if count > MOST_CELLS:
        raise OptionError(
            "lab takes at most {most} settings, not {count}.", hint="Vary fewer values.", most=MOST_CELLS, count=count
        )


def _short_words(given: Given, settings: Settings) -> tuple[Words, Settings]:
    words, own = given.words(settings)
    longest = max(len(words.tokens), len((words.asked or words).tokens))
    if longest > MOST_WORDS:
        raise InputError(
            "lab takes at most {most} words, not {count}.",
            hint="Give a shorter text, or cut it into sentences with --tokens sentence."
            if cuts_smaller(own.tokens)
            else "Give a shorter text.",
            most=MOST_WORDS,
            count=f"{longest:,}",
        )
    return words, own


def _cells_of(
    values: tuple[Any, ...], words: Words, settings: Settings, head: str | None
) -> tuple[list[Cell], Attention | None]:
    """Return one setting's cells, one a head that is shown, and its attention.

    Where only the position scheme cannot be, there is one cell, which says why.
    """
    rows, columns = (tuple(token.text for token in each.tokens) for each in (words, words.asked or words))
    unknown = frozenset(
        token.text for each in (words, words.asked or words) for token in each.tokens if token.is_unknown(TOY_UNKNOWN)
    )
    try:
        attention = attend_to(words, settings)
    except OptionError as error:
        if settings.position in (None, "none"):
            raise
        attend_to(words, replace(settings, position="none"))  # what else is wrong is no matter of the scheme
        blank = np.zeros((len(rows), len(columns)), dtype=np.float32)
        return [Cell(values, rows, columns, blank, problem=error, unknown=unknown)], None
    blind = blind_to(words, settings)
    looking = np.ones(len(rows), dtype=bool) if attention.allowed is None else attention.allowed.any(axis=-1)
    cells = [
        Cell(
            values=values,
            rows=rows,
            columns=columns,
            weights=weights,
            allowed=attention.allowed,
            bits=float(entropy(weights)[looking].mean()) if looking.any() else 0.0,
            blind_to=blind,
            unknown=unknown,
        )
        for weights in heads_shown(attention, head).weights[-1]
    ]
    return cells, attention
