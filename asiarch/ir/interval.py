"""Intervals of real numbers with open and closed ends: the vocabulary of the primitives' `image`
rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

INF = math.inf


@dataclass(frozen=True, slots=True)
class Range:
    """Values lie in it. `unit`: along these axes the vector's norm is at most 1."""

    low: float = -INF
    high: float = INF
    low_open: bool = False
    high_open: bool = False
    unit: tuple[str, ...] = ()

    def inside(self, low: float, high: float, low_open: bool, high_open: bool) -> bool:
        """Is every value of this range in the given one?"""
        if self.low < low or self.high > high:
            return False
        if low_open and self.low == low and not self.low_open and low != -INF:
            return False
        return not (high_open and self.high == high and not self.high_open and high != INF)

    def apart(self, low: float, high: float) -> bool:
        """Is no value of this range in the given one?"""
        return self.high < low or self.low > high

    def __str__(self) -> str:
        left = "(" if self.low_open or self.low == -INF else "["
        right = ")" if self.high_open or self.high == INF else "]"
        return f"{left}{_text(self.low)}, {_text(self.high)}{right}"


def _text(value: float) -> str:
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:g}"


def top() -> Range:
    return Range()


def point(value: float) -> Range:
    return Range(value, value)


def closed(low: float, high: float) -> Range:
    return Range(low, high)


def plain(x: Range) -> Range:
    """The interval alone."""
    return replace(x, unit=()) if x.unit else x


def with_unit(x: Range, unit: tuple[str, ...]) -> Range:
    return replace(x, unit=unit)


def with_zero(x: Range) -> Range:
    """The hull with 0; the zero vector has a norm below 1."""
    return replace(join(x, point(0.0)), unit=x.unit)


def join(a: Range, b: Range) -> Range:
    """The hull."""
    low, low_open = min((a.low, a.low_open), (b.low, b.low_open))
    flipped = max((a.high, not a.high_open), (b.high, not b.high_open))
    unit = a.unit if a.unit == b.unit else ()
    return Range(low, flipped[0], low_open, not flipped[1], unit)


def negative(x: Range) -> Range:
    return Range(-x.high, -x.low, x.high_open, x.low_open, x.unit)


def add(a: Range, b: Range) -> Range:
    low, high = a.low + b.low, a.high + b.high
    low = -INF if math.isnan(low) else low
    high = INF if math.isnan(high) else high
    return Range(low, high, a.low_open or b.low_open, a.high_open or b.high_open)


def sub(a: Range, b: Range) -> Range:
    if a.low == a.high == 0:
        return negative(b)
    return add(a, negative(b))


def mul(a: Range, b: Range) -> Range:
    ends = [
        (_times(x, y), _open(x, x_open, y, y_open))
        for x, x_open in ((a.low, a.low_open), (a.high, a.high_open))
        for y, y_open in ((b.low, b.low_open), (b.high, b.high_open))
    ]
    low = min(ends)
    high = max((value, not is_open) for value, is_open in ends)
    unit = a.unit if a.unit and b.inside(-1, 1, False, False) else ()
    unit = unit or (b.unit if b.unit and a.inside(-1, 1, False, False) else ())
    return Range(low[0], high[0], low[1], not high[1], unit)


def _times(x: float, y: float) -> float:
    return 0.0 if x == 0 or y == 0 else x * y


def _open(x: float, x_open: bool, y: float, y_open: bool) -> bool:
    if (x == 0 and not x_open) or (y == 0 and not y_open):
        return False
    return x_open or y_open


def inverse(x: Range) -> Range:
    if x.low < 0 < x.high or (x.low == 0 == x.high):
        return Range()
    low = 0.0 if math.isinf(x.high) else (1 / x.high if x.high else -INF)
    high = 0.0 if math.isinf(x.low) else (1 / x.low if x.low else INF)
    return Range(low, high, math.isinf(x.high) or x.high_open, math.isinf(x.low) or x.low_open)


def div(a: Range, b: Range) -> Range:
    return mul(a, inverse(b))


