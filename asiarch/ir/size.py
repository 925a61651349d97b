"""Sizes and costs as exact Laurent polynomials in named symbols.

`K = D / H` is the monomial `D * H^-1`; what is no polynomial (`D % 4`, `round(8 * D / 3, 64)`)
becomes an opaque symbol that knows how to be evaluated. Numbers only decide when every symbol has
one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

Monomial = tuple[tuple[str, int], ...]
TERMS = 1000  # of a polynomial
BITS = 4096  # of a numerator or a denominator
LARGEST = 1022  # the power of 2 that a float holds


@dataclass(frozen=True, slots=True)
class Opaque:
    """A symbol that stands for `op(left, right)` where no polynomial does: % // ^ round,
    comparisons.
    """

    op: str
    left: Size
    right: Size


_OPAQUE: dict[str, Opaque] = {}


def _opaque(op: str, left: Size, right: Size) -> Size:
    name = f"({_closed(left)} {op} {_closed(right)})"
    _OPAQUE[name] = Opaque(op, left, right)
    return Size.symbol(name)


def _closed(size: Size) -> str:
    """A side of an opaque symbol: in parentheses unless it is one symbol or number."""
    text = str(size)
    return text if text.isidentifier() or text.isdigit() else f"({text})"


def opaque_parts(size: Size) -> tuple[str, Size, Size] | None:
    """(op, left, right) of a size that is one opaque symbol."""
    if len(size.terms) != 1:
        return None
    ((monomial, coefficient),) = size.terms
    if coefficient != 1 or len(monomial) != 1 or monomial[0][1] != 1:
        return None
    found = _OPAQUE.get(monomial[0][0])
    return None if found is None else (found.op, found.left, found.right)


_NOTHING = Fraction(0)


@lru_cache(maxsize=1024)
def _fraction(value: int) -> Fraction:
    return Fraction(value)


class Size:
    """An immutable Laurent polynomial with rational coefficients."""

    __slots__ = ("_hash", "terms")

    terms: tuple[tuple[Monomial, Fraction | int], ...]

    def __init__(self, terms: Mapping[Monomial, Fraction | int]) -> None:
        # whole coefficients as ints: most are, and adding fractions is slow
        whole = ((m, c.numerator if c.denominator == 1 else c) for m, c in terms.items() if c)
        self.terms = tuple(sorted(whole))
        self._hash = hash(self.terms)

    # -- construction ----------------------------------------------------------------------------

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(value: int | Fraction) -> Size:
        return Size({(): Fraction(value)})

    @staticmethod
    @lru_cache(maxsize=4096)
    def symbol(name: str) -> Size:
        return Size({((name, 1),): Fraction(1)})

    # -- identity --------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.terms == other.terms

    def __hash__(self) -> int:
        return self._hash

    # -- reading ---------------------------------------------------------------------------------

    @property
    def constant(self) -> Fraction | None:
        """The number that this is, or None while a symbol is left."""
        if not self.terms:
            return _NOTHING
        if len(self.terms) == 1 and self.terms[0][0] == ():
            value = self.terms[0][1]
            return _fraction(value) if isinstance(value, int) else value
        return None

    @property
    def integer(self) -> int | None:
        if not self.terms:
            return 0
        if len(self.terms) == 1 and self.terms[0][0] == ():
            value = self.terms[0][1]
            return value if isinstance(value, int) else None
        return None

    def symbols(self) -> set[str]:
        """Plain symbols, those inside opaque ones included."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for name, _power in monomial:
                inner = _OPAQUE.get(name)
                found |= (inner.left.symbols() | inner.right.symbols()) if inner else {name}
        return found

    def degree(self, name: str) -> int:
        return max((dict(m).get(name, 0) for m, _ in self.terms), default=0)

    # -- arithmetic ------------------------------------------------------------------------------

    def __add__(self, other: Size) -> Size:
        out = dict(self.terms)
        for monomial, coefficient in other.terms:
            out[monomial] = out[monomial] + coefficient if monomial in out else coefficient
        return Size(out)

    def __neg__(self) -> Size:
        return Size({m: -c for m, c in self.terms})

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __mul__(self, other: Size) -> Size:
        if self is _ONE or other is _ONE:
            return other if self is _ONE else self
        return _product(self, other)

    def _times(self, other: Size) -> Size:
        out: dict[Monomial, Fraction | int] = {}
        for m1, c1 in self.terms:
            for m2, c2 in other.terms:
                monomial, value = _times(m1, m2), c1 * c2
                out[monomial] = out[monomial] + value if monomial in out else value
            if len(out) > TERMS:
                break
        _bounded(out)
        return Size(out)

    def __truediv__(self, other: Size) -> Size:
        if not other.terms:
            raise ZeroDivisionError("a size divided by zero")
        if len(other.terms) == 1:
            monomial, coefficient = other.terms[0]
            inverse = tuple((n, -p) for n, p in monomial)
            return self * Size({inverse: Fraction(1) / coefficient})
        if self == other:
            return Size.of(1)
        return _opaque("/", self, other)

    def __mod__(self, other: Size) -> Size:
        return binary("%", self, other)

    def substitute(self, values: Mapping[str, Size]) -> Size:
        """Replace symbols, inside opaque ones too."""
        if not self.terms or not values:
            return self
        out: dict[Monomial, Fraction | int] = {}
        changed = False
        for monomial, coefficient in self.terms:
            if all(name not in values and name not in _OPAQUE for name, _ in monomial):
                parts: tuple[tuple[Monomial, Fraction | int], ...] = ((monomial, coefficient),)
            else:
                changed = True
                term = Size.of(coefficient)
                for name, power in monomial:
                    base = _substituted(name, values)
                    for _ in range(abs(power)):
                        term = term * base if power > 0 else term / base
                parts = term.terms
            for part, value in parts:
                out[part] = out[part] + value if part in out else value
        return Size(out) if changed else self

    def evaluate(self, values: Mapping[str, int]) -> Fraction:
        result = self.substitute({k: Size.of(v) for k, v in values.items()}).constant
        if result is None:
            missing = sorted(self.symbols() - set(values))
            raise KeyError(f"no value for {', '.join(missing)}")
        return result

    # -- text ------------------------------------------------------------------------------------

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        order = sorted(self.terms, key=lambda t: (-sum(abs(p) for _, p in t[0]), t[0]))
        text = " + ".join(_term_text(m, c) for m, c in order)
        return text.replace("+ -", "- ")

    __repr__ = __str__


