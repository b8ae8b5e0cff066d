"""Two Attentions of the same words in another order, put side by side token by token.

Compared cell by cell, 猫吃鱼 and 鱼吃猫 seem to differ by a lot; that is the wrong comparison. Here the n-th 猫 of one
text meets the n-th 猫 of the other, and the second matrix is put in the first one's order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.analysis.map_distance import MapDistance, map_distance
from attnviz.analysis.order_blindness import LARGEST_ROUNDING, Blindness, is_changed, output_rounding, rounding
from attnviz.core.argument_kinds import ArgumentKind, check_arguments
from attnviz.core.attention_data import Attention, Token, find_head
from attnviz.core.errors import InputError
from attnviz.core.positions import scheme_words
from attnviz.core.provenance import NOTHING_KNOWN, HiddenTokens, Provenance
from attnviz.core.result import Result
from attnviz.core.selection import find_places
from attnviz.core.token import stand_for_text
from attnviz.core.types import Float32
from attnviz.i18n.decimals import LocalDecimal, fixed, with_sign
from attnviz.i18n.messages import Message, message, toy_name
from attnviz.text.find_token import named_token

Name = str | Message

GIVEN = "given"  # the position and mask of weights that were given: nobody knows them


@dataclass(frozen=True, eq=False)
class Run:
    """One setting's outcome over the shared words, in the first text's order.

    a, b [heads, query, key]: the weights, re-normalized over the shared words where the words differ; forbidden_a and
    forbidden_b [query, key] or None: cells that the mask of every head forbids. outputs: the largest change of a word's
    output vector, None where the words differ. rounding, output_rounding: what rounding alone may change in a weight
    and in an output. blind_to: what this setting cannot see in the first text, None where that was not tried.
    """

    position: str
    mask: str
    heads: tuple[int | str, ...]
    a: Float32
    b: Float32
    forbidden_a: NDArray[np.bool_] | None
    forbidden_b: NDArray[np.bool_] | None
    outputs: float | None
    rounding: float
    blind_to: Blindness | None = None
    output_rounding: float = 0.0

    @property
    def delta(self) -> Float32:
        """B - A, [heads, query, key], in [-1, 1]."""
        return self.b - self.a

    @property
    def threshold(self) -> float:
        """Up to what change a weight counts as unchanged: what rounding may do, but never much."""
        return min(self.rounding, LARGEST_ROUNDING)

    @property
    def changed(self) -> bool | None:
        """Whether a head's weights change by more than rounding does; None where that cannot be told."""
        return is_changed(float(np.abs(self.delta).max(initial=0)), self.rounding)

    @property
    def order_blind(self) -> bool | None:
        """Whether no head's weights, and no output, change by more than rounding; None where that cannot be told."""
        if self.changed is not False:
            return None if self.changed is None else False
        return self.outputs is None or self.outputs <= self.output_rounding

    @property
    def changed_head(self) -> int:
        """The index of the head whose weights change most."""
        return int(np.abs(self.delta).max(axis=(1, 2)).argmax())

    def mean(self) -> tuple[Float32, Float32]:
        """Return A and B as the mean of their heads, each [query, key]."""
        return self.a.mean(axis=0), self.b.mean(axis=0)

    def choose(self, head: str | None) -> list[int | None]:
        """Return the indexes of the heads that `head` names: a number, a name, several, mean, all, or None for mean.

        None in the list stands for the mean; where there is one head, the mean is that head.
        """
        if head in (None, "mean"):
            return [0] if len(self.heads) == 1 else [None]
        if head == "all":
            return list(range(len(self.heads)))
        find = partial(find_head, self.heads)
        return [*find_places(head, self.heads, message("head"), find)]

    def matrices(self, index: int | None) -> tuple[Float32, Float32]:
        """Return A and B of one head, or of the mean of the heads, each [query, key]."""
        return self.mean() if index is None else (self.a[index], self.b[index])

    def largest(self, index: int | None = None) -> tuple[int, int, float]:
        """Return query, key and change of the cell that changes most in one head, or in the mean of the heads."""
        a, b = self.matrices(index)
        change = b - a
        query, key = np.unravel_index(int(np.abs(change).argmax()), change.shape)
        return int(query), int(key), float(change[query, key])


class Difference(NamedTuple):
    """A setting that two attentions do not share, under the name that documents use, with both values."""

    name: str
    a: str | int | float
    b: str | int | float


