"""What each head adds: the lengths of weight x v W_o, in every family."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from golden_models import MODELS, load
from hypothesis import given, settings
from hypothesis import strategies as st
from near import assert_near, assert_states_near
from paths import GOLDEN

from attnviz.core import contributions
from attnviz.core.contributions import value_lengths, weighted_lengths
from attnviz.models.contributions import ContributionHook
from attnviz.models.families.hooks import HeadOutputs, Hook, HookChain, Sublayer, hooked
from attnviz.models.forward import forward

NAMES = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())
ANSWERS = dict(np.load(GOLDEN / "contributions.npz"))


def run(name, kind="auto", **options):
    """Run a golden model's first text and measure what its heads add."""
    config, tensors, answers = load(name)
    targets = answers.get("text0_target_ids") if kind in ("decoder", "cross") else None
    return forward(config, tensors, answers["text0_ids"], kind=kind, target_ids=targets, contributions=True, **options)


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_contributions_are_those_of_pytorch(name):
    """They equal the lengths that PyTorch gives with the model's own values and W_o (make_contributions.py)."""
    model, _, kind = name.partition("/")
    assert_states_near(run(model, kind or "auto").contributions, ANSWERS[name])


@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_to_what_the_sublayer_writes(name):
    """In every family each head's weighted values after W_o have these lengths, and sum to the sublayer's output."""
    kinds = ("encoder", "decoder", "cross") if "text0_target_ids" in load(name)[2] else ("auto",)
    for kind in kinds:
        seen = []

        class Watch(Hook):
            def head_outputs(self, at, heads):  # noqa: ARG002
                seen.append((heads.weights, heads.value, heads.projection, heads.gate))  # noqa: B023
                return heads.context

        with hooked(Watch()):
            found = run(name, kind)
        assert found.contributions.shape == found.weights.shape
        own = [one for one in seen if any(np.array_equal(one[0], kept) for kept in found.weights)]
        for trace, lengths, (weights, value, output, gate) in zip(found.traces, found.contributions, own, strict=True):
            by_head = output.T.reshape(len(value), -1, len(output))
            factors = np.ones_like(trace.context) if gate is None else gate
            written = np.einsum("hqk,hkd,hqd,hdm->hqkm", weights[..., : value.shape[1]], value, factors, by_head)
            assert_states_near(lengths[..., : value.shape[1]], np.linalg.norm(written, axis=-1))
            together = written.sum(axis=(0, 2))
            bias = trace.output - together
            assert_near(bias, np.broadcast_to(bias.mean(axis=0), bias.shape), size=trace.output)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_a_length_is_that_of_the_weighted_value(seed, heads, queries, keys):
    """Each number is ||weight x (v W_o)|| of one head, query and key; a sink's column is 0."""
    random = np.random.default_rng(seed)
    weights = random.dirichlet(np.ones(keys + 1), (heads, queries)).astype(np.float32)
    value, output = random.normal(size=(heads, keys, 3)).astype(np.float32), random.normal(size=(5, heads * 3))
    found = weighted_lengths(weights, value_lengths(value, output.astype(np.float32)))
    assert not found[..., keys].any()
    for h, i, j in np.ndindex(heads, queries, keys):
        written = weights[h, i, j] * output[:, 3 * h : 3 * h + 3] @ value[h, j]
        assert_near(found[h, i, j], np.linalg.norm(written), size=output)


def test_large_values_have_finite_lengths():
    """Lengths up to float32's largest number come out, though their squares leave its range."""
    value = np.full((1, 1, 2), 1e30, dtype=np.float32)
    assert value_lengths(value, None)[0, 0] == np.float32(np.sqrt(2) * np.float64(np.float32(1e30)))
    assert np.isfinite(value_lengths(value, np.full((3, 2), 1e5, dtype=np.float32))).all()


def test_a_silenced_head_adds_nothing():
    """A head that another hook sets to zeros has lengths of 0, and the other heads keep theirs."""

    class Silence(Hook):
        def head_outputs(self, at, heads):  # noqa: ARG002
            context = heads.context.copy()
            context[1] = 0
            return context

    plain = run("bert", layers=[0])
    with hooked(Silence()):
        silenced = run("bert", layers=[0])
    assert plain.contributions[0, 1].any()
    assert not silenced.contributions[0, 1].any()
    np.testing.assert_array_equal(silenced.contributions[0, 0], plain.contributions[0, 0])


def test_lengths_of_known_keys_are_kept_where_passes_continue():
    """A continued hook computes the lengths of new keys alone, and gives those of one pass over all keys."""
    random = np.random.default_rng(1)
    value = random.normal(size=(2, 5, 3)).astype(np.float32)
    output = random.normal(size=(4, 6)).astype(np.float32)
    weights = random.dirichlet(np.ones(5), (2, 1)).astype(np.float32)
    context = weights @ value
    at, hook = Sublayer(0, cross=False), ContributionHook(continued=True)
    hook.head_outputs(at, HeadOutputs(context, weights[..., :4], value[:, :4], output))
    spoiled = value.copy()
    spoiled[:, :4] = 0  # known already: not read again
    hook.head_outputs(at, HeadOutputs(context, weights, spoiled, output))
    assert_near(hook.lengths[at], weighted_lengths(weights, value_lengths(value, output)), size=output)


def test_a_chain_passes_on_every_place_of_a_hook():
    """HookChain has a method of its own for each of Hook's: what one hook returns is what the next one sees."""
    places = {name for name, member in vars(Hook).items() if inspect.isfunction(member)}
    assert places <= set(vars(HookChain))

    class Add(Hook):
        def layer_input(self, layer, hidden):  # noqa: ARG002
            return hidden + 1

        def keys_and_values(self, at, key, value):  # noqa: ARG002
            return key + 1, value + 2

    chain = HookChain(Add(), Add())
    assert chain.layer_input(0, np.zeros(1)) == [2]
    key, value = chain.keys_and_values(Sublayer(0, cross=False), np.zeros(1), np.zeros(1))
    assert (key, value) == ([2], [4])


@pytest.mark.parametrize("most", [1, 40, 2**20])
def test_a_gated_length_is_that_of_the_gated_value(monkeypatch, most):
    """Each number is ||weight x (gate * v) W_o||, however many are computed at once; masked pairs and a sink are 0."""
    monkeypatch.setattr(contributions, "_MOST_NUMBERS", most)
    random = np.random.default_rng(3)
    heads, queries, keys, width = 2, 7, 5, 3
    weights = random.dirichlet(np.ones(keys + 1), (heads, queries)).astype(np.float32)
    weights[:, :, :keys] *= np.tri(queries, keys, dtype=bool) & (np.arange(keys) > 0)  # causal, padded on the left
    value = random.normal(size=(heads, keys, width)).astype(np.float32)
    gate = random.uniform(size=(heads, queries, width)).astype(np.float32)
    output = random.normal(size=(5, heads * width)).astype(np.float32)
    found = contributions.gated_lengths(weights, value, gate, output)
    assert not found[..., keys].any()
    assert not found[:, 0].any()
    for h, i, j in np.ndindex(heads, queries, keys):
        written = weights[h, i, j] * output[:, width * h : width * (h + 1)] @ (gate[h, i] * value[h, j])
        assert_near(found[h, i, j], np.linalg.norm(written), size=output)
