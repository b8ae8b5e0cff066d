"""How attention was computed, in the words of a caption."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from attnviz.core.attention_data import Attention
from attnviz.core.masks import mask_words
from attnviz.core.positions import scheme_words
from attnviz.core.provenance import GivenOrigin, Provenance, ToyOrigin
from attnviz.i18n.decimals import with_power
from attnviz.i18n.messages import Message, listed, message, toy_name
from attnviz.views.prepared.model_words import describe_model, mean_of_layers, switched_off_words


def describe(attention: Attention) -> tuple[Message, ...]:
    """Describe how the attention was computed, part by part."""
    return describe_provenance(attention.provenance, attention.heads, layers=attention.layers)


_PLAIN = ToyOrigin("lexicon", "toy", None, 1, "lexicon", "none", "none", 1.0)
ROWS_ARE_WHOLE = message("each row is one word's attention and sums to 1")
_ROWS_SUM_TO_1 = message("each row sums to 1")


def can_be_brief(provenance: Provenance) -> bool:
    """Return whether a first caption may leave out how it was computed: where the toy or a model computed it."""
    return provenance.model is not None or provenance.toy is not None


def in_brief(
    caption: tuple[Message, ...],
    provenance: Provenance | None = None,
    heads: tuple[int | str, ...] = (),
    layers: tuple[int | str, ...] = (),
    *,
    without: Container[str] = (),
) -> tuple[Message, ...]:
    """Return a caption without how it was computed, and how to see that.

    What a reader changed stays: the toy's settings that are not its defaults, and which heads are off in a model.
    without: the toy's settings that are told elsewhere.
    """
    known: set[str] = set()
    changed: tuple[Message, ...] = ()
    off: tuple[Message, ...] = ()
    if provenance is not None:
        known = {str(part) for part in describe_provenance(provenance, heads, layers=layers)}
        changed = _changed_settings(provenance, heads, without)
        if provenance.model is not None and provenance.model.switched_off is not None:
            off = (switched_off_words(provenance.model.switched_off, provenance.model.heads),)
    known |= {str(part) for part in changed}
    told = (part for part in caption if str(part) not in known)
    return (*changed, *told, *off, message("-v: how it was computed"))


def shortened(caption: tuple[Message, ...], fits: Callable[[tuple[Message, ...]], bool]) -> tuple[Message, ...]:
    """Return the caption such that it `fits`, if it can: with fewer words on what a row is, or without them."""
    shorter = tuple(_short_rows(part) for part in caption)
    shortest = tuple(_without_rows(part) for part in shorter if part != _ROWS_SUM_TO_1)
    return next(filter(fits, (caption, shorter)), shortest)


def _short_rows(part: Message) -> Message:
    """Return what a row is in fewer words, where there are any."""
    if part == ROWS_ARE_WHOLE:
        return _ROWS_SUM_TO_1
    if part.template == "each row is re-normalized to sum to 1; {share} of the weight went to {pieces}":
        return message("each row sums to 1 without {pieces}", pieces=part.fields["pieces"])
    if part.template == "each row is one word's attention; {share} of the weight, not shown, went to {pieces}":
        return message("{share} of the weight, not shown, went to {pieces}", **part.fields)
    return part


def _without_rows(part: Message) -> Message:
    """Return which tokens are not shown, in place of what that does to a row."""
    if part.template in ("each row sums to 1 without {pieces}", "{share} of the weight, not shown, went to {pieces}"):
        return message("without {pieces}", pieces=part.fields["pieces"])
    return part


def _changed_settings(
    provenance: Provenance, heads: tuple[int | str, ...], without: Container[str]
) -> tuple[Message, ...]:
    """Return the toy's settings that are not its defaults, in words; not what follows from another of them."""
    toy = provenance.toy
    if toy is None:
        return ()
    told_elsewhere = {name for name in toy.to_settings() if name in without}
    same = {name for name, value in toy.to_settings().items() if value == getattr(_PLAIN, name)}
    follow = {"dim"} if toy.embedding == _PLAIN.embedding else {"dim", "projection", "tokens"}
    left_out = told_elsewhere | same | follow
    shown = heads if provenance.reduced is None else ()
    return describe_provenance(
        replace(provenance, reduced=None), shown, position="position" not in left_out, without=left_out
    )


def describe_provenance(
    provenance: Provenance,
    heads: tuple[int | str, ...] = (),
    *,
    position: bool = True,
    layers: tuple[int | str, ...] = (),
    without: Container[str] = (),
) -> tuple[Message, ...]:
    """Return the settings in words; one at a value that changes nothing is left out, except positions and mask.

    without: the settings that are told elsewhere, positions among them where `position` is False.
    """
    if provenance.reduced is not None:
        rest = describe_provenance(
            replace(provenance, reduced=None), (), position=position, layers=layers, without=without
        )
        return (*rest, *_reduction_captions(provenance, heads))
    if provenance.model is not None:
        shown = message("{shown} heads", shown=len(heads)) if 1 < len(heads) == provenance.heads else None
        words = shown or _count_heads(provenance.heads, heads, provenance.mean_heads)
        if provenance.least_even:
            words = message("the least even of {count} heads", count=provenance.heads)
        return describe_model(provenance.model, layers, words, provenance.mean_layers)
    s = provenance.toy
    if s is None:
        return _given(provenance, heads, layers)
    moved = "position" in without or s.position != "none"
    makers: dict[str, Callable[[], Message | None]] = {
        "embedding": lambda: _EMBEDDINGS.get(
            s.embedding, message("vectors of {name}", name=PurePath(s.embedding).name)
        ),
        "tokens": lambda: _TOKENS.get(s.tokens),
        "lexicon": lambda: (
            message("with {files}", files=listed(PurePath(path).name for path in s.lexicon)) if s.lexicon else None
        ),
        "dim": lambda: None if s.embedding in ("toy", "onehot") else setting_words("dim", s.dim),
        "projection": lambda: _PROJECTIONS.get(s.projection, setting_words("projection", s.projection)),
        "heads": lambda: _count_heads(s.heads, heads, provenance.mean_heads),
        "position": lambda: scheme_words(s.position or "none") if position else None,
        "mask": lambda: mask_words(s.mask),
        "temperature": lambda: None if s.temperature == 1 else setting_words("temperature", s.temperature),
        "seed": lambda: setting_words("seed", s.seed) if s.seed else None,
        "offset": lambda: setting_words("offset", s.offset) if s.offset and moved else None,
        "normalized": lambda: message("rows divided by their sums") if provenance.normalized else None,
    }
    parts = (maker() for name, maker in makers.items() if name not in without)
    return tuple(part for part in parts if part is not None)


