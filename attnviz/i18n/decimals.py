"""Numbers as people write them: .331 in English, 0.331 in Chinese (GB/T 15835-2011), 3×10⁻⁶ in both."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from attnviz.i18n.messages import Name, language

MINUS = "\u2212"

_minus = "-"


@contextmanager
def printed_minus() -> Iterator[None]:
    """Write numbers with a true minus sign inside the `with` block, as print does; a terminal has the hyphen."""
    global _minus
    before, _minus = _minus, MINUS
    try:
        yield
    finally:
        _minus = before


def between_numbers(signs: str) -> str:
    """Return what stands between numbers, such as " - ", with the minus sign that numbers have.

    >>> with printed_minus():
    ...     between_numbers(" - ")
    ' − '
    """
    return signs.replace("- ", f"{_minus} ")


@dataclass(frozen=True)
class LocalDecimal(Name):
    """A number as a message's field: written as the language is in which the message is read, as in a saved page.

    >>> str(LocalDecimal("0.331")), LocalDecimal("+0.5").localized()
    ('.331', '+.5')
    """

    def __str__(self) -> str:
        """Return the number as English writes it."""
        return _without_zero(self.text)

    def localized(self) -> str:
        """Return the number as the language in use writes it."""
        return pure_decimal(self.text)


def pure_decimal(written: str) -> str:
    """Return a number as the language in use writes it: in English a pure decimal has no 0 before its point.

    >>> pure_decimal("0.331"), pure_decimal("-0.5"), pure_decimal("+0.25"), pure_decimal("10.5"), pure_decimal("3e-06")
    ('.331', '-.5', '+.25', '10.5', '3×10⁻⁶')
    """
    return _signed(with_power(written) if language() == "zh" else _without_zero(written))


def fixed(value: float, digits: int, sign: str = "") -> str:
    """Write a number with so many decimal places: the nearest, of two equally near ones the farther from 0.

    So it is taught, and so a page's script has it. Python's own format takes the even one. sign: "+" for one always.

    >>> fixed(0.125, 2), fixed(-0.375, 2), fixed(0.0625, 3, "+"), fixed(2.5, 0), fixed(1.005, 2)
    ('0.13', '-0.38', '+0.063', '3', '1.00')
    """
    value = float(value)
    if abs(value) * 2 * 10**digits % 2 == 1:  # perhaps in the middle
        numerator, denominator = value.as_integer_ratio()
        if numerator * 2 * 10**digits % denominator == 0:
            value = math.nextafter(value, math.copysign(math.inf, value))
    return f"{value:{sign}.{digits}f}"


def with_sign(value: float, digits: int) -> LocalDecimal:
    """Return a number with its sign, and without one where all its digits are 0.

    >>> str(with_sign(0.25, 2)), str(with_sign(-0.001, 2))
    ('+.25', '.00')
    """
    return LocalDecimal(unsigned_zero(fixed(value, digits, "+")))


def unsigned_zero(written: str) -> str:
    """Return a number without its sign where all its digits are 0.

    >>> unsigned_zero("-0.00"), unsigned_zero("+0.01")
    ('0.00', '+0.01')
    """
    return written if written.strip("+-0.") else written.lstrip("+-")


def _signed(written: str) -> str:
    return _minus + written[1:] if written[:1] == "-" else written


def with_power(written: str) -> str:
    """Return a number that has an exponent as people write it; others as they are.

    >>> with_power("3e-06"), with_power("-1.5e+07"), with_power("1e-05"), with_power("0.25"), with_power("inf")
    ('3×10⁻⁶', '-1.5×10⁷', '10⁻⁵', '0.25', 'inf')
    """
    factor, mark, exponent = written.partition("e")
    if not mark:
        return written
    sign, size = (factor[0], factor[1:]) if factor[:1] in ("+", "-") else ("", factor)
    return f"{sign}{'' if size == '1' else f'{size}×'}10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _without_zero(written: str) -> str:
    written = with_power(written)
    sign, rest = (written[0], written[1:]) if written[:1] in ("+", "-") else ("", written)
    return sign + (rest[1:] if rest.startswith("0.") else rest)
