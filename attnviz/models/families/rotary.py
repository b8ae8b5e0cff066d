"""Rotary positions (Su et al. 2021) as models' configs plan them, and their scalings for longer texts.

The scalings are a table, `SCALINGS`: each gives the angle per position for each pair of features, and a factor on
cosine and sine. All is float32, in the order in which Hugging Face's transformers computes it: at position 1000 a
rounding of the angle is visible. The rotation itself is core.positions.rotate_pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, NamedTuple

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.positions import rotate_pairs
from attnviz.core.types import Float32
from attnviz.i18n.messages import listed
from attnviz.models.families.config import Configuration
from attnviz.models.families.position_change import place_numbers, rotary_base

# The keys that are read inside rope_parameters or rope_scaling.
KEYS = (
    "rope_type",
    "type",
    "rope_theta",
    "partial_rotary_factor",
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "low_freq_factor",
    "high_freq_factor",
    "beta_fast",
    "beta_slow",
    "truncate",
    "mscale",
    "mscale_all_dim",
    "short_factor",
    "long_factor",
    "short_mscale",
    "long_mscale",
    "alpha",
    "mixed_b",
    "llama_4_scaling_beta",
)


# The names under which a config asks for LongRoPE (Phi-3 called it su, and once yarn), and Phi-3's training length.
_TWO_LISTS = {"longrope", "su", "yarn"}
_USUAL_TRAINING = 4096


class Rotation(NamedTuple):
    """Cosine and sine of each position's angles, [n, rotated features / 2]."""

    cosine: Float32
    sine: Float32


class RotaryPlan(NamedTuple):
    """What a scaling works with.

    dim: how many features of a head are rotated. base: of the frequencies. values: the config's rotary values.
    longest: the model's positions. original: the length of its training texts. tokens: the length of this text.
    """

    dim: int
    base: float
    values: Configuration
    longest: int
    original: int
    tokens: int


class Frequencies(NamedTuple):
    """The angle per position of each pair, [dim / 2], and the factor on cosine and sine."""

    angles: Float32
    factor: float = 1.0


def rotation_for(config: Configuration, head_dim: int, count: int, *, start: int = 0, **defaults: Any) -> Rotation:
    """Return the rotation of `count` positions, as a model's config plans it: [count, rotated features / 2].

    start: the first position that is wanted, [count - start, rotated features / 2].

    Reads rope_parameters, or rope_scaling with rope_theta beside it. defaults, where the config is silent: theta,
    share (of a head's features), longest (max_position_embeddings), original (length of the training); names: what
    the family calls theta and share (without a name for it the whole head is rotated); aliases: other names of
    scalings; rounds_up: whether an odd number of features is rotated with one more. Raises InputError for an
    unknown scaling or numbers that are missing.
    """
    name, plan = _plan(config, head_dim, count, defaults)
    per_position, factor = SCALINGS[name](plan)
    angles = place_numbers(count, start).astype(np.float32)[:, None] * per_position[None, :]
    return Rotation(np.cos(angles) * np.float32(factor), np.sin(angles) * np.float32(factor))


def rotate(x: Float32, rotation: Rotation, *, halves: bool = True) -> Float32:
    """Rotate each pair of the first d features of x [heads, n, d_h] (Su et al. 2021, equation 34).

    rotation: of n positions, or of more, of which the last n are meant.
    halves: whether a pair is (i, i + d/2), as in most checkpoints, or its neighbours (2i, 2i + 1), as in the paper.
    """
    cosine, sine = (part[len(part) - x.shape[-2] :] for part in rotation)
    rotated: Float32 = rotate_pairs(x, cosine, sine, halves=halves)
    return rotated


def rotary_kind(config: Configuration, kind: str, **older: Any) -> Configuration:
    """Return the config with the rotary values of one kind of layer, as sliding_attention, in place of all.

    older: the config's values where it does not name kinds, by the names that `rotation_for` reads.
    """
    given = config.get("rope_parameters")
    named = isinstance(given, Mapping) and any(value is None or isinstance(value, Mapping) for value in given.values())
    values = dict(given.get(kind) or {}) if named else older
    if named:
        values.pop("truncate", None)  # transformers looks for it beside the kinds of layers, where it never stands
    return config.changed(rope_scaling=None, rope_parameters=values)


def scaling_state(config: Configuration, length: int) -> Hashable:
    """Return what the rotation of a text's first tokens depends on beside their positions: the text's length, or None.

    With dynamic scaling all rotations change with each token beyond the model's positions; LongRoPE has one list of
    factors for texts up to the training length, and one for longer texts.
    """
    given = [config.get(name) for name in ("rope_parameters", "rope_scaling")]
    plans = [one for one in given if isinstance(one, Mapping)]
    plans += [one for plan in plans for one in plan.values() if isinstance(one, Mapping)]
    kinds = {str(plan.get(key)) for plan in plans for key in ("rope_type", "type")}
    longest = config.get("max_position_embeddings")
    if "dynamic" in kinds and not (isinstance(longest, int) and length <= longest):
        return length
    if not kinds & _TWO_LISTS:
        return None
    name = "original_max_position_embeddings"
    ends = [plan.get(name) for plan in (config.values, *plans)]
    return tuple(length > end for end in (*ends, longest, _USUAL_TRAINING) if isinstance(end, int))


