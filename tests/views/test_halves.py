"""A number in the middle of two shorter ones is written as the one farther from 0, wherever it is shown."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

import attnviz
from attnviz.i18n.decimals import fixed, with_sign
from attnviz.views.prepared.attention import prepare
from attnviz.views.prepared.next_tokens import percent
from attnviz.views.prepared.panels import number


@pytest.mark.parametrize("digits", [1, 2, 3, 4])
def test_as_decimals_are_rounded_by_hand(digits):
    """Multiples of powers of 2, and numbers that only look like halves, come out as exact arithmetic rounds them."""
    random = np.random.default_rng(5)
    values = [*(k / 2**n for n in range(1, 9) for k in range(1, 40)), *(k / 1000 + 0.0005 for k in range(100))]
    for value in [*values, *random.random(50).astype(np.float32).tolist()]:
        for signed in (value, -value):
            exact = Decimal(signed).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
            assert fixed(signed, digits) == f"{exact:f}"


def test_equal_weights():
    """Of 16 equal words each has .0625: .063 with three digits, .06 with two; of 8 .125 is .13."""
    forms = prepare(attnviz.run(" ".join("abcdefghijklmnop"), embedding="onehot", temperature=1e9))
    assert number(float(forms[0].panels[0].values[0, 0]), 3) == ".063"
    assert (number(0.125, 2), number(-0.125, 2), number(0.375, 2, plus=True)) == (".13", "-.13", "+.38")
    assert (str(with_sign(0.125, 2)), percent(0.0625), percent(0.5)) == ("+.13", "6.3%", "50.0%")
