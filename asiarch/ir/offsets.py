"""Which tokens an `attend` condition admits: the hull of {j - t : C(t, j)}, decided by ourselves.

C is made of comparisons of two-variable affine terms with constant `%`. It is put into disjunctive
normal form; a remainder becomes a variable between 0 and m - 1; each disjunct is projected on d = j
- t (and on j) by Fourier-Motzkin elimination, then on the residues of d. What cannot be read counts
as true, so the hull is never too small. Of names it knows that they are whole numbers >= 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from asiarch.ir.node import Node
from asiarch.ir.size import Monomial, Size

Linear: TypeAlias = tuple[dict[str, Fraction], Size]
Constraint: TypeAlias = tuple[dict[str, Fraction], Size]
"""sum of coefficients * variables + size >= 0."""

MOST = 64  # disjuncts
REMAINDERS = 8
RESIDUES = 512  # offsets tried for one that the remainders admit
ROWS = 400
FINEST, STEEPEST, LARGEST = 1 << 10, 1 << 16, 1 << 40
"""Denominators, coefficients and constants that float arithmetic on positions keeps exact. What is
outside is not read: its comparison may be rounded.
"""
ZERO = Fraction(0)
ONE = Size.of(1)


@dataclass(frozen=True, slots=True)
class Hull:
    """Bounds of j - t, None where there is none. columns: at most so many j for a t (symbol T).

    anchored: depends on absolute positions. exact: every comparison was read. near, early: every j
    admitted is at least t + near, or below early; no near where that is not known.
    """

    low: Size | None
    high: Size | None
    columns: Size
    anchored: bool
    exact: bool
    empty: bool = False
    near: Size | None = None
    early: Size = field(default_factory=lambda: Size.of(0))

    @property
    def strict(self) -> bool:
        """Is every admitted j before t?"""
        return self.empty or upper(self.high) < 0


@dataclass(frozen=True, slots=True)
class _Remainder:
    """inner % (most + 1), a whole number; `sign`, `shift`: inner = sign * d + shift, if it is."""

    most: Size
    sign: int = 0
    shift: int = 0
    divisor: int | None = None


@dataclass(slots=True)
class _Reader:
    """Reads terms; every remainder gets a variable of its own."""

    remainders: dict[str, _Remainder] = field(default_factory=dict[str, _Remainder])
    exact: bool = True
    anchored: bool = False
    partial: bool = False  # a remainder by a name that may be 0, where no comparison holds

    def linear(self, node: Node) -> Linear | None:
        match node.op:
            case "position":
                return {node.attr("which"): Fraction(1)}, Size.of(0)
            case "size":
                return ({}, node.attr("value")) if _kept(node.attr("value")) else None
            case "const":
                value = node.attr("value")
                size = Size.of(Fraction(value)) if math.isfinite(value) else None
                return ({}, size) if size is not None and _kept(size) else None
            case "add" | "sub":
                return self._sum(node)
            case "mul":
                return self._product(node)
            case "mod":
                return self._remainder(node)
            case _:
                return None

    def _sum(self, node: Node) -> Linear | None:
        left, right = self.linear(node.args[0]), self.linear(node.args[1])
        if left is None or right is None:
            return None
        sign = Fraction(1 if node.op == "add" else -1)
        terms = dict(left[0])
        for name, value in right[0].items():
            terms[name] = terms.get(name, ZERO) + sign * value
        return _checked(terms, left[1] + Size.of(sign) * right[1])

    def _product(self, node: Node) -> Linear | None:
        left, right = self.linear(node.args[0]), self.linear(node.args[1])
        if left is None or right is None:
            return None
        if left[0]:
            left, right = right, left
        factor = left[1].constant
        if left[0]:
            return None
        if factor is None:
            return _checked({}, left[1] * right[1]) if not right[0] else None
        return _checked({n: v * factor for n, v in right[0].items()}, right[1] * left[1])

    def _remainder(self, node: Node) -> Linear | None:
        inner, divisor = self.linear(node.args[0]), self.linear(node.args[1])
        if inner is None or divisor is None or divisor[0]:
            return None
        if not _whole(inner) or not _whole(divisor):
            return None
        number = divisor[1].integer
        if divisor[1].constant is None:
            if lower(divisor[1]) < 0:
                return None
            self.partial |= lower(divisor[1]) < 1
        elif number is None or number < 1:
            return None
        if not inner[0] and inner[1].integer is not None and number is not None:
            return {}, Size.of(inner[1].integer % number)
        t, j = inner[0].get("t", ZERO), inner[0].get("j", ZERO)
        if t + j != 0:
            self.anchored = True
        name = f"r{id(node)}"
        if len(self.remainders) >= REMAINDERS and name not in self.remainders:
            return None
        shift = inner[1].integer
        of_d = (
            number is not None and shift is not None and t + j == 0 and set(inner[0]) <= {"t", "j"}
        )
        self.remainders[name] = (
            _Remainder(divisor[1] - ONE, int(j), shift or 0, number)
            if of_d else _Remainder(divisor[1] - ONE)
        )  # fmt: skip
        return {name: Fraction(1)}, Size.of(0)


def _kept(size: Size) -> bool:
    return all(_exact(c, LARGEST) for _, c in size.terms)


def _exact(value: Fraction | int, largest: int) -> bool:
    """A number that float arithmetic on positions does not round."""
    bottom = value.denominator
    return bottom <= FINEST and bottom & (bottom - 1) == 0 and abs(value) <= largest


def _checked(terms: dict[str, Fraction], rest: Size) -> Linear | None:
    kept = {n: v for n, v in terms.items() if v}
    known = all(_exact(v, STEEPEST) for v in kept.values()) and _kept(rest)
    return (kept, rest) if known else None


def _whole(linear: Linear) -> bool:
    """Is it a whole number for all positions and names?"""
    return all(v.denominator == 1 for v in linear[0].values()) and _integral(linear[1])


def _integral(size: Size) -> bool:
    return all(
        c.denominator == 1 and all(p > 0 and name.isidentifier() for name, p in monomial)
        for monomial, c in size.terms
    )


# -- the sign of sizes -----------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def upper(size: Size | None) -> float:
    """The least number known to be no smaller than the size; names are whole numbers >= 0, those
    divided by are at least 1.
    """
    if size is None:
        return math.inf
    return sum((_highest(monomial, c) for monomial, c in size.terms), 0.0)


def lower(size: Size | None) -> float:
    if size is None:
        return -math.inf
    return -upper(-size)


def _highest(monomial: Monomial, coefficient: Fraction | int) -> float:
    if any(not name.isidentifier() for name, _ in monomial):
        return math.inf
    if not monomial:
        return float(coefficient)
    if coefficient < 0:
        return 0.0  # times a product that may be 0 and is never less
    return math.inf if any(p > 0 for _, p in monomial) else float(coefficient)


# -- disjuncts -------------------------------------------------------------------------------------


def _disjuncts(node: Node, reader: _Reader, positive: bool) -> list[list[Constraint]]:
    """The condition as a union of conjunctions."""
    if node.op == "not":
        return _disjuncts(node.args[0], reader, not positive)
    if node.op in ("and", "or"):
        left = _disjuncts(node.args[0], reader, positive)
        right = _disjuncts(node.args[1], reader, positive)
        if (node.op == "and") == positive:
            out = [a + b for a in left for b in right]
        else:
            out = left + right
        if len(out) > MOST:
            reader.exact = False
            if (node.op == "and") == positive:  # one side of a conjunction admits no less than both
                return left if len(left) > 1 or left[0] else right
            return [[]]
        return out
    return _comparison(node, reader, positive)


def _comparison(node: Node, reader: _Reader, positive: bool) -> list[list[Constraint]]:
    if node.op not in ("less", "less_equal", "equal", "not_equal"):
        if node.op == "size" and node.attr("value").constant is not None:
            return [[]] if bool(node.attr("value").constant) == positive else []
        reader.exact = False
        return [[]]
    reader.partial = False
    left, right = (reader.linear(a) for a in node.args)
    holds_undefined = (node.op == "not_equal") == positive
    if left is None or right is None or (reader.partial and holds_undefined):
        reader.exact = False
        return [[]]
    gap = dict(right[0])
    for name, value in left[0].items():
        gap[name] = gap.get(name, ZERO) - value
    gap = {n: v for n, v in gap.items() if v}
    if gap.get("t", ZERO) + gap.get("j", ZERO) != 0:
        reader.anchored = True
    rest = right[1] - left[1]  # right - left >= 0 is left <= right
    ahead: Linear = (gap, rest)
    back: Linear = ({n: -v for n, v in gap.items()}, -rest)
    match node.op, positive:
        case ("less_equal", True):
            return [[_at_least(ahead)]]
        case ("less_equal", False):
            return [[_above(back)]]
        case ("less", True):
            return [[_above(ahead)]]
        case ("less", False):
            return [[_at_least(back)]]
        case ("equal", True) | ("not_equal", False):
            return [[_at_least(ahead), _at_least(back)]]
        case _:
            return [[_above(ahead)], [_above(back)]]


def _scaled(row: Linear) -> Linear:
    """Times the common denominator, so that what can be whole is."""
    numbers = [*row[0].values(), *(c for _, c in row[1].terms)]
    factor = math.lcm(*(v.denominator for v in numbers)) if numbers else 1
    return {n: v * factor for n, v in row[0].items()}, row[1] * Size.of(factor)


def _at_least(row: Linear) -> Constraint:
    """row >= 0, where whole numbers allow it tightened."""
    gap, rest = _scaled(row)
    divisor = math.gcd(*(int(v) for v in gap.values())) if gap else 1
    known = rest.constant
    if known is None or divisor == 0:
        return gap, rest
    return {n: v / divisor for n, v in gap.items()}, Size.of((known / divisor) // 1)


def _above(row: Linear) -> Constraint:
    """row > 0: at least 1 where it is whole, else at least 0."""
    gap, rest = _scaled(row)
    return _at_least((gap, rest - ONE)) if _integral(rest) else (gap, rest)


# -- the hull --------------------------------------------------------------------------------------


def hull(condition: Node) -> Hull:
    """Bounds of j - t over t, j >= 0 where the condition holds."""
    reader = _Reader()
    found: list[tuple[Size | None, Size | None, Size, Size | None]] = []
    for conjunction in _disjuncts(condition, reader, True):
        bounds = _project(conjunction, reader.remainders)
        if bounds is not None:
            found.append(bounds)
    if not found:
        none = Size.of(0)
        return Hull(none, none, none, reader.anchored, reader.exact, empty=True, near=none)
    low = _extreme([f[0] for f in found], least=True)
    high = _extreme([f[1] for f in found], least=False)
    time = Size.symbol("T")
    columns = Size.of(0)
    for _, _, count, _ in found:
        columns = columns + (count if len(found) == 1 else _positive(count))
    if any(count == time for _, _, count, _ in found):
        columns = time
    near, early = _near(found)
    return Hull(low, high, columns, reader.anchored, reader.exact, near=near, early=early)


class Hulls(dict[Node, Hull]):
    """Hulls of the conditions that one analysis has met."""

    def __missing__(self, condition: Node) -> Hull:
        found = self[condition] = hull(condition)
        return found


def _near(
    found: Sequence[tuple[Size | None, Size | None, Size, Size | None]],
) -> tuple[Size | None, Size]:
    """The loosest bound of the disjuncts that have one, and the end of the j of the others."""
    least = _extreme([f[0] for f in found if f[0] is not None], least=True)
    ends = [f[3] for f in found if f[0] is None]
    last = _extreme(ends, least=False) if ends else None
    if ends and (last is None or last.integer is None or least is None):
        return None, Size.of(0)
    return least, last + ONE if last is not None else Size.of(0)


def _positive(count: Size) -> Size:
    """At least the count, never below 0: one side of a union may be empty for some names."""
    return Size({m: c for m, c in count.terms if c > 0}) if lower(count) < 0 else count


def _extreme(values: Sequence[Size | None], *, least: bool) -> Size | None:
    """The loosest of several bounds; None when one has none or they cannot be compared."""
    best: Size | None = None
    for value in values:
        if value is None:
            return None
        if best is None:
            best = value
            continue
        gap = _sign(value - best)
        if gap is None:
            return None
        if (gap < 0) == least and gap != 0:
            best = value
    return best


def _sign(gap: Size) -> int | None:
    """-1 for never above 0, 1 for never below, None where names decide."""
    if not gap.terms:
        return 0
    if lower(gap) >= 0:
        return 1
    return -1 if upper(gap) <= 0 else None


def _project(
    conjunction: list[Constraint], remainders: dict[str, _Remainder]
) -> tuple[Size | None, Size | None, Size, Size | None] | None:
    """Bounds of d, the number of j for a t, the last j; None when the conjunction never holds."""
    rows: list[Constraint] = []
    for coefficients, rest in conjunction:
        moved = dict(coefficients)
        j = moved.pop("j", ZERO)
        moved["t"] = moved.get("t", ZERO) + j
        moved["d"] = moved.get("d", ZERO) + j
        rows.append(({n: v for n, v in moved.items() if v}, rest))
    own = {n: r for n, r in remainders.items() if any(n in row[0] for row in rows)}
    residues = _Residues(rows, own)
    rows.append(({"t": Fraction(1)}, Size.of(0)))
    rows.append(({"t": Fraction(1), "d": Fraction(1)}, Size.of(0)))
    for name, remainder in own.items():
        rows.append(({name: Fraction(1)}, Size.of(0)))
        rows.append(({name: Fraction(-1)}, remainder.most))
    d = _bounds(rows, "d", ["t", *own])
    if d is None:
        return None
    tight = residues.tightened(*d)
    if tight is None:
        return None
    low, high = tight
    j = _bounds([_in_j(row) for row in rows], "j", ["t", *own])
    time = Size.symbol("T")
    counts: list[Size] = []
    if low is not None and high is not None:
        counts.append(high - low + ONE)
    if j is not None and j[0] is not None and j[1] is not None:
        counts.append(j[1] - j[0] + ONE)
    return low, high, counts[0] if counts else time, None if j is None else j[1]


class _Residues:
    """What remainders of d alone say of d: each must satisfy the rows that speak of it alone."""

    def __init__(self, rows: list[Constraint], remainders: dict[str, _Remainder]) -> None:
        self.wanted: list[tuple[_Remainder, list[tuple[Fraction, Fraction]]]] = []
        for name, remainder in remainders.items():
            alone = [
                (row[name], rest.constant)
                for row, rest in rows
                if set(row) == {name} and rest.constant is not None
            ]
            if remainder.divisor is not None and alone:
                self.wanted.append((remainder, alone))
        self.period = math.lcm(*(r.divisor or 1 for r, _ in self.wanted)) if self.wanted else 1

    def admits(self, d: int) -> bool:
        for remainder, rows in self.wanted:
            value = (remainder.sign * d + remainder.shift) % (remainder.divisor or 1)
            if any(weight * value + rest < 0 for weight, rest in rows):
                return False
        return True

    def tightened(
        self, low: Size | None, high: Size | None
    ) -> tuple[Size | None, Size | None] | None:
        """Ends moved to admitted offsets; None when there is none."""
        if not self.wanted:
            return low, high
        steps = min(self.period, RESIDUES)
        if self.period <= RESIDUES and not any(map(self.admits, range(self.period))):
            return None
        first, last = (None if s is None else s.integer for s in (low, high))
        if first is not None:
            first = next((d for d in range(first, first + steps) if self.admits(d)), first)
        if last is not None:
            last = next((d for d in range(last, last - steps, -1) if self.admits(d)), last)
        if first is not None and last is not None and first > last:
            return None
        return (low if first is None else Size.of(first)), (high if last is None else Size.of(last))


def _in_j(row: Constraint) -> Constraint:
    coefficients, rest = dict(row[0]), row[1]
    d = coefficients.pop("d", ZERO)
    coefficients["j"] = d
    coefficients["t"] = coefficients.get("t", ZERO) - d
    return {n: v for n, v in coefficients.items() if v}, rest


def _bounds(
    rows: list[Constraint], name: str, eliminate: list[str]
) -> tuple[Size | None, Size | None] | None:
    """Project on one variable; None when the rows contradict each other."""
    for variable in eliminate:
        rows = _eliminate(rows, variable)
        if len(rows) > ROWS:
            return None, None
    low: Size | None = None
    high: Size | None = None
    for coefficients, rest in rows:
        weight = coefficients.get(name)
        if weight is None:
            if not coefficients and upper(rest) < 0:
                return None
            continue
        bound = rest * Size.of(-1 / weight)
        if weight > 0:
            low = _tighter(low, _ceil(bound), greatest=True)
        else:
            high = _tighter(high, _floor(bound), greatest=False)
    if low is not None and high is not None and upper(high - low) < 0:
        return None
    return low, high


def _ceil(bound: Size) -> Size:
    value = bound.constant
    return bound if value is None else Size.of(-((-value) // 1))


def _floor(bound: Size) -> Size:
    value = bound.constant
    return bound if value is None else Size.of(value // 1)


def _tighter(known: Size | None, new: Size, *, greatest: bool) -> Size:
    """Either bound is true; the tighter one where they compare, a number before a name."""
    if known is None:
        return new
    gap = _sign(new - known)
    if gap is None:
        return known if known.constant is not None else new
    return new if (gap > 0) == greatest else known


def _eliminate(rows: list[Constraint], variable: str) -> list[Constraint]:
    above = [r for r in rows if r[0].get(variable, ZERO) > 0]
    below = [r for r in rows if r[0].get(variable, ZERO) < 0]
    out = [r for r in rows if variable not in r[0]]
    for up, up_rest in above:
        for down, down_rest in below:
            a, b = up[variable], -down[variable]
            names = {*up, *down} - {variable}
            joined = {n: up.get(n, ZERO) * b + down.get(n, ZERO) * a for n in names}
            rest = up_rest * Size.of(b) + down_rest * Size.of(a)
            out.append(({n: v for n, v in joined.items() if v}, rest))
    return out
