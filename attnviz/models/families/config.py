"""A model's config.json: each value is checked when it is read, and defaults are the family's."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from attnviz.core.errors import InputError

# No number of layers, heads or dimensions of a model is near it; a larger one is a damaged file's.
LARGEST_COUNT = 100_000_000
LARGEST_LAYERS = 10_000
LARGEST_NUMBER = 3e38  # what a model computes with is float32


class Configuration:
    """config.json's keys as Hugging Face writes them; a key that is absent or null has the default.

    Where a value may stand under several names, the first one that is there counts. Every method raises InputError
    for a value of another type or range.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        if not isinstance(values, Mapping):
            raise InputError("A model's config must be an object of named values, not {value!r}.", value=values)
        self.values = values

    def get(self, *names: str) -> Any:
        """Return the first of these values that is there and not null, unchecked; else None."""
        for name in names:
            if self.values.get(name) is not None:
                return self.values[name]
        return None

    def changed(self, **values: Any) -> Configuration:
        """Return the same config with other values of these keys."""
        return Configuration(ChainMap(values, self.values))  # type: ignore[arg-type]  # which is only read

    def count(self, *names: str, default: int, least: int = 1, most: int = LARGEST_COUNT) -> int:
        """Return a whole number from least to most."""
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
                value=_fit_line(value),
            )
        return value

    def optional_count(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number, at least 1, or None where it stands as null; the default where it is absent."""
        if name not in self.values:
            return default
        return None if self.values[name] is None else self.count(name, default=1)

    def number(self, *names: str, default: float) -> float:
        """Return a finite number, at least 0."""
        value = self.get(*names)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= LARGEST_NUMBER:
            raise InputError(
                "The model's config must give {name} as a number, at least 0, not {value!r}.",
                name=names[0],
                value=_fit_line(value),
            )
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InputError(
                "The model's config must give {name} as true or false, not {value!r}.",
                name=name,
                value=_fit_line(value),
            )
        return value

    def word(self, *names: str, default: str) -> str:
        """Return a text."""
        value = self.get(*names)
        if value is None:
            return default
        if not isinstance(value, str):
            raise InputError(
                "The model's config must give {name} as text, not {value!r}.", name=names[0], value=_fit_line(value)
            )
        return value

    def per_layer(self, name: str, layers: int) -> list[Any] | None:
        """Return a list with at least one entry a layer, or None where there is none."""
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
        """Return the number of layers."""
        return self.count(*names, default=default, most=LARGEST_LAYERS)

    def token_ids(self, name: str) -> tuple[int, ...]:
        """Return one token id or a list of them, as a tuple; () where there is none."""
        value = self.get(name)
        if value is None:
            return ()
        given = value if isinstance(value, list | tuple) else [value]
        if not all(_is_token_id(one) for one in given):
            raise InputError(
                "The model's config must give {name} as a token id, or a list of them, not {value!r}.",
                name=name,
                value=_fit_line(value),
            )
        return tuple(given)

    def token_sequences(self, name: str) -> tuple[tuple[int, ...], ...]:
        """Return a list of lists of token ids, none of them empty, as tuples; () where there is none."""
        value = self.get(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple) or not all(
            isinstance(each, list | tuple) and each and all(map(_is_token_id, each)) for each in value
        ):
            raise InputError(
                "The model's config must give {name} as a list of lists of token ids, not {value!r}.",
                name=name,
                value=_fit_line(value),
            )
        return tuple(tuple(each) for each in value)


def equal_heads(dim: int, heads: int) -> int:
    """Return the width of one head where heads share the dimensions equally; raises InputError where they cannot."""
    if dim % heads:
        raise InputError(
            "The model's config gives {heads} heads, which do not divide its {dim} dimensions.", heads=heads, dim=dim
        )
    return dim // heads


def shared_heads(kv_heads: int, heads: int) -> int:
    """Return the number of key and value heads; raises InputError where heads cannot share them equally."""
    if heads % kv_heads:
        raise InputError(
            "The model's config gives {groups} key and value heads, which do not divide its {heads} heads.",
            groups=kv_heads,
            heads=heads,
        )
    return kv_heads


def _is_token_id(value: Any) -> bool:
    return type(value) is int and value >= 0


def _fit_line(value: Any) -> Any:
    """Return the value, or the beginning of its text where that is too long for a line."""
    try:
        text = repr(value)
    except ValueError:  # more digits than Python writes
        return "…"
    return value if len(text) <= 40 else text[:39] + "…"