class SecondSide(NamedTuple):
    """How the second of two sides that read one text came about: another model, layer or head than the first.

    provenance, layers: its own. heads: the pairs of heads that are compared, the first side's and the second's. joined:
    whether tokens were joined, because the two cut the text differently. masked: whether a mask forbids cells in one of
    the two, which are left out of both.
    """

    provenance: Provenance
    layers: tuple[int | str, ...]
    heads: tuple[tuple[int | str, int | str], ...]
    joined: bool
    masked: bool


_RUN = ArgumentKind(lambda value: isinstance(value, Run), message("one of its runs"))


@dataclass(frozen=True, eq=False)
class Comparison(Result):
    """The same words in two orders: which words they share, and what changes under each setting.

    tokens: the shared words in the first text's order; tokens_b: the same words, in that order, as the second text's
    tokens; only_a, only_b: words of one side only; same_order: whether the second text has the shared words in the
    first one's order; mirrored: whether it has them backwards. keys: the shared words that are asked, where they are
    another text's; else those of `tokens`. renormalized: whether each row is re-normalized over the shared words,
    because the two look at different ones. names: what the two are called, where their texts do not tell them apart.
    provenance: how the first one was computed, with the unknown words of both. hidden_b: what the second one does not
    show, where both hide tokens. differing: of two that were given, the settings in which they differ; None where they
    were computed in one way. second: of two models, layers or heads that read one text, how the second came about.
    """

    text_a: str
    text_b: str
    tokens: tuple[Token, ...]
    tokens_b: tuple[Token, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]
    same_order: bool
    runs: tuple[Run, ...]
    mirrored: bool = False
    keys: tuple[Token, ...] | None = None
    renormalized: bool = False
    layers: tuple[int | str, ...] = ()
    provenance: Provenance = NOTHING_KNOWN
    hidden_b: HiddenTokens | None = None
    differing: tuple[Difference, ...] | None = None
    notes: tuple[Message, ...] = ()
    names: tuple[Name, Name] | None = None
    second: SecondSide | None = None

    @property
    def titles(self) -> tuple[Name, Name]:
        """What stands above the two: their texts, or their names, with the texts where these are not the same."""
        texts = (self.text_a, self.text_b)
        if self.names is None or self.second is not None or (self.same_order and self.same_words):
            return self.names or texts
        (a, b), (text_a, text_b) = self.names, texts
        return message("{name}: {text}", name=a, text=text_a), message("{name}: {text}", name=b, text=text_b)

    @property
    def same_words(self) -> bool:
        """Whether both texts have exactly the same words."""
        return not self.only_a and not self.only_b

    def __repr__(self) -> str:
        """Show what is compared, never a screen full of numbers."""
        a, b = map(str, self.titles)
        return f"<Comparison {a!r} | {b!r}: {len(self.tokens)} shared words x {len(self.runs)} settings>"

    @check_arguments()
    def verdicts(self, head: str | None = None) -> tuple[Message, ...]:
        """Return one quotable sentence per run about the heads that `head` names; about the mean of several."""
        return tuple(_verdict(self, run, head) for run in self.runs)

    @check_arguments(run=_RUN)
    def distances(self, run: Run, head: str | None = None) -> tuple[MapDistance, ...]:
        """Return how far apart the two maps of each head are that `head` names; of the mean of the heads, if None."""
        return tuple(_map_distance(run, index) for index in run.choose(head))

    @check_arguments(run=_RUN)
    def apart(self, run: Run, head: str | None = None) -> Message | None:
        """Say how far apart two given maps are: one head's, or the mean's of several; None where they are the same.

        Also None for texts in two orders, where the verdict says what the order does.
        """
        chosen = run.choose(head)
        index = chosen[0] if len(chosen) == 1 else None
        a, b = run.matrices(index)
        if run.position != GIVEN or float(np.abs(b - a).max(initial=0)) <= run.threshold:
            return None
        found = _map_distance(run, index)
        fields: dict[str, object] = {
            "mean": decimals(found.mean_variation),
            "word": named_token(self.tokens, found.farthest),
            "most": decimals(float(found.variation[found.farthest])),
        }
        if found.correlation is None:
            return message(
                "The rows are {mean} apart on average, from 0 (the same) to 1 (nothing in common), that of “{word}” "
                "most: {most}.",
                **fields,
            )
        return message(
            "The rows are {mean} apart on average, from 0 (the same) to 1 (nothing in common), that of “{word}” most: "
            "{most}. The weights correlate by {correlation}.",
            correlation=with_sign(found.correlation, 2),
            **fields,
        )


@dataclass(frozen=True)
class Alignment:
    """Which token of one text is which of the other: index pairs in the first one's order, and the rest."""

    a: tuple[int, ...]
    b: tuple[int, ...]
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]

    @property
    def leaves(self) -> bool:
        """Whether either text has a token that the other lacks."""
        return bool(self.only_a or self.only_b)


