"""What a model says next, token by token, and what each new token attended to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from attnviz.core.attention_data import Token
from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.option_kinds import NUMBER, WHOLE, check_kinds
from attnviz.core.provenance import UnknownWords
from attnviz.core.types import Float32
from attnviz.i18n.messages import Message, listed, message
from attnviz.models.cache import Restarting, TextReader
from attnviz.models.contributions import ContributionHook
from attnviz.models.families.base import ModelShape
from attnviz.models.families.config import Configuration
from attnviz.models.families.hooks import HeadOutputs, Sublayer
from attnviz.models.forward import Network, Request
from attnviz.models.generate import GenerationRules, Sampler, decode_tokens, likeliest, probabilities, read_rules
from attnviz.models.options import MOST_STEPS, Options
from attnviz.models.tokenizers.spelling import SpelledText
from attnviz.models.tokenizers.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from attnviz.models.heads_off import HeadsOff

_LAST = Request(layers=(), logits=[-1], traces=False)
MOST_BRANCHES = 9


@dataclass(frozen=True)
class Decoding:
    """How tokens are chosen.

    steps: how many are added, where the model does not end the text before. temperature: draw tokens, whose logits are
    divided by it; None takes the likeliest. top_p: draw among the likeliest that together have this probability. seed:
    of what is drawn, 0 if not given. top: how many candidates are kept of each step.
    """

    steps: int = 1
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    top: int = 10

    def check(self) -> None:
        """Raise OptionError for values that are out of range, or that change nothing."""
        check_kinds(
            self,
            {"steps": WHOLE, "top": WHOLE, "seed": WHOLE.or_none()}
            | dict.fromkeys(("temperature", "top_p"), NUMBER.or_none()),
        )
        check_range("--steps", self.steps, MOST_STEPS)
        check_range("--top", self.top, MOST_STEPS)
        if self.temperature is not None and not 0 < self.temperature <= 1e6:
            raise OptionError(
                "--temperature must be above 0 and at most 1,000,000, not {value}.",
                hint="Leave it out to take the likeliest token each time.",
                value=self.temperature,
            )
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise OptionError("--top-p must be above 0 and at most 1, not {value}.", value=self.top_p)
        if self.seed is not None and self.seed < 0:
            raise OptionError("--seed must be a whole number, at least 0, not {value!r}.", value=self.seed)
        for option, value in (("--top-p", self.top_p), ("--seed", self.seed)):
            if value is not None and self.temperature is None:
                raise OptionError(
                    "{option} goes with --temperature: without it the likeliest token is taken each time.",
                    option=option,
                )

    def chooser(self, branch: int = 0) -> Callable[[Float32], int]:
        """Return what takes a token by its scores [vocabulary]; each branch draws numbers of its own."""
        if self.temperature is None:
            return likeliest
        return Sampler(float(self.temperature), float(self.top_p or 1.0), [int(self.seed or 0), branch])


def check_range(option: str, value: int, most: int) -> None:
    """Raise OptionError unless a whole number lies between 1 and `most`."""
    if not 1 <= value <= most:
        raise OptionError(
            "{option} must be a whole number from 1 to {most}, not {value!r}.",
            option=option,
            most=f"{most:,}",
            value=value,
        )


@dataclass(frozen=True)
class Candidate:
    """A token that may come next: its text, its piece and id in the vocabulary, its probability."""

    text: str
    piece: str
    id: int
    probability: float


@dataclass(frozen=True, eq=False)
class GeneratedToken:
    """A token that the model added, and what it attended to.

    token: its text and id; start and end count in the text with what was added: of a character that several tokens
    spell, each has the whole. shown: its text as it was known when it came. index: its place among all tokens.
    probability: the model's own, before a temperature. rank: 0 where it was the likeliest. candidates: the likeliest
    tokens for its place, first the likeliest. context: the tokens that could be attended to: those before it, or, of an
    encoder-decoder, those of the text. weights [layers, heads, context]: the row of the token before it, which
    predicted it; with one more column where heads have a sink. shares [context]: what that row added to the hidden
    state by words, see `RowHook`; they sum to 1, or are 0 where all heads are off.
    """

    token: Token
    index: int
    probability: float
    rank: int
    candidates: tuple[Candidate, ...]
    context: tuple[Token, ...]
    weights: Float32
    shares: Float32
    shown: str | None = None

    @property
    def own_text(self) -> str:
        """Return what this token alone adds, as a list of tokens shows it: <E7>, <88> and 爱 where three spell 爱."""
        return self.token.text if self.shown is None else self.shown

    def __repr__(self) -> str:
        """Return the token and its probability."""
        return f"<GeneratedToken {self.own_text!r}: {self.probability:.1%}>"


class RowHook(ContributionHook, Restarting):
    """Keep what some tokens of a pass attended to, in every layer: weights, and lengths of weight x v W_o.

    rows: the numbers of these tokens among those of the pass, -1 for the last. cross: whether a decoder's
    cross-attention is meant. off: heads that are switched off before; they add nothing by words, whatever they give.
    """

    def __init__(
        self, rows: Sequence[int] = (-1,), *, cross: bool = False, continued: bool = False, off: HeadsOff | None = None
    ) -> None:
        super().__init__(cross=cross, continued=continued)
        self._rows, self._kept, self._off = list(rows), dict[int, Float32](), off

    def restart(self) -> None:
        """Forget the values of the tokens that were read."""
        self._of_values.clear()

    def head_outputs(self, at: Sublayer, heads: HeadOutputs) -> Float32:
        """Keep these rows of the sublayer, and return each head's output as it is."""
        if at.cross == self._cross:
            rows = heads.weights[:, self._rows]
            self._kept[at.layer] = rows
            gate = None if heads.gate is None else heads.gate[:, self._rows]
            super().head_outputs(at, heads._replace(context=heads.context[:, self._rows], weights=rows, gate=gate))
            if self._off is not None:
                self.lengths[at][self._off.heads_of(at)] = 0
        return heads.context

    def weights(self, row: int = 0) -> Float32:
        """Return the weights of one of the rows, [layers, heads, keys]."""
        return np.stack([self._kept[layer][:, row] for layer in sorted(self._kept)])

    def shares(self, keys: int, row: int = 0) -> Float32:
        """Return what share of what the heads added in one of the rows came from each key, [keys]; they sum to 1.

        Where every head is off all are 0.
        Of each layer the lengths of all heads (Kobayashi et al. 2020, equation 3) are added and divided by their sum;
        then the mean of the layers is taken, each counting the same. A head that adds little counts little, whatever
        its weights are.
        """
        total = np.zeros(keys)
        for lengths in self.lengths.values():
            each = lengths[:, row, :keys].sum(axis=0, dtype=np.float64)
            total += each / each.sum() if each.sum() > 0 else 0.0
        shares: Float32 = (total / (total.sum() or 1.0)).astype(np.float32)
        return shares


