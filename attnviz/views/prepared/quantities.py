"""Numbers of bytes, of seconds and of things, as people read them."""

from __future__ import annotations

from attnviz.i18n.decimals import with_power
from attnviz.i18n.messages import Message, message

_LARGEST_WRITTEN_OUT, _LARGEST_SHORT = 10**12, 10**9


def count_words(count: int) -> str:
    """Write a whole number with its thousands marked; from 10^12 on as a power of ten.

    >>> count_words(44_100_000_000), count_words(10**24)
    ('44,100,000,000', '10²⁴')
    """
    return f"{count:,}" if count < _LARGEST_WRITTEN_OUT else power(count)


def short_count(count: int) -> str:
    """Write a whole number where there is little room: a power of ten from 10^9 on.

    >>> short_count(196_000_000), short_count(44_100_000_000)
    ('196,000,000', '4.41×10¹⁰')
    """
    return f"{count:,}" if count < _LARGEST_SHORT else power(count, 3)


def power(value: float, digits: int = 2) -> str:
    """Write a number with so many digits, without a 0 at their end, and a power of ten.

    >>> power(4.4e10), power(1e24), power(4.41e10, 3)
    ('4.4×10¹⁰', '10²⁴', '4.41×10¹⁰')
    """
    written, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return with_power(f"{written.rstrip('0').rstrip('.')}e{exponent}")


def short(value: float) -> str:
    """Write a number with about two or three digits, without an exponent.

    >>> short(0.0213), short(2.68), short(176.6), short(1_234_567.0)
    ('0.021', '2.7', '177', '1,234,567')
    """
    if value >= 9.95:
        return f"{value:,.0f}"
    if value >= 0.0995 or value == 0:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.2g}"


def byte_words(count: int) -> Message:
    """Write a number of bytes in units of a thousand.

    >>> str(byte_words(176_615_040_000))
    '177 GB'
    """
    makers = (
        (1, message("{number} B", number=short(count))),
        (10**3, message("{number} kB", number=short(count / 10**3))),
        (10**6, message("{number} MB", number=short(count / 10**6))),
        (10**9, message("{number} GB", number=short(count / 10**9))),
        (10**12, message("{number} TB", number=short(count / 10**12))),
        (10**15, message("{number} PB", number=short(count / 10**15))),
        (10**18, message("{number} EB", number=short(count / 10**18))),
        (10**21, message("{number} ZB", number=short(count / 10**21))),
        (10**24, message("{number} YB", number=short(count / 10**24))),
        (10**27, message("{number} B", number=power(count))),
    )
    return next(words for unit, words in reversed(makers) if count >= 0.9995 * unit or unit == 1)


def second_words(seconds: float) -> Message:
    """Write a time in the unit that fits it.

    >>> str(second_words(7.6e-5)), str(second_words(192.0)), str(second_words(3e15))
    ('76 µs', '3.2 min', '9.5×10⁷ years')
    """
    years = seconds / 31_557_600  # of 365.25 days
    makers = (
        (0.0, message("{number} µs", number=short(seconds * 1e6))),
        (0.0009995, message("{number} ms", number=short(seconds * 1000))),
        (0.9995, message("{number} s", number=short(seconds))),
        (99.5, message("{number} min", number=short(seconds / 60))),
        (99.5 * 60, message("{number} h", number=short(seconds / 3600))),
        (72 * 3600, message("{number} days", number=short(seconds / 86_400))),
        (31_557_600 * 2, message("{number} years", number=short(years))),
        (31_557_600 * 1e6, message("{number} years", number=power(years))),
    )
    return next(words for least, words in reversed(makers) if seconds >= least)