def align(a: tuple[Token, ...], b: tuple[Token, ...], same: Callable[[str], str] = str) -> Alignment:
    """Match tokens by text and occurrence: the n-th 猫 with the n-th 猫. `same` maps texts that count as one.

    >>> align((Token("猫"), Token("吃")), (Token("吃"), Token("猫"))).b
    (1, 0)
    """
    places: dict[str, list[int]] = defaultdict(list)
    for index, token in enumerate(b):
        places[same(token.text)].append(index)
    pairs, only_a = [], []
    for index, token in enumerate(a):
        waiting = places[same(token.text)]
        if waiting:
            pairs.append((index, waiting.pop(0)))
        else:
            only_a.append(index)
    only_b = sorted(index for waiting in places.values() for index in waiting)
    return Alignment(tuple(i for i, _ in pairs), tuple(j for _, j in pairs), tuple(only_a), tuple(only_b))


def compare_pairs(
    pairs: list[tuple[Attention, Attention]],
    *,
    blind_to: Sequence[Blindness | None] = (),
    same: Callable[[str], str] = str,
    notes: tuple[Message, ...] = (),
) -> Comparison:
    """Compare two texts under one setting a pair; the tokens must be the same in every pair, the last layer counts.

    blind_to: what each pair's setting cannot see. In cross-attention the words that are asked are matched as well.
    Raises InputError where the texts have no word in common.
    """
    a, b = pairs[0]
    aligned = align(a.tokens, b.tokens, same)
    asked = align(a.key, b.key, same) if a.is_cross or a.has_sink else aligned
    for tokens, shared in (("query", aligned.a), ("key", asked.a)):
        first, second = (getattr(one, tokens) for one in (a, b))
        words = stand_for_text(first)
        if not any(words[i] for i in shared):
            raise InputError(
                "The two texts have no word in common: “{a}” and “{b}”.",
                hint="compare needs the same words in another order.",
                a=_first_words(first),
                b=_first_words(second),
            )
    text_a, text_b = _texts(a, b)
    return Comparison(
        text_a=text_a,
        text_b=text_b,
        tokens=tuple(a.tokens[i] for i in aligned.a),
        tokens_b=tuple(b.tokens[i] for i in aligned.b),
        only_a=_alone(a, aligned.only_a, asked.only_a),
        only_b=_alone(b, aligned.only_b, asked.only_b),
        same_order=all(list(one.b) == sorted(one.b) for one in (aligned, asked)),
        mirrored=list(aligned.b) == sorted(aligned.b, reverse=True),
        keys=tuple(a.key[i] for i in asked.a) if a.is_cross or a.has_sink else None,
        renormalized=asked.leaves,
        layers=a.layers[-1:],
        runs=tuple(
            replace(_run(first, second, aligned, asked), blind_to=blind)
            for (first, second), blind in zip(pairs, blind_to or (None,) * len(pairs), strict=True)
        ),
        provenance=_of_both(a, b),
        hidden_b=None if a.provenance.hidden is None else b.provenance.hidden,
        notes=_distinct(notes, a.notes, b.notes),
    )


def _first_words(tokens: tuple[Token, ...]) -> str:
    words = [token.text for token, of_text in zip(tokens, stand_for_text(tokens), strict=True) if of_text]
    return " ".join(words[:8])


def _of_both(a: Attention, b: Attention) -> Provenance:
    """Return a's provenance with the unknown words of both texts; those of one, where they are the same."""
    first, second = a.provenance.unknown_words, b.provenance.unknown_words
    if first is None or second is None or first == second:
        return a.provenance
    return a.provenance.of_model(unknown_words=first.plus(second))


def _distinct(*groups: tuple[Message, ...]) -> tuple[Message, ...]:
    return tuple({str(note): note for group in groups for note in group}.values())


def _alone(attention: Attention, queries: tuple[int, ...], keys: tuple[int, ...]) -> tuple[str, ...]:
    """Return the words of one side only, those of the keys too where they are another text's."""
    found = [attention.query[i] for i in queries] + ([attention.key[i] for i in keys] if attention.is_cross else [])
    return tuple(token.text for token in found)


def _texts(a: Attention, b: Attention) -> tuple[str, str]:
    """Return the texts of the queries, or, where a model reads one target twice, those of the keys."""
    asked = (a.key_source, b.key_source) if a.is_cross and b.is_cross else (None, None)
    if asked[0] is not None and asked[1] is not None and asked[0] != asked[1]:
        return asked[0], asked[1]
    return text_of(a), text_of(b)