@dataclass(frozen=True, eq=False)
class Prompt:
    """What is continued.

    ids: token ids [n] that the model has read; tokens: those tokens, spans in `source`. own_context: the tokens of the
    text that an encoder read (read_text), None without one; encoder_hidden_states [their number, dim]. base: where in
    the source the continuation's text begins. unknown_words: of the text.
    """

    ids: tuple[int, ...]
    tokens: tuple[Token, ...]
    source: str
    base: int
    own_context: tuple[Token, ...] | None = None
    read_text: str | None = None
    encoder_hidden_states: Float32 | None = None
    notes: tuple[Message, ...] = ()
    unknown_words: UnknownWords | None = None

    @property
    def is_read(self) -> bool:
        """Return whether a decoder alone reads the text and goes on with it."""
        return self.own_context is None


class Continuation:
    """One text that grows: iterate over it for its tokens, as they come.

    branch: the rank, from 0, of the token that it begins with, among those that the model's settings allow; None for
    what is chosen. off: heads that every pass is
    made without.
    """

    def __init__(
        self,
        network: Network,
        tokenizer: TextTokenizer,
        prompt: Prompt,
        decoding: Decoding,
        rules: GenerationRules,
        branch: int | None = None,
        off: HeadsOff | None = None,
    ) -> None:
        self.prompt, self.decoding, self.rules = prompt, decoding, rules
        self._network, self._tokenizer, self._branch = network, tokenizer, branch
        self.spelled = SpelledText(tokenizer, prompt.base, keeps_first_space=prompt.is_read)
        self._hook = RowHook(cross=not prompt.is_read, continued=True, off=off)
        hooks = (self._hook,) if off is None else (off, self._hook)
        self._reader = TextReader(network, prompt.encoder_hidden_states, *hooks)
        self.ended = False

    def __iter__(self) -> Iterator[GeneratedToken]:
        """Yield each token when it is known; the next one is computed when it is asked for."""
        choose = self.decoding.chooser(self._branch or 0)
        # One step reads each weight once.
        with self._network.keep_weights() if self.decoding.steps > 1 else nullcontext():
            for taken in decode_tokens(self._next_logits, self.prompt.ids, self.rules, choose, self._branch):
                self.ended = taken.id in self.rules.ends
                yield self._token(taken.id, taken.logits)

    def _next_logits(self, ids: Sequence[int]) -> Float32:
        output = self._reader(ids, _LAST)
        assert output.logits is not None
        return output.logits.reshape(-1)

    def _token(self, number: int, logits: Float32) -> GeneratedToken:
        index = len(self.prompt.ids) + len(self.spelled.ids)
        context = self.prompt.own_context or (*self.prompt.tokens, *self.spelled.tokens)
        token = self.spelled.add(number)
        shares = probabilities(logits)
        return GeneratedToken(
            token=token,
            index=index,
            probability=float(shares[number]),
            rank=int(np.count_nonzero(logits > logits[number])),
            candidates=likeliest_candidates(self._tokenizer, logits, self.decoding.top),
            context=context,
            weights=self._hook.weights(),
            shares=self._hook.shares(len(context)),
            shown=token.text,
        )

    def finish(self) -> None:
        """Add all tokens."""
        for _ in self:
            pass

    def note(self) -> Message:
        """Return how many tokens were added, and what they spell."""
        count, text = len(self.spelled.ids), self.spelled.text
        if count == 1:
            if self.ended:
                return message("Added by the model: only the end of its text.")
            return message("Added by the model: 1 token: {text}", text=text.strip())
        if self.ended:
            return message(
                "Added by the model: {count} tokens, the end of its text among them: {text}", **_said(count, text)
            )
        return message("Added by the model: {count} tokens: {text}", **_said(count, text))

    @property
    def ids(self) -> list[int]:
        """Return the ids of the prompt and of what was added so far."""
        return [*self.prompt.ids, *self.spelled.ids]