def _reduction_captions(provenance: Provenance, heads: tuple[int | str, ...]) -> tuple[Message, ...]:
    from attnviz.views.prepared.reduction_words import reduction_captions

    return reduction_captions(provenance, heads)


# The settings that have words of their own.
SHORT = ("dim", "position", "mask", "heads", "temperature", "projection", "embedding", "tokens", "seed", "offset")


def setting_words(name: str, value: Any) -> Message:
    """Return one setting and its value in words, short enough for the title of a small picture.

    >>> str(setting_words("heads", 4)), str(setting_words("temperature", 0.5)), str(setting_words("tokens", "han"))
    ('4 heads', 'temperature 0.5', 'tokens: han')
    """
    if name == "dim":
        return message("1 dimension") if value == 1 else message("{dim} dimensions", dim=value)
    makers: dict[str, Callable[[], Message]] = {
        "position": lambda: _SCHEMES.get(value, message("{scheme}", scheme=value)),
        "mask": lambda: _MASKS.get(value) or _window_words(value),
        "heads": lambda: _count_heads(value, ()),
        "temperature": lambda: message("temperature {value}", value=with_power(f"{value:g}")),
        "projection": lambda: message("projection: {name}", name=value),
        "embedding": lambda: message("embedding: {name}", name=PurePath(value).name),
        "tokens": lambda: message("tokens: {name}", name=value),
        "seed": lambda: message("seed {seed}", seed=value),
        "offset": lambda: message("first position {offset}", offset=value),
        "base": lambda: (
            message("own rotary base")
            if value == "own"
            else message("rotary base {base}", base=with_power(f"{value:g}"))
        ),
    }
    return makers[name]()


_SCHEMES = {
    "own": message("own positions"),
    "same": message("one position for all"),
    "none": message("no positions"),
    "sinusoidal": message("sinusoidal"),
    "learned": message("learned"),
}
_MASKS = {"own": message("own mask"), "none": message("no mask"), "causal": message("causal")}


def _window_words(mask: str) -> Message:
    """Return a window mask, window:K or window:K,causal, as the title of a small picture."""
    found = re.fullmatch(r"window:(\d+)(,causal)?", mask)
    if found is None:
        return message("{mask}", mask=mask)
    if found[2]:
        return message("window:{width},causal", width=found[1])
    return message("window:{width}", width=found[1])


def _given(provenance: Provenance, shown: tuple[int | str, ...], layers: tuple[int | str, ...]) -> tuple[Message, ...]:
    """Describe weights that were computed elsewhere: nothing is known of how, so nothing is said of it."""
    parts = [message("your own weights")]
    sizes = provenance.origin if isinstance(provenance.origin, GivenOrigin) else GivenOrigin()
    if sizes.layers is not None and sizes.heads is not None:
        count = message("1 layer") if sizes.layers == 1 else message("{count} layers", count=sizes.layers)
        parts.append(message("{layers} x {heads}", layers=count, heads=_count_heads(sizes.heads, ())))
    if layers == ("mean",) and provenance.mean_layers:
        parts.append(mean_of_layers(provenance.mean_layers, provenance.layers))
    if sizes.heads is not None and (shown == ("mean",) or 0 < len(shown) < sizes.heads):
        parts.append(_count_heads(sizes.heads, shown, provenance.mean_heads))
    elif shown == ("mean",):
        parts.append(message("mean of the heads"))
    if provenance.normalized:
        parts.append(message("rows divided by their sums"))
    return tuple(parts)


def _count_heads(count: int, shown: tuple[int | str, ...], averaged: tuple[int | str, ...] = ()) -> Message:
    """Say how many of `count` heads are shown; averaged: those that a mean is of, where these are not all."""
    if shown == ("mean",) and averaged:
        return message("mean of the heads {heads}", heads=listed(map(toy_name, averaged)))
    if shown == ("mean",):
        return message("mean of {count} heads", count=count)
    if 0 < len(shown) < count:
        return message("{shown} of {count} heads", shown=len(shown), count=count)
    return message("1 head") if count == 1 else message("{count} heads", count=count)


_EMBEDDINGS = {
    "toy": message("toy embedding"),
    "hash": message("hashed vectors"),
    "onehot": message("one-hot vectors"),
    "vectors": message("given vectors"),
}
_TOKENS = {
    "lexicon": message("words of the lexicon"),
    "han": message("words, each Han character by itself"),
    "char": message("characters"),
    "word": message("words by rjieba"),
    "space": message("words between spaces"),
    "sentence": message("sentences"),
}
_PROJECTIONS = {
    "identity": message("Q = K = V = X"),
    "lexicon": message("hand-made W_q, W_k, W_v"),
    "random": message("random projection"),
}
