"""A model's config.json, read with care: each number is checked when it is asked for, and defaults are the family's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attnviz.core.errors import InputError

# No layer, head or dimension count of a model is near it; a number beyond it is a damaged file.
LARGEST_COUNT = 100_000_000
LARGEST_LAYERS = 10_000
LARGEST_NUMBER = 3e38  # what a model computes with is float32


class Configuration:
    """config.json's keys as Hugging Face writes them; a key that is absent or null has the default.

    Several names stand for one thing where families differ: the first that is there wins.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        if not isinstance(values, Mapping):
            raise InputError("A model's config must be an object of named values, not {value!r}.", value=values)
        self.values = values

    def get(self, *names: str) -> Any:
        """The first of these that is there and not null, as it stands; else None."""
        for name in names:
            if self.values.get(name) is not None:
                return self.values[name]
        return None

    def count(self, *names: str, default: int, least: int = 1, most: int = LARGEST_COUNT) -> int:
        """A whole number from least to most."""
        value = self.get(*names)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InputError(
                "The model's config must give {name} as a whole number from {least} to {most}, not {value!r}.",
                name=names[0],
                least=least,
                most=most,
                value=_short(value),
            )
        return value

    def optional_count(self, name: str, default: int | None = None) -> int | None:
        """A whole number, at least 1, or None where it stands as null; the default where it is absent."""
        if name not in self.values:
            return default
        return None if self.values[name] is None else self.count(name, default=1)

    def number(self, *names: str, default: float) -> float:
        """A finite number, at least 0."""
        value = self.get(*names)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST_NUMBER:
            raise InputError(
                "The model's config must give {name} as a number, at least 0, not {value!r}.",
                name=names[0],
                value=_short(value),
            )
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InputError(
                "The model's config must give {name} as true or false, not {value!r}.", name=name, value=_short(value)
            )
        return value

    def word(self, *names: str, default: str) -> str:
        """A piece of text."""
        value = self.get(*names)
        if value is None:
            return default
        if not isinstance(value, str):
            raise InputError(
                "The model's config must give {name} as text, not {value!r}.", name=names[0], value=_short(value)
            )
        return value

    def per_layer(self, name: str, layers: int) -> list[Any] | None:
        """A list with one entry a layer, or None where there is none."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, list | tuple) or len(value) < layers:
            raise InputError(
                "The model's config must give {name} as a list with an entry for each of the {layers} layers.",
                name=name,
                layers=layers,
            )
        return list(value)

    def layers(self, *names: str, default: int) -> int:
        """How many layers there are."""
        return self.count(*names, default=default, most=LARGEST_LAYERS)


def equal_heads(dim: int, heads: int) -> int:
    """The features of one head where heads share the dimensions equally; raises InputError where they cannot."""
    if dim % heads:
        raise InputError(
            "The model's config gives {heads} heads, which do not divide its {dim} dimensions.", heads=heads, dim=dim
        )
    return dim // heads


def _short(value: Any) -> Any:
    """A value that fits a line: a file may hold anything."""
    try:
        text = repr(value)
    except ValueError:  # more digits than Python writes
        return "…"
    return value if len(text) <= 40 else text[:39] + "…"