def _map_distance(run: Run, index: int | None) -> MapDistance:
    """Return how far apart the maps of a head, or of the mean, are; cells that both forbid do not count."""
    forbidden = None if run.forbidden_a is None or run.forbidden_b is None else run.forbidden_a & run.forbidden_b
    return map_distance(*run.matrices(index), forbidden)


def text_of(attention: Attention) -> str:
    """Return the text of the queries; of two texts that were read together, the second after a slash."""
    if attention.source is None:
        return " ".join(token.text for token in attention.tokens)
    model = attention.provenance.model
    if model is None or model.pair is None:
        return attention.source
    begins = model.pair.start  # of two texts, the second stands in a line of its own
    return f"{attention.source[: begins - 1]} / {attention.source[begins:]}"


def _run(a: Attention, b: Attention, aligned: Alignment, asked: Alignment) -> Run:
    words_differ = aligned.leaves or asked.leaves
    outputs = None
    toy = a.provenance.toy
    dealt_anew = toy is not None and toy.embedding == "onehot"  # by the order of the words: other vectors in each text
    if not (words_differ or dealt_anew) and a.output is not None and b.output is not None:
        outputs = float(np.abs(b.output[list(aligned.b)] - a.output[list(aligned.a)]).max())
    return Run(
        position=str(a.provenance.position),
        mask=a.provenance.mask,
        heads=a.heads,
        a=_shared(a, aligned.a, asked.a, asked.leaves),
        b=_shared(b, aligned.b, asked.b, asked.leaves),
        forbidden_a=_forbidden(a, aligned.a, asked.a),
        forbidden_b=_forbidden(b, aligned.b, asked.b),
        outputs=outputs,
        rounding=rounding(a, b),
        output_rounding=output_rounding(a, b),
    )


def _shared(attention: Attention, queries: tuple[int, ...], keys: tuple[int, ...], renormalize: bool) -> Float32:
    """Return the last layer's weights of these queries at these keys, in this order; `renormalize`: rows sum to 1."""
    weights = attention.weights[-1][:, list(queries)][:, :, list(keys)]
    if renormalize:
        total = weights.sum(axis=-1, keepdims=True)
        weights = weights / np.where(total == 0, 1, total)
    shared: Float32 = weights.astype(np.float32, copy=False)
    return shared


