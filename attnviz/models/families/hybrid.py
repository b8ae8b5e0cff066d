"""Decoders in which only some layers have attention: the others mix tokens otherwise, and have no weights to show."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import ClassVar

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.models.families.base import LayerOutput, ModelShape
from attnviz.models.families.config import Configuration
from attnviz.models.families.hooks import active
from attnviz.models.families.layer_kinds import FULL
from attnviz.models.families.layers import convolve_before
from attnviz.models.families.llama import Llama


class Hybrid(Llama):
    """Llama with layers of two kinds, which layer_types names.

    other: the kind of layer that has no attention.
    """

    reads: ClassVar[tuple[str, ...]] = ("layer_types",)
    other: ClassVar[str]

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size and its layers of attention; raises InputError where there is none of them."""
        shape = super().read_shape(config, family)
        kinds = cls.layer_kinds(config, shape.layers)
        if not set(kinds) <= {FULL, cls.other} or FULL not in kinds:
            raise InputError(
                "The model's layer_types must be {attention} or {other}, and at least one {attention}.",
                attention=FULL,
                other=cls.other,
            )
        attending = tuple(number for number, kind in enumerate(kinds) if kind == FULL)
        return shape if len(attending) == shape.layers else replace(shape, attending=attending)

    @classmethod
    def layer_kinds(cls, config: Configuration, layers: int) -> list[str]:
        """Return each layer's kind, as layer_types says; without it, as `usual_kinds` does."""
        given = config.per_layer("layer_types", layers)
        return cls.usual_kinds(config, layers) if given is None else [str(kind) for kind in given[:layers]]

    @classmethod
    @abstractmethod
    def usual_kinds(cls, config: Configuration, layers: int) -> list[str]:
        """Return each layer's kind where the config has no layer_types."""

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run attention or what stands in its place, then the feed-forward layer, each with its norm before it."""
        if number in self.shape.attention_layers:
            return super().forward_layer(number, hidden)
        name = self.layer.format(n=number)
        inputs = self.norm(f"{name}.{self.norms.before_attention}", hidden, self.dim)
        mixed = hidden + self.mix(number, inputs)
        seen = self.norm(f"{name}.{self.norms.before_feed}", mixed, self.dim)
        return LayerOutput(mixed + self.feed(number, seen), None)

    @abstractmethod
    def mix(self, number: int, x: Float32) -> Float32:
        """Return what layer `number`, which has no attention, makes of normed inputs x [n, dim]."""

    def state_before(self, number: int, name: str, shape: tuple[int, ...]) -> Float32:
        """Return what layer `number` knows of the tokens before those that are read: zeros where there are none.

        name: of this state among the layer's.
        """
        state, running = np.zeros(shape, dtype=np.float32), active()
        return state if running is None else running.hook.state_before(number, name, state)

    def keep_state(self, number: int, name: str, state: Float32) -> None:
        """Show an active hook what layer `number` knows of the tokens so far."""
        running = active()
        if running is not None:
            running.hook.state_after(number, name, state)

    def convolve(self, number: int, x: Float32, kernel: Float32) -> Float32:
        """Return the convolution of each feature of x [n, dim], see `convolve_before`, with the tokens before them."""
        before = self.state_before(number, "convolution", (kernel.shape[-1] - 1, x.shape[-1]))
        padded = np.concatenate([before, x])
        self.keep_state(number, "convolution", padded[len(x) :])
        return convolve_before(padded, kernel)
