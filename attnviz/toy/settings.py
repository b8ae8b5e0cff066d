"""The settings of the toy's layer, and which values are invalid."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.masks import parse_mask
from attnviz.core.option_kinds import NUMBER, TEXT, WHOLE, OptionKind, check_kinds
from attnviz.core.positions import LARGEST_OFFSET, SCHEMES
from attnviz.i18n.messages import Message, Name, message
from attnviz.text.tokenize import TOKENIZERS
from attnviz.toy import PROJECTIONS

MOST_TOKENS = 4096  # in a full table
MOST_SUMMED_UP = 8192  # in a view that shows a row by its strongest, or pools
MOST_BESIDE_KEYS = 16_384  # of one of two texts, whose table may be long and narrow
MOST_WEIGHTS = 2**26  # of all heads together: computing them takes some 3 GB


@dataclass(frozen=True)
class Settings:
    """How the toy's layer computes; change it with dataclasses.replace. A value of None means the default in place.

    tokens: auto, lexicon, char, han, word, space, sentence. embedding: toy, hash, onehot, or the path of a word2vec or
    GloVe text file (.vec, .txt, .gz). dim: for hash, default 32. heads: at least 1, divides dim. projection: auto,
    identity, lexicon, random. position: a key of positions.SCHEMES. mask: none, causal, window:K, window:K,causal.
    temperature: above 0, divides the logits. seed: for what is random, 0 or more. offset: the first position, 0 or
    more. lexicon: files with words of a reader's own for the toy, a path or several.
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
    lexicon: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Take one path, or a list of them, as several."""
        given: Any = self.lexicon
        paths = (given,) if isinstance(given, str | Path) else given
        if isinstance(paths, list | tuple) and all(isinstance(path, str | Path) for path in paths):
            object.__setattr__(self, "lexicon", tuple(map(str, paths)))

    @property
    def causal(self) -> bool:
        """Whether the mask forbids to look ahead."""
        return "causal" in self.mask.lower()


SETTING_KINDS = {
    **dict.fromkeys(("tokens", "embedding", "projection", "mask"), TEXT),
    "position": TEXT.or_none(),
    **dict.fromkeys(("heads", "seed", "offset"), WHOLE),
    "dim": WHOLE.or_none(),
    "temperature": NUMBER,
    "lexicon": OptionKind(tuple, message("a path, or a list of paths")),
}


def check_setting_kinds(settings: Settings) -> None:
    """Raise OptionError for a value of the wrong type."""
    check_kinds(settings, SETTING_KINDS)


def change_settings(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return the settings with some fields changed; OptionError for a field there is not."""
    if not isinstance(settings, Settings):
        raise OptionError("settings are a Settings, not of type {kind}.", kind=type(settings).__name__)
    names = [one.name for one in fields(Settings)]
    for name in changes:
        if name == "model":
            raise OptionError("This computes with the toy's one layer, not with a model.", hint="Leave the model out.")
        if name not in names:
            raise unknown_choice("run()", name, names)
    plain: dict[str, Any] = {name: str(value) if isinstance(value, Path) else value for name, value in changes.items()}
    return replace(settings, **plain)


def check_settings(settings: Settings) -> None:
    """Raise OptionError for a value that cannot be, before anything is computed."""
    from attnviz.toy import lexicon
    from attnviz.toy.embeddings import check_embedding

    check_setting_kinds(settings)
    if settings.tokens not in ("auto", "given", *TOKENIZERS):
        raise unknown_choice("--tokens", settings.tokens, ("auto", *TOKENIZERS))
    check_embedding(settings.embedding)
    if settings.projection not in PROJECTIONS:
        raise unknown_choice("--projection", settings.projection, PROJECTIONS)
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
    temperature = settings.temperature if isinstance(settings.temperature, int) else float(settings.temperature)
    if not 0 < temperature <= sys.float_info.max:
        raise OptionError("--temperature must be a number above 0, not {value}.", value=settings.temperature)
    if settings.seed < 0:
        raise OptionError("--seed must be 0 or more, not {seed}.", seed=settings.seed)
    if not 0 <= settings.offset <= LARGEST_OFFSET:
        raise OptionError(
            "--offset must be from 0 to {largest}, not {offset}.", largest=f"{LARGEST_OFFSET:,}", offset=settings.offset
        )
    if settings.lexicon and settings.embedding != "toy" and settings.tokens != "lexicon":
        raise OptionError(
            "--lexicon adds words to the toy's lexicon, which --embedding {embedding} does not use.",
            hint="Leave it out, or add --tokens lexicon to cut the text by it.",
            embedding=settings.embedding,
        )
    if settings.projection == "lexicon" and settings.embedding != "toy":
        raise OptionError(
            "--projection lexicon is made of the toy's features; it does not fit --embedding {embedding}.",
            hint="Use --projection identity or random.",
            embedding=settings.embedding,
        )


def check_size(
    queries: int, keys: int, heads: int, most: int = MOST_TOKENS, *, cut: str | None = None, views: bool = True
) -> None:
    """Refuse more weights than those of `most` tokens, by default a table that nobody could read; say what it costs.

    All heads together have at most MOST_WEIGHTS. cut, views: as in `too_many`.
    """
    cells = queries * keys
    if cells > most**2:
        raise too_many(Name(f"{max(queries, keys):,}"), most, heads * cells, cut=cut, views=views)
    if heads * cells > MOST_WEIGHTS:
        raise InputError(
            "{heads} heads of {queries} x {keys} tokens have {cells} weights ({size}); at most {most} are computed.",
            hint="Use fewer heads, give a shorter text, or cut it with --tokens sentence."
            if cuts_smaller(cut)
            else "Use fewer heads, or give a shorter text.",
            heads=heads,
            queries=f"{queries:,}",
            keys=f"{keys:,}",
            cells=f"{heads * cells:,}",
            size=_bytes(heads * cells),
            most=f"{MOST_WEIGHTS:,}",
        )


def too_many(
    count: Message | Name, most: int, cells: int | None = None, *, cut: str | None = None, views: bool = True
) -> InputError:
    """Return the error for more tokens than `most`, with the weights that they would have where that is known.

    cut: how a text is cut, None where its tokens are given; one that is cut into sentences has no larger tokens. views:
    whether a view that sums up takes more tokens.
    """
    smaller = cuts_smaller(cut)
    return InputError(
        "The text has {count} tokens, the most that are computed here."
        if cells is None
        else "{count} tokens are more than {most}: the full table would have {cells} weights ({size}).",
        hint=(
            "Use --view top, blocks or text, give a shorter text, or cut it with --tokens sentence."
            if smaller
            else "Use --view top, blocks or text, or give a shorter text."
        )
        if views and most == MOST_TOKENS
        else (
            "Give a shorter text, or cut it into sentences with --tokens sentence."
            if smaller
            else "Give a shorter text."
        ),
        count=count,
        most=f"{most:,}",
        cells=f"{cells or 0:,}",
        size=_bytes(cells or 0),
    )


def cuts_smaller(cut: str | None) -> bool:
    """Return whether `cut` makes tokens that are smaller than sentences; None and "given" are tokens that are given."""
    return cut not in (None, "given", "sentence")


def _bytes(weights: int) -> str:
    gigabytes = 4 * weights / 1e9
    return f"{gigabytes:.1f} GB" if gigabytes >= 0.1 else f"{gigabytes * 1000:.0f} MB"