def _forbidden(attention: Attention, queries: tuple[int, ...], keys: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """Return which cells of the last layer no head allows, [query, key]; None where everything is allowed."""
    if attention.masks is None:
        return None
    forbidden: NDArray[np.bool_] = ~attention.masks[-1].any(axis=0)[np.ix_(queries, keys)]
    return forbidden


def _verdict(comparison: Comparison, run: Run, shown: str | None) -> Message:
    chosen = run.choose(shown)
    sentence = _change(comparison, run, chosen[0] if len(chosen) == 1 else None)
    if comparison.renormalized and comparison.second is None:
        sentence = message("Over the shared words, each row re-normalized: {sentence}", sentence=sentence)
    if len(run.heads) > 1 and run.order_blind is False:
        head = run.changed_head
        change = float(np.abs(run.delta[head]).max())
        called = run.heads[head]
        named = isinstance(called, str) and comparison.second is None
        name = message("{head} ({name})", head=head, name=toy_name(called)) if named else called
        fields = {"sentence": sentence, "head": name, "change": decimals(change), "count": len(run.heads)}
        if len(chosen) > 1 or chosen[0] is None:
            return message(
                "{sentence} That is the mean of {count} heads; head {head} changes most, by {change}.", **fields
            )
        if chosen[0] == head:
            return message("{sentence} None of the other heads changes more.", **fields)
        return message("{sentence} Of all {count} heads, head {head} changes most, by {change}.", **fields)
    return sentence


def _change(comparison: Comparison, run: Run, head: int | None) -> Message:
    """Return what one setting changes, in words; head: an index, None for the mean."""
    query, key, change = run.largest(head)
    keys = comparison.keys or comparison.tokens
    a, b = comparison.names or (comparison.text_a, comparison.text_b)
    itself = key == query and comparison.keys is None
    fields: dict[str, object] = {
        "a": a,
        "b": b,
        "positions": scheme_words(run.position),
        "mask": run.mask,
        "query": named_token(comparison.tokens, query),
        "key": message("itself") if itself else _quoted(named_token(keys, key)),
        "amount": decimals(abs(change)),
        "largest": _largest_change(run),
    }
    if run.position == GIVEN:
        return _given_change(comparison, run, change, fields)
    if comparison.same_order and comparison.same_words:
        return message("Both texts have the same words in the same order{largest}.", **fields)
    if run.order_blind is None:
        return message(
            "The scores are so large that rounding may change a weight by {rounding}: whether the order matters cannot "
            "be told{largest}.",
            rounding=LocalDecimal(f"{run.rounding:.1g}"),
            **fields,
        )
    if run.order_blind:
        return _no_change(comparison, run, fields)
    fields["direction"] = message("more") if change > 0 else message("less")
    sentence = _some_change(comparison, run, fields)
    if run.blind_to is Blindness.MIRROR_IMAGE and comparison.same_words:
        return message("{sentence} Only the mirror image of “{a}” would stay the same.", sentence=sentence, **fields)
    return sentence


def _quoted(text: str) -> Message:
    return message("“{word}”", word=text)


def _largest_change(run: Run) -> Message:
    """Return the largest change of a weight in brackets; nothing where its 6 decimal places are zeros."""
    change = f"{float(np.abs(run.delta).max(initial=0)):.6f}"
    return message(" (largest change {change})", change=change) if change.strip("0.") else message("")


def _given_change(comparison: Comparison, run: Run, change: float, fields: dict[str, object]) -> Message:
    """Return what differs between given weights; nothing is known of positions, so nothing is said of them."""
    if comparison.names is None:
        fields = {**fields, "a": _quoted(comparison.text_a), "b": _quoted(comparison.text_b)}
    same = float(np.abs(run.delta).max(initial=0)) <= run.threshold
    if same and (comparison.same_words or comparison.second is not None):
        return message("Every word looks at the others in {b} as in {a}{largest}.", **fields)
    if same:
        return message("every word looks at the others in {b} as in {a}{largest}.", **fields)
    if abs(change) <= run.threshold:
        return message("In the mean of the heads every word looks at the others in {b} as in {a}.", **fields)
    if change > 0:
        return message("In {b}, “{query}” looks {amount} more at {key} than in {a}.", **fields)
    return message("In {b}, “{query}” looks {amount} less at {key} than in {a}.", **fields)


def _no_change(comparison: Comparison, run: Run, fields: dict[str, object]) -> Message:
    if not comparison.same_words:
        return message("every word looks at the others exactly as before{largest}.", **fields)
    if run.blind_to is Blindness.MIRROR_IMAGE and comparison.mirrored and run.position == "none":
        return message(
            "The mask {mask} sees how far apart two words are, not in which direction: “{b}” is “{a}” read "
            "backwards, and stays the same{largest}.",
            **fields,
        )
    if run.blind_to is Blindness.MIRROR_IMAGE and comparison.mirrored:
        return message(
            "With {positions} it sees how far apart two words are, not in which direction: “{b}” is “{a}” "
            "read backwards, and stays the same{largest}.",
            **fields,
        )
    if run.position == "own":
        return message("In this model every word looks at the others exactly as before{largest}.", **fields)
    if run.position == "none":
        return message(
            "Without positions every word looks at the others exactly as before{largest}: attention cannot "
            "tell “{a}” from “{b}”.",
            **fields,
        )
    return message("Even with {positions} every word looks at the others exactly as before{largest}.", **fields)


def _some_change(comparison: Comparison, run: Run, fields: dict[str, object]) -> Message:
    if run.changed is False:
        return message(
            "Every word looks at the others as before{largest}, and what the words take up differs.", **fields
        )
    if run.position == "own" and not comparison.same_words:
        return message("“{query}” looks {amount} {direction} at {key}.", **fields)
    if run.position == "own":
        return message("In this model the order matters: “{query}” looks {amount} {direction} at {key}.", **fields)
    if run.position != "none":
        return message("With {positions} it can: “{query}” looks {amount} {direction} at {key}.", **fields)
    if "causal" in run.mask:
        return message(
            "Without positions the causal mask alone tells the two apart, because a word sees only itself "
            "and the words before it: “{query}” looks {amount} {direction} at {key}.",
            **fields,
        )
    if run.mask != "none":
        return message(
            "Without positions the mask {mask} alone tells the two apart, because it depends on how far "
            "apart two words are: “{query}” looks {amount} {direction} at {key}.",
            **fields,
        )
    return message(
        "Without positions “{query}” looks {amount} {direction} at {key}: the words around them differ.", **fields
    )


def decimals(number: float) -> LocalDecimal:
    """Format a change as people write it: .21, or .0003 where two digits would be nothing.

    >>> str(decimals(0.2071)), str(decimals(0.00034))
    ('.21', '.0003')
    """
    digits = 2 if number >= 0.005 or number == 0 else min(7, int(np.ceil(-np.log10(number))))
    return LocalDecimal(fixed(number, digits))
