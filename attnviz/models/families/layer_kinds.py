"""Decoders whose layers are of two kinds: most see a window, some the whole text, each with a rotation of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from attnviz.models.families.config import Configuration
from attnviz.models.families.llama import Llama
from attnviz.models.families.rotary import Rotation, longest_text, rotary_kind

SLIDING, FULL = "sliding_attention", "full_attention"


class LayerKinds(Llama):
    """A decoder in which layer_types, or else a pattern, says which layers see a window.

    pattern: every how many layers one sees the whole text. default_window: the window where the config is silent.
    """

    reads: ClassVar[tuple[str, ...]] = ("layer_types", "sliding_window", "sliding_window_pattern")
    pattern: ClassVar[int] = 2
    default_window: ClassVar[int | None] = 4096

    @cached_property
    def kinds(self) -> Sequence[str]:
        """Return for each layer whether it sees a window or the whole text."""
        given = self.config.per_layer("layer_types", self.shape.layers)
        if given is not None:
            return [str(kind) for kind in given[: self.shape.layers]]
        every = self.config.count("sliding_window_pattern", default=self.pattern)
        return [SLIDING if (number + 1) % every else FULL for number in range(self.shape.layers)]

    @cached_property
    def windows(self) -> Sequence[int | None]:
        """Return sliding_window for the layers that see a window."""
        width = self.config.optional_count("sliding_window", self.default_window)
        return [width if kind == SLIDING else None for kind in self.kinds]


class TwoRotations(LayerKinds):
    """Such a decoder with a rotation for each kind of layer.

    default_thetas: the bases of whole layers and of those with a window.
    """

    reads: ClassVar[tuple[str, ...]] = ("rope_local_base_freq",)
    default_thetas: ClassVar[tuple[float, float]] = (1_000_000.0, 10_000.0)

    @classmethod
    def read_positions(cls, config: Configuration) -> int:
        """Return the most tokens that the model can take."""
        return longest_text(cls.rotary_values(config, FULL), cls.keys.positions[1])

    @classmethod
    def rotary_values(cls, config: Configuration, kind: str) -> Configuration:
        """Return the config with the rotary values of one kind of layer; older configs scale only whole layers."""
        whole, local = cls.default_thetas
        if kind == SLIDING:
            return rotary_kind(config, kind, rope_theta=config.number("rope_local_base_freq", default=local))
        scaling = config.get("rope_scaling")
        theta = config.number("rope_theta", default=whole)
        return rotary_kind(config, kind, **{"rope_theta": theta, **(scaling if isinstance(scaling, dict) else {})})

    def read_rotation(self, config: Configuration) -> Rotation:
        """Return the rotation of the layers that see the whole text."""
        return super().read_rotation(self.rotary_values(config, FULL))

    @cached_property
    def local_rotation(self) -> Rotation:
        """Return the rotation of the layers that see a window."""
        return super().read_rotation(self.rotary_values(self.config, SLIDING))

    def rotation_of(self, number: int) -> Rotation:
        """Return the rotation of layer `number`."""
        return self.local_rotation if self.kinds[number] == SLIDING else self.rotation
