"""Positions: the waves are the paper's, and each scheme says what it adds, rotates or biases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from near import assert_apart, assert_near, assert_near64, assert_within
from paths import GOLDEN

from attnviz import run
from attnviz.analysis.comparison import align
from attnviz.core.errors import OptionError
from attnviz.core.positions import (
    SCHEMES,
    Place,
    alibi,
    alibi_slopes,
    learned,
    positions,
    rotary,
    sinusoidal,
    t5_bias,
    t5_buckets,
)

ANSWERS = np.load(GOLDEN / "attention.npz")
PUBLISHED = np.load(GOLDEN / "positions.npz")
ADDING = ("sinusoidal", "learned")


def test_pytorch_gives_the_same_waves():
    """The table is that of The Annotated Transformer, computed by PyTorch in float64 with exp and log."""
    assert_near(sinusoidal(*ANSWERS["waves"].shape), ANSWERS["waves"])


@given(st.integers(0, 8), st.integers(1, 9), st.integers(0, 1000))
def test_each_number(count, dim, offset):
    """PE(pos, 2i) is a sine and PE(pos, 2i+1) a cosine of pos / 10000^(2i/dim); an odd dim ends with a sine."""
    table = sinusoidal(count, dim, offset)
    assert table.dtype == np.float32
    assert table.shape == (count, dim)
    for row in range(count):
        for column in range(dim):
            angle = (row + offset) / 10000 ** (column // 2 * 2 / dim)
            assert_near(table[row, column], (math.sin, math.cos)[column % 2](angle))


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 50))
def test_offset_is_a_later_start(count, dim, offset):
    """A table that begins at `offset` is the end of a longer one that begins at 0."""
    np.testing.assert_array_equal(sinusoidal(count, dim, offset), sinusoidal(offset + count, dim)[offset:])


def test_every_place_is_its_own():
    """No two of the first 1000 positions have the same row, not even nearly."""
    table = sinusoidal(1000, 32).astype(float)
    distance = np.linalg.norm(table[:, None, :2] - table[None, :, :2], axis=-1) + np.linalg.norm(
        table[:, None, 2:] - table[None, :, 2:], axis=-1
    )
    assert (distance + np.eye(1000) > 0.1).all()


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_every_scheme_fits_its_place(name):
    """What a scheme adds, rotates or biases has the shape of its place and is float32."""
    place = Place(queries=5, keys=5, dim=16, heads=4)
    scheme = positions(name, place)
    if scheme.add is not None:
        assert scheme.add(5).shape == (5, 16)
        assert scheme.add(5).dtype == np.float32
    if scheme.rotate is not None:
        assert scheme.rotate(np.ones((4, 5, 4), dtype=np.float32)).shape == (4, 5, 4)
    if scheme.bias is not None:
        assert np.broadcast_shapes(scheme.bias.shape, (4, 5, 5)) == (4, 5, 5)


def test_none_does_nothing():
    """Without positions nothing is added, rotated or biased."""
    scheme = positions("none", Place(3, 3, 8, 1))
    assert (scheme.add, scheme.rotate, scheme.bias) == (None, None, None)


def test_sinusoidal_adds():
    """The scheme sinusoidal adds the table, and nothing else."""
    scheme = positions("sinusoidal", Place(3, 3, 8, 1))
    np.testing.assert_array_equal(scheme.add(3), sinusoidal(3, 8))
    assert (scheme.rotate, scheme.bias) == (None, None)


@pytest.mark.parametrize(("name", "near"), [("sinusoid", "Did you mean sinusoidal"), ("xyz", "none, sinusoidal")])
def test_unknown_scheme(name, near):
    """An unknown scheme is wrong usage; the error lists the schemes and names a near one."""
    with pytest.raises(OptionError, match=near):
        positions(name, Place(3, 3, 8, 1))


@pytest.mark.parametrize("halves", [False, True])
def test_rotary_is_that_of_published_models(halves):
    """Neighbours turn as in GPT-J, halves as in Llama, from position 7 on."""
    turned = rotary(PUBLISHED["rotary_x"], halves=halves, offset=7)
    assert turned.dtype == np.float32
    assert_near(turned, PUBLISHED["rotary_halves" if halves else "rotary_pairs"])


@pytest.mark.parametrize("heads", [1, 2, 3, 5, 8, 12, 20])
def test_alibi_is_that_of_bloom(heads):
    """BLOOM adds slope times the key's position: the same up to a constant in a row, which softmax does not see."""
    ours, theirs = alibi(heads, 9, 9)[:, -1], PUBLISHED[f"alibi_{heads}"]
    assert_near(ours - ours[:, :1], theirs - theirs[:, :1])


@pytest.mark.parametrize("causal", [False, True])
def test_t5_buckets_are_those_of_t5(causal):
    """Each distance from -300 to 300 falls into the bucket that transformers' T5 puts it in."""
    ours = np.concatenate([t5_buckets(301, 301, causal=causal)[-1, :-1], t5_buckets(301, 301, causal=causal)[0]])
    np.testing.assert_array_equal(ours, PUBLISHED["t5_causal" if causal else "t5_both"])


