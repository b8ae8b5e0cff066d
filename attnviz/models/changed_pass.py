"""A forward pass with a setting changed in some layers or in all: the temperature, the mask, the positions.

The others run as they are. A temperature divides the scores after their cap and bias; a mask takes the place of the
layer's own, and a base that of the config.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from attnviz.core.errors import InputError, OptionError
from attnviz.core.masks import make_mask
from attnviz.core.types import Booleans, Float32, Indexes
from attnviz.models.checkpoint import naming_file
from attnviz.models.families.base import Stack
from attnviz.models.families.hooks import Hook, Sublayer, hooked_too
from attnviz.models.families.layers import finite
from attnviz.models.families.position_change import PositionChange, changed_positions
from attnviz.models.families.registry import written_name
from attnviz.models.forward import run_layer, threads_of
from attnviz.models.generate import probabilities
from attnviz.models.model import Model


@dataclass(frozen=True)
class LayerChange:
    """What is changed: None, False and 1 leave a setting as the model has it.

    temperature: divides all scores. mask: as core.masks.make_mask spells it, in place of the layer's own. same_place:
    every token stands at the first position. base: of the rotary frequencies. layers: those that are changed, None for
    all.
    """

    temperature: float = 1.0
    mask: str | None = None
    same_place: bool = False
    base: float | None = None
    layers: frozenset[int] | None = None

    @property
    def moves(self) -> bool:
        """Whether it changes positions."""
        return self.same_place or self.base is not None


class ChangedOutput(NamedTuple):
    """The output of a pass: weights [layers, heads, query, key] of all layers that have attention, float32.

    layers: their numbers. allowed: each one's mask [query, key], None where all may look. largest: the largest |logit|
    of any layer. hidden [n, dim]: after the final norm. stack: the layers, whose head gives logits.
    """

    weights: Float32
    layers: tuple[int, ...]
    allowed: tuple[Booleans | None, ...]
    largest: float
    hidden: Float32
    stack: Stack


def run_changed(model: Model, ids: Indexes, segments: Indexes, change: LayerChange) -> ChangedOutput:
    """Run a model of one stack on token ids [n] and segment numbers [n] with a change.

    Raises OptionError for what the family cannot change: a base without rotary positions, positions where there are
    none, those of an embedding in one layer alone, scores of a layer that has none.
    """
    network, depth = model.network, model.shape.layers
    own_layers = model.shape.attention_layers
    chosen = frozenset(own_layers) if change.layers is None else change.layers
    own = network.open_stack(ids)
    positions = PositionChange(change.same_place, change.base)
    changing = positions if change.moves else None
    with changed_positions(changing):
        other = network.open_stack(ids)
    hook = _ScoreHook(change, chosen)
    whole = chosen == frozenset(own_layers)
    given = segments if segments.any() and network.has_segments else None
    weights, allowed, largest = [], [], 0.0
    with naming_file(model.checkpoint.path), hooked_too(hook), np.errstate(over="ignore", invalid="ignore"):
        read_before = positions.places_read
        positions.places_read = False
        with changed_positions(changing):
            hidden = np.asfortranarray(other.embed(ids, given))
        if positions.places_read and change.same_place and not whole:
            raise _in_all_layers(model)
        positions.places_read |= read_before
        with threads_of(hidden):
            for number in range(depth):
                stack = other if number in chosen else own
                with changed_positions(changing if number in chosen else None):
                    output = run_layer(stack, number, finite(hidden))
                hidden = output.hidden
                trace = output.self_attention
                if trace is None:
                    continue
                weights.append(trace.weights)
                largest = max(largest, float(np.abs(trace.logits).max(initial=0)))
                allowed.append(_shown_mask(hook.masks.get(number), trace.weights.shape[-1]))
            hidden = finite(own.finish(hidden))
    _check_effect(model, change, positions, hook, chosen)
    return ChangedOutput(np.stack(weights), tuple(own_layers), tuple(allowed), largest, hidden, own)


def next_probabilities(output: ChangedOutput, row: int = -1) -> Float32 | None:
    """Return the probabilities of the next token after a row, [vocabulary]; None for a model without such a head."""
    if not output.stack.shape.causal:
        return None
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            logits = finite(output.stack.score(output.hidden[[row]]))[0]
    except InputError:
        return None
    return probabilities(logits).astype(np.float32)


class _ScoreHook(Hook):
    """Change temperature and mask in some layers; keep each layer's mask, and which layers have scores."""

    def __init__(self, change: LayerChange, layers: Collection[int]) -> None:
        self._change, self._layers = change, layers
        self.masks: dict[int, Booleans | None] = {}

    def mask(self, at: Sublayer, allowed: Booleans | None, shape: tuple[int, int]) -> Booleans | None:
        """Return the mask of a chosen layer, or its own."""
        if self._change.mask is not None and at.layer in self._layers:
            allowed = make_mask(self._change.mask, *shape)
        self.masks[at.layer] = allowed
        return allowed

    def temperature(self, at: Sublayer) -> float:
        """Return the temperature of a chosen layer."""
        return self._change.temperature if at.layer in self._layers else 1.0


def _shown_mask(allowed: Booleans | None, keys: int) -> Booleans | None:
    """Return a mask with a column for a sink, which every token may look at."""
    if allowed is None or allowed.shape[-1] == keys:
        return allowed
    return np.pad(allowed, ((0, 0), (0, keys - allowed.shape[-1])), constant_values=True)


def _check_effect(
    model: Model, change: LayerChange, positions: PositionChange, hook: _ScoreHook, chosen: frozenset[int]
) -> None:
    """Raise OptionError where a change met nothing that it could change."""
    name, family = model.name, written_name(model.shape.family)
    if change.base is not None and not positions.base_read:
        raise OptionError(
            "{name} ({family}) has no rotary positions: there is no base to vary.", name=name, family=family
        )
    if change.same_place and not positions.places_read:
        raise OptionError("{name} ({family}) has no positions that could be taken away.", name=name, family=family)
    missing = sorted(chosen - set(hook.masks))
    if missing and (change.mask is not None or change.temperature != 1):
        raise OptionError(
            "Layer {layer} of {name} ({family}) has no softmax attention: it has no mask and no temperature.",
            hint="Name other layers with --at.",
            layer=missing[0],
            name=name,
            family=family,
        )


def _in_all_layers(model: Model) -> OptionError:
    return OptionError(
        "{name} ({family}) adds positions to its embedding, once for all layers: they cannot differ in one of them.",
        hint="Leave --at out.",
        name=model.name,
        family=written_name(model.shape.family),
    )
