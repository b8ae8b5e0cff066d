"""Rotary positions (Su et al. 2021): queries and keys are turned by an angle that grows with their place.

The ways to stretch them beyond the length a model was trained on are a table, `SCALINGS`: each gives the angle a
token turns per position, for each pair of features, and a factor on what comes out. All is float32, in the order in
which Hugging Face's library computes it: at position 1000 a rounding of the angle is visible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.i18n.messages import listed
from attnviz.models.families.config import Configuration

Float32 = NDArray[np.float32]


class Rotary(NamedTuple):
    """cosine and sine, [n, turned features]: what `rotate` turns with."""

    cosine: Float32
    sine: Float32


class Plan(NamedTuple):
    """What a scaling knows: how many features are turned, the base, the config's values, the text's length."""

    dim: int
    base: float
    values: Configuration
    longest: int
    original: int
    tokens: int


class Turns(NamedTuple):
    """Angles per position, [dim / 2], and the factor on cosine and sine."""

    frequencies: Float32
    factor: float = 1.0


def rotary(config: Configuration, head_dim: int, count: int, **defaults: Any) -> Rotary:
    """Cosines and sines for `count` positions, as a model's config plans them.

    Reads rope_parameters, or rope_scaling with rope_theta beside it. defaults, where the config is silent: theta,
    share (of a head's features), longest (max_position_embeddings), original (length of the training); names: what
    the family calls theta and share (without a name for it the whole head is turned); aliases: other names of
    scalings. Raises InputError for an unknown scaling or numbers that are missing.
    """
    name, plan = _plan(config, head_dim, count, defaults)
    frequencies, factor = SCALINGS[name](plan)
    angles = np.arange(count, dtype=np.float32)[:, None] * frequencies[None, :]
    angles = np.concatenate([angles, angles], axis=1)
    return Rotary(np.cos(angles) * np.float32(factor), np.sin(angles) * np.float32(factor))


def rotate(x: Float32, turn: Rotary) -> Float32:
    """Turn each pair (i, i + d/2) of the first d features of x [heads, n, d_h] (Su et al. 2021, equation 34)."""
    width = turn.cosine.shape[-1]
    half = width // 2
    turned = np.empty_like(x)
    turned[..., width:] = x[..., width:]
    first, second = x[..., :half], x[..., half:width]
    turned[..., :half] = first * turn.cosine[:, :half] - second * turn.sine[:, :half]
    turned[..., half:width] = second * turn.cosine[:, half:] + first * turn.sine[:, half:]
    return turned


def longest_text(config: Configuration, default: int, **defaults: Any) -> int:
    """The most tokens such a model can take: what its scaling stretches to, where that is more than the config says."""
    longest = config.count("max_position_embeddings", default=default)
    values = _values(config)
    name = _kind(values, defaults.get("aliases", {}))
    if name in ("linear", "dynamic"):
        return int(longest * max(1.0, values.number("factor", default=1.0)))
    if name == "yarn":
        return max(
            longest,
            int(
                _original(config, values, longest, defaults.get("original"))
                * max(1.0, values.number("factor", default=1.0))
            ),
        )
    return longest


def _plan(config: Configuration, head_dim: int, count: int, defaults: Mapping[str, Any]) -> tuple[str, Plan]:
    values = _values(config)
    names = defaults.get("names", {})
    theta = names.get("theta", "rope_theta")
    base = values.number("rope_theta", default=config.number(theta, default=defaults.get("theta", 10_000.0)))
    dim = int(head_dim * _share(config, values, names.get("share"), defaults.get("share", 1.0)))
    if dim % 2 or not 0 < dim <= head_dim or base <= 1:
        raise InputError(
            "The model's rotary positions turn {dim} of a head's {head_dim} features by base {base}; "
            "that must be an even number of them, and a base above 1.",
            dim=dim,
            head_dim=head_dim,
            base=base,
        )
    longest = config.count("max_position_embeddings", default=defaults.get("longest", 2048))
    original = _original(config, values, longest, defaults.get("original"))
    return _kind(values, defaults.get("aliases", {})), Plan(dim, base, values, longest, original, count)


def _values(config: Configuration) -> Configuration:
    given = config.get("rope_scaling") or config.get("rope_parameters") or {}
    values = Configuration(given)
    for name, value in values.values.items():
        if isinstance(value, Mapping):
            raise InputError(
                "The model's rotary positions differ by layer ({name}); attnviz cannot do that.", name=name
            )
    return values


def _kind(values: Configuration, aliases: Mapping[str, str]) -> str:
    name = values.word("rope_type", "type", default="default")
    name = aliases.get(name, name)
    if name not in SCALINGS:
        raise InputError(
            "The model's rotary scaling {name!r} is not known; known are {known}.", name=name, known=listed(SCALINGS)
        )
    return name


def _share(config: Configuration, values: Configuration, name: str | None, default: float) -> float:
    """How much of a head is turned; all of it in families that have no name for the share."""
    if name is None:
        return 1.0
    return values.number("partial_rotary_factor", default=config.number(name, default=default))


def _original(config: Configuration, values: Configuration, longest: int, family: int | None) -> int:
    """The length of the training: the config's own key goes before the family's and the one in its rotary values."""
    name = "original_max_position_embeddings"
    inside = family or values.count(name, default=longest, least=2)
    return config.count(name, default=inside, least=2)


def _exponents(dim: int) -> Float32:
    return np.arange(0, dim, 2).astype(np.float32) / np.float32(dim)


def _plain_frequencies(plan: Plan, base: float | None = None) -> Float32:
    """1 / base^(2i / dim) (Su et al. 2021, section 3.2.2)."""
    powers: Float32 = np.power(np.float32(base or plan.base), _exponents(plan.dim))
    return np.reciprocal(powers)


def _default(plan: Plan) -> Turns:
    return Turns(_plain_frequencies(plan))


def _linear(plan: Plan) -> Turns:
    """Positions are divided by the factor (Chen et al. 2023, equation 4)."""
    return Turns(_plain_frequencies(plan) / np.float32(_factor(plan)))


def _dynamic(plan: Plan) -> Turns:
    """The base grows with the text, once it is longer than the model's positions ("NTK-aware", bloc97 2023)."""
    if plan.dim <= 2:
        return _default(plan)
    factor = _factor(plan)
    length = max(plan.tokens, plan.longest)
    stretch = (factor * length / plan.longest) - (factor - 1)
    return Turns(_plain_frequencies(plan, plan.base * stretch ** (plan.dim / (plan.dim - 2))))


def _llama3(plan: Plan) -> Turns:
    """Long waves are divided by the factor, short ones kept, those between blended (Llama team 2024, section 3.4)."""
    factor, low, high = (np.float32(_needed(plan, name)) for name in ("factor", "low_freq_factor", "high_freq_factor"))
    if high <= low:
        raise InputError("The model's rotary scaling needs high_freq_factor above low_freq_factor.")
    original = np.float32(plan.original)
    plain = _plain_frequencies(plan)
    wavelength = np.float32(2 * math.pi) / plain
    scaled = np.where(wavelength > original / low, plain / factor, plain)
    smooth = (original / wavelength - low) / (high - low)
    blended = (1 - smooth) * scaled / factor + smooth * scaled
    between = ~(wavelength < original / high) & ~(wavelength > original / low)
    return Turns(np.where(between, blended, scaled).astype(np.float32))


def _yarn(plan: Plan) -> Turns:
    """Each wave by its own blend of stretched and plain, and a temperature (Peng et al. 2023, sections 3.2 to 3.4)."""
    factor = plan.values.number("factor", default=plan.longest / plan.original)
    if factor <= 0:
        raise _wrong_factor(factor)
    powers = np.power(np.float32(plan.base), _exponents(plan.dim))
    plain, stretched = np.float32(1) / powers, np.float32(1) / (np.float32(factor) * powers)
    kept = 1 - _ramp(*_yarn_range(plan), plan.dim // 2)
    return Turns((stretched * (1 - kept) + plain * kept).astype(np.float32), _yarn_factor(plan, factor))


def _yarn_range(plan: Plan) -> tuple[float, float]:
    """Between which pairs the blend goes from plain to stretched (Peng et al. 2023, equation 22)."""

    def pair(turns: float) -> float:
        return plan.dim * math.log(plan.original / (turns * 2 * math.pi)) / (2 * math.log(plan.base))

    low, high = (
        pair(plan.values.number(name, default=given) or given)
        for name, given in (("beta_fast", 32.0), ("beta_slow", 1.0))
    )
    if plan.values.flag("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    return max(low, 0), min(high, plan.dim - 1)


def _ramp(low: float, high: float, count: int) -> Float32:
    width = np.float32(high - low if high != low else 0.001)
    ramp: Float32 = np.clip((np.arange(count, dtype=np.float32) - np.float32(low)) / width, 0, 1)
    return ramp


def _yarn_factor(plan: Plan, factor: float) -> float:
    """0.1 ln(factor) + 1, on queries and keys both (Peng et al. 2023, equation 23)."""
    given = plan.values.get("attention_factor")
    if given is not None:
        return plan.values.number("attention_factor", default=1.0)
    scale, all_dim = (plan.values.number(name, default=0.0) for name in ("mscale", "mscale_all_dim"))
    if scale and all_dim:
        return _temperature(factor, scale) / _temperature(factor, all_dim)
    return _temperature(factor, 1.0)


def _temperature(factor: float, scale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0


def _longrope(plan: Plan) -> Turns:
    """A searched factor for each pair, one list for short texts and one for long (Ding et al. 2024, section 3)."""
    name = "long_factor" if plan.tokens > plan.original else "short_factor"
    each = np.asarray(_factors(plan, name), dtype=np.float32)
    frequencies = np.float32(1) / (each * np.power(np.float32(plan.base), _exponents(plan.dim)))
    factor = plan.values.number("factor", default=plan.longest / plan.original)
    given = plan.values.get("attention_factor")
    if given is not None:
        return Turns(frequencies, plan.values.number("attention_factor", default=1.0))
    return Turns(frequencies, 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(plan.original)))


def _factors(plan: Plan, name: str) -> list[float]:
    given = plan.values.get(name)
    if (
        not isinstance(given, list | tuple)
        or len(given) != plan.dim // 2
        or not all(isinstance(one, int | float) and not isinstance(one, bool) and one > 0 for one in given)
    ):
        raise InputError(
            "The model's config must give {name} as a list of {count} numbers above 0.", name=name, count=plan.dim // 2
        )
    return list(given)


def _needed(plan: Plan, name: str) -> float:
    value = plan.values.number(name, default=0.0)
    if value <= 0:
        raise InputError("The model's rotary scaling needs {name}, a number above 0.", name=name)
    return value


def _factor(plan: Plan) -> float:
    return _needed(plan, "factor")


def _wrong_factor(factor: float) -> InputError:
    return InputError("The model's rotary factor must be above 0, not {factor}.", factor=factor)


SCALINGS: dict[str, Callable[[Plan], Turns]] = {
    "default": _default,
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
}
