"""Does a cost stay within a claimed bound O(...)? It bounds growth in T and the names it mentions;
other sizes are constants.
"""

from __future__ import annotations

from asiarch.ir.function import Function
from asiarch.ir.size import Monomial, Size, opaque_parts

LARGEST = 1 << 20
"""A power that no bound reaches: growth that is not known."""


def within(cost: Size, bound: Size, function: Function) -> bool:
    """Does `cost` grow no faster than `bound` in T and the names that the bound mentions?

    Every monomial, with the other names set to 1, must divide into one of the bound's. A name that
    the bound does not mention stands for its default where that hides one it does.
    """
    names = bound.symbols() | {"T"}
    limits = [dict(m) for m, _ in bound.terms]
    for monomial, coefficient in cost.terms:
        if coefficient < 0:
            continue
        for powers in _resolved(monomial, names, function):
            if not any(all(powers.get(n, 0) <= limit.get(n, 0) for n in names) for limit in limits):
                return False
    return True


def _resolved(monomial: Monomial, names: set[str], function: Function) -> list[dict[str, int]]:
    """Powers of the mentioned names in monomials whose sum the given one does not outgrow."""
    out: list[dict[str, int]] = [{}]
    for name, power in monomial:
        if name in names:
            choices = [{name: power}]
        else:
            choices = _choices(name, power, names, function)
        out = [_multiplied(a, b) for a in out for b in choices]
    return out


def _choices(name: str, power: int, names: set[str], function: Function) -> list[dict[str, int]]:
    size = function.defaults.get(name)
    parts = opaque_parts(Size.symbol(name))
    if parts is not None:
        size = _envelope(*parts)
        if size is None:
            return [dict.fromkeys(names, LARGEST)]
    if size is None or not size.symbols():
        return [{}]
    terms = [m for m, c in size.terms if c > 0]
    if power < 0:
        # one over a sum is at most one over any of its terms, names being at least 1
        terms = terms if len(size.terms) == 1 else []
    if not terms:
        return [{}]
    single = [p for m in terms for p in _resolved(m, names, function)]
    return [{n: p * power for n, p in powers.items()} for powers in single]


def _envelope(op: str, left: Size, right: Size) -> Size | None:
    """What an opaque size does not outgrow; names are at least 1."""
    match op:
        case "/" | "//":
            return left
        case "%" | "min":
            return right
        case "round" | "max":
            return left + right
        case "^":
            return None
        case _:
            return Size.of(1)


def _multiplied(a: dict[str, int], b: dict[str, int]) -> dict[str, int]:
    return {n: a.get(n, 0) + b.get(n, 0) for n in {**a, **b}}
