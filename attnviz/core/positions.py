"""Positions: what tells a model which word came first.

A scheme adds to the inputs, rotates queries and keys, or adds a bias to the logits, and nothing else in the
program knows which: `SCHEMES` has an entry for each, and `positions` returns the three, unused ones as None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import OptionError, unknown_choice
from attnviz.core.types import Float32, Float64, Floats
from attnviz.i18n.messages import Message, message

ROTARY_BASE = 10000.0
T5_BUCKETS, T5_FARTHEST = 32, 128
LARGEST_OFFSET = 1_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Place:
    """Where a scheme stands: how many tokens there are, how wide they are, in how many heads.

    causal: whether nobody looks ahead. offset: the first position. seed: for numbers that a model would have learned.
    """

    queries: int
    keys: int
    dim: int
    heads: int
    causal: bool = False
    offset: int = 0
    seed: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class Positions:
    """What a scheme does: add [n, dim] to the inputs, rotate [heads, n, d_h], bias [heads, queries, keys]."""

    add: Callable[[int], Float32] | None = None
    rotate: Callable[[Floats], Floats] | None = None
    bias: Float32 | None = None


def sinusoidal(count: int, dim: int, offset: int = 0) -> Float32:
    """Return waves of growing length, [count, dim]: even columns are sines, odd ones cosines, all in [-1, 1].

    PE(pos, 2i) = sin(pos / 10000^(2i/dim)), PE(pos, 2i+1) = cos(the same) (Vaswani et al. 2017, section 3.5).
    An odd dim ends with a sine. `offset` is the first position.

    >>> sinusoidal(1, 4).tolist()
    [[0.0, 1.0, 0.0, 1.0]]
    """
    wavelength = 10000.0 ** (np.arange(0, dim, 2) / dim)
    angle = np.arange(offset, offset + count)[:, None] / wavelength[None, :]
    table = np.empty((count, dim))
    table[:, 0::2] = np.sin(angle)
    table[:, 1::2] = np.cos(angle[:, : dim // 2])
    return table.astype(np.float32)


def learned(count: int, dim: int, offset: int = 0, seed: int = 0) -> Float32:
    """Make up a vector for each position, [count, dim], the same for the same seed: about as long as a word's.

    Normal numbers with |row|^2 = 2 sqrt(dim) on average, where a model has a trained table (Devlin et al. 2019,
    "BERT", section 3, figure 2). A trained table ends, BERT's at 512; this one is made row by row.
    """
    rows = [np.random.default_rng([seed, position]).standard_normal(dim) for position in range(offset, offset + count)]
    spread = np.sqrt(2 / np.sqrt(dim))
    table: Float32 = (np.reshape(rows, (count, dim)) * spread).astype(np.float32)
    return table


def rotary(x: Floats, *, halves: bool = False, offset: int = 0, base: float = ROTARY_BASE) -> Floats:
    """Turn each pair of features by an angle that grows with the position: [..., n, d] -> [..., n, d].

    Pair i of position m turns by m * base^(-2i/d), so that query m and key n fit as their distance m - n says
    (Su et al. 2021, "RoFormer", equations 14 to 16 and 34). A pair is two neighbours, (0, 1), (2, 3), ..., as in the
    paper, or with `halves` feature i and feature i + d/2, as in Llama. Raises OptionError for an odd d.

    >>> rotary(np.array([[1.0, 0.0], [1.0, 0.0]])).round(3).tolist()
    [[1.0, 0.0], [0.54, 0.841]]
    """
    count, dim = x.shape[-2:]
    if dim % 2:
        raise OptionError(
            "Rotary positions rotate features in pairs: each head needs an even number of dimensions, not {dim}.",
            hint="Choose another --dim or --heads, or --embedding hash with a --dim.",
            dim=dim,
        )
    angle = rotary_angles(count, dim, offset=offset, base=base)
    cosine, sine = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)
    return rotate_pairs(x, cosine, sine, halves=halves)


def rotate_pairs(x: Floats, cosine: Floats, sine: Floats, *, halves: bool = False) -> Floats:
    """Rotate the first 2p features of x [..., n, d] in pairs, by angles whose cosine and sine are [n, p].

    The other features stay as they are. halves: which features are a pair, see rotary_pairs.
    """
    width = 2 * cosine.shape[-1]
    first, second = rotary_pairs(width, halves=halves)
    rotated = np.empty_like(x)
    rotated[..., width:] = x[..., width:]
    rotated[..., first] = x[..., first] * cosine - x[..., second] * sine
    rotated[..., second] = x[..., first] * sine + x[..., second] * cosine
    return rotated


def rotary_angles(count: int, dim: int, *, offset: int = 0, base: float = ROTARY_BASE) -> Float64:
    """Return by how much each position turns each feature pair, in radians: m * base^(-2i/dim), [count, dim / 2]."""
    angles: Float64 = np.arange(offset, offset + count)[:, None] * base ** (-np.arange(0, dim, 2) / dim)
    return angles


def rotary_pairs(dim: int, *, halves: bool = False) -> tuple[slice, slice]:
    """Return slices of the features: the first of each pair, and the second of each pair."""
    if halves:
        return slice(0, dim // 2), slice(dim // 2, dim)
    return slice(0, dim, 2), slice(1, dim, 2)


def alibi_slopes(heads: int) -> Float64:
    """Return the slope by which each head's scores fall with distance, [heads], in (0, 1].

    For n heads, a power of two, 2^(-8/n), 2^(-16/n), ... (Press et al. 2022, "Train short, test long", section 3); for
    any other number those of the power below, then every second one of the power above, as the paper's code has it.

    >>> alibi_slopes(2).tolist()
    [0.0625, 0.00390625]
    """
    power = 1 << (heads.bit_length() - 1)
    between = _geometric(2 * power)[0::2][: heads - power]
    slopes: Float64 = np.concatenate([_geometric(power), between])
    return slopes


def _geometric(heads: int) -> Float64:
    slopes: Float64 = np.exp2(-8 / heads * np.arange(1, heads + 1))
    return slopes


def alibi(heads: int, queries: int, keys: int) -> Float32:
    """Return -slope |i - j| for each head's slope, [heads, queries, keys] (Press et al. 2022, figure 3).

    The paper's models look back only; without a causal mask both directions count the same.
    """
    distance = np.abs(np.arange(queries)[:, None] - np.arange(keys)[None, :])
    bias: Float32 = (-alibi_slopes(heads)[:, None, None] * distance).astype(np.float32)
    return bias


def t5_buckets(
    queries: int,
    keys: int,
    *,
    offset: int = 0,
    causal: bool = False,
    buckets: int = T5_BUCKETS,
    farthest: int = T5_FARTHEST,
) -> NDArray[np.int64]:
    """Return the bucket that each distance j - i falls into, [queries, keys], in [0, buckets).

    Half of the buckets hold one distance each, the others grow as logarithms up to `farthest`, the last takes all
    beyond. Looking both ways, each direction has half of them; causal, keys ahead share bucket 0
    (Raffel et al. 2020, "T5", section 2.1). offset: the position of the first query.
    """
    ahead = np.arange(keys)[None, :] - np.arange(offset, offset + queries)[:, None]
    own = buckets if causal else buckets // 2
    first = np.zeros_like(ahead) if causal else own * (ahead > 0)
    distance = np.maximum(-ahead, 0) if causal else np.abs(ahead)
    near = own // 2
    # float32 as the published models have it: a distance on a bucket's edge must fall on the same side.
    growth = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(near)) / np.float32(np.log(farthest / near))
    far = near + (growth * np.float32(own - near)).astype(np.int64)
    found: NDArray[np.int64] = first + np.where(distance < near, distance, np.minimum(far, own - 1))
    return found


def t5_bias(place: Place) -> Float32:
    """Draw a number for each bucket and head, [heads, queries, keys]: normal and seeded, where T5 has learned ones."""
    table = np.random.default_rng(place.seed).standard_normal((T5_BUCKETS, place.heads)).astype(np.float32)
    chosen: Float32 = np.moveaxis(table[t5_buckets(place.queries, place.keys, causal=place.causal)], -1, 0)
    return chosen


@dataclass(frozen=True, eq=False, repr=False)
class Scheme:
    """A position scheme.

    at: what it does at a place. words: its name in a sentence, as in "with sinusoidal positions". bias_words: for a
    scheme with a bias, the sentence of `explain` that says what b is. symmetric: it depends on the distance |i - j|
    alone, so that it cannot tell a text from its mirror image.
    """

    at: Callable[[Place], Positions]
    words: Message
    bias_words: Message | None = None
    symmetric: bool = False


SCHEMES: dict[str, Scheme] = {
    "none": Scheme(lambda _: Positions(), message("no positions"), symmetric=True),
    "sinusoidal": Scheme(
        lambda place: Positions(add=lambda count: sinusoidal(count, place.dim, place.offset)),
        message("sinusoidal positions"),
    ),
    "learned": Scheme(
        lambda place: Positions(add=lambda count: learned(count, place.dim, place.offset, place.seed)),
        message("learned positions"),
    ),
    "rope": Scheme(lambda place: Positions(rotate=lambda x: rotary(x, offset=place.offset)), message("rope positions")),
    "rope-half": Scheme(
        lambda place: Positions(rotate=lambda x: rotary(x, halves=True, offset=place.offset)),
        message("rope-half positions"),
    ),
    "alibi": Scheme(
        lambda place: Positions(bias=alibi(place.heads, place.queries, place.keys)),
        message("alibi positions"),
        message("The position adds b: minus the distance of the two words, times this head's slope."),
        symmetric=True,
    ),
    "t5": Scheme(
        lambda place: Positions(bias=t5_bias(place)),
        message("t5 positions"),
        message("The position adds b: a number for each distance."),
    ),
}


def positions(name: str, place: Place) -> Positions:
    """Return what the scheme `name` does at `place`; raise OptionError for an unknown name."""
    if name not in SCHEMES:
        raise unknown_choice("--position", name, SCHEMES)
    return SCHEMES[name].at(place)


def scheme_words(scheme: str) -> Message:
    """Return what a sentence calls a scheme; one that is not in SCHEMES (a model's own) by its name.

    >>> str(scheme_words("none")), str(scheme_words("t5"))
    ('no positions', 't5 positions')
    """
    return SCHEMES[scheme].words if scheme in SCHEMES else message("{scheme} positions", scheme=scheme)
