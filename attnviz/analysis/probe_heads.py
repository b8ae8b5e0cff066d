"""Probe heads with repeated random tokens: induction, duplicate-token and previous-token scores.

The tokens mean nothing together, so that a head which finds them again does so by their repetition alone (Olsson et al.
2022, "In-context learning and induction heads", "prefix matching score").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError
from attnviz.core.types import Floats

if TYPE_CHECKING:
    from attnviz.models.model import Model
    from attnviz.toy.settings import Settings

Float64 = NDArray[np.float64]

PROBE_TOKENS = 50
SEQUENCES = 4
FEWEST_TOKENS, MOST_PROBE_TOKENS = 4, 1000
_TRIES = 64


class ProbeScores(NamedTuple):
    """Mean weights over the probe's sequences, [layers, heads] each, from 0 to 1.

    induction: of the second copy's tokens on the token after their first copy. duplicate: on their first copy itself.
    previous: of all tokens on the token before.
    """

    induction: Float64
    duplicate: Float64
    previous: Float64


def score_repeats(weights: Floats, start: int, count: int) -> ProbeScores:
    """Return the scores of one sequence of `count` random tokens and the same ones again.

    weights [layers, heads, query, key], of tokens of which number `start` is the first random one. The last token of
    the first copy is followed by the second copy, so it is left out of the induction score.
    """
    place = np.arange(count)
    again, before = start + count + place, start + place
    run = np.arange(start + 1, start + 2 * count)
    pairs = ((again[:-1], before[:-1] + 1), (again, before), (run, run - 1))
    return ProbeScores(*(weights[:, :, i, j].mean(axis=-1, dtype=np.float64) for i, j in pairs))


def check_probe(tokens: int) -> None:
    """Raise OptionError for a number of tokens that no probe can have."""
    if isinstance(tokens, bool) or not isinstance(tokens, int) or not FEWEST_TOKENS <= tokens <= MOST_PROBE_TOKENS:
        raise OptionError(
            "--probe-tokens must be from {least} to {most}, not {value}.",
            least=FEWEST_TOKENS,
            most=MOST_PROBE_TOKENS,
            value=tokens,
        )


def probe_model(model: Model, tokens: int = PROBE_TOKENS, sequences: int = SEQUENCES) -> ProbeScores:
    """Return the mean scores of a model's only stack, or of its encoder, over random sequences (seeds 0, 1, ...).

    Raises OptionError where the repeated tokens are more than the model's positions, and for too few of them.
    """
    from attnviz.models.forward import Request

    check_probe(tokens)
    sample = model.tokenizer.encode("a")
    text = np.flatnonzero(~sample.special)
    begin, end = sample.ids[: text[0]], sample.ids[text[-1] + 1 :]
    most = model.shape.positions
    whole = len(begin) + 2 * tokens + len(end)
    if most is not None and whole > most:
        fitting = (most - len(begin) - len(end)) // 2
        raise OptionError(
            "The probe repeats {tokens} random tokens: {whole} with special ones, and {name} takes at most {most}.",
            hint="Use --probe-tokens {fitting} or fewer." if fitting >= FEWEST_TOKENS else "Leave --probe out.",
            tokens=tokens,
            whole=whole,
            name=model.name,
            most=most,
            fitting=fitting,
        )
    found = []
    for seed in range(sequences):
        once = _random_ids(model, tokens, seed)
        ids = np.concatenate([begin, once, once, end])
        weights = model.network.read(ids, Request(traces=False)).weights
        found.append(score_repeats(weights, len(begin), tokens))
    return ProbeScores(*(np.mean([one[k] for one in found], axis=0) for k in range(3)))


def _random_ids(model: Model, count: int, seed: int) -> NDArray[np.int64]:
    """Return random token ids, [count], no two of them the same where the vocabulary has so many; none is special."""
    random = np.random.default_rng(seed)
    size = min(model.shape.vocabulary, model.tokenizer.size)
    found: list[int] = []
    for number in random.permutation(size)[: count * _TRIES].tolist():
        if len(found) == count:
            break
        if _is_word(model.tokenizer.decode(number), model.tokenizer.unknown):
            found.append(number)
    if not found:
        found = random.permutation(size)[:count].tolist()
    return np.resize(np.array(found, dtype=np.int64), count)


def _is_word(piece: str, unknown: str | None) -> bool:
    """Return whether a piece of the vocabulary stands for text: not [CLS], <s>, <|end|>, [unused3] or the like."""
    return bool(piece) and piece != unknown and not (piece[0] in "[<" and piece[-1] in "]>")


def probe_toy(settings: Settings, tokens: int = PROBE_TOKENS, sequences: int = SEQUENCES) -> ProbeScores:
    """Return the toy's mean scores over random words of its lexicon (seeds 0, 1, ...)."""
    from attnviz.toy.attend import attend_to
    from attnviz.toy.lexicon import entries
    from attnviz.toy.words import open_word_files, read_words

    check_probe(tokens)
    words = sorted(word for word in entries() if word.isascii() and word.isalpha() and word.islower())
    found = []
    for seed in range(sequences):
        once = np.random.default_rng(seed).choice(len(words), tokens, replace=tokens > len(words)).tolist()
        text = " ".join(words[number] for number in [*once, *once])
        attention = attend_to(*read_words(text, settings, word_files=open_word_files((text,), [settings])))
        if len(attention.query) != 2 * tokens:
            raise OptionError(
                "The probe needs a way to cut that leaves words whole, not --tokens {tokens}.", tokens=settings.tokens
            )
        found.append(score_repeats(attention.weights, 0, tokens))
    return ProbeScores(*(np.mean([one[k] for one in found], axis=0) for k in range(3)))
