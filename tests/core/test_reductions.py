"""Heads reduced to one map: by mean, maximum, rollout, flow, lengths of vectors, and values set to zeros."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from golden_models import load
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near, assert_rows_sum_to_one, assert_states_near
from paths import GOLDEN

import attnviz
from attnviz import Attention, Token
from attnviz.core.errors import InputError, MissingError, OptionError
from attnviz.core.provenance import REDUCTIONS
from attnviz.core.reductions import (
    MOST_FLOW,
    divide_rows,
    flow,
    max_heads,
    mean_heads,
    reduce_attention,
    rollout,
    with_residual,
)
from attnviz.core.value_maps import block_lengths
from attnviz.models.forward import forward

ANSWERS = dict(np.load(GOLDEN / "reductions.npz"))
MAPS = [name for name in ANSWERS if not name.startswith("flow/")]


@st.composite
def layered(draw, most=4):
    """Weights [layers, heads, n, n] of random rows, some layers causal."""
    layers, heads, n = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, most))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = random.dirichlet(np.full(n, 0.5), (layers, heads, n))
    if draw(st.booleans()):
        weights = weights * np.tri(n) + 1e-9 * np.tri(n)
        weights /= weights.sum(axis=-1, keepdims=True)
    return weights.astype(np.float32)


@given(layered())
@settings(max_examples=25, deadline=None)
def test_rollout_sums_over_all_paths(weights):
    """Each number is the sum, over all paths through the layers, of the products of their weights; rows sum to 1."""
    found, joined = rollout(weights), with_residual(weights)
    n, layers = weights.shape[-1], len(weights)
    for i, j in itertools.product(range(n), repeat=2):
        total = sum(
            np.prod([joined[level, path[level + 1], path[level]] for level in range(layers)])
            for path in itertools.product([j], *[range(n)] * (layers - 1), [i])
        )
        assert_near(found[-1, i, j], total)
    assert_rows_sum_to_one(found)


@given(layered())
@settings(max_examples=25, deadline=None)
def test_mean_and_max(weights):
    """Mean and maximum are those over the heads; rows sum to 1, and one head is its own mean and maximum."""
    assert_near(mean_heads(weights), np.mean(weights.astype(np.float64), axis=1))
    largest = np.max(weights.astype(np.float64), axis=1)
    assert_near(max_heads(weights), largest / largest.sum(axis=-1, keepdims=True))
    for one in (mean_heads, max_heads):
        assert_near(one(weights[:, :1]), weights[:, 0])


def max_flow(capacities, source, sink):
    """The largest flow by shortest augmenting paths (Edmonds and Karp 1972), in plain Python."""
    left, total = capacities.copy(), 0.0
    while True:
        before, queue = {source: None}, [source]
        for node in queue:
            for other in np.flatnonzero(left[node] > np.finfo(np.float64).eps):
                if int(other) not in before:
                    before[int(other)] = node
                    queue.append(int(other))
        if sink not in before:
            return total
        path, node = [], sink
        while before[node] is not None:
            path.append((before[node], node))
            node = before[node]
        step = min(left[edge] for edge in path)
        for a, b in path:
            left[a, b] -= step
            left[b, a] += step
        total += step


@given(layered(most=3))
@settings(max_examples=5, deadline=None)
def test_flow_is_the_largest(weights):
    """Each number is the largest flow that another algorithm finds in the same graph; rows are divided by sums."""
    pytest.importorskip("scipy")
    joined, n, layers = with_residual(weights), weights.shape[-1], len(weights)
    capacities = np.zeros(((layers + 1) * n,) * 2)
    for level in range(layers):
        capacities[(level + 1) * n : (level + 2) * n, level * n : (level + 1) * n] = joined[level]
    flows = np.array([[max_flow(capacities, layers * n + i, j) for j in range(n)] for i in range(n)])
    assert_near(flow(weights, [layers - 1])[0], flows / flows.sum(axis=-1, keepdims=True))


def test_flow_is_that_of_networkx():
    """The numbers are NetworkX's (make_reductions.py)."""
    pytest.importorskip("scipy")
    assert_near(flow(ANSWERS["flow/weights"], [2])[0], ANSWERS["flow/flow"])


