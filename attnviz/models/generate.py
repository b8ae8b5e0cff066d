"""Decoding: the likeliest token again and again, or one drawn, under the rules of a model's generation settings.

The rules follow transformers' `generate` with num_beams=1; drawing follows do_sample=True.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.attention import softmax
from attnviz.core.types import Float32, Float64
from attnviz.models.families.config import Configuration

LIMIT = 128


class SpecialTokens(NamedTuple):
    """What a family's config means where it is silent: the start token of a decoder, the padding token, the end."""

    start: int
    padding: int
    end: int


# By model_type, as transformers' classes of their configs have them; T5's for the others.
_T5_TOKENS = SpecialTokens(0, 0, 1)
_TOKENS = {
    "marian": SpecialTokens(58100, 58100, 0),
    "bart": SpecialTokens(2, 1, 2),
    "plbart": SpecialTokens(0, 1, 2),
    "mvp": SpecialTokens(2, 1, 2),
    "mbart": SpecialTokens(0, 1, 2),
    "pegasus": SpecialTokens(0, 0, 1),
    "m2m_100": SpecialTokens(2, 1, 2),
    "blenderbot": SpecialTokens(1, 0, 2),
    "blenderbot-small": SpecialTokens(1, 0, 2),
}
# The families whose config has forced_eos_token_id, with its default.
_FORCED_END = {"bart": 2, "plbart": 2, "mbart": 2, "pegasus": 1, "blenderbot": 2, "blenderbot-small": 2}

# Settings that change what greedy decoding gives and are not applied, with the values that change nothing.
_NOT_APPLIED: dict[str, tuple[object, ...]] = {
    "repetition_penalty": (1,),
    "encoder_repetition_penalty": (1,),
    "no_repeat_ngram_size": (0,),
    "encoder_no_repeat_ngram_size": (0,),
    "sequence_bias": (),
    "exponential_decay_length_penalty": (),
    "guidance_scale": (1,),
    "stop_strings": (),
    "watermarking_config": (),
}


@dataclass(frozen=True)
class GenerationRules:
    """What a model's generation settings demand of its answer; lengths count the start tokens.

    ends: the tokens that end it. banned: sequences of tokens, of which the last may not follow the others. never,
    not_first: tokens that are never taken, or not as the first. first, last: tokens that are forced at the beginning,
    and where `limit` is reached. shortest, fewest_new: how many tokens there are, and are added, before it may end.
    limit: the most tokens. not_applied: the names of settings that are not followed here.
    """

    ends: tuple[int, ...]
    banned: tuple[tuple[int, ...], ...] = ()
    never: tuple[int, ...] = ()
    not_first: tuple[int, ...] = ()
    first: int | None = None
    last: int | None = None
    shortest: int = 0
    fewest_new: int = 0
    limit: int = LIMIT
    not_applied: tuple[str, ...] = ()


class DecodedToken(NamedTuple):
    """A token that was taken, and the logits [vocabulary] that the model gave for its place."""

    id: int
    logits: Float32


class Sampler:
    """Draw tokens by their probabilities, the same for the same seed.

    temperature: above 0, divides the logits. top_p: draw among the likeliest tokens that together have this probability
    (nucleus sampling, Holtzman et al. 2020, section 3.1), 1 for all.
    """

    def __init__(self, temperature: float, top_p: float = 1.0, seed: int | Sequence[int] = 0) -> None:
        self._temperature, self._top_p = temperature, top_p
        self._random = np.random.default_rng(seed)

    def __call__(self, scores: Float32) -> int:
        """Return a token, for scores [vocabulary]; one of -inf is never drawn."""
        shares = probabilities(scores.astype(np.float64) / self._temperature)
        order = np.argsort(-shares, kind="stable")
        reached = np.cumsum(shares[order])
        kept = 1 + int(np.searchsorted(reached, self._top_p * reached[-1])) if self._top_p < 1 else len(order)
        kept = min(kept, int(np.count_nonzero(shares)))
        drawn = self._random.random() * reached[kept - 1]
        return int(order[min(int(np.searchsorted(reached[:kept], drawn, side="right")), kept - 1)])


def likeliest(scores: Float32) -> int:
    """Return the token with the largest of the scores [vocabulary]."""
    return int(scores.argmax())


def probabilities(logits: Float32 | Float64) -> Float64:
    """Return the softmax of logits [vocabulary], in float64."""
    return softmax(np.asarray(logits, dtype=np.float64)).astype(np.float64, copy=False)


def generate(
    next_logits: Callable[[list[int]], Float32],
    start: Sequence[int],
    rules: GenerationRules,
    choose: Callable[[Float32], int] = likeliest,
) -> list[int]:
    """Return the tokens of `start` and those that decoding adds, see `decode_tokens`."""
    return [*start, *(token.id for token in decode_tokens(next_logits, start, rules, choose))]