def longest_text(config: Configuration, default: int, **defaults: Any) -> int:
    """Return the most tokens that such a model can take: what its scaling stretches to, or the config's number."""
    longest = config.count("max_position_embeddings", default=default)
    values = _rotary_values(config)
    name = _scaling_name(values, defaults.get("aliases", {}))
    if name in ("linear", "dynamic"):
        return int(longest * max(1.0, values.number("factor", default=1.0)))
    if name == "yarn":
        return max(
            longest,
            int(
                _training_length(config, values, longest, defaults.get("original"))
                * max(1.0, values.number("factor", default=1.0))
            ),
        )
    return longest


def _plan(config: Configuration, head_dim: int, count: int, defaults: Mapping[str, Any]) -> tuple[str, RotaryPlan]:
    values = _rotary_values(config)
    names = defaults.get("names", {})
    theta = names.get("theta", "rope_theta")
    base = values.number("rope_theta", default=config.number(theta, default=defaults.get("theta", 10_000.0)))
    base = rotary_base(base)
    name = _scaling_name(values, defaults.get("aliases", {}))
    share = _rotated_share(config, values, names.get("share"), defaults.get("share", 1.0))
    dim = head_dim if name == "proportional" else int(head_dim * share)
    odd = dim % 2
    if (odd and not defaults.get("rounds_up")) or not 0 < dim <= head_dim - odd or base <= 1:
        raise InputError(
            "The model's rotary positions rotate {dim} of a head's {head_dim} features with base {base}; the "
            "number must be even and the base above 1.",
            dim=dim,
            head_dim=head_dim,
            base=base,
        )
    longest = config.count("max_position_embeddings", default=defaults.get("longest", 2048))
    original = _training_length(config, values, longest, defaults.get("original"))
    return name, RotaryPlan(dim, base, values, longest, original, count)


def _rotary_values(config: Configuration) -> Configuration:
    given = config.get("rope_scaling") or config.get("rope_parameters") or {}
    values = Configuration(given)
    for name, value in values.values.items():
        if isinstance(value, Mapping):
            raise InputError(
                "The model's rotary positions differ by layer ({name}), which attnviz does not support.", name=name
            )
    return values


def _scaling_name(values: Configuration, aliases: Mapping[str, str]) -> str:
    name = values.word("rope_type", "type", default="default")
    name = aliases.get(name, name)
    if name not in SCALINGS:
        raise InputError(
            "The model's rotary scaling {name!r} is not supported; supported: {known}.",
            name=name,
            known=listed(SCALINGS),
        )
    return name


def _rotated_share(config: Configuration, values: Configuration, name: str | None, default: float) -> float:
    """Return the rotated share of a head; all of it in families that have no name for the share."""
    if name is None:
        return 1.0
    return values.number("partial_rotary_factor", default=config.number(name, default=default))


def _training_length(config: Configuration, values: Configuration, longest: int, family: int | None) -> int:
    """Return the training length: the config's own key goes before the family's and that in its rotary values."""
    name = "original_max_position_embeddings"
    inside = family or values.count(name, default=longest, least=2)
    return config.count(name, default=inside, least=2)


def _exponents(dim: int) -> Float32:
    """Return 2i / dim for each pair i, [dim / 2]."""
    return np.arange(0, dim, 2).astype(np.float32) / np.float32(dim)


def _plain_frequencies(plan: RotaryPlan, base: float | None = None) -> Float32:
    """Return 1 / base^(2i / dim) for each pair, [dim / 2] (Su et al. 2021, section 3.2.2)."""
    powers: Float32 = np.power(np.float32(base or plan.base), _exponents(plan.dim))
    return np.reciprocal(powers)


def _unscaled(plan: RotaryPlan) -> Frequencies:
    return Frequencies(_plain_frequencies(plan))


def _divided_positions(plan: RotaryPlan) -> Frequencies:
    """Divide positions by the factor (Chen et al. 2023, equation 4)."""
    return Frequencies(_plain_frequencies(plan) / np.float32(_factor(plan)))


def _dynamic(plan: RotaryPlan) -> Frequencies:
    """Let the base grow with a text that is longer than the model's positions ("NTK-aware", bloc97 2023)."""
    if plan.dim <= 2:
        return _unscaled(plan)
    factor = _factor(plan)
    length = max(plan.tokens, plan.longest)
    stretch = (factor * length / plan.longest) - (factor - 1)
    return Frequencies(_plain_frequencies(plan, plan.base * stretch ** (plan.dim / (plan.dim - 2))))


def _fixed_ntk(plan: RotaryPlan) -> Frequencies:
    """Let the base grow by the factor at every length (Su 2023, kexue.fm/archives/9706, equation 6)."""
    if plan.values.get("mixed_b") is not None:
        raise InputError("The model's rotary scaling has mixed_b, which attnviz does not support.")
    factor = _factor(plan)
    return Frequencies(_plain_frequencies(plan, plan.base * factor) / np.float32(factor ** (2 / plan.dim)))