def test_flow_beyond_its_size():
    """A text with too many tokens is refused before anything is computed; the most that would do is named."""
    n = int((MOST_FLOW / 6) ** 0.25) + 1
    with pytest.raises(InputError, match=f"{n} tokens are too many, at most {n - 1}"):
        flow(np.zeros((6, 1, n, n), dtype=np.float32), [5])


def test_flow_without_scipy(monkeypatch):
    """Where SciPy is missing one line says how to install it."""
    import sys

    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(MissingError, match="the extra"):
        flow(np.full((1, 1, 2, 2), 0.5, dtype=np.float32), [0])
    found = attnviz.run("猫吃鱼", reduce="all")
    assert "flow" not in found.heads
    assert any("flow is left out" in str(note) for note in found.notes)


@pytest.mark.parametrize("name", MAPS)
def test_maps_are_those_of_pytorch(name):
    """Norms and value zeroing equal what PyTorch gives with the modules themselves (make_reductions.py)."""
    model, how = name.split("/")
    config, tensors, answers = load(model)
    assert_states_near(forward(config, tensors, answers["text0_ids"], reduce=how).maps[how], ANSWERS[name])


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "gemma3", "t5", "marian", "modernbert", "qwen3_moe", "gptj"])
def test_lengths_follow_the_weights(name):
    """In every kind of block a row sums to 1, and a token that may not be looked at adds and changes nothing."""
    config, tensors, answers = load(name)
    found = forward(config, tensors, answers["text0_ids"], reduce="all")
    for map_ in (found.maps["norm"], found.maps["value-zeroing"]):
        assert map_.shape == (found.weights.shape[0], *found.weights.shape[2:])
        assert_rows_sum_to_one(map_)
        if found.allowed is not None:
            allowed = np.broadcast_to(found.allowed, found.weights.shape).any(axis=1)
            assert not map_[~allowed].any()


