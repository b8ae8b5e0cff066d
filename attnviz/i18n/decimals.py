"""The zero before a decimal point: .331 in English, 0.331 in Chinese (GB/T 15835-2011)."""

from __future__ import annotations

from attnviz.i18n.messages import language


def pure_decimal(written: str) -> str:
    """Return a number as the language in use writes it: in English a pure decimal has no 0 before its point.

    >>> pure_decimal("0.331"), pure_decimal("-0.5"), pure_decimal("+0.25"), pure_decimal("10.5"), pure_decimal("0")
    ('.331', '-.5', '+.25', '10.5', '0')
    """
    if language() == "zh":
        return written
    sign, rest = (written[0], written[1:]) if written[:1] in ("+", "-") else ("", written)
    return sign + (rest[1:] if rest.startswith("0.") else rest)