def _proportional(plan: RotaryPlan) -> Frequencies:
    """Rotate the first pairs alone, by the frequencies that they have among all of them (transformers, Gemma 4)."""
    share = plan.values.number("partial_rotary_factor", default=1.0)
    plain = _plain_frequencies(plan) / np.float32(plan.values.number("factor", default=1.0) or 1.0)
    plain[int(share * plan.dim // 2) :] = 0
    return Frequencies(plain)


def _llama3(plan: RotaryPlan) -> Frequencies:
    """Divide long waves by the factor, keep short ones, blend those between (Llama team 2024, section 3.4)."""
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
    return Frequencies(np.where(between, blended, scaled).astype(np.float32))


def _yarn(plan: RotaryPlan) -> Frequencies:
    """Blend stretched and plain for each wave, with a temperature (Peng et al. 2023, sections 3.2 to 3.4)."""
    factor = plan.values.number("factor", default=plan.longest / plan.original)
    if factor <= 0:
        raise _wrong_factor(factor)
    powers = np.power(np.float32(plan.base), _exponents(plan.dim))
    plain, stretched = np.float32(1) / powers, np.float32(1) / (np.float32(factor) * powers)
    kept = 1 - _clipped_ramp(*_yarn_range(plan), plan.dim // 2)
    return Frequencies((stretched * (1 - kept) + plain * kept).astype(np.float32), _yarn_factor(plan, factor))


def _yarn_range(plan: RotaryPlan) -> tuple[float, float]:
    """Return the pairs between which the blend goes from plain to stretched (Peng et al. 2023, equation 22)."""

    def pair(rotations: float) -> float:
        return plan.dim * math.log(plan.original / (rotations * 2 * math.pi)) / (2 * math.log(plan.base))

    low, high = (
        pair(plan.values.number(name, default=given) or given)
        for name, given in (("beta_fast", 32.0), ("beta_slow", 1.0))
    )
    if plan.values.flag("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    return max(low, 0), min(high, plan.dim - 1)


def _clipped_ramp(low: float, high: float, count: int) -> Float32:
    """Return numbers that rise from 0 at `low` to 1 at `high`, [count]."""
    width = np.float32(high - low if high != low else 0.001)
    ramp: Float32 = np.clip((np.arange(count, dtype=np.float32) - np.float32(low)) / width, 0, 1)
    return ramp


def _yarn_factor(plan: RotaryPlan, factor: float) -> float:
    """Return 0.1 ln(factor) + 1, a factor on queries and on keys (Peng et al. 2023, equation 23)."""
    given = plan.values.get("attention_factor")
    if given is not None:
        return plan.values.number("attention_factor", default=1.0)
    scale, all_dim = (plan.values.number(name, default=0.0) for name in ("mscale", "mscale_all_dim"))
    if scale and all_dim:
        return _yarn_temperature(factor, scale) / _yarn_temperature(factor, all_dim)
    return _yarn_temperature(factor, 1.0)


def _yarn_temperature(factor: float, scale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0


def temperature_of_scores(config: Configuration) -> float:
    """Return the factor on the scores of a stretched model whose config gives mscale_all_dim: its square, else 1.

    (Peng et al. 2023, equation 23, applied to queries and to keys in the scores, as DeepSeek's models do.)
    """
    values = _rotary_values(config)
    share = values.number("mscale_all_dim", default=0.0)
    if not share or _scaling_name(values, {}) == "default":
        return 1.0
    return _yarn_temperature(values.number("factor", default=1.0), share) ** 2


def _longrope(plan: RotaryPlan) -> Frequencies:
    """Divide each pair by a searched factor, of a list for short texts or for long (Ding et al. 2024, section 3)."""
    name = "long_factor" if plan.tokens > plan.original else "short_factor"
    each = np.asarray(_longrope_factors(plan, name), dtype=np.float32)
    frequencies = np.float32(1) / (each * np.power(np.float32(plan.base), _exponents(plan.dim)))
    factor = plan.values.number("factor", default=plan.longest / plan.original)
    given = plan.values.get("attention_factor")
    if given is not None:
        return Frequencies(frequencies, plan.values.number("attention_factor", default=1.0))
    return Frequencies(frequencies, 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(plan.original)))


def _longrope_factors(plan: RotaryPlan, name: str) -> list[float]:
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


def _needed(plan: RotaryPlan, name: str) -> float:
    value = plan.values.number(name, default=0.0)
    if value <= 0:
        raise InputError("The model's rotary scaling needs {name}, a number above 0.", name=name)
    return value


def _factor(plan: RotaryPlan) -> float:
    return _needed(plan, "factor")


def _wrong_factor(factor: float) -> InputError:
    return InputError("The model's rotary factor must be above 0, not {factor}.", factor=factor)


SCALINGS: dict[str, Callable[[RotaryPlan], Frequencies]] = {
    "default": _unscaled,
    "linear": _divided_positions,
    "dynamic": _dynamic,
    "proportional": _proportional,
    "ntk": _fixed_ntk,
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
}