def test_cross_attention_has_no_residual():
    """Between two texts the lengths are those of the heads together, and each source token's value can be zeroed."""
    config, tensors, answers = load("marian")
    given = {"kind": "cross", "target_ids": answers["text0_target_ids"]}
    found = forward(config, tensors, answers["text0_ids"], reduce="all", **given)
    assert_rows_sum_to_one(found.maps["norm"])
    assert_rows_sum_to_one(found.maps["value-zeroing"])
    trace = found.traces[-1]
    assert found.maps["norm"].shape == (3, len(answers["text0_target_ids"]), len(answers["text0_ids"]))
    assert trace.weights.shape[1:] == found.maps["norm"].shape[1:]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_block_lengths_by_hand(seed):
    """Without a norm each number is the length of the heads' weighted values together, plus the residual."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.ones(3), (2, 3))
    value, output, residual = random.normal(size=(2, 3, 2)), random.normal(size=(5, 4)), random.normal(size=(3, 5))
    found = block_lengths(weights, value, output, residual=residual, scale=0.5)
    for i, j in np.ndindex(3, 3):
        vector = sum(0.5 * weights[h, i, j] * output[:, 2 * h : 2 * h + 2] @ value[h, j] for h in range(2))
        assert_near(found[i, j], np.linalg.norm(vector + (residual[i] if i == j else 0)))


def test_the_toys_value_zeroing_is_that_of_a_run_without_the_word():
    """Setting a value to zeros by hand turns the toy's output by what the map says."""
    plain = attnviz.run("猫吃鱼", heads=4)
    (trace,) = plain.traces
    found = attnviz.run("猫吃鱼", heads=4, reduce="value-zeroing").weights[0, 0]
    distances = np.zeros((3, 3))
    width = trace.value.shape[-1]
    matrix = trace.projection.output
    for j in range(3):
        value = trace.value.copy()
        value[:, j] = 0
        merged = np.concatenate(list(trace.weights @ value), axis=-1)
        after = merged if matrix is None else merged @ matrix
        assert merged.shape[1] == width * 4
        for i in range(3):
            lengths = np.linalg.norm(after[i]) * np.linalg.norm(trace.output[i])
            distances[i, j] = 1 - after[i] @ trace.output[i] / lengths
    assert_near(found, distances / distances.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("how", REDUCTIONS)
def test_provenance_says_how(how, tmp_path):
    """One map is left, named by the reduction; every weights format carries how, and reads it again."""
    if how == "flow":
        pytest.importorskip("scipy")
    found = attnviz.run("我喜欢猫", heads=4, mask="causal", reduce=how)
    assert found.heads == (how,)
    assert found.provenance.reduced == how
    assert not found.traces
    for name in ("x.json", "x.npz"):
        found.save(tmp_path / name)
        (again,) = attnviz.load_weights(tmp_path / name)
        assert again.provenance.reduced == how
        assert_near(again.weights, found.weights)
    assert how.split("-")[0] in str(found)


def test_all_shows_where_they_disagree():
    """All reductions stand beside each other, and a further panel has the largest less the smallest of each cell."""
    found = attnviz.run("猫吃鱼", heads=4, reduce="all")
    from attnviz.views.prepared.attention import prepare
    from attnviz.views.prepared.reduction_words import add_disagreement

    form = add_disagreement(prepare(found)[0], found)
    assert len(form.panels) == len(found.heads) + 1
    assert_near(form.panels[-1].values, found.weights[0].max(axis=0) - found.weights[0].min(axis=0))
    assert "They disagree most on" in str(form.notes[-1])
    assert "where they disagree" in str(found)


def test_a_row_to_which_nothing_adds(tmp_path):
    """Where no value is other than zeros the row looks at nothing, in the map and in files that are read again."""
    found = attnviz.run("the cat", mask="causal", reduce="norm")
    assert not found.weights[0, 0, 0].any()
    assert not found.masks[0, 0, 0].any()
    found.save(tmp_path / "x.json")
    (again,) = attnviz.load_weights(tmp_path / "x.json")
    assert_near(again.weights, found.weights)


def test_given_weights():
    """Weights that were given have mean, max, rollout and flow, and no values; layers must be there from the first."""
    weights = np.random.default_rng(0).dirichlet(np.ones(3), (2, 2, 3))
    found = Attention.from_arrays(weights, ["a", "b", "c"])
    assert_near(reduce_attention(found, "rollout").weights[:, 0], rollout(weights.astype(np.float32)))
    for how in ("norm", "value-zeroing"):
        with pytest.raises(MissingError, match="needs the values"):
            reduce_attention(found, how)
    with pytest.raises(MissingError, match="all layers from the first"):
        reduce_attention(found.select(layer=1), "rollout")
    every = reduce_attention(found, "all")
    assert {"mean", "max", "rollout"} <= set(every.heads)
    assert sum("is left out" in str(note) for note in every.notes) >= 2


def test_two_texts_have_no_rollout():
    """Attention between two texts cannot be followed through the layers."""
    for how in ("rollout", "flow"):
        with pytest.raises(InputError, match="follows one text"):
            attnviz.run("猫吃鱼", keys="the cat", reduce=how)
    assert attnviz.run("猫吃鱼", keys="the cat", reduce="norm").weights.shape == (1, 1, 3, 2)


def test_what_may_be_looked_at_follows_the_layers():
    """A token that can be reached through two layers' windows is allowed in the rollout, and not in the mean."""
    band = np.abs(np.subtract.outer(range(5), range(5))) <= 1
    weights = np.broadcast_to(divide_rows(band.astype(np.float32)), (2, 1, 5, 5))
    tokens = tuple(Token(name, i, i + 1) for i, name in enumerate("abcde"))
    found = Attention(tokens, tokens, weights, allowed=band)
    rolled = reduce_attention(found, "rollout")
    assert rolled.masks is not None
    assert rolled.masks[1, 0, 0].tolist() == [True, True, True, False, False]
    assert (rolled.weights[1, 0] > 0).tolist() == rolled.masks[1, 0].tolist()
    assert reduce_attention(found, "mean").masks[1, 0, 0].tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("function", [attnviz.run, attnviz.compare])
def test_unknown_reductions(function):
    """Another name is refused with the nearest one, and a comparison takes one reduction."""
    texts = ("猫吃鱼",) if function is attnviz.run else ("猫吃鱼", "鱼吃猫")
    with pytest.raises(OptionError, match="Did you mean rollout"):
        function(*texts, reduce="rolout")
    if function is attnviz.compare:
        with pytest.raises(OptionError, match="takes one of them"):
            function(*texts, reduce="all")
        assert function(*texts, reduce="norm").runs[0].heads == ("norm",)
