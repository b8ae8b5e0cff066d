"""What a model says next: the tokens that it added, in one continuation or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np

from attnviz.analysis.passages import PassageShares, passages_document
from attnviz.core.attention_data import Attention, Token
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message
from attnviz.models.continuation import Candidate, Decoding, GeneratedToken
from attnviz.text.merge_pieces import shared_spans


@dataclass(frozen=True, eq=False)
class Branch:
    """One continuation: its tokens in order, and the text that they spell.

    ended: whether the last token is one that ends a text. read: computes its attention, see `attention`.
    """

    tokens: tuple[GeneratedToken, ...]
    text: str
    ended: bool
    read: Callable[[], Attention] = field(repr=False)

    @property
    def probability(self) -> float:
        """Return the model's probability of all its tokens, one after the other."""
        return prod(token.probability for token in self.tokens)

    @cached_property
    def attention(self) -> Attention:
        """Return the attention of the whole text, with what was added: every layer and head."""
        return self.read()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle keeps: the attention itself in place of the open model that would compute it."""
        return _with_attention(self)


@dataclass(frozen=True, eq=False)
class NextTokens(Result):
    """What a model adds to a text.

    text: what is continued, or, of an encoder-decoder, what is answered. prompt: its tokens. branches: one
    continuation, or several side by side. decoding: how tokens were chosen. answers: whether they answer the text in
    place of going on with it, as an encoder-decoder does, and a model whose chat template renders it. passages: what
    each branch took from the passages that were given, none without them.
    """

    text: str
    prompt: tuple[Token, ...]
    branches: tuple[Branch, ...]
    decoding: Decoding
    answers: bool = False
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()
    passages: tuple[PassageShares, ...] = ()

    @property
    def tokens(self) -> tuple[GeneratedToken, ...]:
        """Return the tokens of the first branch."""
        return self.branches[0].tokens

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return the likeliest first tokens, the likeliest first."""
        return self.tokens[0].candidates

    @property
    def added(self) -> str:
        """Return the text of the first branch."""
        return self.branches[0].text

    @property
    def whole(self) -> str:
        """Return the text with what the first branch adds; an answer stands alone."""
        return self.added if self.answers else self.text + self.added

    @property
    def attention(self) -> Attention:
        """Return the attention of the text and the first branch: every layer and head."""
        return self.branches[0].attention

    def __repr__(self) -> str:
        """Return what is continued, and how."""
        return f"<NextTokens after {self.text[-40:]!r}: {[branch.text for branch in self.branches]}>"


def _with_attention(result: Branch | FilledText) -> dict[str, Any]:
    """Return the fields of a result whose attention is computed when it is asked for, with that attention in them."""
    return {**result.__dict__, "read": partial(_itself, result.attention)}


def _itself(attention: Attention) -> Attention:
    return attention


@dataclass(frozen=True, eq=False)
class FilledMask:
    """A place with a mask: its index among the tokens, what the model would put there, and what it attended to.

    candidates: the likeliest, the likeliest first. shares [tokens]: see continuation.RowHook; they sum to 1.
    """

    index: int
    token: Token
    candidates: tuple[Candidate, ...]
    shares: Float32


@dataclass(frozen=True, eq=False)
class FilledText(Result):
    """What a model of BERT's kind would put at each mask of a text, each by itself.

    text: what was read, with the model's own mask token. filled: the text with the likeliest token at each mask.
    """

    text: str
    filled: str
    tokens: tuple[Token, ...]
    masks: tuple[FilledMask, ...]
    read: Callable[[], Attention] = field(repr=False)
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return what the model would put at the first mask, the likeliest first."""
        return self.masks[0].candidates

    @cached_property
    def attention(self) -> Attention:
        """Return the attention of the text: every layer and head."""
        return self.read()

    def __getstate__(self) -> dict[str, Any]:
        """Return what a pickle keeps: the attention itself in place of the open model that would compute it."""
        return _with_attention(self)

    def __repr__(self) -> str:
        """Return the text as it would be filled."""
        return f"<FilledText {self.filled!r}>"


def attended_words(
    context: Sequence[Token], shares: Float32, most: int | None = None
) -> list[tuple[tuple[int, int], float]]:
    """Return stretches of tokens, as [start, end) of their indexes, with their share, the largest share first.

    Pieces that stand for the same character are one word. context: [n]; shares [n]; most: how many, None for all.
    """
    found = [((start, end), float(np.sum(shares[start:end], dtype=np.float64))) for start, end in shared_spans(context)]
    return sorted(found, key=lambda each: -each[1])[:most]


def next_tokens_document(result: NextTokens) -> dict[str, Any]:
    """Return the continuations as plain data under `"schema": 1`; shares are one a token of the context."""
    return {
        "schema": 1,
        "text": result.text,
        "tokens": [_token(token) for token in result.prompt],
        "decoding": asdict(result.decoding),
        "branches": [
            {
                "text": branch.text,
                "probability": branch.probability,
                "ended": branch.ended,
                **({"passage_shares": passages_document(result.passages[number])} if result.passages else {}),
                "tokens": [
                    {
                        **_token(one.token),
                        "index": one.index,
                        "probability": one.probability,
                        "rank": one.rank,
                        "candidates": [asdict(candidate) for candidate in one.candidates],
                        "shares": [float(share) for share in one.shares],
                    }
                    for one in branch.tokens
                ],
            }
            for number, branch in enumerate(result.branches)
        ],
        "settings": result.provenance.to_settings(),
    }


def next_tokens_rows(result: NextTokens) -> list[dict[str, Any]]:
    """Return a row for each candidate of each step, and for the token that was taken where it is none of them."""
    rows = []
    for number, branch in enumerate(result.branches):
        for step, one in enumerate(branch.tokens):
            own = Candidate(one.own_text, one.token.piece or "", one.token.id or 0, one.probability)
            listed = one.candidates if own.id in [each.id for each in one.candidates] else (*one.candidates, own)
            rows += [
                {
                    "branch": number,
                    "step": step,
                    "rank": one.rank if each.id == own.id else rank,
                    **asdict(each),
                    "taken": each.id == own.id,
                }
                for rank, each in enumerate(listed)
            ]
    return rows


def filled_document(result: FilledText) -> dict[str, Any]:
    """Return what stands at each mask as plain data under `"schema": 1`."""
    return {
        "schema": 1,
        "text": result.text,
        "filled": result.filled,
        "tokens": [_token(token) for token in result.tokens],
        "masks": [
            {
                "index": mask.index,
                "candidates": [asdict(candidate) for candidate in mask.candidates],
                "shares": [float(share) for share in mask.shares],
            }
            for mask in result.masks
        ],
        "settings": result.provenance.to_settings(),
    }


def filled_rows(result: FilledText) -> list[dict[str, Any]]:
    """Return a row for each candidate of each mask."""
    return [
        {"mask": number, "index": mask.index, "rank": rank, **asdict(candidate)}
        for number, mask in enumerate(result.masks)
        for rank, candidate in enumerate(mask.candidates)
    ]


def _token(token: Token) -> dict[str, Any]:
    known = {"piece": token.piece, "id": token.id}
    return {"text": token.text, "start": token.start, "end": token.end} | {
        name: value for name, value in known.items() if value is not None
    }