def decode_tokens(
    next_logits: Callable[[list[int]], Float32],
    start: Sequence[int],
    rules: GenerationRules,
    choose: Callable[[Float32], int] = likeliest,
    branch: int | None = None,
) -> Iterator[DecodedToken]:
    """Yield the tokens that decoding adds to token ids `start`, the end token among them if it is reached.

    next_logits: gives the logits [vocabulary] of the next token after token ids [n]. choose: takes a token by its
    scores [vocabulary], which are the logits, -inf where the rules forbid one. branch: the first token that the rules
    leave open is the one with the largest score, 0, or the next, 1, and so on, in place of what is chosen.
    """
    ids = list(start)
    while len(ids) < rules.limit:
        logits = np.asarray(next_logits(ids), dtype=np.float32).reshape(-1)
        forced = _forced(ids, rules)
        if forced is None:
            scores = _allowed_scores(logits, ids, len(start), rules)
            forced = choose(scores) if branch is None else _nth_likeliest(scores, branch)
            branch = None
        ids.append(forced)
        yield DecodedToken(ids[-1], logits)
        if ids[-1] in rules.ends:
            break


def _nth_likeliest(scores: Float32, number: int) -> int:
    """Return the token with the score of this rank, from 0; the last that is allowed where there are fewer."""
    allowed = max(1, int(np.count_nonzero(scores > -np.inf)))
    return int(np.argsort(-scores, kind="stable")[min(number, allowed - 1)])


def _forced(ids: Sequence[int], rules: GenerationRules) -> int | None:
    """Return the token that must come next; the last one wins where both are forced, as in transformers."""
    if rules.last is not None and len(ids) == rules.limit - 1:
        return rules.last
    return rules.first if len(ids) == 1 else None


def _allowed_scores(logits: Float32, ids: Sequence[int], prompt: int, rules: GenerationRules) -> Float32:
    """Return the logits [vocabulary], -inf for tokens that may not follow `ids`; `prompt` tokens were given."""
    scores = logits.copy()
    barred = {*rules.never, *(sequence[-1] for sequence in rules.banned if _continues(ids, sequence))}
    if len(ids) < rules.shortest or len(ids) - prompt < rules.fewest_new:
        barred.update(rules.ends)
    if len(ids) == prompt + (rules.first is not None and prompt == 1):
        barred.update(rules.not_first)
    scores[[token for token in barred if token < len(scores)]] = -np.inf
    return scores


def _continues(ids: Sequence[int], sequence: tuple[int, ...]) -> bool:
    """Return whether the last token of `sequence` would complete it after `ids`."""
    before = len(sequence) - 1
    return before == 0 or tuple(ids[-before:]) == sequence[:-1]


def read_rules(
    config: Configuration,
    *,
    prompt: int = 1,
    limit: int = LIMIT,
    most: int | None = None,
    steps: int | None = None,
    alone: bool = False,
) -> GenerationRules:
    """Return the rules in a model's generation settings (generation_config.json's keys, or config.json's).

    prompt: the number of start tokens. limit: the most tokens, where the settings do not ask for fewer; most: those
    that the model can take. steps: how many tokens to add, in place of the settings' lengths and `limit`. alone: the
    model has no encoder, so its settings alone say which token ends a text. Marian's padding token is banned where the
    settings say nothing of banned tokens. Raises InputError for settings of other types.
    """
    own = _tokens_of(config)
    ends = config.token_ids("eos_token_id") or (() if alone else (own.end,))
    banned = config.token_sequences("bad_words_ids")
    if config.get("model_type") == "marian" and config.get("bad_words_ids") is None:
        banned = ((config.count("pad_token_id", default=own.padding, least=0),),)
    first, last = config.token_ids("forced_bos_token_id"), config.token_ids("forced_eos_token_id")
    longest = config.count("max_length", default=limit)
    if steps is not None:
        limit = longest = prompt + steps
    elif config.get("max_new_tokens") is not None:
        longest = prompt + config.count("max_new_tokens", default=limit)
    return GenerationRules(
        ends=ends,
        banned=tuple(sequence for sequence in banned if sequence not in [(end,) for end in ends]),
        never=config.token_ids("suppress_tokens"),
        not_first=config.token_ids("begin_suppress_tokens"),
        first=min(first, default=None),
        last=min(last, default=None),
        shortest=config.count("min_length", default=0, least=0),
        fewest_new=config.count("min_new_tokens", default=0, least=0),
        limit=min(limit, longest, most or limit),
        not_applied=tuple(name for name, idle in _NOT_APPLIED.items() if config.get(name) not in (None, [], *idle)),
    )


def start_token(config: Configuration) -> int:
    """Return the token that a decoder's text begins with: decoder_start_token_id.

    Where the config has none, it is the padding token in T5 and Marian, the begin token in mBART and PLBART, and else
    the family's default, which a small vocabulary may lack.
    """
    family = config.word("model_type", default="")
    other = {"mbart": ("bos_token_id",), "plbart": ("bos_token_id",)}.get(
        family, () if family in _TOKENS and family != "marian" else ("pad_token_id",)
    )
    return config.count("decoder_start_token_id", *other, default=_tokens_of(config).start, least=0)


def with_defaults(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a config with what its family forces at the longest answer's end, where it is silent about that."""
    forced = _FORCED_END.get(str(config.get("model_type")))
    return config if forced is None else {"forced_eos_token_id": forced, **config}


def _tokens_of(config: Configuration) -> SpecialTokens:
    """Return the special tokens of the family that a config names."""
    return _TOKENS.get(config.word("model_type", default=""), _T5_TOKENS)