def _bounded(terms: Mapping[Monomial, Fraction | int]) -> None:
    """Raises OverflowError for a product that grows beyond all use."""
    if len(terms) > TERMS:
        raise OverflowError(f"a size of more than {TERMS} terms")
    for value in terms.values():
        top, bottom = value.numerator.bit_length(), value.denominator.bit_length()
        if top - bottom > LARGEST or max(top, bottom) > BITS:
            raise OverflowError("a number beyond 10^308 in a size")


@lru_cache(maxsize=16384)
def _product(a: Size, b: Size) -> Size:
    return a._times(b)  # pyright: ignore[reportPrivateUsage]


_ONE = Size.of(1)


@lru_cache(maxsize=16384)
def _times(a: Monomial, b: Monomial) -> Monomial:
    powers = dict(a)
    for name, power in b:
        powers[name] = powers.get(name, 0) + power
    return tuple(sorted((n, p) for n, p in powers.items() if p))


def _substituted(name: str, values: Mapping[str, Size]) -> Size:
    if name in values:
        return values[name]
    inner = _OPAQUE.get(name)
    if inner is None:
        return Size.symbol(name)
    return binary(inner.op, inner.left.substitute(values), inner.right.substitute(values))


def _term_text(monomial: Monomial, coefficient: Fraction | int) -> str:
    top = [f"{n}^{p}" if p > 1 else n for n, p in monomial if p > 0]
    bottom = [f"{n}^{-p}" if p < -1 else n for n, p in monomial if p < 0]
    numerator, denominator = coefficient.numerator, coefficient.denominator
    if denominator != 1:
        bottom.insert(0, str(denominator))
    if abs(numerator) != 1 or not top:
        top.insert(0, str(abs(numerator)))
    text = " * ".join(top) + "".join(f" / {b}" for b in bottom)
    return f"-{text}" if numerator < 0 else text


def binary(op: str, left: Size, right: Size) -> Size:
    """`left op right` for + - * / % ^ round max min and comparisons (1 or 0)."""
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / right
        case _:
            pass
    a, b = left.constant, right.constant
    if op == "^" and b is not None and b.denominator == 1 and abs(b) <= 64:
        out = Size.of(1)
        for _ in range(abs(int(b))):
            out = out * left if b > 0 else out / left
        return out
    if a is None or b is None:
        return _opaque(op, left, right)
    return Size.of(_number(op, a, b))


def _number(op: str, a: Fraction, b: Fraction) -> Fraction:
    match op:
        case "%":
            return a % b
        case "//":
            return Fraction(a // b)
        case "^":
            raise OverflowError(f"{a} ^ {b} is no size")
        case "round":
            return Fraction(math.floor(a / b + Fraction(1, 2))) * b
        case "max":
            return max(a, b)
        case "min":
            return min(a, b)
        case "<":
            return Fraction(a < b)
        case "<=":
            return Fraction(a <= b)
        case ">":
            return Fraction(a > b)
        case ">=":
            return Fraction(a >= b)
        case "==":
            return Fraction(a == b)
        case "!=":
            return Fraction(a != b)
        case _:
            raise ValueError(f"no size operation {op}")


def total(sizes: list[Size] | tuple[Size, ...]) -> Size:
    """The product of sizes: how many numbers an array of these axes holds."""
    out = Size.of(1)
    for size in sizes:
        out = out * size
    return out