def power(x: Range, y: Range) -> Range:
    """A constant exponent of a non-negative base, an even integer one, a constant base."""
    if y.low == y.high:
        return _constant_exponent(x, y.low)
    if x.low == x.high and x.low > 0:
        base = math.log(x.low)
        scaled = mul(y, point(base))
        return monotone("exp", scaled)
    if x.low < 0:
        return Range()
    return closed(0, 1) if x.high <= 1 and y.low >= 0 else closed(0, INF)


def _constant_exponent(x: Range, n: float) -> Range:
    if x.low >= 0:
        if n >= 0:
            return Range(_raise(x.low, n), _raise(x.high, n), x.low_open, x.high_open)
        return inverse(_constant_exponent(x, -n))
    if n == int(n) and n > 0:
        magnitude = absolute(x)
        even = Range(_raise(magnitude.low, n), _raise(magnitude.high, n))
        if int(n) % 2 == 0:
            return even
        return Range(-_raise(-x.low, n), _raise(x.high, n) if x.high >= 0 else -_raise(-x.high, n))
    return Range()


def _raise(x: float, n: float) -> float:
    try:
        return x**n
    except OverflowError:
        return INF


def absolute(x: Range) -> Range:
    if x.low >= 0:
        return x
    if x.high <= 0:
        return negative(x)
    return Range(0.0, max(-x.low, x.high), unit=x.unit)


def maximum(a: Range, b: Range) -> Range:
    low = max((a.low, a.low_open), (b.low, b.low_open))
    high = max((a.high, not a.high_open), (b.high, not b.high_open))
    return Range(low[0], high[0], low[1], not high[1])


def minimum(a: Range, b: Range) -> Range:
    return negative(maximum(negative(a), negative(b)))


def floor(x: Range) -> Range:
    low, high = (v if math.isinf(v) else float(math.floor(v)) for v in (x.low, x.high))
    return Range(low, high)


def mod(x: Range, y: Range) -> Range:
    if y.low == y.high and y.low > 0:
        return Range(0.0, y.low, False, True)
    return Range()


def scale(x: Range, count: int | None) -> Range:
    """The sum of `count` values (None: some number >= 1)."""
    if count is not None:
        return replace(mul(x, point(count)), unit=())
    return running(x)


def running(x: Range) -> Range:
    """A sum of one or more values."""
    low = x.low if x.low >= 0 else -INF
    high = x.high if x.high <= 0 else INF
    return Range(low, high, x.low_open and low == x.low, x.high_open and high == x.high)


_RULES: dict[str, Callable[[float], float]] = {
    "exp": lambda v: math.exp(v) if v < 709 else INF,
    "expm1": lambda v: math.expm1(v) if v < 709 else INF,
    "log": lambda v: math.log(v) if v > 0 else -INF,
    "sqrt": lambda v: math.sqrt(v) if v > 0 else 0.0,
    "tanh": math.tanh,
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)) if v > -709 else 0.0,
    "logsigmoid": lambda v: -math.log1p(math.exp(-v)) if v > -709 else v,
    "softplus": lambda v: v if v > 709 else math.log1p(math.exp(v)),
}


def monotone(name: str, x: Range) -> Range:
    """The image under an increasing function; exp of minus infinity is above 0."""
    rule = _RULES[name]
    low = rule(x.low) if x.low != -INF else {"exp": 0.0, "log": -INF, "sqrt": 0.0}[name]
    high = INF if x.high == INF else rule(x.high)
    low_open = x.low_open or (name == "exp" and x.low == -INF)
    return Range(low, high, low_open, x.high_open)


def between(x: Range, name: str, least: float, most: float) -> Range:
    """The image under an increasing function with values in [least, most]; sigmoid is above 0."""
    rule = _RULES[name]
    low = least if x.low == -INF else max(least, rule(x.low))
    high = most if x.high == INF else min(most, rule(x.high))
    low_open = x.low_open or (name == "sigmoid" and x.low == -INF)
    return Range(low, high, low_open, x.high_open)
