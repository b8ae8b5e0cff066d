"""How much an answer took from which passage: a list, the largest share first, and a sentence."""

from __future__ import annotations

from attnviz.analysis.passages import (
    ITSELF,
    MISSING,
    OTHER,
    SINKS,
    SPECIAL,
    PassageShare,
    PassageShares,
    passage_shares,
)
from attnviz.core.attention_data import Attention
from attnviz.i18n.messages import Message, message
from attnviz.text.passages import TEMPLATE
from attnviz.views.prepared.labels import Medium, named
from attnviz.views.prepared.listing import Column, Listing
from attnviz.views.prepared.panels import number
from attnviz.views.prepared.presentation import DIGITS, TERMINAL, Presentation

_BEGINNING = 24  # characters of a passage's text
_CLOSE = 0.9  # of the largest share: the second is about as large

_REST = {
    ITSELF: message("(itself)"),
    OTHER: message("(other text)"),
    SPECIAL: message("(special tokens)"),
    TEMPLATE: message("(chat template)"),
    SINKS: message("(the heads' sinks)"),
    MISSING: message("(keys that are not here)"),
}


def list_passages(attention: Attention, token: str | None, presentation: Presentation = TERMINAL) -> Listing | None:
    """Return what the answer, or the row `token`, took from each passage; None for an attention without passages."""
    shares = passage_shares(attention, token)
    return None if shares is None else list_shares(shares, presentation)


def list_shares(shares: PassageShares, presentation: Presentation = TERMINAL, branch: int | None = None) -> Listing:
    """Return the shares as a list: the passages, the largest share first, then the rest.

    branch: the number, from 1, of the continuation that is the answer; None where there is one.
    """
    digits = min(presentation.digits_or(DIGITS), DIGITS)
    rows = (*shares.ranked, *sorted(shares.rest, key=lambda each: -each.share))
    columns = []
    if all(one.contribution is not None for one in rows):
        columns.append(_column(message("by what it added"), [one.contribution or 0.0 for one in rows], digits))
    columns.append(_column(message("by weight"), [one.weight for one in rows], digits))
    counts = tuple("" if one.tokens is None else str(one.tokens) for one in rows)
    columns.append(Column(message("tokens"), counts))
    if any(one.text is not None and one.text != one.name for one in rows):
        columns.append(Column(message("begins with"), tuple(_beginning(one, presentation.medium) for one in rows)))
    heading = message("what “{answer}” took from each passage", answer=named(shares.answer, presentation.medium))
    if branch is not None:
        heading = message("branch {number}: {what}", number=branch, what=heading)
    labels = tuple(_REST.get(one.kind) or named(one.name, presentation.medium) for one in rows)
    return Listing(heading, labels, (tuple(columns),), (), (verdict(shares, presentation.medium),))


def _column(title: Message, values: list[float], digits: int) -> Column:
    largest = max(values, default=0.0) or 1.0
    cells = tuple(number(value, digits) for value in values)
    return Column(title, cells, tuple(value / largest for value in values))


def _beginning(one: PassageShare, medium: Medium) -> str:
    text = " ".join((one.text or "").split())
    return named(text if len(text) <= _BEGINNING else text[: _BEGINNING - 1].rstrip() + "…", medium) if text else ""


def verdict(shares: PassageShares, medium: Medium = "terminal") -> Message:
    """Say from which passage the row took most, and what share of all came from passages."""
    others = [one for one in shares.ranked if one.name != shares.answer and one.share > 0]
    total = sum(one.share for one in shares.passages)
    fields = {"answer": named(shares.answer, medium), "total": _percent(total)}
    if not others:
        return message("“{answer}” took nothing from the passages.", **fields)
    first = others[0]
    fields |= {"first": named(first.name, medium), "share": _percent(first.share)}
    if len(others) == 1:
        found = message("“{answer}” took {share} from “{first}”.", **fields)
    elif others[1].share >= _CLOSE * first.share:
        fields |= {"second": named(others[1].name, medium), "next": _percent(others[1].share)}
        found = message(
            "“{answer}” took about as much from “{first}” ({share}) as from “{second}” ({next}), of {total} from all "
            "passages.",
            **fields,
        )
    else:
        fields |= {"second": named(others[1].name, medium), "next": _percent(others[1].share)}
        found = message(
            "“{answer}” took most from “{first}”, {share}, then from “{second}”, {next}, of {total} from all passages.",
            **fields,
        )
    by_weight = max(others, key=lambda one: one.weight)
    if first.contribution is not None and by_weight is not first and by_weight.weight > first.weight:
        return message(
            "{sentence} By weight alone it would be “{other}”.", sentence=found, other=named(by_weight.name, medium)
        )
    return found


def _percent(share: float) -> str:
    """Return a share in whole per cent; below 1 with a decimal."""
    return f"{share:.1%}" if share < 0.01 else f"{share:.0%}"
