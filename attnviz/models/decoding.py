"""Greedy decoding: what an encoder-decoder answers, one likeliest token after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attnviz.core.errors import InputError
from attnviz.models.families.base import Float32
from attnviz.models.families.config import Configuration
from attnviz.models.forward import Request, Run, Tensors, climb, token_ids

LIMIT = 128


def decode_greedily(
    config: Mapping[str, Any], tensors: Tensors, ids: Sequence[int], *, limit: int = LIMIT
) -> tuple[int, ...]:
    """The ids that a T5 or Marian model answers to a text, its start token first and its end token last.

    The likeliest token is taken until it is the end token, or `limit` tokens stand there (the last of them is
    forced_eos_token_id where the config has one). Tokens in bad_words_ids are never taken; Marian's padding token is
    one of them where the config is silent. Given as target_ids without their last one, they are the rows of the
    cross-attention that chose each next token. Raises InputError for a model that has no decoder.
    """
    run = Run(config, tensors)
    if not run.shape.encoder_decoder:
        raise InputError("A {family} model has no decoder that answers a text.", family=run.family)
    answer, ends, forbidden = [start_token(config)], _ends(run.config), _forbidden(run)
    memory, last = run.encoded(token_ids(ids)), Request(layers=(), logits=[-1])

    def scores(answer: list[int]) -> Float32 | None:
        targets = token_ids(answer)
        return climb(run.decoder(targets, memory), targets, last).logits

    limit = max(2, min(limit, run.shape.positions or limit))
    forced = run.config.get("forced_eos_token_id")
    while len(answer) < limit:
        if len(answer) == limit - 1 and isinstance(forced, int):
            answer.append(forced)
        else:
            answer.append(_likeliest(scores(answer), forbidden))
        if answer[-1] in ends:
            break
    return tuple(answer)


def start_token(config: Mapping[str, Any]) -> int:
    """The id that a decoder's text begins with: decoder_start_token_id, or the padding token's."""
    read = Configuration(config)
    default = 58100 if read.get("model_type") == "marian" else 0
    return read.count("decoder_start_token_id", "pad_token_id", default=default, least=0)


def _likeliest(scores: Float32 | None, forbidden: list[int]) -> int:
    row = np.array(scores).reshape(-1)
    row[forbidden] = -np.inf
    return int(row.argmax())


def _ends(config: Configuration) -> tuple[int, ...]:
    """eos_token_id, one or several; the families' own where the config is silent."""
    given = config.get("eos_token_id")
    if isinstance(given, list | tuple):
        return tuple(int(one) for one in given)
    return (config.count("eos_token_id", default=0 if config.get("model_type") == "marian" else 1, least=0),)


def _forbidden(run: Run) -> list[int]:
    """The single tokens of bad_words_ids that the vocabulary has."""
    given = run.config.get("bad_words_ids")
    if given is None and run.family == "marian":
        given = [[run.config.count("pad_token_id", default=58100, least=0)]]
    vocabulary = run.shape.target_vocabulary or run.shape.vocabulary
    return [one[0] for one in given or () if len(one) == 1 and 0 <= one[0] < vocabulary]
