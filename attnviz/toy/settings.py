"""How attention is computed: what can be set, and what cannot be."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.masks import parse_mask
from attnviz.core.positions import LARGEST_OFFSET, SCHEMES
from attnviz.i18n.messages import Message, message
from attnviz.text.merge_pieces import MERGES
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy import layer as toy
from attnviz.toy import lexicon
from attnviz.toy.embeddings import check_embedding

MOST_TOKENS = 4096  # in a full table
MOST_SUMMED_UP = 8192  # in a view that shows a row by its strongest, or pools


@dataclass(frozen=True)
class Computing:
    """How the toy's layer computes. A value of None means the default in place.

    tokens: auto, lexicon, char, han, word, space, sentence. embedding: toy, hash, onehot, or the path of a word2vec or
    GloVe text file (.vec, .txt, .gz). dim: for hash, default 32. heads: at least 1, divides dim. projection: auto,
    identity, lexicon, random. position: a key of positions.SCHEMES. mask: none, causal, window:K, window:K,causal.
    temperature: above 0, divides the logits. seed: for what is random, 0 or more. offset: the first position, 0 or
    more.
    """

    tokens: str = "auto"
    embedding: str = "toy"
    dim: int | None = None
    heads: int = 1
    projection: str = "auto"
    position: str | None = None
    mask: str = "none"
    temperature: float = 1.0
    seed: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Settings(Computing):
    """How attention is computed; change it with dataclasses.replace. What Computing has, and what goes with a model.

    model: a reference to a real model, which has tokens, vectors, heads, positions and a mask of its own (see
    models.loaded.load); download: fetch it where it is not here. pair: a second segment. merge: none, char or word.
    no_special: hide [CLS] and the like; renormalize: rows over the rest sum to 1. window, stride: slide over a text
    that is longer than the model can take. attention: auto, or which of an encoder-decoder's.
    """

    model: str | None = None
    download: bool = False
    pair: str | None = None
    merge: str = "char"
    no_special: bool = False
    renormalize: bool = False
    window: int | None = None
    stride: int | None = None
    attention: str = "auto"


# The settings that a real model takes; it has its own in place of all the others.
FOR_MODELS = tuple(one.name for one in fields(Settings) if one.name not in Computing.__dataclass_fields__)


def with_options(settings: Settings, options: dict[str, Any]) -> Settings:
    """The settings with some fields changed; OptionError for a field there is not."""
    for name in options:
        if name not in Settings.__dataclass_fields__:
            raise unknown_choice("run()", name, Settings.__dataclass_fields__)
    options = {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
    return replace(settings, **options)


def check(settings: Settings) -> None:
    """Raise OptionError for a value that cannot be, before anything is computed."""
    _check_types(settings)
    _check_company(settings)
    if settings.merge not in MERGES:
        raise unknown_choice("--merge", settings.merge, MERGES)
    if settings.tokens not in ("auto", "given", *TOKENIZERS):
        raise unknown_choice("--tokens", settings.tokens, ("auto", *TOKENIZERS))
    check_embedding(settings.embedding)
    if settings.projection not in toy.PROJECTIONS:
        raise unknown_choice("--projection", settings.projection, toy.PROJECTIONS)
    if settings.position is not None and settings.position not in SCHEMES:
        raise unknown_choice("--position", settings.position, SCHEMES)
    parse_mask(settings.mask)
    if settings.heads < 1:
        raise OptionError("--heads must be at least 1, not {heads}.", heads=settings.heads)
    if settings.embedding == "toy" and settings.heads not in (1, 2, len(lexicon.GROUPS)):
        raise OptionError(
            "The toy's features come in {groups} groups: --heads must be 1, 2 or {groups}, not {heads}.",
            hint="For other numbers use --embedding hash.",
            groups=len(lexicon.GROUPS),
            heads=settings.heads,
        )
    if not (np.isfinite(settings.temperature) and settings.temperature > 0):
        raise OptionError("--temperature must be a number above 0, not {value}.", value=settings.temperature)
    if settings.seed < 0:
        raise OptionError("--seed must be 0 or more, not {seed}.", seed=settings.seed)
    if not 0 <= settings.offset <= LARGEST_OFFSET:
        raise OptionError(
            "--offset must be from 0 to {largest}, not {offset}.", largest=f"{LARGEST_OFFSET:,}", offset=settings.offset
        )
    if settings.projection == "lexicon" and settings.embedding != "toy":
        raise OptionError(
            "--projection lexicon is made of the toy's features; it does not fit --embedding {embedding}.",
            hint="Use --projection identity or random.",
            embedding=settings.embedding,
        )


# What a field's annotation allows, and how that is called.
_TYPES: dict[str, tuple[type, Message]] = {
    "str": (str, message("a text")),
    "int": (Integral, message("a whole number")),
    "float": (Real, message("a number")),
    "bool": (bool, message("true or false")),
}


def _check_types(settings: Settings) -> None:
    for one in fields(settings):
        value, (kind, *or_none) = getattr(settings, one.name), str(one.type).split(" | ")
        expected, words = _TYPES[kind]
        fits = isinstance(value, expected) and (kind == "bool" or not isinstance(value, bool))
        if not fits and not (or_none and value is None):
            option = f"--{one.name.replace('_', '-')}"
            raise OptionError("{option} must be {expected}, not {value!r}.", option=option, expected=words, value=value)


def _check_company(settings: Settings) -> None:
    """A model's settings go with a model, and the toy's without one."""
    for one in fields(settings):
        if getattr(settings, one.name) == one.default or one.name == "model":
            continue
        option = f"--{one.name.replace('_', '-')}"
        if settings.model is None and one.name in FOR_MODELS:
            raise OptionError("{option} goes with --model.", option=option)
        if settings.model is not None and one.name not in FOR_MODELS:
            raise OptionError("{option} is for the toy: a model has its own.", hint="Leave it out.", option=option)
    if settings.renormalize and not settings.no_special:
        raise OptionError("--renormalize goes with --no-special: without it every row sums to 1 already.")


def check_size(queries: int, keys: int, heads: int, most: int = MOST_TOKENS) -> None:
    """Refuse more weights than those of `most` tokens, by default a table that nobody could read; say what it costs."""
    if queries * keys > most**2:
        gigabytes = 4 * heads * queries * keys / 1e9
        raise InputError(
            "{count} tokens are more than {most}: the full table would have {cells} weights ({size}).",
            hint="Look with --view top, blocks or text, give a shorter text, or cut it with --tokens sentence."
            if most == MOST_TOKENS
            else "Give a shorter text, or cut it into sentences with --tokens sentence.",
            count=f"{max(queries, keys):,}",
            most=f"{most:,}",
            cells=f"{heads * queries * keys:,}",
            size=f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{gigabytes * 1000:.0f} MB",
        )
