"""What a hook sees of a pass and what it may change, in every family."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from golden_models import MODELS, load
from near import assert_near, assert_states_near

from attnviz.core.attention import merge_heads
from attnviz.models.families.hooks import Hook, Sublayer, active, hooked
from attnviz.models.families.registry import shape_of
from attnviz.models.forward import forward

NAMES = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())


def run(name, hook=None, **options):
    """Run a golden model's first text under a hook; the decoder of one that has two stacks."""
    config, tensors, answers = load(name)
    targets = answers.get("text0_target_ids")
    with hooked(hook):
        return forward(config, tensors, answers["text0_ids"], target_ids=targets, **options)


@dataclass
class Watcher(Hook):
    """A hook that changes nothing and keeps what it saw of each sublayer, in order."""

    seen: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    outputs: list = field(default_factory=list)

    def layer_input(self, layer, hidden):
        self.inputs.append((layer, hidden.shape))
        return hidden

    def layer_output(self, layer, hidden, attention, cross_attention):
        self.outputs.append((layer, hidden.shape))
        assert attention is None or len(attention.weights.shape) == 3
        assert attention is not None or cross_attention is None
        return hidden

    def head_outputs(self, at, heads):
        self.seen.append((at, *heads[:4]))
        return heads.context


@pytest.mark.parametrize("name", NAMES)
def test_a_hook_sees_every_sublayer_once(name):
    """It sees each layer's attention once, under its number, and changes no bit of the pass."""
    watcher = Watcher()
    watched, alone = run(name, watcher), run(name)
    assert active() is None
    np.testing.assert_array_equal(watched.weights, alone.weights)
    np.testing.assert_array_equal(watched.hidden, alone.hidden)
    _, _, answers = load(name)
    if answers.get("text0_target_ids") is None:
        shape = shape_of(load(name)[0])
        assert [at for at, *_ in watcher.seen] == [Sublayer(number, cross=False) for number in shape.attention_layers]
        assert [layer for layer, _ in watcher.inputs] == list(range(shape.layers))
        for (_, context, weights, *_), trace in zip(watcher.seen, alone.traces, strict=True):
            np.testing.assert_array_equal(weights, trace.weights)
            np.testing.assert_array_equal(context, trace.context if trace.gate is None else trace.context * trace.gate)
        assert watcher.outputs == watcher.inputs
    else:
        decoder = [at for at, *_ in watcher.seen][-2 * len(alone.layers) :]
        assert decoder == [Sublayer(number, cross) for number in alone.layers for cross in (False, True)]


class Silencer(Hook):
    """Set one head's output in one layer to 0."""

    def __init__(self, layer, head):
        self.layer, self.head, self.bias = layer, head, None

    def head_outputs(self, at, heads):
        if at.layer != self.layer:
            return heads.context
        context = heads.context.copy()
        context[self.head] = 0
        return context


@pytest.mark.parametrize("name", [name for name in NAMES if "text0_target_ids" not in load(name)[2]])
def test_a_silenced_head_is_missing_from_its_layer(name):
    """The layer's output loses what the head wrote, x W_o of its columns, and layers below do not change."""
    watcher = Watcher()
    plain = run(name, watcher)
    last = len(plain.layers) - 1
    silenced = run(name, Silencer(plain.layers[last], 0))
    np.testing.assert_array_equal(silenced.weights[: last + 1], plain.weights)
    _, context, _, _, output = watcher.seen[last]
    alone = np.zeros_like(context)
    alone[0] = context[0]
    wrote = merge_heads(alone) @ output.T
    assert_near(silenced.traces[last].output, plain.traces[last].output - wrote, size=plain.traces[last].output)


def test_a_layer_can_read_other_hidden_states():
    """Hidden states that a hook puts in place of a layer's input lead to the pass that had them."""
    name = next(name for name in NAMES if name.startswith("llama"))
    kept = {}

    class Keep(Hook):
        def layer_input(self, layer, hidden):
            kept[layer] = hidden
            return hidden

    class Replace(Hook):
        def layer_input(self, layer, hidden):
            return kept[1] if layer == 1 else hidden

    class Spoil(Replace):
        def layer_input(self, layer, hidden):
            return super().layer_input(layer, hidden * 2 if layer == 0 else hidden)

    whole = run(name, Keep())
    assert_states_near(run(name, Spoil()).hidden, whole.hidden)
