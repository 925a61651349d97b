"""Which tokens an `attend` condition admits: the hull of {j - t : C(t, j)}, decided by ourselves.

C is made of comparisons of two-variable affine terms with constant `%`. It is put into disjunctive
normal form; a remainder becomes a variable between 0 and m - 1; each disjunct is projected on d = j
- t (and on j) by Fourier-Motzkin elimination. What cannot be read counts as true, so the hull is
never too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from asiarch.ir.node import Node
from asiarch.ir.size import Size

Linear: TypeAlias = tuple[dict[str, Fraction], Size]
MOST = 64  # disjuncts
REMAINDERS = 8


@dataclass(frozen=True, slots=True)
class Hull:
    """Bounds of j - t, None where there is none. columns: at most so many j for a t (symbol T).

    anchored: depends on absolute positions. exact: every comparison was read.
    """

    low: Size | None
    high: Size | None
    columns: Size
    anchored: bool
    exact: bool
    empty: bool = False


@dataclass(slots=True)
class _Reader:
    """Reads terms; every remainder gets a variable of its own."""

    remainders: dict[str, Size] = field(default_factory=dict[str, Size])
    exact: bool = True
    anchored: bool = False

    def linear(self, node: Node) -> Linear | None:
        match node.op:
            case "position":
                return {node.attr("which"): Fraction(1)}, Size.of(0)
            case "size":
                return {}, node.attr("value")
            case "const":
                value = Fraction(node.attr("value")).limit_denominator(10**6)
                return {}, Size.of(value)
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
            terms[name] = terms.get(name, Fraction(0)) + sign * value
        return terms, left[1] + Size.of(sign) * right[1]

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
            return ({}, left[1] * right[1]) if not right[0] else None
        return {n: v * factor for n, v in right[0].items()}, right[1] * left[1]

    def _remainder(self, node: Node) -> Linear | None:
        inner, divisor = self.linear(node.args[0]), self.linear(node.args[1])
        if inner is None or divisor is None or divisor[0]:
            return None
        if not inner[0] and inner[1].constant is not None and divisor[1].constant is not None:
            return {}, inner[1] % divisor[1]
        if inner[0].get("t", Fraction(0)) + inner[0].get("j", Fraction(0)) != 0:
            self.anchored = True
        name = f"r{id(node)}"
        if len(self.remainders) >= REMAINDERS and name not in self.remainders:
            return None
        self.remainders[name] = divisor[1] - Size.of(1)
        return {name: Fraction(1)}, Size.of(0)


Constraint: TypeAlias = tuple[dict[str, Fraction], Size]
"""sum of coefficients * variables + size >= 0."""


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
    left, right = (reader.linear(a) for a in node.args)
    if left is None or right is None:
        reader.exact = False
        return [[]]
    gap = dict(right[0])
    for name, value in left[0].items():
        gap[name] = gap.get(name, Fraction(0)) - value
    gap = {n: v for n, v in gap.items() if v}
    if gap.get("t", Fraction(0)) + gap.get("j", Fraction(0)) != 0:
        reader.anchored = True
    rest = right[1] - left[1]  # right - left >= 0 is left <= right
    back = ({n: -v for n, v in gap.items()}, -rest)
    one = Size.of(1)
    at_most, less = (gap, rest), (gap, rest - one)
    over, at_least = (back[0], back[1] - one), back
    match node.op, positive:
        case ("less_equal", True):
            return [[at_most]]
        case ("less_equal", False):
            return [[over]]
        case ("less", True):
            return [[less]]
        case ("less", False):
            return [[at_least]]
        case ("equal", True) | ("not_equal", False):
            return [[at_most, at_least]]
        case _:
            return [[less], [over]]


def hull(condition: Node) -> Hull:
    """Bounds of j - t over t, j >= 0 where the condition holds."""
    reader = _Reader()
    found: list[tuple[Size | None, Size | None, Size]] = []
    for conjunction in _disjuncts(condition, reader, True):
        bounds = _project(conjunction, reader.remainders)
        if bounds is not None:
            found.append(bounds)
    if not found:
        return Hull(Size.of(0), Size.of(0), Size.of(0), reader.anchored, reader.exact, empty=True)
    low = _extreme([f[0] for f in found], least=True)
    high = _extreme([f[1] for f in found], least=False)
    time = Size.symbol("T")
    columns = Size.of(0)
    for _, _, count in found:
        columns = columns + count
    if any(count == time for _, _, count in found):
        columns = time
    return Hull(low, high, columns, reader.anchored, reader.exact)


def _extreme(values: Sequence[Size | None], *, least: bool) -> Size | None:
    """The loosest of several bounds; None when one has none or they cannot be compared."""
    best: Size | None = None
    for value in values:
        if value is None:
            return None
        if best is None:
            best = value
            continue
        gap = (value - best).constant
        if gap is None:
            gap = _sign_with_positive_names(value - best)
        if gap is None:
            return None
        if (gap < 0) == least and gap != 0:
            best = value
    return best


def _sign_with_positive_names(gap: Size) -> Fraction | None:
    """A sign that holds for all names >= 1: all coefficients of one sign."""
    total = gap.evaluate(dict.fromkeys(gap.symbols(), 1))
    rest = [c for m, c in gap.terms if m != ()]
    if all(c > 0 for c in rest) and total >= 0:
        return Fraction(1) if total > 0 else Fraction(0)
    if all(c < 0 for c in rest) and total <= 0:
        return Fraction(-1) if total < 0 else Fraction(0)
    return None


def _project(
    conjunction: list[Constraint], remainders: dict[str, Size]
) -> tuple[Size | None, Size | None, Size] | None:
    """Bounds of d and the number of j for a t; None when no t, j satisfy the conjunction."""
    rows: list[Constraint] = []
    for coefficients, rest in conjunction:
        moved = dict(coefficients)
        j = moved.pop("j", Fraction(0))
        moved["t"] = moved.get("t", Fraction(0)) + j
        moved["d"] = moved.get("d", Fraction(0)) + j
        rows.append(({n: v for n, v in moved.items() if v}, rest))
    rows.append(({"t": Fraction(1)}, Size.of(0)))
    rows.append(({"t": Fraction(1), "d": Fraction(1)}, Size.of(0)))
    for name, most in remainders.items():
        rows.append(({name: Fraction(1)}, Size.of(0)))
        rows.append(({name: Fraction(-1)}, most))
    d = _bounds(rows, "d", ["t", *remainders])
    if d is None:
        return None
    low, high = d
    shifted = [_in_j(row) for row in rows]
    j = _bounds(shifted, "j", ["t", *remainders])
    time = Size.symbol("T")
    counts: list[Size] = []
    if low is not None and high is not None:
        counts.append(high - low + Size.of(1))
    if j is not None and j[0] is not None and j[1] is not None:
        counts.append(j[1] - j[0] + Size.of(1))
    return low, high, counts[0] if counts else time


def _in_j(row: Constraint) -> Constraint:
    coefficients, rest = dict(row[0]), row[1]
    d = coefficients.pop("d", Fraction(0))
    coefficients["j"] = d
    coefficients["t"] = coefficients.get("t", Fraction(0)) - d
    return {n: v for n, v in coefficients.items() if v}, rest


def _bounds(
    rows: list[Constraint], name: str, eliminate: list[str]
) -> tuple[Size | None, Size | None] | None:
    """Project on one variable; None when the rows contradict each other."""
    for variable in eliminate:
        rows = _eliminate(rows, variable)
        if len(rows) > 400:
            return None, None
    low: Size | None = None
    high: Size | None = None
    for coefficients, rest in rows:
        weight = coefficients.get(name)
        if weight is None:
            if not coefficients and rest.constant is not None and rest.constant < 0:
                return None
            continue
        bound = rest * Size.of(-1 / weight)
        if weight > 0:
            low = _tighter(low, _ceil(bound), greatest=True)
        else:
            high = _tighter(high, _floor(bound), greatest=False)
    if low is not None and high is not None:
        gap = (high - low).constant
        if gap is not None and gap < 0:
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
    gap = (new - known).constant
    if gap is None:
        gap = _sign_with_positive_names(new - known)
    if gap is None:
        return known if known.constant is not None else new
    return new if (gap > 0) == greatest else known


def _eliminate(rows: list[Constraint], variable: str) -> list[Constraint]:
    above = [r for r in rows if r[0].get(variable, Fraction(0)) > 0]
    below = [r for r in rows if r[0].get(variable, Fraction(0)) < 0]
    out = [r for r in rows if variable not in r[0]]
    for up, up_rest in above:
        for down, down_rest in below:
            a, b = up[variable], -down[variable]
            names = {*up, *down} - {variable}
            joined = {n: up.get(n, Fraction(0)) * b + down.get(n, Fraction(0)) * a for n in names}
            rest = up_rest * Size.of(b) + down_rest * Size.of(a)
            out.append(({n: v for n, v in joined.items() if v}, rest))
    return out
