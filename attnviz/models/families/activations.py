"""Activation functions, under the names that configs give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from attnviz.core.errors import InputError
from attnviz.core.types import Float32
from attnviz.i18n.messages import listed

Activation = Callable[[Float32], Float32]

# erf(x) = x P(x^2) / Q(x^2) on [-4, 4], the form of Cody 1969 ("Rational Chebyshev approximations for the error
# function", Mathematics of Computation 23), fitted for the least relative error, 2.5e-8, by tests/golden/make_erf.py.
# Beyond 4 it is 1 to 1.5e-8. The last coefficient belongs to x^10.
ERF_NUMERATOR = (
    1.1283791393512443,
    0.1935446464073913,
    0.053101639475977756,
    0.003883309720093543,
    0.0002845625937606302,
    1.9867549410305433e-06,
)
ERF_DENOMINATOR = (
    1.0,
    0.5048570329839613,
    0.1153497814976609,
    0.015207187266355705,
    0.0011855578803969086,
    3.741971119944291e-05,
)
_EDGE = 4.0
# Numbers that are worked on at a time: with their intermediates they stay near the core.
_BLOCK = 32_768


def erf(x: Float32) -> Float32:
    """Return the error function 2/sqrt(pi) * integral of exp(-t^2) from 0 to x, float32, to 4e-7; any shape.

    >>> erf(np.zeros(1, dtype=np.float32)).tolist()
    [0.0]
    """
    return _in_blocks(_erf, x)


def gelu(x: Float32) -> Float32:
    """Return x times the normal distribution's share below x: x/2 (1 + erf(x/sqrt 2)) (Hendrycks and Gimpel 2016)."""
    return _in_blocks(_gelu, x)


def gelu_tanh(x: Float32) -> Float32:
    """Return x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), near GELU (Hendrycks and Gimpel 2016, section 2)."""
    return _in_blocks(_gelu_tanh, x)


def quick_gelu(x: Float32) -> Float32:
    """Return x sigmoid(1.702 x), near GELU (Hendrycks and Gimpel 2016, section 2)."""
    return _in_blocks(lambda block: block * _sigmoid(np.float32(1.702) * block), x)


def silu(x: Float32) -> Float32:
    """Return x sigmoid(x), which is also called swish (Elfwing et al. 2017, equation 4)."""
    return _in_blocks(lambda block: block * _sigmoid(block), x)


def relu(x: Float32) -> Float32:
    """Return the larger of x and 0."""
    return np.maximum(x, np.float32(0))


def relu_squared(x: Float32) -> Float32:
    """Return the square of the larger of x and 0 (So et al. 2021)."""
    return np.square(relu(x))


def mish(x: Float32) -> Float32:
    """Return x tanh(ln(1 + exp(x))) (Misra 2020, equation 1)."""
    return _in_blocks(lambda block: block * np.tanh(np.logaddexp(np.float32(0), block)), x)


def leaky_relu(x: Float32) -> Float32:
    """Return x, or 0.01 x where that is larger (Maas et al. 2013, equation 2)."""
    larger: Float32 = np.maximum(x, np.float32(0.01) * x)
    return larger


def hard_swish(x: Float32) -> Float32:
    """Return x times x + 3 held between 0 and 6, divided by 6 (Howard et al. 2019, section 5.2)."""
    share: Float32 = np.clip(x + np.float32(3), np.float32(0), np.float32(6)) / np.float32(6)
    return share * x


def laplace(x: Float32) -> Float32:
    """Return the share of a normal distribution below x, of mean sqrt(1/2) and variance 1/(4 pi) (Ma et al. 2022)."""
    mean, deviation = np.float32(0.707107), np.float32(0.282095)
    share = erf((x - mean) / np.float32(deviation * np.sqrt(2)))
    share += np.float32(1)
    share *= np.float32(0.5)
    return share


def _clipped_gelu(x: Float32) -> Float32:
    return np.clip(gelu(x), np.float32(-10), np.float32(10))


def _tanh(x: Float32) -> Float32:
    return np.tanh(x)


def _identity(x: Float32) -> Float32:
    return x


ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": gelu,
    "gelu_python": gelu,
    "gelu_10": _clipped_gelu,
    "gelu_new": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "gelu_python_tanh": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "gelu_accurate": gelu_tanh,
    "quick_gelu": quick_gelu,
    "silu": silu,
    "swish": silu,
    "relu": relu,
    "relu2": relu_squared,
    "relu6": lambda x: np.clip(x, np.float32(0), np.float32(6)),
    "leaky_relu": leaky_relu,
    "mish": mish,
    "hardswish": hard_swish,
    "laplace": laplace,
    "sigmoid": lambda x: _in_blocks(_sigmoid, x),
    "tanh": _tanh,
    "linear": _identity,
}


def activation(name: Any) -> Activation:
    """Return the activation that a config names; raises InputError for one that is not known."""
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise InputError(
            "The model's activation {name!r} is not supported; supported: {known}.",
            name=name,
            known=listed(sorted(ACTIVATIONS)),
        )
    return ACTIVATIONS[name]


def _in_blocks(function: Activation, x: Float32) -> Float32:
    """Apply an elementwise function to x of any shape, block by block."""
    if x.size <= _BLOCK:
        return function(x)
    if x.flags.f_contiguous and not x.flags.c_contiguous:  # the layout of a linear layer's product
        return _in_blocks(function, x.T).T
    flat = np.ascontiguousarray(x).reshape(-1)
    result = np.empty_like(flat)
    for start in range(0, flat.size, _BLOCK):
        result[start : start + _BLOCK] = function(flat[start : start + _BLOCK])
    return result.reshape(x.shape)


def _erf(x: Float32) -> Float32:
    """Return the error function of one block, any shape."""
    held = np.clip(x, np.float32(-_EDGE), np.float32(_EDGE))
    square = held * held
    held *= _polynomial(square, ERF_NUMERATOR)
    held /= _polynomial(square, ERF_DENOMINATOR)
    return held


def _polynomial(x: Float32, coefficients: tuple[float, ...]) -> Float32:
    """Evaluate a polynomial at x by Horner's rule, the last coefficient being the highest power's."""
    total = x * np.float32(coefficients[-1])
    for coefficient in coefficients[-2:0:-1]:
        total += np.float32(coefficient)
        total *= x
    total += np.float32(coefficients[0])
    return total


def _gelu(x: Float32) -> Float32:
    """Return GELU of one block, any shape."""
    share = _erf(np.float32(np.sqrt(0.5)) * x)
    share += np.float32(1)
    share *= x
    share *= np.float32(0.5)
    return share


def _gelu_tanh(x: Float32) -> Float32:
    """Return GELU's approximation by tanh of one block, any shape."""
    argument = x * x
    argument *= np.float32(0.044715)
    argument += np.float32(1)
    argument *= x
    argument *= np.float32(np.sqrt(2 / np.pi))
    share: Float32 = np.tanh(argument, out=argument)
    share += np.float32(1)
    share *= x
    share *= np.float32(0.5)
    return share


def _sigmoid(x: Float32) -> Float32:
    """Return 1 / (1 + exp(-x)) of one block, any shape."""
    # exp overflows to inf for x below -88, and 1 / inf is the right 0.
    with np.errstate(over="ignore"):
        share: Float32 = np.exp(-x)
    share += np.float32(1)
    return np.reciprocal(share, out=share)