def test_learned_is_added_as_in_bert(monkeypatch):
    """With BERT's own table in the place of the seeded one, the sums are BERT's."""
    monkeypatch.setattr(
        "attnviz.core.positions.learned", lambda n, _dim, offset, _seed: PUBLISHED["learned_table"][offset:][:n]
    )
    scheme = positions("learned", Place(5, 5, 8, 1, offset=3))
    assert_near(PUBLISHED["learned_bare"] + scheme.add(5), PUBLISHED["learned_placed"])


@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 60), st.integers(0, 3))
def test_learned_table(count, dim, offset, seed):
    """The table is the same for the same seed, another for another, and begins at the offset; float32."""
    table = learned(count, dim, offset, seed)
    assert (table.dtype, table.shape) == (np.float32, (count, dim))
    np.testing.assert_array_equal(table, learned(offset + count, dim, 0, seed)[offset:])
    assert not count or not np.array_equal(table, learned(count, dim, offset, seed + 1))


def test_learned_is_as_long_as_a_word():
    """A position's vector is about as long as a word's, |p|^2 = 2 sqrt(dim), so that both count."""
    squares = (learned(500, 64) ** 2).sum(axis=1)
    assert_within(squares.mean() / (2 * 8), 1, 0.03, "the mean of 500 drawn lengths")


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 500), st.booleans(), st.integers(0, 99))
def test_rotary_fits_by_distance(first, second, offset, halves, seed):
    """A turned query and a turned key fit as their distance says, wherever they stand; lengths stay."""
    q, k = np.random.default_rng(seed).standard_normal((2, 1, 8))
    turned_q = rotary(np.repeat(q, 21, axis=0), halves=halves, offset=offset)
    turned_k = rotary(np.repeat(k, 41, axis=0), halves=halves)
    there = turned_q[first] @ rotary(np.repeat(k, 21, axis=0), halves=halves, offset=offset)[second]
    here = turned_k[20] @ rotary(np.repeat(q, 41, axis=0), halves=halves)[20 + first - second]
    assert_near64(there, here, size=offset + 41)  # an angle is as exact as its position is large
    assert_near64(np.linalg.norm(turned_q, axis=1), np.linalg.norm(q))


@pytest.mark.parametrize("name", ["rope", "rope-half"])
def test_rotary_needs_pairs(name):
    """An odd number of dimensions a head is wrong usage."""
    with pytest.raises(OptionError, match="even number of dimensions, not 5"):
        run("a b c", embedding="hash", dim=15, heads=3, position=name)


@given(st.integers(1, 70), st.integers(1, 9), st.integers(1, 9))
def test_alibi_falls_by_its_slope(heads, queries, keys):
    """Each step away costs a head its slope, both ways; slopes are distinct and from 1 down to 2^-8."""
    bias, slopes = alibi(heads, queries, keys), alibi_slopes(heads)
    assert (bias.dtype, bias.shape, slopes.shape) == (np.float32, (heads, queries, keys), (heads,))
    assert len(set(slopes)) == heads
    assert (slopes <= 1).all()
    assert (slopes >= 2**-8).all()
    for i in range(queries):
        for j in range(keys):
            assert_near(bias[:, i, j], -slopes * abs(i - j))


@given(st.booleans(), st.integers(1, 30), st.integers(0, 20))
def test_t5_depends_on_the_distance(causal, count, seed):
    """The bias is one number a head and distance; causal, everything ahead is one bucket."""
    bias = t5_bias(Place(count, count, 8, 3, causal=causal, seed=seed))
    assert (bias.dtype, bias.shape) == (np.float32, (3, count, count))
    np.testing.assert_array_equal(bias[:, 1:, 1:], bias[:, :-1, :-1])
    buckets = t5_buckets(count, count, causal=causal)
    assert ((buckets >= 0) & (buckets < 32)).all()
    assert not causal or (buckets[np.triu_indices(count)] == 0).all()


@pytest.mark.parametrize("name", sorted(SCHEMES))
@pytest.mark.parametrize("mask", ["none", "causal"])
def test_offset(name, mask):
    """Another first position changes what is added, and nothing where only the distance counts."""
    text = "小猫在桌子上吃鱼"
    here, there = (run(text, position=name, mask=mask, heads=2, offset=offset).weights for offset in (0, 40))
    if name in ADDING:
        assert np.abs(here - there).max() > 0.01
    else:
        assert_near(here, there, size=40)  # an angle is as exact as its position is large


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_only_none_is_equivariant(name):
    """A fixed reordering that is no mirror image gives the same weights word by word for none, for no other scheme."""
    first, second = "吃 猫 鱼 狗 水", "鱼 猫 水 吃 狗"
    a, b = run(first, tokens="space", position=name), run(second, tokens="space", position=name)
    order = list(align(a.tokens, b.tokens).b)
    if name == "none":
        assert_near(a.weights, b.weights[:, :, order][..., order])
    else:
        assert_apart(a.weights, b.weights[:, :, order][..., order])