def _said(count: int, text: str) -> dict[str, Any]:
    return {"count": count, "text": text.strip()}


def split_changes(options: Options, decoding: Decoding, changes: Mapping[str, Any]) -> tuple[Options, Decoding]:
    """Return options and decoding with some fields changed; raises OptionError for a name that neither has."""
    ours, theirs = ([one.name for one in fields(group)] for group in (Decoding, Options))
    for name in changes:
        if name not in (*ours, *theirs):
            raise unknown_choice("generate()", name, [*ours, *theirs])
    return (
        replace(options, **{name: value for name, value in changes.items() if name in theirs}),
        replace(decoding, **{name: value for name, value in changes.items() if name in ours}),
    )


def likeliest_candidates(tokenizer: TextTokenizer, logits: Float32, count: int) -> tuple[Candidate, ...]:
    """Return the `count` likeliest tokens of logits [vocabulary], the likeliest first."""
    shares = probabilities(logits)
    return tuple(
        Candidate(spell_candidate(tokenizer, number), tokenizer.decode(number), number, float(shares[number]))
        for number in largest(logits, count)
    )


def spell_candidate(tokenizer: TextTokenizer, number: int) -> str:
    """Return an id's text as a list of tokens shows it: white space around it left out, lone bytes as <E9>."""
    return SpelledText(tokenizer).add(number).text or f"<{number}>"


def largest(values: Float32, count: int) -> list[int]:
    """Return the indexes of the `count` largest values [n], the largest first; of equal ones the lower index first."""
    count = min(count, len(values))
    least = np.partition(values, len(values) - count)[len(values) - count]
    above = np.flatnonzero(values > least)
    found = np.concatenate([above, np.flatnonzero(values == least)[: count - len(above)]])
    return [int(one) for one in found[np.lexsort((found, -values[found]))]]


def check_continuation(shape: ModelShape, name: str, count: int | None, steps: int) -> None:
    """Raise InputError for a model that continues no text, and for steps beyond its positions.

    count: the tokens of the prompt, None before it is read.
    """
    if not shape.causal and not shape.encoder_decoder:
        raise InputError(
            "{name} is an encoder: it reads a whole text at once, and says no next word.",
            hint="attnviz fill shows what it would put at [MASK].",
            name=name,
        )
    most = shape.positions
    if most is None or (count or 0) + steps <= most:
        return
    if count is None:
        raise InputError(
            "{name} takes at most {most} tokens together with the text: there is no room for {steps} more.",
            hint="Give fewer steps.",
            name=name,
            most=f"{most:,}",
            steps=f"{steps:,}",
        )
    raise InputError(
        "The text has {count} tokens, and {name} takes at most {most}: there is no room for {steps} more.",
        hint="Give a shorter text." if count >= most else "Give fewer steps: at most {room}.",
        count=f"{count:,}",
        name=name,
        most=f"{most:,}",
        steps=f"{steps:,}",
        room=f"{most - count:,}",
    )


def rules_for(prompt: Prompt, generation: Mapping[str, Any], steps: int, most: int | None) -> GenerationRules:
    """Return the rules of a model's generation settings for so many steps."""
    return read_rules(Configuration(generation), prompt=len(prompt.ids), most=most, steps=steps, alone=prompt.is_read)


def unapplied_note(rules: GenerationRules) -> tuple[Message, ...]:
    """Return a note where the model's settings ask for what is not done here."""
    if not rules.not_applied:
        return ()
    return (
        message(
            "Its generation settings also have {settings}, which attnviz does not apply.",
            settings=listed(rules.not_applied),
        ),
    )
