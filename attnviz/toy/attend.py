"""Words to attention: the one layer of the toy."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from attnviz.core.attention_data import Attention
from attnviz.core.masks import make_mask
from attnviz.core.positions import Place, positions
from attnviz.core.provenance import Provenance, ToyOrigin
from attnviz.toy import layer as toy
from attnviz.toy import lexicon
from attnviz.toy.settings import Settings
from attnviz.toy.words import Words, how_to_cut


def attend_to(words: Words, settings: Settings, *, hidden: int | None = None) -> Attention:
    """Compute the toy's one layer over the words' vectors; no query may attend to the key of index `hidden`."""
    dim = words.embedded.vectors.shape[1]
    settings = replace(
        settings,
        position=settings.position or "none",
        dim=dim,
        projection=_projection(settings, cross=words.asked is not None),
        tokens=how_to_cut(settings),
    )
    asked = words.asked or words
    queries, keys = len(words.tokens), len(asked.tokens)
    allowed = make_mask(settings.mask, queries, keys)
    if hidden is not None:
        seen = np.arange(keys) != hidden
        allowed = np.tile(seen, (queries, 1)) if allowed is None else allowed & seen
    place = Place(queries, keys, dim, settings.heads, settings.causal, settings.offset, settings.seed)
    trace = toy.layer(
        words.embedded.vectors,
        toy.make_projection(settings.projection, dim, seed=settings.seed),
        key_inputs=None if words.asked is None else asked.embedded.vectors,
        heads=settings.heads,
        positions=positions(settings.position or "none", place),
        allowed=allowed,
        temperature=settings.temperature,
        features=words.embedded.features,
    )
    return Attention(
        query=words.tokens,
        key=asked.tokens,
        weights=trace.weights[None],
        allowed=allowed,
        heads=_head_names(settings),
        source=words.source,
        key_source=None if words.asked is None else words.asked.source,
        output=trace.output,
        traces=(trace,),
        provenance=Provenance(ToyOrigin(**asdict(settings))),
        notes=words.embedded.notes,
    )


def _projection(settings: Settings, *, cross: bool = False) -> str:
    if settings.projection != "auto":
        return settings.projection
    # A sentence looks for what it shares with another, and so does a word of another text.
    asks = settings.embedding == "toy" and settings.tokens != "sentence" and not cross
    return "lexicon" if asks else "identity"


def _head_names(settings: Settings) -> tuple[int | str, ...]:
    """Return the heads' names: a head has one only where it is exactly one of the toy's groups."""
    if settings.embedding == "toy" and settings.heads == len(lexicon.GROUPS):
        return tuple(lexicon.GROUPS)
    return tuple(range(settings.heads))
