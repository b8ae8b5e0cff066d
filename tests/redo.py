"""A reader with a pocket calculator: redoes printed equations from the printed numbers, within their rounding."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

NUMBER = re.compile(r"\d*\.?\d+(?:e[-+]?\d+)?")
TOKEN = re.compile(rf"\s*(e\^\(|tanh\(|cos|sin|log2|√\d+|{NUMBER.pattern}|[-+×/()])")
NAME = re.compile(r" \((?:“.*?”(?:#\d+)?|[^()]*[^\W\d_][^()]*)\)| \[\d+\]")
REST = re.compile(r" from \d+ (?:smaller terms?|other words?)")
NOTHING = "no feature in common"  # a sum of no terms
FLOAT32 = 3e-7


RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def without_powers(text: str) -> str:
    """Return a text whose powers of ten are written as Python reads them: 1.5×10²⁰ as 1.5e20, 10⁹ as 1e9."""
    text = re.sub(r"×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda found: "e" + found[1].translate(RAISED), text)
    return re.sub(r"\b10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda found: "1e" + found[1].translate(RAISED), text)


class Span(NamedTuple):
    """Where a number can lie, and how large the numbers were that it was made of."""

    low: float
    high: float
    size: float


class Calculator:
    """Recursive descent over a printed expression; `digits` is what the sheet was printed with."""

    def __init__(self, text: str, digits: int) -> None:
        self.digits = digits
        self.tokens = []
        at = 0
        while at < len(text):
            found = TOKEN.match(text, at)
            assert found, (text, text[at:])
            self.tokens.append(found[1])
            at = found.end()

    def next(self, *wanted):
        if self.tokens and (not wanted or self.tokens[0] in wanted):
            return self.tokens.pop(0)
        return None

    def sum(self) -> Span:
        found = self.product()
        while sign := self.next("+", "-"):
            found = plus(found, negative(self.product()) if sign == "-" else self.product())
        return found

    def product(self) -> Span:
        found = self.factor()
        while sign := self.next("×", "/"):
            other = self.factor()
            found = times(found, inverse(other) if sign == "/" else other)
        return found

    def factor(self) -> Span:
        token = self.next()
        if token == "-":
            return negative(self.factor())
        if token in ("(", "e^(", "tanh("):
            inner = self.sum()
            assert self.next(")")
            return {"e^(": power, "tanh(": hyperbolic}.get(token, lambda span: span)(inner)
        if token in ("cos", "sin"):
            return wave(math.cos if token == "cos" else math.sin, self.factor())
        if token == "log2":
            return logarithm(self.factor())
        if token.startswith("√"):
            root = math.sqrt(int(token[1:]))
            return Span(root, root, root)
        return printed(token, self.digits)


def printed(text: str, digits: int) -> Span:
    """What a printed number can stand for: half a unit of its last place, and nothing where it has fewer places."""
    value = float(text)
    mantissa, _, exponent = text.partition("e")
    places = len(mantissa.partition(".")[2])
    whole = len(mantissa.partition(".")[0].lstrip("0"))
    full = min(digits, 5) if exponent else min(digits, 9 - whole)
    half = 0.5000001 * 10.0 ** (int(exponent or 0) - places) if places >= full and value else 0.0
    if not places and not exponent and "." not in text and digits > 0 and full > 0:
        half = 0.0
    if value == 0 and "." in text:
        half = 0.5000001 * 10.0**-places
    slack = half + FLOAT32 * abs(value)
    return Span(value - slack, value + slack, abs(value) + half)


def plus(a, b):
    return Span(a.low + b.low, a.high + b.high, a.size + b.size)


def negative(a):
    return Span(-a.high, -a.low, a.size)


def times(a, b):
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high) if not math.isnan(x * y)]
    return Span(min(corners), max(corners), a.size * b.size)


def inverse(a):
    if a.low <= 0 <= a.high:
        return Span(-math.inf, math.inf, math.inf)
    return Span(min(1 / a.low, 1 / a.high), max(1 / a.low, 1 / a.high), 1 / min(abs(a.low), abs(a.high)))


def power(a):
    def exp(x):
        return math.exp(x) if x < 700 else math.inf

    slack = 1e-6 * a.size  # float32 subtracts two large scores no better
    return Span(exp(a.low - slack), exp(a.high + slack), exp(a.high))


def hyperbolic(a):
    low, high = math.tanh(a.low) - 1e-7, math.tanh(a.high) + 1e-7
    return Span(low, high, 1)


def logarithm(a):
    low, high = (math.log2(max(bound, 1e-45)) for bound in (a.low, a.high))
    return Span(low, high, max(abs(low), abs(high)))


def wave(function, a):
    reach = (a.high - a.low) / 2 + 1e-7
    middle = function((a.high + a.low) / 2)
    return Span(middle - reach, middle + reach, 1)


class Equation(NamedTuple):
    """What is printed on both sides of the last equals sign."""

    expression: str
    result: str

    def holds(self, digits: int) -> bool:
        """Whether the printed result is what the printed numbers give, within their rounding."""
        expression = "0" if self.expression == NOTHING else self.expression
        calculator = Calculator(REST.sub("", NAME.sub("", expression)), digits)
        found = calculator.sum()
        assert not calculator.tokens, (self, calculator.tokens)
        end = Calculator(self.result, digits).sum()
        slack = 1e-6 * found.size + 1e-30
        return found.low - slack <= end.high and end.low <= found.high + slack


def equations(page: str) -> list[Equation]:
    """Every equation of a sheet as the terminal shows it: what stands right of a label, in one line or several."""
    contents: list[str] = []
    for line in without_powers(page).splitlines():
        if re.match(r"   \S.*?\S?  +\S", line):
            contents.append(re.match(r"   (\S|\S.*?\S)  +(\S.*)", line)[2])
        elif contents and re.match(r" {6,}\S", line):
            joint = " " if re.match(r" +[-+=/×] ", line) or contents[-1].endswith(" =") else " · "
            contents[-1] += joint + line.strip()
        elif not line.strip():
            contents.append("")
    found = []
    for content in contents:
        for entry in re.split(r" +· +", content):
            sides = re.split(r"\s=\s+", entry)
            if len(sides) > 1 and re.fullmatch(r"-?[\d.e+-]+", sides[-1].strip()):
                found.append(Equation(" ".join(sides[-2].split()), sides[-1].strip()))
    return found
